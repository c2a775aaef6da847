//! The names of modules: their definitions, their imports, and the items that paths lead to.

use crate::sources::Sources;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use syn::{Ident, ImplItem, Item, ItemImpl, Type, UseTree, Visibility};

/// A module, or an item given by its module and its position in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Def {
    Module(usize),
    Item(usize, usize),
    /// `#[derive(Tree)]`, the only macro.
    Derive,
}

/// A name that a `use` brings into scope.
struct Import {
    /// The path, with the names of modules before the last one.
    path: Vec<String>,
    /// `None` for a glob import.
    name: Option<String>,
    seen_by: Seen,
}

/// The code that can see a name.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Module,
    Crate,
    All,
}

impl Seen {
    fn of(visibility: &Visibility) -> Seen {
        match visibility {
            Visibility::Public(_) => Seen::All,
            Visibility::Restricted(_) => Seen::Crate,
            Visibility::Inherited => Seen::Module,
        }
    }
}

pub struct Names<'a> {
    pub sources: &'a Sources,
    imports: Vec<Vec<Import>>,
    /// The blocks of functions of each type.
    blocks: BTreeMap<Def, Vec<(usize, &'a ItemImpl)>>,
    defaults: BTreeSet<Def>,
    /// The names that are being resolved, so that circular imports end.
    open: RefCell<BTreeSet<(usize, String)>>,
}

impl<'a> Names<'a> {
    pub fn new(sources: &'a Sources) -> Names<'a> {
        let imports = sources.modules.iter().map(|m| {
            let mut all = Vec::new();
            for item in &m.items {
                if let Item::Use(u) = item
                    && !is_hidden(&u.attrs)
                {
                    collect(&u.tree, &mut Vec::new(), Seen::of(&u.vis), &mut all);
                }
            }
            all
        });
        let mut names = Names {
            sources,
            imports: imports.collect(),
            blocks: BTreeMap::new(),
            defaults: BTreeSet::new(),
            open: RefCell::default(),
        };
        names.read_blocks();
        names
    }

    fn read_blocks(&mut self) {
        let sources = self.sources;
        for (id, module) in sources.modules.iter().enumerate() {
            for item in &module.items {
                let Item::Impl(block) = item else { continue };
                let Type::Path(path) = &*block.self_ty else {
                    continue;
                };
                let Some(def) = self.resolve(id, &segments(&path.path)).pop() else {
                    continue;
                };
                match &block.trait_ {
                    None => self.blocks.entry(def).or_default().push((id, block)),
                    Some((_, path, _)) if path.is_ident("Default") => {
                        self.defaults.insert(def);
                    }
                    Some(_) => {}
                }
            }
        }
        for (id, module) in sources.modules.iter().enumerate() {
            for (place, item) in module.items.iter().enumerate() {
                let Item::Struct(s) = item else { continue };
                let mut derives = s.attrs.iter().filter(|a| a.path().is_ident("derive"));
                let is_default =
                    |a: &syn::Attribute| tokens(&a.meta).split(' ').any(|w| w == "Default");
                if derives.any(is_default) {
                    self.defaults.insert(Def::Item(id, place));
                }
            }
        }
    }

    pub fn blocks(&self, def: Def) -> &[(usize, &'a ItemImpl)] {
        self.blocks.get(&def).map_or(&[], Vec::as_slice)
    }

    pub fn has_default(&self, def: Def) -> bool {
        self.defaults.contains(&def)
    }

    pub fn item(&self, def: Def) -> Option<&'a Item> {
        match def {
            Def::Item(module, place) => Some(&self.sources.modules[module].items[place]),
            _ => None,
        }
    }

    pub fn name(&self, def: Def) -> String {
        match def {
            Def::Module(id) => self.sources.modules[id].name.clone(),
            Def::Item(..) => self
                .item(def)
                .and_then(ident)
                .map_or(String::new(), Ident::to_string),
            Def::Derive => "Tree".to_string(),
        }
    }

    pub fn kind(&self, def: Def) -> &'static str {
        match (def, self.item(def)) {
            (Def::Module(_), _) => "mod",
            (_, Some(Item::Fn(_))) => "fn",
            (_, Some(Item::Struct(_))) => "struct",
            (_, Some(Item::Enum(_))) => "enum",
            (_, Some(Item::Trait(_))) => "trait",
            (_, Some(Item::Type(_))) => "type",
            (_, Some(Item::Const(_))) => "const",
            (_, Some(Item::Static(_))) => "static",
            _ => "derive",
        }
    }

