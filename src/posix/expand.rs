//! Expansion of words: parameters, substitutions, arithmetic, splitting, paths.
//!
//! Always holds: expansion is a function that may stop with [`Stop::Need`]: the machine then runs the substitution,
//! remembers its output in the [`Memo`], and expands again; what has been worked out once is taken from the memo, so
//! that nothing happens twice.

use super::World;
use super::code::{Code, Expansion, Op, Param, Piece, Place, Word};
use super::pattern::{self, Pattern};
use super::state::{Content, Shell};
use super::{arith, resolve_path};

/// Why expansion could not go on.
#[derive(Debug)]
pub(super) enum Stop {
    /// This command's output is needed.
    Need(Code, Use),
    /// The command fails with this message (the shell's name is not in it).
    Fail(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// As text.
    Text,
    /// As a file whose path is the text.
    File,
}

/// Something worked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// A substitution's output.
    Output(String),
    Arith(String),
    Random(String),
}

/// What has been worked out in an expansion so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Memo {
    pub done: Vec<Known>,
}

/// More bytes than this from one expansion are refused.
const MAX_EXPANSION: usize = 4 << 20;
const MAX_DEPTH: usize = 64;

pub(super) struct Expander<'a> {
    pub shell: &'a mut Shell,
    pub world: &'a mut dyn World,
    pub memo: &'a mut Memo,
    cursor: usize,
    depth: usize,
}

type Expanded<T> = Result<T, Stop>;

/// A field under construction: its text, and the same as a pattern in which quoted characters are escaped.
#[derive(Default)]
struct Field {
    text: String,
    pattern: String,
    quoted: bool,
}

impl Field {
    fn push(&mut self, text: &str, quoted: bool) {
        self.text.push_str(text);
        if quoted {
            self.pattern.push_str(&pattern::escape(text));
            self.quoted = true;
        } else {
            self.pattern.push_str(text);
        }
    }

    /// Unquoted text of the script: a backslash in an expansion's value is plain.
    fn push_value(&mut self, text: &str) {
        self.text.push_str(text);
        for c in text.chars() {
            if c == '\\' {
                self.pattern.push('\\');
            }
            self.pattern.push(c);
        }
    }
}

struct Fields {
    done: Vec<Field>,
    current: Field,
    started: bool,
    split: bool,
    ifs: String,
}

impl Fields {
    fn end(&mut self) {
        if self.started || self.current.quoted {
            self.done.push(std::mem::take(&mut self.current));
        }
        self.started = false;
    }

    fn text(&mut self, text: &str, quoted: bool) {
        self.started |= !text.is_empty() || quoted;
        self.current.push(text, quoted);
    }

    fn value(&mut self, text: &str) {
        if !self.split {
            self.started |= !text.is_empty();
            self.current.push_value(text);
            return;
        }
        let ifs = self.ifs.clone();
        let mut run = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if !ifs.contains(c) {
                run.push(c);
                continue;
            }
            if !run.is_empty() {
                self.started = true;
                self.current.push_value(&run);
                run.clear();
            }
            if c.is_whitespace() {
                self.end();
            } else {
                self.started = true;
                self.end();
                while chars.peek().is_some_and(|n| n.is_whitespace() && ifs.contains(*n)) {
                    chars.next();
                }
            }
        }
        if !run.is_empty() {
            self.started = true;
            self.current.push_value(&run);
        }
    }
}

impl<'a> Expander<'a> {
    pub(super) fn new(shell: &'a mut Shell, world: &'a mut dyn World, memo: &'a mut Memo) -> Self {
        Self { shell, world, memo, cursor: 0, depth: 0 }
    }

    fn fields_of(&mut self, word: &Word, split: bool) -> Expanded<Vec<Field>> {
        let ifs = self.shell.get("IFS").unwrap_or_else(|| " \t\n".into());
        let mut fields = Fields { done: Vec::new(), current: Field::default(), started: false, split, ifs };
        self.pieces(&word.pieces, false, &mut fields)?;
        fields.end();
        let size: usize = fields.done.iter().map(|f| f.text.len()).sum();
        if size > MAX_EXPANSION {
            return Err(Stop::Fail("expansion too large (4 MiB at most)".into()));
        }
        Ok(fields.done)
    }

