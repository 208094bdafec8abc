//! Windows against a calendar that nobody here wrote: chrono and its own copy of the time zone database.

use std::fmt::Write as _;

use chrono::{Datelike, TimeZone as _, Timelike, Utc};
use chrono_tz::Tz;
use eks_nodegroup_updater::model::window::{Opening, Windows};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::Config;

/// Zones with and without changes of clocks, with half hours, a change of half an hour, and far from UTC.
const ZONES: [&str; 12] = [
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Africa/Casablanca",
    "America/Sao_Paulo",
    "Europe/Dublin",
    "UTC",
];
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

#[derive(Clone, Debug)]
struct Case {
    windows: Vec<(usize, usize, u32, u32, usize)>,
    at: i64,
}

/// One or two windows, and an instant of 2026 or 2027, often within a day of a change of clocks somewhere.
fn case() -> impl Strategy<Value = Case> {
    let minute = 0..24 * 60u32;
    let window = (0..7usize, 0..7usize, minute.clone(), minute, 0..ZONES.len());
    // The changes of Berlin, New York and Lord Howe in 2026.
    let changes = [1_774_746_000, 1_792_890_000, 1_772_953_200, 1_793_512_800, 1_775_314_800, 1_790_956_200i64];
    let near = (prop::sample::select(changes.to_vec()), -36 * 3600..36 * 3600i64).prop_map(|(change, by)| change + by);
    let at = prop_oneof![near, 1_767_225_600..1_830_297_600i64];
    (prop::collection::vec(window, 1..3), at).prop_map(|(windows, at)| Case { windows, at })
}

impl Case {
    fn text(&self) -> String {
        let mut text = String::new();
        for (first, last, opens, closes, zone) in &self.windows {
            let separator = if text.is_empty() { "" } else { " + " };
            let (first, last, zone) = (DAYS[*first], DAYS[*last], ZONES[*zone]);
            let clock = |minutes: &u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
            write!(text, "{separator}{first}-{last} {}-{} {zone}", clock(opens), clock(closes)).unwrap();
        }
        text
    }

    /// Whether chrono's wall clock stands inside one of the windows.
    fn contains(&self, at: i64) -> bool {
        self.windows.iter().any(|(first, last, opens, closes, zone)| {
            let zone: Tz = ZONES[*zone].parse().unwrap();
            let clock = Utc.timestamp_opt(at, 0).unwrap().with_timezone(&zone);
            let seconds = clock.num_seconds_from_midnight();
            let today = clock.weekday().num_days_from_monday() as usize;
            let on = |day: usize| (day + 7 - first) % 7 <= (last + 7 - first) % 7;
            let (opens, closes) = (opens * 60, closes * 60);
            if opens < closes {
                on(today) && (opens..closes).contains(&seconds)
            } else {
                (on(today) && seconds >= opens) || (on((today + 6) % 7) && seconds < closes)
            }
        })
    }
}

proptest! {
    #![proptest_config(Config { cases: 10_000, ..Config::default() })]

    #[test]
    fn it_is_open_exactly_when_the_wall_clock_stands_inside(case in case()) {
        let windows = Windows::parse(&case.text()).unwrap();
        let at = Timestamp::from_second(case.at).unwrap();
        let open = matches!(windows.at(at), Opening::Open(_));
        prop_assert_eq!(open, case.contains(case.at), "{} at {}", windows, at);
    }

    #[test]
    fn nothing_may_start_outside_a_window_or_in_its_last_half_hour(case in case()) {
        let windows = Windows::parse(&case.text()).unwrap();
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
    fn the_next_change_is_the_next_one(case in case()) {
        let windows = Windows::parse(&case.text()).unwrap();
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
