//! The other door: HTTPS to a server, by the ecosystem's own client library.
//!
//! Always holds: requests and answers have the shape that they have in process. A watch is a batch of the events that
//! have come since the last time it was asked for; logs that are followed and sessions are streams.
//! Does not: read files; what a kubeconfig names has been read into it before.

use super::session::{Bell, Flow, Shared, pump_body, pump_socket};
use super::url;
use crate::apiserver::{Accept, Body, Method, Request, Response, StreamId};
use crate::cluster::kubelet::StreamRead;
use crate::object::SimTime;
use http_body_util::BodyExt;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue, USER_AGENT};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

/// How long to wait before looking again when nothing is being watched.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// The most that an answer may have.
const LARGEST: usize = 512 << 20;

/// A server that is asked over a connection.
#[derive(Default)]
pub(super) struct Remote {
    client: RefCell<Option<kube::Client>>,
    server: RefCell<String>,
    watches: RefCell<BTreeMap<String, Shared>>,
    streams: RefCell<BTreeMap<StreamId, Shared>>,
    last: Cell<u64>,
    bell: Rc<Bell>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Remote({})", self.server.borrow())
    }
}

/// The time of this computer.
#[allow(clippy::disallowed_methods)] // a server over a network lives in this computer's time
pub(super) fn wall_clock() -> SimTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    SimTime(u64::try_from(since.as_nanos()).unwrap_or(0))
}

impl Remote {
    pub(super) fn is_configured(&self) -> bool {
        self.client.borrow().is_some()
    }

