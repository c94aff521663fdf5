//! A cluster in play: a session with its prompt, panes and time, in a lesson or in the sandbox.
//!
//! Always holds: a burst of things due never holds up a key (time falls behind a little instead).

use super::editor::Editor;
use super::output::Output;
use super::panes::{Pane, Panes};
use super::prompt::{History, Prompt};
use crate::course::view::StepView;
use crate::object::{SECOND, SimTime};
use crate::session::{Session, Speed};
use std::collections::BTreeSet;
use std::time::Duration;

/// How many steps of the cluster are taken between two looks at the clock.
const SLICE: usize = 32;
/// How far, in seconds of the learner's time, the cluster may fall behind before time is dropped.
const BEHIND_SECONDS: u64 = 1;

/// What a cluster is played for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PlayKind {
    Sandbox,
    Lesson,
}

/// What came of letting time pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Whether the cluster or the running command has something new.
    pub changed: bool,
    /// Whether there is more to do at once.
    pub behind: bool,
}

/// A cluster in play.
pub struct Play {
    /// What for.
    pub kind: PlayKind,
    /// The cluster, the shell, and what it printed.
    pub session: Session,
    /// When it was opened: the clock on the screen counts from here.
    pub opened: SimTime,
    /// Where the learner types.
    pub prompt: Prompt,
    /// What was printed, as rows.
    pub output: Output,
    /// What the panes show.
    pub panes: Panes,
    /// The pane that has the keys.
    pub focus: Pane,
    /// The pane that is shown where several share a place.
    pub shown: Pane,
    /// The lesson's step.
    pub step: Option<StepView>,
    /// The first row of the lesson that is shown.
    pub lesson_scroll: usize,
    /// The answer that is pointed at.
    pub option: usize,
    /// The answers chosen so far, where several may be.
    pub chosen: BTreeSet<usize>,
    /// The file that is being edited.
    pub editor: Option<Editor>,
    /// The speed to go back to after a pause.
    pub resume: u32,
    due: Option<SimTime>,
}

impl Play {
    /// Begins to play with a session.
    pub fn new(kind: PlayKind, session: Session, history: History) -> Self {
        let shown = if kind == PlayKind::Lesson { Pane::Lesson } else { Pane::Nodes };
        Self {
            kind,
            opened: session.now(),
            session,
            prompt: Prompt::new(history),
            output: Output::default(),
            panes: Panes::default(),
            focus: Pane::Prompt,
            shown,
            step: None,
            lesson_scroll: 0,
            option: 0,
            chosen: BTreeSet::new(),
            editor: None,
            resume: 1,
            due: None,
        }
    }

    /// The panes there are, in the order in which Tab goes through them.
    pub fn all_panes(&self) -> Vec<Pane> {
        let mut panes = vec![Pane::Lesson, Pane::Nodes, Pane::Objects, Pane::Events];
        if self.kind == PlayKind::Sandbox {
            panes.remove(0);
        }
        panes
    }

    /// How many rows the prompt's pane has to show on a screen of this width: what was printed, and the typed line.
    pub fn rows_printed(&self, width: u16) -> usize {
        let columns = usize::from(width).saturating_sub(2).max(1);
        let typed = self.prompt.line.text().split('\n').map(|line| super::text::width(line) / columns + 1);
        self.output.rows_at_most(columns, 200) + typed.sum::<usize>()
    }

    /// Whether the step asks a question that is not answered yet.
    pub fn question_open(&self) -> bool {
        let question = self.step.as_ref().and_then(|s| s.question.as_ref());
        question.is_some_and(|q| q.verdict.is_none() && !q.options.is_empty())
    }

    /// Whether the current step is done or only to be read, so that "next" goes on.
    pub fn goes_on(&self) -> bool {
        self.step.as_ref().is_some_and(|s| s.done || s.kind == crate::course::model::StepKind::Read)
    }

    /// Lets time pass: `elapsed` of the learner's, until `enough` says that the screen has waited long enough.
    pub fn pass(&mut self, elapsed: Duration, mut enough: impl FnMut() -> bool) -> Passed {
        let before = self.mark();
        let behind = match self.session.speed() {
            Speed::Paused => {
                self.due = None;
                false
            }
            Speed::UntilQuiet { .. } => {
                let mut done = false;
                while !done && !enough() {
                    done = self.session.pass(0, SLICE);
                }
                !done
            }
            Speed::Times(factor) => self.follow_clock(elapsed, u64::from(factor), &mut enough),
        };
        Passed { changed: self.mark() != before, behind }
    }

    fn follow_clock(&mut self, elapsed: Duration, factor: u64, enough: &mut impl FnMut() -> bool) -> bool {
        let now = self.session.now();
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let wanted = self.due.unwrap_or(now).max(now) + nanos.saturating_mul(factor);
        let most = now + BEHIND_SECONDS * SECOND * factor.max(1) + nanos.min(SECOND).saturating_mul(factor);
        let until = wanted.min(most);
        self.due = Some(until);
        loop {
            if self.session.advance_to(until, SLICE) {
                self.due = None;
                return false;
            }
            if enough() {
                return true;
            }
        }
    }

    /// What shows whether anything happened.
    fn mark(&self) -> (u64, u64, bool, Option<u32>) {
        let revision = self.session.cluster().api.store.revision();
        let speed = if let Speed::Times(factor) = self.session.speed() { Some(factor) } else { None };
        (revision, self.session.transcript().version(), self.session.busy(), speed)
    }

    /// How long nothing is due, at the chosen speed; `None` when nothing is waiting to happen.
    pub fn quiet_for(&self) -> Option<Duration> {
        let Speed::Times(factor) = self.session.speed() else {
            return matches!(self.session.speed(), Speed::UntilQuiet { .. }).then_some(Duration::ZERO);
        };
        let left = self.session.next_deadline()?.since(self.session.now());
        Some(Duration::from_nanos(left / u64::from(factor.max(1))))
    }

    /// How long until a moment of virtual time, at the chosen speed; `None` while time stands.
    pub fn until(&self, moment: Option<SimTime>) -> Option<Duration> {
        let Speed::Times(factor) = self.session.speed() else { return None };
        Some(Duration::from_nanos(moment?.since(self.session.now()) / u64::from(factor.max(1))))
    }

    /// How long until the clock shows another second or minute, at the chosen speed; `None` while time stands.
    pub fn until_next(&self, unit_seconds: u64) -> Option<Duration> {
        let Speed::Times(factor) = self.session.speed() else { return None };
        let unit = unit_seconds * SECOND;
        let left = unit - self.session.now().since(self.opened) % unit;
        Some(Duration::from_nanos(left / u64::from(factor.max(1))))
    }

    /// Steps to the next thing that is due. Answers whether there was one.
    pub fn step_once(&mut self) -> bool {
        let Some(next) = self.session.next_deadline() else { return false };
        let next = next.max(self.session.now());
        self.session.advance_to(next, 1);
        self.due = None;
        true
    }
}
