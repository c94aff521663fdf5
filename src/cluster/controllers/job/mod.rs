//! The Job controller: runs pods until enough have succeeded, or too many have failed.
//!
//! Always holds: a pod carries a finalizer until it is counted, so that none is counted twice or lost; a Job says what
//! it is about to be (`SuccessCriteriaMet`, `FailureTarget`) before its last pods end, and what it is after that. From
//! `pkg/controller/job`, with the deletion of finished Jobs of `pkg/controller/ttlafterfinished`.

mod backoff;
mod indexes;
mod pods;
mod policy;
mod status;
mod track;

use super::garbage_collector::without_finalizer;
use super::support::{self, Owner};
use super::{Controller, Keys, Memory, View, Write};
use crate::apiserver::{Change, DeleteOptions, Propagation};
use crate::cluster::events::Note;
use crate::object::{Kind, Object, ObjectKey, Pod, SECOND, SimTime, meta::MetaExt, selector::Selector};
use backoff::Backoff;
use k8s_openapi::api::batch::v1::{Job, JobCondition, JobSpec, JobStatus};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// `job-controller` in the table.
pub const CONTROLLER: Controller = Controller { name: "job-controller", watch, reconcile };

const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
/// The value of `managedBy` that means this controller.
const OURS: &str = "kubernetes.io/job-controller";
/// How many pods one reconcile creates or deletes at most (`MaxPodCreateDeletePerSync`).
const BURST: usize = 500;
/// Changes of pods and status are taken together for so long (`syncJobBatchPeriod`).
const BATCH: u64 = SECOND;

fn watch(change: &Change, _: &View, keys: &mut Keys) {
    match change.key.kind {
        Kind::Job if change.new.is_none() || support::spec_changed(change) => keys.push(change.key.clone()),
        Kind::Job => keys.push_after(change.key.clone(), BATCH),
        Kind::Pod => keys.push_controllers(change, Kind::Job, BATCH),
        _ => {}
    }
}

/// One reconcile of one Job.
struct Sync<'a> {
    view: View<'a>,
    job: &'a Arc<Job>,
    spec: &'a JobSpec,
    status: JobStatus,
    pods: Vec<Arc<Pod>>,
    /// Pods that have neither ended nor been asked to.
    active: Vec<Arc<Pod>>,
    /// How many pods run, as it will be after the writes so far; how many of them are ready, how many are ending.
    running: i32,
    ready: i32,
    terminating: i32,
    /// Pods that have succeeded, those that are yet to be counted included.
    succeeded: i32,
    failed: i32,
    /// Indexes done, and given up, of an Indexed Job.
    done: BTreeSet<i32>,
    failed_indexes: Option<BTreeSet<i32>>,
    /// The pod that failed last of each index that waits for its next one.
    delayed: BTreeMap<i32, Arc<Pod>>,
    backoff: Backoff,
    /// What the Job is about to be.
    finished: Option<JobCondition>,
    writes: Vec<Write>,
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(Object::Job(job)) = view.store.get(key) else { return free_orphans(view, key) };
    let Some(spec) = &job.spec else { return Vec::new() };
    if spec.managed_by.as_deref().is_some_and(|m| m != OURS) {
        return Vec::new();
    }
    let status = job.status.clone().unwrap_or_default();
    if status::is_over(&status) {
        return expire(view, job, spec, &status);
    }
    let mut writes = Vec::new();
    let selector = Selector::from_api(spec.selector.as_ref());
    let owner = Owner { kind: Kind::Job, meta: &job.metadata, selector: &selector };
    let pods = support::claim::<Pod>(view, &owner, |_| true, &mut writes);
    let mut sync = Sync::new(view, job, spec, pods);
    sync.writes = writes;
    sync.run();
    sync.writes
}

