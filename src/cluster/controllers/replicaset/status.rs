//! The status of a set of pods: counts, and the condition `ReplicaFailure`.

use super::super::{Failed, View, support};
use super::Set;
use crate::object::{Object, Pod, SimTime, meta::MetaExt};
use k8s_openapi::api::apps::v1::ReplicaSetCondition;
use k8s_openapi::api::core::v1::ReplicationControllerCondition;
use std::sync::Arc;

/// What a set's pods amount to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    replicas: i32,
    fully_labeled: i32,
    ready: i32,
    available: i32,
    terminating: i32,
    /// When the next ready pod has been ready long enough.
    pub next_available: Option<SimTime>,
}

/// Counts.
pub fn count(view: &View, set: &Set, active: &[Arc<Pod>], terminating: usize) -> Counts {
    let mut counts = Counts { terminating: terminating as i32, ..Counts::default() };
    let labels = set.template.metadata.as_ref().and_then(|m| m.labels.as_ref());
    // The pods match the selector; mostly that says all.
    let labels = labels.filter(|labels| !set.selector.demands(labels));
    for pod in active {
        counts.replicas += 1;
        let has = |(k, v): (&String, &String)| pod.label(k) == Some(v);
        counts.fully_labeled += i32::from(labels.is_none_or(|l| l.iter().all(has)));
        let Some(at) = support::available_at(pod, set.min_ready_seconds) else { continue };
        counts.ready += 1;
        if at <= view.now {
            counts.available += 1;
        } else {
            counts.next_available = Some(counts.next_available.map_or(at, |n| n.min(at)));
        }
    }
    counts
}

/// The set with these counts; `None` when it says so already and `busy` is not set. While `busy` creating or
/// deleting, an earlier failure stays told: only a quiet reconcile takes it back.
pub fn with_counts(set: &Set, counts: &Counts, busy: bool) -> Option<Object> {
    let mut object = set.object.clone();
    let generation = set.meta.generation;
    match &mut object {
        Object::ReplicaSet(rs) => {
            let earlier = rs.status.clone().unwrap_or_default();
            let mut status = earlier.clone();
            status.replicas = counts.replicas;
            status.fully_labeled_replicas = support::count(counts.fully_labeled);
            status.ready_replicas = support::count(counts.ready);
            status.available_replicas = support::count(counts.available);
            status.terminating_replicas = Some(counts.terminating);
            status.observed_generation = generation;
            if !busy {
                status.conditions = without_failure(status.conditions, |c| c.type_ == FAILURE);
            }
            if status == earlier && !busy && rs.status.is_some() {
                return None;
            }
            Arc::make_mut(rs).status = Some(status);
        }
        Object::ReplicationController(rc) => {
            let earlier = rc.status.clone().unwrap_or_default();
            let mut status = earlier.clone();
            status.replicas = counts.replicas;
            status.fully_labeled_replicas = support::count(counts.fully_labeled);
            status.ready_replicas = support::count(counts.ready);
            status.available_replicas = support::count(counts.available);
            status.observed_generation = generation;
            if !busy {
                status.conditions = without_failure(status.conditions, |c| c.type_ == FAILURE);
            }
            if status == earlier && !busy && rc.status.is_some() {
                return None;
            }
            Arc::make_mut(rc).status = Some(status);
        }
        _ => return None,
    }
    Some(object)
}

const FAILURE: &str = "ReplicaFailure";

fn without_failure<T>(conditions: Option<Vec<T>>, is_failure: fn(&T) -> bool) -> Option<Vec<T>> {
    let mut conditions = conditions?;
    conditions.retain(|c| !is_failure(c));
    (!conditions.is_empty()).then_some(conditions)
}

/// Tells in the status that pods could not be created.
pub fn failed_create(object: &mut Object, failed: &Failed) {
    tell(object, "FailedCreate", failed);
}

/// Tells in the status that pods could not be deleted.
pub fn failed_delete(object: &mut Object, failed: &Failed) {
    tell(object, "FailedDelete", failed);
}

fn tell(object: &mut Object, reason: &str, failed: &Failed) {
    let (type_, status) = (FAILURE.to_owned(), "True".to_owned());
    let (reason, message) = (Some(reason.to_owned()), Some(failed.error.message.clone()));
    let last_transition_time = Some(failed.now.to_api());
    match object {
        Object::ReplicaSet(rs) => {
            let condition = ReplicaSetCondition { last_transition_time, message, reason, status, type_ };
            let told = Arc::make_mut(rs).status.get_or_insert_default().conditions.get_or_insert_default();
            if told.iter().all(|c| c.type_ != FAILURE) {
                told.push(condition);
            }
        }
        Object::ReplicationController(rc) => {
            let condition =
                ReplicationControllerCondition { last_transition_time, message, reason, status, type_ };
            let told = Arc::make_mut(rc).status.get_or_insert_default().conditions.get_or_insert_default();
            if told.iter().all(|c| c.type_ != FAILURE) {
                told.push(condition);
            }
        }
        _ => {}
    }
}
