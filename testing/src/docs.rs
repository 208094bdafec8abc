//! The pages that list what the functions read and return.

/// Decisions, outcomes and statuses.
pub const DECISIONS: &str = include_str!("../../docs/decisions.md");
/// Who else may hold a node group's release and tags.
pub const OWNERSHIP: &str = include_str!("../../docs/ownership.md");
/// Parameters and environment variables.
pub const SETTINGS: &str = include_str!("../../docs/settings.md");

/// Fails unless a table of `docs/decisions.md` has a row for this decision or outcome.
///
/// # Panics
/// Where it has none.
pub fn assert_documented(code: &str) {
    assert!(DECISIONS.contains(&format!("\n| `{code}` |")), "no row for {code}");
}
