//! Kernels that do not fuse: products, indexing, arrays put together, running sums, positions of extremes.

mod assemble;
mod index;
mod library;
mod long;
pub(crate) mod probe;
mod product;
mod scan;
mod skinny;
mod symmetric;
mod turn;

use crate::count::StepForecast;
use crate::slots::{Memory, Slots};
use crate::view::View;
use gradus_ir::{Op, Result, Type};

pub(crate) use product::Product;

/// An array as a kernel reads it.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    pub slot: usize,
    pub view: View,
}

/// One kernel. Operands lie in row-major order, except those of products.
#[derive(Debug)]
pub(crate) enum Alone {
    Product(Box<Product>),
    Take(index::Indexed),
    ScatterAdd(index::Indexed),
    DynamicSlice(index::Window),
    DynamicUpdate(index::Window),
    Pad(assemble::Pad),
    Concat(assemble::Concat),
    SliceAdd(assemble::SliceAdd),
    CumSum(scan::CumSum),
    ArgReduce(scan::ArgReduce),
    Probe(probe::Probe),
}

impl Alone {
    /// Whether operand `k` may lie in any way.
    pub fn reads_views(op: &Op, _k: usize) -> bool {
        matches!(op, Op::Contract(_))
    }

    /// The kernel of `op`; `None` if a product's operands do not lie as matrices.
    pub fn new(op: &Op, types: &[&Type], out: &Type, operands: &[Operand]) -> Option<Alone> {
        use gradus_ir::primitives::{Dynamic, Gather, Resize};
        Some(match op {
            Op::Contract(c) => {
                let views = (&operands[0].view, &operands[1].view);
                Alone::Product(Box::new(Product::new(c, types, views.0, views.1)?))
            }
            Op::Gather(Gather::Take { batch, axis }) => {
                Alone::Take(index::Indexed::new(types[0], types[1], *batch, *axis))
            }
            Op::Gather(Gather::ScatterAdd { batch, axis }) => {
                Alone::ScatterAdd(index::Indexed::new(types[0], types[1], *batch, *axis))
            }
            Op::Dynamic(Dynamic::Slice { sizes }) => {
                Alone::DynamicSlice(index::Window::new(types[0], sizes))
            }
            Op::Dynamic(Dynamic::Update) => {
                Alone::DynamicUpdate(index::Window::new(types[0], &types[1].shape))
            }
            Op::Resize(Resize::Pad { low, interior, .. }) => {
                Alone::Pad(assemble::Pad::new(types[0], out, low, interior))
            }
            Op::Resize(Resize::Concat(axis)) => {
                Alone::Concat(assemble::Concat::new(types, out, *axis))
            }
            Op::Resize(Resize::SliceAdd { start, stride }) => {
                Alone::SliceAdd(assemble::SliceAdd::new(types[0], types[1], start, stride))
            }
            Op::CumSum(c) => Alone::CumSum(scan::CumSum::new(types[0], c.axis, c.reverse)),
            Op::ArgReduce(a) => {
                Alone::ArgReduce(scan::ArgReduce::new(types[0], a.axis, a.smallest))
            }
            Op::Probe(p) => Alone::Probe(probe::Probe::new(p.id, types)),
            _ => unreachable!("{} is fused", op.name()),
        })
    }

    /// Whether the result is operand 0 with parts changed, so that it may be written over it.
    pub fn updates_first(&self) -> bool {
        matches!(
            self,
            Alone::ScatterAdd(_) | Alone::DynamicUpdate(_) | Alone::SliceAdd(_)
        )
    }

