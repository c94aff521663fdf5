//! kube-scheduler: a queue of pods, a cycle of filters and scores, one file a plugin.
//!
//! Always holds: its view of the nodes ([`Nodes`]) follows the changes it observes and what it decided itself; one pod
//! is decided on at a time. Does not: look at pods that name another scheduler, or that have a node already.

pub mod cycle;
pub mod facts;
pub mod nodes;
pub mod plugins;
pub mod preemption;
pub mod queue;
pub mod terms;

use super::events::{self, Note};
use super::{Cluster, Wake, origin};
use crate::apiserver::{Change, DeleteOptions, Origin, Part};
use crate::object::time::MILLISECOND;
use crate::object::{
    Kind, Object, ObjectKey, ObjectName, Pod, Resource, SECOND, SimTime, hash::Stream, meta::MetaExt,
};
use cycle::{Decision, Misfit};
use facts::Facts;
use imbl::OrdMap;
use k8s_openapi::api::core::v1::{PodCondition, PodSpec};
use nodes::Nodes;
use plugins::{Event, PLUGINS, volume_binding};
use preemption::Preemption;
use queue::{Place, Queue, Queued};
use std::sync::Arc;

/// The scheduler that pods name when they name none.
const NAME: &str = "default-scheduler";
const AUTHOR: &str = "system:kube-scheduler";
/// How long one decision takes, the binding included. A model of a quiet cluster.
const DECISION: u64 = MILLISECOND;
/// How long a pod waits for its claims to be bound.
const BIND_TIMEOUT: u64 = 600 * SECOND;
/// The most characters of an event's message.
const NOTE_LIMIT: usize = 1024;

/// The scheduler's queue and its view of the nodes.
#[derive(Clone, Debug)]
pub struct Scheduler {
    queue: Queue,
    nodes: Nodes,
    random: Stream,
    /// Where the next cycle begins to look at nodes.
    start: usize,
    due: Option<SimTime>,
    nominated: OrdMap<ObjectName, Nominated>,
    binding: OrdMap<ObjectName, Binding>,
}

/// A pod for which others are pushed out of a node.
#[derive(Clone, Debug)]
struct Nominated {
    node: Arc<str>,
    facts: Arc<Facts>,
}

/// A pod that has its node and waits for its claims.
#[derive(Clone, Debug)]
struct Binding {
    node: Arc<str>,
    deadline: SimTime,
    queued: Queued,
}

impl Scheduler {
    /// An empty queue.
    pub fn new(seed: u64) -> Self {
        Self {
            queue: Queue::default(),
            nodes: Nodes::default(),
            random: Stream::new(seed, "scheduler", "ties"),
            start: 0,
            due: None,
            nominated: OrdMap::new(),
            binding: OrdMap::new(),
        }
    }

    /// What the placing of a pod depends on in its spec: read once for all pods that share it.
    pub fn facts(&mut self, spec: &Arc<PodSpec>) -> Arc<Facts> {
        self.nodes.facts(spec)
    }
}

/// Takes in a change: pods that wait, nodes and volumes that may let one fit.
pub fn observe(cluster: &mut Cluster, change: &Change) {
    match change.key.kind {
        Kind::Pod => observe_pod(cluster, change),
        Kind::Node => observe_node(cluster, change),
        Kind::PersistentVolumeClaim | Kind::PersistentVolume | Kind::StorageClass => {
            if let Some(object) = &change.new {
                revive(cluster, &Event::Storage(object), change.revision);
            }
            if change.key.kind == Kind::PersistentVolumeClaim && !cluster.scheduler.binding.is_empty() {
                wake(cluster, cluster.api.now + DECISION);
            }
        }
        _ => return,
    }
    arm(cluster);
}

fn observe_node(cluster: &mut Cluster, change: &Change) {
    let Cluster { scheduler, api, .. } = cluster;
    let name = change.key.name.name();
    let Some(Object::Node(node)) = &change.new else {
        scheduler.nodes.remove_node(name);
        return;
    };
    let known = scheduler.nodes.get(name).is_some();
    scheduler.nodes.set_node(node, &api.store);
    let Some(info) = scheduler.nodes.get(name).cloned() else { return };
    match &change.old {
        Some(Object::Node(old)) if known => {
            let old = old.clone();
            revive(cluster, &Event::NodeChanged(&old, &info), change.revision);
        }
        _ => revive(cluster, &Event::NodeAdded(&info), change.revision),
    }
}

