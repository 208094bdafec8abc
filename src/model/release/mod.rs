//! What AWS releases: Kubernetes versions, the tracks of AMI releases, and the versions on them.

pub mod kubernetes;
pub mod selector;
pub mod track;
pub mod version;
