//! From a command line to a program: which server, shell or tool it is, and whether the image has it.

use super::images::{Behaviour, Image, Shell};
use super::process::{Program, plain_server, server_program};
use super::server::{Server, Startup};
use super::{agnhost, load};
use crate::cluster::kubelet::environment;
use crate::cluster::kubelet::run::NEVER;
use crate::object::{Pod, SECOND, SimTime};
use crate::posix::{self, Machine};
use k8s_openapi::api::core::v1::Container;
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// What a program is started with.
#[derive(Clone, Copy)]
pub struct Start<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// The container.
    pub spec: &'a Container,
    /// Its image.
    pub image: &'a Image,
    /// Its whole environment, made when it is first asked for.
    pub environment: &'a Environment<'a>,
    /// Whether the pod gives the command; otherwise it is the image's own.
    pub given: bool,
    /// When.
    pub now: SimTime,
    /// The number of the new process.
    pub pid: u32,
}

/// An environment that is made when it is first asked for: most servers never look.
pub struct Environment<'a> {
    made: OnceCell<BTreeMap<String, String>>,
    make: Box<dyn Fn() -> BTreeMap<String, String> + 'a>,
}

impl<'a> Environment<'a> {
    /// One that `make` makes.
    pub fn new(make: impl Fn() -> BTreeMap<String, String> + 'a) -> Self {
        Self { made: OnceCell::new(), make: Box::new(make) }
    }

    /// The variables.
    pub fn all(&self) -> &BTreeMap<String, String> {
        self.made.get_or_init(|| (self.make)())
    }

    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<&String> {
        self.all().get(name)
    }
}

/// Programs that are servers wherever they are called, and what they behave as.
const SERVERS: &[(&str, Behaviour, &[u16])] = &[
    ("nginx", Behaviour::Nginx, &[80]),
    ("httpd-foreground", Behaviour::Httpd, &[80]),
    ("redis-server", Behaviour::Redis, &[6379]),
    ("postgres", Behaviour::Postgres, &[5432]),
    ("mysqld", Behaviour::Mysql, &[3306]),
    ("mariadbd", Behaviour::Mysql, &[3306]),
    ("apache2-foreground", Behaviour::Says, &[80]),
    ("mongod", Behaviour::Daemon, &[27017]),
    ("memcached", Behaviour::Daemon, &[11211]),
    ("rabbitmq-server", Behaviour::Daemon, &[5672]),
    ("http-echo", Behaviour::HttpEcho, &[5678]),
    ("whoami", Behaviour::Whoami, &[80]),
    ("agnhost", Behaviour::Agnhost, &[]),
    ("pause", Behaviour::Pause, &[]),
    ("coredns", Behaviour::Coredns, &[53, 9153, 8080, 8181]),
];

/// What an image's programs are called without their path.
fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Whether a command can be started in a container of this image.
///
/// # Errors
/// What the runtime says when it is not there.
pub fn exists(name: &str, image: &Image, spec: &Container) -> Result<(), String> {
    let plain = base(name);
    if is_shell(plain, image) || SERVERS.iter().any(|(n, _, _)| *n == plain && belongs(plain, image)) {
        return Ok(());
    }
    let entry = image.entrypoint.iter().chain(image.cmd).any(|w| *w == name || base(w) == name);
    if entry || (image.shell != Shell::None && has_tool(plain, image)) {
        return Ok(());
    }
    // What an image that the table does not know contains, nobody can say.
    if image.behaviour == Behaviour::Generic || spec.image.is_none() {
        return Ok(());
    }
    if matches!(image.behaviour, Behaviour::System | Behaviour::Coredns | Behaviour::Tool)
        && !image.cmd.is_empty()
        && plain == base(image.cmd[0])
    {
        return Ok(());
    }
    if image.behaviour == Behaviour::System && plain.starts_with("kube")
        || plain == "etcd"
        || plain == "metrics-server"
    {
        return Ok(());
    }
    Err(if name.contains('/') {
        format!("exec: \"{name}\": stat {name}: no such file or directory")
    } else {
        format!("exec: \"{name}\": executable file not found in $PATH")
    })
}

fn belongs(server: &str, image: &Image) -> bool {
    let own = image.entrypoint.iter().chain(image.cmd).any(|w| base(w) == server);
    own || image.behaviour == Behaviour::Generic
}

/// Whether the image has a shell of that name.
pub fn is_shell(name: &str, image: &Image) -> bool {
    match (image.shell, name) {
        (Shell::None, _) => false,
        (_, "sh") | (Shell::Busybox, "ash") | (Shell::Debian, "bash" | "dash") => true,
        (_, "bash" | "zsh") => image.tools.contains(&name),
        _ => false,
    }
}

