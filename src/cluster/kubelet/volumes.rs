//! Volumes: what is mounted where, and the data behind it.
//!
//! Always holds: a pod's own trees (`emptyDir`, files made of objects) live in its run; a node's disk in its kubelet;
//! what outlives pods and nodes in the cluster's shared disks, named by what it is there (an NFS export, a CSI
//! volume), not by the object that points at it.

use super::run::{NEVER, PodRun, Stage, spec_of};
use super::{Context, notes, projection, timing, wake_pod};
use crate::cluster::Cluster;
use crate::cluster::workload::files::{EntryKind, Tree, normalize};
use crate::object::{ObjectKey, ObjectName, Pod, SimTime, meta::MetaExt, pod::token_volume, quantity};
use imbl::OrdMap;
use k8s_openapi::api::core::v1::{HostPathVolumeSource, PersistentVolume, PersistentVolumeClaim, Volume};
use std::sync::Arc;

/// A pod's volumes.
#[derive(Clone, Debug)]
pub struct Volumes {
    /// The trees that belong to the pod, by volume: `emptyDir`, and files made of objects.
    pub trees: OrdMap<Arc<str>, Tree>,
    /// When files made of objects are made again.
    pub refresh: SimTime,
}

impl Default for Volumes {
    fn default() -> Self {
        Self { trees: OrdMap::new(), refresh: NEVER }
    }
}

/// Where a volume's data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backing {
    /// A tree of the pod's own.
    Own(Arc<str>),
    /// A directory of the node.
    Host(String),
    /// Storage that outlives pods, by what it is.
    Disk(Arc<str>),
    /// The service account's token, made when it is read.
    Token,
}

/// Mounts every volume of the pod.
///
/// # Errors
/// When one cannot be; the events say why.
pub(super) fn mount(cx: &mut Context, run: &mut PodRun) -> Result<(), ()> {
    let pod = cx.pod.clone();
    let mut trees = run.volumes.take().map(|v| v.trees).unwrap_or_default();
    let mut failed: Vec<&str> = Vec::new();
    for volume in pod.spec.volumes.iter().flatten() {
        if let Err(why) = mount_one(cx, run, &pod, volume, &mut trees) {
            failed.push(&volume.name);
            let text = format!("MountVolume.SetUp failed for volume \"{}\" : {why}", volume.name);
            notes::of_pod(cx, true, "FailedMount", text);
        }
    }
    if !failed.is_empty() {
        if cx.now.since(run.accepted) >= timing::MOUNT_PATIENCE {
            let text = format!(
                "Unable to attach or mount volumes: unmounted volumes=[{}], unattached volumes=[], failed to process volumes=[]: context deadline exceeded",
                failed.join(" ")
            );
            notes::of_pod(cx, true, "FailedMount", text);
        }
        run.volumes = Some(Box::new(Volumes { trees, refresh: NEVER }));
        return Err(());
    }
    let any = pod.spec.volumes.as_ref().is_some_and(|v| !v.is_empty());
    run.volumes = any.then(|| Box::new(Volumes { trees, refresh: NEVER }));
    Ok(())
}

fn mount_one(
    cx: &mut Context,
    run: &PodRun,
    pod: &Pod,
    volume: &Volume,
    trees: &mut OrdMap<Arc<str>, Tree>,
) -> Result<(), String> {
    let name: Arc<str> = Arc::from(volume.name.as_str());
    if projection::is_projected(volume) {
        let tree = projection::tree_of(cx.cluster, pod, run, volume)?;
        trees.insert(name, tree);
        return Ok(());
    }
    if let Some(host) = &volume.host_path {
        return check_host_path(cx, host);
    }
    if volume.empty_dir.is_some() || volume.image.is_some() || volume.git_repo.is_some() {
        let now = cx.now.0;
        trees.entry(name).or_insert_with(|| Tree::new(now));
        return Ok(());
    }
    if let Some(claim) = claim_of(pod, volume) {
        let persistent = bound_volume(cx.cluster, pod, &claim)?;
        if let Some(host) = &persistent.spec.as_ref().and_then(|s| s.host_path.clone()) {
            return check_host_path(cx, host);
        }
        return match disk_of(&persistent) {
            Some(_) => Ok(()),
            None => local_exists(cx, &persistent),
        };
    }
    if volume.nfs.is_some() || volume.csi.is_some() {
        return Ok(());
    }
    Err("no volume plugin matched".to_owned())
}

/// A `local` volume's path has to be there already.
fn local_exists(cx: &mut Context, persistent: &PersistentVolume) -> Result<(), String> {
    let path = persistent.spec.as_ref().and_then(|s| s.local.as_ref()).map(|l| normalize(&l.path));
    let Some(path) = path else { return Err("no volume plugin matched".to_owned()) };
    match cx.kubelet().and_then(|k| k.files.get(&path)) {
        Some(_) => Ok(()),
        None => Err(format!("path \"{path}\" does not exist")),
    }
}

