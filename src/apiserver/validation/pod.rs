//! Validation of pods and of the pod specs in templates.

use super::{Errors, Path, container, diff, names, resources, scheduling, security, volume};
use crate::object::Pod;
use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec, ResourceRequirements, Toleration};
use serde_json::json;
use std::collections::BTreeSet;

/// A pod's spec.
pub fn spec(spec: &PodSpec, path: Path, errors: &mut Errors) {
    volume::volumes(spec, path.child("volumes"), errors);
    container::containers(spec, path, errors);
    resources::pod(spec, path, errors);
    host_network(spec, path, errors);
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
    if let Some(context) = &spec.security_context {
        security::pod(context, spec, path.child("securityContext"), errors);
    }
    if let Some(affinity) = &spec.affinity {
        scheduling::affinity(affinity, path.child("affinity"), errors);
    }
    dns(spec, path.child("dnsConfig"), errors);
    gates(spec, path, errors);
    scheduling::spread(
        spec.topology_spread_constraints.as_deref(),
        path.child("topologySpreadConstraints"),
        errors,
    );
    if spec.host_users == Some(false) {
        let shared =
            [("hostNetwork", spec.host_network), ("HostPID", spec.host_pid), ("HostIPC", spec.host_ipc)];
        for (field, _) in shared.into_iter().filter(|(_, on)| *on == Some(true)) {
            errors.forbidden(path.child(field), "when `pod.Spec.HostUsers` is false");
        }
    }
    named(path.child("serviceAccountName"), spec.service_account_name.as_deref(), names::subdomain, errors);
    named(path.child("nodeName"), spec.node_name.as_deref(), names::subdomain, errors);
    if let Some(seconds) = spec.active_deadline_seconds
        && !(1..=i64::from(i32::MAX)).contains(&seconds)
    {
        let why = format!("must be between 1 and {}, inclusive", i32::MAX);
        errors.invalid(path.child("activeDeadlineSeconds"), seconds, why);
    }
    named(path.child("hostname"), spec.hostname.as_deref(), names::label, errors);
    named(path.child("subdomain"), spec.subdomain.as_deref(), names::label, errors);
    scheduling::tolerations(spec.tolerations.as_deref(), path.child("tolerations"), errors);
    for (index, alias) in spec.host_aliases.iter().flatten().enumerate() {
        let list = path.child("hostAliases");
        let path = list.index(index);
        errors.all(path.child("ip"), &alias.ip, names::ip(&alias.ip));
        for (index, host) in alias.hostnames.iter().flatten().enumerate() {
            let list = path.child("hostnames");
            errors.all(list.index(index), host, names::subdomain(host));
        }
    }
    named(path.child("priorityClassName"), spec.priority_class_name.as_deref(), names::subdomain, errors);
    if let Some(class) = spec.runtime_class_name.as_deref() {
        errors.all(path.child("runtimeClassName"), class, names::subdomain(class));
    }
    if let Some(policy) = spec.preemption_policy.as_deref() {
        let all = ["PreemptLowerPriority", "Never"];
        errors.one_of(path.child("preemptionPolicy"), Some(policy), &all);
    }
    if let Some(overhead) = &spec.overhead {
        let needs = ResourceRequirements { limits: Some(overhead.clone()), ..Default::default() };
        resources::requirements(&needs, resources::Names::Container, path.child("overhead"), errors);
    }
    os(spec, path, errors);
}

/// A name that may be left out.
fn named(path: Path, text: Option<&str>, rule: fn(&str) -> names::Wrong, errors: &mut Errors) {
    if let Some(text) = text.filter(|t| !t.is_empty()) {
        errors.all(path, text, rule(text));
    }
}

