//! Text from elsewhere, and numbers, as a terminal shows them.

use std::borrow::Cow;

use jiff::SignedDuration;

use crate::charset::Charset;

/// Text from AWS, tags and names in one line, with characters made visible that steer a terminal, reorder text or vanish.
///
/// Pages and messages do the same with all that they show; this is for text that becomes something else first.
pub fn safe(text: &str) -> Cow<'_, str> {
    Charset::Unicode.show(text)
}

/// A duration, in its two largest units.
pub fn duration(length: SignedDuration) -> String {
    let minutes = length.as_mins();
    match (minutes / (24 * 60), minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => format!("{} s", length.as_secs()),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// `1 node group`, `2 node groups`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The known names that are closest to an unknown one.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<(f64, &str)> = known.map(|known| (strsim::jaro_winkler(name, known), known)).collect();
    near.retain(|(similarity, _)| *similarity > 0.8);
    near.sort_by(|one, other| other.0.total_cmp(&one.0));
    near.into_iter().map(|(_, known)| known).take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_known_is_near_to_those_that_were_meant() {
        let known = ["prod/blue", "prod/green", "dev/blue"];
        assert_eq!(nearest("prod/bleu", known.into_iter())[0], "prod/blue");
        assert!(nearest("xyz", known.into_iter()).is_empty());
    }
}
