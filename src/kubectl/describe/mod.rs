//! `kubectl describe`: an object and what surrounds it, for people (`k8s.io/kubectl/pkg/describe`).
//!
//! Always holds: a describer reads JSON as the server gave it and writes a [`Page`]; one file a kind, or a few that
//! belong together; a kind without one gets the generic page.

mod certificate;
mod config;
mod containers;
mod daemonset;
mod deployment;
mod endpoints;
mod generic;
mod hpa;
mod ingress;
mod job;
mod namespace;
mod networkpolicy;
mod node;
mod pod;
mod policy;
mod rbac;
mod replicaset;
mod service;
mod statefulset;
mod storage;
mod volumes;
mod writer;

use super::call::Call;
use super::commands::{Command, Group};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::resource::{self, Bare, Info, Selection, Target};
use crate::apiserver::Request;
use serde_json::Value;
use std::fmt::Write;
use std::future::Future;
use std::pin::Pin;
use writer::{Page, text};

/// `kubectl describe`.
pub static COMMAND: Command = Command {
    name: "describe",
    group: Group::Troubleshooting,
    summary: "Show details of a specific resource or group of resources",
    details: "Prints an object with what belongs to it, events included. A name may be the beginning of several.",
    usage: "describe (-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME)",
    examples: &[
        ("A node", "kubectl describe nodes worker-1"),
        ("A pod", "kubectl describe pods/web"),
        ("Every pod with a label", "kubectl describe pods -l app=web"),
        ("Every pod whose name begins so", "kubectl describe pods web"),
    ],
    flags: &[FLAGS, resource::FILE_FLAGS, resource::SELECTOR_FLAGS, resource::ALL_NAMESPACES_FLAGS],
    run: Some(|call| Box::pin(run(call))),
    ..Command::NEW
};

const FLAGS: &[Flag] = &[
    Flag::int("chunk-size", "500", "Ask for long lists in parts of this many objects; 0 for all at once"),
    Flag::on("show-events", "Show the events of the objects"),
];

/// What describers work with.
pub(super) struct Desk {
    call: Call,
    show_events: bool,
}

type Described<'a> = Pin<Box<dyn Future<Output = Outcome<String>> + 'a>>;

/// A pod template as `rollout history --revision` shows it: cells parted by tabs, not laid out.
pub fn pod_template(template: &Value) -> String {
    let mut page = writer::Page::default();
    containers::template(&mut page, template);
    page.raw()
}

async fn run(call: Call) -> Outcome<()> {
    let flags = &call.flags;
    if call.args().is_empty() && flags.list("filename").is_empty() && flags.text("kustomize").is_empty() {
        return Err(Failure::new(
            "You must specify the type of resource to describe. Use \"kubectl api-resources\" for a complete list of \
             supported resources.",
        ));
    }
    let selection = resource::select(&call, call.args(), Bare::All).await?;
    let (infos, failures) = resource::fetch(&call, &selection).await;
    let infos = match (infos.as_slice(), failures.as_slice(), call.args()) {
        ([], [failure], [_, prefix]) if failure.is_not_found() => {
            by_prefix(&call, &selection, prefix).await.ok_or_else(|| failure.clone())?
        }
        // Two words are taken as a kind and the beginning of a name, and when that finds nothing the error is all.
        (_, [failure], [_, _]) if failure.is_not_found() => return Err(failure.clone()),
        _ => infos,
    };
    let desk = Desk { show_events: flags.bool("show-events"), call: call.clone() };
    for (i, info) in infos.iter().enumerate() {
        let text = describe(&desk, info).await?;
        if i > 0 {
            call.print("\n\n");
        }
        call.print(text);
    }
    if infos.is_empty() && failures.is_empty() {
        if flags.bool("all-namespaces") {
            call.note("No resources found");
        } else {
            call.note(format!("No resources found in {} namespace.", call.namespace()?));
        }
    }
    Failure::all(failures)
}

