//! One random story: what happens in it, and the watch that is kept over it.

use crate::promises::Watch;
use kubedojo::apiserver::{Cause, Method, Request, User};
use kubedojo::cluster::Cluster;
use kubedojo::cluster::machines::{self, Action};
use kubedojo::object::hash::Stream;
use kubedojo::object::meta::MetaExt;
use kubedojo::object::{Pod, SECOND};
use serde_json::{Value, json};

const APPS: &str = "/apis/apps/v1/namespaces/default";
const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";
const DEPLOYMENTS: [&str; 3] = ["d0", "d1", "d2"];

pub struct Story {
    pub cluster: Cluster,
    random: Stream,
    seed: u64,
    command: u64,
    watch: Watch,
}

/// Containers that stay well, crash now and then, have no image, or are ready only at times.
fn container(kind: u64) -> Value {
    let shell = |script: &str| json!({"name": "c", "image": "busybox:1.36", "command": ["sh", "-c", script]});
    match kind {
        0 | 1 => json!({"name": "c", "image": format!("nginx:1.{}", 25 + kind)}),
        2 => json!({"name": "c", "image": "nginx:no-such-tag"}),
        3 => shell("sleep 25; exit 1"),
        _ => {
            let mut c = shell("while true; do touch /tmp/ok; sleep 12; rm /tmp/ok; sleep 12; done");
            let probe =
                json!({"exec": {"command": ["cat", "/tmp/ok"]}, "periodSeconds": 3, "failureThreshold": 1});
            c["readinessProbe"] = probe;
            c
        }
    }
}

fn template(app: &str, kind: u64) -> Value {
    let spec = json!({"terminationGracePeriodSeconds": 2, "containers": [container(kind)]});
    json!({"metadata": {"labels": {"app": app}}, "spec": spec})
}

/// The same with a sidecar that ends when it is told to.
fn with_sidecar(mut template: Value) -> Value {
    let script = "trap 'exit 0' TERM; sleep 100000 & wait";
    template["spec"]["initContainers"] = json!([
        {"name": "s", "image": "busybox:1.36", "restartPolicy": "Always", "command": ["sh", "-c", script]}]);
    template
}

