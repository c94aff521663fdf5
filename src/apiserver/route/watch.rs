//! watch: the events since a revision, as one batch. Who streams asks again from where the batch ended.
//!
//! Always holds: events come in the order of revisions, each once; an object that a change takes out of the
//! selection is `DELETED`, one that a change brings into it is `ADDED`. A batch that is streamed keeps its objects as they
//! are in the store until it is their turn: a client that is slow, or that begins with everything, takes little memory.

use super::list_options::{From, ListOptions};
use super::{Filter, Target, respond};
use crate::apiserver::{Accept, ApiError, ApiServer, Body, Change, Request, Response};
use crate::object::{Kind, Object};
use serde_json::{Value, json};
use std::sync::Arc;

/// The annotation of the bookmark that ends the initial events.
const INITIAL_END: &str = "k8s.io/initial-events-end";

/// How many changes a streamed batch covers at most.
const BATCH: usize = 1000;

/// What a watcher is told.
#[derive(Clone, Debug)]
pub struct WatchEvent {
    /// `ADDED`, `MODIFIED`, `DELETED`.
    pub verb: &'static str,
    /// The object as it is after the change, or as it last was.
    pub object: Object,
    /// The change; `None` for what was there when the watch began.
    pub change: Option<Arc<Change>>,
}

impl WatchEvent {
    /// An object that is there when a watch begins.
    fn initial(object: Object) -> Self {
        Self { verb: "ADDED", object, change: None }
    }
}

impl PartialEq for WatchEvent {
    fn eq(&self, other: &Self) -> bool {
        self.verb == other.verb && self.object == other.object
    }
}

/// A batch of a watch.
#[derive(Clone, Debug, PartialEq)]
pub struct Events {
    /// The kind of its objects, in the version that was asked for.
    pub kind: Kind,
    /// Up to which revision everything is told.
    pub revision: u64,
    /// The events.
    pub events: Vec<WatchEvent>,
    /// The bookmark that ends what was there at the beginning, for who wants one.
    pub bookmark: Option<Value>,
}

impl ApiServer {
    /// The events of a kind since a revision, as this filter sees them, out of at most so many changes; and up to which
    /// revision that is.
    ///
    /// # Errors
    /// 410 when the history no longer reaches back that far, or not yet that far: a cluster that was begun anew or went
    /// back to an earlier state has forgotten what the client knows, who must list again.
    fn events_since(
        &self,
        kind: Kind,
        filter: &Filter,
        since: u64,
        most: usize,
    ) -> Result<(Vec<WatchEvent>, u64), ApiError> {
        let newest = self.store.revision();
        if since > newest {
            let message = format!("too large resource version: {since}, current: {newest}");
            return Err(ApiError::new(410, "Expired", message));
        }
        let changes = self.store.changes_since(since).ok_or_else(|| {
            let oldest = self.store.log().front().map_or(0, |c| c.revision);
            ApiError::new(410, "Expired", format!("too old resource version: {since} ({})", oldest - 1))
        })?;
        let mut events = Vec::new();
        for change in changes.filter(|c| c.key.kind == kind) {
            if events.len() == most {
                return Ok((events, change.revision - 1));
            }
            events.extend(seen_through(change, filter));
        }
        Ok((events, newest))
    }

    /// The finite batch of watch events since `resourceVersion`; without one, everything there is as `ADDED`.
    pub(super) fn watch(&self, request: &Request, target: &Target) -> Result<Response, ApiError> {
        let filter = self.filter(request, target)?;
        let options = ListOptions::of(request, true)?;
        let most = if request.streamed { BATCH } else { usize::MAX };
        let newest = self.store.revision();
        let mut batch = Events { kind: target.asked, revision: newest, events: Vec::new(), bookmark: None };
        let since = match options.from {
            From::NotOlderThan(since) | From::Exact(since) => Some(since),
            From::Any => None,
        };
        match since {
            Some(since) if !options.initial_events => {
                (batch.events, batch.revision) = self.events_since(target.kind, &filter, since, most)?;
            }
            _ if options.initial_events => {
                batch.events = self.select(target, &filter).into_iter().map(WatchEvent::initial).collect();
                if options.bookmarks && request.query_value("sendInitialEvents").is_some() {
                    batch.bookmark = Some(self.bookmark(target, true));
                }
            }
            _ => {}
        }
        if request.streamed {
            return Ok(Response { body: Body::Events(batch), ..Response::ok(Value::Null) });
        }
        let shown = batch.events.iter().map(|event| self.show_event(request, target.asked, event));
        let events: Vec<Value> = shown.chain(batch.bookmark).collect();
        Ok(Response::ok(json!({
            "kind": "WatchBatch", "resourceVersion": batch.revision.to_string(), "events": events,
        })))
    }

    /// An event in the form that the request wants.
    pub fn show_event(&self, request: &Request, kind: Kind, event: &WatchEvent) -> Value {
        let shown = match request.accept {
            Accept::Json => self.show_listed(kind, &event.object),
            _ => respond(self, request, kind, &event.object),
        };
        json!({"type": event.verb, "object": shown})
    }

    /// An event that tells no more than how far the watch has come.
    fn bookmark(&self, target: &Target, ends_initial: bool) -> Value {
        let info = target.asked.info();
        let mut metadata = json!({"resourceVersion": self.store.revision().to_string()});
        if ends_initial {
            metadata["annotations"] = json!({INITIAL_END: "true"});
        }
        let object = json!({"kind": info.kind, "apiVersion": info.api_version(), "metadata": metadata});
        json!({"type": "BOOKMARK", "object": object})
    }
}

/// What a watcher with this filter sees of a change.
fn seen_through(change: &Arc<Change>, filter: &Filter) -> Option<WatchEvent> {
    let before = change.old.as_ref().filter(|o| filter.matches(o));
    let after = change.new.as_ref().filter(|o| filter.matches(o));
    let (verb, object) = match (before, after) {
        (None, Some(new)) => ("ADDED", new.clone()),
        (Some(_), Some(new)) => ("MODIFIED", new.clone()),
        (Some(old), None) => {
            let mut last = change.new.as_ref().unwrap_or(old).clone();
            last.meta_mut().resource_version = Some(change.revision.to_string());
            ("DELETED", last)
        }
        (None, None) => return None,
    };
    Some(WatchEvent { verb, object, change: Some(change.clone()) })
}
