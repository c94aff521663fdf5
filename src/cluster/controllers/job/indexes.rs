//! The indexes of an Indexed Job: on its pods, and as text such as `0-2,4`.

use crate::object::{Pod, meta::MetaExt};
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector};
use std::collections::BTreeSet;

const INDEX: &str = "batch.kubernetes.io/job-completion-index";
const VARIABLE: &str = "JOB_COMPLETION_INDEX";
const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
const IGNORED_FAILURES: &str = "batch.kubernetes.io/job-index-ignored-failure-count";
/// A generated name has 63 characters at most, of which 5 are chance.
const PREFIX_LENGTH: usize = 58;

/// The index of a pod.
pub fn of_pod(pod: &Pod) -> Option<i32> {
    pod.annotation(INDEX).and_then(|i| i.parse().ok()).filter(|i| *i >= 0)
}

/// How often pods of this pod's index failed before it, as it was told at its making.
pub fn failures_before(pod: &Pod) -> i32 {
    count_in(pod, FAILURES)
}

/// The same with the failures that a policy ignores.
pub fn all_failures_before(pod: &Pod) -> i32 {
    count_in(pod, FAILURES) + count_in(pod, IGNORED_FAILURES)
}

fn count_in(pod: &Pod, key: &str) -> i32 {
    pod.annotation(key).and_then(|n| n.parse().ok()).filter(|n| *n >= 0).unwrap_or(0)
}

/// Gives a new pod its index: label, annotation, host name, name and variable.
pub fn give(pod: &mut Pod, job: &str, index: i32) {
    let text = index.to_string();
    pod.metadata.annotations.get_or_insert_default().insert(INDEX.to_owned(), text.clone());
    pod.metadata.labels.get_or_insert_default().insert(INDEX.to_owned(), text);
    let ending = format!("-{index}-");
    let kept: String = job.chars().take(PREFIX_LENGTH - ending.len()).collect();
    pod.metadata.generate_name = Some(kept + &ending);
    let spec = pod.spec.make_mut();
    spec.hostname = Some(format!("{job}-{index}"));
    let field = ObjectFieldSelector {
        api_version: Some("v1".to_owned()),
        field_path: format!("metadata.labels['{INDEX}']"),
    };
    let source = EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() };
    let variable = EnvVar { name: VARIABLE.to_owned(), value: None, value_from: Some(source) };
    for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
        let env = container.env.get_or_insert_default();
        if env.iter().all(|e| e.name != VARIABLE) {
            env.push(variable.clone());
        }
    }
}

/// Tells a new pod how often its index has failed: once more than the pod that it replaces was told, which failed too.
pub fn give_failures(pod: &mut Pod, replaced: Option<&Pod>, counted: bool) {
    let (mut failures, mut ignored) =
        replaced.map_or((0, 0), |p| (count_in(p, FAILURES), count_in(p, IGNORED_FAILURES)));
    if replaced.is_some() {
        *if counted { &mut failures } else { &mut ignored } += 1;
    }
    let annotations = pod.metadata.annotations.get_or_insert_default();
    annotations.insert(FAILURES.to_owned(), failures.to_string());
    if ignored > 0 {
        annotations.insert(IGNORED_FAILURES.to_owned(), ignored.to_string());
    }
}

/// Reads `0-2,4`, below `completions`.
pub fn parse(text: &str, completions: i32) -> BTreeSet<i32> {
    let mut indexes = BTreeSet::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(from), Ok(to)) = (from.parse::<i32>(), to.parse::<i32>()) {
            indexes.extend(from..=to.min(completions - 1));
        }
    }
    indexes
}

/// Writes `0-2,4`.
pub fn write(indexes: &BTreeSet<i32>) -> String {
    let mut runs: Vec<(i32, i32)> = Vec::new();
    for index in indexes {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *index => *last = *index,
            _ => runs.push((*index, *index)),
        }
    }
    let text = |(from, to): (i32, i32)| match to - from {
        0 => from.to_string(),
        1 => format!("{from},{to}"),
        _ => format!("{from}-{to}"),
    };
    runs.into_iter().map(text).collect::<Vec<_>>().join(",")
}
