//! The table of field numbers, read once from `assets/protobuf.txt`.

use crate::assets;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Kinds and messages with their fields.
const SOURCE: &str = "protobuf.txt";

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Text.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Whole,
    /// A float.
    Float,
    /// Bytes; base64 in JSON.
    Bytes,
    /// A moment, in seconds.
    Time,
    /// A moment, in microseconds.
    MicroTime,
    /// A quantity.
    Quantity,
    /// A number or text.
    IntOrString,
    /// A duration.
    Duration,
    /// JSON as it is.
    Raw,
    /// A message around a list of text.
    Texts,
    /// A schema, or `true` or `false`.
    SchemaOrBool,
    /// A schema, or a list of them.
    SchemaOrList,
    /// A schema, or a list of names.
    SchemaOrNames,
    /// A message of the type with this place in the table.
    Message(usize),
}

/// How many of them a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Many {
    /// One.
    One,
    /// A list.
    List,
    /// A map with text as keys.
    Map,
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its number.
    pub number: u32,
    /// Its name in JSON; `*` when its own fields stand in the holder.
    pub name: &'static str,
    /// What it holds.
    pub code: Code,
    /// How many.
    pub many: Many,
}

#[derive(Debug)]
struct Tables {
    types: Vec<Vec<Field>>,
    by_name: BTreeMap<(&'static str, &'static str), usize>,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(read)
}

/// The fields of a type.
pub fn fields(at: usize) -> &'static [Field] {
    &tables().types[at]
}

/// The type of `JSONSchemaProps`, which refers to itself in ways of its own.
pub fn schema_type() -> Option<usize> {
    tables().by_name.get(&("apiextensions/v1", "JSONSchemaProps")).copied()
}

/// The type of `apiVersion` and `kind`.
pub fn find(api_version: &str, kind: &str) -> Option<usize> {
    let (group, version) = api_version.split_once('/').unwrap_or(("core", api_version));
    let package = format!("{}/{version}", group.split('.').next().unwrap_or(group));
    let by_name = &tables().by_name;
    let own = by_name.iter().find(|((p, name), _)| *p == package && *name == kind).map(|(_, at)| *at);
    // Options are sent in the version of what they are about; a Status has the version alone.
    own.or_else(|| by_name.get(&("meta/v1", known_everywhere(kind)?)).copied())
}

fn known_everywhere(kind: &str) -> Option<&'static str> {
    let kinds = [
        "DeleteOptions",
        "CreateOptions",
        "UpdateOptions",
        "PatchOptions",
        "ListOptions",
        "GetOptions",
        "Status",
        "WatchEvent",
        "Table",
        "PartialObjectMetadata",
        "PartialObjectMetadataList",
    ];
    kinds.into_iter().find(|k| *k == kind)
}

/// The field with this name, also where its message's fields stand in the holder.
#[cfg(test)]
pub fn field_by_name(at: usize, name: &str) -> Option<&'static Field> {
    let all = fields(at);
    let inner = |outer: &Field| match outer.code {
        Code::Message(inner) if outer.name == "*" => field_by_name(inner, name),
        _ => None,
    };
    all.iter().find(|f| f.name == name).or_else(|| all.iter().find_map(inner))
}

fn read() -> Tables {
    let mut by_name = BTreeMap::new();
    let mut lines = Vec::new();
    let mut package = "";
    for line in assets::text(SOURCE).lines().filter(|l| !l.starts_with('#')) {
        if let Some(opened) = line.strip_prefix('/') {
            package = opened;
            continue;
        }
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        by_name.insert((package, name), lines.len());
        lines.push((package, rest));
    }
    let types = lines
        .iter()
        .map(|(package, rest)| rest.split(' ').filter_map(|word| field(word, package, &by_name)).collect())
        .collect();
    Tables { types, by_name }
}

fn field(
    word: &'static str,
    package: &'static str,
    by_name: &BTreeMap<(&'static str, &'static str), usize>,
) -> Option<Field> {
    let (head, code) = word.rsplit_once(':')?;
    let name = head.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = head[..head.len() - name.len()].parse().ok()?;
    let (many, code) = match (code.strip_prefix("[]"), code.strip_prefix("{}")) {
        (Some(code), _) => (Many::List, code),
        (_, Some(code)) => (Many::Map, code),
        _ => (Many::One, code),
    };
    let code = match code {
        "s" => Code::Text,
        "b" => Code::Bool,
        "i" => Code::Whole,
        "d" => Code::Float,
        "y" => Code::Bytes,
        "T" => Code::Time,
        "M" => Code::MicroTime,
        "Q" => Code::Quantity,
        "I" => Code::IntOrString,
        "D" => Code::Duration,
        "R" => Code::Raw,
        "L" => Code::Texts,
        "1" => Code::SchemaOrBool,
        "2" => Code::SchemaOrList,
        "3" => Code::SchemaOrNames,
        message => Code::Message(*by_name.get(&message.rsplit_once('.').unwrap_or((package, message)))?),
    };
    Some(Field { number, name, code, many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let words = assets::text(SOURCE)
            .lines()
            .filter(|l| !l.starts_with(['#', '/']))
            .map(|l| l.split(' ').count() - 1);
        let fields: usize = tables().types.iter().map(Vec::len).sum();
        assert_eq!(fields, words.sum::<usize>());
    }
}
