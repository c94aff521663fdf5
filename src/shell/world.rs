//! The world outside the cluster: the learner's machine with its files, its network, and its commands.

use super::commands::{self, Control};
use super::host::{FileHost, drive};
use crate::client::Client;
use crate::cluster::network::{DnsAnswer, HttpCall, Outcome, Point, QueryType, Record};
use crate::kubectl::{Env, Streams};
use crate::posix::files::Tree;
use crate::posix::net::{Answer, Dns, Net, Query, Reach, Record as NetRecord, Request};
use crate::posix::{Call, ChildId, ChildOutput, FileError, FileInfo, World, resolve_path};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// The terminal's width as long as nobody has told it.
const COLUMNS: u16 = 80;

/// What the commands of a shell share with it.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub requests: Vec<Control>,
    pub history: Vec<String>,
    pub unknown: Option<String>,
    pub columns: u16,
    edits: Vec<(u64, String)>,
    next_edit: u64,
}

impl Desk {
    pub(super) fn with_history(history: Vec<String>) -> Self {
        Self { history, columns: COLUMNS, ..Self::default() }
    }

    /// Asks for a file to be edited; [`Desk::is_editing`] tells when that is over.
    pub(super) fn edit(&mut self, path: String) -> u64 {
        self.next_edit += 1;
        self.edits.push((self.next_edit, path));
        self.next_edit
    }

    pub(super) fn is_editing(&self, id: u64) -> bool {
        self.edits.iter().any(|(edit, _)| *edit == id)
    }

    pub(super) fn editing(&self) -> Option<String> {
        self.edits.first().map(|(_, path)| path.clone())
    }

    pub(super) fn finish_editing(&mut self) -> Option<String> {
        if self.edits.is_empty() { None } else { Some(self.edits.remove(0).1) }
    }

    pub(super) fn cancel_editing(&mut self) {
        self.edits.clear();
    }
}

pub(super) type Running = Pin<Box<dyn Future<Output = i32>>>;

/// A command of the world that runs.
pub(super) struct Child {
    future: Option<Running>,
    streams: Streams,
    status: Option<i32>,
    eof: bool,
}

/// The learner's machine.
pub(super) struct Outside {
    pub client: Client,
    pub files: Rc<RefCell<Tree>>,
    pub desk: Rc<RefCell<Desk>>,
    pub children: BTreeMap<u64, Child>,
    pub next: u64,
}

impl Outside {
    /// Another world over the same files and network, for a command that a command runs.
    pub(super) fn beside(&self) -> Self {
        Self {
            client: self.client.clone(),
            files: Rc::clone(&self.files),
            desk: Rc::clone(&self.desk),
            children: BTreeMap::new(),
            next: 0,
        }
    }

    fn begin(&mut self, future: Running, streams: Streams) -> ChildId {
        self.next += 1;
        self.children.insert(self.next, Child { future: Some(future), streams, status: None, eof: false });
        ChildId(self.next)
    }

    fn kubectl(&self, call: &Call, streams: &Streams) -> Running {
        let host = FileHost::new(self.beside(), call, streams.clone());
        let env = Env { client: self.client.clone(), host: Rc::new(host), io: streams.clone() };
        let (client, args) = (self.client.clone(), call.argv[1..].to_vec());
        Box::pin(async move {
            client.take_pace().await;
            crate::kubectl::run(env, args).await
        })
    }

    fn editor(&self, call: &Call, streams: &Streams) -> Running {
        let Some(file) = call.argv.iter().skip(1).find(|a| !a.starts_with(['-', '+'])) else {
            streams.error(&format!("usage: {} FILE\n", call.argv[0]));
            return Box::pin(async { 1 });
        };
        let path = resolve_path(&call.cwd, file);
        if self.files.borrow().is_dir(&path) {
            streams.error(&format!("{}: {file} is a directory\n", call.argv[0]));
            return Box::pin(async { 1 });
        }
        let id = self.desk.borrow_mut().edit(path);
        let desk = Rc::clone(&self.desk);
        Box::pin(std::future::poll_fn(move |_| {
            if desk.borrow().is_editing(id) { Poll::Pending } else { Poll::Ready(0) }
        }))
    }
}

