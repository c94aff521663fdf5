//! `test`, `[`, and the primaries that `[[` shares with them.
//!
//! Always holds: with up to four arguments POSIX's own rules decide, so that odd operands are no operators.

use super::Io;
use crate::posix::{World, resolve_path};

pub(super) fn bracket(args: &[String], io: &mut Io) -> i32 {
    match args.split_last() {
        Some((last, rest)) if last == "]" => evaluate("[", rest, io),
        _ => {
            io.err("[: missing `]'\n");
            2
        }
    }
}

pub(super) fn test(args: &[String], io: &mut Io) -> i32 {
    evaluate("test", args, io)
}

fn evaluate(name: &str, args: &[String], io: &mut Io) -> i32 {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut parser = Parser { words: &words, at: 0, depth: 0, cwd: io.cwd, world: io.world };
    match parser.all() {
        Ok(truth) => i32::from(!truth),
        Err(why) => {
            io.err(&format!("{name}: {why}\n"));
            2
        }
    }
}

struct Parser<'a> {
    words: &'a [&'a str],
    at: usize,
    depth: usize,
    cwd: &'a str,
    world: &'a mut dyn World,
}

fn is_binary(op: &str) -> bool {
    matches!(
        op,
        "=" | "==" | "!=" | "<" | ">" | "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" | "-nt" | "-ot" | "-ef"
    )
}

fn is_unary(op: &str) -> bool {
    op.len() == 2 && op.starts_with('-') && "abcdefghknoprstuvwxzGLNORS".contains(&op[1..])
}

impl Parser<'_> {
    fn all(&mut self) -> Result<bool, String> {
        match self.words {
            [] => Ok(false),
            [one] => Ok(!one.is_empty()),
            ["!", one] => Ok(one.is_empty()),
            [op, one] if is_unary(op) => self.unary(op, one),
            [op, _] => Err(format!("{op}: unary operator expected")),
            [a, op, b] if is_binary(op) => self.binary(op, a, b),
            [a, "-a", b] => Ok(!a.is_empty() && !b.is_empty()),
            [a, "-o", b] => Ok(!a.is_empty() || !b.is_empty()),
            ["!", rest @ ..] if rest.len() <= 3 => {
                let mut inner = Parser { words: rest, at: 0, depth: 0, cwd: self.cwd, world: self.world };
                inner.all().map(|truth| !truth)
            }
            ["(", one, ")"] => Ok(!one.is_empty()),
            [_, op, _] => Err(format!("{op}: binary operator expected")),
            _ => {
                let truth = self.or()?;
                if self.at < self.words.len() { Err("too many arguments".into()) } else { Ok(truth) }
            }
        }
    }

    fn peek(&self) -> Option<&str> {
        self.words.get(self.at).copied()
    }

    fn or(&mut self) -> Result<bool, String> {
        let mut truth = self.and()?;
        while self.peek() == Some("-o") {
            self.at += 1;
            truth |= self.and()?;
        }
        Ok(truth)
    }

    fn and(&mut self) -> Result<bool, String> {
        let mut truth = self.not()?;
        while self.peek() == Some("-a") {
            self.at += 1;
            truth &= self.not()?;
        }
        Ok(truth)
    }

    fn not(&mut self) -> Result<bool, String> {
        let mut odd = false;
        while self.peek() == Some("!") {
            self.at += 1;
            odd = !odd;
        }
        Ok(self.primary()? != odd)
    }

    fn primary(&mut self) -> Result<bool, String> {
        let Some(word) = self.words.get(self.at).copied() else { return Err("argument expected".into()) };
        if word == "(" {
            self.at += 1;
            self.depth += 1;
            if self.depth > 100 {
                return Err("expression nested too deeply".into());
            }
            let truth = self.or()?;
            self.depth -= 1;
            if self.peek() != Some(")") {
                return Err("`)' expected".into());
            }
            self.at += 1;
            return Ok(truth);
        }
        if let [a, op, b, ..] = self.words[self.at..]
            && is_binary(op)
        {
            self.at += 3;
            return self.binary(op, a, b);
        }
        if let [op, one, ..] = self.words[self.at..]
            && is_unary(op)
        {
            self.at += 2;
            return self.unary(op, one);
        }
        self.at += 1;
        Ok(!word.is_empty())
    }

    fn unary(&mut self, op: &str, operand: &str) -> Result<bool, String> {
        unary(op, operand, self.cwd, self.world)
    }

    fn binary(&mut self, op: &str, a: &str, b: &str) -> Result<bool, String> {
        binary(op, a, b, self.cwd, self.world)
    }
}

/// A unary primary.
pub(in crate::posix) fn unary(
    op: &str,
    operand: &str,
    cwd: &str,
    world: &mut dyn World,
) -> Result<bool, String> {
    Ok(match op {
        "-n" => !operand.is_empty(),
        "-z" => operand.is_empty(),
        "-t" => false,
        "-o" | "-v" | "-R" => false,
        _ => {
            if operand.is_empty() {
                return Ok(false);
            }
            let path = resolve_path(cwd, operand);
            if path.starts_with("/dev/") && world.stat(&path).is_err() {
                return Ok(matches!(
                    path.as_str(),
                    "/dev/null" | "/dev/stdin" | "/dev/stdout" | "/dev/stderr" | "/dev/tty"
                ) && matches!(op, "-e" | "-a" | "-c" | "-r" | "-w"));
            }
            let Ok(info) = world.stat(&path) else { return Ok(false) };
            match op {
                "-d" => info.directory,
                "-f" => !info.directory,
                "-s" => info.size > 0,
                "-x" => info.directory || info.mode & 0o111 != 0,
                "-a" | "-e" | "-r" | "-w" | "-O" | "-G" => true,
                _ => false,
            }
        }
    })
}

/// Compares two numbers.
pub(in crate::posix) fn compare(op: &str, a: i64, b: i64) -> bool {
    match op {
        "-eq" => a == b,
        "-ne" => a != b,
        "-lt" => a < b,
        "-le" => a <= b,
        "-gt" => a > b,
        _ => a >= b,
    }
}

/// A binary primary.
pub(in crate::posix) fn binary(
    op: &str,
    a: &str,
    b: &str,
    cwd: &str,
    world: &mut dyn World,
) -> Result<bool, String> {
    Ok(match op {
        "=" | "==" => a == b,
        "!=" => a != b,
        "<" => a < b,
        ">" => a > b,
        "-nt" | "-ot" | "-ef" => {
            let mut time = |path: &str| world.stat(&resolve_path(cwd, path)).ok().map(|info| info.modified);
            let (x, y) = (time(a), time(b));
            match op {
                "-nt" => x > y,
                "-ot" => x < y,
                _ => x.is_some() && resolve_path(cwd, a) == resolve_path(cwd, b),
            }
        }
        _ => {
            let number = |text: &str| {
                text.trim().parse::<i64>().map_err(|_| format!("{text}: integer expression expected"))
            };
            compare(op, number(a)?, number(b)?)
        }
    })
}
