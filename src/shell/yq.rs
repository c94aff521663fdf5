//! yq: YAML through a jq filter, and back to YAML.

use super::world::Running;
use crate::kubectl::Streams;
use crate::posix::files::Tree;
use crate::posix::{Call, jq_filter, resolve_path};
use crate::yaml;
use std::cell::RefCell;
use std::rc::Rc;

/// Runs `yq [-r] [-o json] FILTER [FILE]`.
pub(super) fn run(call: &Call, files: Rc<RefCell<Tree>>, streams: &Streams, now: u64) -> Running {
    let (call, streams) = (call.clone(), streams.clone());
    Box::pin(async move {
        let (mut raw, mut json, mut rest) = (false, false, Vec::new());
        let mut args = call.argv.iter().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "-r" | "--raw-output" => raw = true,
                "-j" | "-o=json" | "-ojson" | "--output-format=json" => json = true,
                "-o" | "--output-format" => {
                    json = args.next().is_some_and(|form| form == "json" || form == "j");
                }
                "-y" | "-P" | "--prettyPrint" | "e" | "eval" | "-M" => {}
                _ => rest.push(arg.clone()),
            }
        }
        let filter = rest.first().cloned().unwrap_or_else(|| ".".into());
        let mut texts = Vec::new();
        for file in rest.iter().skip(1).filter(|f| *f != "-") {
            let content = files.borrow().read(&resolve_path(&call.cwd, file));
            match content {
                Ok(bytes) => texts.push(bytes),
                Err(why) => {
                    streams.error(&format!("Error: open {file}: {}\n", why.text().to_lowercase()));
                    return 1;
                }
            }
        }
        if texts.is_empty() {
            texts.push(streams.read_to_end().await);
        }
        let mut first = true;
        for bytes in texts {
            let documents = match yaml::parse(&String::from_utf8_lossy(&bytes)) {
                Ok(documents) => documents,
                Err(error) => {
                    streams.error(&format!("Error: bad file '-': {error}\n"));
                    return 1;
                }
            };
            for document in documents {
                let results = match jq_filter(&filter, &document.value, now) {
                    Ok(results) => results,
                    Err(why) => {
                        streams.error(&format!("Error: {why}\n"));
                        return 1;
                    }
                };
                for value in results {
                    let text = match &value {
                        serde_json::Value::String(text) if raw || !json => format!("{text}\n"),
                        value if json => serde_json::to_string_pretty(value).unwrap_or_default() + "\n",
                        value => yaml::to_string(value),
                    };
                    if !std::mem::take(&mut first) && value.is_object() && !json {
                        streams.print("---\n");
                    }
                    streams.print(&text);
                    if !text.ends_with('\n') {
                        streams.print("\n");
                    }
                }
            }
        }
        0
    })
}
