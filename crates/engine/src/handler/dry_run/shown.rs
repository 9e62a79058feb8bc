//! Text of effects for display: escaped, and truncated if long.

use kreplay_model::domain::printable;

/// The maximum length of an effect, a key or an error, in characters.
const MAX_SHOWN_CHARS: usize = 200;
/// The number of bytes shown before the first difference of two texts.
const CONTEXT_CHARS: usize = 40;

/// The beginning of a text.
pub(super) fn truncated(bytes: &[u8]) -> String {
    excerpt(bytes, 0)
}

/// Excerpts of two texts that both show the place of their first difference.
pub(super) fn truncated_around_difference(left: &[u8], right: &[u8]) -> [String; 2] {
    let equal = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    let most = left.len().max(right.len());
    let start = if most <= MAX_SHOWN_CHARS { 0 } else { equal.saturating_sub(CONTEXT_CHARS) };
    // If the difference is within a UTF-8 character, both excerpts start at its beginning.
    let start =
        (0..=start).rev().take(4).find(|at| left.get(*at).is_none_or(|byte| byte & 0xC0 != 0x80)).unwrap_or(start);
    [excerpt(left, start), excerpt(right, start)]
}

fn excerpt(bytes: &[u8], start: usize) -> String {
    let rest = bytes.get(start..).unwrap_or_default();
    // A character has at most four bytes, and an invalid sequence of up to four bytes is replaced by one character.
    let text = String::from_utf8_lossy(&rest[..rest.len().min(MAX_SHOWN_CHARS * 4)]).into_owned();
    let mut shown: String = text.chars().take(MAX_SHOWN_CHARS).collect();
    let whole = text.len() == shown.len() && rest.len() <= MAX_SHOWN_CHARS * 4;
    if start > 0 {
        shown.insert(0, '…');
    }
    if !whole {
        shown.push('…');
    }
    printable(&shown).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_texts_are_truncated_and_control_characters_escaped() {
        assert_eq!(truncated(b"a\x1b[2J"), "a\\u{1b}[2J");
        assert_eq!(truncated(&[b'x'; 200]), "x".repeat(200));
        assert_eq!(truncated(&[b'x'; 201]), "x".repeat(200) + "…");
    }

    proptest! {
        #[test]
        fn excerpts_of_different_texts_differ(common in "[aäß€]{0,400}", left in "[b-m]{1,30}", right in "[n-z]{0,30}") {
            let (left, right) = (format!("{common}{left}"), format!("{common}{right}"));
            let [one, other] = truncated_around_difference(left.as_bytes(), right.as_bytes());
            prop_assert_ne!(&one, &other);
            prop_assert!(!one.contains('\u{FFFD}') && !other.contains('\u{FFFD}'), "{} {}", one, other);
        }

        #[test]
        fn excerpts_of_any_bytes_have_no_control_characters(left in prop::collection::vec(any::<u8>(), 0..900), right in prop::collection::vec(any::<u8>(), 0..900)) {
            for shown in truncated_around_difference(&left, &right) {
                prop_assert!(!shown.chars().any(char::is_control));
            }
        }
    }
}
