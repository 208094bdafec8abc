//! The nouns: pure values, parsed once at the edge, without I/O and without a clock.
//!
//! Each room stands on those above it:
//!
//! | room | its values |
//! |---|---|
//! | [`unknown`] | what a newer version wrote |
//! | [`release`] | Kubernetes versions, release tracks, release versions |
//! | [`rules`], [`settings`] | what a node group's tags and the deployment set |
//! | [`id`], [`problem`] | names, ARNs and keys, and what went wrong with what they name |
//! | [`nodegroup`] | a node group as EKS describes it, and what its tags allow |
//! | [`attempt`] | an update from its intent to its end |
//! | [`decision`] | what is decided for a node group, and why |
//! | [`notice`] | what must be published |
//! | [`record`] | what the table holds of node groups, release tracks and the fleet |
//! | [`observed`] | the fleet and the releases as a run sees them |

pub mod attempt;
pub mod decision;
pub mod id;
pub mod nodegroup;
pub mod notice;
pub mod observed;
pub mod problem;
pub mod record;
pub mod release;
pub mod rules;
pub mod settings;
pub mod unknown;
