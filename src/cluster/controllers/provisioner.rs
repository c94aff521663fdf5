//! External provisioners, as a cluster with storage has them: they make volumes for claims of their `StorageClass`es,
//! remove them again, and let them grow.
//!
//! Always holds: only the provisioners of [`DRIVERS`] are there; claims of any other wait for ever. The times are a
//! model.

use super::garbage_collector::without_finalizer;
use super::pv_binder::{PROVISIONED_BY, PROVISIONER, SELECTED_NODE, class_name, volume_name};
use super::{Controller, Keys, View, Write};
use crate::apiserver::{Change, DeleteOptions};
use crate::cluster::events::Note;
use crate::object::{
    Kind, Object, ObjectKey, ObjectMeta, Pod, Resource, meta::MetaExt, quantity, time::MILLISECOND,
};
use k8s_openapi::api::core::v1::{
    CSIPersistentVolumeSource, HostPathVolumeSource, Node, NodeSelector, NodeSelectorRequirement,
    NodeSelectorTerm, ObjectReference, PersistentVolume, PersistentVolumeClaim,
    PersistentVolumeClaimCondition, PersistentVolumeSpec, VolumeNodeAffinity,
};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;
use std::sync::Arc;

/// `external-provisioner` in the table.
pub const CONTROLLER: Controller = Controller { name: "external-provisioner", watch, reconcile };

/// Where a driver's volumes can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reach {
    /// On the node where they were made.
    Node,
    /// In the zone of that node, if it has one.
    Zone,
    /// Everywhere.
    Cluster,
}

/// A provisioner, and what its volumes are.
struct Driver {
    name: &'static str,
    reach: Reach,
    /// Directories of the node rather than CSI volumes.
    host_path: bool,
}

const DRIVERS: [Driver; 5] = [
    Driver { name: "rancher.io/local-path", reach: Reach::Node, host_path: true },
    Driver { name: "hostpath.csi.k8s.io", reach: Reach::Node, host_path: false },
    Driver { name: "ebs.csi.aws.com", reach: Reach::Zone, host_path: false },
    Driver { name: "pd.csi.storage.gke.io", reach: Reach::Zone, host_path: false },
    Driver { name: "kubedojo.dev/disk", reach: Reach::Cluster, host_path: false },
];

const FINALIZER: &str = "external-provisioner.volume.kubernetes.io/finalizer";
/// How long making a volume takes.
const MAKING: u64 = 1500 * MILLISECOND;
/// How long removing one takes.
const REMOVING: u64 = 800 * MILLISECOND;

fn driver(name: &str) -> Option<&'static Driver> {
    DRIVERS.iter().find(|d| d.name == name)
}

fn watch(change: &Change, _: &View, keys: &mut Keys) {
    match &change.new {
        Some(Object::PersistentVolumeClaim(claim)) => {
            let asked = claim.annotation(PROVISIONER).is_some_and(|p| driver(p).is_some());
            if asked && (volume_name(claim).is_empty() || wants_more(claim)) {
                keys.push(change.key.clone());
            }
        }
        Some(Object::PersistentVolume(volume)) => {
            let ours = volume.annotation(PROVISIONED_BY).is_some_and(|p| driver(p).is_some());
            let phase = volume.status.as_ref().and_then(|s| s.phase.as_deref());
            if ours && (phase == Some("Released") || volume.is_terminating()) {
                keys.push_after(change.key.clone(), REMOVING);
            }
        }
        _ => {}
    }
}

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    match view.store.get(key) {
        Some(Object::PersistentVolumeClaim(claim)) => {
            let Some(driver) = claim.annotation(PROVISIONER).and_then(driver) else { return Vec::new() };
            if volume_name(claim).is_empty() {
                provision(view, claim, driver)
            } else {
                expand(view, claim, driver)
            }
        }
        Some(Object::PersistentVolume(volume)) => remove(volume),
        _ => vec![Write::Remember(None)],
    }
}

fn normal(
    claim: &Arc<PersistentVolumeClaim>,
    component: &'static str,
    reason: &'static str,
    text: String,
) -> Write {
    Write::Event(Note::normal(&Object::PersistentVolumeClaim(claim.clone()), component, reason, text))
}

