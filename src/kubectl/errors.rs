//! How a command fails, and how kubectl says so (`cmdutil.CheckErr`).
//!
//! Always holds: an answer of the API keeps its whole `Status` until it is printed, so that a command can look at
//! the reason; text is made here and nowhere else.

use serde_json::Value;
use std::fmt::Write;

/// Why a command did not succeed.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The API's answer: a `Status`.
    Status(Value),
    /// A sentence of kubectl's own, without `error: `.
    Message(String),
    /// Several at once.
    Many(Vec<Failure>),
    /// Everything has been said; only the exit status is left.
    Exit(i32),
    /// This text as it stands, and an exit status.
    Text(String, i32),
}

/// What most of kubectl answers with.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A sentence of kubectl's own.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Message(message.into())
    }

    /// One failure of several: none is success.
    ///
    /// # Errors
    /// When there are any.
    pub fn all(mut failures: Vec<Failure>) -> Outcome<()> {
        match failures.len() {
            0 => Ok(()),
            1 => Err(failures.remove(0)),
            _ => Err(Self::Many(failures)),
        }
    }

    /// The `reason` of the API's answer; empty for anything else.
    pub fn reason(&self) -> &str {
        if let Self::Status(status) = self { status["reason"].as_str().unwrap_or("") } else { "" }
    }

    /// Whether the API said that there is no such object.
    pub fn is_not_found(&self) -> bool {
        self.reason() == "NotFound"
    }

    /// Says what was being done to which source: `error when creating "STDIN": …`.
    #[must_use]
    pub fn when(self, doing: &str, source: &str) -> Self {
        let say = |message: &str| format!("error when {doing} \"{source}\": {message}");
        match self {
            Self::Status(mut status) => {
                status["message"] = say(status["message"].as_str().unwrap_or("")).into();
                Self::Status(status)
            }
            Self::Message(message) => Self::Message(say(&message)),
            other => other,
        }
    }

    /// What goes to standard error, and the exit status.
    pub fn report(&self) -> (String, i32) {
        let (text, code) = match self {
            Self::Exit(code) => return (String::new(), *code),
            Self::Text(text, code) => (text.clone(), *code),
            Self::Many(all) => {
                let lines: Vec<String> = all.iter().map(Self::plain).collect();
                (lines.join("\n"), 1)
            }
            Self::Status(status) if status["reason"] == "Invalid" => (invalid(status), 1),
            Self::Status(_) => (self.plain(), 1),
            Self::Message(message) if message.starts_with("error: ") => (message.clone(), 1),
            Self::Message(message) => (format!("error: {message}"), 1),
        };
        (if text.ends_with('\n') || text.is_empty() { text } else { text + "\n" }, code)
    }

    /// The text as one of several, or inside another: an answer of the API is introduced, a sentence is not.
    pub fn plain(&self) -> String {
        match self {
            Self::Message(message) => message.clone(),
            Self::Text(text, _) => text.trim_end().to_owned(),
            Self::Exit(_) => String::new(),
            Self::Many(all) => all.iter().map(Self::plain).collect::<Vec<_>>().join("\n"),
            Self::Status(status) => {
                let message = status["message"].as_str().unwrap_or("");
                match status["reason"].as_str().unwrap_or("") {
                    "Unauthorized" => {
                        format!("error: You must be logged in to the server ({message})")
                    }
                    "" => format!("Error from server: {message}"),
                    reason => format!("Error from server ({reason}): {message}"),
                }
            }
        }
    }

    /// The bare message, as Go's `err.Error()`.
    pub fn message(&self) -> String {
        match self {
            Self::Status(status) => status["message"].as_str().unwrap_or("").to_owned(),
            other => other.plain(),
        }
    }
}

fn invalid(status: &Value) -> String {
    let (details, message) = (&status["details"], status["message"].as_str().unwrap_or(""));
    if details.is_null() {
        return format!("The request is invalid: {message}");
    }
    let text = |key: &str| details[key].as_str().unwrap_or("");
    let mut said = String::from("The request is invalid");
    let causes = details["causes"].as_array().map_or(&[][..], Vec::as_slice);
    if !text("kind").is_empty() || !text("name").is_empty() {
        said = format!("The {} \"{}\" is invalid", text("kind"), text("name"));
    } else if !message.is_empty() && causes.is_empty() {
        let _ = write!(said, ": {message}");
    }
    let mut lines: Vec<String> = Vec::new();
    for cause in causes {
        let part = |key: &str| cause[key].as_str().unwrap_or("");
        let line = format!("{}: {}", part("field"), part("message"));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    match lines.as_slice() {
        [] => said,
        [one] => format!("{said}: {one}\n"),
        many => {
            format!("{said}: \n* {}\n", many.join("\n* "))
        }
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        Self::Message(message.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn prints_as_kubectl_does() {
        let missing = json!({"reason": "NotFound", "message": "pods \"x\" not found"});
        let one = json!({"reason": "Invalid", "message": "m", "details": {"kind": "Pod", "name": "p", "causes": [
            {"field": "spec.containers", "message": "Required value"}]}});
        let mut two = one.clone();
        two["details"]["causes"].as_array_mut().unwrap().push(json!({"field": "a", "message": "b"}));
        let bare = json!({"reason": "Invalid", "message": "the server rejected it"});
        let cases = [
            (Failure::new("it failed"), "error: it failed\n"),
            (Failure::Status(missing), "Error from server (NotFound): pods \"x\" not found\n"),
            (Failure::Status(one), "The Pod \"p\" is invalid: spec.containers: Required value\n"),
            (Failure::Status(two), "The Pod \"p\" is invalid: \n* spec.containers: Required value\n* a: b\n"),
            (Failure::Status(bare), "The request is invalid: the server rejected it\n"),
            (Failure::Many(vec!["a".into(), "b".into()]), "a\nb\n"),
            (Failure::new("x").when("creating", "STDIN"), "error: error when creating \"STDIN\": x\n"),
        ];
        for (failure, text) in cases {
            assert_eq!(failure.report(), (text.to_owned(), 1));
        }
    }
}
