//! A table of objects and what the server says of them.

use crate::apiserver::defaults;
use crate::apiserver::error::ApiError;
use crate::object::{Kind, Object};
use serde_json::{Value, json};

fn messages(kind: Kind, mut value: Value) -> Vec<String> {
    value["metadata"]["name"] = json!(value["metadata"]["name"].as_str().unwrap_or("x"));
    value["metadata"]["namespace"] = json!("default");
    let mut object = Object::from_value(kind, value).unwrap();
    crate::apiserver::strategy::prepare_create(&mut object);
    defaults::apply(&mut object);
    super::create(&object).iter().map(|e| format!("{}: {}", e.field, e.message)).collect()
}

fn pod(container: Value) -> Value {
    let mut container = container;
    container["name"] = json!("c");
    container["image"] = json!("nginx");
    json!({"spec": {"containers": [container]}})
}

#[allow(clippy::needless_pass_by_value)]
fn deployment(spec: Value) -> Value {
    let mut value = json!({"spec": {"selector": {"matchLabels": {"app": "x"}}, "template": {
        "metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}}});
    for (key, inner) in spec.as_object().unwrap() {
        value["spec"][key] = inner.clone();
    }
    value
}

#[test]
fn pods() {
    for (value, expected) in [
        (json!({"spec": {"containers": [{"name": "c"}]}}), "spec.containers[0].image: Required value"),
        (json!({"spec": {"containers": []}}), "spec.containers: Required value"),
        (
            pod(json!({"ports": [{"containerPort": 99999}]})),
            "spec.containers[0].ports[0].containerPort: Invalid value: 99999: must be between 1 and 65535, inclusive",
        ),
        (
            pod(json!({"volumeMounts": [{"name": "d", "mountPath": "/d"}]})),
            "spec.containers[0].volumeMounts[0].name: Not found: \"d\"",
        ),
        (
            pod(json!({"livenessProbe": {}})),
            "spec.containers[0].livenessProbe: Required value: must specify a handler type",
        ),
        (
            pod(json!({"livenessProbe": {"exec": {"command": ["a"]}, "successThreshold": 2}})),
            "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
        ),
        (
            pod(json!({"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}})),
            "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1",
        ),
        (
            json!({"spec": {"containers": [{"name": "c", "image": "x"}], "tolerations": [{"key": "a", "operator": "Equal",
                "effect": "NoSchedule", "tolerationSeconds": 3}]}}),
            "spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when `tolerationSeconds` is set",
        ),
        (
            json!({"spec": {"containers": [{"name": "c", "image": "x"}], "volumes": [{"name": "v", "configMap": {}}]}}),
            "spec.volumes[0].configMap.name: Required value",
        ),
        (
            pod(json!({"imagePullPolicy": "Sometimes"})),
            "spec.containers[0].imagePullPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"IfNotPresent\", \"Never\"",
        ),
    ] {
        assert_eq!(messages(Kind::Pod, value), [expected]);
    }
    let both = json!({"spec": {"containers": [{"name": "c", "image": "x", "volumeMounts": [{"name": "d", "mountPath": "/d"}],
        "volumeDevices": [{"name": "d", "devicePath": "/dev/xvda"}]}], "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "b"}}]}});
    assert_eq!(
        messages(Kind::Pod, both),
        [
            "spec.containers[0].volumeMounts[0].name: Invalid value: \"d\": must not already exist in volumeDevices",
            "spec.containers[0].volumeDevices[0].name: Invalid value: \"d\": must not already exist in volumeMounts",
        ]
    );
}

#[test]
fn other_kinds() {
    let claim = |spec: Value| json!({"spec": spec});
    let storage = json!({"requests": {"storage": "1Gi"}});
    for (kind, value, expected) in [
        (
            Kind::Deployment,
            deployment(json!({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}})),
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
        ),
        (
            Kind::Deployment,
            deployment(json!({"selector": {"matchLabels": {"app": "y"}}})),
            "spec.template.metadata.labels: Invalid value: {\"app\":\"x\"}: `selector` does not match template `labels`",
        ),
        (
            Kind::Deployment,
            deployment(json!({"strategy": {"type": "Recreate", "rollingUpdate": {}}})),
            "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
        ),
        (
            Kind::Deployment,
            deployment(json!({"replicas": -1})),
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        ),
        (Kind::Service, json!({"spec": {}}), "spec.ports: Required value"),
        (Kind::Service, json!({"spec": {"type": "ExternalName"}}), "spec.externalName: Required value"),
        (
            Kind::Service,
            json!({"spec": {"ports": [{"port": 80, "nodePort": 30080}]}}),
            "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
        ),
        (
            Kind::PersistentVolumeClaim,
            claim(json!({"accessModes": ["ReadWriteSometimes"], "resources": storage})),
            "spec.accessModes: Unsupported value: \"ReadWriteSometimes\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"",
        ),
        (
            Kind::PersistentVolume,
            json!({"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Keep", "hostPath": {"path": "/x"}}}),
            "spec.persistentVolumeReclaimPolicy: Unsupported value: \"Keep\": supported values: \"Delete\", \"Recycle\", \"Retain\"",
        ),
        (
            Kind::ConfigMap,
            json!({"data": {"bad key": "x"}}),
            "data[bad key]: Invalid value: \"bad key\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
        ),
        (
            Kind::Ingress,
            json!({"spec": {"rules": [{"http": {"paths": [{"path": "/", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}}),
            "spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified",
        ),
        (
            Kind::Job,
            json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "x"}]}}}}),
            "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\"",
        ),
    ] {
        assert_eq!(messages(kind, value), [expected], "{kind:?}");
    }
}

#[test]
fn names_and_labels() {
    let named = |kind: Kind, name: &str| {
        let value = json!({"metadata": {"name": name, "labels": {"bad key": "1"}}});
        ApiError::invalid(kind, name, super::create(&Object::from_value(kind, value).unwrap())).message
    };
    assert!(
        named(Kind::Namespace, "Bad_Name")
            .contains("metadata.name: Invalid value: \"Bad_Name\": a lowercase RFC 1123 label must consist")
    );
    assert!(named(Kind::ConfigMap, "Bad_Name").contains("a lowercase RFC 1123 subdomain must consist"));
    assert!(
        named(Kind::ConfigMap, "x")
            .contains("metadata.labels: Invalid value: \"bad key\": name part must consist of alphanumeric")
    );
}

#[test]
fn immutable_fields() {
    let update = |kind: Kind, old: Value, new: Value| {
        let make = |value: Value| {
            let mut object = Object::from_value(kind, value).unwrap();
            defaults::apply(&mut object);
            object
        };
        let errors = super::update(&make(new), &make(old), crate::apiserver::Part::Spec);
        errors.iter().map(|e| format!("{}: {}", e.field, e.message)).collect::<Vec<_>>()
    };
    let mut other = deployment(json!({"selector": {"matchLabels": {"app": "other"}}}));
    other["metadata"]["name"] = json!("web");
    assert_eq!(
        update(Kind::Deployment, deployment(json!({})), other),
        [
            "spec.template.metadata.labels: Invalid value: {\"app\":\"x\"}: `selector` does not match template `labels`",
            "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"other\"}}: field is immutable",
        ]
    );
    let claim = |size: &str| json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}});
    let expected = "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n@@ -6,7 +6,7 @@\n  \"Resources\": {\n   \"Limits\": null,\n   \"Requests\": {\n-   \"storage\": \"1Gi\"\n+   \"storage\": \"512Mi\"\n   }\n  },\n  \"VolumeName\": \"\",\n";
    assert_eq!(update(Kind::PersistentVolumeClaim, claim("1Gi"), claim("512Mi")), [expected]);
}
