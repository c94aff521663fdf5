//! Describes a `PodDisruptionBudget` and `a PriorityCla`ss.

use super::Desk;
use super::writer::{joined, number, selector, text};
use crate::kubectl::errors::Outcome;
use serde_json::Value;

pub(super) async fn disruption_budget(desk: &Desk, budget: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let (spec, status) = (&budget["spec"], &budget["status"]);
    page.name(budget);
    if !spec["minAvailable"].is_null() {
        page.pair(0, "Min available", text(&spec["minAvailable"]));
    } else if !spec["maxUnavailable"].is_null() {
        page.pair(0, "Max unavailable", text(&spec["maxUnavailable"]));
    }
    let chosen = if spec["selector"].is_null() { "<unset>".to_owned() } else { selector(&spec["selector"]) };
    page.pair(0, "Selector", chosen);
    page.line(0, "Status:");
    for (title, field) in [
        ("Allowed disruptions", "disruptionsAllowed"),
        ("Current", "currentHealthy"),
        ("Desired", "desiredHealthy"),
        ("Total", "expectedPods"),
    ] {
        page.pair(2, title, number(&status[field]).to_string());
    }
    page.events(desk.events(budget).await.as_ref());
    Ok(page.finish())
}

pub(super) async fn priority_class(desk: &Desk, class: &Value) -> Outcome<String> {
    let mut page = desk.page();
    page.pair(0, "Name", text(&class["metadata"]["name"]));
    page.pair(0, "Value", number(&class["value"]).to_string());
    page.pair(0, "GlobalDefault", class["globalDefault"].as_bool().unwrap_or(false).to_string());
    page.pair(0, "PreemptionPolicy", text(&class["preemptionPolicy"]));
    page.pair(0, "Description", text(&class["description"]));
    page.pair(0, "Annotations", joined(&class["metadata"]["annotations"]));
    page.events(desk.events(class).await.as_ref());
    Ok(page.finish())
}
