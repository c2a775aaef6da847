//! Trees of floats as one vector, the form that the iterations use.

use crate::tensor::{Tensor, concatenate};
use crate::tree::{Tree, leaves, rebuild};
use gradus_ir::{FloatType, Type};

/// The layout of a tree of floats in a vector.
pub(super) struct Packing {
    types: Vec<Type>,
    /// The widest float type of the leaves.
    float: FloatType,
}

impl Packing {
    pub fn of(leaves: &[Tensor]) -> Packing {
        let widest = leaves.iter().filter_map(|t| t.dtype().float()).max();
        Packing {
            types: leaves.iter().map(|t| t.ty().clone()).collect(),
            float: widest.unwrap_or(FloatType::F64),
        }
    }

    /// The requested tolerance, or a default for the element type.
    pub fn tolerance(&self, asked: Option<f64>) -> f64 {
        asked.unwrap_or(match self.float {
            FloatType::F64 => 1e-10,
            FloatType::F32 => 1e-5,
            FloatType::BF16 => 1e-2,
        })
    }

    /// The relative rounding error of a sum of many numbers.
    pub fn rounding(&self) -> f64 {
        self.float.epsilon() * 100.0
    }

    /// The number of arrays.
    pub fn count(&self) -> usize {
        self.types.len()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.types.iter().map(Type::elements).sum()
    }

    pub fn pack(&self, leaves: &[Tensor]) -> Tensor {
        let parts: Vec<Tensor> = leaves
            .iter()
            .map(|t| t.ravel().astype(self.float.dtype()))
            .collect();
        match &parts[..] {
            [] => Tensor::zeros(&[0], self.float.dtype()),
            [one] => one.clone(),
            parts => concatenate(&parts.iter().collect::<Vec<_>>(), 0),
        }
    }

    pub fn unpack(&self, vector: &Tensor) -> Vec<Tensor> {
        let mut at = 0;
        let parts = self.types.iter().map(|ty| {
            let from = at;
            at += ty.elements();
            let part = vector.slice_axis(0, from..at);
            part.reshape(&ty.shape[..]).astype(ty.dtype)
        });
        parts.collect()
    }

    pub fn pack_tree<X: Tree>(&self, x: &X) -> Tensor {
        self.pack(&leaves(x))
    }

    pub fn unpack_like<X: Tree>(&self, like: &X, vector: &Tensor) -> X {
        rebuild(like, self.unpack(vector))
    }
}

/// The Euclidean norm, even if the squares overflow or underflow.
pub(super) fn norm(x: &Tensor) -> Tensor {
    let (scaled, size) = scaled(x);
    scaled.dot(&scaled).sqrt() * size
}

/// `x` divided by its largest magnitude, and that magnitude; divided by 1 if all elements are zero.
pub(super) fn scaled(x: &Tensor) -> (Tensor, Tensor) {
    if x.is_empty() {
        return (x.clone(), Tensor::ones(&[], x.dtype()));
    }
    let largest = x.abs().max();
    let size = largest.equal(0.0).where_(largest.ones_like(), &largest);
    (x / &size, size)
}

/// Whether `size` is within `limit`. A limit that is NaN or infinite, because its reference is, accepts nothing.
pub(super) fn within(size: &Tensor, limit: &Tensor) -> Tensor {
    size.less_equal(limit) & limit.is_finite()
}
