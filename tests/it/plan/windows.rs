//! No update starts outside a window. Windows are held to a calendar that nobody here wrote: chrono and its own copy of the time
//! zone database.

use std::fmt;
use std::time::Duration;

use chrono::{Datelike, TimeZone as _, Timelike, Utc};
use chrono_tz::Tz;
use eks_nodegroup_updater::model::rules::Rules;
use eks_nodegroup_updater::model::rules::window::{Opening, Windows};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_derive::Arbitrary;
use simulated_aws::Fault;
use testing::{Fleet, TestEnv, minutes, tagged};

use super::{Alone, OFFERED};
use crate::decide;

#[test]
fn outside_its_window() {
    let window = |text: &str| Rules { window: text.parse::<Windows>().unwrap(), ..Rules::default() };
    // It is Monday, nine o'clock in London's winter and eleven in Berlin's summer.
    assert_eq!(Fleet::blue().rules(window("Mon 10:00-12:00 Europe/Berlin"), OFFERED).starts().len(), 1);
    let sentence = "updates may start Sat-Sun 02:00-06:00 Europe/Berlin; next at 2026-07-25T00:00:00Z";
    Fleet::blue().rules(window("Sat-Sun 02:00-06:00 Europe/Berlin"), OFFERED).waits_until(
        "OutsideWindow",
        sentence,
        "2026-07-25T00:00:00Z",
    );
    let sentence = "updates may start Mon 10:00-11:30 Europe/Berlin; next at 2026-07-27T08:00:00Z";
    Fleet::blue().rules(window("Mon 10:00-11:30 Europe/Berlin"), OFFERED).waits_until(
        "OutsideWindow",
        sentence,
        "2026-07-27T08:00:00Z",
    );
    let sentence = "updates may start Mon 10:00-10:20 UTC; no window in the next two weeks is long enough";
    Fleet::blue().rules(window("Mon 10:00-10:20 UTC"), OFFERED).waits("OutsideWindow", sentence);
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_outside_a_window() {
    // It is Monday, nine o'clock in UTC.
    let env = TestEnv::with([tagged("prod", "blue", &[("window", "Sat-Sun 02:00-06:00 Europe/Berlin")])]).await;
    let summary = env.start().await;
    let opens: Timestamp = "2026-07-25T00:00:00Z".parse().unwrap();
    assert_eq!((summary.decisions[0].decision, summary.decisions[0].until), ("OutsideWindow", Some(opens)));
    env.world.advance(opens.duration_since(env.world.now()) - minutes(1));
    assert_eq!(decide(&env, "prod/blue").await.0, "OutsideWindow");
    env.advance(1);
    assert_eq!(decide(&env, "prod/blue").await.0, "Start");
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_in_a_window_that_closes_during_the_run() {
    let mut env =
        TestEnv::with(["a", "b", "c"].map(|name| tagged(name, "ng", &[("window", "Mon 09:00-09:01 UTC")]))).await;
    env.start_config.settings.window_margin = minutes(0);
    // Each answer takes four seconds, so that the window closes while the first update is recorded.
    env.world.advance(SignedDuration::from_secs(24));
    let (before, after) = (Duration::from_secs(2), Duration::from_secs(2));
    env.world.on_request(move |_| Fault::Slow { before, after, then: Box::new(Fault::None) });
    let summary = env.start().await;
    let decisions = summary.decisions.iter().map(|line| (line.decision, line.outcome)).collect::<Vec<_>>();
    let starts = ["Accepted", "WindowClosed", "WindowClosed"].map(|outcome| ("Start", Some(outcome)));
    assert_eq!(decisions, starts);
    assert_eq!(env.world.updates("b", "ng").len() + env.world.updates("c", "ng").len(), 0);
    assert!(summary.errors.is_empty(), "{:?}", summary.errors);
}

/// Zones with and without changes of clocks, with half hours, a change of half an hour, and far from UTC.
/// Of those whose rules the oracle, which is of 2025, still has right: Morocco changed its own in 2026.
const ZONES: [&str; 12] = [
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Africa/Cairo",
    "America/Sao_Paulo",
    "Europe/Dublin",
    "UTC",
];

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Days and zone by their places in the tables above, times in minutes after midnight.
#[derive(Clone, Debug, Arbitrary)]
struct Window {
    #[proptest(strategy = "0..DAYS.len()")]
    first: usize,
    #[proptest(strategy = "0..DAYS.len()")]
    last: usize,
    #[proptest(strategy = "0..24 * 60u32")]
    opens: u32,
    #[proptest(strategy = "0..24 * 60u32")]
    closes: u32,
    #[proptest(strategy = "0..ZONES.len()")]
    zone: usize,
}

/// One or two windows, and an instant of 2026 or 2027, often within a day of a change of clocks somewhere.
#[derive(Clone, Debug, Arbitrary)]
struct Case {
    #[proptest(strategy = "prop::collection::vec(any::<Window>(), 1..3)")]
    windows: Vec<Window>,
    #[proptest(strategy = "instant()")]
    at: i64,
}

fn instant() -> impl Strategy<Value = i64> {
    // The changes of Berlin, New York and Lord Howe in 2026.
    let changes = [1_774_746_000, 1_792_890_000, 1_772_953_200, 1_793_512_800, 1_775_314_800, 1_790_956_200i64];
    let near = (prop::sample::select(changes.to_vec()), -36 * 3600..36 * 3600i64).prop_map(|(change, by)| change + by);
    prop_oneof![near, 1_767_225_600..1_830_297_600i64]
}

impl Window {
    /// Whether chrono's wall clock stands inside.
    fn contains(&self, at: i64) -> bool {
        let zone: Tz = ZONES[self.zone].parse().unwrap();
        let clock = Utc.timestamp_opt(at, 0).unwrap().with_timezone(&zone);
        let seconds = clock.num_seconds_from_midnight();
        let today = clock.weekday().num_days_from_monday() as usize;
        let on = |day: usize| (day + 7 - self.first) % 7 <= (self.last + 7 - self.first) % 7;
        let (opens, closes) = (self.opens * 60, self.closes * 60);
        if opens < closes {
            on(today) && (opens..closes).contains(&seconds)
        } else {
            (on(today) && seconds >= opens) || (on((today + 6) % 7) && seconds < closes)
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let (opens, closes) = (clock(self.opens), clock(self.closes));
        write!(f, "{}-{} {opens}-{closes} {}", DAYS[self.first], DAYS[self.last], ZONES[self.zone])
    }
}

impl Case {
    fn text(&self) -> String {
        self.windows.iter().map(Window::to_string).collect::<Vec<_>>().join(" + ")
    }

    fn contains(&self, at: i64) -> bool {
        self.windows.iter().any(|window| window.contains(at))
    }
}

proptest! {
    #![proptest_config(Config { cases: 10_000, ..Config::default() })]

    #[test]
    fn it_is_open_exactly_when_the_wall_clock_stands_inside(case: Case) {
        let windows = case.text().parse::<Windows>().unwrap();
        let at = Timestamp::from_second(case.at).unwrap();
        let open = matches!(windows.at(at), Opening::Open(_));
        prop_assert_eq!(open, case.contains(case.at), "{} at {}", windows, at);
    }

    #[test]
    fn nothing_may_start_outside_a_window_or_in_its_last_half_hour(case: Case) {
        let windows = case.text().parse::<Windows>().unwrap();
        let at = Timestamp::from_second(case.at).unwrap();
        if let Some(start) = windows.next_start(at, SignedDuration::from_mins(30)) {
            prop_assert!(start >= at);
            for minute in 0..=30 {
                prop_assert!(case.contains(start.as_second() + minute * 60), "{} minute {} of {}", windows, minute, start);
            }
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 300, ..Config::default() })]

    #[test]
    fn the_next_change_is_the_next_one(case: Case) {
        let windows = case.text().parse::<Windows>().unwrap();
        let at = Timestamp::from_second(case.at - case.at.rem_euclid(60)).unwrap();
        let (open, change) = match windows.at(at) {
            Opening::Open(change) => (true, change),
            Opening::Closed(change) => (false, change),
        };
        // Every zone's offset, and every window's edge, is whole minutes.
        let end = change.map_or(at.as_second() + 8 * 86_400, Timestamp::as_second);
        for second in (at.as_second()..end).step_by(60) {
            prop_assert_eq!(case.contains(second), open, "{} at {}", windows, second);
        }
        if change.is_some() {
            prop_assert_eq!(case.contains(end), !open, "{} at {}", windows, end);
        }
    }
}
