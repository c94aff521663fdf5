//! What the types of the API look like: fields and shapes, from the schemas that ship with `k8s-openapi`, which `build.rs`
//! has packed.
//!
//! Always holds: a type is read when it is first asked for, then shared; it never changes. Decoding, patching and the
//! `OpenAPI` documents read it.

use crate::assets;
use crate::object::{Kind, KindInfo};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The shape of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shape {
    /// An object of the type with this full name.
    Struct(String),
    /// A map from text to values of one shape.
    Map(Box<Shape>),
    /// A list of values of one shape.
    List(Box<Shape>),
    /// Text.
    Text,
    /// Base64 text.
    Bytes,
    /// RFC 3339 text.
    Time,
    /// `true` or `false`.
    Bool,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// Any number.
    Number,
    /// A number or text, as a port or a percentage.
    IntOrString,
    /// `100m`, `1Gi`.
    Quantity,
    /// Anything.
    Any,
}

/// One field of a type.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its shape.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
}

/// A type: a name and its fields.
#[derive(Clone, Debug)]
pub struct Type {
    /// `PodSpec`.
    pub name: String,
    /// `v1`: the package as Go names it.
    pub package: String,
    /// Its fields by JSON name.
    pub fields: BTreeMap<String, Field>,
}

/// One type, read as far as it was asked for.
#[derive(Debug)]
struct Entry {
    text: &'static str,
    /// What a reference to the type stands for.
    shape: OnceLock<Shape>,
    read: OnceLock<Type>,
}

/// All types by full name (`io.k8s.api.core.v1.PodSpec`), and that of every kind.
#[derive(Debug)]
struct Schemas {
    types: BTreeMap<&'static str, Entry>,
    kinds: BTreeMap<Kind, &'static str>,
    /// A type that has nothing but the fields that every object has.
    any: OnceLock<Type>,
}

/// The schemas of everything served.
fn schemas() -> &'static Schemas {
    static SCHEMAS: OnceLock<Schemas> = OnceLock::new();
    SCHEMAS.get_or_init(build)
}

/// The type of a kind. Of a kind that was defined, no more than its metadata is known here.
pub fn for_kind(kind: Kind) -> &'static Type {
    find(type_name(kind)).unwrap_or_else(|| schemas().any.get_or_init(metadata_only))
}

/// The full name of a built-in kind's type: `io.k8s.api.apps.v1.Deployment`. Empty for a kind that was defined.
pub fn type_name(kind: Kind) -> &'static str {
    schemas().kinds.get(&kind).copied().unwrap_or_default()
}

/// The type with this full name.
pub fn find(full_name: &str) -> Option<&'static Type> {
    let (name, entry) = schemas().types.get_key_value(full_name)?;
    Some(entry.read.get_or_init(|| read_type(name, &entry.schema())))
}

/// The schema of the type with this full name, as `k8s-openapi` ships it: it is read at each call.
pub fn definition(full_name: &str) -> Option<Value> {
    schemas().types.get(full_name).map(Entry::schema)
}

impl Entry {
    fn schema(&self) -> Value {
        // What this program packed itself can be read.
        serde_json::from_str(self.text).unwrap_or_default()
    }
}

impl Shape {
    /// As Go's error messages name the type: `int32`, `map[string]string`, `[]v1.Container`.
    pub fn go_name(&self) -> String {
        match self {
            Shape::Struct(name) => {
                find(name).map_or_else(|| short_name(name), |t| format!("{}.{}", t.package, t.name))
            }
            Shape::Map(inner) => format!("map[string]{}", inner.go_name()),
            Shape::List(inner) => format!("[]{}", inner.go_name()),
            Shape::Text => "string".to_owned(),
            Shape::Bytes => "[]uint8".to_owned(),
            Shape::Time => "v1.Time".to_owned(),
            Shape::Bool => "bool".to_owned(),
            Shape::Int32 => "int32".to_owned(),
            Shape::Int64 => "int64".to_owned(),
            Shape::Number => "float64".to_owned(),
            Shape::IntOrString => "intstr.IntOrString".to_owned(),
            Shape::Quantity => "resource.Quantity".to_owned(),
            Shape::Any => "interface {}".to_owned(),
        }
    }

    /// As `kubectl explain` names the type: `<PodSpec>`, `<[]Container>`, `<map[string]string>`, `<integer>`.
    pub fn explain_name(&self) -> String {
        match self {
            Shape::Struct(name) => short_name(name),
            Shape::Map(inner) => format!("map[string]{}", inner.explain_name()),
            Shape::List(inner) => format!("[]{}", inner.explain_name()),
            Shape::Text | Shape::Bytes | Shape::Time => "string".to_owned(),
            Shape::Bool => "boolean".to_owned(),
            Shape::Int32 | Shape::Int64 => "integer".to_owned(),
            Shape::Number => "number".to_owned(),
            Shape::IntOrString => "IntOrString".to_owned(),
            Shape::Quantity => "Quantity".to_owned(),
            Shape::Any => "Object".to_owned(),
        }
    }

