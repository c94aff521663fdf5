//! The disruption controller: how many pods of a budget may be evicted now.
//!
//! From `pkg/controller/disruption`. The eviction itself is the API server's.

use super::support::{Round, is_ready, scaled};
use super::{Controller, Keys, View, Write, support};
use crate::apiserver::Change;
use crate::cluster::events::Note;
use crate::object::{
    Kind, Object, ObjectKey, Pod, Resource, SECOND, SimTime, meta::MetaExt, selector::Selector,
};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::ReplicationController;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;
use std::sync::Arc;

/// `disruption-controller` in the table.
pub const CONTROLLER: Controller = Controller { name: "disruption-controller", watch, reconcile };

const COMPONENT: &str = "controllermanager";
/// How long an eviction that was allowed keeps counting while its pod does not go.
const DELETION_TIMEOUT: u64 = 120 * SECOND;

/// What of a pod matters to budgets: ready, going, labels.
type Facts<'a> = (bool, bool, &'a BTreeMap<String, String>);

fn facts(object: Option<&Object>) -> Option<Facts<'_>> {
    let pod = object?.cast::<Pod>()?;
    Some((is_ready(pod), pod.is_terminating(), pod.labels_map()))
}

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    match change.key.kind {
        Kind::PodDisruptionBudget if change.new.is_some() => keys.push(change.key.clone()),
        Kind::Pod => {
            if view.store.count(Kind::PodDisruptionBudget) == 0 {
                return;
            }
            let (before, after) = (facts(change.old.as_ref()), facts(change.new.as_ref()));
            if before == after {
                return;
            }
            for budget in view.store.all_in::<PodDisruptionBudget>(change.key.name.namespace()) {
                let selector = Selector::from_api(budget.spec.as_ref().and_then(|s| s.selector.as_ref()));
                if [&before, &after].into_iter().flatten().any(|(_, _, labels)| selector.matches(labels)) {
                    keys.push(ObjectKey { kind: Kind::PodDisruptionBudget, name: budget.object_name() });
                }
            }
        }
        _ => {}
    }
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(Object::PodDisruptionBudget(budget)) = view.store.get(key) else { return Vec::new() };
    let Some(spec) = &budget.spec else { return Vec::new() };
    let selector = Selector::from_api(spec.selector.as_ref());
    let pods: Vec<&Arc<Pod>> =
        view.store.all_in::<Pod>(key.name.namespace()).filter(|p| selector.matches(p.labels_map())).collect();
    let mut writes = Vec::new();
    if pods.is_empty() {
        writes.push(note(budget, "Normal", "NoPods", "No matching pods found".to_owned()));
    }
    let (expected, desired) = match expected(view, budget, spec, &pods, &mut writes) {
        Ok(counts) => counts,
        Err(text) => {
            let reason = "CalculateExpectedPodCountFailed";
            let event = format!("Failed to calculate the number of expected pods: {text}");
            writes.push(note(budget, "Warning", reason, event));
            writes.push(failed(view, budget, text));
            return writes;
        }
    };
    let (disrupted, again) = still_disrupted(view, budget, &pods);
    let healthy =
        pods.iter().filter(|p| !p.is_terminating() && is_ready(p) && !disrupted.contains_key(p.name_str()));
    let healthy = healthy.count() as i32;
    let allowed = if expected <= 0 { 0 } else { (healthy - desired).max(0) };
    let mut changed = PodDisruptionBudget::clone(budget);
    let status = changed.status.get_or_insert_default();
    status.expected_pods = Some(expected);
    status.desired_healthy = Some(desired);
    status.current_healthy = Some(healthy);
    status.disruptions_allowed = Some(allowed);
    status.observed_generation = budget.metadata.generation;
    status.disrupted_pods = (!disrupted.is_empty()).then_some(disrupted);
    let (value, reason) =
        if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    set_condition(&mut changed, value, reason, String::new(), view.now);
    if changed.status != budget.status {
        writes.push(Write::UpdateStatus(changed.into_object()));
    }
    writes.extend(again.map(Write::Again));
    writes
}

fn note(budget: &Arc<PodDisruptionBudget>, type_: &str, reason: &'static str, text: String) -> Write {
    let about = Object::PodDisruptionBudget(budget.clone());
    Write::Event(match type_ {
        "Warning" => Note::warning(&about, COMPONENT, reason, text),
        _ => Note::normal(&about, COMPONENT, reason, text),
    })
}

/// Pods whose eviction was allowed and that are not going yet, and when the first of them stops counting.
fn still_disrupted(
    view: &View,
    budget: &PodDisruptionBudget,
    pods: &[&Arc<Pod>],
) -> (BTreeMap<String, k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>, Option<u64>) {
    let mut list = budget.status.as_ref().and_then(|s| s.disrupted_pods.clone()).unwrap_or_default();
    let mut again: Option<u64> = None;
    list.retain(|name, since| {
        let over = SimTime::from_api(since) + DELETION_TIMEOUT;
        let waits = pods.iter().any(|p| p.name_str() == name && !p.is_terminating()) && over > view.now;
        if waits {
            again = Some(again.map_or(over.since(view.now), |a| a.min(over.since(view.now))));
        }
        waits
    });
    (list, again)
}

/// How many pods there should be, and how many of them healthy.
fn expected(
    view: &View,
    budget: &Arc<PodDisruptionBudget>,
    spec: &PodDisruptionBudgetSpec,
    pods: &[&Arc<Pod>],
    writes: &mut Vec<Write>,
) -> Result<(i32, i32), String> {
    if let Some(max) = &spec.max_unavailable {
        let expected = scale(view, budget, pods, writes)?;
        let max = scaled(Some(max), expected, Round::Up);
        return Ok((expected, (expected - max).max(0)));
    }
    match &spec.min_available {
        Some(IntOrString::Int(n)) => Ok((pods.len() as i32, *n)),
        Some(percent) => {
            let expected = scale(view, budget, pods, writes)?;
            Ok((expected, scaled(Some(percent), expected, Round::Up)))
        }
        None => Ok((pods.len() as i32, 0)),
    }
}

