//! Publishes the snapshots of a session.

use std::{sync::Arc, time::Instant};

use chrono::Utc;
use kreplay_model::feed::{ClusterView, NextRun, Snapshot};

use super::SessionLoop;

impl SessionLoop {
    pub(super) fn publish_now(&mut self) {
        let now = Instant::now();
        self.published = Some(now);
        if let Some(run) = &mut self.run {
            self.last_view = Some(run.view(now));
        }
        let snapshot = Snapshot {
            at: Some(Utc::now()),
            cluster: ClusterView {
                bootstrap: self.options.kafka.bootstrap_servers.clone(),
                embedded: self.options.embedded,
                reachable: !self.health.is_down(),
            },
            run: self.last_view.clone(),
            finished: self.finished.clone(),
            problem: self.problem.as_ref().map(|problem| problem.text.clone()),
            catalog: self.catalog.clone(),
            listing: self.listing.is_some(),
            planning: self.requests.complete(self.plan_task.view()),
            next: self.next_run(),
        };
        self.publish.send_replace(Arc::new(snapshot));
    }

    fn next_run(&self) -> NextRun {
        let settings = &self.options.settings;
        NextRun {
            concurrency: settings.concurrency.get(),
            adaptive: settings.adaptive,
            rate: settings.rate,
            ordering: settings.ordering,
            handler: settings.handler.to_string(),
            selection: self.options.scope.to_string(),
            group: self.group_of(self.runs + 1),
        }
    }
}