    pub(super) async fn configure(&self, kubeconfig: Value, context: &str) -> Result<(), String> {
        let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig).map_err(|e| e.to_string())?;
        let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let mut config = config.map_err(|e| reason(&e))?;
        config.default_retry = false;
        let address = config.cluster_url.authority().map(ToString::to_string).unwrap_or_default();
        *self.server.borrow_mut() = address;
        *self.client.borrow_mut() = Some(kube::Client::try_from(config).map_err(|e| reason(&e))?);
        Ok(())
    }

    pub(super) fn server_client(&self) -> Option<kube::Client> {
        self.client.borrow().clone()
    }

    pub(super) fn bell(&self) -> Rc<Bell> {
        self.bell.clone()
    }

    fn client(&self) -> Result<kube::Client, Response> {
        self.client.borrow().clone().ok_or_else(|| no_answer("no configuration has been provided".to_owned()))
    }

    pub(super) async fn request(&self, request: &Request) -> Response {
        let watch = request.query_value("watch") == Some("true");
        let session = [("/exec", Method::Post), ("/attach", Method::Post)]
            .iter()
            .any(|(end, method)| request.path.ends_with(end) && request.method == *method);
        // Connections are made one by one; until the first there is nothing but the wish.
        if request.path.ends_with("/portforward") {
            let (status, body) = (101, Body::Stream(self.keep(Shared::default())));
            return Response { status, warnings: Vec::new(), body };
        }
        let answer = if watch {
            self.watch(request).await
        } else if session {
            self.session(request).await
        } else {
            self.plain(request).await
        };
        answer.unwrap_or_else(|failed| failed)
    }

    async fn plain(&self, request: &Request) -> Result<Response, Response> {
        let answer = self.send(request).await?;
        let (head, body) = answer.into_parts();
        let (status, warnings) = (head.status.as_u16(), warnings(&head.headers));
        let followed = request.path.ends_with("/log") && request.query_value("follow") == Some("true");
        if followed && head.status.is_success() {
            return Ok(Response { status, warnings, body: Body::Stream(self.open_body(body)) });
        }
        let is_json = is_json(&head.headers);
        let bytes = read(body).await.map_err(|e| self.failed(&*e))?;
        let text = || Body::Text(String::from_utf8_lossy(&bytes).into_owned());
        let body =
            if is_json { serde_json::from_slice(&bytes).map_or_else(|_| text(), Body::Json) } else { text() };
        Ok(Response { status, warnings, body })
    }

    /// The events since this watch was last asked for; the first time it is opened.
    async fn watch(&self, request: &Request) -> Result<Response, Response> {
        let query = request.query.iter().filter(|(key, _)| key != "resourceVersion").cloned().collect();
        let key = url::of(&Request { query, ..request.clone() });
        let known = self.watches.borrow().get(&key).cloned();
        let flow = if let Some(flow) = known {
            flow
        } else {
            let answer = self.send(request).await?;
            if !answer.status().is_success() {
                let (status, warnings) = (answer.status().as_u16(), warnings(answer.headers()));
                let bytes = read(answer.into_body()).await.map_err(|e| self.failed(&*e))?;
                let body = Body::Json(serde_json::from_slice(&bytes).unwrap_or_default());
                return Ok(Response { status, warnings, body });
            }
            let flow = Shared::default();
            tokio::task::spawn_local(pump_body(answer.into_body(), flow.clone(), self.bell.clone()));
            self.watches.borrow_mut().insert(key.clone(), flow.clone());
            flow
        };
        let (events, open) = flow.borrow_mut().lines();
        let version = request.query_value("resourceVersion").unwrap_or("");
        if !open {
            self.watches.borrow_mut().remove(&key);
        }
        Ok(Response::ok(json!({"events": events, "resourceVersion": version, "ended": !open})))
    }

    /// Opens the streams of a process in a container.
    async fn session(&self, request: &Request) -> Result<Response, Response> {
        let call = hyper::Request::get(url::of(request)).body(Vec::new());
        let call = call.map_err(|e| no_answer(e.to_string()))?;
        let connection = match self.client()?.connect(call).await {
            Ok(connection) => connection,
            Err(kube::Error::Api(status)) => {
                let body = serde_json::to_value(&*status).unwrap_or_default();
                return Ok(Response { status: status.code, warnings: Vec::new(), body: Body::Json(body) });
            }
            Err(error) => return Err(self.failed(&error)),
        };
        let flow = Shared::default();
        tokio::task::spawn_local(pump_socket(connection.into_stream(), flow.clone(), self.bell.clone()));
        Ok(Response { status: 101, warnings: Vec::new(), body: Body::Stream(self.keep(flow)) })
    }

    async fn send(&self, request: &Request) -> Result<hyper::Response<kube::client::Body>, Response> {
        let body = request.body.as_ref().map(|body| serde_json::to_vec(body).unwrap_or_default());
        let method = match request.method {
            Method::Get => hyper::Method::GET,
            Method::Post => hyper::Method::POST,
            Method::Put => hyper::Method::PUT,
            Method::Patch => hyper::Method::PATCH,
            Method::Delete => hyper::Method::DELETE,
        };
        let accept = match request.accept {
            Accept::Json => "application/json",
            Accept::Metadata => {
                "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"
            }
            Accept::Discovery(_) => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            Accept::Table => "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
        };
        let mut call = hyper::Request::builder()
            .method(method)
            .uri(url::of(request))
            .header(ACCEPT, accept)
            .header(USER_AGENT, concat!("kubectl/v1.36.2 (kubedojo/", env!("CARGO_PKG_VERSION"), ")"));
        if body.is_some() {
            let kind = HeaderValue::from_str(&request.content_type);
            call = call.header(CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/json")));
        }
        let call = call.body(kube::client::Body::from(body.unwrap_or_default()));
        let call = call.map_err(|e| no_answer(e.to_string()))?;
        self.client()?.send(call).await.map_err(|error| self.failed(&error))
    }

    fn open_body(&self, body: kube::client::Body) -> StreamId {
        let flow = Shared::default();
        tokio::task::spawn_local(pump_body(body, flow.clone(), self.bell.clone()));
        self.keep(flow)
    }

    fn keep(&self, flow: Shared) -> StreamId {
        self.last.set(self.last.get() + 1);
        let id = StreamId(self.last.get());
        self.streams.borrow_mut().insert(id, flow);
        id
    }

    fn with<T: Default>(&self, id: StreamId, act: impl FnOnce(&mut Flow) -> T) -> T {
        let answer = self.streams.borrow().get(&id).map(|flow| act(&mut flow.borrow_mut()));
        answer.unwrap_or_default()
    }

    pub(super) fn read_stream(&self, id: StreamId) -> StreamRead {
        self.with(id, Flow::read)
    }

    pub(super) fn write_stream(&self, id: StreamId, bytes: Option<&[u8]>) {
        self.with(id, |flow| flow.write(bytes));
        self.bell.ring();
    }

    pub(super) fn resize_stream(&self, id: StreamId, columns: u16, rows: u16) {
        self.with(id, |flow| flow.resize(columns, rows));
        self.bell.ring();
    }

    pub(super) fn stream_failure(&self, id: StreamId) -> Option<String> {
        self.with(id, |flow| flow.failure())
    }

    pub(super) fn close_stream(&self, id: StreamId) {
        self.with(id, Flow::close);
        self.streams.borrow_mut().remove(&id);
        self.bell.ring();
    }

    /// Waits until a connection has brought something, or until it is worth asking again.
    pub(super) async fn news(&self, deadline: Option<SimTime>) {
        let until = deadline.map(|d| Duration::from_nanos(d.since(wall_clock())));
        let quiet = self.watches.borrow().is_empty() && self.streams.borrow().is_empty();
        let longest = if quiet { Some(until.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN)) } else { until };
        let count = self.bell.count();
        match longest {
            Some(longest) => {
                let _ = tokio::time::timeout(longest, self.bell.after(count)).await;
            }
            None => self.bell.after(count).await,
        }
    }

    /// What kubectl says when a server does not answer.
    fn failed(&self, error: &(dyn Error + 'static)) -> Response {
        let why = root(error).to_string();
        let server = self.server.borrow();
        if why.contains("onnection refused") {
            return no_answer(format!(
                "The connection to the server {server} was refused - did you specify the right host or port?"
            ));
        }
        no_answer(format!("Unable to connect to the server: {why}"))
    }
}

/// A response in place of one that never came: its status is 0.
fn no_answer(text: String) -> Response {
    Response { status: 0, warnings: Vec::new(), body: Body::Text(text) }
}

/// The innermost cause of an error.
fn root<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

fn reason(error: &(dyn Error + 'static)) -> String {
    root(error).to_string()
}

async fn read(body: kube::client::Body) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let bytes = http_body_util::Limited::new(body, LARGEST).collect().await?.to_bytes();
    Ok(bytes.to_vec())
}

fn is_json(headers: &hyper::HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("json"))
}

/// The texts of `Warning: 299 - "text"`.
fn warnings(headers: &hyper::HeaderMap) -> Vec<String> {
    let texts = headers.get_all("warning").iter().filter_map(|value| value.to_str().ok());
    texts.filter_map(warning).collect()
}

fn warning(header: &str) -> Option<String> {
    let quoted = header.strip_prefix("299 ")?.split_once(" \"")?.1;
    let text = quoted.strip_suffix('"').unwrap_or(quoted);
    Some(text.replace("\\\"", "\"").replace("\\\\", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_unquoted() {
        assert_eq!(warning("299 - \"a \\\"b\\\" c\"").as_deref(), Some("a \"b\" c"));
        assert_eq!(warning("199 - \"x\""), None);
    }
}
