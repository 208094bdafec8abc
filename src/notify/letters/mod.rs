//! The letter of each kind of notice: one function has all of its text.

mod attempt;
mod causes;
mod fleet;
mod nodegroup;
mod release;
mod rollback;
mod update;

use super::case::Case;
use super::letter::Letter;
use crate::model::notice::NoticeKind;

/// The letter about a case.
pub(super) fn letter<'a>(case: &Case<'a>) -> Letter<'a> {
    match &case.notice.kind {
        NoticeKind::UpdateStarted(about) => update::started(case, about),
        NoticeKind::UpdateSucceeded(about) => update::succeeded(case, about),
        NoticeKind::UpdateRecovered(over) => update::recovered(case, over),
        NoticeKind::UpdateFailed(about) => update::failed(case, about),
        NoticeKind::UpdateRefused(about) => update::refused(case, about),
        NoticeKind::UpdateUnverified(about) => update::unverified(case, about),
        NoticeKind::UpdateNotFound(about) => update::not_found(case, about),
        NoticeKind::UpdateCancelled(about) => update::cancelled(case, about),
        NoticeKind::UpdateStuck(about) => update::stuck(case, about),
        NoticeKind::UpdateForced(about) => update::forced(case, about),
        NoticeKind::UpdateAvailable { version, release_version } => update::available(case, version, release_version),
        NoticeKind::RollbackStarted(about) => rollback::started(case, about),
        NoticeKind::RolledBack(about) => rollback::done(case, about),
        NoticeKind::RollbackExpired(rollback) => rollback::expired(case, rollback),
        NoticeKind::NodegroupDowngraded(hold) => nodegroup::downgraded(case, hold),
        NoticeKind::NodegroupStale(stale) => nodegroup::stale(case, stale),
        NoticeKind::NodegroupCurrent(stale) => nodegroup::current(case, stale),
        NoticeKind::TagLost => nodegroup::tag_lost(case),
        NoticeKind::TagInvalid(tag) => nodegroup::tag_invalid(case, tag),
        NoticeKind::Digest(digest) => fleet::digest(case, digest),
        NoticeKind::ReleaseQuarantined(held) => release::quarantined(case, held),
        NoticeKind::ReleaseAvailable { release_version, published_at } => {
            release::available(case, release_version, *published_at)
        }
        NoticeKind::ReleaseWithdrawn { release_version, latest, nodegroups } => {
            release::withdrawn(case, release_version, latest, nodegroups)
        }
        NoticeKind::ReleaseRefused { release_version, since, message } => {
            release::refused(case, release_version, *since, message)
        }
        NoticeKind::SupportEnded(ended) => fleet::support_ended(case, ended),
        NoticeKind::AccessDenied { error } => fleet::access_denied(case, error),
        NoticeKind::RecordUnreadable(record) => fleet::record_unreadable(case, record),
        NoticeKind::TableEmpty => fleet::table_empty(case),
    }
}