fn observe_pod(cluster: &mut Cluster, change: &Change) {
    let old = change.old.as_ref().and_then(|o| o.cast::<Pod>());
    let new = change.new.as_ref().and_then(|o| o.cast::<Pod>());
    let name = &change.key.name;
    let now = cluster.api.now;
    if let Some(pod) = new
        && pod.spec.node_name.is_none()
    {
        observe_waiting(cluster, name, old, pod, change.revision);
        return;
    }
    // One that had its node before waits no more.
    if old.is_none_or(|o| o.spec.node_name.is_none()) {
        cluster.scheduler.queue.remove(name);
        cluster.scheduler.nominated.remove(name);
    }
    if let Some(binding) = cluster.scheduler.binding.remove(name) {
        cluster.scheduler.nodes.take(name, &binding.node);
        wake(cluster, now + DECISION);
    }
    let counted =
        |pod: Option<&Arc<Pod>>| pod.filter(|p| !nodes::ended(p)).and_then(|p| p.spec.node_name.clone());
    let (before, after) = (counted(old), counted(new));
    if let (Some(o), Some(n), true) = (old, new, before == after) {
        let same = Arc::ptr_eq(&o.spec.shared, &n.spec.shared)
            && o.is_terminating() == n.is_terminating()
            && o.metadata.labels == n.metadata.labels;
        if same {
            return;
        }
    }
    if let Some(node) = &before {
        cluster.scheduler.nodes.take(name, node);
    }
    if let (Some(node), Some(pod)) = (&after, new) {
        cluster.scheduler.nodes.place(pod, node);
    }
    if let Some(gone) = old.filter(|_| before.is_some() && after.is_none()) {
        let facts = cluster.scheduler.nodes.facts(&gone.spec.shared);
        revive(cluster, &Event::PodGone(&facts), change.revision);
    } else if after.is_some() && before.is_none() {
        revive(cluster, &Event::PodPlaced, change.revision);
    }
}

/// A pod without a node was added or changed.
fn observe_waiting(
    cluster: &mut Cluster,
    name: &ObjectName,
    old: Option<&Arc<Pod>>,
    pod: &Arc<Pod>,
    revision: u64,
) {
    let now = cluster.api.now;
    let scheduler = &mut cluster.scheduler;
    let ours = pod.spec.scheduler_name.as_deref().unwrap_or(NAME) == NAME;
    if !ours || pod.is_terminating() || nodes::ended(pod) {
        scheduler.queue.remove(name);
        scheduler.nominated.remove(name);
        return;
    }
    if scheduler.binding.contains_key(name) {
        return;
    }
    let gated = pod.spec.scheduling_gates.as_ref().is_some_and(|g| !g.is_empty());
    let queued = scheduler.queue.get(name).map(|q| q.place);
    let changed = old.is_none_or(|o| {
        !Arc::ptr_eq(&o.spec.shared, &pod.spec.shared) && o.spec != pod.spec
            || o.metadata.labels != pod.metadata.labels
    });
    match queued {
        None => scheduler.queue.add(name, pod.spec.priority.unwrap_or(0), gated, now, revision),
        Some(Place::Gated) if !gated => {
            scheduler.queue.add(name, pod.spec.priority.unwrap_or(0), false, now, revision);
        }
        Some(Place::Unschedulable(_)) if changed => scheduler.queue.revive(name, now, Some(revision)),
        _ => {}
    }
}

/// Lets those waiting pods try again for which the event may help.
fn revive(cluster: &mut Cluster, event: &Event, revision: u64) {
    let Cluster { scheduler, api, .. } = cluster;
    let waiting: Vec<(ObjectName, queue::PluginSet)> =
        scheduler.queue.waiting().map(|(name, q)| (name.clone(), q.refused_by)).collect();
    for (name, refused_by) in waiting {
        let Some(pod) = api.store.fetch::<Pod>(&name) else { continue };
        let facts = scheduler.nodes.facts(&pod.spec.shared);
        let mut plugins = PLUGINS.iter().enumerate().filter(|(at, _)| refused_by & (1 << at) != 0);
        if refused_by == 0 || plugins.any(|(_, p)| (p.helped)(event, pod, &facts)) {
            scheduler.queue.revive(&name, api.now, Some(revision));
        }
    }
}

/// Sets the next wake, if there is anything to do.
fn arm(cluster: &mut Cluster) {
    let now = cluster.api.now;
    let deadline = cluster.scheduler.binding.values().map(|b| b.deadline).min();
    let next = cluster.scheduler.queue.next(now);
    if let Some(at) = next.into_iter().chain(deadline).min() {
        wake(cluster, at.max(now + DECISION));
    }
}

