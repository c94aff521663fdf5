//! Tools that only say something: echo, printf, expr, basename, which and their like.
//!
//! Always holds: they read no input and end at once.

use super::{Io, TOOLS, plain_name};

/// The escapes of `echo -e`, `printf` and `$'…'`.
pub(in crate::posix) fn unescape(text: &str) -> Vec<u8> {
    unescape_until(text).0
}

/// The bytes, and whether `\c` ended the output.
fn unescape_until(text: &str) -> (Vec<u8>, bool) {
    let bytes = text.as_bytes();
    let mut made = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] != b'\\' || i + 1 >= bytes.len() {
            made.push(bytes[i]);
            i += 1;
            continue;
        }
        i += 2;
        let digits = |from: usize, most: usize, radix: u32| {
            let end = (from..bytes.len().min(from + most))
                .find(|&k| !(bytes[k] as char).is_digit(radix))
                .unwrap_or(bytes.len().min(from + most));
            (u32::from_str_radix(&String::from_utf8_lossy(&bytes[from..end]), radix).ok(), end)
        };
        match bytes[i - 1] {
            b'n' => made.push(b'\n'),
            b't' => made.push(b'\t'),
            b'r' => made.push(b'\r'),
            b'a' => made.push(7),
            b'b' => made.push(8),
            b'e' | b'E' => made.push(27),
            b'f' => made.push(12),
            b'v' => made.push(11),
            b'c' => return (made, true),
            b'\\' => made.push(b'\\'),
            b'\'' => made.push(b'\''),
            b'"' => made.push(b'"'),
            b'x' => match digits(i, 2, 16) {
                (Some(code), end) => {
                    made.push(code as u8);
                    i = end;
                }
                (None, _) => made.extend(b"\\x"),
            },
            c @ (b'u' | b'U') => match digits(i, if c == b'u' { 4 } else { 8 }, 16) {
                (Some(code), end) => {
                    let c = char::from_u32(code).unwrap_or('\u{fffd}');
                    made.extend(c.to_string().as_bytes());
                    i = end;
                }
                (None, _) => made.extend([b'\\', c]),
            },
            b'0'..=b'7' => {
                let from = if bytes[i - 1] == b'0' { i } else { i - 1 };
                let (code, end) = digits(from, 3, 8);
                made.push(code.unwrap_or(0) as u8);
                i = end.max(i);
            }
            c => made.extend([b'\\', c]),
        }
    }
    (made, false)
}

pub(super) fn echo(args: &[String], io: &mut Io) -> i32 {
    let mut args = args;
    let (mut newline, mut escapes) = (true, false);
    while let Some(flag) = args.first().and_then(|a| a.strip_prefix('-')) {
        if flag.is_empty() || !flag.chars().all(|c| "neE".contains(c)) {
            break;
        }
        newline &= !flag.contains('n');
        escapes = if flag.contains('e') { true } else { escapes && !flag.contains('E') };
        args = &args[1..];
    }
    let text = args.join(" ");
    if escapes {
        let (bytes, stopped) = unescape_until(&text);
        io.out(bytes);
        newline &= !stopped;
    } else {
        io.out(text);
    }
    if newline {
        io.out("\n");
    }
    0
}

pub(super) fn printf(args: &[String], io: &mut Io) -> i32 {
    let args = if args.first().is_some_and(|a| a == "--") { &args[1..] } else { args };
    if args.is_empty() {
        io.err("printf: usage: printf [-v var] format [arguments]\n");
        return 2;
    }
    let (bytes, complaints) = format_printf(args);
    io.out(bytes);
    for complaint in &complaints {
        io.err(&format!("printf: {complaint}\n"));
    }
    i32::from(!complaints.is_empty())
}

/// What `printf` prints, and what it complains about.
pub(in crate::posix) fn format_printf(args: &[String]) -> (Vec<u8>, Vec<String>) {
    let Some((format, args)) = args.split_first() else { return (Vec::new(), Vec::new()) };
    let (mut made, mut complaints) = (Vec::new(), Vec::new());
    let mut at = 0;
    loop {
        let before = at;
        let mut round = Round { args, at, made: &mut made, complaints: &mut complaints };
        let stopped = round.run(format);
        at = round.at;
        // The format is used again while there are arguments left.
        if stopped || at >= args.len() || at == before || made.len() > (4 << 20) {
            return (made, complaints);
        }
    }
}

