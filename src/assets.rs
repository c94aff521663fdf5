//! The texts that the program carries, as `build.rs` packs them: the tables and manifests of `assets/`, the lessons, and the
//! schemas of the kinds.
//!
//! Always holds: each is unpacked once, when the first of its texts is asked for.

use std::io::Read;
use std::sync::OnceLock;

static ASSETS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/assets.deflate"));
static LESSONS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/lessons.deflate"));
static SCHEMAS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/schemas.deflate"));

/// A file of `assets/`; empty for a name that is not packed.
pub fn text(name: &str) -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    let name = format!("assets/{name}");
    files(TEXT.get_or_init(|| unpack(ASSETS))).find(|(file, _)| *file == name).map_or("", |(_, text)| text)
}

/// The files of `lessons/`, by name and text, in the order of their names.
pub fn lessons() -> impl Iterator<Item = (&'static str, &'static str)> {
    static TEXT: OnceLock<String> = OnceLock::new();
    files(TEXT.get_or_init(|| unpack(LESSONS)))
}

/// The JSON schemas of the served types by full name, and in `kinds` the type of each kind, a line each:
/// `apps/v1/Deployment io.k8s.api.apps.v1.Deployment`.
pub fn schemas() -> impl Iterator<Item = (&'static str, &'static str)> {
    static TEXT: OnceLock<String> = OnceLock::new();
    files(TEXT.get_or_init(|| unpack(SCHEMAS)))
}

fn unpack(packed: &[u8]) -> String {
    let mut text = String::new();
    // What this program packed itself can be read.
    let _ = flate2::read::DeflateDecoder::new(packed).read_to_string(&mut text);
    text
}

/// A line with name and length for each file, an empty line, and the files one after the other.
fn files(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let (heads, mut rest) = text.split_once("\n\n").unwrap_or_default();
    heads.lines().filter_map(move |head| {
        let (name, length) = head.rsplit_once(' ')?;
        let (text, after) = rest.split_at_checked(length.parse().ok()?)?;
        rest = after;
        Some((name, text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_what_is_there() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut count = 0;
        for entry in std::fs::read_dir(root.join("assets")).unwrap().flatten() {
            let (name, path) = (entry.file_name().into_string().unwrap(), entry.path());
            if path.extension().is_some_and(|e| e == "yaml" || e == "txt") {
                assert_eq!(text(&name), std::fs::read_to_string(path).unwrap(), "{name}");
                count += 1;
            }
        }
        assert!(count > 5);
        assert_eq!(text("nothing.txt"), "");
        for (name, text) in lessons() {
            assert_eq!(text, std::fs::read_to_string(root.join(name)).unwrap(), "{name}");
        }
        assert!(lessons().count() > 5);
    }
}
