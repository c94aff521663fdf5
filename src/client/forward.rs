//! Ports of the learner's machine that lead to ports of pods: `kubectl port-forward`.
//!
//! Always holds: in process a port is only written down here, and who asks this machine finds it; for a server over a
//! network it is a real port, and each connection to it one to the server. Either is there until it is dropped.

use super::session::Bell;
use super::{Client, Door};
use crate::apiserver::Request;
use crate::cluster::kubelet;
use crate::cluster::network::{HttpCall, HttpReply, Outcome};
use crate::object::ObjectName;
use futures_util::{SinkExt, StreamExt};
use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

/// The first port that is given to who wants any.
const ANY_PORT: u16 = 40_000;

/// What is to lead where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where this machine listens.
    pub address: IpAddr,
    /// The port here; 0 for any that is free.
    pub local: u16,
    /// The pod.
    pub pod: ObjectName,
    /// The port there.
    pub remote: u16,
}

/// What has come through a port.
#[derive(Debug, Default)]
struct Traffic {
    connections: Cell<usize>,
    failures: RefCell<Vec<String>>,
}

#[derive(Debug)]
struct Open {
    forward: Forward,
    traffic: Rc<Traffic>,
}

/// The ports that are open in process.
#[derive(Debug, Default)]
pub(super) struct Ports {
    open: RefCell<Vec<Open>>,
}

/// A port that is open until this is dropped.
#[derive(Debug)]
pub struct Forwarded {
    /// The port of this machine.
    pub port: u16,
    traffic: Rc<Traffic>,
    ports: Rc<Ports>,
    accepting: Option<tokio::task::JoinHandle<()>>,
}

impl Forwarded {
    /// How many connections there were since the last call.
    pub fn connections(&self) -> usize {
        self.traffic.connections.take()
    }

    /// Why connections failed, since the last call.
    pub fn failures(&self) -> Vec<String> {
        self.traffic.failures.take()
    }
}

