//! The API: reads, lists, watches and writes in process, requests over HTTPS, and memory.
//!
//! Prints figures and never fails for one. The aims: 10,000 pods listed as a Table in 30 ms, 20,000 small writes a
//! second, both in process.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kubedojo::apiserver::{Accept, Cause, Method, Request, User};
use kubedojo::cluster::{Cluster, Config, NodeConfig};
use kubedojo::object::{Pod, SECOND};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const NODES: usize = 500;
/// Pods that are listed, and pods in all when memory is measured.
const LISTED: usize = 10_000;
const PODS: usize = 50_000;
const WATCHERS: usize = 200;

const LIST: &str = "/api/v1/namespaces/default/pods";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[allow(clippy::disallowed_methods)] // a benchmark measures wall time
fn timer() -> Instant {
    Instant::now()
}

fn resident_bytes() -> u64 {
    let pid = std::process::id().to_string();
    let output = Command::new("ps").args(["-o", "rss=", "-p", &pid]).output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default();
    text.parse::<u64>().unwrap_or(0) * 1024
}

/// Runs `work` a number of times and prints what one took.
fn measure(name: &str, times: usize, mut work: impl FnMut(usize)) {
    let began = timer();
    for n in 0..times {
        work(n);
    }
    let one = began.elapsed() / times as u32;
    println!("{name:<48} {:>10.1} µs {:>9.0} a second", one.as_secs_f64() * 1e6, 1.0 / one.as_secs_f64());
}

fn ask(cluster: &mut Cluster, request: &Request) -> Value {
    let response = cluster.request(request, &User::admin(), Cause::Command(1));
    assert!(response.is_success(), "{request:?}: {}", response.value());
    response.value().clone()
}

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"app": "web"}}, "data": {"n": "0"}})
}

fn patch(path: &str, kind: &str, body: Value) -> Request {
    let content_type = format!("application/{kind}+json");
    Request { content_type, ..Request::with_body(Method::Patch, path, body) }
}

