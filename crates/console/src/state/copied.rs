//! What is under the cursor, as text for the clipboard.

use kreplay_model::domain::{Offset, TopicPartition, printable};

use super::{GroupPanel, ScreenId, State};
use crate::{layout::Panel, table::arrange};

/// Maximum length in bytes. Terminals take about 74,994 bytes of Base64 (the limit of xterm), which are 56,245 bytes.
pub const MAX_COPIED_BYTES: usize = 56_245;

/// A text for the clipboard. Control characters are escaped, as on the screen: pasted into a shell, they would act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// What it is, in a word or two.
    pub what: &'static str,
    /// The text.
    pub text: String,
}

impl Copied {
    fn new(what: &'static str, text: &str) -> Self {
        Self { what, text: printable(text).into_owned() }
    }

    fn record(partition: &TopicPartition, offset: Offset) -> Self {
        Self::new("record", &format!("{partition} offset {offset}"))
    }
}

impl State {
    /// What is under the cursor on the screen in front; `None` if that has no cursor, or nothing to select.
    #[must_use]
    pub fn under_cursor(&self) -> Option<Copied> {
        let group = |name: &str| Copied::new("group", name);
        match self.user.navigation.front().screen {
            ScreenId::Dashboard => match self.user.focus {
                Panel::Partitions => self.copied_partition().or_else(|| self.copied_run()),
                Panel::Events => self.copied_event(),
                Panel::Throughput | Panel::Workers => self.copied_run(),
            },
            ScreenId::Partition => self.copied_partition(),
            ScreenId::Event => self.copied_event(),
            ScreenId::Run => self.copied_run(),
            ScreenId::Topics => {
                let shown = self.user.topics.shown(&self.feed);
                let at = shown.get(self.user.topics.selected_row(&shown, &self.feed)?)?;
                Some(Copied::new("topic", &self.catalog().get(*at)?.name))
            }
            ScreenId::Quarantine => {
                let key = self.feed.quarantined().get(self.quarantined_row()?)?;
                Some(Copied::new("key", &key.key))
            }
            ScreenId::FailedRecord => {
                let record = self.feed.paused_record()?;
                Some(Copied::record(&record.partition, record.offset))
            }
            ScreenId::EventLog => {
                let rows = self.event_rows();
                let shown = self.shown_events(&rows).shown;
                let row = rows.get(*shown.get(self.user.event_log.selected_row(&shown, &rows)?)?)?;
                Some(Copied::new("event", &row.text))
            }
            ScreenId::Journals => {
                let rows = self.journal_rows();
                let shown = self.shown_journals(&rows).shown;
                let row = rows.get(*shown.get(self.user.journal.selected_row(&shown, &rows)?)?)?;
                let command = row.run.resume.as_deref().map(|command| Copied::new("command", command));
                command.or_else(|| Some(Copied::new("run", &row.run.id)))
            }
            ScreenId::HotKeys => {
                let rows = self.hot_key_rows();
                let shown = self.shown_hot_keys(&rows).shown;
                let row = rows.get(*shown.get(self.user.hot_keys.selected_row(&shown, &rows)?)?)?;
                Some(Copied::new("key", row.name))
            }
            ScreenId::Errors => {
                let last = &self.selected_error()?.last;
                Some(Copied::record(&last.partition, last.offset))
            }
            ScreenId::Record => {
                let record = self.user.inspect.asked.as_ref()?;
                Some(Copied::record(&record.partition, record.offset))
            }
            ScreenId::Trouble => self.selected_trouble_group().map(|one| group(&one.group)),
            ScreenId::Groups => self.selected_group().map(|one| group(&one.group)),
            ScreenId::Group => self.copied_of_group(),
            ScreenId::Change => self.group_to_change().map(group),
            _ => None,
        }
    }

    fn copied_partition(&self) -> Option<Copied> {
        self.selected().map(|partition| Copied::new("partition", &partition.id.to_string()))
    }

    fn copied_event(&self) -> Option<Copied> {
        let event = self.user.log.selected(&self.feed.events)?;
        Some(Copied::new("event", &event.kind.to_string()))
    }

    /// The command that resumes the run if it can be resumed, otherwise the id of the run.
    fn copied_run(&self) -> Option<Copied> {
        let run = self.run()?;
        if run.state.is_over() && run.plan.resumable {
            return Some(Copied::new("command", &format!("kreplay resume {}", run.id)));
        }
        Some(Copied::new("run", &run.id))
    }

    /// The selected partition or member of the opened group, or its name.
    fn copied_of_group(&self) -> Option<Copied> {
        let group = self.opened_group()?;
        let selected = match self.user.watch.panel {
            GroupPanel::Partitions => self.selected_group_partition().map(|row| {
                let partition = TopicPartition::new(row.topic.as_str(), row.partition);
                Copied::new("partition", &partition.to_string())
            }),
            GroupPanel::Members => {
                let (table, rows) = (&self.user.watch.members, self.member_rows(group));
                let shown = arrange(table, &rows).shown;
                let row = table.selected_row(&shown, &rows).and_then(|at| rows.get(*shown.get(at)?));
                row.map(|row| Copied::new("member", &row.member.member_id))
            }
            GroupPanel::Rebalances => None,
        };
        selected.or_else(|| Some(Copied::new("group", &group.group)))
    }
}
