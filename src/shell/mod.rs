//! The learner's terminal: runs command lines over virtual files, with `kubectl` and the network tools as commands.
//!
//! Always holds: files, variables and directory outlive a command, and can be copied without the one that runs.

mod commands;
mod control;
pub mod script;
pub mod world;

use crate::client::Client;
use crate::object::SimTime;
use crate::posix::files::Tree;
use crate::posix::{Machine, State};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use world::{BUDGET, Editor, HOME, Learner, Shared};

/// A learner's shell: its files and variables, and the command that is running.
pub struct Shell {
    shared: Shared,
    world: Learner,
    machine: Machine,
    running: bool,
    broken: Option<String>,
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

/// What a command asks of the program that it runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go back to before the last change.
    Undo,
    /// Go back to the beginning.
    Reset,
    /// Show the next hint.
    Hint,
    /// Let time stand still.
    Pause,
    /// Let time run at so many times its speed.
    Speed(u32),
    /// Let time run until nothing changes any more.
    UntilQuiet,
}

impl Shell {
    /// A fresh home directory.
    pub fn new(client: Client) -> Self {
        let mut files = Tree::new();
        let now = client.now().0;
        for dir in [HOME, "/tmp", "/etc", "/dev"] {
            files.make_dirs(dir, now);
        }
        let env = [
            ("HOME", HOME),
            ("USER", "learner"),
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("SHELL", "/bin/bash"),
        ];
        let env: BTreeMap<String, String> =
            env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let machine = Machine::interactive("bash", &env, HOME);
        Self::over(client, files, machine)
    }

    fn over(client: Client, files: Tree, machine: Machine) -> Self {
        let shared = Shared {
            files: Rc::new(RefCell::new(files)),
            client,
            editor: Rc::default(),
            requests: Rc::default(),
            columns: Rc::new(std::cell::Cell::new(80)),
        };
        Self { world: Learner::new(shared.clone()), shared, machine, running: false, broken: None }
    }

    /// A copy over another cluster: the same files, variables and directory, with nothing running.
    #[must_use]
    pub fn fork(&self, client: Client) -> Self {
        Self::over(client, self.shared.files.borrow().clone(), self.machine.at_rest())
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

    /// Tells how wide the terminal is.
    pub fn set_columns(&self, columns: u16) {
        self.shared.columns.set(columns);
    }

    /// A file's text, as for an editor; empty when there is none.
    pub fn file(&self, path: &str) -> String {
        let content = self.shared.files.borrow().read(path).unwrap_or_default();
        String::from_utf8_lossy(&content).into_owned()
    }

    /// Starts a command line. It runs in [`Shell::poll`].
    pub fn start(&mut self, line: &str) {
        self.running = true;
        self.broken = self.machine.start(line).err().map(|error| format!("bash: {}\n", error.message));
    }

    /// Lets the running command go on as far as it can now.
    pub fn poll(&mut self) -> Job {
        if !self.running {
            return Job::Idle;
        }
        if self.broken.is_some() {
            self.running = false;
            return Job::Done(2);
        }
        let state = self.machine.run(&mut self.world, BUDGET);
        if let (Editor::Asked(path), true) = (&*self.shared.editor.borrow(), !matches!(state, State::Done(_)))
        {
            return Job::Editing(path.clone());
        }
        match state {
            State::Ready => Job::Waiting(Some(self.shared.client.now())),
            State::Sleeping(until) => Job::Waiting(Some(SimTime(until))),
            State::Blocked => Job::Waiting(None),
            State::Done(status) => {
                self.running = false;
                Job::Done(status)
            }
        }
    }

    /// Takes what was printed since the last call.
    pub fn take_output(&mut self) -> Vec<Chunk> {
        let broken = self.broken.take().map(|text| Chunk { error: true, text });
        let chunk = |output: crate::posix::Output| Chunk {
            error: output.error,
            text: String::from_utf8_lossy(&output.bytes).into_owned(),
        };
        broken.into_iter().chain(self.machine.take_output().into_iter().map(chunk)).collect()
    }

    /// Takes what commands have asked of the program.
    pub fn take_requests(&mut self) -> Vec<Control> {
        std::mem::take(&mut *self.shared.requests.borrow_mut())
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
        *self.shared.editor.borrow_mut() = Editor::Closed;
        self.machine.signal(2);
    }

    /// The editor was closed: `Some` content was saved, `None` was not.
    pub fn edited(&mut self, content: Option<String>) {
        let asked = std::mem::take(&mut *self.shared.editor.borrow_mut());
        let Editor::Asked(path) = asked else { return };
        let saved = content.is_some_and(|text| {
            let now = self.shared.client.now().0;
            self.shared.files.borrow_mut().write(&path, text.as_bytes(), false, now).is_ok()
        });
        *self.shared.editor.borrow_mut() = Editor::Left(saved);
    }
}
