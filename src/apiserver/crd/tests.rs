//! Definitions and their objects, over a server without controllers.

use crate::apiserver::{Accept, ApiServer, Body, Cause, Method, Request, Response, User};
use crate::object::{SECOND, SimTime};
use serde_json::{Value, json};

struct Lab(ApiServer);

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const TABS: &str = "/apis/stable.example.com/v1/namespaces/default/crontabs";

impl Lab {
    fn new() -> Self {
        let mut lab = Self(ApiServer::new(1, SimTime(1_000_000 * SECOND)));
        lab.ok(Method::Post, "/api/v1/namespaces", json!({"metadata": {"name": "default"}}));
        lab
    }

    fn send(&mut self, request: &Request) -> Response {
        self.0.serve(request, &User::admin(), Cause::Command(1))
    }

    fn ok(&mut self, method: Method, path: &str, body: Value) -> Value {
        let response = self.send(&Request::with_body(method, path, body));
        assert!(response.is_success(), "{method:?} {path}: {}", response.value());
        response.value().clone()
    }

    fn fails(&mut self, method: Method, path: &str, body: Value) -> String {
        let response = self.send(&Request::with_body(method, path, body));
        assert!(!response.is_success(), "{method:?} {path}: {}", response.value());
        response.value()["message"].as_str().unwrap().to_owned()
    }

    fn document(&mut self, path: &str) -> Value {
        let Body::Bytes { bytes, .. } = self.send(&Request::get(path)).body else { panic!("{path}") };
        serde_json::from_slice(&bytes).unwrap()
    }

    fn get(&mut self, path: &str) -> Value {
        self.send(&Request::get(path)).value().clone()
    }
}

fn definition() -> Value {
    let spec = json!({"type": "object", "required": ["cronSpec"],
        "x-kubernetes-validations": [
            {"rule": "self.replicas <= 10 || self.cronSpec != ''", "message": "too many"},
            {"rule": "self.cronSpec == oldSelf.cronSpec", "message": "cronSpec is immutable"}],
        "properties": {
            "cronSpec": {"type": "string", "pattern": "^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$"},
            "size": {"type": "string", "enum": ["small", "large"]},
            "replicas": {"type": "integer", "minimum": 1, "maximum": 10, "default": 1}}});
    let status = json!({"type": "object", "properties": {"replicas": {"type": "integer"}, "labelSelector": {"type": "string"}}});
    let version = |name: &str, storage: bool| {
        json!({"name": name, "served": true, "storage": storage,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}},
        "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.labelSelector"}},
        "additionalPrinterColumns": [
            {"name": "Spec", "type": "string", "jsonPath": ".spec.cronSpec"},
            {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]})
    };
    json!({"metadata": {"name": "crontabs.stable.example.com"}, "spec": {"group": "stable.example.com",
        "scope": "Namespaced", "names": {"plural": "crontabs", "kind": "CronTab", "shortNames": ["ct"]},
        "versions": [version("v1", true), version("v1beta1", false)]}})
}

fn tab(name: &str, spec: Value) -> Value {
    let mut tab =
        json!({"apiVersion": "stable.example.com/v1", "kind": "CronTab", "metadata": {"name": name}});
    tab["spec"] = spec;
    tab
}

