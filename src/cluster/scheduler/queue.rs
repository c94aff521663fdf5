//! The scheduling queue: active pods, pods in back-off, and pods that wait for something to change.
//!
//! Always holds: a pod is at most once in the queue. The pod with the highest priority comes first, then the one that
//! waited longest. A pod that nothing fits waits until an event may help one of the plugins that refused it, at the
//! latest five minutes. As since 1.33, back-off is cut short when nothing else is to do; not so after an error.

use crate::object::{ObjectName, SECOND, SimTime};
use imbl::{OrdMap, OrdSet};
use std::cmp::Reverse;

/// The first back-off, doubled with each attempt up to [`MAX_BACKOFF`].
const INITIAL_BACKOFF: u64 = SECOND;
/// The longest back-off.
const MAX_BACKOFF: u64 = 10 * SECOND;
/// How long a pod waits for an event at most.
const MAX_WAIT: u64 = 300 * SECOND;

/// Which plugins refused a pod, as bits by their place in the table.
pub type PluginSet = u32;

/// Where a pod is in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is next, by priority and time.
    Active,
    /// It was refused and something changed since; it waits for its back-off to end.
    Backoff(SimTime),
    /// Something went wrong; it waits for its back-off to end.
    Error(SimTime),
    /// Nothing fits; it waits for an event, since this moment.
    Unschedulable(SimTime),
    /// It has scheduling gates.
    Gated,
}

/// A pod in the queue.
#[derive(Clone, Debug)]
pub struct Queued {
    /// Its priority.
    pub priority: i32,
    /// Where it is.
    pub place: Place,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was last tried.
    pub tried: SimTime,
    /// Who refused it.
    pub refused_by: PluginSet,
    /// The change that brought it (back) into the queue.
    pub cause: Option<u64>,
    /// When it came into the queue, or back into it after an attempt.
    since: SimTime,
    sequence: u64,
}

type ActiveKey = (Reverse<i32>, SimTime, u64, ObjectName);

/// The queue.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    pods: OrdMap<ObjectName, Queued>,
    active: OrdSet<ActiveKey>,
    /// Backoff, error and unschedulable pods, by the moment at which they come back by themselves.
    timed: OrdSet<(SimTime, u64, ObjectName)>,
    backoff: OrdSet<(SimTime, u64, ObjectName)>,
    waiting: OrdSet<ObjectName>,
    sequence: u64,
}

impl Queue {
    /// The pod's entry.
    pub fn get(&self, name: &ObjectName) -> Option<&Queued> {
        self.pods.get(name)
    }

    /// Adds a pod that was not in the queue.
    pub fn add(&mut self, name: &ObjectName, priority: i32, gated: bool, now: SimTime, cause: u64) {
        let place = if gated { Place::Gated } else { Place::Active };
        let queued = Queued {
            priority,
            place,
            attempts: 0,
            tried: now,
            refused_by: 0,
            cause: Some(cause),
            since: now,
            sequence: 0,
        };
        self.put(name, queued, place);
    }

    /// Puts a pod back after an attempt: behind those that wait already.
    pub fn put_back(&mut self, name: &ObjectName, mut queued: Queued, place: Place, now: SimTime) {
        queued.since = now;
        self.put(name, queued, place);
    }

    fn put(&mut self, name: &ObjectName, mut queued: Queued, place: Place) {
        self.remove(name);
        self.sequence += 1;
        queued.sequence = self.sequence;
        queued.place = place;
        match place {
            Place::Active => {
                self.active.insert(active_key(name, &queued));
            }
            Place::Backoff(until) => {
                self.backoff.insert((until, queued.sequence, name.clone()));
                self.timed.insert((until, queued.sequence, name.clone()));
            }
            Place::Error(until) => {
                self.timed.insert((until, queued.sequence, name.clone()));
            }
            Place::Unschedulable(since) => {
                self.timed.insert((since + MAX_WAIT, queued.sequence, name.clone()));
                self.waiting.insert(name.clone());
            }
            Place::Gated => {}
        }
        self.pods.insert(name.clone(), queued);
    }

