//! The texts of the table of images, with what they speak of put in.
//!
//! `{name}` is looked up, `{t:FORMAT}` is the moment, `{t+0.5:FORMAT}` half a second later; `{{` and `}}` are braces.

use super::images;
use crate::cluster::kubelet::environment;
use crate::object::{Pod, SimTime, meta::MetaExt};
use k8s_openapi::api::core::v1::Container;

/// Puts in what `known` knows; names that it does not know stay as they are written.
pub fn fill(text: &str, known: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
        } else if brace == "{"
            && let Some((name, after)) = rest.split_once('}')
            && let Some(value) = known(name)
        {
            out.push_str(&value);
            rest = after;
        } else {
            out.push_str(brace);
        }
    }
    out.push_str(rest);
    out
}

/// `t:FORMAT`, `t+1.5:FORMAT`, `t-2:FORMAT` at a moment.
pub fn moment(name: &str, at: SimTime) -> Option<String> {
    let (shift, format) = name.strip_prefix('t')?.split_once(':')?;
    let seconds: f64 = if shift.is_empty() { 0.0 } else { shift.trim_start_matches('+').parse().ok()? };
    let nanos = i128::from(at.0) + (seconds * 1e9) as i128;
    let time = jiff::Timestamp::from_nanosecond(nanos).ok()?;
    Some(time.strftime(format).to_string())
}

/// A text of a container's image, at a moment.
pub fn of_container(text: &str, pod: &Pod, spec: &Container, at: SimTime) -> String {
    fill(text, &|name| known(name, pod, spec, at))
}

/// What a name in a text of a container's image stands for.
pub fn known(name: &str, pod: &Pod, spec: &Container, at: SimTime) -> Option<String> {
    let image = spec.image.as_deref().unwrap_or("");
    match name {
        "version" => Some(images::Reference::parse(image).map(|r| images::version(&r)).unwrap_or_default()),
        "hostname" => Some(environment::hostname(pod)),
        "ip" => Some(pod.status.pod_ip.clone().unwrap_or_default()),
        "id" => Some(images::hex64(&format!("{}{}", pod.uid_str(), at.0)).chars().take(32).collect()),
        name => moment(name, at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filling() {
        let known = |name: &str| match name {
            "a" => Some("1".to_owned()),
            name => moment(name, SimTime(1_500_000_000)),
        };
        for (text, expected) in [
            ("x {a} y", "x 1 y"),
            ("{{a}} {b}", "{a} {b}"),
            ("{t:%H:%M:%S.%3f}", "00:00:01.500"),
            ("{t+0.25:%S.%3f}|{t-1:%S.%3f}", "01.750|00.500"),
            ("{\"k\": {a}}", "{\"k\": 1}"),
        ] {
            assert_eq!(fill(text, &known), expected, "{text}");
        }
    }
}
