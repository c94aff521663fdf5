//! `kubectl logs`.
//!
//! Always holds: which pods and containers to read is settled first; then one request a container, or one open stream
//! a container with `-f`.

use super::call::Call;
use super::commands::{Command, Group};
use super::errors::{Failure, Outcome};
use super::flags::{Flag, FlagKind};
use super::resource::{self, Bare, Target};
use crate::apiserver::{Body, Request, StreamId};
use crate::object::SECOND;
use serde_json::Value;

/// `kubectl logs`.
pub static COMMAND: Command = Command {
    name: "logs",
    aliases: &["log"],
    group: Group::Troubleshooting,
    summary: "Print the logs for a container in a pod",
    details: "With one container in the pod its name may be left out.",
    usage: "logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]",
    examples: &[
        ("The only container of a pod", "kubectl logs web"),
        ("As it is written", "kubectl logs -f web"),
        ("The container before the last restart", "kubectl logs -p web -c app"),
        ("Every pod with a label", "kubectl logs -l app=web --all-containers --prefix"),
    ],
    flags: &[FLAGS, resource::SELECTOR_FLAGS],
    run: Some(|call| Box::pin(run(call))),
    ..Command::NEW
};

const FLAGS: &[Flag] = &[
    Flag::bool("all-containers", "Every container of the pods"),
    Flag::bool("all-pods", "Every pod of the object; names the source of each line"),
    Flag::text("container", "", "The container").short('c'),
    Flag::bool("follow", "Go on as more is written").short('f'),
    Flag::bool("ignore-errors", "With -f, go on when one log cannot be read"),
    Flag::bool("insecure-skip-tls-verify-backend", "Do not check the identity of the kubelet"),
    Flag::int("limit-bytes", "0", "At most this many bytes; 0 for all"),
    Flag::int("max-log-requests", "5", "How many logs to follow at once with a selector"),
    Flag::new("pod-running-timeout", FlagKind::Duration, "20s", "How long to wait for a running pod"),
    Flag::bool("prefix", "Name the pod and container before each line"),
    Flag::bool("previous", "The container before the last restart").short('p'),
    Flag::duration("since", "0s", "Only lines younger than this, as 5s, 2m, 3h"),
    Flag::text("since-time", "", "Only lines after this time (RFC 3339)"),
    Flag::int("tail", "-1", "Only the last lines; -1 for all, 10 with a selector"),
    Flag::bool("timestamps", "Show when each line was written"),
];

/// A container whose log is read.
struct Source {
    pod: Value,
    container: String,
}

async fn run(call: Call) -> Outcome<()> {
    let selector = !call.flags.text("selector").is_empty();
    if call.args().is_empty() && !selector {
        return Err(call.usage(
            "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command",
        ));
    }
    if selector && !call.args().is_empty() {
        return Err(call.usage("only a selector (-l) or a POD name is allowed"));
    }
    if call.args().len() > 2 {
        return Err(call.usage("expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command"));
    }
    let pods = pods(&call).await?;
    check_flags(&call)?;
    let mut sources = Vec::new();
    for pod in pods {
        sources.extend(
            containers(&call, &pod)?.into_iter().map(|container| Source { pod: pod.clone(), container }),
        );
    }
    if call.flags.bool("follow") { follow(&call, &sources).await } else { print_all(&call, &sources).await }
}

fn check_flags(call: &Call) -> Outcome<()> {
    let flags = &call.flags;
    if flags.changed("since") && flags.changed("since-time") {
        return Err(Failure::new("at most one of `sinceTime` or `sinceSeconds` may be specified"));
    }
    if flags.bool("all-containers") && !flags.text("container").is_empty() {
        return Err(Failure::new("--all-containers=true should not be specified with container name"));
    }
    if flags.int("tail") < -1 {
        return Err(Failure::new("--tail must be greater than or equal to -1"));
    }
    if flags.int("limit-bytes") < 0 {
        return Err(Failure::new("--limit-bytes must be greater than 0"));
    }
    Ok(())
}

