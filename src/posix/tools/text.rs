//! Tools over lines and characters: cat, head, tail, wc, tr, cut, uniq and their like.
//!
//! Always holds: each goes line by line, so that endless input is no trouble.

use super::{Filter, Go, Inputs, Io, Known, Lines, Options, Step, Tool, Whole, lossy};
use std::collections::VecDeque;

type Started = Result<Box<dyn Tool>, i32>;

/// A line without its newline, and whether it had one.
pub(super) fn chomp(line: &[u8]) -> (&[u8], bool) {
    line.strip_suffix(b"\n").map_or((line, false), |rest| (rest, true))
}

#[derive(Clone, Debug)]
struct Cat {
    number: bool,
    nonblank: bool,
    squeeze: bool,
    ends: bool,
    count: usize,
    fresh: bool,
    blank: bool,
}

pub(super) fn cat(args: &[String], io: &mut Io) -> Started {
    let known = Known {
        name: "cat",
        letters: "nbsuvteAET",
        long: &[
            ("number", 'n'),
            ("number-nonblank", 'b'),
            ("squeeze-blank", 's'),
            ("show-ends", 'E'),
            ("show-all", 'A'),
        ],
    };
    let options = known.read(args, io)?;
    let filter = Cat {
        number: options.has('n'),
        nonblank: options.has('b'),
        squeeze: options.has('s'),
        ends: options.has('E') || options.has('e') || options.has('A'),
        count: 0,
        fresh: true,
        blank: false,
    };
    Ok(Lines::tool(Inputs::new("cat", &options.rest), filter))
}

impl Filter for Cat {
    fn line(&mut self, line: &[u8], io: &mut Io) -> Go {
        let (text, newline) = chomp(line);
        if self.squeeze && text.is_empty() && std::mem::replace(&mut self.blank, true) {
            return Go::On;
        }
        self.blank = text.is_empty();
        if self.fresh && (self.nonblank && !text.is_empty() || self.number && !self.nonblank) {
            self.count += 1;
            io.out(format!("{:6}\t", self.count));
        }
        self.fresh = newline;
        io.out(text);
        if newline {
            io.out(if self.ends { "$\n" } else { "\n" });
        }
        Go::On
    }
}

#[derive(Clone, Debug)]
struct Head {
    count: i64,
    bytes: bool,
    left: i64,
    kept: VecDeque<Vec<u8>>,
    titles: bool,
    files: usize,
    last: bool,
}

/// `-5` as the first word is `-n 5`.
fn old_style(args: &[String]) -> Vec<String> {
    let mut args = args.to_vec();
    if let Some(first) = args.first_mut()
        && let Some(digits) = first.strip_prefix('-')
        && !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
    {
        *first = format!("-n{digits}");
    }
    args
}

fn count_of(options: &Options, name: &str, io: &mut Io) -> Result<(i64, bool, bool), i32> {
    let (bytes, text) = match (options.value('c'), options.value('n')) {
        (Some(c), _) => (true, c),
        (None, n) => (false, n.unwrap_or("10")),
    };
    let (digits, scale) = match text.strip_suffix(['k', 'K']) {
        Some(d) => (d, 1024),
        None => (text, 1),
    };
    if let Ok(n) = digits.trim_start_matches('+').parse::<i64>() {
        Ok((n.saturating_mul(scale), bytes, text.starts_with('+')))
    } else {
        let what = if bytes { "bytes" } else { "lines" };
        io.err(&format!("{name}: invalid number of {what}: ‘{text}’\n"));
        Err(1)
    }
}

pub(super) fn head(args: &[String], io: &mut Io) -> Started {
    let known = Known {
        name: "head",
        letters: "n:c:qv",
        long: &[("lines", 'n'), ("bytes", 'c'), ("quiet", 'q'), ("verbose", 'v')],
    };
    let options = known.read(&old_style(args), io)?;
    let (count, bytes, _) = count_of(&options, "head", io)?;
    let titles = (options.rest.len() > 1 && !options.has('q')) || options.has('v');
    let filter = Head {
        count,
        bytes,
        left: count,
        kept: VecDeque::new(),
        titles,
        files: 0,
        last: options.rest.len() <= 1,
    };
    Ok(Lines::tool(Inputs::new("head", &options.rest), filter))
}

