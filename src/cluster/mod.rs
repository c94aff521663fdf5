//! The simulated machines: one clock, one event queue, one history.
//!
//! Always holds: a [`Cluster`] is plain data and cheap to clone; the same seed and the same calls give the same
//! bytes; an idle cluster has nothing due. Components see changes through the store's log (as informers do) and
//! act at moments on the queue; all their writes go through the API server.

pub mod addons;
pub mod authority;
pub mod bootstrap;
pub mod controllers;
pub mod events;
pub mod kubelet;
pub mod machines;
mod metrics_server;
pub mod network;
pub mod queue;
pub mod scheduler;
pub mod workload;

pub use authority::Authority;
pub use bootstrap::{Config, NodeConfig};
pub use queue::{Queue, Wake};

use crate::apiserver::{ApiServer, Cause, Change, Origin, Request, Response, User};
use crate::object::SimTime;
use imbl::OrdMap;
use std::sync::Arc;

/// A whole cluster as a value.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// kube-apiserver and what it stores.
    pub api: ApiServer,
    pub(crate) queue: Queue,
    pub(crate) config: Config,
    pub(crate) controllers: controllers::Manager,
    pub(crate) scheduler: scheduler::Scheduler,
    pub(crate) kubelets: OrdMap<Arc<str>, kubelet::Kubelet>,
    pub(crate) shared: kubelet::Shared,
    pub(crate) network: network::Network,
    pub(crate) recorder: events::Recorder,
    /// What the cluster signs certificates with.
    pub authority: Authority,
    seen: u64,
    fingerprint: u64,
}

/// How far [`Cluster::advance`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advanced {
    /// How many things happened.
    pub steps: usize,
    /// Whether everything due by the asked moment has happened (otherwise the budget was spent).
    pub done: bool,
}

impl Cluster {
    /// A new cluster: nodes, namespaces and system pods as kubeadm leaves them.
    pub fn new(config: Config) -> Self {
        let mut cluster = Self {
            api: ApiServer::new(config.seed, config.start),
            queue: Queue::default(),
            controllers: controllers::Manager::default(),
            scheduler: scheduler::Scheduler::new(config.seed),
            kubelets: OrdMap::new(),
            shared: kubelet::Shared::default(),
            network: network::Network::new(config.seed),
            recorder: events::Recorder::default(),
            authority: Authority::of_seed(config.seed),
            seen: 0,
            fingerprint: 0,
            config,
        };
        bootstrap::start(&mut cluster);
        cluster
    }

    /// The virtual time.
    pub fn now(&self) -> SimTime {
        self.api.now
    }

    /// Serves one request of a client. Controllers act on it when time passes.
    pub fn request(&mut self, request: &Request, user: &User, cause: Cause) -> Response {
        let user = match self.api.authorize(request, user) {
            Ok(user) => user,
            Err(error) => return Response::error(&error),
        };
        if let Some(response) = kubelet::serve(self, request, &user) {
            return response;
        }
        if let Some(response) = metrics_server::serve(self, request) {
            return response;
        }
        let response = self.api.serve(request, &user, cause);
        self.dispatch();
        response
    }

    /// When something is due next.
    pub fn next_deadline(&self) -> Option<SimTime> {
        self.queue.next()
    }

    /// Lets time pass to `until`, with at most `budget` steps: what is due happens in order.
    pub fn advance(&mut self, until: SimTime, budget: usize) -> Advanced {
        self.dispatch();
        let mut steps = 0;
        while let Some((at, wake)) = self.queue.pop_until(until) {
            self.api.now = self.api.now.max(at);
            self.wake(wake);
            self.dispatch();
            steps += 1;
            if steps >= budget && self.queue.next().is_some_and(|next| next <= until) {
                return Advanced { steps, done: false };
            }
        }
        self.api.now = self.api.now.max(until);
        Advanced { steps, done: true }
    }

    /// A rolling hash of every change so far: equal for equal histories.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    fn wake(&mut self, wake: Wake) {
        match wake {
            Wake::Controller(id, key) => controllers::run(self, id, &key),
            Wake::Scheduler => scheduler::run(self),
            Wake::Kubelet(node, wake) => kubelet::run(self, &node, wake),
            Wake::ExpireEvents => events::expire(self),
        }
    }

    /// Shows the changes since the last call to every component, as their watches would.
    fn dispatch(&mut self) {
        while self.seen < self.api.store.revision() {
            let changes: Vec<Arc<Change>> = match self.api.store.changes_since(self.seen) {
                Some(changes) => changes.cloned().collect(),
                None => return,
            };
            for change in changes {
                self.seen = change.revision;
                self.note(&change);
                controllers::observe(self, &change);
                scheduler::observe(self, &change);
                kubelet::observe(self, &change);
            }
        }
    }

    fn note(&mut self, change: &Change) {
        let text = format!("{} {} {} {}", change.revision, change.at.0, change.key, change.new.is_some());
        self.fingerprint = self.fingerprint.rotate_left(5) ^ crate::object::hash::fnv64a(text.as_bytes());
    }
}

/// The origin of a component's write that answers the change with this revision.
pub fn origin(component: &str, revision: Option<u64>) -> Origin {
    Origin::component(component, revision.map_or(Cause::Time, Cause::Revision))
}
