//! From measured pods to a number of replicas, for one metric on a resource.
//!
//! Always holds: pods that are being deleted or have failed do not count; pods that are not ready, and pods without a
//! figure, count for what makes the change smaller.
//! From `pkg/controller/podautoscaler/replica_calculator.go` and `metrics/utilization.go`.

use super::super::View;
use super::super::support::pod_condition;
use crate::apiserver::aggregation;
use crate::cluster::kubelet::metrics;
use crate::cluster::workload::usage::WINDOW;
use crate::object::selector::Selector;
use crate::object::{Pod, SECOND, SimTime, meta::MetaExt, quantity};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long after its start a pod's CPU is not trusted (`--horizontal-pod-autoscaler-cpu-initialization-period`).
const CPU_INITIALIZATION: u64 = 300 * SECOND;
/// A pod that has not been ready this long after its start was never ready
/// (`--horizontal-pod-autoscaler-initial-readiness-delay`).
const READINESS_DELAY: u64 = 30 * SECOND;

/// What a metric asks for.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// Per cent of what the pods request.
    Utilization(i32),
    /// So many thousandths on average.
    Value(i64),
}

/// How far from the goal the pods may be before anything changes.
#[derive(Clone, Copy, Debug)]
pub struct Tolerances {
    /// Above the goal.
    pub up: f64,
    /// Below the goal.
    pub down: f64,
}

impl Tolerances {
    fn cover(self, ratio: f64) -> bool {
        1.0 - self.down <= ratio && ratio <= 1.0 + self.up
    }
}

/// A metric to be measured.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The namespace of the pods.
    pub namespace: &'a str,
    /// Which pods.
    pub selector: &'a Selector,
    /// `cpu` or `memory`.
    pub resource: &'a str,
    /// One container of each pod; empty for all of them.
    pub container: &'a str,
    /// What is wanted.
    pub goal: Goal,
    /// What is near enough.
    pub tolerances: Tolerances,
}

/// What was found.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// How many replicas there should be.
    pub replicas: i32,
    /// Per cent of the requests, when that was asked for.
    pub utilization: Option<i32>,
    /// Thousandths on average.
    pub average: i64,
}

type Figures = BTreeMap<String, i64>;

/// Measures, and says how many replicas there should be.
///
/// # Errors
/// Why it cannot be said.
pub fn replicas(view: &View, current: i32, question: &Question) -> Result<Answer, String> {
    let pods: Vec<&Arc<Pod>> = view
        .store
        .all_in::<Pod>(question.namespace)
        .filter(|p| question.selector.matches(p.labels_map()))
        .collect();
    let resource = question.resource;
    let mut figures = figures(view, &pods, question)
        .map_err(|why| format!("unable to get metrics for resource {resource}: {why}"))?;
    if pods.is_empty() {
        return Err("no pods returned by selector while calculating replica count".to_owned());
    }
    let groups = group(&pods, &figures, resource, view.now);
    for name in groups.ignored.iter().chain(&groups.unready) {
        figures.remove(name);
    }
    if figures.is_empty() {
        return Err("did not receive metrics for targeted pods (pods might be unready)".to_owned());
    }
    let requests = match question.goal {
        Goal::Utilization(_) => requests(&pods, question)?,
        Goal::Value(_) => Figures::new(),
    };
    let (ratio, utilization, average) = ratio(&figures, &requests, question.goal)?;
    let answer = |replicas| Answer { replicas, utilization, average };
    let rebalance = !groups.unready.is_empty() && ratio > 1.0;
    if !rebalance && groups.missing.is_empty() {
        if question.tolerances.cover(ratio) {
            return Ok(answer(current));
        }
        return Ok(answer(rounded_up(ratio, groups.ready)));
    }
    for name in groups.missing {
        let value = match question.goal {
            _ if ratio > 1.0 => 0,
            Goal::Utilization(_) if ratio >= 1.0 => continue,
            Goal::Utilization(target) => {
                requests.get(&name).copied().unwrap_or(0) * i64::from(target.max(100)) / 100
            }
            Goal::Value(_) if ratio >= 1.0 => 0,
            Goal::Value(target) => target,
        };
        figures.insert(name, value);
    }
    if rebalance {
        figures.extend(groups.unready.into_iter().map(|name| (name, 0)));
    }
    let (new, ..) = self::ratio(&figures, &requests, question.goal)?;
    let turned = (ratio < 1.0 && new > 1.0) || (ratio > 1.0 && new < 1.0);
    if question.tolerances.cover(new) || turned {
        return Ok(answer(current));
    }
    let replicas = rounded_up(new, figures.len());
    let against = (new < 1.0 && replicas > current) || (new > 1.0 && replicas < current);
    Ok(answer(if against { current } else { replicas }))
}

fn rounded_up(ratio: f64, pods: usize) -> i32 {
    (ratio * pods as f64).ceil() as i32
}

