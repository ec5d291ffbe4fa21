//! What the text that people type may hold: what of it can be seen (Unicode's UAX #44), what makes a name (UAX #31), and
//! the keys by which names are compared (UAX #15, UTS #39).

use caseless::Caseless;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory as Category, JoiningType};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

const NON_JOINER: char = '\u{200C}';
const JOINER: char = '\u{200D}';

/// The combining class of the signs that take a consonant's vowel away.
const VIRAMA: u8 = 9;

/// So many marks may stand above each other in a name (UTS #39, 5.4): more would reach into the lines around it.
const MAX_STACKED_MARKS: usize = 4;

/// The key by which names and addresses are compared: NFKC and full case folding, so that what looks the same in
/// another case or form is the same. (PostgreSQL's `lower` folds ASCII only under `--locale=C`.) A NUL, which
/// PostgreSQL takes in no text, becomes U+FFFD, which no name holds: what is asked for with one is not found.
pub fn fold(text: &str) -> String {
    let text = text.trim().replace('\0', "\u{FFFD}");
    text.nfkc().default_case_fold().nfkc().collect()
}

/// The keys by which it is told whether two names look alike in any scripts (UTS #39, 4): what the name looks like as it
/// is written, and in small letters. They count 1, l and I as one, 0 and O, and rn and m, because in many fonts they are.
pub fn skeletons(name: &str) -> [String; 2] {
    [name, &fold(name)].map(|name| fold(&unicode_security::skeleton(name).collect::<String>()))
}

/// Whether the character shows something where it stands. The page has the same rule (`assets/js/dom.js`).
pub fn is_visible(c: char) -> bool {
    !c.is_whitespace()
        && !c.is_control()
        && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        // What no property tells: the blanks of Braille, Khitan, hieroglyphs (with what arranges them) and music, and
        // the marks of annotations.
        && !matches!(c, '\u{2800}' | '\u{16FE4}' | '\u{13430}'..='\u{13442}' | '\u{1D159}' | '\u{FFF9}'..='\u{FFFB}')
}

/// Whether the character is a mark on the letter before it.
pub fn is_mark(c: char) -> bool {
    matches!(
        category(c),
        Category::NonspacingMark | Category::SpacingMark | Category::EnclosingMark
    )
}

/// Characters that a name on one line must not hold: control characters, and those that turn the direction of
/// what follows, because they could make a name look like another or spill over what stands beside it.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Checks that a name in NFKC is an identifier: letters and digits of any script with their marks, and `signs`; nothing
/// that cannot be seen, and no mark without a letter before it. The error is a sentence for its field.
pub fn check_identifier(name: &str, signs: [char; 2]) -> Result<(), String> {
    let chars: Vec<char> = name.chars().collect();
    for (at, &c) in chars.iter().enumerate() {
        let (before, after) = (&chars[..at], &chars[at + 1..]);
        if !is_visible(c) && !c.is_whitespace() && !shows_by_joining(c, before, after) {
            return Err("There is a character in it that cannot be seen. Type it anew, letter by letter.".into());
        }
        let is_part = match c {
            NON_JOINER | JOINER => true,
            mark if is_mark(mark) => fits(mark, before),
            c => c.is_alphanumeric() || signs.contains(&c),
        };
        if !is_part {
            return Err(format!("Use letters, digits, “{}” and “{}” only.", signs[0], signs[1]));
        }
    }
    Ok(())
}

/// Whether a mark may follow: there is something for it to stand on, and it can be told from the marks that stand there.
fn fits(mark: char, before: &[char]) -> bool {
    let is_nonspacing = |c: char| category(c) == Category::NonspacingMark;
    let stacked = before.iter().rev().take_while(|c| is_nonspacing(**c)).count();
    let is_too_high = is_nonspacing(mark) && (stacked >= MAX_STACKED_MARKS || before.last() == Some(&mark));
    !before.is_empty() && !is_too_high && category(mark) != Category::EnclosingMark
}

/// Whether this is a joiner that changes how the letters around it look (UAX #31, 2.3): a non-joiner between letters that
/// would join, or either one after a virama.
fn shows_by_joining(c: char, before: &[char], after: &[char]) -> bool {
    let joining = CodePointMapData::<JoiningType>::new();
    let is_seen = |c: &&char| joining.get(**c) != JoiningType::Transparent;
    let joins = |c: Option<&char>, side| c.is_some_and(|c| [side, JoiningType::DualJoining].contains(&joining.get(*c)));
    let splits = || {
        joins(before.iter().rev().find(is_seen), JoiningType::LeftJoining)
            && joins(after.iter().find(is_seen), JoiningType::RightJoining)
    };
    let is_base = |c: &&char| !is_mark(**c);
    let is_letter = |c: Option<&char>| c.is_some_and(|c| c.is_alphabetic());
    let follows_virama = || {
        let mut back = before.iter().rev();
        let classes = back.by_ref().map(|c| canonical_combining_class(*c));
        classes.take_while(|class| *class != 0).any(|class| class == VIRAMA) && is_letter(back.find(is_base))
    };
    match c {
        NON_JOINER => splits() || follows_virama() && is_letter(after.iter().find(is_base)),
        JOINER => follows_virama() && !after.first().is_some_and(|c| is_mark(*c)),
        _ => false,
    }
}

