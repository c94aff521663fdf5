//! A DaemonSet's pods: made for one node each, and found again by it.

use super::super::nodes;
use super::super::support::PodMaker;
use super::{HASH_LABEL, Suits};
use crate::object::{Kind, Pod, meta::MetaExt};
use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetSpec};
use k8s_openapi::api::core::v1::{
    Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodTemplateSpec, Toleration,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Counts templates, as the DaemonSet's annotation has it: an old way to tell revisions, still on every pod.
const GENERATION_LABEL: &str = "pod-template-generation";
const GENERATION: &str = "deprecated.daemonset.template.generation";

/// What every daemon pod tolerates: it stays while its node has trouble.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];
/// And on the host's network, before the node has a network for pods.
const TOLERATED_ON_HOST: (&str, &str) = ("node.kubernetes.io/network-unavailable", "NoSchedule");

/// Makes a DaemonSet's pods.
pub struct Maker {
    template: PodTemplateSpec,
    pods: PodMaker,
}

impl Maker {
    /// From the set's template.
    pub fn new(set: &DaemonSet, spec: &DaemonSetSpec, hash: &str) -> Self {
        let mut template = spec.template.clone();
        let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
        let generation = set.annotation(GENERATION).map(str::to_owned);
        let generation = generation.unwrap_or_else(|| set.metadata.generation.unwrap_or(1).to_string());
        labels.insert(GENERATION_LABEL.to_owned(), generation);
        labels.insert(HASH_LABEL.to_owned(), hash.to_owned());
        let pod = template.spec.get_or_insert_default();
        let on_host = pod.host_network == Some(true);
        let tolerations = pod.tolerations.get_or_insert_default();
        for (key, effect) in TOLERATED.into_iter().chain(on_host.then_some(TOLERATED_ON_HOST)) {
            let toleration = Toleration {
                key: Some(key.to_owned()),
                operator: Some("Exists".to_owned()),
                effect: Some(effect.to_owned()),
                ..Toleration::default()
            };
            let same = |t: &Toleration| t.key == toleration.key && t.effect == toleration.effect;
            match tolerations.iter_mut().find(|t| same(t)) {
                Some(there) => *there = toleration,
                None => tolerations.push(toleration),
            }
        }
        let pods = PodMaker::new(&template, Kind::DaemonSet, &set.metadata);
        Self { template, pods }
    }

    /// What a node is to the set.
    pub fn suits(&self, node: &Node) -> Suits {
        let Some(spec) = &self.template.spec else { return Suits::No };
        let named = spec.node_name.as_deref().unwrap_or("");
        if !(named.is_empty() || named == node.name_str()) || !nodes::fits(spec, node) {
            return Suits::No;
        }
        let tolerations = spec.tolerations.as_deref().unwrap_or_default();
        let untolerated = |effects: &[&str]| nodes::untolerated(nodes::taints(node), tolerations, effects);
        if untolerated(&["NoExecute"]).is_some() {
            Suits::No
        } else if untolerated(&["NoSchedule"]).is_some() {
            Suits::ToStay
        } else {
            Suits::Yes
        }
    }

    /// A pod that only fits this node.
    pub fn pod_for(&self, node: &str) -> Pod {
        let mut pod = self.pods.pod();
        let affinity = pod.spec.make_mut().affinity.get_or_insert_default();
        let field = NodeSelectorRequirement {
            key: "metadata.name".to_owned(),
            operator: "In".to_owned(),
            values: Some(vec![node.to_owned()]),
        };
        let term = NodeSelectorTerm { match_fields: Some(vec![field]), match_expressions: None };
        affinity.node_affinity.get_or_insert_default().required_during_scheduling_ignored_during_execution =
            Some(NodeSelector { node_selector_terms: vec![term] });
        pod
    }
}

/// The node that a pod is on, or was made for.
fn node_of(pod: &Pod) -> Option<Arc<str>> {
    if let Some(node) = &pod.spec.node_name {
        return Some(node.clone());
    }
    let affinity = pod.spec.affinity.as_ref()?.node_affinity.as_ref()?;
    let required = affinity.required_during_scheduling_ignored_during_execution.as_ref()?;
    let fields = required.node_selector_terms.iter().flat_map(|t| t.match_fields.iter().flatten());
    let mut named = fields.filter(|f| f.key == "metadata.name");
    named.find_map(|f| f.values.as_ref()?.first().map(|v| Arc::from(v.as_str())))
}

/// The pods by their node. Those that ended and are going no longer count.
pub fn by_node(pods: Vec<Arc<Pod>>) -> BTreeMap<Arc<str>, Vec<Arc<Pod>>> {
    let mut nodes: BTreeMap<Arc<str>, Vec<Arc<Pod>>> = BTreeMap::new();
    for pod in pods {
        let over = pod.is_terminating() && super::support::is_finished(&pod);
        if let Some(node) = node_of(&pod).filter(|_| !over) {
            nodes.entry(node).or_default().push(pod);
        }
    }
    nodes
}
