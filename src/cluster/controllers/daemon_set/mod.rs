//! The DaemonSet controller: one pod on every node that suits, placed by the ordinary scheduler.
//!
//! Always holds: a pod names its node by required affinity, never by `nodeName`. From `pkg/controller/daemon`.

mod pods;
mod status;
mod update;

use super::history::{self, History, Labels};
use super::support::{self, Owner};
use super::{Controller, Keys, Memory, View, Write, nodes};
use crate::apiserver::{Change, DeleteOptions};
use crate::cluster::events::Note;
use crate::object::{
    Kind, Object, ObjectKey, Pod, Resource, SECOND, SimTime, meta::MetaExt, selector::Selector,
};
use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetSpec};
use k8s_openapi::api::core::v1::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// `daemonset-controller` in the table.
pub const CONTROLLER: Controller = Controller { name: "daemon-set-controller", watch, reconcile };

/// The label that tells a pod's revision.
pub const HASH_LABEL: &str = "controller-revision-hash";
const COMPONENT: &str = "daemonset-controller";
const LABELS: Labels = Labels::OfTemplate(HASH_LABEL);
/// How many pods one reconcile creates or deletes at most (`BurstReplicas`).
const BURST: usize = 250;
/// How long a node's second failed pod stays before it is removed; each further one twice as long as the one before.
const FAILED_BACKOFF: u64 = SECOND;
/// The longest that one stays. After twice this time without one the count begins anew.
const FAILED_BACKOFF_MAX: u64 = 15 * 60 * SECOND;

/// Nanoseconds a node.
const PACE: u64 = 50_000;

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    match change.key.kind {
        Kind::DaemonSet if support::spec_changed(change) || annotated(change) => {
            keys.push(change.key.clone());
        }
        Kind::Pod => keys.push_controllers(change, Kind::DaemonSet, pace(view)),
        Kind::Node if node_matters(change) => {
            let every = view.store.list(Kind::DaemonSet).map(Object::key);
            every.for_each(|key| keys.push_after(key, pace(view)));
        }
        _ => {}
    }
}

/// How long after a change a set is looked at: the more nodes there are, the longer, as a reconcile looks at them all.
/// (A model: the real controller's reconciles take their time too.)
fn pace(view: &View) -> u64 {
    super::WATCH_LATENCY + view.store.count(Kind::Node) as u64 * PACE
}

fn annotated(change: &Change) -> bool {
    let annotations = |o: &Option<Object>| o.as_ref().and_then(|o| o.meta().annotations.clone());
    change.new.is_some() && annotations(&change.old) != annotations(&change.new)
}

/// Whether labels, taints or the node's being there changed: not its status.
fn node_matters(change: &Change) -> bool {
    fn node(object: Option<&Object>) -> Option<&Arc<Node>> {
        object.and_then(|o| o.cast::<Node>())
    }
    match (node(change.old.as_ref()), node(change.new.as_ref())) {
        (Some(old), Some(new)) => {
            old.metadata.labels != new.metadata.labels
                || nodes::taints(old) != nodes::taints(new)
                || old.spec.as_ref().and_then(|s| s.unschedulable)
                    != new.spec.as_ref().and_then(|s| s.unschedulable)
        }
        _ => true,
    }
}

/// What a node is to a DaemonSet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Suits {
    /// A pod should run there.
    Yes,
    /// A pod that is there may stay; a new one is not made (an untolerated `NoSchedule` taint).
    ToStay,
    /// No pod should be there.
    No,
}

