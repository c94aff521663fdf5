//! sed: a script is parsed once, then run over each line.
//!
//! Always holds: a line takes a bounded number of commands; regular expressions take linear time.

use super::grep::regex;
use super::text::chomp;
use super::{Filter, Go, Inputs, Io, Known, Lines, Tool, lossy};
use regex::bytes::Regex;
use std::collections::VecDeque;

type Started = Result<Box<dyn Tool>, i32>;

#[derive(Clone, Debug)]
enum Address {
    Line(u64),
    Last,
    Match(Option<Regex>),
    Step(u64, u64),
    /// `addr,+N`.
    Plus(u64),
}

#[derive(Clone, Debug)]
struct Command {
    from: Option<Address>,
    to: Option<Address>,
    negate: bool,
    /// Whether a range is open, and since which line.
    open: Option<u64>,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Substitute {
        regex: Option<Regex>,
        with: Vec<Part>,
        all: bool,
        nth: usize,
        print: bool,
        write: Option<String>,
    },
    Print,
    Delete,
    DeleteFirst,
    Quit(bool, i32),
    Append(String),
    Insert(String),
    Change(String),
    Translate(Vec<(char, char)>),
    Next,
    NextAppend,
    Number,
    Hold,
    HoldAppend,
    Get,
    GetAppend,
    Exchange,
    PrintFirst,
    Label(String),
    Branch(String),
    BranchIf(String),
    Begin(usize),
    End,
    Nothing,
}

#[derive(Clone, Debug)]
enum Part {
    Text(Vec<u8>),
    Group(usize),
    Case(char),
}

#[derive(Clone, Debug)]
struct Sed {
    commands: Vec<Command>,
    quiet: bool,
    hold: Vec<u8>,
    line: u64,
    /// A line is run only when it is known whether it is the last.
    waiting: Option<Vec<u8>>,
    /// Where to go on with the next line (`N`, `n`).
    resume: Option<(Vec<u8>, usize)>,
    in_place: Option<String>,
    files: VecDeque<String>,
    out: Vec<u8>,
    last: Option<Regex>,
    file: String,
    quit: Option<i32>,
}

pub(super) fn start(args: &[String], io: &mut Io) -> Started {
    let known = Known {
        name: "sed",
        letters: "nEre:f:si",
        long: &[
            ("quiet", 'n'),
            ("silent", 'n'),
            ("regexp-extended", 'E'),
            ("expression", 'e'),
            ("file", 'f'),
            ("in-place", 'i'),
            ("separate", 's'),
        ],
    };
    // `-i.bak`: the suffix is attached.
    let mut suffix = None;
    let args: Vec<String> = args
        .iter()
        .map(|a| match a.strip_prefix("-i").or_else(|| a.strip_prefix("--in-place=")) {
            Some(s) if !s.is_empty() && !s.starts_with('e') && !s.starts_with('E') && !s.starts_with('n') => {
                suffix = Some(s.to_owned());
                "-i".to_owned()
            }
            _ => a.clone(),
        })
        .collect();
    let mut options = known.read(&args, io)?;
    let mut scripts: Vec<String> = options.values('e').map(str::to_owned).collect();
    let files: Vec<String> = options.values('f').map(str::to_owned).collect();
    for file in files {
        match io.read(&file) {
            Ok(bytes) => scripts.push(lossy(&bytes)),
            Err(why) => {
                io.err(&format!("sed: couldn't open file {file}: {why}\n"));
                return Err(1);
            }
        }
    }
    if scripts.is_empty() {
        match options.rest.pop_front() {
            Some(script) => scripts.push(script),
            None => {
                io.err("Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...\n");
                return Err(1);
            }
        }
    }
    let text = scripts.join("\n");
    let mut parser =
        Parser { chars: text.chars().collect(), at: 0, extended: options.has('E') || options.has('r') };
    let commands = match parser.script() {
        Ok(commands) => commands,
        Err(why) => {
            io.err(&format!("sed: -e expression #1, char {}: {why}\n", parser.at));
            return Err(1);
        }
    };
    let mut sed = Sed {
        commands,
        quiet: options.has('n'),
        hold: Vec::new(),
        line: 0,
        waiting: None,
        resume: None,
        in_place: None,
        files: VecDeque::new(),
        out: Vec::new(),
        last: None,
        file: String::new(),
        quit: None,
    };
    if options.has('i') {
        return Err(in_place(&mut sed, &options.rest, suffix.as_deref(), io));
    }
    Ok(Lines::tool(Inputs::new("sed", &options.rest), sed))
}

