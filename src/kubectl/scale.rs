//! `kubectl scale`.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::{Failure, Outcome};
use super::flags::{Flag, FlagKind};
use super::resource::{Bare, Info};
use super::write::flags::{ALL, DRY_RUN, FILES, OUTPUT, RECORD, SELECTOR};
use super::write::{self, DryRun, Patch};
use crate::apiserver::Request;
use serde_json::json;

/// `kubectl scale`.
pub static COMMAND: Command = Command {
    name: "scale",
    group: Group::Deploy,
    summary: "Set a new size for a deployment, replica set, or replication controller",
    usage: "scale [--resource-version=version] [--current-replicas=count] --replicas=COUNT (-f FILENAME | TYPE NAME)",
    examples: &[
        ("Scale a replica set named 'foo' to 3", "kubectl scale --replicas=3 rs/foo"),
        ("Only if it has 2 now", "kubectl scale --current-replicas=2 --replicas=3 deployment/mysql"),
    ],
    flags: &[
        FILES,
        RECORD,
        SELECTOR,
        ALL,
        &[
            Flag::new("replicas", FlagKind::Int(64), "0", "The new number of replicas").required(),
            Flag::new("current-replicas", FlagKind::Int(64), "-1", "Only if there are so many now"),
            Flag::text("resource-version", "", "Only if the object is at this version"),
            Flag::duration("timeout", "0s", "How long to wait until it has the size; 0 is not to wait"),
        ],
        DRY_RUN,
        OUTPUT,
    ],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let replicas = call.flags.int("replicas");
    if replicas < 0 {
        let rule = "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0";
        return Err(rule.into());
    }
    if call.flags.int("current-replicas") < -1 {
        return Err("The --current-replicas must specify an integer of -1 or greater".into());
    }
    let dry_run = DryRun::of(&call)?;
    let (found, mut failures) = write::existing_some(&call, call.args(), Bare::Refuse).await?;
    if found.is_empty() {
        let why: Vec<String> = failures.iter().map(Failure::message).collect();
        return Err(format!("no objects passed to scale {}", why.join("\n")).trim_end().into());
    }
    if !call.flags.text("resource-version").is_empty() && found.len() > 1 {
        return Err("cannot use --resource-version with multiple resources".into());
    }
    for info in found {
        if let Err(failure) = scale(&call, &info, replicas, dry_run).await {
            failures.push(failure);
        }
    }
    Failure::all(failures)
}

async fn scale(call: &Call, info: &Info, replicas: i64, dry_run: DryRun) -> Outcome<()> {
    let path = format!("{}/scale", info.path());
    let (expected, version) = (call.flags.int("current-replicas"), call.flags.text("resource-version"));
    if dry_run != DryRun::Client {
        if expected >= 0 || !version.is_empty() {
            let scale = call.request(Request::get(&path)).await?;
            let now = scale["spec"]["replicas"].as_i64().unwrap_or(0);
            if expected >= 0 && now != expected {
                return Err(format!("Expected replicas to be {expected}, was {now}").into());
            }
            let at = scale["metadata"]["resourceVersion"].as_str().unwrap_or("");
            if !version.is_empty() && at != version {
                return Err(format!("Expected resource version to be {version}, was {at}").into());
            }
        }
        let patch = json!({"spec": {"replicas": replicas}});
        write::patch_path(call, &path, Patch::Merge, patch, dry_run).await?;
        if call.flags.bool("record") {
            write::patch(call, info, Patch::Merge, json!({"metadata": {}}), dry_run).await?;
        }
    }
    let mut shown = info.object.clone();
    if dry_run == DryRun::Client {
        shown["spec"]["replicas"] = json!(replicas);
    }
    write::print_object(call, &shown, "scaled", dry_run)?;
    wait(call, info, replicas, dry_run).await
}

async fn wait(call: &Call, info: &Info, replicas: i64, dry_run: DryRun) -> Outcome<()> {
    let timeout = call.flags.duration("timeout");
    if timeout <= 0 || dry_run != DryRun::None {
        return Ok(());
    }
    let deadline = call.env.client.now() + timeout as u64;
    loop {
        let object = call.request(Request::get(info.path())).await?;
        if object["status"]["replicas"].as_i64().unwrap_or(0) == replicas {
            return Ok(());
        }
        if call.env.client.now() >= deadline {
            return Err("timed out waiting for the condition".into());
        }
        call.env.client.news(Some(deadline)).await;
    }
}
