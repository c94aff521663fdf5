//! kubectl: arguments → API requests → printed text. A client: it knows no engine.
//!
//! Always holds: a command sees the cluster through [`Client`] alone, files through [`Host`], and prints into
//! [`Streams`]. What it prints is what kubectl 1.36 prints.

pub mod io;

pub use io::{Host, Streams};

use crate::client::Client;
use std::rc::Rc;

/// What a kubectl command runs with.
#[derive(Clone)]
pub struct Env {
    /// The cluster.
    pub client: Client,
    /// Files, variables, and other commands.
    pub host: Rc<dyn Host>,
    /// Standard input and output.
    pub io: Streams,
}

/// Runs `kubectl ARGS` and answers its exit status. Waits (as `wait`, `get -w` and `logs -f` do) only through the
/// client, so that it can be dropped at any moment.
pub async fn run(env: Env, args: Vec<String>) -> i32 {
    env.io.error(&format!("error: unknown command {args:?} for \"kubectl\"\n"));
    1
}
