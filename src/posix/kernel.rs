//! What the little processes of a machine share: handles, pipes, opened files, the terminal.
//!
//! Always holds: a pipe's ends are found by looking at who holds them, so nothing can leak; a full pipe or terminal
//! holds its writer back.

use super::interp::Interp;
use super::tools::Tool;
use super::{ChildId, World};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What a file descriptor stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Handle {
    Null,
    /// The machine's own standard input, output and error.
    Stdin,
    Stdout,
    Stderr,
    PipeRead(u32),
    PipeWrite(u32),
    /// A file or here-document opened for reading.
    Input(u32),
    /// A file opened for writing: everything is appended.
    File(Arc<str>),
    /// What a command substitution gathers.
    Capture(u32),
}

pub(super) type Fds = BTreeMap<i32, Handle>;

/// Bytes that a pipe or the terminal holds before its writer must wait.
const PIPE_SIZE: usize = 64 << 10;
const TERMINAL_SIZE: usize = 256 << 10;
/// More output of a command substitution ends it.
const CAPTURE_SIZE: usize = 4 << 20;
/// More processes than this are refused.
const MAX_PROCESSES: usize = 200;

#[derive(Clone, Debug)]
pub(super) struct Input {
    pub bytes: Arc<[u8]>,
    pub at: usize,
}

/// Output of the machine, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Whether it was written to standard error.
    pub error: bool,
    /// The bytes.
    pub bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Shell(Box<Interp>),
    Tool(Box<Running>),
    World(ChildId),
    Ended,
}

/// A tool that goes on.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub tool: Box<dyn Tool>,
    pub env: BTreeMap<String, String>,
    pub cwd: Arc<str>,
    pub child: Option<u32>,
    /// When the child is to be ended (`timeout`).
    pub deadline: Option<u64>,
    pub result: Option<i32>,
}

#[derive(Clone, Debug)]
pub(super) struct Proc {
    pub pid: u32,
    pub parent: u32,
    pub body: Body,
    pub fds: Fds,
    pub pending: VecDeque<(Handle, Vec<u8>)>,
    pub input: Vec<u8>,
    pub eof: bool,
    pub wait: Wait,
    /// Ends with this status as soon as what it wrote is taken.
    pub exiting: Option<i32>,
    pub background: bool,
}

/// What a process waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    No,
    Input,
    Output,
    Child,
    Until(u64),
    World(Option<u64>),
}

pub(super) enum Taken {
    Bytes(Vec<u8>),
    Nothing,
    End,
}

pub(super) enum Written {
    All,
    Full,
    Broken,
    Failed(String),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Kernel {
    pub procs: BTreeMap<u32, Proc>,
    /// Statuses of processes that have ended and that nobody has asked for yet.
    pub ended: BTreeMap<u32, i32>,
    pub pipes: BTreeMap<u32, VecDeque<u8>>,
    pub inputs: BTreeMap<u32, Input>,
    pub captures: BTreeMap<u32, Vec<u8>>,
    pub stdin: VecDeque<u8>,
    pub stdin_closed: bool,
    pub output: Vec<Output>,
    pub terminal: bool,
    pub next: u32,
}

impl Kernel {
    pub(super) fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    pub(super) fn pipe(&mut self) -> (Handle, Handle) {
        let id = self.number();
        self.pipes.insert(id, VecDeque::new());
        (Handle::PipeRead(id), Handle::PipeWrite(id))
    }

    pub(super) fn open(&mut self, bytes: Vec<u8>) -> Handle {
        let id = self.number();
        self.inputs.insert(id, Input { bytes: bytes.into(), at: 0 });
        Handle::Input(id)
    }

    pub(super) fn capture(&mut self) -> u32 {
        let id = self.number();
        self.captures.insert(id, Vec::new());
        id
    }

    /// Starts a process; `None` when there are too many.
    pub(super) fn spawn(&mut self, parent: u32, body: Body, fds: Fds) -> Option<u32> {
        if self.procs.len() >= MAX_PROCESSES {
            return None;
        }
        let pid = self.number();
        let proc = Proc {
            pid,
            parent,
            body,
            fds,
            pending: VecDeque::new(),
            input: Vec::new(),
            eof: false,
            wait: Wait::No,
            exiting: None,
            background: false,
        };
        self.procs.insert(pid, proc);
        Some(pid)
    }

    fn held(&self, handle: &Handle) -> bool {
        self.procs.values().any(|proc| {
            proc.fds.values().any(|h| h == handle)
                || proc.pending.iter().any(|(h, _)| h == handle)
                || matches!(&proc.body, Body::Shell(shell) if shell.holds(handle))
        })
    }

