//! Trees of floats as one vector, which is what the iterations work on.

use crate::tensor::{Tensor, concatenate};
use crate::tree::{Tree, leaves, rebuild};
use gradus_ir::{DType, Type};

/// How a tree of floats lies in a vector.
pub(super) struct Packing {
    types: Vec<Type>,
    dtype: DType,
}

impl Packing {
    pub fn of(leaves: &[Tensor]) -> Packing {
        let double = leaves.is_empty() || leaves.iter().any(|t| t.dtype() == DType::F64);
        Packing {
            types: leaves.iter().map(|t| t.ty().clone()).collect(),
            dtype: if double { DType::F64 } else { DType::F32 },
        }
    }

    /// The tolerance that is asked for, or one that the element type allows.
    pub fn tolerance(&self, asked: Option<f64>) -> f64 {
        asked.unwrap_or(match self.dtype {
            DType::F64 => 1e-10,
            _ => 1e-5,
        })
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.types.iter().map(Type::elements).sum()
    }

    pub fn pack(&self, leaves: &[Tensor]) -> Tensor {
        let parts: Vec<Tensor> = leaves
            .iter()
            .map(|t| t.ravel().astype(self.dtype))
            .collect();
        match &parts[..] {
            [] => Tensor::zeros(&[0], self.dtype),
            [one] => one.clone(),
            parts => concatenate(&parts.iter().collect::<Vec<_>>(), 0),
        }
    }

    pub fn unpack(&self, vector: &Tensor) -> Vec<Tensor> {
        let mut at = 0;
        let parts = self.types.iter().map(|ty| {
            let shape: Vec<isize> = ty.shape.iter().map(|&n| n as isize).collect();
            let (from, to) = (at as isize, (at + ty.elements()) as isize);
            at += ty.elements();
            vector
                .slice_axis(0, from..to)
                .reshape(&shape)
                .astype(ty.dtype)
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

/// The Euclidean norm.
pub(super) fn norm(x: &Tensor) -> Tensor {
    x.dot(x).sqrt()
}
