//! `exec` and `attach` over WebSocket: `v5.channel.k8s.io` and `v4.channel.k8s.io`.
//!
//! Always holds: a message begins with the byte of its channel; the last one on the error channel is a `Status`; when
//! the client goes, the stream ends.
//! Does not: speak SPDY, which kubectl before 1.31 asks for unless it is told otherwise.

use super::answer::{self, Answer};
use super::body::Payload;
use super::door::Door;
use super::limits;
use super::terminal::{Terminal, Typed};
use crate::apiserver::{ApiError, Request, StreamId};
use futures_util::{SinkExt, StreamExt};
use hyper::header::{
    CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    UPGRADE,
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

/// The protocols, the newest first.
const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
/// Its second byte names a channel that its sender closes (from v5 on).
const CLOSE: u8 = 255;

/// A client's wish to go over to WebSocket.
#[derive(Debug)]
pub struct Wish {
    upgrade: OnUpgrade,
    accept: String,
    protocol: &'static str,
}

/// Whether a request is for a stream that needs another protocol.
pub fn is_remote_command(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(parts.as_slice(), ["", "api", "v1", "namespaces", _, "pods", _, "exec" | "attach"])
}

/// Reads the headers of a client that wants WebSocket.
///
/// # Errors
/// 400 when it wants something else, or no protocol that is known.
pub fn wish(headers: &HeaderMap, upgrade: Option<OnUpgrade>) -> Result<Wish, ApiError> {
    let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok()).unwrap_or("");
    let to = text(UPGRADE).to_ascii_lowercase();
    let (Some(upgrade), false) = (upgrade, to.is_empty()) else {
        return Err(ApiError::bad_request("Upgrade request required"));
    };
    if to != "websocket" {
        return Err(ApiError::bad_request(format!(
            "this server speaks WebSocket and not {to}: use kubectl 1.31 or later, or set KUBECTL_REMOTE_COMMAND_WEBSOCKETS=true for 1.29 and 1.30"
        )));
    }
    let asked: Vec<&str> = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(str::trim)
        .collect();
    let protocol = asked.iter().find_map(|a| PROTOCOLS.into_iter().find(|p| p == a));
    let protocol = protocol.ok_or_else(|| {
        ApiError::bad_request(format!(
            "unable to negotiate protocol: client supports {asked:?}, server accepts {PROTOCOLS:?}"
        ))
    })?;
    let key = headers
        .get(SEC_WEBSOCKET_KEY)
        .ok_or_else(|| ApiError::bad_request("Sec-WebSocket-Key is missing"))?;
    Ok(Wish { upgrade, accept: derive_accept_key(key.as_bytes()), protocol })
}

/// What of a stream its client wants.
#[derive(Debug)]
struct Wanted {
    stdin: bool,
    stdout: bool,
    stderr: bool,
    attach: bool,
    terminal: Option<Terminal>,
}

/// Answers with the change of protocol, and serves the stream over it.
pub fn begin(door: Door, wish: Wish, request: &Request, id: StreamId) -> Answer {
    let flag = |key| matches!(request.query_value(key), Some("true" | "1"));
    let command = request.query_value("command").unwrap_or("").to_owned();
    let wanted = Wanted {
        stdin: flag("stdin"),
        stdout: flag("stdout"),
        stderr: flag("stderr"),
        attach: request.path.ends_with("/attach"),
        terminal: flag("tty").then(|| Terminal::new(&command)),
    };
    let mut answer = answer::head(101, "", Payload::Whole(None));
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(wish.protocol));
    if let Ok(accept) = HeaderValue::from_str(&wish.accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    tokio::task::spawn_local(async move {
        if let Ok(upgraded) = wish.upgrade.await {
            let mut config = WebSocketConfig::default();
            config.max_message_size = Some(limits::MESSAGE_BYTES);
            config.max_frame_size = Some(limits::MESSAGE_BYTES);
            let io = TokioIo::new(upgraded);
            let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
            Talk { door: door.clone(), id, wanted, socket }.run().await;
        }
        // A stream that has ended is not there any more; any other ends with its client.
        door.close(id).await;
    });
    answer
}

/// A stream and its client.
struct Talk<S> {
    door: Door,
    id: StreamId,
    wanted: Wanted,
    socket: WebSocketStream<S>,
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Talk<S> {
    /// Goes on until the stream or the client ends. `None` from any step: the client has gone.
    async fn run(&mut self) -> Option<()> {
        let mut news = self.door.news();
        let first = if self.wanted.stdout {
            STDOUT
        } else if self.wanted.stderr {
            STDERR
        } else {
            ERROR
        };
        self.send(first, &[]).await?; // it tells the client that the stream is open
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
                message = self.socket.next() => match message?.ok()? {
                    Message::Binary(bytes) => self.input(&bytes).await?,
                    Message::Close(_) => return None,
                    _ => {}
                },
            }
        }
    }

    async fn send(&mut self, channel: u8, bytes: &[u8]) -> Option<()> {
        let message = [&[channel], bytes].concat();
        self.socket.send(Message::Binary(message.into())).await.ok()
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
            self.send(channel, piece).await?;
        }
        Some(())
    }

    async fn input(&mut self, message: &[u8]) -> Option<()> {
        match message {
            [STDIN, bytes @ ..] if self.wanted.stdin => {
                let Some(terminal) = &mut self.wanted.terminal else {
                    self.door.input(self.id, Some(bytes.to_vec())).await;
                    return Some(());
                };
                let Typed { echo, input, closed, interrupted } = terminal.typed(bytes);
                if !echo.is_empty() {
                    self.send(STDOUT, &echo).await?;
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
            [CLOSE, STDIN] => self.door.input(self.id, None).await,
            _ => {} // another size of the screen: nothing in a container asks for it
        }
        Some(())
    }

    /// Says how it ended, and closes.
    async fn end(&mut self, code: i32) -> Option<()> {
        self.send(ERROR, status(code).to_string().as_bytes()).await?;
        let normal = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        self.socket.close(Some(normal)).await.ok()?;
        // The client answers the closing; whoever does not is not waited for.
        let answered = async { while let Some(Ok(_)) = self.socket.next().await {} };
        tokio::time::timeout(limits::GREETING, answered).await.ok()
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
