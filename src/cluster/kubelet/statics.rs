//! Static pods: those that a control plane's kubelet has from files, and their mirrors in the API.
//!
//! Always holds: a mirror that is deleted comes back at once, and its containers never notice.

use super::run::PodRun;
use super::{node_origin, wake_pod};
use crate::apiserver::DeleteOptions;
use crate::assets;
use crate::cluster::Cluster;
use crate::cluster::workload::images::hex64;
use crate::object::{Kind, Object, ObjectKey, ObjectName, OwnerReference, Pod, Resource, meta::MetaExt};
use crate::yaml;
use k8s_openapi::api::core::v1::{Node, Toleration};
use std::sync::Arc;

const MANIFESTS: &str = "static-pods.yaml";

/// Where a static pod's kubelet notes what it was made from.
const HASH: &str = "kubernetes.io/config.hash";
/// Marks a mirror, with the static pod's hash.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Takes the manifests of a control plane node, and makes their mirrors.
pub(super) fn start(cluster: &mut Cluster, node: &Arc<str>) {
    let ip = cluster.kubelets.get(node).map_or(String::new(), |k| super::node_ip(k.index));
    let text = assets::text(MANIFESTS).replace("{node}", node).replace("{ip}", &ip);
    for document in yaml::parse(&text).unwrap_or_default() {
        let Ok(object) = Object::from_value(Kind::Pod, document.value) else { continue };
        let Some(pod) = object.cast::<Pod>() else { continue };
        let mirror = mirror_of(cluster, node, pod);
        create(cluster, node, mirror);
    }
}

fn mirror_of(cluster: &Cluster, node: &Arc<str>, manifest: &Pod) -> Pod {
    let mut pod = manifest.clone();
    let name = format!("{}-{node}", manifest.name_str());
    let hash: String = hex64(&name).chars().take(32).collect();
    let seen = cluster.now().to_api().0.to_string();
    let annotations = pod.metadata.annotations.get_or_insert_default();
    for (key, value) in [
        (HASH, hash.as_str()),
        (MIRROR, hash.as_str()),
        ("kubernetes.io/config.seen", seen.as_str()),
        ("kubernetes.io/config.source", "file"),
    ] {
        annotations.insert(key.to_owned(), value.to_owned());
    }
    pod.metadata.name = Some(name);
    let owner = cluster.api.store.find::<Node>("", node).map(|n| n.uid_str().to_owned());
    pod.metadata.owner_references = owner.map(|uid| {
        vec![OwnerReference {
            api_version: "v1".to_owned(),
            kind: "Node".to_owned(),
            name: node.to_string(),
            uid,
            controller: Some(true),
            block_owner_deletion: None,
        }]
    });
    let spec = pod.spec.make_mut();
    spec.tolerations = Some(vec![Toleration {
        effect: Some("NoExecute".to_owned()),
        operator: Some("Exists".to_owned()),
        ..Toleration::default()
    }]);
    pod.spec.node_name = Some(node.clone());
    pod
}

fn create(cluster: &mut Cluster, node: &Arc<str>, mirror: Pod) -> Option<Arc<Pod>> {
    let origin = node_origin(node);
    let created = cluster.api.create(mirror.into_object(), &origin, false);
    debug_assert!(created.is_ok(), "static pod: {created:?}");
    let pod = created.ok()?.cast::<Pod>()?.clone();
    // What a kubelet writes itself it does not hear of again.
    let at = cluster.now();
    wake_pod(cluster, node, &pod.object_name(), at);
    Some(pod)
}

/// Whether a pod is the mirror of a static one.
pub(super) fn is_mirror(pod: &Pod) -> bool {
    pod.annotation(MIRROR).is_some()
}

/// Makes a mirror again whose deletion was asked for. The run goes on under the new object's uid.
pub(super) fn renew(cluster: &mut Cluster, node: &Arc<str>, pod: &Pod, run: &mut PodRun) -> Option<Arc<Pod>> {
    let key = ObjectKey { kind: Kind::Pod, name: pod.object_name() };
    let options = DeleteOptions { grace_seconds: Some(0), ..DeleteOptions::default() };
    cluster.api.delete(&key, &options, &node_origin(node)).ok();
    revive(cluster, node, pod, run)
}

/// Makes the mirror of a run again whose object is gone.
fn revive(cluster: &mut Cluster, node: &Arc<str>, pod: &Pod, run: &mut PodRun) -> Option<Arc<Pod>> {
    let mut mirror = Pod { metadata: pod.metadata.clone(), spec: pod.spec.clone(), ..Pod::default() };
    mirror.metadata.uid = None;
    let created = create(cluster, node, mirror)?;
    run.uid = Arc::from(created.uid_str());
    run.report_by(cluster.now());
    Some(created)
}

/// The name of a mirror that was removed without the kubelet's doing: it is made again.
pub(super) fn removed(cluster: &mut Cluster, node: &Arc<str>, old: &Pod) {
    let name: ObjectName = old.object_name();
    let Some(run) = cluster.kubelets.get_mut(node).and_then(|k| k.pods.get_mut(&name)).and_then(Option::take)
    else {
        return;
    };
    let mut run = run;
    revive(cluster, node, old, Arc::make_mut(&mut run));
    if let Some(kubelet) = cluster.kubelets.get_mut(node) {
        kubelet.pods.insert(name.clone(), Some(run));
    }
    let at = cluster.now();
    wake_pod(cluster, node, &name, at);
}
