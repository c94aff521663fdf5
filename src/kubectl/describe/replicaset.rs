//! Describes a ReplicaSet, and its elder the `ReplicationController`.

use super::writer::{controller as controller_of, joined, number, pairs, selector};
use super::{Desk, containers};
use crate::kubectl::errors::Outcome;
use serde_json::Value;

pub(super) async fn describe(desk: &Desk, set: &Value) -> Outcome<String> {
    let selector = selector(&set["spec"]["selector"]);
    page_of(desk, set, &selector, &selector).await
}

pub(super) async fn controller(desk: &Desk, controller: &Value) -> Outcome<String> {
    let selector = &controller["spec"]["selector"];
    page_of(desk, controller, &joined(selector), &pairs(selector).join(",")).await
}

async fn page_of(desk: &Desk, object: &Value, shown: &str, asked: &str) -> Outcome<String> {
    let mut page = desk.page();
    page.name(object);
    page.pair(0, "Selector", shown);
    page.metadata(object);
    if let Some(owner) = controller_of(object) {
        page.pair(0, "Controlled By", owner);
    }
    let (current, desired) = (number(&object["status"]["replicas"]), number(&object["spec"]["replicas"]));
    page.pair(0, "Replicas", format!("{current} current / {desired} desired"));
    page.pair(0, "Pods Status", desk.pods_status(object, asked).await);
    containers::template(&mut page, &object["spec"]["template"]);
    page.conditions(&object["status"]["conditions"]);
    page.events(desk.events(object).await.as_ref());
    Ok(page.finish())
}
