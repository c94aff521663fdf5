//! Printer columns of kinds without a Rust type: read from the object by path.

use super::{AGE, Column, NAME, age, config, created_at, name, number, text};
use crate::object::{DynamicKind, DynamicObject, Object, SimTime, meta::MetaExt};
use serde_json::{Value, json};

/// A built-in kind's columns beyond its name and before its age, with the path of each.
type Extra = &'static [(Column, &'static str)];

/// A kind by group and plural name, its columns, and where their cells are found.
type Row = ((&'static str, &'static str), &'static [Column], Extra);

/// The kinds whose columns are more than name and creation time.
const BUILT_IN: &[Row] =
    &[(("node.k8s.io", "runtimeclasses"), &[NAME, text("Handler"), AGE], &[(text("Handler"), "handler")])];

fn find(kind: DynamicKind) -> Option<&'static Row> {
    let info = kind.info();
    BUILT_IN.iter().find(|((group, plural), ..)| *group == info.group && *plural == info.plural)
}

/// The columns of a built-in kind; of any other, its name and when it was created.
pub fn columns(kind: DynamicKind) -> &'static [Column] {
    find(kind).map_or(config::CREATED, |(_, columns, _)| columns)
}

/// The cells for [`columns`].
pub fn cells(dynamic: &DynamicObject, object: &Object, now: SimTime) -> Vec<Value> {
    let Some((_, _, extra)) = find(dynamic.kind) else { return vec![name(object), created_at(object)] };
    let mut cells = vec![json!(object.name_str())];
    for (column, path) in *extra {
        let value = dynamic.at(path).cloned();
        let empty = if column.type_ == number("").type_ { json!(0) } else { json!("") };
        cells.push(value.unwrap_or(empty));
    }
    cells.push(json!(age(object, now)));
    cells
}
