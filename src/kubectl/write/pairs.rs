//! The arguments of commands that change a map: resources first, then `KEY=VALUE` and `KEY-`.

use crate::kubectl::errors::Outcome;
use std::collections::BTreeMap;

/// What to do with the map's entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// To set.
    pub set: BTreeMap<String, String>,
    /// To take away, in the order asked.
    pub remove: Vec<String>,
}

/// Parts the arguments into resources and changes. `what` is `label` or `annotation`.
///
/// # Errors
/// When a resource stands behind a change.
pub fn split(args: &[String], what: &str) -> Outcome<(Vec<String>, Vec<String>)> {
    let (mut resources, mut changes) = (Vec::new(), Vec::new());
    for arg in args {
        let change = arg.find('=').is_some_and(|at| at > 0) || (arg.ends_with('-') && arg != "-");
        match (change, changes.is_empty()) {
            (true, _) => changes.push(arg.clone()),
            (false, true) => resources.push(arg.clone()),
            (false, false) => {
                return Err(format!("all resources must be specified before {what} changes: {arg}").into());
            }
        }
    }
    Ok((resources, changes))
}

/// Reads the changes.
///
/// # Errors
/// When one is no pair, or a key is both set and taken away.
pub fn parse(changes: &[String], what: &str) -> Outcome<Pairs> {
    let mut pairs = Pairs::default();
    for change in changes {
        if let Some((key, value)) = change.split_once('=') {
            if what == "label" && value.contains('=') {
                return Err(format!("invalid label spec: {change}").into());
            }
            pairs.set.insert(key.to_owned(), value.to_owned());
        } else if let Some(key) = change.strip_suffix('-') {
            pairs.remove.push(key.to_owned());
        }
    }
    let article = if what == "label" { "a" } else { "an" };
    if pairs.remove.iter().any(|key| pairs.set.contains_key(key)) {
        return Err(format!("can not both modify and remove {article} {what} in the same command").into());
    }
    Ok(pairs)
}
