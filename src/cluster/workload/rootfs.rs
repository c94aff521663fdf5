//! A container's files as it sees them: its own layer over its image, and what is mounted into it.
//!
//! Always holds: the image's files are made when a container first touches its own layer, so a server that only runs
//! costs nothing here.

use super::files::{IMAGE_BUILT, Tree, join, normalize};
use super::images::{self, Behaviour, Image, Shell};
use crate::cluster::Cluster;
use crate::cluster::kubelet::run::{PodRun, spec_of};
use crate::cluster::kubelet::{Backing, backing, environment, node_ip, run_mut, run_of, token_tree};
use crate::object::{ObjectName, Pod, meta::MetaExt, pod::TOKEN_PATH};
use crate::posix::FileError;
use k8s_openapi::api::core::v1::Container;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// A container of a pod on a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The node.
    pub node: Arc<str>,
    /// The pod.
    pub pod: ObjectName,
    /// The container's number.
    pub index: usize,
}

/// The container's own layer.
#[derive(Clone, Debug, Default)]
pub struct Rootfs {
    /// The tree.
    pub tree: Tree,
}

/// What is mounted at a path.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Where.
    pub path: String,
    /// The volume's name.
    pub volume: String,
    /// The part of the volume, as an absolute path in it.
    pub part: String,
    /// Where the data is.
    pub backing: Backing,
    /// Whether it cannot be written.
    pub read_only: bool,
}

impl Spot {
    /// The pod's object.
    pub fn object(&self, cluster: &Cluster) -> Option<Arc<Pod>> {
        cluster.api.store.fetch::<Pod>(&self.pod).cloned()
    }
}

/// What is mounted into a container, in the spec's order.
pub fn mounts(
    cluster: &Cluster,
    pod: &Pod,
    spec: &Container,
    env: &dyn Fn(&str) -> Option<String>,
) -> Vec<Mount> {
    let mut list = Vec::new();
    for mount in spec.volume_mounts.iter().flatten() {
        let Some(backing) = backing(cluster, pod, &mount.name) else { continue };
        let expression = mount.sub_path_expr.as_deref().map(|e| environment::expand(e, env));
        let part = normalize(expression.as_deref().or(mount.sub_path.as_deref()).unwrap_or("/"));
        let made = pod.spec.volumes.iter().flatten().any(|v| {
            v.name == mount.name
                && (v.config_map.is_some()
                    || v.secret.is_some()
                    || v.projected.is_some()
                    || v.downward_api.is_some())
        });
        let read_only = mount.read_only == Some(true) || made || backing == Backing::Token;
        list.push(Mount {
            path: normalize(&mount.mount_path),
            volume: mount.name.clone(),
            part,
            backing,
            read_only,
        });
    }
    if let Some(volume) = &pod.spec.token_volume
        && !list.iter().any(|m| m.path == TOKEN_PATH)
    {
        let (path, part) = (TOKEN_PATH.to_owned(), "/".to_owned());
        list.push(Mount { path, volume: volume.to_string(), part, backing: Backing::Token, read_only: true });
    }
    list
}

