//! curl and wget.
//!
//! Always holds: error texts and exit statuses are the real programs'; waiting is on the virtual clock. Deliberately not
//! here: TLS itself (a certificate is always accepted), proxies, uploads, HTTP/2.

use super::{Answer, Reach, Request};
use crate::posix::Flavour;
use crate::posix::tools::{Io, Known, Options, Step, Tool, duration, lossy};

type Started = Result<Box<dyn Tool>, i32>;

/// A second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;
/// How long TCP tries when nothing limits it: what Linux' six retries of a SYN come to.
const TCP_GIVES_UP: u64 = 134 * SECOND;
/// Redirections that are followed.
const MAX_REDIRECTS: usize = 50;

/// The parts of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Url {
    tls: bool,
    host: String,
    port: u16,
    path: String,
}

impl Url {
    fn read(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").map_or(("http", text), |(s, r)| (s, r));
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            other => return Err(other.to_owned()),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let authority = authority.rsplit_once('@').map_or(authority, |(_, a)| a);
        let (host, port) = match authority.strip_prefix('[').and_then(|a| a.split_once(']')) {
            Some((host, port)) => (host, port.trim_start_matches(':')),
            None => authority.split_once(':').unwrap_or((authority, "")),
        };
        let port = match port {
            "" => Some(if tls { 443 } else { 80 }),
            digits => digits.parse().ok(),
        };
        let path = path.split('#').next().unwrap_or("");
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        match port {
            Some(port) if !host.is_empty() => Ok(Self { tls, host: host.to_owned(), port, path }),
            _ => Err(String::new()),
        }
    }

    fn join(&self, location: &str) -> Option<Self> {
        if location.contains("://") {
            return Self::read(location).ok();
        }
        let path = if location.starts_with('/') {
            location.to_owned()
        } else {
            format!("{}/{location}", self.path.rsplit_once('/').map_or("", |(folder, _)| folder))
        };
        Some(Self { path, ..self.clone() })
    }