/// `-i`: each file on its own, written back.
fn in_place(sed: &mut Sed, files: &VecDeque<String>, suffix: Option<&str>, io: &mut Io) -> i32 {
    if files.is_empty() {
        io.err("sed: no input files\n");
        return 1;
    }
    let mut status = 0;
    for file in files {
        let bytes = match io.read(file) {
            Ok(bytes) => bytes,
            Err(why) => {
                let text = match why {
                    crate::posix::FileError::IsDirectory => {
                        format!("sed: couldn't edit {file}: not a regular file\n")
                    }
                    why => format!("sed: can't read {file}: {why}\n"),
                };
                io.err(&text);
                status = 4;
                continue;
            }
        };
        let mut one = sed.clone();
        one.in_place = Some(file.clone());
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            if one.quit.is_some() {
                one.out.extend_from_slice(line);
            } else if let Go::Stop(code) = one.line(line, io) {
                one.quit = Some(code);
            }
        }
        if one.quit.is_none() {
            one.end(0, io);
        }
        let path = io.path(file);
        if let Some(suffix) = suffix {
            let _ = io.world.write(&format!("{path}{suffix}"), &bytes, false);
        }
        if let Err(why) = io.world.write(&path, &one.out, false) {
            io.err(&format!("sed: couldn't open file {file}: {why}\n"));
            status = 4;
        }
    }
    status
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    extended: bool,
}

