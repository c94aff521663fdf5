//! Printer columns: what `kubectl get` shows of each kind, as the server's `Table`.
//!
//! Always holds: cells are computed from the typed objects; a column with priority 1 is for `-o wide`; a row
//! carries its object's metadata. From `pkg/printers/internalversion`.

mod config;
mod core;
mod dynamic;
mod network;
mod pod;
mod storage;
mod workload;

pub use pod::status as pod_status;

use super::{Request, convert};
use crate::object::{Kind, Object, SECOND, SimTime, meta::MetaExt};
use k8s_openapi::api::core::v1::Container;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, Time};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A column: its name, type, and whether only `-o wide` shows it.
#[derive(Clone, Copy, Debug)]
struct Column {
    name: &'static str,
    type_: &'static str,
    priority: u8,
}

const fn text(name: &'static str) -> Column {
    Column { name, type_: "string", priority: 0 }
}

const fn number(name: &'static str) -> Column {
    Column { name, type_: "integer", priority: 0 }
}

const fn wide(name: &'static str) -> Column {
    Column { name, type_: "string", priority: 1 }
}

const NAME: Column = text("Name");
const AGE: Column = text("Age");

/// What a row carries beside its cells (`includeObject`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rows {
    /// Nothing.
    None,
    /// The object's metadata.
    #[default]
    Metadata,
    /// The whole object.
    Object,
}

impl Rows {
    /// What a request asks for.
    pub fn of(request: &Request) -> Self {
        match request.query_value("includeObject") {
            Some("None") => Self::None,
            Some("Object") => Self::Object,
            _ => Self::Metadata,
        }
    }
}

/// The metadata of an object alone: `PartialObjectMetadata`.
pub fn partial(object: &Object) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object.meta()})
}

/// The Table of some objects of one kind.
pub fn table(kind: Kind, objects: &[Object], carries: Rows, now: SimTime) -> Value {
    let columns: Vec<Value> = columns(kind.stored())
        .iter()
        .map(|c| {
            let format = if c.name == "Name" { "name" } else { "" };
            json!({"name": c.name, "type": c.type_, "format": format, "description": "", "priority": c.priority})
        })
        .collect();
    let mut objects: Vec<&Object> = objects.iter().collect();
    dynamic::arrange(kind, &mut objects);
    let rows: Vec<Value> = objects.into_iter().map(|o| row(kind, o, carries, now)).collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": columns, "rows": rows,
    })
}

fn row(kind: Kind, object: &Object, carries: Rows, now: SimTime) -> Value {
    let whole = if carries == Rows::Object { convert::show(object, kind) } else { Value::Null };
    carry(object, &whole, cells(object, now), carries)
}

/// A row with what it carries: nothing, the metadata, or the whole object.
pub fn carry(object: &Object, whole: &Value, cells: Vec<Value>, carries: Rows) -> Value {
    let carried = match carries {
        Rows::None => Value::Null,
        Rows::Metadata => partial(object),
        Rows::Object => whole.clone(),
    };
    let row = [("cells".to_owned(), Value::Array(cells)), ("object".to_owned(), carried)];
    Value::Object(row.into_iter().collect())
}

fn columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::Pod => pod::COLUMNS,
        Kind::Deployment => workload::DEPLOYMENT,
        Kind::ReplicaSet | Kind::ReplicationController => workload::REPLICA_SET,
        Kind::DaemonSet => workload::DAEMON_SET,
        Kind::StatefulSet => workload::STATEFUL_SET,
        Kind::Job => workload::JOB,
        Kind::CronJob => workload::CRON_JOB,
        Kind::HorizontalPodAutoscaler => workload::AUTOSCALER,
        Kind::PodDisruptionBudget => workload::BUDGET,
        Kind::ControllerRevision => workload::REVISION,
        Kind::PodTemplate => workload::TEMPLATE,
        Kind::Service => network::SERVICE,
        Kind::Endpoints => network::ENDPOINTS,
        Kind::EndpointSlice => network::SLICE,
        Kind::Ingress => network::INGRESS,
        Kind::IngressClass => network::INGRESS_CLASS,
        Kind::NetworkPolicy => network::POLICY,
        Kind::PersistentVolume => storage::VOLUME,
        Kind::PersistentVolumeClaim => storage::CLAIM,
        Kind::StorageClass => storage::CLASS,
        Kind::CSIDriver => storage::DRIVER,
        Kind::CSINode => storage::NODE,
        Kind::VolumeAttachment => storage::ATTACHMENT,
        Kind::Node => core::NODE,
        Kind::Namespace => core::NAMESPACE,
        Kind::Event => core::EVENT,
        Kind::ConfigMap => config::CONFIG_MAP,
        Kind::Secret => config::SECRET,
        Kind::ServiceAccount => &[NAME, AGE],
        Kind::ResourceQuota => config::QUOTA,
        Kind::PriorityClass => config::PRIORITY,
        Kind::Lease => config::LEASE,
        Kind::RoleBinding | Kind::ClusterRoleBinding => config::BINDING,
        Kind::LimitRange | Kind::Role | Kind::ClusterRole | Kind::CustomResourceDefinition => config::CREATED,
        Kind::Dynamic(kind) => dynamic::columns(kind),
    }
}