    fn authority(&self) -> String {
        let usual = if self.tls { 443 } else { 80 };
        if self.port == usual { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

/// The reason phrase of a status.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

/// A transfer that waits for its end.
#[derive(Clone, Debug)]
struct Curl {
    options: Options,
    urls: Vec<String>,
    at: usize,
    url: Option<Url>,
    redirects: usize,
    started: u64,
    /// What came back, to be shown at this moment.
    pending: Option<(u64, Reach<Answer>)>,
    status: i32,
}

pub(super) fn curl(args: &[String], io: &mut Io) -> Started {
    let known = Known {
        name: "curl",
        letters: "sSiIvo:w:m:T:H:X:d:LkfgOu:A:46Nr:K:D:bj#",
        long: &[
            ("silent", 's'),
            ("show-error", 'S'),
            ("include", 'i'),
            ("head", 'I'),
            ("verbose", 'v'),
            ("output", 'o'),
            ("write-out", 'w'),
            ("max-time", 'm'),
            ("connect-timeout", 'T'),
            ("header", 'H'),
            ("request", 'X'),
            ("data", 'd'),
            ("data-raw", 'd'),
            ("data-binary", 'd'),
            ("location", 'L'),
            ("insecure", 'k'),
            ("fail", 'f'),
            ("remote-name", 'O'),
            ("user", 'u'),
            ("user-agent", 'A'),
            ("ipv4", '4'),
            ("no-buffer", 'N'),
            ("resolve", 'r'),
            ("globoff", 'g'),
            ("progress-bar", '#'),
            ("retry", 'D'),
        ],
    };
    let options = known.read(args, io).map_err(|_| 2)?;
    if options.rest.is_empty() {
        io.err(
            "curl: (2) no URL specified\ncurl: try 'curl --help' or 'curl --manual' for more information\n",
        );
        return Err(2);
    }
    let urls = options.rest.iter().cloned().collect();
    let started = io.world.now();
    let curl = Curl { options, urls, at: 0, url: None, redirects: 0, started, pending: None, status: 0 };
    Ok(Box::new(curl))
}

impl Curl {
    fn quiet(&self) -> bool {
        self.options.has('s') && !self.options.has('S')
    }

    /// Says an error and goes on with the next URL.
    fn fail(&mut self, code: i32, why: &str, io: &mut Io) -> Step {
        if !self.quiet() {
            io.err(&format!("curl: ({code}) {why}\n"));
        }
        self.status = code;
        self.write_out(None, io);
        self.next()
    }

    fn next(&mut self) -> Step {
        self.at += 1;
        self.url = None;
        self.pending = None;
        self.redirects = 0;
        if self.at < self.urls.len() { Step::Again } else { Step::Exit(self.status) }
    }

    fn limit(&self, letter: char) -> Option<u64> {
        self.options.value(letter).and_then(duration)
    }

    fn request(&self, url: &Url, io: &mut Io) -> Request {
        let mut headers: Vec<(String, String)> = Vec::new();
        let custom: Vec<(String, String)> = self
            .options
            .values('H')
            .filter_map(|h| h.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        let given = |name: &str| custom.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        let agent = self.options.value('A').unwrap_or("curl/8.5.0");
        for (name, value) in
            [("Host", url.authority()), ("User-Agent", agent.to_owned()), ("Accept", "*/*".to_owned())]
        {
            if !given(name) {
                headers.push((name.to_owned(), value));
            }
        }
        headers.extend(custom.iter().filter(|(_, value)| !value.is_empty()).cloned());
        let data: Vec<String> = self.options.values('d').map(str::to_owned).collect();
        let data: Vec<String> = data
            .into_iter()
            .map(|d| match d.strip_prefix('@') {
                Some(file) => io.read(file).map(|bytes| lossy(&bytes)).unwrap_or_default(),
                None => d,
            })
            .collect();
        let body = data.join("&").into_bytes();
        if !data.is_empty() {
            headers.push(("Content-Length".into(), body.len().to_string()));
            if !given("Content-Type") {
                headers.push(("Content-Type".into(), "application/x-www-form-urlencoded".into()));
            }
        }
        let method = match self.options.value('X') {
            Some(method) => method.to_owned(),
            None if self.options.has('I') => "HEAD".into(),
            None if !data.is_empty() => "POST".into(),
            None => "GET".into(),
        };
        // `--resolve HOST:PORT:ADDRESS`: the connection goes there, the Host header stays.
        let place = format!("{}:{}:", url.host, url.port);
        let host = self
            .options
            .values('r')
            .find_map(|rule| rule.trim_start_matches('+').strip_prefix(place.as_str()))
            .map_or_else(|| url.host.clone(), |a| a.trim_matches(['[', ']']).to_owned());
        Request { method, host, port: url.port, tls: url.tls, path: url.path.clone(), headers, body }
    }

    fn begin(&mut self, io: &mut Io) -> Step {
        let url = match self.url.clone() {
            Some(url) => url,
            None => match Url::read(&self.urls[self.at]) {
                Ok(url) => url,
                Err(scheme) if scheme.is_empty() => {
                    return self.fail(
                        3,
                        "URL rejected: Port number was not a decimal number between 0 and 65535",
                        io,
                    );
                }
                Err(scheme) => {
                    return self.fail(1, &format!("Protocol \"{scheme}\" not supported"), io);
                }
            },
        };
        self.started = if self.redirects == 0 { io.world.now() } else { self.started };
        let request = self.request(&url, io);
        self.url = Some(url);
        if self.options.has('v') {
            self.say_request(&request, io);
        }
        let Some(net) = io.world.net() else { return Step::Exit(6) };
        let outcome = net.http(&request);
        let at = match &outcome {
            Reach::Answered(answer) => io.world.now() + answer.took,
            Reach::TimedOut => self.started + TCP_GIVES_UP,
            Reach::Refused | Reach::UnknownHost | Reach::Cut => io.world.now(),
        };
        let connect = matches!(outcome, Reach::TimedOut).then(|| self.limit('T')).flatten();
        let soonest = [self.limit('m'), connect].into_iter().flatten().min();
        let limit = soonest.map(|limit| self.started.saturating_add(limit));
        self.pending = Some(match limit {
            Some(limit) if limit < at => (limit, Reach::TimedOut),
            _ => (at, outcome),
        });
        Step::Again
    }

    fn say_request(&self, request: &Request, io: &mut Io) {
        let path = &request.path;
        io.err(&format!("> {} {path} HTTP/1.1\n", request.method));
        for (name, value) in &request.headers {
            io.err(&format!("> {name}: {value}\n"));
        }
        io.err("> \n");
    }

    fn end(&mut self, outcome: Reach<Answer>, io: &mut Io) -> Step {
        let Some(url) = self.url.clone() else { return self.next() };
        let elapsed = (io.world.now() - self.started) / 1_000_000;
        let answer = match outcome {
            Reach::Answered(answer) => answer,
            Reach::UnknownHost => {
                return self.fail(6, &format!("Could not resolve host: {}", url.host), io);
            }
            Reach::Refused => {
                let why = format!(
                    "Failed to connect to {} port {} after {elapsed} ms: Could not connect to server",
                    url.host, url.port
                );
                return self.fail(7, &why, io);
            }
            Reach::Cut => return self.fail(52, "Empty reply from server", io),
            Reach::TimedOut if elapsed >= TCP_GIVES_UP / 1_000_000 => {
                let why = format!(
                    "Failed to connect to {} port {} after {elapsed} ms: Could not connect to server",
                    url.host, url.port
                );
                return self.fail(28, &why, io);
            }
            Reach::TimedOut => {
                return self.fail(28, &format!("Connection timed out after {elapsed} milliseconds"), io);
            }
        };
        self.answered(&url, &answer, io)
    }

    fn answered(&mut self, url: &Url, answer: &Answer, io: &mut Io) -> Step {
        let line = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
        let headers: String = answer.headers.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
        if self.options.has('v') {
            for header in format!("{line}{headers}").lines() {
                io.err(&format!("< {}\n", header.trim_end()));
            }
            io.err("< \n");
        }
        if self.options.has('L') && (300..400).contains(&answer.status) {
            let location = answer.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("location"));
            if let Some(next) = location.and_then(|(_, to)| url.join(to)) {
                if self.options.has('i') || self.options.has('I') {
                    self.put(format!("{line}{headers}\r\n").as_bytes(), io);
                }
                self.redirects += 1;
                if self.redirects > MAX_REDIRECTS {
                    return self.fail(47, "Maximum (50) redirects followed", io);
                }
                self.url = Some(next);
                self.pending = None;
                return Step::Again;
            }
        }
        if self.options.has('f') && answer.status >= 400 {
            return self.fail(22, &format!("The requested URL returned error: {}", answer.status), io);
        }
        if self.options.has('i') || self.options.has('I') {
            self.put(format!("{line}{headers}\r\n").as_bytes(), io);
        }
        if !self.options.has('I') && !self.put(&answer.body, io) {
            return self.fail(23, "Failure writing output to destination", io);
        }
        self.write_out(Some(answer), io);
        self.next()
    }

    fn put(&self, bytes: &[u8], io: &mut Io) -> bool {
        let name = self.url.as_ref().map(|u| u.path.rsplit('/').next().unwrap_or("").to_owned());
        let file = if self.options.has('O') { name } else { self.options.value('o').map(str::to_owned) };
        match file.as_deref() {
            None | Some("-") => io.out(bytes),
            Some("/dev/null") => {}
            Some(file) => {
                let path = io.path(file);
                return io.world.write(&path, bytes, false).is_ok();
            }
        }
        true
    }

    fn write_out(&self, answer: Option<&Answer>, io: &mut Io) {
        let Some(format) = self.options.value('w') else { return };
        let took = (io.world.now() - self.started) as f64 / 1e9;
        let header = |name: &str| {
            let found = answer.and_then(|a| a.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)));
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let text = format
            .replace("%{http_code}", &format!("{:03}", answer.map_or(0, |a| a.status)))
            .replace("%{response_code}", &format!("{:03}", answer.map_or(0, |a| a.status)))
            .replace("%{time_total}", &format!("{took:.6}"))
            .replace("%{time_connect}", "0.000200")
            .replace("%{size_download}", &answer.map_or(0, |a| a.body.len()).to_string())
            .replace("%{content_type}", &header("content-type"))
            .replace("%{redirect_url}", &header("location"))
            .replace("%{num_redirects}", &self.redirects.to_string())
            .replace("%{url_effective}", &self.urls[self.at.min(self.urls.len() - 1)])
            .replace("%{exitcode}", &self.status.to_string());
        io.out(crate::posix::tools::unescape(&text));
    }
}

impl Tool for Curl {
    fn step(&mut self, io: &mut Io) -> Step {
        match self.pending.take() {
            None => self.begin(io),
            Some((at, outcome)) if io.world.now() < at => {
                self.pending = Some((at, outcome));
                Step::Sleep(at)
            }
            Some((_, outcome)) => self.end(outcome, io),
        }
    }

    fn boxed(&self) -> Box<dyn Tool> {
        Box::new(self.clone())
    }

    fn name(&self) -> String {
        "curl".into()
    }
}

/// wget, GNU's or busybox's.
#[derive(Clone, Debug)]
struct Wget {
    options: Options,
    url: Url,
    text: String,
    tries: u64,
    redirects: usize,
    pending: Option<(u64, Reach<Answer>)>,
}

pub(super) fn wget(args: &[String], io: &mut Io) -> Started {
    // `-qO-` and `-T2` are read as letters; `--timeout=2` and `-t 1` too.
    let known = Known {
        name: "wget",
        letters: "qO:T:t:SYUcd:H:s",
        long: &[
            ("quiet", 'q'),
            ("output-document", 'O'),
            ("timeout", 'T'),
            ("tries", 't'),
            ("server-response", 'S'),
            ("spider", 's'),
            ("header", 'H'),
            ("post-data", 'd'),
            ("no-check-certificate", 'c'),
            ("no-verbose", 'q'),
        ],
    };
    let options = known.read(args, io)?;
    let Some(text) = options.rest.front().cloned() else {
        io.err(
            "wget: missing URL\nUsage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.\n",
        );
        return Err(1);
    };
    let Ok(url) = Url::read(&text) else {
        io.err(&format!("{text}: Unsupported scheme.\n"));
        return Err(1);
    };
    let tries = options.number('t', "wget", io)?.unwrap_or(20).max(1);
    Ok(Box::new(Wget { options, url, text, tries, redirects: 0, pending: None }))
}

impl Wget {
    fn say(&self, text: &str, io: &mut Io) {
        if !self.options.has('q') {
            io.err(text);
        }
    }

    fn begin(&mut self, io: &mut Io) -> Step {
        let busybox = io.world.flavour() == Flavour::Busybox;
        let posted = self.options.value('d').map(str::to_owned);
        let mut headers = vec![
            ("Host".to_owned(), self.url.authority()),
            ("User-Agent".to_owned(), "Wget".to_owned()),
            ("Connection".to_owned(), "close".to_owned()),
        ];
        let own = self.options.values('H').filter_map(|h| h.split_once(':'));
        headers.extend(own.map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned())));
        let request = Request {
            method: if posted.is_some() { "POST" } else { "GET" }.into(),
            host: self.url.host.clone(),
            port: self.url.port,
            tls: self.url.tls,
            path: self.url.path.clone(),
            headers,
            body: posted.unwrap_or_default().into_bytes(),
        };
        let now = io.world.now();
        let Some(net) = io.world.net() else { return Step::Exit(4) };
        if busybox {
            let address = super::address_of(net, &self.url.host);
            if let Some(address) = address {
                let line = format!("Connecting to {} ({address}:{})\n", self.url.authority(), self.url.port);
                self.say(&line, io);
            }
        }
        let Some(net) = io.world.net() else { return Step::Exit(4) };
        let outcome = net.http(&request);
        // GNU's limit is 900 s, and it tries again; busybox has none but TCP's own.
        let limit = self.options.value('T').and_then(duration).unwrap_or(TCP_GIVES_UP);
        let tries = if busybox || self.options.value('T').is_none() { 1 } else { self.tries };
        let at = match &outcome {
            Reach::Answered(answer) if answer.took <= limit => now + answer.took,
            Reach::Answered(_) => now + limit,
            Reach::TimedOut => now.saturating_add(limit.saturating_mul(tries)),
            _ => now,
        };
        let late = matches!(&outcome, Reach::Answered(answer) if answer.took > limit);
        self.pending = Some((at, if late { Reach::TimedOut } else { outcome }));
        Step::Again
    }

