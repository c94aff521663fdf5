//! `kubectl drain`: marks nodes unschedulable and moves their pods away through the Eviction API.
//!
//! Always holds: nothing is evicted from a node before every pod on it has been found to be movable; a refusal by a
//! disruption budget is tried again every five seconds.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::cordon;
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::resource::Info;
use super::write::DryRun;
use super::write::flags::{DRY_RUN, SELECTOR};
use crate::apiserver::{Method, Request};
use crate::object::SimTime;
use serde_json::{Value, json};

/// `kubectl drain`.
pub static COMMAND: Command = Command {
    name: "drain",
    group: Group::Management,
    summary: "Drain node in preparation for maintenance",
    usage: "drain NODE",
    examples: &[
        ("Drain node \"foo\", pods without a controller too", "kubectl drain foo --force"),
        ("With 15 minutes for each pod to end", "kubectl drain foo --grace-period=900"),
    ],
    flags: &[
        SELECTOR,
        &[
            Flag::int("chunk-size", "500", "How many pods to list at once"),
            Flag::bool("delete-emptydir-data", "Go on though the data of emptyDir volumes is lost"),
            Flag::bool("disable-eviction", "Delete pods, and do not ask disruption budgets"),
            Flag::bool("force", "Go on though there are pods that nothing will make anew"),
            Flag::int(
                "grace-period",
                "-1",
                "Seconds for each pod to end by itself; negative is the pod's own",
            ),
            Flag::bool("ignore-daemonsets", "Leave the pods of DaemonSets where they are"),
            Flag::text("pod-selector", "", "Only pods with these labels"),
            Flag::int(
                "skip-wait-for-delete-timeout",
                "0",
                "Do not wait for pods that have been ending for so many seconds",
            ),
            Flag::duration("timeout", "0s", "When to give up; 0 is never"),
        ],
        DRY_RUN,
    ],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let dry_run = DryRun::of(&call)?;
    let nodes = cordon::nodes(&call).await?;
    for node in &nodes {
        cordon::mark(&call, node, true, dry_run).await?;
    }
    let (mut fatal, mut remaining) = (Vec::new(), Vec::new());
    for node in &nodes {
        match empty(&call, node, dry_run).await {
            Ok(()) => call.line(format!("{} drained{}", node.named(), dry_run.suffix())),
            Err(why) => {
                remaining.push(node.name.as_str());
                call.note(format!(
                    "error: unable to drain node {:?} due to error: {why}, continuing command...",
                    node.name
                ));
                let list = format!(" {}\n", remaining.join("\n "));
                call.env.io.error(&format!("There are pending nodes to be drained:\n{list}"));
                fatal.push(Failure::Message(why));
            }
        }
    }
    // Even one is printed as one of several: without `error: `.
    if fatal.is_empty() { Ok(()) } else { Err(Failure::Many(fatal)) }
}

/// What is to become of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// It goes.
    Goes,
    /// It goes, with a warning.
    GoesWith(&'static str),
    /// It stays; the text is a warning, if there is one to give.
    Stays(Option<String>),
    /// It must not go: the node cannot be drained.
    Fatal(String),
}

const DAEMON_FATAL: &str = "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)";
const DAEMON_WARNING: &str = "ignoring DaemonSet-managed Pods";
const STORAGE_FATAL: &str = "Pods with local storage (use --delete-emptydir-data to override)";
const UNMANAGED_FATAL: &str = "Pods that declare no controller (use --force to override)";
const UNMANAGED_WARNING: &str = "deleting Pods that declare no controller";

/// The switches of the command line that decide over pods.
#[derive(Clone, Copy, Debug, Default)]
struct Rules {
    force: bool,
    ignore_daemon_sets: bool,
    delete_empty_dir: bool,
    /// Pods that have been ending for longer than so many seconds are let be.
    skip_after: i64,
}