/// Pods of a Job that is gone are counted no more.
fn free_orphans(view: &View, key: &ObjectKey) -> Vec<Write> {
    let of_job = |p: &&Arc<Pod>| {
        let owner = p.controller_of().filter(|o| o.kind == "Job" && *o.name == *key.name.name());
        owner.is_some() && p.has_finalizer(FINALIZER)
    };
    let pods = view.store.all_in::<Pod>(key.name.namespace()).filter(of_job);
    let free = |pod: &Arc<Pod>| Write::Update(without_finalizer(&Object::Pod(pod.clone()), FINALIZER));
    pods.map(free).chain(view.recalled.map(|_| Write::Recall(None))).collect()
}

/// Deletes a Job that has been over for long enough.
fn expire(view: &View, job: &Arc<Job>, spec: &JobSpec, status: &JobStatus) -> Vec<Write> {
    let mut writes: Vec<Write> = view.recalled.map(|_| Write::Recall(None)).into_iter().collect();
    let ttl = spec.ttl_seconds_after_finished.filter(|_| !job.is_terminating());
    if let (Some(ttl), Some(since)) = (ttl, status::over_since(status)) {
        let due = since + support::seconds(ttl.into());
        if due > view.now {
            writes.push(Write::Again(due.since(view.now)));
        } else {
            let key = ObjectKey { kind: Kind::Job, name: job.object_name() };
            let options = DeleteOptions { propagation: Propagation::Foreground, ..DeleteOptions::default() };
            writes.push(Write::Delete { key, options, done: None });
        }
    }
    writes
}

fn has_succeeded(pod: &Pod) -> bool {
    pod.status.phase.as_deref() == Some("Succeeded")
}

fn is_ending(pod: &Pod) -> bool {
    pod.is_terminating() && !support::is_finished(pod)
}

/// The reasons for which Jobs fail, as events have them.
fn known_reason(reason: &str) -> &'static str {
    const REASONS: [&str; 5] = [
        "BackoffLimitExceeded",
        "DeadlineExceeded",
        "PodFailurePolicy",
        "MaxFailedIndexesExceeded",
        "FailedIndexes",
    ];
    REASONS.into_iter().find(|r| *r == reason).unwrap_or("Failed")
}

impl<'a> Sync<'a> {
    fn new(view: &View<'a>, job: &'a Arc<Job>, spec: &'a JobSpec, pods: Vec<Arc<Pod>>) -> Self {
        let status = job.status.clone().unwrap_or_default();
        let active: Vec<Arc<Pod>> = pods.iter().filter(|p| support::is_active(p)).cloned().collect();
        let done = status.completed_indexes.as_deref().unwrap_or("");
        let done = indexes::parse(done, spec.completions.unwrap_or(0));
        let backoff = match view.recalled {
            Some(Memory::Failures(failures, last)) => Backoff { failures: *failures, last: *last },
            _ => Backoff::default(),
        };
        Self {
            view: *view,
            job,
            spec,
            running: active.len() as i32,
            ready: active.iter().filter(|p| support::is_ready(p)).count() as i32,
            terminating: pods.iter().filter(|p| is_ending(p)).count() as i32,
            succeeded: status.succeeded.unwrap_or(0),
            failed: status.failed.unwrap_or(0),
            status,
            pods,
            active,
            done,
            failed_indexes: None,
            delayed: BTreeMap::new(),
            backoff,
            finished: None,
            writes: Vec::new(),
        }
    }

    fn run(&mut self) {
        self.count();
        if self.status.start_time.is_none() && !self.is_suspended() {
            self.status.start_time = Some(self.view.now.to_api());
        }
        self.judge();
        if self.finished.is_some() {
            for pod in self.active.clone() {
                self.end(&pod);
            }
        } else {
            self.go_on();
        }
        self.status.active = support::count(self.running);
        self.status.ready = Some(self.ready);
        self.status.terminating = Some(self.terminating);
        self.track();
    }

    fn is_indexed(&self) -> bool {
        self.spec.completion_mode.as_deref() == Some("Indexed")
    }

    fn is_suspended(&self) -> bool {
        self.spec.suspend == Some(true)
    }

    fn is_valid(&self, index: i32) -> bool {
        index < self.spec.completions.unwrap_or(0)
    }

    /// Whether a pod that is ending is replaced only when it has ended.
    fn replaces_only_failed(&self) -> bool {
        self.spec.pod_replacement_policy.as_deref() == Some("Failed")
            || self.spec.pod_failure_policy.is_some()
    }

