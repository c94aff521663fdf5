//! Server-side apply, over a server without controllers.

use super::typed::{self, Place};
use crate::apiserver::{ApiServer, Cause, Method, Request, Response, User, schema};
use crate::object::{Kind, SECOND, SimTime};
use proptest::prelude::*;
use serde_json::{Value, json};

struct Lab(ApiServer);

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/default/deployments/web";

impl Lab {
    fn new() -> Self {
        let mut lab = Self(ApiServer::new(1, SimTime(1_000_000 * SECOND)));
        lab.send(&Request::with_body(
            Method::Post,
            "/api/v1/namespaces",
            json!({"metadata": {"name": "default"}}),
        ));
        lab
    }

    fn send(&mut self, request: &Request) -> Response {
        self.0.serve(request, &User::admin(), Cause::Command(1))
    }

    fn apply(&mut self, manager: &str, config: Value, force: bool) -> Response {
        let request = Request::with_body(Method::Patch, DEPLOYMENT, config).param("fieldManager", manager);
        let request = Request { content_type: "application/apply-patch+yaml".to_owned(), ..request };
        self.send(&if force { request.param("force", "true") } else { request })
    }

    fn patch(&mut self, path: &str, manager: &str, body: Value) -> Response {
        let request = Request::with_body(Method::Patch, path, body).param("fieldManager", manager);
        self.send(&Request { content_type: "application/merge-patch+json".to_owned(), ..request })
    }

    fn owned(&mut self, manager: &str, operation: &str) -> Value {
        let object = self.send(&Request::get(DEPLOYMENT)).value().clone();
        let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        let found = entries.into_iter().find(|e| e["manager"] == manager && e["operation"] == operation);
        found.map_or(Value::Null, |e| e["fieldsV1"].clone())
    }
}

fn config(spec: &Value) -> Value {
    let mut template = json!({"metadata": {"labels": {"app": "web"}}});
    template["spec"] =
        json!({"containers": [{"name": "web", "image": spec["image"], "ports": [{"containerPort": 80}]}]});
    let mut config = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template}});
    if !spec["replicas"].is_null() {
        config["spec"]["replicas"] = spec["replicas"].clone();
    }
    config
}

#[test]
fn fields_are_owned_by_who_applies_them() {
    let mut lab = Lab::new();
    assert_eq!(lab.apply("a", config(&json!({"image": "nginx:1", "replicas": 2})), false).status, 201);
    assert_eq!(
        lab.owned("a", "Apply"),
        json!({"f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {
            "f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}, "f:name": {},
                "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}}}}}})
    );
    let version = |r: &Response| r.value()["metadata"]["resourceVersion"].clone();
    let again = lab.apply("a", config(&json!({"image": "nginx:1", "replicas": 2})), false);
    let once_more = lab.apply("a", config(&json!({"image": "nginx:1", "replicas": 2})), false);
    assert_eq!(version(&again), version(&once_more));
}

#[test]
fn conflicts_are_told_and_forced() {
    let mut lab = Lab::new();
    lab.apply("a", config(&json!({"image": "nginx:1", "replicas": 2})), false);
    lab.patch(&format!("{DEPLOYMENT}/scale"), "kubectl", json!({"spec": {"replicas": 5}}));
    let refused = lab.apply("a", config(&json!({"image": "nginx:1", "replicas": 2})), false);
    assert_eq!(
        (refused.status, refused.value()["message"].as_str().unwrap()),
        (
            409,
            "Apply failed with 1 conflict: conflict with \"kubectl\" with subresource \"scale\" using apps/v1: .spec.replicas"
        )
    );
    assert_eq!(refused.value()["details"]["causes"][0]["reason"], "FieldManagerConflict");
    let two = lab.apply("b", config(&json!({"image": "nginx:2", "replicas": 3})), false);
    assert_eq!(
        two.value()["message"],
        "Apply failed with 2 conflicts: conflicts with \"a\":\n- .spec.template.spec.containers[name=\"web\"].image\nconflicts with \"kubectl\" with subresource \"scale\" using apps/v1:\n- .spec.replicas"
    );
    let forced = lab.apply("a", config(&json!({"image": "nginx:1", "replicas": 2})), true);
    assert_eq!((forced.status, &forced.value()["spec"]["replicas"]), (200, &json!(2)));
    assert_eq!(lab.owned("kubectl", "Update"), Value::Null);
}

#[test]
fn what_is_left_out_goes_unless_shared() {
    let mut lab = Lab::new();
    lab.apply("a", config(&json!({"image": "nginx:1", "replicas": 2})), false);
    let mut labelled = config(&json!({"image": "nginx:1", "replicas": 2}));
    labelled["metadata"]["labels"] = json!({"x": "1", "y": "2"});
    lab.apply("a", labelled, false);
    lab.apply(
        "b",
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"labels": {"y": "2"}}}),
        false,
    );
    let after = lab.apply("a", config(&json!({"image": "nginx:1"})), false).value().clone();
    assert_eq!(after["metadata"]["labels"], json!({"y": "2"}));
    // Nobody owns it any more: it takes its default.
    assert_eq!(after["spec"]["replicas"], 1);
    let wrong = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"nope": 1}});
    let response = lab.apply("b", wrong, false);
    assert_eq!(
        (response.status, response.value()["message"].as_str().unwrap()),
        (
            500,
            "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.nope: field not declared in schema"
        )
    );
    let unnamed = lab.apply("", config(&json!({"image": "nginx:1"})), false);
    assert_eq!(
        unnamed.value()["message"],
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"
    );
}

