//! The kubelet alone: pods bound to a node by hand, no scheduler and no controllers needed.

use super::*;
use crate::apiserver::{DeleteOptions, Request, User};
use crate::cluster::Config;
use crate::cluster::network;
use crate::cluster::workload::process;
use crate::cluster::workload::rootfs::{self, Spot};
use crate::object::{ObjectKey, Resource};
use serde_json::{Value, json};

pub(super) struct Lab {
    pub cluster: Cluster,
}

impl Lab {
    pub fn new() -> Self {
        Self { cluster: Cluster::new(Config::default()) }
    }

    pub fn create(&mut self, kind: Kind, value: Value) -> &mut Self {
        let object = Object::from_value(kind, value).unwrap();
        let origin = crate::cluster::origin("test", None);
        self.cluster.api.create(object, &origin, false).unwrap();
        self
    }

    /// A pod `p` of this spec on worker-1.
    pub fn pod(&mut self, mut spec: Value) -> &mut Self {
        spec["nodeName"] = json!("worker-1");
        self.create(Kind::Pod, json!({"metadata": {"name": "p", "namespace": "default"}, "spec": spec}))
    }

    pub fn sh(&mut self, script: &str) -> &mut Self {
        self.pod(
            json!({"containers": [{"name": "c", "image": "busybox:1.36", "command": ["sh", "-c", script]}]}),
        )
    }

    pub fn millis(&mut self, millis: u64) -> &mut Self {
        let until = self.cluster.now().plus_millis(millis);
        assert!(self.cluster.advance(until, 1_000_000).done);
        self
    }

    pub fn seconds(&mut self, seconds: u64) -> &mut Self {
        self.millis(seconds * 1000)
    }

    pub fn get(&self) -> Option<Value> {
        let pod = self.cluster.api.store.find::<Pod>("default", "p")?;
        Some(Pod::clone(pod).into_object().to_value())
    }

    /// `Phase ready restarts state-reason`, of the first container.
    pub fn line(&self) -> String {
        let Some(pod) = self.get() else { return "gone".to_owned() };
        let c = &pod["status"]["containerStatuses"][0];
        let state = c["state"].as_object().and_then(|o| o.iter().next());
        let state = state.map_or(String::new(), |(k, v)| {
            v["reason"].as_str().map_or_else(|| k.clone(), |r| format!("{k}/{r}"))
        });
        let phase = pod["status"]["phase"].as_str().unwrap_or("");
        format!("{phase} {} {} {state}", c["ready"], c["restartCount"])
    }

    pub fn events(&self) -> Vec<String> {
        let mut list: Vec<_> = self.cluster.api.store.all::<crate::object::Event>().collect();
        list.sort_by_key(|e| e.metadata.resource_version.clone().and_then(|v| v.parse::<u64>().ok()));
        let about = list.into_iter().filter(|e| e.involved_object.name.as_deref() == Some("p"));
        about
            .map(|e| {
                let count = e.count.filter(|c| *c > 1).map_or(String::new(), |c| format!(" (x{c})"));
                format!(
                    "{}: {}{count}",
                    e.reason.as_deref().unwrap_or(""),
                    e.message.as_deref().unwrap_or("")
                )
            })
            .collect()
    }

    pub fn delete(&mut self) -> &mut Self {
        let key = ObjectKey::new(Kind::Pod, "default", "p");
        let origin = crate::cluster::origin("test", None);
        self.cluster.api.delete(&key, &DeleteOptions::default(), &origin).unwrap();
        self
    }

    /// Patches a subresource of the pod.
    pub fn patch(&mut self, subresource: &str, body: Value) {
        let path = format!("/api/v1/namespaces/default/pods/p/{subresource}");
        let mut request = Request { method: crate::apiserver::Method::Patch, ..Request::get(&path) };
        request.content_type = "application/strategic-merge-patch+json".to_owned();
        request.body = Some(body);
        let response = self.cluster.request(&request, &User::admin(), Cause::Time);
        assert_eq!(response.status, 200, "{response:?}");
    }

    pub fn request(&mut self, path: &str, query: &[(&str, &str)]) -> crate::apiserver::Response {
        let mut request = Request::get(path);
        for (key, value) in query {
            request = request.param(key, *value);
        }
        self.cluster.request(&request, &User::admin(), Cause::Time)
    }
}

