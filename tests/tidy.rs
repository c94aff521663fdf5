//! The house rules that a machine can hold: who may import whom, how long a file may be, what is banned.

#![allow(clippy::unwrap_used)] // a test may stop where it stands

use std::fs;
use std::path::{Path, PathBuf};

const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// A room, and the rooms that it may import from (itself included by nature).
const ARROWS: &[(&str, &[&str])] = &[
    ("object", &[]),
    ("yaml", &[]),
    ("json", &[]),
    ("difference", &[]),
    ("archive", &[]),
    ("assets", &[]),
    ("posix", &["difference", "archive"]),
    ("apiserver", &["object", "json", "difference", "assets"]),
    ("cluster", &["apiserver", "object", "posix", "yaml", "assets"]),
    ("client", &["cluster", "apiserver", "object"]),
    ("kubectl", &["client", "apiserver", "cluster", "object", "yaml", "difference", "archive"]),
    ("course", &["client", "apiserver", "cluster", "object", "yaml", "assets"]),
    ("shell", &["kubectl", "client", "posix", "cluster", "apiserver", "object", "yaml"]),
    ("session", &["course", "shell", "kubectl", "client", "cluster", "apiserver", "object", "posix"]),
    ("school", &["session", "course", "client", "cluster", "object"]),
    ("headless", &["session", "shell"]),
    ("server", &["session", "client", "cluster", "apiserver", "object", "yaml", "json", "assets"]),
    ("standalone", &["kubectl", "client"]),
    (
        "tui",
        &[
            "school",
            "server",
            "session",
            "course",
            "shell",
            "kubectl",
            "client",
            "cluster",
            "apiserver",
            "object",
            "posix",
        ],
    ),
    (
        "cli",
        &[
            "school",
            "tui",
            "server",
            "headless",
            "standalone",
            "session",
            "course",
            "shell",
            "cluster",
            "object",
        ],
    ),
];

/// The longest that a file may be, in lines; tables are exempt.
const LONGEST: usize = 800;

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
}

fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(Path::new(SRC), &mut found);
    let relative = |path: &PathBuf| path.strip_prefix(SRC).unwrap().to_string_lossy().replace('\\', "/");
    found.iter().map(|path| (relative(path), fs::read_to_string(path).unwrap())).collect()
}

fn room(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

#[test]
fn arrows_point_downward() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room(&file)) else {
            assert!(matches!(room(&file), "lib" | "main"), "{file}: a room that tests/tidy.rs does not know");
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            for part in line.split("crate::").skip(1) {
                let end = part.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(part.len());
                let target = &part[..end];
                let known = ARROWS.iter().any(|(name, _)| *name == target);
                if known && target != room(&file) && !allowed.contains(&target) {
                    wrong.push(format!("{file}:{}: {} may not import {target}", number + 1, room(&file)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_stay_readable() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let lines = text.lines().count();
        let table = text.contains("//! A table");
        if lines > LONGEST && !table {
            wrong.push(format!("{file}: {lines} lines (at most {LONGEST}, but for tables)"));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{file}: begins without a //! that says what it is"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn main_is_a_doorstep() {
    let text = fs::read_to_string(Path::new(SRC).join("main.rs")).unwrap();
    assert!(text.lines().count() <= 40);
}
