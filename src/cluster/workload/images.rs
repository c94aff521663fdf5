//! The images that registries have: one table for pulls, entry points, ports, files and behaviour.
//!
//! Sizes are those of linux/amd64, compressed, as the kubelet's `Pulled` event counts them; digests are made from
//! the name, so that they are stable but not the real ones. A name outside the table may still be pulled: see
//! [`find`].

use super::image_table::{self, PLAIN};
use crate::object::hash;
use std::fmt::Write as _;

/// What an image's own process does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behaviour {
    /// nginx: files of its `html` directory, an access log.
    Nginx,
    /// Apache httpd: `It works!`.
    Httpd,
    /// A shell and its tools; the image's command is a shell, which ends without input.
    Shell,
    /// Does nothing for ever.
    Pause,
    /// redis-server.
    Redis,
    /// A server that speaks no HTTP: databases, brokers.
    Daemon,
    /// A database that needs a password in its environment before it starts.
    Mysql,
    /// postgres.
    Postgres,
    /// hashicorp/http-echo: the text of `-text`.
    HttpEcho,
    /// agnhost: many servers in one, chosen by the first argument.
    Agnhost,
    /// traefik/whoami: tells the request back.
    Whoami,
    /// `nc -l`: answers once with what it was given.
    Netcat,
    /// A plain HTTP server on the declared ports.
    Generic,
    /// A server that answers every request with the table's text.
    Says,
    /// Prints a greeting and ends.
    Hello,
    /// CoreDNS: DNS, and health over HTTP.
    Coredns,
    /// A component of the control plane, or kube-proxy.
    System,
    /// Tools only; the command is given by the pod, and without one it ends at once.
    Tool,
}

/// A repository, as a registry has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Image {
    /// The full repository: `docker.io/library/nginx`.
    pub repository: &'static str,
    /// Versions that exist: `1.25` stands also for `1.25.3`; words are tags of their own. Empty: any tag exists.
    pub versions: &'static [&'static str],
    /// Bytes.
    pub size: u64,
    /// `ENTRYPOINT`.
    pub entrypoint: &'static [&'static str],
    /// `CMD`.
    pub cmd: &'static [&'static str],
    /// Ports that the process listens on.
    pub ports: &'static [u16],
    /// Those of them that speak TLS.
    pub tls: &'static [u16],
    /// `USER`.
    pub user: &'static str,
    /// `ENV` beside `PATH`.
    pub env: &'static [(&'static str, &'static str)],
    /// `WORKDIR`.
    pub workdir: &'static str,
    /// The variable that names another port than the first of `ports`; empty when there is none.
    pub port_variable: &'static str,
    /// What it does.
    pub behaviour: Behaviour,
    /// What `/bin/sh` is.
    pub shell: Shell,
    /// Commands beside those that every image with its shell has.
    pub tools: &'static [&'static str],
    /// Its working set at rest, in bytes.
    pub memory: u64,
    /// The CPU that it takes at rest.
    pub cpu_milli: u64,
    /// The CPU time that answering a request takes.
    pub request_cpu_micros: u64,
    /// How it ends when it is told to; `None` when its process 1 has no handler for the signal.
    pub sigterm: Option<i32>,
    /// `STOPSIGNAL`.
    pub stop_signal: i32,
    /// How long it takes to listen.
    pub starts_after_ms: u64,
    /// The same, when its data is there already.
    pub starts_again_after_ms: u64,
    /// A file that tells that its data is there; empty when it keeps none.
    pub data: &'static str,
    /// What it refuses to start without.
    pub needs: Option<&'static Needs>,
    /// What it says.
    pub texts: &'static Texts,
}

/// Variables without which an image refuses to start.
#[derive(PartialEq, Eq, Debug)]
pub struct Needs {
    /// `NAME`, or `NAME=value`: one of them must be set.
    pub any: &'static [&'static str],
    /// The complaint.
    pub says: &'static str,
    /// The exit status.
    pub exit: i32,
}

/// What an image's process says, as [`super::texts::fill`] reads it.
#[derive(PartialEq, Eq, Debug)]
pub struct Texts {
    /// When it starts.
    pub log: &'static str,
    /// When it listens.
    pub log_ready: &'static str,
    /// When it starts and its data is there.
    pub again: &'static str,
    /// When it listens then.
    pub again_ready: &'static str,
    /// When it is told to end.
    pub bye: &'static str,
    /// For a request.
    pub access: &'static str,
    /// To whoever asks, over HTTP.
    pub answer: &'static str,
}

/// Which shell and tools an image has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shell {
    /// None: `exec … -- sh` fails.
    None,
    /// busybox.
    Busybox,
    /// dash, bash and the GNU tools of Debian.
    Debian,
}

/// Endings of tags that name a variant of the same version.
const VARIANTS: &[&str] = &[
    "-alpine",
    "-slim",
    "-bookworm",
    "-bullseye",
    "-buster",
    "-trixie",
    "-perl",
    "-alpine-slim",
    "-glibc",
    "-musl",
    "-uclibc",
    "-jammy",
    "-noble",
    "-oracle",
    "-alpine-perl",
    "-otel",
    "-slim-bookworm",
];

