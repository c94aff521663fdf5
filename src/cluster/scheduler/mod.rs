//! kube-scheduler: a queue of pods, a cycle of filters and scores, one file a plugin.

use super::Cluster;
use crate::apiserver::Change;

/// The scheduler's queue and its view of the nodes.
#[derive(Clone, Debug)]
pub struct Scheduler {}

impl Scheduler {
    /// An empty queue.
    pub fn new(_seed: u64) -> Self {
        Self {}
    }
}

/// Takes in a change: pods that wait, nodes and volumes that may let one fit.
pub fn observe(_cluster: &mut Cluster, _change: &Change) {}

/// Schedules what is due in the queue.
pub fn run(_cluster: &mut Cluster) {}
