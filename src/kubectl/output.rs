//! `-o`: the forms in which a command prints objects.

use super::call::Call;
use super::errors::{Failure, Outcome};
use super::flags::{Flag, quote};
use crate::yaml;
use serde_json::Value;

/// `-o` and its companions, for commands that change something and can print the result.
pub const FLAGS: &[Flag] = &[
    Flag::text(
        "output",
        "",
        "Output format: json, yaml, name, jsonpath=…, jsonpath-file=…, go-template=…, go-template-file=…",
    )
    .short('o'),
    Flag::text("template", "", "The template of -o go-template or jsonpath"),
    Flag::bool("show-managed-fields", "Keep the managedFields in JSON and YAML"),
    Flag::on("allow-missing-template-keys", "Leave out what a template names and the object lacks"),
];

/// An output form.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// None asked: the command's own sentence or table.
    Default,
    /// `wide`.
    Wide,
    /// `json`.
    Json,
    /// `yaml`.
    Yaml,
    /// `name`.
    Name,
    /// `jsonpath=…`.
    JsonPath(String),
    /// `jsonpath-as-json=…`.
    JsonPathAsJson(String),
    /// `custom-columns=…`.
    Columns(String),
    /// `go-template=…`.
    Template(String),
}

/// Every `-o` that `kubectl get` has, as its error lists them.
const GET_FORMATS: &str = "custom-columns,custom-columns-file,go-template,go-template-file,json,jsonpath,\
    jsonpath-as-json,jsonpath-file,name,template,templatefile,wide,yaml";
const FORMATS: &str = "go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,template,templatefile,yaml";

/// Reads `-o` (and `--template`).
///
/// # Errors
/// As kubectl: an unknown format, or a template that is missing.
pub fn format(call: &Call) -> Outcome<Format> {
    let asked = call.flags.text("output");
    let (name, argument) = asked.split_once('=').unwrap_or((asked, ""));
    let argument = if argument.is_empty() { call.flags.text("template") } else { argument };
    let file = |what: &str| -> Outcome<String> {
        let bytes = call.env.host.read_file(argument);
        let bytes = bytes.map_err(|why| {
            Failure::new(format!("error reading {what} {argument}, open {argument}: {why}"))
        })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let needed = |what: &str| -> Outcome<String> {
        if argument.is_empty() {
            return Err(Failure::new(
                format!("{what} format specified but no {what} given")
                    .replace("jsonpath-as-json", "template")
                    .replace("jsonpath", "template"),
            ));
        }
        Ok(argument.to_owned())
    };
    let get = call.command.name == "get";
    Ok(match name {
        "" if !call.flags.text("template").is_empty() => Format::Template(argument.to_owned()),
        "" => Format::Default,
        "wide" if get => Format::Wide,
        "json" => Format::Json,
        "yaml" => Format::Yaml,
        "name" => Format::Name,
        "jsonpath" => Format::JsonPath(needed(name)?),
        "jsonpath-as-json" => Format::JsonPathAsJson(needed(name)?),
        "jsonpath-file" => Format::JsonPath(file("--template")?),
        "custom-columns" if get && argument.is_empty() => {
            return Err(Failure::new("custom-columns format specified but no custom columns given"));
        }
        "custom-columns" if get => Format::Columns(argument.to_owned()),
        "custom-columns-file" if get => {
            let content = file("template")?;
            Format::Columns(super::get::columns::from_file(&content)?)
        }
        "go-template" | "template" => Format::Template(needed("template")?),
        "go-template-file" | "templatefile" => Format::Template(file("--template")?),
        _ => {
            let formats = if get { GET_FORMATS } else { FORMATS };
            let why = format!(
                "unable to match a printer suitable for the output format {}, allowed formats are: {formats}",
                quote(asked)
            );
            return Err(Failure::new(why));
        }
    })
}

/// Whether the managed fields are to be left out.
pub fn strip(call: &Call, value: &mut Value) {
    if call.flags.bool("show-managed-fields") {
        return;
    }
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    for item in value.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(metadata) = item.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
    }
}

/// Prints an object (or a List) in a form. [`Format::Default`] and [`Format::Wide`] print nothing: they are the
/// command's own.
///
/// # Errors
/// A template that is wrong, or does not fit the object.
pub fn print(call: &Call, format: &Format, value: &Value) -> Outcome<()> {
    call.print(render(call, format, value)?);
    Ok(())
}

