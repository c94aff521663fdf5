//! What flows in over a connection while a command does other things: watches, logs, and sessions with processes.
//!
//! Always holds: a task pumps each connection into a buffer here and rings the bell; whoever waits looks again. A
//! buffer that is not read holds the connection back.

use crate::cluster::kubelet::StreamRead;
use futures_util::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Bytes that may wait to be read before a connection is held back.
const ROOM: usize = 4 << 20;

/// Wakes whoever waits for news.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
}

impl Bell {
    /// Something has happened.
    pub(super) fn ring(&self) {
        self.rung.set(self.rung.get() + 1);
        self.waiting.borrow_mut().drain(..).for_each(Waker::wake);
    }

    /// How often it was rung.
    pub(super) fn count(&self) -> u64 {
        self.rung.get()
    }

    /// Waits until it has been rung after `count`.
    pub(super) async fn after(&self, count: u64) {
        poll_fn(|context| {
            if self.count() != count {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// What one connection has brought, and what is to be sent on it.
#[derive(Debug, Default)]
pub(super) struct Flow {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    exit: Option<i32>,
    failure: Option<String>,
    send: VecDeque<Message>,
    closed: bool,
}

/// A connection's buffers, shared by its pump and its reader.
pub(super) type Shared = Rc<RefCell<Flow>>;

impl Flow {
    /// Takes what is there.
    pub(super) fn read(&mut self) -> StreamRead {
        StreamRead {
            stdout: std::mem::take(&mut self.stdout),
            stderr: std::mem::take(&mut self.stderr),
            exit: self.exit,
        }
    }

    /// Takes the whole lines that are there, and whether more may come.
    pub(super) fn lines(&mut self) -> (Vec<Value>, bool) {
        let whole = if self.exit.is_some() {
            self.stdout.len()
        } else {
            self.stdout.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1)
        };
        let bytes: Vec<u8> = self.stdout.drain(..whole).collect();
        let lines = bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        (lines.collect(), self.exit.is_none())
    }

    /// Why the session failed, when that was not its process.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.clone()
    }

    /// Sends input; `None` closes it.
    pub(super) fn write(&mut self, bytes: Option<&[u8]>) {
        let message = match bytes {
            Some(bytes) => [&[0], bytes].concat(),
            None => vec![255, 0],
        };
        self.send.push_back(Message::binary(message));
    }

    /// Tells the size of the terminal.
    pub(super) fn resize(&mut self, columns: u16, rows: u16) {
        let size = format!("\u{4}{{\"Width\":{columns},\"Height\":{rows}}}");
        self.send.push_back(Message::binary(size.into_bytes()));
    }

    /// Ends it from this side.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    fn is_full(&self) -> bool {
        self.stdout.len() + self.stderr.len() > ROOM
    }

    /// A frame of a session: its first byte says which stream it belongs to.
    fn take_frame(&mut self, frame: &[u8]) {
        match frame.split_first() {
            Some((1, bytes)) => self.stdout.extend_from_slice(bytes),
            Some((2, bytes)) => self.stderr.extend_from_slice(bytes),
            Some((3, bytes)) => self.take_status(&serde_json::from_slice(bytes).unwrap_or_default()),
            _ => {}
        }
    }

    fn take_status(&mut self, status: &Value) {
        if status["status"] == "Success" {
            self.exit = Some(0);
            return;
        }
        let causes = status["details"]["causes"].as_array().map_or(&[][..], Vec::as_slice);
        let code = causes.iter().find(|c| c["reason"] == "ExitCode").and_then(|c| c["message"].as_str());
        match code.and_then(|code| code.parse().ok()) {
            Some(code) if status["reason"] == "NonZeroExitCode" => self.exit = Some(code),
            _ => {
                self.failure = Some(status["message"].as_str().unwrap_or("").to_owned());
                self.exit = Some(1);
            }
        }
    }
}

/// Pumps a response's body until it ends or is no longer wanted.
pub(super) async fn pump_body(mut body: Body, flow: Shared, bell: Rc<Bell>) {
    loop {
        let count = bell.count();
        let (full, closed) = (flow.borrow().is_full(), flow.borrow().closed);
        if closed {
            return;
        }
        if full {
            bell.after(count).await;
            continue;
        }
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = bell.after(count) => continue,
        };
        let Some(Ok(frame)) = frame else { break };
        if let Ok(bytes) = frame.into_data() {
            flow.borrow_mut().stdout.extend_from_slice(&bytes);
        }
        bell.ring();
    }
    flow.borrow_mut().exit = Some(0);
    bell.ring();
}

/// Pumps a session both ways until it ends.
pub(super) async fn pump_socket<S>(mut socket: WebSocketStream<S>, flow: Shared, bell: Rc<Bell>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        let count = bell.count();
        let next = flow.borrow_mut().send.pop_front();
        if let Some(message) = next {
            if socket.send(message).await.is_err() {
                break;
            }
            continue;
        }
        let (full, closed) = (flow.borrow().is_full(), flow.borrow().closed);
        if closed {
            let _ = socket.close(None).await;
            return;
        }
        if full {
            bell.after(count).await;
            continue;
        }
        let message = tokio::select! {
            message = socket.next() => message,
            () = bell.after(count) => continue,
        };
        match message {
            Some(Ok(Message::Binary(frame))) => flow.borrow_mut().take_frame(&frame),
            Some(Ok(Message::Text(frame))) => flow.borrow_mut().take_frame(frame.as_bytes()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            Some(Ok(_)) => {}
        }
        bell.ring();
        if flow.borrow().exit.is_some() {
            let _ = socket.close(None).await;
            return;
        }
    }
    flow.borrow_mut().exit.get_or_insert(0);
    bell.ring();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_statuses() {
        let mut flow = Flow::default();
        flow.take_frame(b"\x01out");
        flow.take_frame(b"\x02err");
        flow.take_frame(b"");
        let read = flow.read();
        assert_eq!(
            (read.stdout.as_slice(), read.stderr.as_slice(), read.exit),
            (&b"out"[..], &b"err"[..], None)
        );
        flow.take_frame(b"\x03{\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":\"3\"}]}}");
        assert_eq!((flow.read().exit, flow.failure()), (Some(3), None));
        let mut flow = Flow::default();
        flow.take_frame(b"\x03{\"status\":\"Failure\",\"message\":\"no such container\"}");
        assert_eq!((flow.read().exit, flow.failure().as_deref()), (Some(1), Some("no such container")));
    }

    #[test]
    fn only_whole_lines_of_a_watch() {
        let mut flow = Flow { stdout: b"{\"a\":1}\n{\"b\":".to_vec(), ..Flow::default() };
        assert_eq!(flow.lines(), (vec![serde_json::json!({"a": 1})], true));
        flow.stdout.extend_from_slice(b"2}");
        flow.exit = Some(0);
        assert_eq!(flow.lines(), (vec![serde_json::json!({"b": 2})], false));
    }
}
