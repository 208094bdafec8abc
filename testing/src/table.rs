//! The table of `template.yaml` on a DynamoDB of another make.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeDefinition, GlobalSecondaryIndex, KeySchemaElement, Projection};
use sandbox::template::updates_table;
use serde_json::Value;

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
