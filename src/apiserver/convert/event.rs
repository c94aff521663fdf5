//! Events in `events.k8s.io/v1`: the same objects as in core, most fields by newer names.

use super::rename;
use serde_json::{Map, Value, json};

/// The names in core, and those in `events.k8s.io`.
const NAMES: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

pub fn to_events(value: &mut Value) {
    let Value::Object(map) = value else { return };
    rename(map, NAMES.iter().copied());
    // Structs that the newer version shows empty too.
    for (field, empty) in [
        ("deprecatedFirstTimestamp", Value::Null),
        ("deprecatedLastTimestamp", Value::Null),
        ("eventTime", Value::Null),
        ("deprecatedSource", Value::Object(Map::new())),
        ("regarding", json!({})),
    ] {
        map.entry(field).or_insert(empty);
    }
}

pub fn from_events(value: &mut Value) {
    let Value::Object(map) = value else { return };
    rename(map, NAMES.iter().map(|(core, events)| (*events, *core)));
    // Core must have it, if only to be found wanting.
    map.entry("involvedObject").or_insert_with(|| json!({}));
}

/// The field of the stored event that a field selector of `events.k8s.io` means.
pub fn selectable(field: &str) -> Option<String> {
    match field {
        "reason" | "type" | "source" | "metadata.name" | "metadata.namespace" => Some(field.to_owned()),
        "reportingController" => Some("reportingComponent".to_owned()),
        _ => field.strip_prefix("regarding.").map(|rest| format!("involvedObject.{rest}")),
    }
}