struct Round<'a> {
    args: &'a [String],
    at: usize,
    made: &'a mut Vec<u8>,
    complaints: &'a mut Vec<String>,
}

impl Round<'_> {
    fn take(&mut self) -> String {
        let arg = self.args.get(self.at).cloned().unwrap_or_default();
        self.at += 1;
        arg
    }

    fn number(&mut self) -> i64 {
        let text = self.take();
        let trimmed = text.trim();
        if let Some(c) = trimmed.strip_prefix(['\'', '"']).and_then(|t| t.chars().next()) {
            return i64::from(c as u32);
        }
        let (negative, digits) = trimmed.strip_prefix('-').map_or((false, trimmed), |d| (true, d));
        let parsed = if let Some(hex) = digits.strip_prefix("0x") {
            i64::from_str_radix(hex, 16)
        } else if digits.len() > 1 && digits.starts_with('0') {
            i64::from_str_radix(digits, 8)
        } else if digits.is_empty() && self.at > self.args.len() {
            Ok(0)
        } else {
            digits.trim_start_matches('+').parse()
        };
        match parsed {
            Ok(n) if negative => -n,
            Ok(n) => n,
            Err(_) => {
                self.complaints.push(format!("{text}: invalid number"));
                let lead: String = digits.chars().take_while(char::is_ascii_digit).collect();
                lead.parse().unwrap_or(0)
            }
        }
    }

    fn run(&mut self, format: &str) -> bool {
        let chars: Vec<char> = format.chars().collect();
        let mut plain = String::new();
        let mut i = 0;
        while i < chars.len() {
            if chars[i] == '\\' && i + 1 < chars.len() {
                plain.push('\\');
                plain.push(chars[i + 1]);
                i += 2;
                continue;
            }
            if chars[i] != '%' {
                plain.push(chars[i]);
                i += 1;
                continue;
            }
            let (bytes, stopped) = unescape_until(&plain);
            self.made.extend(bytes);
            if stopped {
                return true;
            }
            plain.clear();
            i += 1;
            if chars.get(i) == Some(&'%') {
                self.made.push(b'%');
                i += 1;
                continue;
            }
            let start = i;
            while i < chars.len() && "-+ #0123456789.*".contains(chars[i]) {
                i += 1;
            }
            let mut spec: String = chars[start..i].iter().collect();
            while spec.contains('*') {
                let n = self.number();
                spec = spec.replacen('*', &n.to_string(), 1);
            }
            while matches!(chars.get(i), Some('l' | 'h' | 'q' | 'j' | 'z'))
                && i + 1 < chars.len()
                && chars[i] != 'q'
            {
                i += 1;
            }
            let Some(kind) = chars.get(i).copied() else {
                self.complaints.push(format!("`%{spec}': missing format character"));
                return true;
            };
            i += 1;
            if self.conversion(&spec, kind) {
                return true;
            }
        }
        let (bytes, stopped) = unescape_until(&plain);
        self.made.extend(bytes);
        stopped
    }

    fn conversion(&mut self, spec: &str, kind: char) -> bool {
        let spec = Spec::read(spec);
        match kind {
            's' => {
                let text = self.take();
                self.made.extend(spec.text(&text).as_bytes());
            }
            'b' => {
                let text = self.take();
                let (bytes, stopped) = unescape_until(&text);
                self.made.extend(bytes);
                return stopped;
            }
            'q' => {
                let text = self.take();
                let plain =
                    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_./:=@%+,".contains(c));
                let text = if plain { text } else { crate::posix::expand::quote(&text) };
                self.made.extend(text.as_bytes());
            }
            'c' => {
                let text = self.take();
                let first: String = text.chars().take(1).collect();
                self.made.extend(spec.text(&first).as_bytes());
            }
            'd' | 'i' | 'u' => {
                let n = self.number();
                self.made.extend(spec.integer(n.unsigned_abs().to_string(), n < 0).as_bytes());
            }
            'x' | 'X' | 'o' => {
                let n = self.number();
                let digits = match kind {
                    'x' => format!("{n:x}"),
                    'X' => format!("{n:X}"),
                    _ => format!("{n:o}"),
                };
                self.made.extend(spec.integer(digits, false).as_bytes());
            }
            'f' | 'F' | 'e' | 'E' | 'g' | 'G' => {
                let text = self.take();
                let n = text.trim().parse::<f64>().unwrap_or_else(|_| {
                    if !text.is_empty() {
                        self.complaints.push(format!("{text}: invalid number"));
                    }
                    0.0
                });
                self.made.extend(spec.float(n, kind).as_bytes());
            }
            kind => {
                self.complaints.push(format!("`{kind}': invalid format character"));
                return true;
            }
        }
        false
    }
}

