//! YAML as Kubernetes reads and writes it.
//!
//! Reading resolves plain scalars by the rules of YAML 1.1 (`y`, `yes`, `on` are booleans), as the library behind
//! kubectl does. Writing is the form that kubectl prints. Errors know their line, and say what go-yaml says.
//!
//! Always holds: what is read is bounded in depth and in size, aliases included, so that no text can exhaust memory.

mod emit;
mod error;
mod read;
mod scalar;

pub use emit::to_string;
pub use error::Error;

use serde_json::Value;
use std::collections::BTreeMap;

/// One document of a stream.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// Its value; `Null` for an empty document.
    pub value: Value,
    /// The 1-based line of its first node.
    pub first_line: usize,
    lines: BTreeMap<String, (usize, usize)>,
    /// Keys that a mapping has twice, as JSON pointers, with the 1-based line of the later one's value (which counts).
    pub duplicates: Vec<(String, usize)>,
}

impl Document {
    /// The 1-based line of the node at a JSON pointer (`/spec/containers/0`), or of the nearest node around it.
    pub fn line(&self, pointer: &str) -> usize {
        self.position(pointer).0
    }

    /// The 1-based line and column of the node at a JSON pointer, or of the nearest node around it.
    pub fn position(&self, pointer: &str) -> (usize, usize) {
        let mut path = pointer;
        loop {
            if let Some(position) = self.lines.get(path) {
                return *position;
            }
            match path.rfind('/') {
                Some(at) => path = &path[..at],
                None => return (self.first_line, 1),
            }
        }
    }
}

