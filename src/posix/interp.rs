//! One shell process: an explicit stack of frames over the syntax tree, one small step at a time.
//!
//! Always holds: the stack is limited; a frame that waits for a child, for input or for a substitution says so and is
//! asked again. Deliberately not here: what the builtins do (`builtins.rs`), expansion (`expand.rs`).

use super::World;
use super::code::{Code, Node};
use super::expand::{Known, Memo, Stop, Use, quote};
use super::flow::CaseFrame;
use super::kernel::{Body, Fds, Handle, Kernel, Wait};
use super::state::{Shell, Variable};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Deeper stacks are refused.
const MAX_STACK: usize = 4000;
pub(super) const MAX_CALLS: usize = 400;
/// A loop's status before its body has run.
pub(super) const NOT_BEGUN: i32 = -1;

/// What surrounds a step.
pub(super) struct Context<'a> {
    pub kernel: &'a mut Kernel,
    pub fds: &'a mut Fds,
    pub pending: &'a mut VecDeque<(Handle, Vec<u8>)>,
    pub world: &'a mut dyn World,
    pub pid: u32,
}

impl Context<'_> {
    pub(super) fn write(&mut self, fd: i32, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        if text.is_empty() {
            return;
        }
        let handle = self.fds.get(&fd).cloned().unwrap_or(Handle::Null);
        self.pending.push_back((handle, text.to_vec()));
    }
}

pub(super) enum Flow {
    On,
    Wait(Wait),
    Exit(i32),
}

