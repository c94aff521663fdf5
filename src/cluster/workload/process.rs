//! Processes of containers, as data: what they run, what they have said, how they end.

use super::images::{self, Behaviour};
use super::server::{self, Server};
use crate::cluster::Cluster;
use crate::cluster::kubelet::run::{Body, ContainerRun, NEVER};
use crate::cluster::kubelet::{run_mut, timing};
use crate::object::{ObjectName, Pod, SECOND, SimTime};
use k8s_openapi::api::core::v1::Container;

/// A process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// What it runs.
    pub program: Program,
    /// Command and arguments.
    pub argv: std::sync::Arc<[String]>,
    /// When it began.
    pub started: SimTime,
    /// When it wants to be run next.
    pub wake: SimTime,
    /// Set when a signal has told it to end, or it has ended: the exit status.
    pub exit: Option<i32>,
}

/// What a process runs.
#[derive(Clone, Debug)]
pub enum Program {
    /// A server.
    Server(Box<Server>),
    /// Sleeps, and ends well.
    Sleep,
    /// Ends at its wake with this status.
    Ends(i32),
}

/// The first process of a container.
///
/// # Errors
/// What the runtime says when it cannot be started.
pub fn main_process(
    pod: &Pod,
    spec: &Container,
    _env: Option<&Vec<(String, String)>>,
    now: SimTime,
) -> Result<Process, String> {
    let image = images::of(spec.image.as_deref().unwrap_or(""));
    let mut argv: Vec<String> = match &spec.command {
        Some(command) if !command.is_empty() => command.clone(),
        _ => image.entrypoint.iter().map(|s| (*s).to_owned()).collect(),
    };
    match (&spec.args, &spec.command) {
        (Some(args), _) if !args.is_empty() => argv.extend(args.iter().cloned()),
        (_, Some(command)) if !command.is_empty() => {}
        _ => argv.extend(image.cmd.iter().map(|s| (*s).to_owned())),
    }
    let own = spec.command.as_ref().is_none_or(Vec::is_empty);
    let (program, wake) = match argv.first().map(String::as_str) {
        Some("sleep") if !own => {
            let seconds = argv.get(1).and_then(|s| s.parse::<u64>().ok());
            (
                Program::Sleep,
                seconds.map_or(NEVER, |s| SimTime(now.0.saturating_add(s.saturating_mul(SECOND)))),
            )
        }
        _ if image.behaviour == Behaviour::Shell && own => (Program::Ends(0), now),
        _ => (Program::Server(Box::new(server::of_image(&image, pod, spec))), NEVER),
    };
    Ok(Process { pid: 1, program, argv: argv.into(), started: now, wake, exit: None })
}

/// The exit status of process 1, once it has ended.
pub fn main_exit(body: &Body) -> Option<i32> {
    body.processes.iter().find(|p| p.pid == 1).and_then(|p| p.exit)
}

/// Starts another process in the container; its output goes nowhere.
pub fn spawn_aside(body: &mut Body, argv: Vec<String>, now: SimTime) -> u32 {
    let pid = body.next_pid.max(2);
    body.next_pid = pid + 1;
    body.processes.push(Process {
        pid,
        program: Program::Ends(0),
        argv: argv.into(),
        started: now,
        wake: now,
        exit: None,
    });
    pid
}

/// Signals process 1. Processes that handle no signals as process 1 (a plain `sleep`, a shell) only heed 9.
pub fn signal_main(body: &mut Body, signal: i32, now: SimTime) {
    for process in &mut body.processes {
        if signal == 9 {
            process.exit.get_or_insert(137);
        } else if let (Program::Server(_), 1) = (&process.program, process.pid) {
            process.program = Program::Ends(0);
            process.wake = now + timing::SERVER_EXIT;
        }
    }
}

/// When a process of the container wants to run.
pub fn deadline(container: &ContainerRun, _now: SimTime) -> SimTime {
    let Some(body) = container.body.as_ref().filter(|_| container.is_running()) else { return NEVER };
    body.processes.iter().filter(|p| p.exit.is_none()).map(|p| p.wake).min().unwrap_or(NEVER)
}

/// Lets every process of the pod that is due go on.
pub fn run_pod(cluster: &mut Cluster, node: &str, name: &ObjectName) {
    let now = cluster.now();
    let Some(run) = run_mut(cluster, node, name) else { return };
    for container in &mut run.containers {
        let Some(body) = &mut container.body else { continue };
        for process in body.processes.iter_mut().filter(|p| p.exit.is_none() && p.wake <= now) {
            match process.program {
                Program::Sleep => process.exit = Some(0),
                Program::Ends(status) => process.exit = Some(status),
                Program::Server(_) => process.wake = NEVER,
            }
        }
    }
}
