//! Requests that nearly make sense: whatever they ask, the server answers, and what it keeps can be read.

use crate::apiserver::{Accept, ApiServer, Cause, Method, Request, User};
use crate::object::{SECOND, SimTime};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

/// Collections, each with an object that it takes.
fn objects() -> Vec<(&'static str, Value)> {
    let pod = json!({"containers": [{"name": "c", "image": "nginx", "ports": [{"containerPort": 80, "name": "http"}],
        "env": [{"name": "A", "value": "b"}], "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "1"}},
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5}}],
        "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}],
        "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9}],
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]});
    let labels = json!({"app": "a"});
    let template = json!({"metadata": {"labels": labels}, "spec": pod});
    let selector = json!({"matchLabels": labels, "matchExpressions": [{"key": "app", "operator": "In", "values": ["a"]}]});
    let meta = json!({"name": "a", "labels": labels, "annotations": {"n": "1"}, "finalizers": ["x/y"]});
    let job = json!({"template": {"spec": {"restartPolicy": "Never", "containers": pod["containers"], "volumes": pod["volumes"]}},
        "completions": 3, "parallelism": 2, "backoffLimit": 4});
    let defined = json!({"group": "x.io", "scope": "Namespaced", "names": {"plural": "as", "kind": "A"},
        "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
            "additionalPrinterColumns": [{"name": "N", "type": "integer", "jsonPath": ".spec.n"}],
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "properties":
                {"n": {"type": "integer", "default": 1, "maximum": 9}}, "x-kubernetes-validations": [{"rule": "self.n > 0"}]}}}}}]});
    let table = [
        ("/api/v1/namespaces/a/pods", json!({"spec": pod})),
        (
            "/api/v1/namespaces/a/services",
            json!({"spec": {"ports": [{"port": 80, "targetPort": "http"}], "selector": labels}}),
        ),
        (
            "/api/v1/namespaces/a/configmaps",
            json!({"data": {"k": "v"}, "binaryData": {"b": "YQ=="}, "immutable": false}),
        ),
        ("/api/v1/namespaces/a/secrets", json!({"data": {"k": "YQ=="}, "type": "Opaque"})),
        (
            "/apis/apps/v1/namespaces/a/deployments",
            json!({"spec": {"replicas": 2, "selector": selector, "template": template,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}}}}),
        ),
        (
            "/apis/apps/v1/namespaces/a/statefulsets",
            json!({"spec": {"serviceName": "a", "selector": selector, "template": template}}),
        ),
        ("/apis/batch/v1/namespaces/a/jobs", json!({"spec": job})),
        (
            "/apis/batch/v1/namespaces/a/cronjobs",
            json!({"spec": {"schedule": "*/5 * * * *", "timeZone": "Asia/Seoul", "jobTemplate": {"spec": job}}}),
        ),
        (
            "/apis/autoscaling/v2/namespaces/a/horizontalpodautoscalers",
            json!({"spec": {"maxReplicas": 3, "minReplicas": 1,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"},
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}}),
        ),
        (
            "/apis/policy/v1/namespaces/a/poddisruptionbudgets",
            json!({"spec": {"maxUnavailable": "10%", "selector": selector}}),
        ),
        (
            "/apis/networking.k8s.io/v1/namespaces/a/networkpolicies",
            json!({"spec": {"podSelector": selector, "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}], "ports": [{"port": 80, "endPort": 90}]}]}}),
        ),
        (
            "/apis/networking.k8s.io/v1/namespaces/a/ingresses",
            json!({"spec": {"rules": [{"host": "*.a.b", "http": {"paths":
            [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "a", "port": {"number": 80}}}}]}}]}}),
        ),
        (
            "/api/v1/namespaces/a/resourcequotas",
            json!({"spec": {"hard": {"pods": "9", "requests.cpu": "10"}}}),
        ),
        (
            "/api/v1/namespaces/a/limitranges",
            json!({"spec": {"limits": [{"type": "Container", "default": {"cpu": "1"}, "max": {"cpu": "2"}}]}}),
        ),
        (
            "/api/v1/namespaces/a/persistentvolumeclaims",
            json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
        ),
        (
            "/api/v1/nodes",
            json!({"spec": {"podCIDR": "10.244.0.0/24", "taints": [{"key": "a", "effect": "NoSchedule"}]}}),
        ),
        (
            "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            json!({"rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}),
        ),
    ];
    let with_meta = |(path, mut object): (&'static str, Value)| {
        object["metadata"] = meta.clone();
        (path, object)
    };
    let mut all: Vec<(&'static str, Value)> = table.into_iter().map(with_meta).collect();
    let meta = json!({"name": "as.x.io"});
    all.push((
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        json!({"metadata": meta, "spec": defined}),
    ));
    all
}

