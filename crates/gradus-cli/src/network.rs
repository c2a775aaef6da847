//! The networks that can be trained: they map images to a score for each class.

use crate::options::TaskName;
use gradus::nn::{Activation, Gru, Init, Linear, Mlp};
use gradus::random::Key;
use gradus::tree::{Leaves, Structure};
use gradus::{DType, Error, ErrorKind, Result, Tensor, Tree};

/// The properties of a network besides its widths and weights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A multilayer perceptron on all pixels, with this activation between its layers.
    Mlp(Activation),
    /// Gated recurrent units that read row by row.
    Gru,
}

impl Kind {
    /// The task of such a network.
    pub fn task(self) -> TaskName {
        match self {
            Kind::Mlp(_) => TaskName::Digits,
            Kind::Gru => TaskName::Rows,
        }
    }

    /// The numbers of an image of this size that the network takes at once.
    pub fn inputs(self, rows: usize, columns: usize) -> usize {
        match self {
            Kind::Mlp(_) => rows * columns,
            Kind::Gru => columns,
        }
    }

    /// The number of weights and biases of a network with these widths.
    pub fn parameters(self, widths: &[usize]) -> u128 {
        let dense = |n: usize, m: usize| (n as u128 + 1) * m as u128;
        match (self, widths) {
            (Kind::Gru, [inputs @ .., last, classes]) => {
                let inputs = [inputs, &[*last]].concat();
                let layers = inputs.windows(2).map(|w| {
                    let gates = 3 * w[1];
                    dense(w[0], gates) + dense(w[1], gates)
                });
                layers.sum::<u128>() + dense(*last, *classes)
            }
            _ => widths.windows(2).map(|w| dense(w[0], w[1])).sum(),
        }
    }
}

/// A network of one of the kinds.
#[derive(Clone, Debug)]
pub enum Network {
    Mlp(Mlp),
    Rows(Box<RowReader>),
}

/// Reads the rows of an image from the top, and scores its final state.
#[derive(Clone, Debug, Tree)]
pub struct RowReader {
    /// Each layer reads the states of the layer before.
    pub layers: Vec<Gru>,
    pub head: Linear,
}

impl RowReader {
    /// Layers of these widths, from the width of a row to the number of classes.
    fn new(key: &Key, widths: &[usize], dtype: DType) -> Result<RowReader> {
        let [columns, hidden @ .., classes] = widths else {
            return Err(no_layers(widths));
        };
        if hidden.is_empty() || widths.contains(&0) {
            return Err(no_layers(widths));
        }
        let keys = key.split_n(hidden.len() + 1);
        let inputs = [&[*columns], hidden].concat();
        let layers = (inputs.iter().zip(hidden)).zip(&keys);
        let init = Init::GlorotUniform;
        Ok(RowReader {
            layers: layers
                .map(|((&n, &m), key)| Gru::new(key, n, m, init, dtype))
                .collect(),
            head: Linear::new(
                &keys[hidden.len()],
                inputs[hidden.len()],
                *classes,
                init,
                dtype,
            ),
        })
    }

    /// Scores of `images`, `[n, rows, columns]`.
    #[track_caller]
    fn scores(&self, images: &Tensor) -> Tensor {
        let (mut rows, mut last) = (images.clone(), images.clone());
        for layer in &self.layers {
            (last, rows) = layer.forward(&rows, &layer.start(&images.shape()[..1]));
        }
        self.head.forward(&last)
    }
}

fn no_layers(widths: &[usize]) -> Error {
    Error::new(
        ErrorKind::Argument,
        format!(
            "a recurrent network of widths {widths:?}; the width of a row, one or more hidden widths and the number of classes are needed, each positive"
        ),
    )
}

impl Network {
    /// A network with random weights. The widths reach from the number of inputs to the number of classes.
    pub fn new(kind: Kind, key: &Key, widths: &[usize], dtype: DType) -> Result<Network> {
        let activation = match kind {
            Kind::Mlp(activation) => activation,
            Kind::Gru => return Ok(Network::Rows(Box::new(RowReader::new(key, widths, dtype)?))),
        };
        Ok(Network::Mlp(Mlp::new(key, widths, activation, dtype)?))
    }

    /// The scores of each class for `images` of shape `[n, rows, columns]`: `[n, classes]`.
    #[track_caller]
    pub fn scores(&self, images: &Tensor) -> Tensor {
        match self {
            Network::Mlp(net) => {
                let pixels: usize = images.shape()[1..].iter().product();
                net.forward(&images.reshape(&[images.shape()[0], pixels]))
            }
            Network::Rows(net) => net.scores(images),
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Network::Mlp(net) => Kind::Mlp(net.activation),
            Network::Rows(_) => Kind::Gru,
        }
    }

    /// The widths that were given to [`new`](Self::new).
    pub fn widths(&self) -> Vec<usize> {
        match self {
            Network::Mlp(net) => net.widths(),
            Network::Rows(net) => {
                let mut widths: Vec<usize> = net.layers.iter().map(Gru::inputs).collect();
                widths.extend(net.head.weight.shape());
                widths
            }
        }
    }

    pub fn dtype(&self) -> DType {
        match self {
            Network::Mlp(net) => net.layers[0].weight.dtype(),
            Network::Rows(net) => net.head.weight.dtype(),
        }
    }
}

/// The tree of the network inside, so that names of tensors in files do not depend on the enum.
impl Tree for Network {
    fn flatten<'a>(&'a self, leaves: &mut Vec<&'a Tensor>) {
        match self {
            Network::Mlp(net) => net.flatten(leaves),
            Network::Rows(net) => net.flatten(leaves),
        }
    }

    fn unflatten(&self, leaves: &mut Leaves) -> Network {
        match self {
            Network::Mlp(net) => Network::Mlp(net.unflatten(leaves)),
            Network::Rows(net) => Network::Rows(net.unflatten(leaves)),
        }
    }

    fn describe(&self, out: &mut Structure) {
        match self {
            Network::Mlp(net) => net.describe(out),
            Network::Rows(net) => net.describe(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradus::random;
    use gradus::tree::leaves;

    #[test]
    fn parameters_are_those_that_a_network_has() {
        for kind in [Kind::Mlp(Activation::default()), Kind::Gru] {
            for widths in [&[3, 4, 2][..], &[5, 7, 6, 3], &[1, 1, 1]] {
                let net = Network::new(kind, &random::key(0), widths, DType::F32).unwrap();
                let held: usize = leaves(&net).iter().map(Tensor::len).sum();
                assert_eq!(kind.parameters(widths), held as u128, "{kind:?} {widths:?}");
            }
        }
    }
}
