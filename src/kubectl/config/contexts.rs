//! The contexts of the kubeconfig: which cluster, user and namespace go together.

use super::{entry, load, names, one_argument, save, take};
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::flags::Flag;
use serde_json::json;
use std::fmt::Write;

/// `kubectl config current-context`.
pub static CURRENT: Command = Command {
    name: "current-context",
    group: Group::Sub,
    summary: "Display the current-context",
    usage: "current-context",
    run: Some(|call| -> Running { Box::pin(async move { current(&call) }) }),
    ..Command::NEW
};

/// `kubectl config use-context`.
pub static USE: Command = Command {
    name: "use-context",
    aliases: &["use"],
    group: Group::Sub,
    summary: "Set the current-context in a kubeconfig file",
    usage: "use-context CONTEXT_NAME",
    examples: &[("Use the context for the minikube cluster", "kubectl config use-context minikube")],
    run: Some(|call| -> Running { Box::pin(async move { switch(&call) }) }),
    ..Command::NEW
};

/// `kubectl config get-contexts`.
pub static GET: Command = Command {
    name: "get-contexts",
    group: Group::Sub,
    summary: "Describe one or many contexts",
    usage: "get-contexts [(-o|--output=)name)]",
    flags: &[&[
        Flag::bool("no-headers", "Leave the headings out"),
        Flag::text("output", "", "Output format: name").short('o'),
    ]],
    run: Some(|call| -> Running { Box::pin(async move { get(&call) }) }),
    ..Command::NEW
};

/// `kubectl config set-context`.
pub static SET: Command = Command {
    name: "set-context",
    group: Group::Sub,
    summary: "Set a context entry in kubeconfig",
    usage: "set-context [NAME | --current] [--cluster=cluster_nickname] [--user=user_nickname] [--namespace=namespace]",
    examples: &[(
        "Work in another namespace from now on",
        "kubectl config set-context --current --namespace=dev",
    )],
    flags: &[&[Flag::bool("current", "Change the current context")]],
    run: Some(|call| -> Running { Box::pin(async move { set(&call) }) }),
    ..Command::NEW
};

/// `kubectl config rename-context`.
pub static RENAME: Command = Command {
    name: "rename-context",
    group: Group::Sub,
    summary: "Rename a context from the kubeconfig file",
    usage: "rename-context CONTEXT_NAME NEW_NAME",
    run: Some(|call| -> Running { Box::pin(async move { rename(&call) }) }),
    ..Command::NEW
};

/// `kubectl config delete-context`.
pub static DELETE: Command = Command {
    name: "delete-context",
    group: Group::Sub,
    summary: "Delete the specified context from the kubeconfig",
    usage: "delete-context NAME",
    run: Some(|call| -> Running { Box::pin(async move { delete(&call) }) }),
    ..Command::NEW
};

fn current(call: &Call) -> Outcome<()> {
    let config = call.config()?;
    match config.current_context() {
        "" => Err("current-context is not set".into()),
        name => {
            call.line(name);
            Ok(())
        }
    }
}

fn switch(call: &Call) -> Outcome<()> {
    let name = one_argument(call)?;
    let mut config = load(call)?;
    if config.context(name).is_none() {
        return Err(format!("no context exists with the name: {name:?}").into());
    }
    config.document["current-context"] = json!(name);
    save(call, &config)?;
    call.line(format!("Switched to context {name:?}."));
    Ok(())
}

