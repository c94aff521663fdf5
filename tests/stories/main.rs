//! Random stories: workloads are made, changed and removed while nodes fail, containers crash, images are missing,
//! probes flap and others write too. What a cluster promises holds at every moment, and at the end it comes to rest.
//!
//! `cargo test` tells 500 stories; `STORIES=10000 cargo test --release --test stories` is the nightly mode.

#![allow(clippy::unwrap_used)] // a test may stop where it stands

mod promises;
mod story;

use kubedojo::cluster::{Cluster, Config};
use kubedojo::object::SECOND;
use story::Story;

const BASES: u64 = 4;
const CHAPTERS: u64 = 6;
/// Every so many stories of each half one is told twice.
const TWICE: u64 = 20;

fn stories() -> u64 {
    std::env::var("STORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(500)
}

/// A cluster that is set up and quiet, from which stories begin.
fn base(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(Config { seed, ..Config::default() });
    cluster.advance(cluster.now() + 60 * SECOND, usize::MAX);
    cluster
}

fn told(base: &Cluster, seed: u64) -> Cluster {
    let mut story = Story::new(base.clone(), seed);
    for _ in 0..CHAPTERS {
        story.chapter();
    }
    story.end();
    story.cluster
}

/// The stories whose number leaves this rest: tests run beside each other.
fn tell(rest: u64) {
    let bases: Vec<Cluster> = (0..BASES).map(base).collect();
    for seed in (0..stories()).filter(|s| s % 2 == rest) {
        let from = &bases[(seed / 2 % BASES) as usize];
        let first = told(from, seed);
        promises::at_rest(&first, seed);
        if seed / 2 % TWICE == 0 {
            let second = told(from, seed);
            assert_eq!(first.fingerprint(), second.fingerprint(), "seed {seed}");
            assert_eq!(first.api.store.revision(), second.api.store.revision(), "seed {seed}");
        }
    }
}

#[test]
fn even_stories_keep_their_promises() {
    tell(0);
}

#[test]
fn odd_stories_keep_their_promises() {
    tell(1);
}

#[test]
fn a_clone_lives_on_alone() {
    let mut story = Story::new(base(7), 7);
    for _ in 0..4 {
        story.chapter();
    }
    let kept = story.cluster.clone();
    let (revision, fingerprint) = (kept.api.store.revision(), kept.fingerprint());
    story.end();
    assert_eq!((kept.api.store.revision(), kept.fingerprint()), (revision, fingerprint));
    let mut copy = kept.clone();
    copy.advance(copy.now() + 30 * SECOND, usize::MAX);
    let mut other = kept;
    other.advance(other.now() + 30 * SECOND, usize::MAX);
    assert_eq!(copy.fingerprint(), other.fingerprint());
}
