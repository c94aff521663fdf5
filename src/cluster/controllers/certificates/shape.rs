//! What a request must look like for each of Kubernetes' own signers.

use crate::apiserver::certificates::{CLIENT, KUBELET_CLIENT, KUBELET_SERVING, SigningRequest};

const SIGNATURE: &str = "digital signature";
const ENCIPHERMENT: &str = "key encipherment";

/// What is wrong with a request for this signer.
pub fn problem(signer: &str, request: &SigningRequest, usages: &[String]) -> Option<String> {
    match signer {
        CLIENT => client_usages(usages),
        KUBELET_CLIENT => node(request)
            .or_else(|| no_names(request, true))
            .map(str::to_owned)
            .or_else(|| exactly(usages, "client auth")),
        KUBELET_SERVING => node(request)
            .or_else(|| {
                let none = request.dns.is_empty() && request.ips.is_empty();
                none.then_some("DNS or IP subjectAltName is required")
            })
            .or_else(|| no_names(request, false))
            .map(str::to_owned)
            .or_else(|| exactly(usages, "server auth")),
        _ => None,
    }
}

fn client_usages(usages: &[String]) -> Option<String> {
    let wrong = usages.iter().find(|u| ![SIGNATURE, ENCIPHERMENT, "client auth"].contains(&u.as_str()));
    match wrong {
        Some(usage) => Some(format!("invalid usage for client certificate: {usage}")),
        None if usages.iter().any(|u| u == "client auth") => None,
        None => Some("missing required usage for client certificate: client auth".to_owned()),
    }
}

/// The usages of a kubelet: an RSA key may encipher keys too.
fn exactly(usages: &[String], auth: &str) -> Option<String> {
    let others = usages.iter().any(|u| ![auth, SIGNATURE, ENCIPHERMENT].contains(&u.as_str()));
    let all = [auth, SIGNATURE].iter().all(|u| usages.iter().any(|given| given == u));
    let mut wanted = [auth, SIGNATURE, ENCIPHERMENT];
    wanted.sort_unstable();
    (others || !all).then(|| format!("usages did not match [{}]", wanted.join(" ")))
}

fn node(request: &SigningRequest) -> Option<&'static str> {
    if request.subject.organizations != ["system:nodes"] {
        return Some("subject organization is not system:nodes");
    }
    let named = request.subject.common_name.starts_with("system:node:");
    (!named).then_some("subject common name does not begin with system:node: ")
}

fn no_names(request: &SigningRequest, of_hosts: bool) -> Option<&'static str> {
    if of_hosts && !request.dns.is_empty() {
        return Some("DNS subjectAltNames are not allowed");
    }
    if !request.emails.is_empty() {
        return Some("Email subjectAltNames are not allowed");
    }
    if of_hosts && !request.ips.is_empty() {
        return Some("IP subjectAltNames are not allowed");
    }
    (!request.uris.is_empty()).then_some("URI subjectAltNames are not allowed")
}
