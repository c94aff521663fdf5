//! The horizontal pod autoscaler: from what pods use to how many there are.
//!
//! Always holds: every 15 seconds each autoscaler looks at its target, its metrics and its own recent past, which only
//! the controller's memory has. From `pkg/controller/podautoscaler`.
//! Does not: metrics that no cluster has by itself (pods, objects, external); autoscalers that share pods.

mod limits;
mod measure;

use super::support::transition;
use super::{Controller, Keys, Memory, View, Write};
use crate::apiserver::Change;
use crate::cluster::events::Note;
use crate::object::quantity::{self, Quantity};
use crate::object::selector::Selector;
use crate::object::{Kind, Object, ObjectKey, Resource, SECOND, meta::MetaExt};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::{
    ContainerResourceMetricStatus, HPAScalingRules, HorizontalPodAutoscaler,
    HorizontalPodAutoscalerCondition, HorizontalPodAutoscalerSpec, MetricSpec, MetricStatus, MetricTarget,
    MetricValueStatus, ResourceMetricStatus,
};
pub use limits::History;
use limits::{Verdict, Wish};
use measure::{Goal, Question, Tolerances};
use std::sync::Arc;

/// `horizontal-pod-autoscaler` in the table.
pub const CONTROLLER: Controller = Controller { name: "horizontal-pod-autoscaler", watch, reconcile };

/// How often it looks (`--horizontal-pod-autoscaler-sync-period`).
const PERIOD: u64 = 15 * SECOND;
const NO_SERVER: &str = "the server could not find the requested resource";

fn watch(change: &Change, _: &View, keys: &mut Keys) {
    // Its own status writes do not count; a new one waits for a period, too.
    if change.key.kind == Kind::HorizontalPodAutoscaler && change.old.is_none() {
        keys.push_after(change.key.clone(), PERIOD);
    }
}

/// The tolerance, where the autoscaler says nothing of it (`--horizontal-pod-autoscaler-tolerance`).
const TOLERANCE: f64 = 0.1;

/// What is scaled.
struct Target {
    object: Object,
    replicas: i32,
    selector: Selector,
}

fn target(view: &View, namespace: &str, spec: &HorizontalPodAutoscalerSpec) -> Result<Target, String> {
    let reference = &spec.scale_target_ref;
    let kind = Kind::find(reference.api_version.as_deref().unwrap_or("v1"), &reference.kind);
    let kind = kind.ok_or_else(|| format!("no matches for kind \"{}\" in group \"\"", reference.kind))?;
    let missing = || format!("{} \"{}\" not found", kind.info().resource(), reference.name);
    let object =
        view.store.get(&ObjectKey::new(kind, namespace, reference.name.as_str())).ok_or_else(missing)?;
    let (replicas, selector) = match object {
        Object::Deployment(d) => d.spec.as_ref().map(|s| (s.replicas, &s.selector)),
        Object::ReplicaSet(r) => r.spec.as_ref().map(|s| (s.replicas, &s.selector)),
        Object::StatefulSet(s) => s.spec.as_ref().map(|s| (s.replicas, &s.selector)),
        _ => None,
    }
    .ok_or_else(|| NO_SERVER.to_owned())?;
    let selector = Selector::from_api(Some(selector));
    Ok(Target { object: object.clone(), replicas: replicas.unwrap_or(1), selector })
}

fn resized(object: &Object, replicas: i32) -> Option<Object> {
    Some(match object {
        Object::Deployment(d) => {
            let mut d = Deployment::clone(d);
            d.spec.get_or_insert_default().replicas = Some(replicas);
            d.into_object()
        }
        Object::ReplicaSet(r) => {
            let mut r = ReplicaSet::clone(r);
            r.spec.get_or_insert_default().replicas = Some(replicas);
            r.into_object()
        }
        Object::StatefulSet(s) => {
            let mut s = StatefulSet::clone(s);
            s.spec.get_or_insert_default().replicas = Some(replicas);
            s.into_object()
        }
        _ => return None,
    })
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(Object::HorizontalPodAutoscaler(stored)) = view.store.get(key) else {
        return vec![Write::Recall(None)];
    };
    let history = match view.recalled {
        Some(Memory::Scaling(history)) => History::clone(history),
        _ => History::default(),
    };
    let changed = HorizontalPodAutoscaler::clone(stored);
    let mut run = Run { view, stored, changed, history, writes: vec![Write::Again(PERIOD)] };
    match target(view, key.name.namespace(), &stored.spec) {
        Err(text) => {
            run.warn("FailedGetScale", text.clone());
            let text = format!("the HPA controller was unable to get the target's current scale: {text}");
            run.condition("AbleToScale", "False", "FailedGetScale", text);
        }
        Ok(target) => {
            let text = "the HPA controller was able to get the target's current scale";
            run.condition("AbleToScale", "True", "SucceededGetScale", text.to_owned());
            run.history.begin(target.replicas, view.now);
            run.scale(&target);
        }
    }
    let Run { changed, history, mut writes, .. } = run;
    if changed.status != stored.status {
        writes.push(Write::UpdateStatus(changed.into_object()));
    }
    writes.push(Write::Recall(Some(Memory::Scaling(Arc::new(history)))));
    writes
}

