//! Describes an Ingress and an `IngressClass`.

use super::writer::{items, text, text_or, texts};
use super::{Desk, service};
use crate::kubectl::errors::Outcome;
use serde_json::{Value, json};

pub(super) async fn describe(desk: &Desk, ingress: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let (metadata, spec) = (&ingress["metadata"], &ingress["spec"]);
    let namespace = text(&metadata["namespace"]);
    page.pair(0, "Name", text(&metadata["name"]));
    page.labels("Labels", &metadata["labels"]);
    page.pair(0, "Namespace", &namespace);
    let address = |i: &Value| text_or(&i["ip"], &text(&i["hostname"]));
    let addresses: Vec<String> =
        items(&ingress["status"]["loadBalancer"]["ingress"]).iter().map(address).collect();
    page.pair(0, "Address", addresses.join(","));
    page.pair(0, "Ingress Class", text_or(&spec["ingressClassName"], "<none>"));
    let default = if spec["defaultBackend"].is_object() {
        backend(desk, &namespace, &spec["defaultBackend"]).await
    } else {
        "<default>".to_owned()
    };
    page.pair(0, "Default backend", &default);
    if !items(&spec["tls"]).is_empty() {
        page.line(0, "TLS:");
        for tls in items(&spec["tls"]) {
            let (secret, hosts) = (text(&tls["secretName"]), texts(&tls["hosts"]).join(","));
            if secret.is_empty() {
                page.line(1, format!("SNI routes {hosts}"));
            } else {
                page.line(1, format!("{secret} terminates {hosts}"));
            }
        }
    }
    page.line(0, "Rules:\n  Host\tPath\tBackends");
    page.line(1, "----\t----\t--------");
    let rules: Vec<&Value> = items(&spec["rules"]).iter().filter(|r| r["http"].is_object()).collect();
    for rule in &rules {
        page.line(1, format!("{}\t", text_or(&rule["host"], "*")));
        for path in items(&rule["http"]["paths"]) {
            let to = backend(desk, &namespace, &path["backend"]).await;
            page.line(2, format!("\t{} \t{to}", text(&path["path"])));
        }
    }
    if rules.is_empty() {
        page.line(1, format!("*\t*\t{default}"));
    }
    page.annotations("Annotations", &metadata["annotations"]);
    page.events(desk.events(ingress).await.as_ref());
    Ok(page.finish())
}

async fn backend(desk: &Desk, namespace: &str, backend: &Value) -> String {
    let target = &backend["service"];
    if target.is_object() {
        let name = text(&target["name"]);
        let port = text_or(&target["port"]["number"], &text(&target["port"]["name"]));
        let found = desk.get(&format!("/api/v1/namespaces/{namespace}/services/{name}")).await;
        let found = match found {
            Ok(service) => service,
            Err(failure) => return format!("{name}:{port} (<error: {}>)", failure.message()),
        };
        let slices = service::slices(desk, &json!({"name": name, "namespace": namespace})).await;
        let is_port = |p: &&Value| text(&p["port"]) == port || (!port.is_empty() && text(&p["name"]) == port);
        let port_name = items(&found["spec"]["ports"])
            .iter()
            .find(is_port)
            .map_or_else(String::new, |p| text(&p["name"]));
        return format!("{name}:{port} ({})", service::endpoints(&slices, &port_name));
    }
    let resource = &backend["resource"];
    if resource.is_object() {
        let group = text_or(&resource["apiGroup"], "<none>");
        return format!(
            "APIGroup: {group}, Kind: {}, Name: {}",
            text(&resource["kind"]),
            text(&resource["name"])
        );
    }
    String::new()
}

pub(super) async fn class(desk: &Desk, class: &Value) -> Outcome<String> {
    let mut page = desk.page();
    page.pair(0, "Name", text(&class["metadata"]["name"]));
    page.metadata(class);
    page.pair(0, "Controller", text(&class["spec"]["controller"]));
    let parameters = &class["spec"]["parameters"];
    if parameters.is_object() {
        page.line(0, "Parameters:");
        for (title, field) in [("APIGroup", "apiGroup"), ("Kind", "kind"), ("Name", "name")] {
            if !parameters[field].is_null() {
                page.pair(1, title, text(&parameters[field]));
            }
        }
    }
    page.events(desk.events(class).await.as_ref());
    Ok(page.finish())
}
