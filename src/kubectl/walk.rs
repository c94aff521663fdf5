//! Walk-throughs: what the documentation has its readers type, from the beginning to the end.

use super::testing::lab;
use serde_json::Value;

const PHP_APACHE: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: php-apache}
spec:
  selector: {matchLabels: {run: php-apache}}
  template:
    metadata: {labels: {run: php-apache}}
    spec:
      containers:
      - name: php-apache
        image: registry.k8s.io/hpa-example
        ports: [{containerPort: 80}]
        resources: {limits: {cpu: 500m}, requests: {cpu: 200m}}
---
apiVersion: v1
kind: Service
metadata: {name: php-apache, labels: {run: php-apache}}
spec: {ports: [{port: 80}], selector: {run: php-apache}}
";

#[test]
fn a_metrics_server_comes_and_goes() {
    let lab = lab();
    assert_eq!(lab.run("top node"), "error: Metrics API not available\n[exit 1]\n");
    lab.run_with("apply -f -", include_str!("../../assets/metrics-server.yaml"));
    lab.pass(1);
    let none = "Error from server (ServiceUnavailable): the server is currently unable to handle the request (get nodes.metrics.k8s.io)\n[exit 1]\n";
    assert_eq!(lab.run("top node"), none);
    let state = "get apiservice v1beta1.metrics.k8s.io --no-headers";
    assert!(lab.run(state).contains("False (MissingEndpoints)"), "{}", lab.run(state));
    lab.pass(90);
    assert!(lab.run(state).contains("  True  "), "{}", lab.run(state));

    let nodes = lab.run("top node");
    let head = "NAME            CPU(cores)   CPU(%)   MEMORY(bytes)   MEMORY(%)   ";
    assert_eq!(nodes.lines().next(), Some(head));
    assert_eq!(nodes.lines().count(), 5, "{nodes}");
    assert!(lab.run("top node nowhere").contains(r#"nodemetrics.metrics.k8s.io "nowhere" not found"#));

    // The sum is what the lines add up to; names are in order; the greatest first when asked.
    let pods = lab.run("top pod -n kube-system --sum --sort-by=memory");
    let numbers: Vec<u64> = pods
        .lines()
        .filter_map(|l| l.split_whitespace().next_back()?.strip_suffix("Mi")?.parse().ok())
        .collect();
    let (sum, parts) = numbers.split_last().unwrap();
    assert!(parts.len() > 8 && parts.is_sorted_by(|a, b| a >= b), "{pods}");
    let whole: u64 = parts.iter().sum();
    assert!(*sum >= whole && *sum < whole + parts.len() as u64, "each line is rounded down: {pods}");
    let chosen = lab.run("top pod -A -l k8s-app=metrics-server --no-headers");
    assert_eq!(chosen.lines().count(), 1, "{chosen}");

    lab.run("delete apiservice v1beta1.metrics.k8s.io");
    assert_eq!(lab.run("top node"), "error: Metrics API not available\n[exit 1]\n");
}

#[test]
fn horizontal_pod_autoscaling() {
    let lab = lab();
    let status = || -> Value {
        let text = lab.run("get hpa php-apache -o json");
        serde_json::from_str::<Value>(&text).unwrap_or_default()["status"].take()
    };
    let percent = |status: &Value| {
        status["currentMetrics"][0]["resource"]["current"]["averageUtilization"].as_i64().unwrap_or(-1)
    };
    lab.run_with("apply -f -", include_str!("../../assets/metrics-server.yaml"));
    lab.run_with("apply -f -", PHP_APACHE);
    lab.pass(90);
    lab.run("autoscale deployment php-apache --cpu=50% --min=1 --max=10");
    lab.pass(31);
    let quiet = lab.run("get hpa");
    assert!(quiet.contains("cpu: 0%/50%   1         10        1"), "{quiet}");

    lab.run("run load-generator --image=busybox:1.28 --restart=Never -- /bin/sh -c 'while sleep 0.01; do wget -q -O- http://php-apache; done'");
    lab.pass(60);
    let loaded = status();
    assert!(loaded["desiredReplicas"].as_i64() > Some(1), "one pod is not enough: {loaded}");
    lab.pass(240);
    let loaded = status();
    let replicas = loaded["currentReplicas"].as_i64().unwrap_or(0);
    assert!(replicas > 1 && percent(&loaded) <= 55, "the load is shared: {loaded}");
    let why = "reason: cpu resource utilization (percentage of request) above target";
    assert!(lab.run("describe hpa php-apache").contains(why));

    lab.run("delete pod load-generator --now");
    lab.pass(240);
    let waiting = status();
    assert_eq!(waiting["currentReplicas"], replicas, "a lower number waits: {waiting}");
    assert_eq!(waiting["conditions"][0]["reason"], "ScaleDownStabilized");
    lab.pass(150);
    assert_eq!(status()["currentReplicas"], 1);
    assert!(lab.run("describe hpa php-apache").contains("New size: 1; reason: All metrics below target"));
}
