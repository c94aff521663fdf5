//! The commands of the learner's machine that are neither tools nor kubectl: `dojo`, `help`, `clear`, `history`.
//!
//! Always holds: a command here ends at once; what only the program can do is handed to it as a [`Control`].

use super::world::Desk;
use crate::client::Client;
use crate::cluster::NodeConfig;
use crate::cluster::addons;
use crate::cluster::machines::Action;
use crate::kubectl::Streams;
use crate::posix::tools::TOOLS;
use crate::posix::{self, builtin_names};
use k8s_openapi::api::core::v1::Taint;

/// What a command asks of the program that it runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Empty the screen.
    Clear,
    /// Go back to before the last change.
    Undo,
    /// Go back to the beginning.
    Reset,
    /// Show the next hint.
    Hint,
    /// Say what is still missing in the step.
    Check,
    /// Show the roll-out of a Deployment.
    Rollout,
    /// Let time stand still.
    Pause,
    /// Let time run at so many times its speed.
    Speed(u32),
    /// Let time run until nothing changes any more.
    UntilQuiet,
    /// Leave (`exit`).
    Leave,
}

/// What a command sees.
pub(super) struct View<'a> {
    pub client: &'a Client,
    pub desk: &'a mut Desk,
    pub streams: &'a Streams,
}

/// A command of this table.
pub(super) struct Command {
    pub name: &'static str,
    pub run: fn(&[String], &mut View) -> i32,
}

const COMMANDS: &[Command] = &[
    Command { name: "clear", run: clear },
    Command { name: "reset", run: clear },
    Command { name: "dojo", run: dojo },
    Command { name: "help", run: help },
    Command { name: "history", run: history },
    Command { name: "man", run: man },
];

/// Commands of the world that are found elsewhere.
const OTHERS: &[&str] = &["kubectl", "k", "vi", "vim", "nano", "edit", "watch", "yq"];

pub(super) fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// Names of the commands that the world has.
pub(super) fn world_names() -> Vec<String> {
    COMMANDS.iter().map(|c| c.name).chain(OTHERS.iter().copied()).map(str::to_owned).collect()
}

/// Every command there is.
pub(super) fn names() -> Vec<String> {
    let tools = TOOLS.iter().chain(posix::net::TOOLS).map(|tool| tool.name.to_owned());
    let builtins = builtin_names().iter().map(|name| (*name).to_owned());
    let mut all: Vec<String> = world_names().into_iter().chain(tools).chain(builtins).collect();
    all.extend(["sh".to_owned(), "bash".to_owned()]);
    all.sort();
    all.dedup();
    all
}

/// The known name that is at most two changes away.
pub(super) fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    if name.chars().count() > 40 {
        return None;
    }
    let limit = if name.chars().count() <= 3 { 1 } else { 2 };
    known
        .filter(|k| k.len() > 1)
        .map(|k| (distance(name, &k), k))
        .filter(|(d, _)| *d <= limit)
        .min()
        .map(|(_, k)| k)
}

/// Changes (insert, remove, replace, swap neighbours) from one word to another.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}

fn clear(_args: &[String], view: &mut View) -> i32 {
    view.desk.requests.push(Control::Clear);
    0
}

fn history(args: &[String], view: &mut View) -> i32 {
    if args.first().is_some_and(|a| a == "-c") {
        view.desk.history.clear();
        return 0;
    }
    let count = args.first().and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
    let from = view.desk.history.len().saturating_sub(count);
    for (i, line) in view.desk.history.iter().enumerate().skip(from) {
        view.streams.print(&format!("{:5}  {line}\n", i + 1));
    }
    0
}

const HELP: &str = "\
kubectl COMMAND            talk to the cluster (k is the same)       클러스터와 대화하기 (k도 같아요)
curl, wget, nslookup, dig  reach Services from outside               클러스터 밖에서 서비스에 접속하기
vi FILE, kubectl edit      edit in an editor                         편집기로 고치기
dojo node add|remove|fail|recover NAME   machines of the cluster     클러스터의 머신 다루기
dojo addon metrics-server  what kubectl top and autoscalers need    kubectl top과 오토스케일러에 필요한 것
dojo undo|reset|hint|check|rollout|speed this program itself         이 프로그램 조작하기
history, clear             the terminal                              터미널
help NAME                  how a command is used                     명령의 사용법 보기

