//! Requests that reach a pod: which of its processes listens, and what it answers.

use super::process::Program;
use super::server::Server;
use crate::cluster::Cluster;
use crate::cluster::kubelet::{Place, place_of, run_of};
use crate::cluster::network::{HttpCall, HttpReply, Outcome};
use crate::object::{ObjectName, time::MILLISECOND};

/// Whether a process of the pod listens on the port. `false` also when the node has no power.
pub fn listens(cluster: &Cluster, pod: &ObjectName, port: u16) -> bool {
    matches!(listener(cluster, pod, port), Outcome::Answered(_))
}

/// The container and process that listen on the port.
fn listener(cluster: &Cluster, pod: &ObjectName, port: u16) -> Outcome<(std::sync::Arc<str>, usize, Server)> {
    let node = match place_of(cluster, pod) {
        Place::Node(node) => node,
        Place::Dark | Place::Nowhere => return Outcome::TimedOut,
    };
    let Some(run) = run_of(cluster, &node, pod) else { return Outcome::TimedOut };
    for (index, container) in run.containers.iter().enumerate() {
        let Some(body) = container.body.as_ref().filter(|_| container.is_running()) else { continue };
        for process in body.processes.iter().filter(|p| p.exit.is_none()) {
            if let Program::Server(server) = &process.program
                && server.ports.contains(&port)
            {
                return Outcome::Answered((node, index, (**server).clone()));
            }
        }
    }
    Outcome::Refused
}

/// Opens a TCP connection to the pod.
pub fn connect(cluster: &Cluster, pod: &ObjectName, port: u16) -> Outcome<()> {
    match listener(cluster, pod, port) {
        Outcome::Answered(_) => Outcome::Answered(()),
        Outcome::Refused => Outcome::Refused,
        Outcome::TimedOut => Outcome::TimedOut,
        Outcome::UnknownHost => Outcome::UnknownHost,
    }
}

/// Sends an HTTP request to a port of the pod.
pub fn http_to_pod(
    cluster: &mut Cluster,
    pod: &ObjectName,
    port: u16,
    _call: &HttpCall,
) -> Outcome<HttpReply> {
    match listener(cluster, pod, port) {
        Outcome::Answered(_) => Outcome::Answered(HttpReply {
            status: 200,
            headers: Vec::new(),
            body: b"ok\n".to_vec(),
            took: MILLISECOND,
        }),
        Outcome::Refused => Outcome::Refused,
        Outcome::TimedOut => Outcome::TimedOut,
        Outcome::UnknownHost => Outcome::UnknownHost,
    }
}
