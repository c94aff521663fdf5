//! The objects pane: the objects of one kind, in the columns that `kubectl get` has.

use super::Ages;
use crate::apiserver::{Accept, Request};
use crate::client::Client;
use crate::object::{Kind, ObjectKey};
use serde_json::Value;

/// How many objects are listed; of the rest only the number is shown.
pub const ROWS: usize = 500;

/// A table of objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectTable {
    /// Column headings.
    pub columns: Vec<String>,
    /// Cells, a row an object.
    pub rows: Vec<Vec<String>>,
    /// The rows' objects.
    pub keys: Vec<ObjectKey>,
    /// How many objects are not listed.
    pub more: u64,
    /// Whether any age in it counts in seconds.
    pub counts_seconds: bool,
}

/// The path of a kind's collection.
fn path(kind: Kind, namespace: Option<&str>) -> String {
    let info = kind.info();
    let group = if info.group.is_empty() {
        format!("/api/{}", info.version)
    } else {
        format!("/apis/{}/{}", info.group, info.version)
    };
    match namespace.filter(|_| info.namespaced) {
        Some(namespace) => format!("{group}/namespaces/{namespace}/{}", info.plural),
        None => format!("{group}/{}", info.plural),
    }
}

/// Asks the API for the table of a kind.
pub fn table(client: &Client, kind: Kind, namespace: Option<&str>, ages: Ages) -> ObjectTable {
    let request = Request { accept: Accept::Table, ..Request::get(path(kind, namespace)) };
    let response = client.request_now(&request.param("limit", ROWS.to_string()));
    read(response.value(), kind, namespace, ages)
}

fn read(table: &Value, kind: Kind, namespace: Option<&str>, ages: Ages) -> ObjectTable {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let shown: Vec<(usize, String)> = list(table, "columnDefinitions")
        .iter()
        .enumerate()
        .filter(|(_, c)| c["priority"].as_i64().unwrap_or(0) == 0)
        .map(|(i, c)| (i, c["name"].as_str().unwrap_or("").to_uppercase()))
        .collect();
    let with_namespace = namespace.is_none() && kind.info().namespaced;
    let mut answer = ObjectTable {
        more: table["metadata"]["remainingItemCount"].as_u64().unwrap_or(0),
        ..Default::default()
    };
    answer.columns = if shown.is_empty() {
        vec!["NAME".to_owned()]
    } else {
        shown.iter().map(|(_, n)| n.clone()).collect()
    };
    if with_namespace {
        answer.columns.insert(0, "NAMESPACE".to_owned());
    }
    for row in list(table, "rows") {
        let meta = &row["object"]["metadata"];
        let (namespace, name) =
            (meta["namespace"].as_str().unwrap_or(""), meta["name"].as_str().unwrap_or(""));
        let cells = list(&row, "cells");
        let mut texts: Vec<String> = shown
            .iter()
            .map(|(i, column)| {
                let text = cells.get(*i).map(cell).unwrap_or_default();
                let counts = is_age(column);
                answer.counts_seconds |= counts && text.ends_with('s');
                if counts && ages == Ages::Coarse { coarse(&text) } else { text }
            })
            .collect();
        if texts.is_empty() {
            texts.push(name.to_owned());
        }
        if with_namespace {
            texts.insert(0, namespace.to_owned());
        }
        answer.rows.push(texts);
        answer.keys.push(ObjectKey::new(kind, namespace, name));
    }
    answer
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "<none>".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether a column holds ages.
fn is_age(column: &str) -> bool {
    matches!(column, "AGE" | "LAST SEEN" | "LAST SCHEDULE" | "DURATION")
}

/// An age without its seconds: `3m20s` becomes `3m`, `12s` becomes `<1m`.
fn coarse(age: &str) -> String {
    let Some(digits) = age.strip_suffix('s') else { return age.to_owned() };
    match (digits.split_once('m'), digits.parse::<u64>()) {
        (Some((minutes, _)), _) => format!("{minutes}m"),
        (None, Ok(seconds)) if seconds < 60 => "<1m".to_owned(),
        (None, Ok(seconds)) => format!("{}m", seconds / 60),
        _ => age.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_is_read_as_kubectl_reads_it() {
        let table = json!({
            "columnDefinitions": [{"name": "Name"}, {"name": "Ready"}, {"name": "Age"}, {"name": "IP", "priority": 1}],
            "rows": [{"cells": ["web", "1/1", "3m20s", "10.0.0.1"], "object": {"metadata": {"name": "web", "namespace": "a"}}}],
            "metadata": {"remainingItemCount": 4},
        });
        let one = read(&table, Kind::Pod, Some("a"), Ages::Exact);
        assert_eq!(one.columns, ["NAME", "READY", "AGE"]);
        assert_eq!(one.rows, [["web", "1/1", "3m20s"]]);
        assert!(one.counts_seconds && one.more == 4);
        let all = read(&table, Kind::Pod, None, Ages::Coarse);
        assert_eq!(all.columns, ["NAMESPACE", "NAME", "READY", "AGE"]);
        assert_eq!(all.rows, [["a", "web", "1/1", "3m"]]);
        assert_eq!(path(Kind::Deployment, Some("a")), "/apis/apps/v1/namespaces/a/deployments");
        assert_eq!(path(Kind::Node, Some("a")), "/api/v1/nodes");
    }
}
