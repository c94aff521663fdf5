//! `--load`: manifests that a served cluster begins with.

use crate::cluster::addons;
use crate::session::Session;
use crate::yaml;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Creates what the manifests in these files and folders describe, in the order of their names.
///
/// # Errors
/// When a file cannot be read, or the cluster refuses an object.
pub fn load(session: &mut Session, paths: &[PathBuf]) -> Result<()> {
    for path in paths {
        for file in files(path)? {
            let text =
                fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let documents = yaml::parse(&text).map_err(|e| anyhow!("{}: {e}", file.display()))?;
            for document in documents.into_iter().filter(|d| !d.value.is_null()) {
                create_all(session, document.value).with_context(|| format!("{}", file.display()))?;
            }
        }
    }
    Ok(())
}

/// A file, or the manifests of a folder.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut found: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    found.retain(|p| p.extension().is_some_and(|e| ["yaml", "yml", "json"].iter().any(|x| e == *x)));
    found.sort();
    Ok(found)
}

/// Creates what an addon is made of.
///
/// # Errors
/// When there is no such addon, or the cluster refuses an object.
pub fn add(session: &mut Session, addon: &str) -> Result<()> {
    let Some(objects) = addons::objects(addon) else {
        bail!("no addon {addon} (there is {})", addons::NAMES.join(", "));
    };
    objects.into_iter().try_for_each(|object| create_all(session, object))
}

/// Creates an object, or every item of a list.
fn create_all(session: &mut Session, object: Value) -> Result<()> {
    if object["kind"] == "List" {
        let items = object["items"].as_array().cloned().unwrap_or_default();
        return items.into_iter().try_for_each(|item| create_all(session, item));
    }
    match session.client().create_now(object) {
        Ok((_, true)) => Ok(()),
        Ok((name, false)) => bail!("{name} is there already"),
        Err(why) => bail!(why),
    }
}
