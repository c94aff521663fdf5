//! The pod subresources that need the node: `log`, `exec`, `attach`.

use crate::apiserver::{Request, Response, User};
use crate::cluster::Cluster;

/// Serves the pod subresources that need the node: `log`, `exec`, `attach`. `None` for any other request.
pub fn serve(_cluster: &mut Cluster, _request: &Request, _user: &User) -> Option<Response> {
    None
}
