//! The two main loops: one follows a session, the other plays a recording.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kreplay_model::feed::Feed;
use tokio::{
    sync::watch::Receiver,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{Next, Runtime, past::Moments, signals::Signals};
use crate::{
    ConsoleError, input,
    state::{ScreenId, State},
    update::Event,
};

/// Interval for removing expired messages and reading the event log.
const TICK_INTERVAL: Duration = Duration::from_millis(250);
/// Interval at which a recording is played.
const PLAYBACK_INTERVAL: Duration = Duration::from_millis(100);

impl Runtime {
    /// Follows the session, until the user quits or the terminal closes.
    pub(super) async fn follow(&mut self, mut feed: Feed) -> Result<(), ConsoleError> {
        let mut signals = Signals::listen().map_err(ConsoleError::Open)?;
        let mut tick = interval(TICK_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if self.read_feed(&mut feed)? == Next::Quit {
            return Ok(());
        }
        let (mut groups, mut alerts) = (feed.groups.take(), feed.alerts.take());
        if groups.is_some() && begins_with_watch(self.attached.is_some(), self.state.user.navigation.home()) {
            self.apply(Event::WatchBegan)?;
        }
        let mut attached = self.attached.take();
        // Before the first frame: a key must not do what the processes do not accept.
        if let Some(first) = attached.as_mut().map(|view| Arc::clone(&view.borrow_and_update())) {
            self.apply(Event::Attached(first))?;
        }
        if self.journals.is_some() {
            self.apply(Event::JournalAccess)?;
        }
        if self.presets.is_some() {
            self.apply(Event::PresetAccess)?;
        }
        if self.inspect.is_some() {
            self.apply(Event::InspectorBegan)?;
        }
        if self.audit.is_some() {
            self.apply(Event::AuditorBegan)?;
        }
        if self.time_counts.is_some() {
            self.apply(Event::TimeCounterBegan)?;
        }
        let mut answers = self.changes.as_ref().map(|changes| changes.progress.clone());
        let mut inspected = self.inspect.as_ref().map(|inspect| inspect.answers.clone());
        let mut audited = self.audit.as_ref().map(|audit| audit.answers.clone());
        let mut counted = self.time_counts.as_ref().map(|counter| counter.answers.clone());
        loop {
            let (stale, next_frame_in) = (self.state.stale, self.pace.next_frame_in(Instant::now()));
            let open = is_feed_open(&self.state);
            let next = tokio::select! {
                action = signals.next() => self.handle_signal(&action)?,
                input = self.input.next() => self.handle_input(input)?,
                changed = feed.snapshots.changed(), if open => {
                    let ended = changed.is_err().then_some(Event::FeedEnded);
                    self.read_feed(&mut feed)?.or(self.read_alerts(&mut alerts)?).or(ended.map_or(Ok(Next::Continue), |event| self.apply(event))?)
                }
                snapshot = next_look(&mut groups) => {
                    self.keep(|frames| frames.add_look(&snapshot));
                    self.apply(Event::Groups(snapshot))?.or(self.read_group_events()?)
                }
                snapshot = next_look(&mut alerts) => {
                    self.show_alerts(snapshot)?.or(self.read_group_events()?)
                }
                view = next_look(&mut attached) => self.apply(Event::Attached(view))?,
                Some(recorded) = self.recorded.1.recv() => self.apply(Event::RecordingEnded(recorded))?,
                Some(listing) = self.listings.1.recv() => self.apply(Event::Journals(Arc::new(listing)))?,
                progress = next_answer(&mut answers) => self.apply(Event::GroupChange(progress))?,
                answer = next_answer(&mut audited) => self.apply(Event::Audited(answer))?,
                answer = next_answer(&mut counted) => self.apply(Event::TimesCounted(answer))?,
                answer = next_answer(&mut inspected) => self.apply(Event::Inspected(answer))?,
                _ = tick.tick() => {
                    if input::terminal_has_closed() {
                        return Ok(());
                    }
                    self.write_notices()?;
                    self.keep_layout(&feed.events);
                    self.check_recording()?.or(self.read_events(&feed)?).or(self.read_group_events()?).or(self.apply(Event::Tick(self.started.elapsed()))?)
                }
                () = sleep(next_frame_in), if stale => Next::Continue,
            };
            if next == Next::Quit || self.finish_step()? == Next::Quit {
                return Ok(());
            }
        }
    }

    /// Shows a recording. Nothing is read from a session, and nothing is sent.
    pub(super) async fn play(mut self) -> Result<(), ConsoleError> {
        let mut signals = Signals::listen().map_err(ConsoleError::Open)?;
        let mut tick = interval(PLAYBACK_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if let Moments::Recording(recording) = &self.past
            && let Some(range) = recording.range()
        {
            self.apply(Event::Recording(range, recording.opened_at().unwrap_or(range.from())))?;
        }
        loop {
            let (stale, next_frame_in) = (self.state.stale, self.pace.next_frame_in(Instant::now()));
            let next = tokio::select! {
                action = signals.next() => self.handle_signal(&action)?,
                input = self.input.next() => self.handle_input(input)?,
                _ = tick.tick() => {
                    if input::terminal_has_closed() {
                        return Ok(());
                    }
                    self.fill_timeline()?.or(self.apply(Event::Tick(self.started.elapsed()))?)
                }
                () = sleep(next_frame_in), if stale => Next::Continue,
            };
            if next == Next::Quit || self.finish_step()? == Next::Quit {
                return Ok(());
            }
        }
    }
}

/// Whether the watch of groups begins at once, if there may be one. Processes to which a console is attached may watch
/// no groups, or be reached only later: unless all of them are watches, the first look begins the watch.
fn begins_with_watch(is_attached: bool, home: ScreenId) -> bool {
    !is_attached || home != ScreenId::Dashboard
}

/// Whether the feed may say more, also while an earlier moment is shown. Waiting for a feed that has ended returns at
/// once, and would keep a core busy.
fn is_feed_open(state: &State) -> bool {
    !state.latest_feed().ended
}

/// The next value about watched groups. Waits forever if none are watched, or no longer.
async fn next_look<T>(looks: &mut Option<Receiver<Arc<T>>>) -> Arc<T> {
    if let Some(receiver) = looks {
        if receiver.changed().await.is_ok() {
            return Arc::clone(&receiver.borrow_and_update());
        }
        *looks = None;
    }
    std::future::pending().await
}

/// The next answer to a command. Waits forever if nothing answers, or no longer.
async fn next_answer<T>(answers: &mut Option<Receiver<Option<Arc<T>>>>) -> Arc<T> {
    while let Some(receiver) = answers {
        if receiver.changed().await.is_err() {
            *answers = None;
        } else if let Some(answer) = receiver.borrow_and_update().clone() {
            return answer;
        }
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use kreplay_model::timeline::Moment;

    use super::*;
    use crate::update::update;

    #[test]
    fn only_a_console_that_may_be_attached_to_runs_waits_for_the_first_look() {
        assert!(begins_with_watch(false, ScreenId::Dashboard) && begins_with_watch(true, ScreenId::Trouble));
        assert!(!begins_with_watch(true, ScreenId::Dashboard));
    }

    #[test]
    fn a_feed_that_has_ended_is_not_read_again_while_an_earlier_moment_is_shown() {
        let mut state = State::new(80, 24, None);
        drop(update(&mut state, Event::Moment(Moment::from_ms(1_000), Some(Box::default()))));
        assert!(state.shows_past() && is_feed_open(&state));
        drop(update(&mut state, Event::FeedEnded));
        assert!(state.shows_past() && !state.feed.ended && !is_feed_open(&state));
    }
}
