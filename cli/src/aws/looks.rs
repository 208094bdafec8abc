//! Looking at places again and again: how often, and what a failed look means.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::account::{Account, Places};
use super::place::{Place, each};
use super::unread::Unread;
use crate::failure::Failure;
use terminal::text::count;

/// The share of an account's rate that looking again and again uses: the rest is for the updater and for others.
const SHARE: f64 = 0.25;
/// The shortest time from one look to the next.
pub const SHORTEST: Duration = Duration::from_secs(5);

/// What a look at a place needs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Calls of EKS, as far as this program knows them. A function may make more.
    pub calls: usize,
    /// The time that the last look took. It is longer if AWS throttles whoever makes the calls.
    pub took: Duration,
    /// The pace of this program's calls of EKS, in calls a second, if EKS throttles them.
    pub pace: Option<f64>,
}

/// How often a command looks, and why not more often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rhythm {
    /// From the beginning of a look to that of the next.
    pub every: Duration,
    /// What makes it longer than wanted.
    because: Option<Cost>,
}

impl Cost {
    /// The time in which the look uses its share of the account's rate.
    fn time(&self) -> Duration {
        let calls = f64::from(u32::try_from(self.calls).unwrap_or(u32::MAX));
        let by_pace = self.pace.map_or(0.0, |pace| calls / pace);
        Duration::try_from_secs_f64((by_pace.max(self.took.as_secs_f64()) / SHARE).ceil()).unwrap_or(Duration::MAX)
    }
}

impl Rhythm {
    /// As often as wanted, if what the looks need allows it.
    pub fn of(wanted: Duration, costs: impl IntoIterator<Item = Cost>) -> Self {
        let wanted = wanted.max(SHORTEST);
        match costs.into_iter().max_by_key(Cost::time) {
            Some(cost) if cost.time() > wanted => Self { every: cost.time(), because: Some(cost) },
            _ => Self { every: wanted, because: None },
        }
    }

    /// Whether it is so different from an earlier one that it is worth telling.
    pub fn differs_from(&self, earlier: &Self) -> bool {
        self.every > 2 * earlier.every || earlier.every > 2 * self.every
    }
}

impl fmt::Display for Rhythm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "every {}", time(self.every))?;
        match self.because {
            Some(Cost { calls, pace: Some(pace), .. }) => {
                let calls = count(calls, "call");
                write!(f, ", because it takes {calls} and EKS accepts {pace:.1} a second from this account")
            }
            Some(Cost { took, .. }) => write!(f, ", because it takes {}", time(took)),
            None => Ok(()),
        }
    }
}

/// `15 s`, or `20 min`.
pub fn time(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 600 || (seconds >= 120 && seconds % 60 == 0) => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{seconds} s"),
    }
}

/// The places of a command that looks again and again. They are kept, and with them the pace at which EKS is called.
#[derive(Debug)]
pub struct Watched<'a> {
    account: &'a Account,
    places: Vec<Place>,
    /// Profiles without credentials.
    pub unread: Vec<Unread>,
    /// How long reading a place is allowed to take.
    limit: Option<Duration>,
    /// Whether to load the credentials again, because somebody might have signed in since.
    is_to_load: bool,
}

/// What a look at a place showed, and how long it took.
#[derive(Debug)]
pub struct Seen<T> {
    /// The place.
    pub place: Place,
    /// What it showed.
    pub answer: Result<(T, Duration), Failure>,
}

impl<'a> Watched<'a> {
    /// The places of the command line; reading each is allowed to take this long.
    ///
    /// # Errors
    /// When there are no credentials, or no region.
    pub async fn of(account: &'a Account, limit: Option<Duration>) -> Result<Self, Failure> {
        let Places { places, unread } = account.places().await?;
        Ok(Self::new(account, places, unread, limit))
    }

    /// These places.
    pub fn new(account: &'a Account, places: Vec<Place>, unread: Vec<Unread>, limit: Option<Duration>) -> Self {
        let places = places.into_iter().map(|place| Place { timeout: limit, is_watched: true, ..place });
        Self { account, places: places.collect(), unread, limit, is_to_load: false }
    }

    /// Looks at each place, several at once.
    pub async fn look<T>(&mut self, read: impl AsyncFn(&Place) -> Result<T, Failure>) -> Vec<Seen<T>> {
        if self.is_to_load
            && let Err(failure) = self.load().await
        {
            let seen = |place: &Place| Seen { place: place.clone(), answer: Err(failure.clone()) };
            return self.places.iter().map(seen).collect();
        }
        let timed = async |place: &Place| {
            let began = Instant::now();
            let answer = read(place).await?;
            Ok((answer, began.elapsed()))
        };
        let answers = each(self.places.clone(), timed).await;
        let seen: Vec<Seen<T>> = answers.into_iter().map(|(place, answer)| Seen { place, answer }).collect();
        self.is_to_load = seen.iter().any(|it| it.answer.as_ref().is_err_and(Failure::might_be_of_credentials));
        seen
    }

    /// Loads the credentials of each place again.
    async fn load(&mut self) -> Result<(), Failure> {
        let mut loaded = self.account.places().await?.places;
        for place in &mut self.places {
            if let Some(index) = loaded.iter().position(|it| it.name() == place.name()) {
                *place = Place { timeout: self.limit, is_watched: true, ..loaded.swap_remove(index) };
            }
        }
        self.is_to_load = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rhythm(wanted: u64, costs: &[Cost]) -> (u64, String) {
        let rhythm = Rhythm::of(Duration::from_secs(wanted), costs.iter().copied());
        (rhythm.every.as_secs(), rhythm.to_string())
    }

    #[test]
    fn it_looks_as_often_as_wanted_where_the_account_allows_it() {
        let quick = Cost { calls: 20, took: Duration::from_millis(900), pace: None };
        assert_eq!(rhythm(15, &[quick]), (15, "every 15 s".to_owned()));
        assert_eq!(rhythm(300, &[]), (300, "every 5 min".to_owned()));
        assert_eq!(rhythm(1, &[quick]), (5, "every 5 s".to_owned()));
    }

    #[test]
    fn it_uses_a_quarter_of_the_rate_that_eks_accepts() {
        let throttled = Cost { calls: 300, took: Duration::from_secs(31), pace: Some(10.0) };
        let reason = "every 124 s, because it takes 31 s";
        assert_eq!(rhythm(15, &[Cost { pace: None, ..throttled }]), (124, reason.to_owned()));
        let slower = Cost { took: Duration::from_secs(2), pace: Some(2.5), ..throttled };
        let reason = "every 8 min, because it takes 300 calls and EKS accepts 2.5 a second from this account";
        assert_eq!(rhythm(15, &[throttled, slower]), (480, reason.to_owned()));
    }

    #[test]
    fn a_function_that_waits_for_its_calls_makes_the_looks_rarer() {
        let waits = Cost { calls: 3_000, took: Duration::from_mins(5), pace: None };
        assert_eq!(rhythm(30, &[Cost::default(), waits]), (1_200, "every 20 min, because it takes 5 min".to_owned()));
    }
}
