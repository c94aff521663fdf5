//! The pod that `exec`, `attach` and `cp` work in: named itself, or one of a workload's.

use crate::apiserver::Request;
use crate::kubectl::call::Call;
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::resource::{self, Bare, Info};
use crate::kubectl::write;
use serde_json::Value;

/// Finds the pod that `web`, `pod/web` or `deploy/web` stands for; waits for a workload's pod to run.
///
/// # Errors
/// When there is none.
pub async fn find(call: &Call, word: &str) -> Outcome<Info> {
    let args: Vec<String> =
        if word.contains('/') { vec![word.to_owned()] } else { vec!["pods".to_owned(), word.to_owned()] };
    let found = write::existing(call, &args, Bare::Refuse).await?;
    let Some(info) = found.into_iter().next() else { return Err("no pod found".into()) };
    of(call, info).await
}

/// The pod itself, or one of a workload's or Service's.
///
/// # Errors
/// When there is none.
pub async fn of(call: &Call, info: Info) -> Outcome<Info> {
    if info.mapping.kind == "Pod" { Ok(info) } else { of_workload(call, &info).await }
}

/// The first pod of a workload, one that is ready if there is any.
async fn of_workload(call: &Call, info: &Info) -> Outcome<Info> {
    let selector = selector_of(info)?;
    let timeout = call.flags.duration("pod-running-timeout");
    let deadline = call.env.client.now() + u64::try_from(timeout).unwrap_or(0);
    let pods = call.mapper().await?.find("pods")?.clone();
    loop {
        let request = Request::get(pods.list_path(Some(&info.namespace))).param("labelSelector", &selector);
        let list = call.request(request).await?;
        let mut found: Vec<&Value> = list["items"].as_array().into_iter().flatten().collect();
        found.sort_by_key(|pod| rank(pod));
        if let Some(pod) = found.first() {
            let mut pod = (*pod).clone();
            pod["apiVersion"] = "v1".into();
            pod["kind"] = "Pod".into();
            return Ok(resource::info(&pods, pod));
        }
        if call.env.client.now() >= deadline {
            return Err("timed out waiting for the condition".into());
        }
        call.env.client.news(Some(deadline)).await;
    }
}

/// Ready before running before pending; then the older.
fn rank(pod: &Value) -> (u8, String) {
    let conditions = pod["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    let ready = conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True");
    let place = match (ready, pod["status"]["phase"].as_str()) {
        (true, _) => 0,
        (false, Some("Running")) => 1,
        _ => 2,
    };
    (place, pod["metadata"]["creationTimestamp"].as_str().unwrap_or("").to_owned())
}

/// The text of a workload's or Service's selector.
fn selector_of(info: &Info) -> Outcome<String> {
    let selector = &info.object["spec"]["selector"];
    let labels = if info.mapping.kind == "Service" { selector } else { &selector["matchLabels"] };
    let labels = labels.as_object().filter(|l| !l.is_empty());
    let Some(labels) = labels else {
        let resource = info.mapping.resource();
        return Err(Failure::new(format!("cannot attach to {resource}: selector is empty")));
    };
    let pairs: Vec<String> =
        labels.iter().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or(""))).collect();
    Ok(pairs.join(","))
}

/// Waits until the pod runs or has ended, and answers it.
///
/// # Errors
/// When the time of `--pod-running-timeout` is over.
pub async fn running(call: &Call, info: &Info) -> Outcome<Value> {
    let timeout = call.flags.duration("pod-running-timeout");
    let deadline = call.env.client.now() + u64::try_from(timeout).unwrap_or(0);
    loop {
        let pod = call.request(Request::get(info.path())).await?;
        if has_run(&pod) {
            return Ok(pod);
        }
        if call.env.client.now() >= deadline {
            return Err("timed out waiting for the condition".into());
        }
        call.env.client.news(Some(deadline)).await;
    }
}

/// Waits until a container of the pod runs or has ended, and answers the pod.
///
/// # Errors
/// When the time of `--pod-running-timeout` is over.
pub async fn container_started(call: &Call, info: &Info, container: &str) -> Outcome<Value> {
    let timeout = call.flags.duration("pod-running-timeout");
    let deadline = call.env.client.now() + u64::try_from(timeout).unwrap_or(0);
    loop {
        let pod = call.request(Request::get(info.path())).await?;
        let lists = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
        let statuses = lists.iter().flat_map(|list| pod["status"][*list].as_array().into_iter().flatten());
        let started = |s: &Value| s["state"]["running"].is_object() || s["state"]["terminated"].is_object();
        if statuses.filter(|s| s["name"] == container).any(started) {
            return Ok(pod);
        }
        if call.env.client.now() >= deadline {
            return Err("timed out waiting for the condition".into());
        }
        call.env.client.news(Some(deadline)).await;
    }
}

/// Whether every container has been started, or the pod has ended.
fn has_run(pod: &Value) -> bool {
    match pod["status"]["phase"].as_str().unwrap_or("") {
        "Succeeded" | "Failed" => true,
        "Running" => {
            let statuses = pod["status"]["containerStatuses"].as_array().map_or(&[][..], Vec::as_slice);
            !statuses.is_empty() && statuses.iter().all(|s| !s["state"]["waiting"].is_object())
        }
        _ => false,
    }
}

/// Whether the pod has ended.
pub fn completed(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}