/// Finds the tree that an absolute path of a container is in, and lets `work` do something there: it gets the tree,
/// the path in it, and whether it can be written. `None` when there is no such container any more.
pub fn with_tree<R>(
    cluster: &mut Cluster,
    spot: &Spot,
    path: &str,
    work: impl FnOnce(&mut Tree, &str, bool) -> R,
) -> Option<R> {
    let pod = spot.object(cluster)?;
    let (spec, _) = spec_of(&pod, spot.index)?;
    let own = run_of(cluster, &spot.node, &spot.pod)?.containers.get(spot.index)?.body.as_ref()?.env.clone();
    let variable = |name: &str| own.as_ref()?.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let inside = |m: &Mount| path == m.path || path.strip_prefix(&m.path).is_some_and(|r| r.starts_with('/'));
    let mut mounts = mounts(cluster, &pod, &spec, &variable);
    mounts.retain(inside);
    let Some(mount) = mounts.into_iter().max_by_key(|m| m.path.len()) else {
        let read_only =
            spec.security_context.as_ref().is_some_and(|s| s.read_only_root_filesystem == Some(true));
        ensure(cluster, spot, &pod, &spec);
        let run = run_mut(cluster, &spot.node, &spot.pod)?;
        let rootfs = run.containers.get_mut(spot.index)?.body.as_mut()?.rootfs.as_mut()?;
        return Some(work(&mut rootfs.tree, path, read_only && !path.starts_with("/dev/")));
    };
    let rest = &path[mount.path.len()..];
    let inner = join(&mount.part, rest);
    let now = cluster.now().0;
    match &mount.backing {
        Backing::Token => {
            let run = run_of(cluster, &spot.node, &spot.pod)?;
            let mut tree = token_tree(cluster, &pod, run);
            Some(work(&mut tree, &inner, true))
        }
        Backing::Host(host) => {
            let kubelet = cluster.kubelets.get_mut(&spot.node)?;
            let base = join(host, mount.part.trim_end_matches('/'));
            if kubelet.files.get(&base).is_none() {
                kubelet.files.make_dirs(&base, now);
            }
            Some(work(&mut kubelet.files, &join(&base, rest), mount.read_only))
        }
        Backing::Disk(disk) => {
            let tree = cluster.shared.disks.entry(disk.clone()).or_default();
            make_part(tree, &mount.part, now);
            Some(work(tree, &inner, mount.read_only))
        }
        Backing::Own(name) => {
            let run = run_mut(cluster, &spot.node, &spot.pod)?;
            let pinned =
                run.containers.get_mut(spot.index)?.body.as_mut()?.pinned.get_mut(mount.path.as_str());
            if let Some(tree) = pinned {
                return Some(work(tree, &inner, true));
            }
            let tree =
                run.volumes.get_or_insert_with(Default::default).trees.entry(name.clone()).or_default();
            make_part(tree, &mount.part, now);
            Some(work(tree, &inner, mount.read_only))
        }
    }
}

/// The part of a volume that `subPath` names is made when it is not there.
fn make_part(tree: &mut Tree, part: &str, now: u64) {
    if tree.get(part).is_none() {
        tree.make_dirs(part, now);
    }
}

/// Reads a file of a container.
///
/// # Errors
/// Why it cannot be read.
pub fn read(cluster: &mut Cluster, spot: &Spot, path: &str) -> Result<Vec<u8>, FileError> {
    let path = normalize(path);
    with_tree(cluster, spot, &path, |tree, inner, _| tree.read(inner)).unwrap_or(Err(FileError::NotFound))
}

/// The parts of volumes whose content stays as it was when the container started: `subPath` of files made of
/// objects.
pub fn pins(cluster: &Cluster, pod: &Pod, spec: &Container, run: &PodRun) -> BTreeMap<String, Tree> {
    let mut pinned = BTreeMap::new();
    let Some(volumes) = &run.volumes else { return pinned };
    for mount in mounts(cluster, pod, spec, &|_| None) {
        if let Backing::Own(name) = &mount.backing
            && mount.part != "/"
            && mount.read_only
            && let Some(tree) = volumes.trees.get(name)
        {
            pinned.insert(mount.path, tree.clone());
        }
    }
    pinned
}

/// Makes the container's own layer, if it is not there yet.
fn ensure(cluster: &mut Cluster, spot: &Spot, pod: &Pod, spec: &Container) {
    let missing = |run: &PodRun| {
        run.containers.get(spot.index).and_then(|c| c.body.as_ref()).is_some_and(|b| b.rootfs.is_none())
    };
    if !run_of(cluster, &spot.node, &spot.pod).is_some_and(missing) {
        return;
    }
    let mut tree = image_files(spec.image.as_deref().unwrap_or(""));
    network_files(cluster, spot, pod, &mut tree);
    let now = cluster.now().0;
    for mount in mounts(cluster, pod, spec, &|_| None) {
        if mount.part == "/" || !mount.path.rsplit('/').next().unwrap_or("").contains('.') {
            tree.make_dirs(&mount.path, now);
        } else {
            tree.put(&mount.path, b"", 0o644, now);
        }
    }
    for device in spec.volume_devices.iter().flatten() {
        let bytes = crate::cluster::kubelet::device_bytes(cluster, pod, &device.name);
        tree.put_device(&normalize(&device.device_path), bytes, cluster.now().0);
    }
    let message = spec.termination_message_path.as_deref().unwrap_or("/dev/termination-log");
    tree.put(&normalize(message), b"", 0o666, now);
    if let Some(run) = run_mut(cluster, &spot.node, &spot.pod)
        && let Some(body) = run.containers.get_mut(spot.index).and_then(|c| c.body.as_mut())
    {
        body.rootfs = Some(Box::new(Rootfs { tree }));
    }
}

