//! Reading lessons and questions from YAML, with the file and line of everything that is wrong.
//!
//! Always holds: what was read is whole: each step has what its kind needs, every text both languages, every expression
//! compiles. Whether a lesson can be solved, [`super::prove`] finds out.

use super::model::{
    Ask, Check, ClusterOptions, Lesson, Proof, Question, QuestionKind, Step, StepKind, TypeCommand,
};
use super::text::Text;
use super::{chapters, judge, notes};
use crate::object::SECOND;
use crate::yaml::{self, Document};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Something wrong in a file, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// `lessons/probes.yaml`.
    pub file: String,
    /// 1-based.
    pub line: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// Where something was read from.
#[derive(Clone, Debug)]
pub struct Place {
    file: Arc<str>,
    document: Arc<Document>,
    pointer: String,
}

impl Place {
    /// The place of a part, as `/steps/0/text`.
    #[must_use]
    pub fn at(&self, part: &str) -> Self {
        Self { pointer: format!("{}{part}", self.pointer), ..self.clone() }
    }

    /// A problem here.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem {
            file: self.file.to_string(),
            line: self.document.line(&self.pointer).max(1),
            message: message.into(),
        }
    }
}

/// Something that was read, with its place.
#[derive(Clone, Debug)]
pub struct Read<T> {
    /// What.
    pub item: Arc<T>,
    /// Where.
    pub place: Place,
}

/// How far what is read is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It is looked through for whatever may be wrong.
    None,
    /// It was proved when the program was built: to compile its every expression again would only cost time.
    Proved,
}

/// Reads a lesson.
pub fn lesson(file: &str, text: &str, trust: Trust, problems: &mut Vec<Problem>) -> Option<Read<Lesson>> {
    let document = document(file, text, problems)?;
    let place = Place { file: file.into(), document: Arc::new(document), pointer: String::new() };
    let item: Lesson = decode(&place, problems)?;
    let before = problems.len();
    if trust == Trust::None {
        check_lesson(&item, &place, problems);
    }
    (problems.len() == before).then(|| Read { item: Arc::new(item), place })
}

/// Reads a file of questions: a list.
pub fn questions(file: &str, text: &str, trust: Trust, problems: &mut Vec<Problem>) -> Vec<Read<Question>> {
    let Some(document) = document(file, text, problems) else { return Vec::new() };
    let place = Place { file: file.into(), document: Arc::new(document), pointer: String::new() };
    let Value::Array(items) = &place.document.value else {
        problems.push(place.problem("a file of questions is a list: begin each question with `- id: …`"));
        return Vec::new();
    };
    let mut questions = Vec::new();
    for at in 0..items.len() {
        let place = place.at(&format!("/{at}"));
        let Some(item) = decode::<Question>(&place, problems) else { continue };
        let before = problems.len();
        if trust == Trust::None {
            check_question(&item, &place, problems);
        }
        if problems.len() == before {
            questions.push(Read { item: Arc::new(item), place });
        }
    }
    questions
}

fn document(file: &str, text: &str, problems: &mut Vec<Problem>) -> Option<Document> {
    let problem = |line, message: String| Problem { file: file.to_owned(), line, message };
    let mut documents = match yaml::parse(text) {
        Ok(documents) => documents,
        Err(error) => {
            problems.push(problem(error.line.max(1), error.to_string()));
            return None;
        }
    };
    if documents.len() != 1 {
        problems.push(problem(1, format!("one document is wanted in a file, here are {}", documents.len())));
        return None;
    }
    let document = documents.remove(0);
    for (pointer, line) in &document.duplicates {
        problems.push(problem(*line, format!("{pointer} is there twice: remove one")));
    }
    Some(document)
}

fn decode<T: DeserializeOwned>(place: &Place, problems: &mut Vec<Problem>) -> Option<T> {
    let value = place.document.value.pointer(&place.pointer).cloned().unwrap_or_default();
    match serde_path_to_error::deserialize::<_, T>(value) {
        Ok(item) => Some(item),
        Err(error) => {
            let segment = |segment: &Segment| match segment {
                Segment::Seq { index } => format!("/{index}"),
                Segment::Map { key } => format!("/{key}"),
                _ => String::new(),
            };
            let part: String = error.path().iter().map(segment).collect();
            let path = error.path().to_string();
            problems.push(place.at(&part).problem(format!("{path}: {}", error.inner())));
            None
        }
    }
}

/// Reads a length of time: `10s`, `500ms`, `2m`.
pub fn nanoseconds(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "ms" => SECOND / 1000,
        "s" => SECOND,
        "m" => 60 * SECOND,
        _ => return None,
    };
    number.checked_mul(unit)
}

