//! From an HTTP request to the API's: method, path, query, and the body in whatever encoding it has.

use super::accept::{Agreed, Encoding};
use super::{identity, limits, protobuf};
use crate::apiserver::strict::{self, Text};
use crate::apiserver::{ApiError, Method, Request};
use crate::json::{self, Parsed};
use crate::yaml;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::http::request::Parts;
use serde_json::Value;

/// Reads what a client asks, its body included.
///
/// # Errors
/// 400, 405, 413, 415: what does not fit.
pub async fn read(parts: &Parts, body: &mut Incoming, agreed: Agreed) -> Result<Request, ApiError> {
    let method = match parts.method.as_str() {
        "GET" | "HEAD" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        _ => {
            return Err(ApiError::new(
                405,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            ));
        }
    };
    let content_type = media_type(&parts.headers);
    let mut request = Request {
        method,
        path: percent_decode(parts.uri.path(), false),
        query: query(parts.uri.query().unwrap_or("")),
        accept: agreed.form,
        streamed: true,
        encoded: agreed.encoding == Encoding::Json && !agreed.beta,
        impersonate: identity::impersonation(&parts.headers),
        ..Request::default()
    };
    if method != Method::Get {
        let bytes = collect(body, &parts.headers).await?;
        let kind = if content_type.is_empty() { "application/json" } else { content_type.as_str() };
        if !bytes.is_empty() || !matches!(method, Method::Delete) {
            (request.body, request.text) = decode(method, kind, &bytes)?;
        }
        kind.clone_into(&mut request.content_type);
    }
    Ok(request)
}

/// `application/json` of `Application/JSON; charset=utf-8`.
fn media_type(headers: &HeaderMap) -> String {
    let header = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    header.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// The whole body, if it is not too large and does not take too long.
async fn collect(body: &mut Incoming, headers: &HeaderMap) -> Result<Bytes, ApiError> {
    let length =
        headers.get(hyper::header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|l| l > limits::BODY_BYTES) {
        return Err(too_large());
    }
    let collected =
        tokio::time::timeout(limits::BODY_TIME, Limited::new(body, limits::BODY_BYTES).collect()).await;
    match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(ApiError::bad_request(error.to_string())),
        Err(_) => Err(ApiError::new(504, "Timeout", "request did not complete within the allotted timeout")),
    }
}

/// Reads on for a while and forgets what comes, so that a client which is still sending hears its answer: to close on
/// it at once would reset the connection, and the answer be lost with it.
pub async fn discard(body: &mut Incoming) {
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    tokio::time::timeout(limits::DISCARD_TIME, rest).await.ok();
}

fn too_large() -> ApiError {
    let message = format!("Request entity too large: limit is {}", limits::BODY_BYTES);
    ApiError::new(413, "RequestEntityTooLarge", message)
}

const BODIES: &[&str] = &["application/json", "application/yaml", protobuf::MEDIA_TYPE];
const PATCHES: &[&str] = &[
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

/// Decodes a body by its media type: its value, unless it is broken, and its text.
///
/// # Errors
/// 415 for an unknown type.
pub fn decode(method: Method, media_type: &str, bytes: &[u8]) -> Result<(Option<Value>, Text), ApiError> {
    let known = if method == Method::Patch { PATCHES } else { BODIES };
    if !known.contains(&media_type) {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            known.join(", ")
        );
        return Err(ApiError::new(415, "UnsupportedMediaType", message));
    }
    let read = if media_type == protobuf::MEDIA_TYPE {
        protobuf::decode(bytes).map(|value| (value, Text::None)).map_err(|broken| broken.0)
    } else if media_type.ends_with("yaml") {
        from_yaml(bytes)
    } else {
        from_json(method, bytes)
    };
    Ok(match read {
        Ok((value, text)) => (Some(value), text),
        Err(why) => (None, Text::Broken { why, shown: strict::summary(bytes) }),
    })
}

fn from_json(method: Method, bytes: &[u8]) -> Result<(Value, Text), String> {
    match json::parse(bytes) {
        Ok(Parsed { value, duplicates }) => Ok((value, Text::Json { text: bytes.into(), duplicates })),
        Err(wrong) if method == Method::Patch => Err(wrong.message),
        Err(wrong) => Err(format!("couldn't get version/kind; json parse error: {}", wrong.message)),
    }
}

