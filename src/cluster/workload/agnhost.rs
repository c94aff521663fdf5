//! agnhost, the image of Kubernetes' own tests: many small servers and commands in one program, chosen by the first
//! argument.
//!
//! From `test/images/agnhost`. Servers answer here; commands that only print are scripts for the container's shell.
//! Does not: TLS, UDP, SCTP, webhooks, `guestbook`, `inclusterclient`, `mounttest`, `nettest`.

use super::command::{Start, option};
use super::images::Behaviour;
use super::rootfs;
use super::server::{After, Answer, Server, Visit, client, path_of, plain, timestamp};
use crate::cluster::Cluster;
use crate::cluster::kubelet::{environment, run_of};
use crate::object::{ObjectName, SECOND, SimTime};

const HEALTH: &str = "grpc-health-checking";
/// What [`Server::data`] keeps of a health checker: the service that it knows, the seconds until it is unhealthy, and
/// what it was told to be.
const SERVICE: &str = "service";
const DELAY: &str = "delay-unhealthy-sec";
const SERVING: &str = "serving";

/// The server that agnhost is with these arguments.
pub fn server(args: &[String], start: &Start) -> Server {
    let verb = args.first().map_or("pause", String::as_str);
    let port = |name: &str, default: u16| option(args, name).and_then(|p| p.parse().ok()).unwrap_or(default);
    let listening = |ports: Vec<u16>| Server::new(Behaviour::Agnhost, ports, Some(verb));
    match verb {
        "netexec" => listening(vec![port("--http-port", 8080)]),
        "serve-hostname" => listening(vec![port("--port", 9376)]),
        "test-webserver" => listening(vec![port("--port", 80)]),
        "liveness" => listening(vec![8080]),
        HEALTH => {
            let mut server = listening(vec![port("--port", 5000), port("--http-port", 8080)]);
            server.data.insert(SERVICE.to_owned(), option(args, "--service").unwrap_or("").to_owned());
            server
                .data
                .insert(DELAY.to_owned(), option(args, "--delay-unhealthy-sec").unwrap_or("-1").to_owned());
            server
        }
        "porter" => {
            let served = start.environment.all().iter().filter_map(|(name, value)| {
                let port: u16 = name.strip_prefix("SERVE_PORT_")?.parse().ok()?;
                Some((port, value.clone()))
            });
            let served: Vec<(u16, String)> = served.collect();
            let mut server = listening(served.iter().map(|(port, _)| *port).collect());
            server.data = served.into_iter().map(|(port, value)| (port.to_string(), value)).collect();
            server
        }
        "pause" => Server::new(Behaviour::Pause, Vec::new(), None),
        _ => listening(vec![8080]),
    }
}

/// The command line of a shell that does what a printing command of agnhost does.
pub fn as_script(argv: &[String]) -> Option<Vec<String>> {
    let (program, verb) = (argv.first()?, argv.get(1)?);
    if program.rsplit('/').next() != Some("agnhost") {
        return None;
    }
    let rest = &argv[2..];
    let script = match verb.as_str() {
        "entrypoint-tester" => "echo \"[$0 $*]\"".to_owned(),
        "dns-suffix" => resolver("search"),
        "dns-server-list" => resolver("nameserver"),
        "etc-hosts" => "cat /etc/hosts".to_owned(),
        "connect" => connect(rest),
        "logs-generator" => logs(rest),
        _ => return None,
    };
    let words = ["sh".to_owned(), "-c".to_owned(), script, program.clone(), verb.clone()];
    Some(words.into_iter().chain(rest.iter().cloned()).collect())
}

/// Prints the words of a kind of line of the resolver's configuration, with commas between.
fn resolver(kind: &str) -> String {
    format!("sed -n 's/^{kind} //p' /etc/resolv.conf | tr '\\n' ' ' | sed -e 's/ *$//' -e 's/  */,/g'; echo")
}

/// Opens a TCP connection; says in one word why not.
fn connect(args: &[String]) -> String {
    let address = args.iter().find(|a| !a.starts_with('-') && a.contains(':')).map_or("", String::as_str);
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let safe = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
    if host.is_empty() || !safe(host) || port.parse::<u16>().is_err() {
        return "echo UNKNOWN >&2; exit 1".to_owned();
    }
    let timeout = option(args, "--timeout").and_then(seconds).unwrap_or(0.0).ceil().max(1.0);
    format!(
        "out=$(nc -z -v -w {timeout} {host} {port} 2>&1) && exit 0
case \"$out\" in
*efused*) echo REFUSED ;;
*'bad address'*|*resolve*|*'not known'*) echo \"DNS: lookup {host}: no such host\" ;;
*) echo TIMEOUT ;;
esac >&2
exit 1"
    )
}

