//! The execution of a plan.

mod answers;
