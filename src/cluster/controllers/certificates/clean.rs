//! The cleaner: decided requests go after an hour, those that nobody decided after a day.

use super::super::{Controller, View, Write};
use super::{NAME, find, watch};
use crate::apiserver::DeleteOptions;
use crate::apiserver::certificates::{conditions, text};
use crate::cluster::bootstrap;
use crate::object::{DynamicObject, ObjectKey, SECOND, SimTime};

/// `certificate-controller` in the table: the part that removes.
pub const CONTROLLER: Controller = Controller { name: NAME, watch, reconcile };

/// How often it looks, and how long a decided request stays.
const HOUR: u64 = 3600 * SECOND;
/// How long one stays that nobody decides.
const UNDECIDED: u64 = 24 * HOUR;

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(o) = find(view, key) else { return Vec::new() };
    let Some(old) = old_at(&o) else { return Vec::new() };
    // It looks every hour since it was started.
    let began = view.config.start.0.saturating_sub(bootstrap::AGE);
    let rounds = old.0.saturating_sub(began).div_ceil(HOUR);
    let due = began + rounds * HOUR;
    if due > view.now.0 {
        return vec![Write::Again(due - view.now.0)];
    }
    vec![Write::Delete { key: key.clone(), options: DeleteOptions::default(), done: None }]
}

/// When a request is old enough. `None` for one that was approved and waits for its certificate.
fn old_at(o: &DynamicObject) -> Option<SimTime> {
    let list = conditions(o);
    let since = |kind: &str| {
        let found = list.iter().find(|c| c["type"] == kind)?;
        let time = found["lastUpdateTime"].as_str()?.parse::<jiff::Timestamp>().ok()?;
        u64::try_from(time.as_nanosecond()).ok()
    };
    let issued = !text(o, "status.certificate").is_empty();
    if list.is_empty() {
        let created = SimTime::from_api(o.metadata.creation_timestamp.as_ref()?);
        return Some(SimTime(created.0 + UNDECIDED));
    }
    let decided = since("Denied").or_else(|| since("Failed"));
    let decided = decided.or_else(|| since("Approved").filter(|_| issued));
    decided.map(|at| SimTime(at + HOUR))
}
