//! Clusters and users of the kubeconfig, and single values by their path.

use super::{load, names, one_argument, save, take};
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::flags::Flag;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A subcommand without flags of its own.
macro_rules! sub {
    ($name:ident, $word:literal, $usage:literal, $summary:literal, $run:expr) => {
        #[doc = concat!("`kubectl config ", $word, "`.")]
        pub static $name: Command = Command {
            name: $word,
            group: Group::Sub,
            summary: $summary,
            usage: $usage,
            run: Some(|call| -> Running { Box::pin(async move { $run(&call) }) }),
            ..Command::NEW
        };
    };
}

sub!(
    GET_CLUSTERS,
    "get-clusters",
    "get-clusters",
    "Display clusters defined in the kubeconfig",
    |call| list(call, "clusters")
);
sub!(GET_USERS, "get-users", "get-users", "Display users defined in the kubeconfig", |call| list(
    call, "users"
));
sub!(
    DELETE_CLUSTER,
    "delete-cluster",
    "delete-cluster NAME",
    "Delete the specified cluster from the kubeconfig",
    |call| delete(call, "clusters", "cluster")
);
sub!(
    DELETE_USER,
    "delete-user",
    "delete-user NAME",
    "Delete the specified user from the kubeconfig",
    |call| delete(call, "users", "user")
);
sub!(UNSET, "unset", "unset PROPERTY_NAME", "Unset an individual value in a kubeconfig file", unset);

fn list(call: &Call, what: &str) -> Outcome<()> {
    let config = call.config()?;
    call.line("NAME");
    for name in names(&config, what) {
        call.line(name);
    }
    Ok(())
}

fn delete(call: &Call, list: &str, what: &str) -> Outcome<()> {
    let name = one_argument(call)?;
    let mut config = load(call)?;
    if !take(&mut config, list, name) {
        return Err(format!("cannot delete {what} {name}, not in {}", config.path).into());
    }
    save(call, &config)?;
    call.line(format!("deleted {what} {name} from {}", config.path));
    Ok(())
}

/// The place that `contexts.dev.namespace` names. Entries of lists are found by their names.
fn place<'a>(document: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let (parents, last) = path.rsplit_once('.').unwrap_or(("", path));
    let mut at = document;
    let mut inner = "";
    for part in parents.split('.').filter(|p| !p.is_empty()) {
        if let "clusters" | "contexts" | "users" = part {
            inner = part.trim_end_matches('s');
            if !at[part].is_array() {
                at[part] = json!([]);
            }
            at = &mut at[part];
        } else if at.is_array() {
            let entries = at.as_array_mut()?;
            let index = entries.iter().position(|e| e["name"] == part).unwrap_or_else(|| {
                entries.push(json!({"name": part, inner: {}}));
                entries.len() - 1
            });
            at = &mut entries[index][inner];
        } else {
            if !at.is_object() {
                return None;
            }
            at = &mut at[part];
        }
    }
    (at.is_object() || at.is_null()).then(|| (at, last.to_owned()))
}

/// `kubectl config set`.
pub static SET: Command = Command {
    name: "set",
    group: Group::Sub,
    summary: "Set an individual value in a kubeconfig file",
    usage: "set PROPERTY_NAME PROPERTY_VALUE",
    examples: &[(
        "Give a cluster another address",
        "kubectl config set clusters.my-cluster.server https://1.2.3.4",
    )],
    flags: &[&[Flag::bool("set-raw-bytes", "Take the value of a binary member as it is, not as base64")]],
    run: Some(|call| -> Running { Box::pin(async move { set(&call) }) }),
    ..Command::NEW
};

/// Whether a path begins with a member that a kubeconfig has.
fn is_known(path: &str) -> bool {
    let first = path.split('.').next().unwrap_or("");
    ["clusters", "contexts", "users", "current-context", "preferences", "kind", "apiVersion"].contains(&first)
}

fn unknown(path: &str) -> Failure {
    Failure::new(format!("unable to parse {path} after [] at api.Config"))
}

fn set(call: &Call) -> Outcome<()> {
    let [path, value] = call.args() else { return Err(super::helped(call, "")) };
    if !is_known(path) {
        return Err(unknown(path));
    }
    let last = path.rsplit('.').next().unwrap_or("");
    let value = match (last, call.flags.bool("set-raw-bytes")) {
        ("insecure-skip-tls-verify" | "colors" | "disable-compression", _) => match value.parse::<bool>() {
            Ok(on) => json!(on),
            Err(_) => return Err(format!("strconv.ParseBool: parsing {value:?}: invalid syntax").into()),
        },
        (last, true) if last.ends_with("-data") => json!(STANDARD.encode(value)),
        (last, false) if last.ends_with("-data") && STANDARD.decode(value).is_err() => {
            return Err(format!("error decoding {last}: illegal base64 data at input byte 0").into());
        }
        _ => json!(value),
    };
    let mut config = load(call)?;
    match place(&mut config.document, path) {
        Some((at, key)) => at[key.as_str()] = value,
        None => return Err(unknown(path)),
    }
    save(call, &config)?;
    call.line(format!("Property {path:?} set."));
    Ok(())
}

fn unset(call: &Call) -> Outcome<()> {
    let path = one_argument(call)?;
    if !is_known(path) {
        return Err(unknown(path));
    }
    let mut config = load(call)?;
    if let Some((list, name)) = path.split_once('.').filter(|(_, name)| !name.contains('.')) {
        take(&mut config, list, name);
    } else if let Some((at, key)) = place(&mut config.document, path) {
        let taken = at.as_object_mut().and_then(|map| map.remove(&key));
        if taken.is_none() && path.contains('.') {
            return Err(format!("current map key `{path}` is invalid").into());
        }
    }
    save(call, &config)?;
    call.line(format!("Property {path:?} unset."));
    Ok(())
}
