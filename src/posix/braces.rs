//! Brace expansion: `a{b,c}{1..3}`, on the source of a word.
//!
//! Always holds: the number of words made is limited, and so is the depth.

/// More words than this are refused.
pub(super) const MAX_WORDS: usize = 65_536;
const MAX_DEPTH: usize = 32;

/// The words that `source` stands for: itself, when it has no braces.
///
/// # Errors
/// There would be too many.
pub(super) fn expand(source: &str) -> Result<Vec<String>, String> {
    if !source.contains('{') {
        return Ok(vec![source.to_owned()]);
    }
    let chars: Vec<char> = source.chars().collect();
    words(&chars, 0)
}

fn words(chars: &[char], depth: usize) -> Result<Vec<String>, String> {
    let whole = || Ok(vec![chars.iter().collect()]);
    if depth > MAX_DEPTH {
        return whole();
    }
    let mut from = 0;
    while let Some(open) = find_open(chars, from) {
        let Some((close, commas)) = find_close(chars, open) else {
            from = open + 1;
            continue;
        };
        let inner = &chars[open + 1..close];
        let middle = if commas.is_empty() {
            if let Some(list) = sequence(&inner.iter().collect::<String>())? {
                list
            } else {
                from = open + 1;
                continue;
            }
        } else {
            let mut list = Vec::new();
            let mut start = open + 1;
            for comma in commas.into_iter().chain([close]) {
                list.extend(words(&chars[start..comma], depth + 1)?);
                start = comma + 1;
            }
            list
        };
        let head: String = chars[..open].iter().collect();
        let tails = words(&chars[close + 1..], depth + 1)?;
        if middle.len().saturating_mul(tails.len()) > MAX_WORDS {
            return Err(too_many());
        }
        return Ok(middle
            .iter()
            .flat_map(|m| tails.iter().map(move |t| format!("{m}{t}")))
            .map(|rest| format!("{head}{rest}"))
            .collect());
    }
    whole()
}

fn too_many() -> String {
    format!("brace expansion: more than {MAX_WORDS} words")
}

/// Skips what is quoted, escaped, or inside `${…}`, `$(…)` or backquotes, from `at`; answers the index after it.
fn skip(chars: &[char], at: usize) -> usize {
    let end = |quote: char| {
        let mut i = at + 1;
        while i < chars.len() && chars[i] != quote {
            i += if chars[i] == '\\' && quote != '\'' { 2 } else { 1 };
        }
        i + 1
    };
    match chars[at] {
        '\\' => at + 2,
        quote @ ('\'' | '"' | '`') => end(quote),
        '$' if matches!(chars.get(at + 1), Some('{' | '(')) => {
            let (open, close) = if chars[at + 1] == '{' { ('{', '}') } else { ('(', ')') };
            let mut depth = 0usize;
            let mut i = at + 1;
            while i < chars.len() {
                if chars[i] == open {
                    depth += 1;
                } else if chars[i] == close {
                    depth -= 1;
                    if depth == 0 {
                        return i + 1;
                    }
                }
                i += 1;
            }
            i
        }
        _ => at + 1,
    }
}

fn find_open(chars: &[char], from: usize) -> Option<usize> {
    let mut i = 0;
    while i < chars.len() {
        if chars[i] == '{' && i >= from {
            return Some(i);
        }
        i = skip(chars, i);
    }
    None
}

fn find_close(chars: &[char], open: usize) -> Option<(usize, Vec<usize>)> {
    let (mut depth, mut commas, mut i) = (0usize, Vec::new(), open + 1);
    while i < chars.len() {
        match chars[i] {
            '{' => depth += 1,
            '}' if depth == 0 => return Some((i, commas)),
            '}' => depth -= 1,
            ',' if depth == 0 => commas.push(i),
            _ => {}
        }
        i = skip(chars, i);
    }
    None
}

/// `1..5`, `01..10..2`, `a..e`.
fn sequence(inner: &str) -> Result<Option<Vec<String>>, String> {
    let parts: Vec<&str> = inner.split("..").collect();
    if !(2..=3).contains(&parts.len()) {
        return Ok(None);
    }
    let step = match parts.get(2).map(|s| s.parse::<i64>()) {
        None => 1,
        Some(Ok(step)) => step.unsigned_abs().max(1),
        Some(Err(_)) => return Ok(None),
    };
    if let (Ok(first), Ok(last)) = (parts[0].parse::<i64>(), parts[1].parse::<i64>()) {
        let padded =
            |s: &str| s.trim_start_matches('-').len() > 1 && s.trim_start_matches('-').starts_with('0');
        let width = if padded(parts[0]) || padded(parts[1]) { parts[0].len().max(parts[1].len()) } else { 0 };
        let count = first.abs_diff(last) / step + 1;
        if count > MAX_WORDS as u64 {
            return Err(too_many());
        }
        let number = |i: u64| {
            let by = i64::try_from(i * step).unwrap_or(i64::MAX);
            if first <= last { first.saturating_add(by) } else { first.saturating_sub(by) }
        };
        return Ok(Some((0..count).map(|i| format!("{:0width$}", number(i))).collect()));
    }
    let letter = |s: &str| {
        let mut chars = s.chars();
        chars.next().filter(|c| c.is_ascii_alphabetic() && chars.next().is_none())
    };
    let (Some(first), Some(last)) = (letter(parts[0]), letter(parts[1])) else { return Ok(None) };
    let (a, b) = (first as u8, last as u8);
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    let letters: Vec<u8> =
        if a <= b { (a..=b).step_by(step).collect() } else { (b..=a).rev().step_by(step).collect() };
    Ok(Some(letters.into_iter().map(|c| (c as char).to_string()).collect()))
}