    /// Takes up to `max` bytes; a line at most when `max` is 0.
    pub(super) fn take(&mut self, handle: &Handle, max: usize) -> Taken {
        match handle {
            Handle::Stdin => match self.stdin.is_empty() {
                false => Taken::Bytes(self.stdin.drain(..max.min(self.stdin.len())).collect()),
                true if self.stdin_closed => Taken::End,
                true => Taken::Nothing,
            },
            Handle::PipeRead(id) => {
                let Some(pipe) = self.pipes.get_mut(id) else { return Taken::End };
                if !pipe.is_empty() {
                    let some = max.min(pipe.len());
                    return Taken::Bytes(pipe.drain(..some).collect());
                }
                if self.held(&Handle::PipeWrite(*id)) { Taken::Nothing } else { Taken::End }
            }
            Handle::Input(id) => {
                let Some(input) = self.inputs.get_mut(id) else { return Taken::End };
                let some = max.min(input.bytes.len() - input.at);
                input.at += some;
                if some == 0 {
                    Taken::End
                } else {
                    Taken::Bytes(input.bytes[input.at - some..input.at].to_vec())
                }
            }
            _ => Taken::End,
        }
    }

    /// Gives back what was taken and not used.
    pub(super) fn give_back(&mut self, handle: &Handle, bytes: &[u8]) {
        match handle {
            Handle::Stdin => bytes.iter().rev().for_each(|b| self.stdin.push_front(*b)),
            Handle::PipeRead(id) => {
                if let Some(pipe) = self.pipes.get_mut(id) {
                    bytes.iter().rev().for_each(|b| pipe.push_front(*b));
                }
            }
            Handle::Input(id) => {
                if let Some(input) = self.inputs.get_mut(id) {
                    input.at = input.at.saturating_sub(bytes.len());
                }
            }
            _ => {}
        }
    }

    pub(super) fn write(&mut self, world: &mut dyn World, handle: &Handle, bytes: &[u8]) -> Written {
        match handle {
            Handle::Stdout | Handle::Stderr => {
                let size: usize = self.output.iter().map(|o| o.bytes.len()).sum();
                if size > TERMINAL_SIZE {
                    return Written::Full;
                }
                let error = *handle == Handle::Stderr;
                match self.output.last_mut() {
                    Some(last) if last.error == error => last.bytes.extend_from_slice(bytes),
                    _ => self.output.push(Output { error, bytes: bytes.to_vec() }),
                }
                Written::All
            }
            Handle::PipeWrite(id) => {
                if !self.held(&Handle::PipeRead(*id)) {
                    return Written::Broken;
                }
                let Some(pipe) = self.pipes.get_mut(id) else { return Written::Broken };
                if pipe.len() > PIPE_SIZE {
                    return Written::Full;
                }
                pipe.extend(bytes);
                Written::All
            }
            Handle::Capture(id) => match self.captures.get_mut(id) {
                Some(captured) if captured.len() + bytes.len() <= CAPTURE_SIZE => {
                    captured.extend_from_slice(bytes);
                    Written::All
                }
                Some(_) => Written::Failed("command substitution: output too large (4 MiB at most)".into()),
                None => Written::Broken,
            },
            Handle::File(path) => match world.write(path, bytes, true) {
                Ok(()) => Written::All,
                Err(why) => Written::Failed(format!("write error: {why}")),
            },
            _ => Written::All,
        }
    }

    /// Forgets pipes and files that nobody holds.
    pub(super) fn sweep(&mut self) {
        let pipes: Vec<u32> = self.pipes.keys().copied().collect();
        for id in pipes {
            if !self.held(&Handle::PipeRead(id)) && !self.held(&Handle::PipeWrite(id)) {
                self.pipes.remove(&id);
            }
        }
        let inputs: Vec<u32> = self.inputs.keys().copied().collect();
        for id in inputs {
            if !self.held(&Handle::Input(id)) {
                self.inputs.remove(&id);
            }
        }
    }

    /// Whether anything that `pid` started (or it itself) still runs.
    pub(super) fn running(&self, pid: u32) -> bool {
        self.procs.contains_key(&pid)
    }

    /// Ends a process and what it has started.
    pub(super) fn kill(&mut self, world: &mut dyn World, pid: u32, signal: i32) {
        let mut todo = vec![pid];
        let mut seen = 0;
        while seen < todo.len() {
            let parent = todo[seen];
            seen += 1;
            todo.extend(self.procs.values().filter(|p| p.parent == parent && !p.background).map(|p| p.pid));
        }
        for pid in todo {
            let Some(proc) = self.procs.get_mut(&pid) else { continue };
            if let Body::World(child) = proc.body {
                // It may have last words: it goes when it says so.
                world.signal(child, signal);
                if signal != 9 {
                    continue;
                }
            }
            proc.pending.clear();
            proc.exiting = Some(128 + signal);
        }
    }
}