/// Tools that only some images have: those that the table gives them, those of busybox, and images that nobody knows.
const RARE: &[&str] = &[
    "bash",
    "column",
    "curl",
    "dig",
    "edit",
    "httpd",
    "jq",
    "kubectl",
    "mariadb",
    "mariadb-admin",
    "mongosh",
    "mysql",
    "mysqladmin",
    "nano",
    "nc",
    "nginx",
    "nslookup",
    "pg_isready",
    "ping",
    "ps",
    "psql",
    "rabbitmqctl",
    "redis-cli",
    "redis-server",
    "telnet",
    "tree",
    "vi",
    "wget",
    "yq",
    "zsh",
];
/// Those of them that busybox has.
const OF_BUSYBOX: &[&str] = &["httpd", "nc", "nslookup", "ping", "ps", "telnet", "tree", "vi", "wget"];
/// Those of them that an image outside the table has.
const OF_ANY: &[&str] = &["curl", "dig", "nc", "nslookup", "ping", "ps", "telnet", "wget", "jq", "vi"];

/// Whether an image has a tool.
pub fn has_tool(name: &str, image: &Image) -> bool {
    if image.shell == Shell::None {
        return false;
    }
    if is_shell(name, image) {
        return true;
    }
    if matches!(name, "sh" | "bash" | "ash" | "dash" | "zsh") {
        return false;
    }
    if RARE.contains(&name) {
        let own = image.entrypoint.iter().chain(image.cmd).any(|w| base(w) == name);
        return own
            || image.tools.contains(&name)
            || (image.shell == Shell::Busybox && OF_BUSYBOX.contains(&name))
            || (image.behaviour == Behaviour::Generic && OF_ANY.contains(&name));
    }
    posix::tools::TOOLS.iter().any(|t| t.name == name) || OWN.contains(&name)
}

/// Commands that a container's world knows beside the text tools.
pub const OWN: &[&str] =
    &["httpd", "kill", "mount", "nginx", "ps", "redis-cli", "redis-server", "su", "sync", "free", "top"];

/// The first process of a container: what it runs, when it runs first, and what it says before it ends at once.
///
/// # Errors
/// What the runtime says when it cannot be started.
pub fn program(argv: &[String], start: &Start) -> Result<(Program, SimTime, Option<String>), String> {
    let now = start.now;
    let script = agnhost::as_script(argv);
    let argv = script.as_deref().unwrap_or(argv);
    let Some(name) = argv.first() else {
        // What an image that the table does not know would run, nobody can say: it serves.
        return match start.image.behaviour {
            Behaviour::Generic | Behaviour::System => {
                Ok((plain_server(start.image, start.spec), NEVER, None))
            }
            _ => Err("no command specified".to_owned()),
        };
    };
    let plain = base(name);
    // An image's entry point hands over to what follows it.
    if start.image.entrypoint.first() == Some(&name.as_str()) && is_wrapper(plain) && argv.len() > 1 {
        let given = Start { given: start.given, ..*start };
        // Options alone are for the image's own program; some entry points take any other word for its argument too.
        let own = start.image.cmd.first().filter(|own| {
            let unknown = base(own) == "curl" && exists(&argv[1], start.image, start.spec).is_err();
            argv[1].starts_with('-') || unknown
        });
        if let Some(own) = own {
            let whole: Vec<String> =
                std::iter::once((*own).to_owned()).chain(argv[1..].iter().cloned()).collect();
            return program(&whole, &given);
        }
        if argv[1..].iter().map(String::as_str).eq(start.image.cmd.iter().copied()) {
            return own_program(&argv[1..], &given);
        }
        return program(&argv[1..], &given);
    }
    if !start.given
        && argv.iter().map(String::as_str).eq(start.image.entrypoint.iter().chain(start.image.cmd).copied())
    {
        return own_program(argv, start);
    }
    exists(name, start.image, start.spec)?;
    if let Some(found) = server_of(argv, start) {
        return Ok(as_own(found, start));
    }
    if let Some(load) = load::of_command(argv, start.image.repository, now) {
        return Ok((Program::Load(Box::new(load)), now, None));
    }
    if start.image.behaviour == Behaviour::System {
        return Ok((plain_server(start.image, start.spec), NEVER, None));
    }
    if plain == "sleep"
        && let Some(wake) = sleep_until(&argv[1..], now)
    {
        return Ok((Program::Sleep, wake, None));
    }
    if plain == "tail"
        && argv.last().is_some_and(|a| a == "/dev/null")
        && argv.iter().any(|a| a.contains('f'))
    {
        return Ok((Program::Sleep, NEVER, None));
    }
    if start.image.behaviour == Behaviour::Generic && !has_tool(plain, start.image) {
        return Ok((plain_server(start.image, start.spec), NEVER, None));
    }
    let (program, wake) = exec_program(argv, start, start.spec.tty == Some(true))?;
    Ok((program, wake, None))
}

