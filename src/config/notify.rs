//! `[notify]`: a table for each action on alerts, by the name of the action.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use kreplay_model::domain::{Secret, SecretFormat, duration};
use kreplay_notify::{Action, ActionError, ActionKind, ActionName, DesktopProtocol, Endpoint, Header};
use serde_json::json;
use toml::Value;

use super::{
    Environment, Origin, Problem,
    entries::by_name,
    input::{Assignment, Input, quoted},
    reference,
};

/// The table.
pub(super) const TABLE: &str = "notify";
/// The start of the key of each of its settings.
pub(super) const PREFIX: &str = "notify.";

/// The settings of an action, with their descriptions.
const FIELDS: [(&str, &str); 7] = [
    ("kind", "What the action does."),
    ("url", "For webhook and alertmanager: the URL for requests. May contain ${env:NAME} and ${file:PATH}."),
    ("headers", "For webhook and alertmanager: a list of NAME: VALUE. May contain ${env:NAME} and ${file:PATH}."),
    ("command", "For command: a program and its arguments, split as in a shell. It gets JSON on standard input."),
    ("protocol", "For desktop: the control sequence that the terminal understands."),
    ("timeout", "How long one attempt may take, such as 10s."),
    ("resolved", "Whether the action also runs when an alert is resolved."),
];
const KINDS: [&str; 5] = ["bell", "desktop", "command", "webhook", "alertmanager"];
const PROTOCOLS: [(&str, DesktopProtocol); 2] = [("osc9", DesktopProtocol::Osc9), ("osc777", DesktopProtocol::Osc777)];
/// The time of one attempt.
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(300);

/// The configured actions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NotifySection {
    /// By name, each with its settings for display.
    configured: BTreeMap<ActionName, Configured>,
}

#[derive(Clone, Debug, PartialEq)]
struct Configured {
    action: Action,
    /// The command as it was written.
    command: Option<String>,
}

impl NotifySection {
    /// The actions that rules can name: those that are configured, and those that need no configuration unless there
    /// is a table with their name.
    #[must_use]
    pub fn actions(&self) -> Vec<Action> {
        let built_in = Action::built_in().into_iter().filter(|action| !self.configured.contains_key(&action.name));
        built_in.chain(self.configured.values().map(|configured| configured.action.clone())).collect()
    }

    /// The URLs and headers of requests, which may contain secrets.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let requests = self.configured.values().filter_map(|configured| match &configured.action.kind {
            ActionKind::Webhook { endpoint, headers } | ActionKind::Alertmanager { endpoint, headers } => {
                Some((endpoint.url(), headers))
            }
            ActionKind::Bell | ActionKind::Desktop(_) | ActionKind::Command { .. } => None,
        });
        requests.flat_map(|(url, headers)| std::iter::once(url).chain(headers.iter().map(Header::text)))
    }
}

/// The names of the settings.
pub(super) fn fields() -> impl Iterator<Item = &'static str> {
    FIELDS.into_iter().map(|(field, _)| field)
}

/// Builds the actions from the settings of all tables, and returns what is wrong with them.
pub(super) fn build(assignments: &[Assignment], environment: &Environment) -> (NotifySection, Vec<Problem>) {
    let (mut section, mut problems) = (NotifySection::default(), Vec::new());
    for (name, assignments) in by_name(PREFIX, assignments) {
        match action(name, &assignments, environment) {
            Ok(configured) => {
                section.configured.insert(configured.action.name.clone(), configured);
            }
            Err(found) => problems.extend(found),
        }
    }
    (section, problems)
}

/// An action that is being read.
#[derive(Default)]
struct Draft {
    kind: Option<String>,
    url: Option<Secret>,
    headers: Vec<Header>,
    command: Option<String>,
    protocol: DesktopProtocol,
    timeout: Option<Duration>,
    resolved: Option<bool>,
    /// The settings that were set.
    set: Vec<&'static str>,
}

fn action(name: &str, assignments: &[&Assignment], environment: &Environment) -> Result<Configured, Vec<Problem>> {
    let problem = |assignment: &Assignment, message| Problem {
        origin: assignment.origin.clone(),
        key: Some(assignment.key.clone()),
        message,
    };
    let of_action = |message| Problem {
        origin: assignments.first().map_or(Origin::Default, |first| first.origin.clone()),
        key: Some(format!("{PREFIX}{name}")),
        message,
    };
    let name = name.parse::<ActionName>().map_err(|error| vec![of_action(error.to_string())])?;
    let mut draft = Draft::default();
    let set = assignments.iter().filter_map(|it| Some(problem(it, draft.set(it, environment).err()?)));
    let problems: Vec<Problem> = set.collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    draft.build(name).map_err(|message| vec![of_action(message)])
}

