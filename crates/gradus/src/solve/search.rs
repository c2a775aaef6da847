//! Line search: the length of a step along a direction.

use crate::control::while_loop;
use crate::tensor::Tensor;

/// The required fraction of the predicted decrease.
pub(super) const DECREASE: f64 = 1e-4;

/// The search halves a step at most this often.
const HALVINGS: i64 = 30;

/// The result of a search.
pub(super) struct Reached {
    /// The point.
    pub x: Tensor,
    /// The function there.
    pub value: Tensor,
    /// Whether the point has moved; if not, another search would not help.
    pub moved: Tensor,
}

/// Goes from `x`, where `f` is `here`, along `p`: the whole step, half, a quarter, and so on,
/// until `enough` accepts the fraction and the value of `f`. If it accepts none, the point stays.
pub(super) fn search(
    f: &dyn Fn(&Tensor) -> Tensor,
    (x, here): (&Tensor, &Tensor),
    p: &Tensor,
    enough: &dyn Fn(&Tensor, &Tensor) -> Tensor,
) -> Reached {
    // The fraction of the step, the function there, the number of halvings.
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
