//! From protobuf to JSON.

use super::tables::{self, Code, Field, Many};
use super::wire::{Reader, Wire};
use super::{Broken, PREFIX};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// How deep messages may stand in each other.
const DEPTH: usize = 100;

/// Decodes a body: the object in its envelope, as JSON with `apiVersion` and `kind`.
///
/// # Errors
/// When it is no such body, or names a type that is not known.
pub fn decode(body: &[u8]) -> Result<Value, Broken> {
    let Some(envelope) = body.strip_prefix(PREFIX) else {
        return Err(Broken::new(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
        ));
    };
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    let mut reader = Reader(envelope);
    while let Some(field) = reader.next()? {
        match field {
            (1, Wire::Bytes(meta)) => {
                let mut meta = Reader(meta);
                while let Some(field) = meta.next()? {
                    match field {
                        (1, Wire::Bytes(b)) => api_version = text(b),
                        (2, Wire::Bytes(b)) => kind = text(b),
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let Some(at) = tables::find(&api_version, &kind) else {
        return Err(Broken(format!("no kind \"{kind}\" is registered for version \"{api_version}\"")));
    };
    let mut object = Map::new();
    message(at, raw, 0, &mut object)?;
    object.insert("apiVersion".to_owned(), json!(api_version));
    object.insert("kind".to_owned(), json!(kind));
    Ok(Value::Object(object))
}

/// Reads the fields of a message into an object.
fn message(at: usize, bytes: &[u8], depth: usize, into: &mut Map<String, Value>) -> Result<(), Broken> {
    if depth > DEPTH {
        return Err(Broken::new("proto: exceeded maximum depth"));
    }
    let fields = tables::fields(at);
    let mut reader = Reader(bytes);
    while let Some((number, wire)) = reader.next()? {
        let Some(field) = fields.iter().find(|f| f.number == number) else { continue };
        if let ("*", Code::Message(inner), Wire::Bytes(bytes)) = (field.name, field.code, wire) {
            message(inner, bytes, depth + 1, into)?;
            continue;
        }
        match field.many {
            Many::One => {
                if let Some(value) = value(field, wire, depth)? {
                    into.insert(field.name.to_owned(), value);
                }
            }
            Many::List => {
                let value = value(field, wire, depth)?;
                if let Some(list) = into.entry(field.name).or_insert_with(|| json!([])).as_array_mut() {
                    list.extend(value);
                }
            }
            Many::Map => {
                let (key, value) = entry(field, wire, depth)?;
                if let Some(map) = into.entry(field.name).or_insert_with(|| json!({})).as_object_mut() {
                    map.insert(key, value);
                }
            }
        }
    }
    Ok(())
}

/// One entry of a map: key 1, value 2.
fn entry(field: &Field, wire: Wire<'_>, depth: usize) -> Result<(String, Value), Broken> {
    let Wire::Bytes(bytes) = wire else { return Err(wrong(field)) };
    let (mut key, mut found) = (String::new(), None);
    let mut reader = Reader(bytes);
    while let Some(part) = reader.next()? {
        match part {
            (1, Wire::Bytes(b)) => key = text(b),
            (2, wire) => found = value(field, wire, depth)?,
            _ => {}
        }
    }
    let empty = || if matches!(field.code, Code::Message(_)) { json!({}) } else { json!("") };
    Ok((key, found.unwrap_or_else(empty)))
}

/// What one field holds; `None` for a moment that is not set.
fn value(field: &Field, wire: Wire<'_>, depth: usize) -> Result<Option<Value>, Broken> {
    Ok(Some(match (field.code, wire) {
        (Code::Text, Wire::Bytes(bytes)) => json!(text(bytes)),
        (Code::Bool, Wire::Number(n)) => json!(n != 0),
        (Code::Whole, Wire::Number(n)) => json!(n as i64),
        (Code::Float, Wire::Eight(bits)) => json!(f64::from_bits(bits)),
        (Code::Bytes, Wire::Bytes(bytes)) => json!(STANDARD.encode(bytes)),
        (Code::Time | Code::MicroTime, Wire::Bytes(bytes)) => return moment(bytes, field.code),
        (Code::Quantity, Wire::Bytes(bytes)) => json!(part(bytes, 1)?.map_or(String::new(), text)),
        (Code::IntOrString, Wire::Bytes(bytes)) => int_or_string(bytes)?,
        (Code::Duration, Wire::Bytes(bytes)) => {
            let mut reader = Reader(bytes);
            let nanos = match reader.next()? {
                Some((1, Wire::Number(n))) => n as i64,
                _ => 0,
            };
            json!(format!("{}s", nanos as f64 / 1e9))
        }
        (Code::Raw, Wire::Bytes(bytes)) => match part(bytes, 1)? {
            Some(raw) if !raw.is_empty() => crate::json::parse(raw).map_err(|e| Broken(e.message))?.value,
            _ => Value::Null,
        },
        (Code::Texts, Wire::Bytes(bytes)) => {
            let (mut list, mut reader) = (Vec::new(), Reader(bytes));
            while let Some(item) = reader.next()? {
                if let (1, Wire::Bytes(b)) = item {
                    list.push(json!(text(b)));
                }
            }
            Value::Array(list)
        }
        (Code::SchemaOrBool | Code::SchemaOrList | Code::SchemaOrNames, Wire::Bytes(bytes)) => {
            schema_or(field.code, bytes, depth)?
        }
        (Code::Message(at), Wire::Bytes(bytes)) => {
            let mut inner = Map::new();
            message(at, bytes, depth + 1, &mut inner)?;
            Value::Object(inner)
        }
        _ => return Err(wrong(field)),
    }))
}

fn wrong(field: &Field) -> Broken {
    Broken(format!("proto: wrong wireType for field {}", field.name))
}

/// Go keeps bytes that are no text; JSON cannot, so they are replaced, as its JSON encoder does.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The bytes of a field of a small message.
fn part(bytes: &[u8], number: u32) -> Result<Option<&[u8]>, Broken> {
    let mut reader = Reader(bytes);
    let mut found = None;
    while let Some(field) = reader.next()? {
        match field {
            (n, Wire::Bytes(b)) if n == number => found = Some(b),
            _ => {}
        }
    }
    Ok(found)
}

/// Seconds 1, nanoseconds 2.
fn moment(bytes: &[u8], code: Code) -> Result<Option<Value>, Broken> {
    let (mut seconds, mut nanos, mut reader) = (0, 0, Reader(bytes));
    while let Some(field) = reader.next()? {
        match field {
            (1, Wire::Number(n)) => seconds = n as i64,
            (2, Wire::Number(n)) => nanos = n as i32,
            _ => {}
        }
    }
    if bytes.is_empty() {
        return Ok(None);
    }
    let moment = jiff::Timestamp::new(seconds, nanos.clamp(0, 999_999_999));
    let moment = moment.map_err(|_| Broken::new("proto: a moment outside of all years"))?;
    Ok(Some(json!(if code == Code::Time { format!("{moment:.0}") } else { format!("{moment:.6}") })))
}

/// Its type 1 (1 for text), the number 2, the text 3.
fn int_or_string(bytes: &[u8]) -> Result<Value, Broken> {
    let (mut is_text, mut number, mut string, mut reader) = (false, 0, String::new(), Reader(bytes));
    while let Some(field) = reader.next()? {
        match field {
            (1, Wire::Number(n)) => is_text = n == 1,
            (2, Wire::Number(n)) => number = n as i32,
            (3, Wire::Bytes(b)) => string = text(b),
            _ => {}
        }
    }
    Ok(if is_text { json!(string) } else { json!(number) })
}

/// A schema, or what may stand for one.
fn schema_or(code: Code, bytes: &[u8], depth: usize) -> Result<Value, Broken> {
    let schema = |bytes: &[u8]| {
        let mut inner = Map::new();
        let at = tables::schema_type().ok_or_else(|| Broken::new("no schemas"))?;
        message(at, bytes, depth + 1, &mut inner)?;
        Ok::<Value, Broken>(Value::Object(inner))
    };
    let (mut allows, mut list, mut found, mut reader) = (false, Vec::new(), None, Reader(bytes));
    while let Some(field) = reader.next()? {
        match (code, field) {
            (Code::SchemaOrBool, (1, Wire::Number(n))) => allows = n != 0,
            (Code::SchemaOrBool, (2, Wire::Bytes(b))) | (_, (1, Wire::Bytes(b))) => found = Some(schema(b)?),
            (Code::SchemaOrList, (2, Wire::Bytes(b))) => list.push(schema(b)?),
            (Code::SchemaOrNames, (2, Wire::Bytes(b))) => list.push(json!(text(b))),
            _ => {}
        }
    }
    Ok(match (found, code) {
        (Some(schema), _) => schema,
        (None, Code::SchemaOrBool) => json!(allows),
        (None, _) => Value::Array(list),
    })
}
