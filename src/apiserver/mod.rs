//! kube-apiserver: the one way in. Every write, typed or JSON, is decoded, defaulted, admitted, validated and
//! committed here.
//!
//! Always holds: what the store has is valid, has a uid and a resourceVersion, and its change has an author and
//! a cause. JSON exists only in [`ApiServer::handle`] and below it; components use the typed calls.

pub mod addresses;
pub mod admission;
pub mod aggregation;
pub mod allocate;
pub mod apply;
pub mod authentication;
pub mod authorization;
pub mod cel;
pub mod certificates;
pub mod convert;
pub mod crd;
pub mod decode;
pub mod defaults;
pub mod discovery;
pub mod error;
pub mod flow_control;
pub mod health;
pub mod http;
pub mod openapi;
pub mod patch;
pub mod route;
pub mod schema;
pub mod store;
pub mod strategy;
pub mod strict;
pub mod tables;
pub mod validation;
pub mod warnings;

pub use authentication::Credentials;
pub use error::{ApiError, FieldError};
pub use http::{Accept, Body, Impersonation, Method, Request, Response, StreamId, User};
pub use route::{Events, WatchEvent};
pub use store::{Cause, Change, Origin, Store};

use crate::object::{
    Kind, Object, ObjectKey, Pod, Resource, SimTime, hash::Stream, meta::MetaExt, pod::PodSpec,
};
use imbl::OrdMap;
use std::sync::Arc;

/// The part of an object that a write may change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Everything but `status`.
    Spec,
    /// `status` alone.
    Status,
}

/// How to delete.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteOptions {
    /// Seconds that a pod may take to end; `None` for its own `terminationGracePeriodSeconds`.
    pub grace_seconds: Option<i64>,
    /// What becomes of the dependents.
    pub propagation: Propagation,
    /// Refuse when the object's uid is another.
    pub uid: Option<String>,
    /// Answer, and change nothing.
    pub dry_run: bool,
}

/// How often a name is generated before the request fails.
const GENERATE_ATTEMPTS: usize = 8;

/// What becomes of what an object owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// The garbage collector removes dependents afterwards.
    #[default]
    Background,
    /// Dependents go first (`foregroundDeletion`).
    Foreground,
    /// Dependents stay, without this owner (`orphan`).
    Orphan,
}

/// The API server: the store, and what it takes to write to it.
#[derive(Clone, Debug)]
pub struct ApiServer {
    /// The objects. Readers use it directly; only the calls of this type write.
    pub store: Store,
    /// The virtual time, set by the cluster before anything runs.
    pub now: SimTime,
    names: Stream,
    seed: u64,
    static_tokens: OrdMap<Arc<str>, Arc<User>>,
    /// What admission has to say to the client of the request that is served.
    pub(crate) told: Vec<String>,
    siblings: OrdMap<Arc<str>, Arc<k8s_openapi::api::core::v1::PodSpec>>,
    definitions: crd::Definitions,
    pub(crate) allocators: allocate::Allocators,
}

impl ApiServer {
    /// An empty server at `now`; names and uids come from `seed`.
    pub fn new(seed: u64, now: SimTime) -> Self {
        Self {
            store: Store::default(),
            now,
            names: Stream::new(seed, "apiserver", "names"),
            seed,
            static_tokens: OrdMap::new(),
            told: Vec::new(),
            siblings: OrdMap::new(),
            definitions: crd::Definitions::default(),
            allocators: allocate::Allocators::new(seed),
        }
    }

    /// Creates an object: defaults, admission, validation, then its place in the store.
    ///
    /// # Errors
    /// `AlreadyExists`, `Invalid`, `Forbidden` or `NotFound` (its namespace), with the real texts.
    pub fn create(&mut self, object: Object, origin: &Origin, dry_run: bool) -> Result<Object, ApiError> {
        let mut object = object;
        let kind = object.kind();
        self.check_not_going(kind)?;
        self.prepare_meta(&mut object);
        self.avoid_taken_name(&mut object);
        self.merge_owners(&mut object);
        strategy::prepare_create(&mut object);
        certificates::prepare_create(&mut object, origin);
        defaults::apply(&mut object);
        if self.store.get(&object.key()).is_some() {
            return Err(ApiError::already_exists(kind, object.name_str()));
        }
        if let Some(user) = &origin.user {
            authorization::escalation::check(self, user, &object, None)?;
        }
        admission::admit_create(self, &mut object, origin)?;
        let mut errors = validation::create(&object);
        errors.extend(validation::asked(&object, None, origin.asked));
        errors.extend(self.check_defined(&object, None, origin.asked));
        if !errors.is_empty() {
            return Err(ApiError::invalid(kind, object.name_str(), errors));
        }
        admission::judge_create(self, &object, origin)?;
        self.told.extend(warnings::finalizers(&object, None));
        let allocators = self.allocators.clone();
        allocate::on_create(self, &mut object)?;
        if dry_run {
            self.allocators = allocators;
            return Ok(object);
        }
        self.share_spec(&mut object);
        let key = object.key();
        self.record_addresses(None, Some(&object));
        let stored = self.store.commit(key.clone(), Some(object), origin, self.now);
        self.accept_definition(&key, origin);
        self.accept_api_service(&key);
        stored.ok_or_else(|| ApiError::not_found(key.kind, key.name.name()))
    }

