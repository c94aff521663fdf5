//! get and list. A list in pages is one state of the cluster: later pages show what was there at the first.

use super::list_options::{Continue, From, ListOptions, position};
use super::{Filter, Target, respond};
use crate::apiserver::tables::Rows;
use crate::apiserver::{Accept, ApiError, ApiServer, Body, FieldError, Request, Response, tables};
use crate::object::{Object, meta::MetaExt};
use serde_json::{Value, json};

impl ApiServer {
    /// One object.
    pub(super) fn get(&self, request: &Request, target: &Target) -> Result<Response, ApiError> {
        let object = self.find_target(target)?;
        Ok(Response::ok(respond(self, request, target.asked, object)))
    }

    /// The stored object that a path names.
    pub(super) fn find_target(&self, target: &Target) -> Result<&Object, ApiError> {
        let key = target.key().ok_or_else(ApiError::no_such_path)?;
        self.store.get(&key).ok_or_else(|| ApiError::not_found(key.kind, key.name.name()))
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

    /// As [`ApiServer::select`], as it was at a revision. `None` when the history no longer reaches back.
    fn select_at(&self, target: &Target, filter: &Filter, revision: u64) -> Option<Vec<Object>> {
        let mut before = self.store.before(target.kind, revision)?;
        if before.is_empty() {
            return Some(self.select(target, filter));
        }
        let mut objects: Vec<Object> = self
            .select(target, &Filter::default())
            .into_iter()
            .filter(|o| !before.contains_key(&o.name()))
            .collect();
        objects.extend(std::mem::take(&mut before).into_values().flatten());
        objects.retain(|o| filter.matches(o));
        objects.sort_by_cached_key(Object::name);
        Some(objects)
    }

    /// A collection, with `limit` and `continue`.
    pub(super) fn list(&self, request: &Request, target: &Target) -> Result<Response, ApiError> {
        let filter = self.filter(request, target)?;
        let options = ListOptions::of(request, false)?;
        let newest = self.store.revision();
        let (from, after) = match options.following {
            Some(Continue { revision, after }) => (revision.map_or(From::Any, From::Exact), Some(after)),
            None => (options.from, None),
        };
        let (revision, mut objects) = match from {
            From::Any => (newest, self.select(target, &filter)),
            From::NotOlderThan(revision) | From::Exact(revision) if revision > newest => {
                return Err(too_large(revision, newest));
            }
            From::NotOlderThan(_) => (newest, self.select(target, &filter)),
            From::Exact(revision) => match self.select_at(target, &filter, revision) {
                Some(objects) => (revision, objects),
                None => return Err(too_old(after)),
            },
        };
        if let Some(after) = after {
            objects.retain(|o| place(o) > after);
        }
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if options.limit > 0 && objects.len() > options.limit {
            let remaining = objects.len() - options.limit;
            objects.truncate(options.limit);
            let after = objects.last().map(place).unwrap_or_default();
            metadata["continue"] = json!(Continue { revision: Some(revision), after }.encode());
            if filter.is_whole_collection() {
                metadata["remainingItemCount"] = json!(remaining);
            }
        }
        let body = request.encoded.then(|| self.encoded(request, target, &objects, &metadata)).flatten();
        let body = body.unwrap_or_else(|| Body::Json(self.collection(request, target, &objects, metadata)));
        Ok(Response { body, ..Response::ok(Value::Null) })
    }

    pub(super) fn collection(
        &self,
        request: &Request,
        target: &Target,
        objects: &[Object],
        metadata: Value,
    ) -> Value {
        if request.accept == Accept::Table {
            let mut table = self.table(target.asked, objects, Rows::of(request));
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
        let info = target.asked.info();
        let items: Vec<Value> = objects.iter().map(|o| self.show_listed(target.asked, o)).collect();
        json!({
            "kind": format!("{}List", info.kind), "apiVersion": info.api_version(), "metadata": metadata,
            "items": items,
        })
    }
}

fn place(object: &Object) -> String {
    position(object.namespace_str(), object.name_str())
}

/// 504 for a version that is yet to come.
fn too_large(revision: u64, newest: u64) -> ApiError {
    let cause = FieldError {
        field: String::new(),
        reason: "ResourceVersionTooLarge",
        message: "Too large resource version".to_owned(),
    };
    let message = format!("Timeout: Too large resource version: {revision}, current: {newest}");
    ApiError { causes: vec![cause], retry_after: Some(1), ..ApiError::new(504, "Timeout", message) }
}

/// 410 for a state that is no longer kept; for a later page with a token that goes on with what is there now.
fn too_old(after: Option<String>) -> ApiError {
    let Some(after) = after else {
        return ApiError::new(410, "Expired", "The resourceVersion for the provided list is too old.");
    };
    let message = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";
    let following = Some(Continue { revision: None, after }.encode());
    ApiError { following, ..ApiError::new(410, "Expired", message) }
}
