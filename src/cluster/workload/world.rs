//! The world of a container's shells: its files, its network, the processes beside them.

use super::command::{self, Environment, Start};
use super::images::{self, Image, Shell};
use super::process::{Process, Program, Sink, body_mut, main_argv, process_mut, signal, write_log};
use super::rootfs::{self, Spot};
use super::{load, redis};
use crate::cluster::Cluster;
use crate::cluster::kubelet::run::spec_of;
use crate::cluster::kubelet::{environment, run_of};
use crate::cluster::network::{self, DnsAnswer, HttpCall, Outcome, Point, QueryType};
use crate::object::{Pod, SimTime};
use crate::posix::{
    Call, ChildId, ChildOutput, FileError, FileInfo, Flavour, World, net, resolve_path, tools,
};
use k8s_openapi::api::core::v1::Container;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

/// Files that are none: nothing, and the container's own output.
const SPECIAL: &[&str] = &["/dev/null", "/dev/stdout", "/dev/stderr", "/proc/1/fd/1", "/proc/1/fd/2"];

/// What a shell of a container lives in.
pub struct ContainerWorld<'a> {
    cluster: &'a mut Cluster,
    spot: Spot,
    pid: u32,
    pod: Option<Arc<Pod>>,
    image: Image,
}

impl<'a> ContainerWorld<'a> {
    /// The world of the process `pid` of a container.
    pub fn new(cluster: &'a mut Cluster, spot: Spot, pid: u32) -> Self {
        let pod = spot.object(cluster);
        let name = pod.as_deref().and_then(|p| spec_of(p, spot.index)).and_then(|(s, _)| s.image.clone());
        let image = images::of(name.as_deref().unwrap_or(""));
        Self { cluster, spot, pid, pod, image }
    }

    /// Takes output of the process.
    pub fn output(&mut self, error: bool, bytes: &[u8]) {
        let Some(process) = process_mut(self.cluster, &self.spot, self.pid) else { return };
        match &mut process.sink {
            Sink::Keep(kept) => kept.extend_from_slice(bytes),
            Sink::Parent(out, err) => if error { err } else { out }.extend_from_slice(bytes),
            Sink::Stream(id) => {
                let id = *id;
                self.cluster.shared.streams.output(id, error, bytes);
            }
            Sink::Log => {
                if self.pid == 1 {
                    self.cluster.shared.streams.attached(&self.spot, error, bytes);
                }
                write_log(self.cluster, &self.spot, bytes);
            }
        }
    }

