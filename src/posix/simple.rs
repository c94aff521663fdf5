//! Simple commands: words, assignments, redirections, and how what they name is run.
//!
//! Always holds: what a redirection or an assignment before a command changes is put back by a frame.

use super::code::{Code, Node, Redirect, RedirectKind, Simple, Value, Word};
use super::expand::{Expander, Memo, Stop, absolute, quote};
use super::interp::{CallFrame, CallKind, Context, Flow, Frame, Interp, MAX_CALLS, Phase, SimpleFrame};
use super::kernel::{Fds, Handle};
use super::launch::Launch;
use super::state::{Content, Variable};
use super::tools::{self, Io, Start};
use super::{FileError, Flavour};
use std::sync::Arc;

impl Interp {
    pub(super) fn redirected(&mut self, code: Code, mut memo: Memo, cx: &mut Context) -> Flow {
        let Node::Redirected(body, redirects) = &*code else { return Flow::On };
        match self.open(redirects, &mut memo, cx) {
            Ok(fds) => {
                self.stack.push(Frame::Restore(Box::new(std::mem::replace(cx.fds, fds))));
                let body = Code::clone(body);
                self.run(&body);
                Flow::On
            }
            Err(Stop::Fail(why)) => {
                self.fail(cx, &why, 1);
                self.errexit(cx)
            }
            Err(stop) => self.stopped(stop, Frame::Redirected { code: Code::clone(&code), memo }, cx),
        }
    }

    /// The file descriptors after redirections.
    pub(super) fn open(
        &mut self,
        redirects: &[Redirect],
        memo: &mut Memo,
        cx: &mut Context,
    ) -> Result<Fds, Stop> {
        // Expand all first: what is opened must be opened once only.
        enum Opened {
            Text(String),
            Here(String),
        }
        let mut texts = Vec::new();
        let mut expander = Expander::new(&mut self.shell, cx.world, memo);
        for redirect in redirects {
            texts.push(match &redirect.kind {
                RedirectKind::Read(word)
                | RedirectKind::Write { target: word, .. }
                | RedirectKind::Both { target: word, .. }
                | RedirectKind::Duplicate(word) => Opened::Text(expander.text(word)?),
                RedirectKind::Here(word) => Opened::Here(expander.text(word)?),
                RedirectKind::HereString(word) => Opened::Here(expander.text(word)? + "\n"),
            });
        }
        let mut fds = cx.fds.clone();
        for (redirect, text) in redirects.iter().zip(texts) {
            let fd = redirect.fd;
            match (&redirect.kind, text) {
                (_, Opened::Here(text)) => {
                    let handle = cx.kernel.open(text.into_bytes());
                    fds.insert(fd, handle);
                }
                (RedirectKind::Read(_), Opened::Text(path)) => {
                    let handle = self.open_read(&path, &fds, cx)?;
                    fds.insert(fd, handle);
                }
                (RedirectKind::Write { append, .. }, Opened::Text(path)) => {
                    let handle = self.open_write(&path, *append, &fds, cx)?;
                    fds.insert(fd, handle);
                }
                (RedirectKind::Both { append, .. }, Opened::Text(path)) => {
                    let handle = self.open_write(&path, *append, &fds, cx)?;
                    fds.insert(1, handle.clone());
                    fds.insert(2, handle);
                }
                (_, Opened::Text(target)) => {
                    let moved = target.ends_with('-') && target.len() > 1;
                    let number = target.trim_end_matches('-');
                    if target == "-" {
                        fds.remove(&fd);
                    } else if let Some(handle) = number.parse().ok().and_then(|n: i32| fds.get(&n).cloned()) {
                        fds.insert(fd, handle);
                        if moved && let Ok(from) = number.parse::<i32>() {
                            fds.remove(&from);
                        }
                    } else {
                        return Err(Stop::Fail(format!("{target}: Bad file descriptor")));
                    }
                }
            }
        }
        Ok(fds)
    }

    pub(super) fn open_read(&mut self, path: &str, fds: &Fds, cx: &mut Context) -> Result<Handle, Stop> {
        match path {
            "/dev/null" => return Ok(Handle::Null),
            "/dev/stdin" => return Ok(fds.get(&0).cloned().unwrap_or(Handle::Null)),
            "/dev/tty" => return Ok(Handle::Stdin),
            _ => {}
        }
        match cx.world.read(&absolute(&self.shell, path)) {
            Ok(bytes) => Ok(cx.kernel.open(bytes)),
            Err(why) => Err(Stop::Fail(self.cannot_open(path, why, cx))),
        }
    }

