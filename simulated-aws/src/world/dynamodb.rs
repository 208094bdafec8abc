//! Test operations on tables.

use serde_json::Value;

use crate::services;
use crate::world::World;

impl World {
    /// Creates a table; one that exists stays as it is. It is not among [`World::requests`].
    ///
    /// `definition` holds the members of `CreateTable` as the properties of CloudFormation's `AWS::DynamoDB::Table`
    /// have them, with a `TableName`, and perhaps a `TimeToLiveSpecification`. Properties that change nothing here
    /// (`PointInTimeRecoverySpecification`, `SSESpecification`, `Tags`, …) are ignored.
    ///
    /// # Panics
    /// When DynamoDB refuses the definition.
    pub fn create_table(&self, definition: &Value) {
        let created = services::create_table(&mut self.state(), definition);
        if let Err(error) = created {
            panic!("cannot create the table {}: {error}", definition["TableName"]);
        }
    }
}
