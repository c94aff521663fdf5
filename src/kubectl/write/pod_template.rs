//! A pod template in words, as `rollout history --revision` shows it: names and values parted by tabs.

use serde_json::Value;
use std::fmt::Write;

/// The whole text, one line an entry.
pub fn describe(template: &Value) -> String {
    let mut out = String::from("Pod Template:\n");
    let (meta, spec) = (&template["metadata"], &template["spec"]);
    map(&mut out, 1, "Labels", &meta["labels"], "=");
    if meta["annotations"].as_object().is_some_and(|a| !a.is_empty()) {
        map(&mut out, 1, "Annotations", &meta["annotations"], ": ");
    }
    if let Some(account) = spec["serviceAccountName"].as_str().filter(|a| !a.is_empty()) {
        line(&mut out, 1, "Service Account", account);
    }
    for (key, title) in [("initContainers", "Init Containers"), ("containers", "Containers")] {
        let containers = list(&spec[key]);
        if !containers.is_empty() {
            let _ = writeln!(out, "  {title}:");
            containers.iter().for_each(|c| container(&mut out, c));
        }
    }
    volumes(&mut out, &spec["volumes"]);
    if let Some(class) = spec["priorityClassName"].as_str().filter(|c| !c.is_empty()) {
        line(&mut out, 1, "Priority Class Name", class);
    }
    map(&mut out, 1, "Node-Selectors", &spec["nodeSelector"], "=");
    let tolerations: Vec<String> = list(&spec["tolerations"]).iter().map(toleration).collect();
    several(&mut out, 1, "Tolerations", &tolerations);
    out
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn line(out: &mut String, level: usize, name: &str, value: &str) {
    let _ = writeln!(out, "{}{name}:\t{value}", "  ".repeat(level));
}

/// The first value beside the name, the others below it.
fn several(out: &mut String, level: usize, name: &str, values: &[String]) {
    let indent = "  ".repeat(level);
    match values.split_first() {
        None => line(out, level, name, "<none>"),
        Some((first, rest)) => {
            line(out, level, name, first);
            for value in rest {
                let _ = writeln!(out, "{indent}\t{value}");
            }
        }
    }
}

fn map(out: &mut String, level: usize, name: &str, value: &Value, sign: &str) {
    let entries = value.as_object().into_iter().flatten();
    let entries: Vec<String> = entries.map(|(k, v)| format!("{k}{sign}{}", text(v))).collect();
    several(out, level, name, &entries);
}

fn container(out: &mut String, container: &Value) {
    let _ = writeln!(out, "   {}:", text(&container["name"]));
    line(out, 2, "Image", container["image"].as_str().unwrap_or(""));
    let ports = list(&container["ports"]);
    let shown = |key: &str| -> Vec<String> {
        let one = |p: &Value| {
            format!("{}/{}", p[key].as_i64().unwrap_or(0), p["protocol"].as_str().unwrap_or("TCP"))
        };
        ports.iter().map(one).collect()
    };
    let join = |parts: Vec<String>| if parts.is_empty() { "<none>".to_owned() } else { parts.join(", ") };
    let plural = if ports.len() > 1 { "s" } else { "" };
    line(out, 2, &format!("Port{plural}"), &join(shown("containerPort")));
    line(out, 2, &format!("Host Port{plural}"), &join(shown("hostPort")));
    for (key, title) in [("command", "Command"), ("args", "Args")] {
        let words = list(&container[key]);
        if !words.is_empty() {
            let _ = writeln!(out, "    {title}:");
            for word in words {
                for part in text(word).split('\n') {
                    let _ = writeln!(out, "      {part}");
                }
            }
        }
    }
    for (key, title) in [("limits", "Limits"), ("requests", "Requests")] {
        let amounts = container["resources"][key].as_object().filter(|a| !a.is_empty());
        if let Some(amounts) = amounts {
            let _ = writeln!(out, "    {title}:");
            for (name, amount) in amounts {
                let _ = writeln!(out, "      {name}:\t{}", text(amount));
            }
        }
    }
    for (key, title) in
        [("livenessProbe", "Liveness"), ("readinessProbe", "Readiness"), ("startupProbe", "Startup")]
    {
        if container[key].is_object() {
            line(out, 2, title, &probe(&container[key]));
        }
    }
    environment(out, container);
    let mounts: Vec<String> = list(&container["volumeMounts"]).iter().map(mount).collect();
    entries(out, "Mounts", &mounts);
}

/// The words that `describe` has for a probe.
fn probe(probe: &Value) -> String {
    let number = |key: &str, default: i64| probe[key].as_i64().unwrap_or(default);
    let attributes = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        number("initialDelaySeconds", 0),
        number("timeoutSeconds", 1),
        number("periodSeconds", 10),
        number("successThreshold", 1),
        number("failureThreshold", 3),
    );
    if probe["exec"].is_object() {
        let words: Vec<String> = list(&probe["exec"]["command"]).iter().map(text).collect();
        return format!("exec [{}] {attributes}", words.join(" "));
    }
    let get = &probe["httpGet"];
    if get.is_object() {
        let scheme = get["scheme"].as_str().unwrap_or("HTTP").to_lowercase();
        let (host, path) = (get["host"].as_str().unwrap_or(""), get["path"].as_str().unwrap_or(""));
        return format!("http-get {scheme}://{host}:{}{path} {attributes}", text(&get["port"]));
    }
    if probe["tcpSocket"].is_object() {
        let host = probe["tcpSocket"]["host"].as_str().unwrap_or("");
        return format!("tcp-socket {host}:{} {attributes}", text(&probe["tcpSocket"]["port"]));
    }
    if probe["grpc"].is_object() {
        let service = probe["grpc"]["service"].as_str().unwrap_or("");
        return format!("grpc <pod>:{} {service} {attributes}", text(&probe["grpc"]["port"]));
    }
    format!("unknown {attributes}")
}

