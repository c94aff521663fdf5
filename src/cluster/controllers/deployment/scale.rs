//! Changing the size of sets: one, or all in proportion when a Deployment is scaled in the middle of a rollout.

use super::super::Write;
use super::revision::annotate_sizes;
use super::{DESIRED, MAX, Sync, actual, asked, available, sizes};
use crate::object::{Resource, meta::MetaExt};
use k8s_openapi::api::apps::v1::ReplicaSet;
use std::cmp::Reverse;
use std::sync::Arc;

/// A set of a [`Sync`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Which {
    New,
    Old(usize),
}

impl Sync<'_> {
    pub(super) fn set(&self, which: Which) -> Option<&Arc<ReplicaSet>> {
        match which {
            Which::New => self.new.as_ref(),
            Which::Old(i) => self.old.get(i),
        }
    }

    /// The sets with pods asked for.
    pub(super) fn active(&self) -> Vec<Which> {
        let old = (0..self.old.len()).map(Which::Old);
        let all = old.chain(self.new.is_some().then_some(Which::New));
        all.filter(|w| self.set(*w).is_some_and(|s| asked(s) > 0)).collect()
    }

    /// Whether the Deployment's size differs from the one that its sets know.
    pub(super) fn is_scaling_event(&self) -> bool {
        let replicas = self.replicas();
        self.active().into_iter().filter_map(|w| self.set(w)).any(|set| {
            set.annotation(DESIRED).and_then(|d| d.parse::<i32>().ok()).is_some_and(|d| d != replicas)
        })
    }

    /// Gives a set another size, and records it. Whether the size differs.
    pub(super) fn resize(&mut self, which: Which, size: i32) -> bool {
        let Some(set) = self.set(which).cloned() else { return false };
        let before = asked(&set);
        let mut changed = ReplicaSet::clone(&set);
        changed.spec.get_or_insert_default().replicas = Some(size);
        if !annotate_sizes(&mut changed.metadata, self.stored) && before == size {
            return false;
        }
        self.writes.push(Write::Update(changed.clone().into_object()));
        if before != size {
            let way = if before < size { "up" } else { "down" };
            let text = format!("Scaled {way} replica set {} from {before} to {size}", set.name_str());
            self.writes.push(Write::Event(self.note("ScalingReplicaSet", text)));
        }
        match which {
            Which::New => self.new = Some(Arc::new(changed)),
            Which::Old(i) => self.old[i] = Arc::new(changed),
        }
        before != size
    }

    /// As [`Sync::resize`], and nothing when the set has the size already.
    pub(super) fn resize_if_other(&mut self, which: Which, size: i32) -> bool {
        self.set(which).is_some_and(|s| asked(s) != size) && self.resize(which, size)
    }

    /// Follows a change of the Deployment's size.
    pub(super) fn scale(&mut self) {
        let replicas = self.replicas();
        let active = self.active();
        let only = match active.as_slice() {
            [] if self.new.is_some() => Some(Which::New),
            [] => self.newest_old(),
            [one] => Some(*one),
            _ => None,
        };
        if active.len() < 2 {
            if let Some(which) = only {
                self.resize_if_other(which, replicas);
            }
            return;
        }
        if self.is_saturated() {
            for which in active.into_iter().filter(|w| *w != Which::New) {
                self.resize_if_other(which, 0);
            }
            return;
        }
        if !super::is_recreate(self.stored) {
            self.scale_in_proportion(active);
        }
    }

    fn newest_old(&self) -> Option<Which> {
        let newest =
            self.old.iter().enumerate().max_by_key(|(_, s)| (s.created(), s.name_str().to_owned()))?;
        Some(Which::Old(newest.0))
    }

    /// Whether the new set has everything that the Deployment asks for.
    fn is_saturated(&self) -> bool {
        let replicas = self.replicas();
        self.new.as_ref().is_some_and(|set| {
            let desired = set.annotation(DESIRED).and_then(|d| d.parse::<i32>().ok());
            asked(set) == replicas && desired == Some(replicas) && available(set) == replicas
        })
    }

    fn scale_in_proportion(&mut self, mut active: Vec<Which>) {
        let replicas = self.replicas();
        let max_now = replicas + sizes::max_surge(self.stored);
        let allowed = if replicas > 0 { max_now } else { 0 };
        let total: i32 = active.iter().filter_map(|w| self.set(*w)).map(|s| asked(s)).sum();
        let to_add = allowed - total;
        let key = |which: &Which| {
            let set = self.set(*which).map(|s| (asked(s), s.created(), s.name_str().to_owned()));
            set.unwrap_or_default()
        };
        match to_add.signum() {
            1 => active.sort_by_key(|w| Reverse(key(w))),
            -1 => active.sort_by_key(|w| {
                let (size, created, name) = key(w);
                (Reverse(size), created, name)
            }),
            _ => {}
        }
        let pods: i32 = self.stored.status.as_ref().and_then(|s| s.replicas).unwrap_or(0);
        let mut added = 0;
        let mut targets = Vec::new();
        for which in active {
            let Some(set) = self.set(which) else { continue };
            let known = set.annotation(MAX).and_then(|m| m.parse().ok()).filter(|m| *m != 0);
            let max_before = known.unwrap_or(pods);
            let share = sizes::Share { size: asked(set), max_before, max_now, to_zero: replicas == 0 };
            let more = sizes::proportion(share, to_add, added);
            added += more;
            targets.push((which, asked(set) + more));
        }
        if let Some((_, size)) = targets.first_mut().filter(|_| to_add != 0) {
            *size = (*size + to_add - added).max(0);
        }
        for (which, size) in targets {
            self.resize(which, size);
        }
    }

    /// Removes the oldest sets without pods beyond the history that is kept.
    pub(super) fn clean_up(&mut self) {
        let limit = self.spec().revision_history_limit.unwrap_or(10);
        let mut sets: Vec<&Arc<ReplicaSet>> = self.old.iter().filter(|s| !s.is_terminating()).collect();
        let surplus = sets.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
        sets.sort_by_key(|s| super::revision::revision_of(&***s));
        let mut deletions = Vec::new();
        for set in sets.into_iter().take(surplus) {
            let observed = set.status.as_ref().and_then(|s| s.observed_generation);
            if actual(set) == 0 && asked(set) == 0 && set.metadata.generation <= observed {
                deletions.push(Write::Delete {
                    key: crate::object::ObjectKey { kind: ReplicaSet::KIND, name: set.object_name() },
                    options: crate::apiserver::DeleteOptions::default(),
                    done: None,
                });
            }
        }
        self.writes.extend(deletions);
    }
}
