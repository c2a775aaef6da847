//! The crates of the workspace as trees of modules.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use syn::{Attribute, Item};

/// The crates whose items `gradus` reexports.
const CRATES: [&str; 5] = [
    "gradus",
    "gradus-ir",
    "gradus-plan",
    "gradus-engine",
    "gradus-cpu",
];

pub struct Sources {
    pub modules: Vec<Module>,
    roots: BTreeMap<String, usize>,
}

pub struct Module {
    pub name: String,
    pub parent: Option<usize>,
    /// The index of the root module of the crate.
    pub root: usize,
    pub children: BTreeMap<String, usize>,
    pub items: Vec<Item>,
}

impl Sources {
    pub fn read() -> Sources {
        let mut sources = Sources {
            modules: Vec::new(),
            roots: BTreeMap::new(),
        };
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for name in CRATES {
            let folder = crates.join(name).join("src");
            let items = parse(&folder.join("lib.rs"));
            let name = name.replace('-', "_");
            let root = sources.add(&name, None, items, &folder);
            sources.roots.insert(name, root);
        }
        sources
    }

    pub fn root(&self, name: &str) -> usize {
        self.roots[name]
    }

    pub fn find_root(&self, name: &str) -> Option<usize> {
        self.roots.get(name).copied()
    }

    /// Adds a module with everything in it; its files are in `folder`.
    fn add(&mut self, name: &str, parent: Option<usize>, items: Vec<Item>, folder: &Path) -> usize {
        let id = self.modules.len();
        let root = parent.map_or(id, |p| self.modules[p].root);
        self.modules.push(Module {
            name: name.to_string(),
            parent,
            root,
            children: BTreeMap::new(),
            items: Vec::new(),
        });
        for item in &items {
            let Item::Mod(module) = item else { continue };
            if is_of_tests(&module.attrs) {
                continue;
            }
            let name = module.ident.to_string();
            let folder = folder.join(&name);
            let inside = match &module.content {
                Some((_, items)) => items.clone(),
                None => {
                    let file = folder.with_extension("rs");
                    parse(&if file.exists() {
                        file
                    } else {
                        folder.join("mod.rs")
                    })
                }
            };
            let child = self.add(&name, Some(id), inside, &folder);
            self.modules[id].children.insert(name, child);
        }
        self.modules[id].items = items;
        id
    }
}

fn is_of_tests(attributes: &[Attribute]) -> bool {
    let mut conditions = attributes.iter().filter(|a| a.path().is_ident("cfg"));
    conditions.any(|a| {
        let condition = a.parse_args::<syn::Path>();
        condition.is_ok_and(|c| c.is_ident("test") || c.is_ident("doctest"))
    })
}

/// The items of a file, including the items inside a macro that takes items.
fn parse(path: &PathBuf) -> Vec<Item> {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = syn::parse_file(&text).unwrap();
    let mut items = Vec::new();
    for item in file.items {
        match item {
            Item::Macro(m) if m.ident.is_none() => {
                match syn::parse2::<syn::File>(m.mac.tokens.clone()) {
                    Ok(inside) => items.extend(inside.items),
                    Err(_) => items.push(Item::Macro(m)),
                }
            }
            other => items.push(other),
        }
    }
    items
}
