//! `kubectl explain`: what fields there are and what they mean, from the server's `OpenAPI` documents.

use super::call::Call;
use super::commands::{Command, Group};
use super::errors::{Failure, Outcome};
use super::flags::{Flag, quote};
use super::mapper::Mapping;
use crate::apiserver::Request;
use serde_json::Value;
use std::fmt::Write;

/// `kubectl explain`.
pub static COMMAND: Command = Command {
    name: "explain",
    group: Group::Intermediate,
    summary: "Get documentation for a resource",
    details: "Describes the fields of a kind, or one field by its path: TYPE.FIELD.FIELD.",
    usage: "explain TYPE [--recursive=FALSE|TRUE] [--api-version=api-version-group] [-o|--output=plaintext|plaintext-openapiv2]",
    examples: &[
        ("A kind", "kubectl explain pods"),
        ("Its fields, and theirs", "kubectl explain pods --recursive"),
        ("One field", "kubectl explain pods.spec.containers.readinessProbe"),
    ],
    flags: &[&[
        Flag::text("api-version", "", "The group and version to explain"),
        Flag::text("output", "plaintext", "Output format: plaintext").short('o'),
        Flag::bool("recursive", "Every field below, by name only"),
    ]],
    run: Some(|call| Box::pin(run(call))),
    ..Command::NEW
};

/// How deep `--recursive` goes into types that contain themselves.
const DEPTH_LIMIT: usize = 24;

async fn run(call: Call) -> Outcome<()> {
    let asked = match call.args() {
        [] => {
            return Err(Failure::new(
                "You must specify the type of resource to explain. Use \"kubectl api-resources\" for a complete list of \
                 supported resources.",
            ));
        }
        [one] => one.clone(),
        _ => return Err(Failure::new("We accept only this format: explain RESOURCE")),
    };
    let (mapping, path) = resolve(&call, &asked).await?;
    let root = if mapping.group.is_empty() { "api" } else { "apis" };
    let document = call.request(Request::get(format!("/openapi/v3/{root}/{}", mapping.api_version()))).await;
    let document = document.map_err(|_| missing(&mapping))?;
    let book = Book { schemas: &document["components"]["schemas"] };
    let mut schema = book.of_kind(&mapping).ok_or_else(|| missing(&mapping))?;
    let mut out = String::new();
    if !mapping.group.is_empty() {
        let _ = writeln!(out, "GROUP:      {}", mapping.group);
    }
    let _ = writeln!(out, "KIND:       {}\nVERSION:    {}\n", mapping.kind, mapping.version);
    for field in &path {
        let Some(found) = book.fields(schema).and_then(|fields| fields.get(field)) else {
            call.print(out);
            return Err(Failure::new(format!("field {} does not exist", quote(field))));
        };
        schema = found;
    }
    if let Some(field) = path.last() {
        let _ = writeln!(out, "FIELD: {field} <{}>", book.type_name(schema));
        match enumeration(schema).as_slice() {
            [] => out.push('\n'),
            values => {
                let _ = writeln!(out, "ENUM:\n    {}", values.join("\n    "));
            }
        }
        out.push('\n');
    }
    out.push_str("DESCRIPTION:\n");
    let descriptions = book.descriptions(schema);
    for text in &descriptions {
        wrap(&mut out, text, 4);
    }
    out.push_str(if descriptions.is_empty() { "    <empty>\n" } else { "    \n" });
    if let Some(fields) = book.fields(schema) {
        out.push_str("FIELDS:\n");
        for (name, field) in fields {
            let required = book.requires(schema, name);
            if call.flags.bool("recursive") {
                book.tree(&mut out, name, field, required, 1);
            } else {
                book.field(&mut out, name, field, required);
            }
        }
    }
    out.push('\n');
    call.print(out);
    Ok(())
}

fn missing(mapping: &Mapping) -> Failure {
    let (group, version, plural) = (&mapping.group, &mapping.version, &mapping.plural);
    Failure::new(format!("couldn't find resource for \"{group}/{version}, Resource={plural}\""))
}

