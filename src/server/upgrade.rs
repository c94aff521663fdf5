//! Requests that change the protocol of their connection: `exec`, `attach` and `portforward`, over WebSocket or SPDY.

use super::answer::{self, Answer};
use super::body::Payload;
use super::door::Door;
use super::port_forward::{self, Carrier};
use super::remote_command::{Talk, Wanted};
use super::spdy::{Connection, channels};
use super::{tunnel, websocket};
use crate::apiserver::{ApiError, Request, StreamId};
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Remote commands over WebSocket, the newest protocol first.
const COMMANDS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
/// Remote commands over SPDY.
const SPDY_COMMANDS: [&str; 1] = ["v4.channel.k8s.io"];
/// Port forwarding over WebSocket: SPDY inside, or a pair of channels for each port.
const FORWARDS: [&str; 2] = [TUNNEL, "v4.channel.k8s.io"];
/// Port forwarding over SPDY.
const SPDY_FORWARDS: [&str; 1] = ["portforward.k8s.io"];
const TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";
const STREAM_PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");

/// A client's wish to go over to another protocol.
#[derive(Debug)]
pub struct Wish {
    upgrade: OnUpgrade,
    protocol: &'static str,
    /// What a WebSocket is accepted with; `None` for SPDY.
    accept: Option<String>,
}

/// What of a pod a request opens a stream to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// `exec`, `attach`.
    Command,
    /// `portforward`.
    Ports,
}

/// Whether a request is for a stream that needs another protocol.
pub fn subject(path: &str) -> Option<Subject> {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["", "api", "v1", "namespaces", _, "pods", _, "exec" | "attach"] => Some(Subject::Command),
        ["", "api", "v1", "namespaces", _, "pods", _, "portforward"] => Some(Subject::Ports),
        _ => None,
    }
}

/// Reads the headers of a client that wants another protocol.
///
/// # Errors
/// 400 when it wants none that is known.
pub fn wish(headers: &HeaderMap, upgrade: Option<OnUpgrade>, subject: Subject) -> Result<Wish, ApiError> {
    let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok()).unwrap_or("");
    let to = text(UPGRADE).to_ascii_lowercase();
    let (Some(upgrade), false) = (upgrade, to.is_empty()) else {
        return Err(ApiError::bad_request("Upgrade request required"));
    };
    let (name, known): (_, &[&str]) = match (to.as_str(), subject) {
        ("websocket", Subject::Command) => (SEC_WEBSOCKET_PROTOCOL, &COMMANDS),
        ("websocket", Subject::Ports) => (SEC_WEBSOCKET_PROTOCOL, &FORWARDS),
        ("spdy/3.1", Subject::Command) => (STREAM_PROTOCOL, &SPDY_COMMANDS),
        ("spdy/3.1", Subject::Ports) => (STREAM_PROTOCOL, &SPDY_FORWARDS),
        _ => return Err(ApiError::bad_request(format!("unable to upgrade: {to} is not known here"))),
    };
    let asked: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(str::trim)
        .collect();
    let protocol = known.iter().find(|known| asked.contains(known)).copied().ok_or_else(|| {
        ApiError::bad_request(format!(
            "unable to negotiate protocol: client supports {asked:?}, server accepts {known:?}"
        ))
    })?;
    if to != "websocket" {
        return Ok(Wish { upgrade, protocol, accept: None });
    }
    let key = headers
        .get(SEC_WEBSOCKET_KEY)
        .ok_or_else(|| ApiError::bad_request("Sec-WebSocket-Key is missing"))?;
    Ok(Wish { upgrade, protocol, accept: Some(derive_accept_key(key.as_bytes())) })
}

/// Answers with the change of protocol, and serves the stream over it.
pub fn begin(door: Door, wish: Wish, request: &Request, id: StreamId) -> Answer {
    let mut answer = answer::head(101, "", Payload::Whole(None));
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Some(accept) = wish.accept.as_deref().and_then(|accept| HeaderValue::from_str(accept).ok()) {
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(wish.protocol));
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    } else {
        headers.insert(UPGRADE, HeaderValue::from_static("SPDY/3.1"));
        headers.insert(STREAM_PROTOCOL, HeaderValue::from_static(wish.protocol));
    }
    let request = request.clone();
    tokio::task::spawn_local(async move {
        match wish.upgrade.await {
            Ok(upgraded) if subject(&request.path) == Some(Subject::Ports) => {
                let io = TokioIo::new(upgraded);
                let carrier = match wish.accept {
                    None => Carrier::Spdy(Connection::over(io)),
                    Some(_) if wish.protocol == TUNNEL => {
                        Carrier::Spdy(Connection::over(tunnel::over(io).await))
                    }
                    Some(_) => Carrier::Channels(Box::new(websocket::over(io).await)),
                };
                port_forward::serve(door, &request, id, carrier).await;
            }
            Ok(upgraded) => {
                let (io, wanted) = (TokioIo::new(upgraded), Wanted::of(&request));
                if wish.accept.is_some() {
                    let wire = websocket::over(io).await;
                    Talk { door, id, wanted, wire }.run().await;
                } else if let Some(wire) = channels::over(Connection::over(io), &wanted).await {
                    Talk { door, id, wanted, wire }.run().await;
                } else {
                    door.close(id).await;
                }
            }
            Err(_) => door.close(id).await,
        }
    });
    answer
}
