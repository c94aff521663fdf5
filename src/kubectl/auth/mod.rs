//! `kubectl auth`: what one may do, who one is, and roles that are brought to what a file says.

mod reconcile;

use crate::apiserver::{Method, Request};
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group};
use crate::kubectl::describe;
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::flags::Flag;
use crate::kubectl::output;
use crate::kubectl::table::Columns;
use serde_json::json;

/// `kubectl auth`.
pub static COMMAND: Command = Command {
    name: "auth",
    group: Group::Troubleshooting,
    summary: "Inspect authorization",
    usage: "auth",
    subcommands: &[&CAN_I, &reconcile::COMMAND, &WHOAMI],
    ..Command::NEW
};

static CAN_I: Command = Command {
    name: "can-i",
    group: Group::Sub,
    summary: "Check whether an action is allowed",
    usage: "can-i VERB [TYPE | TYPE/NAME | NONRESOURCEURL]",
    examples: &[("May I make pods here?", "kubectl auth can-i create pods")],
    flags: &[&[
        Flag::bool("all-namespaces", "In every namespace").short('A'),
        Flag::bool("list", "All that is allowed"),
        Flag::bool("no-headers", "Leave out the line with the names of the columns"),
        Flag::bool("quiet", "Only the exit status").short('q'),
        Flag::text("subresource", "", "A subresource, as log or scale"),
    ]],
    run: Some(|call| Box::pin(can_i(call))),
    ..Command::NEW
};

static WHOAMI: Command = Command {
    name: "whoami",
    group: Group::Sub,
    summary: "Experimental: Check self subject attributes",
    usage: "whoami",
    flags: &[output::FLAGS],
    run: Some(|call| Box::pin(whoami(call))),
    ..Command::NEW
};

async fn can_i(call: Call) -> Outcome<()> {
    let namespace = if call.flags.bool("all-namespaces") { String::new() } else { call.namespace()? };
    if call.flags.bool("list") {
        if !call.args().is_empty() {
            return Err(Failure::new("list option must be specified with no arguments"));
        }
        return list(&call, &namespace).await;
    }
    let [verb, what] = call.args() else {
        let why = "you must specify two arguments: verb resource or verb resource/resourceName.\nSee 'kubectl auth can-i -h' for help and examples.";
        return Err(Failure::new(why));
    };
    let what = what.as_str();
    let spec = if what.starts_with('/') {
        json!({"nonResourceAttributes": {"verb": verb, "path": what}})
    } else {
        let (kind, name) = what.split_once('/').unwrap_or((what, ""));
        let mapper = call.mapper().await?;
        let (group, resource) = if let Ok(mapping) = mapper.find(kind) {
            if !mapping.namespaced && !namespace.is_empty() {
                let group = &mapping.group;
                let group = if group.is_empty() { String::new() } else { format!(" in group '{group}'") };
                call.note(format!("Warning: resource '{}' is not namespace scoped{group}\n", mapping.plural));
            }
            (mapping.group.clone(), mapping.plural.clone())
        } else {
            if kind != "*" {
                call.note(format!("Warning: the server doesn't have a resource type '{kind}'\n"));
            }
            (String::new(), kind.to_owned())
        };
        json!({"resourceAttributes": {
            "namespace": namespace, "verb": verb, "group": group, "resource": resource, "name": name,
            "subresource": call.flags.text("subresource"),
        }})
    };
    let known = if what.starts_with('/') { PATH_VERBS } else { VERBS };
    if !known.contains(&verb.as_str()) {
        call.note(format!("Warning: verb '{verb}' is not a known verb\n"));
    }
    let body =
        json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec});
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let review = call.request(Request::with_body(Method::Post, path, body)).await?;
    let allowed = review["status"]["allowed"] == true;
    if !call.flags.bool("quiet") {
        let reason = review["status"]["reason"].as_str().filter(|r| !r.is_empty() && !allowed);
        let reason = reason.map_or(String::new(), |r| format!(" - {r}"));
        call.line(format!("{}{reason}", if allowed { "yes" } else { "no" }));
    }
    if allowed { Ok(()) } else { Err(Failure::Exit(1)) }
}

/// The verbs that rules for resources have.
const VERBS: &[&str] = &[
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "use",
    "bind",
    "impersonate",
    "*",
    "approve",
    "sign",
    "escalate",
    "attest",
];
/// The verbs that rules for paths have.
const PATH_VERBS: &[&str] = &["get", "put", "post", "head", "options", "delete", "patch", "*"];

/// `--list`: all that is allowed in a namespace.
async fn list(call: &Call, namespace: &str) -> Outcome<()> {
    let body = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace},
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let review = call.request(Request::with_body(Method::Post, path, body)).await?;
    let status = &review["status"];
    if status["incomplete"] == true {
        let why = status["evaluationError"].as_str().unwrap_or("");
        call.note(format!("warning: the list may be incomplete: {why}"));
    }
    let all = ["resourceRules", "nonResourceRules"]
        .iter()
        .flat_map(|l| status[*l].as_array().into_iter().flatten());
    let role = json!({"rules": all.collect::<Vec<_>>()});
    let mut rows = Vec::new();
    if !call.flags.bool("no-headers") {
        let head = ["Resources", "Non-Resource URLs", "Resource Names", "Verbs"];
        rows.push(head.iter().map(|h| (*h).to_owned()).collect());
    }
    rows.extend(describe::rule_rows(&role));
    call.print(Columns::default().rows(&rows));
    Ok(())
}

async fn whoami(call: Call) -> Outcome<()> {
    if !call.args().is_empty() {
        return Err(call.usage(format!("unexpected arguments: [{}]", call.args().join(" "))));
    }
    let format = output::format(&call)?;
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let review = call.request(Request::with_body(Method::Post, path, body)).await?;
    if format != output::Format::Default {
        return output::print(&call, &format, &review);
    }
    let user = &review["status"]["userInfo"];
    let groups: Vec<&str> =
        user["groups"].as_array().into_iter().flatten().filter_map(|g| g.as_str()).collect();
    let row = |key: &str, value: String| vec![key.to_owned(), value];
    let mut rows = vec![row("ATTRIBUTE", "VALUE".to_owned())];
    rows.push(row("Username", user["username"].as_str().unwrap_or("").to_owned()));
    if let Some(uid) = user["uid"].as_str().filter(|u| !u.is_empty()) {
        rows.push(row("UID", uid.to_owned()));
    }
    rows.push(row("Groups", format!("[{}]", groups.join(" "))));
    for (key, values) in user["extra"].as_object().into_iter().flatten() {
        let values: Vec<&str> = values.as_array().into_iter().flatten().filter_map(|v| v.as_str()).collect();
        rows.push(row(&format!("Extra: {key}"), format!("[{}]", values.join(" "))));
    }
    call.print(Columns::default().rows(&rows));
    Ok(())
}
