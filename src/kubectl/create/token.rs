//! `kubectl create token`: asks the server for a token of a service account.

use crate::apiserver::{Method, Request};
use crate::kubectl::call::Call;
use crate::kubectl::errors::Outcome;
use serde_json::json;

/// Asks and prints the token.
pub async fn run(call: Call) -> Outcome<()> {
    let [name] = call.args() else {
        return Err(call.usage(format!("exactly one NAME is required, got {}", call.args().len())));
    };
    let mut spec = json!({"audiences": call.flags.list("audience")});
    let seconds = call.flags.duration("duration") / 1_000_000_000;
    if seconds != 0 {
        spec["expirationSeconds"] = json!(seconds);
    }
    let (kind, bound) = (call.flags.text("bound-object-kind"), call.flags.text("bound-object-name"));
    if !kind.is_empty() {
        spec["boundObjectRef"] = json!({"apiVersion": "v1", "kind": kind, "name": bound});
    }
    let path = format!("/api/v1/namespaces/{}/serviceaccounts/{name}/token", call.namespace()?);
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    let answer = call.request(Request::with_body(Method::Post, path, body)).await;
    let answer = answer.map_err(|failure| format!("failed to create token: {}", failure.message()))?;
    call.line(answer["status"]["token"].as_str().unwrap_or(""));
    Ok(())
}
