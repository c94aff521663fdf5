//! Who may do what, as tables: a cluster's own policy, a few users, and what the server answers them.

use crate::apiserver::{ApiServer, Cause, Credentials, Impersonation, Method, Request, Response, User};
use crate::object::{Kind, ObjectKey, SECOND, SimTime};
use serde_json::{Value, json};

const AUTHORIZATION: &str = "/apis/authorization.k8s.io/v1";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

struct Lab {
    api: ApiServer,
}

fn lab() -> Lab {
    let mut api = ApiServer::new(1, SimTime(1_000_000 * SECOND));
    api.bootstrap_policy();
    let mut lab = Lab { api };
    for name in ["default", "dev", "kube-system"] {
        lab.ok("/api/v1/namespaces", json!({"metadata": {"name": name}}));
    }
    lab.ok("/api/v1/namespaces/dev/serviceaccounts", json!({"metadata": {"name": "robot"}}));
    lab.ok(
        &format!("{RBAC}/namespaces/dev/roles"),
        json!({"metadata": {"name": "pods"}, "rules": [
            {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "pods/log"]},
            {"verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["one"]},
            {"verbs": ["*"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"]}]}),
    );
    let bind = |name: &str, kind: &str, role: &str, subject: Value| {
        json!({"metadata": {"name": name}, "subjects": [subject],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}})
    };
    let user = |name: &str| json!({"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"});
    let bindings = format!("{RBAC}/namespaces/dev/rolebindings");
    lab.ok(&bindings, bind("jane", "Role", "pods", user("jane")));
    lab.ok(&bindings, bind("lost", "Role", "nowhere", user("lost")));
    lab.ok(
        &bindings,
        bind("robot", "Role", "pods", json!({"kind": "ServiceAccount", "name": "robot", "namespace": "dev"})),
    );
    lab.ok(
        &format!("{RBAC}/clusterroles"),
        json!({"metadata": {"name": "act-as"}, "rules": [
            {"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"], "resourceNames": ["jane"]}]}),
    );
    lab.ok(&format!("{RBAC}/clusterrolebindings"), bind("act", "ClusterRole", "act-as", user("bob")));
    lab
}

impl Lab {
    fn send(&mut self, user: &User, request: &Request) -> Response {
        self.api.handle(request, user, Cause::Command(1))
    }

    fn ok(&mut self, path: &str, body: Value) -> Value {
        let response = self.send(&User::admin(), &Request::with_body(Method::Post, path, body));
        assert!(response.is_success(), "{path}: {}", response.value());
        response.value().clone()
    }

    fn review(&mut self, user: &User, path: &str, body: Value) -> Value {
        self.send(user, &Request::with_body(Method::Post, path, body)).value().clone()
    }
}

fn person(name: &str) -> User {
    User::new(name, &["system:authenticated"])
}

#[test]
fn what_is_refused() {
    let mut lab = lab();
    for (user, method, path, expected) in [
        (person("jane"), Method::Get, "/api/v1/namespaces/dev/pods", ""),
        (
            person("jane"),
            Method::Get,
            "/api/v1/namespaces/dev/configmaps/one",
            "configmaps \"one\" not found",
        ),
        (person("jane"), Method::Get, "/version", ""),
        (person("jane"), Method::Get, "/apis/apps/v1", ""),
        (
            person("jane"),
            Method::Get,
            "/api/v1/namespaces/default/pods",
            "pods is forbidden: User \"jane\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\"",
        ),
        (
            person("jane"),
            Method::Get,
            "/api/v1/namespaces/dev/configmaps/two",
            "configmaps \"two\" is forbidden: User \"jane\" cannot get resource \"configmaps\" in API group \"\" in the namespace \"dev\"",
        ),
        (
            person("jane"),
            Method::Get,
            "/api/v1/nodes",
            "nodes is forbidden: User \"jane\" cannot list resource \"nodes\" in API group \"\" at the cluster scope",
        ),
        (
            person("jane"),
            Method::Delete,
            "/apis/apps/v1/namespaces/dev/deployments/web",
            "deployments.apps \"web\" is forbidden: User \"jane\" cannot delete resource \"deployments\" in API group \"apps\" in the namespace \"dev\"",
        ),
        (
            person("jane"),
            Method::Post,
            "/api/v1/namespaces/dev/pods/web/eviction",
            "pods \"web\" is forbidden: User \"jane\" cannot create resource \"pods/eviction\" in API group \"\" in the namespace \"dev\"",
        ),
        (
            person("lost"),
            Method::Get,
            "/api/v1/namespaces/dev/pods",
            "pods is forbidden: User \"lost\" cannot list resource \"pods\" in API group \"\" in the namespace \"dev\": RBAC: role.rbac.authorization.k8s.io \"nowhere\" not found",
        ),
        (
            User::new("system:anonymous", &["system:unauthenticated"]),
            Method::Get,
            "/api",
            "forbidden: User \"system:anonymous\" cannot get path \"/api\"",
        ),
        (User::new("system:anonymous", &["system:unauthenticated"]), Method::Get, "/healthz", ""),
        (User::new("root", &["system:masters"]), Method::Get, "/api/v1/nodes", ""),
    ] {
        let response = lab.send(&user, &Request { method, ..Request::get(path) });
        assert_eq!(response.value()["message"].as_str().unwrap_or(""), expected, "{path}");
        assert_eq!(response.status == 403, expected.contains("forbidden"), "{path}");
    }
}

#[test]
fn nobody_gives_what_they_do_not_have() {
    let mut lab = lab();
    let role = |resource: &str| {
        json!({"metadata": {"name": "new"}, "rules": [
            {"verbs": ["get", "watch", "delete"], "apiGroups": [""], "resources": [resource]}]})
    };
    let bind = |kind: &str, name: &str| {
        json!({"metadata": {"name": "new"}, "subjects": [],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}})
    };
    let prefix = "is forbidden: user \"jane\" (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:";
    for (path, body, expected) in [
        (
            "roles",
            role("pods"),
            format!(
                "roles.rbac.authorization.k8s.io \"new\" {prefix}\n{{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"watch\" \"delete\"]}}"
            ),
        ),
        ("rolebindings", bind("Role", "pods"), String::new()),
        (
            "rolebindings",
            bind("ClusterRole", "cluster-admin"),
            format!(
                "rolebindings.rbac.authorization.k8s.io \"new\" {prefix}\n{{APIGroups:[\"*\"], Resources:[\"*\"], Verbs:[\"*\"]}}\n{{NonResourceURLs:[\"*\"], Verbs:[\"*\"]}}"
            ),
        ),
        (
            "rolebindings",
            bind("Role", "nowhere"),
            "roles.rbac.authorization.k8s.io \"nowhere\" not found".to_owned(),
        ),
    ] {
        let path = format!("{RBAC}/namespaces/dev/{path}?dryRun=All");
        let request = Request::with_body(Method::Post, path.trim_end_matches("?dryRun=All"), body)
            .param("dryRun", "All");
        // Verb `*` on roles holds `escalate` and `bind` as well, which jane must not have here.
        lab.take_escalation();
        let response = lab.send(&person("jane"), &request);
        assert_eq!(response.value()["message"].as_str().unwrap_or(""), expected);
    }
}

impl Lab {
    fn take_escalation(&mut self) {
        let path = format!("{RBAC}/namespaces/dev/roles/pods");
        let patch = json!([{"op": "replace", "path": "/rules/2/verbs", "value": ["create", "get"]}]);
        let request = Request {
            content_type: "application/json-patch+json".to_owned(),
            ..Request::with_body(Method::Patch, path, patch)
        };
        assert!(self.send(&User::admin(), &request).is_success());
    }
}

#[test]
fn acting_as_somebody_else() {
    let mut lab = lab();
    let admin = User::admin();
    for (asker, as_user, groups, expected) in [
        (&admin, "jane", &[][..], "User \"jane\" cannot list resource \"pods\""),
        (
            &admin,
            "system:serviceaccount:dev:robot",
            &[],
            "User \"system:serviceaccount:dev:robot\" cannot list",
        ),
        (&admin, "x", &["system:masters"], ""),
        (&person("bob"), "jane", &[], "User \"jane\" cannot list resource \"pods\""),
        (
            &person("bob"),
            "eve",
            &[],
            "users \"eve\" is forbidden: User \"bob\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope",
        ),
        (
            &person("bob"),
            "jane",
            &["admins"],
            "groups \"admins\" is forbidden: User \"bob\" cannot impersonate resource \"groups\" in API group \"\" at the cluster scope",
        ),
        (
            &admin,
            "",
            &["g"],
            "Internal Server Error: \"/api/v1/namespaces/default/pods\": requested [{Group  g    }] without impersonating a user",
        ),
    ] {
        let groups = groups.iter().map(|g| (*g).to_owned()).collect();
        let impersonate =
            Some(Impersonation { user: as_user.to_owned(), groups, ..Impersonation::default() });
        let request = Request { impersonate, ..Request::get("/api/v1/namespaces/default/pods") };
        let response = lab.send(asker, &request);
        let message = response.value()["message"].as_str().unwrap_or("");
        assert!(
            message.contains(expected) && message.is_empty() == expected.is_empty(),
            "{as_user}: {message}"
        );
    }
}

#[test]
fn reviews_answer() {
    let mut lab = lab();
    let asks = |verb: &str, resource: &str| json!({"spec": {"resourceAttributes": {"namespace": "dev", "verb": verb, "resource": resource}}});
    let path = format!("{AUTHORIZATION}/selfsubjectaccessreviews");
    assert_eq!(
        lab.review(&person("jane"), &path, asks("list", "pods"))["status"],
        json!({"allowed": true, "reason": "RBAC: allowed by RoleBinding \"jane/dev\" of Role \"pods\" to User \"jane\""})
    );
    assert_eq!(
        lab.review(&person("jane"), &path, asks("delete", "pods"))["status"],
        json!({"allowed": false})
    );
    let mut about = asks("list", "pods");
    about["spec"]["user"] = json!("jane");
    let sar = format!("{AUTHORIZATION}/subjectaccessreviews");
    assert_eq!(lab.review(&User::admin(), &sar, about.clone())["status"]["allowed"], true);
    assert!(
        lab.review(&person("jane"), &sar, about.clone())["message"]
            .as_str()
            .unwrap()
            .contains("cannot create resource")
    );
    let local = format!("{AUTHORIZATION}/namespaces/default/localsubjectaccessreviews");
    assert_eq!(
        lab.review(&User::admin(), &local, about)["message"],
        "LocalSubjectAccessReview.authorization.k8s.io \"\" is invalid: spec.resourceAttributes.namespace: Invalid value: \"dev\": must match metadata.namespace: default"
    );
    assert_eq!(
        lab.review(&User::admin(), &sar, json!({"spec": {}}))["message"],
        "SubjectAccessReview.authorization.k8s.io \"\" is invalid: spec.user: Invalid value: \"\": at least one of user or group must be specified"
    );
    let rules = format!("{AUTHORIZATION}/selfsubjectrulesreviews");
    let status = lab.review(&person("jane"), &rules, json!({"spec": {"namespace": "dev"}}));
    let resources = status["status"]["resourceRules"].as_array().unwrap();
    assert_eq!(resources.len(), 5, "{status}");
    assert_eq!(
        resources[2],
        json!({"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "pods/log"]})
    );
}

#[test]
fn tokens_of_accounts() {
    let mut lab = lab();
    let path = "/api/v1/namespaces/dev/serviceaccounts/robot/token";
    let answer = lab.ok(path, json!({"spec": {"expirationSeconds": 600}}));
    let token = answer["status"]["token"].as_str().unwrap().to_owned();
    let shown = |token: &str| Credentials { token: Some(token.to_owned()), certificate: None };
    let user = lab.api.authenticate(&shown(&token)).unwrap();
    assert_eq!(&*user.name, "system:serviceaccount:dev:robot");
    assert!(user.is_in("system:serviceaccounts:dev") && user.is_in("system:authenticated"));
    let pods = Request::get("/api/v1/namespaces/dev/pods");
    assert!(lab.send(&user, &pods).is_success());
    for wrong in ["", "x", "a.b.c", &token[1..], &format!("{token}A")] {
        assert_eq!(lab.api.authenticate(&shown(wrong)).unwrap_err().message, "Unauthorized");
    }
    let review = |lab: &mut Lab, token: &str| {
        lab.review(
            &User::admin(),
            "/apis/authentication.k8s.io/v1/tokenreviews",
            json!({"spec": {"token": token}}),
        )["status"]
            .clone()
    };
    assert_eq!(review(&mut lab, &token)["user"]["username"], "system:serviceaccount:dev:robot");
    lab.api.now = lab.api.now.plus_seconds(601);
    assert_eq!(
        review(&mut lab, &token),
        json!({"user": {}, "error": "[invalid bearer token, service account token has expired]"})
    );
    let fresh = lab.ok(path, json!({}))["status"]["token"].as_str().unwrap().to_owned();
    assert!(lab.api.authenticate(&shown(&fresh)).is_ok());
    let key = ObjectKey::new(Kind::ServiceAccount, "dev", "robot");
    let origin = crate::apiserver::Origin::component("test", Cause::Time);
    lab.api.delete(&key, &crate::apiserver::DeleteOptions::default(), &origin).unwrap();
    assert!(lab.api.authenticate(&shown(&fresh)).is_err());
    lab.api.add_static_token("secret", User::admin());
    assert_eq!(&*lab.api.authenticate(&shown("secret")).unwrap().name, "kubernetes-admin");
    assert_eq!(&*lab.api.authenticate(&Credentials::default()).unwrap().name, "system:anonymous");
}

#[test]
fn token_requests_are_checked() {
    let mut lab = lab();
    let path = "/api/v1/namespaces/dev/serviceaccounts/robot/token";
    for (spec, expected) in [
        (
            json!({"expirationSeconds": 1}),
            "TokenRequest.authentication.k8s.io \"robot\" is invalid: spec.expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes",
        ),
        (json!({"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "x"}}), "pods \"x\" not found"),
        (
            json!({"boundObjectRef": {"kind": "Service", "apiVersion": "v1", "name": "x"}}),
            "cannot bind token to object of type /v1, Kind=Service",
        ),
    ] {
        let answer = lab.review(&User::admin(), path, json!({"spec": spec}));
        assert_eq!(answer["message"], expected);
    }
}
