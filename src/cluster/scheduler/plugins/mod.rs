//! The plugins, one file each, and the one table of them: what filters, what scores with which weight, what helps.
//!
//! From the default profile of kube-scheduler 1.36. A plugin is a handful of functions; it keeps nothing between pods.

pub mod balanced_allocation;
pub mod image_locality;
pub mod inter_pod_affinity;
pub mod node_affinity;
pub mod node_name;
pub mod node_ports;
pub mod node_resources_fit;
pub mod node_unschedulable;
pub mod pod_topology_spread;
pub mod taint_toleration;
pub mod volume_binding;
pub mod volume_restrictions;

use super::facts::Facts;
use super::nodes::{NodeInfo, Nodes};
use super::terms::PodId;
use crate::apiserver::Store;
use crate::object::{Object, Pod};
use k8s_openapi::api::core::v1::Node;
use std::borrow::Cow;
use std::sync::Arc;

/// The highest score of a node.
pub const MAX_SCORE: i64 = 100;

/// One pod's way through the plugins, with what they worked out before looking at nodes.
pub struct Cycle<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// Its spec.
    pub facts: &'a Facts,
    /// The nodes.
    pub nodes: &'a Nodes,
    /// All objects.
    pub store: &'a Store,
    /// What `VolumeRestrictions` worked out.
    pub exclusive_claims: Vec<Arc<str>>,
    /// What `VolumeBinding` worked out.
    pub volumes: volume_binding::State,
    /// What `PodTopologySpread` worked out.
    pub spread: pod_topology_spread::State,
    /// What `InterPodAffinity` worked out.
    pub pods: inter_pod_affinity::State,
}

impl<'a> Cycle<'a> {
    /// The pod as terms see it.
    pub fn id(&self) -> PodId<'a> {
        id(self.pod)
    }
}

/// A pod as terms see it.
pub fn id(pod: &Pod) -> PodId<'_> {
    use crate::object::meta::MetaExt;
    PodId { namespace: pod.namespace_str(), labels: pod.labels_map() }
}

/// Whether taking other pods away from the node could help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// It could (`Unschedulable`).
    Eviction,
    /// It could not (`UnschedulableAndUnresolvable`).
    Nothing,
}

/// Why a node will not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whether taking pods away could help.
    pub remedy: Remedy,
    /// The texts that are counted over the nodes.
    pub reasons: Vec<Cow<'static, str>>,
}

impl Refusal {
    /// A refusal that taking pods away could lift.
    pub fn now(reason: &'static str) -> Option<Self> {
        Some(Self { remedy: Remedy::Eviction, reasons: vec![Cow::Borrowed(reason)] })
    }

    /// A refusal that taking pods away cannot lift.
    pub fn always(reason: &'static str) -> Option<Self> {
        Some(Self { remedy: Remedy::Nothing, reasons: vec![Cow::Borrowed(reason)] })
    }
}

