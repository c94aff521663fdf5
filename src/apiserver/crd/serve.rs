//! Requests for defined kinds: decoding with pruning and defaults, checks against the schema, scale.

use super::{Version, check, rules, structural};
use crate::apiserver::decode::{self, Checked, Decoded};
use crate::apiserver::strict::{self, Reading};
use crate::apiserver::{ApiError, ApiServer, FieldError};
use crate::object::{DynamicKind, Kind, Object};
use serde_json::{Map, Value, json};

impl ApiServer {
    /// Decodes a body as an object of any kind that is served.
    ///
    /// # Errors
    /// 400 for what does not fit, 405 for a kind whose definition is to go.
    pub(in crate::apiserver) fn decode(
        &self,
        kind: Kind,
        body: Value,
        reading: Reading,
    ) -> Result<Decoded, ApiError> {
        let Some(read) = self.read_defined(kind) else { return decode::object(kind, body, reading) };
        decode::check_body(kind, &body)?;
        check_type(kind, &body)?;
        read(body, (reading, None), &|why| decode::refused(kind, &why))
    }

    /// Decodes what a patch made, of any kind that is served.
    ///
    /// # Errors
    /// 422 about the patch.
    pub(in crate::apiserver) fn decode_patched(
        &self,
        kind: Kind,
        value: Value,
        shown: &dyn Fn() -> String,
        (reading, found): (Reading, Vec<String>),
    ) -> Result<Decoded, ApiError> {
        match self.read_defined(kind) {
            None => decode::patched(kind, value, shown, (reading, found)),
            Some(read) => read(value, (reading, Some(found)), &|why| decode::invalid_patch(shown(), why)),
        }
    }

    /// How bodies of a defined kind are read, and what patches made of its objects: of a patch, what was found in it
    /// comes along. `None` for built-in kinds.
    #[allow(clippy::type_complexity)]
    fn read_defined(
        &self,
        kind: Kind,
    ) -> Option<
        impl Fn(Value, (Reading, Option<Vec<String>>), &dyn Fn(String) -> ApiError) -> Result<Decoded, ApiError>,
    > {
        let definition = self.definitions.get(kind)?.clone();
        let Kind::Dynamic(asked) = kind else { return None };
        Some(
            move |body: Value,
                  (reading, patch): (Reading, Option<Vec<String>>),
                  invalid: &dyn Fn(String) -> ApiError| {
                let storage = Kind::Dynamic(definition.storage);
                let version = definition.version(asked).ok_or_else(ApiError::no_such_path)?;
                let (value, unknown) = clean(kind, body, version).map_err(invalid)?;
                let found = match patch {
                    Some(found) => [found, reading.made().defined(&unknown)].concat(),
                    None => reading.defined(&unknown),
                };
                let mut warnings = reading.settle(&found, invalid)?;
                let object = Object::from_value(storage, value).map_err(|e| invalid(e.to_string()))?;
                warnings.extend(version.warning.clone());
                Ok(Decoded { object, warnings })
            },
        )
    }

    /// What is wrong with an object of a defined kind, by the schema of the version that was `asked` for. What was
    /// wrong before and was not changed is let be.
    pub(in crate::apiserver) fn check_defined(
        &self,
        object: &Object,
        old: Option<&Object>,
        asked: Option<DynamicKind>,
    ) -> Vec<FieldError> {
        if let Object::CustomResourceDefinition(new) = object {
            let old = match old {
                Some(Object::CustomResourceDefinition(old)) => Some(&**old),
                _ => None,
            };
            return super::validate(new, old);
        }
        let (Object::Dynamic(inner), Some(definition)) = (object, self.definitions.get(object.kind())) else {
            return Vec::new();
        };
        let Some(version) = definition.version(asked.unwrap_or(inner.kind)) else { return Vec::new() };
        let value = object.to_value();
        let before = old.map(Object::to_value);
        let mut errors = check::check(&value, &version.schema, "");
        if let Some(before) = &before
            && !errors.is_empty()
        {
            let earlier = check::check(before, &version.schema, "");
            let place = |error: &FieldError| error.field.replace('.', "/");
            errors.retain(|error| {
                let pointer = format!("/{}", place(error));
                !earlier.contains(error) || value.pointer(&pointer) != before.pointer(&pointer)
            });
        }
        if errors.is_empty() {
            errors = rules::check(&value, before.as_ref(), &version.schema, "");
        }
        errors
    }

