//! The EndpointSlice controller, and the one that mirrors Endpoints of Services without a selector.
//!
//! Always holds: endpoints that stay keep their slice and their place in it; a slice has at most [`LIMIT`], and keeps its
//! name when others move in. From `staging/src/k8s.io/endpointslice`.

use super::service_pods::{self, HEADLESS};
use super::{Controller, Keys, View, Write, support};
use crate::apiserver::{Change, DeleteOptions};
use crate::object::{Kind, ObjectKey, ObjectMeta, Pod, Resource, meta::MetaExt, meta::owner_ref};
use k8s_openapi::api::core::v1::{EndpointAddress, EndpointSubset, Endpoints, Node, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// `endpointslice-controller` in the table.
pub const CONTROLLER: Controller = Controller { name: "endpointslice-controller", watch, reconcile };
/// `endpointslicemirroring-controller` in the table.
pub const MIRRORING: Controller =
    Controller { name: "endpointslicemirroring-controller", watch: watch_endpoints, reconcile: mirror };

/// How many endpoints a slice has at most.
pub const LIMIT: usize = 100;
const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const BY_CONTROLLER: &str = "endpointslice-controller.k8s.io";
const BY_MIRRORING: &str = "endpointslicemirroring-controller.k8s.io";
const SKIP_MIRROR: &str = "endpointslice.kubernetes.io/skip-mirror";
const ENDPOINTS_MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    match change.key.kind {
        Kind::Service if change.new.is_some() => keys.push(change.key.clone()),
        Kind::Pod => service_pods::push_services(change, view, keys),
        Kind::EndpointSlice if change.new.is_none() => {
            push_service(change, BY_CONTROLLER, Kind::Service, keys);
        }
        _ => {}
    }
}

fn watch_endpoints(change: &Change, _: &View, keys: &mut Keys) {
    match change.key.kind {
        Kind::Service | Kind::Endpoints => {
            keys.push(ObjectKey { kind: Kind::Endpoints, name: change.key.name.clone() });
        }
        Kind::EndpointSlice if change.new.is_none() => {
            push_service(change, BY_MIRRORING, Kind::Endpoints, keys);
        }
        _ => {}
    }
}

fn push_service(change: &Change, manager: &str, kind: Kind, keys: &mut Keys) {
    let Some(slice) = &change.old else { return };
    if let Some(name) = slice.label(SERVICE_NAME).filter(|_| slice.label(MANAGED_BY) == Some(manager)) {
        keys.push(ObjectKey::new(kind, change.key.name.namespace(), name));
    }
}

/// The slices that a controller keeps for a Service, by name.
fn slices(view: &View, service: &ObjectKey, manager: &str) -> Vec<Arc<EndpointSlice>> {
    let (namespace, name) = (service.name.namespace(), service.name.name());
    view.store
        .all_in::<EndpointSlice>(namespace)
        .filter(|s| s.label(SERVICE_NAME) == Some(name) && s.label(MANAGED_BY) == Some(manager))
        .cloned()
        .collect()
}

type Ports = Vec<EndpointPort>;

/// The endpoints that a Service should have, in groups of the same ports.
type Wanted = Vec<(Ports, Vec<Endpoint>)>;

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let forget = || view.recalled.map(|_| Write::Recall(None)).into_iter().collect();
    let Some(service) = view.store.fetch::<Service>(&key.name) else { return forget() };
    let Some(selector) = service_pods::selector(service) else { return forget() };
    if service.is_terminating() {
        return forget();
    }
    let mut wanted: Wanted = Vec::new();
    for pod in service_pods::pods(view, service, &selector) {
        let ports = ports(service, pod);
        if ports.is_empty() && !service_pods::is_headless(service) {
            continue;
        }
        let endpoint = endpoint(view, service, pod);
        match wanted.iter_mut().find(|(p, _)| *p == ports) {
            Some((_, list)) => list.push(endpoint),
            None => wanted.push((ports, vec![endpoint])),
        }
    }
    let (trigger, remember) = service_pods::trigger(view, service, &selector);
    let model = Model {
        metadata: metadata(service, owner_ref(Kind::Service, &service.metadata), BY_CONTROLLER),
        existing: slices(view, key, BY_CONTROLLER),
        trigger: trigger.map(|at| at.to_api().0.to_string()),
        at_least_one: true,
    };
    let mut writes = vec![remember];
    writes.extend(model.distribute(wanted));
    writes
}

