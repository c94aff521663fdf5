//! Probes: startup, readiness, liveness, over exec, HTTP, TCP and gRPC.
//!
//! From `pkg/kubelet/prober`: a worker for each probe asks every period, at first after a random part of it; the
//! startup probe holds the others off; a result counts when its threshold is reached.

use super::run::{ContainerRun, NEVER, PodRun, Role, Stage, spec_of};
use super::timing::{NOTICE, NOTICE_SPREAD};
use super::{Context, containers, notes, run_mut, run_of};
use crate::cluster::Cluster;
use crate::cluster::network::{HttpCall, HttpReply, Outcome};
use crate::cluster::workload::images::{self, Behaviour};
use crate::cluster::workload::process::{self, Sink};
use crate::cluster::workload::server::PEER_HEADER;
use crate::cluster::workload::{http, rootfs::Spot};
use crate::object::{ObjectName, Pod, SECOND, SimTime};
use k8s_openapi::api::core::v1::{Container, HTTPGetAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::sync::Arc;

/// How much of an answer is read.
const MOST_OF_BODY: usize = 10 << 10;

/// Which probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Whether the container has started.
    Startup,
    /// Whether it can take traffic.
    Readiness,
    /// Whether it is still well.
    Liveness,
}

/// What a probe says once a threshold is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing yet.
    Unknown,
    /// Success.
    Success,
    /// Failure.
    Failure,
}

/// A probe of a running container.
#[derive(Clone, Debug)]
pub struct ProbeRun {
    /// Which it is.
    pub which: Which,
    /// When it is asked next, or its running command is given up.
    pub next: SimTime,
    /// What counts.
    pub verdict: Verdict,
    /// The newest result, and how often it came in a row.
    streak: (bool, i32),
    /// The command that it waits for.
    flight: Option<u32>,
    /// Whether a failure was acted on: it is asked no more.
    spent: bool,
}

impl Which {
    fn of(self, spec: &Container) -> Option<&Probe> {
        match self {
            Self::Startup => spec.startup_probe.as_ref(),
            Self::Readiness => spec.readiness_probe.as_ref(),
            Self::Liveness => spec.liveness_probe.as_ref(),
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Readiness => "Readiness",
            Self::Liveness => "Liveness",
        }
    }
}

fn period(probe: &Probe) -> u64 {
    u64::try_from(probe.period_seconds.unwrap_or(10)).unwrap_or(10).max(1) * SECOND
}

fn timeout(probe: &Probe) -> u64 {
    u64::try_from(probe.timeout_seconds.unwrap_or(1)).unwrap_or(1).max(1) * SECOND
}

/// The probes of a container that has just started.
pub(super) fn start(
    spec: &Container,
    role: Role,
    (accepted, now): (SimTime, SimTime),
    jitter: &mut dyn FnMut(u64) -> u64,
) -> Vec<ProbeRun> {
    if matches!(role, Role::Init | Role::Ephemeral) {
        return Vec::new();
    }
    let mut list = Vec::new();
    for which in [Which::Startup, Which::Readiness, Which::Liveness] {
        let Some(probe) = which.of(spec) else { continue };
        let delay = u64::try_from(probe.initial_delay_seconds.unwrap_or(0)).unwrap_or(0) * SECOND;
        let first = if which == Which::Readiness && delay == 0 && spec.startup_probe.is_none() {
            // Asked as soon as the kubelet sees the container run.
            now + NOTICE + jitter(NOTICE_SPREAD)
        } else {
            first_tick(accepted, period(probe), now + delay)
        };
        let verdict = if which == Which::Liveness { Verdict::Success } else { Verdict::Unknown };
        list.push(ProbeRun { which, next: first, verdict, streak: (true, 0), flight: None, spent: false });
    }
    list
}

/// A worker is made when the pod is taken and ticks from then on, whenever its container starts: the first tick that is
/// not before `earliest`.
fn first_tick(accepted: SimTime, period: u64, earliest: SimTime) -> SimTime {
    accepted + earliest.since(accepted).div_ceil(period) * period
}

/// When a probe is due.
pub(super) fn deadline(container: &ContainerRun) -> SimTime {
    if !container.is_running() {
        return NEVER;
    }
    container.probes.iter().filter(|p| !p.spent).map(|p| p.next).min().unwrap_or(NEVER)
}

/// Whether the startup probe has passed.
pub(super) fn startup_passed(container: &ContainerRun) -> bool {
    verdict(container, Which::Startup) == Some(Verdict::Success)
}

