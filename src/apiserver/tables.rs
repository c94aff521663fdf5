//! Printer columns.

use crate::object::{Kind, Object, SimTime, meta::MetaExt};
use serde_json::{Value, json};

/// The Table of some objects of one kind.
pub fn table(kind: Kind, objects: &[Object], now: SimTime) -> Value {
    let _ = (kind, now);
    let rows: Vec<Value> =
        objects.iter().map(|o| json!({"cells": [o.name_str()], "object": o.to_value()})).collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": [], "rows": rows})
}
