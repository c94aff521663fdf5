//! What pods get on their way in: service account and token, priority, tolerations.

use crate::apiserver::{ApiError, ApiServer};
use crate::object::pod::{TOKEN_PATH, TOKEN_VOLUME_PREFIX};
use crate::object::{Kind, Object, Pod, meta::MetaExt};
use k8s_openapi::api::core::v1::{Container, EnvVar, ServiceAccount, Toleration};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use std::sync::Arc;

/// `ServiceAccount`: the account's name, its pull secrets, and the volume with its token.
pub fn service_account(api: &mut ApiServer, object: &mut Object) -> Result<(), ApiError> {
    let Object::Pod(pod) = object else { return Ok(()) };
    if pod.annotation("kubernetes.io/config.mirror").is_some() {
        return mirror(pod);
    }
    let pod = Arc::make_mut(pod);
    let given = pod.spec.service_account_name.clone().unwrap_or_default();
    let name = if given.is_empty() { "default" } else { given.as_str() };
    let namespace = pod.namespace_str().to_owned();
    let account = api.store.find::<ServiceAccount>(&namespace, name).cloned();
    // A new namespace's default account is on its way: a real client is slower than the controller.
    if account.is_none() && name != "default" {
        let why = format!(
            "error looking up service account {namespace}/{name}: serviceaccount \"{name}\" not found"
        );
        return Err(ApiError::forbidden(Kind::Pod, pod.name_str(), &why));
    }
    if pod.spec.service_account_name.as_deref() != Some(name)
        || pod.spec.service_account.as_deref() != Some(name)
    {
        let spec = pod.spec.make_mut();
        spec.service_account_name = Some(name.to_owned());
        spec.service_account = Some(name.to_owned());
    }
    let secrets = account.as_ref().and_then(|a| a.image_pull_secrets.as_ref());
    if pod.spec.image_pull_secrets.is_none() && secrets.is_some_and(|s| !s.is_empty()) {
        pod.spec.make_mut().image_pull_secrets = secrets.cloned();
    }
    let asked = pod.spec.automount_service_account_token;
    let of_account = account.as_ref().and_then(|a| a.automount_service_account_token);
    let has_token = pod.spec.token_volume.is_some();
    let mounted_by_hand = pod
        .spec
        .containers
        .iter()
        .all(|c| c.volume_mounts.iter().flatten().any(|m| m.mount_path == TOKEN_PATH));
    if asked.or(of_account).unwrap_or(true) && !has_token && !mounted_by_hand {
        let name = format!("{TOKEN_VOLUME_PREFIX}{}", api.names.letters(5));
        pod.spec.token_volume = Some(Arc::from(name));
    }
    Ok(())
}

/// A mirror pod stays as its kubelet has it, and may refer to nothing that only the API server has.
fn mirror(pod: &Pod) -> Result<(), ApiError> {
    let refuse = |why: &str| Err(ApiError::forbidden(Kind::Pod, pod.name_str(), why));
    if pod.spec.service_account_name.as_deref().is_some_and(|name| !name.is_empty()) {
        return refuse("a mirror pod may not reference service accounts");
    }
    let volumes = || pod.spec.volumes.iter().flatten();
    let sources = || volumes().filter_map(|v| v.projected.as_ref()).flat_map(|p| p.sources.iter().flatten());
    let containers = pod.spec.containers.iter().chain(pod.spec.init_containers.iter().flatten());
    let in_env = |c: &Container| {
        let value = |e: &EnvVar| e.value_from.as_ref().is_some_and(|f| f.secret_key_ref.is_some());
        c.env_from.iter().flatten().any(|e| e.secret_ref.is_some()) || c.env.iter().flatten().any(value)
    };
    let has_secrets = pod.spec.image_pull_secrets.iter().flatten().next().is_some()
        || volumes().any(|v| v.secret.is_some())
        || sources().any(|s| s.secret.is_some())
        || containers.into_iter().any(in_env);
    if has_secrets {
        return refuse("a mirror pod may not reference secrets");
    }
    if pod.spec.token_volume.is_some() || sources().any(|s| s.service_account_token.is_some()) {
        return refuse("a mirror pod may not use ServiceAccountToken volume projections");
    }
    Ok(())
}

/// The classes that every cluster has.
const SYSTEM_CLASSES: [(&str, i32); 2] =
    [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];

/// `Priority`: the number that the class names.
pub fn priority(api: &ApiServer, object: &mut Object) -> Result<(), ApiError> {
    let Object::Pod(pod) = object else { return Ok(()) };
    let pod = Arc::make_mut(pod);
    let asked = pod.spec.priority_class_name.clone().unwrap_or_default();
    let class = if asked.is_empty() {
        let global = |c: &&Arc<PriorityClass>| c.global_default == Some(true);
        api.store.all::<PriorityClass>().filter(global).min_by_key(|c| c.value).cloned()
    } else {
        api.store.find::<PriorityClass>("", &asked).cloned()
    };
    let built_in = SYSTEM_CLASSES.iter().find(|(name, _)| *name == asked).map(|(_, value)| *value);
    if class.is_none() && built_in.is_none() && !asked.is_empty() {
        let why = format!("no PriorityClass with name {asked} was found");
        return Err(ApiError::forbidden(Kind::Pod, pod.name_str(), &why));
    }
    let value = class.as_ref().and_then(|c| c.value).or(built_in).unwrap_or(0);
    let policy = class
        .as_ref()
        .and_then(|c| c.preemption_policy.clone())
        .unwrap_or_else(|| "PreemptLowerPriority".to_owned());
    if pod.spec.priority.is_some_and(|p| p != value) {
        let why = format!(
            "the integer value of priority ({}) must not be provided in pod spec; priority admission controller computed {value} from the given PriorityClass name",
            pod.spec.priority.unwrap_or(0)
        );
        return Err(ApiError::forbidden(Kind::Pod, pod.name_str(), &why));
    }
    let name = class.and_then(|c| c.metadata.name.clone());
    if pod.spec.priority.is_none()
        || pod.spec.preemption_policy.is_none()
        || (name.is_some() && pod.spec.priority_class_name != name)
    {
        let spec = pod.spec.make_mut();
        spec.priority = Some(value);
        spec.preemption_policy.get_or_insert(policy);
        if name.is_some() {
            spec.priority_class_name = name;
        }
    }
    Ok(())
}

/// `DefaultTolerationSeconds`: a pod stays five minutes on a node that fails.
pub fn default_tolerations(object: &mut Object) {
    let Object::Pod(pod) = object else { return };
    let missing = |key: &str| {
        !pod.spec.tolerations.iter().flatten().any(|t| {
            let any_key = t.key.as_deref().unwrap_or("").is_empty();
            let effect = t.effect.as_deref().unwrap_or("");
            (any_key || t.key.as_deref() == Some(key)) && matches!(effect, "" | "NoExecute")
        })
    };
    let keys = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
    let missing: Vec<&str> = keys.into_iter().filter(|key| missing(key)).collect();
    if missing.is_empty() {
        return;
    }
    let tolerations = Arc::make_mut(pod).spec.make_mut().tolerations.get_or_insert_default();
    tolerations.extend(missing.into_iter().map(|key| Toleration {
        key: Some(key.to_owned()),
        operator: Some("Exists".to_owned()),
        effect: Some("NoExecute".to_owned()),
        toleration_seconds: Some(300),
        value: None,
    }));
}
