//! What the panes show, taken from the cluster when it changed: plain rows, so that drawing looks at nothing else.
//!
//! Always holds: a selection follows its object, not its row; only as many rows are made as can be of use.

pub mod events;
pub mod nodes;
pub mod objects;
pub mod rollout;

pub use events::EventRow;
pub use nodes::{NodeRow, PodDot, PodState};
pub use objects::ObjectTable;
pub use rollout::Rollout;

use crate::cluster::Cluster;
use crate::object::{Kind, ObjectKey};
use crate::session::Session;

/// The kinds that the objects pane goes through, in order.
pub const KINDS: &[Kind] = &[
    Kind::Pod,
    Kind::Deployment,
    Kind::ReplicaSet,
    Kind::Service,
    Kind::EndpointSlice,
    Kind::PersistentVolumeClaim,
    Kind::PersistentVolume,
    Kind::StorageClass,
    Kind::ConfigMap,
    Kind::Secret,
    Kind::DaemonSet,
    Kind::StatefulSet,
    Kind::Job,
    Kind::CronJob,
    Kind::PodDisruptionBudget,
    Kind::ServiceAccount,
    Kind::Namespace,
    Kind::Node,
];

/// A part of the play screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Pane {
    Prompt,
    Lesson,
    Nodes,
    Objects,
    Events,
}

/// Which namespaces the panes show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Namespaces {
    /// The prompt's current one.
    #[default]
    Current,
    /// All of them.
    All,
}

/// How exactly ages are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ages {
    /// As kubectl does: the screen is refreshed while it matters.
    Exact,
    /// By the minute: the screen rests.
    Coarse,
}

/// What the panes show.
#[derive(Clone, Debug)]
pub struct Panes {
    /// Nodes and their pods.
    pub nodes: Vec<NodeRow>,
    /// The objects of the chosen kind.
    pub objects: ObjectTable,
    /// Events, the newest first.
    pub events: Vec<EventRow>,
    /// The chosen kind.
    pub kind: Kind,
    /// The roll-out that is shown in the place of the objects.
    pub rollout: Option<Rollout>,
    /// The namespaces shown.
    pub namespaces: Namespaces,
    /// The prompt's namespace.
    pub namespace: String,
    /// What is selected in each pane.
    pub selected: Selected,
    seen: Option<(u64, i64, Ages)>,
}

/// The selected object of each pane, and the row where it was last seen.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Selected {
    pub node: Choice,
    pub object: Choice,
    pub event: Choice,
}

/// A selected object and its row.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The object.
    pub key: Option<ObjectKey>,
    /// Its row.
    pub row: usize,
}

impl Choice {
    /// Finds the object again among `keys`; where it is gone, its neighbour is selected.
    pub fn follow(&mut self, keys: &[ObjectKey]) {
        let found = self.key.as_ref().and_then(|key| keys.iter().position(|k| k == key));
        self.row = found.unwrap_or(self.row.min(keys.len().saturating_sub(1)));
        self.key = keys.get(self.row).cloned();
    }

    /// Moves by so many rows.
    pub fn step(&mut self, by: isize, keys: &[ObjectKey]) {
        let last = keys.len().saturating_sub(1);
        self.row = self.row.saturating_add_signed(by).min(last);
        self.key = keys.get(self.row).cloned();
    }
}

impl Default for Panes {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            objects: ObjectTable::default(),
            events: Vec::new(),
            kind: Kind::Pod,
            rollout: None,
            namespaces: Namespaces::Current,
            namespace: "default".to_owned(),
            selected: Selected::default(),
            seen: None,
        }
    }
}

impl Panes {
    /// Looks at the cluster again if something changed or `ages` would read otherwise. Answers whether it did.
    pub fn refresh(&mut self, session: &Session, ages: Ages) -> bool {
        let cluster = session.cluster();
        let unit = if ages == Ages::Exact { 1 } else { 60 };
        let seen = (cluster.api.store.revision(), cluster.now().seconds() / unit, ages);
        if self.seen == Some(seen) {
            drop(cluster);
            return self.rollout.as_mut().is_some_and(|rollout| rollout.ask(session));
        }
        self.seen = Some(seen);
        self.nodes = nodes::rows(&cluster);
        self.events = events::rows(&cluster, self.filter(), ages);
        let filter = (self.namespaces == Namespaces::Current).then_some(self.namespace.as_str());
        if let Some(rollout) = &mut self.rollout {
            rollout.look(&cluster, filter);
        }
        drop(cluster);
        if let Some(rollout) = &mut self.rollout {
            rollout.ask(session);
        }
        self.objects = objects::table(session.client(), self.kind, self.filter(), ages);
        self.follow();
        true
    }

    /// Shows the namespace that commands use where they name none.
    pub fn follow_namespace(&mut self, namespace: String) {
        if self.namespace != namespace {
            self.namespace = namespace;
            self.forget();
        }
    }

    /// Looks again at the next refresh, whatever happened.
    pub fn forget(&mut self) {
        self.seen = None;
    }

    /// The namespace that is shown; `None` for all.
    pub fn filter(&self) -> Option<&str> {
        (self.namespaces == Namespaces::Current).then_some(self.namespace.as_str())
    }

