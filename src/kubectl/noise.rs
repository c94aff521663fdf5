//! Command lines that nearly make sense: each is answered, with an exit status or by waiting.

use super::commands::{ALL, Command};
use super::testing::{Lab, lab};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::cell::RefCell;

/// A command or subcommand, with its path.
fn commands() -> Vec<(String, &'static Command)> {
    fn add(found: &mut Vec<(String, &'static Command)>, path: &str, command: &'static Command) {
        let path = format!("{path} {}", command.name);
        for sub in command.subcommands {
            add(found, &path, sub);
        }
        found.push((path, command));
    }
    let mut found = Vec::new();
    for command in ALL {
        add(&mut found, "", command);
    }
    found
}

/// What may stand where an argument is expected.
const WORDS: &[&str] = &[
    "pods",
    "pod",
    "web",
    "deployment/web",
    "deploy",
    "deploy/web",
    "svc/web",
    "nodes",
    "worker-1",
    "node/worker-1",
    "cm",
    "all",
    "configmap/x",
    "a=b",
    "a-",
    "a=b:NoSchedule",
    "é=é",
    "x/y/z",
    "/",
    "=",
    ":",
    ",",
    "--",
    "-",
    "a,b",
    "pods,svc",
    "nginx=nginx:2",
    "*=x",
    "A=b",
    "default",
    "cm.v1",
    "deployments.v1.apps",
    "-1",
    "99999999999999999999",
    "0",
    "\u{0}",
    "ns",
    "kube-system",
    "web:/x",
    "/x",
    "sh",
    "date",
    "8080:80",
    "pods.x.y",
    "{.a",
    "f.yaml",
    "bad.yaml",
    "d",
    "cr/default/x",
    "pods.spec.containers",
    "80",
    "view",
];

/// What may stand where a flag wants a value.
const VALUES: &[&str] = &[
    "",
    "0",
    "1",
    "-1",
    "3",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "1s",
    "-1h",
    "9999999999h",
    "1e9s",
    "true",
    "maybe",
    "a=b",
    "a in (b",
    "a,b=c",
    "x",
    "json",
    "yaml",
    "wide",
    "name",
    "jsonpath={.a[9223372036854775807]}",
    "jsonpath={range .items[*]}",
    "go-template={{.a",
    "go-template={{range .items}}{{.x.y}}{{end}}",
    "custom-columns=A:.a",
    "custom-columns=",
    "custom-columns-file=f.yaml",
    "f.yaml",
    "bad.yaml",
    "d",
    "é",
    "\u{0}",
    "{\"spec\":null}",
    "[{\"op\":\"copy\",\"from\":\"\",\"path\":\"/a\"}]",
    "{",
    "server",
    "client",
    "merge",
    "strategic",
    "cpu=1,memory=",
    "cpu=999999999999999Ei",
    "tcp:80",
    "tcp:99999:x",
    "condition=Ready",
    "jsonpath={.a}=1",
    "delete",
    "create",
    ".metadata.name",
    "{.x}",
    "metadata.name=web",
    "spec.nodeName!=",
    "%",
    "10%",
    "2026-01-01T00:00:00Z",
    "*/5 * * * *",
    "foo.com/*=svc:80,tls=x",
    "64Ki",
];

/// A piece of a line.
#[derive(Clone, Debug)]
enum Piece {
    Word(&'static str),
    Odd(String),
    Flag(Index, &'static str, bool),
    Bare(Index),
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        5 => select(WORDS).prop_map(Piece::Word),
        1 => "\\PC{0,10}".prop_map(Piece::Odd),
        4 => (any::<Index>(), select(VALUES), any::<bool>()).prop_map(|(i, v, b)| Piece::Flag(i, v, b)),
        1 => any::<Index>().prop_map(Piece::Bare),
    ]
}

fn line(command: Index, pieces: Vec<Piece>) -> Vec<String> {
    let all = commands();
    let (path, command) = command.get(&all);
    let flags = command.all_flags();
    let mut line: Vec<String> = path.split_whitespace().map(str::to_owned).collect();
    for piece in pieces {
        match piece {
            Piece::Word(word) => line.push(word.to_owned()),
            Piece::Odd(word) => line.push(word),
            Piece::Flag(flag, value, true) => line.push(format!("--{}={value}", flag.get(&flags).name)),
            Piece::Flag(flag, value, false) => {
                line.extend([format!("--{}", flag.get(&flags).name), value.to_owned()]);
            }
            Piece::Bare(flag) => line.push(format!("--{}", flag.get(&flags).name)),
        }
    }
    line
}

const MANIFEST: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b}\n---\napiVersion: apps/v1\n\
    kind: Deployment\nmetadata: {name: web}\nspec: {replicas: 1, selector: {matchLabels: {app: web}}, template: \
    {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: nginx}]}}}\n";

thread_local! {
    /// One cluster for all lines: a new one for each would take longer than the lines.
    static LAB: RefCell<Option<Lab>> = const { RefCell::new(None) };
}

fn ready() -> Lab {
    let lab = lab();
    lab.put("f.yaml", MANIFEST.as_bytes());
    lab.put("d/a.yml", MANIFEST.as_bytes());
    lab.put("bad.yaml", b"a: &a [*a, \xff\0\n\t- {");
    lab.run("create deployment web --image=nginx --replicas=2");
    lab.run("expose deployment web --port=80");
    lab.pass(30);
    lab
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_line_is_answered(command in any::<Index>(), pieces in prop::collection::vec(piece(), 0..6)) {
        let line = line(command, pieces);
        LAB.with_borrow_mut(|lab| lab.get_or_insert_with(ready).try_line(line, "a: b\n"));
    }
}
