//! The learner's terminal: runs command lines over virtual files, with `kubectl` and the network tools as commands.

pub mod script;

use crate::client::Client;
use crate::object::SimTime;

/// A learner's shell: its files and variables, and the command that is running.
pub struct Shell {
    client: Client,
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

impl Shell {
    /// A fresh home directory.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// A copy over another cluster: the same files, variables and directory, with nothing running.
    #[must_use]
    pub fn fork(&self, client: Client) -> Self {
        Self { client }
    }

    /// The working directory as a prompt shows it (`~` for the home directory).
    pub fn cwd(&self) -> String {
        "~".to_owned()
    }

    /// Starts a command line. It runs in [`Shell::poll`].
    pub fn start(&mut self, _line: &str) {}

    /// Lets the running command go on as far as it can now.
    pub fn poll(&mut self) -> Job {
        let _ = &self.client;
        Job::Idle
    }

    /// Takes what was printed since the last call.
    pub fn take_output(&mut self) -> Vec<Chunk> {
        Vec::new()
    }

    /// Hands typed input to the running command; `None` is Ctrl-D.
    pub fn feed(&mut self, _input: Option<&[u8]>) {}

    /// Ctrl-C.
    pub fn interrupt(&mut self) {}

    /// The editor was closed: `Some` content was saved, `None` was not.
    pub fn edited(&mut self, _content: Option<String>) {}
}
