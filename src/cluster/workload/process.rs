//! Processes of containers, as data: what they run, what they have said, how they end.
//!
//! Always holds: a process moves only when its kubelet runs it, a bounded number of steps at a time; while a shell
//! is stepped it is out of its process, so that it may change the rest of the cluster.

use super::command::{self, Environment};
use super::images::{self, Behaviour};
use super::limits;
use super::load::{self, Load};
use super::rootfs::Spot;
use super::server::{Server, Startup};
use super::world::ContainerWorld;
use super::{nginx, server, startup, usage};
use crate::apiserver::StreamId;
use crate::cluster::Cluster;
use crate::cluster::kubelet::log::Log;
use crate::cluster::kubelet::run::{Body, ContainerRun, NEVER, PodRun, spec_of};
use crate::cluster::kubelet::{environment, run_mut, run_of, timing, wake_pod};
use crate::object::{ObjectName, Pod, SimTime, time::MILLISECOND};
use crate::posix::{Machine, State};
use k8s_openapi::api::core::v1::Container;
use std::sync::Arc;

/// Steps of a shell that has not been busy lately.
const STEPS: u64 = 40_000;
/// Steps of one that never rests, each [`BUSY_TICK`].
const BUSY_STEPS: u64 = 2_000;
/// How often a busy shell goes on.
const BUSY_TICK: u64 = 100 * MILLISECOND;
/// How many processes a container may have.
const PROCESS_LIMIT: usize = 100;
/// How long a server that is too large for its container gets to fill it.
const OVERFILL: u64 = 400 * MILLISECOND;
/// Numbers that a shell may give to its own children before the next process's.
const PID_ROOM: u32 = 30;

/// A process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// What it runs.
    pub program: Program,
    /// Command and arguments.
    pub argv: Arc<[String]>,
    /// Where its output goes.
    pub sink: Sink,
    /// When it began.
    pub started: SimTime,
    /// When it wants to be run next.
    pub wake: SimTime,
    /// The exit status, once it has ended.
    pub exit: Option<i32>,
    /// Whether it used up its steps last time.
    pub tired: bool,
}

/// What a process runs.
#[derive(Clone, Debug)]
pub enum Program {
    /// A server.
    Server(Box<Server>),
    /// Sleeps until its wake, and ends well.
    Sleep,
    /// Ends at its wake with this status.
    Ends(i32),
    /// Uses up CPU and memory.
    Load(Box<Load>),
    /// A shell or a tool; `None` while it is being stepped.
    Shell(Option<Box<Machine>>),
}

/// Where a process's output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// The container's log.
    Log,
    /// An open stream.
    Stream(StreamId),
    /// It is kept until somebody asks.
    Keep(Vec<u8>),
    /// The shell that started it takes it: standard output and error.
    Parent(Vec<u8>, Vec<u8>),
}

/// The first process of a container.
///
/// # Errors
/// What the runtime says when it cannot be started.
pub fn main_process(
    cluster: &Cluster,
    pod: &Pod,
    spec: &Container,
    run: &PodRun,
    index: usize,
) -> Result<Process, String> {
    let now = cluster.now();
    let image = images::of(spec.image.as_deref().unwrap_or(""));
    let environment = Environment::new(|| environment::whole(cluster, pod, spec, run, index));
    if let Some(why) = limits::refusal(pod, spec) {
        return Err(why.to_owned());
    }
    let (argv, given) = main_argv(spec, &image, &environment);
    let start = command::Start { pod, spec, image: &image, environment: &environment, given, now, pid: 1 };
    let (program, wake, said) = command::program(&argv, &start)?;
    // A server's command line is in its spec; it is not kept a second time.
    let argv = if matches!(program, Program::Server(_)) { Arc::default() } else { Arc::from(argv) };
    let mut process =
        Process { pid: 1, program, argv, sink: Sink::Log, started: now, wake, exit: None, tired: false };
    if let Some(text) = said {
        process.sink = Sink::Keep(text.into_bytes());
    }
    if let Program::Server(server) = &process.program
        && server.behaviour == Behaviour::Nginx
        && spec.volume_mounts.iter().flatten().any(|m| m.mount_path.starts_with("/etc/nginx"))
    {
        // It reads its configuration once it is in its place.
        process.wake = now;
    }
    if usage::amount(spec, true, "memory").is_some_and(|limit| limit < image.memory)
        && matches!(process.program, Program::Server(_))
    {
        process.wake = process.wake.min(now + OVERFILL);
    }
    if let (Program::Shell(Some(machine)), false) = (&mut process.program, spec.stdin == Some(true)) {
        machine.close_stdin();
    }
    Ok(process)
}

