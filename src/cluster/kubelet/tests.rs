//! The kubelet alone: pods bound to a node by hand, no scheduler and no controllers needed.

use super::*;
use crate::apiserver::{DeleteOptions, Request, User};
use crate::cluster::Config;
use crate::object::{ObjectKey, Resource};
use k8s_openapi::api::core::v1::Event;
use serde_json::{Value, json};

pub(super) struct Lab {
    pub cluster: Cluster,
}

impl Lab {
    pub fn new() -> Self {
        Self { cluster: Cluster::new(Config::default()) }
    }

    pub fn create(&mut self, kind: Kind, value: Value) -> &mut Self {
        let object = Object::from_value(kind, value).unwrap();
        let origin = crate::cluster::origin("test", None);
        self.cluster.api.create(object, &origin, false).unwrap();
        self
    }

    /// A pod `p` of this spec on worker-1.
    pub fn pod(&mut self, mut spec: Value) -> &mut Self {
        spec["nodeName"] = json!("worker-1");
        self.create(Kind::Pod, json!({"metadata": {"name": "p", "namespace": "default"}, "spec": spec}))
    }

    pub fn sh(&mut self, script: &str) -> &mut Self {
        self.pod(
            json!({"containers": [{"name": "c", "image": "busybox:1.36", "command": ["sh", "-c", script]}]}),
        )
    }

    pub fn millis(&mut self, millis: u64) -> &mut Self {
        let until = self.cluster.now().plus_millis(millis);
        assert!(self.cluster.advance(until, 1_000_000).done);
        self
    }

    pub fn seconds(&mut self, seconds: u64) -> &mut Self {
        self.millis(seconds * 1000)
    }

    pub fn get(&self) -> Option<Value> {
        let pod = self.cluster.api.store.find::<Pod>("default", "p")?;
        Some(Pod::clone(pod).into_object().to_value())
    }

    /// `Phase ready restarts state-reason`, of the first container.
    pub fn line(&self) -> String {
        let Some(pod) = self.get() else { return "gone".to_owned() };
        let c = &pod["status"]["containerStatuses"][0];
        let state = c["state"].as_object().and_then(|o| o.iter().next());
        let state = state.map_or(String::new(), |(k, v)| {
            v["reason"].as_str().map_or_else(|| k.clone(), |r| format!("{k}/{r}"))
        });
        let phase = pod["status"]["phase"].as_str().unwrap_or("");
        format!("{phase} {} {} {state}", c["ready"], c["restartCount"])
    }

    pub fn events(&self) -> Vec<String> {
        let mut list: Vec<_> = self.cluster.api.store.all::<Event>().collect();
        list.sort_by_key(|e| e.metadata.resource_version.clone().and_then(|v| v.parse::<u64>().ok()));
        let about = list.into_iter().filter(|e| e.involved_object.name.as_deref() == Some("p"));
        about
            .map(|e| {
                let count = e.count.filter(|c| *c > 1).map_or(String::new(), |c| format!(" (x{c})"));
                format!(
                    "{}: {}{count}",
                    e.reason.as_deref().unwrap_or(""),
                    e.message.as_deref().unwrap_or("")
                )
            })
            .collect()
    }

    pub fn delete(&mut self) -> &mut Self {
        let key = ObjectKey::new(Kind::Pod, "default", "p");
        let origin = crate::cluster::origin("test", None);
        self.cluster.api.delete(&key, &DeleteOptions::default(), &origin).unwrap();
        self
    }

    pub fn request(&mut self, path: &str, query: &[(&str, &str)]) -> crate::apiserver::Response {
        let mut request = Request::get(path);
        for (key, value) in query {
            request = request.param(key, *value);
        }
        self.cluster.request(&request, &User::admin(), Cause::Time)
    }
}

#[test]
fn a_server_starts_runs_and_ends() {
    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "nginx:1.25"}]}));
    lab.millis(100);
    assert_eq!(lab.line(), "Pending false 0 waiting/ContainerCreating");
    lab.seconds(2);
    assert_eq!(lab.line(), "Running true 0 running");
    let pod = lab.get().unwrap();
    assert_eq!(pod["status"]["podIP"], "10.244.1.2");
    assert_eq!(pod["status"]["hostIP"], "192.168.0.11");
    let conditions: Vec<String> = pod["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| format!("{}={}", c["type"].as_str().unwrap(), c["status"].as_str().unwrap()))
        .collect();
    assert_eq!(
        conditions,
        [
            "PodReadyToStartContainers=True",
            "Initialized=True",
            "Ready=True",
            "ContainersReady=True",
            "PodScheduled=True"
        ]
    );
    let quiet = lab.cluster.api.store.revision();
    lab.delete().seconds(2);
    assert_eq!(lab.line(), "gone");
    assert!(lab.cluster.api.store.revision() > quiet);
    let events = lab.events();
    assert_eq!(events.len(), 5, "{events:#?}");
    assert_eq!(events[0], "Pulling: Pulling image \"nginx:1.25\"");
    assert!(events[1].starts_with("Pulled: Successfully pulled image \"nginx:1.25\" in "), "{events:#?}");
    assert_eq!(
        &events[2..],
        ["Created: Container created", "Started: Container started", "Killing: Stopping container c"]
    );
}

#[test]
fn images_that_are_not_there() {
    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "nginx:nope"}]}));
    lab.millis(1000);
    assert_eq!(lab.line(), "Pending false 0 waiting/ErrImagePull");
    lab.seconds(2);
    assert_eq!(lab.line(), "Pending false 0 waiting/ImagePullBackOff");
    lab.seconds(60);
    let events = lab.events();
    assert!(
        events.iter().any(|e| e.starts_with("BackOff: Back-off pulling image \"nginx:nope\"")),
        "{events:#?}"
    );
}
