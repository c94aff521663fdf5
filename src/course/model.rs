//! What lessons and questions are made of, as their files say it. `lessons/README.md` describes the form for authors.

use super::text::Text;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A guided lesson.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    /// Names it on the command line and in the progress file: `probes`.
    pub id: String,
    /// The chapter of the notes that it stands in: one of `chapters::CHAPTERS`. Those without one come last.
    #[serde(default)]
    pub chapter: String,
    /// Its place in the chapter; those without one come in the order of their ids.
    #[serde(default)]
    pub order: u32,
    /// Its title.
    pub title: Text,
    /// What it is about, in a sentence.
    pub summary: Text,
    /// The rows of the notes that it covers.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The cluster that it happens in.
    #[serde(default)]
    pub cluster: ClusterOptions,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// What was learned, shown at the end.
    pub learned: Text,
}

/// The cluster that a lesson or a question wants.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterOptions {
    /// Names the random streams; 1 when unset.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Whether a cloud gives addresses to Services of type `LoadBalancer`.
    #[serde(default)]
    pub cloud: bool,
    /// The nodes; those of every new cluster when empty.
    #[serde(default)]
    pub nodes: Vec<NodeOptions>,
    /// Run in the shell before the lesson begins.
    #[serde(default)]
    pub setup: String,
}

/// A node of a lesson's cluster.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeOptions {
    /// `worker-1`.
    pub name: String,
    /// Whether it is a control plane node, with kubeadm's label and taint.
    #[serde(default)]
    pub control_plane: bool,
    /// A quantity; `1` when unset.
    #[serde(default)]
    pub cpu: Option<String>,
    /// A quantity; `3840Mi` when unset.
    #[serde(default)]
    pub memory: Option<String>,
    /// Labels beside those that every node has.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Taints, as `key=value:Effect`.
    #[serde(default)]
    pub taints: Vec<String>,
    /// Extended resources: `nvidia.com/gpu: 2`.
    #[serde(default)]
    pub resources: BTreeMap<String, i64>,
}

/// What a step asks of the learner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// To read; it completes with "next".
    Read,
    /// To bring the cluster into a state.
    Do,
    /// To say what will happen; the cluster then shows it.
    Predict,
    /// To choose among answers.
    Choose,
}

/// A step of a lesson.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Names it in the progress file.
    pub id: String,
    /// What it asks.
    pub kind: StepKind,
    /// Its heading.
    pub title: Text,
    /// What there is to know and to do.
    pub text: Text,
    /// Run in the shell when the step begins.
    #[serde(default)]
    pub setup: String,
    /// What must hold (`do`).
    #[serde(default)]
    pub checks: Vec<Check>,
    /// Help, from little to all.
    #[serde(default)]
    pub hints: Hints,
    /// A script that solves it (`do`).
    #[serde(default)]
    pub solution: String,
    /// Other scripts that solve it as well.
    #[serde(default)]
    pub also: Vec<String>,
    /// Scripts that must not solve it.
    #[serde(default)]
    pub wrong: Vec<String>,
    /// The question (`predict`, `choose`).
    #[serde(default)]
    pub ask: Option<Ask>,
}

/// The ladder of help.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hints {
    /// Where to look.
    #[serde(default, rename = "where")]
    pub place: Option<Text>,
    /// The idea.
    #[serde(default)]
    pub idea: Option<Text>,
    /// The exact command.
    #[serde(default)]
    pub command: Option<String>,
}

/// A state that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The state, in words.
    pub text: Text,
    /// What is missing while it is not so; `{{ … }}` in it is CEL.
    #[serde(default)]
    pub unmet: Option<Text>,
    /// The condition. Its functions are those of `probes::FUNCTIONS`.
    pub cel: String,
    /// How long it must hold without a break: `10s`.
    #[serde(default)]
    pub holds: Option<String>,
}

/// A question with answers to choose from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The question.
    pub question: Text,
    /// Whether several answers may be right.
    #[serde(default)]
    pub several: bool,
    /// The answers.
    pub options: Vec<Choice>,
    /// Predict: the situation, run on a copy of the cluster.
    #[serde(default)]
    pub run: String,
}

/// An answer to choose.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The answer.
    pub text: Text,
    /// Choose: whether it is right.
    #[serde(default)]
    pub right: bool,
    /// Predict: CEL that holds after the run when this is what happens.
    #[serde(default)]
    pub when: Option<String>,
    /// Why it is right or wrong.
    pub why: Text,
}

/// What a quiz question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuestionKind {
    /// One answer, or several.
    Choose,
    /// A command.
    Type,
    /// What the cluster will do.
    Predict,
}

/// A question of the quiz.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Names it in the progress file.
    pub id: String,
    /// What it asks for.
    pub kind: QuestionKind,
    /// The topic: a lesson's id.
    pub topic: String,
    /// The rows of the notes that it covers.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The cluster that it happens in, with its setup.
    #[serde(default)]
    pub cluster: ClusterOptions,
    /// Question and answers (`choose`, `predict`).
    #[serde(default)]
    pub ask: Option<Ask>,
    /// The command that is asked for (`type`).
    #[serde(default)]
    pub command: Option<TypeCommand>,
    /// For a fact: a script and a condition that must hold after it.
    #[serde(default)]
    pub proof: Option<Proof>,
}

/// A command to type, judged by what it does to a copy of the cluster.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeCommand {
    /// What to bring about.
    pub question: Text,
    /// What must hold afterwards.
    pub checks: Vec<Check>,
    /// One that does it.
    pub solution: String,
    /// Others that do it as well.
    #[serde(default)]
    pub also: Vec<String>,
    /// Some that do not.
    #[serde(default)]
    pub wrong: Vec<String>,
    /// Why.
    pub why: Text,
}

/// What shows that a fact is so.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Run on the question's cluster.
    pub run: String,
    /// Must hold afterwards.
    pub cel: String,
}
