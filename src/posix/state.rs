//! What a shell remembers: variables, functions, aliases, options, traps, its directory.
//!
//! Always holds: cloning is cheap (a subshell is a clone).

use super::arith::Cells;
use super::code::Code;
use super::expand::parse_index;
use imbl::OrdMap;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text(Arc<str>),
    /// Indexed or associative: keys are kept as text; numbers sort as numbers by [`Key`].
    Array(OrdMap<Key, Arc<str>>),
    /// Declared, and without a value.
    Unset,
}

/// An array's key: numbers first, in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Number(i64),
    Text(String),
}

impl Key {
    pub(super) fn text(&self) -> String {
        match self {
            Key::Number(n) => n.to_string(),
            Key::Text(text) => text.clone(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    pub content: Content,
    pub exported: bool,
    pub readonly: bool,
    pub integer: bool,
    pub associative: bool,
}

impl Default for Variable {
    fn default() -> Self {
        Self { content: Content::Unset, exported: false, readonly: false, integer: false, associative: false }
    }
}

/// `set -e` and the like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)]
pub(super) struct Options {
    pub errexit: bool,
    pub nounset: bool,
    pub xtrace: bool,
    pub noglob: bool,
    pub pipefail: bool,
    pub noclobber: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Shell {
    /// `bash`, `sh`, or the script's path: `$0`, and the start of messages.
    pub name: Arc<str>,
    pub pid: u32,
    pub vars: OrdMap<Arc<str>, Variable>,
    pub functions: OrdMap<Arc<str>, Code>,
    pub aliases: OrdMap<Arc<str>, Arc<str>>,
    pub traps: BTreeMap<String, Arc<str>>,
    pub args: Arc<[String]>,
    pub options: Options,
    pub cwd: Arc<str>,
    pub status: i32,
    pub last_background: Option<u32>,
    pub random: u64,
    pub started: u64,
}

/// More bytes than this in one value are refused.
pub(super) const MAX_VALUE: usize = 4 << 20;

impl Shell {
    pub(super) fn new(name: &str, args: &[String], env: &BTreeMap<String, String>, cwd: &str) -> Self {
        let mut vars = OrdMap::new();
        for (key, value) in env {
            let content = Content::Text(Arc::from(value.as_str()));
            vars.insert(Arc::from(key.as_str()), Variable { content, exported: true, ..Variable::default() });
        }
        let mut shell = Self {
            name: Arc::from(name),
            pid: 1,
            vars,
            functions: OrdMap::new(),
            aliases: OrdMap::new(),
            traps: BTreeMap::new(),
            args: args.into(),
            options: Options::default(),
            cwd: Arc::from(cwd),
            status: 0,
            last_background: None,
            random: 0x9e37_79b9_7f4a_7c15,
            started: 0,
        };
        let _ = shell.set("IFS", " \t\n");
        let _ = shell.set("PWD", cwd);
        let _ = shell.set("OPTIND", "1");
        shell
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        match &self.vars.get(name)?.content {
            Content::Text(text) => Some(text.to_string()),
            Content::Array(items) => items.get(&Key::Number(0)).map(std::string::ToString::to_string),
            Content::Unset => None,
        }
    }

    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        if value.len() > MAX_VALUE {
            return Err(format!("{name}: value too long (4 MiB at most)"));
        }
        let mut var = self.vars.get(name).cloned().unwrap_or_default();
        if var.readonly {
            return Err(format!("{name}: readonly variable"));
        }
        let text = if var.integer {
            Arc::from(super::arith::evaluate(value, self)?.to_string())
        } else {
            Arc::from(value)
        };
        match &mut var.content {
            Content::Array(items) => {
                items.insert(Key::Number(0), text);
            }
            content => *content = Content::Text(text),
        }
        self.vars.insert(Arc::from(name), var);
        Ok(())
    }

    pub(super) fn key(&mut self, name: &str, index: &str) -> Result<Key, String> {
        let associative = self.vars.get(name).is_some_and(|v| v.associative);
        if associative {
            return Ok(Key::Text(index.trim_matches(['"', '\'']).to_owned()));
        }
        let mut number = parse_index(self, index)?;
        if number < 0
            && let Some(Content::Array(items)) = self.vars.get(name).map(|v| &v.content)
            && let Some((Key::Number(last), _)) = items.get_max()
        {
            number += last + 1;
        }
        Ok(Key::Number(number))
    }

    pub(super) fn get_at(&mut self, name: &str, index: &str) -> Option<String> {
        let key = self.key(name, index).ok()?;
        match &self.vars.get(name)?.content {
            Content::Array(items) => items.get(&key).map(std::string::ToString::to_string),
            Content::Text(text) if key == Key::Number(0) => Some(text.to_string()),
            _ => None,
        }
    }

    pub(super) fn set_at(&mut self, name: &str, index: &str, value: &str) -> Result<(), String> {
        let key = self.key(name, index)?;
        let mut var = self.vars.get(name).cloned().unwrap_or_default();
        if var.readonly {
            return Err(format!("{name}: readonly variable"));
        }
        let mut items = match var.content {
            Content::Array(items) => items,
            Content::Text(text) => OrdMap::unit(Key::Number(0), text),
            Content::Unset => OrdMap::new(),
        };
        if items.len() >= 65_536 {
            return Err(format!("{name}: array too large (65536 elements at most)"));
        }
        items.insert(key, Arc::from(value));
        var.content = Content::Array(items);
        self.vars.insert(Arc::from(name), var);
        Ok(())
    }

    /// The elements of an array (a plain variable has one).
    pub(super) fn elements(&self, name: &str) -> Vec<(String, String)> {
        match self.vars.get(name).map(|v| &v.content) {
            Some(Content::Array(items)) => items.iter().map(|(k, v)| (k.text(), v.to_string())).collect(),
            Some(Content::Text(text)) => vec![("0".into(), text.to_string())],
            _ => Vec::new(),
        }
    }

    pub(super) fn export(&mut self, name: &str, exported: bool) {
        let mut var = self.vars.get(name).cloned().unwrap_or_default();
        var.exported = exported;
        self.vars.insert(Arc::from(name), var);
    }

    /// The environment that commands get.
    pub(super) fn env(&self) -> BTreeMap<String, String> {
        self.vars
            .iter()
            .filter(|(_, var)| var.exported)
            .filter_map(|(name, var)| match &var.content {
                Content::Text(text) => Some((name.to_string(), text.to_string())),
                _ => None,
            })
            .collect()
    }

    /// `$-`.
    pub(super) fn flags(&self) -> String {
        let o = self.options;
        [(o.errexit, 'e'), (o.noglob, 'f'), (o.nounset, 'u'), (o.xtrace, 'x'), (o.noclobber, 'C')]
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, c)| c)
            .chain("hB".chars())
            .collect()
    }

    /// The next `$RANDOM`.
    pub(super) fn next_random(&mut self) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.random >> 33
    }

    /// `bash: message`: how the shell begins what it says.
    pub(super) fn say(&self, message: &str) -> String {
        format!("{}: {message}\n", self.name)
    }
}

impl Cells for Shell {
    fn get(&mut self, name: &str, index: Option<&str>) -> Option<String> {
        match index {
            Some(index) => self.get_at(name, index),
            None if name == "RANDOM" => Some((self.next_random() & 0x7fff).to_string()),
            None => Shell::get(self, name),
        }
    }

    fn set(&mut self, name: &str, index: Option<&str>, value: String) -> Result<(), String> {
        match index {
            Some(index) => self.set_at(name, index, &value),
            None => Shell::set(self, name, &value),
        }
    }
}
