//! awk's grammar: text → syntax tree.
//!
//! Always holds: depth is limited, so that no program can exhaust the stack.

use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    Number(f64),
    Text(Arc<str>),
    Regex(Arc<str>),
    Var(Arc<str>),
    Field(Box<Expr>),
    Index(Arc<str>, Vec<Expr>),
    Assign(&'static str, Box<Expr>, Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    Unary(char, Box<Expr>),
    /// Target, by how much, and whether the old value counts.
    Step(Box<Expr>, f64, bool),
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    Match(bool, Box<Expr>, Box<Expr>),
    In(Vec<Expr>, Arc<str>),
    Call(Arc<str>, Vec<Expr>),
    /// `getline [var] [< file]`.
    Getline(Option<Box<Expr>>, Option<Box<Expr>>),
    Group(Vec<Expr>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stmt {
    Expr(Expr),
    /// Arguments, format or not, and where to.
    Print {
        args: Vec<Expr>,
        format: bool,
        to: Option<(&'static str, Expr)>,
    },
    If(Expr, Box<Stmt>, Option<Box<Stmt>>),
    While(Expr, Box<Stmt>),
    DoWhile(Box<Stmt>, Expr),
    For(Option<Box<Stmt>>, Option<Expr>, Option<Box<Stmt>>, Box<Stmt>),
    ForIn(Arc<str>, Arc<str>, Box<Stmt>),
    Block(Vec<Stmt>),
    Next,
    Exit(Option<Expr>),
    Break,
    Continue,
    Delete(Arc<str>, Option<Vec<Expr>>),
    Return(Option<Expr>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pattern {
    Begin,
    End,
    Always,
    When(Expr),
    Range(Expr, Expr),
}

#[derive(Clone, Debug)]
pub(super) struct Function {
    pub params: Vec<Arc<str>>,
    pub body: Stmt,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    pub rules: Vec<(Pattern, Option<Stmt>)>,
    pub functions: BTreeMap<Arc<str>, Function>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Regex(String),
    Name(String),
    /// A name with an open bracket right behind it.
    Func(String),
    Op(&'static str),
    Newline,
    End,
}

const OPS: &[&str] = &[
    "&&", "||", "++", "--", "+=", "-=", "*=", "/=", "%=", "^=", "==", "<=", ">=", "!=", "!~", ">>", "**",
    "{", "}", "(", ")", "[", "]", ";", ",", "+", "-", "*", "/", "%", "^", "!", ">", "<", "|", "?", ":", "~",
    "$", "=",
];

const MAX_DEPTH: usize = 80;

fn tokens(source: &str) -> Result<Vec<Token>, String> {
    let mut made: Vec<Token> = Vec::new();
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let used = match c {
            ' ' | '\t' | '\r' => 1,
            '\\' if rest[1..].starts_with('\n') => 2,
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '\n' => {
                made.push(Token::Newline);
                1
            }
            '"' => {
                let end = closing(rest, '"').ok_or("unterminated string")?;
                let text = String::from_utf8_lossy(&super::unescape(&rest[1..end])).replace("\\/", "/");
                made.push(Token::Text(text));
                end + 1
            }
            '/' if regex_may_start(made.last()) => {
                let end = closing(rest, '/').ok_or("unterminated regexp")?;
                made.push(Token::Regex(rest[1..end].replace("\\/", "/")));
                end + 1
            }
            c if c.is_ascii_digit() || (c == '.' && rest[1..].starts_with(|d: char| d.is_ascii_digit())) => {
                let mut end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
                if rest[end..].starts_with(['e', 'E']) {
                    let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
                    let digits = rest[end + 1 + sign..].bytes().take_while(u8::is_ascii_digit).count();
                    if digits > 0 {
                        end += 1 + sign + digits;
                    }
                }
                made.push(Token::Number(rest[..end].parse().map_err(|_| "bad number")?));
                end
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                let name = rest[..end].to_owned();
                let call = rest[end..].starts_with('(');
                made.push(if call { Token::Func(name) } else { Token::Name(name) });
                end
            }
            _ => {
                let op = OPS
                    .iter()
                    .find(|op| rest.starts_with(**op))
                    .ok_or_else(|| format!("unexpected character '{c}'"))?;
                made.push(Token::Op(if *op == "**" { "^" } else { op }));
                op.len()
            }
        };
        rest = &rest[used..];
    }
    made.push(Token::End);
    Ok(made)
}

fn closing(text: &str, quote: char) -> Option<usize> {
    let mut set = false;
    let mut chars = text.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '[' if quote == '/' => set = true,
            ']' => set = false,
            '\n' => return None,
            c if c == quote && !set => return Some(i),
            _ => {}
        }
    }
    None
}

fn regex_may_start(last: Option<&Token>) -> bool {
    !matches!(
        last,
        Some(
            Token::Number(_)
                | Token::Text(_)
                | Token::Name(_)
                | Token::Regex(_)
                | Token::Op(")" | "]" | "$" | "++" | "--")
        )
    )
}

/// Parses a program.
pub(super) fn parse(source: &str) -> Result<Program, String> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, depth: 0, no_in: false, no_gt: false };
    parser.program()
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// Inside `for (x in a)`'s head.
    no_in: bool,
    /// Inside `print`'s list, where `>` is a redirection.
    no_gt: bool,
}

type Parsed<T> = Result<T, String>;

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn is(&self, op: &str) -> bool {
        matches!(self.peek(), Token::Op(o) if *o == op)
    }

    fn take(&mut self, op: &str) -> bool {
        let found = self.is(op);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Token::Name(n) | Token::Func(n) if n == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, op: &str) -> Parsed<()> {
        if self.take(op) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> String {
        match self.peek() {
            Token::End => "syntax error at end of program".into(),
            Token::Newline => "syntax error at or near end of line".into(),
            Token::Op(op) => format!("syntax error at or near {op}"),
            Token::Name(n) | Token::Func(n) => format!("syntax error at or near {n}"),
            Token::Text(t) => format!("syntax error at or near \"{t}\""),
            Token::Number(n) => format!("syntax error at or near {n}"),
            Token::Regex(r) => format!("syntax error at or near /{r}/"),
        }
    }

    fn newlines(&mut self) {
        while matches!(self.peek(), Token::Newline) {
            self.at += 1;
        }
    }

    fn ends(&mut self) {
        while matches!(self.peek(), Token::Newline | Token::Op(";")) {
            self.at += 1;
        }
    }

    fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("program nested too deeply".into());
        }
        let made = work(self)?;
        self.depth -= 1;
        Ok(made)
    }

    fn program(&mut self) -> Parsed<Program> {
        let mut program = Program::default();
        loop {
            self.ends();
            if *self.peek() == Token::End {
                return Ok(program);
            }
            if self.word("function") || self.word("func") {
                let (Token::Func(name) | Token::Name(name)) = self.peek().clone() else {
                    return Err(self.unexpected());
                };
                self.at += 1;
                self.expect("(")?;
                let mut params = Vec::new();
                while let Token::Name(param) = self.peek().clone() {
                    self.at += 1;
                    params.push(param.into());
                    self.take(",");
                    self.newlines();
                }
                self.expect(")")?;
                self.newlines();
                let body = self.block()?;
                program.functions.insert(name.into(), Function { params, body });
                continue;
            }
            let pattern = if self.word("BEGIN") {
                Pattern::Begin
            } else if self.word("END") {
                Pattern::End
            } else if self.is("{") {
                Pattern::Always
            } else {
                let first = self.expr()?;
                if self.take(",") {
                    self.newlines();
                    Pattern::Range(first, self.expr()?)
                } else {
                    Pattern::When(first)
                }
            };
            let body = if self.is("{") { Some(self.block()?) } else { None };
            if body.is_none() && matches!(pattern, Pattern::Begin | Pattern::End) {
                return Err(self.unexpected());
            }
            program.rules.push((pattern, body));
        }
    }

    fn block(&mut self) -> Parsed<Stmt> {
        self.expect("{")?;
        let mut list = Vec::new();
        loop {
            self.ends();
            if self.take("}") {
                return Ok(Stmt::Block(list));
            }
            list.push(self.statement()?);
        }
    }

    /// A statement's end: `;`, a new line, or what closes the block.
    fn end(&mut self) -> Parsed<()> {
        match self.peek() {
            Token::Newline | Token::Op(";") => {
                self.at += 1;
                Ok(())
            }
            Token::Op("}") | Token::End => Ok(()),
            _ => Err(self.unexpected()),
        }
    }

    fn body(&mut self) -> Parsed<Box<Stmt>> {
        self.newlines();
        if self.take(";") {
            return Ok(Box::new(Stmt::Block(Vec::new())));
        }
        self.statement().map(Box::new)
    }

    fn statement(&mut self) -> Parsed<Stmt> {
        self.deeper(Self::statement_inner)
    }

    fn statement_inner(&mut self) -> Parsed<Stmt> {
        if self.is("{") {
            return self.block();
        }
        if self.word("if") {
            self.expect("(")?;
            let cond = self.expr()?;
            self.expect(")")?;
            let then = self.body()?;
            let back = self.at;
            self.ends();
            if self.word("else") {
                let otherwise = self.body()?;
                return Ok(Stmt::If(cond, then, Some(otherwise)));
            }
            self.at = back;
            return Ok(Stmt::If(cond, then, None));
        }
        if self.word("while") {
            self.expect("(")?;
            let cond = self.expr()?;
            self.expect(")")?;
            return Ok(Stmt::While(cond, self.body()?));
        }
        if self.word("do") {
            let body = self.body()?;
            self.ends();
            if !self.word("while") {
                return Err(self.unexpected());
            }
            self.expect("(")?;
            let cond = self.expr()?;
            self.expect(")")?;
            self.end()?;
            return Ok(Stmt::DoWhile(body, cond));
        }
        if self.word("for") {
            return self.for_loop();
        }
        let made = self.simple()?;
        self.end()?;
        Ok(made)
    }

    fn for_loop(&mut self) -> Parsed<Stmt> {
        self.expect("(")?;
        if let [Token::Name(var), Token::Name(keyword), Token::Name(array), Token::Op(")")] =
            &self.tokens[self.at..(self.at + 4).min(self.tokens.len())]
            && keyword == "in"
        {
            let (var, array) = (var.as_str().into(), array.as_str().into());
            self.at += 4;
            return Ok(Stmt::ForIn(var, array, self.body()?));
        }
        let init = if self.is(";") { None } else { Some(Box::new(self.simple()?)) };
        self.expect(";")?;
        self.newlines();
        let cond = if self.is(";") { None } else { Some(self.expr()?) };
        self.expect(";")?;
        self.newlines();
        let step = if self.is(")") { None } else { Some(Box::new(self.simple()?)) };
        self.expect(")")?;
        Ok(Stmt::For(init, cond, step, self.body()?))
    }

    fn simple(&mut self) -> Parsed<Stmt> {
        let (Token::Name(word) | Token::Func(word)) = self.peek().clone() else {
            return self.expr().map(Stmt::Expr);
        };
        let format = word == "printf";
        match word.as_str() {
            "print" | "printf" => {
                self.at += 1;
                let args = self.print_args()?;
                let to = if self.take(">") {
                    Some((">", self.concat()?))
                } else if self.take(">>") {
                    Some((">>", self.concat()?))
                } else if self.take("|") {
                    Some(("|", self.concat()?))
                } else {
                    None
                };
                if format && args.is_empty() {
                    return Err("printf: no format".into());
                }
                Ok(Stmt::Print { args, format, to })
            }
            "next" | "nextfile" => {
                self.at += 1;
                Ok(Stmt::Next)
            }
            "break" => {
                self.at += 1;
                Ok(Stmt::Break)
            }
            "continue" => {
                self.at += 1;
                Ok(Stmt::Continue)
            }
            "exit" | "return" => {
                self.at += 1;
                let none = matches!(self.peek(), Token::Newline | Token::End | Token::Op(";" | "}"));
                let value = if none { None } else { Some(self.expr()?) };
                Ok(if word == "exit" { Stmt::Exit(value) } else { Stmt::Return(value) })
            }
            "delete" => {
                self.at += 1;
                let Token::Name(array) = self.peek().clone() else { return Err(self.unexpected()) };
                self.at += 1;
                let index = if self.take("[") {
                    let list = self.list("]")?;
                    Some(list)
                } else {
                    None
                };
                Ok(Stmt::Delete(array.into(), index))
            }
            _ => self.expr().map(Stmt::Expr),
        }
    }

    fn print_args(&mut self) -> Parsed<Vec<Expr>> {
        if matches!(self.peek(), Token::Newline | Token::End | Token::Op(";" | "}" | ">" | ">>" | "|")) {
            return Ok(Vec::new());
        }
        let before = std::mem::replace(&mut self.no_gt, true);
        let mut args = vec![self.expr()?];
        while self.take(",") {
            self.newlines();
            args.push(self.expr()?);
        }
        self.no_gt = before;
        // `print (a, b)`: the list in brackets is the list of arguments.
        if let [Expr::Group(inner)] = args.as_slice()
            && inner.len() > 1
        {
            return Ok(inner.clone());
        }
        Ok(args)
    }

    fn list(&mut self, close: &'static str) -> Parsed<Vec<Expr>> {
        let mut list = Vec::new();
        let before = (std::mem::take(&mut self.no_gt), std::mem::take(&mut self.no_in));
        self.newlines();
        while !self.is(close) {
            list.push(self.expr()?);
            self.newlines();
            if !self.take(",") {
                break;
            }
            self.newlines();
        }
        (self.no_gt, self.no_in) = before;
        self.expect(close)?;
        Ok(list)
    }

    fn expr(&mut self) -> Parsed<Expr> {
        self.deeper(Self::assignment)
    }

    fn assignment(&mut self) -> Parsed<Expr> {
        let left = self.ternary()?;
        let is_target = matches!(left, Expr::Var(_) | Expr::Field(_) | Expr::Index(..));
        if let Token::Op(op @ ("=" | "+=" | "-=" | "*=" | "/=" | "%=" | "^=")) = self.peek().clone()
            && is_target
        {
            self.at += 1;
            self.newlines();
            let right = self.expr()?;
            return Ok(Expr::Assign(op, Box::new(left), Box::new(right)));
        }
        Ok(left)
    }

    fn ternary(&mut self) -> Parsed<Expr> {
        let cond = self.or()?;
        if !self.take("?") {
            return Ok(cond);
        }
        self.newlines();
        let yes = self.expr()?;
        self.newlines();
        self.expect(":")?;
        self.newlines();
        let no = self.expr()?;
        Ok(Expr::Conditional(Box::new(cond), Box::new(yes), Box::new(no)))
    }

    fn or(&mut self) -> Parsed<Expr> {
        let mut left = self.and()?;
        while self.take("||") {
            self.newlines();
            left = Expr::Binary("||", Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed<Expr> {
        let mut left = self.membership()?;
        while self.take("&&") {
            self.newlines();
            left = Expr::Binary("&&", Box::new(left), Box::new(self.membership()?));
        }
        Ok(left)
    }

    fn membership(&mut self) -> Parsed<Expr> {
        let mut left = self.matching()?;
        while !self.no_in && matches!(self.peek(), Token::Name(n) if n == "in") {
            self.at += 1;
            let Token::Name(array) = self.peek().clone() else { return Err(self.unexpected()) };
            self.at += 1;
            let keys = match left {
                Expr::Group(list) => list,
                one => vec![one],
            };
            left = Expr::In(keys, array.into());
        }
        Ok(left)
    }

    fn matching(&mut self) -> Parsed<Expr> {
        let mut left = self.comparison()?;
        while let Token::Op(op @ ("~" | "!~")) = self.peek().clone() {
            self.at += 1;
            left = Expr::Match(op == "~", Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Parsed<Expr> {
        let left = self.concat()?;
        if let Token::Op(op @ ("<" | "<=" | "==" | "!=" | ">" | ">=")) = self.peek().clone()
            && !(op == ">" && self.no_gt)
        {
            self.at += 1;
            return Ok(Expr::Binary(op, Box::new(left), Box::new(self.concat()?)));
        }
        Ok(left)
    }

    fn concat(&mut self) -> Parsed<Expr> {
        let mut left = self.sum()?;
        loop {
            let starts = match self.peek() {
                Token::Number(_) | Token::Text(_) | Token::Func(_) => true,
                Token::Name(n) => n != "in" && n != "getline",
                Token::Op(op) => matches!(*op, "$" | "!" | "(" | "-" | "+" | "++" | "--"),
                _ => false,
            };
            if !starts || self.is("!") && matches!(self.tokens.get(self.at + 1), Some(Token::Op("~" | "="))) {
                return Ok(left);
            }
            left = Expr::Binary(" ", Box::new(left), Box::new(self.sum()?));
        }
    }

    fn sum(&mut self) -> Parsed<Expr> {
        let mut left = self.product()?;
        while let Token::Op(op @ ("+" | "-")) = self.peek().clone() {
            self.at += 1;
            left = Expr::Binary(op, Box::new(left), Box::new(self.product()?));
        }
        Ok(left)
    }

    fn product(&mut self) -> Parsed<Expr> {
        let mut left = self.unary()?;
        while let Token::Op(op @ ("*" | "/" | "%")) = self.peek().clone() {
            self.at += 1;
            left = Expr::Binary(op, Box::new(left), Box::new(self.unary()?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        if let Token::Op(op @ ("!" | "-" | "+")) = self.peek().clone() {
            self.at += 1;
            let inner = self.deeper(Self::unary)?;
            return Ok(Expr::Unary(op.chars().next().unwrap_or('+'), Box::new(inner)));
        }
        self.power()
    }

    fn power(&mut self) -> Parsed<Expr> {
        let base = self.postfix()?;
        if self.take("^") {
            let exponent = self.deeper(Self::unary)?;
            return Ok(Expr::Binary("^", Box::new(base), Box::new(exponent)));
        }
        Ok(base)
    }

    fn postfix(&mut self) -> Parsed<Expr> {
        for (op, by) in [("++", 1.0), ("--", -1.0)] {
            if self.take(op) {
                let target = self.primary()?;
                return Ok(Expr::Step(Box::new(target), by, false));
            }
        }
        let made = self.primary()?;
        if matches!(made, Expr::Var(_) | Expr::Field(_) | Expr::Index(..)) {
            for (op, by) in [("++", 1.0), ("--", -1.0)] {
                if self.take(op) {
                    return Ok(Expr::Step(Box::new(made), by, true));
                }
            }
        }
        Ok(made)
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.peek().clone();
        self.at += 1;
        Ok(match token {
            Token::Number(n) => Expr::Number(n),
            Token::Text(text) => Expr::Text(text.into()),
            Token::Regex(source) => Expr::Regex(source.into()),
            Token::Op("$") => {
                let inner = self.deeper(|this| {
                    if this.is("++") || this.is("--") { this.postfix() } else { this.primary() }
                })?;
                Expr::Field(Box::new(inner))
            }
            Token::Op("(") => {
                let list = self.list(")")?;
                match list.len() {
                    0 => return Err(self.unexpected()),
                    _ => Expr::Group(list),
                }
            }
            Token::Op("-" | "+" | "!") => {
                self.at -= 1;
                self.deeper(Self::unary)?
            }
            Token::Func(name) => {
                self.expect("(")?;
                Expr::Call(name.into(), self.list(")")?)
            }
            Token::Name(name) if name == "getline" => {
                let var = match self.peek() {
                    Token::Name(_) | Token::Op("$") => Some(Box::new(self.primary()?)),
                    _ => None,
                };
                let file = if self.take("<") { Some(Box::new(self.primary()?)) } else { None };
                Expr::Getline(var, file)
            }
            Token::Name(name) if name == "length" => Expr::Call(name.into(), Vec::new()),
            Token::Name(name) if self.take("[") => Expr::Index(name.into(), self.list("]")?),
            Token::Name(name) => Expr::Var(name.into()),
            _ => {
                self.at -= 1;
                return Err(self.unexpected());
            }
        })
    }
}
