//! `kubectl config set-cluster` and `set-credentials`: an entry's members, one flag each.

use super::{entry, load, one_argument, save};
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group, Running};
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::flags::Flag;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// `kubectl config set-cluster`.
pub static SET_CLUSTER: Command = Command {
    name: "set-cluster",
    group: Group::Sub,
    summary: "Set a cluster entry in kubeconfig",
    usage: "set-cluster NAME [--server=server] [--certificate-authority=path/to/certificate/authority] [--insecure-skip-tls-verify=true] [--tls-server-name=example.com]",
    examples: &[
        ("Only the address", "kubectl config set-cluster e2e --server=https://1.2.3.4"),
        (
            "Put the certificate authority into the file",
            "kubectl config set-cluster e2e --embed-certs --certificate-authority=~/.kube/e2e/ca.crt",
        ),
    ],
    flags: &[&[
        Flag::text("certificate-authority", "", "File with the certificate authority of the cluster"),
        Flag::bool("embed-certs", "Put the content of the file into the kubeconfig"),
        Flag::bool("insecure-skip-tls-verify", "Do not check the certificate of the server"),
        Flag::text("proxy-url", "", "The proxy in front of the server"),
        Flag::text("server", "", "The address of the server"),
        Flag::text("tls-server-name", "", "Name to expect in the certificate of the server"),
    ]],
    run: Some(|call| -> Running { Box::pin(async move { set_cluster(&call) }) }),
    ..Command::NEW
};

/// `kubectl config set-credentials`.
pub static SET_CREDENTIALS: Command = Command {
    name: "set-credentials",
    group: Group::Sub,
    summary: "Set a user entry in kubeconfig",
    usage: "set-credentials NAME [--client-certificate=path/to/certfile] [--client-key=path/to/keyfile] [--token=bearer_token] [--username=basic_user] [--password=basic_password] [--auth-provider=provider_name] [--auth-provider-arg=key=value] [--exec-command=exec_command] [--exec-api-version=exec_api_version] [--exec-arg=arg] [--exec-env=key=value]",
    examples: &[("A token", "kubectl config set-credentials cluster-admin --token=bearer_token")],
    flags: &[&[
        Flag::text("auth-provider", "", "Name of an authentication provider"),
        Flag::array("auth-provider-arg", "A setting of it, as KEY=VALUE; KEY- takes it away"),
        Flag::text("client-certificate", "", "File with the client certificate"),
        Flag::text("client-key", "", "File with the client key"),
        Flag::bool("embed-certs", "Put the content of the files into the kubeconfig"),
        Flag::text("exec-api-version", "", "API version of the command that finds credentials"),
        Flag::array("exec-arg", "An argument of it"),
        Flag::text("exec-command", "", "A command that finds credentials"),
        Flag::array("exec-env", "A variable of it, as KEY=VALUE; KEY- takes it away"),
        Flag::text("exec-interactive-mode", "", "Never, IfAvailable or Always"),
        Flag::bool("exec-provide-cluster-info", "Tell the command about the cluster"),
        Flag::text("password", "", "Password for basic authentication"),
        Flag::text("token", "", "Bearer token"),
        Flag::text("username", "", "User name for basic authentication"),
    ]],
    run: Some(|call| -> Running { Box::pin(async move { set_credentials(&call) }) }),
    ..Command::NEW
};

type Entry = Map<String, Value>;

/// Sets a text member that its flag names; an empty one goes.
fn put(call: &Call, entry: &mut Entry, name: &str) {
    if call.flags.changed(name) {
        match call.flags.text(name) {
            "" => entry.remove(name),
            text => entry.insert(name.to_owned(), json!(text)),
        };
    }
}

/// Sets a file, or its content with `--embed-certs`.
fn put_file(call: &Call, entry: &mut Entry, name: &str) -> Outcome<()> {
    if !call.flags.changed(name) {
        return Ok(());
    }
    let (path, data) = (call.flags.text(name), format!("{name}-data"));
    entry.remove(&data);
    entry.remove(name);
    if call.flags.bool("embed-certs") {
        let bytes = call.env.host.read_file(path);
        let bytes = bytes.map_err(|why| format!("could not stat {name} file {path}: stat {path}: {why}"))?;
        entry.insert(data, json!(STANDARD.encode(bytes)));
    } else if !path.is_empty() {
        let full = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{}/{path}", call.env.host.variable("PWD").unwrap_or_default())
        };
        entry.insert(name.to_owned(), json!(full));
    }
    Ok(())
}

