//! `CustomResourceDefinition`s: kinds that a cluster is taught while it runs.
//!
//! Always holds: a definition that was accepted is served at once, in every version that it serves; its objects are
//! kept in the storage version and shown in the one that was asked for; the definition goes after its objects.
//! Does not: convert through webhooks.

mod accept;
mod check;
mod columns;
mod facets;
mod openapi;
mod rules;
mod serve;
mod structural;
mod validate;

#[cfg(test)]
mod tests;

pub use openapi::document;
pub use structural::items as structural_items;
pub use validate::definition as validate;

use crate::object::dynamic::Description;
use crate::object::{DynamicKind, Kind};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionVersion,
    CustomResourceSubresourceScale, JSONSchemaProps,
};
use std::sync::Arc;

/// The finalizer that keeps a definition until its objects are gone.
pub const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// One version of a defined kind.
#[derive(Clone, Debug)]
pub struct Version {
    /// The kind as this version shows it.
    pub kind: DynamicKind,
    /// The schema of its objects.
    pub schema: JSONSchemaProps,
    /// The fields that its objects can be selected by: `spec.color`.
    pub selectable: Vec<String>,
    columns: Vec<CustomResourceColumnDefinition>,
    scale: Option<CustomResourceSubresourceScale>,
    warning: Option<String>,
}

/// A defined kind, ready to be served.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The name of the `CustomResourceDefinition`.
    pub name: String,
    /// The version that objects are kept in.
    pub storage: DynamicKind,
    versions: Vec<Version>,
    terminating: bool,
}

impl Definition {
    /// Reads a valid `CustomResourceDefinition`. `None` when the process has described too many kinds.
    pub fn new(definition: &CustomResourceDefinition) -> Option<Self> {
        let stored = definition.spec.versions.iter().find(|v| v.storage)?;
        let mut versions = Vec::new();
        for version in definition.spec.versions.iter().filter(|v| v.served) {
            let kind = DynamicKind::intern(&describe(definition, version))?;
            versions.push(read_version(kind, version));
        }
        let name = definition.metadata.name.clone().unwrap_or_default();
        let terminating = definition.metadata.deletion_timestamp.is_some();
        let storage = DynamicKind::intern(&describe(definition, stored))?;
        Some(Self { name, storage, versions, terminating })
    }

    /// The version that a kind stands for.
    pub fn version(&self, kind: DynamicKind) -> Option<&Version> {
        self.versions.iter().find(|v| v.kind.info().version == kind.info().version).or(self.versions.first())
    }

    /// The versions served.
    pub fn kinds(&self) -> impl Iterator<Item = DynamicKind> {
        self.versions.iter().map(|v| v.kind)
    }
}

fn read_version(kind: DynamicKind, version: &CustomResourceDefinitionVersion) -> Version {
    let schema = version.schema.as_ref().and_then(|s| s.open_api_v3_schema.clone()).unwrap_or_default();
    let info = kind.info();
    let warning = (version.deprecated == Some(true)).then(|| {
        let default = format!("{} {} is deprecated", info.api_version(), info.kind);
        version.deprecation_warning.clone().unwrap_or(default)
    });
    Version {
        kind,
        schema,
        selectable: version
            .selectable_fields
            .iter()
            .flatten()
            .map(|field| field.json_path.trim_start_matches('.').to_owned())
            .collect(),
        columns: version.additional_printer_columns.clone().unwrap_or_default(),
        scale: version.subresources.as_ref().and_then(|s| s.scale.clone()),
        warning,
    }
}

fn describe(definition: &CustomResourceDefinition, version: &CustomResourceDefinitionVersion) -> Description {
    let spec = &definition.spec;
    let lower = spec.names.kind.to_lowercase();
    let subresources = version.subresources.as_ref();
    let mut served = Vec::new();
    if subresources.is_some_and(|s| s.status.is_some()) {
        served.push("status".to_owned());
    }
    if subresources.is_some_and(|s| s.scale.is_some()) {
        served.push("scale".to_owned());
    }
    Description {
        kind: spec.names.kind.clone(),
        group: spec.group.clone(),
        version: version.name.clone(),
        plural: spec.names.plural.clone(),
        singular: spec.names.singular.clone().filter(|s| !s.is_empty()).unwrap_or(lower),
        short: spec.names.short_names.clone().unwrap_or_default(),
        namespaced: spec.scope == "Namespaced",
        categories: spec.names.categories.clone().unwrap_or_default(),
        subresources: served,
    }
}

/// The definitions of a cluster, by the kind that each defines.
#[derive(Clone, Debug, Default)]
pub struct Definitions(imbl::OrdMap<DynamicKind, Arc<Definition>>);

impl Definitions {
    /// The definition of a kind. `None` for built-in kinds.
    pub fn get(&self, kind: Kind) -> Option<&Arc<Definition>> {
        if let Kind::Dynamic(kind) = kind { self.0.get(&kind) } else { None }
    }

    /// Every definition.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.0.values()
    }

    fn named(&self, name: &str) -> Option<&Arc<Definition>> {
        self.0.values().find(|d| d.name == name)
    }

    fn put(&mut self, definition: Definition) {
        self.0.insert(definition.storage, Arc::new(definition));
    }

    fn remove(&mut self, kind: DynamicKind) {
        self.0.remove(&kind);
    }
}
