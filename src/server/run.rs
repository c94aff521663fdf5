//! `kubedojo serve`: the loop that owns the cluster, lets time pass, and serves what connections ask.
//!
//! Always holds: with nobody asking and nothing due, it sleeps; a burst of requests and a burst of work take turns.

use super::clock::{self, Clock};
use super::connection::{self, Host};
use super::door::{self, Desk, Seen};
use super::kubeconfig;
use super::signals::Signals;
use super::tls;
use crate::client::Client;
use crate::cluster::{Authority, Config};
use crate::session::{Session, Speed};
use anyhow::{Context, Result};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet, LocalSet};

/// How many steps the cluster takes before requests are looked at again.
const STEPS: usize = 500;
/// How many requests are served before the cluster goes on.
const CALLS: usize = 64;
/// How long to wait before another try to accept, when the system has no more descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// The port of a real API server.
const PORT: u16 = 6443;

/// How to serve.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The port; 0 for any that is free.
    pub port: u16,
    /// Virtual seconds a second.
    pub speed: u32,
    /// Where the kubeconfig goes, if not beside other temporary files.
    pub kubeconfig: Option<PathBuf>,
    /// Whether to print what clients do.
    pub verbose: bool,
}

/// Serves a cluster until a signal ends it.
///
/// # Errors
/// When the port or the kubeconfig's file is not to be had.
pub fn run(
    config: Config,
    settings: &Settings,
    prepare: impl FnOnce(&mut Session) -> Result<()>,
) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port))
            .await
            .with_context(|| format!("cannot listen on 127.0.0.1:{}", settings.port))?;
        let mut session = begin(config);
        prepare(&mut session)?;
        session.set_speed(Speed::Times(settings.speed));
        let mut attached = attach(listener, session.client(), settings.kubeconfig.as_deref())?;
        // Whoever reads this may have gone: the server stays.
        io::stdout().write_all(attached.words(settings.speed).as_bytes()).ok();
        serve(&mut session, &mut attached.desk, settings).await
    })
}

/// A session whose cluster is up now.
fn begin(config: Config) -> Session {
    let now = clock::wall();
    let mut session = Session::new(Config { start: crate::object::SimTime(now.0 - SETTLING), ..config });
    if session.now() < now {
        session.advance_to(now, usize::MAX);
    }
    session
}

/// How long before its first client a cluster is up: it has settled by then.
const SETTLING: u64 = 120 * crate::object::SECOND;

/// A server that accepts connections until it is dropped.
pub struct Attached {
    /// Where what they ask arrives.
    desk: Desk,
    kubeconfig: PathBuf,
    port: u16,
    signer: Authority,
    accepting: JoinHandle<()>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.accepting.abort();
        std::fs::remove_file(&self.kubeconfig).ok(); // its server is gone, and so may the file be
    }
}

impl Attached {
    /// Where it listens.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// What is typed in another terminal to attach.
    pub fn export_line(&self) -> String {
        format!("export KUBECONFIG={}", self.kubeconfig.display())
    }

    /// Serves what waits, and tells the news when the cluster `moved` on meanwhile. Answers whether anything was
    /// served, and what clients did since the last turn.
    pub fn turn(&mut self, client: &Client, moved: bool) -> (bool, Vec<Seen>) {
        if moved {
            // A cluster that went back to an earlier state signs as it did then.
            client.sign_with(&self.signer);
        }
        let served = self.desk.serve(CALLS) > 0;
        if moved && !served {
            self.desk.publish();
        }
        (served, self.desk.seen())
    }

    /// Waits until a client asks something. Safe to drop and to ask again.
    pub async fn arrived(&mut self) {
        self.desk.arrived().await;
    }

    fn words(&self, speed: u32) -> String {
        let (url, export) = (self.url(), self.export_line());
        let speed = if speed == 1 { String::new() } else { format!(", time runs {speed} times as fast") };
        format!("serving Kubernetes {} on {url}{speed}\n\n{export}\n\n", crate::apiserver::discovery::VERSION)
    }
}

/// Accepts connections beside the caller's loop, for the cluster behind `client`: on the usual port or, where that is
/// taken, on any other.
///
/// # Errors
/// When there is no port, or the kubeconfig cannot be written.
pub fn attach_beside(client: &Client) -> Result<Attached> {
    let bind = |port: u16| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = bind(PORT).or_else(|_| bind(0)).context("cannot listen on 127.0.0.1")?;
    listener.set_nonblocking(true)?;
    attach(TcpListener::from_std(listener)?, client, None)
}

/// Accepts connections on `listener`, from now on and beside the caller's loop, for the cluster behind `client`.
///
/// # Errors
/// When the kubeconfig cannot be written.
fn attach(listener: TcpListener, client: &Client, kubeconfig: Option<&Path>) -> Result<Attached> {
    let port = listener.local_addr()?.port();
    let certificates = tls::make().context("cannot make certificates")?;
    let token = token();
    let path = kubeconfig.map_or_else(|| kubeconfig::default_path(port), Path::to_owned);
    kubeconfig::write(&path, &kubeconfig::text(port, &certificates, &token))?;
    let (door, desk) = door::open(client);
    client.sign_with(&certificates.signer);
    let signer = certificates.signer;
    let host = Host { door, acceptor: certificates.acceptor, token: Arc::from(token) };
    let accepting = tokio::task::spawn_local(accept(listener, Rc::new(host)));
    Ok(Attached { desk, kubeconfig: path, port, signer, accepting })
}

async fn accept(listener: TcpListener, host: Rc<Host>) {
    // Connections end with the server.
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = open.join_next() => continue,
        };
        match accepted {
            Ok((socket, _)) => {
                open.spawn_local(connection::serve((*host).clone(), socket));
            }
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}

/// A token that nobody guesses: from a key's random bytes.
fn token() -> String {
    let mut bytes = [0u8; 24];
    let filled = tokio_rustls::rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes);
    debug_assert!(filled.is_ok());
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Goes round until a signal comes.
async fn serve(session: &mut Session, desk: &mut Desk, settings: &Settings) -> Result<ExitCode> {
    let mut signals = Signals::new()?;
    let mut clock = Clock::new();
    loop {
        let before = session.client().revision();
        let mut whole = session.pass(clock.lap(), STEPS);
        if desk.serve(CALLS) == CALLS {
            whole = false;
        } else if session.client().revision() != before
            || session.next_deadline().is_some_and(|d| d <= session.now())
        {
            desk.publish();
        }
        for seen in desk.seen() {
            if settings.verbose {
                writeln!(io::stderr(), "{seen}").ok(); // as above
            }
        }
        let due = if whole {
            session.next_deadline().map(|d| clock::at_speed(d.since(session.now()), settings.speed))
        } else {
            Some(Duration::ZERO)
        };
        tokio::select! {
            biased;
            () = signals.next() => return Ok(ExitCode::SUCCESS),
            () = desk.arrived() => {}
            () = due_in(due) => {}
        }
    }
}

async fn due_in(due: Option<Duration>) {
    match due {
        Some(Duration::ZERO) => tokio::task::yield_now().await,
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
