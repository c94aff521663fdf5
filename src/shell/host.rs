//! What surrounds kubectl on the learner's machine: files, variables, and the editor.

use super::world::{Outside, Running, run_line};
use crate::kubectl::{Host, Streams};
use crate::posix::{Call, FileError, Machine, State, resolve_path};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::Poll;

/// Steps of an inner command before others get their turn.
const BUDGET: u64 = 10_000;

/// The files and variables that a command of the learner's shell sees.
pub(super) struct FileHost {
    world: Outside,
    call: Call,
    streams: Streams,
}

impl FileHost {
    pub(super) fn new(world: Outside, call: &Call, streams: Streams) -> Self {
        Self { world, call: call.clone(), streams }
    }

    fn path(&self, path: &str) -> String {
        resolve_path(&self.call.cwd, path)
    }
}

/// The words that Go has for an error.
fn go_words(error: FileError) -> String {
    match error {
        FileError::NotFound => "no such file or directory".into(),
        FileError::IsDirectory => "is a directory".into(),
        FileError::NotDirectory => "not a directory".into(),
        FileError::Exists => "file exists".into(),
        FileError::NotEmpty => "directory not empty".into(),
        FileError::ReadOnly => "read-only file system".into(),
        FileError::NoSpace => "no space left on device".into(),
        FileError::Denied => "permission denied".into(),
    }
}

impl Host for FileHost {
    fn read_file(&self, path: &str) -> Result<Vec<u8>, String> {
        self.world.files.borrow().read(&self.path(path)).map_err(go_words)
    }

    fn write_file(&self, path: &str, content: &[u8]) -> Result<(), String> {
        let now = self.world.client.now().0;
        let path = self.path(path);
        let mut files = self.world.files.borrow_mut();
        // kubectl makes the directory of its kubeconfig.
        if path.contains("/.kube/")
            && let Some(at) = path.rfind('/')
        {
            files.make_dirs(&path[..at], now);
        }
        files.write(&path, content, false, now).map_err(go_words)
    }

    fn make_dir(&self, path: &str) -> Result<(), String> {
        let now = self.world.client.now().0;
        self.world.files.borrow_mut().make_dirs(&self.path(path), now);
        Ok(())
    }

    fn remove_file(&self, path: &str) -> Result<(), String> {
        self.world.files.borrow_mut().remove(&self.path(path)).map_err(go_words)
    }

    fn list_dir(&self, path: &str) -> Option<Vec<String>> {
        self.world.files.borrow().list(&self.path(path)).ok()
    }

    fn exists(&self, path: &str) -> bool {
        self.world.files.borrow().exists(&self.path(path))
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.call.env.get(name).cloned()
    }

    fn variables(&self) -> BTreeMap<String, String> {
        self.call.env.clone()
    }

    fn run_command(&self, line: String) -> Running {
        run_line(self.world.beside(), &line, &self.call, self.streams.clone())
    }
}

/// Runs a command line to its end; what it prints goes to `streams`.
pub(super) async fn drive(mut world: Outside, line: String, call: Call, streams: Streams) -> i32 {
    let mut machine = match Machine::new(&line, &["bash".to_owned()], &call.env, &call.cwd) {
        Ok(machine) => machine.on_terminal(call.terminal),
        Err(error) => {
            streams.error(&format!("bash: {}\n", error.message));
            return 2;
        }
    };
    machine.close_stdin();
    let client = world.client.clone();
    loop {
        let state = machine.run(&mut world, BUDGET);
        for chunk in machine.take_output() {
            if chunk.error { streams.write_error(&chunk.bytes) } else { streams.write(&chunk.bytes) }
        }
        match state {
            State::Done(status) => return status,
            State::Sleeping(until) => client.news(Some(crate::object::SimTime(until))).await,
            State::Ready | State::Blocked => pause().await,
        }
    }
}

/// Lets the others have a turn.
async fn pause() {
    let mut waited = false;
    poll_fn(move |_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending })
        .await;
}