fn wake(cluster: &mut Cluster, at: SimTime) {
    if cluster.scheduler.due.is_none_or(|due| at < due) {
        cluster.scheduler.due = Some(at);
        cluster.queue.push(at, Wake::Scheduler);
    }
}

/// Schedules what is due in the queue.
pub fn run(cluster: &mut Cluster) {
    let now = cluster.api.now;
    if cluster.scheduler.due.is_none_or(|due| due > now) {
        return; // another wake stands for this one
    }
    cluster.scheduler.due = None;
    finish_bindings(cluster);
    if let Some((name, queued)) = cluster.scheduler.queue.pop(now) {
        schedule(cluster, &name, queued);
    }
    arm(cluster);
}

fn schedule(cluster: &mut Cluster, name: &ObjectName, queued: Queued) {
    let Some(pod) = cluster.api.store.fetch::<Pod>(name).cloned() else { return };
    if pod.spec.node_name.is_some() || pod.is_terminating() {
        return;
    }
    let origin = origin(AUTHOR, queued.cause);
    let Cluster { scheduler, api, .. } = cluster;
    let facts = scheduler.nodes.facts(&pod.spec.shared);
    match cycle::decide(scheduler, &api.store, &pod, &facts) {
        Decision::Node(node, assignments) if assignments.is_empty() => {
            bind(cluster, name, &node, queued, &origin);
        }
        Decision::Node(node, assignments) => {
            scheduler.nodes.place(&pod, &node);
            let deadline = api.now + BIND_TIMEOUT;
            scheduler.binding.insert(name.clone(), Binding { node: node.clone(), deadline, queued });
            for assignment in &assignments {
                // A write that fails leaves the claim unbound; the deadline then ends the wait.
                api.update(volume_binding::written(assignment, &node), Part::Spec, &origin, false).ok();
            }
        }
        Decision::Nowhere(misfit) => nowhere(cluster, &pod, &facts, misfit, queued),
    }
}

fn bind(cluster: &mut Cluster, name: &ObjectName, node: &Arc<str>, queued: Queued, origin: &Origin) {
    let key = ObjectKey { kind: Kind::Pod, name: name.clone() };
    match cluster.api.bind(&key, node, origin) {
        Ok(()) => {
            let Some(object) = cluster.api.store.get(&key).cloned() else { return };
            let text = format!("Successfully assigned {name} to {node}");
            let mut note = Note::normal(&object, NAME, "Scheduled", text);
            note.action = Some("Binding");
            events::record(cluster, &note, origin);
        }
        Err(error) if matches!(error.code, 404 | 409) => {} // it is gone, or bound already
        Err(error) => fail(cluster, name, queued, "SchedulerError", &error.message, origin),
    }
}

/// Binds the pods whose claims are bound by now.
fn finish_bindings(cluster: &mut Cluster) {
    let now = cluster.api.now;
    for (name, binding) in cluster.scheduler.binding.clone() {
        let Cluster { scheduler, api, .. } = cluster;
        let Some(pod) = api.store.fetch::<Pod>(&name) else { continue };
        let facts = scheduler.nodes.facts(&pod.spec.shared);
        let bound = volume_binding::all_bound(&api.store, pod, &facts);
        if bound == Some(false) && now < binding.deadline {
            continue;
        }
        scheduler.binding.remove(&name);
        scheduler.nodes.take(&name, &binding.node);
        let origin = origin(AUTHOR, binding.queued.cause);
        if bound == Some(true) {
            bind(cluster, &name, &binding.node, binding.queued, &origin);
        } else {
            let why = "binding volumes: context deadline exceeded";
            fail(cluster, &name, binding.queued, "SchedulerError", why, &origin);
        }
    }
}

