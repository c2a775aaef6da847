//! Gradients accumulated over parts of a batch.

use super::grad::{check_inputs, differentiate};
use crate::control::{ScanOptions, scan_at};
use crate::function::{named, or_stop, zeros};
use crate::tensor::Tensor;
use crate::trace::on_behalf_of;
use crate::tree::{Tree, leaves, map, paths, rebuild, zeros_like};
use gradus_ir::{Error, ErrorKind, Loc, Result};

/// The value and the gradient with respect to `p` of the mean of `f(p, part)` over
/// `parts` equal parts of a batch, one part at a time.
///
/// All tensors of the batch have the same number of rows, which are split in their order.
/// If `f` is a mean over the rows, this is its value and gradient on the whole batch,
/// up to rounding, with the memory of one part. A loss that is a sum over the rows comes out divided by `parts`.
/// Within [`jit`](crate::jit) it is one loop of one program.
///
/// ```
/// use gradus::prelude::*;
/// let loss = |w: &Tensor, (x, y): &(Tensor, Tensor)| (x * w - y).square().mean();
/// let w = Tensor::from(0.5);
/// let batch = (Tensor::from([1.0, 2.0, 3.0, 4.0]), Tensor::from([2.0, 4.0, 6.0, 8.0]));
/// let (value, slope) = value_and_grad_accumulated(loss, 2)(&w, &batch);
/// assert_eq!(value.item::<f64>()?, loss(&w, &batch).item::<f64>()?);
/// assert_eq!(slope.item::<f64>()?, grad(|w: &Tensor| loss(w, &batch))(&w).item::<f64>()?);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// When called, if the rows do not split into `parts` equal parts, `f` does not return a float scalar,
/// or `p` holds a tensor that is not a float.
#[doc(alias = "gradient_accumulation")]
#[doc(alias = "microbatch")]
#[track_caller]
pub fn value_and_grad_accumulated<P: Tree, X: Tree>(
    f: impl Fn(&P, &X) -> Tensor,
    parts: usize,
) -> impl Fn(&P, &X) -> (Tensor, P) {
    let loc = Loc::caller();
    move |p, batch| {
        let checked = check_inputs(NAME, p, &leaves(p)).and_then(|()| check_rows(batch, parts));
        if let Err(error) = checked {
            or_stop(Err(error), loc, || leaves(p), || ());
            // Within a boundary the program continues with zeros.
            return (zeros(f(p, batch).ty()), zeros_like(p));
        }
        let split = on_behalf_of(loc, || map(batch, |t| in_parts(t, parts)));
        let step = |sums: &P, part: &X| {
            let loss = |p: &P| (f(p, part), ());
            let ((value, ()), slopes) = differentiate(NAME, &loss, p, loc);
            let pairs = leaves(sums).into_iter().zip(leaves(&slopes));
            let sums = on_behalf_of(loc, || pairs.map(|(sum, slope)| sum + slope).collect());
            (rebuild(&slopes, sums), value)
        };
        let options = ScanOptions::default();
        let (sums, values) = scan_at(NAME, options, step, &zeros_like(p), &split, loc);
        on_behalf_of(loc, || {
            (values.mean(), map(&sums, |sum| sum / parts as f64))
        })
    }
}

const NAME: &str = "value_and_grad_accumulated";

/// `t` with its rows split into `parts` parts along a new first axis.
fn in_parts(t: &Tensor, parts: usize) -> Tensor {
    let (rows, rest) = (t.shape()[0], &t.shape()[1..]);
    let mut shape = vec![parts, rows / parts];
    shape.extend_from_slice(rest);
    t.reshape(&shape)
}

fn check_rows<X: Tree>(batch: &X, parts: usize) -> Result<()> {
    let refused = |message: String| Err(Error::new(ErrorKind::Shape, format!("{NAME}: {message}")));
    if parts == 0 {
        return refused("the batch cannot be split into 0 parts".to_string());
    }
    let (tensors, paths) = (leaves(batch), paths(batch));
    let mut first: Option<usize> = None;
    for (t, path) in tensors.iter().zip(&paths) {
        let Some(&rows) = t.shape().first() else {
            let which = named(path);
            return refused(format!(
                "the batch is split along first axes, and {which} is {} and has none; let the function capture values that are not part of the batch",
                t.ty()
            ));
        };
        if rows % parts != 0 {
            return refused(format!(
                "the {rows} rows of the batch do not split into {parts} equal parts"
            ));
        }
        if let Some(n) = first.replace(rows)
            && n != rows
        {
            return refused(format!(
                "the tensors of the batch have different numbers of rows: {n} in leaf `{}`, {rows} in leaf `{path}`",
                paths[0]
            ));
        }
    }
    if tensors.is_empty() {
        return refused("the batch holds no tensor to split".to_string());
    }
    Ok(())
}
