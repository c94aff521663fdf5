//! The kubeconfig file: which cluster, user and namespace a command uses.
//!
//! Always holds: a missing file is the cluster at hand as its administrator, in namespace `default`. The document is
//! kept as it was read, so that writing it back loses nothing.

use super::errors::{Failure, Outcome};
use super::io::Host;
use crate::yaml;
use serde_json::{Value, json};

/// A kubeconfig document and where it came from.
#[derive(Clone, Debug)]
pub struct Kubeconfig {
    /// The file.
    pub path: String,
    /// Its content.
    pub document: Value,
}

impl Kubeconfig {
    /// The file that `--kubeconfig` or `$KUBECONFIG` name, or that of the home directory. `$KUBECONFIG` may name
    /// several: what is found first counts.
    ///
    /// # Errors
    /// When it is there but cannot be read.
    pub fn load(host: &dyn Host, flag: &str) -> Outcome<Self> {
        if !flag.is_empty() {
            if !host.exists(flag) {
                return Err(Failure::new(format!("stat {flag}: no such file or directory")));
            }
            return Ok(Self { path: flag.to_owned(), document: read(host, flag)? });
        }
        let variable = host.variable("KUBECONFIG").unwrap_or_default();
        let mut paths: Vec<String> =
            variable.split(':').filter(|p| !p.is_empty()).map(str::to_owned).collect();
        if paths.is_empty() {
            let home = host.variable("HOME").unwrap_or_else(|| "/root".to_owned());
            paths.push(format!("{home}/.kube/config"));
        }
        let mut document = Value::Null;
        for path in paths.iter().filter(|path| host.exists(path)) {
            merge(&mut document, read(host, path)?);
        }
        if document.is_null() {
            document = host.default_kubeconfig();
        }
        let written = paths.iter().find(|path| host.exists(path)).unwrap_or(&paths[0]);
        Ok(Self { path: written.clone(), document })
    }

    /// What kubeadm writes for the administrator.
    pub fn admin() -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "kubernetes", "cluster": {
                "certificate-authority-data": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==",
                "server": "https://192.168.0.10:6443",
            }}],
            "contexts": [{"name": "kubernetes-admin@kubernetes", "context": {
                "cluster": "kubernetes", "user": "kubernetes-admin",
            }}],
            "current-context": "kubernetes-admin@kubernetes",
            "preferences": {},
            "users": [{"name": "kubernetes-admin", "user": {
                "client-certificate-data": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==",
                "client-key-data": "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQo=",
            }}],
        })
    }

    /// The name of the current context; empty when there is none.
    pub fn current_context(&self) -> &str {
        self.document["current-context"].as_str().unwrap_or("")
    }

    /// The context of this name.
    pub fn context(&self, name: &str) -> Option<&Value> {
        let contexts = self.document["contexts"].as_array()?;
        contexts.iter().find(|c| c["name"] == name).map(|c| &c["context"])
    }

    /// The namespace of a context; the current one for an empty name.
    ///
    /// # Errors
    /// When there is no such context.
    pub fn namespace(&self, context: &str) -> Outcome<String> {
        let name = if context.is_empty() { self.current_context() } else { context };
        let found = self.context(name);
        if found.is_none() && !name.is_empty() {
            let why = format!("Error in configuration: context was not found for specified context: {name}");
            return Err(Failure::Text(why, 1));
        }
        let namespace = found.and_then(|c| c["namespace"].as_str()).filter(|n| !n.is_empty());
        Ok(namespace.unwrap_or("default").to_owned())
    }

    /// The address of the server that a context talks to.
    pub fn server(&self, context: &str) -> String {
        let name = if context.is_empty() { self.current_context() } else { context };
        let cluster = self.context(name).and_then(|c| c["cluster"].as_str()).unwrap_or("");
        let clusters = self.document["clusters"].as_array().map_or(&[][..], Vec::as_slice);
        let found = clusters.iter().find(|c| c["name"] == cluster);
        found.and_then(|c| c["cluster"]["server"].as_str()).unwrap_or("https://192.168.0.10:6443").to_owned()
    }
}

/// Reads a kubeconfig; the files that it names are told from its own directory.
fn read(host: &dyn Host, path: &str) -> Outcome<Value> {
    let bytes = host.read_file(path).map_err(|why| format!("open {path}: {why}"))?;
    let text = String::from_utf8_lossy(&bytes);
    let failed = |e: yaml::Error| Failure::new(format!("error loading config file \"{path}\": {e}"));
    let document = yaml::parse(&text).map_err(failed)?.into_iter().next().map_or(json!({}), |d| d.value);
    if document.is_string() {
        return Err(Failure::new(format!(
            "error loading config file \"{path}\": couldn't get version/kind; json parse error: json: cannot unmarshal \
             string into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \
             \"json:\\\"kind,omitempty\\\"\" }}"
        )));
    }
    Ok(document)
}

/// Adds what a further kubeconfig has and the first ones have not.
fn merge(document: &mut Value, next: Value) {
    if document.is_null() {
        *document = next;
        return;
    }
    for key in ["clusters", "contexts", "users"] {
        let mut known = document[key].as_array().cloned().unwrap_or_default();
        for entry in next[key].as_array().into_iter().flatten() {
            if !known.iter().any(|have| have["name"] == entry["name"]) {
                known.push(entry.clone());
            }
        }
        document[key] = Value::Array(known);
    }
    if document["current-context"].as_str().unwrap_or("").is_empty() {
        document["current-context"] = next["current-context"].clone();
    }
}
