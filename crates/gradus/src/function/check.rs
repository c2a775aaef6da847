//! Checks that trees have the same structure and types, and names their leaves in messages.

use crate::tree::{Structure, Tree, leaves, paths};
use gradus_ir::{Error, ErrorKind, Result, Type};

/// Checks that a function's result has the same structure as `wanted` and the same types.
/// `what` begins the message; `differ` describes how two types differ.
pub(crate) fn check_same<A: Tree>(
    what: &str,
    wanted: &A,
    got: &A,
    differ: impl Fn(&Type, &Type) -> String,
) -> Result<()> {
    check_leaves(what, wanted, got, |path, wanted, got| {
        let which = match path.is_empty() {
            true => String::new(),
            false => format!("leaf `{path}` "),
        };
        (wanted != got).then(|| format!("{which}{}", differ(wanted, got)))
    })
}

/// Checks that `got` has the structure of `wanted` and leaves of the same types where these have derivatives.
pub(crate) fn check_like<A: Tree>(what: &str, wanted: &A, got: &A) -> Result<()> {
    check_leaves(what, wanted, got, |path, wanted, got| {
        let differ = wanted.dtype.has_derivatives() && wanted != got;
        differ.then(|| format!("{} must be {wanted}, got {got}", named(path)))
    })
}

/// Checks that two trees have the same structure, and that `fault`, given a leaf's path and its two types,
/// finds no fault with any leaf.
fn check_leaves<A: Tree>(
    what: &str,
    wanted: &A,
    got: &A,
    fault: impl Fn(&str, &Type, &Type) -> Option<String>,
) -> Result<()> {
    let fail = |why: String| Err(Error::new(ErrorKind::Tree, format!("{what}: {why}")));
    let (s, t) = (Structure::record(wanted), Structure::record(got));
    if let Some(difference) = s.difference(&t) {
        return fail(format!("the trees differ: {difference}"));
    }
    let pairs = leaves(wanted).into_iter().zip(leaves(got));
    for (path, (wanted, got)) in paths(wanted).iter().zip(pairs) {
        if let Some(why) = fault(path, wanted.ty(), got.ty()) {
            return fail(why);
        }
    }
    Ok(())
}

/// Describes how two types differ that must be the same.
pub(crate) fn changed(wanted: &Type, got: &Type) -> String {
    let remedy = if wanted.dtype == got.dtype {
        String::new()
    } else {
        format!("; convert it with `astype({:?})`", wanted.dtype)
    };
    format!("was {wanted}, is {got}{remedy}")
}

/// An error inside the function `name`, reported as an error of that function.
pub(crate) fn error_in(name: &str, error: Error) -> Error {
    let named = Error::new(error.kind(), format!("{name}: {}", error.message()));
    match error.loc() {
        Some(loc) => named.at(loc),
        None => named,
    }
}

/// The name of the leaf at `path` of the argument in messages.
pub(crate) fn argument_at(path: &str) -> String {
    if path.is_empty() {
        "the argument".to_string()
    } else {
        format!("leaf `{path}` of the argument")
    }
}

/// The name of the leaf at `path` of a tree that a message has just named.
pub(crate) fn named(path: &str) -> String {
    if path.is_empty() {
        "it".to_string()
    } else {
        format!("leaf `{path}`")
    }
}
