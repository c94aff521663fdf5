//! The parser: the same steps as the real one, so that the same mistakes are found at the same place.

/// A bound of a slice.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Bound {
    pub value: i64,
    pub known: bool,
    /// Made from the first bound, as in `[3]`.
    pub derived: bool,
}

/// A node of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    List(Vec<Node>),
    Text(String),
    Field(String),
    Identifier(String),
    Slice([Bound; 3]),
    Filter { left: Vec<Node>, operator: String, right: Vec<Node> },
    Int(i64),
    Float(f64),
    Bool(bool),
    Wildcard,
    Recursive,
    Union(Vec<Vec<Node>>),
}

/// How deep expressions may stand in one another.
const DEPTH_LIMIT: usize = 32;

struct Parser {
    input: Vec<char>,
    start: usize,
    at: usize,
    depth: usize,
}

/// Parses a template: its texts and actions in order.
pub(super) fn template(text: &str) -> Result<Vec<Node>, String> {
    let mut parser = Parser { input: text.chars().collect(), start: 0, at: 0, depth: 0 };
    let mut nodes = Vec::new();
    loop {
        match parser.next() {
            None => break,
            Some('{') => {
                parser.at -= 1;
                if parser.at > parser.start {
                    nodes.push(Node::Text(parser.take()));
                }
                parser.at += 1;
                parser.take();
                nodes.push(Node::List(parser.action()?));
            }
            Some(_) => {}
        }
    }
    if parser.at > parser.start {
        nodes.push(Node::Text(parser.take()));
    }
    Ok(nodes)
}

/// The nodes of one expression without braces.
fn expression(text: &str, depth: usize) -> Result<Vec<Node>, String> {
    if depth > DEPTH_LIMIT {
        return Err("expression is nested too deeply".to_owned());
    }
    let input = format!("{text}}}").chars().collect();
    Parser { input, start: 0, at: 0, depth }.action()
}

impl Parser {
    fn next(&mut self) -> Option<char> {
        let found = self.input.get(self.at).copied();
        self.at += usize::from(found.is_some());
        found
    }

    fn peek(&self) -> Option<char> {
        self.input.get(self.at).copied()
    }

    fn take(&mut self) -> String {
        let text = self.input[self.start..self.at].iter().collect();
        self.start = self.at;
        text
    }