    /// The public names of a module.
    pub fn public(&self, id: usize) -> BTreeMap<String, Vec<Def>> {
        let module = &self.sources.modules[id];
        let mut found: BTreeMap<String, Vec<Def>> = BTreeMap::new();
        for (place, item) in module.items.iter().enumerate() {
            let (Some(name), Some((visibility, attributes))) = (ident(item), head(item)) else {
                continue;
            };
            if !matches!(visibility, Visibility::Public(_)) || is_hidden(attributes) {
                continue;
            }
            let name = name.to_string();
            let def = match item {
                Item::Mod(_) => module.children.get(&name).map(|&child| Def::Module(child)),
                _ => Some(Def::Item(id, place)),
            };
            found.entry(name).or_default().extend(def);
        }
        for import in self.imports[id].iter().filter(|i| i.seen_by == Seen::All) {
            match &import.name {
                Some(name) => {
                    let mut defs = self.resolve(id, &import.path);
                    // If a module and a function have the same name, only the public ones are reexported.
                    defs.retain(|&def| self.is_public(def));
                    found.entry(name.clone()).or_default().extend(defs);
                }
                None => {
                    for target in self.resolve(id, &import.path) {
                        if let Def::Module(target) = target {
                            found.extend(self.public(target));
                        }
                    }
                }
            }
        }
        found.retain(|_, defs| !defs.is_empty());
        found
    }

    fn is_public(&self, def: Def) -> bool {
        let item = match def {
            Def::Derive => return true,
            Def::Item(..) => self.item(def),
            Def::Module(id) => {
                let Some(parent) = self.sources.modules[id].parent else {
                    return true;
                };
                let name = &self.sources.modules[id].name;
                let mut items = self.sources.modules[parent].items.iter();
                items.find(|i| matches!(i, Item::Mod(m) if m.ident == *name))
            }
        };
        let visibility = item.and_then(head).map(|(visibility, _)| visibility);
        matches!(visibility, Some(Visibility::Public(_)))
    }

    /// Resolves a path in a module; the result is empty if the path leads out of the workspace.
    pub fn resolve(&self, id: usize, path: &[String]) -> Vec<Def> {
        let Some((first, rest)) = path.split_first() else {
            return Vec::new();
        };
        let mut defs = match first.as_str() {
            "crate" => vec![Def::Module(self.sources.modules[id].root)],
            "self" => vec![Def::Module(id)],
            "super" => {
                let parent = self.sources.modules[id].parent;
                parent.map(Def::Module).into_iter().collect()
            }
            name => {
                let own = self.lookup(id, name, id);
                let extern_crate = self.sources.find_root(name).map(Def::Module);
                if own.is_empty() {
                    extern_crate.into_iter().collect()
                } else {
                    own
                }
            }
        };
        if first == "gradus_derive" {
            return vec![Def::Derive];
        }
        for name in rest {
            let modules = defs.iter().filter_map(|&def| match def {
                Def::Module(module) => Some(module),
                _ => None,
            });
            let inside: BTreeSet<Def> = modules.flat_map(|m| self.lookup(m, name, id)).collect();
            defs = inside.into_iter().collect();
        }
        defs
    }

