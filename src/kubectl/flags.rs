//! Command line flags, by the rules and with the error texts of `spf13/pflag`, which the real kubectl uses.
//!
//! Always holds: a [`Flag`] is declared once; parsing, `--help` and completion read the same declaration. A value
//! that was accepted is of its kind, so that the typed readers of [`Flags`] cannot fail.

use std::collections::BTreeMap;

/// What values a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagKind {
    /// `--watch`, `--watch=false`.
    Bool,
    /// Any text; the last one counts.
    Text,
    /// A whole number of this many bits.
    Int(u32),
    /// `30s`, `1m30s`.
    Duration,
    /// Comma separated, and repeatable: every part is an item.
    List,
    /// Repeatable: every value is an item as it stands.
    Array,
}

/// The declaration of a flag.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Without dashes.
    pub name: &'static str,
    /// The one-letter form.
    pub short: Option<char>,
    /// What it takes.
    pub kind: FlagKind,
    /// Its value when it is not given, as help shows it.
    pub default: &'static str,
    /// Its value when it is given without one, as `--dry-run`.
    pub bare: Option<&'static str>,
    /// Whether the command refuses to run without it.
    pub required: bool,
    /// Whether help leaves it out.
    pub hidden: bool,
    /// What it is for.
    pub summary: &'static str,
}

impl Flag {
    /// A flag of any kind.
    pub const fn new(
        name: &'static str,
        kind: FlagKind,
        default: &'static str,
        summary: &'static str,
    ) -> Self {
        Self { name, short: None, kind, default, bare: None, required: false, hidden: false, summary }
    }

    /// A switch that is off at first.
    pub const fn bool(name: &'static str, summary: &'static str) -> Self {
        Self::new(name, FlagKind::Bool, "false", summary)
    }

    /// A switch that is on at first.
    pub const fn on(name: &'static str, summary: &'static str) -> Self {
        Self::new(name, FlagKind::Bool, "true", summary)
    }

    /// A text.
    pub const fn text(name: &'static str, default: &'static str, summary: &'static str) -> Self {
        Self::new(name, FlagKind::Text, default, summary)
    }

    /// A number of 64 bits.
    pub const fn int(name: &'static str, default: &'static str, summary: &'static str) -> Self {
        Self::new(name, FlagKind::Int(64), default, summary)
    }

    /// A duration.
    pub const fn duration(name: &'static str, default: &'static str, summary: &'static str) -> Self {
        Self::new(name, FlagKind::Duration, default, summary)
    }

    /// A comma separated list.
    pub const fn list(name: &'static str, summary: &'static str) -> Self {
        Self::new(name, FlagKind::List, "[]", summary)
    }

    /// A repeatable text.
    pub const fn array(name: &'static str, summary: &'static str) -> Self {
        Self::new(name, FlagKind::Array, "[]", summary)
    }

    /// The same flag with a one-letter form.
    #[must_use]
    pub const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    /// The same flag, which may stand without a value and then means `value`.
    #[must_use]
    pub const fn bare(mut self, value: &'static str) -> Self {
        self.bare = Some(value);
        self
    }

    /// The same flag, which must be given.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same flag, left out of help.
    #[must_use]
    pub const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// What it means without `=value`: its bare value, or true for a switch.
    pub fn without_value(&self) -> Option<&'static str> {
        self.bare.or((self.kind == FlagKind::Bool).then_some("true"))
    }

    fn check(&self, value: &str) -> Result<(), String> {
        let wrong = match self.kind {
            FlagKind::Bool => parse_bool(value)
                .is_none()
                .then(|| format!("strconv.ParseBool: parsing {}: invalid syntax", quote(value))),
            FlagKind::Int(bits) => parse_int(value, bits).err(),
            FlagKind::Duration => parse_duration(value).err(),
            FlagKind::Text | FlagKind::List | FlagKind::Array => None,
        };
        let Some(why) = wrong else { return Ok(()) };
        let named = match self.short {
            Some(letter) => format!("-{letter}, --{}", self.name),
            None => format!("--{}", self.name),
        };
        Err(format!("invalid argument {} for \"{named}\" flag: {why}", quote(value)))
    }
}