fn check_lesson(lesson: &Lesson, place: &Place, problems: &mut Vec<Problem>) {
    check_id(&lesson.id, &place.at("/id"), problems);
    if !lesson.chapter.is_empty() && chapters::place(&lesson.chapter).is_none() {
        let known: Vec<&str> = chapters::CHAPTERS.iter().map(|c| c.id).collect();
        let message = format!("there is no chapter {}; there are {}", lesson.chapter, known.join(", "));
        problems.push(place.at("/chapter").problem(message));
    }
    check_notes(&lesson.notes, place, problems);
    check_text(&lesson.title, &place.at("/title"), problems);
    check_text(&lesson.summary, &place.at("/summary"), problems);
    check_text(&lesson.learned, &place.at("/learned"), problems);
    check_cluster(&lesson.cluster, place, problems);
    if lesson.steps.is_empty() {
        problems.push(place.at("/steps").problem("a lesson has at least one step"));
    }
    let mut ids = BTreeSet::new();
    for (at, step) in lesson.steps.iter().enumerate() {
        let place = place.at(&format!("/steps/{at}"));
        if !ids.insert(&step.id) {
            problems.push(place.problem(format!("another step has the id {} already", step.id)));
        }
        check_step(step, &place, problems);
    }
}

fn check_step(step: &Step, place: &Place, problems: &mut Vec<Problem>) {
    check_id(&step.id, &place.at("/id"), problems);
    check_text(&step.title, &place.at("/title"), problems);
    check_text(&step.text, &place.at("/text"), problems);
    for (name, hint) in [("where", &step.hints.place), ("idea", &step.hints.idea)] {
        if let Some(text) = hint {
            check_text(text, &place.at(&format!("/hints/{name}")), problems);
        }
    }
    let acts = step.kind == StepKind::Do;
    if acts == step.checks.is_empty() {
        let message =
            if acts { "a step of kind `do` needs `checks`" } else { "only a step of kind `do` has `checks`" };
        problems.push(place.problem(message));
    }
    if acts && step.solution.trim().is_empty() {
        problems.push(place.problem("a step of kind `do` needs a `solution`"));
    }
    check_checks(&step.checks, place, problems);
    match (step.kind, &step.ask) {
        (StepKind::Predict, Some(ask)) => check_ask(ask, true, place, problems),
        (StepKind::Choose, Some(ask)) => check_ask(ask, false, place, problems),
        (StepKind::Predict | StepKind::Choose, None) => problems.push(place.problem("`ask` is missing")),
        (_, Some(_)) => {
            problems.push(place.at("/ask").problem("only `predict` and `choose` have `ask`"));
        }
        (_, None) => {}
    }
}

fn check_checks(checks: &[Check], place: &Place, problems: &mut Vec<Problem>) {
    for (at, check) in checks.iter().enumerate() {
        let place = place.at(&format!("/checks/{at}"));
        check_text(&check.text, &place.at("/text"), problems);
        check_cel(&check.cel, &place.at("/cel"), problems);
        match &check.unmet {
            None => problems.push(place.problem("`unmet` is missing: say what to do while it does not hold")),
            Some(unmet) => {
                let place = place.at("/unmet");
                check_text(unmet, &place, problems);
                for expression in
                    judge::expressions(&unmet.en).into_iter().chain(judge::expressions(&unmet.ko))
                {
                    check_cel(expression, &place, problems);
                }
            }
        }
        if check.holds.as_ref().is_some_and(|h| nanoseconds(h).is_none()) {
            problems.push(place.at("/holds").problem("write a length of time, as 10s"));
        }
    }
}

fn check_ask(ask: &Ask, predict: bool, place: &Place, problems: &mut Vec<Problem>) {
    let place = place.at("/ask");
    check_text(&ask.question, &place.at("/question"), problems);
    if ask.options.len() < 2 {
        problems.push(place.problem("a question needs at least two `options`"));
    }
    for (at, option) in ask.options.iter().enumerate() {
        let place = place.at(&format!("/options/{at}"));
        check_text(&option.text, &place.at("/text"), problems);
        check_text(&option.why, &place.at("/why"), problems);
        match (&option.when, predict) {
            (Some(when), true) => check_cel(when, &place.at("/when"), problems),
            (None, true) => problems.push(place.problem("`when` is missing: CEL that holds if this happens")),
            (Some(_), false) => problems.push(place.at("/when").problem("only predictions have `when`")),
            (None, false) => {}
        }
        if predict && option.right {
            problems.push(place.problem("a prediction's answer comes from the cluster: use `when`"));
        }
    }
    let right = ask.options.iter().filter(|o| o.right).count();
    if !predict && (right == 0 || (right > 1 && !ask.several)) {
        let wanted = if ask.several { "at least one answer" } else { "exactly one answer" };
        problems.push(place.problem(format!("{wanted} must be `right: true`, here are {right}")));
    }
    if predict && ask.run.trim().is_empty() {
        problems.push(place.problem("a prediction needs `run`: the script that makes it happen"));
    }
}