/// One look at one autoscaler.
struct Run<'a> {
    view: &'a View<'a>,
    stored: &'a Arc<HorizontalPodAutoscaler>,
    changed: HorizontalPodAutoscaler,
    history: History,
    writes: Vec<Write>,
}

/// What the metrics say together.
struct Measured {
    replicas: i32,
    /// The metric that asks for so many.
    metric: String,
    statuses: Vec<MetricStatus>,
}

impl Run<'_> {
    fn warn(&mut self, reason: &'static str, text: String) {
        let about = Object::HorizontalPodAutoscaler(self.stored.clone());
        self.writes.push(Write::Event(Note::warning(&about, CONTROLLER.name, reason, text)));
    }

    fn scale(&mut self, target: &Target) {
        let spec = &self.stored.spec;
        let (least, most) = (spec.min_replicas.unwrap_or(1), spec.max_replicas);
        let current = target.replicas;
        let status = self.changed.status.get_or_insert_default();
        status.current_replicas = Some(current);
        let (desired, why) = match current {
            0 if least != 0 => {
                let text = "scaling is disabled since the replica count of the target is zero".to_owned();
                self.condition("ScalingActive", "False", "ScalingDisabled", text);
                let status = self.changed.status.get_or_insert_default();
                (status.desired_replicas, status.current_metrics) = (0, None);
                return;
            }
            n if n > most => (most, "Current number of replicas above Spec.MaxReplicas".to_owned()),
            n if n < least => (least, "Current number of replicas below Spec.MinReplicas".to_owned()),
            _ => {
                let Some(measured) = self.measure(target) else { return };
                let why = match measured.replicas {
                    n if n > current => format!("{} above target", measured.metric),
                    _ => "All metrics below target".to_owned(),
                };
                let wish = Wish { current, desired: measured.replicas, least, most };
                let Verdict { replicas, able, limited } =
                    self.history.judge(wish, spec.behavior.as_ref(), self.view.now);
                self.condition("AbleToScale", "True", able.0, able.1.to_owned());
                let is_limited = if limited.0 { "True" } else { "False" };
                self.condition("ScalingLimited", is_limited, limited.1, limited.2.to_owned());
                let status = self.changed.status.get_or_insert_default();
                status.current_metrics = Some(measured.statuses);
                status.desired_replicas = replicas;
                if replicas == current {
                    return;
                }
                (replicas, why)
            }
        };
        self.rescale(target, desired, &why);
    }

    fn rescale(&mut self, target: &Target, desired: i32, why: &str) {
        self.writes.extend(resized(&target.object, desired).map(Write::Update));
        let about = Object::HorizontalPodAutoscaler(self.stored.clone());
        let text = format!("New size: {desired}; reason: {why}");
        self.writes.push(Write::Event(Note::normal(&about, CONTROLLER.name, "SuccessfulRescale", text)));
        let text = format!("the HPA controller was able to update the target scale to {desired}");
        self.condition("AbleToScale", "True", "SucceededRescale", text);
        if let Some(behavior) = &self.stored.spec.behavior {
            self.history.scaled(target.replicas, desired, behavior, self.view.now);
        }
        let status = self.changed.status.get_or_insert_default();
        status.desired_replicas = desired;
        status.last_scale_time = Some(self.view.now.to_api());
    }

    /// Measures every metric. The one that asks for most decides; with one that cannot be had, nothing shrinks.
    fn measure(&mut self, target: &Target) -> Option<Measured> {
        let metrics = self.stored.spec.metrics.as_deref().unwrap_or_default();
        let mut found = Measured { replicas: 0, metric: String::new(), statuses: Vec::new() };
        let (mut invalid, mut first) = (0, None);
        for metric in metrics {
            match self.propose(target, metric) {
                Ok((replicas, name, status)) => {
                    if found.replicas == 0 || replicas > found.replicas {
                        (found.replicas, found.metric) = (replicas, name);
                    }
                    found.statuses.push(status);
                }
                Err((reason, why, value)) => {
                    self.warn(reason, why.clone());
                    invalid += 1;
                    first.get_or_insert((reason, why, value));
                    found.statuses.push(MetricStatus::default());
                }
            }
        }
        match first {
            Some((reason, why, value)) if invalid == metrics.len() || found.replicas < target.replicas => {
                let n = metrics.len();
                let text =
                    format!("invalid metrics ({invalid} invalid out of {n}), first error is: {value}: {why}");
                self.warn("FailedComputeMetricsReplicas", text);
                let text = format!("the HPA was unable to compute the replica count: {why}");
                self.condition("ScalingActive", "False", reason, text);
                let status = self.changed.status.get_or_insert_default();
                status.current_metrics = (invalid < n).then_some(found.statuses);
                None
            }
            _ => {
                let metric = &found.metric;
                let text =
                    format!("the HPA was able to successfully calculate a replica count from {metric}");
                self.condition("ScalingActive", "True", "ValidMetricFound", text);
                Some(found)
            }
        }
    }

    /// What one metric asks for: replicas, its name, its status; or why it cannot be had.
    fn propose(
        &self,
        target: &Target,
        metric: &MetricSpec,
    ) -> Result<(i32, String, MetricStatus), (&'static str, String, String)> {
        let (name, container, wanted) = match (&metric.resource, &metric.container_resource) {
            (Some(r), _) => (&r.name, "", &r.target),
            (_, Some(c)) => (&c.name, c.container.as_str(), &c.target),
            _ => return Err(unmeasured(metric)),
        };
        let of_container = metric.container_resource.is_some();
        let (reason, value) = if of_container {
            let value = format!("failed to get {name} container metric value");
            ("FailedGetContainerResourceMetric", value)
        } else {
            ("FailedGetResourceMetric", format!("failed to get {name} resource metric value"))
        };
        let Some((goal, what)) = goal(wanted) else {
            let why = "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set";
            return Err((reason, why.to_owned(), value));
        };
        let question = Question {
            namespace: self.stored.namespace_str(),
            selector: &target.selector,
            resource: name,
            container,
            goal,
            tolerances: self.tolerances(),
        };
        let answer = measure::replicas(self.view, target.replicas, &question)
            .map_err(|why| (reason, format!("failed to get {name} {what}: {why}"), value))?;
        let title = match (goal, of_container) {
            (Goal::Value(_), _) => format!("{name} resource"),
            (_, false) => format!("{name} resource utilization (percentage of request)"),
            (_, true) => format!("{name} container resource utilization (percentage of request)"),
        };
        let current = MetricValueStatus {
            average_utilization: answer.utilization,
            average_value: Some(k8s_openapi::apimachinery::pkg::api::resource::Quantity(
                Quantity::from_milli(answer.average).to_string(),
            )),
            value: None,
        };
        let mut status = MetricStatus { type_: metric.type_.clone(), ..MetricStatus::default() };
        if of_container {
            let (container, name) = (container.to_owned(), name.clone());
            status.container_resource = Some(ContainerResourceMetricStatus { container, current, name });
        } else {
            status.resource = Some(ResourceMetricStatus { current, name: name.clone() });
        }
        Ok((answer.replicas, title, status))
    }

    fn tolerances(&self) -> Tolerances {
        let behavior = self.stored.spec.behavior.as_ref();
        let of = |rules: Option<&HPAScalingRules>| {
            let own = rules.and_then(|r| r.tolerance.as_ref());
            own.map_or(TOLERANCE, |q| quantity::of(q).nano as f64 / 1e9)
        };
        Tolerances {
            up: of(behavior.and_then(|b| b.scale_up.as_ref())),
            down: of(behavior.and_then(|b| b.scale_down.as_ref())),
        }
    }

    fn condition(&mut self, type_: &str, status: &str, reason: &str, message: String) {
        let conditions = self.changed.status.get_or_insert_default().conditions.get_or_insert_default();
        let place = conditions.iter().position(|c| c.type_ == type_);
        let earlier =
            place.map(|i| (conditions[i].status.as_str(), conditions[i].last_transition_time.as_ref()));
        let condition = HorizontalPodAutoscalerCondition {
            last_transition_time: transition(earlier, status, self.view.now),
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message),
        };
        match place {
            Some(i) => conditions[i] = condition,
            None => conditions.push(condition),
        }
    }
}

