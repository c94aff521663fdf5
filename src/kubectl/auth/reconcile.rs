//! `kubectl auth reconcile`: roles and bindings are brought to what a file says, by what rules allow and not by their
//! text.
//!
//! Always holds: what is there keeps what it has, but for what `--remove-extra-…` takes away.

use crate::apiserver::authorization::cover;
use crate::apiserver::{Method, Request};
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group};
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::flags::Flag;
use crate::kubectl::manifest::{self, Manifest, Validation};
use crate::kubectl::mapper::split_api_version;
use crate::kubectl::output;
use crate::kubectl::write::{DryRun, flags, print_object};
use crate::object::Kind;
use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// `kubectl auth reconcile`.
pub static COMMAND: Command = Command {
    name: "reconcile",
    group: Group::Sub,
    summary: "Reconciles rules for RBAC role, role binding, cluster role, and cluster role binding objects",
    usage: "reconcile -f FILENAME",
    examples: &[("Roles as a file has them", "kubectl auth reconcile -f roles.yaml")],
    flags: &[
        flags::OUTPUT,
        flags::FILES,
        flags::DRY_RUN,
        &[
            Flag::bool("remove-extra-permissions", "Take away what a role allows and the file does not"),
            Flag::bool("remove-extra-subjects", "Take away whom a binding names and the file does not"),
        ],
    ],
    run: Some(|call| Box::pin(run(call))),
    ..Command::NEW
};

const RBAC: &str = "rbac.authorization.k8s.io";
const VERSION: &str = "rbac.authorization.k8s.io/v1";

async fn run(call: Call) -> Outcome<()> {
    if call.flags.list("filename").is_empty() && call.flags.text("kustomize").is_empty() {
        return Err("must specify one of -f and -k".into());
    }
    if !call.args().is_empty() {
        return Err("no arguments are allowed".into());
    }
    let about = |failure: Failure| {
        Failure::new(format!("error accessing --dry-run flag for command reconcile: {}", failure.message()))
    };
    let dry_run = DryRun::of(&call).map_err(about)?;
    if dry_run == DryRun::Server {
        return Err("--dry-run=server for command reconcile is not supported yet".into());
    }
    let manifests = manifest::read(&call, Validation::Off).await?;
    output::format(&call)?;
    // What cannot be read is told at the end, after all that can be done is done.
    let (mut failures, mut unreadable) = (Vec::new(), BTreeMap::new());
    for manifest in manifests {
        match expected(&call, &manifest) {
            Ok(Some(expected)) => failures.extend(one(&call, expected, dry_run).await.err()),
            Ok(None) => {}
            Err(Failure::Text(why, _)) => {
                unreadable.entry(manifest.source).or_insert_with(Vec::new).push(why);
            }
            Err(failure) => failures.push(failure),
        }
    }
    for whys in unreadable.into_values() {
        let several = whys.len() > 1;
        let whys = whys.join(", ");
        failures.push(Failure::new(if several { format!("[{whys}]") } else { whys }));
    }
    Failure::all(failures)
}

