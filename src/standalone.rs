//! kubectl as a program of its own: this computer's files, variables and terminal, and a server over HTTPS.
//!
//! Always holds: one thread and one task. The command is polled whenever a connection, a key or the time has
//! something new, and what it has printed is written at once.

use crate::client::Client;
use crate::kubectl::{self, Env, Host, Streams};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io::{self, IsTerminal, Read, Write};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use tokio::sync::mpsc;

/// Bytes that are read from standard input at once.
const CHUNK: usize = 32 << 10;

/// Runs `kubectl ARGS` and answers its exit status.
///
/// # Errors
/// When the runtime cannot be made, or the output cannot be written.
pub fn run(args: Vec<String>) -> io::Result<i32> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let status = tokio::task::LocalSet::new().block_on(&runtime, drive(args));
    // A read of standard input may never end.
    runtime.shutdown_background();
    status
}

async fn drive(args: Vec<String>) -> io::Result<i32> {
    let terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    let (columns, rows) = if terminal { crossterm::terminal::size().unwrap_or((80, 24)) } else { (0, 0) };
    let streams = Streams::new(terminal, columns);
    streams.resize(columns, rows);
    let env = Env { client: Client::remote(), host: Rc::new(Computer), io: streams.clone() };
    let mut running = pin!(kubectl::run(env, args));
    let mut input: Option<mpsc::Receiver<Vec<u8>>> = None;
    let mut raw = false;
    let outcome = poll_fn(|context| {
        loop {
            let done = running.as_mut().poll(context);
            if let Err(error) = write_out(&streams) {
                return Poll::Ready(Err(error));
            }
            if streams.wants_raw() != raw {
                raw = !raw;
                let _ = if raw {
                    crossterm::terminal::enable_raw_mode()
                } else {
                    crossterm::terminal::disable_raw_mode()
                };
            }
            if let Poll::Ready(status) = done {
                return Poll::Ready(Ok(status));
            }
            if !streams.wants_input() {
                return Poll::Pending;
            }
            let keys = input.get_or_insert_with(read_input);
            match keys.poll_recv(context) {
                Poll::Ready(Some(bytes)) => streams.feed(Some(&bytes)),
                Poll::Ready(None) if !streams.is_closed() => streams.feed(None),
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    if raw {
        let _ = crossterm::terminal::disable_raw_mode();
    }
    outcome
}

/// Reads standard input beside the loop: a terminal cannot be asked without waiting.
fn read_input() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let mut stdin = io::stdin().lock();
        let mut chunk = vec![0; CHUNK];
        while let Ok(count @ 1..) = stdin.read(&mut chunk) {
            if sender.blocking_send(chunk[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

fn write_out(streams: &Streams) -> io::Result<()> {
    loop {
        let (out, err, more) = streams.take_in_order();
        io::stdout().write_all(&out)?;
        io::stdout().flush()?;
        io::stderr().write_all(&err)?;
        if !more {
            return Ok(());
        }
    }
}

/// This computer.
struct Computer;

/// The words that Go has for an error.
fn go_words(error: &io::Error) -> String {
    let text = match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory",
        io::ErrorKind::PermissionDenied => "permission denied",
        io::ErrorKind::IsADirectory => "is a directory",
        io::ErrorKind::NotADirectory => "not a directory",
        io::ErrorKind::AlreadyExists => "file exists",
        _ => return error.to_string(),
    };
    text.to_owned()
}

impl Host for Computer {
    fn read_file(&self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|e| go_words(&e))
    }

    fn write_file(&self, path: &str, content: &[u8]) -> Result<(), String> {
        let path = std::path::Path::new(path);
        // kubectl makes the directory of its kubeconfig.
        if let Some(folder) = path.parent().filter(|f| f.ends_with(".kube")) {
            std::fs::create_dir_all(folder).map_err(|e| go_words(&e))?;
        }
        std::fs::write(path, content).map_err(|e| go_words(&e))
    }

    fn make_dir(&self, path: &str) -> Result<(), String> {
        std::fs::create_dir_all(path).map_err(|e| go_words(&e))
    }

    fn remove_file(&self, path: &str) -> Result<(), String> {
        std::fs::remove_file(path).map_err(|e| go_words(&e))
    }

    fn list_dir(&self, path: &str) -> Option<Vec<String>> {
        let entries = std::fs::read_dir(path).ok()?;
        let mut names: Vec<String> =
            entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        Some(names)
    }

    fn exists(&self, path: &str) -> bool {
        std::path::Path::new(path).exists()
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn variables(&self) -> BTreeMap<String, String> {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    fn default_kubeconfig(&self) -> Value {
        json!({"apiVersion": "v1", "kind": "Config", "clusters": [], "contexts": [], "users": [],
            "current-context": "", "preferences": {}})
    }

    fn run_command(&self, line: String) -> Pin<Box<dyn Future<Output = i32>>> {
        Box::pin(async move {
            let status = std::process::Command::new("sh").arg("-c").arg(line).status();
            status.ok().and_then(|s| s.code()).unwrap_or(127)
        })
    }
}
