//! The pod subresources that need the node: `log`, `exec`, `attach`, `portforward`.
#![allow(clippy::result_large_err)] // the API's error is a value that is answered, once a request

use super::run::{ContainerRun, Stage, index_of, spec_of};
use super::streams::{self, Follow, Stream, Tail};
use super::{Place, address, place_of, run_of};
use crate::apiserver::{ApiError, Body, FieldError, Request, Response, User};
use crate::cluster::Cluster;
use crate::cluster::workload::process::{self, Sink};
use crate::cluster::workload::rootfs::Spot;
use crate::object::{Kind, ObjectName, Pod, SimTime, meta::MetaExt};
use std::fmt::Write as _;
use std::sync::Arc;

/// Serves the pod subresources that need the node: `log`, `exec`, `attach`, `portforward`. `None` for any other request.
pub fn serve(cluster: &mut Cluster, request: &Request, _user: &User) -> Option<Response> {
    let rest = request.path.strip_prefix("/api/v1/namespaces/")?;
    let parts: Vec<&str> = rest.split('/').collect();
    let [namespace, "pods", name, verb @ ("log" | "exec" | "attach" | "portforward")] = parts.as_slice()
    else {
        return None;
    };
    let name = ObjectName::new(*namespace, *name);
    let result = match *verb {
        "log" => logs(cluster, request, &name),
        "exec" => exec(cluster, request, &name),
        "portforward" => forward(cluster, &name),
        _ => attach(cluster, request, &name),
    };
    Some(match result {
        Ok(body) => Response { status: 200, warnings: Vec::new(), body },
        Err(error) => Response::error(&error),
    })
}

fn find_pod(cluster: &Cluster, name: &ObjectName) -> Result<Arc<Pod>, ApiError> {
    let pod = cluster.api.store.fetch::<Pod>(name).cloned();
    pod.ok_or_else(|| ApiError::not_found(Kind::Pod, name.name()))
}

/// The container that a request is about.
fn choose(pod: &Pod, request: &Request) -> Result<usize, ApiError> {
    let name = pod.name_str();
    if let Some(wanted) = request.query_value("container").filter(|c| !c.is_empty()) {
        let message = format!("container {wanted} is not valid for pod {name}");
        return index_of(pod, wanted).ok_or_else(|| ApiError::bad_request(message));
    }
    let inits = pod.spec.init_containers.as_ref().map_or(0, Vec::len);
    if pod.spec.containers.len() == 1 {
        return Ok(inits);
    }
    let names = |list: &[k8s_openapi::api::core::v1::Container]| {
        list.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(" ")
    };
    let mut message = format!(
        "a container name must be specified for pod {name}, choose one of: [{}]",
        names(&pod.spec.containers)
    );
    if let Some(init) = pod.spec.init_containers.as_ref().filter(|i| !i.is_empty()) {
        let _ = write!(message, " or one of the init containers: [{}]", names(init));
    }
    Err(ApiError::bad_request(message))
}

/// The node that has the pod, or why it cannot be asked.
fn node_of(cluster: &Cluster, pod: &Pod, what: &str) -> Result<Arc<str>, ApiError> {
    match place_of(cluster, &pod.object_name()) {
        Place::Node(node) => Ok(node),
        Place::Dark => {
            let node = pod.spec.node_name.as_deref().unwrap_or("");
            let ip = cluster.kubelets.get(node).map_or(String::new(), |k| address::node_ip(k.index));
            let url = format!("https://{ip}:10250/{what}");
            let text = format!("Get \"{url}\": dial tcp {ip}:10250: connect: no route to host");
            Err(ApiError::new(500, "InternalError", text))
        }
        Place::Nowhere => Err(ApiError::not_found(Kind::Pod, pod.name_str())),
    }
}

fn flag(request: &Request, key: &str) -> bool {
    request.query_value(key).is_some_and(|v| v == "true" || v == "1" || v.is_empty())
}

