//! `portforward`: connections of a client's own machine to ports of a pod.
//!
//! Always holds: a pod's servers speak HTTP, as far as the simulation goes; so each connection is served by a real HTTP
//! server whose answers are the pod's. When the pod goes, so does the client's connection.

use super::body::Payload;
use super::door::Door;
use super::limits;
use super::spdy::{Connection, Frame, header};
use super::websocket;
use crate::apiserver::{Request, StreamId};
use crate::cluster::network::{HttpCall, HttpReply, Outcome};
use crate::object::ObjectName;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Bytes that may be under way on one connection, in either direction.
const ROOM: usize = 64 << 10;

/// What goes between the client and its connections.
pub enum Carrier {
    /// A pair of streams for each connection.
    Spdy(Connection),
    /// A pair of channels for each port, which is one connection: `v4.channel.k8s.io`.
    Channels(Box<WebSocketStream<TokioIo<Upgraded>>>),
}

/// What a connection has for the client.
enum Piece {
    Data(Vec<u8>),
    Error(String),
    End,
}

/// A connection's own side: its number, and where its pieces go.
#[derive(Clone)]
struct Outlet {
    number: usize,
    pieces: mpsc::Sender<(usize, Piece)>,
}

impl Outlet {
    /// `None` when the client has gone.
    async fn send(&self, piece: Piece) -> Option<()> {
        self.pieces.send((self.number, piece)).await.ok()
    }
}

/// The pod whose ports these are.
#[derive(Clone)]
struct Pod {
    door: Door,
    name: ObjectName,
}

/// Serves a client until it goes, or its pod does.
pub async fn serve(door: Door, request: &Request, id: StreamId, carrier: Carrier) {
    let parts: Vec<&str> = request.path.split('/').collect();
    if let ["", _, _, _, namespace, _, name, ..] = parts.as_slice() {
        let pod = Pod { door: door.clone(), name: ObjectName::new(*namespace, *name) };
        let ports: Vec<u16> = request
            .query
            .iter()
            .filter(|(key, _)| key == "ports")
            .flat_map(|(_, value)| value.split(','))
            .filter_map(|port| port.parse().ok())
            .collect();
        tokio::select! {
            () = pod_gone(&door, id) => {}
            _ = carry(pod, ports, carrier) => {}
        }
    }
    door.close(id).await;
}

async fn pod_gone(door: &Door, id: StreamId) {
    let mut news = door.news();
    while door.client.read_stream(id).exit.is_none() && news.changed().await.is_ok() {}
}

async fn carry(pod: Pod, ports: Vec<u16>, carrier: Carrier) -> Option<()> {
    match carrier {
        Carrier::Spdy(connection) => over_spdy(pod, connection).await,
        Carrier::Channels(socket) => over_channels(pod, ports, *socket).await,
    }
}

/// The streams of one connection, as far as they are open.
#[derive(Default)]
struct Pair {
    data: Option<u32>,
    error: Option<u32>,
    input: Option<mpsc::Sender<Vec<u8>>>,
}

async fn over_spdy(pod: Pod, mut connection: Connection) -> Option<()> {
    let (pieces, mut waiting) = mpsc::channel(limits::PIECES);
    let mut pairs: BTreeMap<usize, Pair> = BTreeMap::new();
    loop {
        tokio::select! {
            Some((number, piece)) = waiting.recv() => {
                let Some(pair) = pairs.get(&number) else { continue };
                let (data, error) = (pair.data?, pair.error?);
                match piece {
                    Piece::Data(bytes) => connection.data(data, &bytes, false).await?,
                    Piece::Error(text) => connection.data(error, text.as_bytes(), false).await?,
                    Piece::End => {
                        connection.data(error, &[], true).await?;
                        connection.data(data, &[], true).await?;
                        pairs.remove(&number);
                    }
                }
            }
            frame = connection.next() => match frame? {
                Frame::Open { id, headers, .. } => {
                    if pairs.len() >= limits::STREAMS as usize {
                        return None;
                    }
                    connection.accept(id)?;
                    let number = header(&headers, "requestid").parse().ok()?;
                    let port = header(&headers, "port").parse().ok()?;
                    let pair = pairs.entry(number).or_default();
                    match header(&headers, "streamtype") {
                        "error" => pair.error = Some(id),
                        "data" => pair.data = Some(id),
                        _ => return None,
                    }
                    if pair.data.is_some() && pair.error.is_some() && pair.input.is_none() {
                        let outlet = Outlet { number, pieces: pieces.clone() };
                        pair.input = Some(connect(pod.clone(), port, outlet));
                    }
                }
                Frame::Data { id, bytes, last } => {
                    let Some(pair) = pairs.values_mut().find(|pair| pair.data == Some(id)) else { continue };
                    if let Some(input) = &pair.input && !bytes.is_empty() {
                        input.send(bytes).await.ok(); // a server that has ended hears nothing more
                    }
                    if last {
                        // Nothing more comes; what it is answered with still goes out.
                        pair.input = Some(mpsc::channel(1).0);
                    }
                }
                Frame::Reset(id) => pairs.retain(|_, pair| pair.data != Some(id) && pair.error != Some(id)),
                Frame::Ping(_) | Frame::GoAway => {}
            }
        }
    }
}

