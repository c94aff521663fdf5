//! A POSIX-like shell as a small-step machine, and the text tools, over an abstract world.
//!
//! Always holds: a [`Machine`] is plain data and cheap to clone; it never blocks; every step is bounded.
//! Imports nothing of the program: the learner's shell and the containers each bring a [`World`].

// A tool says its say in many small pieces, its rows of a `match` stand for rows of a manual, and a frame or a
// parsed option belongs to whoever goes on with it.
#![allow(
    clippy::format_push_string,
    clippy::format_collect,
    clippy::match_same_arms,
    clippy::needless_pass_by_value
)]
#![allow(
    clippy::struct_excessive_bools,
    clippy::type_complexity,
    clippy::unused_self,
    clippy::many_single_char_names
)]

mod arith;
mod braces;
mod builtins;
mod code;
mod expand;
pub mod files;
mod flow;
mod interp;
mod jobs;
mod kernel;
mod launch;
mod machine;
pub mod net;
mod parse;
mod pattern;
mod reading;
mod simple;
mod state;
#[cfg(test)]
mod tests;
pub mod tools;

pub use machine::{Machine, Output, State};
pub use parse::SyntaxError;

/// Whether more text could make this a script: a quote, loop or here-document is open, or the line ends in `\\`.
pub fn unfinished(text: &str) -> bool {
    let escaped = text.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1;
    escaped || parse::parse(text).is_err_and(|error| error.incomplete)
}

use std::collections::BTreeMap;

/// What can go wrong with a file, with the words that `strerror` has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FileError {
    NotFound,
    IsDirectory,
    NotDirectory,
    Exists,
    NotEmpty,
    ReadOnly,
    NoSpace,
    Denied,
}

/// What `stat` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Whether it is a directory.
    pub directory: bool,
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since the epoch.
    pub modified: u64,
    /// `0o644`.
    pub mode: u32,
}

/// A command that the text tools do not know, as the world is asked to start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The command's name and arguments.
    pub argv: Vec<String>,
    /// Exported variables.
    pub env: BTreeMap<String, String>,
    /// Working directory.
    pub cwd: String,
    /// Whether standard output is the terminal (and no pipe or file).
    pub terminal: bool,
}

/// Names a started command of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChildId(pub u64);

/// What a started command has to say since it was last asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChildOutput {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Whether it waits for standard input. Only then is it fed: what a command does not read stays for the next.
    pub reads: bool,
    /// Set once it has ended.
    pub status: Option<i32>,
    /// When it wants to be asked again (nanoseconds since the epoch); `None` when only input or news moves it.
    pub wake: Option<u64>,
}

/// The world that a shell lives in: files, a clock, and commands that are not text tools. Paths are absolute.
pub trait World {
    /// Nanoseconds since the epoch.
    fn now(&self) -> u64;
    /// The whole content.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&mut self, path: &str) -> Result<Vec<u8>, FileError>;
    /// Replaces the content, or appends to it; creates the file.
    ///
    /// # Errors
    /// Why it cannot be written.
    fn write(&mut self, path: &str, content: &[u8], append: bool) -> Result<(), FileError>;
    /// The names in a directory, sorted.
    ///
    /// # Errors
    /// Why it cannot be listed.
    fn list(&mut self, path: &str) -> Result<Vec<String>, FileError>;
    /// What there is at a path.
    ///
    /// # Errors
    /// Why it cannot be told.
    fn stat(&mut self, path: &str) -> Result<FileInfo, FileError>;
    /// Makes one directory.
    ///
    /// # Errors
    /// Why not.
    fn make_dir(&mut self, path: &str) -> Result<(), FileError>;
    /// Removes a file or an empty directory.
    ///
    /// # Errors
    /// Why not.
    fn remove(&mut self, path: &str) -> Result<(), FileError>;
    /// Moves a file or directory.
    ///
    /// # Errors
    /// Why not.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError>;
    /// Changes the mode bits.
    ///
    /// # Errors
    /// Why not.
    fn chmod(&mut self, path: &str, mode: u32) -> Result<(), FileError>;
    /// Starts a command. `None` when the world does not know it: the machine then says "not found".
    fn spawn(&mut self, call: &Call) -> Option<ChildId>;
    /// Hands input to a started command (`None` closes its standard input).
    fn feed(&mut self, child: ChildId, input: Option<&[u8]>);
    /// Lets a started command go on, and takes what it has to say.
    fn poll(&mut self, child: ChildId) -> ChildOutput;
    /// Sends a signal (2 for Ctrl-C, 13 for a closed pipe, 15 to end).
    fn signal(&mut self, child: ChildId, signal: i32);
    /// Every command that the world knows by name, for completion, `which` and "did you mean".
    fn commands(&self) -> Vec<String>;
    /// The host name.
    fn hostname(&self) -> String;
    /// Whether a text tool of [`tools::TOOLS`] is there: an image may lack it.
    fn provides(&self, _tool: &str) -> bool {
        true
    }
    /// Whose wording the tools use.
    fn flavour(&self) -> Flavour {
        Flavour::Gnu
    }
    /// The network; `None` where there is none (the network tools are then not found).
    fn net(&mut self) -> Option<&mut dyn net::Net> {
        None
    }
    /// Sends a signal to a process that is not the shell's own. `false` when there is none of that number.
    fn kill(&mut self, _pid: u32, _signal: i32) -> bool {
        false
    }
    /// The user's name.
    fn user(&self) -> String {
        "root".to_owned()
    }
}

/// Whose wording and options the tools have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavour {
    /// bash and the GNU tools.
    #[default]
    Gnu,
    /// busybox, as in `busybox` and `alpine` images.
    Busybox,
}

impl FileError {
    /// The words of `strerror`.
    pub fn text(self) -> &'static str {
        match self {
            Self::NotFound => "No such file or directory",
            Self::IsDirectory => "Is a directory",
            Self::NotDirectory => "Not a directory",
            Self::Exists => "File exists",
            Self::NotEmpty => "Directory not empty",
            Self::ReadOnly => "Read-only file system",
            Self::NoSpace => "No space left on device",
            Self::Denied => "Permission denied",
        }
    }
}

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

/// The names of the shell's builtins.
pub fn builtin_names() -> &'static [&'static str] {
    builtins::BUILTINS
}

/// Runs a jq filter over one value; `now` is what the filter's clock shows, in nanoseconds since the epoch.
///
/// # Errors
/// What is wrong with the filter, or with the value for it.
pub fn jq_filter(
    filter: &str,
    value: &serde_json::Value,
    now: u64,
) -> Result<Vec<serde_json::Value>, String> {
    tools::jq_filter(filter, value, now)
}

/// An absolute path without `.`, `..` and double slashes, from a path and the directory that it is relative to.
pub fn resolve_path(cwd: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let base = if path.starts_with('/') { "" } else { cwd };
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
