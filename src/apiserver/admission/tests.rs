//! What is let in, over a server without controllers.

use crate::apiserver::{ApiServer, Cause, Method, Request, Response, User};
use crate::object::{SECOND, SimTime};
use serde_json::{Value, json};

struct Lab {
    api: ApiServer,
}

const PODS: &str = "/api/v1/namespaces/dev/pods";
const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";

fn lab() -> Lab {
    let mut api = ApiServer::new(1, SimTime(1_000_000 * SECOND));
    api.bootstrap_policy();
    let mut lab = Lab { api };
    let labels = json!({"env": "dev"});
    lab.ok("/api/v1/namespaces", json!({"metadata": {"name": "dev", "labels": labels}}));
    lab
}

impl Lab {
    fn send(&mut self, method: Method, path: &str, body: Value) -> Response {
        let request = Request::with_body(method, path, body);
        let content_type =
            if method == Method::Patch { "application/merge-patch+json" } else { "application/json" };
        self.api.handle(
            &Request { content_type: content_type.to_owned(), ..request },
            &User::admin(),
            Cause::Command(1),
        )
    }

    fn ok(&mut self, path: &str, body: Value) -> Vec<String> {
        let response = self.send(Method::Post, path, body);
        assert!(response.is_success(), "{path}: {}", response.value());
        response.warnings
    }

    fn fails(&mut self, path: &str, body: Value) -> String {
        let response = self.send(Method::Post, path, body);
        assert!(!response.is_success(), "{path}: {}", response.value());
        format!("{} {}", response.status, response.value()["message"].as_str().unwrap())
    }

    fn label(&mut self, key: &str, value: &str) -> Response {
        self.send(Method::Patch, "/api/v1/namespaces/dev", json!({"metadata": {"labels": {key: value}}}))
    }
}

fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}})
}

const WRONG: &str = "allowPrivilegeEscalation != false (container \"c\" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container \"c\" must set securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot != true (pod or container \"c\" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container \"c\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")";

#[test]
fn pod_security() {
    let mut lab = lab();
    lab.ok(PODS, pod("a"));
    lab.ok(PODS, pod("b"));
    let refused = lab.label("pod-security.kubernetes.io/enforce", "strict");
    assert_eq!(
        refused.value()["message"],
        "Namespace \"dev\" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"strict\": must be one of privileged, baseline, restricted"
    );
    assert_eq!(
        lab.label("pod-security.kubernetes.io/enforce", "restricted").warnings,
        [
            "existing pods in namespace \"dev\" violate the new PodSecurity enforce level \"restricted:latest\"",
            "a (and 1 other pod): allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile"
        ]
    );
    assert_eq!(
        lab.fails(PODS, pod("c")),
        format!("403 pods \"c\" is forbidden: violates PodSecurity \"restricted:latest\": {WRONG}")
    );
    assert!(lab.label("pod-security.kubernetes.io/warn", "restricted").is_success());
    let deployment = json!({"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}}});
    assert_eq!(
        lab.ok("/apis/apps/v1/namespaces/dev/deployments", deployment),
        [format!("would violate PodSecurity \"restricted:latest\": {WRONG}")]
    );
}

#[test]
fn policies_in_cel() {
    let mut lab = lab();
    lab.ok(
        &format!("{ADMISSION}/validatingadmissionpolicies"),
        json!({"metadata": {"name": "names"}, "spec": {
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
            "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]},
            "matchConditions": [{"name": "not-system", "expression": "!object.metadata.name.startsWith('system-')"}],
            "variables": [{"name": "images", "expression": "object.spec.containers.map(c, c.image)"}],
            "validations": [
                {"expression": "variables.images.all(i, i.startsWith(params.data.registry))",
                 "messageExpression": "'images must come from ' + params.data.registry", "reason": "Forbidden"},
                {"expression": "size(object.metadata.name) < 10"}]}}),
    );
    lab.ok(PODS, pod("before-any-binding"));
    let binding = |name: &str, namespace: &str, actions: Value| {
        json!({"metadata": {"name": name}, "spec": {"policyName": "names", "validationActions": actions,
            "paramRef": {"name": "limits", "namespace": "dev", "parameterNotFoundAction": "Deny"},
            "matchResources": {"namespaceSelector": {"matchLabels": {"env": namespace}}}}})
    };
    let bindings = format!("{ADMISSION}/validatingadmissionpolicybindings");
    lab.ok(&bindings, binding("elsewhere", "prod", json!(["Deny"])));
    lab.ok(PODS, pod("still-nothing"));
    lab.ok(&bindings, binding("here", "dev", json!(["Deny"])));
    let prefix = "is forbidden: ValidatingAdmissionPolicy 'names' with binding 'here' denied request:";
    assert_eq!(
        lab.fails(PODS, pod("a")),
        format!(
            "422 pods \"a\" {prefix} failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
        )
    );
    lab.ok(
        "/api/v1/namespaces/dev/configmaps",
        json!({"metadata": {"name": "limits"}, "data": {"registry": "ours/"}}),
    );
    assert_eq!(lab.fails(PODS, pod("a")), format!("403 pods \"a\" {prefix} images must come from ours/"));
    let mut ours = pod("a-very-long-name");
    ours["spec"]["containers"][0]["image"] = json!("ours/nginx");
    assert_eq!(
        lab.fails(PODS, ours.clone()),
        format!("422 pods \"a-very-long-name\" {prefix} failed expression: size(object.metadata.name) < 10")
    );
    ours["metadata"]["name"] = json!("short");
    assert!(lab.ok(PODS, ours).is_empty());
    lab.ok(PODS, pod("system-x"));
    let response = lab.send(
        Method::Patch,
        &format!("{bindings}/here"),
        json!({"spec": {"validationActions": ["Warn", "Audit"]}}),
    );
    assert!(response.is_success(), "{}", response.value());
    assert_eq!(
        lab.ok(PODS, pod("b")),
        [
            "Validation failed for ValidatingAdmissionPolicy 'names' with binding 'here': images must come from ours/"
        ]
    );
}

#[test]
fn kinds_that_nothing_acts_on_are_stored() {
    let mut lab = lab();
    for (path, body) in [
        (
            "/apis/storage.k8s.io/v1/volumeattributesclasses",
            json!({"metadata": {"name": "fast"}, "driverName": "x", "parameters": {"iops": "1"}}),
        ),
        (
            "/apis/networking.k8s.io/v1/servicecidrs",
            json!({"metadata": {"name": "more"}, "spec": {"cidrs": ["10.0.0.0/16"]}}),
        ),
        (
            "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
            json!({"metadata": {"name": "f"}, "spec": {"priorityLevelConfiguration": {"name": "p"}, "matchingPrecedence": 5}}),
        ),
        ("/apis/resource.k8s.io/v1/deviceclasses", json!({"metadata": {"name": "gpu"}, "spec": {}})),
    ] {
        lab.ok(path, body.clone());
        let name = body["metadata"]["name"].as_str().unwrap();
        let read = lab.send(Method::Get, &format!("{path}/{name}"), Value::Null);
        assert_eq!(read.value()["spec"], body["spec"], "{}", read.value());
        assert!(read.value()["metadata"]["uid"].is_string());
    }
}