/// Ports of a pod in its node's network are the node's.
fn host_network(spec: &PodSpec, path: Path, errors: &mut Errors) {
    if spec.host_network != Some(true) {
        return;
    }
    for (at, container) in spec.containers.iter().enumerate() {
        for (index, port) in container.ports.iter().flatten().enumerate() {
            let host = port.host_port.unwrap_or(0);
            if host != 0 && host != port.container_port {
                let list = path.child("containers");
                let ports = list.index(at);
                let list = ports.child("ports");
                let why = "must match `containerPort` when `hostNetwork` is true";
                errors.invalid(list.index(index).child("hostPort"), host, why);
            }
        }
    }
}

fn dns(spec: &PodSpec, path: Path, errors: &mut Errors) {
    let own = spec.dns_policy.as_deref() == Some("None");
    let Some(config) = &spec.dns_config else {
        if own {
            errors.required(path, "must provide `dnsConfig` when `dnsPolicy` is None");
        }
        return;
    };
    let list = path.child("nameservers");
    let servers = config.nameservers.as_deref().unwrap_or_default();
    if own && servers.is_empty() {
        errors.required(list, "must provide at least one DNS nameserver when `dnsPolicy` is None");
        return;
    }
    if servers.len() > 3 {
        errors.invalid(list, json!(servers), "must not have more than 3 nameservers");
    }
    for (index, server) in servers.iter().enumerate() {
        errors.all(list.index(index), server, names::ip(server));
    }
    let list = path.child("searches");
    let searches = config.searches.as_deref().unwrap_or_default();
    if searches.len() > 32 {
        errors.invalid(list, json!(searches), "must not have more than 32 search paths");
    }
    if searches.join(" ").len() > 2048 {
        let why = "must not have more than 2048 characters (including spaces) in the search list";
        errors.invalid(list, json!(searches), why);
    }
    for (index, search) in searches.iter().enumerate().filter(|(_, s)| *s != ".") {
        let search = search.strip_suffix('.').unwrap_or(search);
        // An underscore may stand in a search path.
        if !names::subdomain(&search.replace('_', "0")).is_empty() {
            errors.all(list.index(index), search, names::subdomain(search));
        }
    }
    for (index, option) in config.options.iter().flatten().enumerate() {
        if option.name.as_deref().unwrap_or("").is_empty() {
            errors.required(path.child("options").index(index), "must not be empty");
        }
    }
}

fn gates(spec: &PodSpec, path: Path, errors: &mut Errors) {
    for (index, gate) in spec.readiness_gates.iter().flatten().enumerate() {
        let list = path.child("readinessGates");
        let at = list.index(index);
        errors.all(at.child("conditionType"), &gate.condition_type, names::qualified(&gate.condition_type));
    }
    let list = path.child("schedulingGates");
    let mut seen = BTreeSet::new();
    for (index, gate) in spec.scheduling_gates.iter().flatten().enumerate() {
        errors.all(list.index(index), &gate.name, names::qualified(&gate.name));
        if !seen.insert(gate.name.as_str()) {
            errors.duplicate(list.index(index), gate.name.as_str());
        }
    }
}

/// The system that a pod says it is made for, and what may not be set for it.
fn os(spec: &PodSpec, path: Path, errors: &mut Errors) {
    let Some(os) = &spec.os else { return };
    let at = path.child("os");
    match os.name.as_str() {
        "" => errors.required(at.child("name"), "cannot be empty"),
        "linux" => {}
        "windows" => {
            let why = "cannot be set for a windows pod";
            for (field, there) in [
                ("hostUsers", spec.host_users.is_some()),
                ("hostPID", spec.host_pid == Some(true)),
                ("hostIPC", spec.host_ipc == Some(true)),
                ("shareProcessNamespace", spec.share_process_namespace.is_some()),
            ] {
                if there {
                    errors.forbidden(path.child(field), why);
                }
            }
        }
        other => errors.unsupported(at, other, &["linux", "windows"]),
    }
}

