//! Autoscalers in `autoscaling/v1`: one target of CPU in the spec; all else is kept in annotations, as text.
//!
//! Always holds: the annotations are never stored. Their text is what the real server writes: metrics and conditions in
//! types of their own, the behavior as Go prints a struct without tags.

use serde_json::{Map, Value, json};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

/// The utilization of CPU that is aimed at where nothing is said.
const DEFAULT_UTILIZATION: i64 = 80;

/// Every field that the annotations can have, in the order in which they are written.
const ORDER: &[&str] = &[
    "type",
    "status",
    "lastTransitionTime",
    "reason",
    "message",
    "object",
    "pods",
    "resource",
    "containerResource",
    "external",
    "target",
    "kind",
    "name",
    "apiVersion",
    "metricName",
    "metricSelector",
    "targetAverageUtilization",
    "currentAverageUtilization",
    "targetValue",
    "currentValue",
    "targetAverageValue",
    "currentAverageValue",
    "container",
    "selector",
    "averageValue",
    "matchLabels",
    "matchExpressions",
    "key",
    "operator",
    "values",
    "ScaleUp",
    "ScaleDown",
    "StabilizationWindowSeconds",
    "SelectPolicy",
    "Policies",
    "Type",
    "Value",
    "PeriodSeconds",
    "Tolerance",
];