The shell knows pipes, redirections, variables, loops and functions, as bash does.
셸은 bash처럼 파이프, 리다이렉션, 변수, 반복문, 함수를 알아요.
Tools / 도구: ";

fn help(args: &[String], view: &mut View) -> i32 {
    if let Some(name) = args.first() {
        return man(std::slice::from_ref(name), view);
    }
    let tools: Vec<&str> = TOOLS.iter().map(|t| t.name).filter(|n| n.len() > 1).collect();
    let mut text = HELP.to_owned();
    let mut column = text.lines().last().map_or(0, |l| l.chars().count());
    for name in tools {
        if column + name.len() > 96 {
            text.push_str("\n  ");
            column = 2;
        }
        text.push_str(name);
        text.push(' ');
        column += name.len() + 1;
    }
    view.streams.print(&(text.trim_end().to_owned() + "\n"));
    0
}

fn man(args: &[String], view: &mut View) -> i32 {
    let Some(name) = args.first() else {
        view.streams.error("What manual page do you want?\n");
        return 1;
    };
    let tool = TOOLS.iter().chain(posix::net::TOOLS).find(|tool| tool.name == name);
    let usage = match name.as_str() {
        "kubectl" | "k" => Some("kubectl COMMAND [options]    (see: kubectl --help)".to_owned()),
        "dojo" => Some(DOJO.trim_end().to_owned()),
        "vi" | "vim" | "nano" | "edit" => Some(format!("{name} FILE")),
        "watch" => Some("watch [-n SECONDS] [-t] COMMAND".to_owned()),
        "yq" => Some("yq [-o json] [-r] FILTER [FILE]".to_owned()),
        _ => tool.map(|tool| tool.usage.to_owned()),
    };
    match usage {
        Some(usage) => {
            view.streams.print(&format!("{usage}\n"));
            0
        }
        None if builtin_names().contains(&name.as_str()) => {
            view.streams.print(&format!("{name}: a shell builtin, as in bash\n"));
            0
        }
        None => {
            view.streams.error(&format!("No manual entry for {name}\n"));
            16
        }
    }
}

const DOJO: &str = "\
dojo node add NAME [--cpu N] [--memory SIZE] [--gpu N] [--label K=V]... [--taint K=V:EFFECT]...
dojo node remove|fail|recover NAME
dojo addon metrics-server
dojo undo | reset | hint | check | rollout
dojo speed N|pause|quiet
";

fn dojo(args: &[String], view: &mut View) -> i32 {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let command = match words.as_slice() {
        ["node", rest @ ..] => return node(rest, view),
        ["addon", rest @ ..] => return addon(rest, view),
        ["undo"] => Control::Undo,
        ["reset"] => Control::Reset,
        ["hint"] => Control::Hint,
        ["check"] => Control::Check,
        ["rollout"] => Control::Rollout,
        ["speed", speed] => {
            if let Some(control) = speed_of(speed) {
                control
            } else {
                view.streams
                    .error(&format!("dojo: {speed} is no speed: a number from 1 to 3600, pause, or quiet\n"));
                return 1;
            }
        }
        [] | ["help" | "--help" | "-h"] => {
            view.streams.print(DOJO);
            return 0;
        }
        other => {
            view.streams.error(&format!("dojo: unknown command \"{}\"\n{DOJO}", other.join(" ")));
            return 1;
        }
    };
    view.desk.requests.push(command);
    0
}

