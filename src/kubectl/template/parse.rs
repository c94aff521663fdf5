//! The parser: text and actions to a tree.

use serde_json::Value;

/// A node of a template.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(String),
    /// Prints a pipeline, or sets variables with it.
    Pipe(Pipe),
    If {
        test: Pipe,
        then: Vec<Node>,
        other: Vec<Node>,
    },
    With {
        test: Pipe,
        then: Vec<Node>,
        other: Vec<Node>,
    },
    Range {
        over: Pipe,
        then: Vec<Node>,
        other: Vec<Node>,
    },
    Break,
    Continue,
}

/// Commands one after the other, and the variables that the result is given to.
#[derive(Clone, Debug, Default)]
pub(super) struct Pipe {
    pub variables: Vec<String>,
    pub declares: bool,
    pub commands: Vec<Vec<Term>>,
}

/// An operand: a base and the fields after it.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub base: Base,
    pub fields: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Base {
    Dot,
    Variable(String),
    Function(String),
    Literal(Value),
    Nil,
    Pipe(Box<Pipe>),
}

const FUNCTIONS: &[&str] = &[
    "and",
    "or",
    "not",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "len",
    "index",
    "slice",
    "print",
    "printf",
    "println",
    "html",
    "js",
    "urlquery",
    "exists",
    "base64decode",
];

const DEPTH_LIMIT: usize = 64;

/// Parses a template. The error begins with its line.
pub(super) fn template(text: &str) -> Result<Vec<Node>, String> {
    let mut parser = Parser { pieces: pieces(text)?, at: 0, depth: 0 };
    let (nodes, end) = parser.list()?;
    match end {
        None => Ok(nodes),
        Some((line, word)) => Err(format!("{line}: unexpected {{{{{word}}}}}")),
    }
}

enum Piece {
    Text(String),
    Action(usize, Vec<String>),
}

/// Splits text and actions; `{{-` and `-}}` trim the text around them.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let (mut found, mut rest, mut line, mut trim) = (Vec::new(), text, 1, false);
    loop {
        let open = rest.find("{{");
        let mut plain = &rest[..open.unwrap_or(rest.len())];
        let lines = plain.matches('\n').count();
        if trim {
            plain = plain.trim_start();
        }
        let Some(open) = open else {
            found.push(Piece::Text(plain.to_owned()));
            return Ok(found);
        };
        line += lines;
        let mut action = &rest[open + 2..];
        if let Some(trimmed) = action.strip_prefix('-').filter(|t| t.starts_with(char::is_whitespace)) {
            plain = plain.trim_end();
            action = trimmed;
        }
        found.push(Piece::Text(plain.to_owned()));
        let comment = action.trim_start().starts_with("/*");
        let close = if comment {
            action.find("*/").and_then(|at| action[at..].find("}}").map(|end| at + end))
        } else {
            closing(action)
        };
        let Some(close) = close else { return Err(format!("{line}: unclosed action")) };
        let mut inner = &action[..close];
        rest = &action[close + 2..];
        trim = inner.ends_with('-') && inner[..inner.len() - 1].ends_with(char::is_whitespace);
        if trim {
            inner = &inner[..inner.len() - 1];
        }
        if !comment {
            found.push(Piece::Action(line, tokens(inner).map_err(|why| format!("{line}: {why}"))?));
        }
        line += action[..close].matches('\n').count();
    }
}

/// Where the action ends, quotes left alone.
fn closing(action: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in action.char_indices() {
        match quote {
            _ if escaped => escaped = false,
            Some('"' | '\'') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if action[at..].starts_with("}}") => return Some(at),
            _ => {}
        }
    }
    None
}

/// Words, quoted texts, and signs. A space before a field keeps it apart from what stands before.
fn tokens(action: &str) -> Result<Vec<String>, String> {
    let chars: Vec<char> = action.chars().collect();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < chars.len() {
        let start = at;
        match chars[at] {
            c if c.is_whitespace() => {
                at += 1;
                if found.last().is_some_and(|t: &String| t != " ") {
                    found.push(" ".to_owned());
                }
                continue;
            }
            quote @ ('"' | '\'' | '`') => {
                at += 1;
                while at < chars.len() && chars[at] != quote {
                    at += if chars[at] == '\\' && quote != '`' { 2 } else { 1 };
                }
                if at >= chars.len() {
                    return Err("unterminated quoted string".to_owned());
                }
                at += 1;
            }
            '|' | '(' | ')' | ',' | '=' => at += 1,
            ':' if chars.get(at + 1) == Some(&'=') => at += 2,
            _ => {
                at += 1;
                while at < chars.len()
                    && (chars[at].is_alphanumeric() || chars[at] == '_' || is_decimal(&chars, start, at))
                {
                    at += 1;
                }
            }
        }
        found.push(chars[start..at].iter().collect());
    }
    if found.last().is_some_and(|t| t == " ") {
        found.pop();
    }
    Ok(found)
}

fn is_decimal(chars: &[char], start: usize, at: usize) -> bool {
    chars[at] == '.' && (chars[start].is_ascii_digit() || chars[start] == '-')
}

/// The `end` or `else` behind a list, with its line.
type End = Option<(usize, String)>;

struct Parser {
    pieces: Vec<Piece>,
    at: usize,
    depth: usize,
}

