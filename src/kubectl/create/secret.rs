//! `kubectl create secret`: generic, tls and docker-registry.

use super::sources::{self, Sources};
use super::{Failure, Generated, Options, hash, named};
use base64::Engine;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

type Entries = BTreeMap<String, Vec<u8>>;

/// The Secret of literals, files and env files.
pub fn generate_generic(options: &Options) -> Generated {
    let entries = sources::read(options, &Sources::SECRET)?;
    Ok(secret(options, &entries, options.text("type")))
}

/// The Secret of a certificate and its key.
pub fn generate_tls(options: &Options) -> Generated {
    let (cert, key) = (options.text("cert"), options.text("key"));
    if cert.is_empty() || key.is_empty() {
        return Err("key and cert must be specified".into());
    }
    let read = |path: &str| -> Result<Vec<u8>, Failure> {
        let failed = |why: String| format!("Cannot read file {path}, open {path}: {why}");
        options.host.read_file(path).map_err(|why| failed(why).into())
    };
    let (cert, key) = (read(cert)?, read(key)?);
    for (bytes, what) in [(&cert, "certificate"), (&key, "key")] {
        if !String::from_utf8_lossy(bytes).contains("-----BEGIN ") {
            return Err(format!("tls: failed to find any PEM data in {what} input").into());
        }
    }
    let entries = Entries::from([("tls.crt".to_owned(), cert), ("tls.key".to_owned(), key)]);
    Ok(secret(options, &entries, "kubernetes.io/tls"))
}

/// The Secret that lets nodes pull from a registry.
pub fn generate_docker_registry(options: &Options) -> Generated {
    const KEY: &str = ".dockerconfigjson";
    let (server, user) = (options.text("docker-server"), options.text("docker-username"));
    let (password, email) = (options.text("docker-password"), options.text("docker-email"));
    let files = options.list("from-file");
    let entries = if files.is_empty() {
        if user.is_empty() || password.is_empty() || server.is_empty() {
            return Err("either --from-file or the combination of --docker-username, --docker-password and \
                        --docker-server is required"
                .into());
        }
        Entries::from([(KEY.to_owned(), docker_config(server, user, password, email).into_bytes())])
    } else {
        let mut entries = Entries::new();
        for file in files {
            let path = file.strip_prefix(".dockerconfigjson=").unwrap_or(file);
            let content =
                options.host.read_file(path).map_err(|why| format!("error reading {path}: {why}"))?;
            entries.insert(KEY.to_owned(), content);
        }
        entries
    };
    Ok(secret(options, &entries, "kubernetes.io/dockerconfigjson"))
}

/// The file that `docker login` writes. Its members stand in the order of the real one.
fn docker_config(server: &str, user: &str, password: &str, email: &str) -> String {
    let auth = encode(format!("{user}:{password}").as_bytes());
    let mail = if email.is_empty() { String::new() } else { format!("\"email\":{},", json!(email)) };
    format!(
        "{{\"auths\":{{{}:{{\"username\":{},\"password\":{},{mail}\"auth\":{}}}}}}}",
        json!(server),
        json!(user),
        json!(password),
        json!(auth),
    )
}

fn encode(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn secret(options: &Options, entries: &Entries, secret_type: &str) -> Value {
    let data: Map<String, Value> = entries.iter().map(|(k, v)| (k.clone(), json!(encode(v)))).collect();
    let mut secret = named("v1", "Secret", options);
    if options.flag("append-hash") {
        let hashed = json!({"kind": "Secret", "type": secret_type, "name": options.name, "data": data});
        secret["metadata"]["name"] = json!(format!("{}-{}", options.name, hash::suffix(&hashed)));
    }
    if !data.is_empty() {
        secret["data"] = Value::Object(data);
    }
    if !secret_type.is_empty() {
        secret["type"] = json!(secret_type);
    }
    secret
}
