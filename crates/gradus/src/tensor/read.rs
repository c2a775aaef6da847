//! Reads properties and elements of tensors.

use super::Tensor;
use crate::trace::users_place;
use gradus_engine::Element;
use gradus_ir::{DType, Error, ErrorKind, Loc, Result};

/// # Shapes, types, numbers
impl Tensor {
    /// The size of each dimension, outermost first; empty for a scalar.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([[1, 2, 3]]).shape(), [1, 3]);
    /// ```
    #[doc(alias = "size")]
    #[doc(alias = "dim")]
    #[doc(alias = "sizes")]
    pub fn shape(&self) -> &[usize] {
        &self.ty().shape
    }

    /// The element type.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([1.0, 2.0]).dtype(), F64);
    /// ```
    #[doc(alias = "element_type")]
    pub fn dtype(&self) -> DType {
        self.ty().dtype
    }

    /// The number of dimensions.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([[1, 2, 3]]).rank(), 2);
    /// ```
    #[doc(alias = "ndim")]
    #[doc(alias = "dim")]
    pub fn rank(&self) -> usize {
        self.ty().rank()
    }

    /// The number of elements.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([[1, 2, 3]]).len(), 3);
    /// ```
    #[doc(alias = "numel")]
    #[doc(alias = "size")]
    pub fn len(&self) -> usize {
        self.ty().elements()
    }

    /// Whether there are no elements.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert!(Tensor::zeros(&[0, 3], F64).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements in row-major order.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([[1.0, 2.0]]).to_vec::<f64>()?, [1.0, 2.0]);
    /// let error = Tensor::from([1.0]).to_vec::<i32>().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::DType);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If they are of another type than `T`, the tensor depends on abstract values, or memory cannot hold a copy.
    #[doc(alias = "tolist")]
    #[doc(alias = "as_slice")]
    #[doc(alias = "into_raw_vec")]
    #[doc(alias = "numpy")]
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        self.read("to_vec")
    }

    #[track_caller]
    fn read<T: Element>(&self, name: &str) -> Result<Vec<T>> {
        let loc = users_place(Loc::caller());
        let array = self.array().map_err(|e| e.at(loc))?;
        match array.as_slice::<T>() {
            Some(values) => {
                let mut list =
                    gradus_engine::with_room(name, values.len()).map_err(|e| e.at(loc))?;
                list.extend_from_slice(values);
                Ok(list)
            }
            None => Err(Error::new(
                ErrorKind::DType,
                format!(
                    "{name}: the tensor is {}, not of {}; convert it with `astype`",
                    self.ty(),
                    T::DTYPE
                ),
            )
            .at(loc)),
        }
    }

    /// The only element.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(Tensor::from([1.0, 2.0]).sum().item::<f64>()?, 3.0);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is not exactly one element, it is of another type than `T`,
    /// or the tensor depends on abstract values.
    #[doc(alias = "to_scalar")]
    #[doc(alias = "into_scalar")]
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
        Ok(self.read::<T>("item")?[0])
    }
}
