//! Flow control: the levels of priority and the schemas of flows that every API server starts with.
//!
//! Does not: hold any request back; the simulated server has no load to share out.

use crate::object::{Kind, Object};
use serde_json::{Value, json};

/// The group.
pub const GROUP: &str = "flowcontrol.apiserver.k8s.io";

/// A level of limited concurrency: its shares, how many percent it lends, and queues, hand size and their length.
type Level = (&'static str, i64, i64, Option<(i64, i64, i64)>);

const LEVELS: &[Level] = &[
    ("catch-all", 5, 0, None),
    ("system", 30, 33, Some((64, 6, 50))),
    ("node-high", 40, 25, Some((64, 6, 50))),
    ("leader-election", 10, 0, Some((16, 4, 50))),
    ("workload-high", 40, 50, Some((128, 6, 50))),
    ("workload-low", 100, 90, Some((128, 6, 50))),
    ("global-default", 20, 50, Some((128, 6, 50))),
];

/// Who a schema is about.
enum Who {
    Groups(&'static [&'static str]),
    Users(&'static [&'static str]),
    /// Users, and service accounts of `kube-system`.
    Components(&'static [&'static str], &'static [&'static str]),
}

/// What of it.
enum What {
    All,
    Health,
    /// Verbs, and for each group its resources and whether those without a namespace are meant.
    Resources(&'static [&'static str], &'static [(&'static str, &'static [&'static str], bool)]),
}