fn title(name: &str, first: bool, io: &mut Io) {
    let gap = if first { "" } else { "\n" };
    let name = if name == "-" { "standard input" } else { name };
    io.out(format!("{gap}==> {name} <==\n"));
}

impl Filter for Head {
    fn file(&mut self, name: &str, io: &mut Io) -> Go {
        if self.titles {
            title(name, self.files == 0, io);
        }
        self.files += 1;
        self.left = self.count;
        self.kept.clear();
        if self.count == 0 { self.enough() } else { Go::On }
    }

    fn line(&mut self, line: &[u8], io: &mut Io) -> Go {
        if self.count < 0 {
            self.kept.push_back(line.to_vec());
            if self.kept.len() as i64 > -self.count
                && let Some(line) = self.kept.pop_front()
            {
                io.out(line);
            }
            return Go::On;
        }
        if self.bytes {
            let some = line.len().min(self.left as usize);
            io.out(&line[..some]);
            self.left -= some as i64;
        } else {
            io.out(line);
            self.left -= 1;
        }
        if self.left <= 0 { self.enough() } else { Go::On }
    }
}

impl Head {
    fn enough(&self) -> Go {
        if self.last { Go::Stop(0) } else { Go::NextFile }
    }
}

#[derive(Clone, Debug)]
struct Tail {
    count: i64,
    bytes: bool,
    from_start: bool,
    titles: bool,
    files: usize,
    seen: i64,
    kept: VecDeque<Vec<u8>>,
}

pub(super) fn tail(args: &[String], io: &mut Io) -> Started {
    let known = Known {
        name: "tail",
        letters: "n:c:fFqv",
        long: &[("lines", 'n'), ("bytes", 'c'), ("follow", 'f'), ("quiet", 'q'), ("retry", 'q')],
    };
    let options = known.read(&old_style(args), io)?;
    let (count, bytes, from_start) = count_of(&options, "tail", io)?;
    let titles = (options.rest.len() > 1 && !options.has('q')) || options.has('v');
    let count = count.abs();
    let filter = Tail { count, bytes, from_start, titles, files: 0, seen: 0, kept: VecDeque::new() };
    let lines = Lines::tool(Inputs::new("tail", &options.rest), filter);
    if (options.has('f') || options.has('F')) && !options.rest.is_empty() {
        let files = options.rest.iter().map(|f| (f.clone(), None)).collect();
        return Ok(Box::new(Follow { first: Some(lines), files, next: 0 }));
    }
    Ok(lines)
}

impl Tail {
    fn flush(&mut self, io: &mut Io) {
        for line in self.kept.drain(..) {
            io.out(line);
        }
    }
}

impl Filter for Tail {
    fn file(&mut self, name: &str, io: &mut Io) -> Go {
        self.flush(io);
        if self.titles {
            title(name, self.files == 0, io);
        }
        self.files += 1;
        self.seen = 0;
        Go::On
    }

    fn line(&mut self, line: &[u8], io: &mut Io) -> Go {
        if self.from_start {
            self.seen += if self.bytes { line.len() as i64 } else { 1 };
            if self.bytes {
                let skip = (self.count - 1 - (self.seen - line.len() as i64)).clamp(0, line.len() as i64);
                io.out(&line[skip as usize..]);
            } else if self.seen >= self.count {
                io.out(line);
            }
            return Go::On;
        }
        self.kept.push_back(line.to_vec());
        if self.bytes {
            let mut size: i64 = self.kept.iter().map(|l| l.len() as i64).sum();
            while size > self.count {
                let Some(mut first) = self.kept.pop_front() else { break };
                let cut = (size - self.count).min(first.len() as i64);
                size -= cut;
                if (cut as usize) < first.len() {
                    first.drain(..cut as usize);
                    self.kept.push_front(first);
                }
            }
        } else {
            while self.kept.len() as i64 > self.count {
                self.kept.pop_front();
            }
        }
        Go::On
    }

    fn end(&mut self, status: i32, io: &mut Io) -> i32 {
        self.flush(io);
        status
    }
}

