//! Open streams: `exec`, `attach` and `logs -f`.
//!
//! Always holds: a stream is data beside the pods; its output is taken when its client reads, and bounded meanwhile.

use super::log::Line;
use super::run::{Stage, spec_of};
use super::{run_mut, run_of};
use crate::apiserver::StreamId;
use crate::cluster::Cluster;
use crate::cluster::workload::rootfs::Spot;
use crate::cluster::workload::{process, server};
use crate::object::{ObjectName, Pod, SimTime};
use imbl::OrdMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// How much output a stream keeps for a client that does not read.
pub const STREAM_BYTES: usize = 1 << 20;

/// The open streams of a cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams {
    open: OrdMap<u64, Stream>,
    last: u64,
}

/// An open stream.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    spot: Spot,
    source: Source,
    /// Whether standard input goes to the container's first process.
    pub stdin: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    exit: Option<i32>,
}

#[derive(Clone, Debug)]
enum Source {
    Log(Follow),
    Process(u32),
    Attached,
    /// Of the pod as a whole, without output.
    Forward,
}

/// How far a log has been read.
#[derive(Clone, Debug)]
pub(crate) struct Follow {
    /// The pod that it is of.
    pub uid: Arc<str>,
    /// The container's start that it is of.
    pub attempt: u32,
    /// Lines read so far.
    pub seen: u64,
    /// Whether each line begins with its moment.
    pub timestamps: bool,
}

/// What part of a log is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tail {
    /// At most so many lines, the newest.
    pub lines: Option<u64>,
    /// None before.
    pub since: Option<SimTime>,
    /// Whether each line begins with its moment.
    pub timestamps: bool,
    /// At most so many bytes, the first.
    pub bytes: Option<u64>,
}

/// What an open stream (`exec`, `attach`, `logs -f`) has for its client.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamRead {
    /// Standard output since the last read.
    pub stdout: Vec<u8>,
    /// Standard error since the last read.
    pub stderr: Vec<u8>,
    /// The exit status, when the stream has ended and everything was read.
    pub exit: Option<i32>,
}

impl Streams {
    /// The id of the next stream.
    pub fn next_id(&mut self) -> StreamId {
        self.last += 1;
        StreamId(self.last)
    }

    /// Puts a stream in under its id.
    pub fn insert(&mut self, id: StreamId, stream: Stream) {
        self.open.insert(id.0, stream);
    }

    /// Puts a stream in under a new id.
    pub fn open(&mut self, stream: Stream) -> StreamId {
        let id = self.next_id();
        self.insert(id, stream);
        id
    }

    /// Adds output of a process to its stream.
    pub fn output(&mut self, id: StreamId, error: bool, bytes: &[u8]) {
        let Some(stream) = self.open.get_mut(&id.0) else { return };
        let to = if error { &mut stream.stderr } else { &mut stream.stdout };
        let room = STREAM_BYTES.saturating_sub(to.len());
        to.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Adds output of a container's first process to the streams that are attached to it.
    pub fn attached(&mut self, spot: &Spot, error: bool, bytes: &[u8]) {
        let mine = |s: &Stream| matches!(s.source, Source::Attached) && s.spot == *spot && s.exit.is_none();
        let ids: Vec<u64> = self.open.iter().filter(|(_, s)| mine(s)).map(|(id, _)| *id).collect();
        for id in ids {
            self.output(StreamId(id), error, bytes);
        }
    }

    /// The process of a stream has ended.
    pub fn ended(&mut self, id: StreamId, status: i32) {
        if let Some(stream) = self.open.get_mut(&id.0) {
            stream.exit.get_or_insert(status);
        }
    }

    fn end_where(&mut self, goes: impl Fn(&Spot) -> bool, status: i32) {
        let ids: Vec<u64> = self.open.iter().filter(|(_, s)| goes(&s.spot)).map(|(id, _)| *id).collect();
        for id in ids {
            if let Some(stream) = self.open.get_mut(&id) {
                let status = if matches!(stream.source, Source::Log(_)) { 0 } else { status };
                stream.exit.get_or_insert(status);
            }
        }
    }
}

impl Stream {
    /// A stream of a log that begins with `text`.
    pub fn follow(spot: Spot, follow: Follow, text: Vec<u8>) -> Self {
        let source = Source::Log(follow);
        Self { spot, source, stdin: false, stdout: text, stderr: Vec::new(), exit: None }
    }

