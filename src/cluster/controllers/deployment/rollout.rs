//! The two strategies: `RollingUpdate` and `Recreate`.

use super::scale::Which;
use super::{Sync, asked, available, sizes};
use crate::object::meta::MetaExt;

impl Sync<'_> {
    /// The new set grows into the room that surge leaves; otherwise old sets shrink to what must stay available.
    pub(super) fn roll(&mut self) {
        if self.new.is_none() {
            self.create_new_set();
        }
        let moved = self.grow_new_set() || self.shrink_old_sets();
        if !moved && self.is_complete(self.stored.status.as_ref()) {
            self.clean_up();
        }
        self.write_rollout_status();
    }

    fn grow_new_set(&mut self) -> bool {
        let replicas = self.replicas();
        let Some(size) = self.new.as_ref().map(|s| asked(s)) else { return false };
        if size == replicas {
            return false;
        }
        let all = self.all().map(|s| asked(s)).sum();
        let target = if size > replicas { replicas } else { sizes::new_set_size(self.stored, all, size) };
        self.resize_if_other(Which::New, target)
    }

    fn shrink_old_sets(&mut self) -> bool {
        let old: i32 = self.old.iter().map(|s| asked(s)).sum();
        if old == 0 {
            return false;
        }
        let all: i32 = self.all().map(|s| asked(s)).sum();
        let least = self.replicas() - sizes::max_unavailable(self.stored);
        let unavailable_new = self.new.as_ref().map_or(0, |s| asked(s) - available(s));
        let room = all - least - unavailable_new;
        if room <= 0 {
            return false;
        }
        let oldest_first = self.old_by_age();
        self.shrink_unhealthy(&oldest_first, room) + self.shrink_healthy(&oldest_first, least) > 0
    }

    fn old_by_age(&self) -> Vec<Which> {
        let mut order: Vec<usize> = (0..self.old.len()).filter(|i| asked(&self.old[*i]) > 0).collect();
        order.sort_by_key(|i| (self.old[*i].created(), self.old[*i].name_str().to_owned()));
        order.into_iter().map(Which::Old).collect()
    }

    /// Pods that are not available anyway go first: they cost nothing.
    fn shrink_unhealthy(&mut self, order: &[Which], room: i32) -> i32 {
        let mut gone = 0;
        for which in order {
            let Some(set) = self.set(*which) else { continue };
            let (size, healthy) = (asked(set), available(set));
            if gone >= room || size == 0 || size == healthy {
                continue;
            }
            let n = (room - gone).min(size - healthy);
            self.resize_if_other(*which, size - n);
            gone += n;
        }
        gone
    }

    fn shrink_healthy(&mut self, order: &[Which], least: i32) -> i32 {
        let now_available: i32 = self.all().map(|s| available(s)).sum();
        let surplus = now_available - least;
        let mut gone = 0;
        for which in order {
            let Some(size) = self.set(*which).map(|s| asked(s)) else { continue };
            if gone >= surplus || size == 0 {
                continue;
            }
            let n = size.min(surplus - gone);
            self.resize_if_other(*which, size - n);
            gone += n;
        }
        gone
    }

    /// Everything old goes, and only when its last pod is gone does the new set come.
    pub(super) fn recreate(&mut self) {
        let mut scaled_down = false;
        for which in self.active().into_iter().filter(|w| *w != Which::New) {
            scaled_down |= self.resize_if_other(which, 0);
        }
        if !scaled_down && !self.old_pods_run() {
            if self.new.is_none() {
                self.create_new_set();
            }
            self.resize_if_other(Which::New, self.replicas());
            if self.is_complete(self.stored.status.as_ref()) {
                self.clean_up();
            }
        }
        self.write_rollout_status();
    }
}
