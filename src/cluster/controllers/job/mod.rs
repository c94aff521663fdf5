//! The Job controller: runs pods until enough have succeeded, or too many have failed.
//!
//! Always holds: a pod carries a finalizer until it is counted, so that none is counted twice or lost. From
//! `pkg/controller/job`. Does not: pod failure policies, success policies, limits for each index.

mod indexes;
mod status;

use super::garbage_collector::without_finalizer;
use super::support::{self, Owner, PodMaker};
use super::{Controller, Keys, View, Write};
use crate::apiserver::{Change, DeleteOptions};
use crate::cluster::events::Note;
use crate::object::{
    Kind, Object, ObjectKey, Pod, Resource, SECOND, SimTime, meta::MetaExt, selector::Selector,
};
use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus};
use std::collections::BTreeSet;
use std::sync::Arc;

/// `job-controller` in the table.
pub const CONTROLLER: Controller = Controller { name: "job-controller", watch, reconcile };

const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
/// The wait after the first failure, doubled with each.
const BACKOFF: u64 = 10 * SECOND;
const MAX_BACKOFF: u64 = 600 * SECOND;
/// How many pods one reconcile creates or deletes at most.
const BURST: usize = 500;

fn watch(change: &Change, _: &View, keys: &mut Keys) {
    match change.key.kind {
        Kind::Job if change.new.is_some() => keys.push(change.key.clone()),
        Kind::Pod => keys.push_controllers(change, Kind::Job, super::WATCH_LATENCY),
        _ => {}
    }
}

/// Why a Job has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Failure {
    Backoff,
    Deadline,
}

impl Failure {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Failure::Backoff => ("BackoffLimitExceeded", "Job has reached the specified backoff limit"),
            Failure::Deadline => ("DeadlineExceeded", "Job was active longer than specified deadline"),
        }
    }
}

/// One reconcile of one Job.
struct Sync<'a> {
    view: View<'a>,
    job: &'a Arc<Job>,
    spec: &'a JobSpec,
    status: JobStatus,
    /// Pods that have neither ended nor been asked to.
    active: Vec<Arc<Pod>>,
    /// Pods that were asked to end and have not.
    terminating: Vec<Arc<Pod>>,
    /// Indexes done, for an Indexed Job.
    completed: BTreeSet<i32>,
    writes: Vec<Write>,
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(Object::Job(job)) = view.store.get(key) else { return Vec::new() };
    let Some(spec) = &job.spec else { return Vec::new() };
    let mut writes = Vec::new();
    let selector = Selector::from_api(spec.selector.as_ref());
    let owner = Owner { kind: Kind::Job, meta: &job.metadata, selector: &selector };
    let pods = support::claim::<Pod>(view, &owner, |_| true, &mut writes);
    let status = job.status.clone().unwrap_or_default();
    let completed = indexes::parse(status.completed_indexes.as_deref().unwrap_or(""));
    let (active, terminating) = (Vec::new(), Vec::new());
    let mut sync = Sync { view: *view, job, spec, status, active, terminating, completed, writes };
    if status::is_over(&sync.status) || job.is_terminating() {
        sync.release(&pods);
        sync.expire();
        return sync.writes;
    }
    sync.count(&pods);
    sync.work();
    sync.write_status();
    sync.writes
}

