//! The types of values: element types, shapes, and single typed numbers.

mod bfloat16;
mod dtype;
mod literal;

pub use bfloat16::bf16;
pub use dtype::{ComputeFloat, DType, FloatType, IntegerType, Kind, NumberType, Width};
pub use literal::Literal;

use crate::error::{Error, ErrorKind, Result};
use smallvec::SmallVec;
use std::fmt;

/// A list of sizes, axes or steps, one for each dimension; short ones need no allocation.
pub type Dims = SmallVec<[usize; 4]>;

/// The longest axis, and the most bytes of an array: positions in memory are counted by `isize`,
/// and sizes in text by `i64`.
pub const LONGEST: usize = isize::MAX as usize;

/// Whether a value is one array or several.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Form {
    /// One array.
    Array,
    /// One array for each step of a loop whose number of steps is only known when it runs.
    /// Only loops read and write lists.
    List,
}

/// The type of an array: its element type and its static shape, outermost dimension first.
#[derive(PartialEq, Eq, Hash)]
pub struct Type {
    /// Element type.
    pub dtype: DType,
    /// Size of each dimension; empty for a scalar.
    pub shape: Dims,
    /// One such array, or a list of them.
    pub form: Form,
}

/// The sizes are copied as one piece of memory.
/// Every new node clones types, and copying element by element takes several times as long.
impl Clone for Type {
    #[inline]
    fn clone(&self) -> Type {
        Type {
            dtype: self.dtype,
            shape: Dims::from_slice(&self.shape),
            form: self.form,
        }
    }
}

impl Type {
    /// The type of an array of `shape`.
    #[inline]
    pub fn new(dtype: DType, shape: &[usize]) -> Type {
        Type {
            dtype,
            shape: Dims::from_slice(shape),
            form: Form::Array,
        }
    }

    /// The type of a single number.
    pub fn scalar(dtype: DType) -> Type {
        Type::new(dtype, &[])
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements: 1 for a scalar, 0 if a dimension is 0, and `usize::MAX` if the product overflows.
    #[inline]
    pub fn elements(&self) -> usize {
        let sizes = self.shape.iter();
        sizes.fold(1, |n: usize, &d| n.saturating_mul(d))
    }

    /// The bytes of all elements together.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.elements().saturating_mul(self.dtype.size())
    }

    /// Whether an array of this type, even if it is empty, has strides that a machine can count:
    /// no more than [`LONGEST`] bytes.
    ///
    /// This holds for every type of a node in a [`Graph`](crate::Graph) and of an array in memory.
    /// Products of some of its sizes, and bytes of a part of it, therefore do not wrap.
    #[inline]
    pub fn is_addressable(&self) -> bool {
        let mut sizes = self.shape.iter().filter(|&&d| d > 0);
        let bytes = sizes.try_fold(self.dtype.size(), |n, &d| n.checked_mul(d));
        bytes.is_some_and(|n| n <= LONGEST)
    }

    /// This type, if it is [addressable](Self::is_addressable).
    /// Every type that an operation returns or a user asks for passes this check. `name` is the operation.
    ///
    /// # Errors
    /// If memory cannot hold such an array.
    #[inline]
    pub fn checked(self, name: &str) -> Result<Type> {
        if !self.is_addressable() {
            return Err(self.not_addressable(name));
        }
        Ok(self)
    }

    #[cold]
    fn not_addressable(&self, name: &str) -> Error {
        let message = format!("{name}: no memory can hold {self}");
        Error::new(ErrorKind::Shape, message)
    }

    /// The same shape with another element type.
    pub fn with_dtype(&self, dtype: DType) -> Type {
        Type {
            dtype,
            shape: self.shape.clone(),
            form: self.form,
        }
    }

    /// The same element type with another shape.
    pub fn with_shape(&self, shape: &[usize]) -> Type {
        Type::new(self.dtype, shape)
    }

    /// This type with a new leading dimension of size `n`. For a list, each array gets it.
    pub fn batched(&self, n: usize) -> Type {
        let mut shape = Dims::with_capacity(self.rank() + 1);
        shape.push(n);
        shape.extend_from_slice(&self.shape);
        Type {
            dtype: self.dtype,
            shape,
            form: self.form,
        }
    }

    /// A list of arrays of this type.
    pub fn listed(&self) -> Type {
        Type {
            form: Form::List,
            ..self.clone()
        }
    }

    /// Whether it is a [list](Form::List) of arrays.
    pub fn is_list(&self) -> bool {
        self.form == Form::List
    }

    /// The type of the arrays of a list.
    pub fn item(&self) -> Type {
        Type {
            form: Form::Array,
            ..self.clone()
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.shape.iter().map(usize::to_string);
        let unknown = self.is_list().then(|| "?".to_string());
        let sizes: Vec<String> = unknown.into_iter().chain(sizes).collect();
        write!(f, "{}[{}]", self.dtype, sizes.join(","))
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Row-major strides of `shape`, in elements.
pub fn row_major_strides(shape: &[usize]) -> SmallVec<[isize; 4]> {
    let mut strides: SmallVec<[isize; 4]> = smallvec::smallvec![0; shape.len()];
    let mut step = 1;
    for i in (0..shape.len()).rev() {
        strides[i] = step as isize;
        step *= shape[i];
    }
    strides
}
