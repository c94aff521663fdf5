//! Validation of pods and of the pod specs in templates.

use super::{Errors, Path, container, diff, names, scheduling, volume};
use crate::object::Pod;
use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec, Toleration};

/// A pod's spec.
pub fn spec(spec: &PodSpec, path: Path, errors: &mut Errors) {
    volume::volumes(spec, path.child("volumes"), errors);
    container::containers(spec, path, errors);
    errors.one_of(
        path.child("restartPolicy"),
        spec.restart_policy.as_deref(),
        &["Always", "OnFailure", "Never"],
    );
    errors.one_of(
        path.child("dnsPolicy"),
        spec.dns_policy.as_deref(),
        &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
    );
    super::meta::labels(spec.node_selector.as_ref(), path.child("nodeSelector"), errors);
    security(spec, path, errors);
    for (index, secret) in spec.image_pull_secrets.iter().flatten().enumerate() {
        if secret.name.is_empty() {
            let list = path.child("imagePullSecrets");
            let path = list.index(index);
            errors.required(path.child("name"), "");
        }
    }
    if let Some(affinity) = &spec.affinity {
        scheduling::affinity(affinity, path.child("affinity"), errors);
    }
    scheduling::spread(
        spec.topology_spread_constraints.as_deref(),
        path.child("topologySpreadConstraints"),
        errors,
    );
    if spec.dns_policy.as_deref() == Some("None")
        && spec.dns_config.as_ref().is_none_or(|c| c.nameservers.as_ref().is_none_or(Vec::is_empty))
    {
        let config = path.child("dnsConfig");
        let why = "must provide at least one DNS nameserver when `dnsPolicy` is None";
        match &spec.dns_config {
            None => errors.required(config, why),
            Some(_) => errors.required(config.child("nameservers"), why),
        }
    }
    for (field, value) in
        [("serviceAccountName", &spec.service_account_name), ("priorityClassName", &spec.priority_class_name)]
    {
        if let Some(value) = value.as_deref().filter(|v| !v.is_empty()) {
            errors.all(path.child(field), value, names::subdomain(value));
        }
    }
    for (field, value) in [("hostname", &spec.hostname), ("subdomain", &spec.subdomain)] {
        if let Some(value) = value.as_deref().filter(|v| !v.is_empty()) {
            errors.all(path.child(field), value, names::label(value));
        }
    }
    if let Some(seconds) = spec.active_deadline_seconds
        && !(1..=i64::from(i32::MAX)).contains(&seconds)
    {
        errors.invalid(
            path.child("activeDeadlineSeconds"),
            seconds,
            format!("must be between 1 and {}, inclusive", i32::MAX),
        );
    }
    errors.not_negative(path.child("terminationGracePeriodSeconds"), spec.termination_grace_period_seconds);
    scheduling::tolerations(spec.tolerations.as_deref(), path.child("tolerations"), errors);
    for (index, alias) in spec.host_aliases.iter().flatten().enumerate() {
        let list = path.child("hostAliases");
        let path = list.index(index);
        errors.all(path.child("ip"), &alias.ip, names::ip(&alias.ip));
        for host in alias.hostnames.iter().flatten() {
            errors.all(path.child("hostnames"), host, names::subdomain(host));
        }
    }
}

fn security(spec: &PodSpec, path: Path, errors: &mut Errors) {
    let Some(context) = &spec.security_context else { return };
    let path = path.child("securityContext");
    for (field, id) in [
        ("runAsUser", context.run_as_user),
        ("runAsGroup", context.run_as_group),
        ("fsGroup", context.fs_group),
    ] {
        if let Some(id) = id.filter(|id| !(0..=i64::from(i32::MAX)).contains(id)) {
            errors.invalid(path.child(field), id, format!("must be between 0 and {}, inclusive", i32::MAX));
        }
    }
}

/// A template of a controller. Its pods run for ever where `restart` says so.
pub fn template(template: &PodTemplateSpec, path: Path, errors: &mut Errors) {
    let meta = path.child("metadata");
    if let Some(metadata) = &template.metadata {
        super::meta::labels(metadata.labels.as_ref(), meta.child("labels"), errors);
        super::meta::labels(None, meta.child("annotations"), errors);
    }
    let empty = PodSpec::default();
    spec(template.spec.as_ref().unwrap_or(&empty), path.child("spec"), errors);
}

