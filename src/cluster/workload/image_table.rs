//! The table of images, read once from `assets/images.yaml`: repositories, their versions, sizes, entry points, ports.
//!
//! Always holds: what is not said of an image is as in [`PLAIN`]. The table never changes, so its parts are static.

use super::images::{Behaviour, Image, Needs, Shell, Texts};
use crate::assets;
use crate::object::quantity::Quantity;
use crate::yaml;
use serde_json::Value;
use std::sync::LazyLock;

const TEXT: &str = "images.yaml";

/// A plain server: what an image outside the table is.
pub(super) const PLAIN: Image = Image {
    repository: "",
    versions: &[],
    size: 48_000_000,
    entrypoint: &[],
    cmd: &[],
    ports: &[],
    tls: &[],
    port_variable: "",
    user: "",
    env: &[],
    workdir: "/",
    behaviour: Behaviour::Generic,
    shell: Shell::Debian,
    tools: &[],
    memory: 10 << 20,
    cpu_milli: 0,
    request_cpu_micros: 400,
    sigterm: Some(0),
    stop_signal: 15,
    starts_after_ms: 0,
    starts_again_after_ms: 0,
    data: "",
    needs: None,
    texts: &NO_TEXTS,
};

const NO_TEXTS: Texts =
    Texts { log: "", log_ready: "", again: "", again_ready: "", bye: "", access: "", answer: "" };

/// The table, and the short names of official images beside it.
struct Table {
    images: Vec<Image>,
    official: Vec<&'static str>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let documents = yaml::parse(assets::text(TEXT)).unwrap_or_default();
    let entries = documents.into_iter().next().and_then(|d| d.value.as_array().cloned()).unwrap_or_default();
    let official = entries.iter().filter_map(|e| e["official"].as_str()).flat_map(words).collect();
    Table { images: entries.iter().filter(|e| e["repository"].is_string()).map(image).collect(), official }
});

/// All images of the table.
pub fn images() -> &'static [Image] {
    &TABLE.images
}

/// Whether Docker Hub has an official image of this short name that the table does not describe.
pub(super) fn is_official(short: &str) -> bool {
    TABLE.official.contains(&short)
}

/// The table lives as long as the program: its texts are given away once.
fn keep(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn keep_all<T>(list: Vec<T>) -> &'static [T] {
    Box::leak(list.into_boxed_slice())
}

fn words(text: &str) -> Vec<&'static str> {
    text.split_whitespace().map(keep).collect()
}

fn strings(value: &Value) -> &'static [&'static str] {
    keep_all(value.as_array().into_iter().flatten().filter_map(Value::as_str).map(keep).collect())
}

fn image(entry: &Value) -> Image {
    let text = |key: &str| entry[key].as_str().map_or("", keep);
    let number = |key: &str, default: u64| entry[key].as_u64().unwrap_or(default);
    let memory = entry["memory"].as_str().and_then(Quantity::parse).map(|q| q.nano / 1_000_000_000);
    let behaviour = behaviour(text("behaviour"));
    let at_rest =
        if matches!(behaviour, Behaviour::Shell | Behaviour::Tool) { 400 << 10 } else { PLAIN.memory };
    let starts_after = number("starts-after", 0);
    let ports = |key: &str| {
        let list = entry[key].as_array().into_iter().flatten();
        keep_all(list.filter_map(|p| u16::try_from(p.as_u64()?).ok()).collect::<Vec<u16>>())
    };
    let variable = |(k, v): (&String, &Value)| (keep(k), v.as_str().map_or("", keep));
    Image {
        repository: text("repository"),
        versions: keep_all(words(text("versions"))),
        size: number("size", PLAIN.size),
        entrypoint: strings(&entry["entrypoint"]),
        cmd: strings(&entry["cmd"]),
        ports: ports("ports"),
        tls: ports("tls"),
        port_variable: text("port-variable"),
        user: text("user"),
        env: keep_all(entry["env"].as_object().into_iter().flatten().map(variable).collect()),
        workdir: entry["workdir"].as_str().map_or("/", keep),
        behaviour,
        shell: shell(text("shell")),
        tools: keep_all(words(text("tools"))),
        memory: memory.and_then(|m| u64::try_from(m).ok()).unwrap_or(at_rest),
        cpu_milli: number("cpu", 0),
        request_cpu_micros: number("request-cpu", PLAIN.request_cpu_micros),
        sigterm: sigterm(&entry["sigterm"], behaviour),
        stop_signal: i32::try_from(number("stop-signal", 15)).unwrap_or(15),
        starts_after_ms: starts_after,
        starts_again_after_ms: number("starts-again-after", starts_after),
        data: text("data"),
        needs: entry["needs"].as_object().map(|_| needs(&entry["needs"])),
        texts: Box::leak(Box::new(texts(entry))),
    }
}

