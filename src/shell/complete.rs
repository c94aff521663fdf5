//! Tab completion: commands, kubectl's verbs, kinds, names, namespaces, containers and flags, files, variables.
//!
//! Always holds: it only reads: the cluster through API requests, kubectl's grammar from its own table.

use super::{HOME, Shell, commands};
use crate::apiserver::Request;
use crate::cluster::addons;
use crate::kubectl::commands::{Command, ROOT};
use crate::kubectl::flags::{Flag, FlagKind};
use crate::object::Kind;
use crate::posix::resolve_path;
use serde_json::Value;

/// What the word at the cursor could become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Where the word begins, in bytes: a candidate replaces everything from here to the cursor.
    pub start: usize,
    /// The candidates, sorted; each ends with a space, or with `/` or `=` where more of the word follows.
    pub candidates: Vec<String>,
}

/// More candidates than this are of no use.
const MAX: usize = 500;

/// The words of the command at the cursor, and where the last one (perhaps empty) begins.
fn words(line: &str) -> (Vec<String>, usize) {
    let (mut words, mut word, mut start) = (Vec::new(), String::new(), 0);
    let (mut quote, mut inside) = (None, false);
    let mut chars = line.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        let end = i + c.len_utf8();
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                inside = true;
            }
            (None, '\\') => word.extend(chars.next().map(|(_, c)| c)),
            (None, '|' | ';' | '&' | '(' | '\n' | '`') => {
                words.clear();
                word.clear();
                inside = false;
                start = end;
            }
            (None, '<' | '>') => {
                words.push(">".to_owned());
                word.clear();
                inside = false;
                start = end;
            }
            (None, ' ' | '\t') => {
                if inside || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                inside = false;
                start = end;
            }
            (Some(_) | None, c) => word.push(c),
        }
    }
    words.push(word);
    (words, start)
}

pub(super) fn complete(shell: &Shell, line: &str, cursor: usize) -> Completion {
    let mut cursor = cursor.min(line.len());
    while !line.is_char_boundary(cursor) {
        cursor -= 1;
    }
    let (mut words, mut start) = words(&line[..cursor]);
    let last = words.pop().unwrap_or_default();
    // Assignments and words that introduce a command come before it.
    while words.first().is_some_and(|w| {
        matches!(
            w.as_str(),
            "if" | "then"
                | "else"
                | "do"
                | "while"
                | "until"
                | "!"
                | "{"
                | "time"
                | "watch"
                | "xargs"
                | "sudo"
        ) || w
            .split_once('=')
            .is_some_and(|(n, _)| !n.is_empty() && n.chars().all(|c| c.is_alphanumeric() || c == '_'))
    }) {
        words.remove(0);
    }
    if let Some(name) = last.strip_prefix('$') {
        let name = name.trim_start_matches('{');
        let brace = last.starts_with("${");
        let (variables, _) = shell.machine.names();
        let shown = |v: String| if brace { format!("${{{v}}}") } else { format!("${v}") };
        return finish(start, variables.into_iter().filter(|v| v.starts_with(name)).map(shown).collect());
    }
    let after_redirection = words.last().is_some_and(|w| w == ">");
    let context = Context { shell, words: &words, last: &last };
    let found = match words.first().map(String::as_str) {
        _ if after_redirection => context.files(),
        None if last.contains('/') => context.files(),
        None => {
            let mut all = commands::names();
            all.extend(shell.machine.names().1);
            plain(&last, all)
        }
        Some("kubectl" | "k") => {
            let (from, found) = context.kubectl();
            start = cursor - (last.len() - from).min(cursor);
            found
        }
        Some("help" | "man" | "which" | "type") => plain(&last, commands::names()),
        Some("dojo") => context.dojo(),
        Some("cd" | "rmdir") => context.files().into_iter().filter(|f| f.ends_with('/')).collect(),
        Some("export" | "unset") => plain(&last, shell.machine.names().0),
        Some(_) => context.files(),
    };
    finish(start, found)
}

