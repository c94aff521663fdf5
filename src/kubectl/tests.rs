//! What kubectl prints without asking a server: recorded command lines, compared byte for byte.

use super::{Env, Host, Streams, run};
use crate::client::Client;
use crate::cluster::{Cluster, Config};
use futures_util::FutureExt;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

/// Files in a map.
#[derive(Default)]
struct Files(RefCell<BTreeMap<String, Vec<u8>>>);

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
        self.0.borrow_mut().remove(path);
        Ok(())
    }
    fn list_dir(&self, path: &str) -> Option<Vec<String>> {
        let inside = format!("{path}/");
        let names =
            self.0.borrow().keys().filter_map(|k| k.strip_prefix(&inside).map(str::to_owned)).collect();
        Some(names).filter(|names: &Vec<String>| !names.is_empty())
    }
    fn exists(&self, path: &str) -> bool {
        self.0.borrow().contains_key(path) || self.list_dir(path).is_some()
    }
    fn variable(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/root".to_owned())
    }
    fn variables(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
    fn run_command(&self, _line: String) -> Pin<Box<dyn Future<Output = i32>>> {
        Box::pin(async { 127 })
    }
}

fn host() -> Files {
    let files = Files::default();
    for (path, content) in [
        ("app.env", &b"colour=blue\nsize=9\n"[..]),
        ("b.env", b"# c\n\nA=1\n  B=two words  \nHOME\n"),
        ("nginx.conf", b"worker_processes 1;\n"),
        ("conf.d/a.txt", b"x"),
        ("conf.d/b.txt", b"y\n"),
        ("data.bin", b"\x00\xff\x01bin"),
        ("tls.crt", b"-----BEGIN CERTIFICATE-----\n"),
        ("tls.key", b"-----BEGIN PRIVATE KEY-----\n"),
    ] {
        files.0.borrow_mut().insert(path.to_owned(), content.to_vec());
    }
    files
}

/// Words with quotes, as a shell takes them.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (None, ' ') => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(q), c) if q == c => quote = None,
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn offline_commands_print_what_kubectl_prints() {
    let cluster = Rc::new(RefCell::new(Cluster::new(Config::default())));
    let recorded = include_str!("testdata/offline.txt");
    let (mut different, mut all) = (String::new(), 0);
    for block in recorded.split("\n$ ") {
        let (line, wanted) = block.trim_start_matches("$ ").split_once('\n').unwrap();
        let env =
            Env { client: Client::new(cluster.clone()), host: Rc::new(host()), io: Streams::new(false, 0) };
        env.io.feed(None);
        let io = env.io.clone();
        let status = run(env, words(line).split_off(1)).now_or_never();
        let (out, err) = io.take_output();
        let mut text = String::from_utf8_lossy(&out).into_owned() + &String::from_utf8_lossy(&err);
        match status {
            Some(0) => {}
            Some(status) => writeln!(text, "[exit {status}]").unwrap(),
            None => text.push_str("[hangs]\n"),
        }
        all += 1;
        if text.trim_end() != wanted.trim_end() {
            writeln!(different, "$ {line}\n--- wanted\n{wanted}\n--- printed\n{text}").unwrap();
        }
    }
    assert!(different.is_empty(), "of {all}:\n{different}");
}
