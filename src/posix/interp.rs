//! One shell process: an explicit stack of frames over the syntax tree, one small step at a time.
//!
//! Always holds: the stack is limited; a frame that waits for a child, for input or for a substitution says so and is
//! asked again. Deliberately not here: what the builtins do (`builtins.rs`), expansion (`expand.rs`).

use super::code::{AfterArm, Code, Node, Operator, Redirect, RedirectKind, Simple, TestExpr, Value, Word};
use super::expand::{Expander, Known, Memo, Stop, Use, absolute, quote};
use super::kernel::{Body, Fds, Handle, Kernel, Running, Wait};
use super::pattern::Pattern;
use super::state::{Content, Shell, Variable};
use super::tools::{self, Io, Start};
use super::{Call, FileError, Flavour, World, resolve_path};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Deeper stacks are refused.
const MAX_STACK: usize = 4000;
const MAX_CALLS: usize = 400;
/// A loop's status before its body has run.
const NOT_BEGUN: i32 = -1;

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
    Read(Box<super::builtins::Reading>),
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
enum Phase {
    Words,
    Redirects,
    Assignments,
}

#[derive(Clone, Debug)]
pub(super) struct SimpleFrame {
    code: Code,
    phase: Phase,
    memo: Memo,
    words: Vec<String>,
    assigned: Vec<(String, Option<String>, String)>,
    ran: bool,
    files: Vec<String>,
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
    calls: usize,
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
    fn fork(&self, code: &Code) -> Self {
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
    fn undo_frame(&mut self, frame: Frame, fds: &mut Fds) {
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

    fn leave_call(&mut self, call: CallFrame) {
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

    fn run(&mut self, code: &Code) {
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
            Frame::Child { pid } => match cx.kernel.ended.remove(&pid) {
                Some(status) => {
                    self.shell.status = status;
                    // A script whose command was ended by Ctrl-C ends too.
                    if status == 130 && !self.interactive && !self.traps(2) {
                        return self.exit(130, cx);
                    }
                    self.errexit(cx)
                }
                None => {
                    self.stack.push(Frame::Child { pid });
                    Flow::Wait(Wait::Child)
                }
            },
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

    fn list(&mut self, code: Code, at: usize, cx: &mut Context) -> Flow {
        let items = match &*code {
            Node::List(items) => items,
            Node::Subshell(body) => return self.subshell(body, cx),
            Node::Function { name, body } => {
                self.shell.functions.insert(Arc::from(name.as_str()), Code::clone(body));
                self.shell.status = 0;
                return Flow::On;
            }
            _ => {
                // A forked shell's only command.
                self.run(&code);
                return Flow::On;
            }
        };
        let Some(item) = items.get(at) else { return Flow::On };
        let (next, background, text) = (Code::clone(&item.code), item.background, item.text.clone());
        if at + 1 < items.len() {
            self.stack.push(Frame::List { code, at: at + 1 });
        }
        if !background {
            self.run(&next);
            return Flow::On;
        }
        let mut fds = cx.fds.clone();
        fds.insert(0, Handle::Null);
        let body = Body::Shell(Box::new(self.fork(&next)));
        let Some(pid) = cx.kernel.spawn(cx.pid, body, fds) else { return self.cannot_fork(cx) };
        if let Some(proc) = cx.kernel.procs.get_mut(&pid) {
            proc.background = true;
        }
        let number = self.jobs.iter().map(|job| job.number).max().unwrap_or(0) + 1;
        if self.interactive {
            cx.write(2, format!("[{number}] {pid}\n"));
        }
        self.jobs.push(Job { number, pid, text });
        self.shell.last_background = Some(pid);
        self.shell.status = 0;
        Flow::On
    }

    fn cannot_fork(&mut self, cx: &mut Context) -> Flow {
        self.fail(cx, "fork: retry: Resource temporarily unavailable", 254);
        self.exit(254, cx)
    }

    fn subshell(&mut self, body: &Code, cx: &mut Context) -> Flow {
        let forked = Body::Shell(Box::new(self.fork(body)));
        let Some(pid) = cx.kernel.spawn(cx.pid, forked, cx.fds.clone()) else { return self.cannot_fork(cx) };
        self.stack.push(Frame::Child { pid });
        Flow::On
    }

    fn and_or(&mut self, code: Code, at: usize) -> Flow {
        let Node::AndOr { first, rest } = &*code else { return Flow::On };
        // `at` is 0 before the first, then one more than the number of those that were looked at.
        let next = if at == 0 {
            Some(first)
        } else {
            let (operator, next) = &rest[at - 1];
            let wanted = (*operator == Operator::And) == (self.shell.status == 0);
            wanted.then_some(next)
        };
        let next = next.map(Code::clone);
        if at < rest.len() {
            self.stack.push(Frame::AndOr { code, at: at + 1 });
        }
        if let Some(next) = next {
            self.run(&next);
        }
        Flow::On
    }

    fn pipeline(&mut self, code: Code, so_far: (Vec<u32>, i32, i32), cx: &mut Context) -> Flow {
        let (mut pids, mut status, mut failed) = so_far;
        let Node::Pipeline { bang, timed, stages } = &*code else { return Flow::On };
        if pids.is_empty() {
            if *bang {
                self.stack.push(Frame::Negate);
            }
            if *timed {
                self.stack.push(Frame::Timed { from: cx.world.now() });
            }
            if let [only] = stages.as_slice() {
                self.run(only);
                return Flow::On;
            }
            let mut input = cx.fds.get(&0).cloned().unwrap_or(Handle::Null);
            for (i, stage) in stages.iter().enumerate() {
                let mut fds = cx.fds.clone();
                fds.insert(0, input.clone());
                if i + 1 < stages.len() {
                    let (read, write) = cx.kernel.pipe();
                    fds.insert(1, write);
                    input = read;
                }
                let body = Body::Shell(Box::new(self.fork(stage)));
                let Some(pid) = cx.kernel.spawn(cx.pid, body, fds) else { return self.cannot_fork(cx) };
                pids.push(pid);
            }
        }
        let last = pids.last().copied();
        let mut waiting = Vec::new();
        for pid in pids.iter().filter(|pid| **pid != 0) {
            match cx.kernel.ended.remove(pid) {
                Some(ended) => {
                    if ended != 0 {
                        failed = ended;
                    }
                    if Some(*pid) == last {
                        status = ended;
                    }
                }
                None => waiting.push(*pid),
            }
        }
        if waiting.is_empty() {
            self.shell.status = if self.shell.options.pipefail && failed != 0 { failed } else { status };
            return self.errexit(cx);
        }
        // The last stage's place is kept, so that its status is known as the pipeline's.
        if !waiting.contains(&last.unwrap_or(0)) {
            waiting.push(0);
        }
        self.stack.push(Frame::Pipeline { code, pids: waiting, status, failed });
        Flow::Wait(Wait::Child)
    }

    fn if_clause(&mut self, code: Code, arm: usize) -> Flow {
        let Node::If { arms, otherwise } = &*code else { return Flow::On };
        // `arm` is the number of conditions begun: the last of them has just been answered.
        if arm > 0 && self.shell.status == 0 {
            let body = Code::clone(&arms[arm - 1].1);
            self.run(&body);
            return Flow::On;
        }
        if let Some((cond, _)) = arms.get(arm) {
            let cond = Code::clone(cond);
            self.stack.push(Frame::If { code, arm: arm + 1 });
            self.run(&cond);
        } else if let Some(body) = otherwise {
            let body = Code::clone(body);
            self.run(&body);
        } else {
            self.shell.status = 0;
        }
        Flow::On
    }

    fn while_clause(&mut self, code: Code, testing: bool, status: i32) -> Flow {
        let Node::While { until, cond, body } = &*code else { return Flow::On };
        if testing {
            if (self.shell.status == 0) == *until {
                self.shell.status = status;
                return Flow::On;
            }
            let body = Code::clone(body);
            self.stack.push(Frame::While { code, testing: false, status: 0 });
            self.run(&body);
        } else {
            let status = if status == NOT_BEGUN { 0 } else { self.shell.status };
            let cond = Code::clone(cond);
            self.stack.push(Frame::While { code, testing: true, status });
            self.run(&cond);
        }
        Flow::On
    }

    fn for_clause(
        &mut self,
        code: Code,
        mut memo: Memo,
        items: Option<Arc<[String]>>,
        at: usize,
        cx: &mut Context,
    ) -> Flow {
        let Node::For { name, words, body } = &*code else { return Flow::On };
        let items = match (items, words) {
            (Some(items), _) => items,
            (None, None) => Arc::clone(&self.shell.args),
            (None, Some(words)) => {
                let expanded = Expander::new(&mut self.shell, cx.world, &mut memo).words(words);
                match expanded {
                    Ok(items) => {
                        self.shell.status = 0;
                        items.into()
                    }
                    Err(stop) => {
                        let frame = Frame::For { code: Code::clone(&code), memo, items: None, at: 0 };
                        return self.stopped(stop, frame, cx);
                    }
                }
            }
        };
        let Some(item) = items.get(at).cloned() else { return Flow::On };
        if let Err(why) = self.shell.set(name, &item) {
            self.fail(cx, &why, 1);
            return Flow::On;
        }
        let body = Code::clone(body);
        self.stack.push(Frame::For { code, memo: Memo::default(), items: Some(items), at: at + 1 });
        self.run(&body);
        Flow::On
    }

    fn for_arith(&mut self, code: Code, mut memo: Memo, phase: ArithPhase, cx: &mut Context) -> Flow {
        let Node::ForArith { init, cond, update, body } = &*code else { return Flow::On };
        let word = match phase {
            ArithPhase::Init => init,
            ArithPhase::Cond => cond,
            ArithPhase::Update => update,
        };
        let value = if phase == ArithPhase::Cond && is_blank(cond) {
            Ok(1)
        } else {
            Expander::new(&mut self.shell, cx.world, &mut memo).arith(word)
        };
        let value = match value {
            Ok(value) => value,
            Err(stop) => {
                let frame = Frame::ForArith { code: Code::clone(&code), memo, phase };
                return self.stopped(stop, frame, cx);
            }
        };
        let memo = Memo::default();
        if phase != ArithPhase::Cond {
            self.stack.push(Frame::ForArith { code, memo, phase: ArithPhase::Cond });
        } else if value != 0 {
            let body = Code::clone(body);
            self.stack.push(Frame::ForArith { code, memo, phase: ArithPhase::Update });
            self.run(&body);
        }
        Flow::On
    }

    fn case(&mut self, mut frame: CaseFrame, cx: &mut Context) -> Flow {
        let code = Code::clone(&frame.code);
        let Node::Case { subject, arms } = &*code else { return Flow::On };
        let Some(text) = frame.subject.clone() else {
            let expanded = Expander::new(&mut self.shell, cx.world, &mut frame.memo).text(subject);
            return match expanded {
                Ok(text) => {
                    self.shell.status = 0;
                    frame.subject = Some(text);
                    frame.memo = Memo::default();
                    self.stack.push(frame.into());
                    Flow::On
                }
                Err(stop) => self.stopped(stop, frame.into(), cx),
            };
        };
        let Some(arm) = arms.get(frame.arm) else { return Flow::On };
        let mut hit = frame.through;
        for pattern in &arm.patterns {
            if hit {
                break;
            }
            match Expander::new(&mut self.shell, cx.world, &mut frame.memo).pattern(pattern) {
                Ok(source) => hit = Pattern::new(&source).matches(&text),
                Err(stop) => return self.stopped(stop, frame.into(), cx),
            }
        }
        frame.memo = Memo::default();
        frame.arm += 1;
        frame.through = false;
        if !hit {
            self.stack.push(frame.into());
            return Flow::On;
        }
        match arm.next {
            AfterArm::Leave => {}
            AfterArm::TestNext => self.stack.push(frame.into()),
            AfterArm::FallThrough => {
                frame.through = true;
                self.stack.push(frame.into());
            }
        }
        if let Some(body) = &arm.body {
            self.run(body);
        }
        Flow::On
    }

    fn arith(&mut self, code: Code, mut memo: Memo, cx: &mut Context) -> Flow {
        let Node::Arith(word) = &*code else { return Flow::On };
        match Expander::new(&mut self.shell, cx.world, &mut memo).arith(word) {
            Ok(value) => {
                self.shell.status = i32::from(value == 0);
                self.errexit(cx)
            }
            Err(Stop::Fail(why)) => {
                self.fail(cx, &format!("((: {why}"), 1);
                self.errexit(cx)
            }
            Err(stop) => self.stopped(stop, Frame::Arith { code: Code::clone(&code), memo }, cx),
        }
    }

    fn test(&mut self, code: Code, mut memo: Memo, cx: &mut Context) -> Flow {
        let Node::Test(expr) = &*code else { return Flow::On };
        let mut expander = Expander::new(&mut self.shell, cx.world, &mut memo);
        match test_expr(expr, &mut expander) {
            Ok(truth) => {
                self.shell.status = i32::from(!truth);
                self.errexit(cx)
            }
            Err(Stop::Fail(why)) => {
                self.fail(cx, &why, 2);
                self.errexit(cx)
            }
            Err(stop) => self.stopped(stop, Frame::Test { code: Code::clone(&code), memo }, cx),
        }
    }

    /// Expansion stopped: runs the substitution and comes back to `frame`, or fails the command.
    fn stopped(&mut self, stop: Stop, frame: Frame, cx: &mut Context) -> Flow {
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

    fn substitution(&mut self, pid: u32, capture: u32, how: Use, cx: &mut Context) -> Flow {
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

    fn redirected(&mut self, code: Code, mut memo: Memo, cx: &mut Context) -> Flow {
        let Node::Redirected(body, redirects) = &*code else { return Flow::On };
        match self.open(redirects, &mut memo, cx) {
            Ok(fds) => {
                self.stack.push(Frame::Restore(Box::new(std::mem::replace(cx.fds, fds))));
                let body = Code::clone(body);
                self.run(&body);
                Flow::On
            }
            Err(Stop::Fail(why)) => {
                self.fail(cx, &why, 1);
                self.errexit(cx)
            }
            Err(stop) => self.stopped(stop, Frame::Redirected { code: Code::clone(&code), memo }, cx),
        }
    }

    /// The file descriptors after redirections.
    fn open(&mut self, redirects: &[Redirect], memo: &mut Memo, cx: &mut Context) -> Result<Fds, Stop> {
        // Expand all first: what is opened must be opened once only.
        enum Opened {
            Text(String),
            Here(String),
        }
        let mut texts = Vec::new();
        let mut expander = Expander::new(&mut self.shell, cx.world, memo);
        for redirect in redirects {
            texts.push(match &redirect.kind {
                RedirectKind::Read(word)
                | RedirectKind::Write { target: word, .. }
                | RedirectKind::Both { target: word, .. }
                | RedirectKind::Duplicate(word) => Opened::Text(expander.text(word)?),
                RedirectKind::Here(word) => Opened::Here(expander.text(word)?),
                RedirectKind::HereString(word) => Opened::Here(expander.text(word)? + "\n"),
            });
        }
        let mut fds = cx.fds.clone();
        for (redirect, text) in redirects.iter().zip(texts) {
            let fd = redirect.fd;
            match (&redirect.kind, text) {
                (_, Opened::Here(text)) => {
                    let handle = cx.kernel.open(text.into_bytes());
                    fds.insert(fd, handle);
                }
                (RedirectKind::Read(_), Opened::Text(path)) => {
                    let handle = self.open_read(&path, &fds, cx)?;
                    fds.insert(fd, handle);
                }
                (RedirectKind::Write { append, .. }, Opened::Text(path)) => {
                    let handle = self.open_write(&path, *append, &fds, cx)?;
                    fds.insert(fd, handle);
                }
                (RedirectKind::Both { append, .. }, Opened::Text(path)) => {
                    let handle = self.open_write(&path, *append, &fds, cx)?;
                    fds.insert(1, handle.clone());
                    fds.insert(2, handle);
                }
                (_, Opened::Text(target)) => {
                    let moved = target.ends_with('-') && target.len() > 1;
                    let number = target.trim_end_matches('-');
                    if target == "-" {
                        fds.remove(&fd);
                    } else if let Some(handle) = number.parse().ok().and_then(|n: i32| fds.get(&n).cloned()) {
                        fds.insert(fd, handle);
                        if moved && let Ok(from) = number.parse::<i32>() {
                            fds.remove(&from);
                        }
                    } else {
                        return Err(Stop::Fail(format!("{target}: Bad file descriptor")));
                    }
                }
            }
        }
        Ok(fds)
    }

    fn open_read(&mut self, path: &str, fds: &Fds, cx: &mut Context) -> Result<Handle, Stop> {
        match path {
            "/dev/null" => return Ok(Handle::Null),
            "/dev/stdin" => return Ok(fds.get(&0).cloned().unwrap_or(Handle::Null)),
            "/dev/tty" => return Ok(Handle::Stdin),
            _ => {}
        }
        match cx.world.read(&absolute(&self.shell, path)) {
            Ok(bytes) => Ok(cx.kernel.open(bytes)),
            Err(why) => Err(Stop::Fail(self.cannot_open(path, why, cx))),
        }
    }

    fn cannot_open(&self, path: &str, why: FileError, cx: &Context) -> String {
        match cx.world.flavour() {
            Flavour::Gnu => format!("{path}: {why}"),
            Flavour::Busybox => {
                let why =
                    if why == FileError::NotFound { "no such file".to_owned() } else { why.to_string() };
                format!("can't open {path}: {why}")
            }
        }
    }

    fn open_write(&mut self, path: &str, append: bool, fds: &Fds, cx: &mut Context) -> Result<Handle, Stop> {
        let standard = match path {
            "/dev/null" => return Ok(Handle::Null),
            "/dev/stdout" => Some(1),
            "/dev/stderr" => Some(2),
            "/dev/tty" => return Ok(Handle::Stdout),
            _ => None,
        };
        if let Some(fd) = standard {
            return Ok(fds.get(&fd).cloned().unwrap_or(Handle::Null));
        }
        if path.is_empty() {
            return Err(Stop::Fail(": No such file or directory".into()));
        }
        let full = absolute(&self.shell, path);
        if self.shell.options.noclobber && !append && cx.world.stat(&full).is_ok() {
            return Err(Stop::Fail(format!("{path}: cannot overwrite existing file")));
        }
        let opened = match cx.world.stat(&full) {
            Ok(info) if info.directory => Err(FileError::IsDirectory),
            _ => cx.world.write(&full, b"", append),
        };
        opened.map_err(|why| {
            Stop::Fail(match cx.world.flavour() {
                Flavour::Gnu => format!("{path}: {why}"),
                Flavour::Busybox if why == FileError::NotFound => {
                    format!("can't create {path}: nonexistent directory")
                }
                Flavour::Busybox => format!("can't create {path}: {why}"),
            })
        })?;
        Ok(Handle::File(full.into()))
    }

    fn simple(&mut self, mut frame: Box<SimpleFrame>, cx: &mut Context) -> Flow {
        let code = Code::clone(&frame.code);
        let Node::Simple(simple) = &*code else { return Flow::On };
        if frame.phase == Phase::Words {
            match Expander::new(&mut self.shell, cx.world, &mut frame.memo).command_words(simple) {
                Ok(words) => frame.words = words,
                Err(stop) => return self.stopped(stop, Frame::Simple(frame), cx),
            }
            frame.memo = Memo::default();
            frame.phase = Phase::Assignments;
            if let Some(alias) = self.alias(simple, &frame.words) {
                return self.run_alias(&alias, frame, cx);
            }
        }
        if frame.phase == Phase::Assignments {
            match self.assignments(simple, &mut frame, cx) {
                Ok(()) => {}
                Err(stop) => return self.stopped(stop, Frame::Simple(frame), cx),
            }
            frame.memo = Memo::default();
            frame.phase = Phase::Redirects;
        }
        if !frame.files.is_empty() {
            self.stack.push(Frame::Remove(std::mem::take(&mut frame.files)));
        }
        if !simple.redirects.is_empty() {
            match self.open(&simple.redirects, &mut frame.memo, cx) {
                Ok(fds) => {
                    if frame.words.first().is_some_and(|w| w == "exec") && frame.words.len() == 1 {
                        *cx.fds = fds;
                        self.shell.status = 0;
                        return Flow::On;
                    }
                    self.stack.push(Frame::Restore(Box::new(std::mem::replace(cx.fds, fds))));
                }
                Err(Stop::Fail(why)) => {
                    self.fail(cx, &why, 1);
                    return self.errexit(cx);
                }
                Err(stop) => return self.stopped(stop, Frame::Simple(frame), cx),
            }
        }
        self.trace(&frame, cx);
        let SimpleFrame { words, assigned, ran, .. } = *frame;
        if words.is_empty() {
            if !ran {
                self.shell.status = 0;
            }
            return match self.apply(assigned) {
                Ok(_) => self.errexit(cx),
                Err(why) => {
                    self.fail(cx, &why, 1);
                    self.errexit(cx)
                }
            };
        }
        self.execute(words, assigned, cx)
    }

    fn trace(&self, frame: &SimpleFrame, cx: &mut Context) {
        if !self.shell.options.xtrace {
            return;
        }
        let shown = |word: &String| {
            let plain =
                !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./=:,@%+{}[]".contains(c));
            if plain { word.clone() } else { quote(word) }
        };
        let mut line: Vec<String> =
            frame.assigned.iter().map(|(name, _, value)| format!("{name}={}", shown(value))).collect();
        line.extend(frame.words.iter().map(shown));
        cx.write(2, format!("+ {}\n", line.join(" ")));
    }

    /// Expands the assignments before a command.
    fn assignments(
        &mut self,
        simple: &Simple,
        frame: &mut SimpleFrame,
        cx: &mut Context,
    ) -> Result<(), Stop> {
        // Without a command each is made at once, so that the next may use it.
        let lasting = frame.words.is_empty();
        let mut made = Vec::new();
        let mut memo = std::mem::take(&mut frame.memo);
        let saved = lasting.then(|| self.shell.vars.clone());
        let mut expander = Expander::new(&mut self.shell, cx.world, &mut memo);
        let result = (|| {
            for assignment in &simple.assignments {
                let index = assignment.index.as_ref().map(|i| expander.text(i)).transpose()?;
                match &assignment.value {
                    Value::Scalar(word) => {
                        let mut value = expander.text(word)?;
                        if assignment.append {
                            let old = match &index {
                                Some(index) => expander.shell.get_at(&assignment.name, index),
                                None => expander.shell.get(&assignment.name),
                            };
                            value = old.unwrap_or_default() + &value;
                        }
                        if lasting {
                            let done = match &index {
                                Some(index) => expander.shell.set_at(&assignment.name, index, &value),
                                None => expander.shell.set(&assignment.name, &value),
                            };
                            done.map_err(Stop::Fail)?;
                        }
                        made.push((assignment.name.clone(), index, value));
                    }
                    Value::Array(items) => expander.array(&assignment.name, items, assignment.append)?,
                }
            }
            Ok(())
        })();
        if let (Err(Stop::Need(..)), Some(saved)) = (&result, saved) {
            self.shell.vars = saved;
        }
        frame.memo = memo;
        if result.is_ok() {
            frame.assigned = made;
        }
        result
    }

    /// Makes assignments; answers what was there before.
    fn apply(
        &mut self,
        assigned: Vec<(String, Option<String>, String)>,
    ) -> Result<Vec<(Arc<str>, Option<Variable>)>, String> {
        let mut saved = Vec::new();
        for (name, index, value) in assigned {
            let name: Arc<str> = name.into();
            saved.push((Arc::clone(&name), self.shell.vars.get(&name).cloned()));
            match index {
                Some(index) => self.shell.set_at(&name, &index, &value)?,
                None => self.shell.set(&name, &value)?,
            }
        }
        Ok(saved)
    }

    fn alias(&self, simple: &Simple, words: &[String]) -> Option<String> {
        use super::code::Piece;
        let [Piece::Text(name)] = simple.words.first()?.pieces.as_slice() else { return None };
        let busy = self
            .stack
            .iter()
            .any(|frame| matches!(frame, Frame::Call(call) if call.kind == CallKind::Alias(name.clone())));
        if busy || words.is_empty() || !self.shell.aliases.contains_key(name.as_str()) {
            return None;
        }
        Some(name.clone())
    }

    fn run_alias(&mut self, name: &str, frame: Box<SimpleFrame>, cx: &mut Context) -> Flow {
        let value = self.shell.aliases.get(name).cloned().unwrap_or_default();
        let args: String = frame.words.iter().skip(1).map(|word| format!(" {}", quote(word))).collect();
        let code = match super::parse::parse(&format!("{value}{args}")) {
            Ok(code) => code,
            Err(error) => {
                self.fail(cx, &error.message, 2);
                return Flow::On;
            }
        };
        let kind = CallKind::Alias(name.to_owned());
        self.calls += 1;
        let Node::Simple(simple) = &*frame.code else { return Flow::On };
        let redirects = Arc::clone(&simple.redirects);
        self.stack.push(Frame::Call(Box::new(CallFrame { args: None, locals: Vec::new(), kind })));
        if redirects.is_empty() {
            self.run(&code);
        } else {
            self.run(&Arc::new(Node::Redirected(code, redirects)));
        }
        Flow::On
    }

    /// Runs a command whose words are known.
    pub(super) fn execute(
        &mut self,
        words: Vec<String>,
        assigned: Vec<(String, Option<String>, String)>,
        cx: &mut Context,
    ) -> Flow {
        let function = self.shell.functions.get(words[0].as_str()).cloned();
        if !assigned.is_empty() {
            match self.apply(assigned) {
                Ok(saved) => {
                    for (name, _) in &saved {
                        self.shell.export(name, true);
                    }
                    self.stack.push(Frame::Unassign(saved));
                }
                Err(why) => {
                    self.fail(cx, &why, 1);
                    return self.errexit(cx);
                }
            }
        }
        if let Some(body) = function {
            return self.call(&body, words, CallKind::Function, cx);
        }
        if let Some(flow) = self.builtin(&words, cx) {
            return flow;
        }
        self.external(&words, cx)
    }

    pub(super) fn call(&mut self, body: &Code, words: Vec<String>, kind: CallKind, cx: &mut Context) -> Flow {
        if self.calls >= MAX_CALLS {
            let message = format!("{}: maximum function nesting level exceeded ({MAX_CALLS})", words[0]);
            self.fail(cx, &message, 1);
            return self.exit(1, cx);
        }
        self.calls += 1;
        let args: Arc<[String]> = words[1..].into();
        let old = std::mem::replace(&mut self.shell.args, args);
        self.stack.push(Frame::Call(Box::new(CallFrame { args: Some(old), locals: Vec::new(), kind })));
        self.run(body);
        Flow::On
    }

    /// Runs a tool, a command of the world, or a script.
    pub(super) fn external(&mut self, words: &[String], cx: &mut Context) -> Flow {
        if let Some(Start::Now(run)) = tools::find(&words[0], cx.world).map(|tool| tool.start) {
            self.shell.status = self.run_now(run, words, cx);
            return self.errexit(cx);
        }
        let launch = Launch {
            argv: words,
            env: self.shell.env(),
            cwd: Arc::clone(&self.shell.cwd),
            fds: cx.fds.clone(),
        };
        match self::launch(cx.kernel, cx.world, cx.pid, &launch) {
            Ok(pid) => {
                self.stack.push(Frame::Child { pid });
                Flow::On
            }
            Err((message, 254)) => {
                self.fail(cx, &message, 254);
                self.exit(254, cx)
            }
            Err((message, status)) => {
                self.fail(cx, &message, status);
                self.errexit(cx)
            }
        }
    }

    /// Runs a tool that ends at once.
    pub(super) fn run_now(
        &mut self,
        run: fn(&[String], &mut Io) -> i32,
        words: &[String],
        cx: &mut Context,
    ) -> i32 {
        let (mut input, mut writes) = (Vec::new(), Vec::new());
        let terminal = cx.kernel.terminal && cx.fds.get(&1) == Some(&Handle::Stdout);
        let env = self.shell.env();
        let mut io = Io {
            world: cx.world,
            input: &mut input,
            eof: true,
            writes: &mut writes,
            cwd: &self.shell.cwd,
            env: &env,
            terminal,
            result: None,
        };
        let status = run(&words[1..], &mut io);
        // bash has these built in, and speaks for them.
        let speaks = cx.world.flavour() == Flavour::Gnu && super::builtins::is_builtin(&words[0]);
        for (fd, bytes) in writes {
            if fd == 2 && speaks {
                cx.write(2, format!("{}: ", self.shell.name));
            }
            cx.write(fd, bytes);
        }
        status
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

pub(super) struct CaseFrame {
    code: Code,
    memo: Memo,
    subject: Option<String>,
    arm: usize,
    through: bool,
}

impl From<CaseFrame> for Frame {
    fn from(f: CaseFrame) -> Self {
        Frame::Case { code: f.code, memo: f.memo, subject: f.subject, arm: f.arm, through: f.through }
    }
}

fn is_blank(word: &Word) -> bool {
    word.text.trim().is_empty()
}

impl Expander<'_> {
    fn command_words(&mut self, simple: &Simple) -> Result<Vec<String>, Stop> {
        if !simple.declares {
            return self.words(&simple.words);
        }
        // `export a=$b`: an assignment is one word.
        let mut made = Vec::new();
        for word in &simple.words {
            let name = word.text.split_once('=').map(|(name, _)| name.trim_end_matches('+'));
            if name.is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_alphanumeric() || c == '_')) {
                made.push(self.text(word)?);
            } else {
                made.extend(self.words(std::slice::from_ref(word))?);
            }
        }
        Ok(made)
    }

    fn array(&mut self, name: &str, items: &[(Option<Word>, Word)], append: bool) -> Result<(), Stop> {
        let mut made = Vec::new();
        for (key, word) in items {
            match key {
                Some(key) => made.push((Some(self.text(key)?), self.text(word)?)),
                None => made.extend(self.words(std::slice::from_ref(word))?.into_iter().map(|w| (None, w))),
            }
        }
        let mut var = self.shell.vars.get(name).cloned().unwrap_or_default();
        let mut next = if append { self.shell.elements(name).len() as i64 } else { 0 };
        if !append || !matches!(var.content, Content::Array(_)) {
            let first = if append { self.shell.get(name) } else { None };
            var.content = Content::Array(imbl::OrdMap::new());
            self.shell.vars.insert(Arc::from(name), var);
            if let Some(first) = first {
                self.shell.set_at(name, "0", &first).map_err(Stop::Fail)?;
            }
        }
        for (key, value) in made {
            let key = key.unwrap_or_else(|| next.to_string());
            next = key.parse().unwrap_or(next) + 1;
            self.shell.set_at(name, &key, &value).map_err(Stop::Fail)?;
        }
        Ok(())
    }
}

fn test_expr(expr: &TestExpr, expander: &mut Expander) -> Result<bool, Stop> {
    Ok(match expr {
        TestExpr::And(a, b) => test_expr(a, expander)? && test_expr(b, expander)?,
        TestExpr::Or(a, b) => test_expr(a, expander)? || test_expr(b, expander)?,
        TestExpr::Not(a) => !test_expr(a, expander)?,
        TestExpr::Unary(op, word) => {
            let text = expander.text(word)?;
            if op == "-v" {
                return Ok(super::expand::is_set(expander.shell, &text));
            }
            let cwd = Arc::clone(&expander.shell.cwd);
            tools::test::unary(op, &text, &cwd, expander.world).unwrap_or(false)
        }
        TestExpr::Binary(op, a, b) => {
            let left = expander.text(a)?;
            match op.as_str() {
                "==" | "=" => Pattern::new(&expander.pattern(b)?).matches(&left),
                "!=" => !Pattern::new(&expander.pattern(b)?).matches(&left),
                "= literal" => left == expander.text(b)?,
                "!= literal" => left != expander.text(b)?,
                "=~ literal" => left.contains(&expander.text(b)?),
                "=~" => {
                    let source = expander.regex(b)?;
                    let regex = regex::RegexBuilder::new(&source).size_limit(1 << 20).build();
                    let regex =
                        regex.map_err(|_| Stop::Fail(format!("{source}: invalid regular expression")))?;
                    let groups: Option<Vec<String>> = regex
                        .captures(&left)
                        .map(|c| c.iter().map(|g| g.map_or("", |m| m.as_str()).to_owned()).collect());
                    let found = groups.is_some();
                    expander.shell.vars.remove("BASH_REMATCH");
                    for (i, group) in groups.into_iter().flatten().enumerate() {
                        let _ = expander.shell.set_at("BASH_REMATCH", &i.to_string(), &group);
                    }
                    found
                }
                op if op.starts_with('-') && !matches!(op, "-nt" | "-ot" | "-ef") => {
                    let number = |text: &str, shell: &mut Shell| {
                        super::arith::evaluate(text, shell).map_err(Stop::Fail)
                    };
                    let right = expander.text(b)?;
                    let (x, y) = (number(&left, expander.shell)?, number(&right, expander.shell)?);
                    tools::test::compare(op, x, y)
                }
                op => {
                    let right = expander.text(b)?;
                    let cwd = Arc::clone(&expander.shell.cwd);
                    tools::test::binary(op, &left, &right, &cwd, expander.world).unwrap_or(false)
                }
            }
        }
    })
}

/// A command to be started as a process.
pub(super) struct Launch<'a> {
    pub argv: &'a [String],
    pub env: BTreeMap<String, String>,
    pub cwd: Arc<str>,
    pub fds: Fds,
}

/// Starts a tool, a command of the world, a shell, or a script, as a process.
///
/// # Errors
/// What is said, and the status: 127 not found, 126 not executable.
pub(super) fn launch(
    kernel: &mut Kernel,
    world: &mut dyn World,
    parent: u32,
    launch: &Launch,
) -> Result<u32, (String, i32)> {
    let Some(name) = launch.argv.first() else { return Err(("missing command".into(), 127)) };
    let refuse = || ("fork: retry: Resource temporarily unavailable".to_owned(), 254);
    let terminal = kernel.terminal && launch.fds.get(&1) == Some(&Handle::Stdout);
    if let Some(body) = shell_body(launch, world)? {
        return kernel.spawn(parent, body, launch.fds.clone()).ok_or_else(refuse);
    }
    if let Some(tool) = tools::find(name, world) {
        let (mut input, mut writes) = (Vec::new(), Vec::new());
        let mut io = Io {
            world,
            input: &mut input,
            eof: false,
            writes: &mut writes,
            cwd: &launch.cwd,
            env: &launch.env,
            terminal,
            result: None,
        };
        let tool = tools::start(tool, launch.argv, &mut io);
        let running = Running {
            tool,
            env: launch.env.clone(),
            cwd: Arc::clone(&launch.cwd),
            child: None,
            deadline: None,
            result: None,
        };
        let pid =
            kernel.spawn(parent, Body::Tool(Box::new(running)), launch.fds.clone()).ok_or_else(refuse)?;
        if let Some(proc) = kernel.procs.get_mut(&pid) {
            for (fd, bytes) in writes {
                let handle = proc.fds.get(&fd).cloned().unwrap_or(Handle::Null);
                proc.pending.push_back((handle, bytes));
            }
        }
        return Ok(pid);
    }
    let call =
        Call { argv: launch.argv.to_vec(), env: launch.env.clone(), cwd: launch.cwd.to_string(), terminal };
    if let Some(child) = world.spawn(&call) {
        return kernel.spawn(parent, Body::World(child), launch.fds.clone()).ok_or_else(refuse);
    }
    if name.contains('/') {
        return match world.stat(&resolve_path(&launch.cwd, name)) {
            Ok(info) if info.directory => Err((format!("{name}: Is a directory"), 126)),
            Ok(_) => Err((format!("{name}: Permission denied"), 126)),
            Err(_) if world.flavour() == Flavour::Busybox => Err((format!("{name}: not found"), 127)),
            Err(why) => Err((format!("{name}: {why}"), 127)),
        };
    }
    let found = if world.flavour() == Flavour::Busybox { "not found" } else { "command not found" };
    Err((format!("{name}: {found}"), 127))
}

/// `sh`, `bash`, and scripts by their path.
fn shell_body(launch: &Launch, world: &mut dyn World) -> Result<Option<Body>, (String, i32)> {
    let name = tools::plain_name(&launch.argv[0]);
    let shell = matches!(name, "sh" | "bash" | "ash" | "dash") && world.provides(name);
    let mut args = &launch.argv[1..];
    let mut script_name = launch.argv[0].clone();
    let mut script: Option<String> = None;
    let mut flags = super::state::Options::default();
    let read = |world: &mut dyn World, path: &str| {
        let bytes = world.read(&resolve_path(&launch.cwd, path));
        bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    if shell {
        while let Some(flag) = args.first().filter(|a| a.len() > 1 && a.starts_with(['-', '+'])) {
            let on = flag.starts_with('-');
            let mut takes_command = false;
            for c in flag[1..].chars() {
                match c {
                    'c' => takes_command = true,
                    'e' => flags.errexit = on,
                    'u' => flags.nounset = on,
                    'x' => flags.xtrace = on,
                    _ => {}
                }
            }
            args = &args[1..];
            if takes_command {
                let Some((text, rest)) = args.split_first() else {
                    return Err(("-c: option requires an argument".into(), 2));
                };
                script = Some(text.clone());
                args = rest;
                if let Some((zero, rest)) = args.split_first() {
                    script_name.clone_from(zero);
                    args = rest;
                }
                break;
            }
        }
        if script.is_none()
            && let Some((path, rest)) = args.split_first()
        {
            match read(world, path) {
                Ok(text) => script = Some(text),
                Err(why) => return Err((format!("{path}: {why}"), 127)),
            }
            script_name.clone_from(path);
            args = rest;
        }
    } else if launch.argv[0].contains('/') {
        let path = resolve_path(&launch.cwd, &launch.argv[0]);
        match world.stat(&path) {
            Ok(info) if !info.directory && info.mode & 0o111 != 0 => match read(world, &path) {
                Ok(text) if !text.is_empty() => script = Some(text),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        }
    } else {
        return Ok(None);
    }
    let mut interp = Interp::new(&script_name, args, &launch.env, &launch.cwd);
    interp.shell.options = flags;
    interp.shell.started = world.now();
    match script {
        None => interp.read_commands(None),
        Some(text) => match super::parse::parse(&text) {
            Ok(code) => interp.begin(code),
            Err(error) => return Err((error.message, 2)),
        },
    }
    Ok(Some(Body::Shell(Box::new(interp))))
}
