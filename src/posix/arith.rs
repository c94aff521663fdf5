//! Shell arithmetic: `$((…))`, `((…))`, `[[ a -lt b ]]`, on 64-bit integers that wrap.
//!
//! Always holds: depth is limited; variables are read and written through [`Cells`].

/// The variables of an expression.
pub(super) trait Cells {
    fn get(&mut self, name: &str, index: Option<&str>) -> Option<String>;
    fn set(&mut self, name: &str, index: Option<&str>, value: String) -> Result<(), String>;
}

const MAX_DEPTH: usize = 64;

/// Evaluates an expression.
///
/// # Errors
/// What bash says after the expression.
pub(super) fn evaluate(source: &str, cells: &mut dyn Cells) -> Result<i64, String> {
    evaluate_at(source, cells, 0)
}

fn evaluate_at(source: &str, cells: &mut dyn Cells, depth: usize) -> Result<i64, String> {
    if depth > MAX_DEPTH {
        return Err(format!("{source}: expression recursion level exceeded"));
    }
    let tokens = tokens(source)?;
    if tokens.is_empty() {
        return Ok(0);
    }
    let mut parser = Parser { source, tokens, at: 0, cells, depth };
    let value = parser.comma(true)?;
    match parser.peek() {
        None => Ok(value),
        Some(token) => {
            Err(parser.error(&format!("syntax error in expression (error token is \"{}\")", token.text())))
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(i64),
    Name(String, Option<String>),
    Op(&'static str),
}

impl Token {
    fn text(&self) -> String {
        match self {
            Token::Number(n) => n.to_string(),
            Token::Name(name, _) => name.clone(),
            Token::Op(op) => (*op).to_owned(),
        }
    }
}

const OPS: &[&str] = &[
    "<<=", ">>=", "**", "++", "--", "&&", "||", "==", "!=", "<=", ">=", "<<", ">>", "+=", "-=", "*=", "/=",
    "%=", "&=", "|=", "^=", "+", "-", "*", "/", "%", "<", ">", "=", "!", "~", "&", "|", "^", "?", ":", "(",
    ")", ",",
];

fn tokens(source: &str) -> Result<Vec<Token>, String> {
    let mut made = Vec::new();
    let mut rest = source.trim_start();
    while let Some(c) = rest.chars().next() {
        let used = if c.is_ascii_digit() {
            let end =
                rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '#' && c != '_').unwrap_or(rest.len());
            made.push(Token::Number(
                number(&rest[..end])
                    .map_err(|why| format!("{source}: {why} (error token is \"{}\")", &rest[..end]))?,
            ));
            end
        } else if c.is_ascii_alphabetic() || c == '_' {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, mut used) = (rest[..end].to_owned(), end);
            let mut index = None;
            if rest[end..].starts_with('[')
                && let Some(close) = rest[end..].find(']')
            {
                index = Some(rest[end + 1..end + close].to_owned());
                used = end + close + 1;
            }
            made.push(Token::Name(name, index));
            used
        } else if let Some(op) = OPS.iter().find(|op| rest.starts_with(**op)) {
            made.push(Token::Op(op));
            op.len()
        } else {
            return Err(format!("{source}: syntax error: operand expected (error token is \"{rest}\")"));
        };
        rest = rest[used..].trim_start();
    }
    Ok(made)
}

fn number(text: &str) -> Result<i64, &'static str> {
    let (digits, radix) = if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        (hex, 16)
    } else if let Some((base, digits)) = text.split_once('#') {
        (digits, base.parse::<u32>().ok().filter(|b| (2..=36).contains(b)).ok_or("invalid arithmetic base")?)
    } else if text.len() > 1 && text.starts_with('0') {
        (&text[1..], 8)
    } else {
        (text, 10)
    };
    digits.chars().try_fold(0i64, |sum, c| {
        let digit = c.to_digit(radix).ok_or("value too great for base")?;
        Ok(sum.wrapping_mul(i64::from(radix)).wrapping_add(i64::from(digit)))
    })
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    at: usize,
    cells: &'a mut dyn Cells,
    depth: usize,
}

