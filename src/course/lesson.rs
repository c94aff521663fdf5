//! A running lesson: which step, how its checks stand, which hints were taken, what was answered.
//!
//! Always holds: a step that was done stays done, whatever happens to the cluster later. All that must survive leaving is
//! in [`LessonState`]; the rest is found again by looking.

use super::checks::Checks;
use super::model::{Lesson, Step, StepKind};
use super::question::{self, Answer};
use super::runner::Runner;
use super::text::{Block, Language};
use super::view::{HintKind, HintView, StepView, Verdict};
use crate::client::Client;
use crate::object::SimTime;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How far a learner is with a lesson.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonState {
    /// The current step, from 0.
    pub step: usize,
    /// Each step's state; those not begun are missing.
    pub steps: Vec<StepState>,
    /// Whether the lesson was finished, now or earlier.
    #[serde(default)]
    pub finished: bool,
}

/// How far a learner is with a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepState {
    /// Whether it is done.
    pub done: bool,
    /// How many hints were taken.
    #[serde(default)]
    pub hints: usize,
    /// What was answered.
    #[serde(default)]
    pub answer: Option<Answer>,
}

/// A lesson that is being taken.
#[derive(Clone, Debug)]
pub struct LessonRun {
    lesson: Arc<Lesson>,
    state: LessonState,
    checks: Checks,
}

/// What "next" led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onward {
    /// The step is not done yet.
    Stays,
    /// Another step has begun.
    Stepped,
    /// The lesson is over.
    Finished,
}

impl LessonRun {
    /// Begins a lesson in a new cluster.
    pub fn begin(lesson: Arc<Lesson>, runner: &mut dyn Runner) -> Self {
        runner.run(&lesson.cluster.setup);
        let mut run = Self::resume(lesson, LessonState::default());
        run.enter(0, runner);
        run
    }

    /// Goes on with a lesson. Its cluster must have been brought back before.
    pub fn resume(lesson: Arc<Lesson>, mut state: LessonState) -> Self {
        state.step = state.step.min(lesson.steps.len().saturating_sub(1));
        state.steps.resize(lesson.steps.len(), StepState::default());
        let checks = Checks::new(lesson.steps.get(state.step).map_or(&[], |s| &s.checks));
        let mut run = Self { lesson, state, checks };
        run.mark_read();
        run
    }

    fn enter(&mut self, at: usize, runner: &mut dyn Runner) {
        self.state.step = at;
        if let Some(step) = self.lesson.steps.get(at) {
            if !step.setup.is_empty() {
                runner.run(&step.setup);
            }
            self.checks = Checks::new(&step.checks);
        }
        self.mark_read();
    }

    fn mark_read(&mut self) {
        if self.step().is_some_and(|s| s.kind == StepKind::Read) {
            self.state_mut().done = true;
        }
    }

    /// The lesson.
    pub fn lesson(&self) -> &Arc<Lesson> {
        &self.lesson
    }

    /// What must survive leaving.
    pub fn state(&self) -> &LessonState {
        &self.state
    }

    fn step(&self) -> Option<&Step> {
        self.lesson.steps.get(self.state.step)
    }

    fn state_mut(&mut self) -> &mut StepState {
        if self.state.steps.len() <= self.state.step {
            self.state.steps.resize(self.state.step + 1, StepState::default());
        }
        &mut self.state.steps[self.state.step]
    }

    fn standing(&self) -> StepState {
        self.state.steps.get(self.state.step).cloned().unwrap_or_default()
    }

    /// Looks whether the cluster is as the step asks. Answers whether anything is to be shown anew.
    pub fn look(&mut self, client: &Client) -> bool {
        let Some(step) = self.lesson.steps.get(self.state.step) else { return false };
        if step.kind != StepKind::Do {
            return false;
        }
        let changed = self.checks.look(&step.checks, client);
        if self.checks.all_met() && !self.standing().done {
            self.state_mut().done = true;
            return true;
        }
        changed
    }

    /// When to look even if nothing changes: a check will have held long enough.
    pub fn due(&self) -> Option<SimTime> {
        self.checks.due()
    }

    /// Goes on to the next step, if this one is done; its setup runs.
    pub fn next(&mut self, runner: &mut dyn Runner) -> Onward {
        if !self.standing().done {
            return Onward::Stays;
        }
        if self.state.step + 1 >= self.lesson.steps.len() {
            self.state.finished = true;
            return Onward::Finished;
        }
        self.enter(self.state.step + 1, runner);
        Onward::Stepped
    }

