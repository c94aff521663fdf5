//! sed's grammar: text → commands.
//!
//! Always holds: the number of commands is limited; regular expressions are compiled here.

use super::grep::regex;
use super::lossy;
use super::sed::{Address, Command, Part, What};
use regex::bytes::Regex;

pub(super) struct Parser {
    pub chars: Vec<char>,
    pub at: usize,
    pub extended: bool,
}

pub(super) type Parsed<T> = Result<T, String>;

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn skip(&mut self, set: &str) {
        while self.peek().is_some_and(|c| set.contains(c)) {
            self.at += 1;
        }
    }

    fn number(&mut self) -> u64 {
        let mut n = 0u64;
        while let Some(d) = self.peek().and_then(|c| c.to_digit(10)) {
            n = n.saturating_mul(10).saturating_add(u64::from(d));
            self.at += 1;
        }
        n
    }

    pub(super) fn script(&mut self) -> Parsed<Vec<Command>> {
        let mut commands: Vec<Command> = Vec::new();
        let mut blocks = Vec::new();
        loop {
            self.skip(" \t\n;");
            if self.peek() == Some('#') {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.at += 1;
                }
                continue;
            }
            if self.peek().is_none() {
                break;
            }
            let from = self.address()?;
            let mut to = None;
            if from.is_some() {
                self.skip(" \t");
                if self.peek() == Some(',') {
                    self.at += 1;
                    self.skip(" \t");
                    to = Some(self.address()?.ok_or("unexpected `,'")?);
                }
            }
            self.skip(" \t");
            let mut negate = false;
            while self.peek() == Some('!') {
                negate = true;
                self.at += 1;
                self.skip(" \t");
            }
            let what = self.command()?;
            match what {
                What::Begin(_) => blocks.push(commands.len()),
                What::End => {
                    let open = blocks.pop().ok_or("unexpected `}'")?;
                    commands[open].what = What::Begin(commands.len());
                }
                _ => {}
            }
            commands.push(Command { from, to, negate, open: None, what });
            if commands.len() > 5000 {
                return Err("script too long".into());
            }
        }
        if blocks.is_empty() { Ok(commands) } else { Err("unmatched `{'".into()) }
    }

    fn address(&mut self) -> Parsed<Option<Address>> {
        Ok(match self.peek() {
            Some(c) if c.is_ascii_digit() => {
                let first = self.number();
                if self.peek() == Some('~') {
                    self.at += 1;
                    let step = self.number();
                    return Ok(Some(Address::Step(first, step)));
                }
                Some(Address::Line(first))
            }
            Some('$') => {
                self.at += 1;
                Some(Address::Last)
            }
            Some('+') => {
                self.at += 1;
                Some(Address::Plus(self.number()))
            }
            Some(c @ ('/' | '\\')) => {
                self.at += 1;
                let mut end = c;
                if c == '\\' {
                    end = self.peek().ok_or("unexpected end")?;
                    self.at += 1;
                }
                let source = self.until(end).ok_or("unterminated address regex")?;
                let fold = self.peek() == Some('I');
                self.at += usize::from(fold);
                Some(Address::Match(self.compile(&source, fold)?))
            }
            _ => None,
        })
    }

    fn compile(&self, source: &str, fold: bool) -> Parsed<Option<Regex>> {
        if source.is_empty() {
            return Ok(None);
        }
        regex(source, self.extended, fold).map(Some)
    }

    /// Text up to a delimiter, which a backslash protects.
    fn until(&mut self, end: char) -> Option<String> {
        let mut made = String::new();
        let mut set = false;
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '\\' => {
                    let next = self.peek()?;
                    self.at += 1;
                    if next == end && end != '\\' {
                        made.push(next);
                    } else {
                        made.push('\\');
                        made.push(next);
                    }
                }
                c if c == end && !set => return Some(made),
                c => {
                    set = match c {
                        '[' => true,
                        ']' => false,
                        _ => set && c != '\n',
                    };
                    made.push(c);
                }
            }
            if set && !self.chars[self.at..].contains(&']') {
                set = false;
            }
        }
        None
    }

    fn text(&mut self) -> String {
        self.skip(" \t");
        if self.peek() == Some('\\') {
            self.at += 1;
            self.skip(" \t");
            if self.peek() == Some('\n') {
                self.at += 1;
            }
        }
        let mut made = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '\\' => {
                    made.extend(self.peek());
                    self.at += 1;
                }
                '\n' => break,
                c => made.push(c),
            }
        }
        made + "\n"
    }

    fn label(&mut self) -> String {
        self.skip(" \t");
        let mut made = String::new();
        while let Some(c) = self.peek().filter(|c| !"\n;}".contains(*c)) {
            made.push(c);
            self.at += 1;
        }
        made.trim().to_owned()
    }

    fn command(&mut self) -> Parsed<What> {
        let Some(c) = self.peek() else { return Err("missing command".into()) };
        self.at += 1;
        let what = match c {
            's' => return self.substitute(),
            'y' => {
                let end = self.peek().ok_or("unterminated `y' command")?;
                self.at += 1;
                let from = self.until(end).ok_or("unterminated `y' command")?;
                let to = self.until(end).ok_or("unterminated `y' command")?;
                let plain = |s: String| -> Vec<char> { lossy(&super::unescape(&s)).chars().collect() };
                let (from, to) = (plain(from), plain(to));
                if from.len() != to.len() {
                    return Err("strings for `y' command are different lengths".into());
                }
                What::Translate(from.into_iter().zip(to).collect())
            }
            'a' => return Ok(What::Append(self.text())),
            'i' => return Ok(What::Insert(self.text())),
            'c' => return Ok(What::Change(self.text())),
            ':' => return Ok(What::Label(self.label())),
            'b' => return Ok(What::Branch(self.label())),
            't' => return Ok(What::BranchIf(self.label())),
            '{' => return Ok(What::Begin(0)),
            '}' => What::End,
            'p' => What::Print,
            'P' => What::PrintFirst,
            'd' => What::Delete,
            'D' => What::DeleteFirst,
            'q' | 'Q' => {
                self.skip(" ");
                What::Quit(c == 'q', self.number() as i32)
            }
            'n' => What::Next,
            'N' => What::NextAppend,
            '=' => What::Number,
            'h' => What::Hold,
            'H' => What::HoldAppend,
            'g' => What::Get,
            'G' => What::GetAppend,
            'x' => What::Exchange,
            c => return Err(format!("unknown command: `{c}'")),
        };
        self.skip(" \t");
        match self.peek() {
            None | Some('\n' | ';' | '}' | '#') => Ok(what),
            Some(_) => Err("extra characters after command".into()),
        }
    }

    fn substitute(&mut self) -> Parsed<What> {
        let end = self.peek().ok_or("unterminated `s' command")?;
        self.at += 1;
        let source = self.until(end).ok_or("unterminated `s' command")?;
        let with = self.replacement(end)?;
        let (mut all, mut nth, mut print, mut fold, mut write) = (false, 1, false, false, None);
        loop {
            match self.peek() {
                Some('g') => all = true,
                Some('p') => print = true,
                Some('i' | 'I') => fold = true,
                Some('m' | 'M' | 'e') => {}
                Some('w') => {
                    self.at += 1;
                    write = Some(self.label());
                    break;
                }
                Some(c) if c.is_ascii_digit() => {
                    nth = self.number().max(1) as usize;
                    continue;
                }
                None | Some('\n' | ';' | '}' | ' ' | '#') => break,
                Some(_) => return Err("unknown option to `s'".into()),
            }
            self.at += 1;
        }
        let regex = self.compile(&source, fold)?;
        let groups = regex.as_ref().map_or(9, Regex::captures_len);
        for part in &with {
            if let Part::Group(n) = part
                && *n >= groups.max(1)
            {
                return Err(format!("invalid reference \\{n} on `s' command's RHS"));
            }
        }
        Ok(What::Substitute { regex, with, all, nth, print, write })
    }

    fn replacement(&mut self, end: char) -> Parsed<Vec<Part>> {
        let mut parts = Vec::new();
        let mut text: Vec<u8> = Vec::new();
        let mut flush = |text: &mut Vec<u8>, part: Option<Part>| {
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(text)));
            }
            parts.extend(part);
        };
        loop {
            let Some(c) = self.peek() else { return Err("unterminated `s' command".into()) };
            self.at += 1;
            match c {
                c if c == end => break,
                '&' => flush(&mut text, Some(Part::Group(0))),
                '\\' => {
                    let Some(next) = self.peek() else { return Err("unterminated `s' command".into()) };
                    self.at += 1;
                    match next {
                        '0'..='9' => {
                            flush(&mut text, Some(Part::Group(next.to_digit(10).unwrap_or(0) as usize)));
                        }
                        'U' | 'L' | 'E' | 'u' | 'l' => flush(&mut text, Some(Part::Case(next))),
                        'n' => text.push(b'\n'),
                        't' => text.push(b'\t'),
                        next => text.extend(next.to_string().as_bytes()),
                    }
                }
                c => text.extend(c.to_string().as_bytes()),
            }
        }
        flush(&mut text, None);
        Ok(parts)
    }
}