/// The objects whose names begin so; `None` when there are none.
async fn by_prefix(call: &Call, selection: &Selection, prefix: &str) -> Option<Vec<Info>> {
    let Target::Named { mapping, namespace, .. } = selection.targets.first()? else { return None };
    let namespace = mapping.namespaced.then(|| namespace.clone());
    let (mapping, selector, fields) = (mapping.clone(), String::new(), String::new());
    let list = Target::List { mapping, namespace, selector, fields };
    let mut infos = resource::fetch_one(call, &list).await.ok()?;
    infos.retain(|info| info.name.starts_with(prefix));
    (!infos.is_empty()).then_some(infos)
}

/// The page of an object, for other parts of the program that show it.
///
/// # Errors
/// What the server answers.
pub async fn page(call: &Call, info: &Info) -> Outcome<String> {
    describe(&Desk { show_events: true, call: call.clone() }, info).await
}

/// The rules of a role, broken down to one resource or URL each: resource, URLs, names, verbs.
pub fn rule_rows(role: &Value) -> Vec<Vec<String>> {
    rbac::rules(role).iter().map(|rule| rule.cells().to_vec()).collect()
}

/// What a `resourceFieldRef` of a container stands for; `None` when it names no resource.
pub fn resource_field(container: &Value, resource: &str, divisor: &Value) -> Option<String> {
    let known = ["limits.", "requests."].iter().any(|list| resource.starts_with(list));
    let field = serde_json::json!({"resource": resource, "divisor": divisor});
    known.then(|| containers::resource_value(container, &field))
}

/// When an event was seen, as `5s (x3 over 2m)`.
pub fn event_interval(event: &Value, now: crate::object::SimTime) -> String {
    writer::interval(event, now)
}

fn describe<'a>(desk: &'a Desk, info: &'a Info) -> Described<'a> {
    let object = &info.object;
    match (info.mapping.group.as_str(), info.mapping.kind.as_str()) {
        ("", "Pod") => Box::pin(pod::describe(desk, object)),
        ("", "Node") => Box::pin(node::describe(desk, object)),
        ("", "Namespace") => Box::pin(namespace::describe(desk, object)),
        ("", "ResourceQuota") => Box::pin(namespace::quota(desk, object)),
        ("", "LimitRange") => Box::pin(namespace::limit_range(desk, object)),
        ("", "Service") => Box::pin(service::describe(desk, object)),
        ("", "Endpoints") => Box::pin(endpoints::describe(desk, object)),
        ("", "ConfigMap") => Box::pin(config::config_map(desk, object)),
        ("", "Secret") => Box::pin(config::secret(desk, object)),
        ("", "ServiceAccount") => Box::pin(rbac::service_account(desk, object)),
        ("", "PersistentVolume") => Box::pin(storage::volume(desk, object)),
        ("", "PersistentVolumeClaim") => Box::pin(storage::claim(desk, object)),
        ("", "ReplicationController") => Box::pin(replicaset::controller(desk, object)),
        ("apps", "ReplicaSet") => Box::pin(replicaset::describe(desk, object)),
        ("apps", "Deployment") => Box::pin(deployment::describe(desk, object)),
        ("apps", "DaemonSet") => Box::pin(daemonset::describe(desk, object)),
        ("apps", "StatefulSet") => Box::pin(statefulset::describe(desk, object)),
        ("batch", "Job") => Box::pin(job::describe(desk, object)),
        ("batch", "CronJob") => Box::pin(job::cron(desk, object)),
        ("autoscaling", "HorizontalPodAutoscaler") => Box::pin(hpa::describe(desk, object)),
        ("certificates.k8s.io", "CertificateSigningRequest") => {
            Box::pin(certificate::signing_request(desk, object))
        }
        ("policy", "PodDisruptionBudget") => Box::pin(policy::disruption_budget(desk, object)),
        ("scheduling.k8s.io", "PriorityClass") => Box::pin(policy::priority_class(desk, object)),
        ("discovery.k8s.io", "EndpointSlice") => Box::pin(endpoints::slice(desk, object)),
        ("networking.k8s.io", "Ingress") => Box::pin(ingress::describe(desk, object)),
        ("networking.k8s.io", "IngressClass") => Box::pin(ingress::class(desk, object)),
        ("networking.k8s.io", "NetworkPolicy") => Box::pin(networkpolicy::describe(desk, object)),
        ("storage.k8s.io", "StorageClass") => Box::pin(storage::class(desk, object)),
        ("storage.k8s.io", "CSINode") => Box::pin(storage::csi_node(desk, object)),
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => Box::pin(rbac::role(desk, object)),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            Box::pin(rbac::binding(desk, object))
        }
        _ => Box::pin(generic::describe(desk, object)),
    }
}