/// Asks the filters one after the other; the first that says "stays" or "fatal" and else the last one decides.
fn fate(pod: &Value, rules: Rules, daemon_set: Option<&Result<(), Failure>>, now: SimTime) -> Fate {
    let meta = &pod["metadata"];
    let finished = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if rules.skip_after > 0
        && let Some(since) =
            meta["deletionTimestamp"].as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok())
        && now.seconds() - since.as_second() > rules.skip_after
    {
        return Fate::Stays(None);
    }
    let owners = meta["ownerReferences"].as_array().map_or(&[][..], Vec::as_slice);
    let controller = owners.iter().find(|o| o["controller"] == true);
    if controller.is_some_and(|c| c["kind"] == "DaemonSet") && !finished {
        match daemon_set {
            Some(Err(failure)) if failure.is_not_found() && rules.force => {}
            Some(Err(failure)) => return Fate::Fatal(failure.message()),
            _ if rules.ignore_daemon_sets => return Fate::Stays(Some(DAEMON_WARNING.to_owned())),
            _ => return Fate::Fatal(DAEMON_FATAL.to_owned()),
        }
    }
    if meta["annotations"]["kubernetes.io/config.mirror"].is_string() {
        return Fate::Stays(None);
    }
    let volumes = pod["spec"]["volumes"].as_array().map_or(&[][..], Vec::as_slice);
    if volumes.iter().any(|v| v["emptyDir"].is_object()) && !finished && !rules.delete_empty_dir {
        return Fate::Fatal(STORAGE_FATAL.to_owned());
    }
    if finished || controller.is_some() {
        return Fate::Goes;
    }
    if rules.force { Fate::GoesWith(UNMANAGED_WARNING) } else { Fate::Fatal(UNMANAGED_FATAL.to_owned()) }
}

/// The pods of a node, each with its fate.
async fn pods(call: &Call, node: &Info) -> Outcome<Vec<(Value, Fate)>> {
    let flags = &call.flags;
    let rules = Rules {
        force: flags.bool("force"),
        ignore_daemon_sets: flags.bool("ignore-daemonsets"),
        delete_empty_dir: flags.bool("delete-emptydir-data"),
        skip_after: flags.int("skip-wait-for-delete-timeout"),
    };
    let mut request =
        Request::get("/api/v1/pods").param("fieldSelector", format!("spec.nodeName={}", node.name));
    if !flags.text("pod-selector").is_empty() {
        request = request.param("labelSelector", flags.text("pod-selector"));
    }
    let list = call.request(request).await?;
    let mut found = Vec::new();
    for pod in list["items"].as_array().into_iter().flatten() {
        let owners = pod["metadata"]["ownerReferences"].as_array().map_or(&[][..], Vec::as_slice);
        let owner = owners.iter().find(|o| o["controller"] == true && o["kind"] == "DaemonSet");
        let daemon_set = match owner {
            None => None,
            Some(owner) => {
                let name = owner["name"].as_str().unwrap_or("");
                let path = format!("/apis/apps/v1/namespaces/{}/daemonsets/{name}", text(pod, "namespace"));
                Some(call.request(Request::get(path)).await.map(|_| ()))
            }
        };
        let fate = fate(pod, rules, daemon_set.as_ref(), call.env.client.now());
        found.push((pod.clone(), fate));
    }
    Ok(found)
}

fn text<'a>(pod: &'a Value, key: &str) -> &'a str {
    pod["metadata"][key].as_str().unwrap_or("")
}

fn place(pod: &Value) -> String {
    format!("{}/{}", text(pod, "namespace"), text(pod, "name"))
}

/// Groups pods by message, in the order of the first of each.
fn grouped(pods: &[(Value, Fate)], message: impl Fn(&Fate) -> Option<String>) -> Vec<(String, String)> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for (pod, fate) in pods {
        let Some(message) = message(fate) else { continue };
        match groups.iter_mut().find(|(m, _)| *m == message) {
            Some((_, places)) => places.push(place(pod)),
            None => groups.push((message, vec![place(pod)])),
        }
    }
    groups.into_iter().map(|(message, places)| (message, places.join(", "))).collect()
}

/// What Go makes of several errors in one.
fn aggregate(errors: &[String]) -> String {
    let mut unique: Vec<&str> = Vec::new();
    for error in errors {
        if !unique.contains(&error.as_str()) {
            unique.push(error);
        }
    }
    if let [one] = unique.as_slice() { (*one).to_owned() } else { format!("[{}]", unique.join(", ")) }
}

