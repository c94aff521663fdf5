//! What a kubelet keeps of a pod: its sandbox, its containers and how far each has come.
//!
//! Always holds: everything that can be read from the pod's object is read from there; this is only what the node
//! itself knows. A plain running container costs a few hundred bytes.

use super::log::Log;
use super::probes::ProbeRun;
use super::volumes::Volumes;
use crate::cluster::workload::files::Tree;
use crate::cluster::workload::process::Process;
use crate::cluster::workload::rootfs::Rootfs;
use crate::cluster::workload::usage::Work;
use crate::object::{Pod, SimTime};
use k8s_openapi::api::core::v1::{Container, EphemeralContainer, PodSpec as ApiPodSpec};
use std::borrow::Cow;
use std::sync::Arc;

/// Never: no wake is asked for.
pub const NEVER: SimTime = SimTime(u64::MAX);

/// A pod on its node.
#[derive(Clone, Debug)]
pub struct PodRun {
    /// The pod's uid: another pod of the same name is another pod.
    pub uid: Arc<str>,
    /// When the kubelet took it: `status.startTime`.
    pub accepted: SimTime,
    /// The last part of its address on the node's range; 0 while it has none.
    pub address: u16,
    /// The sandbox.
    pub sandbox: Sandbox,
    /// Init containers, then containers, then ephemeral ones, each in the spec's order.
    pub containers: Vec<ContainerRun>,
    /// Set once it has to end.
    pub ending: Option<Ending>,
    /// Set when the kubelet itself gave the pod up: reason and message.
    pub verdict: Option<Box<(&'static str, String)>>,
    /// Its volumes; `None` before they are mounted.
    pub volumes: Option<Box<Volumes>>,
    /// When the queue wakes it next.
    pub wake: SimTime,
    /// When its status is to be written next.
    pub report: SimTime,
    /// The spec whose resources its containers have: the pod's own, unless a resize is not yet granted.
    pub granted: Arc<ApiPodSpec>,
    /// A resize that waits or goes on.
    pub resize: Option<Box<Resize>>,
}

/// A resize in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resize {
    /// The node cannot grant it: `Deferred` or `Infeasible`, and why.
    Pending {
        /// The condition's reason.
        reason: &'static str,
        /// Its message.
        message: String,
        /// When it is looked at again.
        retry: SimTime,
    },
    /// The containers get it, until then at least.
    InProgress(SimTime),
}

/// How far the pod's sandbox is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// Volumes are not mounted: tried again at the moment, after so many failures.
    Mounting {
        /// When to try.
        at: SimTime,
        /// Failures so far.
        tries: u32,
        /// Whether there was a sandbox before.
        again: bool,
    },
    /// Being made, until then.
    Starting(SimTime),
    /// There.
    Ready,
    /// Stopped: the pod is over.
    Stopped,
}

/// The end of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// When what still runs is killed.
    pub deadline: SimTime,
    /// How much grace that was, in seconds.
    pub grace: i64,
    /// When the last container had ended and everything is tidied up.
    pub tidy_at: Option<SimTime>,
    /// Whether the pod's object goes too: it was deleted. Otherwise the pod has failed, and stays.
    pub object_goes: bool,
}

/// A container of a pod.
#[derive(Clone, Debug, Default)]
pub struct ContainerRun {
    /// How far it is.
    pub stage: Stage,
    /// How often it was started again.
    pub restarts: u32,
    /// How its newest run ended, until the next one starts.
    pub ended: Option<Arc<Ended>>,
    /// How the run before that ended.
    pub last: Option<Arc<Ended>>,
    /// The wait before the next start.
    pub backoff: Backoff,
    /// The wait before the next pull.
    pub pull_backoff: Backoff,
    /// The live container; `None` before its first start.
    pub body: Option<Box<Body>>,
    /// What it wrote.
    pub log: Option<Box<Log>>,
    /// What its previous run wrote.
    pub previous_log: Option<Arc<Log>>,
    /// Its probes, while it runs; empty without any.
    pub probes: Vec<ProbeRun>,
    /// Whether the startup probe has passed (or there is none) and the postStart hook is over.
    pub started: bool,
    /// Whether it is ready.
    pub ready: bool,
    /// Whether it is stopped only to be started again, whatever its restart policy says.
    pub renew: bool,
}

