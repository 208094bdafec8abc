//! Maintenance windows: when an update may start.
//!
//! A window is defined by wall-clock time: it is open at an instant if the local time of its zone is inside the window. So a
//! window in the hour skipped in spring does not exist that day, and a window in the hour repeated in autumn occurs twice.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// Days that are searched for the next opening. A weekly window that a clock change skips opens a week later.
const HORIZON_DAYS: i32 = 16;

const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

/// One or more windows; open if one of them is open. Without any window: always open.
///
/// ```
/// use eks_nodegroup_updater::model::rules::window::{Opening, Windows};
///
/// let windows: Windows = "Sat-Sun 02:00-06:00 Europe/Berlin".parse()?;
/// let friday = "2026-07-17T12:00:00Z".parse()?;
/// assert_eq!(windows.at(friday), Opening::Closed(Some("2026-07-18T00:00:00Z".parse()?)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Windows(Vec<Window>);

/// Days of the week, a span of the day, and the time zone.
#[derive(Clone, Debug, PartialEq)]
struct Window {
    first_day: Weekday,
    last_day: Weekday,
    opens: Time,
    /// Not after `opens` for a window that lasts past midnight.
    closes: Time,
    zone: TimeZone,
}

/// Why a text is not a window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidWindow(pub String);

/// The state of windows at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Open, and until when; `None` for always open.
    Open(Option<Timestamp>),
    /// Closed, and when they open next, if that is within the next weeks.
    Closed(Option<Timestamp>),
}

impl FromStr for Windows {
    type Err = InvalidWindow;

    /// Reads windows such as `Sat-Sun 02:00-06:00 Europe/Berlin` or `Mon 22:00-02:00 UTC + Thu 22:00-02:00 UTC`.
    fn from_str(text: &str) -> Result<Self, InvalidWindow> {
        // Zones such as Etc/GMT+2 contain a plus sign, but without spaces around it.
        text.split(" + ").map(Window::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl Windows {
    /// Whether they are open at an instant, and when that changes next.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Opening {
        if self.0.is_empty() {
            return Opening::Open(None);
        }
        let open = self.contain(now);
        let mut changes: Vec<Timestamp> = self.0.iter().flat_map(|window| window.changes(now)).collect();
        changes.sort_unstable();
        let next = changes.into_iter().find(|change| self.contain(*change) != open);
        if open { Opening::Open(next) } else { Opening::Closed(next) }
    }

    /// When a new update may start next, if the last minutes before a closing are kept free; `None` if not within the searched
    /// days.
    #[must_use]
    pub fn next_start(&self, now: Timestamp, margin: SignedDuration) -> Option<Timestamp> {
        let mut from = now;
        // Each iteration handles one opening; windows shorter than the margin are skipped.
        for _ in 0..2 * HORIZON_DAYS * 4 {
            match self.at(from) {
                Opening::Open(None) => return Some(from),
                Opening::Open(Some(closes)) if closes.duration_since(from) > margin => return Some(from),
                Opening::Open(Some(closes)) => from = closes,
                Opening::Closed(opens) => from = opens?,
            }
            if from.duration_since(now) > SignedDuration::from_hours(i64::from(HORIZON_DAYS) * 24) {
                return None;
            }
        }
        None
    }

    fn contain(&self, at: Timestamp) -> bool {
        self.0.iter().any(|window| window.contains(at))
    }
}

impl Window {
    fn parse(text: &str) -> Result<Self, InvalidWindow> {
        let wrong = |what: &str| InvalidWindow(format!("{text:?} {what}"));
        let words: Vec<&str> = text.split_whitespace().collect();
        let [days, hours, zone] = words.as_slice() else {
            return Err(wrong("is not days, hours and a time zone"));
        };
        let (first, last) = days.split_once('-').unwrap_or((days, days));
        let day = |name: &str| weekday(name).ok_or_else(|| wrong("has no days of the week such as Sat-Sun"));
        let (opens, closes) = hours.split_once('-').ok_or_else(|| wrong("has no hours such as 02:00-06:00"))?;
        let time = |text: &str| time(text).ok_or_else(|| wrong("has no hours such as 02:00-06:00"));
        // Never the machine's own zone: the function's zone is UTC, regardless of the reader's.
        let zone = (*zone != "Local").then(|| TimeZone::get(zone).ok()).flatten();
        Ok(Self {
            first_day: day(first)?,
            last_day: day(last)?,
            opens: time(opens)?,
            closes: time(closes)?,
            zone: zone.ok_or_else(|| wrong("has no IANA time zone such as Europe/Berlin"))?,
        })
    }

    fn contains(&self, at: Timestamp) -> bool {
        let clock = self.zone.to_datetime(at);
        let today = self.on(clock.date().weekday());
        let time = clock.time();
        if self.opens < self.closes {
            return today && self.opens <= time && time < self.closes;
        }
        let yesterday = self.on(clock.date().weekday().previous());
        (today && time >= self.opens) || (yesterday && time < self.closes)
    }

    /// Whether a window opens on this day of the week.
    fn on(&self, day: Weekday) -> bool {
        let from_first =
            |day: Weekday| (day.to_monday_zero_offset() - self.first_day.to_monday_zero_offset()).rem_euclid(7);
        from_first(day) <= from_first(self.last_day)
    }

    /// Every instant after now at which it might open or close: when local time reaches its hours, and when the clocks change.
    fn changes(&self, now: Timestamp) -> Vec<Timestamp> {
        let today = self.zone.to_datetime(now).date();
        let days = (-1..HORIZON_DAYS).filter_map(|days| today.checked_add(days.days()).ok());
        let reached = days.flat_map(|day| [self.opens, self.closes].map(|time| day.to_datetime(time)));
        let mut changes: Vec<Timestamp> = reached.flat_map(|clock| self.instants(clock)).collect();
        let horizon =
            now.checked_add(SignedDuration::from_hours(24 * i64::from(HORIZON_DAYS))).unwrap_or(Timestamp::MAX);
        let shifts = self.zone.following(now).map(|shift| shift.timestamp());
        changes.extend(shifts.take_while(|shift| *shift <= horizon));
        changes.retain(|change| *change > now);
        changes
    }

    /// The instants with this local time: none in the skipped hour, two in the repeated one.
    fn instants(&self, clock: DateTime) -> Vec<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(clock);
        let earlier = ambiguous.earlier().into_iter();
        earlier.chain(self.zone.to_ambiguous_timestamp(clock).later()).collect()
    }
}

fn weekday(name: &str) -> Option<Weekday> {
    DAYS.iter().find(|(written, _)| *written == name).map(|(_, day)| *day)
}

/// `02:00`; also `24:00`, for the end of a day.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let digits =
        |text: &str| (text.len() == 2).then(|| text.parse::<i8>().ok()).flatten().filter(|number| *number >= 0);
    match (digits(hour)?, digits(minute)?) {
        (24, 0) => Some(Time::midnight()),
        (hour, minute) => Time::new(hour, minute, 0, 0).ok(),
    }
}

impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("at any time");
        }
        self.0.iter().enumerate().try_for_each(|(index, window)| {
            let separator = if index == 0 { "" } else { " + " };
            write!(f, "{separator}{window}")
        })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |day: Weekday| DAYS.iter().find(|(_, other)| *other == day).map_or("", |(name, _)| name);
        f.write_str(name(self.first_day))?;
        if self.first_day != self.last_day {
            write!(f, "-{}", name(self.last_day))?;
        }
        let zone = self.zone.iana_name().unwrap_or("UTC");
        write!(f, " {}-{} {zone}", self.opens.strftime("%H:%M"), self.closes.strftime("%H:%M"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn opening(windows: &str, now: &str) -> Opening {
        windows.parse::<Windows>().unwrap().at(at(now))
    }

    #[test]
    fn a_weekend_window_opens_and_closes_by_the_clocks_of_its_zone() {
        let windows = "Sat-Sun 02:00-06:00 Europe/Berlin";
        let closed = |now, opens| assert_eq!(opening(windows, now), Opening::Closed(Some(at(opens))), "{now}");
        let open = |now, closes| assert_eq!(opening(windows, now), Opening::Open(Some(at(closes))), "{now}");
        closed("2026-07-17T12:00:00Z", "2026-07-18T00:00:00Z");
        open("2026-07-18T00:00:00Z", "2026-07-18T04:00:00Z");
        open("2026-07-18T03:59:59Z", "2026-07-18T04:00:00Z");
        closed("2026-07-18T04:00:00Z", "2026-07-19T00:00:00Z");
        closed("2026-07-19T04:00:00Z", "2026-07-25T00:00:00Z");
        open("2026-01-17T01:00:00Z", "2026-01-17T05:00:00Z");
    }

    #[test]
    fn a_window_may_go_on_past_midnight_and_a_week_may_wrap() {
        let windows = "Sat-Mon 22:00-02:00 UTC";
        assert_eq!(opening(windows, "2026-07-21T01:59:00Z"), Opening::Open(Some(at("2026-07-21T02:00:00Z"))));
        assert_eq!(opening(windows, "2026-07-18T01:59:00Z"), Opening::Closed(Some(at("2026-07-18T22:00:00Z"))));
        assert_eq!(opening("Mon-Sun 00:00-24:00 UTC", "2026-07-18T01:59:00Z"), Opening::Open(None));
    }

    #[test]
    fn a_window_in_the_skipped_hour_does_not_exist_that_day() {
        let windows = "Sun 02:00-03:00 Europe/Berlin";
        let next = at("2026-04-05T00:00:00Z");
        assert_eq!(opening(windows, "2026-03-29T00:30:00Z"), Opening::Closed(Some(next)));
        assert_eq!(opening(windows, "2026-03-29T01:00:00Z"), Opening::Closed(Some(next)));
        let straddling = "Sun 01:30-03:30 Europe/Berlin";
        assert_eq!(opening(straddling, "2026-03-29T00:30:00Z"), Opening::Open(Some(at("2026-03-29T01:30:00Z"))));
    }

    #[test]
    fn a_window_in_the_repeated_hour_occurs_twice() {
        let windows = "Sun 02:15-02:45 Europe/Berlin";
        let closed = |now, opens| assert_eq!(opening(windows, now), Opening::Closed(Some(at(opens))), "{now}");
        let open = |now, closes| assert_eq!(opening(windows, now), Opening::Open(Some(at(closes))), "{now}");
        closed("2026-10-25T00:00:00Z", "2026-10-25T00:15:00Z");
        open("2026-10-25T00:15:00Z", "2026-10-25T00:45:00Z");
        closed("2026-10-25T00:45:00Z", "2026-10-25T01:15:00Z");
        open("2026-10-25T01:15:00Z", "2026-10-25T01:45:00Z");
        closed("2026-10-25T01:45:00Z", "2026-11-01T01:15:00Z");
    }

    #[test]
    fn several_windows_are_one_opening_where_they_touch() {
        let windows = "Sat 02:00-04:00 UTC + Sat 04:00-06:00 UTC";
        assert_eq!(opening(windows, "2026-07-18T03:00:00Z"), Opening::Open(Some(at("2026-07-18T06:00:00Z"))));
    }

    #[test]
    fn the_last_minutes_are_kept_free() {
        let windows = "Sat 02:00-03:00 UTC + Sun 02:00-02:20 UTC".parse::<Windows>().unwrap();
        let half = SignedDuration::from_mins(30);
        let next = |now: &str| windows.next_start(at(now), half).unwrap();
        assert_eq!(next("2026-07-18T02:29:00Z"), at("2026-07-18T02:29:00Z"));
        assert_eq!(next("2026-07-18T02:30:00Z"), at("2026-07-25T02:00:00Z"), "Sunday's is too short");
        let short = "Sun 02:00-02:20 UTC".parse::<Windows>().unwrap();
        assert_eq!(short.next_start(at("2026-07-18T02:30:00Z"), half), None);
        assert_eq!(Windows::default().next_start(at("2026-07-18T02:30:00Z"), half), Some(at("2026-07-18T02:30:00Z")));
    }

    #[test]
    fn what_is_not_a_window_is_quoted() {
        for (text, wrong) in [
            ("", "is not days, hours and a time zone"),
            ("Sat 02:00-06:00", "is not days, hours and a time zone"),
            ("Saturday 02:00-06:00 UTC", "has no days of the week such as Sat-Sun"),
            ("Sat 2-6 UTC", "has no hours such as 02:00-06:00"),
            ("Sat 02:00-25:00 UTC", "has no hours such as 02:00-06:00"),
            ("Sat 02:00-06:00 Berlin", "has no IANA time zone such as Europe/Berlin"),
        ] {
            let error = text.parse::<Windows>().unwrap_err().to_string();
            assert!(error.ends_with(&format!("{text:?} {wrong}")), "{error}");
        }
    }

    #[test]
    fn it_is_printed_as_it_is_written() {
        for text in ["Sat-Sun 02:00-06:00 Europe/Berlin", "Mon 22:00-02:00 UTC + Thu 22:00-00:00 America/New_York"] {
            assert_eq!(text.parse::<Windows>().unwrap().to_string(), text);
        }
    }
}