impl Drop for Forwarded {
    fn drop(&mut self) {
        self.ports.open.borrow_mut().retain(|open| !Rc::ptr_eq(&open.traffic, &self.traffic));
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

impl Client {
    /// Opens a port of this machine.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub async fn forward(&self, forward: Forward) -> Result<Forwarded, String> {
        let traffic = Rc::<Traffic>::default();
        match &self.door {
            Door::Here(..) => {
                let taken = |port: u16| {
                    let same =
                        |open: &Open| open.forward.local == port && open.forward.address == forward.address;
                    self.ports.open.borrow().iter().any(same)
                };
                let port = if forward.local == 0 {
                    (ANY_PORT..=u16::MAX).find(|port| !taken(*port)).unwrap_or(ANY_PORT)
                } else {
                    forward.local
                };
                if taken(port) {
                    return Err("bind: address already in use".to_owned());
                }
                let forward = Forward { local: port, ..forward };
                self.ports.open.borrow_mut().push(Open { forward, traffic: traffic.clone() });
                Ok(Forwarded { port, traffic, ports: self.ports.clone(), accepting: None })
            }
            Door::There(remote) => {
                let said = |error: std::io::Error| match error.kind() {
                    std::io::ErrorKind::AddrInUse => "bind: address already in use".to_owned(),
                    _ => format!("bind: {error}"),
                };
                let listener = TcpListener::bind((forward.address, forward.local)).await.map_err(said)?;
                let port = listener.local_addr().map_err(said)?.port();
                let server = remote.server_client().ok_or("no configuration has been provided")?;
                let (bell, heard) = (remote.bell(), traffic.clone());
                let accepting = tokio::task::spawn_local(async move {
                    while let Ok((socket, _)) = listener.accept().await {
                        heard.connections.set(heard.connections.get() + 1);
                        bell.ring();
                        let (server, heard, bell) = (server.clone(), heard.clone(), bell.clone());
                        let (pod, port) = (forward.pod.clone(), forward.remote);
                        tokio::task::spawn_local(async move {
                            if let Some(failure) = carry(server, socket, &pod, port).await {
                                heard.failures.borrow_mut().push(failure);
                                Bell::ring(&bell);
                            }
                        });
                    }
                });
                Ok(Forwarded { port, traffic, ports: self.ports.clone(), accepting: Some(accepting) })
            }
        }
    }

    /// Sends an HTTP request to this machine itself. `None` when its connection was cut before an answer.
    pub fn http_here(&self, call: &HttpCall) -> Option<Outcome<HttpReply>> {
        let address = match call.host.trim_matches(['[', ']']) {
            "localhost" => None,
            host => host.parse::<IpAddr>().ok(),
        };
        let leads = |open: &&Open| {
            let forward = &open.forward;
            let wide = forward.address.is_unspecified();
            forward.local == call.port && (wide || address.is_none_or(|asked| asked == forward.address))
        };
        let (pod, remote, traffic) = {
            let open = self.ports.open.borrow();
            let Some(found) = open.iter().find(leads) else { return Some(Outcome::Refused) };
            (found.forward.pod.clone(), found.forward.remote, found.traffic.clone())
        };
        traffic.connections.set(traffic.connections.get() + 1);
        let Door::Here(cluster, _) = &self.door else { return Some(Outcome::Refused) };
        match kubelet::http_to_pod(&mut cluster.borrow_mut(), &pod, remote, call) {
            Outcome::Answered(reply) => Some(Outcome::Answered(reply)),
            _ => {
                traffic.failures.borrow_mut().push(connection_refused(&pod, remote));
                None
            }
        }
    }

    /// Whether something listens on a port of this machine.
    pub fn listens_here(&self, port: u16) -> bool {
        self.ports.open.borrow().iter().any(|open| open.forward.local == port)
    }
}

/// What a kubelet says of a port on which nothing listens in the pod.
pub fn connection_refused(pod: &ObjectName, port: u16) -> String {
    let sandbox = crate::cluster::workload::images::hex64(&format!("{pod} sandbox"));
    let [a, b, c, d] = [&sandbox[..8], &sandbox[8..12], &sandbox[12..16], &sandbox[16..20]];
    let namespace = format!("/var/run/netns/cni-{a}-{b}-{c}-{d}-{}", &sandbox[20..32]);
    format!(
        "error forwarding port {port} to pod {sandbox}, uid : failed to execute portforward in network namespace \
         \"{namespace}\": failed to connect to localhost:{port} inside namespace \"{sandbox}\", IPv4: dial tcp4 \
         127.0.0.1:{port}: connect: connection refused IPv6: dial tcp6 [::1]:{port}: connect: connection refused "
    )
}

/// Carries one connection to the server and back. Answers what went wrong on the other side.
async fn carry(server: kube::Client, mut socket: TcpStream, pod: &ObjectName, port: u16) -> Option<String> {
    let path = format!("/api/v1/namespaces/{}/pods/{}/portforward", pod.namespace(), pod.name());
    let request = Request::get(path).param("ports", port.to_string());
    let call = hyper::Request::get(super::url::of(&request)).body(Vec::new()).ok()?;
    let mut connection = match server.connect(call).await {
        Ok(connection) => connection.into_stream(),
        Err(error) => return Some(error.to_string()),
    };
    // The first message of either channel only repeats the port.
    let mut greetings = 2;
    let mut piece = vec![0; 32 << 10];
    loop {
        tokio::select! {
            read = socket.read(&mut piece) => match read {
                Ok(length @ 1..) => {
                    let message = [&[0][..], &piece[..length]].concat();
                    connection.send(Message::binary(message)).await.ok()?;
                }
                _ => {
                    connection.close(None).await.ok();
                    return None;
                }
            },
            message = connection.next() => match message?.ok()? {
                Message::Binary(_) if greetings > 0 => greetings -= 1,
                Message::Binary(bytes) => match &bytes[..] {
                    [0, bytes @ ..] => socket.write_all(bytes).await.ok()?,
                    [1, text @ ..] if !text.is_empty() => {
                        return Some(String::from_utf8_lossy(text).into_owned());
                    }
                    _ => {}
                },
                Message::Close(_) => return None,
                _ => {}
            },
        }
    }
}
