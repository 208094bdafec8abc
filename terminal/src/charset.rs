//! The characters that the terminal of a reader can show.

use std::borrow::Cow;

use eks_nodegroup_updater::config::{Environment, process_environment};

use crate::hidden::is_hidden;

/// The variables that choose the encoding of characters; the first one that is not empty decides.
/// <https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html#tag_08_02>
const LOCALE: [&str; 3] = ["LC_ALL", "LC_CTYPE", "LANG"];

/// The signs of pages, bars and messages in ASCII. A sign in a column is one character, so that columns stay where they are.
const IN_ASCII: [(char, &str); 18] = [
    ('▲', "^"),
    ('↻', "~"),
    ('◷', "."),
    ('✗', "x"),
    ('○', "o"),
    ('●', "*"),
    ('✔', "+"),
    ('‼', "!"),
    ('·', "-"),
    ('✉', "@"),
    ('→', ">"),
    ('─', "-"),
    ('│', "|"),
    ('…', "..."),
    ('–', "-"),
    ('\u{a0}', " "),
    ('━', "="),
    ('╸', "-"),
];

/// The characters that can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// All of Unicode.
    Unicode,
    /// Only ASCII, as in the locale `C`.
    Ascii,
}

impl Charset {
    /// The characters that the locale of this process can show.
    pub fn here() -> Self {
        Self::of(&process_environment)
    }

    /// The characters that the locale in these variables can show. Without one, POSIX has ASCII. Terminals of Windows and macOS
    /// show Unicode without any variable: there, only a variable that says otherwise counts.
    pub fn of(environment: Environment<'_>) -> Self {
        let locale = LOCALE.into_iter().filter_map(environment).find(|value| !value.is_empty());
        match locale {
            Some(locale) if is_utf8(&locale) => Self::Unicode,
            None if cfg!(any(windows, target_os = "macos")) => Self::Unicode,
            _ => Self::Ascii,
        }
    }

    /// A text from anywhere in characters that can be shown. The others are escaped, and those that `is_hidden` are too:
    /// nothing in it can move the cursor, begin a line, turn the reading direction around, or be there unseen.
    pub fn show(self, text: &str) -> Cow<'_, str> {
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return text.into();
        }
        let mut shown = String::with_capacity(text.len());
        for character in text.chars() {
            if is_hidden(character) {
                shown.extend(character.escape_default());
            } else if self == Self::Unicode || character.is_ascii() {
                shown.push(character);
            } else {
                match IN_ASCII.iter().find(|(sign, _)| *sign == character) {
                    Some((_, ascii)) => shown.push_str(ascii),
                    None => shown.extend(character.escape_default()),
                }
            }
        }
        shown.into()
    }
}

/// Whether a locale's name, such as `de_DE.UTF-8@euro`, names UTF-8. macOS also sets `LC_CTYPE=UTF-8`.
fn is_utf8(locale: &str) -> bool {
    let codeset = locale.rsplit('.').next().unwrap_or_default();
    let codeset = codeset.split('@').next().unwrap_or_default();
    codeset.eq_ignore_ascii_case("UTF-8") || codeset.eq_ignore_ascii_case("UTF8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Charset {
        let value = |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
        Charset::of(&value)
    }

    #[test]
    fn the_first_variable_that_is_not_empty_decides() {
        assert_eq!(of(&[("LANG", "en_US.UTF-8")]), Charset::Unicode);
        assert_eq!(of(&[("LC_CTYPE", "C"), ("LANG", "en_US.UTF-8")]), Charset::Ascii);
        assert_eq!(of(&[("LC_ALL", "C.utf8"), ("LC_CTYPE", "C"), ("LANG", "C")]), Charset::Unicode);
        assert_eq!(of(&[("LC_ALL", ""), ("LC_CTYPE", ""), ("LANG", "de_DE.UTF-8@euro")]), Charset::Unicode);
        assert_eq!(of(&[("LC_MESSAGES", "C"), ("LC_CTYPE", "UTF-8")]), Charset::Unicode);
        for ascii in ["C", "POSIX", "en_US", "de_DE.ISO-8859-1", "ja_JP.eucJP", "UTF-8.C"] {
            assert_eq!(of(&[("LANG", ascii)]), Charset::Ascii, "{ascii}");
        }
    }

    #[test]
    #[cfg(not(any(windows, target_os = "macos")))]
    fn without_a_locale_it_is_ascii() {
        assert_eq!((of(&[]), of(&[("LANG", "")])), (Charset::Ascii, Charset::Ascii));
    }

    #[test]
    fn hidden_characters_are_seen_and_the_rest_is_as_it_was() {
        let text = "Müller\u{1b}[2J\r\n\t\u{202e}x\u{200b} 東京 ✔";
        assert_eq!(Charset::Unicode.show(text), r"Müller\u{1b}[2J\r\n\t\u{202e}x\u{200b} 東京 ✔");
        let shown = r"M\u{fc}ller\u{1b}[2J\r\n\t\u{202e}x\u{200b} \u{6771}\u{4eac} +";
        assert_eq!(Charset::Ascii.show(text), shown);
        assert_eq!(Charset::Ascii.show(shown), shown, "what is shown is shown as it is");
    }

    #[test]
    fn each_sign_has_another_one_in_ascii() {
        for (sign, ascii) in IN_ASCII {
            assert_eq!(Charset::Unicode.show(&sign.to_string()), sign.to_string());
            assert!(ascii.is_ascii() && !ascii.is_empty(), "{sign}");
        }
    }
}
