//! Rows of the workload kinds, autoscalers and disruption budgets.

use super::{AGE, Column, NAME, containers, labels, name, number, selector, since, text, wide};
use crate::object::{SimTime, meta::MetaExt, quantity};
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, MetricSpec, MetricStatus};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{PodTemplate, PodTemplateSpec, ReplicationController};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

const CONTAINERS: Column = wide("Containers");
const IMAGES: Column = wide("Images");
const SELECTOR: Column = wide("Selector");

pub const DEPLOYMENT: &[Column] =
    &[NAME, text("Ready"), text("Up-to-date"), text("Available"), AGE, CONTAINERS, IMAGES, SELECTOR];
pub const REPLICA_SET: &[Column] =
    &[NAME, number("Desired"), number("Current"), number("Ready"), AGE, CONTAINERS, IMAGES, SELECTOR];
pub const DAEMON_SET: &[Column] = &[
    NAME,
    number("Desired"),
    number("Current"),
    number("Ready"),
    number("Up-to-date"),
    number("Available"),
    text("Node Selector"),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];
pub const STATEFUL_SET: &[Column] = &[NAME, text("Ready"), AGE, CONTAINERS, IMAGES];
pub const JOB: &[Column] =
    &[NAME, text("Status"), text("Completions"), text("Duration"), AGE, CONTAINERS, IMAGES, SELECTOR];
pub const CRON_JOB: &[Column] = &[
    NAME,
    text("Schedule"),
    text("Timezone"),
    text("Suspend"),
    number("Active"),
    text("Last Schedule"),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];
pub const AUTOSCALER: &[Column] =
    &[NAME, text("Reference"), text("Targets"), text("MinPods"), text("MaxPods"), text("Replicas"), AGE];
pub const BUDGET: &[Column] =
    &[NAME, text("Min Available"), text("Max Unavailable"), number("Allowed Disruptions"), AGE];
pub const REVISION: &[Column] = &[NAME, text("Controller"), text("Revision"), AGE];
pub const TEMPLATE: &[Column] = &[NAME, text("Containers"), text("Images"), text("Pod Labels")];

fn of_template(template: Option<&PodTemplateSpec>) -> (Value, Value) {
    containers(template.and_then(|t| t.spec.as_ref()).map(|s| s.containers.as_slice()))
}

pub fn deployment(o: &Deployment, age: &str) -> Vec<Value> {
    let spec = o.spec.clone().unwrap_or_default();
    let status = o.status.clone().unwrap_or_default();
    let (names, images) = of_template(Some(&spec.template));
    vec![
        name(o),
        json!(format!("{}/{}", status.ready_replicas.unwrap_or(0), spec.replicas.unwrap_or(0))),
        json!(status.updated_replicas.unwrap_or(0)),
        json!(status.available_replicas.unwrap_or(0)),
        json!(age),
        names,
        images,
        json!(selector(Some(&spec.selector))),
    ]
}

pub fn replica_set(o: &ReplicaSet, age: &str) -> Vec<Value> {
    let spec = o.spec.clone().unwrap_or_default();
    let status = o.status.clone().unwrap_or_default();
    let (names, images) = of_template(spec.template.as_ref());
    vec![
        name(o),
        json!(spec.replicas.unwrap_or(0)),
        json!(status.replicas),
        json!(status.ready_replicas.unwrap_or(0)),
        json!(age),
        names,
        images,
        json!(selector(Some(&spec.selector))),
    ]
}

pub fn replication_controller(o: &ReplicationController, age: &str) -> Vec<Value> {
    let spec = o.spec.clone().unwrap_or_default();
    let status = o.status.clone().unwrap_or_default();
    let (names, images) = of_template(spec.template.as_ref());
    vec![
        name(o),
        json!(spec.replicas.unwrap_or(0)),
        json!(status.replicas),
        json!(status.ready_replicas.unwrap_or(0)),
        json!(age),
        names,
        images,
        json!(labels(spec.selector.as_ref())),
    ]
}

pub fn daemon_set(o: &DaemonSet, age: &str) -> Vec<Value> {
    let spec = o.spec.clone().unwrap_or_default();
    let status = o.status.clone().unwrap_or_default();
    let (names, images) = of_template(Some(&spec.template));
    let node_selector = spec.template.spec.as_ref().and_then(|s| s.node_selector.as_ref());
    vec![
        name(o),
        json!(status.desired_number_scheduled),
        json!(status.current_number_scheduled),
        json!(status.number_ready),
        json!(status.updated_number_scheduled.unwrap_or(0)),
        json!(status.number_available.unwrap_or(0)),
        json!(labels(node_selector)),
        json!(age),
        names,
        images,
        json!(selector(Some(&spec.selector))),
    ]
}

pub fn stateful_set(o: &StatefulSet, age: &str) -> Vec<Value> {
    let spec = o.spec.clone().unwrap_or_default();
    let ready = o.status.as_ref().and_then(|s| s.ready_replicas).unwrap_or(0);
    let (names, images) = of_template(Some(&spec.template));
    let ready = format!("{ready}/{}", spec.replicas.unwrap_or(0));
    vec![name(o), json!(ready), json!(age), names, images]
}

