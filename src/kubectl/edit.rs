//! `kubectl edit`: opens the objects in an editor and patches what was changed.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::resource::{Bare, Info};
use super::write::flags::{FIELD_MANAGER, FILES, OUTPUT, RECORD, SAVE_CONFIG, VALIDATE};
use super::write::{self, DryRun, Patch};
use crate::kubectl::apply::difference;
use crate::object::hash::Stream;
use crate::yaml;
use serde_json::Value;
use std::fmt::Write;

/// `kubectl edit`.
pub static COMMAND: Command = Command {
    name: "edit",
    group: Group::Intermediate,
    summary: "Edit a resource on the server",
    usage: "edit (RESOURCE/NAME | -f FILENAME)",
    examples: &[
        ("Edit the service named 'registry'", "kubectl edit svc/registry"),
        ("Use another editor", "KUBE_EDITOR=\"nano\" kubectl edit svc/registry"),
    ],
    flags: &[
        FILES,
        RECORD,
        &[
            Flag::bool("output-patch", "Print the patch as well"),
            Flag::text("subresource", "", "The subresource to edit, as status"),
            Flag::bool("windows-line-endings", "Use the line endings of Windows"),
        ],
        OUTPUT,
        SAVE_CONFIG,
        VALIDATE,
        FIELD_MANAGER,
    ],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

const HEADER: &str = "# Please edit the object below. Lines beginning with a '#' will be ignored,\n\
    # and an empty file will abort the edit. If an error occurs while saving this file will be\n\
    # reopened with the relevant failures.\n#\n";

async fn run(call: Call) -> Outcome<()> {
    let found = write::existing(&call, call.args(), Bare::All).await?;
    if found.is_empty() {
        return Err("edit cancelled, no objects found".into());
    }
    for info in found {
        edit(&call, &info).await?;
    }
    Ok(())
}

async fn edit(call: &Call, info: &Info) -> Outcome<()> {
    let mut original = info.object.clone();
    if let Some(meta) = original["metadata"].as_object_mut() {
        meta.remove("managedFields");
    }
    let suffix = Stream::new(call.env.client.now().0, "kubectl-edit", &info.path()).below(4_000_000_000);
    let path = format!("/tmp/kubectl-edit-{suffix}.yaml");
    let (before, mut shown) = (yaml::to_string(&original), yaml::to_string(&original));
    let mut reasons = String::new();
    loop {
        let text = format!("{HEADER}{reasons}{}{shown}", if reasons.is_empty() { "" } else { "#\n" });
        let text = if reasons.is_empty() { format!("{HEADER}{shown}") } else { text };
        call.env.host.write_file(&path, text.as_bytes()).map_err(Failure::new)?;
        open_editor(call, &path).await?;
        let bytes = call.env.host.read_file(&path).map_err(Failure::new)?;
        let edited = without_comments(&String::from_utf8_lossy(&bytes));
        if !reasons.is_empty() && edited == shown {
            call.note(format!("A copy of your changes has been stored to {path:?}"));
            return Err("Edit cancelled, no valid changes were saved.".into());
        }
        if edited == before {
            let _ = call.env.host.remove_file(&path);
            call.note("Edit cancelled, no changes made.");
            return Ok(());
        }
        if edited.trim().is_empty() {
            let _ = call.env.host.remove_file(&path);
            call.note("Edit cancelled, saved file was empty.");
            return Ok(());
        }
        match save(call, info, &original, &edited).await {
            Ok(()) => {
                let _ = call.env.host.remove_file(&path);
                return Ok(());
            }
            Err(why) => reasons = why,
        }
        shown = edited;
    }
}

/// Lets a value be edited; `None` when it was left as it is, or emptied.
///
/// # Errors
/// When there is no editor, or what was saved is no YAML.
pub async fn value(call: &Call, info: &Info, old: &Value) -> Outcome<Option<Value>> {
    let suffix = Stream::new(call.env.client.now().0, "kubectl-edit", &info.path()).below(4_000_000_000);
    let path = format!("/tmp/kubectl-edit-{suffix}.yaml");
    let before = yaml::to_string(old);
    call.env.host.write_file(&path, format!("{HEADER}{before}").as_bytes()).map_err(Failure::new)?;
    let opened = open_editor(call, &path).await;
    let bytes = call.env.host.read_file(&path).map_err(Failure::new)?;
    let _ = call.env.host.remove_file(&path);
    opened?;
    let edited = without_comments(&String::from_utf8_lossy(&bytes));
    if edited == before || edited.trim().is_empty() {
        return Ok(None);
    }
    let documents = yaml::parse(&edited).map_err(|e| Failure::new(e.to_string()))?;
    Ok(documents.into_iter().next().map(|d| d.value))
}

async fn open_editor(call: &Call, path: &str) -> Outcome<()> {
    let host = &call.env.host;
    let set = |name: &str| host.variable(name).filter(|editor| !editor.trim().is_empty());
    let editor = set("KUBE_EDITOR").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    let status = host.run_command(format!("{editor} {path}")).await;
    if status == 0 {
        return Ok(());
    }
    let why = match status {
        127 => format!("unable to launch the editor {editor:?}"),
        _ => format!("there was a problem with the editor {editor:?}"),
    };
    Err(why.into())
}

/// The lines that are no comments of ours.
fn without_comments(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.trim_start().starts_with('#')).collect()
}

