//! Watches: events as they happen, one JSON document a line.
//!
//! Always holds: events come in the order of revisions, none twice and none left out; a client that is too slow for
//! the history that is kept gets `410 Expired`, and begins anew.

use super::accept::Agreed;
use super::answer;
use super::body::Payload;
use super::door::Door;
use super::limits;
use crate::apiserver::{Accept, ApiError, Body, Events, Request, Response, User, WatchEvent};
use crate::client::Client;
use crate::object::Kind;
use hyper::body::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Whether a request asks for a watch.
pub fn is_watch(request: &Request) -> bool {
    request.method == crate::apiserver::Method::Get && request.flag("watch")
}

/// Begins a watch whose first batch was answered.
pub fn begin(door: Door, request: Request, user: User, first: Response, agreed: Agreed) -> answer::Answer {
    let (sender, payload) = Payload::pieces();
    let seconds =
        request.query_value("timeoutSeconds").and_then(|t| t.parse::<u64>().ok()).filter(|t| *t > 0);
    let time = seconds.map_or(limits::WATCH_TIME, Duration::from_secs);
    let mut watch = Watch { door, request, user, agreed, begun: false };
    tokio::task::spawn_local(async move {
        // When time is up the stream just ends, as a real server's does.
        tokio::time::timeout(time, watch.run(first, &sender)).await.ok();
    });
    answer::head(200, agreed.encoding.event_media_type(), payload)
}

/// A watch under way.
struct Watch {
    door: Door,
    request: Request,
    user: User,
    agreed: Agreed,
    begun: bool,
}

impl Watch {
    async fn run(&mut self, first: Response, sender: &mpsc::Sender<Bytes>) {
        let mut news = self.door.news();
        let client = self.door.client.for_user(self.user.clone());
        let mut batch = first;
        loop {
            news.borrow_and_update();
            if !batch.is_success() {
                let error = if let Body::Json(status) = batch.body { status } else { Value::Null };
                self.send(sender, &json!({"type": "ERROR", "object": error})).await;
                return;
            }
            let Body::Events(events) = batch.body else { return };
            let revision = events.revision;
            if !self.send_all(sender, &client, events).await {
                return;
            }
            // Only another revision can bring events: time alone does not.
            let mark = client.mark_of(revision);
            while client.revision() == revision && client.went_through(&mark) {
                tokio::select! {
                    () = sender.closed() => return,
                    heard = news.changed() => if heard.is_err() { return },
                }
            }
            if !client.went_through(&mark) {
                let error = ApiError::new(410, "Expired", "the cluster went back to an earlier state");
                batch = Response::error(&error);
                continue;
            }
            batch = client.request_now(&self.following(&revision.to_string()));
        }
    }

    /// The same watch from a later revision on.
    fn following(&self, version: &str) -> Request {
        let mut request = self.request.clone();
        let begun = ["resourceVersion", "resourceVersionMatch", "sendInitialEvents"];
        request.query.retain(|(key, _)| !begun.contains(&key.as_str()));
        request.param("resourceVersion", version)
    }

    /// Sends a batch; answers whether somebody still listens.
    async fn send_all(&mut self, sender: &mpsc::Sender<Bytes>, client: &Client, batch: Events) -> bool {
        for event in batch.events {
            let Some(bytes) = self.encoded(client, batch.kind, &event) else { return false };
            if sender.send(bytes).await.is_err() {
                return false;
            }
        }
        match batch.bookmark {
            Some(bookmark) => self.send(sender, &bookmark).await,
            None => true,
        }
    }

    async fn send(&self, sender: &mpsc::Sender<Bytes>, event: &Value) -> bool {
        let Some(bytes) = answer::encode_event(event, self.agreed.encoding) else { return false };
        sender.send(Bytes::from(bytes)).await.is_ok()
    }

    /// An event as it goes over the wire: written once for all who watch alike.
    fn encoded(&mut self, client: &Client, kind: Kind, event: &WatchEvent) -> Option<Bytes> {
        // A table's columns are told once.
        let first = !std::mem::replace(&mut self.begun, true);
        let columns = first && self.agreed.form == Accept::Table;
        let rows = self.request.query_value("includeObject").map(str::to_owned);
        let form = Form { kind, agreed: self.agreed, columns, rows };
        if let Some(bytes) = self.door.written.borrow().find(event, &form) {
            return Some(bytes);
        }
        let mut value = client.show_event(&self.request, kind, event);
        if self.agreed.form == Accept::Table && !columns {
            value["object"]["columnDefinitions"] = Value::Null;
        }
        if self.agreed.beta {
            answer::as_beta(&mut value);
        }
        let bytes = Bytes::from(answer::encode_event(&value, self.agreed.encoding)?);
        self.door.written.borrow_mut().keep(event, form, bytes.clone());
        Some(bytes)
    }
}

/// What tells apart how two watchers see the same event.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Form {
    kind: Kind,
    agreed: Agreed,
    columns: bool,
    rows: Option<String>,
}

/// The newest events as they went over the wire.
#[derive(Debug, Default)]
pub struct Written {
    by_revision: BTreeMap<u64, Vec<(WatchEvent, Form, Bytes)>>,
}

impl Written {
    fn find(&self, event: &WatchEvent, form: &Form) -> Option<Bytes> {
        let change = event.change.as_ref()?;
        // Another change may have had this revision, before the cluster went back to an earlier state.
        let same = |e: &WatchEvent| {
            e.verb == event.verb && e.change.as_ref().is_some_and(|known| Arc::ptr_eq(known, change))
        };
        let written = self.by_revision.get(&change.revision)?;
        written.iter().find(|(e, f, _)| same(e) && f == form).map(|(_, _, bytes)| bytes.clone())
    }

    fn keep(&mut self, event: &WatchEvent, form: Form, bytes: Bytes) {
        let Some(change) = &event.change else { return };
        let there = self.by_revision.entry(change.revision).or_default();
        there.retain(|(e, _, _)| e.change.as_ref().is_some_and(|known| Arc::ptr_eq(known, change)));
        there.push((event.clone(), form, bytes));
        while self.by_revision.len() > limits::WRITTEN_EVENTS {
            self.by_revision.pop_first();
        }
    }
}
