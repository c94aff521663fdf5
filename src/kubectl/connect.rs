//! Whom a command asks over a network, and as whom: the kubeconfig and the flags that override it.

use super::call::Call;
use super::errors::{Failure, Outcome};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// Makes sure that the client knows its server.
///
/// # Errors
/// When the kubeconfig cannot be used.
pub async fn ready(call: &Call) -> Outcome<()> {
    if !call.env.client.wants_kubeconfig() {
        return Ok(());
    }
    let effective = effective(call)?;
    call.env.client.connect_as(effective, NAME).await.map_err(Failure::new)
}

/// The name of everything in the effective kubeconfig.
const NAME: &str = "chosen";

/// A kubeconfig with the one cluster and user that this command uses, and with all files read into it.
fn effective(call: &Call) -> Outcome<Value> {
    let config = call.config()?;
    // Says what is wrong with the context.
    config.namespace(call.flags.text("context"))?;
    let asked = call.flags.text("context");
    let context = config.context(if asked.is_empty() { config.current_context() } else { asked });
    let own = |flag: &str| call.command.flags.iter().copied().flatten().any(|f| f.name == flag);
    let given = |flag: &str| if own(flag) { "" } else { call.flags.text(flag) };
    let chosen = |flag: &str| match given(flag) {
        "" => context.and_then(|c| c[flag].as_str()).unwrap_or("").to_owned(),
        name => name.to_owned(),
    };
    let entry = |list: &str, key: &str, flag: &str| -> Outcome<Map<String, Value>> {
        let name = chosen(flag);
        let all = config.document[list].as_array().map_or(&[][..], Vec::as_slice);
        let found = all.iter().find(|e| e["name"] == name.as_str()).map(|e| e[key].clone());
        match found {
            Some(found) => Ok(found.as_object().cloned().unwrap_or_default()),
            None if !given(flag).is_empty() => {
                let why = if flag == "user" {
                    format!("auth info \"{name}\" does not exist")
                } else {
                    format!("no server found for cluster \"{name}\"")
                };
                Err(Failure::new(why))
            }
            None => Ok(Map::new()),
        }
    };
    let mut cluster = entry("clusters", "cluster", "cluster")?;
    let mut user = entry("users", "user", "user")?;
    override_cluster(call, &mut cluster);
    override_user(call, &mut user);
    let folder = config.path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    embed(call, &folder, &mut cluster, "certificate-authority")?;
    embed(call, &folder, &mut user, "client-certificate")?;
    embed(call, &folder, &mut user, "client-key")?;
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": NAME, "user": user}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
        "current-context": NAME,
    }))
}

fn override_cluster(call: &Call, cluster: &mut Map<String, Value>) {
    let flags = &call.flags;
    for (flag, key) in [
        ("server", "server"),
        ("certificate-authority", "certificate-authority"),
        ("tls-server-name", "tls-server-name"),
    ] {
        if !flags.text(flag).is_empty() {
            cluster.insert(key.to_owned(), json!(flags.text(flag)));
            if flag == "certificate-authority" {
                cluster.remove("certificate-authority-data");
            }
        }
    }
    if flags.bool("insecure-skip-tls-verify") {
        cluster.insert("insecure-skip-tls-verify".to_owned(), json!(true));
        cluster.remove("certificate-authority");
        cluster.remove("certificate-authority-data");
    }
    let server = cluster.entry("server").or_insert_with(|| json!("http://localhost:8080"));
    let address = server.as_str().unwrap_or("").trim_end_matches('/').to_owned();
    *server = if address.contains("://") { json!(address) } else { json!(format!("http://{address}")) };
}

fn override_user(call: &Call, user: &mut Map<String, Value>) {
    let flags = &call.flags;
    if !flags.text("token").is_empty() {
        user.remove("tokenFile");
    }
    for (flag, key) in [
        ("token", "token"),
        ("username", "username"),
        ("password", "password"),
        ("client-certificate", "client-certificate"),
        ("client-key", "client-key"),
        ("as", "as"),
    ] {
        // A command's own flag may hide the global one.
        let own = call.command.flags.iter().copied().flatten().any(|f| f.name == flag);
        if !own && !flags.text(flag).is_empty() {
            user.insert(key.to_owned(), json!(flags.text(flag)));
            user.remove(&format!("{key}-data"));
        }
    }
    if !flags.list("as-group").is_empty() {
        user.insert("as-groups".to_owned(), json!(flags.list("as-group")));
    }
}

/// Reads a file that an entry names into it.
fn embed(call: &Call, folder: &str, entry: &mut Map<String, Value>, key: &str) -> Outcome<()> {
    let data = format!("{key}-data");
    if entry.get(&data).and_then(Value::as_str).is_some_and(|d| !d.is_empty()) {
        entry.remove(key);
        return Ok(());
    }
    let Some(path) = entry.remove(key).and_then(|path| path.as_str().map(str::to_owned)) else {
        return Ok(());
    };
    if path.is_empty() {
        return Ok(());
    }
    let full =
        if path.starts_with('/') || folder.is_empty() { path.clone() } else { format!("{folder}/{path}") };
    let bytes = call.env.host.read_file(&full);
    let bytes = bytes.map_err(|why| {
        Failure::new(format!("unable to read {key} {full} for {NAME} due to open {full}: {why}"))
    })?;
    entry.insert(data, json!(STANDARD.encode(bytes)));
    Ok(())
}
