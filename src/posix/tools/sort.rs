//! sort: keys, numbers, human sizes and versions.
//!
//! Always holds: it is stable where GNU's is, and compares bytes (as in the C locale) as a last resort.

use super::{Inputs, Io, Known, Options, Tool, Whole, lossy};
use std::cmp::Ordering;

#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)]
struct How {
    numeric: bool,
    human: bool,
    version: bool,
    reverse: bool,
    fold: bool,
    blanks: bool,
    month: bool,
}

#[derive(Clone, Debug)]
struct Key {
    from: (usize, usize),
    to: Option<(usize, usize)>,
    how: How,
}

pub(super) fn start(args: &[String], io: &mut Io) -> Result<Box<dyn Tool>, i32> {
    let known = Known {
        name: "sort",
        letters: "nruhVfbsgMk:t:o:czd",
        long: &[
            ("numeric-sort", 'n'),
            ("reverse", 'r'),
            ("unique", 'u'),
            ("human-numeric-sort", 'h'),
            ("version-sort", 'V'),
            ("ignore-case", 'f'),
            ("key", 'k'),
            ("field-separator", 't'),
            ("output", 'o'),
            ("stable", 's'),
            ("check", 'c'),
        ],
    };
    let options = known.read(args, io)?;
    for key in options.values('k') {
        if read_key(key, &How::default()).is_none() {
            io.err(&format!("sort: invalid number at field start: invalid count at start of ‘{key}’\n"));
            return Err(2);
        }
    }
    Ok(Whole::tool(Inputs::new("sort", &options.rest).failing(2), options, finish))
}

fn letters(text: &str, base: &How) -> How {
    if text.is_empty() {
        return base.clone();
    }
    How {
        numeric: text.contains(['n', 'g']),
        human: text.contains('h'),
        version: text.contains('V'),
        reverse: text.contains('r'),
        fold: text.contains('f'),
        blanks: text.contains('b'),
        month: text.contains('M'),
    }
}

fn read_key(text: &str, base: &How) -> Option<Key> {
    let (from, to) = text.split_once(',').map_or((text, None), |(f, t)| (f, Some(t)));
    let place = |part: &str| -> Option<((usize, usize), String)> {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(part.len());
        let (field, char) = part[..end].split_once('.').unwrap_or((&part[..end], "0"));
        Some(((field.parse().ok()?, char.parse().ok()?), part[end..].to_owned()))
    };
    let (from, first) = place(from)?;
    let to = match to {
        Some(to) => Some(place(to)?),
        None => None,
    };
    if from.0 == 0 {
        return None;
    }
    let flags = first + to.as_ref().map_or("", |(_, l)| l);
    Some(Key { from, to: to.map(|(p, _)| p), how: letters(&flags, base) })
}

fn finish(options: &Options, files: Vec<(String, Vec<u8>)>, io: &mut Io) -> i32 {
    let base = How {
        numeric: options.has('n') || options.has('g'),
        human: options.has('h'),
        version: options.has('V'),
        reverse: options.has('r'),
        fold: options.has('f'),
        blanks: options.has('b'),
        month: options.has('M'),
    };
    let keys: Vec<Key> = options.values('k').filter_map(|k| read_key(k, &base)).collect();
    let separator = options.value('t').and_then(|t| lossy(&super::unescape(t)).chars().next());
    let text: Vec<String> = files.iter().map(|(_, bytes)| lossy(bytes)).collect();
    let mut lines: Vec<&str> = text.iter().flat_map(|t| t.lines()).collect();
    let by_keys = |a: &str, b: &str| -> Ordering {
        if keys.is_empty() {
            return compare(a, b, &base);
        }
        keys.iter()
            .map(|key| compare(cut(a, key, separator), cut(b, key, separator), &key.how))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    };
    let plain = !options.has('s') && !options.has('u');
    let full = |a: &&str, b: &&str| {
        let order = by_keys(a, b);
        if order.is_eq() && plain {
            let last = a.cmp(b);
            return if base.reverse { last.reverse() } else { last };
        }
        order
    };
    if options.has('c') {
        for pair in lines.windows(2) {
            if full(&pair[0], &pair[1]).is_gt() {
                io.err(&format!("sort: -: disorder: {}\n", pair[1]));
                return 1;
            }
        }
        return 0;
    }
    lines.sort_by(full);
    if options.has('u') {
        lines.dedup_by(|a, b| by_keys(a, b).is_eq());
    }
    let made: String = lines.iter().map(|line| format!("{line}\n")).collect();
    match options.value('o') {
        Some(file) => {
            let path = io.path(file);
            if let Err(why) = io.world.write(&path, made.as_bytes(), false) {
                io.err(&format!("sort: open failed: {file}: {why}\n"));
                return 2;
            }
        }
        None => io.out(made),
    }
    0
}