type Parsed<T> = Result<T, String>;

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

    fn script(&mut self) -> Parsed<Vec<Command>> {
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

impl Sed {
    fn emit(&mut self, bytes: &[u8], io: &mut Io) {
        if self.in_place.is_some() { self.out.extend_from_slice(bytes) } else { io.out(bytes) }
    }

    fn matches(&mut self, address: &Address, text: &[u8], last: bool) -> bool {
        match address {
            Address::Line(n) => self.line == *n,
            Address::Last => last,
            Address::Step(first, 0) => self.line == *first,
            Address::Step(first, step) => self.line >= *first && (self.line - first) % step == 0,
            Address::Plus(_) => false,
            Address::Match(regex) => {
                let regex = regex.clone().or_else(|| self.last.clone());
                let hit = regex.as_ref().is_some_and(|r| r.is_match(text));
                self.last = regex;
                hit
            }
        }
    }

    fn selected(&mut self, at: usize, text: &[u8], last: bool) -> bool {
        let Command { from, to, negate, open, .. } = self.commands[at].clone();
        let hit = match (&from, &to) {
            (None, _) => true,
            (Some(from), None) => self.matches(from, text, last),
            (Some(from), Some(to)) => {
                if let Some(since) = open {
                    let ends = match to {
                        Address::Line(n) => self.line >= *n,
                        Address::Plus(n) => self.line >= since + n,
                        to => self.matches(to, text, last),
                    };
                    if ends {
                        self.commands[at].open = None;
                    }
                    // A range whose end lies behind is over at once.
                    !matches!(to, Address::Line(n) if self.line > *n)
                } else if self.matches(from, text, last) {
                    let over = match to {
                        Address::Line(n) => *n <= self.line,
                        Address::Plus(n) => *n == 0,
                        _ => false,
                    };
                    self.commands[at].open = (!over).then_some(self.line);
                    true
                } else {
                    false
                }
            }
        };
        hit != negate
    }

    /// Runs the script over a line; `from` is where a line that `N` or `n` waited for goes on.
    fn run(&mut self, line: &[u8], last: bool, io: &mut Io) -> Go {
        self.line += 1;
        let (text, newline) = chomp(line);
        let end: &[u8] = if newline || !last { b"\n" } else { b"" };
        let (mut space, mut at) = match self.resume.take() {
            Some((before, at)) => {
                let joined = if before.is_empty() && at & (1 << 62) != 0 {
                    text.to_vec()
                } else {
                    [&before[..], b"\n", text].concat()
                };
                (joined, at & !(1 << 62))
            }
            None => (text.to_vec(), 0),
        };
        let mut after: Vec<u8> = Vec::new();
        let (mut replaced, mut delete, mut quit, mut steps) = (false, false, None, 0);
        while at < self.commands.len() {
            steps += 1;
            if steps > 20_000 {
                io.err("sed: too many commands for one line\n");
                return Go::Stop(1);
            }
            let here = at;
            at += 1;
            if !self.selected(here, &space, last) {
                if let What::Begin(close) = self.commands[here].what {
                    at = close + 1;
                }
                continue;
            }
            let what = self.commands[here].what.clone();
            match what {
                What::Begin(_) | What::End | What::Label(_) | What::Nothing => {}
                What::Print => self.emit(&[&space[..], b"\n"].concat(), io),
                What::PrintFirst => {
                    let first = space.split(|b| *b == b'\n').next().unwrap_or_default().to_vec();
                    self.emit(&[&first[..], b"\n"].concat(), io);
                }
                What::Delete => {
                    delete = true;
                    break;
                }
                What::DeleteFirst => {
                    match space.iter().position(|b| *b == b'\n') {
                        Some(cut) => {
                            space.drain(..=cut);
                            at = 0;
                            continue;
                        }
                        None => delete = true,
                    }
                    break;
                }
                What::Quit(print, code) => {
                    delete = !print;
                    quit = Some(code);
                    break;
                }
                What::Append(text) => after.extend(text.as_bytes()),
                What::Insert(text) => self.emit(text.as_bytes(), io),
                What::Change(text) => {
                    if self.commands[here].open.is_none() {
                        self.emit(text.as_bytes(), io);
                    }
                    delete = true;
                    break;
                }
                What::Translate(map) => {
                    space = lossy(&space)
                        .chars()
                        .map(|c| map.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to))
                        .collect::<String>()
                        .into_bytes();
                }
                What::Number => self.emit(format!("{}\n", self.line).as_bytes(), io),
                What::Hold => self.hold.clone_from(&space),
                What::HoldAppend => self.hold = [&self.hold[..], b"\n", &space[..]].concat(),
                What::Get => space.clone_from(&self.hold),
                What::GetAppend => space = [&space[..], b"\n", &self.hold[..]].concat(),
                What::Exchange => std::mem::swap(&mut self.hold, &mut space),
                What::Next | What::NextAppend if last => {
                    quit = Some(0);
                    break;
                }
                What::Next => {
                    if !self.quiet {
                        self.emit(&[&space[..], b"\n"].concat(), io);
                    }
                    self.emit(&after.clone(), io);
                    self.resume = Some((Vec::new(), at | (1 << 62)));
                    return Go::On;
                }
                What::NextAppend => {
                    self.emit(&after.clone(), io);
                    self.resume = Some((space, at));
                    return Go::On;
                }
                What::Branch(label) => at = self.target(&label),
                What::BranchIf(label) => {
                    if std::mem::take(&mut replaced) {
                        at = self.target(&label);
                    }
                }
                What::Substitute { regex, with, all, nth, print, write } => {
                    let regex = regex.or_else(|| self.last.clone());
                    let Some(regex) = regex else { continue };
                    let made = substitute(&regex, &space, &with, nth, all);
                    self.last = Some(regex);
                    if let Some(made) = made {
                        space = made;
                        replaced = true;
                        if space.len() > (4 << 20) {
                            io.err("sed: line too long (4 MiB at most)\n");
                            return Go::Stop(1);
                        }
                        if print {
                            self.emit(&[&space[..], b"\n"].concat(), io);
                        }
                        if let Some(file) = write {
                            let path = io.path(&file);
                            let _ = io.world.write(&path, &[&space[..], b"\n"].concat(), true);
                        }
                    }
                }
            }
        }
        if !delete && !self.quiet {
            self.emit(&[&space[..], end].concat(), io);
        }
        self.emit(&after, io);
        quit.map_or(Go::On, Go::Stop)
    }

    fn target(&self, label: &str) -> usize {
        if label.is_empty() {
            return self.commands.len();
        }
        self.commands
            .iter()
            .position(|c| matches!(&c.what, What::Label(l) if l == label))
            .unwrap_or(self.commands.len())
    }
}

