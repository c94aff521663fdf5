//! `kubectl cp`: copies files and directories between here and a container, by running `tar` there.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::resource::Info;
use super::write::{pods, stream};
use crate::apiserver::{Method, Request};
use crate::archive::{self, Entry};
use crate::object::SECOND;

/// `kubectl cp`.
pub static COMMAND: Command = Command {
    name: "cp",
    group: Group::Troubleshooting,
    summary: "Copy files and directories to and from containers",
    usage: "cp <file-spec-src> <file-spec-dest>",
    examples: &[
        ("Copy a file into a pod", "kubectl cp /tmp/foo mypod:/tmp/bar"),
        ("Copy a directory into a pod", "kubectl cp /tmp/foo_dir mypod:/tmp/bar_dir"),
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
    if pods::completed(&info.object) {
        let phase = info.object["status"]["phase"].as_str().unwrap_or("");
        let why = "cannot exec into a container in a completed pod; current phase is";
        return Err(format!("{why} {phase}").into());
    }
    // The server says it when the pod has no such container.
    let container = match call.flags.text("container") {
        "" => stream::container(call, &info.object)?,
        named => named.to_owned(),
    };
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
    let path = trimmed(path);
    if !call.env.host.exists(path) {
        return Err(format!("{path} doesn't exist in local filesystem").into());
    }
    let (info, container) = find(call, pod).await?;
    // What goes to a directory that is there goes into it.
    let mut target = trimmed(target).replace('\\', "/");
    if let Ok((.., 0)) = capture(call, &info, &container, &["test", "-d", &target], b"").await {
        target = clean(&format!("{target}/{}", path.rsplit('/').next().unwrap_or(path)));
    }
    let (folder, base) = match target.rsplit_once('/') {
        None => (".".to_owned(), clean(&target)),
        Some(("", base)) => ("/".to_owned(), base.to_owned()),
        Some((folder, base)) => (clean(folder), base.to_owned()),
    };
    let mut entries = Vec::new();
    pack(call, &clean(path), &base, &mut entries)?;
    let mut command = vec!["tar", "-xmf", "-", "-C", &folder];
    if call.flags.bool("no-preserve") {
        command.splice(1..1, ["--no-same-permissions", "--no-same-owner"]);
    }
    let archive = archive::pack(&entries);
    let (out, err, status) = capture(call, &info, &container, &command, &archive).await?;
    call.env.io.write(&out);
    ended(call, &err, status)
}

/// Reads a file, or everything below a directory; a directory itself is packed when it is empty.
fn pack(call: &Call, path: &str, name: &str, entries: &mut Vec<Entry>) -> Outcome<()> {
    let host = &call.env.host;
    let now = call.env.client.now().0 / SECOND;
    let entry = Entry { name: name.to_owned(), mode: 0o644, modified: now, ..Entry::default() };
    let Some(names) = host.list_dir(path) else {
        let content = host.read_file(path).map_err(|why| Failure::new(format!("open {path}: {why}")))?;
        entries.push(Entry { content, ..entry });
        return Ok(());
    };
    if names.is_empty() {
        entries.push(Entry { directory: true, mode: 0o755, ..entry });
    }
    for inner in names {
        pack(call, &format!("{path}/{inner}"), &format!("{name}/{inner}"), entries)?;
    }
    Ok(())
}

async fn download(call: &Call, pod: &str, path: &str, target: &str) -> Outcome<()> {
    let (info, container) = find(call, pod).await?;
    let path = trimmed(path).replace('\\', "/");
    let (out, err, status) = capture(call, &info, &container, &["tar", "cf", "-", &path], b"").await?;
    ended(call, &err, status)?;
    let entries = archive::unpack(&out).ok_or_else(|| Failure::new("unexpected EOF"))?;
    // Members are named as they were asked for, without what leads to the root.
    let whole = clean(path.trim_start_matches('/'));
    let mut prefix = whole.as_str();
    while let Some(rest) = prefix.strip_prefix("../") {
        prefix = rest;
    }
    let prefix = if matches!(prefix, "." | "..") { "" } else { prefix };
    let (host, inside) = (&call.env.host, clean(target));
    for entry in entries {
        let Some(rest) = entry.name.strip_prefix(prefix) else {
            return Err("tar contents corrupted".into());
        };
        let file = clean(&format!("{inside}/{rest}"));
        let below = file.strip_prefix(&inside).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if !below && (inside != "." || file.starts_with("../") || file == "..") {
            call.note(format!("warning: file {file:?} is outside target destination, skipping"));
            continue;
        }
        let folder =
            if entry.directory { Some(file.as_str()) } else { file.rsplit_once('/').map(|(f, _)| f) };
        if let Some(folder) = folder.filter(|folder| !folder.is_empty()) {
            host.make_dir(folder).map_err(|why| Failure::new(format!("mkdir {folder}: {why}")))?;
        }
        if !entry.directory {
            let written = if host.list_dir(&file).is_some() {
                Err("is a directory".to_owned())
            } else {
                host.write_file(&file, &entry.content)
            };
            written.map_err(|why| Failure::new(format!("open {file}: {why}")))?;
        }
    }
    Ok(())
}

/// A path without the slash at its end.
fn trimmed(path: &str) -> &str {
    path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path)
}

