//! The served API as a client of another make sees it: kube-rs over HTTPS against the real binary.

#![allow(clippy::unwrap_used)] // a test may stop where it stands

use futures_util::{StreamExt, TryStreamExt, future};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::api::{
    Api, ApiResource, AttachParams, DeleteParams, DynamicObject, ListParams, LogParams, Patch, PatchParams,
    PostParams, WatchEvent, WatchParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::finalizer::{Event, finalizer};
use kube::runtime::{WatchStreamExt, controller::Action, wait, watcher};
use kube::{Client, Config, ResourceExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// A server of its own for a test; it is asked to end when the test does.
struct Server {
    child: Child,
    kubeconfig: String,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kubedojo"))
            .args(["serve", "--port", "0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let named = |line: String| line.strip_prefix("export KUBECONFIG=").map(str::to_owned);
        let kubeconfig = lines.map_while(Result::ok).find_map(named).unwrap();
        Self { child, kubeconfig }
    }

    async fn client(&self) -> Client {
        let file = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
        Client::try_from(config).unwrap()
    }

    /// Resident memory, in kilobytes.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
    }

    /// Asks it to end as `kill` does, and answers how it ended.
    fn stop(&mut self) -> bool {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        killed.success() && self.child.wait().unwrap().success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(180), future).await.unwrap() })
}

fn config_map(name: &str, number: usize) -> ConfigMap {
    let data = json!({"metadata": {"name": name}, "data": {"n": number.to_string()}});
    serde_json::from_value(data).unwrap()
}

#[test]
fn what_kube_rs_does() {
    let mut server = Server::start(&["--speed", "20"]);
    run(async {
        let client = server.client().await;
        assert_eq!(client.apiserver_version().await.unwrap().minor, "36");
        Box::pin(typed(&client)).await; // its future is large
        dynamic(&client).await;
        finalizers(&client).await;
        leases(&client).await;
        streams(&client).await;
    });
    let file = server.kubeconfig.clone();
    assert!(server.stop(), "SIGTERM ends it cleanly");
    assert!(!std::path::Path::new(&file).exists(), "the kubeconfig goes with the server");
}

/// Typed: create, wait, list, patch, scale, conflict, delete.
async fn typed(client: &Client) {
    let api: Api<Deployment> = Api::default_namespaced(client.clone());
    let web: Deployment = serde_json::from_value(json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "nginx"}]},
            },
        },
    }))
    .unwrap();
    let created = api.create(&PostParams::default(), &web).await.unwrap();
    let ready = |d: Option<&Deployment>| {
        d.and_then(|d| d.status.as_ref()).is_some_and(|s| s.available_replicas == Some(2))
    };
    wait::await_condition(api.clone(), "web", ready).await.unwrap();
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let some = pods.list(&ListParams::default().labels("app=web").limit(1)).await.unwrap();
    assert_eq!((some.items.len(), some.metadata.remaining_item_count), (1, None)); // with a selector nobody counts
    let rest = ListParams::default().labels("app=web").continue_token(&some.metadata.continue_.unwrap());
    assert_eq!(pods.list(&rest).await.unwrap().items.len(), 1);
    let metadata = pods.list_metadata(&ListParams::default()).await.unwrap();
    assert_eq!(metadata.items.len(), 2);

    let patch = json!({"metadata": {"labels": {"tier": "front"}}});
    let patched = api.patch("web", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    assert_eq!(patched.labels().get("tier").map(String::as_str), Some("front"));
    let scale = json!({"spec": {"replicas": 1}});
    api.patch_scale("web", &PatchParams::default(), &Patch::Merge(&scale)).await.unwrap();
    assert_eq!(api.get_scale("web").await.unwrap().spec.unwrap().replicas, Some(1));
    let stale = api.replace("web", &PostParams::default(), &created).await.unwrap_err();
    assert!(matches!(stale, kube::Error::Api(status) if status.is_conflict()));
    let unknown = api.get_opt("nope").await.unwrap();
    assert!(unknown.is_none());
    api.delete("web", &DeleteParams::foreground()).await.unwrap();
    wait::await_condition(api.clone(), "web", |d: Option<&Deployment>| d.is_none()).await.unwrap();
}

/// Dynamic: discovery, server-side apply, a watch from a revision.
async fn dynamic(client: &Client) {
    let found = kube::discovery::Discovery::new(client.clone()).run_aggregated().await.unwrap();
    assert!(found.has_group("apps") && found.has_group("batch"));
    let resource = ApiResource::erase::<ConfigMap>(&());
    let api: Api<DynamicObject> = Api::default_namespaced_with(client.clone(), &resource);
    let before = api.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let wanted = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"a": "1"},
    });
    let params = PatchParams::apply("the-test");
    let applied = api.patch("applied", &params, &Patch::Apply(&wanted)).await.unwrap();
    assert_eq!(applied.data["data"]["a"], "1");
    api.delete("applied", &DeleteParams::default()).await.unwrap();
    let only = WatchParams::default().fields("metadata.name=applied").timeout(20);
    let events = api.watch(&only, &before).await.unwrap();
    let seen: Vec<&str> = events
        .filter_map(|e| {
            future::ready(match e.unwrap() {
                WatchEvent::Added(_) => Some("added"),
                WatchEvent::Deleted(_) => Some("deleted"),
                _ => None,
            })
        })
        .take(2)
        .collect()
        .await;
    assert_eq!(seen, ["added", "deleted"]);
}

