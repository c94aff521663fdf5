//! Validation of flow control: the schemas of flows and the levels of priority.

use super::{Errors, FieldError, Path, names};
use crate::apiserver::flow_control;
use crate::object::dynamic::DynamicObject;
use serde_json::{Value, json};

/// The greatest precedence of a schema.
const LAST: i64 = 10_000;
/// The most queues of a level.
const QUEUES: i64 = 10_000_000;
/// The bits of the hash that deals queues to flows.
const HASH_BITS: i64 = 60;

const VERBS: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or("")
}

fn list<'v>(value: &'v Value, name: &str) -> Vec<&'v str> {
    value[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn each<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = (usize, &'v Value)> {
    value[name].as_array().into_iter().flatten().enumerate()
}

/// A `FlowSchema` or a `PriorityLevelConfiguration`.
pub fn check(o: &DynamicObject, errors: &mut Errors) {
    let spec = o.content.get("spec").unwrap_or(&Value::Null);
    let name = o.metadata.name.as_deref().unwrap_or("");
    let path = Path::new("spec");
    let what = o.kind.info().kind;
    if what == "FlowSchema" {
        schema(name, spec, path, errors);
    } else {
        level(name, spec, path, errors);
    }
    // Some are what the server cannot do without; of the exempt level its shares may be changed.
    let mut compared = spec.clone();
    let mut except = "";
    if (what, name) == ("PriorityLevelConfiguration", "exempt") {
        except = " except the 'spec.exempt' field";
        compared["exempt"] = flow_control::fixed(what, name).unwrap_or_default()["exempt"].clone();
    }
    if flow_control::fixed(what, name).is_some_and(|fixed| fixed != compared) {
        let why = format!("spec of '{name}'{except} must equal the fixed value");
        errors.raw(path, &spec.to_string(), &why);
    }
}

fn schema(name: &str, spec: &Value, path: Path, errors: &mut Errors) {
    let precedence = spec["matchingPrecedence"].as_i64().unwrap_or(0);
    let wrong = match precedence {
        ..=0 => "must be a positive value".to_owned(),
        1 if name != "exempt" => "only the schema named 'exempt' may have matchingPrecedence 1".to_owned(),
        number if number > LAST => format!("must not be greater than {LAST}"),
        _ => String::new(),
    };
    if !wrong.is_empty() {
        errors.invalid(path.child("matchingPrecedence"), precedence, wrong);
    }
    let method = &spec["distinguisherMethod"];
    if !method.is_null() && !["ByNamespace", "ByUser"].contains(&text(method, "type")) {
        let shown = json!({"Type": text(method, "type")});
        let path = path.child("distinguisherMethod");
        unsupported(path.child("type"), &shown, &["ByNamespace", "ByUser"], errors);
    }
    let reference = path.child("priorityLevelConfiguration");
    match text(&spec["priorityLevelConfiguration"], "name") {
        "" => errors.required(reference.child("name"), "must reference a priority level"),
        level => errors.all(reference.child("name"), level, names::subdomain(level)),
    }
    let rules = path.child("rules");
    for (at, rule) in each(spec, "rules") {
        let path = rules.index(at);
        let subjects = path.child("subjects");
        if each(rule, "subjects").next().is_none() {
            errors.required(subjects, "subjects must contain at least one value");
        }
        for (at, one) in each(rule, "subjects") {
            subject(one, subjects.index(at), errors);
        }
        if each(rule, "resourceRules").chain(each(rule, "nonResourceRules")).next().is_none() {
            let why = "at least one of resourceRules and nonResourceRules has to be non-empty";
            errors.required(path, why);
        }
        let (resources, others) = (path.child("resourceRules"), path.child("nonResourceRules"));
        for (at, one) in each(rule, "resourceRules") {
            about_resources(one, resources.index(at), errors);
        }
        for (at, one) in each(rule, "nonResourceRules") {
            about_paths(one, others.index(at), errors);
        }
    }
}

/// Whom a rule is about: one member, and the one that its kind says.
fn subject(subject: &Value, path: Path, errors: &mut Errors) {
    const MEMBERS: &[(&str, &str)] =
        &[("ServiceAccount", "serviceAccount"), ("User", "user"), ("Group", "group")];
    let kind = text(subject, "kind");
    let Some((_, member)) = MEMBERS.iter().find(|(named, _)| *named == kind) else {
        return errors.unsupported(path.child("kind"), kind, &["Group", "ServiceAccount", "User"]);
    };
    let (inner, at) = (&subject[member], path.child(member));
    if inner.is_null() {
        errors.required(at, &format!("{member} is required when subject kind is '{kind}'"));
    } else {
        let name = text(inner, "name");
        errors.needed(at.child("name"), name);
        if kind == "ServiceAccount" {
            if !matches!(name, "" | "*") {
                errors.all(at.child("name"), name, names::subdomain(name));
            }
            match text(inner, "namespace") {
                "" => errors.required(at.child("namespace"), "must specify namespace for service account"),
                namespace => errors.all(at.child("namespace"), namespace, names::label(namespace)),
            }
        }
    }
    for (other, member) in
        MEMBERS.iter().filter(|(other, member)| *other != kind && !subject[member].is_null())
    {
        errors.forbidden(
            path.child(member),
            format!("{member} is forbidden when subject kind is not '{other}'"),
        );
    }
}

/// A list in which `*` stands alone, and which is not empty.
fn starred(rule: &Value, (name, what): (&str, &str), missing: &str, path: Path, errors: &mut Errors) -> bool {
    let items = list(rule, name);
    if items.is_empty() {
        errors.required(path.child(name), missing);
    } else if items.contains(&"*") && items.len() > 1 {
        let why = format!("if '*' is present, must not specify other {what}");
        errors.invalid(path.child(name), json!(items), why);
    }
    !items.contains(&"*")
}

fn verbs(rule: &Value, path: Path, errors: &mut Errors) {
    let plain = starred(rule, ("verbs", "verbs"), "verbs must contain at least one value", path, errors);
    let items = list(rule, "verbs");
    if plain && items.iter().any(|verb| !VERBS.contains(verb)) {
        unsupported(path.child("verbs"), &json!(items), VERBS, errors);
    }
}

fn about_resources(rule: &Value, path: Path, errors: &mut Errors) {
    verbs(rule, path, errors);
    let why = "resource rules must supply at least one api group";
    starred(rule, ("apiGroups", "api groups"), why, path, errors);
    starred(
        rule,
        ("resources", "resources"),
        "resource rules must supply at least one resource",
        path,
        errors,
    );
    let namespaces = list(rule, "namespaces");
    if namespaces.is_empty() && rule["clusterScope"] == true {
        return;
    }
    let why = "resource rules that are not cluster scoped must supply at least one namespace";
    if starred(rule, ("namespaces", "namespaces"), why, path, errors) {
        let at = path.child("namespaces");
        for (index, namespace) in namespaces.iter().enumerate() {
            for why in names::label(namespace) {
                let why = format!("each member of this list must be '*' or a DNS-1123 label; {why}");
                errors.invalid(at.index(index), *namespace, why);
            }
        }
    }
}

fn about_paths(rule: &Value, path: Path, errors: &mut Errors) {
    verbs(rule, path, errors);
    let why = "nonResourceURLs must contain at least one value";
    if !starred(rule, ("nonResourceURLs", "non-resource URLs"), why, path, errors) {
        return;
    }
    let at = path.child("nonResourceURLs");
    for (index, url) in list(rule, "nonResourceURLs").into_iter().enumerate() {
        let why = match url {
            "" => "must not be empty",
            "/" => "",
            _ if !url.starts_with('/') => "must start with slash",
            _ if url.contains(' ') => "must not contain white-space",
            _ if url.contains("//") => "must not contain double slash",
            _ if url.strip_suffix("/*").unwrap_or(url).contains('*') => {
                "wildcard can only do suffix matching"
            }
            _ => "",
        };
        if !why.is_empty() {
            errors.invalid(at.index(index), url, why);
        }
    }
}

fn level(name: &str, spec: &Value, path: Path, errors: &mut Errors) {
    let kind = text(spec, "type");
    if (name == "exempt") != (kind == "Exempt") {
        let why = "type must be 'Exempt' if and only if name is 'exempt'";
        errors.invalid(path.child("type"), kind, why);
    }
    let (exempt, limited) = (&spec["exempt"], &spec["limited"]);
    match kind {
        "Exempt" => {
            if !limited.is_null() {
                errors.forbidden(path.child("limited"), "must be nil if the type is not Limited");
            }
            shares(exempt, path.child("exempt"), errors);
        }
        "Limited" => {
            if !exempt.is_null() {
                errors.forbidden(path.child("exempt"), "must be nil if the type is Limited");
            }
            let path = path.child("limited");
            if limited.is_null() {
                return errors.required(path, "must not be empty when type is Limited");
            }
            shares(limited, path, errors);
            let borrowed = limited["borrowingLimitPercent"].as_i64();
            if let Some(borrowed) = borrowed.filter(|percent| *percent < 0) {
                let why = "if specified, must be a non-negative integer";
                errors.invalid(path.child("borrowingLimitPercent"), borrowed, why);
            }
            response(&limited["limitResponse"], path.child("limitResponse"), errors);
        }
        _ => errors.unsupported(path.child("type"), kind, &["Exempt", "Limited"]),
    }
}

/// What a level has, and lends.
fn shares(level: &Value, path: Path, errors: &mut Errors) {
    if let Some(shares) = level["nominalConcurrencyShares"].as_i64().filter(|shares| *shares < 0) {
        errors.invalid(path.child("nominalConcurrencyShares"), shares, "must be a non-negative integer");
    }
    if let Some(lent) = level["lendablePercent"].as_i64().filter(|lent| !(0..=100).contains(lent)) {
        errors.invalid(path.child("lendablePercent"), lent, "must be between 0 and 100, inclusive");
    }
}

fn response(response: &Value, path: Path, errors: &mut Errors) {
    let queuing = &response["queuing"];
    let at = path.child("queuing");
    match text(response, "type") {
        "Reject" if !queuing.is_null() => {
            errors.forbidden(at, "must be nil if limited.limitResponse.type is not Limited");
        }
        "Reject" => {}
        "Queue" if queuing.is_null() => {
            errors.required(at, "must not be empty if limited.limitResponse.type is Limited");
        }
        "Queue" => queues(queuing, at, errors),
        kind => errors.unsupported(path.child("type"), kind, &["Queue", "Reject"]),
    }
}

fn queues(queuing: &Value, path: Path, errors: &mut Errors) {
    let number = |name: &str| queuing[name].as_i64().unwrap_or(0);
    let (length, queues, hand) = (number("queueLengthLimit"), number("queues"), number("handSize"));
    if length <= 0 {
        errors.invalid(path.child("queueLengthLimit"), length, "must be positive");
    }
    if queues <= 0 {
        errors.invalid(path.child("queues"), queues, "must be positive");
    } else if queues > QUEUES {
        errors.invalid(path.child("queues"), queues, format!("must not be greater than {QUEUES}"));
    }
    // As many bits as it takes to deal a hand from all queues.
    let bits = ((queues.max(1) as f64).log2() * hand as f64).ceil() as i64;
    let why = if hand <= 0 {
        "must be positive".to_owned()
    } else if hand > queues {
        format!("should not be greater than queues ({queues})")
    } else if bits > HASH_BITS {
        format!(
            "required entropy bits of deckSize {queues} and handSize {hand} should not be greater than {HASH_BITS}"
        )
    } else {
        return;
    };
    errors.invalid(path.child("handSize"), hand, why);
}

fn unsupported(path: Path, value: &Value, supported: &[&str], errors: &mut Errors) {
    errors.0.push(FieldError::unsupported(path.to_string(), value, supported));
}