    pub(super) fn cannot_open(&self, path: &str, why: FileError, cx: &Context) -> String {
        match cx.world.flavour() {
            Flavour::Gnu => format!("{path}: {why}"),
            Flavour::Busybox => {
                let why =
                    if why == FileError::NotFound { "no such file".to_owned() } else { why.to_string() };
                format!("can't open {path}: {why}")
            }
        }
    }

    pub(super) fn open_write(
        &mut self,
        path: &str,
        append: bool,
        fds: &Fds,
        cx: &mut Context,
    ) -> Result<Handle, Stop> {
        let standard = match path {
            "/dev/null" => return Ok(Handle::Null),
            "/dev/stdout" => Some(1),
            "/dev/stderr" => Some(2),
            "/dev/tty" => return Ok(Handle::Stdout),
            _ => None,
        };
        if let Some(fd) = standard {
            return Ok(fds.get(&fd).cloned().unwrap_or(Handle::Null));
        }
        if path.is_empty() {
            return Err(Stop::Fail(": No such file or directory".into()));
        }
        let full = absolute(&self.shell, path);
        if self.shell.options.noclobber && !append && cx.world.stat(&full).is_ok() {
            return Err(Stop::Fail(format!("{path}: cannot overwrite existing file")));
        }
        let opened = match cx.world.stat(&full) {
            Ok(info) if info.directory => Err(FileError::IsDirectory),
            _ => cx.world.write(&full, b"", append),
        };
        opened.map_err(|why| {
            Stop::Fail(match cx.world.flavour() {
                Flavour::Gnu => format!("{path}: {why}"),
                Flavour::Busybox if why == FileError::NotFound => {
                    format!("can't create {path}: nonexistent directory")
                }
                Flavour::Busybox => format!("can't create {path}: {why}"),
            })
        })?;
        Ok(Handle::File(full.into()))
    }

    pub(super) fn simple(&mut self, mut frame: Box<SimpleFrame>, cx: &mut Context) -> Flow {
        let code = Code::clone(&frame.code);
        let Node::Simple(simple) = &*code else { return Flow::On };
        if frame.phase == Phase::Words {
            match Expander::new(&mut self.shell, cx.world, &mut frame.memo).command_words(simple) {
                Ok(words) => frame.words = words,
                Err(stop) => return self.stopped(stop, Frame::Simple(frame), cx),
            }
            frame.memo = Memo::default();
            frame.phase = Phase::Assignments;
            if let Some(alias) = self.alias(simple, &frame.words) {
                return self.run_alias(&alias, *frame, cx);
            }
        }
        if frame.phase == Phase::Assignments {
            match self.assignments(simple, &mut frame, cx) {
                Ok(()) => {}
                Err(stop) => return self.stopped(stop, Frame::Simple(frame), cx),
            }
            frame.memo = Memo::default();
            frame.phase = Phase::Redirects;
        }
        if !frame.files.is_empty() {
            self.stack.push(Frame::Remove(std::mem::take(&mut frame.files)));
        }
        if !simple.redirects.is_empty() {
            match self.open(&simple.redirects, &mut frame.memo, cx) {
                Ok(fds) => {
                    if frame.words.first().is_some_and(|w| w == "exec") && frame.words.len() == 1 {
                        *cx.fds = fds;
                        self.shell.status = 0;
                        return Flow::On;
                    }
                    self.stack.push(Frame::Restore(Box::new(std::mem::replace(cx.fds, fds))));
                }
                Err(Stop::Fail(why)) => {
                    self.fail(cx, &why, 1);
                    return self.errexit(cx);
                }
                Err(stop) => return self.stopped(stop, Frame::Simple(frame), cx),
            }
        }
        self.trace(&frame, cx);
        let SimpleFrame { words, assigned, ran, .. } = *frame;
        if words.is_empty() {
            if !ran {
                self.shell.status = 0;
            }
            return match self.apply(assigned) {
                Ok(_) => self.errexit(cx),
                Err(why) => {
                    self.fail(cx, &why, 1);
                    self.errexit(cx)
                }
            };
        }
        self.execute(words, assigned, cx)
    }

    pub(super) fn trace(&self, frame: &SimpleFrame, cx: &mut Context) {
        if !self.shell.options.xtrace {
            return;
        }
        let shown = |word: &String| {
            let plain =
                !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./=:,@%+{}[]".contains(c));
            if plain { word.clone() } else { quote(word) }
        };
        let mut line: Vec<String> =
            frame.assigned.iter().map(|(name, _, value)| format!("{name}={}", shown(value))).collect();
        line.extend(frame.words.iter().map(shown));
        cx.write(2, format!("+ {}\n", line.join(" ")));
    }

