//! nginx: sites from its configuration, files, `return`, the access log.
//!
//! Reads `listen`, `root`, `index`, `location` (prefix and `=`), `return` and `alias` of the files in `conf.d`;
//! everything else of a configuration is passed over.

use super::files::normalize;
use super::rootfs;
use super::server::{After, Answer, Server, Visit, clf_time, client, http_date, timestamp};
use crate::cluster::Cluster;
use crate::cluster::network::HttpReply;
use crate::cluster::workload::rootfs::Spot;
use crate::object::{SimTime, time::MILLISECOND};
use crate::posix::FileError;

/// A `server` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// Ports.
    pub listen: Vec<u16>,
    root: Option<String>,
    index: Vec<String>,
    returns: Option<(u16, String)>,
    places: Vec<Location>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Location {
    exact: bool,
    prefix: String,
    root: Option<String>,
    alias: Option<String>,
    returns: Option<(u16, String)>,
}

/// The sites that a container's configuration has. `None` when it cannot be understood at all.
pub fn sites(cluster: &mut Cluster, spot: &Spot) -> Option<Vec<Site>> {
    let directory = "/etc/nginx/conf.d";
    let names =
        rootfs::with_tree(cluster, spot, directory, |tree, inner, _| tree.list(inner))?.unwrap_or_default();
    let mut all = Vec::new();
    for name in names.iter().filter(|n| std::path::Path::new(n).extension().is_some_and(|e| e == "conf")) {
        let text = rootfs::read(cluster, spot, &format!("{directory}/{name}")).unwrap_or_default();
        all.extend(parse(&String::from_utf8_lossy(&text))?);
    }
    let main = rootfs::read(cluster, spot, "/etc/nginx/nginx.conf").unwrap_or_default();
    let main = String::from_utf8_lossy(&main);
    if !main.contains("conf.d") {
        all.clear();
    }
    if main.contains("server") && main.contains("listen") {
        all.extend(parse(&main)?);
    }
    Some(all)
}