/// The cells of an object's row.
pub fn cells(object: &Object, now: SimTime) -> Vec<Value> {
    let age = || age(object, now);
    match object {
        Object::Pod(o) => pod::cells(o, now),
        Object::Deployment(o) => workload::deployment(o, &age()),
        Object::ReplicaSet(o) => workload::replica_set(o, &age()),
        Object::ReplicationController(o) => workload::replication_controller(o, &age()),
        Object::DaemonSet(o) => workload::daemon_set(o, &age()),
        Object::StatefulSet(o) => workload::stateful_set(o, &age()),
        Object::Job(o) => workload::job(o, now, &age()),
        Object::CronJob(o) => workload::cron_job(o, now, &age()),
        Object::HorizontalPodAutoscaler(o) => workload::autoscaler(o, &age()),
        Object::PodDisruptionBudget(o) => workload::budget(o, &age()),
        Object::ControllerRevision(o) => workload::revision(o, &age()),
        Object::PodTemplate(o) => workload::template(o),
        Object::Service(o) => network::service(o, &age()),
        Object::Endpoints(o) => network::endpoints(o, &age()),
        Object::EndpointSlice(o) => network::slice(o, &age()),
        Object::Ingress(o) => network::ingress(o, &age()),
        Object::IngressClass(o) => network::ingress_class(o, &age()),
        Object::NetworkPolicy(o) => network::policy(o, &age()),
        Object::PersistentVolume(o) => storage::volume(o, &age()),
        Object::PersistentVolumeClaim(o) => storage::claim(o, &age()),
        Object::StorageClass(o) => storage::class(o, &age()),
        Object::CSIDriver(o) => storage::driver(o, &age()),
        Object::CSINode(o) => vec![name(object), json!(o.spec.drivers.len()), json!(age())],
        Object::VolumeAttachment(o) => storage::attachment(o, &age()),
        Object::Node(o) => core::node(o, &age()),
        Object::Namespace(o) => core::namespace(o, &age()),
        Object::Event(o) => core::event(o, now),
        Object::ConfigMap(o) => config::config_map(o, &age()),
        Object::Secret(o) => config::secret(o, &age()),
        Object::ServiceAccount(_) => vec![name(object), json!(age())],
        Object::ResourceQuota(o) => config::quota(o, &age()),
        Object::PriorityClass(o) => config::priority(o, &age()),
        Object::Lease(o) => config::lease(o, &age()),
        Object::RoleBinding(o) => config::binding(o.name_str(), &o.role_ref, o.subjects.as_deref(), &age()),
        Object::ClusterRoleBinding(o) => {
            config::binding(o.name_str(), &o.role_ref, o.subjects.as_deref(), &age())
        }
        Object::LimitRange(_)
        | Object::Role(_)
        | Object::ClusterRole(_)
        | Object::CustomResourceDefinition(_) => vec![name(object), created_at(object)],
        Object::Dynamic(o) => dynamic::cells(o, object, now),
    }
}

fn name(object: &impl MetaExt) -> Value {
    json!(object.name_str())
}

fn created_at(object: &Object) -> Value {
    object.meta().creation_timestamp.as_ref().map_or(json!("<unknown>"), |t| json!(t))
}

fn age(object: &Object, now: SimTime) -> String {
    since(object.meta().creation_timestamp.as_ref(), now)
}

/// The time since a moment, or `<unknown>`.
fn since(time: Option<&Time>, now: SimTime) -> String {
    time.map_or_else(|| "<unknown>".to_owned(), |t| human_duration(now.since(SimTime::from_api(t))))
}

/// A duration as Kubernetes shows it: `45s`, `3m20s`, `5h`, `2d3h`.
pub fn human_duration(nanos: u64) -> String {
    let seconds = nanos / SECOND;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let two = |big: u64, unit: &str, small: u64, rest: &str| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{rest}") }
    };
    match (seconds, minutes, hours) {
        (..120, ..) => format!("{seconds}s"),
        (_, ..10, _) => two(minutes, "m", seconds % 60, "s"),
        (_, ..180, _) => format!("{minutes}m"),
        (_, _, ..8) => two(hours, "h", minutes % 60, "m"),
        (_, _, ..48) => format!("{hours}h"),
        (_, _, ..192) => two(hours / 24, "d", hours % 24, "h"),
        (_, _, ..17_520) => format!("{}d", hours / 24),
        (_, _, ..70_080) => two(hours / 24 / 365, "y", hours / 24 % 365, "d"),
        _ => format!("{}y", hours / 24 / 365),
    }
}

