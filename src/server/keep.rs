//! What clients keep: a document with an `ETag` is not sent again to who has it, and one that is asked for by its hash
//! (`/openapi/v3/api/v1?hash=…`) never changes.

use super::answer::Answer;
use super::body::Payload;
use super::clock;
use hyper::StatusCode;
use hyper::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, EXPIRES, HeaderMap, HeaderValue, IF_NONE_MATCH, LOCATION,
};
use hyper::http::request::Parts;

/// Where the documents are that have their hash in their address.
const HASHED: &str = "/openapi/v3/";

/// Makes an answer with an `ETag` what this client has to hear: all of it, that what it has is still right (304), or
/// where the present one is (301).
pub fn answer(mut answer: Answer, asked: &Parts) -> Answer {
    let Some(tag) = answer.headers().get(ETAG).cloned() else { return answer };
    let tag = tag.to_str().unwrap_or_default().trim_matches('"');
    let path = asked.uri.path();
    let query = asked.uri.query().unwrap_or_default();
    let hash = query.split('&').find_map(|p| p.strip_prefix("hash=")).filter(|hash| !hash.is_empty());
    if let Some(hash) = hash.filter(|_| path.starts_with(HASHED)) {
        if hash != tag {
            let place = HeaderValue::from_str(&format!("{path}?hash={tag}"));
            return emptied(answer, StatusCode::MOVED_PERMANENTLY, place.ok());
        }
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, immutable"));
        answer.headers_mut().extend(HeaderValue::from_str(&clock::in_a_year()).map(|at| (EXPIRES, at)));
    }
    if has(&asked.headers, tag) { emptied(answer, StatusCode::NOT_MODIFIED, None) } else { answer }
}

/// Whether the client says that it has what this tag is of.
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let named = headers.get_all(IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
    let mut named = named.flat_map(|v| v.split(',')).map(|t| t.trim().trim_start_matches("W/"));
    named.any(|t| t == "*" || t.trim_matches('"') == tag)
}

fn emptied(answer: Answer, status: StatusCode, place: Option<HeaderValue>) -> Answer {
    let (mut parts, _) = answer.into_parts();
    parts.status = status;
    parts.headers.remove(CONTENT_TYPE);
    parts.headers.extend(place.map(|place| (LOCATION, place)));
    Answer::from_parts(parts, Payload::whole(Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::{Accept, Response};
    use crate::server::accept::{Agreed, Encoding};

    fn asked(uri: &str, known: &str) -> Answer {
        let mut request = hyper::Request::builder().uri(uri);
        if !known.is_empty() {
            request = request.header(IF_NONE_MATCH, known);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let document = Response::document("application/json", b"{}".as_slice().into(), "ABC".into());
        let whole = super::super::answer::whole(
            document,
            Agreed { form: Accept::Json, encoding: Encoding::Json, beta: false },
        );
        answer(whole, &parts)
    }

    #[test]
    fn documents_are_kept() {
        for (uri, known, status, cache) in [
            ("/openapi/v3/api/v1", "", 200, "no-cache, private"),
            ("/openapi/v3/api/v1", "\"ABC\"", 304, "no-cache, private"),
            ("/openapi/v3/api/v1", "\"X\", W/\"ABC\"", 304, "no-cache, private"),
            ("/openapi/v3/api/v1", "\"X\"", 200, "no-cache, private"),
            ("/openapi/v3/api/v1?timeout=32s&hash=ABC", "", 200, "public, immutable"),
            ("/openapi/v3/api/v1?hash=ABC", "\"ABC\"", 304, "public, immutable"),
            ("/openapi/v3/api/v1?hash=X", "\"ABC\"", 301, "no-cache, private"),
            ("/openapi/v3?hash=X", "*", 304, "no-cache, private"),
        ] {
            let answer = asked(uri, known);
            assert_eq!(answer.status(), status, "{uri} {known}");
            assert_eq!(answer.headers()[CACHE_CONTROL], cache, "{uri} {known}");
            assert_eq!(answer.headers()[ETAG], "\"ABC\"");
            assert_eq!(answer.headers().contains_key(EXPIRES), cache.starts_with("public"));
        }
        assert_eq!(asked("/openapi/v3/api/v1?hash=X", "").headers()[LOCATION], "/openapi/v3/api/v1?hash=ABC");
    }
}