/// The namespace of the kubeconfig's current context.
pub(super) fn current_namespace(shell: &Shell) -> String {
    let found = || {
        let text = shell.file(&format!("{HOME}/.kube/config"));
        let document = crate::yaml::parse(&text).ok()?.into_iter().next()?.value;
        let current = document.get("current-context")?.as_str()?.to_owned();
        let contexts = document.get("contexts")?.as_array()?.clone();
        let context =
            contexts.into_iter().find(|c| c.get("name").and_then(Value::as_str) == Some(&current))?;
        Some(context.pointer("/context/namespace")?.as_str()?.to_owned())
    };
    found().filter(|n| !n.is_empty()).unwrap_or_else(|| "default".to_owned())
}

fn finish(start: usize, mut candidates: Vec<String>) -> Completion {
    candidates.sort();
    candidates.dedup();
    candidates.truncate(MAX);
    Completion { start, candidates }
}

/// Those that begin with `last`, with a space behind.
fn plain(last: &str, all: impl IntoIterator<Item = String>) -> Vec<String> {
    all.into_iter().filter(|word| word.starts_with(last)).map(|word| word + " ").collect()
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

struct Context<'a> {
    shell: &'a Shell,
    words: &'a [String],
    last: &'a str,
}

/// What a kubectl line says so far.
struct Line {
    command: &'static Command,
    path: Vec<&'static str>,
    args: Vec<String>,
    namespace: String,
    /// The flag whose value comes next.
    open: Option<&'static Flag>,
}

