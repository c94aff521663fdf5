//! The learner's terminal: runs command lines over virtual files, with `kubectl` and the network tools as commands.
//!
//! Always holds: a shell never blocks: [`Shell::poll`] does what can be done now and says what it waits for. Everything
//! that lasts (files, variables, history) is in [`Kept`], which is cheap to clone; what runs is beside it.

pub mod commands;
pub mod complete;
mod host;
pub mod script;
mod watch;
mod world;
mod yq;

pub use commands::Control;
pub use complete::Completion;

use crate::client::Client;
use crate::object::SimTime;
use crate::posix::files::Tree;
use crate::posix::{Machine, State, resolve_path};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use world::{Desk, Outside};

/// The learner's home directory.
pub const HOME: &str = "/home/learner";
/// Steps in a poll.
const BUDGET: u64 = 40_000;
/// A command that takes more steps than this while no virtual time passes is stopped.
const MAX_STEPS: u64 = 20_000_000;
/// Lines of history that are kept.
const MAX_HISTORY: usize = 2000;

/// A learner's shell: its files and variables, and the command that is running.
pub struct Shell {
    client: Client,
    machine: Machine,
    world: Outside,
    output: Vec<Chunk>,
    running: bool,
    steps: u64,
    stepped_at: SimTime,
    hint: Option<String>,
}

/// What lasts: files, variables, functions, directory, history.
#[derive(Clone, Debug)]
pub struct Kept {
    machine: Machine,
    files: Tree,
    history: Vec<String>,
}

/// Where the running command stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Nothing runs.
    Idle,
    /// It waits: for this moment, or for news of the cluster, or for input.
    Waiting(Option<SimTime>),
    /// It wants the learner to edit a file; [`Shell::edited`] lets it go on.
    Editing(String),
    /// It has ended with this status.
    Done(i32),
}

/// Output of a command, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Whether it was written to standard error.
    pub error: bool,
    /// The text (invalid UTF-8 replaced).
    pub text: String,
}

