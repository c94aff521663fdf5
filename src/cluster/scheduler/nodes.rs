//! The nodes as the scheduler keeps them: what is asked of each, which pods are on it, and with which labels.
//!
//! Always holds: a node's sums are those of its pods; pods that ended are not counted. A clone shares every node that
//! did not change since.

use super::facts::{Facts, HostPort, Resources};
use super::plugins::image_locality::image_id;
use super::terms::{HOSTNAME, ZONE};
use crate::apiserver::Store;
use crate::object::{ObjectName, Pod, meta::MetaExt, quantity};
use imbl::{OrdMap, OrdSet};
use k8s_openapi::api::core::v1::{ContainerImage, Node, PodSpec};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Pods of one namespace with the same labels, told by a number.
pub type LabelSetId = u32;

/// A namespace and labels that at least one pod on a node has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelSet {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The labels.
    pub labels: BTreeMap<String, String>,
}

/// The label sets in use.
#[derive(Clone, Debug, Default)]
pub struct LabelSets {
    by_id: OrdMap<LabelSetId, (Arc<LabelSet>, u32)>,
    ids: OrdMap<Arc<LabelSet>, LabelSetId>,
    next: LabelSetId,
}

impl LabelSets {
    fn enter(&mut self, namespace: &str, labels: &BTreeMap<String, String>) -> LabelSetId {
        let set = LabelSet { namespace: Arc::from(namespace), labels: labels.clone() };
        if let Some(id) = self.ids.get(&set).copied() {
            if let Some((_, uses)) = self.by_id.get_mut(&id) {
                *uses += 1;
            }
            return id;
        }
        let (id, set) = (self.next, Arc::new(set));
        self.next += 1;
        self.ids.insert(set.clone(), id);
        self.by_id.insert(id, (set, 1));
        id
    }

    fn leave(&mut self, id: LabelSetId) {
        let Some((set, uses)) = self.by_id.get_mut(&id) else { return };
        *uses -= 1;
        if *uses == 0 {
            let set = set.clone();
            self.ids.remove(&set);
            self.by_id.remove(&id);
        }
    }

    /// The set of this number.
    pub fn get(&self, id: LabelSetId) -> Option<&Arc<LabelSet>> {
        self.by_id.get(&id).map(|(set, _)| set)
    }

    /// The sets that `matches` accepts, in ascending order.
    pub fn matching(&self, matches: impl Fn(&LabelSet) -> bool) -> Vec<LabelSetId> {
        self.by_id.iter().filter(|(_, (set, _))| matches(set)).map(|(id, _)| *id).collect()
    }
}

/// A pod on a node.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Namespace and name.
    pub name: ObjectName,
    /// Its spec.
    pub facts: Arc<Facts>,
    /// Its namespace and labels.
    pub set: LabelSetId,
    /// Whether it is being deleted: such a pod no longer counts for spreading.
    pub terminating: bool,
}

/// How many pods there are of each label set. The first set lies in the node itself: most nodes are asked for one set
/// only, a hundred times for each pod that is scheduled.
#[derive(Clone, Debug, Default)]
struct SetCounts {
    first: (LabelSetId, u32),
    more: Vec<(LabelSetId, u32)>,
}

impl SetCounts {
    /// How many pods there are of these sets, which are in ascending order.
    fn of(&self, sets: &[LabelSetId]) -> i64 {
        let count = |entry: &(LabelSetId, u32)| match sets {
            [only] if *only == entry.0 => i64::from(entry.1),
            [] | [_] => 0,
            sets if sets.binary_search(&entry.0).is_ok() => i64::from(entry.1),
            _ => 0,
        };
        count(&self.first) + self.more.iter().map(count).sum::<i64>()
    }

    fn add(&mut self, set: LabelSetId) {
        if self.first.1 == 0 {
            // It may have a place among the others, from before the first place was free.
            let at = self.more.iter().position(|(id, _)| *id == set);
            self.first = at.map_or((set, 0), |at| self.more.swap_remove(at));
        }
        if self.first.0 == set {
            self.first.1 += 1;
        } else if let Some((_, n)) = self.more.iter_mut().find(|(id, _)| *id == set) {
            *n += 1;
        } else {
            self.more.push((set, 1));
        }
    }

    fn take(&mut self, set: LabelSetId) {
        if self.first.0 == set && self.first.1 > 0 {
            self.first.1 -= 1;
        } else if let Some(at) = self.more.iter().position(|(id, _)| *id == set) {
            self.more[at].1 -= 1;
            if self.more[at].1 == 0 {
                self.more.swap_remove(at);
            }
        }
    }
}

