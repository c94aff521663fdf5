//! The status of a `StatefulSet`: counts, and how far an update is.

use super::super::{Write, support};
use super::{REVISION_LABEL, Sync, pods};
use crate::object::{Resource, meta::MetaExt};
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetStatus};

impl Sync<'_> {
    pub(super) fn write_status(&mut self) {
        let min_ready = self.spec.min_ready_seconds.unwrap_or(0);
        let (mut replicas, mut ready, mut available, mut current, mut updated) = (0, 0, 0, 0, 0);
        for pod in self.replicas.iter().flatten().chain(&self.condemned) {
            replicas += i32::from(pod.status.phase.is_some());
            if pods::is_running_and_ready(pod) {
                ready += 1;
                available += i32::from(support::is_available(pod, min_ready, self.view.now));
            }
            if !pod.is_terminating() {
                let revision = pod.label(REVISION_LABEL).unwrap_or("");
                current += i32::from(revision == self.current.name_str());
                updated += i32::from(revision == self.update.name_str());
            }
        }
        let asked = self.spec.replicas.unwrap_or(1);
        let complete = !self.on_delete() && updated == asked && replicas == asked && ready == replicas;
        let revision = if complete { &self.update } else { &self.current };
        let earlier = self.set.status.clone().unwrap_or_default();
        let status = StatefulSetStatus {
            replicas,
            ready_replicas: support::count(ready),
            available_replicas: Some(available),
            current_replicas: support::count(if complete { updated } else { current }),
            updated_replicas: support::count(updated),
            current_revision: Some(revision.name_str().to_owned()),
            update_revision: Some(self.update.name_str().to_owned()),
            observed_generation: self.set.metadata.generation,
            collision_count: Some(earlier.collision_count.unwrap_or(0)),
            conditions: earlier.conditions,
        };
        if self.set.status.as_ref() != Some(&status) {
            let mut set = StatefulSet::clone(self.set);
            set.status = Some(status);
            self.writes.push(Write::UpdateStatus(set.into_object()));
        }
    }
}