fn substitute(regex: &Regex, text: &[u8], with: &[Part], nth: usize, all: bool) -> Option<Vec<u8>> {
    let mut made = Vec::new();
    let (mut at, mut count) = (0, 0);
    for found in regex.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        count += 1;
        if count < nth {
            continue;
        }
        made.extend(&text[at..whole.start()]);
        made.extend(replacement(&found, with));
        at = whole.end();
        if !all {
            break;
        }
    }
    if count < nth || count == 0 {
        return None;
    }
    made.extend(&text[at..]);
    Some(made)
}

fn replacement(found: &regex::bytes::Captures, with: &[Part]) -> Vec<u8> {
    let mut made = Vec::new();
    let (mut case, mut once) = (' ', ' ');
    for part in with {
        let bytes = match part {
            Part::Case(c @ ('u' | 'l')) => {
                once = *c;
                continue;
            }
            Part::Case(c) => {
                case = *c;
                continue;
            }
            Part::Text(text) => text.as_slice(),
            Part::Group(n) => found.get(*n).map_or(&[][..], |m| m.as_bytes()),
        };
        if (case == ' ' || case == 'E') && once == ' ' {
            made.extend(bytes);
            continue;
        }
        let mut text = lossy(bytes);
        match case {
            'U' => text = text.to_uppercase(),
            'L' => text = text.to_lowercase(),
            _ => {}
        }
        if once != ' ' && !text.is_empty() {
            let first: String = text.chars().take(1).collect();
            let rest: String = text.chars().skip(1).collect();
            text = if once == 'u' { first.to_uppercase() } else { first.to_lowercase() } + &rest;
            once = ' ';
        }
        made.extend(text.as_bytes());
    }
    made
}

impl Filter for Sed {
    fn file(&mut self, name: &str, _io: &mut Io) -> Go {
        name.clone_into(&mut self.file);
        Go::On
    }

    fn line(&mut self, line: &[u8], io: &mut Io) -> Go {
        match self.waiting.replace(line.to_vec()) {
            Some(before) => {
                let go = self.run(&before, false, io);
                if go != Go::On && self.in_place.is_some() {
                    // The line that was read ahead is kept as it is.
                    let ahead = self.waiting.take().unwrap_or_default();
                    self.out.extend(ahead);
                }
                go
            }
            None => Go::On,
        }
    }

    fn end(&mut self, status: i32, io: &mut Io) -> i32 {
        if let Some(last) = self.waiting.take()
            && let Go::Stop(code) = self.run(&last, true, io)
        {
            return if code == 0 { status } else { code };
        }
        if let Some((space, _)) = self.resume.take()
            && !self.quiet
            && !space.is_empty()
        {
            self.emit(&[&space[..], b"\n"].concat(), io);
        }
        if status == 1 { 2 } else { status }
    }
}
