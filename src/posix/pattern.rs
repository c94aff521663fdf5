//! Shell patterns: `*`, `?`, `[a-z]`, `[!0-9]`, `[[:alpha:]]`; a backslash makes the next character plain.
//!
//! Always holds: matching takes time proportional to pattern × text; nothing recurses.

use super::World;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Many,
    One,
    Set { negated: bool, ranges: Vec<(char, char)>, classes: Vec<String> },
    Plain(char),
}

/// A pattern, ready to match.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<Token>);

impl Pattern {
    pub(super) fn new(source: &str) -> Self {
        let chars: Vec<char> = source.chars().collect();
        let mut tokens = Vec::new();
        let mut i = 0;
        while i < chars.len() {
            match chars[i] {
                '*' => {
                    if tokens.last() != Some(&Token::Many) {
                        tokens.push(Token::Many);
                    }
                }
                '?' => tokens.push(Token::One),
                '\\' if i + 1 < chars.len() => {
                    i += 1;
                    tokens.push(Token::Plain(chars[i]));
                }
                '[' => {
                    if let Some((set, next)) = read_set(&chars, i) {
                        tokens.push(set);
                        i = next;
                        continue;
                    }
                    tokens.push(Token::Plain('['));
                }
                c => tokens.push(Token::Plain(c)),
            }
            i += 1;
        }
        Self(tokens)
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        self.matches_chars(&text)
    }

    fn matches_chars(&self, text: &[char]) -> bool {
        let (mut p, mut t) = (0, 0);
        let mut back: Option<(usize, usize)> = None;
        while t < text.len() {
            match self.0.get(p) {
                Some(Token::Many) => {
                    back = Some((p + 1, t));
                    p += 1;
                    continue;
                }
                Some(token) if token.accepts(text[t]) => {
                    p += 1;
                    t += 1;
                    continue;
                }
                _ => {}
            }
            let Some((after, at)) = back else { return false };
            back = Some((after, at + 1));
            p = after;
            t = at + 1;
        }
        self.0[p..].iter().all(|token| *token == Token::Many)
    }

    /// The length in bytes of the shortest or longest prefix that matches.
    pub(super) fn prefix(&self, text: &str, longest: bool) -> Option<usize> {
        let chars: Vec<char> = text.chars().collect();
        let mut lengths: Vec<usize> = (0..=chars.len()).collect();
        if longest {
            lengths.reverse();
        }
        let found = lengths.into_iter().find(|&n| self.matches_chars(&chars[..n]))?;
        Some(chars[..found].iter().map(|c| c.len_utf8()).sum())
    }

    /// Where the shortest or longest suffix that matches begins.
    pub(super) fn suffix(&self, text: &str, longest: bool) -> Option<usize> {
        let chars: Vec<char> = text.chars().collect();
        let mut starts: Vec<usize> = (0..=chars.len()).collect();
        if !longest {
            starts.reverse();
        }
        let found = starts.into_iter().find(|&n| self.matches_chars(&chars[n..]))?;
        Some(chars[..found].iter().map(|c| c.len_utf8()).sum())
    }
}

impl Token {
    fn accepts(&self, c: char) -> bool {
        match self {
            Token::Many => false,
            Token::One => true,
            Token::Plain(plain) => *plain == c,
            Token::Set { negated, ranges, classes } => {
                let inside = ranges.iter().any(|(a, b)| (*a..=*b).contains(&c))
                    || classes.iter().any(|class| in_class(class, c));
                inside != *negated
            }
        }
    }
}

/// Whether `c` is of a class such as `alpha`.
pub(super) fn in_class(class: &str, c: char) -> bool {
    match class {
        "alpha" => c.is_alphabetic(),
        "digit" => c.is_ascii_digit(),
        "alnum" => c.is_alphanumeric(),
        "space" => c.is_whitespace(),
        "blank" => c == ' ' || c == '\t',
        "upper" => c.is_uppercase(),
        "lower" => c.is_lowercase(),
        "punct" => c.is_ascii_punctuation(),
        "xdigit" => c.is_ascii_hexdigit(),
        "cntrl" => c.is_control(),
        "print" => !c.is_control(),
        "graph" => !c.is_control() && !c.is_whitespace(),
        _ => false,
    }
}

fn read_set(chars: &[char], open: usize) -> Option<(Token, usize)> {
    let mut i = open + 1;
    let negated = matches!(chars.get(i), Some('!' | '^'));
    i += usize::from(negated);
    let first = i;
    let (mut ranges, mut classes) = (Vec::new(), Vec::new());
    loop {
        let mut c = *chars.get(i)?;
        if c == ']' && i > first {
            return Some((Token::Set { negated, ranges, classes }, i + 1));
        }
        if c == '[' && chars.get(i + 1) == Some(&':') {
            let end = (i + 2..chars.len()).find(|&e| chars[e] == ':' && chars.get(e + 1) == Some(&']'))?;
            classes.push(chars[i + 2..end].iter().collect());
            i = end + 2;
            continue;
        }
        if c == '\\' {
            i += 1;
            c = *chars.get(i)?;
        }
        if chars.get(i + 1) == Some(&'-') && chars.get(i + 2).is_some_and(|&e| e != ']') {
            let mut end = chars[i + 2];
            i += 3;
            if end == '\\' {
                end = *chars.get(i)?;
                i += 1;
            }
            ranges.push((c, end));
        } else {
            ranges.push((c, c));
            i += 1;
        }
    }
}

/// Whether a pattern's source has an active pattern character.
pub(super) fn is_pattern(source: &str) -> bool {
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

/// Makes every character of `text` plain in a pattern.
pub(super) fn escape(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '!' | '^' | '-') {
            made.push('\\');
        }
        made.push(c);
    }
    made
}

fn unescape(source: &str) -> String {
    let mut made = String::new();
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        made.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    made
}

/// More paths than this are not listed.
const MAX_PATHS: usize = 20_000;

/// The paths that a pattern names, sorted; none when nothing matches.
pub(super) fn glob(world: &mut dyn World, cwd: &str, source: &str) -> Vec<String> {
    let mut found: Vec<String> = vec![if source.starts_with('/') { "/".into() } else { String::new() }];
    let parts: Vec<&str> = source.split('/').filter(|p| !p.is_empty()).collect();
    for (i, part) in parts.iter().enumerate() {
        let last = i + 1 == parts.len();
        let mut next = Vec::new();
        for base in found {
            let join = |name: &str| {
                if base.is_empty() || base.ends_with('/') {
                    format!("{base}{name}")
                } else {
                    format!("{base}/{name}")
                }
            };
            if !is_pattern(part) {
                let path = join(&unescape(part));
                if world.stat(&super::resolve_path(cwd, &path)).is_ok() {
                    next.push(path);
                }
                continue;
            }
            let pattern = Pattern::new(part);
            let names = world.list(&super::resolve_path(cwd, &base)).unwrap_or_default();
            for name in names {
                let hidden = name.starts_with('.') && !part.starts_with('.');
                if hidden || !pattern.matches(&name) {
                    continue;
                }
                let path = join(&name);
                let directory = world_is_dir(world, &super::resolve_path(cwd, &path));
                if (last && !source.ends_with('/')) || directory {
                    next.push(path);
                }
            }
            if next.len() > MAX_PATHS {
                break;
            }
        }
        found = next;
    }
    if source.ends_with('/') {
        for path in &mut found {
            path.push('/');
        }
    }
    found.retain(|path| !path.is_empty());
    found
}

fn world_is_dir(world: &mut dyn World, path: &str) -> bool {
    world.stat(path).is_ok_and(|info| info.directory)
}