/// One reconcile of one DaemonSet.
struct Sync<'a> {
    view: View<'a>,
    set: &'a Arc<DaemonSet>,
    spec: &'a DaemonSetSpec,
    maker: pods::Maker,
    /// Every node, by name, with what it is to the set.
    nodes: Vec<(Arc<str>, Suits)>,
    /// The set's pods by node, those that are going included.
    pods: BTreeMap<Arc<str>, Vec<Arc<Pod>>>,
    hash: String,
    back_off: BTreeMap<Arc<str>, (SimTime, u64)>,
    again: Option<u64>,
    events: Vec<Write>,
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(Object::DaemonSet(set)) = view.store.get(key) else { return Vec::new() };
    let Some(spec) = &set.spec else { return Vec::new() };
    let selector = Selector::from_api(Some(&spec.selector));
    let mut writes = Vec::new();
    if selector.is_empty() {
        let about = Object::DaemonSet(set.clone());
        let text = "This daemon set is selecting all pods. A non-empty selector is required.";
        return vec![Write::Event(Note::warning(&about, COMPONENT, "SelectingAll", text))];
    }
    if set.is_terminating() {
        return Vec::new();
    }
    let owner = Owner { kind: Kind::DaemonSet, meta: &set.metadata, selector: &selector };
    let history = history::sync(view, &owner, &spec.template, LABELS, &mut writes);
    let claimed = support::claim::<Pod>(view, &owner, |_| true, &mut writes);
    let hash = History::hash(&history.update, LABELS);
    let maker = pods::Maker::new(set, spec, &hash);
    let of = (set.uid_str().to_owned(), set.metadata.generation.unwrap_or(0));
    let before = match view.recalled {
        Some(Memory::BackOff(whose, nodes)) if *whose == of => nodes.clone(),
        _ => BTreeMap::new(),
    };
    let mut sync = Sync {
        view: *view,
        set,
        spec,
        nodes: view.store.all::<Node>().map(|n| (Arc::from(n.name_str()), maker.suits(n))).collect(),
        maker,
        pods: pods::by_node(claimed),
        hash,
        back_off: before.clone(),
        again: None,
        events: Vec::new(),
    };
    let (create, delete) = sync.manage();
    if sync.back_off != before {
        writes.push(Write::Recall(Some(Memory::BackOff(of, sync.back_off.clone()))));
    }
    let (create, delete) =
        if create.is_empty() && delete.is_empty() { sync.roll() } else { (create, delete) };
    writes.append(&mut sync.events);
    sync.act(create, delete, &mut writes);
    sync.prune(&history, &mut writes);
    sync.write_status(&mut writes);
    if let Some(after) = sync.again {
        writes.push(Write::Again(after));
    }
    writes
}

/// Nodes to make a pod for, and pods to delete.
type Work = (Vec<Arc<str>>, Vec<Arc<Pod>>);

