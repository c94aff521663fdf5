//! Describes an object of a kind that has no describer: every field under a title made from its name.

use super::Desk;
use super::writer::{Page, text};
use crate::kubectl::errors::Outcome;
use serde_json::{Map, Value};

pub(super) async fn describe(desk: &Desk, object: &Value) -> Outcome<String> {
    let mut page = desk.page();
    page.name(object);
    page.metadata(object);
    if let Some(content) = object.as_object() {
        fields(&mut page, 0, content, "");
    }
    page.events(desk.events(object).await.as_ref());
    Ok(page.finish())
}

const SKIPPED: [&str; 5] = [
    ".metadata.managedFields",
    ".metadata.name",
    ".metadata.namespace",
    ".metadata.labels",
    ".metadata.annotations",
];

fn fields(page: &mut Page, level: usize, content: &Map<String, Value>, path: &str) {
    for (field, value) in content {
        let path = format!("{path}.{field}");
        if SKIPPED.contains(&path.as_str()) {
            continue;
        }
        let title = title(field);
        match value {
            Value::Object(inner) => {
                page.line(level, format!("{title}:"));
                fields(page, level + 1, inner, &path);
            }
            Value::Array(list) => {
                page.line(level, format!("{title}:"));
                for item in list {
                    match item {
                        Value::Object(inner) => fields(page, level + 1, inner, &path),
                        other => page.line(level + 1, text(other)),
                    }
                }
            }
            Value::Null => page.pair(level, &title, "<nil>"),
            other => page.pair(level, &title, text(other)),
        }
    }
}

/// `apiVersion` → `API Version`.
fn title(field: &str) -> String {
    if field.chars().any(|c| !c.is_alphabetic() && c != '-') {
        return field.to_owned();
    }
    let parts = words(field).into_iter().map(|word| {
        if matches!(word.to_uppercase().as_str(), "API" | "URL" | "UID" | "OSB" | "GUID") {
            return word.to_uppercase();
        }
        let mut chars = word.chars();
        chars.next().map_or_else(String::new, |c| c.to_uppercase().collect::<String>() + chars.as_str())
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// The words of camel case: a run of capitals keeps its last for the next word.
fn words(field: &str) -> Vec<String> {
    let class = |c: char| if c.is_uppercase() { 2 } else { i32::from(c.is_lowercase()) };
    let mut runs: Vec<String> = Vec::new();
    let mut last = -1;
    for c in field.chars() {
        if class(c) == last
            && let Some(run) = runs.last_mut()
        {
            run.push(c);
        } else {
            runs.push(c.to_string());
        }
        last = class(c);
    }
    for i in 0..runs.len().saturating_sub(1) {
        let upper = runs[i].chars().all(char::is_uppercase);
        if upper
            && runs[i + 1].starts_with(char::is_lowercase)
            && let Some(c) = runs[i].pop()
        {
            runs[i + 1].insert(0, c);
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

#[cfg(test)]
mod tests {
    #[test]
    fn titles() {
        let cases = [
            ("apiVersion", "API Version"),
            ("creationTimestamp", "Creation Timestamp"),
            ("uid", "UID"),
            ("leaseDurationSeconds", "Lease Duration Seconds"),
            ("podCIDR", "Pod CIDR"),
            ("a.b", "a.b"),
        ];
        for (field, title) in cases {
            assert_eq!(super::title(field), title);
        }
    }
}
