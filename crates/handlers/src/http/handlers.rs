//! The `http` handlers of a run.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use kreplay_model::{
    domain::{MASK, Record, Redactor, Secret},
    feed::EffectCount,
};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{
    Body,
    backoff_gate::BackoffGate,
    client::Client,
    endpoint::Endpoint,
    request::{IDEMPOTENCY_KEY, RequestContent},
    shared::{Counts, HttpShared},
    worker::HttpHandler,
};
use crate::failure::preview_error;
use crate::setup::HandlerSetup;
use crate::{EffectForm, Handler, HandlerError, HandlerNeeds, Preview, PreviewError, PreviewedEffect, RunHandlers};

/// Creates handlers that send requests.
pub(crate) struct HttpHandlers {
    shared: Arc<HttpShared>,
}

impl HttpHandlers {
    /// # Errors
    /// No URL is configured, or it or another setting is invalid.
    pub(crate) fn open(url: Option<&Secret>, context: &HandlerSetup) -> Result<Self, HandlerError> {
        let settings = context.settings.http.clone();
        let wrong = |reason: String| HandlerError::Settings { handler: "http", reason };
        let url = url.or(settings.url.as_ref());
        let url = url.ok_or_else(|| wrong("no URL given; use http:URL, or set http.url".into()))?;
        let endpoint = Endpoint::new(url).map_err(wrong)?;
        let mut headers = HeaderMap::new();
        for given in &settings.headers {
            let (name, value) = header_of(given).map_err(wrong)?;
            headers.append(name, value);
        }
        let mut shown: Vec<_> = settings.headers.iter().map(|header| header.shown().to_owned()).collect();
        let mut secrets = url.secrets();
        secrets.extend(settings.headers.iter().flat_map(Secret::secrets));
        if let Some(value) = endpoint.authorization.clone().filter(|_| !headers.contains_key(header::AUTHORIZATION)) {
            shown.push(format!("authorization: Basic {MASK}"));
            secrets.extend(value.to_str().ok().and_then(|text| text.strip_prefix("Basic ")).map(str::to_owned));
            headers.insert(header::AUTHORIZATION, value);
        }
        let client = Client::new(endpoint, headers, &settings, Redactor::new(secrets)).map_err(wrong)?;
        let shared = HttpShared {
            client,
            gate: BackoffGate::default(),
            settings,
            partitions: Arc::clone(&context.partitions),
            rules: Arc::clone(&context.rules),
            counts: Counts::default(),
            answers_per_record: AtomicBool::new(false),
            shown,
        };
        Ok(Self { shared: Arc::new(shared) })
    }
}

fn header_of(given: &Secret) -> Result<(HeaderName, HeaderValue), String> {
    let wrong = || format!("`{}` is not a header; use `Name: value`", given.shown());
    let (name, value) = given.value().split_once(':').ok_or_else(wrong)?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| wrong())?;
    let mut value = HeaderValue::try_from(value.trim()).map_err(|_| wrong())?;
    value.set_sensitive(true);
    if [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, IDEMPOTENCY_KEY].contains(&name) {
        return Err(format!("the header {name} cannot be set: kreplay sets it itself"));
    }
    Ok((name, value))
}

impl RunHandlers for HttpHandlers {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(HttpHandler::new(Arc::clone(&self.shared)))
    }

    fn needs(&self) -> HandlerNeeds {
        let headers = self.shared.settings.body != Body::Value || !self.shared.settings.record_headers.is_empty();
        HandlerNeeds { headers, ..HandlerNeeds::default() }
    }

    fn effects(&self) -> Vec<EffectCount> {
        let Counts { requests, answers, acknowledged } = &self.shared.counts;
        let count = |what: &str, count: &AtomicU64| EffectCount { what: what.into(), count: count.load(Relaxed) };
        let names = ["answers.none", "answers.1xx", "answers.2xx", "answers.3xx", "answers.4xx", "answers.5xx"];
        let mut effects = vec![count("acknowledged", acknowledged), count("requests", requests)];
        effects.extend(names.iter().zip(answers).map(|(name, it)| count(name, it)).filter(|it| it.count > 0));
        effects
    }

    fn preview(&self) -> Result<Box<dyn Preview>, HandlerError> {
        Ok(Box::new(RequestPreview(Arc::clone(&self.shared))))
    }
}

/// A preview of the request of each single record, with secrets masked.
struct RequestPreview(Arc<HttpShared>);

impl Preview for RequestPreview {
    fn form(&self) -> EffectForm {
        EffectForm::Requests
    }

    fn preview(&mut self, record: &Record, effects: &mut Vec<PreviewedEffect>) -> Result<(), PreviewError> {
        let mut body = RequestContent::new(&self.0.settings);
        body.push(self.0.source(record)?, &self.0.rules, record).map_err(preview_error)?;
        let (headers, body) = body.finish();
        let what = self.0.client.request();
        let mut content = format!("{what}\n").into_bytes();
        for (name, value) in &headers {
            content.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat());
        }
        for header in &self.0.shown {
            content.extend([header.as_bytes(), b"\n"].concat());
        }
        content.push(b'\n');
        content.extend(body);
        effects.push(PreviewedEffect { what: what.to_owned(), content });
        Ok(())
    }
}
