//! Questions with answers to choose from: chosen, predicted, explained.
//!
//! Always holds: what is right about a prediction is found out by letting it happen on a copy of the cluster.

use super::judge::Judge;
use super::model::Ask;
use super::runner::Runner;
use super::text::{Block, Language};
use super::view::{OptionView, QuestionView, Verdict};
use serde::{Deserialize, Serialize};

/// An answer that was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What was chosen: places among the options, from 0.
    pub chosen: Vec<usize>,
    /// Which of the options are right.
    pub right: Vec<bool>,
    /// After a prediction: what the cluster printed.
    #[serde(default)]
    pub printed: String,
}

impl Answer {
    /// Whether just the right ones were chosen.
    pub fn verdict(&self) -> Verdict {
        let as_chosen = |(at, right): (usize, &bool)| *right == self.chosen.contains(&at);
        if self.right.iter().enumerate().all(as_chosen) { Verdict::Right } else { Verdict::Wrong }
    }
}

/// Answers a question whose right answers are written down.
pub fn choose(ask: &Ask, chosen: &[usize]) -> Answer {
    let right = ask.options.iter().map(|o| o.right).collect();
    Answer { chosen: chosen.to_vec(), right, printed: String::new() }
}

/// Answers a prediction: lets it happen on `copy`.
pub fn predict(ask: &Ask, chosen: &[usize], copy: &mut dyn Runner) -> Answer {
    let (right, printed) = happens(ask, copy);
    Answer { chosen: chosen.to_vec(), right, printed }
}

/// Lets a prediction happen: which options came true, and what was printed.
pub fn happens(ask: &Ask, copy: &mut dyn Runner) -> (Vec<bool>, String) {
    let result = copy.run(&ask.run);
    let client = copy.client();
    let mut judge = Judge::new(&client);
    let came_true = |when: &Option<String>| when.as_ref().is_some_and(|when| judge.holds(when));
    let right = ask.options.iter().map(|o| &o.when).map(came_true).collect();
    (right, result.output)
}

/// A question, before or after the answer.
pub fn view(ask: &Ask, answer: Option<&Answer>, language: Language) -> QuestionView {
    let option = |(at, choice): (usize, &super::model::Choice)| OptionView {
        text: choice.text.blocks(language),
        chosen: answer.is_some_and(|a| a.chosen.contains(&at)),
        right: answer.map(|a| a.right.get(at).copied().unwrap_or(false)),
        why: if answer.is_some() { choice.why.blocks(language) } else { Vec::new() },
    };
    let mut explanation = Vec::new();
    if let Some(answer) = answer.filter(|_| !ask.run.is_empty()) {
        let script = ask.run.trim_end().lines().map(|line| format!("$ {line}"));
        let printed = answer.printed.trim_end().lines().map(str::to_owned);
        explanation.push(Block::Code(script.chain(printed).collect()));
    }
    QuestionView {
        question: ask.question.blocks(language),
        several: ask.several,
        options: ask.options.iter().enumerate().map(option).collect(),
        verdict: answer.map(Answer::verdict),
        explanation,
        missing: Vec::new(),
    }
}
