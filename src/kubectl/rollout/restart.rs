//! `kubectl rollout restart`: an annotation on the pod template makes it a new one.

use super::change_each;
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::resource::Info;
use crate::kubectl::write::flags::{FIELD_MANAGER, FILES, OUTPUT, SELECTOR};
use serde_json::{Value, json};

const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// `kubectl rollout restart`.
pub static COMMAND: Command = Command {
    name: "restart",
    group: Group::Sub,
    summary: "Restart a resource",
    usage: "restart RESOURCE",
    examples: &[
        (
            "Restart all deployments in the test-namespace namespace",
            "kubectl rollout restart deployment -n test-namespace",
        ),
        ("Restart a deployment", "kubectl rollout restart deployment/nginx"),
    ],
    flags: &[FILES, SELECTOR, OUTPUT, FIELD_MANAGER],
    run: Some(|call| -> Running { Box::pin(async move { change_each(&call, "restarted", restart).await }) }),
    ..Command::NEW
};

fn restart(call: &Call, target: &Info) -> Outcome<Value> {
    let spec = &target.object["spec"];
    match target.object["kind"].as_str().unwrap_or("") {
        "Deployment" if spec["paused"] == true => {
            return Err(Failure::new("can't restart paused deployment (run rollout resume first)"));
        }
        "Deployment" | "DaemonSet" | "StatefulSet" => {}
        _ => return Err(Failure::new("restarting is not supported")),
    }
    let now = call.env.client.now().to_api().0.to_string();
    if spec["template"]["metadata"]["annotations"][RESTARTED_AT] == now.as_str() {
        return Err(Failure::new(
            "failed to create patch: if restart has already been triggered within the past second, please wait \
             before attempting to trigger another",
        ));
    }
    Ok(json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}}))
}
