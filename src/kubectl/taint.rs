//! `kubectl taint`.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::label::value_rule;
use super::resource::{Bare, Info};
use super::write::flags::{ALL, DRY_RUN, FIELD_MANAGER, OUTPUT, SELECTOR, VALIDATE};
use super::write::{self, DryRun, Patch};
use serde_json::{Value, json};

/// `kubectl taint`.
pub static COMMAND: Command = Command {
    name: "taint",
    group: Group::Management,
    summary: "Update the taints on one or more nodes",
    usage: "taint NODE NAME KEY_1=VAL_1:TAINT_EFFECT_1 ... KEY_N=VAL_N:TAINT_EFFECT_N",
    examples: &[
        ("Keep ordinary pods away from a node", "kubectl taint nodes foo dedicated=special-user:NoSchedule"),
        ("Take the taint with this key and effect away", "kubectl taint nodes foo dedicated:NoSchedule-"),
        ("Take all taints with this key away", "kubectl taint nodes foo dedicated-"),
    ],
    flags: &[
        SELECTOR,
        ALL,
        &[Flag::bool("overwrite", "Let taints that are there be replaced")],
        DRY_RUN,
        OUTPUT,
        VALIDATE,
        FIELD_MANAGER,
    ],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

/// One taint of the command line; the effect of one to remove may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Taint {
    key: String,
    value: String,
    effect: String,
}

impl Taint {
    fn parse(text: &str) -> Result<Self, String> {
        let invalid = |why: &str| format!("invalid taint spec: {text}{why}");
        let parts: Vec<&str> = text.split(':').collect();
        let (pair, effect) = match parts.as_slice() {
            [key] => (*key, ""),
            [pair, effect] => (*pair, *effect),
            _ => return Err(invalid("")),
        };
        if parts.len() == 2 && !["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(&effect) {
            return Err(format!("invalid taint effect: {effect}, unsupported taint effect"));
        }
        let (key, value) =
            if parts.len() == 2 { pair.split_once('=').unwrap_or((pair, "")) } else { (pair, "") };
        if value.contains('=') {
            return Err(invalid(""));
        }
        if let Some(rule) = value_rule(value) {
            return Err(invalid(&format!(", {rule}")));
        }
        if let Some(rule) = key_rule(key) {
            return Err(invalid(&format!(", {rule}")));
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned(), effect: effect.to_owned() })
    }

    fn of(value: &Value) -> Self {
        let text = |key: &str| value[key].as_str().unwrap_or("").to_owned();
        Self { key: text("key"), value: text("value"), effect: text("effect") }
    }

    fn same_place(&self, other: &Taint) -> bool {
        self.key == other.key && self.effect == other.effect
    }
}

/// What is wrong with a qualified name.
fn key_rule(key: &str) -> Option<String> {
    let name = key.rsplit('/').next().unwrap_or("");
    let plain = !name.is_empty() && value_rule(name).is_none();
    (!plain || key.matches('/').count() > 1).then(|| {
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
         alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
         '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
            .to_owned()
    })
}

/// What the command line asks for.
#[derive(Debug, Default)]
struct Wanted {
    add: Vec<Taint>,
    remove: Vec<Taint>,
}

async fn run(call: Call) -> Outcome<()> {
    let (mut resources, mut specs) = (Vec::new(), Vec::new());
    for arg in call.args() {
        let taint = arg.contains(['=', ':']) || arg.ends_with('-');
        match (taint, specs.is_empty()) {
            (true, _) => specs.push(arg.as_str()),
            (false, true) => resources.push(arg.clone()),
            (false, false) => {
                return Err(format!("all resources must be specified before taint changes: {arg}").into());
            }
        }
    }
    if resources.is_empty() {
        return Err("one or more resources must be specified as <resource> <name>".into());
    }
    if specs.is_empty() {
        return Err("at least one taint update is required".into());
    }
    let wanted = parse(&specs).map_err(|why| call.usage(why))?;
    check(&call, &resources, &wanted)?;
    let dry_run = DryRun::of(&call)?;
    let (nodes, mut failures) = write::existing_some(&call, &resources, Bare::Refuse).await?;
    for node in nodes {
        if let Err(failure) = taint(&call, &node, &wanted, dry_run).await {
            failures.push(failure);
        }
    }
    Failure::all(failures)
}