    /// Expands the assignments before a command.
    pub(super) fn assignments(
        &mut self,
        simple: &Simple,
        frame: &mut SimpleFrame,
        cx: &mut Context,
    ) -> Result<(), Stop> {
        // Without a command each is made at once, so that the next may use it.
        let lasting = frame.words.is_empty();
        let mut made = Vec::new();
        let mut memo = std::mem::take(&mut frame.memo);
        let saved = lasting.then(|| self.shell.vars.clone());
        let mut expander = Expander::new(&mut self.shell, cx.world, &mut memo);
        let result = (|| {
            for assignment in &simple.assignments {
                let index = assignment.index.as_ref().map(|i| expander.text(i)).transpose()?;
                match &assignment.value {
                    Value::Scalar(word) => {
                        let mut value = expander.text(word)?;
                        if assignment.append {
                            let old = match &index {
                                Some(index) => expander.shell.get_at(&assignment.name, index),
                                None => expander.shell.get(&assignment.name),
                            };
                            value = old.unwrap_or_default() + &value;
                        }
                        if lasting {
                            let done = match &index {
                                Some(index) => expander.shell.set_at(&assignment.name, index, &value),
                                None => expander.shell.set(&assignment.name, &value),
                            };
                            done.map_err(Stop::Fail)?;
                        }
                        made.push((assignment.name.clone(), index, value));
                    }
                    Value::Array(items) => expander.array(&assignment.name, items, assignment.append)?,
                }
            }
            Ok(())
        })();
        if let (Err(Stop::Need(..)), Some(saved)) = (&result, saved) {
            self.shell.vars = saved;
        }
        frame.memo = memo;
        if result.is_ok() {
            frame.assigned = made;
        }
        result
    }

    /// Makes assignments; answers what was there before.
    pub(super) fn apply(
        &mut self,
        assigned: Vec<(String, Option<String>, String)>,
    ) -> Result<Vec<(Arc<str>, Option<Variable>)>, String> {
        let mut saved = Vec::new();
        for (name, index, value) in assigned {
            let name: Arc<str> = name.into();
            saved.push((Arc::clone(&name), self.shell.vars.get(&name).cloned()));
            match index {
                Some(index) => self.shell.set_at(&name, &index, &value)?,
                None => self.shell.set(&name, &value)?,
            }
        }
        Ok(saved)
    }

    pub(super) fn alias(&self, simple: &Simple, words: &[String]) -> Option<String> {
        use super::code::Piece;
        let [Piece::Text(name)] = simple.words.first()?.pieces.as_slice() else { return None };
        let busy = self
            .stack
            .iter()
            .any(|frame| matches!(frame, Frame::Call(call) if call.kind == CallKind::Alias(name.clone())));
        if busy || words.is_empty() || !self.shell.aliases.contains_key(name.as_str()) {
            return None;
        }
        Some(name.clone())
    }

    pub(super) fn run_alias(&mut self, name: &str, frame: SimpleFrame, cx: &mut Context) -> Flow {
        let value = self.shell.aliases.get(name).cloned().unwrap_or_default();
        let args: String = frame.words.iter().skip(1).map(|word| format!(" {}", quote(word))).collect();
        let code = match super::parse::parse(&format!("{value}{args}")) {
            Ok(code) => code,
            Err(error) => {
                self.fail(cx, &error.message, 2);
                return Flow::On;
            }
        };
        let kind = CallKind::Alias(name.to_owned());
        self.calls += 1;
        let Node::Simple(simple) = &*frame.code else { return Flow::On };
        let redirects = Arc::clone(&simple.redirects);
        self.stack.push(Frame::Call(Box::new(CallFrame { args: None, locals: Vec::new(), kind })));
        if redirects.is_empty() {
            self.run(&code);
        } else {
            self.run(&Arc::new(Node::Redirected(code, redirects)));
        }
        Flow::On
    }

    /// Runs a command whose words are known.
    pub(super) fn execute(
        &mut self,
        words: Vec<String>,
        assigned: Vec<(String, Option<String>, String)>,
        cx: &mut Context,
    ) -> Flow {
        let function = self.shell.functions.get(words[0].as_str()).cloned();
        if !assigned.is_empty() {
            match self.apply(assigned) {
                Ok(saved) => {
                    for (name, _) in &saved {
                        self.shell.export(name, true);
                    }
                    self.stack.push(Frame::Unassign(saved));
                }
                Err(why) => {
                    self.fail(cx, &why, 1);
                    return self.errexit(cx);
                }
            }
        }
        if let Some(body) = function {
            return self.call(&body, words, CallKind::Function, cx);
        }
        if let Some(flow) = self.builtin(&words, cx) {
            return flow;
        }
        self.external(&words, cx)
    }