    /// The name for reports.
    pub fn name(&self) -> &'static str {
        match self {
            Alone::Product(_) => "contract",
            Alone::Take(_) => "take",
            Alone::ScatterAdd(_) => "scatter_add",
            Alone::DynamicSlice(_) => "dynamic_slice",
            Alone::DynamicUpdate(_) => "dynamic_update",
            Alone::Pad(_) => "pad",
            Alone::Concat(_) => "concat",
            Alone::SliceAdd(_) => "slice_add",
            Alone::CumSum(_) => "cumsum",
            Alone::ArgReduce(_) => "argreduce",
            Alone::Probe(_) => "probe",
        }
    }

    /// Bytes that a run takes beside its arrays.
    pub fn scratch(&self) -> usize {
        match self {
            Alone::Product(p) => p.scratch(),
            _ => 0,
        }
    }

    /// What a run does; `in_place` says whether an operand is in the memory of the result.
    pub fn forecast(&self, in_place: impl Fn(usize) -> bool) -> StepForecast {
        match self {
            Alone::Product(p) => p.forecast(),
            Alone::Take(t) => t.forecast_take(),
            Alone::ScatterAdd(t) => t.forecast_scatter_add(in_place(0)),
            Alone::DynamicSlice(w) => w.forecast_slice(),
            Alone::DynamicUpdate(w) => w.forecast_update(in_place(0)),
            Alone::Pad(p) => p.forecast(),
            Alone::Concat(c) => c.forecast(),
            Alone::SliceAdd(s) => s.forecast(in_place(0)),
            Alone::CumSum(c) => c.forecast(),
            Alone::ArgReduce(a) => a.forecast(),
            Alone::Probe(p) => p.forecast(),
        }
    }

    /// Runs the kernel.
    ///
    /// # Errors
    /// If an index is out of bounds.
    ///
    /// # Safety
    /// `operands` and `out` name slots that point to arrays of the types that the kernel was made for. `out` overlaps no operand, unless it is operand 0 of
    /// a kernel that [updates](Self::updates_first) it.
    pub unsafe fn run(&self, slots: Slots<'_>, operands: &[usize], out: usize) -> Result<()> {
        let at = |k: usize| slots.memory(operands[k]);
        let start = |k: usize| slots.start(operands[k]).cast_const();
        let out = slots.memory(out);
        // SAFETY: by the caller; the kernel was made for the types of these very operands, which the operation's type rule has passed.
        unsafe {
            match self {
                Alone::Product(p) => p.run(start(0), start(1), out.start()),
                Alone::Take(t) => t.take(at(0), at(1), out)?,
                Alone::ScatterAdd(t) => t.scatter_add(at(0), at(1), at(2), out)?,
                Alone::DynamicSlice(w) => w.slice(at(0), at(1), out)?,
                Alone::DynamicUpdate(w) => w.update(at(0), at(1), at(2), out)?,
                Alone::Pad(p) => p.run(at(0), at(1), out),
                Alone::Concat(c) => {
                    for k in 0..operands.len() {
                        c.run(k, at(k), out);
                    }
                }
                Alone::SliceAdd(s) => s.run(at(0), at(1), out),
                Alone::CumSum(c) => c.run(start(0), out.start()),
                Alone::ArgReduce(a) => a.run(start(0), out.start()),
                Alone::Probe(p) => p.run(at(0), out),
            }
        }
        Ok(())
    }
}

/// Calls `f` with each index of `shape` in row-major order.
fn each_index(shape: &[usize], mut f: impl FnMut(&[usize])) {
    if shape.contains(&0) {
        return;
    }
    let mut index: smallvec::SmallVec<[usize; 6]> = smallvec::smallvec![0; shape.len()];
    loop {
        f(&index);
        let mut i = shape.len();
        loop {
            if i == 0 {
                return;
            }
            i -= 1;
            index[i] += 1;
            if index[i] < shape[i] {
                break;
            }
            index[i] = 0;
        }
    }
}

/// Neighbouring elements of one array, from byte `from` on, and their places in another, from byte `to` on and `step` elements apart.
#[derive(Clone, Copy)]
struct Row {
    from: usize,
    to: usize,
    n: usize,
    step: usize,
}

/// `target[i·step] += source[i]` for the elements of `row`.
///
/// # Safety
/// Both arrays are of type `dtype` and have the elements of the row. Debug builds check it.
unsafe fn add_to(dtype: gradus_ir::DType, target: Memory, source: Memory, row: Row) {
    let Row { from, to, n, step } = row;
    let size = dtype.size();
    // SAFETY: by the caller.
    let (target, source) = unsafe { (target.row(to, n, step, size), source.at(from, n * size)) };
    macro_rules! run {
        ($t:ty, $add:expr) => {{
            let (target, source) = (target.cast::<$t>(), source.cast::<$t>());
            for i in 0..n {
                // SAFETY: element `i` of the row, by the caller.
                unsafe {
                    let at = target.add(i * step);
                    at.write($add(at.read(), source.add(i).read()));
                }
            }
        }};
    }
    use gradus_ir::DType;
    match dtype {
        DType::F32 => run!(f32, |a, b| a + b),
        DType::F64 => run!(f64, |a, b| a + b),
        DType::I32 => run!(i32, i32::wrapping_add),
        DType::I64 => run!(i64, i64::wrapping_add),
        DType::U32 => run!(u32, u32::wrapping_add),
        DType::Bool => unreachable!("truth values are not added"),
    }
}

/// Copies `row` of elements of `size` bytes to its places.
///
/// # Safety
/// Both arrays have the elements of the row, and do not overlap. Debug builds check the former.
unsafe fn copy_to(target: Memory, source: Memory, row: Row, size: usize) {
    let Row { from, to, n, step } = row;
    // SAFETY: by the caller.
    unsafe {
        let (to, from) = (target.row(to, n, step, size), source.at(from, n * size));
        if step == 1 {
            std::ptr::copy_nonoverlapping(from, to, n * size);
            return;
        }
        for i in 0..n {
            std::ptr::copy_nonoverlapping(from.add(i * size), to.add(i * step * size), size);
        }
    }
}

/// Copies an array unless source and target are the same memory.
///
/// # Safety
/// Both have `bytes` bytes, and are the same or do not overlap. Debug builds check the former.
unsafe fn copy_unless_same(source: Memory, target: Memory, bytes: usize) {
    if source.start() != target.start() {
        // SAFETY: by the caller.
        unsafe { std::ptr::copy_nonoverlapping(source.at(0, bytes), target.at(0, bytes), bytes) };
    }
}
