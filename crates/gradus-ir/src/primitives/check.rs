//! Checks that the type rules of several families share.

use crate::error::{Error, ErrorKind, Result};
use crate::types::Type;

/// Checks the number of operands.
pub(crate) fn arity(name: &str, operands: &[&Type], n: usize) -> Result<()> {
    if operands.len() == n {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Graph,
        format!(
            "{name}: takes {n} operand{}, got {}",
            if n == 1 { "" } else { "s" },
            operands.len()
        ),
    ))
}

/// Checks that all operands have the type of the first, and returns it.
pub(crate) fn equal_types(name: &str, operands: &[&Type]) -> Result<Type> {
    let first = operands[0];
    for o in &operands[1..] {
        if o.dtype != first.dtype {
            return Err(Error::new(
                ErrorKind::DType,
                format!(
                    "{name}: operands of different element types {} and {}; convert one with `astype`",
                    first, o
                ),
            ));
        }
        if o.shape != first.shape {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("{name}: operands of different shapes {first} and {o}"),
            ));
        }
    }
    Ok(first.clone())
}

/// Checks that `axes` are below `rank`, ascending and distinct.
pub(crate) fn check_axes(name: &str, axes: &[usize], rank: usize) -> Result<()> {
    let rising = axes.windows(2).all(|w| w[0] < w[1]);
    if rising && axes.last().is_none_or(|&a| a < rank) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Axis,
        format!(
            "{name}: axes {axes:?} of an array of rank {rank}; they must rise and be below the rank"
        ),
    ))
}
