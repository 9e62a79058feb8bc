//! Decisions about the record that paused the run.

use kreplay_model::{
    control::{Command, RecordDecision},
    feed::PausedRecord,
    inspect::RecordId,
};

use super::{Effect, ask, show_message};
use crate::{
    names,
    state::{Question, ScreenId, State, StatusKind},
};

/// Resumes the run, which retries the record.
pub(super) fn retry(state: &mut State) -> Vec<Effect> {
    let Some(named) = state.feed.paused_record().map(names::paused_record) else { return Vec::new() };
    state.user.navigation.close(ScreenId::FailedRecord);
    show_message(state, StatusKind::Asked, format!("retrying {named}"));
    vec![Effect::Send(Command::Resume)]
}

/// Asks before skipping or dead-lettering the record, because neither can be undone.
pub(super) fn decide(state: &mut State, decision: RecordDecision) -> Vec<Effect> {
    let Some(id) = state.feed.paused_record().map(PausedRecord::id) else { return Vec::new() };
    ask(state, Question::DecideRecord(decision, id))
}

/// Sends the decision about a record after the user has confirmed it.
pub(super) fn send(state: &mut State, decision: RecordDecision, id: RecordId) -> Vec<Effect> {
    let Some(named) = state.paused_record_with(&id).map(names::paused_record) else { return Vec::new() };
    let text = match decision {
        RecordDecision::Skip => format!("skipping {named}"),
        RecordDecision::DeadLetter => format!("dead-lettering {named}"),
    };
    state.user.navigation.close(ScreenId::FailedRecord);
    show_message(state, StatusKind::Asked, text);
    vec![Effect::Send(Command::DecideRecord(decision, id))]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kreplay_model::{
        domain::{Offset, TopicPartition},
        feed::{RunState, RunView, Snapshot},
    };

    use super::*;
    use crate::{
        action::Action,
        key::Mode,
        state::Dialog,
        update::{Event, perform, update},
    };

    fn id(offset: i64) -> RecordId {
        RecordId { partition: TopicPartition::new("orders", 3), offset: Offset::new(offset).unwrap() }
    }

    fn snapshot(state: RunState, record: Option<(i64, &str)>) -> Event {
        let record = record.map(|(offset, key)| PausedRecord {
            partition: id(offset).partition,
            offset: id(offset).offset,
            key: Some(key.to_owned()),
            error: "boom".into(),
            attempts: 4,
        });
        let paused_by = record.as_ref().map(|_| "boom".to_owned());
        let run = RunView { id: "r".into(), state, paused_record: record, paused_by, ..RunView::default() };
        Event::Snapshot(Arc::new(Snapshot { at: Some(chrono::Utc::now()), run: Some(run), ..Snapshot::default() }))
    }

    fn paused(key: &str) -> State {
        let mut state = State::new(100, 30, None);
        let _ = update(&mut state, snapshot(RunState::Paused, Some((7, key))));
        state
    }

    #[test]
    fn skipping_and_dead_lettering_need_confirmation() {
        for (action, decision) in
            [(Action::SkipRecord, RecordDecision::Skip), (Action::DeadLetterRecord, RecordDecision::DeadLetter)]
        {
            let mut state = paused("customer\u{1b}[2J-1");
            perform(&mut state, Action::FailedRecord);
            assert_eq!(state.mode(), Mode::FailedRecord);
            assert_eq!(perform(&mut state, action), []);
            assert_eq!(state.user.navigation.dialog, Some(Dialog::Ask(Question::DecideRecord(decision, id(7)))));
            perform(&mut state, Action::Close);
            assert_eq!(state.mode(), Mode::FailedRecord);
            perform(&mut state, action);
            let sent = Effect::Send(Command::DecideRecord(decision, id(7)));
            assert_eq!(perform(&mut state, Action::Accept), [sent]);
            let status = state.user.status.as_ref().map(|status| (status.kind, status.text.clone())).unwrap();
            assert!(status.0 == StatusKind::Asked && status.1.contains("-1"), "{status:?}");
            assert!(!status.1.contains('\u{1b}'));
            assert_eq!(state.mode(), Mode::Dashboard);
        }
    }

    #[test]
    fn retrying_resumes_the_run() {
        let mut state = paused("k");
        perform(&mut state, Action::FailedRecord);
        assert_eq!(perform(&mut state, Action::RetryRecord), [Effect::Send(Command::Resume)]);
        assert_eq!(state.mode(), Mode::Dashboard);
    }

    /// Another console has decided about the record, and the next one fails before this console hears of it.
    #[test]
    fn a_question_is_never_about_another_record_than_the_one_asked_about() {
        let mut state = paused("k");
        perform(&mut state, Action::FailedRecord);
        perform(&mut state, Action::SkipRecord);
        let _ = update(&mut state, snapshot(RunState::Paused, Some((7, "k"))));
        assert_eq!(state.mode(), Mode::Asking, "the same record pauses the run");
        let _ = update(&mut state, snapshot(RunState::Paused, Some((8, "k"))));
        assert_eq!((state.mode(), &state.user.navigation.dialog), (Mode::FailedRecord, &None));
        let message = state.user.status.as_ref().map(|status| status.text.as_str());
        assert_eq!(message, Some("orders-3 at 7 no longer pauses the run"));
        assert_eq!(perform(&mut state, Action::Accept), []);
        state.user.navigation.dialog = Some(Dialog::Ask(Question::DecideRecord(RecordDecision::Skip, id(7))));
        assert_eq!(perform(&mut state, Action::Accept), []);
        let message = state.user.status.as_ref().map(|status| (status.kind, status.text.as_str()));
        assert_eq!(message, Some((StatusKind::Refused, "that record no longer pauses the run")));
        perform(&mut state, Action::SkipRecord);
        let sent = Effect::Send(Command::DecideRecord(RecordDecision::Skip, id(8)));
        assert_eq!(perform(&mut state, Action::Accept), [sent]);
    }

    #[test]
    fn the_window_closes_when_there_is_nothing_left_to_decide() {
        let mut state = paused("k");
        perform(&mut state, Action::FailedRecord);
        perform(&mut state, Action::SkipRecord);
        let _ = update(&mut state, snapshot(RunState::Running, None));
        assert_eq!(state.mode(), Mode::Dashboard);
        perform(&mut state, Action::FailedRecord);
        assert_eq!((state.mode(), state.user.status.unwrap().kind), (Mode::Dashboard, StatusKind::Refused));
    }
}
