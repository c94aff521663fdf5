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

/// A whole pod, from its container and the rest of its spec.
#[allow(clippy::needless_pass_by_value)]
fn pod_with(container: Value, rest: Value) -> Value {
    let mut value = pod(container);
    for (key, inner) in rest.as_object().unwrap() {
        value["spec"][key] = inner.clone();
    }
    value
}

#[test]
fn containers_of_every_sort() {
    let none = json!({});
    let c = "spec.containers[0]";
    for (container, rest, expected) in [
        (
            json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.nope"}}}]}),
            none.clone(),
            vec![format!(
                "{c}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"spec.nope\": error converting fieldPath: field label not supported: spec.nope"
            )],
        ),
        (
            json!({"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.disk"}}}]}),
            none.clone(),
            vec![format!(
                "{c}.env[0].valueFrom.resourceFieldRef.resource: Unsupported value: \"limits.disk\": supported values: \"limits.cpu\", \"limits.ephemeral-storage\", \"limits.memory\", \"requests.cpu\", \"requests.ephemeral-storage\", \"requests.memory\""
            )],
        ),
        (
            json!({"envFrom": [{}]}),
            none.clone(),
            vec![format!("{c}.envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`")],
        ),
        (
            json!({"livenessProbe": {"exec": {"command": ["a"]}, "httpGet": {"port": 0}}}),
            none.clone(),
            vec![format!("{c}.livenessProbe.httpGet: Forbidden: may not specify more than 1 handler type")],
        ),
        (
            json!({"lifecycle": {"preStop": {"sleep": {"seconds": 40}}}}),
            none.clone(),
            vec![format!(
                "{c}.lifecycle.preStop.sleep: Invalid value: 40: must be non-negative and less than terminationGracePeriodSeconds (30)"
            )],
        ),
        (
            json!({"resources": {"requests": {"example.com/gpu": "1"}}}),
            none.clone(),
            vec![format!("{c}.resources.limits: Required value: Limit must be set for non overcommitable resources")],
        ),
        (
            json!({"resources": {"limits": {"hugepages-2Mi": "3Mi"}}}),
            none.clone(),
            vec![
                format!(
                    "{c}.resources.limits[hugepages-2Mi]: Invalid value: \"3Mi\": 3Mi is not positive integer multiple of hugepages-2Mi"
                ),
                format!(
                    "{c}.resources.requests[hugepages-2Mi]: Invalid value: \"3Mi\": 3Mi is not positive integer multiple of hugepages-2Mi"
                ),
                format!("{c}.resources: Forbidden: HugePages require cpu or memory"),
            ],
        ),
        (
            json!({"securityContext": {"privileged": true, "allowPrivilegeEscalation": false}}),
            none.clone(),
            vec![format!(
                "{c}.securityContext: Invalid value: {{\"Capabilities\":null,\"Privileged\":true,\"SELinuxOptions\":null,\"WindowsOptions\":null,\"RunAsUser\":null,\"RunAsGroup\":null,\"RunAsNonRoot\":null,\"ReadOnlyRootFilesystem\":null,\"AllowPrivilegeEscalation\":false,\"ProcMount\":null,\"SeccompProfile\":null,\"AppArmorProfile\":null}}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            )],
        ),
        (
            json!({}),
            json!({"initContainers": [{"name": "c", "image": "x", "readinessProbe": {"exec": {"command": ["a"]}}}]}),
            vec![
                "spec.initContainers[0].name: Duplicate value: \"c\"".to_owned(),
                "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always".to_owned(),
            ],
        ),
    ] {
        assert_eq!(messages(Kind::Pod, pod_with(container, rest)), expected);
    }
}