    /// A stream of a container's first process; `text` is what it has shown so far.
    pub fn attach(spot: Spot, text: Vec<u8>) -> Self {
        Self { spot, source: Source::Attached, stdin: false, stdout: text, stderr: Vec::new(), exit: None }
    }

    /// A stream that only ends, with its pod.
    pub fn forward(spot: Spot) -> Self {
        let source = Source::Forward;
        Self { spot, source, stdin: false, stdout: Vec::new(), stderr: Vec::new(), exit: None }
    }

    /// A stream of a process.
    pub fn exec(spot: Spot, pid: u32) -> Self {
        let source = Source::Process(pid);
        Self { spot, source, stdin: true, stdout: Vec::new(), stderr: Vec::new(), exit: None }
    }
}

/// The log of a container as text.
pub(super) fn read_log(cluster: &Cluster, pod: &Pod, spot: &Spot, previous: bool, tail: &Tail) -> String {
    let Some(run) = run_of(cluster, &spot.node, &spot.pod) else { return String::new() };
    let Some(container) = run.containers.get(spot.index) else { return String::new() };
    let Some((spec, _)) = spec_of(pod, spot.index) else { return String::new() };
    let started = match (&container.stage, previous) {
        (Stage::Running { since, .. }, false) => Some(*since),
        (Stage::Running { .. }, true) => container.last.as_ref().map(|e| e.started),
        (_, false) => container.ended.as_ref().map(|e| e.started),
        (_, true) => container.last.as_ref().map(|e| e.started),
    };
    let mut lines: Vec<Line> = Vec::new();
    if let Some(at) = started.filter(|at| at.0 > 0) {
        let made = server::greeting(pod, &spec, at);
        lines.extend(made.into_iter().map(|text| Line { at, text: Arc::from(text), ended: true }));
    }
    let log = if previous { container.previous_log.as_deref() } else { container.log.as_deref() };
    lines.extend(log.into_iter().flat_map(|l| l.lines().cloned()));
    lines.retain(|l| tail.since.is_none_or(|s| l.at >= s));
    let skip = tail.lines.map_or(0, |n| lines.len().saturating_sub(usize::try_from(n).unwrap_or(usize::MAX)));
    let mut text = String::new();
    for line in &lines[skip..] {
        push_line(&mut text, line, tail.timestamps);
    }
    if let Some(limit) = tail.bytes.and_then(|b| usize::try_from(b).ok())
        && text.len() > limit
    {
        let at = (0..=limit).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(at);
    }
    text
}

fn push_line(text: &mut String, line: &Line, timestamps: bool) {
    if timestamps {
        let time = jiff::Timestamp::from_nanosecond(i128::from(line.at.0)).unwrap_or_default();
        let _ = write!(text, "{time:.9} ");
    }
    text.push_str(&line.text);
    if line.ended {
        text.push('\n');
    }
}

/// Reads what an open stream has.
pub fn read_stream(cluster: &mut Cluster, id: StreamId) -> StreamRead {
    let Some(stream) = cluster.shared.streams.open.get(&id.0) else {
        return StreamRead { exit: Some(0), ..StreamRead::default() };
    };
    if let Source::Log(follow) = &stream.source {
        let (follow, spot) = (follow.clone(), stream.spot.clone());
        read_on(cluster, id, follow, &spot);
    }
    let Some(stream) = cluster.shared.streams.open.get_mut(&id.0) else { return StreamRead::default() };
    let read = StreamRead {
        stdout: std::mem::take(&mut stream.stdout),
        stderr: std::mem::take(&mut stream.stderr),
        exit: stream.exit,
    };
    if read.exit.is_some() {
        cluster.shared.streams.open.remove(&id.0);
    }
    read
}

/// Takes the lines that a followed log has more.
fn read_on(cluster: &mut Cluster, id: StreamId, mut follow: Follow, spot: &Spot) {
    let run = run_of(cluster, &spot.node, &spot.pod).filter(|r| r.uid == follow.uid);
    let container = run.and_then(|r| r.containers.get(spot.index));
    let mut text = String::new();
    let mut over = true;
    if let Some(container) = container {
        let same = container.is_running() && container.restarts == follow.attempt;
        let old = !same && container.restarts > follow.attempt;
        let log = if old { container.previous_log.as_deref() } else { container.log.as_deref() };
        if let Some(log) = log {
            for line in log.since(follow.seen) {
                push_line(&mut text, line, follow.timestamps);
            }
            follow.seen = log.count;
        }
        over = !same;
    }
    if let Some(stream) = cluster.shared.streams.open.get_mut(&id.0) {
        stream.stdout.extend_from_slice(text.as_bytes());
        stream.source = Source::Log(follow);
        if over {
            stream.exit.get_or_insert(0);
        }
    }
}

/// Writes to an open stream's standard input; `None` closes it.
pub fn write_stream(cluster: &mut Cluster, id: StreamId, bytes: Option<&[u8]>) {
    let Some(stream) = cluster.shared.streams.open.get(&id.0) else { return };
    let pid = match stream.source {
        Source::Process(pid) => pid,
        Source::Attached if stream.stdin => 1,
        Source::Attached | Source::Log(_) | Source::Forward => return,
    };
    let spot = stream.spot.clone();
    process::feed(cluster, &spot, pid, bytes);
    process::run_now(cluster, &spot, pid);
}

/// Ends a stream, as Ctrl-C of its client does.
pub fn close_stream(cluster: &mut Cluster, id: StreamId) {
    let Some(stream) = cluster.shared.streams.open.remove(&id.0) else { return };
    if let Source::Process(pid) = stream.source
        && let Some(run) = run_mut(cluster, &stream.spot.node, &stream.spot.pod)
        && let Some(body) = run.containers.get_mut(stream.spot.index).and_then(|c| c.body.as_mut())
    {
        body.processes.retain(|p| p.pid != pid);
    }
}

/// Ends the streams of a node that is gone.
pub(super) fn drop_of_node(cluster: &mut Cluster, node: &str) {
    cluster.shared.streams.end_where(|spot| *spot.node == *node, 1);
}

/// Ends the streams of a pod that is gone.
pub(super) fn drop_of_pod(cluster: &mut Cluster, name: &ObjectName) {
    let streams = cluster.shared.streams.open.iter().filter(|(_, s)| s.spot.pod == *name);
    let logs: Vec<(u64, Follow, Spot)> = streams
        .filter_map(|(id, s)| match &s.source {
            Source::Log(follow) => Some((*id, follow.clone(), s.spot.clone())),
            _ => None,
        })
        .collect();
    for (id, follow, spot) in logs {
        read_on(cluster, StreamId(id), follow, &spot);
    }
    cluster.shared.streams.end_where(|spot| spot.pod == *name, 137);
}

/// Ends the `exec` and `attach` streams of a container that has ended with this status.
pub(super) fn drop_of_container(cluster: &mut Cluster, spot: &Spot, status: i32) {
    let ids: Vec<u64> =
        cluster.shared.streams.open.iter().filter(|(_, s)| s.spot == *spot).map(|(id, _)| *id).collect();
    for id in ids {
        if let Some(stream) = cluster.shared.streams.open.get_mut(&id)
            && !matches!(stream.source, Source::Log(_) | Source::Forward)
        {
            let attached = matches!(stream.source, Source::Attached);
            stream.exit.get_or_insert(if attached { status } else { 137 });
        }
    }
}
