//! `kubectl set image`.

use super::{ALL, containers, pod_spec, submit};
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::resource::Bare;
use crate::kubectl::write::flags::{DRY_RUN, FIELD_MANAGER, FILES, LOCAL, OUTPUT, RECORD, SELECTOR};
use crate::kubectl::write::{self, DryRun, pairs};
use serde_json::json;

/// `kubectl set image`.
pub static COMMAND: Command = Command {
    name: "image",
    group: Group::Sub,
    summary: "Update the image of a pod template",
    usage: "image (-f FILENAME | TYPE NAME) CONTAINER_NAME_1=CONTAINER_IMAGE_1 ... CONTAINER_NAME_N=CONTAINER_IMAGE_N",
    examples: &[
        (
            "Set the images of two containers",
            "kubectl set image deployment/nginx busybox=busybox nginx=nginx:1.9.1",
        ),
        ("Set the image of every container", "kubectl set image daemonset abc *=nginx:1.9.1"),
    ],
    flags: &[FILES, RECORD, SELECTOR, ALL, LOCAL, DRY_RUN, OUTPUT, FIELD_MANAGER],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let (resources, changes) = pairs::split(call.args(), "image")?;
    let from_files = !call.flags.list("filename").is_empty() || !call.flags.text("kustomize").is_empty();
    let dry_run = DryRun::of(&call)?;
    if resources.is_empty() && !from_files {
        write::existing(&call, &resources, Bare::Refuse).await?;
    }
    if changes.is_empty() {
        return Err("at least one image update is required".into());
    }
    let images: Vec<(&str, &str)> = changes.iter().filter_map(|c| c.split_once('=')).collect();
    if images.len() > 1 && images.iter().any(|(name, _)| *name == "*") {
        return Err("all containers are already specified by *, but saw more than one container_name=container_image pairs".into());
    }
    let mut failures = Vec::new();
    for info in write::existing(&call, &resources, Bare::Refuse).await? {
        let mut changed = info.object.clone();
        let spec = match pod_spec(&mut changed, &info) {
            Ok(spec) => spec,
            Err(failure) => {
                failures.push(super::about(&info, &failure));
                continue;
            }
        };
        let mut missing = Vec::new();
        for (name, image) in &images {
            let mut found = false;
            for container in containers(spec) {
                if *name == "*" || container["name"] == *name {
                    container["image"] = json!(image);
                    found = true;
                }
            }
            if !found {
                missing.push(Failure::new(format!("error: unable to find container named {name:?}")));
            }
        }
        if !missing.is_empty() {
            failures.extend(missing);
            continue;
        }
        if let Err(failure) = submit(&call, &info, &changed, "image updated", dry_run).await {
            failures.push(failure);
        }
    }
    Failure::all(failures)
}