/// Whether the readiness probe says so.
pub(super) fn is_ready(container: &ContainerRun) -> bool {
    verdict(container, Which::Readiness) == Some(Verdict::Success)
}

fn verdict(container: &ContainerRun, which: Which) -> Option<Verdict> {
    container.probes.iter().find(|p| p.which == which).map(|p| p.verdict)
}

/// Asks what is due, while the pod is in its place: probes may reach it over the network and run commands in it.
pub(super) fn run_pod(cluster: &mut Cluster, node: &str, name: &ObjectName) {
    let now = cluster.now();
    let Some(run) = run_of(cluster, node, name) else { return };
    let due = |c: &ContainerRun| c.is_running() && deadline(c) <= now;
    let waiting = |c: &ContainerRun| c.probes.iter().any(|p| p.flight.is_some());
    if !run.containers.iter().any(|c| due(c) || waiting(c)) {
        return;
    }
    let Some(pod) = cluster.api.store.fetch::<Pod>(name).cloned() else { return };
    let ending = run.ending.is_some();
    let (count, node) = (run.containers.len(), Arc::<str>::from(node));
    for index in 0..count {
        let Some((spec, _)) = spec_of(&pod, index) else { break };
        let spot = Spot { node: node.clone(), pod: name.clone(), index };
        for slot in 0..3 {
            ask(cluster, &pod, &spec, &spot, slot, ending);
        }
    }
}

/// One probe's turn.
fn ask(cluster: &mut Cluster, pod: &Arc<Pod>, spec: &Container, spot: &Spot, slot: usize, ending: bool) {
    let now = cluster.now();
    let Some(container) =
        run_mut(cluster, &spot.node, &spot.pod).and_then(|r| r.containers.get_mut(spot.index))
    else {
        return;
    };
    let (running, started) = (container.is_running(), container.started);
    let Some(state) = container.probes.get_mut(slot).filter(|p| running && !p.spent) else { return };
    let which = state.which;
    let Some(probe) = which.of(spec) else { return };
    if let Some(pid) = state.flight {
        let gone = state.next <= now;
        let Some(result) = finish_command(cluster, spot, pid, probe, gone) else { return };
        count(cluster, pod, spec, spot, slot, result);
        return;
    }
    if state.next > now {
        return;
    }
    state.next = now + period(probe);
    // Before startup has passed only its own probe asks; afterwards it never does again.
    let held = (which == Which::Startup) == started;
    if (held && spec.startup_probe.is_some()) || (which != Which::Startup && !started) {
        return;
    }
    if ending && which != Which::Readiness {
        return;
    }
    if let Some(exec) = &probe.exec {
        let argv = exec.command.clone().unwrap_or_default();
        if let Err(why) = process::check_command(cluster, spot, pod, &argv) {
            let id = images::hex64(&format!("{}{}{argv:?}", spot.pod.name(), now.0));
            let why = format!(
                "rpc error: code = Unknown desc = failed to exec in container: failed to start exec \"{id}\": OCI runtime exec failed: exec failed: unable to start container process: {why}"
            );
            errored(cluster, pod, spot, which, &why);
            return;
        }
        let pid = process::spawn(cluster, spot, argv, Sink::Keep(Vec::new()));
        if let Some(state) = probe_mut(cluster, spot, slot) {
            state.flight = pid;
            state.next = now + timeout(probe);
        }
        if let Some(pid) = pid
            && let Some(result) = finish_command(cluster, spot, pid, probe, false)
        {
            count(cluster, pod, spec, spot, slot, result);
        }
        return;
    }
    if let Some(why) = unknown_target(spec, probe) {
        errored(cluster, pod, spot, which, &why);
        return;
    }
    let result = over_network(cluster, pod, spec, spot, probe);
    if let Ok(Some(body)) = &result {
        warned(cluster, pod, spot, which, body);
    }
    count(cluster, pod, spec, spot, slot, result.map(drop));
}

/// A probe that could not be asked: it says so, and counts for nothing.
fn errored(cluster: &mut Cluster, pod: &Arc<Pod>, spot: &Spot, which: Which, why: &str) {
    let now = cluster.now();
    let mut cx = Context { cluster, node: spot.node.clone(), name: spot.pod.clone(), pod: pod.clone(), now };
    let text = format!("{} probe errored and resulted in unknown state: {why}", which.title());
    notes::of_container(&mut cx, spot.index, true, "Unhealthy", text);
}

