//! What a cluster promises: while things happen, and at rest.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::ContainerStatus;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kubedojo::cluster::Cluster;
use kubedojo::object::meta::MetaExt;
use kubedojo::object::{Kind, Pod, SECOND, SimTime};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub fn is_ready(pod: &Pod) -> bool {
    pod.status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True")
}

/// Whether it is ready and has been for so long.
fn is_available(pod: &Pod, min_ready: Option<i32>, now: SimTime) -> bool {
    let ready = pod.status.conditions.iter().flatten().find(|c| c.type_ == "Ready" && c.status == "True");
    let since = ready.and_then(|c| c.last_transition_time.as_ref()).map(SimTime::from_api);
    let wait = u64::try_from(min_ready.unwrap_or(0)).unwrap_or(0);
    ready.is_some() && (wait == 0 || since.is_some_and(|t| t.plus_seconds(wait) <= now))
}

fn is_active(pod: &Pod) -> bool {
    !pod.is_terminating() && !matches!(pod.status.phase.as_deref(), Some("Succeeded" | "Failed"))
}

/// What is known of one Deployment.
#[derive(Default)]
struct Known {
    uid: String,
    /// How many pods there were when last looked at.
    pods: i32,
    /// The fewest that have to be available.
    floor: i32,
    /// It has, or just had, pods that may become unready by themselves.
    unsteady: bool,
    /// Another wrote, or a node failed: what it promises counts again once it is whole.
    disturbed: bool,
    /// The promise of availability alone does not count until it is whole.
    excused: bool,
}

/// Looks at the cluster again and again.
#[derive(Default)]
pub struct Watch {
    known: BTreeMap<String, Known>,
    /// Nodes that have no power. What that does to pods shows later.
    down: BTreeSet<String>,
    /// Whether any ever had none: after it containers begin anew in any order.
    dark: bool,
    seen: u64,
    ready: BTreeMap<String, bool>,
}

impl Watch {
    pub fn excuse(&mut self, name: &str) {
        self.known.entry(name.to_owned()).or_default().excused = true;
    }

    pub fn disturb(&mut self, name: &str) {
        self.known.entry(name.to_owned()).or_default().disturbed = true;
    }

    pub fn power(&mut self, node: &str, on: bool) {
        self.dark |= !on;
        if on {
            self.down.remove(node)
        } else {
            self.down.insert(node.to_owned())
        };
    }

    pub fn look(&mut self, cluster: &Cluster, seed: u64) {
        for deployment in cluster.api.store.all_in::<Deployment>("default") {
            self.look_at(cluster, deployment, seed);
        }
        self.follow_pods(cluster, seed);
        names_and_owners(cluster, seed);
        one_pod_a_node(cluster, seed);
        jobs_keep_their_size(cluster, seed);
        if !self.dark {
            sidecars_outlive(cluster, seed);
        }
    }

    fn look_at(&mut self, cluster: &Cluster, deployment: &Deployment, seed: u64) {
        let store = &cluster.api.store;
        let known = self.known.entry(deployment.name_str().to_owned()).or_default();
        if known.uid != deployment.uid_str() {
            *known =
                Known { uid: deployment.uid_str().to_owned(), unsteady: known.unsteady, ..Known::default() };
        }
        known.disturbed |= !self.down.is_empty();
        let sets: Vec<&Arc<ReplicaSet>> = store.owned::<ReplicaSet>(deployment.uid_str()).collect();
        let all = || sets.iter().flat_map(|s| store.owned::<Pod>(s.uid_str()));
        let pods = all().filter(|p| is_active(p)).count() as i32;
        let min_ready = deployment.spec.as_ref().and_then(|s| s.min_ready_seconds);
        let now = cluster.now();
        let available = all().filter(|p| is_active(p) && is_available(p, min_ready, now)).count() as i32;
        let unsteady = all().any(|p| p.spec.containers[0].image.as_deref() == Some("busybox:1.36"));
        let (most, least) = limits(deployment);
        let name = deployment.name_str();
        if !known.disturbed {
            assert!(
                pods <= most.max(known.pods),
                "seed {seed}: {name} has {pods} pods of {most}\n{}",
                recent(cluster, name)
            );
            if !known.unsteady && !unsteady && !known.excused {
                assert!(
                    available >= known.floor.min(least),
                    "seed {seed}: {name} has {available} available of {least}\n{}",
                    recent(cluster, name)
                );
            }
        }
        let replicas = deployment.spec.as_ref().and_then(|s| s.replicas).unwrap_or(1);
        known.pods = pods;
        known.unsteady = unsteady;
        known.floor = if available >= least { least } else { known.floor.min(available) };
        let one_set =
            sets.iter().filter(|s| s.spec.as_ref().and_then(|s| s.replicas) != Some(0)).count() <= 1;
        let settled =
            deployment.status.as_ref().and_then(|s| s.observed_generation) == deployment.metadata.generation;
        if pods == replicas && available == replicas && one_set && settled {
            known.disturbed = false;
            known.excused = false;
        }
    }

