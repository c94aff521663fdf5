//! A Job's conditions, and the fields of its status that say that it is over.

use crate::object::SimTime;
use k8s_openapi::api::batch::v1::{JobCondition, JobStatus};

/// The condition of a type, if it is true.
pub fn held<'a>(status: &'a JobStatus, type_: &str) -> Option<&'a JobCondition> {
    status.conditions.iter().flatten().find(|c| c.type_ == type_ && c.status == "True")
}

/// Whether the Job has completed or failed.
pub fn is_over(status: &JobStatus) -> bool {
    held(status, "Complete").is_some() || held(status, "Failed").is_some()
}

/// Since when it has.
pub fn over_since(status: &JobStatus) -> Option<SimTime> {
    let over = held(status, "Complete").or_else(|| held(status, "Failed"))?;
    over.last_transition_time.as_ref().map(SimTime::from_api)
}

/// A condition that is true.
pub fn condition(type_: &str, reason: &str, message: impl Into<String>, now: SimTime) -> JobCondition {
    JobCondition {
        type_: type_.to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.into()),
        last_probe_time: Some(now.to_api()),
        last_transition_time: Some(now.to_api()),
    }
}

/// Adds the condition or replaces one that differs. One that would only come to be false is not added. Whether anything
/// changed.
pub fn ensure(status: &mut JobStatus, wanted: JobCondition) -> bool {
    let conditions = status.conditions.get_or_insert_default();
    let same = |c: &JobCondition| {
        c.status == wanted.status && c.reason == wanted.reason && c.message == wanted.message
    };
    let changed = match conditions.iter_mut().find(|c| c.type_ == wanted.type_) {
        Some(there) if same(there) => false,
        Some(there) => {
            *there = wanted;
            true
        }
        None if wanted.status == "False" => false,
        None => {
            conditions.push(wanted);
            true
        }
    };
    if conditions.is_empty() {
        status.conditions = None;
    }
    changed
}
