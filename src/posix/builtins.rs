//! The shell's own commands: those that change the shell.
//!
//! Always holds: a builtin takes a bounded time; one that must wait leaves a frame that does.

use super::code::Code;
use super::expand::{absolute, quote};
use super::interp::{CallKind, Context, Flow, Frame, Interp};
use super::state::{Content, Variable};
use super::tools;
use super::{Flavour, arith, parse};
use std::sync::Arc;

/// Names of the builtins, for `type`, completion and `help`.
pub const BUILTINS: &[&str] = &[
    ".", ":", "alias", "bg", "break", "builtin", "cd", "command", "continue", "declare", "eval", "exec",
    "exit", "export", "fg", "getopts", "hash", "jobs", "kill", "let", "local", "popd", "pushd", "read",
    "readonly", "return", "set", "shift", "shopt", "source", "trap", "type", "typeset", "umask", "unalias",
    "unset", "wait",
];

/// What the shell's grammar reserves.
pub(super) const KEYWORDS: &[&str] = &[
    "if", "then", "else", "elif", "fi", "case", "esac", "for", "while", "until", "do", "done", "in",
    "function", "{", "}", "!", "[[", "]]", "time",
];

pub(super) type Words<'a> = &'a [String];

impl Interp {
    /// Runs a builtin; `None` when there is none of that name.
    pub(super) fn builtin(&mut self, words: Words, cx: &mut Context) -> Option<Flow> {
        let args = &words[1..];
        let status = match words[0].as_str() {
            ":" => 0,
            "break" | "continue" => return Some(self.leave_loop(words, cx)),
            "return" => return Some(self.return_from(args, cx)),
            "exit" | "logout" => {
                let status = args.first().map_or(self.shell.status, |a| {
                    a.parse::<i64>().map_or_else(
                        |_| {
                            cx.write(2, self.shell.say(&format!("exit: {a}: numeric argument required")));
                            2
                        },
                        |n| (n & 255) as i32,
                    )
                });
                return Some(self.exit(status, cx));
            }
            "cd" => self.cd(args, cx),
            "export" | "readonly" | "declare" | "typeset" | "local" => self.declare(words, cx),
            "unset" => self.unset(args, cx),
            "set" => self.set_options(args, cx),
            "shopt" | "hash" | "umask" | "ulimit" => 0,
            "shift" => self.shift(args, cx),
            "eval" => return Some(self.eval(args, cx)),
            "." | "source" => return Some(self.source(words, cx)),
            "alias" => self.alias_command(args, cx),
            "unalias" => {
                for name in args {
                    if name == "-a" {
                        self.shell.aliases.clear();
                    } else {
                        self.shell.aliases.remove(name.as_str());
                    }
                }
                0
            }
            "trap" => self.trap_command(args, cx),
            "wait" => return Some(self.wait_command(args, cx)),
            "jobs" => self.jobs_command(cx),
            "fg" => return Some(self.foreground(args, cx)),
            "bg" => 0,
            "kill" => {
                let status = self.kill_command(args, cx);
                if self.left {
                    return Some(Flow::On);
                }
                status
            }
            "read" => return Some(self.read_command(args, cx)),
            "type" => self.type_command(args, cx),
            "command" | "builtin" => return Some(self.command(args, cx)),
            "exec" => return Some(self.exec(args, cx)),
            "let" => self.let_command(args, cx),
            "getopts" => self.getopts(args, cx),
            "printf" if args.first().is_some_and(|a| a == "-v") && args.len() > 2 => {
                let text = tools::format_printf(&args[2..]).0;
                self.assign(&args[1], &String::from_utf8_lossy(&text), cx)
            }
            _ => return None,
        };
        self.shell.status = status;
        Some(if status == 0 { Flow::On } else { self.after_failure(cx) })
    }

    pub(super) fn after_failure(&mut self, cx: &mut Context) -> Flow {
        self.errexit(cx)
    }

    pub(super) fn complain(&self, cx: &mut Context, message: &str, status: i32) -> i32 {
        cx.write(2, self.shell.say(message));
        status
    }

