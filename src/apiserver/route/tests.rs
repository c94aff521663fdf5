//! Requests and their answers, over a server without controllers.

use crate::apiserver::strict::Text;
use crate::apiserver::{Accept, ApiServer, Cause, Method, Request, Response, User};
use crate::object::{SECOND, SimTime};
use serde_json::{Value, json};

struct Lab {
    api: ApiServer,
}

impl Lab {
    fn new() -> Self {
        let mut lab = Self { api: ApiServer::new(1, SimTime(1_000_000 * SECOND)) };
        lab.api.bootstrap_policy();
        lab.ok(Method::Post, "/api/v1/namespaces", json!({"metadata": {"name": "default"}}));
        lab
    }

    fn send(&mut self, request: &Request) -> Response {
        self.api.handle(request, &User::admin(), Cause::Command(1))
    }

    fn ok(&mut self, method: Method, path: &str, body: Value) -> Value {
        let response = self.send(&Request::with_body(method, path, body));
        assert!(response.is_success(), "{method:?} {path}: {}", response.value());
        response.value().clone()
    }

    fn fails(&mut self, method: Method, path: &str, body: Value) -> (u16, String) {
        let response = self.send(&Request::with_body(method, path, body));
        assert!(!response.is_success(), "{method:?} {path}: {}", response.value());
        (response.status, response.value()["message"].as_str().unwrap().to_owned())
    }

    fn get(&mut self, path: &str) -> Value {
        self.send(&Request::get(path)).value().clone()
    }

    fn patch(&mut self, path: &str, kind: &str, body: Value) -> Response {
        let content_type = format!("application/{kind}+json");
        self.send(&Request { content_type, ..Request::with_body(Method::Patch, path, body) })
    }
}

const PODS: &str = "/api/v1/namespaces/default/pods";
const SERVICES: &str = "/api/v1/namespaces/default/services";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}})
}

fn service(name: &str, spec: &Value) -> Value {
    let mut value =
        json!({"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], "selector": {"app": "x"}}});
    for (key, inner) in spec.as_object().unwrap() {
        value["spec"][key] = inner.clone();
    }
    value
}

fn deployment() -> Value {
    json!({"metadata": {"name": "web"}, "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template":
        {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "nginx", "image": "nginx:1.25"}]}}}})
}

#[test]
fn pods_come_and_go() {
    let mut lab = Lab::new();
    let made = lab.ok(Method::Post, PODS, pod("a"));
    assert_eq!(made["status"], json!({"phase": "Pending", "qosClass": "BestEffort"}));
    assert_eq!(made["spec"]["serviceAccountName"], "default");
    assert_eq!(made["spec"]["tolerations"].as_array().map(Vec::len), Some(2));
    assert_eq!(made["metadata"]["generation"], 1);
    assert_eq!(lab.fails(Method::Post, PODS, pod("a")), (409, "pods \"a\" already exists".to_owned()));
    lab.ok(Method::Post, PODS, json!({"metadata": {"generateName": "gen-"}, "spec": pod("x")["spec"]}));
    let list = lab.get(PODS);
    assert_eq!((list["kind"].clone(), list["items"].as_array().map(Vec::len)), (json!("PodList"), Some(2)));
    let one = lab.send(&Request::get(PODS).param("labelSelector", "app in (a,b)"));
    assert_eq!(one.value()["items"].as_array().map(Vec::len), Some(1));
    let table = lab.send(&Request { accept: Accept::Table, ..Request::get(PODS) });
    assert_eq!(table.value()["rows"][0]["cells"][1], "0/1");
    let bad = lab.send(&Request::get(PODS).param("fieldSelector", "spec.nope=1"));
    assert_eq!(bad.value()["message"], "field label not supported: spec.nope");
    lab.ok(Method::Delete, &format!("{PODS}/a"), Value::Null);
    let missing = lab.fails(Method::Delete, &format!("{PODS}/a"), Value::Null);
    assert_eq!(missing, (404, "pods \"a\" not found".to_owned()));
}

