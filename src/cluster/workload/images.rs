//! The images that registries have: one table for pulls, entry points, ports, files and behaviour.
//!
//! Sizes are those of linux/amd64, compressed, as the kubelet's `Pulled` event counts them; digests are made from
//! the name, so that they are stable but not the real ones. A name outside the table may still be pulled: see
//! [`find`].

use crate::object::hash;

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
    /// `USER`.
    pub user: &'static str,
    /// `ENV` beside `PATH`.
    pub env: &'static [(&'static str, &'static str)],
    /// `WORKDIR`.
    pub workdir: &'static str,
    /// What it does.
    pub behaviour: Behaviour,
    /// What `/bin/sh` is.
    pub shell: Shell,
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

const PLAIN: Image = Image {
    repository: "",
    versions: &[],
    size: 48_000_000,
    entrypoint: &[],
    cmd: &[],
    ports: &[],
    user: "",
    env: &[],
    workdir: "/",
    behaviour: Behaviour::Generic,
    shell: Shell::Debian,
};

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

const KUBERNETES: &[&str] = &["v1.32", "v1.33", "v1.34", "v1.35", "v1.36"];

/// The table.
pub const IMAGES: &[Image] = &[
    Image {
        repository: "docker.io/library/nginx",
        versions: &[
            "1.7",
            "1.8",
            "1.9",
            "1.10",
            "1.11",
            "1.12",
            "1.13",
            "1.14",
            "1.15",
            "1.16",
            "1.17",
            "1.18",
            "1.19",
            "1.20",
            "1.21",
            "1.22",
            "1.23",
            "1.24",
            "1.25",
            "1.26",
            "1.27",
            "1.28",
            "1.29",
            "1.30",
            "1.31",
            "1",
            "latest",
            "stable",
            "mainline",
            "alpine",
            "stable-alpine",
            "mainline-alpine",
            "perl",
            "bookworm",
        ],
        size: 71_005_258,
        entrypoint: &["/docker-entrypoint.sh"],
        cmd: &["nginx", "-g", "daemon off;"],
        ports: &[80],
        env: &[("NGINX_VERSION", "{version}"), ("PKG_RELEASE", "1~bookworm")],
        behaviour: Behaviour::Nginx,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/httpd",
        versions: &["2.2", "2.4", "2", "latest", "alpine"],
        size: 58_000_000,
        cmd: &["httpd-foreground"],
        ports: &[80],
        env: &[("HTTPD_PREFIX", "/usr/local/apache2"), ("HTTPD_VERSION", "{version}")],
        workdir: "/usr/local/apache2",
        behaviour: Behaviour::Httpd,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/busybox",
        versions: &[
            "1.24", "1.25", "1.26", "1.27", "1.28", "1.29", "1.30", "1.31", "1.32", "1.33", "1.34", "1.35",
            "1.36", "1.37", "1", "latest", "stable", "glibc", "musl", "uclibc", "unstable",
        ],
        size: 2_220_094,
        cmd: &["sh"],
        behaviour: Behaviour::Shell,
        shell: Shell::Busybox,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/alpine",
        versions: &[
            "3.12", "3.13", "3.14", "3.15", "3.16", "3.17", "3.18", "3.19", "3.20", "3.21", "3.22", "3.23",
            "3", "latest", "edge",
        ],
        size: 3_644_000,
        cmd: &["/bin/sh"],
        behaviour: Behaviour::Shell,
        shell: Shell::Busybox,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/debian",
        versions: &[
            "10",
            "11",
            "12",
            "13",
            "latest",
            "stable",
            "bookworm",
            "bullseye",
            "trixie",
            "stable-slim",
            "testing",
        ],
        size: 48_480_000,
        cmd: &["bash"],
        behaviour: Behaviour::Shell,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/ubuntu",
        versions: &[
            "18.04", "20.04", "22.04", "24.04", "25.10", "26.04", "latest", "jammy", "noble", "focal",
        ],
        size: 29_720_000,
        cmd: &["/bin/bash"],
        behaviour: Behaviour::Shell,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/bash",
        versions: &["4.4", "5.0", "5.1", "5.2", "5.3", "5", "latest"],
        size: 6_900_000,
        entrypoint: &["docker-entrypoint.sh"],
        cmd: &["bash"],
        behaviour: Behaviour::Shell,
        shell: Shell::Busybox,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/redis",
        versions: &[
            "5.0", "5", "6.0", "6.2", "6", "7.0", "7.2", "7.4", "7", "8.0", "8.2", "8.4", "8", "latest",
            "alpine",
        ],
        size: 45_120_000,
        entrypoint: &["docker-entrypoint.sh"],
        cmd: &["redis-server"],
        ports: &[6379],
        env: &[("REDIS_VERSION", "{version}")],
        workdir: "/data",
        behaviour: Behaviour::Redis,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/memcached",
        versions: &["1.4", "1.5", "1.6", "1", "latest", "alpine"],
        size: 33_000_000,
        entrypoint: &["docker-entrypoint.sh"],
        cmd: &["memcached"],
        ports: &[11211],
        user: "memcache",
        behaviour: Behaviour::Daemon,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/postgres",
        versions: &["9.6", "10", "11", "12", "13", "14", "15", "16", "17", "18", "latest", "alpine"],
        size: 153_600_000,
        entrypoint: &["docker-entrypoint.sh"],
        cmd: &["postgres"],
        ports: &[5432],
        env: &[("PGDATA", "/var/lib/postgresql/data")],
        behaviour: Behaviour::Postgres,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/mysql",
        versions: &["5.6", "5.7", "5", "8.0", "8.4", "8", "9.0", "9.4", "9", "latest", "lts", "innovation"],
        size: 232_000_000,
        entrypoint: &["docker-entrypoint.sh"],
        cmd: &["mysqld"],
        ports: &[3306],
        behaviour: Behaviour::Mysql,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/mariadb",
        versions: &["10.3", "10.5", "10.6", "10.11", "10", "11.4", "11.8", "11", "12", "latest", "lts"],
        size: 116_000_000,
        entrypoint: &["docker-entrypoint.sh"],
        cmd: &["mariadbd"],
        ports: &[3306],
        behaviour: Behaviour::Mysql,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/mongo",
        versions: &["4.4", "4", "5.0", "5", "6.0", "6", "7.0", "7", "8.0", "8", "latest"],
        size: 270_000_000,
        entrypoint: &["docker-entrypoint.sh"],
        cmd: &["mongod"],
        ports: &[27017],
        behaviour: Behaviour::Daemon,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/rabbitmq",
        versions: &[
            "3.12",
            "3.13",
            "3",
            "4.0",
            "4.1",
            "4.2",
            "4",
            "latest",
            "management",
            "3-management",
            "alpine",
        ],
        size: 105_000_000,
        entrypoint: &["docker-entrypoint.sh"],
        cmd: &["rabbitmq-server"],
        ports: &[5672],
        behaviour: Behaviour::Daemon,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/python",
        versions: &[
            "2.7", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3", "latest", "slim",
            "alpine",
        ],
        size: 48_000_000,
        cmd: &["python3"],
        behaviour: Behaviour::Tool,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/node",
        versions: &[
            "12", "14", "16", "18", "20", "22", "24", "25", "latest", "lts", "alpine", "slim", "current",
        ],
        size: 78_000_000,
        entrypoint: &["docker-entrypoint.sh"],
        cmd: &["node"],
        behaviour: Behaviour::Tool,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/golang",
        versions: &["1.20", "1.21", "1.22", "1.23", "1.24", "1.25", "1.26", "1", "latest", "alpine"],
        size: 92_000_000,
        cmd: &["bash"],
        behaviour: Behaviour::Shell,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/perl",
        versions: &["5.34", "5.36", "5.38", "5.40", "5.42", "5", "latest", "slim"],
        size: 60_000_000,
        cmd: &["perl", "-de0"],
        behaviour: Behaviour::Tool,
        ..PLAIN
    },
    Image {
        repository: "docker.io/library/hello-world",
        versions: &["latest", "linux"],
        size: 2_380,
        cmd: &["/hello"],
        behaviour: Behaviour::Hello,
        shell: Shell::None,
        ..PLAIN
    },
    Image {
        repository: "docker.io/hashicorp/http-echo",
        versions: &["0.2", "1.0", "1", "latest"],
        size: 3_980_000,
        entrypoint: &["/http-echo"],
        cmd: &[],
        ports: &[5678],
        user: "65532",
        behaviour: Behaviour::HttpEcho,
        shell: Shell::None,
        ..PLAIN
    },
    Image {
        repository: "docker.io/traefik/whoami",
        versions: &["v1.8", "v1.9", "v1.10", "v1.11", "v1", "latest"],
        size: 2_800_000,
        entrypoint: &["/whoami"],
        ports: &[80],
        behaviour: Behaviour::Whoami,
        shell: Shell::None,
        ..PLAIN
    },
    Image {
        repository: "docker.io/curlimages/curl",
        versions: &["7", "8", "7.88", "8.0", "8.1", "8.5", "8.10", "8.11", "8.15", "8.17", "latest"],
        size: 9_100_000,
        entrypoint: &["/entrypoint.sh"],
        cmd: &["curl"],
        user: "curl_user",
        behaviour: Behaviour::Tool,
        shell: Shell::Busybox,
        ..PLAIN
    },
    Image {
        repository: "docker.io/nicolaka/netshoot",
        versions: &["v0.11", "v0.12", "v0.13", "v0.14", "latest"],
        size: 207_000_000,
        cmd: &["zsh"],
        behaviour: Behaviour::Shell,
        shell: Shell::Busybox,
        ..PLAIN
    },
    Image {
        repository: "registry.k8s.io/e2e-test-images/agnhost",
        versions: &[
            "2.26", "2.32", "2.33", "2.36", "2.39", "2.40", "2.43", "2.45", "2.47", "2.52", "2.53", "2.56",
            "2.57", "2.58", "2.59",
        ],
        size: 53_000_000,
        entrypoint: &["/agnhost"],
        cmd: &["pause"],
        behaviour: Behaviour::Agnhost,
        shell: Shell::Busybox,
        ..PLAIN
    },
    Image {
        repository: "registry.k8s.io/e2e-test-images/busybox",
        versions: &["1.29", "1.36"],
        size: 1_150_000,
        cmd: &["sh"],
        behaviour: Behaviour::Shell,
        shell: Shell::Busybox,
        ..PLAIN
    },
    Image {
        repository: "registry.k8s.io/busybox",
        versions: &["1.24", "1.27", "latest"],
        size: 1_150_000,
        cmd: &["sh"],
        behaviour: Behaviour::Shell,
        shell: Shell::Busybox,
        ..PLAIN
    },
    Image {
        repository: "registry.k8s.io/nginx-slim",
        versions: &["0.8", "0.20", "0.21", "0.24", "0.26", "0.27"],
        size: 6_000_000,
        cmd: &["nginx", "-g", "daemon off;"],
        ports: &[80],
        behaviour: Behaviour::Nginx,
        ..PLAIN
    },
    Image {
        repository: "registry.k8s.io/pause",
        versions: &["3.2", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10"],
        size: 318_731,
        entrypoint: &["/pause"],
        user: "65535",
        behaviour: Behaviour::Pause,
        shell: Shell::None,
        ..PLAIN
    },
    Image {
        repository: "registry.k8s.io/coredns/coredns",
        versions: &["v1.11", "v1.12", "v1.13", "v1.14"],
        size: 22_384_805,
        entrypoint: &["/coredns"],
        ports: &[53, 9153, 8080, 8181],
        user: "65532",
        behaviour: Behaviour::Coredns,
        shell: Shell::None,
        ..PLAIN
    },
    Image {
        repository: "registry.k8s.io/kube-proxy",
        versions: KUBERNETES,
        size: 25_966_000,
        entrypoint: &["/go-runner"],
        ports: &[10249, 10256],
        behaviour: Behaviour::System,
        ..PLAIN
    },
    Image {
        repository: "registry.k8s.io/kube-apiserver",
        versions: KUBERNETES,
        size: 27_064_000,
        entrypoint: &["/go-runner"],
        ports: &[6443],
        behaviour: Behaviour::System,
        shell: Shell::None,
        ..PLAIN
    },
    Image {
        repository: "registry.k8s.io/kube-controller-manager",
        versions: KUBERNETES,
        size: 22_820_000,
        entrypoint: &["/go-runner"],
        ports: &[10257],
        behaviour: Behaviour::System,
        shell: Shell::None,
        ..PLAIN
    },
    Image {
        repository: "registry.k8s.io/kube-scheduler",
        versions: KUBERNETES,
        size: 17_380_000,
        entrypoint: &["/go-runner"],
        ports: &[10259],
        behaviour: Behaviour::System,
        shell: Shell::None,
        ..PLAIN
    },
    Image {
        repository: "registry.k8s.io/etcd",
        versions: &["3.5", "3.6", "3.5.24-0", "3.6.4-0", "3.6.5-0", "3.6.6-0"],
        size: 23_620_000,
        ports: &[2379, 2381],
        behaviour: Behaviour::System,
        ..PLAIN
    },
    Image {
        repository: "registry.k8s.io/metrics-server/metrics-server",
        versions: &["v0.6", "v0.7", "v0.8"],
        size: 19_500_000,
        entrypoint: &["/metrics-server"],
        ports: &[10250],
        behaviour: Behaviour::System,
        shell: Shell::None,
        ..PLAIN
    },
    Image {
        repository: "registry.k8s.io/ingress-nginx/controller",
        versions: &["v1.9", "v1.10", "v1.11", "v1.12", "v1.13", "v1.14"],
        size: 104_000_000,
        ports: &[80, 443, 10254],
        behaviour: Behaviour::System,
        shell: Shell::Busybox,
        ..PLAIN
    },
];

/// Short names of Docker Hub that exist without being in the table: the official images. Each is a plain server.
const OFFICIAL: &[&str] = &[
    "adminer",
    "aerospike",
    "almalinux",
    "amazoncorretto",
    "amazonlinux",
    "arangodb",
    "archlinux",
    "backdrop",
    "bonita",
    "buildpack-deps",
    "caddy",
    "cassandra",
    "chronograf",
    "cirros",
    "clefos",
    "clickhouse",
    "clojure",
    "composer",
    "consul",
    "convertigo",
    "couchbase",
    "couchdb",
    "crate",
    "dart",
    "docker",
    "drupal",
    "eclipse-mosquitto",
    "eclipse-temurin",
    "eggdrop",
    "elasticsearch",
    "elixir",
    "emqx",
    "erlang",
    "fedora",
    "flink",
    "fluentd",
    "friendica",
    "gazebo",
    "gcc",
    "geonetwork",
    "ghost",
    "gradle",
    "groovy",
    "haproxy",
    "haskell",
    "haxe",
    "hylang",
    "ibmjava",
    "influxdb",
    "irssi",
    "jetty",
    "jobber",
    "joomla",
    "jruby",
    "julia",
    "kapacitor",
    "kibana",
    "known",
    "kong",
    "krakend",
    "lightstreamer",
    "liquibase",
    "logstash",
    "mageia",
    "matomo",
    "maven",
    "mediawiki",
    "mongo-express",
    "monica",
    "nats",
    "nats-streaming",
    "neo4j",
    "neurodebian",
    "nextcloud",
    "notary",
    "odoo",
    "open-liberty",
    "openjdk",
    "openresty",
    "oraclelinux",
    "orientdb",
    "percona",
    "photon",
    "php",
    "phpmyadmin",
    "plone",
    "postfixadmin",
    "pypy",
    "r-base",
    "rakudo-star",
    "redmine",
    "registry",
    "rethinkdb",
    "rockylinux",
    "ros",
    "ruby",
    "rust",
    "sapmachine",
    "satosa",
    "silverpeas",
    "solr",
    "sonarqube",
    "spark",
    "spiped",
    "storm",
    "swift",
    "swipl",
    "teamspeak",
    "telegraf",
    "tomcat",
    "tomee",
    "traefik",
    "unit",
    "valkey",
    "varnish",
    "vault",
    "websphere-liberty",
    "wordpress",
    "xwiki",
    "yourls",
    "znc",
    "zookeeper",
    "centos",
    "scratch",
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
        digits.push_str(&format!("{:016x}", word ^ (word >> 31)));
    }
    digits
}

