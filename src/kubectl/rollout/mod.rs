//! `kubectl rollout`: one subcommand a file.

pub mod history;
pub mod pause;
pub mod restart;
pub mod revisions;
pub mod status;
pub mod undo;

use super::call::Call;
use super::commands::{Command, Group};
use super::errors::{Failure, Outcome};
use super::resource::{Bare, Info};
use super::write::{self, DryRun, Patch};
use serde_json::Value;

/// `kubectl rollout`.
pub static COMMAND: Command = Command {
    name: "rollout",
    group: Group::Deploy,
    summary: "Manage the rollout of a resource",
    usage: "rollout SUBCOMMAND",
    examples: &[
        ("Roll back to the previous deployment", "kubectl rollout undo deployment/abc"),
        ("Check the rollout status of a daemon set", "kubectl rollout status daemonset/foo"),
    ],
    subcommands: &[
        &history::COMMAND,
        &pause::PAUSE,
        &restart::COMMAND,
        &pause::RESUME,
        &status::COMMAND,
        &undo::COMMAND,
    ],
    ..Command::NEW
};

/// The objects that the arguments name.
///
/// # Errors
/// When there are no arguments, or one of the objects is not there.
async fn select(call: &Call) -> Outcome<Vec<Info>> {
    named_any(call)?;
    write::existing(call, call.args(), Bare::All).await
}

/// Refuses a command line that names nothing.
fn named_any(call: &Call) -> Outcome<()> {
    if call.args().is_empty()
        && call.flags.list("filename").is_empty()
        && call.flags.text("kustomize").is_empty()
    {
        return Err("required resource not specified".into());
    }
    Ok(())
}

/// Patches every target with what `change` makes of it and says `operation`. A target that cannot be changed does
/// not hold up the others.
async fn change_each(
    call: &Call,
    operation: &str,
    change: fn(&Call, &Info) -> Outcome<Value>,
) -> Outcome<()> {
    named_any(call)?;
    let (found, mut failures) = write::existing_some(call, call.args(), Bare::All).await?;
    for target in found {
        let patch = match change(call, &target) {
            Ok(patch) => patch,
            Err(why) => {
                let resource = target.mapping.resource();
                failures.push(Failure::new(format!("error: {resource} {:?} {}", target.name, why.message())));
                continue;
            }
        };
        match write::patch(call, &target, Patch::Strategic, patch, DryRun::None).await {
            Ok(object) => write::print_object(call, &object, operation, DryRun::None)?,
            Err(failure) => failures.push(Failure::new(format!("failed to patch: {}", failure.message()))),
        }
    }
    Failure::all(failures)
}
