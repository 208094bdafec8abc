//! A rollback that was asked for: to an older release of the node group's Kubernetes version, past every rule that is about
//! taking something new.

use std::cmp::Ordering;

use super::eligible::not_denied;
use super::input::PlanInput;
use super::quarantine::not_quarantined;
use crate::model::ami_type::{ReleaseTrack, TrackKey};
use crate::model::attempt::Intent;
use crate::model::hold::Rollback;
use crate::model::nodegroup::Nodegroup;
use crate::model::policy::Mode;
use crate::model::reason::{Reason, RollbackBlock};
use crate::model::release_version::ReleaseVersion;
use crate::model::releases::Available;
use crate::model::rules::Rules;

/// The update that goes back, or why it does not start. EKS decides whether the node group is fit for it.
pub(super) fn intent(
    input: &PlanInput<'_>,
    nodegroup: &Nodegroup,
    (mode, rules): (Mode, &Rules),
    rollback: &Rollback,
) -> Result<Intent, Reason> {
    let text = &rollback.release_version;
    let blocked = |why| Reason::RollbackBlocked { target: text.clone(), why };
    if mode == Mode::Notify {
        return Err(blocked(RollbackBlock::NotifyOnly));
    }
    if let Some(pin) = &rules.pin {
        return Err(blocked(RollbackBlock::Pinned(pin.clone())));
    }
    let no_release = || blocked(RollbackBlock::NoRelease);
    let version = nodegroup.kubernetes_version.as_deref().ok_or_else(no_release)?;
    let current = nodegroup.release_version.as_deref().ok_or_else(no_release)?;
    let family = ReleaseTrack::of(&nodegroup.ami_type, version).map_err(|_| no_release())?.family;
    let target = ReleaseVersion::parse(family, text).map_err(|_| no_release())?;
    let running = ReleaseVersion::parse(family, current).map_err(|_| no_release())?;
    match target.compare(&running) {
        Ok(Ordering::Less) => {}
        Ok(_) => return Err(blocked(RollbackBlock::NotOlder(current.to_owned()))),
        Err(_) => return Err(no_release()),
    }
    let track = TrackKey::new(version, &nodegroup.ami_type);
    if let Some(Available::Releases(releases)) = input.releases.on(&track)
        && releases.iter().any(|release| release.version == target && release.withdrawn)
    {
        return Err(blocked(RollbackBlock::Withdrawn));
    }
    not_denied(input, &track, &target).map_err(|_| blocked(RollbackBlock::Denied))?;
    not_quarantined(input, &nodegroup.id, &track, &target).map_err(|_| blocked(RollbackBlock::Quarantined))?;
    Ok(Intent {
        version: version.to_owned(),
        ami_type: nodegroup.ami_type.as_str().to_owned(),
        release_version: text.clone(),
        previous_release_version: current.to_owned(),
        force: false,
        may_force: false,
        rollback: Some(rollback.request_id.clone()),
        launch_template: None,
        start_before: None,
        stuck_after: rules.stuck_after.map(Box::new),
        update_history_unread: false,
    })
}