#[test]
fn a_server_starts_runs_and_ends() {
    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "nginx:1.25"}]}));
    lab.millis(100);
    assert_eq!(lab.line(), "Pending false 0 waiting/ContainerCreating");
    lab.seconds(2);
    assert_eq!(lab.line(), "Running true 0 running");
    let pod = lab.get().unwrap();
    assert_eq!(pod["status"]["podIP"], "10.244.1.2");
    assert_eq!(pod["status"]["hostIP"], "192.168.0.11");
    let conditions: Vec<String> = pod["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| format!("{}={}", c["type"].as_str().unwrap(), c["status"].as_str().unwrap()))
        .collect();
    assert_eq!(
        conditions,
        [
            "PodReadyToStartContainers=True",
            "Initialized=True",
            "Ready=True",
            "ContainersReady=True",
            "PodScheduled=True"
        ]
    );
    let quiet = lab.cluster.api.store.revision();
    lab.delete().seconds(2);
    assert_eq!(lab.line(), "gone");
    assert!(lab.cluster.api.store.revision() > quiet);
    let events = lab.events();
    assert_eq!(events.len(), 5, "{events:#?}");
    assert_eq!(events[0], "Pulling: Pulling image \"nginx:1.25\"");
    assert!(events[1].starts_with("Pulled: Successfully pulled image \"nginx:1.25\" in "), "{events:#?}");
    assert_eq!(
        &events[2..],
        ["Created: Container created", "Started: Container started", "Killing: Stopping container c"]
    );
}

#[test]
fn images_that_are_not_there() {
    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "nginx:nope"}]}));
    lab.millis(1000);
    assert_eq!(lab.line(), "Pending false 0 waiting/ErrImagePull");
    lab.seconds(2);
    assert_eq!(lab.line(), "Pending false 0 waiting/ImagePullBackOff");
    lab.seconds(60);
    let events = lab.events();
    assert!(
        events.iter().any(|e| e.starts_with("BackOff: Back-off pulling image \"nginx:nope\"")),
        "{events:#?}"
    );
}

#[test]
fn crashes_back_off() {
    let mut lab = Lab::new();
    lab.sh("echo hi; exit 3").seconds(1);
    lab.seconds(3);
    assert_eq!(lab.line(), "Running false 1 waiting/CrashLoopBackOff");
    let pod = lab.get().unwrap();
    let status = &pod["status"]["containerStatuses"][0];
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 3);
    let message = status["state"]["waiting"]["message"].as_str().unwrap();
    assert!(message.starts_with("back-off 10s restarting failed container=c pod=p_default("), "{message}");
    lab.seconds(10);
    assert_eq!(lab.get().unwrap()["status"]["containerStatuses"][0]["restartCount"], 2);
    let events = lab.events();
    let back = events.iter().find(|e| e.starts_with("BackOff")).unwrap();
    assert!(back.starts_with("BackOff: Back-off restarting failed container c in pod p_default("), "{back}");
    let log = lab.request("/api/v1/namespaces/default/pods/p/log", &[("previous", "true")]);
    assert_eq!(log.body, crate::apiserver::Body::Text("hi\n".to_owned()));
}

#[test]
fn jobs_end_and_shells_ignore_the_first_signal() {
    let mut lab = Lab::new();
    lab.pod(json!({"restartPolicy": "Never", "containers":
        [{"name": "c", "image": "busybox:1.36", "command": ["sh", "-c", "for i in 1 2 3; do echo $i; sleep 1; done"]}]}));
    lab.seconds(2);
    assert_eq!(lab.line(), "Running true 0 running");
    lab.seconds(3);
    assert_eq!(lab.line(), "Succeeded false 0 terminated/Completed");
    let log = lab.request("/api/v1/namespaces/default/pods/p/log", &[("tailLines", "2")]);
    assert_eq!(log.body, crate::apiserver::Body::Text("2\n3\n".to_owned()));
    lab.delete().seconds(2);
    assert_eq!(lab.line(), "gone");

    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "busybox:1.36",
        "command": ["sh", "-c", "trap 'echo bye; exit 0' TERM; while true; do sleep 1; done"],
        "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "echo first > /proc/1/fd/1"]}}}}]}));
    lab.seconds(3);
    let response = lab.request("/api/v1/namespaces/default/pods/p/log", &[("follow", "true")]);
    let crate::apiserver::Body::Stream(id) = response.body else { panic!("{response:?}") };
    lab.delete().millis(1500);
    let read = read_stream(&mut lab.cluster, id);
    assert_eq!((String::from_utf8(read.stdout).unwrap().as_str(), read.exit), ("first\nbye\n", Some(0)));
    lab.seconds(2);
    assert_eq!(lab.line(), "gone");

    let mut lab = Lab::new();
    lab.sh("while true; do sleep 1; done").seconds(3);
    assert_eq!(lab.line(), "Running true 0 running");
    lab.delete().seconds(29);
    assert_eq!(lab.line(), "Running true 0 running");
    lab.seconds(3);
    assert_eq!(lab.line(), "gone");
}