/// The command line of a container's first process, and whether the pod gives it.
pub fn main_argv(spec: &Container, image: &images::Image, environment: &Environment) -> (Vec<String>, bool) {
    let expanded = |list: &Option<Vec<String>>| -> Vec<String> {
        let known = |name: &str| environment.get(name).cloned();
        let word = |w: &String| if w.contains('$') { environment::expand(w, &known) } else { w.clone() };
        list.iter().flatten().map(word).collect()
    };
    let (own, args) = (expanded(&spec.command), expanded(&spec.args));
    let given = !own.is_empty();
    let mut argv = own;
    if !given {
        argv.extend(image.entrypoint.iter().map(|s| (*s).to_owned()));
    }
    if !args.is_empty() {
        argv.extend(args);
    } else if !given {
        argv.extend(image.cmd.iter().map(|s| (*s).to_owned()));
    }
    (argv, given)
}

/// The exit status of process 1, once it has ended.
pub fn main_exit(body: &Body) -> Option<i32> {
    body.processes.iter().find(|p| p.pid == 1).and_then(|p| p.exit)
}

/// Whether a command could be started in a container.
///
/// # Errors
/// What the runtime says.
pub fn check_command(cluster: &Cluster, spot: &Spot, pod: &Pod, argv: &[String]) -> Result<(), String> {
    let Some((spec, _)) = spec_of(pod, spot.index) else { return Ok(()) };
    let image = images::of(spec.image.as_deref().unwrap_or(""));
    command::exists(argv.first().map_or("", String::as_str), &image, &spec)?;
    let _ = cluster;
    Ok(())
}

/// Starts another process in the container, for `exec`, a probe or a hook. `None` when the container is gone.
pub fn spawn(cluster: &mut Cluster, spot: &Spot, argv: Vec<String>, sink: Sink) -> Option<u32> {
    let pid = spawn_exec(cluster, spot, argv, sink, false)?;
    feed(cluster, spot, pid, None);
    run_now(cluster, spot, pid);
    Some(pid)
}

/// Starts another process and leaves its standard input open; with `terminal` it believes to be on one.
pub fn spawn_exec(
    cluster: &mut Cluster,
    spot: &Spot,
    argv: Vec<String>,
    sink: Sink,
    terminal: bool,
) -> Option<u32> {
    let now = cluster.now();
    let pod = spot.object(cluster)?;
    let (spec, _) = spec_of(&pod, spot.index)?;
    let run = run_of(cluster, &spot.node, &spot.pod)?;
    let whole = environment::whole(cluster, &pod, &spec, run, spot.index);
    let environment = Environment::new(move || whole.clone());
    let image = images::of(spec.image.as_deref().unwrap_or(""));
    let body = body_mut(cluster, spot)?;
    let pid = body.next_pid.max(2);
    body.next_pid = pid + PID_ROOM;
    let start = command::Start {
        pod: &pod,
        spec: &spec,
        image: &image,
        environment: &environment,
        given: true,
        now,
        pid,
    };
    let (program, wake, exit) = match command::exec_program(&argv, &start, terminal) {
        Ok((program, wake)) => (program, wake, None),
        Err(_) => (Program::Ends(126), now, Some(126)),
    };
    let body = body_mut(cluster, spot)?;
    if body.processes.len() >= PROCESS_LIMIT {
        return None;
    }
    body.processes.push(Process {
        pid,
        program,
        argv: argv.into(),
        sink,
        started: now,
        wake,
        exit,
        tired: false,
    });
    Some(pid)
}

/// The live part of a container.
pub fn body_mut<'a>(cluster: &'a mut Cluster, spot: &Spot) -> Option<&'a mut Body> {
    run_mut(cluster, &spot.node, &spot.pod)?.containers.get_mut(spot.index)?.body.as_deref_mut()
}

/// A process of a container.
pub fn process_mut<'a>(cluster: &'a mut Cluster, spot: &Spot, pid: u32) -> Option<&'a mut Process> {
    body_mut(cluster, spot)?.processes.iter_mut().find(|p| p.pid == pid)
}

/// Hands input to a process; `None` closes its standard input.
pub fn feed(cluster: &mut Cluster, spot: &Spot, pid: u32, bytes: Option<&[u8]>) {
    let Some(process) = process_mut(cluster, spot, pid) else { return };
    match (&mut process.program, bytes) {
        (Program::Shell(Some(machine)), Some(bytes)) => machine.push_stdin(bytes),
        (Program::Shell(Some(machine)), None) => machine.close_stdin(),
        (Program::Server(server), bytes) => server.feed(bytes),
        _ => {}
    }
}

