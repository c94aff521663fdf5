//! From JSON to protobuf.

use super::PREFIX;
use super::tables::{self, Code, Field, Many};
use super::wire::{put_bytes, put_field, put_number};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// Encodes an object in its envelope. `None` when its type is not known.
pub fn encode(object: &Value) -> Option<Vec<u8>> {
    let (api_version, kind) = (object["apiVersion"].as_str()?, object["kind"].as_str()?);
    let at = tables::find(api_version, kind)?;
    let mut meta = Vec::new();
    put_bytes(&mut meta, 1, api_version.as_bytes());
    put_bytes(&mut meta, 2, kind.as_bytes());
    let mut body = PREFIX.to_vec();
    put_bytes(&mut body, 1, &meta);
    put_bytes(&mut body, 2, &message(at, object.as_object()?));
    put_bytes(&mut body, 3, b"");
    put_bytes(&mut body, 4, b"");
    Some(body)
}

/// Encodes a watch's event: its length in four bytes, then its type 1 and its object 2.
pub fn encode_event(event: &Value) -> Option<Vec<u8>> {
    let (mut object, mut message) = (Vec::new(), Vec::new());
    put_bytes(&mut object, 1, &encode(&event["object"])?);
    put_bytes(&mut message, 1, event["type"].as_str()?.as_bytes());
    put_bytes(&mut message, 2, &object);
    Some([&u32::try_from(message.len()).ok()?.to_be_bytes(), message.as_slice()].concat())
}

/// The fields of a message, in the order of their numbers.
fn message(at: usize, object: &Map<String, Value>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut fields: Vec<&Field> = tables::fields(at).iter().collect();
    fields.sort_by_key(|f| f.number);
    for field in fields {
        if let ("*", Code::Message(inner)) = (field.name, field.code) {
            let bytes = message(inner, object);
            if !bytes.is_empty() {
                put_bytes(&mut out, field.number, &bytes);
            }
            continue;
        }
        let Some(value) = object.get(field.name).filter(|v| !v.is_null()) else { continue };
        match (field.many, value) {
            (Many::One, value) => put(&mut out, field.number, field.code, value),
            (Many::List, Value::Array(items)) => {
                for item in items {
                    put(&mut out, field.number, field.code, item);
                }
            }
            (Many::Map, Value::Object(map)) => {
                for (key, value) in map {
                    let mut entry = Vec::new();
                    put_bytes(&mut entry, 1, key.as_bytes());
                    put(&mut entry, 2, field.code, value);
                    put_bytes(&mut out, field.number, &entry);
                }
            }
            _ => {}
        }
    }
    out
}

/// One value. What does not fit the table is left out: objects of the store always do.
fn put(out: &mut Vec<u8>, number: u32, code: Code, value: &Value) {
    match (code, value) {
        (Code::Bool, Value::Bool(b)) => put_field(out, number, u64::from(*b)),
        (Code::Whole, Value::Number(n)) => put_field(out, number, n.as_i64().unwrap_or_default() as u64),
        (Code::Float, Value::Number(n)) => {
            put_number(out, u64::from(number) << 3 | 1);
            out.extend_from_slice(&n.as_f64().unwrap_or_default().to_le_bytes());
        }
        (code, value) => {
            if let Some(bytes) = bytes(code, value) {
                put_bytes(out, number, &bytes);
            }
        }
    }
}

/// The content of a field that has a length.
fn bytes(code: Code, value: &Value) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match (code, value) {
        (Code::Text, Value::String(text)) => return Some(text.clone().into_bytes()),
        (Code::Bytes, Value::String(text)) => return STANDARD.decode(text).ok(),
        (Code::Time | Code::MicroTime, Value::String(text)) => {
            let moment: jiff::Timestamp = text.parse().ok()?;
            put_field(&mut out, 1, moment.as_second() as u64);
            put_field(&mut out, 2, i64::from(moment.subsec_nanosecond()) as u64);
        }
        (Code::Quantity, Value::String(text)) => put_bytes(&mut out, 1, text.as_bytes()),
        (Code::Quantity, Value::Number(number)) => put_bytes(&mut out, 1, number.to_string().as_bytes()),
        (Code::IntOrString, Value::Number(number)) => {
            put_field(&mut out, 1, 0);
            put_field(&mut out, 2, number.as_i64()? as u64);
            put_bytes(&mut out, 3, b"");
        }
        (Code::IntOrString, Value::String(text)) => {
            put_field(&mut out, 1, 1);
            put_field(&mut out, 2, 0);
            put_bytes(&mut out, 3, text.as_bytes());
        }
        (Code::Duration, Value::String(text)) => {
            let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
            put_field(&mut out, 1, (seconds * 1e9) as i64 as u64);
        }
        (Code::Raw, value) => put_bytes(&mut out, 1, value.to_string().as_bytes()),
        (Code::Texts, Value::Array(items)) => {
            for item in items.iter().filter_map(Value::as_str) {
                put_bytes(&mut out, 1, item.as_bytes());
            }
        }
        (Code::SchemaOrBool, Value::Bool(allows)) => put_field(&mut out, 1, u64::from(*allows)),
        (Code::SchemaOrBool, Value::Object(schema)) => {
            put_field(&mut out, 1, 1);
            put_bytes(&mut out, 2, &message(tables::schema_type()?, schema));
        }
        (Code::SchemaOrList | Code::SchemaOrNames, Value::Object(schema)) => {
            put_bytes(&mut out, 1, &message(tables::schema_type()?, schema));
        }
        (Code::SchemaOrList, Value::Array(items)) => {
            let at = tables::schema_type()?;
            for schema in items.iter().filter_map(Value::as_object) {
                put_bytes(&mut out, 2, &message(at, schema));
            }
        }
        (Code::SchemaOrNames, Value::Array(items)) => {
            for name in items.iter().filter_map(Value::as_str) {
                put_bytes(&mut out, 2, name.as_bytes());
            }
        }
        (Code::Message(at), Value::Object(object)) => return Some(message(at, object)),
        _ => return None,
    }
    Some(out)
}