/// What a command line said.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    known: Vec<&'static Flag>,
    given: BTreeMap<&'static str, Vec<String>>,
    /// The arguments that are no flags, in order.
    pub args: Vec<String>,
    /// How many of the arguments stood before `--`.
    pub dash: Option<usize>,
}

impl Flags {
    /// Parses a command line by a command's flags.
    ///
    /// # Errors
    /// The text of pflag's error.
    pub fn parse(known: Vec<&'static Flag>, line: &[String]) -> Result<Self, String> {
        let mut flags = Self { known, ..Self::default() };
        let mut rest = line.iter();
        while let Some(word) = rest.next() {
            if word == "--" {
                flags.dash = Some(flags.args.len());
                flags.args.extend(rest.cloned());
                break;
            } else if let Some(long) = word.strip_prefix("--") {
                flags.long(word, long, &mut rest)?;
            } else if word.len() > 1 && word.starts_with('-') {
                flags.cluster(word, &mut rest)?;
            } else {
                flags.args.push(word.clone());
            }
        }
        Ok(flags)
    }

    fn long(
        &mut self,
        word: &str,
        long: &str,
        rest: &mut std::slice::Iter<'_, String>,
    ) -> Result<(), String> {
        if long.starts_with(['-', '=']) {
            return Err(format!("bad flag syntax: {word}"));
        }
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let Some(flag) = self.find(name) else {
            return Err(if name == "help" { HELP.to_owned() } else { format!("unknown flag: --{name}") });
        };
        let value = match (value, flag.without_value()) {
            (Some(value), _) => value.to_owned(),
            (None, Some(bare)) => bare.to_owned(),
            (None, None) => {
                rest.next().cloned().ok_or_else(|| format!("flag needs an argument: --{name}"))?
            }
        };
        self.set(flag, value)
    }

    fn cluster(&mut self, word: &str, rest: &mut std::slice::Iter<'_, String>) -> Result<(), String> {
        let letters: Vec<char> = word.chars().skip(1).collect();
        let mut at = 0;
        while at < letters.len() {
            let (letter, tail) = (letters[at], &letters[at + 1..]);
            let shown: String = letters[at..].iter().collect();
            let Some(flag) = self.known.iter().copied().find(|f| f.short == Some(letter)) else {
                let unknown = format!("unknown shorthand flag: {letter:?} in -{shown}");
                return Err(if letter == 'h' { HELP.to_owned() } else { unknown });
            };
            let text: String = tail.iter().collect();
            if let Some(value) = text.strip_prefix('=') {
                return self.set(flag, value.to_owned());
            }
            if let Some(bare) = flag.without_value() {
                self.set(flag, bare.to_owned())?;
                at += 1;
            } else if !text.is_empty() {
                return self.set(flag, text);
            } else {
                let missing = || format!("flag needs an argument: {letter:?} in -{shown}");
                let value = rest.next().cloned().ok_or_else(missing)?;
                return self.set(flag, value);
            }
        }
        Ok(())
    }

