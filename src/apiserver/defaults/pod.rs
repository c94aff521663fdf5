//! Defaults of pods and of the pod specs in templates.

use super::text;
use crate::object::{Pod, quantity};
use k8s_openapi::api::core::v1::{
    Container, EmptyDirVolumeSource, EnvVar, HTTPGetAction, LifecycleHandler, PodCondition, PodSpec, Probe,
    Volume, VolumeProjection,
};

const FILE_MODE: i32 = 0o644;

/// A pod: what its spec and every template get, and what only a pod gets.
pub fn pod(pod: &mut Pod) {
    let spec = pod.spec.make_mut();
    let resources = spec
        .containers
        .iter_mut()
        .chain(spec.init_containers.iter_mut().flatten())
        .map(|c| c.resources.get_or_insert_default());
    for resources in resources {
        if let Some(limits) = &resources.limits {
            let requests = resources.requests.get_or_insert_default();
            for (name, limit) in limits {
                if !requests.contains_key(name) {
                    requests.insert(name.clone(), limit.clone());
                }
            }
        }
    }
    spec.enable_service_links.get_or_insert(true);
    pod_spec(spec);
    let class = pod.status.qos_class.is_none().then(|| qos_class(&pod.spec));
    if let Some(class) = class {
        pod.status.qos_class = Some(class.to_owned());
    }
    let gated = pod.spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty());
    if gated && pod.status.phase.is_none() {
        pod.status.conditions.get_or_insert_default().push(PodCondition {
            type_: "PodScheduled".to_owned(),
            status: "False".to_owned(),
            reason: Some("SchedulingGated".to_owned()),
            message: Some("Scheduling is blocked due to non-empty scheduling gates".to_owned()),
            ..PodCondition::default()
        });
    }
    text(&mut pod.status.phase, "Pending");
}

/// `Guaranteed`, `Burstable` or `BestEffort`.
pub fn qos_class(spec: &PodSpec) -> &'static str {
    let (mut any, mut guaranteed) = (false, true);
    for container in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
        let resources = container.resources.as_ref();
        let amount = |map: Option<&std::collections::BTreeMap<String, _>>, name: &str| {
            map.and_then(|m| m.get(name)).map(|q| quantity::of(q).nano).filter(|n| *n > 0)
        };
        for name in ["cpu", "memory"] {
            let request = amount(resources.and_then(|r| r.requests.as_ref()), name);
            let limit = amount(resources.and_then(|r| r.limits.as_ref()), name);
            any |= request.is_some() || limit.is_some();
            guaranteed &= limit.is_some() && request.is_none_or(|r| Some(r) == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

/// The spec of a pod or a template.
pub fn pod_spec(spec: &mut PodSpec) {
    text(&mut spec.restart_policy, "Always");
    text(&mut spec.dns_policy, "ClusterFirst");
    text(&mut spec.scheduler_name, "default-scheduler");
    spec.termination_grace_period_seconds.get_or_insert(30);
    spec.security_context.get_or_insert_default();
    if spec.service_account_name.is_none() && spec.service_account.is_some() {
        spec.service_account_name.clone_from(&spec.service_account);
    } else if spec.service_account != spec.service_account_name {
        spec.service_account.clone_from(&spec.service_account_name);
    }
    let host_network = spec.host_network == Some(true);
    let containers = spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten());
    for container in containers {
        self::container(container);
        for port in container.ports.iter_mut().flatten().filter(|_| host_network) {
            port.host_port.get_or_insert(port.container_port);
        }
    }
    for container in spec.ephemeral_containers.iter_mut().flatten() {
        text(&mut container.termination_message_path, "/dev/termination-log");
        text(&mut container.termination_message_policy, "File");
        let image = container.image.as_deref().unwrap_or("");
        container.image_pull_policy.get_or_insert_with(|| pull_policy(image).to_owned());
        container.resources.get_or_insert_default();
        container.env.iter_mut().flatten().for_each(env);
    }
    spec.volumes.iter_mut().flatten().for_each(volume);
}

fn container(container: &mut Container) {
    text(&mut container.termination_message_path, "/dev/termination-log");
    text(&mut container.termination_message_policy, "File");
    if container.image_pull_policy.is_none() {
        let policy = pull_policy(container.image.as_deref().unwrap_or(""));
        container.image_pull_policy = Some(policy.to_owned());
    }
    container.resources.get_or_insert_default();
    for port in container.ports.iter_mut().flatten() {
        text(&mut port.protocol, "TCP");
    }
    container.env.iter_mut().flatten().for_each(env);
    for probe in [&mut container.liveness_probe, &mut container.readiness_probe, &mut container.startup_probe]
    {
        probe.iter_mut().for_each(self::probe);
    }
    if let Some(lifecycle) = &mut container.lifecycle {
        lifecycle.post_start.iter_mut().for_each(handler);
        lifecycle.pre_stop.iter_mut().for_each(handler);
    }
}

/// `Always` for a floating image, as `:latest` or no tag at all.
fn pull_policy(image: &str) -> &'static str {
    let name = image.rsplit('/').next().unwrap_or(image);
    let tag = if image.contains('@') { Some("digest") } else { name.split_once(':').map(|(_, tag)| tag) };
    if matches!(tag, None | Some("latest")) { "Always" } else { "IfNotPresent" }
}

