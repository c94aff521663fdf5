//! Requests that reach a pod: which of its processes listens, and what it answers.

use super::process::Program;
use super::rootfs::Spot;
use super::server::{self, After, Server, Visit};
use super::{agnhost, images};
use crate::cluster::Cluster;
use crate::cluster::kubelet::run::spec_of;
use crate::cluster::kubelet::{Place, log::Log, place_of, run_mut, run_of, wake_pod};
use crate::cluster::network::{HttpCall, HttpReply, Outcome};
use crate::object::ObjectName;

/// Whether a process of the pod listens on the port. `false` also when the node has no power.
pub fn listens(cluster: &Cluster, pod: &ObjectName, port: u16) -> bool {
    matches!(listener(cluster, pod, port), Outcome::Answered(_))
}

/// The container and process that listen on the port.
fn listener(cluster: &Cluster, pod: &ObjectName, port: u16) -> Outcome<(Spot, u32, Server)> {
    let node = match place_of(cluster, pod) {
        Place::Node(node) => node,
        Place::Dark | Place::Nowhere => return Outcome::TimedOut,
    };
    let Some(run) = run_of(cluster, &node, pod) else { return Outcome::TimedOut };
    for (index, container) in run.containers.iter().enumerate() {
        let Some(body) = container.body.as_ref().filter(|_| container.is_running()) else { continue };
        for process in body.processes.iter().filter(|p| p.exit.is_none()) {
            if let Program::Server(server) = &process.program
                && server.listens_at <= cluster.now()
                && server.ports.contains(&port)
            {
                let spot = Spot { node, pod: pod.clone(), index };
                return Outcome::Answered((spot, process.pid, (**server).clone()));
            }
        }
    }
    Outcome::Refused
}

/// What a gRPC health check of a service is answered with, as [`agnhost::health`] says it.
pub fn health(
    cluster: &Cluster,
    pod: &ObjectName,
    asked: (u16, &str),
) -> Option<Result<&'static str, String>> {
    let Outcome::Answered((spot, _, server)) = listener(cluster, pod, asked.0) else { return None };
    let since = agnhost::began(cluster, &spot.node, pod, spot.index);
    agnhost::health(cluster, &server, since, asked)
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
    call: &HttpCall,
) -> Outcome<HttpReply> {
    let (spot, pid, server) = match listener(cluster, pod, port) {
        Outcome::Answered(found) => found,
        Outcome::Refused => return Outcome::Refused,
        Outcome::TimedOut => return Outcome::TimedOut,
        Outcome::UnknownHost => return Outcome::UnknownHost,
    };
    let visit = Visit { spot: &spot, port, call };
    let mut answer = server::answer(cluster, &server, &visit);
    let now = cluster.now();
    let image = spot
        .object(cluster)
        .and_then(|p| spec_of(&p, spot.index).map(|(s, _)| images::of(s.image.as_deref().unwrap_or(""))));
    let cost = image.map_or(0, |i| i.request_cpu_micros * 1_000);
    answer.reply.took += cost;
    if let Some(container) =
        run_mut(cluster, &spot.node, &spot.pod).and_then(|r| r.containers.get_mut(spot.index))
    {
        if let Some(body) = &mut container.body {
            body.work.add(now, cost);
        }
        if let Some(line) = &answer.log {
            container.log.get_or_insert_with(|| Box::new(Log::default())).write(now, line.as_bytes());
        }
        if let Some(body) = &mut container.body
            && let Some(process) = body.processes.iter_mut().find(|p| p.pid == pid)
        {
            match (answer.after, &mut process.program) {
                (After::Exit(status), _) => process.exit = Some(status),
                (After::Keep(key, value), Program::Server(server)) => {
                    server.data.insert(key.to_owned(), value.to_owned());
                }
                _ => {}
            }
        }
    }
    if matches!(answer.after, After::Exit(_)) {
        // Nobody else tells the kubelet that the process is gone.
        wake_pod(cluster, &spot.node, &spot.pod, now);
    }
    Outcome::Answered(answer.reply)
}
