//! The node lifecycle controller: what conditions and cordons mean for pods, as taints; and nodes whose kubelet is
//! silent.
//!
//! Always holds: taints follow conditions and `spec.unschedulable`. From `pkg/controller/nodelifecycle`. Leases are
//! not simulated: the moment when a node counts as silent is worked out from when its machine stopped. Nodes of a zone
//! are tainted `NoExecute` one after the other, the sooner the healthier the zone is; none when no node at all is ready.

use super::{Controller, Keys, View, Write, nodes, support};
use crate::apiserver::Change;
use crate::cluster::events::{Note, reference};
use crate::object::{Kind, Object, ObjectKey, Pod, Resource, SECOND, SimTime, meta::MetaExt};
use k8s_openapi::api::core::v1::{Node, NodeCondition, NodeStatus, Taint};
use std::sync::Arc;

/// `node-controller` in the table.
pub const CONTROLLER: Controller = Controller { name: "node-controller", watch, reconcile };
/// Tells of nodes that come and go.
pub const REGISTRY: Controller =
    Controller { name: "node-registry", watch: watch_registry, reconcile: register };

const COMPONENT: &str = "node-controller";
/// How often a kubelet renews its lease.
const LEASE_RENEWAL: u64 = 10 * SECOND;
/// How long a node may be silent (`--node-monitor-grace-period`).
const GRACE: u64 = 50 * SECOND;
/// How long a new node may take until its first word.
const STARTUP_GRACE: u64 = 60 * SECOND;
/// How often nodes are looked at (`--node-monitor-period`).
const MONITOR_PERIOD: u64 = 5 * SECOND;

/// How long after one node of a zone the next is tainted `NoExecute` (`--node-eviction-rate` 0.1 a second).
const EVICTION_WAIT: u64 = 10 * SECOND;
/// The same in a zone of which much is down (`--secondary-node-eviction-rate` 0.01 a second).
const DISRUPTED_WAIT: u64 = 100 * SECOND;
/// A zone that is down in part and not larger than this is left alone (`--large-cluster-size-threshold`).
const LARGE_ZONE: usize = 50;
/// How many percent of a zone's nodes are not ready when it counts as down in part (`--unhealthy-zone-threshold`).
const UNHEALTHY_PERCENT: usize = 55;
/// A node with this label does not count for its zone.
const EXCLUDED: &str = "node.kubernetes.io/exclude-disruption";

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
/// Taints that follow a condition: condition, status, taint.
const BY_CONDITION: [(&str, &str, &str); 6] = [
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
];

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    if change.key.kind != Kind::Node || change.new.is_none() {
        return;
    }
    keys.push(change.key.clone());
    let ready =
        |o: &Option<Object>| o.as_ref().and_then(|o| o.cast::<Node>()).map(|n| ready_status(n).to_owned());
    if change.old.is_some() && ready(&change.old) != ready(&change.new) {
        view.store.list(Kind::Node).for_each(|node| keys.push(node.key()));
    }
}

fn ready_status(node: &Node) -> &str {
    let conditions = node.status.iter().flat_map(|s| s.conditions.iter().flatten());
    conditions.clone().find(|c| c.type_ == "Ready").map_or("", |c| c.status.as_str())
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(Object::Node(stored)) = view.store.get(key) else { return Vec::new() };
    let mut writes = Vec::new();
    let mut node = Node::clone(stored);
    if let Some(stopped) = view.kubelet_stopped_at(key.name.name()) {
        let due = silent_at(view, stored, stopped);
        if view.now < due {
            writes.push(Write::Again(due.since(view.now)));
        } else if ready_status(stored) != "Unknown" {
            fall_silent(view, stored, &mut node, &mut writes);
        }
    }
    let turn = if ready_status(&node) == "True" { Turn::Never } else { turn(view, &node) };
    if let Turn::At(at) = turn {
        writes.push(Write::Again(at.since(view.now)));
    }
    if taint(&mut node, matches!(turn, Turn::Now), view.now) {
        writes.push(Write::Update(node.into_object()));
    }
    writes
}

/// When a node that is not ready is tainted `NoExecute`.
enum Turn {
    Now,
    At(SimTime),
    Never,
}

