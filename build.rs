//! Packs the texts that the program carries: they are a third as large when they are compressed. The schemas of the
//! kinds are among them: as code that makes them they would be many times that. They are joined with the facts of
//! `assets/openapi.facts`.

use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::api::{
    apps::v1 as apps, autoscaling::v2 as autoscaling, batch::v1 as batch, coordination::v1 as coordination,
    core::v1 as core, discovery::v1 as discovery, networking::v1 as networking, policy::v1 as policy,
    rbac::v1 as rbac, scheduling::v1 as scheduling, storage::v1 as storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::{env, fs};

#[path = "src/object/table.rs"]
mod table;

/// The texts of one packed file, by name.
type Texts = Vec<(String, String)>;

fn main() -> Result<(), Box<dyn Error>> {
    pack("lessons", texts(&["lessons", "lessons/quiz"], &["yaml"])?)?;
    pack("assets", texts(&["assets"], &["yaml", "txt"])?)?;
    pack("schemas", schemas()?)?;
    // A release does not unwind (`panic = "abort"`), and so needs no index to find its frames by.
    let linux = env::var("CARGO_CFG_TARGET_OS")? == "linux";
    if linux && env::var("PROFILE")? == "release" {
        println!("cargo:rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
    }
    Ok(())
}

/// The files of some folders.
fn texts(folders: &[&str], endings: &[&str]) -> Result<Texts, Box<dyn Error>> {
    let mut files = Vec::new();
    for folder in folders {
        println!("cargo:rerun-if-changed={folder}");
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| endings.iter().any(|ending| e == *ending)) {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                files.push((format!("{folder}/{name}"), fs::read_to_string(&path)?));
            }
        }
    }
    Ok(files)
}

/// Writes texts into one file: a line with name and length for each, an empty line, and the texts one after the other.
fn pack(name: &str, mut files: Texts) -> Result<(), Box<dyn Error>> {
    files.sort();
    let mut packed = String::new();
    for (name, text) in &files {
        packed.push_str(&format!("{name} {}\n", text.len()));
    }
    packed.push('\n');
    packed.extend(files.iter().map(|(_, text)| text.as_str()));
    let target = Path::new(&env::var("OUT_DIR")?).join(format!("{name}.deflate"));
    let mut encoder =
        flate2::write::DeflateEncoder::new(fs::File::create(target)?, flate2::Compression::best());
    encoder.write_all(packed.as_bytes())?;
    encoder.finish()?;
    Ok(())
}

macro_rules! roots {
    ($($kind:ident: $ty:ty, $group:literal, $version:literal, $plural:literal, $singular:literal, $short:expr,
       $namespaced:expr, $categories:expr, $sub:expr;)*
     @untyped
     $($u_kind:ident: $u_ty:ty, $u_group:literal, $u_version:literal, $u_plural:literal, $u_singular:literal,
       $u_short:expr, $u_namespaced:expr, $u_categories:expr, $u_sub:expr;)*
     @served
     $($s_kind:ident => $s_stored:ident: $s_ty:ty, $s_group:literal, $s_version:literal;)*) => {
        /// Group, version and kind of everything served, and where its schema is.
        fn roots(generator: &mut SchemaGenerator) -> Vec<([&'static str; 3], Schema)> {
            vec![
                $(([$group, $version, stringify!($kind)], generator.subschema_for::<$ty>()),)*
                $(([$u_group, $u_version, stringify!($u_kind)], generator.subschema_for::<$u_ty>()),)*
                $(([$s_group, $s_version, stringify!($s_kind)], generator.subschema_for::<$s_ty>()),)*
            ]
        }
    };
}

table::table!(roots);

/// The schema of every type that is served or stands in one, by its full name, as an `OpenAPI` document has it; and in `kinds` the
/// full name of each kind's: `apps/v1/Deployment io.k8s.api.apps.v1.Deployment`.
fn schemas() -> Result<Texts, Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/object/table.rs");
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut kinds = String::new();
    let mut groups = Vec::new();
    for ([group, version, kind], schema) in roots(&mut generator) {
        let name = reference(schema.as_value()).ok_or("a kind's schema is not a type's")?;
        kinds.push_str(&format!("{group}/{version}/{kind} {name}\n"));
        groups.push((name, json!([{"group": group, "version": version, "kind": kind}])));
    }
    let types = generator.take_definitions(false);
    let mut known = facts(&types)?;
    let mut texts = vec![("kinds".to_owned(), kinds)];
    for (name, schema) in &types {
        let facts = known.remove(name).unwrap_or_default();
        let mut schema = joined(name, schema, &facts, &types);
        if let Some((_, place)) = groups.iter().find(|(kind, _)| kind == name) {
            schema["x-kubernetes-group-version-kind"] = place.clone();
        }
        texts.push((name.clone(), schema.to_string()));
    }
    Ok(texts)
}

/// What is so of the fields of a type; of the type itself under `-`.
type Facts = BTreeMap<String, Vec<String>>;