fn logs(cluster: &mut Cluster, request: &Request, name: &ObjectName) -> Result<Body, ApiError> {
    let pod = find_pod(cluster, name)?;
    let index = choose(&pod, request)?;
    let Some((spec, _)) = spec_of(&pod, index) else { return Ok(Body::Text(String::new())) };
    let container_name = spec.name.clone();
    if pod.spec.node_name.is_none() {
        return Ok(Body::Text(String::new()));
    }
    let what = format!("containerLogs/{}/{}/{container_name}", pod.namespace_str(), pod.name_str());
    let node = match node_of(cluster, &pod, &what) {
        // A pod that is over, whose node has let go of it, or that the node is about to take.
        Err(error) if error.code == 404 => {
            return Err(waiting_to_start(&container_name, pod.name_str(), "ContainerCreating"));
        }
        other => other?,
    };
    let previous = flag(request, "previous");
    let run = run_of(cluster, &node, name).ok_or_else(|| ApiError::not_found(Kind::Pod, name.name()))?;
    let container = run.containers.get(index).ok_or_else(ApiError::no_such_path)?;
    check_logs(container, &container_name, pod.name_str(), previous, &pod)?;
    check_log_options(request, pod.name_str())?;
    let number = |key: &str| request.query_value(key).and_then(|v| v.parse::<u64>().ok());
    let since = number("sinceSeconds")
        .map(|s| SimTime(cluster.now().0.saturating_sub(s.saturating_mul(crate::object::SECOND))));
    let since = since.or_else(|| {
        let time: jiff::Timestamp = request.query_value("sinceTime")?.parse().ok()?;
        Some(SimTime(u64::try_from(time.as_nanosecond()).unwrap_or(0)))
    });
    let tail = Tail {
        lines: number("tailLines"),
        since,
        timestamps: flag(request, "timestamps"),
        bytes: number("limitBytes"),
    };
    let spot = Spot { node, pod: name.clone(), index };
    let text = streams::read_log(cluster, &pod, &spot, previous, &tail);
    if !flag(request, "follow") || previous {
        return Ok(Body::Text(text));
    }
    let run = run_of(cluster, &spot.node, name).ok_or_else(|| ApiError::not_found(Kind::Pod, name.name()))?;
    let container = &run.containers[index];
    let seen = container.log.as_ref().map_or(0, |l| l.count);
    let follow =
        Follow { uid: run.uid.clone(), attempt: container.restarts, seen, timestamps: tail.timestamps };
    let id = cluster.shared.streams.open(Stream::follow(spot, follow, text.into_bytes()));
    Ok(Body::Stream(id))
}

