//! `kreplay groups`: lists, describes and changes consumer groups.

mod change;
mod read;
mod record;
mod reset;

use std::path::Path;

use clap::{Args, Subcommand};

use super::{CliError, Exit};
use crate::config::Environment;

/// The flags of `groups`.
#[derive(Args, Clone)]
pub struct GroupsArgs {
    #[command(subcommand)]
    command: GroupsCommand,
}

#[derive(Subcommand, Clone)]
enum GroupsCommand {
    /// List groups of all types: classic, consumer, share, streams and others
    List(read::ListArgs),
    /// Show the verdict, the members and the partitions of groups
    ///
    /// Observes the groups until a verdict is known, which takes a few seconds. docs/watch.md explains each figure.
    Describe(read::DescribeArgs),
    /// Set the committed offsets of a group
    ///
    /// The modes and their arithmetic are those of kafka-consumer-groups.sh --reset-offsets: offsets outside the log
    /// are moved to its start or end. A group that does not exist is created. Without --execute, this only shows the
    /// plan.
    Reset(reset::ResetArgs),
    /// Move the committed offset of a partition past one record
    ///
    /// Skips the record that `describe --record` prints. Refused unless the offset given is the committed one; if there
    /// is no record at that offset, the next one is skipped, and its offset may be given instead. Without --execute,
    /// this only shows the plan.
    Skip(change::SkipArgs),
    /// Delete the committed offsets of topics that a group no longer reads
    ///
    /// The group may have members, unless they are subscribed to the topics. Without --execute, this only shows the
    /// plan.
    Forget(change::ForgetArgs),
    /// Delete a group with all its committed offsets
    ///
    /// Without --execute, this only shows the plan.
    Delete(change::DeleteArgs),
    /// Restore the committed offsets that a group had before a change by kreplay
    ///
    /// Refused if the group has committed since. Undoing an undo reapplies the change. Without --execute, this only
    /// shows the plan.
    Undo(change::UndoArgs),
}

/// Runs the subcommand.
pub(super) fn execute(args: &GroupsArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    match &args.command {
        GroupsCommand::List(args) => args.execute(environment, directory),
        GroupsCommand::Describe(args) => args.execute(environment, directory),
        GroupsCommand::Reset(args) => reset::execute(args, environment, directory),
        GroupsCommand::Skip(args) => args.execute(environment, directory),
        GroupsCommand::Forget(args) => args.execute(environment, directory),
        GroupsCommand::Delete(args) => args.execute(environment, directory),
        GroupsCommand::Undo(args) => args.execute(environment, directory),
    }
}
