//! Describes a PersistentVolume, a PersistentVolumeClaim, a StorageClass and a `CSINode`.

use super::writer::{Page, access_modes, go_list, items, joined, text, texts, truth};
use super::{Desk, volumes};
use crate::kubectl::age;
use crate::kubectl::errors::Outcome;
use serde_json::Value;

/// The status line of what may be going.
fn status(page: &mut Page, object: &Value) {
    let deleted = &object["metadata"]["deletionTimestamp"];
    if deleted.is_null() {
        page.pair(0, "Status", text(&object["status"]["phase"]));
    } else {
        let lasts = age::since(deleted, page.now);
        page.pair(0, "Status", format!("Terminating (lasts {lasts})"));
    }
}

/// The class: the old annotation first.
fn class_of(object: &Value) -> String {
    let old = text(&object["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"]);
    if old.is_empty() { text(&object["spec"]["storageClassName"]) } else { old }
}

pub(super) async fn volume(desk: &Desk, volume: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let (metadata, spec) = (&volume["metadata"], &volume["spec"]);
    page.pair(0, "Name", text(&metadata["name"]));
    page.metadata(volume);
    page.pair(0, "Finalizers", go_list(&metadata["finalizers"]));
    page.pair(0, "StorageClass", class_of(volume));
    status(&mut page, volume);
    let claim = &spec["claimRef"];
    let claimed = format!("{}/{}", text(&claim["namespace"]), text(&claim["name"]));
    page.pair(0, "Claim", if claim.is_object() { claimed } else { String::new() });
    page.pair(0, "Reclaim Policy", text(&spec["persistentVolumeReclaimPolicy"]));
    page.pair(0, "Access Modes", access_modes(&spec["accessModes"]));
    if !spec["volumeMode"].is_null() {
        page.pair(0, "VolumeMode", text(&spec["volumeMode"]));
    }
    let capacity = text(&spec["capacity"]["storage"]);
    page.pair(0, "Capacity", if capacity.is_empty() { "0" } else { &capacity });
    node_affinity(&mut page, &spec["nodeAffinity"]["required"]);
    page.pair(0, "Message", text(&volume["status"]["message"]));
    page.line(0, "Source:");
    volumes::source(&mut page, spec);
    page.events(desk.events(volume).await.as_ref());
    Ok(page.finish())
}

fn node_affinity(page: &mut Page, required: &Value) {
    if required.is_null() {
        page.pair(0, "Node Affinity", "<none>");
        return;
    }
    page.pair(0, "Node Affinity", "");
    let terms = items(&required["nodeSelectorTerms"]);
    page.pair(1, "Required Terms", if terms.is_empty() { "<none>" } else { "" });
    for (i, term) in terms.iter().enumerate() {
        let expression = |r: &Value| {
            let operator = text(&r["operator"]).to_lowercase();
            let values = texts(&r["values"]);
            let list = if values.is_empty() { String::new() } else { format!(" [{}]", values.join(", ")) };
            format!("{} {operator}{list}", text(&r["key"]))
        };
        terms_list(page, 2, &format!("Term {i}"), items(&term["matchExpressions"]), &expression);
    }
}

fn terms_list(page: &mut Page, level: usize, title: &str, list: &[Value], show: &dyn Fn(&Value) -> String) {
    if list.is_empty() {
        page.pair(level, title, "<none>");
    }
    for (i, entry) in list.iter().enumerate() {
        let title = if i == 0 { format!("{title}:") } else { String::new() };
        page.line(level, format!("{title}\t{}", show(entry)));
    }
}

pub(super) async fn claim(desk: &Desk, claim: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let (metadata, spec) = (&claim["metadata"], &claim["spec"]);
    page.name(claim);
    page.pair(0, "StorageClass", class_of(claim));
    status(&mut page, claim);
    page.pair(0, "Volume", text(&spec["volumeName"]));
    page.metadata(claim);
    page.pair(0, "Finalizers", go_list(&metadata["finalizers"]));
    let bound = !text(&spec["volumeName"]).is_empty();
    let when = |text: String| if bound { text } else { String::new() };
    let capacity = text(&claim["status"]["capacity"]["storage"]);
    let capacity = if capacity.is_empty() { "0".to_owned() } else { capacity };
    page.pair(0, "Capacity", when(capacity));
    page.pair(0, "Access Modes", when(access_modes(&claim["status"]["accessModes"])));
    if !spec["volumeMode"].is_null() {
        page.pair(0, "VolumeMode", text(&spec["volumeMode"]));
    }
    let source = &spec["dataSource"];
    if source.is_object() {
        page.line(0, "DataSource:");
        for (title, field) in [("APIGroup", "apiGroup"), ("Kind", "kind"), ("Name", "name")] {
            if !source[field].is_null() {
                page.pair(1, title, text(&source[field]));
            }
        }
    }
    page.list("Used By", &users(desk, metadata).await);
    conditions(&mut page, &claim["status"]["conditions"]);
    page.events(desk.events(claim).await.as_ref());
    Ok(page.finish())
}