#[test]
fn readiness_follows_a_file_and_liveness_restarts() {
    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "busybox:1.36",
        "command": ["sh", "-c", "sleep 5; touch /tmp/ok; sleep 20; rm /tmp/ok; sleep 600"],
        "readinessProbe": {"exec": {"command": ["cat", "/tmp/ok"]}, "periodSeconds": 1, "failureThreshold": 1},
        "livenessProbe": {"exec": {"command": ["test", "-e", "/tmp/ok"]}, "initialDelaySeconds": 10, "periodSeconds": 2},
        "terminationGracePeriodSeconds": 1}]}));
    lab.seconds(3);
    assert_eq!(lab.line(), "Running false 0 running");
    lab.seconds(6);
    assert_eq!(lab.line(), "Running true 0 running");
    lab.seconds(60);
    let events = lab.events();
    assert!(events.iter().any(|e| e.starts_with("Unhealthy: Readiness probe failed: cat: ")), "{events:#?}");
    assert!(
        events.iter().any(|e| e.starts_with("Killing: Container c failed liveness probe, will be restarted")),
        "{events:#?}"
    );
    assert_eq!(lab.get().unwrap()["status"]["containerStatuses"][0]["restartCount"], 1);
}

#[test]
fn exec_changes_what_is_served() {
    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "nginx:1.25"}]})).seconds(3);
    let response = lab.request(
        "/api/v1/namespaces/default/pods/p/exec",
        &[
            ("command", "sh"),
            ("command", "-c"),
            ("command", "echo hello > /usr/share/nginx/html/index.html; cat /etc/hostname; exit 4"),
        ],
    );
    let crate::apiserver::Body::Stream(id) = response.body else { panic!("{response:?}") };
    let read = read_stream(&mut lab.cluster, id);
    assert_eq!((String::from_utf8(read.stdout).unwrap(), read.exit), ("p\n".to_owned(), Some(4)));
    let call = crate::cluster::network::HttpCall {
        method: "GET".into(),
        host: "x".into(),
        port: 80,
        path: "/".into(),
        headers: vec![],
        body: vec![],
    };
    let pod = ObjectName::new("default", "p");
    let crate::cluster::network::Outcome::Answered(reply) = http_to_pod(&mut lab.cluster, &pod, 80, &call)
    else {
        panic!()
    };
    assert_eq!(reply.body, b"hello\n");
    let log = lab.request("/api/v1/namespaces/default/pods/p/log", &[("tailLines", "1")]);
    let crate::apiserver::Body::Text(text) = log.body else { panic!() };
    assert!(text.contains("\"GET / HTTP/1.1\" 200 6 "), "{text}");
}

#[test]
fn configuration_that_is_missing_and_then_there() {
    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "busybox:1.36", "command": ["sleep", "1000"],
        "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "a"}}}]}]}));
    lab.seconds(2);
    assert_eq!(lab.line(), "Pending false 0 waiting/CreateContainerConfigError");
    assert!(
        lab.events().contains(&"Failed: Error: configmap \"conf\" not found".to_owned()),
        "{:#?}",
        lab.events()
    );
    lab.create(
        Kind::ConfigMap,
        json!({"metadata": {"name": "conf", "namespace": "default"}, "data": {"a": "1"}}),
    );
    lab.seconds(20);
    assert_eq!(lab.line(), "Running true 0 running");

    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "busybox:1.36", "command": ["sh", "-c", "while true; do cat /etc/conf/a; sleep 10; done"],
        "volumeMounts": [{"name": "conf", "mountPath": "/etc/conf"}]}], "volumes": [{"name": "conf", "configMap": {"name": "conf"}}]}));
    lab.seconds(2);
    assert_eq!(lab.line(), "Pending false 0 waiting/ContainerCreating");
    let failed = lab.events().iter().any(|e| {
        e.starts_with(
            "FailedMount: MountVolume.SetUp failed for volume \"conf\" : configmap \"conf\" not found",
        )
    });
    assert!(failed, "{:#?}", lab.events());
    lab.create(
        Kind::ConfigMap,
        json!({"metadata": {"name": "conf", "namespace": "default"}, "data": {"a": "one\n"}}),
    );
    lab.seconds(20);
    let mut changed = lab
        .cluster
        .api
        .store
        .find::<k8s_openapi::api::core::v1::ConfigMap>("default", "conf")
        .unwrap()
        .as_ref()
        .clone();
    changed.data = Some([("a".to_owned(), "two\n".to_owned())].into());
    changed.metadata.resource_version = None;
    let origin = crate::cluster::origin("test", None);
    lab.cluster.api.update(changed.into_object(), crate::apiserver::Part::Spec, &origin, false).unwrap();
    lab.seconds(100);
    let log = lab.request("/api/v1/namespaces/default/pods/p/log", &[]);
    let crate::apiserver::Body::Text(text) = log.body else { panic!() };
    assert!(text.contains("one\ntwo\n"), "{text:?} {:#?}", lab.events());
}