fn get(call: &Call) -> Outcome<()> {
    let config = call.config()?;
    let known = names(&config, "contexts");
    let asked = if call.args().is_empty() { known.clone() } else { call.args().to_vec() };
    let missing: Vec<Failure> = asked
        .iter()
        .filter(|name| !known.contains(name))
        .map(|name| Failure::new(format!("context {name} not found")))
        .collect();
    let shown: Vec<&String> = asked.iter().filter(|name| known.contains(name)).collect();
    match call.flags.text("output") {
        "" => {}
        "name" => {
            for name in shown {
                call.line(name);
            }
            return Failure::all(missing);
        }
        other => {
            let why = format!("--output {other} is not available in kubectl config get-contexts");
            return Err(format!("{why}; resetting to default output format").into());
        }
    }
    let mut rows: Vec<[String; 5]> = Vec::new();
    if !call.flags.bool("no-headers") {
        rows.push(["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"].map(str::to_owned));
    }
    for name in shown {
        let Some(context) = config.context(name) else { continue };
        let text = |key: &str| context[key].as_str().unwrap_or("").to_owned();
        let mark = if config.current_context() == name { "*" } else { "" };
        rows.push([mark.to_owned(), name.clone(), text("cluster"), text("user"), text("namespace")]);
    }
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
            if column + 1 == row.len() {
                line.push_str(cell);
            } else {
                // Three spaces between columns, and a column of at least six.
                let _ = write!(line, "{cell:<width$}", width = (width + 3).max(6));
            }
        }
        call.line(line);
    }
    Failure::all(missing)
}

fn set(call: &Call) -> Outcome<()> {
    let flags = &call.flags;
    let mut config = load(call)?;
    let name = match (flags.bool("current"), call.args()) {
        (true, []) => match config.current_context() {
            "" => return Err("no current context is set".into()),
            name => name.to_owned(),
        },
        (true, _) => return Err("you cannot specify both a context name and --current".into()),
        (false, [name]) if !name.is_empty() => name.clone(),
        (false, []) => return Err("you must specify a non-empty context name or --current".into()),
        (false, others) => return Err(format!("Unexpected args: [{}]", others.join(" ")).into()),
    };
    let existed = config.context(&name).is_some();
    let changes = [("cluster", "cluster"), ("user", "user"), ("namespace", "namespace")];
    if let Some(context) = entry(&mut config, "contexts", "context", &name) {
        for (flag, key) in changes {
            if flags.changed(flag) {
                context[key] = json!(flags.text(flag));
            }
        }
    }
    if let Some(context) = entry(&mut config, "contexts", "context", &name).and_then(|c| c.as_object_mut())
        && context.get("namespace").is_some_and(|n| n == "")
    {
        context.remove("namespace");
    }
    save(call, &config)?;
    call.line(format!("Context {name:?} {}.", if existed { "modified" } else { "created" }));
    Ok(())
}

fn rename(call: &Call) -> Outcome<()> {
    let [old, new] = call.args() else {
        return Err(super::helped(call, &format!("Unexpected args: [{}]", call.args().join(" "))));
    };
    let mut config = load(call)?;
    if config.context(old).is_none() {
        return Err(format!("cannot rename the context {old:?}, it's not in {}", config.path).into());
    }
    if config.context(new).is_some() {
        let why = format!("the context {new:?} already exists in {}", config.path);
        return Err(format!("cannot rename the context {old:?}, {why}").into());
    }
    for context in config.document["contexts"].as_array_mut().into_iter().flatten() {
        if context["name"] == old.as_str() {
            context["name"] = json!(new);
        }
    }
    if config.current_context() == old {
        config.document["current-context"] = json!(new);
    }
    save(call, &config)?;
    call.line(format!("Context {old:?} renamed to {new:?}."));
    Ok(())
}

fn delete(call: &Call) -> Outcome<()> {
    let [name] = call.args() else {
        call.env.io.print(&crate::kubectl::help::text(call.command, &call.path));
        return Ok(());
    };
    let mut config = load(call)?;
    if !take(&mut config, "contexts", name) {
        return Err(format!("cannot delete context {name}, not in {}", config.path).into());
    }
    if config.current_context() == name {
        call.note("warning: this removed your active context, use \"kubectl config use-context\" to select a different one");
    }
    save(call, &config)?;
    call.line(format!("deleted context {name} from {}", config.path));
    Ok(())
}
