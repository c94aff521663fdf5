//! Packs the lessons for the program: their text is a third as large when it is compressed.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=lessons");
    let mut files = Vec::new();
    for folder in ["lessons", "lessons/quiz"] {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "yaml") {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                files.push((format!("{folder}/{name}"), fs::read_to_string(&path)?));
            }
        }
    }
    files.sort();
    // A line with name and length for each file, an empty line, and the files one after the other.
    let mut packed = String::new();
    for (name, text) in &files {
        packed.push_str(&format!("{name} {}\n", text.len()));
    }
    packed.push('\n');
    packed.extend(files.iter().map(|(_, text)| text.as_str()));
    let target = Path::new(&env::var("OUT_DIR")?).join("lessons.deflate");
    let mut encoder =
        flate2::write::DeflateEncoder::new(fs::File::create(target)?, flate2::Compression::best());
    encoder.write_all(packed.as_bytes())?;
    encoder.finish()?;
    Ok(())
}
