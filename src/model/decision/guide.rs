//! The guide to each decision, the same for every node group: the source of `docs/decisions.md` and of the steps shown to people.

use super::reason::ReasonKind;
use super::rule::Rule;
use crate::model::decision::DecisionKind;

/// The guide to a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guide {
    /// The rule that stops an update.
    pub rule: Rule,
    /// Why this decision is made: a sentence in Markdown.
    pub why: &'static str,
    /// What to do, often with a command at its end; `None` if there is nothing to do but wait. `NODEGROUP` stands for
    /// `cluster/nodegroup`, and `RELEASE` for the release.
    pub remedy: Option<&'static str>,
    /// The section of `docs/` with more details.
    pub see: Option<&'static str>,
}

impl DecisionKind {
    /// Its guide; `None` for a decision that this version does not know.
    #[must_use]
    pub fn guide(&self) -> Option<Guide> {
        let (why, remedy) = match self {
            Self::Skip(reason) => return Some(reason.guide()),
            Self::Start => ("every rule is satisfied: an update starts, and the outcome reports the result", None),
            Self::Next => (
                "a limit is reached: its update starts only if EKS rejects another planned update",
                Some("wait, or raise the limit"),
            ),
            Self::Unknown(_) => return None,
        };
        Some(Guide { rule: Rule::Limits, why, remedy, see: None })
    }
}

