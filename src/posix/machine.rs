//! The machine: runs a script's little processes in turn, a bounded number of steps at a time.
//!
//! Always holds: a machine is plain data; it never blocks; with the same world it does the same.

use super::World;
use super::interp::{Context, Flow, Interp};
use super::kernel::{Body, Fds, Handle, Kernel, Proc, Taken, Wait, Written};
use super::parse::SyntaxError;
use super::tools::{Io, Step};
use std::collections::BTreeMap;

pub use super::kernel::Output;

/// Steps that a process gets before the next one's turn.
const SLICE: u64 = 256;
/// The most that a process reads at once.
pub(super) const CHUNK: usize = 32 << 10;

/// How a machine stands after [`Machine::run`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is more to do now (or output must be taken first).
    Ready,
    /// Nothing to do before this moment (nanoseconds since the epoch), unless there is news.
    Sleeping(u64),
    /// It waits for input, or for news of a command of the world.
    Blocked,
    /// It has ended with this status.
    Done(i32),
}

/// A shell with everything that it runs.
#[derive(Clone, Debug)]
pub struct Machine {
    kernel: Kernel,
    main: u32,
    signals: Vec<i32>,
    status: Option<i32>,
    keeps: bool,
}

impl Machine {
    /// A shell that runs `script`. `args` are `$0`, `$1`, …; `env` its exported variables.
    ///
    /// # Errors
    /// The script is not one.
    pub fn new(
        script: &str,
        args: &[String],
        env: &BTreeMap<String, String>,
        cwd: &str,
    ) -> Result<Self, SyntaxError> {
        let code = super::parse::parse(script)?;
        let mut machine = Self::empty(args, env, cwd);
        machine.with_main(|interp| interp.begin(code));
        Ok(machine)
    }

    /// A shell that reads its commands from standard input, as `sh` without a script does. With `prompt` it shows
    /// one (a terminal).
    pub fn reading(args: &[String], env: &BTreeMap<String, String>, cwd: &str, prompt: Option<&str>) -> Self {
        let mut machine = Self::empty(args, env, cwd);
        machine.kernel.terminal = prompt.is_some();
        machine.with_main(|interp| interp.read_commands(prompt));
        machine
    }

    /// A shell for one command after the other, each given to [`Machine::start`]; it stays when a command is done.
    pub fn interactive(name: &str, env: &BTreeMap<String, String>, cwd: &str) -> Self {
        let mut machine = Self::empty(&[name.to_owned()], env, cwd);
        machine.keeps = true;
        machine.kernel.terminal = true;
        machine.with_main(|interp| interp.interactive = true);
        machine
    }

    /// A single command, without a shell around it: `argv` runs as a process of its own.
    pub fn command(argv: &[String], env: &BTreeMap<String, String>, cwd: &str) -> Self {
        let mut machine = Self::empty(&["sh".to_owned()], env, cwd);
        machine.with_main(|interp| interp.begin_command(argv));
        machine
    }

    fn empty(args: &[String], env: &BTreeMap<String, String>, cwd: &str) -> Self {
        let name = args.first().map_or("sh", String::as_str);
        let interp = Interp::new(name, args.get(1..).unwrap_or_default(), env, cwd);
        let mut kernel = Kernel::default();
        let fds = Fds::from([(0, Handle::Stdin), (1, Handle::Stdout), (2, Handle::Stderr)]);
        let main = kernel.spawn(0, Body::Shell(Box::new(interp)), fds).unwrap_or(1);
        Self { kernel, main, signals: Vec::new(), status: None, keeps: false }
    }

    fn with_main<T>(&mut self, work: impl FnOnce(&mut Interp) -> T) -> Option<T> {
        match self.kernel.procs.get_mut(&self.main).map(|proc| &mut proc.body) {
            Some(Body::Shell(interp)) => Some(work(interp)),
            _ => None,
        }
    }

