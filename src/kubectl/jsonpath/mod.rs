//! kubectl's dialect of `JSONPath` (`k8s.io/client-go/util/jsonpath`): templates of text and `{expressions}`.
//!
//! Always holds: a template is parsed once into a tree, and evaluating it borrows the object. Errors are in the words
//! of the real one.

mod eval;
mod parse;

use super::errors::{Failure, Outcome};
use super::output::json_text;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write;

pub use eval::compare_values;

/// A parsed template.
#[derive(Clone, Debug)]
pub struct Template {
    nodes: Vec<parse::Node>,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// What is wrong, as `unclosed action`.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { nodes: parse::template(text)? })
    }

    /// Parses a single expression in any of the forms `.a.b`, `{.a.b}`, `a.b`.
    ///
    /// # Errors
    /// When it has none of these forms.
    pub fn relaxed(text: &str) -> Result<Self, String> {
        Self::parse(&relax(text)?)
    }

    /// The results of each part of the template. With `lenient`, what is missing is left out.
    ///
    /// # Errors
    /// Where the template does not fit the value.
    pub fn find<'v>(&self, value: &'v Value, lenient: bool) -> Result<Vec<Vec<Cow<'v, Value>>>, String> {
        eval::find(&self.nodes, value, lenient)
    }
}

/// `x.y`, `.x.y`, `{x.y}` and `{.x.y}` all become `{.x.y}` (`RelaxedJSONPathExpression`).
///
/// # Errors
/// When the braces do not match.
pub fn relax(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let wrong = || {
        format!("unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{{name1.name2}}' or '{{.name1.name2}}', found '{text}'").replace(&format!(", found '{text}'"), "")
    };
    let inner = match (text.strip_prefix('{'), text.strip_suffix('}')) {
        (Some(_), Some(_)) => &text[1..text.len() - 1],
        (None, None) => text,
        _ => return Err(wrong()),
    };
    let inner = inner.strip_prefix('.').unwrap_or(inner);
    if inner.is_empty() || inner.contains(['{', '}']) {
        return Err(wrong());
    }
    Ok(format!("{{.{inner}}}"))
}

/// Renders a value by a template, as `-o jsonpath=`.
///
/// # Errors
/// A template that does not parse, or does not fit.
pub fn render(text: &str, value: &Value, lenient: bool) -> Outcome<String> {
    let template = prepare(text)?;
    let parts = template.find(value, lenient).map_err(|why| misfit(text, &why, value))?;
    let mut out = String::new();
    for part in parts {
        let shown: Vec<String> = part.iter().map(|v| show(v)).collect();
        out.push_str(&shown.join(" "));
    }
    Ok(out)
}

/// The values that a template finds, as `-o jsonpath-as-json=`: one list for each part.
///
/// # Errors
/// A template that does not parse, or does not fit.
pub fn values(text: &str, value: &Value) -> Outcome<Vec<Value>> {
    let template = prepare(text)?;
    let parts = template.find(value, true).map_err(|why| misfit(text, &why, value))?;
    Ok(parts.into_iter().flatten().map(Cow::into_owned).collect())
}

fn prepare(text: &str) -> Outcome<Template> {
    Template::parse(text).map_err(|why| Failure::new(format!("error parsing jsonpath {text}, {why}")))
}

fn misfit(text: &str, why: &str, value: &Value) -> Failure {
    let quoted = super::flags::quote(text);
    Failure::new(format!(
        "error executing jsonpath {quoted}: Error executing template: {why}. Printing more information for debugging \
         the template:\n\ttemplate was:\n\t\t{text}\n\tobject given to jsonpath engine was:\n\t\t{}\n\n\n",
        go_syntax(value)
    ))
}

/// A result as text: lists and maps as JSON, the rest as Go prints it.
pub fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "null".to_owned(),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => go_float(float),
            None => number.to_string(),
        },
        Value::Bool(value) => value.to_string(),
        Value::Array(_) | Value::Object(_) => compact(value),
    }
}

/// JSON in one line, as Go's encoder writes it.
pub fn compact(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            let parts: Vec<String> =
                entries.iter().map(|(k, v)| format!("{}:{}", json_text(k), compact(v))).collect();
            format!("{{{}}}", parts.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(compact).collect::<Vec<_>>().join(",")),
        Value::String(text) => json_text(text),
        other => other.to_string(),
    }
}

fn go_float(value: f64) -> String {
    let exponent = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    if (-4.0..21.0).contains(&exponent) {
        return format!("{value}");
    }
    let scientific = format!("{value:e}");
    let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
}

