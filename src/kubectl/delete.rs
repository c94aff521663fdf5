//! `kubectl delete`: by name, by selector, or what manifests name; waits until the objects are gone.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::resource::{self, Bare, Info, Selection, Target};
use super::write::DryRun;
use super::write::flags::{ALL, ALL_NAMESPACES, DELETE, DRY_RUN, FIELD_SELECTOR, FILES, SELECTOR};
use crate::apiserver::{Method, Request};
use crate::object::SimTime;
use serde_json::{Value, json};

/// `kubectl delete`.
pub static COMMAND: Command = Command {
    name: "delete",
    group: Group::Intermediate,
    summary: "Delete resources by file names, stdin, resources and names, or by resources and label selector",
    usage: "delete ([-f FILENAME] | [-k DIRECTORY] | TYPE [(NAME | -l label | --all)])",
    examples: &[
        ("Delete a pod by the type and name in pod.json", "kubectl delete -f ./pod.json"),
        (
            "Delete the pods and services with the label name=myLabel",
            "kubectl delete pods,services -l name=myLabel",
        ),
        ("Delete a pod at once", "kubectl delete pod foo --now"),
        ("Delete all pods", "kubectl delete pods --all"),
    ],
    flags: &[
        FILES,
        SELECTOR,
        FIELD_SELECTOR,
        ALL,
        ALL_NAMESPACES,
        DELETE,
        &[
            Flag::bool("ignore-not-found", "Take a missing object for a deleted one"),
            Flag::bool("interactive", "Ask before deleting").short('i'),
            Flag::bool("now", "Let the objects end at once, as with --grace-period=1"),
            Flag::on("wait", "Wait until the objects are gone"),
            Flag::text("raw", "", "Send to this path of the server"),
            Flag::text("output", "", "Output mode: name").short('o'),
        ],
        DRY_RUN,
    ],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

/// How long pods may take to end, and what becomes of the dependents.
#[derive(Clone, Copy, Debug)]
pub struct Grace {
    /// Seconds; `None` for the object's own.
    pub seconds: Option<i64>,
    /// `Background`, `Foreground` or `Orphan`.
    pub propagation: &'static str,
    /// As a dry run of the server.
    pub dry_run: DryRun,
}

impl Grace {
    /// As `replace --force` deletes.
    pub fn of_replace(call: &Call) -> Self {
        let asked = call.flags.int("grace-period");
        Self { seconds: (asked >= 0).then_some(asked), propagation: "Background", dry_run: DryRun::None }
    }

    fn read(call: &Call, dry_run: DryRun) -> Outcome<Self> {
        let flags = &call.flags;
        let mut seconds = flags.int("grace-period");
        let force = flags.bool("force");
        if flags.bool("now") {
            if seconds != -1 {
                return Err("--now and --grace-period cannot be specified together".into());
            }
            seconds = 1;
        }
        if seconds == 0 && !force {
            // Nothing is lost by accident: at once is only what was forced.
            seconds = 1;
        }
        if force && seconds < 0 {
            seconds = 0;
        }
        let propagation = match flags.text("cascade") {
            "background" | "true" => "Background",
            "foreground" => "Foreground",
            "orphan" | "false" => "Orphan",
            other => {
                let words = "invalid cascade value";
                let known = "Must be \"background\", \"foreground\", or \"orphan\"";
                return Err(format!("{words} ({other}). {known}").into());
            }
        };
        if force && seconds > 0 {
            return Err("--force and --grace-period greater than 0 cannot be specified together".into());
        }
        if force && seconds == 0 {
            call.warn(
                "Immediate deletion does not wait for confirmation that the running resource has been terminated. \
                 The resource may continue to run on the cluster indefinitely.",
            );
        }
        Ok(Self { seconds: (seconds >= 0).then_some(seconds), propagation, dry_run })
    }

    fn operation(self) -> &'static str {
        if self.seconds == Some(0) { "force deleted" } else { "deleted" }
    }
}