/// The role or binding of a manifest, with the members that its type has; `None` for every other kind. A text is why it
/// cannot be read.
fn expected(call: &Call, manifest: &Manifest) -> Outcome<Option<Value>> {
    let (source, object) = (&manifest.source, &manifest.object);
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let undecodable = |why: String| Failure::Text(format!("unable to decode \"{source}\": {why}"), 1);
    if version.is_empty() {
        return Err(undecodable(format!("Object 'apiVersion' is missing in '{object}'")));
    }
    let ours = matches!(kind.as_str(), "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding");
    let (group, name) = split_api_version(&version);
    // kubectl knows by heart what the API server itself serves, but for what extends it; and older versions.
    let beta = group == RBAC && ours && matches!(name, "v1alpha1" | "v1beta1");
    let extends = matches!(group, "apiextensions.k8s.io" | "apiregistration.k8s.io");
    if !beta && (extends || Kind::find(&version, &kind).is_none()) {
        return Err(undecodable(format!(
            "no kind \"{kind}\" is registered for version \"{version}\" in scheme \"pkg/scheme/scheme.go:28\""
        )));
    }
    for member in ["labels", "annotations"] {
        let odd =
            object["metadata"][member].as_object().into_iter().flatten().find_map(|(_, value)| match value {
                Value::Bool(_) => Some("bool"),
                Value::Number(_) => Some("number"),
                Value::Array(_) => Some("array"),
                Value::Object(_) => Some("object"),
                Value::String(_) | Value::Null => None,
            });
        if let Some(odd) = odd {
            let field = format!("ObjectMeta.metadata.{member} of type string");
            return Err(undecodable(format!("json: cannot unmarshal {odd} into Go struct field {field}")));
        }
    }
    let namespace = text(&object["metadata"]["namespace"]);
    let wanted = call.namespace()?;
    if call.namespace_enforced() && !namespace.is_empty() && namespace != wanted {
        return Err(format!(
            "the namespace from the provided object \"{namespace}\" does not match the namespace \"{wanted}\". You must \
             pass '--namespace={namespace}' to perform this operation."
        )
        .into());
    }
    if beta {
        return Err(format!("only {VERSION} is supported: not *{name}.{kind}").into());
    }
    if !ours || version != VERSION {
        return Ok(None);
    }
    let mut role = json!({"apiVersion": VERSION, "kind": kind, "metadata": object["metadata"]});
    if kind.ends_with("Role") {
        // Read into the type and back: members that rules do not have are lost, as they are in a typed client.
        role["rules"] = Value::Null;
        if !object["rules"].is_null() {
            role["rules"] = json!(read(&object["rules"]).map_err(|why| undecodable(why.to_string()))?);
        }
    }
    for member in ["aggregationRule", "subjects", "roleRef"] {
        if kind.ends_with("Binding") != (member == "aggregationRule") && !object[member].is_null() {
            role[member] = object[member].clone();
        }
    }
    Ok(Some(role))
}

/// What is to be done about one object.
struct Plan {
    object: Value,
    operation: &'static str,
    /// Headings and what stands below them.
    told: Vec<(&'static str, Vec<String>)>,
    protected: bool,
}

async fn one(call: &Call, expected: Value, dry_run: DryRun) -> Outcome<()> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let (kind, metadata) = (text(&expected["kind"]), &expected["metadata"]);
    let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
    let cluster = kind.starts_with("Cluster");
    let place =
        if cluster || namespace.is_empty() { String::new() } else { format!("/namespaces/{namespace}") };
    let list = format!("/apis/{VERSION}{place}/{}s", kind.to_lowercase());
    let path = format!("{list}/{name}");
    let mut plan = match call.request(Request::get(path.as_str())).await {
        Ok(existing) => compare(call, &existing, &expected),
        Err(failure) if failure.is_not_found() => {
            let told = if kind.ends_with("Role") {
                ("missing rules added", shown_rules(&expected["rules"]))
            } else {
                ("missing subjects added", shown_subjects(&items(&expected["subjects"])))
            };
            Plan { object: expected.clone(), operation: "create", told: vec![told], protected: false }
        }
        Err(failure) => return Err(failure),
    };
    if dry_run == DryRun::None && !plan.protected {
        if plan.operation == "recreate" {
            let uid = call.request(Request::get(path.as_str())).await?["metadata"]["uid"].clone();
            let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid}});
            call.request(Request::with_body(Method::Delete, path.as_str(), options)).await?;
        }
        plan.object = match plan.operation {
            "" => plan.object,
            "update" => call.request(Request::with_body(Method::Put, path, plan.object)).await?,
            _ => {
                if !cluster {
                    ensure_namespace(call, &namespace).await?;
                }
                call.request(Request::with_body(Method::Post, list, plan.object)).await?
            }
        };
    }
    plan.object["apiVersion"] = json!(VERSION);
    plan.object["kind"] = json!(kind);
    print_object(call, &plan.object, "reconciled", dry_run)?;
    if plan.operation.is_empty() {
        return Ok(());
    }
    let caveat = if plan.protected {
        ", but object opted out (rbac.authorization.kubernetes.io/autoupdate: false)"
    } else {
        ""
    };
    call.note(format!("\treconciliation required {}{caveat}", plan.operation));
    for (heading, lines) in plan.told.iter().filter(|(_, lines)| !lines.is_empty()) {
        call.note(format!("\t{heading}:"));
        for line in lines {
            call.note(format!("\t\t{line}"));
        }
    }
    Ok(())
}

