//! Turns the newest version of every subject under `schemas/` into Rust code, and the older ones into decoders of its types.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let schemas = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../schemas").canonicalize()?;
    println!("cargo::rerun-if-changed={}", schemas.display());
    let mut code = String::new();
    let mut subjects = String::new();
    for topic in sorted_names(&schemas)? {
        let folder = schemas.join(&topic);
        let versions = versions_of(&folder)?;
        let Some(newest) = versions.last() else { continue };
        let module = module_of(&topic)?;
        let types = if folder.is_symlink() {
            // The topic carries what another one carries, so its types are the same, not the like.
            let other = fs::read_link(&folder)?;
            format!("pub use super::{}::*;", module_of(&other.to_string_lossy())?)
        } else {
            types_of(&folder, &versions)?
        };
        write!(
            code,
            "/// Types of `{topic}`, version {newest} of its schema.\n#[allow(clippy::all, clippy::pedantic, dead_code)] // generated\npub mod {module} {{\n{types}\n/// The topic.\npub const TOPIC: &str = \"{topic}\";\n}}\n",
        )?;
        let all: Vec<String> = versions.iter().map(|version| text_of(&folder, *version)).collect();
        writeln!(subjects, "    TopicSchema {{ topic: \"{topic}\", versions: &[{}] }},", all.join(", "))?;
    }
    // Two versions that differ in every way that versions may, for a test.
    let evolution = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("tests/evolution");
    println!("cargo::rerun-if-changed={}", evolution.display());
    fs::write(Path::new(&env::var("OUT_DIR")?).join("evolution.rs"), types_of(&evolution, &versions_of(&evolution)?)?)?;
    write!(
        code,
        "/// Every published schema version of every topic, oldest first.\npub const TOPIC_SCHEMAS: &[TopicSchema] = &[\n{subjects}];\n"
    )?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("generated.rs"), code)?;
    Ok(())
}

fn versions_of(folder: &Path) -> Result<Vec<u32>, Box<dyn Error>> {
    let mut versions: Vec<u32> =
        sorted_names(folder)?.iter().filter_map(|name| name.strip_suffix(".avsc")?.parse().ok()).collect();
    versions.sort_unstable();
    if versions.iter().zip(1..).any(|(version, number)| *version != number) {
        return Err(format!("{}: versions are numbered 1, 2, 3 and so on", folder.display()).into());
    }
    Ok(versions)
}

/// The expression that yields a version's text.
fn text_of(folder: &Path, version: u32) -> String {
    format!("include_str!({:?})", folder.join(format!("{version}.avsc")))
}

fn types_of(folder: &Path, versions: &[u32]) -> Result<String, Box<dyn Error>> {
    let parsed = |version: &u32| {
        let file = folder.join(format!("{version}.avsc"));
        let text = fs::read_to_string(&file).map_err(|e| e.to_string());
        let schema = text.and_then(|text| avro_codegen::parse(&text).map_err(|e| e.to_string()));
        schema.map_err(|e| format!("{}: {e}", file.display()))
    };
    let (newest, older) = versions.split_last().ok_or_else(|| format!("{}: no version", folder.display()))?;
    let older = older.iter().map(parsed).collect::<Result<Vec<_>, _>>()?;
    let types = avro_codegen::generate(&parsed(newest)?, &text_of(folder, *newest), &older);
    Ok(types.map_err(|e| format!("{}: {e}", folder.display()))?)
}

fn module_of(topic: &str) -> Result<String, Box<dyn Error>> {
    Ok(topic.split('.').nth(1).ok_or("a topic is named area.noun.vN")?.replace('-', "_"))
}

fn sorted_names(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder)? {
            names.push(entry?.file_name().into_string().map_err(|_| "a file name is not UTF-8")?);
        }
    }
    names.sort();
    Ok(names)
}
