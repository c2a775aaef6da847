//! Looking at tensors.

use super::Tensor;
use gradus_cpu::Element;
use gradus_ir::{DType, Error, ErrorKind, Loc, Result};

impl Tensor {
    /// Size of each dimension, outermost first; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.ty().shape
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.ty().dtype
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.ty().rank()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.ty().elements()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// If they are of another type than `T`, or the tensor is traced over unknown values.
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        let loc = Loc::caller();
        let array = self.array().map_err(|e| e.at(loc))?;
        match array.as_slice::<T>() {
            Some(values) => Ok(values.to_vec()),
            None => Err(Error::new(
                ErrorKind::DType,
                format!(
                    "to_vec: the tensor is {}, not of {}; convert it with `astype`",
                    self.ty(),
                    T::DTYPE
                ),
            )
            .at(loc)),
        }
    }

    /// The only element.
    ///
    /// # Errors
    /// If there is not exactly one, it is of another type than `T`, or the tensor is traced over unknown values.
    #[track_caller]
    pub fn item<T: Element>(&self) -> Result<T> {
        if self.len() != 1 {
            return Err(Error::new(
                ErrorKind::Shape,
                format!(
                    "item: the tensor is {} and has {} elements, not one",
                    self.ty(),
                    self.len()
                ),
            )
            .at(Loc::caller()));
        }
        let loc = Loc::caller();
        let values = self.to_vec::<T>().map_err(|e| e.at(loc))?;
        Ok(values[0])
    }
}
