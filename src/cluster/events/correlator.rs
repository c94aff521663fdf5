//! What a recorder does before it writes: similar events become one, repeated ones are counted, and an object that
//! many are about is heard of only now and then.
//!
//! From `k8s.io/client-go/tools/record`: ten different messages of one reason within ten minutes are combined; a
//! source may tell 25 things about an object at once and one more every five minutes. What is not written is
//! counted all the same.

use super::Note;
use crate::object::hash::{self, Fnv};
use crate::object::{ObjectName, SECOND, SimTime};
use imbl::OrdMap;
use k8s_openapi::api::core::v1::ObjectReference;
use std::sync::Arc;

/// How many different messages make a group (`defaultAggregateMaxEvents`).
const GROUP_MESSAGES: usize = 10;
/// A group is forgotten after so long without a new one (`defaultAggregateIntervalInSeconds`).
const GROUP_FORGET: u64 = 600 * SECOND;
/// How long an event is remembered; a real recorder remembers the last 4096.
const SEEN_FORGET: u64 = 6 * 3600 * SECOND;
/// How many events of a source about an object are written at once (`defaultSpamBurst`).
const BURST: u64 = 25;
/// How long it takes until one more is (`defaultSpamQPS`).
const REFILL: u64 = 300 * SECOND;

/// The memory of a recorder.
#[derive(Clone, Debug, Default)]
pub struct Correlator {
    seen: OrdMap<u64, Seen>,
    groups: OrdMap<u64, Group>,
    buckets: OrdMap<u64, Bucket>,
}

/// An event that was observed.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its object, once it is written.
    pub name: Option<ObjectName>,
    /// How often.
    pub count: i32,
    /// When first.
    pub first: SimTime,
    /// When last.
    pub last: SimTime,
}

/// The messages of one reason about an object.
#[derive(Clone, Debug)]
struct Group {
    /// In order; seldom more than one, and never more than [`GROUP_MESSAGES`].
    messages: Box<[u64]>,
    last: SimTime,
}

impl Group {
    /// Takes a message in; `true` when it is one of too many different ones.
    fn add(&mut self, message: u64, now: SimTime) -> bool {
        self.last = now;
        let mut messages = std::mem::take(&mut self.messages).into_vec();
        if let Err(place) = messages.binary_search(&message) {
            messages.insert(place, message);
        }
        let many = messages.len() >= GROUP_MESSAGES;
        if many {
            messages.remove(0);
        }
        self.messages = messages.into_boxed_slice();
        many
    }
}

/// A token bucket of a source and an object, in nanoseconds of [`REFILL`].
#[derive(Clone, Debug)]
struct Bucket {
    left: u64,
    at: SimTime,
    /// The object, as the newest event knows it.
    about: Arc<ObjectReference>,
}

/// What is to be written.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Under which key it is remembered.
    pub key: u64,
    /// What is known of it, this time included.
    pub seen: Seen,
    /// Its text, when it stands for several.
    pub combined: Option<String>,
    /// What it is about, shared with the events before.
    pub about: Arc<ObjectReference>,
}

impl Correlator {
    /// Takes an event in. `None` when it is not to be written.
    pub fn observe(&mut self, note: &Note, now: SimTime) -> Option<Observed> {
        let (whole, similar, source) = keys(note);
        let fresh = |g: &Group| now.since(g.last) <= GROUP_FORGET;
        let mut group = self.groups.get(&similar).filter(|g| fresh(g)).cloned();
        let group = group.get_or_insert_with(|| Group { messages: Box::default(), last: now });
        let many = group.add(hash::fnv64a(note.message.as_bytes()), now);
        self.groups.insert(similar, group.clone());
        let (key, combined) = if many {
            (similar, Some(format!("(combined from similar events): {}", note.message)))
        } else {
            (whole, None)
        };
        let mut seen =
            self.seen.get(&key).cloned().unwrap_or(Seen { name: None, count: 0, first: now, last: now });
        seen.count = seen.count.saturating_add(1);
        seen.last = now;
        self.seen.insert(key, seen.clone());
        let about = self.accept(source, &note.regarding, now)?;
        Some(Observed { key, seen, combined, about })
    }

