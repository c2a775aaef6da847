//! The cost of one evaluation of an operation, and the definition of an operation.

use crate::listed::listed;
use crate::types::Type;

listed! {
    /// The kind of work that an operation is. It decides the rate.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub enum Work {
        /// Nothing runs: another view of the same memory.
        View,
        /// Memory is copied.
        Copy,
        /// Additions, multiplications, comparisons, one per element.
        Arithmetic,
        /// Exponentials, trigonometry and similar functions, one per element.
        Transcendental,
        /// Sums and other reductions.
        Reduction,
        /// Multiply-add of a product.
        Product,
        /// Indexed reads or writes.
        Indexing,
    }
}

/// The cost of one evaluation of an operation.
///
/// **Operations** are the ones that the result requires.
/// A backend that counts its executed operations gets the same numbers:
///
/// | operations | count |
/// |---|---|
/// | inputs, literals, indices along an axis, views | 0 |
/// | elementwise functions, comparisons, choices, conversions | 1 an element |
/// | powers with a fixed exponent | per element: one product for each binary digit but the first, one for each further digit that is set, one division if negative |
/// | reductions, positions of extremes | elements − results: the first element of each result costs nothing |
/// | running sums | elements − 1 along the axis, for each line |
/// | products | 2 for each multiply-add: `2·batch·m·k·n` |
/// | scatter-add, add to a slice | 1 an element added |
/// | sort of the first k of n elements | k·⌈log₂ k⌉ a line, and n more if k < n: comparisons |
/// | pad, concatenate, take, dynamic slice and update | 0: elements move, none is computed |
///
/// The way in which a backend splits and joins its work (sums of pieces, neutral elements,
/// tiles computed on scratch memory) does not count.
///
/// **Bytes** count the operation alone: operands are read once, the result is written once.
/// If an operation can work in place, only the changed part counts; if it picks elements, only these count.
/// A backend that fuses moves fewer bytes, one that must copy moves more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Kind of work.
    pub work: Work,
    /// Operations on numbers; a multiply-add counts as two.
    pub operations: u64,
    /// Bytes read, if nothing is fused.
    pub bytes_read: u64,
    /// Bytes written, if nothing is fused.
    pub bytes_written: u64,
}

impl Cost {
    /// `operations` of the kind `work`, with the operands read once and the result written once.
    pub fn new(work: Work, operations: usize, operands: &[&Type], result: &Type) -> Cost {
        let (read, written) = if work == Work::View {
            (0, 0)
        } else {
            let bytes = operands.iter().map(|t| t.bytes());
            (bytes.fold(0, usize::saturating_add), result.bytes())
        };
        Cost {
            work,
            operations: operations as u64,
            bytes_read: read as u64,
            bytes_written: written as u64,
        }
    }
}