/// `a=b,c=d`, or `<none>`.
fn labels(map: Option<&BTreeMap<String, String>>) -> String {
    match map {
        Some(map) if !map.is_empty() => {
            map.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",")
        }
        _ => "<none>".to_owned(),
    }
}

/// A label selector's text, or `<none>`.
fn selector(selector: Option<&LabelSelector>) -> String {
    let text = selector.map(|s| crate::object::selector::Selector::from_api(Some(s)).to_string());
    text.filter(|t| !t.is_empty()).unwrap_or_else(|| "<none>".to_owned())
}

/// The names and images of containers, joined by commas.
fn containers(containers: Option<&[Container]>) -> (Value, Value) {
    let join = |f: fn(&Container) -> &str| {
        json!(containers.unwrap_or_default().iter().map(f).collect::<Vec<_>>().join(","))
    };
    (join(|c| &c.name), join(|c| c.image.as_deref().unwrap_or("")))
}

/// Up to three of a list, then how many more: `a,b,c + 2 more...`.
fn first_three(list: &[String]) -> String {
    let shown = list.iter().take(3).cloned().collect::<Vec<_>>().join(",");
    if list.len() > 3 { format!("{shown} + {} more...", list.len() - 3) } else { shown }
}

fn none_if_empty(text: &str) -> Value {
    json!(if text.is_empty() { "<none>" } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (seconds, expected) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (600, "10m"),
            (3 * 3600 - 1, "179m"),
            (3 * 3600, "3h"),
            (3 * 3600 + 61, "3h1m"),
            (8 * 3600 + 61, "8h"),
            (49 * 3600, "2d1h"),
            (10 * 86400, "10d"),
            (800 * 86400, "2y70d"),
        ] {
            assert_eq!(human_duration(seconds * SECOND), expected);
        }
    }

    #[test]
    fn rows_have_a_cell_for_every_column() {
        for kind in Kind::ALL {
            let object = Object::from_value(*kind, json!({"metadata": {"name": "x"}})).unwrap();
            assert_eq!(cells(&object, SimTime(0)).len(), columns(*kind).len(), "{kind:?}");
        }
    }

    #[test]
    fn what_is_shown() {
        let waiting = json!({"name": "c", "ready": false, "restartCount": 2, "image": "", "imageID": "",
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1, "finishedAt": "1970-01-01T00:01:30Z"}}});
        let init = json!([{"name": "i", "ready": false, "restartCount": 0, "image": "", "imageID": "", "state": {"running": {}}}]);
        let spec = json!({"containers": [{"name": "c", "image": "x"}], "initContainers": [{"name": "i"}]});
        for (kind, object, expected) in [
            (
                Kind::Pod,
                json!({"metadata": {"name": "p", "creationTimestamp": "1970-01-01T00:00:00Z"}, "spec": spec,
                    "status": {"phase": "Running", "conditions": [{"type": "Initialized", "status": "True"}],
                    "containerStatuses": [waiting]}}),
                json!([
                    "p",
                    "0/1",
                    "CrashLoopBackOff",
                    "2 (10s ago)",
                    "100s",
                    "<none>",
                    "<none>",
                    "<none>",
                    "<none>"
                ]),
            ),
            (
                Kind::Pod,
                json!({"metadata": {"name": "p", "creationTimestamp": "1970-01-01T00:00:00Z"}, "spec": spec,
                    "status": {"phase": "Pending", "initContainerStatuses": init}}),
                json!(["p", "0/1", "Init:0/1", "0", "100s", "<none>", "<none>", "<none>", "<none>"]),
            ),
            (
                Kind::Service,
                json!({"metadata": {"name": "s", "creationTimestamp": "1970-01-01T00:00:00Z"}, "spec": {"type": "LoadBalancer",
                    "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"], "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}]}}),
                json!(["s", "LoadBalancer", "10.96.0.9", "<pending>", "80:30080/TCP", "100s", "<none>"]),
            ),
            (
                Kind::Node,
                json!({"metadata": {"name": "n", "labels": {"node-role.kubernetes.io/control-plane": ""},
                    "creationTimestamp": "1970-01-01T00:00:00Z"}, "spec": {"unschedulable": true},
                    "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}),
                json!([
                    "n",
                    "NotReady,SchedulingDisabled",
                    "control-plane",
                    "100s",
                    "",
                    "<none>",
                    "<none>",
                    "<unknown>",
                    "<unknown>",
                    "<unknown>"
                ]),
            ),
        ] {
            let object = Object::from_value(kind, object).unwrap();
            assert_eq!(json!(cells(&object, SimTime(100 * SECOND))), expected);
        }
    }
}
