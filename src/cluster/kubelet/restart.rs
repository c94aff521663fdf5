//! Which containers are started again, and which may be started at all.
//!
//! From `pkg/kubelet/container/helpers.go` and `verifyRunAsNonRoot`: a container's own rules come before its own
//! policy, and that before its pod's.

use super::run::{Role, spec_of};
use crate::cluster::workload::images;
use crate::object::{Pod, meta::MetaExt};
use k8s_openapi::api::core::v1::{Container, ContainerRestartRule};

/// Whether a container that ended so is started again.
pub(super) fn restarts(pod: &Pod, index: usize, code: i32) -> bool {
    let Some((container, role)) = spec_of(pod, index) else { return false };
    if container.restart_policy_rules.iter().flatten().any(|rule| applies(rule, code)) {
        return true;
    }
    let policy = match (role, container.restart_policy.as_deref()) {
        (_, Some(own)) => own,
        (Role::Init, None) if pod.spec.restart_policy.as_deref().unwrap_or("Always") == "Always" => {
            "OnFailure"
        }
        (Role::Ephemeral, None) => "Never",
        (_, None) => pod.spec.restart_policy.as_deref().unwrap_or("Always"),
    };
    match policy {
        "Never" => false,
        "OnFailure" => code != 0,
        _ => true,
    }
}

fn applies(rule: &ContainerRestartRule, code: i32) -> bool {
    let Some(codes) = rule.exit_codes.as_ref().filter(|_| rule.action == "Restart") else { return false };
    let listed = codes.values.iter().flatten().any(|value| *value == code);
    match codes.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        _ => false,
    }
}

/// `runAsNonRoot`: the user that the container would run as.
///
/// # Errors
/// Why it must not be created.
pub(super) fn verify_user(pod: &Pod, spec: &Container) -> Result<(), String> {
    let (own, of_pod) = (spec.security_context.as_ref(), pod.spec.security_context.as_ref());
    let asked = own.and_then(|s| s.run_as_non_root).or(of_pod.and_then(|s| s.run_as_non_root));
    if asked != Some(true) {
        return Ok(());
    }
    let place = format!(
        "(pod: \"{}_{}({})\", container: {})",
        pod.name_str(),
        pod.namespace_str(),
        pod.uid_str(),
        spec.name
    );
    match own.and_then(|s| s.run_as_user).or(of_pod.and_then(|s| s.run_as_user)) {
        Some(0) => return Err(format!("container's runAsUser breaks non-root policy {place}")),
        Some(_) => return Ok(()),
        None => {}
    }
    let image = images::of(spec.image.as_deref().unwrap_or(""));
    match image.user.split(':').next().unwrap_or("") {
        "" | "0" | "root" => Err(format!("container has runAsNonRoot and image will run as root {place}")),
        user if user.bytes().all(|b| b.is_ascii_digit()) => Ok(()),
        user => Err(format!(
            "container has runAsNonRoot and image has non-numeric user ({user}), cannot verify user is non-root {place}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{Kind, Object};
    use serde_json::{Value, json};

    fn pod(spec: &Value) -> Pod {
        let value = json!({"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": spec});
        Pod::clone(Object::from_value(Kind::Pod, value).unwrap().cast::<Pod>().unwrap())
    }

    #[test]
    fn policies_and_rules() {
        let rule = |operator: &str| json!([{"action": "Restart", "exitCodes": {"operator": operator, "values": [42]}}]);
        for (of_pod, own, rules, code, expected) in [
            ("Always", Value::Null, Value::Null, 0, true),
            ("OnFailure", Value::Null, Value::Null, 0, false),
            ("OnFailure", Value::Null, Value::Null, 1, true),
            ("Never", Value::Null, Value::Null, 1, false),
            ("Never", json!("Always"), Value::Null, 0, true),
            ("Always", json!("Never"), Value::Null, 1, false),
            ("Never", json!("Never"), rule("In"), 42, true),
            ("Never", json!("Never"), rule("In"), 1, false),
            ("Never", json!("Never"), rule("NotIn"), 1, true),
        ] {
            let container = json!({"name": "c", "restartPolicy": own, "restartPolicyRules": rules});
            let pod = pod(&json!({"restartPolicy": of_pod, "containers": [container]}));
            assert_eq!(restarts(&pod, 0, code), expected, "{of_pod} {own} {rules} {code}");
        }
    }

    #[test]
    fn users() {
        for (image, context, expected) in [
            ("nginx", json!({}), None),
            (
                "nginx",
                json!({"runAsNonRoot": true}),
                Some("container has runAsNonRoot and image will run as root ("),
            ),
            ("nginx", json!({"runAsNonRoot": true, "runAsUser": 1000}), None),
            ("nginx", json!({"runAsNonRoot": true, "runAsUser": 0}), Some("container's runAsUser breaks")),
            (
                "curlimages/curl",
                json!({"runAsNonRoot": true}),
                Some("container has runAsNonRoot and image has non-numeric"),
            ),
            ("hashicorp/http-echo", json!({"runAsNonRoot": true}), None),
        ] {
            let pod =
                pod(&json!({"containers": [{"name": "c", "image": image, "securityContext": context}]}));
            let answer = verify_user(&pod, &pod.spec.containers[0]);
            assert_eq!(answer.is_err(), expected.is_some(), "{image}");
            assert!(expected.is_none_or(|text| answer.unwrap_err().starts_with(text)), "{image} {context}");
        }
    }
}
