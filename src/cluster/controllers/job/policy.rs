//! What a Job's policies say: whether a pod's failure counts or ends more than the pod, and whether enough has
//! succeeded.

use super::indexes;
use crate::object::{Pod, meta::MetaExt};
use k8s_openapi::api::batch::v1::{
    PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule, SuccessPolicy,
};
use k8s_openapi::api::core::v1::ContainerStatus;
use std::collections::BTreeSet;

/// What follows from a pod's failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts towards the limits.
    Count,
    /// It counts for nothing.
    Ignore,
    /// Its index has failed.
    FailIndex,
    /// The Job has failed, with this message.
    FailJob(String),
}

impl Verdict {
    /// Whether the failure counts.
    pub fn counts(&self) -> bool {
        *self != Verdict::Ignore
    }
}

/// What the first rule that the pod matches says; without one its failure counts.
pub fn judge(policy: Option<&PodFailurePolicy>, pod: &Pod) -> Verdict {
    for (place, rule) in policy.into_iter().flat_map(|p| &p.rules).enumerate() {
        let Some(why) = matched(rule, pod) else { continue };
        return match rule.action.as_str() {
            "Ignore" => Verdict::Ignore,
            "FailIndex" => Verdict::FailIndex,
            "FailJob" => Verdict::FailJob(format!("{why} matching {} rule at index {place}", rule.action)),
            _ => Verdict::Count,
        };
    }
    Verdict::Count
}

/// How the pod matches the rule, as a message begins.
fn matched(rule: &PodFailurePolicyRule, pod: &Pod) -> Option<String> {
    let name = format!("{}/{}", pod.namespace_str(), pod.name_str());
    if let Some(wanted) = &rule.on_exit_codes {
        let lists = [&pod.status.container_statuses, &pod.status.init_container_statuses];
        let mut containers = lists.into_iter().flatten().flatten();
        let (container, code) = containers.find_map(|c| exit_code(wanted, c).map(|code| (c, code)))?;
        return Some(format!("Container {} for pod {name} failed with exit code {code}", container.name));
    }
    let patterns = rule.on_pod_conditions.as_ref()?;
    let mut conditions = pod.status.conditions.iter().flatten();
    let condition = conditions.find(|c| {
        patterns.iter().any(|p| p.type_ == c.type_ && p.status.as_deref().unwrap_or("True") == c.status)
    })?;
    Some(format!("Pod {name} has condition {}", condition.type_))
}

/// The container's exit code, if it is one that the rule means.
fn exit_code(wanted: &PodFailurePolicyOnExitCodesRequirement, container: &ContainerStatus) -> Option<i32> {
    let code = container.state.as_ref()?.terminated.as_ref()?.exit_code;
    let named = wanted.container_name.as_ref().is_none_or(|n| *n == container.name);
    let means = match wanted.operator.as_str() {
        "In" => wanted.values.contains(&code),
        "NotIn" => !wanted.values.contains(&code),
        _ => false,
    };
    (named && code != 0 && means).then_some(code)
}

/// The place of the first success rule that the indexes done meet.
pub fn success(policy: Option<&SuccessPolicy>, done: &BTreeSet<i32>, completions: i32) -> Option<usize> {
    if done.is_empty() {
        return None;
    }
    policy?.rules.iter().position(|rule| {
        let enough = |n: usize| rule.succeeded_count.is_some_and(|c| n >= usize::try_from(c).unwrap_or(0));
        match &rule.succeeded_indexes {
            Some(text) => {
                let wanted = indexes::parse(text, completions);
                let there = wanted.intersection(done).count();
                !wanted.is_empty() && (there == wanted.len() || enough(there))
            }
            None => enough(done.len()),
        }
    })
}
