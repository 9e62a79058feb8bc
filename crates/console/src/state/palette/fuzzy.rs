//! Fuzzy search: the letters of a pattern in their order, possibly with others between them.
//!
//! The score is like that of fzf (version 2 of its algorithm, a local alignment after Smith and Waterman): a letter
//! found counts, gaps cost, and letters at the beginning of a word or next to each other count more.

/// For each letter that is found.
const FOUND: i32 = 16;
/// More, for a letter at the beginning of a word.
const AT_WORD_START: i32 = 8;
/// More, for a letter at the beginning of the text, in addition.
const AT_TEXT_START: i32 = 8;
/// More, for a letter directly after another one that is found.
const NEXT_TO_ANOTHER: i32 = 6;
/// Less, for the first letter between two that are found.
const GAP: i32 = 3;
/// Less, for each further one.
const LONGER_GAP: i32 = 1;
/// Maximum length of a pattern and of a text, in characters. Longer ones are not searched to their ends.
const MAX_CHARS: usize = 300;

/// How a pattern was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// How good the match is. Larger is better.
    pub score: i32,
    /// The characters of the text that were found, as indexes of characters, in order.
    pub marks: Vec<usize>,
}

/// Finds all words of a pattern in a text; `None` if one of them is not there. Case does not matter. An empty pattern
/// is found everywhere.
#[must_use]
pub fn find(pattern: &str, text: &str) -> Option<Match> {
    let text: Vec<char> = text.chars().take(MAX_CHARS).collect();
    let mut all = Match::default();
    for word in pattern.split_whitespace() {
        let word: Vec<char> = word.chars().take(MAX_CHARS).flat_map(char::to_lowercase).collect();
        let found = best(&word, &text)?;
        all.score += found.score;
        all.marks.extend(found.marks);
    }
    all.marks.sort_unstable();
    all.marks.dedup();
    Some(all)
}

fn is_same(letter: char, c: char) -> bool {
    c == letter || c.to_lowercase().eq([letter])
}

/// What a letter of the text counts beyond being found.
fn bonus(text: &[char], at: usize) -> i32 {
    let Some(before) = at.checked_sub(1).and_then(|before| text.get(before)) else {
        return AT_WORD_START + AT_TEXT_START;
    };
    let is_word_start = match text.get(at) {
        Some(c) if c.is_alphanumeric() => {
            !before.is_alphanumeric()
                || (before.is_lowercase() && c.is_uppercase())
                || (!before.is_numeric() && c.is_numeric())
        }
        _ => false,
    };
    if is_word_start { AT_WORD_START } else { 0 }
}

/// The best score of a pattern's beginning that ends at a place of the text, and the place of the letter before.
type Cell = Option<(i32, Option<usize>)>;

/// The best match of one word.
fn best(word: &[char], text: &[char]) -> Option<Match> {
    let mut rest = text.iter();
    if !word.iter().all(|letter| rest.any(|c| is_same(*letter, *c))) {
        return None;
    }
    let mut table: Vec<Vec<Cell>> = Vec::with_capacity(word.len());
    for letter in word {
        let row = row(*letter, text, table.last().map(Vec::as_slice));
        table.push(row);
    }
    let last = table.last()?;
    let scores = last.iter().enumerate().filter_map(|(at, cell)| cell.map(|(score, _)| (score, at)));
    // Of equally good matches, the first one.
    let (score, end) = scores.max_by_key(|(score, at)| (*score, std::cmp::Reverse(*at)))?;
    let (mut marks, mut at) = (Vec::with_capacity(word.len()), Some(end));
    for row in table.iter().rev() {
        let Some(place) = at else { break };
        marks.push(place);
        at = row.get(place).copied().flatten().and_then(|(_, before)| before);
    }
    marks.reverse();
    Some(Match { score, marks })
}