fn from_yaml(bytes: &[u8]) -> Result<(Value, Text), String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "yaml: invalid leading UTF-8 octet".to_owned())?;
    let documents = yaml::parse(text).map_err(|error| error.to_string())?;
    let document = documents.into_iter().next().unwrap_or_default();
    let twice = |(pointer, line): &(String, usize)| {
        let key = pointer.rsplit('/').next().unwrap_or("").replace("~1", "/").replace("~0", "~");
        format!("line {line}: key {key:?} already set in map")
    };
    let duplicates = document.duplicates.iter().map(twice).collect();
    Ok((document.value, Text::Yaml { duplicates }))
}

/// The parameters of a query, decoded, in order.
fn query(text: &str) -> Vec<(String, String)> {
    let pair = |part: &str| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        (percent_decode(key, true), percent_decode(value, true))
    };
    text.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

/// `%2F` as `/`, and in a query `+` as a space. What is no escape stays.
pub fn percent_decode(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).and_then(|b| char::from(*b).to_digit(16));
    let (mut out, mut i) = (Vec::with_capacity(bytes.len()), 0);
    while i < bytes.len() {
        match (bytes[i], digit(i + 1), digit(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                i += 2;
            }
            (b'+', ..) if plus => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        i += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bodies that nearly make sense, with bytes changed here and there.
    fn bodies() -> impl Strategy<Value = (usize, Vec<u8>)> {
        let pod = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]},
        });
        let known = [
            pod.to_string().into_bytes(),
            yaml::to_string(&pod).into_bytes(),
            protobuf::encode(&pod).unwrap_or_default(),
        ];
        let changes =
            proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 0..6);
        (0..known.len(), 0..known.len(), changes).prop_map(move |(kind, text, changes)| {
            let mut bytes = known[text].clone();
            for (place, byte, insert) in changes {
                let at = place.index(bytes.len());
                if insert {
                    bytes.insert(at, byte);
                } else {
                    bytes[at] = byte;
                }
            }
            (kind, bytes)
        })
    }

    proptest! {
        #[test]
        fn no_body_does_harm((kind, bytes) in bodies()) {
            let (body, text) = decode(Method::Post, BODIES[kind], &bytes).unwrap();
            prop_assert_eq!(body.is_none(), matches!(text, Text::Broken { .. }));
        }

        #[test]
        fn noise_does_no_harm(kind in 0..3usize, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            decode(Method::Post, BODIES[kind], &bytes).ok();
            decode(Method::Post, protobuf::MEDIA_TYPE, &[b"k8s\0", bytes.as_slice()].concat()).ok();
        }
    }

    #[test]
    fn depth_and_size_have_limits() {
        for (media_type, body) in [
            ("application/json", "[".repeat(1 << 20)),
            ("application/json", "{\"a\":".repeat(1 << 18)),
            ("application/yaml", "[".repeat(1 << 16)),
            ("application/yaml", (0..1 << 10).map(|n| " ".repeat(n) + "a:\n").collect()),
        ] {
            assert!(decode(Method::Post, media_type, body.as_bytes()).unwrap().0.is_none(), "{media_type}");
        }
    }

    #[test]
    fn keys_that_yaml_has_twice() {
        let (_, text) =
            decode(Method::Post, "application/yaml", b"a: 1\nb:\n  c: 1\n  c: 2\na: 2\n").unwrap();
        let line = |n: usize, key: &str| format!("line {n}: key \"{key}\" already set in map");
        assert_eq!(text, Text::Yaml { duplicates: vec![line(4, "c"), line(5, "a")] });
    }

    #[test]
    fn queries() {
        let shown = query("labelSelector=app%3Dweb&watch&fieldSelector=a+b&x=%zz");
        let pairs: Vec<(&str, &str)> = shown.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(
            pairs,
            [("labelSelector", "app=web"), ("watch", ""), ("fieldSelector", "a b"), ("x", "%zz")]
        );
    }
}
