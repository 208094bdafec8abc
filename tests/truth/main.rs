//! Stories about what AWS recommended, what was lowered, and what must not go stale in silence.

mod lowered;
mod rollback;
mod stale;