async fn users(desk: &Desk, metadata: &Value) -> Vec<String> {
    let pods = desk.list(&format!("/api/v1/namespaces/{}/pods", text(&metadata["namespace"])), &[]).await;
    let uses = |pod: &&Value| {
        let volumes = items(&pod["spec"]["volumes"]);
        volumes.iter().any(|v| v["persistentVolumeClaim"]["claimName"] == metadata["name"])
    };
    let mut names: Vec<String> = pods.iter().filter(uses).map(|p| text(&p["metadata"]["name"])).collect();
    names.sort();
    names
}

fn conditions(page: &mut Page, conditions: &Value) {
    if items(conditions).is_empty() {
        return;
    }
    page.line(0, "Conditions:");
    page.line(1, "Type\tStatus\tLastProbeTime\tLastTransitionTime\tReason\tMessage");
    page.line(1, "----\t------\t-----------------\t------------------\t------\t-------");
    for c in items(conditions) {
        let time = |field: &str| {
            let unset = "Mon, 01 Jan 0001 00:00:00 +0000".to_owned();
            if c[field].is_null() { unset } else { age::rfc1123(&c[field]) }
        };
        let (probed, changed) = (time("lastProbeTime"), time("lastTransitionTime"));
        let (kind, status) = (text(&c["type"]), text(&c["status"]));
        let (reason, message) = (text(&c["reason"]), text(&c["message"]));
        page.line(1, format!("{kind} \t{status} \t{probed} \t{changed} \t{reason} \t{message}"));
    }
}

pub(super) async fn class(desk: &Desk, class: &Value) -> Outcome<String> {
    let mut page = desk.page();
    let annotations = &class["metadata"]["annotations"];
    let default =
        ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
    page.pair(0, "Name", text(&class["metadata"]["name"]));
    let is_default = default.iter().any(|key| annotations[*key] == "true");
    page.pair(0, "IsDefaultClass", if is_default { "Yes" } else { "No" });
    page.pair(0, "Annotations", joined(annotations));
    page.pair(0, "Provisioner", text(&class["provisioner"]));
    page.pair(0, "Parameters", joined(&class["parameters"]));
    page.pair(0, "AllowVolumeExpansion", truth(&class["allowVolumeExpansion"]));
    if items(&class["mountOptions"]).is_empty() {
        page.pair(0, "MountOptions", "<none>");
    } else {
        page.line(0, "MountOptions:");
        for option in texts(&class["mountOptions"]) {
            page.line(1, option);
        }
    }
    for (title, field) in [("ReclaimPolicy", "reclaimPolicy"), ("VolumeBindingMode", "volumeBindingMode")] {
        if !class[field].is_null() {
            page.pair(0, title, text(&class[field]));
        }
    }
    if class["allowedTopologies"].is_array() {
        page.pair(0, "AllowedTopologies", "");
        for (i, term) in items(&class["allowedTopologies"]).iter().enumerate() {
            let show = |r: &Value| format!("{} in [{}]", text(&r["key"]), texts(&r["values"]).join(", "));
            terms_list(&mut page, 1, &format!("Term {i}"), items(&term["matchLabelExpressions"]), &show);
        }
    }
    page.events(desk.events(class).await.as_ref());
    Ok(page.finish())
}

pub(super) async fn csi_node(desk: &Desk, node: &Value) -> Outcome<String> {
    let mut page = desk.page();
    page.pair(0, "Name", text(&node["metadata"]["name"]));
    page.metadata(node);
    page.pair(0, "CreationTimestamp", age::rfc1123(&node["metadata"]["creationTimestamp"]));
    page.line(0, "Spec:");
    if node["spec"]["drivers"].is_array() {
        page.line(1, "Drivers:");
    }
    for driver in items(&node["spec"]["drivers"]) {
        page.line(2, format!("{}:", text(&driver["name"])));
        page.pair(3, "Node ID", text(&driver["nodeID"]));
        if !driver["allocatable"]["count"].is_null() {
            page.line(3, "Allocatables:");
            page.pair(4, "Count", text(&driver["allocatable"]["count"]));
        }
        if driver["topologyKeys"].is_array() {
            page.pair(3, "Topology Keys", go_list(&driver["topologyKeys"]));
        }
    }
    page.events(desk.events(node).await.as_ref());
    Ok(page.finish())
}
