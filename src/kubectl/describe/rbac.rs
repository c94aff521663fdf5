//! Describes a ServiceAccount, roles and their bindings.

use super::Desk;
use super::writer::{items, text};
use crate::kubectl::errors::Outcome;
use serde_json::Value;

pub(super) async fn service_account(desk: &Desk, account: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let metadata = &account["metadata"];
    page.name(account);
    page.metadata(account);
    let secrets =
        desk.list(&format!("/api/v1/namespaces/{}/secrets", text(&metadata["namespace"])), &[]).await;
    let exists = |name: &str| secrets.iter().any(|s| s["metadata"]["name"] == name);
    let named = |list: &Value| -> Vec<String> { items(list).iter().map(|s| text(&s["name"])).collect() };
    let is_token = |s: &&Value| {
        let annotations = &s["metadata"]["annotations"];
        s["type"] == "kubernetes.io/service-account-token"
            && annotations["kubernetes.io/service-account.name"] == metadata["name"]
            && annotations["kubernetes.io/service-account.uid"] == metadata["uid"]
    };
    let tokens: Vec<String> = secrets.iter().filter(is_token).map(|s| text(&s["metadata"]["name"])).collect();
    let groups = [
        ("Image pull secrets:", named(&account["imagePullSecrets"])),
        ("Mountable secrets: ", named(&account["secrets"])),
        ("Tokens:            ", tokens),
    ];
    // Since 1.36 what is empty and out of use is left out.
    for (header, names) in &groups {
        if names.is_empty() && header.starts_with("Image") {
            page.line(0, format!("{header}\t<none>"));
        }
        for (i, name) in names.iter().enumerate() {
            let prefix = if i == 0 { *header } else { "                   " };
            let missing = if exists(name) { "" } else { " (not found)" };
            page.line(0, format!("{prefix}\t{name}{missing}"));
        }
    }
    page.events(desk.events(account).await.as_ref());
    Ok(page.finish())
}

/// A rule for one resource.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rule {
    group: String,
    plain: String,
    resource: String,
    urls: String,
    names: String,
    verbs: Vec<String>,
}

#[allow(clippy::unused_async)]
pub(super) async fn role(desk: &Desk, role: &Value) -> Outcome<String> {
    let mut page = desk.page();
    page.pair(0, "Name", text(&role["metadata"]["name"]));
    page.metadata(role);
    page.line(0, "PolicyRule:");
    page.line(1, "Resources\tNon-Resource URLs\tResource Names\tVerbs");
    page.line(1, "---------\t-----------------\t--------------\t-----");
    for rule in rules(role) {
        page.line(1, rule.cells().join("\t"));
    }
    Ok(page.finish())
}

impl Rule {
    /// Its cells: resource, URLs, names, verbs.
    pub(super) fn cells(&self) -> [String; 4] {
        let verbs = format!("[{}]", self.verbs.join(" "));
        [self.resource.clone(), self.urls.clone(), self.names.clone(), verbs]
    }

    /// What rules are sorted by: the text that Go has for them.
    fn order(&self) -> String {
        let (verbs, group, resource) = (self.verbs.join(" "), &self.group, &self.plain);
        format!("Verbs:[{verbs}],APIGroups:[{group}],Resources:[{resource}],{},{}", self.names, self.urls)
    }
}

/// The rules broken down to one resource or URL each, equal ones put together.
pub(super) fn rules(role: &Value) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut put = |(group, plain): (&str, &str), urls: String, names: String, verb: &str| {
        let resource = combined(plain, group);
        let same = |r: &&mut Rule| r.resource == resource && r.urls == urls && r.names == names;
        let (group, plain) = (group.to_owned(), plain.to_owned());
        match rules.iter_mut().find(same) {
            Some(rule) if rule.verbs.iter().any(|v| v == verb) => {}
            Some(rule) => rule.verbs.push(verb.to_owned()),
            None => rules.push(Rule { group, plain, resource, urls, names, verbs: vec![verb.to_owned()] }),
        }
    };
    for rule in items(&role["rules"]) {
        let all = |field: &str| -> Vec<String> { items(&rule[field]).iter().map(text).collect() };
        for group in all("apiGroups") {
            for resource in all("resources") {
                let names = all("resourceNames");
                let names = if names.is_empty() { vec![String::new()] } else { names };
                for name in names {
                    for verb in all("verbs") {
                        let list = if name.is_empty() { "[]".to_owned() } else { format!("[{name}]") };
                        put((&group, &resource), "[]".to_owned(), list, &verb);
                    }
                }
            }
        }
        for url in all("nonResourceURLs") {
            for verb in all("verbs") {
                put(("", ""), format!("[{url}]"), "[]".to_owned(), &verb);
            }
        }
    }
    rules.sort_by_key(Rule::order);
    rules
}

/// `deployments.apps/scale`.
fn combined(resource: &str, group: &str) -> String {
    let (name, sub) = resource.split_once('/').map_or((resource, None), |(n, s)| (n, Some(s)));
    let group = if group.is_empty() { String::new() } else { format!(".{group}") };
    let sub = sub.map_or_else(String::new, |s| format!("/{s}"));
    format!("{name}{group}{sub}")
}

#[allow(clippy::unused_async)]
pub(super) async fn binding(desk: &Desk, binding: &Value) -> Outcome<String> {
    let mut page = desk.page();
    page.pair(0, "Name", text(&binding["metadata"]["name"]));
    page.metadata(binding);
    page.line(0, "Role:");
    page.pair(1, "Kind", text(&binding["roleRef"]["kind"]));
    page.pair(1, "Name", text(&binding["roleRef"]["name"]));
    page.line(0, "Subjects:");
    page.line(1, "Kind\tName\tNamespace");
    page.line(1, "----\t----\t---------");
    for s in items(&binding["subjects"]) {
        page.line(1, format!("{}\t{}\t{}", text(&s["kind"]), text(&s["name"]), text(&s["namespace"])));
    }
    Ok(page.finish())
}
