//! The event queue: what will happen, ordered by moment and then by who asked first.

use crate::object::{ObjectKey, SimTime};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Something that will happen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// A controller reconciles a key.
    Controller(super::controllers::ControllerId, ObjectKey),
    /// The scheduler takes a pod from its queue.
    Scheduler,
    /// A node's kubelet has something to do.
    Kubelet(Arc<str>, super::kubelet::Wake),
    /// Events older than an hour go.
    ExpireEvents,
}

/// A heap by (moment, sequence).
#[derive(Clone, Debug, Default)]
pub struct Queue {
    heap: BinaryHeap<Reverse<(SimTime, u64, Wake)>>,
    sequence: u64,
}

impl Queue {
    /// Lets `wake` happen at `at`.
    pub fn push(&mut self, at: SimTime, wake: Wake) {
        self.sequence += 1;
        self.heap.push(Reverse((at, self.sequence, wake)));
    }

    /// The moment of the first entry.
    pub fn next(&self) -> Option<SimTime> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Takes the first entry, if it is due by `until`.
    pub fn pop_until(&mut self, until: SimTime) -> Option<(SimTime, Wake)> {
        if self.next()? > until {
            return None;
        }
        self.heap.pop().map(|Reverse((at, _, wake))| (at, wake))
    }

    /// How many entries wait.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}