    pub(super) fn call(&mut self, body: &Code, words: Vec<String>, kind: CallKind, cx: &mut Context) -> Flow {
        if self.calls >= MAX_CALLS {
            let message = format!("{}: maximum function nesting level exceeded ({MAX_CALLS})", words[0]);
            self.fail(cx, &message, 1);
            return self.exit(1, cx);
        }
        self.calls += 1;
        let args: Arc<[String]> = words[1..].into();
        let old = std::mem::replace(&mut self.shell.args, args);
        self.stack.push(Frame::Call(Box::new(CallFrame { args: Some(old), locals: Vec::new(), kind })));
        self.run(body);
        Flow::On
    }

    /// Runs a tool, a command of the world, or a script.
    pub(super) fn external(&mut self, words: &[String], cx: &mut Context) -> Flow {
        if let Some(Start::Now(run)) = tools::find(&words[0], cx.world).map(|tool| tool.start) {
            self.shell.status = self.run_now(run, words, cx);
            return self.errexit(cx);
        }
        let launch = Launch {
            argv: words,
            env: self.shell.env(),
            cwd: Arc::clone(&self.shell.cwd),
            fds: cx.fds.clone(),
        };
        match super::launch::launch(cx.kernel, cx.world, cx.pid, &launch) {
            Ok(pid) => {
                self.stack.push(Frame::Child { pid });
                Flow::On
            }
            Err((message, 254)) => {
                self.fail(cx, &message, 254);
                self.exit(254, cx)
            }
            Err((message, status)) => {
                self.fail(cx, &message, status);
                self.errexit(cx)
            }
        }
    }

    /// Runs a tool that ends at once.
    pub(super) fn run_now(
        &mut self,
        run: fn(&[String], &mut Io) -> i32,
        words: &[String],
        cx: &mut Context,
    ) -> i32 {
        let (mut input, mut writes) = (Vec::new(), Vec::new());
        let terminal = cx.kernel.terminal && cx.fds.get(&1) == Some(&Handle::Stdout);
        let env = self.shell.env();
        let mut io = Io {
            world: cx.world,
            input: &mut input,
            eof: true,
            writes: &mut writes,
            cwd: &self.shell.cwd,
            env: &env,
            terminal,
            result: None,
        };
        let status = run(&words[1..], &mut io);
        // bash has these built in, and speaks for them.
        let speaks = cx.world.flavour() == Flavour::Gnu && super::builtins::is_builtin(&words[0]);
        for (fd, bytes) in writes {
            if fd == 2 && speaks {
                cx.write(2, format!("{}: ", self.shell.name));
            }
            cx.write(fd, bytes);
        }
        status
    }
}

impl Expander<'_> {
    fn command_words(&mut self, simple: &Simple) -> Result<Vec<String>, Stop> {
        if !simple.declares {
            return self.words(&simple.words);
        }
        // `export a=$b`: an assignment is one word.
        let mut made = Vec::new();
        for word in &simple.words {
            let name = word.text.split_once('=').map(|(name, _)| name.trim_end_matches('+'));
            if name.is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_alphanumeric() || c == '_')) {
                made.push(self.text(word)?);
            } else {
                made.extend(self.words(std::slice::from_ref(word))?);
            }
        }
        Ok(made)
    }

    fn array(&mut self, name: &str, items: &[(Option<Word>, Word)], append: bool) -> Result<(), Stop> {
        let mut made = Vec::new();
        for (key, word) in items {
            match key {
                Some(key) => made.push((Some(self.text(key)?), self.text(word)?)),
                None => made.extend(self.words(std::slice::from_ref(word))?.into_iter().map(|w| (None, w))),
            }
        }
        let mut var = self.shell.vars.get(name).cloned().unwrap_or_default();
        let mut next = if append { self.shell.elements(name).len() as i64 } else { 0 };
        if !append || !matches!(var.content, Content::Array(_)) {
            let first = if append { self.shell.get(name) } else { None };
            var.content = Content::Array(imbl::OrdMap::new());
            self.shell.vars.insert(Arc::from(name), var);
            if let Some(first) = first {
                self.shell.set_at(name, "0", &first).map_err(Stop::Fail)?;
            }
        }
        for (key, value) in made {
            let key = key.unwrap_or_else(|| next.to_string());
            next = key.parse().unwrap_or(next) + 1;
            self.shell.set_at(name, &key, &value).map_err(Stop::Fail)?;
        }
        Ok(())
    }
}
