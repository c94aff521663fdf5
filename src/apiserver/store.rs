//! The store: objects by kind and name, a revision for every change, and the log of changes (etcd's place).
//!
//! Always holds: cloning is cheap (persistent maps); iteration is by namespace, then name; every change has a
//! revision, an author and a cause; indexes agree with the objects.
//! Does not: validate or authorise. Only `apiserver` writes here.

use super::User;
use super::apply::{Entry, FieldSet};
use crate::object::{
    DynamicKind, Kind, KindTable, Object, ObjectKey, ObjectName, OwnerReference, Pod, Resource, SimTime,
    meta::MetaExt,
};
use imbl::{OrdMap, OrdSet, Vector};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many changes the log keeps: what a watch can resume from, and what `why` can explain.
pub const LOG_LIMIT: usize = 20_000;

/// How many different sets of managed fields are remembered, so that equal ones are one.
const FIELD_SETS: usize = 4096;

/// What led to a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The cluster's own beginning.
    Bootstrap,
    /// The learner's command with this number.
    Command(u64),
    /// The change with this revision, which a controller, the scheduler or a kubelet answered.
    Revision(u64),
    /// Time passing: a probe, a process that ended, a deadline.
    Time,
}

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Change {
    /// The store's revision after it; the object's `resourceVersion`.
    pub revision: u64,
    /// When.
    pub at: SimTime,
    /// The user or component that wrote.
    pub author: Arc<str>,
    /// What led to it.
    pub cause: Cause,
    /// What changed.
    pub key: ObjectKey,
    /// Before; `None` for a creation.
    pub old: Option<Object>,
    /// After; `None` for a removal.
    pub new: Option<Object>,
}

impl Change {
    /// The object after the change, or as it last was.
    pub fn object(&self) -> Option<&Object> {
        self.new.as_ref().or(self.old.as_ref())
    }
}

/// Who writes, and why.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The user or component.
    pub author: Arc<str>,
    /// What led to it.
    pub cause: Cause,
    /// The user of a request from outside; a component inside has none.
    pub user: Option<Arc<User>>,
    /// The version of a kind that a request names, of those that have several: its rules are the ones that count.
    pub asked: Option<DynamicKind>,
}

impl Origin {
    /// A component inside the cluster.
    pub fn component(name: &str, cause: Cause) -> Self {
        Self { author: Arc::from(name), cause, user: None, asked: None }
    }

    /// A client's request.
    pub fn user(user: &User, cause: Cause) -> Self {
        Self { author: user.name.clone(), cause, user: Some(Arc::new(user.clone())), asked: None }
    }
}

type Table<Key = ObjectName> = OrdMap<Key, Object>;

/// The objects, their indexes and their history.
#[derive(Clone, Debug)]
pub struct Store {
    /// The tables of typed kinds by [`Kind::index`], and of any other kind; one table stays empty.
    tables: Vector<Table>,
    dynamic: OrdMap<DynamicKind, Table>,
    empty: Table,
    kinds: KindTable,
    managed: OrdMap<ObjectKey, Arc<[Entry]>>,
    field_sets: OrdSet<Arc<FieldSet>>,
    revision: u64,
    log: Vector<Arc<Change>>,
    /// The objects themselves: whoever asks for an owner's pods asks for all of them.
    by_owner: OrdMap<Arc<str>, Table<ObjectKey>>,
    pods_by_node: OrdMap<Arc<str>, OrdSet<ObjectName>>,
    pods_by_source: OrdMap<ObjectKey, OrdSet<ObjectName>>,
    orphans: OrdSet<ObjectKey>,
}

/// The kinds that a controller may adopt.
const ADOPTABLE: [Kind; 3] = [Kind::Pod, Kind::ReplicaSet, Kind::ControllerRevision];

impl Default for Store {
    fn default() -> Self {
        Self {
            tables: (0..Kind::TYPED).map(|_| Table::new()).collect(),
            dynamic: OrdMap::new(),
            empty: Table::new(),
            kinds: KindTable::default(),
            managed: OrdMap::new(),
            field_sets: OrdSet::new(),
            revision: 0,
            log: Vector::new(),
            by_owner: OrdMap::new(),
            pods_by_node: OrdMap::new(),
            pods_by_source: OrdMap::new(),
            orphans: OrdSet::new(),
        }
    }
}

impl Store {
    /// The revision of the newest change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The kinds that are served.
    pub fn kinds(&self) -> &KindTable {
        &self.kinds
    }

    /// Who manages the fields of an object; `None` when only components wrote it.
    pub fn managed(&self, key: &ObjectKey) -> Option<&[Entry]> {
        self.managed.get(key).map(|entries| &**entries)
    }

    /// Keeps who manages the fields of an object.
    pub(super) fn set_managed(&mut self, key: ObjectKey, entries: Vec<Entry>) {
        self.managed.insert(key, Arc::from(entries));
    }

    /// The one allocation of a set of fields: objects of one shape share it.
    pub(super) fn intern_fields(&mut self, fields: &Arc<FieldSet>) -> Arc<FieldSet> {
        if let Some(same) = self.field_sets.get(fields) {
            return same.clone();
        }
        if self.field_sets.len() >= FIELD_SETS {
            self.field_sets.clear();
        }
        self.field_sets.insert(fields.clone());
        fields.clone()
    }

