//! The pod, kept compact: pods of one owner share their spec, and what is a pod's own stands beside it.
//!
//! Always holds: `serde` reads and writes the very JSON of `v1.Pod`. The shared spec never contains
//! `nodeName` nor the service account's token volume: both are put in when the whole spec is asked for.

use super::{Kind, ObjectMeta, SimTime};
use k8s_openapi::api::core::v1::{
    Container, DownwardAPIProjection, DownwardAPIVolumeFile, KeyToPath, ObjectFieldSelector, PodCondition,
    PodSpec as ApiPodSpec, PodStatus, ProjectedVolumeSource, ServiceAccountTokenProjection, Volume,
    VolumeMount, VolumeProjection,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

/// Where the service account's token, the cluster's CA and the namespace are mounted.
pub const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The token volume's name before its five random letters.
pub const TOKEN_VOLUME_PREFIX: &str = "kube-api-access-";

/// `v1.Pod`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Pod {
    /// `metadata`.
    pub metadata: ObjectMeta,
    /// `spec`, shared with the pod's siblings.
    pub spec: PodSpec,
    /// `status`.
    pub status: PodStatus,
}

/// A pod's spec: the part that siblings share, and the pod's own.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PodSpec {
    /// Everything but `nodeName` and the token volume with its mounts.
    pub shared: Arc<ApiPodSpec>,
    /// `spec.nodeName`: `None` until bound.
    pub node_name: Option<Arc<str>>,
    /// The name of the projected token volume that admission added (`kube-api-access-x7k2p`).
    pub token_volume: Option<Arc<str>>,
}

impl std::ops::Deref for PodSpec {
    type Target = ApiPodSpec;
    fn deref(&self) -> &ApiPodSpec {
        &self.shared
    }
}

impl PodSpec {
    /// Takes the whole spec apart.
    pub fn from_api(mut spec: ApiPodSpec) -> Self {
        let node_name = spec.node_name.take().filter(|n| !n.is_empty()).map(Arc::from);
        let token_volume = take_token_volume(&mut spec);
        Self { shared: Arc::new(spec), node_name, token_volume }
    }

    /// The whole spec, as the API shows it.
    pub fn to_api(&self) -> ApiPodSpec {
        let mut spec = (*self.shared).clone();
        spec.node_name = self.node_name.as_deref().map(str::to_owned);
        if let Some(name) = &self.token_volume {
            spec.volumes.get_or_insert_default().push(token_volume(name));
            let containers = spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten());
            for container in containers {
                add_token_mount(container, name);
            }
        }
        spec
    }

    /// The `ConfigMap`s and Secrets that the volumes are made of, by kind and name. The token volume's is not among them.
    pub fn sources(&self) -> Vec<(Kind, String)> {
        let mut sources = Vec::new();
        let mut add = |kind, name: Option<&String>| sources.extend(name.map(|name| (kind, name.clone())));
        for volume in self.volumes.iter().flatten() {
            add(Kind::ConfigMap, volume.config_map.as_ref().map(|map| &map.name));
            add(Kind::Secret, volume.secret.as_ref().and_then(|secret| secret.secret_name.as_ref()));
            for projection in volume.projected.iter().flat_map(|p| p.sources.iter().flatten()) {
                add(Kind::ConfigMap, projection.config_map.as_ref().map(|map| &map.name));
                add(Kind::Secret, projection.secret.as_ref().map(|secret| &secret.name));
            }
        }
        sources
    }

    /// The shared part, to change: it is copied first, so siblings are not touched.
    pub fn make_mut(&mut self) -> &mut ApiPodSpec {
        Arc::make_mut(&mut self.shared)
    }
}

