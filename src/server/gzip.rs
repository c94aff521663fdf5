//! gzip: large answers are smaller on the way to clients that can read it.

use super::answer::Answer;
use super::body::Payload;
use super::limits;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderValue, VARY};
use std::io::Write;

/// Compresses an answer that is whole and large enough, for a client that accepts it.
pub fn compress(answer: Answer, asked: &HeaderMap) -> Answer {
    let accepts =
        asked.get_all(ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok()).any(|v| v.contains("gzip"));
    let (mut parts, payload) = answer.into_parts();
    let payload = match payload {
        Payload::Whole(Some(bytes)) if accepts && bytes.len() >= limits::GZIP_BYTES => {
            // As a real server: the first level is nearly as good, and much quicker.
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            match encoder.write_all(&bytes).and_then(|()| encoder.finish()) {
                Ok(small) => {
                    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                    parts.headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
                    Payload::whole(small)
                }
                Err(_) => Payload::Whole(Some(bytes)),
            }
        }
        other => other,
    };
    Answer::from_parts(parts, payload)
}