/// The resource and the path of a field: a resource may be written with its group.
async fn resolve(call: &Call, asked: &str) -> Outcome<(Mapping, Vec<String>)> {
    let mapper = call.mapper().await?;
    let words = |text: &str| text.split('.').filter(|w| !w.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let grouped = mapper.mappings.iter().filter(|m| !m.group.is_empty()).find_map(|m| {
        let rest = asked.strip_prefix(&m.resource())?;
        (rest.is_empty() || rest.starts_with('.')).then(|| (m.clone(), words(rest)))
    });
    if let Some(found) = grouped {
        return Ok(found);
    }
    let mut path = words(asked);
    let kind = if path.is_empty() { String::new() } else { path.remove(0) };
    let version = call.flags.text("api-version");
    if !version.is_empty() {
        let named = |m: &&Mapping| {
            m.api_version() == version && (m.plural == kind || m.singular == kind || m.short.contains(&kind))
        };
        return mapper
            .mappings
            .iter()
            .find(named)
            .map(|m| (m.clone(), path))
            .ok_or_else(|| Failure::new(format!("couldn't find resource for \"{version}, Kind={kind}\"")));
    }
    // This command says it without "error:".
    let unknown = |failure: Failure| Failure::Text(failure.plain(), 1);
    Ok((mapper.find(&kind).map_err(unknown)?.clone(), path))
}

/// The schemas of a document.
struct Book<'d> {
    schemas: &'d Value,
}

type Fields = serde_json::Map<String, Value>;

impl<'d> Book<'d> {
    fn of_kind(&self, mapping: &Mapping) -> Option<&'d Value> {
        let schemas = self.schemas.as_object()?;
        let package = mapping.group.split('.').next().filter(|p| !p.is_empty()).unwrap_or("core");
        let ends = [
            format!(".{package}.{}.{}", mapping.version, mapping.kind),
            format!(".{}.{}", mapping.version, mapping.kind),
        ];
        ends.iter().find_map(|end| schemas.iter().find(|(name, _)| name.ends_with(end)).map(|(_, s)| s))
    }

    /// What a schema refers to: its name and itself.
    fn target(&self, schema: &'d Value) -> Option<(&'d str, &'d Value)> {
        let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str())?;
        let name = reference.rsplit('/').next()?;
        Some((name, &self.schemas[name]))
    }

    /// The schema that has the fields: through references, lists and maps.
    fn element(&self, schema: &'d Value) -> &'d Value {
        let mut schema = schema;
        for _ in 0..8 {
            if let Some((_, target)) = self.target(schema) {
                schema = target;
            } else if schema["items"].is_object() {
                schema = &schema["items"];
            } else if schema["additionalProperties"].is_object() {
                schema = &schema["additionalProperties"];
            } else {
                break;
            }
        }
        schema
    }

    fn fields(&self, schema: &'d Value) -> Option<&'d Fields> {
        self.element(schema)["properties"].as_object().filter(|p| !p.is_empty())
    }

    fn requires(&self, schema: &'d Value, name: &str) -> bool {
        self.element(schema)["required"].as_array().is_some_and(|r| r.iter().any(|v| v == name))
    }

    /// The field's own words, then those of its type.
    fn descriptions(&self, schema: &'d Value) -> Vec<String> {
        let own = schema["description"].as_str();
        let of_type = self.element(schema)["description"].as_str().filter(|d| Some(*d) != own);
        own.into_iter().chain(of_type).map(str::to_owned).collect()
    }

    fn type_name(&self, schema: &'d Value) -> String {
        if let Some((name, target)) = self.target(schema) {
            let short = name.rsplit('.').next().unwrap_or(name);
            let named = matches!(short, "Quantity" | "IntOrString");
            return match target["type"].as_str() {
                Some(plain @ ("string" | "integer" | "number" | "boolean")) if !named => plain.to_owned(),
                _ => short.to_owned(),
            };
        }
        match schema["type"].as_str() {
            Some("array") => format!("[]{}", self.type_name(&schema["items"])),
            Some("object") if schema["additionalProperties"].is_object() => {
                format!("map[string]{}", self.type_name(&schema["additionalProperties"]))
            }
            Some("object") | None => "Object".to_owned(),
            Some(plain) => plain.to_owned(),
        }
    }

    fn head(&self, name: &str, field: &'d Value, required: bool, level: usize) -> String {
        let space = "  ".repeat(level);
        let mark = if required { " -required-" } else { "" };
        let mut head = format!("{space}{name}\t<{}>{mark}\n", self.type_name(field));
        let values = enumeration(field);
        if !values.is_empty() {
            let space = if level > 1 { "    " } else { "  " };
            let _ = writeln!(head, "{space}enum: {}", values.join(", "));
        }
        head
    }

    fn field(&self, out: &mut String, name: &str, field: &'d Value, required: bool) {
        out.push_str(&self.head(name, field, required, 1));
        let text = field["description"].as_str().map(str::to_owned);
        wrap(out, &text.unwrap_or_else(|| "<no description>".to_owned()), 4);
        out.push('\n');
    }

    fn tree(&self, out: &mut String, name: &str, field: &'d Value, required: bool, level: usize) {
        out.push_str(&self.head(name, field, required, level));
        if level > DEPTH_LIMIT {
            return;
        }
        // A type inside itself, as the schema of a custom resource, is not opened again.
        let inner = self.element(field);
        if inner["properties"]["not"].is_object() && level > 4 {
            return;
        }
        for (name, below) in self.fields(field).into_iter().flatten() {
            self.tree(out, name, below, self.requires(field, name), level + 1);
        }
    }
}

/// The values that a field may have: declared, or listed in its description.
fn enumeration(schema: &Value) -> Vec<String> {
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(|v| v.as_str().unwrap_or("").to_owned()).collect();
    }
    let text = schema["description"].as_str().unwrap_or("");
    let Some((_, list)) = text.split_once("Possible enum values:") else { return Vec::new() };
    let value = |line: &str| {
        let quoted = line.trim().strip_prefix("- `\"")?;
        quoted.split_once("\"`").map(|(value, _)| value.to_owned())
    };
    list.lines().filter_map(value).collect()
}