/// Reads every document of a stream. A mapping's later key wins over an equal earlier one, as with kubectl; see
/// [`Document::duplicates`].
///
/// # Errors
/// Where the text is not YAML, has no JSON form, or goes beyond the limits of depth and size.
pub fn parse(text: &str) -> Result<Vec<Document>, Error> {
    read::documents(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::fmt::Write;

    fn one(text: &str) -> Value {
        parse(text).unwrap().remove(0).value
    }

    #[test]
    fn reads_as_kubectl() {
        let cases = [
            (
                "{a: yes, b: 010, c: 0o10, d: 1_000, e: 1e3}",
                json!({"a": true, "b": 8, "c": 8, "d": 1000, "e": 1000}),
            ),
            (
                "{f: .5, g: 2001-01-01, h: ~, i: 0x1F}",
                json!({"f": 0.5, "g": "2001-01-01", "h": null, "i": 31}),
            ),
            ("{j: 1:20, y: y, m: 0b11, q: =}", json!({"j": "1:20", "true": true, "m": 3, "q": "="})),
            ("[NO, Off, oN, Null, nUll, on]", json!([false, false, "oN", null, "nUll", true])),
            ("{1: a, 1.5: b, yes: c}", json!({"1": "a", "1.5": "b", "true": "c"})),
            ("a: |\n  x\n  y\nb: >-\n  x\n  y\n", json!({"a": "x\ny\n", "b": "x y"})),
            (
                "a: &x {k: v, m: o}\nb: {<<: *x, m: p}\nc: {<<: [*x, {z: 1}]}",
                json!({
                "a": {"k": "v", "m": "o"}, "b": {"k": "v", "m": "p"}, "c": {"k": "v", "m": "o", "z": 1}}),
            ),
            (
                "{d: !!str 5, e: !!int '5', f: !!binary aGVsbG8=, g: !foo bar}",
                json!({"d": "5", "e": 5, "f": "hello", "g": "bar"}),
            ),
            ("", Value::Null),
        ];
        for (text, value) in cases {
            let read = parse(text).unwrap().into_iter().next().map_or(Value::Null, |d| d.value);
            assert_eq!(read, value, "{text}");
        }
    }

    #[test]
    fn errors_as_kubectl() {
        let head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
        let cases = [
            ("data:\n a: b\n  c: d\n", "yaml: line 6: mapping values are not allowed in this context"),
            ("data:\n\ta: b\n", "yaml: line 5: found character that cannot start any token"),
            ("data: {a: [}\n", "yaml: line 3: did not find expected node content"),
            ("data: *x\n", "yaml: unknown anchor 'x' referenced"),
            ("data: 'abc\n", "yaml: line 5: found unexpected end of stream"),
            ("data:\n- a\n b: c\n", "yaml: line 6: mapping values are not allowed in this context"),
            ("data: a: b\n", "yaml: line 4: mapping values are not allowed in this context"),
            ("spec:\n  a: 1\n b: 2\n", "yaml: line 5: did not find expected key"),
            ("a:\n  - b\n  c: d\n", "yaml: line 5: did not find expected '-' indicator"),
        ];
        for (text, error) in cases {
            let found = parse(&format!("{head}{text}")).unwrap_err().to_string();
            assert_eq!(found, error, "{text}");
        }
    }

    #[test]
    fn lines_are_known() {
        let documents = parse("a: 1\n---\nspec:\n  list:\n  - x: 1\n    x: 2\n").unwrap();
        assert_eq!(documents[1].line("/spec/list/0/x"), 6);
        assert_eq!(documents[1].line("/spec/list/7"), 4);
        assert_eq!(documents[1].duplicates, [("/spec/list/0/x".to_owned(), 6)]);
        assert_eq!(documents[1].value, json!({"spec": {"list": [{"x": 2}]}}));
    }

    #[test]
    fn bombs_do_not_go_off() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for i in 1..30 {
            let again = vec![format!("*a{}", i - 1); 9].join(", ");
            let _ = writeln!(bomb, "a{i}: &a{i} [{again}]");
        }
        assert_eq!(parse(&bomb).unwrap_err().to_string(), "yaml: document contains excessive aliasing");
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&"- ".repeat(100_000)).is_err());
    }

    #[test]
    fn writes_as_kubectl() {
        let value = json!({
            "a": "multi\nline", "aa": "~", "ad": "0o7", "af": "12:30", "ag": "trailing ", "ah": "a\n b",
            "ai": "a \nb", "aj": "{}", "ak": "?", "al": "-", "am": "=", "an": "<<", "ao": "a,b", "as": "|x",
            "at": "1.2.3", "au": "0123", "av": "089", "aw": "-1", "ax": "a\tb", "b": "multi\nline\n", "d": "yes",
            "e": "a: b", "false": "@x", "h": "", "p": "2001-01-01", "q": "x:", "r": "é 한", "s": "\u{7}bell",
            "t": "'q'", "u": "\"q\"", "v": " a\nb", "w": "a\n\n", "x": "\n", "z": {}, "za": [], "zb": [[1, [2]], {"a": [{}]}],
        });
        let text = "a: |-\n  multi\n  line\naa: \"~\"\nad: \"0o7\"\naf: \"12:30\"\nag: 'trailing '\nah: |-\n  a\n   b\nai: \"a \\nb\"\n\
            aj: '{}'\nak: '?'\nal: '-'\nam: =\nan: <<\nao: a,b\nas: '|x'\nat: 1.2.3\nau: \"0123\"\nav: \"089\"\naw: \"-1\"\n\
            ax: \"a\\tb\"\nb: |\n  multi\n  line\nd: \"yes\"\ne: 'a: b'\n\"false\": '@x'\nh: \"\"\np: \"2001-01-01\"\nq: 'x:'\n\
            r: é 한\ns: \"\\abell\"\nt: '''q'''\nu: '\"q\"'\nv: |2-\n   a\n  b\nw: |+\n  a\n\nx: |2+\n\nz: {}\nza: []\nzb:\n\
            - - 1\n  - - 2\n- a:\n  - {}\n";
        assert_eq!(to_string(&value), text);
    }

    fn values() -> impl Strategy<Value = Value> {
        let texts =
            prop_oneof!["[ -~\\n\\t]{0,12}", "[yno~.0-9eEx+:_-]{0,6}", "\\PC{0,8}", "[\\n a#:'\"-]{0,8}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            texts.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                // Without `<`: the key `<<` is the merge key of YAML 1.1.
                prop::collection::btree_map("[ -;=-~]{1,6}", inner, 0..4)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn what_is_written_is_read(value in values()) {
            let text = to_string(&value);
            prop_assert_eq!(one(&text), value, "{}", text);
        }
    }
}
