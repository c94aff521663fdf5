//! `ListOptions`: what the query of a list or a watch asks for, checked as the real server checks it.

use crate::apiserver::{ApiError, FieldError, Request};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The state that a list or a watch begins from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    /// No version, or `0`: whatever is there.
    Any,
    /// This version or a newer one.
    NotOlderThan(u64),
    /// Just this version.
    Exact(u64),
}

/// Where the next page of a list begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Continue {
    /// The revision of the whole list; `None` to go on with what is there now.
    pub revision: Option<u64>,
    /// The last object of the page before: namespace and name, as [`position`] writes them.
    pub after: String,
}

const TOKEN_VERSION: &str = "meta.k8s.io/v1";

/// An object's place in a list.
pub fn position(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

impl Continue {
    /// The opaque token that a client sends back.
    pub fn encode(&self) -> String {
        let revision = self.revision.map_or(-1, |r| i64::try_from(r).unwrap_or(i64::MAX));
        let start = format!("{}\u{0}", self.after);
        URL_SAFE_NO_PAD.encode(json!({"v": TOKEN_VERSION, "rv": revision, "start": start}).to_string())
    }

    /// Reads a token.
    ///
    /// # Errors
    /// 400 for anything that no list gave out.
    pub fn decode(token: &str) -> Result<Self, ApiError> {
        let invalid = |why: &str| ApiError::bad_request(format!("continue key is not valid: {why}"));
        let bytes = URL_SAFE_NO_PAD.decode(token.trim_end_matches('=')).map_err(|e| match e {
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => {
                invalid(&format!("illegal base64 data at input byte {at}"))
            }
            _ => invalid(&format!("illegal base64 data at input byte {}", token.len())),
        })?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| {
            let first = bytes.first().map_or('\0', |b| char::from(*b));
            invalid(&format!("invalid character '{first}' looking for beginning of value"))
        })?;
        let version = value["v"].as_str().unwrap_or("");
        if version != TOKEN_VERSION {
            return Err(invalid(&format!("server does not recognize this encoded version {version:?}")));
        }
        let revision = match value["rv"].as_i64().unwrap_or(0) {
            0 => {
                return Err(invalid("incorrect encoded start resourceVersion (version meta.k8s.io/v1)"));
            }
            number => u64::try_from(number).ok(),
        };
        let start = value["start"].as_str().unwrap_or("");
        if start.is_empty() {
            return Err(invalid("encoded start key empty (version meta.k8s.io/v1)"));
        }
        Ok(Self { revision, after: start.trim_end_matches('\0').to_owned() })
    }
}

/// The options of one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListOptions {
    /// The state asked for.
    pub from: From,
    /// How many objects a page may have; 0 for all.
    pub limit: usize,
    /// Where to go on.
    pub following: Option<Continue>,
    /// Whether a watch begins with what is there.
    pub initial_events: bool,
    /// Whether a watch may tell how far it has come.
    pub bookmarks: bool,
}

impl ListOptions {
    /// Reads and checks the options of a list or a watch.
    ///
    /// # Errors
    /// 400 for what cannot be read, 422 for what does not go together.
    pub fn of(request: &Request, watching: bool) -> Result<Self, ApiError> {
        let text = |key: &str| request.query_value(key).unwrap_or("");
        let number = |key: &str| match text(key) {
            "" => Ok(0),
            text => text.parse::<i64>().map_err(|_| {
                ApiError::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"))
            }),
        };
        let sent = request.query_value("sendInitialEvents").map(|v| matches!(v, "" | "true" | "1"));
        let errors = if watching { watch_errors(request, sent) } else { list_errors(request, sent) };
        if !errors.is_empty() {
            return Err(invalid_options(errors));
        }
        let version = text("resourceVersion");
        let following = match text("continue") {
            "" => None,
            token if !matches!(version, "" | "0") && !watching => {
                let _ = Continue::decode(token)?;
                return Err(ApiError::bad_request(
                    "specifying resource version is not allowed when using continue",
                ));
            }
            token => Some(Continue::decode(token)?),
        };
        let limit = usize::try_from(number("limit")?).unwrap_or(0);
        number("timeoutSeconds")?;
        let from = from(version, text("resourceVersionMatch"), limit > 0, watching)?;
        // Without a version a watch begins with what is there, whether it asks for that or not.
        let initial_events = sent.unwrap_or(from == From::Any);
        let bookmarks = matches!(request.query_value("allowWatchBookmarks"), Some("" | "true" | "1"));
        Ok(Self { from, limit, following, initial_events, bookmarks })
    }
}