/// The files that the kubelet manages for a pod's network identity.
fn network_files(cluster: &Cluster, spot: &Spot, pod: &Pod, tree: &mut Tree) {
    let (hostname, now) = (environment::hostname(pod), cluster.now().0);
    tree.put("/etc/hostname", format!("{hostname}\n").as_bytes(), 0o644, now);
    let mut hosts = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n".to_owned();
    let run = run_of(cluster, &spot.node, &spot.pod);
    let ip = run.map(|r| environment::field_value(cluster, pod, r, "status.podIP")).unwrap_or_default();
    match pod.spec.subdomain.as_deref().filter(|s| !s.is_empty()) {
        Some(domain) => {
            let full = format!("{hostname}.{domain}.{}.svc.cluster.local", pod.namespace_str());
            let _ = writeln!(hosts, "{ip}\t{full}\t{hostname}");
        }
        None => {
            let _ = writeln!(hosts, "{ip}\t{hostname}");
        }
    }
    if let Some(aliases) = pod.spec.host_aliases.as_ref().filter(|a| !a.is_empty()) {
        hosts.push_str("\n# Entries added by HostAliases.\n");
        for alias in aliases {
            let _ =
                writeln!(hosts, "{}\t{}", alias.ip, alias.hostnames.clone().unwrap_or_default().join("\t"));
        }
    }
    tree.put("/etc/hosts", hosts.as_bytes(), 0o644, now);
    tree.put("/etc/resolv.conf", resolv_conf(pod).as_bytes(), 0o644, now);
    if pod.spec.host_network == Some(true) {
        let index = cluster.kubelets.get(&spot.node).map_or(0, |k| k.index);
        tree.put(
            "/etc/hosts",
            format!("127.0.0.1\tlocalhost\n{}\t{hostname}\n", node_ip(index)).as_bytes(),
            0o644,
            now,
        );
    }
}

fn resolv_conf(pod: &Pod) -> String {
    let policy = pod.spec.dns_policy.as_deref().unwrap_or("ClusterFirst");
    let on_host = pod.spec.host_network == Some(true) && policy != "ClusterFirstWithHostNet";
    let mut servers: Vec<String> = Vec::new();
    let mut searches: Vec<String> = Vec::new();
    let mut options: Vec<String> = Vec::new();
    if policy == "Default" || (on_host && policy != "None") {
        servers.push("10.0.2.3".to_owned());
    } else if policy != "None" {
        servers.push("10.96.0.10".to_owned());
        let namespace = pod.namespace_str();
        searches.extend([
            format!("{namespace}.svc.cluster.local"),
            "svc.cluster.local".to_owned(),
            "cluster.local".to_owned(),
        ]);
        options.push("ndots:5".to_owned());
    }
    if let Some(own) = &pod.spec.dns_config {
        servers.extend(own.nameservers.iter().flatten().cloned());
        searches.extend(own.searches.iter().flatten().cloned());
        for option in own.options.iter().flatten() {
            let name = option.name.as_deref().unwrap_or("");
            options.retain(|o| o.split(':').next() != Some(name));
            options.push(option.value.as_ref().map_or(name.to_owned(), |v| format!("{name}:{v}")));
        }
    }
    let mut text = String::new();
    if !searches.is_empty() {
        let _ = writeln!(text, "search {}", searches.join(" "));
    }
    for server in servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    if !options.is_empty() {
        let _ = writeln!(text, "options {}", options.join(" "));
    }
    text
}