/// A value as Go's `%#v` shows it.
fn go_syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => super::flags::quote(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go_syntax).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(map) => {
            let mut out = String::from("map[string]interface {}{");
            for (i, (key, value)) in map.iter().enumerate() {
                let comma = if i > 0 { ", " } else { "" };
                let _ = write!(out, "{comma}{}:{}", super::flags::quote(key), go_syntax(value));
            }
            out + "}"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Value {
        json!({
            "kind": "List",
            "items": [
                {"kind": "None", "metadata": {"name": "127.0.0.1", "labels": {"a.b/c": "x", "d": "e"}},
                 "status": {"capacity": {"cpu": "4"}, "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.1"}]}},
                {"kind": "None", "metadata": {"name": "127.0.0.2"},
                 "status": {"capacity": {"cpu": "8"}, "n": 3, "f": 1.5, "nil": null, "yes": true,
                            "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.2"}, {"type": "another", "address": "127.0.0.3"}]}}
            ],
            "users": [{"name": "myself", "user": {}}, {"name": "e2e", "user": {"username": "admin", "password": "secret"}}]
        })
    }

    #[test]
    fn finds_what_the_real_one_finds() {
        let cases = [
            ("kind is {.kind}", "kind is List"),
            ("{['kind']}", "List"),
            ("{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"),
            (
                "{.items[*]['metadata.name', 'status.capacity']}",
                "127.0.0.1 127.0.0.2 {\"cpu\":\"4\"} {\"cpu\":\"8\"}",
            ),
            ("{.users[?(@.name==\"e2e\")].user.password}", "secret"),
            (
                "{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}",
                "[127.0.0.1, {\"cpu\":\"4\"}] [127.0.0.2, {\"cpu\":\"8\"}] ",
            ),
            (
                "{range .items[*]}{range .status.addresses[*]}{.address}{\",\"}{end};{end}!",
                "127.0.0.1,;127.0.0.2,127.0.0.3,;!",
            ),
            ("{.items[0].metadata.labels.a\\.b/c}", "x"),
            ("{.items[0].metadata.labels['a\\.b/c']}", "x"),
            ("{..address}", "127.0.0.1 127.0.0.2 127.0.0.3"),
            ("{.items[-1].metadata.name}", "127.0.0.2"),
            ("{.items[0:1].metadata.name}", "127.0.0.1"),
            ("{.items[0,1].metadata.name}", "127.0.0.1 127.0.0.2"),
            ("{.items[:].kind}", "None None"),
            ("{.items[?(@.status.n>2)].metadata.name}", "127.0.0.2"),
            ("{.items[?(@.status.n)].metadata.name}", "127.0.0.2"),
            ("{.items[1].status.nil}", "null"),
            ("{.items[1].status.f} {.items[1].status.yes}", "1.5 true"),
            ("{.nope}{.items[*].nope}", ""),
            ("{\"a\\tb\\n\"}{'c'}", "a\tb\nc"),
            ("{.users[*].name}{\"\\n\"}", "myself e2e\n"),
            ("{$.kind}{@.kind}", "ListList"),
            ("{range .nothing[*]}x{end}y", "y"),
            ("{.items[*].status.addresses[?(@.type==\"another\")].address}", "127.0.0.3"),
            ("{.items[?(@.metadata.name!=\"127.0.0.1\")].kind}", "None"),
            ("{.items[0].metadata.labels.*}", "x e"),
        ];
        for (text, shown) in cases {
            let found = render(text, &sample(), true).map_err(|f| f.message());
            assert_eq!(found.as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let cases = [
            ("{.spec", "unclosed action"),
            ("{.items[0}", "unterminated array"),
            ("{.items[?(@.a==1}", "unterminated filter"),
            ("{\"a}", "unterminated quoted string"),
            ("{.items[a]}", "invalid array index a"),
            ("{#}", "unrecognized character in action: U+0023 '#'"),
            ("{....a}", "invalid multiple recursive descent"),
        ];
        for (text, why) in cases {
            assert_eq!(Template::parse(text).unwrap_err(), why, "{text}");
        }
        let run = |text: &str, lenient| Template::parse(text).unwrap().find(&sample(), lenient).unwrap_err();
        assert_eq!(run("{.nope}", false), "nope is not found");
        assert_eq!(run("{.items[9].a}", true), "array index out of bounds: index 9, length 2");
        assert_eq!(run("{.kind[0]}", true), "string is not array or slice");
        assert_eq!(run("{hello}", true), "unrecognized identifier hello");
        assert_eq!(run("{end}", true), "not in range, nothing to end");
    }

    #[test]
    fn relaxed_forms() {
        for text in [".a.b", "a.b", "{a.b}", "{.a.b}"] {
            assert_eq!(relax(text).unwrap(), "{.a.b}");
        }
        assert!(relax("{a").is_err());
    }

    #[test]
    fn loops_have_limits() {
        let deep = (0..100).fold(json!(1), |inner, _| json!({"a": inner, "b": 1}));
        let run = |text: &str| Template::parse(text).unwrap().find(&deep, true).unwrap_err();
        assert_eq!(run(&"{range ['a','a','a']}".repeat(30)), "the template takes too many steps");
        assert_eq!(run(&"{range}".repeat(1000)), "ranges are nested too deeply");
        let many = format!("{{{}}}", "..['a','a','a']".repeat(100));
        assert_eq!(run(&many), "the template takes too many steps");
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[{}.a@$?()\\[\\]*:,'\"\\\\ <>=0-9-]{0,24}") {
            if let Ok(template) = Template::parse(&text) {
                let _ = template.find(&sample(), true);
            }
        }
    }
}
