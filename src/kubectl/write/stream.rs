//! A session with a process in a container: its streams joined to the command's own.

use crate::apiserver::{Body, Request, StreamId};
use crate::kubectl::call::Call;
use crate::kubectl::errors::{Failure, Outcome};
use crate::object::SimTime;
use serde_json::Value;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Whether standard input is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// It is.
    Passed,
    /// The process gets none.
    None,
}

/// Opens a stream.
///
/// # Errors
/// The server's answer.
pub async fn open(call: &Call, request: Request) -> Outcome<StreamId> {
    let response = call.send(request).await;
    match response.body {
        Body::Stream(id) => Ok(id),
        // What goes wrong behind the upgrade of the connection comes without an introduction.
        Body::Json(status) if status["reason"] == "InternalError" => {
            Err(Failure::Message(status["message"].as_str().unwrap_or("").to_owned()))
        }
        Body::Json(status) => Err(Failure::Status(status)),
        Body::Text(text) => Err(Failure::Message(text)),
        Body::Bytes { .. } | Body::Events(_) => Err(Failure::new("unexpected answer")),
    }
}

/// Passes bytes both ways until the process has ended, and answers its status.
pub async fn join(call: &Call, id: StreamId, input: Input) -> i32 {
    let (client, io) = (&call.env.client, &call.env.io);
    let open = Open { call, id };
    let mut input = input == Input::Passed;
    if !input {
        client.write_stream(id, None);
    }
    loop {
        if input {
            match io.try_read() {
                None => {
                    client.write_stream(id, None);
                    input = false;
                }
                Some(bytes) if !bytes.is_empty() => client.write_stream(id, Some(&bytes)),
                Some(_) => {}
            }
        }
        let read = client.read_stream(id);
        io.write(&read.stdout);
        io.write_error(&read.stderr);
        if let Some(status) = read.exit {
            drop(open);
            return status;
        }
        turn(call, None).await;
    }
}

/// Closes the stream when the command is dropped, as by Ctrl-C.
pub struct Open<'a> {
    /// The command.
    pub call: &'a Call,
    /// The stream.
    pub id: StreamId,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.call.env.client.close_stream(self.id);
    }
}

/// Waits until the command is looked at again: for news, for input, or at the deadline.
pub async fn turn(call: &Call, deadline: Option<SimTime>) {
    let mut news = pin!(call.env.client.news(deadline));
    let mut looked = false;
    poll_fn(|context| {
        let ready = news.as_mut().poll(context).is_ready();
        if ready || std::mem::replace(&mut looked, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Whether a terminal can be used, with what is said when it cannot.
pub fn terminal(call: &Call, wanted: bool) -> bool {
    let there = call.env.io.is_terminal();
    if wanted && !there {
        call.note("Unable to use a TTY - input is not a terminal or the right kind of file");
    }
    wanted && there
}

/// The container that a session is with: the one asked for, the one that the pod's annotation names, or the first.
///
/// # Errors
/// When the pod has no such container.
pub fn container(call: &Call, pod: &Value) -> Outcome<String> {
    let asked = call.flags.text("container");
    let names = |key: &str| -> Vec<String> {
        let list = pod["spec"][key].as_array().into_iter().flatten();
        list.filter_map(|c| c["name"].as_str().map(str::to_owned)).collect()
    };
    let (main, init, debug) = (names("containers"), names("initContainers"), names("ephemeralContainers"));
    if !asked.is_empty() {
        let known = [&main, &init, &debug].iter().any(|list| list.iter().any(|name| name == asked));
        if known {
            return Ok(asked.to_owned());
        }
        let name = pod["metadata"]["name"].as_str().unwrap_or("");
        return Err(format!("container {asked} not found in pod {name}").into());
    }
    let annotation = pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"].as_str();
    if let Some(name) = annotation.filter(|name| main.iter().any(|c| c == name)) {
        return Ok(name.to_owned());
    }
    let Some(first) = main.first() else { return Err("no containers in the pod".into()) };
    if main.len() + init.len() + debug.len() > 1 && !call.flags.bool("quiet") {
        let all = main.iter().cloned();
        let all = all.chain(init.iter().map(|c| format!("{c} (init)")));
        let all: Vec<String> = all.chain(debug.iter().map(|c| format!("{c} (ephem)"))).collect();
        call.note(format!("Defaulted container {first:?} out of: {}", all.join(", ")));
    }
    Ok(first.clone())
}
