//! `kubectl set selector`: the selector of a Service.

use super::{ALL, submit};
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::flags::Flag;
use crate::kubectl::resource::Bare;
use crate::kubectl::write::flags::{DRY_RUN, FIELD_MANAGER, FILES, LOCAL, OUTPUT, RECORD};
use crate::kubectl::write::{self, DryRun, label_selector};

/// `kubectl set selector`.
pub static COMMAND: Command = Command {
    name: "selector",
    group: Group::Sub,
    summary: "Set the selector on a resource",
    usage: "selector (-f FILENAME | TYPE NAME) EXPRESSIONS [--resource-version=version]",
    examples: &[("Let a service select other pods", "kubectl set selector service my-svc 'environment=qa'")],
    flags: &[
        FILES,
        RECORD,
        ALL,
        &[Flag::text("resource-version", "", "Only if the object is at this version")],
        LOCAL,
        DRY_RUN,
        OUTPUT,
        FIELD_MANAGER,
    ],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let (mut resources, mut expressions) = (Vec::new(), Vec::new());
    for arg in call.args() {
        if arg.contains('=') || (!expressions.is_empty() && !arg.contains('/')) {
            expressions.push(arg.as_str());
        } else {
            resources.push(arg.clone());
        }
    }
    let [expression] = expressions.as_slice() else {
        return Err("one selector is required".into());
    };
    let dry_run = DryRun::of(&call)?;
    let selector = label_selector(expression)?;
    let mut failures = Vec::new();
    for info in write::existing(&call, &resources, Bare::Refuse).await? {
        if info.mapping.kind != "Service" {
            failures.push(Failure::new("setting a selector is only supported for Services"));
            continue;
        }
        if selector["matchExpressions"].is_array() {
            failures.push(Failure::new("match expression [] not supported for service selectors"));
            continue;
        }
        let mut changed = info.object.clone();
        changed["spec"]["selector"] = selector["matchLabels"].clone();
        failures.extend(submit(&call, &info, &changed, "selector updated", dry_run).await.err());
    }
    Failure::all(failures)
}
