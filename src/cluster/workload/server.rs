//! Servers: what listens on which port, and what it answers.

use super::images::{self, Behaviour, Image};
use super::rootfs::{self, Spot};
use super::{agnhost, nginx, texts};
use crate::cluster::Cluster;
use crate::cluster::kubelet::environment;
use crate::cluster::network::{HttpCall, HttpReply};
use crate::object::{Pod, SimTime, time::MILLISECOND};
use crate::posix::FileError;
use k8s_openapi::api::core::v1::Container;
use std::fmt::Write as _;

/// What nginx shows where nothing else is.
pub const NGINX_INDEX: &str = "<!DOCTYPE html>\n<html>\n<head>\n<title>Welcome to nginx!</title>\n<style>\nhtml { color-scheme: light dark; }\nbody { width: 35em; margin: 0 auto;\nfont-family: Tahoma, Verdana, Arial, sans-serif; }\n</style>\n</head>\n<body>\n<h1>Welcome to nginx!</h1>\n<p>If you see this page, the nginx web server is successfully installed and\nworking. Further configuration is required.</p>\n\n<p>For online documentation and support please refer to\n<a href=\"http://nginx.org/\">nginx.org</a>.<br/>\nCommercial support is available at\n<a href=\"http://nginx.com/\">nginx.com</a>.</p>\n\n<p><em>Thank you for using nginx.</em></p>\n</body>\n</html>\n";
/// What Apache shows.
pub const HTTPD_INDEX: &str = "<html><body><h1>It works!</h1></body></html>\n";
/// nginx's main configuration.
pub const NGINX_CONF: &str = "user  nginx;\nworker_processes  auto;\n\nevents {\n    worker_connections  1024;\n}\n\nhttp {\n    include       /etc/nginx/mime.types;\n    default_type  application/octet-stream;\n    access_log  /var/log/nginx/access.log  main;\n    include /etc/nginx/conf.d/*.conf;\n}\n";
/// Its default site.
pub const NGINX_DEFAULT: &str = "server {\n    listen       80;\n    listen  [::]:80;\n    server_name  localhost;\n\n    location / {\n        root   /usr/share/nginx/html;\n        index  index.html index.htm;\n    }\n\n    error_page   500 502 503 504  /50x.html;\n    location = /50x.html {\n        root   /usr/share/nginx/html;\n    }\n}\n";

/// A server process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// What it is.
    pub behaviour: Behaviour,
    /// The ports it listens on, from `listens_at` on.
    pub ports: Vec<u16>,
    /// A text that it answers with, or the directory that it serves, for those that are given one.
    pub text: Option<Box<str>>,
    /// When it listens: servers take a moment to start.
    pub listens_at: SimTime,
    /// Keys and values, for a server that keeps some.
    pub data: imbl::OrdMap<String, String>,
    /// Its exit status when it is told to end; `None` when it has no handler for that.
    pub ends: Option<i32>,
    /// How far it is with starting.
    pub startup: Startup,
}

/// How far a server is with starting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Startup {
    /// It started at once.
    #[default]
    Over,
    /// It has not begun.
    Due,
    /// It starts, with new data or with what was there.
    Underway {
        /// Whether its data was there.
        again: bool,
    },
}

impl Server {
    /// A server that listens at once.
    pub fn new(behaviour: Behaviour, ports: Vec<u16>, text: Option<&str>) -> Self {
        let ends = match behaviour {
            Behaviour::HttpEcho | Behaviour::Whoami | Behaviour::Agnhost => Some(2),
            Behaviour::Netcat => None,
            // busybox's httpd and Python's server leave signals to their defaults.
            Behaviour::Generic if text.is_some() => None,
            _ => Some(0),
        };
        let (text, startup) = (text.map(Box::from), Startup::Over);
        Self { behaviour, ports, text, listens_at: SimTime(0), data: imbl::OrdMap::new(), ends, startup }
    }
}