fn provision(view: &View, claim: &Arc<PersistentVolumeClaim>, driver: &'static Driver) -> Vec<Write> {
    let Some(class) = view.store.find::<StorageClass>("", class_name(claim)) else { return Vec::new() };
    let waits = class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer");
    let node = claim.annotation(SELECTED_NODE);
    let name = format!("pvc-{}", claim.uid_str());
    let made = view.store.find::<PersistentVolume>("", &name).is_some();
    if claim.is_terminating() || made || (waits && node.is_none()) {
        return vec![Write::Remember(None)];
    }
    let subject = claim.object_name();
    let started = |text: String| normal(claim, driver.name, "Provisioning", text);
    let Some(due) = view.remembered else {
        let text = format!("External provisioner is provisioning volume for claim \"{subject}\"");
        return vec![started(text), Write::Remember(Some(view.now + MAKING)), Write::Again(MAKING)];
    };
    if due > view.now {
        return vec![Write::Again(due.since(view.now))];
    }
    let modes = claim.spec.as_ref().and_then(|s| s.access_modes.clone()).unwrap_or_default();
    let once = |m: &String| m == "ReadWriteOnce" || m == "ReadWriteOncePod";
    if driver.host_path && !modes.iter().all(once) {
        let text = format!(
            "failed to provision volume with StorageClass \"{}\": NodePath only supports ReadWriteOnce and \
             ReadWriteOncePod (1.22+) access modes",
            class.name_str()
        );
        let about = Object::PersistentVolumeClaim(claim.clone());
        return vec![Write::Event(Note::warning(&about, driver.name, "ProvisioningFailed", text))];
    }
    let done = normal(
        claim,
        driver.name,
        "ProvisioningSucceeded",
        format!("Successfully provisioned volume {name}"),
    );
    let volume = volume(view, claim, class, driver);
    let create = Write::Create { object: volume.into_object(), done: None, failed: None };
    vec![create, done, Write::Remember(None)]
}

fn volume(
    view: &View,
    claim: &PersistentVolumeClaim,
    class: &StorageClass,
    driver: &Driver,
) -> PersistentVolume {
    let asked = claim.spec.clone().unwrap_or_default();
    let name = format!("pvc-{}", claim.uid_str());
    let size = asked.resources.and_then(|r| r.requests?.get("storage").cloned());
    let capacity = BTreeMap::from([("storage".to_owned(), size.unwrap_or(Quantity("1Gi".to_owned())))]);
    let node = claim.annotation(SELECTED_NODE).map(str::to_owned).or_else(|| first_worker(view));
    let mut spec = PersistentVolumeSpec {
        access_modes: asked.access_modes,
        capacity: Some(capacity),
        claim_ref: Some(ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("PersistentVolumeClaim".to_owned()),
            name: claim.metadata.name.clone(),
            namespace: claim.metadata.namespace.clone(),
            resource_version: claim.metadata.resource_version.clone(),
            uid: claim.metadata.uid.clone(),
            field_path: None,
        }),
        mount_options: class.mount_options.clone(),
        node_affinity: node.as_deref().and_then(|n| affinity(view, driver, n)),
        persistent_volume_reclaim_policy: class.reclaim_policy.clone().or_else(|| Some("Delete".to_owned())),
        storage_class_name: class.metadata.name.clone(),
        volume_mode: asked.volume_mode,
        ..PersistentVolumeSpec::default()
    };
    let mut finalizers = None;
    if driver.host_path {
        let path =
            format!("/opt/local-path-provisioner/{name}_{}_{}", claim.namespace_str(), claim.name_str());
        spec.host_path = Some(HostPathVolumeSource { path, type_: Some("DirectoryOrCreate".to_owned()) });
    } else {
        finalizers = Some(vec![FINALIZER.to_owned()]);
        spec.csi = Some(CSIPersistentVolumeSource {
            driver: driver.name.replace('/', "."),
            fs_type: (spec.volume_mode.as_deref() != Some("Block")).then(|| "ext4".to_owned()),
            volume_handle: format!("vol-{}", claim.uid_str().replace('-', "")),
            ..CSIPersistentVolumeSource::default()
        });
    }
    let annotation = (PROVISIONED_BY.to_owned(), driver.name.to_owned());
    let metadata = ObjectMeta {
        name: Some(name),
        annotations: Some(BTreeMap::from([annotation])),
        finalizers,
        ..ObjectMeta::default()
    };
    PersistentVolume { metadata, spec: Some(spec), status: None }
}

/// Where an immediate volume is made: the first node that takes ordinary pods.
fn first_worker(view: &View) -> Option<String> {
    let ordinary = |n: &&Arc<Node>| super::nodes::taints(n).is_empty();
    view.store.all::<Node>().find(ordinary).map(|n| n.name_str().to_owned())
}

