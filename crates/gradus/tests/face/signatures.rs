//! Signatures as text, and the types in them.

use crate::names::{Def, Names, is_hidden, public_parts};
use proc_macro2::{Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::{BTreeMap, BTreeSet};
use syn::{ImplItem, Item, ReturnType, Signature, TraitItem, Visibility};

/// The lines of an item: the item itself and its public parts.
pub fn lines(names: &Names, def: Def, path: &str) -> Vec<String> {
    let Some(item) = names.item(def) else {
        return vec![format!("{path}: {}", names.kind(def))];
    };
    let mut lines = Vec::new();
    let name = names.name(def);
    let marked = |attributes: &[syn::Attribute]| {
        let marked = attributes
            .iter()
            .any(|a| a.path().is_ident("non_exhaustive"));
        if marked { ", non_exhaustive" } else { "" }
    };
    match item {
        Item::Fn(f) => lines.push(format!("{path}: {}", signature(&f.sig))),
        Item::Const(c) => lines.push(format!("{path}: const {}", text(&c.ty))),
        Item::Type(t) => lines.push(format!("{path}: type = {}", text(&t.ty))),
        Item::Struct(s) => {
            let generics = text(&s.generics);
            lines.push(format!("{path}: struct{generics}{}", marked(&s.attrs)));
            for field in &s.fields {
                if let (Visibility::Public(_), Some(field_name)) = (&field.vis, &field.ident) {
                    lines.push(format!("{path}.{field_name}: {}", text(&field.ty)));
                }
            }
        }
        Item::Enum(e) => {
            lines.push(format!(
                "{path}: enum{}{}",
                text(&e.generics),
                marked(&e.attrs)
            ));
            for variant in &e.variants {
                lines.push(format!(
                    "{path}::{}{}",
                    variant.ident,
                    text(&variant.fields)
                ));
            }
        }
        Item::Trait(t) => {
            let mut head = format!("{path}: trait{}", text(&t.generics));
            if !t.supertraits.is_empty() {
                head += &format!(": {}", text(&t.supertraits));
            }
            lines.push(head);
            for item in &t.items {
                if let TraitItem::Fn(f) = item
                    && !is_hidden(&f.attrs)
                {
                    lines.push(format!("{path}::{}: {}", f.sig.ident, signature(&f.sig)));
                }
            }
        }
        _ => lines.push(format!("{path}: {}", names.kind(def))),
    }
    for (_, block) in names.blocks(def) {
        for part in public_parts(block) {
            lines.push(match part {
                ImplItem::Fn(f) => format!("{path}::{}: {}", f.sig.ident, signature(&f.sig)),
                ImplItem::Const(c) => format!("{path}::{}: const {}", c.ident, text(&c.ty)),
                _ => continue,
            });
        }
    }
    lines.extend(
        of_macros(names, &name)
            .into_iter()
            .map(|line| format!("{path}::{line}")),
    );
    lines
}

/// The public functions of an item and of its `impl` blocks, each with its place.
pub fn functions<'a>(names: &Names<'a>, def: Def) -> Vec<(String, &'a Signature)> {
    let name = names.name(def);
    let mut found = Vec::new();
    match names.item(def) {
        Some(Item::Fn(f)) => found.push((name.clone(), &f.sig)),
        Some(Item::Trait(t)) => {
            for item in &t.items {
                if let TraitItem::Fn(f) = item
                    && !is_hidden(&f.attrs)
                {
                    found.push((format!("{name}::{}", f.sig.ident), &f.sig));
                }
            }
        }
        _ => {}
    }
    for (_, block) in names.blocks(def) {
        for part in public_parts(block) {
            if let ImplItem::Fn(f) = part {
                found.push((format!("{name}::{}", f.sig.ident), &f.sig));
            }
        }
    }
    found
}

