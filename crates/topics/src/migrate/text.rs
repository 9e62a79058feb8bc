//! Plans and reports as text.

use std::fmt::Write as _;

use kreplay_model::domain::{
    number::{Count, by_count, counted, counted_as},
    printable,
};

use super::{
    carry_offsets::{Carried, CarryState},
    execute::{MigrationReport, held_back_note},
    view::{MigrationPlan, NewTopic, PlannedGroup, Progress},
};
use crate::create::TopicState;

/// The maximum number of topics and of groups shown. The JSON contains all.
const MAX_SHOWN_ROWS: usize = 20;

#[allow(clippy::cast_precision_loss, reason = "for display")]
fn bytes(value: u64) -> String {
    match value {
        0..10_240 => format!("{} B", Count(value)),
        10_240..1_048_576 => format!("{:.1} KiB", value as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", value as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", value as f64 / 1_073_741_824.0),
    }
}

impl MigrationPlan {
    /// The plan as text. It ends with the next step.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let old = &self.old;
        writeln!(
            out,
            "{}: {} with {}, {}, {}, into {}",
            self.id,
            counted(old.topics, "topic"),
            counted(old.partitions, "partition"),
            counted(old.load.records, "record"),
            bytes(old.load.bytes),
            counted(self.new.len(), "topic")
        )?;
        for one in self.new.iter().take(MAX_SHOWN_ROWS) {
            new_topic(out, one)?;
        }
        if self.new.len() > MAX_SHOWN_ROWS {
            writeln!(out, "  and {} more; --json lists all of them", self.new.len() - MAX_SHOWN_ROWS)?;
        }
        self.order(out)?;
        for group in self.groups.iter().take(MAX_SHOWN_ROWS) {
            planned_group(out, group)?;
        }
        if self.groups.len() > MAX_SHOWN_ROWS {
            let more = counted(self.groups.len() - MAX_SHOWN_ROWS, "more group");
            writeln!(out, "  and {more}; --json lists all of them")?;
        }
        self.other_options(out)?;
        if self.held_back > 0 {
            writeln!(out, "not copied: {}", held_back_note(&self.held_back_text))?;
        }
        for warning in &self.warnings {
            writeln!(out, "warning: {warning}")?;
        }
        for obstacle in &self.obstacles {
            writeln!(out, "obstacle: {obstacle}")?;
        }
        match self.progress {
            Progress::NotBegun if self.obstacles.is_empty() => {
                writeln!(out, "nothing was changed; add --execute to migrate")
            }
            Progress::Begun => writeln!(
                out,
                "started: {} of {} {} copied; add --execute to continue",
                Count(old.copied_offsets),
                counted(old.offsets, "offset"),
                by_count(old.copied_offsets, "is", "are")
            ),
            Progress::Complete => {
                writeln!(out, "complete: the new topics hold every record, in the order of each key")?;
                carried(out, &self.carried)
            }
            Progress::NotBegun | Progress::Foreign => writeln!(out, "nothing was changed"),
        }
    }

    fn order(&self, out: &mut String) -> std::fmt::Result {
        let order = &self.order;
        writeln!(
            out,
            "order: {}; each keeps the order of its old partition{}",
            counted(order.keys, "key"),
            if order.spread_keys == 0 { ", and each is in one partition" } else { "" }
        )?;
        if order.spread_keys > 0 {
            writeln!(
                out,
                "  {} in several old partitions, between which no order is defined: {} records are interleaved as they \
                 are read ({})",
                counted_as(order.spread_keys, "key is", "keys are"),
                by_count(order.spread_keys, "its", "their"),
                order.spread_named.join(", ")
            )?;
        }
        if order.renumbered_keys > 0 {
            let keys = counted_as(order.renumbered_keys, "key moves", "keys move");
            writeln!(out, "  {keys} to a partition with a different number")?;
        }
        if order.replaced_keys_records > 0 {
            let records =
                counted_as(order.replaced_keys_records, "record has its own key", "records have their own key");
            writeln!(out, "  {records}, which the channel replaces; --key keep keeps it")?;
        }
        if order.keyless_records > 0 {
            let records = counted_as(order.keyless_records, "record has no key", "records have no key");
            writeln!(out, "  {records}: those of an old partition stay together, in order")?;
        }
        Ok(())
    }

    fn other_options(&self, out: &mut String) -> std::fmt::Result {
        let other = &self.other_options;
        writeln!(out, "other options:")?;
        if other.raise_topics > 0 {
            writeln!(
                out,
                "  raise the partition counts of {} to those of the new topics: of {} {}, {} would move to another \
                 partition, and {} next records could be read before {} {}",
                counted(other.raise_topics, "old topic"),
                by_count(other.raise_topics, "its", "their"),
                counted(other.own_keys, "key"),
                Count(other.raise_moves_keys),
                by_count(other.raise_moves_keys, "its", "their"),
                by_count(other.raise_moves_keys, "its", "their"),
                counted(other.raise_moves_records, "existing one")
            )?;
        }
        writeln!(
            out,
            "  leave them as they are: everything keeps working; {} of them have one partition, which one consumer of \
             a group reads, but kreplay still handles its keys in parallel",
            Count(other.single_partition_topics as u64)
        )
    }
}