/// So many lines over so long.
fn logs(args: &[String]) -> String {
    let value = |long: &str, short: &str| option(args, long).or_else(|| option(args, short));
    let lines: u64 = value("--log-lines-total", "-t").and_then(|n| n.parse().ok()).unwrap_or(0);
    let over = value("--run-duration", "-d").and_then(seconds).unwrap_or(0.0);
    if lines == 0 || over <= 0.0 {
        return "echo 'Invalid total number of lines: 0' >&2; exit 1".to_owned();
    }
    let pause = over / lines as f64;
    format!(
        "n=0; seed=$$
while [ $n -lt {lines} ]; do
seed=$(( (seed * 1103515245 + 12345 + n) % 2147483648 ))
case $((seed / 65536 % 3)) in 0) verb=GET ;; 1) verb=POST ;; *) verb=PUT ;; esac
case $((seed / 1024 % 3)) in 0) space=kube-system ;; 1) space=default ;; *) space=ns ;; esac
echo \"$(date '+I%m%d %H:%M:%S').000000       1 logs_generator.go:76] $n $verb \
/api/v1/namespaces/$space/pods/$(printf '%x' $((seed % 65536))) $((200 + seed / 256 % 400))\"
n=$((n + 1)); sleep {pause}
done"
    )
}

/// A duration of Go in seconds: `1m30s`, `500ms`.
fn seconds(text: &str) -> Option<f64> {
    let (mut sum, mut rest) = (0.0, text);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let unit = rest[end..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |n| end + n);
        let factor = match &rest[end..unit] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        sum += number * factor;
        rest = &rest[unit..];
    }
    Some(sum)
}

/// What a gRPC health check of a service at a port is answered with: its status, or the error of the call. `None` when
/// nobody speaks gRPC there.
pub fn health(
    cluster: &Cluster,
    server: &Server,
    since: SimTime,
    asked: (u16, &str),
) -> Option<Result<&'static str, String>> {
    let (port, service) = asked;
    if server.text.as_deref() != Some(HEALTH) || server.ports.first() != Some(&port) {
        return None;
    }
    let of = |key: &str| server.data.get(key).map_or("", String::as_str);
    if of(SERVICE) != service {
        return Some(Err("rpc error: code = NotFound desc = unknown service".to_owned()));
    }
    let delay: Option<u64> = of(DELAY).parse().ok();
    let late = delay.is_some_and(|d| cluster.now().since(since) >= d * SECOND);
    Some(Ok(if of(SERVING) == "no" || late { "NOT_SERVING" } else { "SERVING" }))
}

/// When the container's first process began.
pub fn began(cluster: &Cluster, node: &str, pod: &ObjectName, index: usize) -> SimTime {
    let container = run_of(cluster, node, pod).and_then(|r| r.containers.get(index));
    let began = container.and_then(|c| c.body.as_ref()?.processes.first().map(|p| p.started));
    began.unwrap_or(cluster.now())
}

/// Lets a server of agnhost answer.
pub fn answer(cluster: &mut Cluster, server: &Server, visit: &Visit) -> Answer {
    let pod = visit.spot.object(cluster);
    let hostname = pod.as_deref().map(environment::hostname).unwrap_or_default();
    let age = cluster.now().since(began(cluster, &visit.spot.node, &visit.spot.pod, visit.spot.index));
    let log =
        |text: &str| Some(format!("{} {text}\n", timestamp(cluster.now()).strftime("%Y/%m/%d %H:%M:%S")));
    match server.text.as_deref() {
        Some("liveness") => match path_of(visit.call) {
            "/healthz" if age > 10 * SECOND => plain(500, &format!("error: {}", age as f64 / SECOND as f64)),
            "/healthz" => plain(200, "ok"),
            "/started" => plain(200, &go_duration(age)),
            "/redirect" => redirect(302, &query(visit, "loc")),
            _ => not_found(),
        },
        Some("serve-hostname") => {
            let mut answer = plain(200, &hostname);
            answer.log = log(&format!("HTTP request from {}:41234", client(visit)));
            answer
        }
        Some("porter") => plain(200, server.data.get(&visit.port.to_string()).map_or("", String::as_str)),
        Some("test-webserver") => match rootfs::read(cluster, visit.spot, path_of(visit.call)) {
            Ok(body) => {
                let mut answer = plain(200, "");
                answer.reply.headers[1].1 = body.len().to_string();
                answer.reply.body = body;
                answer
            }
            Err(_) => not_found(),
        },
        Some(HEALTH) => {
            let serving = match path_of(visit.call) {
                "/make-serving" => "yes",
                "/make-not-serving" => "no",
                _ => return not_found(),
            };
            let mut answer = plain(200, &go_duration(age));
            answer.log = log(if serving == "yes" { "Mark as healthy" } else { "Mark as unhealthy" });
            answer.after = After::Keep(SERVING, serving);
            answer
        }
        _ => netexec(cluster, visit, &hostname, age),
    }
}