/// A template of a controller. Its pods run for ever where `restart` says so.
pub fn template(template: &PodTemplateSpec, path: Path, errors: &mut Errors) {
    let meta = path.child("metadata");
    if let Some(metadata) = &template.metadata {
        super::meta::labels(metadata.labels.as_ref(), meta.child("labels"), errors);
        super::meta::annotations(metadata.annotations.as_ref(), meta.child("annotations"), errors);
    }
    let empty = PodSpec::default();
    spec(template.spec.as_ref().unwrap_or(&empty), path.child("spec"), errors);
}

/// What is held of pods and not of templates.
pub fn pod_only(pod: &Pod, path: Path, errors: &mut Errors) {
    named(path.child("nodeName"), pod.spec.node_name.as_deref(), names::subdomain, errors);
    if pod.spec.service_account_name.as_deref().unwrap_or("").is_empty() {
        let list = path.child("volumes");
        for (at, volume) in pod.spec.volumes.iter().flatten().enumerate() {
            let sources = volume.projected.iter().flat_map(|p| p.sources.iter().flatten());
            for (index, _) in sources.enumerate().filter(|(_, s)| s.service_account_token.is_some()) {
                let volume = list.index(at);
                let volume = volume.child("projected");
                let sources = volume.child("sources");
                let why = "must not be specified when serviceAccountName is not set";
                errors.forbidden(sources.index(index).child("serviceAccountToken"), why);
            }
        }
    }
    let init = pod.spec.init_containers.as_deref().unwrap_or_default();
    for (field, containers) in [("containers", pod.spec.containers.as_slice()), ("initContainers", init)] {
        for (index, one) in containers.iter().enumerate() {
            container::whole_image(one, path.child(field).index(index), errors);
        }
    }
}

/// What is checked only when a pod is made.
pub fn create_only(pod: &Pod, errors: &mut Errors) {
    let path = Path::new("spec");
    if pod.spec.ephemeral_containers.as_ref().is_some_and(|c| !c.is_empty()) {
        errors.forbidden(path.child("ephemeralContainers"), "cannot be set on create");
    }
    if pod.spec.node_name.is_some() && pod.spec.scheduling_gates.as_ref().is_some_and(|g| !g.is_empty()) {
        let why = "cannot be set until all schedulingGates have been cleared";
        errors.forbidden(path.child("nodeName"), why);
    }
}

/// What a pod may get through `ephemeralcontainers`: more of them, while those that are there stay as they are.
pub fn ephemeral_update(new: &Pod, old: &Pod, errors: &mut Errors) {
    let path = Path::new("spec");
    container::containers(&new.spec, path, errors);
    if old.metadata.annotations.as_ref().is_some_and(|a| a.contains_key("kubernetes.io/config.mirror")) {
        errors.0.clear();
        errors.forbidden(Path::new(""), "static pods do not support ephemeral containers");
        return;
    }
    let list = path.child("ephemeralContainers");
    for before in old.spec.ephemeral_containers.iter().flatten() {
        let after = new.spec.ephemeral_containers.iter().flatten().find(|c| c.name == before.name);
        match after {
            None => {
                let why = format!("existing ephemeral containers {:?} may not be removed\n", before.name);
                errors.forbidden(list, why);
            }
            Some(after) if after != before => {
                let shown = |c| serde_json::to_string_pretty(c).unwrap_or_default();
                let changes = crate::difference::unified(&shown(before), &shown(after), 3);
                let why =
                    format!("existing ephemeral containers {:?} may not be changed\n{changes}", before.name);
                errors.forbidden(list, why);
            }
            Some(_) => {}
        }
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
    gates_only_go(new, old, path, errors);
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

fn gates_only_go(new: &Pod, old: &Pod, path: Path, errors: &mut Errors) {
    let list = path.child("schedulingGates");
    for (index, gate) in new.spec.scheduling_gates.iter().flatten().enumerate() {
        if !old.spec.scheduling_gates.iter().flatten().any(|g| g.name == gate.name) {
            let why = format!("only deletion is allowed, but found new scheduling gate '{}'", gate.name);
            errors.forbidden(list.index(index).child("name"), why);
        }
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
