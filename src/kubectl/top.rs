//! `kubectl top`: what nodes and pods use. It needs the metrics API, which a new cluster does not have.
//!
//! Always holds: lines are laid out as kubectl's printer does, with an empty cell behind the last. From
//! `kubectl/pkg/cmd/top` and `kubectl/pkg/metricsutil`.

use super::age;
use super::call::Call;
use super::commands::{Command, Group};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::resource;
use super::table::Columns;
use crate::apiserver::Request;
use crate::object::quantity::Quantity;
use crate::object::selector::Selector;
use crate::object::{SECOND, SimTime};
use serde_json::Value;
use std::cmp::Reverse;

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
    Flag::bool("show-swap", "Swap space, too"),
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
    run: Some(|call| Box::pin(nodes(call))),
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
    run: Some(|call| Box::pin(pods(call))),
    ..Command::NEW
};

const ROOT: &str = "/apis/metrics.k8s.io/v1beta1";
/// A pod of this age without metrics is worth an error of its own.
const CREATION_DELAY: u64 = 120 * SECOND;

/// CPU in thousandths, memory in bytes.
#[derive(Clone, Copy, Default)]
struct Usage {
    milli: i64,
    bytes: i64,
}

impl Usage {
    fn of(amounts: &Value) -> Self {
        let amount = |key: &str| amounts[key].as_str().and_then(Quantity::parse);
        Self {
            milli: amount("cpu").map_or(0, Quantity::milli),
            bytes: amount("memory").map_or(0, Quantity::units),
        }
    }

    /// The cells of a pod or container.
    fn cells(self, call: &Call) -> Vec<String> {
        let mut cells = vec![format!("{}m", self.milli), format!("{}Mi", self.bytes >> 20)];
        if call.flags.bool("show-swap") {
            cells.push("0Mi".to_owned());
        }
        cells
    }

    /// What is sorted by, greatest first; alike when sorting by name.
    fn rank(self, call: &Call) -> Reverse<i64> {
        Reverse(match call.flags.text("sort-by") {
            "cpu" => self.milli,
            "memory" => self.bytes,
            _ => 0,
        })
    }
}

impl std::iter::Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(list: I) -> Self {
        list.fold(Self::default(), |a, b| Self { milli: a.milli + b.milli, bytes: a.bytes + b.bytes })
    }
}

/// Checks flags and names, and that somebody serves the metrics API.
async fn check(call: &Call, selectors: &[&str], named: &str) -> Outcome<()> {
    if call.args().len() > 1 {
        return Err(call.usage(call.command.usage));
    }
    if !["", "cpu", "memory"].contains(&call.flags.text("sort-by")) {
        return Err(Failure::new("--sort-by accepts only cpu or memory"));
    }
    if !call.args().is_empty() && selectors.iter().any(|flag| !call.flags.text(flag).is_empty()) {
        return Err(Failure::new(format!("only one of NAME or {named} can be provided")));
    }
    Selector::parse(call.flags.text("selector")).map_err(Failure::new)?;
    let groups = call.request(Request::get("/apis")).await?;
    let group = groups["groups"].as_array().into_iter().flatten().find(|g| g["name"] == "metrics.k8s.io");
    let versions = group.and_then(|g| g["versions"].as_array());
    if versions.is_some_and(|v| v.iter().any(|v| v["version"] == "v1beta1")) {
        return Ok(());
    }
    Err(Failure::new("Metrics API not available"))
}

/// The one that is named, or those of the list.
async fn fetch(call: &Call, path: &str, fields: &str) -> Outcome<Vec<Value>> {
    if let Some(name) = call.args().first() {
        return Ok(vec![call.request(Request::get(format!("{path}/{name}"))).await?]);
    }
    let mut request = Request::get(path);
    for (key, value) in [("labelSelector", call.flags.text("selector")), ("fieldSelector", fields)] {
        if !value.is_empty() {
            request = request.param(key, value);
        }
    }
    let mut list = call.request(request).await?;
    Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or("").to_owned()
}

