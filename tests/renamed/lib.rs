//! Tests `#[derive(Tree)]` where the manifest gives the crate `gradus` another name.

use ag::prelude::*;

/// The name from the manifest.
#[derive(Tree, Clone)]
#[tree(crate = "ag")]
pub struct Layer<T> {
    /// A tree of any type.
    pub weight: T,
    /// The power of the result.
    #[tree(fixed)]
    pub power: i32,
}

/// A path that a library could use in its own macro.
pub mod reexported {
    pub use ag;
}

/// One of several kinds of layers.
#[derive(Tree, Clone)]
#[tree(crate = "crate::reexported::ag")]
pub enum Kind {
    /// A weight and an offset.
    Dense(Layer<Tensor>, Option<Tensor>),
    /// Nothing.
    Identity,
}

#[test]
fn renamed_trees_have_derivatives() {
    let weight = Tensor::from([1.0, 2.0]);
    let layer = Layer { weight, power: 3 };
    let slope = jit(grad(|kind: &Kind| match kind {
        Kind::Dense(layer, offset) => {
            let y = layer.weight.powi(layer.power);
            offset.iter().fold(y, |y, offset| y * offset).sum()
        }
        Kind::Identity => Tensor::from(0.0),
    }));
    let kind = Kind::Dense(layer, Some(Tensor::from(2.0)));
    let Kind::Dense(layer, Some(offset)) = slope.call(&kind).unwrap() else {
        panic!("another structure");
    };
    assert_eq!(layer.weight.to_vec::<f64>().unwrap(), [6.0, 24.0]);
    assert_eq!(layer.power, 3);
    assert_eq!(offset.item::<f64>().unwrap(), 9.0);
    assert!(matches!(
        slope.call(&Kind::Identity).unwrap(),
        Kind::Identity
    ));
}
