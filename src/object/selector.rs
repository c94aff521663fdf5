//! Label selectors: the object form of specs, and the text form of `-l`.
//!
//! From `k8s.io/apimachinery/pkg/labels`: a selector is a list of requirements that must all hold.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

mod parse;

/// How a requirement compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// The label has one of the values.
    In,
    /// The label is absent or has none of the values.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
    /// The label is a number greater than the value (node affinity and `-l` only).
    Gt,
    /// The label is a number less than the value.
    Lt,
}

/// One condition on the labels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// How it compares.
    pub operator: Operator,
    /// What with.
    pub values: BTreeSet<String>,
}

/// A list of requirements; the empty one matches everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selector {
    /// All of them must hold.
    pub requirements: Vec<Requirement>,
    /// Set for a nil selector, which matches nothing.
    pub nothing: bool,
}

impl Requirement {
    /// Whether it holds of `labels`.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let number = |s: &String| s.parse::<i64>().ok();
        let bound = || self.values.first().and_then(number);
        match self.operator {
            Operator::In => value.is_some_and(|v| self.values.contains(v)),
            Operator::NotIn => value.is_none_or(|v| !self.values.contains(v)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Gt => value.and_then(number).zip(bound()).is_some_and(|(v, b)| v > b),
            Operator::Lt => value.and_then(number).zip(bound()).is_some_and(|(v, b)| v < b),
        }
    }
}

impl Selector {
    /// A selector of `key=value` pairs, as a Service's.
    pub fn from_map(map: &BTreeMap<String, String>) -> Self {
        let requirement = |(k, v): (&String, &String)| Requirement {
            key: k.clone(),
            operator: Operator::In,
            values: BTreeSet::from([v.clone()]),
        };
        Self { requirements: map.iter().map(requirement).collect(), nothing: false }
    }

    /// The selector of a spec. `None` selects nothing; an empty one selects everything.
    pub fn from_api(selector: Option<&LabelSelector>) -> Self {
        let Some(selector) = selector else { return Self { nothing: true, ..Self::default() } };
        let mut parsed = Self::from_map(selector.match_labels.as_ref().unwrap_or(&BTreeMap::new()));
        for expression in selector.match_expressions.iter().flatten() {
            let operator = match expression.operator.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                _ => Operator::DoesNotExist,
            };
            let values = expression.values.iter().flatten().cloned().collect();
            parsed.requirements.push(Requirement { key: expression.key.clone(), operator, values });
        }
        parsed
    }

    /// Whether every requirement holds of `labels`.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.nothing && self.requirements.iter().all(|r| r.matches(labels))
    }

    /// Whether whatever it selects has all of these labels.
    pub fn demands(&self, labels: &BTreeMap<String, String>) -> bool {
        let demanded = |(key, value): (&String, &String)| {
            let one = |r: &Requirement| {
                r.operator == Operator::In && r.key == *key && r.values.len() == 1 && r.values.contains(value)
            };
            self.requirements.iter().any(one)
        };
        self.nothing || labels.iter().all(demanded)
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, r) in self.requirements.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            let values: Vec<&str> = r.values.iter().map(String::as_str).collect();
            match (r.operator, values.as_slice()) {
                (Operator::In, [one]) => write!(f, "{}={one}", r.key)?,
                (Operator::In, many) => write!(f, "{} in ({})", r.key, many.join(","))?,
                (Operator::NotIn, [one]) => write!(f, "{}!={one}", r.key)?,
                (Operator::NotIn, many) => write!(f, "{} notin ({})", r.key, many.join(","))?,
                (Operator::Exists, _) => write!(f, "{}", r.key)?,
                (Operator::DoesNotExist, _) => write!(f, "!{}", r.key)?,
                (Operator::Gt, v) => write!(f, "{}>{}", r.key, v.join(","))?,
                (Operator::Lt, v) => write!(f, "{}<{}", r.key, v.join(","))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(text in "[a-c/.=!<>,() ]{0,24}|(a|b) (in|notin) \\([a-c,]{0,6}\\)") {
            if let Ok(selector) = Selector::parse(&text) {
                let labels = BTreeMap::from([("a".to_owned(), "b".to_owned()), ("b".to_owned(), "1".to_owned())]);
                let again = Selector::parse(&selector.to_string());
                prop_assert_eq!(again.map(|s| s.matches(&labels)), Ok(selector.matches(&labels)));
            }
        }

        #[test]
        fn noise_does_no_harm(text in "\\PC{0,32}") {
            let _ = Selector::parse(&text);
        }
    }
}