/// What is checked only when a pod is made.
pub fn create_only(pod: &Pod, errors: &mut Errors) {
    if let Some(name) = pod.spec.node_name.as_deref() {
        let path = Path::new("spec");
        errors.all(path.child("nodeName"), name, names::subdomain(name));
    }
}

const MUTABLE: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// What a changed pod may differ in: images, deadlines, more tolerations.
pub fn update(new: &Pod, old: &Pod, errors: &mut Errors) {
    if new.spec == old.spec {
        return;
    }
    let path = Path::new("spec");
    let init = |pod: &Pod| pod.spec.init_containers.as_ref().map_or(0, Vec::len);
    if new.spec.containers.len() != old.spec.containers.len() {
        errors.forbidden(path.child("containers"), "pod updates may not add or remove containers");
        return;
    }
    if init(new) != init(old) {
        errors.forbidden(path.child("initContainers"), "pod updates may not add or remove containers");
        return;
    }
    for (field, containers) in
        [("containers", Some(&new.spec.containers)), ("initContainers", new.spec.init_containers.as_ref())]
    {
        for (index, container) in containers.into_iter().flatten().enumerate() {
            let list = path.child(field);
            let path = list.index(index);
            let image = container.image.as_deref().unwrap_or("");
            if image.is_empty() {
                errors.required(path.child("image"), "");
            } else if image.trim() != image {
                errors.invalid(path.child("image"), image, "must not have leading or trailing whitespace");
            }
        }
    }
    deadline(new, old, path, errors);
    tolerations(new, old, path, errors);
    let mut same = new.spec.to_api();
    let before = old.spec.to_api();
    for (container, earlier) in same.containers.iter_mut().zip(&before.containers) {
        container.image.clone_from(&earlier.image);
    }
    let pairs = same.init_containers.iter_mut().flatten().zip(before.init_containers.iter().flatten());
    for (container, earlier) in pairs {
        container.image.clone_from(&earlier.image);
    }
    same.active_deadline_seconds = before.active_deadline_seconds;
    same.tolerations.clone_from(&before.tolerations);
    same.scheduling_gates.clone_from(&before.scheduling_gates);
    if before.termination_grace_period_seconds.is_some_and(|s| s < 0)
        && same.termination_grace_period_seconds == Some(1)
    {
        same.termination_grace_period_seconds = before.termination_grace_period_seconds;
    }
    if same != before {
        errors.forbidden(path, format!("{MUTABLE}\n{}", diff::pod_spec(&before, &same)));
    }
}

fn deadline(new: &Pod, old: &Pod, path: Path, errors: &mut Errors) {
    let path = path.child("activeDeadlineSeconds");
    match (new.spec.active_deadline_seconds, old.spec.active_deadline_seconds) {
        (Some(new), Some(old)) if new > old => {
            errors.invalid(path, new, "must be less than or equal to previous value");
        }
        (Some(new), _) if !(1..=i64::from(i32::MAX)).contains(&new) => {
            errors.invalid(path, new, format!("must be between 1 and {}, inclusive", i32::MAX));
        }
        (None, Some(_)) => {
            errors.invalid(
                path,
                serde_json::Value::Null,
                "must not update from a positive integer to nil value",
            );
        }
        _ => {}
    }
}

fn tolerations(new: &Pod, old: &Pod, path: Path, errors: &mut Errors) {
    let path = path.child("tolerations");
    let now = new.spec.tolerations.as_deref().unwrap_or_default();
    let same = |a: &Toleration, b: &Toleration| {
        Toleration { toleration_seconds: None, ..a.clone() }
            == Toleration { toleration_seconds: None, ..b.clone() }
    };
    let kept = |t: &Toleration| now.iter().any(|n| same(n, t));
    if !old.spec.tolerations.iter().flatten().all(kept) {
        errors.forbidden(path, "existing toleration can not be modified except its tolerationSeconds");
    }
    scheduling::tolerations(new.spec.tolerations.as_deref(), path, errors);
}