/// A role's namespace is made when it is not there. Who may not read namespaces is not kept from trying.
async fn ensure_namespace(call: &Call, name: &str) -> Outcome<()> {
    if name.is_empty() {
        return Err("resource name may not be empty".into());
    }
    let Err(failure) = call.request(Request::get(format!("/api/v1/namespaces/{name}"))).await else {
        return Ok(());
    };
    if !matches!(failure.reason(), "NotFound" | "Forbidden") {
        return Err(failure);
    }
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    match call.request(Request::with_body(Method::Post, "/api/v1/namespaces", body)).await {
        Err(failure) if !matches!(failure.reason(), "AlreadyExists" | "Forbidden") => Err(failure),
        _ => Ok(()),
    }
}

/// What makes the existing object allow what the expected one does.
fn compare(call: &Call, existing: &Value, expected: &Value) -> Plan {
    let protected =
        existing["metadata"]["annotations"]["rbac.authorization.kubernetes.io/autoupdate"] == "false";
    let mut plan = Plan { object: existing.clone(), operation: "", told: Vec::new(), protected };
    if existing["roleRef"] != expected["roleRef"] {
        return Plan { object: expected.clone(), operation: "recreate", ..plan };
    }
    for member in ["annotations", "labels"] {
        let mut merged = expected["metadata"][member].as_object().cloned().unwrap_or_default();
        merged.extend(existing["metadata"][member].as_object().cloned().unwrap_or_default());
        if existing["metadata"][member].as_object().unwrap_or(&Map::new()) != &merged {
            plan.object["metadata"][member] = Value::Object(merged);
        }
    }
    if existing["kind"].as_str().is_some_and(|kind| kind.ends_with("Binding")) {
        let (has, wants) = (items(&existing["subjects"]), items(&expected["subjects"]));
        let (missing, extra) = (beside(&wants, &has), beside(&has, &wants));
        let remove = call.flags.bool("remove-extra-subjects");
        plan.told.push(("missing subjects added", shown_subjects(&missing)));
        if remove {
            plan.told.push(("extra subjects removed", shown_subjects(&extra)));
        }
        change(&mut plan.object["subjects"], (has, wants), (missing, extra), remove);
    } else {
        rules(call, &mut plan, expected);
    }
    if plan.object != *existing {
        plan.operation = "update";
    }
    plan
}

/// Brings the list of an object to what is wanted of it: with what is missing, or with nothing else.
fn change(
    list: &mut Value,
    (mut has, wants): (Vec<Value>, Vec<Value>),
    (missing, extra): (Vec<Value>, Vec<Value>),
    remove: bool,
) {
    if remove && !(missing.is_empty() && extra.is_empty()) {
        *list = json!(wants);
    } else if !remove && !missing.is_empty() {
        has.extend(missing);
        *list = json!(has);
    }
}

fn rules(call: &Call, plan: &mut Plan, expected: &Value) {
    let remove = call.flags.bool("remove-extra-permissions");
    let uncovered = |held: &Value, wanted: &Value| {
        let read = |rules: &Value| read(rules).unwrap_or_default();
        items(&json!(cover::missing(&read(held), &read(wanted))))
    };
    let existing = plan.object.clone();
    let (has, wants) = (&existing["rules"], &expected["rules"]);
    let (collects, collected) = (&expected["aggregationRule"], &existing["aggregationRule"]);
    let missing = uncovered(has, wants);
    // Two roles that both collect theirs from others have no rules of their own to compare.
    let extra = if collects.is_null() || collected.is_null() { uncovered(wants, has) } else { Vec::new() };
    plan.told.push(("missing rules added", shown_rules(&json!(missing))));
    if remove {
        plan.told.push(("extra rules removed", shown_rules(&json!(extra))));
    }
    change(&mut plan.object["rules"], (items(has), items(wants)), (missing, extra), remove);
    if collects.is_null() && !collected.is_null() {
        if let Some(object) = plan.object.as_object_mut() {
            object.remove("aggregationRule");
        }
        return;
    }
    let (has, wants) = (items(&collected["clusterRoleSelectors"]), items(&collects["clusterRoleSelectors"]));
    let (missing, extra) = (beside(&wants, &has), beside(&has, &wants));
    if !missing.is_empty() || remove && !extra.is_empty() {
        change(
            &mut plan.object["aggregationRule"]["clusterRoleSelectors"],
            (has, wants),
            (missing, extra),
            remove,
        );
    }
}

