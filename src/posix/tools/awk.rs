//! awk: runs a parsed program over records.
//!
//! Always holds: a record takes a limited number of evaluations, calls a limited depth. Deliberately not here: pipes to
//! and from commands, `getline` from the main input.

use super::awk_eval::{looks_numeric, number, number_text};
use super::awk_parse::{Expr, Pattern, Program, Stmt, parse};
use super::text::chomp;
use super::words::Spec;
use super::{Filter, Go, Inputs, Io, Known, Lines, Tool, lossy};
use regex::bytes::Regex;
use std::collections::BTreeMap;
use std::sync::Arc;

const MAX_STEPS: u64 = 3_000_000;
pub(super) const MAX_CALLS: usize = 60;
pub(super) const MAX_TEXT: usize = 4 << 20;

/// A value: text that looks like a number (from input) compares as one.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Number(f64),
    Text(Arc<str>),
    Input(Arc<str>),
    None,
}

pub(super) type Array = BTreeMap<Arc<str>, Value>;

#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    pub locals: BTreeMap<Arc<str>, Value>,
    pub arrays: BTreeMap<Arc<str>, Array>,
    /// Array parameters by the caller's name.
    pub aliases: BTreeMap<Arc<str>, Arc<str>>,
}

#[derive(Clone, Debug)]
pub(super) struct Awk {
    pub program: Arc<Program>,
    pub vars: BTreeMap<Arc<str>, Value>,
    pub arrays: BTreeMap<Arc<str>, Array>,
    pub frames: Vec<Frame>,
    pub record: String,
    pub fields: Vec<String>,
    pub ranges: Vec<bool>,
    pub regexes: BTreeMap<Arc<str>, Regex>,
    pub opened: Vec<String>,
    pub readers: BTreeMap<String, (Vec<u8>, usize)>,
    pub seed: u64,
    pub steps: u64,
    pub ended: bool,
    pub paragraph: Vec<u8>,
}

/// How a statement ends.
pub(super) enum Flow {
    On,
    Next,
    Break,
    Continue,
    Exit(i32),
    Return(Value),
}

pub(super) type Done<T> = Result<T, String>;

