//! Binding, releasing and waiting, as the recorded cluster did.

use super::super::lab::{Lab, lab};
use super::*;
use crate::apiserver::DeleteOptions;
use serde_json::{Value, json};

fn volume(lab: &mut Lab, name: &str, size: &str, modes: &[&str], more: &Value) {
    let mut value = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": size}, "accessModes": modes, "storageClassName": "manual",
            "persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem",
            "hostPath": {"path": format!("/data/{name}")}
        }
    });
    for (key, field) in more.as_object().into_iter().flatten() {
        value["spec"][key] = field.clone();
    }
    lab.create(value);
}

fn claim(lab: &mut Lab, name: &str, more: &Value) {
    let mut value = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": "manual", "volumeMode": "Filesystem",
            "resources": {"requests": {"storage": "1Gi"}}
        }
    });
    for (key, field) in more.as_object().into_iter().flatten() {
        value["spec"][key] = field.clone();
    }
    lab.create(value);
}

fn seen(lab: &Lab, name: &str) -> (String, String) {
    let claim = lab.get::<PersistentVolumeClaim>(name);
    let phase = claim.status.as_ref().and_then(|s| s.phase.clone()).unwrap_or_default();
    (phase, volume_name(&claim).to_owned())
}

fn phase_of(lab: &Lab, name: &str) -> String {
    let volume = lab.get::<PersistentVolume>(name);
    volume.status.as_ref().and_then(|s| s.phase.clone()).unwrap_or_default()
}

fn text(pair: (&str, &str)) -> (String, String) {
    (pair.0.to_owned(), pair.1.to_owned())
}

#[test]
fn fewest_modes_then_the_smallest() {
    const RWO: &str = "ReadWriteOnce";
    for (volumes, wanted, expected) in [
        (vec![("a", "5Gi", vec![RWO]), ("b", "2Gi", vec![RWO, "ReadOnlyMany"])], json!({}), ("Bound", "a")),
        (vec![("a", "5Gi", vec![RWO]), ("b", "2Gi", vec![RWO])], json!({}), ("Bound", "b")),
        (vec![("a", "512Mi", vec![RWO])], json!({}), ("Pending", "")),
        (vec![("a", "1Gi", vec![RWO])], json!({"volumeMode": "Block"}), ("Pending", "")),
        (vec![("a", "1Gi", vec![RWO])], json!({"accessModes": ["ReadWriteMany"]}), ("Pending", "")),
        (vec![("a", "1Gi", vec![RWO])], json!({"storageClassName": ""}), ("Pending", "")),
        (vec![("a", "1Gi", vec![RWO]), ("b", "9Gi", vec![RWO])], json!({"volumeName": "b"}), ("Bound", "b")),
    ] {
        let mut lab = lab();
        for (name, size, modes) in volumes {
            volume(&mut lab, name, size, &modes, &json!({}));
        }
        lab.advance(100);
        claim(&mut lab, "data", &wanted);
        lab.advance(100);
        assert_eq!(seen(&lab, "data"), text(expected), "{wanted}");
    }
}

#[test]
fn a_bound_volume_is_released_and_reclaimed() {
    for (policy, path, phase) in [
        ("Retain", "/data/a", Some("Released")),
        ("Delete", "/tmp/a", None),
        ("Delete", "/data/a", Some("Failed")),
        ("Recycle", "/data/a", Some("Available")),
    ] {
        let mut lab = lab();
        let spec = json!({"persistentVolumeReclaimPolicy": policy, "hostPath": {"path": path}});
        volume(&mut lab, "a", "1Gi", &["ReadWriteOnce"], &spec);
        lab.advance(100);
        claim(&mut lab, "data", &json!({}));
        lab.advance(100);
        assert_eq!(phase_of(&lab, "a"), "Bound");
        assert_eq!(lab.get::<PersistentVolume>("a").annotation(BOUND_BY_CONTROLLER), Some("yes"));
        lab.delete(Kind::PersistentVolumeClaim, "data", &DeleteOptions::default()).advance(20_000);
        let found = lab.try_get::<PersistentVolume>("a").map(|_| phase_of(&lab, "a"));
        assert_eq!(found.as_deref(), phase, "{policy} {path}");
    }
}

#[test]
fn what_waits_says_why() {
    for (more, class, event) in [
        (
            json!({"storageClassName": null}),
            None,
            "FailedBinding: no persistent volumes available for this claim and no storage class is set",
        ),
        (
            json!({"storageClassName": "fasst"}),
            None,
            "ProvisioningFailed: storageclass.storage.k8s.io \"fasst\" not found",
        ),
        (
            json!({"storageClassName": "slow"}),
            Some(("slow", "WaitForFirstConsumer")),
            "WaitForFirstConsumer: waiting for first consumer to be created before binding",
        ),
        (
            json!({"storageClassName": "slow"}),
            Some(("slow", "Immediate")),
            "ExternalProvisioning: Waiting for a volume to be created either by the external provisioner \
             'example.com/disk' or manually by the system administrator. If volume creation is delayed, please verify \
             that the provisioner is running and correctly registered.",
        ),
    ] {
        let mut lab = lab();
        if let Some((name, mode)) = class {
            lab.create(json!({
                "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
                "provisioner": "example.com/disk", "volumeBindingMode": mode
            }));
        }
        claim(&mut lab, "data", &more);
        lab.advance(1000);
        assert_eq!(lab.events("PersistentVolumeClaim"), [event]);
        assert_eq!(seen(&lab, "data").0, "Pending");
    }
}

#[test]
fn a_default_class_is_given_afterwards_and_a_lost_volume_is_told() {
    let mut lab = lab();
    claim(&mut lab, "data", &json!({"storageClassName": null}));
    claim(&mut lab, "bound", &json!({}));
    lab.advance(100);
    lab.create(json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "example.com/disk",
        "metadata": {"name": "late", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
    }));
    volume(&mut lab, "a", "1Gi", &["ReadWriteOnce"], &json!({}));
    lab.advance(16_000);
    assert_eq!(class_name(&lab.get::<PersistentVolumeClaim>("data")), "late");
    assert_eq!(seen(&lab, "bound"), text(("Bound", "a")));
    lab.edit::<PersistentVolume>("a", |v| v.metadata.finalizers = None);
    lab.delete(Kind::PersistentVolume, "a", &DeleteOptions::default()).advance(100);
    assert_eq!(seen(&lab, "bound").0, "Lost");
}
