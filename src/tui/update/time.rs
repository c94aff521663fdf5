//! Time: how fast it runs, what it brings, and how long the program may sleep.

use crate::session::{Entry, Speed};
use crate::shell::Control;
use crate::tui::app::App;
use crate::tui::describe;
use crate::tui::editor::Editor;
use crate::tui::keys::Action;
use crate::tui::overlay::{Answer, Dialog, Overlay};
use crate::tui::panes::{self, Ages};
use crate::tui::play::{Passed, Play, PlayKind};
use crate::tui::update::overlays::SPEEDS;
use crate::tui::words::{Word, fill};
use std::time::Duration;

/// How long nothing must be done before ages are shown by the minute, so that the screen can rest.
const REST_AFTER: Duration = Duration::from_secs(30);
/// The shortest sleep, so that a fast clock does not keep the processor awake.
const SHORTEST: Duration = Duration::from_millis(15);
/// How often ages are refreshed at most.
const REFRESH: Duration = Duration::from_millis(200);

/// How long the program may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: there is more to do.
    No,
    /// So long.
    For(Duration),
    /// Until a key is pressed.
    Forever,
}

impl App {
    pub(super) fn time(&mut self, action: &Action) {
        let Some(play) = self.play.as_mut().filter(|_| self.screen == crate::tui::app::Screen::Play) else {
            return;
        };
        let now = match play.session.speed() {
            Speed::Times(factor) => factor,
            Speed::Paused | Speed::UntilQuiet { .. } => play.resume,
        };
        let at = SPEEDS.iter().position(|s| *s == now).unwrap_or(0);
        match action {
            Action::Faster => play.run_at(SPEEDS[(at + 1).min(SPEEDS.len() - 1)]),
            Action::Slower => play.run_at(SPEEDS[at.saturating_sub(1)]),
            Action::SetSpeed(factor) => play.run_at(*factor),
            Action::Pause if play.session.speed() == Speed::Paused => play.run_at(now),
            Action::Pause => {
                play.resume = now;
                play.session.set_speed(Speed::Paused);
            }
            Action::UntilQuiet => {
                let since = play.session.now();
                play.session.set_speed(Speed::UntilQuiet { since });
            }
            Action::Step => {
                play.resume = now;
                play.session.set_speed(Speed::Paused);
                if !play.step_once() {
                    self.say(self.word(Word::SaidNothingDue));
                }
            }
            _ => {}
        }
        self.stale = true;
    }

    /// Lets time pass. Answers what came of it.
    pub fn pass(&mut self, elapsed: Duration, enough: impl FnMut() -> bool) -> Passed {
        let Some(play) = &mut self.play else { return Passed::default() };
        let until_quiet = matches!(play.session.speed(), Speed::UntilQuiet { .. });
        let passed = play.pass(elapsed, enough);
        if until_quiet && !matches!(play.session.speed(), Speed::UntilQuiet { .. }) {
            let resume = play.resume;
            play.session.set_speed(Speed::Times(resume));
            self.say(self.word(Word::SaidQuiet));
        }
        self.stale |= passed.changed;
        passed
    }

    /// How long the program may sleep, when nothing was done for `idle`.
    pub fn wait(&self, idle: Duration) -> Wait {
        let Some(play) = &self.play else { return Wait::Forever };
        let mut waits: Vec<Duration> = play.quiet_for().into_iter().collect();
        if matches!(play.session.speed(), Speed::UntilQuiet { .. }) {
            return Wait::No;
        }
        waits.extend(play.until(self.school.due()));
        let rollout = play.panes.rollout.as_ref().and_then(|r| r.due(&play.session));
        waits.extend(play.until(rollout));
        if self.rests(idle) {
            waits.extend(play.until_next(60).map(|w| w.max(REFRESH)));
        } else {
            waits.extend(play.until_next(1).map(|w| w.max(REFRESH)));
            waits.push(REST_AFTER.saturating_sub(idle));
        }
        waits.into_iter().min().map_or(Wait::Forever, |wait| Wait::For(wait.max(SHORTEST)))
    }

    /// Whether the screen rests: nothing was done and nothing changed for a while.
    fn rests(&self, idle: Duration) -> bool {
        let holding = |s: &crate::course::view::StepView| {
            s.checks.iter().any(|c| matches!(c.state, crate::course::view::CheckState::Holding(..)))
        };
        let holds = |p: &Play| p.step.as_ref().is_some_and(holding);
        idle >= REST_AFTER && !self.play.as_ref().is_some_and(|p| p.session.busy() || holds(p))
    }

    /// Chooses how exactly ages are shown. Answers whether that changed.
    pub fn choose_ages(&mut self, idle: Duration) -> bool {
        let ages = if self.rests(idle) { Ages::Coarse } else { Ages::Exact };
        std::mem::replace(&mut self.ages, ages) != ages
    }

    /// Looks at the cluster again, where something may have changed. Answers whether the screen must be drawn.
    pub fn refresh(&mut self) -> bool {
        self.stale = false;
        let (columns, _) = crate::tui::view::output_size(self);
        let (theme, ages, language) = (self.theme.clone(), self.ages, self.language);
        let Some(play) = &mut self.play else { return true };
        play.session.poll();
        play.session.shell().set_columns(u16::try_from(columns).unwrap_or(u16::MAX));
        if let Some(near) = play.session.shell_mut().take_hint() {
            let note = fill(Word::DidYouMean, language, &[&near]) + "\n";
            play.session.transcript_mut().push(Entry::Note(note));
        }
        let wishes = play.session.take_wishes();
        let mut changed = !wishes.is_empty();
        for wish in wishes {
            self.grant(wish);
        }
        let Some(play) = &mut self.play else { return true };
        if play.kind == PlayKind::Lesson {
            self.school.look(&play.session);
            let step = self.school.step(language);
            changed |= play.set_step(step);
        }
        play.panes.follow_namespace(play.session.shell().namespace());
        changed |= play.panes.refresh(&play.session, ages);
        changed |= play.open_editor();
        changed |= play.output.sync(play.session.transcript(), &theme, columns);
        if changed
            && let Some(Overlay::Reader(reader)) = &mut self.overlay
            && let Some(key) = &reader.subject
        {
            reader.text = describe::describe(play.session.client(), key);
        }
        changed
    }