    pub(super) fn assign(&mut self, name: &str, value: &str, cx: &mut Context) -> i32 {
        match self.shell.set(name, value) {
            Ok(()) => 0,
            Err(why) => self.complain(cx, &why, 1),
        }
    }

    fn leave_loop(&mut self, words: Words, cx: &mut Context) -> Flow {
        let mut levels = words.get(1).and_then(|n| n.parse::<usize>().ok()).unwrap_or(1).max(1);
        let is_loop =
            |f: &Frame| matches!(f, Frame::While { .. } | Frame::For { .. } | Frame::ForArith { .. });
        let base = self
            .stack
            .iter()
            .rposition(|f| matches!(f, Frame::Call(call) if call.kind == CallKind::Function));
        let loops = self.stack[base.map_or(0, |b| b + 1)..].iter().filter(|f| is_loop(f)).count();
        self.shell.status = 0;
        if loops == 0 {
            let text = format!("{}: only meaningful in a `for', `while', or `until' loop", words[0]);
            cx.write(2, self.shell.say(&text));
            return Flow::On;
        }
        levels = levels.min(loops);
        let found = self.unwind(cx, |frame| {
            levels -= usize::from(is_loop(frame));
            levels == 0
        });
        if words[0] == "continue"
            && let Some(mut frame) = found
        {
            if let Frame::While { testing, .. } = &mut frame {
                *testing = false;
            }
            self.stack.push(frame);
        }
        Flow::On
    }

    fn return_from(&mut self, args: Words, cx: &mut Context) -> Flow {
        let status =
            args.first().and_then(|n| n.parse::<i64>().ok()).map_or(self.shell.status, |n| (n & 255) as i32);
        let is_call = |f: &Frame| matches!(f, Frame::Call(call) if matches!(call.kind, CallKind::Function | CallKind::Source));
        if !self.stack.iter().any(is_call) {
            self.shell.status =
                self.complain(cx, "return: can only `return' from a function or sourced script", 2);
            return Flow::On;
        }
        if let Some(frame) = self.unwind(cx, is_call) {
            self.stack.push(frame);
        }
        self.shell.status = status;
        self.after_failure(cx)
    }

    fn cd(&mut self, args: Words, cx: &mut Context) -> i32 {
        let mut args = args.iter().filter(|a| !matches!(a.as_str(), "-P" | "-L" | "--"));
        let target = args.next().cloned();
        if args.next().is_some() {
            return self.complain(cx, "cd: too many arguments", 1);
        }
        let (target, show) = match target.as_deref() {
            None => match self.shell.get("HOME") {
                Some(home) => (home, false),
                None => return self.complain(cx, "cd: HOME not set", 1),
            },
            Some("-") => match self.shell.get("OLDPWD") {
                Some(old) => (old, true),
                None => return self.complain(cx, "cd: OLDPWD not set", 1),
            },
            Some("") => return 0,
            Some(path) => (path.to_owned(), false),
        };
        let path = absolute(&self.shell, &target);
        match cx.world.stat(&path) {
            Ok(info) if info.directory => {
                let old = self.shell.cwd.to_string();
                let _ = self.shell.set("OLDPWD", &old);
                let _ = self.shell.set("PWD", &path);
                if show {
                    cx.write(1, format!("{path}\n"));
                }
                self.shell.cwd = path.into();
                0
            }
            Ok(_) => self.complain(cx, &format!("cd: {target}: Not a directory"), 1),
            Err(_) if cx.world.flavour() == Flavour::Busybox => {
                self.complain(cx, &format!("cd: can't cd to {target}: No such file or directory"), 2)
            }
            Err(why) => self.complain(cx, &format!("cd: {target}: {why}"), 1),
        }
    }

