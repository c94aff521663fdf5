//! The network tools (curl, wget, nslookup, dig, nc, ping) over a small network.
//!
//! Always holds: where a request starts (the learner's machine, a pod) is the [`Net`]'s affair; a tool that would wait
//! waits on the virtual clock.

use super::tools::{Entry, later};

mod curl;
mod dns;
mod probe;

/// An HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// A name or an address, without port.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether TLS was asked for.
    pub tls: bool,
    /// Path and query.
    pub path: String,
    /// Header names and values, as sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a server answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header names and values, in the server's order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long the server takes, in nanoseconds.
    pub took: u64,
}

/// What became of a connection or a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach<T> {
    /// It was answered.
    Answered(T),
    /// Nothing listens there: refused at once.
    Refused,
    /// Nobody answers: the caller's timeout decides.
    TimedOut,
    /// The name is not known.
    UnknownHost,
    /// The connection was cut before an answer.
    Cut,
}

/// A DNS record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Record {
    /// `name → address`.
    A(String, String),
    /// `name → canonical name`.
    Cname(String, String),
    /// `name → (port, target)`.
    Srv(String, u16, String),
}

/// What DNS answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dns {
    /// Records, in the order answered.
    Records(Vec<Record>),
    /// The name is there, but has no record of that type.
    Empty,
    /// `NXDOMAIN`.
    NoSuchName,
    /// No server answers.
    TimedOut,
}

/// What is asked of DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Query {
    A,
    Cname,
    Srv,
}

/// A network, seen from a place in it.
pub trait Net {
    /// Sends a request.
    fn http(&mut self, request: &Request) -> Reach<Answer>;
    /// Opens a TCP connection and closes it.
    fn connect(&mut self, host: &str, port: u16) -> Reach<()>;
    /// Asks DNS. A name with a dot at its end is asked as it stands; otherwise search domains apply.
    fn resolve(&mut self, name: &str, query: Query) -> Dns;
    /// The DNS server's address (`nameserver` of `/etc/resolv.conf`).
    fn nameserver(&self) -> String;
}

/// The network tools, by name; they are there where the world has a network.
pub const TOOLS: &[Entry] = &[
    later(
        "curl",
        "curl [-siIvLkf] [-o FILE] [-w FORMAT] [-m SECONDS] [-H HEADER] [-X METHOD] [-d DATA] URL...",
        curl::curl,
    ),
    later("dig", "dig [@SERVER] NAME [A|SRV|CNAME] [+short] [+search]", dns::dig),
    later("host", "host NAME", dns::host),
    later("nc", "nc [-zv] [-w SECONDS] HOST PORT", probe::nc),
    later("nslookup", "nslookup [-type=A|SRV|CNAME] NAME [SERVER]", dns::nslookup),
    later("ping", "ping [-c COUNT] HOST", probe::ping),
    later("wget", "wget [-q] [-O FILE] [-T SECONDS] URL", curl::wget),
];

/// A host's address: itself when it is one.
fn address_of(net: &mut dyn Net, host: &str) -> Option<String> {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return Some(host.to_owned());
    }
    if host == "localhost" {
        return Some("127.0.0.1".to_owned());
    }
    match net.resolve(host, Query::A) {
        Dns::Records(records) => records.into_iter().find_map(|record| match record {
            Record::A(_, address) => Some(address),
            Record::Cname(..) | Record::Srv(..) => None,
        }),
        _ => None,
    }
}
