//! Counting a Job's pods that ended, each once: it is written down as uncounted, loses its finalizer, and is counted.

use super::super::garbage_collector::without_finalizer;
use super::super::{Failed, Write};
use super::policy::judge;
use super::{FINALIZER, Sync, indexes, status};
use crate::object::{Object, Pod, Resource, meta::MetaExt};
use k8s_openapi::api::batch::v1::{Job, JobStatus, UncountedTerminatedPods};
use std::sync::Arc;

/// How many pods one reconcile counts at most (`MaxUncountedPods`).
const MAX_UNCOUNTED: usize = 500;

impl Sync<'_> {
    /// Writes the status with what is about to be counted, frees those pods, and writes the status with the counts.
    pub(super) fn track(&mut self) {
        let pods = std::mem::take(&mut self.pods);
        let mut free = Vec::new();
        let mut uncounted = UncountedTerminatedPods::default();
        let mut all = true;
        for pod in pods.iter().filter(|p| p.has_finalizer(FINALIZER) && self.may_free(p)) {
            if free.len() >= MAX_UNCOUNTED {
                all = false;
                break;
            }
            free.push(pod.clone());
            let list = match self.counts_as(pod) {
                // An index is counted by its being in the list.
                Some(true) if self.is_indexed() => continue,
                Some(true) => &mut uncounted.succeeded,
                Some(false) => &mut uncounted.failed,
                None => continue,
            };
            list.get_or_insert_default().push(pod.uid_str().to_owned());
        }
        self.tell_indexes();
        self.tell_target();
        let counted = (length_of(uncounted.succeeded.as_ref()), length_of(uncounted.failed.as_ref()));
        self.status.uncounted_terminated_pods = Some(uncounted);
        let first = self.status.clone();
        self.write_if_other(self.job.status.as_ref(), &first);
        for pod in free {
            let freed = without_finalizer(&Object::Pod(pod), FINALIZER);
            self.writes.push(Write::Anyway(Box::new(Write::Update(freed))));
        }
        self.status.uncounted_terminated_pods = Some(UncountedTerminatedPods::default());
        add(&mut self.status.succeeded, counted.0);
        add(&mut self.status.failed, counted.1);
        let over = all && self.conclude();
        let second = self.status.clone();
        self.write_if_other(Some(&first), &second);
        if over {
            self.tell_end();
        }
    }

    /// Whether the pod's finalizer may go. One that failed keeps it until its index has a new pod that knows the count.
    fn may_free(&self, pod: &Pod) -> bool {
        if self.job.is_terminating() || self.finished.is_some() || super::has_succeeded(pod) {
            return true;
        }
        let waits = |i: i32| self.delayed.get(&i).is_some_and(|p| p.uid_str() == pod.uid_str());
        self.has_failed(pod) && !indexes::of_pod(pod).is_some_and(waits)
    }

    /// Whether the pod counts as a success or a failure, or as nothing. When a Job has failed, what still runs has too.
    fn counts_as(&self, pod: &Pod) -> Option<bool> {
        if super::has_succeeded(pod) {
            return Some(true);
        }
        let failing = self.finished.as_ref().is_some_and(|c| c.type_ != "SuccessCriteriaMet");
        if !self.has_failed(pod) && !failing {
            return None;
        }
        let placed = !self.is_indexed() || indexes::of_pod(pod).is_some_and(|i| self.is_valid(i));
        (placed && judge(self.spec.pod_failure_policy.as_ref(), pod).counts()).then_some(false)
    }

    fn tell_indexes(&mut self) {
        if self.is_indexed() {
            let text = indexes::write(&self.done);
            self.status.completed_indexes = Some(text).filter(|t| !t.is_empty());
            self.status.succeeded = super::support::count(self.done.len() as i32);
            self.status.failed_indexes = self.failed_indexes.as_ref().map(indexes::write);
        }
    }

    /// Says what the Job is about to be, before its pods are freed.
    fn tell_target(&mut self) {
        let Some(finished) = self.finished.clone() else { return };
        if finished.type_ == "FailureTarget" || status::held(&self.status, "SuccessCriteriaMet").is_none() {
            status::ensure(&mut self.status, finished);
        }
    }

    /// Says what the Job is, once no pod of it is left ending. Whether it is.
    fn conclude(&mut self) -> bool {
        let Some(target) = self.finished.clone().filter(|_| self.terminating == 0) else { return false };
        let type_ = if target.type_ == "SuccessCriteriaMet" { "Complete" } else { "Failed" };
        let (reason, message) = (target.reason.unwrap_or_default(), target.message.unwrap_or_default());
        status::ensure(&mut self.status, status::condition(type_, &reason, message, self.view.now));
        if type_ == "Complete" {
            self.status.completion_time = Some(self.view.now.to_api());
        }
        true
    }

    fn tell_end(&mut self) {
        let mut events = Vec::new();
        if let Some(failed) = status::held(&self.status, "Failed") {
            let reason = super::known_reason(failed.reason.as_deref().unwrap_or(""));
            events.push(self.warn(reason, failed.message.as_deref().unwrap_or("")));
        } else {
            let wanted = self.spec.completions.unwrap_or(i32::MAX);
            if self.status.succeeded.unwrap_or(0) > wanted {
                let text = "Too many succeeded pods running after completion count reached";
                events.push(self.warn("TooManySucceededPods", text));
            }
            events.push(self.note("Completed", "Job completed"));
        }
        self.writes.extend(events.into_iter().map(|e| Write::Anyway(Box::new(e))));
    }

    fn write_if_other(&mut self, before: Option<&JobStatus>, status: &JobStatus) {
        if before != Some(status) {
            let job = Job { status: Some(status.clone()), ..Job::clone(self.job) };
            self.writes.push(Write::StatusAfter { object: job.into_object(), failed: fewer_active });
        }
    }
}

/// Pods that could not be made are not active.
fn fewer_active(object: &mut Object, failed: &Failed) {
    if let Object::Job(job) = object {
        let status = Arc::make_mut(job).status.get_or_insert_default();
        let active = status.active.unwrap_or(0) - failed.missing;
        status.active = super::support::count(active.max(0));
    }
}

fn add(count: &mut Option<i32>, more: usize) {
    *count = super::support::count(count.unwrap_or(0) + more as i32);
}

fn length_of(list: Option<&Vec<String>>) -> usize {
    list.map_or(0, Vec::len)
}
