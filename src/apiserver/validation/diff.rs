//! The difference between two specs as the server shows it: its own types as indented JSON, and a unified diff.
//!
//! Always holds: fields stand in the order of the server's internal structs, absent ones as Go's zero values.

use crate::difference;
use k8s_openapi::api::batch::v1::SuccessPolicy;
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaimSpec, PodSpec, PodTemplateSpec, SecurityContext, Toleration,
};
use k8s_openapi::api::policy::v1::PodDisruptionBudgetSpec;
use serde_json::Value;
use std::fmt::Write;

use Zero::{False, List, Null, Number, Pointer, Struct, Text};

/// What a field of an internal struct holds.
#[derive(Clone, Copy)]
enum Zero {
    /// A pointer, list or map: `null`.
    Null,
    /// Text: `""`.
    Text,
    /// A truth value: `false`.
    False,
    /// A number: `0`.
    Number,
    /// A struct, shown with all its fields.
    Struct(&'static [Field]),
    /// A pointer to a struct: `null`, or all its fields.
    Pointer(&'static [Field]),
    /// A list of structs.
    List(&'static [Field]),
}

type Field = (&'static str, Zero);

const RESOURCES: &[Field] =
    &[("Limits", Null), ("Requests", Null), ("Claims", List(&[("Name", Text), ("Request", Text)]))];
const CLAIM_RESOURCES: &[Field] = &[("Limits", Null), ("Requests", Null)];
const CLAIM: &[Field] = &[
    ("AccessModes", Null),
    ("Selector", Null),
    ("Resources", Struct(CLAIM_RESOURCES)),
    ("VolumeName", Text),
    ("StorageClassName", Null),
    ("VolumeMode", Null),
    ("DataSource", Pointer(&[("APIGroup", Null), ("Kind", Text), ("Name", Text)])),
    ("DataSourceRef", Pointer(&[("APIGroup", Null), ("Kind", Text), ("Name", Text), ("Namespace", Null)])),
    ("VolumeAttributesClassName", Null),
];
const HTTP: &[Field] = &[
    ("Path", Text),
    ("Port", Number),
    ("Host", Text),
    ("Scheme", Text),
    ("HTTPHeaders", List(&[("Name", Text), ("Value", Text)])),
];
const EXEC: &[Field] = &[("Command", Null)];
const TCP: &[Field] = &[("Port", Number), ("Host", Text)];
const PROBE: &[Field] = &[
    ("Exec", Pointer(EXEC)),
    ("HTTPGet", Pointer(HTTP)),
    ("TCPSocket", Pointer(TCP)),
    ("GRPC", Pointer(&[("Port", Number), ("Service", Null)])),
    ("InitialDelaySeconds", Number),
    ("TimeoutSeconds", Number),
    ("PeriodSeconds", Number),
    ("SuccessThreshold", Number),
    ("FailureThreshold", Number),
    ("TerminationGracePeriodSeconds", Null),
];
const HANDLER: &[Field] = &[
    ("Exec", Pointer(EXEC)),
    ("HTTPGet", Pointer(HTTP)),
    ("TCPSocket", Pointer(TCP)),
    ("Sleep", Pointer(&[("Seconds", Number)])),
];
const FIELD_REF: &[Field] = &[("APIVersion", Text), ("FieldPath", Text)];
const RESOURCE_REF: &[Field] = &[("ContainerName", Text), ("Resource", Text), ("Divisor", Text)];
const KEY_REF: &[Field] = &[("Name", Text), ("Key", Text), ("Optional", Null)];
const ENV: &[Field] = &[
    ("Name", Text),
    ("Value", Text),
    (
        "ValueFrom",
        Pointer(&[
            ("FieldRef", Pointer(FIELD_REF)),
            ("ResourceFieldRef", Pointer(RESOURCE_REF)),
            ("ConfigMapKeyRef", Pointer(KEY_REF)),
            ("SecretKeyRef", Pointer(KEY_REF)),
            ("FileKeyRef", Null),
        ]),
    ),
];
const OBJECT_REF: &[Field] = &[("Name", Text), ("Optional", Null)];
const SECURITY: &[Field] = &[
    ("Capabilities", Pointer(&[("Add", Null), ("Drop", Null)])),
    ("Privileged", Null),
    ("SELinuxOptions", Null),
    ("WindowsOptions", Null),
    ("RunAsUser", Null),
    ("RunAsGroup", Null),
    ("RunAsNonRoot", Null),
    ("ReadOnlyRootFilesystem", Null),
    ("AllowPrivilegeEscalation", Null),
    ("ProcMount", Null),
    ("SeccompProfile", Null),
    ("AppArmorProfile", Null),
];
const BUDGET: &[Field] = &[
    ("MinAvailable", Null),
    ("Selector", Null),
    ("MaxUnavailable", Null),
    ("UnhealthyPodEvictionPolicy", Null),
];
const CONTAINER: &[Field] = &[
    ("Name", Text),
    ("Image", Text),
    ("Command", Null),
    ("Args", Null),
    ("WorkingDir", Text),
    (
        "Ports",
        List(&[
            ("Name", Text),
            ("HostPort", Number),
            ("ContainerPort", Number),
            ("Protocol", Text),
            ("HostIP", Text),
        ]),
    ),
    (
        "EnvFrom",
        List(&[("Prefix", Text), ("ConfigMapRef", Pointer(OBJECT_REF)), ("SecretRef", Pointer(OBJECT_REF))]),
    ),
    ("Env", List(ENV)),
    ("Resources", Struct(RESOURCES)),
    ("ResizePolicy", List(&[("ResourceName", Text), ("RestartPolicy", Text)])),
    ("RestartPolicy", Null),
    ("RestartPolicyRules", Null),
    (
        "VolumeMounts",
        List(&[
            ("Name", Text),
            ("ReadOnly", False),
            ("RecursiveReadOnly", Null),
            ("MountPath", Text),
            ("SubPath", Text),
            ("MountPropagation", Null),
            ("SubPathExpr", Text),
        ]),
    ),
    ("VolumeDevices", List(&[("Name", Text), ("DevicePath", Text)])),
    ("LivenessProbe", Pointer(PROBE)),
    ("ReadinessProbe", Pointer(PROBE)),
    ("StartupProbe", Pointer(PROBE)),
    (
        "Lifecycle",
        Pointer(&[("PostStart", Pointer(HANDLER)), ("PreStop", Pointer(HANDLER)), ("StopSignal", Null)]),
    ),
    ("TerminationMessagePath", Text),
    ("TerminationMessagePolicy", Text),
    ("ImagePullPolicy", Text),
    ("SecurityContext", Pointer(SECURITY)),
    ("Stdin", False),
    ("StdinOnce", False),
    ("TTY", False),
];
const ITEMS: &[Field] = &[("Key", Text), ("Path", Text), ("Mode", Null)];
const DOWNWARD: &[Field] = &[
    ("Path", Text),
    ("FieldRef", Pointer(FIELD_REF)),
    ("ResourceFieldRef", Pointer(RESOURCE_REF)),
    ("Mode", Null),
];
const PROJECTION: &[Field] = &[
    ("Secret", Pointer(&[("Name", Text), ("Items", List(ITEMS)), ("Optional", Null)])),
    ("DownwardAPI", Pointer(&[("Items", List(DOWNWARD))])),
    ("ConfigMap", Pointer(&[("Name", Text), ("Items", List(ITEMS)), ("Optional", Null)])),
    ("ServiceAccountToken", Pointer(&[("Audience", Text), ("ExpirationSeconds", Number), ("Path", Text)])),
    ("ClusterTrustBundle", Null),
    ("PodCertificate", Null),
];
const VOLUME: &[Field] = &[
    ("Name", Text),
    ("HostPath", Pointer(&[("Path", Text), ("Type", Null)])),
    ("EmptyDir", Pointer(&[("Medium", Text), ("SizeLimit", Null)])),
    ("GCEPersistentDisk", Null),
    ("AWSElasticBlockStore", Null),
    ("GitRepo", Null),
    (
        "Secret",
        Pointer(&[("SecretName", Text), ("Items", List(ITEMS)), ("DefaultMode", Null), ("Optional", Null)]),
    ),
    ("NFS", Pointer(&[("Server", Text), ("Path", Text), ("ReadOnly", False)])),
    ("ISCSI", Null),
    ("Glusterfs", Null),
    ("PersistentVolumeClaim", Pointer(&[("ClaimName", Text), ("ReadOnly", False)])),
    ("RBD", Null),
    ("Quobyte", Null),
    ("FlexVolume", Null),
    ("Cinder", Null),
    ("CephFS", Null),
    ("Flocker", Null),
    ("DownwardAPI", Pointer(&[("Items", List(DOWNWARD)), ("DefaultMode", Null)])),
    ("FC", Null),
    ("AzureFile", Null),
    (
        "ConfigMap",
        Pointer(&[("Name", Text), ("Items", List(ITEMS)), ("DefaultMode", Null), ("Optional", Null)]),
    ),
    ("VsphereVolume", Null),
    ("AzureDisk", Null),
    ("PhotonPersistentDisk", Null),
    ("Projected", Pointer(&[("Sources", List(PROJECTION)), ("DefaultMode", Null)])),
    ("PortworxVolume", Null),
    ("ScaleIO", Null),
    ("StorageOS", Null),
    ("CSI", Null),
    ("Ephemeral", Null),
    ("Image", Pointer(&[("Reference", Text), ("PullPolicy", Text)])),
];
const POD_SECURITY: &[Field] = &[
    ("HostNetwork", False),
    ("HostPID", False),
    ("HostIPC", False),
    ("ShareProcessNamespace", Null),
    ("HostUsers", Null),
    ("SELinuxOptions", Null),
    ("WindowsOptions", Null),
    ("RunAsUser", Null),
    ("RunAsGroup", Null),
    ("RunAsNonRoot", Null),
    ("SupplementalGroups", Null),
    ("SupplementalGroupsPolicy", Null),
    ("FSGroup", Null),
    ("Sysctls", Null),
    ("FSGroupChangePolicy", Null),
    ("SeccompProfile", Null),
    ("AppArmorProfile", Null),
    ("SELinuxChangePolicy", Null),
];
const TOLERATION: &[Field] =
    &[("Key", Text), ("Operator", Text), ("Value", Text), ("Effect", Text), ("TolerationSeconds", Null)];
const POD: &[Field] = &[
    ("Volumes", List(VOLUME)),
    ("InitContainers", List(CONTAINER)),
    ("Containers", List(CONTAINER)),
    ("EphemeralContainers", Null),
    ("RestartPolicy", Text),
    ("TerminationGracePeriodSeconds", Null),
    ("ActiveDeadlineSeconds", Null),
    ("DNSPolicy", Text),
    ("NodeSelector", Null),
    ("ServiceAccountName", Text),
    ("AutomountServiceAccountToken", Null),
    ("NodeName", Text),
    ("SecurityContext", Pointer(POD_SECURITY)),
    ("ImagePullSecrets", List(&[("Name", Text)])),
    ("Hostname", Text),
    ("Subdomain", Text),
    ("SetHostnameAsFQDN", Null),
    ("Affinity", Null),
    ("SchedulerName", Text),
    ("Tolerations", List(TOLERATION)),
    ("HostAliases", List(&[("IP", Text), ("Hostnames", Null)])),
    ("PriorityClassName", Text),
    ("Priority", Null),
    ("PreemptionPolicy", Null),
    ("DNSConfig", Null),
    ("ReadinessGates", List(&[("ConditionType", Text)])),
    ("RuntimeClassName", Null),
    ("Overhead", Null),
    ("EnableServiceLinks", Null),
    ("TopologySpreadConstraints", Null),
    ("OS", Null),
    ("SchedulingGates", List(&[("Name", Text)])),
    ("ResourceClaims", Null),
    ("Resources", Null),
    ("HostnameOverride", Null),
    ("WorkloadRef", Null),
];

/// The diff of two claims' specs.
pub fn claim_spec(old: &PersistentVolumeClaimSpec, new: &PersistentVolumeClaimSpec) -> String {
    let dump =
        |spec: &PersistentVolumeClaimSpec| dump(&serde_json::to_value(spec).unwrap_or(Value::Null), CLAIM);
    difference::unified(&dump(old), &dump(new), 3)
}

/// The diff of two pods' specs.
pub fn pod_spec(old: &PodSpec, new: &PodSpec) -> String {
    difference::unified(&dump(&internal(old), POD), &dump(&internal(new), POD), 3)
}

/// A pod's spec as the server's own types have it: what a pod shares with its host is in the security context.
fn internal(spec: &PodSpec) -> Value {
    let mut value = serde_json::to_value(spec).unwrap_or(Value::Null);
    for field in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"] {
        let moved = value.get(field).cloned();
        if let Some(moved) = moved {
            value["securityContext"][field] = moved;
        }
    }
    value
}

/// A security context as one line of the server's own JSON.
pub fn security_context(context: &SecurityContext) -> String {
    compact(&serde_json::to_value(context).unwrap_or(Value::Null), SECURITY)
}

/// A budget's spec as one line of the server's own JSON.
pub fn budget(spec: &PodDisruptionBudgetSpec) -> String {
    compact(&serde_json::to_value(spec).unwrap_or(Value::Null), BUDGET)
}

/// A toleration as one line of the server's own JSON.
pub fn toleration(toleration: &Toleration) -> String {
    compact(&serde_json::to_value(toleration).unwrap_or(Value::Null), TOLERATION)
}

/// A success policy as one line of the server's own JSON.
pub fn success_policy(policy: &SuccessPolicy) -> String {
    const RULES: &[Field] = &[("Rules", List(&[("SucceededIndexes", Null), ("SucceededCount", Null)]))];
    compact(&serde_json::to_value(policy).unwrap_or(Value::Null), RULES)
}

/// A template as one line of the server's own JSON: its metadata, then `Spec`.
pub fn template(template: &PodTemplateSpec) -> String {
    let spec = template.spec.as_ref().map_or(Value::Null, internal);
    let meta = template.metadata.as_ref();
    let mut text = "{".to_owned();
    for (name, map) in [
        ("labels", meta.and_then(|m| m.labels.as_ref())),
        ("annotations", meta.and_then(|m| m.annotations.as_ref())),
    ] {
        if let Some(map) = map.filter(|m| !m.is_empty()) {
            let _ = write!(text, "\"{name}\":{},", serde_json::json!(map));
        }
    }
    text + "\"Spec\":" + &compact(&spec, POD) + "}"
}

/// The same without its lines and indents.
fn compact(value: &Value, fields: &'static [Field]) -> String {
    let lines = dump(value, fields);
    lines.lines().map(|line| line.trim_start().replacen("\": ", "\":", 1)).collect()
}

fn dump(value: &Value, fields: &'static [Field]) -> String {
    let mut text = String::new();
    structure(&mut text, value, fields, 0);
    text.push('\n');
    text
}

fn indent(text: &mut String, depth: usize) {
    text.extend(std::iter::repeat_n(' ', depth));
}

/// The JSON name of an internal field: `HTTPGet` is `httpGet`, `TTY` is `tty`.
fn json_name(value: &Value, name: &str) -> Option<Value> {
    let map = value.as_object()?;
    map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone())
}

fn structure(text: &mut String, value: &Value, fields: &'static [Field], depth: usize) {
    text.push_str("{\n");
    for (index, (name, zero)) in fields.iter().enumerate() {
        indent(text, depth + 1);
        let _ = write!(text, "\"{name}\": ");
        let inner = json_name(value, name).filter(|v| !v.is_null());
        field(text, inner.as_ref(), *zero, depth + 1);
        text.push_str(if index + 1 < fields.len() { ",\n" } else { "\n" });
    }
    indent(text, depth);
    text.push('}');
}

fn field(text: &mut String, value: Option<&Value>, zero: Zero, depth: usize) {
    match (value, zero) {
        (None, Struct(fields)) => structure(text, &Value::Null, fields, depth),
        (None, Null | Pointer(_) | List(_)) => text.push_str("null"),
        (None, Text) => text.push_str("\"\""),
        (None, False) => text.push_str("false"),
        (None, Number) => text.push('0'),
        (Some(value), Struct(fields) | Pointer(fields)) => structure(text, value, fields, depth),
        (Some(Value::Array(items)), List(fields)) => {
            text.push_str("[\n");
            for (index, item) in items.iter().enumerate() {
                indent(text, depth + 1);
                structure(text, item, fields, depth + 1);
                text.push_str(if index + 1 < items.len() { ",\n" } else { "\n" });
            }
            indent(text, depth);
            text.push(']');
        }
        (Some(value), _) => plain(text, value, depth),
    }
}

/// A value of no known struct, indented as it is.
fn plain(text: &mut String, value: &Value, depth: usize) {
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    if serde::Serialize::serialize(value, &mut serializer).is_err() {
        return;
    }
    let pretty = String::from_utf8_lossy(&bytes).into_owned();
    let prefix = format!("\n{}", " ".repeat(depth));
    text.push_str(&pretty.replace('\n', &prefix));
}
