//! JSON as Go's decoder reads it: its words for what is wrong, the last of two equal keys, U+FFFD for what is no text.
//!
//! Always holds: one pass, depth limited to [`DEPTH`], nothing kept but the value and the names of fields given twice
//! (or, when they are asked for, of all fields).

use serde_json::{Map, Number, Value};

/// How deep lists and objects may stand in each other. (Go allows 10,000; no object of the API comes near this.)
pub const DEPTH: usize = 400;
/// How many duplicates are named, as in a real server.
const DUPLICATES: usize = 100;

/// What was read.
#[derive(Debug)]
pub struct Parsed {
    /// The value.
    pub value: Value,
    /// Fields that were given more than once: `spec.containers[0].name`.
    pub duplicates: Vec<String>,
}

/// Why it is no JSON, in Go's words.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// `invalid character '}' looking for beginning of value`.
    pub message: String,
}

/// Reads one JSON document.
///
/// # Errors
/// When it is none.
pub fn parse(bytes: &[u8]) -> Result<Parsed, Wrong> {
    let mut reader = Reader { bytes, at: 0, path: Vec::new(), duplicates: Vec::new(), fields: None };
    let value = reader.document()?;
    Ok(Parsed { value, duplicates: reader.duplicates })
}

/// The paths of all fields in the order of the text, each as often as it is there; of what is no JSON, those before
/// the mistake.
pub fn fields(bytes: &[u8]) -> Vec<String> {
    let fields = Some(Vec::new());
    let mut reader = Reader { bytes, at: 0, path: Vec::new(), duplicates: Vec::new(), fields };
    reader.document().ok();
    reader.fields.unwrap_or_default()
}

enum Step {
    Key(String),
    Index(usize),
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    path: Vec<Step>,
    duplicates: Vec<String>,
    fields: Option<Vec<String>>,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Value, Wrong> {
        self.space();
        let value = self.value(0)?;
        self.space();
        if self.peek().is_some() {
            return Err(self.unexpected("after top-level value"));
        }
        Ok(value)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// The error about the next character, or about there being none.
    fn unexpected(&self, place: &str) -> Wrong {
        let Some(byte) = self.peek() else {
            return Wrong { message: "unexpected end of JSON input".to_owned() };
        };
        let shown = match byte {
            b'\'' => "\\'".to_owned(),
            b'"' => "\"".to_owned(),
            b'\\' => "\\\\".to_owned(),
            b'\n' => "\\n".to_owned(),
            b'\r' => "\\r".to_owned(),
            b'\t' => "\\t".to_owned(),
            0x00..0x20 | 0x7f => format!("\\x{byte:02x}"),
            _ => char::from(byte).to_string(),
        };
        Wrong { message: format!("invalid character '{shown}' {place}") }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Wrong> {
        if depth > DEPTH {
            return Err(Wrong { message: "exceeded max depth".to_owned() });
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Value::String),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, Wrong> {
        for expected in word.bytes() {
            if self.peek() != Some(expected) {
                let expected = char::from(expected);
                return Err(self.unexpected(&format!("in literal {word} (expecting '{expected}')")));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn object(&mut self, depth: usize) -> Result<Value, Wrong> {
        self.at += 1;
        let mut map = Map::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(map));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("after object key"));
            }
            self.at += 1;
            self.space();
            self.path.push(Step::Key(key.clone()));
            if let Some(fields) = &mut self.fields {
                fields.push(shown(&self.path));
            }
            if map.contains_key(&key) && self.duplicates.len() < DUPLICATES {
                self.duplicates.push(shown(&self.path));
            }
            let value = self.value(depth + 1)?;
            self.path.pop();
            map.insert(key, value);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(map));
                }
                _ => return Err(self.unexpected("after object key:value pair")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Wrong> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            self.space();
            self.path.push(Step::Index(items.len()));
            items.push(self.value(depth + 1)?);
            self.path.pop();
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                _ => return Err(self.unexpected("after array element")),
            }
        }
    }