/// A probe that came to a redirect that it does not follow: it counts as good.
fn warned(cluster: &mut Cluster, pod: &Arc<Pod>, spot: &Spot, which: Which, body: &str) {
    let now = cluster.now();
    let mut cx = Context { cluster, node: spot.node.clone(), name: spot.pod.clone(), pod: pod.clone(), now };
    let text = format!("{} probe warning: Probe terminated redirects, Response body: {body}", which.title());
    notes::of_container(&mut cx, spot.index, true, "ProbeWarning", text);
}

/// Why a probe's port is none.
fn unknown_target(spec: &Container, probe: &Probe) -> Option<String> {
    let port = probe.http_get.as_ref().map(|g| &g.port).or(probe.tcp_socket.as_ref().map(|s| &s.port))?;
    port_number(spec, port).is_none().then(|| unknown_port(port))
}

fn container_mut<'a>(cluster: &'a mut Cluster, spot: &Spot) -> Option<&'a mut ContainerRun> {
    run_mut(cluster, &spot.node, &spot.pod)?.containers.get_mut(spot.index)
}

fn probe_mut<'a>(cluster: &'a mut Cluster, spot: &Spot, slot: usize) -> Option<&'a mut ProbeRun> {
    container_mut(cluster, spot)?.probes.get_mut(slot)
}

/// What a probe's command has come to; `None` while it may go on.
fn finish_command(
    cluster: &mut Cluster,
    spot: &Spot,
    pid: u32,
    probe: &Probe,
    out_of_time: bool,
) -> Option<Result<(), String>> {
    let body = run_mut(cluster, &spot.node, &spot.pod)?.containers.get_mut(spot.index)?.body.as_mut()?;
    let Some(at) = body.processes.iter().position(|p| p.pid == pid) else {
        return Some(Err(String::new()));
    };
    let status = body.processes[at].exit;
    if status.is_none() && !out_of_time {
        return None;
    }
    let process = body.processes.remove(at);
    let said = match process.sink {
        Sink::Keep(bytes) => String::from_utf8_lossy(&bytes[..bytes.len().min(MOST_OF_BODY)]).into_owned(),
        _ => String::new(),
    };
    match status {
        Some(0) => Some(Ok(())),
        Some(_) => Some(Err(said)),
        None => Some(Err(format!(
            "command timed out: {:?} timed out after {}s",
            process.argv.join(" "),
            probe.timeout_seconds.unwrap_or(1)
        ))),
    }
}

/// HTTP, TCP and gRPC probes. A success may come with the body of a redirect that was not followed.
fn over_network(
    cluster: &mut Cluster,
    pod: &Pod,
    spec: &Container,
    spot: &Spot,
    probe: &Probe,
) -> Result<Option<String>, String> {
    if is_component(spec) {
        return Ok(None);
    }
    // The sandbox's own: the stored status may not tell it yet.
    let ip = address(cluster, pod, spot).unwrap_or_default();
    if let Some(get) = &probe.http_get {
        return http_get(cluster, spec, spot, get, &ip, timeout(probe));
    }
    if let Some(socket) = &probe.tcp_socket {
        let Some(port) = port_number(spec, &socket.port) else {
            return Err(unknown_port(&socket.port));
        };
        let host = socket.host.clone().filter(|h| !h.is_empty()).unwrap_or_else(|| ip.clone());
        let outcome = reach(cluster, spot, &ip, &host, port);
        return match outcome {
            Outcome::Answered(()) => Ok(None),
            Outcome::Refused => Err(format!("dial tcp {host}:{port}: connect: connection refused")),
            Outcome::TimedOut => Err(format!("dial tcp {host}:{port}: i/o timeout")),
            Outcome::UnknownHost => Err(format!("dial tcp: lookup {host}: no such host")),
        };
    }
    if let Some(grpc) = &probe.grpc {
        let port = u16::try_from(grpc.port).unwrap_or(0);
        if let Some(answer) = http::health(cluster, &spot.pod, (port, grpc.service.as_deref().unwrap_or("")))
        {
            return match answer {
                Ok("SERVING") => Ok(None),
                Ok(status) => Err(format!("service unhealthy (responded with {status:?})")),
                Err(why) => Err(format!("error: health rpc probe failed: {why}")),
            };
        }
        // Whoever does not answer in HTTP/2 is waited for.
        let seconds = probe.timeout_seconds.unwrap_or(1);
        return Err(format!(
            "timeout: failed to connect service \"{ip}:{port}\" within {seconds}s: context deadline exceeded"
        ));
    }
    Err("missing probe handler".to_owned())
}