/// Writes a text in lines of at most 76 characters, so far in.
fn wrap(out: &mut String, text: &str, space: usize) {
    const WIDTH: usize = 76;
    let space = " ".repeat(space);
    for paragraph in text.trim_end().split('\n') {
        let mut line = String::new();
        for (i, word) in paragraph.split(' ').enumerate() {
            if i > 0 && !line.trim().is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
                let _ = writeln!(out, "{space}{line}");
                line.clear();
            } else if i > 0 {
                line.push(' ');
            }
            line.push_str(word);
        }
        let _ = writeln!(out, "{space}{line}");
    }
}

#[cfg(test)]
mod tests {
    use crate::kubectl::testing::lab;

    #[test]
    fn explains() {
        let lab = lab();
        let pod = lab.run("explain pod");
        let head = "KIND:       Pod\nVERSION:    v1\n\nDESCRIPTION:\n    Pod is a collection of containers";
        assert!(pod.starts_with(head), "{pod}");
        assert!(pod.contains("\n    \nFIELDS:\n  apiVersion\t<string>\n    APIVersion defines"), "{pod}");
        let field = lab.run("explain deploy.spec.template.spec.containers");
        let head = "GROUP:      apps\nKIND:       Deployment\nVERSION:    v1\n\nFIELD: containers <[]Container>\n\n\nDESCRIPTION:\n    List of";
        assert!(field.starts_with(head), "{field}");
        assert!(field.contains("\n  name\t<string> -required-\n"), "{field}");
        let nope = "KIND:       Pod\nVERSION:    v1\n\n";
        assert_eq!(
            lab.run("explain pod.spec.nope"),
            format!("error: field \"nope\" does not exist\n{nope}[exit 1]\n")
        );
        assert_eq!(
            lab.run("explain wibble"),
            "the server doesn't have a resource type \"wibble\"\n[exit 1]\n"
        );
        assert!(lab.run("explain crd --recursive").len() > 1000);
    }
}
