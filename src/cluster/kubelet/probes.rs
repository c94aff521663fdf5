//! Probes: startup, readiness, liveness, over exec, HTTP, TCP and gRPC.

use super::Context;
use super::run::{ContainerRun, NEVER, PodRun, Role};
use crate::cluster::Cluster;
use crate::object::{ObjectName, SimTime};
use k8s_openapi::api::core::v1::Container;

/// A probe of a running container.
#[derive(Clone, Debug)]
pub struct ProbeRun {
    /// When it is asked next.
    pub next: SimTime,
}

/// The probes of a container that has just started.
pub(super) fn start(
    _spec: &Container,
    _role: Role,
    _now: SimTime,
    _jitter: &mut dyn FnMut(u64) -> u64,
) -> Vec<ProbeRun> {
    Vec::new()
}

/// Asks what is due.
pub(super) fn run_pod(_cluster: &mut Cluster, _node: &str, _name: &ObjectName) {}

/// When a probe is due.
pub(super) fn deadline(container: &ContainerRun) -> SimTime {
    container.probes.iter().map(|p| p.next).min().unwrap_or(NEVER)
}

/// Whether the startup probe has passed.
pub(super) fn startup_passed(_container: &ContainerRun) -> bool {
    true
}

/// Whether the readiness probe says so.
pub(super) fn is_ready(_container: &ContainerRun) -> bool {
    true
}

/// Stops a container whose liveness or startup probe has failed too often.
pub(super) fn act_on_failure(_cx: &mut Context, _run: &mut PodRun, _index: usize, _spec: &Container) {}
