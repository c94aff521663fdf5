//! Clusters and users of the kubeconfig, and single values by their path.

use super::{entry, load, names, one_argument, save, take};
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::errors::Outcome;
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
sub!(
    SET_CLUSTER,
    "set-cluster",
    "set-cluster NAME [--server=server]",
    "Set a cluster entry in kubeconfig",
    set_cluster
);
sub!(
    SET_CREDENTIALS,
    "set-credentials",
    "set-credentials NAME [--token=bearer_token]",
    "Set a user entry in kubeconfig",
    set_credentials
);
sub!(SET, "set", "set PROPERTY_NAME PROPERTY_VALUE", "Set an individual value in a kubeconfig file", set);
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

fn set_cluster(call: &Call) -> Outcome<()> {
    let name = one_argument(call)?;
    let mut config = load(call)?;
    let server = call.flags.text("server");
    if let Some(cluster) = entry(&mut config, "clusters", "cluster", name)
        && !server.is_empty()
    {
        cluster["server"] = json!(server);
    }
    save(call, &config)?;
    call.line(format!("Cluster {name:?} set."));
    Ok(())
}

fn set_credentials(call: &Call) -> Outcome<()> {
    let name = one_argument(call)?;
    let mut config = load(call)?;
    if let Some(user) = entry(&mut config, "users", "user", name) {
        for key in ["token", "username", "password"] {
            if call.flags.changed(key) {
                user[key] = json!(call.flags.text(key));
            }
        }
    }
    save(call, &config)?;
    call.line(format!("User {name:?} set."));
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

fn set(call: &Call) -> Outcome<()> {
    let [path, value] = call.args() else {
        return Err(format!("Unexpected args: [{}]", call.args().join(" ")).into());
    };
    let mut config = load(call)?;
    match place(&mut config.document, path) {
        Some((at, key)) => at[key.as_str()] = json!(value),
        None => return Err(format!("unable to set {path}: it is no property").into()),
    }
    save(call, &config)?;
    call.line(format!("Property {path:?} set."));
    Ok(())
}

fn unset(call: &Call) -> Outcome<()> {
    let path = one_argument(call)?;
    let mut config = load(call)?;
    let taken = place(&mut config.document, path)
        .and_then(|(at, key)| at.as_object_mut().map(|map| map.remove(&key)))
        .is_some();
    if !taken {
        return Err(format!("current map key `{path}` is invalid").into());
    }
    save(call, &config)?;
    call.line(format!("Property {path:?} unset."));
    Ok(())
}
