//! The types of a call's operands and programs, checked before its rules apply.

use super::super::Body;
use crate::attributes::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::Graph;
use crate::types::Type;

/// The types of a node's operands.
pub(super) fn owned(operands: &[&Type]) -> Vec<Type> {
    operands.iter().map(|&t| t.clone()).collect()
}

/// The types that have derivatives.
pub(super) fn floats(types: &[Type]) -> Vec<Type> {
    let floats = types.iter().filter(|t| t.dtype.has_derivatives());
    floats.cloned().collect()
}

/// For each output of `body`, whether it has a derivative.
pub(super) fn float_outputs(body: &Graph) -> Vec<bool> {
    let types = body.output_types();
    types.iter().map(|t| t.dtype.has_derivatives()).collect()
}

/// Checks that a program returns arrays of these types.
pub(super) fn returns(name: &str, what: &str, body: &Body, wanted: &[Type]) -> Result<()> {
    let outputs = body.output_types();
    if outputs == wanted {
        return Ok(());
    }
    let message = format!("{name}: {what} returns {outputs:?}, and should return {wanted:?}");
    Err(Error::new(ErrorKind::Graph, message))
}

/// Checks that there are at least as many operands as the call sets apart.
pub(super) fn sets_apart(name: &str, first: usize, operands: usize) -> Result<()> {
    if first <= operands {
        return Ok(());
    }
    let message = format!("{name}: sets the first {first} operands apart, and has {operands}");
    Err(Error::new(ErrorKind::Graph, message))
}

/// The number of arguments with an undefined derivative, which texts leave out if it is 0.
pub(super) fn fixed_from_text(name: &str, a: &Attributes) -> Result<usize> {
    match a.has("fixed") {
        true => a.get_size(name, "fixed"),
        false => Ok(0),
    }
}

/// The attribute that [`fixed_from_text`] reads.
pub(super) fn fixed_attribute(fixed: usize) -> Attributes {
    match fixed {
        0 => Attributes::default(),
        _ => Attributes::default().int("fixed", fixed as i64),
    }
}
