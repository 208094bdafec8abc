//! What the README says of settings is what the template has. (Reasons and outcomes are compared where each is tested.)

use std::fs;

fn read(file: &str) -> String {
    fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Name and default of each parameter, as the template's text lists them.
fn parameters() -> Vec<(String, String)> {
    let template = read("template.yaml");
    let section = template.split("\nParameters:\n").nth(1).unwrap().split("\nConditions:\n").next().unwrap();
    let mut parameters: Vec<(String, String)> = Vec::new();
    for line in section.lines() {
        if let Some(name) = line.strip_prefix("  ").filter(|line| !line.starts_with([' ', '#'])) {
            parameters.push((name.trim_end_matches(':').to_owned(), String::new()));
        } else if let Some(default) = line.strip_prefix("    Default: ") {
            parameters.last_mut().unwrap().1 = default.trim_matches('"').to_owned();
        }
    }
    parameters
}

#[test]
fn every_parameter_has_a_row_with_its_default() {
    let readme = read("README.md");
    let parameters = parameters();
    assert!(parameters.len() > 10, "{parameters:?}");
    for (name, default) in parameters {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let cell = row.unwrap_or_else(|| panic!("no row for {name}")).split('|').nth(3).unwrap().trim();
        let expected = if default.is_empty() { "empty".to_owned() } else { format!("`{default}`") };
        assert_eq!(cell, expected, "{name}");
    }
}

#[test]
fn every_environment_variable_that_a_function_gets_has_a_row() {
    let (readme, template) = (read("README.md"), read("template.yaml"));
    let variables: Vec<&str> = template
        .lines()
        .filter_map(|line| line.strip_prefix("          "))
        .filter_map(|line| line.split_once(": !Ref "))
        .map(|(name, _)| name)
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        .collect();
    assert!(variables.len() > 5, "{variables:?}");
    for variable in variables {
        assert!(readme.contains(&format!("`{variable}`")), "{variable}");
    }
}

#[test]
fn it_fits_into_250_lines() {
    assert!(read("README.md").lines().count() <= 250);
}