/// What each pod uses, in thousandths.
fn figures(view: &View, pods: &[&Arc<Pod>], question: &Question) -> Result<Figures, String> {
    let api = &view.cluster.api;
    let trouble = match api.metrics_service() {
        None => Some("the server could not find the requested resource"),
        Some(service) if !aggregation::is_available(service) => {
            Some("the server is currently unable to handle the request")
        }
        Some(_) => None,
    };
    if let Some(why) = trouble {
        return Err(format!(
            "unable to fetch metrics from resource metrics API: {why} (get pods.metrics.k8s.io)"
        ));
    }
    let mut found = Figures::new();
    for pod in pods {
        let Some(list) = metrics::of_pod(view.cluster, pod) else { continue };
        let chosen = list.iter().filter(|c| question.container.is_empty() || c.name == question.container);
        let milli = |c: &metrics::ContainerUsage| match question.resource {
            "cpu" => i64::try_from(c.usage.cpu_nano.div_ceil(1_000_000)).unwrap_or(i64::MAX),
            _ => i64::try_from(c.usage.memory >> 10 << 10).unwrap_or(i64::MAX / 1000).saturating_mul(1000),
        };
        let values: Vec<i64> = chosen.map(milli).collect();
        if values.is_empty() {
            let (name, container) = (pod.name_str(), question.container);
            return Err(format!(
                "container {container} not present in metrics for pod {}/{name}",
                question.namespace
            ));
        }
        found.insert(pod.name_str().to_owned(), values.iter().sum());
    }
    if found.is_empty() || !matches!(question.resource, "cpu" | "memory") {
        return Err("no metrics returned from resource metrics API".to_owned());
    }
    Ok(found)
}

#[derive(Default)]
struct Groups {
    ready: usize,
    unready: Vec<String>,
    missing: Vec<String>,
    ignored: Vec<String>,
}

fn group(pods: &[&Arc<Pod>], figures: &Figures, resource: &str, now: SimTime) -> Groups {
    let mut groups = Groups::default();
    for pod in pods {
        let name = pod.name_str().to_owned();
        match pod.status.phase.as_deref() {
            _ if pod.is_terminating() => groups.ignored.push(name),
            Some("Failed") => groups.ignored.push(name),
            Some("Pending") => groups.unready.push(name),
            _ if !figures.contains_key(&name) => groups.missing.push(name),
            _ if resource == "cpu" && is_unready(pod, now) => groups.unready.push(name),
            _ => groups.ready += 1,
        }
    }
    groups
}

/// Whether a pod's CPU figure is not to be trusted: it is starting up, or was never ready.
fn is_unready(pod: &Pod, now: SimTime) -> bool {
    let (Some(ready), Some(started)) = (pod_condition(pod, "Ready"), &pod.status.start_time) else {
        return true;
    };
    let started = SimTime::from_api(started);
    let changed = ready.last_transition_time.as_ref().map_or(SimTime::default(), SimTime::from_api);
    let not_ready = ready.status == "False";
    if started + CPU_INITIALIZATION > now {
        return not_ready || metrics::measured_at(now) < changed + WINDOW;
    }
    not_ready && started + READINESS_DELAY > changed
}

/// What each pod requests, in thousandths.
fn requests(pods: &[&Arc<Pod>], question: &Question) -> Result<Figures, String> {
    let (resource, container) = (question.resource, question.container);
    let mut found = Figures::new();
    for pod in pods {
        let sidecars = pod.spec.init_containers.iter().flatten();
        let sidecars = sidecars.filter(|c| c.restart_policy.as_deref() == Some("Always"));
        let mut chosen = pod
            .spec
            .containers
            .iter()
            .chain(sidecars)
            .filter(|c| container.is_empty() || c.name == container)
            .peekable();
        if chosen.peek().is_none() {
            return Err(format!("container {container} not found in Pod {}", pod.name_str()));
        }
        let mut sum = 0;
        for c in chosen {
            let all = c.resources.as_ref().and_then(|r| r.requests.as_ref());
            let Some(request) = all.and_then(|r| r.get(resource)) else {
                let pod = pod.name_str();
                return Err(format!("missing request for {resource} in container {} of Pod {pod}", c.name));
            };
            sum += quantity::of(request).milli();
        }
        found.insert(pod.name_str().to_owned(), sum);
    }
    Ok(found)
}

/// Use in parts of the goal, per cent of the requests, and the average in thousandths.
fn ratio(figures: &Figures, requests: &Figures, goal: Goal) -> Result<(f64, Option<i32>, i64), String> {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    match goal {
        Goal::Value(target) => {
            let average = figures.values().sum::<i64>() / count(figures.len()).max(1);
            Ok((average as f64 / target.max(1) as f64, None, average))
        }
        Goal::Utilization(target) => {
            let known: Vec<(i64, i64)> =
                figures.iter().filter_map(|(name, used)| Some((*used, *requests.get(name)?))).collect();
            let (used, requested) = known.iter().fold((0, 0), |(a, b), (u, r)| (a + u, b + r));
            if requested == 0 {
                return Err("no metrics returned matched known pods".to_owned());
            }
            let percent = used * 100 / requested;
            let ratio = percent as f64 / f64::from(target.max(1));
            Ok((ratio, Some(i32::try_from(percent).unwrap_or(i32::MAX)), used / count(known.len())))
        }
    }
}
