//! `kubectl label`.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::resource::{Bare, Info};
use super::write::flags::{
    ALL, ALL_NAMESPACES, DRY_RUN, FIELD_MANAGER, FIELD_SELECTOR, FILES, LOCAL, OUTPUT, RECORD, SELECTOR,
};
use super::write::pairs::{self, Pairs};
use super::write::{self, DryRun, Patch};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What `label` and `annotate` have beside the shared flags.
pub const FLAGS: &[Flag] = &[
    Flag::bool("list", "Show the entries as they are"),
    Flag::bool("overwrite", "Let an entry that is there be replaced"),
    Flag::text("resource-version", "", "Only if the object is at this version"),
];

/// `kubectl label`.
pub static COMMAND: Command = Command {
    name: "label",
    group: Group::Settings,
    summary: "Update the labels on a resource",
    usage: "label [--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]",
    examples: &[
        (
            "Update pod 'foo' with the label 'unhealthy' and the value 'true'",
            "kubectl label pods foo unhealthy=true",
        ),
        ("Replace the value of a label that is there", "kubectl label --overwrite pods foo status=unhealthy"),
        ("Take the label 'bar' away", "kubectl label pods foo bar-"),
    ],
    flags: &[
        FILES,
        RECORD,
        SELECTOR,
        FIELD_SELECTOR,
        ALL,
        ALL_NAMESPACES,
        FLAGS,
        LOCAL,
        DRY_RUN,
        OUTPUT,
        FIELD_MANAGER,
    ],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let (resources, changes) = pairs::split(call.args(), "label")?;
    let pairs = pairs::parse(&changes, "label")?;
    let list = call.flags.bool("list");
    check_arguments(&call, &resources, &changes, "label")?;
    if let Some((pair, rule)) = pairs.set.iter().find_map(|(k, v)| Some((format!("{k}={v}"), value_rule(v)?)))
    {
        return Err(format!("invalid label value: {pair:?}: {rule}").into());
    }
    let dry_run = DryRun::of(&call)?;
    let (found, mut failures) = write::existing_some(&call, &resources, Bare::Refuse).await?;
    let several = found.len() > 1;
    for info in found {
        if let Err(failure) = label(&call, &info, &pairs, dry_run).await {
            failures.push(failure);
            continue;
        }
        if list {
            if several {
                let heading =
                    format!("Listing labels for {}.{}/{}:", info.mapping.kind, info.mapping.group, info.name);
                call.note(heading);
            }
            for (key, value) in changed(&entries(&info.object, "labels"), &pairs) {
                call.line(format!("{key}={value}"));
            }
        }
    }
    Failure::all(failures)
}

/// The checks that `label` and `annotate` have in common.
///
/// # Errors
/// When resources or changes are missing.
pub fn check_arguments(call: &Call, resources: &[String], changes: &[String], what: &str) -> Outcome<()> {
    let from_files = !call.flags.list("filename").is_empty() || !call.flags.text("kustomize").is_empty();
    if resources.is_empty() && !from_files {
        let form = "one or more resources must be specified as <resource> <name> or <resource>/<name>";
        return Err(form.into());
    }
    if changes.is_empty() && !call.flags.bool("list") {
        return Err(format!("at least one {what} update is required").into());
    }
    if !call.flags.text("resource-version").is_empty() && call.flags.bool("all") {
        return Err("--resource-version may only be used with a single resource".into());
    }
    Ok(())
}

async fn label(call: &Call, info: &Info, pairs: &Pairs, dry_run: DryRun) -> Outcome<()> {
    let old = entries(&info.object, "labels");
    if !call.flags.bool("overwrite") {
        let clash = pairs.set.iter().find_map(|(k, v)| Some((k, old.get(k).filter(|o| *o != v)?)));
        if let Some((key, value)) = clash {
            return Err(format!("'{key}' already has a value ({value}), and --overwrite is false").into());
        }
    }
    let missing = pairs.remove.iter().filter(|key| !call.flags.bool("local") && !old.contains_key(*key));
    for key in missing {
        call.line(format!("label {key:?} not found."));
    }
    let new = changed(&old, pairs);
    if call.flags.bool("list") && pairs.set.is_empty() && pairs.remove.is_empty() {
        return Ok(());
    }
    let length = |map: &BTreeMap<String, String>| json!(map).to_string().len();
    let operation = if new == old {
        "not labeled"
    } else if !call.flags.bool("overwrite") && length(&new) < length(&old) {
        "unlabeled"
    } else {
        "labeled"
    };
    let object = send(call, info, "labels", (&old, &new), dry_run).await?;
    write::print_object(call, &object, operation, dry_run)
}

/// `metadata.labels` or `metadata.annotations`.
pub fn entries(object: &Value, field: &str) -> BTreeMap<String, String> {
    let map = object["metadata"][field].as_object();
    let text = |v: &Value| v.as_str().unwrap_or("").to_owned();
    map.into_iter().flatten().map(|(k, v)| (k.clone(), text(v))).collect()
}

/// The entries after the change.
pub fn changed(old: &BTreeMap<String, String>, pairs: &Pairs) -> BTreeMap<String, String> {
    let mut new = old.clone();
    for key in &pairs.remove {
        new.remove(key);
    }
    new.extend(pairs.set.clone());
    new
}

/// Patches the difference between the old and the new entries, and answers the object.
///
/// # Errors
/// The server's answer.
pub async fn send(
    call: &Call,
    info: &Info,
    field: &str,
    (old, new): (&BTreeMap<String, String>, &BTreeMap<String, String>),
    dry_run: DryRun,
) -> Outcome<Value> {
    let local = call.flags.bool("local");
    if local || dry_run == DryRun::Client {
        let mut object = info.object.clone();
        object["metadata"][field] = json!(new);
        return Ok(object);
    }
    let mut difference = serde_json::Map::new();
    for (key, value) in new.iter().filter(|(key, value)| old.get(*key) != Some(*value)) {
        difference.insert(key.clone(), json!(value));
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        difference.insert(key.clone(), Value::Null);
    }
    if difference.is_empty() {
        return Ok(info.object.clone());
    }
    let mut patch = json!({"metadata": {field: difference}});
    let version = call.flags.text("resource-version");
    if !version.is_empty() {
        patch["metadata"]["resourceVersion"] = json!(version);
    }
    write::patch(call, info, Patch::Merge, patch, dry_run).await
}

/// What is wrong with a label's value.
pub fn value_rule(value: &str) -> Option<String> {
    let edge = |b: Option<u8>| b.is_none_or(|b| b.is_ascii_alphanumeric());
    let inner = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let mut rules = Vec::new();
    if value.len() > 63 {
        rules.push("must be no more than 63 bytes");
    }
    if !(inner && edge(value.bytes().next()) && edge(value.bytes().last())) {
        rules.push(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
             start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used \
             for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
        );
    }
    (!rules.is_empty()).then(|| rules.join("; "))
}
