//! The describe text of an object, as `kubectl describe` prints it.

use crate::client::Client;
use crate::kubectl::{self, Env, Host, Streams};
use crate::object::ObjectKey;
use futures_util::FutureExt;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

/// A host without files or variables: describing needs neither.
struct Bare;

const NO_FILE: &str = "no such file or directory";

impl Host for Bare {
    fn read_file(&self, _path: &str) -> Result<Vec<u8>, String> {
        Err(NO_FILE.to_owned())
    }
    fn write_file(&self, _path: &str, _content: &[u8]) -> Result<(), String> {
        Err("read-only file system".to_owned())
    }
    fn make_dir(&self, _: &str) -> Result<(), String> {
        Err("read-only file system".to_owned())
    }
    fn remove_file(&self, _path: &str) -> Result<(), String> {
        Err(NO_FILE.to_owned())
    }
    fn list_dir(&self, _path: &str) -> Option<Vec<String>> {
        None
    }
    fn exists(&self, _path: &str) -> bool {
        false
    }
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }
    fn variables(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
    fn run_command(&self, _line: String) -> Pin<Box<dyn Future<Output = i32>>> {
        Box::pin(std::future::ready(127))
    }
}

/// What `kubectl describe KIND NAME` prints now.
pub fn describe(client: &Client, key: &ObjectKey) -> String {
    let io = Streams::new(false, 0);
    let env = Env { client: client.clone(), host: Rc::new(Bare), io: io.clone() };
    let mut args = vec!["describe".to_owned(), key.kind.info().resource(), key.name.name().to_string()];
    if !key.name.namespace().is_empty() {
        args.extend(["-n".to_owned(), key.name.namespace().to_string()]);
    }
    // In process every request is answered at once, so the command ends in one go.
    kubectl::run(env, args).now_or_never();
    let (out, err) = io.take_output();
    format!("{}{}", String::from_utf8_lossy(&out), String::from_utf8_lossy(&err))
}
