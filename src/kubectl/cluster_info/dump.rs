//! `kubectl cluster-info dump`: what one looks at when a cluster is not well, printed or put into files.

use crate::apiserver::{Body, Request};
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group};
use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::flags::{Flag, FlagKind};
use crate::kubectl::output::{self, Format};
use serde_json::Value;

/// `kubectl cluster-info dump`.
pub static COMMAND: Command = Command {
    name: "dump",
    group: Group::Sub,
    summary: "Dump relevant information for debugging and diagnosis",
    details: "Nodes, and of the namespaces kube-system and the present one: events, workloads, Services, pods and logs.",
    usage: "dump [flags]",
    examples: &[
        ("Print it", "kubectl cluster-info dump"),
        ("Into files", "kubectl cluster-info dump --output-directory=/tmp/state"),
        ("Of these namespaces", "kubectl cluster-info dump --namespaces default,shop"),
    ],
    flags: &[
        output::FLAGS,
        &[
            Flag::bool("all-namespaces", "Every namespace, whatever --namespaces says").short('A'),
            Flag::list("namespaces", "The namespaces to dump"),
            Flag::text("output-directory", "", "A directory to write files to; empty or - prints everything"),
            Flag::new("pod-running-timeout", FlagKind::Duration, "20s", "How long to wait for a running pod"),
        ],
    ],
    run: Some(|call| Box::pin(run(call))),
    ..Command::NEW
};

/// What is dumped of a namespace: the file's name, and the resource.
const LISTS: &[(&str, &str)] = &[
    ("events", "/api/v1"),
    ("replication-controllers", "/api/v1"),
    ("services", "/api/v1"),
    ("daemonsets", "/apis/apps/v1"),
    ("deployments", "/apis/apps/v1"),
    ("replicasets", "/apis/apps/v1"),
    ("pods", "/api/v1"),
];

async fn run(call: Call) -> Outcome<()> {
    let format = match output::format(&call)? {
        Format::Default => Format::Json,
        format => format,
    };
    if call.flags.duration("pod-running-timeout") <= 0 {
        return Err("--pod-running-timeout must be higher than zero".into());
    }
    let dump = Dump { call: &call, format };
    dump.list("nodes", "/api/v1/nodes").await?;
    let mut namespaces = call.flags.list("namespaces").to_vec();
    if call.flags.bool("all-namespaces") {
        let list = call.request(Request::get("/api/v1/namespaces")).await?;
        namespaces = items(&list).map(|item| text(&item["metadata"]["name"]).to_owned()).collect();
    } else if namespaces.is_empty() {
        namespaces = vec!["kube-system".to_owned(), call.namespace()?];
    }
    for namespace in namespaces {
        let mut pods = Value::Null;
        for (name, version) in LISTS {
            let path = format!("{version}/namespaces/{namespace}/{}", name.replace('-', ""));
            pods = dump.list(&format!("{namespace}/{name}"), &path).await?;
        }
        for pod in items(&pods) {
            let logs = dump.logs(&namespace, pod).await;
            dump.write(&format!("{namespace}/{}/logs.txt", text(&pod["metadata"]["name"])), &logs)?;
        }
    }
    if let Some(folder) = dump.folder() {
        call.line(format!("Cluster info dumped to {folder}"));
    }
    Ok(())
}

struct Dump<'c> {
    call: &'c Call,
    format: Format,
}

impl Dump<'_> {
    fn folder(&self) -> Option<&str> {
        Some(self.call.flags.text("output-directory")).filter(|folder| !matches!(*folder, "" | "-"))
    }

    /// Dumps a list, and answers it.
    async fn list(&self, name: &str, path: &str) -> Outcome<Value> {
        let mut list = self.call.request(Request::get(path)).await?;
        // A typed client keeps no empty list.
        if items(&list).next().is_none() {
            list["items"] = Value::Null;
        }
        let extension = match self.format {
            Format::Json => "json",
            Format::Yaml => "yaml",
            Format::Name => {
                let kind = text(&list["kind"]);
                return Err(format!("list types are not supported by name printing: *v1.{kind}").into());
            }
            _ => "txt",
        };
        // One printer prints them all: it parts documents even where each has a file of its own.
        let parted = self.format == Format::Yaml && self.call.next_document() > 0;
        let shown = output::render(self.call, &self.format, &list)?;
        self.write(&format!("{name}.{extension}"), &format!("{}{shown}", if parted { "---\n" } else { "" }))?;
        Ok(list)
    }

    fn write(&self, name: &str, content: &str) -> Outcome<()> {
        let Some(folder) = self.folder() else {
            self.call.print(content);
            return Ok(());
        };
        let path = format!("{}/{name}", folder.trim_end_matches('/'));
        let host = &self.call.env.host;
        let parent = path.rsplit_once('/').map_or(".", |(parent, _)| parent);
        host.make_dir(parent).map_err(|why| Failure::new(format!("mkdir {parent}: {why}")))?;
        host.write_file(&path, content.as_bytes()).map_err(|why| Failure::new(format!("open {path}: {why}")))
    }

    /// The logs of every container of a pod, one after the other.
    async fn logs(&self, namespace: &str, pod: &Value) -> String {
        let (mut all, name) = (String::new(), text(&pod["metadata"]["name"]));
        for container in ["initContainers", "containers"]
            .iter()
            .flat_map(|list| pod["spec"][*list].as_array().into_iter().flatten())
        {
            let container = text(&container["name"]);
            let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/log");
            let response = self.call.send(Request::get(path).param("container", container)).await;
            let log = match &response.body {
                Body::Text(log) => log.clone(),
                Body::Json(status) => {
                    // Asked for raw bytes a client does not look into the answer of the server.
                    let why = match response.status {
                        400 => "the server rejected our request for an unknown reason",
                        404 => "the server could not find the requested resource",
                        _ => text(&status["message"]),
                    };
                    format!("Request log error: {why} (get pods {name})\n")
                }
                _ => String::new(),
            };
            let what = format!("logs for container {container} of pod {namespace}/{name}");
            all += &format!("==== START {what} ====\n{log}==== END {what} ====\n");
        }
        all
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use crate::kubectl::testing::lab;

    #[test]
    fn files_and_text() {
        let lab = lab();
        let said = lab.run("cluster-info dump --output-directory=state -o yaml");
        assert_eq!(said, "Cluster info dumped to state\n");
        let files = crate::kubectl::Host::list_dir(&*lab.files, "state").unwrap();
        for name in ["nodes.yaml", "default/pods.yaml", "kube-system/etcd-control-plane/logs.txt"] {
            assert!(files.iter().any(|file| file == name), "{name}: {files:?}");
        }
        let said = lab.run("cluster-info dump --namespaces=kube-system");
        assert!(said.starts_with("{\n    \"kind\": \"NodeList\",\n"), "{said}");
        assert!(
            said.contains("==== START logs for container etcd of pod kube-system/etcd-control-plane ====\n")
        );
        let kinds = lab.run("cluster-info dump --namespaces=none -o jsonpath={.kind},");
        assert_eq!(kinds.matches("List,").count(), 8, "{kinds}");
    }
}
