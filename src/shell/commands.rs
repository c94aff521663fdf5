//! The commands of the learner's world: `kubectl`, the editor, and the program's own `dojo`.

use super::control;
use super::world::{Editor, KubectlHost, Shared};
use crate::kubectl::{self, Env, Streams};
use crate::posix::{Call, resolve_path};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

/// Every command that this world knows beside the text tools.
pub const NAMES: &[&str] = &["kubectl", "k", "vi", "vim", "nano", "edit", "dojo"];

type Running = Pin<Box<dyn Future<Output = i32>>>;

/// Starts a command. `None` when there is none of that name.
pub fn start(shared: &Shared, call: &Call, io: &Streams) -> Option<Running> {
    let (shared, call, io) = (shared.clone(), call.clone(), io.clone());
    match call.argv.first()?.as_str() {
        "kubectl" | "k" => Some(Box::pin(run_kubectl(shared, call, io))),
        "vi" | "vim" | "nano" | "edit" => Some(Box::pin(edit(shared, call, io))),
        "dojo" => Some(Box::pin(control::run(shared, call, io))),
        _ => None,
    }
}

async fn run_kubectl(shared: Shared, call: Call, io: Streams) -> i32 {
    shared.client.take_pace().await;
    let args = call.argv[1..].to_vec();
    let host = Rc::new(KubectlHost::new(shared.clone(), &call));
    kubectl::run(Env { client: shared.client, host, io }, args).await
}

/// Asks the interface to edit a file, and waits until it is closed.
async fn edit(shared: Shared, call: Call, io: Streams) -> i32 {
    let Some(name) = call.argv[1..].iter().rfind(|word| !word.starts_with('-')) else {
        io.error(&format!("{}: which file? Try: {0} FILE\n", call.argv[0]));
        return 1;
    };
    let path = resolve_path(&call.cwd, name);
    if shared.files.borrow().is_dir(&path) {
        io.error(&format!("{}: {name} is a directory\n", call.argv[0]));
        return 1;
    }
    *shared.editor.borrow_mut() = Editor::Asked(path);
    let editor = shared.editor;
    poll_fn(|_| {
        if let Editor::Left(saved) = *editor.borrow() {
            Poll::Ready(i32::from(!saved))
        } else {
            Poll::Pending
        }
    })
    .await;
    *editor.borrow_mut() = Editor::Closed;
    0
}
