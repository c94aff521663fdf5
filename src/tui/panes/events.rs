//! The events pane: what happened, the newest first.

use super::{Ages, age};
use crate::cluster::{Cluster, events};
use crate::object::{Event, Kind, ObjectKey, SimTime, meta::MetaExt};

/// How many events are listed.
pub const ROWS: usize = 300;

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// The event itself.
    pub key: ObjectKey,
    /// What it is about.
    pub about: Option<ObjectKey>,
    /// When it was last seen.
    pub at: SimTime,
    /// How long ago.
    pub age: String,
    /// Whether it is a warning.
    pub warning: bool,
    /// `Scheduled`, `BackOff`, …
    pub reason: String,
    /// `pod/web-…`.
    pub object: String,
    /// The text.
    pub message: String,
    /// How often it was seen.
    pub count: i32,
}

/// The events of a namespace (and of nodes, which have none), or of all; the newest first.
pub fn rows(cluster: &Cluster, namespace: Option<&str>, ages: Ages) -> Vec<EventRow> {
    let shown = |e: &&Event| namespace.is_none_or(|n| e.namespace_str() == n);
    let mut events: Vec<&Event> = cluster.api.store.all::<Event>().map(AsRef::as_ref).filter(shown).collect();
    let order = |e: &Event| (events::last_seen(e), revision(e));
    events.sort_by_key(|e| std::cmp::Reverse(order(e)));
    events.truncate(ROWS);
    events.into_iter().map(|e| row(e, cluster.now(), ages)).collect()
}

fn revision(event: &Event) -> u64 {
    event.metadata.resource_version.as_deref().and_then(|r| r.parse().ok()).unwrap_or(0)
}

fn row(event: &Event, now: SimTime, ages: Ages) -> EventRow {
    let about = &event.involved_object;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let kind = text(&about.kind);
    let known = Kind::ALL.iter().copied().find(|k| k.info().kind == kind);
    let at = events::last_seen(event);
    EventRow {
        key: ObjectKey::new(Kind::Event, event.namespace_str(), event.name_str()),
        about: known.map(|k| {
            let namespace = if k.info().namespaced { text(&about.namespace) } else { String::new() };
            ObjectKey::new(k, namespace, text(&about.name))
        }),
        at,
        age: age(now.since(at), ages),
        warning: event.type_.as_deref() == Some("Warning"),
        reason: event.reason.as_deref().unwrap_or("").to_owned(),
        object: format!("{}/{}", kind.to_lowercase(), text(&about.name)),
        message: text(&event.message).replace('\n', " "),
        count: event.count.or(event.series.as_ref().and_then(|s| s.count)).unwrap_or(1),
    }
}
