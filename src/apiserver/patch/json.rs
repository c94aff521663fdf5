//! JSON patch (RFC 6902): add, remove, replace, move, copy and test.

use crate::apiserver::ApiError;
use serde_json::Value;

/// The most operations that one patch may have.
const LIMIT: usize = 10_000;

/// How many bytes all `copy` operations together may add: what a body may have (`jsonpatch.AccumulatedCopySizeLimit`).
const COPY_LIMIT: usize = 3 << 20;

/// How many values all `move` operations together may carry.
const MOVE_LIMIT: usize = 10_000_000;

/// How deep a document may become. Go has no such limit, its stacks grow.
const DEPTH_LIMIT: usize = 256;

/// What the operations of a patch may still copy and move.
struct Left {
    copied: usize,
    moved: usize,
}

/// Applies the operations in order.
///
/// # Errors
/// 400 when it is no list of operations, 413 when there are too many, 422 when one does not apply.
pub fn apply(old: &Value, patch: &Value) -> Result<Value, ApiError> {
    let Value::Array(operations) = patch else {
        let what = if patch.is_object() { "object" } else { "string" };
        return Err(ApiError::bad_request(format!(
            "json: cannot unmarshal {what} into Go value of type jsonpatch.Patch"
        )));
    };
    if operations.len() > LIMIT {
        let message =
            format!("The allowed maximum operations in a JSON patch is {LIMIT}, got {}", operations.len());
        return Err(ApiError::new(413, "RequestEntityTooLarge", message));
    }
    let mut document = old.clone();
    let mut left = Left { copied: COPY_LIMIT, moved: MOVE_LIMIT };
    for operation in operations {
        step(&mut document, operation, &mut left).ok_or_else(rejected)?;
    }
    Ok(document)
}

/// The server says no more than this of an operation that does not apply.
fn rejected() -> ApiError {
    ApiError::new(422, "Invalid", "the server rejected our request due to an error in our request")
}

fn step(document: &mut Value, operation: &Value, left: &mut Left) -> Option<()> {
    let path = pointer(operation["path"].as_str()?)?;
    match operation["op"].as_str()? {
        "add" => add(document, &path, operation.get("value")?.clone()),
        "remove" => remove(document, &path).map(drop),
        "replace" => {
            let place = find(document, &path)?;
            *place = operation.get("value").cloned().unwrap_or(Value::Null);
            Some(())
        }
        "test" => {
            let expected = operation.get("value").unwrap_or(&Value::Null);
            let found = find(document, &path);
            let equal = found.map_or(expected.is_null(), |v| v == expected);
            equal.then_some(())
        }
        "move" => {
            let value = remove(document, &pointer(operation["from"].as_str()?)?)?;
            is_shallow(&value, path.len(), &mut left.moved).then_some(())?;
            add(document, &path, value)
        }
        "copy" => {
            let value = find(document, &pointer(operation["from"].as_str()?)?)?;
            left.copied = left.copied.checked_sub(value.to_string().len())?;
            is_shallow(value, path.len(), &mut left.moved).then_some(())?;
            let value = value.clone();
            add(document, &path, value)
        }
        _ => None,
    }
}

/// The parts of a JSON pointer, with `~1` and `~0` read.
fn pointer(text: &str) -> Option<Vec<String>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let parts = text.strip_prefix('/')?.split('/');
    let parts: Vec<String> = parts.map(|p| p.replace("~1", "/").replace("~0", "~")).collect();
    (parts.len() < DEPTH_LIMIT).then_some(parts)
}

/// Whether a value may stand so many levels down. Every value in it is taken from `left`.
fn is_shallow(value: &Value, level: usize, left: &mut usize) -> bool {
    if level >= DEPTH_LIMIT || *left == 0 {
        return false;
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter().all(|v| is_shallow(v, level + 1, left)),
        Value::Object(map) => map.values().all(|v| is_shallow(v, level + 1, left)),
        _ => true,
    }
}

fn find<'a>(document: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(document, |at, part| match at {
        Value::Object(map) => map.get_mut(part),
        Value::Array(items) => {
            let index = position(part, items.len())?;
            items.get_mut(index)
        }
        _ => None,
    })
}

/// An index; a negative one counts from the end, as the server's library has it.
fn position(part: &str, length: usize) -> Option<usize> {
    let index: i64 = part.parse().ok()?;
    let index = if index < 0 { index + i64::try_from(length).ok()? } else { index };
    usize::try_from(index).ok()
}

fn add(document: &mut Value, path: &[String], value: Value) -> Option<()> {
    let Some((last, parents)) = path.split_last() else {
        *document = value;
        return Some(());
    };
    match find(document, parents)? {
        Value::Object(map) => {
            map.insert(last.clone(), value);
        }
        Value::Array(items) => {
            let index = if last == "-" { items.len() } else { position(last, items.len() + 1)? };
            if index > items.len() {
                return None;
            }
            items.insert(index, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(document: &mut Value, path: &[String]) -> Option<Value> {
    let (last, parents) = path.split_last()?;
    match find(document, parents)? {
        Value::Object(map) => map.remove(last),
        Value::Array(items) => {
            let index = position(last, items.len())?;
            (index < items.len()).then(|| items.remove(index))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations() {
        let old = json!({"a": {"x/y": 1}, "list": [1, 2]});
        for (patch, expected) in [
            (
                json!([{"op": "add", "path": "/a/b", "value": 2}]),
                Some(json!({"a": {"x/y": 1, "b": 2}, "list": [1, 2]})),
            ),
            (
                json!([{"op": "add", "path": "/list/-", "value": 3}]),
                Some(json!({"a": {"x/y": 1}, "list": [1, 2, 3]})),
            ),
            (
                json!([{"op": "add", "path": "/list/0", "value": 0}]),
                Some(json!({"a": {"x/y": 1}, "list": [0, 1, 2]})),
            ),
            (json!([{"op": "remove", "path": "/a/x~1y"}]), Some(json!({"a": {}, "list": [1, 2]}))),
            (
                json!([{"op": "move", "from": "/list/0", "path": "/first"}]),
                Some(json!({"a": {"x/y": 1}, "list": [2], "first": 1})),
            ),
            (json!([{"op": "test", "path": "/list/1", "value": 9}]), None),
            (json!([{"op": "remove", "path": "/nope"}]), None),
            (json!([{"op": "replace", "path": "/nope/deep", "value": 1}]), None),
            (json!([{"op": "add", "path": "/list/7", "value": 1}]), None),
        ] {
            assert_eq!(apply(&old, &patch).ok(), expected, "{patch}");
        }
    }

    #[test]
    fn a_document_grows_within_limits() {
        let doubles = vec![json!({"op": "copy", "from": "", "path": "/a"}); LIMIT];
        assert_eq!(apply(&json!({"b": "x"}), &json!(doubles)).unwrap_err().code, 422);
        let mut nests = vec![json!({"op": "add", "path": "/0", "value": {}})];
        for n in 1..LIMIT / 2 {
            nests.push(json!({"op": "add", "path": format!("/{n}"), "value": {}}));
            nests.push(json!({"op": "move", "from": format!("/{}", n - 1), "path": format!("/{n}/x")}));
        }
        assert_eq!(apply(&json!({}), &json!(nests)).unwrap_err().code, 422);
    }
}
