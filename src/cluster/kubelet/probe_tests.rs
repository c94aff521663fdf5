//! Probes in a pod: what they reach, what they say, and when they count.

use super::tests::Lab;
use super::*;
use serde_json::{Value, json};

#[test]
fn probes_reach_their_node_and_stop_at_redirects() {
    let probe = |get: Value| json!({"httpGet": get, "periodSeconds": 1, "failureThreshold": 100});
    let elsewhere = "/redirect?location=http://example.org/";
    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "registry.k8s.io/e2e-test-images/agnhost:2.53",
        "args": ["netexec", "--http-port=8080"],
        "readinessProbe": probe(json!({"path": elsewhere, "port": 8080})),
        "livenessProbe": probe(json!({"path": "/", "port": 8080, "host": "127.0.0.1"}))}]}));
    lab.seconds(6);
    assert_eq!(lab.line(), "Running true 0 running");
    let events = lab.events();
    let says = |text: &str| events.iter().any(|e| e.starts_with(text));
    assert!(
        says("ProbeWarning: Readiness probe warning: Probe terminated redirects, Response body: "),
        "{events:#?}"
    );
    assert!(
        says(
            "Unhealthy: Liveness probe failed: Get \"http://127.0.0.1:8080/\": dial tcp 127.0.0.1:8080: connect: connection refused"
        ),
        "{events:#?}"
    );
}

#[test]
fn a_probe_knows_the_pod_s_address_before_its_status_does() {
    let mut lab = Lab::new();
    let tcp = json!({"tcpSocket": {"port": 9000}, "periodSeconds": 1, "failureThreshold": 100});
    for number in 0..12 {
        let name = format!("p{number}");
        lab.create(Kind::Pod, json!({"metadata": {"name": name, "namespace": "default"}, "spec": {"nodeName": "worker-1",
            "containers": [{"name": "c", "image": "busybox:1.36", "command": ["sleep", "infinity"], "readinessProbe": tcp}]}}));
    }
    lab.seconds(8);
    let texts: Vec<String> =
        lab.cluster.api.store.all::<crate::object::Event>().filter_map(|e| e.message.clone()).collect();
    assert!(texts.iter().any(|t| t.contains("dial tcp 10.244.")), "{texts:#?}");
    assert!(!texts.iter().any(|t| t.contains("dial tcp :")), "{texts:#?}");
}

#[test]
fn http_probes_say_what_they_saw() {
    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "nginx:1.25", "ports": [{"containerPort": 80, "name": "web"}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "web"}, "periodSeconds": 1},
        "livenessProbe": {"tcpSocket": {"port": 81}, "periodSeconds": 1, "failureThreshold": 100}}]}));
    lab.seconds(5);
    let events = lab.events();
    assert!(
        events
            .iter()
            .any(|e| e
                .starts_with("Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 404 (x")),
        "{events:#?}"
    );
    assert!(
        events.iter().any(|e| e.starts_with(
            "Unhealthy: Liveness probe failed: dial tcp 10.244.1.2:81: connect: connection refused"
        )),
        "{events:#?}"
    );
    assert_eq!(lab.line(), "Running false 0 running");
}

#[test]
fn probes_that_cannot_be_asked_count_for_nothing() {
    let mut lab = Lab::new();
    lab.pod(json!({"containers": [{"name": "c", "image": "nginx:1.25",
        "livenessProbe": {"exec": {"command": ["/bin/nope"]}, "periodSeconds": 1, "failureThreshold": 1},
        "readinessProbe": {"httpGet": {"port": "web"}, "periodSeconds": 1}}]}));
    lab.seconds(8);
    assert_eq!(lab.line(), "Running false 0 running");
    let events = lab.events();
    let has = |text: &str| events.iter().any(|e| e.starts_with(text));
    assert!(
        has("Unhealthy: Liveness probe errored and resulted in unknown state: rpc error: code = Unknown"),
        "{events:#?}"
    );
    assert!(
        has(
            "Unhealthy: Readiness probe errored and resulted in unknown state: strconv.Atoi: parsing \"web\": invalid syntax"
        ),
        "{events:#?}"
    );
}
