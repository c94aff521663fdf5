//! Running a template.

use super::parse::{Base, Node, Pipe, Term};
use crate::kubectl::jsonpath::{compare_values, show};
use base64::Engine;
use serde_json::Value;
use std::cmp::Ordering;
use std::fmt::Write;

/// How a list of nodes ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Go,
    Break,
    Continue,
}

/// How much a run may handle: the bytes of all values that it takes, makes and prints, and its steps.
const BUDGET: usize = 512 << 20;

struct Run<'o> {
    variables: Vec<(String, Value)>,
    out: &'o mut String,
    left: usize,
}

/// Runs the nodes with this dot.
pub(super) fn run(nodes: &[Node], dot: &Value, out: &mut String) -> Result<(), String> {
    let mut run = Run { variables: vec![("$".to_owned(), dot.clone())], out, left: BUDGET };
    run.list(nodes, dot).map(|_| ())
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

impl Run<'_> {
    fn spend(&mut self, cost: usize) -> Result<(), String> {
        let left = self.left.checked_sub(cost).ok_or("the template takes too many steps")?;
        self.left = left;
        Ok(())
    }

    fn list(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, String> {
        let scope = self.variables.len();
        let mut flow = Flow::Go;
        for node in nodes {
            flow = self.node(node, dot)?;
            if flow != Flow::Go {
                break;
            }
        }
        self.variables.truncate(scope);
        Ok(flow)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, String> {
        self.spend(100)?;
        match node {
            Node::Text(text) => {
                self.spend(text.len())?;
                self.out.push_str(text);
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            Node::Pipe(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    self.out.push_str(&print(&value));
                }
            }
            Node::If { test, then, other } => {
                let scope = self.variables.len();
                let chosen = if truth(&self.pipe(test, dot)?) { then } else { other };
                let flow = self.list(chosen, dot)?;
                self.variables.truncate(scope);
                return Ok(flow);
            }
            Node::With { test, then, other } => {
                let scope = self.variables.len();
                let value = self.pipe(test, dot)?;
                let flow = if truth(&value) { self.list(then, &value)? } else { self.list(other, dot)? };
                self.variables.truncate(scope);
                return Ok(flow);
            }
            Node::Range { over, then, other } => return self.range(over, then, other, dot),
        }
        Ok(Flow::Go)
    }

    fn range(&mut self, over: &Pipe, then: &[Node], other: &[Node], dot: &Value) -> Result<Flow, String> {
        let value = self.commands(over, dot)?;
        let entries: Vec<(Value, Value)> = match value {
            Value::Array(items) => items.into_iter().enumerate().map(|(i, v)| (Value::from(i), v)).collect(),
            Value::Object(map) => map.into_iter().map(|(k, v)| (Value::String(k), v)).collect(),
            Value::Null => Vec::new(),
            other => return Err(format!("range can't iterate over {}", print(&other))),
        };
        if entries.is_empty() {
            return self.list(other, dot);
        }
        for (key, item) in entries {
            self.spend(100)?;
            let scope = self.variables.len();
            match over.variables.as_slice() {
                [one] => self.variables.push((one.clone(), item.clone())),
                [first, second] => {
                    self.variables.push((first.clone(), key));
                    self.variables.push((second.clone(), item.clone()));
                }
                _ => {}
            }
            let flow = self.list(then, &item)?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Go)
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, String> {
        let value = self.commands(pipe, dot)?;
        for name in &pipe.variables {
            self.spend(weight(&value))?;
            let known = self.variables.iter_mut().rev().find(|(n, _)| n == name);
            match known {
                Some((_, old)) if !pipe.declares => *old = value.clone(),
                None if !pipe.declares => return Err(format!("undefined variable: {name}")),
                _ => self.variables.push((name.clone(), value.clone())),
            }
        }
        Ok(value)
    }

    fn commands(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, String> {
        let mut last: Option<Value> = None;
        for command in &pipe.commands {
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or(Value::Null))
    }

    fn command(&mut self, terms: &[Term], dot: &Value, last: Option<Value>) -> Result<Value, String> {
        let Some((first, rest)) = terms.split_first() else { return Ok(Value::Null) };
        if let Base::Function(name) = &first.base {
            let mut args = Vec::new();
            for term in rest {
                args.push(self.term(term, dot)?);
            }
            args.extend(last);
            let value = call(name, &args)?;
            self.spend(weight(&value))?;
            return fields(value, &first.fields);
        }
        if !rest.is_empty() || last.is_some() {
            return Err("can't give argument to non-function".to_owned());
        }
        self.term(first, dot)
    }

    fn term(&mut self, term: &Term, dot: &Value) -> Result<Value, String> {
        let base = match &term.base {
            Base::Dot => dot,
            Base::Nil => &Value::Null,
            Base::Literal(value) => value,
            Base::Variable(name) => {
                let found = self.variables.iter().rev().find(|(n, _)| n == name);
                &found.ok_or_else(|| format!("undefined variable \"{name}\""))?.1
            }
            Base::Pipe(pipe) => return fields(self.commands(pipe, dot)?, &term.fields),
            Base::Function(name) => return fields(call(name, &[])?, &term.fields),
        };
        // Only the part that is meant is copied.
        let value = term.fields.iter().try_fold(base, |value, name| member(value, name))?.clone();
        self.spend(weight(&value))?;
        Ok(value)
    }
}

/// What may stand in a string of a script.
fn script_escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", c as u32)),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// What may stand in a query of a URL.
fn query_escape(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A field. Missing keys are allowed, also below missing ones.
fn member<'v>(value: &'v Value, name: &str) -> Result<&'v Value, String> {
    match value {
        Value::Object(map) => Ok(map.get(name).unwrap_or(&Value::Null)),
        Value::Null => Ok(&Value::Null),
        other => Err(format!("can't evaluate field {name} in type {}", kind(other))),
    }
}

fn fields(value: Value, names: &[String]) -> Result<Value, String> {
    if names.is_empty() {
        return Ok(value);
    }
    names.iter().try_fold(&value, |value, name| member(value, name)).cloned()
}

/// What a value costs to copy, about its bytes.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => 50 + text.len(),
        Value::Array(items) => 50 + items.iter().map(weight).sum::<usize>(),
        Value::Object(map) => 50 + map.iter().map(|(k, v)| 50 + k.len() + weight(v)).sum::<usize>(),
        _ => 50,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
        Value::String(_) => "string",
        Value::Bool(_) => "bool",
        Value::Number(_) | Value::Null => "interface {}",
    }
}

/// A value as Go prints it.
fn print(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(inner).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let pairs: Vec<String> = map.iter().map(|(k, v)| format!("{k}:{}", inner(v))).collect();
            format!("map[{}]", pairs.join(" "))
        }
        other => show(other),
    }
}

