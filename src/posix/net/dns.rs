//! nslookup, dig and host.
//!
//! Always holds: what is printed has the form of bind's tools, or of busybox's `nslookup` where the world is busybox.

use super::{Dns, Query, Record};
use crate::posix::Flavour;
use crate::posix::tools::{Io, Step, Tool};

type Started = Result<Box<dyn Tool>, i32>;

/// How long a resolver waits for a server that does not answer.
const PATIENCE: u64 = 15_000_000_000;

/// Says something at a later moment, and ends.
#[derive(Clone, Debug)]
struct Late {
    name: &'static str,
    at: u64,
    text: String,
    status: i32,
}

impl Tool for Late {
    fn step(&mut self, io: &mut Io) -> Step {
        if io.world.now() < self.at {
            return Step::Sleep(self.at);
        }
        io.out(std::mem::take(&mut self.text));
        Step::Exit(self.status)
    }

    fn boxed(&self) -> Box<dyn Tool> {
        Box::new(self.clone())
    }

    fn name(&self) -> String {
        self.name.to_owned()
    }
}

fn query(text: &str) -> Option<Query> {
    match text.to_ascii_uppercase().as_str() {
        "A" | "ANY" => Some(Query::A),
        "CNAME" => Some(Query::Cname),
        "SRV" => Some(Query::Srv),
        _ => None,
    }
}

fn dotless(name: &str) -> &str {
    name.trim_end_matches('.')
}

pub(super) fn nslookup(args: &[String], io: &mut Io) -> Started {
    let mut kind = Query::A;
    let mut names = Vec::new();
    for arg in args {
        let option = ["-type=", "-query=", "-q=", "-querytype="].iter().find_map(|p| arg.strip_prefix(p));
        match option {
            Some(text) => match query(text) {
                Some(query) => kind = query,
                None if text.eq_ignore_ascii_case("aaaa") => return Ok(empty(&names, io)),
                None => {
                    io.out(format!("unknown query type: {text}\n"));
                    return Err(1);
                }
            },
            None if arg.starts_with('-') => {}
            None => names.push(arg.clone()),
        }
    }
    let Some(name) = names.first().cloned() else {
        io.err("usage: nslookup [-type=TYPE] NAME [SERVER]\n");
        return Err(1);
    };
    let busybox = io.world.flavour() == Flavour::Busybox;
    let Some(net) = io.world.net() else { return Err(1) };
    let server = names.get(1).cloned().unwrap_or_else(|| net.nameserver());
    let answer = net.resolve(&name, kind);
    let head = if busybox {
        format!("Server:\t\t{server}\nAddress:\t{server}:53\n\n")
    } else {
        format!("Server:\t\t{server}\nAddress:\t{server}#53\n\n")
    };
    let (text, status) = match answer {
        Dns::TimedOut => {
            let text = ";; connection timed out; no servers could be reached\n\n".to_owned();
            let at = io.world.now() + PATIENCE;
            return Ok(Box::new(Late { name: "nslookup", at, text, status: 1 }));
        }
        Dns::NoSuchName if busybox => (format!("{head}** server can't find {name}: NXDOMAIN\n\n"), 1),
        Dns::NoSuchName => (format!("{head}** server can't find {name}: NXDOMAIN\n\n"), 1),
        Dns::Empty => (format!("{head}*** Can't find {name}: No answer\n\n"), i32::from(busybox)),
        Dns::Records(records) => (head + &nslookup_records(&records, kind, busybox), 0),
    };
    io.out(text);
    Err(status)
}

fn empty(names: &[String], io: &mut Io) -> Box<dyn Tool> {
    let name = names.first().cloned().unwrap_or_default();
    let text = format!("*** Can't find {name}: No answer\n\n");
    Box::new(Late { name: "nslookup", at: io.world.now(), text, status: 0 })
}

fn nslookup_records(records: &[Record], kind: Query, busybox: bool) -> String {
    let mut text = String::new();
    if !busybox && kind == Query::A && records.iter().any(|r| matches!(r, Record::Cname(..))) {
        text.push_str("Non-authoritative answer:\n");
    }
    for record in records {
        match record {
            Record::A(name, address) => {
                text.push_str(&format!("Name:\t{}\nAddress: {address}\n", dotless(name)));
            }
            Record::Cname(name, target) => {
                let dot = if busybox { "" } else { "." };
                text.push_str(&format!("{}\tcanonical name = {}{dot}\n", dotless(name), dotless(target)));
            }
            Record::Srv(name, port, target) => {
                let dot = if busybox { "" } else { "." };
                text.push_str(&format!(
                    "{}\tservice = 0 100 {port} {}{dot}\n",
                    dotless(name),
                    dotless(target)
                ));
            }
        }
    }
    text + "\n"
}

