//! `kubectl config`: reads and changes the kubeconfig file.

pub mod contexts;
mod credentials;
pub mod entries;
pub mod view;

use super::call::Call;
use super::commands::{Command, Group};
use super::errors::{Failure, Outcome};
use super::kubeconfig::Kubeconfig;
use crate::yaml;
use serde_json::{Value, json};

/// `kubectl config`.
pub static COMMAND: Command = Command {
    name: "config",
    group: Group::Other,
    summary: "Modify kubeconfig files",
    usage: "config SUBCOMMAND",
    subcommands: &[
        &contexts::CURRENT,
        &entries::DELETE_CLUSTER,
        &contexts::DELETE,
        &entries::DELETE_USER,
        &entries::GET_CLUSTERS,
        &contexts::GET,
        &entries::GET_USERS,
        &contexts::RENAME,
        &entries::SET,
        &credentials::SET_CLUSTER,
        &contexts::SET,
        &credentials::SET_CREDENTIALS,
        &entries::UNSET,
        &contexts::USE,
        &view::COMMAND,
    ],
    ..Command::NEW
};

/// The kubeconfig, to change.
fn load(call: &Call) -> Outcome<Kubeconfig> {
    Ok((*call.config()?).clone())
}

/// Writes it back.
fn save(call: &Call, config: &Kubeconfig) -> Outcome<()> {
    let text = yaml::to_string(&whole(&config.document));
    call.env.host.write_file(&config.path, text.as_bytes()).map_err(Failure::new)
}

/// The document as Go writes it: with every member, and entries by their names.
fn whole(document: &Value) -> Value {
    let mut whole = document.clone();
    for (member, value) in [
        ("apiVersion", json!("v1")),
        ("kind", json!("Config")),
        ("current-context", json!("")),
        ("preferences", json!({})),
    ] {
        if whole[member].is_null() {
            whole[member] = value;
        }
    }
    for (list, inner, needed) in [
        ("clusters", "cluster", &["server"][..]),
        ("contexts", "context", &["cluster", "user"]),
        ("users", "user", &[]),
    ] {
        let mut entries = whole[list].as_array().cloned().unwrap_or_default();
        entries.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
        for entry in &mut entries {
            if entry[inner].is_null() {
                entry[inner] = json!({});
            }
            for member in needed {
                if entry[inner][*member].is_null() {
                    entry[inner][*member] = json!("");
                }
            }
        }
        whole[list] = if entries.is_empty() { Value::Null } else { Value::Array(entries) };
    }
    whole
}

/// Prints the command's help in place of what it would do.
fn helped(call: &Call, error: &str) -> Failure {
    call.env.io.print(&super::help::text(call.command, &call.path));
    if error.is_empty() { Failure::Exit(1) } else { Failure::new(error) }
}

/// The entries of `clusters`, `contexts` or `users`: each with a name, and a body under `inner`.
fn names(config: &Kubeconfig, list: &str) -> Vec<String> {
    let entries = config.document[list].as_array().map_or(&[][..], Vec::as_slice);
    let mut names: Vec<String> =
        entries.iter().filter_map(|e| e["name"].as_str().map(str::to_owned)).collect();
    names.sort();
    names
}

/// The body of an entry; made when it is not there.
fn entry<'a>(config: &'a mut Kubeconfig, list: &str, inner: &str, name: &str) -> Option<&'a mut Value> {
    if !config.document[list].is_array() {
        config.document[list] = json!([]);
    }
    let entries = config.document[list].as_array_mut()?;
    let at = entries.iter().position(|e| e["name"] == name).unwrap_or_else(|| {
        entries.push(json!({"name": name, inner: {}}));
        entries.len() - 1
    });
    Some(&mut entries[at][inner])
}

/// Takes an entry away; whether it was there.
fn take(config: &mut Kubeconfig, list: &str, name: &str) -> bool {
    let Some(entries) = config.document[list].as_array_mut() else { return false };
    let before = entries.len();
    entries.retain(|e| e["name"] != name);
    entries.len() != before
}

/// For a command that must have exactly one argument.
fn one_argument(call: &Call) -> Outcome<&str> {
    match call.args() {
        [one] => Ok(one),
        others => Err(helped(call, &format!("Unexpected args: [{}]", others.join(" ")))),
    }
}