/// Flags, width and precision of a conversion.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spec {
    left: bool,
    zero: bool,
    plus: bool,
    space: bool,
    width: usize,
    precision: Option<usize>,
}

impl Spec {
    pub(super) fn read(text: &str) -> Self {
        let flags: String = text.chars().take_while(|c| "-+ #0".contains(*c)).collect();
        let rest = &text[flags.len()..];
        let (width, precision) = rest.split_once('.').map_or((rest, None), |(w, p)| (w, Some(p)));
        Self {
            left: flags.contains('-'),
            zero: flags.contains('0'),
            plus: flags.contains('+'),
            space: flags.contains(' '),
            width: width.parse::<usize>().unwrap_or(0).min(10_000),
            precision: precision.map(|p| p.parse::<usize>().unwrap_or(0).min(10_000)),
        }
    }

    fn pad(self, text: String) -> String {
        let width = text.chars().count();
        if width >= self.width {
            return text;
        }
        let pad = " ".repeat(self.width - width);
        if self.left { text + &pad } else { pad + &text }
    }

    pub(super) fn text(self, text: &str) -> String {
        self.pad(text.chars().take(self.precision.unwrap_or(usize::MAX)).collect())
    }

    pub(super) fn integer(self, digits: String, negative: bool) -> String {
        let digits = match self.precision {
            Some(p) if digits.len() < p => "0".repeat(p - digits.len()) + &digits,
            _ => digits,
        };
        let sign = self.sign(negative);
        if self.zero && !self.left && self.precision.is_none() && digits.len() + sign.len() < self.width {
            let zeros = "0".repeat(self.width - digits.len() - sign.len());
            return format!("{sign}{zeros}{digits}");
        }
        self.pad(format!("{sign}{digits}"))
    }

    fn sign(self, negative: bool) -> &'static str {
        match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        }
    }

    pub(super) fn float(self, n: f64, kind: char) -> String {
        let places = self.precision.unwrap_or(6);
        let digits = match kind.to_ascii_lowercase() {
            'f' => format!("{:.places$}", n.abs()),
            'e' => exponent(n.abs(), places),
            _ => general(n.abs(), places.max(1)),
        };
        let zero = Self { precision: None, ..self };
        zero.integer(if kind.is_uppercase() { digits.to_uppercase() } else { digits }, n < 0.0)
    }
}

fn exponent(n: f64, places: usize) -> String {
    let text = format!("{n:.places$e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
}

/// `%g`: the shorter of the two, without trailing zeros.
pub(super) fn general(n: f64, digits: usize) -> String {
    if n == 0.0 {
        return "0".into();
    }
    if !n.is_finite() {
        return if n.is_nan() { "nan".into() } else { "inf".into() };
    }
    let text = format!("{n:.*e}", digits - 1);
    let power: i32 = text.split_once('e').and_then(|(_, p)| p.parse().ok()).unwrap_or(0);
    let trim = |text: String| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    };
    if power < -4 || power >= digits as i32 {
        let text = exponent(n, digits - 1);
        let (mantissa, rest) = text.split_once('e').unwrap_or((&text, "+00"));
        return format!("{}e{rest}", trim(mantissa.to_owned()));
    }
    trim(format!("{n:.*}", (digits as i32 - 1 - power).max(0) as usize))
}

