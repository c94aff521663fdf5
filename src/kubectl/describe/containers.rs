//! The containers of a pod or a pod template.

use super::volumes;
use super::writer::{Page, go_list, items, number, text, text_or, truth};
use crate::kubectl::age;
use crate::object::quantity::{Format, Quantity};
use serde_json::Value;
use std::fmt::Write;

/// Whose containers they are.
pub(super) enum Owner<'v> {
    /// A pod's, which have a state.
    Pod {
        /// The pod, which environment variables may refer to.
        pod: &'v Value,
        /// `status.containerStatuses`.
        statuses: &'v Value,
    },
    /// A template's.
    Template,
}

/// Describes a pod template.
pub(super) fn template(page: &mut Page, template: &Value) {
    let spec = &template["spec"];
    page.line(0, "Pod Template:");
    page.labels("  Labels", &template["metadata"]["labels"]);
    if template["metadata"]["annotations"].as_object().is_some_and(|a| !a.is_empty()) {
        page.annotations("  Annotations", &template["metadata"]["annotations"]);
    }
    if !text(&spec["serviceAccountName"]).is_empty() {
        page.pair(1, "Service Account", text(&spec["serviceAccountName"]));
    }
    if !items(&spec["initContainers"]).is_empty() {
        describe(page, "Init Containers", &spec["initContainers"], &Owner::Template);
    }
    describe(page, "Containers", &spec["containers"], &Owner::Template);
    volumes::describe(page, &spec["volumes"], "  ");
    spread_constraints(page, &spec["topologySpreadConstraints"], "  ");
    if !text(&spec["priorityClassName"]).is_empty() {
        page.pair(1, "Priority Class Name", text(&spec["priorityClassName"]));
    }
    page.labels("  Node-Selectors", &spec["nodeSelector"]);
    page.tolerations("  Tolerations", &spec["tolerations"]);
}

/// Describes a list of containers under a title.
pub(super) fn describe(page: &mut Page, title: &str, containers: &Value, owner: &Owner<'_>) {
    let (space, name_indent) = match owner {
        Owner::Pod { .. } => ("", ""),
        Owner::Template => ("  ", " "),
    };
    let none = if items(containers).is_empty() { " <none>" } else { "" };
    page.line(0, format!("{space}{title}:{none}"));
    for container in items(containers) {
        let status = match owner {
            Owner::Pod { statuses, .. } => items(statuses).iter().find(|s| s["name"] == container["name"]),
            Owner::Template => None,
        };
        page.line(1, format!("{name_indent}{}:", text(&container["name"])));
        basics(page, container, status);
        command(page, container);
        if let Some(status) = status {
            state(page, "State", &status["state"]);
            if status["lastState"]["terminated"].is_object() {
                state(page, "Last State", &status["lastState"]);
            }
            page.pair(2, "Ready", truth(&Value::from(status["ready"].as_bool().unwrap_or(false))));
            page.pair(2, "Restart Count", number(&status["restartCount"]).to_string());
        }
        resources(page, 2, &container["resources"]);
        for (title, field) in
            [("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"), ("Startup", "startupProbe")]
        {
            if container[field].is_object() {
                page.pair(2, title, probe(&container[field]));
            }
        }
        environment(page, container, owner);
        mounts(page, container);
    }
}

fn basics(page: &mut Page, container: &Value, status: Option<&Value>) {
    if let Some(status) = status {
        page.pair(2, "Container ID", text(&status["containerID"]));
    }
    page.pair(2, "Image", text(&container["image"]));
    if let Some(status) = status {
        page.pair(2, "Image ID", text(&status["imageID"]));
    }
    let ports = |field: &str| -> String {
        let port = |p: &Value| format!("{}/{}", number(&p[field]), text_or(&p["protocol"], "TCP"));
        items(&container["ports"]).iter().map(port).collect::<Vec<_>>().join(", ")
    };
    for (title, field) in [("Port", "containerPort"), ("Host Port", "hostPort")] {
        match ports(field) {
            none if none.is_empty() => page.pair(2, title, "<none>"),
            several if several.contains(',') => page.pair(2, &format!("{title}s"), several),
            one => page.pair(2, title, one),
        }
    }
    let seccomp = &container["securityContext"]["seccompProfile"];
    if seccomp.is_object() {
        page.pair(2, "SeccompProfile", text(&seccomp["type"]));
    }
}

fn command(page: &mut Page, container: &Value) {
    for (title, field) in [("Command", "command"), ("Args", "args")] {
        if !items(&container[field]).is_empty() {
            page.line(2, format!("{title}:"));
            for word in items(&container[field]) {
                for line in text(word).split('\n') {
                    page.line(3, line);
                }
            }
        }
    }
}

