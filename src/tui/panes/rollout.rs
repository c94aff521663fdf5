//! The roll-out view of the objects pane: a Deployment's ReplicaSets with their pods, the endpoints of the Service before
//! it, and requests sent through that Service while it changes.
//!
//! Always holds: requests are made in copies of the cluster, so no log, count or choice in the cluster itself is touched;
//! while nothing changes none is made.

use super::PodState;
use crate::client::Client;
use crate::cluster::Cluster;
use crate::cluster::network::{HttpCall, Outcome, Point};
use crate::object::selector::Selector;
use crate::object::{Kind, Object, ObjectKey, Pod, SECOND, SimTime, meta::MetaExt};
use crate::session::Session;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::{BTreeMap, VecDeque};

/// Virtual time between two requests, in nanoseconds.
const INTERVAL: u64 = SECOND / 4;
/// Requests end when nothing has changed for this long, in nanoseconds.
const CALM: u64 = 10 * SECOND;
/// An answer that takes longer than this is none, in nanoseconds.
const PATIENCE: u64 = SECOND;
/// How many requests are remembered.
const HITS: usize = 400;
/// How many pods of a ReplicaSet are told apart.
const DOTS: usize = 60;

/// What the view shows.
#[derive(Clone, Debug, Default)]
pub struct Rollout {
    /// The Deployments to choose from.
    pub all: Vec<ObjectKey>,
    /// The one shown.
    pub subject: Option<ObjectKey>,
    /// How far it is.
    pub head: Head,
    /// Its ReplicaSets that have pods, and the newest; the newest first.
    pub sets: Vec<SetRow>,
    /// The Service before it, and its endpoints.
    pub service: Option<ServiceRow>,
    /// The requests.
    pub strip: Strip,
    pinned: Option<ObjectKey>,
}

/// How far a roll-out is.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Head {
    pub wanted: i32,
    pub updated: i32,
    pub available: i32,
    pub paused: bool,
    /// `RollingUpdate 25%/25%`: surge and unavailable.
    pub strategy: String,
}

/// A ReplicaSet.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct SetRow {
    pub uid: String,
    pub revision: u64,
    pub image: String,
    pub wanted: i32,
    pub pods: Vec<PodState>,
    pub newest: bool,
}

/// A Service and its endpoints, by the revision that they belong to; the newest first.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct ServiceRow {
    pub name: String,
    pub address: String,
    pub port: u16,
    pub endpoints: Vec<(u64, EndpointState)>,
}

/// Whether traffic goes to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum EndpointState {
    Ready,
    NotReady,
    Leaving,
}

/// What came of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// A pod of this revision answered (0: none of the Deployment's).
    Answered(u64),
    /// It answered with an error.
    Status(u16),
    /// Nobody listened.
    Refused,
    /// Nobody answered in time.
    TimedOut,
}

impl Hit {
    /// Whether it went well.
    pub fn is_good(self) -> bool {
        matches!(self, Hit::Answered(_))
    }
}

/// The requests, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Strip {
    /// The latest ones.
    pub hits: VecDeque<Hit>,
    /// How many were answered well since the newest revision began.
    pub good: u64,
    /// How many were not.
    pub bad: u64,
    /// What the last failure was.
    pub failure: Option<Hit>,
    number: u64,
    next: SimTime,
    revision: u64,
}