impl Story {
    pub fn new(cluster: Cluster, seed: u64) -> Self {
        let mut story = Self {
            cluster,
            random: Stream::new(seed, "story", ""),
            seed,
            command: 0,
            watch: Watch::default(),
        };
        for app in DEPLOYMENTS {
            let body = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": app},
                "spec": {"selector": {"app": app}, "ports": [{"port": 80}]}});
            story.ask(Method::Post, "/api/v1/namespaces/default/services", Some(body));
        }
        story
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

    pub fn chapter(&mut self) {
        let name = DEPLOYMENTS[self.random.below(3) as usize].to_owned();
        match self.random.below(19) {
            0..=2 => self.create_deployment(&name),
            3 => {
                self.watch.excuse(&name);
                let body = json!({"spec": {"replicas": self.random.below(7)}});
                self.ask(Method::Patch, &format!("{APPS}/deployments/{name}"), Some(body));
            }
            4..=6 => self.roll(&name),
            7 => self.disturb_a_pod(),
            8 => {
                self.watch.excuse(&name);
                self.ask(Method::Delete, &format!("{APPS}/deployments/{name}"), None);
            }
            9 => self.power(false),
            10 => self.power(true),
            11 => self.create_set(),
            12 => {
                let kind = self.random.below(3);
                let body =
                    json!({"spec": {"replicas": self.random.below(4), "template": template("s", kind)}});
                self.ask(Method::Patch, &format!("{APPS}/statefulsets/s"), Some(body));
            }
            13 => self.write_beside(&name),
            14 => self.create_daemon_set(),
            15 | 16 => {
                let kind = self.random.below(3);
                let body = json!({"spec": {"template": {"spec": {"containers": [container(kind)]}}}});
                self.ask(Method::Patch, &format!("{APPS}/daemonsets/a"), Some(body));
            }
            17 => self.create_job(),
            _ => self.ask(Method::Delete, &format!("{JOBS}/j?propagationPolicy=Background"), None),
        }
        let passed = 1 + self.random.below(40);
        self.pass(passed);
    }

    fn create_deployment(&mut self, name: &str) {
        let (replicas, kind) = (self.random.below(6), self.random.below(5));
        let limits = [json!("25%"), json!(1), json!(0), json!(2), json!("50%")];
        let (surge, unavailable) = (self.random.below(5) as usize, self.random.below(5) as usize);
        // Both may not be zero.
        let surge = if unavailable == 2 && surge == 2 { 1 } else { surge };
        let strategy = json!({"type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": limits[surge], "maxUnavailable": limits[unavailable]}});
        let body = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "strategy": strategy,
                "minReadySeconds": self.random.below(2) * 4, "template": self.perhaps_with_sidecar(name, kind)}});
        self.ask(Method::Post, &format!("{APPS}/deployments"), Some(body));
    }

    fn roll(&mut self, name: &str) {
        let kind = self.random.below(5);
        let body = json!({"spec": {"template": {"spec": {"containers": [container(kind)]}}}});
        self.ask(Method::Patch, &format!("{APPS}/deployments/{name}"), Some(body));
    }

    fn create_set(&mut self) {
        let policy = ["OrderedReady", "Parallel"][self.random.below(2) as usize];
        let body = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "s"},
            "spec": {"replicas": self.random.below(4), "serviceName": "s", "podManagementPolicy": policy,
                "selector": {"matchLabels": {"app": "s"}}, "template": template("s", 0)}});
        self.ask(Method::Post, &format!("{APPS}/statefulsets"), Some(body));
    }

    fn perhaps_with_sidecar(&mut self, app: &str, kind: u64) -> Value {
        let template = template(app, kind);
        if self.random.below(3) == 0 { with_sidecar(template) } else { template }
    }

    fn create_daemon_set(&mut self) {
        let limits = [
            json!({"maxSurge": 1, "maxUnavailable": 0}),
            json!({"maxSurge": 0, "maxUnavailable": 1}),
            json!({"maxSurge": "50%", "maxUnavailable": 0}),
            json!({"maxSurge": 0, "maxUnavailable": "100%"}),
        ];
        let rolling = &limits[self.random.below(4) as usize];
        let body = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "a"},
            "spec": {"selector": {"matchLabels": {"app": "a"}}, "minReadySeconds": self.random.below(2) * 5,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
                "template": self.perhaps_with_sidecar("a", 0)}});
        self.ask(Method::Post, &format!("{APPS}/daemonsets"), Some(body));
    }

    /// A Job whose pods end well, badly, or badly at first.
    fn create_job(&mut self) {
        let scripts = ["sleep 5", "sleep 3; exit 1", "test -e /w/f && exit 0; touch /w/f; exit 1"];
        let script = scripts[self.random.below(3) as usize];
        let restart = ["Never", "OnFailure"][self.random.below(2) as usize];
        let mut template = self.perhaps_with_sidecar("j", 3);
        template["spec"]["restartPolicy"] = json!(restart);
        template["spec"]["volumes"] = json!([{"name": "w", "emptyDir": {}}]);
        template["spec"]["containers"] = json!([{"name": "c", "image": "busybox:1.36",
            "command": ["sh", "-c", script], "volumeMounts": [{"name": "w", "mountPath": "/w"}]}]);
        let body = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"},
            "spec": {"completions": 1 + self.random.below(4), "parallelism": 1 + self.random.below(3),
                "backoffLimit": self.random.below(3), "template": template}});
        self.ask(Method::Post, JOBS, Some(body));
    }

    fn any_pod(&mut self) -> Option<String> {
        let pods: Vec<String> =
            self.cluster.api.store.all_in::<Pod>("default").map(|p| p.name_str().to_owned()).collect();
        let chosen = self.random.below(pods.len().max(1) as u64) as usize;
        pods.get(chosen).cloned()
    }

    /// A pod is deleted, or loses the label that its controller knows it by.
    fn disturb_a_pod(&mut self) {
        let Some(pod) = self.any_pod() else { return };
        for name in DEPLOYMENTS {
            self.watch.excuse(name);
        }
        let path = format!("/api/v1/namespaces/default/pods/{pod}");
        if self.random.below(3) == 0 && !pod.starts_with("s-") {
            self.ask(Method::Patch, &path, Some(json!({"metadata": {"labels": {"app": "freed"}}})));
            let alone = json!({"metadata": {"annotations": {"freed": "yes"}}});
            self.ask(Method::Patch, &path, Some(alone));
        } else {
            self.ask(Method::Delete, &path, None);
        }
    }

    /// Another writer scales, annotates or removes what a Deployment owns.
    fn write_beside(&mut self, name: &str) {
        use k8s_openapi::api::apps::v1::ReplicaSet;
        let sets = self.cluster.api.store.all_in::<ReplicaSet>("default");
        let of = |s: &&std::sync::Arc<ReplicaSet>| s.controller_of().is_some_and(|o| o.name == name);
        let sets: Vec<String> = sets.filter(of).map(|s| s.name_str().to_owned()).collect();
        let chosen = self.random.below(sets.len().max(1) as u64) as usize;
        let Some(set) = sets.get(chosen) else { return };
        self.watch.disturb(name);
        let path = format!("{APPS}/replicasets/{set}");
        match self.random.below(3) {
            0 => self.ask(Method::Delete, &path, None),
            1 => {
                let body = json!({"spec": {"replicas": self.random.below(5)}});
                self.ask(Method::Patch, &path, Some(body));
            }
            _ => {
                self.ask(Method::Patch, &path, Some(json!({"metadata": {"annotations": {"by": "another"}}})));
            }
        }
    }

    fn power(&mut self, on: bool) {
        let node = format!("worker-{}", 1 + self.random.below(3));
        for name in DEPLOYMENTS {
            self.watch.disturb(name);
        }
        self.watch.power(&node, on);
        let action = if on { Action::Recover(node) } else { Action::Fail(node) };
        machines::act(&mut self.cluster, &action).ok();
    }

    /// Seconds pass, and after each the promises are looked at.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.cluster.advance(self.cluster.now() + SECOND, usize::MAX);
            self.watch.look(&self.cluster, self.seed);
        }
    }

    /// Everything is mended: the cluster has to come to rest.
    pub fn end(&mut self) {
        let freed =
            self.cluster.api.store.all_in::<Pod>("default").filter(|p| p.label("app") == Some("freed"));
        let freed: Vec<String> = freed.map(|p| p.name_str().to_owned()).collect();
        for pod in freed {
            self.ask(Method::Delete, &format!("/api/v1/namespaces/default/pods/{pod}"), None);
        }
        for node in 1..=3 {
            machines::act(&mut self.cluster, &Action::Recover(format!("worker-{node}"))).ok();
        }
        for name in DEPLOYMENTS {
            self.watch.disturb(name);
            let body = json!({"spec": {"template": {"spec": {"containers": [container(0)]}}}});
            self.ask(Method::Patch, &format!("{APPS}/deployments/{name}"), Some(body));
        }
        let body = json!({"spec": {"template": {"spec": {"containers": [container(0)]}}}});
        self.ask(Method::Patch, &format!("{APPS}/daemonsets/a"), Some(body));
        self.ask(
            Method::Patch,
            &format!("{APPS}/statefulsets/s"),
            Some(json!({"spec": {"template": template("s", 0)}})),
        );
        self.cluster.advance(self.cluster.now() + 120 * SECOND, usize::MAX);
        // A set whose update is stuck on a pod that never was ready needs a hand.
        for ordinal in 0..4 {
            let pod = format!("s-{ordinal}");
            let broken = self
                .cluster
                .api
                .store
                .find::<Pod>("default", &pod)
                .is_some_and(|p| !crate::promises::is_ready(p));
            if broken {
                self.ask(Method::Delete, &format!("/api/v1/namespaces/default/pods/{pod}"), None);
                self.cluster.advance(self.cluster.now() + 60 * SECOND, usize::MAX);
            }
        }
        self.cluster.advance(self.cluster.now() + 420 * SECOND, usize::MAX);
    }
}