#[test]
fn init_containers_and_sidecars_come_first() {
    let mut lab = Lab::new();
    lab.pod(json!({"initContainers": [
        {"name": "i", "image": "busybox:1.36", "command": ["sh", "-c", "sleep 2; echo x > /w/f"], "volumeMounts": [{"name": "w", "mountPath": "/w"}]},
        {"name": "s", "image": "busybox:1.36", "restartPolicy": "Always", "command": ["sleep", "infinity"]}],
        "containers": [{"name": "c", "image": "busybox:1.36", "command": ["sh", "-c", "cat /w/f; sleep 3"], "volumeMounts": [{"name": "w", "mountPath": "/w"}]}],
        "volumes": [{"name": "w", "emptyDir": {}}], "restartPolicy": "Never", "terminationGracePeriodSeconds": 2}));
    lab.seconds(1);
    assert_eq!(lab.line(), "Pending false 0 waiting/PodInitializing");
    lab.seconds(4);
    assert_eq!(lab.line(), "Running true 0 running");
    let log = lab.request("/api/v1/namespaces/default/pods/p/log", &[("container", "c")]);
    assert_eq!(log.body, crate::apiserver::Body::Text("x\n".to_owned()));
    lab.seconds(8);
    assert_eq!(lab.line(), "Succeeded false 0 terminated/Completed");
}

#[test]
fn sidecars_end_one_after_the_other() {
    let traps = |name: &str, more: &str| {
        let script = format!("trap 'echo {name} >> /w/f; {more}' TERM; while :; do sleep 0.1; done");
        json!({"name": name, "image": "busybox:1.36", "command": ["sh", "-c", script], "volumeMounts": [{"name": "w", "mountPath": "/w"}]})
    };
    let sidecar = |mut c: Value| {
        c["restartPolicy"] = json!("Always");
        c
    };
    let mut first = sidecar(traps("s1", "exit 0"));
    first["lifecycle"] = json!({"preStop": {"exec": {"command": ["sh", "-c", "echo hook >> /w/f"]}}});
    let file = |lab: &mut Lab, index: usize| {
        let spot = Spot { node: Arc::from("worker-1"), pod: ObjectName::new("default", "p"), index };
        let bytes = rootfs::read(&mut lab.cluster, &spot, "/w/f").unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\n', " ")
    };
    let mut lab = Lab::new();
    let witness = json!({"name": "x", "image": "busybox:1.36", "command": ["sleep", "infinity"], "volumeMounts": [{"name": "w", "mountPath": "/w"}]});
    lab.pod(json!({"initContainers": [first, sidecar(traps("s2", "sleep 6; exit 0"))],
        "containers": [traps("m", "sleep 3; exit 0"), witness],
        "volumes": [{"name": "w", "emptyDir": {}}], "terminationGracePeriodSeconds": 12}));
    lab.seconds(8);
    assert_eq!(lab.line(), "Running true 0 running");
    lab.delete().millis(700);
    // The hook runs at once, and every container is said to be stopped.
    assert_eq!(file(&mut lab, 3), "hook m ");
    let killing = lab.events().iter().filter(|e| e.starts_with("Killing")).count();
    assert_eq!(killing, 4);
    // The witness ignores its signal: the sidecars' turn never comes, and when grace is over all are asked at once.
    lab.seconds(10);
    assert_eq!(file(&mut lab, 3), "hook m ");
    lab.seconds(6);
    assert_eq!(lab.line(), "gone");
    let mut lab = Lab::new();
    lab.pod(
        json!({"initContainers": [sidecar(traps("s1", "exit 0")), sidecar(traps("s2", "sleep 6; exit 0"))],
        "containers": [traps("m", "sleep 3; exit 0")],
        "volumes": [{"name": "w", "emptyDir": {}}], "terminationGracePeriodSeconds": 30}),
    );
    lab.seconds(8).delete().seconds(7);
    // The second has been asked after the main container, and the first waits for it.
    assert_eq!(file(&mut lab, 0), "m s2 ");
    lab.seconds(5);
    assert_eq!(lab.line(), "gone");
}

