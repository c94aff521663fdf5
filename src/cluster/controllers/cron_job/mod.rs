//! The `CronJob` controller: a Job at each moment that the schedule names.
//!
//! Always holds: a Job is named after its scheduled minute, so that no moment gets two. From
//! `pkg/controller/cronjob`. Does not: time zones other than UTC (a `timeZone` is read as UTC).

mod schedule;

use super::{Controller, Keys, View, Write};
use crate::apiserver::{Change, DeleteOptions};
use crate::cluster::events::{Note, reference};
use crate::object::{Kind, Object, ObjectKey, ObjectMeta, Resource, SimTime, meta::MetaExt, meta::owner_ref};
use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, CronJobStatus, Job};
use k8s_openapi::api::core::v1::ObjectReference;
use schedule::Schedule;
use std::sync::Arc;

/// `cronjob-controller` in the table.
pub const CONTROLLER: Controller = Controller { name: "cronjob-controller", watch, reconcile };

const SCHEDULED_AT: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// Beyond so many missed moments the controller warns.
const TOO_MANY_MISSED: usize = 100;

fn watch(change: &Change, _: &View, keys: &mut Keys) {
    match change.key.kind {
        Kind::CronJob if change.new.is_some() => keys.push(change.key.clone()),
        Kind::Job => keys.push_controllers(change, Kind::CronJob, super::WATCH_LATENCY),
        _ => {}
    }
}

/// One reconcile of one `CronJob`.
struct Sync<'a> {
    view: View<'a>,
    cron: &'a Arc<CronJob>,
    spec: &'a CronJobSpec,
    status: CronJobStatus,
    jobs: Vec<Arc<Job>>,
    writes: Vec<Write>,
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(Object::CronJob(cron)) = view.store.get(key) else { return Vec::new() };
    let spec = &cron.spec;
    let jobs = view.store.owned::<Job>(cron.uid_str()).filter(|j| j.controlled_by(cron.uid_str())).cloned();
    let mut sync = Sync {
        view: *view,
        cron,
        spec,
        status: cron.status.clone().unwrap_or_default(),
        jobs: jobs.collect(),
        writes: Vec::new(),
    };
    sync.clean_up();
    sync.track();
    if !cron.is_terminating() && spec.suspend != Some(true) {
        sync.schedule();
    }
    if cron.status.as_ref() != Some(&sync.status) {
        let mut changed = CronJob::clone(cron);
        changed.status = Some(sync.status);
        sync.writes.push(Write::UpdateStatus(changed.into_object()));
    }
    sync.writes
}

/// `Complete` or `Failed`, once the Job is over.
fn outcome(job: &Job) -> Option<&str> {
    let mut conditions = job.status.iter().flat_map(|s| s.conditions.iter().flatten());
    conditions
        .find(|c| (c.type_ == "Complete" || c.type_ == "Failed") && c.status == "True")
        .map(|c| c.type_.as_str())
}