#[test]
fn namespaces_are_watched_over() {
    let mut lab = Lab::new();
    let nowhere = "/api/v1/namespaces/nowhere/pods";
    assert_eq!(
        lab.fails(Method::Post, nowhere, pod("a")),
        (404, "namespaces \"nowhere\" not found".to_owned())
    );
    lab.ok(Method::Post, "/api/v1/namespaces", json!({"metadata": {"name": "dev"}}));
    let going = lab.ok(Method::Delete, "/api/v1/namespaces/dev", Value::Null);
    assert_eq!(going["status"]["phase"], "Terminating");
    let (code, message) = lab.fails(Method::Post, "/api/v1/namespaces/dev/pods", pod("a"));
    assert_eq!(code, 403);
    assert_eq!(
        message,
        "pods \"a\" is forbidden: unable to create new content in namespace dev because it is being terminated"
    );
    let (code, message) = lab.fails(Method::Delete, "/api/v1/namespaces/default", Value::Null);
    assert_eq!(
        (code, message.as_str()),
        (403, "namespaces \"default\" is forbidden: this namespace may not be deleted")
    );
    let finalized = json!({"metadata": {"name": "dev"}, "spec": {"finalizers": []}});
    lab.ok(Method::Put, "/api/v1/namespaces/dev/finalize", finalized);
    assert_eq!(lab.get("/api/v1/namespaces/dev")["reason"], "NotFound");
}

#[test]
fn updates_conflict_and_try() {
    let mut lab = Lab::new();
    let path = format!("{DEPLOYMENTS}/web");
    let first = lab.ok(Method::Post, DEPLOYMENTS, deployment());
    let mut changed = first.clone();
    changed["spec"]["replicas"] = json!(5);
    let second = lab.ok(Method::Put, &path, changed.clone());
    assert_eq!(
        (second["metadata"]["generation"].clone(), second["spec"]["replicas"].clone()),
        (json!(2), json!(5))
    );
    changed["spec"]["replicas"] = json!(6);
    let (code, message) = lab.fails(Method::Put, &path, changed);
    assert_eq!(code, 409);
    assert!(message.starts_with(
        "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified"
    ));
    let same = lab.patch(&path, "merge-patch", json!({"spec": {"replicas": 5}}));
    assert_eq!(same.value()["metadata"]["resourceVersion"], second["metadata"]["resourceVersion"]);
    let tried = lab
        .send(&Request::with_body(Method::Post, SERVICES, service("s", &json!({}))).param("dryRun", "All"));
    assert_eq!(tried.status, 201);
    assert_eq!(lab.get(&format!("{SERVICES}/s"))["code"], 404);
    let scaled = lab.patch(&format!("{path}/scale"), "merge-patch", json!({"spec": {"replicas": 3}}));
    assert_eq!(scaled.value()["spec"]["replicas"], 3);
    assert_eq!(scaled.value()["status"]["selector"], "app=web");
    let failed =
        lab.patch(&path, "json-patch", json!([{"op": "test", "path": "/spec/replicas", "value": 9}]));
    assert_eq!(failed.value()["message"], "the server rejected our request due to an error in our request");
    let wrong = lab.patch(&path, "strategic-merge-patch", json!("not json"));
    assert_eq!(
        wrong.value()["message"],
        "json: cannot unmarshal string into Go value of type map[string]interface {}"
    );
    let strategic = json!({"spec": {"template": {"spec": {"containers": [{"name": "nginx", "imagePullPolicy": "Always"}]}}}});
    let patched = lab.patch(&path, "strategic-merge-patch", strategic);
    let container = &patched.value()["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(
        (&container["image"], &container["imagePullPolicy"]),
        (&json!("nginx:1.25"), &json!("Always"))
    );
}