/// The items of the workspace in the signatures of an item, each with its place.
pub fn types(names: &Names, def: Def) -> Vec<(String, Def)> {
    let Def::Item(module, _) = def else {
        return Vec::new();
    };
    let Some(item) = names.item(def) else {
        return Vec::new();
    };
    let place = names.name(def);
    let mut found = Vec::new();
    let mut look = |place: &str, module: usize, what: &dyn ToTokens| {
        let mut all = BTreeSet::new();
        paths(what.to_token_stream(), &mut all);
        for path in all {
            let mut defs = names.resolve(module, &path);
            defs.retain(|d| names.kind(*d) != "mod" && names.kind(*d) != "fn");
            found.extend(defs.into_iter().map(|d| (place.to_string(), d)));
        }
    };
    match item {
        Item::Fn(f) => look(&place, module, &f.sig),
        Item::Type(t) => look(&place, module, &t.ty),
        Item::Const(c) => look(&place, module, &c.ty),
        Item::Struct(s) => {
            for field in &s.fields {
                if matches!(field.vis, Visibility::Public(_)) {
                    look(&place, module, &field.ty);
                }
            }
        }
        Item::Enum(e) => {
            for field in e.variants.iter().flat_map(|v| &v.fields) {
                look(&place, module, &field.ty);
            }
        }
        Item::Trait(t) => {
            for item in &t.items {
                if let TraitItem::Fn(f) = item
                    && !is_hidden(&f.attrs)
                {
                    look(&place, module, &f.sig);
                }
            }
        }
        _ => {}
    }
    for &(module, block) in names.blocks(def) {
        for part in public_parts(block) {
            let place = match part {
                ImplItem::Fn(f) => format!("{place}::{}", f.sig.ident),
                _ => place.clone(),
            };
            match part {
                ImplItem::Fn(f) => look(&place, module, &f.sig),
                ImplItem::Const(c) => look(&place, module, &c.ty),
                _ => {}
            }
        }
    }
    found
}

/// Collects the paths in tokens, including types and traits.
fn paths(tokens: TokenStream, found: &mut BTreeSet<Vec<String>>) {
    let mut path: Vec<String> = Vec::new();
    let mut colons = 0;
    for token in tokens {
        match token {
            TokenTree::Ident(word) => {
                if colons != 2 {
                    found.insert(std::mem::take(&mut path));
                }
                path.push(word.to_string());
                colons = 0;
            }
            TokenTree::Punct(p) if p.as_char() == ':' => colons += 1,
            other => {
                found.insert(std::mem::take(&mut path));
                colons = 0;
                if let TokenTree::Group(group) = other {
                    paths(group.stream(), found);
                }
            }
        }
    }
    found.insert(path);
}

fn signature(signature: &Signature) -> String {
    let mut shown = signature.clone();
    // The names of arguments are not part of the interface, but help to read it; patterns do not help.
    for input in &mut shown.inputs {
        if let syn::FnArg::Typed(argument) = input
            && !matches!(&*argument.pat, syn::Pat::Ident(_))
        {
            *argument.pat = syn::parse_quote!(_);
        }
    }
    if let ReturnType::Type(_, ty) = &shown.output
        && matches!(&**ty, syn::Type::Tuple(t) if t.elems.is_empty())
    {
        shown.output = ReturnType::Default;
    }
    text(&shown)
}

/// Tokens as text with the usual spaces.
fn text(of: &impl ToTokens) -> String {
    let mut out = String::new();
    write(of.to_token_stream(), &mut out);
    out.replace(", )", ")")
}

