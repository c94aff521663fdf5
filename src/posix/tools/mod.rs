//! The text tools, and the one table that names them.
//!
//! Always holds: a tool does a bounded amount in a step, reads and writes through [`Io`] alone, and says what GNU's
//! (or busybox's) says. Deliberately not here: locales, and options that hardly anybody types.

use super::{FileError, World, resolve_path};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;

mod awk;
mod awk_eval;
mod awk_parse;
mod columns;
mod data;
mod date;
mod diff;
mod files;
mod find;
mod grep;
mod input;
mod jq;
mod run;
mod sed;
mod sed_parse;
mod sort;
mod tar;
pub(super) mod test;
mod text;
mod words;

pub(super) use date::format as format_time;
pub(crate) use input::{Filter, Go, Inputs, Lines, Whole};
pub(super) use jq::jq_filter;
pub(super) use run::duration;
pub(super) use words::{format_printf, unescape};

/// A tool under way.
pub(crate) trait Tool: Debug {
    /// Goes on a little.
    fn step(&mut self, io: &mut Io) -> Step;
    /// A copy.
    fn boxed(&self) -> Box<dyn Tool>;
    /// Its name, for messages.
    fn name(&self) -> String;
}

impl Clone for Box<dyn Tool> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// What a tool wants after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Another step.
    Again,
    /// More standard input.
    Input,
    /// To be asked again at this moment.
    Sleep(u64),
    /// To run a command and be told its status; it is ended at the deadline.
    Run {
        /// The command.
        argv: Vec<String>,
        /// When to end it.
        deadline: Option<u64>,
        /// Whether it gets the standard input.
        stdin: bool,
    },
    /// It has ended.
    Exit(i32),
}

/// What a tool sees.
pub(crate) struct Io<'a> {
    pub world: &'a mut dyn World,
    /// Standard input so far: what a tool does not take stays for whoever reads next.
    pub input: &'a mut Vec<u8>,
    /// Nothing more comes.
    pub eof: bool,
    pub writes: &'a mut Vec<(i32, Vec<u8>)>,
    pub cwd: &'a str,
    pub env: &'a BTreeMap<String, String>,
    /// Whether standard output is a terminal.
    pub terminal: bool,
    /// The status of the command that was run.
    pub result: Option<i32>,
}

impl Io<'_> {
    fn write(&mut self, fd: i32, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.writes.last_mut() {
            Some((last, buffer)) if *last == fd => buffer.extend_from_slice(bytes),
            _ => self.writes.push((fd, bytes.to_vec())),
        }
    }

    /// Writes to standard output.
    pub(crate) fn out(&mut self, bytes: impl AsRef<[u8]>) {
        self.write(1, bytes.as_ref());
    }

    /// Writes to standard error.
    pub(crate) fn err(&mut self, text: &str) {
        self.write(2, text.as_bytes());
    }

    /// An absolute path.
    pub(crate) fn path(&self, path: &str) -> String {
        resolve_path(self.cwd, path)
    }

    /// A file's content.
    pub(crate) fn read(&mut self, path: &str) -> Result<Vec<u8>, FileError> {
        match path {
            "/dev/null" => Ok(Vec::new()),
            "" => Err(FileError::NotFound),
            _ => {
                let path = self.path(path);
                self.world.read(&path)
            }
        }
    }

    /// What is at a path.
    pub(crate) fn stat(&mut self, path: &str) -> Result<super::FileInfo, FileError> {
        if path.is_empty() {
            return Err(FileError::NotFound);
        }
        let path = self.path(path);
        self.world.stat(&path)
    }

    /// Whether a path is a directory.
    pub(crate) fn is_dir(&mut self, path: &str) -> bool {
        self.stat(path).is_ok_and(|info| info.directory)
    }
}

/// How a tool starts.
#[derive(Clone, Copy)]
pub(crate) enum Start {
    /// It ends at once and reads no standard input.
    Now(fn(&[String], &mut Io) -> i32),
    /// It goes on; or it has failed with this status.
    Later(fn(&[String], &mut Io) -> Result<Box<dyn Tool>, i32>),
}

/// A tool of the table.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// How it is used, in a line.
    pub usage: &'static str,
    pub(crate) start: Start,
}

const fn now(name: &'static str, usage: &'static str, run: fn(&[String], &mut Io) -> i32) -> Entry {
    Entry { name, usage, start: Start::Now(run) }
}

pub(super) const fn later(
    name: &'static str,
    usage: &'static str,
    run: fn(&[String], &mut Io) -> Result<Box<dyn Tool>, i32>,
) -> Entry {
    Entry { name, usage, start: Start::Later(run) }
}

