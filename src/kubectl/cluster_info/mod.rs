//! `kubectl cluster-info`: where the control plane and its services are.

mod dump;

use crate::apiserver::Request;
use crate::kubectl::call::Call;
use crate::kubectl::commands::{Command, Group};
use crate::kubectl::errors::Outcome;

/// `kubectl cluster-info`.
pub static COMMAND: Command = Command {
    name: "cluster-info",
    group: Group::Management,
    summary: "Display cluster information",
    usage: "cluster-info",
    examples: &[("The addresses", "kubectl cluster-info")],
    subcommands: &[&dump::COMMAND],
    run: Some(|call| Box::pin(run(call))),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let server = call.config()?.server(call.flags.text("context"));
    call.line(format!("Kubernetes control plane is running at {server}"));
    let request = Request::get("/api/v1/namespaces/kube-system/services");
    let list = call.request(request.param("labelSelector", "kubernetes.io/cluster-service=true")).await?;
    for service in list["items"].as_array().into_iter().flatten() {
        let metadata = &service["metadata"];
        let name = metadata["name"].as_str().unwrap_or("");
        let title = metadata["labels"]["kubernetes.io/name"].as_str().unwrap_or(name);
        let port = service["spec"]["ports"][0]["name"].as_str().map_or(String::new(), |p| format!(":{p}"));
        call.line(format!(
            "{title} is running at {server}/api/v1/namespaces/kube-system/services/{name}{port}/proxy"
        ));
    }
    call.print("\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.\n");
    Ok(())
}
