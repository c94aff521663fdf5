//! The one door to a cluster: `Request → Response`, streams, and waiting for news.
//!
//! Always holds: whoever holds a [`Client`] sees a cluster only as its API and its network show it. In process the
//! simulated cluster lives behind it; for kubectl another cluster may, over HTTPS. What only a simulation has (its
//! network, its machines, a copy of it) is asked for in process alone.

mod forward;
mod remote;
mod session;
mod url;

use crate::apiserver::{
    ApiError, Cause, Change, Credentials, Method, Request, Response, StreamId, User, WatchEvent,
};
use crate::cluster::kubelet::StreamRead;
use crate::cluster::network::{DnsAnswer, HttpCall, HttpReply, Outcome, Point, QueryType};
use crate::cluster::{Authority, Cluster, kubelet, network};
use crate::object::{Kind, ObjectName, SimTime};
pub use forward::{Forward, Forwarded, connection_refused};
use remote::Remote;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

/// Why something cannot be asked of a server.
const SIMULATED: &str = "only a simulated cluster has this";

/// A handle on a cluster; clones share it.
#[derive(Clone, Debug)]
pub struct Client {
    door: Door,
    command: Rc<Cell<u64>>,
    waiting: Rc<Cell<Option<SimTime>>>,
    pace: Rc<Cell<u64>>,
    ports: Rc<forward::Ports>,
}

/// A point of a cluster's history, to be known again.
#[derive(Clone, Debug)]
pub struct Mark {
    /// The revision.
    pub revision: u64,
    /// The change that led to it, if it is still logged.
    last: Option<Arc<Change>>,
}

/// What is behind a client.
#[derive(Clone, Debug)]
enum Door {
    /// A simulated cluster, and who asks.
    Here(Rc<RefCell<Cluster>>, User),
    /// A server at the other end of a connection.
    There(Rc<Remote>),
}

impl Client {
    /// A client of this cluster as the administrator.
    pub fn new(cluster: Rc<RefCell<Cluster>>) -> Self {
        Self::behind(Door::Here(cluster, User::admin()))
    }

    /// A client of the server that a kubeconfig will name: see [`Client::connect_as`]. It must be used inside a
    /// `tokio::task::LocalSet`.
    pub fn remote() -> Self {
        Self::behind(Door::There(Rc::default()))
    }

    fn behind(door: Door) -> Self {
        Self {
            door,
            command: Rc::default(),
            waiting: Rc::default(),
            pace: Rc::default(),
            ports: Rc::default(),
        }
    }

    /// A client of the same cluster as another user.
    #[must_use]
    pub fn for_user(&self, user: User) -> Self {
        let door = match &self.door {
            Door::Here(cluster, _) => Door::Here(cluster.clone(), user),
            Door::There(remote) => Door::There(remote.clone()),
        };
        Self { door, ..self.clone() }
    }

    /// Names the learner's command that the following requests belong to.
    pub fn set_command(&self, number: u64) {
        self.command.set(number);
    }

    /// Sets how long one command of a script takes, in nanoseconds.
    pub fn set_pace(&self, nanos: u64) {
        self.pace.set(nanos);
    }

    /// How long one command of a script takes, in nanoseconds.
    pub fn pace(&self) -> u64 {
        self.pace.get()
    }

    /// Waits for as long as one command of a script takes: not at all at a prompt.
    pub async fn take_pace(&self) {
        if self.pace.get() > 0 {
            self.sleep_until(self.now() + self.pace.get()).await;
        }
    }

    /// Who shows these credentials to the API server.
    ///
    /// # Errors
    /// 401 when they are wrong.
    pub fn authenticate(&self, credentials: &Credentials) -> Result<User, ApiError> {
        self.cluster().borrow().api.authenticate(credentials)
    }

    /// Has the cluster sign certificates with this from now on.
    pub fn sign_with(&self, authority: &Authority) {
        self.cluster().borrow_mut().authority = authority.clone();
    }

    /// The present point of the cluster's history.
    pub fn mark(&self) -> Mark {
        self.mark_of(self.revision())
    }

    /// A point of the cluster's history.
    pub fn mark_of(&self, revision: u64) -> Mark {
        Mark { revision, last: self.cluster().borrow().api.store.change_of(revision).cloned() }
    }

    /// Whether the history of the cluster still goes through a point: undone or begun anew, it does not.
    pub fn went_through(&self, mark: &Mark) -> bool {
        let cluster = self.cluster().borrow();
        let store = &cluster.api.store;
        mark.revision <= store.revision()
            && match (store.change_of(mark.revision), &mark.last) {
                (Some(change), Some(last)) => Arc::ptr_eq(change, last),
                _ => true,
            }
    }