impl Sync<'_> {
    /// One pod on each node that suits; none elsewhere, nor for nodes that are gone.
    fn manage(&mut self) -> Work {
        let (mut create, mut delete) = (Vec::new(), Vec::new());
        for (node, suits) in self.nodes.clone() {
            let pods = self.pods.get(&node).cloned().unwrap_or_default();
            match suits {
                Suits::Yes if pods.is_empty() => create.push(node),
                Suits::No => delete.extend(pods.into_iter().filter(|p| !p.is_terminating())),
                Suits::Yes | Suits::ToStay => self.keep_one(&node, &pods, &mut delete),
            }
        }
        let known: BTreeSet<&Arc<str>> = self.nodes.iter().map(|(node, _)| node).collect();
        let lost = self.pods.iter().filter(|(node, _)| !known.contains(node)).flat_map(|(_, pods)| pods);
        delete.extend(lost.filter(|p| p.spec.node_name.is_none() && !p.is_terminating()).cloned());
        (create, delete)
    }

    /// Of the pods of one node, those that ended and all but the oldest go (but an update may have two for a while).
    fn keep_one(&mut self, node: &Arc<str>, pods: &[Arc<Pod>], delete: &mut Vec<Arc<Pod>>) {
        let mut running = Vec::new();
        for pod in pods.iter().filter(|p| !p.is_terminating()) {
            let (kind, reason, verb) = match pod.status.phase.as_deref() {
                Some("Failed") => ("failed", "FailedDaemonPod", "kill"),
                Some("Succeeded") => ("succeeded", "SucceededDaemonPod", "delete"),
                _ => {
                    running.push(pod.clone());
                    continue;
                }
            };
            if kind == "failed"
                && let Some(wait) = self.wait_for_failed(node)
            {
                self.again = Some(self.again.map_or(wait, |a| a.min(wait)));
                continue;
            }
            let text = format!(
                "Found {kind} daemon pod {} on node {node}, will try to {verb} it",
                pod.object_name()
            );
            let about = Object::DaemonSet(self.set.clone());
            let note = match kind {
                "failed" => Note::warning(&about, COMPONENT, reason, text),
                _ => Note::normal(&about, COMPONENT, reason, text),
            };
            self.events.push(Write::Event(note));
            delete.push(pod.clone());
        }
        running.sort_by_key(|p| (p.spec.node_name.is_none(), p.created(), p.name_str().to_owned()));
        if self.surges() {
            self.keep_surge(&running, delete);
        } else {
            delete.extend(running.into_iter().skip(1));
        }
    }

    /// How long a failed pod stays on its node, in nanoseconds; `None` when it may go now.
    fn wait_for_failed(&mut self, node: &Arc<str>) -> Option<u64> {
        let now = self.view.now;
        let next = match self.back_off.get(node) {
            Some((last, wait)) if now.since(*last) < *wait => return Some(*wait),
            Some((last, wait)) if now.since(*last) <= 2 * FAILED_BACKOFF_MAX => {
                (wait * 2).min(FAILED_BACKOFF_MAX)
            }
            _ => FAILED_BACKOFF,
        };
        self.back_off.insert(node.clone(), (now, next));
        None
    }

    /// With surge, a new pod that is not ready yet may stand beside an old one that is.
    fn keep_surge(&self, running: &[Arc<Pod>], delete: &mut Vec<Arc<Pod>>) {
        if running.len() < 2 {
            return;
        }
        let (new, old): (Vec<_>, Vec<_>) = running.iter().partition(|p| self.is_updated(p));
        if let (Some(new), Some(old)) = (new.first(), old.first())
            && (!support::is_ready(old) || self.available(new))
        {
            delete.push(Arc::clone(old));
        }
        delete.extend(new.into_iter().skip(1).chain(old.into_iter().skip(1)).cloned());
    }

    fn act(&self, create: Vec<Arc<str>>, delete: Vec<Arc<Pod>>, writes: &mut Vec<Write>) {
        let about = Object::DaemonSet(self.set.clone());
        let created = Note::normal(&about, COMPONENT, "SuccessfulCreate", "Created pod: {name}");
        let failed = Note::warning(&about, COMPONENT, "FailedCreate", "Error creating: {error}");
        let deleted = Note::normal(&about, COMPONENT, "SuccessfulDelete", "Deleted pod: {name}");
        let make = |node: Arc<str>| Write::Create {
            object: self.maker.pod_for(&node).into_object(),
            done: Some(created.clone()),
            failed: Some(failed.clone()),
        };
        let remove = |pod: Arc<Pod>| Write::Delete {
            key: ObjectKey { kind: Kind::Pod, name: pod.object_name() },
            options: DeleteOptions::default(),
            done: Some(deleted.clone()),
        };
        if !create.is_empty() {
            writes.push(Write::SlowStart(create.into_iter().take(BURST).map(make).collect()));
        }
        writes.extend(delete.into_iter().take(BURST).map(remove));
    }

    fn is_updated(&self, pod: &Pod) -> bool {
        pod.label(HASH_LABEL) == Some(self.hash.as_str())
    }

    fn prune(&self, history: &History, writes: &mut Vec<Write>) {
        let pods = self.pods.values().flatten();
        let hashes: BTreeSet<&str> = pods.filter_map(|p| p.label(HASH_LABEL)).collect();
        let live = history.all.iter().filter(|r| {
            hashes.contains(r.label(HASH_LABEL).unwrap_or("")) || Arc::ptr_eq(r, &history.update)
        });
        let live = live.map(|r| r.name_str().to_owned()).collect();
        history.prune(&live, self.spec.revision_history_limit.unwrap_or(10), writes);
    }
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // `json!` values read best where they are passed
mod tests;
