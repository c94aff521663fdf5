//! Which pods go first when a set has too many (`ActivePodsWithRanks`).

use super::super::{View, support};
use crate::object::{Kind, ObjectMeta, Pod, SimTime, meta::MetaExt};
use k8s_openapi::api::apps::v1::ReplicaSet;
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A pod with a lower cost goes before one with a higher.
pub const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// How many active pods each node has of all the sets with the same owner: the more, the sooner a pod there goes.
pub fn related_per_node(view: &View, set: &ObjectMeta, own: &[Arc<Pod>]) -> BTreeMap<Arc<str>, usize> {
    let mut nodes = BTreeMap::new();
    let mut add = |pod: &Pod| {
        if let Some(node) = pod.spec.node_name.as_ref().filter(|_| support::is_active(pod)) {
            *nodes.entry(node.clone()).or_insert(0) += 1;
        }
    };
    for pod in own {
        add(pod);
    }
    let owner = set.owner_references.iter().flatten().find(|o| o.controller == Some(true));
    let siblings = owner.into_iter().flat_map(|o| view.store.owned_by(&o.uid));
    for sibling in
        siblings.filter(|s| s.kind() == Kind::ReplicaSet && Some(s.uid_str()) != set.uid.as_deref())
    {
        let Some(sibling) = sibling.cast::<ReplicaSet>() else { continue };
        view.store.owned::<Pod>(sibling.uid_str()).for_each(|pod| add(pod));
    }
    nodes
}

/// The `n` pods that go first.
pub fn choose(
    pods: &[Arc<Pod>],
    n: usize,
    related: &BTreeMap<Arc<str>, usize>,
    now: SimTime,
) -> Vec<Arc<Pod>> {
    let mut pods = pods.to_vec();
    if n < pods.len() {
        let rank = |p: &Pod| p.spec.node_name.as_ref().and_then(|n| related.get(n)).copied().unwrap_or(0);
        pods.sort_by(|a, b| order(a, b, now, (rank(a), rank(b))));
    }
    pods.truncate(n);
    pods
}

fn order(a: &Pod, b: &Pod, now: SimTime, ranks: (usize, usize)) -> Ordering {
    let phase = |p: &Pod| match p.status.phase.as_deref() {
        Some("Running") => 2,
        Some("Unknown") => 1,
        _ => 0,
    };
    let cost = |p: &Pod| p.annotation(DELETION_COST).and_then(|c| c.parse::<i32>().ok()).unwrap_or(0);
    let first = (a.spec.node_name.is_some().cmp(&b.spec.node_name.is_some()))
        .then_with(|| phase(a).cmp(&phase(b)))
        .then_with(|| support::is_ready(a).cmp(&support::is_ready(b)))
        .then_with(|| cost(a).cmp(&cost(b)))
        .then_with(|| ranks.1.cmp(&ranks.0));
    first
        .then_with(|| younger(support::ready_since(a), support::ready_since(b), now))
        .then_with(|| Reverse(restarts(a)).cmp(&Reverse(restarts(b))))
        .then_with(|| younger(Some(a.created()), Some(b.created()), now))
        .then_with(|| a.uid_str().cmp(b.uid_str()))
}

/// The younger goes first, where ages count by their logarithm. Moments of one rank follow no order that anybody
/// could guess, as with the real one, which asks the uids; but one that holds among three pods as among two: sorting
/// needs that.
fn younger(a: Option<SimTime>, b: Option<SimTime>, now: SimTime) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else { return a.cmp(&b) };
    let rank = |t: SimTime| now.since(t).checked_ilog2().map_or(-1, i64::from);
    let shuffled = |t: SimTime| t.0.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    rank(a).cmp(&rank(b)).then_with(|| shuffled(a).cmp(&shuffled(b)))
}

/// The most restarts of any container, and of any init container that keeps running.
fn restarts(pod: &Pod) -> (i32, i32) {
    let most = |statuses: &Option<Vec<k8s_openapi::api::core::v1::ContainerStatus>>| {
        statuses.iter().flatten().map(|c| c.restart_count).max().unwrap_or(0)
    };
    (most(&pod.status.container_statuses), most(&pod.status.init_container_statuses))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::SECOND;
    use k8s_openapi::api::core::v1::PodCondition;

    fn pod(name: &str, node: &str, phase: &str, ready_at: Option<u64>) -> Arc<Pod> {
        let mut pod = Pod::default();
        pod.metadata.name = Some(name.to_owned());
        pod.metadata.uid = Some(name.to_owned());
        pod.spec.node_name = (!node.is_empty()).then(|| Arc::from(node));
        pod.status.phase = Some(phase.to_owned());
        if let Some(at) = ready_at {
            pod.status.conditions = Some(vec![PodCondition {
                type_: "Ready".to_owned(),
                status: "True".to_owned(),
                last_transition_time: Some(SimTime(at * SECOND).to_api()),
                ..Default::default()
            }]);
        }
        Arc::new(pod)
    }

    #[test]
    fn the_least_useful_go_first() {
        let mut costly = Pod::clone(&pod("cheap", "n1", "Running", Some(10)));
        costly.metadata.annotations = Some(BTreeMap::from([(DELETION_COST.to_owned(), "-5".to_owned())]));
        let pods = [
            pod("old", "n2", "Running", Some(10)),
            pod("doubled", "n1", "Running", Some(10)),
            pod("young", "n2", "Running", Some(990)),
            pod("pending", "n1", "Pending", None),
            pod("unready", "n1", "Running", None),
            pod("unassigned", "", "Pending", None),
            Arc::new(costly),
        ];
        let related = BTreeMap::from([(Arc::from("n1"), 3), (Arc::from("n2"), 2)]);
        let all = choose(&pods, 6, &related, SimTime(1000 * SECOND));
        let names: Vec<&str> = all.iter().map(|p| p.name_str()).collect();
        assert_eq!(names, ["unassigned", "pending", "unready", "cheap", "doubled", "young"]);
    }

    #[test]
    fn hundreds_that_became_ready_within_seconds_are_ranked() {
        let pods: Vec<Arc<Pod>> = (0..300_u64)
            .map(|i| pod(&format!("p{:03}", i * 37 % 300), "n1", "Running", Some(900 + i * i % 7)))
            .collect();
        let first = choose(&pods, 100, &BTreeMap::new(), SimTime(1000 * SECOND));
        assert_eq!(first.len(), 100);
        let again = choose(&pods, 100, &BTreeMap::new(), SimTime(1000 * SECOND));
        assert_eq!(first, again);
    }
}
