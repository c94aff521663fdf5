//! Events, as the real recorder writes them: repeated ones are counted, and each lives for an hour.
//!
//! From `k8s.io/client-go/tools/record`: the same source, object, type, reason and message make one event with a
//! growing count.

use super::{Cluster, Wake};
use crate::apiserver::{ApiServer, DeleteOptions, Origin};
use crate::object::{Kind, Object, ObjectKey, ObjectName, Resource, SECOND, hash, meta::MetaExt};
use imbl::OrdMap;
use k8s_openapi::api::core::v1::{Event, EventSeries, EventSource, ObjectReference};
use std::sync::Arc;

/// How long an event lives, in seconds (`--event-ttl` of the API server).
pub const EVENT_TTL_SECONDS: u64 = 3600;

/// Something worth telling about an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// The object it is about.
    pub regarding: ObjectReference,
    /// `Normal` or `Warning`.
    pub type_: &'static str,
    /// `Scheduled`, `BackOff`, …
    pub reason: &'static str,
    /// The text.
    pub message: String,
    /// `kubelet`, `default-scheduler`, `deployment-controller`, …
    pub component: &'static str,
    /// The node, for a kubelet's events.
    pub host: Option<Arc<str>>,
    /// Written by the newer recorder of `events.k8s.io`, as the scheduler does: with `eventTime`, `action` and
    /// `reportingComponent`, and a series instead of a count. Holds the action.
    pub action: Option<&'static str>,
}

impl Note {
    /// A `Normal` note.
    pub fn normal(
        object: &Object,
        component: &'static str,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self::about(object, "Normal", component, reason, message.into())
    }

    /// A `Warning` note.
    pub fn warning(
        object: &Object,
        component: &'static str,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self::about(object, "Warning", component, reason, message.into())
    }

    fn about(
        object: &Object,
        type_: &'static str,
        component: &'static str,
        reason: &'static str,
        message: String,
    ) -> Self {
        Self { regarding: reference(object), type_, reason, message, component, host: None, action: None }
    }

    /// The same note from a component on `node`.
    #[must_use]
    pub fn on(mut self, node: &Arc<str>) -> Self {
        self.host = Some(node.clone());
        self
    }

    /// The same note about a part of the object, as `spec.containers{web}`.
    #[must_use]
    pub fn of_field(mut self, field_path: impl Into<String>) -> Self {
        self.regarding.field_path = Some(field_path.into());
        self
    }
}

/// The reference that an event has to its object.
pub fn reference(object: &Object) -> ObjectReference {
    let (info, meta) = (object.kind().info(), object.meta());
    ObjectReference {
        api_version: Some(info.api_version()),
        kind: Some(info.kind.to_owned()),
        name: meta.name.clone(),
        namespace: meta.namespace.clone(),
        uid: meta.uid.clone(),
        resource_version: meta.resource_version.clone(),
        ..Default::default()
    }
}

/// Remembers which event stands for which text, so that repetitions are counted.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    known: OrdMap<u64, ObjectName>,
    expiry_set: bool,
}

/// Records an event through the API server.
pub fn record(cluster: &mut Cluster, note: &Note, origin: &Origin) {
    if !cluster.recorder.expiry_set {
        cluster.recorder.expiry_set = true;
        let at = cluster.api.now.plus_seconds(EVENT_TTL_SECONDS);
        cluster.queue.push(at, Wake::ExpireEvents);
    }
    let Cluster { recorder, api, .. } = cluster;
    recorder.record(api, note, origin);
}

impl Recorder {
    fn record(&mut self, api: &mut ApiServer, note: &Note, origin: &Origin) {
        let fingerprint = fingerprint(note);
        let known = self.known.get(&fingerprint).and_then(|name| api.store.fetch::<Event>(name));
        let outcome = if let Some(event) = known {
            let mut event = Event::clone(event);
            if note.action.is_some() {
                if event.series.is_some() {
                    return; // the newer recorder writes a series when it begins, and hardly again
                }
                let last_observed_time = Some(api.now.to_api_micro());
                event.series = Some(EventSeries { count: Some(2), last_observed_time });
                api.update(event.into_object(), crate::apiserver::Part::Spec, origin, false).ok();
                return;
            }
            event.count = Some(event.count.unwrap_or(1) + 1);
            event.last_timestamp = Some(api.now.to_api());
            api.update(event.into_object(), crate::apiserver::Part::Spec, origin, false)
        } else {
            api.create(new_event(note, api).into_object(), origin, false)
        };
        // An event that cannot be written is lost, as with the real recorder: its namespace may be going.
        if let Ok(event) = outcome {
            self.known.insert(fingerprint, event.name());
        }
    }
}