    /// A command's words: split, and paths expanded.
    pub(super) fn words(&mut self, words: &[Word]) -> Expanded<Vec<String>> {
        let mut made = Vec::new();
        for word in words {
            for field in self.fields_of(word, true)? {
                if self.shell.options.noglob || !pattern::is_pattern(&field.pattern) {
                    made.push(field.text);
                    continue;
                }
                let cwd = std::sync::Arc::clone(&self.shell.cwd);
                let found = pattern::glob(self.world, &cwd, &field.pattern);
                if found.is_empty() {
                    made.push(field.text);
                } else {
                    made.extend(found);
                }
            }
            if made.len() > super::braces::MAX_WORDS {
                return Err(Stop::Fail("Argument list too long".into()));
            }
        }
        Ok(made)
    }

    /// One word as one text: no splitting, no paths.
    pub(super) fn text(&mut self, word: &Word) -> Expanded<String> {
        let fields = self.fields_of(word, false)?;
        Ok(fields.into_iter().map(|f| f.text).collect::<Vec<_>>().join(" "))
    }

    /// One word as a pattern.
    pub(super) fn pattern(&mut self, word: &Word) -> Expanded<String> {
        let fields = self.fields_of(word, false)?;
        Ok(fields.into_iter().map(|f| f.pattern).collect::<Vec<_>>().join(" "))
    }

    /// One word as a regular expression: what is quoted is plain.
    pub(super) fn regex(&mut self, word: &Word) -> Expanded<String> {
        let mut made = String::new();
        for piece in &word.pieces {
            let one = Word { pieces: vec![piece.clone()], text: String::new() };
            let text = self.text(&one)?;
            match piece {
                Piece::Quoted(_) | Piece::Double(_) => made.push_str(&regex::escape(&text)),
                _ => made.push_str(&text),
            }
        }
        Ok(made)
    }

    pub(super) fn arith(&mut self, word: &Word) -> Expanded<i64> {
        let value = self.once(Known::Arith, |this| {
            let source = this.text(word)?;
            arith::evaluate(&source, this.shell).map(|v| v.to_string()).map_err(Stop::Fail)
        })?;
        Ok(value.parse().unwrap_or(0))
    }

    /// Takes a value from the memo, or works it out and remembers it.
    fn once(
        &mut self,
        kind: fn(String) -> Known,
        work: impl FnOnce(&mut Self) -> Expanded<String>,
    ) -> Expanded<String> {
        // A value worked out inside comes before its user in the memo, and is used up with it.
        let at = self.cursor;
        if let Some(known) = self.memo.done.get(at)
            && let Known::Arith(value) | Known::Random(value) = known
            && *known == kind(value.clone())
        {
            self.cursor += 1;
            return Ok(value.clone());
        }
        let value = work(self)?;
        self.memo.done.truncate(at);
        self.memo.done.push(kind(value.clone()));
        self.cursor = at + 1;
        Ok(value)
    }

    fn command(&mut self, code: &Code, how: Use) -> Expanded<String> {
        let at = self.cursor;
        if let Some(Known::Output(value)) = self.memo.done.get(at) {
            self.cursor += 1;
            return Ok(value.clone());
        }
        Err(Stop::Need(Code::clone(code), how))
    }