    /// The kinds that are served, to define some.
    pub(super) fn kinds_mut(&mut self) -> &mut KindTable {
        &mut self.kinds
    }

    fn table(&self, kind: Kind) -> &Table {
        match kind {
            Kind::Dynamic(kind) => self.dynamic.get(&kind).unwrap_or(&self.empty),
            typed => typed.index().map_or(&self.empty, |at| &self.tables[at]),
        }
    }

    /// The object, if it is there.
    pub fn get(&self, key: &ObjectKey) -> Option<&Object> {
        self.table(key.kind).get(&key.name)
    }

    /// The name that the store itself keeps, if the object is there: holding on to it takes no memory of its own.
    pub fn own_name(&self, key: &ObjectKey) -> Option<ObjectName> {
        self.table(key.kind).get_key_value(&key.name).map(|(name, _)| name.clone())
    }

    /// The typed object, if it is there.
    pub fn fetch<T: Resource>(&self, name: &ObjectName) -> Option<&Arc<T>> {
        self.table(T::KIND).get(name).and_then(T::from_object)
    }

    /// The typed object `name` in `namespace` (empty for a cluster-scoped kind).
    pub fn find<T: Resource>(&self, namespace: &str, name: &str) -> Option<&Arc<T>> {
        self.fetch(&ObjectName::new(namespace, name))
    }

    /// All objects of a kind, by namespace and name.
    pub fn list(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        self.table(kind).values()
    }

    /// The objects of a kind in one namespace, by name.
    pub fn list_in<'a>(&'a self, kind: Kind, namespace: &'a str) -> impl Iterator<Item = &'a Object> {
        let from = ObjectName::new(namespace, "");
        self.table(kind)
            .range(from..)
            .map(|(_, o)| o)
            .take_while(move |o| o.meta().namespace.as_deref() == Some(namespace))
    }