/// The sum of what the pods' controllers are asked to have.
fn scale(
    view: &View,
    budget: &Arc<PodDisruptionBudget>,
    pods: &[&Arc<Pod>],
    writes: &mut Vec<Write>,
) -> Result<i32, String> {
    let mut controllers: BTreeMap<String, i32> = BTreeMap::new();
    let mut unmanaged = 0;
    for pod in pods {
        let Some(owner) = pod.controller_of() else {
            unmanaged += 1;
            continue;
        };
        let namespace = pod.namespace_str();
        let (uid, replicas) = match owner.kind.as_str() {
            "ReplicaSet" => {
                let set = view.store.find::<ReplicaSet>(namespace, &owner.name);
                let above = set.and_then(|s| s.controller_of()).filter(|o| o.kind == "Deployment");
                let deployment = above.and_then(|o| view.store.find::<Deployment>(namespace, &o.name));
                match deployment {
                    Some(d) => (d.uid_str().to_owned(), d.spec.as_ref().and_then(|s| s.replicas)),
                    None => (owner.uid.clone(), set.and_then(|s| s.spec.as_ref()).and_then(|s| s.replicas)),
                }
            }
            "StatefulSet" => {
                let set = view.store.find::<StatefulSet>(namespace, &owner.name);
                (owner.uid.clone(), set.and_then(|s| s.spec.as_ref()).and_then(|s| s.replicas))
            }
            "ReplicationController" => {
                let set = view.store.find::<ReplicationController>(namespace, &owner.name);
                (owner.uid.clone(), set.and_then(|s| s.spec.as_ref()).and_then(|s| s.replicas))
            }
            kind => {
                let resource = support::owner_kind(view, owner)
                    .map_or_else(|| kind.to_lowercase(), |k| k.info().resource());
                return Err(format!("{resource} does not implement the scale subresource"));
            }
        };
        controllers.insert(uid, replicas.unwrap_or(1));
    }
    if unmanaged > 0 {
        let selector = Selector::from_api(budget.spec.as_ref().and_then(|s| s.selector.as_ref()));
        let text = format!(
            "Pods selected by this PodDisruptionBudget (selector: {selector}) were found to be unmanaged. As a result, \
             the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account \
             for these pods please set \".spec.minAvailable\" field of the PDB to an integer value."
        );
        writes.push(note(budget, "Warning", "UnmanagedPods", text));
    }
    Ok(controllers.values().sum())
}

fn failed(view: &View, budget: &PodDisruptionBudget, text: String) -> Write {
    let mut changed = budget.clone();
    let status = changed.status.get_or_insert_default();
    status.disruptions_allowed = Some(0);
    status.observed_generation = budget.metadata.generation;
    set_condition(&mut changed, "False", "SyncFailed", text, view.now);
    Write::UpdateStatus(changed.into_object())
}

fn set_condition(budget: &mut PodDisruptionBudget, value: &str, reason: &str, message: String, now: SimTime) {
    const TYPE: &str = "DisruptionAllowed";
    let generation = budget.metadata.generation;
    let conditions = budget.status.get_or_insert_default().conditions.get_or_insert_default();
    let earlier = conditions.iter().find(|c| c.type_ == TYPE).filter(|c| c.status == value);
    let last_transition_time = earlier.map_or_else(|| now.to_api(), |c| c.last_transition_time.clone());
    conditions.retain(|c| c.type_ != TYPE);
    conditions.push(Condition {
        type_: TYPE.to_owned(),
        status: value.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation: generation,
        last_transition_time,
    });
}

#[cfg(test)]
mod tests {
    use super::super::lab::lab;
    use super::*;
    use serde_json::json;

    #[test]
    fn budgets_count_ready_pods() {
        for (budget, ready, expected) in [
            (json!({"minAvailable": 1}), 3, (3, 1, 3, 2)),
            (json!({"minAvailable": 1}), 1, (3, 1, 1, 0)),
            (json!({"minAvailable": "50%"}), 3, (3, 2, 3, 1)),
            (json!({"maxUnavailable": 1}), 3, (3, 2, 3, 1)),
            (json!({"maxUnavailable": "50%"}), 2, (3, 1, 2, 1)),
        ] {
            let mut lab = lab();
            let mut spec = json!({"selector": {"matchLabels": {"app": "web"}}});
            for (key, value) in budget.as_object().into_iter().flatten() {
                spec[key] = value.clone();
            }
            lab.create_all([
                json!({
                    "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"},
                    "spec": {
                        "replicas": 3, "selector": {"matchLabels": {"app": "web"}},
                        "template": {
                            "metadata": {"labels": {"app": "web"}},
                            "spec": {"containers": [{"name": "c", "image": "i"}]}
                        }
                    }
                }),
                json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}, "spec": spec}),
            ]);
            lab.advance(100);
            for pod in lab.all::<Pod>().iter().take(ready) {
                lab.pod_ready(pod.name_str(), true);
            }
            lab.advance(100);
            let status = lab.get::<PodDisruptionBudget>("web").status.clone().unwrap_or_default();
            let seen = (
                status.expected_pods.unwrap_or(0),
                status.desired_healthy.unwrap_or(0),
                status.current_healthy.unwrap_or(0),
                status.disruptions_allowed.unwrap_or(0),
            );
            assert_eq!(seen, expected, "{budget}");
        }
    }
}
