//! Keeps the map of `src/lib.rs`: imports run strictly downward, and each kind of code stands in its own files.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Layers from the ground up; modules of one layer do not import each other, features only those to their left.
const LAYERS: &[&[&str]] = &[
    &["config", "error", "ids", "middleware", "text"],
    &["bus", "database", "realtime", "storage", "throttle", "vault"],
    &["state"],
    &["jobs"],
    &["mail"],
    &["web"],
    &["accounts"],
    &["friends"],
    &["rooms"],
    &["files"],
    &["messages"],
    &["privacy"],
    &["chat"],
    &["settings"],
    &["admin"],
    &["api"],
    &["site"],
    &["live"],
    &["app"],
];

/// What may be imported although it stands higher, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The shared state holds the way to the writer.
    ("state.rs", "messages"),
];

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    assert!(found.len() > 20, "the sources are found");
    found
        .into_iter()
        .map(|(path, text)| (path.strip_prefix(&root).unwrap().to_owned(), text))
        .collect()
}

/// The text without comments and without the unit tests at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap();
    text.lines()
        .map(|line| line.split("//").next().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

fn module(path: &Path) -> String {
    path.iter()
        .next()
        .unwrap()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs")
        .to_owned()
}

/// The modules of this crate that the code names, also in braces: `crate::{a, b::c}`.
fn imported(code: &str) -> Vec<String> {
    let single = Regex::new(r"crate::([a-z_]+)").unwrap();
    let group = Regex::new(r"crate::\{([^;]*?)\};").unwrap();
    let name = Regex::new(r"^\s*([a-z_]+)").unwrap();
    let mut found: Vec<String> = single.captures_iter(code).map(|m| m[1].to_owned()).collect();
    for list in group.captures_iter(code) {
        found.extend(
            list[1]
                .split(',')
                .filter_map(|part| Some(name.captures(part)?[1].to_owned())),
        );
    }
    found
}

#[test]
fn imports_run_downward() {
    let level: HashMap<&str, usize> = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(level, names)| names.iter().map(move |name| (*name, level)))
        .collect();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, text) in sources() {
        let own = module(&path);
        let Some(own_level) = level.get(own.as_str()) else {
            assert!(
                ["main", "lib", "password_prompt", "serve", "start"].contains(&own.as_str()),
                "{} stands in no layer",
                path.display()
            );
            continue;
        };
        for name in imported(&code(&text)) {
            let Some(its_level) = level.get(name.as_str()) else {
                continue;
            };
            seen += 1;
            let excepted = EXCEPTIONS
                .iter()
                .any(|(file, module)| path == Path::new(file) && name == *module);
            if name != own && its_level >= own_level && !excepted {
                wrong.push(format!("{} imports {name}", path.display()));
            }
        }
    }
    assert!(seen > 50, "imports are found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn features_keep_their_handlers_to_themselves() {
    let foreign = Regex::new(r"crate::([a-z_]+)::(?:\{[^}]*)?\bhandlers\b").unwrap();
    for (path, text) in sources() {
        for found in foreign.captures_iter(&code(&text)) {
            assert_eq!(
                found[1],
                module(&path),
                "{} uses another feature's handlers",
                path.display()
            );
        }
    }
}

#[test]
fn sql_stands_in_queries_and_html_in_views() {
    let sql = Regex::new(r"sqlx::(query|raw_sql)|\bquery(_as|_scalar)?!").unwrap();
    for (path, text) in sources() {
        let code = code(&text);
        let inside = |names: &[&str]| path.iter().any(|part| names.contains(&part.to_str().unwrap()));
        if !inside(&["queries.rs", "queries", "database"]) {
            assert!(!sql.is_match(&code), "{} holds SQL", path.display());
        }
        if !inside(&["views.rs", "views", "web"]) {
            assert!(!code.contains("html!"), "{} holds HTML", path.display());
        }
        if inside(&["views.rs", "views"]) {
            assert!(!code.contains("async "), "{} is not pure", path.display());
        }
    }
}

#[test]
fn text_from_people_is_always_escaped() {
    for (path, text) in sources() {
        if module(&path) != "web" {
            assert!(
                !code(&text).contains("PreEscaped"),
                "{} makes markup of text",
                path.display()
            );
        }
    }
}

#[test]
fn views_arrange_their_pages_with_utilities() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/css");
    let lines: usize = fs::read_dir(folder)
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap().lines().count())
        .sum();
    assert!(
        (1..=2_500).contains(&lines),
        "assets/css has {lines} lines: what only arranges a page is utilities in its view"
    );
}

#[test]
fn no_file_passes_400_lines() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(
            lines <= 400,
            "{} has {lines} lines: split it by subject",
            path.display()
        );
    }
}
