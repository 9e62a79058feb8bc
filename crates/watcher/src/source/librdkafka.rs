//! librdkafka, where kreplay's own client cannot be used.
//!
//! It describes classic and consumer groups, without epochs. It has no request for share and streams groups, producers
//! and transactions. Its calls block, so each runs on a thread for blocking work; several run at the same time, and
//! each ends in time.

mod describe;
mod groups;
mod logs;
mod stop;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kreplay_kafka::{GroupViewer, Patience};
use kreplay_model::watch::Reason;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::stop::StopOnDrop;

/// Calls at the same time. A look makes at most three.
const MAX_CALLS: usize = 4;
/// How much longer than its deadline a call may take in all: it waits for its turn, and librdkafka waits slightly
/// longer than its timeout.
const GRACE: Duration = Duration::from_secs(2);

/// librdkafka as the client of a watch.
#[derive(Clone)]
pub(super) struct Librdkafka {
    shared: Arc<Shared>,
    within: Duration,
}

struct Shared {
    viewer: GroupViewer,
    calls: Arc<Semaphore>,
    known: Mutex<Known>,
}

/// What earlier answers say about groups and topics.
#[derive(Default)]
struct Known {
    /// What the members of classic groups subscribe to, by their ids, as of the last list.
    subscriptions: BTreeMap<Arc<str>, BTreeMap<String, BTreeSet<Arc<str>>>>,
    /// The topics that did not exist when they were asked for. librdkafka would look for their leaders until the
    /// deadline, and delay the offsets of the other topics.
    gone: BTreeSet<Arc<str>>,
}

impl Librdkafka {
    pub(super) fn new(viewer: GroupViewer, within: Duration) -> Self {
        let calls = Arc::new(Semaphore::new(MAX_CALLS));
        Self { shared: Arc::new(Shared { viewer, calls, known: Mutex::default() }), within }
    }

    pub(super) fn within(&self, deadline: Duration) -> Self {
        Self { shared: Arc::clone(&self.shared), within: deadline }
    }

    pub(super) async fn cluster_id(&self) -> Option<String> {
        self.call(GroupViewer::cluster_id).await.ok().flatten()
    }

    /// Makes a call on a thread for blocking work. If the result is not needed any more, because this is dropped or
    /// takes too long, the call ends soon.
    ///
    /// # Errors
    /// The call has not ended in time, or has panicked.
    async fn call<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&GroupViewer, Patience<'_>) -> T + Send + 'static,
    ) -> Result<T, Reason> {
        let (shared, within) = (Arc::clone(&self.shared), self.within);
        let stop = StopOnDrop::default();
        let flag = stop.flag();
        let answer = async {
            let turn = Arc::clone(&shared.calls).acquire_owned().await;
            let work = move || {
                // The turn ends with the call, also if nothing waits for it any more.
                let _turn = turn;
                ask(&shared.viewer, Patience { within, stop: &flag })
            };
            tokio::task::spawn_blocking(work).await
        };
        match timeout(within * 2 + GRACE, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(Reason::Other("librdkafka's answer cannot be read".to_owned())),
            Err(_) => Err(Reason::TimedOut),
        }
    }
}

impl std::fmt::Debug for Librdkafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Librdkafka").field("within", &self.within).finish_non_exhaustive()
    }
}
