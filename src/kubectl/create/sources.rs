//! The sources of ConfigMaps and Secrets: `--from-literal`, `--from-file` and `--from-env-file`.
//!
//! Always holds: every key is a valid one, and none is there twice.

use super::{Failure, Options};
use std::collections::BTreeMap;

/// The words in which ConfigMaps and Secrets differ.
pub struct Sources {
    invalid: fn(key: &str, rule: &str) -> String,
    twice: fn(key: &str, name: &str) -> String,
}

impl Sources {
    /// Those of a ConfigMap.
    pub const CONFIG_MAP: Self = Self {
        invalid: |key, rule| format!("{key:?} is not a valid key name for a ConfigMap: {rule}"),
        twice: |key, name| {
            format!(
                "cannot add key {key:?}, another key by that name already exists in Data for ConfigMap {name:?}"
            )
        },
    };
    /// Those of a Secret.
    pub const SECRET: Self = Self {
        invalid: |key, rule| format!("{key:?} is not valid key name for a Secret {rule}"),
        twice: |key, _| format!("cannot add key {key}, another key by that name already exists"),
    };
}

/// The entries, in the order of their keys.
///
/// # Errors
/// As kubectl says what is wrong with a source.
pub fn read(options: &Options, words: &Sources) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let (literals, files, env_files) =
        (options.list("from-literal"), options.list("from-file"), options.list("from-env-file"));
    let others = literals.len() + files.len();
    if !env_files.is_empty() && others > 0 {
        return Err("from-env-file cannot be combined with from-file or from-literal".into());
    }
    let mut entries = Entries { words, name: &options.name, found: BTreeMap::new() };
    for literal in literals {
        match literal.split_once('=') {
            Some((key, value)) if !key.is_empty() => entries.add(key, unquoted(value).into())?,
            _ => return Err(format!("invalid literal source {literal}, expected key=value").into()),
        }
    }
    for file in files {
        entries.file(options, file)?;
    }
    for file in env_files {
        entries.env_file(options, file)?;
    }
    Ok(entries.found)
}

/// A value that is wholly in quotes goes without them.
fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if value.len() >= 2 && value.starts_with(quote) && value.ends_with(quote) {
            return &value[1..value.len() - 1];
        }
    }
    value
}

struct Entries<'a> {
    words: &'a Sources,
    name: &'a str,
    found: BTreeMap<String, Vec<u8>>,
}

impl Entries<'_> {
    fn add(&mut self, key: &str, value: Vec<u8>) -> Result<(), Failure> {
        if let Some(rule) = key_rule(key) {
            return Err((self.words.invalid)(key, &rule).into());
        }
        if self.found.contains_key(key) {
            return Err((self.words.twice)(key, self.name).into());
        }
        self.found.insert(key.to_owned(), value);
        Ok(())
    }

    fn file(&mut self, options: &Options, source: &str) -> Result<(), Failure> {
        let (key, path) = parse_source(source)?;
        if let Some(names) = options.host.list_dir(path) {
            if source.contains('=') {
                return Err("cannot give a key name for a directory path".into());
            }
            for name in names {
                let path = format!("{}/{name}", path.trim_end_matches('/'));
                if options.host.list_dir(&path).is_none() {
                    self.add(&name, read_file(options, &path)?)?;
                }
            }
            return Ok(());
        }
        let content = read_file(options, path)?;
        self.add(key, content)
    }

    fn env_file(&mut self, options: &Options, path: &str) -> Result<(), Failure> {
        if options.host.list_dir(path).is_some() {
            return Err("env config file cannot be a directory".into());
        }
        let content = read_file(options, path)?;
        let Ok(text) = String::from_utf8(content) else {
            return Err(format!("env file {path} contains invalid utf8 bytes at line 1").into());
        };
        for line in text.trim_start_matches('\u{feff}').lines() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = match line.split_once('=') {
                Some((key, value)) => (key, value.to_owned()),
                None => (line, options.host.variable(line).unwrap_or_default()),
            };
            if let Some(rule) = variable_rule(key) {
                return Err(format!("{key:?} is not a valid key name: {rule}").into());
            }
            self.add(key, value.into_bytes())?;
        }
        Ok(())
    }
}

fn read_file(options: &Options, path: &str) -> Result<Vec<u8>, Failure> {
    options.host.read_file(path).map_err(|why| format!("error reading {path}: {why}").into())
}

/// `path`, whose key is its last part, or `key=path`.
fn parse_source(source: &str) -> Result<(&str, &str), Failure> {
    match source.split_once('=') {
        None => Ok((source.trim_end_matches('/').rsplit('/').next().unwrap_or(source), source)),
        Some((_, rest)) if rest.contains('=') => Err("key names or file paths cannot contain '='".into()),
        Some(("", path)) => Err(format!("key name for file path {path} missing").into()),
        Some((key, "")) => Err(format!("file path for key name {key} missing").into()),
        Some(parts) => Ok(parts),
    }
}

/// What is wrong with a key of a ConfigMap or Secret.
fn key_rule(key: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let mut rules: Vec<&str> = Vec::new();
    if key.len() > 253 {
        rules.push("must be no more than 253 characters");
    }
    if key.is_empty() || !key.bytes().all(plain) {
        rules.push(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
             'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
        );
    }
    match key {
        "." => rules.push("must not be '.'"),
        ".." => rules.push("must not be '..'"),
        _ if key.starts_with("..") => rules.push("must not start with '..'"),
        _ => {}
    }
    (!rules.is_empty()).then(|| rules.join(";"))
}

/// What is wrong with the name of an environment variable.
pub fn variable_rule(name: &str) -> Option<String> {
    let first = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if first && name.bytes().all(plain) {
        return None;
    }
    Some(
        "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and \
         must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for \
         validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')"
            .to_owned(),
    )
}
