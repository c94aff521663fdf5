//! A cluster for controllers' tests: no machines, so that nothing but the controllers acts, and pods are whatever the
//! test says they are.

use crate::apiserver::{Cause, DeleteOptions, Origin, Part};
use crate::cluster::{Cluster, Config, origin};
use crate::object::{Kind, Object, ObjectKey, Pod, Resource, SimTime, meta::MetaExt};
use k8s_openapi::api::core::v1::PodCondition;
use serde_json::Value;
use std::sync::Arc;

/// A cluster under test.
pub struct Lab {
    /// The cluster.
    pub cluster: Cluster,
}

/// A cluster without machines.
pub fn lab() -> Lab {
    lab_with(Config { nodes: Vec::new(), ..Config::default() })
}

/// A cluster of this configuration.
pub fn lab_with(config: Config) -> Lab {
    let mut lab = Lab { cluster: Cluster::new(config) };
    lab.advance(100);
    lab
}

impl Lab {
    /// Lets so many milliseconds pass.
    pub fn advance(&mut self, millis: u64) -> &mut Self {
        let until = self.cluster.now().plus_millis(millis);
        if !self.cluster.advance(until, 200_000).done {
            let log: Vec<String> = self
                .cluster
                .api
                .store
                .log()
                .iter()
                .rev()
                .take(8)
                .map(|c| format!("{} {} {}", c.at.0, c.author, c.key))
                .collect();
            panic!("no rest: {log:#?}\n{:?}", self.cluster.queue.pop_until(until));
        }
        self
    }

    /// Creates an object.
    pub fn create(&mut self, value: Value) -> Object {
        let text = |key: &str| value[key].as_str().unwrap_or("").to_owned();
        let kind = Kind::find(&text("apiVersion"), &text("kind")).expect("a known kind");
        let object = Object::from_value(kind, value).expect("a well-formed object");
        self.cluster.api.create(object, &learner(), false).expect("created")
    }

    /// Creates several.
    pub fn create_all(&mut self, values: impl IntoIterator<Item = Value>) -> &mut Self {
        for value in values {
            self.create(value);
        }
        self
    }

    /// The typed object `name` in `default` (or cluster-scoped).
    pub fn get<T: Resource>(&self, name: &str) -> Arc<T> {
        self.try_get(name).unwrap_or_else(|| panic!("there is no {:?} {name}", T::KIND))
    }

    /// The same, if it is there.
    pub fn try_get<T: Resource>(&self, name: &str) -> Option<Arc<T>> {
        let namespace = if T::KIND.info().namespaced { "default" } else { "" };
        self.cluster.api.store.find::<T>(namespace, name).cloned()
    }

    /// All objects of a type in `default` (or cluster-scoped).
    pub fn all<T: Resource + 'static>(&self) -> Vec<Arc<T>> {
        let namespaced = T::KIND.info().namespaced;
        self.everywhere::<T>().into_iter().filter(|o| !namespaced || o.namespace_str() == "default").collect()
    }

    /// All objects of a type.
    pub fn everywhere<T: Resource + 'static>(&self) -> Vec<Arc<T>> {
        self.cluster.api.store.all::<T>().cloned().collect()
    }

    /// Changes an object as a learner's patch does.
    pub fn edit<T: Resource>(&mut self, name: &str, change: impl FnOnce(&mut T)) -> &mut Self {
        self.write(name, Part::Spec, change)
    }

    /// Changes an object's status.
    pub fn edit_status<T: Resource>(&mut self, name: &str, change: impl FnOnce(&mut T)) -> &mut Self {
        self.write(name, Part::Status, change)
    }

    fn write<T: Resource>(&mut self, name: &str, part: Part, change: impl FnOnce(&mut T)) -> &mut Self {
        let mut object = T::clone(&self.get::<T>(name));
        change(&mut object);
        self.cluster.api.update(object.into_object(), part, &learner(), false).expect("updated");
        self
    }

    /// Deletes an object.
    pub fn delete(&mut self, kind: Kind, name: &str, options: &DeleteOptions) -> &mut Self {
        let namespace = if kind.info().namespaced { "default" } else { "" };
        let key = ObjectKey::new(kind, namespace, name);
        self.cluster.api.delete(&key, options, &learner()).expect("deleted");
        self
    }

    /// Every pod that has not ended becomes ready, as if a kubelet had started it.
    pub fn pods_ready(&mut self) -> &mut Self {
        for pod in self.all::<Pod>() {
            let ready = super::support::is_ready(&pod);
            if !ready && super::support::is_active(&pod) {
                self.pod_ready(pod.name_str(), true);
            }
        }
        self
    }

    /// A pod of `default` runs, ready or not.
    pub fn pod_ready(&mut self, name: &str, ready: bool) -> &mut Self {
        let now = self.cluster.now();
        self.edit_status::<Pod>(name, |pod| {
            pod.status.phase = Some("Running".to_owned());
            pod.status.conditions = Some(vec![ready_condition(ready, now)]);
        })
    }

    /// Puts a pod on a node with an address.
    pub fn place(&mut self, name: &str, node: &str, ip: &str) -> &mut Self {
        let key = ObjectKey::new(Kind::Pod, "default", name);
        self.cluster.api.bind(&key, node, &learner()).expect("bound");
        self.edit_status::<Pod>(name, |pod| {
            pod.status.pod_ip = Some(ip.to_owned());
            pod.status.phase = Some("Running".to_owned());
        })
    }

    /// The events about objects of a kind, in the order in which they were first recorded.
    pub fn events(&self, kind: &str) -> Vec<String> {
        let mut events = self.all::<crate::object::Event>();
        events.retain(|e| e.involved_object.kind.as_deref() == Some(kind));
        events.sort_by_key(|e| {
            e.metadata.resource_version.as_deref().and_then(|v| v.parse::<u64>().ok()).unwrap_or(0)
        });
        let text = |e: &Arc<crate::object::Event>| {
            let (reason, message) = (e.reason.clone(), e.message.clone());
            format!("{}: {}", reason.unwrap_or_default(), message.unwrap_or_default())
        };
        events.iter().map(text).collect()
    }
}

fn learner() -> Origin {
    Origin { cause: Cause::Command(1), ..origin("kubernetes-admin", None) }
}

fn ready_condition(ready: bool, now: SimTime) -> PodCondition {
    PodCondition {
        type_: "Ready".to_owned(),
        status: if ready { "True" } else { "False" }.to_owned(),
        last_transition_time: Some(now.to_api()),
        ..Default::default()
    }
}
