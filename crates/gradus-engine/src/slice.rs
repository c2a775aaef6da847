//! Elements of arrays in memory of the caller.

use crate::array::{Array, Element};
use gradus_ir::{DType, Error, ErrorKind, Literal, Result, Type, Width};
use std::fmt::Display;
use std::marker::PhantomData;

/// The elements of an array in memory of the caller, in row-major order.
///
/// ```
/// use gradus_engine::Slice;
/// let two = Slice::from(&[1.0f32, 2.0]);
/// assert_eq!((two.dtype(), two.len()), (gradus_ir::DType::F32, 2));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    start: *const u8,
    dtype: DType,
    len: usize,
    memory: PhantomData<&'a [u8]>,
}

/// A number in memory, as the one element of an array.
///
/// ```
/// use gradus_engine::{Number, Slice};
/// let two = Number::from(gradus_ir::Literal::from_f64(gradus_ir::DType::F64, 2.0));
/// assert_eq!(Slice::from(&two).len(), 1);
/// ```
#[derive(Clone, Copy, Debug)]
// The bytes come first, so that they are aligned for every element type.
#[repr(C, align(16))]
pub struct Number {
    bytes: [u8; Width::LARGEST],
    dtype: DType,
}

impl From<Literal> for Number {
    fn from(value: Literal) -> Number {
        Number {
            bytes: value.to_ne_bytes(),
            dtype: value.dtype(),
        }
    }
}

impl<'a> From<&'a Number> for Slice<'a> {
    fn from(number: &'a Number) -> Slice<'a> {
        Slice {
            start: number.bytes.as_ptr(),
            dtype: number.dtype,
            len: 1,
            memory: PhantomData,
        }
    }
}

/// Like [`Slice`], but writable.
#[derive(Debug)]
pub struct SliceMut<'a> {
    start: *mut u8,
    dtype: DType,
    len: usize,
    memory: PhantomData<&'a mut [u8]>,
}

// SAFETY: it is a borrow of elements, which are `Sync`.
unsafe impl Send for Slice<'_> {}
// SAFETY: as above.
unsafe impl Sync for Slice<'_> {}
// SAFETY: it is an exclusive borrow of elements, which are `Send`.
unsafe impl Send for SliceMut<'_> {}

impl<'a, T: Element> From<&'a [T]> for Slice<'a> {
    fn from(elements: &'a [T]) -> Slice<'a> {
        Slice {
            start: elements.as_ptr().cast(),
            dtype: T::DTYPE,
            len: elements.len(),
            memory: PhantomData,
        }
    }
}

impl<'a, T: Element, const N: usize> From<&'a [T; N]> for Slice<'a> {
    fn from(elements: &'a [T; N]) -> Slice<'a> {
        Slice::from(elements.as_slice())
    }
}

impl<'a> From<&'a Array> for Slice<'a> {
    fn from(array: &'a Array) -> Slice<'a> {
        Slice {
            start: array.start(),
            dtype: array.ty().dtype,
            len: array.ty().elements(),
            memory: PhantomData,
        }
    }
}

impl<'a, T: Element> From<&'a mut [T]> for SliceMut<'a> {
    fn from(elements: &'a mut [T]) -> SliceMut<'a> {
        SliceMut {
            start: elements.as_mut_ptr().cast(),
            dtype: T::DTYPE,
            len: elements.len(),
            memory: PhantomData,
        }
    }
}

impl<'a> SliceMut<'a> {
    /// The elements of an array, if no one else holds them.
    pub fn of_array(array: &'a mut Array) -> Option<SliceMut<'a>> {
        let (dtype, len) = (array.ty().dtype, array.ty().elements());
        Some(SliceMut {
            start: array.own_start()?,
            dtype,
            len,
            memory: PhantomData,
        })
    }
}

impl<'a> Slice<'a> {
    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The address of the first element, aligned for its type alone.
    pub fn start(&self) -> *const u8 {
        self.start
    }

    /// An array with these elements.
    ///
    /// # Errors
    /// If they are not those of an array of this type, or memory cannot hold a copy.
    pub fn to_array(&self, ty: &Type) -> Result<Array> {
        check("the argument", self.dtype, self.len, ty)?;
        // SAFETY: the slice has as many elements, and lives as long as `self`.
        let bytes = unsafe { std::slice::from_raw_parts(self.start, ty.bytes()) };
        Array::from_bytes(ty.clone(), bytes)
    }
}

impl SliceMut<'_> {
    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The address of the first element, aligned for its type alone.
    pub fn start(&mut self) -> *mut u8 {
        self.start
    }

    /// Writes the elements of `array`.
    ///
    /// # Errors
    /// If the array has another number or type of elements.
    pub fn copy_from(&mut self, array: &Array) -> Result<()> {
        check("the result", self.dtype, self.len, array.ty())?;
        // SAFETY: both have the same bytes. An array does not overlap with memory that is borrowed exclusively.
        unsafe {
            std::ptr::copy_nonoverlapping(array.start(), self.start, array.ty().bytes());
        }
        Ok(())
    }
}

/// Checks that memory for `len` elements of type `dtype` is memory for an array of type `ty`, which is called `what`.
///
/// # Errors
/// If it is not.
fn check(what: impl Display, dtype: DType, len: usize, ty: &Type) -> Result<()> {
    if dtype == ty.dtype && len == ty.elements() {
        return Ok(());
    }
    let message = format!("run: {what} is {ty}, got a slice of {len} {dtype}");
    Err(Error::new(ErrorKind::Argument, message))
}

/// Checks that arguments and results in memory of the caller fit a program.
///
/// # Errors
/// Names the first that does not, or the wrong number of them.
pub fn check_slices(
    (inputs, input_types): (&[Slice<'_>], &[Type]),
    (outputs, output_types): (&[SliceMut<'_>], &[Type]),
) -> Result<()> {
    for (what, given, wanted) in [
        ("arguments", inputs.len(), input_types.len()),
        ("results", outputs.len(), output_types.len()),
    ] {
        if given != wanted {
            let message = format!("run: slices for {given} {what} of a program with {wanted}");
            return Err(Error::new(ErrorKind::Argument, message));
        }
    }
    for (k, (slice, ty)) in inputs.iter().zip(input_types).enumerate() {
        check(format_args!("argument {k}"), slice.dtype, slice.len, ty)?;
    }
    for (k, (slice, ty)) in outputs.iter().zip(output_types).enumerate() {
        check(format_args!("result {k}"), slice.dtype, slice.len, ty)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_aligned_for_every_type() {
        let numbers = [DType::Bool, DType::F64, DType::I32]
            .map(|dtype| Number::from(Literal::from_i64(dtype, 1)));
        for number in &numbers {
            assert_eq!(Slice::from(number).start() as usize % 16, 0);
        }
    }
}