    /// Whether the pod has failed; a deleted one has, unless the Job waits for its end.
    fn has_failed(&self, pod: &Pod) -> bool {
        let deleted = pod.is_terminating() && !has_succeeded(pod) && !self.replaces_only_failed();
        pod.status.phase.as_deref() == Some("Failed") || deleted
    }

    fn note(&self, reason: &'static str, text: &str) -> Write {
        Write::Event(Note::normal(&Object::Job(self.job.clone()), CONTROLLER.name, reason, text))
    }

    fn warn(&self, reason: &'static str, text: &str) -> Write {
        Write::Event(Note::warning(&Object::Job(self.job.clone()), CONTROLLER.name, reason, text))
    }

    /// Counts what ended since the last time, for the decisions; the status follows in [`Sync::track`].
    fn count(&mut self) {
        let valid = |p: &&Arc<Pod>| {
            let placed = !self.is_indexed() || indexes::of_pod(p).is_some_and(|i| self.is_valid(i));
            p.has_finalizer(FINALIZER) && placed
        };
        let new: Vec<&Arc<Pod>> = self.pods.iter().filter(valid).collect();
        let succeeded: Vec<Arc<Pod>> =
            new.iter().filter(|p| has_succeeded(p)).map(|p| (*p).clone()).collect();
        let failed: Vec<Arc<Pod>> = new.iter().filter(|p| self.has_failed(p)).map(|p| (*p).clone()).collect();
        let policy = self.spec.pod_failure_policy.as_ref();
        self.failed += failed.iter().filter(|p| policy::judge(policy, p).counts()).count() as i32;
        self.succeeded += succeeded.len() as i32;
        let before = self.backoff;
        self.backoff = before.after(&succeeded, &failed);
        if self.backoff != before {
            self.writes.push(Write::Recall(Some(Memory::Failures(self.backoff.failures, self.backoff.last))));
        }
        if self.is_indexed() {
            self.done.extend(succeeded.iter().filter_map(|p| indexes::of_pod(p)));
            self.succeeded = self.done.len() as i32;
            self.count_indexes(&failed);
        }
    }

    fn count_indexes(&mut self, failed: &[Arc<Pod>]) {
        let Some(limit) = self.spec.backoff_limit_per_index else { return };
        let before = self.status.failed_indexes.as_deref().unwrap_or("");
        let mut given_up = indexes::parse(before, self.spec.completions.unwrap_or(0));
        for pod in failed {
            let verdict = policy::judge(self.spec.pod_failure_policy.as_ref(), pod);
            let often = verdict.counts() && indexes::failures_before(pod) >= limit;
            if verdict == policy::Verdict::FailIndex || often {
                given_up.extend(indexes::of_pod(pod));
            }
        }
        let busy: BTreeSet<i32> = self.active.iter().filter_map(|p| indexes::of_pod(p)).collect();
        for pod in failed {
            let Some(index) = indexes::of_pod(pod) else { continue };
            if self.done.contains(&index) || given_up.contains(&index) || busy.contains(&index) {
                continue;
            }
            let often = |p: &Pod| indexes::all_failures_before(p);
            if self.delayed.get(&index).is_none_or(|last| often(last) <= often(pod)) {
                self.delayed.insert(index, pod.clone());
            }
        }
        self.failed_indexes = Some(given_up);
    }

