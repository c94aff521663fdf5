//! `ServiceCIDR` and `IPAddress`: the network of cluster addresses, and an object for each that is handed out.
//!
//! Always holds: every cluster address that a Service has is an `IPAddress` that names the Service.
//! Does not: hand out addresses of `ServiceCIDRs` that were added later.

use super::allocate::SERVICE_CIDR;
use super::{ApiServer, Cause, Origin};
use crate::object::hash::Stream;
use crate::object::{Kind, Object, ObjectKey, meta::MetaExt};
use serde_json::json;
use std::net::IpAddr;

const VERSION: &str = "networking.k8s.io/v1";

/// The network that a new cluster has.
pub fn service_cidr() -> Option<Object> {
    let value = json!({
        "metadata": {"name": "kubernetes", "finalizers": ["networking.k8s.io/service-cidr-finalizer"]},
        "spec": {"cidrs": [SERVICE_CIDR]},
        "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "",
            "message": "Kubernetes default Service CIDR is ready"}]},
    });
    Object::from_value(Kind::find(VERSION, "ServiceCIDR")?, value).ok()
}

/// The cluster addresses of a Service.
fn addresses_of(object: Option<&Object>) -> Vec<String> {
    let Some(Object::Service(service)) = object else { return Vec::new() };
    let all = service.spec.iter().flat_map(|s| s.cluster_ips.iter().flatten());
    all.filter(|ip| ip.parse::<IpAddr>().is_ok()).cloned().collect()
}

impl ApiServer {
    /// Keeps the `IPAddress` objects in step with a Service that comes, changes or goes.
    pub(super) fn record_addresses(&mut self, old: Option<&Object>, new: Option<&Object>) {
        let (had, has) = (addresses_of(old), addresses_of(new));
        if had == has {
            return;
        }
        let Some(kind) = Kind::find(VERSION, "IPAddress") else { return };
        let origin = Origin::component("system:apiserver", Cause::Time);
        for gone in had.iter().filter(|ip| !has.contains(ip)) {
            let key = ObjectKey::new(kind, "", gone.as_str());
            if self.store.get(&key).is_some() {
                self.store.commit(key, None, &origin, self.now);
            }
        }
        let Some(service) = new else { return };
        for ip in has.iter().filter(|ip| !had.contains(ip)) {
            // Its uid comes from a stream of its own, so that it decides no other name.
            let uid = Stream::new(self.seed(), "apiserver", &format!("address {ip} {}", self.now.0)).uuid();
            let family = if ip.contains(':') { "IPv6" } else { "IPv4" };
            let value = json!({
                "metadata": {"name": ip, "uid": uid, "creationTimestamp": self.now.to_api(), "labels": {
                    "ipaddress.kubernetes.io/ip-family": family,
                    "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
                }},
                "spec": {"parentRef": {"group": "", "resource": "services",
                    "namespace": service.namespace_str(), "name": service.name_str()}},
            });
            if let Ok(object) = Object::from_value(kind, value) {
                self.store.commit(object.key(), Some(object), &origin, self.now);
            }
        }
    }
}
