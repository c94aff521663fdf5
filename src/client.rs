//! The one door to a cluster: `Request → Response`, streams, and waiting for news.
//!
//! Always holds: whoever holds a [`Client`] sees a cluster only as its API and its network show it. In process the
//! cluster lives behind it; another cluster could, over HTTPS, without a change above this line.

use crate::apiserver::{ApiError, Cause, Credentials, Request, Response, StreamId, User};
use crate::cluster::kubelet::StreamRead;
use crate::cluster::network::{DnsAnswer, HttpCall, HttpReply, Outcome, Point, QueryType};
use crate::cluster::{Cluster, kubelet, network};
use crate::object::{ObjectName, SimTime};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

/// A handle on a cluster; clones share it.
#[derive(Clone, Debug)]
pub struct Client {
    cluster: Rc<RefCell<Cluster>>,
    user: User,
    command: Rc<Cell<u64>>,
    waiting: Rc<Cell<Option<SimTime>>>,
    pace: Rc<Cell<u64>>,
}

impl Client {
    /// A client of this cluster as the administrator.
    pub fn new(cluster: Rc<RefCell<Cluster>>) -> Self {
        Self {
            cluster,
            user: User::admin(),
            command: Rc::default(),
            waiting: Rc::default(),
            pace: Rc::default(),
        }
    }

    /// A client of the same cluster as another user.
    #[must_use]
    pub fn for_user(&self, user: User) -> Self {
        Self { user, ..self.clone() }
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
        self.cluster.borrow().api.authenticate(credentials)
    }

    /// Serves a request. Over a network this waits; in process the answer is there at once.
    #[allow(clippy::unused_async)]
    pub async fn request(&self, request: Request) -> Response {
        self.request_now(&request)
    }

    /// Serves a request of a part of the program that cannot wait, as a check or a pane.
    pub fn request_now(&self, request: &Request) -> Response {
        self.cluster.borrow_mut().request(request, &self.user, Cause::Command(self.command.get()))
    }

    /// A client of a copy of the cluster: what happens there is not seen here.
    #[must_use]
    pub fn what_if(&self) -> Self {
        let copy = Rc::new(RefCell::new(self.cluster.borrow().clone()));
        Self { user: self.user.clone(), ..Self::new(copy) }
    }

    /// Lets the next thing happen in a copy of the cluster, if one is due by `deadline`.
    pub fn pass_until(&self, deadline: SimTime) -> bool {
        let next = self.cluster.borrow().next_deadline().filter(|next| *next <= deadline);
        let Some(next) = next else { return false };
        let mut cluster = self.cluster.borrow_mut();
        let until = next.max(cluster.now());
        cluster.advance(until, 1);
        true
    }

    /// The cluster's time.
    pub fn now(&self) -> SimTime {
        self.cluster.borrow().now()
    }

    /// Waits until time or the cluster has moved on, or until `deadline`.
    pub async fn news(&self, deadline: Option<SimTime>) {
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
        kubelet::read_stream(&mut self.cluster.borrow_mut(), id)
    }

    /// Writes to a stream's standard input; `None` closes it.
    pub fn write_stream(&self, id: StreamId, bytes: Option<&[u8]>) {
        kubelet::write_stream(&mut self.cluster.borrow_mut(), id, bytes);
    }

    /// Ends a stream.
    pub fn close_stream(&self, id: StreamId) {
        kubelet::close_stream(&mut self.cluster.borrow_mut(), id);
    }

    /// Sends an HTTP request from a point of the network.
    pub fn http(&self, from: &Point, call: &HttpCall) -> Outcome<HttpReply> {
        network::http(&mut self.cluster.borrow_mut(), from, call)
    }

    /// Sends an HTTP request in a copy of the cluster, as the visitor of this number: nothing of it is seen here. Says
    /// as well which pod it came to.
    pub fn visit(
        &self,
        from: &Point,
        call: &HttpCall,
        number: u64,
    ) -> (Option<ObjectName>, Outcome<HttpReply>) {
        let mut copy = self.cluster.borrow().clone();
        copy.network = network::Network::for_visitor(number);
        network::trace(&mut copy, from, call)
    }

    /// Opens and closes a TCP connection from a point of the network.
    pub fn connect(&self, from: &Point, host: &str, port: u16) -> Outcome<()> {
        network::connect(&mut self.cluster.borrow_mut(), from, host, port)
    }

    /// Asks DNS from a point of the network.
    pub fn resolve(&self, from: &Point, name: &str, query: QueryType) -> DnsAnswer {
        network::resolve(&mut self.cluster.borrow_mut(), from, name, query)
    }

    /// Adds, removes, stops or restarts a machine.
    ///
    /// # Errors
    /// Why it cannot be done, in a sentence.
    pub fn machine(&self, action: &crate::cluster::machines::Action) -> Result<(), String> {
        crate::cluster::machines::act(&mut self.cluster.borrow_mut(), action)
    }

    /// The revision of the cluster's last change.
    pub fn revision(&self) -> u64 {
        self.cluster.borrow().api.store.revision()
    }

    fn moment(&self) -> (SimTime, u64) {
        let cluster = self.cluster.borrow();
        (cluster.now(), cluster.api.store.revision())
    }
}
