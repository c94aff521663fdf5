//! The approver: kubelets get their certificates as clients, when those who ask may ask for a node's.

use super::super::{Controller, View, Write};
use super::{NAME, find, shape, usages, watch, with_condition};
use crate::apiserver::User;
use crate::apiserver::authorization::Attributes;
use crate::apiserver::certificates::{KUBELET_CLIENT, SigningRequest, has, pem, text};
use crate::object::{DynamicObject, ObjectKey};
use serde_json::Value;
use std::sync::Arc;

/// `certificate-controller` in the table: the part that approves.
pub const CONTROLLER: Controller = Controller { name: NAME, watch, reconcile };

const OF_ITSELF: &str = "Auto approving self kubelet client certificate after SubjectAccessReview.";
const OF_ANY: &str = "Auto approving kubelet client certificate after SubjectAccessReview.";

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(o) = find(view, key) else { return Vec::new() };
    let decided = has(&o, "Approved") || has(&o, "Denied") || !text(&o, "status.certificate").is_empty();
    if decided || text(&o, "spec.signerName") != KUBELET_CLIENT {
        return Vec::new();
    }
    let Ok(request) = SigningRequest::read(&pem(&o)) else { return Vec::new() };
    if shape::problem(KUBELET_CLIENT, &request, &usages(&o)).is_some() {
        return Vec::new();
    }
    let user = requestor(&o);
    let of_itself = *user.name == *request.subject.common_name;
    for (applies, subresource, message) in
        [(of_itself, "selfnodeclient", OF_ITSELF), (true, "nodeclient", OF_ANY)]
    {
        let asked = Attributes {
            verb: "create",
            group: "certificates.k8s.io",
            version: "*",
            resource: "certificatesigningrequests",
            subresource,
            ..Attributes::default()
        };
        if applies && view.may(&user, &asked) {
            let approved = with_condition(view, &o, "Approved", "AutoApproved", message);
            return vec![Write::UpdateStatus(approved)];
        }
    }
    Vec::new()
}

/// Who asked, as the server wrote it down.
fn requestor(o: &DynamicObject) -> User {
    let groups = o.at("spec.groups").and_then(Value::as_array);
    let groups: Vec<&str> = groups.into_iter().flatten().filter_map(Value::as_str).collect();
    User { uid: Arc::from(text(o, "spec.uid")), ..User::new(text(o, "spec.username"), &groups) }
}