impl Draft {
    fn set(&mut self, assignment: &Assignment, environment: &Environment) -> Result<(), String> {
        let input = &assignment.input;
        let secret = |format| reference::resolve_input(input, format, environment);
        let field = assignment.key.rsplit_once('.').map(|(_, field)| field);
        match field {
            Some("kind") => self.kind = Some(kind(input)?),
            Some("url") => self.url = Some(secret(SecretFormat::Address)?.secret()?),
            Some("headers") => {
                let headers = secret(SecretFormat::Header)?.secret_list()?.into_iter().map(Header::new);
                self.headers = headers.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
            }
            Some("command") => self.command = Some(input.text()?.to_owned()),
            Some("protocol") => self.protocol = protocol(input)?,
            Some("timeout") => self.timeout = Some(timeout(input)?),
            Some("resolved") => self.resolved = Some(input.bool()?),
            // Other keys were refused before.
            _ => {}
        }
        self.set.extend(fields().find(|known| Some(*known) == field));
        Ok(())
    }

    fn build(self, name: ActionName) -> Result<Configured, String> {
        let Some(kind) = self.kind else {
            return Err(format!(
                "the action has no kind; set kind to one of {}, such as kind = \"webhook\"",
                KINDS.join(", ")
            ));
        };
        let fitting: &[&str] = match kind.as_str() {
            "bell" => &[],
            "desktop" => &["protocol"],
            "command" => &["command"],
            _ => &["url", "headers"],
        };
        let has_kind = |field: &&str| matches!(*field, "url" | "headers" | "command" | "protocol");
        if let Some(field) = self.set.iter().copied().filter(has_kind).find(|field| !fitting.contains(field)) {
            return Err(format!(
                "{field} does not apply to actions of the kind {kind}; remove it, or choose another kind"
            ));
        }
        let endpoint = || match self.url.clone() {
            Some(url) => Endpoint::new(url).map_err(|error| error.to_string()),
            None => Err(format!("an action of the kind {kind} needs url = \"https://host/path\"")),
        };
        let headers = self.headers.clone();
        let kind = match kind.as_str() {
            "bell" => ActionKind::Bell,
            "desktop" => ActionKind::Desktop(self.protocol),
            "command" => {
                let command =
                    self.command.as_deref().ok_or("an action of the kind command needs command = \"program\"")?;
                ActionKind::command(command).map_err(|error: ActionError| error.to_string())?
            }
            "webhook" => ActionKind::Webhook { endpoint: endpoint()?, headers },
            _ => ActionKind::Alertmanager { endpoint: endpoint()?, headers },
        };
        let mut action = Action::new(name, kind);
        action.timeout = self.timeout.unwrap_or(action.timeout);
        action.resolved = self.resolved.unwrap_or(action.resolved);
        Ok(Configured { action, command: self.command })
    }
}

fn kind(input: &Input) -> Result<String, String> {
    let text = input.text()?;
    let is_known = KINDS.contains(&text);
    is_known.then(|| text.to_owned()).ok_or_else(|| format!("{} is not a kind; use {}", quoted(text), KINDS.join(", ")))
}

fn protocol(input: &Input) -> Result<DesktopProtocol, String> {
    let text = input.text()?;
    let found = PROTOCOLS.into_iter().find(|(word, _)| *word == text).map(|(_, protocol)| protocol);
    found.ok_or_else(|| format!("{} is neither osc9 nor osc777", quoted(text)))
}

fn timeout(input: &Input) -> Result<Duration, String> {
    let text = input.text()?;
    duration::parse(text)
        .filter(|time| TIMEOUTS.contains(time))
        .ok_or_else(|| format!("{} is not a duration from 100ms to 5m; use a value such as 500ms or 10s", quoted(text)))
}

