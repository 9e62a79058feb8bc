//! What all changes of groups have in common: flags, the plan, and its execution; and the changes with few flags.

use std::{
    io::{self, Write as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use clap::{Args, builder::NonEmptyStringValueParser};
use kreplay_groups::{
    ChangeOutcome, ChangeStore, ChangeSummary, GroupPlan, GroupsError, PlanView, SkippedRecord, TopicScope,
    WriteAccess, change_list, execute, plan_delete, plan_forget, plan_skip, plan_undo, stored_changes, write_csv,
};
use kreplay_kafka::{GroupAdmin, KafkaConfig};
use kreplay_model::{domain::printable, feed::report::printable_json};

use crate::{
    cli::{
        CliError, Exit,
        args::{ClusterArgs, FileArgs, format::FormatArgs},
        group_changes::NO_STATE_DIR,
        print,
        signals::{exit_soon_after_unless, stop_flag},
    },
    config::{Assignment, Config, Environment, Overrides},
};

/// The flags that all changes have.
#[derive(Args, Clone)]
pub(super) struct ChangeArgs {
    /// The consumer group
    #[arg(value_name = "GROUP", value_parser = NonEmptyStringValueParser::new())]
    pub(super) group: String,
    /// Change the group; without this flag, nothing is changed
    #[arg(long, requires = "confirm", help_heading = "Execution")]
    execute: bool,
    /// The name of the group again; required with --execute
    #[arg(long, value_name = "GROUP", requires = "execute", allow_hyphen_values = true, help_heading = "Execution")]
    confirm: Option<String>,
    /// Refuse to change any group, regardless of other flags
    #[arg(long, help_heading = "Execution")]
    read_only: bool,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlanFormat {
    Text,
    Json,
    /// The offsets in the form of Kafka's tool.
    Csv,
}

impl From<&FormatArgs> for PlanFormat {
    fn from(args: &FormatArgs) -> Self {
        if args.is_json() { Self::Json } else { Self::Text }
    }
}

/// A group to change: its connection, where changes are stored, and whether to execute the plan.
pub(super) struct Change {
    pub(super) admin: GroupAdmin,
    pub(super) stop: Arc<AtomicBool>,
    /// Whether the plan is being executed: then a signal does not end the process, so that the result is known.
    is_executing: Arc<AtomicBool>,
    store: Option<ChangeStore>,
    /// `None` without `--execute`.
    access: Option<WriteAccess>,
    /// The flags that name the cluster, for another command on it. Properties are left out: they may be secrets.
    cluster_flags: String,
}

impl ChangeArgs {
    /// Loads the configuration and creates the client. Nothing is sent.
    pub(super) fn open(&self, environment: &Environment, directory: &Path) -> Result<Change, CliError> {
        let mut overrides = Overrides { file: self.file.config.clone(), ..Overrides::default() };
        self.cluster.put(&mut overrides);
        let read_only = self.read_only.then(|| Assignment::flag("--read-only", "kafka.read_only", "true"));
        overrides.assignments.extend(read_only);
        let config = Config::load(&overrides, environment, directory)?;
        let Some(bootstrap_servers) = config.kafka.bootstrap_servers.clone() else {
            let missing = "no cluster given; use --bootstrap-server HOST:PORT or set kafka.bootstrap_servers";
            return Err(CliError::Usage(missing.into()));
        };
        let access = self.access(config.kafka.read_only)?;
        let store = config.state_dir(environment).map(|dir| ChangeStore::below(&dir));
        let kafka = KafkaConfig { bootstrap_servers, properties: config.kafka.properties.to_map() };
        let (stop, is_executing) = (stop_flag()?, Arc::default());
        exit_soon_after_unless(&stop, &is_executing)?;
        let admin = GroupAdmin::new(&kafka, &self.group, config.kafka.connect_timeout, &stop);
        let admin = admin.map_err(|error| CliError::Usage(error.to_string()))?;
        Ok(Change { admin, stop, is_executing, store, access, cluster_flags: self.cluster_flags() })
    }

    fn cluster_flags(&self) -> String {
        let config = self.file.config.as_ref().map(|path| format!(" --config {}", path.display()));
        let servers = self.cluster.bootstrap_server.as_ref().map(|servers| format!(" --bootstrap-server {servers}"));
        config.into_iter().chain(servers).collect()
    }

    fn access(&self, read_only: bool) -> Result<Option<WriteAccess>, CliError> {
        match &self.confirm {
            Some(confirmed) if self.execute && *confirmed == self.group => {
                WriteAccess::unless_read_only(read_only).map(Some).map_err(|error| CliError::of(&error))
            }
            Some(_) if self.execute => {
                Err(CliError::Usage("--confirm does not name the group to change; nothing was changed".into()))
            }
            _ => Ok(None),
        }
    }
}

impl Change {
    /// Where changes are stored.
    fn store(&self) -> Result<&ChangeStore, CliError> {
        self.store.as_ref().ok_or_else(|| CliError::Usage(NO_STATE_DIR.into()))
    }

    /// Prints a plan, and executes it with `--execute`.
    pub(super) fn run(self, plan: Result<GroupPlan, GroupsError>, format: PlanFormat) -> Result<Exit, CliError> {
        let exit = self.show_and_execute(plan, format);
        self.admin.close();
        exit
    }

    fn show_and_execute(&self, plan: Result<GroupPlan, GroupsError>, format: PlanFormat) -> Result<Exit, CliError> {
        let plan = plan.map_err(|error| CliError::of(&error))?;
        match format {
            PlanFormat::Text => print(&plan.text())?,
            PlanFormat::Csv => print(&csv(&plan)?)?,
            // One document has the plan and its result.
            PlanFormat::Json if self.access.is_some() => {}
            PlanFormat::Json => print(&json(&PlanView::new(&plan, None))?)?,
        }
        let Some(access) = &self.access else {
            if format == PlanFormat::Text && plan.has_changes() {
                let group = printable(self.admin.group());
                print(&format!("nothing was changed; add --execute --confirm {group} to execute this plan\n"))?;
            }
            return Ok(Exit::Done);
        };
        self.is_executing.store(true, Relaxed);
        let outcome = execute(&self.admin, &plan, self.store()?, access)
            .map_err(|error| error.with_cluster_flags(&self.cluster_flags));
        if let Some(view) = executed_view(&plan, &outcome).filter(|_| format == PlanFormat::Json) {
            print(&json(&view)?)?;
        }
        let outcome = outcome.map_err(|error| CliError::of(&error))?;
        report(&outcome.text(&plan, &self.cluster_flags), format)?;
        let is_complete = outcome.is_complete() && plan.left_out.is_empty();
        Ok(if is_complete { Exit::Done } else { Exit::Skipped })
    }
}

/// An executed plan with its result. `None` if the result is unknown: a plan would say that nothing was changed.
fn executed_view(plan: &GroupPlan, outcome: &Result<ChangeOutcome, GroupsError>) -> Option<PlanView> {
    match outcome {
        Err(GroupsError::Unknown { .. }) => None,
        outcome => Some(PlanView::new(plan, outcome.as_ref().ok())),
    }
}

/// Prints what was changed. Partitions that were not changed are on standard error as well, whatever the format.
fn report(text: &str, format: PlanFormat) -> Result<(), CliError> {
    if format == PlanFormat::Text {
        return print(text);
    }
    for line in text.lines() {
        // A failed write to standard error is ignored: the exit code and the JSON show it, too.
        let _ = writeln!(io::stderr(), "kreplay: {line}");
    }
    Ok(())
}

fn json(view: &PlanView) -> Result<String, CliError> {
    printable_json(view).map_err(|error| CliError::Failed(format!("the plan cannot be written: {error}")))
}

fn csv(plan: &GroupPlan) -> Result<String, CliError> {
    let rows = plan.rows.iter().filter_map(|row| Some((&row.id, row.to.as_ref()?.offset)));
    write_csv(rows).map_err(|error| CliError::Failed(error.to_string()))
}

/// The flags of `groups skip`.
#[derive(Args, Clone)]
pub(super) struct SkipArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// The record to skip: its partition, and its offset or the committed one, such as orders-3@1205
    #[arg(long, value_name = "TOPIC-P@OFFSET")]
    partition: SkippedRecord,
    #[command(flatten)]
    format: FormatArgs,
}

/// The flags of `groups forget`.
#[derive(Args, Clone)]
pub(super) struct ForgetArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// Topics, or some of their partitions: TOPIC or TOPIC:0,1; can be repeated
    #[arg(long, value_name = "TOPIC[:P,P]", required = true, value_parser = TopicScope::parse_list)]
    topic: Vec<Topics>,
    #[command(flatten)]
    format: FormatArgs,
}

/// The topics in one flag value.
pub(super) type Topics = Vec<TopicScope>;

/// The flags of `groups delete`.
#[derive(Args, Clone)]
pub(super) struct DeleteArgs {
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// The flags of `groups undo`.
#[derive(Args, Clone)]
pub(super) struct UndoArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// Id of the change to undo, as printed when it was made [default: the last change]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// List the stored changes of the group, newest first, and exit
    #[arg(long, conflicts_with_all = ["id", "execute"])]
    list: bool,
    #[command(flatten)]
    format: FormatArgs,
}

impl SkipArgs {
    pub(super) fn execute(&self, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
        let change = self.change.open(environment, directory)?;
        let plan = plan_skip(&change.admin, &self.partition);
        change.run(plan, (&self.format).into())
    }
}

impl ForgetArgs {
    pub(super) fn execute(&self, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
        let change = self.change.open(environment, directory)?;
        let topics: Vec<TopicScope> = self.topic.iter().flatten().cloned().collect();
        let plan = plan_forget(&change.admin, &topics);
        change.run(plan, (&self.format).into())
    }
}

impl DeleteArgs {
    pub(super) fn execute(&self, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
        let change = self.change.open(environment, directory)?;
        let plan = plan_delete(&change.admin);
        change.run(plan, (&self.format).into())
    }
}

impl UndoArgs {
    pub(super) fn execute(&self, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
        let change = self.change.open(environment, directory)?;
        if self.list {
            let changes = change
                .store()
                .and_then(|store| stored_changes(&change.admin, store).map_err(|error| CliError::of(&error)));
            change.admin.close();
            let changes = changes?;
            print(&if self.format.is_json() { list_json(&changes)? } else { change_list(&changes) })?;
            return Ok(Exit::Done);
        }
        let plan = plan_undo(&change.admin, change.store()?, self.id.as_deref());
        change.run(plan, (&self.format).into())
    }
}

/// The stored changes as JSON on several lines.
fn list_json(changes: &[kreplay_groups::Change]) -> Result<String, CliError> {
    let changes: Vec<ChangeSummary> = changes.iter().map(ChangeSummary::from).collect();
    let text = printable_json(&serde_json::json!({ "schema": 1, "changes": changes }));
    text.map_err(|error| CliError::Failed(format!("cannot print the list of changes: {error}")))
}

#[cfg(test)]
mod tests {
    use kreplay_groups::{Action, RowOutcome};

    use super::*;

    #[test]
    fn a_plan_whose_result_is_unknown_is_not_printed() {
        let plan = GroupPlan {
            cluster: "c".into(),
            group: "billing".into(),
            action: Action::Delete,
            rows: Vec::new(),
            left_out: Vec::new(),
            undoes: None,
        };
        let (group, reason) = (plan.group.clone(), String::from("no answer"));
        let unknown =
            GroupsError::Unknown { group: group.clone(), reason: reason.clone(), cluster_flags: String::new() };
        assert_eq!(executed_view(&plan, &Err(unknown)), None);
        for (outcome, executed) in [
            (Err(GroupsError::NotChanged { group, reason }), false),
            (Ok(ChangeOutcome { change: Some("c1".into()), rows: vec![RowOutcome::Changed] }), true),
        ] {
            let view = serde_json::to_value(executed_view(&plan, &outcome)).unwrap();
            assert_eq!((&view["executed"], view["change"].is_null()), (&executed.into(), !executed));
        }
    }
}
