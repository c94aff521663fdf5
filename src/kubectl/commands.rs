//! The one table of commands: dispatch, `--help`, suggestions and completion read it.
//!
//! To add a command, write its file with a `pub static COMMAND: Command` and add a line to [`ALL`].

use super::call::Call;
use super::errors::Outcome;
use super::flags::Flag;
use std::future::Future;
use std::pin::Pin;

/// Under which heading `kubectl --help` lists a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Basic Commands (Beginner).
    Beginner,
    /// Basic Commands (Intermediate).
    Intermediate,
    /// Deploy Commands.
    Deploy,
    /// Cluster Management Commands.
    Management,
    /// Troubleshooting and Debugging Commands.
    Troubleshooting,
    /// Advanced Commands.
    Advanced,
    /// Settings Commands.
    Settings,
    /// Other Commands.
    Other,
    /// A subcommand, listed by its parent.
    Sub,
}

impl Group {
    /// The groups in the order of the help text, with their headings.
    pub const LISTED: &'static [(Group, &'static str)] = &[
        (Group::Beginner, "Basic Commands (Beginner):"),
        (Group::Intermediate, "Basic Commands (Intermediate):"),
        (Group::Deploy, "Deploy Commands:"),
        (Group::Management, "Cluster Management Commands:"),
        (Group::Troubleshooting, "Troubleshooting and Debugging Commands:"),
        (Group::Advanced, "Advanced Commands:"),
        (Group::Settings, "Settings Commands:"),
        (Group::Other, "Other Commands:"),
    ];
}

/// A running command.
pub type Running = Pin<Box<dyn Future<Output = Outcome<()>>>>;

/// A command or a subcommand.
#[derive(Debug)]
pub struct Command {
    /// `get`.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// Where help lists it.
    pub group: Group,
    /// One line for the list of commands.
    pub summary: &'static str,
    /// More for its own help; empty when the summary says it all.
    pub details: &'static str,
    /// `get (TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE/NAME ...) [flags]`, without `kubectl` and `[options]`.
    pub usage: &'static str,
    /// Lines of examples: `(comment, command)`.
    pub examples: &'static [(&'static str, &'static str)],
    /// Its flags, as groups that commands share.
    pub flags: &'static [&'static [Flag]],
    /// Its subcommands.
    pub subcommands: &'static [&'static Command],
    /// What it does; `None` for a command that only has subcommands.
    pub run: Option<fn(Call) -> Running>,
}

impl Command {
    /// A command with nothing but defaults, for `..Command::NEW`.
    pub const NEW: Command = Command {
        name: "",
        aliases: &[],
        group: Group::Other,
        summary: "",
        details: "",
        usage: "",
        examples: &[],
        flags: &[],
        subcommands: &[],
        run: None,
    };

    /// Its own flags, and the global ones that they do not hide (`create rolebinding --user` is its own).
    pub fn all_flags(&self) -> Vec<&'static Flag> {
        let own = || self.flags.iter().copied().flatten();
        // A command's own flag hides a global one of the same name, as `--user` of `create rolebinding` does.
        own().chain(GLOBAL.iter().filter(|global| !own().any(|flag| flag.name == global.name))).collect()
    }

    /// Whether it is `kubectl` itself.
    pub fn is_root(&self) -> bool {
        self.name == ROOT.name
    }

    /// The subcommand of this name.
    pub fn subcommand(&self, name: &str) -> Option<&'static Command> {
        self.subcommands.iter().copied().find(|c| c.name == name || c.aliases.contains(&name))
    }
}

