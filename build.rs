//! Packs the texts that the program carries: they are a third as large when they are compressed. The schemas of the
//! kinds are among them: as code that makes them they would be many times that.

use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::api::{
    apps::v1 as apps, autoscaling::v2 as autoscaling, batch::v1 as batch, coordination::v1 as coordination,
    core::v1 as core, discovery::v1 as discovery, networking::v1 as networking, policy::v1 as policy,
    rbac::v1 as rbac, scheduling::v1 as scheduling, storage::v1 as storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::{env, fs};

#[path = "src/object/table.rs"]
mod table;

/// The texts of one packed file, by name.
type Texts = Vec<(String, String)>;

fn main() -> Result<(), Box<dyn Error>> {
    pack("lessons", texts(&["lessons", "lessons/quiz"], &["yaml"])?)?;
    pack("assets", texts(&["assets"], &["yaml", "txt"])?)?;
    pack("schemas", schemas()?)?;
    // A release does not unwind (`panic = "abort"`), and so needs no index to find its frames by.
    let linux = env::var("CARGO_CFG_TARGET_OS")? == "linux";
    if linux && env::var("PROFILE")? == "release" {
        println!("cargo:rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
    }
    Ok(())
}

/// The files of some folders.
fn texts(folders: &[&str], endings: &[&str]) -> Result<Texts, Box<dyn Error>> {
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
    Ok(files)
}

/// Writes texts into one file: a line with name and length for each, an empty line, and the texts one after the other.
fn pack(name: &str, mut files: Texts) -> Result<(), Box<dyn Error>> {
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

macro_rules! roots {
    ($($kind:ident: $ty:ty, $group:literal, $version:literal, $plural:literal, $singular:literal, $short:expr,
       $namespaced:expr, $categories:expr, $sub:expr;)*
     @untyped
     $($u_kind:ident: $u_ty:ty, $u_group:literal, $u_version:literal, $u_plural:literal, $u_singular:literal,
       $u_short:expr, $u_namespaced:expr, $u_categories:expr, $u_sub:expr;)*
     @served
     $($s_kind:ident => $s_stored:ident: $s_ty:ty, $s_group:literal, $s_version:literal;)*) => {
        /// Group, version and kind of everything served, and where its schema is.
        fn roots(generator: &mut SchemaGenerator) -> Vec<([&'static str; 3], Schema)> {
            vec![
                $(([$group, $version, stringify!($kind)], generator.subschema_for::<$ty>()),)*
                $(([$u_group, $u_version, stringify!($u_kind)], generator.subschema_for::<$u_ty>()),)*
                $(([$s_group, $s_version, stringify!($s_kind)], generator.subschema_for::<$s_ty>()),)*
            ]
        }
    };
}

table::table!(roots);

/// The schema of every type that is served or stands in one, by its full name, and in `kinds` the full name of each kind's:
/// `apps/v1/Deployment io.k8s.api.apps.v1.Deployment`.
fn schemas() -> Result<Texts, Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/object/table.rs");
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut kinds = String::new();
    for (place, schema) in roots(&mut generator) {
        let reference = schema.get("$ref").and_then(|r| r.as_str()).and_then(|r| r.rsplit('/').next());
        let name = reference.ok_or("a kind's schema is not a type's")?;
        kinds.push_str(&format!("{} {name}\n", place.join("/")));
    }
    let types = generator.take_definitions(false);
    let mut texts: Texts = types.iter().map(|(name, schema)| (name.clone(), schema.to_string())).collect();
    texts.push(("kinds".to_owned(), kinds));
    Ok(texts)
}
