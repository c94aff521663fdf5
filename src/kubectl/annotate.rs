//! `kubectl annotate`.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::{Failure, Outcome};
use super::label::{FLAGS, changed, check_arguments, entries, send};
use super::resource::{Bare, Info};
use super::write::flags::{
    ALL, ALL_NAMESPACES, DRY_RUN, FIELD_MANAGER, FIELD_SELECTOR, FILES, LOCAL, OUTPUT, RECORD, SELECTOR,
};
use super::write::pairs::{self, Pairs};
use super::write::{self, DryRun};

/// `kubectl annotate`.
pub static COMMAND: Command = Command {
    name: "annotate",
    group: Group::Settings,
    summary: "Update the annotations on a resource",
    usage: "annotate [--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]",
    examples: &[
        ("Annotate pod 'foo'", "kubectl annotate pods foo description='my frontend'"),
        ("Take the annotation away", "kubectl annotate pods foo description-"),
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
    let (resources, changes) = pairs::split(call.args(), "annotation")?;
    let pairs = pairs::parse(&changes, "annotation")?;
    check_arguments(&call, &resources, &changes, "annotation")?;
    let dry_run = DryRun::of(&call)?;
    let (found, mut failures) = write::existing_some(&call, &resources, Bare::Refuse).await?;
    let several = found.len() > 1;
    for info in found {
        if let Err(failure) = annotate(&call, &info, &pairs, dry_run).await {
            failures.push(failure);
            continue;
        }
        if call.flags.bool("list") {
            if several {
                let (kind, group) = (&info.mapping.kind, &info.mapping.group);
                call.note(format!("Listing annotations for {kind}.{group}/{}:", info.name));
            }
            for (key, value) in changed(&entries(&info.object, "annotations"), &pairs) {
                call.line(format!("{key}={value}"));
            }
        }
    }
    Failure::all(failures)
}

async fn annotate(call: &Call, info: &Info, pairs: &Pairs, dry_run: DryRun) -> Outcome<()> {
    let old = entries(&info.object, "annotations");
    if !call.flags.bool("overwrite") {
        // The cause of a change belongs to the latest change: it may always be replaced.
        let kept = |key: &&String| *key != super::rollout::revisions::CHANGE_CAUSE;
        let clashes: Vec<String> = pairs
            .set
            .keys()
            .filter(kept)
            .filter_map(|key| Some(format!("'{key}' already has a value ({})", old.get(key)?)))
            .collect();
        if !clashes.is_empty() {
            let list = clashes.join("; ");
            let why = "--overwrite is false but found the following declared annotation(s)";
            return Err(format!("{why}: {list}").into());
        }
    }
    if call.flags.bool("list") && pairs.set.is_empty() && pairs.remove.is_empty() {
        return Ok(());
    }
    let new = changed(&old, pairs);
    let object = send(call, info, "annotations", (&old, &new), dry_run).await?;
    write::print_object(call, &object, "annotated", dry_run)
}
