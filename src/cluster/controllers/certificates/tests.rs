//! Requests for certificates, from the request to the certificate and away again.

use super::super::lab::{Lab, lab};
use crate::apiserver::authentication::Credentials;
use crate::apiserver::{Cause, Method, Request, User};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::{Value, json};

const PATH: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

fn request(organization: &str, common_name: &str) -> String {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, organization);
    params.distinguished_name.push(DnType::CommonName, common_name);
    STANDARD.encode(params.serialize_request(&key).unwrap().pem().unwrap())
}

fn ask(name: &str, signer: &str, request: &str) -> Value {
    json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name},
        "spec": {"signerName": format!("kubernetes.io/{signer}"), "request": request,
            "usages": ["digital signature", "client auth"]}})
}

fn send(lab: &mut Lab, user: &User, request: &Request) -> Value {
    lab.cluster.request(request, user, Cause::Command(1)).value().clone()
}

fn post(lab: &mut Lab, user: &User, body: Value) -> Value {
    send(lab, user, &Request::with_body(Method::Post, PATH, body))
}

fn decide(lab: &mut Lab, user: &User, name: &str, decision: &str) -> Value {
    let mut object = send(lab, user, &Request::get(format!("{PATH}/{name}")));
    object["status"]["conditions"] =
        json!([{"type": decision, "status": "True", "reason": "Test", "message": "x"}]);
    send(lab, user, &Request::with_body(Method::Put, format!("{PATH}/{name}/approval"), object))
}

fn get(lab: &mut Lab, name: &str) -> Value {
    send(lab, &User::admin(), &Request::get(format!("{PATH}/{name}")))
}

#[test]
fn an_approved_request_is_signed_and_its_certificate_is_somebody() {
    let mut lab = lab();
    let admin = User::admin();
    let made = post(&mut lab, &admin, ask("jane", "kube-apiserver-client", &request("devs", "jane")));
    assert_eq!(made["spec"]["username"], "kubernetes-admin", "{made}");
    lab.advance(100);
    assert_eq!(get(&mut lab, "jane")["status"], json!({}));
    let approved = decide(&mut lab, &admin, "jane", "Approved");
    assert!(approved["status"]["conditions"][0]["lastTransitionTime"].is_string(), "{approved}");
    lab.advance(100);
    let issued = get(&mut lab, "jane");
    let pem = STANDARD.decode(issued["status"]["certificate"].as_str().expect("a certificate")).unwrap();
    let text: String = String::from_utf8(pem).unwrap().lines().filter(|l| !l.starts_with("---")).collect();
    let certificate = Some(STANDARD.decode(text).unwrap());
    let user = lab.cluster.api.authenticate(&Credentials { certificate, token: None }).unwrap();
    assert_eq!((&*user.name, &*user.groups[0]), ("jane", "devs"));
    // What was decided stays, and so does what was asked.
    let mut other = get(&mut lab, "jane");
    other["status"]["conditions"] = json!([]);
    other["spec"]["signerName"] = json!("example.com/mine");
    let path = format!("{PATH}/jane/approval");
    let refused = send(&mut lab, &admin, &Request::with_body(Method::Put, path, other));
    assert_eq!(refused["code"], 422, "{refused}");
    lab.advance(2 * 3_600_000);
    assert_eq!(get(&mut lab, "jane")["code"], 404);
}

#[test]
fn who_may_approve() {
    let mut lab = lab();
    let admin = User::admin();
    post(&mut lab, &admin, ask("jane", "kube-apiserver-client", &request("devs", "jane")));
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "half"},
        "rules": [{"apiGroups": ["certificates.k8s.io"], "verbs": ["*"],
            "resources": ["certificatesigningrequests", "certificatesigningrequests/approval"]}]});
    lab.create(role);
    lab.create(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "half"}, "subjects": [{"kind": "User", "name": "bob", "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"kind": "ClusterRole", "name": "half", "apiGroup": "rbac.authorization.k8s.io"}}));
    let refused = decide(&mut lab, &User::new("bob", &["system:authenticated"]), "jane", "Approved");
    assert_eq!(
        refused["message"],
        "certificatesigningrequests.certificates.k8s.io \"jane\" is forbidden: user not permitted to approve requests with signerName \"kubernetes.io/kube-apiserver-client\""
    );
    let refused =
        post(&mut lab, &admin, ask("root", "kube-apiserver-client", &request("system:masters", "root")));
    assert_eq!(refused["code"], 403, "{refused}");
    let refused = post(&mut lab, &admin, ask("bad", "kube-apiserver-client", "bm90aGluZw=="));
    assert_eq!(
        refused["message"],
        "CertificateSigningRequest.certificates.k8s.io \"bad\" is invalid: spec.request: Invalid value: \"bm90aGluZw==\": PEM block type must be CERTIFICATE REQUEST"
    );
    decide(&mut lab, &admin, "jane", "Denied");
    lab.advance(100);
    assert!(get(&mut lab, "jane")["status"]["certificate"].is_null());
}

#[test]
fn kubelets_are_approved_and_others_are_not() {
    let mut lab = lab();
    let bootstrap = User::new(
        "system:bootstrap:abcdef",
        &["system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token", "system:authenticated"],
    );
    let body = ask("node", "kube-apiserver-client-kubelet", &request("system:nodes", "system:node:worker-9"));
    let made = post(&mut lab, &bootstrap, body);
    assert_eq!(made["kind"], "CertificateSigningRequest", "{made}");
    let body = ask("jane", "kube-apiserver-client-kubelet", &request("devs", "jane"));
    post(&mut lab, &User::admin(), body);
    lab.advance(100);
    let node = get(&mut lab, "node");
    assert_eq!(node["status"]["conditions"][0]["reason"], "AutoApproved");
    assert!(node["status"]["certificate"].is_string());
    assert!(get(&mut lab, "jane")["status"]["conditions"].is_null());
    // Approved by hand, a request that is no kubelet's is found out when it is to be signed.
    decide(&mut lab, &User::admin(), "jane", "Approved");
    lab.advance(100);
    let failed = &get(&mut lab, "jane")["status"]["conditions"][1];
    assert_eq!(
        (&failed["type"], &failed["message"]),
        (&json!("Failed"), &json!("subject organization is not system:nodes"))
    );
}
