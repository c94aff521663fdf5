//! Validation: every wrong field of an object at once, with its path, in the real server's words.

use super::{FieldError, Part};
use crate::object::Object;

/// What is wrong with a new object.
pub fn create(_object: &Object) -> Vec<FieldError> {
    Vec::new()
}

/// What is wrong with a changed object, immutable fields included.
pub fn update(_object: &Object, _old: &Object, _part: Part) -> Vec<FieldError> {
    Vec::new()
}