/// Prints rows with an empty cell behind each.
fn print(call: &Call, mut rows: Vec<Vec<String>>) {
    for row in &mut rows {
        row.push(String::new());
    }
    call.print(Columns::default().rows(&rows));
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

async fn nodes(call: Call) -> Outcome<()> {
    check(&call, &["selector"], "--selector").await?;
    let mut metrics = fetch(&call, &format!("{ROOT}/nodes"), "").await?;
    if metrics.is_empty() {
        return Err(Failure::new("metrics not available yet"));
    }
    let mut machines = fetch(&call, "/api/v1/nodes", "").await?;
    metrics.sort_by_cached_key(|m| (Usage::of(&m["usage"]).rank(&call), name(m)));
    let swap = call.flags.bool("show-swap");
    let mut rows = Vec::new();
    if !call.flags.bool("no-headers") {
        let mut head = owned(&["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"]);
        if swap {
            head.extend(owned(&["SWAP(bytes)", "SWAP(%)"]));
        }
        rows.push(head);
    }
    let amounts = if call.flags.bool("show-capacity") { "capacity" } else { "allocatable" };
    for one in &metrics {
        let used = Usage::of(&one["usage"]);
        let machine = machines.iter().position(|m| name(m) == name(one)).map(|i| machines.swap_remove(i));
        let room = machine.map(|m| Usage::of(&m["status"][amounts]));
        let mut row = vec![name(one), format!("{}m", used.milli)];
        let percent = |used: i64, room: i64| {
            let whole = if room == 0 { 0 } else { i128::from(used) * 100 / i128::from(room) };
            format!("{whole}%")
        };
        row.extend(room.map(|r| percent(used.milli, r.milli)));
        row.push(format!("{}Mi", used.bytes >> 20));
        row.extend(room.map(|r| percent(used.bytes, r.bytes)));
        if swap {
            row.extend(owned(&["<unknown>", "<unknown>"]));
        }
        rows.push(row);
    }
    machines.sort_by_cached_key(name);
    for machine in &machines {
        let mut row = vec![name(machine)];
        row.resize(if swap { 7 } else { 5 }, "<unknown>".to_owned());
        rows.push(row);
    }
    print(&call, rows);
    Ok(())
}

async fn pods(call: Call) -> Outcome<()> {
    check(&call, &["selector", "field-selector"], "selector").await?;
    let all = call.flags.bool("all-namespaces");
    let namespace = call.namespace()?;
    let place = if all && call.args().is_empty() {
        "/pods".to_owned()
    } else {
        format!("/namespaces/{namespace}/pods")
    };
    let mut metrics = fetch(&call, &format!("{ROOT}{place}"), call.flags.text("field-selector")).await?;
    if metrics.is_empty() {
        let pods = format!("/api/v1/namespaces/{namespace}/pods");
        explain_nothing(&call, &fetch(&call, &pods, call.flags.text("field-selector")).await?)?;
        call.note(if all {
            "No resources found".to_owned()
        } else {
            format!("No resources found in {namespace} namespace.")
        });
        return Ok(());
    }
    let total = |pod: &Value| -> Usage { containers(pod).iter().map(|c| Usage::of(&c["usage"])).sum() };
    let namespace_of =
        |pod: &Value| all.then(|| pod["metadata"]["namespace"].as_str().unwrap_or("").to_owned());
    metrics.sort_by_cached_key(|m| (namespace_of(m), total(m).rank(&call), name(m)));
    print(&call, pod_rows(&call, &metrics, &namespace_of, &total));
    Ok(())
}

fn containers(pod: &Value) -> Vec<Value> {
    pod["containers"].as_array().cloned().unwrap_or_default()
}

fn pod_rows(
    call: &Call,
    metrics: &[Value],
    namespace_of: &dyn Fn(&Value) -> Option<String>,
    total: &dyn Fn(&Value) -> Usage,
) -> Vec<Vec<String>> {
    let (each, swap) = (call.flags.bool("containers"), call.flags.bool("show-swap"));
    let mut head = Vec::new();
    if call.flags.bool("all-namespaces") {
        head.push("NAMESPACE".to_owned());
    }
    if each {
        head.push("POD".to_owned());
    }
    let before = head.len();
    head.extend(owned(&["NAME", "CPU(cores)", "MEMORY(bytes)"]));
    if swap {
        head.push("SWAP(bytes)".to_owned());
    }
    let mut rows = Vec::new();
    // Without a header kubectl forgets to count the columns before the name.
    let headless = call.flags.bool("no-headers");
    let width = head.len() - if headless { before } else { 0 };
    if !headless {
        rows.push(head);
    }
    for pod in metrics {
        let mut lines: Vec<(String, Usage)> = vec![(name(pod), total(pod))];
        if each {
            let named = |c: &Value| (c["name"].as_str().unwrap_or("").to_owned(), Usage::of(&c["usage"]));
            lines = containers(pod).iter().map(named).collect();
            lines.sort_by_cached_key(|(name, usage)| (usage.rank(call), name.clone()));
        }
        for (line, usage) in lines {
            let mut row: Vec<String> = namespace_of(pod).into_iter().collect();
            if each {
                row.push(name(pod));
            }
            row.push(line);
            row.extend(usage.cells(call));
            rows.push(row);
        }
    }
    if call.flags.bool("sum") {
        let mut rule = vec![String::new(); width - 2];
        rule.extend(owned(&["________", "________"]));
        rows.push(rule);
        let mut sum = vec![String::new(); width - 2];
        sum.extend(metrics.iter().map(total).sum::<Usage>().cells(call));
        rows.push(sum);
    }
    rows
}

/// Why there are no metrics of pods that are there; nothing to say when there are no pods.
fn explain_nothing(call: &Call, pods: &[Value]) -> Outcome<()> {
    for pod in pods {
        let Some(created) = age::moment(&pod["metadata"]["creationTimestamp"]) else { continue };
        let old = call.env.client.now().since(created);
        if old > CREATION_DELAY {
            let namespace = pod["metadata"]["namespace"].as_str().unwrap_or("");
            let age = go_duration(SimTime(old));
            let why = format!("Metrics not available for pod {namespace}/{}, age: {age}", name(pod));
            return Err(Failure::new(why));
        }
    }
    if pods.is_empty() { Ok(()) } else { Err(Failure::new("metrics not available yet")) }
}

/// A duration of more than a second as Go writes it: `2m3.5s`.
fn go_duration(long: SimTime) -> String {
    let seconds = long.0 / SECOND;
    let fraction = format!("{:09}", long.0 % SECOND);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let tail = format!("{}{point}{fraction}s", seconds % 60);
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => tail,
        (0, minutes) => format!("{minutes}m{tail}"),
        (hours, minutes) => format!("{hours}h{minutes}m{tail}"),
    }
}
