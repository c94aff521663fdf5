//! sed: a script is parsed once, then run over each line.
//!
//! Always holds: a line takes a bounded number of commands; regular expressions take linear time.

use super::sed_parse::Parser;
use super::text::chomp;
use super::{Filter, Go, Inputs, Io, Known, Lines, Tool, lossy};
use regex::bytes::Regex;
use std::collections::VecDeque;

type Started = Result<Box<dyn Tool>, i32>;

#[derive(Clone, Debug)]
pub(super) enum Address {
    Line(u64),
    Last,
    Match(Option<Regex>),
    Step(u64, u64),
    /// `addr,+N`.
    Plus(u64),
}

#[derive(Clone, Debug)]
pub(super) struct Command {
    pub from: Option<Address>,
    pub to: Option<Address>,
    pub negate: bool,
    /// Whether a range is open, and since which line.
    pub open: Option<u64>,
    pub what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
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
}

#[derive(Clone, Debug)]
pub(super) enum Part {
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
        if let Some(script) = options.rest.pop_front() {
            scripts.push(script);
        } else {
            io.err("Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...\n");
            return Err(1);
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

impl Sed {
    fn emit(&mut self, bytes: &[u8], io: &mut Io) {
        if self.in_place.is_some() { self.out.extend_from_slice(bytes) } else { io.out(bytes) }
    }

    fn matches(&mut self, address: &Address, text: &[u8], last: bool) -> bool {
        match address {
            Address::Line(n) => self.line == *n,
            Address::Last => last,
            Address::Step(first, 0) => self.line == *first,
            Address::Step(first, step) => self.line >= *first && (self.line - first).is_multiple_of(*step),
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
                What::Begin(_) | What::End | What::Label(_) => {}
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