    fn main_shell(&self) -> Option<&Interp> {
        match self.kernel.procs.get(&self.main).map(|proc| &proc.body) {
            Some(Body::Shell(interp)) => Some(interp),
            _ => None,
        }
    }

    /// Gives an interactive machine its next command.
    ///
    /// # Errors
    /// The text is not a script.
    pub fn start(&mut self, script: &str) -> Result<(), SyntaxError> {
        let code = super::parse::parse(script)?;
        self.status = None;
        self.kernel.stdin.clear();
        self.kernel.stdin_closed = false;
        if let Some(proc) = self.kernel.procs.get_mut(&self.main) {
            proc.exiting = None;
            proc.eof = false;
            proc.input.clear();
        }
        self.with_main(|interp| interp.begin(code));
        Ok(())
    }

    /// Process numbers begin after `first` (the first process of a container is 1, which is the default).
    #[must_use]
    pub fn numbered_from(mut self, first: u32) -> Self {
        if let Some(mut proc) = self.kernel.procs.remove(&self.main) {
            self.main = first + 1;
            self.kernel.next = first + 1;
            proc.pid = self.main;
            if let Body::Shell(interp) = &mut proc.body {
                interp.shell.pid = self.main;
            }
            self.kernel.procs.insert(self.main, proc);
        }
        self
    }

    /// Whether standard output is a terminal.
    #[must_use]
    pub fn on_terminal(mut self, terminal: bool) -> Self {
        self.kernel.terminal = terminal;
        self
    }

    /// Does what can be done now, `budget` steps at most.
    pub fn run(&mut self, world: &mut dyn World, budget: u64) -> State {
        if let Some(status) = self.status.filter(|_| !self.keeps) {
            return State::Done(status);
        }
        self.deliver(world);
        let mut left = budget;
        loop {
            let mut moved = false;
            let pids: Vec<u32> = self.kernel.procs.keys().copied().collect();
            for pid in pids {
                let Some(mut proc) = self.kernel.procs.remove(&pid) else { continue };
                let used = step(&mut proc, &mut self.kernel, world, left.min(SLICE));
                moved |= used > 0;
                left = left.saturating_sub(used);
                self.kernel.procs.insert(pid, proc);
                moved |= self.reap(pid);
            }
            if let Some(status) = self.finished()
                && (!self.keeps || !moved || left == 0)
            {
                self.status = Some(status);
                return State::Done(status);
            }
            if left == 0 {
                return State::Ready;
            }
            if !moved {
                return self.resting();
            }
        }
    }

    fn finished(&mut self) -> Option<i32> {
        if self.keeps {
            let main = self.kernel.procs.get(&self.main)?;
            let idle = matches!(&main.body, Body::Shell(interp) if interp.is_idle());
            return (idle && main.pending.is_empty()).then(|| self.main_shell().map_or(0, Interp::status));
        }
        self.kernel.ended.get(&self.main).copied()
    }

    fn resting(&self) -> State {
        let mut earliest: Option<u64> = None;
        for proc in self.kernel.procs.values() {
            let at = match proc.wait {
                Wait::Until(at) | Wait::World(Some(at)) => Some(at),
                Wait::Output if !self.kernel.output.is_empty() => return State::Ready,
                _ => None,
            };
            let deadline = match &proc.body {
                Body::Tool(running) => running.deadline,
                _ => None,
            };
            earliest = [earliest, at, deadline].into_iter().flatten().min();
        }
        earliest.map_or(State::Blocked, State::Sleeping)
    }

    /// Takes away a process that has ended.
    fn reap(&mut self, pid: u32) -> bool {
        let done = self.kernel.procs.get(&pid).is_some_and(|p| matches!(p.body, Body::Ended));
        if !done || (pid == self.main && self.keeps) {
            return false;
        }
        let Some(proc) = self.kernel.procs.remove(&pid) else { return false };
        if let Some(handle) = proc.fds.get(&0)
            && !proc.input.is_empty()
        {
            self.kernel.give_back(handle, &proc.input);
        }
        self.kernel.ended.insert(pid, proc.exiting.unwrap_or(0));
        self.kernel.sweep();
        true
    }

