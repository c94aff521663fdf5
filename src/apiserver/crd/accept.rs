//! The life of a definition: its names are accepted, it is established, and it goes after its objects.

use super::{CLEANUP, Definition};
use crate::apiserver::{ApiError, ApiServer, DeleteOptions, Origin};
use crate::object::{DynamicKind, Kind, Object, ObjectKey, Resource, SimTime, meta::MetaExt};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionCondition, CustomResourceDefinitionNames,
};

impl ApiServer {
    /// Serves what a stored definition defines, and says so in its status.
    pub(in crate::apiserver) fn accept_definition(&mut self, key: &ObjectKey, origin: &Origin) {
        if key.kind != Kind::CustomResourceDefinition {
            return;
        }
        let Some(Object::CustomResourceDefinition(stored)) = self.store.get(key) else { return };
        let mut definition = CustomResourceDefinition::clone(stored);
        let taken = self.taken_names(&definition);
        set_status(&mut definition, taken, self.now);
        if definition.status != stored.status {
            let object = definition.clone().into_object();
            self.store.commit(key.clone(), Some(object), origin, self.now);
        }
        if taken_name(&definition).is_some() {
            return;
        }
        if let Some(compiled) = Definition::new(&definition) {
            self.store.kinds_mut().forget(compiled.storage);
            for kind in compiled.kinds() {
                self.store.kinds_mut().define(kind);
            }
            let group = compiled.storage.info().group;
            self.definitions.put(compiled);
            self.sync_api_services(group);
        }
    }

    /// The first name of a definition that another kind of its group has.
    fn taken_names(&self, definition: &CustomResourceDefinition) -> Option<(&'static str, String)> {
        let spec = &definition.spec;
        let others: Vec<Kind> = self
            .store
            .kinds()
            .each()
            .filter(|k| k.info().group == spec.group && k.info().plural != spec.names.plural)
            .collect();
        let is_taken = |name: &str| {
            others.iter().any(|k| {
                let info = k.info();
                info.plural == name || info.singular == name || info.short.contains(&name)
            })
        };
        let singular = spec.names.singular.as_deref().unwrap_or("");
        let names = [("PluralConflict", spec.names.plural.as_str()), ("SingularConflict", singular)];
        let short = spec.names.short_names.iter().flatten().map(|s| ("ShortNamesConflict", s.as_str()));
        let found = names.into_iter().chain(short).find(|(_, name)| !name.is_empty() && is_taken(name));
        let kind = others.iter().any(|k| k.info().kind == spec.names.kind);
        found
            .map(|(reason, name)| (reason, name.to_owned()))
            .or_else(|| kind.then(|| ("KindConflict", spec.names.kind.clone())))
    }

    /// Marks a definition that is to go: it stays until its objects are gone.
    pub(in crate::apiserver) fn mark_definition(&self, object: &mut Object) {
        let Object::CustomResourceDefinition(definition) = object else { return };
        let now = self.now;
        let definition = std::sync::Arc::make_mut(definition);
        let finalizers = definition.metadata.finalizers.get_or_insert_default();
        if !finalizers.iter().any(|f| f == CLEANUP) {
            finalizers.push(CLEANUP.to_owned());
        }
        let why = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
        put_condition(definition, "Terminating", "True", ("InstanceDeletionPending", why), now);
    }

    /// Deletes the objects of a definition that is to go; with the last of them it goes itself.
    pub(in crate::apiserver) fn clean_up_definition(&mut self, name: &str, origin: &Origin) {
        let Some(definition) = self.definitions.named(name).cloned() else {
            self.finish_definition(name, origin);
            return;
        };
        self.definitions.put(Definition { terminating: true, ..(*definition).clone() });
        let kind = Kind::Dynamic(definition.storage);
        let keys: Vec<ObjectKey> = self.store.list(kind).map(Object::key).collect();
        for key in keys {
            // What is gone meanwhile, as a dependent of another, is no trouble.
            self.delete(&key, &DeleteOptions::default(), origin).ok();
        }
        if self.store.count(kind) == 0 {
            self.finish_definition(name, origin);
        }
    }