impl ReasonKind {
    /// Its guide.
    #[must_use]
    pub fn guide(self) -> Guide {
        match self {
            Self::Excluded => {
                Guide { rule: Rule::Selected, why: "the event selects other node groups", remedy: None, see: None }
            }
            Self::NotFound => Guide {
                rule: Rule::Selected,
                why: "the event names it, but no node group with the tag `ami-update` has this name",
                remedy: Some("check name, tag and region; opt it in: eks-nodegroup-updater opt-in NODEGROUP"),
                see: None,
            },
            Self::Deleted => Guide {
                rule: Rule::Readable,
                why: "it was deleted; the tag index still lists it",
                remedy: None,
                see: None,
            },
            Self::NotReached => Guide {
                rule: Rule::Readable,
                why: "AWS throttled the run before it reached this node group; the next run starts with it",
                remedy: None,
                see: Some("rules.md#large-fleets"),
            },
            Self::Unreadable => Guide {
                rule: Rule::Readable,
                why: "AWS, the release or the record could not be read; the reason quotes the error",
                remedy: Some("fix the error that the reason quotes; see: eks-nodegroup-updater doctor"),
                see: Some("rules.md#nothing-goes-stale-in-silence"),
            },
            Self::NotOptedIn => Guide {
                rule: Rule::OptedIn,
                why: "the tag index lists it, but it no longer has the tag; notified once if it had opted in",
                remedy: Some("opt it in: eks-nodegroup-updater opt-in NODEGROUP"),
                see: Some("operations.md#a-lost-tag"),
            },
            Self::OptedOut => Guide {
                rule: Rule::OptedIn,
                why: "`ami-update=off`",
                remedy: Some("opt it in again: eks-nodegroup-updater opt-in NODEGROUP"),
                see: None,
            },
            Self::InvalidTag => Guide {
                rule: Rule::OptedIn,
                why: "a tag `ami-update` or `ami-update/…` is not recognised; notified once",
                remedy: Some("fix or remove the tag: eks-nodegroup-updater set NODEGROUP RULE=VALUE"),
                see: Some("rules.md"),
            },
            Self::InProgress => Guide {
                rule: Rule::NoUpdateInProgress,
                why: "an update is in progress, started by the updater or externally",
                remedy: None,
                see: None,
            },
            Self::RollbackBlocked => Guide {
                rule: Rule::RollbackAllowed,
                why: "a requested rollback cannot start; the reason says why",
                remedy: Some("fix the cause that the reason names, or request another release"),
                see: Some("rules.md#going-back"),
            },
            Self::CustomAmi => Guide {
                rule: Rule::ManagedAmi,
                why: "its launch template sets a custom AMI, for which AWS publishes no releases",
                remedy: Some("update the AMI in its launch template"),
                see: None,
            },
            Self::UnknownAmiType => Guide {
                rule: Rule::ManagedAmi,
                why: "its AMI type is newer than this version of the updater",
                remedy: Some("deploy a newer version of the updater"),
                see: None,
            },
            Self::Downgraded => Guide {
                rule: Rule::NotDowngraded,
                why: "an external update or a rollback downgraded it, and it stays there",
                remedy: Some("to update it now: eks-nodegroup-updater retry NODEGROUP"),
                see: Some("operations.md#downgraded-by-another-owner"),
            },
            Self::Pinned => Guide { rule: Rule::Pin, why: "it runs the release of its `pin`", remedy: None, see: None },
            Self::PinIsDowngrade => Guide {
                rule: Rule::Pin,
                why: "its `pin` is older than what it runs",
                remedy: Some("move the pin: eks-nodegroup-updater set NODEGROUP pin=RELEASE"),
                see: Some("rules.md#going-back"),
            },
            Self::PinUnknown => Guide {
                rule: Rule::Pin,
                why: "its `pin` is not a release of its AMI type and Kubernetes version",
                remedy: Some("move the pin: eks-nodegroup-updater set NODEGROUP pin=RELEASE"),
                see: None,
            },
            Self::PinWithdrawn => Guide {
                rule: Rule::Pin,
                why: "AWS has withdrawn the release of its `pin`",
                remedy: Some("move the pin: eks-nodegroup-updater set NODEGROUP pin=RELEASE"),
                see: None,
            },
            Self::NoRelease => Guide {
                rule: Rule::NewerRelease,
                why: "AWS publishes no release for its AMI type and Kubernetes version",
                remedy: Some("check its AMI type and Kubernetes version"),
                see: None,
            },
            Self::EndOfSupport => Guide {
                rule: Rule::NewerRelease,
                why: "it runs the last release of Amazon Linux 2, or of a Kubernetes version whose extended support has ended",
                remedy: Some("move to AL2023 or Bottlerocket, or upgrade the cluster"),
                see: Some("operations.md#ended-support"),
            },
            Self::UpToDate => {
                Guide { rule: Rule::NewerRelease, why: "it runs the latest release", remedy: None, see: None }
            }
            Self::NoNewReleases => Guide {
                rule: Rule::NewerRelease,
                why: "it runs the latest release, but AWS has published none for its `stale-after`",
                remedy: Some("check whether AWS still supports its AMI type and Kubernetes version"),
                see: None,
            },
            Self::RunsWithdrawnRelease => Guide {
                rule: Rule::NewerRelease,
                why: "it runs a release that AWS has withdrawn; the next newer one is installed",
                remedy: Some("to go back: eks-nodegroup-updater rollback NODEGROUP --to RELEASE"),
                see: Some("operations.md#a-withdrawn-release"),
            },
            Self::NotComparable => Guide {
                rule: Rule::NewerRelease,
                why: "the release it runs and the latest one cannot be compared",
                remedy: Some("compare both releases, and update it once by hand"),
                see: None,
            },
            Self::ClusterUpgradedRecently => Guide {
                rule: Rule::FollowClusterAfter,
                why: "its cluster's Kubernetes version is too new for its `follow-cluster-after`",
                remedy: None,
                see: Some("rules.md#following-the-cluster"),
            },
            Self::Denied => Guide {
                rule: Rule::NotDenied,
                why: "`DeniedReleases` denies every newer release",
                remedy: None,
                see: Some("settings.md"),
            },
            Self::MinAgeNotReached => Guide {
                rule: Rule::MinAge,
                why: "every newer release is younger than its `min-age`",
                remedy: None,
                see: None,
            },
            Self::Quarantined => Guide {
                rule: Rule::NotQuarantined,
                why: "the release failed on several node groups of its cluster, or in several clusters; notified once",
                remedy: Some("wait for the next release, or: eks-nodegroup-updater quarantine lift RELEASE"),
                see: Some("operations.md#a-quarantined-release"),
            },
            Self::ReleaseRefused => Guide {
                rule: Rule::ReleaseAccepted,
                why: "EKS refuses the release as invalid; after a day you are notified, and an older release is \
                      installed instead",
                remedy: None,
                see: Some("rules.md#retries"),
            },
            Self::FailedBefore => Guide {
                rule: Rule::NotFailedBefore,
                why: "the release failed on it; the reason says when it is retried",
                remedy: Some("fix the cause, then: eks-nodegroup-updater retry NODEGROUP"),
                see: Some("rules.md#retries"),
            },
            Self::WaitingForRing => Guide {
                rule: Rule::Ring,
                why: "a node group of a lower ring, which the reason names, has not proved the release",
                remedy: Some(
                    "look at the node group that the reason names: eks-nodegroup-updater explain CLUSTER/NAME",
                ),
                see: Some("rules.md#rings"),
            },
            Self::ReportOnly => Guide {
                rule: Rule::UpdatesAllowed,
                why: "`ami-update=notify`",
                remedy: Some("to have it updated: eks-nodegroup-updater set NODEGROUP mode=auto"),
                see: None,
            },
            Self::Unhealthy => Guide {
                rule: Rule::Healthy,
                why: "it has a health issue that makes EKS refuse updates (all but four do)",
                remedy: Some("fix the health issues that the reason names"),
                see: None,
            },
            Self::NotActive => Guide {
                rule: Rule::Healthy,
                why: "its status is neither `ACTIVE`, nor `DEGRADED` with tolerated issues only",
                remedy: Some("bring it back to ACTIVE first"),
                see: None,
            },
            Self::BackingOff => Guide {
                rule: Rule::NotBackingOff,
                why: "EKS rejected its last update, for a cause unrelated to the release; the reason quotes EKS",
                remedy: Some("fix the cause that EKS names, then: eks-nodegroup-updater retry NODEGROUP"),
                see: Some("rules.md#retries"),
            },
            Self::MinIntervalNotReached => Guide {
                rule: Rule::MinInterval,
                why: "its last update is more recent than its `min-interval`, or than the 20 minutes for which EKS \
                      might still describe the previous release",
                remedy: None,
                see: None,
            },
            Self::Frozen => Guide {
                rule: Rule::NotFrozen,
                why: "the stop switch or a change calendar stops all updates; or one of them, or the quarantines, cannot be \
                    read, in which case the run fails and raises the alarm",
                remedy: Some("open the calendar, or: eks-nodegroup-updater resume"),
                see: Some("rules.md#stopping-updates"),
            },
            Self::OutsideWindow => Guide {
                rule: Rule::Window,
                why: "its `window` is closed, or closes within `WindowMargin`",
                remedy: Some(
                    "wait for its window, or give it another: eks-nodegroup-updater set NODEGROUP window=WINDOW",
                ),
                see: Some("rules.md#windows"),
            },
            Self::UpdateHistoryUnread => Guide {
                rule: Rule::UpdateHistory,
                why: "the updater has not updated it yet, and not all of its earlier updates could be read; the next run starts with it",
                remedy: Some("wait, or start it without its update history: eks-nodegroup-updater retry NODEGROUP"),
                see: Some("rules.md#the-update-history"),
            },
        }
    }
}