/// Prints a `v1.List` that kubectl has put together: its own members stand in the order of their declaration.
///
/// # Errors
/// None at present; as [`print`].
pub fn print_list(call: &Call, list: &Value) -> Outcome<()> {
    let items = json(&list["items"]).replace('\n', "\n    ");
    call.line(format!(
        "{{\n    \"kind\": \"List\",\n    \"apiVersion\": \"v1\",\n    \"metadata\": {{}},\n    \"items\": {items}\n}}"
    ));
    Ok(())
}

/// As [`print`], to a text. Several YAML documents are separated by the caller.
///
/// # Errors
/// A template that is wrong, or does not fit the object.
pub fn render(call: &Call, format: &Format, value: &Value) -> Outcome<String> {
    let mut value = value.clone();
    match format {
        Format::Default | Format::Wide | Format::Columns(_) => Ok(String::new()),
        Format::Json => {
            strip(call, &mut value);
            let order = if super::declared::is_typed(call) { Order::Declared } else { Order::Sorted };
            Ok(format!("{}\n", json_in(order, &value)))
        }
        Format::Yaml => {
            strip(call, &mut value);
            Ok(yaml::to_string(&value))
        }
        Format::Name => Ok(names(&value)),
        Format::JsonPath(path) => {
            let missing_is_fine = call.flags.bool("allow-missing-template-keys");
            super::jsonpath::render(path, &value, missing_is_fine)
        }
        Format::JsonPathAsJson(path) => {
            let found = super::jsonpath::values(path, &value)?;
            Ok(format!("{}\n", json(&Value::Array(found))))
        }
        Format::Template(text) => super::template::render(text, &value),
    }
}

fn names(value: &Value) -> String {
    if let Some(items) = value["items"].as_array() {
        return items.iter().map(names).collect();
    }
    let text = |v: &Value| v.as_str().unwrap_or("").to_owned();
    let (version, kind) = (text(&value["apiVersion"]), text(&value["kind"]).to_lowercase());
    let (group, _) = super::mapper::split_api_version(&version);
    let kind = if group.is_empty() { kind } else { format!("{kind}.{group}") };
    let name = value["metadata"]["name"].as_str().unwrap_or("<unknown>");
    format!("{kind}/{name}\n")
}

/// JSON as Go's encoder indents it: four spaces, sorted keys, `<`, `>` and `&` escaped.
pub fn json(value: &Value) -> String {
    json_in(Order::Sorted, value)
}

/// In which order members stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By name.
    Sorted,
    /// As Go declares them.
    Declared,
}

/// As [`json`], in an order.
pub fn json_in(order: Order, value: &Value) -> String {
    let mut out = String::new();
    write_json(&mut out, value, ("", order), 0);
    out
}

fn write_json(out: &mut String, value: &Value, (parent, order): (&str, Order), depth: usize) {
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', depth * 4));
    };
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('{');
            for (i, (key, value)) in entries(parent, map, order).into_iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                line(out, depth + 1);
                out.push_str(&json_text(key));
                out.push_str(": ");
                write_json(out, value, (key, order), depth + 1);
            }
            line(out, depth);
            out.push('}');
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('[');
            for (i, value) in items.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                line(out, depth + 1);
                write_json(out, value, (parent, order), depth + 1);
            }
            line(out, depth);
            out.push(']');
        }
        Value::String(text) => out.push_str(&json_text(text)),
        other => out.push_str(&other.to_string()),
    }
}

/// JSON without spaces, in an order.
pub fn compact(order: Order, value: &Value) -> String {
    let mut out = String::new();
    write_compact(&mut out, value, "", order);
    out
}

fn write_compact(out: &mut String, value: &Value, parent: &str, order: Order) {
    match value {
        Value::Object(map) => {
            out.push('{');
            for (i, (key, value)) in entries(parent, map, order).into_iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                out.push_str(&json_text(key));
                out.push(':');
                write_compact(out, value, key, order);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, value) in items.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                write_compact(out, value, parent, order);
            }
            out.push(']');
        }
        Value::String(text) => out.push_str(&json_text(text)),
        other => out.push_str(&other.to_string()),
    }
}

fn entries<'v>(
    parent: &str,
    map: &'v serde_json::Map<String, Value>,
    order: Order,
) -> Vec<(&'v String, &'v Value)> {
    if order == Order::Declared {
        return super::declared::members(parent, map);
    }
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by(|a, b| a.0.cmp(b.0));
    entries
}

/// A JSON string as Go's encoder writes it.
pub fn json_text(text: &str) -> String {
    let escaped = Value::from(text).to_string();
    escaped
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}