/// Sends the change. An `Err` is the comment that says why the file is opened again.
async fn save(call: &Call, info: &Info, original: &Value, edited: &str) -> Result<(), String> {
    let documents = yaml::parse(edited).map_err(|error| {
        format!("# The edited file had a syntax error: error parsing edited-file: error converting YAML to JSON: {error}\n")
    })?;
    let Some(changed) = documents.into_iter().next().map(|d| d.value).filter(Value::is_object) else {
        return Err("# The edited file had a syntax error: no object was found\n".to_owned());
    };
    for key in ["apiVersion", "kind"] {
        if changed[key] != original[key] {
            return Err(format!(
                "# the edited file changed {key}: edit the object, do not make another one\n"
            ));
        }
    }
    if changed["metadata"]["name"] != original["metadata"]["name"] {
        return Err("# At least one of apiVersion, kind and name was changed\n".to_owned());
    }
    let patch = difference(info, original, &changed);
    if patch.as_object().is_none_or(serde_json::Map::is_empty) {
        call.line(format!("{} skipped", info.named()));
        return Ok(());
    }
    if call.flags.bool("output-patch") {
        call.line(format!("Patch: {}", write::go_json(&patch)));
    }
    let subresource = call.flags.text("subresource");
    let path = if subresource.is_empty() { info.path() } else { format!("{}/{subresource}", info.path()) };
    match write::patch_path(call, &path, Patch::Strategic, patch, DryRun::None).await {
        Ok(object) => {
            write::print_object(call, &object, "edited", DryRun::None).map_err(|failure| failure.message())
        }
        Err(failure) => Err(refused(call, info, &failure)),
    }
}

/// Says that the server refused, and answers the comment with its reasons.
fn refused(call: &Call, info: &Info, failure: &Failure) -> String {
    let resource = info.mapping.resource();
    let invalid = failure.reason() == "Invalid";
    if !invalid {
        call.note(format!("error: {resource} {:?} could not be patched: {}", info.name, failure.message()));
        call.note("You can run `kubectl replace -f FILE` to try this update again.");
        return format!("# {resource} {:?} could not be patched: {}\n", info.name, failure.message());
    }
    call.note(format!("error: {resource} {:?} is invalid", info.name));
    let mut comment = format!("# {resource} {:?} was not valid:\n", info.name);
    if let Failure::Status(status) = failure {
        for cause in status["details"]["causes"].as_array().into_iter().flatten() {
            let (field, message) =
                (cause["field"].as_str().unwrap_or(""), cause["message"].as_str().unwrap_or(""));
            let _ = writeln!(comment, "# * {field}: {}", message.replace('\n', "\n# "));
        }
    }
    comment
}