pub fn job(o: &Job, now: SimTime, age: &str) -> Vec<Value> {
    let spec = o.spec.clone().unwrap_or_default();
    let status = o.status.clone().unwrap_or_default();
    let done = status.succeeded.unwrap_or(0);
    let completions = match (spec.completions, spec.parallelism.unwrap_or(0)) {
        (Some(wanted), _) => format!("{done}/{wanted}"),
        (None, many) if many > 1 => format!("{done}/1 of {many}"),
        (None, _) => format!("{done}/1"),
    };
    let duration = match (&status.start_time, &status.completion_time) {
        (None, _) => String::new(),
        (start, None) => since(start.as_ref(), now),
        (start, Some(end)) => since(start.as_ref(), SimTime::from_api(end)),
    };
    let (names, images) = of_template(Some(&spec.template));
    vec![
        name(o),
        json!(job_status(o)),
        json!(completions),
        json!(duration),
        json!(age),
        names,
        images,
        json!(selector(spec.selector.as_ref())),
    ]
}

fn job_status(job: &Job) -> &'static str {
    let has = |type_: &str| {
        let conditions = job.status.iter().flat_map(|s| s.conditions.iter().flatten());
        conditions.into_iter().any(|c| c.type_ == type_ && c.status == "True")
    };
    if has("Complete") {
        "Complete"
    } else if has("Failed") {
        "Failed"
    } else if job.is_terminating() {
        "Terminating"
    } else if has("Suspended") {
        "Suspended"
    } else if has("FailureTarget") {
        "FailureTarget"
    } else if has("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}

pub fn cron_job(o: &CronJob, now: SimTime, age: &str) -> Vec<Value> {
    let status = o.status.clone().unwrap_or_default();
    let last = status.last_schedule_time.as_ref();
    let job = o.spec.job_template.spec.as_ref();
    let (names, images) = of_template(job.map(|j| &j.template));
    let suspend = if o.spec.suspend == Some(true) { "True" } else { "False" };
    vec![
        name(o),
        json!(o.spec.schedule),
        json!(o.spec.time_zone.as_deref().unwrap_or("<none>")),
        json!(suspend),
        json!(status.active.map_or(0, |a| a.len())),
        json!(last.map_or_else(|| "<none>".to_owned(), |t| since(Some(t), now))),
        json!(age),
        names,
        images,
        json!(selector(job.and_then(|j| j.selector.as_ref()))),
    ]
}

pub fn autoscaler(o: &HorizontalPodAutoscaler, age: &str) -> Vec<Value> {
    let target = &o.spec.scale_target_ref;
    let current = o.status.as_ref().and_then(|s| s.current_metrics.clone()).unwrap_or_default();
    let specs = o.spec.metrics.as_deref().unwrap_or_default();
    vec![
        name(o),
        json!(format!("{}/{}", target.kind, target.name)),
        json!(metrics(specs, &current)),
        json!(o.spec.min_replicas.map_or_else(|| "<unset>".to_owned(), |n| n.to_string())),
        json!(o.spec.max_replicas),
        json!(o.status.as_ref().and_then(|s| s.current_replicas).unwrap_or(0)),
        json!(age),
    ]
}

fn metrics(specs: &[MetricSpec], statuses: &[MetricStatus]) -> String {
    if specs.is_empty() {
        return "<none>".to_owned();
    }
    let show = |(at, spec): (usize, &MetricSpec)| {
        let status = statuses.get(at);
        let (name, target, current) = match (&spec.resource, &spec.container_resource) {
            (Some(r), _) => {
                (&r.name, &r.target, status.and_then(|s| s.resource.as_ref()).map(|r| &r.current))
            }
            (_, Some(c)) => {
                let current = status.and_then(|s| s.container_resource.as_ref()).map(|r| &r.current);
                (&c.name, &c.target, current)
            }
            _ => return "<unknown>".to_owned(),
        };
        let (now, wanted) = if let Some(value) = &target.average_value {
            let now = current.and_then(|c| c.average_value.as_ref());
            (now.map(|q| quantity::of(q).to_string()), quantity::of(value).to_string())
        } else {
            let now = current.and_then(|c| c.average_utilization).map(|p| format!("{p}%"));
            let wanted = target.average_utilization;
            (now, wanted.map_or_else(|| "<auto>".to_owned(), |p| format!("{p}%")))
        };
        format!("{name}: {}/{wanted}", now.as_deref().unwrap_or("<unknown>"))
    };
    let shown: Vec<String> = specs.iter().enumerate().take(2).map(show).collect();
    let text = shown.join(", ");
    if specs.len() > 2 { format!("{text} + {} more...", specs.len() - 2) } else { text }
}

pub fn budget(o: &PodDisruptionBudget, age: &str) -> Vec<Value> {
    let show = |value: Option<&IntOrString>| match value {
        None => "N/A".to_owned(),
        Some(IntOrString::Int(n)) => n.to_string(),
        Some(IntOrString::String(s)) => s.clone(),
    };
    let spec = o.spec.clone().unwrap_or_default();
    let allowed = o.status.as_ref().and_then(|s| s.disruptions_allowed).unwrap_or(0);
    vec![
        name(o),
        json!(show(spec.min_available.as_ref())),
        json!(show(spec.max_unavailable.as_ref())),
        json!(allowed),
        json!(age),
    ]
}

pub fn revision(o: &ControllerRevision, age: &str) -> Vec<Value> {
    let owner = o.controller_of().map_or_else(
        || "<none>".to_owned(),
        |owner| {
            let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
            let kind = owner.kind.to_lowercase();
            if group.is_empty() {
                format!("{kind}/{}", owner.name)
            } else {
                format!("{kind}.{group}/{}", owner.name)
            }
        },
    );
    vec![name(o), json!(owner), json!(o.revision), json!(age)]
}

pub fn template(o: &PodTemplate) -> Vec<Value> {
    let (names, images) = of_template(o.template.as_ref());
    let of_pods = o.template.as_ref().and_then(|t| t.metadata.as_ref()).and_then(|m| m.labels.as_ref());
    vec![name(o), names, images, json!(labels(of_pods))]
}
