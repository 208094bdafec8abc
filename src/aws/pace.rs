//! How fast EKS is read, once it has said that it is too fast.
//!
//! An account has one rate for all that read its EKS: consoles, pipelines, autoscalers. AWS does not publish it. The SDK's
//! adaptive retries find it by exceeding it again and again, and leave nothing to others. So after a refusal the updater reads
//! at four fifths of what EKS took, and a tenth more after each minute without a refusal. What was refused waits for another turn
//! among the others; a retry of the SDK would know of none.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_eks::Client;
use aws_sdk_eks::config::http::HttpResponse;
use aws_sdk_eks::config::interceptors::{FinalizerInterceptorContextRef, InterceptorContext};
use aws_sdk_eks::config::retry::{ClassifyRetry, RetryAction, RetryConfig};
use aws_sdk_eks::config::{Builder, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_eks::error::{BoxError, ProvideErrorMetadata, SdkError};
use tokio::time::{Instant, sleep, sleep_until};

use super::{ATTEMPTS, is_throttled};

/// How many turns a call has, where it is refused in each and there is time.
const TURNS: u32 = 10;
/// What a call waits before its next turn: at first so long, then twice as long each time. What EKS takes in a burst says little of
/// its rate, so that the first pace may be much too fast.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// For how long other calls have turns. With the last of them it is less than a run keeps free before its end.
const PATIENCE: Duration = Duration::from_secs(20);
/// The share of what EKS took that the updater goes on with.
const SHARE: f64 = 0.8;
/// How long back it is counted what EKS took.
const COUNTED: Duration = Duration::from_secs(2);
/// The least time over which it is counted: what came in a burst says nothing of the rate.
const SHORTEST: Duration = Duration::from_secs(1);
/// Refusals within this time are of calls that were made before the pace was slowed down.
const SETTLING: Duration = Duration::from_secs(3);
/// The slowest pace, in calls a second.
const SLOWEST: f64 = 0.5;
/// After so long without a refusal the pace is raised, so much.
const RAISED_AFTER: Duration = Duration::from_mins(1);
const RAISED_BY: f64 = 1.1;

/// The client of EKS, and how fast it reads.
#[derive(Clone, Debug)]
pub struct Eks {
    client: Client,
    pace: Pace,
}

impl Eks {
    /// The client of a configuration. Its retries are the standard ones: adaptive ones would slow down a second time, and begin
    /// with many seconds in which nothing is called.
    #[must_use]
    pub fn new(config: Builder) -> Self {
        let pace = Pace::default();
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let config = config.retry_config(retries).retry_classifier(NotForTheRate).interceptor(pace.clone());
        Self { client: Client::from_conf(config.build()), pace }
    }

    /// What EKS answers to a call that reads, as soon as it may be made.
    ///
    /// # Errors
    /// When EKS does not answer it, or goes on refusing it.
    pub async fn read<T, E: ProvideErrorMetadata>(
        &self,
        call: impl AsyncFn(&Client) -> Result<T, SdkError<E>>,
    ) -> Result<T, SdkError<E>> {
        let patience = Instant::now() + PATIENCE;
        let mut refusals = 0;
        loop {
            match self.read_once(&call).await {
                Err(error) if is_throttled(&error) && Instant::now() < patience => {
                    refusals += 1;
                    sleep(pause_after(refusals)).await;
                }
                answer => return answer,
            }
        }
    }

    async fn read_once<T>(&self, call: impl AsyncFn(&Client) -> T) -> T {
        if let Some(turn) = self.pace.locked(|state| state.turn(Instant::now(), None)) {
            wait_until(turn).await;
        }
        call(&self.client).await
    }

    /// The same, with turns before a time only. A refusal stays the answer where there is no turn after it.
    pub async fn read_before<T, E: ProvideErrorMetadata>(
        &self,
        end: Instant,
        call: impl AsyncFn(&Client) -> Result<T, SdkError<E>>,
    ) -> Option<Result<T, SdkError<E>>> {
        let mut answer = None;
        for refusals in 0..TURNS {
            if refusals > 0 {
                sleep(pause_after(refusals)).await;
            }
            let Some(turn) = self.pace.locked(|state| state.turn(Instant::now(), Some(end))) else { break };
            wait_until(turn).await;
            let it = call(&self.client).await;
            let is_refused = it.as_ref().is_err_and(is_throttled);
            answer = Some(it);
            if !is_refused {
                break;
            }
        }
        answer
    }

    /// What EKS answers to a call that must not wait, since an update was recorded already. Only after a refusal it has turns, too.
    ///
    /// # Errors
    /// As of [`Self::read`].
    pub async fn write<T, E: ProvideErrorMetadata>(
        &self,
        call: impl AsyncFn(&Client) -> Result<T, SdkError<E>>,
    ) -> Result<T, SdkError<E>> {
        match call(&self.client).await {
            Err(error) if is_throttled(&error) => self.read(call).await,
            answer => answer,
        }
    }
}

fn pause_after(refusals: u32) -> Duration {
    (SHORTEST_PAUSE * 2u32.saturating_pow(refusals - 1)).min(LONGEST_PAUSE)
}

/// Returns at once where there is nothing to wait for: a timer takes a millisecond at least.
async fn wait_until(turn: Instant) {
    if turn > Instant::now() {
        sleep_until(turn).await;
    }
}

#[derive(Clone, Debug, Default)]
struct Pace(Arc<Mutex<State>>);

impl Pace {
    fn locked<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Intercept for Pace {
    fn name(&self) -> &'static str {
        "Pace"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(response) = context.response() {
            self.locked(|state| state.answered(is_refusal(response), Instant::now()));
        }
        Ok(())
    }
}

/// Whether EKS refused a call for the rate: [`is_throttled`] before the SDK has read the answer.
fn is_refusal(response: &HttpResponse) -> bool {
    let name = response.headers().get("x-amzn-errortype").unwrap_or_default();
    response.status().as_u16() == 429 || name.starts_with("Throttl") || name.starts_with("TooMany")
}

/// Keeps the SDK from repeating a call that was refused for the rate: it has its turns.
#[derive(Debug)]
struct NotForTheRate;

impl ClassifyRetry for NotForTheRate {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response() {
            Some(response) if is_refusal(response) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "NotForTheRate"
    }
}

/// What is known of EKS's rate.
#[derive(Debug, Default)]
struct State {
    /// When EKS took the last calls, from old to new.
    taken: VecDeque<Instant>,
    limit: Option<Limit>,
}

/// There is one once EKS has refused a call.
#[derive(Clone, Copy, Debug)]
struct Limit {
    /// Calls a second.
    rate: f64,
    /// When it was last set.
    since: Instant,
    /// When the next call may be made.
    next: Instant,
}

impl State {
    /// When the next call may be made: from now on its turn is taken. None, where that is not before the end.
    fn turn(&mut self, now: Instant, end: Option<Instant>) -> Option<Instant> {
        let is_before = |turn: &Instant| end.is_none_or(|end| *turn < end);
        let Some(limit) = self.limit.as_mut() else { return Some(now).filter(is_before) };
        let quiet = now.saturating_duration_since(limit.since).as_secs_f64() / RAISED_AFTER.as_secs_f64();
        if quiet >= 1.0 {
            limit.rate *= RAISED_BY.powf(quiet.floor());
            limit.since = now;
        }
        let turn = Some(limit.next.max(now)).filter(is_before)?;
        limit.next = turn + Duration::from_secs_f64(1.0 / limit.rate);
        Some(turn)
    }

    fn answered(&mut self, is_refusal: bool, now: Instant) {
        while self.taken.front().is_some_and(|at| now.saturating_duration_since(*at) > COUNTED) {
            self.taken.pop_front();
        }
        if !is_refusal {
            self.taken.push_back(now);
        } else if self.limit.is_none_or(|limit| now.saturating_duration_since(limit.since) > SETTLING) {
            let taken = u32::try_from(self.taken.len()).map_or(f64::MAX, f64::from);
            let counted = self.taken.front().map_or(COUNTED, |first| now.saturating_duration_since(*first));
            let rate = SHARE * taken / counted.max(SHORTEST).as_secs_f64();
            // Never faster than before, whatever was counted in a burst.
            let rate = self.limit.map_or(rate, |limit| rate.min(limit.rate * SHARE)).max(SLOWEST);
            self.limit = Some(Limit { rate, since: now, next: now + Duration::from_secs_f64(1.0 / rate) });
        }
    }
}
