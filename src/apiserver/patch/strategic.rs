//! Strategic merge patch: lists that are really maps are merged by their key.
//!
//! Always holds: what merges by which key is what the schema says ([`Merge`]); `kubectl apply` reads the same.

use crate::apiserver::ApiError;
use crate::apiserver::schema::{self, Field, Merge, Shape, Type};
use crate::object::Kind;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Merges a patch into an object of `kind`.
///
/// # Errors
/// 400 for a directive that makes no sense, or an item without its merge key.
pub fn merge(kind: Kind, old: &Value, patch: &Value) -> Result<Value, ApiError> {
    let empty = Map::new();
    let patch = patch.as_object().unwrap_or(&empty);
    let old = old.as_object().cloned().unwrap_or_default();
    merge_maps(old, patch, Some(schema::for_kind(kind))).map(Value::Object).map_err(ApiError::bad_request)
}

fn merge_maps(
    mut old: Map<String, Value>,
    patch: &Map<String, Value>,
    of: Option<&'static Type>,
) -> Result<Map<String, Value>, String> {
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            let without = patch.iter().filter(|(k, _)| *k != "$patch");
            return Ok(without.map(|(k, v)| (k.clone(), v.clone())).collect());
        }
        Some("delete") => return Ok(Map::new()),
        Some("merge") | None => {}
        Some(other) => return Err(format!("Unknown patch type found in patch: {other}")),
    }
    if let Some(Value::Array(keys)) = patch.get("$retainKeys") {
        old.retain(|key, _| keys.iter().any(|k| k == key));
    }
    for (key, change) in patch.iter().filter(|(k, _)| !k.starts_with("$patch") && *k != "$retainKeys") {
        if let Some(field) = key.strip_prefix("$deleteFromPrimitiveList/") {
            delete_from_set(&mut old, field, change);
        } else if key.starts_with("$setElementOrder/") {
            // Handled with the list itself, below.
        } else if change.is_null() {
            old.remove(key);
        } else {
            let order = patch.get(&format!("$setElementOrder/{key}"));
            let before = old.remove(key);
            old.insert(key.clone(), merge_field(before, change, of, key, order)?);
        }
    }
    for (key, order) in patch {
        if let Some(field) = key.strip_prefix("$setElementOrder/")
            && !patch.contains_key(field)
            && let Some(Value::Array(items)) = old.get_mut(field)
        {
            sort_by_order(items, order, of.and_then(|t| t.fields.get(field)).and_then(merge_key));
        }
    }
    Ok(old)
}

/// The field by which the items of a list are matched, if it is merged by one.
fn merge_key(field: &Field) -> Option<&str> {
    if let Merge::ByKey(key) = &field.merge { Some(key) } else { None }
}

fn merge_field(
    before: Option<Value>,
    change: &Value,
    of: Option<&'static Type>,
    key: &str,
    order: Option<&Value>,
) -> Result<Value, String> {
    let field = of.and_then(|t| t.fields.get(key));
    let inner = field.and_then(Field::of);
    let strategy = field.map_or(&Merge::Default, |f| &f.merge);
    match change {
        Value::Object(_) if *strategy == Merge::Replace => Ok(change.clone()),
        Value::Object(patch) => {
            let is_map = matches!(field.map(|f| &f.shape), Some(Shape::Map(_)));
            let before = match before {
                Some(Value::Object(map)) => map,
                _ => Map::new(),
            };
            merge_maps(before, patch, if is_map { None } else { inner }).map(Value::Object)
        }
        Value::Array(patch) => {
            let before = match before {
                Some(Value::Array(items)) => items,
                _ => Vec::new(),
            };
            let mut items = match strategy {
                Merge::Default | Merge::Replace => plain_list(patch),
                Merge::Set => merge_sets(before, patch),
                Merge::ByKey(by) => merge_lists(before, patch, by, inner)?,
            };
            if let Some(order) = order {
                sort_by_order(&mut items, order, field.and_then(merge_key));
            }
            Ok(Value::Array(items))
        }
        scalar => Ok(scalar.clone()),
    }
}

fn plain_list(patch: &[Value]) -> Vec<Value> {
    patch.iter().filter(|v| v.get("$patch").is_none()).cloned().collect()
}

/// The values as texts, by which they are found again: lists of a whole request's size are merged in good time.
fn texts(values: &[Value]) -> BTreeSet<String> {
    values.iter().map(Value::to_string).collect()
}

fn merge_sets(mut items: Vec<Value>, patch: &[Value]) -> Vec<Value> {
    let mut known = texts(&items);
    items.extend(patch.iter().filter(|value| known.insert(value.to_string())).cloned());
    items
}