fn environment(out: &mut String, container: &Value) {
    let sources = list(&container["envFrom"]);
    if !sources.is_empty() {
        out.push_str("    Environment Variables from:\n");
    }
    for source in sources {
        for (key, kind) in [("configMapRef", "ConfigMap"), ("secretRef", "Secret")] {
            let from = &source[key];
            if from.is_object() {
                let optional = from["optional"].as_bool().unwrap_or(false);
                let _ = writeln!(out, "      {}\t{kind}\tOptional: {optional}", text(&from["name"]));
            }
        }
    }
    let variables: Vec<String> = list(&container["env"]).iter().map(variable).collect();
    entries(out, "Environment", &variables);
}

fn variable(variable: &Value) -> String {
    let (name, from) = (text(&variable["name"]), &variable["valueFrom"]);
    for (key, what) in [("configMapKeyRef", "of config map"), ("secretKeyRef", "in secret")] {
        let reference = &from[key];
        if reference.is_object() {
            let optional = reference["optional"].as_bool().unwrap_or(false);
            let (key, holder) = (text(&reference["key"]), text(&reference["name"]));
            return format!("{name}:\t<set to the key '{key}' {what} '{holder}'>\tOptional: {optional}");
        }
    }
    if from["fieldRef"].is_object() {
        let version = from["fieldRef"]["apiVersion"].as_str().unwrap_or("v1");
        return format!("{name}:\t ({version}:{})", text(&from["fieldRef"]["fieldPath"]));
    }
    if from["resourceFieldRef"].is_object() {
        let reference = &from["resourceFieldRef"];
        let holder = reference["containerName"].as_str().unwrap_or("");
        return format!(
            "{name}:\t0 ({}{})",
            if holder.is_empty() { String::new() } else { format!("{holder}:") },
            text(&reference["resource"])
        );
    }
    let value = variable["value"].as_str().unwrap_or("").replace('\n', "\n        ");
    format!("{name}:\t{value}")
}

fn mount(mount: &Value) -> String {
    let mut flags = vec![if mount["readOnly"] == true { "ro" } else { "rw" }.to_owned()];
    if let Some(path) = mount["subPath"].as_str().filter(|p| !p.is_empty()) {
        flags.push(format!("path={path:?}"));
    }
    format!("{} from {} ({})", text(&mount["mountPath"]), text(&mount["name"]), flags.join(","))
}

fn entries(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        line(out, 2, title, "<none>");
        return;
    }
    let _ = writeln!(out, "    {title}:");
    for entry in lines {
        let _ = writeln!(out, "      {entry}");
    }
}

/// Each kind of volume: its field, its words, and the members that are shown.
type Member = (&'static str, &'static str);
const VOLUMES: &[(&str, &str, &[Member])] = &[
    (
        "emptyDir",
        "EmptyDir (a temporary directory that shares a pod's lifetime)",
        &[("Medium", "medium"), ("SizeLimit", "sizeLimit")],
    ),
    ("hostPath", "HostPath (bare host directory volume)", &[("Path", "path"), ("HostPathType", "type")]),
    (
        "configMap",
        "ConfigMap (a volume populated by a ConfigMap)",
        &[("Name", "name"), ("Optional", "optional")],
    ),
    (
        "secret",
        "Secret (a volume populated by a Secret)",
        &[("SecretName", "secretName"), ("Optional", "optional")],
    ),
    (
        "persistentVolumeClaim",
        "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
        &[("ClaimName", "claimName"), ("ReadOnly", "readOnly")],
    ),
    (
        "nfs",
        "NFS (an NFS mount that lasts the lifetime of a pod)",
        &[("Server", "server"), ("Path", "path"), ("ReadOnly", "readOnly")],
    ),
    ("downwardAPI", "DownwardAPI (a volume populated by information about the pod)", &[]),
    ("projected", "Projected (a volume that contains injected data from multiple sources)", &[]),
];

fn volumes(out: &mut String, volumes: &Value) {
    if list(volumes).is_empty() {
        line(out, 1, "Volumes", "<none>");
        return;
    }
    out.push_str("  Volumes:\n");
    for volume in list(volumes) {
        let _ = writeln!(out, "   {}:", text(&volume["name"]));
        let Some((key, words, members)) = VOLUMES.iter().find(|(key, ..)| volume[*key].is_object()) else {
            out.push_str("  <unknown>\n");
            continue;
        };
        line(out, 2, "Type", words);
        for (title, member) in *members {
            let value = match (&volume[*key][*member], *member) {
                (Value::Null, "optional" | "readOnly") => "false".to_owned(),
                (Value::Null, "sizeLimit") => "<unset>".to_owned(),
                (Value::Null, _) => String::new(),
                (value, _) => text(value),
            };
            line(out, 2, title, &value);
        }
    }
}

fn toleration(toleration: &Value) -> String {
    let part = |key: &str| toleration[key].as_str().unwrap_or("");
    let mut said = part("key").to_owned();
    if !part("value").is_empty() {
        let _ = write!(said, "={}", part("value"));
    }
    if !part("effect").is_empty() {
        let _ = write!(said, ":{}", part("effect"));
    }
    if part("operator") == "Exists" && part("value").is_empty() {
        said.push_str(if part("key").is_empty() && part("effect").is_empty() {
            "op=Exists"
        } else {
            " op=Exists"
        });
    }
    if let Some(seconds) = toleration["tolerationSeconds"].as_i64() {
        let _ = write!(said, " for {seconds}s");
    }
    said
}