#[test]
fn a_definition_is_served_at_once() {
    let mut lab = Lab::new();
    lab.ok(Method::Post, CRDS, definition());
    let stored = lab.get(&format!("{CRDS}/crontabs.stable.example.com"));
    let conditions: Vec<&str> = stored["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["reason"].as_str().unwrap())
        .collect();
    assert_eq!(conditions, ["NoConflicts", "InitialNamesAccepted"]);
    assert_eq!(stored["status"]["storedVersions"], json!(["v1"]));
    let list = lab.get("/apis/stable.example.com/v1");
    let names: Vec<&str> =
        list["resources"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["crontabs", "crontabs/scale", "crontabs/status"]);
    let groups = lab.get("/apis/stable.example.com");
    assert_eq!(groups["preferredVersion"]["version"], "v1");
    let document = lab.document("/openapi/v3/apis/stable.example.com/v1");
    let schemas = &document["components"]["schemas"];
    assert!(schemas["com.example.stable.v1.CronTab"]["properties"]["spec"].is_object());
    assert!(lab.document("/openapi/v3")["paths"]["apis/stable.example.com/v1"].is_object());
}

#[test]
fn objects_are_pruned_defaulted_and_shown_in_each_version() {
    let mut lab = Lab::new();
    lab.ok(Method::Post, CRDS, definition());
    let mut body = tab("a", json!({"cronSpec": "* * * * */5", "junk": 1}));
    let response = lab.send(&Request::with_body(Method::Post, TABS, body.clone()));
    assert_eq!(response.warnings, ["unknown field \"spec.junk\""]);
    assert_eq!(response.value()["spec"], json!({"cronSpec": "* * * * */5", "replicas": 1}));
    assert_eq!(response.value()["metadata"]["generation"], 1);
    body["metadata"]["name"] = json!("b");
    let strict = Request::with_body(Method::Post, TABS, body).param("fieldValidation", "Strict");
    let message = lab.send(&strict).value()["message"].as_str().unwrap().to_owned();
    assert_eq!(
        message,
        "CronTab in version \"v1\" cannot be handled as a CronTab: strict decoding error: unknown field \"spec.junk\""
    );
    let beta = lab.get("/apis/stable.example.com/v1beta1/namespaces/default/crontabs/a");
    assert_eq!(beta["apiVersion"], "stable.example.com/v1beta1");
    let table = lab.send(&Request { accept: Accept::Table, ..Request::get(TABS) });
    assert_eq!(table.value()["rows"][0]["cells"], json!(["a", "* * * * */5", 1, "0s"]));
}

#[test]
fn the_version_that_is_asked_for_decides() {
    let mut lab = Lab::new();
    let mut definition = definition();
    definition["spec"]["versions"][1]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["size"] =
        json!({"type": "string", "enum": ["tiny"]});
    lab.ok(Method::Post, CRDS, definition);
    let mut body = tab("a", json!({"cronSpec": "* * * * *", "size": "tiny"}));
    let refused = lab.send(&Request::with_body(Method::Post, TABS, body.clone()));
    let message = refused.value()["message"].as_str().unwrap();
    assert!(
        message.contains("spec.size: Unsupported value: \"tiny\": supported values: \"small\", \"large\""),
        "{message}"
    );
    body["apiVersion"] = json!("stable.example.com/v1beta1");
    let beta = TABS.replace("/v1/", "/v1beta1/");
    assert_eq!(lab.send(&Request::with_body(Method::Post, &beta, body.clone())).status, 201);
    body["metadata"]["name"] = json!("b");
    body["spec"]["size"] = json!("small");
    assert_eq!(lab.send(&Request::with_body(Method::Post, &beta, body)).status, 422);
}

#[test]
fn what_does_not_follow_the_schema() {
    let mut lab = Lab::new();
    lab.ok(Method::Post, CRDS, definition());
    let fine = "* * * * *";
    for (spec, expected) in [
        (json!({}), "spec.cronSpec: Required value"),
        (
            json!({"cronSpec": 3}),
            "spec.cronSpec: Invalid value: \"integer\": spec.cronSpec in body must be of type string: \"integer\"",
        ),
        (
            json!({"cronSpec": "x"}),
            "spec.cronSpec: Invalid value: \"x\": spec.cronSpec in body should match '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$'",
        ),
        (
            json!({"cronSpec": fine, "size": "xl"}),
            "spec.size: Unsupported value: \"xl\": supported values: \"small\", \"large\"",
        ),
        (
            json!({"cronSpec": fine, "replicas": 11}),
            "spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10",
        ),
    ] {
        let message = lab.fails(Method::Post, TABS, tab("t", spec));
        assert_eq!(message, format!("CronTab.stable.example.com \"t\" is invalid: {expected}"));
    }
    lab.ok(Method::Post, TABS, tab("t", json!({"cronSpec": fine})));
    let mut stored = lab.get(&format!("{TABS}/t"));
    stored["spec"]["cronSpec"] = json!("1 * * * *");
    let message = lab.fails(Method::Put, &format!("{TABS}/t"), stored);
    assert_eq!(
        message,
        "CronTab.stable.example.com \"t\" is invalid: spec: Invalid value: \"object\": cronSpec is immutable"
    );
}

#[test]
fn status_and_scale_are_parts_of_their_own() {
    let mut lab = Lab::new();
    lab.ok(Method::Post, CRDS, definition());
    lab.ok(Method::Post, TABS, tab("t", json!({"cronSpec": "* * * * *"})));
    let path = format!("{TABS}/t");
    let mut stored = lab.get(&path);
    stored["status"] = json!({"replicas": 3, "labelSelector": "a=b"});
    stored["spec"]["replicas"] = json!(5);
    let updated = lab.ok(Method::Put, &path, stored.clone());
    assert_eq!((&updated["status"], &updated["metadata"]["generation"]), (&Value::Null, &json!(2)));
    stored["metadata"]["resourceVersion"] = updated["metadata"]["resourceVersion"].clone();
    stored["spec"]["replicas"] = json!(9);
    let updated = lab.ok(Method::Put, &format!("{path}/status"), stored);
    assert_eq!((&updated["status"]["replicas"], &updated["spec"]["replicas"]), (&json!(3), &json!(5)));
    let scale = lab.get(&format!("{path}/scale"));
    assert_eq!(
        (&scale["spec"]["replicas"], &scale["status"]),
        (&json!(5), &json!({"replicas": 3, "selector": "a=b"}))
    );
    lab.ok(Method::Put, &format!("{path}/scale"), json!({"spec": {"replicas": 7}}));
    assert_eq!(lab.get(&path)["spec"]["replicas"], 7);
    let patch = Request::with_body(Method::Patch, path, json!({}));
    let patch = Request { content_type: "application/strategic-merge-patch+json".to_owned(), ..patch };
    assert_eq!(lab.send(&patch).status, 415);
}

#[test]
fn a_definition_goes_after_its_objects() {
    let mut lab = Lab::new();
    lab.ok(Method::Post, CRDS, definition());
    lab.ok(Method::Post, TABS, tab("a", json!({"cronSpec": "* * * * *"})));
    let mut held = tab("b", json!({"cronSpec": "* * * * *"}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    lab.ok(Method::Post, TABS, held);
    let name = format!("{CRDS}/crontabs.stable.example.com");
    let going = lab.ok(Method::Delete, &name, Value::Null);
    assert_eq!(going["metadata"]["finalizers"], json!([super::CLEANUP]));
    assert_eq!(lab.get(TABS)["items"].as_array().unwrap().len(), 1);
    let message = lab.fails(Method::Post, TABS, tab("c", json!({"cronSpec": "* * * * *"})));
    assert_eq!(message, "create not allowed while custom resource definition is terminating");
    let free =
        Request::with_body(Method::Patch, format!("{TABS}/b"), json!({"metadata": {"finalizers": null}}));
    let free = Request { content_type: "application/merge-patch+json".to_owned(), ..free };
    assert!(lab.send(&free).is_success());
    assert_eq!(lab.get(&name)["code"], 404);
    assert_eq!(lab.get(TABS)["code"], 404);
    assert_eq!(lab.get("/apis/stable.example.com")["code"], 404);
    lab.ok(Method::Post, CRDS, definition());
    assert_eq!(lab.get(TABS)["items"], json!([]));
}

#[test]
fn definitions_are_checked() {
    let mut lab = Lab::new();
    let mut cases: Vec<(Value, &str)> = Vec::new();
    let mut with = |change: &dyn Fn(&mut Value), expected| {
        let mut value = definition();
        value["spec"]["versions"].as_array_mut().unwrap().truncate(1);
        change(&mut value);
        cases.push((value, expected));
    };
    with(
        &|v| v["spec"]["scope"] = json!("Global"),
        "spec.scope: Unsupported value: \"Global\": supported values: \"Cluster\", \"Namespaced\"",
    );
    with(
        &|v| v["spec"]["versions"][0]["schema"] = Value::Null,
        "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required",
    );
    with(
        &|v| {
            v["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["x"] =
                json!({"description": "d"});
        },
        "spec.validation.openAPIV3Schema.properties[x].type: Required value: must not be empty for specified object fields",
    );
    for (value, expected) in cases {
        let message = lab.fails(Method::Post, CRDS, value);
        assert_eq!(
            message,
            format!(
                "CustomResourceDefinition.apiextensions.k8s.io \"crontabs.stable.example.com\" is invalid: {expected}"
            )
        );
    }
    let mut value = definition();
    value["metadata"]["name"] = json!("tabs.stable.example.com");
    let message = lab.fails(Method::Post, CRDS, value);
    assert!(message.ends_with("metadata.name: Invalid value: \"tabs.stable.example.com\": must be spec.names.plural+\".\"+spec.group"), "{message}");
}

#[test]
fn finalizers_of_defined_kinds_need_no_domain() {
    let mut lab = Lab::new();
    lab.ok(Method::Post, CRDS, definition());
    let mut tab = tab("a", json!({"cronSpec": "* * * * *"}));
    tab["metadata"]["finalizers"] = json!(["test-finalizer"]);
    let made = lab.send(&Request::with_body(Method::Post, TABS, tab));
    assert_eq!(made.status, 201, "{}", made.value());
    assert_eq!(
        made.warnings,
        [
            "metadata.finalizers: \"test-finalizer\": prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers"
        ]
    );
    let pod = json!({"metadata": {"name": "a", "finalizers": ["test-finalizer"]}});
    let why = lab.fails(Method::Post, "/api/v1/namespaces/default/configmaps", pod);
    assert!(
        why.contains("metadata.finalizers[0]: Invalid value: \"test-finalizer\": name is neither"),
        "{why}"
    );
}

#[test]
fn what_is_applied_follows_the_schema() {
    let mut lab = Lab::new();
    lab.ok(Method::Post, CRDS, definition());
    let apply = |config: Value| {
        let content_type = "application/apply-patch+yaml".to_owned();
        let request = Request::with_body(Method::Patch, format!("{TABS}/a"), config);
        Request { content_type, ..request }.param("fieldManager", "x")
    };
    let mut config = tab("a", json!({"cronSpec": "* * * * *", "other": 1}));
    config["metadata"]["unknownMeta"] = json!("x");
    let refused = lab.send(&apply(config));
    assert_eq!(refused.status, 500);
    assert_eq!(refused.value()["reason"], Value::Null);
    assert_eq!(
        refused.value()["message"],
        "failed to create typed patch object (default/a; stable.example.com/v1, Kind=CronTab): errors:\n  .metadata.unknownMeta: field not declared in schema\n  .spec.other: field not declared in schema"
    );
    for (change, code, why) in [
        (
            json!({"apiVersion": null}),
            400,
            "Incorrect version specified in apply patch. Specified patch version: , expected: stable.example.com/v1",
        ),
        (
            json!({"metadata": {"name": "b"}}),
            400,
            "the name of the object (b) does not match the name on the URL (a)",
        ),
        (
            json!({"metadata": {"name": "a", "uid": "abc"}}),
            409,
            "Operation cannot be fulfilled on crontabs.stable.example.com \"a\": uid mismatch: the provided object specified uid abc, and no existing object was found",
        ),
    ] {
        let mut config = tab("a", json!({"cronSpec": "* * * * *"}));
        config.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refused = lab.send(&apply(config));
        assert_eq!((refused.status, refused.value()["message"].as_str().unwrap()), (code, why));
    }
}

#[test]
fn bodies_of_defined_kinds_name_their_kind() {
    let mut lab = Lab::new();
    lab.ok(Method::Post, CRDS, definition());
    let mut tab = tab("a", json!({"cronSpec": "* * * * *"}));
    tab["kind"] = json!("Other");
    assert_eq!(
        lab.fails(Method::Post, TABS, tab.clone()),
        "Other.stable.example.com \"a\" is invalid: kind: Invalid value: \"Other\": must be CronTab"
    );
    tab.as_object_mut().unwrap().remove("kind");
    let why = lab.fails(Method::Post, TABS, tab);
    assert!(why.contains("(must be of type CronTab): Object 'Kind' is missing in '{"), "{why}");
}

#[test]
fn rules_and_facets_of_a_definition_are_checked() {
    let mut lab = Lab::new();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut definition = definition();
        for version in definition["spec"]["versions"].as_array_mut().unwrap() {
            change(version);
        }
        definition
    };
    let spec = "/schema/openAPIV3Schema/properties/spec";
    let rule = |text: &str| {
        let rule = json!([{"rule": text}]);
        with(&|version| version.pointer_mut(spec).unwrap()["x-kubernetes-validations"] = rule.clone())
    };
    let place =
        "spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule: Invalid value:";
    for (body, expected) in [
        (
            rule("self.z > 1"),
            format!("{place} \"self.z > 1\": compilation failed: ERROR: <input>:1:5: undefined field 'z'\n | self.z > 1\n | ....^"),
        ),
        (
            rule("self.replicas"),
            format!("{place} \"self.replicas\": cel expression must evaluate to a bool"),
        ),
        (
            rule("self.replicas == 'a'"),
            "found no matching overload for '_==_' applied to '(int, string)'".to_owned(),
        ),
        (
            with(&|v| v["additionalPrinterColumns"] = json!([{"name": "", "type": "foo", "jsonPath": "x"}])),
            "spec.additionalPrinterColumns[0].name: Required value, spec.additionalPrinterColumns[0].type: Invalid value: \"foo\": must be one of boolean,date,integer,number,string, spec.additionalPrinterColumns[0].JSONPath: Invalid value: \"x\": must be a simple json path starting with .".to_owned(),
        ),
        (
            with(&|v| v["selectableFields"] = json!([{"jsonPath": ".spec.c"}, {"jsonPath": ".spec"}])),
            "[spec.selectableFields[0].jsonPath: Invalid value: \".spec.c\": is an invalid path: does not refer to a valid field, spec.selectableFields[1].jsonPath: Invalid value: \".spec\": must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.]".to_owned(),
        ),
        (
            with(&|v| v.pointer_mut(spec).unwrap()["properties"]["size"]["uniqueItems"] = json!(true)),
            "uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic".to_owned(),
        ),
        (
            with(&|v| v["schema"]["openAPIV3Schema"]["properties"]["metadata"] = json!({"type": "object", "properties": {"labels": {"type": "object"}}})),
            "must not specify anything other than name and generateName, but metadata is implicitly specified".to_owned(),
        ),
    ] {
        let why = lab.fails(Method::Post, CRDS, body);
        assert!(why.contains(&expected), "{why}");
    }
    let mut own = definition();
    own["metadata"]["name"] = json!("crontabs.x.k8s.io");
    own["spec"]["group"] = json!("x.k8s.io");
    let why = lab.fails(Method::Post, CRDS, own);
    assert!(why.contains("metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation"), "{why}");
}

#[test]
fn objects_are_selected_by_the_fields_that_their_definition_names() {
    let mut lab = Lab::new();
    let mut body = definition();
    for version in body["spec"]["versions"].as_array_mut().unwrap() {
        version["selectableFields"] = json!([{"jsonPath": ".spec.size"}, {"jsonPath": ".spec.replicas"}]);
    }
    lab.ok(Method::Post, CRDS, body);
    for (name, size) in [("a", "small"), ("b", "large")] {
        lab.ok(Method::Post, TABS, tab(name, json!({"cronSpec": "* * * * *", "size": size, "replicas": 2})));
    }
    let mut names = |selector: &str| {
        let list = lab.send(&Request::get(TABS).param("fieldSelector", selector));
        let items = list.value()["items"].as_array().cloned();
        let name = |i: &Value| i["metadata"]["name"].as_str().unwrap().to_owned();
        let message = || vec![list.value()["message"].as_str().unwrap().to_owned()];
        items.map_or_else(message, |items| items.iter().map(name).collect::<Vec<String>>())
    };
    assert_eq!(names("spec.size=large"), ["b"]);
    assert_eq!(names("spec.replicas=2,spec.size!=large"), ["a"]);
    assert_eq!(names("spec.cronSpec=x"), ["field label not supported: spec.cronSpec"]);
}

#[test]
fn a_rule_may_ask_whether_there_was_a_value_before() {
    let mut lab = Lab::new();
    let mut body = definition();
    for version in body["spec"]["versions"].as_array_mut().unwrap() {
        version["schema"]["openAPIV3Schema"]["properties"]["spec"]["x-kubernetes-validations"] = json!([{"rule": "oldSelf.hasValue() || self.replicas == 1", "optionalOldSelf": true, "message": "begins at one"}]);
    }
    lab.ok(Method::Post, CRDS, body);
    let why = lab.fails(Method::Post, TABS, tab("a", json!({"cronSpec": "* * * * *", "replicas": 2})));
    assert!(why.contains("begins at one"), "{why}");
    let made = lab.ok(Method::Post, TABS, tab("a", json!({"cronSpec": "* * * * *", "replicas": 1})));
    let mut changed = made;
    changed["spec"]["replicas"] = json!(2);
    lab.ok(Method::Put, &format!("{TABS}/a"), changed);
}