fn evicting(node: &Node) -> impl Iterator<Item = &Taint> {
    nodes::taints(node)
        .iter()
        .filter(|t| t.effect == "NoExecute" && (t.key == NOT_READY || t.key == UNREACHABLE))
}

/// When it is the node's turn among those of its zone. The node is as it is about to be.
fn turn<'a>(view: &View<'a>, node: &'a Node) -> Turn {
    fn zone(node: &Node) -> (Option<&str>, Option<&str>) {
        (node.label("topology.kubernetes.io/region"), node.label("topology.kubernetes.io/zone"))
    }
    let nodes = || {
        let now = |n: &'a Arc<Node>| if n.name_str() == node.name_str() { node } else { &**n };
        view.store.all::<Node>().map(now)
    };
    if !nodes().any(|n| ready_status(n) == "True") {
        return Turn::Never;
    }
    if evicting(node).next().is_some() {
        return Turn::Now;
    }
    // A kubelet that says itself that it is not ready is heard of when the monitor comes by.
    let conditions = node.status.iter().flat_map(|s| s.conditions.iter().flatten());
    let told = conditions.clone().find(|c| c.type_ == "Ready" && c.status == "False");
    let since = told.and_then(|c| c.last_transition_time.as_ref()).map(SimTime::from_api);
    if let Some(look) = since.map(|since| next_look(view, since)).filter(|look| *look > view.now) {
        return Turn::At(look);
    }
    let counts = |n: &&Node| zone(n) == zone(node) && n.label(EXCLUDED).is_none();
    let peers: Vec<&Node> = nodes().filter(counts).collect();
    let known = peers.iter().map(|n| ready_status(n)).filter(|status| !status.is_empty());
    let (ready, not_ready): (Vec<&str>, Vec<&str>) = known.partition(|status| *status == "True");
    let all = ready.len() + not_ready.len();
    let wait = if not_ready.len() > 2 && not_ready.len() * 100 >= all * UNHEALTHY_PERCENT && !ready.is_empty()
    {
        if peers.len() <= LARGE_ZONE {
            return Turn::Never;
        }
        DISRUPTED_WAIT
    } else {
        EVICTION_WAIT
    };
    let last =
        peers.iter().flat_map(|n| evicting(n)).filter_map(|t| t.time_added.as_ref()).map(SimTime::from_api);
    match last.max().map(|last| last + wait) {
        Some(at) if at > view.now => Turn::At(at),
        _ => Turn::Now,
    }
}

/// When a node whose machine stopped is noticed: its last lease runs out, and then the monitor comes by.
fn silent_at(view: &View, node: &Node, stopped: SimTime) -> SimTime {
    if ready_status(node).is_empty() {
        return next_look(view, node.created() + STARTUP_GRACE);
    }
    let stopped = stopped.max(node.created());
    let renewed = SimTime(stopped.0 - stopped.since(view.config.start) % LEASE_RENEWAL);
    next_look(view, renewed + GRACE)
}

/// When the monitor comes by, not before `at`.
fn next_look(view: &View, at: SimTime) -> SimTime {
    let rest = at.since(view.config.start) % MONITOR_PERIOD;
    if rest == 0 { at } else { at + (MONITOR_PERIOD - rest) }
}

/// The node's conditions are no longer known, and its pods no longer count as ready.
fn fall_silent(view: &View, stored: &Arc<Node>, node: &mut Node, writes: &mut Vec<Write>) {
    let was_ready = ready_status(stored) == "True";
    let status = node.status.get_or_insert_default();
    for type_ in ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"] {
        make_unknown(status, type_, view.now);
    }
    writes.push(Write::UpdateStatus(node.clone().into_object()));
    if !was_ready {
        return;
    }
    let name = stored.name_str();
    let text = format!("Node {name} status is now: NodeNotReady");
    writes.push(Write::Event(Note::normal(&Object::Node(stored.clone()), COMPONENT, "NodeNotReady", text)));
    for pod in view.store.pods_on(name).filter(|p| support::is_ready(p)) {
        let mut unready = Pod::clone(pod);
        for condition in unready.status.conditions.iter_mut().flatten().filter(|c| c.type_ == "Ready") {
            "False".clone_into(&mut condition.status);
            condition.last_transition_time = Some(view.now.to_api());
        }
        writes.push(Write::UpdateStatus(unready.into_object()));
        let about = Object::Pod(pod.clone());
        writes.push(Write::Event(Note::warning(&about, COMPONENT, "NodeNotReady", "Node is not ready")));
    }
}