impl Server {
    /// Takes input: a server that answers with what it is given (`nc -l`) keeps it.
    pub fn feed(&mut self, input: Option<&[u8]>) {
        if let (Behaviour::Netcat, Some(bytes)) = (self.behaviour, input) {
            let text = String::from_utf8_lossy(bytes);
            let so_far = self.text.as_deref().unwrap_or("");
            if so_far.len() < 64 << 10 {
                self.text = Some(format!("{so_far}{text}").into());
            }
        }
    }

    /// How it ends when it is signalled; `None` when it does not. A kernel spares process 1 from signals that it has
    /// no handler for.
    pub fn exit_status(&self, signal: i32, first: bool) -> Option<i32> {
        match signal {
            9 => (!first).then_some(137),
            // Reload, log rotation, children, window size: nobody ends for these but Apache for the last.
            1 | 10 | 12 | 17 | 18 => None,
            28 if self.behaviour != Behaviour::Httpd && self.behaviour != Behaviour::Says => None,
            signal => self.ends.or((!first).then_some(128 + signal)),
        }
    }
}

/// The server that an image is: on its own ports, or else on those that the container declares.
pub fn of_image(image: &Image, spec: &Container) -> Server {
    let mut ports: Vec<u16> = image.ports.to_vec();
    if ports.is_empty() && image.behaviour == Behaviour::Generic {
        let declared =
            spec.ports.iter().flatten().filter(|p| p.protocol.as_deref().is_none_or(|p| p == "TCP"));
        ports = declared.filter_map(|p| u16::try_from(p.container_port).ok()).collect();
    }
    Server::new(image.behaviour, ports, None)
}

/// A request that has reached a server.
#[derive(Clone, Debug)]
pub struct Visit<'a> {
    /// Where the server runs.
    pub spot: &'a Spot,
    /// The port that was asked.
    pub port: u16,
    /// What is asked.
    pub call: &'a HttpCall,
}

/// An answer, and the line that the server logs.
pub struct Answer {
    /// The answer.
    pub reply: HttpReply,
    /// What is written to the log.
    pub log: Option<String>,
    /// What becomes of the server.
    pub after: After,
}

/// What becomes of a server once it has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It goes on.
    Serve,
    /// It ends with this status.
    Exit(i32),
    /// It goes on, with this written down in its data.
    Keep(&'static str, &'static str),
}

/// Lets a server answer.
pub fn answer(cluster: &mut Cluster, server: &Server, visit: &Visit) -> Answer {
    match server.behaviour {
        Behaviour::Nginx => nginx::answer(cluster, server, visit),
        Behaviour::Httpd => httpd(cluster, server, visit),
        Behaviour::HttpEcho => {
            let text = server.text.as_deref().unwrap_or("");
            let mut answer = plain(200, &format!("{text}\n"));
            let headers = &mut answer.reply.headers;
            headers.insert(0, ("X-App-Version".to_owned(), "1.0.0".to_owned()));
            headers.insert(0, ("X-App-Name".to_owned(), "http-echo".to_owned()));
            answer
        }
        Behaviour::Whoami => plain(200, &whoami(cluster, visit)),
        Behaviour::Agnhost => agnhost::answer(cluster, server, visit),
        Behaviour::Says => says(cluster, visit),
        Behaviour::Netcat => netcat(server),
        Behaviour::Coredns => match visit.call.path.as_str() {
            "/health" | "/ready" if visit.port >= 8080 => plain(200, "OK"),
            _ => plain(404, "404 page not found\n"),
        },
        Behaviour::System => match visit.call.path.split('?').next().unwrap_or("") {
            "/healthz" | "/livez" | "/readyz" | "/health" => plain(200, "ok"),
            _ => plain(404, "404 page not found\n"),
        },
        _ => generic(cluster, server, visit),
    }
}