    /// Decides what the Job is about to be, if anything.
    fn judge(&mut self) {
        let now = self.view.now;
        let target = |reason: &str, text: String| Some(status::condition("FailureTarget", reason, text, now));
        let earlier = status::held(&self.status, "SuccessCriteriaMet")
            .or_else(|| status::held(&self.status, "FailureTarget"));
        if let Some(earlier) = earlier {
            self.finished = Some(earlier.clone());
            return;
        }
        let policy = self.spec.pod_failure_policy.as_ref();
        let fatal =
            self.pods.iter().filter(|p| self.has_failed(p)).find_map(|p| match policy::judge(policy, p) {
                policy::Verdict::FailJob(text) => Some(text),
                _ => None,
            });
        if let Some(text) = fatal {
            self.finished = target("PodFailurePolicy", text);
        } else if self.failed > self.spec.backoff_limit.unwrap_or(6) || self.restarts_too_often() {
            let text = "Job has reached the specified backoff limit".to_owned();
            self.finished = target("BackoffLimitExceeded", text);
        } else if self.is_past_deadline() {
            let text = "Job was active longer than specified deadline".to_owned();
            self.finished = target("DeadlineExceeded", text);
        } else if let Some(given_up) = self.failed_indexes.as_ref().map(|f| f.len() as i32) {
            if self.spec.max_failed_indexes.is_some_and(|max| given_up > max) {
                let text = "Job has exceeded the specified maximal number of failed indexes".to_owned();
                self.finished = target("MaxFailedIndexesExceeded", text);
            } else if given_up > 0 && given_up + self.succeeded >= self.spec.completions.unwrap_or(0) {
                self.finished = target("FailedIndexes", "Job has failed indexes".to_owned());
            }
        }
        if self.finished.is_none() && self.is_indexed() {
            let completions = self.spec.completions.unwrap_or(0);
            if let Some(rule) = policy::success(self.spec.success_policy.as_ref(), &self.done, completions) {
                let text = format!("Matched rules at index {rule}");
                self.finished = Some(status::condition("SuccessCriteriaMet", "SuccessPolicy", text, now));
            }
        }
    }

    /// With `OnFailure` the restarts of containers count.
    fn restarts_too_often(&self) -> bool {
        let policy = self.spec.template.spec.as_ref().and_then(|s| s.restart_policy.as_deref());
        if policy != Some("OnFailure") {
            return false;
        }
        let restarts = |p: &Arc<Pod>| {
            let statuses = p.status.container_statuses.iter().chain(&p.status.init_container_statuses);
            statuses.flatten().map(|c| c.restart_count).sum::<i32>()
        };
        let sum: i32 = self.pods.iter().filter(|p| !support::is_finished(p)).map(restarts).sum();
        match self.spec.backoff_limit.unwrap_or(6) {
            0 => sum > 0,
            limit => sum >= limit,
        }
    }

    fn is_past_deadline(&mut self) -> bool {
        let Some(deadline) = self.spec.active_deadline_seconds.map(support::seconds) else { return false };
        let started = self.status.start_time.as_ref().map(SimTime::from_api);
        let Some(started) = started.filter(|_| !self.is_suspended()) else { return false };
        let left = (started + deadline).since(self.view.now);
        if left > 0 {
            self.writes.push(Write::Again(left));
        }
        left == 0
    }

    /// Manages pods, and looks whether the Job is complete or suspended.
    fn go_on(&mut self) {
        let managed = !self.job.is_terminating();
        if managed {
            self.manage();
        }
        let complete = match self.spec.completions {
            Some(n) => self.succeeded >= n && self.running == 0,
            None => self.succeeded > 0 && self.running == 0,
        };
        if complete {
            let (reason, text) = ("CompletionsReached", "Reached expected number of succeeded pods");
            self.finished = Some(status::condition("SuccessCriteriaMet", reason, text, self.view.now));
        } else if managed {
            self.follow_suspension();
        }
    }

    fn follow_suspension(&mut self) {
        let now = self.view.now;
        if self.is_suspended() {
            let told = status::condition("Suspended", "JobSuspended", "Job suspended", now);
            if status::ensure(&mut self.status, told) {
                self.status.start_time = None;
                self.writes.push(Write::Anyway(Box::new(self.note("Suspended", "Job suspended"))));
            }
            return;
        }
        let told = status::condition("Suspended", "JobResumed", "Job resumed", now);
        if status::ensure(&mut self.status, JobCondition { status: "False".to_owned(), ..told }) {
            self.status.start_time = Some(now.to_api());
            self.writes.push(Write::Anyway(Box::new(self.note("Resumed", "Job resumed"))));
        }
    }
}

#[cfg(test)]
mod tests;