/// The helper around finalizers.
async fn finalizers(client: &Client) {
    let api: Api<ConfigMap> = Api::default_namespaced(client.clone());
    api.create(&PostParams::default(), &config_map("held", 1)).await.unwrap();
    let reconcile = |object: ConfigMap| {
        finalizer(&api, "example.com/held", Arc::new(object), |event| async move {
            assert!(matches!(event, Event::Apply(_) | Event::Cleanup(_)));
            Ok::<_, std::convert::Infallible>(Action::await_change())
        })
    };
    reconcile(api.get("held").await.unwrap()).await.unwrap();
    let held = api.get("held").await.unwrap();
    assert_eq!(held.finalizers(), ["example.com/held"]);
    api.delete("held", &DeleteParams::default()).await.unwrap();
    let ending = api.get("held").await.unwrap();
    assert!(ending.metadata.deletion_timestamp.is_some());
    reconcile(ending).await.unwrap();
    assert!(api.get_opt("held").await.unwrap().is_none());
}

/// What leader election rests on: a lease is taken by one of two, and by the other only with its newest version.
async fn leases(client: &Client) {
    let api: Api<Lease> = Api::default_namespaced(client.clone());
    let held_by = |who: &str| -> Lease {
        serde_json::from_value(json!({
            "metadata": {"name": "leader"},
            "spec": {"holderIdentity": who, "leaseDurationSeconds": 15, "renewTime": "2026-04-22T09:00:00.123456Z"},
        }))
        .unwrap()
    };
    let first = api.create(&PostParams::default(), &held_by("a")).await.unwrap();
    let second = api.create(&PostParams::default(), &held_by("b")).await.unwrap_err();
    assert!(matches!(second, kube::Error::Api(status) if status.code == 409));
    let mut taken = held_by("b");
    taken.metadata.resource_version.clone_from(&first.metadata.resource_version);
    api.replace("leader", &PostParams::default(), &taken).await.unwrap();
    let mut renewed = held_by("a");
    renewed.metadata.resource_version = first.metadata.resource_version;
    assert!(api.replace("leader", &PostParams::default(), &renewed).await.is_err());
    let now = api.get("leader").await.unwrap().spec.unwrap();
    assert_eq!(now.holder_identity.as_deref(), Some("b"));
}

/// Logs that are followed, commands, and forwarded ports.
async fn streams(client: &Client) {
    let api: Api<Pod> = Api::default_namespaced(client.clone());
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "talk"},
        "spec": {"restartPolicy": "Never", "containers": [{
            "name": "talk", "image": "busybox", "command": ["sh", "-c", "for i in 1 2 3; do echo $i; sleep 5; done"],
        }]},
    }))
    .unwrap();
    api.create(&PostParams::default(), &pod).await.unwrap();
    wait::await_condition(api.clone(), "talk", wait::conditions::is_pod_running()).await.unwrap();
    let params = AttachParams::default().stdin(true).stderr(true);
    let mut process = api.exec("talk", ["sh", "-c", "read x; echo got $x; exit 7"], &params).await.unwrap();
    let mut stdin = process.stdin().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, b"it\n").await.unwrap();
    let mut text = String::new();
    process.stdout().unwrap().read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "got it\n");
    let status = process.take_status().unwrap().await.unwrap();
    assert_eq!(status.reason.as_deref(), Some("NonZeroExitCode"));

    let follow = LogParams { follow: true, ..LogParams::default() };
    let mut log = api.log_stream("talk", &follow).await.unwrap();
    let mut text = String::new();
    futures_util::AsyncReadExt::read_to_string(&mut log, &mut text).await.unwrap();
    assert_eq!(text, "1\n2\n3\n");
    let web: Pod = serde_json::from_value(json!({
        "metadata": {"name": "web"}, "spec": {"containers": [{"name": "web", "image": "nginx"}]},
    }))
    .unwrap();
    api.create(&PostParams::default(), &web).await.unwrap();
    wait::await_condition(api.clone(), "web", wait::conditions::is_pod_running()).await.unwrap();
    let mut forwarder = api.portforward("web", &[80]).await.unwrap();
    let mut port = forwarder.take_stream(80).unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut port, request).await.unwrap();
    let mut text = String::new();
    port.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("Welcome to nginx!"), "{text}");

    let missing = api.exec("nope", ["ls"], &AttachParams::default()).await;
    assert!(missing.is_err());
}

/// Watchers and writers at once: every watcher sees every change of its namespace, in order, once.
#[test]
fn no_watcher_misses_anything() {
    soak(20, 8, 10);
}

/// The long one: `cargo test --release --test serve -- --ignored`.
#[test]
#[ignore = "takes minutes"]
fn no_watcher_misses_anything_for_long() {
    soak(200, 50, 200);
}

