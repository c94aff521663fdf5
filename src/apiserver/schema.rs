//! What the types of the API look like: fields, shapes, and how they are patched and applied. It comes from the schemas
//! that `build.rs` has packed: those of `k8s-openapi`, joined with `assets/openapi.facts`.
//!
//! Always holds: a type is read when it is first asked for, then shared; it never changes. Decoding, patches, apply and
//! the `OpenAPI` documents know nothing beside it.

use crate::assets;
use crate::object::{Kind, KindInfo};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The type of `metadata`.
pub const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

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

/// How a strategic merge patch changes a field: `x-kubernetes-patch-strategy` and `x-kubernetes-patch-merge-key`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Merge {
    /// A map member by member, a list as a whole.
    Default,
    /// As a whole.
    Replace,
    /// A list: items with the same value of this field are merged.
    ByKey(String),
    /// A list of plain values: the patch's are added.
    Set,
}

/// How server-side apply tells the items of a list apart: `x-kubernetes-list-type`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Items {
    /// It does not: the list is one value.
    Atomic,
    /// By their values.
    Set,
    /// By these of their fields: `x-kubernetes-list-map-keys`.
    Map(Vec<String>),
}

/// One field of a type.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its shape.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// How a strategic merge patch changes it.
    pub merge: Merge,
    /// Whether the members that such a patch does not name go when it says `$retainKeys`.
    pub retains_keys: bool,
    /// How server-side apply tells its items apart, when it is a list.
    pub items: Items,
    /// Whether server-side apply takes a map or an object as one; its type says when the field does not.
    pub atomic: Option<bool>,
    /// What it is when it is left out: `{}` for an object that is always there.
    pub default: Option<Value>,
    of: OnceLock<Option<&'static Type>>,
}

/// A type: a name and its fields.
#[derive(Clone, Debug)]
pub struct Type {
    /// `PodSpec`.
    pub name: String,
    /// `v1`: the package as Go names it.
    pub package: String,
    /// Whether server-side apply takes all that is of it as one.
    pub atomic: bool,
    /// Its fields by JSON name.
    pub fields: BTreeMap<String, Field>,
    /// The fields that are moments and must be there.
    pub moments: Vec<String>,
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

/// The schema of the type with this full name, as an `OpenAPI` document has it.
pub fn text(full_name: &str) -> Option<(&'static str, &'static str)> {
    schemas().types.get_key_value(full_name).map(|(name, entry)| (*name, entry.text))
}

impl Entry {
    fn schema(&self) -> Value {
        // What this program packed itself can be read.
        serde_json::from_str(self.text).unwrap_or_default()
    }
}

impl Field {
    /// The type of its value, or of the values that it lists or maps to.
    pub fn of(&self) -> Option<&'static Type> {
        *self.of.get_or_init(|| self.shape.element().and_then(find))
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
    Type { name: String::new(), package: String::new(), atomic: false, fields, moments: Vec::new() }
}

fn reference(schema: &Value) -> Option<&str> {
    let target = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
    target.and_then(|r| r.rsplit('/').next())
}

fn read_type(full: &str, schema: &Value) -> Type {
    let mut parts = full.rsplit('.');
    let name = parts.next().unwrap_or_default().to_owned();
    let package = parts.next().unwrap_or_default().to_owned();
    let required = |field: &str| schema["required"].as_array().is_some_and(|r| r.iter().any(|v| v == field));
    let read = |(field, value): (&String, &Value)| (field.clone(), read_field(value, required(field)));
    let fields: BTreeMap<String, Field> =
        schema["properties"].as_object().into_iter().flatten().map(read).collect();
    let moments = fields.iter().filter(|(_, f)| f.required && f.shape == Shape::Time);
    let moments = moments.map(|(name, _)| name.clone()).collect();
    Type { name, package, atomic: schema["x-kubernetes-map-type"] == "atomic", fields, moments }
}

fn read_field(schema: &Value, required: bool) -> Field {
    let text = |word: &str| schema[word].as_str().unwrap_or_default();
    let strategies: Vec<&str> = text("x-kubernetes-patch-strategy").split(',').collect();
    let merge = match text("x-kubernetes-patch-merge-key") {
        _ if strategies.contains(&"replace") => Merge::Replace,
        _ if !strategies.contains(&"merge") => Merge::Default,
        "" => Merge::Set,
        key => Merge::ByKey(key.to_owned()),
    };
    let items = match text("x-kubernetes-list-type") {
        "map" => Items::Map(texts(&schema["x-kubernetes-list-map-keys"])),
        "set" => Items::Set,
        _ => Items::Atomic,
    };
    Field {
        shape: shape(schema),
        required,
        merge,
        retains_keys: strategies.contains(&"retainKeys"),
        items,
        atomic: schema["x-kubernetes-map-type"].as_str().map(|kind| kind == "atomic"),
        default: schema.get("default").cloned(),
        of: OnceLock::new(),
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
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
        _ if format == "int-or-string" => Shape::IntOrString,
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
        let service = find("io.k8s.api.core.v1.ServicePort").unwrap();
        assert_eq!(service.fields["targetPort"].shape, Shape::IntOrString);
        let needs = find("io.k8s.api.core.v1.ResourceRequirements").unwrap();
        assert_eq!(needs.fields["limits"].shape, Shape::Map(Box::new(Shape::Quantity)));
        for kind in Kind::all_served() {
            assert!(for_kind(kind).fields.len() > 2 && !type_name(kind).is_empty(), "{kind:?}");
        }
    }

    #[test]
    fn facts_are_read() {
        let field = |of: &str, name: &str| &find(&format!("io.k8s.api.{of}")).unwrap().fields[name];
        let ports = field("core.v1.Container", "ports");
        assert_eq!(ports.merge, Merge::ByKey("containerPort".to_owned()));
        assert_eq!(ports.items, Items::Map(vec!["containerPort".to_owned(), "protocol".to_owned()]));
        assert_eq!(ports.of().unwrap().fields["protocol"].default, Some(Value::from("TCP")));
        let volumes = field("core.v1.PodSpec", "volumes");
        assert!(volumes.retains_keys && volumes.merge == Merge::ByKey("name".to_owned()));
        assert_eq!(field("core.v1.PodSpec", "tolerations").items, Items::Atomic);
        assert_eq!(field("core.v1.PodSpec", "nodeSelector").atomic, Some(true));
        assert_eq!(field("core.v1.PersistentVolumeSpec", "claimRef").atomic, Some(false));
        assert!(field("core.v1.PersistentVolumeSpec", "claimRef").of().unwrap().atomic);
        assert_eq!(field("policy.v1.PodDisruptionBudgetSpec", "selector").merge, Merge::Replace);
        assert_eq!(field("apps.v1.DeploymentSpec", "template").default, Some(serde_json::json!({})));
        assert_eq!(field("apps.v1.DeploymentSpec", "selector").default, None);
        assert_eq!(field("discovery.v1.Endpoint", "addresses").items, Items::Set);
    }
}
