//! Describes a StatefulSet.

use super::writer::{Page, go_list, items, number, pairs, selector, text, text_or};
use super::{Desk, containers};
use crate::kubectl::age;
use crate::kubectl::errors::Outcome;
use serde_json::Value;

pub(super) async fn describe(desk: &Desk, set: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let (metadata, spec, status) = (&set["metadata"], &set["spec"], &set["status"]);
    let selector = selector(&spec["selector"]);
    page.name(set);
    page.pair(0, "CreationTimestamp", age::rfc1123(&metadata["creationTimestamp"]));
    page.pair(0, "Selector", &selector);
    page.metadata(set);
    let (desired, total) = (number(&spec["replicas"]), number(&status["replicas"]));
    page.pair(0, "Replicas", format!("{desired} desired | {total} total"));
    page.pair(0, "Update Strategy", text(&spec["updateStrategy"]["type"]));
    let rolling = &spec["updateStrategy"]["rollingUpdate"];
    if rolling["partition"].is_number() {
        page.pair(1, "Partition", text(&rolling["partition"]));
        if !rolling["maxUnavailable"].is_null() {
            page.pair(1, "MaxUnavailable", text(&rolling["maxUnavailable"]));
        }
    }
    page.pair(0, "Pods Status", desk.pods_status(set, &selector).await);
    containers::template(&mut page, &spec["template"]);
    claims(&mut page, &spec["volumeClaimTemplates"]);
    page.events(desk.events(set).await.as_ref());
    Ok(page.finish())
}

fn claims(page: &mut Page, templates: &Value) {
    if items(templates).is_empty() {
        page.pair(0, "Volume Claims", "<none>");
        return;
    }
    page.line(0, "Volume Claims:");
    for claim in items(templates) {
        let (metadata, spec) = (&claim["metadata"], &claim["spec"]);
        page.pair(1, "Name", text(&metadata["name"]));
        page.pair(1, "StorageClass", text(&spec["storageClassName"]));
        for (title, field) in [("Labels", "labels"), ("Annotations", "annotations")] {
            let found = pairs(&metadata[field]);
            let (first, rest) = found.split_first().map_or(("<none>", &[][..]), |(f, r)| (f.as_str(), r));
            page.line(0, format!("  {title}:\t{first}"));
            for pair in rest {
                page.line(0, format!("  \t{pair}"));
            }
        }
        page.pair(1, "Capacity", text_or(&spec["resources"]["requests"]["storage"], "<default>"));
        page.pair(1, "Access Modes", go_list(&spec["accessModes"]));
    }
}
