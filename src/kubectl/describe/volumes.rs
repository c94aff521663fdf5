//! The volumes of a pod, and what stands behind a PersistentVolume.

use super::writer::{Page, items, number, pairs, text, text_or};
use serde_json::Value;

/// Describes a pod's volumes.
pub(super) fn describe(page: &mut Page, volumes: &Value, space: &str) {
    if items(volumes).is_empty() {
        page.line(0, format!("{space}Volumes:\t<none>"));
        return;
    }
    page.line(0, format!("{space}Volumes:"));
    let name_indent = if space.is_empty() { "" } else { " " };
    for volume in items(volumes) {
        page.line(1, format!("{name_indent}{}:", text(&volume["name"])));
        source(page, volume);
    }
}

/// Describes what a volume is made from.
pub(super) fn source(page: &mut Page, volume: &Value) {
    let known: Option<(&str, &Value)> = [
        "hostPath",
        "emptyDir",
        "secret",
        "configMap",
        "nfs",
        "persistentVolumeClaim",
        "ephemeral",
        "downwardAPI",
        "projected",
        "csi",
        "image",
        "local",
    ]
    .iter()
    .map(|kind| (*kind, &volume[*kind]))
    .find(|(_, v)| v.is_object());
    let Some((kind, v)) = known else {
        page.line(1, "<unknown>");
        return;
    };
    let read_only = || v["readOnly"].as_bool().unwrap_or(false).to_string();
    let optional = || v["optional"].as_bool().unwrap_or(false).to_string();
    match kind {
        "hostPath" => rows(
            page,
            "HostPath (bare host directory volume)",
            &[
                ("Path", text(&v["path"])),
                ("HostPathType", if v["type"].is_null() { "<none>".to_owned() } else { text(&v["type"]) }),
            ],
        ),
        "emptyDir" => rows(
            page,
            "EmptyDir (a temporary directory that shares a pod's lifetime)",
            &[("Medium", text(&v["medium"])), ("SizeLimit", text_or(&v["sizeLimit"], "<unset>"))],
        ),
        "secret" => rows(
            page,
            "Secret (a volume populated by a Secret)",
            &[("SecretName", text(&v["secretName"])), ("Optional", optional())],
        ),
        "configMap" => rows(
            page,
            "ConfigMap (a volume populated by a ConfigMap)",
            &[("Name", text(&v["name"])), ("Optional", optional())],
        ),
        "nfs" => rows(
            page,
            "NFS (an NFS mount that lasts the lifetime of a pod)",
            &[("Server", text(&v["server"])), ("Path", text(&v["path"])), ("ReadOnly", read_only())],
        ),
        "persistentVolumeClaim" => {
            let what = "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)";
            rows(page, what, &[("ClaimName", text(&v["claimName"])), ("ReadOnly", read_only())]);
        }
        "local" => {
            let what = "LocalVolume (a persistent volume backed by local storage on a node)";
            rows(page, what, &[("Path", text(&v["path"]))]);
        }
        "image" => rows(
            page,
            "Image (a container image or OCI artifact)",
            &[("Reference", text(&v["reference"])), ("PullPolicy", text(&v["pullPolicy"]))],
        ),
        "ephemeral" => {
            let what = "EphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)";
            rows(page, what, &claim_rows(&v["volumeClaimTemplate"]));
        }
        "csi" => csi(page, v),
        "projected" => projected(page, v),
        _ => downward(page, v),
    }
}

fn rows(page: &mut Page, what: &str, rows: &[(&str, String)]) {
    page.pair(2, "Type", what);
    for (title, value) in rows {
        page.pair(2, title, value);
    }
}

fn claim_rows(template: &Value) -> Vec<(&'static str, String)> {
    let spec = &template["spec"];
    let first = |map: &Value| pairs(map).first().cloned().unwrap_or_else(|| "<none>".to_owned());
    vec![
        ("StorageClass", text(&spec["storageClassName"])),
        ("Volume", text(&spec["volumeName"])),
        ("Labels", first(&template["metadata"]["labels"])),
        ("Annotations", first(&template["metadata"]["annotations"])),
        ("Capacity", String::new()),
        ("Access Modes", String::new()),
        ("VolumeMode", text(&spec["volumeMode"])),
    ]
}

fn csi(page: &mut Page, v: &Value) {
    let mut found = vec![("Driver", text(&v["driver"])), ("FSType", text(&v["fsType"]))];
    if !v["volumeHandle"].is_null() {
        found.push(("VolumeHandle", text(&v["volumeHandle"])));
    }
    found.push(("ReadOnly", v["readOnly"].as_bool().unwrap_or(false).to_string()));
    rows(page, "CSI (a Container Storage Interface (CSI) volume source)", &found);
    let attributes = pairs(&v["volumeAttributes"]);
    match attributes.split_first() {
        None => page.pair(2, "VolumeAttributes", "<none>"),
        Some((first, rest)) => {
            // The real one indents even the values here.
            page.line(2, format!("VolumeAttributes:\t    {first}"));
            for pair in rest {
                page.line(2, format!("    \t    {pair}"));
            }
        }
    }
}

fn projected(page: &mut Page, v: &Value) {
    page.pair(2, "Type", "Projected (a volume that contains injected data from multiple sources)");
    for source in items(&v["sources"]) {
        for (field, title) in [("secret", "SecretName"), ("configMap", "ConfigMapName")] {
            if source[field].is_object() {
                page.pair(2, title, text(&source[field]["name"]));
                let optional = source[field]["optional"].as_bool().unwrap_or(false);
                page.pair(2, "Optional", optional.to_string());
            }
        }
        if source["downwardAPI"].is_object() {
            page.pair(2, "DownwardAPI", "true");
        }
        if source["serviceAccountToken"].is_object() {
            let seconds = number(&source["serviceAccountToken"]["expirationSeconds"]);
            page.pair(2, "TokenExpirationSeconds", seconds.to_string());
        }
    }
}

fn downward(page: &mut Page, v: &Value) {
    page.pair(2, "Type", "DownwardAPI (a volume populated by information about the pod)");
    page.line(2, "Items:");
    for item in items(&v["items"]) {
        let field = text_or(&item["fieldRef"]["fieldPath"], &text(&item["resourceFieldRef"]["resource"]));
        page.line(3, format!("{field} -> {}", text(&item["path"])));
    }
}
