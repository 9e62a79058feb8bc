//! Changes of groups that the console asks for: one plan at a time, executed only as it was shown.

mod plan;
pub(in crate::cli) mod times;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use kreplay_console::{ConsoleOptions, state::ChangeAccess};
use kreplay_groups::{ChangeStore, GroupPlan, GroupsError, WriteAccess, execute};
use kreplay_kafka::{GroupAdmin, KafkaConfig};
use kreplay_model::watch::{
    GroupChangeCommand, GroupChangeControl, GroupChangeRequest, GroupChangeServer, GroupChangeStep,
};

use super::{CliError, signals::STOP_GRACE};
use crate::config::{Config, Environment};
use plan::{make, shown};

/// Why a change cannot be stored before it is made.
pub(super) const NO_STATE_DIR: &str = "no directory to store the previous offsets in; set run.state_dir, or the \
                                       environment variable XDG_STATE_HOME";

/// The time between two looks at whether the thread has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The thread that plans and executes changes. Dropping it waits for a change that is being executed.
pub(super) struct GroupChanges {
    control: Option<GroupChangeControl>,
    access: ChangeAccess,
    stop: Arc<AtomicBool>,
    is_executing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl GroupChanges {
    /// Starts the thread. Nothing is sent to the cluster before the first command.
    pub(super) fn start(config: &Config, environment: &Environment) -> Result<Self, CliError> {
        let kafka = KafkaConfig {
            bootstrap_servers: config.kafka.bootstrap_servers.clone().unwrap_or_default(),
            properties: config.kafka.properties.to_map(),
        };
        let (write, access) = match WriteAccess::unless_read_only(config.kafka.read_only) {
            Ok(write) => (Some(write), ChangeAccess::Full),
            Err(refusal) => (None, ChangeAccess::PlanOnly(refusal.to_string().into())),
        };
        let (control, server) = GroupChangeControl::channel();
        let (stop, is_executing) = (Arc::new(AtomicBool::new(false)), Arc::<AtomicBool>::default());
        let worker = Worker {
            kafka,
            timeout: config.kafka.connect_timeout,
            store: config.state_dir(environment).map(|dir| ChangeStore::below(&dir)),
            access: write,
            stop: Arc::clone(&stop),
            is_executing: Arc::clone(&is_executing),
            made: None,
        };
        let thread = std::thread::Builder::new().name("group-changes".into()).spawn(move || worker.serve(server));
        let thread = thread.map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
        Ok(Self { control: Some(control), access, stop, is_executing, thread: Some(thread) })
    }

    /// Options with which the console can change groups.
    pub(super) fn offer(&self, options: ConsoleOptions) -> ConsoleOptions {
        ConsoleOptions { changes: self.control.clone(), change_access: self.access.clone(), ..options }
    }
}

impl Drop for GroupChanges {
    fn drop(&mut self) {
        // Requests that only read end, and the thread ends once it has no more commands.
        self.stop.store(true, Relaxed);
        self.control = None;
        let until = Instant::now() + STOP_GRACE;
        if let Some(thread) = self.thread.take() {
            while !thread.is_finished() && (self.is_executing.load(Relaxed) || Instant::now() < until) {
                std::thread::sleep(POLL_INTERVAL);
            }
            if !thread.is_finished() {
                // A plan that waits for the cluster: nothing was changed, and its result is not needed.
                return;
            }
            // A panic was printed by the thread.
            let _ = thread.join();
        }
    }
}

/// A plan that was shown and can be executed.
struct Made {
    number: u64,
    admin: GroupAdmin,
    plan: GroupPlan,
}

struct Worker {
    kafka: KafkaConfig,
    timeout: Duration,
    store: Option<ChangeStore>,
    /// `None` if the configuration is read-only.
    access: Option<WriteAccess>,
    stop: Arc<AtomicBool>,
    is_executing: Arc<AtomicBool>,
    made: Option<Made>,
}

impl Worker {
    fn serve(mut self, mut server: GroupChangeServer) {
        while let Some(command) = server.commands.blocking_recv() {
            match command {
                GroupChangeCommand::Plan { number, request } => self.plan(&server, number, &request),
                GroupChangeCommand::Execute { number } => self.execute(&server, number),
            }
        }
        self.forget_plan();
    }

    fn plan(&mut self, server: &GroupChangeServer, number: u64, request: &GroupChangeRequest) {
        self.forget_plan();
        let admin = match GroupAdmin::new(&self.kafka, &request.group, self.timeout, &self.stop) {
            Ok(admin) => admin,
            Err(error) => return server.answer(number, GroupChangeStep::Refused(error.to_string())),
        };
        match make(&admin, self.store.as_ref(), &request.change) {
            Ok(plan) => {
                server.answer(number, GroupChangeStep::Planned(Arc::new(shown(&plan, None))));
                self.made = Some(Made { number, admin, plan });
            }
            Err(refusal) => {
                admin.close();
                server.answer(number, GroupChangeStep::Refused(refusal));
            }
        }
    }

    fn execute(&mut self, server: &GroupChangeServer, number: u64) {
        let Some(Made { admin, plan, .. }) = self.made.take_if(|made| made.number == number) else { return };
        server.answer(number, GroupChangeStep::Executing(Arc::new(shown(&plan, None))));
        self.is_executing.store(true, Relaxed);
        let applied = self.apply(&admin, &plan);
        self.is_executing.store(false, Relaxed);
        let step = match applied {
            Ok(outcome) => GroupChangeStep::Executed(Arc::new(shown(&plan, Some(&outcome)))),
            Err(reason) => GroupChangeStep::Failed { plan: Arc::new(shown(&plan, None)), reason },
        };
        admin.close();
        server.answer(number, step);
    }

    fn apply(&self, admin: &GroupAdmin, plan: &GroupPlan) -> Result<kreplay_groups::ChangeOutcome, String> {
        let access = self.access.as_ref().ok_or_else(|| GroupsError::ReadOnly.to_string())?;
        let store = self.store.as_ref().ok_or_else(|| NO_STATE_DIR.to_owned())?;
        execute(admin, plan, store, access).map_err(|error| error.to_string())
    }

    /// Closes the connection of a plan that is not executed.
    fn forget_plan(&mut self) {
        if let Some(made) = self.made.take() {
            made.admin.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::watch::GroupChange;

    use super::*;

    #[test]
    fn a_plan_that_waits_for_the_cluster_does_not_delay_the_end() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut config = Config::default();
        config.kafka.bootstrap_servers = Some(listener.local_addr().unwrap().to_string());
        // Longer than any test may take.
        config.kafka.connect_timeout = Duration::from_secs(3600);
        let changes = GroupChanges::start(&config, &Environment::default()).unwrap();
        let request = GroupChangeRequest { group: "g".into(), change: GroupChange::Delete };
        changes.control.as_ref().unwrap().send(GroupChangeCommand::Plan { number: 1, request });
        // The client has connected, so the plan waits for an answer that never comes.
        let _connection = listener.accept().unwrap();
        drop(changes);
    }
}
