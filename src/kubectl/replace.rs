//! `kubectl replace`: puts an object in the place of the one that is there.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::delete;
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::manifest::Validation;
use super::resource::{self, Bare, Info, Target};
use super::write::flags::{DELETE, DRY_RUN, FIELD_MANAGER, FILES, OUTPUT, SAVE_CONFIG, VALIDATE};
use super::write::{self, DryRun};
use crate::apiserver::{Method, Request};
use serde_json::Value;

/// `kubectl replace`.
pub static COMMAND: Command = Command {
    name: "replace",
    group: Group::Advanced,
    summary: "Replace a resource by file name or stdin",
    usage: "replace -f FILENAME",
    examples: &[
        ("Replace a pod by the one in pod.json", "kubectl replace -f ./pod.json"),
        ("Delete it first, and create it anew", "kubectl replace --force -f ./pod.json"),
    ],
    flags: &[
        FILES,
        DELETE,
        &[
            Flag::bool("wait", "Wait until deleted objects are gone"),
            Flag::text("raw", "", "Send to this path of the server"),
            Flag::text("subresource", "", "The subresource to replace, as status or scale"),
        ],
        DRY_RUN,
        OUTPUT,
        SAVE_CONFIG,
        VALIDATE,
        FIELD_MANAGER,
    ],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    if call.flags.list("filename").is_empty() && call.flags.text("kustomize").is_empty() {
        return Err("must specify one of -f and -k".into());
    }
    let dry_run = DryRun::of(&call)?;
    let validation = Validation::of(&call)?;
    let selection = resource::select_validated(&call, call.args(), Bare::Refuse, validation).await?;
    let force = call.flags.bool("force");
    let mut failures = Vec::new();
    for target in selection.targets {
        let Target::Manifest(info) = target else { continue };
        let mut object = info.object.clone();
        if call.flags.bool("save-config") {
            write::remember_applied(&mut object);
        }
        let done = if force && dry_run == DryRun::None {
            anew(&call, &info, &object).await
        } else {
            put(&call, &info, object, dry_run).await
        };
        if let Err(failure) = done {
            failures.push(failure);
        }
    }
    Failure::all(failures)
}

async fn put(call: &Call, info: &Info, object: Value, dry_run: DryRun) -> Outcome<()> {
    if dry_run == DryRun::Client {
        return write::print_object(call, &object, "replaced", dry_run);
    }
    let subresource = call.flags.text("subresource");
    let path = if subresource.is_empty() { info.path() } else { format!("{}/{subresource}", info.path()) };
    let request = write::manage(call, dry_run.mark(Request::with_body(Method::Put, path, object)));
    let answer = call.request(request).await.map_err(|failure| failure.when("replacing", &info.source))?;
    write::print_object(call, &answer, "replaced", dry_run)
}

/// Deletes the old object, waits until it is gone, and creates the new one.
async fn anew(call: &Call, info: &Info, object: &Value) -> Outcome<()> {
    match delete::one(call, info, delete::Grace::of_replace(call)).await {
        Ok(deleted) => {
            call.line(delete::said(info, "deleted", DryRun::None));
            delete::wait_gone(call, info, &deleted, None).await?;
        }
        Err(failure) if failure.is_not_found() => {}
        Err(failure) => return Err(failure),
    }
    let made = write::create_in(call, &info.mapping, &info.namespace, object, DryRun::None).await?;
    write::print_object(call, &made, "replaced", DryRun::None)
}
