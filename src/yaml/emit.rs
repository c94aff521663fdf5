//! Writing YAML in the form that kubectl prints: two spaces, sorted keys, lists not indented, go-yaml's quotes.

use super::scalar;
use serde_json::{Map, Value};
use std::fmt::Write;

/// Writes a value as kubectl does.
pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut out, map, 0, Start::Line),
        Value::Array(items) if !items.is_empty() => sequence(&mut out, items, 0, Start::Line),
        other => {
            inline(&mut out, other, 0);
            out.push('\n');
        }
    }
    out
}

/// Where a block begins: on a line of its own, or behind the dash of an item.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Line,
    Dash,
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n(' ', depth));
}

fn mapping(out: &mut String, map: &Map<String, Value>, depth: usize, start: Start) {
    let mut entries: Vec<(&String, &Value)> = map.iter().collect();
    entries.sort_by(|a, b| a.0.cmp(b.0));
    for (i, (key, value)) in entries.into_iter().enumerate() {
        if i > 0 || start == Start::Line {
            indent(out, depth);
        }
        text(out, key, depth, Place::Key);
        out.push(':');
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                out.push('\n');
                mapping(out, inner, depth + 2, Start::Line);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                sequence(out, items, depth, Start::Line);
            }
            leaf => {
                out.push(' ');
                inline(out, leaf, depth + 2);
                out.push('\n');
            }
        }
    }
}

fn sequence(out: &mut String, items: &[Value], depth: usize, start: Start) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 || start == Start::Line {
            indent(out, depth);
        }
        out.push_str("- ");
        match item {
            Value::Object(inner) if !inner.is_empty() => mapping(out, inner, depth + 2, Start::Dash),
            Value::Array(inner) if !inner.is_empty() => sequence(out, inner, depth + 2, Start::Dash),
            leaf => {
                inline(out, leaf, depth + 2);
                out.push('\n');
            }
        }
    }
}

fn inline(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => out.push_str(&go_float(float)),
            None => {
                let _ = write!(out, "{number}");
            }
        },
        Value::String(string) => text(out, string, depth, Place::Value),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Key,
    Value,
}

fn text(out: &mut String, string: &str, depth: usize, place: Place) {
    if scalar::is_ambiguous(string) {
        double_quoted(out, string, depth, place);
        return;
    }
    let shape = Shape::of(string);
    let block = string.contains('\n') && !shape.special && !shape.space_break;
    let explicit = place == Place::Key && (block || string.chars().count() > KEY_LIMIT);
    if explicit {
        out.push_str("? ");
    }
    if block {
        literal(out, string, if explicit { depth + 2 } else { depth });
    } else if shape.special || shape.space_break {
        double_quoted(out, string, depth, place);
    } else if shape.plain {
        folded(out, string, depth, place);
    } else {
        out.push('\'');
        folded(out, &string.replace('\'', "''"), depth, place);
        out.push('\'');
    }
    if explicit {
        out.push('\n');
        indent(out, depth);
    }
}

/// Keys longer than this are written with `? `.
const KEY_LIMIT: usize = 128;
/// Beyond this column a value goes on in the next line.
const WIDTH: usize = 80;

/// Writes a text of one line, which breaks at single spaces beyond the width.
fn folded(out: &mut String, string: &str, depth: usize, place: Place) {
    let mut column = column_of(out);
    let chars: Vec<char> = string.chars().collect();
    for (i, &c) in chars.iter().enumerate() {
        let inside = i > 0 && i + 1 < chars.len() && chars[i - 1] != ' ' && chars[i + 1] != ' ';
        if c == ' ' && place == Place::Value && column > WIDTH && inside {
            out.push('\n');
            indent(out, depth);
            column = depth;
        } else {
            out.push(c);
            column += 1;
        }
    }
}

fn column_of(out: &str) -> usize {
    out[out.rfind('\n').map_or(0, |at| at + 1)..].chars().count()
}

/// Go's `strconv.FormatFloat(value, 'g', -1, 64)`.
fn go_float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// What libyaml's analysis finds in a scalar.
struct Shape {
    /// It may stand without quotes.
    plain: bool,
    /// It has characters that only double quotes can show.
    special: bool,
    /// It has a space before a line break, or only blank ends that a block could not keep.
    space_break: bool,
}

impl Shape {
    fn of(string: &str) -> Self {
        let chars: Vec<char> = string.chars().collect();
        let (mut plain, mut special, mut space_break) = (true, false, false);
        for (i, &c) in chars.iter().enumerate() {
            let next = chars.get(i + 1).copied();
            let next_blank = next.is_none_or(|c| c == ' ' || c == '\t' || c == '\n');
            let before_blank = i > 0 && matches!(chars[i - 1], ' ' | '\t' | '\n');
            if i == 0 {
                let indicator = match c {
                    '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
                    | '@' | '`' => true,
                    '?' | ':' | '-' => next_blank,
                    _ => false,
                };
                plain &= !indicator;
            }
            plain &= !((c == ':' && next_blank) || (c == '#' && before_blank) || c == '\n');
            special |= !is_printable(c) && c != '\n';
            space_break |= c == ' ' && next == Some('\n');
        }
        let document_marker = string.starts_with("---") || string.starts_with("...");
        let blank_end = string.starts_with(' ') || string.ends_with(' ');
        plain &= !blank_end && !document_marker;
        space_break |= string.ends_with(' ') && string.contains('\n');
        Self { plain, special, space_break }
    }
}

fn is_printable(c: char) -> bool {
    let basic = matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}');
    basic && !matches!(c, '\u{feff}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn literal(out: &mut String, string: &str, depth: usize) {
    out.push('|');
    if string.starts_with([' ', '\n']) {
        out.push('2');
    }
    if !string.ends_with('\n') {
        out.push('-');
    } else if string == "\n" || string.ends_with("\n\n") {
        out.push('+');
    }
    for line in string.strip_suffix('\n').unwrap_or(string).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            indent(out, depth.max(2));
            out.push_str(line);
        }
    }
}

fn double_quoted(out: &mut String, string: &str, depth: usize, place: Place) {
    out.push('"');
    let length = string.chars().count();
    let mut after_space = false;
    for (i, c) in string.chars().enumerate() {
        let fold = c == ' ' && place == Place::Value && !after_space && i > 0 && i + 1 < length;
        if fold && column_of(out) > WIDTH {
            out.push('\n');
            indent(out, depth);
            if string.chars().nth(i + 1) == Some(' ') {
                out.push('\\');
            }
            after_space = true;
            continue;
        }
        after_space = c == ' ';
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            c if is_printable(c) => out.push(c),
            c if (c as u32) <= 0xff => {
                let _ = write!(out, "\\x{:02X}", c as u32);
            }
            c if (c as u32) <= 0xffff => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => {
                let _ = write!(out, "\\U{:08X}", c as u32);
            }
        }
    }
    out.push('"');
}
