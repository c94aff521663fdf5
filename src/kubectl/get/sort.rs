//! `--sort-by`.

use crate::kubectl::errors::{Failure, Outcome};
use crate::kubectl::jsonpath::{Template, compare_values};
use crate::object::quantity::Quantity;
use serde_json::Value;
use std::cmp::Ordering;

/// Sorts the rows of a table by a field of their objects.
///
/// # Errors
/// When the expression is wrong or no object has the field.
pub(super) fn table(expression: &str, table: &mut Value) -> Outcome<Sorted> {
    let Some(rows) = table["rows"].as_array_mut().filter(|_| !expression.is_empty()) else {
        return Ok(Sorted::Fine);
    };
    let keys = keys(expression, rows.iter().map(|row| &row["object"]))?;
    if !keys.is_empty() && keys.iter().all(Option::is_none) {
        return Ok(Sorted::Nothing);
    }
    *rows = sorted(rows, keys);
    Ok(Sorted::Fine)
}

/// What became of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sorted {
    /// It is in order.
    Fine,
    /// No row has the field.
    Nothing,
}

/// Sorts objects by a field.
///
/// # Errors
/// When the expression is wrong or no object has the field.
pub(super) fn objects(expression: &str, items: &mut Vec<Value>) -> Outcome<()> {
    if !expression.is_empty() {
        let keys = keys(expression, items.iter())?;
        if !keys.is_empty() && keys.iter().all(Option::is_none) {
            let relaxed = super::super::jsonpath::relax(expression).map_err(Failure::new)?;
            let why = format!("couldn't find any field with path \"{relaxed}\" in the list of objects");
            return Err(Failure::new(why));
        }
        *items = sorted(items, keys);
    }
    Ok(())
}

fn keys<'v>(expression: &str, objects: impl Iterator<Item = &'v Value>) -> Outcome<Vec<Option<Value>>> {
    let relaxed = super::super::jsonpath::relax(expression).map_err(Failure::new)?;
    let template = Template::parse(&relaxed).map_err(Failure::new)?;
    let mut keys = Vec::new();
    for object in objects {
        let found = template.find(object, true).map_err(Failure::new)?;
        keys.push(found.into_iter().flatten().next().map(std::borrow::Cow::into_owned));
    }
    Ok(keys)
}

fn sorted(items: &[Value], keys: Vec<Option<Value>>) -> Vec<Value> {
    let mut order: Vec<(Option<Value>, &Value)> = keys.into_iter().zip(items).collect();
    order.sort_by(|a, b| compare(a.0.as_ref(), b.0.as_ref()));
    order.into_iter().map(|(_, item)| item.clone()).collect()
}

/// What is missing comes first; quantities by their amount, texts in natural order.
fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else { return a.is_some().cmp(&b.is_some()) };
    match (a, b) {
        (Value::String(x), Value::String(y)) => match (quantity(x), quantity(y)) {
            (Some(x), Some(y)) => x.cmp(&y),
            _ => natural(x, y),
        },
        _ => compare_values(a, b).unwrap_or(Ordering::Equal),
    }
}

fn quantity(text: &str) -> Option<i128> {
    Quantity::parse(text).map(|q| q.nano)
}

/// Digits count as numbers: `web-2` before `web-10`.
#[allow(clippy::many_single_char_names)]
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (Some(x), Some(y)) = (a.first(), b.first()) else { return a.len().cmp(&b.len()) };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let run = |s: &[u8]| s.iter().take_while(|c| c.is_ascii_digit()).count();
            let (m, n) = (run(a), run(b));
            let trim = |s: &[u8]| s.iter().skip_while(|c| **c == b'0').copied().collect::<Vec<u8>>();
            let (p, q) = (trim(&a[..m]), trim(&b[..n]));
            let order = p.len().cmp(&q.len()).then_with(|| p.cmp(&q)).then(m.cmp(&n));
            if order.is_ne() {
                return order;
            }
            (a, b) = (&a[m..], &b[n..]);
        } else {
            if x != y {
                return x.cmp(y);
            }
            (a, b) = (&a[1..], &b[1..]);
        }
    }
}