    fn spec(&self) -> Option<Cow<'_, Container>> {
        self.pod.as_deref().and_then(|p| spec_of(p, self.spot.index)).map(|(s, _)| s)
    }

    fn change(
        &mut self,
        path: &str,
        work: impl FnOnce(&mut super::files::Tree, &str, u64) -> Result<(), FileError>,
    ) -> Result<(), FileError> {
        let now = self.cluster.now().0;
        let path = resolve_path("/", path);
        rootfs::with_tree(self.cluster, &self.spot, &path, |tree, inner, read_only| {
            if read_only { Err(FileError::ReadOnly) } else { work(tree, inner, now) }
        })
        .unwrap_or(Err(FileError::NotFound))
    }

    fn look<R>(
        &mut self,
        path: &str,
        work: impl FnOnce(&super::files::Tree, &str) -> Result<R, FileError>,
    ) -> Result<R, FileError> {
        let path = resolve_path("/", path);
        rootfs::with_tree(self.cluster, &self.spot, &path, |tree, inner, _| work(tree, inner))
            .unwrap_or(Err(FileError::NotFound))
    }

    /// A command that says something and ends.
    fn say(&mut self, call: &Call, out: String, err: String, status: i32) -> Option<ChildId> {
        self.start(call, Program::Ends(status), SimTime(0), (out, err))
    }

    fn start(
        &mut self,
        call: &Call,
        program: Program,
        wake: SimTime,
        said: (String, String),
    ) -> Option<ChildId> {
        let now = self.cluster.now();
        let body = body_mut(self.cluster, &self.spot)?;
        let pid = body.next_pid.max(2);
        body.next_pid = pid + 1;
        let exit = match program {
            Program::Ends(status) if wake <= now => Some(status),
            _ => None,
        };
        let sink = Sink::Parent(said.0.into_bytes(), said.1.into_bytes());
        let argv = call.argv.clone().into();
        body.processes.push(Process { pid, program, argv, sink, started: now, wake, exit, tired: false });
        Some(ChildId(u64::from(pid)))
    }

    fn ps(&mut self) -> String {
        let mut text = if self.image.shell == Shell::Busybox {
            "PID   USER     TIME  COMMAND\n".to_owned()
        } else {
            "    PID TTY          TIME CMD\n".to_owned()
        };
        let busybox = self.image.shell == Shell::Busybox;
        let own = self.own_command();
        let Some(body) = body_mut(self.cluster, &self.spot) else { return text };
        for process in body.processes.iter().filter(|p| p.exit.is_none()) {
            let argv = if process.argv.is_empty() { &own } else { &*process.argv };
            let (pid, command) = (process.pid, argv.join(" "));
            if busybox {
                let _ = writeln!(text, "{pid:>5} root      0:00 {command}");
            } else {
                let name = argv.first().map_or("", |a| a.rsplit('/').next().unwrap_or(a));
                let _ = writeln!(text, "{pid:>7} ?        00:00:00 {name}");
            }
        }
        text
    }

    /// The command line of process 1 that is a server: it is not kept with it.
    fn own_command(&self) -> Vec<String> {
        let run = run_of(self.cluster, &self.spot.node, &self.spot.pod);
        let (Some(pod), Some(spec), Some(run)) = (self.pod.as_deref(), self.spec(), run) else {
            return Vec::new();
        };
        let whole = Environment::new(|| environment::whole(self.cluster, pod, &spec, run, self.spot.index));
        main_argv(&spec, &self.image, &whole).0
    }

    fn mounts(&mut self) -> String {
        let mut text = "overlay on / type overlay (rw,relatime)\nproc on /proc type proc (rw,nosuid,nodev,noexec,relatime)\ntmpfs on /dev type tmpfs (rw,nosuid,size=65536k,mode=755)\n".to_owned();
        let Some(pod) = self.pod.clone() else { return text };
        let Some((spec, _)) = spec_of(&pod, self.spot.index) else { return text };
        for mount in rootfs::mounts(self.cluster, &pod, &spec, &|_| None) {
            let mode = if mount.read_only { "ro" } else { "rw" };
            let _ = writeln!(text, "/dev/sda1 on {} type ext4 ({mode},relatime)", mount.path);
        }
        text
    }

    fn nginx(&mut self, call: &Call) -> Option<ChildId> {
        let version = self.spec().and_then(|s| s.image.clone()).and_then(|i| images::Reference::parse(&i));
        let version = version.map(|r| images::version(&r)).unwrap_or_default();
        match call.argv.get(1).map(String::as_str) {
            Some("-v") => self.say(call, String::new(), format!("nginx version: nginx/{version}\n"), 0),
            Some("-t") => {
                let text = "nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\nnginx: configuration file /etc/nginx/nginx.conf test is successful\n";
                self.say(call, String::new(), text.to_owned(), 0)
            }
            Some("-s") => {
                let now = self.cluster.now();
                let stop = matches!(call.argv.get(2).map(String::as_str), Some("stop" | "quit"));
                if stop && let Some(body) = body_mut(self.cluster, &self.spot) {
                    let servers = body
                        .processes
                        .iter()
                        .filter(|p| matches!(p.program, Program::Server(_)) && p.exit.is_none());
                    for pid in servers.map(|p| p.pid).collect::<Vec<_>>() {
                        signal(body, pid, 15, now);
                    }
                }
                let time = super::server::timestamp(now).strftime("%Y/%m/%d %H:%M:%S").to_string();
                self.say(call, String::new(), format!("{time} [notice] 33#33: signal process started\n"), 0)
            }
            _ => self.server(call),
        }
    }

    /// Starts a program that only uses up CPU and memory.
    fn load(&mut self, call: &Call) -> Option<ChildId> {
        let now = self.cluster.now();
        let load = load::of_command(&call.argv, self.image.repository, now)?;
        let child = self.start(call, Program::Load(Box::new(load)), now, (String::new(), String::new()))?;
        super::process::run_now(self.cluster, &self.spot, child.0 as u32);
        Some(child)
    }

    /// Starts a server beside the shell. One that goes into the background lets the shell go on.
    fn server(&mut self, call: &Call) -> Option<ChildId> {
        let (pod, image, now) = (self.pod.clone()?, self.image, self.cluster.now());
        let (spec, _) = spec_of(&pod, self.spot.index)?;
        let environment = Environment::new(|| call.env.clone());
        let start = Start {
            pod: &pod,
            spec: &spec,
            image: &image,
            environment: &environment,
            given: true,
            now,
            pid: 0,
        };
        let (program, wake, said) = command::server_of(&call.argv, &start)?;
        let plain = call.argv[0].rsplit('/').next().unwrap_or("");
        let stays = match plain {
            "nginx" => call.argv.iter().any(|a| a.contains("daemon off")),
            "httpd" => call.argv.iter().any(|a| a.starts_with("-f") || a.starts_with("-vf")),
            _ => true,
        };
        let child = self.start(call, program, wake, (String::new(), said.unwrap_or_default()))?;
        if stays {
            return Some(child);
        }
        if let Some(process) = process_mut(self.cluster, &self.spot, child.0 as u32) {
            process.sink = Sink::Log;
        }
        self.say(call, String::new(), String::new(), 0)
    }
}

