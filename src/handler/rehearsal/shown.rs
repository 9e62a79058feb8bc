//! Effects for people: escaped, and cut where they are long.

use crate::feed::printable;

/// So many characters are shown of an effect, a key or an error.
const LONGEST: usize = 200;
/// So much stands before the place where two texts begin to differ.
const BEFORE: usize = 40;

/// The beginning of a text.
pub(super) fn cut(bytes: &[u8]) -> String {
    from(bytes, 0)
}

/// Two texts, each so that the place is in sight where they begin to differ.
pub(super) fn cut_where_they_differ(left: &[u8], right: &[u8]) -> [String; 2] {
    let equal = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    let most = left.len().max(right.len());
    let start = if most <= LONGEST { 0 } else { equal.saturating_sub(BEFORE) };
    // Within a character of UTF-8, both go back to its beginning.
    let start =
        (0..=start).rev().take(4).find(|at| left.get(*at).is_none_or(|byte| byte & 0xC0 != 0x80)).unwrap_or(start);
    [from(left, start), from(right, start)]
}

fn from(bytes: &[u8], start: usize) -> String {
    let rest = bytes.get(start..).unwrap_or_default();
    // Four bytes are the longest character; what replaces bytes that are none is one for at most so many.
    let text = String::from_utf8_lossy(&rest[..rest.len().min(LONGEST * 4)]).into_owned();
    let mut shown: String = text.chars().take(LONGEST).collect();
    let whole = text.len() == shown.len() && rest.len() <= LONGEST * 4;
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
    fn long_texts_are_cut_and_hostile_ones_escaped() {
        assert_eq!(cut(b"a\x1b[2J"), "a\\u{1b}[2J");
        assert_eq!(cut(&[b'x'; 200]), "x".repeat(200));
        assert_eq!(cut(&[b'x'; 201]), "x".repeat(200) + "…");
    }

    proptest! {
        #[test]
        fn what_differs_is_shown_to_differ(common in "[aäß€]{0,400}", left in "[b-m]{1,30}", right in "[n-z]{0,30}") {
            let (left, right) = (format!("{common}{left}"), format!("{common}{right}"));
            let [one, other] = cut_where_they_differ(left.as_bytes(), right.as_bytes());
            prop_assert_ne!(&one, &other);
            prop_assert!(!one.contains('\u{FFFD}') && !other.contains('\u{FFFD}'), "{} {}", one, other);
        }

        #[test]
        fn no_bytes_are_too_strange(left in prop::collection::vec(any::<u8>(), 0..900), right in prop::collection::vec(any::<u8>(), 0..900)) {
            for shown in cut_where_they_differ(&left, &right) {
                prop_assert!(!shown.chars().any(char::is_control));
            }
        }
    }
}
