//! Admission plugins, in the real server's order: what may be changed or refused before validation.

use super::{ApiError, ApiServer, Origin};
use crate::object::Object;

/// Admission of a creation: may change the object.
///
/// # Errors
/// What a plugin refuses.
pub fn admit_create(_api: &mut ApiServer, _object: &mut Object, _origin: &Origin) -> Result<(), ApiError> {
    Ok(())
}

/// Admission of an update.
///
/// # Errors
/// What a plugin refuses.
pub fn admit_update(
    _api: &mut ApiServer,
    _object: &mut Object,
    _old: &Object,
    _origin: &Origin,
) -> Result<(), ApiError> {
    Ok(())
}

/// Admission of a deletion.
///
/// # Errors
/// What a plugin refuses.
pub fn admit_delete(_api: &ApiServer, _object: &Object) -> Result<(), ApiError> {
    Ok(())
}
