//! awk's expressions: evaluation, and the functions that awk has.
//!
//! Always holds: every evaluation counts against the limit of steps.

use super::awk::{Awk, Done, Flow, Frame, MAX_CALLS, MAX_TEXT, Value};
use super::awk_parse::Expr;
use super::text::chomp;
use super::words::general;
use super::{Io, lossy};
use regex::bytes::Regex;
use std::sync::Arc;

impl Awk {
    pub(super) fn eval(&mut self, expr: &Expr, io: &mut Io) -> Done<Value> {
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

    pub(super) fn read_line(&mut self, file: &str, io: &mut Io) -> Option<Result<String, ()>> {
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

    pub(super) fn compare(&self, a: &Value, b: &Value) -> std::cmp::Ordering {
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

    pub(super) fn pattern(&mut self, expr: &Expr, io: &mut Io) -> Done<Regex> {
        match expr {
            Expr::Regex(source) => self.regex(source),
            other => {
                let source = self.str(other, io)?;
                self.regex(&source)
            }
        }
    }

    pub(super) fn call(&mut self, name: &Arc<str>, args: &[Expr], io: &mut Io) -> Done<Value> {
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

    pub(super) fn substitute(&mut self, all: bool, args: &[Expr], io: &mut Io) -> Done<Value> {
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

    pub(super) fn call_function(&mut self, name: &Arc<str>, args: &[Expr], io: &mut Io) -> Done<Value> {
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

    pub(super) fn is_array(&self, name: &Arc<str>) -> bool {
        let local =
            self.frames.last().is_some_and(|f| f.aliases.contains_key(name) || f.arrays.contains_key(name));
        local || (self.arrays.contains_key(name) && !self.vars.contains_key(name))
    }
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

pub(super) fn number_text(n: f64) -> String {
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

pub(super) fn looks_numeric(text: &str) -> Option<f64> {
    let trimmed = text.trim();
    let plain = !trimmed.is_empty() && trimmed.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    if plain { trimmed.parse().ok() } else { None }
}

pub(super) fn number(value: &Value) -> f64 {
    match value {
        Value::Number(n) => *n,
        Value::Text(text) | Value::Input(text) => leading(text),
        Value::None => 0.0,
    }
}
