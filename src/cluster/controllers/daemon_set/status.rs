//! The status of a DaemonSet: counts over nodes, not pods.

use super::super::{Write, support};
use super::{Suits, Sync};
use crate::object::{Resource, meta::MetaExt};
use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetStatus};

impl Sync<'_> {
    pub(super) fn write_status(&mut self, writes: &mut Vec<Write>) {
        let min_ready = self.spec.min_ready_seconds.unwrap_or(0);
        let (mut desired, mut current, mut misscheduled, mut ready, mut available, mut updated) =
            (0, 0, 0, 0, 0, 0);
        for (node, suits) in &self.nodes {
            let mut pods: Vec<_> = self.pods.get(node).into_iter().flatten().collect();
            pods.sort_by_key(|p| (p.spec.node_name.is_none(), p.created(), p.name_str().to_owned()));
            // A surging pod is waited for as well: when it is available the older one goes.
            let due = pods.iter().filter_map(|p| support::available_at(p, min_ready));
            let due = due.filter(|at| *at > self.view.now).map(|at| support::until(self.view.now, at));
            self.again = self.again.into_iter().chain(due).min();
            desired += i32::from(*suits == Suits::Yes);
            let Some(pod) = pods.first() else { continue };
            if *suits != Suits::Yes {
                misscheduled += 1;
                continue;
            }
            current += 1;
            if let Some(at) = support::available_at(pod, min_ready) {
                ready += 1;
                available += i32::from(at <= self.view.now);
            }
            updated += i32::from(self.is_updated(pod));
        }
        let earlier = self.set.status.clone().unwrap_or_default();
        let status = DaemonSetStatus {
            desired_number_scheduled: desired,
            current_number_scheduled: current,
            number_misscheduled: misscheduled,
            number_ready: ready,
            number_available: support::count(available),
            number_unavailable: support::count(desired - available),
            updated_number_scheduled: support::count(updated),
            observed_generation: self.set.metadata.generation,
            ..earlier
        };
        if self.set.status.as_ref() != Some(&status) {
            let mut set = DaemonSet::clone(self.set);
            set.status = Some(status);
            writes.push(Write::UpdateStatus(set.into_object()));
        }
    }
}