/// Creates what an addon is made of, as `kubectl apply` of its project's manifest would.
fn addon(words: &[&str], view: &mut View) -> i32 {
    let found = match words {
        [name] => addons::objects(name),
        _ => None,
    };
    let Some(objects) = found else {
        view.streams.error(&format!("dojo: the addons are: {}\n", addons::NAMES.join(", ")));
        return 1;
    };
    let mut status = 0;
    for object in objects {
        match view.client.create_now(object) {
            Ok((name, true)) => view.streams.print(&format!("{name} created\n")),
            Ok((name, false)) => view.streams.print(&format!("{name} unchanged\n")),
            Err(why) => {
                view.streams.error(&format!("dojo: {why}\n"));
                status = 1;
            }
        }
    }
    status
}

fn speed_of(text: &str) -> Option<Control> {
    match text {
        "pause" => Some(Control::Pause),
        "quiet" => Some(Control::UntilQuiet),
        text => match text.trim_end_matches(['x', '×']).parse() {
            Ok(factor @ 1..=3600) => Some(Control::Speed(factor)),
            _ => None,
        },
    }
}

fn node(words: &[&str], view: &mut View) -> i32 {
    let (action, said) = match words {
        ["remove" | "rm", name] => (Ok(Action::Remove((*name).into())), format!("machine {name} removed")),
        ["fail" | "stop", name] => (Ok(Action::Fail((*name).into())), format!("machine {name} stopped")),
        ["recover" | "start", name] => {
            (Ok(Action::Recover((*name).into())), format!("machine {name} started"))
        }
        ["add", name, options @ ..] => {
            (node_config(name, options).map(Action::Add), format!("machine {name} added"))
        }
        _ => (Err("what to do with which node?".to_owned()), String::new()),
    };
    match action.and_then(|action| view.client.machine(&action)) {
        Ok(()) => {
            view.streams.print(&format!("{said}\n"));
            0
        }
        Err(why) => {
            view.streams.error(&format!("dojo: {why}\n"));
            1
        }
    }
}

fn node_config(name: &str, options: &[&str]) -> Result<NodeConfig, String> {
    let valid = !name.is_empty()
        && name.len() <= 63
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if !valid {
        return Err(format!("{name}: a node's name has small letters, digits and '-' only"));
    }
    let mut config = NodeConfig::worker(name);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let (flag, value) = match option.split_once('=').filter(|(flag, _)| flag.starts_with("--")) {
            Some((flag, value)) => (flag, value.to_owned()),
            None => {
                (*option, options.next().map(|v| (*v).to_owned()).ok_or(format!("{option} wants a value"))?)
            }
        };
        let quantity = |value: &str| {
            crate::object::quantity::Quantity::parse(value).ok_or(format!("{value}: not a quantity"))
        };
        match flag {
            "--cpu" => config.cpu_milli = quantity(&value)?.milli(),
            "--memory" => config.memory_bytes = quantity(&value)?.units(),
            "--gpu" => {
                let count = value.parse().map_err(|_| format!("{value}: not a number"))?;
                config.extended.insert("nvidia.com/gpu".into(), count);
            }
            "--label" => {
                let (key, value) =
                    value.split_once('=').ok_or(format!("{value}: not a label (KEY=VALUE)"))?;
                config.labels.insert(key.to_owned(), value.to_owned());
            }
            "--taint" => {
                let (rest, effect) =
                    value.rsplit_once(':').ok_or(format!("{value}: not a taint (KEY=VALUE:EFFECT)"))?;
                if !matches!(effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute") {
                    return Err(format!("{effect}: not an effect (NoSchedule, PreferNoSchedule, NoExecute)"));
                }
                let (key, text) = rest.split_once('=').map_or((rest, None), |(k, v)| (k, Some(v.to_owned())));
                config.taints.push(Taint {
                    key: key.to_owned(),
                    value: text,
                    effect: effect.to_owned(),
                    ..Taint::default()
                });
            }
            flag => return Err(format!("unknown option {flag}")),
        }
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        let near = |name: &str| nearest(name, names().into_iter());
        assert_eq!(near("kubctl").as_deref(), Some("kubectl"));
        assert_eq!(near("gerp").as_deref(), Some("grep"));
        assert_eq!(near("quux"), None);
    }
}