    fn pieces(&mut self, pieces: &[Piece], quoted: bool, fields: &mut Fields) -> Expanded<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Stop::Fail("expansions nested too deeply".into()));
        }
        for (i, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Text(text) if !quoted && i == 0 && text.starts_with('~') => {
                    self.tilde_text(text, fields);
                }
                Piece::Text(text) => fields.text(text, quoted),
                Piece::Quoted(text) => fields.text(text, true),
                Piece::Double(inner) => {
                    // "$@" without arguments is no field at all.
                    let lone_all = matches!(inner.as_slice(), [Piece::Param(e)]
                        if matches!(e.param, Param::All { join: false, .. }) && matches!(e.op, Op::Get | Op::Substring { .. }));
                    if !lone_all {
                        fields.text("", true);
                    }
                    self.pieces(inner, true, fields)?;
                }
                Piece::Tilde(user) => {
                    let home = self.tilde(user);
                    fields.text(&home, true);
                }
                Piece::Param(expansion) => self.param(expansion, quoted, fields)?,
                Piece::Command(code) => {
                    let text = self.command(code, Use::Text)?;
                    if quoted { fields.text(&text, true) } else { fields.value(&text) }
                }
                Piece::Process(code) => {
                    let path = self.command(code, Use::File)?;
                    fields.text(&path, true);
                }
                Piece::Arith(word) => {
                    let value = self.arith(word)?.to_string();
                    if quoted { fields.text(&value, true) } else { fields.value(&value) }
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn tilde_text(&mut self, text: &str, fields: &mut Fields) {
        let (user, rest) = text[1..].split_once('/').map_or((&text[1..], None), |(u, r)| (u, Some(r)));
        if !user.chars().all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '-') {
            fields.text(text, false);
            return;
        }
        let home = self.tilde(user);
        fields.text(&home, true);
        if let Some(rest) = rest {
            fields.text("/", false);
            fields.text(rest, false);
        }
    }

    fn tilde(&mut self, user: &str) -> String {
        match user {
            "" => self.shell.get("HOME").unwrap_or_else(|| "/root".into()),
            "+" => self.shell.cwd.to_string(),
            "-" => self.shell.get("OLDPWD").unwrap_or_else(|| "~-".into()),
            "root" => "/root".into(),
            user if *user == self.world.user() => {
                self.shell.get("HOME").unwrap_or_else(|| format!("/home/{user}"))
            }
            user => format!("~{user}"),
        }
    }

    /// The value of a parameter; `None` when it is not set.
    fn value(&mut self, param: &Param) -> Expanded<Option<String>> {
        Ok(match param {
            Param::Named(name) if name == "RANDOM" => {
                Some(self.once(Known::Random, |this| Ok((this.shell.next_random() & 0x7fff).to_string()))?)
            }
            Param::Named(name) => self.named(name),
            Param::Index(name, index) => {
                let index = super::parse::parse_quoted(index).map_err(|e| Stop::Fail(e.message))?;
                let index = self.text(&index)?;
                self.shell.get_at(name, &index)
            }
            Param::Positional(0) => Some(self.shell.name.to_string()),
            Param::Positional(n) => self.shell.args.get(*n as usize - 1).cloned(),
            Param::Special(c) => Some(match c {
                '#' => self.shell.args.len().to_string(),
                '?' => self.shell.status.to_string(),
                '$' => self.shell.pid.to_string(),
                '-' => self.shell.flags(),
                '!' => return Ok(self.shell.last_background.map(|pid| pid.to_string())),
                _ => String::new(),
            }),
            Param::All { .. } => {
                let all = self.all(param);
                if all.is_empty() { None } else { Some(all.join(" ")) }
            }
        })
    }

    fn named(&mut self, name: &str) -> Option<String> {
        let seconds = self.world.now().saturating_sub(self.shell.started) / 1_000_000_000;
        match name {
            "SECONDS" => Some(seconds.to_string()),
            "EPOCHSECONDS" => Some((self.world.now() / 1_000_000_000).to_string()),
            "HOSTNAME" => Some(self.shell.get(name).unwrap_or_else(|| self.world.hostname())),
            "UID" | "EUID" => Some(if self.world.user() == "root" { "0".into() } else { "1000".into() }),
            "PPID" => Some("0".into()),
            "LINENO" => Some("1".into()),
            _ => self.shell.get(name),
        }
    }

    fn all(&mut self, param: &Param) -> Vec<String> {
        match param {
            Param::All { name: None, .. } => self.shell.args.to_vec(),
            Param::All { name: Some(name), .. } => {
                self.shell.elements(name).into_iter().map(|(_, v)| v).collect()
            }
            _ => Vec::new(),
        }
    }

    fn list(&mut self, values: Vec<String>, join: bool, quoted: bool, fields: &mut Fields) {
        if quoted && join {
            let by = self.shell.get("IFS").map_or(Some(' '), |ifs| ifs.chars().next());
            let by = by.map(String::from).unwrap_or_default();
            fields.text(&values.join(&by), true);
            return;
        }
        for (i, value) in values.iter().enumerate() {
            if i > 0 {
                if fields.split {
                    fields.end();
                } else {
                    fields.text(" ", quoted);
                }
            }
            if quoted { fields.text(value, true) } else { fields.value(value) }
        }
    }

    fn param(&mut self, expansion: &Expansion, quoted: bool, fields: &mut Fields) -> Expanded<()> {
        let indirect;
        let mut param = &expansion.param;
        if expansion.indirect {
            let name = self.value(param)?.unwrap_or_default();
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
            if !is_name {
                return Err(Stop::Fail(format!("{name}: invalid variable name")));
            }
            indirect = name.parse().map_or(Param::Named(name), Param::Positional);
            param = &indirect;
        }
        if let Param::All { join, .. } = param
            && !matches!(
                expansion.op,
                Op::Length
                    | Op::Default { .. }
                    | Op::Alternative { .. }
                    | Op::Assign { .. }
                    | Op::Require { .. }
                    | Op::Keys
                    | Op::Names
            )
        {
            let values = self.all_with(param, &expansion.op)?;
            self.list(values, *join, quoted, fields);
            return Ok(());
        }
        let put = |text: &str, fields: &mut Fields| {
            if quoted { fields.text(text, true) } else { fields.value(text) }
        };
        match &expansion.op {
            Op::Default { null, word } | Op::Assign { null, word } => {
                let value = self.value(param)?;
                if let Some(value) = value.filter(|v| !(*null && v.is_empty())) {
                    if let (Param::All { join, .. }, true) = (param, quoted) {
                        let values = self.all(param);
                        self.list(values, *join, quoted, fields);
                    } else {
                        put(&value, fields);
                    }
                    return Ok(());
                }
                if matches!(expansion.op, Op::Assign { .. }) {
                    let text = self.text(word)?;
                    self.assign(param, &text)?;
                    put(&text, fields);
                    return Ok(());
                }
                self.alternative(word, quoted, fields)
            }
            Op::Alternative { null, word } => {
                let value = self.value(param)?;
                if value.is_some_and(|v| !(*null && v.is_empty())) {
                    return self.alternative(word, quoted, fields);
                }
                Ok(())
            }
            Op::Require { null, word } => {
                let value = self.value(param)?;
                if let Some(value) = value.filter(|v| !(*null && v.is_empty())) {
                    put(&value, fields);
                    return Ok(());
                }
                let message = match word {
                    Some(word) if !word.pieces.is_empty() => self.text(word)?,
                    _ if *null => "parameter null or not set".into(),
                    _ => "parameter not set".into(),
                };
                Err(Stop::Fail(format!("{}: {message}", name_of(param))))
            }
            Op::Length => {
                let length = match param {
                    Param::All { .. } => self.all(param).len(),
                    param => self.bound(param)?.chars().count(),
                };
                put(&length.to_string(), fields);
                Ok(())
            }
            Op::Names => {
                let Param::Named(prefix) = param else { return Ok(()) };
                let names: Vec<String> = self
                    .shell
                    .vars
                    .keys()
                    .filter(|k| k.starts_with(prefix.as_str()))
                    .map(std::string::ToString::to_string)
                    .collect();
                self.list(names, false, quoted, fields);
                Ok(())
            }
            Op::Keys => {
                let Param::All { name: Some(name), join } = param else { return Ok(()) };
                let keys = self.shell.elements(name).into_iter().map(|(k, _)| k).collect();
                self.list(keys, *join, quoted, fields);
                Ok(())
            }
            op => {
                let value = self.bound(param)?;
                let value = self.transform(value, op)?;
                put(&value, fields);
                Ok(())
            }
        }
    }

    /// A parameter's value where `set -u` objects to none.
    fn bound(&mut self, param: &Param) -> Expanded<String> {
        match self.value(param)? {
            Some(value) => Ok(value),
            None if self.shell.options.nounset => {
                Err(Stop::Fail(format!("{}: unbound variable", name_of(param))))
            }
            None => Ok(String::new()),
        }
    }

    fn alternative(&mut self, word: &Word, quoted: bool, fields: &mut Fields) -> Expanded<()> {
        if quoted {
            let text = self.text(word)?;
            fields.text(&text, true);
            return Ok(());
        }
        // Text of the word is split as if it were a value; what is quoted in it is not.
        for piece in &word.pieces {
            match piece {
                Piece::Text(text) if !text.starts_with('~') => fields.value(text),
                piece => self.pieces(std::slice::from_ref(piece), false, fields)?,
            }
        }
        Ok(())
    }

    fn assign(&mut self, param: &Param, value: &str) -> Expanded<()> {
        let done = match param {
            Param::Named(name) => self.shell.set(name, value),
            Param::Index(name, index) => self.shell.set_at(name, index, value),
            param => Err(format!("${}: cannot assign in this way", name_of(param))),
        };
        done.map_err(Stop::Fail)
    }

    fn all_with(&mut self, param: &Param, op: &Op) -> Expanded<Vec<String>> {
        let values = self.all(param);
        if let Op::Substring { offset, length } = op {
            let mut values = values;
            // ${@:0} begins with $0.
            if matches!(param, Param::All { name: None, .. }) {
                values.insert(0, self.shell.name.to_string());
            }
            let (from, to) = self.range(offset, length.as_ref(), values.len())?;
            return Ok(values[from..to].to_vec());
        }
        values.into_iter().map(|value| self.transform(value, op)).collect()
    }

    fn range(&mut self, offset: &Word, length: Option<&Word>, size: usize) -> Expanded<(usize, usize)> {
        let size = size as i64;
        let from = self.arith(offset)?;
        let from = if from < 0 { from + size } else { from };
        let to = match length {
            None => size,
            Some(length) => {
                let length = self.arith(length)?;
                if length < 0 { size + length } else { from.saturating_add(length) }
            }
        };
        if from < 0 || from > size || to < from {
            return Ok((0, 0));
        }
        Ok((from as usize, to.min(size) as usize))
    }

    fn transform(&mut self, value: String, op: &Op) -> Expanded<String> {
        Ok(match op {
            Op::Trim { suffix, longest, pattern } => {
                let pattern = Pattern::new(&self.pattern(pattern)?);
                if *suffix {
                    match pattern.suffix(&value, *longest) {
                        Some(at) => value[..at].to_owned(),
                        None => value,
                    }
                } else {
                    match pattern.prefix(&value, *longest) {
                        Some(at) => value[at..].to_owned(),
                        None => value,
                    }
                }
            }
            Op::Substring { offset, length } => {
                let chars: Vec<char> = value.chars().collect();
                let (from, to) = self.range(offset, length.as_ref(), chars.len())?;
                chars[from..to].iter().collect()
            }
            Op::Case { upper, all } => {
                let change = |c: char| -> String {
                    if *upper { c.to_uppercase().collect() } else { c.to_lowercase().collect() }
                };
                value
                    .chars()
                    .enumerate()
                    .map(|(i, c)| if *all || i == 0 { change(c) } else { c.to_string() })
                    .collect()
            }
            Op::Replace { place, pattern, with } => {
                let source = self.pattern(pattern)?;
                let with = self.text(with)?;
                replace(&value, &source, &with, *place)
            }
            Op::Quote => quote(&value),
            _ => value,
        })
    }
}

