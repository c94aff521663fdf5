//! Whether an expression in CEL makes sense before it is evaluated: what it names is there, what it compares can be
//! compared, and what comes out is of a certain type.
//!
//! Always holds: what is not certainly wrong is let be: a value of unknown type fits everywhere, and so does a function
//! that is not known. From `cel-go/checker`, with the types that `apiserver/pkg/cel/common` gives to schemas.

use super::env;
use crate::apiserver::crd::structural_items;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, SourceInfo,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrBool,
};
use std::fmt;

/// The type of a value.
#[derive(Clone, PartialEq, Debug)]
pub enum Type<'s> {
    /// Any.
    Dyn,
    /// `null`.
    Null,
    /// A truth value.
    Bool,
    /// A whole number.
    Int,
    /// A whole number without a sign.
    UInt,
    /// A number.
    Double,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// A length of time.
    Duration,
    /// A moment.
    Timestamp,
    /// A list.
    List(Box<Type<'s>>),
    /// A map from text.
    Map(Box<Type<'s>>),
    /// An object with the fields of a schema.
    Object(&'s JSONSchemaProps),
    /// The same, which has the fields of every object too.
    Resource(&'s JSONSchemaProps),
    /// What every object's `metadata` shows to rules.
    Metadata,
}

impl fmt::Display for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dyn => f.write_str("dyn"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::UInt => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::Text => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Duration => f.write_str("google.protobuf.Duration"),
            Self::Timestamp => f.write_str("google.protobuf.Timestamp"),
            Self::List(item) => write!(f, "list({item})"),
            Self::Map(value) => write!(f, "map(string, {value})"),
            Self::Object(_) | Self::Resource(_) | Self::Metadata => f.write_str("object"),
        }
    }
}

impl<'s> Type<'s> {
    /// The type of what a schema describes.
    pub fn of(schema: &'s JSONSchemaProps) -> Self {
        if schema.x_kubernetes_int_or_string == Some(true) {
            return Self::Dyn;
        }
        match (schema.type_.as_deref(), schema.format.as_deref()) {
            (Some("boolean"), _) => Self::Bool,
            (Some("integer"), _) => Self::Int,
            (Some("number"), _) => Self::Double,
            (Some("string"), Some("byte")) => Self::Bytes,
            (Some("string"), Some("duration")) => Self::Duration,
            (Some("string"), Some("date" | "date-time")) => Self::Timestamp,
            (Some("string"), _) => Self::Text,
            (Some("array"), _) => Self::List(Box::new(structural_items(schema).map_or(Self::Dyn, Self::of))),
            (Some("object"), _) => match &schema.additional_properties {
                Some(JSONSchemaPropsOrBool::Schema(inner)) => Self::Map(Box::new(Self::of(inner))),
                Some(JSONSchemaPropsOrBool::Bool(true)) => Self::Map(Box::new(Self::Dyn)),
                _ if schema.x_kubernetes_preserve_unknown_fields == Some(true) => Self::Dyn,
                _ if schema.x_kubernetes_embedded_resource == Some(true) => Self::Resource(schema),
                _ => Self::Object(schema),
            },
            _ => Self::Dyn,
        }
    }

    /// The type of a field. `None` where there is no such field.
    fn field(&self, name: &str) -> Option<Self> {
        // What is no identifier, or a word of CEL's own, is spelled with underscores.
        if name.contains("__") {
            return Some(Self::Dyn);
        }
        let named = |schema: &'s JSONSchemaProps| schema.properties.as_ref()?.get(name).map(Self::of);
        match self {
            Self::Dyn => Some(Self::Dyn),
            Self::Map(value) => Some((**value).clone()),
            Self::Object(schema) => named(schema),
            Self::Resource(schema) => match name {
                "apiVersion" | "kind" => Some(Self::Text),
                "metadata" => Some(Self::Metadata),
                _ => named(schema),
            },
            Self::Metadata => matches!(name, "name" | "generateName").then_some(Self::Text),
            _ => None,
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::UInt | Self::Double)
    }

    /// Whether a value of the one type can be one of the other.
    fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dyn, _) | (_, Self::Dyn) => true,
            // Whatever has fields may be left out.
            (Self::Null, other) | (other, Self::Null) => {
                !other.is_number() && !matches!(other, Self::Bool | Self::Text | Self::Bytes)
            }
            (Self::List(a), Self::List(b)) | (Self::Map(a), Self::Map(b)) => a.fits(b),
            (Self::Map(_), Self::Object(_) | Self::Resource(_) | Self::Metadata)
            | (Self::Object(_) | Self::Resource(_) | Self::Metadata, Self::Map(_)) => true,
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        }
    }
}

