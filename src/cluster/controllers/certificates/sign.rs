//! The signer: approved requests for Kubernetes' own signers get their certificate.

use super::super::{Controller, View, Write};
use super::{NAME, find, shape, usages, watch, with, with_condition};
use crate::apiserver::certificates::{
    CLIENT, KUBELET_CLIENT, KUBELET_SERVING, SigningRequest, has, pem, text,
};
use crate::cluster::authority::Terms;
use crate::object::{ObjectKey, SECOND, SimTime};
use base64::Engine;
use serde_json::{Value, json};

/// `certificate-controller` in the table: the part that signs.
pub const CONTROLLER: Controller = Controller { name: NAME, watch, reconcile };

/// The longest life (`--cluster-signing-duration`), in seconds.
const LIFE: i64 = 365 * 24 * 3600;
/// The shortest.
const SHORTEST: i64 = 600;
/// How far back a certificate begins, for clocks that are behind.
const BACKDATE: u64 = 5 * 60 * SECOND;
/// A life shorter than this is given in full; a longer one ends as much earlier as it begins.
const SHORT: i64 = 8 * 3600;

fn reconcile(view: &View, key: &ObjectKey) -> Vec<Write> {
    let Some(o) = find(view, key) else { return Vec::new() };
    let signer = text(&o, "spec.signerName");
    let done = !text(&o, "status.certificate").is_empty() || has(&o, "Failed") || has(&o, "Denied");
    if done || !has(&o, "Approved") || ![CLIENT, KUBELET_CLIENT, KUBELET_SERVING].contains(&signer) {
        return Vec::new();
    }
    let Ok(request) = SigningRequest::read(&pem(&o)) else { return Vec::new() };
    let usages = usages(&o);
    let failed = |why: &str| {
        let failed = with_condition(view, &o, "Failed", "SignerValidationFailure", why);
        vec![Write::UpdateStatus(failed)]
    };
    if let Some(why) = shape::problem(signer, &request, &usages) {
        return failed(&why);
    }
    let terms = terms(view.now, o.at("spec.expirationSeconds").and_then(Value::as_i64), usages);
    match view.authority().sign(&request, &terms) {
        Ok(certificate) => {
            let text = base64::engine::general_purpose::STANDARD.encode(certificate);
            vec![Write::UpdateStatus(with(&o, "certificate", json!(text)))]
        }
        Err(why) => failed(&why.to_string()),
    }
}

fn terms(now: SimTime, asked: Option<i64>, usages: Vec<String>) -> Terms {
    let seconds = asked.map_or(LIFE, |s| s.clamp(SHORTEST, LIFE));
    let end = now.plus_seconds(seconds.unsigned_abs()).0;
    let until = if seconds < SHORT { end } else { end - BACKDATE };
    Terms { from: SimTime(now.0.saturating_sub(BACKDATE)), until: SimTime(until), usages }
}