#[test]
fn a_node_that_fails_and_comes_back() {
    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "nginx:1.25"}]})).seconds(3);
    power(&mut lab.cluster, "worker-1", false);
    lab.seconds(5);
    assert!(!listens(&lab.cluster, &ObjectName::new("default", "p"), 80));
    assert_eq!(lab.line(), "Running true 0 running");
    power(&mut lab.cluster, "worker-1", true);
    lab.seconds(10);
    assert_eq!(lab.line(), "Running true 1 running");
    assert!(listens(&lab.cluster, &ObjectName::new("default", "p"), 80));
    let text = "SandboxChanged: Pod sandbox changed, it will be killed and re-created.";
    assert_eq!(lab.events().iter().filter(|e| *e == text).count(), 1);
}

#[test]
fn containers_that_wait_for_each_other_after_a_failure_are_not_asked_in_vain() {
    let main = json!({"name": "a", "image": "nginx:1.25"});
    let sidecar = json!({"name": "s", "image": "busybox:1.36", "restartPolicy": "Always", "command": ["sleep", "infinity"],
        "startupProbe": {"exec": {"command": ["true"]}, "initialDelaySeconds": 5, "periodSeconds": 1}});
    for spec in [
        json!({"containers": [main, {"name": "b", "image": "redis:7"}]}),
        json!({"initContainers": [sidecar], "containers": [main]}),
    ] {
        let mut lab = Lab::new();
        lab.pod(spec).seconds(15);
        assert_eq!(lab.line(), "Running true 0 running");
        power(&mut lab.cluster, "worker-1", false);
        lab.seconds(5);
        power(&mut lab.cluster, "worker-1", true);
        // A step for each nanosecond would never come to an end.
        lab.seconds(20);
        assert_eq!(lab.line(), "Running true 1 running");
    }
}

#[test]
fn a_quiet_cluster_has_nothing_due() {
    let mut lab = Lab::new();
    lab.seconds(120);
    let names: Vec<String> = lab
        .cluster
        .api
        .store
        .all_in::<Pod>("kube-system")
        .map(|p| format!("{} {}", p.name_str(), p.status.phase.as_deref().unwrap_or("")))
        .collect();
    assert!(names.contains(&"kube-apiserver-control-plane Running".to_owned()), "{names:#?}");
    for mirror in lab.cluster.api.store.all_in::<Pod>("kube-system").filter(|p| statics::is_mirror(p)) {
        assert_eq!((&mirror.spec.service_account_name, &mirror.spec.token_volume), (&None, &None));
    }
    let key = ObjectKey::new(Kind::Pod, "kube-system", "kube-scheduler-control-plane");
    let origin = crate::cluster::origin("test", None);
    lab.cluster.api.delete(&key, &DeleteOptions::default(), &origin).unwrap();
    lab.seconds(2);
    let again = lab.cluster.api.store.fetch::<Pod>(&key.name).unwrap();
    assert_eq!(again.status.phase.as_deref(), Some("Running"));
    lab.seconds(60);
    let hour = lab.cluster.now().plus_seconds(3600);
    while let Some((_, wake)) = lab.cluster.queue.pop_until(hour) {
        assert!(!matches!(wake, ClusterWake::Kubelet(..)), "{wake:?}");
    }
}

#[test]
fn a_terminal_shell() {
    let mut lab = Lab::new();
    lab.pod(json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox:1.36", "stdin": true, "tty": true}]}));
    lab.seconds(3);
    assert_eq!(lab.line(), "Running true 0 running");
    let response =
        lab.request("/api/v1/namespaces/default/pods/p/attach", &[("stdin", "true"), ("tty", "true")]);
    let crate::apiserver::Body::Stream(id) = response.body else { panic!("{response:?}") };
    write_stream(&mut lab.cluster, id, Some(b"echo $((1+2))\nexit 7\n"));
    lab.seconds(1);
    let read = read_stream(&mut lab.cluster, id);
    let text = String::from_utf8(read.stdout).unwrap();
    assert!(text.contains("3\n"), "{text:?}");
    assert_eq!(read.exit, Some(7));
    lab.seconds(1);
    assert_eq!(lab.line(), "Failed false 0 terminated/Error");
}

#[test]
fn pods_that_do_not_fit_are_refused() {
    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "nginx:1.25", "resources": {"requests": {"cpu": "2"}}}]}));
    lab.seconds(1);
    let pod = lab.get().unwrap();
    assert_eq!(pod["status"]["reason"], "OutOfcpu");
    assert_eq!(
        pod["status"]["message"],
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 2000, used: 0, capacity: 1000"
    );
}