/// Whether the container is part of the cluster itself. While it runs it is well, so that its probes, once they have
/// passed, need not be asked again: a quiet cluster stays quiet.
fn is_component(spec: &Container) -> bool {
    let behaviour = images::of(spec.image.as_deref().unwrap_or("")).behaviour;
    matches!(behaviour, Behaviour::System | Behaviour::Coredns)
}

fn address(cluster: &Cluster, pod: &Pod, spot: &Spot) -> Option<String> {
    let index = cluster.kubelets.get(&spot.node)?.index;
    super::status::address_of(index, pod, run_of(cluster, &spot.node, &spot.pod)?)
}

fn reach(cluster: &mut Cluster, spot: &Spot, ip: &str, host: &str, port: u16) -> Outcome<()> {
    if host == ip {
        return http::connect(cluster, &spot.pod, port);
    }
    let from = crate::cluster::network::Point::Node(spot.node.clone());
    crate::cluster::network::connect(cluster, &from, host, port)
}

/// Whether the container's image has TLS on a port; most servers of the model speak plain HTTP.
fn speaks_tls(spec: &Container, port: u16) -> bool {
    images::of(spec.image.as_deref().unwrap_or("")).tls.contains(&port)
}

/// The number of a port that may be named.
pub(super) fn port_number(spec: &Container, port: &IntOrString) -> Option<u16> {
    match port {
        IntOrString::Int(number) => u16::try_from(*number).ok(),
        IntOrString::String(name) => {
            let named = spec.ports.iter().flatten().find(|p| p.name.as_deref() == Some(name));
            let number = named.map(|p| p.container_port).or_else(|| name.parse().ok())?;
            u16::try_from(number).ok()
        }
    }
}

fn unknown_port(port: &IntOrString) -> String {
    match port {
        IntOrString::Int(number) => format!("invalid port number: {number}"),
        IntOrString::String(name) => {
            format!("strconv.Atoi: parsing \"{name}\": invalid syntax")
        }
    }
}

