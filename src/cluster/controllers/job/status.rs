//! A Job's conditions and counts.

use super::Sync;
use crate::cluster::controllers::{Write, support};
use crate::object::{Resource, SimTime};
use k8s_openapi::api::batch::v1::{Job, JobCondition, JobStatus, UncountedTerminatedPods};

/// Whether a condition is true.
pub fn is_true(status: &JobStatus, type_: &str) -> bool {
    status.conditions.iter().flatten().any(|c| c.type_ == type_ && c.status == "True")
}

/// Whether the Job has completed or failed.
pub fn is_over(status: &JobStatus) -> bool {
    is_true(status, "Complete") || is_true(status, "Failed")
}

/// Since when it has.
pub fn over_since(status: &JobStatus) -> Option<SimTime> {
    let mut conditions = status.conditions.iter().flatten();
    let over = conditions.find(|c| (c.type_ == "Complete" || c.type_ == "Failed") && c.status == "True")?;
    over.last_transition_time.as_ref().map(SimTime::from_api)
}

/// Why the Job is going to have failed.
pub fn failure_target(status: &JobStatus) -> Option<String> {
    let mut conditions = status.conditions.iter().flatten();
    conditions.find(|c| c.type_ == "FailureTarget" && c.status == "True")?.reason.clone()
}

/// Adds a condition that is true, once.
pub fn add(status: &mut JobStatus, type_: &str, words: (&str, &str), now: SimTime) {
    if !is_true(status, type_) {
        set(status, type_, "True", words, now);
    }
}

/// Sets a condition.
pub fn set(status: &mut JobStatus, type_: &str, value: &str, (reason, message): (&str, &str), now: SimTime) {
    let conditions = status.conditions.get_or_insert_default();
    conditions.retain(|c| c.type_ != type_);
    conditions.push(JobCondition {
        type_: type_.to_owned(),
        status: value.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_probe_time: Some(now.to_api()),
        last_transition_time: Some(now.to_api()),
    });
}

impl Sync<'_> {
    pub(super) fn write_status(&mut self) {
        let over = is_over(&self.status);
        let ready = self.active.iter().filter(|p| support::is_ready(p)).count() as i32;
        let status = &mut self.status;
        status.active = support::count(if over { 0 } else { self.active.len() as i32 });
        status.ready = Some(ready);
        status.terminating = Some(self.terminating.len() as i32);
        status.uncounted_terminated_pods = Some(UncountedTerminatedPods::default());
        if self.job.status.as_ref() != Some(status) {
            let mut job = Job::clone(self.job);
            job.status = Some(status.clone());
            self.writes.push(Write::UpdateStatus(job.into_object()));
        }
    }
}