fn category(c: char) -> Category {
    CodePointMapData::<Category>::new().get(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_case_or_form_only_are_the_same() {
        assert_eq!(fold("STRASSE"), fold("straße"));
        assert_eq!(fold("ｂｏｂ"), fold("BOB"));
    }

    #[test]
    fn what_is_folded_can_be_looked_for() {
        assert_eq!(fold("a\0B"), "a\u{FFFD}b");
    }

    #[test]
    fn names_that_look_alike_share_a_skeleton() {
        let look_alike = |one, other| {
            let others = skeletons(other);
            skeletons(one).iter().any(|skeleton| others.contains(skeleton))
        };
        for (one, other) in [
            ("ada", "\u{430}d\u{430}"),
            ("ada", "AD\u{410}"),
            ("ada", "ada\u{1160}"),
            ("boba", "\u{412}\u{41e}\u{412}\u{410}"),
            ("alice", "\u{391}LICE"),
            ("Alice", "A1ICE"),
            ("Ilse", "llse"),
            ("carmen", "carrnen"),
            ("bob1", "bobl"),
            ("zoe0", "ZOEO"),
            ("می\u{200C}خواهم", "میخواهم"),
            ("カ_ニ", "カ_二"),
        ] {
            assert!(look_alike(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("ada", "ida"),
            ("ada", "àda"),
            ("jose", "josé"),
            ("bob1", "bob2"),
            ("a.b", "a_b"),
            ("बोल", "बाल"),
            ("กา", "กำ"),
            ("김", "긴"),
        ] {
            assert!(!look_alike(one, other), "{one} {other}");
        }
    }

    #[test]
    fn some_characters_show_nothing() {
        for unseen in [
            ' ',
            '\u{A0}',
            '\0',
            '\u{7F}',
            '\u{AD}',
            '\u{34F}',
            '\u{61C}',
            '\u{115F}',
            '\u{1160}',
            '\u{17B4}',
            '\u{180E}',
            '\u{200B}',
            '\u{200D}',
            '\u{200F}',
            '\u{2028}',
            '\u{202E}',
            '\u{2060}',
            '\u{2065}',
            '\u{2069}',
            '\u{2800}',
            '\u{3000}',
            '\u{3164}',
            '\u{FE0F}',
            '\u{FEFF}',
            '\u{FFA0}',
            '\u{FFF9}',
            '\u{13441}',
            '\u{1D159}',
            '\u{E0001}',
            '\u{E0041}',
            '\u{E01EF}',
        ] {
            assert!(!is_visible(unseen), "{unseen:?}");
        }
        for seen in [
            'a', '1', '-', '\u{301}', 'ั', '्', '۝', '한', '가', '🌙', '\u{E000}', '\u{FFFD}', '\u{FFFC}',
        ] {
            assert!(is_visible(seen), "{seen:?}");
        }
    }

    fn is_name(name: &str) -> bool {
        check_identifier(name, ['-', '_']).is_ok()
    }

    #[test]
    fn letters_keep_their_marks() {
        for good in [
            "ทั่วไป",
            "हिन्दी",
            "தமிழ்",
            "မြန်မာ",
            "ខ្មែរ",
            "བོད",
            "עִבְרִית",
            "مُحَمَّد",
            "Việt",
            "q\u{303}",
        ] {
            let good: String = good.nfkc().collect();
            assert!(is_name(&good), "{good}");
        }
        for bad in [
            "\u{301}",
            "\u{301}a",
            "a\u{20DD}",
            "a\u{301}\u{301}",
            "a\u{300}\u{301}\u{302}\u{303}\u{304}",
        ] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn joiners_stand_where_they_show() {
        for good in [
            // Persian: letters that would join, also with a mark between.
            "می\u{200C}خواهم",
            "نامه\u{200C}ای",
            "م\u{64F}\u{200C}ه",
            // Malayalam, Sinhala, Hindi: after a virama.
            "ന്\u{200D}",
            "ශ්\u{200D}රී",
            "क्\u{200C}ष",
        ] {
            assert!(is_name(good), "{good:?}");
        }
        for bad in [
            "ada\u{200C}",
            "ad\u{200C}a",
            "ad\u{200D}a",
            "\u{200C}می",
            "می\u{200C}",
            "می\u{200D}خواهم",
            "می\u{200C}\u{200C}خواهم",
            // Reh does not join what follows.
            "کار\u{200C}ها",
            "क्\u{200C}",
            "_्\u{200D}",
            "क\u{200D}ष",
        ] {
            assert_eq!(
                check_identifier(bad, ['-', '_']),
                Err("There is a character in it that cannot be seen. Type it anew, letter by letter.".into()),
                "{bad:?}"
            );
        }
    }
}