fn set_cluster(call: &Call) -> Outcome<()> {
    let name = one_argument(call)?;
    let flags = &call.flags;
    if flags.bool("embed-certs") && flags.text("certificate-authority").is_empty() {
        return Err("you must specify a --certificate-authority to embed".into());
    }
    let mut config = load(call)?;
    if let Some(cluster) = entry(&mut config, "clusters", "cluster", name).and_then(Value::as_object_mut) {
        for member in ["server", "tls-server-name", "proxy-url"] {
            put(call, cluster, member);
        }
        if flags.changed("insecure-skip-tls-verify") {
            cluster.remove("insecure-skip-tls-verify");
            if flags.bool("insecure-skip-tls-verify") {
                cluster.insert("insecure-skip-tls-verify".to_owned(), json!(true));
                cluster.remove("certificate-authority");
                cluster.remove("certificate-authority-data");
            }
        }
        put_file(call, cluster, "certificate-authority")?;
    }
    save(call, &config)?;
    call.line(format!("Cluster {name:?} set."));
    Ok(())
}

fn set_credentials(call: &Call) -> Outcome<()> {
    let name = one_argument(call)?;
    let flags = &call.flags;
    let basic = ["username", "password"].iter().any(|flag| !flags.text(flag).is_empty());
    if basic && !flags.text("token").is_empty() {
        let why = "you cannot specify more than one authentication method at the same time";
        return Err(format!("{why}: --token, --username/--password").into());
    }
    if flags.bool("embed-certs")
        && flags.text("client-certificate").is_empty()
        && flags.text("client-key").is_empty()
    {
        return Err("you must specify a --client-certificate or --client-key to embed".into());
    }
    let mut config = load(call)?;
    if let Some(user) = entry(&mut config, "users", "user", name).and_then(Value::as_object_mut) {
        for member in ["token", "username", "password"] {
            put(call, user, member);
        }
        if !flags.text("token").is_empty() {
            user.remove("username");
            user.remove("password");
        } else if !flags.text("username").is_empty() {
            user.remove("token");
        }
        put_file(call, user, "client-certificate")?;
        put_file(call, user, "client-key")?;
        auth_provider(call, user)?;
        exec(call, user)?;
    }
    save(call, &config)?;
    call.line(format!("User {name:?} set."));
    Ok(())
}

/// `KEY=VALUE` sets, `KEY-` takes away.
fn change(pairs: &[String], mut set: impl FnMut(&str, Option<&str>)) -> Outcome<()> {
    for pair in pairs {
        match (pair.split_once('='), pair.strip_suffix('-')) {
            (Some((key, value)), _) => set(key, Some(value)),
            (None, Some(key)) => set(key, None),
            (None, None) => return Err(Failure::new(format!("Error: unexpected flag value: {pair}"))),
        }
    }
    Ok(())
}

fn auth_provider(call: &Call, user: &mut Entry) -> Outcome<()> {
    let flags = &call.flags;
    if flags.text("auth-provider").is_empty() && flags.list("auth-provider-arg").is_empty() {
        return Ok(());
    }
    let provider = user.entry("auth-provider").or_insert_with(|| json!({"config": null, "name": ""}));
    if !flags.text("auth-provider").is_empty() {
        provider["name"] = json!(flags.text("auth-provider"));
    }
    let mut settings = provider["config"].as_object().cloned().unwrap_or_default();
    change(flags.list("auth-provider-arg"), |key, value| {
        match value {
            Some(value) => settings.insert(key.to_owned(), json!(value)),
            None => settings.remove(key),
        };
    })?;
    if !settings.is_empty() {
        provider["config"] = Value::Object(settings);
    }
    Ok(())
}

fn exec(call: &Call, user: &mut Entry) -> Outcome<()> {
    let flags = &call.flags;
    let asked = ["exec-command", "exec-api-version", "exec-arg", "exec-env", "exec-interactive-mode"];
    if !asked.iter().any(|flag| flags.changed(flag)) {
        return Ok(());
    }
    let exec =
        user.entry("exec").or_insert_with(|| json!({"args": null, "env": null, "provideClusterInfo": false}));
    for (flag, member) in [
        ("exec-command", "command"),
        ("exec-api-version", "apiVersion"),
        ("exec-interactive-mode", "interactiveMode"),
    ] {
        if flags.changed(flag) {
            exec[member] = json!(flags.text(flag));
        }
    }
    if flags.changed("exec-provide-cluster-info") {
        exec["provideClusterInfo"] = json!(flags.bool("exec-provide-cluster-info"));
    }
    if flags.changed("exec-arg") {
        exec["args"] = json!(flags.list("exec-arg"));
    }
    let mut env = exec["env"].as_array().cloned().unwrap_or_default();
    change(flags.list("exec-env"), |key, value| {
        env.retain(|variable| variable["name"] != key);
        if let Some(value) = value {
            env.push(json!({"name": key, "value": value}));
        }
    })?;
    if !env.is_empty() {
        exec["env"] = json!(env);
    }
    Ok(())
}
