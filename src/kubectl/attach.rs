//! `kubectl attach`: the streams of a container's first process.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::Outcome;
use super::exec::SESSION;
use super::resource::Info;
use super::write::pods;
use super::write::stream::{self, Input};
use crate::apiserver::{Method, Request};
use serde_json::Value;

/// `kubectl attach`.
pub static COMMAND: Command = Command {
    name: "attach",
    group: Group::Troubleshooting,
    summary: "Attach to a running container",
    usage: "attach (POD | TYPE/NAME) -c CONTAINER",
    examples: &[
        ("Show what pod mypod prints from now on", "kubectl attach mypod"),
        ("Type into its first process", "kubectl attach mypod -c ruby-container -i -t"),
    ],
    flags: &[SESSION],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let word = match call.args() {
        [] => return Err("at least 1 argument is required for attach".into()),
        [word] => word.clone(),
        [kind, name] => format!("{kind}/{name}"),
        more => {
            return Err(format!(
                "expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments) saw {}: [{}]",
                more.len(),
                more.join(" ")
            )
            .into());
        }
    };
    let info = pods::find(&call, &word).await?;
    session(&call, &info, &info.object).await
}

/// Attaches to the pod's container until its process ends.
///
/// # Errors
/// When the pod has ended, or the server refuses.
pub async fn session(call: &Call, info: &Info, pod: &Value) -> Outcome<()> {
    if pods::completed(pod) {
        let phase = pod["status"]["phase"].as_str().unwrap_or("");
        let why = "cannot attach a container in a completed pod; current phase is";
        return Err(format!("{why} {phase}").into());
    }
    let container = stream::container(call, pod)?;
    to_container(call, info, pod, &container).await
}

/// Attaches to this container of the pod.
///
/// # Errors
/// When the server refuses.
pub async fn to_container(call: &Call, info: &Info, pod: &Value, container: &str) -> Outcome<()> {
    let (stdin, mut tty) = (call.flags.bool("stdin"), call.flags.bool("tty"));
    let containers = pod["spec"]["containers"].as_array().map_or(&[][..], Vec::as_slice);
    let allocated = containers.iter().any(|c| c["name"] == container && c["tty"] == true);
    if tty && !allocated && !call.flags.bool("quiet") {
        tty = false;
        call.note(format!("Unable to use a TTY - container {container} did not allocate one"));
    } else if !tty && allocated && stdin {
        tty = true;
    }
    let tty = stream::terminal(call, tty && stdin);
    if !call.flags.bool("quiet") {
        call.note(
            "All commands and output from this session will be recorded in container logs, including credentials \
             and sensitive information passed through the command prompt.",
        );
        call.note("If you don't see a command prompt, try pressing enter.");
    }
    let flag = |on: bool| if on { "true" } else { "false" };
    let request = Request { method: Method::Post, ..Request::get(format!("{}/attach", info.path())) }
        .param("container", container)
        .param("stdin", flag(stdin))
        .param("stdout", "true")
        .param("stderr", flag(!tty))
        .param("tty", flag(tty));
    let id = stream::open(call, request).await?;
    stream::join(call, id, if stdin { Input::Passed } else { Input::None }).await;
    if stdin && tty && pod["spec"]["restartPolicy"] == "Always" {
        call.line(format!(
            "Session ended, resume using 'kubectl attach {} -c {container} -i -t' command when the pod is running",
            info.name
        ));
    }
    Ok(())
}
