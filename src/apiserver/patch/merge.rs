//! Merge patch (RFC 7386).

use serde_json::{Map, Value};

/// What is there replaces, `null` removes, objects are merged, lists are replaced whole.
pub fn apply(old: &Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else { return patch.clone() };
    let mut merged = old.as_object().cloned().unwrap_or_else(Map::new);
    for (key, change) in changes {
        if change.is_null() {
            merged.remove(key);
        } else {
            let before = merged.get(key).unwrap_or(&Value::Null);
            let after = apply(before, change);
            merged.insert(key.clone(), after);
        }
    }
    Value::Object(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn merges() {
        let old = json!({"a": 1, "b": {"c": [1, 2], "d": 3}});
        let patch = json!({"a": null, "b": {"c": [9], "e": {"f": null, "g": 1}}});
        assert_eq!(apply(&old, &patch), json!({"b": {"c": [9], "d": 3, "e": {"g": 1}}}));
    }
}
