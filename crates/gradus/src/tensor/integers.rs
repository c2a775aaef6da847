//! Integers as arguments: axes, positions, sizes and ranges of them, of any integer type.

use gradus_ir::{Dims, Error, ErrorKind, Result};
use smallvec::SmallVec;
use std::ops::{Bound, Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

mod sealed {
    pub trait Sealed {}
}

/// Integers that are wide enough for all 64-bit integer types and for sums of a few of them.
pub(crate) type Wide = SmallVec<[i128; 4]>;

/// An integer that names an axis, a position or a size, of any integer type.
///
/// A literal without a type is an `i32`, so `x.at(-1)`, `x.at(i)` with `i: usize` and `x.sum_axis(0)` all compile.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an integer",
    label = "an axis, an index or a size is an integer, such as a `usize` or an `i32`"
)]
pub trait Integer: Copy + sealed::Sealed {
    /// The number.
    #[doc(hidden)]
    fn wide(self) -> i128;
}

macro_rules! integers {
    ($($t:ty),*) => {$(
        impl sealed::Sealed for $t {}

        impl Integer for $t {
            fn wide(self) -> i128 {
                self as i128
            }
        }
    )*};
}

integers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

// Integers that the library has read from an argument already.
impl sealed::Sealed for i128 {}

impl Integer for i128 {
    fn wide(self) -> i128 {
        self
    }
}

/// A list of integers, such as a shape or axes: a reference to an array, a slice or a `Vec` of any integer type.
///
/// The shape of a scalar is `&[]`.
///
/// ```
/// use gradus::prelude::*;
/// let x = Tensor::from([1.0, 2.0, 3.0, 4.0]);
/// let rows: usize = 2;
/// assert_eq!(x.reshape(&[rows, 2]).shape(), [2, 2]);
/// assert_eq!(x.reshape(&[-1, 2]).reshape(x.shape()).shape(), [4]);
/// assert_eq!(x.sum().reshape(&[]).rank(), 0);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of integers",
    label = "a shape or a list of axes is a reference to an array, a slice or a `Vec` of integers: `&[2, 3]`"
)]
pub trait Integers: sealed::Sealed {
    /// The numbers.
    #[doc(hidden)]
    fn wide(&self) -> Wide;
}

macro_rules! lists {
    ($($t:ty),*) => {$(
        impl<I: Integer> sealed::Sealed for &$t {}

        impl<I: Integer> Integers for &$t {
            fn wide(&self) -> Wide {
                self.iter().map(|n| n.wide()).collect()
            }
        }
    )*};
}

lists!([I], Vec<I>);
lists!(
    [I; 1], [I; 2], [I; 3], [I; 4], [I; 5], [I; 6], [I; 7], [I; 8], [I; 9], [I; 10], [I; 11],
    [I; 12]
);

// `&[]` compiles because only one type of empty arrays implements the trait, so the compiler need not ask for it.
impl sealed::Sealed for &[usize; 0] {}

impl Integers for &[usize; 0] {
    fn wide(&self) -> Wide {
        Wide::new()
    }
}

/// A range of positions along an axis: `..`, `a..`, `..b`, `a..b`, `a..=b` or `..=b`, of any integer type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a range of integers",
    label = "places along an axis are a range, such as `1..3`, `..-1` or `..`"
)]
pub trait AxisRange: sealed::Sealed {
    /// Its ends.
    #[doc(hidden)]
    fn ends(&self) -> (Bound<i128>, Bound<i128>);
}

macro_rules! ranges {
    ($($t:ty: |$r:ident| $start:expr, $end:expr;)*) => {$(
        impl<I: Integer> sealed::Sealed for $t {}

        impl<I: Integer> AxisRange for $t {
            fn ends(&self) -> (Bound<i128>, Bound<i128>) {
                let $r = self;
                ($start, $end)
            }
        }
    )*};
}

ranges! {
    Range<I>: |r| Bound::Included(r.start.wide()), Bound::Excluded(r.end.wide());
    RangeFrom<I>: |r| Bound::Included(r.start.wide()), Bound::Unbounded;
    RangeTo<I>: |r| Bound::Unbounded, Bound::Excluded(r.end.wide());
    RangeInclusive<I>: |r| Bound::Included(r.start().wide()), Bound::Included(r.end().wide());
    RangeToInclusive<I>: |r| Bound::Unbounded, Bound::Included(r.end.wide());
}

impl sealed::Sealed for RangeFull {}

impl AxisRange for RangeFull {
    fn ends(&self) -> (Bound<i128>, Bound<i128>) {
        (Bound::Unbounded, Bound::Unbounded)
    }
}

/// `n` as a size.
///
/// # Errors
/// If it is negative.
pub(crate) fn size_of(name: &str, n: i128) -> Result<usize> {
    usize::try_from(n).map_err(|_| {
        let message = format!("{name}: a size of {n}; sizes are not negative");
        Error::new(ErrorKind::Shape, message)
    })
}

/// The sizes of a shape.
///
/// # Errors
/// If one is negative.
pub(crate) fn sizes_of(name: &str, shape: impl Integers) -> Result<Dims> {
    let shape = shape.wide();
    shape.iter().map(|&n| size_of(name, n)).collect()
}