fn new_topic(out: &mut String, one: &NewTopic) -> std::fmt::Result {
    let state = match &one.state {
        TopicState::Missing => "to be created".to_owned(),
        TopicState::Created => "created".to_owned(),
        TopicState::Differs { has } => format!("exists with {has}"),
        _ => "exists".to_owned(),
    };
    writeln!(
        out,
        "  {}: {} ({state}), from {}, {}, {}, {}",
        one.topic,
        counted(one.partitions, "partition"),
        counted(one.from_topics, "topic"),
        counted(one.keys, "key"),
        counted(one.load.records, "record"),
        bytes(one.load.bytes)
    )?;
    let records = one.loads.iter().map(|load| load.records);
    let (least, most) = (records.clone().min().unwrap_or(0), records.max().unwrap_or(0));
    write!(
        out,
        "    {} to {} per partition; the fullest has {:.2} times the mean, {:.2} times by bytes",
        Count(least),
        counted(most, "record"),
        one.unevenness.records,
        one.unevenness.bytes
    )?;
    match one.unevenness.empty {
        0 => writeln!(out),
        empty => writeln!(out, "; {}", counted_as(empty, "stays empty", "stay empty")),
    }
}

fn planned_group(out: &mut String, group: &PlannedGroup) -> std::fmt::Result {
    writeln!(
        out,
        "group {}{}: has read {}, {} left",
        printable(&group.group),
        if group.active { " (has members)" } else { "" },
        counted(group.read_offsets, "offset"),
        counted_as(group.unread_offsets, "is", "are")
    )?;
    if group.reads_again_at_most > 0 {
        let most = counted(group.reads_again_at_most, "record");
        writeln!(
            out,
            "  it is ahead of another group in some partitions and behind it in others: it will read up to {most} \
             again, and skip none"
        )?;
    }
    if group.partitions_without_offsets > 0 {
        let partitions = Count(group.partitions_without_offsets as u64);
        writeln!(
            out,
            "  it has no offsets for {partitions} of the old partitions that are copied to its new topics: it will \
             read all of their records"
        )?;
    }
    Ok(())
}

fn carried(out: &mut String, groups: &[Carried]) -> std::fmt::Result {
    for one in groups {
        let group = printable(&one.group);
        let reads = format!("will read {}, {} of them again", counted(one.to_read, "record"), Count(one.again));
        match &one.state {
            CarryState::WouldBeCarried => writeln!(out, "group {group}: offsets would be carried over; {reads}"),
            CarryState::Carried => writeln!(out, "group {group}: offsets carried over and read back; {reads}"),
            CarryState::AlreadyCarried => writeln!(out, "group {group}: offsets were carried over before; {reads}"),
            CarryState::HasItsOwn => {
                writeln!(out, "group {group}: has already committed on the new topics; its offsets were not changed")
            }
            CarryState::Active => {
                writeln!(
                    out,
                    "group {group}: has members, so nothing was written; stop them, and run the same command again"
                )
            }
            CarryState::Failed { reason } => {
                writeln!(out, "group {group}: offsets not carried over: {}", printable(reason))
            }
        }?;
    }
    Ok(())
}

impl MigrationReport {
    /// The report as text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let verified = &self.verified;
        if self.nothing_to_do {
            writeln!(out, "{}: already complete; nothing was changed", self.id)?;
        } else {
            let (created, copied) = (counted(self.created.len(), "topic"), counted(self.copied, "record"));
            writeln!(out, "{}: {created} created, {copied} copied in {:.1} s", self.id, self.elapsed_s)?;
        }
        writeln!(
            out,
            "verified: {} in the old topics, {} in the new ones; digest {:016x} and {:016x}",
            counted(verified.old_records, "record"),
            Count(verified.new_records),
            verified.old_digest,
            verified.new_digest
        )?;
        if self.held_back > 0 {
            writeln!(out, "not copied and not verified: {}", held_back_note(&self.held_back_text))?;
        }
        for one in self.plan.new.iter().take(MAX_SHOWN_ROWS) {
            new_topic(out, one)?;
        }
        carried(out, &self.groups)
    }
}