fn check_question(question: &Question, place: &Place, problems: &mut Vec<Problem>) {
    check_id(&question.id, &place.at("/id"), problems);
    check_notes(&question.notes, place, problems);
    check_cluster(&question.cluster, place, problems);
    match (question.kind, &question.ask, &question.command) {
        (QuestionKind::Choose, Some(ask), None) => check_ask(ask, false, place, problems),
        (QuestionKind::Predict, Some(ask), None) => check_ask(ask, true, place, problems),
        (QuestionKind::Type, None, Some(command)) => check_command(command, place, problems),
        (QuestionKind::Type, ..) => {
            problems.push(place.problem("a question of kind `type` has `command`, and no `ask`"));
        }
        _ => problems.push(place.problem("this kind of question has `ask`, and no `command`")),
    }
    if let Some(Proof { cel, .. }) = &question.proof {
        check_cel(cel, &place.at("/proof/cel"), problems);
    }
}

fn check_command(command: &TypeCommand, place: &Place, problems: &mut Vec<Problem>) {
    let place = place.at("/command");
    check_text(&command.question, &place.at("/question"), problems);
    check_text(&command.why, &place.at("/why"), problems);
    if command.checks.is_empty() {
        problems.push(place.problem("`checks` are missing"));
    }
    check_checks(&command.checks, &place, problems);
}

fn check_cluster(cluster: &ClusterOptions, place: &Place, problems: &mut Vec<Problem>) {
    for (at, node) in cluster.nodes.iter().enumerate() {
        let place = place.at(&format!("/cluster/nodes/{at}"));
        let amounts = node.cpu.iter().chain(&node.memory);
        for amount in amounts.filter(|a| crate::object::quantity::Quantity::parse(a).is_none()) {
            problems.push(place.problem(format!("{amount} is no quantity: write 2, 500m, 4Gi")));
        }
        for taint in node.taints.iter().filter(|t| taint(t).is_none()) {
            problems.push(place.problem(format!("{taint} is no taint: write key=value:NoSchedule")));
        }
    }
}

/// Reads `key=value:Effect` or `key:Effect`.
pub fn taint(text: &str) -> Option<(String, Option<String>, String)> {
    let (left, effect) = text.rsplit_once(':')?;
    let (key, value) = left.split_once('=').map_or((left, None), |(k, v)| (k, Some(v.to_owned())));
    let known = matches!(effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute");
    (known && !key.is_empty()).then(|| (key.to_owned(), value, effect.to_owned()))
}

fn check_id(id: &str, place: &Place, problems: &mut Vec<Problem>) {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if id.is_empty() || !id.chars().all(legal) {
        problems.push(place.problem("an id is made of small letters, digits and `-`"));
    }
}

fn check_notes(rows: &[String], place: &Place, problems: &mut Vec<Problem>) {
    for (at, row) in rows.iter().enumerate() {
        if !notes::ROWS.contains(&row.as_str()) {
            let message = format!("the notes have no row {row}: see src/course/notes.rs");
            problems.push(place.at(&format!("/notes/{at}")).problem(message));
        }
    }
}

fn check_text(text: &Text, place: &Place, problems: &mut Vec<Problem>) {
    for (language, words) in [("en", &text.en), ("ko", &text.ko)] {
        if words.trim().is_empty() {
            problems.push(place.problem(format!("the words for `{language}` are missing")));
        }
    }
}

fn check_cel(expression: &str, place: &Place, problems: &mut Vec<Problem>) {
    if let Err(why) = judge::compiles(expression) {
        problems.push(place.problem(format!("CEL: {why}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn problems_name_file_and_line() {
        let text = "\
id: Probes
title: {en: A, ko: 가}
summary: {en: A, ko: ''}
notes: [probe-readiness, nonsense]
learned: {en: A, ko: 가}
steps:
- id: one
  kind: do
  title: {en: A, ko: 가}
  text: {en: A, ko: 가}
  checks:
  - text: {en: A, ko: 가}
    cel: 'get(\"pods\"'
- id: one
  kind: choose
  title: {en: A, ko: 가}
  text: {en: A, ko: 가}
  ask:
    question: {en: A, ko: 가}
    options:
    - {text: {en: A, ko: 가}, why: {en: A, ko: 가}}
";
        let mut problems = Vec::new();
        assert!(lesson("lessons/a.yaml", text, Trust::None, &mut problems).is_none());
        let shown: Vec<String> =
            problems.iter().map(|p| p.to_string().lines().next().unwrap_or_default().to_owned()).collect();
        expect![[r"
            lessons/a.yaml:1: an id is made of small letters, digits and `-`
            lessons/a.yaml:4: the notes have no row nonsense: see src/course/notes.rs
            lessons/a.yaml:3: the words for `ko` are missing
            lessons/a.yaml:7: a step of kind `do` needs a `solution`
            lessons/a.yaml:13: CEL: ERROR: <input>:1:11: Syntax error: missing ')' at '<EOF>'
            lessons/a.yaml:12: `unmet` is missing: say what to do while it does not hold
            lessons/a.yaml:14: another step has the id one already
            lessons/a.yaml:18: a question needs at least two `options`
            lessons/a.yaml:18: exactly one answer must be `right: true`, here are 0"]]
        .assert_eq(&shown.join("\n"));
        let mut problems = Vec::new();
        lesson(
            "lessons/a.yaml",
            &text.replace("  kind: choose", "  kindd: choose"),
            Trust::None,
            &mut problems,
        );
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].line, 15);
    }
}
