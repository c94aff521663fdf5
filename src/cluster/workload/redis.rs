//! redis: the few commands of `redis-cli` that people try first.

use super::process::{Program, process_mut};
use super::rootfs::Spot;
use crate::cluster::Cluster;
use crate::cluster::kubelet::{Place, place_of, run_of};
use crate::cluster::network::{self, DnsAnswer, Point, QueryType, Record};
use crate::object::{ObjectName, Pod, meta::MetaExt};

/// Runs `redis-cli` with these arguments: what it prints, and its exit status.
pub fn client(cluster: &mut Cluster, from: &Spot, args: &[String]) -> (String, i32) {
    let (mut host, mut port) = ("127.0.0.1".to_owned(), 6379u16);
    let mut words = args;
    loop {
        match words {
            [flag, value, rest @ ..] if flag == "-h" => {
                host.clone_from(value);
                words = rest;
            }
            [flag, value, rest @ ..] if flag == "-p" => {
                port = value.parse().unwrap_or(6379);
                words = rest;
            }
            [flag, _, rest @ ..] if matches!(flag.as_str(), "-a" | "-n") => words = rest,
            _ => break,
        }
    }
    let Some((spot, pid)) = find(cluster, from, &host, port) else {
        return (format!("Could not connect to Redis at {host}:{port}: Connection refused\n"), 1);
    };
    let Some(Program::Server(server)) = process_mut(cluster, &spot, pid).map(|p| &mut p.program) else {
        return (format!("Could not connect to Redis at {host}:{port}: Connection refused\n"), 1);
    };
    let lower = words.first().map(|w| w.to_ascii_lowercase()).unwrap_or_default();
    let reply = match (lower.as_str(), &words[words.len().min(1)..]) {
        ("", _) => String::new(),
        ("ping", []) => "PONG".to_owned(),
        ("ping" | "echo", [text]) => format!("\"{text}\""),
        ("set", [key, value, ..]) if server.data.len() < 10_000 => {
            server.data.insert(key.clone(), value.clone());
            "OK".to_owned()
        }
        ("get", [key]) => server.data.get(key).map_or("(nil)".to_owned(), |v| format!("\"{v}\"")),
        ("del", keys) => {
            let gone = keys.iter().filter(|k| server.data.remove(*k).is_some()).count();
            format!("(integer) {gone}")
        }
        ("exists", keys) => {
            format!("(integer) {}", keys.iter().filter(|k| server.data.contains_key(*k)).count())
        }
        ("incr", [key]) => match server.data.get(key).map_or(Ok(0), |v| v.parse::<i64>()) {
            Ok(number) => {
                let number = number.saturating_add(1);
                server.data.insert(key.clone(), number.to_string());
                format!("(integer) {number}")
            }
            Err(_) => "(error) ERR value is not an integer or out of range".to_owned(),
        },
        ("dbsize", []) => format!("(integer) {}", server.data.len()),
        ("keys", [_]) if server.data.is_empty() => "(empty array)".to_owned(),
        ("keys", [pattern]) => {
            let prefix = pattern.trim_end_matches('*');
            let keys = server.data.keys().filter(|k| k.starts_with(prefix)).enumerate();
            keys.map(|(i, k)| format!("{}) \"{k}\"", i + 1)).collect::<Vec<_>>().join("\n")
        }
        ("flushall" | "flushdb", _) => {
            server.data.clear();
            "OK".to_owned()
        }
        ("info", _) => "# Server\nredis_mode:standalone\n# Replication\nrole:master".to_owned(),
        ("set" | "get" | "keys" | "incr", _) => {
            format!("(error) ERR wrong number of arguments for '{lower}' command")
        }
        _ => format!("(error) ERR unknown command '{}', with args beginning with: ", words[0]),
    };
    (format!("{reply}\n"), 0)
}

/// The redis that listens at `host:port`, as seen from a container.
fn find(cluster: &mut Cluster, from: &Spot, host: &str, port: u16) -> Option<(Spot, u32)> {
    let pod = if matches!(host, "127.0.0.1" | "localhost") {
        from.pod.clone()
    } else {
        let point = Point::Pod(from.pod.clone());
        if network::connect(cluster, &point, host, port) != network::Outcome::Answered(()) {
            return None;
        }
        let ip = match network::resolve(cluster, &point, host, QueryType::A) {
            DnsAnswer::Records(records) => records.iter().find_map(|r| match r {
                Record::A(_, ip) => Some(ip.clone()),
                _ => None,
            })?,
            _ => host.to_owned(),
        };
        behind(cluster, &ip)?
    };
    let Place::Node(node) = place_of(cluster, &pod) else { return None };
    let run = run_of(cluster, &node, &pod)?;
    for (index, container) in run.containers.iter().enumerate() {
        let Some(body) = &container.body else { continue };
        for process in body.processes.iter().filter(|p| p.exit.is_none()) {
            if matches!(&process.program, Program::Server(s) if s.ports.contains(&port)) {
                return Some((Spot { node, pod, index }, process.pid));
            }
        }
    }
    None
}

/// A pod behind an address: its own, or that of a Service that selects it.
fn behind(cluster: &Cluster, ip: &str) -> Option<ObjectName> {
    use k8s_openapi::api::core::v1::Service;
    let direct = cluster.api.store.all::<Pod>().find(|p| p.status.pod_ip.as_deref() == Some(ip));
    if let Some(pod) = direct {
        return Some(pod.object_name());
    }
    let service = cluster
        .api
        .store
        .all::<Service>()
        .find(|s| s.spec.as_ref().and_then(|s| s.cluster_ip.as_deref()) == Some(ip))?;
    let selector = crate::object::selector::Selector::from_map(service.spec.as_ref()?.selector.as_ref()?);
    let mut pods = cluster.api.store.all_in::<Pod>(service.namespace_str());
    pods.find(|p| selector.matches(p.labels_map())).map(|p| p.object_name())
}