pub(super) fn dig(args: &[String], io: &mut Io) -> Started {
    let (mut kind, mut short, mut search, mut answers_only) = (Query::A, false, false, false);
    let (mut name, mut server) = (None, None);
    let mut aaaa = false;
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if let Some(at) = arg.strip_prefix('@') {
            server = Some(at.to_owned());
        } else if let Some(option) = arg.strip_prefix('+') {
            match option {
                "short" => short = true,
                "search" => search = true,
                "answer" => answers_only = true,
                _ => {}
            }
        } else if arg == "-t" {
            kind = rest.next().and_then(|t| query(t)).unwrap_or(Query::A);
        } else if arg.eq_ignore_ascii_case("AAAA") {
            aaaa = true;
        } else if let Some(query) = query(arg) {
            kind = query;
        } else if !arg.starts_with('-') {
            name = Some(arg.clone());
        }
    }
    let Some(name) = name else {
        io.err("usage: dig [@SERVER] NAME [TYPE] [+short] [+search]\n");
        return Err(1);
    };
    let now = io.world.now();
    let Some(net) = io.world.net() else { return Err(9) };
    let server = server.unwrap_or_else(|| net.nameserver());
    // dig asks for the name as it stands; only +search applies the search list.
    let asked = if search || name.ends_with('.') { name.clone() } else { format!("{name}.") };
    let answer = if aaaa { Dns::Empty } else { net.resolve(&asked, kind) };
    let records = match &answer {
        Dns::Records(records) => records.as_slice(),
        Dns::TimedOut => {
            let text = if short {
                ";; communications error: timed out\n;; no servers could be reached\n".to_owned()
            } else {
                format!(
                    "\n; <<>> DiG 9.18.28 <<>> {}\n;; global options: +cmd\n;; no servers could be reached\n\n",
                    args.join(" ")
                )
            };
            return Ok(Box::new(Late { name: "dig", at: now + PATIENCE, text, status: 9 }));
        }
        Dns::Empty | Dns::NoSuchName => &[],
    };
    if short {
        let lines: String = records.iter().map(|r| data(r) + "\n").collect();
        io.out(lines);
        return Err(0);
    }
    let kind_name = match kind {
        _ if aaaa => "AAAA",
        Query::A => "A",
        Query::Cname => "CNAME",
        Query::Srv => "SRV",
    };
    let status = if answer == Dns::NoSuchName { "NXDOMAIN" } else { "NOERROR" };
    let mut text = String::new();
    if !answers_only {
        text = format!(
            "\n; <<>> DiG 9.18.28 <<>> {}\n;; global options: +cmd\n;; Got answer:\n;; ->>HEADER<<- opcode: QUERY, status: {status}, id: {}\n;; flags: qr aa rd; QUERY: 1, ANSWER: {}, AUTHORITY: 0, ADDITIONAL: 1\n\n;; QUESTION SECTION:\n;{}.\t\t\tIN\t{kind_name}\n\n",
            args.join(" "),
            now / 1_000_000 % 65_536,
            records.len(),
            dotless(&name),
        );
    }
    if !records.is_empty() {
        text.push_str(";; ANSWER SECTION:\n");
        for record in records {
            let (owner, kind) = match record {
                Record::A(name, _) => (name, "A"),
                Record::Cname(name, _) => (name, "CNAME"),
                Record::Srv(name, ..) => (name, "SRV"),
            };
            text.push_str(&format!("{}.\t30\tIN\t{kind}\t{}\n", dotless(owner), data(record)));
        }
        text.push('\n');
    }
    let when = crate::posix::tools::format_time(now, "%a %b %d %H:%M:%S %Z %Y");
    text.push_str(&format!(
        ";; Query time: 1 msec\n;; SERVER: {server}#53({server}) (UDP)\n;; WHEN: {when}\n\n"
    ));
    io.out(text);
    Err(0)
}

fn data(record: &Record) -> String {
    match record {
        Record::A(_, address) => address.clone(),
        Record::Cname(_, target) => format!("{}.", dotless(target)),
        Record::Srv(_, port, target) => format!("0 100 {port} {}.", dotless(target)),
    }
}

pub(super) fn host(args: &[String], io: &mut Io) -> Started {
    let Some(name) = args.iter().find(|a| !a.starts_with('-')).cloned() else {
        io.err("Usage: host [-t type] name [server]\n");
        return Err(1);
    };
    let now = io.world.now();
    let Some(net) = io.world.net() else { return Err(1) };
    let (text, status) = match net.resolve(&name, Query::A) {
        Dns::TimedOut => {
            let text = ";; connection timed out; no servers could be reached\n".to_owned();
            return Ok(Box::new(Late { name: "host", at: now + PATIENCE, text, status: 1 }));
        }
        Dns::NoSuchName => (format!("Host {name} not found: 3(NXDOMAIN)\n"), 1),
        Dns::Empty => (format!("{name} has no A record\n"), 0),
        Dns::Records(records) => {
            let line = |record: &Record| match record {
                Record::A(name, address) => format!("{} has address {address}\n", dotless(name)),
                Record::Cname(name, target) => {
                    format!("{} is an alias for {}.\n", dotless(name), dotless(target))
                }
                Record::Srv(name, port, target) => {
                    format!("{} has SRV record 0 100 {port} {}.\n", dotless(name), dotless(target))
                }
            };
            (records.iter().map(line).collect(), 0)
        }
    };
    io.out(text);
    Err(status)
}
