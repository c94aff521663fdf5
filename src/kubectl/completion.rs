//! `kubectl completion`: says where completion comes from.
//!
//! Does not: print a script. A script asks the kubectl that printed it for every word, which takes more of it than this
//! one has; in the learner's terminal Tab completes without one.

use super::call::Call;
use super::commands::{Command, Group};
use super::errors::Outcome;

/// `kubectl completion`.
pub static COMMAND: Command = Command {
    name: "completion",
    group: Group::Settings,
    summary: "Output shell completion code for the specified shell (bash, zsh, fish, or powershell)",
    details: "The code itself is not part of this kubectl. In the simulation Tab completes without it.",
    usage: "completion SHELL",
    run: Some(|call| Box::pin(std::future::ready(run(&call)))),
    ..Command::NEW
};

fn run(call: &Call) -> Outcome<()> {
    let [shell] = call.args() else {
        let why = if call.args().is_empty() {
            "Shell not specified."
        } else {
            "Too many arguments. Expected only the shell type."
        };
        return Err(call.usage(why));
    };
    if !["bash", "zsh", "fish", "powershell"].contains(&shell.as_str()) {
        return Err(call.usage(format!("Unsupported shell type \"{shell}\".")));
    }
    Err("completion scripts are not part of this kubectl. In the simulation's terminal Tab completes commands, flags and \
         names by itself; for a shell of your own take the kubectl of the Kubernetes project."
        .into())
}
