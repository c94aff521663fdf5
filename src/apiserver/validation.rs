//! Validation: every wrong field of an object at once, with its path, in the real server's words.

use super::{FieldError, Part};
use crate::object::{Kind, Object};

/// What is wrong with a new object.
pub fn create(_object: &Object) -> Vec<FieldError> {
    Vec::new()
}

/// What is wrong with a changed object, immutable fields included.
pub fn update(_object: &Object, _old: &Object, _part: Part) -> Vec<FieldError> {
    Vec::new()
}

/// Whether objects of the kind count generations.
pub fn has_generation(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Deployment
            | Kind::ReplicaSet
            | Kind::ReplicationController
            | Kind::DaemonSet
            | Kind::StatefulSet
            | Kind::Job
            | Kind::CronJob
            | Kind::PodDisruptionBudget
            | Kind::Ingress
            | Kind::NetworkPolicy
            | Kind::CustomResourceDefinition
            | Kind::Pod
    )
}

/// Whether the parts that count a generation differ.
pub fn spec_differs(object: &Object, old: &Object) -> bool {
    object.to_value().get("spec") != old.to_value().get("spec")
}
