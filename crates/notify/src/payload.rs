//! Notices as JSON.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::notice::Notice;

/// The time that stands for none in Go, and so in Alertmanager's JSON.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// The body of a webhook: version 4 of Alertmanager's format (`notify/webhook/webhook.go`), with one alert.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Webhook<'a> {
    version: &'a str,
    group_key: String,
    truncated_alerts: u64,
    status: &'a str,
    receiver: &'a str,
    group_labels: BTreeMap<&'a str, &'a str>,
    common_labels: &'a BTreeMap<String, String>,
    common_annotations: &'a BTreeMap<String, String>,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    alerts: [WebhookAlert<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookAlert<'a> {
    status: &'a str,
    labels: &'a BTreeMap<String, String>,
    annotations: &'a BTreeMap<String, String>,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    fingerprint: String,
}

/// The JSON of a notice for a webhook or a command. `receiver` is the name of the action.
pub(crate) fn webhook(notice: &Notice, receiver: &str) -> serde_json::Result<Vec<u8>> {
    let (status, name) = (notice.status(), notice.label("alertname"));
    let alert = WebhookAlert {
        status,
        labels: &notice.labels,
        annotations: &notice.annotations,
        starts_at: time(notice.starts_at),
        ends_at: notice.ends_at.map_or_else(|| NO_TIME.to_owned(), time),
        generator_url: "",
        fingerprint: format!("{:016x}", notice.fingerprint()),
    };
    serde_json::to_vec(&Webhook {
        version: "4",
        group_key: format!("{{}}:{{alertname={}}}", serde_json::Value::from(name)),
        truncated_alerts: 0,
        status,
        receiver,
        group_labels: BTreeMap::from([("alertname", name)]),
        common_labels: &notice.labels,
        common_annotations: &notice.annotations,
        external_url: "",
        alerts: [alert],
    })
}

/// An alert for Alertmanager (`api/v2/openapi.yaml`, `postableAlert`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PostableAlert<'a> {
    labels: &'a BTreeMap<String, String>,
    annotations: &'a BTreeMap<String, String>,
    starts_at: String,
    ends_at: String,
}

/// The JSON of alerts for Alertmanager. Those that fire end at `until` unless they are sent again before.
pub(crate) fn alerts<'a>(
    notices: impl Iterator<Item = &'a Notice>,
    until: DateTime<Utc>,
) -> serde_json::Result<Vec<u8>> {
    let alert = |notice: &'a Notice| PostableAlert {
        labels: &notice.labels,
        annotations: &notice.annotations,
        starts_at: time(notice.starts_at),
        ends_at: time(notice.ends_at.unwrap_or(until)),
    };
    serde_json::to_vec(&notices.map(alert).collect::<Vec<_>>())
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::tests::notice;

    fn json(bytes: &[u8]) -> serde_json::Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn a_webhook_has_the_fields_of_version_4() {
        let body = json(&webhook(&notice("bil\"ling", false), "ops").unwrap());
        assert_eq!(
            (&body["version"], &body["status"], &body["receiver"]),
            (&"4".into(), &"firing".into(), &"ops".into())
        );
        assert_eq!(body["groupKey"], "{}:{alertname=\"high-lag\"}");
        assert_eq!(body["groupLabels"]["alertname"], "high-lag");
        let alert = &body["alerts"][0];
        assert_eq!((&alert["labels"]["group"], &alert["endsAt"]), (&"bil\"ling".into(), &NO_TIME.into()));
        assert_eq!(alert["startsAt"], "2023-11-14T22:13:20.000Z");
        assert_eq!(alert["fingerprint"].as_str().unwrap().len(), 16);
        let resolved = json(&webhook(&notice("b", true), "ops").unwrap());
        assert_eq!(
            (&resolved["status"], &resolved["alerts"][0]["endsAt"]),
            (&"resolved".into(), &"2023-11-14T22:14:20.000Z".into())
        );
    }

    #[test]
    fn an_alert_that_fires_ends_unless_it_is_sent_again() {
        let until = DateTime::from_timestamp(1_700_000_240, 0).unwrap();
        let body = json(&alerts([notice("a", false), notice("b", true)].iter(), until).unwrap());
        assert_eq!(body[0]["endsAt"], "2023-11-14T22:17:20.000Z");
        assert_eq!(body[1]["endsAt"], "2023-11-14T22:14:20.000Z");
        assert_eq!(body[0]["labels"]["alertname"], "high-lag");
    }
}
