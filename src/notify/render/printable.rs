//! The safe parts of a text.

/// Removes control characters and marks that change the reading direction.
pub(super) fn printable(text: &str) -> String {
    let hidden = |character: char| {
        character.is_control()
            || matches!(character, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
    };
    text.chars().map(|character| if hidden(character) { ' ' } else { character }).collect()
}

/// The length in UTF-16, which is never shorter than the number of Unicode characters: AWS does not document which it counts.
pub(super) fn length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Truncates to this length, without an open code span at the end.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if length(text) <= limit {
        return text.to_owned();
    }
    let mut room = limit.saturating_sub(2);
    let fits = |character: &char| {
        let rest = room.checked_sub(character.len_utf16());
        room = rest.unwrap_or(room);
        rest.is_some()
    };
    let mut kept: String = text.chars().take_while(fits).collect();
    let is_open = kept.matches('`').count() % 2 == 1;
    if is_open && kept.ends_with('`') {
        kept.pop();
    } else if is_open {
        kept.push('`');
    }
    format!("{kept}…")
}
