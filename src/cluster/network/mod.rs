//! Addresses, Services, DNS, and the walk of a request from where it starts to the process that answers.

mod dns;
mod outer;
mod services;

pub use services::node_address;

use super::{Cluster, kubelet};
use crate::object::{ObjectName, hash::Stream};
use std::sync::Arc;

/// Where a request starts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// The learner's machine: beside the nodes, outside the cluster's networks. It reaches node addresses and
    /// load balancers, and knows nothing of the cluster's DNS.
    Outside,
    /// A node (also the kubelet's probes): reaches pods and cluster addresses; its DNS is the outside one.
    Node(Arc<str>),
    /// A pod: reaches pods and cluster addresses, and asks the cluster's DNS.
    Pod(ObjectName),
}

/// An HTTP request on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCall {
    /// `GET`, `POST`, …
    pub method: String,
    /// A name or an address, without port.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query: `/healthz?x=1`.
    pub path: String,
    /// Header names (as sent) and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    /// Status code.
    pub status: u16,
    /// Header names and values, in the server's order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long the server took, in nanoseconds.
    pub took: u64,
}

/// What became of a connection or request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It was answered.
    Answered(T),
    /// Nothing listens there, or no endpoint is ready: the connection was refused at once.
    Refused,
    /// Nobody answers at that address: the caller's timeout decides.
    TimedOut,
    /// The host's name is not known.
    UnknownHost,
}

/// One DNS record of an answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Record {
    /// `name → address`.
    A(String, String),
    /// `name → canonical name`.
    Cname(String, String),
    /// `name → (port, target)`.
    Srv(String, u16, String),
}

/// What DNS answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsAnswer {
    /// Records, in the order answered.
    Records(Vec<Record>),
    /// The name is there, but has no record of that type.
    Empty,
    /// `NXDOMAIN`.
    NoSuchName,
    /// No server answers.
    TimedOut,
}

/// A query's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum QueryType {
    A,
    Srv,
    Cname,
}

/// The network's own state: which endpoint is next.
#[derive(Clone, Debug)]
pub struct Network {
    pub(crate) random: Stream,
}

impl Network {
    /// A network whose choices come from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { random: Stream::new(seed, "network", "balance") }
    }

    /// The network as a visitor finds it, whose choices are those of nobody else.
    pub fn for_visitor(number: u64) -> Self {
        Self { random: Stream::new(number, "network", "visitor") }
    }
}

/// Sends an HTTP request from `from` and walks it to the process that answers: name, Service rules, endpoint, node,
/// pod, port.
pub fn http(cluster: &mut Cluster, from: &Point, call: &HttpCall) -> Outcome<HttpReply> {
    trace(cluster, from, call).1
}

/// As [`http`], and says which pod it came to.
pub fn trace(
    cluster: &mut Cluster,
    from: &Point,
    call: &HttpCall,
) -> (Option<ObjectName>, Outcome<HttpReply>) {
    match locate(cluster, from, &call.host, call.port) {
        Outcome::Answered(Target::Pod { pod, port }) => {
            let outcome = kubelet::http_to_pod(cluster, &pod, port, call);
            (Some(pod), outcome)
        }
        Outcome::Answered(Target::ApiServer) => (None, Outcome::Answered(outer::api_server(call))),
        Outcome::Answered(Target::Internet) => (None, Outcome::Answered(outer::internet(call))),
        Outcome::Refused => (None, Outcome::Refused),
        Outcome::TimedOut => (None, Outcome::TimedOut),
        Outcome::UnknownHost => (None, Outcome::UnknownHost),
    }
}

/// Opens a TCP connection and closes it, as a tcpSocket probe or `nc -z` does.
pub fn connect(cluster: &mut Cluster, from: &Point, host: &str, port: u16) -> Outcome<()> {
    match locate(cluster, from, host, port) {
        Outcome::Answered(Target::Pod { pod, port }) => {
            if !services::pod_reachable(cluster, &pod) {
                Outcome::TimedOut
            } else if kubelet::listens(cluster, &pod, port) {
                Outcome::Answered(())
            } else {
                Outcome::Refused
            }
        }
        Outcome::Answered(Target::ApiServer | Target::Internet) => Outcome::Answered(()),
        Outcome::Refused => Outcome::Refused,
        Outcome::TimedOut => Outcome::TimedOut,
        Outcome::UnknownHost => Outcome::UnknownHost,
    }
}

/// Asks the DNS that `from` is configured with. `name` may be relative: the pod's search domains apply.
pub fn resolve(cluster: &mut Cluster, from: &Point, name: &str, query: QueryType) -> DnsAnswer {
    dns::resolve(cluster, from, name, query)
}

/// Where a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// A pod's port.
    Pod { pod: ObjectName, port: u16 },
    /// The API server, which is no pod's process here.
    ApiServer,
    /// A host of the outer world.
    Internet,
}

/// Finds where a connection to `host:port` ends.
fn locate(cluster: &mut Cluster, from: &Point, host: &str, port: u16) -> Outcome<Target> {
    if let Point::Pod(pod) = from
        && !services::pod_reachable(cluster, pod)
    {
        return Outcome::TimedOut;
    }
    if let (Point::Pod(pod), "localhost" | "127.0.0.1") = (from, host) {
        return Outcome::Answered(Target::Pod { pod: pod.clone(), port });
    }
    if let (Point::Node(node), "localhost" | "127.0.0.1") = (from, host) {
        return services::to_node(cluster, from, node, port);
    }
    let address = if host.parse::<std::net::Ipv4Addr>().is_ok() {
        host.to_owned()
    } else {
        match dns::address(cluster, from, host) {
            Ok(address) => address,
            Err(outcome) => return outcome,
        }
    };
    services::route(cluster, from, &address, port)
}
