//! jq: filters by the `jaq` crates, with jq's options and its form of output.
//!
//! Always holds: `now` is the virtual clock; input's depth and the output are limited. Deliberately not here: modules,
//! colours, `env`, `input_filename`.

use super::{Inputs, Io, Known, Options, Tool, Whole, lossy};
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, DataT, Lut, Vars, data};
use jaq_json::{Val, write};
use jaq_std::input::{HasInputs, Inputs as JqInputs, RcIter};
use std::collections::BTreeMap;

/// More output than this ends a filter.
const MAX_OUTPUT: usize = 8 << 20;
/// Deeper documents are refused.
const MAX_DEPTH: usize = 500;

/// What a filter sees beside its input.
struct Kind;

impl DataT for Kind {
    type V<'a> = Val;
    type Data<'a> = Data<'a>;
}

#[derive(Clone)]
struct Data<'a> {
    lut: &'a Lut<Kind>,
    inputs: JqInputs<'a, Val>,
}

impl<'a> data::HasLut<'a, Kind> for Data<'a> {
    fn lut(&self) -> &'a Lut<Kind> {
        self.lut
    }
}

impl<'a> HasInputs<'a, Val> for Data<'a> {
    fn inputs(&self) -> JqInputs<'a, Val> {
        self.inputs
    }
}

/// How values are written.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)]
struct Form {
    raw: bool,
    joined: bool,
    compact: bool,
    sorted: bool,
    indent: Option<String>,
}

/// A filter and its settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    /// The program.
    pub filter: String,
    /// `--arg` and `--argjson`: names, and values as JSON.
    pub variables: BTreeMap<String, String>,
    /// Seconds since the epoch.
    pub now: f64,
    /// `-n`.
    pub null: bool,
}

/// What a filter's run came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The program is none.
    Compile(String),
    /// Input or a value is wrong; what came before was handed on.
    Run(String),
    /// Too much output.
    Limit,
}

pub(super) fn start(args: &[String], io: &mut Io) -> Result<Box<dyn Tool>, i32> {
    // Options with two values are taken out first.
    let (mut rest, mut variables, mut strings) = (Vec::new(), BTreeMap::new(), Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--arg" | "--argjson" => {
                let (Some(name), Some(value)) = (args.next(), args.next()) else {
                    io.err(&format!("jq: error: {arg} takes two parameters (e.g. {arg} name value)\nUse jq --help for help with command-line options,\nor see the jq manpage, or online docs  at https://jqlang.github.io/jq\n"));
                    return Err(2);
                };
                let json = if arg == "--arg" { string(value) } else { value.clone() };
                if arg == "--argjson" && jaq_json::read::parse_single(json.as_bytes()).is_err() {
                    io.err("jq: Invalid JSON text passed to --argjson\n");
                    return Err(2);
                }
                variables.insert(name.clone(), json);
            }
            "--args" => strings.extend(args.by_ref().cloned()),
            _ => rest.push(arg.clone()),
        }
    }
    let known = Known {
        name: "jq",
        letters: "rcensjSCMatR",
        long: &[
            ("raw-output", 'r'),
            ("compact-output", 'c'),
            ("exit-status", 'e'),
            ("null-input", 'n'),
            ("slurp", 's'),
            ("join-output", 'j'),
            ("sort-keys", 'S'),
            ("color-output", 'C'),
            ("monochrome-output", 'M'),
            ("tab", 't'),
            ("raw-input", 'R'),
            ("indent", 'I'),
        ],
    };
    let known = Known { letters: "rcensjSCMatRI:", ..known };
    let mut options = known.read(&rest, io)?;
    let Some(filter) = options.rest.pop_front() else {
        io.err("Usage:\tjq [OPTIONS] FILTER [FILES...]\n");
        return Err(2);
    };
    let files = options.rest.clone();
    options.rest =
        std::iter::once(filter).chain(variables.into_iter().map(|(k, v)| format!("{k}={v}"))).collect();
    let inputs = if options.has('n') && files.is_empty() {
        Inputs::new("jq", &["/dev/null".to_owned()].into())
    } else {
        Inputs::new("jq", &files).failing(2)
    };
    Ok(Whole::tool(inputs, options, finish))
}

fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn finish(options: &Options, files: Vec<(String, Vec<u8>)>, io: &mut Io) -> i32 {
    let form = Form {
        raw: options.has('r') || options.has('j'),
        joined: options.has('j'),
        compact: options.has('c'),
        sorted: options.has('S'),
        indent: options.has('t').then(|| "\t".to_owned()).or_else(|| {
            options.value('I').and_then(|n| n.parse::<usize>().ok()).map(|n| " ".repeat(n.min(7)))
        }),
    };
    let variables = options.rest.iter().skip(1).filter_map(|v| v.split_once('='));
    let query = Query {
        filter: options.rest.front().cloned().unwrap_or_default(),
        variables: variables.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        now: io.world.now() as f64 / 1e9,
        null: options.has('n'),
    };
    let text: Vec<u8> = files.into_iter().flat_map(|(_, bytes)| bytes).collect();
    let (values, broken) = read(&text, options);
    let mut last = None;
    let mut out = Vec::new();
    let result = run(&query, values, &mut |value: &Val| {
        put(value, &form, &mut out);
        last = Some(!matches!(value, Val::Null | Val::Bool(false)));
        out.len() < MAX_OUTPUT
    });
    io.out(out);
    match result {
        Err(Trouble::Compile(why)) => {
            io.err(&format!("jq: error: {why}\njq: 1 compile error\n"));
            return 3;
        }
        Err(Trouble::Run(why)) => {
            io.err(&format!("jq: error (at <stdin>:0): {why}\n"));
            return 5;
        }
        Err(Trouble::Limit) => {
            io.err("jq: error: output too large (8 MiB at most)\n");
            return 5;
        }
        Ok(()) => {}
    }
    if let Some(why) = broken {
        io.err(&format!("jq: parse error: {why}\n"));
        return 2;
    }
    match (options.has('e'), last) {
        (true, None) => 4,
        (true, Some(false)) => 1,
        _ => 0,
    }
}

/// The inputs, and what is wrong behind the last good one.
fn read(text: &[u8], options: &Options) -> (Vec<Val>, Option<String>) {
    if options.has('R') {
        let lines = lossy(text);
        let all = if options.has('s') {
            vec![Val::from(lines)]
        } else {
            lines.lines().map(|line| Val::from(line.to_owned())).collect()
        };
        return (all, None);
    }
    let (mut values, broken) = parse(text);
    if options.has('s') && broken.is_none() {
        values = vec![values.into_iter().collect()];
    }
    (values, broken)
}

/// JSON texts in a row.
pub(crate) fn parse(text: &[u8]) -> (Vec<Val>, Option<String>) {
    if depth(text) > MAX_DEPTH {
        return (Vec::new(), Some("Exceeds depth limit for parsing".into()));
    }
    let mut values = Vec::new();
    for value in jaq_json::read::parse_many(text) {
        match value {
            Ok(value) => values.push(value),
            Err(why) => {
                let why = why.to_string();
                let at: usize = why
                    .strip_prefix("byte offset ")
                    .and_then(|rest| rest.split(':').next())
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(0);
                let before = &text[..at.min(text.len())];
                let line = before.split(|b| *b == b'\n').count();
                let column = before.iter().rev().take_while(|b| **b != b'\n').count();
                let what = if at >= text.len() { "Unfinished JSON term" } else { "Invalid literal" };
                return (values, Some(format!("{what} at line {line}, column {column}")));
            }
        }
    }
    (values, None)
}

