//! get, list and watch.

use super::{Filter, Target, respond};
use crate::apiserver::tables::Rows;
use crate::apiserver::{Accept, ApiError, ApiServer, Change, Request, Response, tables};
use crate::object::Object;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

impl ApiServer {
    /// One object.
    pub(super) fn get(&self, request: &Request, target: &Target) -> Result<Response, ApiError> {
        let object = self.find_target(target)?;
        Ok(Response::ok(respond(self, request, object)))
    }

    /// The stored object that a path names.
    pub(super) fn find_target(&self, target: &Target) -> Result<&Object, ApiError> {
        let key = target.key().ok_or_else(ApiError::no_such_path)?;
        self.store.get(&key).ok_or_else(|| ApiError::not_found(key.kind, &key.name.name))
    }

    /// The objects that a filter means, by namespace and name.
    pub(super) fn select(&self, target: &Target, filter: &Filter) -> Vec<Object> {
        let all: Box<dyn Iterator<Item = &Object>> = if target.namespace.is_empty() {
            Box::new(self.store.list(target.kind))
        } else {
            Box::new(self.store.list_in(target.kind, &target.namespace))
        };
        all.filter(|o| filter.matches(o)).cloned().collect()
    }

    /// A collection, with `limit` and `continue`.
    pub(super) fn list(&self, request: &Request, target: &Target) -> Result<Response, ApiError> {
        let filter = Filter::of(request, target)?;
        let mut objects = self.select(target, &filter);
        let mut metadata = json!({"resourceVersion": self.store.revision().to_string()});
        if let Some(token) = request.query_value("continue").filter(|t| !t.is_empty()) {
            let after = decode_token(token)?;
            objects.retain(|o| position(o) > after);
        }
        let limit = request.query_value("limit").and_then(|l| l.parse::<usize>().ok()).unwrap_or(0);
        if limit > 0 && objects.len() > limit {
            let remaining = objects.len() - limit;
            objects.truncate(limit);
            let last = objects.last().map(position).unwrap_or_default();
            metadata["continue"] = json!(STANDARD_NO_PAD.encode(last));
            metadata["remainingItemCount"] = json!(remaining);
        }
        Ok(Response::ok(self.collection(request, target, &objects, metadata)))
    }

    fn collection(&self, request: &Request, target: &Target, objects: &[Object], metadata: Value) -> Value {
        if request.accept == Accept::Table {
            let mut table = tables::table(target.kind, objects, Rows::of(request), self.now);
            table["metadata"] = metadata;
            return table;
        }
        if request.accept == Accept::Metadata {
            let items: Vec<Value> = objects.iter().map(tables::partial).collect();
            return json!({
                "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
                "items": items,
            });
        }
        let info = target.kind.info();
        let items: Vec<Value> = objects.iter().map(Object::to_value).collect();
        json!({
            "kind": format!("{}List", info.kind), "apiVersion": info.api_version(), "metadata": metadata,
            "items": items,
        })
    }

    /// The finite batch of watch events since `resourceVersion`; without one, everything there is as `ADDED`.
    pub(super) fn watch(&self, request: &Request, target: &Target) -> Result<Response, ApiError> {
        let filter = Filter::of(request, target)?;
        let since = request.query_value("resourceVersion").unwrap_or("");
        let mut events = Vec::new();
        if since.is_empty() || since == "0" {
            for object in self.select(target, &filter) {
                events.push(self.event(request, "ADDED", &object));
            }
        } else {
            let since: u64 = since.parse().map_err(|_| {
                ApiError::bad_request(format!(
                    "Invalid value: \"{since}\": strconv.ParseUint: parsing \"{since}\": invalid syntax"
                ))
            })?;
            let changes = self.store.changes_since(since).ok_or_else(|| {
                let oldest = self.store.log().front().map_or(0, |c| c.revision);
                ApiError::new(410, "Expired", format!("too old resource version: {since} ({oldest})"))
            })?;
            for change in changes.filter(|c| c.key.kind == target.kind) {
                if let Some((verb, object)) = seen_through(change, &filter) {
                    events.push(self.event(request, verb, &object));
                }
            }
        }
        Ok(Response::ok(json!({
            "kind": "WatchBatch", "resourceVersion": self.store.revision().to_string(), "events": events,
        })))
    }

    fn event(&self, request: &Request, verb: &str, object: &Object) -> Value {
        json!({"type": verb, "object": respond(self, request, object)})
    }
}

/// What a watcher with this filter sees of a change.
fn seen_through(change: &Change, filter: &Filter) -> Option<(&'static str, Object)> {
    let before = change.old.as_ref().filter(|o| filter.matches(o));
    let after = change.new.as_ref().filter(|o| filter.matches(o));
    match (before, after) {
        (None, Some(new)) => Some(("ADDED", new.clone())),
        (Some(_), Some(new)) => Some(("MODIFIED", new.clone())),
        (Some(old), None) => {
            let mut last = change.new.as_ref().unwrap_or(old).clone();
            last.meta_mut().resource_version = Some(change.revision.to_string());
            Some(("DELETED", last))
        }
        (None, None) => None,
    }
}

fn position(object: &Object) -> String {
    let name = object.name();
    format!("{}\u{0}{}", name.namespace, name.name)
}

fn decode_token(token: &str) -> Result<String, ApiError> {
    let bytes = STANDARD_NO_PAD.decode(token.trim_end_matches('=')).ok();
    bytes.and_then(|b| String::from_utf8(b).ok()).ok_or_else(|| {
        ApiError::bad_request("continue key is not valid: illegal base64 data at input byte 0")
    })
}
