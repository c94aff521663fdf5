//! The Endpoints controller: one object a Service, its pods' addresses by whether they are ready.
//!
//! Always holds: addresses are in order; pods with the same ports share a subset. From `pkg/controller/endpoint`.

use super::service_pods::{self, HEADLESS};
use super::{Controller, Keys, View, Write, support};
use crate::apiserver::{Change, DeleteOptions};
use crate::object::{Kind, Object, ObjectKey, ObjectMeta, Pod, Resource, meta::MetaExt};
use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Service};
use std::collections::BTreeMap;

/// `endpoint-controller` in the table.
pub const CONTROLLER: Controller = Controller { name: "endpoint-controller", watch, reconcile };

const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
/// More addresses than this are cut off, with an annotation.
const CAPACITY: usize = 1000;
const TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    match change.key.kind {
        Kind::Service => keys.push(change.key.clone()),
        Kind::Pod => service_pods::push_services(change, view, keys),
        Kind::Endpoints if change.new.is_none() => {
            keys.push(ObjectKey { kind: Kind::Service, name: change.key.name.clone() });
        }
        _ => {}
    }
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let existing = view.store.fetch::<Endpoints>(&key.name);
    let Some(service) = view.store.fetch::<Service>(&key.name) else {
        let gone = |_| Write::Delete {
            key: ObjectKey { kind: Kind::Endpoints, name: key.name.clone() },
            options: DeleteOptions::default(),
            done: None,
        };
        let forget = view.recalled.map(|_| Write::Recall(None));
        return existing.map(gone).into_iter().chain(forget).collect();
    };
    let Some(selector) = service_pods::selector(service) else { return Vec::new() };
    let (trigger, remember) = service_pods::trigger(view, service, &selector);
    let mut wanted = Endpoints { metadata: metadata(service), subsets: None };
    let subsets = subsets(view, service, &selector, &mut wanted.metadata);
    wanted.subsets = (!subsets.is_empty()).then_some(subsets);
    let trigger = trigger.map(|at| (TRIGGER_TIME.to_owned(), at.to_api().0.to_string()));
    let Some(existing) = existing else {
        wanted.metadata.annotations.get_or_insert_default().extend(trigger);
        return vec![remember, Write::Create { object: wanted.into_object(), done: None, failed: None }];
    };
    let over = |m: &ObjectMeta| m.annotations.as_ref().is_some_and(|a| a.contains_key(OVER_CAPACITY));
    let same = existing.subsets == wanted.subsets
        && existing.metadata.labels == wanted.metadata.labels
        && over(&existing.metadata) == over(&wanted.metadata);
    if same {
        return vec![remember];
    }
    let mut changed = Endpoints::clone(existing);
    changed.subsets = wanted.subsets;
    changed.metadata.labels = wanted.metadata.labels;
    let annotations = changed.metadata.annotations.get_or_insert_default();
    annotations.retain(|key, _| key != OVER_CAPACITY && key != TRIGGER_TIME);
    annotations.extend(wanted.metadata.annotations.into_iter().flatten().chain(trigger));
    if annotations.is_empty() {
        changed.metadata.annotations = None;
    }
    vec![remember, Write::Update(Object::Endpoints(changed.into()))]
}

fn metadata(service: &Service) -> ObjectMeta {
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.insert(MANAGED_BY.to_owned(), CONTROLLER.name.to_owned());
    if service_pods::is_headless(service) {
        labels.insert(HEADLESS.to_owned(), String::new());
    } else {
        labels.remove(HEADLESS);
    }
    ObjectMeta {
        name: service.metadata.name.clone(),
        namespace: service.metadata.namespace.clone(),
        labels: Some(labels),
        ..ObjectMeta::default()
    }
}

type Ports = Vec<(Option<String>, i32, Option<String>, Option<String>)>;

fn subsets(
    view: &View,
    service: &Service,
    selector: &crate::object::selector::Selector,
    meta: &mut ObjectMeta,
) -> Vec<EndpointSubset> {
    let unready_too = service_pods::publishes_unready(service);
    let mut groups: BTreeMap<Ports, EndpointSubset> = BTreeMap::new();
    let mut total = 0;
    for pod in service_pods::pods(view, service, selector) {
        if pod.is_terminating() && !unready_too {
            continue;
        }
        let Some(ports) = ports(service, pod) else { continue };
        total += 1;
        if total > CAPACITY {
            continue;
        }
        let subset = groups.entry(ports).or_default();
        let ready = unready_too || support::is_ready(pod);
        let list = if ready { &mut subset.addresses } else { &mut subset.not_ready_addresses };
        list.get_or_insert_default().push(address(service, pod));
    }
    if total > CAPACITY {
        meta.annotations = Some(BTreeMap::from([(OVER_CAPACITY.to_owned(), "truncated".to_owned())]));
    }
    groups.into_iter().map(finish).collect()
}

/// The ports of the Service on this pod. `None` when it has none of them.
fn ports(service: &Service, pod: &Pod) -> Option<Ports> {
    let wanted = service.spec.as_ref().and_then(|s| s.ports.as_deref()).unwrap_or_default();
    let mut ports: Ports = wanted
        .iter()
        .filter_map(|p| {
            let number = service_pods::target_port(pod, p)?;
            let name = p.name.clone().filter(|n| !n.is_empty());
            Some((name, number, p.protocol.clone(), p.app_protocol.clone()))
        })
        .collect();
    ports.sort();
    (!ports.is_empty() || (wanted.is_empty() && service_pods::is_headless(service))).then_some(ports)
}

fn address(service: &Service, pod: &Pod) -> EndpointAddress {
    EndpointAddress {
        hostname: service_pods::hostname(pod, service),
        ip: pod.status.pod_ip.clone().unwrap_or_default(),
        node_name: pod.spec.node_name.as_deref().map(str::to_owned),
        target_ref: Some(service_pods::target(pod)),
    }
}

fn finish((ports, mut subset): (Ports, EndpointSubset)) -> EndpointSubset {
    let uid = |a: &EndpointAddress| a.target_ref.as_ref().and_then(|t| t.uid.clone());
    for list in [&mut subset.addresses, &mut subset.not_ready_addresses].into_iter().flatten() {
        list.sort_by(|a, b| a.ip.cmp(&b.ip).then_with(|| uid(a).cmp(&uid(b))));
    }
    let port = |(name, port, protocol, app_protocol)| EndpointPort { app_protocol, name, port, protocol };
    subset.ports = (!ports.is_empty()).then(|| ports.into_iter().map(port).collect());
    subset
}
