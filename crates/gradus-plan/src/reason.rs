//! The reasons why a candidate is left out, each as a clause that completes a sentence of an explanation.

pub(crate) type Reason = &'static str;

/// The budget of planning is spent.
pub(crate) const LARGE: Reason = "the program is large";

/// An array of this order would exceed the address space.
pub(crate) const TOO_LARGE: Reason = "no memory can hold its arrays";

/// Forward mode cannot pass a `custom_vjp`.
pub(crate) const ONLY_BACKWARD: Reason = "a custom_vjp has no forward mode";

/// An order that mixes both modes would call a cotangent hook with pieces of a derivative.
pub(crate) const ONLY_IN_REVERSE: Reason = "with_cotangent works only in reverse mode";

/// Reverse mode last multiplies the Hessian from the left.
pub(crate) const TRANSPOSED: Reason = "it multiplies by the transposed Hessian, which can differ where users have written derivatives";

/// Rows that skip a branch or a step have gates, which keep their zeros away from slopes that can be infinite.
/// An order that multiplies local derivatives would multiply zero by infinity.
pub(crate) const ROWS_APART: Reason = "it multiplies zeros of rows that skip a branch or a step by the slopes there, which can be infinite";
