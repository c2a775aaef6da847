//! Values of a graph: arrays of single numbers, and lists of arrays.

use gradus_engine::{Array, with_room};
use gradus_ir::{Literal, Result, Type};

/// An array: its type and its elements in row-major order.
#[derive(Clone)]
pub struct Tensor {
    pub ty: Type,
    pub elements: Vec<Literal>,
}

/// The value of a node: an array, or a list of a loop, which has an array for each step.
#[derive(Clone)]
pub enum Value {
    Array(Tensor),
    List(Vec<Tensor>),
}

impl Value {
    /// The array of this value.
    pub fn array(&self) -> &Tensor {
        match self {
            Value::Array(array) => array,
            Value::List(_) => panic!("the verifier lets loops alone read lists"),
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Value::Array(array) => array.ty.bytes(),
            Value::List(items) => items.iter().map(|item| item.ty.bytes()).sum(),
        }
    }
}

impl Tensor {
    /// The array whose element at each index is `element(index)`.
    pub fn build(ty: &Type, mut element: impl FnMut(&[usize]) -> Literal) -> Result<Tensor> {
        let mut elements = with_room("reference", ty.elements())?;
        for_each_index(&ty.shape, |index| elements.push(element(index)));
        Ok(Tensor {
            ty: ty.clone(),
            elements,
        })
    }

    /// The element at this index.
    pub fn at(&self, index: &[usize]) -> Literal {
        self.elements[self.position(index)]
    }

    /// The place in row-major order of this index.
    pub fn position(&self, index: &[usize]) -> usize {
        let axes = index.iter().zip(&self.ty.shape);
        axes.fold(0, |position, (i, size)| position * size + i)
    }

    /// The element of an array that has exactly one.
    pub fn number(&self) -> Literal {
        self.elements[0]
    }

    /// Item `k` along the first axis.
    pub fn item(&self, k: usize) -> Tensor {
        let ty = self.ty.with_shape(&self.ty.shape[1..]);
        let n = ty.elements();
        Tensor {
            elements: self.elements[k * n..(k + 1) * n].to_vec(),
            ty,
        }
    }

    /// The array of type `ty` that has these items along its first axis.
    pub fn stacked(ty: &Type, items: Vec<Tensor>) -> Tensor {
        Tensor {
            ty: ty.clone(),
            elements: items.into_iter().flat_map(|item| item.elements).collect(),
        }
    }

    pub fn from_array(array: &Array) -> Result<Tensor> {
        let mut elements = with_room("reference", array.ty().elements())?;
        elements.extend((0..array.ty().elements()).map(|i| array.get(i)));
        Ok(Tensor {
            ty: array.ty().clone(),
            elements,
        })
    }

    pub fn to_array(&self) -> Result<Array> {
        let size = self.ty.dtype.size();
        let mut bytes = with_room("reference", self.ty.bytes())?;
        for element in &self.elements {
            bytes.extend_from_slice(&element.to_ne_bytes()[..size]);
        }
        Array::from_bytes(self.ty.clone(), &bytes)
    }
}

/// Calls `f` with each index of an array of this shape, in row-major order.
pub fn for_each_index(shape: &[usize], mut f: impl FnMut(&[usize])) {
    let elements: usize = shape.iter().product();
    let mut index = vec![0; shape.len()];
    for _ in 0..elements {
        f(&index);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}

/// The lines along an axis of an array of this shape: the places in row-major order of their elements.
pub fn lines(shape: &[usize], axis: usize) -> impl Iterator<Item = impl Iterator<Item = usize>> {
    let (n, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let outer: usize = shape[..axis].iter().product();
    let firsts = (0..outer).flat_map(move |i| (0..inner).map(move |j| i * n * inner + j));
    firsts.map(move |first| (0..n).map(move |k| first + k * inner))
}