    /// The objects of a pane's rows.
    pub fn keys(&self, pane: Pane) -> Vec<ObjectKey> {
        match pane {
            Pane::Nodes => {
                self.nodes.iter().map(|n| ObjectKey::new(Kind::Node, "", n.name.as_str())).collect()
            }
            Pane::Objects if self.rollout.is_some() => Vec::new(),
            Pane::Objects => self.objects.keys.clone(),
            Pane::Events => self.events.iter().map(|e| e.key.clone()).collect(),
            Pane::Prompt | Pane::Lesson => Vec::new(),
        }
    }

    /// What is selected in a pane.
    pub fn choice(&self, pane: Pane) -> Option<&Choice> {
        match pane {
            Pane::Nodes => Some(&self.selected.node),
            Pane::Objects => Some(&self.selected.object),
            Pane::Events => Some(&self.selected.event),
            Pane::Prompt | Pane::Lesson => None,
        }
    }

    /// Moves a pane's selection.
    pub fn step(&mut self, pane: Pane, by: isize) {
        if let (Pane::Objects, Some(rollout)) = (pane, &mut self.rollout) {
            rollout.step(by);
            self.forget();
            return;
        }
        let keys = self.keys(pane);
        match pane {
            Pane::Nodes => self.selected.node.step(by, &keys),
            Pane::Objects => self.selected.object.step(by, &keys),
            Pane::Events => self.selected.event.step(by, &keys),
            Pane::Prompt | Pane::Lesson => {}
        }
    }

    /// Shows another kind.
    pub fn show(&mut self, kind: Kind) {
        self.kind = kind;
        self.rollout = None;
        self.selected.object = Choice::default();
        self.forget();
    }

    /// Shows the roll-out of a Deployment in the place of objects.
    pub fn show_rollout(&mut self) {
        if self.rollout.is_none() {
            self.rollout = Some(Rollout::default());
        }
        self.selected.object = Choice::default();
        self.forget();
    }

    /// Shows what stands so many places after what is shown: the roll-out, then the kinds, then again.
    pub fn turn(&mut self, by: isize) {
        let count = isize::try_from(KINDS.len()).unwrap_or(1) + 1;
        let kind = KINDS.iter().position(|k| *k == self.kind).map_or(0, |at| at + 1);
        let at = if self.rollout.is_some() { 0 } else { kind };
        let to = (isize::try_from(at).unwrap_or(0) + by).rem_euclid(count);
        match usize::try_from(to).unwrap_or(0).checked_sub(1) {
            Some(place) => self.show(KINDS[place]),
            None => self.show_rollout(),
        }
    }

    /// The object to describe for a pane's selection: for an event, what it is about.
    pub fn subject(&self, pane: Pane) -> Option<ObjectKey> {
        if pane == Pane::Events {
            return self.events.get(self.selected.event.row).and_then(|e| e.about.clone());
        }
        if let (Pane::Objects, Some(rollout)) = (pane, &self.rollout) {
            return rollout.subject.clone();
        }
        self.choice(pane)?.key.clone()
    }

    fn follow(&mut self) {
        for pane in [Pane::Nodes, Pane::Objects, Pane::Events] {
            let keys = self.keys(pane);
            match pane {
                Pane::Nodes => self.selected.node.follow(&keys),
                Pane::Objects => self.selected.object.follow(&keys),
                _ => self.selected.event.follow(&keys),
            }
        }
    }
}

/// An age as kubectl prints it: two units while they are small.
pub fn age(nanos: u64, ages: Ages) -> String {
    let seconds = nanos / crate::object::SECOND;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if ages == Ages::Coarse && minutes < 10 {
        return if minutes == 0 { "<1m".to_owned() } else { format!("{minutes}m") };
    }
    let pair = |big: u64, unit: char, small: u64, small_unit: char| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{small_unit}") }
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => pair(minutes, 'm', seconds % 60, 's'),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => pair(hours, 'h', minutes % 60, 'm'),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => pair(days, 'd', hours % 24, 'h'),
        _ => format!("{days}d"),
    }
}

/// Whether any age on the screen counts in seconds: only then is it worth a refresh each second.
pub fn counts_seconds(cluster: &Cluster, panes: &Panes) -> bool {
    let now = cluster.now();
    let young = |at: crate::object::SimTime| now.since(at) < 600 * crate::object::SECOND;
    panes.events.first().is_some_and(|e| young(e.at)) || panes.objects.counts_seconds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::SECOND;

    #[test]
    fn ages_as_kubectl_prints_them() {
        let exact = |seconds: u64| age(seconds * SECOND, Ages::Exact);
        assert_eq!(exact(119), "119s");
        assert_eq!(exact(120), "2m");
        assert_eq!(exact(200), "3m20s");
        assert_eq!(exact(601), "10m");
        assert_eq!(exact(11_400), "3h10m");
        assert_eq!(exact(200_000), "2d7h");
        assert_eq!(age(59 * SECOND, Ages::Coarse), "<1m");
        assert_eq!(age(200 * SECOND, Ages::Coarse), "3m");
    }

    #[test]
    fn a_selection_follows_its_object() {
        let key = |name: &str| ObjectKey::new(Kind::Pod, "default", name);
        let mut choice = Choice::default();
        choice.follow(&[key("a"), key("c")]);
        choice.step(1, &[key("a"), key("c")]);
        choice.follow(&[key("a"), key("b"), key("c")]);
        assert_eq!((choice.row, choice.key.clone()), (2, Some(key("c"))));
        choice.follow(&[key("a"), key("b")]);
        assert_eq!((choice.row, choice.key.clone()), (1, Some(key("b"))));
        choice.follow(&[]);
        assert_eq!((choice.row, choice.key), (0, None));
    }
}
