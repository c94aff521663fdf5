//! `kubectl patch`.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::{Failure, Outcome};
use super::flags::{Flag, quote};
use super::resource::{Bare, Info};
use super::write::flags::{DRY_RUN, FIELD_MANAGER, FILES, LOCAL, OUTPUT, RECORD};
use super::write::{self, DryRun, Patch};
use crate::{apiserver, object::Kind, yaml};
use serde_json::Value;

/// `kubectl patch`.
pub static COMMAND: Command = Command {
    name: "patch",
    group: Group::Advanced,
    summary: "Update fields of a resource",
    usage: "patch (-f FILENAME | TYPE NAME) [-p PATCH|--patch-file FILE]",
    examples: &[
        (
            "Change a node by a strategic merge patch",
            "kubectl patch node k8s-node-1 -p '{\"spec\":{\"unschedulable\":true}}'",
        ),
        (
            "Change an image by a JSON patch",
            "kubectl patch pod valid-pod --type='json' -p='[{\"op\": \"replace\", \"path\": \"/spec/containers/0/image\", \"value\":\"new image\"}]'",
        ),
    ],
    flags: &[
        FILES,
        RECORD,
        &[
            Flag::text("patch", "", "The patch, as JSON or YAML").short('p'),
            Flag::text("patch-file", "", "The file that holds the patch"),
            Flag::text("type", "strategic", "The kind of patch: json, merge or strategic"),
            Flag::text("subresource", "", "The subresource to patch, as status or scale"),
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
    let (text, file) = (call.flags.text("patch"), call.flags.text("patch-file"));
    if !text.is_empty() && !file.is_empty() {
        return Err("cannot specify --patch and --patch-file together".into());
    }
    if text.is_empty() && file.is_empty() {
        return Err("must specify --patch or --patch-file containing the contents of the patch".into());
    }
    let kind = match call.flags.text("type").to_lowercase().as_str() {
        "json" => Patch::Json,
        "merge" => Patch::Merge,
        "strategic" => Patch::Strategic,
        _ => {
            let asked = quote(call.flags.text("type"));
            return Err(format!("--type must be one of [json merge strategic], not {asked}").into());
        }
    };
    let dry_run = DryRun::of(&call)?;
    let text = if file.is_empty() { text.to_owned() } else { read(&call, file)? };
    let unreadable = |e: yaml::Error| Failure::new(format!("unable to parse {}: {e}", quote(&text)));
    let documents = yaml::parse(&text).map_err(unreadable)?;
    let patch = documents.into_iter().next().map_or(Value::Null, |d| d.value);
    let (found, mut failures) = write::existing_some(&call, call.args(), Bare::Refuse).await?;
    for info in found {
        match apply(&call, &info, kind, &patch, dry_run).await {
            Ok(patched) => {
                let operation = if patched == info.object { "patched (no change)" } else { "patched" };
                // It does not say whether it was a dry run.
                write::print_object(&call, &patched, operation, DryRun::None)?;
            }
            Err(failure) => failures.push(failure),
        }
    }
    Failure::all(failures)
}

fn read(call: &Call, file: &str) -> Outcome<String> {
    let bytes = call.env.host.read_file(file);
    let bytes = bytes.map_err(|why| format!("unable to read patch file: open {file}: {why}"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn apply(call: &Call, info: &Info, kind: Patch, patch: &Value, dry_run: DryRun) -> Outcome<Value> {
    if call.flags.bool("local") || dry_run == DryRun::Client {
        return apply_here(info, kind, patch);
    }
    let subresource = call.flags.text("subresource");
    let path = if subresource.is_empty() { info.path() } else { format!("{}/{subresource}", info.path()) };
    write::patch_path(call, &path, kind, patch.clone(), dry_run).await
}

/// The patch applied on this side of the wire.
///
/// # Errors
/// When it does not fit the object.
pub fn apply_here(info: &Info, kind: Patch, patch: &Value) -> Outcome<Value> {
    let known = Kind::find(&info.mapping.api_version(), &info.mapping.kind);
    let Some(known) = known else {
        return Err(
            "cannot apply strategic merge patch for a kind that is not built in, try --type merge".into()
        );
    };
    apiserver::patch::apply(known, &info.object, patch, kind.content_type())
        .map_err(|error| Failure::Status(error.to_value()))
}
