//! `/healthz`, `/livez` and `/readyz`: whether the server is well, check by check. From
//! `apiserver/pkg/server/healthz`.
//!
//! Always holds: every check passes; a cluster that answers is well.

use super::{Body, Request, Response};

/// What an API server checks, in its order, and whether only `/readyz` does.
const CHECKS: &[(&str, bool)] = &[
    ("ping", false),
    ("log", false),
    ("etcd", false),
    ("etcd-readiness", true),
    ("informer-sync", true),
    ("poststarthook/start-apiserver-admission-initializer", false),
    ("poststarthook/generic-apiserver-start-informers", false),
    ("poststarthook/priority-and-fairness-config-consumer", false),
    ("poststarthook/priority-and-fairness-filter", false),
    ("poststarthook/storage-object-count-tracker-hook", false),
    ("poststarthook/start-apiextensions-informers", false),
    ("poststarthook/start-apiextensions-controllers", false),
    ("poststarthook/crd-informer-synced", false),
    ("poststarthook/start-system-namespaces-controller", false),
    ("poststarthook/start-cluster-authentication-info-controller", false),
    ("poststarthook/start-kube-apiserver-identity-lease-controller", false),
    ("poststarthook/start-kube-apiserver-identity-lease-garbage-collector", false),
    ("poststarthook/start-legacy-token-tracking-controller", false),
    ("poststarthook/start-service-ip-repair-controllers", false),
    ("poststarthook/rbac/bootstrap-roles", false),
    ("poststarthook/scheduling/bootstrap-system-priority-classes", false),
    ("poststarthook/priority-and-fairness-config-producer", false),
    ("poststarthook/bootstrap-controller", false),
    ("poststarthook/start-kubernetes-service-cidr-controller", false),
    ("poststarthook/aggregator-reload-proxy-client-cert", false),
    ("poststarthook/start-kube-aggregator-informers", false),
    ("poststarthook/apiservice-status-local-available-controller", false),
    ("poststarthook/apiservice-status-remote-available-controller", false),
    ("poststarthook/apiservice-registration-controller", false),
    ("poststarthook/apiservice-discovery-controller", false),
    ("poststarthook/kube-apiserver-autoregistration", false),
    ("autoregister-completion", false),
    ("poststarthook/apiservice-openapi-controller", false),
    ("poststarthook/apiservice-openapiv3-controller", false),
    ("shutdown", true),
];

/// Answers what is asked of the server's health. `None` for any other path.
pub fn serve(request: &Request) -> Option<Response> {
    let path = request.path.trim_matches('/');
    let (endpoint, check) = path.split_once('/').unwrap_or((path, ""));
    if !matches!(endpoint, "healthz" | "livez" | "readyz") {
        return None;
    }
    let checks = CHECKS.iter().filter(|(_, ready)| !ready || endpoint == "readyz").map(|(name, _)| *name);
    let text = |status, body: String| Some(Response { status, warnings: Vec::new(), body: Body::Text(body) });
    if !check.is_empty() {
        let known = checks.into_iter().any(|name| name == check);
        return if known { text(200, "ok".to_owned()) } else { text(404, "404 page not found\n".to_owned()) };
    }
    if request.query_value("verbose").is_none() {
        return text(200, "ok".to_owned());
    }
    let excluded = request.query.iter().filter(|(key, _)| key == "exclude").map(|(_, name)| name.as_str());
    let mut excluded: Vec<&str> = excluded.collect();
    let mut out = String::new();
    for name in checks {
        let before = excluded.len();
        excluded.retain(|other| *other != name);
        let how = if excluded.len() < before { " excluded:" } else { "" };
        out.push_str(&format!("[+]{name}{how} ok\n"));
    }
    if !excluded.is_empty() {
        excluded.sort_unstable();
        let names: Vec<String> = excluded.iter().map(|name| format!("{name:?}")).collect();
        out.push_str(&format!(
            "warn: some health checks cannot be excluded: no matches for {}\n",
            names.join(", ")
        ));
    }
    out.push_str(&format!("{endpoint} check passed\n"));
    text(200, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_check_by_check() {
        let ask = |path: &str, query: &[(&str, &str)]| {
            let mut request = Request::get(path);
            for (key, value) in query {
                request = request.param(key, *value);
            }
            let answer = serve(&request).unwrap();
            let Body::Text(text) = answer.body else { panic!() };
            (answer.status, text)
        };
        assert_eq!(ask("/livez", &[]), (200, "ok".to_owned()));
        assert_eq!(ask("/livez/ping", &[]), (200, "ok".to_owned()));
        assert_eq!(ask("/livez/shutdown", &[]).0, 404);
        assert_eq!(ask("/readyz/poststarthook/rbac/bootstrap-roles", &[]).0, 200);
        let (_, text) = ask("/readyz", &[("verbose", ""), ("exclude", "etcd"), ("exclude", "nope")]);
        assert!(
            text.starts_with("[+]ping ok\n[+]log ok\n[+]etcd excluded: ok\n[+]etcd-readiness ok\n"),
            "{text}"
        );
        assert!(text.ends_with("[+]shutdown ok\nwarn: some health checks cannot be excluded: no matches for \"nope\"\nreadyz check passed\n"), "{text}");
        assert!(serve(&Request::get("/version")).is_none());
    }
}