    fn deliver(&mut self, world: &mut dyn World) {
        for signal in std::mem::take(&mut self.signals) {
            let children: Vec<u32> = if signal == 2 || signal == 9 {
                let children = self.kernel.procs.values();
                children.filter(|p| p.parent == self.main && !p.background).map(|p| p.pid).collect()
            } else {
                Vec::new()
            };
            let traps = self.traps(signal);
            for child in children {
                self.kernel.kill(world, child, signal);
            }
            if signal == 9 {
                self.kernel.kill(world, self.main, 9);
            } else if self.keeps {
                if let Some(mut proc) = self.kernel.procs.remove(&self.main) {
                    let Proc { body, fds, pending, .. } = &mut proc;
                    if let Body::Shell(interp) = body
                        && !interp.is_idle()
                    {
                        pending.clear();
                        interp.abort(fds, 128 + signal);
                    }
                    self.kernel.procs.insert(self.main, proc);
                }
            } else if traps {
                self.with_main(|interp| interp.signal(signal));
            } else {
                self.kernel.kill(world, self.main, signal);
            }
        }
    }

    /// When something in the background of an interactive machine wants to go on.
    pub fn background(&self) -> State {
        self.resting()
    }

    /// Sends a signal: 2 goes to everything in the foreground, as Ctrl-C does; others to the shell itself. A signal
    /// without a trap ends it (the first process of a container is spared by its kernel: ask [`Machine::traps`]).
    pub fn signal(&mut self, signal: i32) {
        self.signals.push(signal);
    }

    /// Whether the script has a trap for this signal.
    pub fn traps(&self, signal: i32) -> bool {
        self.main_shell().is_some_and(|interp| interp.traps(signal))
    }

    /// Hands in standard input.
    pub fn push_stdin(&mut self, bytes: &[u8]) {
        self.kernel.stdin.extend(bytes);
    }

    /// Closes standard input.
    pub fn close_stdin(&mut self) {
        self.kernel.stdin_closed = true;
    }

    /// Takes what was written, in order.
    pub fn take_output(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.kernel.output)
    }

    /// Takes what was written to standard output, and to standard error.
    pub fn take_streams(&mut self) -> (Vec<u8>, Vec<u8>) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        for chunk in self.take_output() {
            if chunk.error { err.extend(chunk.bytes) } else { out.extend(chunk.bytes) }
        }
        (out, err)
    }

    /// The working directory of the shell.
    pub fn cwd(&self) -> String {
        self.main_shell().map_or_else(|| "/".to_owned(), |interp| interp.shell.cwd.to_string())
    }

    /// A variable of the shell.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.main_shell()?.shell.get(name)
    }

    /// The names of variables, aliases and functions, for completion.
    pub fn names(&self) -> (Vec<String>, Vec<String>) {
        let Some(interp) = self.main_shell() else { return (Vec::new(), Vec::new()) };
        let variables = interp.shell.vars.keys().map(ToString::to_string).collect();
        let commands = interp.shell.aliases.keys().chain(interp.shell.functions.keys());
        (variables, commands.map(ToString::to_string).collect())
    }

    /// Whether the main shell was told to `exit` (an interactive machine stays).
    pub fn wants_exit(&self) -> bool {
        self.main_shell().is_some_and(|interp| interp.left)
    }

    /// This machine's shell (variables, functions, directory) without anything that runs: what undo keeps.
    #[must_use]
    pub fn at_rest(&self) -> Self {
        let mut machine = self.clone();
        machine.kernel.procs.retain(|pid, _| *pid == self.main);
        machine.kernel.output.clear();
        machine.signals.clear();
        if let Some(proc) = machine.kernel.procs.get_mut(&self.main) {
            proc.pending.clear();
            let Proc { body, fds, .. } = proc;
            if let Body::Shell(interp) = body {
                interp.abort(fds, 0);
                interp.jobs.clear();
            }
        }
        machine
    }
}

