//! `-o custom-columns`.

use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::jsonpath::{Template, compact, relax, show};
use crate::kubectl::table::Columns;
use serde_json::Value;

/// A column: its header and where its values are.
#[derive(Clone, Debug)]
pub struct Column {
    header: String,
    path: String,
}

/// The specification in a file: a line of headers and a line of paths.
///
/// # Errors
/// When the lines do not fit together.
pub fn from_file(content: &str) -> Outcome<String> {
    let mut lines = content.lines();
    let words = |line: Option<&str>| -> Vec<String> {
        line.unwrap_or("").split_whitespace().map(str::to_owned).collect()
    };
    let (headers, paths) = (words(lines.next()), words(lines.next()));
    if headers.len() != paths.len() {
        let why = format!(
            "number of headers ({}) and field specifications ({}) don't match",
            headers.len(),
            paths.len()
        );
        return Err(Failure::new(why));
    }
    let pairs: Vec<String> = headers.iter().zip(&paths).map(|(h, p)| format!("{h}:{p}")).collect();
    Ok(pairs.join(","))
}

/// Reads `NAME:.metadata.name,IMAGE:.spec.containers[*].image`.
///
/// # Errors
/// Where it has not this form.
pub fn parse(text: &str) -> Outcome<Vec<Column>> {
    let mut columns = Vec::new();
    for part in text.split(',') {
        let Some((header, path)) = part.split_once(':') else {
            let why = format!("unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>");
            return Err(Failure::new(why));
        };
        let path = relax(path).map_err(Failure::new)?;
        columns.push(Column { header: header.to_owned(), path });
    }
    Ok(columns)
}

/// Prints objects under the columns.
///
/// # Errors
/// A path that is wrong, or does not fit an object.
pub fn print(columns: &[Column], objects: &[Value], headers: bool) -> Outcome<String> {
    let mut parsed = Vec::new();
    for column in columns {
        parsed.push(Template::parse(&column.path).map_err(Failure::new)?);
    }
    let mut rows = Vec::new();
    if headers {
        rows.push(columns.iter().map(|c| c.header.clone()).collect());
    }
    for object in objects {
        let mut row = Vec::new();
        for template in &parsed {
            let found = template.find(object, true).map_err(Failure::new)?;
            let values: Vec<String> = found.iter().flatten().map(|v| cell(v)).collect();
            row.push(if values.is_empty() { "<none>".to_owned() } else { values.join(",") });
        }
        rows.push(row);
    }
    Ok(Columns::default().rows(&rows))
}

/// A value as Go's `%v` prints it: maps as `map[a:b]`, lists as `[a b]`.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(cell).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let pairs: Vec<String> = map.iter().map(|(k, v)| format!("{k}:{}", cell(v))).collect();
            format!("map[{}]", pairs.join(" "))
        }
        Value::Number(_) | Value::String(_) => show(value),
        Value::Bool(_) => compact(value),
    }
}
