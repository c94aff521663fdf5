//! CEL over a cluster, as a client sees it: conditions of checks, proofs and predictions, and words computed for them.
//!
//! Always holds: judging changes nothing. Objects are read; requests, DNS questions and files are asked of a copy of the
//! cluster, so that no log and no counter tells of them. What an expression needs is found out by evaluating it: a call
//! that is not answered yet is noted, asked, and the expression is evaluated again.

use super::probes::{self, Call};
use crate::apiserver::cel::{env, value};
use crate::client::Client;
use cel::extractors::Arguments;
use cel::{Context, Env, ExecutionError, Program, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How often an expression may ask for more. Each round answers everything it asked for so far.
const ROUNDS: usize = 32;

/// Evaluates CEL on what a client sees now.
pub struct Judge<'a> {
    client: &'a Client,
    env: Arc<Env>,
    answers: Arc<BTreeMap<Call, Json>>,
}

impl<'a> Judge<'a> {
    /// A judge of the cluster as it is now.
    pub fn new(client: &'a Client) -> Self {
        Self { client, env: env(), answers: Arc::default() }
    }

    /// Whether a condition holds. One that cannot be evaluated, as of an object that is not there, does not.
    pub fn holds(&mut self, condition: &str) -> bool {
        self.evaluate(condition).is_ok_and(|value| value == Value::Bool(true))
    }

    /// Puts the value of each `{{ expression }}` in its place. One that cannot be evaluated leaves an ellipsis.
    pub fn fill(&mut self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((expression, tail)) = after.split_once("}}") else { break };
            filled.push_str(before);
            filled.push_str(&self.evaluate(expression.trim()).map_or_else(|_| "…".to_owned(), |v| words(&v)));
            rest = tail;
        }
        filled + rest
    }

    /// The value of an expression.
    ///
    /// # Errors
    /// Why there is none, in CEL's words.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value, String> {
        let program = self.env.compile(expression).map_err(|errors| errors.to_string())?;
        for _ in 0..ROUNDS {
            let asked = Arc::new(Mutex::new(Vec::new()));
            let result = self.run(&program, &asked);
            let asked = std::mem::take(&mut *asked.lock().unwrap_or_else(PoisonError::into_inner));
            if asked.is_empty() {
                return result;
            }
            let mut answers = BTreeMap::clone(&self.answers);
            for call in asked {
                let answer = probes::ask(self.client, &call);
                answers.insert(call, answer);
            }
            self.answers = Arc::new(answers);
        }
        Err("the expression asks for too much".to_owned())
    }

    fn run(&self, program: &Program, asked: &Arc<Mutex<Vec<Call>>>) -> Result<Value, String> {
        let mut context = Context::with_env(self.env.clone());
        for function in probes::FUNCTIONS {
            let (answers, asked) = (self.answers.clone(), asked.clone());
            let answer = move |Arguments(arguments): Arguments| -> Result<Value, ExecutionError> {
                let wrong = |why: &str| ExecutionError::function_error(function.name, why);
                let arguments: Vec<String> = arguments
                    .iter()
                    .map(|a| if let Value::String(s) = a { Ok(s.to_string()) } else { Err(()) })
                    .collect::<Result<_, _>>()
                    .map_err(|()| wrong("takes strings"))?;
                if !(function.least..=function.most).contains(&arguments.len()) {
                    return Err(wrong(function.usage));
                }
                let call = Call { function: function.name, arguments };
                if let Some(answer) = answers.get(&call) {
                    return value(answer).map_err(|e| wrong(&e));
                }
                asked.lock().unwrap_or_else(PoisonError::into_inner).push(call);
                Err(wrong("not answered yet"))
            };
            context.add_function(function.name, answer).map_err(|e| e.to_string())?;
        }
        program.execute(&context).map_err(|e| e.to_string())
    }
}

/// Whether an expression can be compiled.
///
/// # Errors
/// What is wrong with it, in CEL's words.
pub fn compiles(expression: &str) -> Result<(), String> {
    let program = env().compile(expression).map_err(|errors| errors.to_string())?;
    let references = program.references();
    let unknown = references.variables().into_iter().find(|name| !is_bound(expression, name));
    unknown.map_or(Ok(()), |name| Err(format!("there is no variable `{name}`")))
}

/// Whether a name is that of an item in `list.exists(item, …)` or another macro, or one that a macro made.
fn is_bound(expression: &str, name: &str) -> bool {
    let bound =
        |rest: &str| rest.trim_start().strip_prefix(name).is_some_and(|r| r.trim_start().starts_with(','));
    name.starts_with('@') || expression.split('(').skip(1).any(bound)
}

/// The expressions inside `{{ }}` of a text.
pub fn expressions(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let Some((expression, tail)) = after.split_once("}}") else { break };
        found.push(expression.trim());
        rest = tail;
    }
    found
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::List(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        other => other.json().map_or_else(|_| "…".to_owned(), |json| json.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Cluster, Config};
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn conditions_over_a_cluster() {
        let client = Client::new(Rc::new(RefCell::new(Cluster::new(Config::default()))));
        let mut judge = Judge::new(&client);
        for (condition, expected) in [
            (r#"get("namespaces", "", "default").metadata.name == "default""#, true),
            (r#"get("pods", "default", "nosuch") == null"#, true),
            (r#"get("pods", "default", "nosuch").status.phase == "Running""#, false),
            (r#"list("namespaces", "", "").exists(n, n.metadata.name == "kube-system")"#, true),
            (r#"size(list("pods", "default", "app=none")) == 0"#, true),
            (r#"http("outside", "http://192.168.0.99/").outcome == "timeout""#, true),
            (r#"size(file("nosuch", "c", "/etc/hosts")) == 0"#, true),
            ("1 + 1 == 2 && [1, 2].size() == 2", true),
            ("\"a\\nb\".split(\"\\n\").size() == 2", true),
            ("nonsense(", false),
        ] {
            assert_eq!(judge.holds(condition), expected, "{condition}: {:?}", judge.evaluate(condition));
        }
        assert_eq!(
            judge.fill("a {{ string(1 + 1) }} b {{ get(\"pods\", \"default\", \"x\").a }} c {{"),
            "a 2 b … c {{"
        );
        assert!(compiles("get(\"pods\") == nothing").is_err());
    }
}