impl Rollout {
    /// Looks at the cluster: at the Deployment that was chosen, or at the one that changed last.
    pub fn look(&mut self, cluster: &Cluster, namespace: Option<&str>) {
        let store = &cluster.api.store;
        let found = |d: &&Object| namespace.is_none_or(|n| *d.name().namespace() == *n);
        let all: Vec<&Object> = store.list(Kind::Deployment).filter(found).collect();
        self.all = all.iter().map(|d| ObjectKey { kind: Kind::Deployment, name: d.name() }).collect();
        let version = |o: &&&Object| {
            o.meta().resource_version.as_deref().and_then(|r| r.parse::<u64>().ok()).unwrap_or(0)
        };
        let pinned = self.pinned.as_ref().filter(|key| self.all.contains(key)).cloned();
        let latest = || all.iter().max_by_key(version).map(|d| d.name());
        self.subject = pinned.or_else(|| latest().map(|name| ObjectKey { kind: Kind::Deployment, name }));
        let subject = self.subject.as_ref().and_then(|key| store.fetch::<Deployment>(&key.name));
        let Some(deployment) = subject else {
            (self.sets, self.service) = (Vec::new(), None);
            return;
        };
        self.head = head(deployment);
        self.sets = sets(cluster, deployment);
        self.service = service(cluster, deployment, &self.sets);
        self.strip.begin(self.sets.first().map_or(0, |s| s.revision));
    }

    /// Chooses the next Deployment, or the one before.
    pub fn step(&mut self, by: isize) {
        let at = self.all.iter().position(|k| Some(k) == self.subject.as_ref()).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(self.all.len().saturating_sub(1));
        if self.all.get(to) != self.subject.as_ref() {
            self.pinned = self.all.get(to).cloned();
            self.strip = Strip { number: self.strip.number, ..Strip::default() };
        }
    }

    /// Sends a request if one is due. Answers whether it did.
    pub fn ask(&mut self, session: &Session) -> bool {
        let now = session.now();
        self.strip.next = self.strip.next.min(now + INTERVAL);
        if !is_busy(session) || now < self.strip.next {
            return false;
        }
        let Some(hit) = self.visit(session) else { return false };
        self.strip.next = now + INTERVAL;
        self.strip.take(hit);
        true
    }

    /// When the next request is due; `None` while nothing changes.
    pub fn due(&self, session: &Session) -> Option<SimTime> {
        (self.service.is_some() && is_busy(session)).then_some(self.strip.next)
    }

    fn visit(&mut self, session: &Session) -> Option<Hit> {
        let service = self.service.as_ref()?;
        let from = Point::Node(ready_node(&session.cluster())?.into());
        let call = HttpCall {
            method: "GET".to_owned(),
            host: service.address.clone(),
            port: service.port,
            path: "/".to_owned(),
            headers: vec![("Host".to_owned(), service.name.clone())],
            body: Vec::new(),
        };
        self.strip.number += 1;
        let client: &Client = session.client();
        let (pod, outcome) = client.visit(&from, &call, self.strip.number);
        Some(match outcome {
            Outcome::Answered(reply) if reply.took > PATIENCE => Hit::TimedOut,
            Outcome::Answered(reply) if reply.status >= 400 => Hit::Status(reply.status),
            Outcome::Answered(_) => {
                let pod = pod.and_then(|name| session.cluster().api.store.fetch::<Pod>(&name).cloned());
                Hit::Answered(pod.map_or(0, |pod| self.revision_of(&pod)))
            }
            Outcome::Refused => Hit::Refused,
            Outcome::TimedOut | Outcome::UnknownHost => Hit::TimedOut,
        })
    }

    fn revision_of(&self, pod: &Pod) -> u64 {
        let owner = pod.controller_of().map_or("", |o| o.uid.as_str());
        self.sets.iter().find(|s| s.uid == owner).map_or(0, |s| s.revision)
    }
}

impl Strip {
    /// Counts from zero when another revision begins.
    fn begin(&mut self, revision: u64) {
        if self.revision != revision {
            (self.good, self.bad, self.failure) = (0, 0, None);
            self.revision = revision;
        }
    }

    fn take(&mut self, hit: Hit) {
        if hit.is_good() {
            self.good += 1;
        } else {
            self.bad += 1;
            self.failure = Some(hit);
        }
        self.hits.push_back(hit);
        if self.hits.len() > HITS {
            self.hits.pop_front();
        }
    }
}

/// Whether anything has changed lately.
fn is_busy(session: &Session) -> bool {
    session.now().since(session.last_change()) < CALM
}

