//! Test operations on functions.

use crate::state::lambda::Function;
use crate::world::World;

impl World {
    /// Adds a function and returns its ARN; one of the same name is replaced.
    pub fn add_function(&self, function: Function) -> String {
        let mut state = self.state();
        let arn = state.arns.function(&function.name, None);
        state.functions.insert(function.name.clone(), function);
        arn
    }
}
