//! `kubectl rollout pause` and `resume`.

use super::change_each;
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::resource::Info;
use crate::kubectl::write::flags::{FIELD_MANAGER, FILES, OUTPUT, SELECTOR};
use serde_json::{Value, json};

/// `kubectl rollout pause`.
pub static PAUSE: Command = Command {
    name: "pause",
    group: Group::Sub,
    summary: "Mark the provided resource as paused",
    usage: "pause RESOURCE",
    examples: &[("Mark the nginx deployment as paused", "kubectl rollout pause deployment/nginx")],
    flags: &[FILES, SELECTOR, OUTPUT, FIELD_MANAGER],
    run: Some(|call| -> Running { Box::pin(async move { change_each(&call, "paused", pause).await }) }),
    ..Command::NEW
};

/// `kubectl rollout resume`.
pub static RESUME: Command = Command {
    name: "resume",
    group: Group::Sub,
    summary: "Resume a paused resource",
    usage: "resume RESOURCE",
    examples: &[("Resume an already paused deployment", "kubectl rollout resume deployment/nginx")],
    flags: &[FILES, SELECTOR, OUTPUT, FIELD_MANAGER],
    run: Some(|call| -> Running { Box::pin(async move { change_each(&call, "resumed", resume).await }) }),
    ..Command::NEW
};

fn pause(_call: &Call, target: &Info) -> Outcome<Value> {
    if target.object["kind"] != "Deployment" {
        return Err(Failure::new("pausing is not supported"));
    }
    if target.object["spec"]["paused"] == true {
        return Err(Failure::new("is already paused"));
    }
    Ok(json!({"spec": {"paused": true}}))
}

fn resume(_call: &Call, target: &Info) -> Outcome<Value> {
    if target.object["kind"] != "Deployment" {
        return Err(Failure::new("resuming is not supported"));
    }
    if target.object["spec"]["paused"] != true {
        return Err(Failure::new("is not paused"));
    }
    Ok(json!({"spec": {"paused": null}}))
}
