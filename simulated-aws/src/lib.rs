//! A small world that answers as AWS does for Amazon EKS managed node groups.
//!
//! An update of a node group takes minutes to hours, fails for reasons that are hard to bring about on
//! purpose, and costs money. This crate holds a [`World`] in which it takes no time: clusters, node groups and
//! their updates, the public SSM parameters that announce AMI releases, SSM change calendars, an SNS topic, a
//! DynamoDB table, the tag index. The real AWS SDK talks to it in-process ([`World::http_client`]); boto3, the AWS CLI and compiled
//! Lambda functions talk to the same world over loopback HTTP ([`World::serve`]).
//!
//! Time stands still until [`World::advance`] moves it, ids come from counters, nothing is random: a test that
//! fails once fails again.
//!
//! ```
//! use jiff::SignedDuration;
//! use simulated_aws::{Course, Nodegroup, World};
//!
//! let world = World::new("2026-07-01T08:00:00Z".parse()?);
//! world.add_nodegroup(Nodegroup::new("prod", "blue").tag("ami-update", "auto"));
//! world.publish_release("AL2023_x86_64_STANDARD", "1.33", "1.33.2-20260701");
//! world.next_update("prod", "blue", Course::Succeed { after: SignedDuration::from_mins(25) });
//!
//! let id = world.start_update("prod", "blue", "1.33", "1.33.2-20260701")?;
//! world.advance(SignedDuration::from_mins(25));
//!
//! let [update] = &world.updates("prod", "blue")[..] else { panic!("one update") };
//! assert_eq!((update.id.as_str(), update.status.as_str()), (id.as_str(), "Successful"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What nobody could verify against a real account is a switch ([`TokenReplay`], [`AlreadyAtTarget`],
//! [`Downgrade`], [`World::ssm_ahead_of_eks`]), so that a client can be tested against each answer.

mod answer;
mod calendar;
mod clock;
mod dynamodb;
mod eks;
mod faults;
mod http;
mod nodegroup;
mod paging;
mod releases;
mod request;
mod sns;
mod ssm;
mod sts;
mod switches;
mod tagging;
mod update;
mod world;
mod xml;

pub use answer::ApiError;
pub use faults::Verdict;
pub use nodegroup::{HealthIssue, LaunchTemplate, Nodegroup};
pub use request::Request;
pub use sns::Published;
pub use switches::{AlreadyAtTarget, Downgrade, TokenReplay};
pub use update::{Course, Update, UpdateError};
pub use world::World;

/// The account that owns everything in the world.
pub const ACCOUNT: &str = "123456789012";

/// The region in which everything lives; requests signed for another region are answered all the same.
pub const REGION: &str = "eu-central-1";
