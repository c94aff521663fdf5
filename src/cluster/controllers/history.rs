//! Revisions of a DaemonSet's or `StatefulSet`'s template: `ControllerRevision`s, numbered and pruned.

use super::support::{self, Owner};
use super::{View, Write};
use crate::apiserver::DeleteOptions;
use crate::object::{Kind, ObjectKey, ObjectMeta, Resource, hash, meta::MetaExt, meta::owner_ref};
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The revisions of an owner, with the one of its present template.
pub struct History {
    /// All, oldest first; the present one too.
    pub all: Vec<Arc<ControllerRevision>>,
    /// The present template's.
    pub update: Arc<ControllerRevision>,
}

/// How a kind's revisions are labelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// With the template's labels and this hash label (`DaemonSet`).
    OfTemplate(&'static str),
    /// With the template's labels and this hash label, and the owner's annotations (`StatefulSet`).
    OfSet(&'static str),
}

impl Labels {
    fn hash_label(self) -> &'static str {
        match self {
            Labels::OfTemplate(label) | Labels::OfSet(label) => label,
        }
    }
}

/// Finds the revision of the owner's template among its revisions, or makes it. Renumbers an old one that is
/// returned to.
pub fn sync(
    view: &View,
    owner: &Owner,
    template: &PodTemplateSpec,
    labels: Labels,
    writes: &mut Vec<Write>,
) -> History {
    let mut all = support::claim::<ControllerRevision>(view, owner, |_| true, writes);
    all.sort_by_key(|r| (r.revision, r.created(), r.name_str().to_owned()));
    let data = data_of(template);
    let last = all.last().map_or(0, |r| r.revision);
    let equal = all.iter().rposition(|r| r.data.as_ref().is_some_and(|d| d.0 == data));
    let update = match equal {
        Some(i) if i + 1 == all.len() => all[i].clone(),
        Some(i) => {
            let mut renumbered = ControllerRevision::clone(&all.remove(i));
            renumbered.revision = last + 1;
            writes.push(Write::Update(renumbered.clone().into_object()));
            all.push(Arc::new(renumbered));
            all[all.len() - 1].clone()
        }
        None => {
            let made = Arc::new(make(view, owner, template, (data, last + 1), labels));
            let object = ControllerRevision::clone(&made).into_object();
            writes.push(Write::Create { object, done: None, failed: None });
            all.push(made.clone());
            made
        }
    };
    History { all, update }
}

/// What a revision keeps: a patch that puts the template back.
fn data_of(template: &PodTemplateSpec) -> Value {
    let mut template = serde_json::to_value(template).unwrap_or(Value::Null);
    if let Some(fields) = template.as_object_mut() {
        fields.insert("$patch".to_owned(), json!("replace"));
    }
    json!({"spec": {"template": template}})
}

fn make(
    view: &View,
    owner: &Owner,
    template: &PodTemplateSpec,
    (data, revision): (Value, i64),
    labels: Labels,
) -> ControllerRevision {
    let (name, namespace) = (owner.meta.name.clone().unwrap_or_default(), owner.meta.namespace.clone());
    let mut collisions = 0u32;
    let (name, hash) = loop {
        let mut bytes = serde_json::to_vec(&data).unwrap_or_default();
        bytes.extend(collisions.to_le_bytes());
        let hash = hash::safe_encode(&hash::fnv32a(&bytes).to_string());
        let full = format!("{name}-{hash}");
        let taken = view.store.find::<ControllerRevision>(namespace.as_deref().unwrap_or(""), &full);
        if taken.is_none() || collisions > 100 {
            break (full, hash);
        }
        collisions += 1;
    };
    let mut own: BTreeMap<String, String> =
        template.metadata.as_ref().and_then(|m| m.labels.clone()).unwrap_or_default();
    own.insert(labels.hash_label().to_owned(), hash);
    let metadata = ObjectMeta {
        name: Some(name),
        namespace,
        labels: Some(own),
        annotations: owner.meta.annotations.clone(),
        owner_references: Some(vec![owner_ref(owner.kind, owner.meta)]),
        ..ObjectMeta::default()
    };
    ControllerRevision { data: Some(RawExtension(data)), metadata, revision }
}

/// The template that a revision keeps.
pub fn template_of(revision: &ControllerRevision) -> Option<PodTemplateSpec> {
    let template = revision.data.as_ref()?.0.get("spec")?.get("template")?.clone();
    serde_json::from_value(template).ok()
}

impl History {
    /// The hash of a revision.
    pub fn hash(revision: &ControllerRevision, labels: Labels) -> String {
        revision.label(labels.hash_label()).unwrap_or("").to_owned()
    }

    /// Deletes the oldest revisions that are not `live`, beyond `limit`.
    pub fn prune(&self, live: &BTreeSet<String>, limit: i32, writes: &mut Vec<Write>) {
        let dead: Vec<_> = self.all.iter().filter(|r| !live.contains(r.name_str())).collect();
        let surplus = dead.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
        for revision in dead.into_iter().take(surplus) {
            let key = ObjectKey { kind: Kind::ControllerRevision, name: revision.object_name() };
            writes.push(Write::Delete { key, options: DeleteOptions::default(), done: None });
        }
    }
}
