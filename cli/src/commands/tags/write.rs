//! Writes tags to EKS: several node groups at once, and each of them whole.

use eks_nodegroup_updater::aws::CONCURRENCY;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::change::{Change, Outcome};
use crate::failure::Failure;
use terminal::output::say;
use terminal::progress::Progress;

/// Writes all changes that are not done yet, and sets the result of each. After an interruption no change is started, and those
/// in progress are awaited. Returns whether it was interrupted.
pub async fn write(changes: &mut [Change], interrupted: impl Future<Output = ()>) -> bool {
    let waiting: Vec<&mut Change> = changes.iter_mut().filter(|change| change.result == Outcome::NotReached).collect();
    let progress = Progress::over(waiting.len(), "node groups");
    let work = async |change: &mut Change| {
        let written = write_one(change).await;
        change.end(written);
        progress.advance();
    };
    work_off(waiting, work, async {
        interrupted.await;
        say("Interrupted; waiting for the calls that are in progress.");
    })
    .await
}

/// One call writes all tags of a node group, and another one removes tags.
async fn write_one(change: &Change) -> Result<(), Failure> {
    let eks = &change.place.eks;
    if !change.set.is_empty() {
        let written = eks.write(async |eks| {
            let tags = change.set.clone().into_iter().collect();
            eks.tag_resource().resource_arn(&change.arn).set_tags(Some(tags)).send().await
        });
        written.await.map_err(|error| Failure::of_call("writing its tags", &error))?;
    }
    if !change.removed.is_empty() {
        let doing = match change.set.is_empty() {
            true => "removing its tags",
            false => "the new tags are written; removing the others",
        };
        let removed = eks.write(async |eks| {
            eks.untag_resource().resource_arn(&change.arn).set_tag_keys(Some(change.removed.clone())).send().await
        });
        removed.await.map_err(|error| Failure::of_call(doing, &error))?;
    }
    Ok(())
}

/// Processes items, with the usual concurrency of AWS calls. After an interruption no item is started, and those in progress
/// are awaited. Returns whether it was interrupted.
async fn work_off<T>(
    items: impl IntoIterator<Item = T>,
    work: impl AsyncFn(T),
    interrupted: impl Future<Output = ()>,
) -> bool {
    let mut interrupted = std::pin::pin!(interrupted);
    let (mut items, mut in_progress, mut is_interrupted) = (items.into_iter(), FuturesUnordered::new(), false);
    loop {
        while !is_interrupted
            && in_progress.len() < CONCURRENCY
            && let Some(item) = items.next()
        {
            in_progress.push(work(item));
        }
        if in_progress.is_empty() {
            return is_interrupted;
        }
        tokio::select! {
            biased;
            () = &mut interrupted, if !is_interrupted => is_interrupted = true,
            _ = in_progress.next() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn all_is_worked_off_and_not_all_at_once() {
        let (done, now, most) = (RefCell::new(Vec::new()), Cell::new(0), Cell::new(0));
        let work = async |item: usize| {
            now.set(now.get() + 1);
            most.set(most.get().max(now.get()));
            tokio::task::yield_now().await;
            now.set(now.get() - 1);
            done.borrow_mut().push(item);
        };
        assert!(!work_off(0..20, work, pending()).await);
        done.borrow_mut().sort_unstable();
        assert_eq!((done.into_inner(), most.get()), ((0..20).collect(), CONCURRENCY));
    }

    #[tokio::test]
    async fn after_an_interruption_what_was_begun_is_finished_and_nothing_else_is_begun() {
        let (begun, done) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let work = async |item: usize| {
            begun.borrow_mut().push(item);
            tokio::task::yield_now().await;
            done.borrow_mut().push(item);
        };
        let interrupted = async {
            // The work is polled first, once.
            tokio::task::yield_now().await;
        };
        assert!(work_off(0..20, work, interrupted).await);
        done.borrow_mut().sort_unstable();
        assert_eq!(*begun.borrow(), *done.borrow());
        assert_eq!(begun.into_inner(), (0..CONCURRENCY).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn nothing_is_begun_after_an_interruption_that_came_before() {
        assert!(!work_off(std::iter::empty::<usize>(), async |_| {}, ready(())).await);
    }
}
