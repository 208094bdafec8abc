//! A part of a whole, as a bar.

/// A bar of this many columns, filled by a part from 0 to 1: `━━━━╸─────`. A part that is more than the whole fills it.
pub fn bar(part: f64, columns: u8) -> String {
    let halves =
        (1..=2 * u16::from(columns)).filter(|half| f64::from(*half) <= part * 2.0 * f64::from(columns)).count();
    let rest = usize::from(columns) - halves.div_ceil(2);
    format!("{}{}{}", "━".repeat(halves / 2), "╸".repeat(halves % 2), "─".repeat(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_a_part_to_half_a_column() {
        let bars = [-1.0, 0.0, 0.1, 0.5, 0.57, 1.0, 7.0].map(|part| bar(part, 10));
        let expected =
            ["──────────", "──────────", "━─────────", "━━━━━─────", "━━━━━╸────", "━━━━━━━━━━", "━━━━━━━━━━"];
        assert_eq!(bars, expected);
    }
}
