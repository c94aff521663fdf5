//! What the course asks of whoever runs its scripts: a shell on a cluster, copies of both, and a recording.

use super::model::ClusterOptions;
use crate::client::Client;
use crate::cluster::machines::Action;
use serde::{Deserialize, Serialize};

/// What a script printed, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunResult {
    /// Standard output and standard error, as a terminal shows them.
    pub output: String,
    /// The last status.
    pub status: i32,
}

/// A shell on a cluster, in which waiting lets virtual time pass at once.
pub trait Runner {
    /// Runs a script to its end.
    fn run(&mut self, script: &str) -> RunResult;
    /// Lets `nanos` of virtual time pass.
    fn pass(&mut self, nanos: u64);
    /// A client of its cluster.
    fn client(&self) -> Client;
    /// A copy of the shell and its cluster: what happens in the copy is not seen here.
    fn fork(&self) -> Box<dyn Runner>;
}

/// Opens shells on new clusters.
pub trait Lab {
    /// A shell on a new cluster. The options' own setup script has not been run.
    fn open(&self, options: &ClusterOptions) -> Box<dyn Runner>;
}

/// Something that a learner, or a lesson, did in a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// Entered a command line.
    Line(String),
    /// Typed into the running command.
    Input(String),
    /// Ctrl-D.
    End,
    /// Ctrl-C.
    Interrupt,
    /// Closed the editor, with the content saved or not.
    Saved(Option<String>),
    /// Ran a script of the lesson's own.
    Script(String),
    /// Undid a command.
    Undo,
    /// Went back to the beginning.
    Reset,
    /// Added, removed, stopped or restarted a machine.
    Machine(Action),
}

/// An act and when it was, in nanoseconds of virtual time since the session began. A session is restored by doing all
/// its acts again at their times: the same seed and the same acts give the same cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// When.
    pub at: u64,
    /// What.
    pub act: Act,
}
