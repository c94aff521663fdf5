//! Describes a Pod.

use super::writer::{controller, items, number, text, text_or};
use super::{Desk, containers, volumes};
use crate::kubectl::age;
use crate::kubectl::errors::Outcome;
use serde_json::Value;

pub(super) async fn describe(desk: &Desk, pod: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let (metadata, spec, status) = (&pod["metadata"], &pod["spec"], &pod["status"]);
    page.name(pod);
    if spec["priority"].is_number() {
        page.pair(0, "Priority", text(&spec["priority"]));
    }
    for (title, field) in [
        ("Priority Class Name", "priorityClassName"),
        ("Runtime Class Name", "runtimeClassName"),
        ("Service Account", "serviceAccountName"),
    ] {
        if !text(&spec[field]).is_empty() {
            page.pair(0, title, text(&spec[field]));
        }
    }
    let node = text(&spec["nodeName"]);
    let host = text(&status["hostIP"]);
    page.pair(0, "Node", if node.is_empty() { "<none>".to_owned() } else { format!("{node}/{host}") });
    if !status["startTime"].is_null() {
        page.pair(0, "Start Time", age::rfc1123(&status["startTime"]));
    }
    page.metadata(pod);
    let phase = text(&status["phase"]);
    if !metadata["deletionTimestamp"].is_null() && phase != "Failed" && phase != "Succeeded" {
        let lasts = age::since(&metadata["deletionTimestamp"], page.now);
        page.pair(0, "Status", format!("Terminating (lasts {lasts})"));
        let grace = number(&metadata["deletionGracePeriodSeconds"]);
        page.pair(0, "Termination Grace Period", format!("{grace}s"));
    } else {
        page.pair(0, "Status", phase);
    }
    for (title, field) in [("Reason", "reason"), ("Message", "message")] {
        if !text(&status[field]).is_empty() {
            page.pair(0, title, text(&status[field]));
        }
    }
    let seccomp = &spec["securityContext"]["seccompProfile"];
    if seccomp.is_object() {
        page.pair(0, "SeccompProfile", text(&seccomp["type"]));
    }
    page.pair(0, "IP", text(&status["podIP"]));
    if items(&status["podIPs"]).is_empty() {
        page.pair(0, "IPs", "<none>");
    } else {
        page.line(0, "IPs:");
        for ip in items(&status["podIPs"]) {
            page.pair(1, "IP", text(&ip["ip"]));
        }
    }
    if let Some(owner) = controller(pod) {
        page.pair(0, "Controlled By", owner);
    }
    if !text(&status["nominatedNodeName"]).is_empty() {
        page.pair(0, "NominatedNodeName", text(&status["nominatedNodeName"]));
    }
    if spec["resources"].is_object() {
        page.line(0, "Resources:");
        containers::resources(&mut page, 1, &spec["resources"]);
    }
    for (title, list, states) in [
        ("Init Containers", "initContainers", "initContainerStatuses"),
        ("Containers", "containers", "containerStatuses"),
        ("Ephemeral Containers", "ephemeralContainers", "ephemeralContainerStatuses"),
    ] {
        if title == "Containers" || !items(&spec[list]).is_empty() {
            let owner = containers::Owner::Pod { pod, statuses: &status[states] };
            containers::describe(&mut page, title, &spec[list], &owner);
        }
    }
    gates_and_conditions(&mut page, pod);
    volumes::describe(&mut page, &spec["volumes"], "");
    page.pair(0, "QoS Class", text_or(&status["qosClass"], "BestEffort"));
    page.labels("Node-Selectors", &spec["nodeSelector"]);
    page.tolerations("Tolerations", &spec["tolerations"]);
    containers::spread_constraints(&mut page, &spec["topologySpreadConstraints"], "");
    page.events(desk.events(pod).await.as_ref());
    Ok(page.finish())
}

fn gates_and_conditions(page: &mut super::Page, pod: &Value) {
    let conditions = items(&pod["status"]["conditions"]);
    let gates = items(&pod["spec"]["readinessGates"]);
    if !gates.is_empty() {
        page.line(0, "Readiness Gates:\n  Type\tStatus");
        for gate in gates {
            let found = conditions.iter().find(|c| c["type"] == gate["conditionType"]);
            let status = found.map_or_else(|| "<none>".to_owned(), |c| text(&c["status"]));
            page.line(1, format!("{} \t{status} ", text(&gate["conditionType"])));
        }
    }
    if !conditions.is_empty() {
        page.line(0, "Conditions:\n  Type\tStatus");
        for c in conditions {
            page.line(1, format!("{} \t{} ", text(&c["type"]), text(&c["status"])));
        }
    }
}