    /// Replays the changes: an ordered set makes a pod only when those before it are ready, and none twice.
    fn follow_pods(&mut self, cluster: &Cluster, seed: u64) {
        let store = &cluster.api.store;
        let ordered = store.find::<StatefulSet>("default", "s").is_some_and(|s| {
            s.spec.as_ref().and_then(|s| s.pod_management_policy.as_deref()) != Some("Parallel")
        });
        let first = if self.seen == 0 { store.revision().saturating_sub(2000) } else { self.seen };
        for change in store.changes_since(first).into_iter().flatten() {
            self.seen = change.revision;
            let name = change.key.name.name();
            if change.key.kind != Kind::Pod || !name.starts_with("s-") {
                continue;
            }
            let pod = change.new.as_ref().and_then(|o| o.cast::<Pod>());
            match (&change.old, pod) {
                (_, None) => drop(self.ready.remove(name)),
                (None, Some(_)) => {
                    assert!(!self.ready.contains_key(name), "seed {seed}: {name} is there twice");
                    let ordinal: usize = name[2..].parse().unwrap();
                    for before in (0..ordinal).filter(|_| ordered) {
                        let is = self.ready.get(&format!("s-{before}"));
                        assert_eq!(is, Some(&true), "seed {seed}: {name} came before s-{before} was ready");
                    }
                    self.ready.insert(name.to_owned(), false);
                }
                (Some(_), Some(pod)) => drop(self.ready.insert(name.to_owned(), is_ready(pod))),
            }
        }
        self.seen = self.seen.max(store.revision());
    }
}

/// What was written lately about a Deployment and what it owns, for a report.
fn recent(cluster: &Cluster, name: &str) -> String {
    let changes = cluster.api.store.log().iter().rev();
    let about = changes.filter(|c| c.key.kind != Kind::Event && c.key.name.name().starts_with(name)).take(40);
    let line = |c: &Arc<kubedojo::apiserver::Change>| {
        let size =
            c.new.as_ref().and_then(|o| o.cast::<ReplicaSet>()).and_then(|s| s.spec.as_ref()?.replicas);
        let pod = c.new.as_ref().and_then(|o| o.cast::<Pod>()).map(|p| (is_ready(p), p.is_terminating()));
        format!("{} {} {} {size:?} {pod:?} {}", c.at.0 / 1_000_000, c.author, c.key, c.new.is_some())
    };
    about.map(line).collect::<Vec<_>>().join("\n")
}

/// The most pods there may be, and the fewest available.
fn limits(deployment: &Deployment) -> (i32, i32) {
    let spec = deployment.spec.as_ref().unwrap();
    let replicas = spec.replicas.unwrap_or(1);
    let rolling = spec.strategy.as_ref().and_then(|s| s.rolling_update.as_ref());
    let part = |value: Option<&IntOrString>, up: bool| match value {
        Some(IntOrString::Int(n)) => *n,
        Some(IntOrString::String(text)) => {
            let percent: i32 = text.trim_end_matches('%').parse().unwrap();
            if up { (percent * replicas + 99) / 100 } else { percent * replicas / 100 }
        }
        None => 0,
    };
    let surge = part(rolling.and_then(|r| r.max_surge.as_ref()), true);
    let missing = match part(rolling.and_then(|r| r.max_unavailable.as_ref()), false) {
        0 if surge == 0 => 1,
        n => n,
    };
    (replicas + surge, (replicas - missing).max(0))
}

