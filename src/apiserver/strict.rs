//! Strict decoding: what is said of fields that a body gives twice, or that its type does not have.
//!
//! Always holds: what a text gave is told in the order of the text; a field that is unknown is not told as a duplicate
//! too; without `fieldValidation=Ignore` nothing is dropped in silence. From `sigs.k8s.io/json`, the serializers of
//! `apimachinery` and `handlers/patch.go`.

use super::patch::PatchType;
use super::{ApiError, Request};
use crate::json;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many mistakes are told of one body.
const MOST: usize = 100;
/// What the list of go-yaml's errors begins with.
const YAML_ERRORS: &str = "yaml: unmarshal errors:";

/// The text that a body was read from, as far as its decoding wants it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Text {
    /// There was none: the body is a value of the program's own, or came as protobuf.
    #[default]
    None,
    /// JSON.
    Json {
        /// All of it.
        text: Arc<[u8]>,
        /// Fields that it gives more than once: `spec.replicas`.
        duplicates: Vec<String>,
    },
    /// YAML.
    Yaml {
        /// Keys that it gives more than once, in go-yaml's words.
        duplicates: Vec<String>,
    },
    /// Something that could not be read.
    Broken {
        /// What is wrong with it.
        why: String,
        /// Its beginning, as errors show it.
        shown: String,
    },
}

/// What becomes of unknown and repeated fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldValidation {
    /// They are dropped.
    Ignore,
    /// They are dropped with a warning.
    Warn,
    /// They are an error.
    Strict,
}

/// How a body is to be read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'r> {
    /// What becomes of unknown and repeated fields.
    pub validation: FieldValidation,
    text: &'r Text,
}

impl<'r> Reading<'r> {
    /// How the body of a request is to be read: by its `fieldValidation`, and `Warn` without one.
    pub fn of(request: &'r Request) -> Self {
        let validation = match request.query_value("fieldValidation") {
            Some("Strict") => FieldValidation::Strict,
            Some("Ignore") => FieldValidation::Ignore,
            _ => FieldValidation::Warn,
        };
        Self { validation, text: &request.text }
    }

    /// The same for a value that was made from the body, and has no text of its own.
    pub fn made(self) -> Reading<'static> {
        Reading { validation: self.validation, text: &Text::None }
    }

    /// What is to be said of a body of a built-in type; `unknown` are the paths of fields that the type does not have.
    pub fn typed(&self, unknown: Vec<String>) -> Vec<String> {
        match self.text {
            Text::Json { text, duplicates } if !duplicates.is_empty() || unknown.len() > 1 => {
                in_order(text, &unknown.into_iter().collect(), duplicates)
            }
            _ => self.yaml_duplicates().into_iter().chain(unknown.iter().map(|u| unknown_field(u))).collect(),
        }
    }

    /// As [`Reading::typed`], of a body of a defined type: it is read as a map first, then held against its schema.
    pub fn defined(&self, unknown: &[String]) -> Vec<String> {
        let mut told = self.yaml_duplicates();
        if let Text::Json { duplicates, .. } = self.text {
            told.extend(once(duplicates));
        }
        told.extend(unknown.iter().map(|u| unknown_field(u)));
        told
    }

    /// What is to be said of a patch by itself.
    pub fn patch(&self, kind: Option<PatchType>, patch: &Value) -> Vec<String> {
        let Some(PatchType::Json) = kind else {
            let Text::Json { duplicates, .. } = self.text else { return Vec::new() };
            return once(duplicates);
        };
        let mut unknown = Vec::new();
        for (index, operation) in patch.as_array().into_iter().flatten().enumerate() {
            for key in operation.as_object().into_iter().flat_map(|o| o.keys()) {
                if !matches!(key.as_str(), "op" | "path" | "from" | "value") {
                    unknown.push(format!("[{index}].{key}"));
                }
            }
        }
        self.typed(unknown).into_iter().map(|told| format!("json patch {told}")).collect()
    }

    /// The keys that an applied YAML text gives twice.
    ///
    /// # Errors
    /// 400 when they may not be there.
    pub fn applied(&self) -> Result<Vec<String>, ApiError> {
        let Text::Yaml { duplicates } = self.text else { return Ok(Vec::new()) };
        match self.validation {
            FieldValidation::Strict if !duplicates.is_empty() => Err(ApiError::bad_request(format!(
                "error strict decoding YAML: error converting YAML to JSON: {}",
                self.yaml_duplicates().concat()
            ))),
            FieldValidation::Ignore => Ok(Vec::new()),
            _ => Ok(duplicates.clone()),
        }
    }

    /// The warnings of what was found.
    ///
    /// # Errors
    /// What `refuse` makes of it when it may not be there.
    pub fn settle(
        &self,
        found: &[String],
        refuse: &dyn Fn(String) -> ApiError,
    ) -> Result<Vec<String>, ApiError> {
        if found.is_empty() || self.validation == FieldValidation::Ignore {
            return Ok(Vec::new());
        }
        if self.validation == FieldValidation::Strict {
            return Err(refuse(format!("strict decoding error: {}", found.join(", "))));
        }
        // go-yaml's errors come as one text of several lines: each is a warning.
        let lines = found.iter().flat_map(|told| match told.strip_prefix(YAML_ERRORS) {
            Some(lines) => lines.lines().map(str::trim).filter(|l| !l.is_empty()).collect(),
            None => vec![told.as_str()],
        });
        Ok(lines.map(str::to_owned).collect())
    }

    /// go-yaml's one error about all keys that are there twice.
    fn yaml_duplicates(&self) -> Vec<String> {
        let Text::Yaml { duplicates } = self.text else { return Vec::new() };
        if duplicates.is_empty() {
            return Vec::new();
        }
        vec![format!("{YAML_ERRORS}\n  {}", duplicates.join("\n  "))]
    }
}

