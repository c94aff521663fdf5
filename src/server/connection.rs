//! One connection: TLS, then HTTP/2 or HTTP/1.1, then a request after the other.

use super::accept::{self, Agreed, Encoding};
use super::answer::{self, Answer};
use super::door::{Door, Seen};
use super::identity::Identity;
use super::upgrade::{self, Wish};
use super::{gzip, keep, limits, request, stream, watch};
use crate::apiserver::{Accept, ApiError, Body, Request, User};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, HeaderMap, USER_AGENT};
use hyper::http::request::Parts;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// What every connection shares.
#[derive(Clone)]
pub struct Host {
    /// The way to the cluster.
    pub door: Door,
    /// Greets clients.
    pub acceptor: TlsAcceptor,
    /// The administrator's token.
    pub token: Arc<str>,
}

/// Runs what HTTP/2 asks for on this thread.
#[derive(Clone, Copy)]
struct Local;

impl<F: Future + 'static> Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

/// Serves a client until it goes, or breaks the rules. What goes wrong concerns this client alone, who is told by
/// the protocol; there is nobody else to tell.
pub async fn serve(host: Host, socket: TcpStream) {
    let Some(_guest) = host.door.enter() else { return };
    socket.set_nodelay(true).ok();
    let greeting = tokio::time::timeout(limits::GREETING, host.acceptor.accept(socket));
    let Ok(Ok(tls)) = greeting.await else { return };
    let (_, session) = tls.get_ref();
    let second = session.alpn_protocol() == Some(b"h2");
    let certificate = session.peer_certificates().and_then(|c| c.first()).map(|c| Arc::from(c.as_ref()));
    let identity = Identity { certificate, token: host.token.clone() };
    let door = host.door.clone();
    let service = service_fn(move |request| {
        let (door, identity) = (door.clone(), identity.clone());
        async move { Ok::<Answer, Infallible>(handle(door, identity, request).await) }
    });
    let io = TokioIo::new(tls);
    if second {
        let mut http = http2::Builder::new(Local);
        http.timer(TokioTimer::new())
            .max_concurrent_streams(limits::STREAMS)
            .keep_alive_interval(Some(Duration::from_secs(30)))
            .keep_alive_timeout(limits::GREETING);
        http.serve_connection(io, service).await.ok();
    } else {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(Some(limits::IDLE));
        http.serve_connection(io, service).with_upgrades().await.ok();
    }
}

/// Answers one request.
async fn handle(door: Door, identity: Identity, http: hyper::Request<Incoming>) -> Answer {
    let (mut parts, mut body) = http.into_parts();
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    let mut seen = Seen {
        user: String::new(),
        agent: agent(&parts.headers),
        verb: parts.method.to_string(),
        path: parts.uri.path_and_query().map_or(String::new(), ToString::to_string),
        status: 0,
    };
    let agreed = agree(&parts);
    let answer = async {
        let user = identity.user(&parts.headers, &door.client)?;
        user.name.as_ref().clone_into(&mut seen.user);
        let agreed = agreed.clone()?;
        let mut request = request::read(&parts, &mut body, agreed).await?;
        // Who does not say what it is manages fields under this name.
        request.agent = if seen.agent.is_empty() { "unknown".to_owned() } else { seen.agent.clone() };
        if watch::is_watch(&request) {
            "WATCH".clone_into(&mut seen.verb);
        }
        if let Some(subject) = upgrade::subject(&request.path) {
            let wish = upgrade::wish(&parts.headers, upgrade, subject);
            return remote_command(&door, request, user, wish).await;
        }
        respond(&door, request, user, agreed).await
    };
    let answer = answer.await;
    if answer.is_err() {
        request::discard(&mut body).await;
    }
    let answer = answer.unwrap_or_else(|why| answer::error(&why, agreed.clone().unwrap_or(PLAIN)));
    let answer = gzip::compress(keep::answer(answer, &parts), &parts.headers);
    seen.status = answer.status().as_u16();
    door.tell(seen);
    answer
}

/// What is answered with when nothing could be agreed on.
const PLAIN: Agreed = Agreed { form: Accept::Json, encoding: Encoding::Json, beta: false };

/// The form of answer that the `Accept` headers allow.
fn agree(parts: &Parts) -> Result<Agreed, ApiError> {
    let values = parts.headers.get_all(ACCEPT).iter().filter_map(|v| v.to_str().ok());
    let agreed =
        accept::negotiate(&values.collect::<Vec<_>>().join(","), !accept::is_without_table(parts.uri.path()));
    // These have one form each, which clients name in ways of their own.
    let about_itself = ["/openapi/v2", "/healthz", "/livez", "/readyz", "/version"];
    let path = parts.uri.path();
    match agreed {
        // A document of this version is JSON and nothing else; where they are is told to anybody.
        agreed if path.starts_with("/openapi/v3/") => match agreed {
            Ok(agreed) if agreed.encoding == Encoding::Json => Ok(agreed),
            _ => Err(ApiError::new(
                406,
                "NotAcceptable",
                "only the following media types are accepted: application/json",
            )),
        },
        Err(_) if path == "/openapi/v3" => Ok(PLAIN),
        Err(_) if about_itself.iter().any(|p| path.starts_with(p)) => Ok(PLAIN),
        agreed => agreed,
    }
}

/// The name that a client gives itself: `kubectl/v1.33.2`.
fn agent(headers: &HeaderMap) -> String {
    let text = headers.get(USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or("");
    text.split(' ').next().unwrap_or("").chars().take(60).collect()
}

/// Begins an `exec`, `attach` or `portforward`. A client that cannot follow it is told so before anything runs; that the pod does not
/// run is told first.
async fn remote_command(
    door: &Door,
    request: Request,
    user: User,
    wish: Result<Wish, ApiError>,
) -> Result<Answer, ApiError> {
    let wish = match wish {
        Ok(wish) => wish,
        Err(why) => {
            // Attaching runs nothing, and fails for the same reasons.
            let pod = request.path.rsplit_once('/').map_or("", |(pod, _)| pod);
            let attach = Request { path: format!("{pod}/attach"), ..request };
            let found = door.ask(attach, user).await?;
            if let Body::Stream(id) = found.body {
                door.close(id).await;
                return Err(why);
            }
            return Ok(answer::whole(found, PLAIN));
        }
    };
    let response = door.ask(request.clone(), user).await?;
    Ok(match response.body {
        Body::Stream(id) => upgrade::begin(door.clone(), wish, &request, id),
        _ => answer::whole(response, PLAIN),
    })
}

/// Has the loop serve a request, and makes its answer HTTP's.
async fn respond(door: &Door, request: Request, user: User, agreed: Agreed) -> Result<Answer, ApiError> {
    let watched = watch::is_watch(&request).then(|| request.clone());
    let response = door.ask(request, user.clone()).await?;
    Ok(match (watched, &response.body) {
        // A revision that is too old is told inside the watch, as a real server does.
        (Some(request), Body::Events(_)) => watch::begin(door.clone(), request, user, response, agreed),
        (Some(request), Body::Json(_)) if response.status == 410 => {
            watch::begin(door.clone(), request, user, response, agreed)
        }
        (_, Body::Stream(id)) => stream::begin(door.clone(), *id),
        _ => answer::whole(response, agreed),
    })
}
