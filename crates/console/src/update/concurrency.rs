//! Changes the number of workers within the run's limits.

use kreplay_model::control::Command;
use kreplay_model::domain::Concurrency;

use super::{Effect, reject, show_message};
use crate::{
    action::Action,
    availability::at_most,
    state::{Asked, Attachment, Dialog, Pending, State, StatusKind, WorkerStep},
};

/// Changes the number of workers, starting from the last requested number.
pub(super) fn change(state: &mut State, step: WorkerStep) -> Vec<Effect> {
    let Some((now, wanted)) = state.workers_after(step) else { return Vec::new() };
    set(state, now, wanted)
}

/// Turns automatic concurrency on or off.
pub(super) fn toggle_auto(state: &mut State) -> Vec<Effect> {
    let adaptive = !state.feed.adaptive();
    show_message(state, StatusKind::Info, if adaptive { "concurrency auto" } else { "concurrency auto is off" });
    vec![Effect::Send(Command::SetAdaptive(adaptive))]
}

/// Opens the prompt for the number of workers.
pub(super) fn ask(state: &mut State) {
    state.user.navigation.dialog = Some(Dialog::prompt(Asked::Workers, ""));
}

/// Whether the prompt asks for automatic concurrency.
fn is_auto(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("auto")
}

/// Accepts the typed number, or shows in the prompt why it is invalid.
pub(super) fn accept(state: &mut State, text: &str) -> Vec<Effect> {
    enter(state, text).unwrap_or_else(|reason| {
        reject(state, reason);
        Vec::new()
    })
}

/// Sets the typed number of workers, or `auto`, and closes the dialog.
///
/// # Errors
/// Why the text is invalid. The dialog stays open.
pub(super) fn enter(state: &mut State, text: &str) -> Result<Vec<Effect>, String> {
    if is_auto(text) && !state.feed.adaptive() {
        if let Some(reason) = Action::ToggleAuto.refusal(state) {
            return Err(reason.into_owned());
        }
        state.user.navigation.dialog = None;
        return Ok(toggle_auto(state));
    }
    if is_auto(text) {
        state.user.navigation.dialog = None;
        show_message(state, StatusKind::Info, "concurrency is already auto");
        return Ok(Vec::new());
    }
    let wanted = match text.trim().parse::<Concurrency>() {
        Err(_) => return Err(format!("type a number from 1 to {}, or auto", state.max_concurrency())),
        Ok(wanted) if wanted.get() > state.max_concurrency() => return Err(at_most(state)),
        Ok(wanted) => wanted.get(),
    };
    state.user.navigation.dialog = None;
    Ok(match state.wanted_concurrency() {
        // While concurrency is automatic, setting the current number is a change, too: it turns that off.
        Some(now) if now == wanted && !state.feed.adaptive() => {
            show_message(state, StatusKind::Info, format!("concurrency is already {now}"));
            Vec::new()
        }
        Some(now) => set(state, now, wanted),
        None => Vec::new(),
    })
}

fn set(state: &mut State, now: u32, wanted: u32) -> Vec<Effect> {
    let Ok(concurrency) = Concurrency::new(u64::from(wanted)) else { return Vec::new() };
    let (run_id, over) = state.run().map_or_else(Default::default, |run| (run.id.clone(), run.state.is_over()));
    let when = if over { " for the next run" } else { "" };
    let change = if now == wanted { wanted.to_string() } else { format!("{now} → {wanted}") };
    if now != wanted {
        state.user.pending = Some(Pending { to: wanted, run_id, since: state.now });
    }
    let auto = if state.feed.adaptive() { "; auto is off" } else { "" };
    let divided = state.attachment.as_ref().map_or("", Attachment::divided);
    show_message(state, StatusKind::Info, format!("concurrency {change}{when}{auto}{divided}"));
    vec![Effect::Send(Command::SetConcurrency(concurrency))]
}