/// The repository of the table, or the plain server that stands for any other image. Says nothing of whether it
/// can be pulled.
pub fn find(reference: &Reference) -> Image {
    let known = IMAGES.iter().find(|i| i.repository == reference.repository).copied();
    known.unwrap_or_else(|| {
        // Mirrors and forks behave as what they are named after.
        let last = reference.repository.rsplit('/').next().unwrap_or("");
        let alike = IMAGES.iter().find(|i| i.repository.rsplit('/').next() == Some(last));
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
    let failed = |why: String| {
        format!("failed to pull and unpack image \"{full}\": failed to resolve reference \"{full}\": {why}")
    };
    let host = reference.host();
    if !reachable(host) {
        let name = host.split(':').next().unwrap_or(host);
        return Err(failed(format!(
            "failed to do request: Head \"https://{host}/v2/{}/manifests/{}\": dial tcp: lookup {name} on 10.0.2.3:53: no such host",
            reference.repository.split_once('/').map_or("", |(_, path)| path),
            reference.digest.as_ref().unwrap_or(&reference.tag),
        )));
    }
    let known = IMAGES.iter().find(|i| i.repository == reference.repository);
    let Some(image) = known else {
        if let Some(short) = reference.repository.strip_prefix("docker.io/library/")
            && !OFFICIAL.contains(&short)
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
    let full = reference.full();
    Err(format!(
        "rpc error: code = NotFound desc = failed to pull and unpack image \"{full}\": failed to resolve reference \"{full}\": {full}: not found"
    ))
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
