//! Describes a Service.

use super::Desk;
use super::writer::{items, joined, number, text, text_or, texts};
use crate::kubectl::errors::Outcome;
use serde_json::Value;

pub(super) async fn describe(desk: &Desk, service: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let spec = &service["spec"];
    page.name(service);
    page.metadata(service);
    page.pair(0, "Selector", joined(&spec["selector"]));
    page.pair(0, "Type", text(&spec["type"]));
    if !spec["ipFamilyPolicy"].is_null() {
        page.pair(0, "IP Family Policy", text(&spec["ipFamilyPolicy"]));
    }
    let or_none = |list: &Value| {
        let joined = texts(list).join(",");
        if joined.is_empty() { "<none>".to_owned() } else { joined }
    };
    page.pair(0, "IP Families", or_none(&spec["ipFamilies"]));
    page.pair(0, "IP", text(&spec["clusterIP"]));
    page.pair(0, "IPs", or_none(&spec["clusterIPs"]));
    if !items(&spec["externalIPs"]).is_empty() {
        page.pair(0, "External IPs", texts(&spec["externalIPs"]).join(","));
    }
    for (title, field) in [("Desired LoadBalancer IP", "loadBalancerIP"), ("External Name", "externalName")] {
        if !text(&spec[field]).is_empty() {
            page.pair(0, title, text(&spec[field]));
        }
    }
    let ingress = items(&service["status"]["loadBalancer"]["ingress"]);
    if !ingress.is_empty() {
        let shown: Vec<String> = ingress.iter().map(balancer).collect();
        page.pair(0, "LoadBalancer Ingress", shown.join(", "));
    }
    let slices = slices(desk, &service["metadata"]).await;
    for port in items(&spec["ports"]) {
        let (name, protocol) = (text_or(&port["name"], "<unset>"), text_or(&port["protocol"], "TCP"));
        page.pair(0, "Port", format!("{name}\t{}/{protocol}", number(&port["port"])));
        page.pair(0, "TargetPort", format!("{}/{protocol}", text_or(&port["targetPort"], "0")));
        if number(&port["nodePort"]) != 0 {
            page.pair(0, "NodePort", format!("{name}\t{}/{protocol}", number(&port["nodePort"])));
        }
        page.pair(0, "Endpoints", endpoints(&slices, &text(&port["name"])));
    }
    page.pair(0, "Session Affinity", text(&spec["sessionAffinity"]));
    for (title, field) in [
        ("External Traffic Policy", "externalTrafficPolicy"),
        ("Internal Traffic Policy", "internalTrafficPolicy"),
        ("HealthCheck NodePort", "healthCheckNodePort"),
    ] {
        if !matches!(text(&spec[field]).as_str(), "" | "0") {
            page.pair(0, title, text(&spec[field]));
        }
    }
    if !items(&spec["loadBalancerSourceRanges"]).is_empty() {
        page.pair(0, "LoadBalancer Source Ranges", texts(&spec["loadBalancerSourceRanges"]).join(","));
    }
    if !text(&spec["trafficDistribution"]).is_empty() {
        page.pair(0, "Traffic Distribution", text(&spec["trafficDistribution"]));
    }
    page.events(desk.events(service).await.as_ref());
    Ok(page.finish())
}

fn balancer(ingress: &Value) -> String {
    let ip = text(&ingress["ip"]);
    if ip.is_empty() {
        return text(&ingress["hostname"]);
    }
    let mode = text(&ingress["ipMode"]);
    if mode.is_empty() { ip } else { format!("{ip} ({mode})") }
}

/// The EndpointSlices of a Service.
pub(super) async fn slices(desk: &Desk, metadata: &Value) -> Vec<Value> {
    let path =
        format!("/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices", text(&metadata["namespace"]));
    let selector = format!("kubernetes.io/service-name={}", text(&metadata["name"]));
    desk.list(&path, &[("labelSelector", selector)]).await
}

/// The first three ready addresses of a port, and how many more there are.
pub(super) fn endpoints(slices: &[Value], port_name: &str) -> String {
    const SHOWN: usize = 3;
    if slices.is_empty() {
        return "<none>".to_owned();
    }
    let mut found = Vec::new();
    for slice in slices {
        let ready = items(&slice["endpoints"]).iter().filter(|e| e["conditions"]["ready"] != false);
        let addresses: Vec<String> = ready.map(|e| text(&e["addresses"][0])).collect();
        if items(&slice["ports"]).is_empty() {
            found.extend(addresses);
            continue;
        }
        for port in items(&slice["ports"]).iter().filter(|p| text(&p["name"]) == port_name) {
            let port = number(&port["port"]);
            found.extend(
                addresses
                    .iter()
                    .map(|a| if a.contains(':') { format!("[{a}]:{port}") } else { format!("{a}:{port}") }),
            );
        }
    }
    let shown = found.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(",");
    if found.len() > SHOWN { format!("{shown} + {} more...", found.len() - SHOWN) } else { shown }
}
