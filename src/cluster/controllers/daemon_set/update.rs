//! The rolling update of a DaemonSet: old pods go as fast as `maxUnavailable` allows, or new ones come first with
//! `maxSurge`.

use super::super::support::{Round, is_available, scaled};
use super::{Suits, Sync, Work};
use crate::object::{Pod, meta::MetaExt};
use std::sync::Arc;

/// The pods of a node that are not going.
#[derive(Default)]
struct Pair {
    new: Option<Arc<Pod>>,
    old: Option<Arc<Pod>>,
    /// Two of one kind: the node is tidied up first.
    crowded: bool,
}

impl Sync<'_> {
    fn rolling(&self) -> Option<&k8s_openapi::api::apps::v1::RollingUpdateDaemonSet> {
        self.spec.update_strategy.as_ref()?.rolling_update.as_ref()
    }

    fn on_delete(&self) -> bool {
        self.spec.update_strategy.as_ref().and_then(|s| s.type_.as_deref()) == Some("OnDelete")
    }

    fn max_surge(&self, total: i32) -> i32 {
        if self.on_delete() {
            return 0;
        }
        scaled(self.rolling().and_then(|r| r.max_surge.as_ref()), total, Round::Up)
    }

    pub(super) fn surges(&self) -> bool {
        self.max_surge(100) > 0
    }

    fn max_unavailable(&self, total: i32, surge: i32) -> i32 {
        let value = self.rolling().and_then(|r| r.max_unavailable.as_ref());
        let n = if value.is_none() && surge == 0 { 1 } else { scaled(value, total, Round::Up) };
        if total > 0 && n == 0 && surge == 0 { 1 } else { n }
    }

    pub(super) fn available(&self, pod: &Pod) -> bool {
        is_available(pod, self.spec.min_ready_seconds.unwrap_or(0), self.view.now)
    }

    fn pair(&self, node: &Arc<str>) -> Pair {
        let mut pair = Pair::default();
        for pod in self.pods.get(node).into_iter().flatten().filter(|p| !p.is_terminating()) {
            let place = if self.is_updated(pod) { &mut pair.new } else { &mut pair.old };
            pair.crowded |= place.is_some();
            *place = Some(pod.clone());
        }
        pair
    }

    /// What a rolling update does next.
    pub(super) fn roll(&self) -> Work {
        if self.on_delete() {
            return Work::default();
        }
        let wanted = self.nodes.iter().filter(|(_, s)| *s == Suits::Yes).count() as i32;
        let surge = self.max_surge(wanted);
        let mut pairs: Vec<(Arc<str>, Pair)> = Vec::new();
        for (node, suits) in &self.nodes {
            if *suits == Suits::Yes || self.pods.contains_key(node) {
                pairs.push((node.clone(), self.pair(node)));
            }
        }
        if surge > 0 {
            return self.roll_with_surge(pairs, surge);
        }
        let max = self.max_unavailable(wanted, surge);
        (Vec::new(), self.old_to_delete(pairs, max))
    }

    fn old_to_delete(&self, pairs: Vec<(Arc<str>, Pair)>, max: i32) -> Vec<Arc<Pod>> {
        let (mut unavailable, mut broken, mut candidates) = (0, Vec::new(), Vec::new());
        for (_, pair) in pairs {
            match pair {
                Pair { crowded: true, .. }
                | Pair { new: None, old: None, .. }
                | Pair { new: Some(_), old: Some(_), .. } => unavailable += 1,
                Pair { new: Some(new), .. } => unavailable += i32::from(!self.available(&new)),
                Pair { old: Some(old), .. } if !self.available(&old) => broken.push(old),
                Pair { old: Some(old), .. } => candidates.push(old),
            }
        }
        let room = usize::try_from(max - unavailable).unwrap_or(0);
        broken.extend(candidates.into_iter().take(room));
        broken
    }

    fn roll_with_surge(&self, pairs: Vec<(Arc<str>, Pair)>, max: i32) -> Work {
        let (mut surging, mut broken, mut candidates, mut delete) = (0, Vec::new(), Vec::new(), Vec::new());
        for (node, pair) in pairs {
            match pair {
                Pair { crowded: true, .. } => surging += 1,
                Pair { old: None, .. } => {}
                Pair { new: None, old: Some(old), .. } if !self.available(&old) => broken.push(node),
                Pair { new: None, .. } => candidates.push(node),
                Pair { new: Some(new), .. } if !self.available(&new) => surging += 1,
                Pair { old: Some(old), .. } => delete.push(old),
            }
        }
        let room = usize::try_from(max - surging).unwrap_or(0);
        broken.extend(candidates.into_iter().take(room));
        (broken, delete)
    }
}
