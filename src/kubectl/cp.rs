//! `kubectl cp`: copies one file between here and a container, by running `cat` there.
//!
//! Does not: copy directories, which takes `tar` in the container.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::resource::Info;
use super::write::{pods, stream};
use crate::apiserver::{Method, Request};

/// `kubectl cp`.
pub static COMMAND: Command = Command {
    name: "cp",
    group: Group::Troubleshooting,
    summary: "Copy files and directories to and from containers",
    usage: "cp <file-spec-src> <file-spec-dest>",
    examples: &[
        ("Copy a file into a pod", "kubectl cp /tmp/foo mypod:/tmp/bar"),
        ("Copy a file out of a pod of another namespace", "kubectl cp my-namespace/my-pod:/tmp/foo /tmp/bar"),
    ],
    flags: &[&[
        Flag::text("container", "", "The container").short('c'),
        Flag::bool("no-preserve", "Do not keep owner and mode"),
        Flag::int("retries", "0", "How often to try again; -1 is for ever"),
    ]],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

/// One side of a copy.
struct Side<'a> {
    pod: Option<&'a str>,
    path: &'a str,
}

impl<'a> Side<'a> {
    /// `pod:path`, `namespace/pod:path`, or a path here.
    fn parse(text: &'a str) -> Outcome<Self> {
        match text.split_once(':') {
            Some((pod, path)) if !pod.is_empty() => {
                if pod.split('/').count() > 2 {
                    return Err(
                        "filespec must match the canonical format: [[namespace/]pod:]file/path".into()
                    );
                }
                Ok(Self { pod: Some(pod), path })
            }
            Some(_) => Err("filespec must match the canonical format: [[namespace/]pod:]file/path".into()),
            None => Ok(Self { pod: None, path: text }),
        }
    }
}

async fn run(call: Call) -> Outcome<()> {
    let [from, to] = call.args() else {
        return Err("source and destination are required".into());
    };
    let (from, to) = (Side::parse(from)?, Side::parse(to)?);
    if from.path.is_empty() || to.path.is_empty() {
        return Err("filepath can not be empty".into());
    }
    match (from.pod, to.pod) {
        (Some(_), Some(_)) => Err("one of src or dest must be a local file specification".into()),
        (None, None) => Err("one of src or dest must be a remote file specification".into()),
        (None, Some(pod)) => upload(&call, from.path, pod, to.path).await,
        (Some(pod), None) => download(&call, pod, from.path, to.path).await,
    }
}

async fn find(call: &Call, pod: &str) -> Outcome<(Info, String)> {
    let info = match pod.split_once('/') {
        None => pods::find(call, &format!("pod/{pod}")).await?,
        Some((namespace, name)) => {
            let mapping = call.mapper().await?.find("pods")?.clone();
            let object = call.request(Request::get(mapping.path(namespace, name))).await?;
            super::resource::info(&mapping, object)
        }
    };
    let container = stream::container(call, &info.object)?;
    Ok((info, container))
}

/// Runs a command with this input; answers its output and status.
async fn capture(
    call: &Call,
    info: &Info,
    container: &str,
    command: &[&str],
    input: &[u8],
) -> Outcome<(Vec<u8>, Vec<u8>, i32)> {
    let mut request = Request { method: Method::Post, ..Request::get(format!("{}/exec", info.path())) };
    for word in command {
        request = request.param("command", *word);
    }
    let request = request
        .param("container", container)
        .param("stdin", "true")
        .param("stdout", "true")
        .param("stderr", "true");
    let id = stream::open(call, request).await?;
    let client = &call.env.client;
    client.write_stream(id, Some(input));
    client.write_stream(id, None);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    loop {
        let read = client.read_stream(id);
        out.extend(read.stdout);
        err.extend(read.stderr);
        if let Some(status) = read.exit {
            return Ok((out, err, status));
        }
        stream::turn(call, None).await;
    }
}

async fn upload(call: &Call, path: &str, pod: &str, target: &str) -> Outcome<()> {
    let host = &call.env.host;
    if !host.exists(path) {
        return Err(format!("{path} doesn't exist in local filesystem").into());
    }
    if host.list_dir(path).is_some() {
        return Err("copying directories is not part of this simulation: copy the files one by one".into());
    }
    let content = host.read_file(path).map_err(Failure::new)?;
    let (info, container) = find(call, pod).await?;
    let base = path.rsplit('/').next().unwrap_or(path);
    let script = "t=$1; if [ -d \"$t\" ]; then t=\"$t/$2\"; fi; cat > \"$t\"";
    let command = ["sh", "-c", script, "sh", target, base];
    let (_, err, status) = capture(call, &info, &container, &command, &content).await?;
    ended(call, &err, status)
}

async fn download(call: &Call, pod: &str, path: &str, target: &str) -> Outcome<()> {
    let (info, container) = find(call, pod).await?;
    let (out, err, status) = capture(call, &info, &container, &["cat", path], b"").await?;
    if status != 0 {
        return ended(call, &err, status);
    }
    if path.starts_with('/') {
        call.note("tar: removing leading '/' from member names");
    }
    let host = &call.env.host;
    let base = path.rsplit('/').next().unwrap_or(path);
    let target = if host.list_dir(target).is_some() || target.ends_with('/') {
        format!("{}/{base}", target.trim_end_matches('/'))
    } else {
        target.to_owned()
    };
    host.write_file(&target, &out).map_err(|why| Failure::new(format!("open {target}: {why}")))
}

fn ended(call: &Call, err: &[u8], status: i32) -> Outcome<()> {
    if status == 0 {
        return Ok(());
    }
    call.env.io.write_error(err);
    Err(Failure::Text(format!("command terminated with exit code {status}"), status))
}