/// Uids are unique, and a pod's controller is there or the pod is about to go.
fn names_and_owners(cluster: &Cluster, seed: u64) {
    let mut uids = BTreeSet::new();
    for pod in cluster.api.store.all_in::<Pod>("default") {
        assert!(uids.insert(pod.uid_str()), "seed {seed}: two pods have the uid of {}", pod.name_str());
        let owners = pod.metadata.owner_references.iter().flatten();
        assert!(owners.filter(|o| o.controller == Some(true)).count() <= 1, "seed {seed}: two controllers");
    }
}

/// A DaemonSet has one pod on a node, or two while it surges.
fn one_pod_a_node(cluster: &Cluster, seed: u64) {
    let store = &cluster.api.store;
    for set in store.all_in::<DaemonSet>("default") {
        let strategy = set.spec.as_ref().and_then(|s| s.update_strategy.as_ref());
        let surge = strategy.and_then(|s| s.rolling_update.as_ref()?.max_surge.as_ref());
        let surges = surge.is_some_and(|s| *s != IntOrString::Int(0));
        let mut nodes: BTreeMap<&str, usize> = BTreeMap::new();
        for pod in store.owned::<Pod>(set.uid_str()).filter(|p| is_active(p)) {
            *nodes.entry(pod.spec.node_name.as_deref().unwrap_or("")).or_default() += 1;
        }
        let most = if surges { 2 } else { 1 };
        let full = nodes.iter().find(|(node, n)| !node.is_empty() && **n > most);
        assert!(full.is_none(), "seed {seed}: {full:?} of {}", set.name_str());
    }
}

/// A Job has no more pods at a time than it is to have, and no more successes than it asks for.
fn jobs_keep_their_size(cluster: &Cluster, seed: u64) {
    for job in cluster.api.store.all_in::<Job>("default") {
        let spec = job.spec.clone().unwrap_or_default();
        let active = cluster.api.store.owned::<Pod>(job.uid_str()).filter(|p| is_active(p)).count() as i32;
        let succeeded = job.status.as_ref().and_then(|s| s.succeeded).unwrap_or(0);
        assert!(active <= spec.parallelism.unwrap_or(1), "seed {seed}: {active} pods of a Job at a time");
        assert!(
            succeeded <= spec.completions.unwrap_or(1),
            "seed {seed}: {succeeded} pods of a Job succeeded"
        );
    }
}

/// No sidecar ends before the container that it serves.
fn sidecars_outlive(cluster: &Cluster, seed: u64) {
    let ended = |list: &Option<Vec<ContainerStatus>>| -> Vec<bool> {
        let over = |s: &ContainerStatus| s.state.as_ref().is_some_and(|s| s.terminated.is_some());
        list.iter().flatten().map(over).collect()
    };
    for pod in cluster.api.store.all_in::<Pod>("default") {
        let serves = pod.spec.containers[0].image.as_deref().is_some_and(|i| i.starts_with("nginx:1."));
        let (mains, sidecars) =
            (ended(&pod.status.container_statuses), ended(&pod.status.init_container_statuses));
        let early = sidecars.contains(&true) && mains.contains(&false);
        assert!(!serves || !early, "seed {seed}: a sidecar of {} ended first", pod.name_str());
    }
}