    fn end(&mut self, outcome: Reach<Answer>, io: &mut Io) -> Step {
        let busybox = io.world.flavour() == Flavour::Busybox;
        let Url { host, port, .. } = self.url.clone();
        let answer = match outcome {
            Reach::Answered(answer) => answer,
            Reach::UnknownHost if busybox => {
                io.err(&format!("wget: bad address '{}'\n", self.url.authority()));
                return Step::Exit(1);
            }
            Reach::UnknownHost => {
                self.say(&format!("Resolving {host} ({host})... failed: Name or service not known.\n"), io);
                io.err(&format!("wget: unable to resolve host address ‘{host}’\n"));
                return Step::Exit(4);
            }
            Reach::Cut if busybox => {
                io.err("wget: error getting response\n");
                return Step::Exit(1);
            }
            Reach::Cut => {
                self.say("No data received.\n", io);
                return Step::Exit(4);
            }
            Reach::Refused if busybox => {
                io.err(&format!("wget: can't connect to remote host ({host}): Connection refused\n"));
                return Step::Exit(1);
            }
            Reach::Refused => {
                self.say(&format!("Connecting to {host}:{port}... failed: Connection refused.\n"), io);
                return Step::Exit(4);
            }
            Reach::TimedOut if busybox && self.options.has('T') => {
                io.err("wget: download timed out\n");
                return Step::Exit(1);
            }
            Reach::TimedOut if busybox => {
                io.err(&format!("wget: can't connect to remote host ({host}): Operation timed out\n"));
                return Step::Exit(1);
            }
            Reach::TimedOut => {
                self.say(&format!("Connecting to {host}:{port}... failed: Connection timed out.\n"), io);
                return Step::Exit(4);
            }
        };
        self.answered(&answer, busybox, io)
    }

