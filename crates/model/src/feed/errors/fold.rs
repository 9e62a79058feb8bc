//! What errors of one kind have in common.

/// Stands for a number or an id.
const PLACEHOLDER: char = '#';
/// Minimum length of a word with digits that is an id as a whole, such as `order-7f3a2b`. In a shorter one only the
/// digits vary.
const MIN_ID_CHARS: usize = 12;
/// HTTP status codes of errors. They say what kind of error it is, so they are kept.
const STATUS_CODES: std::ops::RangeInclusive<u32> = 400..=599;
/// Maximum length of the result in characters.
const MAX_CHARS: usize = 300;

/// An error without what varies between errors of its kind: numbers, and words with digits that look like ids, become
/// `#`. Three-digit numbers from 400 to 599 are kept. The result has at most 300 characters.
#[must_use]
pub fn fold(error: &str) -> String {
    let mut folded = String::new();
    let mut rest = error;
    while let Some(first) = rest.chars().next() {
        if is_of_word(first) {
            let end = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            push_word(&mut folded, word);
            rest = after;
        } else {
            folded.push(first);
            rest = rest.split_at(first.len_utf8()).1;
        }
    }
    match folded.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => {
            folded.truncate(end);
            folded
        }
        None => folded,
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_')
}

fn push_word(folded: &mut String, word: &str) {
    let has_digit = word.contains(|c: char| c.is_ascii_digit());
    if !has_digit || is_status_code(word) {
        folded.push_str(word);
    } else if word.chars().count() >= MIN_ID_CHARS {
        folded.push(PLACEHOLDER);
    } else {
        let mut is_in_number = false;
        for c in word.chars() {
            if !c.is_ascii_digit() {
                folded.push(c);
            } else if !is_in_number {
                folded.push(PLACEHOLDER);
            }
            is_in_number = c.is_ascii_digit();
        }
    }
}

fn is_status_code(word: &str) -> bool {
    word.len() == 3 && word.parse().is_ok_and(|number: u32| STATUS_CODES.contains(&number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_and_ids_do_not_distinguish_errors() {
        for (error, folded) in [
            ("no stock of item 17", "no stock of item #"),
            ("order 7f3a2b1c-19d4-4f5e-8a66-0c2f9e1d3b55 is closed", "order # is closed"),
            ("customer-1: took 12.5 ms", "customer-#: took #.# ms"),
            ("the target answered 503", "the target answered 503"),
            ("the target answered 200", "the target answered #"),
            ("timed out", "timed out"),
            ("名前17", "名前#"),
            ("", ""),
        ] {
            assert_eq!(fold(error), folded);
        }
    }

    proptest! {
        #[test]
        fn folding_is_bounded_and_idempotent(error in "\\PC{0,400}|[a-z0-9 :_-]{0,400}") {
            let folded = fold(&error);
            prop_assert!(folded.chars().count() <= MAX_CHARS);
            if folded.chars().count() < MAX_CHARS {
                prop_assert_eq!(fold(&folded), folded);
            }
        }

        #[test]
        fn other_numbers_give_the_same_kind(a in 1_000_u32.., b in 1_000_u32.., word in "[a-z]{0,3}") {
            let error = |number: u32| format!("failed at {word}{number}: no");
            let shortest = error(a).len().min(error(b).len());
            prop_assume!(error(a).len() == error(b).len() || shortest > 40 || word.is_empty() && a.max(b) < 1_000_000_000);
            prop_assert_eq!(fold(&error(a)), fold(&error(b)));
        }
    }
}
