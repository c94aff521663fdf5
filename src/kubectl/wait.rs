//! `kubectl wait`: until objects have a condition, exist, are gone, or hold a value.
//!
//! Always holds: objects are waited for one after the other, within one common time limit.

use super::call::Call;
use super::commands::{Command, Group};
use super::errors::{Failure, Outcome};
use super::flags::Flag;
use super::jsonpath::{self, Template};
use super::resource::{self, Bare, Info, Selection};
use crate::object::SimTime;
use serde_json::Value;

/// `kubectl wait`.
pub static COMMAND: Command = Command {
    name: "wait",
    group: Group::Advanced,
    summary: "Wait for a specific condition on one or many resources",
    usage: "wait ([-f FILENAME] | resource.group/resource.name | resource.group [(-l label | --all)]) [--for=create|--for=delete|--for condition=available|--for=jsonpath='{}'[=value]]",
    examples: &[
        ("Until a pod is ready", "kubectl wait --for=condition=Ready pod/web"),
        ("Until a pod is gone", "kubectl wait --for=delete pod/web --timeout=60s"),
        ("Until a field has a value", "kubectl wait --for=jsonpath='{.status.phase}'=Running pod/web"),
    ],
    flags: &[
        &[
            Flag::text(
                "for",
                "",
                "What to wait for: create, delete, condition=NAME[=VALUE], jsonpath='{EXPRESSION}'[=VALUE]",
            ),
            Flag::bool("local", "Do not ask the server"),
            Flag::duration("timeout", "30s", "How long to wait; 0 looks once, less than 0 waits for a week"),
        ],
        resource::FILE_FLAGS,
        resource::SELECTOR_FLAGS,
        resource::FIELD_SELECTOR_FLAGS,
        resource::ALL_FLAGS,
        resource::ALL_NAMESPACES_FLAGS,
        super::output::FLAGS,
    ],
    run: Some(|call| Box::pin(run(call))),
    ..Command::NEW
};

/// What is waited for.
enum Goal {
    Create,
    Delete,
    Condition { name: String, status: String },
    Path { template: Template, value: Option<String> },
}

impl Goal {
    fn parse(text: &str) -> Outcome<Self> {
        let lower = text.to_lowercase();
        if lower == "create" {
            return Ok(Self::Create);
        }
        if lower == "delete" {
            return Ok(Self::Delete);
        }
        if let Some(condition) = text.strip_prefix("condition=") {
            let (name, status) = condition.split_once('=').unwrap_or((condition, "true"));
            return Ok(Self::Condition { name: name.to_owned(), status: status.to_owned() });
        }
        let Some(path) = text.strip_prefix("jsonpath=") else {
            return Err(Failure::new(format!("unrecognized condition: {}", super::flags::quote(text))));
        };
        let wrong = "jsonpath wait format must be --for=jsonpath='{.status.readyReplicas}'=3 or --for=jsonpath='{.status.readyReplicas}'";
        let path = path.trim_matches('\'');
        let end = path.rfind('}').map_or(path.len(), |at| at + 1);
        let (path, rest) = path.split_at(end);
        let rest = rest.trim_start_matches('\'');
        let value = match rest.strip_prefix('=') {
            Some("") => {
                return Err(Failure::new(
                    "jsonpath wait has to have a value after equal sign, like --for=jsonpath='{.status.readyReplicas}'=3",
                ));
            }
            Some(value) if value.contains('=') => return Err(Failure::new(wrong)),
            Some(value) => Some(value.trim_matches(['\'', '"']).to_owned()),
            None if rest.is_empty() => None,
            None => return Err(Failure::new(wrong)),
        };
        if path.is_empty() {
            return Err(Failure::new("jsonpath expression cannot be empty"));
        }
        let path = jsonpath::relax(path).map_err(Failure::new)?;
        let template = Template::parse(&path).map_err(Failure::new)?;
        Ok(Self::Path { template, value })
    }