impl Context<'_> {
    fn files(&self) -> Vec<String> {
        let (folder, prefix) = self.last.rsplit_once('/').map_or(("", self.last), |(f, p)| (f, p));
        let shown = if self.last.contains('/') { format!("{folder}/") } else { String::new() };
        let expanded = match shown.strip_prefix("~/") {
            Some(rest) => format!("{HOME}/{rest}"),
            None => shown.clone(),
        };
        let path = resolve_path(&self.shell.machine.cwd(), &expanded);
        let files = self.shell.world.files.borrow();
        let names = files.list(&path).unwrap_or_default();
        names
            .into_iter()
            .filter(|name| name.starts_with(prefix) && (!name.starts_with('.') || prefix.starts_with('.')))
            .map(|name| {
                let end = if files.is_dir(&resolve_path(&path, &name)) { "/" } else { " " };
                format!("{shown}{}{end}", name.replace(' ', "\\ "))
            })
            .collect()
    }

    fn dojo(&self) -> Vec<String> {
        let words: Vec<&str> = self.words.iter().skip(1).map(String::as_str).collect();
        match words.as_slice() {
            [] => plain(
                self.last,
                owned(&["node", "addon", "undo", "reset", "hint", "check", "rollout", "speed"]),
            ),
            ["addon"] => plain(self.last, owned(addons::NAMES)),
            ["node"] => plain(self.last, owned(&["add", "remove", "fail", "recover"])),
            ["node", "remove" | "fail" | "recover"] => plain(self.last, self.names(Kind::Node, "")),
            ["node", "add", ..] => {
                plain(self.last, owned(&["--cpu", "--memory", "--gpu", "--label", "--taint"]))
            }
            ["speed"] => plain(self.last, owned(&["pause", "1", "10", "60", "quiet"])),
            _ => Vec::new(),
        }
    }

    /// Names of the objects of a kind.
    fn names(&self, kind: Kind, namespace: &str) -> Vec<String> {
        let list = self.get(kind, namespace);
        let items = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        items.iter().filter_map(|item| item.pointer("/metadata/name")?.as_str().map(str::to_owned)).collect()
    }

    fn get(&self, kind: Kind, namespace: &str) -> Value {
        let info = kind.info();
        let root = if info.group.is_empty() {
            format!("/api/{}", info.version)
        } else {
            format!("/apis/{}/{}", info.group, info.version)
        };
        let path = if info.namespaced {
            format!("{root}/namespaces/{namespace}/{}", info.plural)
        } else {
            format!("{root}/{}", info.plural)
        };
        self.shell.client.request_now(&Request::get(path)).value().clone()
    }

    fn read_line(&self) -> Line {
        let mut line =
            Line { command: &ROOT, path: Vec::new(), args: Vec::new(), namespace: String::new(), open: None };
        for word in self.words.iter().skip(1) {
            if let Some(flag) = line.open.take() {
                if flag.name == "namespace" {
                    line.namespace.clone_from(word);
                }
                continue;
            }
            if let Some(named) = word.strip_prefix("--") {
                let (name, value) = named.split_once('=').map_or((named, None), |(n, v)| (n, Some(v)));
                let flag = line.command.all_flags().into_iter().find(|f| f.name == name);
                match (flag, value) {
                    (Some(flag), Some(value)) if flag.name == "namespace" => {
                        value.clone_into(&mut line.namespace);
                    }
                    (Some(flag), None) if takes_value(flag) => line.open = Some(flag),
                    _ => {}
                }
            } else if let Some(letters) = word.strip_prefix('-').filter(|l| !l.is_empty()) {
                let short = letters.chars().next();
                let flag = line.command.all_flags().into_iter().find(|f| f.short == short);
                if let Some(flag) = flag.filter(|f| takes_value(f)) {
                    let rest = &letters[short.map_or(0, char::len_utf8)..];
                    match rest.trim_start_matches('=') {
                        "" => line.open = Some(flag),
                        value if flag.name == "namespace" => value.clone_into(&mut line.namespace),
                        _ => {}
                    }
                }
            } else if line.args.is_empty()
                && let Some(sub) = line.command.subcommand(word)
            {
                line.command = sub;
                line.path.push(sub.name);
            } else {
                line.args.push(word.clone());
            }
        }
        if line.namespace.is_empty() {
            line.namespace = current_namespace(self.shell);
        }
        line
    }

    /// Where in the word the candidates begin, and the candidates.
    fn kubectl(&self) -> (usize, Vec<String>) {
        let line = self.read_line();
        if let Some(flag) = line.open {
            return (0, self.flag_value(flag, &line, self.last));
        }
        if let Some(named) = self.last.strip_prefix("--")
            && let Some((name, value)) = named.split_once('=')
        {
            let Some(flag) = line.command.all_flags().into_iter().find(|f| f.name == name) else {
                return (0, Vec::new());
            };
            return (name.len() + 3, self.flag_value(flag, &line, value));
        }
        if self.last.starts_with('-') {
            return (0, self.flags(&line));
        }
        if line.args.is_empty() && !line.command.subcommands.is_empty() {
            let subs = line.command.subcommands.iter().filter(|sub| sub.name != "options");
            let names = plain(self.last, subs.map(|sub| sub.name.to_owned()));
            if !names.is_empty() || line.command.run.is_none() {
                return (0, names);
            }
        }
        (0, self.positional(&line))
    }

    fn flags(&self, line: &Line) -> Vec<String> {
        let mut found = Vec::new();
        let own = line.command.flags.iter().copied().flatten();
        let shown: Vec<&Flag> = if self.last.len() > 2 { line.command.all_flags() } else { own.collect() };
        for flag in shown.into_iter().filter(|flag| !flag.hidden) {
            let name = format!("--{}", flag.name);
            if name.starts_with(self.last) {
                let end = if takes_value(flag) && flag.bare.is_none() { "=" } else { " " };
                found.push(name + end);
            }
        }
        found
    }

    fn flag_value(&self, flag: &Flag, line: &Line, last: &str) -> Vec<String> {
        match flag.name {
            "namespace" => plain(last, self.names(Kind::Namespace, "")),
            "filename" | "kubeconfig" | "from-file" | "from-env-file" => {
                Context { shell: self.shell, words: self.words, last }.files()
            }
            "container" => plain(last, self.containers(line)),
            "output" => plain(
                last,
                owned(&["wide", "yaml", "json", "name", "jsonpath=", "custom-columns=", "go-template="]),
            ),
            "dry-run" => plain(last, owned(&["client", "server", "none"])),
            "type" => plain(last, owned(&["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"])),
            "restart" => plain(last, owned(&["Never", "OnFailure", "Always"])),
            "for" => plain(
                last,
                owned(&["condition=Ready", "condition=Available", "delete", "create", "jsonpath="]),
            ),
            "cascade" => plain(last, owned(&["background", "foreground", "orphan"])),
            _ => Vec::new(),
        }
    }

    /// The containers of the pod that the line names.
    fn containers(&self, line: &Line) -> Vec<String> {
        let wanted = line.args.iter().map(|arg| arg.rsplit('/').next().unwrap_or(arg)).next();
        let list = self.get(Kind::Pod, &line.namespace);
        let pods = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        let of = |pod: &Value, field: &str| -> Vec<String> {
            let found = pod.pointer(field).and_then(Value::as_array).cloned().unwrap_or_default();
            found.iter().filter_map(|c| c.get("name")?.as_str().map(str::to_owned)).collect()
        };
        pods.iter()
            .filter(|pod| pod.pointer("/metadata/name").and_then(Value::as_str) == wanted)
            .flat_map(|pod| [of(pod, "/spec/containers"), of(pod, "/spec/initContainers")].concat())
            .collect()
    }

    fn positional(&self, line: &Line) -> Vec<String> {
        let verb = line.path.first().copied().unwrap_or_default();
        let args = &line.args;
        match verb {
            "drain" | "cordon" | "uncordon" => plain(self.last, self.names(Kind::Node, "")),
            "taint" => match args.first().map(String::as_str) {
                None => plain(self.last, owned(&["nodes"])),
                Some("node" | "nodes" | "no") if args.len() == 1 => {
                    plain(self.last, self.names(Kind::Node, ""))
                }
                Some(_) => Vec::new(),
            },
            "logs" | "exec" | "attach" | "port-forward" | "cp" if args.is_empty() => {
                if self.last.contains('/') {
                    return self.kinds_and_names(line);
                }
                plain(self.last, self.names(Kind::Pod, &line.namespace))
            }
            "logs" if args.len() == 1 => plain(self.last, self.containers(line)),
            "explain" | "create" if args.is_empty() => self.kinds(" "),
            "config" if line.path.get(1) == Some(&"use-context") => {
                plain(self.last, owned(&["kubernetes-admin@kubernetes"]))
            }
            "get" | "describe" | "delete" | "edit" | "label" | "annotate" | "patch" | "scale" | "expose"
            | "wait" | "rollout" | "set" | "autoscale" | "events" | "top" => {
                let past_names = matches!(verb, "label" | "annotate" | "set") && args.len() > 1;
                if past_names { Vec::new() } else { self.kinds_and_names(line) }
            }
            _ => Vec::new(),
        }
    }

    fn kinds(&self, end: &str) -> Vec<String> {
        let infos = Kind::ALL.iter().map(|kind| kind.info());
        let mut found: Vec<String> = infos
            .clone()
            .map(|info| info.plural)
            .filter(|name| name.starts_with(self.last))
            .map(|name| format!("{name}{end}"))
            .collect();
        // A short or singular name is offered only when it is what was typed.
        if found.is_empty() || !self.last.is_empty() {
            let exact = infos.filter(|info| info.short.contains(&self.last) || info.singular == self.last);
            found.extend(exact.map(|_| format!("{}{end}", self.last)));
        }
        found
    }

    fn kind(name: &str) -> Option<Kind> {
        let name = name.to_lowercase();
        let (name, group) = name.split_once('.').map_or((name.as_str(), None), |(n, g)| (n, Some(g)));
        Kind::ALL.iter().copied().find(|kind| {
            let info = kind.info();
            (info.plural == name || info.singular == name || info.short.contains(&name))
                && group.is_none_or(|g| info.group.starts_with(g))
        })
    }

    fn kinds_and_names(&self, line: &Line) -> Vec<String> {
        if let Some((kind, prefix)) = self.last.split_once('/') {
            let Some(found) = Self::kind(kind) else { return Vec::new() };
            let names = self.names(found, &line.namespace);
            return names
                .into_iter()
                .filter(|n| n.starts_with(prefix))
                .map(|n| format!("{kind}/{n} "))
                .collect();
        }
        let first = line.args.first();
        match first {
            None => self.kinds(" "),
            Some(first) if first.contains('/') => Vec::new(),
            Some(first) => {
                let kinds = first.split(',').filter_map(Self::kind);
                let names = kinds.flat_map(|kind| self.names(kind, &line.namespace));
                plain(self.last, names.filter(|name| !line.args.contains(name)))
            }
        }
    }
}

fn takes_value(flag: &Flag) -> bool {
    flag.kind != FlagKind::Bool
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_of_the_command_at_the_cursor() {
        let words = |line| super::words(line);
        assert_eq!(words("kubectl get po"), (vec!["kubectl".into(), "get".into(), "po".into()], 12));
        assert_eq!(words("a | kubectl g").0, ["kubectl", "g"]);
        assert_eq!(words("echo 'a b' c").0, ["echo", "a b", "c"]);
        assert_eq!(words("x=$(kubectl ").0, ["kubectl", ""]);
    }
}
