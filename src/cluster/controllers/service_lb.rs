//! The service controller of a cloud: gives Services of type `LoadBalancer` an address, where the cluster has a cloud.
//!
//! From `k8s.io/cloud-provider/controllers/service`. Without a cloud they stay `<pending>`, and nothing is said.

use super::garbage_collector::without_finalizer;
use super::{Controller, Keys, View, Write};
use crate::apiserver::Change;
use crate::cluster::events::Note;
use crate::object::{Kind, Object, ObjectKey, Resource, SECOND, meta::MetaExt};
use k8s_openapi::api::core::v1::{LoadBalancerIngress, LoadBalancerStatus, Service};
use std::collections::BTreeSet;
use std::sync::Arc;

/// `service-controller` in the table.
pub const CONTROLLER: Controller = Controller { name: "service-controller", watch, reconcile };

const FINALIZER: &str = "service.kubernetes.io/load-balancer-cleanup";
/// How long a cloud takes to make a load balancer. (A model.)
const MAKING: u64 = 2 * SECOND;
/// The last number of the first address, 192.168.0.200.
const FIRST: u32 = 200;

fn watch(change: &Change, view: &View, keys: &mut Keys) {
    if change.key.kind == Kind::Service && view.config.cloud && change.new.is_some() {
        keys.push(change.key.clone());
    }
}

fn address(service: &Service) -> Option<&str> {
    let balancer = service.status.as_ref()?.load_balancer.as_ref()?;
    balancer.ingress.as_ref()?.first()?.ip.as_deref()
}

fn wants(service: &Service) -> bool {
    let Some(spec) = &service.spec else { return false };
    // A class is some other controller's business.
    spec.type_.as_deref() == Some("LoadBalancer")
        && spec.load_balancer_class.is_none()
        && !service.is_terminating()
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(Object::Service(service)) = view.store.get(key) else { return vec![Write::Remember(None)] };
    if wants(service) { ensure(view, service) } else { clean_up(service) }
}

fn event(service: &Arc<Service>, reason: &'static str, text: &str) -> Write {
    Write::Event(Note::normal(&Object::Service(service.clone()), CONTROLLER.name, reason, text))
}

fn ensure(view: &View, service: &Arc<Service>) -> Vec<Write> {
    let mut writes = Vec::new();
    if !service.has_finalizer(FINALIZER) {
        let mut protected = Service::clone(service);
        protected.metadata.finalizers.get_or_insert_default().push(FINALIZER.to_owned());
        writes.push(Write::Update(protected.into_object()));
    }
    if address(service).is_some() {
        return writes;
    }
    let Some(due) = view.remembered else {
        writes.push(event(service, "EnsuringLoadBalancer", "Ensuring load balancer"));
        writes.extend([Write::Remember(Some(view.now + MAKING)), Write::Again(MAKING)]);
        return writes;
    };
    if due > view.now {
        writes.push(Write::Again(due.since(view.now)));
        return writes;
    }
    let taken: BTreeSet<&str> = view.store.all::<Service>().filter_map(|s| address(s)).collect();
    let asked = service.spec.as_ref().and_then(|s| s.load_balancer_ip.clone()).filter(|ip| !ip.is_empty());
    let free = (FIRST..255).map(|n| format!("192.168.0.{n}")).find(|ip| !taken.contains(ip.as_str()));
    let Some(ip) = asked.or(free) else {
        let about = Object::Service(service.clone());
        let text = "Error syncing load balancer: failed to ensure load balancer: no addresses left";
        return vec![Write::Event(Note::warning(&about, CONTROLLER.name, "SyncLoadBalancerFailed", text))];
    };
    let ingress = LoadBalancerIngress {
        ip: Some(ip),
        ip_mode: Some("VIP".to_owned()),
        ..LoadBalancerIngress::default()
    };
    let mut changed = Service::clone(service);
    changed.metadata.finalizers.get_or_insert_default();
    changed.status.get_or_insert_default().load_balancer =
        Some(LoadBalancerStatus { ingress: Some(vec![ingress]) });
    writes.push(Write::UpdateStatus(changed.into_object()));
    writes.push(event(service, "EnsuredLoadBalancer", "Ensured load balancer"));
    writes.push(Write::Remember(None));
    writes
}

fn clean_up(service: &Arc<Service>) -> Vec<Write> {
    if !service.has_finalizer(FINALIZER) {
        return Vec::new();
    }
    let mut writes = vec![event(service, "DeletingLoadBalancer", "Deleting load balancer")];
    if address(service).is_some() {
        let mut changed = Service::clone(service);
        changed.status.get_or_insert_default().load_balancer = Some(LoadBalancerStatus::default());
        writes.push(Write::UpdateStatus(changed.into_object()));
    }
    writes.push(event(service, "DeletedLoadBalancer", "Deleted load balancer"));
    writes.push(Write::Update(without_finalizer(&Object::Service(service.clone()), FINALIZER)));
    writes.push(Write::Remember(None));
    writes
}

#[cfg(test)]
mod tests {
    use super::super::lab::lab_with;
    use super::*;
    use crate::apiserver::DeleteOptions;
    use crate::cluster::Config;
    use serde_json::json;

    #[test]
    fn only_a_cloud_gives_addresses() {
        for (cloud, expected) in [(true, Some("192.168.0.200")), (false, None)] {
            let mut lab = lab_with(Config { cloud, nodes: Vec::new(), ..Config::default() });
            lab.create(json!({
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
                "spec": {"type": "LoadBalancer", "selector": {"a": "b"}, "ports": [{"port": 80}]}
            }));
            lab.advance(1000);
            assert_eq!(address(&lab.get::<Service>("web")), None);
            lab.advance(2000);
            assert_eq!(address(&lab.get::<Service>("web")), expected);
            lab.delete(Kind::Service, "web", &DeleteOptions::default()).advance(1000);
            assert!(lab.try_get::<Service>("web").is_none());
        }
    }
}
