//! Describes a Node.

use super::Desk;
use super::writer::{Page, items, text, text_or, texts};
use crate::kubectl::age;
use crate::kubectl::errors::Outcome;
use crate::object::quantity::{Format, Quantity};
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) async fn describe(desk: &Desk, node: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let (metadata, spec) = (&node["metadata"], &node["spec"]);
    let name = text(&metadata["name"]);
    page.pair(0, "Name", &name);
    page.pair(0, "Roles", roles(&metadata["labels"]));
    page.metadata(node);
    page.pair(0, "CreationTimestamp", age::rfc1123(&metadata["creationTimestamp"]));
    taints(&mut page, &spec["taints"]);
    page.pair(0, "Unschedulable", spec["unschedulable"].as_bool().unwrap_or(false).to_string());
    let lease =
        desk.get(&format!("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}")).await;
    match lease {
        Ok(lease) => {
            page.line(0, "Lease:");
            page.pair(1, "HolderIdentity", text_or(&lease["spec"]["holderIdentity"], "<unset>"));
            page.pair(1, "AcquireTime", age::rfc1123(&lease["spec"]["acquireTime"]));
            page.pair(1, "RenewTime", age::rfc1123(&lease["spec"]["renewTime"]));
        }
        Err(failure) => page.pair(0, "Lease", format!("Failed to get lease: {}", failure.message())),
    }
    status(&mut page, node);
    if !text(&spec["podCIDR"]).is_empty() {
        page.pair(0, "PodCIDR", text(&spec["podCIDR"]));
    }
    if !items(&spec["podCIDRs"]).is_empty() {
        page.pair(0, "PodCIDRs", texts(&spec["podCIDRs"]).join(","));
    }
    if !text(&spec["providerID"]).is_empty() {
        page.pair(0, "ProviderID", text(&spec["providerID"]));
    }
    let fields = format!("spec.nodeName={name},status.phase!=Succeeded,status.phase!=Failed");
    let pods = desk.list("/api/v1/pods", &[("fieldSelector", fields)]).await;
    resources(&mut page, node, &pods);
    let mut events = desk.events(node).await;
    // Kubelets write the node's name for its uid.
    if let (Some(events), Some(more)) = (&mut events, desk.events_of("Node", metadata, &name).await) {
        events.extend(more);
    }
    page.events(events.as_ref());
    Ok(page.finish())
}

fn roles(labels: &Value) -> String {
    let mut roles: Vec<String> = Vec::new();
    for (key, value) in labels.as_object().into_iter().flatten() {
        if let Some(role) = key.strip_prefix("node-role.kubernetes.io/").filter(|r| !r.is_empty()) {
            roles.push(role.to_owned());
        } else if key == "kubernetes.io/role" && !text(value).is_empty() {
            roles.push(text(value));
        }
    }
    roles.sort();
    roles.dedup();
    if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") }
}

fn taints(page: &mut Page, taints: &Value) {
    let mut sorted: Vec<&Value> = items(taints).iter().collect();
    sorted.sort_by_key(|t| (text(&t["effect"]), text(&t["key"])));
    let show = |t: &&Value| {
        let (key, value, effect) = (text(&t["key"]), text(&t["value"]), text(&t["effect"]));
        match (value.is_empty(), effect.is_empty()) {
            (true, true) => key,
            (true, false) => format!("{key}:{effect}"),
            (false, true) => format!("{key}={value}:"),
            (false, false) => format!("{key}={value}:{effect}"),
        }
    };
    page.list("Taints", &sorted.iter().map(show).collect::<Vec<_>>());
}

fn status(page: &mut Page, node: &Value) {
    let status = &node["status"];
    if !items(&status["conditions"]).is_empty() {
        page.line(0, "Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage");
        page.line(1, "----\t------\t-----------------\t------------------\t------\t-------");
    }
    for c in items(&status["conditions"]) {
        let (beat, changed) = (age::rfc1123(&c["lastHeartbeatTime"]), age::rfc1123(&c["lastTransitionTime"]));
        let (kind, status) = (text(&c["type"]), text(&c["status"]));
        let (reason, message) = (text(&c["reason"]), text(&c["message"]));
        page.line(1, format!("{kind} \t{status} \t{beat} \t{changed} \t{reason} \t{message}"));
    }
    page.line(0, "Addresses:");
    for address in items(&status["addresses"]) {
        page.pair(1, &text(&address["type"]), text(&address["address"]));
    }
    for (title, field) in [("Capacity", "capacity"), ("Allocatable", "allocatable")] {
        if let Some(amounts) = status[field].as_object().filter(|a| !a.is_empty()) {
            page.line(0, format!("{title}:"));
            for (name, amount) in amounts {
                page.pair(1, name, text(amount));
            }
        }
    }
    page.line(0, "System Info:");
    for (title, field) in [
        ("Machine ID", "machineID"),
        ("System UUID", "systemUUID"),
        ("Boot ID", "bootID"),
        ("Kernel Version", "kernelVersion"),
        ("OS Image", "osImage"),
        ("Operating System", "operatingSystem"),
        ("Architecture", "architecture"),
        ("Container Runtime Version", "containerRuntimeVersion"),
        ("Kubelet Version", "kubeletVersion"),
        ("Kube-Proxy Version", "kubeProxyVersion"),
    ] {
        page.pair(1, title, text(&status["nodeInfo"][field]));
    }
}

