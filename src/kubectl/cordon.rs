//! `kubectl cordon` and `uncordon`: whether the scheduler may place pods on a node.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::{Failure, Outcome};
use super::resource::{Bare, Info};
use super::write::flags::{DRY_RUN, SELECTOR};
use super::write::{self, DryRun, Patch};
use serde_json::{Value, json};

/// `kubectl cordon`.
pub static COMMAND: Command = Command {
    name: "cordon",
    group: Group::Management,
    summary: "Mark node as unschedulable",
    usage: "cordon NODE",
    examples: &[("Mark node \"foo\" as unschedulable", "kubectl cordon foo")],
    flags: &[SELECTOR, DRY_RUN],
    run: Some(|call| -> Running { Box::pin(run(call, true)) }),
    ..Command::NEW
};

/// `kubectl uncordon`.
pub static UNCORDON: Command = Command {
    name: "uncordon",
    group: Group::Management,
    summary: "Mark node as schedulable",
    usage: "uncordon NODE",
    examples: &[("Mark node \"foo\" as schedulable", "kubectl uncordon foo")],
    flags: &[SELECTOR, DRY_RUN],
    run: Some(|call| -> Running { Box::pin(run(call, false)) }),
    ..Command::NEW
};

async fn run(call: Call, unschedulable: bool) -> Outcome<()> {
    let dry_run = DryRun::of(&call)?;
    for node in nodes(&call).await? {
        mark(&call, &node, unschedulable, dry_run).await?;
    }
    Ok(())
}

/// The nodes that the arguments or `-l` name.
///
/// # Errors
/// When there are neither or both, or a node is not there.
pub async fn nodes(call: &Call) -> Outcome<Vec<Info>> {
    let (names, selector) = (call.args(), call.flags.text("selector"));
    if names.is_empty() && selector.is_empty() {
        let verb = call.command.name;
        return Err(call.usage(format!("USAGE: {verb} NODE [flags]")));
    }
    if !names.is_empty() && !selector.is_empty() {
        return Err(call.usage("cannot specify both a node name and a --selector option"));
    }
    let mut args = vec!["nodes".to_owned()];
    for name in names {
        // `node/worker-1` is as good as `worker-1`.
        let plain = name.split_once('/').filter(|(kind, _)| matches!(*kind, "node" | "nodes" | "no"));
        args.push(plain.map_or_else(|| name.clone(), |(_, name)| name.to_owned()));
    }
    write::existing(call, &args, Bare::Refuse).await
}

/// Sets `spec.unschedulable` of a node and says so.
///
/// # Errors
/// When the server refuses.
pub async fn mark(call: &Call, node: &Info, unschedulable: bool, dry_run: DryRun) -> Outcome<()> {
    let verb = if unschedulable { "cordon" } else { "uncordon" };
    let now = node.object["spec"]["unschedulable"] == true;
    let operation = if now == unschedulable {
        format!("already {verb}ed")
    } else {
        if dry_run != DryRun::Client {
            let wanted = if unschedulable { json!(true) } else { Value::Null };
            let patch = json!({"spec": {"unschedulable": wanted}});
            write::patch(call, node, Patch::Strategic, patch, dry_run).await.map_err(|failure| {
                Failure::new(format!("unable to {verb} node {:?}: {}", node.name, failure.message()))
            })?;
        }
        format!("{verb}ed")
    };
    call.line(format!("{} {operation}{}", node.named(), dry_run.suffix()));
    Ok(())
}
