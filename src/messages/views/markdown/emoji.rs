//! Which messages are nothing but a few emoji.

use icu_properties::CodePointSetData;
use icu_properties::props::{EmojiPresentation, ExtendedPictographic, RegionalIndicator};
use unicode_segmentation::UnicodeSegmentation;

/// So many emoji stand large.
const MOST: usize = 3;
/// Bytes that so many take at most: the longest are families and flags of regions.
const MAX_BYTES: usize = 150;
const VARIATION_SELECTOR: char = '\u{FE0F}';
const KEYCAP: char = '\u{20E3}';

/// Whether the text is one to three emoji and nothing else.
pub(super) fn is_emoji_only(text: &str) -> bool {
    let may_be = |byte: &u8| !byte.is_ascii() || byte.is_ascii_digit() || matches!(byte, b'#' | b'*');
    if text.len() > MAX_BYTES || !text.as_bytes().first().is_some_and(may_be) {
        return false;
    }
    let mut emoji = text.graphemes(true).filter(|grapheme| !grapheme.trim().is_empty());
    let few = emoji.by_ref().take(MOST).all(is_emoji);
    few && emoji.next().is_none()
}

/// Whether one character, as people count them, is shown as a picture (Unicode's UTS #51).
fn is_emoji(grapheme: &str) -> bool {
    let mut chars = grapheme.chars();
    let Some(first) = chars.next() else { return false };
    let second = chars.next();
    if CodePointSetData::new::<RegionalIndicator>().contains(first) {
        return second.is_some();
    }
    if first.is_ascii() {
        return grapheme.ends_with(KEYCAP);
    }
    let is_picture = CodePointSetData::new::<EmojiPresentation>().contains(first);
    let is_made_one =
        second == Some(VARIATION_SELECTOR) && CodePointSetData::new::<ExtendedPictographic>().contains(first);
    is_picture || is_made_one
}