/// Something that happened in the cluster, for which waiting pods may get another try.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A node joined.
    NodeAdded(&'a NodeInfo),
    /// A node changed.
    NodeChanged(&'a Node, &'a NodeInfo),
    /// A pod came to a node.
    PodPlaced,
    /// A pod on a node went or ended.
    PodGone(&'a Facts),
    /// A claim, volume or class was added or changed.
    Storage(&'a Object),
}

impl<'a> Event<'a> {
    /// The node that is new or changed, and what it was before.
    pub fn node(&self) -> Option<(Option<&'a Node>, &'a NodeInfo)> {
        match self {
            Event::NodeAdded(node) => Some((None, node)),
            Event::NodeChanged(old, node) => Some((Some(old), node)),
            _ => None,
        }
    }
}

type Filter = fn(&Cycle, &NodeInfo) -> Option<Refusal>;

/// How a plugin scores.
#[derive(Clone, Copy)]
pub struct Scorer {
    /// How much it counts.
    pub weight: i64,
    /// Whether it has anything to say about this pod.
    pub applies: fn(&Cycle) -> bool,
    /// A node's score.
    pub score: fn(&Cycle, &NodeInfo) -> i64,
    /// Brings the scores of all nodes into 0..=100.
    pub normalize: fn(&mut [i64]),
}

/// A plugin, as the table has it.
#[derive(Clone, Copy)]
pub struct Plugin {
    /// Its name in Kubernetes.
    pub name: &'static str,
    /// Whether it has nodes to refuse for this pod at all.
    pub filters: fn(&Cycle) -> bool,
    /// Whether a node will do.
    pub filter: Filter,
    /// How it scores.
    pub scorer: Option<Scorer>,
    /// Whether an event may help a pod that it refused.
    pub helped: fn(&Event, &Pod, &Facts) -> bool,
}

fn no_filter(_: &Cycle, _: &NodeInfo) -> Option<Refusal> {
    None
}

fn keep(_: &mut [i64]) {}

/// Every plugin, in the order in which they look at a node.
pub const PLUGINS: &[Plugin] = &[
    Plugin {
        name: "NodeUnschedulable",
        filters: |_| true,
        filter: node_unschedulable::filter,
        scorer: None,
        helped: node_unschedulable::helped,
    },
    Plugin {
        name: "NodeName",
        filters: |_| false, // a pod with a node's name is never queued
        filter: node_name::filter,
        scorer: None,
        helped: node_name::helped,
    },
    Plugin {
        name: "TaintToleration",
        filters: |_| true,
        filter: taint_toleration::filter,
        scorer: Some(Scorer {
            weight: 3,
            applies: |_| true,
            score: taint_toleration::score,
            normalize: fewer_is_better,
        }),
        helped: taint_toleration::helped,
    },
    Plugin {
        name: "NodeAffinity",
        filters: node_affinity::filters,
        filter: node_affinity::filter,
        scorer: Some(Scorer {
            weight: 2,
            applies: |cycle| !cycle.facts.preferred_nodes.is_empty(),
            score: node_affinity::score,
            normalize: more_is_better,
        }),
        helped: node_affinity::helped,
    },
    Plugin {
        name: "NodePorts",
        filters: |cycle| !cycle.facts.ports.is_empty(),
        filter: node_ports::filter,
        scorer: None,
        helped: node_ports::helped,
    },
    Plugin {
        name: "NodeResourcesFit",
        filters: |_| true,
        filter: node_resources_fit::filter,
        scorer: Some(Scorer {
            weight: 1,
            applies: |_| true,
            score: node_resources_fit::score,
            normalize: keep,
        }),
        helped: node_resources_fit::helped,
    },
    Plugin {
        name: "VolumeRestrictions",
        filters: |cycle| !cycle.exclusive_claims.is_empty(),
        filter: volume_restrictions::filter,
        scorer: None,
        helped: volume_restrictions::helped,
    },
    Plugin {
        name: "VolumeBinding",
        filters: |cycle| !cycle.volumes.is_empty(),
        filter: volume_binding::filter,
        scorer: None,
        helped: volume_binding::helped,
    },
    Plugin {
        name: "PodTopologySpread",
        filters: |cycle| cycle.spread.has_hard(),
        filter: pod_topology_spread::filter,
        scorer: Some(Scorer {
            weight: 2,
            applies: |cycle| cycle.spread.has_soft(),
            score: pod_topology_spread::score,
            normalize: pod_topology_spread::normalize,
        }),
        helped: pod_topology_spread::helped,
    },
    Plugin {
        name: "InterPodAffinity",
        filters: |cycle| cycle.pods.filters(),
        filter: inter_pod_affinity::filter,
        scorer: Some(Scorer {
            weight: 2,
            applies: |cycle| cycle.pods.scores(),
            score: inter_pod_affinity::score,
            normalize: inter_pod_affinity::normalize,
        }),
        helped: inter_pod_affinity::helped,
    },
    Plugin {
        name: "NodeResourcesBalancedAllocation",
        filters: |_| false,
        filter: no_filter,
        scorer: Some(Scorer {
            weight: 1,
            applies: |cycle| !balanced_allocation::asks_nothing(cycle.facts),
            score: balanced_allocation::score,
            normalize: keep,
        }),
        helped: |_, _, _| false,
    },
    Plugin {
        name: "ImageLocality",
        filters: |_| false,
        filter: no_filter,
        scorer: Some(Scorer {
            weight: 1,
            applies: image_locality::applies,
            score: image_locality::score,
            normalize: keep,
        }),
        helped: |_, _, _| false,
    },
];

/// The place of a plugin in [`PLUGINS`].
pub fn place(name: &str) -> usize {
    PLUGINS.iter().position(|p| p.name == name).unwrap_or(0)
}

/// The greatest becomes 100, the others their part of it.
fn more_is_better(scores: &mut [i64]) {
    let most = scores.iter().copied().max().unwrap_or(0);
    if most > 0 {
        for score in scores {
            *score = *score * MAX_SCORE / most;
        }
    }
}

/// The greatest becomes 0, zero becomes 100.
fn fewer_is_better(scores: &mut [i64]) {
    more_is_better(scores);
    for score in scores {
        *score = MAX_SCORE - *score;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizing() {
        let run = |normalize: fn(&mut [i64]), mut scores: Vec<i64>| {
            normalize(&mut scores);
            scores
        };
        assert_eq!(run(more_is_better, vec![0, 5, 10]), [0, 50, 100]);
        assert_eq!(run(fewer_is_better, vec![0, 1, 2]), [100, 50, 0]);
        assert_eq!(run(fewer_is_better, vec![0, 0]), [100, 100]);
        assert_eq!(run(pod_topology_spread::normalize, vec![0, 2, -1]), [100, 0, 0]);
    }
}