/// The shortest form of a path, as Go's `path.Clean` finds it.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// What the container's `tar` complained of, and how it ended.
fn ended(call: &Call, err: &[u8], status: i32) -> Outcome<()> {
    call.env.io.write_error(err);
    if status == 0 {
        return Ok(());
    }
    Err(Failure::Text(format!("command terminated with exit code {status}"), status))
}

#[cfg(test)]
mod tests {
    use crate::kubectl::testing::lab;

    #[test]
    fn folders_go_both_ways() {
        let lab = lab();
        lab.put("site/index.html", b"hello\n");
        lab.put("site/css/a.css", b"a {}\n");
        lab.run("run web --image=nginx");
        lab.run("wait --for=condition=Ready pod/web");
        // A new name is the folder itself; into one that is there goes the folder.
        for target in ["web:/tmp/new", "web:/tmp/new/", "default/web:tmp"] {
            assert_eq!(lab.run(&format!("cp site/ {target}")), "", "{target}");
        }
        let found = lab.run("exec web -- find /tmp -type f");
        let wanted = ["/tmp/new/css/a.css", "/tmp/new/index.html", "/tmp/new/site/css/a.css"];
        assert!(wanted.iter().all(|path| found.contains(path)), "{found}");
        assert!(found.contains("/tmp/site/index.html"), "{found}");
        let said = "tar: Removing leading `/' from member names\n";
        assert_eq!(lab.run("cp web:/tmp/new/site back"), said);
        assert_eq!(lab.run("cp back/css/a.css web:/etc/b -c web"), "");
        assert_eq!(lab.run("exec web -- cat /etc/b"), "a {}\n");
        assert_eq!(
            lab.run("cp web:/etc/b back"),
            format!("{said}error: open back: is a directory\n[exit 1]\n")
        );
        for (line, wanted) in [
            ("cp web:/etc/nope x", "command terminated with exit code 2\n[exit 2]\n"),
            (
                "cp site web:/no/where",
                "tar: Error is not recoverable: exiting now\ncommand terminated with exit code 2\n[exit 2]\n",
            ),
            ("cp site web:/x -c nope", "container nope is not valid for pod web\n[exit 1]\n"),
            ("cp nope web:/x", "error: nope doesn't exist in local filesystem\n[exit 1]\n"),
        ] {
            let said = lab.run(line);
            assert!(said.ends_with(wanted), "{line}: {said}");
        }
    }

    #[test]
    fn paths_are_made_short() {
        for (path, short) in
            [("/a//b/../c/.", "/a/c"), ("../a/..", ".."), ("", "."), ("/..", "/"), ("a/", "a")]
        {
            assert_eq!(super::clean(path), short, "{path}");
        }
    }
}