/// The configured actions by name, each with its settings. Secrets are masked.
pub(super) fn shown(section: &NotifySection) -> impl Iterator<Item = (&str, Vec<(&'static str, Value)>)> {
    section.configured.iter().map(|(name, configured)| (name.as_str(), values(configured)))
}

fn values(configured: &Configured) -> Vec<(&'static str, Value)> {
    let action = &configured.action;
    let requests = |endpoint: &Endpoint, headers: &[Header]| {
        let headers: Vec<String> = headers.iter().map(|header| header.text().shown().to_owned()).collect();
        vec![("url", Value::from(endpoint.url().shown())), ("headers", Value::from(headers))]
    };
    let (kind, own) = match &action.kind {
        ActionKind::Bell => ("bell", Vec::new()),
        ActionKind::Desktop(protocol) => {
            let word = PROTOCOLS.iter().find(|(_, known)| known == protocol).map_or("osc9", |(word, _)| *word);
            ("desktop", vec![("protocol", Value::from(word))])
        }
        ActionKind::Command { .. } => {
            ("command", vec![("command", Value::from(configured.command.clone().unwrap_or_default()))])
        }
        ActionKind::Webhook { endpoint, headers } => ("webhook", requests(endpoint, headers)),
        ActionKind::Alertmanager { endpoint, headers } => ("alertmanager", requests(endpoint, headers)),
    };
    let mut values = vec![("kind", Value::from(kind))];
    values.extend(own);
    values.push(("timeout", Value::from(duration::in_units(action.timeout))));
    values.push(("resolved", Value::from(action.resolved)));
    values
}

/// The JSON Schema of the table.
pub(super) fn schema() -> serde_json::Value {
    let describe = |(field, help): (&'static str, &'static str)| {
        let mut described = match field {
            "kind" => json!({ "enum": KINDS }),
            "protocol" => json!({ "enum": PROTOCOLS.map(|(word, _)| word), "default": "osc9" }),
            "headers" => json!({ "type": "array", "items": { "type": "string" } }),
            "resolved" => json!({ "type": "boolean" }),
            _ => json!({ "type": "string" }),
        };
        described["description"] = help.into();
        (field.to_owned(), described)
    };
    let properties: serde_json::Map<_, _> = FIELDS.into_iter().map(describe).collect();
    json!({
        "description": "Actions on alerts: a table for each action, by its name.",
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": false,
            "required": ["kind"],
            "properties": properties,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Overrides};

    fn load(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("kreplay.toml"), text).unwrap();
        let environment = Environment::from_pairs([("TOKEN", "hunter2")]);
        Config::load(&Overrides::default(), &environment, dir.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_action_has_its_settings() {
        let text = "[notify.ops]\nkind = 'webhook'\nurl = 'https://ada:hunter2@h/x'\ntimeout = '2s'\n\
                    headers = ['Authorization: Bearer ${env:TOKEN}']\nresolved = false\n\
                    [notify.page]\nkind = 'command'\ncommand = \"page 'on call'\"\n";
        let config = load(text).unwrap();
        let actions = config.notify.actions();
        let names: Vec<&str> = actions.iter().map(|action| action.name.as_str()).collect();
        assert_eq!(names, ["bell", "desktop", "ops", "page"]);
        assert_eq!((actions[2].timeout.as_secs(), actions[2].resolved), (2, false));
        let shown = config.show(true);
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("url = \"https://ada:***@h/x\"  # kreplay.toml:3:"), "{shown}");
        assert!(shown.contains("headers = [\"Authorization: Bearer ${env:TOKEN}\"]"), "{shown}");
        assert!(shown.contains("command = \"page 'on call'\""), "{shown}");
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn an_action_with_the_name_of_one_that_needs_no_configuration_replaces_it() {
        let actions = load("[notify.desktop]\nkind = 'desktop'\nprotocol = 'osc777'\n").unwrap().notify.actions();
        assert_eq!(actions.len(), 2);
        assert_eq!(actions[1].kind, ActionKind::Desktop(DesktopProtocol::Osc777));
    }

    #[test]
    fn problems_have_a_position_and_show_no_secrets() {
        for (text, part) in [
            ("[notify.a]\ntimeout = '1s'\n", "notify.a: the action has no kind; set kind to one of bell, desktop"),
            ("[notify.a]\nkind = 'mail'\n", "`mail` is not a kind; use bell, desktop"),
            ("[notify.a]\nkind = 'webhook'\n", "an action of the kind webhook needs url"),
            ("[notify.a]\nkind = 'command'\nurl = 'http://h'\n", "url does not apply to actions of the kind command"),
            ("[notify.a]\nkind = 'command'\ncommand = \"a 'b\"\n", "is not a command"),
            ("[notify.a]\nkind = 'webhook'\nurl = 'ftp://ada:hunter2@h'\n", "ftp://ada:***@h is not an HTTP URL"),
            ("[notify.a]\nkind = 'webhook'\nurl = '${env:NONE}'\n", "`NONE` is not set"),
            ("[notify.a]\nkind = 'webhook'\nheaders = ['Authorization hunter2']\n", "*** is not a header"),
            ("[notify.a]\nkind = 'bell'\ntimeout = '1h'\n", "is not a duration from 100ms to 5m"),
            ("[notify.a]\nkind = 'bell'\nsound = 'x'\n", "unknown setting; [notify.a] has kind, url"),
            ("[notify.'a b']\nkind = 'bell'\n", "is not a valid action name"),
        ] {
            let problem = load(text).unwrap_err();
            assert!(problem.contains(part) && !problem.contains("hunter2"), "{text}: {problem}");
            assert!([":2:", ":3:"].iter().any(|position| problem.contains(position)), "{text}: {problem}");
        }
    }
}