#[test]
fn a_port_of_the_node_leads_to_its_pod_and_is_there_once() {
    let ports = json!([{"containerPort": 80, "hostPort": 8080}]);
    let spec = json!({"containers": [{"name": "c", "image": "nginx:1.25", "ports": ports}]});
    let mut lab = Lab::new();
    lab.pod(spec.clone()).seconds(5);
    let node = lab.cluster.api.store.find::<k8s_openapi::api::core::v1::Node>("", "worker-1").unwrap();
    let address = network::node_address(node).unwrap().to_owned();
    for from in [network::Point::Outside, network::Point::Node(Arc::from("worker-2"))] {
        assert_eq!(
            network::connect(&mut lab.cluster, &from, &address, 8080),
            network::Outcome::Answered(()),
            "{from:?}"
        );
        assert_eq!(network::connect(&mut lab.cluster, &from, &address, 80), network::Outcome::Refused);
    }
    let mut second = spec;
    second["nodeName"] = json!("worker-1");
    lab.create(Kind::Pod, json!({"metadata": {"name": "q", "namespace": "default"}, "spec": second}));
    lab.seconds(3);
    let status = &lab.cluster.api.store.find::<Pod>("default", "q").unwrap().status;
    assert_eq!(status.phase.as_deref(), Some("Failed"));
    assert_eq!(status.reason.as_deref(), Some("NodePorts"));
    let text = "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
    assert_eq!(status.message.as_deref(), Some(text));
}

#[test]
fn nothing_inside_a_container_kills_its_first_process() {
    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "nginx:1.25"}]})).seconds(5);
    let spot = Spot { node: Arc::from("worker-1"), pod: ObjectName::new("default", "p"), index: 0 };
    let kill = |signal: &str| vec!["sh".to_owned(), "-c".to_owned(), format!("kill -{signal} 1")];
    process::spawn(&mut lab.cluster, &spot, kill("9"), process::Sink::Log);
    lab.seconds(3);
    assert_eq!(lab.line(), "Running true 0 running");
    process::spawn(&mut lab.cluster, &spot, kill("TERM"), process::Sink::Log);
    lab.seconds(3);
    assert_eq!(lab.line(), "Running true 1 running");
}

#[test]
fn nginx_reads_its_configuration_and_an_image_can_be_changed() {
    let mut lab = Lab::new();
    lab.create(
        Kind::ConfigMap,
        json!({"metadata": {"name": "site", "namespace": "default"},
        "data": {"default.conf": "server { listen 8080; location / { return 200 \"pong\\n\"; } }"}}),
    );
    lab.pod(json!({"containers": [{"name": "c", "image": "nginx:1.25", "volumeMounts": [{"name": "site", "mountPath": "/etc/nginx/conf.d"}]}],
        "volumes": [{"name": "site", "configMap": {"name": "site"}}]}));
    lab.seconds(3);
    let pod = ObjectName::new("default", "p");
    assert!(!listens(&lab.cluster, &pod, 80));
    let call = crate::cluster::network::HttpCall {
        method: "GET".into(),
        host: "x".into(),
        port: 8080,
        path: "/".into(),
        headers: vec![],
        body: vec![],
    };
    let crate::cluster::network::Outcome::Answered(reply) = http_to_pod(&mut lab.cluster, &pod, 8080, &call)
    else {
        panic!()
    };
    assert_eq!(reply.body, b"pong\n");
    let mut changed = Pod::clone(lab.cluster.api.store.fetch::<Pod>(&pod).unwrap());
    changed.spec.make_mut().containers[0].image = Some("nginx:1.26".to_owned());
    changed.metadata.resource_version = None;
    let origin = crate::cluster::origin("test", None);
    lab.cluster.api.update(changed.into_object(), crate::apiserver::Part::Spec, &origin, false).unwrap();
    lab.seconds(4);
    assert_eq!(lab.line(), "Running true 1 running");
    assert!(
        lab.events().contains(&"Killing: Container c definition changed, will be restarted".to_owned()),
        "{:#?}",
        lab.events()
    );
}

