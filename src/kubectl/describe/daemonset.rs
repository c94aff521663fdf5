//! Describes a DaemonSet.

use super::writer::{joined, number, selector};
use super::{Desk, containers};
use crate::kubectl::errors::Outcome;
use serde_json::Value;

pub(super) async fn describe(desk: &Desk, set: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let (spec, status) = (&set["spec"], &set["status"]);
    let selector = selector(&spec["selector"]);
    page.name(set);
    page.pair(0, "Selector", &selector);
    page.pair(0, "Node-Selector", joined(&spec["template"]["spec"]["nodeSelector"]));
    page.metadata(set);
    for (title, field) in [
        ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ] {
        page.line(0, format!("{title}: {}", number(&status[field])));
    }
    page.pair(0, "Pods Status", desk.pods_status(set, &selector).await);
    containers::template(&mut page, &spec["template"]);
    page.events(desk.events(set).await.as_ref());
    Ok(page.finish())
}