    fn declare(&mut self, words: Words, cx: &mut Context) -> i32 {
        let (
            mut export,
            mut readonly,
            mut integer,
            mut associative,
            mut array,
            mut print,
            mut global,
            mut off,
        ) = (words[0] == "export", words[0] == "readonly", false, false, false, false, false, false);
        let mut names = Vec::new();
        for word in &words[1..] {
            if word.len() > 1 && word.starts_with(['-', '+']) {
                off |= word.starts_with('+') || (word.contains('n') && words[0] == "export");
                for c in word[1..].chars() {
                    match c {
                        'x' => export = true,
                        'r' => readonly = true,
                        'i' => integer = true,
                        'A' => associative = true,
                        'a' => array = true,
                        'p' => print = true,
                        'g' => global = true,
                        _ => {}
                    }
                }
            } else {
                names.push(word);
            }
        }
        if names.is_empty() || print {
            self.print_variables(export, readonly, &names, cx);
            return 0;
        }
        let in_function = self
            .stack
            .iter()
            .rposition(|f| matches!(f, Frame::Call(call) if call.kind == CallKind::Function));
        let scoped = words[0] == "local" || (matches!(words[0].as_str(), "declare" | "typeset") && !global);
        if words[0] == "local" && in_function.is_none() {
            return self.complain(cx, "local: can only be used in a function", 1);
        }
        let mut status = 0;
        for word in names {
            let (name, value) = word.split_once('=').map_or((word.as_str(), None), |(n, v)| (n, Some(v)));
            let (name, append) = name.strip_suffix('+').map_or((name, false), |n| (n, true));
            let valid = !name.is_empty()
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !valid {
                status = self.complain(cx, &format!("{}: `{word}': not a valid identifier", words[0]), 1);
                continue;
            }
            if let (true, Some(at)) = (scoped, in_function) {
                let old = self.shell.vars.get(name).cloned();
                if let Some(Frame::Call(call)) = self.stack.get_mut(at) {
                    call.locals.push((Arc::from(name), old.clone()));
                }
                let exported = old.is_some_and(|v| v.exported);
                self.shell.vars.insert(Arc::from(name), Variable { exported, ..Variable::default() });
            }
            let mut var = self.shell.vars.get(name).cloned().unwrap_or_default();
            var.exported = if export { !off } else { var.exported };
            var.integer |= integer;
            if associative {
                var.associative = true;
            }
            if (associative || array) && var.content == Content::Unset {
                var.content = Content::Array(imbl::OrdMap::new());
            }
            self.shell.vars.insert(Arc::from(name), var);
            if let Some(value) = value {
                let value =
                    if append { self.shell.get(name).unwrap_or_default() + value } else { value.to_owned() };
                if self.assign(name, &value, cx) != 0 {
                    status = 1;
                }
            }
            if readonly && let Some(mut var) = self.shell.vars.get(name).cloned() {
                var.readonly = true;
                self.shell.vars.insert(Arc::from(name), var);
            }
        }
        status
    }

    fn print_variables(&self, export: bool, readonly: bool, names: &[&String], cx: &mut Context) {
        for (name, var) in &self.shell.vars {
            let wanted = if names.is_empty() {
                (!export || var.exported) && (!readonly || var.readonly)
            } else {
                names.iter().any(|n| n.as_str() == &**name)
            };
            if !wanted {
                continue;
            }
            let flags: String = [(var.integer, 'i'), (var.readonly, 'r'), (var.exported, 'x')]
                .into_iter()
                .filter(|(on, _)| *on)
                .map(|(_, c)| c)
                .collect();
            let flags = if flags.is_empty() { "-".to_owned() } else { flags };
            match &var.content {
                Content::Text(text) => {
                    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$");
                    cx.write(1, format!("declare -{flags} {name}=\"{text}\"\n"));
                }
                Content::Array(items) => {
                    let items: Vec<String> =
                        items.iter().map(|(k, v)| format!("[{}]=\"{v}\"", k.text())).collect();
                    cx.write(1, format!("declare -a {name}=({})\n", items.join(" ")));
                }
                Content::Unset => cx.write(1, format!("declare -{flags} {name}\n")),
            }
        }
    }

