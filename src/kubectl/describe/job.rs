//! Describes a Job and a `CronJob`.

use super::writer::{Page, controller, number, selector, text, text_or, truth};
use super::{Desk, containers};
use crate::kubectl::age;
use crate::kubectl::errors::Outcome;
use crate::object::SECOND;
use serde_json::Value;

pub(super) async fn describe(desk: &Desk, job: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let (spec, status) = (&job["spec"], &job["status"]);
    page.name(job);
    page.pair(0, "Selector", selector(&spec["selector"]));
    page.metadata(job);
    if let Some(owner) = controller(job) {
        page.pair(0, "Controlled By", owner);
    }
    if !spec["parallelism"].is_null() {
        page.pair(0, "Parallelism", text(&spec["parallelism"]));
    }
    page.pair(0, "Completions", text_or(&spec["completions"], "<unset>"));
    for (title, field) in [
        ("Completion Mode", "completionMode"),
        ("Suspend", "suspend"),
        ("Backoff Limit", "backoffLimit"),
        ("TTL Seconds After Finished", "ttlSecondsAfterFinished"),
    ] {
        if !spec[field].is_null() {
            page.pair(0, title, text(&spec[field]));
        }
    }
    for (title, field) in [("Start Time", "startTime"), ("Completed At", "completionTime")] {
        if !status[field].is_null() {
            page.pair(0, title, age::rfc1123(&status[field]));
        }
    }
    if let (Some(start), Some(end)) =
        (age::moment(&status["startTime"]), age::moment(&status["completionTime"]))
    {
        page.pair(0, "Duration", age::human((end.since(start) / SECOND) as i64));
    }
    if !spec["activeDeadlineSeconds"].is_null() {
        page.pair(0, "Active Deadline Seconds", format!("{}s", text(&spec["activeDeadlineSeconds"])));
    }
    let count = |field: &str| number(&status[field]);
    let ready = if status["ready"].is_null() {
        String::new()
    } else {
        format!(" ({} Ready)", number(&status["ready"]))
    };
    let (active, good, bad) = (count("active"), count("succeeded"), count("failed"));
    page.pair(0, "Pods Statuses", format!("{active} Active{ready} / {good} Succeeded / {bad} Failed"));
    if spec["completionMode"] == "Indexed" {
        page.pair(0, "Completed Indexes", capped(&text(&status["completedIndexes"])));
    }
    containers::template(&mut page, &spec["template"]);
    page.events(desk.events(job).await.as_ref());
    Ok(page.finish())
}

/// The first fifty characters of a list of indexes, to the next comma.
fn capped(indexes: &str) -> String {
    if indexes.is_empty() {
        return "<none>".to_owned();
    }
    match indexes.char_indices().skip(50).find(|(_, c)| *c == ',') {
        Some((at, _)) => format!("{}...", &indexes[..=at]),
        None => indexes.to_owned(),
    }
}

pub(super) async fn cron(desk: &Desk, cron: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let (spec, status) = (&cron["spec"], &cron["status"]);
    page.name(cron);
    page.metadata(cron);
    page.pair(0, "Schedule", text(&spec["schedule"]));
    page.pair(0, "Concurrency Policy", text(&spec["concurrencyPolicy"]));
    page.pair(0, "Suspend", truth(&spec["suspend"]));
    page.pair(0, "Time Zone", text_or(&spec["timeZone"], "<unset>"));
    page.pair(0, "Successful Job History Limit", text_or(&spec["successfulJobsHistoryLimit"], "<unset>"));
    page.pair(0, "Failed Job History Limit", text_or(&spec["failedJobsHistoryLimit"], "<unset>"));
    let deadline = text(&spec["startingDeadlineSeconds"]);
    let deadline = if deadline.is_empty() { "<unset>".to_owned() } else { format!("{deadline}s") };
    page.pair(0, "Starting Deadline Seconds", deadline);
    job_template(&mut page, &spec["jobTemplate"]["spec"]);
    page.pair(0, "Last Schedule Time", age::rfc1123(&status["lastScheduleTime"]));
    let active = status["active"].as_array().map(|a| a.iter().map(|j| text(&j["name"])).collect::<Vec<_>>());
    let active = active.filter(|a| !a.is_empty()).map_or_else(|| "<none>".to_owned(), |a| a.join(", "));
    page.pair(0, "Active Jobs", active);
    page.events(desk.events(cron).await.as_ref());
    Ok(page.finish())
}

fn job_template(page: &mut Page, spec: &Value) {
    let chosen = if spec["selector"].is_null() { "<unset>".to_owned() } else { selector(&spec["selector"]) };
    page.pair(0, "Selector", chosen);
    page.pair(0, "Parallelism", text_or(&spec["parallelism"], "<unset>"));
    page.pair(0, "Completions", text_or(&spec["completions"], "<unset>"));
    if !spec["activeDeadlineSeconds"].is_null() {
        page.pair(0, "Active Deadline Seconds", format!("{}s", text(&spec["activeDeadlineSeconds"])));
    }
    containers::template(page, &spec["template"]);
}