/// What an expression may name beside its variables: types, and the homes of functions.
const NAMES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "duration",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "timestamp",
    "type",
    "uint",
    "optional",
    "google",
    "math",
    "base64",
    "strings",
];

/// The type of an expression over these variables.
///
/// # Errors
/// Why it has none, as CEL shows it: each mistake with its place.
pub fn check<'s>(expression: &str, variables: &[(&str, Type<'s>)]) -> Result<Type<'s>, String> {
    let (tree, source) =
        env().parser().parse_with_source_info(expression).map_err(|e| super::shown(&e.to_string()))?;
    let scope = variables.iter().map(|(name, of)| ((*name).to_owned(), of.clone())).collect();
    let mut checker = Checker { source: &source, text: expression, scope, errors: Vec::new() };
    let result = checker.infer(&tree);
    if checker.errors.is_empty() { Ok(result) } else { Err(checker.errors.join("\n")) }
}

struct Checker<'e, 's> {
    source: &'e SourceInfo,
    text: &'e str,
    scope: Vec<(String, Type<'s>)>,
    errors: Vec<String>,
}

impl<'s> Checker<'_, 's> {
    /// Notes a mistake at a byte of the text.
    fn wrong(&mut self, at: usize, why: &str) -> Type<'s> {
        let before = &self.text[..at.min(self.text.len())];
        let (line, start) = (before.matches('\n').count(), before.rfind('\n').map_or(0, |n| n + 1));
        let column = before[start..].chars().count();
        let shown = self.text[start..].lines().next().unwrap_or("");
        let (number, dots) = (line + 1, ".".repeat(column));
        self.errors.push(format!("ERROR: <input>:{number}:{}: {why}\n | {shown}\n | {dots}^", column + 1));
        Type::Dyn
    }

    fn at(&self, expression: &IdedExpr) -> usize {
        self.source.offset_for(expression.id).map_or(0, |(start, _)| start as usize)
    }

    fn infer(&mut self, expression: &IdedExpr) -> Type<'s> {
        match &expression.expr {
            Expr::Unspecified | Expr::Struct(_) => Type::Dyn,
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => Type::Bool,
                LiteralValue::Bytes(_) => Type::Bytes,
                LiteralValue::Double(_) => Type::Double,
                LiteralValue::Int(_) => Type::Int,
                LiteralValue::Null => Type::Null,
                LiteralValue::String(_) => Type::Text,
                LiteralValue::UInt(_) => Type::UInt,
            },
            Expr::Ident(name) => self.named(expression, name),
            Expr::Select(select) => self.select(expression, select),
            Expr::List(list) => {
                let of: Vec<Type> = list.elements.iter().map(|e| self.infer(e)).collect();
                Type::List(Box::new(joined(of)))
            }
            Expr::Map(map) => {
                let mut values = Vec::new();
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.infer(&entry.key);
                        values.push(self.infer(&entry.value));
                    }
                }
                Type::Map(Box::new(joined(values)))
            }
            Expr::Comprehension(of) => self.comprehension(of),
            Expr::Call(call) => self.call(expression, call),
        }
    }

    fn named(&mut self, expression: &IdedExpr, name: &str) -> Type<'s> {
        if let Some((_, of)) = self.scope.iter().rev().find(|(known, _)| known == name) {
            return of.clone();
        }
        if name.starts_with('@') || NAMES.contains(&name) {
            return Type::Dyn;
        }
        let at = self.at(expression);
        self.wrong(at, &format!("undeclared reference to '{name}' (in container '')"))
    }

    fn select(&mut self, expression: &IdedExpr, select: &SelectExpr) -> Type<'s> {
        let operand = self.infer(&select.operand);
        let found = operand.field(&select.field);
        let at = self.dot(expression, select);
        let of = match found {
            Some(of) => of,
            None if matches!(operand, Type::Object(_) | Type::Resource(_) | Type::Metadata) => {
                self.wrong(at, &format!("undefined field '{}'", select.field))
            }
            None => self.wrong(at, &format!("type '{operand}' does not support field selection")),
        };
        if select.test { Type::Bool } else { of }
    }

    /// Where the dot of a selection stands.
    fn dot(&self, expression: &IdedExpr, select: &SelectExpr) -> usize {
        let from = self.at(&select.operand).max(self.at(expression).saturating_sub(1));
        let wanted = format!(".{}", select.field);
        self.text[from..].find(&wanted).map_or(from, |at| from + at)
    }

    fn comprehension(&mut self, of: &ComprehensionExpr) -> Type<'s> {
        let range = self.infer(&of.iter_range);
        let depth = self.scope.len();
        let (first, second) = match range {
            Type::List(item) if of.iter_var2.is_some() => (Type::Int, *item),
            Type::List(item) => (*item, Type::Dyn),
            Type::Map(value) => (Type::Text, *value),
            Type::Object(_) | Type::Resource(_) | Type::Metadata | Type::Dyn => (Type::Dyn, Type::Dyn),
            other => {
                let at = self.at(&of.iter_range);
                let why = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                (self.wrong(at, &why), Type::Dyn)
            }
        };
        let start = self.infer(&of.accu_init);
        let start = if matches!(start, Type::List(_) | Type::Map(_)) { Type::Dyn } else { start };
        self.scope.push((of.accu_var.clone(), start));
        self.scope.push((of.iter_var.clone(), first));
        self.scope.extend(of.iter_var2.clone().map(|name| (name, second)));
        self.infer(&of.loop_cond);
        let step = self.infer(&of.loop_step);
        self.scope.truncate(depth);
        self.scope.push((of.accu_var.clone(), step));
        let result = self.infer(&of.result);
        self.scope.truncate(depth);
        result
    }

    fn call(&mut self, expression: &IdedExpr, call: &CallExpr) -> Type<'s> {
        let target = call.target.as_deref().map(|t| self.infer(t));
        let of: Vec<Type> = call.args.iter().map(|a| self.infer(a)).collect();
        let result = match (target.is_some(), call.func_name.as_str(), of.as_slice()) {
            (false, name, [a, b]) => binary(name, a, b),
            (false, "!_", [a]) => a.fits(&Type::Bool).then_some(Type::Bool),
            (false, "-_", [a]) => (a == &Type::Dyn || a.is_number()).then(|| a.clone()),
            (false, "_?_:_", [condition, a, b]) => {
                let fits = condition.fits(&Type::Bool) && a.fits(b);
                fits.then(|| joined(vec![a.clone(), b.clone()]))
            }
            (_, name, _) => Some(returned(name)),
        };
        result.unwrap_or_else(|| {
            let shown: Vec<String> = of.iter().map(ToString::to_string).collect();
            let why = format!(
                "found no matching overload for '{}' applied to '({})'",
                call.func_name,
                shown.join(", ")
            );
            let at = self.at(expression);
            self.wrong(at, &why)
        })
    }
}

