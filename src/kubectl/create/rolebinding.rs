//! `kubectl create rolebinding` and `clusterrolebinding`.

use super::{Generated, Options, named};
use serde_json::{Value, json};

const GROUP: &str = "rbac.authorization.k8s.io";

/// The `RoleBinding` of `--role` or `--clusterrole` to the subjects.
pub fn generate(options: &Options) -> Generated {
    let (role, cluster_role) = (options.text("role"), options.text("clusterrole"));
    let (kind, name) = match (role.is_empty(), cluster_role.is_empty()) {
        (false, true) => ("Role", role),
        (true, false) => ("ClusterRole", cluster_role),
        _ => return Err("exactly one of clusterrole or role must be specified".into()),
    };
    let binding = named("rbac.authorization.k8s.io/v1", "RoleBinding", options);
    bind(binding, options, kind, name)
}

/// The `ClusterRoleBinding` of `--clusterrole` to the subjects.
pub fn generate_cluster(options: &Options) -> Generated {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": options.name},
    });
    bind(binding, options, "ClusterRole", options.text("clusterrole"))
}

fn bind(mut binding: Value, options: &Options, kind: &str, role: &str) -> Generated {
    binding["roleRef"] = json!({"apiGroup": GROUP, "kind": kind, "name": role});
    let mut subjects = Vec::new();
    for user in options.list("user") {
        subjects.push(json!({"apiGroup": GROUP, "kind": "User", "name": user}));
    }
    for group in options.list("group") {
        subjects.push(json!({"apiGroup": GROUP, "kind": "Group", "name": group}));
    }
    for account in options.list("serviceaccount") {
        let parts: Vec<&str> = account.split(':').collect();
        let [namespace, name] = parts.as_slice() else {
            return Err("serviceaccount must be <namespace>:<name>".into());
        };
        if namespace.is_empty() || name.is_empty() {
            return Err("serviceaccount must be <namespace>:<name>".into());
        }
        subjects.push(json!({"kind": "ServiceAccount", "name": name, "namespace": namespace}));
    }
    if !subjects.is_empty() {
        binding["subjects"] = Value::Array(subjects);
    }
    Ok(binding)
}