async fn over_channels(
    pod: Pod,
    ports: Vec<u16>,
    mut socket: WebSocketStream<TokioIo<Upgraded>>,
) -> Option<()> {
    let (pieces, mut waiting) = mpsc::channel(limits::PIECES);
    let mut inputs = Vec::new();
    for (number, port) in ports.into_iter().enumerate().take(usize::from(u8::MAX / 2)) {
        // Each channel begins with its port.
        for channel in [data_channel(number), data_channel(number) + 1] {
            let [low, high] = port.to_le_bytes();
            socket.send(Message::Binary(vec![channel, low, high].into())).await.ok()?;
        }
        inputs.push(connect(pod.clone(), port, Outlet { number, pieces: pieces.clone() }));
    }
    let mut left = inputs.len();
    while left > 0 {
        tokio::select! {
            Some((number, piece)) = waiting.recv() => {
                let (channel, bytes) = match piece {
                    Piece::Data(bytes) => (data_channel(number), bytes),
                    Piece::Error(text) => (data_channel(number) + 1, text.into_bytes()),
                    Piece::End => {
                        left -= 1;
                        continue;
                    }
                };
                let message = [&[channel], bytes.as_slice()].concat();
                socket.send(Message::Binary(message.into())).await.ok()?;
            }
            message = socket.next() => match message?.ok()? {
                Message::Binary(bytes) => {
                    if let [channel, bytes @ ..] = &bytes[..]
                        && channel % 2 == 0
                        && let Some(input) = inputs.get(usize::from(*channel) / 2)
                    {
                        input.send(bytes.to_vec()).await.ok(); // as above
                    }
                }
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }
    websocket::close(&mut socket).await
}

fn data_channel(number: usize) -> u8 {
    (number * 2) as u8
}

/// Connects to a port of the pod, and answers where the client's bytes go in.
fn connect(pod: Pod, port: u16, outlet: Outlet) -> mpsc::Sender<Vec<u8>> {
    let (input, arriving) = mpsc::channel(limits::PIECES);
    tokio::task::spawn_local(async move {
        if pod.door.client.listens(&pod.name, port) {
            converse(pod, port, arriving, &outlet).await;
        } else {
            let text = crate::client::connection_refused(&pod.name, port);
            outlet.send(Piece::Error(text)).await;
        }
        outlet.send(Piece::End).await;
    });
    input
}

/// One connection, from its first byte to its last.
async fn converse(pod: Pod, port: u16, mut arriving: mpsc::Receiver<Vec<u8>>, outlet: &Outlet) {
    let (ours, theirs) = tokio::io::duplex(ROOM);
    let (mut read, mut write) = tokio::io::split(ours);
    let inwards = async move {
        while let Some(bytes) = arriving.recv().await {
            if write.write_all(&bytes).await.is_err() {
                return;
            }
        }
        write.shutdown().await.ok(); // the server may have ended before
    };
    let outwards = async {
        let mut piece = vec![0; ROOM / 2];
        while let Ok(length @ 1..) = read.read(&mut piece).await {
            if outlet.send(Piece::Data(piece[..length].to_vec())).await.is_none() {
                return;
            }
        }
    };
    let service = service_fn(move |request| answer(pod.clone(), port, request));
    let mut http = http1::Builder::new();
    let serving =
        http.title_case_headers(true).half_close(true).serve_connection(TokioIo::new(theirs), service);
    let inwards = tokio::task::spawn_local(inwards);
    let (_, ()) = tokio::join!(serving, outwards);
    inwards.abort();
}

/// Has the pod answer a request. An error ends the connection.
async fn answer(
    pod: Pod,
    port: u16,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Payload>, &'static str> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, limits::BODY_BYTES).collect().await.map_err(|_| "too large")?.to_bytes();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let host = parts.headers.get(HOST).map(text).unwrap_or_default();
    let call = HttpCall {
        method: parts.method.to_string(),
        host: host.rsplit_once(':').map_or(host.as_str(), |(host, _)| host).to_owned(),
        port,
        path: parts.uri.path_and_query().map_or("/".to_owned(), ToString::to_string),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.to_vec(),
    };
    match pod.door.http(pod.name.clone(), call).await {
        Some(Outcome::Answered(reply)) => Ok(whole(reply)),
        _ => Err("nobody answers"),
    }
}

fn whole(reply: HttpReply) -> hyper::Response<Payload> {
    let mut answer = hyper::Response::new(Payload::whole(reply.body));
    *answer.status_mut() = hyper::StatusCode::from_u16(reply.status).unwrap_or_default();
    for (name, value) in reply.headers {
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) else {
            continue;
        };
        // How long the body is, and how it goes over this connection, is known here.
        if ![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) {
            answer.headers_mut().append(name, value);
        }
    }
    answer
}
