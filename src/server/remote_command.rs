//! `exec` and `attach` over a connection: what the process says goes out, what the client types goes in.
//!
//! Always holds: the last word on the error channel is a `Status`; when the client goes, the stream ends.

use super::door::Door;
use super::terminal::{Terminal, Typed};
use crate::apiserver::{Request, StreamId};
use serde_json::{Value, json};

/// Standard input.
pub const STDIN: u8 = 0;
/// Standard output.
pub const STDOUT: u8 = 1;
/// Standard error.
pub const STDERR: u8 = 2;
/// Where a `Status` tells how it ended.
pub const ERROR: u8 = 3;
/// Where the client tells the size of its screen.
pub const RESIZE: u8 = 4;

/// What a client sends.
#[derive(Debug)]
pub enum Message {
    /// Bytes on a channel.
    Bytes(u8, Vec<u8>),
    /// It sends nothing more on a channel.
    Closed(u8),
    /// What means nothing here.
    Other,
}

/// How the channels go over a connection. `None` from any of these: the client has gone.
pub(super) trait Wire {
    /// Tells the client that the stream is open; it listens on `first`.
    async fn open(&mut self, first: u8) -> Option<()>;
    /// Sends bytes on a channel.
    async fn send(&mut self, channel: u8, bytes: &[u8]) -> Option<()>;
    /// The next message. Safe to drop and to ask again.
    async fn receive(&mut self) -> Option<Message>;
    /// Ends the connection after the last word.
    async fn close(&mut self) -> Option<()>;
}

/// What of a stream its client wants.
#[derive(Debug)]
pub struct Wanted {
    /// It sends standard input.
    pub stdin: bool,
    /// It reads standard output.
    pub stdout: bool,
    /// It reads standard error.
    pub stderr: bool,
    attach: bool,
    terminal: Option<Terminal>,
}

impl Wanted {
    /// What a request asks for.
    pub fn of(request: &Request) -> Self {
        let flag = |key| matches!(request.query_value(key), Some("true" | "1"));
        let command = request.query_value("command").unwrap_or("").to_owned();
        Self {
            stdin: flag("stdin"),
            stdout: flag("stdout"),
            stderr: flag("stderr"),
            attach: request.path.ends_with("/attach"),
            terminal: flag("tty").then(|| Terminal::new(&command)),
        }
    }

    /// Whether it is on a terminal.
    pub fn has_terminal(&self) -> bool {
        self.terminal.is_some()
    }
}

/// A stream and its client.
pub(super) struct Talk<W> {
    /// The way to the cluster.
    pub door: Door,
    /// The stream.
    pub id: StreamId,
    /// What the client wants of it.
    pub wanted: Wanted,
    /// The client.
    pub wire: W,
}

impl<W: Wire> Talk<W> {
    /// Goes on until the stream or the client ends.
    pub async fn run(mut self) {
        self.talk().await;
        // A stream that has ended is not there any more; any other ends with its client.
        self.door.close(self.id).await;
    }

    /// `None` from any step: the client has gone.
    async fn talk(&mut self) -> Option<()> {
        let mut news = self.door.news();
        let first = if self.wanted.stdout {
            STDOUT
        } else if self.wanted.stderr {
            STDERR
        } else {
            ERROR
        };
        self.wire.open(first).await?;
        loop {
            news.borrow_and_update();
            let read = self.door.client.read_stream(self.id);
            // Remarks first: who reads an archive hangs up at its end.
            self.output(STDERR, read.stderr).await?;
            self.output(STDOUT, read.stdout).await?;
            if let Some(code) = read.exit {
                let code = if self.wanted.attach { 0 } else { code };
                return self.end(code).await;
            }
            tokio::select! {
                heard = news.changed() => heard.ok()?,
                message = self.wire.receive() => self.input(message?).await?,
            }
        }
    }

    async fn output(&mut self, channel: u8, bytes: Vec<u8>) -> Option<()> {
        // On a terminal there is one screen.
        let channel = if self.wanted.terminal.is_some() { STDOUT } else { channel };
        let wanted = if channel == STDOUT { self.wanted.stdout } else { self.wanted.stderr };
        if bytes.is_empty() || !wanted {
            return Some(());
        }
        let bytes = if self.wanted.terminal.is_some() { Terminal::shown(&bytes) } else { bytes };
        for piece in bytes.chunks(32 << 10) {
            self.wire.send(channel, piece).await?;
        }
        Some(())
    }

    async fn input(&mut self, message: Message) -> Option<()> {
        match message {
            Message::Bytes(STDIN, bytes) if self.wanted.stdin => {
                let Some(terminal) = &mut self.wanted.terminal else {
                    self.door.input(self.id, Some(bytes)).await;
                    return Some(());
                };
                let Typed { echo, input, closed, interrupted } = terminal.typed(&bytes);
                if !echo.is_empty() {
                    self.wire.send(STDOUT, &echo).await?;
                }
                if !input.is_empty() {
                    self.door.input(self.id, Some(input)).await;
                }
                if closed {
                    self.door.input(self.id, None).await;
                }
                if interrupted {
                    self.end(130).await?;
                    return None;
                }
            }
            Message::Closed(STDIN) => self.door.input(self.id, None).await,
            _ => {} // another size of the screen: nothing in a container asks for it
        }
        Some(())
    }

    /// Says how it ended, and closes.
    async fn end(&mut self, code: i32) -> Option<()> {
        self.wire.send(ERROR, status(code).to_string().as_bytes()).await?;
        self.wire.close().await
    }
}

/// The `Status` of a command that ended with this exit status.
fn status(code: i32) -> Value {
    if code == 0 {
        return json!({"metadata": {}, "status": "Success"});
    }
    json!({
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": format!("command terminated with non-zero exit code: exit status {code}"),
        "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
    })
}