fn write(tokens: TokenStream, out: &mut String) {
    let mut is_joint = false;
    for token in tokens {
        // Documentation and attributes of fields are not shown.
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    proc_macro2::Delimiter::Parenthesis => ("(", ")"),
                    proc_macro2::Delimiter::Bracket => ("[", "]"),
                    proc_macro2::Delimiter::Brace => (" { ", " }"),
                    proc_macro2::Delimiter::None => ("", ""),
                };
                if out.ends_with('#') {
                    out.pop();
                    continue;
                }
                if out.ends_with("->") {
                    out.push(' ');
                }
                out.push_str(open);
                write(group.stream(), out);
                out.push_str(close);
                is_joint = false;
            }
            TokenTree::Punct(p) => {
                let begins = !is_joint;
                match p.as_char() {
                    '+' | '=' | '-' | '|' if begins && !out.ends_with([' ', '(']) => out.push(' '),
                    '&' | '\'' | '*' | '#' if begins && needs_space(out) => out.push(' '),
                    _ => {}
                }
                out.push(p.as_char());
                is_joint = p.spacing() == Spacing::Joint;
                if (p.as_char() == ',' || p.as_char() == '+' || p.as_char() == ':' && begins)
                    && !is_joint
                {
                    out.push(' ');
                }
                if p.as_char() == '\'' {
                    is_joint = true;
                }
            }
            other => {
                if !is_joint && needs_space(out) {
                    out.push(' ');
                }
                out.push_str(&other.to_string());
                is_joint = false;
            }
        }
    }
}

/// Whether a following word needs a space before it.
fn needs_space(out: &str) -> bool {
    out.ends_with(|c: char| c.is_alphanumeric() || "_>=)]}".contains(c))
}

/// The functions that macros with rows define for a type: `$( … ;)*` with a name in each row.
fn of_macros(names: &Names, ty: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for module in &names.sources.modules {
        let mut rules = BTreeMap::new();
        for item in &module.items {
            let Item::Macro(m) = item else { continue };
            let tokens: Vec<TokenTree> = m.mac.tokens.clone().into_iter().collect();
            match &m.ident {
                Some(name) => {
                    rules.insert(name.to_string(), tokens);
                }
                None => {
                    let name = m.mac.path.segments[0].ident.to_string();
                    if let Some([TokenTree::Group(pattern), .., TokenTree::Group(body), _]) =
                        rules.get(&name).map(Vec::as_slice)
                    {
                        let found = of_rows(pattern.stream(), &body.stream(), tokens, ty);
                        lines.extend(found);
                    }
                }
            }
        }
    }
    lines
}

fn of_rows(
    pattern: TokenStream,
    body: &TokenStream,
    rows: Vec<TokenTree>,
    ty: &str,
) -> Vec<String> {
    let shown = body.to_string();
    if !shown.contains(&format!("impl {ty} {{")) || shown.contains("deprecated") {
        return Vec::new();
    }
    // The variables that match one token, in order, until the first variable that matches more.
    let mut words = Vec::new();
    let pattern = pattern.into_iter().find_map(|t| match t {
        TokenTree::Group(row) => Some(row.stream().to_string()),
        _ => None,
    });
    let pattern = pattern.unwrap_or_default();
    let pattern = pattern.split(')').next_back().unwrap_or_default();
    for variable in pattern.split('$').skip(1) {
        let mut parts = variable.split(':').map(str::trim);
        let (name, kind) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        if !kind.starts_with("ident") && !kind.starts_with("literal") {
            break;
        }
        words.push(name.to_string());
    }
    let mut lines = Vec::new();
    for row in rows.split(|t| matches!(t, TokenTree::Punct(p) if p.as_char() == ';')) {
        // Skip the attributes before the row.
        let mut at = 0;
        while matches!(&row.get(at), Some(TokenTree::Punct(p)) if p.as_char() == '#') {
            at += 2;
        }
        let bound: BTreeMap<&str, String> = words
            .iter()
            .zip(&row[at.min(row.len())..])
            .map(|(word, token)| (word.as_str(), token.to_string()))
            .collect();
        for part in shown.split("pub fn $").skip(1) {
            let end = part.find([' ', '(']).unwrap_or(part.len());
            let (word, rest) = part.split_at(end);
            let signature = rest.split('{').next().unwrap_or(rest);
            let Some(name) = bound.get(word) else {
                continue;
            };
            let function: Result<Signature, _> = syn::parse_str(&format!("fn {name} {signature}"));
            lines.push(match function {
                Ok(f) => format!("{name}: {}", self::signature(&f)),
                Err(_) => format!("{name}: fn"),
            });
        }
    }
    lines
}
