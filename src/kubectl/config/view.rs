//! `kubectl config view`: the kubeconfig with what is secret left out.

use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::errors::Outcome;
use crate::kubectl::flags::Flag;
use crate::kubectl::output::{self, Format};
use serde_json::{Value, json};

/// `kubectl config view`.
pub static COMMAND: Command = Command {
    name: "view",
    group: Group::Sub,
    summary: "Display merged kubeconfig settings or a specified kubeconfig file",
    usage: "view [flags]",
    examples: &[
        ("Show the settings, secrets left out", "kubectl config view"),
        ("Only those of the current context", "kubectl config view --minify"),
    ],
    flags: &[
        output::FLAGS,
        &[
            Flag::bool("flatten", "Put the content of named files into the output"),
            Flag::on("merge", "Merge the hierarchy of kubeconfig files"),
            Flag::bool("minify", "Leave out what the current context does not use"),
            Flag::bool("raw", "Show secrets too"),
        ],
    ],
    run: Some(|call| -> Running { Box::pin(async move { view(&call) }) }),
    ..Command::NEW
};

/// Members that are secret, and what is shown for them.
const SECRETS: &[(&str, &str)] = &[
    ("certificate-authority-data", "DATA+OMITTED"),
    ("client-certificate-data", "DATA+OMITTED"),
    ("client-key-data", "DATA+OMITTED"),
    ("token", "REDACTED"),
    ("password", "REDACTED"),
];

fn view(call: &Call) -> Outcome<()> {
    if !call.args().is_empty() {
        return Err(call.usage(format!("unexpected arguments: [{}]", call.args().join(" "))));
    }
    let config = call.config()?;
    let mut document = super::whole(&config.document);
    if call.flags.bool("minify") {
        let asked = call.flags.text("context");
        let name = if asked.is_empty() { config.current_context() } else { asked };
        let Some(context) = config.context(name) else {
            return Err(format!("cannot locate context {name}").into());
        };
        let keep = |list: &mut Value, name: &Value| {
            if let Some(entries) = list.as_array_mut() {
                entries.retain(|e| e["name"] == *name);
            }
        };
        keep(&mut document["contexts"], &json!(name));
        keep(&mut document["clusters"], &context["cluster"]);
        keep(&mut document["users"], &context["user"]);
    }
    if !call.flags.text("context").is_empty() {
        document["current-context"] = json!(call.flags.text("context"));
    }
    if !call.flags.bool("raw") && !call.flags.bool("flatten") {
        redact(&mut document);
    }
    let format = match output::format(call)? {
        Format::Default => Format::Yaml,
        format => format,
    };
    output::print(call, &format, &document)
}

fn redact(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match SECRETS.iter().find(|(secret, _)| secret == key) {
                    Some((_, shown)) if value.is_string() => *value = json!(shown),
                    _ => redact(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}
