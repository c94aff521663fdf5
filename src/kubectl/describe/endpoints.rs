//! Describes Endpoints and an EndpointSlice.

use super::Desk;
use super::writer::{items, number, text, text_or, texts};
use crate::kubectl::errors::Outcome;
use serde_json::Value;

pub(super) async fn describe(desk: &Desk, endpoints: &Value) -> Outcome<String> {
    let mut page = desk.page();
    page.name(endpoints);
    page.metadata(endpoints);
    page.line(0, "Subsets:");
    for subset in items(&endpoints["subsets"]) {
        for (title, field) in [("Addresses", "addresses"), ("NotReadyAddresses", "notReadyAddresses")] {
            let found: Vec<String> = items(&subset[field]).iter().map(|a| text(&a["ip"])).collect();
            let joined = found.join(",");
            page.pair(1, title, if joined.is_empty() { "<none>" } else { &joined });
        }
        if !items(&subset["ports"]).is_empty() {
            page.line(1, "Ports:");
            page.line(2, "Name\tPort\tProtocol");
            page.line(2, "----\t----\t--------");
            for port in items(&subset["ports"]) {
                let (name, protocol) = (text_or(&port["name"], "<unset>"), text_or(&port["protocol"], "TCP"));
                page.line(2, format!("{name}\t{}\t{protocol}", number(&port["port"])));
            }
        }
        page.line(0, "");
    }
    page.events(desk.events(endpoints).await.as_ref());
    Ok(page.finish())
}

pub(super) async fn slice(desk: &Desk, slice: &Value) -> Outcome<String> {
    let mut page = desk.page();
    page.name(slice);
    page.metadata(slice);
    page.pair(0, "AddressType", text(&slice["addressType"]));
    if items(&slice["ports"]).is_empty() {
        page.line(0, "Ports: <unset>");
    } else {
        page.line(0, "Ports:");
        page.line(1, "Name\tPort\tProtocol");
        page.line(1, "----\t----\t--------");
        for port in items(&slice["ports"]) {
            let (name, number) = (text_or(&port["name"], "<unset>"), text_or(&port["port"], "<unset>"));
            page.line(1, format!("{name}\t{number}\t{}", text(&port["protocol"])));
        }
    }
    if items(&slice["endpoints"]).is_empty() {
        page.line(0, "Endpoints: <none>");
    } else {
        page.line(0, "Endpoints:");
    }
    for endpoint in items(&slice["endpoints"]) {
        let addresses = texts(&endpoint["addresses"]).join(", ");
        page.pair(1, "- Addresses", if addresses.is_empty() { "<none>" } else { &addresses });
        page.line(2, "Conditions:");
        page.pair(3, "Ready", text_or(&endpoint["conditions"]["ready"], "<unset>"));
        page.pair(2, "Hostname", text_or(&endpoint["hostname"], "<unset>"));
        let target = &endpoint["targetRef"];
        if target.is_object() {
            page.pair(2, "TargetRef", format!("{}/{}", text(&target["kind"]), text(&target["name"])));
        }
        page.pair(2, "NodeName", text_or(&endpoint["nodeName"], "<unset>"));
        page.pair(2, "Zone", text_or(&endpoint["zone"], "<unset>"));
    }
    page.events(desk.events(slice).await.as_ref());
    Ok(page.finish())
}
