//! Plans and results as text.

use std::fmt::Write as _;

use kreplay_model::{
    domain::{
        number::{Count, counted},
        printable,
    },
    feed::cells::{padding, width},
    watch::undo_command,
};

use super::{
    execute::{ChangeOutcome, RowOutcome},
    plan::{Action, GroupPlan, PlannedRow},
    view::time,
};

const TITLES: [&str; 8] = ["TOPIC", "PARTITION", "FROM", "TO", "DIFFERENCE", "TIME AT FROM", "TIME AT TO", "NOTE"];
/// The columns with numbers, which are aligned to the right.
const RIGHT_ALIGNED: std::ops::RangeInclusive<usize> = 1..=4;
const NOTE: usize = 7;

impl GroupPlan {
    /// The plan as a table. It ends with what changes in total.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let undoes = self.undoes.as_ref().map_or_else(String::new, |id| format!(" of change {}", printable(id)));
        writeln!(
            out,
            "{}{undoes}: group {} on cluster {}",
            self.action,
            printable(&self.group),
            printable(&self.cluster)
        )?;
        if !self.rows.is_empty() {
            out.push_str(&table(&self.rows));
        }
        for one in &self.left_out {
            writeln!(out, "left out: {}-{}: {}", printable(&one.topic), one.partition, one.reason)?;
        }
        let changed = self.rows.iter().filter(|row| row.is_change()).count();
        match self.action {
            Action::Delete => writeln!(out, "deletes the group and {}", counted(changed, "committed offset")),
            _ if changed == 0 => writeln!(out, "nothing to change"),
            _ => writeln!(out, "changes {} of {}", Count(changed as u64), counted(self.rows.len(), "partition")),
        }
    }
}

impl ChangeOutcome {
    /// The result as text, to be printed after the plan. The command that undoes it ends with `cluster_flags`, which
    /// begin with a space unless there are none.
    #[must_use]
    pub fn text(&self, plan: &GroupPlan, cluster_flags: &str) -> String {
        let mut out = String::new();
        let count = |wanted: fn(&RowOutcome) -> bool| self.rows.iter().filter(|row| wanted(row)).count();
        let changed = count(|row| *row == RowOutcome::Changed);
        // Writing to a String cannot fail.
        let _ = match (&self.change, plan.action) {
            (None, _) => writeln!(out, "nothing was changed"),
            (Some(id), Action::Delete) => writeln!(out, "deleted the group; change {id}"),
            (Some(id), _) => writeln!(out, "changed {}; change {id}", counted(changed, "partition")),
        };
        if self.change.is_some() {
            let undo = undo_command(&plan.group) + cluster_flags;
            let _ = writeln!(out, "undo: {}", printable(&undo));
        }
        for (row, outcome) in plan.rows.iter().zip(&self.rows) {
            if let RowOutcome::Failed(reason) = outcome {
                let _ = writeln!(out, "not changed: {}: {}", printable(&row.id.to_string()), printable(reason));
            }
        }
        out
    }
}

fn table(rows: &[PlannedRow]) -> String {
    let rows: Vec<[String; 8]> = std::iter::once(TITLES.map(str::to_owned)).chain(rows.iter().map(cells)).collect();
    let widths: [usize; 8] =
        std::array::from_fn(|column| rows.iter().map(|row| width(&row[column])).max().unwrap_or_default());
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, cells)) in row.iter().zip(widths).enumerate() {
            let filled = padding(cell, cells);
            // Writing to a String cannot fail.
            let _ = match column {
                NOTE => write!(line, "{cell}"),
                _ if RIGHT_ALIGNED.contains(&column) => write!(line, "{filled}{cell}  "),
                _ => write!(line, "{cell}{filled}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn cells(row: &PlannedRow) -> [String; 8] {
    let unknown = || "-".to_owned();
    let offset =
        |stored: Option<&kreplay_kafka::StoredOffset>| stored.map_or_else(unknown, |stored| stored.offset.to_string());
    let at = |ms: Option<i64>| ms.and_then(time).unwrap_or_else(unknown);
    [
        printable(&row.id.topic).into_owned(),
        row.id.partition.to_string(),
        offset(row.from.as_ref()),
        row.to.as_ref().map_or_else(|| "deleted".to_owned(), |stored| stored.offset.to_string()),
        row.difference().map_or_else(unknown, |difference| format!("{difference:+}")),
        at(row.from_time),
        at(row.to_time),
        row.note(),
    ]
}
