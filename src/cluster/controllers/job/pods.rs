//! How many pods a Job has running, and which: making them, taking them away.

use super::super::support::{self, PodMaker};
use super::super::{DeleteOptions, Write};
use super::policy::judge;
use super::{BURST, CONTROLLER, FINALIZER, Sync, indexes};
use crate::cluster::controllers::garbage_collector::without_finalizer;
use crate::cluster::events::Note;
use crate::object::{Kind, Object, ObjectKey, Pod, Resource, meta::MetaExt};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Sync<'_> {
    /// Keeps as many pods running as may run at once and are still wanted.
    pub(super) fn manage(&mut self) {
        if self.is_suspended() {
            let all = self.for_removal(self.active.len());
            return self.remove(all);
        }
        let parallelism = self.spec.parallelism.unwrap_or(1);
        let active = self.active.len() as i32;
        let wanted = match self.spec.completions {
            Some(n) => (n - self.succeeded).min(parallelism).max(0),
            None if self.succeeded > 0 => active,
            None => parallelism,
        };
        let mut surplus = self.for_removal(usize::try_from(active - wanted).unwrap_or(0));
        surplus.truncate(BURST);
        if !surplus.is_empty() {
            return self.remove(surplus);
        }
        let ending = if self.replaces_only_failed() { self.terminating } else { 0 };
        let more = usize::try_from(wanted - ending - active).unwrap_or(0).min(BURST);
        if more > 0 {
            self.make_after_backoff(more);
        }
    }

    fn make_after_backoff(&mut self, more: usize) {
        let now = self.view.now;
        if self.spec.backoff_limit_per_index.is_none() {
            match self.backoff.remaining(now) {
                0 if self.is_indexed() => self.make(&self.pending_indexes(more)),
                0 => self.make(&vec![None; more]),
                wait => self.writes.push(Write::Again(wait)),
            }
            return;
        }
        let wait = |index: &Option<i32>| {
            let last = index.and_then(|i| self.delayed.get(&i));
            last.map_or(0, |pod| super::Backoff::of_index(pod).remaining(now))
        };
        let pending = self.pending_indexes(more);
        let due: Vec<Option<i32>> = pending.iter().filter(|i| wait(i) == 0).copied().collect();
        match pending.iter().map(wait).min() {
            Some(least) if due.is_empty() => self.writes.push(Write::Again(least)),
            _ => self.make(&due),
        }
    }

    /// The lowest indexes that are neither done, nor given up, nor being worked on.
    fn pending_indexes(&self, n: usize) -> Vec<Option<i32>> {
        let mut busy: BTreeSet<i32> = self.active.iter().filter_map(|p| indexes::of_pod(p)).collect();
        if self.replaces_only_failed() {
            busy.extend(self.pods.iter().filter(|p| super::is_ending(p)).filter_map(|p| indexes::of_pod(p)));
        }
        let given_up = |i: &i32| self.failed_indexes.as_ref().is_some_and(|f| f.contains(i));
        let all = 0..self.spec.completions.unwrap_or(0);
        all.filter(|i| !busy.contains(i) && !self.done.contains(i) && !given_up(i))
            .take(n)
            .map(Some)
            .collect()
    }

    /// Makes a pod for each of these indexes, or without one.
    fn make(&mut self, which: &[Option<i32>]) {
        let maker = PodMaker::new(&self.spec.template, Kind::Job, &self.job.metadata);
        let about = Object::Job(self.job.clone());
        let done = Note::normal(&about, CONTROLLER.name, "SuccessfulCreate", "Created pod: {name}");
        let failed = Note::warning(&about, CONTROLLER.name, "FailedCreate", "Error creating: {error}");
        let make = |index: &Option<i32>| {
            let mut pod = maker.pod();
            let finalizers = pod.metadata.finalizers.get_or_insert_default();
            if !finalizers.iter().any(|f| f == FINALIZER) {
                finalizers.push(FINALIZER.to_owned());
            }
            if let Some(index) = index {
                indexes::give(&mut pod, self.job.name_str(), *index);
                self.tell_failures(&mut pod, *index);
            }
            let (done, failed) = (Some(done.clone()), Some(failed.clone()));
            Write::Create { object: pod.into_object(), done, failed }
        };
        let writes = which.iter().map(make).collect();
        self.writes.push(Write::SlowStart(writes));
        self.running += which.len() as i32;
    }

    fn tell_failures(&self, pod: &mut Pod, index: i32) {
        if self.spec.backoff_limit_per_index.is_some() {
            let replaced = self.delayed.get(&index);
            let counted = replaced.is_none_or(|p| judge(self.spec.pod_failure_policy.as_ref(), p).counts());
            indexes::give_failures(pod, replaced.map(|p| &**p), counted);
        }
    }

    /// At least so many pods that may go: those without a valid index of their own first, then the least useful.
    fn for_removal(&self, at_least: usize) -> Vec<Arc<Pod>> {
        let mut left = self.active.clone();
        left.sort_by_key(usefulness);
        let (mut gone, mut kept) = (Vec::new(), Vec::new());
        if self.is_indexed() {
            let mut seen = BTreeSet::new();
            for pod in left.into_iter().rev() {
                let index = indexes::of_pod(&pod).filter(|i| self.is_valid(*i));
                let list = if index.is_some_and(|i| seen.insert(i)) { &mut kept } else { &mut gone };
                list.insert(0, pod);
            }
        } else {
            kept = left;
        }
        let more = at_least.saturating_sub(gone.len());
        gone.extend(kept.into_iter().take(more));
        gone
    }

    /// Takes pods away that are not to be counted.
    fn remove(&mut self, pods: Vec<Arc<Pod>>) {
        for pod in pods {
            if pod.has_finalizer(FINALIZER) {
                let object = Object::Pod(pod.clone());
                self.writes.push(Write::Update(without_finalizer(&object, FINALIZER)));
                let uid = pod.uid_str();
                self.pods.retain(|p| p.uid_str() != uid);
            }
            self.end(&pod);
        }
    }

    /// Asks a pod that runs to end.
    pub(super) fn end(&mut self, pod: &Arc<Pod>) {
        let about = Object::Job(self.job.clone());
        let done = Note::normal(&about, CONTROLLER.name, "SuccessfulDelete", "Deleted pod: {name}");
        let key = ObjectKey { kind: Kind::Pod, name: pod.object_name() };
        let options = DeleteOptions { uid: pod.metadata.uid.clone(), ..DeleteOptions::default() };
        self.writes.push(Write::Delete { key, options, done: Some(done) });
        self.running -= 1;
        self.ready -= i32::from(support::is_ready(pod));
        self.terminating += 1;
    }
}

/// The order in which pods go (`ActivePods`): without a node, not started, not ready, ready for a shorter time, with
/// more restarts, younger.
#[allow(clippy::ref_option)]
fn usefulness(pod: &Arc<Pod>) -> impl Ord + use<> {
    let phase = match pod.status.phase.as_deref() {
        Some("Running") => 2,
        Some("Unknown") => 1,
        _ => 0,
    };
    let restarts = pod.status.container_statuses.iter().flatten().map(|c| c.restart_count).max().unwrap_or(0);
    (
        pod.spec.node_name.is_some(),
        phase,
        support::is_ready(pod),
        Reverse(support::ready_since(pod)),
        Reverse(restarts),
        Reverse(pod.created()),
        pod.name_str().to_owned(),
    )
}
