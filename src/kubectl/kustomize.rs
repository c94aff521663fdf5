//! The useful part of kustomize: resources, and what changes the names, namespaces, labels, annotations, images and
//! replicas of all of them.
//!
//! Always holds: a field that is not built here is refused, never passed over. Does not: rename what refers to a
//! renamed object.

use super::call::Call;
use super::errors::{Failure, Outcome};
use super::manifest::{Manifest, Validation, parse};
use crate::object::Kind;
use crate::yaml;
use serde_json::{Value, json};

const BUILT: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "resources",
    "bases",
    "namespace",
    "namePrefix",
    "nameSuffix",
    "labels",
    "commonLabels",
    "commonAnnotations",
    "images",
    "replicas",
];

/// Fields that the real kustomize knows besides.
const NOT_BUILT: &[&str] = &[
    "buildMetadata",
    "components",
    "configMapGenerator",
    "configurations",
    "crds",
    "generatorOptions",
    "generators",
    "helmChartInflationGenerator",
    "helmCharts",
    "helmGlobals",
    "imageTags",
    "openapi",
    "patches",
    "patchesJson6902",
    "patchesStrategicMerge",
    "replacements",
    "secretGenerator",
    "sortOptions",
    "transformers",
    "validators",
    "vars",
];

/// Builds the objects of a directory with a kustomization.
///
/// # Errors
/// No such file, a resource that cannot be read, a field that is unknown or not built here.
pub fn build(call: &Call, path: &str, validation: Validation) -> Outcome<Vec<Manifest>> {
    let host = &call.env.host;
    let names = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
    let inside = |name: &str| format!("{}/{name}", path.trim_end_matches('/'));
    let Some(file) = names.iter().map(|n| inside(n)).find(|p| host.exists(p)) else {
        let listed =
            "unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory";
        return Err(Failure::new(format!("{listed} '{path}'")));
    };
    let bytes = host.read_file(&file).map_err(|why| Failure::new(format!("open {file}: {why}")))?;
    let documents = yaml::parse(&String::from_utf8_lossy(&bytes)).map_err(|e| Failure::new(e.to_string()))?;
    let settings = documents.into_iter().next().map_or(Value::Null, |d| d.value);
    refuse_others(&settings, &file)?;
    let mut found = Vec::new();
    let listed =
        ["resources", "bases"].into_iter().flat_map(|key| settings[key].as_array().into_iter().flatten());
    for resource in listed.filter_map(Value::as_str) {
        let inner = inside(resource);
        if host.list_dir(&inner).is_some() {
            found.extend(build(call, &inner, validation)?);
            continue;
        }
        let bytes = host.read_file(&inner).map_err(|why| {
            Failure::new(format!("accumulating resources: accumulation err='accumulating resources from '{resource}': open {inner}: {why}'"))
        })?;
        found.extend(parse(&inner, &bytes, validation)?);
    }
    for manifest in &mut found {
        apply(&mut manifest.object, &settings);
    }
    Ok(found)
}

fn refuse_others(settings: &Value, file: &str) -> Outcome<()> {
    let mut fields = settings.as_object().into_iter().flat_map(|m| m.keys());
    let Some(field) = fields.find(|f| !BUILT.contains(&f.as_str())) else { return Ok(()) };
    if NOT_BUILT.contains(&field.as_str()) {
        let why = format!(
            "the field \"{field}\" of {file} is not supported here; these are: {}",
            BUILT[3..].join(", ")
        );
        return Err(Failure::new(why));
    }
    Err(Failure::new(format!("invalid Kustomization: json: unknown field \"{field}\"")))
}

fn apply(object: &mut Value, settings: &Value) {
    let text = |key: &str| settings[key].as_str().unwrap_or("");
    let kind = object["kind"].as_str().unwrap_or("").to_owned();
    let namespaced = Kind::ALL.iter().map(|k| k.info()).find(|i| i.kind == kind).is_none_or(|i| i.namespaced);
    if !text("namespace").is_empty() && namespaced {
        object["metadata"]["namespace"] = text("namespace").into();
    }
    let plain = object["metadata"]["name"].as_str().unwrap_or("").to_owned();
    for entry in settings["replicas"].as_array().into_iter().flatten().filter(|e| e["name"] == *plain) {
        if matches!(kind.as_str(), "Deployment" | "ReplicaSet" | "StatefulSet" | "ReplicationController") {
            object["spec"]["replicas"] = entry["count"].clone();
        }
    }
    object["metadata"]["name"] = format!("{}{plain}{}", text("namePrefix"), text("nameSuffix")).into();
    for entry in settings["labels"].as_array().into_iter().flatten() {
        let selectors = entry["includeSelectors"] == json!(true);
        let templates = selectors || entry["includeTemplates"] == json!(true);
        label(object, &entry["pairs"], selectors, templates);
    }
    label(object, &settings["commonLabels"], true, true);
    put(object, "/metadata", "annotations", &settings["commonAnnotations"]);
    put(object, "/spec/template/metadata", "annotations", &settings["commonAnnotations"]);
    for image in settings["images"].as_array().into_iter().flatten() {
        images(object, image);
    }
}

