//! What happens to machines from outside Kubernetes: one is added, removed, loses power, comes back.

use super::{Cluster, NodeConfig, kubelet};
use crate::object::Kind;
use serde::{Deserialize, Serialize};

/// Something that happens to a machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// A new node joins.
    Add(NodeConfig),
    /// The machine and its Node object go.
    Remove(String),
    /// The machine stops: no kubelet, no processes, no network.
    Fail(String),
    /// It comes back.
    Recover(String),
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Action::Add(node) => write!(f, "add {}", node.name),
            Action::Remove(name) => write!(f, "remove {name}"),
            Action::Fail(name) => write!(f, "fail {name}"),
            Action::Recover(name) => write!(f, "recover {name}"),
        }
    }
}

/// Does it.
///
/// # Errors
/// Why it cannot be done, in a sentence.
pub fn act(cluster: &mut Cluster, action: &Action) -> Result<(), String> {
    let known = |name: &str| cluster.kubelets.contains_key(name);
    match action {
        Action::Add(node) if known(&node.name) => Err(format!("there is a node {} already", node.name)),
        Action::Add(node) => {
            let key = crate::object::ObjectKey::new(Kind::Node, "", node.name.as_str());
            if cluster.api.store.get(&key).is_some() {
                return Err(format!("there is a Node object {} already", node.name));
            }
            kubelet::add_node(cluster, node);
            Ok(())
        }
        Action::Remove(name) | Action::Fail(name) | Action::Recover(name) if !known(name) => {
            Err(format!("there is no node {name}"))
        }
        Action::Remove(name) => {
            kubelet::remove_node(cluster, name);
            Ok(())
        }
        Action::Fail(name) => {
            kubelet::power(cluster, name, false);
            Ok(())
        }
        Action::Recover(name) => {
            kubelet::power(cluster, name, true);
            Ok(())
        }
    }
}