/// `tail -f`: looks at its files each second of virtual time.
#[derive(Clone, Debug)]
struct Follow {
    first: Option<Box<dyn Tool>>,
    files: Vec<(String, Option<usize>)>,
    next: u64,
}

impl Tool for Follow {
    fn step(&mut self, io: &mut Io) -> Step {
        if let Some(first) = &mut self.first {
            match first.step(io) {
                Step::Exit(_) => {
                    self.first = None;
                    for (file, size) in &mut self.files {
                        *size = io.read(file).ok().map(|bytes| bytes.len());
                    }
                    self.next = io.world.now() + 1_000_000_000;
                    return Step::Again;
                }
                step => return step,
            }
        }
        if io.world.now() < self.next {
            return Step::Sleep(self.next);
        }
        self.next = io.world.now() + 1_000_000_000;
        for (file, size) in &mut self.files {
            let Ok(bytes) = io.read(file) else { continue };
            let from = size.filter(|s| *s <= bytes.len()).unwrap_or(0);
            *size = Some(bytes.len());
            io.out(&bytes[from..]);
        }
        Step::Sleep(self.next)
    }

    fn boxed(&self) -> Box<dyn Tool> {
        Box::new(self.clone())
    }

    fn name(&self) -> String {
        "tail".into()
    }
}

#[derive(Clone, Debug, Default)]
struct Wc {
    show: [bool; 4],
    now: [u64; 4],
    total: [u64; 4],
    rows: Vec<([u64; 4], String)>,
    current: Option<String>,
    stdin: bool,
}

pub(super) fn wc(args: &[String], io: &mut Io) -> Started {
    let known = Known {
        name: "wc",
        letters: "lwcm",
        long: &[("lines", 'l'), ("words", 'w'), ("bytes", 'c'), ("chars", 'm')],
    };
    let options = known.read(args, io)?;
    let mut show = ['l', 'w', 'm', 'c'].map(|c| options.has(c));
    if show == [false; 4] {
        show = [true, true, false, true];
    }
    let filter = Wc { show, stdin: options.rest.is_empty(), ..Wc::default() };
    Ok(Lines::tool(Inputs::new("wc", &options.rest), filter))
}

impl Wc {
    fn finish(&mut self) {
        if let Some(name) = self.current.take() {
            for (total, now) in self.total.iter_mut().zip(self.now) {
                *total += now;
            }
            self.rows.push((std::mem::take(&mut self.now), name));
        }
    }
}

impl Filter for Wc {
    fn file(&mut self, name: &str, _io: &mut Io) -> Go {
        self.finish();
        self.current = Some(name.to_owned());
        Go::On
    }

    fn line(&mut self, line: &[u8], _io: &mut Io) -> Go {
        self.now[0] += u64::from(line.ends_with(b"\n"));
        self.now[1] += line.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()).count() as u64;
        self.now[2] += lossy(line).chars().count() as u64;
        self.now[3] += line.len() as u64;
        Go::On
    }

    fn end(&mut self, status: i32, io: &mut Io) -> i32 {
        self.finish();
        if self.rows.len() > 1 {
            self.rows.push((self.total, "total".into()));
        }
        let columns = self.show.iter().filter(|s| **s).count();
        let widest = self.total.iter().max().copied().unwrap_or(0).to_string().len();
        let width = match (columns, self.stdin) {
            (1, _) if self.rows.len() == 1 => 1,
            (_, true) => 7.max(widest),
            _ => widest,
        };
        for (counts, name) in &self.rows {
            let shown: Vec<String> = counts
                .iter()
                .zip(self.show)
                .filter(|(_, s)| *s)
                .map(|(n, _)| format!("{n:width$}"))
                .collect();
            let name = if self.stdin { String::new() } else { format!(" {name}") };
            io.out(format!("{}{name}\n", shown.join(" ")));
        }
        status
    }
}

#[derive(Clone, Debug)]
struct Tee {
    files: Vec<String>,
}

pub(super) fn tee(args: &[String], io: &mut Io) -> Started {
    let options = Known { name: "tee", letters: "ai", long: &[("append", 'a')] }.read(args, io)?;
    let mut files = Vec::new();
    for file in &options.rest {
        let path = io.path(file);
        match io.world.write(&path, b"", options.has('a')) {
            Ok(()) => files.push(path),
            Err(why) => io.err(&format!("tee: {file}: {why}\n")),
        }
    }
    Ok(Lines::tool(Inputs::new("tee", &VecDeque::new()), Tee { files }))
}

