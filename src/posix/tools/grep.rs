//! grep: patterns by the `regex` crate, in the three dialects.
//!
//! Always holds: a basic expression is rewritten into the crate's syntax; its automata take linear time.

use super::text::chomp;
use super::{Filter, Go, Inputs, Io, Known, Lines, Options, Tool, lossy};
use regex::bytes::{Regex, RegexBuilder};
use std::collections::VecDeque;

type Started = Result<Box<dyn Tool>, i32>;

/// Compiles a POSIX expression.
///
/// # Errors
/// It is none, or too large.
pub(super) fn regex(source: &str, extended: bool, fold: bool) -> Result<Regex, String> {
    let translated = translate(source, extended);
    RegexBuilder::new(&translated)
        .case_insensitive(fold)
        .multi_line(false)
        .size_limit(4 << 20)
        .build()
        .map_err(|_| reason(source))
}

fn reason(source: &str) -> String {
    if source.contains('[') {
        "Invalid regular expression".into()
    } else if source.contains('(') || source.contains(')') {
        "Unmatched ( or \\(".into()
    } else if source.ends_with('\\') {
        "Trailing backslash".into()
    } else {
        "Invalid regular expression".into()
    }
}

/// POSIX syntax → the crate's.
pub(super) fn translate(source: &str, extended: bool) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut made = String::from("(?s-u)");
    if !source.is_ascii() {
        made = String::from("(?s)");
    }
    let mut i = 0;
    let mut fresh = true;
    while i < chars.len() {
        let c = chars[i];
        let was_fresh = std::mem::replace(&mut fresh, false);
        match c {
            '\\' if i + 1 < chars.len() => {
                i += 1;
                match chars[i] {
                    '<' => made.push_str(r"\b{start}"),
                    '>' => made.push_str(r"\b{end}"),
                    'b' | 'B' | 'w' | 'W' | 's' | 'S' => {
                        made.push('\\');
                        made.push(chars[i]);
                    }
                    '(' | ')' | '{' | '}' | '|' | '+' | '?' if !extended => {
                        fresh = matches!(chars[i], '(' | '|');
                        made.push(chars[i]);
                    }
                    'n' => made.push_str("\\n"),
                    't' => made.push_str("\\t"),
                    c => made.push_str(&regex::escape(&c.to_string())),
                }
            }
            '[' => {
                let (set, next) = bracket(&chars, i);
                made.push_str(&set);
                i = next;
                continue;
            }
            '(' | ')' | '{' | '}' | '|' | '+' | '?' if !extended => {
                made.push_str(&regex::escape(&c.to_string()));
            }
            '(' | '|' => {
                fresh = true;
                made.push(c);
            }
            '{' if !chars.get(i + 1).is_some_and(|n| n.is_ascii_digit() || *n == ',') => made.push_str("\\{"),
            '*' if was_fresh => made.push_str("\\*"),
            '+' | '?' | '{' if was_fresh => made.push_str(&regex::escape(&c.to_string())),
            '^' if extended || was_fresh => {
                fresh = true;
                made.push('^');
            }
            '$' if !extended
                && i + 1 < chars.len()
                && !(chars[i + 1] == '\\' && matches!(chars.get(i + 2), Some(')' | '|'))) =>
            {
                made.push_str("\\$");
            }
            '^' => made.push_str("\\^"),
            '\\' => made.push_str("\\\\"),
            c => made.push(c),
        }
        i += 1;
    }
    made
}

/// A bracket expression, with what the crate takes for operators escaped.
fn bracket(chars: &[char], open: usize) -> (String, usize) {
    let mut made = String::from("[");
    let mut i = open + 1;
    if chars.get(i) == Some(&'^') {
        made.push('^');
        i += 1;
    }
    let first = i;
    while i < chars.len() {
        match chars[i] {
            ']' if i > first => return (made + "]", i + 1),
            '[' if chars.get(i + 1) == Some(&':') => {
                let end = (i + 2..chars.len()).find(|&e| chars[e] == ':' && chars.get(e + 1) == Some(&']'));
                if let Some(end) = end {
                    made.extend(&chars[i..=end + 1]);
                    i = end + 2;
                    continue;
                }
                made.push_str("\\[");
            }
            c @ ('[' | ']' | '\\' | '&' | '~') => {
                made.push('\\');
                made.push(c);
            }
            '-' if i == first || chars.get(i + 1) == Some(&']') => made.push_str("\\-"),
            c => made.push(c),
        }
        i += 1;
    }
    // Without an end it is no expression: the crate says so.
    (chars[open..].iter().collect(), chars.len())
}

