//! `CertificateSigningRequests`: who asks, what may be asked, and who may approve and sign.
//!
//! Always holds: who asks is written down by the server and never changes; what a request asks for neither; only
//! `approval` approves and denies, only `status` has the certificate.

mod request;
mod rules;

pub use request::{KeyKind, SigningRequest};
pub use rules::check;

use super::authorization::{Attributes, decide, reviews};
use super::{ApiError, ApiServer, FieldError, Origin};
use crate::object::{DynamicObject, Kind, Object, SimTime, meta::MetaExt};
use base64::Engine;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The group of the kind.
const GROUP: &str = "certificates.k8s.io";

/// The signer of certificates that the API server takes for a client's.
pub const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
/// The signer of kubelets' certificates as clients.
pub const KUBELET_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
/// The signer of kubelets' certificates as servers.
pub const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";
/// The signer of old, that the newest API does not take requests for.
const LEGACY: &str = "kubernetes.io/legacy-unknown";

/// What a condition says that is decided for good.
const DECISIONS: [&str; 2] = ["Approved", "Denied"];

/// The request for a certificate in an object, if it is one.
pub fn of(object: &Object) -> Option<&Arc<DynamicObject>> {
    let Object::Dynamic(inner) = object else { return None };
    let info = inner.kind.info();
    ((info.group, info.kind) == (GROUP, "CertificateSigningRequest")).then_some(inner)
}

fn of_mut(object: &mut Object) -> Option<&mut DynamicObject> {
    of(object)?;
    let Object::Dynamic(inner) = object else { return None };
    Some(Arc::make_mut(inner))
}

/// The text at a path.
pub fn text<'a>(o: &'a DynamicObject, path: &str) -> &'a str {
    o.at(path).and_then(Value::as_str).unwrap_or("")
}

