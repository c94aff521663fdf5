//! Servers that take their time: what they look for first, what they say meanwhile, when they listen.
//!
//! From the official images' entry points: a database refuses to begin without a password unless its data is there
//! already, and begins sooner then.

use super::images::{self, Image};
use super::process::{Program, process_mut, write_log};
use super::rootfs::{self, Spot};
use super::server::Startup;
use super::texts;
use crate::cluster::Cluster;
use crate::cluster::kubelet::run::{NEVER, spec_of};
use crate::cluster::kubelet::{environment, run_of};
use crate::object::{Pod, SECOND, SimTime, time::MILLISECOND};
use k8s_openapi::api::core::v1::Container;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long an entry point looks around before it complains.
const REFUSAL: u64 = SECOND / 2;

/// Moves a server on that is starting.
pub fn step(cluster: &mut Cluster, spot: &Spot, pid: u32) {
    let Some(pod) = spot.object(cluster) else { return };
    let Some((spec, _)) = spec_of(&pod, spot.index) else { return };
    let image = images::of(spec.image.as_deref().unwrap_or(""));
    let Some(Program::Server(server)) = process_mut(cluster, spot, pid).map(|p| &mut p.program) else {
        return;
    };
    match server.startup {
        Startup::Over => {}
        Startup::Due => begin(cluster, spot, pid, (&pod, &spec, &image)),
        Startup::Underway { again } => ready(cluster, spot, pid, (&pod, &spec, &image), again),
    }
}

type Subject<'a> = (&'a Arc<Pod>, &'a Container, &'a Image);

fn begin(cluster: &mut Cluster, spot: &Spot, pid: u32, (pod, spec, image): Subject) {
    let now = cluster.now();
    let again = !image.data.is_empty() && rootfs::read(cluster, spot, image.data).is_ok();
    if let Some(needs) = image.needs.filter(|_| !again && !cluster.config.lenient_images) {
        let run = run_of(cluster, &spot.node, &spot.pod);
        let environment = run.map(|run| environment::whole(cluster, pod, spec, run, spot.index));
        if !environment.is_some_and(|e| needs.any.iter().any(|need| is_met(need, &e))) {
            say(cluster, spot, needs.says, (pod, spec), now);
            let exit = needs.exit;
            if let Some(process) = process_mut(cluster, spot, pid) {
                process.program = Program::Ends(exit);
                process.wake = now + REFUSAL;
            }
            return;
        }
    }
    let millis = if again { image.starts_again_after_ms } else { image.starts_after_ms };
    let listens_at = now + millis * MILLISECOND;
    if let Some(process) = process_mut(cluster, spot, pid) {
        process.wake = listens_at;
        if let Program::Server(server) = &mut process.program {
            server.listens_at = listens_at;
            server.startup = Startup::Underway { again };
        }
    }
    say(cluster, spot, if again { image.texts.again } else { image.texts.log }, (pod, spec), now);
}

fn ready(cluster: &mut Cluster, spot: &Spot, pid: u32, (pod, spec, image): Subject, again: bool) {
    let now = cluster.now();
    if let Some(process) = process_mut(cluster, spot, pid) {
        process.wake = NEVER;
        if let Program::Server(server) = &mut process.program {
            server.startup = Startup::Over;
        }
    }
    if !image.data.is_empty() && !again {
        rootfs::with_tree(cluster, spot, image.data, |tree, inner, _| {
            let parent = inner.rsplit_once('/').map_or("/", |(parent, _)| parent);
            tree.make_dirs(parent, now.0);
            tree.put(inner, b"1\n", 0o600, now.0);
        });
    }
    say(cluster, spot, if again { image.texts.again_ready } else { image.texts.log_ready }, (pod, spec), now);
}

fn say(cluster: &mut Cluster, spot: &Spot, text: &str, (pod, spec): (&Arc<Pod>, &Container), at: SimTime) {
    if !text.is_empty() {
        let filled = texts::of_container(text, pod, spec, at);
        write_log(cluster, spot, filled.as_bytes());
    }
}

/// `NAME` that is not empty, or `NAME=value`.
fn is_met(need: &str, environment: &BTreeMap<String, String>) -> bool {
    match need.split_once('=') {
        Some((name, value)) => environment.get(name).is_some_and(|v| v == value),
        None => environment.get(need).is_some_and(|v| !v.is_empty()),
    }
}