impl Filter for Tee {
    fn line(&mut self, line: &[u8], io: &mut Io) -> Go {
        for file in &self.files {
            let _ = io.world.write(file, line, true);
        }
        io.out(line);
        Go::On
    }
}

#[derive(Clone, Debug)]
struct Rev;

pub(super) fn rev(args: &[String], io: &mut Io) -> Started {
    let options = Known { name: "rev", letters: "", long: &[] }.read(args, io)?;
    Ok(Lines::tool(Inputs::new("rev", &options.rest), Rev))
}

impl Filter for Rev {
    fn line(&mut self, line: &[u8], io: &mut Io) -> Go {
        let (text, newline) = chomp(line);
        io.out(lossy(text).chars().rev().collect::<String>());
        io.out(if newline { "\n" } else { "" });
        Go::On
    }
}

pub(super) fn tac(args: &[String], io: &mut Io) -> Started {
    let options = Known { name: "tac", letters: "", long: &[] }.read(args, io)?;
    Ok(Whole::tool(Inputs::new("tac", &options.rest), options, |_, files, io| {
        for (_, bytes) in files {
            for line in bytes.split_inclusive(|b| *b == b'\n').rev() {
                io.out(line);
            }
        }
        0
    }))
}

#[derive(Clone, Debug)]
struct Nl {
    all: bool,
    count: usize,
}

pub(super) fn nl(args: &[String], io: &mut Io) -> Started {
    let options = Known { name: "nl", letters: "b:w:s:", long: &[] }.read(args, io)?;
    let all = options.value('b') == Some("a");
    Ok(Lines::tool(Inputs::new("nl", &options.rest), Nl { all, count: 0 }))
}

impl Filter for Nl {
    fn line(&mut self, line: &[u8], io: &mut Io) -> Go {
        if self.all || line != b"\n" {
            self.count += 1;
            io.out(format!("{:6}\t", self.count));
        } else {
            io.out("       ");
        }
        io.out(line);
        Go::On
    }
}

#[derive(Clone, Debug)]
struct Tr {
    from: Vec<char>,
    to: Vec<char>,
    complement: bool,
    delete: bool,
    squeeze: bool,
    last: Option<char>,
}

/// The characters of a `tr` set.
fn tr_set(text: &str) -> Vec<char> {
    let text = lossy(&super::unescape(text));
    let chars: Vec<char> = text.chars().collect();
    let mut made = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        if chars[i] == '[' && chars.get(i + 1) == Some(&':') {
            let rest: String = chars[i + 2..].iter().collect();
            if let Some((class, _)) = rest.split_once(":]") {
                made.extend(
                    (0u8..128).map(char::from).filter(|c| crate::posix::pattern::in_class(class, *c)),
                );
                i += 4 + class.chars().count();
                continue;
            }
        }
        if chars.get(i + 1) == Some(&'-')
            && let Some(end) = chars.get(i + 2).filter(|e| **e >= chars[i])
        {
            made.extend((chars[i]..=*end).take(65_536));
            i += 3;
        } else {
            made.push(chars[i]);
            i += 1;
        }
    }
    made
}

pub(super) fn tr(args: &[String], io: &mut Io) -> Started {
    let options = Known {
        name: "tr",
        letters: "dscC",
        long: &[("delete", 'd'), ("squeeze-repeats", 's'), ("complement", 'c')],
    }
    .read(args, io)?;
    let Some(first) = options.rest.front() else {
        io.err("tr: missing operand\nTry 'tr --help' for more information.\n");
        return Err(1);
    };
    let (delete, squeeze) = (options.has('d'), options.has('s'));
    let second = options.rest.get(1).map(|s| tr_set(s));
    if second.is_none() && !delete && !squeeze {
        io.err(&format!("tr: missing operand after ‘{first}’\nTwo strings must be given when translating.\nTry 'tr --help' for more information.\n"));
        return Err(1);
    }
    let filter = Tr {
        from: tr_set(first),
        to: second.unwrap_or_default(),
        complement: options.has('c') || options.has('C'),
        delete,
        squeeze,
        last: None,
    };
    Ok(Lines::tool(Inputs::new("tr", &VecDeque::new()), filter))
}

