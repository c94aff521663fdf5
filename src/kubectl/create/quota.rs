//! `kubectl create quota`.

use super::{Generated, Options, named};
use crate::kubectl::write::resource_list;
use serde_json::json;

/// The `ResourceQuota` of `--hard` and `--scopes`.
pub fn generate(options: &Options) -> Generated {
    let mut quota = named("v1", "ResourceQuota", options);
    quota["spec"] = json!({});
    let hard = options.text("hard");
    if !hard.is_empty() {
        quota["spec"]["hard"] = resource_list(hard)?;
    }
    let scopes = options.text("scopes");
    if !scopes.is_empty() {
        let scopes: Vec<&str> = scopes.split(',').collect();
        quota["spec"]["scopes"] = json!(scopes);
    }
    quota["status"] = json!({});
    Ok(quota)
}
