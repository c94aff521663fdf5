//! Describes a `HorizontalPodAutoscaler`.

use super::Desk;
use super::writer::{Page, items, number, text, text_or};
use crate::kubectl::age;
use crate::kubectl::errors::Outcome;
use crate::kubectl::flags::quote;
use serde_json::Value;
use std::fmt::Write;

pub(super) async fn describe(desk: &Desk, hpa: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let (metadata, spec, status) = (&hpa["metadata"], &hpa["spec"], &hpa["status"]);
    page.name(hpa);
    page.metadata(hpa);
    page.pair(0, "CreationTimestamp", age::rfc1123(&metadata["creationTimestamp"]));
    let target = &spec["scaleTargetRef"];
    page.pair(0, "Reference", format!("{}/{}", text(&target["kind"]), text(&target["name"])));
    page.pair(0, "Metrics", "( current / target )");
    for (i, metric) in items(&spec["metrics"]).iter().enumerate() {
        page.line(1, line(metric, &status["currentMetrics"][i]));
    }
    page.pair(0, "Min replicas", text_or(&spec["minReplicas"], "<unset>"));
    page.pair(0, "Max replicas", number(&spec["maxReplicas"]).to_string());
    if spec["behavior"].is_object() {
        page.line(0, "Behavior:");
        behavior(&mut page, "Scale Up", &spec["behavior"]["scaleUp"]);
        behavior(&mut page, "Scale Down", &spec["behavior"]["scaleDown"]);
    }
    let (current, desired) = (number(&status["currentReplicas"]), number(&status["desiredReplicas"]));
    page.pair(
        0,
        &format!("{} pods", text(&target["kind"])),
        format!("{current} current / {desired} desired"),
    );
    if !items(&status["conditions"]).is_empty() {
        page.line(0, "Conditions:");
        page.line(1, "Type\tStatus\tReason\tMessage");
        page.line(1, "----\t------\t------\t-------");
        for c in items(&status["conditions"]) {
            let (kind, status, reason) = (text(&c["type"]), text(&c["status"]), text(&c["reason"]));
            page.line(1, format!("{kind}\t{status}\t{reason}\t{}", text(&c["message"])));
        }
    }
    page.events(desk.events(hpa).await.as_ref());
    Ok(page.finish())
}

/// A metric: what it is, its present value and its target.
fn line(metric: &Value, current: &Value) -> String {
    let known = |value: &Value| text_or(value, "<unknown>");
    match metric["type"].as_str().unwrap_or("") {
        kind @ ("Resource" | "ContainerResource") => {
            let field = if kind == "Resource" { "resource" } else { "containerResource" };
            let (want, have) = (&metric[field], &current[field]["current"]);
            let mut what = format!("resource {}", text(&want["name"]));
            if kind == "ContainerResource" {
                let _ = write!(what, " of container \"{}\"", text(&want["container"]));
            }
            if !want["target"]["averageValue"].is_null() {
                let (now, goal) = (known(&have["averageValue"]), text(&want["target"]["averageValue"]));
                return format!("{what} on pods:\t{now} / {goal}");
            }
            let now = if have["averageUtilization"].is_null() {
                "<unknown>".to_owned()
            } else {
                format!("{}% ({})", text(&have["averageUtilization"]), text(&have["averageValue"]))
            };
            let goal = text(&want["target"]["averageUtilization"]);
            let goal = if goal.is_empty() { "<auto>".to_owned() } else { format!("{goal}%") };
            format!("{what} on pods  (as a percentage of request):\t{now} / {goal}")
        }
        "Pods" => {
            let (want, have) = (&metric["pods"], &current["pods"]["current"]);
            let (now, goal) = (known(&have["averageValue"]), text(&want["target"]["averageValue"]));
            format!("{} on pods:\t{now} / {goal}", quote(&text(&want["metric"]["name"])))
        }
        kind @ ("Object" | "External") => {
            let field = if kind == "Object" { "object" } else { "external" };
            let (want, have) = (&metric[field], &current[field]["current"]);
            let mut what = quote(&text(&want["metric"]["name"]));
            if kind == "Object" {
                let about = &want["describedObject"];
                let _ = write!(what, " on {}/{}", text(&about["kind"]), text(&about["name"]));
            }
            let (title, value) = if want["target"]["averageValue"].is_null() {
                ("target value", "value")
            } else {
                ("target average value", "averageValue")
            };
            format!("{what} ({title}):\t{} / {}", known(&have[value]), text(&want["target"][value]))
        }
        other => format!("<unknown metric type {}>", quote(other)),
    }
}

fn behavior(page: &mut Page, direction: &str, rules: &Value) {
    if !rules.is_object() {
        return;
    }
    page.line(1, format!("{direction}:"));
    if !rules["stabilizationWindowSeconds"].is_null() {
        let seconds = text(&rules["stabilizationWindowSeconds"]);
        page.line(2, format!("Stabilization Window: {seconds} seconds"));
    }
    if !items(&rules["policies"]).is_empty() {
        page.line(2, format!("Select Policy: {}", text_or(&rules["selectPolicy"], "Max")));
        page.line(2, "Policies:");
        for p in items(&rules["policies"]) {
            let (kind, value, seconds) = (text(&p["type"]), text(&p["value"]), text(&p["periodSeconds"]));
            page.line(3, format!("- Type: {kind}\tValue: {value}\tPeriod: {seconds} seconds"));
        }
    }
}