#[test]
fn the_rest_of_a_pod() {
    for (rest, expected) in [
        (
            json!({"dnsPolicy": "None"}),
            "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
        ),
        (
            json!({"schedulingGates": [{"name": "a/b"}, {"name": "a/b"}]}),
            "spec.schedulingGates[1]: Duplicate value: \"a/b\"",
        ),
        (
            json!({"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]}),
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
        ),
        (
            json!({"tolerations": [{"key": "a", "operator": "Exists", "value": "x"}]}),
            "spec.tolerations[0].operator: Invalid value: {\"Key\":\"a\",\"Operator\":\"Exists\",\"Value\":\"x\",\"Effect\":\"\",\"TolerationSeconds\":null}: value must be empty when `operator` is 'Exists'",
        ),
        (
            json!({"securityContext": {"seccompProfile": {"type": "Localhost"}}}),
            "spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
        ),
        (
            json!({"os": {"name": "plan9"}}),
            "spec.os: Unsupported value: \"plan9\": supported values: \"linux\", \"windows\"",
        ),
        (
            json!({"ephemeralContainers": [{"name": "e", "image": "x"}]}),
            "spec.ephemeralContainers: Forbidden: cannot be set on create",
        ),
        (
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchFields": [{"key": "metadata.uid", "operator": "In", "values": ["a"]}]}]}}}}),
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key: Invalid value: \"metadata.uid\": not a valid field selector key",
        ),
        (
            json!({"volumes": [{"name": "v", "emptyDir": {}, "secret": {"secretName": "s"}}]}),
            "spec.volumes[0].secret: Forbidden: may not specify more than 1 volume type",
        ),
        (
            json!({"volumes": [{"name": "v", "configMap": {"name": "m", "items": [{"key": "k", "path": "..x"}]}}]}),
            "spec.volumes[0].configMap.items[0].path: Invalid value: \"..x\": must not start with '..'",
        ),
        (
            json!({"hostNetwork": true, "containers": [{"name": "c", "image": "x", "ports": [{"containerPort": 80, "hostPort": 81}]}]}),
            "spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true",
        ),
    ] {
        assert_eq!(messages(Kind::Pod, pod_with(json!({}), rest)), [expected]);
    }
}

#[test]
fn more_kinds() {
    let job = |spec: Value| {
        let mut value = json!({"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}}});
        for (key, inner) in spec.as_object().unwrap() {
            value["spec"][key] = inner.clone();
        }
        value
    };
    let cron = |key: &str, value: &str| {
        let mut spec = json!({"schedule": "* * * * *", "jobTemplate": job(json!({}))});
        spec[key] = json!(value);
        json!({"spec": spec})
    };
    let ports = |ports: Value| json!({"spec": {"ports": ports}});
    let mut wrong = Vec::new();
    let autoscaler = |metric: Value| json!({"spec": {"maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "x"}, "metrics": [metric]}});
    for (kind, value, expected) in [
        (
            Kind::Job,
            job(json!({"completionMode": "Indexed", "parallelism": 2})),
            "spec.completions: Required value: when completion mode is Indexed",
        ),
        (
            Kind::Job,
            job(json!({"backoffLimitPerIndex": 1})),
            "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode",
        ),
        (
            Kind::Job,
            job(json!({"podFailurePolicy": {"rules": [{"action": "Ignore"}]}})),
            "spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required",
        ),
        (
            Kind::Job,
            job(json!({"successPolicy": {"rules": [{"succeededCount": 1}]}})),
            "spec.successPolicy: Invalid value: {\"Rules\":[{\"SucceededIndexes\":null,\"SucceededCount\":1}]}: requires indexed completion mode",
        ),
        (
            Kind::Job,
            job(
                json!({"completionMode": "Indexed", "completions": 3, "successPolicy": {"rules": [{"succeededIndexes": "0-5"}]}}),
            ),
            "spec.successPolicy.rules[0].succeededIndexes: Invalid value: \"0-5\": error parsing succeededIndexes: too large index: \"5\"",
        ),
        (
            Kind::CronJob,
            cron("timeZone", "Mars/Olympus"),
            "spec.timeZone: Invalid value: \"Mars/Olympus\": unknown time zone Mars/Olympus",
        ),
        (
            Kind::CronJob,
            cron("schedule", "TZ=UTC * * * * *"),
            "spec.schedule: Invalid value: \"TZ=UTC * * * * *\": cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
        ),
        (
            Kind::Service,
            ports(json!([{"name": "a", "port": 80}, {"name": "b", "port": 80}])),
            "spec.ports[1]: Duplicate value: {\"Name\":\"\",\"Protocol\":\"TCP\",\"AppProtocol\":null,\"Port\":80,\"TargetPort\":0,\"NodePort\":0}",
        ),
        (
            Kind::Service,
            json!({"spec": {"ports": [{"port": 80}], "externalIPs": ["127.0.0.1"]}}),
            "spec.externalIPs[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
        ),
        (
            Kind::HorizontalPodAutoscaler,
            autoscaler(
                json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}),
            ),
            "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization",
        ),
        (
            Kind::HorizontalPodAutoscaler,
            autoscaler(json!({"type": "Pods"})),
            "spec.metrics[0].pods: Required value: must populate information for the given metric source",
        ),
        (
            Kind::PriorityClass,
            json!({"value": 2_000_000_000}),
            "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
        ),
        (
            Kind::LimitRange,
            json!({"spec": {"limits": [{"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "2"}}]}}),
            "spec.limits[0].defaultRequest[cpu]: Invalid value: \"2\": default request value 2 is greater than default limit value 1",
        ),
        (
            Kind::ResourceQuota,
            json!({"spec": {"hard": {"secrets": "1"}, "scopes": ["BestEffort"]}}),
            "spec.scopes: Invalid value: [\"BestEffort\"]: unsupported scope applied to resource",
        ),
        (
            Kind::NetworkPolicy,
            json!({"spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}]}]}}),
            "spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: \"11.0.0.0/16\": must be a strict subset of `cidr`",
        ),
        (
            Kind::PodDisruptionBudget,
            json!({"spec": {"minAvailable": 1, "maxUnavailable": 1}}),
            "spec: Invalid value: {\"MinAvailable\":1,\"Selector\":null,\"MaxUnavailable\":1,\"UnhealthyPodEvictionPolicy\":null}: minAvailable and maxUnavailable cannot be both set",
        ),
        (
            Kind::RoleBinding,
            json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
                "subjects": [{"kind": "User", "name": "u", "apiGroup": "x"}]}),
            "subjects[0].apiGroup: Unsupported value: \"x\": supported values: \"rbac.authorization.k8s.io\"",
        ),
        (
            Kind::EndpointSlice,
            json!({"addressType": "IPv4", "endpoints": [{"addresses": ["fe80::1"]}]}),
            "endpoints[0].addresses[0]: Invalid value: \"fe80::1\": must be a valid IPv4 address",
        ),
    ] {
        let found = messages(kind, value);
        if found != [expected] {
            wrong.push(format!("{kind:?}: {found:#?}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_an_update_may_not_do() {
    let job = |image: &str| {
        let mut object = Object::from_value(
            Kind::Job,
            json!({"spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"restartPolicy": "Never",
                "containers": [{"name": "c", "image": image}]}}}}),
        )
        .unwrap();
        defaults::apply(&mut object);
        object
    };
    let errors = super::update(&job("y"), &job("x"), crate::apiserver::Part::Spec);
    let said = errors.iter().find(|e| e.field == "spec.template").unwrap();
    assert!(said.message.starts_with(
        "Invalid value: {\"labels\":{\"a\":\"b\"},\"Spec\":{\"Volumes\":null,\"InitContainers\":null,\"Containers\":[{\"Name\":\"c\",\"Image\":\"y\","
    ));
    assert!(said.message.ends_with("}: field is immutable"), "{}", said.message);
}

#[test]
fn flow_control() {
    let version = "flowcontrol.apiserver.k8s.io/v1";
    let wrong = |kind: &str, name: &str, spec: Value| {
        let kind = Kind::find(version, kind).unwrap();
        messages(kind, json!({"metadata": {"name": name}, "spec": spec}))
    };
    for object in crate::apiserver::flow_control::objects() {
        let mut object = object;
        defaults::apply(&mut object);
        assert!(super::create(&object).is_empty(), "{:?}: {:?}", object.key(), super::create(&object));
    }
    let rule = |rule: Value| json!({"priorityLevelConfiguration": {"name": "a"}, "rules": [rule]});
    let user = json!([{"kind": "User", "user": {"name": "a"}}]);
    for (spec, expected) in [
        (
            json!({"matchingPrecedence": 1}),
            "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
        ),
        (
            json!({"matchingPrecedence": 10001}),
            "spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000",
        ),
        (json!({}), "spec.priorityLevelConfiguration.name: Required value: must reference a priority level"),
        (
            json!({"distinguisherMethod": {"type": "x"}}),
            "spec.distinguisherMethod.type: Unsupported value: {\"Type\":\"x\"}: supported values: \"ByNamespace\", \"ByUser\"",
        ),
        (rule(json!({})), "spec.rules[0].subjects: Required value: subjects must contain at least one value"),
        (
            rule(json!({"subjects": user})),
            "spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty",
        ),
        (
            rule(json!({"subjects": [{"kind": "User", "group": {"name": "g"}}]})),
            "spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'",
        ),
        (
            rule(json!({"subjects": [{"kind": "User", "group": {"name": "g"}}]})),
            "spec.rules[0].subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'",
        ),
        (
            rule(json!({"nonResourceRules": [{"verbs": ["*", "get"], "nonResourceURLs": ["/a*"]}]})),
            "spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: \"/a*\": wildcard can only do suffix matching",
        ),
        (
            rule(json!({"nonResourceRules": [{"verbs": ["*", "get"]}]})),
            "spec.rules[0].nonResourceRules[0].verbs: Invalid value: [\"*\",\"get\"]: if '*' is present, must not specify other verbs",
        ),
        (
            rule(json!({"resourceRules": [{"verbs": ["fly"]}]})),
            "spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace",
        ),
    ] {
        let found = wrong("FlowSchema", "x", spec);
        assert!(found.iter().any(|m| m == expected), "wanted {expected}, found {found:#?}");
    }
    let queue = |queuing: Value| json!({"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": queuing}}});
    for (spec, expected) in [
        (
            json!({"type": "x"}),
            "spec.type: Unsupported value: \"x\": supported values: \"Exempt\", \"Limited\"",
        ),
        (
            json!({"type": "Exempt"}),
            "spec.type: Invalid value: \"Exempt\": type must be 'Exempt' if and only if name is 'exempt'",
        ),
        (json!({"type": "Limited"}), "spec.limited: Required value: must not be empty when type is Limited"),
        (
            queue(Value::Null),
            "spec.limited.limitResponse.queuing: Required value: must not be empty if limited.limitResponse.type is Limited",
        ),
        (
            queue(json!({"queues": 5})),
            "spec.limited.limitResponse.queuing.handSize: Invalid value: 8: should not be greater than queues (5)",
        ),
        (
            queue(json!({"queues": 10_000_000, "handSize": 9})),
            "spec.limited.limitResponse.queuing.handSize: Invalid value: 9: required entropy bits of deckSize 10000000 and handSize 9 should not be greater than 60",
        ),
        (
            json!({"type": "Limited", "limited": {"lendablePercent": 101, "limitResponse": {"type": "Reject"}}}),
            "spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive",
        ),
    ] {
        let found = wrong("PriorityLevelConfiguration", "x", spec);
        assert!(found.iter().any(|m| m == expected), "wanted {expected}, found {found:#?}");
    }
    assert!(wrong("PriorityLevelConfiguration", "x", queue(json!({}))).is_empty());
    let fixed = json!({"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}});
    let found = wrong("PriorityLevelConfiguration", "catch-all", fixed);
    assert!(found[0].ends_with(": spec of 'catch-all' must equal the fixed value"), "{found:?}");
    let found = wrong(
        "PriorityLevelConfiguration",
        "exempt",
        json!({"type": "Exempt", "exempt": {"lendablePercent": 5}}),
    );
    assert!(found.is_empty(), "{found:?}");
}