/// Moves the pods of a node away; answers the error's text.
async fn empty(call: &Call, node: &Info, dry_run: DryRun) -> Result<(), String> {
    let found = pods(call, node).await.map_err(|failure| failure.message())?;
    let fatal = grouped(&found, |fate| if let Fate::Fatal(why) = fate { Some(why.clone()) } else { None });
    if !fatal.is_empty() {
        let errors: Vec<String> =
            fatal.iter().map(|(why, places)| format!("cannot delete {why}: {places}")).collect();
        return Err(aggregate(&errors));
    }
    let warnings = grouped(&found, |fate| match fate {
        Fate::GoesWith(why) => Some((*why).to_owned()),
        Fate::Stays(why) => why.clone(),
        _ => None,
    });
    if !warnings.is_empty() {
        let list: Vec<String> = warnings.iter().map(|(why, places)| format!("{why}: {places}")).collect();
        call.note(format!("Warning: {}", list.join("; ")));
    }
    let goes = |(_, fate): &(Value, Fate)| matches!(fate, Fate::Goes | Fate::GoesWith(_));
    let going: Vec<Value> = found.into_iter().filter(goes).map(|(pod, _)| pod).collect();
    if dry_run == DryRun::Client {
        for pod in &going {
            call.line(format!("evicting pod {} (dry run)", place(pod)));
        }
        return Ok(());
    }
    let errors = move_away(call, &going, dry_run).await;
    if errors.is_empty() {
        return Ok(());
    }
    let why = aggregate(&errors);
    if let Ok(pending) = pods(call, node).await {
        let pending: Vec<String> = pending
            .iter()
            .filter(|p| goes(p))
            .map(|(pod, _)| format!("pod/{}\n", text(pod, "name")))
            .collect();
        if !pending.is_empty() {
            let list = pending.concat();
            call.env.io.error(&format!(
                "There are pending pods in node {:?} when an error occurred: {why}\n{list}",
                node.name
            ));
        }
    }
    Err(why)
}

/// Where one pod's removal stands.
enum Stage {
    /// To be evicted at this moment.
    Evict(SimTime),
    /// Evicted: look at this moment whether it is gone.
    Wait(SimTime),
    Done,
}

/// Evicts (or deletes) all pods side by side and waits until they are gone.
async fn move_away(call: &Call, pods: &[Value], dry_run: DryRun) -> Vec<String> {
    let client = &call.env.client;
    let timeout = call.flags.duration("timeout");
    let deadline = (timeout > 0).then(|| client.now() + timeout as u64);
    let late = format!("global timeout reached: {}", duration_text(timeout));
    let evict = !call.flags.bool("disable-eviction");
    let mut stages: Vec<Stage> = pods.iter().map(|_| Stage::Evict(client.now())).collect();
    let mut errors = Vec::new();
    loop {
        let now = client.now();
        let over = deadline.is_some_and(|d| d <= now);
        for (pod, stage) in pods.iter().zip(&mut stages) {
            let (name, namespace) = (text(pod, "name"), text(pod, "namespace"));
            let next = match stage {
                Stage::Evict(at) if *at <= now => match send(call, pod, evict, dry_run).await {
                    Sent::Yes => Stage::Wait(now),
                    Sent::Gone => Stage::Done,
                    Sent::Later(_) if over => {
                        errors.push(format!("error when evicting pods/{name:?} -n {namespace:?}: {late}"));
                        Stage::Done
                    }
                    Sent::Later(why) => {
                        call.note(format!(
                            "error when evicting pods/{name:?} -n {namespace:?} (will retry after 5s): {why}"
                        ));
                        Stage::Evict(now.plus_seconds(5))
                    }
                    Sent::No(why) => {
                        let verb = if evict { "evicting" } else { "deleting" };
                        errors.push(format!("error when {verb} pods/{name:?} -n {namespace:?}: {why}"));
                        Stage::Done
                    }
                },
                Stage::Wait(_) if dry_run == DryRun::Server => Stage::Done,
                Stage::Wait(at) if *at <= now => {
                    if gone(call, pod).await {
                        call.line(format!("pod/{name} {}", if evict { "evicted" } else { "deleted" }));
                        Stage::Done
                    } else if over {
                        errors.push(format!(
                            "error when waiting for pod {name:?} in namespace {namespace:?} to terminate: {late}"
                        ));
                        Stage::Done
                    } else {
                        Stage::Wait(now.plus_seconds(1))
                    }
                }
                _ if over => {
                    errors.push(format!("error when evicting pods/{name:?} -n {namespace:?}: {late}"));
                    Stage::Done
                }
                _ => continue,
            };
            *stage = next;
        }
        let due = stages.iter().filter_map(|stage| match stage {
            Stage::Evict(at) | Stage::Wait(at) => Some(*at),
            Stage::Done => None,
        });
        let Some(due) = due.min() else { return errors };
        let due = deadline.map_or(due, |d| due.min(d));
        if due > client.now() {
            client.sleep_until(due).await;
        }
    }
}