/// Texts that are wrong nearly everywhere.
const TEXTS: &[&str] = &[
    "",
    "\0",
    " ",
    "a",
    "-",
    "é",
    "%",
    "150%",
    "-1%",
    "9999999999999999999%",
    "1e999999999",
    "-1",
    "0x10",
    "1Ei",
    "9E18",
    "999999999999999999999999999Ei",
    "0.0000000000000000001n",
    "10.0.0.0/99",
    "::1/128",
    "0 0 31 2 *",
    "* * * * * *",
    "*/0 * * * *",
    "99999999999999999999 * * * *",
    "2026-99-99T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "Mars/Olympus",
    "a/b/c",
    "..",
    "$(A)",
    "$patch",
    "self.n > 0 ? x : y",
    "((((((((",
    "[[[[",
    "{.a[",
    "=",
    "a=b",
    "replace",
    "delete",
    "True",
];

/// Values that are wrong nearly everywhere, each in its own way.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => select(TEXTS).prop_map(Value::from).boxed(),
        1 => "\\PC{0,8}".prop_map(Value::from).boxed(),
        1 => Just(json!("x".repeat(300))).boxed(),
        3 => select(vec![0, -1, 1, 65536, i64::from(i32::MAX), i64::from(i32::MIN), i64::MAX, i64::MIN]).prop_map(Value::from).boxed(),
        1 => select(vec![json!(u64::MAX), json!(1e300), json!(-0.5), json!(null), json!(true)]).boxed(),
        2 => select(vec![json!([]), json!({}), json!([null]), json!([{}]), json!({"a": null}), json!([[]]), json!({"": ""}),
            json!([{"$patch": "replace"}]), json!({"$patch": "delete"}), json!({"$retainKeys": ["a"]})]).boxed(),
    ]
}

/// The pointers of everything in a value.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(k, v)| (k.replace('~', "~0").replace('/', "~1"), v)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        _ => Vec::new(),
    };
    for (key, value) in inner {
        let place = format!("{at}/{key}");
        places(value, &place, out);
        out.push(place);
    }
}

/// A change: a place, a value for it, and how it is sent.
type Change = (Index, Value, usize);

fn changed(object: &Value, changes: &[Change]) -> Value {
    let mut object = object.clone();
    for (place, value, _) in changes {
        let mut all = Vec::new();
        places(&object, "", &mut all);
        if let Some(found) = (!all.is_empty()).then(|| place.get(&all)).and_then(|p| object.pointer_mut(p)) {
            *found = value.clone();
        }
    }
    object
}

fn server() -> ApiServer {
    let mut api = ApiServer::new(1, SimTime(1_700_000_000 * SECOND));
    api.bootstrap_policy();
    for name in ["default", "a"] {
        let space = json!({"metadata": {"name": name}});
        assert!(send(&mut api, &Request::with_body(Method::Post, "/api/v1/namespaces", space)).0 < 300);
    }
    api
}

fn send(api: &mut ApiServer, request: &Request) -> (u16, Value) {
    let response = api.handle(request, &User::admin(), Cause::Command(1));
    (response.status, response.value().clone())
}

