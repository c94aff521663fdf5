//! `serviceaccounts/token`: a token for whoever may ask for one.

use super::token::{self, Wanted};
use crate::apiserver::{ApiError, ApiServer, FieldError};
use crate::object::{Kind, ObjectKey, Pod, meta::MetaExt};
use k8s_openapi::api::core::v1::ServiceAccount;
use serde_json::{Value, json};

const GROUP: &str = "authentication.k8s.io";
/// An hour, when the request does not say how long.
const DEFAULT_SECONDS: i64 = 3600;

impl ApiServer {
    /// Answers a `TokenRequest` for an account.
    ///
    /// # Errors
    /// `Invalid` for a lifetime that is too short or too long; `NotFound`, `Conflict` or `BadRequest` for an object that
    /// the token cannot be bound to.
    pub fn request_token(&self, account: &ServiceAccount, body: &Value) -> Result<Value, ApiError> {
        let (name, namespace) = (account.name_str(), account.namespace_str());
        let spec = &body["spec"];
        let seconds = spec["expirationSeconds"].as_i64().unwrap_or(DEFAULT_SECONDS);
        check_lifetime(name, seconds)?;
        let listed = spec["audiences"].as_array().into_iter().flatten();
        let audiences: Vec<String> = listed.filter_map(|a| a.as_str().map(str::to_owned)).collect();
        let reference = &spec["boundObjectRef"];
        let text = |key: &str| reference[key].as_str().unwrap_or("");
        let mut wanted = Wanted { namespace, account: name, audiences, seconds, ..Wanted::default() };
        let bound = self.bound_object(account, reference)?;
        if let Some(uid) = &bound {
            wanted.bound = Some((text("kind"), text("name"), uid));
        }
        let node = self.store.find::<Pod>(namespace, text("name")).and_then(|p| p.spec.node_name.clone());
        if text("kind") == "Pod" {
            wanted.node = node.as_deref();
        }
        let token = token::issue(self, &wanted);
        let shown = match &bound {
            None => Value::Null,
            Some(uid) => json!({"kind": text("kind"), "apiVersion": "v1", "name": text("name"), "uid": uid}),
        };
        let audiences =
            if wanted.audiences.is_empty() { vec![token::AUDIENCE.to_owned()] } else { wanted.audiences };
        Ok(json!({
            "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": name, "namespace": namespace, "creationTimestamp": self.now.to_api()},
            "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": shown},
            "status": {"token": token, "expirationTimestamp": self.now.plus_seconds(seconds as u64).to_api()},
        }))
    }

    /// The uid of the object that a token is to be bound to.
    fn bound_object(&self, account: &ServiceAccount, reference: &Value) -> Result<Option<String>, ApiError> {
        let text = |key: &str| reference[key].as_str().unwrap_or("");
        let (kind, name) = (text("kind"), text("name"));
        let (kind, namespace) = match (kind, text("apiVersion")) {
            ("", _) => return Ok(None),
            ("Pod", "v1") => (Kind::Pod, account.namespace_str()),
            ("Secret", "v1") => (Kind::Secret, account.namespace_str()),
            ("Node", "v1") => (Kind::Node, ""),
            (kind, version) => {
                let (group, version) = version.split_once('/').unwrap_or(("", version));
                let message = format!("cannot bind token to object of type {group}/{version}, Kind={kind}");
                return Err(ApiError::bad_request(message));
            }
        };
        let object = self.store.get(&ObjectKey::new(kind, namespace, name));
        let object = object.ok_or_else(|| ApiError::not_found(kind, name))?;
        let other = object.cast::<Pod>().and_then(|p| p.spec.service_account_name.as_deref());
        if other.is_some_and(|other| other != account.name_str()) {
            return Err(ApiError::bad_request(format!(
                "cannot bind token for serviceaccount {:?} to pod running with different serviceaccount name.",
                account.name_str()
            )));
        }
        let (asked, uid) = (text("uid"), object.uid_str());
        if !asked.is_empty() && asked != uid {
            let why = format!(
                "the UID in the bound object reference ({asked}) does not match the UID in record. The object might have been deleted and then recreated"
            );
            return Err(ApiError::conflict(kind, name, &why));
        }
        Ok(Some(uid.to_owned()))
    }
}

fn check_lifetime(name: &str, seconds: i64) -> Result<(), ApiError> {
    let why = if seconds < 600 {
        "may not specify a duration less than 10 minutes"
    } else if seconds > 1 << 32 {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(());
    };
    let cause = FieldError::invalid("spec.expirationSeconds", &json!(seconds), why);
    let message = format!("TokenRequest.{GROUP} \"{name}\" is invalid: {}: {}", cause.field, cause.message);
    let error = ApiError::new(422, "Invalid", message);
    Err(ApiError {
        name: name.to_owned(),
        group: GROUP.into(),
        kind: "TokenRequest".into(),
        causes: vec![cause],
        ..error
    })
}