pub fn to_v1(value: &mut Value) {
    let mut annotations = value["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    drop_ours(&mut annotations);
    let Value::Object(spec) = &mut value["spec"] else { return };
    let metrics = list(spec.remove("metrics"));
    if let Some(first) = metrics.iter().find(|m| is_cpu_utilization(m)) {
        let percentage = first["resource"]["target"]["averageUtilization"].clone();
        spec.insert("targetCPUUtilizationPercentage".to_owned(), percentage);
    }
    let others: Vec<Value> = metrics.iter().filter(|m| !is_cpu_utilization(m)).map(old_metric).collect();
    let behavior = spec.remove("behavior").filter(Value::is_object);
    let mut keep = |key: &str, value: Option<Value>| {
        let value = value.filter(|v| v.as_array().is_none_or(|list| !list.is_empty()));
        value.map(|value| annotations.insert(key.to_owned(), json!(ordered(&value))))
    };
    keep(METRICS, Some(Value::Array(others)));
    keep(BEHAVIOR, behavior.map(|b| go_behavior(&b)));
    if let Value::Object(status) = &mut value["status"] {
        let current = list(status.remove("currentMetrics"));
        let utilization = |m: &Value| {
            let found = m["resource"]["current"]["averageUtilization"].clone();
            (m["type"] == "Resource" && m["resource"]["name"] == "cpu" && !found.is_null()).then_some(found)
        };
        if let Some(found) = current.iter().filter_map(utilization).next_back() {
            status.insert("currentCPUUtilizationPercentage".to_owned(), found);
        }
        keep(CURRENT, Some(current.iter().map(old_status).collect()));
        keep(CONDITIONS, status.remove("conditions"));
    }
    set_annotations(value, annotations);
}

pub fn from_v1(value: &mut Value) {
    let mut annotations = value["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    let kept = |key: &str| {
        let text = annotations.get(key).and_then(Value::as_str);
        text.and_then(|text| serde_json::from_str::<Value>(text).ok())
    };
    let spec = value.as_object_mut().map(|o| o.entry("spec").or_insert_with(|| json!({})));
    if let Some(Value::Object(spec)) = spec {
        let mut metrics: Vec<Value> = list(kept(METRICS)).iter().map(new_metric).collect();
        if let Some(percentage) = spec.remove("targetCPUUtilizationPercentage") {
            metrics.push(cpu_metric(&percentage));
        }
        if metrics.is_empty() {
            metrics.push(cpu_metric(&json!(DEFAULT_UTILIZATION)));
        }
        spec.insert("metrics".to_owned(), Value::Array(metrics));
        if let Some(behavior) = kept(BEHAVIOR).map(|b| api_behavior(&b)).filter(|b| *b != json!({})) {
            spec.insert("behavior".to_owned(), behavior);
        }
    }
    let (current, conditions) = (kept(CURRENT), kept(CONDITIONS));
    if let Value::Object(status) = &mut value["status"] {
        let percentage = status.remove("currentCPUUtilizationPercentage");
        let own = percentage.map(|p| {
            json!([{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": p}}}])
        });
        let told = current.filter(Value::is_array).map(|c| list(Some(c)).iter().map(new_status).collect());
        if let Some(metrics) = told.or(own) {
            status.insert("currentMetrics".to_owned(), metrics);
        }
        if let Some(conditions) = conditions.filter(Value::is_array) {
            status.insert("conditions".to_owned(), conditions);
        }
    } else if value["status"].is_null() {
        value.as_object_mut().map(|o| o.remove("status"));
    }
    drop_ours(&mut annotations);
    set_annotations(value, annotations);
}

fn list(value: Option<Value>) -> Vec<Value> {
    if let Some(Value::Array(items)) = value { items } else { Vec::new() }
}

fn drop_ours(annotations: &mut Map<String, Value>) {
    annotations.retain(|key, _| ![METRICS, CURRENT, CONDITIONS, BEHAVIOR].contains(&key.as_str()));
}

fn set_annotations(value: &mut Value, annotations: Map<String, Value>) {
    let Some(Value::Object(metadata)) = value.get_mut("metadata") else { return };
    if annotations.is_empty() {
        metadata.remove("annotations");
    } else {
        metadata.insert("annotations".to_owned(), Value::Object(annotations));
    }
}

fn is_cpu_utilization(metric: &Value) -> bool {
    let resource = &metric["resource"];
    metric["type"] == "Resource"
        && resource["name"] == "cpu"
        && !resource["target"]["averageUtilization"].is_null()
}

fn cpu_metric(percentage: &Value) -> Value {
    let target = json!({"type": "Utilization", "averageUtilization": percentage});
    json!({"type": "Resource", "resource": {"name": "cpu", "target": target}})
}

/// A struct of these fields, without those that have no value.
fn fields<const N: usize>(pairs: [(&str, &Value); N]) -> Value {
    let there = pairs.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(there.map(|(key, value)| (key.to_owned(), value.clone())).collect())
}

/// A quantity that the older type always has.
fn quantity(value: &Value) -> Value {
    if value.is_null() { json!("0") } else { value.clone() }
}

/// One source of a metric in each of the two forms; `inner` turns it over.
fn turned(metric: &Value, inner: fn(&str, &Value) -> Value) -> Value {
    let mut turned = fields([("type", &metric["type"])]);
    for source in ["object", "pods", "resource", "containerResource", "external"] {
        if metric[source].is_object() {
            turned[source] = inner(source, &metric[source]);
        }
    }
    turned
}

fn old_metric(metric: &Value) -> Value {
    turned(metric, |source, of| {
        let (target, name) = (&of["target"], &of["metric"]["name"]);
        let (value, average) = (&target["value"], &target["averageValue"]);
        let selector = &of["metric"]["selector"];
        let utilization = &target["averageUtilization"];
        match source {
            "object" => fields([
                ("target", &of["describedObject"]),
                ("metricName", name),
                ("targetValue", &quantity(value)),
                ("selector", selector),
                ("averageValue", average),
            ]),
            "pods" => fields([
                ("metricName", name),
                ("targetAverageValue", &quantity(average)),
                ("selector", selector),
            ]),
            "external" => fields([
                ("metricName", name),
                ("metricSelector", selector),
                ("targetValue", value),
                ("targetAverageValue", average),
            ]),
            _ => fields([
                ("name", &of["name"]),
                ("targetAverageUtilization", utilization),
                ("targetAverageValue", average),
                ("container", &of["container"]),
            ]),
        }
    })
}

fn new_metric(metric: &Value) -> Value {
    turned(metric, |source, of| {
        let either = |a: &str, b: &str| if of[a].is_null() { of[b].clone() } else { of[a].clone() };
        let selector = either("selector", "metricSelector");
        let identifier = fields([("name", &of["metricName"]), ("selector", &selector)]);
        let average = either("targetAverageValue", "averageValue");
        let (value, utilization) = (&of["targetValue"], &of["targetAverageUtilization"]);
        let kind = match source {
            "object" if average.is_null() => "Value",
            "external" if !value.is_null() => "Value",
            "resource" | "containerResource" if !utilization.is_null() => "Utilization",
            _ => "AverageValue",
        };
        // With an average, the value of an object is but the zero that its type always has.
        let value = if source == "object" && kind == "AverageValue" { &Value::Null } else { value };
        let target = fields([
            ("type", &json!(kind)),
            ("value", value),
            ("averageValue", &average),
            ("averageUtilization", utilization),
        ]);
        match source {
            "object" => {
                fields([("describedObject", &of["target"]), ("metric", &identifier), ("target", &target)])
            }
            "pods" | "external" => fields([("metric", &identifier), ("target", &target)]),
            _ => fields([("name", &of["name"]), ("container", &of["container"]), ("target", &target)]),
        }
    })
}

fn old_status(metric: &Value) -> Value {
    turned(metric, |source, of| {
        let (current, name) = (&of["current"], &of["metric"]["name"]);
        let (value, average) = (&current["value"], &current["averageValue"]);
        let selector = &of["metric"]["selector"];
        match source {
            "object" => fields([
                ("target", &of["describedObject"]),
                ("metricName", name),
                ("currentValue", &quantity(value)),
                ("selector", selector),
                ("averageValue", average),
            ]),
            "pods" => fields([
                ("metricName", name),
                ("currentAverageValue", &quantity(average)),
                ("selector", selector),
            ]),
            "external" => fields([
                ("metricName", name),
                ("metricSelector", selector),
                ("currentValue", &quantity(value)),
                ("currentAverageValue", average),
            ]),
            _ => fields([
                ("name", &of["name"]),
                ("currentAverageUtilization", &current["averageUtilization"]),
                ("currentAverageValue", &quantity(average)),
                ("container", &of["container"]),
            ]),
        }
    })
}

fn new_status(metric: &Value) -> Value {
    turned(metric, |source, of| {
        let either = |a: &str, b: &str| if of[a].is_null() { of[b].clone() } else { of[a].clone() };
        let selector = either("selector", "metricSelector");
        let identifier = fields([("name", &of["metricName"]), ("selector", &selector)]);
        let current = fields([
            ("value", &of["currentValue"]),
            ("averageValue", &either("currentAverageValue", "averageValue")),
            ("averageUtilization", &of["currentAverageUtilization"]),
        ]);
        match source {
            "object" => {
                fields([("describedObject", &of["target"]), ("metric", &identifier), ("current", &current)])
            }
            "pods" | "external" => fields([("metric", &identifier), ("current", &current)]),
            _ => fields([("name", &of["name"]), ("container", &of["container"]), ("current", &current)]),
        }
    })
}

/// The behavior as Go prints the internal type.
fn go_behavior(behavior: &Value) -> Value {
    let rules = |rules: &Value| {
        if rules.is_null() {
            return Value::Null;
        }
        let policies = rules["policies"].as_array().map(|list| {
            let policy = |p: &Value| json!({"Type": p["type"], "Value": p["value"], "PeriodSeconds": p["periodSeconds"]});
            list.iter().map(policy).collect::<Vec<_>>()
        });
        json!({
            "StabilizationWindowSeconds": rules["stabilizationWindowSeconds"],
            "SelectPolicy": rules["selectPolicy"], "Policies": policies, "Tolerance": rules["tolerance"],
        })
    };
    json!({"ScaleUp": rules(&behavior["scaleUp"]), "ScaleDown": rules(&behavior["scaleDown"])})
}

/// The behavior of an annotation as the API has it: names begin in lower case, and what is `null` is not there.
fn api_behavior(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let there = map.iter().filter(|(_, value)| !value.is_null());
            let lower = |name: &str| {
                let mut letters = name.chars();
                letters.next().map(|c| c.to_ascii_lowercase()).into_iter().chain(letters).collect::<String>()
            };
            Value::Object(there.map(|(key, value)| (lower(key), api_behavior(value))).collect())
        }
        Value::Array(items) => items.iter().map(api_behavior).collect(),
        other => other.clone(),
    }
}

/// JSON text with fields in the order of [`ORDER`]; keys that are not fields (labels) come sorted.
fn ordered(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_by_key(|key| ORDER.iter().position(|known| known == key).unwrap_or(ORDER.len()));
            let pair = |key: &String| format!("{}:{}", Value::String(key.clone()), ordered(&map[key]));
            format!("{{{}}}", keys.into_iter().map(pair).collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(ordered).collect::<Vec<_>>().join(",")),
        // Go's text of JSON is safe inside HTML.
        Value::String(_) => {
            value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
        }
        other => other.to_string(),
    }
}
