//! Tools that wait or run another command: sleep, seq, yes, env, xargs, timeout, nohup.
//!
//! Always holds: waiting is by the virtual clock.

use super::{Io, Known, Step, Tool, lossy};
use std::collections::VecDeque;

type Started = Result<Box<dyn Tool>, i32>;

/// `1`, `0.5`, `2m`, `1h`, `infinity` → nanoseconds.
pub(in crate::posix) fn duration(text: &str) -> Option<u64> {
    if matches!(text, "inf" | "infinity") {
        return Some(u64::MAX / 4);
    }
    let (digits, unit) = match text.chars().last()? {
        's' => (&text[..text.len() - 1], 1.0),
        'm' => (&text[..text.len() - 1], 60.0),
        'h' => (&text[..text.len() - 1], 3600.0),
        'd' => (&text[..text.len() - 1], 86_400.0),
        _ => (text, 1.0),
    };
    let number = digits.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0)?;
    if digits.starts_with(['+', '-']) || digits.contains(['e', 'E']) {
        return None;
    }
    Some((number * unit * 1e9).min(4e18) as u64)
}

#[derive(Clone, Debug)]
struct Sleep {
    until: u64,
}

pub(super) fn sleep(args: &[String], io: &mut Io) -> Started {
    if args.is_empty() {
        io.err("sleep: missing operand\nTry 'sleep --help' for more information.\n");
        return Err(1);
    }
    let mut total: u64 = 0;
    for arg in args {
        if let Some(nanos) = duration(arg) {
            total = total.saturating_add(nanos);
        } else {
            io.err(&format!(
                "sleep: invalid time interval ‘{arg}’\nTry 'sleep --help' for more information.\n"
            ));
            return Err(1);
        }
    }
    let until = io.world.now().saturating_add(total);
    Ok(Box::new(Sleep { until }))
}

impl Tool for Sleep {
    fn step(&mut self, io: &mut Io) -> Step {
        if io.world.now() >= self.until { Step::Exit(0) } else { Step::Sleep(self.until) }
    }
    fn boxed(&self) -> Box<dyn Tool> {
        Box::new(self.clone())
    }
    fn name(&self) -> String {
        "sleep".into()
    }
}

#[derive(Clone, Debug)]
struct Yes {
    line: String,
}

#[allow(clippy::unnecessary_wraps)]
pub(super) fn yes(args: &[String], _io: &mut Io) -> Started {
    let line = if args.is_empty() { "y\n".into() } else { args.join(" ") + "\n" };
    Ok(Box::new(Yes { line }))
}

impl Tool for Yes {
    fn step(&mut self, io: &mut Io) -> Step {
        io.out(self.line.repeat((4096 / self.line.len()).max(1)));
        Step::Again
    }
    fn boxed(&self) -> Box<dyn Tool> {
        Box::new(self.clone())
    }
    fn name(&self) -> String {
        "yes".into()
    }
}

#[derive(Clone, Debug)]
struct Seq {
    next: f64,
    step: f64,
    last: f64,
    places: usize,
    width: usize,
    separator: String,
    begun: bool,
}

pub(super) fn seq(args: &[String], io: &mut Io) -> Started {
    // A negative number is no option.
    let (mut separator, mut equal, mut numbers) = ("\n".to_owned(), false, Vec::new());
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "-w" => equal = true,
            "-s" => separator = rest.next().cloned().unwrap_or_default(),
            s if s.starts_with("-s") => s[2..].clone_into(&mut separator),
            _ => numbers.push(arg),
        }
    }
    let mut values = Vec::new();
    for text in &numbers {
        if let Some(n) = text.parse::<f64>().ok().filter(|n| n.is_finite()) {
            values.push(n);
        } else {
            io.err(&format!(
                "seq: invalid floating point argument: ‘{text}’\nTry 'seq --help' for more information.\n"
            ));
            return Err(1);
        }
    }
    let (first, step, last) = match values.as_slice() {
        [last] => (1.0, 1.0, *last),
        [first, last] => (*first, 1.0, *last),
        [first, step, last] => (*first, *step, *last),
        [] => {
            io.err("seq: missing operand\nTry 'seq --help' for more information.\n");
            return Err(1);
        }
        _ => {
            io.err(&format!("seq: extra operand ‘{}’\nTry 'seq --help' for more information.\n", numbers[3]));
            return Err(1);
        }
    };
    if step == 0.0 {
        io.err("seq: invalid Zero increment value: ‘0’\nTry 'seq --help' for more information.\n");
        return Err(1);
    }
    let places = numbers.iter().map(|n| n.split_once('.').map_or(0, |(_, p)| p.len())).max().unwrap_or(0);
    let width = if equal {
        [first, last].iter().map(|n| format!("{n:.places$}").len()).max().unwrap_or(0)
    } else {
        0
    };
    Ok(Box::new(Seq { next: first, step, last, places, width, separator, begun: false }))
}

