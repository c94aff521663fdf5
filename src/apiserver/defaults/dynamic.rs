//! Defaults of kinds without a Rust type: flow control and the `APIService`.

use crate::object::dynamic::DynamicObject;
use serde_json::{Map, Value, json};

const FLOW_SCHEMA: (&str, &str) = ("flowcontrol.apiserver.k8s.io", "FlowSchema");

const API_SERVICE: (&str, &str) = ("apiregistration.k8s.io", "APIService");
const LEVEL: (&str, &str) = ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration");

fn kind(o: &DynamicObject) -> (&'static str, &'static str) {
    let info = o.kind.info();
    (info.group, info.kind)
}

/// Whether the kind has any.
pub fn has_defaults(o: &DynamicObject) -> bool {
    [API_SERVICE, FLOW_SCHEMA, LEVEL].contains(&kind(o))
}

/// Fills in what the kind has defaults for.
pub fn apply(o: &mut DynamicObject) {
    let kind = kind(o);
    if kind == FLOW_SCHEMA {
        o.content.entry("spec").or_insert_with(|| json!({}));
    }
    let Some(Value::Object(spec)) = o.content.get_mut("spec") else { return };
    match kind {
        API_SERVICE => fill(spec.get_mut("service"), &[("port", 443)], false),
        FLOW_SCHEMA => number(spec, "matchingPrecedence", 1000, true),
        _ => {
            let shares = ["nominalConcurrencyShares", "lendablePercent"];
            fill(spec.get_mut("exempt"), &[(shares[0], 0), (shares[1], 0)], false);
            fill(spec.get_mut("limited"), &[(shares[0], 30), (shares[1], 0)], false);
            let queuing = spec
                .get_mut("limited")
                .and_then(|limited| limited.get_mut("limitResponse"))
                .and_then(|response| response.get_mut("queuing"));
            fill(queuing, &[("handSize", 8), ("queues", 64), ("queueLengthLimit", 50)], true);
        }
    }
}

fn fill(object: Option<&mut Value>, defaults: &[(&str, i64)], zero_is_none: bool) {
    if let Some(map) = object.and_then(Value::as_object_mut) {
        for (name, value) in defaults {
            number(map, name, *value, zero_is_none);
        }
    }
}

fn number(map: &mut Map<String, Value>, name: &str, default: i64, zero_is_none: bool) {
    let missing = |value: &Value| value.is_null() || zero_is_none && *value == 0;
    if map.get(name).is_none_or(missing) {
        map.insert(name.to_owned(), json!(default));
    }
}