/// The part of a line that a key names.
fn cut<'a>(line: &'a str, key: &Key, separator: Option<char>) -> &'a str {
    // Where each field begins and ends; without a separator leading blanks belong to the field.
    let mut fields = Vec::new();
    if let Some(separator) = separator {
        let mut at = 0;
        for field in line.split(separator) {
            fields.push((at, at + field.len()));
            at += field.len() + separator.len_utf8();
        }
    } else {
        let (mut start, mut seen) = (0, false);
        for (i, c) in line.char_indices() {
            if c == ' ' || c == '\t' {
                if seen {
                    fields.push((start, i));
                    start = i;
                    seen = false;
                }
            } else {
                seen = true;
            }
        }
        fields.push((start, line.len()));
    }
    let offset = |range: (usize, usize), chars: usize| {
        line[range.0..range.1].char_indices().nth(chars).map_or(range.1, |(i, _)| range.0 + i)
    };
    let Some(first) = fields.get(key.from.0 - 1) else { return "" };
    let start = offset(*first, key.from.1.saturating_sub(1));
    let end = match key.to {
        None => line.len(),
        Some((field, chars)) => match fields.get(field.saturating_sub(1)) {
            None => line.len(),
            Some(range) if chars == 0 => range.1,
            Some(range) => offset(*range, chars),
        },
    };
    line.get(start..end.max(start)).unwrap_or("")
}

fn number(text: &str) -> f64 {
    let text = text.trim_start();
    let end = text
        .char_indices()
        .find(|(i, c)| !(c.is_ascii_digit() || *c == '.' || (*i == 0 && (*c == '-' || *c == '+'))))
        .map_or(text.len(), |(i, _)| i);
    text[..end].trim_start_matches('+').parse().unwrap_or(0.0)
}

fn human(text: &str) -> f64 {
    let trimmed = text.trim_start();
    let unit = trimmed.trim_start_matches(|c: char| c.is_ascii_digit() || ".-".contains(c)).chars().next();
    let power = unit.and_then(|u| "KMGTPE".find(u.to_ascii_uppercase())).map_or(0, |p| p + 1);
    number(trimmed) * 1024f64.powi(power as i32)
}

fn month(text: &str) -> usize {
    let names = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    let text: String = text.trim_start().chars().take(3).collect::<String>().to_uppercase();
    names.iter().position(|m| *m == text).map_or(0, |m| m + 1)
}

fn version(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let digits = |s: &str| s.find(|c: char| !c.is_ascii_digit()).unwrap_or(s.len());
        let words = |s: &str| s.find(|c: char| c.is_ascii_digit()).unwrap_or(s.len());
        let (x, y) = (words(a), words(b));
        let order = a[..x].cmp(&b[..y]);
        if order.is_ne() {
            return order;
        }
        (a, b) = (&a[x..], &b[y..]);
        let (x, y) = (digits(a), digits(b));
        let value = |s: &str| s.trim_start_matches('0').to_owned();
        let (m, n) = (value(&a[..x]), value(&b[..y]));
        let order = m.len().cmp(&n.len()).then(m.cmp(&n));
        if order.is_ne() || (a[x..].is_empty() && b[y..].is_empty()) {
            return order;
        }
        (a, b) = (&a[x..], &b[y..]);
    }
}

fn compare(a: &str, b: &str, how: &How) -> Ordering {
    let (a, b) = if how.blanks { (a.trim_start(), b.trim_start()) } else { (a, b) };
    let order = if how.numeric {
        number(a).total_cmp(&number(b))
    } else if how.human {
        human(a).total_cmp(&human(b))
    } else if how.version {
        version(a.trim_start(), b.trim_start())
    } else if how.month {
        month(a).cmp(&month(b))
    } else if how.fold {
        a.to_uppercase().cmp(&b.to_uppercase())
    } else {
        a.cmp(b)
    };
    if how.reverse { order.reverse() } else { order }
}