/// A reference taken apart: `nginx:1.25` is `docker.io/library/nginx`, tag `1.25`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reference {
    /// Registry and path.
    pub repository: String,
    /// The tag, `latest` when neither tag nor digest is given.
    pub tag: String,
    /// `sha256:…`.
    pub digest: Option<String>,
}

impl Reference {
    /// Takes an image's name apart. `None` when no registry would understand it (`InvalidImageName`).
    pub fn parse(name: &str) -> Option<Self> {
        let (rest, digest) = match name.split_once('@') {
            Some((rest, digest)) => {
                let hex = digest.strip_prefix("sha256:")?;
                let legal =
                    hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                legal.then_some((rest, Some(digest.to_owned())))?
            }
            None => (name, None),
        };
        let slash = rest.rfind('/').map_or(0, |at| at + 1);
        let (path, tag) = match rest[slash..].rfind(':') {
            Some(at) => (&rest[..slash + at], Some(&rest[slash + at + 1..])),
            None => (rest, None),
        };
        let legal_tag = |t: &str| {
            (1..=128).contains(&t.len())
                && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
                && !t.starts_with(['.', '-'])
        };
        if tag.is_some_and(|t| !legal_tag(t)) {
            return None;
        }
        let (host, path) = match path.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
            _ => ("docker.io", path),
        };
        let legal_part = |p: &str| {
            !p.is_empty()
                && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
                && !p.starts_with(['.', '_', '-'])
                && !p.ends_with(['.', '_', '-'])
        };
        if path.len() > 255 || !path.split('/').all(legal_part) {
            return None;
        }
        let library = if host == "docker.io" && !path.contains('/') { "library/" } else { "" };
        let tag = tag.unwrap_or("latest").to_owned();
        Some(Self { repository: format!("{host}/{library}{path}"), tag, digest })
    }

    /// The whole name, as containerd writes it in statuses and errors.
    pub fn full(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}@{digest}", self.repository),
            None => format!("{}:{}", self.repository, self.tag),
        }
    }

    fn host(&self) -> &str {
        self.repository.split('/').next().unwrap_or("")
    }

    /// The image's id: `docker.io/library/nginx@sha256:…`.
    pub fn image_id(&self) -> String {
        let digest = self.digest.clone().unwrap_or_else(|| format!("sha256:{}", hex64(&self.full())));
        format!("{}@{digest}", self.repository)
    }
}