fn merge_lists(
    mut items: Vec<Value>,
    patch: &[Value],
    by: &str,
    of: Option<&'static Type>,
) -> Result<Vec<Value>, String> {
    if patch.iter().any(|v| v.get("$patch").is_some_and(|p| p == "replace")) {
        return Ok(plain_list(patch));
    }
    let text = |item: &Value| item.get(by).map(Value::to_string);
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        places.entry(text(item).unwrap_or_default()).or_default().push(at);
    }
    let mut gone = BTreeSet::new();
    for change in patch {
        let Value::Object(change) = change else {
            return Err("cannot merge a list of objects with a plain value".to_owned());
        };
        let Some(key) = change.get(by) else {
            let shown = super::go_syntax(&json!(change));
            return Err(format!("map: {shown} does not contain declared merge key: {by}"));
        };
        let key = key.to_string();
        if change.get("$patch").is_some_and(|p| p == "delete") {
            gone.extend(places.remove(&key).into_iter().flatten());
            continue;
        }
        let place = places.get(&key).and_then(|at| at.first().copied());
        let before = match place.map(|at| items[at].take()) {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        };
        let merged = Value::Object(merge_maps(before, change, of)?);
        match place {
            Some(at) => items[at] = merged,
            None => {
                places.insert(key, vec![items.len()]);
                items.push(merged);
            }
        }
    }
    let kept = items.into_iter().enumerate().filter(|(at, _)| !gone.contains(at));
    Ok(kept.map(|(_, item)| item).collect())
}

fn delete_from_set(old: &mut Map<String, Value>, field: &str, gone: &Value) {
    if let (Some(Value::Array(items)), Value::Array(gone)) = (old.get_mut(field), gone) {
        let gone = texts(gone);
        items.retain(|i| !gone.contains(&i.to_string()));
    }
}

/// Items with the place where they stood.
type Placed = Vec<(usize, Value)>;

/// Puts the items that `order` names in its order; those that it does not name keep their place among the rest.
fn sort_by_order(items: &mut Vec<Value>, order: &Value, by: Option<&str>) {
    let Value::Array(order) = order else { return };
    let text = |item: &Value| match by {
        Some(by) => item.get(by).map(Value::to_string).unwrap_or_default(),
        None => item.to_string(),
    };
    let mut ranks = BTreeMap::new();
    for (at, item) in order.iter().enumerate() {
        ranks.entry(text(item)).or_insert(at);
    }
    let rank = |item: &Value| ranks.get(&text(item)).copied();
    let (mut named, rest): (Placed, Placed) =
        std::mem::take(items).into_iter().enumerate().partition(|(_, item)| rank(item).is_some());
    named.sort_by_cached_key(|(_, item)| rank(item));
    // An item that only the server has stays before the named item that it stood before.
    let mut rest = rest.into_iter().peekable();
    for (at, item) in named {
        while let Some((_, server_only)) = rest.next_if(|(place, _)| *place < at) {
            items.push(server_only);
        }
        items.push(item);
    }
    items.extend(rest.map(|(_, item)| item));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_by_key() {
        let old = json!({"spec": {"containers": [
            {"name": "a", "image": "x", "env": [{"name": "M", "value": "1"}]}, {"name": "b", "image": "y"}],
            "tolerations": [{"key": "k"}]}, "metadata": {"labels": {"l": "1"}, "finalizers": ["f"]}});
        for (patch, pointer, expected) in [
            (
                json!({"spec": {"containers": [{"name": "b", "image": "z"}]}}),
                "/spec/containers/1/image",
                json!("z"),
            ),
            (
                json!({"spec": {"containers": [{"name": "a", "env": [{"name": "N", "value": "2"}]}]}}),
                "/spec/containers/0/env",
                json!([{"name": "M", "value": "1"}, {"name": "N", "value": "2"}]),
            ),
            (
                json!({"spec": {"containers": [{"name": "a", "$patch": "delete"}]}}),
                "/spec/containers",
                json!([{"name": "b", "image": "y"}]),
            ),
            (
                json!({"spec": {"containers": [{"$patch": "replace"}, {"name": "c"}]}}),
                "/spec/containers",
                json!([{"name": "c"}]),
            ),
            (json!({"spec": {"tolerations": [{"key": "n"}]}}), "/spec/tolerations", json!([{"key": "n"}])),
            (json!({"metadata": {"labels": {"l": null, "m": "2"}}}), "/metadata/labels", json!({"m": "2"})),
            (json!({"metadata": {"finalizers": ["g"]}}), "/metadata/finalizers", json!(["f", "g"])),
            (
                json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["f"]}}),
                "/metadata/finalizers",
                json!([]),
            ),
            (
                json!({"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "b"}, {"name": "a"}],
                "containers": [{"name": "c"}]}}),
                "/spec/containers/0/name",
                json!("c"),
            ),
        ] {
            let merged = merge(Kind::Pod, &old, &patch).unwrap();
            assert_eq!(merged.pointer(pointer), Some(&expected), "{patch}");
        }
        let deployment =
            json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}});
        let patch = json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}});
        let merged = merge(Kind::Deployment, &deployment, &patch).unwrap();
        assert_eq!(merged["spec"]["strategy"], json!({"type": "Recreate"}));
    }
}