impl Sync<'_> {
    fn is_indexed(&self) -> bool {
        self.spec.completion_mode.as_deref() == Some("Indexed")
    }

    fn note(&self, reason: &'static str, text: &str) -> Write {
        Write::Event(Note::normal(&Object::Job(self.job.clone()), CONTROLLER.name, reason, text))
    }

    fn warn(&self, reason: &'static str, text: &str) -> Write {
        Write::Event(Note::warning(&Object::Job(self.job.clone()), CONTROLLER.name, reason, text))
    }

    /// Takes the finalizer from every pod: the Job is over.
    fn release(&mut self, pods: &[Arc<Pod>]) {
        for pod in pods.iter().filter(|p| p.has_finalizer(FINALIZER)) {
            self.writes.push(Write::Update(without_finalizer(&Object::Pod(pod.clone()), FINALIZER)));
        }
    }

    /// Deletes a Job that has been over for long enough.
    fn expire(&mut self) {
        let Some(ttl) = self.spec.ttl_seconds_after_finished.filter(|_| !self.job.is_terminating()) else {
            return;
        };
        let Some(since) = status::over_since(&self.status) else { return };
        let due = since + support::seconds(ttl.into());
        if due > self.view.now {
            self.writes.push(Write::Again(due.since(self.view.now)));
            return;
        }
        let key = ObjectKey { kind: Kind::Job, name: self.job.object_name() };
        let propagation = crate::apiserver::Propagation::Foreground;
        let options = DeleteOptions { propagation, ..DeleteOptions::default() };
        self.writes.push(Write::Delete { key, options, done: None });
    }

    /// Counts the pods that ended since the last time.
    fn count(&mut self, pods: &[Arc<Pod>]) {
        for pod in pods {
            let phase = pod.status.phase.as_deref().unwrap_or("");
            // A pod that is deleted before it had a node never ran.
            let never_ran = pod.is_terminating() && pod.spec.node_name.is_none();
            if phase != "Succeeded" && phase != "Failed" && !never_ran {
                let list = if pod.is_terminating() { &mut self.terminating } else { &mut self.active };
                list.push(pod.clone());
                continue;
            }
            if !pod.has_finalizer(FINALIZER) {
                continue;
            }
            let index = indexes::of_pod(pod);
            if phase == "Succeeded" {
                let new = !self.is_indexed() || index.is_some_and(|i| self.completed.insert(i));
                self.status.succeeded = Some(self.status.succeeded.unwrap_or(0) + i32::from(new));
            } else {
                self.status.failed = Some(self.status.failed.unwrap_or(0) + 1);
            }
            self.writes.push(Write::Update(without_finalizer(&Object::Pod(pod.clone()), FINALIZER)));
        }
        self.status.succeeded = self.status.succeeded.filter(|n| *n > 0);
        if self.is_indexed() {
            self.status.completed_indexes = Some(indexes::write(&self.completed)).filter(|t| !t.is_empty());
        }
    }

    fn work(&mut self) {
        let suspended = self.spec.suspend == Some(true);
        if self.status.start_time.is_none() && !suspended {
            self.status.start_time = Some(self.view.now.to_api());
        }
        if let Some(failure) = self.failure() {
            return self.fail(failure);
        }
        if self.is_complete() {
            return self.complete();
        }
        self.follow_suspension(suspended);
        if suspended {
            let all = self.active.clone();
            return self.delete(all);
        }
        self.manage();
    }

    fn failure(&mut self) -> Option<Failure> {
        if let Some(reason) = status::failure_target(&self.status) {
            return Some(if reason == "DeadlineExceeded" { Failure::Deadline } else { Failure::Backoff });
        }
        let limit = self.spec.backoff_limit.unwrap_or(6);
        let mut failed = self.status.failed.unwrap_or(0);
        if self.spec.template.spec.as_ref().and_then(|s| s.restart_policy.as_deref()) == Some("OnFailure") {
            let restarts = |p: &Arc<Pod>| {
                let statuses = p.status.container_statuses.iter().chain(&p.status.init_container_statuses);
                statuses.flatten().map(|c| c.restart_count).sum::<i32>()
            };
            let sum: i32 = self.active.iter().map(restarts).sum();
            if (limit == 0 && sum > 0) || (limit > 0 && sum >= limit) {
                failed = limit + 1;
            }
        }
        if failed > limit {
            return Some(Failure::Backoff);
        }
        let deadline = support::seconds(self.spec.active_deadline_seconds?);
        let started = self.status.start_time.as_ref().map(SimTime::from_api)?;
        if self.view.now >= started + deadline {
            return Some(Failure::Deadline);
        }
        self.writes.push(Write::Again((started + deadline).since(self.view.now)));
        None
    }

    fn fail(&mut self, failure: Failure) {
        let (reason, text) = failure.words();
        if status::failure_target(&self.status).is_none() {
            status::add(&mut self.status, "FailureTarget", (reason, text), self.view.now);
        }
        let all = self.active.clone();
        self.delete(all);
        if self.active.is_empty() && self.terminating.is_empty() {
            status::add(&mut self.status, "Failed", (reason, text), self.view.now);
            self.writes.push(self.warn(reason, text));
        }
    }

    fn is_complete(&self) -> bool {
        let succeeded = self.status.succeeded.unwrap_or(0);
        match self.spec.completions {
            Some(n) => succeeded >= n,
            None => succeeded > 0 && self.active.is_empty(),
        }
    }

    fn complete(&mut self) {
        let words = ("CompletionsReached", "Reached expected number of succeeded pods");
        status::add(&mut self.status, "SuccessCriteriaMet", words, self.view.now);
        let all = self.active.clone();
        self.delete(all);
        if self.active.is_empty() && self.terminating.is_empty() {
            status::add(&mut self.status, "Complete", words, self.view.now);
            self.status.completion_time = Some(self.view.now.to_api());
            self.writes.push(self.note("Completed", "Job completed"));
        }
    }

    fn follow_suspension(&mut self, suspended: bool) {
        let told = status::is_true(&self.status, "Suspended");
        if suspended && !told {
            status::set(
                &mut self.status,
                "Suspended",
                "True",
                ("JobSuspended", "Job suspended"),
                self.view.now,
            );
            self.status.start_time = None;
            self.writes.push(self.note("Suspended", "Job suspended"));
        } else if !suspended && told {
            status::set(&mut self.status, "Suspended", "False", ("JobResumed", "Job resumed"), self.view.now);
            self.status.start_time = Some(self.view.now.to_api());
            self.writes.push(self.note("Resumed", "Job resumed"));
        }
    }

    /// Keeps as many pods running as may run at once and are still wanted.
    fn manage(&mut self) {
        let parallelism = self.spec.parallelism.unwrap_or(1);
        let succeeded = self.status.succeeded.unwrap_or(0);
        let wanted = match self.spec.completions {
            Some(n) => (n - succeeded).min(parallelism),
            None if succeeded > 0 => self.active.len() as i32,
            None => parallelism,
        };
        let wanted = usize::try_from(wanted).unwrap_or(0);
        if self.active.len() > wanted {
            let mut surplus = self.active.clone();
            surplus.sort_by_key(|p| {
                (p.spec.node_name.is_some(), support::is_ready(p), std::cmp::Reverse(p.created()))
            });
            surplus.truncate(surplus.len() - wanted);
            return self.delete(surplus);
        }
        // Only pods that failed are replaced at once where terminating ones still count.
        let there = self.active.len() + self.terminating.len();
        if there >= wanted {
            return;
        }
        if let Some(due) = self.backoff_until().filter(|due| *due > self.view.now) {
            self.writes.push(Write::Again(due.since(self.view.now)));
            return;
        }
        self.create((wanted - there).min(BURST));
    }

    /// When the next pod may be made after failures.
    fn backoff_until(&self) -> Option<SimTime> {
        let failed = self.status.failed.filter(|n| *n > 0)?;
        let ended = |p: &Arc<Pod>| {
            let terminated = |c: &k8s_openapi::api::core::v1::ContainerStatus| {
                c.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref().map(SimTime::from_api)
            };
            p.status.container_statuses.iter().flatten().filter_map(terminated).max()
        };
        let pods = self.view.store.owned::<Pod>(self.job.uid_str());
        let failures = pods.filter(|p| p.status.phase.as_deref() == Some("Failed"));
        let last = failures.filter_map(ended).max()?;
        let wait = BACKOFF.saturating_mul(1 << (failed - 1).min(20)).min(MAX_BACKOFF);
        Some(last + wait)
    }

    fn create(&mut self, n: usize) {
        let maker = PodMaker::new(&self.spec.template, Kind::Job, &self.job.metadata);
        let about = Object::Job(self.job.clone());
        let done = Note::normal(&about, CONTROLLER.name, "SuccessfulCreate", "Created pod: {name}");
        let failed = Note::warning(&about, CONTROLLER.name, "FailedCreate", "Error creating: {error}");
        let free = if self.is_indexed() { self.free_indexes(n) } else { Vec::new() };
        let n = if self.is_indexed() { free.len() } else { n };
        let make = |i: usize| {
            let mut pod = maker.pod();
            pod.metadata.finalizers.get_or_insert_default().push(FINALIZER.to_owned());
            if let Some(index) = free.get(i) {
                indexes::give(&mut pod, self.job.name_str(), *index);
            }
            let (done, failed) = (Some(done.clone()), Some(failed.clone()));
            Write::Create { object: pod.into_object(), done, failed }
        };
        self.writes.push(Write::SlowStart((0..n).map(make).collect()));
    }

    /// The lowest indexes that are neither done nor being worked on.
    fn free_indexes(&self, n: usize) -> Vec<i32> {
        let busy: BTreeSet<i32> =
            self.active.iter().chain(&self.terminating).filter_map(|p| indexes::of_pod(p)).collect();
        let all = 0..self.spec.completions.unwrap_or(0);
        all.filter(|i| !busy.contains(i) && !self.completed.contains(i)).take(n).collect()
    }

    fn delete(&mut self, pods: Vec<Arc<Pod>>) {
        let about = Object::Job(self.job.clone());
        let done = Note::normal(&about, CONTROLLER.name, "SuccessfulDelete", "Deleted pod: {name}");
        for pod in pods.into_iter().take(BURST) {
            self.writes.push(Write::Delete {
                key: ObjectKey { kind: Kind::Pod, name: pod.object_name() },
                options: DeleteOptions::default(),
                done: Some(done.clone()),
            });
        }
    }
}

#[cfg(test)]
mod tests;
