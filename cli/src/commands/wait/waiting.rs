//! Looking until it is over, or the time is.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

/// How waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The last look was the last.
    Over,
    /// The time was over.
    Time,
    /// Somebody pressed Ctrl-C.
    Interrupted,
}

/// Looks until a look answers that there is no other, or until the deadline. Each look answers how long after its beginning the
/// next one begins.
pub async fn look_until(deadline: Option<Instant>, mut look: impl AsyncFnMut() -> Option<Duration>) -> End {
    let looks = async {
        loop {
            let began = Instant::now();
            let Some(pause) = look().await else { return };
            sleep_until(began + pause).await;
        }
    };
    match deadline {
        None => looks.await,
        Some(deadline) => {
            if timeout_at(deadline, looks).await.is_err() {
                return End::Time;
            }
        }
    }
    End::Over
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;
    use crate::aws::looks::{Cost, Rhythm};

    const SECOND: Duration = Duration::from_secs(1);

    /// When looks began that take so long each and are over with the one of this number, until this deadline.
    async fn looks(takes: Duration, last: usize, deadline: Option<Duration>) -> (Vec<u64>, End) {
        let (start, mut began) = (Instant::now(), Vec::new());
        let end = look_until(deadline.map(|after| start + after), async || {
            began.push(start.elapsed().as_secs());
            sleep(takes).await;
            let cost = Cost { calls: 100, took: takes, pace: Some(10.0) };
            (began.len() < last).then(|| Rhythm::of(15 * SECOND, [cost]).every)
        });
        let end = end.await;
        (began, end)
    }

    #[tokio::test(start_paused = true)]
    async fn it_looks_at_its_rhythm_until_it_is_over() {
        assert_eq!(looks(SECOND, 4, None).await, (vec![0, 40, 80, 120], End::Over));
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_when_the_time_is_over_also_in_the_middle_of_a_look() {
        assert_eq!(looks(SECOND, 4, Some(100 * SECOND)).await, (vec![0, 40, 80], End::Time));
        assert_eq!(looks(30 * SECOND, 4, Some(10 * SECOND)).await, (vec![0], End::Time));
    }
}