    fn digits(&mut self, place: &str) -> Result<(), Wrong> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected(place));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Value, Wrong> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        let text = String::from_utf8_lossy(&self.bytes[start..self.at]);
        if let Ok(whole) = text.parse::<i64>() {
            return Ok(Value::Number(whole.into()));
        }
        let float = text.parse::<f64>().ok().and_then(Number::from_f64);
        float.map(Value::Number).ok_or_else(|| Wrong {
            message: format!("json: cannot unmarshal number {text} into Go value of type float64"),
        })
    }

    fn string(&mut self) -> Result<String, Wrong> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let start = self.at;
            while matches!(self.peek(), Some(b) if b >= 0x20 && b != b'"' && b != b'\\') {
                self.at += 1;
            }
            out.push_str(&String::from_utf8_lossy(&self.bytes[start..self.at]));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                _ => return Err(self.unexpected("in string literal")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Wrong> {
        let escaped = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.at += 1;
        Ok(escaped)
    }

    fn four(&mut self) -> Result<u32, Wrong> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.unexpected("in \\u hexadecimal character escape"))?;
            self.at += 1;
        }
        Ok(code)
    }

    /// A character by its code; two halves make one, and half a one is no character.
    fn unicode(&mut self) -> Result<char, Wrong> {
        let first = self.four()?;
        if (0xd800..0xdc00).contains(&first) && self.bytes[self.at..].starts_with(b"\\u") {
            let back = self.at;
            self.at += 2;
            let second = self.four()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            self.at = back;
        }
        Ok(char::from_u32(first).unwrap_or('\u{fffd}'))
    }
}

fn shown(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
            Step::Index(index) => out.push_str(&format!("[{index}]")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn errors_are_gos() {
        for (text, expected) in [
            ("", "unexpected end of JSON input"),
            ("{", "unexpected end of JSON input"),
            ("{\"a\":1", "unexpected end of JSON input"),
            ("hello", "invalid character 'h' looking for beginning of value"),
            ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"),
            ("[1 2]", "invalid character '2' after array element"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("tru3", "invalid character '3' in literal true (expecting 'e')"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("{} x", "invalid character 'x' after top-level value"),
            ("\"a\nb\"", "invalid character '\\n' in string literal"),
            ("\"\\x\"", "invalid character 'x' in string escape code"),
            ("1e999", "json: cannot unmarshal number 1e999 into Go value of type float64"),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err().message, expected, "{text}");
        }
        assert_eq!(parse("[".repeat(100_000).as_bytes()).unwrap_err().message, "exceeded max depth");
    }

    #[test]
    fn fields_given_twice_are_named_and_the_last_counts() {
        let parsed = parse(br#"{"spec":{"replicas":1,"c":[{"a":1,"a":2}],"replicas":3}}"#).unwrap();
        assert_eq!(parsed.duplicates, ["spec.c[0].a", "spec.replicas"]);
        assert_eq!(parsed.value["spec"]["replicas"], 3);
        assert_eq!(fields(br#"{"b":1,"a":[{"c":1}],"b":2"#), ["b", "a", "a[0].c", "b"]);
    }

    #[test]
    fn what_is_no_text_becomes_the_sign_for_it() {
        assert_eq!(parse(b"\"a\xffb\\ud800c\"").unwrap().value, "a\u{fffd}b\u{fffd}c");
        assert_eq!(parse(b"\"\\ud83d\\ude00\"").unwrap().value, "\u{1f600}");
    }

    proptest! {
        #[test]
        fn agrees_with_serde(text in r#"[\[\]{}":,0-9a-e.\\ntrufalsu +-]{0,40}"#) {
            let ours = parse(text.as_bytes());
            if let Ok(theirs) = serde_json::from_str::<Value>(&text) {
                // Whole numbers that do not fit become floats here.
                if !text.bytes().any(|b| b.is_ascii_digit()) {
                    prop_assert_eq!(ours.map(|p| p.value).ok(), Some(theirs));
                }
            }
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse(&bytes).ok();
        }
    }
}