/// Lets one process go on, and answers how many steps it used (0: it waits).
fn step(proc: &mut Proc, kernel: &mut Kernel, world: &mut dyn World, slice: u64) -> u64 {
    let mut used = 0;
    loop {
        match flush(proc, kernel, world) {
            Written::Full => {
                proc.wait = Wait::Output;
                return used;
            }
            Written::Broken => {
                if let Body::World(child) = proc.body {
                    world.signal(child, 13);
                }
                leave(proc, kernel, world, 141);
                return used + 1;
            }
            Written::Failed(why) => {
                let name = match &proc.body {
                    Body::Shell(interp) => interp.shell.name.to_string(),
                    _ => "sh".to_owned(),
                };
                let err = proc.fds.get(&2).cloned().unwrap_or(Handle::Null);
                proc.pending.clear();
                proc.pending.push_back((err, format!("{name}: {why}\n").into_bytes()));
                if !matches!(proc.body, Body::Ended) {
                    leave(proc, kernel, world, 1);
                }
                return used + 1;
            }
            Written::All => {}
        }
        if proc.exiting.is_some() {
            if let Some(status) = proc.exiting
                && !matches!(proc.body, Body::Ended)
            {
                leave(proc, kernel, world, status);
                return used + 1;
            }
            return used;
        }
        if used >= slice {
            return used;
        }
        let moved = match &mut proc.body {
            Body::Shell(_) => step_shell(proc, kernel, world, slice - used),
            Body::Tool(_) => step_tool(proc, kernel, world),
            Body::World(_) => step_world(proc, kernel, world),
            Body::Ended => 0,
        };
        if moved == 0 {
            return used;
        }
        used += moved;
    }
}

/// Ends a process; what it still has to write is written first.
fn leave(proc: &mut Proc, kernel: &mut Kernel, world: &mut dyn World, status: i32) {
    if let Body::Tool(running) = &proc.body
        && let Some(child) = running.child
    {
        kernel.kill(world, child, 15);
    }
    if status == 141 {
        let children: Vec<u32> =
            kernel.procs.values().filter(|p| p.parent == proc.pid && !p.background).map(|p| p.pid).collect();
        for child in children {
            kernel.kill(world, child, 13);
        }
        proc.pending.clear();
    }
    proc.exiting = Some(status);
    if proc.pending.is_empty() || matches!(flush(proc, kernel, world), Written::All) {
        proc.body = Body::Ended;
    } else if !matches!(proc.body, Body::Ended) {
        // Only the writing is left.
        proc.wait = Wait::Output;
    }
}

fn flush(proc: &mut Proc, kernel: &mut Kernel, world: &mut dyn World) -> Written {
    while let Some((handle, bytes)) = proc.pending.front() {
        match kernel.write(world, handle, bytes) {
            Written::All => {
                proc.pending.pop_front();
            }
            other => return other,
        }
    }
    Written::All
}

fn step_shell(proc: &mut Proc, kernel: &mut Kernel, world: &mut dyn World, slice: u64) -> u64 {
    let Proc { body, fds, pending, pid, wait, .. } = proc;
    let Body::Shell(interp) = body else { return 0 };
    let mut cx = Context { kernel, fds, pending, world, pid: *pid };
    let mut used = 0;
    while used < slice {
        match interp.step(&mut cx) {
            Flow::On => used += 1,
            Flow::Wait(what) => {
                *wait = what;
                return used;
            }
            Flow::Exit(status) => {
                if interp.interactive {
                    *wait = Wait::No;
                    return used;
                }
                leave(proc, kernel, world, status);
                return used + 1;
            }
        }
        if !cx.pending.is_empty() {
            *wait = Wait::No;
            return used;
        }
    }
    used
}