    fn set(&mut self, flag: &'static Flag, value: String) -> Result<(), String> {
        flag.check(&value)?;
        let values = self.given.entry(flag.name).or_default();
        match flag.kind {
            FlagKind::List => values.extend(split_csv(&value)),
            FlagKind::Array => values.push(value),
            _ => *values = vec![value],
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Option<&'static Flag> {
        self.known.iter().copied().find(|f| f.name == name)
    }

    /// Whether the command has such a flag.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The flags that were given, as ` --name=value` each, by name.
    pub fn given(&self) -> String {
        let shown = |(name, values): (&&str, &Vec<String>)| match self.find(name).map(|flag| flag.kind) {
            Some(FlagKind::List | FlagKind::Array) => format!(" --{name}=[{}]", values.join(",")),
            _ => format!(" --{name}={}", values.join("")),
        };
        self.given.iter().map(shown).collect()
    }

    /// Whether the flag was given.
    pub fn changed(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// The flag's text; empty for a flag that the command does not have.
    pub fn text(&self, name: &str) -> &str {
        let given = self.given.get(name).and_then(|v| v.last()).map(String::as_str);
        given.unwrap_or_else(|| self.find(name).map_or("", |f| f.default))
    }

    /// Whether the switch is on.
    pub fn bool(&self, name: &str) -> bool {
        parse_bool(self.text(name)).unwrap_or(false)
    }

    /// The number.
    pub fn int(&self, name: &str) -> i64 {
        parse_int(self.text(name), 64).unwrap_or(0)
    }

    /// The duration in nanoseconds; it may be negative.
    pub fn duration(&self, name: &str) -> i64 {
        parse_duration(self.text(name)).unwrap_or(0)
    }

    /// The items of a list or an array.
    pub fn list(&self, name: &str) -> &[String] {
        self.given.get(name).map_or(&[], Vec::as_slice)
    }

    /// `required flag(s) "image" not set`, when any is missing.
    pub fn missing(&self) -> Option<String> {
        let missing: Vec<String> = self
            .known
            .iter()
            .filter(|f| f.required && !self.changed(f.name))
            .map(|f| format!("\"{}\"", f.name))
            .collect();
        (!missing.is_empty()).then(|| format!("required flag(s) {} not set", missing.join(", ")))
    }
}

/// The error of [`Flags::parse`] when `-h` or `--help` was asked for.
pub const HELP: &str = "help requested";

/// The words of a command line that are no flags and no values of flags, with their places. Unknown flags are taken
/// to have a value, as cobra does when it looks for the subcommand.
pub fn command_words(known: &[&'static Flag], line: &[String]) -> Vec<usize> {
    let takes_value = |word: &str| {
        let flag = match word.strip_prefix("--") {
            Some(name) => known.iter().find(|f| f.name == name),
            None => known.iter().find(|f| f.short.is_some() && f.short == word.chars().nth(1)),
        };
        flag.is_none_or(|f| f.without_value().is_none())
    };
    let (mut words, mut at) = (Vec::new(), 0);
    while at < line.len() {
        let word = line[at].as_str();
        if word == "--" {
            break;
        }
        let help = word == "--help" || word == "-h";
        let separate = word.starts_with("--") || word.chars().count() == 2;
        if word.starts_with('-') && separate && !word.contains('=') && !help && takes_value(word) {
            if line.len() - at <= 2 {
                break;
            }
            at += 1;
        } else if !word.is_empty() && !word.starts_with('-') {
            words.push(at);
        }
        at += 1;
    }
    words
}

fn split_csv(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    let (mut items, mut item, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                item.push('"');
            }
            '"' if quoted || item.is_empty() => quoted = !quoted,
            ',' if !quoted => items.push(std::mem::take(&mut item)),
            _ => item.push(c),
        }
    }
    items.push(item);
    items
}

fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Go's `strconv.ParseInt(text, 0, bits)`.
///
/// # Errors
/// Its error text.
pub fn parse_int(text: &str, bits: u32) -> Result<i64, String> {
    let fail = |why: &str| format!("strconv.ParseInt: parsing {}: {why}", quote(text));
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(fail("invalid syntax"));
    }
    let magnitude = i128::from_str_radix(digits, radix).map_err(|_| fail("value out of range"))?;
    let value = if negative { -magnitude } else { magnitude };
    let limit = 1i128 << (bits.clamp(1, 64) - 1);
    if value >= limit || value < -limit {
        return Err(fail("value out of range"));
    }
    i64::try_from(value).map_err(|_| fail("value out of range"))
}