/// What an operator makes of two values. `None` when it makes nothing of them.
fn binary<'s>(name: &str, a: &Type<'s>, b: &Type<'s>) -> Option<Type<'s>> {
    let unknown = a == &Type::Dyn || b == &Type::Dyn;
    let numbers = a.is_number() && b.is_number();
    match name {
        "_&&_" | "_||_" => (a.fits(&Type::Bool) && b.fits(&Type::Bool)).then_some(Type::Bool),
        "_==_" | "_!=_" => a.fits(b).then_some(Type::Bool),
        "_<_" | "_<=_" | "_>_" | "_>=_" => {
            let ordered = !matches!(a, Type::List(_) | Type::Map(_) | Type::Null);
            (unknown || numbers || (ordered && a.fits(b))).then_some(Type::Bool)
        }
        "_+_" => match (a, b) {
            _ if unknown => Some(Type::Dyn),
            (Type::Timestamp, Type::Duration) | (Type::Duration, Type::Timestamp) => Some(Type::Timestamp),
            (Type::List(x), Type::List(y)) => {
                Some(Type::List(Box::new(joined(vec![(**x).clone(), (**y).clone()]))))
            }
            (Type::Bool | Type::Null | Type::Map(_) | Type::Timestamp, _) => None,
            _ => a.fits(b).then(|| a.clone()),
        },
        "_-_" => match (a, b) {
            _ if unknown => Some(Type::Dyn),
            (Type::Timestamp, Type::Timestamp) => Some(Type::Duration),
            (Type::Timestamp | Type::Duration, Type::Duration) => Some(a.clone()),
            _ => (numbers && a == b).then(|| a.clone()),
        },
        "_*_" | "_/_" | "_%_" => (unknown || (numbers && a == b)).then(|| a.clone()),
        "@in" => match b {
            Type::List(item) => a.fits(item).then_some(Type::Bool),
            Type::Map(_) => a.fits(&Type::Text).then_some(Type::Bool),
            Type::Dyn | Type::Object(_) | Type::Resource(_) => Some(Type::Bool),
            _ => None,
        },
        "_[_]" => match a {
            Type::List(item) => (b == &Type::Dyn || b.is_number()).then(|| (**item).clone()),
            Type::Map(value) => b.fits(&Type::Text).then(|| (**value).clone()),
            Type::Dyn => Some(Type::Dyn),
            _ => None,
        },
        name => Some(returned(name)),
    }
}