fn metadata(service: &Service, owner: crate::object::OwnerReference, manager: &str) -> ObjectMeta {
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.remove(HEADLESS);
    labels.insert(SERVICE_NAME.to_owned(), service.name_str().to_owned());
    labels.insert(MANAGED_BY.to_owned(), manager.to_owned());
    if service_pods::is_headless(service) && manager == BY_CONTROLLER {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    ObjectMeta {
        generate_name: Some(format!("{}-", service.name_str())),
        namespace: service.metadata.namespace.clone(),
        labels: Some(labels),
        owner_references: Some(vec![owner]),
        ..ObjectMeta::default()
    }
}

fn ports(service: &Service, pod: &Pod) -> Ports {
    let wanted = service.spec.iter().flat_map(|s| s.ports.iter().flatten());
    let port = |p: &k8s_openapi::api::core::v1::ServicePort| {
        Some(EndpointPort {
            app_protocol: p.app_protocol.clone(),
            name: Some(p.name.clone().unwrap_or_default()),
            port: Some(service_pods::target_port(pod, p)?),
            protocol: Some(p.protocol.clone().unwrap_or_else(|| "TCP".to_owned())),
        })
    };
    wanted.filter_map(port).collect()
}

fn endpoint(view: &View, service: &Service, pod: &Pod) -> Endpoint {
    let (serving, terminating) = (support::is_ready(pod), pod.is_terminating());
    let ready = service_pods::publishes_unready(service) || (serving && !terminating);
    let node = pod.spec.node_name.as_deref();
    let zone = node.and_then(|n| {
        view.store.find::<Node>("", n)?.label("topology.kubernetes.io/zone").map(str::to_owned)
    });
    Endpoint {
        addresses: vec![pod.status.pod_ip.clone().unwrap_or_default()],
        conditions: Some(EndpointConditions {
            ready: Some(ready),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        hostname: service_pods::hostname(pod, service),
        node_name: node.map(str::to_owned),
        target_ref: Some(service_pods::target(pod)),
        zone,
        ..Endpoint::default()
    }
}

/// What the slices of a Service are made from.
struct Model {
    metadata: ObjectMeta,
    existing: Vec<Arc<EndpointSlice>>,
    /// The annotation that tells what led to a change.
    trigger: Option<String>,
    /// Whether an empty slice stands for no endpoints.
    at_least_one: bool,
}

/// What is to happen to the slices of a Service.
#[derive(Default)]
struct Plan {
    create: Vec<EndpointSlice>,
    update: Vec<EndpointSlice>,
    delete: Vec<Arc<EndpointSlice>>,
}

/// Whom an endpoint stands for: the pod, or the address.
fn identity(endpoint: &Endpoint) -> (Option<String>, Option<String>) {
    let uid = endpoint.target_ref.as_ref().and_then(|t| t.uid.clone());
    (uid, endpoint.addresses.first().cloned())
}

fn length(slice: &EndpointSlice) -> usize {
    slice.endpoints.as_ref().map_or(0, Vec::len)
}

impl Model {
    fn distribute(&self, wanted: Wanted) -> Vec<Write> {
        let mut plan = Plan::default();
        let of = |slice: &EndpointSlice, ports: &Ports| slice.ports.as_deref().unwrap_or_default() == ports;
        let there = || self.existing.iter().filter(|s| !s.is_terminating());
        for slice in there().filter(|s| !wanted.iter().any(|(ports, _)| of(s, ports))) {
            plan.delete.push(slice.clone());
        }
        for (ports, endpoints) in wanted {
            let ours = there().filter(|s| of(s, &ports)).cloned().collect();
            self.distribute_group(&ports, endpoints, ours, &mut plan);
        }
        if self.at_least_one && plan.create.is_empty() && plan.delete.len() == there().count() {
            let placeholder = self.empty(&Vec::new());
            let same = |s: &EndpointSlice| {
                length(s) == 0 && of(s, &Vec::new()) && s.metadata.labels == placeholder.metadata.labels
            };
            if let [only] = plan.delete.as_slice()
                && same(only)
            {
                plan.delete.clear();
            } else {
                plan.create.push(placeholder);
            }
        }
        self.carried_out(plan)
    }

    /// Endpoints of the same ports. Slices that change anyway are filled up first, the fullest before the others; what
    /// is left then goes into the one slice that it just fits in, or into new ones.
    fn distribute_group(
        &self,
        ports: &Ports,
        endpoints: Vec<Endpoint>,
        ours: Vec<Arc<EndpointSlice>>,
        plan: &mut Plan,
    ) {
        let order: Vec<_> = endpoints.iter().map(identity).collect();
        let mut rest: BTreeMap<_, Endpoint> = order.iter().cloned().zip(endpoints).collect();
        let (mut update, mut keep) = (Vec::new(), Vec::new());
        for slice in ours {
            let before = slice.endpoints.as_deref().unwrap_or_default();
            let list: Vec<Endpoint> = before.iter().filter_map(|e| rest.remove(&identity(e))).collect();
            if list.is_empty() && !before.is_empty() {
                plan.delete.push(slice);
                continue;
            }
            let changed = list != before || slice.metadata.labels != self.metadata.labels;
            let mut slice = EndpointSlice::clone(&slice);
            slice.endpoints = Some(list).filter(|list| !list.is_empty());
            if changed { update.push(slice) } else { keep.push(slice) }
        }
        let mut new: VecDeque<Endpoint> = order.iter().filter_map(|id| rest.remove(id)).collect();
        update.sort_by_key(|slice| Reverse(length(slice)));
        for slice in &mut update {
            fill(slice, &mut new);
        }
        while !new.is_empty() {
            let room = |slice: &EndpointSlice| LIMIT.checked_sub(length(slice) + new.len());
            let closest = (0..keep.len()).filter(|at| room(&keep[*at]).is_some_and(|left| left < LIMIT));
            if let Some(at) = closest.min_by_key(|at| room(&keep[*at])) {
                let mut slice = keep.remove(at);
                fill(&mut slice, &mut new);
                update.push(slice);
            } else {
                let mut slice = self.empty(ports);
                fill(&mut slice, &mut new);
                plan.create.push(slice);
            }
        }
        plan.update.extend(update);
    }

    fn empty(&self, ports: &Ports) -> EndpointSlice {
        EndpointSlice {
            address_type: "IPv4".to_owned(),
            endpoints: None,
            metadata: self.metadata.clone(),
            ports: Some(ports.clone()).filter(|p| !p.is_empty()),
        }
    }

    /// The writes of a plan. Rather than deleted, a slice becomes one that would be created: it keeps its name.
    fn carried_out(&self, mut plan: Plan) -> Vec<Write> {
        let mut gone = Vec::new();
        for slice in plan.delete {
            let Some(new) = plan.create.pop() else {
                gone.push(slice);
                continue;
            };
            let mut slice = EndpointSlice::clone(&slice);
            (slice.endpoints, slice.ports) = (new.endpoints, new.ports);
            slice.metadata.owner_references = new.metadata.owner_references;
            slice.metadata.annotations = None;
            plan.update.push(slice);
        }
        let create = plan.create.into_iter().map(|mut slice| {
            self.stamp(&mut slice);
            Write::Create { object: slice.into_object(), done: None, failed: None }
        });
        let update = plan.update.into_iter().map(|mut slice| {
            slice.metadata.labels.clone_from(&self.metadata.labels);
            self.stamp(&mut slice);
            Write::Update(slice.into_object())
        });
        create.chain(update).chain(gone.iter().map(|slice| delete(slice))).collect()
    }

    fn stamp(&self, slice: &mut EndpointSlice) {
        let annotations = slice.metadata.annotations.get_or_insert_default();
        match &self.trigger {
            Some(trigger) => annotations.insert(TRIGGER_TIME.to_owned(), trigger.clone()),
            None => annotations.remove(TRIGGER_TIME),
        };
        if annotations.is_empty() {
            slice.metadata.annotations = None;
        }
    }
}

/// Moves endpoints into a slice until it is full.
fn fill(slice: &mut EndpointSlice, new: &mut VecDeque<Endpoint>) {
    let room = new.len().min(LIMIT.saturating_sub(length(slice)));
    if room > 0 {
        slice.endpoints.get_or_insert_default().extend(new.drain(..room));
    }
}

fn delete(slice: &EndpointSlice) -> Write {
    let key = ObjectKey { kind: Kind::EndpointSlice, name: slice.object_name() };
    Write::Delete { key, options: DeleteOptions::default(), done: None }
}

/// Slices for Endpoints that somebody wrote for a Service without a selector.
fn mirror(view: &View, key: &ObjectKey) -> Vec<Write> {
    let existing = slices(view, key, BY_MIRRORING);
    let nothing = || existing.iter().map(|s| delete(s)).collect::<Vec<_>>();
    let (Some(endpoints), Some(service)) =
        (view.store.fetch::<Endpoints>(&key.name), view.store.fetch::<Service>(&key.name))
    else {
        return nothing();
    };
    let has_selector = service.spec.as_ref().and_then(|s| s.selector.as_ref()).is_some_and(|s| !s.is_empty());
    let skipped = endpoints.label(SKIP_MIRROR) == Some("true")
        || endpoints.label(ENDPOINTS_MANAGED_BY).is_some()
        || endpoints.annotation("control-plane.alpha.kubernetes.io/leader").is_some();
    if has_selector || skipped {
        return nothing();
    }
    let mut wanted: Wanted = Vec::new();
    for subset in endpoints.subsets.iter().flatten() {
        let ready = subset.addresses.iter().flatten().map(|a| mirrored(a, true));
        let unready = subset.not_ready_addresses.iter().flatten().map(|a| mirrored(a, false));
        let list: Vec<Endpoint> = ready.chain(unready).take(1000).collect();
        if !list.is_empty() {
            wanted.push((mirrored_ports(subset), list));
        }
    }
    let mut metadata = metadata(service, owner_ref(Kind::Endpoints, &endpoints.metadata), BY_MIRRORING);
    let mut labels = endpoints.metadata.labels.clone().unwrap_or_default();
    for key in [SERVICE_NAME, MANAGED_BY] {
        if let Some(value) = metadata.labels.as_ref().and_then(|l| l.get(key)) {
            labels.insert(key.to_owned(), value.clone());
        }
    }
    metadata.labels = Some(labels);
    let trigger = endpoints.annotation(TRIGGER_TIME).map(str::to_owned);
    Model { metadata, existing, trigger, at_least_one: false }.distribute(wanted)
}

fn mirrored(address: &EndpointAddress, ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![address.ip.clone()],
        conditions: Some(EndpointConditions { ready: Some(ready), ..EndpointConditions::default() }),
        hostname: address.hostname.clone(),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    }
}

fn mirrored_ports(subset: &EndpointSubset) -> Ports {
    let port = |p: &k8s_openapi::api::core::v1::EndpointPort| EndpointPort {
        app_protocol: p.app_protocol.clone(),
        name: Some(p.name.clone().unwrap_or_default()),
        port: Some(p.port),
        protocol: Some(p.protocol.clone().unwrap_or_else(|| "TCP".to_owned())),
    };
    subset.ports.iter().flatten().map(port).collect()
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value)] // `json!` values read best where they are passed
mod tests {
    use super::super::lab::{Lab, lab};
    use super::*;
    use serde_json::json;

    fn pod(lab: &mut Lab, name: &str, ip: &str, port: i32) {
        lab.create(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "shop"}},
            "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"name": "http", "containerPort": port}]}]}
        }));
        lab.place(name, "n1", ip);
    }

    fn service(lab: &mut Lab, target: serde_json::Value) {
        lab.create(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop", "labels": {"team": "a"}},
            "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": target, "protocol": "TCP"}]}
        }));
    }

    fn seen(lab: &Lab) -> Vec<String> {
        let text = |s: &Arc<EndpointSlice>| {
            let ports: Vec<i32> = s.ports.iter().flatten().filter_map(|p| p.port).collect();
            let endpoint = |e: &Endpoint| {
                let c = e.conditions.clone().unwrap_or_default();
                let flag = |name: &str, on: Option<bool>| {
                    if on == Some(true) { name.to_owned() } else { String::new() }
                };
                let flags = flag("r", c.ready) + &flag("s", c.serving) + &flag("t", c.terminating);
                format!("{}:{flags}", e.addresses[0])
            };
            let list: Vec<String> = s.endpoints.iter().flatten().map(endpoint).collect();
            format!("{ports:?} {}", list.join(" "))
        };
        let mut slices = lab.all::<EndpointSlice>();
        slices.retain(|s| s.label(SERVICE_NAME) == Some("shop"));
        slices.iter().map(text).collect()
    }

    #[test]
    fn slices_follow_readiness_and_publish_not_ready() {
        let mut lab = lab();
        service(&mut lab, json!(80));
        lab.advance(100);
        assert_eq!(seen(&lab), ["[] "]);
        pod(&mut lab, "a", "10.244.1.5", 80);
        pod(&mut lab, "b", "10.244.1.6", 80);
        lab.pod_ready("a", true).pod_ready("b", false).advance(100);
        assert_eq!(seen(&lab), ["[80] 10.244.1.5:rs 10.244.1.6:"]);
        lab.edit::<Service>("shop", |s| {
            s.spec.get_or_insert_default().publish_not_ready_addresses = Some(true);
        });
        lab.advance(100);
        assert_eq!(seen(&lab), ["[80] 10.244.1.5:rs 10.244.1.6:r"]);
        lab.delete(Kind::Pod, "a", &DeleteOptions::default()).advance(100);
        assert_eq!(seen(&lab), ["[80] 10.244.1.5:rst 10.244.1.6:r"]);
        let endpoints = lab.get::<Endpoints>("shop");
        assert_eq!(endpoints.label(ENDPOINTS_MANAGED_BY), Some("endpoint-controller"));
        assert_eq!(endpoints.subsets.iter().flatten().count(), 1);
    }

    #[test]
    fn named_ports_split_slices() {
        let mut lab = lab();
        service(&mut lab, json!("http"));
        pod(&mut lab, "a", "10.244.1.5", 8080);
        pod(&mut lab, "b", "10.244.1.6", 9090);
        lab.pods_ready().advance(100);
        let mut all = seen(&lab);
        all.sort();
        assert_eq!(all, ["[8080] 10.244.1.5:rs", "[9090] 10.244.1.6:rs"]);
        assert_eq!(lab.get::<Endpoints>("shop").subsets.iter().flatten().count(), 2);
    }

    #[test]
    fn a_slice_keeps_its_name_when_all_else_changes() {
        let mut lab = lab();
        service(&mut lab, json!(80));
        lab.advance(100);
        let of_shop = |lab: &Lab| -> Arc<EndpointSlice> {
            let mut slices = lab.all::<EndpointSlice>();
            slices.retain(|s| s.label(SERVICE_NAME) == Some("shop"));
            assert_eq!(slices.len(), 1);
            slices.remove(0)
        };
        let first = of_shop(&lab);
        pod(&mut lab, "a", "10.244.1.5", 80);
        lab.pods_ready().advance(100);
        assert_eq!(seen(&lab), ["[80] 10.244.1.5:rs"]);
        let filled = of_shop(&lab);
        assert!(filled.annotation(TRIGGER_TIME).is_some());
        lab.delete(Kind::Pod, "a", &DeleteOptions { grace_seconds: Some(0), ..DeleteOptions::default() });
        lab.advance(100);
        assert_eq!(seen(&lab), ["[] "]);
        let emptied = of_shop(&lab);
        // Nothing became ready or unready: no moment led to it.
        assert_eq!(emptied.annotation(TRIGGER_TIME), None);
        assert_eq!(first.metadata.uid, filled.metadata.uid);
        assert_eq!(first.metadata.uid, emptied.metadata.uid);
    }

    #[test]
    fn a_hundred_a_slice() {
        let mut lab = lab();
        service(&mut lab, json!(80));
        for i in 0..150 {
            pod(&mut lab, &format!("p{i:03}"), &format!("10.244.1.{i}"), 80);
        }
        lab.pods_ready().advance(100);
        let mut slices = lab.all::<EndpointSlice>();
        slices.retain(|s| s.label(SERVICE_NAME) == Some("shop"));
        let mut sizes: Vec<usize> = slices.iter().map(|s| s.endpoints.iter().flatten().count()).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [50, 100]);
    }

    #[test]
    fn endpoints_written_by_hand_are_mirrored() {
        let mut lab = lab();
        lab.create_all([
            json!({
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"},
                "spec": {"ports": [{"port": 80}]}
            }),
            json!({
                "apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "shop"},
                "subsets": [{"addresses": [{"ip": "192.0.2.1"}], "ports": [{"port": 8080}]}]
            }),
        ]);
        lab.advance(100);
        assert_eq!(seen(&lab), ["[8080] 192.0.2.1:r"]);
        lab.delete(Kind::Endpoints, "shop", &DeleteOptions::default()).advance(100);
        assert!(seen(&lab).is_empty());
    }
}
