//! The modules of a crate, read from its sources: what each defines, brings into scope and names.
//!
//! A path in the code is an import from the file that defines the item, also if other files reexport it.
//! A method call does not count as an import; a type does.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use syn::{Attribute, Item, UseTree};

type Names = Vec<String>;

/// A crate's modules; the first is its root.
pub struct Crate {
    modules: Vec<Module>,
}

#[derive(Default)]
struct Module {
    file: PathBuf,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// Names of items that are defined here.
    defined: BTreeSet<String>,
    /// The names that `use` brings into scope, each with its path.
    used: BTreeMap<String, Names>,
    globs: Vec<Names>,
    /// Paths that the code names, in `use` or elsewhere. Reexporting a name does not count as naming it.
    named: BTreeSet<Names>,
    /// The first names of longer paths.
    opened: BTreeSet<String>,
}

/// The meaning of a path.
enum Target {
    Module(usize),
    /// An item of this module.
    Item(usize),
}

/// Paths that are being resolved, and in which modules.
type Seen = Vec<(usize, Names)>;

impl Crate {
    /// Reads the crate whose sources are in this folder.
    pub fn read(source: &Path) -> Crate {
        let roots = ["lib.rs", "main.rs"].map(|name| source.join(name));
        let root = roots.into_iter().find(|path| path.exists()).unwrap();
        let mut found = Crate {
            modules: Vec::new(),
        };
        found.file(root, source, None);
        found
    }

    /// Each file with the files that it imports from.
    pub fn imports(&self) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
        let mut imports: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
        for (k, module) in self.modules.iter().enumerate() {
            let from = imports.entry(module.file.clone()).or_default();
            for path in &module.named {
                // If a module and an item have the same name, code that continues with `name::` means the module.
                let opened = path.last().is_some_and(|name| module.opened.contains(name));
                if opened && self.module_of(k, path).is_some() {
                    continue;
                }
                if let Some(Target::Item(definer)) = self.resolve(k, path, &mut Seen::new()) {
                    from.insert(self.modules[definer].file.clone());
                }
            }
            from.remove(&module.file);
        }
        imports
    }

    fn file(&mut self, file: PathBuf, folder: &Path, parent: Option<usize>) -> usize {
        let text = fs::read_to_string(&file).unwrap();
        let items = syn::parse_file(&text).unwrap().items;
        self.module(file, folder, parent, &items)
    }

    /// Adds a module of `file`, whose children are files of `folder`.
    fn module(
        &mut self,
        file: PathBuf,
        folder: &Path,
        parent: Option<usize>,
        items: &[Item],
    ) -> usize {
        let k = self.modules.len();
        self.modules.push(Module {
            file: file.clone(),
            parent,
            ..Module::default()
        });
        for item in items.iter().filter(|item| !is_for_tests(item)) {
            let Item::Mod(child) = item else {
                self.modules[k].defined.extend(name(item));
                self.modules[k].tokens(item.to_token_stream());
                continue;
            };
            let name = child.ident.to_string();
            let folder = folder.join(&name);
            let index = match &child.content {
                Some((_, items)) => self.module(file.clone(), &folder, Some(k), items),
                None => {
                    let files = [folder.with_extension("rs"), folder.join("mod.rs")];
                    let file = files.into_iter().find(|path| path.exists()).unwrap();
                    self.file(file, &folder, Some(k))
                }
            };
            self.modules[k].children.insert(name, index);
        }
        k
    }

    /// Resolves `path` in module `k`; `None` if it leads out of the crate.
    fn resolve(&self, k: usize, path: &[String], seen: &mut Seen) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let step = (k, path.to_vec());
        if seen.contains(&step) {
            return None;
        }
        seen.push(step);
        let module = match first.as_str() {
            "crate" => 0,
            "self" => k,
            "super" => self.modules[k].parent?,
            name => {
                let module = self.module_of(k, &path[..1]).map(Target::Module);
                // A module and an item can have the same name: the last one of a path is the item.
                let found = match rest {
                    [] => self.item(k, name, seen).or(module),
                    _ => module.or_else(|| self.item(k, name, seen)),
                }?;
                match found {
                    Target::Module(module) => module,
                    item => return Some(item),
                }
            }
        };
        match rest {
            [] => Some(Target::Module(module)),
            // A name that is not found there is made by a macro.
            _ => Some((self.resolve(module, rest, seen)).unwrap_or(Target::Item(module))),
        }
    }

    /// The module that `path` leads to from module `k`, if it leads to one.
    fn module_of(&self, k: usize, path: &[String]) -> Option<usize> {
        let (first, rest) = path.split_first()?;
        let module = &self.modules[k];
        let next = match (first.as_str(), module.used.get(first)) {
            ("crate", _) => 0,
            ("self", _) => k,
            ("super", _) => module.parent?,
            (name, used) => match (module.children.get(name), used) {
                (Some(&child), _) => child,
                (None, Some(path)) if path[0] != *first => self.module_of(k, path)?,
                _ => return None,
            },
        };
        match rest {
            [] => Some(next),
            _ => self.module_of(next, rest),
        }
    }

    /// Resolves `name` in module `k`, except to modules in it.
    fn item(&self, k: usize, name: &str, seen: &mut Seen) -> Option<Target> {
        let module = &self.modules[k];
        if module.defined.contains(name) {
            return Some(Target::Item(k));
        }
        if let Some(path) = module.used.get(name) {
            return self.resolve(k, path, seen);
        }
        module
            .globs
            .iter()
            .find_map(|glob| match self.resolve(k, glob, seen)? {
                Target::Module(from) => self.item(from, name, seen),
                Target::Item(_) => None,
            })
    }
}

