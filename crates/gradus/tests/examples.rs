//! Every public function has a runnable example in its documentation.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use syn::{Attribute, ImplItem, Item, TraitItem, Type, Visibility};

/// Public functions without an example. This list must only become shorter.
const WITHOUT: &[&str] = &[];

#[test]
fn public_functions_have_examples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let parsed: Vec<(String, syn::File)> = files
        .iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            let text = fs::read_to_string(path).unwrap();
            (name, syn::parse_file(&text).unwrap())
        })
        .collect();
    let types = parsed.iter().flat_map(|(_, file)| &file.items);
    let types: BTreeSet<String> = types.filter_map(public_type).collect();
    let mut found = Found::default();
    for (name, file) in &parsed {
        found.items(name, &file.items, &types);
    }
    assert!(found.with > 150, "{} functions were found", found.with);
    assert_eq!(found.without, WITHOUT, "functions without an example");
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

fn public_type(item: &Item) -> Option<String> {
    let (visibility, name) = match item {
        Item::Struct(s) => (&s.vis, &s.ident),
        Item::Enum(e) => (&e.vis, &e.ident),
        _ => return None,
    };
    is_public(visibility).then(|| name.to_string())
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// The text of an attribute that is a line of documentation.
fn documentation(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter(|a| a.path().is_ident("doc"));
    lines.map(|a| a.to_token_stream().to_string()).collect()
}

fn is_hidden(documentation: &str) -> bool {
    documentation.replace(' ', "").contains("doc(hidden)")
}

#[derive(Default)]
struct Found {
    with: usize,
    without: Vec<String>,
}

impl Found {
    fn function(&mut self, place: String, documentation: &str) {
        if is_hidden(documentation) {
            return;
        }
        if documentation.contains("```") {
            self.with += 1;
        } else {
            self.without.push(place);
        }
    }

    fn items(&mut self, file: &str, items: &[Item], types: &BTreeSet<String>) {
        for item in items {
            match item {
                Item::Fn(f) if is_public(&f.vis) => {
                    let place = format!("{file}: {}", f.sig.ident);
                    self.function(place, &documentation(&f.attrs));
                }
                Item::Impl(block) if block.trait_.is_none() => {
                    let Type::Path(path) = &*block.self_ty else {
                        continue;
                    };
                    let ty = path.path.segments.last().unwrap().ident.to_string();
                    if !types.contains(&ty) {
                        continue;
                    }
                    for item in &block.items {
                        if let ImplItem::Fn(f) = item
                            && is_public(&f.vis)
                        {
                            let place = format!("{file}: {ty}::{}", f.sig.ident);
                            self.function(place, &documentation(&f.attrs));
                        }
                    }
                }
                Item::Trait(t) if is_public(&t.vis)
                    // The example of a trait also shows its functions.
                    && t.items.iter().any(
                        |i| matches!(i, TraitItem::Fn(f) if !is_hidden(&documentation(&f.attrs))),
                    ) => {
                        self.function(format!("{file}: {}", t.ident), &documentation(&t.attrs));
                    }
                Item::Macro(m) if m.mac.path.is_ident("macro_rules") => {
                    let name = m.ident.as_ref().map(ToString::to_string);
                    self.tokens(
                        &format!("{file}: {}!", name.unwrap_or_default()),
                        m.mac.tokens.clone(),
                    );
                }
                Item::Mod(m) if is_public(&m.vis) => {
                    if let Some((_, items)) = &m.content {
                        self.items(file, items, types);
                    }
                }
                _ => {}
            }
        }
    }

    /// Functions in the expansion of a macro.
    fn tokens(&mut self, place: &str, tokens: TokenStream) {
        let mut documentation = String::new();
        let mut public = false;
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(p) if p.as_char() == '#' => {
                    if let Some(TokenTree::Group(attribute)) = tokens.peek() {
                        documentation += &attribute.to_string();
                        tokens.next();
                    }
                }
                TokenTree::Ident(word) if word == "pub" => public = true,
                TokenTree::Ident(word) if word == "fn" && public => {
                    let name: Vec<String> =
                        tokens.by_ref().take(2).map(|t| t.to_string()).collect();
                    let place = format!("{place} {}", name.concat());
                    self.function(place, &std::mem::take(&mut documentation));
                    public = false;
                }
                TokenTree::Group(group) => {
                    self.tokens(place, group.stream());
                    documentation.clear();
                }
                TokenTree::Ident(_) => {}
                _ => {
                    documentation.clear();
                    public = false;
                }
            }
        }
    }
}
