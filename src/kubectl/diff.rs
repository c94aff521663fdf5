//! `kubectl diff`: what `kubectl apply` would change, as `diff -u -N` shows it.

use super::apply::three_way;
use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::manifest::Validation;
use super::resource::{self, Bare, Info, Target};
use super::write::flags::{FIELD_MANAGER, FILES, SELECTOR};
use super::write::{self, DryRun, LAST_APPLIED, Patch};
use crate::apiserver::Request;
use crate::difference;
use crate::yaml;
use serde_json::{Value, json};

/// `kubectl diff`.
pub static COMMAND: Command = Command {
    name: "diff",
    group: Group::Advanced,
    summary: "Diff the live version against a would-be applied version",
    usage: "diff -f FILENAME",
    examples: &[("What would change by pod.json", "kubectl diff -f pod.json")],
    flags: &[
        FILES,
        SELECTOR,
        &[
            Flag::int("concurrency", "1", "How many objects to compare at a time"),
            Flag::bool("force-conflicts", "With --server-side: take over the fields of others"),
            Flag::bool("prune", "Show what --prune would delete"),
            Flag::array("prune-allowlist", "With --prune: the kinds to delete"),
            Flag::bool("server-side", "As apply --server-side would"),
        ],
        FIELD_MANAGER,
    ],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    match differences(&call).await {
        Ok(0) => Ok(()),
        Ok(_) => Err(Failure::Exit(1)),
        Err(failure) => Err(Failure::Text(failure.report().0, 2)),
    }
}

/// Prints the differences and answers in how many objects there are any.
async fn differences(call: &Call) -> Outcome<usize> {
    if !call.args().is_empty() {
        return Err(call.usage(format!("Unexpected args: [{}]", call.args().join(" "))));
    }
    if call.flags.list("filename").is_empty() && call.flags.text("kustomize").is_empty() {
        return Err("must specify one of -f and -k".into());
    }
    let selection = resource::select_validated(call, call.args(), Bare::Refuse, Validation::Off).await?;
    let mut different = 0;
    for target in selection.targets {
        let Target::Manifest(info) = target else { continue };
        let (live, merged) = versions(call, &info).await?;
        if show(call, &info, live.as_ref(), &merged) {
            different += 1;
        }
    }
    Ok(different)
}

/// The object as it is, and as it would be.
async fn versions(call: &Call, info: &Info) -> Outcome<(Option<Value>, Value)> {
    let mut modified = info.object.clone();
    write::remember_applied(&mut modified);
    let current = match call.request(Request::get(info.path())).await {
        Ok(current) => current,
        Err(failure) if failure.is_not_found() => {
            let made =
                write::create_in(call, &info.mapping, &info.namespace, &modified, DryRun::Server).await;
            return Ok((None, made.map_err(|failure| failure.when("creating", &info.source))?));
        }
        Err(failure) => return Err(failure),
    };
    let remembered = current["metadata"]["annotations"][LAST_APPLIED].as_str();
    let original = remembered.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(json!({}));
    let patch = three_way(info, &original, &modified, &current);
    let merged = write::patch(call, info, Patch::Strategic, patch, DryRun::Server).await?;
    Ok((Some(current), merged))
}

/// Without what says nothing about a difference.
fn comparable(value: &Value) -> String {
    let mut value = value.clone();
    if let Some(meta) = value["metadata"].as_object_mut() {
        meta.remove("managedFields");
        let annotations = meta.get_mut("annotations").and_then(Value::as_object_mut);
        let empty = annotations.is_some_and(|annotations| {
            annotations.remove(LAST_APPLIED);
            annotations.is_empty()
        });
        if empty {
            meta.remove("annotations");
        }
    }
    yaml::to_string(&value)
}

fn show(call: &Call, info: &Info, live: Option<&Value>, merged: &Value) -> bool {
    let (old, new) = (live.map(comparable).unwrap_or_default(), comparable(merged));
    if old == new {
        return false;
    }
    let mapping = &info.mapping;
    let group = if mapping.group.is_empty() { String::new() } else { format!("{}.", mapping.group) };
    let file = format!("{group}{}.{}.{}.{}", mapping.version, mapping.kind, info.namespace, info.name);
    let (left, right) = (format!("/tmp/LIVE-1/{file}"), format!("/tmp/MERGED-1/{file}"));
    let now = call.env.client.now().to_api().0.strftime("%Y-%m-%d %H:%M:%S.%9f +0000").to_string();
    call.line(format!("diff -u -N {left} {right}"));
    let hunks = difference::unified(&old, &new, 3);
    call.print(format!("--- {left}\t{now}\n+++ {right}\t{now}\n{hunks}"));
    true
}
