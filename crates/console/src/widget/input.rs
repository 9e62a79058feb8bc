//! Draws text that is being typed.

use crate::{
    state::LineInput,
    text::{clean, head, tail, width},
};

/// The mark at the place of the cursor.
const CURSOR: &str = "▏";

/// The text with a mark at the cursor, in at most `max` cells. The part around the cursor is shown.
pub(crate) fn with_cursor(input: &LineInput, max: usize) -> String {
    let (before, after) = input.parts();
    let (before, after) = (clean(before), clean(after));
    let room = max.saturating_sub(1);
    if width(&before) + width(&after) <= room {
        return format!("{before}{CURSOR}{after}");
    }
    // What follows the cursor has a third of the room, or more if what precedes it is short.
    let least_after = width(&after).min(room / 3);
    let start = if width(&before) > room - least_after {
        format!("…{}", tail(&before, (room - least_after).saturating_sub(1)))
    } else {
        before.into_owned()
    };
    let left = room.saturating_sub(width(&start));
    let end =
        if width(&after) > left { format!("{}…", head(&after, left.saturating_sub(1))) } else { after.into_owned() };
    format!("{start}{CURSOR}{end}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::state::Edit;

    #[test]
    fn the_part_around_the_cursor_is_shown() {
        let mut input = LineInput::new("abcdefghijklmnopqrstuvwxyz");
        assert_eq!(with_cursor(&input, 27), "abcdefghijklmnopqrstuvwxyz▏");
        assert_eq!(with_cursor(&input, 10), "…stuvwxyz▏");
        input.edit(Edit::Start);
        assert_eq!(with_cursor(&input, 10), "▏abcdefgh…");
        for _ in 0..13 {
            input.edit(Edit::Right);
        }
        assert_eq!(with_cursor(&input, 10), "…ijklm▏no…");
    }

    proptest! {
        #[test]
        fn the_cursor_is_always_visible(text in "[a-z名♻️]{0,30}", steps in 0..30_usize, max in 4..40_usize) {
            let mut input = LineInput::new(text);
            (0..steps).for_each(|_| input.edit(Edit::Left));
            let shown = with_cursor(&input, max);
            prop_assert!(shown.contains(CURSOR) && width(&shown) <= max, "{}", shown);
        }
    }
}