fn depth(text: &[u8]) -> usize {
    let (mut depth, mut most, mut quoted, mut escaped) = (0usize, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                most = most.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

fn put(value: &Val, form: &Form, out: &mut Vec<u8>) {
    match value {
        Val::TStr(text) if form.raw => out.extend_from_slice(text),
        value => {
            let indent =
                if form.compact { None } else { Some(form.indent.clone().unwrap_or_else(|| "  ".into())) };
            let sep_space = indent.is_some();
            let pp = write::Pp { indent, sort_keys: form.sorted, sep_space, ..write::Pp::default() };
            let _ = write::write(out, &pp, 0, value);
        }
    }
    if !form.joined {
        out.push(b'\n');
    }
}

/// Runs a filter over inputs; `each` answers whether to go on.
pub(crate) fn run(
    query: &Query,
    inputs: Vec<Val>,
    each: &mut dyn FnMut(&Val) -> bool,
) -> Result<(), Trouble> {
    if depth(query.filter.as_bytes()) > 100 || query.filter.matches('(').count() > 400 {
        return Err(Trouble::Compile("syntax error: filter nested too deeply".into()));
    }
    // The clock is a variable, so that no filter can read the machine's own.
    let code = format!("def now: $__now; {}", query.filter);
    let mut variables = query.variables.clone();
    let named: serde_json::Map<String, serde_json::Value> = variables
        .iter()
        .map(|(k, v)| (k.clone(), serde_json::from_str(v).unwrap_or(serde_json::Value::Null)))
        .collect();
    variables.insert("__now".into(), format!("{}", query.now));
    variables.insert("ENV".into(), "{}".into());
    variables.insert("__named".into(), serde_json::Value::Object(named).to_string());
    let names: Vec<String> = variables.keys().map(|name| format!("${name}")).collect();
    let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let run_native = jaq_core::native::run::<Kind>;
    let input = jaq_std::input::funs::<Kind>().into_vec().into_iter().map(run_native);
    let funs = jaq_core::funs::<Kind>()
        .chain(jaq_std::funs::<Kind>())
        .chain(jaq_json::funs())
        .filter(|(name, ..)| !matches!(*name, "now" | "env" | "localtime" | "strflocaltime"))
        .chain(input);
    let arena = Arena::default();
    let modules =
        Loader::new(defs).load(&arena, File { code: code.as_str(), path: () }).map_err(|errors| {
            let found = errors.into_iter().map(|(_, error)| match error {
                jaq_core::load::Error::Parse(list) => list.first().map(|(_, found)| *found),
                jaq_core::load::Error::Lex(list) => list.first().map(|(_, found)| *found),
                jaq_core::load::Error::Io(_) => None,
            });
            let found = found.flatten().next().unwrap_or("");
            let what = match found.split_whitespace().next() {
                None => "syntax error, unexpected end of file".to_owned(),
                Some(token) => format!("syntax error, unexpected '{token}'"),
            };
            Trouble::Compile(format!("{what} at <top-level>, line 1:\n{}", query.filter))
        })?;
    let filter = Compiler::default()
        .with_funs(funs)
        .with_global_vars(names.iter().map(String::as_str))
        .compile(modules)
        .map_err(|errors| {
            let first = errors.into_iter().flat_map(|(_, list)| list).next();
            let (name, kind) =
                first.map_or(("", String::new()), |(name, kind)| (name, kind.as_str().to_owned()));
            let what = if kind.contains("variable") {
                format!("{name} is not defined")
            } else {
                format!("{name}/0 is not defined")
            };
            Trouble::Compile(format!("{what} at <top-level>, line 1:\n{}", query.filter))
        })?;
    let values: Vec<Val> = variables
        .values()
        .map(|json| jaq_json::read::parse_single(json.as_bytes()).unwrap_or_default())
        .collect();
    let null = if query.null { vec![Val::Null] } else { Vec::new() };
    let rest = RcIter::new(inputs.into_iter().map(Ok::<Val, String>));
    let inputs: JqInputs<Val> = &rest;
    let data = Data { lut: &filter.lut, inputs };
    let mut null = null.into_iter();
    loop {
        let next = if query.null { null.next().map(Ok) } else { Iterator::next(&mut &*inputs) };
        let Some(value) = next else { return Ok(()) };
        let value = value.map_err(Trouble::Run)?;
        let ctx = Ctx::<Kind>::new(data.clone(), Vars::new(values.clone()));
        for result in filter.id.run((ctx, value)) {
            match result.map_err(jaq_core::Exn::get_err) {
                Ok(value) if each(&value) => {}
                Ok(_) => return Err(Trouble::Limit),
                Err(Ok(why)) => return Err(Trouble::Run(reword(&why.to_string()))),
                // `halt`.
                Err(Err(_)) => return Ok(()),
            }
        }
    }
}

/// One value through a filter.
pub(in crate::posix) fn jq_filter(
    filter: &str,
    value: &serde_json::Value,
    now: u64,
) -> Result<Vec<serde_json::Value>, String> {
    let (inputs, broken) = parse(value.to_string().as_bytes());
    if let Some(why) = broken {
        return Err(why);
    }
    let query = Query { filter: filter.to_owned(), now: now as f64 / 1e9, ..Query::default() };
    let mut made = Vec::new();
    let result = run(&query, inputs, &mut |value| {
        let mut text = Vec::new();
        put(value, &Form { compact: true, joined: true, ..Form::default() }, &mut text);
        made.push(serde_json::from_slice(&text).unwrap_or(serde_json::Value::Null));
        made.len() < 10_000
    });
    match result {
        Ok(()) => Ok(made),
        Err(Trouble::Compile(why) | Trouble::Run(why)) => Err(why),
        Err(Trouble::Limit) => Err("too many results".into()),
    }
}

/// jaq's words for common errors → jq's.
fn reword(why: &str) -> String {
    if let Some(rest) = why.strip_prefix("cannot index ")
        && let Some((value, key)) = rest.split_once(" with ")
    {
        return format!("Cannot index {} with {key}", kind_of(value));
    }
    if let Some(rest) = why.strip_prefix("cannot use ")
        && let Some((value, wanted)) = rest.split_once(" as ")
        && wanted.starts_with("iterable")
    {
        return format!("Cannot iterate over {}", described(value));
    }
    why.to_owned()
}

fn kind_of(value: &str) -> &'static str {
    match value.chars().next() {
        Some('{') => "object",
        Some('[') => "array",
        Some('"') => "string",
        Some('t' | 'f') => "boolean",
        Some('n') => "null",
        _ => "number",
    }
}

fn described(value: &str) -> String {
    match kind_of(value) {
        "null" => "null".into(),
        kind => format!("{kind} ({value})"),
    }
}
