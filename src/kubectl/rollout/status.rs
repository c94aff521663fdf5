//! `kubectl rollout status`: what the object's own status says of its rollout, told anew at every change.

use super::select;
use crate::apiserver::Request;
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::flags::Flag;
use crate::kubectl::resource::Info;
use crate::kubectl::write::flags::{FILES, SELECTOR};
use crate::object::SimTime;
use serde_json::Value;

/// `kubectl rollout status`.
pub static COMMAND: Command = Command {
    name: "status",
    group: Group::Sub,
    summary: "Show the status of the rollout",
    usage: "status (TYPE NAME | TYPE/NAME) [flags]",
    examples: &[("Watch the rollout status of a deployment", "kubectl rollout status deployment/nginx")],
    flags: &[
        FILES,
        SELECTOR,
        &[
            Flag::int("revision", "0", "Watch this revision only, not the latest"),
            Flag::duration("timeout", "0s", "When to give up; 0 is never"),
            Flag::on("watch", "Wait until the rollout is done").short('w'),
        ],
    ],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let timeout = call.flags.duration("timeout");
    let deadline = (timeout > 0).then(|| call.env.client.now() + timeout as u64);
    for target in select(&call).await? {
        follow(&call, &target, deadline).await?;
    }
    Ok(())
}

async fn follow(call: &Call, target: &Info, deadline: Option<SimTime>) -> Outcome<()> {
    let revision = call.flags.int("revision");
    let list = target.mapping.list_path(Some(&target.namespace));
    let mut version = target.object["metadata"]["resourceVersion"].as_str().unwrap_or("0").to_owned();
    if tell(call, &target.object, revision)? || !call.flags.bool("watch") {
        return Ok(());
    }
    loop {
        let request = Request::get(&list)
            .param("watch", "true")
            .param("resourceVersion", &version)
            .param("fieldSelector", format!("metadata.name={}", target.name));
        let batch = call.request(request).await?;
        for event in batch["events"].as_array().into_iter().flatten() {
            if event["type"] == "DELETED" {
                return Err("object has been deleted".into());
            }
            if tell(call, &event["object"], revision)? {
                return Ok(());
            }
        }
        if let Some(next) = batch["resourceVersion"].as_str() {
            next.clone_into(&mut version);
        }
        if deadline.is_some_and(|d| d <= call.env.client.now()) {
            return Err("timed out waiting for the condition".into());
        }
        call.env.client.news(deadline).await;
    }
}

/// Prints where the rollout stands, and answers whether it is done.
fn tell(call: &Call, object: &Value, revision: i64) -> Outcome<bool> {
    let status = status(object, revision)?;
    call.line(&status.text);
    Ok(status.done)
}

/// Where a rollout stands.
#[derive(Debug, PartialEq, Eq)]
struct Status {
    text: String,
    done: bool,
}

fn waiting(text: String) -> Status {
    Status { text, done: false }
}

