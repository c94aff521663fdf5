//! `PodSecurity`: the labels of a namespace say which of the Pod Security Standards its pods must keep.
//!
//! Does not: older versions of the standards; whatever version a label names, the newest checks are made.

mod checks;

use crate::apiserver::{ApiError, ApiServer, FieldError};
use crate::object::{Kind, Object, Pod, meta::MetaExt};
use checks::{BASELINE, RESTRICTED, Subject, Violation};
use k8s_openapi::api::core::v1::{Namespace, PodTemplateSpec};
use serde_json::json;
use std::collections::BTreeMap;

const PREFIX: &str = "pod-security.kubernetes.io/";

/// How much a namespace forbids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Level {
    Privileged,
    Baseline,
    Restricted,
}

impl Level {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "privileged" => Some(Self::Privileged),
            "baseline" => Some(Self::Baseline),
            "restricted" => Some(Self::Restricted),
            _ => None,
        }
    }
}

/// What a namespace's labels say for one mode (`enforce`, `warn`, `audit`): the level, and its name with its version.
fn policy(namespace: &Namespace, mode: &str) -> (Level, String) {
    let text = namespace.label(&format!("{PREFIX}{mode}")).unwrap_or("privileged");
    // A label that says nothing known is taken for the strictest.
    let level = Level::parse(text).unwrap_or(Level::Restricted);
    let version = namespace.label(&format!("{PREFIX}{mode}-version")).unwrap_or("latest");
    let shown = if Level::parse(text).is_some() { text } else { "restricted" };
    (level, format!("{shown}:{version}"))
}

fn violations(level: Level, subject: Subject) -> Vec<Violation> {
    let restricted = level == Level::Restricted;
    if level == Level::Privileged {
        return Vec::new();
    }
    let baseline = BASELINE.iter().filter(|(_, replaced)| !(restricted && *replaced));
    let further = RESTRICTED.iter().filter(|_| restricted);
    baseline
        .filter_map(|(check, _)| check(subject))
        .chain(further.filter_map(|check| check(subject)))
        .collect()
}

fn told(found: &[Violation]) -> String {
    found.iter().map(|(reason, detail)| format!("{reason} ({detail})")).collect::<Vec<_>>().join(", ")
}

/// Checks a new pod against what its namespace enforces.
///
/// # Errors
/// 403 with everything that is wrong with it.
pub fn check(api: &ApiServer, object: &Object) -> Result<(), ApiError> {
    let Object::Pod(pod) = object else { return Ok(()) };
    let Some(namespace) = api.store.find::<Namespace>("", pod.namespace_str()) else { return Ok(()) };
    let (level, name) = policy(namespace, "enforce");
    if level == Level::Privileged {
        return Ok(());
    }
    let found = violations(level, of_pod(pod));
    if found.is_empty() {
        return Ok(());
    }
    Err(ApiError::forbidden(
        Kind::Pod,
        pod.name_str(),
        &format!("violates PodSecurity \"{name}\": {}", told(&found)),
    ))
}

/// The warning about a pod, or about the pods that a template will make.
pub fn warning(api: &ApiServer, object: &Object) -> Option<String> {
    let namespace = api.store.find::<Namespace>("", object.namespace_str())?;
    let (level, name) = policy(namespace, "warn");
    if level == Level::Privileged {
        return None;
    }
    let found = match object {
        Object::Pod(pod) => violations(level, of_pod(pod)),
        _ => violations(level, of_template(template(object)?)?),
    };
    (!found.is_empty()).then(|| format!("would violate PodSecurity \"{name}\": {}", told(&found)))
}

fn of_pod(pod: &Pod) -> Subject<'_> {
    Subject { annotations: pod.metadata.annotations.as_ref(), spec: &pod.spec.shared }
}

fn of_template(template: &PodTemplateSpec) -> Option<Subject<'_>> {
    let annotations = template.metadata.as_ref().and_then(|m| m.annotations.as_ref());
    Some(Subject { annotations, spec: template.spec.as_ref()? })
}

fn template(object: &Object) -> Option<&PodTemplateSpec> {
    match object {
        Object::Deployment(o) => Some(&o.spec.as_ref()?.template),
        Object::ReplicaSet(o) => o.spec.as_ref()?.template.as_ref(),
        Object::ReplicationController(o) => o.spec.as_ref()?.template.as_ref(),
        Object::DaemonSet(o) => Some(&o.spec.as_ref()?.template),
        Object::StatefulSet(o) => Some(&o.spec.as_ref()?.template),
        Object::Job(o) => Some(&o.spec.as_ref()?.template),
        Object::CronJob(o) => Some(&o.spec.job_template.spec.as_ref()?.template),
        Object::PodTemplate(o) => o.template.as_ref(),
        _ => None,
    }
}

