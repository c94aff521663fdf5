//! The one door's shape: a request and its response, as HTTP has them, with JSON bodies already parsed.

use super::Events;
use super::strict::Text;
use serde_json::Value;
use std::sync::Arc;

/// What a client asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`.
    pub method: Method,
    /// `/api/v1/namespaces/default/pods/web`.
    pub path: String,
    /// Decoded query parameters, in order.
    pub query: Vec<(String, String)>,
    /// `Content-Type` of the body: it tells the kind of a patch.
    pub content_type: String,
    /// How the answer is wanted.
    pub accept: Accept,
    /// `User-Agent`: what comes before the slash names who manages the fields that a write sets.
    pub agent: String,
    /// The body.
    pub body: Option<Value>,
    /// The text that the body was read from.
    pub text: Text,
    /// Whether the answer goes over a wire as JSON: a list is then answered as its bytes.
    pub encoded: bool,
    /// Whether a watch's events are told one by one: its batch is then answered as [`Body::Events`].
    pub streamed: bool,
    /// On whose behalf the user asks, if not their own.
    pub impersonate: Option<Impersonation>,
}

/// The `Impersonate-*` headers of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impersonation {
    /// `Impersonate-User`.
    pub user: String,
    /// `Impersonate-Uid`; empty without one.
    pub uid: String,
    /// `Impersonate-Group`, once for each.
    pub groups: Vec<String>,
    /// `Impersonate-Extra-<key>`, once for each value.
    pub extra: Vec<(String, String)>,
}

/// The verbs of HTTP that the API uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Method {
    #[default]
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// The form of answer that a client accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accept {
    /// The objects.
    #[default]
    Json,
    /// `meta.k8s.io/v1` Table: what `kubectl get` prints.
    Table,
    /// `meta.k8s.io/v1` `PartialObjectMetadata`: the objects without all but their metadata.
    Metadata,
    /// `apidiscovery.k8s.io` in this version (`v2`, `v2beta1`): every group in one document.
    Discovery(&'static str),
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// `Warning` headers: deprecations, and what admission wants to say.
    pub warnings: Vec<String>,
    /// The body.
    pub body: Body,
}

/// A response's body.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// An object, a list, a Table or a `Status`.
    Json(Value),
    /// Plain text: logs, `/healthz`.
    Text(String),
    /// A document that is kept ready as it goes over the wire.
    Bytes {
        /// Its `Content-Type`.
        media_type: &'static str,
        /// The content.
        bytes: Arc<[u8]>,
        /// What tells this content from any other, for clients that keep it: the `ETag`.
        tag: Option<Arc<str>>,
    },
    /// A batch of a watch, its events still to be shown.
    Events(Events),
    /// An open stream: `exec`, `attach`, `logs -f`. Read it through the client.
    Stream(StreamId),
}

/// Names an open stream of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(pub u64);

impl Request {
    /// `GET path`.
    pub fn get(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// A request with a JSON body.
    pub fn with_body(method: Method, path: impl Into<String>, body: Value) -> Self {
        let content_type = "application/json".to_owned();
        Self { method, path: path.into(), body: Some(body), content_type, ..Self::default() }
    }

    /// This request with one more query parameter.
    #[must_use]
    pub fn param(mut self, key: &str, value: impl Into<String>) -> Self {
        self.query.push((key.to_owned(), value.into()));
        self
    }

    /// Whether a parameter says yes: whatever it says but `0` and `false`.
    pub fn flag(&self, key: &str) -> bool {
        self.query_value(key).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }

    /// The first value of a query parameter.
    pub fn query_value(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }
}

impl Response {
    /// 200 with JSON.
    pub fn ok(value: Value) -> Self {
        Self { status: 200, warnings: Vec::new(), body: Body::Json(value) }
    }

    /// The error's own status and `Status` body.
    pub fn error(error: &super::ApiError) -> Self {
        Self { status: error.code, warnings: Vec::new(), body: Body::Json(error.to_value()) }
    }

    /// Whether it is a success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// 200 with a document that clients may keep: the tag tells whether theirs is still the one.
    pub fn document(media_type: &'static str, bytes: Arc<[u8]>, tag: Arc<str>) -> Self {
        Self { status: 200, warnings: Vec::new(), body: Body::Bytes { media_type, bytes, tag: Some(tag) } }
    }

    /// The JSON body; `Null` for text and streams.
    pub fn value(&self) -> &Value {
        if let Body::Json(value) = &self.body { value } else { &Value::Null }
    }
}

/// Who asks: the authenticated user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// `kubernetes-admin`, `system:serviceaccount:default:robot`.
    pub name: Arc<str>,
    /// What tells users of the same name apart; often empty.
    pub uid: Arc<str>,
    /// Its groups.
    pub groups: Vec<Arc<str>>,
    /// What else is known of it: keys, each with values.
    pub extra: Vec<(String, Vec<String>)>,
}

impl User {
    /// The administrator that kubeadm makes, as the learner is.
    pub fn admin() -> Self {
        Self::new("kubernetes-admin", &["kubeadm:cluster-admins", "system:authenticated"])
    }
}
