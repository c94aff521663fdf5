//! Describes a Deployment.

use super::writer::{Page, items, number, selector, text};
use super::{Desk, containers};
use crate::kubectl::age;
use crate::kubectl::errors::Outcome;
use serde_json::Value;

pub(super) async fn describe(desk: &Desk, deployment: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let (metadata, spec, status) = (&deployment["metadata"], &deployment["spec"], &deployment["status"]);
    page.name(deployment);
    page.pair(0, "CreationTimestamp", age::rfc1123(&metadata["creationTimestamp"]));
    page.metadata(deployment);
    page.pair(0, "Selector", selector(&spec["selector"]));
    page.pair(
        0,
        "Replicas",
        format!(
            "{} desired | {} updated | {} total | {} available | {} unavailable",
            number(&spec["replicas"]),
            number(&status["updatedReplicas"]),
            number(&status["replicas"]),
            number(&status["availableReplicas"]),
            number(&status["unavailableReplicas"]),
        ),
    );
    page.pair(0, "StrategyType", text(&spec["strategy"]["type"]));
    page.pair(0, "MinReadySeconds", number(&spec["minReadySeconds"]).to_string());
    let rolling = &spec["strategy"]["rollingUpdate"];
    if rolling.is_object() {
        let (down, up) = (text(&rolling["maxUnavailable"]), text(&rolling["maxSurge"]));
        page.pair(0, "RollingUpdateStrategy", format!("{down} max unavailable, {up} max surge"));
    }
    containers::template(&mut page, &spec["template"]);
    page.conditions(&status["conditions"]);
    replica_sets(desk, &mut page, deployment).await;
    page.events(desk.events(deployment).await.as_ref());
    Ok(page.finish())
}

/// The ReplicaSet of the present template, and the others.
async fn replica_sets(desk: &Desk, page: &mut Page, deployment: &Value) {
    let (metadata, spec) = (&deployment["metadata"], &deployment["spec"]);
    let path = format!("/apis/apps/v1/namespaces/{}/replicasets", text(&metadata["namespace"]));
    let mut sets = desk.list(&path, &[("labelSelector", selector(&spec["selector"]))]).await;
    let owned = |set: &Value| {
        let owners = items(&set["metadata"]["ownerReferences"]);
        owners.iter().any(|o| o["controller"] == true && o["uid"] == metadata["uid"])
    };
    sets.retain(owned);
    sets.sort_by_key(|s| (text(&s["metadata"]["creationTimestamp"]), text(&s["metadata"]["name"])));
    let present = sets.iter().position(|s| same_template(&s["spec"]["template"], &spec["template"]));
    let named = |set: &Value| {
        let (have, want) = (number(&set["status"]["replicas"]), number(&set["spec"]["replicas"]));
        format!("{} ({have}/{want} replicas created)", text(&set["metadata"]["name"]))
    };
    let new = present.map(|at| named(&sets.remove(at)));
    if sets.is_empty() && new.is_none() {
        return;
    }
    let old: Vec<String> = sets.iter().map(named).collect();
    let or_none = |text: String| if text.is_empty() { "<none>".to_owned() } else { text };
    page.pair(0, "OldReplicaSets", or_none(old.join(", ")));
    page.pair(0, "NewReplicaSet", or_none(new.unwrap_or_default()));
}

/// Whether a ReplicaSet's template is a Deployment's, but for the hash.
fn same_template(a: &Value, b: &Value) -> bool {
    let without_hash = |template: &Value| {
        let mut template = template.clone();
        if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
            labels.remove("pod-template-hash");
        }
        template
    };
    without_hash(a) == without_hash(b)
}