/// Checks the labels of a namespace that is written.
///
/// # Errors
/// `Invalid` for a level or version that there is not.
pub fn check_labels(namespace: &Namespace) -> Result<(), ApiError> {
    let mut errors = Vec::new();
    for mode in ["enforce", "audit", "warn"] {
        let mut wrong = |label: String, fits: &dyn Fn(&str) -> bool, why: &str| {
            if let Some(value) = namespace.label(&label).filter(|v| !fits(v)) {
                errors.push(FieldError::invalid(format!("metadata.labels[{label}]"), &json!(value), why));
            }
        };
        let levels = "must be one of privileged, baseline, restricted";
        wrong(format!("{PREFIX}{mode}"), &|v| Level::parse(v).is_some(), levels);
        let versions = "must be \"latest\" or \"v1.x\"";
        wrong(format!("{PREFIX}{mode}-version"), &is_version, versions);
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ApiError::invalid(Kind::Namespace, namespace.name_str(), errors))
    }
}

fn is_version(text: &str) -> bool {
    let minor = text.strip_prefix("v1.").unwrap_or("");
    text == "latest"
        || (!minor.is_empty()
            && minor.bytes().all(|b| b.is_ascii_digit())
            && (minor == "0" || !minor.starts_with('0')))
}

/// What to say of the pods that a namespace has when it comes to enforce more.
pub fn existing_pods(api: &ApiServer, new: &Namespace, old: &Namespace) -> Vec<String> {
    let ((level, name), (before, _)) = (policy(new, "enforce"), policy(old, "enforce"));
    if level <= before {
        return Vec::new();
    }
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for pod in api.store.all_in::<Pod>(new.name_str()) {
        let found = violations(level, of_pod(pod));
        if !found.is_empty() {
            let reasons = found.iter().map(|(reason, _)| *reason).collect::<Vec<_>>().join(", ");
            groups.entry(reasons).or_default().push(pod.name_str());
        }
    }
    if groups.is_empty() {
        return Vec::new();
    }
    let namespace = new.name_str();
    let mut lines: Vec<String> = groups
        .iter()
        .map(|(reasons, pods)| match pods.len() {
            1 => format!("{}: {reasons}", pods[0]),
            2 => format!("{} (and 1 other pod): {reasons}", pods[0]),
            n => format!("{} (and {} other pods): {reasons}", pods[0], n - 1),
        })
        .collect();
    lines.sort();
    let first = format!(
        "existing pods in namespace \"{namespace}\" violate the new PodSecurity enforce level \"{name}\""
    );
    lines.insert(0, first);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn found(level: Level, spec: &Value) -> String {
        let pod = Object::from_value(Kind::Pod, json!({"metadata": {"name": "p"}, "spec": spec})).unwrap();
        told(&violations(level, of_pod(pod.cast::<Pod>().unwrap())))
    }

    #[test]
    fn what_the_levels_forbid() {
        let good = json!({"allowPrivilegeEscalation": false, "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"}});
        for (level, spec, expected) in [
            (Level::Restricted, json!({"containers": [{"name": "c", "securityContext": good}]}), ""),
            (
                Level::Restricted,
                json!({"containers": [{"name": "c"}]}),
                "allowPrivilegeEscalation != false (container \"c\" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container \"c\" must set securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot != true (pod or container \"c\" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container \"c\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")",
            ),
            (Level::Baseline, json!({"containers": [{"name": "c"}]}), ""),
            (Level::Privileged, json!({"hostNetwork": true, "containers": [{"name": "c"}]}), ""),
            (
                Level::Baseline,
                json!({"hostNetwork": true, "hostPID": true, "containers": [
                    {"name": "a", "ports": [{"containerPort": 80, "hostPort": 80}], "securityContext": {"privileged": true}},
                    {"name": "b", "ports": [{"containerPort": 443, "hostPort": 443}], "securityContext": {"capabilities": {"add": ["SYS_ADMIN", "CHOWN"]}}}],
                    "volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
                "non-default capabilities (container \"b\" must not include \"SYS_ADMIN\" in securityContext.capabilities.add), host namespaces (hostNetwork=true, hostPID=true), hostPath volumes (volume \"v\"), hostPort (containers \"a\", \"b\" use hostPorts 443, 80), privileged (container \"a\" must not set securityContext.privileged=true)",
            ),
            (
                Level::Restricted,
                json!({"securityContext": {"runAsNonRoot": true, "runAsUser": 0, "seccompProfile": {"type": "Unconfined"}},
                    "containers": [{"name": "c", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
                    "volumes": [{"name": "v", "hostPath": {"path": "/"}}, {"name": "e", "emptyDir": {}}]}),
                "restricted volume types (volume \"v\" uses restricted volume type \"hostPath\"), runAsUser=0 (pod must not set runAsUser=0), seccompProfile (pod must not set securityContext.seccompProfile.type to \"Unconfined\")",
            ),
        ] {
            assert_eq!(found(level, &spec), expected);
        }
    }
}
