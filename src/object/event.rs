//! The event, kept compact: a cluster has several of them a pod. Those of one component about one object share their
//! reference to it, and what our own recorders always write is not copied.
//!
//! Always holds: `serde` reads and writes the very JSON of `v1.Event`.

use super::ObjectMeta;
use k8s_openapi::api::core::v1::{Event as ApiEvent, EventSeries, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::sync::Arc;

/// Text that is mostly one of a few constants.
pub type Word = Cow<'static, str>;

/// `v1.Event`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Event {
    /// `metadata`.
    pub metadata: ObjectMeta,
    /// `involvedObject`, shared with the other events about it.
    pub involved_object: Arc<ObjectReference>,
    /// `related`.
    pub related: Option<Box<ObjectReference>>,
    /// `type`.
    pub type_: Option<Word>,
    /// `reason`.
    pub reason: Option<Word>,
    /// `action`.
    pub action: Option<Word>,
    /// `message`.
    pub message: Option<String>,
    /// `source`.
    pub source: Option<Source>,
    /// `reportingComponent`.
    pub reporting_component: Option<Word>,
    /// `reportingInstance`.
    pub reporting_instance: Option<Arc<str>>,
    /// `count`.
    pub count: Option<i32>,
    /// `firstTimestamp`.
    pub first_timestamp: Option<Time>,
    /// `lastTimestamp`.
    pub last_timestamp: Option<Time>,
    /// `eventTime`.
    pub event_time: Option<MicroTime>,
    /// `series`.
    pub series: Option<Box<EventSeries>>,
}

/// `v1.EventSource`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Source {
    /// `component`.
    pub component: Option<Word>,
    /// `host`.
    pub host: Option<Arc<str>>,
}

impl Source {
    /// As the API shows it.
    pub fn to_api(&self) -> EventSource {
        EventSource { component: owned(self.component.as_deref()), host: owned(self.host.as_deref()) }
    }
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ApiEvent {
            metadata: self.metadata.clone(),
            involved_object: (*self.involved_object).clone(),
            related: self.related.as_deref().cloned(),
            type_: owned(self.type_.as_deref()),
            reason: owned(self.reason.as_deref()),
            action: owned(self.action.as_deref()),
            message: self.message.clone(),
            source: self.source.as_ref().map(Source::to_api),
            reporting_component: owned(self.reporting_component.as_deref()),
            reporting_instance: owned(self.reporting_instance.as_deref()),
            count: self.count,
            first_timestamp: self.first_timestamp.clone(),
            last_timestamp: self.last_timestamp.clone(),
            event_time: self.event_time.clone(),
            series: self.series.as_deref().cloned(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = ApiEvent::deserialize(deserializer)?;
        let source = |s: EventSource| Source { component: s.component.map(Cow::Owned), host: shared(s.host) };
        Ok(Self {
            metadata: event.metadata,
            involved_object: Arc::new(event.involved_object),
            related: event.related.map(Box::new),
            type_: event.type_.map(Cow::Owned),
            reason: event.reason.map(Cow::Owned),
            action: event.action.map(Cow::Owned),
            message: event.message,
            source: event.source.map(source),
            reporting_component: event.reporting_component.map(Cow::Owned),
            reporting_instance: shared(event.reporting_instance),
            count: event.count,
            first_timestamp: event.first_timestamp,
            last_timestamp: event.last_timestamp,
            event_time: event.event_time,
            series: event.series.map(Box::new),
        })
    }
}

fn shared(text: Option<String>) -> Option<Arc<str>> {
    text.map(Arc::from)
}
