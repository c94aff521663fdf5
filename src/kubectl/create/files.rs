//! `kubectl create -f`: every object of the manifests, one after the other, the rest despite the failures.

use crate::kubectl::call::Call;
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::manifest::Validation;
use crate::kubectl::resource::{self, Bare, Info, Target};
use crate::kubectl::write::{self, DryRun};
use crate::object::selector::Selector;
use serde_json::Value;

/// Creates what `-f` names.
pub async fn run(call: Call) -> Outcome<()> {
    let from_files = !call.flags.list("filename").is_empty() || !call.flags.text("kustomize").is_empty();
    if !from_files {
        if !call.args().is_empty() {
            return Err(call.usage(format!("Unexpected args: [{}]", call.args().join(" "))));
        }
        return Err("must specify one of -f and -k".into());
    }
    if !call.args().is_empty() {
        return Err(call.usage(format!("Unexpected args: [{}]", call.args().join(" "))));
    }
    let dry_run = DryRun::of(&call)?;
    let validation = Validation::of(&call)?;
    let selection = resource::select_validated(&call, &[], Bare::Refuse, validation).await?;
    let wanted = Selector::parse(call.flags.text("selector")).map_err(Failure::new)?;
    let mut failures = selection.unknown;
    for target in selection.targets {
        let Target::Manifest(info) = target else { continue };
        if !selected(&wanted, &info.object) {
            continue;
        }
        if let Err(failure) = create(&call, &info, dry_run).await {
            failures.push(failure);
        }
    }
    Failure::all(failures)
}

/// Whether the labels of a manifest's object fit `-l`.
pub fn selected(wanted: &Selector, object: &Value) -> bool {
    let labels = object["metadata"]["labels"].as_object();
    let labels = labels.into_iter().flatten().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())));
    wanted.matches(&labels.collect())
}

async fn create(call: &Call, info: &Info, dry_run: DryRun) -> Outcome<()> {
    let mut object = info.object.clone();
    if call.flags.bool("save-config") {
        write::remember_applied(&mut object);
    }
    let made = if dry_run == DryRun::Client {
        object
    } else {
        let sent = write::create_in(call, &info.mapping, &info.namespace, &object, dry_run).await;
        sent.map_err(|failure| failure.when("creating", &info.source))?
    };
    write::print_object(call, &made, "created", dry_run)
}