    /// The type's full name, through lists and maps.
    pub fn element(&self) -> Option<&str> {
        match self {
            Shape::Struct(name) => Some(name),
            Shape::Map(inner) | Shape::List(inner) => inner.element(),
            _ => None,
        }
    }
}

fn short_name(full: &str) -> String {
    full.rsplit('.').next().unwrap_or(full).to_owned()
}

fn build() -> Schemas {
    let mut schemas = Schemas { types: BTreeMap::new(), kinds: BTreeMap::new(), any: OnceLock::new() };
    for (name, text) in assets::schemas() {
        if name == "kinds" {
            let kinds: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once(' ')).collect();
            let place = |info: &KindInfo| format!("{}/{}/{}", info.group, info.version, info.kind);
            let found = |kind: Kind| Some((kind, *kinds.get(place(kind.info()).as_str())?));
            schemas.kinds = Kind::all_served().filter_map(found).collect();
        } else {
            schemas.types.insert(name, Entry { text, shape: OnceLock::new(), read: OnceLock::new() });
        }
    }
    schemas
}

fn metadata_only() -> Type {
    let wanted = ["apiVersion", "kind", "metadata"];
    let mut fields = for_kind(Kind::ConfigMap).fields.clone();
    fields.retain(|name, _| wanted.contains(&name.as_str()));
    Type { name: String::new(), package: String::new(), fields }
}

fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str().and_then(|r| r.rsplit('/').next())
}

fn read_type(full: &str, schema: &Value) -> Type {
    let mut parts = full.rsplit('.');
    let name = parts.next().unwrap_or_default().to_owned();
    let package = parts.next().unwrap_or_default().to_owned();
    let required = |field: &str| schema["required"].as_array().is_some_and(|r| r.iter().any(|v| v == field));
    let read = |(field, value): (&String, &Value)| {
        (field.clone(), Field { shape: shape(value), required: required(field) })
    };
    let fields = schema["properties"].as_object().into_iter().flatten().map(read).collect();
    Type { name, package, fields }
}

fn shape(schema: &Value) -> Shape {
    if let Some(name) = reference(schema) {
        return referred(name);
    }
    let format = schema["format"].as_str().unwrap_or("");
    match schema["type"].as_str() {
        Some("string") if format == "byte" => Shape::Bytes,
        Some("string") if format == "date-time" => Shape::Time,
        Some("string") => Shape::Text,
        Some("boolean") => Shape::Bool,
        Some("integer") if format == "int64" => Shape::Int64,
        Some("integer") => Shape::Int32,
        Some("number") => Shape::Number,
        Some("array") => Shape::List(Box::new(shape(&schema["items"]))),
        Some("object") if schema["additionalProperties"].is_object() => {
            Shape::Map(Box::new(shape(&schema["additionalProperties"])))
        }
        _ if schema["x-kubernetes-int-or-string"] == true => Shape::IntOrString,
        _ => Shape::Any,
    }
}

/// The shape behind a reference: a struct, or what a named type of another shape really is.
fn referred(name: &str) -> Shape {
    let read = |entry: &Entry| {
        let target = entry.schema();
        match target["type"].as_str() {
            _ if name.ends_with(".Quantity") => Shape::Quantity,
            _ if target["properties"].is_object() => Shape::Struct(name.to_owned()),
            // A type without fields, as an empty selector has, is still a struct; raw JSON is anything.
            Some("object") if target["additionalProperties"].is_null() => Shape::Any,
            _ => shape(&target),
        }
    };
    match schemas().types.get(name) {
        Some(entry) => entry.shape.get_or_init(|| read(entry)).clone(),
        None => Shape::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read() {
        let pod = for_kind(Kind::Pod);
        assert_eq!(pod.name, "Pod");
        let spec = find(pod.fields["spec"].shape.element().unwrap()).unwrap();
        assert_eq!(spec.fields["containers"].shape.go_name(), "[]v1.Container");
        assert!(spec.fields["containers"].required);
        assert!(!definition("io.k8s.api.core.v1.PodSpec").unwrap()["description"].is_null());
        let service = find("io.k8s.api.core.v1.ServicePort").unwrap();
        assert_eq!(service.fields["targetPort"].shape, Shape::IntOrString);
        let needs = find("io.k8s.api.core.v1.ResourceRequirements").unwrap();
        assert_eq!(needs.fields["limits"].shape, Shape::Map(Box::new(Shape::Quantity)));
        for kind in Kind::all_served() {
            assert!(for_kind(kind).fields.len() > 2 && !type_name(kind).is_empty(), "{kind:?}");
        }
    }
}
