//! `dojo`: what a learner can do to the simulation itself, from the prompt.

use super::Control;
use super::world::Shared;
use crate::cluster::NodeConfig;
use crate::cluster::machines::Action;
use crate::kubectl::Streams;
use crate::object::quantity::Quantity;
use crate::posix::Call;
use k8s_openapi::api::core::v1::Taint;

const USAGE: &str = "usage:
  dojo node add NAME [--cpu N] [--memory SIZE] [--gpu N] [--label KEY=VALUE] [--taint KEY=VALUE:EFFECT]
  dojo node remove|fail|recover NAME
  dojo undo          go back to before the last change
  dojo reset         go back to the beginning
  dojo hint          the next hint of the lesson
  dojo speed N|pause|quiet
";

/// Runs `dojo ARGS`.
pub async fn run(shared: Shared, call: Call, io: Streams) -> i32 {
    let words: Vec<&str> = call.argv[1..].iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["node", rest @ ..] => node(rest).and_then(|action| shared.client.machine(&action)),
        ["undo"] => ask(&shared, Control::Undo),
        ["reset"] => ask(&shared, Control::Reset),
        ["hint"] => ask(&shared, Control::Hint),
        ["speed", "pause"] => ask(&shared, Control::Pause),
        ["speed", "quiet"] => ask(&shared, Control::UntilQuiet),
        ["speed", factor] => match factor.trim_end_matches(['x', '×']).parse::<u32>() {
            Ok(factor @ 1..=3600) => ask(&shared, Control::Speed(factor)),
            _ => Err(format!("{factor} is no speed: a number from 1 to 3600, pause, or quiet")),
        },
        [] | ["help" | "--help" | "-h"] => {
            io.print(USAGE);
            return 0;
        }
        _ => Err(format!("there is no such command\n{USAGE}")),
    };
    match outcome {
        Ok(()) => 0,
        Err(why) => {
            io.error(&format!("dojo: {}\n", why.trim_end()));
            1
        }
    }
}

fn ask(shared: &Shared, control: Control) -> Result<(), String> {
    shared.requests.borrow_mut().push(control);
    Ok(())
}

fn node(words: &[&str]) -> Result<Action, String> {
    match words {
        ["add", name, options @ ..] => Ok(Action::Add(configure(name, options)?)),
        ["remove", name] => Ok(Action::Remove((*name).to_owned())),
        ["fail", name] => Ok(Action::Fail((*name).to_owned())),
        ["recover", name] => Ok(Action::Recover((*name).to_owned())),
        _ => Err(format!("node: add, remove, fail or recover, and a name\n{USAGE}")),
    }
}

fn configure(name: &str, options: &[&str]) -> Result<NodeConfig, String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if !name.chars().all(legal) || !ends(name.chars().next()) || !ends(name.chars().last()) || name.len() > 63
    {
        return Err(format!("{name:?} is no name for a node: small letters, digits, - and ."));
    }
    let mut config = NodeConfig::worker(name);
    let mut words = options.iter();
    while let Some(option) = words.next() {
        let (option, inline) = option.split_once('=').map_or((*option, None), |(o, v)| (o, Some(v)));
        let value = inline.or_else(|| words.next().copied()).ok_or(format!("{option} wants a value"))?;
        let quantity = || Quantity::parse(value).ok_or(format!("{value} is no quantity"));
        match option {
            "--cpu" => config.cpu_milli = quantity()?.milli(),
            "--memory" => config.memory_bytes = quantity()?.units(),
            "--gpu" => {
                config.extended.insert("nvidia.com/gpu".to_owned(), quantity()?.units());
            }
            "--label" => {
                let (key, value) = value.split_once('=').unwrap_or((value, ""));
                config.labels.insert(key.to_owned(), value.to_owned());
            }
            "--taint" => config.taints.push(taint(value)?),
            _ => return Err(format!("there is no option {option}\n{USAGE}")),
        }
    }
    Ok(config)
}

fn taint(text: &str) -> Result<Taint, String> {
    let (key, effect) = text.rsplit_once(':').ok_or(format!("{text} is no taint: KEY=VALUE:EFFECT"))?;
    let (key, value) = key.split_once('=').map_or((key, None), |(k, v)| (k, Some(v.to_owned())));
    if !matches!(effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute") {
        return Err(format!("{effect} is no effect: NoSchedule, PreferNoSchedule or NoExecute"));
    }
    Ok(Taint { key: key.to_owned(), value, effect: effect.to_owned(), ..Taint::default() })
}