/// Words and braces of a configuration, without comments.
fn tokens(text: &str) -> Vec<String> {
    let mut list = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '#' if word.is_empty() => {
                while chars.peek().is_some_and(|c| *c != '\n') {
                    chars.next();
                }
            }
            '"' | '\'' if word.is_empty() => {
                while let Some(q) = chars.next() {
                    match q {
                        '\\' => match chars.next() {
                            Some('n') => word.push('\n'),
                            Some(other) => word.push(other),
                            None => {}
                        },
                        q if q == c => break,
                        q => word.push(q),
                    }
                }
                list.push(format!("\u{1}{}", std::mem::take(&mut word)));
            }
            ';' | '{' | '}' => {
                if !word.is_empty() {
                    list.push(std::mem::take(&mut word));
                }
                list.push(c.to_string());
            }
            c if c.is_whitespace() => {
                if !word.is_empty() {
                    list.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        list.push(word);
    }
    list
}

/// Reads the `server` blocks of a configuration. `None` when braces do not match.
fn parse(text: &str) -> Option<Vec<Site>> {
    let mut sites: Vec<Site> = Vec::new();
    let mut stack: Vec<String> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    for token in tokens(text) {
        match token.as_str() {
            "{" => {
                let name = words.first().cloned().unwrap_or_default();
                match name.as_str() {
                    "server" => sites.push(Site::default()),
                    "location" => {
                        let exact = words.get(1).is_some_and(|w| w == "=");
                        let prefix = words
                            .last()
                            .map(|w| w.trim_start_matches('\u{1}').to_owned())
                            .unwrap_or_default();
                        let place = Location { exact, prefix, ..Location::default() };
                        sites.last_mut()?.places.push(place);
                    }
                    _ => {}
                }
                stack.push(name);
                words.clear();
            }
            "}" => {
                stack.pop()?;
                words.clear();
            }
            ";" => {
                let block = stack.last().map_or("", String::as_str);
                if let Some(site) = sites.last_mut().filter(|_| matches!(block, "server" | "location")) {
                    directive(site, block == "location", &words);
                }
                words.clear();
            }
            _ => words.push(token),
        }
    }
    stack.is_empty().then_some(sites)
}

fn directive(site: &mut Site, in_location: bool, words: &[String]) {
    let word = |i: usize| words.get(i).map(|w| w.trim_start_matches('\u{1}').to_owned());
    let place = if in_location { site.places.last_mut() } else { None };
    match word(0).unwrap_or_default().as_str() {
        "listen" => {
            let text = word(1).unwrap_or_default();
            if let Ok(port) = text.rsplit(':').next().unwrap_or("").parse::<u16>()
                && !site.listen.contains(&port)
            {
                site.listen.push(port);
            }
        }
        "root" => match place {
            Some(place) => place.root = word(1),
            None => site.root = word(1),
        },
        "alias" => {
            if let Some(place) = place {
                place.alias = word(1);
            }
        }
        "index" => site.index = words[1..].iter().map(|w| w.trim_start_matches('\u{1}').to_owned()).collect(),
        "return" => {
            let code = word(1).and_then(|w| w.parse().ok());
            let returns = match code {
                Some(code) => (code, word(2).unwrap_or_default()),
                None => (302, word(1).unwrap_or_default()),
            };
            match place {
                Some(place) => place.returns = Some(returns),
                None => site.returns = Some(returns),
            }
        }
        _ => {}
    }
}

/// Answers a request.
pub fn answer(cluster: &mut Cluster, _server: &Server, visit: &Visit) -> Answer {
    let sites = sites(cluster, visit.spot).unwrap_or_default();
    let site = sites.iter().find(|s| s.listen.contains(&visit.port)).cloned();
    let site = site.unwrap_or_else(|| Site { listen: vec![visit.port], ..Site::default() });
    let path = normalize_keeping_slash(visit.call.path.split('?').next().unwrap_or("/"));
    let fits = |l: &&Location| if l.exact { l.prefix == path } else { path.starts_with(&l.prefix) };
    let place = site.places.iter().filter(fits).max_by_key(|l| (l.exact, l.prefix.len()));
    let (status, body, location) =
        match place.and_then(|l| l.returns.clone()).or_else(|| site.returns.clone()) {
            Some((code, text)) if (300..400).contains(&code) => (code, error_page(code), Some(text)),
            Some((code, text)) if text.is_empty() => (code, error_page(code), None),
            Some((code, text)) => (code, text.into_bytes(), None),
            None => file(cluster, visit, &site, place, &path),
        };
    let now = cluster.now();
    let log = format!(
        "{} - - [{}] \"{} {} HTTP/1.1\" {status} {} \"-\" \"{}\" \"-\"\n",
        client(visit),
        clf_time(now),
        visit.call.method,
        visit.call.path,
        body.len(),
        agent(visit)
    );
    let kind = if path.rsplit('.').next() == Some("txt") { "text/plain" } else { "text/html" };
    let mut headers = vec![
        ("Server".to_owned(), server_name(cluster, visit)),
        ("Date".to_owned(), http_date(now)),
        ("Content-Type".to_owned(), kind.to_owned()),
        ("Content-Length".to_owned(), body.len().to_string()),
    ];
    if let Some(location) = location {
        headers.push(("Location".to_owned(), location));
    }
    Answer {
        reply: HttpReply { status, headers, body, took: MILLISECOND },
        log: Some(log),
        after: After::Serve,
    }
}

fn agent<'a>(visit: &'a Visit) -> &'a str {
    let header = visit.call.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("user-agent"));
    header.map_or("-", |(_, v)| v.as_str())
}

fn server_name(cluster: &Cluster, visit: &Visit) -> String {
    let pod = visit.spot.object(cluster);
    let spec = pod.as_deref().and_then(|p| {
        crate::cluster::kubelet::run::spec_of(p, visit.spot.index).map(|(s, _)| s.into_owned())
    });
    let image = spec.and_then(|s| s.image).unwrap_or_default();
    let version =
        super::images::Reference::parse(&image).map(|r| super::images::version(&r)).unwrap_or_default();
    format!("nginx/{version}")
}

fn normalize_keeping_slash(path: &str) -> String {
    let clean = normalize(path);
    if path.ends_with('/') && clean != "/" { format!("{clean}/") } else { clean }
}

type Found = (u16, Vec<u8>, Option<String>);