/// Flags that every command has.
pub const GLOBAL: &[Flag] = &[
    Flag::text("as", "", "Act as this user, or service account, for the command"),
    Flag::array("as-group", "Act as a member of this group; repeat it for more"),
    Flag::text("as-uid", "", "Act as the user with this uid"),
    Flag::list("as-user-extra", "Extra attributes of the user to act as").hidden(),
    Flag::text("cache-dir", "$HOME/.kube/cache", "Where discovery is cached"),
    Flag::text("certificate-authority", "", "File with the certificate authority of the server"),
    Flag::text("client-certificate", "", "File with the client certificate"),
    Flag::text("client-key", "", "File with the client key"),
    Flag::text("cluster", "", "The kubeconfig cluster to use"),
    Flag::text("context", "", "The kubeconfig context to use"),
    Flag::bool("disable-compression", "Do not ask for compressed answers"),
    Flag::bool("insecure-skip-tls-verify", "Do not check the certificate of the server"),
    Flag::text("kubeconfig", "", "The kubeconfig file to use"),
    Flag::text("kuberc", "", "The file with preferences to use"),
    Flag::new("log-flush-frequency", super::flags::FlagKind::Duration, "5s", "How often logs are flushed"),
    Flag::bool("match-server-version", "Demand that client and server are of one version"),
    Flag::text("namespace", "", "The namespace of this request").short('n'),
    Flag::text("password", "", "Password for basic authentication"),
    Flag::text("profile", "none", "Name of the profile to capture"),
    Flag::text("profile-output", "profile.pprof", "File to write the profile to"),
    Flag::text(
        "request-timeout",
        "0",
        "How long to wait for one answer of the server, as 1s, 2m, 3h; 0 is for ever",
    ),
    Flag::text("server", "", "Address and port of the API server").short('s'),
    Flag::text("tls-server-name", "", "Name to expect in the certificate of the server"),
    Flag::text("token", "", "Bearer token to authenticate with"),
    Flag::text("user", "", "The kubeconfig user to use"),
    Flag::text("username", "", "User name for basic authentication"),
    Flag::text("v", "0", "How much to log").short('v'),
    Flag::list("vmodule", "How much to log, by file"),
    Flag::bool("warnings-as-errors", "Treat warnings of the server as errors"),
];

/// `kubectl` itself.
pub static ROOT: Command = Command {
    name: "kubectl",
    summary: "kubectl controls a Kubernetes cluster.",
    usage: "[flags]",
    subcommands: ALL,
    ..Command::NEW
};

/// Every command, in the order of the help text.
pub static ALL: &[&Command] = &[
    &super::create::COMMAND,
    &super::expose::COMMAND,
    &super::run::COMMAND,
    &super::set::COMMAND,
    &super::explain::COMMAND,
    &super::get::COMMAND,
    &super::edit::COMMAND,
    &super::delete::COMMAND,
    &super::rollout::COMMAND,
    &super::scale::COMMAND,
    &super::autoscale::COMMAND,
    &super::certificate::COMMAND,
    &super::cluster_info::COMMAND,
    &super::top::COMMAND,
    &super::cordon::COMMAND,
    &super::cordon::UNCORDON,
    &super::drain::COMMAND,
    &super::taint::COMMAND,
    &super::describe::COMMAND,
    &super::logs::COMMAND,
    &super::attach::COMMAND,
    &super::exec::COMMAND,
    &super::port_forward::COMMAND,
    &super::cp::COMMAND,
    &super::auth::COMMAND,
    &super::debug::COMMAND,
    &super::events::COMMAND,
    &super::diff::COMMAND,
    &super::apply::COMMAND,
    &super::patch::COMMAND,
    &super::replace::COMMAND,
    &super::wait::COMMAND,
    &super::label::COMMAND,
    &super::annotate::COMMAND,
    &super::api::RESOURCES,
    &super::api::VERSIONS,
    &super::completion::COMMAND,
    &super::config::COMMAND,
    &super::version::COMMAND,
    &super::help::OPTIONS,
];

/// Names near to an unknown one, as cobra finds them: two edits away at most, or with this beginning.
pub fn suggestions(commands: &[&Command], typed: &str) -> Vec<&'static str> {
    let typed = typed.to_lowercase();
    let near = |name: &str| distance(&typed, name) <= 2 || name.starts_with(&typed);
    commands.iter().map(|c| c.name).filter(|n| near(n)).collect()
}

/// Levenshtein distance.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut left_above = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitute = left_above + usize::from(x != *y);
            left_above = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(left_above + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_whole() {
        fn check(command: &Command, path: &str) {
            let path = format!("{path} {}", command.name);
            assert!(!command.summary.is_empty(), "{path}: no summary");
            assert!(command.run.is_some() || !command.subcommands.is_empty(), "{path}: does nothing");
            let mut names: Vec<&str> = command.all_flags().iter().map(|f| f.name).collect();
            names.sort_unstable();
            let all = names.len();
            names.dedup();
            assert_eq!(all, names.len(), "{path}: a flag is declared twice");
            for sub in command.subcommands {
                check(sub, &path);
            }
        }
        for command in ALL {
            check(command, "kubectl");
        }
    }

    #[test]
    fn near_names() {
        assert_eq!(distance("bogus", "logs"), 2);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(suggestions(ALL, "gte"), ["get"]);
    }
}
