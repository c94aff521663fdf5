//! `kubectl set subject`: adds users, groups and service accounts to a role binding.

use super::{ALL, submit};
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::flags::Flag;
use crate::kubectl::resource::Bare;
use crate::kubectl::write::flags::{DRY_RUN, FIELD_MANAGER, FILES, LOCAL, OUTPUT, SELECTOR};
use crate::kubectl::write::{self, DryRun};
use serde_json::{Value, json};

/// `kubectl set subject`.
pub static COMMAND: Command = Command {
    name: "subject",
    group: Group::Sub,
    summary: "Update the user, group, or service account in a role binding or cluster role binding",
    usage: "subject (-f FILENAME | TYPE NAME) [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]",
    examples: &[(
        "Add a service account",
        "kubectl set subject clusterrolebinding admin --serviceaccount=namespace:serviceaccount1",
    )],
    flags: &[
        FILES,
        SELECTOR,
        ALL,
        &[
            Flag::list("user", "Users to bind to"),
            Flag::list("group", "Groups to bind to"),
            Flag::list("serviceaccount", "Service accounts to bind to, as NAMESPACE:NAME"),
        ],
        LOCAL,
        DRY_RUN,
        OUTPUT,
        FIELD_MANAGER,
    ],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let flags = &call.flags;
    let group = "rbac.authorization.k8s.io";
    let mut wanted: Vec<Value> = Vec::new();
    for user in flags.list("user") {
        wanted.push(json!({"kind": "User", "apiGroup": group, "name": user}));
    }
    for name in flags.list("group") {
        wanted.push(json!({"kind": "Group", "apiGroup": group, "name": name}));
    }
    for account in flags.list("serviceaccount") {
        let Some((namespace, name)) = account.split_once(':') else {
            return Err("serviceaccount must be <namespace>:<name>".into());
        };
        wanted.push(json!({"kind": "ServiceAccount", "namespace": namespace, "name": name}));
    }
    if wanted.is_empty() {
        return Err("you must specify at least one value of user, group or serviceaccount".into());
    }
    let dry_run = DryRun::of(&call)?;
    let mut failures = Vec::new();
    for info in write::existing(&call, call.args(), Bare::Refuse).await? {
        if !["RoleBinding", "ClusterRoleBinding"].contains(&info.mapping.kind.as_str()) {
            let why = "setting subjects is only supported for RoleBinding/ClusterRoleBinding";
            failures.push(format!("{} {why}", info.named()).into());
            continue;
        }
        let mut changed = info.object.clone();
        let mut subjects = changed["subjects"].as_array().cloned().unwrap_or_default();
        subjects.extend(
            wanted
                .iter()
                .filter(|w| !info.object["subjects"].as_array().is_some_and(|s| s.contains(w)))
                .cloned(),
        );
        changed["subjects"] = Value::Array(subjects);
        failures.extend(submit(&call, &info, &changed, "subjects updated", dry_run).await.err());
    }
    Failure::all(failures)
}
