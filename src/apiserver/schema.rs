//! What the types of the API look like: fields, shapes and documentation, read once from the schemas that ship
//! with `k8s-openapi`.
//!
//! Always holds: built at the first question, then shared; never changes. Decoding, patching and `explain` read it.

use crate::object::Kind;
use serde_json::{Map, Value};
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
    /// Its documentation.
    pub description: String,
    /// Whether it must be there.
    pub required: bool,
}

/// A type: a name, its documentation and its fields.
#[derive(Clone, Debug)]
pub struct Type {
    /// `PodSpec`.
    pub name: String,
    /// `v1`: the package as Go names it.
    pub package: String,
    /// Its documentation.
    pub description: String,
    /// Its fields by JSON name.
    pub fields: BTreeMap<String, Field>,
}

/// All types by full name (`io.k8s.api.core.v1.PodSpec`), and the full name of every kind's type.
#[derive(Debug)]
pub struct Schemas {
    types: BTreeMap<String, Type>,
    kinds: BTreeMap<Kind, String>,
    raw: Map<String, Value>,
    any: Type,
}

/// The schemas of everything served.
pub fn schemas() -> &'static Schemas {
    static SCHEMAS: OnceLock<Schemas> = OnceLock::new();
    SCHEMAS.get_or_init(build)
}

/// The type of a kind. Of a kind that was defined, no more than its metadata is known here.
pub fn for_kind(kind: Kind) -> &'static Type {
    let schemas = schemas();
    schemas.kinds.get(&kind).and_then(|name| schemas.types.get(name)).unwrap_or(&schemas.any)
}

/// The full name of a built-in kind's type: `io.k8s.api.apps.v1.Deployment`.
pub fn type_name(kind: Kind) -> &'static str {
    schemas().kinds.get(&kind).map_or("", String::as_str)
}

/// The type with this full name.
pub fn find(full_name: &str) -> Option<&'static Type> {
    schemas().types.get(full_name)
}

/// Every type's schema by full name, as `k8s-openapi` ships it.
pub fn definitions() -> &'static Map<String, Value> {
    &schemas().raw
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
    let mut generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    let mut kinds = BTreeMap::new();
    for kind in Kind::all_served() {
        if let Some(name) = kind.schema(&mut generator).and_then(|s| reference(s.as_value())) {
            kinds.insert(kind, name);
        }
    }
    let raw = generator.take_definitions(false);
    let types: BTreeMap<String, Type> =
        raw.iter().map(|(name, schema)| (name.clone(), read_type(name, schema, &raw))).collect();
    let any = metadata_only(&types);
    Schemas { types, kinds, raw, any }
}

/// A type that has nothing but the fields that every object has.
fn metadata_only(types: &BTreeMap<String, Type>) -> Type {
    let common = types.values().find(|t| t.name == "ConfigMap").map(|t| &t.fields);
    let wanted = ["apiVersion", "kind", "metadata"];
    let fields = common.into_iter().flatten().filter(|(name, _)| wanted.contains(&name.as_str()));
    let fields = fields.map(|(name, field)| (name.clone(), field.clone())).collect();
    Type { name: String::new(), package: String::new(), description: String::new(), fields }
}

fn reference(schema: &Value) -> Option<String> {
    schema["$ref"].as_str().and_then(|r| r.rsplit('/').next()).map(str::to_owned)
}

fn read_type(full: &str, schema: &Value, all: &Map<String, Value>) -> Type {
    let mut parts = full.rsplit('.');
    let name = parts.next().unwrap_or_default().to_owned();
    let package = parts.next().unwrap_or_default().to_owned();
    let required = |field: &str| schema["required"].as_array().is_some_and(|r| r.iter().any(|v| v == field));
    let read = |(field, value): (&String, &Value)| {
        let description = value["description"].as_str().unwrap_or_default().to_owned();
        let field = field.clone();
        let required = required(&field);
        (field, Field { shape: shape(value, all), description, required })
    };
    let fields = schema["properties"].as_object().into_iter().flatten().map(read).collect();
    let description = schema["description"].as_str().unwrap_or_default().to_owned();
    Type { name, package, description, fields }
}

fn shape(schema: &Value, all: &Map<String, Value>) -> Shape {
    if let Some(name) = reference(schema) {
        return referred(&name, all);
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
        Some("array") => Shape::List(Box::new(shape(&schema["items"], all))),
        Some("object") if schema["additionalProperties"].is_object() => {
            Shape::Map(Box::new(shape(&schema["additionalProperties"], all)))
        }
        _ if schema["x-kubernetes-int-or-string"] == true => Shape::IntOrString,
        _ => Shape::Any,
    }
}

/// The shape behind a reference: a struct, or what a named type of another shape really is.
fn referred(name: &str, all: &Map<String, Value>) -> Shape {
    if name.ends_with(".Quantity") {
        return Shape::Quantity;
    }
    let target = &all.get(name).unwrap_or(&Value::Null);
    if target["properties"].is_object() {
        return Shape::Struct(name.to_owned());
    }
    match target["type"].as_str() {
        // A type without fields, as an empty selector has, is still a struct; raw JSON is anything.
        Some("object") if target["additionalProperties"].is_null() => Shape::Any,
        _ => shape(target, all),
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
        assert!(!spec.fields["containers"].description.is_empty());
        let service = find("io.k8s.api.core.v1.ServicePort").unwrap();
        assert_eq!(service.fields["targetPort"].shape, Shape::IntOrString);
        let needs = find("io.k8s.api.core.v1.ResourceRequirements").unwrap();
        assert_eq!(needs.fields["limits"].shape, Shape::Map(Box::new(Shape::Quantity)));
        for kind in Kind::ALL {
            assert!(!for_kind(*kind).fields.is_empty(), "{kind:?}");
        }
    }
}
