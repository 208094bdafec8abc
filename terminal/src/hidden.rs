//! Characters that are made visible, because their reader would not see them, or would see something else.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Characters that control a terminal, break or reorder lines, have no meaning that everybody shares, or no glyph yet: the
/// categories Cc, Cf, Cs, Co, Cn, Zl and Zp. Where they are not interpreted, the Unicode Standard asks for something to be seen
/// instead, "to avoid security problems" (section 5.21).
/// <https://www.unicode.org/versions/Unicode16.0.0/core-spec/chapter-5/>
const NOT_GRAPHIC: GeneralCategoryGroup = GeneralCategoryGroup::Other
    .union(GeneralCategoryGroup::LineSeparator)
    .union(GeneralCategoryGroup::ParagraphSeparator);

/// Whether a character is to be made visible. Besides those that are not graphic, these are the ones that are drawn as nothing
/// (`Default_Ignorable_Code_Point`), such as variation selectors, with which any text can be hidden behind a letter.
pub fn is_hidden(character: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(character);
    NOT_GRAPHIC.contains(category) || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_breaks_reorders_or_vanishes_is_hidden() {
        for (character, what) in [
            ('\0', "null"),
            ('\t', "tab"),
            ('\n', "line feed"),
            ('\r', "carriage return"),
            ('\u{1b}', "escape"),
            ('\u{7f}', "delete"),
            ('\u{85}', "next line"),
            ('\u{9b}', "control sequence introducer"),
            ('\u{ad}', "soft hyphen"),
            ('\u{34f}', "combining grapheme joiner"),
            ('\u{61c}', "Arabic letter mark"),
            ('\u{115f}', "Hangul filler"),
            ('\u{180e}', "Mongolian vowel separator"),
            ('\u{200b}', "zero-width space"),
            ('\u{200d}', "zero-width joiner"),
            ('\u{200f}', "right-to-left mark"),
            ('\u{2028}', "line separator"),
            ('\u{2029}', "paragraph separator"),
            ('\u{202e}', "right-to-left override"),
            ('\u{2060}', "word joiner"),
            ('\u{2066}', "left-to-right isolate"),
            ('\u{3164}', "Hangul filler"),
            ('\u{e000}', "private use"),
            ('\u{fe0f}', "variation selector"),
            ('\u{feff}', "byte order mark"),
            ('\u{ffff}', "no character"),
            ('\u{e0041}', "tag"),
            ('\u{e0100}', "variation selector of ideographs"),
            ('\u{10fffd}', "private use"),
        ] {
            assert!(is_hidden(character), "{what}");
        }
    }

    #[test]
    fn what_people_write_is_not_hidden() {
        // The last but one word has its accents beside its letters.
        for text in [
            "prod/blue-1 ~",
            "Müller",
            "Ελλάδα",
            "Київ",
            "東京　都",
            "서울",
            "ไทย",
            "हिन्दी",
            "עברית",
            "العربية",
            "e\u{301}",
            "🚀✔",
        ] {
            assert_eq!(text.chars().find(|character| is_hidden(*character)), None, "{text}");
        }
    }
}
