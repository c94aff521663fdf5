//! The roles and bindings that a new cluster has, from `assets/rbac.txt`.
//!
//! Always holds: every rule's lists are sorted, as the API server's own are. Aggregated roles come without rules: a
//! controller fills them in.

use crate::assets;
use crate::object::{Object, ObjectMeta, Resource};
use k8s_openapi::api::rbac::v1::{
    AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::BTreeMap;

/// The group of roles and bindings.
pub const GROUP: &str = "rbac.authorization.k8s.io";

const TABLE: &str = "rbac.txt";
const READ: [&str; 3] = ["get", "list", "watch"];
const WRITE: [&str; 5] = ["create", "delete", "deletecollection", "patch", "update"];

/// Roles and bindings in the table's order.
pub fn objects() -> Vec<Object> {
    let mut reader = Reader::default();
    for line in assets::text(TABLE).lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        reader.line(line);
    }
    reader.finish();
    reader.objects
}

/// What is being read: a role whose rules follow, and whose work it is.
#[derive(Default)]
struct Reader {
    objects: Vec<Object>,
    role: Option<(ObjectMeta, Vec<PolicyRule>, Option<AggregationRule>)>,
    kubeadm: bool,
}

impl Reader {
    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if line.starts_with(' ') {
            self.rule(&words);
            return;
        }
        self.finish();
        match words.as_slice() {
            ["role", name, labels @ ..] => self.start(name, labels),
            ["bind", name, role, subjects @ ..] => self.bind(name, role, subjects),
            ["controller", name] => {
                let role = format!("system:controller:{name}");
                self.bind(&role, &role, &[&format!("account=kube-system/{name}")]);
                self.start(&role, &[]);
            }
            _ => self.kubeadm = true,
        }
    }

    fn start(&mut self, name: &str, labels: &[&str]) {
        let mut meta = self.meta(name);
        for (key, value) in labels.iter().filter_map(|l| l.split_once('=')) {
            meta.labels.get_or_insert_default().insert(key.to_owned(), value.to_owned());
        }
        self.role = Some((meta, Vec::new(), None));
    }

    fn rule(&mut self, words: &[&str]) {
        let Some((_, rules, aggregation)) = &mut self.role else { return };
        match words {
            ["aggregate", label] => {
                let labels = BTreeMap::from([((*label).to_owned(), "true".to_owned())]);
                let selector = LabelSelector { match_labels: Some(labels), match_expressions: None };
                *aggregation = Some(AggregationRule { cluster_role_selectors: Some(vec![selector]) });
            }
            [verbs, "url", paths] => {
                let non_resource_urls = Some(list(paths));
                rules.push(PolicyRule { verbs: list(verbs), non_resource_urls, ..PolicyRule::default() });
            }
            [verbs, groups, resources, names @ ..] => rules.push(PolicyRule {
                verbs: list(verbs),
                api_groups: Some(list(groups)),
                resources: Some(list(resources)),
                resource_names: names.first().map(|n| list(n)),
                non_resource_urls: None,
            }),
            _ => {}
        }
    }

    fn finish(&mut self) {
        let Some((metadata, rules, aggregation_rule)) = self.role.take() else { return };
        let rules = aggregation_rule.is_none().then_some(rules);
        self.objects.push(if metadata.namespace.is_some() {
            Role { metadata, rules }.into_object()
        } else {
            ClusterRole { aggregation_rule, metadata, rules }.into_object()
        });
    }

    fn bind(&mut self, name: &str, role: &str, subjects: &[&str]) {
        let metadata = self.meta(name);
        let (kind, role) = match role.split_once('/') {
            Some((_, role)) => ("Role", role),
            None => ("ClusterRole", role),
        };
        let role_ref =
            RoleRef { api_group: Some(GROUP.to_owned()), kind: kind.to_owned(), name: role.to_owned() };
        let subjects: Vec<Subject> = subjects.iter().filter_map(|s| subject(s)).collect();
        let subjects = (!subjects.is_empty()).then_some(subjects);
        self.objects.push(if metadata.namespace.is_some() {
            RoleBinding { metadata, role_ref, subjects }.into_object()
        } else {
            ClusterRoleBinding { metadata, role_ref, subjects }.into_object()
        });
    }

    fn meta(&self, name: &str) -> ObjectMeta {
        let (namespace, name) = match name.split_once('/') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name),
            None => (None, name),
        };
        let one = |key: &str, value: &str| Some(BTreeMap::from([(key.to_owned(), value.to_owned())]));
        let (labels, annotations) = if self.kubeadm {
            (None, None)
        } else {
            (
                one("kubernetes.io/bootstrapping", "rbac-defaults"),
                one("rbac.authorization.kubernetes.io/autoupdate", "true"),
            )
        };
        ObjectMeta { name: Some(name.to_owned()), namespace, labels, annotations, ..ObjectMeta::default() }
    }
}

fn subject(text: &str) -> Option<Subject> {
    let (kind, name) = text.split_once('=')?;
    let named = |kind: &str| Subject {
        api_group: Some(GROUP.to_owned()),
        kind: kind.to_owned(),
        name: name.to_owned(),
        namespace: None,
    };
    Some(match kind {
        "user" => named("User"),
        "group" => named("Group"),
        _ => {
            let (namespace, name) = name.split_once('/')?;
            Subject {
                api_group: None,
                kind: "ServiceAccount".to_owned(),
                name: name.to_owned(),
                namespace: Some(namespace.to_owned()),
            }
        }
    })
}

/// A list of words, sorted; `-` is the core group.
fn list(words: &str) -> Vec<String> {
    let mut all: Vec<&str> = Vec::new();
    for word in words.split(',') {
        match word {
            "-" => all.push(""),
            "read" => all.extend(READ),
            "write" => all.extend(WRITE),
            "all" => all.extend(READ.into_iter().chain(WRITE)),
            word => all.push(word),
        }
    }
    all.sort_unstable();
    all.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{Kind, meta::MetaExt};

    #[test]
    fn the_table_is_whole() {
        let objects = objects();
        let count = |kind| objects.iter().filter(|o| o.kind() == kind).count();
        assert_eq!(
            [Kind::ClusterRole, Kind::ClusterRoleBinding, Kind::Role, Kind::RoleBinding].map(count),
            [70, 56, 11, 11]
        );
        for object in &objects {
            let mut object = object.clone();
            crate::apiserver::defaults::apply(&mut object);
            let errors = crate::apiserver::validation::create(&object);
            assert!(errors.is_empty(), "{}: {errors:?}", object.name_str());
        }
        let bound = |o: &Object| match o {
            Object::RoleBinding(b) => Some((b.namespace_str().to_owned(), b.role_ref.clone())),
            Object::ClusterRoleBinding(b) => Some((String::new(), b.role_ref.clone())),
            _ => None,
        };
        for (namespace, role) in objects.iter().filter_map(bound) {
            let there = objects.iter().any(|o| {
                o.kind().info().kind == role.kind
                    && o.name_str() == role.name
                    && (role.kind == "ClusterRole" || o.namespace_str() == namespace)
            });
            assert!(there, "{}", role.name);
        }
    }
}