/// Every tool, by name.
pub const TOOLS: &[Entry] = &[
    now("[", "[ EXPRESSION ]", test::bracket),
    later("awk", "awk [-F SEP] [-v NAME=VALUE] 'PROGRAM' [FILE]...", awk::start),
    later("base64", "base64 [-d] [-w COLUMNS] [FILE]", data::base64),
    now("basename", "basename PATH [SUFFIX]", words::basename),
    later("cat", "cat [-n] [FILE]...", text::cat),
    now("chmod", "chmod MODE FILE...", files::chmod),
    later("column", "column [-t] [-s SEP] [FILE]...", columns::column),
    now("cp", "cp [-r] SOURCE... TARGET", files::cp),
    later("cut", "cut -d DELIM -f LIST | -c LIST [FILE]...", text::cut),
    now("date", "date [-u] [-d WHEN] [+FORMAT]", date::date),
    now("df", "df [-h] [FILE]...", files::df),
    later("diff", "diff [-u] FILE1 FILE2", diff::start),
    now("dirname", "dirname PATH", words::dirname),
    now("du", "du [-sh] [FILE]...", files::du),
    now("echo", "echo [-n] [-e] [TEXT]...", words::echo),
    later("env", "env [NAME=VALUE]... [COMMAND]", run::env),
    now("expr", "expr EXPRESSION", words::expr),
    now("false", "false", |_, _| 1),
    now("find", "find [PATH]... [-name PATTERN] [-type f|d]", find::find),
    later("fold", "fold [-w COLUMNS] [FILE]...", columns::fold),
    later("grep", "grep [-EFivcnoqwlr] [-A N] [-B N] [-C N] [-m N] PATTERN [FILE]...", grep::start),
    later("egrep", "egrep PATTERN [FILE]...", grep::start_extended),
    later("fgrep", "fgrep TEXT [FILE]...", grep::start_fixed),
    later("head", "head [-n LINES] [-c BYTES] [FILE]...", text::head),
    now("hostname", "hostname", words::hostname),
    now("id", "id [-u] [-n]", words::id),
    later("jq", "jq [-rcens] [--arg NAME VALUE] FILTER [FILE]...", jq::start),
    now("ln", "ln [-s] TARGET NAME", files::ln),
    now("ls", "ls [-laR1Fth] [FILE]...", files::ls),
    later("md5sum", "md5sum [FILE]...", data::md5sum),
    now("mkdir", "mkdir [-p] DIRECTORY...", files::mkdir),
    now("mktemp", "mktemp [-d]", files::mktemp),
    now("mv", "mv SOURCE... TARGET", files::mv),
    later("nl", "nl [FILE]...", text::nl),
    later("nohup", "nohup COMMAND", run::nohup),
    later("paste", "paste [-d DELIM] [-s] [FILE]...", columns::paste),
    now("printenv", "printenv [NAME]...", words::printenv),
    now("printf", "printf FORMAT [ARGUMENT]...", words::printf),
    now("pwd", "pwd", words::pwd),
    later("rev", "rev [FILE]...", text::rev),
    now("rm", "rm [-rf] FILE...", files::rm),
    now("rmdir", "rmdir DIRECTORY...", files::rmdir),
    later("sed", "sed [-nEi] SCRIPT [FILE]...", sed::start),
    later("seq", "seq [FIRST [STEP]] LAST", run::seq),
    later("sha256sum", "sha256sum [FILE]...", data::sha256sum),
    later("sleep", "sleep SECONDS", run::sleep),
    later("sort", "sort [-nruhV] [-k KEY] [-t SEP] [FILE]...", sort::start),
    now("stat", "stat [-c FORMAT] FILE...", files::stat),
    later("tac", "tac [FILE]...", text::tac),
    later("tail", "tail [-n LINES] [-c BYTES] [-f] [FILE]...", text::tail),
    later("tar", "tar -c|-x|-t [-v] [-f ARCHIVE] [-C DIRECTORY] [FILE]...", tar::start),
    later("tee", "tee [-a] [FILE]...", text::tee),
    now("test", "test EXPRESSION", test::test),
    later("timeout", "timeout SECONDS COMMAND", run::timeout),
    now("touch", "touch FILE...", files::touch),
    later("tr", "tr [-dsc] SET1 [SET2]", text::tr),
    now("tree", "tree [DIRECTORY]", find::tree),
    now("true", "true", |_, _| 0),
    now("uname", "uname [-a]", words::uname),
    later("uniq", "uniq [-cdui] [FILE]", columns::uniq),
    later("wc", "wc [-lwc] [FILE]...", text::wc),
    now("which", "which COMMAND...", words::which),
    now("whoami", "whoami", words::whoami),
    later("xargs", "xargs [-n N] [-I TEXT] [-r] [COMMAND]", run::xargs),
    later("yes", "yes [TEXT]", run::yes),
];

/// `/bin/ls` → `ls`.
pub(super) fn plain_name(name: &str) -> &str {
    for folder in ["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/usr/local/bin/"] {
        if let Some(plain) = name.strip_prefix(folder).filter(|n| !n.contains('/')) {
            return plain;
        }
    }
    name
}

/// The tool of a name, where the world has it.
pub(super) fn find(name: &str, world: &mut dyn World) -> Option<Entry> {
    let name = plain_name(name);
    let entry = TOOLS.iter().chain(super::net::TOOLS).find(|entry| entry.name == name)?;
    let network = super::net::TOOLS.iter().any(|tool| tool.name == name);
    (world.provides(name) && (!network || world.net().is_some())).then_some(*entry)
}

