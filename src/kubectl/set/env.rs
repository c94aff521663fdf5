//! `kubectl set env`: sets, takes away and lists the environment of containers.

use super::{ALL, containers, fits, pod_spec, submit};
use crate::apiserver::Request;
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::flags::Flag;
use crate::kubectl::resource::{Bare, Info};
use crate::kubectl::write::flags::{DRY_RUN, FIELD_MANAGER, FILES, LOCAL, OUTPUT, SELECTOR};
use crate::kubectl::write::{self, DryRun};
use base64::Engine;
use serde_json::{Value, json};

/// `kubectl set env`.
pub static COMMAND: Command = Command {
    name: "env",
    group: Group::Sub,
    summary: "Update environment variables on a pod template",
    usage: "env RESOURCE/NAME KEY_1=VAL_1 ... KEY_N=VAL_N",
    examples: &[
        ("Set a variable", "kubectl set env deployment/registry STORAGE_DIR=/local"),
        ("List the variables of all pods", "kubectl set env pods --all --list"),
        ("Take every key of a secret", "kubectl set env --from=secret/mysecret deployment/myapp"),
        ("Take a variable away", "kubectl set env deployment/registry ENV-"),
    ],
    flags: &[
        FILES,
        SELECTOR,
        ALL,
        &[
            Flag::text("containers", "*", "The containers to change; * stands for anything").short('c'),
            Flag::array("env", "A variable, as KEY=VALUE").short('e'),
            Flag::text("from", "", "A config map or secret to take variables from"),
            Flag::list("keys", "The keys to take from it"),
            Flag::text("prefix", "", "What to put before the names taken from it"),
            Flag::bool("list", "Show the variables as they are"),
            Flag::bool("resolve", "Show the values of references"),
            Flag::on("overwrite", "Let a variable that is there be replaced"),
        ],
        LOCAL,
        DRY_RUN,
        OUTPUT,
        FIELD_MANAGER,
    ],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

/// The changes of a command line.
#[derive(Debug, Default)]
struct Changes {
    set: Vec<Value>,
    remove: Vec<String>,
}

async fn run(call: Call) -> Outcome<()> {
    let (mut resources, mut words) = (Vec::new(), call.flags.list("env").to_vec());
    for arg in call.args() {
        if is_variable(arg) {
            words.push(arg.clone());
        } else if words.is_empty() {
            resources.push(arg.clone());
        } else {
            return Err(format!("all resources must be specified before environment changes: {arg}").into());
        }
    }
    let from_files = !call.flags.list("filename").is_empty() || !call.flags.text("kustomize").is_empty();
    if resources.is_empty() && !from_files {
        return Err(
            "one or more resources must be specified as <resource> <name> or <resource>/<name>".into()
        );
    }
    let dry_run = DryRun::of(&call)?;
    let mut changes = parse(&words)?;
    changes.set.extend(taken(&call).await?);
    let mut failures = Vec::new();
    for info in write::existing(&call, &resources, Bare::Refuse).await? {
        if let Err(failure) = change(&call, &info, &changes, dry_run).await {
            failures.push(failure);
        }
    }
    Failure::all(failures)
}

/// `KEY=VALUE` or `KEY-`, the key a variable's name.
fn is_variable(arg: &str) -> bool {
    let name = arg.split_once('=').map(|(name, _)| name).or_else(|| arg.strip_suffix('-'));
    name.is_some_and(|name| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '.' || c == '-')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
    })
}

fn parse(words: &[String]) -> Outcome<Changes> {
    let mut changes = Changes::default();
    for word in words {
        match word.split_once('=') {
            Some((name, value)) => changes.set.push(json!({"name": name, "value": value})),
            None => match word.strip_suffix('-') {
                Some(name) => changes.remove.push(name.to_owned()),
                None => return Err(format!("unknown environment variable: {word}").into()),
            },
        }
    }
    let names = |v: &Value| v["name"].as_str().unwrap_or("").to_owned();
    if changes.set.iter().any(|v| changes.remove.contains(&names(v))) {
        return Err("can not both modify and remove an environment variable in the same command".into());
    }
    Ok(changes)
}

/// References to the keys of what `--from` names.
async fn taken(call: &Call) -> Outcome<Vec<Value>> {
    let from = call.flags.text("from");
    if from.is_empty() {
        return Ok(Vec::new());
    }
    let args = [from.to_owned()];
    let mut variables = Vec::new();
    for source in write::existing(call, &args, Bare::Refuse).await? {
        let reference = match source.mapping.kind.as_str() {
            "ConfigMap" => "configMapKeyRef",
            "Secret" => "secretKeyRef",
            kind => return Err(format!("unsupported resource specified in --from: {kind}").into()),
        };
        for key in source.object["data"].as_object().into_iter().flatten().map(|(key, _)| key) {
            if !call.flags.list("keys").is_empty() && !call.flags.list("keys").contains(key) {
                continue;
            }
            let upper = key.to_uppercase().replace(['-', '.'], "_");
            if upper != *key {
                call.warn(&format!("key {key} transferred to {upper}"));
            }
            let name = format!("{}{upper}", call.flags.text("prefix"));
            let value_from = json!({reference: {"name": source.name, "key": key}});
            variables.push(json!({"name": name, "valueFrom": value_from}));
        }
    }
    Ok(variables)
}

