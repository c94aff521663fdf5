//! awk: runs a parsed program over records.
//!
//! Always holds: a record takes a limited number of evaluations, calls a limited depth. Deliberately not here: pipes to
//! and from commands, `getline` from the main input.

use super::awk_parse::{Expr, Pattern, Program, Stmt, parse};
use super::text::chomp;
use super::words::{Spec, general};
use super::{Filter, Go, Inputs, Io, Known, Lines, Tool, lossy};
use regex::bytes::Regex;
use std::collections::BTreeMap;
use std::sync::Arc;

const MAX_STEPS: u64 = 3_000_000;
const MAX_CALLS: usize = 60;
const MAX_TEXT: usize = 4 << 20;

/// A value: text that looks like a number (from input) compares as one.
#[derive(Clone, Debug)]
enum Value {
    Number(f64),
    Text(Arc<str>),
    Input(Arc<str>),
    None,
}

type Array = BTreeMap<Arc<str>, Value>;

#[derive(Clone, Debug, Default)]
struct Frame {
    locals: BTreeMap<Arc<str>, Value>,
    arrays: BTreeMap<Arc<str>, Array>,
    /// Array parameters by the caller's name.
    aliases: BTreeMap<Arc<str>, Arc<str>>,
}

#[derive(Clone, Debug)]
struct Awk {
    program: Arc<Program>,
    vars: BTreeMap<Arc<str>, Value>,
    arrays: BTreeMap<Arc<str>, Array>,
    frames: Vec<Frame>,
    record: String,
    fields: Vec<String>,
    ranges: Vec<bool>,
    regexes: BTreeMap<Arc<str>, Regex>,
    opened: Vec<String>,
    readers: BTreeMap<String, (Vec<u8>, usize)>,
    seed: u64,
    steps: u64,
    ended: bool,
    paragraph: Vec<u8>,
}

/// How a statement ends.
enum Flow {
    On,
    Next,
    Break,
    Continue,
    Exit(i32),
    Return(Value),
}