/// The table's answer, with the table's log line.
fn says(cluster: &Cluster, visit: &Visit) -> Answer {
    let now = cluster.now();
    let pod = visit.spot.object(cluster);
    let spec = pod.as_deref().and_then(|p| crate::cluster::kubelet::run::spec_of(p, visit.spot.index));
    let (Some(pod), Some((spec, _))) = (pod.as_deref(), spec) else { return plain(503, "") };
    let image = images::of(spec.image.as_deref().unwrap_or(""));
    let agent = visit.call.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("user-agent"));
    let ask = |name: &str| match name {
        "client" => Some(client(visit).to_owned()),
        "method" => Some(visit.call.method.clone()),
        "path" => Some(visit.call.path.clone()),
        "host" => Some(visit.call.host.clone()),
        "agent" => Some(agent.map_or("-", |(_, v)| v).to_owned()),
        _ => None,
    };
    let of =
        |text: &str| texts::fill(text, &|name| ask(name).or_else(|| texts::known(name, pod, &spec, now)));
    let mut answer = plain(200, &of(image.texts.answer));
    if !image.texts.access.is_empty() {
        answer.log = Some(format!("{}\n", of(image.texts.access)));
    }
    answer
}

/// A plain text answer without a log line.
pub fn plain(status: u16, body: &str) -> Answer {
    let headers = vec![
        ("Content-Type".to_owned(), "text/plain; charset=utf-8".to_owned()),
        ("Content-Length".to_owned(), body.len().to_string()),
    ];
    let reply = HttpReply { status, headers, body: body.as_bytes().to_vec(), took: MILLISECOND };
    Answer { reply, log: None, after: After::Serve }
}

/// `nc -l`: what was given to it is the answer, once.
fn netcat(server: &Server) -> Answer {
    let text = server.text.as_deref().unwrap_or("");
    let (head, body) = text.split_once("\r\n\r\n").or_else(|| text.split_once("\n\n")).unwrap_or(("", text));
    let status = head.split_whitespace().nth(1).and_then(|s| s.parse().ok()).unwrap_or(200);
    let mut answer = plain(status, body);
    answer.after = After::Exit(0);
    answer
}

/// The path of a request, without its query.
pub fn path_of(call: &HttpCall) -> &str {
    call.path.split('?').next().unwrap_or("/")
}

/// Any other image: it says who it is.
fn generic(cluster: &mut Cluster, server: &Server, visit: &Visit) -> Answer {
    if let Some(directory) = server.text.as_deref() {
        return served_directory(cluster, directory, visit);
    }
    let pod = &visit.spot.pod.name();
    plain(200, &format!("Hello from {pod}\n"))
}

/// A directory as `httpd -h` of busybox and Python's `http.server` serve it.
fn served_directory(cluster: &mut Cluster, directory: &str, visit: &Visit) -> Answer {
    let path = path_of(visit.call);
    let mut file = format!("{}{path}", directory.trim_end_matches('/'));
    if file.ends_with('/') {
        file.push_str("index.html");
    }
    match rootfs::read(cluster, visit.spot, &file) {
        Ok(body) => {
            let mut answer = plain(200, "");
            answer.reply.headers = vec![
                ("Content-Type".to_owned(), "text/html".to_owned()),
                ("Content-Length".to_owned(), body.len().to_string()),
            ];
            answer.reply.body = body;
            answer
        }
        Err(_) => plain(
            404,
            "<HTML><HEAD><TITLE>404 Not Found</TITLE></HEAD>\n<BODY><H1>404 Not Found</H1>\nThe requested URL was not found\n</BODY></HTML>\n",
        ),
    }
}

