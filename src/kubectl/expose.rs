//! `kubectl expose`: a Service for what a workload, pod or Service says of its pods and ports.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::resource::{Bare, Info};
use super::write::flags::{DRY_RUN, FIELD_MANAGER, FILES, OUTPUT, RECORD, SAVE_CONFIG};
use super::write::overrides;
use super::write::{self, DryRun};
use serde_json::{Map, Value, json};

/// `kubectl expose`.
pub static COMMAND: Command = Command {
    name: "expose",
    group: Group::Beginner,
    summary: "Take a replication controller, service, deployment or pod and expose it as a new Kubernetes service",
    usage: "expose (-f FILENAME | TYPE NAME) [--port=port] [--protocol=TCP|UDP|SCTP] [--target-port=number-or-name] [--name=name] [--external-ip=external-ip-of-service] [--type=type]",
    examples: &[
        (
            "A service for a deployment, on port 80, to port 8000 of the containers",
            "kubectl expose deployment nginx --port=80 --target-port=8000",
        ),
        ("A service for one pod", "kubectl expose pod valid-pod --port=444 --name=frontend"),
    ],
    flags: &[
        FILES,
        RECORD,
        &[
            Flag::text("cluster-ip", "", "The address to take, or None for a headless service"),
            Flag::text("external-ip", "", "An address from outside that the service answers at"),
            Flag::text("labels", "", "The labels of the service").short('l'),
            Flag::text("load-balancer-ip", "", "The address that the load balancer shall take"),
            Flag::text("name", "", "The name of the service"),
            Flag::text("port", "", "The port of the service"),
            Flag::text("protocol", "", "TCP, UDP or SCTP"),
            Flag::text("selector", "", "The labels of the pods, as KEY=VALUE,…"),
            Flag::text("session-affinity", "", "None or ClientIP"),
            Flag::text("target-port", "", "The port of the containers, a number or a name"),
            Flag::text("type", "", "ClusterIP, NodePort, LoadBalancer or ExternalName"),
        ],
        overrides::FLAGS,
        DRY_RUN,
        OUTPUT,
        SAVE_CONFIG,
        FIELD_MANAGER,
    ],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let dry_run = DryRun::of(&call)?;
    for info in write::existing(&call, call.args(), Bare::Refuse).await? {
        let mut service = service(&call, &info)?;
        service = overrides::apply(&call, service)?;
        if call.flags.bool("save-config") {
            write::remember_applied(&mut service);
        }
        let made = if dry_run == DryRun::Client {
            service
        } else {
            service["metadata"]["namespace"] = json!(info.namespace);
            write::create(&call, &service, dry_run).await?
        };
        write::print_object(&call, &made, "exposed", dry_run)?;
    }
    Ok(())
}

fn service(call: &Call, info: &Info) -> Outcome<Value> {
    let text = |name: &str| call.flags.text(name);
    if !["Pod", "Service", "ReplicationController", "Deployment", "ReplicaSet"]
        .contains(&info.mapping.kind.as_str())
    {
        let (kind, group) = (&info.mapping.kind, &info.mapping.group);
        let dot = if group.is_empty() { "" } else { "." };
        return Err(format!("cannot expose a {kind}{dot}{group}").into());
    }
    let name: String =
        if text("name").is_empty() { &info.name } else { text("name") }.chars().take(63).collect();
    let selector = selector(call, info)?;
    let ports = ports(call, info)?;
    let labels = if text("labels").is_empty() {
        info.object["metadata"]["labels"].clone()
    } else {
        json!(pairs(text("labels"))?)
    };
    let mut service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}});
    if labels.as_object().is_some_and(|l| !l.is_empty()) {
        service["metadata"]["labels"] = labels;
    }
    if call.namespace_enforced() {
        service["metadata"]["namespace"] = json!(info.namespace);
    }
    let mut spec = json!({"selector": selector});
    if !ports.is_empty() {
        spec["ports"] = Value::Array(ports);
    }
    for (flag, field) in
        [("type", "type"), ("load-balancer-ip", "loadBalancerIP"), ("cluster-ip", "clusterIP")]
    {
        let useless = flag == "load-balancer-ip" && text("type") != "LoadBalancer";
        if !text(flag).is_empty() && !useless {
            spec[field] = json!(text(flag));
        }
    }
    if !text("external-ip").is_empty() {
        spec["externalIPs"] = json!([text("external-ip")]);
    }
    match text("session-affinity") {
        "" => {}
        kind @ ("None" | "ClientIP") => spec["sessionAffinity"] = json!(kind),
        other => return Err(format!("unknown session affinity: {other}").into()),
    }
    service["spec"] = spec;
    service["status"] = json!({"loadBalancer": {}});
    Ok(service)
}