    /// Resolves `name` in the module `id`, seen from the module `from`.
    fn lookup(&self, id: usize, name: &str, from: usize) -> Vec<Def> {
        let key = (id, name.to_string());
        if !self.open.borrow_mut().insert(key.clone()) {
            return Vec::new();
        }
        let module = &self.sources.modules[id];
        let root = |id: usize| self.sources.modules[id].root;
        let can_see = |seen_by: Seen| match seen_by {
            Seen::All => true,
            Seen::Crate => root(from) == root(id),
            Seen::Module => self.is_inside(from, id),
        };
        let mut found = BTreeSet::new();
        for (place, item) in module.items.iter().enumerate() {
            let is_it = ident(item).is_some_and(|i| i == name);
            if is_it && head(item).is_some_and(|(v, _)| can_see(Seen::of(v))) {
                match item {
                    Item::Mod(_) => {
                        found.extend(module.children.get(name).map(|&c| Def::Module(c)));
                    }
                    _ => {
                        found.insert(Def::Item(id, place));
                    }
                }
            }
        }
        for import in &self.imports[id] {
            match &import.name {
                Some(n) if n == name && can_see(import.seen_by) => {
                    found.extend(self.resolve(id, &import.path));
                }
                None if can_see(import.seen_by) => {
                    for target in self.resolve(id, &import.path) {
                        if let Def::Module(target) = target {
                            found.extend(self.lookup(target, name, id));
                        }
                    }
                }
                _ => {}
            }
        }
        self.open.borrow_mut().remove(&key);
        found.into_iter().collect()
    }

    fn is_inside(&self, mut id: usize, outer: usize) -> bool {
        loop {
            if id == outer {
                return true;
            }
            match self.sources.modules[id].parent {
                Some(parent) => id = parent,
                None => return false,
            }
        }
    }
}

/// Collects the names that a `use` brings into scope.
fn collect(tree: &UseTree, path: &mut Vec<String>, seen_by: Seen, all: &mut Vec<Import>) {
    let mut give = |path: Vec<String>, name: Option<String>| {
        all.push(Import {
            path,
            name,
            seen_by,
        });
    };
    match tree {
        UseTree::Path(p) => {
            path.push(p.ident.to_string());
            collect(&p.tree, path, seen_by, all);
            path.pop();
        }
        UseTree::Name(n) if n.ident == "self" => give(path.clone(), path.last().cloned()),
        UseTree::Name(n) => {
            let name = n.ident.to_string();
            give([path.clone(), vec![name.clone()]].concat(), Some(name));
        }
        UseTree::Rename(r) => {
            let whole = [path.clone(), vec![r.ident.to_string()]].concat();
            give(whole, Some(r.rename.to_string()));
        }
        UseTree::Glob(_) => give(path.clone(), None),
        UseTree::Group(g) => {
            for tree in &g.items {
                collect(tree, path, seen_by, all);
            }
        }
    }
}

pub fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|s| s.ident.to_string()).collect()
}

pub fn tokens(of: &impl quote::ToTokens) -> String {
    let text = of.to_token_stream().to_string();
    text.replace(['(', ')', ','], " ")
}

pub fn is_hidden(attributes: &[syn::Attribute]) -> bool {
    let mut docs = attributes.iter().filter(|a| a.path().is_ident("doc"));
    docs.any(|a| tokens(&a.meta).split_whitespace().any(|w| w == "hidden"))
}

fn ident(item: &Item) -> Option<&Ident> {
    Some(match item {
        Item::Fn(i) => &i.sig.ident,
        Item::Struct(i) => &i.ident,
        Item::Enum(i) => &i.ident,
        Item::Trait(i) => &i.ident,
        Item::Type(i) => &i.ident,
        Item::Const(i) => &i.ident,
        Item::Static(i) => &i.ident,
        Item::Mod(i) => &i.ident,
        _ => return None,
    })
}

fn head(item: &Item) -> Option<(&Visibility, &[syn::Attribute])> {
    Some(match item {
        Item::Fn(i) => (&i.vis, &i.attrs),
        Item::Struct(i) => (&i.vis, &i.attrs),
        Item::Enum(i) => (&i.vis, &i.attrs),
        Item::Trait(i) => (&i.vis, &i.attrs),
        Item::Type(i) => (&i.vis, &i.attrs),
        Item::Const(i) => (&i.vis, &i.attrs),
        Item::Static(i) => (&i.vis, &i.attrs),
        Item::Mod(i) => (&i.vis, &i.attrs),
        _ => return None,
    })
}

/// The public functions and constants of a block.
pub fn public_parts(block: &ItemImpl) -> impl Iterator<Item = &ImplItem> {
    block.items.iter().filter(|item| match item {
        ImplItem::Fn(f) => matches!(f.vis, Visibility::Public(_)) && !is_hidden(&f.attrs),
        ImplItem::Const(c) => matches!(c.vis, Visibility::Public(_)) && !is_hidden(&c.attrs),
        _ => false,
    })
}