#[test]
fn services_get_addresses_and_ports() {
    let mut lab = Lab::new();
    let path = format!("{SERVICES}/web");
    let made = lab.ok(Method::Post, SERVICES, service("web", &json!({})));
    let ip = made["spec"]["clusterIP"].as_str().unwrap().to_owned();
    assert!(ip.starts_with("10.") && made["spec"]["clusterIPs"] == json!([ip]));
    let node = lab.patch(&path, "strategic-merge-patch", json!({"spec": {"type": "NodePort"}}));
    let port = node.value()["spec"]["ports"][0]["nodePort"].as_i64().unwrap();
    assert!((30_000..32_768).contains(&port));
    let taken = service("clash", &json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": port}]}));
    let (_, message) = lab.fails(Method::Post, SERVICES, taken.clone());
    assert_eq!(
        message,
        format!(
            "Service \"clash\" is invalid: spec.ports[0].nodePort: Invalid value: {port}: provided port is already allocated"
        )
    );
    let back = lab.patch(&path, "strategic-merge-patch", json!({"spec": {"type": "ClusterIP"}}));
    assert_eq!(back.value()["spec"]["ports"][0].get("nodePort"), None);
    lab.ok(Method::Post, SERVICES, taken);
    let moved = lab.patch(&path, "strategic-merge-patch", json!({"spec": {"clusterIP": "10.96.0.77"}}));
    assert_eq!(
        moved.value()["message"],
        "Service \"web\" is invalid: spec.clusterIPs[0]: Invalid value: [\"10.96.0.77\"]: may not change once set"
    );
    let low = service("low", &json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]}));
    let (_, message) = lab.fails(Method::Post, SERVICES, low);
    assert!(
        message.ends_with("provided port is not in the valid range. The range of valid ports is 30000-32767"),
        "{message}"
    );
    let headless = lab.ok(Method::Post, SERVICES, service("h", &json!({"clusterIP": "None"})));
    assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    let name = json!({"metadata": {"name": "ext"}, "spec": {"type": "ExternalName", "externalName": "db.example.com"}});
    let external = lab.ok(Method::Post, SERVICES, name);
    assert_eq!(external["spec"].get("clusterIP"), None);
}

#[test]
fn evictions_honour_budgets() {
    let mut lab = Lab::new();
    lab.ok(Method::Post, PODS, pod("a"));
    let mut running = lab.get(&format!("{PODS}/a"));
    running["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
    lab.ok(Method::Put, &format!("{PODS}/a/status"), running);
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let budget = json!({"metadata": {"name": "web"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "a"}}}});
    let mut made = lab.ok(Method::Post, budgets, budget);
    made["status"] = json!({"currentHealthy": 1, "desiredHealthy": 1, "disruptionsAllowed": 0, "expectedPods": 1, "observedGeneration": 1});
    lab.ok(Method::Put, &format!("{budgets}/web/status"), made.clone());
    let eviction = json!({"metadata": {"name": "a"}});
    let refused = lab.send(&Request::with_body(Method::Post, format!("{PODS}/a/eviction"), eviction.clone()));
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.value()["message"],
        "Cannot evict pod as it would violate the pod's disruption budget."
    );
    assert_eq!(
        refused.value()["details"]["causes"][0]["message"],
        "The disruption budget web needs 1 healthy pods and has 1 currently"
    );
    made["metadata"]["resourceVersion"] =
        lab.get(&format!("{budgets}/web"))["metadata"]["resourceVersion"].clone();
    made["status"]["disruptionsAllowed"] = json!(1);
    lab.ok(Method::Put, &format!("{budgets}/web/status"), made);
    lab.ok(Method::Post, &format!("{PODS}/a/eviction"), eviction);
    assert_eq!(lab.get(&format!("{PODS}/a"))["code"], 404);
    assert_eq!(lab.get(&format!("{budgets}/web"))["status"]["disruptionsAllowed"], 0);
}

