//! A quiz that is being taken: one question after the other, each answered once and explained.

use super::checks::Checks;
use super::library::Library;
use super::model::{Question, QuestionKind, TypeCommand};
use super::question::{self, Answer};
use super::runner::{Lab, Runner};
use super::text::{Block, Language, Text};
use super::view::{QuestionView, QuizView, Verdict};
use crate::object::SECOND;
use std::sync::Arc;

/// How long a typed command has to bring about what was asked for, in virtual seconds.
const PATIENCE_SECONDS: u64 = 60;

/// What came of a typed command.
#[derive(Clone, Debug)]
struct Typed {
    line: String,
    verdict: Verdict,
    printed: String,
    missing: Text,
}

#[derive(Clone, Debug)]
enum Given {
    Chosen(Answer),
    Typed(Typed),
}

impl Given {
    fn verdict(&self) -> Verdict {
        match self {
            Given::Chosen(answer) => answer.verdict(),
            Given::Typed(typed) => typed.verdict,
        }
    }
}

/// A quiz that is being taken.
#[derive(Clone, Debug)]
pub struct QuizRun {
    title: Text,
    questions: Vec<Arc<Question>>,
    given: Vec<Option<Given>>,
    at: usize,
}

impl QuizRun {
    /// Begins a quiz on a topic; an empty one stands for all. `None` when there is no question.
    pub fn begin(library: &Library, topic: &str) -> Option<Self> {
        let questions = library.topic(topic);
        let all = Text { en: "All topics".to_owned(), ko: "모든 주제".to_owned() };
        let title = library.lesson(topic).map_or(all, |l| l.title.clone());
        let given = vec![None; questions.len()];
        (!questions.is_empty()).then_some(Self { title, questions, given, at: 0 })
    }

    /// The current question; `None` at the end.
    pub fn question(&self) -> Option<&Arc<Question>> {
        self.questions.get(self.at)
    }

    /// What came of the answer to the current question.
    pub fn verdict(&self) -> Option<Verdict> {
        self.given.get(self.at)?.as_ref().map(Given::verdict)
    }

    /// Takes an answer: places among the options, from 0.
    pub fn answer(&mut self, chosen: &[usize], lab: &dyn Lab) -> Option<Verdict> {
        let question = self.question()?.clone();
        let ask = question.ask.as_ref()?;
        let legal = !chosen.is_empty() && chosen.iter().all(|c| *c < ask.options.len());
        if self.verdict().is_some() || !legal {
            return None;
        }
        let answer = match question.kind {
            QuestionKind::Predict => question::predict(ask, chosen, &mut *open(&question, lab)),
            _ => question::choose(ask, chosen),
        };
        self.give(Given::Chosen(answer))
    }

    /// Takes a command that was typed as the answer: it runs on a cluster of its own, and the state is judged.
    pub fn type_command(&mut self, line: &str, lab: &dyn Lab) -> Option<Verdict> {
        let question = self.question()?.clone();
        let command = question.command.as_ref()?;
        if self.verdict().is_some() || line.trim().is_empty() {
            return None;
        }
        let mut runner = open(&question, lab);
        let printed = runner.run(line).output;
        let checks = wait_for(command, &mut *runner);
        let verdict = if checks.all_met() { Verdict::Right } else { Verdict::Wrong };
        let missing =
            Text { en: checks.missing(Language::En).join("\n"), ko: checks.missing(Language::Ko).join("\n") };
        self.give(Given::Typed(Typed { line: line.to_owned(), verdict, printed, missing }))
    }

    fn give(&mut self, given: Given) -> Option<Verdict> {
        let verdict = given.verdict();
        *self.given.get_mut(self.at)? = Some(given);
        Some(verdict)
    }

    /// Goes to the next question, once this one is answered.
    pub fn next(&mut self) {
        if self.verdict().is_some() {
            self.at += 1;
        }
    }

    /// The quiz, to be shown.
    pub fn view(&self, language: Language) -> QuizView {
        let is = |given: &Option<Given>, verdict| given.as_ref().is_some_and(|g| g.verdict() == verdict);
        let wrong = self.questions.iter().zip(&self.given).filter(|(_, g)| is(g, Verdict::Wrong));
        QuizView {
            topic: self.title.get(language).to_owned(),
            number: (self.at + 1).min(self.questions.len()),
            count: self.questions.len(),
            right: self.given.iter().filter(|g| is(g, Verdict::Right)).count(),
            question: self.question().map(|q| self.view_question(q, language)),
            wrong: wrong.map(|(q, _)| heading(q, language)).collect(),
        }
    }

    fn view_question(&self, question: &Question, language: Language) -> QuestionView {
        let given = self.given.get(self.at).and_then(Option::as_ref);
        if let Some(ask) = &question.ask {
            let answer = if let Some(Given::Chosen(answer)) = given { Some(answer) } else { None };
            return question::view(ask, answer, language);
        }
        let typed = if let Some(Given::Typed(typed)) = given { Some(typed) } else { None };
        let Some(command) = &question.command else { return view_command(&EMPTY, None, language) };
        view_command(command, typed, language)
    }
}

static EMPTY: TypeCommand = TypeCommand {
    question: Text { en: String::new(), ko: String::new() },
    checks: Vec::new(),
    solution: String::new(),
    also: Vec::new(),
    wrong: Vec::new(),
    why: Text { en: String::new(), ko: String::new() },
};

fn view_command(command: &TypeCommand, typed: Option<&Typed>, language: Language) -> QuestionView {
    let mut explanation = Vec::new();
    let lines = |text: &str| text.trim_end().lines().map(str::to_owned).collect::<Vec<_>>();
    if let Some(typed) = typed {
        let mut shown = vec![format!("$ {}", typed.line)];
        shown.extend(lines(&typed.printed));
        explanation.push(Block::Code(shown));
        explanation.extend(command.why.blocks(language));
        if typed.verdict == Verdict::Wrong {
            explanation.push(Block::Code(lines(&command.solution)));
        }
    }
    let missing = typed.map(|t| t.missing.get(language).lines().map(str::to_owned).collect());
    QuestionView {
        question: command.question.blocks(language),
        several: false,
        options: Vec::new(),
        verdict: typed.map(|t| t.verdict),
        explanation,
        missing: missing.unwrap_or_default(),
    }
}

fn heading(question: &Question, language: Language) -> String {
    let text = question.ask.as_ref().map(|a| &a.question).or(question.command.as_ref().map(|c| &c.question));
    let words = text.map_or("", |t| t.get(language));
    words.trim().lines().next().unwrap_or_default().to_owned()
}

/// A shell on the question's cluster, as it is before the answer.
pub fn open(question: &Question, lab: &dyn Lab) -> Box<dyn Runner> {
    let mut runner = lab.open(&question.cluster);
    if !question.cluster.setup.is_empty() {
        runner.run(&question.cluster.setup);
    }
    runner
}

/// Lets time pass until the checks of a command are met, or patience ends.
pub fn wait_for(command: &TypeCommand, runner: &mut dyn Runner) -> Checks {
    let mut checks = Checks::new(&command.checks);
    for _ in 0..=PATIENCE_SECONDS {
        checks.look(&command.checks, &runner.client());
        if checks.all_met() {
            break;
        }
        runner.pass(SECOND);
    }
    checks
}
