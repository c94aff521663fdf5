//! The aggregation controller of `ClusterRole`s: a role with an aggregation rule has the rules of all that it selects.

use super::{Controller, Keys, View, Write};
use crate::apiserver::Change;
use crate::object::selector::Selector;
use crate::object::{Kind, ObjectKey, Resource, meta::MetaExt};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};

/// `clusterrole-aggregation-controller` in the table.
pub const CONTROLLER: Controller =
    Controller { name: "clusterrole-aggregation-controller", watch, reconcile };

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    if change.key.kind != Kind::ClusterRole {
        return;
    }
    let aggregated = view.store.all::<ClusterRole>().filter(|role| role.aggregation_rule.is_some());
    for role in aggregated {
        keys.push(ObjectKey::new(Kind::ClusterRole, "", role.name_str()));
    }
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(role) = view.store.fetch::<ClusterRole>(&key.name) else { return Vec::new() };
    let Some(aggregation) = &role.aggregation_rule else { return Vec::new() };
    let mut rules: Vec<PolicyRule> = Vec::new();
    for selector in aggregation.cluster_role_selectors.iter().flatten() {
        let selector = Selector::from_api(Some(selector));
        let selected = |r: &&std::sync::Arc<ClusterRole>| {
            r.name_str() != role.name_str() && selector.matches(r.labels_map())
        };
        for rule in view.store.all::<ClusterRole>().filter(selected).flat_map(|r| r.rules.iter().flatten()) {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
    }
    if role.rules.as_deref().unwrap_or_default() == rules.as_slice() {
        return Vec::new();
    }
    let mut role = ClusterRole::clone(role);
    role.rules = Some(rules);
    vec![Write::Update(role.into_object())]
}

#[cfg(test)]
mod tests {
    use super::super::lab::lab;
    use super::*;
    use serde_json::json;

    #[test]
    fn rules_follow_the_labels() {
        let mut lab = lab();
        let has = |lab: &super::super::lab::Lab, role: &str, resource: &str| {
            let rules = lab.get::<ClusterRole>(role).rules.clone().unwrap_or_default();
            rules.iter().any(|r| r.resources.iter().flatten().any(|x| x == resource))
        };
        assert!(has(&lab, "view", "pods/log") && !has(&lab, "view", "secrets"));
        assert!(has(&lab, "edit", "pods/log") && has(&lab, "edit", "secrets") && !has(&lab, "edit", "roles"));
        assert!(has(&lab, "admin", "pods/log") && has(&lab, "admin", "roles"));
        lab.create(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "more",
            "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
            "rules": [{"verbs": ["get"], "apiGroups": ["example.com"], "resources": ["tabs"]}]}));
        lab.advance(100);
        assert!(["view", "edit", "admin"].iter().all(|role| has(&lab, role, "tabs")));
    }
}