impl Desk {
    fn page(&self) -> Page {
        Page::new(self.call.env.client.now())
    }

    /// The items of a list; an empty one when the server refuses.
    async fn list(&self, path: &str, selectors: &[(&str, String)]) -> Vec<Value> {
        let mut request = Request::get(path);
        for (key, value) in selectors {
            request = request.param(key, value.as_str());
        }
        let list = self.call.request(request).await.unwrap_or(Value::Null);
        list["items"].as_array().cloned().unwrap_or_default()
    }

    async fn get(&self, path: &str) -> Outcome<Value> {
        self.call.request(Request::get(path)).await
    }

    /// The events about an object; `None` when they are not wanted.
    async fn events(&self, object: &Value) -> Option<Vec<Value>> {
        let metadata = &object["metadata"];
        self.events_of(&text(&object["kind"]), metadata, &text(&metadata["uid"])).await
    }

    async fn events_of(&self, kind: &str, metadata: &Value, uid: &str) -> Option<Vec<Value>> {
        if !self.show_events {
            return None;
        }
        let (name, namespace) = (text(&metadata["name"]), text(&metadata["namespace"]));
        let mut fields = format!("involvedObject.name={name},involvedObject.namespace={namespace}");
        if kind != "Pod" {
            let _ = write!(fields, ",involvedObject.kind={kind}");
        }
        let _ = write!(fields, ",involvedObject.uid={uid}");
        let path = if namespace.is_empty() {
            "/api/v1/events".to_owned()
        } else {
            format!("/api/v1/namespaces/{namespace}/events")
        };
        Some(self.list(&path, &[("fieldSelector", fields)]).await)
    }

    /// How many pods of a controller run, wait, have succeeded and have failed.
    async fn pods_status(&self, object: &Value, selector: &str) -> String {
        let metadata = &object["metadata"];
        let path = format!("/api/v1/namespaces/{}/pods", text(&metadata["namespace"]));
        let pods = self.list(&path, &[("labelSelector", selector.to_owned())]).await;
        let owned = |pod: &&Value| {
            let owners = writer::items(&pod["metadata"]["ownerReferences"]);
            owners.iter().any(|o| o["controller"] == true && o["uid"] == metadata["uid"])
        };
        let count = |phase: &str| pods.iter().filter(owned).filter(|p| p["status"]["phase"] == phase).count();
        format!(
            "{} Running / {} Waiting / {} Succeeded / {} Failed",
            count("Running"),
            count("Pending"),
            count("Succeeded"),
            count("Failed")
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::kubectl::testing::lab;
    use expect_test::expect;

    #[test]
    fn a_namespace() {
        expect![[r"
            Name:         default
            Labels:       kubernetes.io/metadata.name=default
            Annotations:  <none>
            Status:       Active

            No resource quota.

            No LimitRange resource.
        "]]
        .assert_eq(&lab().run("describe ns default"));
    }

    #[test]
    fn refusals() {
        let lab = lab();
        assert_eq!(
            lab.run("describe pod nothere"),
            "Error from server (NotFound): pods \"nothere\" not found\n[exit 1]\n"
        );
        assert_eq!(
            lab.run("describe deployments,services -l app=nothing"),
            "No resources found in default namespace.\n"
        );
        assert_eq!(
            lab.run("describe wibble"),
            "error: the server doesn't have a resource type \"wibble\"\n[exit 1]\n"
        );
    }
}