/// `hostPath.type`, as the kubelet checks it before the mount.
fn check_host_path(cx: &mut Context, source: &HostPathVolumeSource) -> Result<(), String> {
    let now = cx.now.0;
    let path = normalize(&source.path);
    let Some(kubelet) = cx.kubelet() else { return Ok(()) };
    let there = kubelet.files.get(&path).map(|e| e.kind);
    let is_directory = matches!(there, Some(EntryKind::Directory));
    let is_file = matches!(there, Some(EntryKind::File(_)));
    let kind = source.type_.as_deref().unwrap_or("");
    let fits = match kind {
        "Directory" => is_directory,
        "File" => is_file,
        "FileOrCreate" => is_file || there.is_none(),
        "DirectoryOrCreate" => is_directory || there.is_none(),
        "BlockDevice" => matches!(there, Some(EntryKind::Device(_))),
        "Socket" | "CharDevice" => false,
        _ => true,
    };
    if !fits {
        let what = match kind {
            "Directory" | "DirectoryOrCreate" => "a directory",
            "File" | "FileOrCreate" => "a file",
            "Socket" => "a socket file",
            "CharDevice" => "a character device",
            _ => "a block device",
        };
        return Err(format!("hostPath type check failed: {} is not {what}", source.path));
    }
    if there.is_none() {
        if kind == "FileOrCreate" {
            kubelet.files.put(&path, b"", 0o644, now);
        } else {
            // Without a type the container runtime makes the directory.
            kubelet.files.make_dirs(&path, now);
        }
    }
    Ok(())
}

/// The claim that a volume names: its own, or the one made for it.
fn claim_of(pod: &Pod, volume: &Volume) -> Option<String> {
    if let Some(claim) = &volume.persistent_volume_claim {
        return Some(claim.claim_name.clone());
    }
    volume.ephemeral.as_ref().map(|_| format!("{}-{}", pod.name_str(), volume.name))
}

/// The volume that a claim is bound to.
fn bound_volume(cluster: &Cluster, pod: &Pod, claim: &str) -> Result<Arc<PersistentVolume>, String> {
    let namespace = pod.namespace_str();
    let Some(object) = cluster.api.store.find::<PersistentVolumeClaim>(namespace, claim) else {
        return Err(format!(
            "error processing PVC {namespace}/{claim}: failed to fetch PVC from API server: persistentvolumeclaims \"{claim}\" not found"
        ));
    };
    let bound = object.status.as_ref().is_some_and(|s| s.phase.as_deref() == Some("Bound"));
    let name = object.spec.as_ref().and_then(|s| s.volume_name.clone()).filter(|n| bound && !n.is_empty());
    let Some(name) = name else {
        return Err(format!("error processing PVC {namespace}/{claim}: PVC is not bound"));
    };
    cluster.api.store.find::<PersistentVolume>("", &name).cloned().ok_or_else(|| {
        format!("error processing PVC {namespace}/{claim}: failed to fetch PV \"{name}\" from API server: persistentvolumes \"{name}\" not found")
    })
}

/// What names the storage behind a volume that any node reaches.
fn disk_of(persistent: &PersistentVolume) -> Option<Arc<str>> {
    let spec = persistent.spec.as_ref()?;
    if let Some(nfs) = &spec.nfs {
        return Some(Arc::from(format!("nfs:{}:{}", nfs.server, nfs.path)));
    }
    if let Some(csi) = &spec.csi {
        return Some(Arc::from(format!("csi:{}:{}", csi.driver, csi.volume_handle)));
    }
    if spec.host_path.is_some() || spec.local.is_some() {
        return None;
    }
    Some(Arc::from(format!("pv:{}", persistent.uid_str())))
}

/// Where the data of the pod's volume called `name` is.
pub(crate) fn backing(cluster: &Cluster, pod: &Pod, name: &str) -> Option<Backing> {
    if pod.spec.token_volume.as_deref() == Some(name) {
        return Some(Backing::Token);
    }
    let volume = pod.spec.volumes.iter().flatten().find(|v| v.name == name)?;
    if let Some(host) = &volume.host_path {
        return Some(Backing::Host(normalize(&host.path)));
    }
    if let Some(nfs) = &volume.nfs {
        return Some(Backing::Disk(Arc::from(format!("nfs:{}:{}", nfs.server, nfs.path))));
    }
    if let Some(claim) = claim_of(pod, volume) {
        let persistent = bound_volume(cluster, pod, &claim).ok()?;
        let spec = persistent.spec.as_ref()?;
        let path = spec.host_path.as_ref().map(|h| &h.path).or(spec.local.as_ref().map(|l| &l.path));
        return match (path, disk_of(&persistent)) {
            (Some(path), _) => Some(Backing::Host(normalize(path))),
            (None, Some(disk)) => Some(Backing::Disk(disk)),
            (None, None) => None,
        };
    }
    Some(Backing::Own(Arc::from(name)))
}