    fn answered(&mut self, answer: &Answer, busybox: bool, io: &mut Io) -> Step {
        if (300..400).contains(&answer.status) && self.redirects < 20 {
            let location = answer.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("location"));
            if let Some(next) = location.and_then(|(_, to)| self.url.join(to)) {
                self.redirects += 1;
                self.url = next;
                return Step::Again;
            }
        }
        if self.options.has('S') {
            io.err(&format!("  HTTP/1.1 {} {}\n", answer.status, reason(answer.status)));
            for (name, value) in &answer.headers {
                io.err(&format!("  {name}: {value}\n"));
            }
        }
        if answer.status >= 400 {
            if busybox {
                io.err(&format!(
                    "wget: server returned error: HTTP/1.1 {} {}\n",
                    answer.status,
                    reason(answer.status)
                ));
                return Step::Exit(1);
            }
            let when = super::super::tools::clock(io.world.now());
            self.say(&format!("{when} ERROR {}: {}.\n", answer.status, reason(answer.status)), io);
            return Step::Exit(8);
        }
        if self.options.has('s') {
            return Step::Exit(0);
        }
        let name = self.url.path.split('?').next().unwrap_or("").rsplit('/').next().unwrap_or("").to_owned();
        let name = if name.is_empty() { "index.html".to_owned() } else { name };
        let target = self.options.value('O').map_or(name, str::to_owned);
        if target == "-" {
            io.out(&answer.body);
        } else {
            let path = io.path(&target);
            if let Err(why) = io.world.write(&path, &answer.body, false) {
                io.err(&format!("wget: can't open '{target}': {why}\n"));
                return Step::Exit(1);
            }
            if busybox {
                self.say(&format!("saving to '{target}'\n'{target}' saved\n"), io);
            } else {
                let size = answer.body.len();
                let when = super::super::tools::clock(io.world.now());
                self.say(&format!("{when} (1.00 MB/s) - ‘{target}’ saved [{size}/{size}]\n\n"), io);
            }
        }
        Step::Exit(0)
    }
}

impl Tool for Wget {
    fn step(&mut self, io: &mut Io) -> Step {
        match self.pending.take() {
            None => {
                if io.world.flavour() == Flavour::Gnu && self.redirects == 0 {
                    let when = super::super::tools::clock(io.world.now());
                    self.say(&format!("--{when}--  {}\n", self.text), io);
                }
                self.begin(io)
            }
            Some((at, outcome)) if io.world.now() < at => {
                self.pending = Some((at, outcome));
                Step::Sleep(at)
            }
            Some((_, outcome)) => self.end(outcome, io),
        }
    }

    fn boxed(&self) -> Box<dyn Tool> {
        Box::new(self.clone())
    }

    fn name(&self) -> String {
        "wget".into()
    }
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn urls() {
        let url = Url::read("https://a.b:8443/x?y#z").unwrap();
        assert_eq!((url.tls, url.host.as_str(), url.port, url.path.as_str()), (true, "a.b", 8443, "/x?y"));
        assert_eq!(Url::read("10.0.0.1").unwrap().port, 80);
        assert!(Url::read("ftp://x").is_err() && Url::read("http://x:port").is_err());
    }
}
