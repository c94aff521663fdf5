//! `kubectl set serviceaccount`.

use super::{ALL, pod_spec, submit};
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::resource::Bare;
use crate::kubectl::write::flags::{DRY_RUN, FIELD_MANAGER, FILES, LOCAL, OUTPUT, RECORD};
use crate::kubectl::write::{self, DryRun};
use serde_json::json;

/// `kubectl set serviceaccount`.
pub static COMMAND: Command = Command {
    name: "serviceaccount",
    aliases: &["sa"],
    group: Group::Sub,
    summary: "Update the service account of a resource",
    usage: "serviceaccount (-f FILENAME | TYPE NAME) SERVICE_ACCOUNT",
    examples: &[(
        "Set the service account of a deployment",
        "kubectl set serviceaccount deployment nginx-deployment serviceaccount1",
    )],
    flags: &[FILES, RECORD, ALL, LOCAL, DRY_RUN, OUTPUT, FIELD_MANAGER],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let Some((account, resources)) = call.args().split_last() else {
        return Err("serviceaccount is required".into());
    };
    let dry_run = DryRun::of(&call)?;
    let mut failures = Vec::new();
    for info in write::existing(&call, resources, Bare::Refuse).await? {
        let mut changed = info.object.clone();
        let done = match pod_spec(&mut changed, &info) {
            Ok(spec) => {
                spec["serviceAccountName"] = json!(account);
                if spec.get("serviceAccount").is_some() {
                    spec["serviceAccount"] = json!(account);
                }
                submit(&call, &info, &changed, "serviceaccount updated", dry_run).await
            }
            Err(failure) => Err(super::about(&info, &failure)),
        };
        failures.extend(done.err());
    }
    Failure::all(failures)
}
