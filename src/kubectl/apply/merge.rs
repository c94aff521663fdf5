//! The three-way strategic merge: from what was applied last, what is there, and what is wanted now, the patch that
//! `kubectl apply` sends.
//!
//! Always holds: what somebody else wrote and no manifest has named stays; what the last manifest named and this
//! one does not is deleted; the patch is empty when nothing is to change.

use serde_json::{Map, Value, json};

/// How a field is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Maps member by member; lists as a whole.
    Default,
    /// As a whole.
    Replace,
    /// A list whose elements are known by this field.
    MergeBy(&'static str),
    /// A list of plain values that is taken as a set.
    MergeValues,
}

/// What is known of the fields of a kind.
pub struct Schema<'a> {
    /// The strategy of a field, from its path without indices.
    pub strategy: &'a dyn Fn(&[&str]) -> Strategy,
    /// Whether members that the patch does not name shall go (`retainKeys`).
    pub retain_keys: &'a dyn Fn(&[&str]) -> bool,
}

/// Which differences a comparison gathers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gather {
    Deletions,
    Changes,
}

/// The patch from `current` to `modified`, which also deletes what only `original` has.
pub fn three_way(original: &Value, modified: &Value, current: &Value, schema: &Schema) -> Value {
    let none = Map::new();
    let map = |value| as_map(value, &none);
    let mut walk = Walk { schema, path: Vec::new() };
    let deletions = walk.maps(map(original), map(modified), Gather::Deletions, false);
    let changes = walk.maps(map(current), map(modified), Gather::Changes, false);
    Value::Object(walk.join(deletions, changes))
}

fn as_map<'a>(value: &'a Value, none: &'a Map<String, Value>) -> &'a Map<String, Value> {
    value.as_object().unwrap_or(none)
}

struct Walk<'a> {
    schema: &'a Schema<'a>,
    path: Vec<String>,
}

impl Walk<'_> {
    fn strategy(&self) -> Strategy {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        (self.schema.strategy)(&path)
    }

    fn retains_keys(&self) -> bool {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        (self.schema.retain_keys)(&path)
    }

    fn maps(
        &mut self,
        from: &Map<String, Value>,
        to: &Map<String, Value>,
        what: Gather,
        retain: bool,
    ) -> Map<String, Value> {
        let mut patch = Map::new();
        for (key, old) in from {
            match to.get(key) {
                None if what == Gather::Deletions => {
                    patch.insert(key.clone(), Value::Null);
                }
                None => {}
                Some(new) => {
                    self.path.push(key.clone());
                    self.field(key, old, new, what, &mut patch);
                    self.path.pop();
                }
            }
        }
        if what == Gather::Changes {
            for (key, new) in to.iter().filter(|(key, _)| !from.contains_key(*key)) {
                patch.insert(key.clone(), new.clone());
            }
            let more = from.keys().any(|key| !to.contains_key(key));
            if retain && (!patch.is_empty() || more) {
                let kept: Vec<&String> = to.iter().filter(|(_, v)| !v.is_null()).map(|(k, _)| k).collect();
                patch.insert("$retainKeys".to_owned(), json!(kept));
            }
        }
        patch
    }

    fn field(&mut self, key: &str, old: &Value, new: &Value, what: Gather, patch: &mut Map<String, Value>) {
        match (old, new, self.strategy()) {
            (Value::Object(old), Value::Object(new), strategy) if strategy != Strategy::Replace => {
                let retain = self.retains_keys();
                let inner = self.maps(old, new, what, retain);
                if !inner.is_empty() {
                    patch.insert(key.to_owned(), Value::Object(inner));
                }
            }
            // What is replaced as a whole is sent also when it is the same.
            (Value::Object(_), Value::Object(_), Strategy::Replace) if what == Gather::Changes => {
                patch.insert(key.to_owned(), new.clone());
            }
            (Value::Array(old), Value::Array(new), Strategy::MergeBy(by)) => {
                let (elements, order) = self.elements(old, new, by, what);
                if !elements.is_empty() {
                    if what == Gather::Changes {
                        patch.insert(format!("$setElementOrder/{key}"), Value::Array(order));
                    }
                    patch.insert(key.to_owned(), Value::Array(elements));
                }
            }
            (Value::Array(old), Value::Array(new), Strategy::MergeValues) => {
                let gone: Vec<&Value> = old.iter().filter(|v| !new.contains(v)).collect();
                let added: Vec<&Value> = new.iter().filter(|v| !old.contains(v)).collect();
                if what == Gather::Deletions && !gone.is_empty() {
                    patch.insert(format!("$deleteFromPrimitiveList/{key}"), json!(gone));
                }
                if what == Gather::Changes && !added.is_empty() {
                    patch.insert(format!("$setElementOrder/{key}"), json!(new));
                    patch.insert(key.to_owned(), json!(added));
                }
            }
            _ if what == Gather::Changes && !same(old, new) => {
                patch.insert(key.to_owned(), new.clone());
            }
            _ => {}
        }
    }

    /// The differing elements of two lists, and the order of the new one.
    fn elements(&mut self, old: &[Value], new: &[Value], by: &str, what: Gather) -> (Vec<Value>, Vec<Value>) {
        let none = Map::new();
        let mut differing = Vec::new();
        for element in new {
            let before = old.iter().find(|o| o[by] == element[by]);
            match before {
                Some(before) => {
                    let retain = self.retains_keys();
                    let mut inner = self.maps(as_map(before, &none), as_map(element, &none), what, retain);
                    if !inner.is_empty() {
                        inner.insert(by.to_owned(), element[by].clone());
                        differing.push(Value::Object(inner));
                    }
                }
                None if what == Gather::Changes => differing.push(element.clone()),
                None => {}
            }
        }
        if what == Gather::Deletions {
            for gone in old.iter().filter(|o| !new.iter().any(|n| n[by] == o[by])) {
                let mut marker = json!({"$patch": "delete"});
                marker[by] = gone[by].clone();
                differing.push(marker);
            }
        }
        (
            differing,
            new.iter()
                .map(|n| {
                    let mut key = json!({});
                    key[by] = n[by].clone();
                    key
                })
                .collect(),
        )
    }

    /// One patch of two: deletions and changes never touch the same value in contrary ways.
    fn join(&mut self, mut base: Map<String, Value>, more: Map<String, Value>) -> Map<String, Value> {
        for (key, value) in more {
            self.path.push(key.clone());
            let strategy = self.strategy();
            let joined = match (base.remove(&key), value, strategy) {
                (Some(Value::Object(a)), Value::Object(b), _) => Value::Object(self.join(a, b)),
                (Some(Value::Array(a)), Value::Array(b), Strategy::MergeBy(by)) => {
                    Value::Array(self.join_elements(a, b, by))
                }
                (_, value, _) => value,
            };
            base.insert(key, joined);
            self.path.pop();
        }
        base
    }

    fn join_elements(&mut self, mut base: Vec<Value>, more: Vec<Value>, by: &str) -> Vec<Value> {
        for element in more {
            let at = base.iter().position(|b| b[by] == element[by]);
            match (at, element) {
                (Some(at), Value::Object(element)) => {
                    if let Value::Object(before) = base[at].take() {
                        base[at] = Value::Object(self.join(before, element));
                    }
                }
                (_, element) => base.push(element),
            }
        }
        base
    }
}

