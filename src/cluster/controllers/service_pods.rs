//! Which pods stand behind a Service, and on which ports: shared by the two controllers of endpoints.

use super::{Keys, Memory, View, Write, support};
use crate::apiserver::Change;
use crate::object::{Kind, ObjectKey, Pod, SimTime, meta::MetaExt, selector::Selector};
use k8s_openapi::api::core::v1::{ObjectReference, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The label of headless Services' endpoints.
pub const HEADLESS: &str = "service.kubernetes.io/headless";

/// Nanoseconds a pod of the cluster that endpoints wait with an answer.
const PACE: u64 = 20_000;

/// What of a pod matters to endpoints.
#[derive(PartialEq)]
struct Facts<'a> {
    ip: Option<&'a str>,
    node: Option<&'a str>,
    ready: bool,
    terminating: bool,
    finished: bool,
    labels: &'a BTreeMap<String, String>,
}

fn facts(pod: &Pod) -> Facts<'_> {
    Facts {
        ip: pod.status.pod_ip.as_deref(),
        node: pod.spec.node_name.as_deref(),
        ready: support::is_ready(pod),
        terminating: pod.is_terminating(),
        finished: support::is_finished(pod),
        labels: pod.labels_map(),
    }
}

/// The Services that a change of a pod concerns.
pub fn push_services(change: &Change, view: &View, keys: &mut Keys) {
    fn pod(object: Option<&crate::object::Object>) -> Option<&Arc<Pod>> {
        object.and_then(|o| o.cast::<Pod>())
    }
    let (old, new) = (pod(change.old.as_ref()), pod(change.new.as_ref()));
    let (before, after) = (old.map(|p| facts(p)), new.map(|p| facts(p)));
    // Without an address a pod is nowhere; and most changes of a pod concern nobody.
    let addressed = [&before, &after].into_iter().flatten().any(|f| f.ip.is_some());
    if !addressed || before == after {
        return;
    }
    // A reconcile looks at every pod of the namespace: the more there are, the less often.
    let delay = super::WATCH_LATENCY + view.store.count(Kind::Pod) as u64 * PACE;
    for service in view.store.all_in::<Service>(change.key.name.namespace()) {
        let Some(selector) = selector(service) else { continue };
        if [old, new].into_iter().flatten().any(|p| selector.matches(p.labels_map())) {
            keys.push_after(ObjectKey { kind: Kind::Service, name: service.object_name() }, delay);
        }
    }
}

/// The selector of a Service that has endpoints of pods: not without selector, not `ExternalName`.
pub fn selector(service: &Service) -> Option<Selector> {
    let spec = service.spec.as_ref()?;
    if spec.type_.as_deref() == Some("ExternalName") {
        return None;
    }
    spec.selector.as_ref().filter(|s| !s.is_empty()).map(Selector::from_map)
}

/// The pods with an address that the Service selects and that have not ended, by name.
pub fn pods<'a>(
    view: &'a View,
    service: &'a Service,
    selector: &'a Selector,
) -> impl Iterator<Item = &'a Arc<Pod>> {
    view.store
        .all_in::<Pod>(service.namespace_str())
        .filter(|p| p.status.pod_ip.as_ref().is_some_and(|ip| !ip.is_empty()))
        .filter(|p| !support::is_finished(p) && selector.matches(p.labels_map()))
}

/// The moment that led to what is new in the Service and its pods: the earliest of the changes since the last time.
/// `None` when nothing changed that has a moment, as when a pod goes. The write remembers it all.
pub fn trigger(view: &View, service: &Service, selector: &Selector) -> (Option<SimTime>, Write) {
    let known = match view.recalled {
        Some(Memory::Triggers(known)) => Some(known),
        _ => None,
    };
    let mut triggers = BTreeMap::from([(String::new(), service.created())]);
    for pod in view.store.all_in::<Pod>(service.namespace_str()) {
        let ready = support::pod_condition(pod, "Ready").and_then(|c| c.last_transition_time.as_ref());
        if let Some(at) = ready.filter(|_| selector.matches(pod.labels_map())) {
            triggers.insert(pod.name_str().to_owned(), SimTime::from_api(at));
        }
    }
    let is_new = |(name, at): &(&String, &SimTime)| {
        known.is_none_or(|known| known.get(*name).is_none_or(|before| *at > before))
    };
    let trigger = triggers.iter().filter(is_new).map(|(_, at)| *at).min();
    (trigger, Write::Recall(Some(Memory::Triggers(Arc::new(triggers)))))
}

/// Whether the Service has no address of its own.
pub fn is_headless(service: &Service) -> bool {
    service.spec.as_ref().and_then(|s| s.cluster_ip.as_deref()) == Some("None")
}

/// Whether pods count as ready whatever they say.
pub fn publishes_unready(service: &Service) -> bool {
    service.spec.as_ref().and_then(|s| s.publish_not_ready_addresses) == Some(true)
}

/// The number that a Service's port has on a pod: a number, or the container port of that name.
pub fn target_port(pod: &Pod, port: &ServicePort) -> Option<i32> {
    match &port.target_port {
        None | Some(IntOrString::Int(0)) => Some(port.port),
        Some(IntOrString::Int(n)) => Some(*n),
        Some(IntOrString::String(name)) => {
            let protocol = port.protocol.as_deref().unwrap_or("TCP");
            let restartable = |c: &&k8s_openapi::api::core::v1::Container| c.restart_policy.is_some();
            let sidecars = pod.spec.init_containers.iter().flatten().filter(restartable);
            let mut ports = pod.spec.containers.iter().chain(sidecars).flat_map(|c| c.ports.iter().flatten());
            let named = ports.find(|p| {
                p.name.as_ref() == Some(name) && p.protocol.as_deref().unwrap_or("TCP") == protocol
            });
            named.map(|p| p.container_port)
        }
    }
}

/// The reference to a pod that an endpoint carries.
pub fn target(pod: &Pod) -> ObjectReference {
    ObjectReference {
        kind: Some("Pod".to_owned()),
        name: pod.metadata.name.clone(),
        namespace: pod.metadata.namespace.clone(),
        uid: pod.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}

/// The host name that DNS knows the pod by: only under the governing Service that it names.
pub fn hostname(pod: &Pod, service: &Service) -> Option<String> {
    let named = pod.spec.subdomain.as_deref() == Some(service.name_str());
    pod.spec.hostname.clone().filter(|h| named && !h.is_empty())
}