/// What functions return that always return the same.
fn returned<'s>(name: &str) -> Type<'s> {
    match name {
        "size" | "indexOf" | "lastIndexOf" | "int" => Type::Int,
        "startsWith"
        | "endsWith"
        | "contains"
        | "matches"
        | "isURL"
        | "isQuantity"
        | "isIP"
        | "isCIDR"
        | "hasValue"
        | "@not_strictly_false"
        | "bool"
        | "isSorted"
        | "containsIP"
        | "containsCIDR" => Type::Bool,
        "string" | "lowerAscii" | "upperAscii" | "trim" | "substring" | "replace" | "join" | "format" => {
            Type::Text
        }
        "double" => Type::Double,
        "uint" => Type::UInt,
        "bytes" => Type::Bytes,
        "duration" => Type::Duration,
        "timestamp" => Type::Timestamp,
        "split" | "findAll" => Type::List(Box::new(Type::Text)),
        _ => Type::Dyn,
    }
}

/// The type of what may be of any of these.
fn joined(all: Vec<Type>) -> Type {
    let mut all = all.into_iter();
    let Some(first) = all.next() else { return Type::Dyn };
    if all.all(|other| other == first) { first } else { Type::Dyn }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_makes_no_sense() {
        let schema: JSONSchemaProps = serde_json::from_value(json!({"type": "object", "properties": {
            "x": {"type": "integer"}, "s": {"type": "string"}, "l": {"type": "array", "items": {"type": "string"}},
            "m": {"type": "object", "additionalProperties": {"type": "integer"}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}))
        .unwrap();
        let variables = [("self", Type::Resource(&schema))];
        let first = |expression: &str| match check(expression, &variables) {
            Ok(of) => of.to_string(),
            Err(why) => why.lines().next().unwrap().to_owned(),
        };
        for (expression, expected) in [
            ("self.y > 1", "ERROR: <input>:1:5: undefined field 'y'"),
            ("self.x", "int"),
            ("self.x > 1 && size(self.s) < 3", "bool"),
            (
                "self.x == 'a'",
                "ERROR: <input>:1:8: found no matching overload for '_==_' applied to '(int, string)'",
            ),
            ("foo.bar", "ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')"),
            ("self.l.all(i, i.startsWith('a'))", "bool"),
            ("self.l.exists_one(i, i == 'a')", "bool"),
            ("self.l.map(i, size(i)).exists(n, n > 1)", "bool"),
            ("self.m.all(k, self.m[k] > 1)", "bool"),
            ("has(self.z)", "ERROR: <input>:1:9: undefined field 'z'"),
            ("self.free.anything.at.all == 1", "bool"),
            ("self.metadata.name == 'x' && self.kind != ''", "bool"),
            ("self.metadata.labels.size() == 0", "ERROR: <input>:1:14: undefined field 'labels'"),
            (
                "'%d' % 1",
                "ERROR: <input>:1:6: found no matching overload for '_%_' applied to '(string, int)'",
            ),
            ("self.x > 1 ? 'a' : 'b'", "string"),
        ] {
            assert_eq!(first(expression), expected, "{expression}");
        }
        let whole = check("self.y > 1", &variables).unwrap_err();
        assert_eq!(whole, "ERROR: <input>:1:5: undefined field 'y'\n | self.y > 1\n | ....^");
    }
}