/// Rules of their type; none where there is no list.
fn read(rules: &Value) -> serde_json::Result<Vec<PolicyRule>> {
    if rules.is_null() { Ok(Vec::new()) } else { serde_json::from_value(rules.clone()) }
}

fn items(list: &Value) -> Vec<Value> {
    list.as_array().cloned().unwrap_or_default()
}

/// Those of one list that the other has not, each once.
fn beside(list: &[Value], other: &[Value]) -> Vec<Value> {
    let mut only: Vec<Value> = Vec::new();
    for item in list {
        if !other.contains(item) && !only.contains(item) {
            only.push(item.clone());
        }
    }
    only
}

/// Rules as Go prints them.
fn shown_rules(rules: &Value) -> Vec<String> {
    let one = |rule: &Value| {
        let list = |name: &str| {
            let words: Vec<&str> =
                rule[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            format!("[{}]", words.join(" "))
        };
        format!(
            "{{Verbs:{} APIGroups:{} Resources:{} ResourceNames:{} NonResourceURLs:{}}}",
            list("verbs"),
            list("apiGroups"),
            list("resources"),
            list("resourceNames"),
            list("nonResourceURLs")
        )
    };
    items(rules).iter().map(one).collect()
}

/// Subjects as Go prints them.
fn shown_subjects(subjects: &[Value]) -> Vec<String> {
    let one = |subject: &Value| {
        let text = |name: &str| subject[name].as_str().unwrap_or("");
        format!(
            "{{Kind:{} APIGroup:{} Name:{} Namespace:{}}}",
            text("kind"),
            text("apiGroup"),
            text("name"),
            text("namespace")
        )
    };
    subjects.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use crate::kubectl::testing::lab;

    #[test]
    fn roles_come_to_allow_what_the_file_says() {
        let lab = lab();
        let role = |rules: &str| {
            format!(
                "{{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {{name: r, namespace: made}}, rules: {rules}}}"
            )
        };
        let reconcile = |flags: &str, text: &str| lab.run_with(&format!("auth reconcile -f - {flags}"), text);
        let first = role("[{apiGroups: [''], resources: [pods, secrets], verbs: [get, list]}]");
        let made = "\treconciliation required create\n\tmissing rules added:\n\t\t{Verbs:[get list] APIGroups:[] Resources:[pods \
                    secrets] ResourceNames:[] NonResourceURLs:[]}\nrole.rbac.authorization.k8s.io/r reconciled\n";
        assert_eq!(reconcile("", &first), made);
        let done = "role.rbac.authorization.k8s.io/r reconciled\n";
        assert_eq!(reconcile("", &first), done, "its namespace was made, and nothing is left to do");
        let less = role("[{apiGroups: [''], resources: [pods], verbs: [get]}]");
        assert_eq!(reconcile("", &less), done, "what is covered is not missing");
        let said = reconcile("--remove-extra-permissions", &less);
        assert!(
            said.contains("\textra rules removed:\n\t\t{Verbs:[list] APIGroups:[] Resources:[pods]"),
            "{said}"
        );
        assert_eq!(lab.run("get role r -n made -o jsonpath={.rules[*].verbs}"), "[\"get\"]");

        let binding = |role: &str, user: &str| {
            format!(
                "{{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {{name: b, namespace: made}}, \
                     roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {role}}}, \
                     subjects: [{{kind: User, apiGroup: rbac.authorization.k8s.io, name: {user}}}]}}"
            )
        };
        reconcile("", &binding("r", "ann"));
        let said = reconcile("--dry-run=client", &binding("r", "bob"));
        assert!(
            said.contains("required update\n\tmissing subjects added:\n\t\t{Kind:User APIGroup:rbac"),
            "{said}"
        );
        let names = "get rolebinding b -n made -o jsonpath={.subjects[*].name}";
        assert_eq!(lab.run(names), "ann");
        reconcile("", &binding("r", "bob"));
        assert_eq!(lab.run(names), "ann bob");
        assert!(reconcile("", &binding("other", "bob")).contains("required recreate"));
        assert_eq!(lab.run(names), "bob");
    }
}
