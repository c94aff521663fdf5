//! Events, as the real recorders write them: repeated ones are counted, similar ones combined, and each lives for an
//! hour.

mod correlator;

use correlator::Correlator;

use super::{Cluster, Wake};
use crate::apiserver::{ApiServer, DeleteOptions, Origin};
use crate::object::event::{Event, Source};
use crate::object::{
    Kind, Object, ObjectKey, ObjectName, Resource, SECOND, SimTime, hash::Fnv, meta::MetaExt,
};
use imbl::OrdMap;
use k8s_openapi::api::core::v1::{EventSeries, ObjectReference};
use std::sync::Arc;

/// How long an event lives, in seconds (`--event-ttl` of the API server).
pub const EVENT_TTL_SECONDS: u64 = 3600;

/// Events of about the same time go together: they share a lease for so long (the API server's lease manager).
const LEASE_SHARED: u64 = 60 * SECOND;

/// When an event goes that was last seen at a moment.
fn expiry(seen: SimTime) -> SimTime {
    SimTime((seen.plus_seconds(EVENT_TTL_SECONDS).0).next_multiple_of(LEASE_SHARED))
}

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
    correlator: Correlator,
    /// Those of the newer recorder.
    series: OrdMap<u64, ObjectName>,
    expiry_set: bool,
}

/// Records an event through the API server.
pub fn record(cluster: &mut Cluster, note: &Note, origin: &Origin) {
    if !cluster.recorder.expiry_set {
        cluster.recorder.expiry_set = true;
        let at = expiry(cluster.api.now);
        cluster.queue.push(at, Wake::ExpireEvents);
    }
    let Cluster { recorder, api, .. } = cluster;
    match note.action {
        Some(action) => recorder.in_series(api, note, action, origin),
        None => recorder.counted(api, note, origin),
    }
}

impl Recorder {
    /// The older recorder: repetitions are counted, similar ones combined.
    fn counted(&mut self, api: &mut ApiServer, note: &Note, origin: &Origin) {
        let now = api.now;
        let Some(observed) = self.correlator.observe(note, now) else { return };
        let seen = observed.seen;
        let known = seen.name.as_ref().and_then(|name| api.store.fetch::<Event>(name));
        let outcome = if let Some(event) = known {
            let mut event = Event::clone(event);
            event.count = Some(seen.count);
            event.last_timestamp = Some(now.to_api());
            if observed.combined.is_some() {
                event.message = observed.combined;
            }
            api.update(event.into_object(), crate::apiserver::Part::Spec, origin, false)
        } else {
            // One whose hour was over goes on counting.
            let mut event = new_event(note, observed.about, api);
            event.count = Some(seen.count);
            event.first_timestamp = Some(seen.first.to_api());
            if observed.combined.is_some() {
                event.message = observed.combined;
            }
            api.create(event.into_object(), origin, false)
        };
        // An event that cannot be written is lost, as with the real recorder: its namespace may be going.
        if let Ok(event) = outcome
            && let Some(name) = api.store.own_name(&event.key())
        {
            self.correlator.written(observed.key, name);
        }
    }

    /// The newer recorder: a series begins with the second one.
    fn in_series(&mut self, api: &mut ApiServer, note: &Note, action: &str, origin: &Origin) {
        let key = series_key(note, action);
        let Some(event) = self.series.get(&key).and_then(|name| api.store.fetch::<Event>(name)) else {
            let about = Arc::new(note.regarding.clone());
            if let Ok(event) = api.create(new_event(note, about, api).into_object(), origin, false)
                && let Some(name) = api.store.own_name(&event.key())
            {
                self.series.insert(key, name);
            }
            return;
        };
        // It is written when it begins, and hardly again.
        if event.series.is_none() {
            let mut event = Event::clone(event);
            let last_observed_time = Some(api.now.to_api_micro());
            event.series = Some(Box::new(EventSeries { count: Some(2), last_observed_time }));
            api.update(event.into_object(), crate::apiserver::Part::Spec, origin, false).ok();
        }
    }
}

/// The newer recorder leaves the message out, but tells one revision of the object from another.
fn series_key(note: &Note, action: &str) -> u64 {
    let r = &note.regarding;
    let key = Fnv::default().part(note.component).part(action).part(note.type_).part(note.reason);
    let object = [&r.kind, &r.uid, &r.name, &r.resource_version];
    object.into_iter().fold(key, |hash, part| hash.optional(part.as_deref())).0
}

fn new_event(note: &Note, about: Arc<ObjectReference>, api: &ApiServer) -> Event {
    let now = api.now;
    let namespace = about.namespace.clone().filter(|n| !n.is_empty()).unwrap_or_else(|| "default".to_owned());
    let name = format!("{}.{:x}", about.name.as_deref().unwrap_or(""), now.0 + api.store.revision());
    let mut event = Event { involved_object: about, ..Event::default() };
    event.metadata.name = Some(name);
    event.metadata.namespace = Some(namespace);
    event.type_ = Some(note.type_.into());
    event.reason = Some(note.reason.into());
    event.message = Some(note.message.clone());
    event.reporting_component = Some(note.component.into());
    event.reporting_instance = Some(note.host.clone().unwrap_or_default());
    if let Some(action) = note.action {
        event.action = Some(action.into());
        event.event_time = Some(now.to_api_micro());
        event.reporting_instance = Some(format!("{}-control-plane", note.component).into());
        event.source = Some(Source::default());
    } else {
        event.source = Some(Source { component: Some(note.component.into()), host: note.host.clone() });
        event.count = Some(1);
        event.first_timestamp = Some(now.to_api());
        event.last_timestamp = Some(now.to_api());
    }
    event
}

/// When an event was last seen.
pub fn last_seen(event: &Event) -> SimTime {
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
        let due = expiry(at);
        if due <= now {
            let key = ObjectKey { kind: Kind::Event, name };
            cluster.api.delete(&key, &DeleteOptions::default(), &origin).ok();
        } else {
            next = Some(next.map_or(due, |n: SimTime| n.min(due)));
        }
    }
    let Cluster { recorder, api, .. } = cluster;
    correlator::retain(&mut recorder.series, |name| api.store.fetch::<Event>(name).is_some());
    recorder.correlator.prune(now);
    cluster.recorder.expiry_set = next.is_some();
    if let Some(at) = next {
        cluster.queue.push(at, Wake::ExpireEvents);
    }
}
