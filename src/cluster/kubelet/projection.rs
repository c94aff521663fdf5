//! Files made of objects: `configMap`, `secret`, `downwardAPI` and `projected` volumes.

use super::environment;
use super::run::PodRun;
use crate::apiserver::authentication::token::{self, Wanted};
use crate::cluster::Cluster;
use crate::cluster::workload::files::Tree;
use crate::object::{Pod, meta::MetaExt};
use k8s_openapi::api::core::v1::{ConfigMap, DownwardAPIVolumeFile, KeyToPath, Secret, Volume};
use std::collections::BTreeMap;

/// The cluster's certificate authority, as `kube-root-ca.crt` has it where no such object is.
const NO_CA: &[u8] = b"";

/// Whether the volume's files are made of objects.
pub(super) fn is_projected(volume: &Volume) -> bool {
    volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.projected.is_some()
        || volume.downward_api.is_some()
}

/// Whether a volume shows fields of its own pod.
pub(super) fn shows_pod(volume: &Volume) -> bool {
    let mut projections = volume.projected.iter().flat_map(|p| p.sources.iter().flatten());
    volume.downward_api.is_some() || projections.any(|source| source.downward_api.is_some())
}

/// The files that a volume is made of.
///
/// # Errors
/// What is missing, in the kubelet's words.
pub(super) fn tree_of(cluster: &Cluster, pod: &Pod, run: &PodRun, volume: &Volume) -> Result<Tree, String> {
    let mut made = Made { cluster, pod, run, tree: Tree::new(cluster.now().0), mode: 0o644 };
    if let Some(source) = &volume.config_map {
        made.mode = mode(source.default_mode);
        made.config_map(&source.name, source.items.as_deref(), source.optional == Some(true))?;
    } else if let Some(source) = &volume.secret {
        made.mode = mode(source.default_mode);
        let name = source.secret_name.as_deref().unwrap_or("");
        made.secret(name, source.items.as_deref(), source.optional == Some(true))?;
    } else if let Some(source) = &volume.downward_api {
        made.mode = mode(source.default_mode);
        made.downward(source.items.as_deref().unwrap_or(&[]));
    } else if let Some(source) = &volume.projected {
        made.mode = mode(source.default_mode);
        for part in source.sources.iter().flatten() {
            if let Some(map) = &part.config_map {
                made.config_map(&map.name, map.items.as_deref(), map.optional == Some(true))?;
            }
            if let Some(secret) = &part.secret {
                made.secret(&secret.name, secret.items.as_deref(), secret.optional == Some(true))?;
            }
            if let Some(downward) = &part.downward_api {
                made.downward(downward.items.as_deref().unwrap_or(&[]));
            }
            if let Some(token) = &part.service_account_token {
                let seconds = token.expiration_seconds.unwrap_or(3600);
                let text = made.token(token.audience.as_deref(), seconds);
                made.put(&token.path, text.as_bytes(), None);
            }
        }
    }
    Ok(made.tree)
}

fn mode(default: Option<i32>) -> u32 {
    default.and_then(|m| u32::try_from(m).ok()).unwrap_or(0o644)
}

struct Made<'a> {
    cluster: &'a Cluster,
    pod: &'a Pod,
    run: &'a PodRun,
    tree: Tree,
    mode: u32,
}

impl Made<'_> {
    fn put(&mut self, path: &str, content: &[u8], own: Option<i32>) {
        let path = crate::cluster::workload::files::normalize(path);
        let mode = own.map_or(self.mode, |m| mode(Some(m)));
        self.tree.put(&path, content, mode, self.cluster.now().0);
    }

    fn keys(
        &mut self,
        data: &BTreeMap<String, Vec<u8>>,
        items: Option<&[KeyToPath]>,
        missing: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), String> {
        match items.filter(|i| !i.is_empty()) {
            None => data.iter().for_each(|(key, value)| self.put(key, value, None)),
            Some(items) => {
                for item in items {
                    match data.get(&item.key) {
                        Some(value) => self.put(&item.path, value, item.mode),
                        None => missing(&item.key).map_or(Ok(()), Err)?,
                    }
                }
            }
        }
        Ok(())
    }

    fn config_map(&mut self, name: &str, items: Option<&[KeyToPath]>, optional: bool) -> Result<(), String> {
        let object = self.cluster.api.store.find::<ConfigMap>(self.pod.namespace_str(), name);
        let Some(object) = object else {
            // The authority's map is made by a controller a moment after its namespace.
            let authority = name == "kube-root-ca.crt";
            if authority {
                self.put("ca.crt", NO_CA, None);
            }
            return if optional || authority {
                Ok(())
            } else {
                Err(format!("configmap \"{name}\" not found"))
            };
        };
        let text = object.data.iter().flatten().map(|(k, v)| (k.clone(), v.clone().into_bytes()));
        let binary = object.binary_data.iter().flatten().map(|(k, v)| (k.clone(), v.0.clone()));
        let data = text.chain(binary).collect();
        let missing =
            |key: &str| (!optional).then(|| format!("configmap references non-existent config key: {key}"));
        self.keys(&data, items, &missing)
    }

    fn secret(&mut self, name: &str, items: Option<&[KeyToPath]>, optional: bool) -> Result<(), String> {
        let object = self.cluster.api.store.find::<Secret>(self.pod.namespace_str(), name);
        let Some(object) = object else {
            return if optional { Ok(()) } else { Err(format!("secret \"{name}\" not found")) };
        };
        let data = object.data.iter().flatten().map(|(k, v)| (k.clone(), v.0.clone())).collect();
        let missing = |key: &str| (!optional).then(|| format!("references non-existent secret key: {key}"));
        self.keys(&data, items, &missing)
    }

    fn downward(&mut self, items: &[DownwardAPIVolumeFile]) {
        for item in items {
            let value = if let Some(field) = &item.field_ref {
                environment::field_value(self.cluster, self.pod, self.run, &field.field_path)
            } else if let Some(selector) = &item.resource_field_ref {
                let named = selector.container_name.as_deref().unwrap_or("");
                let container = self.pod.spec.containers.iter().find(|c| c.name == named);
                container.map_or(String::new(), |c| {
                    environment::resource_value(self.cluster, self.pod, c, selector)
                })
            } else {
                String::new()
            };
            self.put(&item.path, value.as_bytes(), item.mode);
        }
    }

    /// The account's token, bound to the pod.
    fn token(&self, audience: Option<&str>, seconds: i64) -> String {
        let pod = self.pod;
        let wanted = Wanted {
            namespace: pod.namespace_str(),
            account: pod.spec.service_account_name.as_deref().unwrap_or("default"),
            audiences: audience.map(str::to_owned).into_iter().collect(),
            seconds,
            bound: Some(("Pod", pod.name_str(), &self.run.uid)),
            node: pod.spec.node_name.as_deref(),
        };
        token::issue(&self.cluster.api, &wanted)
    }
}