/// A node with its pods.
#[derive(Clone, Debug)]
pub struct NodeInfo {
    /// Its name.
    pub name: Arc<str>,
    /// The object.
    pub node: Arc<Node>,
    /// What there is.
    pub allocatable: Resources,
    /// How many pods it takes.
    pub allowed_pods: i64,
    /// What is asked.
    pub requested: Resources,
    /// CPU asked as scores count it.
    pub score_milli_cpu: i64,
    /// Memory asked as scores count it.
    pub score_memory: i64,
    /// The pods.
    pub pods: Vec<Placed>,
    /// Ports in use.
    pub ports: Vec<HostPort>,
    /// How many pods there are of each label set, those being deleted left out.
    sets: SetCounts,
    /// How many of the pods have affinity to other pods.
    pub minding: u32,
    /// The images that are there, in ascending order.
    pub images: Vec<u64>,
    /// Whether it is cordoned.
    pub unschedulable: bool,
    /// Whether it has taints at all.
    pub tainted: bool,
    /// The two labels that every pod's spreading asks for, found once.
    hostname: Option<Box<str>>,
    zone: Option<Box<str>>,
}

impl NodeInfo {
    fn new(node: &Arc<Node>) -> Self {
        let mut info = Self {
            name: Arc::from(node.name_str()),
            node: node.clone(),
            allocatable: Resources::default(),
            allowed_pods: 0,
            requested: Resources::default(),
            score_milli_cpu: 0,
            score_memory: 0,
            pods: Vec::new(),
            ports: Vec::new(),
            sets: SetCounts::default(),
            minding: 0,
            images: Vec::new(),
            unschedulable: false,
            tainted: false,
            hostname: None,
            zone: None,
        };
        info.read_node(node);
        info
    }

    fn read_node(&mut self, node: &Arc<Node>) {
        let list = node.status.as_ref().and_then(|s| s.allocatable.as_ref());
        self.allocatable = Resources::from_list(list);
        self.allowed_pods = list.and_then(|l| l.get("pods")).map_or(0, |q| quantity::of(q).units());
        self.images = images(node).into_keys().collect();
        self.hostname = node.label(HOSTNAME).map(Box::from);
        self.zone = node.label(ZONE).map(Box::from);
        let spec = node.spec.as_ref();
        self.unschedulable = spec.and_then(|s| s.unschedulable) == Some(true);
        self.tainted = spec.and_then(|s| s.taints.as_ref()).is_some_and(|taints| !taints.is_empty());
        self.node = node.clone();
    }

    /// The value of a label of the node.
    pub fn label(&self, key: &str) -> Option<&str> {
        match key {
            HOSTNAME => self.hostname.as_deref(),
            ZONE => self.zone.as_deref(),
            _ => self.node.label(key),
        }
    }

    /// How many pods of these label sets (in ascending order) there are.
    pub fn count(&self, sets: &[LabelSetId]) -> i64 {
        self.sets.of(sets)
    }

    /// Counts a pod in.
    pub fn add(&mut self, pod: Placed) {
        self.count_pod(&pod, 1);
        self.ports.extend(pod.facts.ports.iter().cloned());
        if !pod.terminating {
            self.sets.add(pod.set);
        }
        self.pods.push(pod);
    }

    /// Counts a pod out.
    pub fn remove(&mut self, name: &ObjectName) -> Option<Placed> {
        let at = self.pods.iter().position(|p| p.name == *name)?;
        let pod = self.pods.swap_remove(at);
        self.count_pod(&pod, -1);
        for port in &pod.facts.ports {
            if let Some(at) = self.ports.iter().position(|p| p == port) {
                self.ports.swap_remove(at);
            }
        }
        if !pod.terminating {
            self.sets.take(pod.set);
        }
        Some(pod)
    }

    fn count_pod(&mut self, pod: &Placed, sign: i64) {
        self.requested.add(&pod.facts.requests, sign);
        self.score_milli_cpu += sign * pod.facts.score_milli_cpu;
        self.score_memory += sign * pod.facts.score_memory;
        if pod.facts.minds_pods() {
            self.minding = self.minding.wrapping_add_signed(sign as i32);
        }
    }
}

/// How many parsed specs are remembered.
const FACTS_LIMIT: usize = 512;

/// All nodes, and what their pods have in common.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    list: Arc<Vec<Arc<NodeInfo>>>,
    index: OrdMap<Arc<str>, usize>,
    /// The label sets of the pods on nodes.
    pub sets: LabelSets,
    /// On how many nodes an image is, and its size.
    images: OrdMap<u64, (u32, i64)>,
    /// The nodes with pods that have affinity to other pods.
    minding: OrdSet<Arc<str>>,
    // By the address of the shared spec; the Arc kept beside it makes sure that the address stays its own.
    facts: OrdMap<usize, (Arc<PodSpec>, Arc<Facts>)>,
}

impl Nodes {
    /// The nodes, in the order in which they joined.
    pub fn list(&self) -> &[Arc<NodeInfo>] {
        &self.list
    }

