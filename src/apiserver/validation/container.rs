//! Validation of containers: names, images, ports, environment, mounts, probes, resources.

use super::{Errors, Path, env, handler, names, resources, security};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EphemeralContainer, PodSpec, ResourceRequirements, Volume, VolumeMount,
};
use std::collections::BTreeSet;

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

/// The containers of a pod, of every sort.
pub fn containers(spec: &PodSpec, path: Path, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    regular(spec, &mut seen, path.child("containers"), errors);
    init(spec, &mut seen, path.child("initContainers"), errors);
    ephemeral(spec, &mut seen, path.child("ephemeralContainers"), errors);
}

fn regular<'a>(spec: &'a PodSpec, seen: &mut BTreeSet<&'a str>, list: Path, errors: &mut Errors) {
    if spec.containers.is_empty() {
        errors.required(list, "");
    }
    for (index, container) in spec.containers.iter().enumerate() {
        let path = list.index(index);
        common(container, spec, path, errors);
        if !seen.insert(container.name.as_str()) {
            errors.duplicate(path.child("name"), container.name.as_str());
        }
        handler::lifecycle(container, spec.termination_grace_period_seconds, path, errors);
        handler::probes(container, path, errors);
        restarts(container, path, errors);
    }
    let ports = spec.containers.iter().enumerate();
    host_ports(ports, list, errors);
}

/// When a container is started again, by itself.
fn restarts(container: &Container, path: Path, errors: &mut Errors) {
    let rules = container.restart_policy_rules.as_deref().unwrap_or_default();
    if container.restart_policy.is_none() && !rules.is_empty() {
        let why = "must specify restartPolicy when restart rules are used";
        errors.required(path.child("restartPolicy"), why);
    }
    if container.restart_policy.is_some() {
        let all = ["Always", "Never", "OnFailure"];
        errors.supported(path.child("restartPolicy"), container.restart_policy.as_deref(), &all);
    }
}

fn init<'a>(spec: &'a PodSpec, seen: &mut BTreeSet<&'a str>, list: Path, errors: &mut Errors) {
    for (index, container) in spec.init_containers.iter().flatten().enumerate() {
        let path = list.index(index);
        common(container, spec, path, errors);
        restarts(container, path, errors);
        if !seen.insert(container.name.as_str()) {
            errors.duplicate(path.child("name"), container.name.as_str());
        }
        // Init containers run one after another: each only conflicts with itself.
        host_ports(std::iter::once((0, container)), list, errors);
        if container.restart_policy.as_deref() == Some("Always") {
            handler::lifecycle(container, spec.termination_grace_period_seconds, path, errors);
            handler::probes(container, path, errors);
            continue;
        }
        let why = "may not be set for init containers without restartPolicy=Always";
        for (field, there) in [
            ("lifecycle", container.lifecycle.is_some()),
            ("livenessProbe", container.liveness_probe.is_some()),
            ("readinessProbe", container.readiness_probe.is_some()),
            ("startupProbe", container.startup_probe.is_some()),
        ] {
            if there {
                errors.forbidden(path.child(field), why);
            }
        }
    }
}

fn ephemeral<'a>(spec: &'a PodSpec, seen: &mut BTreeSet<&'a str>, list: Path, errors: &mut Errors) {
    const WHY: &str = "cannot be set for an Ephemeral Container";
    let lasting = seen.clone();
    for (index, ephemeral) in spec.ephemeral_containers.iter().flatten().enumerate() {
        let path = list.index(index);
        let container = as_container(ephemeral);
        common(&container, spec, path, errors);
        whole_image(&container, path, errors);
        if !seen.insert(ephemeral.name.as_str()) {
            errors.duplicate(path.child("name"), ephemeral.name.as_str());
        }
        if let Some(target) = ephemeral.target_container_name.as_deref().filter(|t| !t.is_empty())
            && !lasting.contains(target)
        {
            errors.not_found(path.child("targetContainerName"), target);
        }
        for (field, there) in [
            ("ports", container.ports.is_some()),
            (
                "resources",
                ephemeral.resources.as_ref().is_some_and(|r| *r != ResourceRequirements::default()),
            ),
            ("livenessProbe", ephemeral.liveness_probe.is_some()),
            ("readinessProbe", ephemeral.readiness_probe.is_some()),
            ("startupProbe", ephemeral.startup_probe.is_some()),
            ("lifecycle", ephemeral.lifecycle.is_some()),
        ] {
            if there {
                errors.forbidden(path.child(field), WHY);
            }
        }
        for (index, mount) in ephemeral.volume_mounts.iter().flatten().enumerate() {
            let list = path.child("volumeMounts");
            let path = list.index(index);
            for (field, text) in [("subPath", &mount.sub_path), ("subPathExpr", &mount.sub_path_expr)] {
                if text.as_deref().is_some_and(|t| !t.is_empty()) {
                    errors.forbidden(path.child(field), WHY);
                }
            }
        }
    }
}

