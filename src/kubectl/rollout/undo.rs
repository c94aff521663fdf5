//! `kubectl rollout undo`: puts the pod template of an earlier revision back.

use super::revisions::{self, REVISION, Revision};
use super::select;
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::describe;
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::flags::Flag;
use crate::kubectl::resource::Info;
use crate::kubectl::write::flags::{DRY_RUN, FILES, OUTPUT, SELECTOR};
use crate::kubectl::write::{self, DryRun, LAST_APPLIED, Patch};
use serde_json::{Value, json};

/// Annotations that belong to the Deployment and not to a revision.
const KEPT: &[&str] = &[
    LAST_APPLIED,
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// `kubectl rollout undo`.
pub static COMMAND: Command = Command {
    name: "undo",
    group: Group::Sub,
    summary: "Undo a previous rollout",
    usage: "undo (TYPE NAME | TYPE/NAME) [flags]",
    examples: &[
        ("Roll back to the previous deployment", "kubectl rollout undo deployment/abc"),
        ("Roll back to daemonset revision 3", "kubectl rollout undo daemonset/abc --to-revision=3"),
    ],
    flags: &[
        FILES,
        SELECTOR,
        OUTPUT,
        DRY_RUN,
        &[Flag::int("to-revision", "0", "The revision to go back to; 0 is the last one")],
    ],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let dry_run = DryRun::of(&call)?;
    for target in select(&call).await? {
        let result = undo(&call, &target, dry_run).await?;
        write::print_object(&call, &target.object, &result, dry_run)?;
    }
    Ok(())
}

/// Rolls one workload back and answers what to say of it.
async fn undo(call: &Call, target: &Info, dry_run: DryRun) -> Outcome<String> {
    let wanted = call.flags.int("to-revision");
    let revisions = revisions::of(call, target).await.map_err(|_| {
        let kind = target.object["kind"].as_str().unwrap_or("");
        Failure::new(format!("no rollbacker has been implemented for {kind:?}"))
    })?;
    let deployment = target.object["kind"] == "Deployment";
    let chosen = match wanted {
        0 => revisions.iter().rev().nth(1),
        number => revisions.iter().find(|r| r.number == number),
    };
    let Some(chosen) = chosen else {
        return Err(if wanted != 0 {
            format!("unable to find specified revision {wanted} in history").into()
        } else if deployment {
            format!("no rollout history found for deployment {:?}", target.name).into()
        } else {
            "no last revision to roll back to".into()
        });
    };
    if dry_run == DryRun::Client {
        return Ok(describe::pod_template(chosen.template()));
    }
    if deployment && target.object["spec"]["paused"] == true {
        return Err(
            "cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try \
                    again"
                .into(),
        );
    }
    let template = without_hash(chosen.template());
    if template == without_hash(&target.object["spec"]["template"]) {
        return Ok(format!("skipped rollback (current template already matches revision {wanted})"));
    }
    let patch =
        if deployment { deployment_patch(target, chosen, &template) } else { chosen.object["data"].clone() };
    let kind = if deployment { Patch::Json } else { Patch::Strategic };
    let patched = write::patch(call, target, kind, patch, dry_run).await;
    patched.map_err(|failure| format!("failed restoring revision {wanted}: {}", failure.message()))?;
    Ok("rolled back".to_owned())
}

fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove("pod-template-hash");
    }
    if let Some(meta) = template["metadata"].as_object_mut() {
        meta.remove("creationTimestamp");
    }
    template
}

fn deployment_patch(target: &Info, chosen: &Revision, template: &Value) -> Value {
    let mut annotations = serde_json::Map::new();
    let of = |object: &Value| object["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    for (key, value) in of(&chosen.object) {
        if !KEPT.contains(&key.as_str()) {
            annotations.insert(key, value);
        }
    }
    for (key, value) in of(&target.object) {
        if KEPT.contains(&key.as_str()) {
            annotations.insert(key, value);
        }
    }
    json!([
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "replace", "path": "/metadata/annotations", "value": annotations},
    ])
}
