//! `kubectl create role` and `clusterrole`: rules from `--verb`, `--resource` and `--resource-name`.

use super::{Generated, Options, named};
use crate::kubectl::write::label_selector;
use crate::object::Kind;
use serde_json::{Value, json};

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
    let (aggregation, urls) = (options.list("aggregation-rule"), options.list("non-resource-url"));
    let (verbs, resources) = (options.list("verb"), options.list("resource"));
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
    let mut rules = Vec::new();
    if !verbs.is_empty() && resources.is_empty() && urls.is_empty() {
        return Err("one of resource or nonResourceURL must be specified".into());
    }
    if !resources.is_empty() || urls.is_empty() {
        rules = resource_rules(options)?;
    }
    if !urls.is_empty() {
        if verbs.is_empty() {
            return Err("at least one verb must be specified".into());
        }
        if urls.iter().any(|url| url != "*" && !url.starts_with('/')) {
            return Err("nonResourceURL should start with /".into());
        }
        rules.push(json!({"nonResourceURLs": urls, "verbs": unique(verbs)}));
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
    "approve",
    "sign",
    "escalate",
    "impersonate",
    "attest",
    "*",
];

/// One rule for each API group, in the order in which groups are first named.
fn resource_rules(options: &Options) -> Result<Vec<Value>, super::Failure> {
    let verbs = unique(options.list("verb"));
    if verbs.is_empty() {
        return Err("at least one verb must be specified".into());
    }
    for verb in verbs.iter().filter(|verb| !VERBS.contains(&verb.as_str())) {
        options.warn(&format!("'{verb}' is not a standard resource verb"));
    }
    let resources = options.list("resource");
    if resources.is_empty() {
        return Err("at least one resource must be specified".into());
    }
    let names = unique(options.list("resource-name"));
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for resource in resources {
        let (group, plural) = resolve(resource)?;
        match groups.iter_mut().find(|(g, _)| *g == group) {
            Some((_, plurals)) if plurals.contains(&plural) => {}
            Some((_, plurals)) => plurals.push(plural),
            None => groups.push((group, vec![plural])),
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

/// The group and plural of `pods`, `deploy.apps`, `pods/log` or `*`.
fn resolve(text: &str) -> Result<(String, String), super::Failure> {
    let (resource, subresource) = text.split_once('/').map_or((text, None), |(r, s)| (r, Some(s)));
    let (name, group) = resource.split_once('.').unwrap_or((resource, ""));
    let with_sub = |plural: &str| subresource.map_or(plural.to_owned(), |s| format!("{plural}/{s}"));
    if name == "*" {
        return Ok((group.to_owned(), with_sub("*")));
    }
    let known = Kind::ALL.iter().map(|k| k.info()).find(|info| {
        let named = info.plural == name || info.singular == name || info.short.contains(&name);
        named && (group.is_empty() || info.group == group)
    });
    known.map(|info| (info.group.to_owned(), with_sub(info.plural))).ok_or_else(|| {
        let of = if group.is_empty() { String::new() } else { format!(" in group {group:?}") };
        super::Failure::Text(format!("the server doesn't have a resource type {name:?}{of}"), 1)
    })
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