impl Tool for Seq {
    fn step(&mut self, io: &mut Io) -> Step {
        for _ in 0..500 {
            let over =
                if self.step > 0.0 { self.next > self.last + 1e-9 } else { self.next < self.last - 1e-9 };
            if over {
                if self.begun {
                    io.out("\n");
                }
                return Step::Exit(0);
            }
            if self.begun {
                io.out(self.separator.clone());
            }
            self.begun = true;
            io.out(format!("{:0width$.places$}", self.next, width = self.width, places = self.places));
            self.next += self.step;
        }
        Step::Again
    }
    fn boxed(&self) -> Box<dyn Tool> {
        Box::new(self.clone())
    }
    fn name(&self) -> String {
        "seq".into()
    }
}

/// Runs one command and ends with its status.
#[derive(Clone, Debug)]
struct Once {
    name: &'static str,
    argv: Vec<String>,
    deadline: Option<u64>,
    begun: bool,
}

impl Tool for Once {
    fn step(&mut self, io: &mut Io) -> Step {
        if let Some(status) = io.result {
            return Step::Exit(status);
        }
        if self.begun {
            return Step::Again;
        }
        self.begun = true;
        Step::Run { argv: self.argv.clone(), deadline: self.deadline, stdin: true }
    }
    fn boxed(&self) -> Box<dyn Tool> {
        Box::new(self.clone())
    }
    fn name(&self) -> String {
        self.name.to_owned()
    }
}

pub(super) fn env(args: &[String], io: &mut Io) -> Started {
    let (mut args, mut clear, mut unset) = (args, false, Vec::new());
    while let Some((flag, rest)) = args.split_first() {
        match flag.as_str() {
            "-i" | "-" | "--ignore-environment" => clear = true,
            "-u" => {
                unset.extend(rest.first().cloned());
                args = rest;
            }
            _ => break,
        }
        args = &args[1..];
    }
    let mut vars = if clear { std::collections::BTreeMap::new() } else { io.env.clone() };
    vars.retain(|name, _| !unset.contains(name));
    while let Some((name, value)) = args.first().and_then(|a| a.split_once('=')) {
        vars.insert(name.to_owned(), value.to_owned());
        args = &args[1..];
    }
    if args.is_empty() {
        io.out(vars.iter().map(|(k, v)| format!("{k}={v}\n")).collect::<String>());
        return Err(0);
    }
    // The command gets the changed environment through a shell of its own.
    let mut script = String::new();
    for name in io.env.keys().filter(|name| !vars.contains_key(*name)) {
        script.push_str(&format!("unset {name}; "));
    }
    for (name, value) in vars.iter().filter(|(name, value)| io.env.get(*name) != Some(value)) {
        script.push_str(&format!("export {name}={}; ", crate::posix::expand::quote(value)));
    }
    script.push_str("exec \"$@\"");
    let mut argv = vec!["sh".to_owned(), "-c".into(), script, "env".into()];
    argv.extend(args.iter().cloned());
    Ok(Box::new(Once { name: "env", argv, deadline: None, begun: false }))
}

pub(super) fn nohup(args: &[String], io: &mut Io) -> Started {
    if args.is_empty() {
        io.err("nohup: missing operand\nTry 'nohup --help' for more information.\n");
        return Err(125);
    }
    Ok(Box::new(Once { name: "nohup", argv: args.to_vec(), deadline: None, begun: false }))
}

pub(super) fn timeout(args: &[String], io: &mut Io) -> Started {
    let options = Known {
        name: "timeout",
        letters: "s:k:v",
        long: &[("signal", 's'), ("kill-after", 'k'), ("preserve-status", 'v'), ("foreground", 'v')],
    }
    .read_until(args, true, io)
    .map_err(|_| 125)?;
    let mut rest = options.rest;
    let Some(limit) = rest.pop_front() else {
        io.err("timeout: missing operand\nTry 'timeout --help' for more information.\n");
        return Err(125);
    };
    let Some(limit_ns) = duration(&limit) else {
        io.err(&format!(
            "timeout: invalid time interval ‘{limit}’\nTry 'timeout --help' for more information.\n"
        ));
        return Err(125);
    };
    if rest.is_empty() {
        io.err("timeout: missing operand\nTry 'timeout --help' for more information.\n");
        return Err(125);
    }
    let deadline = (limit_ns > 0).then(|| io.world.now().saturating_add(limit_ns));
    Ok(Box::new(Once { name: "timeout", argv: rest.into(), deadline, begun: false }))
}

