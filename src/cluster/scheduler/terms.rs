//! Terms of affinity and spreading, parsed: which nodes, which pods, within which topology.

use crate::object::meta::MetaExt;
use crate::object::selector::{Operator, Requirement, Selector};
use k8s_openapi::api::core::v1::{
    Node, NodeSelectorRequirement, NodeSelectorTerm, PodAffinityTerm, TopologySpreadConstraint,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The label of a node's own name.
pub const HOSTNAME: &str = "kubernetes.io/hostname";
/// The label of a node's zone.
pub const ZONE: &str = "topology.kubernetes.io/zone";

/// One term of node affinity. A term without conditions matches no node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeTerm {
    labels: Selector,
    names: Vec<Requirement>,
}

impl NodeTerm {
    /// Parses a term.
    pub fn of(term: &NodeSelectorTerm) -> Self {
        let labels: Vec<_> = term.match_expressions.iter().flatten().map(requirement).collect();
        let names: Vec<_> = term.match_fields.iter().flatten().map(requirement).collect();
        let nothing = labels.is_empty() && names.is_empty();
        Self { labels: Selector { requirements: labels, nothing }, names }
    }

    /// Whether the node matches.
    pub fn matches(&self, node: &Node) -> bool {
        let name_fits = |r: &Requirement| {
            let named = r.values.contains(node.name_str());
            if r.operator == Operator::In { named } else { !named }
        };
        self.labels.matches(node.labels_map()) && self.names.iter().all(name_fits)
    }

    /// The nodes that the term names, if it names them.
    pub fn named(&self) -> Option<Vec<&str>> {
        let named = self.names.iter().find(|r| r.operator == Operator::In && r.key == "metadata.name")?;
        Some(named.values.iter().map(String::as_str).collect())
    }
}

fn requirement(r: &NodeSelectorRequirement) -> Requirement {
    let operator = match r.operator.as_str() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "Gt" => Operator::Gt,
        "Lt" => Operator::Lt,
        _ => Operator::DoesNotExist,
    };
    Requirement { key: r.key.clone(), operator, values: r.values.iter().flatten().cloned().collect() }
}

/// Which pods a term of pod affinity means, and within which topology.
#[derive(Clone, Debug, PartialEq)]
pub struct AffinityTerm {
    selector: Selector,
    namespaces: Vec<String>,
    namespace_selector: Option<Selector>,
    keys: Vec<String>,
    not_keys: Vec<String>,
    /// The label whose value names the topology.
    pub topology: String,
}

impl AffinityTerm {
    /// Parses a term.
    pub fn of(term: &PodAffinityTerm) -> Self {
        Self {
            selector: Selector::from_api(term.label_selector.as_ref()),
            namespaces: term.namespaces.clone().unwrap_or_default(),
            namespace_selector: term.namespace_selector.as_ref().map(|s| Selector::from_api(Some(s))),
            keys: term.match_label_keys.clone().unwrap_or_default(),
            not_keys: term.mismatch_label_keys.clone().unwrap_or_default(),
            topology: term.topology_key.clone(),
        }
    }

    /// Whether a term of a pod (with this namespace and these labels) means the other pod.
    /// `namespace_labels` are those of the other pod's namespace.
    pub fn means(&self, own: PodId, other: PodId, namespace_labels: &BTreeMap<String, String>) -> bool {
        let anywhere = !self.namespaces.is_empty() || self.namespace_selector.is_some();
        let in_namespace = if anywhere {
            self.namespaces.iter().any(|n| n == other.namespace)
                || self.namespace_selector.as_ref().is_some_and(|s| s.matches(namespace_labels))
        } else {
            own.namespace == other.namespace
        };
        let same = |k: &String| own.labels.get(k).is_none_or(|v| other.labels.get(k) == Some(v));
        let differs = |k: &String| own.labels.get(k).is_none_or(|v| other.labels.get(k) != Some(v));
        in_namespace
            && self.selector.matches(other.labels)
            && self.keys.iter().all(same)
            && self.not_keys.iter().all(differs)
    }
}

/// A pod as terms see it.
#[derive(Clone, Copy, Debug)]
pub struct PodId<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
}

/// Whether nodes that a pod cannot go to count for spreading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Policy {
    Honor,
    Ignore,
}

/// How pods spread over the values of a label.
#[derive(Clone, Debug, PartialEq)]
pub struct SpreadConstraint {
    /// By how many the fullest may lead.
    pub max_skew: i64,
    /// The label.
    pub topology: Arc<str>,
    /// Whether a node that breaks it is refused (`DoNotSchedule`).
    pub hard: bool,
    /// Fewer topologies than these count as if there were an empty one.
    pub min_domains: i64,
    /// Whether only nodes that match the pod's node affinity count.
    pub affinity: Policy,
    /// Whether only nodes whose taints the pod tolerates count.
    pub taints: Policy,
    /// Which pods are counted.
    pub selector: Selector,
    /// Labels whose values a counted pod must share with the new one.
    pub keys: Vec<String>,
}

impl SpreadConstraint {
    /// Parses a constraint.
    pub fn of(c: &TopologySpreadConstraint) -> Self {
        let policy = |p: Option<&String>, otherwise| match p.map(String::as_str) {
            Some("Honor") => Policy::Honor,
            Some("Ignore") => Policy::Ignore,
            _ => otherwise,
        };
        Self {
            max_skew: i64::from(c.max_skew),
            topology: Arc::from(c.topology_key.as_str()),
            hard: c.when_unsatisfiable == "DoNotSchedule",
            min_domains: i64::from(c.min_domains.unwrap_or(1)),
            affinity: policy(c.node_affinity_policy.as_ref(), Policy::Honor),
            taints: policy(c.node_taints_policy.as_ref(), Policy::Ignore),
            selector: Selector::from_api(c.label_selector.as_ref()),
            keys: c.match_label_keys.clone().unwrap_or_default(),
        }
    }

    /// A soft constraint of the system's own.
    pub fn system(topology: &str, max_skew: i64, selector: Selector) -> Self {
        Self {
            max_skew,
            topology: Arc::from(topology),
            hard: false,
            min_domains: 1,
            affinity: Policy::Honor,
            taints: Policy::Ignore,
            selector,
            keys: Vec::new(),
        }
    }
}
