//! `kubectl create namespace`.

use super::{Generated, Options};
use serde_json::json;

/// The Namespace called as asked.
pub fn generate(options: &Options) -> Generated {
    Ok(json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": options.name},
        "spec": {}, "status": {},
    }))
}