/// Refuses options of a log that cannot be meant. From `ValidatePodLogOptions`.
fn check_log_options(request: &Request, pod: &str) -> Result<(), ApiError> {
    let mut wrong = Vec::new();
    for (key, least, why) in [
        ("tailLines", 0, "must be greater than or equal to 0"),
        ("limitBytes", 1, "must be greater than 0"),
        ("sinceSeconds", 1, "must be greater than 0"),
    ] {
        let Some(text) = request.query_value(key) else { continue };
        let Ok(number) = text.parse::<i64>() else {
            return Err(ApiError::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax")));
        };
        let both = key == "sinceSeconds" && request.query_value("sinceTime").is_some();
        if both {
            let why = "at most one of `sinceTime` or `sinceSeconds` may be specified";
            wrong.push(FieldError::forbidden("", why));
        } else if number < least {
            wrong.push(FieldError::invalid(key, &serde_json::json!(number), why));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(ApiError::invalid_of(("", "PodLogOptions"), pod, wrong)) }
}

fn waiting_to_start(container: &str, pod: &str, reason: &str) -> ApiError {
    let why = match reason {
        "ErrImagePull" => "image can't be pulled",
        "ImagePullBackOff" => "trying and failing to pull image",
        reason => reason,
    };
    ApiError::bad_request(format!("container \"{container}\" in pod \"{pod}\" is waiting to start: {why}"))
}

/// Whether the container has a log to read.
fn check_logs(
    container: &ContainerRun,
    name: &str,
    pod: &str,
    previous: bool,
    object: &Pod,
) -> Result<(), ApiError> {
    if previous {
        let none = match container.stage {
            Stage::Running { .. } => container.last.is_none(),
            _ => container.ended.is_none() || container.previous_log.is_none() && container.last.is_none(),
        };
        if none {
            return Err(ApiError::bad_request(format!(
                "previous terminated container \"{name}\" in pod \"{pod}\" not found"
            )));
        }
        return Ok(());
    }
    if container.is_running() || container.ended.is_some() {
        return Ok(());
    }
    let statuses = object.status.container_statuses.iter().flatten();
    let statuses = statuses.chain(object.status.init_container_statuses.iter().flatten());
    let shown =
        statuses.filter(|s| s.name == name).find_map(|s| s.state.as_ref()?.waiting.as_ref()?.reason.clone());
    let reason = match &container.stage {
        Stage::Refused { reason, .. } => (*reason).to_owned(),
        _ => shown.unwrap_or_else(|| "ContainerCreating".to_owned()),
    };
    Err(waiting_to_start(name, pod, &reason))
}

/// The container of a pod for `exec` and `attach`, which must run.
fn running_spot(
    cluster: &Cluster,
    request: &Request,
    name: &ObjectName,
    verb: &str,
) -> Result<(Spot, Arc<Pod>), ApiError> {
    let pod = find_pod(cluster, name)?;
    let index = choose(&pod, request)?;
    let container = spec_of(&pod, index).map_or(String::new(), |(c, _)| c.name.clone());
    if pod.spec.node_name.is_none() {
        return Err(ApiError::bad_request(format!("pod {} does not have a host assigned", pod.name_str())));
    }
    let what = format!("{verb}/{}/{}/{container}", pod.namespace_str(), pod.name_str());
    let gone = || {
        let text = format!("unable to upgrade connection: container not found (\"{container}\")");
        ApiError::new(500, "InternalError", format!("Internal error occurred: {text}"))
    };
    let node = match node_of(cluster, &pod, &what) {
        Err(error) if error.code == 404 => return Err(gone()),
        other => other?,
    };
    let running = run_of(cluster, &node, name)
        .and_then(|r| r.containers.get(index))
        .is_some_and(ContainerRun::is_running);
    if !running {
        return Err(gone());
    }
    Ok((Spot { node, pod: name.clone(), index }, pod))
}

fn exec(cluster: &mut Cluster, request: &Request, name: &ObjectName) -> Result<Body, ApiError> {
    let (spot, pod) = running_spot(cluster, request, name, "exec")?;
    let argv: Vec<String> =
        request.query.iter().filter(|(k, _)| k == "command").map(|(_, v)| v.clone()).collect();
    if argv.is_empty() {
        return Err(ApiError::bad_request("you must specify at least 1 command for the container"));
    }
    if let Err(why) = process::check_command(cluster, &spot, &pod, &argv) {
        let id = crate::cluster::workload::images::hex64(&format!("{}{argv:?}", cluster.now().0));
        let text = format!(
            "Internal error occurred: Internal error occurred: error executing command in container: failed to exec in container: failed to start exec \"{id}\": OCI runtime exec failed: exec failed: unable to start container process: {why}"
        );
        return Err(ApiError::new(500, "InternalError", text));
    }
    let id = cluster.shared.streams.next_id();
    let terminal = flag(request, "tty");
    let pid = process::spawn_exec(cluster, &spot, argv, Sink::Stream(id), terminal);
    let pid = pid.ok_or_else(|| ApiError::new(500, "InternalError", "container not found"))?;
    if !flag(request, "stdin") {
        process::feed(cluster, &spot, pid, None);
    }
    cluster.shared.streams.insert(id, Stream::exec(spot.clone(), pid));
    process::run_now(cluster, &spot, pid);
    Ok(Body::Stream(id))
}

fn attach(cluster: &mut Cluster, request: &Request, name: &ObjectName) -> Result<Body, ApiError> {
    let (spot, _) = running_spot(cluster, request, name, "attach")?;
    let log = run_of(cluster, &spot.node, name).and_then(|r| r.containers.get(spot.index)?.log.as_deref());
    let text =
        if flag(request, "tty") { log.map(super::log::Log::screen).unwrap_or_default() } else { Vec::new() };
    let mut stream = Stream::attach(spot, text);
    stream.stdin = flag(request, "stdin");
    Ok(Body::Stream(cluster.shared.streams.open(stream)))
}

/// A stream that says only when the pod has gone: what is forwarded goes to its ports by itself.
fn forward(cluster: &mut Cluster, name: &ObjectName) -> Result<Body, ApiError> {
    let pod = find_pod(cluster, name)?;
    if pod.spec.node_name.is_none() {
        return Err(ApiError::bad_request(format!("pod {} does not have a host assigned", name.name())));
    }
    let node = node_of(cluster, &pod, &format!("portForward/{}/{}", name.namespace(), name.name()))?;
    let spot = Spot { node, pod: name.clone(), index: 0 };
    Ok(Body::Stream(cluster.shared.streams.open(Stream::forward(spot))))
}