fn soak(watchers: usize, writers: usize, rounds: usize) {
    let server = Server::start(&[]);
    run(async {
        let client = server.client().await;
        let spaces: Api<Namespace> = Api::all(client.clone());
        let space: Namespace = serde_json::from_value(json!({"metadata": {"name": "soak"}})).unwrap();
        spaces.create(&PostParams::default(), &space).await.unwrap();
        let api: Api<ConfigMap> = Api::namespaced(client.clone(), "soak");
        let from = api.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
        let before = server.memory();
        let expected = writers * rounds;
        let mut watching = Vec::new();
        for _ in 0..watchers {
            // A connection of its own for each, as separate programs have.
            let api: Api<ConfigMap> = Api::namespaced(server.client().await, "soak");
            let only = WatchParams::default().fields("metadata.name!=kube-root-ca.crt").timeout(170);
            let from = from.clone();
            watching.push(async move {
                let mut events = api.watch(&only, &from).await.unwrap().boxed();
                let mut last: BTreeMap<String, (u64, usize)> = BTreeMap::new();
                let (mut seen, mut revision) = (0, 0);
                while seen < expected {
                    let event = events.try_next().await.unwrap().expect("the watch goes on");
                    let (WatchEvent::Added(map) | WatchEvent::Modified(map)) = event else { continue };
                    let version: u64 = map.resource_version().unwrap().parse().unwrap();
                    assert!(version > revision, "in order, and once");
                    revision = version;
                    let number: usize = map.data.as_ref().unwrap()["n"].parse().unwrap();
                    let before = last.insert(map.name_any(), (version, number));
                    assert_eq!(before.map_or(0, |(_, n)| n + 1), number, "none is left out");
                    seen += 1;
                }
                assert_eq!(last.len(), writers);
            });
        }
        let writing = (0..writers).map(|writer| {
            let api = api.clone();
            async move {
                let name = format!("map-{writer}");
                api.create(&PostParams::default(), &config_map(&name, 0)).await.unwrap();
                for round in 1..rounds {
                    let patch = json!({"data": {"n": round.to_string()}});
                    api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
                }
            }
        });
        future::join(future::join_all(watching), future::join_all(writing)).await;
        let after = server.memory();
        assert!(after < before + 64 * 1024, "memory went from {before} to {after} kB");
        eprintln!("{watchers} watchers saw {expected} changes each; memory {before} to {after} kB");
    });
}

/// A client that keeps a list of its own, as controllers do, sees what is there.
#[test]
fn a_reflector_catches_up() {
    let server = Server::start(&[]);
    run(async {
        let client = server.client().await;
        let api: Api<Pod> = Api::namespaced(client, "kube-system");
        let stream = watcher(api, watcher::Config::default().streaming_lists());
        let names: Vec<String> =
            stream.applied_objects().map_ok(|p| p.name_any()).take(4).try_collect().await.unwrap();
        assert_eq!(names.len(), 4);
    });
}

/// A few lines of YAML that mean a billion items.
fn bomb() -> String {
    let level = |n: usize| {
        let inner = if n == 0 { "x".to_owned() } else { format!("*a{}", n - 1) };
        format!("a{n}: &a{n} [{}]\n", vec![inner; 10].join(","))
    };
    (0..9).map(level).collect()
}

#[test]
fn rude_clients_harm_nobody() {
    let server = Server::start(&[]);
    run(async {
        let client = server.client().await;
        let port =
            Kubeconfig::read_from(&server.kubeconfig).unwrap().clusters[0].cluster.clone().unwrap().server;
        let port: u16 = port.unwrap().rsplit(':').next().unwrap().parse().unwrap();
        // Some never greet, some send no TLS.
        let mut silent = Vec::new();
        for number in 0..50 {
            let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            if number % 2 == 0 {
                tokio::io::AsyncWriteExt::write_all(&mut socket, b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
            }
            silent.push(socket);
        }
        for (media_type, body, code) in [
            ("application/json", "{".to_owned(), 400),
            ("application/json", "[".repeat(100_000), 400),
            (
                "application/json",
                format!("{{\"metadata\":{{\"name\":\"x\"}},\"n\":{}}}", "9".repeat(10_000)),
                400,
            ),
            ("application/json", " ".repeat(4 << 20), 413),
            ("application/json", " ".repeat(40 << 20), 413),
            ("application/yaml", bomb(), 400),
            ("application/xml", "<a/>".to_owned(), 415),
            ("application/vnd.kubernetes.protobuf", "k8s\0\u{1}\u{2}".to_owned(), 400),
        ] {
            let request = hyper::http::Request::post("/api/v1/namespaces/default/configmaps")
                .header("content-type", media_type)
                .body(body.into_bytes())
                .unwrap();
            let error = client.request::<Value>(request).await.unwrap_err();
            let kube::Error::Api(status) = error else { panic!("{media_type}: {error:?}") };
            assert_eq!(status.code, code, "{media_type}: {status:?}");
        }
        client.apiserver_version().await.unwrap();
    });
}