    /// Lets a definition go when its last object has gone.
    pub(in crate::apiserver) fn object_gone(&mut self, kind: Kind, origin: &Origin) {
        let Some(definition) = self.definitions.get(kind).filter(|d| d.terminating).cloned() else { return };
        if self.store.count(kind) == 0 {
            self.finish_definition(&definition.name, origin);
        }
    }

    fn finish_definition(&mut self, name: &str, origin: &Origin) {
        let key = ObjectKey::new(Kind::CustomResourceDefinition, "", name);
        let Some(mut object) = self.store.get(&key).cloned() else { return };
        if !object.is_terminating() {
            return;
        }
        let storage = self.definitions.named(name).map(|d| d.storage);
        let finalizers = object.meta_mut().finalizers.get_or_insert_default();
        finalizers.retain(|f| f != CLEANUP);
        let done = finalizers.is_empty();
        if done {
            object.meta_mut().finalizers = None;
        }
        self.store.commit(key, (!done).then_some(object), origin, self.now);
        if let Some(kind) = storage.filter(|_| done) {
            self.forget_definition(kind);
        }
    }

    /// Serves a kind no longer.
    pub(in crate::apiserver) fn forget_definition(&mut self, kind: DynamicKind) {
        self.store.kinds_mut().forget(kind);
        self.definitions.remove(kind);
        self.sync_api_services(kind.info().group);
    }

    /// Refuses a new object of a kind whose definition is to go.
    pub(in crate::apiserver) fn check_not_going(&self, kind: Kind) -> Result<(), ApiError> {
        match self.definitions.get(kind) {
            Some(definition) if definition.terminating => {
                let why = "create not allowed while custom resource definition is terminating";
                Err(ApiError::new(405, "MethodNotAllowed", why))
            }
            _ => Ok(()),
        }
    }
}

fn taken_name(definition: &CustomResourceDefinition) -> Option<&str> {
    let conditions = definition.status.as_ref()?.conditions.as_ref()?;
    let names = conditions.iter().find(|c| c.type_ == "NamesAccepted" && c.status == "False")?;
    names.message.as_deref()
}

fn set_status(
    definition: &mut CustomResourceDefinition,
    taken: Option<(&'static str, String)>,
    now: SimTime,
) {
    let spec = &definition.spec;
    let stored = spec.versions.iter().find(|v| v.storage).map(|v| v.name.clone());
    let names = spec.names.clone();
    let status = definition.status.get_or_insert_default();
    let versions = status.stored_versions.get_or_insert_default();
    if let Some(version) = stored.filter(|v| !versions.contains(v)) {
        versions.push(version);
    }
    match taken {
        None => {
            status.accepted_names = Some(names);
            put_condition(definition, "NamesAccepted", "True", ("NoConflicts", "no conflicts found"), now);
            let why = ("InitialNamesAccepted", "the initial names have been accepted");
            put_condition(definition, "Established", "True", why, now);
        }
        Some((reason, name)) => {
            status.accepted_names.get_or_insert_with(CustomResourceDefinitionNames::default);
            let why = format!("\"{name}\" is already in use");
            put_condition(definition, "NamesAccepted", "False", (reason, &why), now);
            let why = ("NotAccepted", "not all names are accepted");
            put_condition(definition, "Established", "False", why, now);
        }
    }
}

fn put_condition(
    definition: &mut CustomResourceDefinition,
    type_: &str,
    status: &str,
    (reason, message): (&str, &str),
    now: SimTime,
) {
    let conditions = definition.status.get_or_insert_default().conditions.get_or_insert_default();
    let condition = CustomResourceDefinitionCondition {
        last_transition_time: Some(now.to_api()),
        message: Some(message.to_owned()),
        reason: Some(reason.to_owned()),
        status: status.to_owned(),
        type_: type_.to_owned(),
        ..Default::default()
    };
    match conditions.iter_mut().find(|c| c.type_ == type_) {
        Some(same) if same.status == status => {
            same.reason = condition.reason;
            same.message = condition.message;
        }
        Some(other) => *other = condition,
        None => conditions.push(condition),
    }
}