    fn sees(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.input.get(self.at + i) == Some(&c))
    }

    /// Everything up to the closing brace.
    fn action(&mut self) -> Result<Vec<Node>, String> {
        let mut nodes = Vec::new();
        loop {
            if self.sees("}") {
                self.at += 1;
                self.take();
                return Ok(nodes);
            }
            if self.sees("[?(") {
                self.at += 3;
                nodes.push(self.filter()?);
                continue;
            }
            if self.sees("..") {
                self.at += 2;
                self.take();
                if nodes.last() == Some(&Node::Recursive) {
                    return Err("invalid multiple recursive descent".to_owned());
                }
                nodes.push(Node::Recursive);
                if self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
                    nodes.push(self.field());
                }
                continue;
            }
            match self.next() {
                None | Some('\r' | '\n') => return Err("unclosed action".to_owned()),
                Some(' ' | '@' | '$') => {
                    self.take();
                }
                Some('[') => self.array(&mut nodes)?,
                Some(quote @ ('"' | '\'')) => nodes.push(self.quoted(quote)?),
                Some('.') => nodes.push(self.field()),
                Some(c) if c == '+' || c == '-' || c.is_ascii_digit() => {
                    self.at -= 1;
                    nodes.push(self.number()?);
                }
                Some(c) if c.is_alphanumeric() || c == '_' => {
                    self.at -= 1;
                    nodes.push(self.identifier());
                }
                Some(c) => {
                    return Err(format!("unrecognized character in action: U+{:04X} '{c}'", c as u32));
                }
            }
        }
    }

    fn identifier(&mut self) -> Node {
        while self.next().is_some_and(|c| !is_terminator(c)) {}
        self.step_back();
        let word = self.take();
        match word.as_str() {
            "true" => Node::Bool(true),
            "false" => Node::Bool(false),
            _ => Node::Identifier(word),
        }
    }

    /// After a loop that read one character too many, unless the text has ended.
    fn step_back(&mut self) {
        let ended = self.at == self.input.len() && self.input.last().is_none_or(|c| !is_terminator(*c));
        if !ended {
            self.at -= 1;
        }
    }

    fn field(&mut self) -> Node {
        self.take();
        loop {
            match self.next() {
                None => break,
                Some('\\') => {
                    self.next();
                }
                Some(c) if is_terminator(c) => {
                    self.at -= 1;
                    break;
                }
                Some(_) => {}
            }
        }
        let name = self.take();
        if name == "*" { Node::Wildcard } else { Node::Field(name.replace('\\', "")) }
    }

    fn number(&mut self) -> Result<Node, String> {
        if matches!(self.peek(), Some('+' | '-')) {
            self.next();
        }
        while self.peek().is_some_and(|c| c == '.' || c.is_ascii_digit()) {
            self.next();
        }
        let text = self.take();
        if let Ok(value) = text.parse() {
            return Ok(Node::Int(value));
        }
        text.parse().map(Node::Float).map_err(|_| format!("cannot parse number {text}"))
    }

    fn quoted(&mut self, quote: char) -> Result<Node, String> {
        loop {
            match self.next() {
                None | Some('\n') => return Err("unterminated quoted string".to_owned()),
                Some(c) if c == quote && self.input[self.at - 2] != '\\' => break,
                Some(_) => {}
            }
        }
        let text = self.take();
        let inner: Vec<char> = text.chars().collect();
        let inner: String = inner[1..inner.len() - 1].iter().collect();
        unescape(&inner).map(Node::Text).ok_or_else(|| format!("unquote string {text} error invalid syntax"))
    }

    fn array(&mut self, nodes: &mut Vec<Node>) -> Result<(), String> {
        loop {
            match self.next() {
                None | Some('\n') => return Err("unterminated array".to_owned()),
                Some(']') => break,
                Some(_) => {}
            }
        }
        let text = self.take();
        let text = text.trim_start_matches('[').strip_suffix(']').unwrap_or("").to_owned();
        let text = if text == "*" { ":".to_owned() } else { text };
        let parts: Vec<&str> = text.split(',').collect();
        if parts.len() > 1 {
            let part = |p: &&str| expression(&format!("[{}]", p.trim_matches(' ')), self.depth + 1);
            nodes.push(Node::Union(parts.iter().map(part).collect::<Result<_, _>>()?));
            return Ok(());
        }
        let key = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\''));
        if let Some(key) = key.filter(|k| !k.contains('\'')) {
            nodes.extend(expression(&format!(".{key}"), self.depth + 1)?);
            return Ok(());
        }
        nodes.push(Node::Slice(slice(&text)?));
        Ok(())
    }

    fn filter(&mut self) -> Result<Node, String> {
        self.take();
        let (mut open, mut quote) = (1usize, None);
        loop {
            match self.next() {
                None | Some('\n') => return Err("unterminated filter".to_owned()),
                Some(c) if Some(c) == quote => {
                    if self.input[self.at - 2] != '\\' {
                        quote = None;
                    }
                }
                Some(c @ ('"' | '\'')) if quote.is_none() => quote = Some(c),
                Some('(') if quote.is_none() => open += 1,
                Some(')') if quote.is_none() => {
                    open -= 1;
                    if open == 0 {
                        break;
                    }
                }
                Some(_) => {}
            }
        }
        if self.next() != Some(']') {
            return Err("unclosed array expect ]".to_owned());
        }
        let text = self.take();
        let text = text.strip_suffix(")]").unwrap_or(&text);
        let is_sign = |c: char| "!<>=".contains(c);
        let found = text.find(is_sign).filter(|at| *at > 0);
        let operator_end = found.and_then(|at| text[at..].find(|c| !is_sign(c)).map(|end| at + end));
        if let (Some(at), Some(end)) = (found, operator_end) {
            let left = expression(&text[..at], self.depth + 1)?;
            let right = expression(&text[end..], self.depth + 1)?;
            return Ok(Node::Filter { left, operator: text[at..end].to_owned(), right });
        }
        let left = expression(text, self.depth + 1)?;
        Ok(Node::Filter { left, operator: "exists".to_owned(), right: Vec::new() })
    }
}

fn is_terminator(c: char) -> bool {
    c.is_whitespace() || ".,[]$@{}".contains(c)
}

fn slice(text: &str) -> Result<[Bound; 3], String> {
    let wrong = || format!("invalid array index {text}");
    let parts: Vec<&str> = text.split(':').collect();
    let digits = |p: &str| p.strip_prefix('-').unwrap_or(p).chars().all(|c| c.is_ascii_digit());
    if parts.len() > 3 || !parts.iter().all(|p| digits(p)) {
        return Err(wrong());
    }
    let mut bounds = [Bound::default(); 3];
    for (i, part) in parts.iter().enumerate() {
        if !part.is_empty() {
            let value = part.parse().map_err(|_| format!("array index {part} is not a number"))?;
            bounds[i] = Bound { value, known: true, derived: false };
        }
    }
    if parts.len() == 1 {
        bounds[1] = Bound { value: bounds[0].value.wrapping_add(1), known: true, derived: true };
    }
    Ok(bounds)
}

fn unescape(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(match chars.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            c @ ('\\' | '"' | '\'') => c,
            kind @ ('x' | 'u' | 'U') => {
                let length = if kind == 'x' {
                    2
                } else if kind == 'u' {
                    4
                } else {
                    8
                };
                let digits: String = chars.by_ref().take(length).collect();
                char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
            }
            _ => return None,
        });
    }
    Some(out)
}