#[derive(Clone, Debug)]
struct Xargs {
    command: Vec<String>,
    replace: Option<String>,
    most: usize,
    delimiter: Option<char>,
    skip_empty: bool,
    trace: bool,
    words: Option<VecDeque<String>>,
    ran: bool,
    status: i32,
}

pub(super) fn xargs(args: &[String], io: &mut Io) -> Started {
    let options = Known {
        name: "xargs",
        letters: "n:I:i0rtd:P:L:",
        long: &[
            ("max-args", 'n'),
            ("replace", 'I'),
            ("null", '0'),
            ("no-run-if-empty", 'r'),
            ("verbose", 't'),
            ("delimiter", 'd'),
            ("max-procs", 'P'),
            ("max-lines", 'L'),
        ],
    }
    .read_until(args, true, io)?;
    let most = options.number('n', "xargs", io)?.or(options.number('L', "xargs", io)?);
    let replace = options.value('I').map(str::to_owned).or(options.has('i').then(|| "{}".to_owned()));
    let delimiter = if options.has('0') {
        Some('\0')
    } else {
        options.value('d').and_then(|d| lossy(&super::unescape(d)).chars().next())
    };
    let mut command: Vec<String> = options.rest.iter().cloned().collect();
    if command.is_empty() {
        command.push("echo".into());
    }
    Ok(Box::new(Xargs {
        command,
        most: if replace.is_some() { 1 } else { most.unwrap_or(5000).max(1) as usize },
        replace,
        delimiter,
        skip_empty: options.has('r'),
        trace: options.has('t'),
        words: None,
        ran: false,
        status: 0,
    }))
}

impl Xargs {
    /// Words as xargs splits them: blanks, with quotes and backslashes; lines with `-I`.
    fn split(&self, text: &str) -> Result<VecDeque<String>, String> {
        if let Some(delimiter) = self.delimiter {
            let mut parts: VecDeque<String> = text.split(delimiter).map(str::to_owned).collect();
            if parts.back().is_some_and(|p| p.is_empty() || p == "\n") {
                parts.pop_back();
            }
            return Ok(parts);
        }
        let lines = self.replace.is_some();
        let mut made = VecDeque::new();
        let mut word: Option<String> = None;
        let mut quote: Option<char> = None;
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match (quote, c) {
                (Some(q), c) if c == q => quote = None,
                (Some(q), '\n') => {
                    let kind = if q == '"' { "double" } else { "single" };
                    return Err(format!(
                        "unmatched {kind} quote; by default quotes are special to xargs unless you use the -0 option"
                    ));
                }
                (Some(_), c) => word.get_or_insert_default().push(c),
                (None, '\'' | '"') => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (None, '\\') => word.get_or_insert_default().extend(chars.next()),
                (None, '\n') => made.extend(word.take()),
                (None, c) if c.is_whitespace() && (!lines || word.is_none()) => made.extend(word.take()),
                (None, c) => word.get_or_insert_default().push(c),
            }
        }
        made.extend(word);
        Ok(made)
    }
}

impl Tool for Xargs {
    fn step(&mut self, io: &mut Io) -> Step {
        if let Some(status) = io.result {
            self.status = match status {
                0 => self.status,
                126 | 127 => return Step::Exit(status),
                255 => return Step::Exit(124),
                _ => 123,
            };
        }
        let Some(words) = &mut self.words else {
            if !io.eof {
                return Step::Input;
            }
            let text = lossy(&std::mem::take(io.input));
            match self.split(&text) {
                Ok(words) => self.words = Some(words),
                Err(why) => {
                    io.err(&format!("xargs: {why}\n"));
                    return Step::Exit(1);
                }
            }
            return Step::Again;
        };
        let none = words.is_empty();
        if none && (self.ran || self.skip_empty || self.replace.is_some()) {
            return Step::Exit(self.status);
        }
        let some = words.len().min(self.most);
        let batch: Vec<String> = words.drain(..some).collect();
        self.ran = true;
        let argv: Vec<String> = match &self.replace {
            Some(mark) => self.command.iter().map(|word| word.replace(mark.as_str(), &batch[0])).collect(),
            None => self.command.iter().cloned().chain(batch).collect(),
        };
        if self.trace {
            io.err(&format!("{}\n", argv.join(" ")));
        }
        Step::Run { argv, deadline: None, stdin: false }
    }
    fn boxed(&self) -> Box<dyn Tool> {
        Box::new(self.clone())
    }
    fn name(&self) -> String {
        "xargs".into()
    }
}
