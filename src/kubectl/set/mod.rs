//! `kubectl set`: one subcommand a file; all of them change the pod template of an object.

pub mod env;
pub mod image;
pub mod resources;
pub mod selector;
pub mod serviceaccount;
pub mod subject;

use super::call::Call;
use super::commands::{Command, Group};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::resource::Info;
use super::write::{self, DryRun, Patch};
use crate::kubectl::apply::difference;
use serde_json::Value;

/// `kubectl set`.
pub static COMMAND: Command = Command {
    name: "set",
    group: Group::Beginner,
    summary: "Set specific features on objects",
    usage: "set SUBCOMMAND",
    subcommands: &[
        &env::COMMAND,
        &image::COMMAND,
        &resources::COMMAND,
        &selector::COMMAND,
        &serviceaccount::COMMAND,
        &subject::COMMAND,
    ],
    ..Command::NEW
};

/// `--all`, as the set commands have it.
const ALL: &[Flag] = &[Flag::bool("all", "All objects of the type in the namespace")];

/// Where the pod template's spec is in an object.
///
/// # Errors
/// When the kind has none.
fn pod_spec<'a>(object: &'a mut Value, info: &Info) -> Outcome<&'a mut Value> {
    let path = match info.mapping.kind.as_str() {
        "Pod" => "/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        _ => "/spec/template/spec",
    };
    object.pointer_mut(path).ok_or_else(|| {
        Failure::new(format!(
            "the object is not a pod or does not have a pod template: {}",
            info.mapping.kind
        ))
    })
}

/// Whether a container's name fits a pattern in which `*` stands for anything.
pub fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            let ends = (0..=rest.len()).filter(|at| rest.is_char_boundary(*at));
            ends.rev().any(|at| fits(after, &rest[at..]))
        }),
    }
}

/// The containers of a pod spec: first those to initialise, then the others.
fn containers(spec: &mut Value) -> Vec<&mut Value> {
    let Some(spec) = spec.as_object_mut() else { return Vec::new() };
    let mut found = Vec::new();
    for (key, value) in spec.iter_mut() {
        if let ("initContainers" | "containers", Value::Array(items)) = (key.as_str(), value) {
            found.push((key == "containers", items));
        }
    }
    found.sort_by_key(|(main, _)| *main);
    found.into_iter().flat_map(|(_, items)| items.iter_mut()).collect()
}

/// Sends the difference between an object and its changed copy, and says `operation`; says nothing when there is none.
async fn submit(call: &Call, info: &Info, changed: &Value, operation: &str, dry_run: DryRun) -> Outcome<()> {
    let patch = difference(info, &info.object, changed);
    if patch.as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(());
    }
    if call.flags.bool("local") || dry_run == DryRun::Client {
        return write::print_object(call, changed, operation, dry_run);
    }
    let sent = write::patch(call, info, Patch::Strategic, patch, dry_run).await;
    let object = sent.map_err(|failure| {
        Failure::new(format!("failed to patch {}: {}", what(operation), failure.message()))
    })?;
    write::print_object(call, &object, operation, dry_run)
}

/// What a message about a failure calls the change.
fn what(operation: &str) -> &'static str {
    match operation {
        "image updated" => "image update to pod template",
        "env updated" => "env update to pod template",
        "resource requirements updated" => "limit update to pod template",
        _ => "update to pod template",
    }
}

/// `error: deployments/web …`: what could not be changed of which object.
fn about(info: &Info, failure: &Failure) -> Failure {
    let resource = info.mapping.resource();
    Failure::new(format!("error: {resource}/{} {}", info.name, failure.message()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn patterns() {
        for (pattern, name, fit) in [
            ("*", "nginx", true),
            ("ng*", "nginx", true),
            ("*x", "nginx", true),
            ("a*", "nginx", false),
            ("nginx", "nginx", true),
        ] {
            assert_eq!(super::fits(pattern, name), fit, "{pattern}");
        }
    }
}