/// Lets a process go on at once, and what waits for it.
pub fn run_now(cluster: &mut Cluster, spot: &Spot, pid: u32) {
    step(cluster, spot, pid);
    let now = cluster.now();
    if run_of(cluster, &spot.node, &spot.pod).is_some() {
        wake_pod(cluster, &spot.node, &spot.pod, now);
    }
}

/// Signals a process from inside its container. Process 1 is spared by its kernel from every signal that it does not
/// handle, and nobody handles 9 (`pid_namespaces(7)`).
pub fn signal(body: &mut Body, pid: u32, signal: i32, now: SimTime) -> bool {
    let Some(process) = body.processes.iter_mut().find(|p| p.pid == pid && p.exit.is_none()) else {
        return false;
    };
    let first = process.pid == 1;
    match &mut process.program {
        Program::Server(server) => match server.exit_status(signal, first) {
            Some(status) => {
                process.program = Program::Ends(status);
                process.wake = if signal == 9 { now } else { now + timing::SERVER_EXIT };
            }
            // nginx reads its configuration again.
            None if signal == 1 => process.wake = now,
            None => {}
        },
        Program::Shell(Some(machine)) if !first || machine.traps(signal) => {
            machine.signal(signal);
            process.wake = now;
        }
        Program::Sleep | Program::Ends(_) | Program::Load(_) if !first => {
            process.program = Program::Ends(128 + signal);
            process.wake = now;
        }
        _ => {}
    }
    true
}

