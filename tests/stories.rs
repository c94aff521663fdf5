//! Random stories: the same seed tells the same story, and what a cluster promises holds at its end.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kubedojo::apiserver::{Cause, Method, Request, User};
use kubedojo::cluster::machines::{self, Action};
use kubedojo::cluster::{Cluster, Config};
use kubedojo::object::hash::Stream;
use kubedojo::object::meta::MetaExt;
use kubedojo::object::{Pod, SECOND};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SEEDS: u64 = 12;
const CHAPTERS: u64 = 14;

struct Story {
    cluster: Cluster,
    random: Stream,
    command: u64,
}

impl Story {
    fn new(seed: u64) -> Self {
        let cluster = Cluster::new(Config { seed, ..Config::default() });
        Self { cluster, random: Stream::new(seed, "story", ""), command: 0 }
    }

    fn ask(&mut self, method: Method, path: &str, body: Option<Value>) {
        self.command += 1;
        let content_type =
            if method == Method::Patch { "application/merge-patch+json" } else { "application/json" };
        let request = Request {
            method,
            path: path.to_owned(),
            body,
            content_type: content_type.to_owned(),
            ..Request::default()
        };
        // A story may ask for what is not there: an error is an answer, too.
        self.cluster.request(&request, &User::admin(), Cause::Command(self.command));
    }

    fn chapter(&mut self) {
        const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
        let name = format!("d{}", self.random.below(3));
        let node = format!("worker-{}", 1 + self.random.below(3));
        match self.random.below(8) {
            0 | 1 => {
                let replicas = self.random.below(6);
                let template = json!({"metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{"name": "c", "image": "nginx:1.27"}]}});
                let body = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
                    "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}});
                self.ask(Method::Post, DEPLOYMENTS, Some(body));
            }
            2 => {
                let body = json!({"spec": {"replicas": self.random.below(8)}});
                self.ask(Method::Patch, &format!("{DEPLOYMENTS}/{name}"), Some(body));
            }
            3 => {
                let image = format!("nginx:1.{}", 25 + self.random.below(3));
                let body =
                    json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}});
                self.ask(Method::Patch, &format!("{DEPLOYMENTS}/{name}"), Some(body));
            }
            4 => {
                let pods: Vec<String> = self
                    .cluster
                    .api
                    .store
                    .all_in::<Pod>("default")
                    .map(|p| p.name_str().to_owned())
                    .collect();
                let chosen = self.random.below(pods.len() as u64) as usize;
                if let Some(pod) = pods.get(chosen) {
                    self.ask(Method::Delete, &format!("/api/v1/namespaces/default/pods/{pod}"), None);
                }
            }
            5 => self.ask(Method::Delete, &format!("{DEPLOYMENTS}/{name}"), None),
            6 => {
                machines::act(&mut self.cluster, &Action::Fail(node)).ok();
            }
            _ => {
                machines::act(&mut self.cluster, &Action::Recover(node)).ok();
            }
        }
        let passed = self.random.below(90) * SECOND;
        self.cluster.advance(self.cluster.now() + passed, usize::MAX);
    }

    fn end(&mut self) {
        for node in 1..=3 {
            machines::act(&mut self.cluster, &Action::Recover(format!("worker-{node}"))).ok();
        }
        self.cluster.advance(self.cluster.now() + 900 * SECOND, usize::MAX);
    }
}

fn told(seed: u64) -> Cluster {
    let mut story = Story::new(seed);
    for _ in 0..CHAPTERS {
        story.chapter();
    }
    story.end();
    story.cluster
}

fn promises_hold(cluster: &Cluster, seed: u64) {
    let store = &cluster.api.store;
    let uids: BTreeSet<&str> = store.all::<ReplicaSet>().map(|r| r.uid_str()).collect();
    for deployment in store.all::<Deployment>() {
        let wanted = deployment.spec.as_ref().and_then(|s| s.replicas).unwrap_or(1);
        let available = deployment.status.as_ref().and_then(|s| s.available_replicas).unwrap_or(0);
        assert_eq!(available, wanted, "seed {seed}: deployment {} came to rest", deployment.name_str());
    }
    for pod in store.all_in::<Pod>("default") {
        let owner =
            pod.controller_of().unwrap_or_else(|| panic!("seed {seed}: {} has no owner", pod.name_str()));
        assert!(uids.contains(owner.uid.as_str()), "seed {seed}: {} is an orphan", pod.name_str());
        assert!(pod.spec.node_name.is_some(), "seed {seed}: {} was never placed", pod.name_str());
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in 0..SEEDS {
        let (first, second) = (told(seed), told(seed));
        assert_eq!(first.fingerprint(), second.fingerprint(), "seed {seed}");
        assert_eq!(first.api.store.revision(), second.api.store.revision(), "seed {seed}");
        promises_hold(&first, seed);
    }
}

#[test]
fn a_clone_lives_on_alone() {
    let mut story = Story::new(7);
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