/// The server that an image is made for: it ends, starts and listens as the table says.
fn as_own(started: Started, start: &Start) -> Started {
    let (mut program, mut wake, said) = started;
    let image = start.image;
    if let Program::Server(server) = &mut program
        && server.behaviour == image.behaviour
        && !matches!(image.behaviour, Behaviour::Generic | Behaviour::System)
    {
        server.ends = image.sigterm;
        let variable = Some(image.port_variable).filter(|v| !v.is_empty());
        if let Some(port) = variable.and_then(|v| start.environment.get(v)?.parse().ok()) {
            server.ports = vec![port];
        }
        if image.starts_after_ms > 0 || image.needs.is_some() {
            server.startup = Startup::Due;
            server.listens_at = NEVER;
            wake = start.now;
        }
    }
    (program, wake, said)
}

fn is_wrapper(name: &str) -> bool {
    name.ends_with("entrypoint.sh") || name == "go-runner" || name == "tini"
}

/// What an image does by itself.
fn own_program(argv: &[String], start: &Start) -> Result<(Program, SimTime, Option<String>), String> {
    let image = start.image;
    if let Some(load) = load::of_command(argv, image.repository, start.now) {
        return Ok((Program::Load(Box::new(load)), start.now, None));
    }
    match image.behaviour {
        Behaviour::Shell | Behaviour::Tool => {
            let plain = argv.first().map_or("", |n| base(n));
            if start.spec.stdin == Some(true) && is_shell(plain, image) {
                let (program, wake) = exec_program(argv, start, start.spec.tty == Some(true))?;
                return Ok((program, wake, None));
            }
            // A shell, or an interpreter, whose input is at its end.
            Ok((Program::Ends(if plain == "curl" { 2 } else { 0 }), start.now + SECOND / 50, None))
        }
        Behaviour::Hello => Ok((Program::Ends(0), start.now + SECOND / 50, Some(HELLO.to_owned()))),
        _ => {
            let plain = || (plain_server(image, start.spec), NEVER, None);
            Ok(as_own(server_of(argv, start).unwrap_or_else(plain), start))
        }
    }
}

const HELLO: &str =
    "\nHello from Docker!\nThis message shows that your installation appears to be working correctly.\n\n";

/// When a `sleep` is over. `None` when its arguments are none.
fn sleep_until(args: &[String], now: SimTime) -> Option<SimTime> {
    let [text] = args else { return None };
    if matches!(text.as_str(), "infinity" | "inf") {
        return Some(NEVER);
    }
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text.as_str(), "s"),
    };
    let factor = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return None,
    };
    let seconds = number.parse::<f64>().ok().filter(|s| s.is_finite() && *s >= 0.0)?;
    let nanos = (seconds * factor * SECOND as f64).min(1e18) as u64;
    Some(SimTime(now.0.saturating_add(nanos)))
}

/// The server that a command line is, if it is one: what it runs, when it is run, its last words.
pub fn server_of(argv: &[String], start: &Start) -> Option<(Program, SimTime, Option<String>)> {
    let plain = base(argv.first()?);
    let rest = &argv[1..];
    let serve = |server: Server| Some((server_program(server), NEVER, None));
    if plain == "httpd" && start.image.shell == Shell::Busybox {
        let port =
            option(rest, "-p").and_then(|p| p.rsplit(':').next().and_then(|p| p.parse().ok())).unwrap_or(80);
        let home = option(rest, "-h").unwrap_or("/");
        return serve(Server::new(Behaviour::Generic, vec![port], Some(home)));
    }
    if matches!(plain, "python" | "python3") && rest.iter().any(|a| a == "http.server") {
        let port = rest.iter().find_map(|a| a.parse().ok()).unwrap_or(8000);
        let home = option(rest, "-d").or_else(|| option(rest, "--directory")).unwrap_or("/");
        return serve(Server::new(Behaviour::Generic, vec![port], Some(home)));
    }
    let (_, behaviour, ports) = SERVERS.iter().find(|(n, _, _)| *n == plain).copied()?;
    match behaviour {
        Behaviour::HttpEcho => Some(http_echo(rest, start)),
        Behaviour::Agnhost => serve(agnhost::server(rest, start)),
        Behaviour::Redis => {
            let port = option(rest, "--port").and_then(|p| p.parse().ok()).unwrap_or(6379);
            serve(Server::new(behaviour, vec![port], None))
        }
        Behaviour::Whoami => {
            let port = option(rest, "--port")
                .and_then(|p| p.parse().ok())
                .or_else(|| start.environment.get("WHOAMI_PORT_NUMBER").and_then(|p| p.parse().ok()));
            serve(Server::new(behaviour, vec![port.unwrap_or(80)], None))
        }
        Behaviour::Nginx
            if rest.first().is_some_and(|a| matches!(a.as_str(), "-t" | "-v" | "-V" | "-s" | "-h")) =>
        {
            None
        }
        _ => serve(Server::new(behaviour, ports.to_vec(), None)),
    }
}