/// The facts by the full names of their types. A line that speaks of nothing there is an error.
fn facts(types: &Map<String, Value>) -> Result<BTreeMap<String, Facts>, Box<dyn Error>> {
    const FILE: &str = "assets/openapi.facts";
    println!("cargo:rerun-if-changed={FILE}");
    let mut known: BTreeMap<String, Facts> = BTreeMap::new();
    let text = fs::read_to_string(FILE)?;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split(' ').map(str::to_owned);
        let (of, field) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let named = |name: &&String| name.ends_with(&format!(".{of}"));
        let name = types.keys().find(named).ok_or(format!("{FILE}: there is no type {of}"))?;
        if field != "-" && !types[name]["properties"][&field].is_object() {
            return Err(format!("{FILE}: {of} has no field {field}").into());
        }
        known.entry(name.clone()).or_default().insert(field, words.collect());
    }
    Ok(known)
}

/// The name of the type that a schema refers to.
fn reference(schema: &Value) -> Option<String> {
    schema["$ref"].as_str().and_then(|r| r.rsplit('/').next()).map(str::to_owned)
}

/// A type's schema with all that is known of it.
fn joined(name: &str, schema: &Value, facts: &Facts, types: &Map<String, Value>) -> Value {
    let either = |one: &str, other: &str| json!([{"type": one}, {"type": other}]);
    let description = &schema["description"];
    // What is a number or a text says so in these words.
    if name.ends_with(".IntOrString") {
        let oneof = either("integer", "string");
        return json!({"description": description, "format": "int-or-string", "oneOf": oneof});
    }
    if name.ends_with(".Quantity") {
        return json!({"description": description, "oneOf": either("string", "number")});
    }
    // Any JSON, or a schema and something else: nothing is said of either.
    if schema["properties"].is_null() && name.contains(".JSON") {
        return json!({"description": description});
    }
    let mut joined = schema.clone();
    let says = |field: &str, word: &str| {
        facts.get(field).is_some_and(|of| of.iter().any(|fact| fact.split('=').next() == Some(word)))
    };
    if says("-", "atomic") {
        joined["x-kubernetes-map-type"] = json!("atomic");
    }
    if let Some(Value::Array(required)) = joined.get_mut("required") {
        // To Rust, what has a default and the metadata are always there.
        required.retain(|field| match field.as_str().unwrap_or_default() {
            "metadata" => says("metadata", "required"),
            field => !says(field, "default"),
        });
        if required.is_empty() {
            joined.as_object_mut().map(|joined| joined.remove("required"));
        }
    }
    let Some(Value::Object(fields)) = joined.get_mut("properties") else { return joined };
    let object = fields.contains_key("metadata");
    for (name, field) in fields {
        let required = schema["required"].as_array().is_some_and(|r| r.iter().any(|v| v == name));
        let whole = object && ["metadata", "spec", "status"].contains(&name.as_str());
        if (required || whole || says(name, "value")) && !says(name, "pointer") {
            add_zero(field, types);
        }
        if field["type"] == "array" {
            field["x-kubernetes-list-type"] = json!("atomic");
        }
        for fact in facts.get(name).into_iter().flatten() {
            add_fact(field, fact);
        }
        within(field, types);
        refer(field);
    }
    joined
}

/// Writes a fact of a field into its schema.
fn add_fact(field: &mut Value, fact: &str) {
    let (word, value) = fact.split_once('=').unwrap_or((fact, ""));
    let kind = field["type"].as_str().unwrap_or("object").to_owned();
    match word {
        "merge" | "retainKeys" | "replace" => {
            let before = field["x-kubernetes-patch-strategy"].as_str().map(|b| format!("{b},"));
            field["x-kubernetes-patch-strategy"] = json!(before.unwrap_or_default() + word);
            if !value.is_empty() {
                field["x-kubernetes-patch-merge-key"] = json!(value);
            }
        }
        "set" => field["x-kubernetes-list-type"] = json!("set"),
        "map" => {
            field["x-kubernetes-list-type"] = json!("map");
            field["x-kubernetes-list-map-keys"] = json!(value.split(',').collect::<Vec<_>>());
        }
        // Bytes are a list to Go.
        "atomic" if kind == "string" => field["x-kubernetes-list-type"] = json!("atomic"),
        "atomic" | "granular" => field["x-kubernetes-map-type"] = json!(word),
        "default" if kind == "string" => field["default"] = json!(value),
        "default" => field["default"] = value.parse().unwrap_or_default(),
        _ => {}
    }
}

/// Says what a value is that is always there, when nothing is said of it.
fn add_zero(schema: &mut Value, types: &Map<String, Value>) {
    let zero = match schema["type"].as_str() {
        Some("string") if schema["format"].is_null() => json!(""),
        Some("integer" | "number") => json!(0),
        Some("boolean") => json!(false),
        None if reference(schema).is_some_and(|name| types[&name]["properties"].is_object()) => json!({}),
        _ => return,
    };
    schema["default"] = zero;
}

/// The same for the values of a list or a map.
fn within(schema: &mut Value, types: &Map<String, Value>) {
    for values in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(values).filter(|inner| inner.is_object()) {
            add_zero(inner, types);
            within(inner, types);
            refer(inner);
        }
    }
}

/// A reference as `OpenAPI` has it: into `components`, and inside `allOf` where something stands beside.
fn refer(schema: &mut Value) {
    let Some(name) = reference(schema) else { return };
    let reference = json!({"$ref": format!("#/components/schemas/{name}")});
    let Value::Object(map) = schema else { return };
    map.remove("$ref");
    if map.is_empty() {
        *schema = reference;
    } else {
        map.insert("allOf".to_owned(), json!([reference]));
    }
}