fn affinity(view: &View, driver: &Driver, node: &str) -> Option<VolumeNodeAffinity> {
    let label = match driver.reach {
        Reach::Node => "kubernetes.io/hostname",
        Reach::Zone => "topology.kubernetes.io/zone",
        Reach::Cluster => return None,
    };
    let value = view.store.find::<Node>("", node)?.label(label)?.to_owned();
    let requirement = NodeSelectorRequirement {
        key: label.to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![value]),
    };
    let term = NodeSelectorTerm { match_expressions: Some(vec![requirement]), match_fields: None };
    Some(VolumeNodeAffinity { required: Some(NodeSelector { node_selector_terms: vec![term] }) })
}

/// Removes a volume that is released and to be deleted, and lets one go that is being deleted.
fn remove(volume: &Arc<PersistentVolume>) -> Vec<Write> {
    let phase = volume.status.as_ref().and_then(|s| s.phase.as_deref());
    let policy = volume.spec.as_ref().and_then(|s| s.persistent_volume_reclaim_policy.as_deref());
    let mut writes = Vec::new();
    if phase == Some("Released") && policy == Some("Delete") && !volume.is_terminating() {
        let key = ObjectKey { kind: Kind::PersistentVolume, name: volume.object_name() };
        writes.push(Write::Delete { key, options: DeleteOptions::default(), done: None });
    } else if volume.is_terminating() && phase != Some("Bound") && volume.has_finalizer(FINALIZER) {
        writes.push(Write::Update(without_finalizer(&Object::PersistentVolume(volume.clone()), FINALIZER)));
    }
    writes
}

fn storage(list: Option<&BTreeMap<String, Quantity>>) -> Option<&Quantity> {
    list.and_then(|l| l.get("storage"))
}

fn asked(claim: &PersistentVolumeClaim) -> Option<&Quantity> {
    storage(claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref())
}

fn exceeds(wanted: Option<&Quantity>, has: Option<&Quantity>) -> bool {
    wanted.zip(has).is_some_and(|(w, h)| quantity::of(w).nano > quantity::of(h).nano)
}

/// Whether a bound claim asks for more than it has.
fn wants_more(claim: &PersistentVolumeClaim) -> bool {
    let status = claim.status.as_ref();
    let bound = status.and_then(|s| s.phase.as_deref()) == Some("Bound");
    bound && exceeds(asked(claim), storage(status.and_then(|s| s.capacity.as_ref())))
}

const RESIZE_PENDING: &str = "FileSystemResizePending";

/// Lets a volume grow, and its file system when a pod has it mounted.
fn expand(view: &View, claim: &Arc<PersistentVolumeClaim>, driver: &'static Driver) -> Vec<Write> {
    let Some(volume) = view.store.find::<PersistentVolume>("", volume_name(claim)) else { return Vec::new() };
    if !wants_more(claim) || driver.host_path {
        return Vec::new();
    }
    let has = storage(volume.spec.as_ref().and_then(|s| s.capacity.as_ref()));
    let mut writes = Vec::new();
    if exceeds(asked(claim), has) {
        let Some(due) = view.remembered else {
            let text = "waiting for an external controller to expand this PVC".to_owned();
            writes.push(normal(claim, "volume_expand", "ExternalExpanding", text));
            let text = format!("External resizer is resizing volume {}", volume.name_str());
            writes.push(normal(claim, driver.name, "Resizing", text));
            writes.extend([Write::Remember(Some(view.now + MAKING)), Write::Again(MAKING)]);
            return writes;
        };
        if due > view.now {
            return vec![Write::Again(due.since(view.now))];
        }
        let mut grown = PersistentVolume::clone(volume);
        let capacity = grown.spec.get_or_insert_default().capacity.get_or_insert_default();
        capacity.extend(asked(claim).map(|q| ("storage".to_owned(), q.clone())));
        writes.extend([Write::Update(grown.into_object()), Write::Remember(None)]);
    }
    let mut changed = PersistentVolumeClaim::clone(claim);
    let status = changed.status.get_or_insert_default();
    let block = claim.spec.as_ref().and_then(|s| s.volume_mode.as_deref()) == Some("Block");
    if block || is_mounted(view, claim) {
        let capacity = status.capacity.get_or_insert_default();
        capacity.extend(asked(claim).map(|q| ("storage".to_owned(), q.clone())));
        status.conditions = None;
        let text = format!("MountVolume.NodeExpandVolume succeeded for volume \"{}\"", volume.name_str());
        writes.push(normal(claim, "kubelet", "FileSystemResizeSuccessful", text));
    } else if status.conditions.iter().flatten().all(|c| c.type_ != RESIZE_PENDING) {
        let text = "Require file system resize of volume on node".to_owned();
        writes.push(normal(claim, driver.name, "FileSystemResizeRequired", text));
        status.conditions = Some(vec![PersistentVolumeClaimCondition {
            type_: RESIZE_PENDING.to_owned(),
            status: "True".to_owned(),
            message: Some(
                "Waiting for user to (re-)start a pod to finish file system resize of volume on node."
                    .to_owned(),
            ),
            last_transition_time: Some(view.now.to_api()),
            ..PersistentVolumeClaimCondition::default()
        }]);
    }
    if changed.status != claim.status {
        writes.push(Write::UpdateStatus(changed.into_object()));
    }
    // Until a pod mounts it, look now and then.
    writes.push(Write::Again(super::support::seconds(5)));
    writes
}

