//! What librdkafka shows of consumer groups and logs, without joining a group or changing anything.
//!
//! Every call blocks, and ends slightly after the time that it is given, whatever the brokers do.

mod listing;
mod logs;
mod seen;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use kreplay_model::domain::TopicPartition;
use parking_lot::Mutex;
use rdkafka::{
    consumer::Consumer as _,
    error::{KafkaError, RDKafkaErrorCode},
};

pub use listing::{SeenListed, SeenListing};
pub use logs::Settings;
pub use seen::{
    LogPlace, SeenCommit, SeenCommits, SeenError, SeenGroup, SeenMember, SeenOffset, SeenProtocol, SeenTopic,
};

use super::{
    client::{Client, ClientError, ClientHealth, KafkaConfig, is_outage},
    native::{
        group_description::describe_groups,
        group_offsets::{Committed, list_committed_of},
        groups::{NativeListing, list_groups},
    },
};

/// The group that the client is configured with. librdkafka looks a moved coordinator up again through the client's own
/// group, and without one dereferences a null pointer (`rd_kafka_handle_OffsetFetch` in 2.12.1). The client does not
/// join it.
const OWN_GROUP: &str = "kreplay-watch";
/// How long a client is kept at least before it is replaced.
const KEPT_FOR: Duration = Duration::from_secs(5);
/// Delay before a list of groups is requested again: a coordinator that loads its groups takes a moment.
const RETRY_DELAY: Duration = Duration::from_millis(200);
/// The least time for the second of two requests.
const LEAST: Duration = Duration::from_secs(1);

/// How long a call may take. Once `stop` is set, requests end as if the time were over.
#[derive(Clone, Copy, Debug)]
pub struct Patience<'a> {
    /// The time.
    pub within: Duration,
    /// Whether the result is not needed any more.
    pub stop: &'a AtomicBool,
}

/// Looks at the groups and logs of a cluster through librdkafka.
pub struct GroupViewer {
    config: KafkaConfig,
    current: Mutex<Current>,
    /// When the leaders of partitions were last looked up again.
    leaders_at: Mutex<Option<Instant>>,
}

struct Current {
    client: Client,
    since: Instant,
}

impl GroupViewer {
    /// Creates a client. Nothing is sent before the first call.
    ///
    /// # Errors
    /// librdkafka rejected the configuration.
    pub fn new(config: &KafkaConfig) -> Result<Self, ClientError> {
        let client = create(config)?;
        let current = Mutex::new(Current { client, since: Instant::now() });
        Ok(Self { config: config.clone(), current, leaders_at: Mutex::new(None) })
    }

    /// The id of the cluster; `None` if it is not known.
    #[must_use]
    pub fn cluster_id(&self, patience: Patience<'_>) -> Option<String> {
        let client = self.client();
        client.consumer.client().fetch_cluster_id(patience.within).filter(|id| !id.is_empty())
    }

    /// The groups of all brokers, of every type. librdkafka has two lists: one of classic and consumer groups, with
    /// their protocols, and an older one of all groups.
    ///
    /// # Errors
    /// No broker answers, or all refuse the user.
    pub fn list(&self, patience: Patience<'_>) -> Result<SeenListing, ClientError> {
        let deadline = Instant::now() + patience.within;
        let client = self.client();
        // The older list comes first: of a group that has just been created, it does not know the protocol.
        let all = client.consumer.fetch_group_list(None, patience.within);
        // At least a moment, so that a slow first list does not make the second one fail.
        let left = || deadline.saturating_duration_since(Instant::now()).max(LEAST);
        let consumers = loop {
            match list_groups(client.consumer.client(), left(), Some(patience.stop)) {
                Ok(NativeListing { groups, error: Some(_) }) if groups.is_empty() && Instant::now() < deadline => {
                    std::thread::sleep(RETRY_DELAY);
                }
                Ok(NativeListing { groups, error: Some(code) }) if groups.is_empty() => {
                    return Err(failure(&client, code, patience.within));
                }
                Ok(listing) => break listing,
                Err(code) => return Err(failure(&client, code, patience.within)),
            }
        };
        Ok(listing::listing(consumers, all.ok().as_ref()))
    }