/// Its name, level and precedence, what tells flows apart, whom and what it is about.
type Schema = (&'static str, &'static str, i64, &'static str, Who, What);

const EVERYBODY: Who = Who::Groups(&["system:unauthenticated", "system:authenticated"]);
const MANAGER: &str = "system:kube-controller-manager";
const SCHEDULER: &str = "system:kube-scheduler";
const KEEPING: &[&str] = &["get", "create", "update"];
const LEASES: (&str, &[&str], bool) = ("coordination.k8s.io", &["leases"], false);

const SCHEMAS: &[Schema] = &[
    ("exempt", "exempt", 1, "", Who::Groups(&["system:masters"]), What::All),
    ("probes", "exempt", 2, "", EVERYBODY, What::Health),
    (
        "system-leader-election",
        "leader-election",
        100,
        "ByUser",
        Who::Components(&[MANAGER, SCHEDULER], &["*"]),
        What::Resources(KEEPING, &[LEASES]),
    ),
    (
        "endpoint-controller",
        "workload-high",
        150,
        "ByUser",
        Who::Components(&[MANAGER], &["endpoint-controller", "endpointslicemirroring-controller"]),
        What::Resources(KEEPING, &[("", &["endpoints"], false)]),
    ),
    (
        "workload-leader-election",
        "leader-election",
        200,
        "ByUser",
        Who::Components(&[], &["*"]),
        What::Resources(KEEPING, &[LEASES]),
    ),
    (
        "system-node-high",
        "node-high",
        400,
        "ByUser",
        Who::Groups(&["system:nodes"]),
        What::Resources(&["*"], &[("", &["nodes", "nodes/status"], true), LEASES]),
    ),
    ("system-nodes", "system", 500, "ByUser", Who::Groups(&["system:nodes"]), What::All),
    ("kube-controller-manager", "workload-high", 800, "ByNamespace", Who::Users(&[MANAGER]), What::All),
    ("kube-scheduler", "workload-high", 800, "ByNamespace", Who::Users(&[SCHEDULER]), What::All),
    (
        "kube-system-service-accounts",
        "workload-high",
        900,
        "ByNamespace",
        Who::Components(&[], &["*"]),
        What::All,
    ),
    ("service-accounts", "workload-low", 9000, "ByUser", Who::Groups(&["system:serviceaccounts"]), What::All),
    ("global-default", "global-default", 9900, "ByUser", EVERYBODY, What::All),
    ("catch-all", "catch-all", 10_000, "ByUser", EVERYBODY, What::All),
];

/// Every level and schema of a new cluster.
pub fn objects() -> Vec<Object> {
    let kind = |name: &str| Kind::find(&format!("{GROUP}/v1"), name);
    let levels =
        [("exempt", exempt())].into_iter().chain(LEVELS.iter().map(|level| (level.0, limited(level))));
    let levels =
        levels.map(|(name, spec)| (kind("PriorityLevelConfiguration"), named(name, &spec, &json!({}))));
    let schemas = SCHEMAS.iter().map(|s| {
        let status = json!({"conditions": [dangling(s.1, true)]});
        (kind("FlowSchema"), named(s.0, &schema(s), &status))
    });
    levels.chain(schemas).filter_map(|(kind, value)| Object::from_value(kind?, value).ok()).collect()
}

/// The spec that the server cannot do without, and which nobody may change, for the kinds and names that have one.
pub fn fixed(kind: &str, name: &str) -> Option<Value> {
    if !matches!(name, "exempt" | "catch-all") {
        return None;
    }
    if kind == "FlowSchema" {
        return SCHEMAS.iter().find(|known| known.0 == name).map(schema);
    }
    LEVELS.iter().find(|known| known.0 == name).map(limited).or_else(|| Some(exempt()))
}

/// Whether a schema's level is missing, as its condition says it; without the time.
pub fn dangling(level: &str, found: bool) -> Value {
    let about = format!("This FlowSchema references the PriorityLevelConfiguration object named {level:?}");
    let (status, reason, rest) = if found {
        ("False", "Found", "and it exists")
    } else {
        ("True", "NotFound", "but there is no such object")
    };
    json!({"type": "Dangling", "status": status, "reason": reason, "message": format!("{about} {rest}")})
}

fn named(name: &str, spec: &Value, status: &Value) -> Value {
    let metadata = json!({"name": name, "annotations": {"apf.kubernetes.io/autoupdate-spec": "true"}});
    json!({"metadata": metadata, "spec": spec, "status": status})
}

fn exempt() -> Value {
    json!({"type": "Exempt", "exempt": {"nominalConcurrencyShares": 0, "lendablePercent": 0}})
}

fn limited((_, shares, lent, queuing): &Level) -> Value {
    let response = match queuing {
        None => json!({"type": "Reject"}),
        Some((queues, hand, length)) => json!({"type": "Queue", "queuing":
            {"queues": queues, "handSize": hand, "queueLengthLimit": length}}),
    };
    let limited =
        json!({"nominalConcurrencyShares": shares, "lendablePercent": lent, "limitResponse": response});
    json!({"type": "Limited", "limited": limited})
}

fn schema((_, level, precedence, apart, who, what): &Schema) -> Value {
    let mut rule = json!({"subjects": subjects(who)});
    match what {
        What::All => {
            rule["resourceRules"] = json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"],
                "clusterScope": true, "namespaces": ["*"]}]);
            rule["nonResourceRules"] = json!([{"verbs": ["*"], "nonResourceURLs": ["*"]}]);
        }
        What::Health => {
            let paths = ["/healthz", "/readyz", "/livez"];
            rule["nonResourceRules"] = json!([{"verbs": ["get"], "nonResourceURLs": paths}]);
        }
        What::Resources(verbs, groups) => {
            let rules = groups.iter().map(|(group, resources, cluster)| {
                let mut one = json!({"verbs": verbs, "apiGroups": [group], "resources": resources, "namespaces": ["*"]});
                if *cluster {
                    one["clusterScope"] = json!(true);
                }
                one
            });
            rule["resourceRules"] = rules.collect();
        }
    }
    let mut spec = json!({"matchingPrecedence": precedence, "priorityLevelConfiguration": {"name": level}});
    spec["rules"] = json!([rule]);
    if !apart.is_empty() {
        spec["distinguisherMethod"] = json!({"type": apart});
    }
    spec
}

fn subjects(who: &Who) -> Vec<Value> {
    let user = |name: &&str| json!({"kind": "User", "user": {"name": name}});
    let account = |name: &&str| json!({"kind": "ServiceAccount", "serviceAccount": {"name": name, "namespace": "kube-system"}});
    match who {
        Who::Groups(names) => names.iter().map(|n| json!({"kind": "Group", "group": {"name": n}})).collect(),
        Who::Users(names) => names.iter().map(user).collect(),
        Who::Components(users, accounts) => {
            users.iter().map(user).chain(accounts.iter().map(account)).collect()
        }
    }
}
