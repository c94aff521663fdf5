//! kubectl: arguments → API requests → printed text. A client: it knows no engine.
//!
//! Always holds: a command sees the cluster through [`Client`] alone, files through [`Host`], and prints into
//! [`Streams`]. What it prints is what kubectl 1.36 prints.

pub mod age;
pub mod annotate;
pub mod api;
pub mod apply;
pub mod attach;
pub mod auth;
pub mod autoscale;
pub mod call;
pub mod certificate;
pub mod cluster_info;
pub mod commands;
pub mod completion;
pub mod config;
pub mod connect;
pub mod cordon;
pub mod cp;
pub mod create;
pub mod debug;
pub mod declared;
pub mod delete;
pub mod describe;
pub mod diff;
pub mod drain;
pub mod edit;
pub mod errors;
pub mod events;
pub mod exec;
pub mod explain;
pub mod expose;
pub mod flags;
pub mod get;
pub mod help;
pub mod io;
pub mod jsonpath;
pub mod kubeconfig;
mod kustomize;
pub mod label;
pub mod logs;
pub mod manifest;
pub mod mapper;
pub mod output;
pub mod patch;
pub mod port_forward;
pub mod replace;
pub mod resource;
pub mod rollout;
pub mod run;
pub mod scale;
pub mod set;
pub mod table;
pub mod taint;
pub mod template;
pub mod top;
pub mod version;
pub mod wait;
pub mod write;

#[cfg(test)]
mod noise;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod walk;

pub use call::Call;
pub use errors::{Failure, Outcome};
pub use io::{Host, Streams};

use crate::client::Client;
use commands::{Command, ROOT};
use flags::{Flags, command_words};
use std::rc::Rc;

/// What a kubectl command runs with.
#[derive(Clone)]
pub struct Env {
    /// The cluster.
    pub client: Client,
    /// Files, variables, and other commands.
    pub host: Rc<dyn Host>,
    /// Standard input and output.
    pub io: Streams,
}

/// Runs `kubectl ARGS` and answers its exit status. Waits (as `wait`, `get -w` and `logs -f` do) only through the
/// client, so that it can be dropped at any moment.
pub async fn run(env: Env, args: Vec<String>) -> i32 {
    let io = env.io.clone();
    match dispatch(env, args).await {
        Ok(()) => 0,
        Err(failure) => {
            let (text, code) = failure.report();
            io.error(&text);
            code
        }
    }
}

async fn dispatch(env: Env, mut line: Vec<String>) -> Outcome<()> {
    if line.first().is_some_and(|word| word == "help") {
        line.remove(0);
        let (command, path) = find(&mut line);
        env.io.print(&help::text(command, &path));
        return Ok(());
    }
    let (command, path) = find(&mut line);
    let known = command.all_flags();
    if command.is_root()
        && let Some(at) = command_words(&known, &line).first()
    {
        return Err(unknown(&line[*at]));
    }
    let flags = match Flags::parse(known, &line) {
        Ok(flags) => flags,
        Err(error) if error == flags::HELP => {
            env.io.print(&help::text(command, &path));
            return Ok(());
        }
        Err(error) => return Err(Failure::new(format!("{error}\nSee '{path} --help' for usage."))),
    };
    if flags.changed("record") {
        env.io.error("Flag --record has been deprecated, --record will be removed in the future\n");
    }
    let Some(run) = command.run else {
        if !flags.args.is_empty() {
            let words = flags.args.join(" ");
            let call = Call::new(env, flags, command, &path);
            return Err(call.usage(format!("unknown command {}", flags::quote(&words))));
        }
        let text = help::text(command, &path);
        // A command that only has subcommands answers with its help, and most call that a mistake.
        if command.is_root() || command.name == "certificate" {
            env.io.print(&text);
            return Ok(());
        }
        return Err(Failure::Text(text, 1));
    };
    if let Some(missing) = flags.missing() {
        return Err(Failure::new(missing));
    }
    run(Call::new(env, flags, command, &path)).await
}

/// Finds the command of a line and takes its words out.
fn find(line: &mut Vec<String>) -> (&'static Command, String) {
    let (mut command, mut path) = (&ROOT, "kubectl".to_owned());
    while let Some(at) = command_words(&command.all_flags(), line).first().copied() {
        let Some(next) = command.subcommand(&line[at]) else { break };
        line.remove(at);
        path = format!("{path} {}", next.name);
        command = next;
    }
    (command, path)
}

fn unknown(word: &str) -> Failure {
    let near = commands::suggestions(commands::ALL, word);
    let mut text = format!("unknown command {} for \"kubectl\"", flags::quote(word));
    if !near.is_empty() {
        text = format!("{text}\n\nDid you mean this?\n\t{}\n", near.join("\n\t"));
    }
    Failure::new(text)
}