/// Go's `time.ParseDuration`, in nanoseconds.
///
/// # Errors
/// Its error text.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0f64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..end].parse().map_err(|_| invalid())?;
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "" => return Err(format!("time: missing unit in duration {}", quote(text))),
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            other => {
                return Err(format!("time: unknown unit {} in duration {}", quote(other), quote(text)));
            }
        };
        total += number * unit;
        rest = &rest[end..];
    }
    if total > i64::MAX as f64 {
        return Err(invalid());
    }
    Ok(if negative { -(total as i64) } else { total as i64 })
}

/// Go's `%q` of a text.
pub fn quote(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if (c as u32) < 0x20 || c == '\x7f' => out.extend(format!("\\x{:02x}", c as u32).chars()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Flag] = &[
        Flag::text("namespace", "", "").short('n'),
        Flag::bool("stdin", "").short('i'),
        Flag::bool("tty", "").short('t'),
        Flag::new("replicas", FlagKind::Int(32), "1", ""),
        Flag::text("dry-run", "none", "").bare("unchanged"),
        Flag::list("filename", "").short('f'),
        Flag::array("from-literal", ""),
        Flag::duration("timeout", "0s", ""),
    ];

    fn parse(line: &str) -> Result<Flags, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Flags::parse(TABLE.iter().collect(), &words)
    }

    #[test]
    fn accepts_what_pflag_accepts() {
        let flags = parse("a -it -nfoo b --replicas=0x10 --dry-run c -f x,y -f=z --from-literal a=1,2 -- -x")
            .unwrap();
        assert_eq!(flags.args, ["a", "b", "c", "-x"]);
        assert_eq!(flags.dash, Some(3));
        assert!(flags.bool("stdin") && flags.bool("tty"));
        assert_eq!(flags.text("namespace"), "foo");
        assert_eq!(flags.int("replicas"), 16);
        assert_eq!(flags.text("dry-run"), "unchanged");
        assert_eq!(flags.list("filename"), ["x", "y", "z"]);
        assert_eq!(flags.list("from-literal"), ["a=1,2"]);
        assert!(!parse("--stdin=false").unwrap().bool("stdin"));
        assert_eq!(parse("--timeout=1m30s").unwrap().duration("timeout"), 90_000_000_000);
    }

    #[test]
    fn refuses_with_the_texts_of_pflag() {
        let cases = [
            ("--nope", "unknown flag: --nope"),
            ("-z", "unknown shorthand flag: 'z' in -z"),
            ("-izq", "unknown shorthand flag: 'z' in -zq"),
            ("-n", "flag needs an argument: 'n' in -n"),
            ("--namespace", "flag needs an argument: --namespace"),
            ("--=x", "bad flag syntax: --=x"),
            (
                "--replicas=x",
                "invalid argument \"x\" for \"--replicas\" flag: strconv.ParseInt: parsing \"x\": invalid syntax",
            ),
            (
                "--replicas=3000000000",
                "invalid argument \"3000000000\" for \"--replicas\" flag: strconv.ParseInt: parsing \"3000000000\": value out of range",
            ),
            (
                "-i=maybe",
                "invalid argument \"maybe\" for \"-i, --stdin\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
            ),
            (
                "--timeout=5",
                "invalid argument \"5\" for \"--timeout\" flag: time: missing unit in duration \"5\"",
            ),
            ("--timeout=x", "invalid argument \"x\" for \"--timeout\" flag: time: invalid duration \"x\""),
            ("--help", HELP),
        ];
        for (line, error) in cases {
            assert_eq!(parse(line).unwrap_err(), error, "{line}");
        }
    }

    #[test]
    fn the_subcommand_is_found_behind_flags() {
        let known: Vec<&'static Flag> = TABLE.iter().collect();
        let words = |line: &str| {
            let line: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            command_words(&known, &line).into_iter().map(|at| line[at].clone()).collect::<Vec<_>>()
        };
        assert_eq!(words("-n foo get pods"), ["get", "pods"]);
        assert_eq!(words("--namespace=foo -i get -- x"), ["get"]);
        assert_eq!(words("--nope get pods x"), ["pods", "x"]);
    }
}
