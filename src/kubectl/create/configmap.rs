//! `kubectl create configmap`: from literals, files, directories and env files.

use super::sources::{self, Sources};
use super::{Generated, Options, hash, named};
use base64::Engine;
use serde_json::{Map, Value, json};

/// The ConfigMap of `--from-literal`, `--from-file` and `--from-env-file`.
pub fn generate(options: &Options) -> Generated {
    let entries = sources::read(options, &Sources::CONFIG_MAP)?;
    let (mut data, mut binary) = (Map::new(), Map::new());
    for (key, bytes) in entries {
        match String::from_utf8(bytes) {
            Ok(text) => data.insert(key, json!(text)),
            Err(wrong) => {
                let text = base64::engine::general_purpose::STANDARD.encode(wrong.as_bytes());
                binary.insert(key, json!(text))
            }
        };
    }
    let mut map = named("v1", "ConfigMap", options);
    if options.flag("append-hash") {
        let mut hashed = json!({"data": data, "kind": "ConfigMap", "name": options.name});
        if data.is_empty() {
            hashed["data"] = json!({});
        }
        if !binary.is_empty() {
            hashed["binaryData"] = Value::Object(binary.clone());
        }
        map["metadata"]["name"] = json!(format!("{}-{}", options.name, hash::suffix(&hashed)));
    }
    if !data.is_empty() {
        map["data"] = Value::Object(data);
    }
    if !binary.is_empty() {
        map["binaryData"] = Value::Object(binary);
    }
    Ok(map)
}