fn inner(value: &Value) -> String {
    if value.is_null() { "<nil>".to_owned() } else { print(value) }
}

fn call(name: &str, args: &[Value]) -> Result<Value, String> {
    let one = || args.first().ok_or_else(|| format!("wrong number of args for {name}: want 1 got 0"));
    let text = |value: &Value| if value.is_null() { String::new() } else { print(value) };
    Ok(match name {
        "and" => args.iter().find(|a| !truth(a)).or(args.last()).cloned().unwrap_or(Value::Null),
        "or" => args.iter().find(|a| truth(a)).or(args.last()).cloned().unwrap_or(Value::Null),
        "not" => Value::Bool(!truth(one()?)),
        "eq" => {
            let first = one()?;
            Value::Bool(args[1..].iter().any(|other| other == first))
        }
        "ne" | "lt" | "le" | "gt" | "ge" => Value::Bool(compare(name, args)?),
        "len" => match one()? {
            Value::String(text) => Value::from(text.len()),
            Value::Array(items) => Value::from(items.len()),
            Value::Object(map) => Value::from(map.len()),
            other => return Err(format!("error calling len: len of type {}", kind(other))),
        },
        "index" => args.iter().skip(1).try_fold(one()?.clone(), |value, key| index(&value, key))?,
        "slice" => slice(one()?, &args[1..])?,
        "print" => Value::String(spaced(args)),
        "println" => Value::String(args.iter().map(print).collect::<Vec<_>>().join(" ") + "\n"),
        "printf" => Value::String(format_go(&text(one()?), &args[1..])),
        "html" => Value::String(escape(&text(one()?))),
        "js" => Value::String(script_escape(&text(one()?))),
        "urlquery" => Value::String(query_escape(&text(one()?))),
        "exists" => {
            let found = args.iter().skip(1).try_fold(one()?.clone(), |value, key| match &value {
                Value::Object(map) => map.get(key.as_str()?).cloned(),
                Value::Array(items) => items.get(usize::try_from(key.as_u64()?).ok()?).cloned(),
                _ => None,
            });
            Value::Bool(found.is_some())
        }
        "base64decode" => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(text(one()?));
            let bytes = decoded.map_err(|_| "error calling base64decode: base64 decode failed".to_owned())?;
            Value::String(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => return Err(format!("function \"{name}\" not defined")),
    })
}

/// `print`: spaces only between what are no texts.
fn spaced(args: &[Value]) -> String {
    let mut out = String::new();
    for (i, arg) in args.iter().enumerate() {
        if i > 0 && !arg.is_string() && !args[i - 1].is_string() {
            out.push(' ');
        }
        out.push_str(&inner(arg));
    }
    out
}

fn compare(name: &str, args: &[Value]) -> Result<bool, String> {
    let [a, b] = args else {
        return Err(format!("wrong number of args for {name}: want 2 got {}", args.len()));
    };
    if name == "ne" {
        return Ok(a != b);
    }
    let wrong = || format!("error calling {name}: incompatible types for comparison");
    let order = compare_values(a, b).ok_or_else(wrong)?;
    Ok(match name {
        "lt" => order == Ordering::Less,
        "le" => order != Ordering::Greater,
        "gt" => order == Ordering::Greater,
        _ => order != Ordering::Less,
    })
}

fn index(value: &Value, key: &Value) -> Result<Value, String> {
    match (value, key) {
        (Value::Object(map), Value::String(key)) => Ok(map.get(key).cloned().unwrap_or(Value::Null)),
        (Value::Array(items), Value::Number(at)) => {
            let found = at.as_u64().and_then(|at| items.get(usize::try_from(at).ok()?));
            found.cloned().ok_or_else(|| format!("error calling index: index out of range: {at}"))
        }
        (Value::Null, _) => Err("error calling index: index of untyped nil".to_owned()),
        (other, _) => Err(format!("error calling index: can't index item of type {}", kind(other))),
    }
}

fn slice(value: &Value, bounds: &[Value]) -> Result<Value, String> {
    let bound = |i: usize, otherwise: usize| {
        bounds.get(i).and_then(Value::as_u64).map_or(otherwise, |b| usize::try_from(b).unwrap_or(usize::MAX))
    };
    let wrong = || "error calling slice: index out of range".to_owned();
    match value {
        Value::String(text) => {
            let part = text.get(bound(0, 0)..bound(1, text.len())).ok_or_else(wrong)?;
            Ok(Value::String(part.to_owned()))
        }
        Value::Array(items) => {
            let part = items.get(bound(0, 0)..bound(1, items.len())).ok_or_else(wrong)?;
            Ok(Value::Array(part.to_vec()))
        }
        other => Err(format!("error calling slice: can't slice item of type {}", kind(other))),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

/// Go's `Sprintf` for `%s %d %v %q %t %f`, with a width and a minus.
fn format_go(format: &str, args: &[Value]) -> String {
    let (mut out, mut chars, mut args) = (String::new(), format.chars().peekable(), args.iter());
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut flags = String::new();
        while let Some(flag) = chars.next_if(|c| c.is_ascii_digit() || "-+.# ".contains(*c)) {
            flags.push(flag);
        }
        let Some(verb) = chars.next() else { break };
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(arg) = args.next() else {
            let _ = write!(out, "%!{verb}(MISSING)");
            continue;
        };
        let shown = match verb {
            'q' => crate::kubectl::flags::quote(&inner(arg)),
            'f' => format!("{:.6}", arg.as_f64().unwrap_or(0.0)),
            _ => inner(arg),
        };
        let digits = flags.trim_start_matches(['-', '+', '0', ' ']);
        let width: usize = digits.split('.').next().and_then(|w| w.parse().ok()).unwrap_or(0).min(1000);
        if flags.starts_with('-') {
            let _ = write!(out, "{shown:<width$}");
        } else {
            let _ = write!(out, "{shown:>width$}");
        }
    }
    out
}
