//! `--help`, `kubectl help` and `kubectl options`, made from the table of commands.

use super::commands::{Command, GLOBAL, Group, Running};
use super::flags::{Flag, FlagKind};
use std::fmt::Write;

/// `kubectl options`.
pub static OPTIONS: Command = Command {
    name: "options",
    group: Group::Sub,
    summary: "List the flags that every command has",
    usage: "options",
    run: Some(|call| -> Running {
        Box::pin(async move {
            let mut text = String::from("The following options can be passed to any command:\n\n");
            list_flags(&mut text, GLOBAL.iter());
            call.print(text);
            Ok(())
        })
    }),
    ..Command::NEW
};

/// The help text of a command; `path` is how it was called.
pub fn text(command: &Command, path: &str) -> String {
    let mut out = format!("{}\n", command.summary);
    if !command.details.is_empty() {
        let _ = write!(out, "\n {}\n", command.details);
    }
    if !command.aliases.is_empty() {
        let _ = write!(out, "\nAliases:\n{}, {}\n", command.name, command.aliases.join(", "));
    }
    if !command.examples.is_empty() {
        out.push_str("\nExamples:\n");
        let blocks: Vec<String> =
            command.examples.iter().map(|(comment, line)| format!("  # {comment}\n  {line}\n")).collect();
        out.push_str(&blocks.join("  \n"));
    }
    list_commands(&mut out, command);
    let mut flags: Vec<&Flag> = command.flags.iter().copied().flatten().filter(|f| !f.hidden).collect();
    flags.sort_by_key(|f| f.name);
    if !flags.is_empty() {
        out.push_str("\nOptions:\n");
        list_flags(&mut out, flags.into_iter());
    }
    let usage = if command.is_root() || command.usage.is_empty() {
        format!("{path} [flags]")
    } else {
        let tail = command.usage.split_once(' ').map_or("", |(_, tail)| tail);
        let tail = if tail.is_empty() && !command.subcommands.is_empty() { "[flags]" } else { tail };
        format!("{path} {tail}").trim_end().to_owned()
    };
    let _ = write!(out, "\nUsage:\n  {usage} [options]\n\n");
    if !command.subcommands.is_empty() {
        let _ = writeln!(out, "Use \"{path} <command> --help\" for more information about a given command.");
    }
    out.push_str(
        "Use \"kubectl options\" for a list of global command-line options (applies to all commands).\n",
    );
    out
}

fn list_commands(out: &mut String, command: &Command) {
    if command.subcommands.is_empty() {
        return;
    }
    let width = command.subcommands.iter().map(|c| c.name.len()).max().unwrap_or(0).max(11);
    let listed = |out: &mut String, heading: &str, group: Group| {
        let members: Vec<_> = command.subcommands.iter().filter(|c| c.group == group).collect();
        if members.is_empty() || (command.is_root() && group == Group::Sub) {
            return;
        }
        let _ = write!(out, "\n{heading}\n");
        for member in members {
            let _ = writeln!(out, "  {:<width$}   {}", member.name, member.summary);
        }
    };
    for (group, heading) in Group::LISTED {
        listed(out, heading, *group);
    }
    listed(out, "Available Commands:", Group::Sub);
}

fn list_flags<'a>(out: &mut String, flags: impl Iterator<Item = &'a Flag>) {
    let blocks: Vec<String> = flags
        .map(|flag| {
            let short = flag.short.map_or(String::new(), |c| format!("-{c}, "));
            let default = match flag.kind {
                FlagKind::Text => format!("'{}'", flag.default),
                _ => flag.default.to_owned(),
            };
            format!("    {short}--{}={default}:\n\t{}\n", flag.name, flag.summary)
        })
        .collect();
    out.push_str(&blocks.join("\n"));
}