    fn unset(&mut self, args: Words, cx: &mut Context) -> i32 {
        let functions = args.first().is_some_and(|a| a == "-f");
        let mut status = 0;
        for name in args.iter().filter(|a| !a.starts_with('-')) {
            if functions {
                self.shell.functions.remove(name.as_str());
                continue;
            }
            if let Some((array, index)) = name.strip_suffix(']').and_then(|n| n.split_once('[')) {
                if let Ok(key) = self.shell.key(array, index)
                    && let Some(mut var) = self.shell.vars.get(array).cloned()
                {
                    if let Content::Array(items) = &mut var.content {
                        items.remove(&key);
                    }
                    self.shell.vars.insert(Arc::from(array), var);
                }
                continue;
            }
            match self.shell.vars.get(name.as_str()) {
                Some(var) if var.readonly => {
                    status = self.complain(cx, &format!("unset: {name}: cannot unset: readonly variable"), 1);
                }
                Some(_) => {
                    self.shell.vars.remove(name.as_str());
                }
                None => {
                    self.shell.functions.remove(name.as_str());
                }
            }
        }
        status
    }

    fn set_options(&mut self, args: Words, cx: &mut Context) -> i32 {
        if args.is_empty() {
            for (name, var) in &self.shell.vars {
                if let Content::Text(text) = &var.content {
                    let plain = text.chars().all(|c| c.is_alphanumeric() || "-_./:=@%+,".contains(c));
                    let shown = if plain { text.to_string() } else { quote(text) };
                    cx.write(1, format!("{name}={shown}\n"));
                }
            }
            return 0;
        }
        let mut i = 0;
        while let Some(arg) = args.get(i) {
            let on = arg.starts_with('-');
            if arg == "--" {
                self.shell.args = args[i + 1..].into();
                return 0;
            }
            if arg.len() < 2 || !arg.starts_with(['-', '+']) {
                self.shell.args = args[i..].into();
                return 0;
            }
            for c in arg[1..].chars() {
                let options = &mut self.shell.options;
                match c {
                    'e' => options.errexit = on,
                    'u' => options.nounset = on,
                    'x' => options.xtrace = on,
                    'f' => options.noglob = on,
                    'C' => options.noclobber = on,
                    'o' => {
                        i += 1;
                        let known = match args.get(i).map(String::as_str) {
                            Some("errexit") => Some(&mut options.errexit),
                            Some("nounset") => Some(&mut options.nounset),
                            Some("xtrace") => Some(&mut options.xtrace),
                            Some("noglob") => Some(&mut options.noglob),
                            Some("pipefail") => Some(&mut options.pipefail),
                            Some("noclobber") => Some(&mut options.noclobber),
                            _ => None,
                        };
                        match (known, args.get(i)) {
                            (Some(option), _) => *option = on,
                            (None, None) => {}
                            (None, Some(name)) => {
                                return self.complain(cx, &format!("set: {name}: invalid option name"), 2);
                            }
                        }
                    }
                    'h' | 'a' | 'm' | 'b' | 'v' | 'n' | 'B' | 'H' | 'E' | 'T' | 'P' => {}
                    c => return self.complain(cx, &format!("set: -{c}: invalid option"), 2),
                }
            }
            i += 1;
        }
        0
    }

    fn shift(&mut self, args: Words, cx: &mut Context) -> i32 {
        let by = match args.first().map(|n| n.parse::<usize>()) {
            None => 1,
            Some(Ok(by)) => by,
            Some(Err(_)) => {
                return self.complain(cx, &format!("shift: {}: numeric argument required", args[0]), 1);
            }
        };
        if by > self.shell.args.len() {
            return 1;
        }
        self.shell.args = self.shell.args[by..].into();
        0
    }

    fn parse(&mut self, text: &str, cx: &mut Context) -> Option<Code> {
        match parse::parse(text) {
            Ok(code) => Some(code),
            Err(error) => {
                self.fail(cx, &error.message, 2);
                None
            }
        }
    }