/// `a=b,c=d`.
pub fn pairs(text: &str) -> Outcome<Map<String, Value>> {
    let mut map = Map::new();
    for part in text.split(',') {
        let Some((key, value)) = part.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(format!("unexpected label spec: {part}").into());
        };
        map.insert(key.to_owned(), json!(value));
    }
    Ok(map)
}

/// `--selector`, or what the object itself selects or is labelled with.
fn selector(call: &Call, info: &Info) -> Outcome<Value> {
    let asked = call.flags.text("selector");
    if !asked.is_empty() {
        return Ok(Value::Object(pairs(asked)?));
    }
    let object = &info.object;
    let none = |why: &str| {
        Failure::new(format!("couldn't retrieve selectors via --selector flag or introspection: {why}"))
    };
    let (found, missing) = match info.mapping.kind.as_str() {
        "Pod" => (&object["metadata"]["labels"], "the pod has no labels and cannot be exposed"),
        "Service" => (&object["spec"]["selector"], "the service has no pod selector set"),
        "ReplicationController" => {
            (&object["spec"]["selector"], "the replication controller has no selector")
        }
        _ => {
            let expressions = &object["spec"]["selector"]["matchExpressions"];
            if expressions.as_array().is_some_and(|e| !e.is_empty()) {
                let shown = crate::apiserver::patch::go_syntax(expressions);
                return Err(none(&format!(
                    "couldn't convert expressions - \"{shown}\" to map-based selector format"
                )));
            }
            (
                &object["spec"]["selector"]["matchLabels"],
                "invalid deployment or replica set: it selects nothing",
            )
        }
    };
    if found.as_object().is_none_or(Map::is_empty) {
        return Err(none(missing));
    }
    Ok(found.clone())
}

/// The service's ports: those of `--port`, or of the object.
fn ports(call: &Call, info: &Info) -> Outcome<Vec<Value>> {
    let own = own_ports(info);
    let asked = call.flags.text("port");
    let headless = call.flags.text("cluster-ip") == "None";
    let words: Vec<String> = if asked.is_empty() {
        own.iter().map(|(port, _)| port.to_string()).collect()
    } else {
        asked.split(',').map(str::to_owned).collect()
    };
    if words.is_empty() && !headless {
        return Err("couldn't find port via --port flag or introspection".into());
    }
    let (target, protocol) = (call.flags.text("target-port"), call.flags.text("protocol"));
    let mut ports = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let number: i64 =
            word.parse().map_err(|_| format!("strconv.Atoi: parsing {word:?}: invalid syntax"))?;
        let own_protocol = own.iter().find(|(port, _)| *port == number).map_or("TCP", |(_, p)| p.as_str());
        let protocol = if protocol.is_empty() { own_protocol } else { protocol };
        let target = match target {
            "" => json!(number),
            text => text.parse::<i64>().map_or_else(|_| json!(text), |n| json!(n)),
        };
        let mut port = json!({"port": number, "protocol": protocol, "targetPort": target});
        if words.len() > 1 {
            port["name"] = json!(format!("port-{}", index + 1));
        }
        ports.push(port);
    }
    Ok(ports)
}

/// The ports that the object itself tells, with their protocols.
fn own_ports(info: &Info) -> Vec<(i64, String)> {
    let object = &info.object;
    let (holders, field): (Vec<&Value>, &str) = match info.mapping.kind.as_str() {
        "Service" => (vec![&object["spec"]], "port"),
        "Pod" => (object["spec"]["containers"].as_array().into_iter().flatten().collect(), "containerPort"),
        _ => {
            let containers = &object["spec"]["template"]["spec"]["containers"];
            (containers.as_array().into_iter().flatten().collect(), "containerPort")
        }
    };
    let ports = holders.into_iter().flat_map(|h| h["ports"].as_array().into_iter().flatten());
    ports
        .filter_map(|p| Some((p[field].as_i64()?, p["protocol"].as_str().unwrap_or("TCP").to_owned())))
        .collect()
}