fn unknown_field(path: &str) -> String {
    format!("unknown field \"{path}\"")
}

fn duplicate_field(path: &str) -> String {
    format!("duplicate field \"{path}\"")
}

/// Each duplicate once, however often it is there.
fn once(duplicates: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    duplicates.iter().filter(|d| seen.insert(d.as_str())).map(|d| duplicate_field(d)).collect()
}

/// Unknown fields and duplicates as a decoder meets them that goes through the text; it skips what is in unknown ones.
fn in_order(text: &[u8], unknown: &BTreeSet<String>, duplicates: &[String]) -> Vec<String> {
    let duplicates: BTreeSet<&str> = duplicates.iter().map(String::as_str).collect();
    let (mut met, mut told) = (BTreeSet::new(), Vec::new());
    let mut skipped: Option<String> = None;
    for path in json::fields(text) {
        let below = |of: &String| path.strip_prefix(of.as_str()).is_some_and(|r| r.starts_with(['.', '[']));
        if skipped.as_ref().is_some_and(below) {
            continue;
        }
        skipped = None;
        if unknown.contains(&path) {
            told.push(unknown_field(&path));
            skipped = Some(path);
        } else if duplicates.contains(path.as_str()) && !met.insert(path.clone()) {
            told.push(duplicate_field(&path));
        }
    }
    let mut seen = BTreeSet::new();
    told.retain(|text| seen.insert(text.clone()));
    told.truncate(MOST);
    told
}

/// The beginning of a body as errors show it: text of what looks like JSON, bytes of what does not.
pub fn summary(bytes: &[u8]) -> String {
    const LONGEST: usize = 30;
    let (part, rest) = bytes.split_at(bytes.len().min(LONGEST));
    let more = if rest.is_empty() { "" } else { " ..." };
    match bytes.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(part)),
        Some(_) => {
            let hex: String = part.iter().map(|b| format!("{b:02x}")).collect();
            format!("{hex}{more}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text: &Text) -> Reading<'_> {
        Reading { validation: FieldValidation::Warn, text }
    }

    fn json(text: &str) -> Text {
        let duplicates = json::parse(text.as_bytes()).unwrap().duplicates;
        Text::Json { text: text.as_bytes().into(), duplicates }
    }

    #[test]
    fn unknown_and_repeated_fields_are_told_in_the_order_of_the_text() {
        let text = json(r#"{"spec":{"z":{"q":1,"q":2},"replicas":2,"replicas":3,"a":1,"a":2,"replicas":4}}"#);
        let told = reading(&text).typed(vec!["spec.a".to_owned(), "spec.z".to_owned()]);
        assert_eq!(
            told,
            ["unknown field \"spec.z\"", "duplicate field \"spec.replicas\"", "unknown field \"spec.a\""]
        );
    }

    #[test]
    fn json_patches_have_their_own_words() {
        let text = json(r#"[{"op":"test","foo":1,"path":"/a"},{"path":"/b","path":"/c","op":"remove"}]"#);
        let Text::Json { text: bytes, .. } = &text else { panic!() };
        let told = reading(&text).patch(Some(PatchType::Json), &json::parse(bytes).unwrap().value);
        assert_eq!(told, ["json patch unknown field \"[0].foo\"", "json patch duplicate field \"[1].path\""]);
    }

    #[test]
    fn keys_twice_in_yaml_are_one_error_and_several_warnings() {
        let duplicates = vec!["line 7: key \"a\" already set in map".to_owned(), "line 9: b".to_owned()];
        let text = Text::Yaml { duplicates };
        let refuse = |why: String| ApiError::bad_request(why);
        let found = || reading(&text).typed(vec!["foo".to_owned()]);
        assert_eq!(
            reading(&text).settle(&found(), &refuse).unwrap(),
            ["line 7: key \"a\" already set in map", "line 9: b", "unknown field \"foo\""]
        );
        let strict = Reading { validation: FieldValidation::Strict, ..reading(&text) };
        assert_eq!(
            strict.settle(&found(), &refuse).unwrap_err().message,
            "strict decoding error: yaml: unmarshal errors:\n  line 7: key \"a\" already set in map\n  line 9: b, unknown field \"foo\""
        );
        assert_eq!(
            strict.applied().unwrap_err().message,
            "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 7: key \"a\" already set in map\n  line 9: b"
        );
    }

    #[test]
    fn bodies_in_short() {
        assert_eq!(summary(b""), "<empty>");
        assert_eq!(summary(b"{"), "{");
        assert_eq!(summary(b"[]"), "5b5d");
        assert_eq!(summary(&[b'{'; 40]), format!("{} ...", "{".repeat(30)));
    }
}