/// What became of an eviction.
enum Sent {
    Yes,
    /// The pod is not there any more.
    Gone,
    /// A budget refuses it for now.
    Later(String),
    No(String),
}

async fn send(call: &Call, pod: &Value, evict: bool, dry_run: DryRun) -> Sent {
    let (name, namespace) = (text(pod, "name"), text(pod, "namespace"));
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
    let mut options = json!({});
    if call.flags.int("grace-period") >= 0 {
        options["gracePeriodSeconds"] = json!(call.flags.int("grace-period"));
    }
    let request = if evict {
        call.line(format!("evicting pod {namespace}/{name}{}", dry_run.suffix()));
        let body = json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace}, "deleteOptions": options,
        });
        Request::with_body(Method::Post, format!("{path}/eviction"), body)
    } else {
        Request::with_body(Method::Delete, path, options)
    };
    match call.request(dry_run.mark(request)).await {
        Ok(_) => Sent::Yes,
        Err(failure) if failure.is_not_found() => Sent::Gone,
        Err(failure) if failure.reason() == "TooManyRequests" => Sent::Later(failure.message()),
        Err(failure) => Sent::No(failure.message()),
    }
}

/// Whether the pod is gone, or another has its name.
async fn gone(call: &Call, pod: &Value) -> bool {
    let path = format!("/api/v1/namespaces/{}/pods/{}", text(pod, "namespace"), text(pod, "name"));
    match call.request(Request::get(path)).await {
        Ok(now) => text(&now, "uid") != text(pod, "uid"),
        Err(failure) => failure.is_not_found(),
    }
}

/// `1m0s`, as Go prints a duration of whole seconds.
fn duration_text(nanos: i64) -> String {
    let seconds = nanos / 1_000_000_000;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_judged_as_kubectl_does() {
        let owned = |kind: &str| json!([{"kind": kind, "name": "o", "controller": true}]);
        let plain = json!({"metadata": {"name": "p"}});
        let replica = json!({"metadata": {"ownerReferences": owned("ReplicaSet")}});
        let storage = json!({"metadata": {"ownerReferences": owned("ReplicaSet")}, "spec": {"volumes": [{"emptyDir": {}}]}});
        let daemon = json!({"metadata": {"ownerReferences": owned("DaemonSet")}});
        let mirror = json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}});
        let finished = json!({"status": {"phase": "Succeeded"}});
        let strict = Rules::default();
        let loose = Rules { force: true, ignore_daemon_sets: true, delete_empty_dir: true, skip_after: 0 };
        let fatal = |why: &str| Fate::Fatal(why.to_owned());
        for (pod, rules, wanted) in [
            (&plain, strict, fatal(UNMANAGED_FATAL)),
            (&plain, loose, Fate::GoesWith(UNMANAGED_WARNING)),
            (&replica, strict, Fate::Goes),
            (&storage, strict, fatal(STORAGE_FATAL)),
            (&storage, loose, Fate::Goes),
            (&daemon, strict, fatal(DAEMON_FATAL)),
            (&daemon, loose, Fate::Stays(Some(DAEMON_WARNING.to_owned()))),
            (&mirror, strict, Fate::Stays(None)),
            (&finished, strict, Fate::Goes),
        ] {
            assert_eq!(fate(pod, rules, Some(&Ok(())), SimTime::default()), wanted, "{pod} {rules:?}");
        }
        assert_eq!(duration_text(60_000_000_000), "1m0s");
        assert_eq!(aggregate(&["a".to_owned(), "b".to_owned()]), "[a, b]");
    }
}