fn file(cluster: &mut Cluster, visit: &Visit, site: &Site, place: Option<&Location>, path: &str) -> Found {
    let root = place.and_then(|l| l.root.clone()).or_else(|| site.root.clone());
    let root = root.unwrap_or_else(|| {
        if site.places.is_empty() { "/usr/share/nginx/html" } else { "/etc/nginx/html" }.to_owned()
    });
    let full = match place.and_then(|l| l.alias.as_ref().map(|a| (a, &l.prefix))) {
        Some((alias, prefix)) => format!("{alias}{}", &path[prefix.len().min(path.len())..]),
        None => format!("{}{path}", root.trim_end_matches('/')),
    };
    if !full.ends_with('/') {
        return match rootfs::read(cluster, visit.spot, &full) {
            Ok(body) => (200, body, None),
            Err(FileError::IsDirectory) => {
                let to = format!("http://{}{path}/", visit.call.host);
                (301, error_page(301), Some(to))
            }
            Err(FileError::Denied) => (403, error_page(403), None),
            Err(_) => (404, error_page(404), None),
        };
    }
    let mut names = site.index.clone();
    if names.is_empty() {
        names.push("index.html".to_owned());
    }
    for name in names {
        if let Ok(body) = rootfs::read(cluster, visit.spot, &format!("{full}{name}")) {
            return (200, body, None);
        }
    }
    let there =
        rootfs::with_tree(cluster, visit.spot, &normalize(&full), |tree, inner, _| tree.stat(inner).is_ok());
    let status = if there == Some(true) { 403 } else { 404 };
    (status, error_page(status), None)
}

fn error_page(status: u16) -> Vec<u8> {
    let text = match status {
        301 => "301 Moved Permanently",
        302 => "302 Found",
        307 => "307 Temporary Redirect",
        308 => "308 Permanent Redirect",
        400 => "400 Bad Request",
        401 => "401 Authorization Required",
        403 => "403 Forbidden",
        404 => "404 Not Found",
        500 => "500 Internal Server Error",
        502 => "502 Bad Gateway",
        503 => "503 Service Temporarily Unavailable",
        504 => "504 Gateway Time-out",
        _ => return Vec::new(),
    };
    format!("<html>\r\n<head><title>{text}</title></head>\r\n<body>\r\n<center><h1>{text}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n")
        .into_bytes()
}

/// What it says when it starts.
pub fn greeting(version: &str, entrypoint: bool, started: SimTime) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    if entrypoint {
        for text in [
            "/docker-entrypoint.sh: /docker-entrypoint.d/ is not empty, will attempt to perform configuration",
            "/docker-entrypoint.sh: Looking for shell scripts in /docker-entrypoint.d/",
            "/docker-entrypoint.sh: Launching /docker-entrypoint.d/10-listen-on-ipv6-by-default.sh",
            "10-listen-on-ipv6-by-default.sh: info: Getting the checksum of /etc/nginx/conf.d/default.conf",
            "10-listen-on-ipv6-by-default.sh: info: Enabled listen on IPv6 in /etc/nginx/conf.d/default.conf",
            "/docker-entrypoint.sh: Sourcing /docker-entrypoint.d/15-local-resolvers.envsh",
            "/docker-entrypoint.sh: Launching /docker-entrypoint.d/20-envsubst-on-templates.sh",
            "/docker-entrypoint.sh: Launching /docker-entrypoint.d/30-tune-worker-processes.sh",
            "/docker-entrypoint.sh: Configuration complete; ready for start up",
        ] {
            lines.push(text.to_owned());
        }
    }
    let time = timestamp(started).strftime("%Y/%m/%d %H:%M:%S").to_string();
    for text in [
        "using the \"epoll\" event method".to_owned(),
        format!("nginx/{version}"),
        "built by gcc 12.2.0 (Debian 12.2.0-14) ".to_owned(),
        "OS: Linux 6.12.57".to_owned(),
        "getrlimit(RLIMIT_NOFILE): 1048576:1048576".to_owned(),
        "start worker processes".to_owned(),
        "start worker process 29".to_owned(),
    ] {
        lines.push(format!("{time} [notice] 1#1: {text}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations() {
        let text = "server { listen 8080; # c\n location / { return 200 \"hi there\\n\"; } location = /x { root /y; } }";
        let sites = parse(text).unwrap();
        assert_eq!(sites.len(), 1);
        assert_eq!(sites[0].listen, [8080]);
        assert_eq!(sites[0].places[0].returns, Some((200, "hi there\n".to_owned())));
        assert!(sites[0].places[1].exact);
        assert_eq!(parse("server {"), None);
        let default = parse(super::super::server::NGINX_DEFAULT).unwrap();
        assert_eq!(default[0].listen, [80]);
    }
}