fn env(env: &mut EnvVar) {
    if let Some(field) = env.value_from.as_mut().and_then(|v| v.field_ref.as_mut()) {
        text(&mut field.api_version, "v1");
    }
}

fn probe(probe: &mut Probe) {
    let or = |slot: &mut Option<i32>, value: i32| {
        if slot.unwrap_or(0) == 0 {
            *slot = Some(value);
        }
    };
    or(&mut probe.timeout_seconds, 1);
    or(&mut probe.period_seconds, 10);
    or(&mut probe.success_threshold, 1);
    or(&mut probe.failure_threshold, 3);
    probe.http_get.iter_mut().for_each(http_get);
    if let Some(grpc) = &mut probe.grpc {
        grpc.service.get_or_insert_default();
    }
}

fn handler(handler: &mut LifecycleHandler) {
    handler.http_get.iter_mut().for_each(http_get);
}

fn http_get(action: &mut HTTPGetAction) {
    text(&mut action.path, "/");
    text(&mut action.scheme, "HTTP");
}

fn volume(volume: &mut Volume) {
    if let Some(source) = &mut volume.secret {
        source.default_mode.get_or_insert(FILE_MODE);
    }
    if let Some(source) = &mut volume.config_map {
        source.default_mode.get_or_insert(FILE_MODE);
    }
    if let Some(source) = &mut volume.downward_api {
        source.default_mode.get_or_insert(FILE_MODE);
        for item in source.items.iter_mut().flatten() {
            if let Some(field) = &mut item.field_ref {
                text(&mut field.api_version, "v1");
            }
        }
    }
    if let Some(source) = &mut volume.projected {
        source.default_mode.get_or_insert(FILE_MODE);
        source.sources.iter_mut().flatten().for_each(projection);
    }
    if let Some(source) = &mut volume.host_path {
        source.type_.get_or_insert_default();
    }
    if let Some(claim) = volume.ephemeral.as_mut().and_then(|e| e.volume_claim_template.as_mut()) {
        super::storage::claim_spec(&mut claim.spec);
    }
    if let Some(image) = &mut volume.image {
        let policy = pull_policy(image.reference.as_deref().unwrap_or(""));
        image.pull_policy.get_or_insert_with(|| policy.to_owned());
    }
    if has_no_source(volume) {
        volume.empty_dir = Some(EmptyDirVolumeSource::default());
    }
}

fn projection(source: &mut VolumeProjection) {
    if let Some(token) = &mut source.service_account_token {
        token.expiration_seconds.get_or_insert(3600);
    }
    for item in source.downward_api.iter_mut().flat_map(|d| d.items.iter_mut().flatten()) {
        if let Some(field) = &mut item.field_ref {
            text(&mut field.api_version, "v1");
        }
    }
}

fn has_no_source(volume: &Volume) -> bool {
    let common = volume.empty_dir.is_some()
        || volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.persistent_volume_claim.is_some()
        || volume.projected.is_some()
        || volume.host_path.is_some();
    !common && *volume == Volume { name: volume.name.clone(), ..Volume::default() }
}