/// The files of an image, as far as somebody may look at them.
fn image_files(name: &str) -> Tree {
    let image = images::of(name);
    let mut tree = Tree::new(IMAGE_BUILT);
    for directory in [
        "/bin",
        "/dev",
        "/etc",
        "/home",
        "/lib",
        "/mnt",
        "/opt",
        "/proc",
        "/root",
        "/run",
        "/sbin",
        "/srv",
        "/sys",
        "/tmp",
        "/usr/bin",
        "/usr/local/bin",
        "/usr/sbin",
        "/var/cache",
        "/var/lib",
        "/var/log",
        "/var/run",
        "/var/tmp",
    ] {
        tree.make_dirs(directory, IMAGE_BUILT);
    }
    tree.put("/dev/null", b"", 0o666, IMAGE_BUILT);
    let passwd = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
    tree.put("/etc/passwd", passwd.as_bytes(), 0o644, IMAGE_BUILT);
    tree.put("/etc/group", b"root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n", 0o644, IMAGE_BUILT);
    tree.put("/etc/os-release", os_release(name, &image).as_bytes(), 0o644, IMAGE_BUILT);
    if image.shell != Shell::None {
        for tool in [
            "sh", "ls", "cat", "echo", "date", "sleep", "mkdir", "rm", "cp", "mv", "touch", "grep", "sed",
            "ps",
        ] {
            tree.put(&format!("/bin/{tool}"), b"\x7fELF", 0o755, IMAGE_BUILT);
        }
    }
    match image.behaviour {
        Behaviour::Nginx => nginx_files(&mut tree),
        Behaviour::Httpd => {
            tree.put(
                "/usr/local/apache2/htdocs/index.html",
                super::server::HTTPD_INDEX.as_bytes(),
                0o644,
                IMAGE_BUILT,
            );
            tree.put(
                "/usr/local/apache2/conf/httpd.conf",
                b"ServerRoot \"/usr/local/apache2\"\n\nListen 80\n",
                0o644,
                0,
            );
            tree.make_dirs("/usr/local/apache2/logs", IMAGE_BUILT);
        }
        Behaviour::Redis => tree.make_dirs("/data", IMAGE_BUILT),
        Behaviour::Postgres => tree.make_dirs("/var/lib/postgresql/data", IMAGE_BUILT),
        Behaviour::Mysql => tree.make_dirs("/var/lib/mysql", IMAGE_BUILT),
        _ => {}
    }
    tree
}

fn os_release(name: &str, image: &Image) -> String {
    match image.shell {
        Shell::Busybox if name.contains("alpine") || image.repository.contains("alpine") => {
            "NAME=\"Alpine Linux\"\nID=alpine\nPRETTY_NAME=\"Alpine Linux v3.22\"\n".to_owned()
        }
        Shell::Busybox => "NAME=\"BusyBox\"\nID=busybox\n".to_owned(),
        _ => "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n".to_owned(),
    }
}

fn nginx_files(tree: &mut Tree) {
    tree.put("/usr/share/nginx/html/index.html", super::server::NGINX_INDEX.as_bytes(), 0o644, IMAGE_BUILT);
    tree.put(
        "/usr/share/nginx/html/50x.html",
        b"<html><head><title>Error</title></head><body><h1>An error occurred.</h1></body></html>\n",
        0o644,
        0,
    );
    tree.put("/etc/nginx/nginx.conf", super::server::NGINX_CONF.as_bytes(), 0o644, IMAGE_BUILT);
    tree.put("/etc/nginx/conf.d/default.conf", super::server::NGINX_DEFAULT.as_bytes(), 0o644, IMAGE_BUILT);
    tree.put("/etc/nginx/mime.types", b"types {\n    text/html html htm shtml;\n}\n", 0o644, IMAGE_BUILT);
    tree.put("/docker-entrypoint.sh", b"#!/bin/sh\nexec \"$@\"\n", 0o755, IMAGE_BUILT);
    tree.put("/usr/sbin/nginx", b"\x7fELF", 0o755, IMAGE_BUILT);
    tree.make_dirs("/docker-entrypoint.d", IMAGE_BUILT);
    tree.make_dirs("/var/log/nginx", IMAGE_BUILT);
}