/// How large a claim's volume is, for a raw device.
pub(crate) fn device_bytes(cluster: &Cluster, pod: &Pod, name: &str) -> u64 {
    let volume = pod.spec.volumes.iter().flatten().find(|v| v.name == name);
    let claim = volume.and_then(|v| claim_of(pod, v));
    let persistent = claim.and_then(|c| bound_volume(cluster, pod, &c).ok());
    let size = persistent.and_then(|p| p.spec.as_ref()?.capacity.as_ref()?.get("storage").map(quantity::of));
    size.map_or(0, |q| u64::try_from(q.units()).unwrap_or(0))
}

/// The tree of the service account's volume.
pub(crate) fn token_tree(cluster: &Cluster, pod: &Pod, run: &PodRun) -> Tree {
    let volume = token_volume(crate::object::pod::TOKEN_VOLUME_PREFIX);
    projection::tree_of(cluster, pod, run, &volume).unwrap_or_default()
}

/// A `ConfigMap` or Secret has changed: pods that mount it follow after a while, each at its own moment.
pub(super) fn source_changed(cluster: &mut Cluster, key: &ObjectKey) {
    let place = |pod: &Arc<Pod>| Some((pod.spec.node_name.clone()?, pod.object_name()));
    let pods: Vec<_> = cluster.api.store.pods_of_source(key).filter_map(place).collect();
    for (node, name) in pods {
        refresh_soon(cluster, &node, &name);
    }
}

/// Makes the pod's files anew at its next periodic sync.
pub(super) fn refresh_soon(cluster: &mut Cluster, node: &Arc<str>, name: &ObjectName) {
    let now = cluster.now();
    let Some(kubelet) = cluster.kubelets.get_mut(node) else { return };
    let wait = kubelet.random.below(timing::CONFIG_REFRESH);
    let Some(Some(run)) = kubelet.pods.get_mut(name) else { return };
    let Some(volumes) = &mut Arc::make_mut(run).volumes else { return };
    // Half a period at least: the kubelet's own cache has to notice as well.
    let at = now + timing::CONFIG_REFRESH / 4 + wait * 3 / 4;
    volumes.refresh = volumes.refresh.min(at);
    let at = volumes.refresh;
    wake_pod(cluster, node, name, at);
}

/// Makes files of objects again when that is due. Labels and annotations follow too.
pub(super) fn refresh(cx: &mut Context, run: &mut PodRun) {
    let Some(mut volumes) = run.volumes.take() else { return };
    if volumes.refresh <= cx.now {
        volumes.refresh = NEVER;
        let pod = cx.pod.clone();
        for volume in pod.spec.volumes.iter().flatten().filter(|v| projection::is_projected(v)) {
            // A source that is gone leaves the files as they were.
            if let Ok(tree) = projection::tree_of(cx.cluster, &pod, run, volume) {
                volumes.trees.insert(Arc::from(volume.name.as_str()), tree);
            }
        }
    }
    run.volumes = Some(volumes);
}

/// Whether a change of the pod's labels or annotations shows in its files.
pub(super) fn follows_metadata(pod: &Pod) -> bool {
    pod.spec.volumes.iter().flatten().any(projection::shows_pod)
}

/// What an ended container says in its status: the file at `terminationMessagePath`, or the last of its log.
pub(super) fn termination_message(
    cx: &mut Context,
    run: &mut PodRun,
    index: usize,
    code: i32,
) -> Option<String> {
    const LIMIT: usize = 4096;
    let pod = cx.pod.clone();
    let (spec, _) = spec_of(&pod, index)?;
    let path = normalize(spec.termination_message_path.as_deref().unwrap_or("/dev/termination-log"));
    let container = &run.containers[index];
    debug_assert!(matches!(container.stage, Stage::Running { .. }));
    let rootfs = container.body.as_ref().and_then(|b| b.rootfs.as_ref());
    let written = rootfs.and_then(|r| r.tree.read(&path).ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(&written[..written.len().min(LIMIT)]).into_owned();
    if !text.is_empty() {
        return Some(text);
    }
    if code == 0 || spec.termination_message_policy.as_deref() != Some("FallbackToLogsOnError") {
        return None;
    }
    let log = container.log.as_ref()?;
    let mut lines: Vec<String> = log.lines().rev().take(80).map(|l| format!("{}\n", l.text)).collect();
    lines.reverse();
    let text = lines.concat();
    let from = text.len().saturating_sub(2048);
    let from = (from..=text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(text.len());
    Some(text[from..].to_owned()).filter(|t| !t.is_empty())
}
