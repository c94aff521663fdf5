//! `kubectl exec`: runs a command in a container.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::resource::{Bare, FILE_FLAGS, Info};
use super::write::stream::{self, Input};
use super::write::{self, pods};
use crate::apiserver::{Method, Request};

/// Flags of a session.
pub const SESSION: &[Flag] = &[
    Flag::text("container", "", "The container; else the one that the annotation kubectl.kubernetes.io/default-container names, or the first").short('c'),
    Flag::duration("pod-running-timeout", "1m0s", "How long to wait until a pod runs"),
    Flag::bool("quiet", "Print only what comes from the container").short('q'),
    Flag::bool("stdin", "Pass standard input on").short('i'),
    Flag::bool("tty", "Standard input is a terminal").short('t'),
];

/// `kubectl exec`.
pub static COMMAND: Command = Command {
    name: "exec",
    group: Group::Troubleshooting,
    summary: "Execute a command in a container",
    usage: "exec (POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...]",
    examples: &[
        ("Run 'date' in pod mypod", "kubectl exec mypod -- date"),
        ("Open a shell in a container of it", "kubectl exec mypod -c ruby-container -i -t -- sh"),
        ("Run 'date' in the first pod of a deployment", "kubectl exec deploy/mydeployment -- date"),
    ],
    flags: &[FILE_FLAGS, SESSION],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let from_files = !call.flags.list("filename").is_empty();
    let args = call.args();
    let Some(word) = args.first().filter(|_| !from_files && call.flags.dash != Some(0)) else {
        if from_files && !args.is_empty() {
            let found = write::existing(&call, &[], Bare::Refuse).await?;
            let Some(info) = found.into_iter().next() else { return Err("no pod found".into()) };
            return session(&call, &info, args).await;
        }
        return Err("pod, type/name or --filename must be specified".into());
    };
    let command = &args[1..];
    if command.is_empty() {
        return Err("you must specify at least one command for the container".into());
    }
    if call.flags.dash != Some(1) {
        let why = "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead";
        return Err(call.usage(why));
    }
    let info = pods::find(&call, word).await?;
    session(&call, &info, command).await
}

async fn session(call: &Call, info: &Info, command: &[String]) -> Outcome<()> {
    if pods::completed(&info.object) {
        let phase = info.object["status"]["phase"].as_str().unwrap_or("");
        let why = "cannot exec into a container in a completed pod; current phase is";
        return Err(format!("{why} {phase}").into());
    }
    let container = stream::container(call, &info.object)?;
    let status = in_container(call, info, &container, command).await?;
    if status == 0 {
        return Ok(());
    }
    Err(Failure::Text(format!("command terminated with exit code {status}"), status))
}

/// Runs a command in a container with the streams of this one, and answers its status.
///
/// # Errors
/// When it cannot be started.
pub async fn in_container(call: &Call, info: &Info, container: &str, command: &[String]) -> Outcome<i32> {
    let stdin = call.flags.bool("stdin");
    let tty = stream::terminal(call, call.flags.bool("tty") && stdin);
    let mut request = Request { method: Method::Post, ..Request::get(format!("{}/exec", info.path())) };
    for word in command {
        request = request.param("command", word);
    }
    let flag = |on: bool| if on { "true" } else { "false" };
    let request = request
        .param("container", container)
        .param("stdin", flag(stdin))
        .param("stdout", "true")
        .param("stderr", flag(!tty))
        .param("tty", flag(tty));
    let id = stream::open(call, request).await?;
    Ok(stream::join(call, id, if stdin { Input::Passed } else { Input::None }).await)
}