fn make_unknown(status: &mut NodeStatus, type_: &str, now: SimTime) {
    let conditions = status.conditions.get_or_insert_default();
    if let Some(known) = conditions.iter_mut().find(|c| c.type_ == type_) {
        if known.status != "Unknown" {
            "Unknown".clone_into(&mut known.status);
            known.reason = Some("NodeStatusUnknown".to_owned());
            known.message = Some("Kubelet stopped posting node status.".to_owned());
            known.last_transition_time = Some(now.to_api());
        }
        return;
    }
    conditions.push(NodeCondition {
        type_: type_.to_owned(),
        status: "Unknown".to_owned(),
        reason: Some("NodeStatusNeverUpdated".to_owned()),
        message: Some("Kubelet never posted node status.".to_owned()),
        last_heartbeat_time: Some(now.to_api()),
        last_transition_time: Some(now.to_api()),
    });
}

/// Brings the taints in line with conditions and cordon; `evict` says whether those are due that evict pods. Whether
/// anything changed.
fn taint(node: &mut Node, evict: bool, now: SimTime) -> bool {
    let holds = |type_: &str, status: &str| {
        let conditions = node.status.iter().flat_map(|s| s.conditions.iter().flatten());
        conditions.clone().any(|c| c.type_ == type_ && c.status == status)
    };
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    for (type_, status, key) in BY_CONDITION {
        if holds(type_, status) {
            wanted.push((key, "NoSchedule"));
        }
    }
    let spec = node.spec.clone().unwrap_or_default();
    if spec.unschedulable == Some(true) {
        wanted.push((UNSCHEDULABLE, "NoSchedule"));
    }
    for (status, key) in [("False", NOT_READY), ("Unknown", UNREACHABLE)] {
        if evict && holds("Ready", status) {
            wanted.push((key, "NoExecute"));
        }
    }
    // A node that has not said anything yet keeps what admission gave it.
    if ready_status(node).is_empty() {
        wanted.push((NOT_READY, "NoSchedule"));
    }
    let ours = |t: &Taint| {
        let by_condition = BY_CONDITION.iter().any(|(_, _, key)| *key == t.key) || t.key == UNSCHEDULABLE;
        match t.effect.as_str() {
            "NoSchedule" => by_condition,
            "NoExecute" => t.key == NOT_READY || t.key == UNREACHABLE,
            _ => false,
        }
    };
    let is = |t: &Taint, (key, effect): (&str, &str)| t.key == key && t.effect == effect;
    let mut taints: Vec<Taint> = nodes::taints(node).to_vec();
    taints.retain(|t| !ours(t) || wanted.iter().any(|w| is(t, *w)));
    for w in wanted {
        if !taints.iter().any(|t| is(t, w)) {
            taints.push(Taint {
                key: w.0.to_owned(),
                effect: w.1.to_owned(),
                time_added: Some(now.to_api()),
                value: None,
            });
        }
    }
    if taints == nodes::taints(node) {
        return false;
    }
    node.spec.get_or_insert_default().taints = (!taints.is_empty()).then_some(taints);
    true
}

fn watch_registry(change: &Change, _: &View, keys: &mut Keys) {
    if change.key.kind == Kind::Node && (change.old.is_none() || change.new.is_none()) {
        keys.push(change.key.clone());
    }
}

fn register(view: &View, key: &ObjectKey) -> Vec<Write> {
    let name = key.name.name();
    let (reason, text, about) = if let Some(node) = view.store.get(key) {
        let text = format!("Node {name} event: Registered Node {name} in Controller");
        ("RegisteredNode", text, node.clone())
    } else {
        let mut gone = Node::default();
        gone.metadata.name = Some(name.to_owned());
        let text = format!("Node {name} event: Removing Node {name} from Controller");
        ("RemovingNode", text, gone.into_object())
    };
    let mut note = Note::normal(&about, COMPONENT, reason, text);
    note.regarding.uid = reference(&about).uid.or_else(|| Some(name.to_owned()));
    vec![Write::Event(note)]
}