impl World for Outside {
    fn now(&self) -> u64 {
        self.client.now().0
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>, FileError> {
        self.files.borrow().read(path)
    }

    fn write(&mut self, path: &str, content: &[u8], append: bool) -> Result<(), FileError> {
        self.files.borrow_mut().write(path, content, append, self.client.now().0)
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, FileError> {
        self.files.borrow().list(path)
    }

    fn stat(&mut self, path: &str) -> Result<FileInfo, FileError> {
        self.files.borrow().stat(path)
    }

    fn make_dir(&mut self, path: &str) -> Result<(), FileError> {
        self.files.borrow_mut().make_dir(path, self.client.now().0)
    }

    fn remove(&mut self, path: &str) -> Result<(), FileError> {
        self.files.borrow_mut().remove(path)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError> {
        self.files.borrow_mut().rename(from, to)
    }

    fn chmod(&mut self, path: &str, mode: u32) -> Result<(), FileError> {
        self.files.borrow_mut().chmod(path, mode)
    }

    fn spawn(&mut self, call: &Call) -> Option<ChildId> {
        let streams = Streams::new(call.terminal, if call.terminal { self.desk.borrow().columns } else { 0 });
        let name = call.argv[0].rsplit('/').next().unwrap_or_default();
        let future: Running = match name {
            "kubectl" | "k" => self.kubectl(call, &streams),
            "vi" | "vim" | "nano" | "edit" | "emacs" => self.editor(call, &streams),
            "watch" => super::watch::run(self.beside(), call, &streams),
            "yq" => super::yq::run(call, Rc::clone(&self.files), &streams, self.now()),
            name => {
                if let Some(command) = commands::find(name) {
                    let mut view = commands::View {
                        client: &self.client,
                        desk: &mut self.desk.borrow_mut(),
                        streams: &streams,
                    };
                    let status = (command.run)(&call.argv[1..], &mut view);
                    Box::pin(async move { status })
                } else {
                    if !name.is_empty() && !call.argv[0].contains('/') {
                        self.desk.borrow_mut().unknown = Some(name.to_owned());
                    }
                    return None;
                }
            }
        };
        Some(self.begin(future, streams))
    }

    fn feed(&mut self, child: ChildId, input: Option<&[u8]>) {
        if let Some(child) = self.children.get_mut(&child.0) {
            child.eof |= input.is_none();
            child.streams.feed(input);
        }
    }

    fn poll(&mut self, id: ChildId) -> ChildOutput {
        let Some(mut child) = self.children.remove(&id.0) else {
            return ChildOutput { status: Some(1), ..ChildOutput::default() };
        };
        if let Some(future) = &mut child.future
            && let Poll::Ready(status) = future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            child.future = None;
            child.status = Some(status);
        }
        // In the order of writing; the status comes with the last of it.
        let (stdout, stderr, more) = child.streams.take_in_order();
        let reads = child.status.is_none() && !child.eof && child.streams.wants_input();
        let status = child.status.filter(|_| !more);
        let wake = more.then_some(0);
        if status.is_none() {
            self.children.insert(id.0, child);
        }
        ChildOutput { stdout, stderr, reads, status, wake }
    }

    fn signal(&mut self, id: ChildId, signal: i32) {
        if let Some(child) = self.children.get_mut(&id.0) {
            // Dropping the future is all that it takes.
            child.future = None;
            child.status = Some(128 + signal);
        }
    }

    fn commands(&self) -> Vec<String> {
        commands::world_names()
    }

    fn hostname(&self) -> String {
        "dojo".to_owned()
    }

    fn user(&self) -> String {
        "learner".to_owned()
    }

    fn net(&mut self) -> Option<&mut dyn Net> {
        Some(self)
    }
}

/// Whether a host is the learner's machine itself.
fn is_here(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn reach<T, U>(outcome: Outcome<T>, map: impl FnOnce(T) -> U) -> Reach<U> {
    match outcome {
        Outcome::Answered(answer) => Reach::Answered(map(answer)),
        Outcome::Refused => Reach::Refused,
        Outcome::TimedOut => Reach::TimedOut,
        Outcome::UnknownHost => Reach::UnknownHost,
    }
}

impl Net for Outside {
    fn http(&mut self, request: &Request) -> Reach<Answer> {
        let call = HttpCall {
            method: request.method.clone(),
            host: request.host.clone(),
            port: request.port,
            path: request.path.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
        };
        let outcome = if is_here(&call.host) {
            match self.client.http_here(&call) {
                Some(outcome) => outcome,
                None => return Reach::Cut,
            }
        } else {
            self.client.http(&Point::Outside, &call)
        };
        reach(outcome, |reply| Answer {
            status: reply.status,
            headers: reply.headers,
            body: reply.body,
            took: reply.took,
        })
    }

    fn connect(&mut self, host: &str, port: u16) -> Reach<()> {
        if is_here(host) {
            return if self.client.listens_here(port) { Reach::Answered(()) } else { Reach::Refused };
        }
        reach(self.client.connect(&Point::Outside, host, port), |()| ())
    }

    fn resolve(&mut self, name: &str, query: Query) -> Dns {
        let query = match query {
            Query::A => QueryType::A,
            Query::Cname => QueryType::Cname,
            Query::Srv => QueryType::Srv,
        };
        match self.client.resolve(&Point::Outside, name, query) {
            DnsAnswer::Records(records) => Dns::Records(
                records
                    .into_iter()
                    .map(|record| match record {
                        Record::A(name, address) => NetRecord::A(name, address),
                        Record::Cname(name, target) => NetRecord::Cname(name, target),
                        Record::Srv(name, port, target) => NetRecord::Srv(name, port, target),
                    })
                    .collect(),
            ),
            DnsAnswer::Empty => Dns::Empty,
            DnsAnswer::NoSuchName => Dns::NoSuchName,
            DnsAnswer::TimedOut => Dns::TimedOut,
        }
    }

    fn nameserver(&self) -> String {
        "192.168.0.1".to_owned()
    }
}

/// Runs a command line in a world of its own, for `kubectl edit`.
pub(super) fn run_line(world: Outside, line: &str, call: &Call, streams: Streams) -> Running {
    Box::pin(drive(world, line.to_owned(), call.clone(), streams))
}