pub(super) fn basename(args: &[String], io: &mut Io) -> i32 {
    let Some(path) = args.first() else {
        io.err("basename: missing operand\nTry 'basename --help' for more information.\n");
        return 1;
    };
    let trimmed = path.trim_end_matches('/');
    let name =
        if trimmed.is_empty() && !path.is_empty() { "/" } else { trimmed.rsplit('/').next().unwrap_or("") };
    let suffix = args.get(1).map_or("", String::as_str);
    let name = if name == suffix { name } else { name.strip_suffix(suffix).unwrap_or(name) };
    io.out(format!("{name}\n"));
    0
}

pub(super) fn dirname(args: &[String], io: &mut Io) -> i32 {
    if args.is_empty() {
        io.err("dirname: missing operand\nTry 'dirname --help' for more information.\n");
        return 1;
    }
    for path in args {
        let trimmed = path.trim_end_matches('/');
        let folder = match trimmed.rfind('/') {
            Some(0) => "/",
            Some(at) => trimmed[..at].trim_end_matches('/'),
            None if trimmed.is_empty() && !path.is_empty() => "/",
            None => ".",
        };
        io.out(format!("{folder}\n"));
    }
    0
}

pub(super) fn pwd(_args: &[String], io: &mut Io) -> i32 {
    let cwd = io.cwd.to_owned();
    io.out(format!("{cwd}\n"));
    0
}

pub(super) fn hostname(_args: &[String], io: &mut Io) -> i32 {
    let name = io.world.hostname();
    io.out(format!("{name}\n"));
    0
}

pub(super) fn whoami(_args: &[String], io: &mut Io) -> i32 {
    let user = io.world.user();
    io.out(format!("{user}\n"));
    0
}

pub(super) fn id(args: &[String], io: &mut Io) -> i32 {
    let user = io.world.user();
    let number = if user == "root" { 0 } else { 1000 };
    let flags: String = args.concat();
    let text = match (flags.contains('u') || flags.contains('g'), flags.contains('n')) {
        (true, true) => user,
        (true, false) => number.to_string(),
        _ => format!("uid={number}({user}) gid={number}({user}) groups={number}({user})"),
    };
    io.out(format!("{text}\n"));
    0
}

pub(super) fn uname(args: &[String], io: &mut Io) -> i32 {
    let host = io.world.hostname();
    let flags: String = args.concat();
    let text = if flags.contains('a') {
        format!("Linux {host} 6.8.0 #1 SMP x86_64 GNU/Linux")
    } else if flags.contains('n') {
        host
    } else if flags.contains('r') {
        "6.8.0".into()
    } else if flags.contains('m') {
        "x86_64".into()
    } else {
        "Linux".into()
    };
    io.out(format!("{text}\n"));
    0
}

pub(super) fn printenv(args: &[String], io: &mut Io) -> i32 {
    if args.is_empty() {
        let all: String = io.env.iter().map(|(k, v)| format!("{k}={v}\n")).collect();
        io.out(all);
        return 0;
    }
    let mut status = 0;
    for name in args {
        match io.env.get(name).cloned() {
            Some(value) => io.out(format!("{value}\n")),
            None => status = 1,
        }
    }
    status
}

pub(super) fn which(args: &[String], io: &mut Io) -> i32 {
    let mut status = 0;
    let commands = io.world.commands();
    for name in args.iter().filter(|a| !a.starts_with('-')) {
        let plain = plain_name(name);
        let tool = TOOLS.iter().any(|t| t.name == plain) || matches!(plain, "sh" | "bash");
        if (tool && io.world.provides(plain)) || commands.iter().any(|c| c == plain) {
            io.out(format!("/usr/bin/{plain}\n"));
        } else {
            status = 1;
        }
    }
    status
}

pub(super) fn expr(args: &[String], io: &mut Io) -> i32 {
    let mut parser = Expr { args, at: 0, depth: 0 };
    let result = parser.or().and_then(|value| {
        if parser.at == args.len() {
            Ok(value)
        } else {
            Err(format!("syntax error: unexpected argument ‘{}’", args[parser.at]))
        }
    });
    match result {
        Ok(value) => {
            let zero = value.is_empty() || value.trim_start_matches('-').chars().all(|c| c == '0');
            io.out(format!("{value}\n"));
            i32::from(zero)
        }
        Err(why) => {
            io.err(&format!("expr: {why}\n"));
            2
        }
    }
}