    fn is_met(&self, object: &Value) -> Outcome<bool> {
        match self {
            Self::Create => Ok(true),
            Self::Delete => Ok(false),
            Self::Condition { name, status } => {
                let conditions = object["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
                let is_named = |c: &&Value| c["type"].as_str().is_some_and(|t| t.eq_ignore_ascii_case(name));
                let Some(condition) = conditions.iter().find(is_named) else { return Ok(false) };
                let generation = object["metadata"]["generation"].as_i64();
                let seen = condition["observedGeneration"].as_i64();
                let seen = seen.or_else(|| object["status"]["observedGeneration"].as_i64());
                let stale = generation.zip(seen).is_some_and(|(now, seen)| seen < now);
                let found = condition["status"].as_str().unwrap_or("");
                Ok(!stale && found.eq_ignore_ascii_case(status))
            }
            Self::Path { template, value } => {
                let found = template.find(object, true).map_err(Failure::new)?;
                let found: Vec<String> = found.iter().flatten().map(|v| jsonpath::show(v)).collect();
                match (found.as_slice(), value) {
                    ([], _) => Ok(false),
                    (_, None) => Ok(true),
                    ([one], Some(value)) => Ok(one == value),
                    _ => Err(Failure::new("given jsonpath expression matches more than one value")),
                }
            }
        }
    }
}

async fn run(call: Call) -> Outcome<()> {
    let goal = Goal::parse(call.flags.text("for"))?;
    let timeout = call.flags.duration("timeout");
    let week = 7 * 24 * 3600 * crate::object::SECOND;
    let timeout = if timeout < 0 { week } else { timeout as u64 };
    let deadline = call.env.client.now() + timeout;
    let selection = resource::select(&call, call.args(), Bare::Refuse).await?;
    if matches!(goal, Goal::Create) {
        return created(&call, &selection, deadline).await;
    }
    let (infos, failures) = resource::fetch(&call, &selection).await;
    let is_delete = matches!(goal, Goal::Delete);
    let mut failures: Vec<Failure> =
        failures.into_iter().filter(|f| !(is_delete && f.is_not_found())).collect();
    for info in &infos {
        match until(&call, info, &goal, deadline).await {
            Ok(()) => call.line(format!("{} condition met", info.named())),
            Err(failure) => failures.push(failure),
        }
    }
    if infos.is_empty() && failures.is_empty() && !is_delete {
        return Err(Failure::new("no matching resources found"));
    }
    Failure::all(failures)
}

fn timed_out(info: &Info) -> Failure {
    Failure::new(format!("timed out waiting for the condition on {}/{}", info.mapping.plural, info.name))
}

async fn until(call: &Call, info: &Info, goal: &Goal, deadline: SimTime) -> Outcome<()> {
    let uid = &info.object["metadata"]["uid"];
    loop {
        match call.request(crate::apiserver::Request::get(info.path())).await {
            Ok(object) if matches!(goal, Goal::Delete) => {
                if object["metadata"]["uid"] != *uid {
                    return Ok(());
                }
            }
            Ok(object) => {
                if goal.is_met(&object)? {
                    return Ok(());
                }
            }
            Err(failure) if failure.is_not_found() => {
                if matches!(goal, Goal::Delete) {
                    return Ok(());
                }
            }
            Err(failure) => return Err(failure),
        }
        if call.env.client.now() >= deadline {
            return Err(timed_out(info));
        }
        call.env.client.news(Some(deadline)).await;
    }
}

/// `--for=create`: the objects need not be there yet.
async fn created(call: &Call, selection: &Selection, deadline: SimTime) -> Outcome<()> {
    loop {
        let (infos, failures) = resource::fetch(call, selection).await;
        let missing = failures.iter().any(Failure::is_not_found) || (infos.is_empty() && failures.is_empty());
        if !missing {
            for info in &infos {
                call.line(format!("{} condition met", info.named()));
            }
            return Failure::all(failures);
        }
        if call.env.client.now() >= deadline {
            return Err(Failure::new("timed out waiting for the condition"));
        }
        call.env.client.news(Some(deadline)).await;
    }
}

#[cfg(test)]
mod tests {
    use crate::kubectl::testing::lab;

    #[test]
    fn waits_and_gives_up() {
        let lab = lab();
        let cases = [
            ("wait --for=condition=Ready node/worker-1", "node/worker-1 condition met\n"),
            (
                "wait --for=condition=Ready=false node/worker-1 --timeout=3s",
                "error: timed out waiting for the condition on nodes/worker-1\n[exit 1]\n",
            ),
            ("wait --for=jsonpath='{.status.phase}'=Active ns/default", "namespace/default condition met\n"),
            ("wait --for=delete pod/nothere", ""),
            ("wait pod/x", "error: unrecognized condition: \"\"\n[exit 1]\n"),
            ("wait --for=condition=Ready pods --all", "error: no matching resources found\n[exit 1]\n"),
            (
                "wait --for=condition=Ready pod/x",
                "Error from server (NotFound): pods \"x\" not found\n[exit 1]\n",
            ),
        ];
        for (line, printed) in cases {
            assert_eq!(lab.run(line), printed, "{line}");
        }
    }
}
