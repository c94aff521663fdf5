//! What is done with any bytes: the bodies of the fuzz targets.
//!
//! Always holds: no bytes make it panic, take long, or grow without bounds. The tests of the library run the same
//! functions over mutated seeds, a bounded number each; `cargo fuzz run NAME` goes on for as long as one likes.

#![allow(dead_code)] // each target uses one of these

use kubedojo::apiserver::{ApiServer, Cause, Method, Request, User};
use kubedojo::client::Client;
use kubedojo::cluster::{Cluster, Config};
use kubedojo::kubectl::{self, Env, Host, Streams, jsonpath, template};
use kubedojo::object::selector::Selector;
use kubedojo::object::{SECOND, SimTime};
use kubedojo::server::decode;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};

/// Where objects are sent to, each with one that is there.
const PLACES: &[(&str, &str)] = &[
    ("/api/v1/namespaces/a/pods", r#"{"spec": {"containers": [{"name": "c", "image": "i"}]}}"#),
    ("/api/v1/namespaces/a/services", r#"{"spec": {"ports": [{"port": 80}]}}"#),
    ("/api/v1/namespaces/a/configmaps", r#"{"data": {"k": "v"}}"#),
    (
        "/apis/apps/v1/namespaces/a/deployments",
        r#"{"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "image": "i"}]}}}}"#,
    ),
    ("/apis/rbac.authorization.k8s.io/v1/clusterroles", r#"{"rules": []}"#),
    (
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        r#"{"metadata": {"name": "as.x.io"}, "spec": {"group": "x.io", "scope": "Cluster", "names": {"plural": "as",
            "kind": "A"}, "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
            {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}}"#,
    ),
    (
        "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
        r#"{"spec": {"priorityLevelConfiguration": {"name": "exempt"}}}"#,
    ),
];

const BODIES: &[&str] = &["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
const PATCHES: &[&str] = &[
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

thread_local! {
    /// A server with one object of each place; each run works on a copy.
    static SERVER: ApiServer = {
        let mut api = ApiServer::new(1, SimTime(1_700_000_000 * SECOND));
        api.bootstrap_policy();
        for space in ["default", "a"] {
            create(&mut api, "/api/v1/namespaces", json!({"metadata": {"name": space}}));
        }
        for (path, object) in PLACES {
            let mut object: Value = serde_json::from_str(object).unwrap_or_default();
            if object["metadata"].is_null() {
                object["metadata"] = json!({"name": "x", "labels": {"app": "web"}});
            }
            create(&mut api, path, object);
        }
        api
    };
    static CLIENT: Client = Client::new(Rc::new(RefCell::new(Cluster::new(Config::default()))));
}

fn create(api: &mut ApiServer, path: &str, object: Value) {
    let response =
        api.handle(&Request::with_body(Method::Post, path, object), &User::admin(), Cause::Command(1));
    assert!(response.is_success(), "{path}: {}", response.value());
}

/// Sends a request to a copy of the server: it may refuse, and not break.
fn send(request: &Request) {
    let mut api = SERVER.with(ApiServer::clone);
    let response = api.handle(request, &User::admin(), Cause::Command(2));
    // What does not fit the types is a server's mistake in the words of server-side apply, as in the real one.
    let untyped =
        || response.value()["message"].as_str().is_some_and(|m| m.starts_with("failed to create typed"));
    assert!(response.status < 500 || untyped(), "{request:?}: {}", response.value());
    let list = request.path.trim_end_matches("/x").trim_end_matches("/as.x.io").to_owned();
    let read = api.handle(&Request::get(list), &User::admin(), Cause::Command(3));
    assert!(read.is_success(), "what was stored can be read: {request:?}");
}

/// The first bytes choose among these; the rest is what is tried.
fn choose<'t, 'b, T>(bytes: &'b [u8], among: &'t [T]) -> Option<(&'t T, &'b [u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((&among[usize::from(*first) % among.len()], rest))
}

/// A body that is created.
pub fn body(bytes: &[u8]) {
    let Some((media_type, bytes)) = choose(bytes, BODIES) else { return };
    let Some(((path, _), bytes)) = choose(bytes, PLACES) else { return };
    let Ok((body, text)) = decode(Method::Post, media_type, bytes) else { return };
    send(&Request { body, text, ..Request::with_body(Method::Post, *path, Value::Null) });
}

/// A patch of an object.
pub fn patch(bytes: &[u8]) {
    let Some((media_type, bytes)) = choose(bytes, PATCHES) else { return };
    let Some(((path, _), bytes)) = choose(bytes, PLACES) else { return };
    let Ok((body, text)) = decode(Method::Patch, media_type, bytes) else { return };
    let name = if path.ends_with("customresourcedefinitions") { "as.x.io" } else { "x" };
    let request = Request::with_body(Method::Patch, format!("{path}/{name}"), Value::Null);
    let request = Request { content_type: (*media_type).to_owned(), body, text, ..request };
    send(&request.param("fieldManager", "fuzz"));
}

/// A label selector, and a field selector on the next line.
pub fn selector(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (labels, fields) = text.split_once('\n').unwrap_or((&text, ""));
    if let Ok(selector) = Selector::parse(labels) {
        selector.matches(&BTreeMap::from([("app".to_owned(), "web".to_owned())]));
        assert!(Selector::parse(&selector.to_string()).is_ok(), "{labels:?} is shown as what is read again");
    }
    let list = Request::get("/api/v1/namespaces/a/pods");
    send(&list.param("labelSelector", labels).param("fieldSelector", fields));
}

fn sample() -> Value {
    json!({"kind": "List", "items": [
        {"kind": "Pod", "metadata": {"name": "a", "labels": {"a.b/c": "d"}}, "spec": {"n": [1, 2.5, null, true, -3]}},
        {"kind": "Pod", "metadata": {"name": "\u{e9}"}, "spec": {"n": []}, "secret": "YQ=="},
    ]})
}

/// A `JSONPath` template.
pub fn jsonpath(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for lenient in [true, false] {
        if let Ok(shown) = jsonpath::render(&text, &sample(), lenient) {
            bounded(&shown, &text);
        }
    }
    let _ = jsonpath::values(&text, &sample());
}

/// A Go template.
pub fn template(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(shown) = template::render(&text, &sample()) {
        bounded(&shown, &text);
    }
}

/// What a little text makes of a little object is not much.
fn bounded(shown: &str, text: &str) {
    assert!(shown.len() < 16 << 20, "{} bytes out of {}", shown.len(), text.len());
}

/// A command line, a word a line; it is asked once and then dropped, as by Ctrl-C.
pub fn command(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let words: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let io = Streams::new(false, 0);
    io.feed(Some(bytes));
    io.feed(None);
    let env = Env { client: CLIENT.with(Client::what_if), host: Rc::new(Files), io };
    let mut running = Box::pin(kubectl::run(env, words));
    let _ = running.as_mut().poll(&mut Context::from_waker(Waker::noop()));
}

/// Two files, one of which is not what it seems.
struct Files;

impl Host for Files {
    fn read_file(&self, path: &str) -> Result<Vec<u8>, String> {
        match path {
            "f.yaml" => Ok(b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b}\n".to_vec()),
            "bad.yaml" => Ok(b"a: &a [*a, \xff\0\n\t- {".to_vec()),
            _ => Err("no such file or directory".to_owned()),
        }
    }
    fn write_file(&self, _: &str, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
    fn make_dir(&self, _: &str) -> Result<(), String> {
        Ok(())
    }
    fn remove_file(&self, _: &str) -> Result<(), String> {
        Ok(())
    }
    fn list_dir(&self, path: &str) -> Option<Vec<String>> {
        (path == "d").then(|| vec!["f.yaml".to_owned()])
    }
    fn exists(&self, path: &str) -> bool {
        matches!(path, "d" | "f.yaml" | "bad.yaml")
    }
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
    fn variables(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
    fn run_command(&self, _: String) -> Pin<Box<dyn Future<Output = i32>>> {
        Box::pin(std::future::ready(127))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use std::time::{Duration, Instant};

    /// What is far from what anybody sends: bombs, depth, great numbers, bytes that are no text.
    fn bombs() -> Vec<Vec<u8>> {
        let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..20 {
            let before = format!("*a{}, ", n - 1).repeat(9);
            aliases += &format!("a{n}: &a{n} [{before}]\n");
        }
        let mut merged = "m0: &m0 {a: 1}\n".to_owned();
        for n in 1..200 {
            merged += &format!("m{n}: &m{n} {{<<: *m{}, k{n}: 1}}\n", n - 1);
        }
        let deep = |open: &str, close: &str| format!("{}{}", open.repeat(3000), close.repeat(3000));
        let texts = [
            aliases,
            merged,
            "a: &a [*a]".to_owned(),
            "{<<: [*x, *x], ? [a]: b, ? {c: d} : e}".to_owned(),
            deep("[", "]"),
            deep("{\"a\":", "}"),
            deep("{a: ", "}"),
            deep("(", ")"),
            deep("{{if .a}}", "{{end}}"),
            deep("{range .items}", "{end}"),
            deep("{.items[?(@.a==", ")]}"),
            deep("- ", ""),
            "{.items[9223372036854775807:-9223372036854775808:1]}{.items[::0]}".to_owned(),
            "{{printf \"%999999999d %.999999999f\" 1 2.5}}{{slice .kind 9223372036854775807}}{{index .items -1}}".to_owned(),
            "{{range $i, $x := .items}}".repeat(8) + "{{printf \"%1000s\" .kind}}" + &"{{end}}".repeat(8),
            "{{define \"t\"}}{{template \"t\" .}}{{template \"t\" .}}{{end}}{{template \"t\" .}}".to_owned(),
            "{..*}{..items..*..*..*}{..a..b..c..d}".to_owned(),
            format!("{{\"spec\": {{\"replicas\": 1{}}}}}", "0".repeat(5000)),
            "{\"spec\": {\"replicas\": 1e999999999, \"x\": -1e-999999999, \"y\": 18446744073709551616}}".to_owned(),
            "a in (".to_owned() + &"b,".repeat(5000) + ")",
            "!".repeat(5000) + "a,a=b,a!=b,a notin (b),a>1,a<99999999999999999999",
            "[{\"op\":\"copy\",\"from\":\"\",\"path\":\"/metadata/annotations\"}]".to_owned(),
            format!("[{}{{\"op\":\"test\",\"path\":\"\"}}]", r#"{"op":"copy","from":"/metadata","path":"/metadata/a"},"#.repeat(30)),
            r#"{"spec":{"$patch":"replace","$setElementOrder/containers":[{"name":3},null],"containers":[{"$patch":"delete"}]}}"#.to_owned(),
            r#"{"metadata":{"labels":{"\ud800":"\u0000"},"managedFields":[{"fieldsV1":{"f:x":{".":{}},"k:{\"a\":1}":{}}}]}}"#.to_owned(),
        ];
        let mut all: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
        all.push(vec![0; 64]);
        all.push(b"\xff\xfe\0{\0}\0".to_vec());
        all.push(b"\xef\xbb\xbf{\"a\": \"\xc3\x28\xed\xa0\x80\"}".to_vec());
        // Protobuf: an envelope, a length that is not there, groups in groups.
        all.push([&b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12"[..], &[0xff; 9], &[1]].concat());
        all.push([&b"k8s\0"[..], &[0x0b; 4000]].concat());
        all.push([&b"k8s\0"[..], &[0x12; 4000]].concat());
        all
    }

    /// What nearly makes sense, for each of the targets.
    const SEEDS: &[&str] = &[
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"y","labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":80}]}]}}"#,
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: y\ndata:\n  a: |\n    text\n  b: &b \"1\"\n  c: *b\n",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: 3, template: {spec: {containers: [{name: c, env: [{name: A, value: b}]}]}}}\n",
        r#"[{"op":"add","path":"/spec/ports/-","value":{"port":81,"name":"x"}},{"op":"move","from":"/metadata/labels","path":"/data"}]"#,
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"c","$patch":"delete"}],"$retainKeys":["containers"]}}}}"#,
        "app in (web, db),!x,tier notin (a),n>3\nmetadata.name=x,spec.nodeName!=a\\,b",
        "{range .items[?(@.metadata.name==\"a\")]}{.metadata.labels.a\\.b/c}{\"\\n\"}{end}{.items[-1:].spec.n[*]}",
        "{{range $i, $x := .items}}{{if and (gt (len $x.spec.n) 1) (eq $x.kind \"Pod\")}}{{printf \"%5.1f|%q\" 2.5 $x.metadata.name}}{{else}}{{base64decode .secret}}{{end}}{{end}}",
        "k8s\0\n\x0f\n\x02v1\x12\x09ConfigMap\x12\x0d\n\x03\n\x01y\x12\x06\n\x01k\x12\x01v",
        "get\npods\n-A\n-o\njsonpath={.items[*].metadata.name}\n--sort-by=.spec.nodeName",
        "create\ndeployment\nweb\n--image=nginx\n--replicas=99999999999999\n--dry-run=client\n-o\nyaml",
        "apply\n-f\nbad.yaml\n--server-side\n--prune\n-l\na=b",
        "run\nx\n--image=i\n--overrides={\"spec\":{\"containers\":null}}\n--dry-run=client",
        "auth\nreconcile\n-f\nf.yaml\n--remove-extra-permissions",
        "cp\nd\nweb:/x\n--retries=-9223372036854775808",
    ];

    #[derive(Clone, Debug)]
    enum Edit {
        Replace(Index, u8),
        Insert(Index, Vec<u8>),
        Remove(Index, usize),
        Again(Index, usize),
        Splice(Index, Index),
    }

    fn edits() -> impl Strategy<Value = Vec<Edit>> {
        const TOKENS: &[&str] = &[
            "\0",
            "\u{feff}",
            "\n",
            "*a",
            "&a ",
            "<<: ",
            "{",
            "}",
            "[",
            "]",
            "{{",
            "}}",
            "(",
            ")",
            "$",
            "|",
            "'",
            "\"",
            "\\",
            "-1",
            "9223372036854775808",
            "1e400",
            "null",
            "\u{10ffff}",
            "$patch",
            "/-",
            "~1",
            "=",
            "!",
            "..",
            "--",
            "- ",
            "? ",
            ": ",
            "!!binary ",
        ];
        let edit = prop_oneof![
            (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
            (any::<Index>(), select(TOKENS)).prop_map(|(at, text)| Edit::Insert(at, text.into())),
            (any::<Index>(), 1..20usize).prop_map(|(at, count)| Edit::Remove(at, count)),
            (any::<Index>(), 1..40usize).prop_map(|(at, count)| Edit::Again(at, count)),
            (any::<Index>(), any::<Index>()).prop_map(|(at, seed)| Edit::Splice(at, seed)),
        ];
        prop::collection::vec(edit, 0..6)
    }

    fn inputs() -> impl Strategy<Value = Vec<u8>> {
        let edited = (any::<[u8; 2]>(), select(SEEDS), edits()).prop_map(|(choice, seed, edits)| {
            let mut bytes = [&choice[..], seed.as_bytes()].concat();
            for edit in edits {
                let end = |at: usize, count: usize| (at + count).min(bytes.len());
                match edit {
                    Edit::Replace(at, byte) if !bytes.is_empty() => {
                        let at = at.index(bytes.len());
                        bytes[at] = byte;
                    }
                    Edit::Insert(at, token) => {
                        let at = at.index(bytes.len() + 1);
                        bytes.splice(at..at, token);
                    }
                    Edit::Remove(at, count) => {
                        let at = at.index(bytes.len() + 1);
                        let end = end(at, count);
                        bytes.drain(at..end);
                    }
                    Edit::Again(at, count) => {
                        let at = at.index(bytes.len() + 1);
                        let again = bytes[at..end(at, count)].repeat(count);
                        bytes.splice(at..at, again);
                    }
                    Edit::Splice(at, seed) => {
                        let at = at.index(bytes.len() + 1);
                        bytes.splice(at..at, seed.get(SEEDS).bytes());
                    }
                    Edit::Replace(..) => {}
                }
            }
            bytes
        });
        prop_oneof![9 => edited, 1 => prop::collection::vec(any::<u8>(), 0..200)]
    }

    type Target = (&'static str, fn(&[u8]));

    const TARGETS: &[Target] = &[
        ("body", super::body),
        ("patch", super::patch),
        ("selector", super::selector),
        ("jsonpath", super::jsonpath),
        ("template", super::template),
        ("command", super::command),
    ];

    /// Runs a target; what is bounded takes far less than this also where much else is going on.
    #[allow(clippy::disallowed_methods)] // how long it takes is what is tested
    fn run((name, target): Target, bytes: &[u8]) {
        let begun = Instant::now();
        target(bytes);
        let taken = begun.elapsed();
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        assert!(
            taken < Duration::from_secs(20),
            "{name} took {taken:?} for {} bytes: {start:?}",
            bytes.len()
        );
    }

    #[test]
    fn bombs_do_not_go_off() {
        for bomb in bombs() {
            for target in TARGETS {
                // In every form that the target has.
                let forms: u8 = if matches!(target.0, "body" | "patch") { 4 } else { 1 };
                for form in 0..forms {
                    let choice: &[u8] = if forms > 1 { &[form, form * 3] } else { &[] };
                    run(*target, &[choice, &bomb].concat());
                    run(*target, &[choice, b"get\n-o\njsonpath=", &bomb].concat());
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_taken(bytes in inputs()) {
            for target in TARGETS {
                // The first two bytes are a choice, for those that choose.
                let chooses = matches!(target.0, "body" | "patch");
                run(*target, if chooses { &bytes } else { bytes.get(2..).unwrap_or_default() });
            }
        }
    }
}
