//! The `CronJob` controller: a Job at each moment that the schedule names.
//!
//! Always holds: a Job is named after its scheduled minute, so that no moment gets two; a Job is in the list of active
//! ones from the reconcile that its making leads to. From `pkg/controller/cronjob`.

mod schedule;

use super::{Controller, Keys, View, Write};
use crate::apiserver::{Change, DeleteOptions};
use crate::cluster::events::{Note, reference};
use crate::object::{
    Kind, Object, ObjectKey, ObjectMeta, Resource, SimTime, meta::MetaExt, meta::owner_ref, time::MILLISECOND,
};
use jiff::tz::TimeZone;
use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, CronJobStatus, Job};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schedule::Schedule;
use std::sync::Arc;

/// `cronjob-controller` in the table.
pub const CONTROLLER: Controller = Controller { name: "cronjob-controller", watch, reconcile };

const SCHEDULED_AT: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// Beyond so many missed moments the controller warns.
const TOO_MANY_MISSED: usize = 100;
/// So long after its moment a Job is made, so that no clock is behind it (`nextScheduleDelta`).
const DELTA: u64 = 100 * MILLISECOND;

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
    if !cron.is_terminating() {
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

    /// Finished Jobs leave the list of active ones and are told, new ones join it, and what is missing is told, too.
    fn track(&mut self) {
        let listed = self.status.active.take().unwrap_or_default();
        let mut active: Vec<ObjectReference> = listed.clone();
        for job in self.jobs.clone() {
            let is_listed = listed.iter().any(|r| r.uid == job.metadata.uid);
            match outcome(&job) {
                None if !is_listed => self.welcome(&job, &mut active),
                None => {}
                Some(outcome) => {
                    if is_listed {
                        active.retain(|r| r.uid != job.metadata.uid);
                        let text = format!("Saw completed job: {}, condition: {outcome}", job.name_str());
                        self.writes.push(Write::Event(self.note("Normal", "SawCompletedJob", text)));
                    }
                    let ended = job.status.as_ref().and_then(|s| s.completion_time.clone());
                    if outcome == "Complete" && ended > self.status.last_successful_time {
                        self.status.last_successful_time = ended;
                    }
                }
            }
        }
        let there = |r: &ObjectReference| self.jobs.iter().any(|j| j.metadata.uid == r.uid);
        let (kept, missing): (Vec<_>, Vec<_>) = active.into_iter().partition(there);
        for reference in missing {
            let text = format!("Active job went missing: {}", reference.name.unwrap_or_default());
            self.writes.push(Write::Event(self.note("Normal", "MissingJob", text)));
        }
        self.status.active = (!kept.is_empty()).then_some(kept);
    }

    /// A Job that runs and is not listed: the one that was just made, or somebody else's.
    fn welcome(&mut self, job: &Job, active: &mut Vec<ObjectReference>) {
        let due = job.annotation(SCHEDULED_AT).and_then(|t| t.parse::<jiff::Timestamp>().ok()).map(Time);
        let due = due.filter(|_| job.name_str().starts_with(&format!("{}-", self.cron.name_str())));
        let Some(due) = due else {
            let text = format!("Saw a job that the controller did not create or forgot: {}", job.name_str());
            self.writes.push(Write::Event(self.note("Warning", "UnexpectedJob", text)));
            return;
        };
        active.push(job_reference(job));
        self.status.last_schedule_time = self.status.last_schedule_time.take().max(Some(due));
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
            let started = |j: &Job| j.status.as_ref().and_then(|s| s.start_time.clone()).map(|t| t.0);
            done.sort_by_key(|j| (started(j).is_none(), started(j), j.name_str().to_owned()));
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

    /// The time zone of the schedule; an unknown one is told.
    fn zone(&mut self) -> Option<TimeZone> {
        let Some(name) = &self.spec.time_zone else { return Some(TimeZone::UTC) };
        let zone = schedule::zone(name);
        if zone.is_none() {
            let text = format!("invalid timeZone: \"{name}\": unknown time zone {name}");
            self.writes.push(Write::Event(self.note("Warning", "UnknownTimeZone", text)));
        }
        zone
    }

    fn schedule(&mut self) {
        let Some(zone) = self.zone().filter(|_| self.spec.suspend != Some(true)) else { return };
        let Some(schedule) = Schedule::parse(&self.spec.schedule, zone.clone()) else {
            let text = format!("unparseable schedule: \"{0}\" : failed to parse {0}", self.spec.schedule);
            self.writes.push(Write::Event(self.note("Warning", "UnparseableSchedule", text)));
            return;
        };
        let now = self.view.now;
        let due = self.due(&schedule);
        if let Some(next) = schedule.next_after(due.unwrap_or_else(|| self.earliest())) {
            let next = if next > now { Some(next) } else { schedule.next_after(now) };
            self.writes.extend(next.map(|next| Write::Again((next + DELTA).since(now))));
        }
        let Some(due) = due else { return };
        let deadline = self.spec.starting_deadline_seconds.map(super::support::seconds);
        if deadline.is_some_and(|d| due + d < now) {
            let moment = due.to_api().0.strftime("%a, %d %b %Y %H:%M:%S +0000");
            let text = format!("Missed scheduled time to start a job: {moment}");
            self.writes.push(Write::Event(self.note("Warning", "MissSchedule", text)));
            return;
        }
        let name = format!("{}-{}", self.cron.name_str(), due.seconds() / 60);
        let known = self.status.last_schedule_time.as_ref().map(SimTime::from_api) == Some(due);
        if known || self.view.store.find::<Job>(self.cron.namespace_str(), &name).is_some() {
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
        self.create(&name, due, &zone);
    }

    /// The last moment that had its Job, or the making of this object.
    fn earliest(&self) -> SimTime {
        let last = self.status.last_schedule_time.as_ref().map(SimTime::from_api);
        last.unwrap_or_else(|| self.cron.created())
    }

    /// The newest moment that is due and has no Job yet.
    fn due(&mut self, schedule: &Schedule) -> Option<SimTime> {
        let mut from = self.earliest();
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
        }
        due
    }

    fn create(&mut self, name: &str, due: SimTime, zone: &TimeZone) {
        let template = &self.spec.job_template;
        let meta = template.metadata.clone().unwrap_or_default();
        let mut annotations = meta.annotations.unwrap_or_default();
        let moment = match &self.spec.time_zone {
            Some(_) => due.to_api().0.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            None => due.to_api().0.to_string(),
        };
        annotations.insert(SCHEDULED_AT.to_owned(), moment);
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
            lab.advance(2500);
            let told = lab.events("CronJob").iter().filter(|e| e.contains("condition: Complete")).count();
            assert_eq!(told, expected, "{policy}");
            assert!(
                lab.get::<CronJob>("tick").status.as_ref().is_some_and(|s| s.last_successful_time.is_some())
            );
        }
    }

    fn hourly(lab: &mut super::super::lab::Lab, more: &serde_json::Value) {
        let mut value = json!({
            "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick"},
            "spec": {"schedule": "0 * * * *", "jobTemplate": {"spec": {"template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]
            }}}}}
        });
        for (key, field) in more.as_object().into_iter().flatten() {
            value["spec"][key] = field.clone();
        }
        lab.create(value);
    }

    #[test]
    fn a_job_knows_its_moment_in_the_zone_of_its_schedule() {
        let mut lab = lab();
        hourly(&mut lab, &json!({"schedule": "0 9 * * *", "timeZone": "Asia/Seoul"}));
        lab.advance(24 * 3_600_000);
        let jobs = lab.all::<Job>();
        let moments: Vec<&str> = jobs.iter().filter_map(|j| j.annotation(SCHEDULED_AT)).collect();
        assert_eq!(moments.len(), 1);
        assert!(moments[0].ends_with("T09:00:00+09:00"), "{moments:?}");
        let status = lab.get::<CronJob>("tick").status.clone().unwrap_or_default();
        assert_eq!(status.active.map(|a| a.len()), Some(1));
    }

    #[test]
    fn what_was_missed_is_caught_up_once() {
        let mut lab = lab();
        hourly(&mut lab, &json!({"suspend": true}));
        lab.advance(5 * 3_600_000);
        assert!(lab.all::<Job>().is_empty());
        lab.edit::<CronJob>("tick", |c| c.spec.suspend = Some(false)).advance(1000);
        assert_eq!(lab.all::<Job>().len(), 1);
        let mut late = super::super::lab::lab();
        hourly(&mut late, &json!({"suspend": true, "startingDeadlineSeconds": 20}));
        late.advance(5 * 3_600_000 + 60_000);
        late.edit::<CronJob>("tick", |c| c.spec.suspend = Some(false)).advance(1000);
        assert!(late.all::<Job>().is_empty());
    }
}