async fn change(call: &Call, info: &Info, changes: &Changes, dry_run: DryRun) -> Outcome<()> {
    let pattern = call.flags.text("containers");
    let mut changed = info.object.clone();
    let spec = pod_spec(&mut changed, info).map_err(|failure| super::about(info, &failure))?;
    let is_init = |spec: &Value| -> Vec<String> {
        let list = spec["initContainers"].as_array().into_iter().flatten();
        list.filter_map(|c| c["name"].as_str().map(str::to_owned))
            .filter(|name| fits(pattern, name))
            .collect()
    };
    let init = is_init(spec).len();
    let mut chosen: Vec<&mut Value> =
        containers(spec).into_iter().filter(|c| fits(pattern, c["name"].as_str().unwrap_or(""))).collect();
    if chosen.is_empty() {
        let (kind, name) = (&info.mapping.kind, &info.name);
        call.warn(&format!("{kind}/{name} does not have any containers matching {pattern:?}"));
        return Ok(());
    }
    // The main containers come first here.
    chosen.rotate_left(init);
    for container in &mut chosen {
        edit(call, container, changes)
            .map_err(|failure| Failure::new(format!("{} {}", info.named(), failure.message())))?;
    }
    if call.flags.bool("list") {
        for container in chosen {
            list(call, info, container).await?;
        }
        return Ok(());
    }
    submit(call, info, &changed, "env updated", dry_run).await
}

fn edit(call: &Call, container: &mut Value, changes: &Changes) -> Outcome<()> {
    let mut variables = container["env"].as_array().cloned().unwrap_or_default();
    for new in &changes.set {
        match variables.iter_mut().find(|v| v["name"] == new["name"]) {
            Some(old) if !call.flags.bool("overwrite") => {
                let text = |v: &Value| v.as_str().unwrap_or("").to_owned();
                let (name, value) = (text(&new["name"]), text(&old["value"]));
                return Err(
                    format!("'{name}' already has a value ({value}), and --overwrite is false").into()
                );
            }
            Some(old) => old.clone_from(new),
            None => variables.push(new.clone()),
        }
    }
    variables.retain(|v| !changes.remove.iter().any(|name| v["name"] == name.as_str()));
    if let Some(container) = container.as_object_mut() {
        if variables.is_empty() {
            container.remove("env");
        } else {
            container.insert("env".to_owned(), Value::Array(variables));
        }
    }
    Ok(())
}

async fn list(call: &Call, info: &Info, container: &Value) -> Outcome<()> {
    let name = container["name"].as_str().unwrap_or("");
    let kind = &info.mapping.kind;
    call.line(format!("# {kind} {}, container {name}", info.name));
    for variable in container["env"].as_array().into_iter().flatten() {
        let (name, from) = (variable["name"].as_str().unwrap_or(""), &variable["valueFrom"]);
        if !from.is_object() {
            call.line(format!("{name}={}", variable["value"].as_str().unwrap_or("")));
        } else if call.flags.bool("resolve") {
            match resolved(call, info, container, from).await {
                Ok(value) => call.line(format!("{name}={value}")),
                Err(why) => {
                    call.note(format!("error retrieving reference for {name}: {why}"));
                    call.line(format!("# {name} from {}", reference(from)));
                }
            }
        } else {
            call.line(format!("# {name} from {}", reference(from)));
        }
    }
    Ok(())
}

/// `configmap web, key mode`.
fn reference(from: &Value) -> String {
    let part = |kind: &str, key: &str| from[kind][key].as_str().unwrap_or("").to_owned();
    if from["configMapKeyRef"].is_object() {
        format!("configmap {}, key {}", part("configMapKeyRef", "name"), part("configMapKeyRef", "key"))
    } else if from["secretKeyRef"].is_object() {
        format!("secret {}, key {}", part("secretKeyRef", "name"), part("secretKeyRef", "key"))
    } else if from["fieldRef"].is_object() {
        format!("field path {}", part("fieldRef", "fieldPath"))
    } else if from["resourceFieldRef"].is_object() {
        format!("resource field {}", part("resourceFieldRef", "resource"))
    } else {
        "invalid valueFrom".to_owned()
    }
}

/// The value that a reference has now, or why it has none.
async fn resolved(call: &Call, info: &Info, container: &Value, from: &Value) -> Result<String, String> {
    for (kind, plural) in [("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")] {
        let (Some(name), Some(key)) = (from[kind]["name"].as_str(), from[kind]["key"].as_str()) else {
            continue;
        };
        let path = format!("/api/v1/namespaces/{}/{plural}/{name}", info.namespace);
        let object = call.request(Request::get(path)).await.map_err(|failure| failure.message())?;
        let missing = || format!("key {key} not found in {} {name}", plural.trim_end_matches('s'));
        let value = object["data"][key].as_str().ok_or_else(missing)?;
        if plural == "configmaps" {
            return Ok(value.to_owned());
        }
        let bytes = base64::engine::general_purpose::STANDARD.decode(value).map_err(|e| e.to_string())?;
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    if let Some(path) = from["fieldRef"]["fieldPath"].as_str() {
        let metadata = &info.object["metadata"];
        return match path.strip_prefix("metadata.") {
            Some(field @ ("name" | "namespace" | "uid")) => {
                Ok(metadata[field].as_str().unwrap_or("").to_owned())
            }
            _ => Err(format!("unsupported fieldPath: {path}")),
        };
    }
    if let Some(resource) = from["resourceFieldRef"]["resource"].as_str() {
        return crate::kubectl::describe::resource_field(
            container,
            resource,
            &from["resourceFieldRef"]["divisor"],
        )
        .ok_or_else(|| format!("unsupported container resource : {resource}"));
    }
    Err("invalid valueFrom".to_owned())
}
