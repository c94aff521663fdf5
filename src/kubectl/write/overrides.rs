//! `--overrides`: JSON that is laid over what a generator made.

use crate::apiserver::patch;
use crate::kubectl::call::Call;
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::flags::Flag;
use crate::kubectl::write::Patch;
use crate::object::Kind;
use serde_json::Value;

/// `--overrides` and `--override-type`.
pub const FLAGS: &[Flag] = &[
    Flag::text("overrides", "", "JSON that is laid over the object"),
    Flag::text("override-type", "merge", "How it is laid over: json, merge or strategic"),
];

/// The object with the overrides of the command line.
///
/// # Errors
/// When they are no JSON, or do not fit.
pub fn apply(call: &Call, object: Value) -> Outcome<Value> {
    let text = call.flags.text("overrides");
    if text.is_empty() {
        return Ok(object);
    }
    let kind = match call.flags.text("override-type") {
        "merge" => Patch::Merge,
        "json" => Patch::Json,
        "strategic" => Patch::Strategic,
        other => return Err(format!("invalid override type: {other}").into()),
    };
    let invalid = |_| Failure::new("Invalid JSON Patch");
    let overrides: Value = serde_json::from_str(text).map_err(invalid)?;
    let field = |name: &str| object[name].as_str().unwrap_or("");
    let Some(known) = Kind::find(field("apiVersion"), field("kind")) else { return Ok(object) };
    patch::apply(known, &object, &overrides, kind.content_type())
        .map_err(|error| Failure::Status(error.to_value()))
}
