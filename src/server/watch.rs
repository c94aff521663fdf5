//! Watches: events as they happen, one JSON document a line.
//!
//! Always holds: events come in the order of revisions, none twice and none left out; a client that is too slow for
//! the history that is kept gets `410 Expired`, and begins anew.

use super::accept::Agreed;
use super::answer;
use super::body::Payload;
use super::door::Door;
use super::limits;
use crate::apiserver::{ApiError, Body, Request, Response, User};
use hyper::body::Bytes;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc;

/// Whether a request asks for a watch.
pub fn is_watch(request: &Request) -> bool {
    request.method == crate::apiserver::Method::Get
        && matches!(request.query_value("watch"), Some("true" | "1" | ""))
}

/// Begins a watch whose first batch was answered.
pub fn begin(door: Door, request: Request, user: User, first: Response, agreed: Agreed) -> answer::Answer {
    let (sender, payload) = Payload::pieces();
    let seconds =
        request.query_value("timeoutSeconds").and_then(|t| t.parse::<u64>().ok()).filter(|t| *t > 0);
    let time = seconds.map_or(limits::WATCH_TIME, Duration::from_secs);
    let mut watch = Watch { door, request, user, agreed, headers_sent: false };
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
    headers_sent: bool,
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
                self.send(sender, vec![json!({"type": "ERROR", "object": error})]).await;
                return;
            }
            let Body::Json(mut value) = batch.body else { return };
            let version = value["resourceVersion"].as_str().unwrap_or("").to_owned();
            // What has changed since the batch was made, before this task came to run, counts as well.
            let Ok(revision) = version.parse::<u64>() else { return };
            if let Value::Array(events) = value["events"].take()
                && !self.send(sender, events).await
            {
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
            batch = client.request_now(&self.following(&version));
        }
    }

    /// The same watch from a later revision on.
    fn following(&self, version: &str) -> Request {
        let mut request = self.request.clone();
        let begun = ["resourceVersion", "resourceVersionMatch", "sendInitialEvents"];
        request.query.retain(|(key, _)| !begun.contains(&key.as_str()));
        request.param("resourceVersion", version)
    }

    /// Sends events; answers whether somebody still listens.
    async fn send(&mut self, sender: &mpsc::Sender<Bytes>, events: Vec<Value>) -> bool {
        for mut event in events {
            if event["object"]["kind"] == "Table" {
                // The columns are told once.
                if std::mem::replace(&mut self.headers_sent, true) {
                    event["object"]["columnDefinitions"] = Value::Null;
                }
            }
            let Some(bytes) = answer::encode_event(&event, self.agreed.encoding) else { return false };
            if sender.send(Bytes::from(bytes)).await.is_err() {
                return false;
            }
        }
        true
    }
}