#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)]
struct Grep {
    regex: Regex,
    invert: bool,
    count: bool,
    number: bool,
    only: bool,
    quiet: bool,
    names: bool,
    list: Option<bool>,
    before: usize,
    after: usize,
    most: u64,
    name: String,
    line: u64,
    hits: u64,
    any: bool,
    kept: VecDeque<(u64, Vec<u8>)>,
    trailing: usize,
    printed: u64,
    lonely: bool,
    begun: bool,
}

pub(super) fn start(args: &[String], io: &mut Io) -> Started {
    with(args, ' ', io)
}

pub(super) fn start_extended(args: &[String], io: &mut Io) -> Started {
    with(args, 'E', io)
}

pub(super) fn start_fixed(args: &[String], io: &mut Io) -> Started {
    with(args, 'F', io)
}

fn with(args: &[String], dialect: char, io: &mut Io) -> Started {
    let known = Known {
        name: "grep",
        letters: "EFGPivcnoqwxlLrRhHsae:f:A:B:C:m:UzTI",
        long: &[
            ("extended-regexp", 'E'),
            ("fixed-strings", 'F'),
            ("perl-regexp", 'P'),
            ("ignore-case", 'i'),
            ("invert-match", 'v'),
            ("count", 'c'),
            ("line-number", 'n'),
            ("only-matching", 'o'),
            ("quiet", 'q'),
            ("silent", 'q'),
            ("word-regexp", 'w'),
            ("line-regexp", 'x'),
            ("files-with-matches", 'l'),
            ("files-without-match", 'L'),
            ("recursive", 'r'),
            ("no-filename", 'h'),
            ("with-filename", 'H'),
            ("no-messages", 's'),
            ("regexp", 'e'),
            ("file", 'f'),
            ("after-context", 'A'),
            ("before-context", 'B'),
            ("context", 'C'),
            ("max-count", 'm'),
            ("color", 'T'),
            ("colour", 'T'),
            ("line-buffered", 'U'),
        ],
    };
    // `-3` is `-C3`.
    let args: Vec<String> = args
        .iter()
        .map(|a| match a.strip_prefix('-') {
            Some(n) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => format!("-C{n}"),
            _ => a.clone(),
        })
        .collect();
    let mut options = known.read(&args, io)?;
    let patterns = patterns(&mut options, io)?;
    let regex = compile(&patterns, &options, dialect, io)?;
    let recursive = options.has('r') || options.has('R');
    if recursive {
        if options.rest.is_empty() {
            options.rest.push_back(".".into());
        }
        options.rest = spread(&options.rest, io);
    }
    let most = options.number('m', "grep", io)?.unwrap_or(u64::MAX);
    let context = options.number('C', "grep", io)?.unwrap_or(0);
    let before = options.number('B', "grep", io)?.unwrap_or(context);
    let after = options.number('A', "grep", io)?.unwrap_or(context);
    let filter = Grep {
        regex,
        invert: options.has('v'),
        count: options.has('c'),
        number: options.has('n'),
        only: options.has('o'),
        quiet: options.has('q'),
        names: (options.rest.len() > 1 || recursive || options.has('H')) && !options.has('h'),
        list: options.has('l').then_some(true).or(options.has('L').then_some(false)),
        before: before.min(10_000) as usize,
        after: after.min(100_000_000) as usize,
        most,
        name: String::new(),
        line: 0,
        hits: 0,
        any: false,
        kept: VecDeque::new(),
        trailing: 0,
        printed: 0,
        lonely: options.rest.len() <= 1,
        begun: false,
    };
    let inputs = Inputs::new("grep", &options.rest).failing(2);
    Ok(Lines::tool(inputs, filter))
}

fn patterns(options: &mut Options, io: &mut Io) -> Result<Vec<String>, i32> {
    let mut patterns: Vec<String> = options.values('e').map(str::to_owned).collect();
    let files: Vec<String> = options.values('f').map(str::to_owned).collect();
    for file in &files {
        match io.read(file) {
            Ok(bytes) => patterns.extend(lossy(&bytes).lines().map(str::to_owned)),
            Err(why) => {
                io.err(&format!("grep: {file}: {why}\n"));
                return Err(2);
            }
        }
    }
    if patterns.is_empty() && files.is_empty() {
        let Some(first) = options.rest.pop_front() else {
            io.err("Usage: grep [OPTION]... PATTERNS [FILE]...\nTry 'grep --help' for more information.\n");
            return Err(2);
        };
        patterns.push(first);
    }
    Ok(patterns.iter().flat_map(|p| p.split('\n')).map(str::to_owned).collect())
}

