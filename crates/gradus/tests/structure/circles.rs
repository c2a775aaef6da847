//! Files of different folders import each other in circles only where
//! ARCHITECTURE.md lists the circle with its reason.

use crate::modules::Crate;
use crate::{repository, sources, written};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

type Imports = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// A circle that ARCHITECTURE.md lists: its files and folders, and why it is there.
struct Named {
    places: Vec<String>,
    reason: String,
}

/// The list under the heading "Circles of imports".
fn named() -> Vec<Named> {
    let text = std::fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let (_, section) = text.split_once("# Circles of imports\n").unwrap();
    let section = section.split("\n#").next().unwrap();
    let items = section.split("\n- ").skip(1);
    items
        .map(|item| {
            let (places, reason) = item.split_once(':').expect("places, a colon, the reason");
            Named {
                places: places
                    .split('`')
                    .skip(1)
                    .step_by(2)
                    .map(str::to_string)
                    .collect(),
                reason: reason.trim().to_string(),
            }
        })
        .collect()
}

impl Named {
    /// The place that `file` is at or in.
    fn place_of(&self, file: &str) -> Option<&String> {
        let is =
            |place: &&String| file == *place || place.ends_with('/') && file.starts_with(*place);
        self.places.iter().find(is)
    }
}

/// All files that `file` imports from, directly or through others.
fn below<'a>(file: &Path, imports: &'a Imports) -> BTreeSet<&'a PathBuf> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&PathBuf> = imports[file].iter().collect();
    while let Some(file) = next.pop() {
        if seen.insert(file) {
            next.extend(&imports[file]);
        }
    }
    seen
}

/// The largest sets of files in which each imports from each, directly or through others.
fn circles(imports: &Imports) -> Vec<BTreeSet<&PathBuf>> {
    let below: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> = imports
        .keys()
        .map(|file| (file, below(file, imports)))
        .collect();
    let mut found: Vec<BTreeSet<&PathBuf>> = Vec::new();
    for (file, reached) in &below {
        if reached.contains(file) && !found.iter().any(|circle| circle.contains(file)) {
            let circle = reached.iter().filter(|other| below[*other].contains(file));
            found.push(circle.copied().collect());
        }
    }
    found
}

/// The folder that `file` belongs to: a module's own file belongs to the folder of its children.
fn folder(file: &Path) -> PathBuf {
    let children = file.with_extension("");
    match children.is_dir() {
        true => children,
        false => file.parent().unwrap().to_path_buf(),
    }
}

#[test]
fn circles_between_folders_are_those_that_the_architecture_names() {
    let named = named();
    let mut met = BTreeSet::new();
    for source in sources() {
        let imports = Crate::read(&source).imports();
        for circle in circles(&imports) {
            let folders: BTreeSet<PathBuf> = circle.iter().map(|file| folder(file)).collect();
            if folders.len() < 2 {
                continue;
            }
            let files: Vec<String> = circle.iter().map(|file| written(file)).collect();
            let whole = |named: &&Named| files.iter().all(|f| named.place_of(f).is_some());
            let Some(found) = named.iter().find(whole) else {
                let between = circle.iter().flat_map(|&a| {
                    let others = imports[a].iter().filter(|b| circle.contains(b));
                    let others = others.filter(|b| folder(a) != folder(b));
                    others.map(move |b| format!("  {} imports from {}", written(a), written(b)))
                });
                panic!(
                    "a circle of imports between folders, which ARCHITECTURE.md does not name:\n{}",
                    between.collect::<Vec<_>>().join("\n")
                );
            };
            assert!(found.reason.len() > 20, "{:?} has no reason", found.places);
            met.extend(files.iter().filter_map(|file| found.place_of(file)));
        }
    }
    for place in named.iter().flat_map(|named| &named.places) {
        assert!(met.contains(place), "{place} is in no circle any more");
    }
}

/// The cases that the test would miss if it resolved names wrongly.
#[test]
fn imports_are_found_behind_faces_globs_and_modules() {
    let source = repository().join("crates/gradus/src");
    let imports = Crate::read(&source).imports();
    let is = |from: &str, to: &str| imports[&source.join(from)].contains(&source.join(to));
    // `use crate::transform::vmap`, which `transform/mod.rs` reexports, next to a module of that name.
    assert!(is("control/scan.rs", "transform/vmap.rs"));
    // `use crate::trace`, and then `trace::stop(…)`, which `trace.rs` reexports.
    assert!(is("function/mod.rs", "trace/boundary.rs"));
    // `use super::{…}`.
    assert!(is("tensor/math.rs", "tensor/handle.rs"));
    // A file that only reexports names does not import their files.
    assert!(!is("lib.rs", "trace.rs"));
    // Tests do not count.
    assert!(!is("trace.rs", "lib.rs"));
}

#[test]
fn a_circle_holds_the_files_that_reach_each_other() {
    let file = |name: &str| PathBuf::from(name);
    let arrows = [("a", "b"), ("b", "c"), ("c", "b"), ("c", "d"), ("e", "a")];
    let mut imports: Imports = ["a", "b", "c", "d", "e"]
        .map(|f| (file(f), BTreeSet::new()))
        .into();
    for (from, to) in arrows {
        imports.get_mut(&file(from)).unwrap().insert(file(to));
    }
    let (b, c) = (file("b"), file("c"));
    assert_eq!(circles(&imports), [BTreeSet::from([&b, &c])]);
}