async fn run(call: Call) -> Outcome<()> {
    let flags = &call.flags;
    let selecting = !flags.text("selector").is_empty();
    if flags.bool("all") && selecting {
        return Err("setting 'all' parameter but found a non empty selector. ".into());
    }
    if flags.bool("all") && !flags.text("field-selector").is_empty() {
        return Err("cannot set --all and --field-selector at the same time".into());
    }
    let dry_run = DryRun::of(&call)?;
    let grace = Grace::read(&call, dry_run)?;
    let selection = resource::select(&call, call.args(), Bare::Refuse).await?;
    let listed = selection.targets.iter().any(|t| matches!(t, Target::List { .. }));
    let ignore = flags.bool("ignore-not-found") || (listed && !flags.changed("ignore-not-found"));
    let (found, mut failures) = fetch(&call, &selection, dry_run).await;
    if ignore {
        failures.retain(|failure| !failure.is_not_found());
    }
    if found.is_empty() && failures.is_empty() {
        if listed {
            call.line("No resources found");
        }
        return Ok(());
    }
    if flags.bool("interactive")
        && dry_run == DryRun::None
        && !found.is_empty()
        && !confirmed(&call, &found).await
    {
        call.line("deletion is cancelled");
        return Ok(());
    }
    let mut waiting = Vec::new();
    for info in found {
        match delete(&call, &info, grace).await {
            Ok(answer) => waiting.push((info, answer)),
            Err(failure) if ignore && failure.is_not_found() => {}
            Err(failure) => failures.push(failure),
        }
    }
    Failure::all(failures)?;
    if !flags.bool("wait") || dry_run != DryRun::None {
        return Ok(());
    }
    let timeout = flags.duration("timeout");
    let deadline = (timeout > 0).then(|| call.env.client.now() + timeout as u64);
    for (info, answer) in &waiting {
        wait_gone(&call, info, answer, deadline).await?;
    }
    Ok(())
}

/// The objects to delete. A dry run on this side does not look whether those that are named are there.
async fn fetch(call: &Call, selection: &Selection, dry_run: DryRun) -> (Vec<Info>, Vec<Failure>) {
    if dry_run != DryRun::Client {
        return resource::fetch(call, selection).await;
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for target in &selection.targets {
        match target {
            Target::Manifest(info) => found.push(Info::clone(info)),
            Target::Named { mapping, namespace, name } => {
                let metadata = json!({"name": name, "namespace": namespace});
                found.push(resource::info(mapping, json!({"metadata": metadata})));
            }
            Target::List { .. } => match resource::fetch_one(call, target).await {
                Ok(infos) => found.extend(infos),
                Err(failure) => failures.push(failure),
            },
        }
    }
    (found, failures)
}

async fn confirmed(call: &Call, found: &[Info]) -> bool {
    let list: Vec<String> = found.iter().map(|info| info.named() + "\n").collect();
    let list = list.concat();
    let count = found.len();
    call.print(format!("You are about to delete the following {count} resource(s):\n{list}"));
    call.print("Do you want to continue? (y/n): ");
    let mut line = Vec::new();
    while !line.contains(&b'\n') {
        match call.env.io.try_read() {
            Some(bytes) => line.extend(bytes),
            None => break,
        }
        if !line.contains(&b'\n') {
            let soon = call.env.client.now().plus_millis(50);
            call.env.client.sleep_until(soon).await;
        }
    }
    String::from_utf8_lossy(&line).trim().eq_ignore_ascii_case("y")
}

async fn delete(call: &Call, info: &Info, grace: Grace) -> Outcome<Value> {
    let answer = if grace.dry_run == DryRun::Client { Value::Null } else { one(call, info, grace).await? };
    if call.flags.text("output") == "name" {
        call.line(info.named());
    } else {
        call.line(said(info, grace.operation(), grace.dry_run));
    }
    Ok(answer)
}

/// `pod "web" deleted from default namespace`.
pub fn said(info: &Info, operation: &str, dry_run: DryRun) -> String {
    let kind = info.mapping.singular_resource();
    let place =
        if info.namespace.is_empty() { String::new() } else { format!(" from {} namespace", info.namespace) };
    format!("{kind} {:?} {operation}{place}{}", info.name, dry_run.suffix())
}

/// Sends the deletion of one object.
///
/// # Errors
/// The server's answer.
pub async fn one(call: &Call, info: &Info, grace: Grace) -> Outcome<Value> {
    let mut options = json!({
        "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": grace.propagation,
    });
    if let Some(seconds) = grace.seconds {
        options["gracePeriodSeconds"] = json!(seconds);
    }
    let request = Request::with_body(Method::Delete, info.path(), options);
    call.request(grace.dry_run.mark(request)).await
}

/// Waits until the object is gone, or another has come in its place.
///
/// # Errors
/// When the deadline has passed.
pub async fn wait_gone(call: &Call, info: &Info, deleted: &Value, deadline: Option<SimTime>) -> Outcome<()> {
    // The answer is the object while it ends, and a `Status` about it once it is gone.
    let uid = [&info.object["metadata"]["uid"], &deleted["metadata"]["uid"], &deleted["details"]["uid"]]
        .into_iter()
        .find_map(Value::as_str)
        .map(str::to_owned);
    loop {
        match call.request(Request::get(info.path())).await {
            Err(failure) if failure.is_not_found() => return Ok(()),
            Err(failure) => return Err(failure),
            Ok(object) if uid.is_some() && object["metadata"]["uid"].as_str() != uid.as_deref() => {
                return Ok(());
            }
            Ok(_) => {}
        }
        if deadline.is_some_and(|d| d <= call.env.client.now()) {
            let resource = &info.mapping.plural;
            return Err(format!("timed out waiting for the condition on {resource}/{}", info.name).into());
        }
        call.env.client.news(deadline).await;
    }
}
