//! The store of `winterbaume-dynamodb`, without the copy that the crate makes of it for each request.
//!
//! After every request that succeeds, `DynamoDbService` takes a snapshot of all tables and items for its listeners
//! (`StatefulService::notify_state_changed`), even when there are none. There are none here, so [`Unobserved`] passes
//! every operation on to the crate's own store and answers an empty snapshot. No operation is our own code.

use std::future::Future;
use std::pin::Pin;

use winterbaume_core::StateViewError;
use winterbaume_dynamodb::state::{DynamoDbError, QueryResult};
use winterbaume_dynamodb::types::*;
use winterbaume_dynamodb::{DynamoDbBackend, DynamodbStateView, InMemoryDynamoDbBackend};

type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The result type of most operations.
type Answered<T> = Answer<Result<T, DynamoDbError>>;

/// The store without listeners.
#[derive(Default)]
pub(super) struct Unobserved {
    store: InMemoryDynamoDbBackend,
}

/// Methods passed on to the store.
macro_rules! pass_on {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, account_id: String, region: String, $($argument: $kind),*) -> $answer {
            self.store.$name(account_id, region, $($argument),*)
        })*
    };
}

impl DynamoDbBackend for Unobserved {
    fn snapshot(&self, _: String, _: String) -> Answer<DynamodbStateView> {
        Box::pin(std::future::ready(DynamodbStateView::default()))
    }

    fn scopes_with_state(&self) -> Vec<(String, String)> {
        self.store.scopes_with_state()
    }

    #[rustfmt::skip]
    pass_on! {
        restore(view: DynamodbStateView) -> Answer<Result<(), StateViewError>>;
        merge(view: DynamodbStateView) -> Answer<Result<(), StateViewError>>;

        create_table(
            name: String, key_schema: Vec<KeySchemaElement>, attribute_definitions: Vec<AttributeDefinition>,
            billing_mode: Option<String>, provisioned_throughput: Option<ProvisionedThroughput>, stream_enabled: bool,
            stream_view_type: Option<String>, global_secondary_indexes: Vec<GlobalSecondaryIndexDef>,
            local_secondary_indexes: Vec<LocalSecondaryIndexDef>
        ) -> Answered<Table>;
        delete_table(name: String) -> Answered<Table>;
        describe_table(name: String) -> Answered<Table>;
        list_tables() -> Answered<Vec<String>>;
        update_table(
            name: String, billing_mode: Option<String>, provisioned_throughput: Option<ProvisionedThroughput>
        ) -> Answered<Table>;

        put_item(table: String, item: Item) -> Answered<Option<Item>>;
        get_item(table: String, key: Item) -> Answered<Option<Item>>;
        delete_item(table: String, key: Item) -> Answered<Option<Item>>;
        update_item(table: String, key: Item, actions: Vec<UpdateAction>) -> Answered<Option<Item>>;
        batch_get_item(table: String, keys: Vec<Item>) -> Answered<Vec<Item>>;
        batch_write_item(table: String, puts: Vec<Item>, deletes: Vec<Item>) -> Answered<()>;
        query(
            table: String, key_conditions: Item, sort_key_condition: Option<SortKeyCondition>, limit: Option<usize>,
            scan_index_forward: bool, exclusive_start_key: Option<Item>, index_name: Option<String>
        ) -> Answered<QueryResult>;
        scan(table: String, limit: Option<usize>, exclusive_start_key: Option<Item>) -> Answered<QueryResult>;
        transact_get_items(keys: Vec<(String, Item)>) -> Answered<Vec<Option<Item>>>;
        transact_write_items(ops: Vec<TransactOp>) -> Answered<()>;

        update_time_to_live(table: String, attribute: String, enabled: bool) -> Answered<TtlConfig>;
        describe_time_to_live(table: String) -> Answered<Option<TtlConfig>>;
        update_continuous_backups(table: String, enabled: bool) -> Answered<ContinuousBackupsConfig>;
        describe_continuous_backups(table: String) -> Answered<Option<ContinuousBackupsConfig>>;
        create_backup(table: String, name: String) -> Answered<Backup>;
        delete_backup(arn: String) -> Answered<Backup>;
        describe_backup(arn: String) -> Answered<Backup>;
        list_backups(table: Option<String>) -> Answered<Vec<Backup>>;
        restore_table_from_backup(arn: String, table: String) -> Answered<Table>;
        restore_table_to_point_in_time(source: String, table: String) -> Answered<Table>;

        tag_resource(arn: String, tags: Vec<DynamoDbTag>) -> Answered<()>;
        untag_resource(arn: String, keys: Vec<String>) -> Answered<()>;
        list_tags_of_resource(arn: String) -> Answered<Vec<DynamoDbTag>>;
        put_resource_policy(arn: String, policy: String) -> Answered<String>;
        get_resource_policy(arn: String) -> Answered<Option<ResourcePolicy>>;
        delete_resource_policy(arn: String) -> Answered<String>;

        create_global_table(name: String, replicas: Vec<String>) -> Answered<GlobalTableInfo>;
        describe_global_table(name: String) -> Answered<GlobalTableInfo>;
        update_global_table(name: String, create: Vec<String>, delete: Vec<String>) -> Answered<GlobalTableInfo>;
        list_global_tables() -> Answered<Vec<GlobalTableInfo>>;

        update_stream_specification(table: String, enabled: bool, view: Option<String>) -> Answered<Table>;
        list_streams(table: Option<String>) -> Answered<Vec<StreamSummary>>;
        describe_stream_by_arn(arn: String) -> Answered<StreamSummary>;
        get_stream_records(arn: String, next: u64, limit: Option<usize>) -> Answered<(Vec<StreamChangeRecord>, u64)>;
        enable_kinesis_streaming_destination(
            table: String, stream: String, precision: Option<String>
        ) -> Answered<KinesisStreamingDestination>;
        disable_kinesis_streaming_destination(table: String, stream: String) -> Answered<KinesisStreamingDestination>;
        describe_kinesis_streaming_destinations(table: String) -> Answered<Vec<KinesisStreamingDestination>>;
        update_kinesis_streaming_destination(
            table: String, stream: String, precision: Option<String>
        ) -> Answered<KinesisStreamingDestination>;

        update_contributor_insights(
            table: String, index: Option<String>, mode: String
        ) -> Answered<ContributorInsightsConfig>;
        describe_contributor_insights(
            table: String, index: Option<String>
        ) -> Answered<Option<ContributorInsightsConfig>>;
        list_contributor_insights(table: Option<String>) -> Answered<Vec<ContributorInsightsConfig>>;
        export_table_to_point_in_time(
            arn: String, bucket: Option<String>, prefix: Option<String>, format: Option<String>
        ) -> Answered<ExportInfo>;
        describe_export(arn: String) -> Answered<ExportInfo>;
        list_exports() -> Answer<Vec<ExportInfo>>;
        import_table(table: String, source: Option<String>, format: Option<String>) -> Answer<ImportInfo>;
        describe_import(arn: String) -> Answered<ImportInfo>;
        list_imports() -> Answer<Vec<ImportInfo>>;
    }
}
