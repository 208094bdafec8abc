//! How fast EKS is called, once it has refused calls for their rate.
//!
//! An account has one rate for all that call its EKS: consoles, pipelines, autoscalers. AWS does not publish it. The SDK's
//! adaptive retries find it by exceeding it again and again, and leave nothing to others. Here, what EKS accepted between two
//! refusals is taken for its rate. After a refusal the updater goes on with four fifths of that, comes back to it by a cubic curve,
//! as [CUBIC](https://www.rfc-editor.org/rfc/rfc9438) does for TCP, stays near it, and then tries for more, faster and faster: it
//! is soon back at full speed where somebody else had emptied the account's bucket. Before there is a rate to go by, since EKS
//! refused calls within the first second, the pace begins low and doubles with each call that EKS accepts.
//!
//! A refused call waits for another turn among the others; a retry of the SDK would not know of them.

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

/// How often a call is made in all before its error counts.
pub(super) const ATTEMPTS: u32 = 5;

/// How many turns a call has, where it is refused in each and there is time.
const TURNS: u32 = 10;
/// The wait before another turn: at first so long, then twice as long each time.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// How long a call keeps retrying. Retries plus the last call fit into the time that a run reserves at its end.
const PATIENCE: Duration = Duration::from_secs(20);
/// The share of EKS's rate with which the updater goes on after a refusal, and the one that it comes back to: the rest is for
/// others.
const SHARE: f64 = 0.8;
const PLATEAU: f64 = 0.9;
/// How steep the cubic curve is, in calls a second per cubed second. At a rate of ten calls a second it is back at its plateau after
/// 3.7 seconds, and exceeds the rate after 7.4.
const STEEPNESS: f64 = 0.02;
/// How far back accepted calls are counted before the first refusal.
const COUNTED: Duration = Duration::from_secs(2);
/// The shortest time that says something about the rate. EKS accepts bursts.
const SHORTEST: Duration = Duration::from_secs(1);
/// Accepted calls from which a rate is worked out.
const FEWEST: u32 = 3;
/// The pace from which it doubles, in calls a second.
const FIRST: f64 = 50.0;
/// The slowest pace, in calls a second.
const SLOWEST: f64 = 0.5;
/// A pace that limits nothing, in calls a second.
const FASTEST: f64 = 1_000.0;

/// The client of EKS, and its pace.
#[derive(Clone, Debug)]
pub struct Eks {
    client: Client,
    pace: Pace,
}

/// How much EKS slowed the calls down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttling {
    /// How often EKS refused a call for its rate.
    pub refusals: u64,
    /// How long calls waited for their turns, one after the other.
    pub waited: Duration,
}

impl Throttling {
    /// Waiting that somebody should hear of.
    const LONG: Duration = Duration::from_secs(10);

    /// Whether calls waited for so long that somebody should hear of it.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.waited >= Self::LONG
    }
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

    /// EKS's answer to a call that reads, made as soon as the pace allows.
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

    /// The same, with turns before a time only. There is no answer where that time comes first.
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

    /// EKS's answer to a call that must not wait, since its intent was recorded already. Only after a refusal it has turns, too.
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

    /// How much EKS slowed the calls down since this was last asked.
    #[must_use]
    pub fn take_throttling(&self) -> Throttling {
        self.pace.locked(|state| std::mem::take(&mut state.throttling))
    }

    /// The pace, in calls a second, where there is one.
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
    /// The first in the queue waits for its turn, and the others for the first: so that each waits by the newest pace.
    queue: tokio::sync::Mutex<()>,
}

impl Pace {
    fn locked<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for the next turn. Where there is no limit it is now.
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
    /// When EKS accepted the last calls, from old to new; counted only as long as there is no limit.
    taken: VecDeque<Instant>,
    limit: Option<Limit>,
    throttling: Throttling,
}

/// There is one once EKS has refused a call.
#[derive(Clone, Copy, Debug)]
struct Limit {
    growth: Growth,
    /// When EKS last refused a call that was made at this pace.
    since: Instant,
    /// The calls that it has accepted since then.
    accepted: u32,
    /// When the last turn was, or the pause ends.
    last: Instant,
    /// How long calls had turns since the last refusal, without the time in which nobody wanted one.
    busy: Duration,
}

/// How a pace grows.
#[derive(Clone, Copy, Debug)]
enum Growth {
    /// It doubles with each accepted call, from a pace that falls with each refusal.
    Doubling { from: f64, rate: f64 },
    /// It comes back to the rate of the last refusal, and then exceeds it.
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

    /// Nothing is known of the rate.
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
    /// When the next turn is; none, where it is now: then it is taken.
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

    /// EKS refused a call that was made at this time. Of those that were in flight together, the first counts.
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
                    // Somebody else may have emptied the bucket.
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