/// How far a container is.
#[derive(Clone, Debug, Default)]
pub enum Stage {
    /// It is not its turn yet.
    #[default]
    Blocked,
    /// Its image is being pulled.
    Pulling {
        /// When it asked.
        asked: SimTime,
        /// When its turn among the node's pulls came.
        began: SimTime,
        /// When it is over.
        done: SimTime,
    },
    /// Something is wrong; it is tried again.
    Refused {
        /// `ErrImagePull`, `CreateContainerConfigError`, …
        reason: &'static str,
        /// The text beside it.
        message: Arc<str>,
        /// When the next look is due.
        retry: SimTime,
    },
    /// Created and started, at that moment.
    Creating(SimTime),
    /// It runs.
    Running {
        /// Since when.
        since: SimTime,
        /// Set while it is being stopped.
        kill: Option<Box<Kill>>,
    },
    /// It has ended; what the kubelet makes of it.
    Exited(Next),
}

/// What comes after a container's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The kubelet has not noticed yet: it does at that moment.
    Unseen(SimTime),
    /// It stays ended.
    Stay,
    /// It will be started at `at`; from `shown` on it is shown as waiting.
    Restart {
        /// When.
        at: SimTime,
        /// When `CrashLoopBackOff` is shown.
        shown: SimTime,
        /// When the next `BackOff` event is due.
        event: SimTime,
    },
}

/// How a run of a container ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Exit code; 128 and the number for a signal.
    pub code: i32,
    /// `Completed`, `Error`, `OOMKilled`, `ContainerStatusUnknown`, …
    pub reason: &'static str,
    /// The termination message.
    pub message: Option<String>,
    /// When it began (the epoch when it never ran).
    pub started: SimTime,
    /// When it ended.
    pub finished: SimTime,
    /// Which start it was: names the container's id.
    pub attempt: u32,
}

/// A container being stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kill {
    /// When it is killed without asking.
    pub deadline: SimTime,
    /// Where the preStop hook is.
    pub hook: Hook,
    /// Whether it is asked to end only in its turn, as a sidecar of a pod that ends.
    pub waits: bool,
}

/// A lifecycle hook's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Its command is to be started.
    Due,
    /// A process of the container runs it.
    Process(u32),
    /// It sleeps for so many seconds, from when it is begun.
    Sleep(u64),
    /// It sleeps until then.
    Until(SimTime),
    /// Over, or there is none.
    Over,
    /// Its request was not answered.
    Failed,
}

/// An exponential wait, as `flowcontrol.Backoff` keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    /// The current wait in nanoseconds; 0 before the first.
    pub wait: u64,
    /// When it was last raised.
    pub updated: SimTime,
}

/// The live part of a container.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// Its processes; the first is process 1.
    pub processes: Vec<Process>,
    /// The number that the next process gets.
    pub next_pid: u32,
    /// What was written to its own layer; `None` while that is untouched.
    pub rootfs: Option<Box<Rootfs>>,
    /// The variables that its spec asks for, as they were when it started; `None` without any.
    pub env: Option<Arc<Vec<(String, String)>>>,
    /// Mounted parts of volumes whose content no longer follows its source, by mount path.
    pub pinned: std::collections::BTreeMap<String, Tree>,
    /// A hash of the image's name that it was made from: a pod's image may be changed.
    pub image: u32,
    /// Where the postStart hook is.
    pub post_start: Option<Hook>,
    /// CPU time that its processes spent on what comes and goes.
    pub work: Work,
    /// Whether the kernel ended it for its memory.
    pub oom: bool,
}

/// What kind of container it is, which decides when it starts and what its end means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs to its end before the next.
    Init,
    /// An init container with `restartPolicy: Always`: starts before the next, and stays.
    Sidecar,
    /// One of `spec.containers`.
    Main,
    /// Added to a running pod, as `kubectl debug` does.
    Ephemeral,
}

