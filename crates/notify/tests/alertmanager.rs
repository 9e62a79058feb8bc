//! Alerts that a real Alertmanager takes. Debian has it in the package `prometheus-alertmanager`; without it, the test
//! says so and checks nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::{
    collections::BTreeMap,
    io,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use chrono::{SubsecRound as _, Utc};
use kreplay_model::domain::{Secret, SecretFormat};
use kreplay_notify::{Action, ActionKind, Endpoint, Notice, Notifier, Outlet};
use kreplay_testkit::{endpoint, wait};
use serde_json::Value;

/// Longer than the server takes to start.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A configuration with a webhook.
fn configuration(webhook: &str) -> String {
    format!(
        "route:\n  receiver: hook\n  group_by: [alertname, group]\n  group_wait: 0s\n  group_interval: 1s\n  \
         repeat_interval: 1h\nreceivers:\n- name: hook\n  webhook_configs:\n  - url: '{webhook}'\n    send_resolved: true\n"
    )
}

/// A running Alertmanager, which ends with this value.
struct Alertmanager {
    process: Child,
    url: String,
}

impl Alertmanager {
    /// Starts it. `None` if it is not installed.
    fn start(folder: &Path, configuration: &str) -> Option<Self> {
        std::fs::write(folder.join("alertmanager.yml"), configuration).unwrap();
        // The port is free again when the server takes it.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let started = Command::new("prometheus-alertmanager")
            .current_dir(folder)
            .args(["--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address="])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match started {
            Ok(process) => Some(Self { process, url: format!("http://127.0.0.1:{port}") }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                eprintln!("skipped: Alertmanager is not installed (Debian: apt-get install prometheus-alertmanager)");
                None
            }
            Err(error) => panic!("prometheus-alertmanager: {error}"),
        }
    }

    /// The alerts that are active; `None` while it does not answer.
    fn active(&self) -> Option<Vec<Value>> {
        let mut answer = ureq::get(format!("{}/api/v2/alerts", self.url)).call().ok()?;
        serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        // Fails if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn alertmanager_shows_an_alert_that_fires_until_it_is_resolved() {
    let folder = tempfile::tempdir().unwrap();
    let hook = endpoint::Endpoint::start(|_| endpoint::status(200));
    let Some(server) = Alertmanager::start(folder.path(), &configuration(&hook.url("/hook"))) else { return };
    let checked = Command::new("amtool").current_dir(folder.path()).args(["check-config", "alertmanager.yml"]).output();
    let checked = checked.unwrap();
    assert!(checked.status.success(), "{checked:?}");
    wait::until("Alertmanager", TIMEOUT, || server.active());

    let endpoint = Endpoint::new(Secret::plain(SecretFormat::Address, server.url.clone())).unwrap();
    let kind = ActionKind::Alertmanager { endpoint, headers: Vec::new() };
    let name = "am".parse().unwrap();
    let notifier = Notifier::start([Action::new("am".parse().unwrap(), kind)], &Outlet::StandardError).unwrap();
    let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    let labels = [("alertname", "high-lag"), ("group", "bil\"ling\nü"), ("severity", "warning")];
    let mut notice = Notice {
        labels: pairs(&labels),
        annotations: pairs(&[("value", "lag 1,204")]),
        starts_at: Utc::now().trunc_subsecs(3),
        ends_at: None,
    };
    notifier.notify(&name, &notice);
    let fires = || server.active().filter(|alerts| !alerts.is_empty());
    let alert = wait::until("alert that fires", TIMEOUT, fires).remove(0);
    assert_eq!(alert["labels"], serde_json::to_value(pairs(&labels)).unwrap());
    assert_eq!((&alert["annotations"]["value"], &alert["status"]["state"]), (&"lag 1,204".into(), &"active".into()));
    // Alertmanager's own webhook has the fields that kreplay's has, and the same fingerprint.
    let receives = |status: &str| {
        let own = |request: &endpoint::Request| serde_json::from_slice::<Value>(&request.body).unwrap();
        hook.seen().iter().map(own).find(|body| body["status"] == status)
    };
    let its = wait::until("webhook of Alertmanager", TIMEOUT, || receives("firing"));
    assert_eq!(its["version"], "4");
    assert_eq!(its["alerts"][0]["fingerprint"], format!("{:016x}", notice.fingerprint()));

    notice.ends_at = Some(Utc::now());
    notifier.notify(&name, &notice);
    wait::until("end of the alert", TIMEOUT, || server.active().filter(Vec::is_empty));
    wait::until("webhook about the end", TIMEOUT, || receives("resolved"));
    assert_eq!(notifier.finish(TIMEOUT), (Vec::new(), true));
}
