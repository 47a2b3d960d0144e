//! Turns the newest version of every subject under `schemas/` into Rust code.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let schemas = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../schemas").canonicalize()?;
    println!("cargo::rerun-if-changed={}", schemas.display());
    let mut code = String::new();
    let mut subjects = String::new();
    for topic in sorted_names(&schemas)? {
        let folder = schemas.join(&topic);
        let mut versions: Vec<u32> =
            sorted_names(&folder)?.iter().filter_map(|name| name.strip_suffix(".avsc")?.parse().ok()).collect();
        versions.sort_unstable();
        let Some(newest) = versions.last() else { continue };
        let text = |version: u32| format!("include_str!({:?})", folder.join(format!("{version}.avsc")));
        let file = folder.join(format!("{newest}.avsc"));
        let schema =
            avro_codegen::parse(&fs::read_to_string(&file)?).map_err(|e| format!("{}: {e}", file.display()))?;
        let module = module_of(&topic)?;
        let types = if folder.is_symlink() {
            // The topic carries what another one carries, so its types are the same, not the like.
            let other = fs::read_link(&folder)?;
            format!("pub use super::{}::*;", module_of(&other.to_string_lossy())?)
        } else {
            avro_codegen::generate(&schema, &text(*newest))
        };
        write!(
            code,
            "/// Types of `{topic}`, version {newest} of its schema.\n#[allow(clippy::all, clippy::pedantic)] // generated\npub mod {module} {{\n{types}\n/// The topic.\npub const TOPIC: &str = \"{topic}\";\n}}\n",
        )?;
        let all: Vec<String> = versions.iter().map(|v| text(*v)).collect();
        writeln!(subjects, "    TopicSchema {{ topic: \"{topic}\", versions: &[{}] }},", all.join(", "))?;
    }
    write!(
        code,
        "/// Every published schema version of every topic, oldest first.\npub const TOPIC_SCHEMAS: &[TopicSchema] = &[\n{subjects}];\n"
    )?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("generated.rs"), code)?;
    Ok(())
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
