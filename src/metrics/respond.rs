//! Answers to requests.

use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body as _, Bytes, Incoming},
    header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE},
};
use kreplay_metrics::Format;

use super::{access::is_allowed, sources::Shared};

const TEXT: &str = "text/plain; charset=utf-8";

/// The answer to a request. It reads only the latest snapshots.
pub(super) fn respond(request: &Request<Incoming>, shared: &Shared) -> Response<Full<Bytes>> {
    let headers = request.headers();
    if !is_allowed(shared.settings.token.as_ref(), headers) {
        let mut response = plain(StatusCode::UNAUTHORIZED, "a token is needed: Authorization: Bearer TOKEN\n");
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are allowed\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    if !request.body().is_end_stream() {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "a request body is not allowed\n");
    }
    match request.uri().path() {
        "/metrics" => metrics(headers, shared),
        "/healthz" => plain(StatusCode::OK, "ok\n"),
        _ => plain(StatusCode::NOT_FOUND, "not found; use /metrics or /healthz\n"),
    }
}

fn metrics(headers: &HeaderMap, shared: &Shared) -> Response<Full<Bytes>> {
    let format = requested_format(headers);
    match shared.text(format) {
        Ok(text) => response(StatusCode::OK, format.content_type(), text),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// OpenMetrics if the client accepts it and does not prefer plain text.
fn requested_format(headers: &HeaderMap) -> Format {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|it| it.split(','));
    let mut quality = (0.0_f64, 0.0_f64);
    for range in accepted {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let parameters: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
        let given = |wanted: &str| parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let weight = given("q").map_or(1.0, |(_, q)| q.parse().unwrap_or(0.0));
        if name.eq_ignore_ascii_case("application/openmetrics-text") {
            // Version 0.0.1 is what Prometheus asked for before OpenMetrics was published; the text is the same.
            let is_known = given("version").is_none_or(|(_, version)| matches!(*version, "1.0.0" | "0.0.1"));
            quality.0 = quality.0.max(if is_known { weight } else { 0.0 });
        } else if name.eq_ignore_ascii_case("text/plain") {
            quality.1 = quality.1.max(weight);
        }
    }
    if quality.0 > 0.0 && quality.0 >= quality.1 { Format::OpenMetrics } else { Format::Prometheus }
}

fn plain(status: StatusCode, text: impl Into<String>) -> Response<Full<Bytes>> {
    response(status, TEXT, text.into().into())
}

fn response(status: StatusCode, content_type: &'static str, text: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_the_one_that_is_preferred() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;\
                          q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, format) in [
            ("", Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("text/plain", Format::Prometheus),
            ("text/html, text/plain;q=0.8", Format::Prometheus),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("application/openmetrics-text; version=1.0.0", Format::OpenMetrics),
            ("application/openmetrics-text; version=2.0.0", Format::Prometheus),
            ("application/openmetrics-text;q=0.1, text/plain;q=0.9", Format::Prometheus),
            ("application/openmetrics-text;q=0", Format::Prometheus),
            (prometheus, Format::OpenMetrics),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(requested_format(&headers), format, "{accept}");
        }
        assert_eq!(requested_format(&HeaderMap::new()), Format::Prometheus);
    }
}
