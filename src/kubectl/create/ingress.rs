//! `kubectl create ingress`: rules of the form `host/path=service:port[,tls[=secret]]`.

use super::{Generated, Options, named};
use serde_json::{Value, json};

/// The Ingress of `--rule`, `--default-backend`, `--class` and `--annotation`.
pub fn generate(options: &Options) -> Generated {
    let (rules, default) = (options.list("rule"), options.text("default-backend"));
    if rules.is_empty() && default.is_empty() {
        return Err("not enough information provided: every ingress has to either specify a \
                    default-backend (which catches all traffic) or a list of rules (which catch specific \
                    paths)"
            .into());
    }
    let rules = rules.iter().map(|text| Rule::parse(text)).collect::<Result<Vec<Rule>, String>>()?;
    let mut annotations = serde_json::Map::new();
    for annotation in options.list("annotation") {
        let Some((key, value)) = annotation.split_once('=') else {
            return Err(
                format!("annotation {annotation} is invalid and should be in format key=[value]").into()
            );
        };
        annotations.insert(key.to_owned(), json!(value));
    }
    let mut ingress = named("networking.k8s.io/v1", "Ingress", options);
    if !annotations.is_empty() {
        ingress["metadata"]["annotations"] = Value::Object(annotations);
    }
    ingress["spec"] = json!({});
    if !options.text("class").is_empty() {
        ingress["spec"]["ingressClassName"] = json!(options.text("class"));
    }
    if !default.is_empty() {
        let Some(backend) = backend(default) else {
            return Err("default-backend should be in format servicename:serviceport".into());
        };
        ingress["spec"]["defaultBackend"] = backend;
    }
    let (hosts, tls) = (hosts(&rules), tls(&rules));
    if !hosts.is_empty() {
        ingress["spec"]["rules"] = Value::Array(hosts);
    }
    if !tls.is_empty() {
        ingress["spec"]["tls"] = Value::Array(tls);
    }
    ingress["status"] = json!({"loadBalancer": {}});
    Ok(ingress)
}

/// One `--rule`.
struct Rule {
    host: String,
    path: Value,
    /// `Some("")` for `tls` without a secret.
    tls: Option<String>,
}

impl Rule {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("rule {text} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]")
        };
        let (place, rest) = text.split_once('=').ok_or_else(wrong)?;
        let (host, path) = place.split_once('/').ok_or_else(wrong)?;
        let (target, tls) = match rest.split_once(',') {
            None => (rest, None),
            Some((target, "tls")) => (target, Some(String::new())),
            Some((target, tls)) => {
                let secret = tls.strip_prefix("tls=").ok_or_else(wrong)?;
                (target, Some(secret.to_owned()))
            }
        };
        let backend = backend(target).ok_or_else(wrong)?;
        let path = format!("/{path}");
        let (path, kind) = path.strip_suffix('*').map_or((path.as_str(), "Exact"), |p| (p, "Prefix"));
        Ok(Self {
            host: host.to_owned(),
            path: json!({"path": path, "pathType": kind, "backend": backend}),
            tls,
        })
    }
}

/// `service:port`, the port a number or a name.
fn backend(text: &str) -> Option<Value> {
    let (name, port) = text.split_once(':')?;
    if name.is_empty() || port.is_empty() || port.contains(':') {
        return None;
    }
    let port = port.parse::<i32>().map_or_else(|_| json!({"name": port}), |n| json!({"number": n}));
    Some(json!({"service": {"name": name, "port": port}}))
}

/// The paths gathered by host, in the order in which hosts are first named.
fn hosts(rules: &[Rule]) -> Vec<Value> {
    let mut hosts: Vec<(String, Vec<Value>)> = Vec::new();
    for rule in rules {
        match hosts.iter_mut().find(|(host, _)| *host == rule.host) {
            Some((_, paths)) => paths.push(rule.path.clone()),
            None => hosts.push((rule.host.clone(), vec![rule.path.clone()])),
        }
    }
    let host = |(host, paths): (String, Vec<Value>)| {
        let mut rule = json!({"http": {"paths": paths}});
        if !host.is_empty() {
            rule["host"] = json!(host);
        }
        rule
    };
    hosts.into_iter().map(host).collect()
}

/// The hosts gathered by the secret of their certificate.
fn tls(rules: &[Rule]) -> Vec<Value> {
    let mut secrets: Vec<(String, Vec<String>)> = Vec::new();
    for rule in rules {
        let Some(secret) = &rule.tls else { continue };
        let at = secrets.iter().position(|(s, _)| s == secret).unwrap_or_else(|| {
            secrets.push((secret.clone(), Vec::new()));
            secrets.len() - 1
        });
        if !rule.host.is_empty() && !secrets[at].1.contains(&rule.host) {
            secrets[at].1.push(rule.host.clone());
        }
    }
    let entry = |(secret, hosts): (String, Vec<String>)| {
        let mut entry = json!({});
        if !hosts.is_empty() {
            entry["hosts"] = json!(hosts);
        }
        if !secret.is_empty() {
            entry["secretName"] = json!(secret);
        }
        entry
    };
    secrets.into_iter().map(entry).collect()
}