/// What holds when everything has come to rest.
pub fn at_rest(cluster: &Cluster, seed: u64) {
    let store = &cluster.api.store;
    for deployment in store.all_in::<Deployment>("default") {
        let wanted = deployment.spec.as_ref().and_then(|s| s.replicas).unwrap_or(1);
        let status = deployment.status.clone().unwrap_or_default();
        let counts =
            [status.replicas, status.updated_replicas, status.ready_replicas, status.available_replicas];
        assert_eq!(
            counts.map(|n| n.unwrap_or(0)),
            [wanted; 4],
            "seed {seed}: {} rests",
            deployment.name_str()
        );
    }
    for set in store.all_in::<StatefulSet>("default") {
        let wanted = set.spec.as_ref().and_then(|s| s.replicas).unwrap_or(1);
        let status = set.status.clone().unwrap_or_default();
        let counts = [Some(status.replicas), status.ready_replicas, status.updated_replicas];
        assert_eq!(counts.map(|n| n.unwrap_or(0)), [wanted; 3], "seed {seed}: {} rests", set.name_str());
    }
    for set in store.all_in::<DaemonSet>("default") {
        let status = set.status.clone().unwrap_or_default();
        let counts = [
            Some(status.current_number_scheduled),
            Some(status.number_ready),
            status.number_available,
            status.updated_number_scheduled,
        ];
        let wanted = status.desired_number_scheduled;
        assert_eq!(counts.map(|n| n.unwrap_or(0)), [wanted; 4], "seed {seed}: {} rests", set.name_str());
        assert_eq!(wanted, 3, "seed {seed}: a pod on each worker");
    }
    for job in store.all_in::<Job>("default") {
        let status = job.status.clone().unwrap_or_default();
        let over = status
            .conditions
            .iter()
            .flatten()
            .find(|c| matches!(c.type_.as_str(), "Complete" | "Failed") && c.status == "True");
        let over = over.unwrap_or_else(|| panic!("seed {seed}: a Job never ended: {status:?}"));
        let wanted = job.spec.as_ref().and_then(|s| s.completions);
        assert_eq!(over.type_ == "Complete", status.succeeded == wanted, "seed {seed}: {status:?}");
        assert_eq!(status.active.unwrap_or(0), 0, "seed {seed}: a Job that ended has pods");
    }
    for pod in store.all_in::<Pod>("default") {
        let name = pod.name_str();
        assert!(!pod.is_terminating(), "seed {seed}: {name} never went");
        assert!(pod.spec.node_name.is_some(), "seed {seed}: {name} was never placed");
        let Some(owner) = pod.controller_of() else {
            panic!("seed {seed}: {name} has no owner");
        };
        let sets = store.all_in::<ReplicaSet>("default").map(|s| s.uid_str());
        let all: BTreeSet<&str> = sets
            .chain(store.all_in::<StatefulSet>("default").map(|s| s.uid_str()))
            .chain(store.all_in::<DaemonSet>("default").map(|s| s.uid_str()))
            .chain(store.all_in::<Job>("default").map(|j| j.uid_str()))
            .collect();
        assert!(all.contains(owner.uid.as_str()), "seed {seed}: {name} is an orphan");
    }
    endpoints(cluster, seed);
    quiet(cluster, seed);
}

/// A Service's ready endpoints are the ready pods that it selects.
fn endpoints(cluster: &Cluster, seed: u64) {
    let store = &cluster.api.store;
    for app in ["d0", "d1", "d2"] {
        let pods = store.all_in::<Pod>("default").filter(|p| p.label("app") == Some(app) && is_ready(p));
        let wanted: BTreeSet<String> = pods.filter_map(|p| p.status.pod_ip.clone()).collect();
        let slices = store.all_in::<EndpointSlice>("default");
        let slices = slices.filter(|s| s.label("kubernetes.io/service-name") == Some(app));
        let ready = slices
            .flat_map(|s| s.endpoints.iter().flatten())
            .filter(|e| e.conditions.as_ref().and_then(|c| c.ready) == Some(true));
        let told: BTreeSet<String> = ready.flat_map(|e| e.addresses.iter().cloned()).collect();
        assert_eq!(told, wanted, "seed {seed}: endpoints of {app}");
    }
}

/// Nothing changes any more, but for events that expire.
fn quiet(cluster: &Cluster, seed: u64) {
    let mut later = cluster.clone();
    let before = later.api.store.revision();
    later.advance(later.now() + 120 * SECOND, usize::MAX);
    let changes = later.api.store.changes_since(before).into_iter().flatten();
    let moved: Vec<String> = changes
        .filter(|c| !matches!(c.key.kind, Kind::Event | Kind::Lease))
        .map(|c| format!("{} {}", c.author, c.key))
        .collect();
    assert!(moved.is_empty(), "seed {seed}: still {moved:?}");
}
