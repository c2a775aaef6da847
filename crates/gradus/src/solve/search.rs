//! How far to go along a direction.

use crate::control::while_loop;
use crate::tensor::Tensor;

/// The part of the promised decrease that is asked for.
pub(super) const DECREASE: f64 = 1e-4;

/// The shortest part of a step that is tried is two to the minus this.
const HALVINGS: i64 = 30;

/// Where a search ended.
pub(super) struct Reached {
    /// The point.
    pub x: Tensor,
    /// The function there.
    pub value: Tensor,
    /// Whether it is another point; if not, trying again would not help.
    pub moved: Tensor,
}

/// Goes from `x`, where `f` is `here`, along `p`: the whole way, half, a quarter, and so on, until the part and the value of `f` there are `enough`.
/// Where none is, it stays.
pub(super) fn search(
    f: &dyn Fn(&Tensor) -> Tensor,
    (x, here): (&Tensor, &Tensor),
    p: &Tensor,
    enough: &dyn Fn(&Tensor, &Tensor) -> Tensor,
) -> Reached {
    // The part of the step, the function there, how often it was halved.
    type State = (Tensor, Tensor, Tensor);
    let (part, there, halvings) = while_loop(
        |(t, there, k): &State| !enough(t, there) & k.less(HALVINGS),
        |(t, _, k): &State| {
            let t = t * 0.5;
            let there = f(&(x + &t * p));
            (t, there, k + 1)
        },
        &(
            Tensor::ones(&[], x.dtype()),
            f(&(x + p)),
            Tensor::from(0i64),
        ),
    );
    let moved = halvings.less(HALVINGS);
    Reached {
        x: moved.where_(&(x + part * p), x),
        value: moved.where_(&there, here),
        moved,
    }
}