/// A program, when it runs first, and what it says before it ends at once.
type Started = (Program, SimTime, Option<String>);

/// The value of an option: `-p 80`, `-p80`, `--port=80`.
pub fn option<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    let at = args.iter().position(|a| a == name);
    if let Some(at) = at {
        return args.get(at + 1).map(String::as_str);
    }
    args.iter().find_map(|a| {
        let rest = a.strip_prefix(name)?;
        rest.strip_prefix('=').or((!name.starts_with("--") && !rest.is_empty()).then_some(rest))
    })
}

fn http_echo(args: &[String], start: &Start) -> Started {
    let text = option(args, "-text").or_else(|| option(args, "--text")).map(str::to_owned);
    let text = text.or_else(|| start.environment.get("ECHO_TEXT").cloned());
    let listen = option(args, "-listen").or_else(|| option(args, "--listen")).unwrap_or(":5678");
    let port = listen.rsplit(':').next().and_then(|p| p.parse().ok()).unwrap_or(5678);
    // Without a text the newer versions say hello to the world.
    let text = text.unwrap_or_else(|| "hello-world".to_owned());
    (server_program(Server::new(Behaviour::HttpEcho, vec![port], Some(&text))), NEVER, None)
}

/// Any command beside a container's first: a shell, a tool, or one of the world's own commands.
///
/// # Errors
/// What the runtime says when it cannot be started.
pub fn exec_program(argv: &[String], start: &Start, terminal: bool) -> Result<(Program, SimTime), String> {
    let script = agnhost::as_script(argv);
    let argv = script.as_deref().unwrap_or(argv);
    let Some(name) = argv.first() else { return Err("no command specified".to_owned()) };
    exists(name, start.image, start.spec)?;
    let plain = base(name);
    let cwd = start.spec.working_dir.as_deref().filter(|d| !d.is_empty()).unwrap_or(start.image.workdir);
    let first = start.pid.saturating_sub(1);
    let script = is_shell(plain, start.image).then(|| script_of(&argv[1..])).flatten();
    let machine = match script {
        Some((script, args)) => {
            let mut words = vec![args.first().cloned().unwrap_or_else(|| plain.to_owned())];
            words.extend(args.into_iter().skip(1));
            match Machine::new(&script, &words, start.environment.all(), cwd) {
                Ok(machine) => machine,
                // A shell says itself what it cannot read.
                Err(_) => Machine::command(argv, start.environment.all(), cwd),
            }
        }
        None if is_shell(plain, start.image)
            && argv[1..].iter().all(|a| matches!(a.as_str(), "-i" | "-l" | "-il" | "--login")) =>
        {
            let prompt = terminal.then(|| prompt_of(plain, start));
            Machine::reading(&[plain.to_owned()], start.environment.all(), cwd, prompt.as_deref())
        }
        None => Machine::command(argv, start.environment.all(), cwd),
    };
    if let Some(load) = load::of_command(argv, start.image.repository, start.now) {
        return Ok((Program::Load(Box::new(load)), start.now));
    }
    let machine = machine.numbered_from(first).on_terminal(terminal);
    Ok((Program::Shell(Some(Box::new(machine))), start.now))
}

/// The script of `sh -c SCRIPT [NAME [ARGUMENT]…]`, where no other options stand before it.
fn script_of(args: &[String]) -> Option<(String, Vec<String>)> {
    match args {
        [flag, script, rest @ ..] if flag == "-c" => Some((script.clone(), rest.to_vec())),
        [flag, script, rest @ ..] if matches!(flag.as_str(), "-ec" | "-ce") => {
            Some((format!("set -e\n{script}"), rest.to_vec()))
        }
        [flag, script, rest @ ..] if matches!(flag.as_str(), "-xc" | "-cx") => {
            Some((format!("set -x\n{script}"), rest.to_vec()))
        }
        [one, flag, script, rest @ ..] if flag == "-c" && matches!(one.as_str(), "-e" | "-x" | "-ex") => {
            Some((format!("set {one}\n{script}"), rest.to_vec()))
        }
        _ => None,
    }
}

fn prompt_of(shell: &str, start: &Start) -> String {
    match (start.image.shell, shell) {
        (_, "bash") => format!("root@{}:\\w# ", environment::hostname(start.pod)),
        (Shell::Busybox, _) => "\\w # ".to_owned(),
        _ => "# ".to_owned(),
    }
}
