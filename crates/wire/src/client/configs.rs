//! Settings of topics and brokers.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::WireClient;
use crate::api::Api;
use crate::error::WireError;
use crate::message::describe_configs::{
    BROKER_RESOURCE, DescribeConfigsRequest, DescribeConfigsResponse, ResourceRequest, ResourceResponse, TOPIC_RESOURCE,
};
use crate::types::{BrokerId, ConfigResource, ConfigValue, TopicSelection};

/// The settings of a resource by name.
type Settings = BTreeMap<String, ConfigValue>;

impl WireClient {
    /// The settings with these names, or all if there are no names. `DESCRIBE_CONFIGS` rights are needed.
    pub async fn describe_configs(
        &self,
        resources: impl IntoIterator<Item = ConfigResource>,
        names: &[&str],
    ) -> BTreeMap<ConfigResource, Result<Settings, WireError>> {
        let deadline = self.begin();
        // Any broker knows the settings of topics, but each broker only its own.
        let mut topics = Vec::new();
        let mut brokers = Vec::new();
        for resource in resources {
            match resource {
                ConfigResource::Topic(name) => topics.push(name),
                ConfigResource::Broker(id) => brokers.push(id),
            }
        }
        let mut settings = BTreeMap::new();
        if !topics.is_empty() {
            let asked = topics.iter().map(|name| request(TOPIC_RESOURCE, name.clone(), names)).collect();
            let response = self.shared.brokers.ask_any(&describe(asked), deadline).await;
            settings.extend(collect(topics.into_iter().map(ConfigResource::Topic), response));
        }
        if !brokers.is_empty() {
            // Finds the addresses of the brokers. If it fails, the requests below fail with their own error.
            drop(self.shared.metadata(&TopicSelection::Named(Vec::new()), deadline).await);
            let asked = brokers.into_iter().map(|id| async move {
                let asked = describe(vec![request(BROKER_RESOURCE, id.to_string(), names)]);
                (id, self.shared.brokers.ask(id, &asked, deadline).await)
            });
            for (id, response) in join_all(asked).await {
                settings.extend(collect([ConfigResource::Broker(id)], response));
            }
        }
        settings
    }
}

fn request(resource_type: i8, resource_name: String, names: &[&str]) -> ResourceRequest {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    ResourceRequest { resource_type, resource_name, configuration_keys: (!names.is_empty()).then_some(names) }
}

fn describe(resources: Vec<ResourceRequest>) -> DescribeConfigsRequest {
    DescribeConfigsRequest { resources, include_synonyms: false, include_documentation: false }
}

/// A result for each resource that was asked for.
fn collect(
    asked: impl IntoIterator<Item = ConfigResource>,
    response: Result<DescribeConfigsResponse, WireError>,
) -> BTreeMap<ConfigResource, Result<Settings, WireError>> {
    let mut answers: BTreeMap<ConfigResource, _> = BTreeMap::new();
    let silent = match response {
        Ok(response) => {
            answers.extend(response.results.into_iter().filter_map(answer));
            WireError::NoAnswer(Api::DescribeConfigs)
        }
        Err(error) => error,
    };
    let result = |resource: ConfigResource| {
        let result = answers.remove(&resource).unwrap_or_else(|| Err(silent.clone()));
        (resource, result)
    };
    asked.into_iter().map(result).collect()
}

fn answer(result: ResourceResponse) -> Option<(ConfigResource, Result<Settings, WireError>)> {
    let resource = match result.resource_type {
        TOPIC_RESOURCE => ConfigResource::Topic(result.resource_name),
        BROKER_RESOURCE => ConfigResource::Broker(BrokerId(result.resource_name.parse().ok()?)),
        _ => return None,
    };
    let settings = WireError::check(result.error_code, result.error_message, || {
        let setting = |entry: crate::message::describe_configs::ConfigEntry| {
            let value = ConfigValue {
                value: entry.value,
                source: entry.config_source.into(),
                is_sensitive: entry.is_sensitive,
            };
            (entry.name, value)
        };
        result.configs.into_iter().map(setting).collect()
    });
    Some((resource, settings))
}