    /// Serves a request. Over a network this waits; in process the answer is there at once.
    pub async fn request(&self, request: Request) -> Response {
        match &self.door {
            Door::Here(..) => self.request_now(&request),
            Door::There(remote) => remote.request(&request).await,
        }
    }

    /// Whether a kubeconfig is still needed to know whom to ask.
    pub fn wants_kubeconfig(&self) -> bool {
        matches!(&self.door, Door::There(remote) if !remote.is_configured())
    }

    /// Says whom to ask and as whom: a kubeconfig's content and the name of one of its contexts. The connection is
    /// made when the first request needs it.
    ///
    /// # Errors
    /// Why the kubeconfig cannot be used.
    pub async fn connect_as(&self, kubeconfig: serde_json::Value, context: &str) -> Result<(), String> {
        match &self.door {
            Door::Here(..) => Ok(()),
            Door::There(remote) => remote.configure(kubeconfig, context).await,
        }
    }

    /// Serves a request of a part of the program that cannot wait, as a check or a pane.
    pub fn request_now(&self, request: &Request) -> Response {
        let Door::Here(cluster, user) = &self.door else { unreachable!("a network cannot answer at once") };
        cluster.borrow_mut().request(request, user, Cause::Command(self.command.get()))
    }

    /// Creates an object of a built-in kind from its manifest. Answers how kubectl names it, and whether it is new: one that
    /// is there already stays as it is.
    ///
    /// # Errors
    /// Why the cluster refuses it, in a sentence.
    pub fn create_now(&self, object: serde_json::Value) -> Result<(String, bool), String> {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or("").to_owned();
        let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let Some(found) = Kind::find(&version, &kind) else {
            return Err(format!("no matches for kind \"{kind}\" in version \"{version}\""));
        };
        let info = found.info();
        let root = if info.group.is_empty() { "/api" } else { "/apis" };
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default").to_owned();
        let place = if info.namespaced { format!("/namespaces/{namespace}") } else { String::new() };
        let path = format!("{root}/{version}{place}/{}", info.plural);
        let named = format!("{}/{}", info.singular_resource(), text(&object["metadata"]["name"]));
        let response = self.request_now(&Request::with_body(Method::Post, path, object));
        let there = response.status == 409;
        if there || response.is_success() {
            Ok((named, !there))
        } else {
            Err(text(&response.value()["message"]))
        }
    }

    /// A client of a copy of the cluster: what happens there is not seen here.
    #[must_use]
    pub fn what_if(&self) -> Self {
        let Door::Here(cluster, user) = &self.door else { unreachable!("{SIMULATED}") };
        let copy = Rc::new(RefCell::new(cluster.borrow().clone()));
        Self::behind(Door::Here(copy, user.clone()))
    }

    /// Lets the next thing happen in a copy of the cluster, if one is due by `deadline`.
    pub fn pass_until(&self, deadline: SimTime) -> bool {
        let next = self.cluster().borrow().next_deadline().filter(|next| *next <= deadline);
        let Some(next) = next else { return false };
        let mut cluster = self.cluster().borrow_mut();
        let until = next.max(cluster.now());
        cluster.advance(until, 1);
        true
    }

    /// The cluster's time; for one over a network, that of this computer.
    pub fn now(&self) -> SimTime {
        match &self.door {
            Door::Here(cluster, _) => cluster.borrow().now(),
            Door::There(_) => remote::wall_clock(),
        }
    }

    /// Waits until time or the cluster has moved on, or until `deadline`.
    pub async fn news(&self, deadline: Option<SimTime>) {
        if let Door::There(remote) = &self.door {
            return remote.news(deadline).await;
        }
        let (time, revision) = self.moment();
        poll_fn(|_| {
            let due = deadline.is_some_and(|d| d <= self.now());
            if due || self.moment() != (time, revision) {
                return Poll::Ready(());
            }
            if let Some(deadline) = deadline {
                let earlier = self.waiting.get().map_or(deadline, |w| w.min(deadline));
                self.waiting.set(Some(earlier));
            }
            Poll::Pending
        })
        .await;
    }

    /// Waits until the cluster's time is `moment`.
    pub async fn sleep_until(&self, moment: SimTime) {
        while self.now() < moment {
            self.news(Some(moment)).await;
        }
    }

    /// The earliest deadline that anybody has waited for since the last call.
    pub fn take_waiting(&self) -> Option<SimTime> {
        self.waiting.take()
    }

    /// Takes what an open stream has.
    pub fn read_stream(&self, id: StreamId) -> StreamRead {
        match &self.door {
            Door::Here(cluster, _) => kubelet::read_stream(&mut cluster.borrow_mut(), id),
            Door::There(remote) => remote.read_stream(id),
        }
    }