fn step_tool(proc: &mut Proc, kernel: &mut Kernel, world: &mut dyn World) -> u64 {
    let stdin = proc.fds.get(&0).cloned().unwrap_or(Handle::Null);
    let terminal = kernel.terminal && proc.fds.get(&1) == Some(&Handle::Stdout);
    let Body::Tool(running) = &mut proc.body else { return 0 };
    if let Some(child) = running.child {
        let Some(status) = kernel.ended.remove(&child) else {
            if running.deadline.is_some_and(|at| at <= world.now()) {
                running.deadline = None;
                running.result = Some(124);
                kernel.kill(world, child, 15);
                return 1;
            }
            proc.wait = Wait::Child;
            return 0;
        };
        running.child = None;
        let late = running.result == Some(124) && running.deadline.is_none();
        running.result = Some(if late { 124 } else { status });
        running.deadline = None;
    }
    let mut writes = Vec::new();
    let mut io = Io {
        world,
        input: &mut proc.input,
        eof: proc.eof,
        writes: &mut writes,
        cwd: &running.cwd,
        env: &running.env,
        terminal,
        result: running.result.take(),
    };
    let next = running.tool.step(&mut io);
    for (fd, bytes) in writes {
        let handle = proc.fds.get(&fd).cloned().unwrap_or(Handle::Null);
        proc.pending.push_back((handle, bytes));
    }
    let wrote = u64::from(!proc.pending.is_empty());
    match next {
        Step::Again => {
            proc.wait = Wait::No;
            1
        }
        Step::Input => match if proc.eof { Taken::End } else { kernel.take(&stdin, CHUNK) } {
            Taken::Bytes(bytes) => {
                proc.input.extend(bytes);
                1
            }
            Taken::End => {
                proc.eof = true;
                1
            }
            Taken::Nothing => {
                proc.wait = Wait::Input;
                wrote
            }
        },
        Step::Sleep(until) => {
            proc.wait = Wait::Until(until);
            wrote + u64::from(until <= world.now())
        }
        Step::Run { argv, deadline, stdin: takes } => {
            let mut fds = proc.fds.clone();
            if !takes {
                fds.insert(0, Handle::Null);
            }
            let cwd = running.cwd.clone();
            let env = running.env.clone();
            let pid = proc.pid;
            match super::launch::launch(
                kernel,
                world,
                pid,
                &super::launch::Launch { argv: &argv, env, cwd, fds },
            ) {
                Ok(child) => {
                    running.child = Some(child);
                    running.deadline = deadline;
                }
                Err((message, status)) => {
                    let err = proc.fds.get(&2).cloned().unwrap_or(Handle::Null);
                    let text = format!("{}: {message}\n", running.tool.name());
                    proc.pending.push_back((err, text.into_bytes()));
                    running.result = Some(status);
                }
            }
            1
        }
        Step::Exit(status) => {
            leave(proc, kernel, world, status);
            1
        }
    }
}

fn step_world(proc: &mut Proc, kernel: &mut Kernel, world: &mut dyn World) -> u64 {
    let Body::World(child) = proc.body else { return 0 };
    let said = world.poll(child);
    let wrote = u64::from(!said.stdout.is_empty() || !said.stderr.is_empty());
    for (fd, bytes) in [(1, said.stdout), (2, said.stderr)] {
        if !bytes.is_empty() {
            let handle = proc.fds.get(&fd).cloned().unwrap_or(Handle::Null);
            proc.pending.push_back((handle, bytes));
        }
    }
    if let Some(status) = said.status {
        leave(proc, kernel, world, status);
        return 1;
    }
    proc.wait = Wait::World(said.wake);
    if said.reads && !proc.eof {
        let stdin = proc.fds.get(&0).cloned().unwrap_or(Handle::Null);
        match kernel.take(&stdin, CHUNK) {
            Taken::Bytes(bytes) => world.feed(child, Some(&bytes)),
            Taken::End => {
                proc.eof = true;
                world.feed(child, None);
            }
            Taken::Nothing => return wrote,
        }
        return 1;
    }
    wrote
}
