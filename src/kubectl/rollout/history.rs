//! `kubectl rollout history`: the revisions of a workload, or the pod template of one.

use super::revisions::{self, CHANGE_CAUSE, Revision};
use super::select;
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::describe;
use crate::kubectl::errors::Outcome;
use crate::kubectl::flags::Flag;
use crate::kubectl::resource::Info;
use crate::kubectl::write;
use crate::kubectl::write::flags::{FILES, OUTPUT, SELECTOR};
use serde_json::{Value, json};

/// `kubectl rollout history`.
pub static COMMAND: Command = Command {
    name: "history",
    group: Group::Sub,
    summary: "View rollout history",
    usage: "history (TYPE NAME | TYPE/NAME) [flags]",
    examples: &[
        ("View the rollout history of a deployment", "kubectl rollout history deployment/abc"),
        ("View the details of daemonset revision 3", "kubectl rollout history daemonset/abc --revision=3"),
    ],
    flags: &[FILES, SELECTOR, OUTPUT, &[Flag::int("revision", "0", "Show this revision in full")]],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let wanted = call.flags.int("revision");
    if wanted < 0 {
        return Err(format!("revision must be a positive integer: {wanted}").into());
    }
    for target in select(&call).await? {
        let revisions = revisions::of(&call, &target).await?;
        let found = revisions.iter().find(|r| r.number == wanted);
        if !call.flags.text("output").is_empty() {
            let shown = if wanted > 0 { found } else { revisions.last() };
            let Some(shown) = shown else { return Err("unable to find the specified revision".into()) };
            write::print_object(&call, &as_object(&target, shown), "", write::DryRun::None)?;
            continue;
        }
        let named = target.named();
        match (wanted, found) {
            (0, _) => call.line(format!("{named} \n{}", table(&revisions))),
            (_, Some(revision)) => {
                let text = describe::pod_template(&template(revision));
                call.line(format!("{named} with revision #{wanted}\n{text}"));
            }
            (_, None) => return Err("unable to find the specified revision".into()),
        }
    }
    Ok(())
}

/// The template, with the cause of the change among its annotations.
fn template(revision: &Revision) -> Value {
    let mut template = revision.template().clone();
    if !revision.change_cause().is_empty() && template.is_object() {
        if !template["metadata"].is_object() {
            template["metadata"] = json!({});
        }
        if !template["metadata"]["annotations"].is_object() {
            template["metadata"]["annotations"] = json!({});
        }
        template["metadata"]["annotations"][CHANGE_CAUSE] = json!(revision.change_cause());
    }
    template
}

/// For `-o yaml`: the workload as it was at the revision.
fn as_object(target: &Info, revision: &Revision) -> Value {
    if revision.object["kind"] == "ReplicaSet" {
        return revision.object.clone();
    }
    let mut object = target.object.clone();
    object["spec"]["template"] = revision.template().clone();
    object
}

fn table(revisions: &[Revision]) -> String {
    if revisions.is_empty() {
        return "No rollout history found.".to_owned();
    }
    let mut rows = vec![("REVISION".to_owned(), "CHANGE-CAUSE")];
    for revision in revisions {
        let cause = revision.change_cause();
        rows.push((revision.number.to_string(), if cause.is_empty() { "<none>" } else { cause }));
    }
    let width = rows.iter().map(|(number, _)| number.len()).max().unwrap_or(0) + 2;
    let rows: Vec<String> = rows.iter().map(|(number, cause)| format!("{number:<width$}{cause}\n")).collect();
    rows.concat()
}