fn state(page: &mut Page, title: &str, state: &Value) {
    if let running @ Value::Object(_) = &state["running"] {
        page.pair(2, title, "Running");
        page.pair(3, "Started", age::rfc1123(&running["startedAt"]));
    } else if let ended @ Value::Object(_) = &state["terminated"] {
        page.pair(2, title, "Terminated");
        for (title, field) in [("Reason", "reason"), ("Message", "message")] {
            if !text(&ended[field]).is_empty() {
                page.pair(3, title, text(&ended[field]));
            }
        }
        page.pair(3, "Exit Code", number(&ended["exitCode"]).to_string());
        if number(&ended["signal"]) > 0 {
            page.pair(3, "Signal", text(&ended["signal"]));
        }
        let zero = |time: &Value| {
            if time.is_null() { "Mon, 01 Jan 0001 00:00:00 +0000".to_owned() } else { age::rfc1123(time) }
        };
        page.pair(3, "Started", zero(&ended["startedAt"]));
        page.pair(3, "Finished", zero(&ended["finishedAt"]));
    } else {
        page.pair(2, title, "Waiting");
        if !text(&state["waiting"]["reason"]).is_empty() {
            page.pair(3, "Reason", text(&state["waiting"]["reason"]));
        }
    }
}

/// Limits and requests.
pub(super) fn resources(page: &mut Page, level: usize, resources: &Value) {
    for (title, field) in [("Limits", "limits"), ("Requests", "requests")] {
        let Some(amounts) = resources[field].as_object().filter(|a| !a.is_empty()) else { continue };
        page.line(level, format!("{title}:"));
        for (name, amount) in amounts {
            page.pair(level + 1, name, text(amount));
        }
    }
}

/// A probe in one line.
fn probe(probe: &Value) -> String {
    let field = |name: &str, otherwise: i64| probe[name].as_i64().unwrap_or(otherwise);
    let attributes = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        field("initialDelaySeconds", 0),
        field("timeoutSeconds", 1),
        field("periodSeconds", 10),
        field("successThreshold", 1),
        field("failureThreshold", 3),
    );
    if let exec @ Value::Object(_) = &probe["exec"] {
        return format!("exec {} {attributes}", go_list(&exec["command"]));
    }
    if let http @ Value::Object(_) = &probe["httpGet"] {
        let (scheme, path) = (text_or(&http["scheme"], "HTTP").to_lowercase(), text_or(&http["path"], "/"));
        return format!(
            "http-get {scheme}://{}:{}{path} {attributes}",
            text(&http["host"]),
            text(&http["port"])
        );
    }
    if let tcp @ Value::Object(_) = &probe["tcpSocket"] {
        return format!("tcp-socket {}:{} {attributes}", text(&tcp["host"]), text(&tcp["port"]));
    }
    if let grpc @ Value::Object(_) = &probe["grpc"] {
        return format!("grpc <pod>:{} {} {attributes}", text(&grpc["port"]), text(&grpc["service"]));
    }
    format!("unknown {attributes}")
}

fn environment(page: &mut Page, container: &Value, owner: &Owner<'_>) {
    if !items(&container["envFrom"]).is_empty() {
        page.line(2, "Environment Variables from:");
        for source in items(&container["envFrom"]) {
            let (kind, reference) = if source["configMapRef"].is_object() {
                ("ConfigMap", &source["configMapRef"])
            } else {
                ("Secret", &source["secretRef"])
            };
            let prefix = text(&source["prefix"]);
            let prefix = if prefix.is_empty() { prefix } else { format!(" with prefix '{prefix}'") };
            let optional = reference["optional"].as_bool().unwrap_or(false);
            page.line(3, format!("{}\t{kind}{prefix}\tOptional: {optional}", text(&reference["name"])));
        }
    }
    let variables = items(&container["env"]);
    page.line(2, if variables.is_empty() { "Environment:\t<none>" } else { "Environment:" });
    for variable in variables {
        let name = text(&variable["name"]);
        let from = &variable["valueFrom"];
        if !from.is_object() {
            for (i, line) in text(&variable["value"]).split('\n').enumerate() {
                page.line(3, if i == 0 { format!("{name}:\t{line}") } else { format!("\t{line}") });
            }
            continue;
        }
        let optional = |r: &Value| r["optional"].as_bool().unwrap_or(false);
        if let field @ Value::Object(_) = &from["fieldRef"] {
            let (version, path) = (text_or(&field["apiVersion"], "v1"), text(&field["fieldPath"]));
            page.line(3, format!("{name}:\t{} ({version}:{path})", field_value(owner, &path)));
        } else if let field @ Value::Object(_) = &from["resourceFieldRef"] {
            let resource = text(&field["resource"]);
            page.line(3, format!("{name}:\t{} ({resource})", resource_value(container, field)));
        } else if let key @ Value::Object(_) = &from["secretKeyRef"] {
            let (key_name, secret) = (text(&key["key"]), text(&key["name"]));
            let shown = format!("<set to the key '{key_name}' in secret '{secret}'>");
            page.line(3, format!("{name}:\t{shown}\tOptional: {}", optional(key)));
        } else if let key @ Value::Object(_) = &from["configMapKeyRef"] {
            let (key_name, map) = (text(&key["key"]), text(&key["name"]));
            let shown = format!("<set to the key '{key_name}' of config map '{map}'>");
            page.line(3, format!("{name}:\t{shown}\tOptional: {}", optional(key)));
        }
    }
}

