//! Which set is the present template's, its revision number, and its making.

use super::super::Write;
use super::{DESIRED, HASH_LABEL, MAX, REVISION, REVISION_HISTORY, Sync, asked, progress, set_spec, sizes};
use crate::cluster::events::Note;
use crate::object::{Kind, Object, ObjectMeta, Resource, hash, meta::MetaExt, meta::owner_ref};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Annotations of a Deployment that its sets do not get.
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];
/// How long the history of revisions of one set may get, in characters.
const HISTORY_LENGTH: usize = 2000;

impl Sync<'_> {
    /// The oldest set with the present template is the new one.
    pub(super) fn tell_sets_apart(&mut self, sets: Vec<Arc<ReplicaSet>>) {
        let template = &self.spec().template;
        let same = |set: &&Arc<ReplicaSet>| {
            set_spec(set).and_then(|s| s.template.as_ref()).is_some_and(|t| same_template(t, template))
        };
        let age = |set: &&Arc<ReplicaSet>| (set.created(), set.name_str().to_owned());
        let new = sets.iter().filter(same).min_by_key(age).cloned();
        self.old = sets.into_iter().filter(|s| new.as_ref().is_none_or(|n| !Arc::ptr_eq(n, s))).collect();
        self.new = new;
    }

    /// Brings annotations of the new set and the Deployment's revision up to date, if there is a new set.
    pub(super) fn take_new_set(&mut self) {
        let Some(new) = self.new.clone() else { return };
        let mut set = ReplicaSet::clone(&new);
        let revision = self.next_revision();
        let changed = annotate(&mut set.metadata, &self.stored.metadata, revision);
        let min_ready = self.spec().min_ready_seconds;
        let spec = set.spec.get_or_insert_default();
        if changed || spec.min_ready_seconds.unwrap_or(0) != min_ready.unwrap_or(0) {
            spec.min_ready_seconds = min_ready;
            self.writes.push(Write::Update(set.clone().into_object()));
        }
        let revision = set.annotation(REVISION).unwrap_or("1").to_owned();
        self.set_revision(revision);
        if self.has_deadline() && self.condition(progress::PROGRESSING).is_none() {
            let message = format!("Found new replica set \"{}\"", set.name_str());
            self.set_condition(progress::PROGRESSING, "True", "FoundNewReplicaSet", message);
        }
        self.new = Some(Arc::new(set));
    }

    /// Makes the set of the present template.
    pub(super) fn create_new_set(&mut self) {
        let revision = self.next_revision();
        let deployment = self.stored;
        let mut set = new_set(deployment, &self.collision_free_hash());
        let all = self.old.iter().map(|s| asked(s)).sum();
        let size = sizes::new_set_size(deployment, all, 0);
        set.spec.get_or_insert_default().replicas = Some(size);
        annotate(&mut set.metadata, &deployment.metadata, revision);
        annotate_sizes(&mut set.metadata, deployment);
        let name = set.name_str().to_owned();
        let text = format!("Failed to create new replica set \"{name}\": {{error}}");
        let about = Object::Deployment(deployment.clone());
        let failed = Note::warning(&about, super::CONTROLLER.name, "ReplicaSetCreateError", text);
        let message = format!("Scaled up replica set {name} from 0 to {size}");
        let done = (size > 0).then(|| self.note("ScalingReplicaSet", message));
        self.writes.push(Write::Create { object: set.clone().into_object(), done, failed: Some(failed) });
        self.set_revision(revision.to_string());
        if self.has_deadline() {
            let message = format!("Created new replica set \"{name}\"");
            self.set_condition(progress::PROGRESSING, "True", "NewReplicaSetCreated", message);
        }
        self.new = Some(Arc::new(set));
    }

    fn set_revision(&mut self, revision: String) {
        let annotations = self.deployment.metadata.annotations.get_or_insert_default();
        annotations.insert(REVISION.to_owned(), revision);
    }

    fn next_revision(&self) -> i64 {
        self.old.iter().map(|set| revision_of(&**set)).max().unwrap_or(0) + 1
    }

    /// The template's hash; a set of another template may have taken the name.
    fn collision_free_hash(&mut self) -> String {
        loop {
            let count = self.deployment.status.as_ref().and_then(|s| s.collision_count);
            let hash = template_hash(&self.spec().template, count);
            let name = format!("{}-{hash}", self.stored.name_str());
            if self.view.store.find::<ReplicaSet>(self.stored.namespace_str(), &name).is_none() {
                return hash;
            }
            self.status().collision_count = Some(count.unwrap_or(0) + 1);
        }
    }
}