type Done<T> = Result<T, String>;

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
        match options.rest.pop_front() {
            Some(text) => source = text,
            None => {
                io.err("usage: awk [-F fs][-v var=value][prog | -f progfile][file ...]\n");
                return Err(2);
            }
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
    fn flush_paragraph(&mut self, io: &mut Io) -> Go {
        let text = lossy(&std::mem::take(&mut self.paragraph));
        let text = text.trim_end_matches('\n');
        if text.is_empty() { Go::On } else { self.run_record(text, io) }
    }

    fn run_record(&mut self, text: &str, io: &mut Io) -> Go {
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
    fn finish(&mut self, status: i32, io: &mut Io) -> i32 {
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
    fn rules(&mut self, kind: &Pattern, io: &mut Io) -> Done<Option<i32>> {
        self.steps = 0;
        let program = Arc::clone(&self.program);
        for (i, (pattern, body)) in program.rules.iter().enumerate() {
            let hit = match pattern {
                Pattern::Begin | Pattern::End => pattern == kind,
                _ if *kind != Pattern::Always => false,
                Pattern::Always => true,
                Pattern::When(expr) => self.truth(expr, io)?,
                Pattern::Range(from, to) => {
                    if !self.ranges[i] {
                        self.ranges[i] = self.truth(from, io)?;
                        let inside = self.ranges[i];
                        if inside && self.truth(to, io)? {
                            self.ranges[i] = false;
                        }
                        inside
                    } else {
                        if self.truth(to, io)? {
                            self.ranges[i] = false;
                        }
                        true
                    }
                }
            };
            if !hit {
                continue;
            }
            let flow = match body {
                Some(body) => self.run(body, io)?,
                None => {
                    let line = self.record.clone() + &self.text_var("ORS");
                    io.out(line);
                    Flow::On
                }
            };
            match flow {
                Flow::Next => return Ok(None),
                Flow::Exit(status) => return Ok(Some(status)),
                _ => {}
            }
        }
        Ok(None)
    }

    fn text_var(&self, name: &str) -> String {
        self.vars.get(name).map(|v| self.text(v)).unwrap_or_default()
    }

    fn number_var(&self, name: &str) -> f64 {
        self.vars.get(name).map_or(0.0, number)
    }

    fn text(&self, value: &Value) -> String {
        match value {
            Value::Number(n) => number_text(*n),
            Value::Text(text) | Value::Input(text) => text.to_string(),
            Value::None => String::new(),
        }
    }

    fn set_record(&mut self, text: &str) {
        text.clone_into(&mut self.record);
        let fs = self.text_var("FS");
        self.fields = self.split(text, &fs);
        self.vars.insert("NF".into(), Value::Number(self.fields.len() as f64));
    }

    fn split(&mut self, text: &str, fs: &str) -> Vec<String> {
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

    fn regex(&mut self, source: &str) -> Done<Regex> {
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

    fn rebuild(&mut self) {
        self.record = self.fields.join(&self.text_var("OFS"));
    }

    fn truth(&mut self, expr: &Expr, io: &mut Io) -> Done<bool> {
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

    fn num(&mut self, expr: &Expr, io: &mut Io) -> Done<f64> {
        Ok(number(&self.eval(expr, io)?))
    }

    fn str(&mut self, expr: &Expr, io: &mut Io) -> Done<String> {
        let value = self.eval(expr, io)?;
        Ok(self.text(&value))
    }

    fn tick(&mut self) -> Done<()> {
        self.steps += 1;
        if self.steps > MAX_STEPS { Err("the program runs for too long".into()) } else { Ok(()) }
    }

    fn run(&mut self, stmt: &Stmt, io: &mut Io) -> Done<Flow> {
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

    fn print(
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

    fn sprintf(&self, values: &[Value]) -> String {
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

    fn array(&mut self, name: &Arc<str>) -> &mut Array {
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

    fn key(&mut self, index: &[Expr], io: &mut Io) -> Done<String> {
        let mut parts = Vec::new();
        for part in index {
            parts.push(self.str(part, io)?);
        }
        Ok(parts.join(&self.text_var("SUBSEP")))
    }

    fn get_var(&self, name: &str) -> Value {
        if let Some(frame) = self.frames.last()
            && let Some(value) = frame.locals.get(name)
        {
            return value.clone();
        }
        self.vars.get(name).cloned().unwrap_or(Value::None)
    }

    fn set_var(&mut self, name: &Arc<str>, value: Value) {
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

    fn store(&mut self, target: &Expr, value: Value, io: &mut Io) -> Done<()> {
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

    fn eval(&mut self, expr: &Expr, io: &mut Io) -> Done<Value> {
        self.tick()?;
        let truth = |t: bool| Value::Number(f64::from(u8::from(t)));
        Ok(match expr {
            Expr::Number(n) => Value::Number(*n),
            Expr::Text(text) => Value::Text(Arc::clone(text)),
            Expr::Regex(_) => truth(self.truth(expr, io)?),
            Expr::Var(name) => self.get_var(name),
            Expr::Field(index) => {
                let index = self.num(index, io)?;
                if index < 0.0 {
                    return Err(format!("trying to access out of range field {index}"));
                }
                let text = match index as usize {
                    0 => Some(self.record.as_str()),
                    n => self.fields.get(n - 1).map(String::as_str),
                };
                text.map_or(Value::None, |text| Value::Input(text.into()))
            }
            Expr::Index(array, index) => {
                let key = self.key(index, io)?;
                self.array(array).entry(key.into()).or_insert(Value::None).clone()
            }
            Expr::Assign(op, target, value) => {
                let mut new = self.eval(value, io)?;
                if *op != "=" {
                    let old = self.num(target, io)?;
                    new = Value::Number(arithmetic(&op[..1], old, number(&new))?);
                }
                self.store(target, new.clone(), io)?;
                new
            }
            Expr::Binary("&&", a, b) => truth(self.truth(a, io)? && self.truth(b, io)?),
            Expr::Binary("||", a, b) => truth(self.truth(a, io)? || self.truth(b, io)?),
            Expr::Binary(" ", a, b) => {
                let (a, b) = (self.str(a, io)?, self.str(b, io)?);
                if a.len() + b.len() > MAX_TEXT {
                    return Err("text too long (4 MiB at most)".into());
                }
                Value::Text((a + &b).into())
            }
            Expr::Binary(op @ ("<" | "<=" | "==" | "!=" | ">" | ">="), a, b) => {
                let (a, b) = (self.eval(a, io)?, self.eval(b, io)?);
                let order = self.compare(&a, &b);
                truth(match *op {
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    "==" => order.is_eq(),
                    "!=" => order.is_ne(),
                    ">" => order.is_gt(),
                    _ => order.is_ge(),
                })
            }
            Expr::Binary(op, a, b) => {
                let (a, b) = (self.num(a, io)?, self.num(b, io)?);
                Value::Number(arithmetic(op, a, b)?)
            }
            Expr::Unary('!', a) => truth(!self.truth(a, io)?),
            Expr::Unary('-', a) => Value::Number(-self.num(a, io)?),
            Expr::Unary(_, a) => Value::Number(self.num(a, io)?),
            Expr::Step(target, by, old_counts) => {
                let old = self.num(target, io)?;
                self.store(target, Value::Number(old + by), io)?;
                Value::Number(if *old_counts { old } else { old + by })
            }
            Expr::Conditional(cond, yes, no) => {
                let chosen = if self.truth(cond, io)? { yes } else { no };
                self.eval(chosen, io)?
            }
            Expr::Match(wanted, text, pattern) => {
                let text = self.str(text, io)?;
                let regex = self.pattern(pattern, io)?;
                truth(regex.is_match(text.as_bytes()) == *wanted)
            }
            Expr::In(index, array) => {
                let key = self.key(index, io)?;
                truth(self.array(array).contains_key(key.as_str()))
            }
            Expr::Call(name, args) => self.call(name, args, io)?,
            Expr::Getline(target, Some(file)) => {
                let file = self.str(file, io)?;
                let Some(line) = self.read_line(&file, io) else { return Ok(Value::Number(0.0)) };
                match line {
                    Err(()) => Value::Number(-1.0),
                    Ok(line) => {
                        match target {
                            Some(target) => self.store(target, Value::Input(line.into()), io)?,
                            None => self.set_record(&line),
                        }
                        Value::Number(1.0)
                    }
                }
            }
            Expr::Getline(_, None) => return Err("getline from the main input is not supported here".into()),
            Expr::Group(list) => match list.as_slice() {
                [one] => self.eval(one, io)?,
                _ => return Err("a list stands where a value is wanted".into()),
            },
        })
    }

    fn read_line(&mut self, file: &str, io: &mut Io) -> Option<Result<String, ()>> {
        if !self.readers.contains_key(file) {
            match io.read(file) {
                Ok(bytes) => self.readers.insert(file.to_owned(), (bytes, 0)),
                Err(_) => return Some(Err(())),
            };
        }
        let (bytes, at) = self.readers.get_mut(file)?;
        if *at >= bytes.len() {
            return None;
        }
        let rest = &bytes[*at..];
        let end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |i| i + 1);
        *at += end;
        Some(Ok(lossy(chomp(&rest[..end]).0)))
    }

    fn compare(&self, a: &Value, b: &Value) -> std::cmp::Ordering {
        let numeric = |v: &Value| match v {
            Value::Number(n) => Some(*n),
            Value::Input(text) => looks_numeric(text),
            Value::None => Some(0.0),
            Value::Text(_) => None,
        };
        match (numeric(a), numeric(b)) {
            (Some(x), Some(y)) => x.total_cmp(&y),
            _ => self.text(a).cmp(&self.text(b)),
        }
    }

    fn pattern(&mut self, expr: &Expr, io: &mut Io) -> Done<Regex> {
        match expr {
            Expr::Regex(source) => self.regex(source),
            other => {
                let source = self.str(other, io)?;
                self.regex(&source)
            }
        }
    }

    fn call(&mut self, name: &Arc<str>, args: &[Expr], io: &mut Io) -> Done<Value> {
        if self.program.functions.contains_key(name) {
            return self.call_function(name, args, io);
        }
        let text = |this: &mut Self, i: usize, io: &mut Io| match args.get(i) {
            Some(arg) => this.str(arg, io),
            None => Ok(String::new()),
        };
        let num = |this: &mut Self, i: usize, io: &mut Io| match args.get(i) {
            Some(arg) => this.num(arg, io),
            None => Ok(0.0),
        };
        Ok(match &**name {
            "length" => match args.first() {
                None => Value::Number(self.record.chars().count() as f64),
                Some(Expr::Var(array)) if self.arrays.contains_key(array) => {
                    Value::Number(self.array(array).len() as f64)
                }
                Some(arg) => Value::Number(self.str(arg, io)?.chars().count() as f64),
            },
            "substr" => {
                let chars: Vec<char> = text(self, 0, io)?.chars().collect();
                let start = num(self, 1, io)?.round();
                let end = if args.len() > 2 { start + num(self, 2, io)?.round() } else { f64::INFINITY };
                let from = (start.max(1.0) - 1.0).min(chars.len() as f64) as usize;
                let to = (end - 1.0).clamp(from as f64, chars.len() as f64) as usize;
                Value::Text(chars[from..to].iter().collect::<String>().into())
            }
            "index" => {
                let (all, part) = (text(self, 0, io)?, text(self, 1, io)?);
                Value::Number(all.find(&part).map_or(0.0, |at| all[..at].chars().count() as f64 + 1.0))
            }
            "split" => {
                let all = text(self, 0, io)?;
                let fs = match args.get(2) {
                    Some(Expr::Regex(source)) => source.to_string(),
                    Some(other) => self.str(other, io)?,
                    None => self.text_var("FS"),
                };
                let parts = self.split(&all, &fs);
                let Some(Expr::Var(array)) = args.get(1) else { return Err("split: no array".into()) };
                let count = parts.len();
                let array = self.array(array);
                array.clear();
                for (i, part) in parts.into_iter().enumerate() {
                    array.insert((i + 1).to_string().into(), Value::Input(part.into()));
                }
                Value::Number(count as f64)
            }
            "sub" | "gsub" => return self.substitute(&**name == "gsub", args, io),
            "match" => {
                let all = text(self, 0, io)?;
                let Some(pattern) = args.get(1) else { return Err("match: no pattern".into()) };
                let found = self.pattern(pattern, io)?.find(all.as_bytes()).map(|m| (m.start(), m.end()));
                let chars = |bytes: &[u8]| lossy(bytes).chars().count() as f64;
                let (start, length) = found.map_or((0.0, -1.0), |(s, e)| {
                    (chars(&all.as_bytes()[..s]) + 1.0, chars(&all.as_bytes()[s..e]))
                });
                self.vars.insert("RSTART".into(), Value::Number(start));
                self.vars.insert("RLENGTH".into(), Value::Number(length));
                Value::Number(start)
            }
            "sprintf" => {
                let mut values = Vec::new();
                for arg in args {
                    values.push(self.eval(arg, io)?);
                }
                Value::Text(self.sprintf(&values).into())
            }
            "toupper" => Value::Text(text(self, 0, io)?.to_uppercase().into()),
            "tolower" => Value::Text(text(self, 0, io)?.to_lowercase().into()),
            "int" => Value::Number(num(self, 0, io)?.trunc()),
            "sqrt" => Value::Number(num(self, 0, io)?.sqrt()),
            "exp" => Value::Number(num(self, 0, io)?.exp()),
            "log" => Value::Number(num(self, 0, io)?.ln()),
            "sin" => Value::Number(num(self, 0, io)?.sin()),
            "cos" => Value::Number(num(self, 0, io)?.cos()),
            "atan2" => Value::Number(num(self, 0, io)?.atan2(num(self, 1, io)?)),
            "rand" => {
                self.seed =
                    self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                Value::Number((self.seed >> 11) as f64 / (1u64 << 53) as f64)
            }
            "srand" => {
                let old = self.seed;
                self.seed =
                    if args.is_empty() { io.world.now() / 1_000_000_000 } else { num(self, 0, io)? as u64 };
                Value::Number(old as f64)
            }
            "systime" => Value::Number((io.world.now() / 1_000_000_000) as f64),
            "strftime" => {
                let format =
                    if args.is_empty() { "%a %b %e %H:%M:%S %Z %Y".to_owned() } else { text(self, 0, io)? };
                let when = if args.len() > 1 {
                    num(self, 1, io)?.max(0.0) as u64 * 1_000_000_000
                } else {
                    io.world.now()
                };
                Value::Text(super::date::format(when, &format).into())
            }
            "close" | "fflush" => {
                let file = text(self, 0, io)?;
                self.readers.remove(&file);
                Value::Number(0.0)
            }
            "system" => return Err("system is not supported here".into()),
            name => return Err(format!("calling undefined function {name}")),
        })
    }

    fn substitute(&mut self, all: bool, args: &[Expr], io: &mut Io) -> Done<Value> {
        let [pattern, with, ..] = args else { return Err("sub: not enough arguments".into()) };
        let regex = self.pattern(pattern, io)?;
        let with = self.str(with, io)?;
        let whole = Expr::Field(Box::new(Expr::Number(0.0)));
        let target = args.get(2).unwrap_or(&whole);
        let text = self.str(target, io)?;
        let bytes = text.as_bytes();
        let (mut made, mut at, mut count) = (Vec::new(), 0, 0);
        for found in regex.find_iter(bytes) {
            count += 1;
            made.extend(&bytes[at..found.start()]);
            let mut chars = with.chars().peekable();
            while let Some(c) = chars.next() {
                match c {
                    '\\' if matches!(chars.peek(), Some('&' | '\\')) => {
                        let mut buffer = [0; 4];
                        made.extend(chars.next().unwrap_or('\\').encode_utf8(&mut buffer).bytes());
                    }
                    '&' => made.extend(found.as_bytes()),
                    c => {
                        let mut buffer = [0; 4];
                        made.extend(c.encode_utf8(&mut buffer).bytes());
                    }
                }
            }
            at = found.end();
            if !all || made.len() > MAX_TEXT {
                break;
            }
        }
        if count > 0 {
            made.extend(&bytes[at..]);
            self.store(target, Value::Text(lossy(&made).into()), io)?;
        }
        Ok(Value::Number(f64::from(count)))
    }

    fn call_function(&mut self, name: &Arc<str>, args: &[Expr], io: &mut Io) -> Done<Value> {
        if self.frames.len() >= MAX_CALLS {
            return Err(format!("function {name} called too deeply"));
        }
        let program = Arc::clone(&self.program);
        let Some(function) = program.functions.get(name) else { return Ok(Value::None) };
        let mut frame = Frame::default();
        for (i, param) in function.params.iter().enumerate() {
            match args.get(i) {
                Some(Expr::Var(arg)) if self.is_array(arg) => {
                    frame.aliases.insert(Arc::clone(param), Arc::clone(arg));
                }
                Some(arg) => {
                    let value = self.eval(arg, io)?;
                    frame.locals.insert(Arc::clone(param), value);
                }
                None => {
                    frame.locals.insert(Arc::clone(param), Value::None);
                }
            }
        }
        self.frames.push(frame);
        let flow = self.run(&function.body, io);
        self.frames.pop();
        match flow? {
            Flow::Return(value) => Ok(value),
            Flow::Exit(_) => Err("exit inside a function is not supported here".into()),
            _ => Ok(Value::None),
        }
    }

    fn is_array(&self, name: &Arc<str>) -> bool {
        let local =
            self.frames.last().is_some_and(|f| f.aliases.contains_key(name) || f.arrays.contains_key(name));
        local || (self.arrays.contains_key(name) && !self.vars.contains_key(name))
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

fn arithmetic(op: &str, a: f64, b: f64) -> Done<f64> {
    Ok(match op {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" | "%" if b == 0.0 => return Err("division by zero".into()),
        "/" => a / b,
        "%" => a % b,
        _ => a.powf(b),
    })
}

fn number_text(n: f64) -> String {
    if n.fract() == 0.0 && n.abs() < 1e16 { format!("{n:.0}") } else { general(n, 6) }
}

/// The number at the start of a text.
fn leading(text: &str) -> f64 {
    let text = text.trim_start();
    let mut end = 0;
    let bytes = text.as_bytes();
    let (mut dot, mut digits) = (false, false);
    while end < bytes.len() {
        match bytes[end] {
            b'0'..=b'9' => digits = true,
            b'+' | b'-' if end == 0 => {}
            b'.' if !dot => dot = true,
            b'e' | b'E' if digits => {
                let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
                let more = bytes[end + 1 + sign..].iter().take_while(|b| b.is_ascii_digit()).count();
                if more > 0 {
                    end += 1 + sign + more;
                }
                break;
            }
            _ => break,
        }
        end += 1;
    }
    text[..end].parse().unwrap_or(0.0)
}

fn looks_numeric(text: &str) -> Option<f64> {
    let trimmed = text.trim();
    let plain = !trimmed.is_empty() && trimmed.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    if plain { trimmed.parse().ok() } else { None }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Number(n) => *n,
        Value::Text(text) | Value::Input(text) => leading(text),
        Value::None => 0.0,
    }
}
