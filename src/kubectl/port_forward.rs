//! `kubectl port-forward`: not part of the simulation; says so, and what to do instead.

use super::call::Call;
use super::commands::{Command, Group, Running};
use super::errors::Outcome;
use super::flags::Flag;
use super::write::pods;

/// `kubectl port-forward`.
pub static COMMAND: Command = Command {
    name: "port-forward",
    group: Group::Troubleshooting,
    summary: "Forward one or more local ports to a pod",
    usage: "port-forward TYPE/NAME [options] [LOCAL_PORT:]REMOTE_PORT [...[LOCAL_PORT_N:]REMOTE_PORT_N]",
    flags: &[&[
        Flag::list("address", "The local addresses to listen on"),
        Flag::duration("pod-running-timeout", "1m0s", "How long to wait until a pod runs"),
    ]],
    run: Some(|call| -> Running { Box::pin(run(call)) }),
    ..Command::NEW
};

async fn run(call: Call) -> Outcome<()> {
    let [word, _, ..] = call.args() else {
        return Err(call.usage("TYPE/NAME and list of ports are required for port-forward"));
    };
    let pod = pods::find(&call, word).await?;
    Err(format!(
        "port-forward is not part of this simulation: from inside the cluster ask {}, as with kubectl exec, or \
         from outside a NodePort of a Service",
        pod.named()
    )
    .into())
}
