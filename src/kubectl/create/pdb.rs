//! `kubectl create poddisruptionbudget`.

use super::{Generated, Options, named};
use crate::kubectl::write::label_selector;
use serde_json::{Value, json};

/// The `PodDisruptionBudget` of `--selector` and one of `--min-available`, `--max-unavailable`.
pub fn generate(options: &Options) -> Generated {
    let (selector, min, max) =
        (options.text("selector"), options.text("min-available"), options.text("max-unavailable"));
    if selector.is_empty() {
        return Err("a selector must be specified".into());
    }
    match (min.is_empty(), max.is_empty()) {
        (true, true) => return Err("one of min-available or max-unavailable must be specified".into()),
        (false, false) => return Err("min-available and max-unavailable cannot be both specified".into()),
        _ => {}
    }
    let mut budget = named("policy/v1", "PodDisruptionBudget", options);
    budget["spec"] = json!({"selector": label_selector(selector)?});
    if min.is_empty() {
        budget["spec"]["maxUnavailable"] = amount(max, "max-unavailable")?;
    } else {
        budget["spec"]["minAvailable"] = amount(min, "min-available")?;
    }
    budget["status"] =
        json!({"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0});
    Ok(budget)
}

/// A number stays a number, a percentage a text.
fn amount(text: &str, flag: &str) -> Generated {
    let digits = text.strip_suffix('%').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("invalid format specified for {flag}").into());
    }
    Ok(if text.ends_with('%') {
        Value::from(text)
    } else {
        digits.parse::<i32>().map_or_else(|_| Value::from(text), Value::from)
    })
}