    /// Takes a pod out.
    pub fn remove(&mut self, name: &ObjectName) -> Option<Queued> {
        let queued = self.pods.remove(name)?;
        match queued.place {
            Place::Active => {
                self.active.remove(&active_key(name, &queued));
            }
            Place::Backoff(until) => {
                self.backoff.remove(&(until, queued.sequence, name.clone()));
                self.timed.remove(&(until, queued.sequence, name.clone()));
            }
            Place::Error(until) => {
                self.timed.remove(&(until, queued.sequence, name.clone()));
            }
            Place::Unschedulable(since) => {
                self.timed.remove(&(since + MAX_WAIT, queued.sequence, name.clone()));
                self.waiting.remove(name);
            }
            Place::Gated => {}
        }
        Some(queued)
    }

    /// The pods that wait for an event.
    pub fn waiting(&self) -> impl Iterator<Item = (&ObjectName, &Queued)> {
        self.waiting.iter().filter_map(|name| self.pods.get(name).map(|q| (name, q)))
    }

    /// Lets a pod try again, after what is left of its back-off.
    pub fn revive(&mut self, name: &ObjectName, now: SimTime, cause: Option<u64>) {
        let Some(mut queued) = self.remove(name) else { return };
        queued.cause = cause;
        let until = queued.tried + backoff(queued.attempts);
        let place = if until > now { Place::Backoff(until) } else { Place::Active };
        self.put(name, queued, place);
    }

    /// Takes the pod that is to be tried now.
    pub fn pop(&mut self, now: SimTime) -> Option<(ObjectName, Queued)> {
        while let Some((until, _, name)) = self.timed.get_min().cloned() {
            if until > now {
                break;
            }
            if let Some(queued) = self.remove(&name) {
                self.put(&name, queued, Place::Active);
            }
        }
        let name = match self.active.get_min() {
            Some((_, _, _, name)) => name.clone(),
            None => self.backoff.get_min()?.2.clone(),
        };
        let mut queued = self.remove(&name)?;
        queued.attempts += 1;
        queued.tried = now;
        Some((name, queued))
    }

    /// When a pod is to be tried next: `now` if one is there.
    pub fn next(&self, now: SimTime) -> Option<SimTime> {
        if !self.active.is_empty() || !self.backoff.is_empty() {
            return Some(now);
        }
        self.timed.get_min().map(|(until, _, _)| *until)
    }
}

/// The moment until which a pod backs off after an error.
pub fn backoff_after(queued: &Queued) -> SimTime {
    queued.tried + backoff(queued.attempts)
}

fn backoff(attempts: u32) -> u64 {
    INITIAL_BACKOFF.saturating_mul(1 << attempts.saturating_sub(1).min(20)).min(MAX_BACKOFF)
}

fn active_key(name: &ObjectName, queued: &Queued) -> ActiveKey {
    (Reverse(queued.priority), queued.since, queued.sequence, name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_backoff() {
        let mut queue = Queue::default();
        let name = |n: &str| ObjectName::new("default", n);
        let now = SimTime(1_000 * SECOND);
        queue.add(&name("low"), 0, false, now, 1);
        queue.add(&name("high"), 10, false, now + 1, 2);
        queue.add(&name("gated"), 99, true, now, 3);
        let (first, queued) = queue.pop(now + 2).unwrap();
        assert_eq!(first, name("high"));
        queue.put_back(&first, queued, Place::Unschedulable(now + 2), now + 2);
        assert_eq!(queue.pop(now + 3).unwrap().0, name("low"));
        assert_eq!(queue.next(now + 3), Some(now + 2 + MAX_WAIT));
        queue.revive(&first, now + 4, None);
        assert!(matches!(queue.get(&first).unwrap().place, Place::Backoff(_)));
        assert_eq!(queue.pop(now + 4).unwrap().0, first, "back-off is cut short when nothing else is to do");
        assert_eq!([1, 2, 3, 4, 5, 9].map(|n| backoff(n) / SECOND), [1, 2, 4, 8, 10, 10]);
        assert!(queue.pop(now + 5).is_none());
    }
}
