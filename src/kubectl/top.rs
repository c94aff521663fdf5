//! `kubectl top`: what nodes and pods use. It needs the metrics API, which a new cluster does not have.

use super::call::Call;
use super::commands::{Command, Group};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::resource;
use super::table::Columns;
use crate::apiserver::Request;
use crate::object::quantity::Quantity;
use serde_json::Value;

/// `kubectl top`.
pub static COMMAND: Command = Command {
    name: "top",
    group: Group::Management,
    summary: "Display resource (CPU/memory) usage",
    usage: "top",
    subcommands: &[&NODE, &POD],
    ..Command::NEW
};

const FLAGS: &[Flag] = &[
    Flag::bool("no-headers", "Leave out the line with the names of the columns"),
    Flag::text("sort-by", "", "Sort by cpu or memory"),
    Flag::on("use-protocol-buffers", "Ask in the binary form"),
];

static NODE: Command = Command {
    name: "node",
    aliases: &["nodes", "no"],
    group: Group::Sub,
    summary: "Display resource (CPU/memory) usage of nodes",
    usage: "node [NAME | -l label]",
    flags: &[
        FLAGS,
        resource::SELECTOR_FLAGS,
        &[Flag::bool("show-capacity", "Count in parts of the capacity instead of what pods may have")],
    ],
    run: Some(|call| Box::pin(run(call, "nodes"))),
    ..Command::NEW
};

static POD: Command = Command {
    name: "pod",
    aliases: &["pods", "po"],
    group: Group::Sub,
    summary: "Display resource (CPU/memory) usage of pods",
    usage: "pod [NAME | -l label]",
    flags: &[
        FLAGS,
        resource::SELECTOR_FLAGS,
        resource::FIELD_SELECTOR_FLAGS,
        resource::ALL_NAMESPACES_FLAGS,
        &[Flag::bool("containers", "Each container"), Flag::bool("sum", "The sum below the list")],
    ],
    run: Some(|call| Box::pin(run(call, "pods"))),
    ..Command::NEW
};

async fn run(call: Call, plural: &'static str) -> Outcome<()> {
    if !["", "cpu", "memory"].contains(&call.flags.text("sort-by")) {
        return Err(Failure::new("--sort-by accepts only cpu or memory"));
    }
    if !call.args().is_empty() && !call.flags.text("selector").is_empty() {
        let which = if plural == "nodes" { "--selector" } else { "selector" };
        return Err(Failure::new(format!("only one of NAME or {which} can be provided")));
    }
    let groups = call.request(Request::get("/apis")).await?;
    let served = groups["groups"].as_array().into_iter().flatten().any(|g| g["name"] == "metrics.k8s.io");
    if !served {
        return Err(Failure::new("Metrics API not available"));
    }
    let root = "/apis/metrics.k8s.io/v1beta1";
    let path = match plural {
        "pods" if !call.flags.bool("all-namespaces") => {
            format!("{root}/namespaces/{}/pods", call.namespace()?)
        }
        plural => format!("{root}/{plural}"),
    };
    let list = call.request(Request::get(path).param("labelSelector", call.flags.text("selector"))).await?;
    let mut rows = Vec::new();
    if !call.flags.bool("no-headers") {
        let head = ["NAME", "CPU(cores)", "MEMORY(bytes)"];
        rows.push(head.iter().map(|h| (*h).to_owned()).collect());
    }
    for item in list["items"].as_array().into_iter().flatten() {
        let name = item["metadata"]["name"].as_str().unwrap_or("");
        if call.args().first().is_some_and(|wanted| wanted != name) {
            continue;
        }
        let usages: Vec<&Value> = match item["containers"].as_array() {
            Some(containers) => containers.iter().map(|c| &c["usage"]).collect(),
            None => vec![&item["usage"]],
        };
        let amounts =
            |key: &'static str| usages.iter().filter_map(move |u| Quantity::parse(u[key].as_str()?));
        let cpu: i64 = amounts("cpu").map(Quantity::milli).sum();
        let memory: i64 = amounts("memory").map(Quantity::units).sum();
        rows.push(vec![name.to_owned(), format!("{cpu}m"), format!("{}Mi", memory / (1 << 20))]);
    }
    call.print(Columns::default().rows(&rows));
    Ok(())
}
