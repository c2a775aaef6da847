//! Elements of arrays in memory of the caller.

use crate::array::{Array, Buffer, Element};
use gradus_ir::{DType, Error, ErrorKind, Literal, Result, Type};
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
    #[inline]
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
    #[inline]
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
    #[inline]
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
    /// The elements of an array of this type, whose bytes the buffer has.
    #[inline]
    pub(crate) fn of_buffer(buffer: &'a mut Buffer, ty: &Type) -> SliceMut<'a> {
        SliceMut {
            start: buffer.start(),
            dtype: ty.dtype,
            len: ty.elements(),
            memory: PhantomData,
        }
    }
}

impl<'a> Slice<'a> {
    /// A single number, where the literal is. `None` if the bytes of so wide a number are in another order there.
    ///
    /// ```
    /// use gradus_engine::Slice;
    /// use gradus_ir::{DType, Literal};
    /// let two = Literal::from_f64(DType::F64, 2.0);
    /// let slice = Slice::of_literal(&two).unwrap();
    /// assert_eq!((slice.dtype(), slice.len()), (DType::F64, 1));
    /// ```
    #[inline]
    pub fn of_literal(number: &'a Literal) -> Option<Slice<'a>> {
        let dtype = number.dtype();
        let begin = match cfg!(target_endian = "little") {
            true => 0,
            // The lowest bits of the first half are in its last bytes.
            false => size_of::<u64>().checked_sub(dtype.size())?,
        };
        Some(Slice {
            start: number.bits().as_ptr().cast::<u8>().wrapping_add(begin),
            dtype,
            len: 1,
            memory: PhantomData,
        })
    }

    /// The type of the elements.
    #[inline]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The address of the first element, aligned for its type alone.
    #[inline]
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
    #[inline]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The address of the first element, aligned for its type alone.
    #[inline]
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
#[inline]
fn check(what: impl Display, dtype: DType, len: usize, ty: &Type) -> Result<()> {
    match dtype == ty.dtype && len == ty.elements() {
        true => Ok(()),
        false => Err(misfit(&what, dtype, len, ty)),
    }
}

#[cold]
fn misfit(what: &dyn Display, dtype: DType, len: usize, ty: &Type) -> Error {
    let message = format!("run: {what} is {ty}, got a slice of {len} {dtype}");
    Error::new(ErrorKind::Argument, message)
}

/// Checks that arguments and results in memory of the caller fit a program.
///
/// # Errors
/// Names the first that does not, or the wrong number of them.
#[inline]
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
