//! `kubectl apply --prune`: deletes what was applied once and is in no manifest any more.
//!
//! Always holds: only objects that remember that they were applied are deleted, in the namespaces of the manifests, of
//! the kinds that are pruned by default or that `--prune-allowlist` names.

use super::Info;
use crate::kubectl::call::Call;
use crate::kubectl::delete::{self, Grace};
use crate::kubectl::errors::Outcome;
use crate::kubectl::mapper::Mapping;
use crate::kubectl::output;
use crate::kubectl::resource::{self, Target};
use crate::kubectl::write::{self, DryRun, LAST_APPLIED};
use std::collections::BTreeSet;

/// The kinds that are pruned when none are named.
const KINDS: &[(&str, &str)] = &[
    ("v1", "ConfigMap"),
    ("v1", "Endpoints"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Pod"),
    ("v1", "ReplicationController"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("networking.k8s.io/v1", "Ingress"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "StatefulSet"),
    ("v1", "Namespace"),
    ("v1", "PersistentVolume"),
];

/// Prunes after `applied` was applied.
pub(super) async fn run(call: &Call, applied: &[Info], dry_run: DryRun) -> Outcome<()> {
    let namespaces: BTreeSet<&str> =
        applied.iter().filter(|i| i.mapping.namespaced).map(|i| i.namespace.as_str()).collect();
    let kinds = kinds(call).await?;
    for namespace in namespaces {
        for mapping in kinds.iter().filter(|m| m.namespaced) {
            prune(call, mapping, Some(namespace), applied, dry_run).await?;
        }
    }
    for mapping in kinds.iter().filter(|m| !m.namespaced) {
        prune(call, mapping, None, applied, dry_run).await?;
    }
    Ok(())
}

async fn kinds(call: &Call) -> Outcome<Vec<Mapping>> {
    let mapper = call.mapper().await?;
    let named = call.flags.list("prune-allowlist");
    if named.is_empty() {
        let known = KINDS.iter().filter_map(|(version, kind)| mapper.of_kind(version, kind));
        return Ok(known.cloned().collect());
    }
    let mut found = Vec::new();
    for name in named {
        let parts: Vec<&str> = name.split('/').collect();
        let [group, version, kind] = parts.as_slice() else {
            let why = "invalid GroupVersionKind format: ";
            return Err(format!("{why}{name}, please follow <group/version/kind>").into());
        };
        let version = if *group == "core" { (*version).to_owned() } else { format!("{group}/{version}") };
        let Some(mapping) = mapper.of_kind(&version, kind) else {
            return Err(format!("no matches for kind {kind:?} in version {version:?}").into());
        };
        found.push(mapping.clone());
    }
    Ok(found)
}

async fn prune(
    call: &Call,
    mapping: &Mapping,
    namespace: Option<&str>,
    applied: &[Info],
    dry_run: DryRun,
) -> Outcome<()> {
    let list = Target::List {
        mapping: mapping.clone(),
        namespace: namespace.map(str::to_owned),
        selector: call.flags.text("selector").to_owned(),
        fields: String::new(),
    };
    for info in resource::fetch_one(call, &list).await? {
        let remembers = info.object["metadata"]["annotations"][LAST_APPLIED].is_string();
        let wanted = applied.iter().any(|a| {
            a.mapping.kind == mapping.kind
                && a.mapping.group == mapping.group
                && a.namespace == info.namespace
                && a.name == info.name
        });
        if !remembers || wanted {
            continue;
        }
        if dry_run != DryRun::Client {
            delete::one(call, &info, Grace { dry_run, ..Grace::of_replace(call) }).await?;
        }
        if matches!(call.flags.text("output"), "" | "name") {
            write::print_object(call, &info.object, "pruned", dry_run)?;
        } else {
            output::print(call, &output::format(call)?, &info.object)?;
        }
    }
    Ok(())
}
