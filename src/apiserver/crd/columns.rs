//! Printer columns of defined kinds: simple `JSONPath`s into the object.

use super::Version;
use crate::apiserver::ApiServer;
use crate::apiserver::tables::{self, Rows};
use crate::object::{Kind, Object, SimTime, meta::MetaExt};
use serde_json::{Value, json};

impl ApiServer {
    /// The Table of some objects of any kind that is served.
    pub(in crate::apiserver) fn table(&self, kind: Kind, objects: &[Object], carries: Rows) -> Value {
        let version = match (kind, self.definitions.get(kind)) {
            (Kind::Dynamic(kind), Some(definition)) => definition.version(kind),
            _ => None,
        };
        match version {
            None => tables::table(kind, objects, carries, self.now),
            Some(version) => table(version, objects, carries, self.now),
        }
    }
}

fn table(version: &Version, objects: &[Object], carries: Rows, now: SimTime) -> Value {
    let column = |name: &str, type_: &str, format: &str, description: &str, priority: i32| json!({"name": name, "type": type_, "format": format, "description": description, "priority": priority});
    let mut columns = vec![column("Name", "string", "name", "Name must be unique within a namespace.", 0)];
    for c in &version.columns {
        let format = c.format.as_deref().unwrap_or("");
        let description = c.description.as_deref().unwrap_or("");
        columns.push(column(&c.name, &c.type_, format, description, c.priority.unwrap_or(0)));
    }
    if version.columns.is_empty() {
        columns.push(column("Age", "date", "", "When it was created.", 0));
    }
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let value = object.to_value_as(Kind::Dynamic(version.kind));
            let mut cells = vec![json!(object.name_str())];
            for c in &version.columns {
                cells.push(cell(&value, &c.json_path, &c.type_, now));
            }
            if version.columns.is_empty() {
                cells.push(cell(&value, ".metadata.creationTimestamp", "date", now));
            }
            tables::carry(object, &value, cells, carries)
        })
        .collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": columns, "rows": rows,
    })
}

fn cell(value: &Value, path: &str, type_: &str, now: SimTime) -> Value {
    let Some(found) = find(value, path).into_iter().next().filter(|v| !v.is_null()) else {
        return Value::Null;
    };
    match type_ {
        "date" => {
            let time = found.as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok());
            time.map_or(json!("<invalid>"), |t| {
                let then = SimTime(u64::try_from(t.as_nanosecond()).unwrap_or(0));
                json!(tables::human_duration(now.since(then)))
            })
        }
        "string" => json!(found.as_str().map_or_else(|| found.to_string(), str::to_owned)),
        "integer" => found.as_i64().map_or(Value::Null, |n| json!(n)),
        _ => found.clone(),
    }
}

/// What a simple path finds: fields, `['field']`, `[0]`, `[*]` and `[?(@.field=="value")]`.
pub fn find<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![value];
    let mut rest = path;
    while !rest.is_empty() {
        let (step, after) = next_step(rest);
        found = found.into_iter().flat_map(|v| apply(v, &step)).collect();
        if after.len() >= rest.len() {
            return Vec::new();
        }
        rest = after;
    }
    found
}

enum Step<'a> {
    Field(String),
    Index(i64),
    All,
    Where(&'a str, &'a str),
}

fn next_step(path: &str) -> (Step<'_>, &str) {
    if let Some(inner) = path.strip_prefix('[') {
        let end = if inner.starts_with('?') { inner.find(")]").map(|at| at + 1) } else { inner.find(']') };
        let end = end.unwrap_or(inner.len());
        let (inside, after) = (&inner[..end], inner.get(end + 1..).unwrap_or(""));
        let step = if inside == "*" {
            Step::All
        } else if let Ok(index) = inside.parse() {
            Step::Index(index)
        } else if let Some(term) = inside.strip_prefix("?(@.").and_then(|t| t.strip_suffix(')')) {
            let (field, wanted) = term.split_once("==").unwrap_or((term, ""));
            Step::Where(field.trim(), wanted.trim().trim_matches(|c| c == '"' || c == '\''))
        } else {
            Step::Field(inside.trim_matches(|c| c == '"' || c == '\'').to_owned())
        };
        return (step, after);
    }
    let text = path.strip_prefix('.').unwrap_or(path);
    // A dot that is part of a name is escaped.
    let mut name = String::new();
    let mut end = text.len();
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            '.' | '[' if !escaped => {
                end = at;
                break;
            }
            _ => name.push(c),
        }
        escaped = false;
    }
    (Step::Field(name), &text[end..])
}

fn apply<'a>(value: &'a Value, step: &Step) -> Vec<&'a Value> {
    let list = || value.as_array().map(Vec::as_slice).unwrap_or_default();
    match step {
        Step::Field(name) => value.get(name.as_str()).into_iter().collect(),
        Step::Index(index) => {
            let at = if *index < 0 { index + list().len() as i64 } else { *index };
            usize::try_from(at).ok().and_then(|at| list().get(at)).into_iter().collect()
        }
        Step::All => match value {
            Value::Object(map) => map.values().collect(),
            _ => list().iter().collect(),
        },
        Step::Where(field, wanted) => {
            let is = |item: &&Value| {
                let found = find(item, field);
                found.first().is_some_and(|v| match v {
                    Value::String(text) => text == wanted,
                    other => other.to_string().as_str() == *wanted,
                })
            };
            list().iter().filter(is).collect()
        }
    }
}
