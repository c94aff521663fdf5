//! agnhost in a pod: what probes of it find, and what its printing commands say.

use super::tests::Lab;
use super::*;
use crate::cluster::network::{HttpCall, Outcome};
use crate::cluster::workload::http;
use serde_json::{Value, json};

const IMAGE: &str = "registry.k8s.io/e2e-test-images/agnhost:2.53";

fn pod(args: &[&str], more: Value) -> Value {
    let mut container = json!({"name": "c", "image": IMAGE, "args": args});
    for (key, value) in more.as_object().into_iter().flatten() {
        container[key] = value.clone();
    }
    json!({"containers": [container]})
}

fn get(lab: &mut Lab, port: u16, path: &str) -> (u16, String) {
    let call = HttpCall {
        method: "GET".to_owned(),
        host: "p".to_owned(),
        port,
        path: path.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    match http::http_to_pod(&mut lab.cluster, &ObjectName::new("default", "p"), port, &call) {
        Outcome::Answered(reply) => (reply.status, String::from_utf8_lossy(&reply.body).into_owned()),
        other => panic!("{other:?}"),
    }
}

fn log(lab: &mut Lab) -> String {
    match lab.request("/api/v1/namespaces/default/pods/p/log", &[]).body {
        crate::apiserver::Body::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn grpc_probes_follow_the_health_that_is_served() {
    let probe = |port: u16, service: &str| json!({"readinessProbe": {"grpc": {"port": port, "service": service}, "periodSeconds": 1, "failureThreshold": 1}});
    // On whatever port, and for the service that it was told.
    let args = ["grpc-health-checking", "--port=8080", "--http-port", "9090", "--service=web"];
    let mut lab = Lab::new();
    lab.pod(pod(&args, probe(8080, "web"))).seconds(5);
    assert_eq!(lab.line(), "Running true 0 running");
    assert_eq!(get(&mut lab, 9090, "/make-not-serving").0, 200);
    lab.seconds(3);
    assert_eq!(lab.line(), "Running false 0 running");
    let said = "Unhealthy: Readiness probe failed: service unhealthy (responded with \"NOT_SERVING\")";
    assert!(lab.events().iter().any(|e| e.starts_with(said)), "{:?}", lab.events());
    get(&mut lab, 9090, "/make-serving");
    lab.seconds(3);
    assert_eq!(lab.line(), "Running true 0 running");

    let mut lab = Lab::new();
    lab.pod(pod(&args, probe(8080, "other"))).seconds(5);
    let said = "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service";
    assert!(lab.events().iter().any(|e| e.contains(said)), "{:?}", lab.events());

    let mut lab = Lab::new();
    lab.pod(pod(&["grpc-health-checking", "--delay-unhealthy-sec=6"], probe(5000, ""))).seconds(5);
    assert_eq!(lab.line(), "Running true 0 running");
    lab.seconds(10);
    assert_eq!(lab.line(), "Running false 0 running");
}

#[test]
fn its_servers_answer() {
    let mut lab = Lab::new();
    lab.pod(pod(&["netexec", "--http-port=80"], json!({}))).seconds(5);
    assert_eq!(get(&mut lab, 80, "/hostname"), (200, "p".to_owned()));
    assert_eq!(get(&mut lab, 80, "/echo?msg=hi%20there&code=503"), (503, "hi there".to_owned()));
    assert_eq!(get(&mut lab, 80, "/redirect?location=/echo%3Fmsg=x").0, 302);
    get(&mut lab, 80, "/exit?code=3");
    lab.seconds(4);
    assert!(lab.line().starts_with("Running"), "{}", lab.line());
    assert_eq!(
        lab.get().unwrap()["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"],
        3
    );

    let mut lab = Lab::new();
    let env = json!({"env": [{"name": "SERVE_PORT_81", "value": "foo"}, {"name": "SERVE_PORT_82", "value": "bar"}]});
    lab.pod(pod(&["porter"], env)).seconds(5);
    assert_eq!(get(&mut lab, 81, "/any"), (200, "foo".to_owned()));
    assert_eq!(get(&mut lab, 82, "/"), (200, "bar".to_owned()));

    let mut lab = Lab::new();
    lab.pod(pod(&["test-webserver"], json!({}))).seconds(5);
    assert!(get(&mut lab, 80, "/etc/hostname").1.starts_with('p'));
    assert_eq!(get(&mut lab, 80, "/none").0, 404);
}

#[test]
fn its_commands_print() {
    for (args, dns, said) in [
        (
            vec!["entrypoint-tester", "foo", "lish args"],
            json!(null),
            "[/agnhost entrypoint-tester foo lish args]\n",
        ),
        (
            vec!["dns-suffix"],
            json!({"nameservers": ["1.1.1.1", "2.2.2.2"], "searches": ["a.local", "b.local"]}),
            "a.local,b.local\n",
        ),
        (
            vec!["dns-server-list"],
            json!({"nameservers": ["1.1.1.1", "2.2.2.2"], "searches": ["a.local"]}),
            "1.1.1.1,2.2.2.2\n",
        ),
    ] {
        let mut lab = Lab::new();
        let mut spec = pod(&args, json!({}));
        spec["restartPolicy"] = json!("Never");
        if !dns.is_null() {
            (spec["dnsPolicy"], spec["dnsConfig"]) = (json!("None"), dns);
        }
        lab.pod(spec).seconds(5);
        assert_eq!(log(&mut lab), said, "{args:?}");
        assert_eq!(lab.line(), "Succeeded false 0 terminated/Completed", "{args:?}");
    }
    let mut lab = Lab::new();
    let mut spec = pod(&["logs-generator", "--log-lines-total=20", "--run-duration", "4s"], json!({}));
    spec["restartPolicy"] = json!("Never");
    lab.pod(spec).seconds(20);
    let text = log(&mut lab);
    assert!(text.lines().count() >= 20, "{text}");
    assert!(text.lines().all(|l| l.contains(" logs_generator.go:76] ")), "{text}");
}
