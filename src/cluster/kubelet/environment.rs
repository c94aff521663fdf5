//! A container's environment: values, references to other objects, the Services of its namespace.
//!
//! From `makeEnvironmentVariables` in `pkg/kubelet/kubelet_pods.go`: `envFrom` first, then `env` in order with
//! `$(NAME)` expanded, then the Services' variables where no other has the name.

use super::address;
use super::run::{PodRun, Stage};
use crate::cluster::Cluster;
use crate::cluster::workload::images;
use crate::object::{Pod, SimTime, meta::MetaExt, quantity};
use k8s_openapi::api::core::v1::{
    ConfigMap, Container, EnvVarSource, Node, ResourceFieldSelector, Secret, Service,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The variables that the container's spec asks for.
pub(crate) type Env = Option<Arc<Vec<(String, String)>>>;

/// Resolves `env` and `envFrom`.
///
/// # Errors
/// What is missing, in the kubelet's words.
pub(super) fn of_spec(cluster: &Cluster, pod: &Pod, spec: &Container, run: &PodRun) -> Result<Env, String> {
    let (from, own) = (spec.env_from.as_deref().unwrap_or(&[]), spec.env.as_deref().unwrap_or(&[]));
    if from.is_empty() && own.is_empty() {
        return Ok(None);
    }
    let mut list: Vec<(String, String)> = Vec::new();
    let mut set = |name: String, value: String| match list.iter_mut().find(|(n, _)| *n == name) {
        Some(entry) => entry.1 = value,
        None => list.push((name, value)),
    };
    for source in from {
        let prefix = source.prefix.as_deref().unwrap_or("");
        if let Some(map) = &source.config_map_ref {
            match config_data(cluster, pod, &map.name) {
                Some(data) => data.into_iter().for_each(|(k, v)| set(format!("{prefix}{k}"), v)),
                None if map.optional == Some(true) => {}
                None => return Err(format!("configmap \"{}\" not found", map.name)),
            }
        } else if let Some(secret) = &source.secret_ref {
            match secret_data(cluster, pod, &secret.name) {
                Some(data) => data.into_iter().for_each(|(k, v)| set(format!("{prefix}{k}"), v)),
                None if secret.optional == Some(true) => {}
                None => return Err(format!("secret \"{}\" not found", secret.name)),
            }
        }
    }
    let services = if own.iter().any(|e| e.value.as_deref().is_some_and(|v| v.contains("$("))) {
        service_variables(cluster, pod, cluster.now())
    } else {
        BTreeMap::new()
    };
    for variable in own {
        let value = match (&variable.value, &variable.value_from) {
            (_, Some(source)) => referred(cluster, pod, spec, run, source)?,
            (Some(value), None) => {
                let known = |name: &str| {
                    let found = list.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
                    found.or_else(|| services.get(name).cloned())
                };
                Some(expand(value, &known))
            }
            (None, None) => Some(String::new()),
        };
        if let Some(value) = value {
            match list.iter_mut().find(|(n, _)| *n == variable.name) {
                Some(entry) => entry.1 = value,
                None => list.push((variable.name.clone(), value)),
            }
        }
    }
    Ok(Some(Arc::new(list)))
}

fn config_data(cluster: &Cluster, pod: &Pod, name: &str) -> Option<BTreeMap<String, String>> {
    let map = cluster.api.store.find::<ConfigMap>(pod.namespace_str(), name)?;
    Some(map.data.clone().unwrap_or_default())
}

fn secret_data(cluster: &Cluster, pod: &Pod, name: &str) -> Option<BTreeMap<String, String>> {
    let secret = cluster.api.store.find::<Secret>(pod.namespace_str(), name)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(secret.data.iter().flatten().map(|(k, v)| (k.clone(), text(&v.0))).collect())
}

/// A value from somewhere else; `None` when it is optional and not there.
fn referred(
    cluster: &Cluster,
    pod: &Pod,
    spec: &Container,
    run: &PodRun,
    source: &EnvVarSource,
) -> Result<Option<String>, String> {
    let namespace = pod.namespace_str();
    if let Some(field) = &source.field_ref {
        return Ok(Some(field_value(cluster, pod, run, &field.field_path)));
    }
    if let Some(selector) = &source.resource_field_ref {
        let named = selector.container_name.as_deref().unwrap_or("");
        let other = pod.spec.containers.iter().find(|c| c.name == named);
        return Ok(Some(resource_value(cluster, pod, other.unwrap_or(spec), selector)));
    }
    if let Some(key) = &source.config_map_key_ref {
        let optional = key.optional == Some(true);
        return match config_data(cluster, pod, &key.name) {
            None if optional => Ok(None),
            None => Err(format!("configmap \"{}\" not found", key.name)),
            Some(data) => match data.get(&key.key) {
                Some(value) => Ok(Some(value.clone())),
                None if optional => Ok(None),
                None => Err(format!("couldn't find key {} in ConfigMap {namespace}/{}", key.key, key.name)),
            },
        };
    }
    if let Some(key) = &source.secret_key_ref {
        let optional = key.optional == Some(true);
        return match secret_data(cluster, pod, &key.name) {
            None if optional => Ok(None),
            None => Err(format!("secret \"{}\" not found", key.name)),
            Some(data) => match data.get(&key.key) {
                Some(value) => Ok(Some(value.clone())),
                None if optional => Ok(None),
                None => Err(format!("couldn't find key {} in Secret {namespace}/{}", key.key, key.name)),
            },
        };
    }
    Ok(None)
}

/// A field of the pod as the downward API gives it.
pub(crate) fn field_value(cluster: &Cluster, pod: &Pod, run: &PodRun, path: &str) -> String {
    if let Some((map, key)) = path.strip_suffix("']").and_then(|p| p.split_once("['")) {
        let found = match map {
            "metadata.labels" => pod.label(key),
            "metadata.annotations" => pod.annotation(key),
            _ => None,
        };
        return found.unwrap_or("").to_owned();
    }
    let node = pod.spec.node_name.as_deref().unwrap_or("");
    let index = cluster.kubelets.get(node).map_or(0, |k| k.index);
    match path {
        "metadata.name" => pod.name_str().to_owned(),
        "metadata.namespace" => pod.namespace_str().to_owned(),
        "metadata.uid" => run.uid.to_string(),
        "metadata.labels" => quoted_lines(pod.labels_map()),
        "metadata.annotations" => quoted_lines(pod.metadata.annotations.as_ref().unwrap_or(&BTreeMap::new())),
        "spec.nodeName" => node.to_owned(),
        "spec.serviceAccountName" => pod.spec.service_account_name.clone().unwrap_or_default(),
        "status.hostIP" | "status.hostIPs" => address::node_ip(index),
        "status.podIP" | "status.podIPs" if pod.spec.host_network == Some(true) => address::node_ip(index),
        "status.podIP" | "status.podIPs" if run.address != 0 => address::pod_ip(index, run.address),
        _ => String::new(),
    }
}

/// Labels as the downward API writes them to a file: `key="value"`, a line each.
fn quoted_lines(map: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> = map.iter().map(|(k, v)| format!("{k}={v:?}")).collect();
    lines.join("\n")
}

/// A container's request or limit, divided and rounded up. A limit that is not set is what the node has.
pub(super) fn resource_value(
    cluster: &Cluster,
    pod: &Pod,
    container: &Container,
    selector: &ResourceFieldSelector,
) -> String {
    let Some((kind, name)) = selector.resource.split_once('.') else { return String::new() };
    let resources = container.resources.as_ref();
    let own = |map: Option<&BTreeMap<_, _>>| map.and_then(|m| m.get(name)).map(quantity::of);
    let node = pod.spec.node_name.as_deref().unwrap_or("");
    let allocatable = || {
        let node = cluster.api.store.find::<Node>("", node)?;
        node.status.as_ref()?.allocatable.as_ref()?.get(name).map(quantity::of)
    };
    let value = match kind {
        "limits" => own(resources.and_then(|r| r.limits.as_ref())).or_else(allocatable),
        _ => own(resources.and_then(|r| r.requests.as_ref())),
    };
    let nano = value.map_or(0, |v| v.nano);
    let divisor = selector.divisor.as_ref().map(quantity::of).map(|d| d.nano).filter(|d| *d > 0);
    let divisor = divisor.unwrap_or(1_000_000_000);
    ((nano + divisor - 1) / divisor).to_string()
}

/// Replaces `$(NAME)` by what is known, and `$$` by `$`.
pub(crate) fn expand(text: &str, known: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|r| r.split_once(')')) {
            if let Some(value) = known(name) {
                out.push_str(&value);
            } else {
                out.push_str("$(");
                out.push_str(name);
                out.push(')');
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

/// The variables of Services that were there at `when`: those of the pod's namespace, and `kubernetes` always.
fn service_variables(cluster: &Cluster, pod: &Pod, when: SimTime) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let namespace = pod.namespace_str();
    if let Some(service) = cluster.api.store.find::<Service>("default", "kubernetes") {
        add_service(&mut all, service);
    }
    if pod.spec.enable_service_links != Some(false) {
        for service in cluster.api.store.all_in::<Service>(namespace) {
            if service.created() <= when {
                add_service(&mut all, service);
            }
        }
    }
    all
}

fn add_service(all: &mut BTreeMap<String, String>, service: &Service) {
    let Some(spec) = &service.spec else { return };
    let Some(ip) = spec.cluster_ip.as_deref().filter(|ip| !ip.is_empty() && *ip != "None") else { return };
    let upper = |text: &str| text.to_ascii_uppercase().replace(['-', '.'], "_");
    let name = upper(service.name_str());
    for (position, port) in spec.ports.iter().flatten().enumerate() {
        let number = port.port;
        if position == 0 {
            all.insert(format!("{name}_SERVICE_HOST"), ip.to_owned());
            all.insert(format!("{name}_SERVICE_PORT"), number.to_string());
        }
        if let Some(port_name) = port.name.as_deref().filter(|n| !n.is_empty()) {
            all.insert(format!("{name}_SERVICE_PORT_{}", upper(port_name)), number.to_string());
        }
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        let lower = protocol.to_ascii_lowercase();
        let url = format!("{lower}://{ip}:{number}");
        if position == 0 {
            all.insert(format!("{name}_PORT"), url.clone());
        }
        let prefix = format!("{name}_PORT_{number}_{protocol}");
        all.insert(format!("{prefix}_PROTO"), lower);
        all.insert(format!("{prefix}_PORT"), number.to_string());
        all.insert(format!("{prefix}_ADDR"), ip.to_owned());
        all.insert(prefix, url);
    }
}

/// The whole environment of a process of a container: the runtime's, the image's, the Services', the spec's.
pub(crate) fn whole(
    cluster: &Cluster,
    pod: &Pod,
    spec: &Container,
    run: &PodRun,
    index: usize,
) -> BTreeMap<String, String> {
    let name = spec.image.as_deref().unwrap_or("");
    let image = images::of(name);
    let mut all = BTreeMap::from([
        ("PATH".to_owned(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
        ("HOSTNAME".to_owned(), hostname(pod)),
        ("HOME".to_owned(), "/root".to_owned()),
    ]);
    for (key, value) in image.env {
        let version = images::Reference::parse(name).map(|r| images::version(&r)).unwrap_or_default();
        all.insert((*key).to_owned(), value.replace("{version}", &version));
    }
    let Some(container) = run.containers.get(index) else { return all };
    let when = if let Stage::Running { since, .. } = container.stage { since } else { cluster.now() };
    all.extend(service_variables(cluster, pod, when));
    let own = container.body.as_ref().and_then(|b| b.env.clone());
    all.extend(own.iter().flat_map(|env| env.iter().cloned()));
    all
}

/// The pod's host name.
pub(crate) fn hostname(pod: &Pod) -> String {
    if pod.spec.host_network == Some(true) {
        return pod.spec.node_name.as_deref().unwrap_or("").to_owned();
    }
    let name = pod.spec.hostname.as_deref().filter(|h| !h.is_empty()).unwrap_or(pod.name_str());
    name.chars().take(63).collect::<String>().trim_end_matches(['-', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_in_values() {
        let known = |name: &str| (name == "A").then(|| "1".to_owned());
        for (text, expected) in [
            ("$(A)", "1"),
            ("x$(A)y$(B)", "x1y$(B)"),
            ("$$(A)", "$(A)"),
            ("$A", "$A"),
            ("$(A", "$(A"),
            ("cost: 5$", "cost: 5$"),
        ] {
            assert_eq!(expand(text, &known), expected, "{text}");
        }
    }
}
