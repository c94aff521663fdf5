//! Tokens of service accounts: JSON web tokens that name account and pod, and expire.
//!
//! Always holds: the same cluster at the same moment issues the same token; a token is good only while the objects
//! that it names are there.
//! Does not: sign with an RSA key. The signature is a keyed hash of the length that an RSA one would have.

use super::{CREDENTIAL_ID, account_groups};
use crate::apiserver::{ApiServer, User};
use crate::object::{Pod, hash::Stream, meta::MetaExt};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::api::core::v1::{Node, Secret, ServiceAccount};
use ring::hmac;
use serde_json::{Value, json};
use std::sync::Arc;

/// The issuer of tokens and the audience that the API server itself is.
pub const AUDIENCE: &str = "https://kubernetes.default.svc.cluster.local";

/// The lifetime that admission gives to a pod's own token. Such a token is in truth good for a year, so that old
/// clients that never read it again go on working.
pub const POD_TOKEN_SECONDS: i64 = 3607;
const EXTENDED_SECONDS: i64 = 365 * 24 * 3600;

/// What a token is to say.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// The account's namespace.
    pub namespace: &'a str,
    /// The account.
    pub account: &'a str,
    /// For whom it is meant; the API server itself when empty.
    pub audiences: Vec<String>,
    /// How long it is good.
    pub seconds: i64,
    /// Kind (`Pod`, `Secret`, `Node`), name and uid of the object without which it is worth nothing.
    pub bound: Option<(&'a str, &'a str, &'a str)>,
    /// The node of the pod that it is bound to.
    pub node: Option<&'a str>,
}

/// A token that was found to be good.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Whose it is.
    pub user: User,
    /// Those of its audiences that were asked for.
    pub audiences: Vec<String>,
}

