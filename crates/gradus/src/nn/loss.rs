//! What training minimises, and how well a classifier does.

use crate::tensor::Tensor;
use gradus_ir::{DType, Error, ErrorKind, Type};

/// The mean over examples of `-ln softmax(logits)[label]`: a scalar.
///
/// `logits` is `[examples, classes]`, `labels` holds the class numbers, integers `[examples]`.
///
/// # Panics
/// If the shapes do not fit, `labels` are no integers, or one of them is no class number.
#[track_caller]
pub fn softmax_cross_entropy(logits: &Tensor, labels: &Tensor) -> Tensor {
    let (x, y) = (logits.ty(), labels.ty());
    if x.rank() != 2 || *y.shape != x.shape[..1] || !y.dtype.is_integer() {
        let error = Error::new(
            ErrorKind::Shape,
            format!(
                "softmax_cross_entropy: logits {x} with labels {y}; they must be [examples, classes] and integers [examples]"
            ),
        );
        return Tensor::fail(error, &[logits, labels], Type::scalar(x.dtype));
    }
    let examples = x.shape[0].max(1) as f64;
    let log_p = logits.log_softmax(-1);
    let chosen = log_p.take_along_axis(&labels.expand_dims(-1), -1);
    -chosen.sum() / examples
}

/// The mean of squared differences over all elements: a scalar.
///
/// # Panics
/// If the shapes do not broadcast.
#[track_caller]
pub fn mean_squared_error(predicted: &Tensor, wanted: &Tensor) -> Tensor {
    (predicted - wanted).square().mean()
}

/// The fraction of rows of `scores` (`[examples, classes]`) whose largest entry is that of the label: an f64 scalar.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn accuracy(scores: &Tensor, labels: &Tensor) -> Tensor {
    let guess = scores.argmax_axis(-1);
    guess
        .equal(labels.astype(DType::I64))
        .astype(DType::F64)
        .mean()
}
