//! Paths and verbs: from a request to the typed calls, and back to JSON.

use super::{ApiError, ApiServer, Part, Request, Response, User};
use crate::apiserver::store::Cause;
use crate::object::Object;

impl ApiServer {
    /// Serves one request of an authenticated user.
    pub fn handle(&mut self, request: &Request, _user: &User, _cause: Cause) -> Response {
        let _ = request;
        Response::error(&ApiError::no_such_path())
    }
}

/// Takes the part that this write may not change from the stored object: `status` for a write of the spec, and
/// everything else for a write of the status.
pub fn keep_other_part(_object: &mut Object, _old: &Object, _part: Part) {}
