//! The modules of this crate form layers: no module uses one that uses it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// For each module at the crate's root, with everything below it, the modules that it uses outside of tests.
fn uses(folder: &Path, root: Option<&str>, found: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let module = root.unwrap_or(name);
        if path.is_dir() {
            uses(&path, Some(module), found);
            continue;
        }
        if root.is_none() && name == "lib" {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let is_test =
            |line: &&str| line.starts_with("#[cfg(test") || line.starts_with("#[cfg(all(test");
        let code = text.lines().take_while(|line| !is_test(line));
        let code = code.filter(|line| !line.trim_start().starts_with("//"));
        let code = code.collect::<Vec<_>>().join("\n");
        let own = found.entry(module.to_string()).or_default();
        for (at, _) in code.match_indices("crate::") {
            // `crate::name::…`, or `crate::{name, …}`.
            let rest = &code[at + "crate::".len()..];
            let list = match rest.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap(),
                None => rest
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
                    .unwrap(),
            };
            let words = list.split(',').map(|word| word.trim().to_string());
            own.extend(words.filter(|word| word != module));
        }
    }
}

/// The modules that `module` uses, directly or through others.
fn below<'a>(module: &str, uses: &'a BTreeMap<String, BTreeSet<String>>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&str> = vec![module];
    while let Some(module) = next.pop() {
        for used in uses.get(module).into_iter().flatten() {
            if seen.insert(used.as_str()) {
                next.push(used);
            }
        }
    }
    seen
}

#[test]
fn no_module_uses_one_that_uses_it() {
    let mut found = BTreeMap::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    uses(&source, None, &mut found);
    assert!(found["compile"].contains("lower") && found["lower"].contains("tile"));
    let own = |module: &&String| below(module, &found).contains(module.as_str());
    let circular: Vec<&String> = found.keys().filter(own).collect();
    assert!(circular.is_empty(), "{circular:?} use each other");
}

/// Scheduling, the assignment of memory and the run do not depend on kinds of steps.
#[test]
fn scheduling_storage_and_running_know_no_kind_of_step() {
    let mut found = BTreeMap::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    uses(&source, None, &mut found);
    for module in ["step", "schedule", "storage", "executable"] {
        let below = below(module, &found);
        for kind in ["tile", "standalone", "region", "lower", "compile"] {
            assert!(!below.contains(kind), "{module} knows {kind}");
        }
    }
}