fn http_get(
    cluster: &mut Cluster,
    spec: &Container,
    spot: &Spot,
    get: &HTTPGetAction,
    ip: &str,
    timeout: u64,
) -> Result<Option<String>, String> {
    let Some(port) = port_number(spec, &get.port) else { return Err(unknown_port(&get.port)) };
    let host = get.host.clone().filter(|h| !h.is_empty()).unwrap_or_else(|| ip.to_owned());
    let scheme = get.scheme.as_deref().unwrap_or("HTTP").to_ascii_lowercase();
    let path = get.path.as_deref().unwrap_or("/");
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let url = format!("{scheme}://{host}:{port}{path}");
    let mut headers: Vec<(String, String)> =
        get.http_headers.iter().flatten().map(|h| (h.name.clone(), h.value.clone())).collect();
    if !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("user-agent")) {
        headers.push(("User-Agent".to_owned(), "kube-probe/1.36".to_owned()));
    }
    // The kubelet speaks from the bridge of its node's pods.
    if let Some(range) = ip.rsplit_once('.').map(|(range, _)| range) {
        headers.push((PEER_HEADER.to_owned(), format!("{range}.1")));
    }
    let call =
        HttpCall { method: "GET".to_owned(), host: host.clone(), port, path, headers, body: Vec::new() };
    let outcome = send(cluster, spot, ip, &call);
    let outcome = follow(cluster, spot, ip, &call, outcome);
    match outcome {
        Outcome::Answered(reply) if reply.took > timeout => Err(format!(
            "Get \"{url}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        )),
        Outcome::Answered(_) if scheme == "https" && !speaks_tls(spec, port) => {
            Err(format!("Get \"{url}\": http: server gave HTTP response to HTTPS client"))
        }
        Outcome::Answered(reply) if (300..400).contains(&reply.status) => {
            let shown = &reply.body[..reply.body.len().min(MOST_OF_BODY)];
            Ok(Some(String::from_utf8_lossy(shown).into_owned()))
        }
        Outcome::Answered(reply) if (200..300).contains(&reply.status) => Ok(None),
        Outcome::Answered(reply) => Err(format!("HTTP probe failed with statuscode: {}", reply.status)),
        Outcome::Refused => {
            Err(format!("Get \"{url}\": dial tcp {host}:{port}: connect: connection refused"))
        }
        Outcome::TimedOut => Err(format!(
            "Get \"{url}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        )),
        Outcome::UnknownHost => Err(format!("Get \"{url}\": dial tcp: lookup {host}: no such host")),
    }
}

pub(super) fn send(cluster: &mut Cluster, spot: &Spot, ip: &str, call: &HttpCall) -> Outcome<HttpReply> {
    if call.host == ip {
        return http::http_to_pod(cluster, &spot.pod, call.port, call);
    }
    let from = crate::cluster::network::Point::Node(spot.node.clone());
    crate::cluster::network::http(cluster, &from, call)
}

/// Follows redirects on the same host, to any port; one to another host is an answer.
fn follow(
    cluster: &mut Cluster,
    spot: &Spot,
    ip: &str,
    call: &HttpCall,
    first: Outcome<HttpReply>,
) -> Outcome<HttpReply> {
    let (mut outcome, mut port) = (first, call.port);
    for _ in 0..10 {
        let Outcome::Answered(reply) = &outcome else { break };
        let location = reply.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("location"));
        let Some((_, to)) = location.filter(|_| matches!(reply.status, 301 | 302 | 303 | 307 | 308)) else {
            break;
        };
        let path;
        (port, path) = match to.split_once("://") {
            None => (port, to.clone()),
            Some((_, rest)) => {
                let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
                let (name, number) = place.split_once(':').unwrap_or((place, "80"));
                let Some(number) = number.parse().ok().filter(|_| name == call.host) else { break };
                (number, format!("/{path}"))
            }
        };
        let next = HttpCall { port, path, ..call.clone() };
        outcome = send(cluster, spot, ip, &next);
    }
    outcome
}

/// Takes a result in: events, streaks, verdicts.
fn count(
    cluster: &mut Cluster,
    pod: &Arc<Pod>,
    spec: &Container,
    spot: &Spot,
    slot: usize,
    result: Result<(), String>,
) {
    let now = cluster.now();
    let Some(state) = probe_mut(cluster, spot, slot) else { return };
    let which = state.which;
    let Some(probe) = which.of(spec) else { return };
    if state.flight.take().is_some() {
        let began = state.next.0.saturating_sub(timeout(probe));
        state.next = SimTime(began.max(now.0.saturating_sub(timeout(probe)))) + period(probe);
        state.next = state.next.max(now + 1);
    }
    let good = result.is_ok();
    state.streak = if state.streak.0 == good { (good, state.streak.1 + 1) } else { (good, 1) };
    let threshold =
        if good { probe.success_threshold.unwrap_or(1) } else { probe.failure_threshold.unwrap_or(3) };
    if state.streak.1 >= threshold.max(1) {
        state.verdict = if good { Verdict::Success } else { Verdict::Failure };
        if good && is_component(spec) {
            state.next = NEVER;
        }
    }
    let passed = which == Which::Startup && state.verdict == Verdict::Success;
    if passed && let Some(container) = container_mut(cluster, spot) {
        let delay = |which: Which| {
            let seconds = which.of(spec).and_then(|p| p.initial_delay_seconds).unwrap_or(0);
            u64::try_from(seconds).unwrap_or(0) * SECOND
        };
        let since = container.since();
        for probe in container.probes.iter_mut().filter(|p| p.which == Which::Readiness) {
            probe.next = (now + 1).max(since + delay(Which::Readiness));
        }
    }
    if let Err(why) = result {
        let mut cx =
            Context { cluster, node: spot.node.clone(), name: spot.pod.clone(), pod: pod.clone(), now };
        notes::of_container(
            &mut cx,
            spot.index,
            true,
            "Unhealthy",
            format!("{} probe failed: {why}", which.title()),
        );
    }
}

/// Stops a container whose liveness or startup probe has failed too often.
pub(super) fn act_on_failure(cx: &mut Context, run: &mut PodRun, index: usize, spec: &Container) {
    let container = &mut run.containers[index];
    if matches!(container.stage, Stage::Running { kill: Some(_), .. }) {
        return;
    }
    let failed = |p: &&mut ProbeRun| p.which != Which::Readiness && p.verdict == Verdict::Failure && !p.spent;
    let Some(probe) = container.probes.iter_mut().find(failed) else { return };
    probe.spent = true;
    let which = probe.which;
    let own = which.of(spec).and_then(|p| p.termination_grace_period_seconds);
    let grace = own.or(cx.pod.spec.termination_grace_period_seconds).unwrap_or(30);
    let kind = if which == Which::Liveness { "liveness" } else { "startup" };
    let text = format!("Container {} failed {kind} probe, will be restarted", spec.name);
    containers::stop(cx, run, index, grace, text);
}