fn parse(specs: &[&str]) -> Result<Wanted, String> {
    let mut wanted = Wanted::default();
    for spec in specs {
        if let Some(spec) = spec.strip_suffix('-') {
            let taint = Taint::parse(spec)?;
            wanted.remove.push(Taint { value: String::new(), ..taint });
            continue;
        }
        let taint = Taint::parse(spec)?;
        if taint.effect.is_empty() {
            return Err(format!("invalid taint spec: {spec}"));
        }
        if wanted.add.iter().any(|t| t.same_place(&taint)) {
            let Taint { key, value, effect } = &taint;
            return Err(format!(
                "duplicated taints with the same key and effect: {{{key} {value} {effect} <nil>}}"
            ));
        }
        wanted.add.push(taint);
    }
    Ok(wanted)
}

fn check(call: &Call, resources: &[String], wanted: &Wanted) -> Outcome<()> {
    let kind = resources[0].split('/').next().unwrap_or("").to_lowercase();
    if !["node", "nodes", "no"].contains(&kind.as_str()) {
        let why = "only node types are supported";
        return Err(format!("invalid resource type {}, {why}", resources[0]).into());
    }
    let conflicts: Vec<String> = wanted
        .remove
        .iter()
        .filter(|r| {
            wanted.add.iter().any(|a| a.key == r.key && (r.effect.is_empty() || a.effect == r.effect))
        })
        .map(|r| format!("{}={}", r.key, r.effect))
        .collect();
    if !conflicts.is_empty() {
        let why = "can not both modify and remove the following taint(s) in the same command";
        return Err(format!("{why}: {}", conflicts.join(", ")).into());
    }
    let (all, selector) = (call.flags.bool("all"), call.flags.text("selector"));
    if all && !selector.is_empty() {
        return Err("setting 'all' parameter with a non empty selector is prohibited".into());
    }
    if !all && selector.is_empty() && resources.len() < 2 && !resources[0].contains('/') {
        return Err("at least one resource name must be specified since 'all' parameter is not set".into());
    }
    Ok(())
}

async fn taint(call: &Call, node: &Info, wanted: &Wanted, dry_run: DryRun) -> Outcome<()> {
    let old = node.object["spec"]["taints"].as_array().cloned().unwrap_or_default();
    let overwrite = call.flags.bool("overwrite");
    if !overwrite {
        let there = |t: &&Taint| old.iter().any(|o| Taint::of(o).same_place(t));
        let keys: Vec<&str> = wanted.add.iter().filter(there).map(|t| t.key.as_str()).collect();
        if !keys.is_empty() {
            let keys = keys.join(",");
            let why = "taint(s) with same effect(s) and --overwrite is false";
            return Err(format!("node {} already has {keys} {why}", node.name).into());
        }
    }
    let mut new: Vec<Value> = wanted.add.iter().map(taint_value).collect();
    for taint in &old {
        if !wanted.add.iter().any(|t| t.same_place(&Taint::of(taint))) {
            new.push(taint.clone());
        }
    }
    let added = new.len() != old.len();
    let mut missing = Vec::new();
    let before = new.len();
    for gone in &wanted.remove {
        let fits = |t: &Taint| t.key == gone.key && (gone.effect.is_empty() || t.effect == gone.effect);
        let count = new.len();
        new.retain(|t| !fits(&Taint::of(t)));
        if new.len() == count {
            let colon = if gone.effect.is_empty() { "" } else { ":" };
            missing.push(Failure::new(format!("taint \"{}{colon}{}\" not found", gone.key, gone.effect)));
        }
    }
    Failure::all(missing)?;
    let operation = match (added, new.len() != before) {
        (true, true) => "modified",
        _ if overwrite => "modified",
        (true, false) => "tainted",
        _ => "untainted",
    };
    let mut object = node.object.clone();
    if dry_run == DryRun::Client {
        object["spec"]["taints"] = json!(new);
    } else {
        let taints = if new.is_empty() { Value::Null } else { json!(new) };
        let patch = json!({"spec": {"taints": taints}});
        object = write::patch(call, node, Patch::Strategic, patch, dry_run).await?;
    }
    // Of all commands this one does not say that it was a dry run.
    write::print_object(call, &object, operation, DryRun::None)
}

fn taint_value(taint: &Taint) -> Value {
    let mut value = json!({"key": taint.key, "effect": taint.effect});
    if !taint.value.is_empty() {
        value["value"] = json!(taint.value);
    }
    value
}
