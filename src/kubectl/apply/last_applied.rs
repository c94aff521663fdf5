//! `kubectl apply view-last-applied`, `set-last-applied` and `edit-last-applied`: the annotation in which `apply`
//! remembers.

use crate::apiserver::Request;
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::edit;
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::flags::Flag;
use crate::kubectl::output;
use crate::kubectl::resource::{self, Bare, Info, Target};
use crate::kubectl::write::flags::{DRY_RUN, FIELD_MANAGER, FILES, OUTPUT, SELECTOR};
use crate::kubectl::write::{self, DryRun, LAST_APPLIED, Patch};
use crate::yaml;
use serde_json::{Value, json};

/// `kubectl apply view-last-applied`.
pub static VIEW: Command = Command {
    name: "view-last-applied",
    group: Group::Sub,
    summary: "View the latest last-applied-configuration annotations of a resource/object",
    usage: "view-last-applied (TYPE [NAME | -l label] | TYPE/NAME | -f FILENAME)",
    examples: &[("What was applied last to a deployment", "kubectl apply view-last-applied deployment/web")],
    flags: &[
        FILES,
        SELECTOR,
        &[
            Flag::bool("all", "Every object of the kinds in the namespace"),
            Flag::text("output", "yaml", "Output format: json or yaml").short('o'),
        ],
    ],
    run: Some(|call| -> Running { Box::pin(view(call)) }),
    ..Command::NEW
};

/// `kubectl apply set-last-applied`.
pub static SET: Command = Command {
    name: "set-last-applied",
    group: Group::Sub,
    summary: "Set the last-applied-configuration annotation on a live object to match the contents of a file",
    usage: "set-last-applied -f FILENAME",
    examples: &[("Remember a file as applied", "kubectl apply set-last-applied -f deploy.yaml")],
    flags: &[
        FILES,
        &[Flag::bool("create-annotation", "Also when the object remembers nothing yet")],
        DRY_RUN,
        OUTPUT,
    ],
    run: Some(|call| -> Running { Box::pin(set(call)) }),
    ..Command::NEW
};

/// `kubectl apply edit-last-applied`.
pub static EDIT: Command = Command {
    name: "edit-last-applied",
    group: Group::Sub,
    summary: "Edit latest last-applied-configuration annotations of a resource/object",
    usage: "edit-last-applied (RESOURCE/NAME | -f FILENAME)",
    examples: &[("Change what a deployment remembers", "kubectl apply edit-last-applied deployment/web")],
    flags: &[FILES, FIELD_MANAGER, OUTPUT],
    run: Some(|call| -> Running { Box::pin(change(call)) }),
    ..Command::NEW
};

async fn view(call: Call) -> Outcome<()> {
    let format = call.flags.text("output");
    if !["json", "yaml"].contains(&format) {
        let why = format!("Unexpected -o output mode: {format}, the flag 'output' must be one of yaml|json");
        return Err(call.usage(why));
    }
    let selection = resource::select(&call, call.args(), Bare::All).await?;
    let mut found = Vec::new();
    for target in &selection.targets {
        for info in resource::fetch_one(&call, target).await? {
            let Some(text) = info.object["metadata"]["annotations"][LAST_APPLIED].as_str() else {
                return Err(nothing_remembered(&info));
            };
            found.push(text.to_owned());
        }
    }
    for text in found {
        let value: Value = serde_json::from_str(&text).map_err(|e| Failure::new(e.to_string()))?;
        if format == "json" {
            call.line(output::json(&value).replace("    ", "  "));
        } else {
            call.print(yaml::to_string(&value));
        }
    }
    Ok(())
}

fn nothing_remembered(info: &Info) -> Failure {
    let why = format!("no last-applied-configuration annotation found on resource: {}", info.name);
    Failure::new(why)
}

async fn set(call: Call) -> Outcome<()> {
    let dry_run = DryRun::of(&call)?;
    let selection = resource::select(&call, &[], Bare::Refuse).await?;
    for target in &selection.targets {
        let Target::Manifest(wanted) = target else { continue };
        let current = call.request(Request::get(wanted.path())).await?;
        let remembered = current["metadata"]["annotations"][LAST_APPLIED].as_str();
        if remembered.is_none() && !call.flags.bool("create-annotation") {
            return Err(format!(
                "no last-applied-configuration annotation found on resource: {}, to create the annotation, run the \
                 command with --create-annotation",
                wanted.name
            )
            .into());
        }
        let mut object = wanted.object.clone();
        write::remember_applied(&mut object);
        let text = &object["metadata"]["annotations"][LAST_APPLIED];
        let mut shown = current.clone();
        if remembered != text.as_str() {
            let patch = json!({"metadata": {"annotations": {LAST_APPLIED: text}}});
            if dry_run == DryRun::Client {
                shown["metadata"]["annotations"][LAST_APPLIED] = text.clone();
            } else {
                shown = write::patch(&call, wanted, Patch::Merge, patch, dry_run).await?;
            }
        }
        write::print_object(&call, &shown, "configured", dry_run)?;
    }
    Ok(())
}

async fn change(call: Call) -> Outcome<()> {
    for info in write::existing(&call, call.args(), Bare::Refuse).await? {
        let current = call.request(Request::get(info.path())).await?;
        let Some(text) = current["metadata"]["annotations"][LAST_APPLIED].as_str() else {
            return Err(nothing_remembered(&info));
        };
        let old: Value = serde_json::from_str(text).map_err(|e| Failure::new(e.to_string()))?;
        let Some(new) = edit::value(&call, &info, &old).await? else {
            call.note("Edit cancelled, no changes made.");
            continue;
        };
        let patch =
            json!({"metadata": {"annotations": {LAST_APPLIED: format!("{}\n", write::go_json(&new))}}});
        let object = write::patch(&call, &info, Patch::Merge, patch, DryRun::None).await?;
        write::print_object(&call, &object, "edited", DryRun::None)?;
    }
    Ok(())
}
