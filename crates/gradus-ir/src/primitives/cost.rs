//! What one evaluation of an operation costs, and what counts as an operation.

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
        /// Additions, multiplications, comparisons, one an element.
        Arithmetic,
        /// Exponentials, trigonometry and the like, one an element.
        Transcendental,
        /// Sums and their kin.
        Reduction,
        /// Multiply-add of a product.
        Product,
        /// Indexed reads or writes.
        Indexing,
    }
}

/// What one evaluation of an operation costs.
///
/// **Operations** are those that the result cannot do without; a backend that counts what it executes comes to the same numbers:
///
/// | operations | count |
/// |---|---|
/// | inputs, literals, indices along an axis, views | 0 |
/// | elementwise functions, comparisons, choices, conversions | 1 an element |
/// | powers with a fixed exponent | an element: a product a binary digit but the first, one a further digit set, a division if negative |
/// | reductions, positions of extremes | elements − results: the first of each result is taken as it is |
/// | running sums | elements − 1 along the axis, for each line |
/// | products | 2 for each multiply-add: `2·batch·m·k·n` |
/// | scatter-add, add to a slice | 1 an element added |
/// | pad, concatenate, take, dynamic slice and update | 0: elements move, none is computed |
///
/// How a backend cuts and joins its work (sums of pieces, neutral elements, tiles computed on scratch memory) does not count.
///
/// **Bytes** are those of the operation alone: operands read once, the result written once, but only the part that changes where an operation may work
/// in place, and only the elements picked where it picks. A backend that fuses moves fewer, one that must copy moves more.
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
