//! The crate's floors: each imports only from itself and from those below it.

use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up.
const FLOORS: [&str; 4] = ["wire", "state", "services", "world"];

#[test]
fn every_floor_imports_downwards_only() -> anyhow::Result<()> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (number, floor) in FLOORS.iter().enumerate() {
        let allowed = &FLOORS[..=number];
        for file in files(&sources.join(floor))? {
            let source = fs::read_to_string(&file)?;
            for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
                let is_downwards = |path: &str| {
                    allowed.iter().any(|floor| path.starts_with(&format!("{floor}::")))
                        || allowed.iter().any(|floor| path == format!("{floor};"))
                };
                let upwards = line.split("crate::").skip(1).find(|path| !is_downwards(path));
                assert_eq!(upwards, None, "{}: {line}", file.display());
                assert!(!line.contains("super::super"), "{}: {line}", file.display());
            }
        }
    }
    Ok(())
}

/// The Rust files in a folder and in those below it.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => found.extend(files(&path)?),
            false => found.push(path),
        }
    }
    Ok(found)
}
