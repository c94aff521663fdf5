//! What the commands that write have in common: dry runs, sending, printing the result, and small forms of the
//! command line.

pub mod flags;
pub mod overrides;
pub mod pairs;
pub mod pods;
pub mod stream;
#[cfg(test)]
mod tests;

use super::call::Call;
use super::errors::{Failure, Outcome};
use super::flags::quote;
use super::mapper::Mapping;
use super::output::{self, Format};
use super::resource::{self, Bare, Info};
use crate::apiserver::{Method, Request};
use crate::object::quantity::Quantity;
use crate::object::selector::{Operator, Selector};
use serde_json::{Map, Value, json};

/// The annotation in which `kubectl apply` remembers a configuration.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// How far a command goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// It does what it says.
    None,
    /// It prints what it would send.
    Client,
    /// It sends, and the server stores nothing.
    Server,
}

impl DryRun {
    /// What `--dry-run` says.
    ///
    /// # Errors
    /// For a word that it does not know.
    pub fn of(call: &Call) -> Outcome<Self> {
        if !call.flags.has("dry-run") {
            return Ok(Self::None);
        }
        match call.flags.text("dry-run") {
            "none" => Ok(Self::None),
            "client" => Ok(Self::Client),
            "server" => Ok(Self::Server),
            "unchanged" => {
                call.note(
                    "W1123 09:37:28.000000       1 helpers.go:704] --dry-run is deprecated and can be replaced \
                     with --dry-run=client.",
                );
                Ok(Self::Client)
            }
            other => match parse_bool(other) {
                Some(true) => Ok(Self::Client),
                Some(false) => Ok(Self::None),
                None => {
                    let why = "Must be \"none\", \"server\", or \"client\".";
                    Err(format!("Invalid dry-run value ({other}). {why}").into())
                }
            },
        }
    }

    /// What stands behind the operation: ` (dry run)`.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Client => " (dry run)",
            Self::Server => " (server dry run)",
        }
    }

    /// The request, marked as a dry run when it is one.
    pub fn mark(self, request: Request) -> Request {
        if self == Self::Server { request.param("dryRun", "All") } else { request }
    }
}

fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// The kinds of patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch {
    /// A list of operations.
    Json,
    /// Members replace members.
    Merge,
    /// As merge, with lists by their keys.
    Strategic,
}

impl Patch {
    /// Its `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json-patch+json",
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
        }
    }
}

/// Sends a patch of an object, or of its subresource, and answers the object.
///
/// # Errors
/// The server's answer.
pub async fn patch(call: &Call, info: &Info, kind: Patch, body: Value, dry_run: DryRun) -> Outcome<Value> {
    patch_path(call, &info.path(), kind, body, dry_run).await
}

/// As [`patch`], for a path.
///
/// # Errors
/// The server's answer.
pub async fn patch_path(
    call: &Call,
    path: &str,
    kind: Patch,
    body: Value,
    dry_run: DryRun,
) -> Outcome<Value> {
    let mut request = Request::with_body(Method::Patch, path, body);
    kind.content_type().clone_into(&mut request.content_type);
    call.request(manage(call, dry_run.mark(request))).await
}

/// Creates an object in its namespace, or in the one at hand.
///
/// # Errors
/// The server's answer.
pub async fn create(call: &Call, object: &Value, dry_run: DryRun) -> Outcome<Value> {
    let text = |v: &Value| v.as_str().unwrap_or("").to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let mapper = call.mapper().await?;
    let Some(mapping) = mapper.of_kind(&version, &kind) else {
        return Err(no_such_kind(&kind, &version));
    };
    let own = text(&object["metadata"]["namespace"]);
    let namespace = match (mapping.namespaced, own.is_empty()) {
        (false, _) => String::new(),
        (true, true) => call.namespace()?,
        (true, false) => own,
    };
    create_in(call, mapping, &namespace, object, dry_run).await
}