/// The cells of a letter, from those of the letter before it.
fn row(letter: char, text: &[char], before: Option<&[Cell]>) -> Vec<Cell> {
    let mut cells = Vec::with_capacity(text.len());
    // The best end of the letters before with a gap after it, as the score less the gap, and its place.
    let mut with_gap: Cell = None;
    for (at, c) in text.iter().enumerate() {
        if let Some((score, _)) = &mut with_gap {
            *score -= LONGER_GAP;
        }
        let ended_before = |distance: usize| {
            let place = at.checked_sub(distance)?;
            let (score, _) = before?.get(place).copied().flatten()?;
            Some((score, place))
        };
        if let Some((score, place)) = ended_before(2)
            && with_gap.is_none_or(|(best, _)| score - GAP > best)
        {
            with_gap = Some((score - GAP, Some(place)));
        }
        let found = FOUND + bonus(text, at);
        cells.push(match before {
            _ if !is_same(letter, *c) => None,
            None => Some((found, None)),
            Some(_) => {
                let adjacent = ended_before(1).map(|(score, place)| (score + found + NEXT_TO_ANOTHER, Some(place)));
                let apart = with_gap.map(|(score, place)| (score + found, place));
                adjacent.into_iter().chain(apart).max_by_key(|(score, _)| *score)
            }
        });
    }
    cells
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn score(pattern: &str, text: &str) -> i32 {
        find(pattern, text).unwrap().score
    }

    fn marked(pattern: &str, text: &str) -> String {
        let found = find(pattern, text).unwrap().marks;
        text.chars().enumerate().map(|(at, c)| if found.contains(&at) { c.to_ascii_uppercase() } else { c }).collect()
    }

    #[test]
    fn beginnings_of_words_and_adjacent_letters_are_preferred() {
        assert_eq!(marked("oe", "vc.orders.events"), "vc.Orders.Events");
        assert_eq!(marked("ord", "world.orders"), "world.ORDers");
        assert_eq!(marked("pay", "replay payments"), "replay PAYments");
        assert!(score("ord", "orders") > score("ord", "vc.orders"));
        assert!(score("ord", "vc.orders") > score("ord", "record"));
        assert!(score("pau", "pause") > score("pau", "plan audit"));
    }

    #[test]
    fn all_words_must_be_found_in_any_order() {
        assert_eq!(marked("events ord", "vc.orders.events"), "vc.ORDers.EVENTS");
        assert_eq!(find("orders x", "vc.orders.events"), None);
        assert_eq!(find("", "any").unwrap(), Match::default());
    }

    #[test]
    fn case_does_not_matter() {
        assert!(find("ÄB", "äb").is_some() && find("äb", "xÄB").is_some());
        assert!(find("İ", "İ").is_some() || find("i", "İ").is_none());
    }

    /// All ways to find a word, tried one by one.
    fn best_of_all(word: &[char], text: &[char], from: usize, last: Option<usize>) -> Option<i32> {
        let Some(letter) = word.first() else { return Some(0) };
        let places = (from..text.len()).filter(|at| is_same(*letter, text[*at]));
        places
            .filter_map(|at| {
                let before = match last {
                    None => 0,
                    Some(last) if last + 1 == at => NEXT_TO_ANOTHER,
                    Some(last) => -GAP - LONGER_GAP * i32::try_from(at - last - 2).unwrap(),
                };
                Some(FOUND + bonus(text, at) + before + best_of_all(&word[1..], text, at + 1, Some(at))?)
            })
            .max()
    }

    proptest! {
        #[test]
        fn the_score_is_the_best_of_all_ways(word in "[a-c]{1,4}", text in "[a-cB .]{0,12}") {
            let letters: Vec<char> = word.chars().collect();
            let chars: Vec<char> = text.chars().collect();
            let expected = best_of_all(&letters, &chars, 0, None);
            prop_assert_eq!(find(&word, &text).map(|found| found.score), expected);
        }

        #[test]
        fn the_marks_are_the_letters_in_their_order(word in "[a-c]{1,4}", text in "[a-cB .]{0,20}") {
            if let Some(found) = find(&word, &text) {
                let chars: Vec<char> = text.chars().collect();
                let letters: String = found.marks.iter().flat_map(|at| chars[*at].to_lowercase()).collect();
                prop_assert_eq!(letters, word);
                prop_assert!(found.marks.is_sorted());
            }
        }

        #[test]
        fn any_text_can_be_searched(pattern in ".{0,12}", text in ".{0,40}") {
            if let Some(found) = find(&pattern, &text) {
                prop_assert!(found.marks.iter().all(|at| *at < text.chars().count()));
            }
        }
    }
}