/// Text in single quotes when it needs them.
pub(super) fn quote(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

fn replace(value: &str, source: &str, with: &str, place: Place) -> String {
    if source.is_empty() {
        return value.to_owned();
    }
    let pattern = Pattern::new(source);
    match place {
        Place::Start => match pattern.prefix(value, true) {
            Some(at) => format!("{with}{}", &value[at..]),
            None => value.to_owned(),
        },
        Place::End => match pattern.suffix(value, true) {
            Some(at) => format!("{}{with}", &value[..at]),
            None => value.to_owned(),
        },
        Place::First | Place::All => {
            let mut made = String::new();
            let mut rest = value;
            // Matching every position costs a square of the length: very long values are left alone.
            let long = value.len() > 20_000;
            while let Some(c) = rest.chars().next() {
                match pattern.prefix(if long { &rest[..c.len_utf8()] } else { rest }, true) {
                    Some(at) if at > 0 => {
                        made.push_str(with);
                        rest = &rest[at..];
                        if place == Place::First {
                            break;
                        }
                    }
                    _ => {
                        made.push(c);
                        rest = &rest[c.len_utf8()..];
                    }
                }
            }
            made + rest
        }
    }
}

fn name_of(param: &Param) -> String {
    match param {
        Param::Named(name) => name.clone(),
        Param::Index(name, index) => format!("{name}[{index}]"),
        Param::All { name: Some(name), .. } => format!("{name}[@]"),
        Param::All { name: None, .. } => "@".into(),
        Param::Positional(n) => n.to_string(),
        Param::Special(c) => c.to_string(),
    }
}

/// An array's index as a number.
pub(super) fn parse_index(shell: &mut Shell, index: &str) -> Result<i64, String> {
    match index.trim().parse() {
        Ok(number) => Ok(number),
        Err(_) => arith::evaluate(index.trim_start_matches('$'), shell),
    }
}

/// Whether a variable has a value.
pub(super) fn is_set(shell: &Shell, name: &str) -> bool {
    shell.vars.get(name).is_some_and(|v| v.content != Content::Unset)
}

/// An absolute path.
pub(super) fn absolute(shell: &Shell, path: &str) -> String {
    resolve_path(&shell.cwd, path)
}
