//! The world outside: the few names that an offline program can honestly answer for, and the API server's door.
//!
//! Simplified: the reserved example domains answer with a page; every other outer name is unknown.

use super::{HttpCall, HttpReply};
use crate::object::{hash, time::MILLISECOND};

const EXAMPLE_DOMAINS: [&str; 3] = ["example.com", "example.org", "example.net"];
/// The range reserved for documentation (RFC 5737), in which the outer names live.
const OUTER_RANGE: &str = "203.0.113.";

/// The address of an outer name, if it is one of the reserved example domains or below one.
pub fn address(name: &str) -> Option<String> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let known = EXAMPLE_DOMAINS.iter().any(|d| name == *d || name.ends_with(&format!(".{d}")));
    known.then(|| format!("{OUTER_RANGE}{}", 1 + hash::fnv32a(name.as_bytes()) % 254))
}

/// Whether an address belongs to an outer host.
pub fn knows_address(address: &str) -> bool {
    address.starts_with(OUTER_RANGE)
}

/// What an outer host answers.
pub fn internet(call: &HttpCall) -> HttpReply {
    let body = format!("<html><head><title>Example Domain</title></head><body>{}</body></html>\n", call.host);
    reply(200, "text/html", body)
}

/// What the API server answers to somebody it does not know.
pub fn api_server(call: &HttpCall) -> HttpReply {
    if matches!(call.path.as_str(), "/healthz" | "/livez" | "/readyz") {
        return reply(200, "text/plain; charset=utf-8", "ok".to_owned());
    }
    let path = call.path.split('?').next().unwrap_or("/");
    let verb = if call.method == "POST" { "post" } else { "get" };
    let message = format!("forbidden: User \"system:anonymous\" cannot {verb} path \"{path}\"");
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": "Forbidden", "details": {}, "code": 403,
    });
    reply(403, "application/json", serde_json::to_string_pretty(&status).unwrap_or_default())
}

fn reply(status: u16, content_type: &str, body: String) -> HttpReply {
    let headers = vec![
        ("Content-Type".to_owned(), content_type.to_owned()),
        ("Content-Length".to_owned(), body.len().to_string()),
    ];
    HttpReply { status, headers, body: body.into_bytes(), took: 20 * MILLISECOND }
}