    /// Writes to a stream's standard input; `None` closes it.
    pub fn write_stream(&self, id: StreamId, bytes: Option<&[u8]>) {
        match &self.door {
            Door::Here(cluster, _) => kubelet::write_stream(&mut cluster.borrow_mut(), id, bytes),
            Door::There(remote) => remote.write_stream(id, bytes),
        }
    }

    /// Ends a stream.
    pub fn close_stream(&self, id: StreamId) {
        match &self.door {
            Door::Here(cluster, _) => kubelet::close_stream(&mut cluster.borrow_mut(), id),
            Door::There(remote) => remote.close_stream(id),
        }
    }

    /// Why a stream that has ended with a failure did not begin, when it is not the process that failed.
    pub fn stream_failure(&self, id: StreamId) -> Option<String> {
        if let Door::There(remote) = &self.door { remote.stream_failure(id) } else { None }
    }

    /// Tells a stream's process how large its terminal is.
    pub fn resize_stream(&self, id: StreamId, columns: u16, rows: u16) {
        if let Door::There(remote) = &self.door {
            remote.resize_stream(id, columns, rows);
        }
    }

    /// Sends an HTTP request from a point of the network.
    pub fn http(&self, from: &Point, call: &HttpCall) -> Outcome<HttpReply> {
        network::http(&mut self.cluster().borrow_mut(), from, call)
    }

    /// Sends an HTTP request to a pod itself, from within it.
    pub fn http_to_pod(&self, pod: &ObjectName, call: &HttpCall) -> Outcome<HttpReply> {
        kubelet::http_to_pod(&mut self.cluster().borrow_mut(), pod, call.port, call)
    }

    /// Whether something in a pod listens on a port.
    pub fn listens(&self, pod: &ObjectName, port: u16) -> bool {
        kubelet::listens(&self.cluster().borrow(), pod, port)
    }

    /// Sends an HTTP request in a copy of the cluster, as the visitor of this number: nothing of it is seen here. Says
    /// as well which pod it came to.
    pub fn visit(
        &self,
        from: &Point,
        call: &HttpCall,
        number: u64,
    ) -> (Option<ObjectName>, Outcome<HttpReply>) {
        let mut copy = self.cluster().borrow().clone();
        copy.network = network::Network::for_visitor(number);
        network::trace(&mut copy, from, call)
    }

    /// Opens and closes a TCP connection from a point of the network.
    pub fn connect(&self, from: &Point, host: &str, port: u16) -> Outcome<()> {
        network::connect(&mut self.cluster().borrow_mut(), from, host, port)
    }

    /// Asks DNS from a point of the network.
    pub fn resolve(&self, from: &Point, name: &str, query: QueryType) -> DnsAnswer {
        network::resolve(&mut self.cluster().borrow_mut(), from, name, query)
    }

    /// Adds, removes, stops or restarts a machine.
    ///
    /// # Errors
    /// Why it cannot be done, in a sentence.
    pub fn machine(&self, action: &crate::cluster::machines::Action) -> Result<(), String> {
        crate::cluster::machines::act(&mut self.cluster().borrow_mut(), action)
    }

    fn cluster(&self) -> &Rc<RefCell<Cluster>> {
        let Door::Here(cluster, _) = &self.door else { unreachable!("{SIMULATED}") };
        cluster
    }

    /// A watch's event in the form that its request wants.
    pub fn show_event(&self, request: &Request, kind: Kind, event: &WatchEvent) -> Value {
        self.cluster().borrow().api.show_event(request, kind, event)
    }

    /// The revision of the cluster's last change.
    pub fn revision(&self) -> u64 {
        self.cluster().borrow().api.store.revision()
    }

    fn moment(&self) -> (SimTime, u64) {
        let cluster = self.cluster().borrow();
        (cluster.now(), cluster.api.store.revision())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Config;
    use serde_json::json;

    #[test]
    fn a_point_of_a_history_that_went_another_way_is_not_met_again() {
        let cluster = Rc::new(RefCell::new(Cluster::new(Config { nodes: Vec::new(), ..Config::default() })));
        let client = Client::new(cluster.clone());
        let map = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        let before = cluster.borrow().clone();
        client.create_now(map("a")).unwrap();
        let mark = client.mark();
        assert!(client.went_through(&mark));
        *cluster.borrow_mut() = before;
        assert!(!client.went_through(&mark));
        client.create_now(map("b")).unwrap();
        assert_eq!(client.revision(), mark.revision);
        assert!(!client.went_through(&mark));
    }
}