    /// Gives the next hint, if there is one.
    pub fn hint(&mut self) -> Option<HintKind> {
        let next = self.next_hint()?;
        self.state_mut().hints += 1;
        Some(next)
    }

    /// The hint that comes next.
    pub fn next_hint(&self) -> Option<HintKind> {
        let step = self.step()?;
        if self.standing().done {
            return None;
        }
        ladder(step).get(self.standing().hints).copied()
    }

    /// The hint that was last taken, for a command or solution what can be typed in for the learner.
    pub fn script(&self) -> Option<&str> {
        let step = self.step()?;
        let last = self.standing().hints.checked_sub(1)?;
        match ladder(step).get(last)? {
            HintKind::Command => step.hints.command.as_deref(),
            HintKind::Solution => Some(&step.solution),
            HintKind::Where | HintKind::Idea => None,
        }
    }

    /// Takes the answer to the step's question: places among the options, from 0. A prediction then happens on a copy
    /// of the cluster. An answer is given once.
    pub fn answer(&mut self, chosen: &[usize], runner: &dyn Runner) -> Option<Verdict> {
        let step = self.lesson.steps.get(self.state.step)?.clone();
        let ask = step.ask.as_ref()?;
        let legal = !chosen.is_empty() && chosen.iter().all(|c| *c < ask.options.len());
        if self.standing().answer.is_some() || !legal {
            return None;
        }
        let answer = match step.kind {
            StepKind::Predict => question::predict(ask, chosen, &mut *runner.fork()),
            _ => question::choose(ask, chosen),
        };
        let verdict = answer.verdict();
        let state = self.state_mut();
        state.answer = Some(answer);
        state.done = true;
        Some(verdict)
    }

    /// The current step, to be shown.
    pub fn view(&self, language: Language) -> Option<StepView> {
        let step = self.step()?;
        let state = self.standing();
        let ladder = ladder(step);
        let count = self.lesson.steps.len();
        let last = self.state.step + 1 == count;
        Some(StepView {
            lesson: self.lesson.id.clone(),
            lesson_title: self.lesson.title.get(language).to_owned(),
            number: self.state.step + 1,
            count,
            kind: step.kind,
            title: step.title.get(language).to_owned(),
            text: step.text.blocks(language),
            checks: self.checks.views(&step.checks, language),
            hints: ladder.iter().take(state.hints).map(|kind| hint(step, *kind, language)).collect(),
            next_hint: self.next_hint(),
            question: step.ask.as_ref().map(|ask| question::view(ask, state.answer.as_ref(), language)),
            done: state.done,
            learned: (last && state.done).then(|| self.lesson.learned.blocks(language)),
        })
    }
}

/// The hints that a step has, from little to all.
fn ladder(step: &Step) -> Vec<HintKind> {
    let mut ladder = Vec::new();
    let mut add = |there: bool, kind| {
        if there {
            ladder.push(kind);
        }
    };
    add(step.hints.place.is_some(), HintKind::Where);
    add(step.hints.idea.is_some(), HintKind::Idea);
    add(step.hints.command.is_some(), HintKind::Command);
    add(!step.solution.trim().is_empty(), HintKind::Solution);
    ladder
}

fn hint(step: &Step, kind: HintKind, language: Language) -> HintView {
    let words = |text: Option<&super::Text>| text.map(|t| t.blocks(language)).unwrap_or_default();
    let code = |script: &str| vec![Block::Code(script.trim_end().lines().map(str::to_owned).collect())];
    let script = match kind {
        HintKind::Command => step.hints.command.clone(),
        HintKind::Solution => Some(step.solution.clone()),
        HintKind::Where | HintKind::Idea => None,
    };
    let text = match (&script, kind) {
        (Some(script), _) => code(script),
        (None, HintKind::Where) => words(step.hints.place.as_ref()),
        (None, _) => words(step.hints.idea.as_ref()),
    };
    HintView { kind, text, script }
}

#[cfg(test)]
mod tests {
    use super::super::runner::RunResult;
    use super::super::view::CheckState;
    use super::*;
    use crate::apiserver::{Method, Request};
    use crate::cluster::{Cluster, Config};
    use crate::object::SECOND;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// A runner whose scripts are names of ConfigMaps to create, one a line.
    struct Maps {
        cluster: Rc<RefCell<Cluster>>,
        client: Client,
    }