/// Starts a tool.
pub(super) fn start(entry: Entry, argv: &[String], io: &mut Io) -> Box<dyn Tool> {
    let ended = |status| Box::new(Ended { name: entry.name, status }) as Box<dyn Tool>;
    match entry.start {
        Start::Now(run) => {
            let status = run(&argv[1..], io);
            ended(status)
        }
        Start::Later(run) => run(&argv[1..], io).unwrap_or_else(ended),
    }
}

/// A tool that has ended before it began.
#[derive(Clone, Debug)]
struct Ended {
    name: &'static str,
    status: i32,
}

impl Tool for Ended {
    fn step(&mut self, _io: &mut Io) -> Step {
        Step::Exit(self.status)
    }
    fn boxed(&self) -> Box<dyn Tool> {
        Box::new(self.clone())
    }
    fn name(&self) -> String {
        self.name.to_owned()
    }
}

/// A tool's options, as `getopt` reads them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    given: Vec<(char, Option<String>)>,
    /// What is no option.
    pub rest: VecDeque<String>,
}

/// Options of a tool: `letters` as for `getopt` (`"nc:"`), long names with the letter they stand for.
pub(crate) struct Known {
    pub name: &'static str,
    pub letters: &'static str,
    pub long: &'static [(&'static str, char)],
}

impl Options {
    pub(crate) fn has(&self, letter: char) -> bool {
        self.given.iter().any(|(c, _)| *c == letter)
    }

    pub(crate) fn value(&self, letter: char) -> Option<&str> {
        self.given.iter().rev().find(|(c, _)| *c == letter).and_then(|(_, v)| v.as_deref())
    }

    pub(crate) fn values(&self, letter: char) -> impl Iterator<Item = &str> {
        self.given.iter().filter(move |(c, _)| *c == letter).filter_map(|(_, v)| v.as_deref())
    }

    /// A number; a message and status 1 when it is none.
    pub(crate) fn number(&self, letter: char, name: &str, io: &mut Io) -> Result<Option<u64>, i32> {
        match self.value(letter).map(|v| (v, v.parse())) {
            None => Ok(None),
            Some((_, Ok(n))) => Ok(Some(n)),
            Some((text, Err(_))) => {
                io.err(&format!("{name}: invalid number: ‘{text}’\n"));
                Err(1)
            }
        }
    }
}

impl Known {
    fn takes(&self, letter: char) -> Option<bool> {
        let at = self.letters.find(letter).filter(|_| letter != ':')?;
        Some(self.letters[at + letter.len_utf8()..].starts_with(':'))
    }

    /// Reads options; anything unknown is said and answered with status 2 (or 1).
    pub(crate) fn read(&self, args: &[String], io: &mut Io) -> Result<Options, i32> {
        self.read_until(args, false, io)
    }

    /// As [`Known::read`], but what follows the first plain word is left alone.
    pub(crate) fn read_until(&self, args: &[String], stop: bool, io: &mut Io) -> Result<Options, i32> {
        let mut made = Options::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if arg == "--" {
                made.rest.extend(args.cloned());
                break;
            }
            if let Some(long) = arg.strip_prefix("--") {
                let (name, value) =
                    long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v.to_owned())));
                let Some((_, letter)) = self.long.iter().find(|(n, _)| *n == name) else {
                    io.err(&format!(
                        "{0}: unrecognized option '--{name}'\nTry '{0} --help' for more information.\n",
                        self.name
                    ));
                    return Err(self.misuse());
                };
                let value = match self.takes(*letter) {
                    Some(true) => value.or_else(|| args.next().cloned()),
                    _ => value,
                };
                made.given.push((*letter, value));
                continue;
            }
            let Some(letters) = arg.strip_prefix('-').filter(|l| !l.is_empty()) else {
                made.rest.push_back(arg.clone());
                if stop {
                    made.rest.extend(args.cloned());
                    break;
                }
                continue;
            };
            for (i, c) in letters.char_indices() {
                match self.takes(c) {
                    None => {
                        io.err(&format!(
                            "{0}: invalid option -- '{c}'\nTry '{0} --help' for more information.\n",
                            self.name
                        ));
                        return Err(self.misuse());
                    }
                    Some(false) => made.given.push((c, None)),
                    Some(true) => {
                        let rest = &letters[i + c.len_utf8()..];
                        let value =
                            if rest.is_empty() { args.next().cloned() } else { Some(rest.to_owned()) };
                        let Some(value) = value else {
                            io.err(&format!("{0}: option requires an argument -- '{c}'\nTry '{0} --help' for more information.\n", self.name));
                            return Err(self.misuse());
                        };
                        made.given.push((c, Some(value)));
                        break;
                    }
                }
            }
        }
        Ok(made)
    }

    fn misuse(&self) -> i32 {
        if matches!(self.name, "grep" | "sort" | "ls" | "diff" | "jq") { 2 } else { 1 }
    }
}

/// `2026-04-22 09:00:00`.
pub(super) fn clock(now: u64) -> String {
    date::format(now, "%Y-%m-%d %H:%M:%S")
}

/// Text for a message: lossy UTF-8.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