/// A server with a page for each thing that a network test wants to know.
fn netexec(cluster: &Cluster, visit: &Visit, hostname: &str, age: u64) -> Answer {
    let path = path_of(visit.call);
    let (code, message) = (query(visit, "code"), query(visit, "msg"));
    let number = code.parse::<u16>();
    let mut line = format!("GET {path}");
    let wrong = || plain(200, &format!("argument 'code' must be an integer or empty, got {code:?}\n"));
    let mut answer = match path {
        "/hostname" | "/hostName" => plain(200, hostname),
        "/clientip" => plain(200, &format!("{}:41234", client(visit))),
        "/serverport" => plain(200, &visit.port.to_string()),
        "/healthz" => plain(200, ""),
        "/echo" => {
            line = format!("GET /echo?msg={message}&code={code}");
            match number {
                Ok(status) => plain(status, &message),
                Err(_) if code.is_empty() => plain(200, &message),
                Err(_) => wrong(),
            }
        }
        "/redirect" => {
            let location = query(visit, "location");
            line = format!("{} /redirect?msg={location}&code={code}", visit.call.method);
            match number {
                Ok(status) => redirect(status, &location),
                Err(_) if code.is_empty() => redirect(302, &location),
                Err(_) => wrong(),
            }
        }
        "/shutdown" | "/exit" => {
            let mut answer = plain(200, "");
            answer.after = After::Exit(number.map_or(0, i32::from));
            if path == "/exit" {
                let (timeout, wait) = (query(visit, "timeout"), query(visit, "wait"));
                line = format!("GET /exit?code={code}&timeout={timeout}&wait={wait}");
            }
            answer
        }
        _ => {
            "GET /".clone_into(&mut line);
            let now = timestamp(cluster.now()).strftime("%Y-%m-%d %H:%M:%S");
            let (part, age) = (cluster.now().0 % SECOND, age as f64 / SECOND as f64);
            plain(200, &format!("NOW: {now}.{part:09} +0000 UTC m=+{age:.9}"))
        }
    };
    let time = timestamp(cluster.now()).strftime("%Y/%m/%d %H:%M:%S").to_string();
    answer.log = Some(format!("{time} {line}\n"));
    answer
}

fn not_found() -> Answer {
    plain(404, "404 page not found\n")
}

fn redirect(status: u16, location: &str) -> Answer {
    let text = if status == 301 { "Moved Permanently" } else { "Found" };
    let mut answer = plain(status, &format!("<a href=\"{location}\">{text}</a>.\n\n"));
    answer.reply.headers.push(("Location".to_owned(), location.to_owned()));
    answer
}

/// A value of the request's query, with `%XX` and `+` resolved.
fn query(visit: &Visit, key: &str) -> String {
    let pairs = visit.call.path.split_once('?').map_or("", |(_, q)| q).split('&');
    let value = pairs.filter_map(|p| p.split_once('=')).find(|(k, _)| *k == key).map_or("", |(_, v)| v);
    let (mut bytes, mut rest) = (Vec::new(), value.as_bytes());
    while let [first, tail @ ..] = rest {
        let code = std::str::from_utf8(tail.get(..2).unwrap_or_default()).unwrap_or_default();
        match (first, u8::from_str_radix(code, 16)) {
            (b'%', Ok(byte)) if code.len() == 2 => {
                bytes.push(byte);
                rest = &tail[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A duration as Go prints it: `1m2.5s`.
fn go_duration(nanos: u64) -> String {
    let (minutes, rest) = (nanos / (60 * SECOND), nanos % (60 * SECOND));
    let seconds = rest as f64 / SECOND as f64;
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}
