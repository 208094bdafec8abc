//! Test operations on stacks.

use crate::state::cloudformation::Stack;
use crate::world::World;

impl World {
    /// Adds a stack, created now, and returns its ARN; one of the same name is replaced. It is only a description: the
    /// resources in its outputs must be added separately.
    pub fn add_stack(&self, stack: Stack) -> String {
        let mut state = self.state();
        let id = state.next_id("stack");
        let arn = state.arns.stack(&stack.name, &id);
        let stack = Stack { arn: arn.clone(), created_at: state.now, ..stack };
        state.stacks.insert(stack.name.clone(), stack);
        arn
    }
}
