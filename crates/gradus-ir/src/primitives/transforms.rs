//! The transforms of whole programs, for the rules of operations that hold programs.

use super::Body;
use crate::graph::{Graph, ValueId};
use std::collections::HashMap;

/// A program split at its linearisation.
pub struct Linearized {
    /// From the inputs to the outputs, followed by the residuals: the values that the tangent map needs.
    pub primal: Graph,
    /// From residuals, then one tangent for each differentiated input, to one tangent for each output.
    /// Linear in the tangents.
    pub tangent: Graph,
    /// The number of residuals.
    pub residuals: usize,
}

/// The transforms that the rules of loops, choices and calls apply to their programs.
pub trait Transforms {
    /// Appends the tangents of `outputs` to `g`, given the tangents of some values as pairs `(value, tangent)`.
    fn jvp(
        &mut self,
        g: &mut Graph,
        outputs: &[ValueId],
        at: &[(ValueId, ValueId)],
    ) -> Vec<Option<ValueId>>;

    /// Splits `program` at its derivative with respect to the inputs `wrt`.
    fn linearize(&mut self, program: &Graph, wrt: &[usize]) -> Linearized;

    /// The transpose of `linear`, which has inputs `(fixed…, x…)`: the program `(fixed…, ȳ…, s…) ↦ x̄…`.
    /// It adds the cotangents of the first `sums` of `x…` to `s…`, so that the cotangent of a part of an array is
    /// added in place, without another array of that size.
    fn transpose(&mut self, linear: &Graph, fixed: usize, sums: usize) -> Graph;

    /// `program` on `n` rows: the marked inputs have a new leading axis. Also returns which outputs have it.
    fn batch(&mut self, program: &Graph, n: usize, batched: &[bool]) -> (Graph, Vec<bool>);

    /// The derivatives that exist already.
    fn derived(&mut self) -> &mut Derived;
}

/// Derivatives of bodies, kept for one transform: calls that share a body share its derivative.
/// Without this, nested checkpoints would be differentiated once for every path through them.
#[derive(Default)]
pub struct Derived {
    found: HashMap<Key, (Body, Body)>,
}

/// A body, by identity rather than by value, because equal bodies can come from different lines,
/// and the question about it.
type Key = (usize, Vec<Vec<usize>>);

/// The program that `make` derives from `body`. It depends only on `body` and `asked`.
pub(super) fn derived(
    transforms: &mut dyn Transforms,
    body: &Body,
    asked: &[&[usize]],
    make: impl FnOnce(&mut dyn Transforms) -> Body,
) -> Body {
    let key = (body.identity(), asked.iter().map(|a| a.to_vec()).collect());
    if let Some((_, made)) = transforms.derived().found.get(&key) {
        return made.clone();
    }
    let made = make(transforms);
    // The body is kept alive, so that its identity stays unique.
    let held = (body.clone(), made.clone());
    transforms.derived().found.insert(key, held);
    made
}
