//! Manifests: what `-f` names, read from files, directories and standard input into objects.
//!
//! Always holds: every object knows its source as error messages name it, and the line it begins on.

use super::call::Call;
use super::errors::{Failure, Outcome};
use super::flags::quote;
use crate::yaml::{self, Document};
use serde_json::Value;

/// An object of a manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// `STDIN`, or the file as it was named.
    pub source: String,
    /// The object; never a List.
    pub object: Value,
    /// The document that it came from, for line numbers.
    pub document: Document,
}

/// Whether an object without `apiVersion` or `kind` is refused by validation or by decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// As `create` and `apply` do: `error validating …`.
    Strict,
    /// As everything else: `unable to decode …`.
    Off,
}

impl Validation {
    /// What `--validate` says.
    ///
    /// # Errors
    /// When it says nothing known.
    pub fn of(call: &Call) -> Outcome<Self> {
        match call.flags.text("validate") {
            "" | "strict" | "true" | "1" | "t" | "T" | "TRUE" | "True" => Ok(Self::Strict),
            "warn" | "ignore" | "false" | "0" | "f" | "F" | "FALSE" | "False" => Ok(Self::Off),
            other => Err(Failure::new(format!(
                "invalid - validate option {other:?}; must be one of: strict (or true), warn, ignore (or false)"
            ))),
        }
    }
}

/// Reads every object that `--filename` and `--kustomize` name, Lists taken apart.
///
/// # Errors
/// The first that goes wrong, as kubectl says it.
pub async fn read(call: &Call, validation: Validation) -> Outcome<Vec<Manifest>> {
    let mut found = Vec::new();
    let recursive = call.flags.bool("recursive");
    for name in call.flags.list("filename") {
        for (source, bytes) in sources(call, name, recursive).await? {
            found.extend(parse(&source, &bytes, validation)?);
        }
    }
    let directory = call.flags.text("kustomize");
    if !directory.is_empty() {
        found.extend(super::kustomize::build(call, directory, validation)?);
    }
    Ok(found)
}

async fn sources(call: &Call, name: &str, recursive: bool) -> Outcome<Vec<(String, Vec<u8>)>> {
    if name == "-" {
        return Ok(vec![("STDIN".to_owned(), call.env.io.read_to_end().await)]);
    }
    if let Some(rest) = name.strip_prefix("http://").or_else(|| name.strip_prefix("https://")) {
        let host = rest.split('/').next().unwrap_or("");
        let host = host.split(':').next().unwrap_or("");
        let why = format!("Get {}: dial tcp: lookup {host}: no such host", quote(name));
        return Err(Failure::new(format!("unable to read URL {}, {why}", quote(name))));
    }
    let host = &call.env.host;
    if let Some(names) = host.list_dir(name) {
        let mut found = Vec::new();
        directory(call, name, &names, recursive, &mut found)?;
        if found.is_empty() {
            return Err(Failure::new(format!(
                "error reading [{name}]: recognized file extensions are [.json .yaml .yml]"
            )));
        }
        return Ok(found);
    }
    if !host.exists(name) && name.contains('*') {
        let found = matching(call, name)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    if !host.exists(name) {
        return Err(Failure::new(format!("the path {} does not exist", quote(name))));
    }
    let bytes = host.read_file(name).map_err(|why| Failure::new(format!("open {name}: {why}")))?;
    Ok(vec![(name.to_owned(), bytes)])
}

/// The files whose names fit a pattern.
fn matching(call: &Call, pattern: &str) -> Outcome<Vec<(String, Vec<u8>)>> {
    let (folder, last) = pattern.rsplit_once('/').map_or((".", pattern), |(folder, last)| (folder, last));
    let mut found = Vec::new();
    for name in call.env.host.list_dir(folder).unwrap_or_default() {
        if super::set::fits(last, &name) {
            let path = if folder == "." { name } else { format!("{folder}/{name}") };
            let bytes =
                call.env.host.read_file(&path).map_err(|why| Failure::new(format!("open {path}: {why}")))?;
            found.push((path, bytes));
        }
    }
    Ok(found)
}

fn directory(
    call: &Call,
    path: &str,
    names: &[String],
    recursive: bool,
    found: &mut Vec<(String, Vec<u8>)>,
) -> Outcome<()> {
    let host = &call.env.host;
    for name in names {
        let inner = format!("{}/{name}", path.trim_end_matches('/'));
        if let Some(names) = host.list_dir(&inner) {
            if recursive {
                directory(call, &inner, &names, recursive, found)?;
            }
        } else if [".json", ".yaml", ".yml"].iter().any(|e| name.ends_with(e)) {
            let bytes = host.read_file(&inner).map_err(|why| Failure::new(format!("open {inner}: {why}")))?;
            found.push((inner, bytes));
        }
    }
    Ok(())
}

/// Reads the objects of one text.
///
/// # Errors
/// Where it is no manifest.
pub fn parse(source: &str, bytes: &[u8], validation: Validation) -> Outcome<Vec<Manifest>> {
    let text = String::from_utf8_lossy(bytes);
    let documents = yaml::parse(&text)
        .map_err(|e| Failure::new(format!("error parsing {source}: error converting YAML to JSON: {e}")))?;
    let mut found = Vec::new();
    for document in documents {
        if document.value.is_null() {
            continue;
        }
        check(source, &document.value, validation)?;
        let is_list = document.value["kind"].as_str().is_some_and(|k| k.ends_with("List"));
        match document.value["items"].as_array() {
            Some(items) if is_list => {
                for item in items {
                    check(source, item, validation)?;
                    let (source, document) = (source.to_owned(), document.clone());
                    found.push(Manifest { source, object: item.clone(), document });
                }
            }
            _ => {
                let (source, object) = (source.to_owned(), document.value.clone());
                found.push(Manifest { source, object, document });
            }
        }
    }
    Ok(found)
}

fn check(source: &str, object: &Value, validation: Validation) -> Outcome<()> {
    let type_name = match object {
        Value::Object(_) => "",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Bool(_) => "bool",
        Value::Number(_) | Value::Null => "number",
    };
    if !type_name.is_empty() {
        let why = if validation == Validation::Strict {
            format!(
                "error validating \"{source}\": error validating data: invalid object to validate; if you choose to ignore these errors, turn validation off with --validate=false"
            )
        } else {
            format!(
                "unable to decode \"{source}\": json: cannot unmarshal {type_name} into Go value of type unstructured.detector"
            )
        };
        return Err(Failure::new(why));
    }
    let has = |key: &str| object[key].as_str().is_some_and(|t| !t.is_empty());
    if validation == Validation::Strict && !(has("apiVersion") && has("kind")) {
        let mut missing = Vec::new();
        if !has("apiVersion") {
            missing.push("apiVersion not set");
        }
        if !has("kind") {
            missing.push("kind not set");
        }
        let list = if let [one] = missing.as_slice() {
            (*one).to_owned()
        } else {
            format!("[{}]", missing.join(", "))
        };
        return Err(Failure::new(format!(
            "error validating \"{source}\": error validating data: {list}; if you choose to ignore these errors, turn validation off with --validate=false"
        )));
    }
    if !has("kind") {
        return Err(Failure::new(format!(
            "unable to decode \"{source}\": Object 'Kind' is missing in '{object}'"
        )));
    }
    Ok(())
}