fn is_mounted(view: &View, claim: &PersistentVolumeClaim) -> bool {
    let uses = |pod: &&Arc<Pod>| {
        let mut volumes = pod.spec.volumes.iter().flatten();
        pod.status.phase.as_deref() == Some("Running")
            && volumes
                .any(|v| v.persistent_volume_claim.as_ref().is_some_and(|c| c.claim_name == claim.name_str()))
    };
    view.store.all_in::<Pod>(claim.namespace_str()).any(|p| uses(&p))
}

#[cfg(test)]
mod tests {
    use super::super::lab::{Lab, lab};
    use super::*;
    use serde_json::json;

    fn class(lab: &mut Lab, provisioner: &str, mode: &str) {
        lab.create(json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"},
            "provisioner": provisioner, "volumeBindingMode": mode, "reclaimPolicy": "Delete",
            "allowVolumeExpansion": true
        }));
        lab.create(json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": "fast",
                "resources": {"requests": {"storage": "1Gi"}}
            }
        }));
    }

    fn phase(lab: &Lab) -> String {
        lab.get::<PersistentVolumeClaim>("data")
            .status
            .as_ref()
            .and_then(|s| s.phase.clone())
            .unwrap_or_default()
    }

    #[test]
    fn known_provisioners_make_and_remove_volumes() {
        for (provisioner, mode, expected) in [
            ("kubedojo.dev/disk", "Immediate", "Bound"),
            ("ebs.csi.aws.com", "Immediate", "Bound"),
            ("rancher.io/local-path", "WaitForFirstConsumer", "Pending"),
            ("example.com/disk", "Immediate", "Pending"),
        ] {
            let mut lab = lab();
            class(&mut lab, provisioner, mode);
            lab.advance(3000);
            assert_eq!(phase(&lab), expected, "{provisioner}");
            if mode == "WaitForFirstConsumer" {
                lab.edit::<PersistentVolumeClaim>("data", |c| {
                    let annotations = c.metadata.annotations.get_or_insert_default();
                    annotations.insert(SELECTED_NODE.to_owned(), "worker-1".to_owned());
                });
                lab.advance(3000);
                assert_eq!(phase(&lab), "Bound");
            }
            if phase(&lab) == "Bound" {
                let events = lab.events("PersistentVolumeClaim");
                assert!(events.iter().any(|e| e.starts_with("ProvisioningSucceeded: ")), "{events:?}");
                lab.delete(Kind::PersistentVolumeClaim, "data", &DeleteOptions::default()).advance(5000);
                assert!(lab.all::<PersistentVolume>().is_empty(), "{provisioner}");
            }
        }
    }

    #[test]
    fn a_claim_grows() {
        let mut lab = lab();
        class(&mut lab, "ebs.csi.aws.com", "Immediate");
        lab.advance(3000);
        lab.edit::<PersistentVolumeClaim>("data", |c| {
            let resources = c.spec.get_or_insert_default().resources.get_or_insert_default();
            resources.requests = Some(BTreeMap::from([("storage".to_owned(), Quantity("2Gi".to_owned()))]));
        });
        lab.advance(3000);
        let claim = lab.get::<PersistentVolumeClaim>("data");
        let status = claim.status.clone().unwrap_or_default();
        assert_eq!(storage(status.capacity.as_ref()), Some(&Quantity("1Gi".to_owned())));
        assert_eq!(status.conditions.unwrap_or_default()[0].type_, RESIZE_PENDING);
    }
}