    fn eval(&mut self, args: Words, cx: &mut Context) -> Flow {
        let evals =
            self.stack.iter().filter(|f| matches!(f, Frame::Call(c) if c.kind == CallKind::Eval)).count();
        if evals > 200 {
            self.fail(cx, "eval: maximum eval nesting level exceeded (200)", 1);
            return self.exit(1, cx);
        }
        self.shell.status = 0;
        if let Some(code) = self.parse(&args.join(" "), cx) {
            let call = super::interp::CallFrame { args: None, locals: Vec::new(), kind: CallKind::Eval };
            self.stack.push(Frame::Call(Box::new(call)));
            self.stack.push(Frame::List { code, at: 0 });
        }
        Flow::On
    }

    fn source(&mut self, words: Words, cx: &mut Context) -> Flow {
        let Some(path) = words.get(1) else {
            self.fail(cx, &format!("{}: filename argument required", words[0]), 2);
            return Flow::On;
        };
        match cx.world.read(&absolute(&self.shell, path)) {
            Ok(bytes) => {
                self.shell.status = 0;
                if let Some(code) = self.parse(&String::from_utf8_lossy(&bytes), cx) {
                    let mut words = words[1..].to_vec();
                    if words.len() == 1 {
                        words.extend(self.shell.args.iter().cloned());
                    }
                    return self.call(&code, words, CallKind::Source, cx);
                }
            }
            Err(why) => self.fail(cx, &format!("{path}: {why}"), 1),
        }
        Flow::On
    }

    fn alias_command(&mut self, args: Words, cx: &mut Context) -> i32 {
        let mut status = 0;
        if args.is_empty() {
            for (name, value) in &self.shell.aliases {
                cx.write(1, format!("alias {name}={}\n", quote(value)));
            }
        }
        for arg in args {
            match arg.split_once('=') {
                Some((name, value)) => {
                    self.shell.aliases.insert(Arc::from(name), Arc::from(value));
                }
                None => match self.shell.aliases.get(arg.as_str()) {
                    Some(value) => cx.write(1, format!("alias {arg}={}\n", quote(value))),
                    None => status = self.complain(cx, &format!("alias: {arg}: not found"), 1),
                },
            }
        }
        status
    }

    fn type_command(&mut self, args: Words, cx: &mut Context) -> i32 {
        let short = args.iter().any(|a| a == "-t");
        let mut status = 0;
        for name in args.iter().filter(|a| !a.starts_with('-')) {
            let n = name.as_str();
            let (kind, text) = if let Some(value) = self.shell.aliases.get(n) {
                ("alias", format!("{n} is aliased to `{value}'"))
            } else if KEYWORDS.contains(&n) {
                ("keyword", format!("{n} is a shell keyword"))
            } else if self.shell.functions.contains_key(n) {
                ("function", format!("{n} is a function"))
            } else if is_builtin(n) {
                ("builtin", format!("{n} is a shell builtin"))
            } else if self.known(n, cx) {
                ("file", format!("{n} is /usr/bin/{n}"))
            } else {
                if !short {
                    self.complain(cx, &format!("type: {n}: not found"), 1);
                }
                status = 1;
                continue;
            };
            cx.write(1, if short { format!("{kind}\n") } else { format!("{text}\n") });
        }
        status
    }

    /// Whether a command of this name would be found.
    fn known(&mut self, name: &str, cx: &mut Context) -> bool {
        tools::find(name, cx.world).is_some()
            || (matches!(name, "sh" | "bash") && cx.world.provides(name))
            || cx.world.commands().iter().any(|c| c == name)
    }

    fn command(&mut self, args: Words, cx: &mut Context) -> Flow {
        match args.first().map(String::as_str) {
            None => {
                self.shell.status = 0;
                Flow::On
            }
            Some("-v" | "-V") => {
                let verbose = args[0] == "-V";
                self.shell.status = 0;
                for name in &args[1..] {
                    let n = name.as_str();
                    let text = if let Some(value) = self.shell.aliases.get(n) {
                        Some(format!("alias {n}={}", quote(value)))
                    } else if KEYWORDS.contains(&n) || self.shell.functions.contains_key(n) || is_builtin(n) {
                        Some(n.to_owned())
                    } else if self.known(n, cx) {
                        Some(format!("/usr/bin/{n}"))
                    } else {
                        None
                    };
                    match text {
                        Some(text) if verbose => cx.write(1, format!("{n} is {text}\n")),
                        Some(text) => cx.write(1, format!("{text}\n")),
                        None => self.shell.status = 1,
                    }
                }
                if self.shell.status == 0 { Flow::On } else { self.after_failure(cx) }
            }
            Some("-p") if args.len() > 1 => self.command(&args[1..], cx),
            Some(_) => match self.builtin(args, cx) {
                Some(flow) => flow,
                None => self.external(args, cx),
            },
        }
    }

