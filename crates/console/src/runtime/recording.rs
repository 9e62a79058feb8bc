//! Records the feed at the request of the user.

use super::{Next, Runtime};
use crate::{
    ConsoleError,
    recording_switch::{RecordingOption, RecordingStart},
    state::RecordingState,
    update::Event,
};

impl Runtime {
    /// The runtime, with what records the feed.
    pub(super) fn with_recording(mut self, option: Option<RecordingOption>) -> Self {
        match option {
            Some(RecordingOption::Switch(switch)) => {
                self.switch = Some(switch);
                self.state.recording = RecordingState::Off;
            }
            Some(RecordingOption::ByCommand(file)) => self.state.recording = RecordingState::ByCommand(file),
            None => {}
        }
        self
    }

    /// Begins a recording. Returns the name of its file.
    pub(super) fn start_recording(&mut self) -> Result<String, String> {
        let (Some(switch), Some(frames)) = (self.switch.clone(), self.past.of_feed()) else {
            return Err("this console cannot record".to_owned());
        };
        let latest = self.state.latest_feed();
        switch.start(RecordingStart {
            past: frames.all(),
            run: latest.run().map(|run| run.id.clone()),
            next_event: latest.events.next_seq(),
            next_group_event: self.next_group_event,
        })
    }

    /// Completes the recording on another thread, because that waits for the disk.
    pub(super) fn stop_recording(&self) {
        if let Some(switch) = self.switch.clone() {
            let recorded = self.recorded.0.clone();
            // Once the console is closed, the program says what was recorded.
            tokio::task::spawn_blocking(move || drop(recorded.send(switch.stop())));
        }
    }

    /// Learns whether the recording has ended by itself.
    pub(super) fn check_recording(&mut self) -> Result<Next, ConsoleError> {
        let is_on = matches!(self.state.recording, RecordingState::On(_));
        if is_on && self.switch.as_ref().is_some_and(|switch| !switch.is_recording()) {
            return self.apply(Event::RecordingStopped);
        }
        Ok(Next::Continue)
    }
}
