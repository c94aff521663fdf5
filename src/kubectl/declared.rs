//! The order in which Go declares the members of the API's types. Commands that hold typed objects print JSON in it;
//! all others print sorted members.

use super::call::Call;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Members in the order of their declaration. One order serves for every type, but for those in [`OTHERS`].
const ORDER: &str = "clientVersion kustomizeVersion serverVersion major minor emulationMajor emulationMinor \
    minCompatibilityMajor minCompatibilityMinor gitVersion gitCommit gitTreeState buildDate goVersion compiler platform \
    kind apiVersion preferences clusters users contexts current-context metadata \
    name generateName namespace selfLink uid resourceVersion generation creationTimestamp deletionTimestamp \
    deletionGracePeriodSeconds labels annotations ownerReferences finalizers managedFields \
    cluster user context server tls-server-name insecure-skip-tls-verify certificate-authority \
    certificate-authority-data proxy-url client-certificate client-certificate-data client-key client-key-data token \
    tokenFile as as-uid as-groups as-user-extra username password auth-provider exec \
    secrets imagePullSecrets automountServiceAccountToken immutable data binaryData stringData \
    value globalDefault description preemptionPolicy verbs apiGroup apiGroups resources resourceNames nonResourceURLs \
    subjects roleRef rules aggregationRule spec status \
    schedule timeZone startingDeadlineSeconds concurrencyPolicy suspend jobTemplate successfulJobsHistoryLimit \
    failedJobsHistoryLimit parallelism completions activeDeadlineSeconds podFailurePolicy successPolicy backoffLimit \
    backoffLimitPerIndex maxFailedIndexes ingressClassName defaultBackend tls hosts secretName host http paths path \
    pathType backend service number scaleTargetRef minReplicas maxReplicas metrics hard scopes scopeSelector \
    minAvailable manualSelector replicas volumes initContainers containers ephemeralContainers restartPolicy \
    terminationGracePeriodSeconds dnsPolicy image command args workingDir ports hostPort containerPort protocol \
    appProtocol port targetPort nodePort nodeSelector serviceAccountName serviceAccount nodeName hostNetwork hostPID \
    hostIPC shareProcessNamespace env envFrom valueFrom configMapKeyRef secretKeyRef fieldRef resource target limits \
    requests claims volumeMounts volumeDevices livenessProbe readinessProbe startupProbe lifecycle \
    terminationMessagePath terminationMessagePolicy imagePullPolicy securityContext stdin stdinOnce tty selector \
    matchLabels matchExpressions key operator values template clusterIP clusterIPs type rollingUpdate externalIPs \
    sessionAffinity loadBalancerIP loadBalancerSourceRanges externalName externalTrafficPolicy \
    healthCheckNodePort publishNotReadyAddresses sessionAffinityConfig ipFamilies ipFamilyPolicy \
    allocateLoadBalancerNodePorts loadBalancerClass internalTrafficPolicy maxUnavailable maxSurge strategy \
    updateStrategy minReadySeconds revisionHistoryLimit paused progressDeadlineSeconds ttlSecondsAfterFinished \
    completionMode podReplacementPolicy hostname subdomain affinity schedulerName tolerations hostAliases \
    priorityClassName priority dnsConfig readinessGates enableServiceLinks observedGeneration";

/// Types whose order is another one, by the member that holds them.
const OTHERS: &[(&str, &str)] = &[
    ("roleRef", "apiGroup kind name"),
    ("subjects", "kind apiGroup name namespace"),
    ("context", "cluster user namespace"),
    ("userInfo", "username uid groups extra"),
    ("scaleTargetRef", "kind name apiVersion"),
    ("resources", "limits requests claims"),
    ("containers", "name image command args workingDir ports envFrom env resources"),
];

/// Members that hold maps of the user's own keys, which are sorted.
const MAPS: &[&str] = &[
    "labels",
    "annotations",
    "data",
    "stringData",
    "binaryData",
    "matchLabels",
    "nodeSelector",
    "limits",
    "requests",
    "hard",
    "config",
];

/// Commands whose objects are typed.
const TYPED: &[&str] = &[
    "create",
    "run",
    "expose",
    "autoscale",
    "set",
    "rollout",
    "taint",
    "config",
    "debug",
    "auth",
    "cluster-info",
];

static RANKS: LazyLock<BTreeMap<&'static str, usize>> =
    LazyLock::new(|| ORDER.split_whitespace().enumerate().map(|(rank, name)| (name, rank)).collect());

/// Whether this command prints the members of its objects in the order of their declaration.
pub fn is_typed(call: &Call) -> bool {
    let mut words = call.path.split(' ').skip(1);
    let verb = words.next().unwrap_or("");
    let from_file = verb == "create" && words.next().is_none_or(|sub| sub == "token");
    TYPED.contains(&verb) && !from_file
}

/// Adds the members that Go's encoder always writes, as a file that was read into typed objects shows them.
pub fn complete(object: &mut Value) {
    let kind = object["kind"].as_str().unwrap_or("").to_owned();
    let object_at = |object: &mut Value, path: &str, member: &str, value: Value| {
        if let Some(map) = object.pointer_mut(path).and_then(Value::as_object_mut) {
            map.entry(member).or_insert(value);
        }
    };
    let (pod, strategy) = match kind.as_str() {
        "Pod" => ("/spec", ""),
        "Deployment" => ("/spec/template/spec", "strategy"),
        "DaemonSet" | "StatefulSet" => ("/spec/template/spec", "updateStrategy"),
        "CronJob" => ("/spec/jobTemplate/spec/template/spec", ""),
        "ReplicaSet" | "Job" | "ReplicationController" => ("/spec/template/spec", ""),
        _ => ("", ""),
    };
    if !strategy.is_empty() {
        object_at(object, "/spec", strategy, json!({}));
    }
    let status = match kind.as_str() {
        "Service" => json!({"loadBalancer": {}}),
        "DaemonSet" => {
            json!({"currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0})
        }
        "StatefulSet" => json!({"availableReplicas": 0, "replicas": 0}),
        "ReplicaSet" | "ReplicationController" => json!({"replicas": 0}),
        _ if !pod.is_empty() => json!({}),
        _ => Value::Null,
    };
    if !status.is_null() {
        object_at(object, "", "status", status);
    }
    for list in ["containers", "initContainers"] {
        for container in
            object.pointer_mut(&format!("{pod}/{list}")).and_then(Value::as_array_mut).into_iter().flatten()
        {
            object_at(container, "", "resources", json!({}));
        }
    }
    if kind == "Service" {
        for port in object.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
            object_at(port, "", "targetPort", json!(0));
        }
    }
}

/// The members of an object that stands in `parent`, in the order of their declaration.
pub fn members<'v>(parent: &str, map: &'v serde_json::Map<String, Value>) -> Vec<(&'v String, &'v Value)> {
    let mut members: Vec<(&String, &Value)> = map.iter().collect();
    let strings = map.values().all(Value::is_string);
    if MAPS.contains(&parent) || (parent == "selector" && strings) {
        members.sort_by_key(|(name, _)| *name);
        return members;
    }
    let other = OTHERS.iter().find(|(name, _)| *name == parent).map_or("", |(_, order)| *order);
    let rank = |name: &str| {
        let own = other.split(' ').position(|member| member == name);
        own.unwrap_or_else(|| 1000 + RANKS.get(name).copied().unwrap_or(usize::MAX / 2))
    };
    members.sort_by(|a, b| (rank(a.0), a.0).cmp(&(rank(b.0), b.0)));
    members
}
