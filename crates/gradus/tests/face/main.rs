//! The public interface of the crate: its items, their paths and signatures, read from the sources.

mod names;
mod signatures;
mod sources;

use names::{Def, Names};
use sources::Sources;
use std::collections::{BTreeMap, BTreeSet};
use syn::{Item, Visibility};

/// Every public item with its paths; the paths of the prelude are separate.
struct Face {
    names: Names<'static>,
    paths: BTreeMap<Def, BTreeSet<String>>,
    prelude: BTreeMap<String, Vec<Def>>,
}

impl Face {
    fn read() -> Face {
        // The sources live as long as the test, which borrows from them everywhere.
        let sources: &'static Sources = Box::leak(Box::new(Sources::read()));
        let names = Names::new(sources);
        let mut paths = BTreeMap::new();
        let mut prelude = BTreeMap::new();
        let root = sources.root("gradus");
        let mut open = vec![("gradus".to_string(), root)];
        while let Some((path, module)) = open.pop() {
            for (name, defs) in names.public(module) {
                if path == "gradus::prelude" {
                    prelude.insert(name, defs);
                    continue;
                }
                let path = format!("{path}::{name}");
                for def in defs {
                    let known: &mut BTreeSet<String> = paths.entry(def).or_default();
                    known.insert(path.clone());
                    // Modules of other crates can contain each other under several paths.
                    if let (Def::Module(inside), 1) = (def, known.len()) {
                        open.push((path.clone(), inside));
                    }
                }
            }
        }
        Face {
            names,
            paths,
            prelude,
        }
    }

    /// The shortest path of an item, if it has one.
    fn path(&self, def: Def) -> Option<&String> {
        self.paths.get(&def)?.iter().min_by_key(|path| path.len())
    }
}

/// Whether a path is in a module that other crates define: the parts of graphs.
fn is_of_graphs(path: &str) -> bool {
    path.starts_with("gradus::graph::")
}

/// One test, because reading the sources takes the most time.
#[test]
fn the_public_face() {
    let face = Face::read();
    each_item_has_one_path(&face);
    types_in_public_signatures_have_names(&face);
    functions_take_no_truth_values(&face);
    options_and_growing_enums_are_non_exhaustive(&face);
    public_items(&face);
}

/// Rewritten with `INSTA_UPDATE=always`.
/// Removing or changing a line breaks programs: CHANGELOG says what to write instead.
fn public_items(face: &Face) {
    let mut lines = BTreeSet::new();
    for &def in face.paths.keys() {
        let Some(path) = face.path(def) else { continue };
        if is_of_graphs(path) {
            lines.insert(format!("{path}: {}", face.names.kind(def)));
        } else {
            lines.extend(signatures::lines(&face.names, def, path));
        }
    }
    for (name, defs) in &face.prelude {
        for &def in defs {
            let path = face.path(def);
            let path = path.unwrap_or_else(|| panic!("{name} has no path but the prelude"));
            lines.insert(format!("gradus::prelude::{name} = {path}"));
        }
    }
    assert!(lines.len() > 600, "{} items were found", lines.len());
    let text: Vec<String> = lines.into_iter().collect();
    insta::assert_snapshot!(text.join("\n"));
}

fn each_item_has_one_path(face: &Face) {
    let several: Vec<String> = face
        .paths
        .values()
        .filter(|paths| paths.iter().filter(|path| !is_of_graphs(path)).count() > 1)
        .map(|paths| format!("{paths:?}"))
        .collect();
    assert!(several.is_empty(), "several paths:\n{}", several.join("\n"));
}

/// A user can write down every type that a public signature has.
fn types_in_public_signatures_have_names(face: &Face) {
    let mut missing = BTreeSet::new();
    for &def in face.paths.keys() {
        for (place, used) in signatures::types(&face.names, def) {
            if !face.paths.contains_key(&used) {
                missing.insert(format!("{} in {place}", face.names.name(used)));
            }
        }
    }
    let missing: Vec<String> = missing.into_iter().collect();
    assert!(missing.is_empty(), "no path:\n{}", missing.join("\n"));
}

/// A boolean argument is unreadable at a call; an option has its own method.
fn functions_take_no_truth_values(face: &Face) {
    let mut wrong = Vec::new();
    for &def in face.paths.keys() {
        if face.path(def).is_some_and(|path| is_of_graphs(path)) {
            continue;
        }
        for (place, signature) in signatures::functions(&face.names, def) {
            for input in &signature.inputs {
                let syn::FnArg::Typed(argument) = input else {
                    continue;
                };
                let is_bool =
                    matches!(&*argument.ty, syn::Type::Path(ty) if ty.path.is_ident("bool"));
                if is_bool {
                    wrong.push(place.clone());
                }
            }
        }
    }
    assert!(wrong.is_empty(), "functions that take booleans: {wrong:?}");
}

/// Options and enums that can grow do not break programs when they grow.
fn options_and_growing_enums_are_non_exhaustive(face: &Face) {
    // All matches must handle a new element type, kind of result or step.
    let exhaustive = [
        "DType",
        "Modes",
        "Order",
        "Derivative",
        "Join",
        "FoundBy",
        "Input",
        "Source",
    ];
    // Not options: numbers that must all be given, and results.
    let records = ["UserCost", "Profile", "Estimate", "Counts"];
    let mut wrong = Vec::new();
    for &def in face.paths.keys() {
        let (Some(path), Some(item)) = (face.path(def), face.names.item(def)) else {
            continue;
        };
        if is_of_graphs(path) {
            continue;
        }
        let (attributes, name) = match item {
            Item::Enum(e) => (&e.attrs, e.ident.to_string()),
            // Options have defaults and public fields.
            Item::Struct(s) if face.names.has_default(def) && s.fields.iter().any(is_public) => {
                (&s.attrs, s.ident.to_string())
            }
            _ => continue,
        };
        let marked = attributes
            .iter()
            .any(|a| a.path().is_ident("non_exhaustive"));
        let wanted = ![&exhaustive[..], &records]
            .concat()
            .contains(&name.as_str());
        if marked != wanted {
            wrong.push(format!("{path}: non_exhaustive should be {wanted}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn is_public(field: &syn::Field) -> bool {
    matches!(field.vis, Visibility::Public(_))
}