/// Puts labels on an object and, where it has them, on its template and into its selector.
fn label(object: &mut Value, labels: &Value, selectors: bool, templates: bool) {
    put(object, "/metadata", "labels", labels);
    if templates {
        for at in ["/spec/template/metadata", "/spec/jobTemplate/spec/template/metadata"] {
            put(object, at, "labels", labels);
        }
    }
    if !selectors {
        return;
    }
    match object["kind"].as_str().unwrap_or("") {
        "Service" | "ReplicationController" if !object["spec"]["selector"].is_null() => {
            put(object, "/spec", "selector", labels);
        }
        "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet" => {
            put(object, "/spec/selector", "matchLabels", labels);
        }
        "PodDisruptionBudget" => put(object, "/spec/selector", "matchLabels", labels),
        "NetworkPolicy" => put(object, "/spec/podSelector", "matchLabels", labels),
        _ => {}
    }
}

/// Puts pairs into a map of what is at `pointer`, if that is there or the object is a template's.
fn put(object: &mut Value, pointer: &str, map: &str, pairs: &Value) {
    let Some(pairs) = pairs.as_object().filter(|p| !p.is_empty()) else { return };
    let template = pointer.strip_suffix("/metadata").filter(|p| !p.is_empty());
    if let Some(template) = template.and_then(|p| object.pointer_mut(p)).filter(|t| t["metadata"].is_null()) {
        template["metadata"] = json!({});
    }
    let Some(Value::Object(at)) = object.pointer_mut(pointer) else { return };
    let there = at.entry(map).or_insert_with(|| json!({}));
    if there.is_null() {
        *there = json!({});
    }
    if let Value::Object(there) = there {
        there.extend(pairs.clone());
    }
}

/// Gives the containers that run an image another name, tag or digest of it.
fn images(value: &mut Value, change: &Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|inner| images(inner, change)),
        Value::Object(map) => {
            for (key, inner) in map.iter_mut() {
                if !matches!(key.as_str(), "containers" | "initContainers") {
                    images(inner, change);
                    continue;
                }
                for container in inner.as_array_mut().into_iter().flatten() {
                    if let Some(image) = container["image"].as_str().and_then(|i| renamed(i, change)) {
                        container["image"] = image.into();
                    }
                }
            }
        }
        _ => {}
    }
}

/// The image as it is after a change that is about it.
fn renamed(image: &str, change: &Value) -> Option<String> {
    let text = |key: &str| change[key].as_str().filter(|t| !t.is_empty());
    let (rest, digest) = image.split_once('@').map_or((image, None), |(rest, digest)| (rest, Some(digest)));
    let slash = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match rest[slash..].find(':') {
        Some(at) => (&rest[..slash + at], Some(&rest[slash + at + 1..])),
        None => (rest, None),
    };
    if text("name") != Some(name) {
        return None;
    }
    let mut new = text("newName").unwrap_or(name).to_owned();
    match (text("newTag"), text("digest")) {
        (_, Some(digest)) => new += &format!("@{digest}"),
        (Some(tag), None) => new += &format!(":{tag}"),
        (None, None) => {
            new += &tag.map_or(String::new(), |t| format!(":{t}"));
            new += &digest.map_or(String::new(), |d| format!("@{d}"));
        }
    }
    Some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_reach_every_part() {
        let mut deployment = json!({"kind": "Deployment", "metadata": {"name": "web"}, "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"image": "reg:5000/nginx:1.25"}]}}}});
        let settings = json!({"namePrefix": "a-", "namespace": "shop", "commonLabels": {"team": "x"},
            "images": [{"name": "reg:5000/nginx", "newTag": "1.26"}], "replicas": [{"name": "web", "count": 4}]});
        apply(&mut deployment, &settings);
        assert_eq!(
            deployment,
            json!({"kind": "Deployment", "metadata": {"name": "a-web", "namespace": "shop", "labels": {"team": "x"}}, "spec": {
                "replicas": 4, "selector": {"matchLabels": {"app": "web", "team": "x"}},
                "template": {"metadata": {"labels": {"app": "web", "team": "x"}}, "spec": {"containers": [{"image": "reg:5000/nginx:1.26"}]}}}})
        );
        let mut role = json!({"kind": "ClusterRole", "metadata": {"name": "r"}});
        apply(&mut role, &settings);
        assert_eq!(role["metadata"]["namespace"], Value::Null);
    }

    #[test]
    fn other_fields_are_refused() {
        let said = |settings: Value| match refuse_others(&settings, "k/kustomization.yaml") {
            Err(Failure::Message(said)) => said,
            other => panic!("{other:?}"),
        };
        assert_eq!(said(json!({"resource": []})), "invalid Kustomization: json: unknown field \"resource\"");
        assert!(
            said(json!({"patches": []}))
                .starts_with("the field \"patches\" of k/kustomization.yaml is not supported here")
        );
        assert!(refuse_others(&json!({"resources": [], "namePrefix": "a"}), "x").is_ok());
    }
}