impl Sync<'_> {
    fn note(&self, type_: &str, reason: &'static str, text: impl Into<String>) -> Note {
        let about = Object::CronJob(self.cron.clone());
        match type_ {
            "Warning" => Note::warning(&about, CONTROLLER.name, reason, text),
            _ => Note::normal(&about, CONTROLLER.name, reason, text),
        }
    }

    /// Finished Jobs leave the list of active ones, and are told.
    fn track(&mut self) {
        let active = self.status.active.take().unwrap_or_default();
        let mut left = Vec::new();
        for reference in active {
            let job = self.jobs.iter().find(|j| j.metadata.uid == reference.uid);
            match job.map(|j| (j.clone(), outcome(j).map(str::to_owned))) {
                Some((_, None)) => left.push(reference),
                Some((job, Some(outcome))) => {
                    let text = format!("Saw completed job: {}, condition: {outcome}", job.name_str());
                    self.writes.push(Write::Event(self.note("Normal", "SawCompletedJob", text)));
                    let ended = job.status.as_ref().and_then(|s| s.completion_time.clone());
                    if outcome == "Complete" && ended > self.status.last_successful_time {
                        self.status.last_successful_time = ended;
                    }
                }
                None => {
                    let name = reference.name.unwrap_or_default();
                    let text = format!("Active job went missing: {name}");
                    self.writes.push(Write::Event(self.note("Normal", "MissingJob", text)));
                }
            }
        }
        // Jobs that were made since the last reconcile.
        for job in self.jobs.iter().filter(|j| outcome(j).is_none()) {
            if left.iter().all(|r| r.uid != job.metadata.uid) {
                left.push(job_reference(job));
            }
        }
        self.status.active = (!left.is_empty()).then_some(left);
    }

    /// Deletes finished Jobs beyond the history that is kept.
    fn clean_up(&mut self) {
        let limits = [
            ("Complete", self.spec.successful_jobs_history_limit.unwrap_or(3)),
            ("Failed", self.spec.failed_jobs_history_limit.unwrap_or(1)),
        ];
        for (wanted, limit) in limits {
            let mut done: Vec<Arc<Job>> = self
                .jobs
                .iter()
                .filter(|j| outcome(j) == Some(wanted) && !j.is_terminating())
                .cloned()
                .collect();
            done.sort_by_key(|j| (j.created(), j.name_str().to_owned()));
            let surplus = done.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
            for job in done.into_iter().take(surplus) {
                self.delete(&job);
            }
        }
    }

    fn delete(&mut self, job: &Job) {
        let text = format!("Deleted job {}", job.name_str());
        self.writes.push(Write::Delete {
            key: ObjectKey { kind: Kind::Job, name: job.object_name() },
            options: DeleteOptions::default(),
            done: Some(self.note("Normal", "SuccessfulDelete", text)),
        });
    }

    fn schedule(&mut self) {
        let Some(schedule) = Schedule::parse(&self.spec.schedule) else {
            let text = format!("unparseable schedule: {}", self.spec.schedule);
            self.writes.push(Write::Event(self.note("Warning", "UnparseableSchedule", text)));
            return;
        };
        let now = self.view.now;
        if let Some(next) = schedule.next_after(now) {
            self.writes.push(Write::Again(next.since(now)));
        }
        let Some(due) = self.due(&schedule) else { return };
        let name = format!("{}-{}", self.cron.name_str(), due.seconds() / 60);
        if self.view.store.find::<Job>(self.cron.namespace_str(), &name).is_some() {
            self.status.last_schedule_time = Some(due.to_api());
            return;
        }
        let deadline = self.spec.starting_deadline_seconds.map(super::support::seconds);
        if deadline.is_some_and(|d| due + d < now) {
            let text = format!("Missed scheduled time to start a job: {}", due.to_api().0);
            self.writes.push(Write::Event(self.note("Warning", "MissSchedule", text)));
            return;
        }
        let active = self.status.active.clone().unwrap_or_default();
        match self.spec.concurrency_policy.as_deref() {
            Some("Forbid") if !active.is_empty() => {
                let text =
                    "Not starting job because prior execution is running and concurrency policy is Forbid";
                self.writes.push(Write::Event(self.note("Normal", "JobAlreadyActive", text)));
                return;
            }
            Some("Replace") => {
                let running = |j: &&Arc<Job>| active.iter().any(|r| r.uid == j.metadata.uid);
                for job in self.jobs.iter().filter(running).cloned().collect::<Vec<_>>() {
                    self.delete(&job);
                }
                self.status.active = None;
            }
            _ => {}
        }
        self.create(&name, due);
    }

    /// The newest moment that is due and has no Job yet.
    fn due(&mut self, schedule: &Schedule) -> Option<SimTime> {
        let last = self.status.last_schedule_time.as_ref().map(SimTime::from_api);
        let mut from = last.unwrap_or_else(|| self.cron.created());
        if let Some(deadline) = self.spec.starting_deadline_seconds.map(super::support::seconds) {
            from = from.max(SimTime(self.view.now.0.saturating_sub(deadline)));
        }
        let (mut due, mut missed) = (None, 0);
        while let Some(next) = schedule.next_after(from).filter(|next| *next <= self.view.now) {
            due = Some(next);
            from = next;
            missed += 1;
            if missed == TOO_MANY_MISSED + 1 {
                let text = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
                self.writes.push(Write::Event(self.note("Warning", "TooManyMissedTimes", text)));
            }
            if missed > 100_000 {
                break;
            }
        }
        due
    }

    fn create(&mut self, name: &str, due: SimTime) {
        let template = &self.spec.job_template;
        let meta = template.metadata.clone().unwrap_or_default();
        let mut annotations = meta.annotations.unwrap_or_default();
        annotations.insert(SCHEDULED_AT.to_owned(), due.to_api().0.to_string());
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            namespace: self.cron.metadata.namespace.clone(),
            labels: meta.labels,
            annotations: Some(annotations),
            owner_references: Some(vec![owner_ref(Kind::CronJob, &self.cron.metadata)]),
            ..ObjectMeta::default()
        };
        let job = Job { metadata, spec: template.spec.clone(), status: None };
        let done = self.note("Normal", "SuccessfulCreate", format!("Created job {name}"));
        let failed = self.note("Warning", "FailedCreate", "Error creating job: {error}");
        self.writes.push(Write::Create { object: job.into_object(), done: Some(done), failed: Some(failed) });
        self.status.last_schedule_time = Some(due.to_api());
    }
}

fn job_reference(job: &Job) -> ObjectReference {
    reference(&job.clone().into_object())
}

#[cfg(test)]
mod tests {
    use super::super::lab::lab;
    use super::*;
    use crate::object::Pod;
    use serde_json::json;

    #[test]
    fn a_job_a_minute_and_a_history() {
        for (policy, expected) in [("Allow", 3), ("Forbid", 1), ("Replace", 1)] {
            let mut lab = lab();
            lab.create(json!({
                "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick"},
                "spec": {
                    "schedule": "* * * * *", "concurrencyPolicy": policy,
                    "jobTemplate": {"spec": {"template": {"spec": {
                        "restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]
                    }}}}
                }
            }));
            lab.advance(185_000);
            assert_eq!(lab.all::<Job>().len(), expected, "{policy}");
            for pod in lab.all::<Pod>() {
                let name = pod.name_str().to_owned();
                lab.edit_status::<Pod>(&name, |p| p.status.phase = Some("Succeeded".to_owned()));
            }
            lab.advance(1000);
            let told = lab.events("CronJob").iter().filter(|e| e.contains("condition: Complete")).count();
            assert_eq!(told, expected, "{policy}");
            assert!(
                lab.get::<CronJob>("tick").status.as_ref().is_some_and(|s| s.last_successful_time.is_some())
            );
        }
    }
}