/// The pods that the command line names.
async fn pods(call: &Call) -> Outcome<Vec<Value>> {
    let args = call.args();
    let namespace = call.namespace()?;
    let from_missing = |failure: Failure| match failure.reason() {
        "NotFound" => Failure::new(format!(
            "error from server (NotFound): {} in namespace \"{namespace}\"",
            failure.message()
        )),
        _ => failure,
    };
    if args.is_empty() {
        let request = Request::get(format!("/api/v1/namespaces/{namespace}/pods"));
        let list = call.request(request.param("labelSelector", call.flags.text("selector"))).await?;
        let found = list["items"].as_array().cloned().unwrap_or_default();
        if found.is_empty() {
            call.note(format!("No resources found in {namespace} namespace."));
        }
        return Ok(found);
    }
    let words =
        if args[0].contains('/') { vec![args[0].clone()] } else { vec!["pods".to_owned(), args[0].clone()] };
    let selection = resource::select(call, &words, Bare::Refuse).await?;
    let Some(target @ Target::Named { mapping, .. }) = selection.targets.first() else {
        return Err(Failure::new("expected a resource"));
    };
    let found = resource::fetch_one(call, target).await.map_err(from_missing)?;
    let Some(info) = found.into_iter().next() else { return Ok(Vec::new()) };
    if mapping.kind == "Pod" {
        return Ok(vec![info.object]);
    }
    let Some(selector) = selector_of(&info.object) else {
        let kind = format!("*{}.{}", mapping.version, mapping.kind);
        let why = format!("cannot get the logs from {kind}: selector for {kind} not implemented");
        return Err(Failure::new(why));
    };
    let deadline = call.env.client.now() + call.flags.duration("pod-running-timeout").max(0) as u64;
    loop {
        let request = Request::get(format!("/api/v1/namespaces/{}/pods", info.namespace));
        let list = call.request(request.param("labelSelector", &selector)).await?;
        let mut found = list["items"].as_array().cloned().unwrap_or_default();
        if call.flags.bool("all-pods") && !found.is_empty() {
            return Ok(found);
        }
        found.sort_by_key(order_for_logs);
        if let Some(first) = found.first() {
            if found.len() > 1 {
                call.note(format!(
                    "Found {} pods, using pod/{}",
                    found.len(),
                    text(&first["metadata"]["name"])
                ));
            }
            return Ok(vec![first.clone()]);
        }
        if call.env.client.now() >= deadline {
            return Err(Failure::new("timed out waiting for the condition"));
        }
        call.env.client.news(Some(deadline)).await;
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// The label selector of a workload or a Service, as text.
fn selector_of(object: &Value) -> Option<String> {
    use crate::object::selector::Selector;
    let selector = &object["spec"]["selector"];
    if let Some(map) = selector.as_object().filter(|m| m.values().all(Value::is_string) && !m.is_empty()) {
        let pairs: Vec<String> = map.iter().map(|(k, v)| format!("{k}={}", text(v))).collect();
        return Some(pairs.join(","));
    }
    let parsed = serde_json::from_value(selector.clone()).ok()?;
    Some(Selector::from_api(Some(&parsed)).to_string()).filter(|s| !s.is_empty())
}

/// The pod to read comes first: on a node, running, ready, for the longest time.
fn order_for_logs(pod: &Value) -> (bool, u8, bool, String, i64, String) {
    let phase = match text(&pod["status"]["phase"]) {
        "Pending" => 2,
        "Unknown" => 1,
        _ => 0,
    };
    let conditions = pod["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    let ready = conditions.iter().find(|c| c["type"] == "Ready" && c["status"] == "True");
    let since = ready.map_or("", |c| text(&c["lastTransitionTime"]));
    let containers = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    let restarts = containers.filter_map(|c| c["restartCount"].as_i64()).max().unwrap_or(0);
    let made = text(&pod["metadata"]["creationTimestamp"]).to_owned();
    (text(&pod["spec"]["nodeName"]).is_empty(), phase, ready.is_none(), since.to_owned(), -restarts, made)
}

/// The containers of a pod to read: asked for by name, all of them, or the default one.
fn containers(call: &Call, pod: &Value) -> Outcome<Vec<String>> {
    let names = |field: &str| -> Vec<String> {
        let list = pod["spec"][field].as_array().map_or(&[][..], Vec::as_slice);
        list.iter().map(|c| text(&c["name"]).to_owned()).collect()
    };
    let (init, main, ephemeral) =
        (names("initContainers"), names("containers"), names("ephemeralContainers"));
    if call.flags.bool("all-containers") {
        return Ok([init, main, ephemeral].concat());
    }
    let positional = call.args().get(1).map_or("", String::as_str);
    let asked = call.flags.text("container");
    let asked = if asked.is_empty() { positional } else { asked };
    let pod_name = text(&pod["metadata"]["name"]);
    if !asked.is_empty() {
        if [&init, &main, &ephemeral].iter().any(|list| list.iter().any(|n| n == asked)) {
            return Ok(vec![asked.to_owned()]);
        }
        return Err(Failure::new(format!("container {asked} is not valid for pod {pod_name}")));
    }
    let chosen = text(&pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"]);
    if let Some(chosen) = main.iter().find(|n| *n == chosen) {
        return Ok(vec![chosen.clone()]);
    }
    let first = main.first().cloned().unwrap_or_default();
    if main.len() + init.len() + ephemeral.len() > 1 {
        let mut all = main.clone();
        all.extend(init.iter().map(|n| format!("{n} (init)")));
        all.extend(ephemeral.iter().map(|n| format!("{n} (ephem)")));
        call.note(format!("Defaulted container \"{first}\" out of: {}", all.join(", ")));
    }
    Ok(vec![first])
}

fn request(call: &Call, source: &Source) -> Request {
    let (metadata, flags) = (&source.pod["metadata"], &call.flags);
    let path =
        format!("/api/v1/namespaces/{}/pods/{}/log", text(&metadata["namespace"]), text(&metadata["name"]));
    let mut request = Request::get(path).param("container", &source.container);
    for name in ["follow", "previous", "timestamps"] {
        if flags.bool(name) {
            request = request.param(name, "true");
        }
    }
    let with_selector = !flags.text("selector").is_empty() && !flags.changed("tail");
    let tail = if with_selector { 10 } else { flags.int("tail") };
    if tail >= 0 {
        request = request.param("tailLines", tail.to_string());
    }
    if flags.int("limit-bytes") > 0 {
        request = request.param("limitBytes", flags.text("limit-bytes"));
    }
    let since = flags.duration("since");
    if since > 0 {
        let seconds = (since as u64).div_ceil(SECOND);
        request = request.param("sinceSeconds", seconds.to_string());
    }
    if !flags.text("since-time").is_empty() {
        request = request.param("sinceTime", flags.text("since-time"));
    }
    request
}

/// What stands before each line.
fn prefix(call: &Call, source: &Source) -> String {
    if call.flags.bool("prefix") || call.flags.bool("all-pods") {
        format!("[pod/{}/{}] ", text(&source.pod["metadata"]["name"]), source.container)
    } else {
        String::new()
    }
}

fn print(call: &Call, prefix: &str, log: &str) {
    if prefix.is_empty() {
        call.print(log);
        return;
    }
    for line in log.split_inclusive('\n') {
        call.print(format!("{prefix}{line}"));
    }
}

async fn print_all(call: &Call, sources: &[Source]) -> Outcome<()> {
    for source in sources {
        let response = call.send(request(call, source)).await;
        let success = response.is_success();
        match response.body {
            Body::Text(log) if success => print(call, &prefix(call, source), &log),
            Body::Json(status) if !success => {
                let failure = Failure::Status(status);
                if !call.flags.bool("ignore-errors") {
                    return Err(failure);
                }
                call.note(format!("error: {}", failure.message()));
            }
            Body::Stream(id) => stream(call, &mut [(id, prefix(call, source), Vec::new())]).await,
            _ => {}
        }
    }
    Ok(())
}

async fn follow(call: &Call, sources: &[Source]) -> Outcome<()> {
    let limit = call.flags.int("max-log-requests");
    if sources.len() as i64 > limit {
        return Err(Failure::new(format!(
            "you are attempting to follow {} log streams, but maximum allowed concurrency is {limit}, use --max-log-requests to increase the limit",
            sources.len()
        )));
    }
    let mut open = Vec::new();
    for source in sources {
        let response = call.send(request(call, source)).await;
        let success = response.is_success();
        match response.body {
            Body::Stream(id) => open.push((id, prefix(call, source), Vec::new())),
            Body::Text(log) if success => print(call, &prefix(call, source), &log),
            Body::Json(status) if !success && !call.flags.bool("ignore-errors") => {
                return Err(Failure::Status(status));
            }
            _ => {}
        }
    }
    stream(call, &mut open).await;
    Ok(())
}

/// Closes the streams also when the command is interrupted.
struct Open<'c> {
    call: &'c Call,
    ids: Vec<StreamId>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        for id in &self.ids {
            self.call.env.client.close_stream(*id);
        }
    }
}

/// Reads open logs to their end; only whole lines are printed when they are prefixed.
async fn stream(call: &Call, logs: &mut [(StreamId, String, Vec<u8>)]) {
    let mut open = Open { call, ids: logs.iter().map(|(id, ..)| *id).collect() };
    while !open.ids.is_empty() {
        for (id, prefix, rest) in logs.iter_mut() {
            if !open.ids.contains(id) {
                continue;
            }
            let read = call.env.client.read_stream(*id);
            rest.extend_from_slice(&read.stdout);
            let ended = read.exit.is_some();
            let whole = if ended || prefix.is_empty() {
                rest.len()
            } else {
                rest.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1)
            };
            let log: Vec<u8> = rest.drain(..whole).collect();
            print(call, prefix, &String::from_utf8_lossy(&log));
            if ended {
                call.env.client.close_stream(*id);
                open.ids.retain(|other| other != id);
            }
        }
        if !open.ids.is_empty() {
            call.env.client.news(None).await;
        }
    }
}
