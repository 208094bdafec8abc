//! A requested rollback: to an older release of the node group's Kubernetes version, without the rules about newer releases.

use std::cmp::Ordering;

use super::quarantine::not_quarantined;
use super::release_rules::not_denied;
use super::selected::Selected;
use crate::model::attempt::Intent;
use crate::model::attempt::hold::Rollback;
use crate::model::decision::reason::{Reason, RollbackBlock};
use crate::model::nodegroup::policy::Mode;
use crate::model::observed::releases::Available;
use crate::model::release::track::{ReleaseTrack, TrackKey};
use crate::model::release::version::ReleaseVersion;

/// The update that goes back, or why it does not start. EKS decides whether the node group is healthy enough.
pub(super) fn intent(selected: Selected<'_>, rollback: &Rollback) -> Result<Intent, Reason> {
    let Selected { input, nodegroup, mode, rules, .. } = selected;
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
        rollback: Some(rollback.request_id.clone()),
        stuck_after: rules.stuck_after.map(Box::new),
        ..Intent::new(version, &nodegroup.ami_type, current, text)
    })
}