fn new_set(deployment: &Deployment, hash: &str) -> ReplicaSet {
    let spec = deployment.spec.clone().unwrap_or_default();
    let mut template = spec.template;
    template
        .metadata
        .get_or_insert_default()
        .labels
        .get_or_insert_default()
        .insert(HASH_LABEL.to_owned(), hash.to_owned());
    let mut selector = spec.selector;
    selector.match_labels.get_or_insert_default().insert(HASH_LABEL.to_owned(), hash.to_owned());
    let metadata = ObjectMeta {
        name: Some(format!("{}-{hash}", deployment.name_str())),
        namespace: deployment.metadata.namespace.clone(),
        owner_references: Some(vec![owner_ref(Kind::Deployment, &deployment.metadata)]),
        labels: template.metadata.as_ref().and_then(|m| m.labels.clone()),
        ..ObjectMeta::default()
    };
    let spec = ReplicaSetSpec {
        min_ready_seconds: spec.min_ready_seconds,
        selector,
        template: Some(template),
        ..ReplicaSetSpec::default()
    };
    ReplicaSet { metadata, spec: Some(spec), status: None }
}

/// The revision in an object's annotation; 0 without one.
pub fn revision_of(object: &impl MetaExt) -> i64 {
    object.annotation(REVISION).and_then(|r| r.parse().ok()).unwrap_or(0)
}

/// Copies the Deployment's annotations to a set and gives it its revision. Whether anything changed.
fn annotate(set: &mut ObjectMeta, deployment: &ObjectMeta, revision: i64) -> bool {
    let annotations = set.annotations.get_or_insert_default();
    let before = annotations.clone();
    for (key, value) in deployment.annotations.iter().flatten() {
        if !NOT_COPIED.contains(&key.as_str()) {
            annotations.insert(key.clone(), value.clone());
        }
    }
    let earlier = annotations.get(REVISION).cloned();
    let number = earlier.as_ref().and_then(|r| r.parse::<i64>().ok()).unwrap_or(0);
    if number < revision {
        annotations.insert(REVISION.to_owned(), revision.to_string());
        if let Some(earlier) = earlier {
            remember_revision(annotations, &earlier);
        }
    }
    *annotations != before
}

fn remember_revision(annotations: &mut BTreeMap<String, String>, revision: &str) {
    let history = annotations.get(REVISION_HISTORY).cloned().unwrap_or_default();
    let mut list: Vec<&str> = history.split(',').filter(|r| !r.is_empty()).collect();
    list.push(revision);
    while list.iter().map(|r| r.len() + 1).sum::<usize>() > HISTORY_LENGTH + 1 && list.len() > 1 {
        list.remove(0);
    }
    annotations.insert(REVISION_HISTORY.to_owned(), list.join(","));
}

/// Writes the Deployment's sizes into a set's annotations. Whether anything changed.
pub fn annotate_sizes(set: &mut ObjectMeta, deployment: &Deployment) -> bool {
    let replicas = deployment.spec.as_ref().and_then(|s| s.replicas).unwrap_or(1);
    let annotations = set.annotations.get_or_insert_default();
    let mut changed = false;
    for (key, value) in [(DESIRED, replicas), (MAX, replicas + sizes::max_surge(deployment))] {
        let value = value.to_string();
        changed |= annotations.insert(key.to_owned(), value.clone()) != Some(value);
    }
    changed
}

/// Whether two templates are equal but for the hash label.
pub fn same_template(of_set: &PodTemplateSpec, wanted: &PodTemplateSpec) -> bool {
    let labels = |t: &PodTemplateSpec| {
        let mut labels = t.metadata.as_ref().and_then(|m| m.labels.clone()).unwrap_or_default();
        labels.remove(HASH_LABEL);
        labels
    };
    let annotations =
        |t: &PodTemplateSpec| t.metadata.as_ref().and_then(|m| m.annotations.clone()).unwrap_or_default();
    of_set.spec == wanted.spec
        && labels(of_set) == labels(wanted)
        && annotations(of_set) == annotations(wanted)
}

/// The hash of a template as text for names and labels. The real one hashes Go's printed form of the template, ours its
/// JSON: as stable, though other letters.
pub fn template_hash(template: &PodTemplateSpec, collisions: Option<i32>) -> String {
    let mut bytes = serde_json::to_vec(template).unwrap_or_default();
    if let Some(count) = collisions {
        bytes.extend(count.to_le_bytes());
    }
    hash::safe_encode(&hash::fnv32a(&bytes).to_string())
}
