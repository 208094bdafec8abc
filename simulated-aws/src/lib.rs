//! A small simulated AWS for Amazon EKS managed node groups.
//!
//! An update of a node group takes minutes to hours, fails for reasons that are hard to reproduce on purpose, and costs money.
//! In this crate's [`World`] it takes no time: clusters, node groups and their updates, the public SSM parameters that announce
//! AMI releases, SSM change calendars, SNS topics, EventBridge buses, DynamoDB tables, the tag index; and stacks with Lambda
//! functions that a test writes. The real AWS SDK talks to it in-process ([`World::http_client`]); boto3, the AWS CLI and
//! compiled Lambda functions talk to the same world over loopback HTTP ([`World::serve`]). A world is one region; an [`Account`] has
//! several.
//!
//! Time stands still until [`World::advance`] moves it, ids come from counters, nothing is random: a test that
//! fails once fails again.
//!
//! ```
//! use jiff::SignedDuration;
//! use simulated_aws::{Nodegroup, UpdateScript, World};
//!
//! let world = World::new("2026-07-01T08:00:00Z".parse()?);
//! world.add_nodegroup(Nodegroup::new("prod", "blue").tag("ami-update", "auto"));
//! world.publish_release("AL2023_x86_64_STANDARD", "1.33", "1.33.2-20260701");
//! world.script_next_update("prod", "blue", UpdateScript::Succeed { after: SignedDuration::from_mins(25) });
//!
//! let id = world.start_update("prod", "blue", "1.33", "1.33.2-20260701")?;
//! world.advance(SignedDuration::from_mins(25));
//!
//! let [update] = &world.updates("prod", "blue")[..] else { panic!("one update") };
//! assert_eq!((update.id.as_str(), update.status.as_str()), (id.as_str(), "Successful"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where AWS's answer could not be verified against a real account, the world has a setting ([`TokenReplay`],
//! [`AlreadyAtTarget`], [`Downgrade`], [`DegradedUpdate`], [`World::ssm_ahead_of_eks`] and others), so that a client can
//! be tested against each. `docs/simulated-aws.md` lists every assumption with its source.
//!
//! The crate has four floors; each imports only from those above it in this list:
//! * `wire`: AWS's protocols, independent of the service;
//! * `state`: the data, independent of the service;
//! * `services`: the answers of each service. A new service is one file and one row in the table;
//! * `world`: clock, lock and faults, what a test does to the world, and the two ways in.

#![warn(missing_docs)]

mod services;
mod state;
mod wire;
mod world;

pub use state::arns::{ACCOUNT, REGION};
pub use state::cloudformation::Stack;
pub use state::eventbridge::PutEvent;
pub use state::lambda::{Function, FunctionError, Invocation};
pub use state::nodegroup::{HealthIssue, LaunchTemplate, Node, Nodegroup};
pub use state::quirks::{AlreadyAtTarget, DegradedUpdate, Downgrade, TokenReplay};
pub use state::regions::RegionOptStatus;
pub use state::request::Request;
pub use state::script::UpdateScript;
pub use state::sns::PublishedMessage;
pub use state::update::{EarlierUpdate, Update, UpdateError};
pub use wire::error::ApiError;
pub use world::World;
pub use world::fault::Fault;
pub use world::regions::Account;