/// Amounts by resource.
type Amounts = BTreeMap<String, Quantity>;

fn add(to: &mut Amounts, amounts: &Value) {
    for (name, amount) in amounts.as_object().into_iter().flatten() {
        let Some(amount) = Quantity::parse(&text(amount)) else { continue };
        let sum = to.entry(name.clone()).or_insert(Quantity { nano: 0, format: amount.format });
        sum.nano += amount.nano;
    }
}

fn raise(to: &mut Amounts, amounts: &Amounts) {
    for (name, amount) in amounts {
        let most = to.entry(name.clone()).or_insert(*amount);
        most.nano = most.nano.max(amount.nano);
    }
}

/// What a pod requests, or is limited to: its containers together, or its largest init container.
fn pod_amounts(pod: &Value, field: &str) -> Amounts {
    let spec = &pod["spec"];
    let mut total = Amounts::new();
    for container in items(&spec["containers"]) {
        add(&mut total, &container["resources"][field]);
    }
    let (mut sidecars, mut most) = (Amounts::new(), Amounts::new());
    for container in items(&spec["initContainers"]) {
        if container["restartPolicy"] == "Always" {
            add(&mut total, &container["resources"][field]);
            add(&mut sidecars, &container["resources"][field]);
        } else {
            let mut own = sidecars.clone();
            add(&mut own, &container["resources"][field]);
            raise(&mut most, &own);
        }
    }
    raise(&mut total, &most);
    add(&mut total, &spec["overhead"]);
    total
}

fn resources(page: &mut Page, node: &Value, pods: &[Value]) {
    let status = &node["status"];
    let allocatable =
        if status["allocatable"].is_object() { &status["allocatable"] } else { &status["capacity"] };
    let all = |name: &str| Quantity::parse(&text(&allocatable[name])).map_or(0, |q| q.nano);
    let share = |amounts: &Amounts, name: &str| {
        let amount = amounts.get(name).copied().unwrap_or(Quantity { nano: 0, format: Format::DecimalSi });
        let percent = if all(name) == 0 { 0.0 } else { amount.nano as f64 / all(name) as f64 * 100.0 };
        format!("{amount} ({}%)", percent as i64)
    };
    page.line(0, format!("Non-terminated Pods:\t({} in total)", pods.len()));
    page.line(1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge");
    page.line(1, "---------\t----\t\t------------\t----------\t---------------\t-------------\t---");
    let (mut requests, mut limits) = (Amounts::new(), Amounts::new());
    for pod in pods {
        let (asked, limited) = (pod_amounts(pod, "requests"), pod_amounts(pod, "limits"));
        let metadata = &pod["metadata"];
        page.line(
            1,
            format!(
                "{}\t{}\t\t{}\t{}\t{}\t{}\t{}",
                text(&metadata["namespace"]),
                text(&metadata["name"]),
                share(&asked, "cpu"),
                share(&limited, "cpu"),
                share(&asked, "memory"),
                share(&limited, "memory"),
                age::since(&metadata["creationTimestamp"], page.now),
            ),
        );
        for (sum, amounts) in [(&mut requests, &asked), (&mut limits, &limited)] {
            for (name, amount) in amounts {
                sum.entry(name.clone()).or_insert(Quantity { nano: 0, ..*amount }).nano += amount.nano;
            }
        }
    }
    page.line(0, "Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)");
    page.line(1, "Resource\tRequests\tLimits");
    page.line(1, "--------\t--------\t------");
    for name in ["cpu", "memory", "ephemeral-storage"] {
        page.line(1, format!("{name}\t{}\t{}", share(&requests, name), share(&limits, name)));
    }
    let names = || allocatable.as_object().into_iter().flatten().map(|(name, _)| name);
    for name in names().filter(|n| n.starts_with("hugepages-")) {
        page.line(1, format!("{name}\t{}\t{}", share(&requests, name), share(&limits, name)));
    }
    let standard =
        |n: &str| matches!(n, "cpu" | "memory" | "ephemeral-storage" | "pods") || n.starts_with("hugepages-");
    let plain = |amounts: &Amounts, name: &str| amounts.get(name).map_or("0".to_owned(), ToString::to_string);
    for name in names().filter(|n| !standard(n)) {
        page.line(1, format!("{name}\t{}\t{}", plain(&requests, name), plain(&limits, name)));
    }
}