    /// Replaces an object, or its status. With a `resourceVersion` in it, it must be the newest.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `Invalid`.
    pub fn update(
        &mut self,
        object: Object,
        part: Part,
        origin: &Origin,
        dry_run: bool,
    ) -> Result<Object, ApiError> {
        let mut object = object;
        let (kind, key) = (object.kind(), object.key());
        let Some(old) = self.store.get(&key).cloned() else {
            return Err(ApiError::not_found(kind, key.name.name()));
        };
        let version = object.meta().resource_version.as_deref().unwrap_or("");
        if !version.is_empty() && Some(version) != old.meta().resource_version.as_deref() {
            return Err(ApiError::stale(kind, key.name.name()));
        }
        if object.meta().uid.is_some() && object.meta().uid != old.meta().uid {
            let why = format!(
                "Precondition failed: UID in precondition: {}, UID in object meta: {}",
                object.uid_str(),
                old.uid_str()
            );
            return Err(ApiError::conflict(kind, key.name.name(), &why));
        }
        route::keep_other_part(&mut object, &old, part);
        keep_server_fields(&mut object, &old);
        self.merge_owners(&mut object);
        if part == Part::Spec {
            strategy::prepare_update(&mut object, &old, part);
            defaults::apply(&mut object);
            if let Some(user) = &origin.user {
                authorization::escalation::check(self, user, &object, Some(&old))?;
            }
            admission::admit_update(self, &mut object, &old, origin)?;
        }
        let mut errors = validation::update(&object, &old, part);
        errors.extend(validation::asked(&object, Some(&old), origin.asked));
        errors.extend(self.check_defined(&object, Some(&old), origin.asked));
        if !errors.is_empty() {
            return Err(ApiError::invalid(kind, key.name.name(), errors));
        }
        if part == Part::Spec {
            admission::judge_update(self, &object, &old, origin)?;
        }
        self.told.extend(warnings::finalizers(&object, Some(&old)));
        let allocators = self.allocators.clone();
        if part == Part::Spec {
            allocate::on_update(self, &mut object, &old)?;
            if object.meta().generation.is_some() && strategy::counts(&object, &old) {
                let meta = object.meta_mut();
                meta.generation = Some(meta.generation.unwrap_or(0) + 1);
            }
        }
        if object == old || dry_run {
            self.allocators = allocators;
            return Ok(object);
        }
        self.share_spec(&mut object);
        if object.is_terminating() && !store::held_back(&object) && !namespace_has_finalizers(&object) {
            allocate::release(self, &object);
            self.remove_stored(&key, origin);
            return Ok(object);
        }
        self.record_addresses(Some(&old), Some(&object));
        let stored = self.store.commit(key.clone(), Some(object), origin, self.now);
        if origin.user.is_none() {
            self.record_component(&old, &key, part);
        }
        self.accept_definition(&key, origin);
        self.accept_api_service(&key);
        stored.ok_or_else(|| ApiError::not_found(key.kind, key.name.name()))
    }

    /// Takes an object out of the store.
    fn remove_stored(&mut self, key: &ObjectKey, origin: &Origin) {
        let kind = key.kind;
        let old = self.store.get(key).cloned();
        self.store.commit(key.clone(), None, origin, self.now);
        self.record_addresses(old.as_ref(), None);
        self.accept_api_service(key);
        self.object_gone(kind, origin);
    }