#[test]
fn updates_are_written_down() {
    let mut lab = Lab::new();
    let create = Request::with_body(
        Method::Post,
        DEPLOYMENT.trim_end_matches("/web"),
        config(&json!({"image": "nginx:1"})),
    );
    lab.send(&create.param("fieldManager", "kubectl-create"));
    let made = lab.owned("kubectl-create", "Update");
    let spec = &made["f:spec"];
    assert_eq!((&spec["f:replicas"], &spec["f:selector"]), (&json!({}), &json!({})));
    assert_eq!(
        spec["f:strategy"]["f:rollingUpdate"],
        json!({".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}})
    );
    let containers = &spec["f:template"]["f:spec"]["f:containers"];
    assert!(
        containers.get(".").is_none() && containers["k:{\"name\":\"web\"}"]["f:ports"].get(".").is_some()
    );
    lab.patch(DEPLOYMENT, "kubectl-edit", json!({"spec": {"replicas": 3}}));
    assert_eq!(lab.owned("kubectl-edit", "Update"), json!({"f:spec": {"f:replicas": {}}}));
    assert_eq!(lab.owned("kubectl-create", "Update")["f:spec"].get("f:replicas"), None);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z~/:.{}\"]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        let key = prop_oneof![
            Just("spec".to_owned()),
            Just("containers".to_owned()),
            Just("name".to_owned()),
            Just("template".to_owned()),
            Just("metadata".to_owned()),
            Just("labels".to_owned()),
            Just("$patch".to_owned()),
            "[a-z$/]{0,5}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_object_can_be_merged_compared_and_written_down(old in any_json(), new in any_json()) {
        let place = Place::Struct(schema::for_kind(Kind::Deployment));
        let merged = typed::merge(&old, &new, place);
        let change = typed::compare(&old, &merged, place);
        let set = typed::fields(&new, place);
        prop_assert_eq!(super::FieldSet::from_value(&set.to_value()).to_value(), set.to_value());
        set.paths();
        let mut left = merged.clone();
        typed::remove(&mut left, &change.added, place);
        prop_assert!(typed::compare(&merged, &merged, place).modified.is_empty());
    }

    #[test]
    fn any_patch_is_answered(old in any_json(), patch in any_json(), sort in 0..4usize) {
        let sort = ["json-patch+json", "merge-patch+json", "strategic-merge-patch+json", "x"][sort];
        crate::apiserver::patch::apply(Kind::Pod, &old, &patch, &format!("application/{sort}")).ok();
    }

    #[test]
    fn any_selector_is_answered(labels in ".{0,24}", fields in "[a-z.=!,\\\\]{0,24}", token in ".{0,24}") {
        let request = Request::get("/api/v1/pods")
            .param("labelSelector", labels).param("fieldSelector", fields).param("continue", token);
        let mut lab = Lab(ApiServer::new(1, SimTime(0)));
        prop_assert!(lab.send(&request).status < 500);
    }
}
