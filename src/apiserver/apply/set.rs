//! Sets of fields, as `fieldsV1` writes them.
//!
//! Always holds: a key is a step of a path as `fieldsV1` spells it: `f:spec`, `k:{"name":"web"}`, `v:"a"`; a set without
//! members has no branches.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A set of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldSet {
    /// Whether the place itself belongs to the set.
    pub member: bool,
    /// What is below it.
    pub children: BTreeMap<String, FieldSet>,
}

impl FieldSet {
    /// A place alone.
    pub fn leaf() -> Self {
        Self { member: true, children: BTreeMap::new() }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }

    fn below(&mut self, step: &str, set: Self) {
        if !set.is_empty() {
            self.children.insert(step.to_owned(), set);
        }
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut set = self.clone();
        set.member |= other.member;
        for (step, theirs) in &other.children {
            let both = set.children.get(step).map_or_else(|| theirs.clone(), |ours| ours.union(theirs));
            set.children.insert(step.clone(), both);
        }
        set
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut set = Self { member: self.member && other.member, children: BTreeMap::new() };
        for (step, ours) in &self.children {
            if let Some(theirs) = other.children.get(step) {
                set.below(step, ours.intersection(theirs));
            }
        }
        set
    }

    /// What is in this one alone.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut set = Self { member: self.member && !other.member, children: BTreeMap::new() };
        for (step, ours) in &self.children {
            match other.children.get(step) {
                Some(theirs) => set.below(step, ours.difference(theirs)),
                None => set.below(step, ours.clone()),
            }
        }
        set
    }

    /// What is left without the members of another set and everything below them.
    #[must_use]
    pub fn without_trees(&self, other: &Self) -> Self {
        if other.member {
            return Self::default();
        }
        let mut set = Self { member: self.member, children: BTreeMap::new() };
        for (step, ours) in &self.children {
            match other.children.get(step) {
                Some(theirs) => set.below(step, ours.without_trees(theirs)),
                None => set.below(step, ours.clone()),
            }
        }
        set
    }

    /// The branch of one field; empty when there is none.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        self.children.get(&format!("f:{name}")).cloned().unwrap_or_default()
    }

    /// As `fieldsV1`.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        if self.member && !self.children.is_empty() {
            map.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (step, set) in &self.children {
            map.insert(step.clone(), set.to_value());
        }
        Value::Object(map)
    }

    /// Reads `fieldsV1`.
    pub fn from_value(value: &Value) -> Self {
        fn read(value: &Value, depth: usize) -> FieldSet {
            let mut set = FieldSet::default();
            let Value::Object(map) = value else { return FieldSet::leaf() };
            if map.is_empty() || depth == 0 {
                return FieldSet::leaf();
            }
            for (step, inner) in map {
                if step == "." {
                    set.member = true;
                } else {
                    set.children.insert(step.clone(), read(inner, depth - 1));
                }
            }
            set
        }
        match value {
            Value::Object(map) if !map.is_empty() => read(value, 100),
            _ => Self::default(),
        }
    }

    /// The path of every member, as messages show it: `.spec.containers[name="web"].image`.
    pub fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect("", &mut found);
        found
    }

    fn collect(&self, path: &str, found: &mut Vec<String>) {
        if self.member {
            found.push(path.to_owned());
        }
        for (step, set) in &self.children {
            set.collect(&format!("{path}{}", shown(step)), found);
        }
    }
}

/// A step of a path as messages show it.
fn shown(step: &str) -> String {
    let (sort, rest) = step.split_once(':').unwrap_or(("f", step));
    match sort {
        "k" => {
            let keys: Map<String, Value> = serde_json::from_str(rest).unwrap_or_default();
            let mut text = String::new();
            for (key, value) in keys {
                let comma = if text.is_empty() { "" } else { "," };
                let _ = write!(text, "{comma}{key}={value}");
            }
            format!("[{text}]")
        }
        "v" => format!("[={rest}]"),
        "i" => format!("[{rest}]"),
        _ => format!(".{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn there_and_back() {
        let value = json!({"f:spec": {"f:replicas": {}, "f:containers": {".": {}, "k:{\"name\":\"web\"}": {".": {}, "f:image": {}}}}});
        let set = FieldSet::from_value(&value);
        assert_eq!(set.to_value(), value);
        assert_eq!(
            set.paths(),
            [
                ".spec.containers",
                ".spec.containers[name=\"web\"]",
                ".spec.containers[name=\"web\"].image",
                ".spec.replicas"
            ]
        );
        assert_eq!(set.difference(&set), FieldSet::default());
        assert_eq!(set.union(&set), set);
        assert_eq!(set.intersection(&set), set);
    }
}