    /// Describes classic and consumer groups, in the order given. Each name may be given once.
    #[must_use]
    pub fn describe(&self, groups: &[&str], patience: Patience<'_>) -> Vec<Result<SeenGroup, SeenError>> {
        let client = self.client();
        let answers = describe_groups(&client.consumer, groups, patience.within, patience.stop);
        self.renew_after(answers.iter().filter_map(|answer| answer.as_ref().err()), patience);
        answers.into_iter().map(|answer| answer.map_err(SeenError::from).and_then(seen::group)).collect()
    }

    /// The committed offsets of groups of any type but share groups, in the order given. Partitions without one are
    /// left out; a group that does not exist has none.
    #[must_use]
    pub fn committed(&self, groups: &[&str], patience: Patience<'_>) -> Vec<Result<SeenCommits, SeenError>> {
        let commit = |(partition, found): (TopicPartition, Result<_, RDKafkaErrorCode>)| {
            (partition, found.map(SeenCommit::from).map_err(SeenError::from))
        };
        let answer = |answer: Result<Vec<_>, RDKafkaErrorCode>| match answer {
            Ok(offsets) => Ok(offsets.into_iter().map(commit).collect()),
            Err(code) => Err(SeenError::from(code)),
        };
        self.list_committed(groups, patience).into_iter().map(answer).collect()
    }

    /// Like [`GroupViewer::committed`], as librdkafka returns it.
    pub(super) fn list_committed(
        &self,
        groups: &[&str],
        patience: Patience<'_>,
    ) -> Vec<Result<Committed, RDKafkaErrorCode>> {
        let client = self.client();
        let answers = list_committed_of(&client.consumer, groups, patience.within, patience.stop);
        self.renew_after(answers.iter().filter_map(|answer| answer.as_ref().err()), patience);
        answers
    }

    /// The present client, after its pending callbacks.
    fn client(&self) -> Client {
        let client = self.current.lock().client.clone();
        client.serve();
        client
    }

    /// Replaces the client after a request that went to the former coordinator of a group, or that waits for one.
    ///
    /// librdkafka 2.12.1 keeps the coordinator of a group as long as it is used, even if it answers that it is none
    /// (`rdkafka_coord.c`). Requests that wait for a coordinator end with the client; otherwise they would become more
    /// with each look.
    fn renew_after<'a>(&self, mut codes: impl Iterator<Item = &'a RDKafkaErrorCode>, patience: Patience<'_>) {
        let is_reason = |code: &RDKafkaErrorCode| {
            matches!(code, RDKafkaErrorCode::NotCoordinator | RDKafkaErrorCode::OperationTimedOut)
        };
        if patience.stop.load(Relaxed) || !codes.any(is_reason) {
            return;
        }
        let mut current = self.current.lock();
        if current.since.elapsed() < KEPT_FOR {
            return;
        }
        // The configuration was accepted before. Should a new client be impossible now, the former one stays.
        if let Ok(client) = create(&self.config) {
            let former = std::mem::replace(&mut *current, Current { client, since: Instant::now() });
            former.client.close();
        }
    }
}

impl Drop for GroupViewer {
    fn drop(&mut self) {
        self.current.lock().client.clone().close();
    }
}

impl std::fmt::Debug for GroupViewer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupViewer").field("config", &self.config).finish_non_exhaustive()
    }
}

fn create(config: &KafkaConfig) -> Result<Client, ClientError> {
    Client::for_group(OWN_GROUP, config, &Arc::<ClientHealth>::default())
}

fn failure(client: &Client, code: RDKafkaErrorCode, waited: Duration) -> ClientError {
    if is_outage(code) { client.unreachable(waited) } else { ClientError::Refused(code.to_string()) }
}

/// The code of an error; a general one if it has none.
fn code_of(error: &KafkaError) -> RDKafkaErrorCode {
    error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)
}

/// The topics of partitions, each once.
fn topics_of<'a>(partitions: impl Iterator<Item = &'a TopicPartition>) -> Vec<&'a str> {
    partitions.map(|partition| &*partition.topic).collect::<BTreeSet<_>>().into_iter().collect()
}