    impl Maps {
        fn over(cluster: Cluster) -> Self {
            let cluster = Rc::new(RefCell::new(cluster));
            Self { client: Client::new(cluster.clone()), cluster }
        }
    }

    impl Runner for Maps {
        fn run(&mut self, script: &str) -> RunResult {
            for name in script.lines() {
                let map = serde_json::json!({"metadata": {"name": name}});
                let path = "/api/v1/namespaces/default/configmaps";
                self.client.request_now(&Request::with_body(Method::Post, path, map));
            }
            RunResult { output: script.to_owned(), status: 0 }
        }
        fn pass(&mut self, nanos: u64) {
            let until = self.client.now() + nanos;
            self.cluster.borrow_mut().advance(until, usize::MAX);
        }
        fn client(&self) -> Client {
            self.client.clone()
        }
        fn fork(&self) -> Box<dyn Runner> {
            Box::new(Self::over(self.cluster.borrow().clone()))
        }
    }

    const LESSON: &str = r#"
id: maps
title: {en: Maps, ko: 맵}
summary: {en: Maps, ko: 맵}
learned: {en: Done, ko: 끝}
cluster: {setup: first}
steps:
- {id: look, kind: read, title: {en: A, ko: 가}, text: {en: A, ko: 가}}
- id: make
  kind: do
  setup: second
  title: {en: A, ko: 가}
  text: {en: A, ko: 가}
  checks:
  - text: {en: There is a third, ko: 셋째가 있어요}
    unmet: {en: 'There are {{ string(size(list("configmaps", "default", ""))) }}.', ko: 없어요}
    cel: get("configmaps", "default", "third") != null
    holds: 10s
  hints: {where: {en: Here, ko: 여기}, command: third}
  solution: third
  wrong: [fourth]
- id: guess
  kind: predict
  title: {en: A, ko: 가}
  text: {en: A, ko: 가}
  ask:
    question: {en: What, ko: 뭘까요}
    run: fifth
    options:
    - {text: {en: Nothing, ko: 없음}, when: 'get("configmaps", "default", "fifth") == null', why: {en: A, ko: 가}}
    - {text: {en: A fifth, ko: 다섯째}, when: 'get("configmaps", "default", "fifth") != null', why: {en: A, ko: 가}}
"#;

    #[test]
    fn a_lesson_from_beginning_to_end() {
        let mut problems = Vec::new();
        let lesson = super::super::format::lesson(
            "maps.yaml",
            LESSON,
            super::super::format::Trust::None,
            &mut problems,
        );
        assert_eq!(problems, []);
        let mut runner = Maps::over(Cluster::new(Config::default()));
        let mut run = LessonRun::begin(lesson.unwrap().item, &mut runner);
        let client = runner.client();
        assert!(run.view(Language::En).unwrap().done, "a step to read is done");
        assert_eq!(run.next(&mut runner), Onward::Stepped);
        run.look(&client);
        let view = run.view(Language::En).unwrap();
        let missing = view.checks[0].missing.clone().unwrap();
        assert!(missing.starts_with("There are "), "{missing}");
        assert_eq!(
            (run.next(&mut runner), run.hint(), run.hint()),
            (Onward::Stays, Some(HintKind::Where), Some(HintKind::Command))
        );
        assert_eq!(run.script(), Some("third"));
        runner.run("third");
        run.look(&client);
        assert_eq!(run.view(Language::En).unwrap().checks[0].state, CheckState::Holding(0, 10));
        assert_eq!(run.due(), Some(client.now() + 10 * SECOND));
        runner.pass(10 * SECOND);
        run.look(&client);
        assert!(run.view(Language::Ko).unwrap().done);

        let saved = serde_json::to_string(run.state()).unwrap();
        let mut run = LessonRun::resume(run.lesson().clone(), serde_json::from_str(&saved).unwrap());
        assert_eq!(run.next(&mut runner), Onward::Stepped);
        assert_eq!(run.answer(&[1], &runner), Some(Verdict::Right));
        assert_eq!(run.answer(&[0], &runner), None, "an answer is given once");
        let last = run.view(Language::En).unwrap();
        assert!(last.learned.is_some());
        assert_eq!(run.next(&mut runner), Onward::Finished);
        let mut judge = super::super::judge::Judge::new(&client);
        assert!(
            judge.holds(r#"get("configmaps", "default", "fifth") == null"#),
            "a prediction happens on a copy"
        );
    }
}
