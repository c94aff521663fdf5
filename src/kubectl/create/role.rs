//! `kubectl create role` and `clusterrole`: rules from `--verb`, `--resource` and `--resource-name`.

use super::{Generated, Options, named};
use crate::kubectl::errors::Failure;
use crate::kubectl::mapper::Mapping;
use crate::kubectl::write::label_selector;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The Role.
pub fn generate(options: &Options) -> Generated {
    let rules = resource_rules(options)?;
    let mut role = named("rbac.authorization.k8s.io/v1", "Role", options);
    role["rules"] = Value::Array(rules);
    Ok(role)
}

/// The `ClusterRole`: a Role's rules, or `--non-resource-url`, or `--aggregation-rule`.
pub fn generate_cluster(options: &Options) -> Generated {
    let mut role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": options.name},
    });
    let (aggregation, urls) = (options.list("aggregation-rule"), unique(options.list("non-resource-url")));
    let (verbs, resources) = (verbs(options), options.list("resource"));
    if !aggregation.is_empty() {
        if !(verbs.is_empty() && resources.is_empty() && urls.is_empty()) {
            return Err(
                "aggregation rule must be specified without nonResourceURLs, verbs, resources or resourceNames".into()
            );
        }
        role["aggregationRule"] = json!({"clusterRoleSelectors": [label_selector(&aggregation.join(","))?]});
        role["rules"] = Value::Null;
        return Ok(role);
    }
    if verbs.is_empty() {
        return Err("at least one verb must be specified".into());
    }
    if resources.is_empty() && urls.is_empty() {
        return Err("one of resource or nonResourceURL must be specified".into());
    }
    let mut rules = if resources.is_empty() { Vec::new() } else { resource_rules(options)? };
    if !urls.is_empty() {
        if let Some(verb) = verbs.iter().find(|verb| !PATH_VERBS.contains(&verb.as_str())) {
            return Err(format!("invalid verb: '{verb}' for nonResourceURL").into());
        }
        for url in urls.iter().filter(|url| *url != "*") {
            if !url.starts_with('/') {
                return Err("nonResourceURL should start with /".into());
            }
            if url.trim_end_matches('*').len() + 1 < url.len() || url.trim_end_matches('*').contains('*') {
                return Err("nonResourceURL only supports wildcard matches when '*' is at the end".into());
            }
        }
        rules.push(json!({"nonResourceURLs": urls, "verbs": verbs}));
    }
    role["rules"] = Value::Array(rules);
    Ok(role)
}

/// What rules usually allow; another verb is worth a warning.
const VERBS: &[&str] = &[
    "get",
    "delete",
    "list",
    "create",
    "update",
    "patch",
    "watch",
    "proxy",
    "deletecollection",
    "use",
    "bind",
    "escalate",
    "impersonate",
    "*",
];
/// What may be done with a path.
const PATH_VERBS: &[&str] = &["get", "put", "post", "head", "options", "delete", "patch", "*"];

const RBAC: &str = "rbac.authorization.k8s.io";
/// Verbs that mean something for few resources only, and these, which need not be served.
const SPECIAL: &[(&str, &[(&str, &str)])] = &[
    ("use", &[("policy", "podsecuritypolicies"), ("extensions", "podsecuritypolicies")]),
    ("bind", &[(RBAC, "roles"), (RBAC, "clusterroles")]),
    ("escalate", &[(RBAC, "roles"), (RBAC, "clusterroles")]),
    (
        "impersonate",
        &[("", "users"), ("", "serviceaccounts"), ("", "groups"), ("authentication.k8s.io", "userextras")],
    ),
];

/// One rule for each API group, in the order of their names.
fn resource_rules(options: &Options) -> Result<Vec<Value>, Failure> {
    let verbs = verbs(options);
    if verbs.is_empty() {
        return Err("at least one verb must be specified".into());
    }
    for verb in verbs.iter().filter(|verb| !VERBS.contains(&verb.as_str())) {
        options.warn(&format!("'{verb}' is not a standard resource verb"));
    }
    let mut resources = options.list("resource");
    if resources.is_empty() {
        return Err("at least one resource must be specified".into());
    }
    // Everything makes naming anything else pointless.
    if let Some(at) = resources.iter().position(|resource| resource == "*") {
        resources = &resources[at..=at];
    }
    let names = unique(options.list("resource-name"));
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut checked = true;
    for resource in resources {
        let (whole, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let (name, group) = whole.split_once('.').unwrap_or((whole, ""));
        if name.is_empty() {
            return Err("resource must be specified if apiGroup/subresource specified".into());
        }
        // Behind a star nothing is checked any more.
        checked &= name != "*";
        let (group, mut plural) = resolve(options, name, group, &verbs, checked)?;
        if !subresource.is_empty() {
            plural = format!("{plural}/{subresource}");
        }
        let plurals = groups.entry(group).or_default();
        if !plurals.contains(&plural) {
            plurals.push(plural);
        }
    }
    let rule = |(group, resources): (String, Vec<String>)| {
        let mut rule = json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
        if !names.is_empty() {
            rule["resourceNames"] = json!(names);
        }
        rule
    };
    Ok(groups.into_iter().map(rule).collect())
}

/// The group and plural of `pods`, `deploy` of `apps`, or what the verbs alone know.
fn resolve(
    options: &Options,
    name: &str,
    group: &str,
    verbs: &[String],
    checked: bool,
) -> Result<(String, String), Failure> {
    let lower = name.to_lowercase();
    let served = || options.mapper.iter().flat_map(|mapper| mapper.preferred());
    let called = |m: &&Mapping| {
        [&m.plural, &m.singular, &m.kind.to_lowercase()].contains(&&lower) || m.short.contains(&lower)
    };
    // The group may be begun only, where none is called so.
    let found = served().filter(called).find(|m| group.is_empty() || m.group == group);
    let found = found.or_else(|| served().filter(called).find(|m| m.group.starts_with(group)));
    let (of, plural) = found.map_or((group, name), |m| (m.group.as_str(), m.plural.as_str()));
    let mut known = found.is_some() || !checked;
    for (verb, only) in SPECIAL.iter().filter(|(verb, _)| checked && verbs.iter().any(|v| v == verb)) {
        if !only.contains(&(of, plural)) {
            return Err(format!("can not perform '{verb}' on '{plural}' in group '{of}'").into());
        }
        known = true;
    }
    if !known {
        let of = if group.is_empty() { String::new() } else { format!(" in group {group:?}") };
        return Err(Failure::Text(format!("the server doesn't have a resource type {name:?}{of}"), 1));
    }
    Ok((of.to_owned(), plural.to_owned()))
}

/// The verbs, each once; all of them make naming others pointless.
fn verbs(options: &Options) -> Vec<String> {
    let verbs = unique(options.list("verb"));
    if verbs.iter().any(|verb| verb == "*") { vec!["*".to_owned()] } else { verbs }
}

fn unique(list: &[String]) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for item in list {
        if !seen.contains(item) {
            seen.push(item.clone());
        }
    }
    seen
}
