//! Packs the texts that the program carries: they are a third as large when they are compressed.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    pack("lessons", &["lessons", "lessons/quiz"], &["yaml"])?;
    pack("assets", &["assets"], &["yaml", "txt"])?;
    // A release does not unwind (`panic = "abort"`), and so needs no index to find its frames by.
    let linux = env::var("CARGO_CFG_TARGET_OS")? == "linux";
    if linux && env::var("PROFILE")? == "release" {
        println!("cargo:rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
    }
    Ok(())
}

/// Writes the files of some folders into one: a line with name and length for each, an empty line, and the files one
/// after the other.
fn pack(name: &str, folders: &[&str], endings: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    for folder in folders {
        println!("cargo:rerun-if-changed={folder}");
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| endings.iter().any(|ending| e == *ending)) {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                files.push((format!("{folder}/{name}"), fs::read_to_string(&path)?));
            }
        }
    }
    files.sort();
    let mut packed = String::new();
    for (name, text) in &files {
        packed.push_str(&format!("{name} {}\n", text.len()));
    }
    packed.push('\n');
    packed.extend(files.iter().map(|(_, text)| text.as_str()));
    let target = Path::new(&env::var("OUT_DIR")?).join(format!("{name}.deflate"));
    let mut encoder =
        flate2::write::DeflateEncoder::new(fs::File::create(target)?, flate2::Compression::best());
    encoder.write_all(packed.as_bytes())?;
    encoder.finish()?;
    Ok(())
}