/// Binary operators by how loosely they bind.
const LEVELS: &[&[&str]] = &[
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

impl Parser<'_> {
    fn error(&self, why: &str) -> String {
        format!("{}: {why}", self.source.trim())
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, op: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Op(o)) if *o == op);
        self.at += usize::from(found);
        found
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(self.error("expression recursion level exceeded")) } else { Ok(()) }
    }

    /// `live` is false where the value is not wanted and nothing may be assigned.
    fn comma(&mut self, live: bool) -> Result<i64, String> {
        let mut value = self.assign(live)?;
        while self.take(",") {
            value = self.assign(live)?;
        }
        Ok(value)
    }

    fn assign(&mut self, live: bool) -> Result<i64, String> {
        if let (Some(Token::Name(name, index)), Some(Token::Op(op))) =
            (self.tokens.get(self.at).cloned(), self.tokens.get(self.at + 1).cloned())
            && op.ends_with('=')
            && !matches!(op, "==" | "!=" | "<=" | ">=")
        {
            self.at += 2;
            self.deeper()?;
            let right = self.assign(live)?;
            self.depth -= 1;
            let value = if op == "=" {
                right
            } else {
                let left = self.read(&name, index.as_deref())?;
                self.apply(&op[..op.len() - 1], left, right, live)?
            };
            if live {
                self.cells.set(&name, index.as_deref(), value.to_string())?;
            }
            return Ok(value);
        }
        self.ternary(live)
    }

    fn ternary(&mut self, live: bool) -> Result<i64, String> {
        let cond = self.binary(0, live)?;
        if !self.take("?") {
            return Ok(cond);
        }
        self.deeper()?;
        let yes = self.assign(live && cond != 0)?;
        if !self.take(":") {
            return Err(self.error("`:' expected for conditional expression"));
        }
        let no = self.assign(live && cond == 0)?;
        self.depth -= 1;
        Ok(if cond != 0 { yes } else { no })
    }

    fn binary(&mut self, level: usize, live: bool) -> Result<i64, String> {
        let Some(ops) = LEVELS.get(level) else { return self.power(live) };
        let mut left = self.binary(level + 1, live)?;
        loop {
            let Some(Token::Op(op)) = self.peek().cloned() else { return Ok(left) };
            if !ops.contains(&op) {
                return Ok(left);
            }
            self.at += 1;
            let needed = match op {
                "||" => left == 0,
                "&&" => left != 0,
                _ => true,
            };
            let right = self.binary(level + 1, live && needed)?;
            left = self.apply(op, left, right, live && needed)?;
        }
    }

    fn power(&mut self, live: bool) -> Result<i64, String> {
        let base = self.unary(live)?;
        if !self.take("**") {
            return Ok(base);
        }
        self.deeper()?;
        let exponent = self.power(live)?;
        self.depth -= 1;
        let exponent = u32::try_from(exponent).map_err(|_| self.error("exponent less than 0"))?;
        Ok(base.wrapping_pow(exponent))
    }

    fn unary(&mut self, live: bool) -> Result<i64, String> {
        self.deeper()?;
        let value = self.prefix(live)?;
        self.depth -= 1;
        Ok(value)
    }

    fn prefix(&mut self, live: bool) -> Result<i64, String> {
        for (op, by) in [("++", 1), ("--", -1)] {
            if let Some(Token::Name(name, index)) = self.tokens.get(self.at + 1).cloned()
                && self.take(op)
            {
                self.at += 1;
                return self.step(&name, index.as_deref(), by, live).map(|(_, new)| new);
            }
        }
        match self.peek().cloned() {
            Some(Token::Op("!")) => self.next_unary(live).map(|v| i64::from(v == 0)),
            Some(Token::Op("~")) => self.next_unary(live).map(|v| !v),
            Some(Token::Op("-")) => self.next_unary(live).map(i64::wrapping_neg),
            Some(Token::Op("+")) => self.next_unary(live),
            Some(Token::Op("(")) => {
                self.at += 1;
                let value = self.comma(live)?;
                if self.take(")") { Ok(value) } else { Err(self.error("missing `)'")) }
            }
            Some(Token::Number(n)) => {
                self.at += 1;
                Ok(n)
            }
            Some(Token::Name(name, index)) => {
                self.at += 1;
                for (op, by) in [("++", 1), ("--", -1)] {
                    if self.take(op) {
                        return self.step(&name, index.as_deref(), by, live).map(|(old, _)| old);
                    }
                }
                self.read(&name, index.as_deref())
            }
            Some(Token::Op(op)) => {
                Err(self.error(&format!("syntax error: operand expected (error token is \"{op}\")")))
            }
            None => Err(self.error("syntax error: operand expected")),
        }
    }

    fn next_unary(&mut self, live: bool) -> Result<i64, String> {
        self.at += 1;
        self.unary(live)
    }

    fn step(&mut self, name: &str, index: Option<&str>, by: i64, live: bool) -> Result<(i64, i64), String> {
        let old = self.read(name, index)?;
        let new = old.wrapping_add(by);
        if live {
            self.cells.set(name, index, new.to_string())?;
        }
        Ok((old, new))
    }

    fn read(&mut self, name: &str, index: Option<&str>) -> Result<i64, String> {
        let text = self.cells.get(name, index).unwrap_or_default();
        let text = text.trim();
        match text.parse() {
            Ok(value) if text == "0" || !text.starts_with('0') => Ok(value),
            _ if text.is_empty() => Ok(0),
            _ => evaluate_at(text, self.cells, self.depth + 1),
        }
    }

    fn apply(&self, op: &str, a: i64, b: i64, live: bool) -> Result<i64, String> {
        if matches!(op, "/" | "%") && b == 0 {
            return if live { Err(self.error("division by 0 (error token is \"0\")")) } else { Ok(0) };
        }
        Ok(match op {
            "+" => a.wrapping_add(b),
            "-" => a.wrapping_sub(b),
            "*" => a.wrapping_mul(b),
            "/" => a.wrapping_div(b),
            "%" => a.wrapping_rem(b),
            "<<" => a.wrapping_shl(b as u32),
            ">>" => a.wrapping_shr(b as u32),
            "&" => a & b,
            "|" => a | b,
            "^" => a ^ b,
            "<" => i64::from(a < b),
            ">" => i64::from(a > b),
            "<=" => i64::from(a <= b),
            ">=" => i64::from(a >= b),
            "==" => i64::from(a == b),
            "!=" => i64::from(a != b),
            "&&" => i64::from(a != 0 && b != 0),
            _ => i64::from(a != 0 || b != 0),
        })
    }
}
