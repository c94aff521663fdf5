//! Printing the server's tables (`k8s.io/cli-runtime/pkg/printers/tableprinter.go`).

use crate::kubectl::age;
use crate::kubectl::table::Columns;
use crate::object::SimTime;
use serde_json::{Value, json};

/// What is added to a table, and what is left out.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // Switches of the command line, each on its own.
pub(super) struct Decoration {
    /// A first column with the namespace.
    pub namespace: bool,
    /// `deployment.apps` before each name.
    pub kind: Option<String>,
    /// Labels with columns of their own.
    pub labels: Vec<String>,
    /// A last column with all labels.
    pub show_labels: bool,
    /// No line of headers.
    pub no_headers: bool,
    /// Columns of lower priority too.
    pub wide: bool,
    /// A first column with the event of a watch.
    pub event: bool,
}

/// Prints tables of one resource; headers are printed when they change.
#[derive(Clone, Debug, Default)]
pub(super) struct TablePrinter {
    decoration: Decoration,
    definitions: Value,
    columns: Columns,
    printed: bool,
}

impl TablePrinter {
    pub fn new(decoration: Decoration) -> Self {
        Self { decoration, ..Self::default() }
    }

    /// Whether anything was printed.
    pub fn has_printed(&self) -> bool {
        self.printed
    }

    /// Prints the rows of a table.
    pub fn print(&mut self, table: &Value) -> String {
        self.print_event(table, "")
    }

    /// Prints the rows of a watch event.
    pub fn print_event(&mut self, table: &Value, event: &str) -> String {
        let rows = table["rows"].as_array().map_or(&[][..], Vec::as_slice);
        if rows.is_empty() {
            return String::new();
        }
        let known = table["columnDefinitions"].as_array().is_none_or(Vec::is_empty);
        let same = known || table["columnDefinitions"] == self.definitions;
        if !same {
            self.definitions = table["columnDefinitions"].clone();
        }
        let definitions: Vec<Value> = self.definitions.as_array().cloned().unwrap_or_default();
        let shown: Vec<usize> = (0..definitions.len())
            .filter(|i| self.decoration.wide || definitions[*i]["priority"].as_i64().unwrap_or(0) == 0)
            .collect();
        let is_name = |c: &Value| c["format"] == "name" && c["type"] == "string";
        let name_at = definitions.iter().position(is_name);
        let mut lines = Vec::new();
        if !same && !self.decoration.no_headers {
            lines.push(self.headers(&definitions, &shown));
        }
        lines.extend(rows.iter().map(|row| self.row(row, &shown, name_at, event)));
        self.printed = true;
        self.columns.rows(&lines)
    }

    fn headers(&self, definitions: &[Value], shown: &[usize]) -> Vec<String> {
        let mut line = Vec::new();
        if self.decoration.event {
            line.push("EVENT".to_owned());
        }
        if self.decoration.namespace {
            line.push("NAMESPACE".to_owned());
        }
        let title = |i: &usize| definitions[*i]["name"].as_str().unwrap_or("").to_uppercase();
        line.extend(shown.iter().map(title));
        let last_part = |label: &String| label.rsplit('/').next().unwrap_or("").to_uppercase();
        line.extend(self.decoration.labels.iter().map(last_part));
        if self.decoration.show_labels {
            line.push("LABELS".to_owned());
        }
        line
    }

    fn row(&self, row: &Value, shown: &[usize], name_at: Option<usize>, event: &str) -> Vec<String> {
        let metadata = &row["object"]["metadata"];
        let mut line = Vec::new();
        if self.decoration.event {
            line.push(event.to_owned());
        }
        if self.decoration.namespace {
            line.push(metadata["namespace"].as_str().unwrap_or("").to_owned());
        }
        for &i in shown {
            let text = cell(&row["cells"][i]);
            match &self.decoration.kind {
                Some(kind) if name_at == Some(i) => line.push(format!("{kind}/{text}")),
                _ => line.push(text),
            }
        }
        let none = || "<none>".to_owned();
        for label in &self.decoration.labels {
            line.push(metadata["labels"][label].as_str().map_or_else(none, str::to_owned));
        }
        if self.decoration.show_labels {
            let labels = metadata["labels"].as_object().filter(|l| !l.is_empty());
            let pair = |(k, v): (&String, &Value)| format!("{k}={}", v.as_str().unwrap_or(""));
            line.push(labels.map_or_else(none, |l| l.iter().map(pair).collect::<Vec<_>>().join(",")));
        }
        line
    }
}

/// A cell's text: its first line.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => match text.find(['\n', '\r', '\u{c}']) {
            Some(at) => format!("{}...", &text[..at]),
            None => text.clone(),
        },
        other => super::super::jsonpath::show(other),
    }
}

/// The answer as a table. What is none (with `--server-print=false`, or from a server that makes none) gets the columns
/// NAME and AGE.
pub(super) fn as_table(answer: Value, now: SimTime) -> Value {
    let is_table = answer["kind"] == "Table";
    let rows = answer["rows"].as_array().map_or(&[][..], Vec::as_slice);
    if is_table && (rows.is_empty() || answer["columnDefinitions"].as_array().is_some_and(|c| !c.is_empty()))
    {
        return answer;
    }
    let objects: Vec<Value> = if is_table {
        rows.iter().map(|row| row["object"].clone()).collect()
    } else {
        answer["items"].as_array().cloned().unwrap_or_else(|| vec![answer.clone()])
    };
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let metadata = &object["metadata"];
            json!({"cells": [metadata["name"], age::since(&metadata["creationTimestamp"], now)], "object": object})
        })
        .collect();
    json!({
        "kind": "Table", "metadata": answer["metadata"], "rows": rows,
        "columnDefinitions": [{"name": "Name", "type": "string", "format": "name"}, {"name": "Age", "type": "string"}],
    })
}