/// What a `fieldRef` stands for.
fn field_value(owner: &Owner<'_>, path: &str) -> String {
    let Owner::Pod { pod, .. } = owner else { return String::new() };
    if let Some((map, key)) = path.strip_suffix("']").and_then(|p| p.split_once("['")) {
        let pointer = format!("/{}", map.replace('.', "/"));
        return pod.pointer(&pointer).map_or_else(String::new, |m| text(&m[key]));
    }
    // Only what stands in the metadata is looked up.
    match path.strip_prefix("metadata.") {
        Some(field @ ("name" | "namespace" | "uid")) => text(&pod["metadata"][field]),
        _ => String::new(),
    }
}

/// What a `resourceFieldRef` stands for.
pub(super) fn resource_value(container: &Value, field: &Value) -> String {
    let resource = text(&field["resource"]);
    let (list, name) = resource.split_once('.').unwrap_or((&resource, ""));
    let amount = text(&container["resources"][list][name]);
    let Some(amount) = Quantity::parse(&amount) else {
        return if list == "limits" && matches!(name, "cpu" | "memory") {
            "node allocatable".to_owned()
        } else {
            "0".to_owned()
        };
    };
    let divisor = Quantity::parse(&text_or(&field["divisor"], "1")).filter(|d| d.nano != 0);
    let divisor = divisor.unwrap_or(Quantity::from_units(1, Format::DecimalSi));
    let whole = amount.nano.div_euclid(divisor.nano);
    let rest = i128::from(amount.nano.rem_euclid(divisor.nano) != 0);
    (whole + rest).to_string()
}

fn mounts(page: &mut Page, container: &Value) {
    let mut mounts: Vec<&Value> = items(&container["volumeMounts"]).iter().collect();
    mounts.sort_by_key(|m| text(&m["mountPath"]));
    let none = if mounts.is_empty() { "\t<none>" } else { "" };
    page.line(2, format!("Mounts:{none}"));
    for mount in mounts {
        let mut flags = if mount["readOnly"] == true { "ro".to_owned() } else { "rw".to_owned() };
        let sub_path = text(&mount["subPath"]);
        if !sub_path.is_empty() {
            let _ = write!(flags, ",path={}", crate::kubectl::flags::quote(&sub_path));
        }
        page.line(3, format!("{} from {} ({flags})", text(&mount["mountPath"]), text(&mount["name"])));
    }
    let mut devices: Vec<&Value> = items(&container["volumeDevices"]).iter().collect();
    devices.sort_by_key(|d| text(&d["devicePath"]));
    if !devices.is_empty() {
        page.line(2, format!("Devices:{none}"));
        for device in devices {
            page.line(3, format!("{} from {}", text(&device["devicePath"]), text(&device["name"])));
        }
    }
}

/// Topology spread constraints.
pub(super) fn spread_constraints(page: &mut Page, constraints: &Value, space: &str) {
    let mut sorted: Vec<&Value> = items(constraints).iter().collect();
    sorted.sort_by_key(|c| text(&c["topologyKey"]));
    for (i, c) in sorted.into_iter().enumerate() {
        let title = if i == 0 { format!("{space}Topology Spread Constraints:") } else { space.to_owned() };
        let (key, otherwise) = (text(&c["topologyKey"]), text(&c["whenUnsatisfiable"]));
        let mut line =
            format!("{title}\t{key}:{otherwise} when max skew {} is exceeded", text(&c["maxSkew"]));
        if c["labelSelector"].is_object() {
            let _ = write!(line, " for selector {}", super::writer::selector(&c["labelSelector"]));
        }
        page.line(0, line);
    }
}
