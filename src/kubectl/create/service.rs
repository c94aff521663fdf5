//! `kubectl create service`: clusterip, nodeport, loadbalancer and externalname.

use super::{Generated, Options, named};
use serde_json::{Value, json};

/// The Service of one type, with the ports of `--tcp`.
pub fn generate(options: &Options, service_type: &str) -> Generated {
    let ports = options.list("tcp").iter().map(|text| port(text)).collect::<Result<Vec<Value>, String>>()?;
    let cluster_ip = options.text("clusterip");
    if ports.is_empty() && service_type != "ExternalName" && cluster_ip != "None" {
        return Err("at least one tcp port specifier must be provided".into());
    }
    let mut service = named("v1", "Service", options);
    let labels = json!({"app": options.name});
    service["metadata"]["labels"] = labels.clone();
    service["spec"] = json!({"type": service_type, "selector": labels});
    let spec = &mut service["spec"];
    if !ports.is_empty() {
        spec["ports"] = Value::Array(ports);
    }
    match service_type {
        "ClusterIP" if !cluster_ip.is_empty() => spec["clusterIP"] = json!(cluster_ip),
        "ExternalName" => spec["externalName"] = json!(options.text("external-name")),
        "NodePort" if options.int("node-port") != 0 => {
            for port in spec["ports"].as_array_mut().into_iter().flatten() {
                port["nodePort"] = json!(options.int("node-port"));
            }
        }
        _ => {}
    }
    service["status"] = json!({"loadBalancer": {}});
    Ok(service)
}

/// The words of a type in the message about a failure: `ClusterIP`, …
pub fn failure(service_type: &str) -> &'static str {
    match service_type {
        "NodePort" => "NodePort service",
        "LoadBalancer" => "LoadBalancer service",
        "ExternalName" => "ExternalName service",
        _ => "ClusterIP service",
    }
}

/// `80`, `80:8080` or `80:http`.
fn port(text: &str) -> Result<Value, String> {
    let (port, target) = text.split_once(':').unwrap_or((text, text));
    let number = parse_port(port)?;
    let target = match target.parse::<i64>() {
        Ok(n) if (1..=65535).contains(&n) => json!(n),
        Ok(_) => return Err("must be between 1 and 65535, inclusive".to_owned()),
        Err(_) => named_port(target)?,
    };
    let name = text.replace(':', "-");
    Ok(json!({"name": name, "port": number, "protocol": "TCP", "targetPort": target}))
}

fn parse_port(text: &str) -> Result<u16, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits {
        return Err(format!("strconv.ParseUint: parsing {text:?}: invalid syntax"));
    }
    text.parse().map_err(|_| format!("strconv.ParseUint: parsing {text:?}: value out of range"))
}

/// The name of a port: at most 15 of `a-z0-9-`, a letter among them, no `-` at an end or twice in a row.
fn named_port(name: &str) -> Result<Value, String> {
    let rule = if name.len() > 15 {
        "must be no more than 15 characters"
    } else if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    } else if !name.bytes().any(|b| b.is_ascii_lowercase()) {
        "must contain at least one letter (a-z)"
    } else if name.contains("--") {
        "must not contain consecutive hyphens"
    } else if name.starts_with('-') || name.ends_with('-') {
        "must not begin or end with a hyphen"
    } else {
        return Ok(json!(name));
    };
    Err(rule.to_owned())
}
