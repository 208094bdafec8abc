//! The content of `template.yaml`, so that no test repeats it.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeDefinition, GlobalSecondaryIndex, KeySchemaElement, Projection};
use serde_json::Value;

/// The template. CloudFormation's short functions, such as `!Ref`, are replaced by their argument.
///
/// # Panics
/// If it is not YAML.
#[must_use]
pub fn template() -> Value {
    serde_saphyr::from_str(include_str!("../../template.yaml")).expect("template.yaml is YAML")
}

/// The properties of the table of records, with this name: those of `CreateTable`, and those that CloudFormation sets with
/// other calls.
#[must_use]
pub fn updates_table(name: &str) -> Value {
    let mut table = template()["Resources"]["UpdatesTable"]["Properties"].take();
    table["TableName"] = name.into();
    table
}

/// The document of settings as a deployment writes it, with these parameters and the defaults of the others.
///
/// # Panics
/// If it refers to something other than a parameter.
#[must_use]
pub fn settings_document(parameters: &[(&str, &str)]) -> String {
    let template = template();
    let mut document = text(&template["Resources"]["Settings"]["Properties"], "Value").to_owned();
    for (name, parameter) in template["Parameters"].as_object().expect("parameters") {
        let given = parameters.iter().find(|(given, _)| given == name).map(|(_, value)| (*value).to_owned());
        let default = || parameter["Default"].as_str().map_or_else(|| parameter["Default"].to_string(), str::to_owned);
        document = document.replace(&format!("${{{name}}}"), &given.unwrap_or_else(default));
    }
    assert!(!document.contains("${"), "{document}");
    document
}

/// Creates that table in a DynamoDB.
///
/// # Panics
/// If DynamoDB refuses.
pub async fn create_updates_table(client: &Client, name: &str) {
    let table = updates_table(name);
    let mut create = client
        .create_table()
        .table_name(name)
        .billing_mode(text(&table, "BillingMode").into())
        .set_key_schema(Some(key_schema(&table)));
    for attribute in list(&table, "AttributeDefinitions") {
        let definition = AttributeDefinition::builder()
            .attribute_name(text(attribute, "AttributeName"))
            .attribute_type(text(attribute, "AttributeType").into());
        create = create.attribute_definitions(definition.build().expect("an attribute"));
    }
    for index in list(&table, "GlobalSecondaryIndexes") {
        let projection = text(&index["Projection"], "ProjectionType").into();
        let definition = GlobalSecondaryIndex::builder()
            .index_name(text(index, "IndexName"))
            .set_key_schema(Some(key_schema(index)))
            .projection(Projection::builder().projection_type(projection).build());
        create = create.global_secondary_indexes(definition.build().expect("an index"));
    }
    create.send().await.expect("the table is created");
}

fn key_schema(of: &Value) -> Vec<KeySchemaElement> {
    let element = |key: &Value| {
        let (name, key_type) = (text(key, "AttributeName"), text(key, "KeyType").into());
        KeySchemaElement::builder().attribute_name(name).key_type(key_type).build().expect("a key")
    };
    list(of, "KeySchema").iter().map(element).collect()
}

fn list<'a>(of: &'a Value, property: &str) -> &'a [Value] {
    of[property].as_array().unwrap_or_else(|| panic!("{property} is a list"))
}

fn text<'a>(of: &'a Value, property: &str) -> &'a str {
    of[property].as_str().unwrap_or_else(|| panic!("{property} is text"))
}
