//! From the API's answer to HTTP's: encoding, headers, warnings.

use super::accept::{Agreed, Encoding};
use super::body::Payload;
use super::protobuf;
use crate::apiserver::{Accept, ApiError, Body, Response};
use crate::yaml;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, RETRY_AFTER, VARY, WARNING};
use serde_json::Value;

/// An answer of HTTP.
pub type Answer = hyper::Response<Payload>;

/// How many bytes of warnings an answer carries at most, as in a real server.
const WARNING_BYTES: usize = 4096;

/// An answer with all of its body.
pub fn whole(response: Response, agreed: Agreed) -> Answer {
    let (mut response, mut known) = (response, None);
    if let (true, Body::Json(value)) = (agreed.beta, &mut response.body) {
        as_beta(value);
    }
    let (media_type, bytes) = match response.body {
        Body::Json(value) => match (agreed.form, encode(&value, agreed.encoding)) {
            (_, None) => {
                return error(
                    &super::accept::not_acceptable(),
                    Agreed { encoding: Encoding::Json, ..agreed },
                );
            }
            (Accept::Discovery(version), Some(bytes)) if value["kind"] == "APIGroupDiscoveryList" => (
                format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"),
                bytes,
            ),
            (_, Some(bytes)) => (agreed.encoding.media_type().to_owned(), bytes),
        },
        Body::Text(text) => ("text/plain; charset=utf-8".to_owned(), text.into_bytes()),
        Body::Bytes { media_type, bytes, tag } => {
            known = tag;
            (media_type.to_owned(), bytes.to_vec())
        }
        Body::Stream(_) | Body::Events(_) => ("text/plain".to_owned(), Vec::new()),
    };
    let mut answer = head(response.status, &media_type, Payload::whole(bytes));
    if let Some(tag) = known.and_then(|tag| HeaderValue::from_str(&format!("\"{tag}\"")).ok()) {
        answer.headers_mut().insert(ETAG, tag);
    }
    add_warnings(&mut answer, &response.warnings);
    answer
}

/// An answer without a body yet.
pub fn head(status: u16, media_type: &str, payload: Payload) -> Answer {
    let mut answer = Answer::new(payload);
    *answer.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    if let Ok(value) = HeaderValue::from_str(media_type) {
        headers.insert(CONTENT_TYPE, value);
    }
    answer
}

/// The answer to a request that failed.
pub fn error(error: &ApiError, agreed: Agreed) -> Answer {
    let retry = error.retry_after;
    let mut answer = whole(Response::error(error), agreed);
    if let Some(seconds) = retry {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

/// Tables and metadata in the older version, which has the same fields.
pub fn as_beta(value: &mut Value) {
    if value["apiVersion"] == "meta.k8s.io/v1" {
        value["apiVersion"] = Value::from("meta.k8s.io/v1beta1");
    }
    for list in ["items", "rows"] {
        let inner = value.get_mut(list).and_then(Value::as_array_mut);
        inner.into_iter().flatten().for_each(as_beta);
    }
    if let Some(object @ Value::Object(_)) = value.get_mut("object") {
        as_beta(object);
    }
}

/// A value as it goes over the wire. `None` when it cannot be encoded so.
pub fn encode(value: &Value, encoding: Encoding) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Json => {
            let mut bytes = value.to_string().into_bytes();
            bytes.push(b'\n');
            Some(bytes)
        }
        Encoding::Yaml => Some(yaml::to_string(value).into_bytes()),
        Encoding::Protobuf => protobuf::encode(value),
    }
}

/// A watch's event as it goes over the wire, set apart from the next as its encoding does.
pub fn encode_event(event: &Value, encoding: Encoding) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Json => encode(event, encoding),
        Encoding::Yaml => Some(format!("---\n{}", yaml::to_string(event)).into_bytes()),
        Encoding::Protobuf => protobuf::encode_event(event),
    }
}

/// `Warning: 299 - "…"`, once for each; what does not fit any more is left out.
fn add_warnings(answer: &mut Answer, warnings: &[String]) {
    let mut left = WARNING_BYTES;
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
        let text = format!("299 - \"{quoted}\"");
        let Some(rest) = left.checked_sub(text.len()) else { return };
        left = rest;
        if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
            answer.headers_mut().append(WARNING, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::apiserver::{Accept, Body, Cause, Request, User};
    use crate::cluster::{Cluster, Config};
    use crate::object::SECOND;
    use serde_json::Value;

    #[test]
    fn a_list_over_the_wire_is_the_list_in_process() {
        let mut cluster = Cluster::new(Config::default());
        crate::session::settle(&mut cluster, 600 * SECOND);
        let paths = [
            "/api/v1/pods",
            "/api/v1/nodes",
            "/apis/apps/v1/deployments",
            "/api/v1/namespaces/none/services",
        ];
        for path in paths {
            for accept in [Accept::Json, Accept::Table, Accept::Metadata] {
                for carries in ["", "None", "Object"] {
                    let plain = Request { accept, ..Request::get(path) }.param("includeObject", carries);
                    let wire = Request { encoded: true, ..plain.clone() };
                    let mut value =
                        cluster.request(&plain, &User::admin(), Cause::Command(1)).value().clone();
                    for item in value.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
                        if let (Value::Object(item), Accept::Json) = (item, accept) {
                            item.remove("kind");
                            item.remove("apiVersion");
                        }
                    }
                    let response = cluster.request(&wire, &User::admin(), Cause::Command(1));
                    let Body::Bytes { bytes, .. } = response.body else { panic!("{path} is not encoded") };
                    assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), value, "{path} {accept:?}");
                }
            }
        }
    }
}