/// What a target of a resource metric asks for, and the word for it. `None` when it says nothing.
fn goal(target: &MetricTarget) -> Option<(Goal, &'static str)> {
    match (&target.average_value, target.average_utilization) {
        (Some(value), _) => Some((Goal::Value(quantity::of(value).milli()), "usage")),
        (None, Some(percent)) => Some((Goal::Utilization(percent), "utilization")),
        (None, None) => None,
    }
}

/// Why a metric that no cluster has by itself cannot be had: reason, text, and what was being got.
fn unmeasured(metric: &MetricSpec) -> (&'static str, String, String) {
    let (reason, name) = match metric.type_.as_str() {
        "Pods" => ("FailedGetPodsMetric", metric.pods.as_ref().map(|p| p.metric.name.clone())),
        "Object" => ("FailedGetObjectMetric", metric.object.as_ref().map(|o| o.metric.name.clone())),
        _ => ("FailedGetExternalMetric", metric.external.as_ref().map(|e| e.metric.name.clone())),
    };
    let name = name.unwrap_or_default();
    let why = format!(
        "unable to get metric {name}: unable to fetch metrics from custom metrics API: no custom metrics API \
         (custom.metrics.k8s.io) registered"
    );
    (reason, why, format!("failed to get {} metric value", metric.type_.to_lowercase()))
}

#[cfg(test)]
mod tests;
