//! kubedojo: Kubernetes in the fingers, over a simulated cluster.
//!
//! The modules stand as the Kubernetes architecture diagram does; an arrow means "may import":
//!
//! ```text
//! cli → tui, server, session, standalone;  server → session, client;  tui → session;  session → course, shell;  course → client;  shell → kubectl, posix
//! standalone → kubectl → client → cluster → apiserver → object;   cluster → posix;   yaml and difference beside them all
//! ```
//!
//! `tests/tidy.rs` holds the arrows. `ARCHITECTURE.md` says why they are so.

pub mod apiserver;
pub mod archive;
pub mod assets;
pub mod cli;
pub mod client;
pub mod cluster;
pub mod course;
pub mod difference;
pub mod headless;
pub mod json;
pub mod kubectl;
pub mod object;
pub mod posix;
pub mod school;
pub mod server;
pub mod session;
pub mod shell;
pub mod standalone;
pub mod tui;
pub mod yaml;

// The targets of `fuzz/` name this crate from outside; the tests run them with a bounded number of inputs.
#[cfg(test)]
extern crate self as kubedojo;
#[cfg(test)]
#[path = "../fuzz/targets.rs"]
mod fuzz;