    fn exec(&mut self, args: Words, cx: &mut Context) -> Flow {
        if args.is_empty() {
            self.shell.status = 0;
            return Flow::On;
        }
        // What follows is never reached: everything below on the stack goes, the redirections stay.
        let fds = cx.fds.clone();
        let traps = std::mem::take(&mut self.shell.traps);
        if !self.interactive {
            self.abort(cx.fds, 0);
            *cx.fds = fds;
        }
        let flow = self.external(args, cx);
        if self.interactive {
            self.shell.traps = traps;
        }
        flow
    }

    fn let_command(&mut self, args: Words, cx: &mut Context) -> i32 {
        let mut last = 0;
        for arg in args {
            match arith::evaluate(arg, &mut self.shell) {
                Ok(value) => last = value,
                Err(why) => return self.complain(cx, &format!("let: {why}"), 1),
            }
        }
        i32::from(last == 0)
    }

    fn getopts(&mut self, args: Words, cx: &mut Context) -> i32 {
        let [spec, name, rest @ ..] = args else {
            return self.complain(cx, "getopts: usage: getopts optstring name [arg ...]", 2);
        };
        let list: Vec<String> = if rest.is_empty() { self.shell.args.to_vec() } else { rest.to_vec() };
        let state = self.shell.get("OPTIND").unwrap_or_default();
        let within: usize = self.shell.get("_OPTPOS").and_then(|v| v.parse().ok()).unwrap_or(1);
        let index: usize = state.parse().unwrap_or(1);
        let silent = spec.starts_with(':');
        let current = list.get(index.saturating_sub(1)).cloned().unwrap_or_default();
        if !current.starts_with('-') || current.len() < 2 || current == "--" {
            let _ = self.shell.set(name, "?");
            return 1;
        }
        let Some(letter) = current.chars().nth(within) else { return 1 };
        let (mut next_index, mut next_within) = (index, within + 1);
        let known = spec.find(letter).filter(|_| letter != ':');
        let takes = known.is_some_and(|at| spec[at + letter.len_utf8()..].starts_with(':'));
        let mut value = None;
        if takes {
            let rest: String = current.chars().skip(within + 1).collect();
            if rest.is_empty() {
                value = list.get(index).cloned();
                next_index += 1;
            } else {
                value = Some(rest);
            }
            next_index += 1;
            next_within = 1;
        } else if next_within >= current.chars().count() {
            next_index += 1;
            next_within = 1;
        }
        let _ = self.shell.set("OPTIND", &next_index.to_string());
        let _ = self.shell.set("_OPTPOS", &next_within.to_string());
        let missing = takes && value.is_none();
        if known.is_none() || missing {
            if silent {
                let _ = self.shell.set("OPTARG", &letter.to_string());
            } else {
                let why = if missing { "option requires an argument" } else { "illegal option" };
                cx.write(2, self.shell.say(&format!("{why} -- {letter}")));
            }
            return self.assign(name, if missing && silent { ":" } else { "?" }, cx);
        }
        match value {
            Some(value) => {
                let _ = self.shell.set("OPTARG", &value);
            }
            None => {
                self.shell.vars.remove("OPTARG");
            }
        }
        self.assign(name, &letter.to_string(), cx)
    }
}

/// Whether a name is a builtin, or a tool that bash has built in.
pub(super) fn is_builtin(name: &str) -> bool {
    BUILTINS.contains(&name) || matches!(name, "echo" | "printf" | "test" | "[" | "true" | "false" | "pwd")
}
