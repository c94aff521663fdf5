//! The engine: 10,000 pods of one Deployment created, scheduled on 1,000 nodes and running, twice.
//!
//! Prints pods a second, bytes a pod, and whether both runs came to the same history. A figure, not a test. `PODS` and
//! `NODES` in the environment ask for another size: with 150000 and 5000 the pods should stay under 2 GiB.

use kubedojo::apiserver::{Cause, Method, Request, User};
use kubedojo::cluster::{Cluster, Config, NodeConfig};
use kubedojo::object::{Pod, SECOND};
use std::process::Command;

/// A size from the environment.
fn size(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn resident_bytes() -> u64 {
    let pid = std::process::id().to_string();
    let output = Command::new("ps").args(["-o", "rss=", "-p", &pid]).output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default();
    text.parse::<u64>().unwrap_or(0) * 1024
}

#[allow(clippy::disallowed_methods)] // a benchmark measures wall time
fn timer() -> std::time::Instant {
    std::time::Instant::now()
}

fn running(cluster: &Cluster) -> usize {
    let runs = |p: &&std::sync::Arc<Pod>| {
        p.metadata.namespace.as_deref() == Some("default") && p.status.phase.as_deref() == Some("Running")
    };
    cluster.api.store.all::<Pod>().filter(runs).count()
}

fn roll_out(show: bool) -> u64 {
    let (nodes_wanted, pods) = (size("NODES", 1000), size("PODS", 10_000));
    let mut nodes = vec![NodeConfig::control_plane("control-plane")];
    nodes.extend((1..=nodes_wanted).map(|i| NodeConfig::worker(&format!("worker-{i}"))));
    let began = timer();
    let mut cluster = Cluster::new(Config { nodes, ..Config::default() });
    kubedojo::session::settle(&mut cluster, 600 * SECOND);
    let booted = began.elapsed();
    let before = resident_bytes();
    let deployment = serde_json::json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": pods, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "nginx:1.27", "ports": [{"containerPort": 80}]}]}}},
    });
    let request =
        Request::with_body(Method::Post, "/apis/apps/v1/namespaces/default/deployments", deployment);
    let response = cluster.request(&request, &User::admin(), Cause::Command(1));
    assert!(response.is_success(), "{}", response.value());
    let (start, began) = (cluster.now(), timer());
    let mut steps = 0;
    while running(&cluster) < pods && cluster.now().since(start) < 6 * 3600 * SECOND {
        steps += cluster.advance(cluster.now() + SECOND, usize::MAX).steps;
    }
    let took = began.elapsed();
    if show {
        let up = running(&cluster);
        let bytes = resident_bytes().saturating_sub(before) / up.max(1) as u64;
        println!("{nodes_wanted} nodes joined in {:.2} s", booted.as_secs_f64());
        println!(
            "{up} of {pods} pods running in {:.2} s: {:.0} pods/s, {steps} steps, {:.1} virtual s, {bytes} bytes/pod",
            took.as_secs_f64(),
            up as f64 / took.as_secs_f64(),
            cluster.now().since(start) as f64 / SECOND as f64,
        );
    }
    cluster.fingerprint()
}

fn main() {
    let (first, second) = (roll_out(true), roll_out(true));
    println!("same history in both runs: {}", if first == second { "yes" } else { "NO" });
}
