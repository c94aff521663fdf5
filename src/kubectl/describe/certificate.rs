//! Describes a `CertificateSigningRequest`: who asks, and for whom.

use super::Desk;
use super::writer::text;
use crate::apiserver::certificates::SigningRequest;
use crate::kubectl::age;
use crate::kubectl::errors::{Failure, Outcome};
use base64::Engine;
use serde_json::Value;

pub(super) async fn signing_request(desk: &Desk, object: &Value) -> Outcome<String> {
    let (spec, mut page) = (&object["spec"], desk.page());
    let bytes = base64::engine::general_purpose::STANDARD.decode(text(&spec["request"])).unwrap_or_default();
    let asked = SigningRequest::read(&String::from_utf8_lossy(&bytes));
    let asked = asked.map_err(|why| Failure::new(format!("Error parsing CSR: {why}")))?;
    page.pair(0, "Name", text(&object["metadata"]["name"]));
    // Annotations are shown as labels are, the applied configuration among them.
    page.labels("Labels", &object["metadata"]["labels"]);
    page.labels("Annotations", &object["metadata"]["annotations"]);
    page.pair(0, "CreationTimestamp", age::rfc1123(&object["metadata"]["creationTimestamp"]));
    page.pair(0, "Requesting User", text(&spec["username"]));
    if !text(&spec["signerName"]).is_empty() {
        page.pair(0, "Signer", text(&spec["signerName"]));
    }
    if let Some(seconds) = spec["expirationSeconds"].as_i64() {
        page.pair(0, "Requested Duration", age::human(seconds));
    }
    page.pair(0, "Status", state(object));
    page.line(0, "Subject:");
    page.line(0, format!("\tCommon Name:\t{}", asked.subject.common_name));
    page.line(0, "\tSerial Number:\t");
    below(&mut page, "Organization", &asked.subject.organizations);
    let ips: Vec<String> = asked.ips.iter().map(ToString::to_string).collect();
    let names = [
        ("DNS Names", &asked.dns),
        ("Email Addresses", &asked.emails),
        ("URIs", &asked.uris),
        ("IP Addresses", &ips),
    ];
    if names.iter().any(|(_, list)| !list.is_empty()) {
        page.line(0, "Subject Alternative Names:");
        for (title, list) in names {
            below(&mut page, title, list);
        }
    }
    page.events(desk.events(object).await.as_ref());
    Ok(page.finish())
}

/// A list in the second column, each item on a line of its own.
fn below(page: &mut super::writer::Page, title: &str, items: &[String]) {
    for (index, item) in items.iter().enumerate() {
        let title = if index == 0 { format!("{title}:") } else { String::new() };
        page.line(0, format!("\t{title}\t{item}"));
    }
}

fn state(object: &Value) -> String {
    let conditions = object["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    let has = |kind: &str| conditions.iter().any(|c| c["type"] == kind);
    let mut words = vec![if has("Denied") {
        "Denied"
    } else if has("Approved") {
        "Approved"
    } else {
        "Pending"
    }];
    if has("Failed") {
        words.push("Failed");
    }
    if !text(&object["status"]["certificate"]).is_empty() {
        words.push("Issued");
    }
    words.join(",")
}