    /// Asks for deletion. A pod on a node, or an object with finalizers, is marked and stays for a while.
    ///
    /// # Errors
    /// `NotFound`, or `Conflict` for another uid.
    pub fn delete(
        &mut self,
        key: &ObjectKey,
        options: &DeleteOptions,
        origin: &Origin,
    ) -> Result<Object, ApiError> {
        let Some(old) = self.store.get(key).cloned() else {
            return Err(ApiError::not_found(key.kind, key.name.name()));
        };
        if let Some(uid) = options.uid.as_deref().filter(|uid| *uid != old.uid_str()) {
            let is = old.uid_str();
            let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {is}");
            return Err(ApiError::conflict(key.kind, key.name.name(), &why));
        }
        admission::admit_delete(self, &old, origin)?;
        let mut object = old.clone();
        let now = self.now;
        let grace = graceful_seconds(&object, options);
        let meta = object.meta_mut();
        let finalizer = match options.propagation {
            Propagation::Foreground => Some("foregroundDeletion"),
            Propagation::Orphan => Some("orphan"),
            Propagation::Background => None,
        };
        if let Some(finalizer) = finalizer {
            let finalizers = meta.finalizers.get_or_insert_default();
            if !finalizers.iter().any(|f| f == finalizer) {
                finalizers.push(finalizer.to_owned());
            }
        }
        let earlier = meta.deletion_grace_period_seconds;
        if meta.deletion_timestamp.is_none() || earlier.is_none_or(|e| grace < e) {
            meta.deletion_timestamp = Some(now.plus_seconds(grace as u64).to_api());
            meta.deletion_grace_period_seconds = Some(grace);
            if let Some(generation) = meta.generation {
                meta.generation = Some(generation + 1);
            }
        }
        if options.dry_run {
            return Ok(object);
        }
        self.mark_definition(&mut object);
        if store::held_back(&object) || namespace_has_finalizers(&object) {
            mark_namespace_terminating(&mut object);
            if object != old {
                self.store.commit(key.clone(), Some(object), origin, now);
            }
            let stored = self.stored(key);
            if key.kind == Kind::CustomResourceDefinition {
                self.clean_up_definition(key.name.name(), origin);
            }
            return stored;
        }
        allocate::release(self, &object);
        self.remove_stored(key, origin);
        Ok(object)
    }

    /// Binds a pod to a node, as the scheduler does through the `binding` subresource.
    ///
    /// # Errors
    /// `NotFound`, or `Conflict` when it is bound already.
    pub fn bind(&mut self, pod: &ObjectKey, node: &str, origin: &Origin) -> Result<(), ApiError> {
        let Some(object) = self.store.get(pod).and_then(Object::cast::<Pod>) else {
            return Err(ApiError::not_found(Kind::Pod, pod.name.name()));
        };
        if object.spec.node_name.is_some() {
            let why = format!("pod {} is already assigned to node \"{node}\"", pod.name.name());
            return Err(ApiError::conflict(Kind::Pod, pod.name.name(), &why));
        }
        let mut object = Pod::clone(object);
        object.spec.node_name = Some(Arc::from(node));
        object.status.nominated_node_name = None;
        let scheduled = k8s_openapi::api::core::v1::PodCondition {
            type_: "PodScheduled".to_owned(),
            status: "True".to_owned(),
            last_transition_time: Some(self.now.to_api()),
            observed_generation: object.metadata.generation,
            ..Default::default()
        };
        let conditions = object.status.conditions.get_or_insert_default();
        conditions.retain(|c| c.type_ != "PodScheduled");
        conditions.push(scheduled);
        self.store.commit(pod.clone(), Some(object.into_object()), origin, self.now);
        Ok(())
    }

    fn stored(&self, key: &ObjectKey) -> Result<Object, ApiError> {
        self.store.get(key).cloned().ok_or_else(|| ApiError::not_found(key.kind, key.name.name()))
    }

    /// What random streams begin from.
    fn seed(&self) -> u64 {
        self.seed
    }

    /// Uid, times and generation of an object that the server makes of itself.
    fn stamp(&self, object: &mut Object, uid: String) {
        let (now, counted) = (self.now.to_api(), strategy::has_generation(object.kind()));
        let meta = object.meta_mut();
        meta.uid = Some(uid);
        meta.creation_timestamp = Some(now.clone());
        meta.generation = counted.then_some(1);
        let Object::Dynamic(inner) = object else { return };
        let status = Arc::make_mut(inner).content.get_mut("status");
        let conditions = status.and_then(|s| s.get_mut("conditions")).and_then(|c| c.as_array_mut());
        for condition in conditions.into_iter().flatten() {
            condition["lastTransitionTime"] = serde_json::json!(now);
        }
    }