impl Module {
    /// Notes what `tokens` bring into scope and name.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(word) if *word == "use" => {
                    if let Some((tree, end)) = statement(&tokens, at) {
                        let before = at.checked_sub(1).map(|k| tokens[k].to_string());
                        let is_handed_on = before.is_some_and(|b| b == "pub" || b.starts_with('('));
                        self.imports(&tree, Names::new(), is_handed_on);
                        at = end;
                    }
                }
                TokenTree::Ident(_) => {
                    let (path, end) = path(&tokens, at);
                    if !is_member(&tokens, at) {
                        if path.len() > 1 {
                            self.opened.insert(path[0].clone());
                        }
                        self.named.insert(path);
                    }
                    at = end;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn imports(&mut self, tree: &UseTree, mut path: Names, is_handed_on: bool) {
        match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.imports(&step.tree, path, is_handed_on);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.imports(tree, path.clone(), is_handed_on);
                }
            }
            UseTree::Glob(_) => self.globs.push(path),
            UseTree::Name(name) => self.import(name.ident.to_string(), None, path, is_handed_on),
            UseTree::Rename(name) => {
                let local = Some(name.rename.to_string());
                self.import(name.ident.to_string(), local, path, is_handed_on);
            }
        }
    }

    fn import(&mut self, name: String, local: Option<String>, mut path: Names, is_handed_on: bool) {
        if name != "self" {
            path.push(name);
        }
        let local = local.unwrap_or_else(|| path.last().unwrap().clone());
        if !is_handed_on {
            self.named.insert(path.clone());
        }
        self.used.insert(local, path);
    }
}

/// The `use` statement that begins at `tokens[at]`, and its last token; `None` for the `use<…>` of a type.
fn statement(tokens: &[TokenTree], at: usize) -> Option<(UseTree, usize)> {
    let is_end = |t: &TokenTree| matches!(t, TokenTree::Punct(p) if p.as_char() == ';');
    let end = at + tokens[at..].iter().position(is_end)?;
    let text = tokens[at..=end].iter().cloned().collect();
    let parsed: syn::ItemUse = syn::parse2(text).ok()?;
    Some((parsed.tree, end))
}

/// The path that begins at `tokens[at]`, and the token behind it.
fn path(tokens: &[TokenTree], mut at: usize) -> (Names, usize) {
    let mut path = vec![tokens[at].to_string()];
    at += 1;
    while is_punct(tokens, at, ':') && is_punct(tokens, at + 1, ':') {
        let Some(TokenTree::Ident(next)) = tokens.get(at + 2) else {
            break;
        };
        path.push(next.to_string());
        at += 3;
    }
    (path, at)
}

fn is_punct(tokens: &[TokenTree], at: usize, c: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == c)
}

/// Whether the word at `at` is a field, a method or a lifetime, or continues a path.
fn is_member(tokens: &[TokenTree], at: usize) -> bool {
    let before = |n: usize, c: char| at >= n && is_punct(tokens, at - n, c);
    let is_range = before(1, '.') && before(2, '.');
    before(1, '\'') || before(1, '.') && !is_range || before(1, ':') && before(2, ':')
}

fn is_for_tests(item: &Item) -> bool {
    let attributes: &[Attribute] = match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    };
    attributes.iter().any(|attribute| {
        let text = attribute.to_token_stream().to_string().replace(' ', "");
        let of_tests = ["#[cfg(test", "#[cfg(all(test", "#[cfg(doctest"];
        of_tests.iter().any(|start| text.starts_with(start))
    })
}

/// The name that an item defines.
fn name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(name.to_string())
}
