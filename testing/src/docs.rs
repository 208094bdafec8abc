//! The documentation pages that are generated from the code.

use std::fs;
use std::path::{Path, PathBuf};

/// The page about tools that manage node groups.
pub const OWNERSHIP: &str = include_str!("../../docs/ownership.md");
/// Parameters and environment variables.
pub const SETTINGS: &str = include_str!("../../docs/settings.md");

/// The current content of a page of `docs/`.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn page(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Fails unless a page has the generated text between the comments `<!-- NAME: … -->` and `<!-- end of NAME -->`. With
/// `INSTA_UPDATE=always`, as `just snapshots` sets it, the page is written instead.
///
/// # Panics
/// If the page has another text, or lacks the comments.
pub fn assert_generated(page: &str, name: &str, expected: &str) {
    let text = self::page(page);
    let begin = format!("<!-- {name}: written by `just snapshots` -->\n\n");
    let end = format!("\n<!-- end of {name} -->\n");
    let part = text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = part.unwrap_or_else(|| panic!("{page} lacks the comments of {name}"));
    assert_written(page, &format!("{before}{begin}{expected}{end}{after}"));
}

/// Fails unless a page equals the generated text. With `INSTA_UPDATE=always` it is written instead.
///
/// # Panics
/// If the page has another text.
pub fn assert_written(page: &str, expected: &str) {
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        fs::write(path(page), expected).expect("the page is written");
    } else {
        assert_eq!(self::page(page), expected, "{page}: `just snapshots` writes it anew");
    }
}

fn path(page: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page)
}

/// A table in Markdown.
#[must_use]
pub fn table<const N: usize>(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let cell = |text: String| if text.is_empty() { " |".to_owned() } else { format!(" {text} |") };
    let line = |cells: [String; N]| format!("|{}\n", cells.map(cell).concat());
    let rows: String = rows.into_iter().map(line).collect();
    format!("{}|{}\n{rows}", line(headings.map(str::to_owned)), "---|".repeat(N))
}

/// Fails unless a table of `docs/decisions.md` has a row for this decision or outcome.
///
/// # Panics
/// Where it has none.
pub fn assert_documented(code: &str) {
    assert!(page("decisions.md").contains(&format!("\n| `{code}` |")), "no row for {code}");
}