/// Signals process 1 as the kubelet does; the last signal ends everything in the container.
pub fn signal_main(body: &mut Body, number: i32, now: SimTime) {
    if number != 9 {
        signal(body, 1, number, now);
        return;
    }
    for process in &mut body.processes {
        process.exit.get_or_insert(137);
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
    let Some(run) = run_of(cluster, node, name) else { return };
    let mut due: Vec<(usize, u32)> = Vec::new();
    for (index, container) in run.containers.iter().enumerate() {
        let Some(body) = container.body.as_ref().filter(|_| container.is_running()) else { continue };
        due.extend(
            body.processes.iter().filter(|p| p.exit.is_none() && p.wake <= now).map(|p| (index, p.pid)),
        );
    }
    if due.is_empty() {
        return;
    }
    let node: Arc<str> = Arc::from(node);
    for (index, pid) in due {
        step(cluster, &Spot { node: node.clone(), pod: name.clone(), index }, pid);
    }
}

/// One process's turn.
fn step(cluster: &mut Cluster, spot: &Spot, pid: u32) {
    let now = cluster.now();
    if limits::enforce(cluster, spot) {
        return;
    }
    let Some(process) = process_mut(cluster, spot, pid).filter(|p| p.exit.is_none()) else { return };
    let exit = match &mut process.program {
        Program::Shell(machine) => {
            let Some(machine) = machine.take() else { return };
            run_machine(cluster, spot, pid, machine)
        }
        Program::Server(server) => {
            process.wake = NEVER;
            match (server.behaviour, server.startup) {
                (Behaviour::Nginx, _) => configure_nginx(cluster, spot, pid),
                (_, Startup::Over) => None,
                _ => {
                    startup::step(cluster, spot, pid);
                    None
                }
            }
        }
        Program::Load(_) => go_on_with_load(cluster, spot, pid),
        Program::Sleep => (process.wake <= now).then_some(0),
        Program::Ends(status) => (process.wake <= now).then_some(*status),
    };
    if let Some(status) = exit {
        ended(cluster, spot, pid, status);
    }
}

/// A load says what it has to say, and waits for its end or for its memory to be too much.
fn go_on_with_load(cluster: &mut Cluster, spot: &Spot, pid: u32) -> Option<i32> {
    let now = cluster.now();
    let room = limits::room(cluster, spot);
    let Some(Program::Load(load)) = process_mut(cluster, spot, pid).map(|p| &mut p.program) else {
        return None;
    };
    let said = std::mem::take(&mut load.said);
    let over = load.until.is_some_and(|until| until <= now);
    let text = if over { said + &load::last_words(load, now) } else { said };
    let crossing = room.and_then(|room| load.exceeds(room)).unwrap_or(NEVER);
    let wake = load.until.unwrap_or(NEVER).min(crossing.max(now + 1));
    if !text.is_empty() {
        ContainerWorld::new(cluster, spot.clone(), pid).output(false, text.as_bytes());
    }
    if over {
        return Some(0);
    }
    process_mut(cluster, spot, pid)?.wake = wake;
    None
}

/// nginx reads its configuration, and ends when it makes no sense.
fn configure_nginx(cluster: &mut Cluster, spot: &Spot, pid: u32) -> Option<i32> {
    let sites = nginx::sites(cluster, spot);
    let now = cluster.now();
    let process = process_mut(cluster, spot, pid)?;
    let Program::Server(server) = &mut process.program else { return None };
    if let Some(sites) = sites {
        server.ports = sites.iter().flat_map(|s| s.listen.iter().copied()).collect();
        return None;
    }
    let time = server::timestamp(now).strftime("%Y/%m/%d %H:%M:%S").to_string();
    let text = format!(
        "{time} [emerg] 1#1: unexpected end of file, expecting \"}}\" in /etc/nginx/conf.d/default.conf:1\n"
    );
    write_log(cluster, spot, text.as_bytes());
    Some(1)
}

fn run_machine(cluster: &mut Cluster, spot: &Spot, pid: u32, mut machine: Box<Machine>) -> Option<i32> {
    let now = cluster.now();
    let mut left = STEPS;
    if let Some(process) = process_mut(cluster, spot, pid) {
        left = if process.tired { BUSY_STEPS } else { STEPS };
        // Whoever wants it to go on meanwhile says so here.
        process.wake = NEVER;
    }
    let mut world = ContainerWorld::new(cluster, spot.clone(), pid);
    let (mut exit, mut tired) = (None, false);
    let wake = loop {
        let budget = left.min(BUSY_STEPS);
        let state = machine.run(&mut world, budget);
        for chunk in machine.take_output() {
            world.output(chunk.error, &chunk.bytes);
        }
        match state {
            State::Ready if left > budget => left -= budget,
            State::Ready => {
                tired = true;
                break now + BUSY_TICK;
            }
            State::Sleeping(at) => break SimTime(at.max(now.0 + 1)),
            State::Blocked => break NEVER,
            State::Done(status) => {
                exit = Some(status);
                break NEVER;
            }
        }
    };
    if let Some(body) = body_mut(cluster, spot) {
        body.work.add(now, if tired { BUSY_TICK } else { usage::SHELL_TURN_NANOS });
    }
    if let Some(process) = process_mut(cluster, spot, pid) {
        process.tired = tired;
        process.wake = process.wake.min(wake);
        process.program = Program::Shell(Some(machine));
    }
    exit
}

/// A process has ended: whoever waits for it goes on.
fn ended(cluster: &mut Cluster, spot: &Spot, pid: u32, status: i32) {
    let now = cluster.now();
    let Some(body) = body_mut(cluster, spot) else { return };
    let Some(process) = body.processes.iter_mut().find(|p| p.pid == pid) else { return };
    process.exit = Some(status);
    process.program = Program::Ends(status);
    let sink = process.sink.clone();
    let words = match &sink {
        Sink::Keep(bytes) if pid == 1 => bytes.clone(),
        _ => Vec::new(),
    };
    for process in &mut body.processes {
        if matches!(process.program, Program::Shell(_)) && process.exit.is_none() && process.wake > now {
            process.wake = now;
        }
    }
    match sink {
        Sink::Stream(id) => {
            body.processes.retain(|p| p.pid != pid);
            cluster.shared.streams.ended(id, status);
        }
        // A first process that only says something and ends.
        Sink::Keep(_) if pid == 1 => write_log(cluster, spot, &words),
        Sink::Log if pid != 1 => {
            if let Some(body) = body_mut(cluster, spot) {
                body.processes.retain(|p| p.pid != pid);
            }
        }
        _ => {}
    }
}

/// Adds to a container's log.
pub fn write_log(cluster: &mut Cluster, spot: &Spot, bytes: &[u8]) {
    let now = cluster.now();
    if let Some(container) =
        run_mut(cluster, &spot.node, &spot.pod).and_then(|r| r.containers.get_mut(spot.index))
    {
        container.log.get_or_insert_with(|| Box::new(Log::default())).write(now, bytes);
    }
}

/// The server that a command of an image is.
pub fn server_program(server: Server) -> Program {
    Program::Server(Box::new(server))
}

/// Whether the container's own processes are a server that keeps running.
pub fn is_server(body: &Body) -> bool {
    body.processes.first().is_some_and(|p| matches!(p.program, Program::Server(_)))
}

/// The plain server of an image, for commands that the model does not know.
pub fn plain_server(image: &images::Image, spec: &Container) -> Program {
    server_program(server::of_image(image, spec))
}