fn from(version: &str, matching: &str, limited: bool, watching: bool) -> Result<From, ApiError> {
    if matches!(version, "" | "0") {
        return Ok(From::Any);
    }
    let number: u64 = version.parse().map_err(|_| {
        let why = format!("strconv.ParseUint: parsing \"{version}\": invalid syntax");
        if watching {
            return ApiError::bad_request(format!("Invalid value: \"{version}\": {why}"));
        }
        ApiError::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: \"{version}\": {why}"
        ))
    })?;
    // A limited list at a version has always meant just that version.
    if matching == "Exact" || (matching.is_empty() && limited && !watching) {
        return Ok(From::Exact(number));
    }
    Ok(From::NotOlderThan(number))
}

fn list_errors(request: &Request, sent: Option<bool>) -> Vec<FieldError> {
    let text = |key: &str| request.query_value(key).unwrap_or("");
    let mut errors = Vec::new();
    let field = "resourceVersionMatch";
    let matching = text(field);
    if !matching.is_empty() {
        let mut forbid = |why: &str| errors.push(FieldError::forbidden(field, why));
        if text("resourceVersion").is_empty() {
            forbid("resourceVersionMatch is forbidden unless resourceVersion is provided");
        }
        if !text("continue").is_empty() {
            forbid("resourceVersionMatch is forbidden when continue is provided");
        }
        if !matches!(matching, "Exact" | "NotOlderThan") {
            let known = ["Exact", "NotOlderThan", ""];
            errors.push(FieldError::unsupported(field, &json!(matching), &known));
        } else if matching == "Exact" && text("resourceVersion") == "0" {
            forbid("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
        }
    }
    if sent.is_some() {
        errors.push(FieldError::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
    }
    errors
}

fn watch_errors(request: &Request, sent: Option<bool>) -> Vec<FieldError> {
    let field = "resourceVersionMatch";
    let matching = request.query_value(field).unwrap_or("");
    let mut errors = Vec::new();
    if sent.is_some() && matching != "NotOlderThan" {
        let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.push(FieldError::forbidden(field, why));
    }
    if matching.is_empty() {
        return errors;
    }
    if sent.is_none() {
        let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
        errors.push(FieldError::forbidden(field, why));
    }
    if matching != "NotOlderThan" {
        errors.push(FieldError::unsupported(field, &json!(matching), &["NotOlderThan"]));
    }
    if request.query_value("continue").is_some_and(|c| !c.is_empty()) {
        let why = "resourceVersionMatch is forbidden when continue is provided";
        errors.push(FieldError::forbidden(field, why));
    }
    errors
}

fn invalid_options(causes: Vec<FieldError>) -> ApiError {
    let texts: Vec<String> = causes.iter().map(|c| format!("{}: {}", c.field, c.message)).collect();
    let list = if let [one] = texts.as_slice() { one.clone() } else { format!("[{}]", texts.join(", ")) };
    let message = format!("ListOptions.meta.k8s.io \"\" is invalid: {list}");
    let error = ApiError::new(422, "Invalid", message);
    ApiError { group: "meta.k8s.io".into(), kind: "ListOptions".into(), causes, ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_there_and_back() {
        for revision in [Some(7), None] {
            let token = Continue { revision, after: "default/web".to_owned() };
            assert_eq!(Continue::decode(&token.encode()).unwrap(), token);
        }
        for (token, expected) in [
            ("***", "continue key is not valid: illegal base64 data at input byte 0"),
            ("aGVsbG8", "continue key is not valid: invalid character 'h' looking for beginning of value"),
            ("e30", "continue key is not valid: server does not recognize this encoded version \"\""),
        ] {
            assert_eq!(Continue::decode(token).unwrap_err().message, expected);
        }
    }

    #[test]
    fn what_does_not_go_together() {
        for (watching, query, expected) in [
            (
                false,
                "resourceVersionMatch=Exact",
                "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
            ),
            (
                false,
                "resourceVersion=5&resourceVersionMatch=x",
                "resourceVersionMatch: Unsupported value: \"x\": supported values: \"Exact\", \"NotOlderThan\", \"\"",
            ),
            (
                true,
                "resourceVersionMatch=NotOlderThan",
                "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            ),
            (
                true,
                "sendInitialEvents=true",
                "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            ),
        ] {
            let pairs = query.split('&').filter_map(|p| p.split_once('='));
            let query = pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            let error = ListOptions::of(&Request { query, ..Request::default() }, watching).unwrap_err();
            assert_eq!(error.message, format!("ListOptions.meta.k8s.io \"\" is invalid: {expected}"));
        }
    }
}
