//! Describes a `NetworkPolicy`.

use super::Desk;
use super::writer::{Page, items, selector, text, text_or, texts};
use crate::kubectl::errors::Outcome;
use serde_json::Value;

#[allow(clippy::unused_async)]
pub(super) async fn describe(desk: &Desk, policy: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let spec = &policy["spec"];
    page.name(policy);
    let created = text(&policy["metadata"]["creationTimestamp"]).replace('T', " ").replace('Z', " +0000 UTC");
    page.pair(0, "Created on", created);
    page.metadata(policy);
    page.line(0, "Spec:");
    let chosen = match selector(&spec["podSelector"]).as_str() {
        "<none>" => "<none> (Allowing the specific traffic to all pods in this namespace)".to_owned(),
        chosen => chosen.to_owned(),
    };
    page.line(1, format!("PodSelector:     {chosen}"));
    let types = texts(&spec["policyTypes"]);
    let has = |name: &str| types.iter().any(|t| t == name);
    for (kind, word, rules) in
        [("Ingress", "ingress", &spec["ingress"]), ("Egress", "egress", &spec["egress"])]
    {
        if has(kind) {
            page.line(1, format!("Allowing {word} traffic:"));
            traffic(&mut page, kind, items(rules));
        } else {
            page.line(1, format!("Not affecting {word} traffic"));
        }
    }
    let shown = types.join(", ");
    page.line(1, format!("Policy Types: {}", if shown.is_empty() { "<none>" } else { &shown }));
    Ok(page.finish())
}

fn traffic(page: &mut Page, kind: &str, rules: &[Value]) {
    const INDENT: &str = "    ";
    let (peers, word, source, flow) = if kind == "Ingress" {
        ("from", "From", "source", "ingress")
    } else {
        ("to", "To", "destination", "egress")
    };
    if rules.is_empty() {
        page.line(0, format!("{INDENT}<none> (Selected pods are isolated for {flow} connectivity)"));
    }
    for (i, rule) in rules.iter().enumerate() {
        if items(&rule["ports"]).is_empty() {
            page.line(0, format!("{INDENT}To Port: <any> (traffic allowed to all ports)"));
        }
        for port in items(&rule["ports"]) {
            let (number, protocol) = (text_or(&port["port"], "<nil>"), text_or(&port["protocol"], "TCP"));
            if port["endPort"].is_null() {
                page.line(0, format!("{INDENT}To Port: {number}/{protocol}"));
            } else {
                page.line(
                    0,
                    format!("{INDENT}To Port Range: {number}-{}/{protocol}", text(&port["endPort"])),
                );
            }
        }
        if items(&rule[peers]).is_empty() {
            page.line(0, format!("{INDENT}{word}: <any> (traffic not restricted by {source})"));
        }
        for peer in items(&rule[peers]) {
            page.line(0, format!("{INDENT}{word}:"));
            for (title, field) in [("NamespaceSelector", "namespaceSelector"), ("PodSelector", "podSelector")]
            {
                if peer[field].is_object() {
                    page.line(1, format!("{INDENT}{title}: {}", selector(&peer[field])));
                }
            }
            if peer["ipBlock"].is_object() {
                page.line(1, format!("{INDENT}IPBlock:"));
                page.line(2, format!("{INDENT}CIDR: {}", text(&peer["ipBlock"]["cidr"])));
                page.line(2, format!("{INDENT}Except: {}", texts(&peer["ipBlock"]["except"]).join(", ")));
            }
        }
        if i + 1 < rules.len() {
            page.line(0, format!("{INDENT}----------"));
        }
    }
}