    /// The node of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<NodeInfo>> {
        self.index.get(name).map(|at| &self.list[*at])
    }

    /// What scheduling needs of a pod's spec.
    pub fn facts(&mut self, spec: &Arc<PodSpec>) -> Arc<Facts> {
        let address = Arc::as_ptr(spec).addr();
        if let Some((_, facts)) = self.facts.get(&address) {
            return facts.clone();
        }
        if self.facts.len() >= FACTS_LIMIT {
            self.facts = OrdMap::new();
        }
        let facts = Arc::new(Facts::of(spec));
        self.facts.insert(address, (spec.clone(), facts.clone()));
        facts
    }

    /// Takes in a new or changed node.
    pub fn set_node(&mut self, node: &Arc<Node>, store: &Store) {
        let name = node.name_str();
        if let Some(at) = self.index.get(name).copied() {
            let old = self.list[at].node.clone();
            self.count_images(&old, node);
            Arc::make_mut(&mut Arc::make_mut(&mut self.list)[at]).read_node(node);
            return;
        }
        self.count_images(&Node::default(), node);
        let info = NodeInfo::new(node);
        self.index.insert(info.name.clone(), self.list.len());
        Arc::make_mut(&mut self.list).push(Arc::new(info));
        let pods: Vec<Arc<Pod>> = store.pods_on(name).cloned().collect();
        for pod in pods.iter().filter(|p| !ended(p)) {
            self.place(pod, name);
        }
    }

    /// Forgets a node.
    pub fn remove_node(&mut self, name: &str) {
        let Some(at) = self.index.get(name).copied() else { return };
        let info = Arc::make_mut(&mut self.list).remove(at);
        self.count_images(&info.node, &Node::default());
        for pod in &info.pods {
            self.sets.leave(pod.set);
        }
        self.minding.remove(name);
        self.index = self.list.iter().enumerate().map(|(at, n)| (n.name.clone(), at)).collect();
    }

    /// Counts a pod on a node.
    pub fn place(&mut self, pod: &Pod, node: &str) {
        let Some(at) = self.index.get(node).copied() else { return };
        let name = pod.object_name();
        if self.list[at].pods.iter().any(|p| p.name == name) {
            return;
        }
        let facts = self.facts(&pod.spec.shared);
        let set = self.sets.enter(name.namespace(), pod.labels_map());
        if facts.minds_pods() {
            self.minding.insert(self.list[at].name.clone());
        }
        let placed = Placed { name, facts, set, terminating: pod.is_terminating() };
        Arc::make_mut(&mut Arc::make_mut(&mut self.list)[at]).add(placed);
    }

    /// Counts a pod out.
    pub fn take(&mut self, name: &ObjectName, node: &str) {
        let Some(at) = self.index.get(node).copied() else { return };
        if !self.list[at].pods.iter().any(|p| p.name == *name) {
            return;
        }
        if let Some(pod) = Arc::make_mut(&mut Arc::make_mut(&mut self.list)[at]).remove(name) {
            self.sets.leave(pod.set);
            if self.list[at].minding == 0 {
                self.minding.remove(node);
            }
        }
    }

    /// The nodes with pods that have affinity to other pods.
    pub fn minding(&self) -> impl Iterator<Item = &Arc<NodeInfo>> {
        self.minding.iter().filter_map(|name| self.get(name))
    }

    /// Whether any pod on a node has affinity to other pods.
    pub fn any_minding(&self) -> bool {
        !self.minding.is_empty()
    }

    /// On how many nodes an image is, and its size.
    pub fn image(&self, id: u64) -> Option<(u32, i64)> {
        self.images.get(&id).copied()
    }

    fn count_images(&mut self, old: &Node, new: &Node) {
        let (before, after) = (images(old), images(new));
        if before == after {
            return;
        }
        for (id, _) in before {
            if let Some((nodes, _)) = self.images.get_mut(&id) {
                *nodes -= 1;
                if *nodes == 0 {
                    self.images.remove(&id);
                }
            }
        }
        for (id, size) in after {
            let entry = self.images.entry(id).or_insert((0, 0));
            *entry = (entry.0 + 1, size);
        }
    }
}

/// The images on a node, with their sizes, each once.
fn images(node: &Node) -> BTreeMap<u64, i64> {
    let images = node.status.as_ref().and_then(|s| s.images.as_ref());
    let named = |i: &ContainerImage| {
        let size = i.size_bytes.unwrap_or(0);
        i.names.iter().flatten().map(|n| (image_id(n), size)).collect::<Vec<_>>()
    };
    images.into_iter().flatten().flat_map(named).collect()
}

/// Whether a pod has ended, so that it asks for nothing any more.
pub fn ended(pod: &Pod) -> bool {
    matches!(pod.status.phase.as_deref(), Some("Succeeded" | "Failed"))
}
