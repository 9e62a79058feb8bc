//! Applies events to the state, and carries out what the state asks for then.

use std::time::Instant;

use super::{Next, Runtime};
use crate::{
    ConsoleError, capture, export,
    update::{Effect, Event, update},
};

impl Runtime {
    /// Takes an event, and carries out what it asks for.
    pub(super) fn apply(&mut self, event: Event) -> Result<Next, ConsoleError> {
        self.pace.event(&event, Instant::now());
        let mut next = Next::Continue;
        for effect in update(&mut self.state, event) {
            match effect {
                Effect::Send(command) => self.control.send(command),
                Effect::Watch(command) => {
                    if let Some(watch) = &self.watch {
                        watch.send(command);
                    }
                }
                Effect::Silence(command) => {
                    if let Some(silences) = &self.silences {
                        silences.send(command);
                    }
                }
                Effect::ChangeGroup(command) => {
                    if let Some(changes) = &self.changes {
                        changes.send(command);
                    }
                }
                Effect::ShowMoment(at) => {
                    let frame = self.past.state_at(at).map(Box::new);
                    next = next.or(self.apply(Event::Moment(at, frame))?);
                }
                Effect::ListJournals => self.list_journals(),
                Effect::ListPresets => next = next.or(self.list_presets()?),
                Effect::KeepPreset { preset, replace } => next = next.or(self.keep_preset(preset, replace)?),
                Effect::DeletePreset(name) => next = next.or(self.delete_preset(name)?),
                Effect::Inspect(command) => {
                    if let Some(inspect) = &self.inspect {
                        inspect.send(command);
                    }
                }
                Effect::Audit(command) => {
                    if let Some(audit) = &mut self.audit {
                        audit.send(command);
                    }
                }
                Effect::CountTimes(command) => {
                    if let Some(counter) = &mut self.time_counts {
                        counter.send(command);
                    }
                }
                Effect::Quit => next = Next::Quit,
                Effect::Suspend => next = next.or(self.suspend()?),
                Effect::Redraw => self.screen.clear(),
                Effect::StartRecording => {
                    let began = self.start_recording();
                    next = next.or(self.apply(Event::RecordingBegan(began))?);
                }
                Effect::StopRecording => self.stop_recording(),
                Effect::Copy(text) => self.screen.copy(&text).map_err(ConsoleError::Write)?,
                Effect::CaptureMouse(on) => self.screen.capture_mouse(on).map_err(ConsoleError::Write)?,
                Effect::Export { path, content } => {
                    next = next.or(self.apply(Event::Exported(export::write_new(&path, &content)))?);
                }
                Effect::ExportPicture(path) => {
                    let content = self.picture()?;
                    next = next.or(self.apply(Event::Exported(export::write_new(&path, &content)))?);
                }
            }
        }
        Ok(next)
    }

    /// The screen without its dialog, as an SVG picture.
    fn picture(&mut self) -> Result<String, ConsoleError> {
        let dialog = self.state.user.navigation.dialog.take();
        let theme = self.themes.show(self.state.theme())?;
        let picture = capture::svg(&capture::frame(&self.state, theme), theme);
        self.state.user.navigation.dialog = dialog;
        Ok(picture)
    }

    /// Lists the runs that have a journal on another thread, because that reads many files.
    fn list_journals(&self) {
        if let Some(journals) = self.journals.clone() {
            let listings = self.listings.0.clone();
            // Once the console is closed, the list is not needed.
            tokio::task::spawn_blocking(move || drop(listings.send(journals.list())));
        }
    }
}
