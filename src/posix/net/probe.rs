//! nc and ping: is anybody there?
//!
//! Always holds: `nc` opens a connection and closes it; `ping` is answered by whoever has the address.

use super::{Reach, address_of};
use crate::posix::Flavour;
use crate::posix::tools::{Io, Known, Step, Tool, duration};

type Started = Result<Box<dyn Tool>, i32>;

const SECOND: u64 = 1_000_000_000;

/// `nc -zv host port`.
#[derive(Clone, Debug)]
struct Nc {
    at: u64,
    text: String,
    status: i32,
}

impl Tool for Nc {
    fn step(&mut self, io: &mut Io) -> Step {
        if io.world.now() < self.at {
            return Step::Sleep(self.at);
        }
        io.err(&std::mem::take(&mut self.text));
        Step::Exit(self.status)
    }

    fn boxed(&self) -> Box<dyn Tool> {
        Box::new(self.clone())
    }

    fn name(&self) -> String {
        "nc".into()
    }
}

pub(super) fn nc(args: &[String], io: &mut Io) -> Started {
    let options = Known { name: "nc", letters: "zvnw:ule:p:i:q:N", long: &[] }.read(args, io)?;
    let (Some(host), Some(port)) = (options.rest.front(), options.rest.get(1)) else {
        io.err("usage: nc [-zv] [-w SECONDS] HOST PORT\n");
        return Err(1);
    };
    let Ok(port) = port.parse::<u16>() else {
        io.err(&format!("nc: port number invalid: {port}\n"));
        return Err(1);
    };
    let busybox = io.world.flavour() == Flavour::Busybox;
    let verbose = options.has('v');
    let now = io.world.now();
    let patience = options.value('w').and_then(duration).unwrap_or(134 * SECOND);
    let Some(net) = io.world.net() else { return Err(1) };
    let address = address_of(net, host).unwrap_or_else(|| host.clone());
    let (at, text, status) = match net.connect(host, port) {
        Reach::Answered(()) if verbose && busybox => (now, format!("{host} ({address}:{port}) open\n"), 0),
        Reach::Answered(()) if verbose => {
            (now, format!("Connection to {host} ({address}) {port} port [tcp/*] succeeded!\n"), 0)
        }
        Reach::Answered(()) => (now, String::new(), 0),
        Reach::Refused if busybox => (now, format!("nc: {host} ({address}:{port}): Connection refused\n"), 1),
        Reach::Refused if verbose => (
            now,
            format!("nc: connect to {host} ({address}) port {port} (tcp) failed: Connection refused\n"),
            1,
        ),
        Reach::UnknownHost if busybox => (now, format!("nc: bad address '{host}'\n"), 1),
        Reach::UnknownHost => {
            (now, format!("nc: getaddrinfo for host \"{host}\" port {port}: Name or service not known\n"), 1)
        }
        Reach::TimedOut if busybox => {
            (now + patience, format!("nc: {host} ({address}:{port}): Operation timed out\n"), 1)
        }
        Reach::TimedOut if verbose => (
            now + patience,
            format!(
                "nc: connect to {host} ({address}) port {port} (tcp) timed out: Operation now in progress\n"
            ),
            1,
        ),
        Reach::TimedOut => (now + patience, String::new(), 1),
        Reach::Refused | Reach::Cut => (now, String::new(), 1),
    };
    Ok(Box::new(Nc { at, text, status }))
}

/// `ping`: an echo each second.
#[derive(Clone, Debug)]
struct Ping {
    host: String,
    address: String,
    alive: bool,
    count: u64,
    sent: u64,
    next: u64,
    begun: u64,
}

pub(super) fn ping(args: &[String], io: &mut Io) -> Started {
    let options = Known { name: "ping", letters: "c:w:W:i:qn4s:", long: &[] }.read(args, io)?;
    let Some(host) = options.rest.front().cloned() else {
        io.err("ping: usage error: Destination address required\n");
        return Err(1);
    };
    let count = options.number('c', "ping", io)?.unwrap_or(u64::MAX);
    let busybox = io.world.flavour() == Flavour::Busybox;
    let now = io.world.now();
    let Some(net) = io.world.net() else { return Err(2) };
    let Some(address) = address_of(net, &host) else {
        io.err(&if busybox {
            format!("ping: bad address '{host}'\n")
        } else {
            format!("ping: {host}: Name or service not known\n")
        });
        return Err(if busybox { 1 } else { 2 });
    };
    // Whoever refuses a connection is there all the same.
    let alive = matches!(net.connect(&address, 7), Reach::Answered(()) | Reach::Refused);
    io.out(format!("PING {host} ({address}) 56(84) bytes of data.\n"));
    Ok(Box::new(Ping { host, address, alive, count, sent: 0, next: now, begun: now }))
}

impl Tool for Ping {
    fn step(&mut self, io: &mut Io) -> Step {
        let now = io.world.now();
        if now < self.next {
            return Step::Sleep(self.next);
        }
        if self.sent >= self.count {
            let received = if self.alive { self.sent } else { 0 };
            let loss = if self.alive { 0 } else { 100 };
            let time = (now - self.begun) / 1_000_000;
            io.out(format!(
                "\n--- {} ping statistics ---\n{} packets transmitted, {received} received, {loss}% packet loss, time {time}ms\n",
                self.host, self.sent
            ));
            if self.alive {
                io.out("rtt min/avg/max/mdev = 0.070/0.070/0.070/0.000 ms\n");
            }
            return Step::Exit(i32::from(!self.alive));
        }
        self.sent += 1;
        if self.alive {
            io.out(format!("64 bytes from {}: icmp_seq={} ttl=63 time=0.070 ms\n", self.address, self.sent));
        }
        self.next = now + SECOND;
        if self.sent >= self.count && self.alive {
            self.next = now;
        }
        Step::Again
    }

    fn boxed(&self) -> Box<dyn Tool> {
        Box::new(self.clone())
    }

    fn name(&self) -> String {
        "ping".into()
    }
}