/// Runs a Deployment's pods until all of the cluster's are up.
fn roll_out(cluster: &mut Cluster, name: &str, replicas: usize, all: usize) {
    let container = json!({"name": "web", "image": "nginx:1.27", "ports": [{"containerPort": 80}]});
    let template = json!({"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}});
    let spec =
        json!({"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template});
    let space = if name == "web" { "default" } else { name };
    if space != "default" {
        let body = json!({"metadata": {"name": space}});
        ask(cluster, &Request::with_body(Method::Post, "/api/v1/namespaces", body));
        cluster.advance(cluster.now() + SECOND, usize::MAX);
    }
    let path = format!("/apis/apps/v1/namespaces/{space}/deployments");
    let body = json!({"metadata": {"name": name}, "spec": spec});
    ask(cluster, &Request::with_body(Method::Post, path, body));
    let start = cluster.now();
    let running = |cluster: &Cluster| {
        cluster.api.store.all::<Pod>().filter(|p| p.status.phase.as_deref() == Some("Running")).count()
    };
    while running(cluster) < all && cluster.now().since(start) < 3600 * SECOND {
        cluster.advance(cluster.now() + 5 * SECOND, usize::MAX);
    }
}

fn in_process() {
    let mut nodes = vec![NodeConfig::control_plane("control-plane")];
    nodes.extend((1..=NODES).map(|i| NodeConfig::worker(&format!("worker-{i}"))));
    let mut cluster = Cluster::new(Config { nodes, ..Config::default() });
    kubedojo::session::settle(&mut cluster, 600 * SECOND);
    let before = resident_bytes();
    roll_out(&mut cluster, "web", LISTED, LISTED);
    let cluster = &mut cluster;
    let table = Request { accept: Accept::Table, ..Request::get(LIST) };
    let rows = ask(cluster, &table)["rows"].as_array().map_or(0, Vec::len);
    let list = Request::get(LIST);
    let whole = table.clone().param("includeObject", "Object");
    for (name, request) in [("Table", &table), ("Table with the objects", &whole), ("JSON", &list)] {
        let encoded = Request { encoded: true, ..request.clone() };
        measure(&format!("list of {rows} pods as {name}"), 10, |_| ask_only(cluster, &encoded));
        measure("  the same as values", 5, |_| ask_only(cluster, request));
    }
    let name = ask(cluster, &Request::get(LIST).param("limit", "1"))["items"][0]["metadata"]["name"].clone();
    let pod = format!("{LIST}/{}", name.as_str().unwrap_or_default());
    measure("get of a pod", 10_000, |_| ask_only(cluster, &Request::get(pod.as_str())));
    writes(cluster);
    roll_out(cluster, "more", PODS - LISTED, PODS);
    let pods = cluster.api.store.all::<Pod>().count();
    let bytes = resident_bytes().saturating_sub(before);
    println!("{:<48} {:>10.1} MiB", format!("resident with {pods} pods"), bytes as f64 / f64::from(1 << 20));
    println!("{:<48} {:>10} bytes", "that is, a pod", bytes / pods.max(1) as u64);
}

/// As [`ask`], without copying the answer.
fn ask_only(cluster: &mut Cluster, request: &Request) {
    let response = cluster.request(request, &User::admin(), Cause::Command(1));
    assert!(response.is_success(), "{request:?}: {}", response.status);
}

fn writes(cluster: &mut Cluster) {
    let names: Vec<String> = (0..1000).map(|n| format!("map-{n}")).collect();
    measure("create of a ConfigMap", names.len(), |n| {
        ask(cluster, &Request::with_body(Method::Post, MAPS, map(&names[n])));
    });
    let path = |n: usize| format!("{MAPS}/{}", names[n % names.len()]);
    measure("get of a ConfigMap", 20_000, |n| ask_only(cluster, &Request::get(path(n))));
    measure("merge patch of a label", 20_000, |n| {
        let body = json!({"metadata": {"labels": {"n": n.to_string()}}});
        ask_only(cluster, &patch(&path(n), "merge-patch", body));
    });
    measure("strategic merge patch of data", 20_000, |n| {
        let body = json!({"data": {"n": n.to_string()}});
        ask_only(cluster, &patch(&path(n), "strategic-merge-patch", body));
    });
    measure("update of a ConfigMap", 5_000, |n| {
        let mut body = map(&names[n % names.len()]);
        body["data"]["n"] = json!(format!("u{n}"));
        ask_only(cluster, &Request::with_body(Method::Put, path(n), body));
    });
    measure("server-side apply of a ConfigMap", 2_000, |n| {
        let mut body = map(&format!("applied-{}", n % 100));
        body["data"]["n"] = json!(n.to_string());
        let request = Request {
            content_type: "application/apply-patch+yaml".to_owned(),
            ..Request::with_body(Method::Patch, format!("{MAPS}/applied-{}", n % 100), body)
        };
        ask_only(cluster, &request.param("fieldManager", "bench").param("force", "true"));
    });
    let deployment = "/apis/apps/v1/namespaces/default/deployments/web";
    measure("strategic merge patch of a container", 1_000, |n| {
        let container = json!({"name": "web", "env": [{"name": "N", "value": n.to_string()}]});
        let body = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        let request = patch(deployment, "strategic-merge-patch", body);
        ask_only(cluster, &request.param("dryRun", "All"));
    });
    let mut since = cluster.api.store.revision();
    measure(&format!("a change and what {WATCHERS} watchers hear of it"), 100, |n| {
        let body = json!({"data": {"n": n.to_string()}});
        ask_only(cluster, &patch(&path(n), "merge-patch", body));
        let watch = Request::get(MAPS).param("watch", "true").param("resourceVersion", since.to_string());
        for _ in 0..WATCHERS {
            ask_only(cluster, &watch);
        }
        since = cluster.api.store.revision();
    });
}

/// The served API, in a process of its own.
struct Server {
    child: Child,
    kubeconfig: String,
}

impl Server {
    fn start() -> Option<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubedojo"));
        let mut child = command.args(["serve", "--port", "0"]).stdout(Stdio::piped()).spawn().ok()?;
        let lines = BufReader::new(child.stdout.take()?).lines();
        let named = |line: String| line.strip_prefix("export KUBECONFIG=").map(str::to_owned);
        let kubeconfig = lines.map_while(Result::ok).find_map(named)?;
        Some(Self { child, kubeconfig })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Requests over HTTPS for a while, with this many connections at once.
async fn served(server: &Server, connections: usize, write: bool) -> Result<f64, kube::Error> {
    let time = Duration::from_secs(3);
    let asked = (0..connections).map(|connection| async move {
        let file = Kubeconfig::read_from(&server.kubeconfig).unwrap_or_default();
        let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
        let client = kube::Client::try_from(config.map_err(kube::Error::InferKubeconfig)?)?;
        let api: Api<ConfigMap> = Api::default_namespaced(client);
        let name = format!("bench-{connection}");
        if api.get_opt(&name).await?.is_none() {
            let object: ConfigMap = serde_json::from_value(map(&name)).map_err(kube::Error::SerdeError)?;
            api.create(&PostParams::default(), &object).await?;
        }
        let (began, mut count) = (timer(), 0);
        while began.elapsed() < time {
            if write {
                let body = json!({"data": {"n": count.to_string()}});
                api.patch(&name, &PatchParams::default(), &Patch::Merge(&body)).await?;
            } else {
                api.get(&name).await?;
            }
            count += 1;
        }
        Ok::<usize, kube::Error>(count)
    });
    let counts = futures_util::future::try_join_all(asked).await?;
    Ok(counts.iter().sum::<usize>() as f64 / time.as_secs_f64())
}

fn over_https() {
    let Some(server) = Server::start() else { return println!("the server does not start") };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    for (connections, write) in [(1, false), (16, false), (1, true), (16, true)] {
        let name = format!("HTTPS {}, connections: {connections}", if write { "merge patch" } else { "get" });
        match runtime.block_on(served(&server, connections, write)) {
            Ok(rate) => println!("{name:<48} {:>10.1} µs {rate:>9.0} a second", 1e6 / rate),
            Err(error) => println!("{name:<48} {error}"),
        }
    }
}

fn main() {
    over_https();
    in_process();
}
