//! What a face shows of a lesson or a quiz: plain data in one language, made anew when something changed.

use super::model::StepKind;
use super::text::Block;

/// A lesson in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LessonCard {
    /// Its id.
    pub id: String,
    /// The title of its chapter.
    pub chapter: &'static str,
    /// Its title.
    pub title: String,
    /// What it is about.
    pub summary: String,
    /// The rows of the notes that it covers.
    pub notes: Vec<String>,
    /// How many steps it has.
    pub steps: usize,
    /// How many of them are done.
    pub done: usize,
    /// How far the learner is.
    pub state: LessonState,
}

/// How far a learner is with a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LessonState {
    New,
    Started,
    Finished,
}

/// A topic of the quiz.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicCard {
    /// Its id; empty for all topics together.
    pub id: String,
    /// Its title: the lesson's.
    pub title: String,
    /// How many questions there are.
    pub questions: usize,
    /// How many were last answered rightly.
    pub right: usize,
    /// How many were ever answered.
    pub answered: usize,
}

/// The current step of a running lesson.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepView {
    /// The lesson's id.
    pub lesson: String,
    /// The lesson's title.
    pub lesson_title: String,
    /// The step's place, from 1.
    pub number: usize,
    /// How many steps there are.
    pub count: usize,
    /// What the step asks.
    pub kind: StepKind,
    /// Its heading.
    pub title: String,
    /// Its text.
    pub text: Vec<Block>,
    /// What must hold, with how it stands (`do`).
    pub checks: Vec<CheckView>,
    /// The hints taken so far.
    pub hints: Vec<HintView>,
    /// The hint that comes next, if there is one.
    pub next_hint: Option<HintKind>,
    /// The question (`predict`, `choose`).
    pub question: Option<QuestionView>,
    /// Whether it is done, so that "next" goes on.
    pub done: bool,
    /// Shown when the last step is done: what was learned.
    pub learned: Option<Vec<Block>>,
}

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    /// It does not hold.
    Unmet,
    /// It holds, and must do so for longer: seconds so far, of so many.
    Holding(u64, u64),
    /// It holds.
    Met,
}

/// A check with how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckView {
    /// What is asked for.
    pub text: String,
    /// How it stands.
    pub state: CheckState,
    /// What is missing.
    pub missing: Option<String>,
}

/// A rung of the ladder of help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HintKind {
    /// Where to look.
    Where,
    /// The idea.
    Idea,
    /// The exact command.
    Command,
    /// The whole solution: it can be typed in for the learner.
    Solution,
}

/// A hint that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HintView {
    /// Which rung.
    pub kind: HintKind,
    /// Its words; for a command or solution, a code block.
    pub text: Vec<Block>,
    /// What can be put into the prompt, for a command or solution.
    pub script: Option<String>,
}

/// A question, before or after the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionView {
    /// The question.
    pub question: Vec<Block>,
    /// Whether several answers may be chosen.
    pub several: bool,
    /// The answers; empty when a command is to be typed.
    pub options: Vec<OptionView>,
    /// What came of the answer, once it was given.
    pub verdict: Option<Verdict>,
    /// After a typed command: why, and what a right one is. After a prediction: what the cluster printed.
    pub explanation: Vec<Block>,
    /// After a wrong typed command: what is missing in the cluster.
    pub missing: Vec<String>,
}

/// Whether an answer was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Verdict {
    Right,
    Wrong,
}

/// An answer to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionView {
    /// The answer.
    pub text: Vec<Block>,
    /// Whether the learner chose it.
    pub chosen: bool,
    /// After the answer: whether it is a right one.
    pub right: Option<bool>,
    /// After the answer: why.
    pub why: Vec<Block>,
}

/// A quiz that is being taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuizView {
    /// The topic's title.
    pub topic: String,
    /// The question's place, from 1.
    pub number: usize,
    /// How many questions there are.
    pub count: usize,
    /// How many were right so far.
    pub right: usize,
    /// The question; `None` at the end.
    pub question: Option<QuestionView>,
    /// At the end, or when it was asked for: the questions that went wrong.
    pub wrong: Vec<String>,
}
