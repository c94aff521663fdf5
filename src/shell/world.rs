//! The learner's world: a home directory of virtual files, and the commands that a shell does not bring itself.
//!
//! Always holds: files outlive commands and are shared with `kubectl` and the editor; a started command is an async
//! function that is polled when the shell is, and dropped when it is killed.

use super::commands;
use crate::client::Client;
use crate::kubectl::{Host, Streams};
use crate::posix::files::Tree;
use crate::posix::{self, Call, ChildId, ChildOutput, FileError, FileInfo, Machine, State, World};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// The learner's home.
pub const HOME: &str = "/home/learner";
/// Steps that a shell gets at a time.
pub const BUDGET: u64 = 200_000;

/// What the commands of a shell share: files, the cluster, and the editor.
#[derive(Clone)]
pub struct Shared {
    /// The files.
    pub files: Rc<RefCell<Tree>>,
    /// The cluster.
    pub client: Client,
    /// The file that a command wants edited.
    pub editor: Rc<RefCell<Editor>>,
    /// What the program itself is asked to do.
    pub requests: Rc<RefCell<Vec<super::Control>>>,
    /// The terminal's width in columns.
    pub columns: Rc<std::cell::Cell<u16>>,
}

/// Where the editing of a file stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Editor {
    /// Nobody edits.
    #[default]
    Closed,
    /// A command waits for this file to be edited.
    Asked(String),
    /// It was closed; whether the file was saved.
    Left(bool),
}

/// A started command.
struct Child {
    future: Pin<Box<dyn Future<Output = i32>>>,
    io: Streams,
    status: Option<i32>,
}

/// The world of one shell.
pub struct Learner {
    shared: Shared,
    children: BTreeMap<ChildId, Child>,
    next: u64,
}

impl Learner {
    /// A world over shared files and cluster, with nothing started.
    pub fn new(shared: Shared) -> Self {
        Self { shared, children: BTreeMap::new(), next: 0 }
    }

    /// Drops everything that was started.
    pub fn kill_all(&mut self) {
        self.children.clear();
    }
}

impl World for Learner {
    fn now(&self) -> u64 {
        self.shared.client.now().0
    }
    fn read(&mut self, path: &str) -> Result<Vec<u8>, FileError> {
        self.shared.files.borrow().read(path)
    }
    fn write(&mut self, path: &str, content: &[u8], append: bool) -> Result<(), FileError> {
        let now = self.now();
        self.shared.files.borrow_mut().write(path, content, append, now)
    }
    fn list(&mut self, path: &str) -> Result<Vec<String>, FileError> {
        self.shared.files.borrow().list(path)
    }
    fn stat(&mut self, path: &str) -> Result<FileInfo, FileError> {
        self.shared.files.borrow().stat(path)
    }
    fn make_dir(&mut self, path: &str) -> Result<(), FileError> {
        let now = self.now();
        self.shared.files.borrow_mut().make_dir(path, now)
    }
    fn remove(&mut self, path: &str) -> Result<(), FileError> {
        self.shared.files.borrow_mut().remove(path)
    }
    fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError> {
        self.shared.files.borrow_mut().rename(from, to)
    }
    fn chmod(&mut self, path: &str, mode: u32) -> Result<(), FileError> {
        self.shared.files.borrow_mut().chmod(path, mode)
    }

    fn spawn(&mut self, call: &Call) -> Option<ChildId> {
        let columns = if call.terminal { self.shared.columns.get() } else { 0 };
        let io = Streams::new(call.terminal, columns);
        let future = commands::start(&self.shared, call, &io)?;
        self.next += 1;
        let id = ChildId(self.next);
        self.children.insert(id, Child { future, io, status: None });
        Some(id)
    }

    fn feed(&mut self, child: ChildId, input: Option<&[u8]>) {
        if let Some(child) = self.children.get(&child) {
            child.io.feed(input);
        }
    }

    fn poll(&mut self, id: ChildId) -> ChildOutput {
        let Some(child) = self.children.get_mut(&id) else {
            return ChildOutput { status: Some(1), ..ChildOutput::default() };
        };
        if child.status.is_none()
            && let Poll::Ready(status) = child.future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            child.status = Some(status);
        }
        let (stdout, stderr) = child.io.take_output();
        let (status, reads) = (child.status, child.io.wants_input());
        if status.is_some() {
            self.children.remove(&id);
        }
        ChildOutput { stdout, stderr, reads, status, wake: None }
    }

    fn signal(&mut self, child: ChildId, signal: i32) {
        if let Some(child) = self.children.get_mut(&child) {
            child.future = Box::pin(std::future::ready(128 + signal));
        }
    }

    fn commands(&self) -> Vec<String> {
        commands::NAMES.iter().map(|name| (*name).to_owned()).collect()
    }
    fn hostname(&self) -> String {
        "dojo".to_owned()
    }
    fn user(&self) -> String {
        "learner".to_owned()
    }
}

/// Files and variables as `kubectl` sees them.
pub struct KubectlHost {
    shared: Shared,
    env: BTreeMap<String, String>,
    cwd: String,
}

impl KubectlHost {
    /// The host of a command that was called so.
    pub fn new(shared: Shared, call: &Call) -> Self {
        Self { shared, env: call.env.clone(), cwd: call.cwd.clone() }
    }

    fn path(&self, path: &str) -> String {
        let home = path.strip_prefix("~/").map(|rest| format!("{HOME}/{rest}"));
        posix::resolve_path(&self.cwd, home.as_deref().unwrap_or(path))
    }
}

/// The words that Go has for a file error, as kubectl prints them.
fn go_text(error: FileError) -> String {
    let text = error.text();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

impl Host for KubectlHost {
    fn read_file(&self, path: &str) -> Result<Vec<u8>, String> {
        self.shared.files.borrow().read(&self.path(path)).map_err(go_text)
    }
    fn write_file(&self, path: &str, content: &[u8]) -> Result<(), String> {
        let (path, now) = (self.path(path), self.shared.client.now().0);
        let mut files = self.shared.files.borrow_mut();
        if let Some((above, _)) = path.rsplit_once('/') {
            files.make_dirs(above, now);
        }
        files.write(&path, content, false, now).map_err(go_text)
    }
    fn remove_file(&self, path: &str) -> Result<(), String> {
        self.shared.files.borrow_mut().remove(&self.path(path)).map_err(go_text)
    }
    fn list_dir(&self, path: &str) -> Option<Vec<String>> {
        let path = self.path(path);
        let files = self.shared.files.borrow();
        if files.is_dir(&path) { files.list(&path).ok() } else { None }
    }
    fn exists(&self, path: &str) -> bool {
        self.shared.files.borrow().exists(&self.path(path))
    }
    fn variable(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }
    fn variables(&self) -> BTreeMap<String, String> {
        self.env.clone()
    }
    fn run_command(&self, line: String) -> Pin<Box<dyn Future<Output = i32>>> {
        let mut world = Learner::new(self.shared.clone());
        let machine = Machine::new(&line, &["sh".to_owned()], &self.env, &self.cwd);
        let Ok(mut machine) = machine else { return Box::pin(std::future::ready(2)) };
        machine.close_stdin();
        Box::pin(poll_fn(move |_| match machine.run(&mut world, BUDGET) {
            State::Done(status) => Poll::Ready(status),
            State::Ready | State::Sleeping(_) | State::Blocked => Poll::Pending,
        }))
    }
}
