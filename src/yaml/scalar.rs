//! What a plain scalar means: the rules of YAML 1.1 as go-yaml v2 applies them.

use base64::Engine;
use serde_json::{Number, Value};

/// The meaning of a plain scalar. Infinity and not-a-number, which JSON does not have, are errors.
///
/// # Errors
/// The text of the JSON encoder's error.
pub(super) fn resolve(text: &str) -> Result<Value, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            return Ok(Value::Bool(true));
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            return Ok(Value::Bool(false));
        }
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Err("json: unsupported value: +Inf".to_owned());
        }
        "-.inf" | "-.Inf" | "-.INF" => return Err("json: unsupported value: -Inf".to_owned()),
        ".nan" | ".NaN" | ".NAN" => return Err("json: unsupported value: NaN".to_owned()),
        _ => {}
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    let number = if numeric { integer(text).or_else(|| float(text)) } else { None };
    Ok(number.map_or_else(|| Value::String(text.to_owned()), Value::Number))
}

/// Whether a text that is written without quotes would be read as something else than itself.
pub(super) fn is_ambiguous(text: &str) -> bool {
    resolve(text).map_or(true, |value| !value.is_string()) || is_timestamp(text) || is_base60(text)
}

/// What an explicit tag makes of a scalar; `None` leaves it to [`resolve`].
pub(super) fn tagged(tag: &str, text: &str) -> Option<Result<Value, String>> {
    let wrong = || format!("cannot decode !!str `{text}` as a !!{tag}");
    Some(match tag {
        "str" => Ok(Value::String(text.to_owned())),
        "binary" => {
            let clean: String = text.split_whitespace().collect();
            let decoded = base64::engine::general_purpose::STANDARD.decode(clean);
            match decoded {
                Ok(bytes) => Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned())),
                Err(_) => Err("!!binary value contains invalid base64 data".to_owned()),
            }
        }
        "int" => integer(text).map(Value::Number).ok_or_else(wrong),
        "float" => float(text).map(Value::Number).ok_or_else(wrong),
        "bool" | "null" => match resolve(text) {
            Ok(value) if value.is_boolean() == (tag == "bool") && !value.is_string() => Ok(value),
            _ => Err(wrong()),
        },
        _ => return None,
    })
}

fn integer(text: &str) -> Option<Number> {
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.as_bytes().first()? {
        b'-' => (true, &plain[1..]),
        b'+' => (false, &plain[1..]),
        _ => (false, plain.as_str()),
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
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        let value = i64::try_from(-i128::from(magnitude)).ok()?;
        Some(Number::from(value))
    } else {
        Some(Number::from(magnitude))
    }
}

fn float(text: &str) -> Option<Number> {
    let plain = text.replace('_', "");
    let body = plain.strip_prefix(['-', '+']).unwrap_or(&plain);
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (body, None),
    };
    let digits = mantissa.chars().filter(char::is_ascii_digit).count();
    let shape = mantissa.chars().all(|c| c.is_ascii_digit() || c == '.')
        && mantissa.matches('.').count() <= 1
        && digits > 0
        && exponent.is_none_or(|e| !e.is_empty() && e.chars().all(|c| c.is_ascii_digit()));
    if !shape {
        return None;
    }
    let value: f64 = plain.parse().ok().filter(|v: &f64| v.is_finite())?;
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

/// `2001-01-01`, and with a time.
fn is_timestamp(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let date = shape.find(['T', 't', ' ']).map_or(shape.as_str(), |at| &shape[..at]);
    let parts: Vec<&str> = date.split('-').collect();
    matches!(parts.as_slice(), ["0000", "0" | "00", "0" | "00"])
}

/// `12:30`, which YAML 1.1 may read as a number to the base 60.
fn is_base60(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or("");
    let rest: Vec<&str> = parts.collect();
    let digits = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_ascii_digit() || c == '_');
    digits(first)
        && !rest.is_empty()
        && rest
            .iter()
            .all(|p| (p.len() == 1 && digits(p)) || (p.len() == 2 && digits(p) && p.as_bytes()[0] <= b'5'))
        && fraction.chars().all(|c| c.is_ascii_digit() || c == '_')
}