/// The spec of container number `index` of a [`PodRun`], and its role.
pub fn spec_of(pod: &Pod, index: usize) -> Option<(Cow<'_, Container>, Role)> {
    let inits = pod.spec.init_containers.as_deref().unwrap_or(&[]);
    if let Some(init) = inits.get(index) {
        let sidecar = init.restart_policy.as_deref() == Some("Always");
        return Some((Cow::Borrowed(init), if sidecar { Role::Sidecar } else { Role::Init }));
    }
    if let Some(main) = pod.spec.containers.get(index - inits.len()) {
        return Some((Cow::Borrowed(main), Role::Main));
    }
    let place = index - inits.len() - pod.spec.containers.len();
    let debug = pod.spec.ephemeral_containers.as_ref()?.get(place)?;
    Some((Cow::Owned(as_container(debug)), Role::Ephemeral))
}

/// An ephemeral container as a container: it has the same fields, of which it may use fewer.
fn as_container(debug: &EphemeralContainer) -> Container {
    Container {
        args: debug.args.clone(),
        command: debug.command.clone(),
        env: debug.env.clone(),
        env_from: debug.env_from.clone(),
        image: debug.image.clone(),
        image_pull_policy: debug.image_pull_policy.clone(),
        name: debug.name.clone(),
        security_context: debug.security_context.clone(),
        stdin: debug.stdin,
        stdin_once: debug.stdin_once,
        termination_message_path: debug.termination_message_path.clone(),
        termination_message_policy: debug.termination_message_policy.clone(),
        tty: debug.tty,
        volume_mounts: debug.volume_mounts.clone(),
        working_dir: debug.working_dir.clone(),
        ..Container::default()
    }
}

/// How many containers [`spec_of`] knows.
pub fn container_count(pod: &Pod) -> usize {
    pod.spec.init_containers.as_ref().map_or(0, Vec::len)
        + pod.spec.containers.len()
        + pod.spec.ephemeral_containers.as_ref().map_or(0, Vec::len)
}

/// The number of the container called `name`.
pub fn index_of(pod: &Pod, name: &str) -> Option<usize> {
    (0..container_count(pod)).find(|i| spec_of(pod, *i).is_some_and(|(c, _)| c.name == name))
}

impl PodRun {
    /// A pod that has just been taken.
    pub fn new(pod: &Pod, now: SimTime) -> Self {
        Self {
            uid: Arc::from(pod.metadata.uid.as_deref().unwrap_or("")),
            accepted: now,
            address: 0,
            sandbox: Sandbox::Mounting { at: now, tries: 0, again: false },
            containers: vec![ContainerRun::default(); container_count(pod)],
            ending: None,
            verdict: None,
            volumes: None,
            wake: NEVER,
            report: now,
            granted: pod.spec.shared.clone(),
            resize: None,
        }
    }

    /// Asks for its status to be written at `at` at the latest.
    pub fn report_by(&mut self, at: SimTime) {
        self.report = self.report.min(at);
    }
}

impl ContainerRun {
    /// Whether a process of it may run.
    pub fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running { .. })
    }

    /// Since when it runs.
    pub fn since(&self) -> SimTime {
        if let Stage::Running { since, .. } = self.stage { since } else { SimTime(0) }
    }

    /// Whether it is on its way to running.
    pub fn is_starting(&self) -> bool {
        matches!(self.stage, Stage::Pulling { .. } | Stage::Creating(_))
    }

    /// Whether it ended well, and the kubelet knows.
    pub fn succeeded(&self) -> bool {
        let seen = matches!(&self.stage, Stage::Exited(next) if !matches!(next, Next::Unseen(_)));
        seen && self.ended.as_ref().is_some_and(|e| e.code == 0)
    }
}

impl Backoff {
    /// Whether less than the wait has passed since `event`.
    pub fn holds(&self, event: SimTime, now: SimTime) -> bool {
        self.wait > 0
            && event.since(self.updated) <= super::timing::RESTART_FORGET
            && now.since(event) < self.wait
    }

    /// Raises the wait, or begins again when the last was long ago.
    pub fn raise(&mut self, event: SimTime, now: SimTime) {
        let fresh = self.wait == 0 || event.since(self.updated) > super::timing::RESTART_FORGET;
        self.wait =
            if fresh { super::timing::RESTART_BASE } else { (self.wait * 2).min(super::timing::RESTART_MAX) };
        self.updated = now;
    }
}
