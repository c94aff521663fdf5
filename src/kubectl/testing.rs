//! For tests: runs kubectl lines against a new cluster, letting time pass when a command waits.

use super::{Env, Host, Streams, run};
use crate::client::Client;
use crate::cluster::{Cluster, Config};
use futures_util::FutureExt;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

/// Files in memory.
#[derive(Default)]
pub struct Files(RefCell<BTreeMap<String, Vec<u8>>>);

impl Host for Files {
    fn read_file(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0.borrow().get(path).cloned().ok_or_else(|| "no such file or directory".to_owned())
    }
    fn write_file(&self, path: &str, content: &[u8]) -> Result<(), String> {
        self.0.borrow_mut().insert(path.to_owned(), content.to_vec());
        Ok(())
    }
    fn make_dir(&self, _: &str) -> Result<(), String> {
        Ok(())
    }
    fn remove_file(&self, path: &str) -> Result<(), String> {
        self.0.borrow_mut().remove(path).map(|_| ()).ok_or_else(|| "no such file or directory".to_owned())
    }
    fn list_dir(&self, path: &str) -> Option<Vec<String>> {
        let inside = format!("{}/", path.trim_end_matches('/'));
        let files = self.0.borrow();
        let names: Vec<String> =
            files.keys().filter_map(|k| k.strip_prefix(&inside).map(str::to_owned)).collect();
        (!names.is_empty()).then_some(names)
    }
    fn exists(&self, path: &str) -> bool {
        self.0.borrow().contains_key(path) || self.list_dir(path).is_some()
    }
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
    fn variables(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
    fn run_command(&self, _: String) -> Pin<Box<dyn Future<Output = i32>>> {
        Box::pin(async { 127 })
    }
}

/// A cluster with a kubectl.
pub struct Lab {
    /// The cluster.
    pub cluster: Rc<RefCell<Cluster>>,
    /// The files.
    pub files: Rc<Files>,
    client: Client,
}

/// A new cluster.
pub fn lab() -> Lab {
    let cluster = Rc::new(RefCell::new(Cluster::new(Config::default())));
    Lab { client: Client::new(cluster.clone()), files: Rc::default(), cluster }
}

impl Lab {
    /// Lets time pass.
    pub fn pass(&self, seconds: u64) {
        let mut cluster = self.cluster.borrow_mut();
        let until = cluster.now().plus_seconds(seconds);
        cluster.advance(until, usize::MAX);
    }

    /// Writes a file.
    pub fn put(&self, path: &str, content: &[u8]) {
        self.files.0.borrow_mut().insert(path.to_owned(), content.to_vec());
    }

    /// Runs words in a copy of the cluster, as far as they come without waiting; the copy is dropped.
    pub fn try_line(&self, line: Vec<String>, input: &str) -> Option<i32> {
        let io = Streams::new(false, 0);
        io.feed(Some(input.as_bytes()));
        io.feed(None);
        let env = Env { client: self.client.what_if(), host: self.files.clone(), io };
        run(env, line).now_or_never()
    }

    /// Runs a line with nothing on standard input.
    pub fn run(&self, line: &str) -> String {
        self.run_with(line, "")
    }

    /// Runs a line; answers what was printed, and the status when it is not 0.
    pub fn run_with(&self, line: &str, input: &str) -> String {
        let io = Streams::new(false, 0);
        io.feed(Some(input.as_bytes()));
        io.feed(None);
        let env = Env { client: self.client.clone(), host: self.files.clone(), io: io.clone() };
        let mut running = Box::pin(run(env, words(line)));
        let mut status = None;
        for _ in 0..2000 {
            status = (&mut running).now_or_never();
            if status.is_some() {
                break;
            }
            let wanted = self.client.take_waiting();
            let mut cluster = self.cluster.borrow_mut();
            let next = [cluster.next_deadline(), wanted].into_iter().flatten().min();
            let Some(next) = next else { break };
            cluster.advance(next, 1000);
        }
        let (out, err) = io.take_output();
        let mut text = String::from_utf8_lossy(&err).into_owned() + &String::from_utf8_lossy(&out);
        match status {
            Some(0) => {}
            Some(code) => text = format!("{text}[exit {code}]\n"),
            None => text.push_str("[still running]\n"),
        }
        text
    }
}

/// Words by spaces and single quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                any = true;
            }
            ' ' if !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}
