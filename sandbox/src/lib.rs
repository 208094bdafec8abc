//! The updater on a simulated AWS: what the demo, the command line and the tests share.
//!
//! * [`functions`]: both functions, as clients of a simulated AWS
//! * [`deployed`]: the same as Lambda functions of it, with their stack and their SSM parameters
//! * [`fleet`]: clusters and node groups with what goes wrong in real ones
//! * [`generated`]: a fleet of any size instead
//! * [`template`]: what `template.yaml` defines

pub mod deployed;
pub mod fleet;
pub mod functions;
pub mod generated;
pub mod template;
