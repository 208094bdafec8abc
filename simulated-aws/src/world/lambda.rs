//! Test operations on functions.

use crate::state::arns::function_arn;
use crate::state::lambda::Function;
use crate::world::World;

impl World {
    /// Adds a function and returns its ARN; one of the same name is replaced.
    pub fn add_function(&self, function: Function) -> String {
        let arn = function_arn(&function.name, None);
        self.state().functions.insert(function.name.clone(), function);
        arn
    }
}
