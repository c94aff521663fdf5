//! `kubedojo lessons check`: proves that each lesson can be solved, by its solution and not by its wrong attempts, and
//! that each question's answers and proofs are what the cluster does.

use super::checks::Checks;
use super::collection::Collection;
use super::format::{Place, Problem};
use super::judge::Judge;
use super::model::{Ask, Check, Lesson, Question, QuestionKind, Step, StepKind};
use super::question;
use super::quiz;
use super::runner::{Lab, Runner};
use super::text::Language;
use crate::object::SECOND;

/// How long a solution has to take effect, in virtual seconds.
const PATIENCE_SECONDS: u64 = 300;

/// Proves every lesson and question. `told` hears what is being proved.
pub fn prove(all: &Collection, lab: &dyn Lab, told: &mut dyn FnMut(&str)) -> Vec<Problem> {
    let mut problems = Vec::new();
    for lesson in &all.lessons {
        told(&lesson.item.id);
        prove_lesson(&lesson.item, &lesson.place, lab, &mut problems);
    }
    for question in &all.questions {
        told(&question.item.id);
        prove_question(&question.item, &question.place, lab, &mut problems);
    }
    problems
}

/// Proves one lesson, step by step in one cluster.
pub fn prove_lesson(lesson: &Lesson, place: &Place, lab: &dyn Lab, problems: &mut Vec<Problem>) {
    let mut runner = lab.open(&lesson.cluster);
    if !script(&mut *runner, &lesson.cluster.setup, &place.at("/cluster/setup"), problems) {
        return;
    }
    for (at, step) in lesson.steps.iter().enumerate() {
        let place = place.at(&format!("/steps/{at}"));
        if !script(&mut *runner, &step.setup, &place.at("/setup"), problems) {
            return;
        }
        match step.kind {
            StepKind::Do => {
                if !prove_step(step, &mut *runner, &place, problems) {
                    return; // what comes after builds on this
                }
            }
            StepKind::Predict => {
                if let Some(ask) = &step.ask {
                    prove_prediction(ask, &mut *runner.fork(), &place, problems);
                }
            }
            StepKind::Read | StepKind::Choose => {}
        }
    }
}

/// Runs a script of the lesson's own, which must succeed.
fn script(runner: &mut dyn Runner, text: &str, place: &Place, problems: &mut Vec<Problem>) -> bool {
    if text.trim().is_empty() {
        return true;
    }
    let result = runner.run(text);
    if result.status != 0 {
        let printed = last_lines(&result.output);
        problems.push(place.problem(format!("the script ends with status {}:\n{printed}", result.status)));
    }
    result.status == 0
}

fn last_lines(output: &str) -> String {
    let lines: Vec<&str> = output.trim_end().lines().collect();
    lines[lines.len().saturating_sub(8)..]
        .iter()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn prove_step(step: &Step, runner: &mut dyn Runner, place: &Place, problems: &mut Vec<Problem>) -> bool {
    if met(&step.checks, &mut *runner.fork(), hold_seconds(&step.checks)).all_met() {
        problems.push(
            place.problem("the step is solved before anything is done: add a check that is not met yet"),
        );
    }
    for (at, wrong) in step.wrong.iter().enumerate() {
        let mut copy = runner.fork();
        copy.run(wrong);
        if met(&step.checks, &mut *copy, hold_seconds(&step.checks)).all_met() {
            let place = place.at(&format!("/wrong/{at}"));
            problems.push(place.problem("this wrong attempt solves the step: make the checks stricter"));
        }
    }
    for (at, also) in step.also.iter().enumerate() {
        let mut copy = runner.fork();
        let printed = copy.run(also).output;
        let checks = met(&step.checks, &mut *copy, PATIENCE_SECONDS);
        if !checks.all_met() {
            problems.push(unsolved(&place.at(&format!("/also/{at}")), &checks, &printed));
        }
    }
    let result = runner.run(&step.solution);
    let checks = met(&step.checks, runner, PATIENCE_SECONDS);
    if !checks.all_met() {
        problems.push(unsolved(&place.at("/solution"), &checks, &result.output));
        return false;
    }
    true
}

fn unsolved(place: &Place, checks: &Checks, printed: &str) -> Problem {
    let missing = checks.missing(Language::En).join(" | ");
    let printed = last_lines(printed);
    place.problem(format!("this does not solve what is asked ({missing}); it printed:\n{printed}"))
}

/// For how long the checks must hold, in seconds.
fn hold_seconds(checks: &[Check]) -> u64 {
    let holds = checks.iter().filter_map(|c| super::format::nanoseconds(c.holds.as_deref()?));
    holds.max().unwrap_or(0).div_ceil(SECOND)
}

/// Looks at the checks each second until all are met, for at most so many seconds.
fn met(checks: &[Check], runner: &mut dyn Runner, seconds: u64) -> Checks {
    let mut standing = Checks::new(checks);
    for second in 0..=seconds {
        standing.look(checks, &runner.client());
        if standing.all_met() || second == seconds {
            break;
        }
        runner.pass(SECOND);
    }
    standing
}

fn prove_prediction(ask: &Ask, copy: &mut dyn Runner, place: &Place, problems: &mut Vec<Problem>) {
    let (right, printed) = question::happens(ask, copy);
    let came_true = right.iter().filter(|r| **r).count();
    if came_true == 0 || (came_true > 1 && !ask.several) {
        let message = format!(
            "{came_true} of the options came true, one should; the run printed:\n{}",
            last_lines(&printed)
        );
        problems.push(place.at("/ask").problem(message));
    }
}

/// Proves one question.
pub fn prove_question(question: &Question, place: &Place, lab: &dyn Lab, problems: &mut Vec<Problem>) {
    if let (QuestionKind::Predict, Some(ask)) = (question.kind, &question.ask) {
        prove_prediction(ask, &mut *quiz::open(question, lab), place, problems);
    }
    if let Some(command) = &question.command {
        let runner = quiz::open(question, lab);
        let place = place.at("/command");
        if met(&command.checks, &mut *runner.fork(), 0).all_met() {
            problems.push(place.problem("the question is answered before anything is typed"));
        }
        for (at, wrong) in command.wrong.iter().enumerate() {
            let mut copy = runner.fork();
            copy.run(wrong);
            if quiz::wait_for(command, &mut *copy).all_met() {
                problems
                    .push(place.at(&format!("/wrong/{at}")).problem("this wrong command is taken as right"));
            }
        }
        let also = command.also.iter().enumerate().map(|(at, c)| (format!("/also/{at}"), c));
        for (part, solution) in also.chain([("/solution".to_owned(), &command.solution)]) {
            let mut copy = runner.fork();
            let printed = copy.run(solution).output;
            let checks = quiz::wait_for(command, &mut *copy);
            if !checks.all_met() {
                problems.push(unsolved(&place.at(&part), &checks, &printed));
            }
        }
    }
    if let Some(proof) = &question.proof {
        let mut runner = quiz::open(question, lab);
        let printed = runner.run(&proof.run).output;
        let client = runner.client();
        let mut judge = Judge::new(&client);
        if !judge.holds(&proof.cel) {
            let why = judge.evaluate(&proof.cel).err().unwrap_or_else(|| "it is false".to_owned());
            let message = format!("the proof does not hold ({why}); it printed:\n{}", last_lines(&printed));
            problems.push(place.at("/proof").problem(message));
        }
    }
}
