//! The part of a URL behind the host: a path and its query, escaped.

use crate::apiserver::Request;

/// The path and query of a request.
pub(super) fn of(request: &Request) -> String {
    let mut url = request.path.clone();
    for (i, (key, value)) in request.query.iter().enumerate() {
        url.push(if i == 0 && !request.path.contains('?') { '?' } else { '&' });
        url.push_str(&escape(key));
        url.push('=');
        url.push_str(&escape(value));
    }
    url
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_plain_is_escaped() {
        let request = Request::get("/api/v1/pods").param("labelSelector", "a in (b, c)").param("limit", "1");
        assert_eq!(of(&request), "/api/v1/pods?labelSelector=a%20in%20%28b%2C%20c%29&limit=1");
        assert_eq!(of(&Request::get("/x?y=1").param("é", "")), "/x?y=1&%C3%A9=");
    }
}
