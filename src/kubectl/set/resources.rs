//! `kubectl set resources`.

use super::{ALL, containers, fits, pod_spec, submit};
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::flags::Flag;
use crate::kubectl::resource::Bare;
use crate::kubectl::write::flags::{DRY_RUN, FIELD_MANAGER, FILES, LOCAL, OUTPUT, RECORD, SELECTOR};
use crate::kubectl::write::{self, DryRun, resource_list};
use serde_json::{Value, json};

/// `kubectl set resources`.
pub static COMMAND: Command = Command {
    name: "resources",
    group: Group::Sub,
    summary: "Update resource requests/limits on objects with pod templates",
    usage: "resources (-f FILENAME | TYPE NAME)  ([--limits=LIMITS & --requests=REQUESTS]",
    examples: &[(
        "Set the limits of a deployment's containers",
        "kubectl set resources deployment nginx -c=nginx --limits=cpu=200m,memory=512Mi",
    )],
    flags: &[
        FILES,
        RECORD,
        SELECTOR,
        ALL,
        &[
            Flag::text("containers", "*", "The containers to change; * stands for anything").short('c'),
            Flag::text("limits", "", "The limits, as NAME=AMOUNT,…"),
            Flag::text("requests", "", "The requests, as NAME=AMOUNT,…"),
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
    let dry_run = DryRun::of(&call)?;
    let (limits, requests) = (call.flags.text("limits"), call.flags.text("requests"));
    let found = write::existing(&call, call.args(), Bare::Refuse).await?;
    if limits.is_empty() && requests.is_empty() {
        let why = "you must specify an update to requests or limits (in the form of --requests/--limits)";
        return Err(why.into());
    }
    let read = |text: &str| if text.is_empty() { Ok(Value::Null) } else { resource_list(text) };
    let (limits, requests) = (read(limits)?, read(requests)?);
    let pattern = call.flags.text("containers");
    let mut failures = Vec::new();
    for info in found {
        let mut changed = info.object.clone();
        let spec = match pod_spec(&mut changed, &info) {
            Ok(spec) => spec,
            Err(failure) => {
                failures.push(super::about(&info, &failure));
                continue;
            }
        };
        let mut any = false;
        for container in containers(spec) {
            if !fits(pattern, container["name"].as_str().unwrap_or("")) {
                continue;
            }
            any = true;
            set(container, "limits", &limits);
            set(container, "requests", &requests);
        }
        if !any {
            failures.push(Failure::new(format!("error: unable to find container named {pattern}")));
            continue;
        }
        if let Err(failure) = submit(&call, &info, &changed, "resource requirements updated", dry_run).await {
            failures.push(failure);
        }
    }
    Failure::all(failures)
}

fn set(container: &mut Value, key: &str, amounts: &Value) {
    for (name, amount) in amounts.as_object().into_iter().flatten() {
        if !container["resources"].is_object() {
            container["resources"] = json!({});
        }
        let resources = &mut container["resources"];
        if !resources[key].is_object() {
            resources[key] = json!({});
        }
        resources[key][name] = amount.clone();
    }
}
