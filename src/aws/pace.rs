//! The pace of EKS calls, after EKS has throttled some.
//!
//! An account has one request rate for all callers of its EKS: consoles, pipelines, autoscalers. AWS does not publish it. The
//! SDK's adaptive retries find it by exceeding it again and again, and leave nothing to others. Here, the rate of calls that
//! EKS accepted between two refusals counts as its rate. After a refusal the updater continues with four fifths of that,
//! returns to it on a cubic curve, as [CUBIC](https://www.rfc-editor.org/rfc/rfc9438) does for TCP, stays near it, and then
//! increases faster and faster: it is soon back at full speed if somebody else had emptied the account's bucket. If EKS refuses
//! calls within the first second, there is no measured rate yet: then the pace starts low and doubles with each accepted call.
//!
//! A refused call waits for another turn among the others; a retry by the SDK would ignore them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_eks::Client;
use aws_sdk_eks::config::http::HttpResponse;
use aws_sdk_eks::config::interceptors::{FinalizerInterceptorContextRef, InterceptorContext};
use aws_sdk_eks::config::retry::{ClassifyRetry, RetryAction, RetryConfig};
use aws_sdk_eks::config::{Builder, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_eks::error::{BoxError, ProvideErrorMetadata, SdkError};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::error::is_throttled;

/// The maximum number of attempts of a call.
pub(super) const ATTEMPTS: u32 = 5;

/// The maximum number of turns of a call that is refused each time, if there is time.
const TURNS: u32 = 10;
/// The first wait before another turn; it doubles each time.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// How long a call keeps retrying. Retries plus the last call fit into the time that a run reserves at its end.
const PATIENCE: Duration = Duration::from_secs(20);
/// The share of EKS's rate with which the updater continues after a refusal, and the share to which it returns: the rest is for
/// others.
const SHARE: f64 = 0.8;
const PLATEAU: f64 = 0.9;
/// The steepness of the cubic curve, in calls per second per cubed second. At ten calls a second it returns to its plateau
/// after 3.7 seconds, and exceeds the rate after 7.4.
const STEEPNESS: f64 = 0.02;
/// How far back accepted calls are counted before the first refusal.
const COUNTED: Duration = Duration::from_secs(2);
/// The minimum time for measuring the rate, because EKS accepts bursts.
const SHORTEST: Duration = Duration::from_secs(1);
/// The minimum number of accepted calls for measuring the rate.
const FEWEST: u32 = 3;
/// The pace from which it doubles, in calls a second.
const FIRST: f64 = 50.0;
/// The slowest pace, in calls a second.
const SLOWEST: f64 = 0.5;
/// A pace without effect, in calls a second.
const FASTEST: f64 = 1_000.0;

/// The client of EKS, and its pace.
#[derive(Clone, Debug)]
pub struct Eks {
    client: Client,
    pace: Pace,
}

/// How much EKS throttled the calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttling {
    /// How often EKS throttled a call.
    pub refusals: u64,
    /// How long calls waited for their turns, one after the other.
    pub waited: Duration,
}

impl Throttling {
    /// A wait that is worth reporting.
    const LONG: Duration = Duration::from_secs(10);

    /// Whether calls waited for long enough that it is worth reporting.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.waited >= Self::LONG
    }
}

impl Eks {
    /// The client of a configuration. It uses standard retries: adaptive ones would slow down a second time, and start with
    /// many seconds without calls.
    #[must_use]
    pub fn new(config: Builder) -> Self {
        let pace = Pace::default();
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let config = config.retry_config(retries).retry_classifier(NotForTheRate).interceptor(pace.clone());
        Self { client: Client::from_conf(config.build()), pace }
    }

    /// EKS's answer to a read call, made as soon as the pace allows.
    ///
    /// # Errors
    /// When EKS does not answer it, or keeps refusing it.
    pub async fn read<T, E: ProvideErrorMetadata>(
        &self,
        call: impl AsyncFn(&Client) -> Result<T, SdkError<E>>,
    ) -> Result<T, SdkError<E>> {
        let patience = Instant::now() + PATIENCE;
        let mut refusals = 0;
        loop {
            self.pace.turn().await;
            match self.call(&call).await {
                Err(error) if is_throttled(&error) && Instant::now() < patience => {
                    refusals += 1;
                    sleep(pause_after(refusals)).await;
                }
                answer => return answer,
            }
        }
    }

