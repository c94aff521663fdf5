//! What names, keys, ports and addresses may look like, with the texts of `k8s.io/apimachinery/pkg/util/validation`.

pub use crate::object::names::{Wrong, label, label_value, qualified, subdomain};
use crate::object::names::{is_label, lower, too_long};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const WILDCARD: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// An RFC 1035 label: begins with a letter.
pub fn label_1035(text: &str) -> Wrong {
    let mut wrong = Wrong::new();
    if text.len() > 63 {
        wrong.push(too_long(63));
    }
    if !is_label(text) || text.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        wrong.push(LABEL_1035.to_owned());
    }
    wrong
}

/// A host of an Ingress, which may begin with `*.`.
pub fn wildcard(text: &str) -> Wrong {
    let rest = text.strip_prefix("*.").unwrap_or("");
    if rest.is_empty() || !rest.split('.').all(is_label) { vec![WILDCARD.to_owned()] } else { Wrong::new() }
}

/// A name that is one segment of a path, as a role's.
pub fn segment(text: &str) -> Wrong {
    if matches!(text, "." | "..") {
        return vec![format!("may not be '{text}'")];
    }
    ['/', '%'].into_iter().filter(|c| text.contains(*c)).map(|c| format!("may not contain '{c}'")).collect()
}

/// A key of a ConfigMap or Secret.
pub fn config_key(text: &str) -> Wrong {
    let mut wrong = Wrong::new();
    if text.len() > 253 {
        wrong.push(too_long(253));
    }
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if text.is_empty() || !text.bytes().all(legal) {
        wrong.push(CONFIG_KEY.to_owned());
    } else if text == "." {
        wrong.push("must not be '.'".to_owned());
    } else if text == ".." {
        wrong.push("must not be '..'".to_owned());
    } else if text.starts_with("..") {
        wrong.push("must not start with '..'".to_owned());
    }
    wrong
}

/// An environment variable's name.
pub fn env_name(text: &str) -> Wrong {
    if text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=') {
        return Wrong::new();
    }
    vec![
        "a valid environment variable name must consist only of printable ASCII characters other than '='"
            .to_owned(),
    ]
}

/// A port's number.
pub fn port(number: i64) -> Wrong {
    if (1..=65_535).contains(&number) {
        return Wrong::new();
    }
    vec!["must be between 1 and 65535, inclusive".to_owned()]
}

/// A port's name, as a container has it.
pub fn port_name(text: &str) -> Wrong {
    let mut wrong = Wrong::new();
    if text.len() > 15 {
        wrong.push("must be no more than 15 characters".to_owned());
    }
    if text.is_empty() || !text.bytes().all(|b| lower(b) || b == b'-') {
        wrong.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !text.bytes().any(|b| b.is_ascii_lowercase()) {
        wrong.push("must contain at least one letter (a-z)".to_owned());
    }
    if text.contains("--") {
        wrong.push("must not contain consecutive hyphens".to_owned());
    }
    if text.starts_with('-') || text.ends_with('-') {
        wrong.push("must not begin or end with a hyphen".to_owned());
    }
    wrong
}

/// A port by number or name.
pub fn port_or_name(port: &IntOrString) -> Wrong {
    match port {
        IntOrString::Int(number) => self::port(i64::from(*number)),
        IntOrString::String(name) => port_name(name),
    }
}

/// An IP address.
pub fn ip(text: &str) -> Wrong {
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Wrong::new();
    }
    vec!["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".to_owned()]
}

/// What makes an address unfit to send traffic to.
pub fn special_ip(text: &str) -> Wrong {
    let Ok(ip) = text.parse::<std::net::IpAddr>() else { return Wrong::new() };
    let v6 =
        |first: u16, mask: u16| matches!(ip, std::net::IpAddr::V6(ip) if ip.segments()[0] & mask == first);
    let v4 = |test: fn(&std::net::Ipv4Addr) -> bool| matches!(ip, std::net::IpAddr::V4(ip) if test(&ip));
    let rules = [
        (ip.is_unspecified(), format!("may not be unspecified ({text})")),
        (ip.is_loopback(), "may not be in the loopback range (127.0.0.0/8, ::1/128)".to_owned()),
        (
            v4(std::net::Ipv4Addr::is_link_local) || v6(0xfe80, 0xffc0),
            "may not be in the link-local range (169.254.0.0/16, fe80::/10)".to_owned(),
        ),
        (
            v4(|ip| ip.octets()[..3] == [224, 0, 0]) || v6(0xff02, 0xff0f),
            "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)".to_owned(),
        ),
    ];
    rules.into_iter().filter_map(|(bad, why)| bad.then_some(why)).collect()
}

/// The first address of a network and the bits of its prefix, widened to those of IPv6.
pub fn network(text: &str) -> Option<(u128, u32)> {
    let (ip, bits) = text.split_once('/')?;
    let (ip, wider) = match ip.parse().ok()? {
        std::net::IpAddr::V4(ip) => (u128::from(u32::from(ip)) | 0xffff_0000_0000, 96),
        std::net::IpAddr::V6(ip) => (u128::from(ip), 0),
    };
    Some((ip, bits.parse::<u32>().ok()? + wider))
}

/// A network.
pub fn cidr(text: &str) -> Wrong {
    let ok = text.split_once('/').is_some_and(|(ip, bits)| {
        let limit = if ip.contains(':') { 128 } else { 32 };
        ip.parse::<std::net::IpAddr>().is_ok() && bits.parse::<u8>().is_ok_and(|b| b <= limit)
    });
    if ok {
        return Wrong::new();
    }
    vec!["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)".to_owned()]
}
