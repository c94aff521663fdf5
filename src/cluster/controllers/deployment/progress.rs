//! The status of a Deployment: counts, `Available`, `Progressing` with its deadline, `ReplicaFailure`.

use super::super::{Failed, Write, support};
use super::{Sync, actual, asked, available, sizes};
use crate::object::{Object, SECOND, SimTime, meta::MetaExt};
use k8s_openapi::api::apps::v1::{DeploymentCondition, DeploymentStatus, ReplicaSet};
use std::sync::Arc;

pub const PROGRESSING: &str = "Progressing";
const AVAILABLE: &str = "Available";
const REPLICA_FAILURE: &str = "ReplicaFailure";
const NEW_SET_AVAILABLE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const PAUSED: &str = "DeploymentPaused";

fn find<'a>(status: &'a DeploymentStatus, type_: &str) -> Option<&'a DeploymentCondition> {
    status.conditions.iter().flatten().find(|c| c.type_ == type_)
}

fn remove(status: &mut DeploymentStatus, type_: &str) {
    if let Some(conditions) = &mut status.conditions {
        conditions.retain(|c| c.type_ != type_);
        if conditions.is_empty() {
            status.conditions = None;
        }
    }
}

/// Sets a condition unless it is there with the same status and reason. It goes to the end of the list.
fn set(status: &mut DeploymentStatus, mut condition: DeploymentCondition) {
    if let Some(earlier) = find(status, &condition.type_) {
        if earlier.status == condition.status && earlier.reason == condition.reason {
            return;
        }
        if earlier.status == condition.status {
            condition.last_transition_time.clone_from(&earlier.last_transition_time);
        }
    }
    remove(status, &condition.type_);
    status.conditions.get_or_insert_default().push(condition);
}

fn condition(type_: &str, status: &str, reason: &str, message: String, now: SimTime) -> DeploymentCondition {
    DeploymentCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_update_time: Some(now.to_api()),
        last_transition_time: Some(now.to_api()),
    }
}

