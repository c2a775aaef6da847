//! `#[derive(Tree)]` for structs and enums.
//!
//! Fields are flattened in order of declaration; the variant of an enum belongs to the structure.
//! A field marked `#[tree(fixed)]` need not be a tree: it is cloned, and compared by its `Debug` text.
//!
//! A program that gives the crate `gradus` another name says so with `#[tree(crate = "name")]` on the type.
//!
//! The names in the generated code are hygienic: fields,
//! variants and parameters can have any name, raw identifiers included.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::{
    Attribute, Data, DeriveInput, Error, Fields, GenericParam, Ident, LitStr, Path, Result, Type,
    parse_macro_input, parse_quote,
};

/// Implements `gradus::Tree`.
///
/// `#[tree(fixed)]` marks a field that is cloned and is not a tree.
/// `#[tree(crate = "name")]` on the type gives the name of the crate `gradus` in the program,
/// if its manifest renames it.
#[proc_macro_derive(Tree, attributes(tree))]
pub fn derive_tree(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input)
        .unwrap_or_else(|e| e.to_compile_error())
        .into()
}

/// A field in the generated code.
struct Member {
    /// The variable that the pattern binds to it.
    /// Its name is unique, so that no field can hide a name that the generated code uses.
    binding: Ident,
    /// Its name; a field of a tuple has none.
    name: Option<Ident>,
    ty: Type,
    fixed: bool,
}

/// An arm of the generated matches.
struct Arm {
    /// The pattern that destructures a value.
    pattern: TokenStream,
    /// The name of the type or of the variant.
    name: String,
    members: Vec<Member>,
}

/// The names that the arms use.
struct Names {
    /// The path of the crate `gradus`.
    root: Path,
    leaves: Ident,
    out: Ident,
}

fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    let names = Names {
        root: root(&input.attrs)?,
        leaves: hygienic("leaves"),
        out: hygienic("out"),
    };
    let Names { root, leaves, out } = &names;
    let arms = arms(input)?;
    let mut generics = input.generics.clone();
    for param in &mut generics.params {
        if let GenericParam::Type(param) = param {
            let used = |m: &Member| !m.fixed && mentions(&m.ty, &param.ident);
            if arms.iter().any(|arm| arm.members.iter().any(used)) {
                param.bounds.push(parse_quote!(#root::Tree));
            }
        }
    }
    let (generics, _, bounds) = generics.split_for_impl();
    let (_, arguments, _) = input.generics.split_for_impl();
    let flatten = arms.iter().map(|arm| arm.flatten(&names));
    let unflatten = arms.iter().map(|arm| arm.unflatten(&names));
    let describe = arms.iter().map(|arm| arm.describe(&names));
    Ok(quote! {
        #[automatically_derived]
        impl #generics #root::Tree for #name #arguments #bounds {
            fn flatten<'__tree>(
                &'__tree self,
                #leaves: &mut ::std::vec::Vec<&'__tree #root::Tensor>,
            ) {
                let _ = &#leaves;
                match self { #(#flatten)* }
            }

            fn unflatten(&self, #leaves: &mut #root::tree::Leaves) -> Self {
                let _ = &#leaves;
                match self { #(#unflatten)* }
            }

            fn describe(&self, #out: &mut #root::tree::Structure) {
                match self { #(#describe)* }
            }
        }
    })
}

/// An arm for a struct, or for each variant of an enum.
fn arms(input: &DeriveInput) -> Result<Vec<Arm>> {
    let shown = input.ident.unraw();
    match &input.data {
        Data::Struct(data) => {
            let (pattern, members) = members(&data.fields)?;
            Ok(vec![Arm {
                pattern: quote!(Self #pattern),
                name: shown.to_string(),
                members,
            }])
        }
        Data::Enum(data) if data.variants.is_empty() => Err(Error::new(
            input.ident.span(),
            "Tree cannot be derived for an enum without variants: it has no values",
        )),
        Data::Enum(data) => {
            let arms = data.variants.iter().map(|variant| {
                let (pattern, members) = members(&variant.fields)?;
                let ident = &variant.ident;
                Ok(Arm {
                    pattern: quote!(Self::#ident #pattern),
                    name: format!("{shown}::{}", ident.unraw()),
                    members,
                })
            });
            arms.collect()
        }
        Data::Union(data) => Err(Error::new(
            data.union_token.span,
            "Tree cannot be derived for a union: which field it holds is unknown",
        )),
    }
}

impl Arm {
    fn flatten(&self, Names { root, leaves, .. }: &Names) -> TokenStream {
        let pattern = &self.pattern;
        let of = |fixed: bool| self.members.iter().filter(move |m| m.fixed == fixed);
        let all = of(false).map(|m| &m.binding);
        let fixed = of(true).map(|m| &m.binding);
        quote!(#pattern => {
            #(let _ = #fixed;)*
            #(#root::Tree::flatten(#all, #leaves);)*
        })
    }

    fn unflatten(&self, Names { root, leaves, .. }: &Names) -> TokenStream {
        let pattern = &self.pattern;
        let rebuilt = self.members.iter().map(|m| {
            let binding = &m.binding;
            if m.fixed {
                quote!(let #binding = ::core::clone::Clone::clone(#binding);)
            } else {
                quote!(let #binding = #root::Tree::unflatten(#binding, #leaves);)
            }
        });
        // The pattern that destructures the value also constructs it.
        quote!(#pattern => {
            #(#rebuilt)*
            #pattern
        })
    }

    fn describe(&self, Names { root, out, .. }: &Names) -> TokenStream {
        let (pattern, name, count) = (&self.pattern, &self.name, self.members.len());
        let described = self.members.iter().map(|m| {
            let binding = &m.binding;
            let field = m.name.as_ref().map(|name| {
                let name = name.unraw().to_string();
                quote!(#out.field(#name);)
            });
            if m.fixed {
                quote!(#field #out.text(&::std::format!("{:?}", #binding));)
            } else {
                quote!(#field #root::Tree::describe(#binding, #out);)
            }
        });
        quote!(#pattern => {
            #out.enter(#name, #count);
            #(#described)*
            #out.leave();
        })
    }
}

/// A name that only generated code can use, and that differs from all constants and statics of the user.
fn hygienic(name: &str) -> Ident {
    format_ident!("__tree_{name}", span = Span::mixed_site())
}

/// The pattern after the name, and the fields that it binds.
fn members(fields: &Fields) -> Result<(TokenStream, Vec<Member>)> {
    let mut out = Vec::new();
    for (i, field) in fields.iter().enumerate() {
        let fixed = is_fixed(&field.attrs)?;
        if !fixed && borrows(quote_of(&field.ty)) {
            return Err(Error::new_spanned(
                &field.ty,
                "a tree owns its tensors, because transforms build new ones like it: hold a `Tensor` (a handle that is cheap to clone) instead of a reference, \
                 or mark what has no tensors with `#[tree(fixed)]`",
            ));
        }
        out.push(Member {
            binding: hygienic(&format!("field_{i}")),
            name: field.ident.clone(),
            ty: field.ty.clone(),
            fixed,
        });
    }
    let bindings = out.iter().map(|m| &m.binding);
    let pattern = match fields {
        Fields::Named(_) => {
            let names = out.iter().map(|m| &m.name);
            quote!({ #(#names: #bindings),* })
        }
        Fields::Unnamed(_) => quote!(( #(#bindings),* )),
        Fields::Unit => quote!(),
    };
    Ok((pattern, out))
}

/// The path of the crate `gradus`; `#[tree(crate = "…")]` gives it if the program renames the crate.
fn root(attributes: &[Attribute]) -> Result<Path> {
    let mut root = parse_quote!(::gradus);
    for attribute in attributes.iter().filter(|a| a.path().is_ident("tree")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("crate") {
                root = meta.value()?.parse::<LitStr>()?.parse_with(Path::parse_mod_style)?;
                Ok(())
            } else {
                Err(meta.error(
                    "the only attribute of a type is `#[tree(crate = \"…\")]`: the path of the crate `gradus`; \
                     `#[tree(fixed)]` belongs to fields",
                ))
            }
        })?;
    }
    Ok(root)
}

fn is_fixed(attributes: &[Attribute]) -> Result<bool> {
    let mut fixed = false;
    for attribute in attributes.iter().filter(|a| a.path().is_ident("tree")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("fixed") {
                fixed = true;
                Ok(())
            } else {
                Err(meta.error(
                    "the only attribute of a field is `#[tree(fixed)]`: it marks a field that is cloned and is not a tree",
                ))
            }
        })?;
    }
    Ok(fixed)
}

fn quote_of(ty: &Type) -> TokenStream {
    quote!(#ty)
}

/// Whether a type holds a reference.
fn borrows(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|t| match t {
        TokenTree::Punct(p) => p.as_char() == '&',
        TokenTree::Group(g) => borrows(g.stream()),
        _ => false,
    })
}

/// Whether the name of a type parameter occurs in a type.
fn mentions(ty: &Type, param: &Ident) -> bool {
    fn search(tokens: TokenStream, param: &Ident) -> bool {
        tokens.into_iter().any(|t| match t {
            TokenTree::Ident(i) => i == *param,
            TokenTree::Group(g) => search(g.stream(), param),
            _ => false,
        })
    }
    search(quote!(#ty), param)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let input: DeriveInput = syn::parse_str(text).unwrap();
        expand(&input).unwrap_err().to_string()
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            error("union U { a: f32 }"),
            "Tree cannot be derived for a union: which field it holds is unknown"
        );
        assert_eq!(
            error("enum Never {}"),
            "Tree cannot be derived for an enum without variants: it has no values"
        );
        let borrowed = "a tree owns its tensors, because transforms build new ones like it: hold a `Tensor` (a handle that is cheap to clone) instead of a reference, \
                        or mark what has no tensors with `#[tree(fixed)]`";
        assert_eq!(error("struct S<'a> { x: &'a Tensor }"), borrowed);
        assert_eq!(error("struct S<'a>(Option<&'a Tensor>);"), borrowed);
        assert_eq!(
            error("enum E { A, B { x: Vec<&'static Tensor> } }"),
            borrowed
        );
        assert_eq!(
            error("struct S { #[tree(skip)] a: f32 }"),
            "the only attribute of a field is `#[tree(fixed)]`: it marks a field that is cloned and is not a tree"
        );
    }

    #[test]
    fn the_crate_can_have_another_name() {
        let named = |attribute: &str| {
            let text = format!("{attribute} struct S<T> {{ a: T, b: f64 }}");
            expand(&syn::parse_str(&text).unwrap())
        };
        let text = named("#[tree(crate = \"ag\")]").unwrap().to_string();
        assert!(
            text.contains("impl < T : ag :: Tree > ag :: Tree for S"),
            "{text}"
        );
        assert!(!text.contains("gradus"), "{text}");
        let text = named("#[tree(crate = \"crate::deps::ag\")]")
            .unwrap()
            .to_string();
        assert!(
            text.contains("crate :: deps :: ag :: Tree :: flatten"),
            "{text}"
        );
        assert!(named("#[tree(crate = \"1\")]").is_err());
        assert_eq!(
            named("#[tree(fixed)]").unwrap_err().to_string(),
            "the only attribute of a type is `#[tree(crate = \"…\")]`: the path of the crate `gradus`; `#[tree(fixed)]` belongs to fields"
        );
    }

    #[test]
    fn only_used_parameters_are_bounded() {
        let input: DeriveInput =
            syn::parse_str("struct S<T, U> { a: Vec<T>, #[tree(fixed)] b: U }").unwrap();
        let text = expand(&input).unwrap().to_string();
        assert!(text.contains("T : :: gradus :: Tree"), "{text}");
        assert!(!text.contains("U : :: gradus"), "{text}");
    }
}