fn compile(patterns: &[String], options: &Options, dialect: char, io: &mut Io) -> Result<Regex, i32> {
    let extended = dialect == 'E' || options.has('E');
    let parts: Vec<String> = patterns
        .iter()
        .map(|p| {
            if dialect == 'F' || options.has('F') {
                regex::escape(p)
            } else if options.has('P') {
                p.clone()
            } else {
                translate(p, extended)
            }
        })
        .collect();
    let mut source =
        if parts.is_empty() { "[^\\s\\S]".to_owned() } else { format!("(?:{})", parts.join("|")) };
    if options.has('x') {
        source = format!("^(?:{source})$");
    } else if options.has('w') {
        source = format!(r"\b{{start-half}}(?:{source})\b{{end-half}}");
    }
    RegexBuilder::new(&source).case_insensitive(options.has('i')).size_limit(4 << 20).build().map_err(|_| {
        io.err(&format!("grep: {}\n", reason(&patterns.join("\n"))));
        2
    })
}

/// The files below directories.
fn spread(paths: &VecDeque<String>, io: &mut Io) -> VecDeque<String> {
    let mut found = VecDeque::new();
    for path in paths {
        let mut todo = vec![path.clone()];
        while let Some(path) = todo.pop() {
            if !io.is_dir(&path) {
                found.push_back(path.strip_prefix("./").unwrap_or(&path).to_owned());
                continue;
            }
            let full = io.path(&path);
            for name in io.world.list(&full).unwrap_or_default().into_iter().rev() {
                todo.push(format!("{}/{name}", path.trim_end_matches('/')));
            }
            if found.len() > 20_000 {
                return found;
            }
        }
    }
    found
}

impl Grep {
    fn prefix(&self, line: u64, mark: char, io: &mut Io) {
        if self.names {
            let name = if self.name == "-" { "(standard input)" } else { &self.name };
            io.out(format!("{name}{mark}"));
        }
        if self.number {
            io.out(format!("{line}{mark}"));
        }
    }

    fn print(&mut self, line: u64, text: &[u8], mark: char, io: &mut Io) {
        if (self.before > 0 || self.after > 0) && self.begun && line > self.printed + 1 {
            io.out("--\n");
        }
        self.begun = true;
        self.printed = line;
        self.prefix(line, mark, io);
        io.out(text);
        io.out("\n");
    }

    fn finish_file(&mut self, io: &mut Io) {
        if self.name.is_empty() {
            return;
        }
        let shown = if self.name == "-" { "(standard input)".to_owned() } else { self.name.clone() };
        match self.list {
            Some(wanted) if wanted == (self.hits > 0) => io.out(format!("{shown}\n")),
            Some(_) => {}
            None if self.count && !self.quiet => {
                let name = if self.names { format!("{shown}:") } else { String::new() };
                io.out(format!("{name}{}\n", self.hits));
            }
            None => {}
        }
        self.name.clear();
    }

    fn hit(&mut self, text: &[u8], io: &mut Io) -> Go {
        self.hits += 1;
        self.any = true;
        if self.quiet {
            return Go::Stop(0);
        }
        if self.list.is_some() {
            return Go::NextFile;
        }
        if !self.count {
            if self.only {
                if !self.invert {
                    let found: Vec<Vec<u8>> = self
                        .regex
                        .find_iter(text)
                        .filter(|m| !m.is_empty())
                        .map(|m| m.as_bytes().to_vec())
                        .collect();
                    for part in found {
                        self.prefix(self.line, ':', io);
                        io.out(part);
                        io.out("\n");
                    }
                }
            } else {
                for (line, kept) in std::mem::take(&mut self.kept) {
                    self.print(line, &kept, '-', io);
                }
                self.print(self.line, text, ':', io);
            }
        }
        self.trailing = self.after;
        if self.hits >= self.most && self.trailing == 0 { self.enough(io) } else { Go::On }
    }

    fn enough(&mut self, io: &mut Io) -> Go {
        if self.lonely {
            self.finish_file(io);
            Go::Stop(0)
        } else {
            Go::NextFile
        }
    }
}

impl Filter for Grep {
    fn file(&mut self, name: &str, io: &mut Io) -> Go {
        self.finish_file(io);
        name.clone_into(&mut self.name);
        self.line = 0;
        self.hits = 0;
        self.trailing = 0;
        self.kept.clear();
        self.printed = 0;
        Go::On
    }

    fn line(&mut self, line: &[u8], io: &mut Io) -> Go {
        self.line += 1;
        let text = chomp(line).0;
        if self.hits < self.most && self.regex.is_match(text) != self.invert {
            return self.hit(text, io);
        }
        if self.trailing > 0 {
            self.trailing -= 1;
            self.print(self.line, text, '-', io);
        } else if self.hits >= self.most {
            return self.enough(io);
        } else if self.before > 0 {
            self.kept.push_back((self.line, text.to_vec()));
            if self.kept.len() > self.before {
                self.kept.pop_front();
            }
        }
        Go::On
    }

    fn end(&mut self, status: i32, io: &mut Io) -> i32 {
        self.finish_file(io);
        if status != 0 { status } else { i32::from(!self.any) }
    }
}