/// 64 hexadecimal digits that stand for `text`: digests and container ids.
pub fn hex64(text: &str) -> String {
    let mut word = hash::fnv64a(text.as_bytes());
    let mut digits = String::with_capacity(64);
    for round in 0..4u64 {
        word = (word ^ (word >> 29) ^ round).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
        word = (word ^ (word >> 32)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let _ = write!(digits, "{:016x}", word ^ (word >> 31));
    }
    digits
}

/// The repository of the table, or the plain server that stands for any other image. Says nothing of whether it
/// can be pulled.
pub fn find(reference: &Reference) -> Image {
    let table = image_table::images();
    let known = table.iter().find(|i| i.repository == reference.repository).copied();
    known.unwrap_or_else(|| {
        // Mirrors and forks behave as what they are named after.
        let last = reference.repository.rsplit('/').next().unwrap_or("");
        let alike = table.iter().find(|i| i.repository.rsplit('/').next() == Some(last));
        alike.copied().filter(|i| i.behaviour != Behaviour::System).unwrap_or(PLAIN)
    })
}

/// The full version that a tag stands for: `1.25` is `1.25.5`, `latest` the newest of the table.
pub fn version(reference: &Reference) -> String {
    let plain = reference.tag.split('-').next().unwrap_or("").trim_start_matches('v');
    let numeric = |v: &str| v.split('.').all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    let base = if numeric(plain) {
        plain.to_owned()
    } else {
        let image = find(reference);
        let newest = image.versions.iter().map(|v| v.trim_start_matches('v')).filter(|v| numeric(v));
        let key = |v: &&str| v.split('.').map(|p| p.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>();
        newest.max_by_key(key).unwrap_or("1.0").to_owned()
    };
    match base.split('.').count() {
        // PostgreSQL has two parts since its tenth version.
        1 if reference.repository.ends_with("postgres") => format!("{base}.{}", 3 + base.len()),
        2 if reference.repository.ends_with("postgres") => base,
        1 => format!("{base}.0.0"),
        2 => format!("{base}.{}", hash::fnv32a(base.as_bytes()) % 5),
        _ => base,
    }
}

/// The image of a container's `image`.
pub fn of(name: &str) -> Image {
    Reference::parse(name).map_or(PLAIN, |r| find(&r))
}

/// Pulls: the bytes, or containerd's words for why not.
///
/// # Errors
/// What the registry or its name's lookup answers.
pub fn pull(reference: &Reference) -> Result<u64, String> {
    let full = reference.full();
    let failed =
        |why: String| format!("failed to pull and unpack image \"{full}\": failed to resolve image: {why}");
    let host = reference.host();
    if !reachable(host) {
        let name = host.split(':').next().unwrap_or(host);
        return Err(failed(format!(
            "failed to do request: Head \"https://{host}/v2/{}/manifests/{}\": dial tcp: lookup {name} on 10.0.2.3:53: no such host",
            reference.repository.split_once('/').map_or("", |(_, path)| path),
            reference.digest.as_ref().unwrap_or(&reference.tag),
        )));
    }
    let known = image_table::images().iter().find(|i| i.repository == reference.repository);
    let Some(image) = known else {
        if let Some(short) = reference.repository.strip_prefix("docker.io/library/")
            && !image_table::is_official(short)
        {
            return Err(failed(
                "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed".to_owned(),
            ));
        }
        return Ok(find(reference).size);
    };
    if reference.digest.is_some() || has_tag(image, &reference.tag) {
        return Ok(image.size);
    }
    Err(format!("rpc error: code = NotFound desc = {}", failed(format!("{full}: not found"))))
}

/// Names that the internet's DNS never answers, by RFC 2606 and RFC 6762.
fn reachable(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or(host);
    let last = name.rsplit('.').next().unwrap_or(name);
    !matches!(
        last,
        "invalid" | "example" | "test" | "local" | "localdomain" | "internal" | "nowhere" | "nope"
    ) && !name.ends_with("example.com")
        && !name.ends_with("example.org")
        && !name.ends_with("example.net")
}

fn has_tag(image: &Image, tag: &str) -> bool {
    if image.versions.is_empty() || image.versions.contains(&tag) {
        return true;
    }
    let plain = VARIANTS.iter().filter_map(|v| tag.strip_suffix(v)).min_by_key(|t| t.len()).unwrap_or(tag);
    let plain = match plain.rfind("-alpine3.") {
        Some(at) => &plain[..at],
        None => plain,
    };
    image.versions.iter().any(|v| {
        plain == *v
            || plain.strip_prefix(v).and_then(|rest| rest.strip_prefix('.')).is_some_and(|rest| {
                v.contains(|c: char| c.is_ascii_digit())
                    && is_patch(rest, v.trim_start_matches('v').contains('.'))
            })
    })
}

/// `3` or `3-1` after `1.25.`; after a bare major version a minor one may follow too, if it is small.
fn is_patch(rest: &str, has_minor: bool) -> bool {
    let digits = |t: &str| !t.is_empty() && t.len() <= 2 && t.bytes().all(|b| b.is_ascii_digit());
    let mut parts = rest.split('.');
    let first = parts.next().is_some_and(digits);
    let second = parts.next();
    has_minor && first && second.is_none()
}

/// The images that a node of a new cluster has already.
pub const SYSTEM_IMAGES: &[&str] = &[
    "registry.k8s.io/pause:3.10.1",
    "registry.k8s.io/kube-proxy:v1.36.2",
    "registry.k8s.io/coredns/coredns:v1.13.1",
];

/// Those of a control plane beside them.
pub const CONTROL_PLANE_IMAGES: &[&str] = &[
    "registry.k8s.io/etcd:3.6.6-0",
    "registry.k8s.io/kube-apiserver:v1.36.2",
    "registry.k8s.io/kube-controller-manager:v1.36.2",
    "registry.k8s.io/kube-scheduler:v1.36.2",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        for (name, full) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.25", "docker.io/library/nginx:1.25"),
            ("a/b:x", "docker.io/a/b:x"),
            ("localhost:5000/a", "localhost:5000/a:latest"),
            ("registry.k8s.io/pause:3.10.1", "registry.k8s.io/pause:3.10.1"),
        ] {
            assert_eq!(Reference::parse(name).map(|r| r.full()).as_deref(), Some(full));
        }
        for bad in ["", "NGINX", "nginx:", "a//b", "nginx:1 2", "nginx@sha256:12", "-x", ":x"] {
            assert_eq!(Reference::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn tags_that_exist() {
        for (name, there) in [
            ("nginx:1.25", true),
            ("nginx:1.25.3", true),
            ("nginx:1.25-alpine", true),
            ("nginx:1.25.3-alpine3.18", true),
            ("nginx", true),
            ("nginx:1.999", false),
            ("nginx:broken", false),
            ("nginx:1.25.bad", false),
            ("busybox:1.36", true),
            ("redis:7.2-alpine", true),
            ("fluentd:v1.16", true),
            ("ngnix:1.25", false),
            ("nosuch.example/x:1", false),
            ("someone/app:v3", true),
            ("registry.k8s.io/pause:3.10.1", true),
            ("registry.k8s.io/etcd:3.6.6-0", true),
        ] {
            let reference = Reference::parse(name).unwrap();
            assert_eq!(pull(&reference).is_ok(), there, "{name}: {:?}", pull(&reference));
        }
    }
}
