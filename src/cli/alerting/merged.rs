//! The alerts on runs and those on groups together.

use std::sync::Arc;

use kreplay_model::watch::AlertsSnapshot;
use tokio::sync::watch::{self, Receiver};

/// The alerts of both, whenever one of them changes. If there is only one, it is that. Needs a tokio runtime.
pub(in crate::cli) fn merged(
    of_runs: Option<Receiver<Arc<AlertsSnapshot>>>,
    of_groups: Option<Receiver<Arc<AlertsSnapshot>>>,
) -> Option<Receiver<Arc<AlertsSnapshot>>> {
    let (mut runs, mut groups) = match (of_runs, of_groups) {
        (Some(runs), Some(groups)) => (runs, groups),
        (one, other) => return one.or(other),
    };
    let (sender, merged) = watch::channel(Arc::default());
    tokio::spawn(async move {
        loop {
            let both = AlertsSnapshot::of(of(&mut runs).into_iter().chain(of(&mut groups)));
            sender.send_replace(Arc::new(both));
            // The alerts of a source that has ended stay as they were.
            tokio::select! {
                Ok(()) = runs.changed() => {}
                Ok(()) = groups.changed() => {}
                () = sender.closed() => return,
            }
        }
    });
    Some(merged)
}

fn of(alerts: &mut Receiver<Arc<AlertsSnapshot>>) -> Vec<kreplay_model::watch::AlertView> {
    alerts.borrow_and_update().alerts.clone()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use kreplay_model::watch::{AlertSeverity, AlertState, AlertSubject, AlertView};

    use super::*;

    fn alert(subject: AlertSubject, state: AlertState) -> Arc<AlertsSnapshot> {
        let alert = AlertView {
            rule: "slow".into(),
            subject,
            severity: AlertSeverity::Warning,
            state,
            since: DateTime::UNIX_EPOCH,
            fired_at: None,
            no_data_since: None,
            silenced_until: None,
            condition: String::new(),
            value: String::new(),
            next_step: None,
        };
        Arc::new(AlertsSnapshot { alerts: vec![alert] })
    }

    #[tokio::test]
    async fn the_alerts_of_both_are_shown_by_urgency() {
        let (runs, of_runs) = watch::channel(alert(AlertSubject::Run("r1".into()), AlertState::Pending));
        let (groups, of_groups) = watch::channel(alert(AlertSubject::Group("g".into()), AlertState::Firing));
        let mut both = merged(Some(of_runs), Some(of_groups)).unwrap();
        let names = |snapshot: &AlertsSnapshot| -> Vec<String> {
            snapshot.alerts.iter().map(|alert| alert.subject.name().to_owned()).collect()
        };
        both.wait_for(|shown| names(shown) == ["g", "r1"]).await.unwrap();
        drop(groups);
        runs.send_replace(alert(AlertSubject::Run("r2".into()), AlertState::Firing));
        both.wait_for(|shown| names(shown) == ["g", "r2"]).await.unwrap();
    }

    #[test]
    fn one_source_is_passed_on() {
        let (_runs, of_runs) = watch::channel(Arc::new(AlertsSnapshot::default()));
        assert!(merged(Some(of_runs), None).is_some());
        assert!(merged(None, None).is_none());
    }
}
