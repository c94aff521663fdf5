//! What the course asks of whoever runs its scripts: a shell on a cluster, and copies of both.

use super::model::ClusterOptions;
use crate::client::Client;

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
