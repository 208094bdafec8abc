//! Whether there is a release that a node group could be updated to.

use aws_sdk_eks::types::AmiTypes;
use eks_nodegroup_updater::model::decision::{Decision, Planned, Target};
use eks_nodegroup_updater::model::nodegroup::Nodegroup;
use eks_nodegroup_updater::model::observed::releases::Available;
use testing::{CURRENT, Fleet, NEWER, id, intent, offers};

use super::{Alone, STANDARD};

#[test]
fn a_healthy_node_group_starts_with_its_own_kubernetes_version_and_the_newest_release() {
    let target = Target::Nodegroup(id("prod/blue"));
    assert_eq!(Fleet::blue().plan(), [Planned { target, decision: Decision::Start(intent(NEWER)) }]);
}

#[test]
fn custom_ami() {
    let custom = |nodegroup: &mut Nodegroup| {
        nodegroup.ami_type = AmiTypes::Custom;
        nodegroup.release_version = Some("ami-0c099795affa953de".into());
    };
    let sentence = "it runs a custom AMI, for which AWS publishes no releases";
    Fleet::blue().with(custom).waits("CustomAmi", sentence);
    Fleet::blue().with(custom).with(|nodegroup| nodegroup.kubernetes_version = None).waits("CustomAmi", sentence);
}

#[test]
fn unknown_ami_type() {
    let fleet = Fleet::blue().with(|nodegroup| nodegroup.ami_type = AmiTypes::from("AL2026_x86_64_STANDARD"));
    let sentence = "this version does not recognise its AMI type AL2026_x86_64_STANDARD";
    fleet.waits("UnknownAmiType", sentence);
}

#[test]
fn no_release_published_for_this_ami_type_and_kubernetes_version() {
    let fleet = Fleet::blue().running(STANDARD, CURRENT, Available::NotPublished);
    fleet.waits("NoRelease", "AWS publishes no release of AL2023_x86_64_STANDARD for Kubernetes 1.33");
    let fleet = Fleet::blue().running(AmiTypes::Al2X8664, CURRENT, Available::NotPublished);
    let sentence =
        "it runs 1.33.1-20260610, the last release of Amazon Linux 2, which AWS has not supported since 2025-11-26";
    fleet.waits("EndOfSupport", sentence);
}

#[test]
fn the_al2_track_has_ended() {
    let last = "1.33.9-20251120";
    let fleet = Fleet::blue().running(AmiTypes::Al2X8664, last, offers(&AmiTypes::Al2X8664, [last]));
    let sentence =
        "it runs 1.33.9-20251120, the last release of Amazon Linux 2, which AWS has not supported since 2025-11-26";
    fleet.waits("EndOfSupport", sentence);
}

#[test]
fn up_to_date() {
    Fleet::blue()
        .running(STANDARD, NEWER, offers(&STANDARD, [NEWER]))
        .waits("UpToDate", "it runs 1.33.2-20260710, the latest release");
}

#[test]
fn not_comparable() {
    let fleet = Fleet::blue().running(STANDARD, "1.32.9-20260610", offers(&STANDARD, [NEWER]));
    let sentence = "cannot tell whether 1.33.2-20260710 is newer than 1.32.9-20260610: 1.33.2-20260710 and 1.32.9-20260610 cannot be ordered";
    fleet.waits("NotComparable", sentence);
    let fleet = Fleet::blue().running(STANDARD, "latest", offers(&STANDARD, [NEWER]));
    let sentence = r#"cannot tell whether 1.33.2-20260710 is newer than latest: "latest" is not a release version of Amazon Linux 2023"#;
    fleet.waits("NotComparable", sentence);
}
