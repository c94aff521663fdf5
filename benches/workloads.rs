//! Workloads at size: a roll-out of 1,000 replicas, 500 Deployments at once, a `CronJob` over a virtual year, and a
//! virtual day of a cluster with 100 quiet pods (the aim is less than 50 ms).
//!
//! Prints wall time, steps a second and virtual seconds a wall second. Figures, not a test.

use kubedojo::apiserver::{Cause, Method, Request, User};
use kubedojo::cluster::{Cluster, Config, NodeConfig};
use kubedojo::object::{Pod, SECOND, meta::MetaExt};
use serde_json::{Value, json};

const HOUR: u64 = 3600 * SECOND;
const DAY: u64 = 24 * HOUR;
const APPS: &str = "/apis/apps/v1/namespaces/default/deployments";

#[allow(clippy::disallowed_methods)] // a benchmark measures wall time
fn timer() -> std::time::Instant {
    std::time::Instant::now()
}

fn cluster(workers: usize) -> Cluster {
    let mut nodes = vec![NodeConfig::control_plane("control-plane")];
    nodes.extend((1..=workers).map(|i| NodeConfig::worker(&format!("worker-{i}"))));
    let mut cluster = Cluster::new(Config { nodes, ..Config::default() });
    kubedojo::session::settle(&mut cluster, 600 * SECOND);
    cluster
}

fn ask(cluster: &mut Cluster, method: Method, path: &str, body: Value) {
    let content_type =
        if method == Method::Patch { "application/merge-patch+json" } else { "application/json" };
    let request = Request {
        method,
        path: path.to_owned(),
        body: Some(body),
        content_type: content_type.to_owned(),
        ..Request::default()
    };
    let response = cluster.request(&request, &User::admin(), Cause::Command(1));
    assert!(response.is_success(), "{}", response.value());
}

fn deployment(name: &str, replicas: usize) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "web", "image": "nginx:1.26"}]}}}})
}

/// Ready pods in `default` of this image.
fn ready(cluster: &Cluster, image: &str) -> usize {
    let is = |p: &&std::sync::Arc<Pod>| {
        p.spec.containers[0].image.as_deref() == Some(image)
            && !p.is_terminating()
            && p.status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True")
    };
    cluster.api.store.all_in::<Pod>("default").filter(is).count()
}

/// Lets time pass a second at a time until `done`, or for `limit`; prints what that took.
fn measure(what: &str, cluster: &mut Cluster, limit: u64, done: impl Fn(&Cluster) -> bool) {
    let (start, began, mut steps) = (cluster.now(), timer(), 0);
    while cluster.now().since(start) < limit && !done(cluster) {
        steps += cluster.advance(cluster.now() + SECOND, usize::MAX).steps;
    }
    print(what, began.elapsed().as_secs_f64(), steps, cluster.now().since(start));
}

/// Lets a span of time pass at once.
fn pass(what: &str, cluster: &mut Cluster, nanos: u64) {
    let began = timer();
    let steps = cluster.advance(cluster.now() + nanos, usize::MAX).steps;
    print(what, began.elapsed().as_secs_f64(), steps, nanos);
}

fn print(what: &str, wall: f64, steps: usize, nanos: u64) {
    let (rate, virtually) = (steps as f64 / wall, nanos as f64 / SECOND as f64);
    println!(
        "{what}: {:.1} ms, {steps} steps ({rate:.0} a second), {virtually:.0} virtual s ({:.0} a wall second)",
        wall * 1000.0,
        virtually / wall,
    );
}

fn roll_out() {
    let mut cluster = cluster(100);
    ask(&mut cluster, Method::Post, APPS, deployment("web", 1000));
    measure("1,000 replicas created", &mut cluster, HOUR, |c| ready(c, "nginx:1.26") == 1000);
    let image =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "nginx:1.27"}]}}}});
    ask(&mut cluster, Method::Patch, &format!("{APPS}/web"), image);
    measure("1,000 replicas rolled out", &mut cluster, HOUR, |c| {
        ready(c, "nginx:1.27") == 1000 && ready(c, "nginx:1.26") == 0
    });
}

fn many_deployments() {
    let mut cluster = cluster(20);
    for i in 0..500 {
        ask(&mut cluster, Method::Post, APPS, deployment(&format!("web-{i}"), 3));
    }
    measure("500 Deployments at once", &mut cluster, HOUR, |c| ready(c, "nginx:1.26") == 1500);
}

fn a_year_of_jobs() {
    let mut cluster = cluster(3);
    let job = json!({"template": {"spec": {"restartPolicy": "Never", "containers": [
        {"name": "c", "image": "busybox:1.36", "command": ["sh", "-c", "sleep 5; echo done"]}]}}});
    let body = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "hourly"},
        "spec": {"schedule": "0 * * * *", "jobTemplate": {"spec": job}}});
    ask(&mut cluster, Method::Post, "/apis/batch/v1/namespaces/default/cronjobs", body);
    pass("a CronJob every hour of a virtual year", &mut cluster, 365 * DAY);
}

fn idle() {
    let mut cluster = cluster(3);
    ask(&mut cluster, Method::Post, APPS, deployment("web", 100));
    measure("100 replicas created", &mut cluster, HOUR, |c| ready(c, "nginx:1.26") == 100);
    // The events of the beginning expire.
    pass("the two hours after", &mut cluster, 2 * HOUR);
    pass("a quiet virtual day with 100 pods", &mut cluster, DAY);
    let probe = json!({"httpGet": {"path": "/", "port": 80}});
    let probed = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "web", "image": "nginx:1.27", "readinessProbe": probe, "livenessProbe": probe}]}}}});
    ask(&mut cluster, Method::Patch, &format!("{APPS}/web"), probed);
    measure("probes rolled out", &mut cluster, HOUR, |c| ready(c, "nginx:1.27") == 100);
    pass("a virtual day of 100 pods with two probes each", &mut cluster, DAY);
}

fn main() {
    roll_out();
    many_deployments();
    a_year_of_jobs();
    idle();
}