struct Expr<'a> {
    args: &'a [String],
    at: usize,
    depth: usize,
}

impl Expr<'_> {
    fn peek(&self) -> &str {
        self.args.get(self.at).map_or("", String::as_str)
    }

    fn or(&mut self) -> Result<String, String> {
        let mut left = self.and()?;
        while self.peek() == "|" {
            self.at += 1;
            let right = self.and()?;
            if left.is_empty() || left == "0" {
                left = if right.is_empty() { "0".into() } else { right };
            }
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<String, String> {
        let mut left = self.compare()?;
        while self.peek() == "&" {
            self.at += 1;
            let right = self.compare()?;
            let none = |s: &str| s.is_empty() || s == "0";
            if none(&left) || none(&right) {
                left = "0".into();
            }
        }
        Ok(left)
    }

    fn compare(&mut self) -> Result<String, String> {
        let mut left = self.sum()?;
        while matches!(self.peek(), "=" | "==" | "!=" | "<" | ">" | "<=" | ">=") {
            let op = self.peek().to_owned();
            self.at += 1;
            let right = self.sum()?;
            let order = match (left.parse::<i64>(), right.parse::<i64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                _ => left.cmp(&right),
            };
            let truth = match op.as_str() {
                "=" | "==" => order.is_eq(),
                "!=" => order.is_ne(),
                "<" => order.is_lt(),
                ">" => order.is_gt(),
                "<=" => order.is_le(),
                _ => order.is_ge(),
            };
            left = i64::from(truth).to_string();
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<String, String> {
        self.arithmetic(&["+", "-"], Self::product)
    }

    fn product(&mut self) -> Result<String, String> {
        self.arithmetic(&["*", "/", "%"], Self::matching)
    }

    fn arithmetic(
        &mut self,
        ops: &[&str],
        next: fn(&mut Self) -> Result<String, String>,
    ) -> Result<String, String> {
        let mut left = next(self)?;
        while ops.contains(&self.peek()) {
            let op = self.peek().to_owned();
            self.at += 1;
            let right = next(self)?;
            let number = |s: &str| s.parse::<i64>().map_err(|_| "non-integer argument".to_owned());
            let (a, b) = (number(&left)?, number(&right)?);
            if matches!(op.as_str(), "/" | "%") && b == 0 {
                return Err("division by zero".into());
            }
            left = match op.as_str() {
                "+" => a.wrapping_add(b),
                "-" => a.wrapping_sub(b),
                "*" => a.wrapping_mul(b),
                "/" => a.wrapping_div(b),
                _ => a.wrapping_rem(b),
            }
            .to_string();
        }
        Ok(left)
    }

    fn matching(&mut self) -> Result<String, String> {
        let left = self.primary()?;
        if self.peek() != ":" {
            return Ok(left);
        }
        self.at += 1;
        let pattern = self.primary()?;
        let regex = super::grep::regex(&format!("^{}", pattern.trim_start_matches('^')), false, false)
            .map_err(|_| "Invalid regular expression".to_owned())?;
        Ok(match regex.captures(left.as_bytes()) {
            Some(c) if c.len() > 1 => c.get(1).map_or(String::new(), |m| super::lossy(m.as_bytes())),
            Some(c) => super::lossy(c.get(0).map_or(&[][..], |m| m.as_bytes())).chars().count().to_string(),
            None if regex.captures_len() > 1 => String::new(),
            None => "0".into(),
        })
    }

    fn primary(&mut self) -> Result<String, String> {
        let Some(word) = self.args.get(self.at).cloned() else {
            return Err(match self.args.last() {
                Some(last) => format!("syntax error: missing argument after ‘{last}’"),
                None => "missing operand".into(),
            });
        };
        self.at += 1;
        match word.as_str() {
            "(" => {
                self.depth += 1;
                if self.depth > 100 {
                    return Err("expression nested too deeply".into());
                }
                let value = self.or()?;
                self.depth -= 1;
                if self.peek() != ")" {
                    return Err("syntax error: expecting ')'".into());
                }
                self.at += 1;
                Ok(value)
            }
            "length" if self.at < self.args.len() => Ok(self.primary()?.chars().count().to_string()),
            _ => Ok(word),
        }
    }
}
