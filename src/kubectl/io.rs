//! What a command reads and writes: its three streams, and the host that has files.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

/// The three standard streams, shared between a command and who runs it.
#[derive(Clone, Debug, Default)]
pub struct Streams {
    inner: Rc<RefCell<Buffers>>,
}

#[derive(Debug, Default)]
struct Buffers {
    stdin: VecDeque<u8>,
    stdin_closed: bool,
    /// What was written, in order: whether to standard error, and the bytes.
    output: VecDeque<(bool, Vec<u8>)>,
    terminal: bool,
    columns: u16,
    rows: u16,
    raw: bool,
    wants_input: bool,
}

impl Buffers {
    fn put(&mut self, error: bool, bytes: &[u8]) {
        match self.output.back_mut() {
            _ if bytes.is_empty() => {}
            Some((last, run)) if *last == error => run.extend_from_slice(bytes),
            _ => self.output.push_back((error, bytes.to_vec())),
        }
    }
}

impl Streams {
    /// Streams for a terminal `columns` wide, or for a pipe.
    pub fn new(terminal: bool, columns: u16) -> Self {
        let streams = Self::default();
        {
            let mut inner = streams.inner.borrow_mut();
            inner.terminal = terminal;
            inner.columns = columns;
        }
        streams
    }

    /// Prints to standard output.
    pub fn print(&self, text: &str) {
        self.inner.borrow_mut().put(false, text.as_bytes());
    }

    /// Writes bytes to standard output.
    pub fn write(&self, bytes: &[u8]) {
        self.inner.borrow_mut().put(false, bytes);
    }

    /// Prints to standard error.
    pub fn error(&self, text: &str) {
        self.inner.borrow_mut().put(true, text.as_bytes());
    }

    /// Writes bytes to standard error.
    pub fn write_error(&self, bytes: &[u8]) {
        self.inner.borrow_mut().put(true, bytes);
    }

    /// Whether standard output is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.inner.borrow().terminal
    }

    /// The terminal's width in columns; 0 when there is none.
    pub fn columns(&self) -> u16 {
        self.inner.borrow().columns
    }

    /// The terminal's size, when it is known.
    pub fn size(&self) -> Option<(u16, u16)> {
        let inner = self.inner.borrow();
        (inner.terminal && inner.rows > 0).then_some((inner.columns, inner.rows))
    }

    /// Asks that every key comes as it is, or that the terminal edits lines again.
    pub fn set_raw(&self, raw: bool) {
        self.inner.borrow_mut().raw = raw;
    }

    /// The runner's side: whether every key is wanted as it is.
    pub fn wants_raw(&self) -> bool {
        self.inner.borrow().raw
    }

    /// The runner's side: the terminal has this size.
    pub fn resize(&self, columns: u16, rows: u16) {
        let mut inner = self.inner.borrow_mut();
        (inner.columns, inner.rows) = (columns, rows);
    }

    /// All of standard input, once it is closed.
    pub async fn read_to_end(&self) -> Vec<u8> {
        poll_fn(|_| {
            let mut inner = self.inner.borrow_mut();
            inner.wants_input = true;
            if inner.stdin_closed { Poll::Ready(inner.stdin.drain(..).collect()) } else { Poll::Pending }
        })
        .await
    }

    /// What standard input has now; `None` when it is closed and empty.
    pub fn try_read(&self) -> Option<Vec<u8>> {
        let mut inner = self.inner.borrow_mut();
        inner.wants_input = true;
        if inner.stdin.is_empty() && inner.stdin_closed {
            None
        } else {
            Some(inner.stdin.drain(..).collect())
        }
    }

    /// The runner's side: whether the command has asked for input. What it does not read stays for the next one.
    pub fn wants_input(&self) -> bool {
        self.inner.borrow().wants_input
    }

    /// The runner's side: whether all input has been handed in.
    pub fn is_closed(&self) -> bool {
        self.inner.borrow().stdin_closed
    }

    /// The runner's side: hands in input; `None` closes it.
    pub fn feed(&self, input: Option<&[u8]>) {
        let mut inner = self.inner.borrow_mut();
        match input {
            Some(bytes) => inner.stdin.extend(bytes),
            None => inner.stdin_closed = true,
        }
    }

    /// The runner's side: takes standard output and standard error so far.
    pub fn take_output(&self) -> (Vec<u8>, Vec<u8>) {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        for (error, run) in self.inner.borrow_mut().output.drain(..) {
            if error { stderr.extend(run) } else { stdout.extend(run) }
        }
        (stdout, stderr)
    }

    /// The runner's side: takes the next run of standard output and the run of standard error behind it, so that a
    /// terminal shows both in the order of writing. Says whether there is more.
    pub fn take_in_order(&self) -> (Vec<u8>, Vec<u8>, bool) {
        let output = &mut self.inner.borrow_mut().output;
        let mut next = |error: bool| match output.front() {
            Some((kind, _)) if *kind == error => output.pop_front().map(|(_, run)| run).unwrap_or_default(),
            _ => Vec::new(),
        };
        let (stdout, stderr) = (next(false), next(true));
        (stdout, stderr, !output.is_empty())
    }
}

/// What surrounds kubectl: files, variables, and other commands (an editor).
pub trait Host {
    /// A file's content. Paths may be relative to the working directory.
    ///
    /// # Errors
    /// The reason, as `no such file or directory`.
    fn read_file(&self, path: &str) -> Result<Vec<u8>, String>;
    /// Writes a file.
    ///
    /// # Errors
    /// The reason.
    fn write_file(&self, path: &str, content: &[u8]) -> Result<(), String>;
    /// Makes a directory and those above it, where they are not there yet.
    ///
    /// # Errors
    /// The reason.
    fn make_dir(&self, path: &str) -> Result<(), String>;
    /// Removes a file.
    ///
    /// # Errors
    /// The reason.
    fn remove_file(&self, path: &str) -> Result<(), String>;
    /// The names in a directory, sorted; `None` when it is no directory.
    fn list_dir(&self, path: &str) -> Option<Vec<String>>;
    /// Whether there is anything at the path.
    fn exists(&self, path: &str) -> bool;
    /// An exported variable.
    fn variable(&self, name: &str) -> Option<String>;
    /// All exported variables.
    fn variables(&self) -> BTreeMap<String, String>;
    /// What there is without a kubeconfig file: the cluster at hand.
    fn default_kubeconfig(&self) -> serde_json::Value {
        super::kubeconfig::Kubeconfig::admin()
    }
    /// Runs a command line in the surrounding shell (the editor of `kubectl edit`) and answers its status.
    fn run_command(&self, line: String) -> Pin<Box<dyn Future<Output = i32>>>;
}