#[derive(Clone, Debug)]
pub(super) enum Frame {
    List {
        code: Code,
        at: usize,
    },
    AndOr {
        code: Code,
        at: usize,
    },
    Pipeline {
        code: Code,
        pids: Vec<u32>,
        status: i32,
        failed: i32,
    },
    Negate,
    Timed {
        from: u64,
    },
    Simple(Box<SimpleFrame>),
    If {
        code: Code,
        arm: usize,
    },
    While {
        code: Code,
        testing: bool,
        status: i32,
    },
    For {
        code: Code,
        memo: Memo,
        items: Option<Arc<[String]>>,
        at: usize,
    },
    ForArith {
        code: Code,
        memo: Memo,
        phase: ArithPhase,
    },
    Case {
        code: Code,
        memo: Memo,
        subject: Option<String>,
        arm: usize,
        through: bool,
    },
    Arith {
        code: Code,
        memo: Memo,
    },
    Test {
        code: Code,
        memo: Memo,
    },
    Redirected {
        code: Code,
        memo: Memo,
    },
    /// File descriptors as they were before.
    Restore(Box<Fds>),
    Call(Box<CallFrame>),
    /// Variables as they were before a command with assignments.
    Unassign(Vec<(Arc<str>, Option<Variable>)>),
    /// Waits for a substitution; its output goes into the frame below.
    Substitution {
        pid: u32,
        capture: u32,
        how: Use,
    },
    /// Waits for a child in the foreground.
    Child {
        pid: u32,
    },
    /// `wait`.
    Jobs {
        pids: Vec<u32>,
        any: bool,
    },
    /// `read`.
    Read(Box<super::reading::Reading>),
    /// After a trap, the status is as before.
    Trap {
        status: i32,
    },
    /// Reads commands from standard input.
    Commands {
        prompt: Option<Arc<str>>,
        text: String,
        shown: bool,
    },
    /// Files made for `<(…)`, to be removed.
    Remove(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArithPhase {
    Init,
    Cond,
    Update,
}

#[derive(Clone, Debug)]
pub(super) struct CallFrame {
    pub args: Option<Arc<[String]>>,
    pub locals: Vec<(Arc<str>, Option<Variable>)>,
    /// A function (where `return` and `local` have their place), a sourced file, or an alias of this name.
    pub kind: CallKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallKind {
    Function,
    Source,
    Alias(String),
    Eval,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Words,
    Redirects,
    Assignments,
}

#[derive(Clone, Debug)]
pub(super) struct SimpleFrame {
    pub code: Code,
    pub phase: Phase,
    pub memo: Memo,
    pub words: Vec<String>,
    pub assigned: Vec<(String, Option<String>, String)>,
    pub ran: bool,
    pub files: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Job {
    pub number: usize,
    pub pid: u32,
    pub text: String,
}

/// A shell process.
#[derive(Clone, Debug)]
pub(super) struct Interp {
    pub shell: Shell,
    pub stack: Vec<Frame>,
    pub jobs: Vec<Job>,
    pub interactive: bool,
    /// `exit` was called in an interactive shell.
    pub left: bool,
    signals: VecDeque<String>,
    exiting: bool,
    pub calls: usize,
    subshell: bool,
}

pub(super) fn signal_name(signal: i32) -> &'static str {
    match signal {
        1 => "HUP",
        2 => "INT",
        3 => "QUIT",
        10 => "USR1",
        12 => "USR2",
        13 => "PIPE",
        15 => "TERM",
        _ => "KILL",
    }
}

impl Interp {
    pub(super) fn new(name: &str, args: &[String], env: &BTreeMap<String, String>, cwd: &str) -> Self {
        Self {
            shell: Shell::new(name, args, env, cwd),
            stack: Vec::new(),
            jobs: Vec::new(),
            interactive: false,
            left: false,
            signals: VecDeque::new(),
            exiting: false,
            calls: 0,
            subshell: false,
        }
    }

    pub(super) fn begin(&mut self, code: Code) {
        self.left = false;
        self.stack.push(Frame::List { code, at: 0 });
    }

    pub(super) fn begin_command(&mut self, argv: &[String]) {
        let text = argv.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
        if let Ok(code) = super::parse::parse(&text) {
            self.begin(code);
        }
    }

    pub(super) fn read_commands(&mut self, prompt: Option<&str>) {
        let prompt = prompt.map(Arc::from);
        self.stack.push(Frame::Commands { prompt, text: String::new(), shown: false });
    }

    pub(super) fn is_idle(&self) -> bool {
        self.stack.is_empty()
    }

    pub(super) fn status(&self) -> i32 {
        self.shell.status
    }

    /// A copy for a subshell.
    pub(super) fn fork(&self, code: &Code) -> Self {
        let mut shell = self.shell.clone();
        shell.traps.clear();
        Self {
            shell,
            stack: vec![Frame::List { code: Code::clone(code), at: 0 }],
            jobs: Vec::new(),
            interactive: false,
            left: false,
            signals: VecDeque::new(),
            exiting: false,
            calls: self.calls,
            subshell: true,
        }
    }

    pub(super) fn holds(&self, handle: &Handle) -> bool {
        self.stack
            .iter()
            .any(|frame| matches!(frame, Frame::Restore(fds) if fds.values().any(|h| h == handle)))
    }

    pub(super) fn traps(&self, signal: i32) -> bool {
        self.shell.traps.contains_key(signal_name(signal))
    }

    pub(super) fn signal(&mut self, signal: i32) {
        self.signals.push_back(signal_name(signal).to_owned());
    }

    /// Drops everything that runs (Ctrl-C at a prompt).
    pub(super) fn abort(&mut self, fds: &mut Fds, status: i32) {
        while let Some(frame) = self.stack.pop() {
            self.undo_frame(frame, fds);
        }
        self.signals.clear();
        self.exiting = false;
        self.shell.status = status;
    }

    /// What leaving a frame early must put back.
    pub(super) fn undo_frame(&mut self, frame: Frame, fds: &mut Fds) {
        match frame {
            Frame::Restore(saved) => *fds = *saved,
            Frame::Call(call) => self.leave_call(*call),
            Frame::Unassign(saved) => self.restore(saved),
            Frame::Trap { status } => self.shell.status = status,
            _ => {}
        }
    }

    pub(super) fn restore(&mut self, saved: Vec<(Arc<str>, Option<Variable>)>) {
        for (name, value) in saved.into_iter().rev() {
            match value {
                Some(value) => self.shell.vars.insert(name, value),
                None => self.shell.vars.remove(&name),
            };
        }
    }

    pub(super) fn leave_call(&mut self, call: CallFrame) {
        self.calls = self.calls.saturating_sub(1);
        if let Some(args) = call.args {
            self.shell.args = args;
        }
        self.restore(call.locals);
    }

    /// Says something on standard error, and sets the status.
    pub(super) fn fail(&mut self, cx: &mut Context, message: &str, status: i32) {
        cx.write(2, self.shell.say(message));
        self.shell.status = status;
    }

    /// One step.
    pub(super) fn step(&mut self, cx: &mut Context) -> Flow {
        let waits = matches!(self.stack.last(), Some(Frame::Child { .. } | Frame::Substitution { .. }));
        if !waits && let Some(name) = self.signals.pop_front() {
            return self.trap(&name, cx);
        }
        if self.stack.len() > MAX_STACK {
            self.fail(cx, "maximum nesting level exceeded", 2);
            return self.exit(2, cx);
        }
        match self.stack.pop() {
            Some(frame) => self.frame(frame, cx),
            None if self.exiting || !self.shell.traps.contains_key("EXIT") || self.interactive => {
                Flow::Exit(self.shell.status)
            }
            None => {
                self.exiting = true;
                self.trap("EXIT", cx)
            }
        }
    }

    fn trap(&mut self, name: &str, cx: &mut Context) -> Flow {
        // A signal interrupts `wait`.
        if matches!(self.stack.last(), Some(Frame::Jobs { .. } | Frame::Read(_))) && name != "EXIT" {
            self.stack.pop();
            self.shell.status = 128 + 15;
        }
        let Some(text) = self.shell.traps.get(name).cloned() else { return Flow::On };
        match super::parse::parse(&text) {
            Ok(code) => {
                self.stack.push(Frame::Trap { status: self.shell.status });
                self.stack.push(Frame::List { code, at: 0 });
            }
            Err(error) => self.fail(cx, &error.message, 2),
        }
        Flow::On
    }

    /// Ends the shell: the EXIT trap runs first.
    pub(super) fn exit(&mut self, status: i32, cx: &mut Context) -> Flow {
        self.abort(cx.fds, status);
        self.left = true;
        Flow::On
    }

    pub(super) fn run(&mut self, code: &Code) {
        let code = Code::clone(code);
        self.stack.push(match &*code {
            Node::List(_) => Frame::List { code, at: 0 },
            Node::AndOr { .. } => Frame::AndOr { code, at: 0 },
            Node::Pipeline { .. } => Frame::Pipeline { code, pids: Vec::new(), status: 0, failed: 0 },
            Node::Simple(_) => Frame::Simple(Box::new(SimpleFrame {
                code,
                phase: Phase::Words,
                memo: Memo::default(),
                words: Vec::new(),
                assigned: Vec::new(),
                ran: false,
                files: Vec::new(),
            })),
            Node::If { .. } => Frame::If { code, arm: 0 },
            Node::While { .. } => Frame::While { code, testing: false, status: NOT_BEGUN },
            Node::For { .. } => Frame::For { code, memo: Memo::default(), items: None, at: 0 },
            Node::ForArith { .. } => Frame::ForArith { code, memo: Memo::default(), phase: ArithPhase::Init },
            Node::Case { .. } => {
                Frame::Case { code, memo: Memo::default(), subject: None, arm: 0, through: false }
            }
            Node::Arith(_) => Frame::Arith { code, memo: Memo::default() },
            Node::Test(_) => Frame::Test { code, memo: Memo::default() },
            Node::Redirected(..) => Frame::Redirected { code, memo: Memo::default() },
            Node::Subshell(_) | Node::Function { .. } => Frame::List { code, at: 0 },
        });
    }

    fn frame(&mut self, frame: Frame, cx: &mut Context) -> Flow {
        match frame {
            Frame::List { code, at } => self.list(code, at, cx),
            Frame::AndOr { code, at } => self.and_or(code, at),
            Frame::Pipeline { code, pids, status, failed } => self.pipeline(code, (pids, status, failed), cx),
            Frame::Negate => {
                self.shell.status = i32::from(self.shell.status == 0);
                Flow::On
            }
            Frame::Timed { from } => {
                let real = cx.world.now().saturating_sub(from) / 1_000_000;
                let (minutes, rest) = (real / 60_000, real % 60_000);
                cx.write(
                    2,
                    format!(
                        "\nreal\t{minutes}m{}.{:03}s\nuser\t0m0.000s\nsys\t0m0.000s\n",
                        rest / 1000,
                        rest % 1000
                    ),
                );
                Flow::On
            }
            Frame::Simple(simple) => self.simple(simple, cx),
            Frame::If { code, arm } => self.if_clause(code, arm),
            Frame::While { code, testing, status } => self.while_clause(code, testing, status),
            Frame::For { code, memo, items, at } => self.for_clause(code, memo, items, at, cx),
            Frame::ForArith { code, memo, phase } => self.for_arith(code, memo, phase, cx),
            Frame::Case { code, memo, subject, arm, through } => {
                self.case(CaseFrame { code, memo, subject, arm, through }, cx)
            }
            Frame::Arith { code, memo } => self.arith(code, memo, cx),
            Frame::Test { code, memo } => self.test(code, memo, cx),
            Frame::Redirected { code, memo } => self.redirected(code, memo, cx),
            Frame::Restore(saved) => {
                *cx.fds = *saved;
                cx.kernel.sweep();
                Flow::On
            }
            Frame::Call(call) => {
                self.leave_call(*call);
                Flow::On
            }
            Frame::Unassign(saved) => {
                self.restore(saved);
                Flow::On
            }
            Frame::Substitution { pid, capture, how } => self.substitution(pid, capture, how, cx),
            Frame::Child { pid } => {
                if let Some(status) = cx.kernel.ended.remove(&pid) {
                    self.shell.status = status;
                    // A script whose command was ended by Ctrl-C ends too.
                    if status == 130 && !self.interactive && !self.traps(2) {
                        return self.exit(130, cx);
                    }
                    self.errexit(cx)
                } else {
                    self.stack.push(Frame::Child { pid });
                    Flow::Wait(Wait::Child)
                }
            }
            Frame::Jobs { pids, any } => self.wait_jobs(pids, any, cx),
            Frame::Read(reading) => self.read_more(*reading, cx),
            Frame::Trap { status } => {
                self.shell.status = status;
                Flow::On
            }
            Frame::Commands { prompt, text, shown } => self.commands(prompt, text, shown, cx),
            Frame::Remove(files) => {
                for file in files {
                    let _ = cx.world.remove(&file);
                }
                Flow::On
            }
        }
    }

    /// After a command that failed: `set -e` ends the shell, unless the command was a condition.
    pub(super) fn errexit(&mut self, cx: &mut Context) -> Flow {
        if self.shell.status == 0 || !self.shell.options.errexit {
            return Flow::On;
        }
        let condition = self.stack.iter().any(|frame| match frame {
            // These are on the stack only while their condition runs.
            Frame::If { .. } | Frame::AndOr { .. } | Frame::Negate => true,
            Frame::While { testing, .. } => *testing,
            _ => false,
        });
        if condition {
            return Flow::On;
        }
        let status = self.shell.status;
        self.exit(status, cx)
    }

    /// Expansion stopped: runs the substitution and comes back to `frame`, or fails the command.
    pub(super) fn stopped(&mut self, stop: Stop, frame: Frame, cx: &mut Context) -> Flow {
        let (code, how) = match stop {
            Stop::Need(code, how) => (code, how),
            Stop::Fail(why) => {
                self.fail(cx, &why, 1);
                // An expansion error ends a script, and what is typed in a terminal.
                let status =
                    if why.ends_with("unbound variable") || why.contains("not set") { 127 } else { 1 };
                if self.interactive {
                    self.abort(cx.fds, 1);
                    return Flow::On;
                }
                let fatal = status == 127 && !self.subshell;
                return self.exit(if fatal { 127 } else { 1 }, cx);
            }
        };
        let capture = cx.kernel.capture();
        let mut fds = cx.fds.clone();
        fds.insert(1, Handle::Capture(capture));
        let body = Body::Shell(Box::new(self.fork(&code)));
        let Some(pid) = cx.kernel.spawn(cx.pid, body, fds) else { return self.cannot_fork(cx) };
        self.stack.push(frame);
        self.stack.push(Frame::Substitution { pid, capture, how });
        Flow::On
    }

    pub(super) fn substitution(&mut self, pid: u32, capture: u32, how: Use, cx: &mut Context) -> Flow {
        let Some(status) = cx.kernel.ended.remove(&pid) else {
            self.stack.push(Frame::Substitution { pid, capture, how });
            return Flow::Wait(Wait::Child);
        };
        self.shell.status = status;
        let bytes = cx.kernel.captures.remove(&capture).unwrap_or_default();
        let text = if how == Use::File {
            let path = format!("/tmp/sh-fd.{pid}");
            if let Err(why) = cx.world.write(&path, &bytes, false) {
                self.fail(cx, &format!("{path}: {why}"), 1);
            }
            path
        } else {
            String::from_utf8_lossy(&bytes).replace('\0', "").trim_end_matches('\n').to_owned()
        };
        let memo = match self.stack.last_mut() {
            Some(Frame::Simple(simple)) => {
                simple.ran = true;
                if how == Use::File {
                    simple.files.push(text.clone());
                }
                &mut simple.memo
            }
            Some(
                Frame::For { memo, .. }
                | Frame::ForArith { memo, .. }
                | Frame::Case { memo, .. }
                | Frame::Arith { memo, .. }
                | Frame::Test { memo, .. }
                | Frame::Redirected { memo, .. },
            ) => memo,
            _ => return Flow::On,
        };
        memo.done.push(Known::Output(text));
        Flow::On
    }

    fn wait_jobs(&mut self, pids: Vec<u32>, any: bool, cx: &mut Context) -> Flow {
        let mut left = Vec::new();
        for pid in &pids {
            match cx.kernel.ended.get(pid) {
                Some(status) => {
                    self.shell.status = *status;
                    self.jobs.retain(|job| job.pid != *pid);
                    if any {
                        return Flow::On;
                    }
                }
                None if cx.kernel.running(*pid) => left.push(*pid),
                None => self.shell.status = 127,
            }
        }
        if left.is_empty() {
            return self.errexit(cx);
        }
        self.stack.push(Frame::Jobs { pids: left, any });
        Flow::Wait(Wait::Child)
    }

    /// Leaves loops or calls: pops frames until `stop` says that this was the one.
    pub(super) fn unwind(&mut self, cx: &mut Context, mut stop: impl FnMut(&Frame) -> bool) -> Option<Frame> {
        while let Some(frame) = self.stack.pop() {
            if stop(&frame) {
                return Some(frame);
            }
            self.undo_frame(frame, cx.fds);
        }
        None
    }
}