/// Creates an object of a known resource.
///
/// # Errors
/// The server's answer.
pub async fn create_in(
    call: &Call,
    mapping: &Mapping,
    namespace: &str,
    object: &Value,
    dry_run: DryRun,
) -> Outcome<Value> {
    let path = mapping.list_path(Some(namespace));
    let request = Request::with_body(Method::Post, path, object.clone());
    call.request(manage(call, dry_run.mark(request))).await
}

/// Adds the parameters of every write: who writes, and how strictly fields are looked at.
pub fn manage(call: &Call, mut request: Request) -> Request {
    if call.flags.bool("record") && !request.path.ends_with("/scale") {
        remember_cause(call, request.body.as_mut());
    }
    let manager = match (call.flags.text("field-manager"), call.path.split(' ').nth(1)) {
        (named, Some(verb)) if named.is_empty() || named == "kubectl" => format!("kubectl-{verb}"),
        (named, _) => named.to_owned(),
    };
    let manager = if manager == "kubectl-apply" { "kubectl-client-side-apply".to_owned() } else { manager };
    let validation = match call.flags.text("validate") {
        "strict" | "true" => "Strict",
        "warn" => "Warn",
        "" => return request.param("fieldManager", manager),
        _ => "Ignore",
    };
    request.param("fieldManager", manager).param("fieldValidation", validation)
}

/// `--record`: the object's annotation says which command line changed it.
fn remember_cause(call: &Call, body: Option<&mut Value>) {
    let Some(map) = body.and_then(Value::as_object_mut) else { return };
    let mut inner = map;
    for name in ["metadata", "annotations"] {
        let member = inner.entry(name).or_insert_with(|| json!({}));
        let Some(object) = member.as_object_mut() else { return };
        inner = object;
    }
    let words: String = call.args().iter().map(|word| format!(" {word}")).collect();
    let cause = format!("{}{words}{}", call.path, call.flags.given());
    inner.insert("kubernetes.io/change-cause".to_owned(), json!(cause));
}

/// `no matches for kind "X" in version "v1"`.
pub fn no_such_kind(kind: &str, version: &str) -> Failure {
    Failure::new(format!("no matches for kind {} in version {}", quote(kind), quote(version)))
}

/// The objects that the arguments (or `-f`, `-l`) name, as the server has them. One that is missing is a failure of
/// the whole.
///
/// # Errors
/// As the builder, or the server.
pub async fn existing(call: &Call, args: &[String], bare: Bare) -> Outcome<Vec<Info>> {
    let selection = resource::select(call, args, bare).await?;
    if call.flags.has("local") && call.flags.bool("local") {
        return resource::infos(call, &selection).await;
    }
    let (found, failures) = resource::fetch(call, &selection).await;
    Failure::all(failures)?;
    Ok(found)
}

/// As [`existing`], without what is missing: a command that goes on despite failures reports those at its end.
///
/// # Errors
/// As the builder.
pub async fn existing_some(call: &Call, args: &[String], bare: Bare) -> Outcome<(Vec<Info>, Vec<Failure>)> {
    let selection = resource::select(call, args, bare).await?;
    if call.flags.has("local") && call.flags.bool("local") {
        return Ok((resource::infos(call, &selection).await?, Vec::new()));
    }
    Ok(resource::fetch(call, &selection).await)
}

/// Prints an object that was worked on: `deployment.apps/web scaled`, or in the form of `-o`.
///
/// # Errors
/// When `-o` asks for what is not there.
pub fn print_object(call: &Call, object: &Value, operation: &str, dry_run: DryRun) -> Outcome<()> {
    let format = if call.flags.has("output") { output::format(call)? } else { Format::Default };
    match format {
        Format::Default => {
            call.line(format!("{} {operation}{}", named(object), dry_run.suffix()));
            Ok(())
        }
        format => {
            // These commands make a printer for each object, and a printer separates only what it prints itself.
            let anew = ["label", "annotate", "patch", "scale", "apply", "expose", "autoscale"];
            if format == Format::Yaml && !anew.contains(&call.command.name) && call.next_document() > 0 {
                call.line("---");
            }
            output::print(call, &format, object)
        }
    }
}