#[test]
fn memory_limits_and_use() {
    let stress = |limit: &str, vm: &str| {
        json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "polinux/stress",
            "resources": {"limits": {"memory": limit, "cpu": "500m"}},
            "command": ["stress"], "args": ["--vm", "1", "--vm-bytes", vm, "--vm-hang", "1", "--cpu", "1"]}]})
    };
    let mut lab = Lab::new();
    lab.pod(stress("100Mi", "250M")).seconds(5);
    assert_eq!(lab.line(), "Failed false 0 terminated/OOMKilled");
    assert_eq!(lab.get().unwrap()["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 137);

    let mut lab = Lab::new();
    lab.pod(stress("300Mi", "250M")).seconds(10);
    let pod = lab.cluster.api.store.find::<Pod>("default", "p").unwrap().clone();
    assert_eq!(metrics::of_pod(&lab.cluster, &pod), None, "it has not run for a whole window");
    let before = lab.cluster.queue.len();
    lab.seconds(30);
    let used = metrics::of_pod(&lab.cluster, &pod).unwrap();
    assert_eq!((used[0].usage.cpu_nano, used[0].usage.memory), (500_000_000, 250 << 20));
    assert!(lab.cluster.queue.len() <= before, "a load at rest wakes nobody");
    let node = metrics::of_node(&lab.cluster, "worker-1").unwrap();
    assert!(node.cpu_nano >= 500_000_000 && node.memory > 600 << 20, "{node:?}");

    // Too little for the image itself, and too little for anything.
    for (limit, expected) in
        [("64Mi", "Failed false 0 terminated/OOMKilled"), ("1Mi", "Failed false 0 terminated/StartError")]
    {
        let mut lab = Lab::new();
        lab.pod(json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "mysql:8.4",
            "env": [{"name": "MYSQL_ROOT_PASSWORD", "value": "x"}], "resources": {"limits": {"memory": limit}}}]}));
        lab.seconds(20);
        assert_eq!(lab.line(), expected);
    }
}

#[test]
fn databases_ask_for_a_password_once() {
    let mysql = |env: Value| {
        json!({"containers": [{"name": "c", "image": "mysql:8.4", "env": env,
            "volumeMounts": [{"name": "d", "mountPath": "/var/lib/mysql"}]}],
            "volumes": [{"name": "d", "hostPath": {"path": "/data"}}]})
    };
    let mut lab = Lab::new();
    lab.pod(mysql(json!([]))).seconds(6);
    assert_eq!(lab.line(), "Running false 1 waiting/CrashLoopBackOff");
    let key = ObjectKey::new(Kind::Pod, "default", "p");
    let origin = crate::cluster::origin("test", None);
    lab.cluster.api.delete(&key, &DeleteOptions::default(), &origin).unwrap();
    lab.seconds(5);
    lab.pod(mysql(json!([{"name": "MYSQL_ROOT_PASSWORD", "value": "x"}]))).seconds(8);
    let pod = ObjectName::new("default", "p");
    assert!(!listens(&lab.cluster, &pod, 3306), "it is still initializing");
    lab.seconds(10);
    assert!(listens(&lab.cluster, &pod, 3306));
    lab.delete().seconds(5);
    assert_eq!(lab.line(), "gone");
    // What is in its volume needs no password.
    lab.pod(mysql(json!([]))).seconds(5);
    assert!(listens(&lab.cluster, &pod, 3306));
}

#[test]
fn ephemeral_containers_join_a_running_pod() {
    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "nginx:1.25"}]})).seconds(3);
    let debug = json!({"name": "debug", "image": "busybox:1.36", "command": ["sh", "-c", "echo in; sleep 3; exit 2"]});
    lab.patch("ephemeralcontainers", json!({"spec": {"ephemeralContainers": [debug]}}));
    lab.seconds(3);
    let status = |lab: &Lab| lab.get().unwrap()["status"]["ephemeralContainerStatuses"][0].clone();
    assert!(status(&lab)["state"]["running"].is_object(), "{}", status(&lab));
    let log = lab.request("/api/v1/namespaces/default/pods/p/log", &[("container", "debug")]);
    assert_eq!(log.body, crate::apiserver::Body::Text("in\n".to_owned()));
    lab.seconds(5);
    assert_eq!(status(&lab)["state"]["terminated"]["exitCode"], 2);
    assert_eq!(lab.line(), "Running true 0 running");
}

/// Changes the resources of the lab's pod, as the `resize` subresource does.
fn resize(lab: &mut Lab, resources: &Value) {
    lab.patch("resize", json!({"spec": {"containers": [{"name": "c", "resources": resources}]}}));
}