/// The request in PEM.
pub fn pem(o: &DynamicObject) -> String {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text(o, "spec.request")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Its conditions.
pub fn conditions(o: &DynamicObject) -> &[Value] {
    o.at("status.conditions").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether a condition of this type holds.
pub fn has(o: &DynamicObject, kind: &str) -> bool {
    conditions(o).iter().any(|c| c["type"] == kind)
}

/// Writes down who asks.
pub fn prepare_create(object: &mut Object, origin: &Origin) {
    let Some(o) = of_mut(object) else { return };
    o.content.insert("status".to_owned(), json!({}));
    let Some(user) = &origin.user else { return };
    let Some(Value::Object(spec)) = o.content.get_mut("spec") else { return };
    for key in ["username", "uid", "groups", "extra"] {
        spec.remove(key);
    }
    if let Value::Object(told) = reviews::info(user) {
        spec.extend(told);
    }
}

/// `CertificateSubjectRestriction`: nobody asks to be one of those who may do anything.
///
/// # Errors
/// 403.
pub fn admit_create(object: &Object) -> Result<(), ApiError> {
    let Some(o) = of(object).filter(|o| text(o, "spec.signerName") == CLIENT) else { return Ok(()) };
    let asked = SigningRequest::read(&pem(o)).map(|r| r.subject.organizations).unwrap_or_default();
    if !asked.iter().any(|o| o == "system:masters") {
        return Ok(());
    }
    let why = format!("use of {CLIENT} signer with system:masters group is not allowed");
    Err(ApiError::forbidden(object.kind(), object.name_str(), &why))
}

impl ApiServer {
    /// Makes of a written request what this part of it (`approval`, `status`, or the object itself) may change.
    ///
    /// # Errors
    /// 403 for who may not approve or sign, 422 for decisions that contradict each other or are taken back.
    pub(super) fn write_signing_request(
        &self,
        object: &mut Object,
        old: &Object,
        subresource: Option<&str>,
        origin: &Origin,
    ) -> Result<(), ApiError> {
        let Some(before) = of(old).cloned() else { return Ok(()) };
        let (kind, now) = (object.kind(), self.now);
        let Some(new) = of_mut(object) else { return Ok(()) };
        keep(&mut new.content, &before.content, "spec");
        let was = conditions(&before);
        let decided = |c: &&Value| DECISIONS.iter().any(|d| c["type"] == *d);
        let mut list = conditions(new).to_vec();
        match subresource {
            Some("approval") => {
                let certificate = before.at("status.certificate").cloned();
                set_status(&mut new.content, "certificate", certificate);
            }
            Some("status") => {
                list.retain(|c| !decided(&c));
                list.splice(0..0, was.iter().filter(decided).cloned());
            }
            _ => return Ok(()),
        }
        for condition in &mut list {
            stamp(condition, was, now);
        }
        set_status(&mut new.content, "conditions", (!list.is_empty()).then(|| json!(list)));
        let new = new.clone();
        let verb = match subresource {
            Some("approval") if conditions(&new) != was => "approve",
            Some("status") if signs(&new, &before) => "sign",
            _ => return Ok(()),
        };
        self.check_signer(&before, verb, origin)?;
        let errors = rules::decisions(&new, was);
        if errors.is_empty() { Ok(()) } else { Err(ApiError::invalid(kind, object.name_str(), errors)) }
    }

    /// `CertificateApproval` and `CertificateSigning`: both need leave for the signer.
    fn check_signer(&self, o: &Arc<DynamicObject>, verb: &str, origin: &Origin) -> Result<(), ApiError> {
        let Some(user) = &origin.user else { return Ok(()) };
        let signer = text(o, "spec.signerName");
        let domain = format!("{}/*", signer.split('/').next().unwrap_or(""));
        let may = |name: &str| {
            let asked = Attributes {
                verb,
                group: GROUP,
                version: "*",
                resource: "signers",
                name,
                ..Attributes::default()
            };
            decide(self, user, &asked).allowed
        };
        if may(signer) || may(&domain) {
            return Ok(());
        }
        let what = if verb == "approve" { "approve" } else { "sign" };
        let why = format!("user not permitted to {what} requests with signerName {signer:?}");
        Err(ApiError::forbidden(Kind::Dynamic(o.kind), o.metadata.name.as_deref().unwrap_or(""), &why))
    }
}

/// Whether a write of the status issues a certificate, or says that it cannot be.
fn signs(new: &DynamicObject, old: &DynamicObject) -> bool {
    text(new, "status.certificate") != text(old, "status.certificate")
        || has(new, "Failed") != has(old, "Failed")
}

fn keep(content: &mut Map<String, Value>, old: &Map<String, Value>, key: &str) {
    match old.get(key) {
        Some(value) => drop(content.insert(key.to_owned(), value.clone())),
        None => drop(content.remove(key)),
    }
}

/// Sets a field of the status, or takes it out.
pub fn set_status(content: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    let status = content.entry("status").or_insert_with(|| json!({}));
    let Value::Object(status) = status else { return };
    match value {
        Some(value) => drop(status.insert(key.to_owned(), value)),
        None => drop(status.remove(key)),
    }
}

/// The times of a condition: of a new one, or of one that turned.
fn stamp(condition: &mut Value, was: &[Value], now: SimTime) {
    let now = json!(now.to_api());
    let Value::Object(map) = condition else { return };
    let earlier = was.iter().find(|c| Some(&c["type"]) == map.get("type"));
    if map.get("lastUpdateTime").is_none_or(Value::is_null) {
        map.insert("lastUpdateTime".to_owned(), now.clone());
    }
    if map.get("lastTransitionTime").is_none_or(Value::is_null) {
        let same = earlier.filter(|c| Some(&c["status"]) == map.get("status"));
        let since = same.map(|c| c["lastTransitionTime"].clone()).filter(|t| !t.is_null());
        map.insert("lastTransitionTime".to_owned(), since.unwrap_or(now));
    }
}

/// The causes as errors of a field.
fn invalid(field: &str, shown: &Value, why: impl Into<String>) -> FieldError {
    FieldError::invalid(field, shown, why.into())
}
