//! How long things on a node take: the model's figures, each with where it comes from.
//!
//! Durations are nanoseconds. What a figure is not: a measurement of one particular machine. Jitter is added from
//! the kubelet's own random stream, so two runs with one seed agree.

use crate::object::{SECOND, time::MILLISECOND};

/// From a change in the store to the kubelet that watches it.
pub const WATCH_LATENCY: u64 = 5 * MILLISECOND;
/// `RunPodSandbox`: namespaces, the pause process and the network plugin. containerd with a simple CNI plugin takes
/// 100 to 300 ms.
pub const SANDBOX: u64 = 120 * MILLISECOND;
/// `CreateContainer` and `StartContainer`: 50 to 150 ms on an idle machine.
pub const CREATE: u64 = 60 * MILLISECOND;
/// The spread that is added to sandboxes and containers.
pub const RUNTIME_SPREAD: u64 = 40 * MILLISECOND;
/// Resolving a tag at the registry, before the first byte of a layer comes.
pub const PULL_RESOLVE: u64 = 220 * MILLISECOND;
/// Layers downloaded and unpacked: a registry near by, a fast disk.
pub const PULL_BYTES_PER_SECOND: u64 = 150_000_000;
/// A registry answers that something is not there or not allowed.
pub const PULL_REFUSED: u64 = 600 * MILLISECOND;
/// From an end or a start of a container to the kubelet's notice of it. The real PLEG looks every second; the model
/// is quicker, so that first pulls and notices together take about as long as a start in a warm cluster.
pub const NOTICE: u64 = 50 * MILLISECOND;
/// The spread that is added to [`NOTICE`].
pub const NOTICE_SPREAD: u64 = 250 * MILLISECOND;
/// From a container's exit to a wait for the next start being shown (`CrashLoopBackOff`): the next sync of the pod.
pub const NEXT_SYNC: u64 = SECOND;
/// How often a pod worker looks again at a pod that could not be synced (`backOffPeriod` in `pkg/kubelet/kubelet.go`,
/// jittered by half).
pub const BACKOFF_PERIOD: u64 = 10 * SECOND;
/// The spread of [`BACKOFF_PERIOD`].
pub const BACKOFF_SPREAD: u64 = 5 * SECOND;
/// The first wait before a container is started again, and an image pulled again (`backOffPeriod`,
/// `imageBackOffPeriod`).
pub const RESTART_BASE: u64 = 10 * SECOND;
/// The longest of these waits (`MaxCrashLoopBackOff`, `MaxImageBackOff`).
pub const RESTART_MAX: u64 = 300 * SECOND;
/// A container that ran for so long since its last start begins again at [`RESTART_BASE`].
pub const RESTART_FORGET: u64 = 600 * SECOND;
/// The first wait before a volume is mounted again (`initialDurationBeforeRetry`), doubled up to [`MOUNT_MAX`].
pub const MOUNT_BASE: u64 = 500 * MILLISECOND;
/// The longest wait for a mount (`maxDurationBeforeRetry`).
pub const MOUNT_MAX: u64 = 122 * SECOND;
/// After so long without its volumes a pod gets the event that names those that are missing
/// (`podAttachAndMountTimeout`).
pub const MOUNT_PATIENCE: u64 = 123 * SECOND;
/// A mount that works.
pub const MOUNT: u64 = 20 * MILLISECOND;
/// A server that ends when told so.
pub const SERVER_EXIT: u64 = 60 * MILLISECOND;
/// What is left of a container's grace in any case when it is asked to end after a wait, in seconds
/// (`minimumGracePeriodInSeconds`).
pub const LEAST_GRACE: u64 = 2;
/// From the end of the last container to the removal of the pod: the sandbox, the volumes and the cgroup go.
pub const CLEANUP: u64 = 400 * MILLISECOND;
/// A changed `ConfigMap` or Secret reaches a pod's files within the kubelet's sync period of one minute.
pub const CONFIG_REFRESH: u64 = 60 * SECOND;
/// From a granted resize to the containers' new limits: a sync of the pod and a call to the runtime.
pub const RESIZE: u64 = SECOND;
/// How often a resize is tried again that the node has no room for now (`retryPendingResizes` after each change, and
/// every three minutes; the model asks more often instead of watching the node).
pub const RESIZE_RETRY: u64 = 10 * SECOND;
/// How often the eviction manager looks (`evictionMonitoringPeriod`).
pub const EVICTION_PERIOD: u64 = 10 * SECOND;
/// How long a node stays under pressure after it had any (`evictionPressureTransitionPeriod`).
pub const PRESSURE_TRANSITION: u64 = 300 * SECOND;
/// From a joining node's registration to its network being ready.
pub const NODE_START: u64 = 4 * SECOND;
/// From power on to a kubelet that works.
pub const NODE_BOOT: u64 = 5 * SECOND;