/// What an ephemeral container has in common with the others.
fn as_container(one: &EphemeralContainer) -> Container {
    Container {
        name: one.name.clone(),
        image: one.image.clone(),
        termination_message_policy: one.termination_message_policy.clone(),
        image_pull_policy: one.image_pull_policy.clone(),
        ports: one.ports.clone(),
        env: one.env.clone(),
        env_from: one.env_from.clone(),
        volume_mounts: one.volume_mounts.clone(),
        volume_devices: one.volume_devices.clone(),
        security_context: one.security_context.clone(),
        ..Container::default()
    }
}

/// An image without spaces around it: held of pods, not of templates.
pub fn whole_image(container: &Container, path: Path, errors: &mut Errors) {
    let image = container.image.as_deref().unwrap_or("");
    if image.trim() != image {
        errors.invalid(path.child("image"), image, "must not have leading or trailing whitespace");
    }
}

fn common(container: &Container, spec: &PodSpec, path: Path, errors: &mut Errors) {
    let volumes = spec.volumes.as_deref().unwrap_or_default();
    if container.name.is_empty() {
        errors.required(path.child("name"), "");
    } else {
        errors.all(path.child("name"), &container.name, names::label(&container.name));
    }
    errors.needed(path.child("image"), container.image.as_deref().unwrap_or(""));
    errors.one_of(
        path.child("terminationMessagePolicy"),
        container.termination_message_policy.as_deref(),
        &["File", "FallbackToLogsOnError"],
    );
    ports(container.ports.as_deref().unwrap_or_default(), path.child("ports"), errors);
    for (index, var) in container.env.iter().flatten().enumerate() {
        let list = path.child("env");
        env::variable(var, list.index(index), errors);
    }
    env::from(container.env_from.as_deref().unwrap_or_default(), path.child("envFrom"), errors);
    mounts(container, volumes, path.child("volumeMounts"), errors);
    devices(container, volumes, path.child("volumeDevices"), errors);
    errors.one_of(
        path.child("imagePullPolicy"),
        container.image_pull_policy.as_deref(),
        &["Always", "IfNotPresent", "Never"],
    );
    if let Some(needs) = &container.resources {
        resources::requirements(needs, resources::Names::Container, path.child("resources"), errors);
    }
    resize(container, spec, path.child("resizePolicy"), errors);
    if let Some(context) = &container.security_context {
        security::container(context, spec.host_users != Some(false), path.child("securityContext"), errors);
    }
}

fn resize(container: &Container, spec: &PodSpec, path: Path, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (index, policy) in container.resize_policy.iter().flatten().enumerate() {
        if !seen.insert(policy.resource_name.as_str()) {
            errors.duplicate(path.index(index), policy.resource_name.as_str());
        }
        errors.one_of(path, Some(&policy.resource_name), &["cpu", "memory"]);
        errors.one_of(path, Some(&policy.restart_policy), &["NotRequired", "RestartContainer"]);
        if spec.restart_policy.as_deref() == Some("Never") && policy.restart_policy != "NotRequired" {
            let why = "must be 'NotRequired' when `restartPolicy` is 'Never'";
            errors.invalid(path, policy.restart_policy.as_str(), why);
        }
    }
}

fn ports(ports: &[ContainerPort], path: Path, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        if let Some(name) = port.name.as_deref().filter(|n| !n.is_empty()) {
            let wrong = names::port_name(name);
            if !wrong.is_empty() {
                errors.all(path.child("name"), name, wrong);
            } else if !seen.insert(name) {
                errors.duplicate(path.child("name"), name);
            }
        }
        number(port.container_port, path.child("containerPort"), errors);
        if let Some(host) = port.host_port.filter(|p| *p != 0) {
            for why in names::port(i64::from(host)) {
                errors.invalid(path.child("hostPort"), host, why);
            }
        }
        errors.one_of(path.child("protocol"), port.protocol.as_deref(), &PROTOCOLS);
    }
}

/// A port that must be there.
fn number(port: i32, path: Path, errors: &mut Errors) {
    if port == 0 {
        errors.required(path, "");
        return;
    }
    for why in names::port(i64::from(port)) {
        errors.invalid(path, port, why);
    }
}

fn host_ports<'a>(containers: impl Iterator<Item = (usize, &'a Container)>, path: Path, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (at, container) in containers {
        for (index, port) in container.ports.iter().flatten().enumerate() {
            let Some(host) = port.host_port.filter(|p| *p != 0) else { continue };
            let text = format!(
                "{}/{}/{host}",
                port.protocol.as_deref().unwrap_or(""),
                port.host_ip.as_deref().unwrap_or("")
            );
            if !seen.insert(text.clone()) {
                let path = path.index(at);
                let list = path.child("ports");
                let path = list.index(index);
                errors.duplicate(path.child("hostPort"), text);
            }
        }
    }
}