/// The projected volume that the `ServiceAccount` admission plugin adds.
pub fn token_volume(name: &str) -> Volume {
    let token = ServiceAccountTokenProjection {
        expiration_seconds: Some(3607),
        path: "token".to_owned(),
        ..Default::default()
    };
    let ca = k8s_openapi::api::core::v1::ConfigMapProjection {
        name: "kube-root-ca.crt".to_owned(),
        items: Some(vec![KeyToPath { key: "ca.crt".to_owned(), path: "ca.crt".to_owned(), mode: None }]),
        optional: None,
    };
    let namespace = DownwardAPIProjection {
        items: Some(vec![DownwardAPIVolumeFile {
            path: "namespace".to_owned(),
            field_ref: Some(ObjectFieldSelector {
                api_version: Some("v1".to_owned()),
                field_path: "metadata.namespace".to_owned(),
            }),
            ..Default::default()
        }]),
    };
    let sources = vec![
        VolumeProjection { service_account_token: Some(token), ..Default::default() },
        VolumeProjection { config_map: Some(ca), ..Default::default() },
        VolumeProjection { downward_api: Some(namespace), ..Default::default() },
    ];
    let projected = ProjectedVolumeSource { default_mode: Some(0o644), sources: Some(sources) };
    Volume { name: name.to_owned(), projected: Some(projected), ..Default::default() }
}

fn add_token_mount(container: &mut Container, volume: &str) {
    let mounts = container.volume_mounts.get_or_insert_default();
    if mounts.iter().any(|m| m.mount_path == TOKEN_PATH) {
        return;
    }
    mounts.push(VolumeMount {
        name: volume.to_owned(),
        mount_path: TOKEN_PATH.to_owned(),
        read_only: Some(true),
        ..Default::default()
    });
}

/// Removes the token volume and its mounts, if it is just what [`PodSpec::to_api`] would put back.
fn take_token_volume(spec: &mut ApiPodSpec) -> Option<Arc<str>> {
    let volumes = spec.volumes.as_mut()?;
    let last = volumes.last()?;
    if !last.name.starts_with(TOKEN_VOLUME_PREFIX) || *last != token_volume(&last.name) {
        return None;
    }
    let name: Arc<str> = Arc::from(last.name.as_str());
    volumes.pop();
    if volumes.is_empty() {
        spec.volumes = None;
    }
    let containers = spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten());
    for container in containers {
        if let Some(mounts) = &mut container.volume_mounts {
            mounts.retain(|m| *m.name != *name);
            if mounts.is_empty() {
                container.volume_mounts = None;
            }
        }
    }
    Some(name)
}

impl Pod {
    /// Says by the condition `DisruptionTarget` who is about to end the pod (`UpdatePodCondition` of `pkg/api/pod`).
    /// `generation` is the one that the condition says it has seen: the eviction API names none.
    pub fn mark_disrupted(&mut self, reason: &str, message: &str, generation: Option<i64>, now: SimTime) {
        let conditions = self.status.conditions.get_or_insert_default();
        let earlier = conditions.iter().position(|c| c.type_ == "DisruptionTarget");
        let since = earlier.map(|at| &conditions[at]).filter(|c| c.status == "True");
        let condition = PodCondition {
            type_: "DisruptionTarget".to_owned(),
            status: "True".to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
            last_transition_time: since
                .and_then(|c| c.last_transition_time.clone())
                .or_else(|| Some(now.to_api())),
            observed_generation: generation,
            ..PodCondition::default()
        };
        match earlier {
            Some(at) => conditions[at] = condition,
            None => conditions.push(condition),
        }
    }
}

impl Serialize for Pod {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        k8s_openapi::api::core::v1::Pod {
            metadata: self.metadata.clone(),
            spec: Some(self.spec.to_api()),
            status: Some(self.status.clone()),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Pod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pod = k8s_openapi::api::core::v1::Pod::deserialize(deserializer)?;
        Ok(Self {
            metadata: pod.metadata,
            spec: PodSpec::from_api(pod.spec.unwrap_or_default()),
            status: pod.status.unwrap_or_default(),
        })
    }
}
