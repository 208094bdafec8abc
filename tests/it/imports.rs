//! The import rule: pure modules import nothing that does I/O, and no two modules import each other, parents and children included.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules, and the modules of this crate that they may import.
const RULES: [(&str, &[&str]); 6] = [
    ("model", &["model"]),
    ("settle", &["model"]),
    ("plan", &["model", "plan"]),
    ("explain", &["model", "plan", "standing"]),
    ("standing", &["model", "plan"]),
    ("reconcile", &["model", "plan", "standing", "reconcile"]),
];
/// What only an edge may use. Of the SDK, its types are fine: they are AWS's own enums.
const IO: [&str; 8] =
    ["tokio", "aws_config", "lambda_runtime", "aws_sdk_ssm", "aws_sdk_sns", "aws_sdk_dynamodb", "std::env", "std::fs"];

/// A module such as `plan::rings`, and the modules that its source names.
type Imports = BTreeMap<String, BTreeSet<String>>;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The text of each module, without its unit tests, comments, and the rooms that its items are visible in.
fn modules() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let named = paths.into_iter().map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap().lines().filter(|line| !line.trim().starts_with("//"));
        let text = code.collect::<Vec<&str>>().join("\n").replace("in crate::", "in ");
        let name = path.strip_prefix(&root).unwrap().with_extension("").to_string_lossy().replace('/', "::");
        (name.trim_end_matches("::mod").to_owned(), text)
    });
    named.filter(|(name, _)| !name.starts_with("bin::") && name != "lib").collect()
}

/// The paths that a `use` statement or an expression names: `a::{b, c::{d}}` is `a::b` and `a::c::d`.
fn paths(tree: &str, prefix: &str, found: &mut Vec<String>) {
    let (mut depth, mut start) = (0, 0);
    let mut parts = Vec::new();
    for (index, character) in tree.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&tree[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&tree[start..]);
    for part in parts.into_iter().map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('{') {
            Some((head, rest)) => paths(rest.trim_end_matches('}'), &format!("{prefix}{head}"), found),
            None => found.push(format!("{prefix}{part}")),
        }
    }
}

/// The trees of the `use` statements of a text, re-exports and those inside of functions too.
fn use_trees(text: &str) -> impl Iterator<Item = &str> {
    text.split("use ").zip(text.split("use ").skip(1)).filter_map(|(before, after)| {
        let line = before.rsplit('\n').next().unwrap().trim();
        let is_use = line.is_empty() || line == "pub" || line.starts_with("pub(") && line.ends_with(')');
        is_use.then(|| after.split(';').next().unwrap())
    })
}

/// A path from the root of the crate, as a module names it.
fn absolute(module: &str, path: &str) -> String {
    let (mut from, mut path) = (module, path);
    if let Some(rest) = path.strip_prefix("crate::") {
        return rest.to_owned();
    }
    path = path.strip_prefix("self::").unwrap_or(path);
    while let Some(rest) = path.strip_prefix("super::") {
        from = from.rsplit_once("::").map_or("", |(parent, _)| parent);
        path = rest;
    }
    if from.is_empty() { path.to_owned() } else { format!("{from}::{path}") }
}

/// What a module imports of this crate, by the longest name of a module in each path.
fn imports(modules: &BTreeMap<String, String>) -> Imports {
    let of = |name: &str, text: &str| {
        let mut found = Vec::new();
        for tree in use_trees(text) {
            paths(tree, "", &mut found);
        }
        let expressions = ["crate::", "super::"].into_iter().flat_map(|root| {
            let is_path = |character: char| character.is_alphanumeric() || matches!(character, '_' | ':');
            text.split(root).skip(1).map(move |rest| {
                let end = rest.find(|character| !is_path(character)).unwrap_or(rest.len());
                format!("{root}{}", &rest[..end])
            })
        });
        found.extend(expressions);
        let own = found.into_iter().filter_map(|path| {
            let path = absolute(name, &path);
            let mut candidate = path.as_str();
            loop {
                if modules.contains_key(candidate) {
                    return Some(candidate.to_owned());
                }
                candidate = candidate.rsplit_once("::")?.0;
            }
        });
        own.filter(|import| import != name).collect()
    };
    modules.iter().map(|(name, text)| (name.clone(), of(name, text))).collect()
}

fn top(module: &str) -> &str {
    module.split("::").next().unwrap()
}

#[test]
fn what_is_pure_imports_only_what_is_pure() {
    let modules = modules();
    for (module, imported) in imports(&modules) {
        let Some((_, allowed)) = RULES.iter().find(|(name, _)| *name == top(&module)) else { continue };
        let forbidden: Vec<&String> = imported.iter().filter(|import| !allowed.contains(&top(import))).collect();
        assert_eq!(forbidden, Vec::<&String>::new(), "{module} imports them");
        let io: Vec<&&str> = IO.iter().filter(|io| modules[&module].contains(**io)).collect();
        assert_eq!(io, Vec::<&&str>::new(), "{module} names them");
        let eks = modules[&module].matches("aws_sdk_eks").count();
        assert_eq!(eks, modules[&module].matches("aws_sdk_eks::types").count(), "{module} uses more than EKS's types");
    }
}

#[test]
fn no_module_imports_one_that_imports_it() {
    let imports = imports(&modules());
    let mut reached: Imports = imports.clone();
    loop {
        let further = |(module, direct): (&String, &BTreeSet<String>)| {
            let through = direct.iter().flat_map(|import| &reached[import]);
            (module.clone(), direct.iter().chain(through).cloned().collect())
        };
        let next: Imports = reached.iter().map(further).collect();
        if next == reached {
            break;
        }
        reached = next;
    }
    let circles: Vec<&String> = reached.iter().filter(|(module, all)| all.contains(*module)).map(|(m, _)| m).collect();
    assert_eq!(circles, Vec::<&String>::new());
    assert!(reached["handler::start"].contains("model::id"), "paths are followed");
}
