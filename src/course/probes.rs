//! What CEL can ask of a cluster: objects, events, requests, DNS, files. Each is a function in the one table.

use crate::apiserver::{Body, Method, Request};
use crate::client::Client;
use crate::cluster::network::{DnsAnswer, HttpCall, Outcome, Point, QueryType, Record};
use crate::object::{Kind, ObjectName, SECOND};
use serde_json::{Value, json};

/// A function that CEL can call. All arguments are strings.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The least number of arguments.
    pub least: usize,
    /// The greatest.
    pub most: usize,
    /// How it is called.
    pub usage: &'static str,
    ask: fn(&Client, &[String]) -> Value,
}

/// Every function.
pub const FUNCTIONS: &[Function] = &[
    Function { name: "get", least: 3, most: 3, usage: "get(resource, namespace, name)", ask: get },
    Function { name: "list", least: 2, most: 3, usage: "list(resource, namespace[, selector])", ask: list },
    Function { name: "ready", least: 2, most: 2, usage: "ready(namespace, selector)", ask: ready },
    Function { name: "endpoints", least: 2, most: 2, usage: "endpoints(namespace, service)", ask: endpoints },
    Function { name: "events", least: 2, most: 2, usage: "events(namespace, reason)", ask: events },
    Function { name: "http", least: 2, most: 2, usage: "http(from, url)", ask: http },
    Function { name: "dns", least: 2, most: 3, usage: "dns(from, name[, type])", ask: dns },
    Function { name: "file", least: 3, most: 3, usage: "file(pod, container, path)", ask: file },
];

/// A call of a function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The function's name.
    pub function: &'static str,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// How long a command in a container may take, in nanoseconds of a copy's time.
const EXEC_LIMIT: u64 = 5 * SECOND;

/// Asks a cluster.
pub fn ask(client: &Client, call: &Call) -> Value {
    let function = FUNCTIONS.iter().find(|f| f.name == call.function);
    function.map_or(Value::Null, |f| (f.ask)(client, &call.arguments))
}

fn collection(resource: &str, namespace: &str) -> Option<String> {
    let named = |k: &&Kind| {
        let info = k.info();
        info.plural == resource || info.resource() == resource
    };
    let info = Kind::ALL.iter().find(named)?.info();
    let root = if info.group.is_empty() { "/api" } else { "/apis" };
    let space = if info.namespaced && !namespace.is_empty() {
        format!("/namespaces/{namespace}")
    } else {
        String::new()
    };
    Some(format!("{root}/{}{space}/{}", info.api_version(), info.plural))
}

fn get(client: &Client, arguments: &[String]) -> Value {
    let [resource, namespace, name] = arguments else { return Value::Null };
    let Some(path) = collection(resource, namespace) else { return Value::Null };
    let response = client.request_now(&Request::get(format!("{path}/{name}")));
    if response.is_success() { response.value().clone() } else { Value::Null }
}

fn list(client: &Client, arguments: &[String]) -> Value {
    let [resource, namespace, rest @ ..] = arguments else { return json!([]) };
    let Some(path) = collection(resource, namespace) else { return json!([]) };
    let mut request = Request::get(path);
    if let Some(selector) = rest.first().filter(|s| !s.is_empty()) {
        request = request.param("labelSelector", selector);
    }
    let response = client.request_now(&request);
    response.value().get("items").filter(|items| items.is_array()).cloned().unwrap_or_else(|| json!([]))
}

/// The pods that are ready and not being deleted.
fn ready(client: &Client, arguments: &[String]) -> Value {
    let [namespace, selector] = arguments else { return json!([]) };
    let all = list(client, &["pods".to_owned(), namespace.clone(), selector.clone()]);
    let is_ready = |pod: &&Value| {
        let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
        let says_so = |c: &Value| c["type"] == "Ready" && c["status"] == "True";
        pod.pointer("/metadata/deletionTimestamp").is_none()
            && conditions.is_some_and(|all| all.iter().any(says_so))
    };
    all.as_array().into_iter().flatten().filter(is_ready).cloned().collect()
}