fn head(deployment: &Deployment) -> Head {
    let spec = deployment.spec.clone().unwrap_or_default();
    let status = deployment.status.clone().unwrap_or_default();
    let kind = spec.strategy.as_ref().and_then(|s| s.type_.clone()).unwrap_or_default();
    let text = |value: &Option<IntOrString>| match value {
        Some(IntOrString::Int(number)) => number.to_string(),
        Some(IntOrString::String(text)) => text.clone(),
        None => "0".to_owned(),
    };
    let rolling = spec.strategy.as_ref().and_then(|s| s.rolling_update.as_ref());
    let strategy = match rolling {
        Some(r) => format!("{kind} +{} -{}", text(&r.max_surge), text(&r.max_unavailable)),
        None => kind,
    };
    Head {
        wanted: spec.replicas.unwrap_or(1),
        updated: status.updated_replicas.unwrap_or(0),
        available: status.available_replicas.unwrap_or(0),
        paused: spec.paused == Some(true),
        strategy,
    }
}

fn sets(cluster: &Cluster, deployment: &Deployment) -> Vec<SetRow> {
    let store = &cluster.api.store;
    let mut rows: Vec<SetRow> = store
        .owned::<ReplicaSet>(deployment.uid_str())
        .map(|set| {
            let mut pods: Vec<PodState> =
                store.owned::<Pod>(set.uid_str()).map(|pod| PodState::of(pod)).collect();
            pods.sort_unstable();
            pods.truncate(DOTS);
            let spec = set.spec.as_ref();
            let containers = spec.and_then(|s| s.template.as_ref()?.spec.as_ref()).map(|s| &s.containers);
            let image = containers.and_then(|c| c.first()).and_then(|c| c.image.clone());
            let revision = set.annotation("deployment.kubernetes.io/revision");
            SetRow {
                uid: set.uid_str().to_owned(),
                revision: revision.and_then(|r| r.parse().ok()).unwrap_or(0),
                image: image.unwrap_or_default(),
                wanted: spec.and_then(|s| s.replicas).unwrap_or(0),
                pods,
                newest: false,
            }
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.revision));
    if let Some(first) = rows.first_mut() {
        first.newest = true;
    }
    rows.retain(|row| row.newest || row.wanted > 0 || !row.pods.is_empty());
    rows
}

/// The first Service that selects the Deployment's pods and has an address of its own.
fn service(cluster: &Cluster, deployment: &Deployment, sets: &[SetRow]) -> Option<ServiceRow> {
    let store = &cluster.api.store;
    let template = deployment.spec.as_ref()?.template.metadata.clone().unwrap_or_default();
    let labels = template.labels.unwrap_or_default();
    let fits = |service: &Service| {
        let selector = service.spec.as_ref().and_then(|s| s.selector.clone()).unwrap_or_default();
        !selector.is_empty() && Selector::from_map(&selector).matches(&labels)
    };
    let namespace = deployment.namespace_str();
    store.all_in::<Service>(namespace).filter(|s| fits(s)).find_map(|service| {
        let spec = service.spec.as_ref()?;
        let address = spec.cluster_ip.clone().filter(|a| a != "None" && !a.is_empty())?;
        let port = spec.ports.as_ref()?.first().and_then(|p| u16::try_from(p.port).ok())?;
        let name = service.name_str().to_owned();
        Some(ServiceRow { endpoints: endpoints(cluster, (namespace, &name), sets), name, address, port })
    })
}

