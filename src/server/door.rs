//! Between connections and the loop that owns the cluster: requests go in, answers come out, news is told.
//!
//! Always holds: only the holder of the [`Desk`] changes the cluster; connections read open streams and watches
//! through their own [`Client`], which changes nothing.

use super::limits;
use super::watch::Written;
use crate::apiserver::{ApiError, Request, Response, StreamId, User};
use crate::client::Client;
use crate::cluster::network::{HttpCall, HttpReply, Outcome};
use crate::object::ObjectName;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tokio::sync::{mpsc, oneshot, watch};

/// What a connection asks of the loop.
#[derive(Debug)]
enum Call {
    /// A request, and where its answer goes.
    Request { request: Box<Request>, user: User, reply: oneshot::Sender<Response> },
    /// An HTTP request to a port of a pod, and where its answer goes.
    Http { pod: ObjectName, call: Box<HttpCall>, reply: oneshot::Sender<Outcome<HttpReply>> },
    /// Input for an open stream; `None` closes it.
    Input(StreamId, Option<Vec<u8>>),
    /// The client of a stream has gone.
    Close(StreamId),
}

/// Something that an attached client did, for those who watch over its shoulder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Who asked.
    pub user: String,
    /// `kubectl/v1.33.2`.
    pub agent: String,
    /// `GET`, `WATCH`, …
    pub verb: String,
    /// The path and the query.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {} {} {}", self.status, self.verb, self.path, self.user, self.agent)
    }
}

/// The connections' side; clones share it.
#[derive(Clone, Debug)]
pub struct Door {
    calls: mpsc::Sender<Call>,
    seen: mpsc::Sender<Seen>,
    news: watch::Receiver<u64>,
    /// To read open streams and watches.
    pub(super) client: Client,
    connections: Rc<Cell<usize>>,
    /// What watches have written.
    pub(super) written: Rc<RefCell<Written>>,
}

/// The loop's side.
#[derive(Debug)]
pub struct Desk {
    calls: mpsc::Receiver<Call>,
    seen: mpsc::Receiver<Seen>,
    news: watch::Sender<u64>,
    waiting: Option<Call>,
    client: Client,
}

/// A door to the cluster behind `client`.
pub fn open(client: &Client) -> (Door, Desk) {
    let (to_desk, calls) = mpsc::channel(limits::IN_FLIGHT);
    let (tell, seen) = mpsc::channel(limits::IN_FLIGHT);
    let (news, heard) = watch::channel(0);
    let door = Door {
        calls: to_desk,
        seen: tell,
        news: heard,
        client: client.clone(),
        connections: Rc::default(),
        written: Rc::default(),
    };
    (door, Desk { calls, seen, news, waiting: None, client: client.clone() })
}

impl Door {
    /// Has a request served by the loop.
    ///
    /// # Errors
    /// 429 when too many wait already; 503 when the loop has ended.
    pub async fn ask(&self, request: Request, user: User) -> Result<Response, ApiError> {
        let (reply, answer) = oneshot::channel();
        let call = Call::Request { request: Box::new(request), user, reply };
        self.calls.try_send(call).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => too_many(),
            mpsc::error::TrySendError::Closed(_) => going(),
        })?;
        answer.await.map_err(|_| going())
    }

    /// Sends an HTTP request to a port of a pod. `None` when the loop has ended.
    pub async fn http(&self, pod: ObjectName, call: HttpCall) -> Option<Outcome<HttpReply>> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(Call::Http { pod, call: Box::new(call), reply }).await.ok()?;
        answer.await.ok()
    }

    /// Sends input to an open stream; `None` closes it.
    pub async fn input(&self, id: StreamId, bytes: Option<Vec<u8>>) {
        self.calls.send(Call::Input(id, bytes)).await.ok(); // an ended loop has ended the stream as well
    }

    /// Says that the client of a stream has gone.
    pub async fn close(&self, id: StreamId) {
        self.calls.send(Call::Close(id)).await.ok(); // as above
    }

    /// Tells those who watch over the clients' shoulders. When nobody listens, what is told last is lost.
    pub fn tell(&self, seen: Seen) {
        self.seen.try_send(seen).ok();
    }

    /// Resolves whenever the cluster may have moved on.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.clone()
    }

    /// Counts a connection for as long as the answer lives; `None` when there are too many.
    pub fn enter(&self) -> Option<Guest> {
        (self.connections.get() < limits::CONNECTIONS).then(|| {
            self.connections.set(self.connections.get() + 1);
            Guest(self.connections.clone())
        })
    }
}

/// One open connection.
#[derive(Debug)]
pub struct Guest(Rc<Cell<usize>>);

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

fn too_many() -> ApiError {
    let message = "Too many requests, please try again later.";
    ApiError { retry_after: Some(1), ..ApiError::new(429, "TooManyRequests", message) }
}

fn going() -> ApiError {
    ApiError::new(503, "ServiceUnavailable", "the server is shutting down")
}

impl Desk {
    /// Waits until a call waits. Safe to drop and to ask again.
    pub async fn arrived(&mut self) {
        if self.waiting.is_none() {
            self.waiting = self.calls.recv().await;
        }
        if self.waiting.is_none() {
            std::future::pending::<()>().await; // no door is left: nobody will ever come
        }
    }

    /// Serves what waits, at most `limit` calls, and tells the news. Answers how many it were.
    pub fn serve(&mut self, limit: usize) -> usize {
        let mut served = 0;
        while served < limit {
            let Some(call) = self.waiting.take().or_else(|| self.calls.try_recv().ok()) else { break };
            self.answer(call);
            served += 1;
        }
        if served > 0 {
            self.publish();
        }
        served
    }

    /// Wakes whoever waits for the cluster to move on.
    pub fn publish(&self) {
        self.news.send_modify(|count| *count += 1);
    }

    /// What clients did since the last call.
    pub fn seen(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }

    fn answer(&mut self, call: Call) {
        match call {
            Call::Request { request, user, reply } if !reply.is_closed() => {
                let response = self.client.for_user(user).request_now(&request);
                if let Err(unheard) = reply.send(response)
                    && let crate::apiserver::Body::Stream(id) = unheard.body
                {
                    self.client.close_stream(id);
                }
            }
            Call::Request { .. } => {} // its client has gone
            Call::Http { pod, call, reply } => {
                reply.send(self.client.http_to_pod(&pod, &call)).ok(); // its client may have gone
            }
            Call::Input(id, bytes) => self.client.write_stream(id, bytes.as_deref()),
            Call::Close(id) => self.client.close_stream(id),
        }
    }
}