/// The addresses that are ready behind a Service.
fn endpoints(client: &Client, arguments: &[String]) -> Value {
    let [namespace, service] = arguments else { return json!([]) };
    let selector = format!("kubernetes.io/service-name={service}");
    let slices = list(client, &["endpointslices".to_owned(), namespace.clone(), selector]);
    let of_slice = |slice: &Value| slice["endpoints"].as_array().cloned().unwrap_or_default();
    let endpoints = slices.as_array().into_iter().flatten().flat_map(of_slice);
    let is_ready = |endpoint: &Value| endpoint.pointer("/conditions/ready") == Some(&json!(true));
    endpoints.filter(is_ready).filter_map(|endpoint| endpoint.pointer("/addresses/0").cloned()).collect()
}

fn events(client: &Client, arguments: &[String]) -> Value {
    let [namespace, reason] = arguments else { return json!([]) };
    let all = list(client, &["events".to_owned(), namespace.clone()]);
    let of_reason = |e: &&Value| e.get("reason").and_then(Value::as_str) == Some(reason.as_str());
    all.as_array().into_iter().flatten().filter(of_reason).cloned().collect()
}

/// `outside`, `node/worker-1`, or a pod: `client`, `other/client` in another namespace.
fn point(from: &str) -> Point {
    match from.split_once('/') {
        None if from == "outside" => Point::Outside,
        None => Point::Pod(ObjectName::new("default", from)),
        Some(("node", node)) => Point::Node(node.into()),
        Some((namespace, pod)) => Point::Pod(ObjectName::new(namespace, pod)),
    }
}

fn http(client: &Client, arguments: &[String]) -> Value {
    let [from, url] = arguments else { return Value::Null };
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    let call = HttpCall {
        method: "GET".to_owned(),
        host: host.to_owned(),
        port: port.parse().unwrap_or(80),
        path: path.to_owned(),
        headers: vec![("Host".to_owned(), authority.to_owned())],
        body: Vec::new(),
    };
    let failed = |outcome: &str| json!({"outcome": outcome, "status": 0, "body": ""});
    match client.what_if().http(&point(from), &call) {
        Outcome::Answered(reply) => {
            let body = String::from_utf8_lossy(&reply.body).into_owned();
            json!({"outcome": "answered", "status": reply.status, "body": body})
        }
        Outcome::Refused => failed("refused"),
        Outcome::TimedOut => failed("timeout"),
        Outcome::UnknownHost => failed("unknown host"),
    }
}

fn dns(client: &Client, arguments: &[String]) -> Value {
    let [from, name, rest @ ..] = arguments else { return json!([]) };
    let query = match rest.first().map(String::as_str) {
        Some("SRV") => QueryType::Srv,
        Some("CNAME") => QueryType::Cname,
        _ => QueryType::A,
    };
    let DnsAnswer::Records(records) = client.what_if().resolve(&point(from), name, query) else {
        return json!([]);
    };
    let of_type = |record: &Record| match (record, query) {
        (Record::A(_, address), QueryType::A) => Some(json!(address)),
        (Record::Cname(_, target), QueryType::Cname) => Some(json!(target.trim_end_matches('.'))),
        (Record::Srv(_, port, target), QueryType::Srv) => {
            Some(json!(format!("{}:{port}", target.trim_end_matches('.'))))
        }
        _ => None,
    };
    records.iter().filter_map(of_type).collect()
}

fn file(client: &Client, arguments: &[String]) -> Value {
    let [pod, container, path] = arguments else { return json!("") };
    let (namespace, pod) = pod.split_once('/').unwrap_or(("default", pod));
    let copy = client.what_if();
    let mut request = Request::get(format!("/api/v1/namespaces/{namespace}/pods/{pod}/exec"));
    request.method = Method::Post;
    let request = request
        .param("container", container)
        .param("command", "cat")
        .param("command", path)
        .param("stdout", "true")
        .param("stderr", "true");
    let Body::Stream(stream) = copy.request_now(&request).body else { return json!("") };
    let deadline = copy.now() + EXEC_LIMIT;
    let mut content = Vec::new();
    loop {
        let read = copy.read_stream(stream);
        content.extend(read.stdout);
        match read.exit {
            Some(0) => return json!(String::from_utf8_lossy(&content)),
            Some(_) => return json!(""),
            None if !copy.pass_until(deadline) => return json!(""),
            None => {}
        }
    }
}
