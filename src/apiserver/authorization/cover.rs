//! Whether rules cover other rules: what stands between a user and giving away more than they have.

use super::rbac::path_matches;
use k8s_openapi::api::rbac::v1::PolicyRule;
use std::fmt::Write;

/// Those of the wanted rules, one permission each, that none of the rules held covers.
pub fn missing(held: &[PolicyRule], wanted: &[PolicyRule]) -> Vec<PolicyRule> {
    let single = wanted.iter().flat_map(break_down);
    single.filter(|rule| !held.iter().any(|held| covers(held, rule))).collect()
}

/// A rule as several, each with one verb, group, resource and name.
pub fn break_down(rule: &PolicyRule) -> Vec<PolicyRule> {
    let mut single = Vec::new();
    let verbs = |rule: PolicyRule| {
        let of = rule.clone();
        rule.verbs.into_iter().map(move |verb| PolicyRule { verbs: vec![verb], ..of.clone() })
    };
    for group in rule.api_groups.iter().flatten() {
        for resource in rule.resources.iter().flatten() {
            let one = PolicyRule {
                verbs: rule.verbs.clone(),
                api_groups: Some(vec![group.clone()]),
                resources: Some(vec![resource.clone()]),
                ..PolicyRule::default()
            };
            match rule.resource_names.as_deref().unwrap_or_default() {
                [] => single.extend(verbs(one)),
                names => {
                    for name in names {
                        let resource_names = Some(vec![name.clone()]);
                        single.extend(verbs(PolicyRule { resource_names, ..one.clone() }));
                    }
                }
            }
        }
    }
    for url in rule.non_resource_urls.iter().flatten() {
        let non_resource_urls = Some(vec![url.clone()]);
        let verbs_of = rule.verbs.clone();
        single.extend(verbs(PolicyRule { verbs: verbs_of, non_resource_urls, ..PolicyRule::default() }));
    }
    single
}

/// Rules about the same single resource made one, with the verbs of all.
pub fn compact(rules: Vec<PolicyRule>) -> Vec<PolicyRule> {
    let mut merged: Vec<PolicyRule> = Vec::new();
    for rule in rules {
        let simple = rule.non_resource_urls.is_none();
        let same = |other: &&mut PolicyRule| {
            other.api_groups == rule.api_groups
                && other.resources == rule.resources
                && other.resource_names == rule.resource_names
                && other.non_resource_urls.is_none()
        };
        match merged.iter_mut().find(same).filter(|_| simple) {
            Some(other) => other.verbs.extend(rule.verbs),
            None => merged.push(rule),
        }
    }
    merged
}

/// A rule as error messages show it: `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`.
pub fn shown(rule: &PolicyRule) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut part = |name: &str, list: &[String]| {
        if !list.is_empty() {
            parts.push(format!("{name}:{}", quoted(list)));
        }
    };
    part("APIGroups", rule.api_groups.as_deref().unwrap_or_default());
    part("Resources", rule.resources.as_deref().unwrap_or_default());
    part("NonResourceURLs", rule.non_resource_urls.as_deref().unwrap_or_default());
    part("ResourceNames", rule.resource_names.as_deref().unwrap_or_default());
    part("Verbs", &rule.verbs);
    format!("{{{}}}", parts.join(", "))
}

/// A list as Go's `%q` shows it: `["a" "b"]`.
pub fn quoted<T: AsRef<str>>(list: &[T]) -> String {
    let mut text = String::from("[");
    for (index, item) in list.iter().enumerate() {
        let _ = write!(text, "{}{:?}", if index > 0 { " " } else { "" }, item.as_ref());
    }
    text + "]"
}

/// Whether a rule held covers a rule of one permission.
fn covers(held: &PolicyRule, wanted: &PolicyRule) -> bool {
    let list = |list: &Option<Vec<String>>| -> Vec<String> { list.clone().unwrap_or_default() };
    let all = |held: &[String], wanted: &[String]| {
        held.iter().any(|h| h == "*") || wanted.iter().all(|w| held.contains(w))
    };
    let names = |held: &[String], wanted: &[String]| {
        held.is_empty() || (!wanted.is_empty() && wanted.iter().all(|w| held.contains(w)))
    };
    let paths =
        |held: &[String], wanted: &[String]| wanted.iter().all(|w| held.iter().any(|h| path_matches(h, w)));
    all(&held.verbs, &wanted.verbs)
        && all(&list(&held.api_groups), &list(&wanted.api_groups))
        && resources(&list(&held.resources), &list(&wanted.resources))
        && names(&list(&held.resource_names), &list(&wanted.resource_names))
        && paths(&list(&held.non_resource_urls), &list(&wanted.non_resource_urls))
}

fn resources(held: &[String], wanted: &[String]) -> bool {
    let has = |name: &str| held.iter().any(|h| h == name);
    has("*")
        || wanted.iter().all(|w| {
            has(w) || w.split_once('/').is_some_and(|(_, subresource)| has(&format!("*/{subresource}")))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]) -> PolicyRule {
        let list = |l: &[&str]| -> Vec<String> { l.iter().map(|s| (*s).to_owned()).collect() };
        PolicyRule {
            verbs: list(verbs),
            api_groups: Some(list(groups)),
            resources: Some(list(resources)),
            resource_names: (!names.is_empty()).then(|| list(names)),
            non_resource_urls: None,
        }
    }

    #[test]
    fn what_is_missing() {
        let held = [
            rule(&["get", "list"], &[""], &["pods", "*/scale"], &[]),
            rule(&["*"], &["apps"], &["*"], &[]),
            rule(&["get"], &[""], &["secrets"], &["a", "b"]),
        ];
        for (wanted, expected) in [
            (rule(&["get"], &[""], &["pods"], &[]), &[][..]),
            (rule(&["get"], &[""], &["pods"], &["one"]), &[]),
            (rule(&["delete", "get"], &["apps"], &["deployments", "deployments/status"], &[]), &[]),
            (rule(&["get"], &[""], &["x/scale"], &[]), &[]),
            (rule(&["get"], &[""], &["secrets"], &["a"]), &[]),
            (
                rule(&["get"], &[""], &["secrets"], &[]),
                &["{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\"]}"],
            ),
            (
                rule(&["get", "watch", "delete"], &[""], &["pods"], &[]),
                &["{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"watch\" \"delete\"]}"],
            ),
            (
                rule(&["get"], &["*"], &["pods"], &[]),
                &["{APIGroups:[\"*\"], Resources:[\"pods\"], Verbs:[\"get\"]}"],
            ),
        ] {
            let lines: Vec<String> = compact(missing(&held, &[wanted])).iter().map(shown).collect();
            assert_eq!(lines, expected);
        }
    }
}
