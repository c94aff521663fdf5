//! `kubectl create priorityclass`.

use super::{Generated, Options};
use serde_json::json;

/// The `PriorityClass` of `--value`, `--global-default`, `--description` and `--preemption-policy`.
pub fn generate(options: &Options) -> Generated {
    let mut class = json!({
        "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": options.name},
        "preemptionPolicy": options.text("preemption-policy"), "value": options.int("value"),
    });
    if options.flag("global-default") {
        class["globalDefault"] = json!(true);
    }
    if !options.text("description").is_empty() {
        class["description"] = json!(options.text("description"));
    }
    Ok(class)
}