    /// The `Scale` of an object whose definition says where its replicas are.
    pub(in crate::apiserver) fn defined_scale(&self, object: &Object) -> Option<Value> {
        let Object::Dynamic(inner) = object else { return None };
        let scale = self.definitions.get(object.kind())?.version(inner.kind)?.scale.clone()?;
        let meta = object.meta();
        let selector = scale.label_selector_path.as_deref().and_then(|p| inner.at(p.trim_start_matches('.')));
        let mut status = json!({"replicas": inner.number_at(scale.status_replicas_path.trim_start_matches('.')).unwrap_or(0)});
        if let Some(selector) = selector {
            status["selector"] = selector.clone();
        }
        let mut shown = json!({
            "kind": "Scale", "apiVersion": "autoscaling/v1",
            "metadata": {
                "name": meta.name, "uid": meta.uid,
                "resourceVersion": meta.resource_version, "creationTimestamp": meta.creation_timestamp,
            },
            "spec": {"replicas": inner.number_at(scale.spec_replicas_path.trim_start_matches('.')).unwrap_or(0)},
            "status": status,
        });
        if let Some(namespace) = &meta.namespace {
            shown["metadata"]["namespace"] = json!(namespace);
        }
        Some(shown)
    }

    /// Sets the replicas of an object whose definition says where they are.
    pub(in crate::apiserver) fn set_defined_scale(&self, object: &mut Object, replicas: i32) {
        let path = match (&*object, self.definitions.get(object.kind())) {
            (Object::Dynamic(inner), Some(definition)) => {
                let scale = definition.version(inner.kind).and_then(|v| v.scale.clone());
                scale.map(|s| s.spec_replicas_path)
            }
            _ => None,
        };
        let (Some(path), Object::Dynamic(inner)) = (path, object) else { return };
        let inner = std::sync::Arc::make_mut(inner);
        let mut parts: Vec<&str> = path.trim_start_matches('.').split('.').collect();
        let Some(last) = parts.pop() else { return };
        let mut at = &mut inner.content;
        for part in parts {
            let next = at.entry(part).or_insert_with(|| json!({}));
            let Value::Object(map) = next else { return };
            at = map;
        }
        at.insert(last.to_owned(), json!(replicas));
    }
}

/// Refuses a body without a kind, or of another one, as what has no Go type is refused.
fn check_type(kind: Kind, body: &Value) -> Result<(), ApiError> {
    let info = kind.info();
    let given = body["kind"].as_str().unwrap_or("");
    if given.is_empty() {
        let shown = body.to_string();
        let why = format!("Object 'Kind' is missing in '{shown}'");
        return Err(decode::unrecognized(kind, &why, &strict::summary(shown.as_bytes())));
    }
    let (expected, version) = (info.api_version(), body["apiVersion"].as_str());
    if let Some(version) = version.filter(|v| *v != expected) {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({expected})"
        )));
    }
    if given != info.kind {
        let cause = FieldError::invalid("kind", &json!(given), format!("must be {}", info.kind));
        let name = body["metadata"]["name"].as_str().unwrap_or("");
        return Err(ApiError::invalid_of((info.group, given), name, vec![cause]));
    }
    Ok(())
}

/// Checks the metadata of a body, prunes the rest by the schema, and puts in its defaults.
fn clean(kind: Kind, body: Value, version: &Version) -> Result<(Value, Vec<String>), String> {
    let Value::Object(mut body) = body else { return Err("json: not an object".to_owned()) };
    let mut head = Map::new();
    if let Some(metadata) = body.remove("metadata") {
        head.insert("metadata".to_owned(), metadata);
    }
    let Checked { value, unknown, error } = decode::check(kind, Value::Object(head));
    if let Some(why) = error {
        return Err(why);
    }
    let mut unknown = unknown;
    let mut rest = Value::Object(body);
    let mut pruned = Vec::new();
    structural::prune(&mut rest, &version.schema, "", &mut pruned);
    unknown.append(&mut pruned);
    structural::default(&mut rest, &version.schema);
    if let (Value::Object(rest), Value::Object(head)) = (&mut rest, value) {
        rest.extend(head);
    }
    Ok((rest, unknown))
}
