//! Volumes: what is mounted where, and the data behind it.

use super::Context;
use super::run::{NEVER, PodRun};
use crate::cluster::Cluster;
use crate::cluster::workload::files::Tree;
use crate::object::{ObjectKey, SimTime};
use imbl::OrdMap;
use std::sync::Arc;

/// A pod's volumes.
#[derive(Clone, Debug)]
pub struct Volumes {
    /// The trees that belong to the pod, by volume: `emptyDir`, and files made of objects.
    pub trees: OrdMap<Arc<str>, Tree>,
    /// When files made of objects are made again.
    pub refresh: SimTime,
}

/// Mounts every volume of the pod.
///
/// # Errors
/// When one cannot be; the events say why.
pub(super) fn mount(_cx: &mut Context, run: &mut PodRun) -> Result<(), ()> {
    run.volumes = Some(Box::new(Volumes { trees: OrdMap::new(), refresh: NEVER }));
    Ok(())
}

/// A `ConfigMap` or Secret has changed: pods that mount it follow after a while.
pub(super) fn source_changed(_cluster: &mut Cluster, _key: &ObjectKey) {}

/// What an ended container says in its status.
pub(super) fn termination_message(
    _cx: &mut Context,
    _run: &mut PodRun,
    _index: usize,
    _code: i32,
) -> Option<String> {
    None
}