impl World for ContainerWorld<'_> {
    fn now(&self) -> u64 {
        self.cluster.now().0
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>, FileError> {
        self.look(path, super::files::Tree::read)
    }

    fn write(&mut self, path: &str, content: &[u8], append: bool) -> Result<(), FileError> {
        if SPECIAL.contains(&path) {
            if path != "/dev/null" {
                write_log(self.cluster, &self.spot, content);
            }
            return Ok(());
        }
        self.change(path, |tree, inner, now| tree.write(inner, content, append, now))
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, FileError> {
        self.look(path, super::files::Tree::list)
    }

    fn stat(&mut self, path: &str) -> Result<FileInfo, FileError> {
        let (special, fds) = (SPECIAL.contains(&path), matches!(path, "/proc/1" | "/proc/1/fd"));
        if special || fds {
            let mode = if fds { 0o555 } else { 0o666 };
            return Ok(FileInfo { directory: fds, size: 0, modified: self.cluster.now().0, mode });
        }
        self.look(path, super::files::Tree::stat)
    }

    fn make_dir(&mut self, path: &str) -> Result<(), FileError> {
        self.change(path, super::files::Tree::make_dir)
    }

    fn remove(&mut self, path: &str) -> Result<(), FileError> {
        self.change(path, |tree, inner, _| tree.remove(inner))
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError> {
        // Across mounts a move is a copy.
        let info = self.stat(from)?;
        if info.directory {
            let from = resolve_path("/", from);
            let (source, target) = (from.clone(), resolve_path("/", to));
            return self.change(&source, |tree, inner, _| {
                let base = inner.strip_suffix(from.as_str()).unwrap_or("");
                tree.rename(inner, &format!("{base}{target}"))
            });
        }
        let content = self.read(from)?;
        self.write(to, &content, false)?;
        self.chmod(to, info.mode).ok();
        self.remove(from)
    }

    fn chmod(&mut self, path: &str, mode: u32) -> Result<(), FileError> {
        self.change(path, |tree, inner, _| tree.chmod(inner, mode))
    }

    fn spawn(&mut self, call: &Call) -> Option<ChildId> {
        let name = call.argv.first()?;
        let plain = name.rsplit('/').next().unwrap_or(name).to_owned();
        if !command::has_tool(&plain, &self.image)
            && self.spec().is_none_or(|s| command::exists(name, &self.image, &s).is_err())
        {
            return None;
        }
        match plain.as_str() {
            "ps" | "top" => {
                let text = self.ps();
                self.say(call, text, String::new(), 0)
            }
            "mount" => {
                let text = self.mounts();
                self.say(call, text, String::new(), 0)
            }
            "free" => {
                let text = "              total        used        free      shared  buff/cache   available\nMem:        3932160      812340     2011220        1024     1108600     2890120\nSwap:             0           0           0\n";
                self.say(call, text.to_owned(), String::new(), 0)
            }
            "sync" => self.say(call, String::new(), String::new(), 0),
            _ if load::of_command(&call.argv, self.image.repository, SimTime(0)).is_some() => self.load(call),
            "nginx" => self.nginx(call),
            "redis-cli" => {
                let (out, status) = redis::client(self.cluster, &self.spot, &call.argv[1..]);
                self.say(call, out, String::new(), status)
            }
            _ => self.server(call),
        }
    }

    fn feed(&mut self, child: ChildId, input: Option<&[u8]>) {
        let pid = child.0 as u32;
        if let Some(process) = process_mut(self.cluster, &self.spot, pid)
            && let Program::Server(server) = &mut process.program
        {
            server.feed(input);
        }
    }

    fn poll(&mut self, child: ChildId) -> ChildOutput {
        let pid = child.0 as u32;
        let Some(process) = process_mut(self.cluster, &self.spot, pid) else {
            return ChildOutput { status: Some(137), ..ChildOutput::default() };
        };
        let mut output = ChildOutput { status: process.exit, ..ChildOutput::default() };
        if let Sink::Parent(out, err) = &mut process.sink {
            output.stdout = std::mem::take(out);
            output.stderr = std::mem::take(err);
        }
        if output.status.is_some()
            && let Some(body) = body_mut(self.cluster, &self.spot)
        {
            body.processes.retain(|p| p.pid != pid);
        }
        output
    }

    fn signal(&mut self, child: ChildId, number: i32) {
        let now = self.cluster.now();
        if let Some(body) = body_mut(self.cluster, &self.spot) {
            signal(body, child.0 as u32, number, now);
        }
    }

    fn commands(&self) -> Vec<String> {
        let own = command::OWN.iter().copied();
        let text = tools::TOOLS.iter().map(|t| t.name).chain(net::TOOLS.iter().map(|t| t.name));
        own.chain(text).filter(|n| command::has_tool(n, &self.image)).map(str::to_owned).collect()
    }

    fn hostname(&self) -> String {
        self.pod.as_deref().map(environment::hostname).unwrap_or_default()
    }

    fn provides(&self, tool: &str) -> bool {
        command::has_tool(tool, &self.image)
    }

    fn flavour(&self) -> Flavour {
        if self.image.shell == Shell::Busybox { Flavour::Busybox } else { Flavour::Gnu }
    }

    fn net(&mut self) -> Option<&mut dyn net::Net> {
        Some(self)
    }

    fn kill(&mut self, pid: u32, number: i32) -> bool {
        let now = self.cluster.now();
        let found = body_mut(self.cluster, &self.spot).is_some_and(|body| signal(body, pid, number, now));
        if found {
            crate::cluster::kubelet::wake_pod(self.cluster, &self.spot.node, &self.spot.pod, now);
        }
        found
    }

    fn user(&self) -> String {
        let own = self.spec().and_then(|s| s.security_context.as_ref()?.run_as_user);
        let of_pod = self.pod.as_deref().and_then(|p| p.spec.security_context.as_ref()?.run_as_user);
        match own.or(of_pod) {
            None if self.image.user.is_empty() => "root".to_owned(),
            None => self.image.user.to_owned(),
            Some(0) => "root".to_owned(),
            Some(uid) => uid.to_string(),
        }
    }
}

impl ContainerWorld<'_> {
    fn point(&self) -> Point {
        Point::Pod(self.spot.pod.clone())
    }
}

fn reach<T, U>(outcome: Outcome<T>, map: impl FnOnce(T) -> U) -> net::Reach<U> {
    match outcome {
        Outcome::Answered(value) => net::Reach::Answered(map(value)),
        Outcome::Refused => net::Reach::Refused,
        Outcome::TimedOut => net::Reach::TimedOut,
        Outcome::UnknownHost => net::Reach::UnknownHost,
    }
}

impl net::Net for ContainerWorld<'_> {
    fn http(&mut self, request: &net::Request) -> net::Reach<net::Answer> {
        let mut headers = request.headers.clone();
        let ip = self.pod.as_ref().and_then(|p| p.status.pod_ip.clone()).unwrap_or_default();
        headers.push((super::server::PEER_HEADER.to_owned(), ip));
        let call = HttpCall {
            method: request.method.clone(),
            host: request.host.clone(),
            port: request.port,
            path: request.path.clone(),
            headers,
            body: request.body.clone(),
        };
        let from = self.point();
        reach(network::http(self.cluster, &from, &call), |reply| net::Answer {
            status: reply.status,
            headers: reply.headers,
            body: reply.body,
            took: reply.took,
        })
    }

    fn connect(&mut self, host: &str, port: u16) -> net::Reach<()> {
        let from = self.point();
        reach(network::connect(self.cluster, &from, host, port), |()| ())
    }

    fn resolve(&mut self, name: &str, query: net::Query) -> net::Dns {
        let query = match query {
            net::Query::A => QueryType::A,
            net::Query::Srv => QueryType::Srv,
            net::Query::Cname => QueryType::Cname,
        };
        let from = self.point();
        match network::resolve(self.cluster, &from, name, query) {
            DnsAnswer::Records(records) => net::Dns::Records(
                records
                    .into_iter()
                    .map(|r| match r {
                        network::Record::A(name, ip) => net::Record::A(name, ip),
                        network::Record::Cname(name, to) => net::Record::Cname(name, to),
                        network::Record::Srv(name, port, to) => net::Record::Srv(name, port, to),
                    })
                    .collect(),
            ),
            DnsAnswer::Empty => net::Dns::Empty,
            DnsAnswer::NoSuchName => net::Dns::NoSuchName,
            DnsAnswer::TimedOut => net::Dns::TimedOut,
        }
    }

    fn nameserver(&self) -> String {
        "10.96.0.10".to_owned()
    }
}