fn texts(entry: &Value) -> Texts {
    let text = |key: &str| entry[key].as_str().map_or("", keep);
    Texts {
        log: text("log"),
        log_ready: text("log-ready"),
        again: text("again"),
        again_ready: text("again-ready"),
        bye: text("bye"),
        access: text("access"),
        answer: text("answer"),
    }
}

fn needs(entry: &Value) -> &'static Needs {
    Box::leak(Box::new(Needs {
        any: keep_all(words(entry["any"].as_str().unwrap_or(""))),
        says: entry["says"].as_str().map_or("", keep),
        exit: entry["exit"].as_i64().and_then(|c| i32::try_from(c).ok()).unwrap_or(1),
    }))
}

/// A status, or nothing for a process that does not listen to the signal.
fn sigterm(value: &Value, behaviour: Behaviour) -> Option<i32> {
    match value {
        Value::String(_) => None,
        Value::Number(status) => status.as_i64().and_then(|c| i32::try_from(c).ok()),
        _ => match behaviour {
            Behaviour::Shell | Behaviour::Tool => None,
            _ => Some(0),
        },
    }
}

fn shell(name: &str) -> Shell {
    match name {
        "none" => Shell::None,
        "busybox" => Shell::Busybox,
        _ => Shell::Debian,
    }
}

fn behaviour(name: &str) -> Behaviour {
    match name {
        "nginx" => Behaviour::Nginx,
        "httpd" => Behaviour::Httpd,
        "shell" => Behaviour::Shell,
        "pause" => Behaviour::Pause,
        "redis" => Behaviour::Redis,
        "daemon" => Behaviour::Daemon,
        "mysql" => Behaviour::Mysql,
        "postgres" => Behaviour::Postgres,
        "httpecho" => Behaviour::HttpEcho,
        "agnhost" => Behaviour::Agnhost,
        "whoami" => Behaviour::Whoami,
        "says" => Behaviour::Says,
        "hello" => Behaviour::Hello,
        "coredns" => Behaviour::Coredns,
        "system" => Behaviour::System,
        "tool" => Behaviour::Tool,
        _ => Behaviour::Generic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_is_read_whole() {
        let all = images();
        assert!(all.len() > 50, "{}", all.len());
        let names: BTreeSet<&str> = all.iter().map(|i| i.repository).collect();
        assert_eq!(names.len(), all.len(), "a repository is there twice");
        for image in all {
            assert!(image.size > 0 && !image.repository.is_empty());
            let texts = image.texts;
            for text in [texts.log, texts.log_ready, texts.again, texts.bye, texts.access, texts.answer] {
                let filled = crate::cluster::workload::texts::fill(text, &|_| Some("x".to_owned()));
                assert!(!filled.contains("{t"), "{}: {filled}", image.repository);
            }
            let speaks = image.behaviour == Behaviour::Says;
            assert_eq!(speaks, !texts.answer.is_empty(), "{}", image.repository);
        }
        assert!(is_official("caddy") && !is_official("ngnix"));
    }
}