    /// Name, uid, creation time and generation of a new object.
    /// Keeps each owner once, and says so when one was there twice.
    fn merge_owners(&mut self, object: &mut Object) {
        let owners = object.meta().owner_references.as_deref().unwrap_or_default();
        let again = |at: usize| owners[..at].contains(&owners[at]);
        let mut twice: Vec<String> =
            (1..owners.len()).filter(|at| again(*at)).map(|at| owners[at].uid.clone()).collect();
        if twice.is_empty() {
            return;
        }
        twice.sort();
        twice.dedup();
        self.told.push(format!(
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}",
            twice.join(", ")
        ));
        let mut kept = Vec::new();
        for owner in object.meta_mut().owner_references.take().unwrap_or_default() {
            if !kept.contains(&owner) {
                kept.push(owner);
            }
        }
        object.meta_mut().owner_references = Some(kept);
    }

    fn prepare_meta(&mut self, object: &mut Object) {
        let namespaced = object.kind().info().namespaced;
        let generation = strategy::has_generation(object.kind());
        let uid = self.names.uuid();
        let now = self.now;
        let meta = object.meta();
        let generated = match (&meta.name, &meta.generate_name) {
            (None, Some(prefix)) => {
                let prefix: String = prefix.chars().take(58).collect();
                Some(format!("{prefix}{}", self.names.letters(5)))
            }
            _ => None,
        };
        let meta = object.meta_mut();
        if generated.is_some() {
            meta.name = generated;
        }
        if namespaced && meta.namespace.as_deref().unwrap_or("").is_empty() {
            meta.namespace = Some("default".to_owned());
        } else if !namespaced {
            meta.namespace = None;
        }
        meta.uid = Some(uid);
        meta.creation_timestamp = Some(now.to_api());
        meta.deletion_timestamp = None;
        meta.deletion_grace_period_seconds = None;
        meta.generation = generation.then_some(1);
        meta.resource_version = None;
        meta.self_link = None;
    }

    /// A generated name that is taken is generated anew, a few times.
    fn avoid_taken_name(&mut self, object: &mut Object) {
        let Some(prefix) = object.meta().generate_name.clone().filter(|p| !p.is_empty()) else { return };
        let prefix: String = prefix.chars().take(58).collect();
        let generated = |name: &str| name.strip_prefix(&prefix).is_some_and(|rest| rest.len() == 5);
        for _ in 1..GENERATE_ATTEMPTS {
            if !generated(object.name_str()) || self.store.get(&object.key()).is_none() {
                return;
            }
            object.meta_mut().name = Some(format!("{prefix}{}", self.names.letters(5)));
        }
    }

    /// Lets a pod share its spec with the last sibling of the same controller, when they are equal.
    fn share_spec(&mut self, object: &mut Object) {
        let Object::Pod(pod) = object else { return };
        let Some(owner) = pod.controller_of().map(|o| Arc::<str>::from(o.uid.as_str())) else { return };
        match self.siblings.get(&owner) {
            Some(spec) if Arc::ptr_eq(spec, &pod.spec.shared) => {}
            Some(spec) if **spec == *pod.spec.shared => {
                let shared = spec.clone();
                let PodSpec { node_name, token_volume, .. } = pod.spec.clone();
                Arc::make_mut(pod).spec = PodSpec { shared, node_name, token_volume };
            }
            _ => {
                self.siblings.insert(owner, pod.spec.shared.clone());
            }
        }
    }
}

/// Seconds of grace that a deletion gives: only a running pod has any.
fn graceful_seconds(object: &Object, options: &DeleteOptions) -> i64 {
    let Object::Pod(pod) = object else { return 0 };
    let done = matches!(pod.status.phase.as_deref(), Some("Succeeded" | "Failed"));
    if pod.spec.node_name.is_none() || done {
        return 0;
    }
    let asked = options.grace_seconds.or(pod.spec.termination_grace_period_seconds).unwrap_or(30);
    if asked < 0 { 1 } else { asked }
}

fn namespace_has_finalizers(object: &Object) -> bool {
    let Object::Namespace(namespace) = object else { return false };
    namespace.spec.as_ref().and_then(|s| s.finalizers.as_ref()).is_some_and(|f| !f.is_empty())
}

fn mark_namespace_terminating(object: &mut Object) {
    if let Object::Namespace(namespace) = object {
        Arc::make_mut(namespace).status.get_or_insert_default().phase = Some("Terminating".to_owned());
    }
}

/// What a client cannot change through an update: uid, creation and deletion times, generation.
fn keep_server_fields(object: &mut Object, old: &Object) {
    let old = old.meta();
    let meta = object.meta_mut();
    meta.uid.clone_from(&old.uid);
    meta.creation_timestamp.clone_from(&old.creation_timestamp);
    meta.deletion_timestamp.clone_from(&old.deletion_timestamp);
    meta.deletion_grace_period_seconds = old.deletion_grace_period_seconds;
    meta.generation = old.generation;
    meta.resource_version.clone_from(&old.resource_version);
    meta.generate_name.clone_from(&old.generate_name);
}