    fn show_lesson(&mut self) {
        if let Some(play) = self.play.as_mut().filter(|p| p.kind == PlayKind::Lesson) {
            play.shown = panes::Pane::Lesson;
        }
    }

    /// Does what `dojo` asks for at the prompt.
    fn grant(&mut self, request: Control) {
        match request {
            Control::Hint => self.act(Action::Hint),
            // The lesson's pane shows what is missing; it only has to be in sight.
            Control::Check => self.show_lesson(),
            Control::Rollout => self.act(Action::ShowRollout),
            Control::Leave => self.leave(),
            // The session has done these itself.
            Control::Undo
            | Control::Reset
            | Control::Clear
            | Control::Pause
            | Control::UntilQuiet
            | Control::Speed(_) => {}
        }
    }

    /// Looks at the cluster again at the next refresh.
    pub fn mark_stale(&mut self) {
        self.stale = true;
    }

    /// Whether something may have changed since the last [`App::refresh`].
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// Whether the clock or an age on the screen reads otherwise than at the last refresh.
    pub fn shows_seconds(&self) -> bool {
        let Some(play) = &self.play else { return false };
        self.ages == Ages::Exact || panes::counts_seconds(&play.session.cluster(), &play.panes)
    }

    pub(super) fn change_cluster(&mut self, action: Action) {
        let Some(play) = &mut self.play else { return };
        match action {
            Action::Undo => {
                let said = match play.session.undo() {
                    Some(line) => self.fill(Word::SaidUndone, &[line.lines().next().unwrap_or("")]),
                    None => self.word(Word::SaidNothingToUndo).to_owned(),
                };
                self.say(said);
            }
            Action::Reset => self.ask(Word::ResetTitle, "", Word::ResetText, (Word::ResetYes, Answer::Reset)),
            Action::NodeRemove(name) => {
                let answer = Answer::RemoveNode(name.clone());
                self.ask(Word::RemoveTitle, &name, Word::RemoveText, (Word::RemoveYes, answer));
            }
            Action::NodeFail(name) => {
                self.machine(&machines::Action::Fail(name.clone()), Word::SaidNodeFailed, &name);
            }
            Action::NodeRecover(name) => {
                self.machine(&machines::Action::Recover(name.clone()), Word::SaidNodeRecovered, &name);
            }
            Action::NodeAdd => {
                let name = self.new_node_name();
                let config = crate::cluster::NodeConfig::worker(&name);
                self.machine(&machines::Action::Add(config), Word::SaidNodeAdded, &name);
            }
            _ => {}
        }
        if let Some(play) = &mut self.play {
            play.panes.forget();
        }
        self.stale = true;
    }

    pub(super) fn ask(&mut self, title: Word, part: &str, text: Word, yes: (Word, Answer)) {
        let title = self.fill(title, &[part]);
        let yes = (self.word(yes.0), yes.1);
        let dialog = Dialog::dangerous(title, self.word(text).to_owned(), self.word(Word::ActCancel), yes);
        self.overlay = Some(Overlay::Dialog(dialog));
    }

    pub(super) fn reset_now(&mut self) {
        if let Some(play) = &mut self.play {
            play.session.reset();
            play.panes.forget();
            self.stale = true;
            self.say(self.word(Word::SaidReset));
        }
    }

    pub(super) fn remove_node_now(&mut self, name: &str) {
        self.machine(&machines::Action::Remove(name.to_owned()), Word::SaidNodeRemoved, name);
    }

    fn machine(&mut self, action: &machines::Action, said: Word, name: &str) {
        let Some(play) = &mut self.play else { return };
        let outcome = play.session.machine(action);
        let said = match outcome {
            Ok(()) => self.fill(said, &[name]),
            Err(why) => why,
        };
        self.say(said);
        self.stale = true;
    }

    fn new_node_name(&self) -> String {
        let taken = |name: &str| {
            self.play.as_ref().is_some_and(|p| {
                let key = crate::object::ObjectKey::new(crate::object::Kind::Node, "", name);
                p.session.cluster().api.store.get(&key).is_some()
            })
        };
        (1..10_000).map(|i| format!("worker-{i}")).find(|name| !taken(name)).unwrap_or_default()
    }
}

use crate::cluster::machines;

impl Play {
    fn run_at(&mut self, factor: u32) {
        self.resume = factor;
        self.session.set_speed(Speed::Times(factor));
    }

    /// Takes the step as it stands. Answers whether it looks otherwise.
    fn set_step(&mut self, step: Option<crate::course::view::StepView>) -> bool {
        if self.step == step {
            return false;
        }
        let place = |s: &Option<crate::course::view::StepView>| s.as_ref().map(|s| s.number);
        if place(&self.step) != place(&step) {
            self.lesson_scroll = 0;
            self.option = 0;
            self.chosen.clear();
        }
        self.step = step;
        true
    }

    /// Opens the editor when the running command asks for one.
    fn open_editor(&mut self) -> bool {
        let crate::shell::Job::Editing(path) = self.session.job() else { return false };
        if self.editor.is_some() {
            return false;
        }
        let content = self.session.shell().file(path);
        self.editor = Some(Editor::new(path, &content));
        true
    }
}