pub(super) fn start(args: &[String], io: &mut Io) -> Result<Box<dyn Tool>, i32> {
    let known = Known {
        name: "awk",
        letters: "F:v:f:",
        long: &[("field-separator", 'F'), ("assign", 'v'), ("file", 'f')],
    };
    let mut options = known.read_until(args, true, io)?;
    let mut source = String::new();
    let files: Vec<String> = options.values('f').map(str::to_owned).collect();
    for file in &files {
        match io.read(file) {
            Ok(bytes) => source.push_str(&(lossy(&bytes) + "\n")),
            Err(why) => {
                io.err(&format!("awk: can't open file {file}: {why}\n"));
                return Err(2);
            }
        }
    }
    if files.is_empty() {
        if let Some(text) = options.rest.pop_front() {
            source = text;
        } else {
            io.err("usage: awk [-F fs][-v var=value][prog | -f progfile][file ...]\n");
            return Err(2);
        }
    }
    let program = match parse(&source) {
        Ok(program) => Arc::new(program),
        Err(why) => {
            io.err(&format!("awk: {why}\n source line number 1\n"));
            return Err(2);
        }
    };
    let mut awk = Awk {
        ranges: vec![false; program.rules.len()],
        program,
        vars: BTreeMap::new(),
        arrays: BTreeMap::new(),
        frames: Vec::new(),
        record: String::new(),
        fields: Vec::new(),
        regexes: BTreeMap::new(),
        opened: Vec::new(),
        readers: BTreeMap::new(),
        seed: 0,
        steps: 0,
        ended: false,
        paragraph: Vec::new(),
    };
    for (name, value) in [
        ("FS", " "),
        ("OFS", " "),
        ("ORS", "\n"),
        ("RS", "\n"),
        ("SUBSEP", "\u{1c}"),
        ("CONVFMT", "%.6g"),
        ("OFMT", "%.6g"),
    ] {
        awk.vars.insert(name.into(), Value::Text(value.into()));
    }
    if let Some(fs) = options.value('F') {
        let fs = if fs == "t" { "\t".to_owned() } else { lossy(&super::unescape(fs)) };
        awk.vars.insert("FS".into(), Value::Text(fs.into()));
    }
    for pair in options.values('v') {
        if let Some((name, value)) = pair.split_once('=') {
            awk.vars.insert(name.into(), Value::Input(lossy(&super::unescape(value)).into()));
        }
    }
    let environ =
        io.env.iter().map(|(k, v)| (Arc::from(k.as_str()), Value::Input(v.as_str().into()))).collect();
    awk.arrays.insert("ENVIRON".into(), environ);
    options.rest.retain(|arg| {
        let pair = arg
            .split_once('=')
            .filter(|(n, _)| !n.is_empty() && n.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        if let Some((name, value)) = pair {
            awk.vars.insert(name.into(), Value::Input(value.into()));
        }
        pair.is_none()
    });
    match awk.rules(&Pattern::Begin, io) {
        Ok(None) => {}
        Ok(Some(status)) => {
            awk.ended = true;
            return Err(awk.finish(status, io));
        }
        Err(why) => {
            io.err(&format!("awk: {why}\n"));
            return Err(2);
        }
    }
    if awk.program.rules.iter().all(|(pattern, _)| *pattern == Pattern::Begin) {
        return Err(0);
    }
    Ok(Lines::tool(Inputs::new("awk", &options.rest).failing(2), awk))
}

impl Filter for Awk {
    fn file(&mut self, name: &str, _io: &mut Io) -> Go {
        let name = if name == "-" { "" } else { name };
        self.vars.insert("FILENAME".into(), Value::Text(name.into()));
        self.vars.insert("FNR".into(), Value::Number(0.0));
        Go::On
    }

    fn line(&mut self, line: &[u8], io: &mut Io) -> Go {
        let text = chomp(line).0;
        match &*self.text_var("RS") {
            "\n" => self.run_record(&lossy(text), io),
            "" => {
                // Paragraphs: blank lines separate.
                if !text.is_empty() {
                    self.paragraph.extend_from_slice(line);
                    return Go::On;
                }
                self.flush_paragraph(io)
            }
            separator => {
                let separator = separator.to_owned();
                self.paragraph.extend_from_slice(line);
                let all = lossy(&std::mem::take(&mut self.paragraph));
                let mut parts: Vec<&str> = all.split(separator.as_str()).collect();
                let last = parts.pop().unwrap_or("").to_owned();
                self.paragraph = last.into_bytes();
                for part in parts {
                    match self.run_record(part, io) {
                        Go::On => {}
                        go => return go,
                    }
                }
                Go::On
            }
        }
    }

    fn end(&mut self, status: i32, io: &mut Io) -> i32 {
        match self.flush_paragraph(io) {
            Go::Stop(code) => code,
            _ if self.ended => status,
            _ => self.finish(status, io),
        }
    }
}

impl Awk {
    pub(super) fn flush_paragraph(&mut self, io: &mut Io) -> Go {
        let text = lossy(&std::mem::take(&mut self.paragraph));
        let text = text.trim_end_matches('\n');
        if text.is_empty() { Go::On } else { self.run_record(text, io) }
    }

    pub(super) fn run_record(&mut self, text: &str, io: &mut Io) -> Go {
        for name in ["NR", "FNR"] {
            let next = self.number_var(name) + 1.0;
            self.vars.insert(name.into(), Value::Number(next));
        }
        self.set_record(text);
        match self.rules(&Pattern::Always, io) {
            Ok(None) => Go::On,
            Ok(Some(status)) => {
                self.ended = true;
                Go::Stop(self.finish(status, io))
            }
            Err(why) => {
                io.err(&format!("awk: {why}\n"));
                self.ended = true;
                Go::Stop(2)
            }
        }
    }

    /// Runs the END rules.
    pub(super) fn finish(&mut self, status: i32, io: &mut Io) -> i32 {
        self.ended = true;
        match self.rules(&Pattern::End, io) {
            Ok(code) => code.unwrap_or(status),
            Err(why) => {
                io.err(&format!("awk: {why}\n"));
                2
            }
        }
    }

    /// Runs the rules of a kind (`Always`: all that look at records); `Some` after `exit`.
    pub(super) fn rules(&mut self, kind: &Pattern, io: &mut Io) -> Done<Option<i32>> {
        self.steps = 0;
        let program = Arc::clone(&self.program);
        for (i, (pattern, body)) in program.rules.iter().enumerate() {
            let hit = match pattern {
                Pattern::Begin | Pattern::End => pattern == kind,
                _ if *kind != Pattern::Always => false,
                Pattern::Always => true,
                Pattern::When(expr) => self.truth(expr, io)?,
                Pattern::Range(from, to) => {
                    if self.ranges[i] {
                        if self.truth(to, io)? {
                            self.ranges[i] = false;
                        }
                        true
                    } else {
                        self.ranges[i] = self.truth(from, io)?;
                        let inside = self.ranges[i];
                        if inside && self.truth(to, io)? {
                            self.ranges[i] = false;
                        }
                        inside
                    }
                }
            };
            if !hit {
                continue;
            }
            let flow = if let Some(body) = body {
                self.run(body, io)?
            } else {
                let line = self.record.clone() + &self.text_var("ORS");
                io.out(line);
                Flow::On
            };
            match flow {
                Flow::Next => return Ok(None),
                Flow::Exit(status) => return Ok(Some(status)),
                _ => {}
            }
        }
        Ok(None)
    }

    pub(super) fn text_var(&self, name: &str) -> String {
        self.vars.get(name).map(|v| self.text(v)).unwrap_or_default()
    }

    pub(super) fn number_var(&self, name: &str) -> f64 {
        self.vars.get(name).map_or(0.0, number)
    }

    pub(super) fn text(&self, value: &Value) -> String {
        match value {
            Value::Number(n) => number_text(*n),
            Value::Text(text) | Value::Input(text) => text.to_string(),
            Value::None => String::new(),
        }
    }

    pub(super) fn set_record(&mut self, text: &str) {
        text.clone_into(&mut self.record);
        let fs = self.text_var("FS");
        self.fields = self.split(text, &fs);
        self.vars.insert("NF".into(), Value::Number(self.fields.len() as f64));
    }

    pub(super) fn split(&mut self, text: &str, fs: &str) -> Vec<String> {
        if text.is_empty() {
            return Vec::new();
        }
        if fs == " " {
            return text.split_whitespace().map(str::to_owned).collect();
        }
        if fs.is_empty() {
            return text.chars().map(String::from).collect();
        }
        if fs.chars().count() == 1 && fs != "\\" {
            return text.split(fs).map(str::to_owned).collect();
        }
        match self.regex(fs) {
            Ok(regex) => {
                let bytes = text.as_bytes();
                let (mut parts, mut at) = (Vec::new(), 0);
                for found in regex.find_iter(bytes).filter(|m| !m.is_empty()) {
                    parts.push(lossy(&bytes[at..found.start()]));
                    at = found.end();
                }
                parts.push(lossy(&bytes[at..]));
                parts
            }
            Err(_) => text.split(fs).map(str::to_owned).collect(),
        }
    }

    pub(super) fn regex(&mut self, source: &str) -> Done<Regex> {
        if let Some(regex) = self.regexes.get(source) {
            return Ok(regex.clone());
        }
        let regex =
            super::grep::regex(source, true, false).map_err(|why| format!("{why} in regexp {source}"))?;
        if self.regexes.len() < 200 {
            self.regexes.insert(source.into(), regex.clone());
        }
        Ok(regex)
    }

    pub(super) fn rebuild(&mut self) {
        self.record = self.fields.join(&self.text_var("OFS"));
    }

    pub(super) fn truth(&mut self, expr: &Expr, io: &mut Io) -> Done<bool> {
        if let Expr::Regex(source) = expr {
            return Ok(self.regex(source)?.is_match(self.record.as_bytes()));
        }
        Ok(match self.eval(expr, io)? {
            Value::Number(n) => n != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::Input(text) => looks_numeric(&text).map_or(!text.is_empty(), |n| n != 0.0),
            Value::None => false,
        })
    }

    pub(super) fn num(&mut self, expr: &Expr, io: &mut Io) -> Done<f64> {
        Ok(number(&self.eval(expr, io)?))
    }

    pub(super) fn str(&mut self, expr: &Expr, io: &mut Io) -> Done<String> {
        let value = self.eval(expr, io)?;
        Ok(self.text(&value))
    }

    pub(super) fn tick(&mut self) -> Done<()> {
        self.steps += 1;
        if self.steps > MAX_STEPS { Err("the program runs for too long".into()) } else { Ok(()) }
    }

    pub(super) fn run(&mut self, stmt: &Stmt, io: &mut Io) -> Done<Flow> {
        self.tick()?;
        match stmt {
            Stmt::Expr(expr) => {
                self.eval(expr, io)?;
            }
            Stmt::Print { args, format, to } => self.print(args, *format, to.as_ref(), io)?,
            Stmt::If(cond, then, otherwise) => {
                if self.truth(cond, io)? {
                    return self.run(then, io);
                } else if let Some(otherwise) = otherwise {
                    return self.run(otherwise, io);
                }
            }
            Stmt::While(cond, body) => {
                while self.truth(cond, io)? {
                    match self.run(body, io)? {
                        Flow::On | Flow::Continue => {}
                        Flow::Break => break,
                        flow => return Ok(flow),
                    }
                }
            }
            Stmt::DoWhile(body, cond) => loop {
                match self.run(body, io)? {
                    Flow::On | Flow::Continue => {}
                    Flow::Break => break,
                    flow => return Ok(flow),
                }
                if !self.truth(cond, io)? {
                    break;
                }
            },
            Stmt::For(init, cond, step, body) => {
                if let Some(init) = init {
                    self.run(init, io)?;
                }
                loop {
                    self.tick()?;
                    if let Some(cond) = cond
                        && !self.truth(cond, io)?
                    {
                        break;
                    }
                    match self.run(body, io)? {
                        Flow::On | Flow::Continue => {}
                        Flow::Break => break,
                        flow => return Ok(flow),
                    }
                    if let Some(step) = step {
                        self.run(step, io)?;
                    }
                }
            }
            Stmt::ForIn(var, array, body) => {
                let keys: Vec<Arc<str>> = self.array(array).keys().cloned().collect();
                for key in sorted(keys) {
                    self.set_var(var, Value::Input(key));
                    match self.run(body, io)? {
                        Flow::On | Flow::Continue => {}
                        Flow::Break => break,
                        flow => return Ok(flow),
                    }
                }
            }
            Stmt::Block(list) => {
                for stmt in list {
                    match self.run(stmt, io)? {
                        Flow::On => {}
                        flow => return Ok(flow),
                    }
                }
            }
            Stmt::Next => return Ok(Flow::Next),
            Stmt::Break => return Ok(Flow::Break),
            Stmt::Continue => return Ok(Flow::Continue),
            Stmt::Exit(code) => {
                let code = code.as_ref().map_or(Ok(0.0), |code| self.num(code, io))?;
                return Ok(Flow::Exit(code as i32));
            }
            Stmt::Return(value) => {
                let value = value.as_ref().map_or(Ok(Value::None), |value| self.eval(value, io))?;
                return Ok(Flow::Return(value));
            }
            Stmt::Delete(array, None) => self.array(array).clear(),
            Stmt::Delete(array, Some(index)) => {
                let key = self.key(index, io)?;
                self.array(array).remove(key.as_str());
            }
        }
        Ok(Flow::On)
    }

    pub(super) fn print(
        &mut self,
        args: &[Expr],
        format: bool,
        to: Option<&(&'static str, Expr)>,
        io: &mut Io,
    ) -> Done<()> {
        let text = if format {
            let mut values = Vec::new();
            for arg in args {
                values.push(self.eval(arg, io)?);
            }
            self.sprintf(&values)
        } else if args.is_empty() {
            self.record.clone() + &self.text_var("ORS")
        } else {
            let mut parts = Vec::new();
            for arg in args {
                parts.push(self.str(arg, io)?);
            }
            parts.join(&self.text_var("OFS")) + &self.text_var("ORS")
        };
        match to {
            None => io.out(text),
            Some(("|", _)) => return Err("pipes to commands are not supported here".into()),
            Some((how, file)) => {
                let file = self.str(file, io)?;
                match file.as_str() {
                    "/dev/stderr" => io.err(&text),
                    "/dev/stdout" => io.out(text),
                    _ => {
                        let append = *how == ">>" || self.opened.contains(&file);
                        let path = io.path(&file);
                        io.world
                            .write(&path, text.as_bytes(), append)
                            .map_err(|why| format!("can't redirect to {file}: {why}"))?;
                        self.opened.push(file);
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn sprintf(&self, values: &[Value]) -> String {
        let Some((format, rest)) = values.split_first() else { return String::new() };
        let format: Vec<char> = self.text(format).chars().collect();
        let mut rest = rest.iter();
        let mut made = String::new();
        let mut i = 0;
        while i < format.len() && made.len() < MAX_TEXT {
            if format[i] != '%' {
                made.push(format[i]);
                i += 1;
                continue;
            }
            i += 1;
            let mut spec = String::new();
            while i < format.len() && "-+ #0123456789.*".contains(format[i]) {
                if format[i] == '*' {
                    spec.push_str(&(rest.next().map_or(0.0, number) as i64).to_string());
                } else {
                    spec.push(format[i]);
                }
                i += 1;
            }
            let Some(kind) = format.get(i) else { break };
            i += 1;
            if *kind == '%' {
                made.push('%');
                continue;
            }
            let value = rest.next().cloned().unwrap_or(Value::None);
            let spec = Spec::read(&spec);
            let n = number(&value);
            made.push_str(&match kind {
                'd' | 'i' | 'u' => spec.integer((n.abs() as u64).to_string(), n <= -1.0),
                'x' => spec.integer(format!("{:x}", n as i64), false),
                'X' => spec.integer(format!("{:X}", n as i64), false),
                'o' => spec.integer(format!("{:o}", n as i64), false),
                'c' => {
                    let text = match &value {
                        Value::Number(n) => char::from_u32(*n as u32).map(String::from).unwrap_or_default(),
                        value => self.text(value).chars().take(1).collect(),
                    };
                    spec.text(&text)
                }
                's' => spec.text(&self.text(&value)),
                kind => spec.float(n, *kind),
            });
        }
        made
    }

    pub(super) fn array(&mut self, name: &Arc<str>) -> &mut Array {
        let mut name = Arc::clone(name);
        for frame in (0..self.frames.len()).rev() {
            if let Some(alias) = self.frames[frame].aliases.get(&name) {
                name = Arc::clone(alias);
            } else if self.frames[frame].arrays.contains_key(&name)
                || self.frames[frame].locals.contains_key(&name)
            {
                return self.frames[frame].arrays.entry(name).or_default();
            } else {
                break;
            }
        }
        self.arrays.entry(name).or_default()
    }

    pub(super) fn key(&mut self, index: &[Expr], io: &mut Io) -> Done<String> {
        let mut parts = Vec::new();
        for part in index {
            parts.push(self.str(part, io)?);
        }
        Ok(parts.join(&self.text_var("SUBSEP")))
    }

    pub(super) fn get_var(&self, name: &str) -> Value {
        if let Some(frame) = self.frames.last()
            && let Some(value) = frame.locals.get(name)
        {
            return value.clone();
        }
        self.vars.get(name).cloned().unwrap_or(Value::None)
    }

    pub(super) fn set_var(&mut self, name: &Arc<str>, value: Value) {
        if let Some(frame) = self.frames.last_mut()
            && let Some(local) = frame.locals.get_mut(name)
        {
            *local = value;
            return;
        }
        let fields = &**name == "NF";
        if fields {
            let count = number(&value).clamp(0.0, 100_000.0) as usize;
            self.fields.resize(count, String::new());
        }
        self.vars.insert(Arc::clone(name), value);
        if fields {
            self.rebuild();
        }
    }

    pub(super) fn store(&mut self, target: &Expr, value: Value, io: &mut Io) -> Done<()> {
        match target {
            Expr::Var(name) => self.set_var(name, value),
            Expr::Index(array, index) => {
                let key = self.key(index, io)?;
                let array = self.array(array);
                if array.len() > 200_000 {
                    return Err("array too large".into());
                }
                array.insert(key.into(), value);
            }
            Expr::Field(index) => {
                let index = self.num(index, io)?;
                if !(0.0..=100_000.0).contains(&index) {
                    return Err(format!("trying to access out of range field {index}"));
                }
                let (index, text) = (index as usize, self.text(&value));
                if index == 0 {
                    self.set_record(&text);
                } else {
                    if self.fields.len() < index {
                        self.fields.resize(index, String::new());
                        self.vars.insert("NF".into(), Value::Number(index as f64));
                    }
                    self.fields[index - 1] = text;
                    self.rebuild();
                }
            }
            Expr::Group(list) if list.len() == 1 => return self.store(&list[0], value, io),
            _ => return Err("assignment to something that is no variable".into()),
        }
        Ok(())
    }
}

/// Keys in awk's order of hashing would be arbitrary: numbers first, in order, then text.
fn sorted(mut keys: Vec<Arc<str>>) -> Vec<Arc<str>> {
    keys.sort_by(|a, b| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) => x.total_cmp(&y),
        (Ok(_), Err(_)) => std::cmp::Ordering::Less,
        (Err(_), Ok(_)) => std::cmp::Ordering::Greater,
        _ => a.cmp(b),
    });
    keys
}
