//! The indexes of an Indexed Job: on its pods, and as text such as `0-2,4`.

use crate::object::{Pod, meta::MetaExt};
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector};
use std::collections::BTreeSet;

const INDEX: &str = "batch.kubernetes.io/job-completion-index";
const VARIABLE: &str = "JOB_COMPLETION_INDEX";

/// The index of a pod.
pub fn of_pod(pod: &Pod) -> Option<i32> {
    pod.annotation(INDEX).and_then(|i| i.parse().ok())
}

/// Gives a new pod its index: label, annotation, host name, name and variable.
pub fn give(pod: &mut Pod, job: &str, index: i32) {
    let text = index.to_string();
    pod.metadata.annotations.get_or_insert_default().insert(INDEX.to_owned(), text.clone());
    pod.metadata.labels.get_or_insert_default().insert(INDEX.to_owned(), text);
    pod.metadata.generate_name = Some(format!("{job}-{index}-"));
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

/// Reads `0-2,4`.
pub fn parse(text: &str) -> BTreeSet<i32> {
    let mut indexes = BTreeSet::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(from), Ok(to)) = (from.parse::<i32>(), to.parse::<i32>()) {
            indexes.extend(from..=to);
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
