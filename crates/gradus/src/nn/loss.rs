//! Losses, and the accuracy of a classifier.

use crate::tensor::Tensor;
use crate::trace::called;
use gradus_ir::{DType, Error, ErrorKind, Type};

/// The mean over examples of `-ln softmax(logits)[label]`: a scalar.
///
/// `logits` is `[examples, classes]`. `labels` holds the class numbers, integers `[examples]`.
///
/// ```
/// # use gradus::prelude::*;
/// let loss = nn::softmax_cross_entropy(&Tensor::from([[0.0, 0.0], [1e3, 0.0]]), &Tensor::from([1, 0]));
/// assert!((loss.item::<f64>()? - 2f64.ln() / 2.0).abs() < 1e-15);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If the shapes do not fit, `labels` are not integers, or one of them is not a class number.
#[doc(alias = "cross_entropy")]
#[doc(alias = "CrossEntropyLoss")]
#[doc(alias = "sparse_categorical_crossentropy")]
#[doc(alias = "softmax_cross_entropy_with_integer_labels")]
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
    called("softmax_cross_entropy", || {
        let examples = x.shape[0].max(1) as f64;
        let log_p = logits.log_softmax(-1);
        let chosen = log_p.take_along_axis(&labels.expand_dims(-1), -1);
        -chosen.sum() / examples
    })
}

/// The mean of squared differences over all elements: a scalar.
///
/// ```
/// # use gradus::prelude::*;
/// let loss = nn::mean_squared_error(&Tensor::from([1.0, 2.0]), &Tensor::from([1.0, 4.0]));
/// assert_eq!(loss.item::<f64>()?, 2.0);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If the shapes do not broadcast.
#[doc(alias = "mse_loss")]
#[doc(alias = "MSELoss")]
#[doc(alias = "l2_loss")]
#[track_caller]
pub fn mean_squared_error(predicted: &Tensor, wanted: &Tensor) -> Tensor {
    called("mean_squared_error", || {
        (predicted - wanted).square().mean()
    })
}

/// The fraction of rows of `scores` (`[examples, classes]`) whose largest entry is at the label: an f64 scalar.
///
/// ```
/// # use gradus::prelude::*;
/// let scores = Tensor::from([[0.1, 0.9], [0.8, 0.2]]);
/// assert_eq!(nn::accuracy(&scores, &Tensor::from([1, 1])).item::<f64>()?, 0.5);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn accuracy(scores: &Tensor, labels: &Tensor) -> Tensor {
    let (x, y) = (scores.ty(), labels.ty());
    if x.rank() != 2 || *y.shape != x.shape[..1] {
        let message = format!(
            "accuracy: scores {x} with labels {y}; they must be [examples, classes] and [examples]"
        );
        let error = Error::new(ErrorKind::Shape, message);
        return Tensor::fail(error, &[scores, labels], Type::scalar(DType::F64));
    }
    called("accuracy", || {
        let guess = scores.argmax_axis(-1);
        let right = guess.equal(labels.astype(DType::I64));
        right.astype(DType::F64).mean()
    })
}
