//! Describes a Namespace, a `ResourceQuota` and a `LimitRange`.

use super::Desk;
use super::writer::{Page, items, text, text_or, texts};
use crate::kubectl::age;
use crate::kubectl::errors::Outcome;
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) async fn describe(desk: &Desk, namespace: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let name = text(&namespace["metadata"]["name"]);
    page.pair(0, "Name", &name);
    page.metadata(namespace);
    page.pair(0, "Status", text(&namespace["status"]["phase"]));
    let conditions = items(&namespace["status"]["conditions"]);
    if !conditions.is_empty() {
        page.line(0, "Conditions:");
        page.line(1, "Type\tStatus\tLastTransitionTime\tReason\tMessage");
        page.line(1, "----\t------\t------------------\t------\t-------");
    }
    for c in conditions {
        let (kind, status, reason) = (text(&c["type"]), text(&c["status"]), text(&c["reason"]));
        let changed = age::rfc1123(&c["lastTransitionTime"]);
        page.line(1, format!("{kind}\t{status}\t{changed}\t{reason}\t{}", text(&c["message"])));
    }
    page.line(0, "");
    quotas(&mut page, desk.list(&format!("/api/v1/namespaces/{name}/resourcequotas"), &[]).await);
    page.line(0, "");
    limits(&mut page, &desk.list(&format!("/api/v1/namespaces/{name}/limitranges"), &[]).await);
    Ok(page.finish())
}

fn quotas(page: &mut Page, mut quotas: Vec<Value>) {
    if quotas.is_empty() {
        page.line(0, "No resource quota.");
        return;
    }
    quotas.sort_by_key(|q| text(&q["metadata"]["name"]));
    page.line(0, "Resource Quotas");
    for quota in &quotas {
        page.pair(1, "Name", text(&quota["metadata"]["name"]));
        scopes(page, 1, quota, "* ");
        page.line(1, "Resource\tUsed\tHard");
        page.line(1, "--------\t---\t---");
        for (name, hard) in quota["status"]["hard"].as_object().into_iter().flatten() {
            let used = text_or(&quota["status"]["used"][name], "0");
            page.line(1, format!("{name}\t{used}\t{}", text(hard)));
        }
    }
}

fn scopes(page: &mut Page, level: usize, quota: &Value, bullet: &str) {
    let mut scopes = texts(&quota["spec"]["scopes"]);
    if scopes.is_empty() {
        return;
    }
    scopes.sort();
    page.pair(level, "Scopes", scopes.join(", "));
    for scope in &scopes {
        let help = match scope.as_str() {
            "Terminating" => {
                "Matches all pods that have an active deadline. These pods have a limited lifespan on a node before being actively terminated by the system."
            }
            "NotTerminating" => {
                "Matches all pods that do not have an active deadline. These pods usually include long running pods whose container command is not expected to terminate."
            }
            "BestEffort" => {
                "Matches all pods that do not have resource requirements set. These pods have a best effort quality of service."
            }
            "NotBestEffort" => {
                "Matches all pods that have at least one resource requirement set. These pods have a burstable or guaranteed quality of service."
            }
            _ => continue,
        };
        page.line(level, format!("{bullet}{help}"));
    }
}

fn limits(page: &mut Page, ranges: &[Value]) {
    if ranges.is_empty() {
        page.line(0, "No LimitRange resource.");
        return;
    }
    page.line(0, format!("Resource Limits\n {LIMIT_HEAD}"));
    page.line(0, format!(" {LIMIT_RULE}"));
    for range in ranges {
        limit_rows(page, range, " ");
    }
}

const LIMIT_HEAD: &str = "Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio";
const LIMIT_RULE: &str = "----\t--------\t---\t---\t---------------\t-------------\t-----------------------";

fn limit_rows(page: &mut Page, range: &Value, prefix: &str) {
    const FIELDS: [&str; 5] = ["min", "max", "defaultRequest", "default", "maxLimitRequestRatio"];
    for limit in items(&range["spec"]["limits"]) {
        let keys = |field: &&str| limit[*field].as_object().into_iter().flatten().map(|(k, _)| k.clone());
        let resources: BTreeSet<String> = FIELDS.iter().flat_map(keys).collect();
        for resource in resources {
            let values: Vec<String> = FIELDS.iter().map(|f| text_or(&limit[*f][&resource], "-")).collect();
            page.line(0, format!("{prefix}{}\t{resource}\t{}", text(&limit["type"]), values.join("\t")));
        }
    }
}

#[allow(clippy::unused_async)]
pub(super) async fn limit_range(desk: &Desk, range: &Value) -> Outcome<String> {
    let mut page = desk.page();
    page.name(range);
    page.line(0, LIMIT_HEAD);
    page.line(0, LIMIT_RULE);
    limit_rows(&mut page, range, "");
    Ok(page.finish())
}

#[allow(clippy::unused_async)]
pub(super) async fn quota(desk: &Desk, quota: &Value) -> Outcome<String> {
    let mut page = desk.page();
    page.name(quota);
    scopes(&mut page, 0, quota, " * ");
    page.line(0, "Resource\tUsed\tHard");
    page.line(0, "--------\t----\t----");
    for (name, hard) in quota["status"]["hard"].as_object().into_iter().flatten() {
        page.line(0, format!("{name}\t{}\t{}", text_or(&quota["status"]["used"][name], "0"), text(hard)));
    }
    Ok(page.finish())
}