fn done(text: String) -> Status {
    Status { text, done: true }
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn status(object: &Value, revision: i64) -> Outcome<Status> {
    let name = object["metadata"]["name"].as_str().unwrap_or("");
    let observed = number(&object["status"]["observedGeneration"]);
    let seen = number(&object["metadata"]["generation"]) <= observed;
    match object["kind"].as_str().unwrap_or("") {
        "Deployment" => deployment(name, object, seen, revision),
        "DaemonSet" => {
            rolling_update_only(object)?;
            Ok(daemon_set(name, &object["status"], seen))
        }
        "StatefulSet" => {
            rolling_update_only(object)?;
            Ok(stateful_set(object, seen && observed > 0))
        }
        kind => Err(Failure::new(format!("no status viewer has been implemented for {kind:?}"))),
    }
}

fn rolling_update_only(object: &Value) -> Outcome<()> {
    match object["spec"]["updateStrategy"]["type"].as_str() {
        None | Some("RollingUpdate") => Ok(()),
        Some(_) => Err("rollout status is only available for RollingUpdate strategy type".into()),
    }
}

fn deployment(name: &str, object: &Value, seen: bool, revision: i64) -> Outcome<Status> {
    if revision > 0 {
        let running = object["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str();
        let running: i64 = running.and_then(|r| r.parse().ok()).unwrap_or(0);
        if running != revision {
            let text =
                format!("desired revision ({revision}) is different from the running revision ({running})");
            return Err(text.into());
        }
    }
    if !seen {
        return Ok(waiting("Waiting for deployment spec update to be observed...".to_owned()));
    }
    let (spec, status) = (&object["spec"], &object["status"]);
    let conditions = status["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    let progressing = conditions.iter().find(|c| c["type"] == "Progressing");
    if progressing.is_some_and(|c| c["reason"] == "ProgressDeadlineExceeded") {
        return Err(format!("deployment {name:?} exceeded its progress deadline").into());
    }
    let (wanted, updated) = (number(&spec["replicas"]), number(&status["updatedReplicas"]));
    let (total, available) = (number(&status["replicas"]), number(&status["availableReplicas"]));
    let unfinished = format!("Waiting for deployment {name:?} rollout to finish:");
    Ok(if updated < wanted {
        waiting(format!("{unfinished} {updated} out of {wanted} new replicas have been updated..."))
    } else if total > updated {
        waiting(format!("{unfinished} {} old replicas are pending termination...", total - updated))
    } else if available < updated {
        waiting(format!("{unfinished} {available} of {updated} updated replicas are available..."))
    } else {
        done(format!("deployment {name:?} successfully rolled out"))
    })
}

fn daemon_set(name: &str, status: &Value, seen: bool) -> Status {
    if !seen {
        return waiting("Waiting for daemon set spec update to be observed...".to_owned());
    }
    let wanted = number(&status["desiredNumberScheduled"]);
    let (updated, available) =
        (number(&status["updatedNumberScheduled"]), number(&status["numberAvailable"]));
    let unfinished = format!("Waiting for daemon set {name:?} rollout to finish:");
    if updated < wanted {
        waiting(format!("{unfinished} {updated} out of {wanted} new pods have been updated..."))
    } else if available < wanted {
        waiting(format!("{unfinished} {available} of {wanted} updated pods are available..."))
    } else {
        done(format!("daemon set {name:?} successfully rolled out"))
    }
}

fn stateful_set(object: &Value, seen: bool) -> Status {
    let (spec, status) = (&object["spec"], &object["status"]);
    if !seen {
        return waiting("Waiting for statefulset spec update to be observed...".to_owned());
    }
    let (wanted, ready) = (number(&spec["replicas"]), number(&status["readyReplicas"]));
    if ready < wanted {
        return waiting(format!("Waiting for {} pods to be ready...", wanted - ready));
    }
    let updated = number(&status["updatedReplicas"]);
    let rolling = &spec["updateStrategy"]["rollingUpdate"];
    if rolling.is_object() {
        let share = wanted - number(&rolling["partition"]);
        return if updated < share {
            waiting(format!(
                "Waiting for partitioned roll out to finish: {updated} out of {share} new pods have been updated..."
            ))
        } else {
            done(format!("partitioned roll out complete: {updated} new pods have been updated..."))
        };
    }
    let text = |key: &str| status[key].as_str().unwrap_or("").to_owned();
    let (new, current) = (text("updateRevision"), text("currentRevision"));
    if new == current {
        let pods = number(&status["currentReplicas"]);
        done(format!("statefulset rolling update complete {pods} pods at revision {current}..."))
    } else {
        waiting(format!(
            "waiting for statefulset rolling update to complete {updated} pods at revision {new}..."
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[allow(clippy::needless_pass_by_value)] // cases read better with values made in place
    fn text(object: Value) -> String {
        match status(&object, 0) {
            Ok(status) => format!("{}{}", status.text, if status.done { " (done)" } else { "" }),
            Err(failure) => failure.message(),
        }
    }

    #[test]
    fn texts_are_those_of_kubectl() {
        let deployment = |spec: Value, status: Value| {
            text(
                json!({"kind": "Deployment", "metadata": {"name": "web", "generation": 1}, "spec": spec, "status": status}),
            )
        };
        let spec = json!({"replicas": 3});
        assert_eq!(
            deployment(spec.clone(), json!({})),
            "Waiting for deployment spec update to be observed..."
        );
        assert_eq!(
            deployment(spec.clone(), json!({"observedGeneration": 1, "updatedReplicas": 1})),
            "Waiting for deployment \"web\" rollout to finish: 1 out of 3 new replicas have been updated..."
        );
        assert_eq!(
            deployment(spec.clone(), json!({"observedGeneration": 1, "updatedReplicas": 3, "replicas": 4})),
            "Waiting for deployment \"web\" rollout to finish: 1 old replicas are pending termination..."
        );
        assert_eq!(
            deployment(spec.clone(), json!({"observedGeneration": 1, "updatedReplicas": 3, "replicas": 3})),
            "Waiting for deployment \"web\" rollout to finish: 0 of 3 updated replicas are available..."
        );
        let full =
            json!({"observedGeneration": 1, "updatedReplicas": 3, "replicas": 3, "availableReplicas": 3});
        assert_eq!(deployment(spec.clone(), full), "deployment \"web\" successfully rolled out (done)");
        let late = json!({"observedGeneration": 1, "conditions": [
            {"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]});
        assert_eq!(deployment(spec, late), "deployment \"web\" exceeded its progress deadline");
        let set = json!({"kind": "StatefulSet", "metadata": {"name": "db", "generation": 1},
            "spec": {"replicas": 2, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}},
            "status": {"observedGeneration": 1, "readyReplicas": 2, "updatedReplicas": 2}});
        assert_eq!(
            text(set.clone()),
            "partitioned roll out complete: 2 new pods have been updated... (done)"
        );
        let mut on_delete = set;
        on_delete["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
        assert_eq!(text(on_delete), "rollout status is only available for RollingUpdate strategy type");
        let daemons = json!({"kind": "DaemonSet", "metadata": {"name": "d", "generation": 2},
            "status": {"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2}});
        assert_eq!(
            text(daemons),
            "Waiting for daemon set \"d\" rollout to finish: 2 of 3 updated pods are available..."
        );
    }
}