fn mounts(container: &Container, volumes: &[Volume], list: Path, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        let path = list.index(index);
        if mount.name.is_empty() {
            errors.required(path.child("name"), "");
        }
        if !volumes.iter().any(|v| v.name == mount.name) {
            errors.not_found(path.child("name"), &mount.name);
        }
        if mount.mount_path.is_empty() {
            errors.required(path.child("mountPath"), "");
        }
        if !seen.insert(mount.mount_path.as_str()) {
            errors.invalid(path.child("mountPath"), mount.mount_path.as_str(), "must be unique");
        }
        if container.volume_devices.iter().flatten().any(|d| d.name == mount.name) {
            errors.invalid(
                path.child("name"),
                mount.name.as_str(),
                "must not already exist in volumeDevices",
            );
        }
        if container.volume_devices.iter().flatten().any(|d| d.device_path == mount.mount_path) {
            let why = "must not already exist as a path in volumeDevices";
            errors.invalid(path.child("mountPath"), mount.mount_path.as_str(), why);
        }
        // The server names the list, not the mount, in what follows.
        if let Some(sub) = mount.sub_path.as_deref().filter(|s| !s.is_empty()) {
            inside(sub, list.child("subPath"), errors);
        }
        if let Some(sub) = mount.sub_path_expr.as_deref().filter(|s| !s.is_empty()) {
            if mount.sub_path.as_deref().is_some_and(|s| !s.is_empty()) {
                errors.invalid(
                    path.child("subPathExpr"),
                    sub,
                    "subPathExpr and subPath are mutually exclusive",
                );
            }
            inside(sub, list.child("subPathExpr"), errors);
        }
        propagation(mount, container, list, errors);
    }
}

fn propagation(mount: &VolumeMount, container: &Container, list: Path, errors: &mut Errors) {
    let path = list.child("mountPropagation");
    let way = mount.mount_propagation.as_deref();
    errors.supported(path, way, &["Bidirectional", "HostToContainer", "None"]);
    let privileged = container.security_context.as_ref().is_some_and(|c| c.privileged == Some(true));
    if way == Some("Bidirectional") && !privileged {
        errors.forbidden(path, "Bidirectional mount propagation is available only to privileged containers");
    }
    let path = list.child("recursiveReadOnly");
    match mount.recursive_read_only.as_deref() {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if mount.read_only != Some(true) {
                errors.forbidden(path, "may only be specified when readOnly is true");
            }
            if way.is_some_and(|way| way != "None") {
                let why = "may only be specified when mountPropagation is None or not specified";
                errors.forbidden(path, why);
            }
        }
        other => errors.supported(path, other, &["Disabled", "Enabled", "IfPossible"]),
    }
}

/// A relative path that does not climb out, nor begins as the kubelet's own files do.
pub fn unreserved(text: &str, path: Path, errors: &mut Errors) {
    inside(text, path, errors);
    if text.starts_with("..") && !text.starts_with("../") && text != ".." {
        errors.invalid(path, text, "must not start with '..'");
    }
}

/// A relative path that does not climb out.
pub fn inside(text: &str, path: Path, errors: &mut Errors) {
    if text.starts_with('/') {
        errors.invalid(path, text, "must be a relative path");
    }
    if text.split('/').any(|part| part == "..") {
        errors.invalid(path, text, "must not contain '..'");
    }
}

fn devices(container: &Container, volumes: &[Volume], path: Path, errors: &mut Errors) {
    let (mut seen_names, mut seen_paths) = (BTreeSet::new(), BTreeSet::new());
    for (index, device) in container.volume_devices.iter().flatten().enumerate() {
        let path = path.index(index);
        let name = device.name.as_str();
        if name.is_empty() {
            errors.required(path.child("name"), "");
        }
        if !seen_names.insert(name) {
            errors.invalid(path.child("name"), name, "must be unique");
        }
        match volumes.iter().find(|v| v.name == name) {
            None => errors.not_found(path.child("name"), name),
            Some(volume) if volume.persistent_volume_claim.is_none() && volume.ephemeral.is_none() => {
                let why =
                    "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                errors.invalid(path.child("name"), name, why);
            }
            Some(_) => {}
        }
        let device_path = device.device_path.as_str();
        if device_path.is_empty() {
            errors.required(path.child("devicePath"), "");
        }
        if !seen_paths.insert(device_path) {
            errors.invalid(path.child("devicePath"), device_path, "must be unique");
        }
        if device_path.split('/').any(|part| part == "..") {
            errors.invalid(path.child("devicePath"), device_path, "can not contain backsteps ('..')");
        }
        let mounts = || container.volume_mounts.iter().flatten();
        if mounts().any(|m| m.name == device.name) {
            errors.invalid(path.child("name"), name, "must not already exist in volumeMounts");
        }
        if mounts().any(|m| m.mount_path == device.device_path) {
            let why = "must not already exist as a path in volumeMounts";
            errors.invalid(path.child("devicePath"), device_path, why);
        }
    }
}