    /// The event is written under this name.
    pub fn written(&mut self, key: u64, name: ObjectName) {
        if let Some(seen) = self.seen.get_mut(&key) {
            seen.name = Some(name);
        }
    }

    /// What the event is about, if one more of its source is accepted.
    fn accept(&mut self, source: u64, about: &ObjectReference, now: SimTime) -> Option<Arc<ObjectReference>> {
        let full = BURST * REFILL;
        let bucket = self.buckets.get(&source);
        let left = bucket.map_or(full, |b| b.left.saturating_add(now.since(b.at)).min(full));
        let about = match bucket {
            Some(bucket) if *bucket.about == *about => bucket.about.clone(),
            _ => Arc::new(about.clone()),
        };
        let accepted = left >= REFILL;
        let left = if accepted { left - REFILL } else { left };
        self.buckets.insert(source, Bucket { left, at: now, about: about.clone() });
        accepted.then_some(about)
    }

    /// Forgets what can no longer make a difference.
    pub fn prune(&mut self, now: SimTime) {
        retain(&mut self.seen, |seen| now.since(seen.last) < SEEN_FORGET);
        retain(&mut self.groups, |group| now.since(group.last) <= GROUP_FORGET);
        retain(&mut self.buckets, |bucket| bucket.left.saturating_add(now.since(bucket.at)) < BURST * REFILL);
    }
}

/// Keeps the entries that `keep` says so of.
pub(super) fn retain<V: Clone>(map: &mut OrdMap<u64, V>, keep: impl Fn(&V) -> bool) {
    let gone: Vec<u64> = map.iter().filter(|(_, value)| !keep(value)).map(|(key, _)| *key).collect();
    for key in gone {
        map.remove(&key);
    }
}

/// The keys of an event itself, of those that differ from it only in their text, and of its source and object.
fn keys(note: &Note) -> (u64, u64, u64) {
    let r = &note.regarding;
    let source = Fnv::default().part(note.component).optional(note.host.as_deref());
    let source = [&r.kind, &r.namespace, &r.name, &r.uid]
        .into_iter()
        .fold(source, |hash, part| hash.optional(part.as_deref()));
    let similar = source.part(note.type_).part(note.reason);
    let whole = similar.optional(r.field_path.as_deref()).part(&note.message);
    // The first two must never meet in one map.
    (whole.0, similar.part("similar").0, source.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(message: &str) -> Note {
        let regarding = ObjectReference { name: Some("p".to_owned()), ..ObjectReference::default() };
        let (component, message) = ("kubelet", message.to_owned());
        Note { regarding, type_: "Normal", reason: "R", message, component, host: None, action: None }
    }

    fn at(seconds: u64) -> SimTime {
        SimTime(seconds * SECOND)
    }

    #[test]
    fn the_tenth_message_is_combined_with_the_next() {
        let mut correlator = Correlator::default();
        for number in 0..9 {
            let observed = correlator.observe(&note(&format!("m{number}")), at(number)).unwrap();
            assert_eq!((observed.combined, observed.seen.count), (None, 1));
        }
        for (number, count) in [(9, 1), (10, 2), (11, 3)] {
            let observed = correlator.observe(&note(&format!("m{number}")), at(number)).unwrap();
            let text = format!("(combined from similar events): m{number}");
            assert_eq!((observed.combined, observed.seen.count), (Some(text), count));
        }
        // After ten quiet minutes the group is forgotten.
        assert_eq!(correlator.observe(&note("m12"), at(612)).unwrap().combined, None);
    }

    #[test]
    fn a_burst_is_written_and_the_rest_is_counted() {
        let mut correlator = Correlator::default();
        let written = (0..40).filter(|n| correlator.observe(&note("same"), at(*n)).is_some()).count();
        assert_eq!(written, 25);
        assert!(correlator.observe(&note("same"), at(299)).is_none());
        let observed = correlator.observe(&note("same"), at(301)).unwrap();
        assert_eq!((observed.seen.count, observed.seen.first), (42, at(0)));
        assert!(correlator.observe(&note("same"), at(302)).is_none());
    }
}