#[cfg(test)]
mod tests {
    use super::super::lab::{Lab, lab_with};
    use super::*;
    use crate::cluster::{Config, machines};

    fn marks(lab: &Lab, name: &str) -> Vec<String> {
        nodes::taints(&lab.get::<Node>(name)).iter().map(|t| format!("{}:{}", t.key, t.effect)).collect()
    }

    #[test]
    fn a_cordon_is_a_taint() {
        let mut lab = lab_with(Config::default());
        assert_eq!(marks(&lab, "worker-1"), Vec::<String>::new());
        lab.edit::<Node>("worker-1", |n| n.spec.get_or_insert_default().unschedulable = Some(true));
        lab.advance(50);
        assert_eq!(marks(&lab, "worker-1"), ["node.kubernetes.io/unschedulable:NoSchedule"]);
        lab.edit::<Node>("worker-1", |n| n.spec.get_or_insert_default().unschedulable = None);
        lab.advance(50);
        assert_eq!(marks(&lab, "worker-1"), Vec::<String>::new());
    }

    /// Nodes of which the pods have to go, after so many seconds each.
    fn going(lab: &Lab) -> Vec<&'static str> {
        let going = |n: &&str| marks(lab, n).iter().any(|m| m.ends_with("NoExecute"));
        ["worker-1", "worker-2", "worker-3"].into_iter().filter(going).collect()
    }

    #[test]
    fn pods_of_one_node_go_after_those_of_another() {
        let mut lab = lab_with(Config::default());
        for name in ["worker-1", "worker-2"] {
            machines::act(&mut lab.cluster, &machines::Action::Fail(name.to_owned())).expect("fails");
        }
        lab.advance(56_000);
        assert_eq!(going(&lab).len(), 1);
        lab.advance(10_000);
        assert_eq!(going(&lab), ["worker-1", "worker-2"]);
        // With three of four down the zone is too ill to move anything.
        machines::act(&mut lab.cluster, &machines::Action::Fail("worker-3".to_owned())).expect("fails");
        lab.advance(120_000);
        assert_eq!(marks(&lab, "worker-3"), ["node.kubernetes.io/unreachable:NoSchedule"]);
        assert_eq!(going(&lab), ["worker-1", "worker-2"]);
        // With the control plane down as well, nothing is evicted at all; with one back, one after the other again.
        machines::act(&mut lab.cluster, &machines::Action::Fail("control-plane".to_owned())).expect("fails");
        lab.advance(60_000);
        assert_eq!(going(&lab), Vec::<&str>::new());
        for name in ["control-plane", "worker-2"] {
            machines::act(&mut lab.cluster, &machines::Action::Recover(name.to_owned())).expect("recovers");
        }
        lab.advance(30_000);
        assert_eq!(going(&lab), ["worker-1", "worker-3"]);
    }

    #[test]
    fn a_silent_node_is_noticed_after_its_lease() {
        let mut lab = lab_with(Config::default());
        machines::act(&mut lab.cluster, &machines::Action::Fail("worker-2".to_owned())).expect("fails");
        lab.advance(39_000);
        assert_eq!(ready_status(&lab.get::<Node>("worker-2")), "True");
        lab.advance(16_000);
        let node = lab.get::<Node>("worker-2");
        assert_eq!(ready_status(&node), "Unknown");
        let expected =
            ["node.kubernetes.io/unreachable:NoSchedule", "node.kubernetes.io/unreachable:NoExecute"];
        assert_eq!(marks(&lab, "worker-2"), expected);
        assert!(
            lab.events("Node")
                .contains(&"NodeNotReady: Node worker-2 status is now: NodeNotReady".to_owned())
        );
        machines::act(&mut lab.cluster, &machines::Action::Recover("worker-2".to_owned())).expect("recovers");
        lab.advance(120_000);
        assert_eq!(marks(&lab, "worker-2"), Vec::<String>::new());
    }
}