fn httpd(cluster: &mut Cluster, _server: &Server, visit: &Visit) -> Answer {
    let path = path_of(visit.call);
    let mut file = format!("/usr/local/apache2/htdocs{path}");
    if file.ends_with('/') {
        file.push_str("index.html");
    }
    let (status, body) = match rootfs::read(cluster, visit.spot, &file) {
        Ok(body) => (200, body),
        Err(FileError::Denied) => (
            403,
            httpd_error("403 Forbidden", "Forbidden", "You don't have permission to access this resource."),
        ),
        Err(_) => (
            404,
            httpd_error("404 Not Found", "Not Found", "The requested URL was not found on this server."),
        ),
    };
    let now = cluster.now();
    let log = format!(
        "{} - - [{}] \"{} {} HTTP/1.1\" {status} {}\n",
        client(visit),
        clf_time(now),
        visit.call.method,
        visit.call.path,
        body.len()
    );
    let kind = if status == 200 { "text/html" } else { "text/html; charset=iso-8859-1" };
    let headers = vec![
        ("Date".to_owned(), http_date(now)),
        ("Server".to_owned(), "Apache/2.4.65 (Unix)".to_owned()),
        ("Content-Length".to_owned(), body.len().to_string()),
        ("Content-Type".to_owned(), kind.to_owned()),
    ];
    Answer {
        reply: HttpReply { status, headers, body, took: MILLISECOND },
        log: Some(log),
        after: After::Serve,
    }
}

fn httpd_error(title: &str, heading: &str, text: &str) -> Vec<u8> {
    format!("<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>{title}</title>\n</head><body>\n<h1>{heading}</h1>\n<p>{text}</p>\n</body></html>\n").into_bytes()
}

/// Who asks, as far as the request says: the network puts the peer's address into `X-Peer`.
pub fn client<'a>(visit: &'a Visit) -> &'a str {
    let peer = visit.call.headers.iter().find(|(name, _)| name == PEER_HEADER);
    peer.map_or("192.168.0.1", |(_, value)| value.as_str())
}

/// The header in which the network may tell a server the address of its peer. No server shows it.
pub const PEER_HEADER: &str = "X-Peer";

fn whoami(cluster: &Cluster, visit: &Visit) -> String {
    let pod = visit.spot.object(cluster);
    let hostname = pod.as_deref().map(environment::hostname).unwrap_or_default();
    let ip = pod.as_ref().and_then(|p| p.status.pod_ip.clone()).unwrap_or_default();
    let mut text = format!(
        "Hostname: {hostname}\nIP: 127.0.0.1\nIP: ::1\nIP: {ip}\nRemoteAddr: {}:41234\n",
        client(visit)
    );
    let _ = writeln!(text, "{} {} HTTP/1.1\nHost: {}", visit.call.method, visit.call.path, visit.call.host);
    for (name, value) in visit.call.headers.iter().filter(|(n, _)| n != PEER_HEADER) {
        let _ = writeln!(text, "{name}: {value}");
    }
    text.push('\n');
    text
}

/// `06/Oct/2026:10:45:52 +0000`.
pub fn clf_time(now: SimTime) -> String {
    timestamp(now).strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

/// `Tue, 06 Oct 2026 10:45:52 GMT`.
pub fn http_date(now: SimTime) -> String {
    timestamp(now).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A moment for formatting.
pub fn timestamp(now: SimTime) -> jiff::Timestamp {
    jiff::Timestamp::from_second(now.seconds()).unwrap_or_default()
}

/// What a server's first process says when it starts. It is not kept: whoever reads a log gets it made anew. Images
/// that take their time write it themselves.
pub fn greeting(pod: &Pod, spec: &Container, started: SimTime) -> Vec<String> {
    let name = spec.image.as_deref().unwrap_or("");
    let image = images::of(name);
    let own = spec.command.as_ref().is_none_or(Vec::is_empty);
    match image.behaviour {
        Behaviour::Nginx => {
            let version = images::Reference::parse(name).map(|r| images::version(&r)).unwrap_or_default();
            let as_built = own && spec.args.as_ref().is_none_or(Vec::is_empty);
            nginx::greeting(&version, as_built, started)
        }
        Behaviour::HttpEcho if own => {
            let time = timestamp(started).strftime("%Y/%m/%d %H:%M:%S").to_string();
            vec![format!("{time} [INFO] server is listening on :5678")]
        }
        _ if own && image.starts_after_ms == 0 && !image.texts.log.is_empty() => {
            texts::of_container(image.texts.log, pod, spec, started).lines().map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