/// The environment of a new shell.
fn environment() -> BTreeMap<String, String> {
    [
        ("HOME", HOME),
        ("USER", "learner"),
        ("LOGNAME", "learner"),
        ("SHELL", "/bin/bash"),
        ("TERM", "xterm-256color"),
        ("LANG", "C.UTF-8"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

impl Shell {
    /// A fresh home directory.
    pub fn new(client: Client) -> Self {
        let now = client.now().0;
        let mut files = Tree::new();
        files.make_dirs(HOME, now);
        files.make_dirs("/tmp", now);
        let machine = Machine::interactive("bash", &environment(), HOME).numbered_from(1000);
        Self::over(client, Kept { machine, files, history: Vec::new() })
    }

    fn over(client: Client, kept: Kept) -> Self {
        let world = Outside {
            client: client.clone(),
            files: Rc::new(RefCell::new(kept.files)),
            desk: Rc::new(RefCell::new(Desk::with_history(kept.history))),
            children: BTreeMap::new(),
            next: 0,
        };
        let stepped_at = client.now();
        Self {
            client,
            machine: kept.machine,
            world,
            output: Vec::new(),
            running: false,
            steps: 0,
            stepped_at,
            hint: None,
        }
    }

    /// A copy over another cluster: the same files, variables and directory, with nothing running.
    #[must_use]
    pub fn fork(&self, client: Client) -> Self {
        Self::over(client, self.kept())
    }

    /// What lasts, as it is now.
    pub fn kept(&self) -> Kept {
        Kept {
            machine: self.machine.at_rest(),
            files: self.world.files.borrow().clone(),
            history: self.world.desk.borrow().history.clone(),
        }
    }

    /// Goes back to what was kept; nothing runs then. History stays as it is.
    pub fn restore(&mut self, kept: Kept) {
        self.machine = kept.machine;
        *self.world.files.borrow_mut() = kept.files;
        self.world.children.clear();
        self.running = false;
    }

    /// The learner's files, as they are now.
    pub fn files(&self) -> Tree {
        self.world.files.borrow().clone()
    }

    /// Puts other files in the place of the learner's.
    pub fn set_files(&mut self, files: Tree) {
        *self.world.files.borrow_mut() = files;
    }

    /// The namespace that `kubectl` uses where none is named.
    pub fn namespace(&self) -> String {
        complete::current_namespace(self)
    }

    /// The working directory as a prompt shows it (`~` for the home directory).
    pub fn cwd(&self) -> String {
        let cwd = self.machine.cwd();
        match cwd.strip_prefix(HOME) {
            Some("") => "~".to_owned(),
            Some(rest) if rest.starts_with('/') => format!("~{rest}"),
            _ => cwd,
        }
    }

    /// Starts a command line. It runs in [`Shell::poll`].
    pub fn start(&mut self, line: &str) {
        self.hint = None;
        self.steps = 0;
        self.stepped_at = self.client.now();
        self.running = true;
        if let Err(error) = self.machine.start(line) {
            self.say(true, &format!("bash: {}\n", error.message));
            // A script that is none has status 2, as bash gives it.
            let _ = self.machine.start("(exit 2)");
        }
    }

    fn say(&mut self, error: bool, text: &str) {
        match self.output.last_mut() {
            Some(last) if last.error == error => last.text.push_str(text),
            _ => self.output.push(Chunk { error, text: text.to_owned() }),
        }
    }

    /// Lets the running command go on as far as it can now.
    pub fn poll(&mut self) -> Job {
        if self.client.now() != self.stepped_at {
            self.stepped_at = self.client.now();
            self.steps = 0;
        }
        let state = self.machine.run(&mut self.world, BUDGET);
        for chunk in self.machine.take_output() {
            let text = String::from_utf8_lossy(&chunk.bytes).into_owned();
            self.say(chunk.error, &text);
        }
        if let Some(name) = self.world.desk.borrow_mut().unknown.take() {
            self.hint = self.nearest(&name);
        }
        if !self.running {
            return Job::Idle;
        }
        if let Some(path) = self.world.desk.borrow().editing() {
            return Job::Editing(path);
        }
        match state {
            State::Done(status) => {
                self.running = false;
                if self.machine.wants_exit() {
                    self.world.desk.borrow_mut().requests.push(Control::Leave);
                }
                Job::Done(status)
            }
            State::Sleeping(until) => Job::Waiting(Some(SimTime(until))),
            State::Blocked => Job::Waiting(None),
            State::Ready => {
                self.steps += BUDGET;
                if self.steps > MAX_STEPS {
                    self.say(true, "bash: stopped: it ran for very long while no time passed\n");
                    self.interrupt();
                }
                Job::Waiting(Some(self.client.now()))
            }
        }
    }

    /// Takes what was printed since the last call.
    pub fn take_output(&mut self) -> Vec<Chunk> {
        std::mem::take(&mut self.output)
    }

    /// Takes what commands want of the session (`dojo undo`, `clear`), in order.
    pub fn take_requests(&mut self) -> Vec<Control> {
        std::mem::take(&mut self.world.desk.borrow_mut().requests)
    }

    /// The name of a command that is near the one that was not found.
    pub fn take_hint(&mut self) -> Option<String> {
        self.hint.take()
    }

    /// Hands typed input to the running command; `None` is Ctrl-D.
    pub fn feed(&mut self, input: Option<&[u8]>) {
        match input {
            Some(bytes) => self.machine.push_stdin(bytes),
            None => self.machine.close_stdin(),
        }
    }

    /// Ctrl-C.
    pub fn interrupt(&mut self) {
        self.world.desk.borrow_mut().cancel_editing();
        self.machine.signal(2);
    }

    /// The editor was closed: `Some` content was saved, `None` was not.
    pub fn edited(&mut self, content: Option<String>) {
        let path = self.world.desk.borrow_mut().finish_editing();
        if let (Some(path), Some(content)) = (path, content) {
            let now = self.client.now().0;
            let _ = self.world.files.borrow_mut().write(&path, content.as_bytes(), false, now);
        }
    }

    /// A file's text, as for an editor; empty when there is none.
    pub fn file(&self, path: &str) -> String {
        let path = resolve_path(&self.machine.cwd(), path);
        let content = self.world.files.borrow().read(&path).unwrap_or_default();
        String::from_utf8_lossy(&content).into_owned()
    }

    /// Writes a file of the learner, with the directories above it (a lesson gives them).
    pub fn write_file(&mut self, path: &str, content: &str) {
        let path = resolve_path(HOME, path);
        let now = self.client.now().0;
        let mut files = self.world.files.borrow_mut();
        if let Some(at) = path.rfind('/') {
            files.make_dirs(&path[..at], now);
        }
        let _ = files.write(&path, content.as_bytes(), false, now);
    }

    /// Adds a line to the history that `history` shows.
    pub fn remember(&mut self, line: &str) {
        let mut desk = self.world.desk.borrow_mut();
        if !line.trim().is_empty() && desk.history.last().is_none_or(|last| last != line) {
            desk.history.push(line.to_owned());
        }
        if desk.history.len() > MAX_HISTORY {
            desk.history.remove(0);
        }
    }

    /// Tells how wide the terminal is.
    pub fn set_columns(&self, columns: u16) {
        self.world.desk.borrow_mut().columns = columns;
    }

    /// What the word at `cursor` (in bytes) could become.
    pub fn complete(&self, line: &str, cursor: usize) -> Completion {
        complete::complete(self, line, cursor)
    }

    fn nearest(&self, name: &str) -> Option<String> {
        let known = commands::names().into_iter().chain(self.machine.names().1);
        commands::nearest(name, known)
    }
}

#[cfg(test)]
mod tests;