/// Makes a token.
pub fn issue(api: &ApiServer, wanted: &Wanted) -> String {
    let (namespace, name) = (wanted.namespace, wanted.account);
    let uid = api.store.find::<ServiceAccount>(namespace, name).map_or("", |a| a.uid_str());
    let now = api.now.seconds();
    let audiences =
        if wanted.audiences.is_empty() { vec![AUDIENCE.to_owned()] } else { wanted.audiences.clone() };
    let mut own = json!({"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}});
    if let Some(node) = wanted.node {
        let uid = api.store.find::<Node>("", node).map_or("", |n| n.uid_str());
        own["node"] = json!({"name": node, "uid": uid});
    }
    let mut expires = now + wanted.seconds;
    if let Some((kind, name, uid)) = wanted.bound {
        own[kind.to_lowercase()] = json!({"name": name, "uid": uid});
        if kind == "Pod" && wanted.seconds == POD_TOKEN_SECONDS && audiences == [AUDIENCE] {
            own["warnafter"] = json!(expires);
            expires = now + EXTENDED_SECONDS;
        }
    }
    let identity = format!("{namespace}/{name}/{own}/{now}");
    let claims = json!({
        "aud": audiences, "exp": expires, "iat": now, "iss": AUDIENCE,
        "jti": Stream::new(api.seed, "apiserver", &identity).uuid(), "kubernetes.io": own, "nbf": now,
        "sub": format!("system:serviceaccount:{namespace}:{name}"),
    });
    seal(api, &claims)
}

/// A token with these claims.
pub fn seal(api: &ApiServer, claims: &Value) -> String {
    let kid = URL_SAFE_NO_PAD.encode(&key_material(api.seed)[..32]);
    let header = json!({"alg": "RS256", "kid": kid});
    let encode = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
    let text = format!("{}.{}", encode(&header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(api.seed, &text));
    format!("{text}.{signature}")
}

/// Checks a token for any of these audiences.
///
/// # Errors
/// What is wrong with it, as the real authenticators say it.
pub fn verify(api: &ApiServer, token: &str, audiences: &[&str]) -> Result<Verified, String> {
    let invalid = || "invalid bearer token".to_owned();
    let (text, signature) = token.rsplit_once('.').ok_or_else(invalid)?;
    let (_, payload) = text.split_once('.').ok_or_else(invalid)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| invalid())?;
    if signature != sign(api.seed, text) {
        return Err(invalid());
    }
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| invalid())?;
    let claims: Value = serde_json::from_slice(&payload).map_err(|_| invalid())?;
    let because = |why: &str| format!("[invalid bearer token, {why}]");
    let now = api.now.seconds();
    if claims["exp"].as_i64().is_some_and(|exp| exp <= now) {
        return Err(because("service account token has expired"));
    }
    let meant: Vec<String> = claims["aud"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|a| a.as_str().map(str::to_owned))
        .collect();
    let good: Vec<String> = meant.iter().filter(|a| audiences.contains(&a.as_str())).cloned().collect();
    if good.is_empty() {
        let wanted = crate::apiserver::authorization::cover::quoted(audiences);
        let meant = crate::apiserver::authorization::cover::quoted(&meant);
        return Err(because(&format!("token audiences {meant} is invalid for the target audience {wanted}")));
    }
    let user = holder(api, &claims).map_err(|why| because(&why))?;
    Ok(Verified { user, audiences: good })
}

/// The user that a token's claims name, if all that it is bound to is there.
fn holder(api: &ApiServer, claims: &Value) -> Result<User, String> {
    let own = &claims["kubernetes.io"];
    let text = |path: &str| own.pointer(path).and_then(Value::as_str).unwrap_or("");
    let namespace = text("/namespace");
    let (name, uid) = (text("/serviceaccount/name"), text("/serviceaccount/uid"));
    let account = api.store.find::<ServiceAccount>(namespace, name);
    let account = account.ok_or_else(|| format!("serviceaccounts \"{name}\" not found"))?;
    if account.uid_str() != uid {
        return Err(format!("service account UID ({}) does not match claim ({uid})", account.uid_str()));
    }
    let mut extra =
        vec![(CREDENTIAL_ID.to_owned(), vec![format!("JTI={}", claims["jti"].as_str().unwrap_or(""))])];
    let mut tell = |key: &str, value: &str| {
        extra.push((format!("authentication.kubernetes.io/{key}"), vec![value.to_owned()]));
    };
    let (node, node_uid) = (text("/node/name"), text("/node/uid"));
    if !node.is_empty() {
        tell("node-name", node);
        tell("node-uid", node_uid);
    }
    let (pod, pod_uid) = (text("/pod/name"), text("/pod/uid"));
    if !pod.is_empty() {
        let there = api.store.find::<Pod>(namespace, pod).map(|p| p.uid_str());
        bound("pod", (pod, pod_uid), there)?;
        tell("pod-name", pod);
        tell("pod-uid", pod_uid);
    } else if !node.is_empty() {
        bound("node", (node, node_uid), api.store.find::<Node>("", node).map(|n| n.uid_str()))?;
    }
    let (secret, secret_uid) = (text("/secret/name"), text("/secret/uid"));
    if !secret.is_empty() {
        let there = api.store.find::<Secret>(namespace, secret).map(|s| s.uid_str());
        bound("secret", (secret, secret_uid), there)?;
    }
    let mut groups = account_groups(namespace);
    groups.push(Arc::from("system:authenticated"));
    extra.sort();
    let name = Arc::from(format!("system:serviceaccount:{namespace}:{name}"));
    Ok(User { name, uid: Arc::from(uid), groups, extra })
}

fn bound(kind: &str, (name, uid): (&str, &str), there: Option<&str>) -> Result<(), String> {
    match there {
        None => Err(format!("{kind}s \"{name}\" not found")),
        Some(other) if other != uid => Err(format!("{kind} UID ({other}) does not match claim ({uid})")),
        Some(_) => Ok(()),
    }
}

fn key_material(seed: u64) -> Vec<u8> {
    let name = format!("kubedojo service account key {seed}");
    ring::digest::digest(&ring::digest::SHA256, name.as_bytes()).as_ref().to_vec()
}

/// 256 bytes, as many as an RSA signature of the usual length has.
fn sign(seed: u64, text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key_material(seed));
    let part = |part: u8| {
        let mut context = hmac::Context::with_key(&key);
        context.update(&[part]);
        context.update(text.as_bytes());
        context.sign().as_ref().to_vec()
    };
    (0..8).flat_map(part).collect()
}