#[test]
fn resources_are_changed_in_place() {
    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "nginx:1.25",
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
        "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"},
            {"resourceName": "memory", "restartPolicy": "RestartContainer"}]}]}));
    lab.seconds(3);
    let conditions = |lab: &Lab| {
        let pod = lab.get().unwrap();
        let list = pod["status"]["conditions"].as_array().unwrap().clone();
        list.into_iter().find(|c| c["type"].as_str().unwrap().starts_with("PodResize"))
    };
    resize(&mut lab, &json!({"requests": {"cpu": "300m", "memory": "64Mi"}}));
    lab.millis(100);
    assert_eq!(conditions(&lab).unwrap()["type"], "PodResizeInProgress");
    lab.seconds(3);
    assert_eq!(conditions(&lab), None);
    assert_eq!(lab.line(), "Running true 0 running");
    let requests = &lab.get().unwrap()["status"]["containerStatuses"][0]["resources"]["requests"];
    assert_eq!(requests["cpu"], "300m");

    resize(&mut lab, &json!({"requests": {"cpu": "300m", "memory": "128Mi"}}));
    lab.seconds(5);
    assert_eq!(lab.line(), "Running true 1 running");
    resize(&mut lab, &json!({"requests": {"cpu": "6", "memory": "128Mi"}}));
    lab.seconds(1);
    let pending = conditions(&lab).unwrap();
    assert_eq!(
        (pending["type"].as_str(), pending["reason"].as_str()),
        (Some("PodResizePending"), Some("Infeasible"))
    );
    assert_eq!(pending["message"], "Node didn't have enough capacity: cpu, requested: 6000, capacity: 1000");
    resize(&mut lab, &json!({"requests": {"cpu": "300m", "memory": "128Mi"}}));
    lab.seconds(1);
    assert_eq!(conditions(&lab), None);
    let events = lab.events();
    for text in [
        "ResizeStarted: Pod resize started: {\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"300m\",\"memory\":\"64Mi\"}}}],\"generation\":2}",
        "Killing: Container c resize requires restart",
        "ResizeCompleted: Pod resize completed: {",
        "ResizeInfeasible: Pod resize Infeasible: {",
    ] {
        assert!(events.iter().any(|e| e.starts_with(text)), "{text}: {events:#?}");
    }
}

#[test]
fn a_node_short_of_memory_evicts() {
    let mut lab = Lab::new();
    lab.create(Kind::Pod, json!({"metadata": {"name": "q", "namespace": "default"}, "spec": {"nodeName": "worker-1",
        "containers": [{"name": "c", "image": "nginx:1.25", "resources": {"requests": {"memory": "100Mi"}}}]}}));
    // It grows by 100Mi a second, past what the node has.
    lab.pod(json!({"containers": [{"name": "c", "image": "vish/stress", "resources": {"requests": {"memory": "100Mi"}},
        "args": ["-mem-total", "3400Mi", "-mem-alloc-size", "100Mi", "-mem-alloc-sleep", "1s"]}]}));
    lab.seconds(60);
    let pod = lab.get().unwrap();
    assert_eq!(pod["status"]["phase"], "Failed");
    assert_eq!(pod["status"]["reason"], "Evicted");
    let message = pod["status"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("The node was low on resource: memory. Threshold quantity: 100Mi, available: "),
        "{message}"
    );
    assert!(message.ends_with("Ki, request is 100Mi, has larger consumption of memory. "), "{message}");
    let target =
        pod["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "DisruptionTarget");
    assert_eq!(target.unwrap()["reason"], "TerminationByKubelet");
    let pressure = |lab: &Lab| {
        let node = lab.cluster.api.store.find::<k8s_openapi::api::core::v1::Node>("", "worker-1").unwrap();
        let conditions = node.status.as_ref().unwrap().conditions.as_ref().unwrap();
        conditions.iter().find(|c| c.type_ == "MemoryPressure").unwrap().status.clone()
    };
    assert_eq!(pressure(&lab), "True");
    lab.create(
        Kind::Pod,
        json!({"metadata": {"name": "r", "namespace": "default"}, "spec": {"nodeName": "worker-1",
        "containers": [{"name": "c", "image": "nginx:1.25"}]}}),
    );
    lab.seconds(2);
    let refused = lab.cluster.api.store.find::<Pod>("default", "r").unwrap();
    assert_eq!(refused.status.reason.as_deref(), Some("Evicted"));
    lab.seconds(320);
    assert_eq!(pressure(&lab), "False");
    let other = lab.cluster.api.store.find::<Pod>("default", "q").unwrap();
    assert_eq!(other.status.phase.as_deref(), Some("Running"));
}
