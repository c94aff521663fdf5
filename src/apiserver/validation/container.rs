//! Validation of containers: names, images, ports, environment, mounts, probes, resources.

use super::{Errors, Path, names};
use crate::object::quantity;
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvFromSource, EnvVar, HTTPGetAction, LifecycleHandler, PodSpec, Probe,
    ResourceRequirements, TCPSocketAction, Volume,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

/// The containers and init containers of a pod.
pub fn containers(spec: &PodSpec, path: Path, errors: &mut Errors) {
    let volumes = spec.volumes.as_deref().unwrap_or_default();
    let list = path.child("containers");
    if spec.containers.is_empty() {
        errors.required(list, "");
    }
    let mut seen = BTreeSet::new();
    for (index, container) in spec.containers.iter().enumerate() {
        let path = list.index(index);
        common(container, volumes, path, errors);
        if !seen.insert(container.name.as_str()) {
            errors.duplicate(path.child("name"), container.name.as_str());
        }
        lifecycle(container, path, errors);
        probes(container, path, errors);
        if container.restart_policy.is_some() && container.restart_policy_rules.is_none() {
            errors.one_of(
                path.child("restartPolicy"),
                container.restart_policy.as_deref(),
                &["Always", "Never", "OnFailure"],
            );
        }
    }
    host_ports(&spec.containers, list, errors);
    let list = path.child("initContainers");
    for (index, container) in spec.init_containers.iter().flatten().enumerate() {
        let path = list.index(index);
        common(container, volumes, path, errors);
        if !seen.insert(container.name.as_str()) {
            errors.duplicate(path.child("name"), container.name.as_str());
        }
        let restartable = container.restart_policy.as_deref() == Some("Always");
        if restartable {
            lifecycle(container, path, errors);
            probes(container, path, errors);
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

fn common(container: &Container, volumes: &[Volume], path: Path, errors: &mut Errors) {
    if container.name.is_empty() {
        errors.required(path.child("name"), "");
    } else {
        errors.all(path.child("name"), &container.name, names::label(&container.name));
    }
    if container.image.as_deref().unwrap_or("").is_empty() {
        errors.required(path.child("image"), "");
    }
    errors.one_of(
        path.child("terminationMessagePolicy"),
        container.termination_message_policy.as_deref(),
        &["FallbackToLogsOnError", "File"],
    );
    ports(container.ports.as_deref().unwrap_or_default(), path.child("ports"), errors);
    for (index, var) in container.env.iter().flatten().enumerate() {
        let list = path.child("env");
        env(var, list.index(index), errors);
    }
    for (index, source) in container.env_from.iter().flatten().enumerate() {
        let list = path.child("envFrom");
        env_from(source, list.index(index), errors);
    }
    mounts(container, volumes, path.child("volumeMounts"), errors);
    devices(container, volumes, path.child("volumeDevices"), errors);
    errors.one_of(
        path.child("imagePullPolicy"),
        container.image_pull_policy.as_deref(),
        &["Always", "IfNotPresent", "Never"],
    );
    if let Some(needs) = &container.resources {
        resources(needs, path.child("resources"), errors);
    }
    if let Some(context) = &container.security_context {
        let path = path.child("securityContext");
        for (field, id) in [("runAsUser", context.run_as_user), ("runAsGroup", context.run_as_group)] {
            if let Some(id) = id.filter(|id| !(0..=i64::from(i32::MAX)).contains(id)) {
                errors.invalid(
                    path.child(field),
                    id,
                    format!("must be between 0 and {}, inclusive", i32::MAX),
                );
            }
        }
        if context.privileged == Some(true) && context.allow_privilege_escalation == Some(false) {
            errors.invalid(
                path,
                json!(context),
                "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
            );
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

fn host_ports(containers: &[Container], path: Path, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (at, container) in containers.iter().enumerate() {
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

const ENV_FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

fn env(var: &EnvVar, path: Path, errors: &mut Errors) {
    if var.name.is_empty() {
        errors.required(path.child("name"), "");
    } else {
        errors.all(path.child("name"), &var.name, names::env_name(&var.name));
    }
    let Some(source) = &var.value_from else { return };
    let path = path.child("valueFrom");
    let mut sources = 0;
    if let Some(field) = &source.field_ref {
        sources += 1;
        let path = path.child("fieldRef");
        let field = field.field_path.as_str();
        let subscript = field.starts_with("metadata.labels['") || field.starts_with("metadata.annotations['");
        if field.is_empty() {
            errors.required(path.child("fieldPath"), "");
        } else if !subscript && !ENV_FIELDS.contains(&field) {
            if matches!(field, "metadata.labels" | "metadata.annotations") {
                errors.unsupported(path.child("fieldPath"), field, ENV_FIELDS);
            } else {
                let why = format!("error converting fieldPath: field label not supported: {field}");
                errors.invalid(path.child("fieldPath"), field, why);
            }
        }
    }
    if let Some(resource) = &source.resource_field_ref {
        sources += 1;
        let path = path.child("resourceFieldRef");
        if resource.resource.is_empty() {
            errors.required(path.child("resource"), "");
        }
    }
    for (field, there) in [
        ("configMapKeyRef", source.config_map_key_ref.as_ref().map(|r| (&r.name, &r.key))),
        ("secretKeyRef", source.secret_key_ref.as_ref().map(|r| (&r.name, &r.key))),
    ] {
        let Some((name, key)) = there else { continue };
        sources += 1;
        let path = path.child(field);
        if name.is_empty() {
            errors.required(path.child("name"), "");
        }
        if key.is_empty() {
            errors.required(path.child("key"), "");
        } else {
            errors.all(path.child("key"), key, names::config_key(key));
        }
    }
    sources += usize::from(source.file_key_ref.is_some());
    if sources == 0 {
        errors.invalid(
            path,
            "",
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        );
    } else if var.value.as_deref().is_some_and(|v| !v.is_empty()) {
        errors.invalid(path, "", "may not be specified when `value` is not empty");
    } else if sources > 1 {
        errors.invalid(path, "", "may not have more than one field specified at a time");
    }
}

fn env_from(source: &EnvFromSource, path: Path, errors: &mut Errors) {
    if let Some(prefix) = source.prefix.as_deref().filter(|p| !p.is_empty()) {
        errors.all(path.child("prefix"), prefix, names::env_name(prefix));
    }
    let mut sources = 0;
    for (field, name) in [
        ("configMapRef", source.config_map_ref.as_ref().map(|r| &r.name)),
        ("secretRef", source.secret_ref.as_ref().map(|r| &r.name)),
    ] {
        let Some(name) = name else { continue };
        sources += 1;
        let path = path.child(field);
        if name.is_empty() {
            errors.required(path.child("name"), "");
        } else {
            errors.all(path.child("name"), name, names::subdomain(name));
        }
    }
    match sources {
        0 => errors.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"),
        1 => {}
        _ => errors.invalid(path, "", "may not have more than one field specified at a time"),
    }
}

fn mounts(container: &Container, volumes: &[Volume], path: Path, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        let path = path.index(index);
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
        if let Some(sub) = mount.sub_path.as_deref().filter(|s| !s.is_empty()) {
            inside(sub, path.child("subPath"), errors);
        }
        if let Some(sub) = mount.sub_path_expr.as_deref().filter(|s| !s.is_empty()) {
            if mount.sub_path.as_deref().is_some_and(|s| !s.is_empty()) {
                errors.invalid(
                    path.child("subPathExpr"),
                    sub,
                    "subPathExpr and subPath are mutually exclusive",
                );
            }
            inside(sub, path.child("subPathExpr"), errors);
        }
        if let Some(propagation) = mount.mount_propagation.as_deref() {
            let all = ["Bidirectional", "HostToContainer", "None"];
            errors.one_of(path.child("mountPropagation"), Some(propagation), &all);
        }
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
            errors.invalid(path.child("devicePath"), device_path, "must not contain '..'");
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

/// Requests and limits.
pub fn resources(needs: &ResourceRequirements, path: Path, errors: &mut Errors) {
    let empty = BTreeMap::new();
    let limits = needs.limits.as_ref().unwrap_or(&empty);
    let requests = needs.requests.as_ref().unwrap_or(&empty);
    for (field, amounts) in [("limits", limits), ("requests", requests)] {
        let path = path.child(field);
        for (name, amount) in amounts {
            resource(name, amount, path.key(name), errors);
        }
    }
    let path_of_limits = path.child("limits");
    for (name, request) in requests {
        let path = path.child("requests");
        let (asked, limit) = (quantity::of(request), limits.get(name).map(|l| (quantity::of(l), l)));
        match limit {
            Some((limit, text)) if extended(name) && limit.nano != asked.nano => {
                errors.invalid(
                    path,
                    request.0.as_str(),
                    format!("must be equal to {name} limit of {}", text.0),
                );
            }
            Some((limit, text)) if !extended(name) && limit.nano < asked.nano => {
                let why = format!("must be less than or equal to {name} limit of {}", text.0);
                errors.invalid(path, request.0.as_str(), why);
            }
            None if extended(name) => {
                let why = "Limit must be set for non overcommitable resources";
                errors.required(path_of_limits.key(name), why);
            }
            _ => {}
        }
    }
}

/// A resource that a device plugin offers, as `nvidia.com/gpu`: whole, and never overcommitted.
fn extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/")
}

fn resource(name: &str, amount: &Quantity, path: Path, errors: &mut Errors) {
    let wrong = names::qualified(name);
    if !wrong.is_empty() {
        errors.all(path, name, wrong);
    } else if !name.contains('/')
        && !matches!(name, "cpu" | "memory" | "ephemeral-storage")
        && !name.starts_with("hugepages-")
    {
        errors.invalid(path, name, "must be a standard resource type or fully qualified");
        errors.invalid(path, name, "must be a standard resource for containers");
    }
    let value = quantity::of(amount);
    if value.nano < 0 {
        errors.invalid(path, amount.0.as_str(), "must be greater than or equal to 0");
    }
    if extended(name) && value.nano % 1_000_000_000 != 0 {
        errors.invalid(path, amount.0.as_str(), "must be an integer");
    }
}

fn lifecycle(container: &Container, path: Path, errors: &mut Errors) {
    let Some(lifecycle) = &container.lifecycle else { return };
    let path = path.child("lifecycle");
    for (field, handler) in [("postStart", &lifecycle.post_start), ("preStop", &lifecycle.pre_stop)] {
        if let Some(handler) = handler {
            hook(handler, path.child(field), errors);
        }
    }
}

fn hook(hook: &LifecycleHandler, path: Path, errors: &mut Errors) {
    let mut handlers = Handlers::new(path);
    if let Some(exec) = &hook.exec {
        handlers.next("exec", errors);
        command(exec.command.as_deref(), path.child("exec"), errors);
    }
    if let Some(http) = &hook.http_get {
        handlers.next("httpGet", errors);
        http_get(http, path.child("httpGet"), errors);
    }
    if let Some(tcp) = &hook.tcp_socket {
        handlers.next("tcpSocket", errors);
        tcp_socket(tcp, path.child("tcpSocket"), errors);
    }
    if hook.sleep.is_some() {
        handlers.next("sleep", errors);
    }
    handlers.end(errors);
}

/// Counts the handlers of a probe or hook: there must be just one.
struct Handlers<'a> {
    path: Path<'a>,
    count: usize,
}

impl<'a> Handlers<'a> {
    fn new(path: Path<'a>) -> Self {
        Self { path, count: 0 }
    }

    fn next(&mut self, field: &str, errors: &mut Errors) {
        if self.count > 0 {
            errors.forbidden(self.path.child(field), "may not specify more than 1 handler type");
        }
        self.count += 1;
    }

    fn end(&self, errors: &mut Errors) {
        if self.count == 0 {
            errors.required(self.path, "must specify a handler type");
        }
    }
}

fn probes(container: &Container, path: Path, errors: &mut Errors) {
    for (field, probe) in [
        ("livenessProbe", &container.liveness_probe),
        ("readinessProbe", &container.readiness_probe),
        ("startupProbe", &container.startup_probe),
    ] {
        let Some(probe) = probe else { continue };
        let path = path.child(field);
        self::probe(probe, path, errors);
        if field != "readinessProbe" {
            if probe.success_threshold.is_some_and(|n| n != 1) {
                errors.invalid(path.child("successThreshold"), json!(probe.success_threshold), "must be 1");
            }
            if let Some(seconds) = probe.termination_grace_period_seconds.filter(|s| *s <= 0) {
                errors.invalid(
                    path.child("terminationGracePeriodSeconds"),
                    seconds,
                    "must be greater than 0",
                );
            }
        } else if probe.termination_grace_period_seconds.is_some() {
            let why = "must not be set for readinessProbes";
            let value = json!(probe.termination_grace_period_seconds);
            errors.invalid(path.child("terminationGracePeriodSeconds"), value, why);
        }
    }
}

fn probe(probe: &Probe, path: Path, errors: &mut Errors) {
    let mut handlers = Handlers::new(path);
    if let Some(exec) = &probe.exec {
        handlers.next("exec", errors);
        command(exec.command.as_deref(), path.child("exec"), errors);
    }
    if let Some(http) = &probe.http_get {
        handlers.next("httpGet", errors);
        http_get(http, path.child("httpGet"), errors);
    }
    if let Some(tcp) = &probe.tcp_socket {
        handlers.next("tcpSocket", errors);
        tcp_socket(tcp, path.child("tcpSocket"), errors);
    }
    if let Some(grpc) = &probe.grpc {
        handlers.next("grpc", errors);
        let path = path.child("grpc");
        for why in names::port(i64::from(grpc.port)) {
            errors.invalid(path.child("port"), grpc.port, why);
        }
    }
    handlers.end(errors);
    for (field, value) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        errors.not_negative(path.child(field), value.map(i64::from));
    }
}

fn command(command: Option<&[String]>, path: Path, errors: &mut Errors) {
    if command.unwrap_or_default().is_empty() {
        errors.required(path.child("command"), "");
    }
}

fn http_get(http: &HTTPGetAction, path: Path, errors: &mut Errors) {
    if http.path.as_deref().unwrap_or("").is_empty() {
        errors.required(path.child("path"), "");
    }
    for why in names::port_or_name(&http.port) {
        errors.invalid(path.child("port"), json!(http.port), why);
    }
    if !matches!(http.scheme.as_deref(), Some("HTTP" | "HTTPS")) {
        errors.unsupported(path.child("scheme"), http.scheme.as_deref().unwrap_or(""), &["HTTP", "HTTPS"]);
    }
    for header in http.http_headers.iter().flatten() {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        if header.name.is_empty() || !header.name.bytes().all(legal) {
            let why = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
            errors.invalid(path.child("httpHeaders"), header.name.as_str(), why);
        }
    }
}

fn tcp_socket(tcp: &TCPSocketAction, path: Path, errors: &mut Errors) {
    for why in names::port_or_name(&tcp.port) {
        errors.invalid(path.child("port"), json!(tcp.port), why);
    }
}