    /// The same, with turns only before a deadline. `None` if the deadline comes first.
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
            if Instant::now() >= end || timeout_at(end, self.pace.turn()).await.is_err() {
                return None;
            }
            let it = self.call(&call).await;
            let is_refused = it.as_ref().is_err_and(is_throttled);
            answer = Some(it);
            if !is_refused {
                break;
            }
        }
        answer
    }

    /// The one or the other.
    pub async fn read_until<T, E: ProvideErrorMetadata>(
        &self,
        end: Option<Instant>,
        call: impl AsyncFn(&Client) -> Result<T, SdkError<E>>,
    ) -> Option<Result<T, SdkError<E>>> {
        match end {
            Some(end) => self.read_before(end, call).await,
            None => Some(self.read(call).await),
        }
    }

    /// EKS's answer to a call that must not wait, because its intent is already recorded. It waits for turns only after a
    /// refusal.
    ///
    /// # Errors
    /// As of [`Self::read`].
    pub async fn write<T, E: ProvideErrorMetadata>(
        &self,
        call: impl AsyncFn(&Client) -> Result<T, SdkError<E>>,
    ) -> Result<T, SdkError<E>> {
        match self.call(&call).await {
            Err(error) if is_throttled(&error) => self.read(call).await,
            answer => answer,
        }
    }

    /// How much EKS throttled the calls since the last call of this function.
    #[must_use]
    pub fn take_throttling(&self) -> Throttling {
        self.pace.locked(|state| std::mem::take(&mut state.throttling))
    }

    /// The pace, in calls a second, if there is one.
    #[must_use]
    pub fn calls_a_second(&self) -> Option<f64> {
        self.pace.locked(|state| state.limit.map(|limit| limit.rate(Instant::now())))
    }

    async fn call<T, E: ProvideErrorMetadata>(
        &self,
        call: impl AsyncFn(&Client) -> Result<T, SdkError<E>>,
    ) -> Result<T, SdkError<E>> {
        let sent = Instant::now();
        let answer = call(&self.client).await;
        if answer.as_ref().is_err_and(is_throttled) {
            self.pace.locked(|state| state.refused(sent, Instant::now()));
        }
        answer
    }
}

fn pause_after(refusals: u32) -> Duration {
    (SHORTEST_PAUSE * 2u32.saturating_pow(refusals.saturating_sub(1))).min(LONGEST_PAUSE)
}

#[derive(Clone, Debug, Default)]
struct Pace(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// The first in the queue waits for its turn, and the others for the first, so that each wait uses the newest pace.
    queue: tokio::sync::Mutex<()>,
}

impl Pace {
    fn locked<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for the next turn. Without a limit, it is now.
    async fn turn(&self) {
        if self.locked(|state| state.limit.is_none()) {
            return;
        }
        let _first = self.0.queue.lock().await;
        let began = Instant::now();
        while let Some(turn) = self.locked(|state| state.turn(Instant::now())) {
            sleep_until(turn).await;
        }
        self.locked(|state| state.throttling.waited += began.elapsed());
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
        if context.response().is_some_and(|response| !is_refusal(response)) {
            self.locked(|state| state.accepted(Instant::now()));
        }
        Ok(())
    }
}

/// Whether EKS throttled a call: [`is_throttled`] before the SDK has read the answer.
fn is_refusal(response: &HttpResponse) -> bool {
    let name = response.headers().get("x-amzn-errortype").unwrap_or_default();
    response.status().as_u16() == 429 || name.starts_with("Throttl") || name.starts_with("TooMany")
}

/// Stops the SDK from retrying a throttled call, which gets its turns here.
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

/// The measured state of EKS's rate.
#[derive(Debug, Default)]
struct State {
    /// When EKS accepted the last calls, oldest first; only recorded while there is no limit.
    taken: VecDeque<Instant>,
    limit: Option<Limit>,
    throttling: Throttling,
}

/// The limit; present once EKS has refused a call.
#[derive(Clone, Copy, Debug)]
struct Limit {
    growth: Growth,
    /// When EKS last refused a call made at this pace.
    since: Instant,
    /// The number of calls that EKS has accepted since.
    accepted: u32,
    /// When the last turn was, or when the pause ends.
    last: Instant,
    /// How long calls had turns since the last refusal, without idle time.
    busy: Duration,
}

