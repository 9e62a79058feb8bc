//! `kreplay groups reset`.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args, ValueHint, builder::NonEmptyStringValueParser};
use kreplay_groups::{GroupsError, Scope, Target, plan_reset, read_csv};
use kreplay_kafka::GroupAdmin;
use kreplay_model::domain::{Offset, printable};

use super::change::{Change, ChangeArgs, PlanFormat, Topics};
use crate::{
    cli::{
        CliError, Exit,
        args::format::FormatArgs,
        group_changes::times::{before_now, duration, time},
    },
    config::Environment,
};

/// The flags of `groups reset`.
#[derive(Args, Clone)]
#[command(group = ArgGroup::new("mode").required(true))]
#[allow(clippy::struct_excessive_bools, reason = "each is a separate flag")]
pub(super) struct ResetArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// Topics, or some of their partitions: TOPIC or TOPIC:0,1; can be repeated
    #[arg(long, value_name = "TOPIC[:P,P]", conflicts_with = "all_topics", value_parser = kreplay_groups::TopicScope::parse_list)]
    topic: Vec<Topics>,
    /// All partitions for which the group has committed offsets
    #[arg(long)]
    all_topics: bool,
    /// To the first offset of each log
    #[arg(long, group = "mode", help_heading = "Mode")]
    to_earliest: bool,
    /// To the end of each log
    #[arg(long, group = "mode", help_heading = "Mode")]
    to_latest: bool,
    /// To the committed offsets, or the end of the log where there is none
    #[arg(long, group = "mode", help_heading = "Mode")]
    to_current: bool,
    /// To this offset
    #[arg(long, value_name = "OFFSET", group = "mode", help_heading = "Mode", value_parser = offset)]
    to_offset: Option<Offset>,
    /// To the committed offset plus this number, which may be negative
    #[arg(long, value_name = "N", group = "mode", help_heading = "Mode", allow_hyphen_values = true)]
    shift_by: Option<i64>,
    /// To the first record at or after this time: 2026-01-31T10:00:00, 2026-01-31T10:00:00.000+0100 (default: UTC),
    /// ms:MILLISECONDS, or -2h for two hours ago
    #[arg(long, value_name = "TIME", group = "mode", help_heading = "Mode", allow_hyphen_values = true, value_parser = time)]
    to_datetime: Option<DateTime<Utc>>,
    /// To the first record that is not older than this duration: 2h, 1d12h or P1DT12H
    #[arg(long, value_name = "DURATION", group = "mode", help_heading = "Mode", value_parser = duration)]
    by_duration: Option<Duration>,
    /// To the offsets in a file (- for standard input) in the format of Kafka's tool: topic,partition,offset or
    /// group,topic,partition,offset
    #[arg(long, value_name = "CSV", group = "mode", help_heading = "Mode", value_hint = ValueHint::FilePath)]
    from_file: Option<PathBuf>,
    /// To the committed offsets of another group
    #[arg(long, value_name = "GROUP", group = "mode", help_heading = "Mode", value_parser = NonEmptyStringValueParser::new())]
    copy_from: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
    /// Print the plan in the format that --from-file and Kafka's tool read: topic,partition,offset
    #[arg(long, conflicts_with_all = ["json", "output_format"], help_heading = "Output")]
    csv: bool,
}

fn offset(text: &str) -> Result<Offset, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let offset = if digits { text.parse().ok().and_then(Offset::new) } else { None };
    offset.ok_or_else(|| "an offset must be a number, 0 or greater".to_owned())
}

pub(super) fn execute(args: &ResetArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    let change = args.change.open(environment, directory)?;
    let target = target(args, &change)?;
    let scope = match (args.all_topics, args.topic.is_empty()) {
        (true, _) => Some(Scope::AllTopics),
        (false, false) => Some(Scope::Topics(args.topic.iter().flatten().cloned().collect())),
        (false, true) => None,
    };
    let format = if args.csv { PlanFormat::Csv } else { (&args.format).into() };
    let plan = plan_reset(&change.admin, &target, scope.as_ref());
    change.run(plan, format)
}

fn target(args: &ResetArgs, change: &Change) -> Result<Target, CliError> {
    let at = |time: DateTime<Utc>| Target::Time(u64::try_from(time.timestamp_millis()).unwrap_or(0));
    if args.to_earliest {
        return Ok(Target::Earliest);
    }
    if args.to_latest {
        return Ok(Target::Latest);
    }
    if let Some(offset) = args.to_offset {
        return Ok(Target::Offset(offset));
    }
    if let Some(count) = args.shift_by {
        return Ok(Target::ShiftBy(count));
    }
    if let Some(time) = args.to_datetime {
        return Ok(at(time));
    }
    if let Some(ago) = args.by_duration {
        let time = before_now(ago).map_err(|problem| CliError::Usage(format!("--by-duration: {problem}")))?;
        return Ok(at(time));
    }
    if let Some(path) = &args.from_file {
        return from_file(path, &args.change.group);
    }
    if let Some(group) = &args.copy_from {
        return copy_from(group, change);
    }
    Ok(Target::Current)
}

fn from_file(path: &Path, group: &str) -> Result<Target, CliError> {
    let wrong = |problem: &dyn std::fmt::Display| {
        CliError::Usage(format!("--from-file: {}: {problem}", printable(&path.display().to_string())))
    };
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|error| wrong(&error))?;
    read_csv(&text, group).map(Target::Each).map_err(|error| wrong(&printable(&error.to_string())))
}

fn copy_from(group: &str, change: &Change) -> Result<Target, CliError> {
    let failed = |error: kreplay_kafka::GroupAdminError| CliError::of(&GroupsError::from(error));
    let admin = &change.admin;
    let source = GroupAdmin::new(admin.client().config(), group, admin.timeout(), &change.stop).map_err(failed)?;
    let offsets = source.offsets();
    source.close();
    let offsets = offsets.map_err(failed)?;
    if offsets.is_empty() {
        let text = format!("--copy-from: group `{}` has no committed offsets; check its name", printable(group));
        return Err(CliError::Usage(text));
    }
    Ok(Target::Each(offsets.into_iter().map(|(id, stored)| (id, stored.offset)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_a_number_from_zero() {
        assert_eq!(offset("7").unwrap().get(), 7);
        for wrong in ["", "-1", "+1", "x", "99999999999999999999"] {
            assert!(offset(wrong).is_err(), "{wrong}");
        }
    }
}