/// Equal, numbers by their value.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::needless_pass_by_value)] // cases read better with values made in place
    fn patch(original: Value, modified: Value, current: Value) -> Value {
        let strategy = |path: &[&str]| match path.last() {
            Some(&"containers" | &"env") => Strategy::MergeBy("name"),
            Some(&"finalizers") => Strategy::MergeValues,
            _ => Strategy::Default,
        };
        let retain_keys = |path: &[&str]| path.last() == Some(&"strategy");
        three_way(&original, &modified, &current, &Schema { strategy: &strategy, retain_keys: &retain_keys })
    }

    #[test]
    fn merges_as_kubectl_does() {
        let cases = [
            ("nothing to do", json!({"a": 1}), json!({"a": 1}), json!({"a": 1, "b": 2}), json!({})),
            ("a change", json!({"a": 1}), json!({"a": 2}), json!({"a": 1, "b": 2}), json!({"a": 2})),
            (
                "a deletion",
                json!({"a": 1, "b": 2}),
                json!({"a": 1}),
                json!({"a": 1, "b": 2}),
                json!({"b": null}),
            ),
            ("what others wrote stays", json!({}), json!({}), json!({"replicas": 5}), json!({})),
            (
                "an element changes",
                json!({"containers": [{"name": "c", "image": "a"}]}),
                json!({"containers": [{"name": "c", "image": "b"}]}),
                json!({"containers": [{"name": "c", "image": "a", "policy": "Always"}]}),
                json!({"containers": [{"name": "c", "image": "b"}], "$setElementOrder/containers": [{"name": "c"}]}),
            ),
            (
                "an element goes, another comes",
                json!({"containers": [{"name": "c"}, {"name": "d"}]}),
                json!({"containers": [{"name": "c"}, {"name": "e"}]}),
                json!({"containers": [{"name": "c"}, {"name": "d"}, {"name": "injected"}]}),
                json!({"containers": [{"name": "d", "$patch": "delete"}, {"name": "e"}],
                       "$setElementOrder/containers": [{"name": "c"}, {"name": "e"}]}),
            ),
            (
                "a member of an element goes while another changes",
                json!({"containers": [{"name": "c", "a": 1, "b": 1}]}),
                json!({"containers": [{"name": "c", "b": 2}]}),
                json!({"containers": [{"name": "c", "a": 1, "b": 1}]}),
                json!({"containers": [{"name": "c", "a": null, "b": 2}], "$setElementOrder/containers": [{"name": "c"}]}),
            ),
            (
                "only some keys may stay",
                json!({}),
                json!({"strategy": {"type": "Recreate"}}),
                json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}),
                json!({"strategy": {"type": "Recreate", "$retainKeys": ["type"]}}),
            ),
            (
                "a plain list is replaced",
                json!({"args": ["a"]}),
                json!({"args": ["a", "b"]}),
                json!({"args": ["a"]}),
                json!({"args": ["a", "b"]}),
            ),
        ];
        for (name, original, modified, current, wanted) in cases {
            assert_eq!(patch(original, modified, current), wanted, "{name}");
        }
    }
}