#[test]
fn an_evicted_pod_says_who_ends_it() {
    let mut lab = Lab::new();
    let mut bound = pod("a");
    bound["spec"]["nodeName"] = json!("worker-1");
    lab.ok(Method::Post, PODS, bound);
    let wrong = json!({"metadata": {"name": "a"}, "deleteOptions": {"preconditions": {"uid": "another"}}});
    let refused = lab.send(&Request::with_body(Method::Post, format!("{PODS}/a/eviction"), wrong));
    assert_eq!(refused.status, 409);
    assert_eq!(lab.get(&format!("{PODS}/a"))["status"].get("conditions"), None);
    lab.ok(Method::Post, &format!("{PODS}/a/eviction"), json!({"metadata": {"name": "a"}}));
    let evicted = lab.get(&format!("{PODS}/a"));
    assert!(evicted["metadata"]["deletionTimestamp"].is_string());
    let condition = &evicted["status"]["conditions"][0];
    assert_eq!(condition["type"], "DisruptionTarget");
    assert_eq!(condition["reason"], "EvictionByEvictionAPI");
    assert_eq!(condition["message"], "Eviction API: evicting");
}

#[test]
fn a_failure_policy_s_condition_is_meant_to_be_true() {
    let mut lab = Lab::new();
    let policy = json!({"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]});
    let spec = json!({"podFailurePolicy": policy, "template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]}}});
    let job = json!({"metadata": {"name": "j"}, "spec": spec});
    let made = lab.ok(Method::Post, "/apis/batch/v1/namespaces/default/jobs", job);
    let rule = &made["spec"]["podFailurePolicy"]["rules"][0];
    assert_eq!(rule["onPodConditions"][0], json!({"type": "DisruptionTarget", "status": "True"}));
    let cron =
        json!({"metadata": {"name": "j"}, "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": spec}}});
    let made = lab.ok(Method::Post, "/apis/batch/v1/namespaces/default/cronjobs", cron);
    let rule = &made["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"][0];
    assert_eq!(rule["onPodConditions"][0]["status"], "True");
}

#[test]
fn watches_and_pages() {
    let mut lab = Lab::new();
    let start = lab.get(PODS)["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    for name in ["a", "b", "c"] {
        lab.ok(Method::Post, PODS, pod(name));
    }
    lab.patch(&format!("{PODS}/a"), "merge-patch", json!({"metadata": {"labels": {"app": "z"}}}));
    lab.ok(Method::Delete, &format!("{PODS}/b"), Value::Null);
    let watch = Request::get(PODS).param("watch", "true").param("resourceVersion", start);
    let batch = lab.send(&watch).value().clone();
    let seen = |batch: &Value| -> Vec<String> {
        let events = batch["events"].as_array().unwrap().iter();
        events
            .map(|e| {
                format!(
                    "{} {}",
                    e["type"].as_str().unwrap(),
                    e["object"]["metadata"]["name"].as_str().unwrap()
                )
            })
            .collect()
    };
    assert_eq!(seen(&batch), ["ADDED a", "ADDED b", "ADDED c", "MODIFIED a", "DELETED b"]);
    let selected = lab.send(&watch.clone().param("labelSelector", "app=a")).value().clone();
    assert_eq!(seen(&selected), ["ADDED a", "DELETED a"]);
    let page = lab.send(&Request::get(PODS).param("limit", "1")).value().clone();
    assert_eq!(page["items"][0]["metadata"]["name"], "a");
    let token = page["metadata"]["continue"].as_str().unwrap();
    let rest = lab.send(&Request::get(PODS).param("limit", "1").param("continue", token)).value().clone();
    assert_eq!(
        (rest["items"][0]["metadata"]["name"].clone(), rest["metadata"].get("continue")),
        (json!("c"), None)
    );
}

#[test]
fn kinds_without_a_type_are_stored_and_shown() {
    let mut lab = Lab::new();
    let classes = "/apis/node.k8s.io/v1/runtimeclasses";
    let made = lab.ok(Method::Post, classes, json!({"metadata": {"name": "gvisor"}, "handler": "runsc"}));
    assert_eq!((&made["kind"], &made["handler"]), (&json!("RuntimeClass"), &json!("runsc")));
    let (code, message) = lab.fails(Method::Post, classes, json!({"metadata": {"name": "x"}, "handler": 3}));
    assert_eq!(code, 400);
    assert!(
        message.ends_with("cannot unmarshal number into Go struct field RuntimeClass.handler of type string")
    );
    let table = lab.send(&Request { accept: Accept::Table, ..Request::get(classes) });
    assert_eq!(table.value()["rows"][0]["cells"], json!(["gvisor", "runsc", "0s"]));
    let path = format!("{classes}/gvisor");
    let patched = lab.patch(&path, "merge-patch", json!({"metadata": {"labels": {"a": "b"}}}));
    assert_eq!(patched.value()["metadata"]["labels"]["a"], "b");
    lab.ok(Method::Delete, &path, Value::Null);
    assert_eq!(lab.get(classes)["items"], json!([]));
}

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().into_iter().flatten();
    items.map(|i| i["metadata"]["name"].as_str().unwrap_or("").to_owned()).collect()
}

#[test]
fn pages_of_a_list_are_one_state() {
    let mut lab = Lab::new();
    for name in ["a", "b", "c", "d"] {
        lab.ok(Method::Post, PODS, pod(name));
    }
    let page = lab.send(&Request::get(PODS).param("limit", "2")).value().clone();
    assert_eq!(
        (names(&page), &page["metadata"]["remainingItemCount"]),
        (vec!["a".to_owned(), "b".to_owned()], &json!(2))
    );
    lab.ok(Method::Delete, &format!("{PODS}/c"), Value::Null);
    lab.ok(Method::Post, PODS, pod("e"));
    let token = page["metadata"]["continue"].as_str().unwrap();
    let next = lab.send(&Request::get(PODS).param("limit", "2").param("continue", token)).value().clone();
    assert_eq!(names(&next), ["c", "d"]);
    assert_eq!(next["metadata"]["resourceVersion"], page["metadata"]["resourceVersion"]);
    assert_eq!(next["metadata"]["continue"], Value::Null);
    let version = page["metadata"]["resourceVersion"].as_str().unwrap();
    let exact = Request::get(PODS).param("resourceVersion", version).param("resourceVersionMatch", "Exact");
    assert_eq!(names(lab.send(&exact).value()), ["a", "b", "c", "d"]);
    let later = lab.send(&Request::get(PODS).param("resourceVersion", "999999"));
    let message = later.value()["message"].as_str().unwrap();
    assert!(message.starts_with("Timeout: Too large resource version: 999999, current: "), "{message}");
    assert_eq!(later.status, 504);
    let key = crate::object::ObjectKey::new(crate::object::Kind::Pod, "default", "a");
    let object = lab.api.store.get(&key).cloned();
    let origin = crate::apiserver::Origin { author: "x".into(), cause: Cause::Time, user: None, asked: None };
    for _ in 0..crate::apiserver::store::LOG_LIMIT {
        lab.api.store.commit(key.clone(), object.clone(), &origin, SimTime(0));
    }
    let expired = lab.send(&Request::get(PODS).param("continue", token));
    assert_eq!((expired.status, &expired.value()["reason"]), (410, &json!("Expired")));
    let token = expired.value()["metadata"]["continue"].as_str().unwrap().to_owned();
    assert_eq!(names(lab.send(&Request::get(PODS).param("continue", token)).value()), ["d", "e"]);
    let watch = lab.send(&Request::get(PODS).param("watch", "true").param("resourceVersion", "3"));
    let message = watch.value()["message"].as_str().unwrap();
    assert!(message.starts_with("too old resource version: 3 ("), "{message}");
    let ahead = lab.send(&Request::get(PODS).param("watch", "true").param("resourceVersion", "99999999"));
    assert_eq!((ahead.status, &ahead.value()["reason"]), (410, &json!("Expired")));
}

#[test]
fn watches_see_through_their_selector() {
    let mut lab = Lab::new();
    lab.ok(Method::Post, PODS, pod("a"));
    let watch = Request::get(PODS).param("watch", "true").param("labelSelector", "on=yes");
    let listing = watch
        .clone()
        .param("sendInitialEvents", "true")
        .param("resourceVersionMatch", "NotOlderThan")
        .param("allowWatchBookmarks", "true");
    let begun = lab.send(&listing).value().clone();
    let bookmark = &begun["events"][0];
    assert_eq!(
        (&bookmark["type"], &bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"]),
        (&json!("BOOKMARK"), &json!("true"))
    );
    for value in ["yes", "still", "yes"] {
        lab.patch(&format!("{PODS}/a"), "merge-patch", json!({"metadata": {"labels": {"on": value}}}));
    }
    lab.patch(&format!("{PODS}/a"), "merge-patch", json!({"metadata": {"labels": {"x": "y"}}}));
    let since = watch.param("resourceVersion", begun["resourceVersion"].as_str().unwrap());
    let batch = lab.send(&since).value().clone();
    let verbs: Vec<&str> =
        batch["events"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(verbs, ["ADDED", "DELETED", "ADDED", "MODIFIED"]);
}

#[test]
fn updates_that_a_kind_allows() {
    let mut lab = Lab::new();
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let budget = json!({"metadata": {"name": "b"}, "spec": {"selector": {"matchLabels": {"a": "b"}}}});
    lab.ok(Method::Post, budgets, budget.clone());
    let (code, message) = lab.fails(Method::Put, &format!("{budgets}/b"), budget);
    assert_eq!(
        (code, message.as_str()),
        (
            422,
            "PodDisruptionBudget.policy \"b\" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update"
        )
    );
    let made = lab.send(&Request::with_body(Method::Put, format!("{SERVICES}/s"), service("s", &json!({}))));
    assert_eq!(made.status, 201);
    assert_eq!(lab.fails(Method::Put, &format!("{PODS}/p"), pod("p")).0, 404);
    let both = json!({"propagationPolicy": "Orphan", "orphanDependents": true});
    let (_, message) = lab.fails(Method::Delete, &format!("{SERVICES}/s"), both);
    assert_eq!(
        message,
        "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Invalid value: \"Orphan\": orphanDependents and deletionPropagation cannot be both set"
    );
}

#[test]
fn what_the_server_makes_of_itself() {
    let mut lab = Lab::new();
    let address = "/apis/networking.k8s.io/v1/ipaddresses/10.96.0.50";
    lab.ok(Method::Post, SERVICES, service("a", &json!({"clusterIP": "10.96.0.50"})));
    assert_eq!(lab.get(address)["spec"]["parentRef"]["name"], "a");
    lab.ok(Method::Delete, &format!("{SERVICES}/a"), Value::Null);
    assert_eq!(lab.get(address)["reason"], "NotFound");
    let networks = lab.get("/apis/networking.k8s.io/v1/servicecidrs");
    assert_eq!(networks["items"][0]["spec"]["cidrs"], json!(["10.96.0.0/12"]));

    let services = "/apis/apiregistration.k8s.io/v1/apiservices";
    let table = lab.send(&Request { accept: Accept::Table, ..Request::get(services) });
    let rows = table.value()["rows"].as_array().unwrap().clone();
    let served = crate::apiserver::discovery::group_versions();
    assert_eq!(rows.len(), served.len() - 1, "all but that of their own group");
    assert!(rows.iter().all(|r| r["cells"][1] == "Local" && r["cells"][2] == "True"));
    let crd = json!({"metadata": {"name": "tabs.example.com"}, "spec": {"group": "example.com", "scope": "Namespaced",
        "names": {"plural": "tabs", "kind": "Tab"}, "versions": [{"name": "v1", "served": true, "storage": true,
            "schema": {"openAPIV3Schema": {"type": "object"}}}]}});
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    lab.ok(Method::Post, definitions, crd);
    let registered = format!("{services}/v1.example.com");
    assert_eq!(lab.get(&registered)["spec"]["groupPriorityMinimum"], 1000);
    lab.ok(Method::Delete, &format!("{definitions}/tabs.example.com"), Value::Null);
    assert_eq!(lab.get(&registered)["reason"], "NotFound");

    let answer = lab.send(&Request::get("/api/v1/componentstatuses"));
    assert_eq!(answer.warnings, ["v1 ComponentStatus is deprecated in v1.19+"]);
    assert_eq!(answer.value()["items"].as_array().map(Vec::len), Some(3));
    assert_eq!(answer.value()["items"][0]["conditions"][0]["status"], "False", "there is no such pod");
    assert_eq!(lab.fails(Method::Post, "/api/v1/componentstatuses", json!({})).0, 405);
    lab.ok(Method::Post, PODS, pod("a"));
    let target = json!({"metadata": {"name": "a"}, "target": {"name": "n"}});
    lab.ok(Method::Post, "/api/v1/namespaces/default/bindings", target);
    assert_eq!(lab.get(&format!("{PODS}/a"))["spec"]["nodeName"], "n");
}

/// A request as the served API reads it: with the text of its body.
fn written(method: Method, path: &str, text: &str) -> Request {
    let parsed = crate::json::parse(text.as_bytes()).unwrap();
    let text = Text::Json { text: text.as_bytes().into(), duplicates: parsed.duplicates };
    Request { text, ..Request::with_body(method, path, parsed.value) }
}

fn message(response: &Response) -> (u16, &str) {
    (response.status, response.value()["message"].as_str().unwrap_or(""))
}

#[test]
fn nothing_is_written_across_namespaces() {
    let mut lab = Lab::new();
    lab.ok(Method::Post, PODS, pod("a"));
    let why = "the server does not allow this method on the requested resource".to_owned();
    for (method, path) in [
        (Method::Delete, "/api/v1/pods"),
        (Method::Post, "/api/v1/configmaps"),
        (Method::Delete, "/apis/apps/v1/deployments"),
    ] {
        assert_eq!(lab.fails(method, path, json!({"metadata": {"name": "a"}})), (405, why.clone()), "{path}");
    }
    assert_eq!(lab.get("/api/v1/pods")["items"].as_array().unwrap().len(), 1);
}

#[test]
fn strict_bodies_and_patches() {
    let mut lab = Lab::new();
    let spec = r#""selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"i"}]}}"#;
    let text = format!(
        r#"{{"metadata":{{"name":"web"}},"spec":{{"unknownField":"foo","replicas":2,"replicas":3,{spec}}}}}"#
    );
    let request = written(Method::Post, DEPLOYMENTS, &text);
    let refused = lab.send(&request.clone().param("fieldValidation", "Strict"));
    assert_eq!(
        message(&refused),
        (
            400,
            "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.unknownField\", duplicate field \"spec.replicas\""
        )
    );
    let warned = lab.send(&request);
    assert_eq!(warned.warnings, ["unknown field \"spec.unknownField\"", "duplicate field \"spec.replicas\""]);
    let patch = |kind: &str, text: &str| {
        let content_type = format!("application/{kind}+json");
        let request = written(Method::Patch, &format!("{DEPLOYMENTS}/web"), text);
        Request { content_type, ..request }.param("fieldValidation", "Strict")
    };
    let merged = lab.send(&patch("merge-patch", r#"{"spec":{"foo":1,"replicas":4,"replicas":5}}"#));
    let (code, why) = message(&merged);
    assert_eq!(code, 422);
    assert!(
        why.ends_with("strict decoding error: duplicate field \"spec.replicas\", unknown field \"spec.foo\""),
        "{why}"
    );
    let operations = r#"[{"op":"add","path":"/spec/foo","path":"/spec/bar","value":1,"x":2}]"#;
    let (code, why) = (422, lab.send(&patch("json-patch", operations)));
    assert_eq!(why.status, code);
    assert!(
        message(&why).1.ends_with("strict decoding error: json patch duplicate field \"[0].path\", json patch unknown field \"[0].x\", unknown field \"spec.bar\""),
        "{}",
        why.value()
    );
}

#[test]
fn bodies_that_are_not_recognized() {
    let mut lab = Lab::new();
    let path = "/api/v1/namespaces/default/configmaps";
    let broken = Text::Broken { why: "unexpected end of JSON input".to_owned(), shown: "{".to_owned() };
    let request = Request { body: None, text: broken, ..Request::with_body(Method::Post, path, Value::Null) };
    assert_eq!(
        message(&lab.send(&request)),
        (
            400,
            "the object provided is unrecognized (must be of type ConfigMap): unexpected end of JSON input ({)"
        )
    );
    for (body, expected) in [
        (
            json!({"apiVersion": "v1", "kind": "Foo"}),
            "Foo in version \"v1\" cannot be handled as a ConfigMap: no kind \"Foo\" is registered for version \"v1\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Pod"}),
            "Pod in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Pod) to (core.ConfigMap): unknown conversion",
        ),
    ] {
        assert_eq!(lab.fails(Method::Post, path, body), (400, expected.to_owned()));
    }
    let (code, why) = lab.fails(Method::Post, path, Value::Null);
    assert_eq!((code, why.contains("name or generateName is required")), (422, true), "{why}");
}

#[test]
fn ephemeral_containers_are_validated_and_stay() {
    let mut lab = Lab::new();
    lab.ok(Method::Post, PODS, pod("a"));
    let path = format!("{PODS}/a/ephemeralcontainers");
    let with = |one: Value| json!({"spec": {"ephemeralContainers": [one]}});
    let wrong = json!({"name": "c", "image": "", "ports": [{"containerPort": 1}], "livenessProbe": {"exec": {"command": ["x"]}}});
    let refused = lab.patch(&path, "strategic-merge-patch", with(wrong));
    let fields: Vec<&str> = refused.value()["details"]["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| cause["field"].as_str().unwrap())
        .collect();
    for field in ["image", "name", "ports", "livenessProbe"] {
        assert!(fields.contains(&format!("spec.ephemeralContainers[0].{field}").as_str()), "{fields:?}");
    }
    let right = json!({"name": "debug", "image": "busybox"});
    assert!(lab.patch(&path, "strategic-merge-patch", with(right)).is_success());
    let changed = lab.patch(&path, "strategic-merge-patch", with(json!({"name": "debug", "image": "other"})));
    assert!(message(&changed).1.contains("existing ephemeral containers \"debug\" may not be changed\n"));
}

#[test]
fn owners_are_kept_once() {
    let mut lab = Lab::new();
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u"});
    let body = json!({"metadata": {"name": "a", "ownerReferences": [owner, owner]}});
    let made = lab.send(&Request::with_body(Method::Post, "/api/v1/namespaces/default/configmaps", body));
    assert_eq!(made.value()["metadata"]["ownerReferences"].as_array().unwrap().len(), 1);
    assert!(made.warnings[0].ends_with("duplicate UID(s) observed: u"), "{:?}", made.warnings);
}

#[test]
fn any_word_but_no_asks_for_a_watch() {
    let mut lab = Lab::new();
    for (word, kind) in
        [("x", "WatchBatch"), ("TRUE", "WatchBatch"), ("", "WatchBatch"), ("False", "PodList")]
    {
        let answer = lab.send(&Request::get(PODS).param("watch", word));
        assert_eq!(answer.value()["kind"], kind, "{word}");
    }
}

#[test]
fn some_deletions_answer_with_the_object_and_some_kinds_count_generations() {
    let mut lab = Lab::new();
    let classes = "/apis/storage.k8s.io/v1/storageclasses";
    lab.ok(Method::Post, classes, json!({"metadata": {"name": "a"}, "provisioner": "x.io/y"}));
    assert_eq!(lab.ok(Method::Delete, &format!("{classes}/a"), Value::Null)["kind"], "StorageClass");
    let classes = "/apis/networking.k8s.io/v1/ingressclasses";
    let made =
        lab.ok(Method::Post, classes, json!({"metadata": {"name": "a"}, "spec": {"controller": "x.io/y"}}));
    assert_eq!(made["metadata"]["generation"], 1);
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    let refused = lab.fails(Method::Post, reviews, json!({"spec": {}}));
    assert_eq!(refused, (400, "token is required for TokenReview in authentication".to_owned()));
    let reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let body = json!({"metadata": {"name": "x"}, "spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}});
    let (code, why) = lab.fails(Method::Post, reviews, body);
    assert_eq!(
        (code, why.ends_with("metadata: Invalid value: {\"name\":\"x\"}: must be empty")),
        (422, true),
        "{why}"
    );
}