fn endpoints(
    cluster: &Cluster,
    (namespace, service): (&str, &str),
    sets: &[SetRow],
) -> Vec<(u64, EndpointState)> {
    let store = &cluster.api.store;
    let revisions: BTreeMap<&str, u64> = sets.iter().map(|s| (s.uid.as_str(), s.revision)).collect();
    let mut found = Vec::new();
    let of = |slice: &&EndpointSlice| slice.label("kubernetes.io/service-name") == Some(service);
    for slice in store.all_in::<EndpointSlice>(namespace).map(AsRef::as_ref).filter(of) {
        for endpoint in slice.endpoints.iter().flatten() {
            let conditions = endpoint.conditions.clone().unwrap_or_default();
            let state = match (conditions.ready, conditions.terminating) {
                (_, Some(true)) => EndpointState::Leaving,
                (Some(false), _) => EndpointState::NotReady,
                _ => EndpointState::Ready,
            };
            let name = endpoint.target_ref.as_ref().and_then(|t| t.name.as_deref()).unwrap_or("");
            let pod = store.find::<Pod>(namespace, name);
            let owner = pod.and_then(|p| p.controller_of()).map_or("", |o| o.uid.as_str());
            found.push((revisions.get(owner).copied().unwrap_or(0), state));
        }
    }
    found.sort_by_key(|(revision, state)| (std::cmp::Reverse(*revision), *state));
    found
}

fn ready_node(cluster: &Cluster) -> Option<String> {
    let ready = |node: &Node| {
        let conditions = node.status.as_ref().and_then(|s| s.conditions.as_deref()).unwrap_or_default();
        conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
    };
    let mut nodes = cluster.api.store.list(Kind::Node).filter_map(Object::cast::<Node>);
    nodes.find(|node| ready(node)).map(|node| node.name_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Config;
    use crate::tui::panes::{Ages, Panes};

    fn play(lines: &[&str], mut panes: Option<&mut Panes>) -> Session {
        let mut session = Session::new(Config::default());
        for line in lines {
            session.submit(line);
            for _ in 0..80 {
                session.pass(INTERVAL, usize::MAX);
                if let Some(panes) = &mut panes {
                    panes.refresh(&session, Ages::Exact);
                }
            }
        }
        session
    }

    fn seen(lines: &[&str]) -> (Rollout, Session) {
        let mut panes = Panes::default();
        panes.show_rollout();
        let session = play(lines, Some(&mut panes));
        (panes.rollout.unwrap_or_default(), session)
    }

    const BEGIN: &str = "kubectl create deployment web --image=nginx:1.26 --replicas=4; kubectl expose deployment web --port=80";
    const UPDATE: &str = "kubectl set image deployment/web nginx=nginx:1.27";
    const RECREATE: &str =
        r#"kubectl patch deployment web -p '{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}'"#;

    #[test]
    fn a_rolling_update_answers_all_the_time_and_the_cluster_knows_nothing_of_it() {
        let (rollout, session) = seen(&[BEGIN, UPDATE]);
        let answers: Vec<Hit> = rollout.strip.hits.iter().copied().filter(|h| h.is_good()).collect();
        assert_eq!(answers.last(), Some(&Hit::Answered(2)));
        assert!(answers.contains(&Hit::Answered(1)) && rollout.strip.good > 20);
        assert_eq!((rollout.strip.bad, rollout.strip.failure), (0, None));
        assert_eq!(rollout.sets.len(), 1);
        assert_eq!(rollout.due(&session), None, "nothing changes any more");
        let alone = play(&[BEGIN, UPDATE], None);
        assert_eq!(session.cluster().fingerprint(), alone.cluster().fingerprint());
        let ask = "kubectl logs -l app=web --tail=-1 | grep -c GET";
        let count = |mut session: Session| crate::course::Runner::run(&mut session, ask).output;
        assert_eq!(count(session), count(alone));
    }

    #[test]
    fn recreate_is_seen_to_fail_for_a_while() {
        let (rollout, _) = seen(&[BEGIN, RECREATE, UPDATE]);
        assert!(rollout.strip.bad > 0 && rollout.strip.failure == Some(Hit::Refused), "{:?}", rollout.strip);
        assert_eq!(rollout.strip.hits.back(), Some(&Hit::Answered(2)));
        let (again, _) = seen(&[BEGIN, RECREATE, UPDATE]);
        assert_eq!(rollout.strip.hits, again.strip.hits);
    }
}
