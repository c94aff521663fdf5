//! How long a Job waits before it replaces a pod that failed: ten seconds, doubled with each failure in a row.

use super::indexes;
use crate::cluster::controllers::support;
use crate::object::{Pod, SECOND, SimTime, meta::MetaExt};
use std::sync::Arc;

/// The wait after the first failure (`DefaultJobPodFailureBackOff`).
const FIRST: u64 = 10 * SECOND;
/// The longest wait (`MaxJobPodFailureBackOff`).
const LONGEST: u64 = 600 * SECOND;

/// Failures since the last success, and when the last was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    /// How many.
    pub failures: i32,
    /// When the last pod failed.
    pub last: SimTime,
}

impl Backoff {
    /// With the pods that ended since.
    pub fn after(self, succeeded: &[Arc<Pod>], failed: &[Arc<Pod>]) -> Self {
        let newest = failed.iter().map(|p| finished_at(p)).max();
        let Some(success) = succeeded.iter().map(|p| finished_at(p)).max() else {
            return match newest {
                Some(last) => Self { failures: self.failures + failed.len() as i32, last },
                None => self,
            };
        };
        let later = failed.iter().filter(|p| finished_at(p) > success).count();
        Self { failures: later as i32, last: newest.filter(|_| later > 0).unwrap_or_default() }
    }

    /// The same for an index of its own, from the last pod of it that failed.
    pub fn of_index(last: &Pod) -> Self {
        Self { failures: indexes::all_failures_before(last) + 1, last: finished_at(last) }
    }

    /// Nanoseconds until a pod may be made.
    pub fn remaining(self, now: SimTime) -> u64 {
        if self.failures == 0 {
            return 0;
        }
        let doublings = u32::try_from(self.failures - 1).unwrap_or(0).min(20);
        let wait = FIRST.saturating_mul(1 << doublings).min(LONGEST);
        (self.last + wait).since(now)
    }
}

/// When the pod ended: its last container did, or it stopped being ready, or its deletion was asked for.
fn finished_at(pod: &Pod) -> SimTime {
    let statuses = pod.status.container_statuses.as_deref().unwrap_or_default();
    let ended: Option<Vec<SimTime>> = statuses
        .iter()
        .map(|c| c.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref().map(SimTime::from_api))
        .collect();
    if let Some(last) = ended.and_then(|all| all.into_iter().max()) {
        return last;
    }
    let unready = support::pod_condition(pod, "Ready").filter(|c| c.status == "False");
    if let Some(since) = unready.and_then(|c| c.last_transition_time.as_ref()) {
        return SimTime::from_api(since);
    }
    if let Some(deletion) = &pod.metadata.deletion_timestamp {
        let grace = support::seconds(pod.metadata.deletion_grace_period_seconds.unwrap_or(0));
        return SimTime(SimTime::from_api(deletion).0.saturating_sub(grace));
    }
    pod.created()
}
