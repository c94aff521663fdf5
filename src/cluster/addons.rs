//! What a cluster can be given beyond what kubeadm leaves: manifests, as their projects have them.

use crate::{assets, yaml};
use serde_json::Value;

/// The names of the addons.
pub const NAMES: &[&str] = &["metrics-server"];

/// The objects of an addon, in the order in which they are to be created. `None` for a name that is not known.
pub fn objects(name: &str) -> Option<Vec<Value>> {
    let text = match name {
        "metrics-server" => assets::text("metrics-server.yaml"),
        _ => return None,
    };
    Some(yaml::parse(text).unwrap_or_default().into_iter().map(|d| d.value).collect())
}