impl Parser {
    /// Nodes up to an `end` or `else`, which is answered with its line.
    fn list(&mut self) -> Result<(Vec<Node>, End), String> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err("1: template is nested too deeply".to_owned());
        }
        let mut nodes = Vec::new();
        while self.at < self.pieces.len() {
            self.at += 1;
            let (line, words) = match &self.pieces[self.at - 1] {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text.clone()));
                    continue;
                }
                Piece::Action(line, words) => (*line, words.clone()),
            };
            let tail = |n: usize| words.get(n..).unwrap_or(&[]).to_vec();
            let place = |why: String| format!("{line}: {why}");
            match words.first().map_or("", String::as_str) {
                "end" => {
                    self.depth -= 1;
                    return Ok((nodes, Some((line, "end".to_owned()))));
                }
                "else" => {
                    self.depth -= 1;
                    return Ok((nodes, Some((line, words.concat()))));
                }
                "break" => nodes.push(Node::Break),
                "continue" => nodes.push(Node::Continue),
                word @ ("if" | "with" | "range") => {
                    let test = pipe(&tail(1)).map_err(place)?;
                    nodes.push(self.block(word, test)?);
                }
                _ => nodes.push(Node::Pipe(pipe(&words).map_err(place)?)),
            }
        }
        self.depth -= 1;
        Ok((nodes, None))
    }

    fn block(&mut self, word: &str, test: Pipe) -> Result<Node, String> {
        let (then, mut end) = self.list()?;
        let mut other = Vec::new();
        if let Some((_, found)) = &end
            && found.starts_with("else")
        {
            // `else if x` is an `if` of its own that shares the `end`.
            let Piece::Action(line, words) = &self.pieces[self.at - 1] else { return Err(eof()) };
            let (line, words) = (*line, words.clone());
            if let Some(inner) = words.get(2).filter(|w| *w == "if" || *w == "with") {
                let test = pipe(&words[3..]).map_err(|why| format!("{line}: {why}"))?;
                self.depth += 1;
                other = vec![self.block(inner, test)?];
                self.depth -= 1;
                end = Some((line, "end".to_owned()));
            } else {
                (other, end) = self.list()?;
            }
        }
        match end {
            Some((_, found)) if found == "end" => Ok(match word {
                "if" => Node::If { test, then, other },
                "with" => Node::With { test, then, other },
                _ => Node::Range { over: test, then, other },
            }),
            _ => Err(eof()),
        }
    }
}

fn eof() -> String {
    "1: unexpected EOF".to_owned()
}

fn pipe(words: &[String]) -> Result<Pipe, String> {
    let mut rest: &[String] = words;
    while rest.first().is_some_and(|w| w == " ") {
        rest = &rest[1..];
    }
    let mut pipe = Pipe::default();
    if let Some(at) = rest.iter().position(|w| w == ":=" || w == "=") {
        let names = &rest[..at];
        if names.iter().all(|n| n.starts_with('$') || n == "," || n == " ") {
            pipe.variables = names.iter().filter(|n| n.starts_with('$')).cloned().collect();
            pipe.declares = rest[at] == ":=";
            rest = &rest[at + 1..];
        }
    }
    let mut at = 0;
    pipe.commands = commands(rest, &mut at, 0)?;
    if at < rest.len() {
        return Err(format!("unexpected \"{}\" in command", rest[at]));
    }
    if pipe.commands.iter().any(Vec::is_empty) {
        return Err("missing value for command".to_owned());
    }
    Ok(pipe)
}

fn commands(words: &[String], at: &mut usize, depth: usize) -> Result<Vec<Vec<Term>>, String> {
    if depth > DEPTH_LIMIT {
        return Err("expression is nested too deeply".to_owned());
    }
    let mut found = vec![Vec::new()];
    while let Some(word) = words.get(*at) {
        match word.as_str() {
            " " => *at += 1,
            "|" => {
                *at += 1;
                found.push(Vec::new());
            }
            ")" => break,
            _ => {
                let term = term(words, at, depth)?;
                if let Some(command) = found.last_mut() {
                    command.push(term);
                }
            }
        }
    }
    Ok(found)
}

fn term(words: &[String], at: &mut usize, depth: usize) -> Result<Term, String> {
    let word = words[*at].clone();
    *at += 1;
    let mut fields = Vec::new();
    let base = match word.as_str() {
        "(" => {
            let inner = commands(words, at, depth + 1)?;
            if words.get(*at).is_none_or(|w| w != ")") {
                return Err("unclosed left paren".to_owned());
            }
            *at += 1;
            Base::Pipe(Box::new(Pipe { commands: inner, ..Pipe::default() }))
        }
        "." => Base::Dot,
        "true" => Base::Literal(Value::Bool(true)),
        "false" => Base::Literal(Value::Bool(false)),
        "nil" => Base::Nil,
        w if w.starts_with('.') => {
            fields.push(w[1..].to_owned());
            Base::Dot
        }
        w if w.starts_with('$') => Base::Variable(w.to_owned()),
        w if w.starts_with('"') => {
            let text = serde_json::from_str::<String>(w).map_err(|_| format!("invalid syntax: {w}"))?;
            Base::Literal(Value::String(text))
        }
        w if w.starts_with('`') => Base::Literal(Value::String(w.trim_matches('`').to_owned())),
        w if w.starts_with('\'') => {
            let code = w.chars().nth(1).map_or(0, |c| c as u32);
            Base::Literal(Value::from(code))
        }
        w if w.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+') => {
            let number: Value = serde_json::from_str(w).map_err(|_| format!("bad number syntax: \"{w}\""))?;
            Base::Literal(number)
        }
        w if FUNCTIONS.contains(&w) => Base::Function(w.to_owned()),
        w if w.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
            return Err(format!("function \"{w}\" not defined"));
        }
        w => return Err(format!("unexpected \"{w}\" in command")),
    };
    while let Some(field) = words.get(*at).filter(|w| w.len() > 1 && w.starts_with('.')) {
        fields.push(field[1..].to_owned());
        *at += 1;
    }
    Ok(Term { base, fields })
}
