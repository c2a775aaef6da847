//! Looking at tensors.

use super::Tensor;
use crate::trace::users_place;
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
    /// If they are of another type than `T`, the tensor is traced over unknown values, or memory cannot hold a copy.
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        let loc = users_place(Loc::caller());
        let array = self.array().map_err(|e| e.at(loc))?;
        match array.as_slice::<T>() {
            Some(values) => {
                let mut list =
                    gradus_cpu::with_room("to_vec", values.len()).map_err(|e| e.at(loc))?;
                list.extend_from_slice(values);
                Ok(list)
            }
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
            .at(users_place(Loc::caller())));
        }
        let loc = users_place(Loc::caller());
        let values = self.to_vec::<T>().map_err(|e| e.at(loc))?;
        Ok(values[0])
    }
}
