//! The page that lists every code which the functions answer.

/// The README.
pub const README: &str = include_str!("../../README.md");

/// Fails unless a table of the README has a row for this reason or outcome.
///
/// # Panics
/// Where it has none.
pub fn assert_documented(code: &str) {
    assert!(README.contains(&format!("\n| `{code}` |")), "no row for {code}");
}