/// Every answer is a client's mistake or a success, and lists can still be read in every form.
fn check(api: &mut ApiServer, request: &Request, path: &str) -> Result<(), TestCaseError> {
    let (status, answer) = send(api, request);
    // What does not fit the types is a server's mistake in the words of server-side apply, as in the real one.
    let untyped =
        answer["message"].as_str().is_some_and(|m| m.starts_with("failed to create typed patch object"));
    prop_assert!((200..500).contains(&status) || untyped, "{request:?}: {answer}");
    for accept in [Accept::Json, Accept::Table, Accept::Metadata] {
        let (status, answer) = send(api, &Request { accept, ..Request::get(path) });
        prop_assert_eq!(status, 200, "{:?}: {}", request, answer);
    }
    Ok(())
}

#[test]
fn the_objects_are_taken() {
    let mut api = server();
    for (path, object) in objects() {
        let (status, answer) = send(&mut api, &Request::with_body(Method::Post, path, object));
        assert_eq!(status, 201, "{path}: {answer}");
    }
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec((any::<Index>(), odd(), 0..6usize), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn odd_objects_are_answered(which in any::<Index>(), changes in changes()) {
        let all = objects();
        let (path, object) = which.get(&all);
        let mut api = server();
        check(&mut api, &Request::with_body(Method::Post, *path, changed(object, &changes)), path)?;
    }

    #[test]
    fn odd_writes_are_answered(which in any::<Index>(), changes in changes()) {
        let all = objects();
        let (path, object) = which.get(&all);
        let mut api = server();
        send(&mut api, &Request::with_body(Method::Post, *path, object.clone()));
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let one = format!("{path}/{name}");
        for change in &changes {
            let (_, now) = send(&mut api, &Request::get(&one));
            let next = changed(&now, std::slice::from_ref(change));
            let mut all = Vec::new();
            places(&now, "", &mut all);
            let place = if all.is_empty() { "/x" } else { change.0.get(&all) };
            let from = all.first().map_or("", String::as_str);
            let (method, content_type, body) = match change.2 {
                0 => (Method::Put, "application/json", next),
                1 => (Method::Patch, "application/merge-patch+json", next),
                2 => (Method::Patch, "application/strategic-merge-patch+json", next),
                3 => (Method::Patch, "application/apply-patch+yaml", next),
                4 => (Method::Patch, "application/json-patch+json", json!([{"op": "add", "path": place, "value": change.1}])),
                _ => (Method::Patch, "application/json-patch+json", json!([
                    {"op": "copy", "from": from, "path": place}, {"op": "test", "path": place, "value": change.1},
                    {"op": "move", "from": place, "path": from}, {"op": "remove", "path": place}])),
            };
            let request = Request { content_type: content_type.to_owned(), ..Request::with_body(method, &one, body) };
            check(&mut api, &request.param("fieldManager", "noise"), path)?;
        }
    }

    #[test]
    fn odd_queries_are_answered(
        which in any::<Index>(),
        method in select(vec![Method::Get, Method::Delete, Method::Post]),
        query in prop::collection::vec((select(QUERIES), odd()), 0..4),
    ) {
        let all = objects();
        let (path, object) = which.get(&all);
        let mut api = server();
        send(&mut api, &Request::with_body(Method::Post, *path, object.clone()));
        let mut request = Request { method, ..Request::get(*path) };
        request.body = (method == Method::Post).then(|| object.clone());
        for (key, value) in query {
            request = request.param(key, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
        let (status, answer) = send(&mut api, &request);
        prop_assert!((200..=504).contains(&status) && status != 500, "{request:?}: {answer}");
    }
}

const QUERIES: &[&str] = &[
    "labelSelector",
    "fieldSelector",
    "limit",
    "continue",
    "resourceVersion",
    "resourceVersionMatch",
    "watch",
    "timeoutSeconds",
    "sendInitialEvents",
    "allowWatchBookmarks",
    "gracePeriodSeconds",
    "propagationPolicy",
    "dryRun",
    "fieldManager",
    "fieldValidation",
    "force",
    "pretty",
    "includeObject",
];