fn fingerprint(note: &Note) -> u64 {
    let r = &note.regarding;
    if let Some(action) = note.action {
        // The newer recorder leaves the message out, but tells one revision of the object from another.
        let object = format!("{:?}|{:?}|{:?}|{:?}", r.kind, r.uid, r.name, r.resource_version);
        return hash::fnv64a(
            format!("{}|{action}|{}|{}|{object}", note.component, note.type_, note.reason).as_bytes(),
        );
    }
    let text = format!(
        "{}|{:?}|{:?}|{:?}|{:?}|{:?}|{}|{}|{}",
        note.component,
        note.host,
        r.kind,
        r.namespace,
        r.uid,
        r.field_path,
        note.type_,
        note.reason,
        note.message
    );
    hash::fnv64a(text.as_bytes())
}

fn new_event(note: &Note, api: &ApiServer) -> Event {
    let (now, regarding) = (api.now, note.regarding.clone());
    let namespace =
        regarding.namespace.clone().filter(|n| !n.is_empty()).unwrap_or_else(|| "default".to_owned());
    let name = format!("{}.{:x}", regarding.name.as_deref().unwrap_or(""), now.0 + api.store.revision());
    let mut event = Event { involved_object: regarding, ..Event::default() };
    event.metadata.name = Some(name);
    event.metadata.namespace = Some(namespace);
    event.type_ = Some(note.type_.to_owned());
    event.reason = Some(note.reason.to_owned());
    event.message = Some(note.message.clone());
    event.reporting_component = Some(note.component.to_owned());
    event.reporting_instance = Some(note.host.as_deref().unwrap_or("").to_owned());
    let host = note.host.as_deref().map(str::to_owned);
    if let Some(action) = note.action {
        event.action = Some(action.to_owned());
        event.event_time = Some(now.to_api_micro());
        event.reporting_instance = Some(format!("{}-control-plane", note.component));
        event.source = Some(EventSource::default());
    } else {
        event.source = Some(EventSource { component: Some(note.component.to_owned()), host });
        event.count = Some(1);
        event.first_timestamp = Some(now.to_api());
        event.last_timestamp = Some(now.to_api());
    }
    event
}

/// When an event was last seen.
pub fn last_seen(event: &Event) -> crate::object::SimTime {
    use crate::object::SimTime;
    let series = event.series.as_ref().and_then(|s| s.last_observed_time.as_ref());
    let micro = series.or(event.event_time.as_ref());
    let micro = micro.map(|t| SimTime(u64::try_from(t.0.as_nanosecond()).unwrap_or(0)));
    event.last_timestamp.as_ref().map(SimTime::from_api).or(micro).unwrap_or_else(|| event.created())
}

/// Removes the events whose hour is over, and waits for the next.
pub fn expire(cluster: &mut Cluster) {
    let now = cluster.api.now;
    let origin = super::origin("kube-apiserver", None);
    let seen: Vec<_> = cluster.api.store.all::<Event>().map(|e| (last_seen(e), e.object_name())).collect();
    let mut next = None;
    for (at, name) in seen {
        if now.since(at) >= EVENT_TTL_SECONDS * SECOND {
            let key = ObjectKey { kind: Kind::Event, name };
            cluster.api.delete(&key, &DeleteOptions::default(), &origin).ok();
        } else {
            let due = at.plus_seconds(EVENT_TTL_SECONDS);
            next = Some(next.map_or(due, |n: crate::object::SimTime| n.min(due)));
        }
    }
    let store = &cluster.api.store;
    let gone = |name: &ObjectName| store.fetch::<Event>(name).is_none();
    let lost: Vec<u64> = cluster.recorder.known.iter().filter(|(_, n)| gone(n)).map(|(f, _)| *f).collect();
    for fingerprint in lost {
        cluster.recorder.known.remove(&fingerprint);
    }
    cluster.recorder.expiry_set = next.is_some();
    if let Some(at) = next {
        cluster.queue.push(at, Wake::ExpireEvents);
    }
}