/// The growth of a pace.
#[derive(Clone, Copy, Debug)]
enum Growth {
    /// It doubles with each accepted call, and falls with each refusal.
    Doubling { from: f64, rate: f64 },
    /// It returns to the rate of the last refusal, and then exceeds it.
    Cubic { plateau: f64 },
}

impl Limit {
    fn rate(&self, now: Instant) -> f64 {
        let rate = match self.growth {
            Growth::Doubling { rate, .. } => rate,
            Growth::Cubic { plateau } => {
                let back_after = (plateau * (1.0 - SHARE / PLATEAU) / STEEPNESS).cbrt();
                let beyond = now.saturating_duration_since(self.since).as_secs_f64() - back_after;
                plateau + STEEPNESS * beyond.powi(3)
            }
        };
        rate.clamp(SLOWEST, FASTEST)
    }

    fn interval(&self, now: Instant) -> Duration {
        Duration::from_secs_f64(1.0 / self.rate(now))
    }

    fn refused(self, now: Instant) -> Self {
        let took = match self.growth {
            Growth::Doubling { .. } => now.saturating_duration_since(self.since),
            Growth::Cubic { .. } => self.busy,
        };
        match self.growth {
            Growth::Doubling { from, .. } if self.accepted < FEWEST => Self::doubling(from * SHARE, now),
            _ => Self::cubic((f64::from(self.accepted) / took.as_secs_f64()).min(self.rate(now)), now),
        }
    }

    /// The rate is unknown.
    fn doubling(from: f64, now: Instant) -> Self {
        let growth = Growth::Doubling { from, rate: from };
        Self { growth, since: now, accepted: 0, last: now, busy: Duration::ZERO }
    }

    fn cubic(rate: f64, now: Instant) -> Self {
        let growth = Growth::Cubic { plateau: (PLATEAU * rate).max(SLOWEST) };
        Self { growth, since: now, accepted: 0, last: now, busy: Duration::ZERO }
    }
}

impl State {
    /// When the next turn is; `None` if it is now, in which case it is used.
    fn turn(&mut self, now: Instant) -> Option<Instant> {
        let limit = self.limit.as_mut()?;
        let is_over = limit.rate(now) >= FASTEST && now.saturating_duration_since(limit.since) > COUNTED;
        if is_over {
            self.limit = None;
            return None;
        }
        let interval = limit.interval(now);
        let turn = limit.last + interval;
        if turn > now {
            return Some(turn);
        }
        limit.busy += now.saturating_duration_since(limit.last).min(interval);
        limit.last = now;
        None
    }

    fn accepted(&mut self, now: Instant) {
        match &mut self.limit {
            Some(limit) => {
                limit.accepted += 1;
                if let Growth::Doubling { rate, .. } = &mut limit.growth {
                    *rate = (*rate * 2.0).min(FASTEST);
                }
            }
            None => {
                self.forget_before(now);
                self.taken.push_back(now);
            }
        }
    }

    /// EKS refused a call that was made at this time. Of the calls in flight together, only the first refusal counts.
    fn refused(&mut self, sent: Instant, now: Instant) {
        self.throttling.refusals += 1;
        self.limit = match self.limit {
            Some(limit) if sent < limit.since => return,
            Some(limit) => Some(limit.refused(now)),
            None => {
                self.forget_before(now);
                let counted = self.taken.front().map_or(Duration::ZERO, |first| now.saturating_duration_since(*first));
                let taken = u32::try_from(self.taken.len()).unwrap_or(u32::MAX);
                self.taken.clear();
                Some(match taken {
                    // Somebody else might have emptied the bucket.
                    0 => Limit::doubling(FIRST, now),
                    // These calls did.
                    _ if counted < SHORTEST => Limit { last: now + SHORTEST_PAUSE, ..Limit::doubling(FIRST, now) },
                    _ => Limit::cubic(f64::from(taken) / counted.as_secs_f64(), now),
                })
            }
        };
    }

    fn forget_before(&mut self, now: Instant) {
        while self.taken.front().is_some_and(|at| now.saturating_duration_since(*at) > COUNTED) {
            self.taken.pop_front();
        }
    }
}