/// `deployment.apps/web`.
pub fn named(object: &Value) -> String {
    let text = |v: &Value| v.as_str().unwrap_or("").to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]).to_lowercase());
    let (group, _) = super::mapper::split_api_version(&version);
    let name = text(&object["metadata"]["name"]);
    if group.is_empty() { format!("{kind}/{name}") } else { format!("{kind}.{group}/{name}") }
}

/// Writes the object into its own annotation, as `kubectl apply` finds it the next time.
pub fn remember_applied(object: &mut Value) {
    if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
        annotations.remove(LAST_APPLIED);
    } else {
        object["metadata"]["annotations"] = json!({});
    }
    let text = format!("{}\n", go_json(object));
    object["metadata"]["annotations"][LAST_APPLIED] = json!(text);
}

/// As [`remember_applied`], for an object that a generator made: its members stand in the order of their declaration.
pub fn remember_generated(object: &mut Value) {
    let text = output::compact(output::Order::Declared, object);
    object["metadata"]["annotations"][LAST_APPLIED] = json!(format!("{text}\n"));
}

/// JSON as Go's encoder writes it: sorted keys, no spaces, and `<`, `>`, `&` escaped.
pub fn go_json(value: &Value) -> String {
    let text = value.to_string();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out
}

/// `cpu=100m,memory=64Mi` as a map of canonical quantities.
///
/// # Errors
/// When a part is no pair, or a value no quantity.
pub fn resource_list(text: &str) -> Outcome<Value> {
    let mut list = Map::new();
    for part in text.split(',') {
        let pair = part.split_once('=').filter(|(_, value)| !value.contains('='));
        let Some((name, value)) = pair else {
            return Err(format!("Invalid argument syntax {part}, expected <resource>=<value>").into());
        };
        let Some(quantity) = Quantity::parse(value) else {
            return Err("quantities must match the regular expression \
                        '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                .into());
        };
        list.insert(name.to_owned(), json!(quantity.to_string()));
    }
    Ok(Value::Object(list))
}

/// The selector of a spec from its text form.
///
/// # Errors
/// When it is no selector, or uses an operator that specs do not have.
pub fn label_selector(text: &str) -> Outcome<Value> {
    let (mut labels, mut expressions) = (Map::new(), Vec::new());
    for part in selector_parts(text) {
        let selector = Selector::parse(part).map_err(Failure::new)?;
        if part.contains("!=") {
            return Err("\"!=\" is not a valid label selector operator".into());
        }
        for requirement in selector.requirements {
            let operator = match requirement.operator {
                Operator::In if !part.contains('(') => {
                    let value = requirement.values.first().cloned().unwrap_or_default();
                    labels.insert(requirement.key, json!(value));
                    continue;
                }
                Operator::In => "In",
                Operator::NotIn => "NotIn",
                Operator::Exists => "Exists",
                Operator::DoesNotExist => "DoesNotExist",
                Operator::Gt => return Err("\"gt\" is not a valid label selector operator".into()),
                Operator::Lt => return Err("\"lt\" is not a valid label selector operator".into()),
            };
            let mut expression = json!({"key": requirement.key, "operator": operator});
            if !requirement.values.is_empty() {
                expression["values"] = json!(requirement.values);
            }
            expressions.push(expression);
        }
    }
    let mut selector = json!({});
    if !labels.is_empty() {
        selector["matchLabels"] = Value::Object(labels);
    }
    if !expressions.is_empty() {
        selector["matchExpressions"] = Value::Array(expressions);
    }
    Ok(selector)
}

/// The parts between the commas that stand in no parentheses.
fn selector_parts(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0u32);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}