/// No node will do: perhaps others can be pushed out; the pod waits.
fn nowhere(
    cluster: &mut Cluster,
    pod: &Arc<Pod>,
    facts: &Arc<Facts>,
    mut misfit: Misfit,
    mut queued: Queued,
) {
    let origin = origin(AUTHOR, queued.cause);
    let name = pod.object_name();
    let mut victims = None;
    if misfit.beforehand.is_none() && misfit.nodes > 0 {
        let Cluster { scheduler, api, .. } = cluster;
        match preemption::preempt(scheduler, &api.store, pod, facts, &misfit) {
            Preemption::Victims(node, pods) => victims = Some((node, pods)),
            Preemption::No(text) => {
                misfit.afterwards = format!("no new claims to deallocate, preemption: {text}");
            }
        }
    }
    queued.refused_by = misfit.plugins;
    let now = cluster.api.now;
    cluster.scheduler.queue.put_back(&name, queued, Place::Unschedulable(now), now);
    let message = misfit.message();
    failed_event(cluster, pod, &message, &origin);
    let node = victims.as_ref().map(|(node, _)| node.clone());
    let waits = misfit.afterwards.contains("terminating pod on the nominated node");
    match &node {
        Some(node) => {
            let nominated = Nominated { node: node.clone(), facts: facts.clone() };
            cluster.scheduler.nominated.insert(name.clone(), nominated);
        }
        None if !waits => {
            cluster.scheduler.nominated.remove(&name);
        }
        None => {}
    }
    let nominated = if waits { pod.status.nominated_node_name.clone() } else { node.map(|n| n.to_string()) };
    unscheduled(cluster, &name, "Unschedulable", message, nominated, &origin);
    if let Some((node, pods)) = victims {
        for victim in pods {
            push_out(cluster, pod, &victim, &node, &origin);
        }
    }
}

/// Something went wrong: the pod backs off.
fn fail(cluster: &mut Cluster, name: &ObjectName, queued: Queued, reason: &str, why: &str, origin: &Origin) {
    let now = cluster.api.now;
    let Some(pod) = cluster.api.store.fetch::<Pod>(name).cloned() else { return };
    let until = queue::backoff_after(&queued).max(now + SECOND);
    cluster.scheduler.queue.put_back(name, queued, Place::Error(until), now);
    failed_event(cluster, &pod, why, origin);
    unscheduled(cluster, name, reason, why.to_owned(), None, origin);
}

fn failed_event(cluster: &mut Cluster, pod: &Arc<Pod>, message: &str, origin: &Origin) {
    let mut text = message.to_owned();
    if text.len() > NOTE_LIMIT {
        let cut = (0..=NOTE_LIMIT - 4).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(cut);
        text.push_str(" ...");
    }
    let mut note = Note::warning(&Object::Pod(pod.clone()), NAME, "FailedScheduling", text);
    note.action = Some("Scheduling");
    events::record(cluster, &note, origin);
}

/// Writes the pod's `PodScheduled` condition and the node that was nominated for it.
fn unscheduled(
    cluster: &mut Cluster,
    name: &ObjectName,
    reason: &str,
    message: String,
    nominated: Option<String>,
    origin: &Origin,
) {
    let now = cluster.api.now;
    let Some(pod) = cluster.api.store.fetch::<Pod>(name) else { return };
    let mut pod = Pod::clone(pod);
    let wanted = PodCondition {
        type_: "PodScheduled".to_owned(),
        status: "False".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        observed_generation: pod.metadata.generation,
        ..PodCondition::default()
    };
    set_condition(&mut pod, wanted, now);
    pod.status.nominated_node_name = nominated;
    // A pod that was deleted meanwhile needs no condition.
    cluster.api.update(pod.into_object(), Part::Status, origin, false).ok();
}

/// Sets a condition; its transition time changes with its status only.
fn set_condition(pod: &mut Pod, mut wanted: PodCondition, now: SimTime) {
    let conditions = pod.status.conditions.get_or_insert_default();
    let there = conditions.iter_mut().find(|c| c.type_ == wanted.type_);
    wanted.last_transition_time = match &there {
        Some(old) if old.status == wanted.status => old.last_transition_time.clone(),
        _ => Some(now.to_api()),
    };
    match there {
        Some(old) => *old = wanted,
        None => conditions.push(wanted),
    }
}

/// Deletes a pod in favour of one of higher priority.
fn push_out(cluster: &mut Cluster, pod: &Pod, victim: &ObjectName, node: &str, origin: &Origin) {
    let key = ObjectKey { kind: Kind::Pod, name: victim.clone() };
    let Some(object) = cluster.api.store.fetch::<Pod>(victim) else { return };
    let mut marked = Pod::clone(object);
    let now = cluster.api.now;
    let text = format!("{NAME}: preempting to accommodate a higher priority pod");
    let generation = marked.metadata.generation;
    marked.mark_disrupted(preemption::REASON, &text, generation, now);
    let object = marked.clone().into_object();
    cluster.api.update(marked.into_object(), Part::Status, origin, false).ok();
    if cluster.api.delete(&key, &DeleteOptions::default(), origin).is_ok() {
        let text = format!("Preempted by pod {} on node {node}", pod.uid_str());
        let mut note = Note::normal(&object, NAME, "Preempted", text);
        note.action = Some("Preempting");
        events::record(cluster, &note, origin);
    }
}

#[cfg(test)]
mod tests;