impl Filter for Tr {
    fn line(&mut self, line: &[u8], io: &mut Io) -> Go {
        let mut made = String::with_capacity(line.len());
        for c in lossy(line).chars() {
            let place = self.from.iter().position(|f| *f == c);
            let hit = place.is_some() != self.complement;
            if self.delete && hit {
                continue;
            }
            let mut new = c;
            if hit && !self.delete && !self.to.is_empty() {
                let at = if self.complement { usize::MAX } else { place.unwrap_or(usize::MAX) };
                new = *self.to.get(at).or(self.to.last()).unwrap_or(&c);
            }
            if self.squeeze {
                let set = if self.to.is_empty() { &self.from } else { &self.to };
                let inside = if self.to.is_empty() {
                    set.contains(&new) != self.complement
                } else {
                    set.contains(&new)
                };
                if inside && self.last == Some(new) {
                    continue;
                }
                self.last = Some(new);
            }
            made.push(new);
        }
        io.out(made);
        Go::On
    }
}

#[derive(Clone, Debug)]
struct Cut {
    ranges: Vec<(usize, usize)>,
    delimiter: Option<char>,
    only: bool,
    complement: bool,
    joint: Option<String>,
}

fn ranges(list: &str) -> Option<Vec<(usize, usize)>> {
    list.split(',')
        .map(|part| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let number = |s: &str, default: usize| if s.is_empty() { Some(default) } else { s.parse().ok() };
            let (from, to) = (number(from, 1)?, number(to, usize::MAX)?);
            (from >= 1 && from <= to && part != "-").then_some((from, to))
        })
        .collect()
}

pub(super) fn cut(args: &[String], io: &mut Io) -> Started {
    let options = Known {
        name: "cut",
        letters: "d:f:c:b:s",
        long: &[
            ("delimiter", 'd'),
            ("fields", 'f'),
            ("characters", 'c'),
            ("only-delimited", 's'),
            ("complement", 'C'),
            ("output-delimiter", 'O'),
        ],
    };
    let options = Known { letters: "d:f:c:b:sCO:", ..options }.read(args, io)?;
    let fields = options.value('f');
    let Some(list) = fields.or(options.value('c')).or(options.value('b')) else {
        io.err("cut: you must specify a list of bytes, characters, or fields\nTry 'cut --help' for more information.\n");
        return Err(1);
    };
    let Some(ranges) = ranges(list) else {
        let why = if fields.is_some() {
            "fields are numbered from 1"
        } else {
            "byte/character positions are numbered from 1"
        };
        io.err(&format!("cut: {why}\nTry 'cut --help' for more information.\n"));
        return Err(1);
    };
    let delimiter = options.value('d').unwrap_or("\t");
    if delimiter.chars().count() > 1 {
        io.err("cut: the delimiter must be a single character\nTry 'cut --help' for more information.\n");
        return Err(1);
    }
    let filter = Cut {
        ranges,
        delimiter: fields.map(|_| delimiter.chars().next().unwrap_or('\0')),
        only: options.has('s'),
        complement: options.has('C'),
        joint: options.value('O').map(str::to_owned),
    };
    Ok(Lines::tool(Inputs::new("cut", &options.rest), filter))
}

impl Filter for Cut {
    fn line(&mut self, line: &[u8], io: &mut Io) -> Go {
        let text = lossy(chomp(line).0);
        let wanted =
            |i: usize| self.ranges.iter().any(|(a, b)| (*a..=*b).contains(&(i + 1))) != self.complement;
        let made = match self.delimiter {
            None => text.chars().enumerate().filter(|(i, _)| wanted(*i)).map(|(_, c)| c).collect(),
            Some(d) if !text.contains(d) => {
                if self.only {
                    return Go::On;
                }
                text
            }
            Some(d) => {
                let parts: Vec<&str> =
                    text.split(d).enumerate().filter(|(i, _)| wanted(*i)).map(|(_, p)| p).collect();
                parts.join(self.joint.as_deref().unwrap_or(&d.to_string()))
            }
        };
        io.out(made + "\n");
        Go::On
    }
}
