//! Plans and reports as text.

use std::fmt::Write as _;

use kreplay_model::domain::{number::Count, printable};

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
            "{}: {} topics with {} partitions, {} records, {}, into {} topics",
            self.id,
            Count(old.topics as u64),
            Count(old.partitions as u64),
            Count(old.load.records),
            bytes(old.load.bytes),
            Count(self.new.len() as u64)
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
            writeln!(out, "  and {} more groups; --json lists all of them", self.groups.len() - MAX_SHOWN_ROWS)?;
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
                "started: {} of {} offsets are copied; add --execute to continue",
                Count(old.copied_offsets),
                Count(old.offsets)
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
            "order: {} keys; each keeps the order of its old partition{}",
            Count(order.keys),
            if order.spread_keys == 0 { ", and each is in one partition" } else { "" }
        )?;
        if order.spread_keys > 0 {
            writeln!(
                out,
                "  {} keys are in several old partitions, between which no order is defined: their records are \
                 interleaved as they are read ({})",
                Count(order.spread_keys),
                order.spread_named.join(", ")
            )?;
        }
        if order.renumbered_keys > 0 {
            writeln!(out, "  {} keys move to a partition with a different number", Count(order.renumbered_keys))?;
        }
        if order.replaced_keys_records > 0 {
            let count = Count(order.replaced_keys_records);
            writeln!(out, "  {count} records have their own key, which the channel replaces; --key keep keeps it")?;
        }
        if order.keyless_records > 0 {
            let count = Count(order.keyless_records);
            writeln!(out, "  {count} records have no key: those of an old partition stay together, in order")?;
        }
        Ok(())
    }

    fn other_options(&self, out: &mut String) -> std::fmt::Result {
        let other = &self.other_options;
        writeln!(out, "other options:")?;
        if other.raise_topics > 0 {
            writeln!(
                out,
                "  raise the partitions of {} old topics to those of the new ones: of their {} keys, {} would move to \
                 another partition, and their next records could be read before their {} existing ones",
                Count(other.raise_topics as u64),
                Count(other.own_keys),
                Count(other.raise_moves_keys),
                Count(other.raise_moves_records)
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
        "  {}: {} partitions ({state}), from {} topics, {} keys, {} records, {}",
        one.topic,
        one.partitions,
        Count(one.from_topics as u64),
        Count(one.keys),
        Count(one.load.records),
        bytes(one.load.bytes)
    )?;
    let records = one.loads.iter().map(|load| load.records);
    let (least, most) = (records.clone().min().unwrap_or(0), records.max().unwrap_or(0));
    write!(
        out,
        "    {} to {} records per partition; the fullest has {:.2} times the mean, {:.2} times by bytes",
        Count(least),
        Count(most),
        one.unevenness.records,
        one.unevenness.bytes
    )?;
    match one.unevenness.empty {
        0 => writeln!(out),
        empty => writeln!(out, "; {empty} stay empty"),
    }
}

fn planned_group(out: &mut String, group: &PlannedGroup) -> std::fmt::Result {
    writeln!(
        out,
        "group {}{}: has read {} offsets, {} are left",
        printable(&group.group),
        if group.active { " (has members)" } else { "" },
        Count(group.read_offsets),
        Count(group.unread_offsets)
    )?;
    if group.reads_again_at_most > 0 {
        let most = Count(group.reads_again_at_most);
        writeln!(
            out,
            "  it is ahead of another group in some partitions and behind it in others: it will read up to {most} \
             records again, and skip none"
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
        let reads = format!("will read {} records, {} of them again", Count(one.to_read), Count(one.again));
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
            let (created, copied) = (self.created.len(), Count(self.copied));
            writeln!(out, "{}: {created} topics created, {copied} records copied in {:.1} s", self.id, self.elapsed_s)?;
        }
        writeln!(
            out,
            "verified: {} records in the old topics, {} in the new ones; digest {:016x} and {:016x}",
            Count(verified.old_records),
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
