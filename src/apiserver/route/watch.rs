//! watch: the events since a revision, as one batch. Who streams asks again from where the batch ended.
//!
//! Always holds: events come in the order of revisions, each once; an object that a change takes out of the
//! selection is `DELETED`, one that a change brings into it is `ADDED`.

use super::list_options::{From, ListOptions};
use super::{Filter, Target, respond};
use crate::apiserver::{Accept, ApiError, ApiServer, Change, Request, Response};
use crate::object::{Kind, Object};
use serde_json::{Value, json};

/// The annotation of the bookmark that ends the initial events.
const INITIAL_END: &str = "k8s.io/initial-events-end";

/// What a watcher is told.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchEvent {
    /// `ADDED`, `MODIFIED`, `DELETED`.
    pub verb: &'static str,
    /// The object as it is after the change, or as it last was.
    pub object: Object,
}

impl ApiServer {
    /// The events of a kind since a revision, as this filter sees them.
    ///
    /// # Errors
    /// 410 when the history no longer reaches back that far, or not yet that far: a cluster that was begun anew or went
    /// back to an earlier state has forgotten what the client knows, who must list again.
    pub fn events_since(&self, kind: Kind, filter: &Filter, since: u64) -> Result<Vec<WatchEvent>, ApiError> {
        let newest = self.store.revision();
        if since > newest {
            let message = format!("too large resource version: {since}, current: {newest}");
            return Err(ApiError::new(410, "Expired", message));
        }
        let changes = self.store.changes_since(since).ok_or_else(|| {
            let oldest = self.store.log().front().map_or(0, |c| c.revision);
            ApiError::new(410, "Expired", format!("too old resource version: {since} ({})", oldest - 1))
        })?;
        Ok(changes.filter(|c| c.key.kind == kind).filter_map(|c| seen_through(c, filter)).collect())
    }

    /// The finite batch of watch events since `resourceVersion`; without one, everything there is as `ADDED`.
    pub(super) fn watch(&self, request: &Request, target: &Target) -> Result<Response, ApiError> {
        let filter = Filter::of(request, target)?;
        let options = ListOptions::of(request, true)?;
        let event = |verb: &str, object: &Object| {
            let shown = match request.accept {
                Accept::Json => self.show_listed(target.asked, object),
                _ => respond(self, request, target.asked, object),
            };
            json!({"type": verb, "object": shown})
        };
        let mut events = Vec::new();
        let since = match options.from {
            From::NotOlderThan(since) | From::Exact(since) => Some(since),
            From::Any => None,
        };
        match since {
            Some(since) if !options.initial_events => {
                let found = self.events_since(target.kind, &filter, since)?;
                events.extend(found.iter().map(|e| event(e.verb, &e.object)));
            }
            _ if options.initial_events => {
                events.extend(self.select(target, &filter).iter().map(|o| event("ADDED", o)));
                if options.bookmarks && request.query_value("sendInitialEvents").is_some() {
                    events.push(self.bookmark(target, true));
                }
            }
            _ => {}
        }
        Ok(Response::ok(json!({
            "kind": "WatchBatch", "resourceVersion": self.store.revision().to_string(), "events": events,
        })))
    }

    /// An event that tells no more than how far the watch has come.
    fn bookmark(&self, target: &Target, ends_initial: bool) -> Value {
        let info = target.asked.info();
        let mut metadata =
            json!({"resourceVersion": self.store.revision().to_string(), "creationTimestamp": null});
        if ends_initial {
            metadata["annotations"] = json!({INITIAL_END: "true"});
        }
        let object = json!({"kind": info.kind, "apiVersion": info.api_version(), "metadata": metadata});
        json!({"type": "BOOKMARK", "object": object})
    }
}

/// What a watcher with this filter sees of a change.
fn seen_through(change: &Change, filter: &Filter) -> Option<WatchEvent> {
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
    Some(WatchEvent { verb, object })
}
