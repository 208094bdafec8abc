//! Every client of AWS asks a host that there is.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The service of a client, and the one whose configuration it is built from.
fn client(text: &str) -> Option<(String, String)> {
    let (crate_name, rest) = text.split_once("::")?;
    let argument = rest.strip_prefix("Client::new(").or_else(|| rest.strip_prefix("config::Builder::from("))?;
    let service = argument.trim_start_matches(['&', '*']).strip_prefix("endpoints::of(");
    let service = service.and_then(|of| of.split_once("Service::")?.1.split_once(')'));
    Some((crate_name.to_owned(), service.map_or("no service", |(name, _)| name).to_lowercase()))
}

#[test]
fn every_client_is_built_from_the_configuration_of_its_service() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut clients = 0;
    for path in [root.join("src"), root.join("cli/src")].iter().flat_map(|folder| sources(folder)) {
        // The demo's is for a simulated AWS, whose host is named.
        let Some(text) = fs::read_to_string(&path).ok().filter(|_| !path.ends_with("simulation.rs")) else { continue };
        let text = text.split("#[cfg(test)]").next().unwrap();
        for (called, configured) in text.split("aws_sdk_").filter_map(client) {
            clients += 1;
            assert_eq!(configured, called, "{}", path.display());
        }
        for eks in text.split(" Eks::new(").skip(1) {
            clients += 1;
            assert!(eks.starts_with("(&*endpoints::of("), "{}", path.display());
        }
    }
    assert!(clients > 25, "{clients}");
}
