//! The clipboard, and the mouse that selects text beside it.

use super::{Effect, show_message};
use crate::{
    action::Action,
    state::{State, StatusKind},
    text::shorten,
};

/// Cells of a copied text that the message shows.
const MAX_SHOWN_CELLS: usize = 60;

/// Copies what is under the cursor.
pub(super) fn copy(state: &mut State) -> Vec<Effect> {
    let Some(copied) = state.under_cursor() else { return Vec::new() };
    copy_text(state, copied.what, copied.text)
}

/// Copies a text, and says what it is.
pub(super) fn copy_text(state: &mut State, what: &str, text: String) -> Vec<Effect> {
    show_message(state, StatusKind::Info, format!("{what} copied: {}", shorten(&text, MAX_SHOWN_CELLS)));
    vec![Effect::Copy(text)]
}

/// Releases the mouse, so that the terminal selects text with it, or captures it again.
pub(super) fn toggle_mouse(state: &mut State) -> Vec<Effect> {
    let captured = !state.user.mouse;
    state.user.mouse = captured;
    let message = if captured {
        "the mouse is captured: it clicks and scrolls".to_owned()
    } else {
        let again = state.with_key(Action::Mouse, |key| format!("; {key} captures it again"));
        format!("the mouse is released: it selects text{again}")
    };
    show_message(state, StatusKind::Info, message);
    vec![Effect::CaptureMouse(captured)]
}