    /// All objects of a type.
    pub fn all<T: Resource + 'static>(&self) -> impl Iterator<Item = &Arc<T>> {
        self.list(T::KIND).filter_map(T::from_object)
    }

    /// The objects of a type in one namespace.
    pub fn all_in<'a, T: Resource + 'static>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Arc<T>> {
        self.list_in(T::KIND, namespace).filter_map(T::from_object)
    }

    /// How many objects of a kind there are.
    pub fn count(&self, kind: Kind) -> usize {
        self.table(kind).len()
    }

    /// The objects that name this uid among their owners.
    pub fn owned_by<'a>(&'a self, uid: &str) -> impl Iterator<Item = &'a Object> {
        self.by_owner.get(uid).into_iter().flat_map(OrdMap::values)
    }

    /// The objects of a type that name this uid among their owners.
    pub fn owned<'a, T: Resource + 'static>(&'a self, uid: &str) -> impl Iterator<Item = &'a Arc<T>> {
        self.owned_by(uid).filter_map(T::from_object)
    }

    /// The pods, `ReplicaSet`s or revisions of a namespace that no controller owns, by name.
    pub fn orphans_in<'a>(&'a self, kind: Kind, namespace: &'a str) -> impl Iterator<Item = &'a Object> {
        let from = ObjectKey::new(kind, namespace, "");
        self.orphans
            .range(from..)
            .take_while(move |key| key.kind == kind && key.name.namespace() == namespace)
            .filter_map(|key| self.get(key))
    }

    /// The pods bound to a node.
    pub fn pods_on<'a>(&'a self, node: &str) -> impl Iterator<Item = &'a Arc<Pod>> {
        self.pods_by_node
            .get(node)
            .into_iter()
            .flat_map(|names| names.iter())
            .filter_map(|name| self.fetch(name))
    }

    /// The pods that mount this `ConfigMap` or Secret.
    pub fn pods_of_source<'a>(&'a self, source: &ObjectKey) -> impl Iterator<Item = &'a Arc<Pod>> {
        self.pods_by_source
            .get(source)
            .into_iter()
            .flat_map(|names| names.iter())
            .filter_map(|name| self.fetch(name))
    }

    /// The changes after `revision`, oldest first. `None` when the log no longer reaches back that far.
    pub fn changes_since(&self, revision: u64) -> Option<impl Iterator<Item = &Arc<Change>>> {
        let oldest = self.log.front().map_or(self.revision + 1, |c| c.revision);
        if revision + 1 < oldest && revision < self.revision {
            return None;
        }
        let skip = usize::try_from((revision + 1).saturating_sub(oldest)).unwrap_or(usize::MAX);
        // By index: an iterator would walk over all that is skipped.
        Some((skip..self.log.len()).filter_map(|at| self.log.get(at)))
    }

    /// The change that led to a revision, if it is still logged.
    pub fn change_of(&self, revision: u64) -> Option<&Arc<Change>> {
        self.changes_since(revision.checked_sub(1)?)?.next().filter(|c| c.revision == revision)
    }

    /// The objects of a kind that changed after a revision, as they were at it (`None`: not there yet). `None` when
    /// the log no longer reaches back that far.
    pub(super) fn before(&self, kind: Kind, revision: u64) -> Option<BTreeMap<ObjectName, Option<Object>>> {
        let mut found = BTreeMap::new();
        for change in self.changes_since(revision)?.filter(|c| c.key.kind == kind) {
            found.entry(change.key.name.clone()).or_insert_with(|| change.old.clone());
        }
        Some(found)
    }

    /// The whole log that is kept, oldest first.
    pub fn log(&self) -> &Vector<Arc<Change>> {
        &self.log
    }

    /// Puts the object in (or takes it out, with `None`), and logs the change. Gives the object back, with its new
    /// `resourceVersion`.
    pub(super) fn commit(
        &mut self,
        key: ObjectKey,
        mut new: Option<Object>,
        origin: &Origin,
        at: SimTime,
    ) -> Option<Object> {
        self.revision += 1;
        if let Some(object) = &mut new {
            object.meta_mut().resource_version = Some(self.revision.to_string());
        }
        let table = match key.kind {
            Kind::Dynamic(kind) => self.dynamic.entry(kind).or_default(),
            typed => &mut self.tables[typed.index().unwrap_or(0)],
        };
        let old = match &new {
            Some(object) => table.insert(key.name.clone(), object.clone()),
            None => table.remove(&key.name),
        };
        if new.is_none() {
            self.managed.remove(&key);
        }
        self.reindex(&key, old.as_ref(), new.as_ref());
        if self.log.len() >= LOG_LIMIT {
            self.log.pop_front();
        }
        let author = origin.author.clone();
        let stored = new.clone();
        let change = Change { revision: self.revision, at, author, cause: origin.cause, key, old, new };
        self.log.push_back(Arc::new(change));
        stored
    }

    fn reindex(&mut self, key: &ObjectKey, old: Option<&Object>, new: Option<&Object>) {
        if ADOPTABLE.contains(&key.kind) {
            let orphan = |o: Option<&Object>| o.is_some_and(|o| o.controller_of().is_none());
            match (orphan(old), orphan(new)) {
                (false, true) => drop(self.orphans.insert(key.clone())),
                (true, false) => drop(self.orphans.remove(key)),
                _ => {}
            }
        }
        let (before, after) = (owners_of(old), owners_of(new));
        for owner in before.iter().filter(|b| !after.iter().any(|a| a.uid == b.uid)) {
            if let Some(objects) = self.by_owner.get_mut(owner.uid.as_str()) {
                objects.remove(key);
                if objects.is_empty() {
                    self.by_owner.remove(owner.uid.as_str());
                }
            }
        }
        for (owner, object) in after.iter().zip(new.into_iter().cycle()) {
            match self.by_owner.get_mut(owner.uid.as_str()) {
                Some(objects) => drop(objects.insert(key.clone(), object.clone())),
                None => {
                    let objects = OrdMap::unit(key.clone(), object.clone());
                    self.by_owner.insert(Arc::from(owner.uid.as_str()), objects);
                }
            }
        }
        if key.kind == Kind::Pod {
            self.reindex_pod(key, old.and_then(Object::cast), new.and_then(Object::cast));
        }
    }

    fn reindex_pod(&mut self, key: &ObjectKey, old: Option<&Arc<Pod>>, new: Option<&Arc<Pod>>) {
        let node = |pod: Option<&Arc<Pod>>| pod.and_then(|p| p.spec.node_name.clone());
        let (before, after) = (node(old), node(new));
        if before != after {
            if let Some(names) = before.as_ref().and_then(|n| self.pods_by_node.get_mut(n)) {
                names.remove(&key.name);
            }
            if let Some(node) = after {
                self.pods_by_node.entry(node).or_default().insert(key.name.clone());
            }
        }
        if let (Some(old), Some(new)) = (old, new)
            && Arc::ptr_eq(&old.spec.shared, &new.spec.shared)
        {
            return;
        }
        let source = |(kind, name): (Kind, String)| ObjectKey::new(kind, key.name.namespace(), name);
        for source in old.iter().flat_map(|pod| pod.spec.sources()).map(source) {
            if let Some(names) = self.pods_by_source.get_mut(&source) {
                names.remove(&key.name);
                if names.is_empty() {
                    self.pods_by_source.remove(&source);
                }
            }
        }
        for source in new.iter().flat_map(|pod| pod.spec.sources()).map(source) {
            self.pods_by_source.entry(source).or_default().insert(key.name.clone());
        }
    }
}

fn owners_of(object: Option<&Object>) -> &[OwnerReference] {
    object.and_then(|o| o.meta().owner_references.as_deref()).unwrap_or_default()
}

/// Whether the object still waits for a finalizer or a kubelet before it can go.
pub(super) fn held_back(object: &Object) -> bool {
    !object.meta().finalizers.as_ref().is_none_or(Vec::is_empty)
        || object
            .cast::<Pod>()
            .is_some_and(|p| p.is_terminating() && p.metadata.deletion_grace_period_seconds.unwrap_or(0) > 0)
}
