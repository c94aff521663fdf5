//! Reading: lines of standard input or of named files, and tools made of a filter over lines or of everything at once.
//!
//! Always holds: a file that cannot be read is said, and the tool goes on with the next.

use super::{Io, Options, Step, Tool};
use std::collections::VecDeque;
use std::fmt::Debug;

/// More input than this, kept at once, ends the tool.
const MAX_INPUT: usize = 32 << 20;
/// Lines in a step.
const LINES: usize = 200;

/// Where a tool's lines come from.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    pub name: &'static str,
    files: VecDeque<String>,
    current: Option<(String, Vec<u8>, usize)>,
    stdin: Option<String>,
    /// Not 0 once a file could not be read.
    pub status: i32,
    failure: i32,
}

/// What comes next.
pub(crate) enum Next {
    /// A line, with its newline where it has one.
    Line(Vec<u8>),
    /// The lines of this file follow.
    File(String),
    /// Standard input must bring more.
    Wait,
    /// Everything was read.
    End,
}

impl Inputs {
    /// Lines of these files; of standard input when there are none.
    pub(crate) fn new(name: &'static str, files: &VecDeque<String>) -> Self {
        let mut files = files.clone();
        if files.is_empty() {
            files.push_back("-".into());
        }
        Self { name, files, current: None, stdin: None, status: 0, failure: 1 }
    }

    /// The status that an unreadable file leads to.
    pub(crate) fn failing(mut self, status: i32) -> Self {
        self.failure = status;
        self
    }

    /// The next file's name, when between files; opens it.
    fn open(&mut self, io: &mut Io) -> Option<String> {
        while let Some(file) = self.files.pop_front() {
            if file == "-" || file == "/dev/stdin" {
                self.stdin = Some(file.clone());
                return Some(file);
            }
            match io.read(&file) {
                Ok(bytes) => {
                    self.current = Some((file.clone(), bytes, 0));
                    return Some(file);
                }
                Err(why) => {
                    let said = match self.name {
                        "head" | "tail" if why == super::FileError::IsDirectory => {
                            format!("{}: error reading '{file}': {why}\n", self.name)
                        }
                        "head" | "tail" => {
                            format!("{}: cannot open '{file}' for reading: {why}\n", self.name)
                        }
                        "sort" => format!("sort: cannot read: {file}: {why}\n"),
                        "sed" if why == super::FileError::NotFound => {
                            format!("sed: can't read {file}: {why}\n")
                        }
                        "jq" => format!("jq: error: Could not open {file}: {why}\n"),
                        "awk" => format!("awk: cannot open \"{file}\" ({why})\n"),
                        name => format!("{name}: {file}: {why}\n"),
                    };
                    io.err(&said);
                    self.status = self.failure;
                }
            }
        }
        None
    }

    pub(crate) fn next(&mut self, io: &mut Io) -> Next {
        if let Some((_, bytes, at)) = &mut self.current {
            if *at < bytes.len() {
                let rest = &bytes[*at..];
                let end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |i| i + 1);
                *at += end;
                return Next::Line(rest[..end].to_vec());
            }
            self.current = None;
        }
        if self.stdin.is_some() {
            if let Some(end) = io.input.iter().position(|b| *b == b'\n') {
                return Next::Line(io.input.drain(..=end).collect());
            }
            if !io.eof {
                return Next::Wait;
            }
            if !io.input.is_empty() {
                return Next::Line(std::mem::take(io.input));
            }
            self.stdin = None;
        }
        match self.open(io) {
            Some(name) => Next::File(name),
            None => Next::End,
        }
    }

    /// All of the next file (or of standard input): its name and content.
    pub(crate) fn whole(&mut self, io: &mut Io) -> Result<Option<(String, Vec<u8>)>, Step> {
        if self.stdin.is_none() && self.open(io).is_none() {
            return Ok(None);
        }
        if let Some((name, bytes, _)) = self.current.take() {
            return Ok(Some((name, bytes)));
        }
        if io.input.len() > MAX_INPUT {
            io.err(&format!("{}: input too large (32 MiB at most)\n", self.name));
            return Err(Step::Exit(2));
        }
        if !io.eof {
            return Err(Step::Input);
        }
        let name = self.stdin.take().unwrap_or_default();
        Ok(Some((name, std::mem::take(io.input))))
    }
}

/// Whether a filter goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Go {
    On,
    /// The rest of this file is of no interest.
    NextFile,
    /// The tool ends with this status.
    Stop(i32),
}

/// A tool that looks at one line after the other.
pub(crate) trait Filter: Debug + Clone + 'static {
    /// A file (or `-`) begins.
    fn file(&mut self, _name: &str, _io: &mut Io) -> Go {
        Go::On
    }
    /// A line, with its newline where it has one.
    fn line(&mut self, line: &[u8], io: &mut Io) -> Go;
    /// Everything was read; `status` is not 0 when a file was missing.
    fn end(&mut self, status: i32, _io: &mut Io) -> i32 {
        status
    }
}

/// A [`Filter`] as a tool.
#[derive(Clone, Debug)]
pub(crate) struct Lines<F> {
    inputs: Inputs,
    filter: F,
}

impl<F: Filter> Lines<F> {
    pub(crate) fn tool(inputs: Inputs, filter: F) -> Box<dyn Tool> {
        Box::new(Self { inputs, filter })
    }
}

impl<F: Filter> Tool for Lines<F> {
    fn step(&mut self, io: &mut Io) -> Step {
        for _ in 0..LINES {
            let go = match self.inputs.next(io) {
                Next::Line(line) => self.filter.line(&line, io),
                Next::File(name) => self.filter.file(&name, io),
                Next::Wait if io.writes.is_empty() => return Step::Input,
                Next::Wait => return Step::Input,
                Next::End => return Step::Exit(self.filter.end(self.inputs.status, io)),
            };
            match go {
                Go::On => {}
                Go::NextFile => {
                    self.inputs.current = None;
                    if self.inputs.stdin.take().is_some() && self.inputs.files.is_empty() {
                        return Step::Exit(self.filter.end(self.inputs.status, io));
                    }
                }
                Go::Stop(status) => return Step::Exit(status),
            }
        }
        Step::Again
    }

    fn boxed(&self) -> Box<dyn Tool> {
        Box::new(self.clone())
    }

    fn name(&self) -> String {
        self.inputs.name.to_owned()
    }
}

pub(super) type Finish = fn(&Options, Vec<(String, Vec<u8>)>, &mut Io) -> i32;

/// A tool that reads everything before it says anything.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    inputs: Inputs,
    options: Options,
    read: Vec<(String, Vec<u8>)>,
    finish: Finish,
}

impl Whole {
    pub(crate) fn tool(inputs: Inputs, options: Options, finish: Finish) -> Box<dyn Tool> {
        Box::new(Self { inputs, options, read: Vec::new(), finish })
    }
}

impl Tool for Whole {
    fn step(&mut self, io: &mut Io) -> Step {
        match self.inputs.whole(io) {
            Err(step) => step,
            Ok(Some(file)) => {
                self.read.push(file);
                Step::Again
            }
            Ok(None) => {
                let read = std::mem::take(&mut self.read);
                let failed = self.inputs.status;
                let status = (self.finish)(&self.options, read, io);
                Step::Exit(if status == 0 { failed } else { status })
            }
        }
    }

    fn boxed(&self) -> Box<dyn Tool> {
        Box::new(self.clone())
    }

    fn name(&self) -> String {
        self.inputs.name.to_owned()
    }
}