impl Sync<'_> {
    pub(super) fn condition(&self, type_: &str) -> Option<&DeploymentCondition> {
        find(self.deployment.status.as_ref()?, type_)
    }

    pub(super) fn set_condition(&mut self, type_: &str, status: &str, reason: &str, message: String) {
        let now = self.view.now;
        set(self.status(), condition(type_, status, reason, message, now));
    }

    /// The deadline in nanoseconds; the largest number stands for none.
    fn deadline(&self) -> Option<u64> {
        let seconds = self.spec().progress_deadline_seconds.filter(|s| *s != i32::MAX)?;
        Some(support::seconds(seconds.into()))
    }

    pub(super) fn has_deadline(&self) -> bool {
        self.deadline().is_some()
    }

    /// While paused no progress is expected, and the deadline does not run.
    pub(super) fn check_paused(&mut self) {
        if !self.has_deadline() {
            return;
        }
        let reason = self.condition(PROGRESSING).and_then(|c| c.reason.clone()).unwrap_or_default();
        let paused = self.spec().paused == Some(true);
        if reason == TIMED_OUT || paused == (reason == PAUSED) {
            return;
        }
        let (reason, text) = if paused {
            (PAUSED, "Deployment is paused")
        } else {
            ("DeploymentResumed", "Deployment is resumed")
        };
        self.set_condition(PROGRESSING, "Unknown", reason, text.to_owned());
    }

    /// Whether everything asked for is there, new and available, and nothing else.
    pub(super) fn is_complete(&self, status: Option<&DeploymentStatus>) -> bool {
        let Some(status) = status else { return false };
        let replicas = self.replicas();
        status.updated_replicas.unwrap_or(0) == replicas
            && status.replicas.unwrap_or(0) == replicas
            && status.available_replicas.unwrap_or(0) == replicas
            && status.observed_generation >= self.stored.metadata.generation
    }

    fn counted(&self) -> DeploymentStatus {
        let sum = |f: fn(&ReplicaSet) -> i32| -> i32 { self.all().map(|s| f(s)).sum() };
        let ready = |s: &ReplicaSet| s.status.as_ref().and_then(|s| s.ready_replicas).unwrap_or(0);
        let now_available = sum(available);
        let terminating: Vec<i32> =
            self.all().filter_map(|s| s.status.as_ref()?.terminating_replicas).collect();
        let earlier = self.deployment.status.clone().unwrap_or_default();
        let mut status = DeploymentStatus {
            observed_generation: self.stored.metadata.generation,
            replicas: support::count(sum(actual)),
            updated_replicas: support::count(self.new.as_ref().map_or(0, |s| actual(s))),
            ready_replicas: support::count(sum(ready)),
            available_replicas: support::count(now_available),
            unavailable_replicas: support::count((sum(asked) - now_available).max(0)),
            terminating_replicas: (!terminating.is_empty()).then(|| terminating.iter().sum()),
            collision_count: earlier.collision_count,
            conditions: earlier.conditions,
        };
        let enough = now_available >= self.replicas() - sizes::max_unavailable(self.stored);
        let (value, reason, text) = if enough {
            ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        } else {
            ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
        };
        set(&mut status, condition(AVAILABLE, value, reason, text.to_owned(), self.view.now));
        status
    }

    /// The status without an estimate of progress: when paused, scaled or going.
    pub(super) fn write_status(&mut self) {
        let status = self.counted();
        self.write(status);
    }

    /// The status with an estimate of progress.
    pub(super) fn write_rollout_status(&mut self) {
        let mut status = self.counted();
        if !self.has_deadline() {
            remove(&mut status, PROGRESSING);
        }
        let earlier = self.condition(PROGRESSING).cloned();
        let reason = earlier.as_ref().and_then(|c| c.reason.as_deref()).unwrap_or("");
        let done = status.replicas == status.updated_replicas && reason == NEW_SET_AVAILABLE;
        if self.has_deadline() && !done {
            self.estimate(&mut status, earlier.as_ref());
        }
        let failure = |s: &ReplicaSet| {
            s.status.as_ref()?.conditions.iter().flatten().find(|c| c.type_ == REPLICA_FAILURE).cloned()
        };
        let failed =
            self.new.as_deref().and_then(failure).or_else(|| self.old.iter().find_map(|s| failure(s)));
        if let Some(failed) = failed {
            let message = failed.message.unwrap_or_default();
            let reason = failed.reason.unwrap_or_default();
            set(&mut status, condition(REPLICA_FAILURE, &failed.status, &reason, message, self.view.now));
        } else {
            remove(&mut status, REPLICA_FAILURE);
        }
        if let Some(after) = self.until_deadline(&status) {
            self.writes.push(Write::Again(after));
        }
        self.write(status);
    }

    fn estimate(&self, status: &mut DeploymentStatus, earlier: Option<&DeploymentCondition>) {
        let now = self.view.now;
        let subject = match &self.new {
            Some(set) => format!("ReplicaSet \"{}\"", set.name_str()),
            None => format!("Deployment \"{}\"", self.stored.name_str()),
        };
        if self.is_complete(Some(status)) {
            let text = format!("{subject} has successfully progressed.");
            set(status, condition(PROGRESSING, "True", NEW_SET_AVAILABLE, text, now));
        } else if self.progresses(status) {
            let text = format!("{subject} is progressing.");
            let mut progress = condition(PROGRESSING, "True", "ReplicaSetUpdated", text, now);
            if let Some(earlier) = earlier.filter(|c| c.status == "True") {
                progress.last_transition_time.clone_from(&earlier.last_transition_time);
            }
            remove(status, PROGRESSING);
            set(status, progress);
        } else if self.is_timed_out(status) {
            let text = format!("{subject} has timed out progressing.");
            set(status, condition(PROGRESSING, "False", TIMED_OUT, text, now));
        }
    }

    /// Whether more is new, less is old, or more is ready or available than before.
    fn progresses(&self, now: &DeploymentStatus) -> bool {
        let before = self.deployment.status.clone().unwrap_or_default();
        let n = |o: Option<i32>| o.unwrap_or(0);
        let old = |s: &DeploymentStatus| n(s.replicas) - n(s.updated_replicas);
        n(now.updated_replicas) > n(before.updated_replicas)
            || old(now) < old(&before)
            || n(now.ready_replicas) > n(before.ready_replicas)
            || n(now.available_replicas) > n(before.available_replicas)
    }

    fn is_timed_out(&self, status: &DeploymentStatus) -> bool {
        let (Some(deadline), Some(progress)) = (self.deadline(), find(status, PROGRESSING)) else {
            return false;
        };
        match progress.reason.as_deref() {
            Some(NEW_SET_AVAILABLE) => false,
            Some(TIMED_OUT) => true,
            _ => {
                let from = progress.last_update_time.as_ref().map(SimTime::from_api).unwrap_or_default();
                from + deadline < self.view.now
            }
        }
    }

    /// When to look whether the deadline has passed without progress.
    fn until_deadline(&self, status: &DeploymentStatus) -> Option<u64> {
        let (deadline, progress) = (self.deadline()?, find(status, PROGRESSING)?);
        if self.is_complete(Some(status)) || progress.reason.as_deref() == Some(TIMED_OUT) {
            return None;
        }
        let from = progress.last_update_time.as_ref().map(SimTime::from_api)?;
        Some((from + deadline).since(self.view.now) + SECOND)
    }

    fn write(&mut self, status: DeploymentStatus) {
        let creates = self.writes.iter().any(|w| matches!(w, Write::Create { .. }));
        self.deployment.status = Some(status);
        if self.deployment != **self.stored || creates {
            let object = Object::Deployment(Arc::new(self.deployment.clone()));
            self.writes.push(Write::StatusAfter { object, failed: failed_to_create });
        }
    }
}

/// Tells in the status that the new set could not be created.
fn failed_to_create(object: &mut Object, failed: &Failed) {
    let Object::Deployment(deployment) = object else { return };
    let deployment = Arc::make_mut(deployment);
    if deployment.spec.as_ref().and_then(|s| s.progress_deadline_seconds).is_none_or(|s| s == i32::MAX) {
        return;
    }
    let Some(template) = deployment.spec.as_ref().map(|s| &s.template) else { return };
    let collisions = deployment.status.as_ref().and_then(|s| s.collision_count);
    let hash = super::revision::template_hash(template, collisions);
    let set_name = format!("{}-{hash}", deployment.name_str());
    let message = format!("Failed to create new replica set \"{set_name}\": {}", failed.error.message);
    let status = deployment.status.get_or_insert_default();
    set(status, condition(PROGRESSING, "False", "ReplicaSetCreateError", message, failed.now));
}
