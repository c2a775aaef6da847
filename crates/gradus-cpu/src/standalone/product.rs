//! Products of (batches of) matrices in any layout: transposes and slices are read in place.

use super::direct::Direct;
use super::library::{self, Float};
use super::long::{Addresses, Long};
use super::skinny::Skinny;
use super::symmetric::{Strips, mirror};
use super::{Arrays, InPlace, Kernel, room, widened};
use crate::count::StepForecast;
use crate::kernels::{Arithmetic, Matrices, by_integer, by_width, number_type, transpose};
#[cfg(feature = "native")]
use crate::native::{Elements, Emitter};
use crate::pool::{self, Pieces, Shared};
use crate::view::{View, collapse};
#[cfg(feature = "native")]
use cranelift_codegen::ir::Value;
#[cfg(feature = "native")]
use gradus_ir::Literal;
#[cfg(feature = "native")]
use gradus_ir::primitives::Binary;
use gradus_ir::primitives::{Contract, Work};
use gradus_ir::{FloatType, NumberType, Result, Type, bf16};
use std::cell::Cell;

/// Products with at most this many multiplications are computed by plain loops.
const SMALL: usize = 512;
/// The number of multiplications that are worth two pieces: on one thread they take five to ten microseconds.
pub(super) const TWO_PIECES: usize = 300_000;
/// The number of multiplications that are worth waking a thread.
pub(super) const WORTH_WAKING: usize = 2_000_000;
/// The number of pieces is the square root of the multiplications in this unit.
pub(super) const PIECE: usize = 2_000_000;
/// The narrowest piece of a matrix.
const NARROWEST: usize = 32;
/// From this number of rows on, a right matrix with contiguous columns is transposed first:
/// the library multiplies by such a matrix at little more than half the speed.
pub(super) const ROWS_WORTH_TRANSPOSING: usize = 16;
thread_local! {
    /// The transposed matrix of this thread, in units of any element's alignment.
    static TRANSPOSED: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
}

/// `[batch, m, k] × [batch, k, n] → [batch, m, n]`; strides in elements.
#[derive(Debug)]
pub(crate) struct Product {
    number: NumberType,
    /// Offsets of the left and the right matrix for each product of the batch.
    offsets: Vec<(isize, isize)>,
    m: usize,
    k: usize,
    n: usize,
    left: (isize, isize),
    right: (isize, isize),
    /// The number of pieces into which the batch, or the rows or columns of one product, are cut.
    pieces: Pieces,
    cut: Cut,
    /// Whether the graph marks the result as symmetric.
    symmetric: bool,
    /// The kernel for small matrices, if it is used.
    direct: Option<Direct>,
    /// The kernel for few rows or columns, if it is used.
    skinny: Option<Skinny>,
    /// The kernel for long sums, if it is used.
    long: Option<Box<Long>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    Batch,
    Rows,
    Columns,
    /// Rows up to the diagonal.
    Strips(Strips),
}

impl Product {
    /// `None` if the free or summed axes of an operand do not have the layout of one axis.
    pub fn new(c: &Contract, types: &[&Type], left: &View, right: &View) -> Option<Product> {
        let pick = |v: &View, axes: &[usize]| -> (Vec<usize>, Vec<isize>) {
            (
                axes.iter().map(|&a| v.shape[a]).collect(),
                axes.iter().map(|&a| v.strides[a]).collect(),
            )
        };
        let (left_rank, right_rank) = (left.shape.len(), right.shape.len());
        let (m_shape, m_left) = pick(left, &c.free_left(left_rank));
        let (n_shape, n_right) = pick(right, &c.free_right(right_rank));
        let (k_shape, k_left) = pick(left, &c.contract_left);
        let (_, k_right) = pick(right, &c.contract_right);
        let (b_shape, b_left) = pick(left, &c.batch_left);
        let (_, b_right) = pick(right, &c.batch_right);
        let one = |shape: &[usize], strides: &[&[isize]]| -> Option<(usize, Vec<isize>)> {
            if shape.contains(&0) {
                return Some((0, vec![0; strides.len()]));
            }
            let groups = collapse(shape, strides);
            match groups.as_slice() {
                [] => Some((1, vec![0; strides.len()])),
                [(n, s)] => Some((*n, s.to_vec())),
                _ => None,
            }
        };
        let (m, sm) = one(&m_shape, &[&m_left])?;
        let (n, sn) = one(&n_shape, &[&n_right])?;
        let (k, sk) = one(&k_shape, &[&k_left, &k_right])?;
        let mut offsets = vec![(left.offset, right.offset)];
        for ((&size, &l), &r) in b_shape.iter().zip(&b_left).zip(&b_right) {
            offsets = offsets
                .iter()
                .flat_map(|&(x, y)| (0..size as isize).map(move |i| (x + i * l, y + i * r)))
                .collect();
        }
        let mut product = Product {
            number: number_type(types[0].dtype),
            offsets,
            m,
            k,
            n,
            left: (sm[0], sk[0]),
            right: (sk[1], sn[0]),
            pieces: Pieces::ONE,
            cut: Cut::Batch,
            symmetric: c.symmetric,
            direct: None,
            skinny: None,
            long: None,
        };
        product.choose_pieces();
        let batch = product.offsets.len();
        let strides = (product.left, product.right);
        // Gradus's own kernels read floats where they are stored.
        let native = match product.number {
            NumberType::Float(float) => float.native(),
            NumberType::Integer(_) => None,
        };
        let Some(float) = native else {
            return Some(product);
        };
        product.long = Long::new(float, (m, k, n), strides, batch, c.symmetric).map(Box::new);
        if product.long.is_some() {
            return Some(product);
        }
        if matches!(product.cut, Cut::Strips(_)) {
            return Some(product);
        }
        let direct = Direct::choose(float, (m, k, n), strides.1, m * k * n <= SMALL);
        if batch == 1 && !direct.is_some_and(|direct| direct.fills(n)) {
            product.skinny = Skinny::choose(float, (m, k, n), strides.0, strides.1);
        }
        product.direct = direct.filter(|_| product.skinny.is_none());
        Some(product)
    }

    fn choose_pieces(&mut self) {
        let each = self.m * self.k * self.n;
        let all = each * self.offsets.len();
        // The pieces depend on the sizes alone, so that the sums are equal for any number of threads.
        let wanted =
            ((all as f64 / PIECE as f64).sqrt() as usize).max(1 + usize::from(all >= TWO_PIECES));
        if let NumberType::Integer(_) = self.number {
            return;
        }
        let strips = Strips::of(self.n, self.k).filter(|_| self.symmetric);
        let (cut, most) = if let Some(strips) = strips {
            (Cut::Strips(strips), strips.most_pieces())
        } else if wanted < 2 {
            return;
        } else if self.offsets.len() >= wanted {
            (Cut::Batch, self.offsets.len())
        } else if self.offsets.len() > 1 {
            return;
        } else if self.m >= self.n {
            // With pieces of columns, two threads would write the same cache line in every row,
            // where one piece ends and the next begins.
            (Cut::Rows, self.m / NARROWEST)
        } else {
            (Cut::Columns, self.n / NARROWEST)
        };
        self.cut = cut;
        self.pieces = Pieces::power_of_two(wanted.min(most), all >= WORTH_WAKING);
    }

    /// Computes the products by the chosen kernels.
    ///
    /// # Safety
    /// The operands hold everything that the views reach;
    /// `out` has room for `batch · m · n` elements and overlaps neither.
    unsafe fn multiply(&self, left: *mut u8, right: *mut u8, out: *mut u8) {
        let (left, right, out) = (Shared(left), Shared(right), Shared(out));
        let addresses = |i: usize| {
            let size = self.number.dtype().size() as isize;
            let (l, r) = self.offsets[i];
            let result = i * self.m * self.n * size as usize;
            Addresses {
                left: Shared(left.get().wrapping_offset(l * size)),
                right: Shared(right.get().wrapping_offset(r * size)),
                out: Shared(out.get().wrapping_add(result)),
            }
        };
        if let Some(long) = &self.long {
            // SAFETY: by the caller; offsets come from the views.
            return unsafe { long.run(&addresses) };
        }
        if let Some(skinny) = &self.skinny {
            let Addresses { left, right, out } = addresses(0);
            // SAFETY: by the caller; offsets come from the views,
            // which are checked against the arrays when a program is built.
            return unsafe { skinny.run(left.get(), right.get(), out.get()) };
        }
        let at = Operands {
            left,
            right,
            right_from: 0,
            right_steps: self.right,
            out,
        };
        if !self.transposes_right() {
            // SAFETY: by the caller.
            return unsafe { self.run_pieces(at) };
        }
        let mut memory = TRANSPOSED.take();
        // SAFETY: by the caller.
        unsafe {
            let width = self.number.dtype().width();
            let transposed = by_width!(width, T => self.transposed::<T>(at, &mut memory));
            self.run_pieces(transposed);
        }
        TRANSPOSED.set(memory);
    }

    /// Whether all pieces need the whole right matrix transposed.
    fn transposes_right(&self) -> bool {
        matches!(self.cut, Cut::Rows | Cut::Strips(_)) && self.worth_transposing(self.m)
    }

    /// Whether it is faster to transpose the right matrix before `rows` rows are multiplied by it.
    fn worth_transposing(&self, rows: usize) -> bool {
        self.right.0 == 1 && self.right.1 != 1 && rows >= ROWS_WORTH_TRANSPOSING
    }

    /// Transposes the right matrix on all threads, and returns the operands.
    ///
    /// # Safety
    /// See [`multiply`](Self::multiply).
    unsafe fn transposed<T: Copy>(&self, at: Operands, memory: &mut Vec<u64>) -> Operands {
        let transposed = Shared(room::<T>(memory, self.k * self.n).cast());
        let from = self.offsets[0].1;
        pool::each(self.pieces, &|piece| {
            let (k, count) = (self.k, self.pieces.count);
            let (first, last) = (k * piece / count, k * (piece + 1) / count);
            // SAFETY: by the caller; pieces write different rows.
            unsafe {
                let right = at.right.get().cast::<T>().cast_const();
                let right = right.offset(from + first as isize * self.right.0);
                let to = transposed.get().cast::<T>().add(first * self.n);
                transpose(right, self.right, (last - first, self.n), to);
            }
        });
        Operands {
            right: transposed,
            right_from: -from,
            right_steps: (self.n as isize, 1),
            ..at
        }
    }

    /// Computes all pieces.
    ///
    /// # Safety
    /// See [`multiply`](Self::multiply).
    unsafe fn run_pieces(&self, at: Operands) {
        let batch = self.offsets.len();
        pool::each(self.pieces, &|piece| {
            let count = self.pieces.count;
            let share = |n: usize| (n * piece / count, n * (piece + 1) / count);
            let (mut b, mut rows, mut columns) = ((0, batch), (0, self.m), (0, self.n));
            match self.cut {
                Cut::Batch => b = share(batch),
                Cut::Rows => rows = share(self.m),
                Cut::Columns => columns = share(self.n),
                Cut::Strips(strips) => {
                    for rows in strips.of_piece(piece, count) {
                        // SAFETY: as below; a strip owns its rows up to the diagonal and its columns down to it.
                        unsafe { self.strip(rows, at) };
                    }
                    return;
                }
            }
            if let Some(direct) = &self.direct {
                // SAFETY: by the caller; pieces write to different parts of the result.
                return unsafe { self.directly(direct, b, rows, columns, at) };
            }
            for i in b.0..b.1 {
                // SAFETY: by the caller; pieces write to different parts of the result.
                unsafe { self.one(i, rows, columns, at) };
            }
        });
    }

    /// Computes rows of a symmetric product up to the diagonal, and copies them to the equal columns.
    ///
    /// # Safety
    /// See [`multiply`](Self::multiply).
    unsafe fn strip(&self, rows: (usize, usize), at: Operands) {
        // SAFETY: by the caller.
        unsafe {
            self.one(0, rows, (0, rows.1), at);
            by_width!(self.number.dtype().width(), T => mirror::<T>(at.out, self.n, rows));
        }
    }

    /// Computes a block of the products of a range by the kernel for small matrices.
    ///
    /// # Safety
    /// See [`multiply`](Self::multiply).
    unsafe fn directly(
        &self,
        direct: &Direct,
        products: (usize, usize),
        rows: (usize, usize),
        columns: (usize, usize),
        at: Operands,
    ) {
        let size = self.number.dtype().size();
        let bytes = |elements: isize| elements * size as isize;
        let left = rows.0 as isize * self.left.0;
        let right = at.right_from + columns.0 as isize * at.right_steps.1;
        let out = (products.0 * self.m + rows.0) * self.n + columns.0;
        // SAFETY: by the caller: the offsets lead to elements within the operands' views, which are checked when a
        // program is built, and, by the type rule of `contract`, within the result.
        unsafe {
            direct.run(Matrices {
                offsets: &self.offsets[products.0..products.1],
                rows: rows.1 - rows.0,
                depth: self.k,
                columns: columns.1 - columns.0,
                left: at.left.get().wrapping_offset(bytes(left)),
                left_steps: self.left,
                right: at.right.get().wrapping_offset(bytes(right)),
                right_steps: at.right_steps,
                out: at.out.get().add(out * size),
                out_step: self.n,
                out_next: self.m * self.n,
                room: std::ptr::null_mut(),
            });
        }
    }

    /// Computes a block of product `i`.
    unsafe fn one(&self, i: usize, rows: (usize, usize), columns: (usize, usize), at: Operands) {
        let (m, n) = (rows.1 - rows.0, columns.1 - columns.0);
        let left_at = self.offsets[i].0 + rows.0 as isize * self.left.0;
        let right_at = self.offsets[i].1 + at.right_from + columns.0 as isize * at.right_steps.1;
        let (left, right, out) = (at.left.get(), at.right.get(), at.out.get());
        let out_at = (i * self.m + rows.0) * self.n + columns.0;
        macro_rules! block {
            ($multiply:ident, $t:ty) => {
                // SAFETY: offsets lead to elements within the operands' views, which are checked when a program is
                // built, and, by the type rule of `contract`, within the result.
                unsafe {
                    let left = left.cast::<$t>().offset(left_at);
                    let right = right.cast::<$t>().offset(right_at);
                    let out = out.cast::<$t>().add(out_at);
                    self.$multiply((m, n), left, (right, at.right_steps), out);
                }
            };
        }
        match self.number {
            NumberType::Float(FloatType::BF16) => block!(widened, bf16),
            NumberType::Float(FloatType::F32) => block!(floats, f32),
            NumberType::Float(FloatType::F64) => block!(floats, f64),
            NumberType::Integer(integer) => by_integer!(integer, T => block!(plain, T)),
        }
    }

    /// Computes a block of a product of floats, by the fastest kernel for its size; `right` has its own strides.
    ///
    /// # Safety
    /// The operands hold the rows and columns of the block, and `out` has room for it.
    unsafe fn floats<T: Float + Arithmetic>(
        &self,
        (m, n): (usize, usize),
        left: *const T,
        (right, strides): (*const T, (isize, isize)),
        out: *mut T,
    ) {
        // SAFETY: by the caller.
        unsafe {
            if strides == self.right && m * n * self.k <= SMALL {
                self.plain((m, n), left, (right, strides), out);
            } else if strides == self.right && self.worth_transposing(m) {
                let mut memory = TRANSPOSED.take();
                let transposed = room::<T>(&mut memory, self.k * n);
                transpose(right, strides, (self.k, n), transposed);
                self.large((m, n), left, (transposed, (n as isize, 1)), out);
                TRANSPOSED.set(memory);
            } else {
                self.large((m, n), left, (right, strides), out);
            }
        }
    }

    /// Computes a block of a product whose elements are widened tile by tile.
    ///
    /// # Safety
    /// As for [`floats`](Self::floats).
    unsafe fn widened(
        &self,
        (m, n): (usize, usize),
        left: *const bf16,
        right: (*const bf16, (isize, isize)),
        out: *mut bf16,
    ) {
        let size = (m, self.k, n);
        // SAFETY: by the caller.
        unsafe { widened::multiply(size, (left, self.left), right, (out, self.n)) };
    }

    /// Computes a block of a product by the library.
    ///
    /// # Safety
    /// See [`floats`](Self::floats).
    unsafe fn large<T: Float>(
        &self,
        (m, n): (usize, usize),
        left: *const T,
        right: (*const T, (isize, isize)),
        out: *mut T,
    ) {
        let size = (m, self.k, n);
        // SAFETY: by the caller.
        unsafe { library::multiply(size, (left, self.left), right, (out, self.n), false) };
    }

    /// Computes a block of a product by plain loops.
    ///
    /// # Safety
    /// See [`floats`](Self::floats).
    unsafe fn plain<T: Arithmetic>(
        &self,
        (m, n): (usize, usize),
        left: *const T,
        (right, strides): (*const T, (isize, isize)),
        out: *mut T,
    ) {
        for i in 0..m {
            for j in 0..n {
                let mut sum = T::ZERO;
                for l in 0..self.k {
                    // SAFETY: by the caller.
                    unsafe {
                        let x = left.offset(i as isize * self.left.0 + l as isize * self.left.1);
                        let y = right.offset(l as isize * strides.0 + j as isize * strides.1);
                        sum = sum.plus(x.read().times(y.read()));
                    }
                }
                // SAFETY: as above.
                unsafe { out.add(i * self.n + j).write(sum) };
            }
        }
    }
}

impl Kernel for Product {
    const NAME: &'static str = "contract";

    #[cfg(feature = "native")]
    fn emit(&self, e: &mut Emitter<'_>, operands: &[Elements]) -> Option<Vec<Value>> {
        let whole = self.pieces.count == 1 && !matches!(self.cut, Cut::Strips(_));
        let plain = self.skinny.is_none() && self.long.is_none() && !self.transposes_right();
        let (m, k, n) = (self.m, self.k, self.n);
        if !(whole || self.cut == Cut::Batch) || !plain || m * n * k > SMALL {
            return None;
        }
        let dtype = self.number.dtype();
        e.spend(2 * self.offsets.len() * m * n * k)?;
        let element = |e: &mut Emitter<'_>, operand: usize, at: isize| {
            e.element(&operands[operand], dtype, usize::try_from(at).ok()?)
        };
        let zero = e.literal(Literal::from_i64(dtype, 0))?;
        let mut results = Vec::with_capacity(self.offsets.len() * m * n);
        for &(left, right) in &self.offsets {
            for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i as isize, j as isize))) {
                let mut sum = zero;
                for l in 0..k as isize {
                    let x = element(e, 0, left + i * self.left.0 + l * self.left.1)?;
                    let y = element(e, 1, right + l * self.right.0 + j * self.right.1)?;
                    let product = e.binary(Binary::Mul, dtype, x, y)?;
                    sum = e.binary(Binary::Add, dtype, sum, product)?;
                }
                results.push(sum);
            }
        }
        Some(results)
    }

    fn prepare(&mut self, touched: usize) {
        if let Some(skinny) = &mut self.skinny {
            skinny.in_program(touched);
        }
    }

    /// The bytes of matrices that a run transposes.
    fn scratch_bytes(&self) -> usize {
        if let Some(skinny) = &self.skinny {
            return skinny.scratch();
        }
        let at_once = match self.cut {
            Cut::Batch => self.pieces.count.min(pool::threads()),
            _ => 1,
        };
        let transposes = match self.direct {
            Some(_) => Direct::copies(self.right, self.n),
            None => self.worth_transposing(self.m),
        };
        let transposed = match transposes {
            true => at_once * self.k * self.n * self.number.dtype().size(),
            false => 0,
        };
        let tiles = match self.number.dtype().is_widened() {
            true => {
                let at_once = self.pieces.count.min(pool::threads());
                at_once * widened::scratch_bytes((self.m, self.k, self.n))
            }
            false => 0,
        };
        transposed + tiles
    }

    /// A multiply-add is two operations.
    fn forecast(&self, _in_place: InPlace) -> StepForecast {
        let Product { m, k, n, .. } = *self;
        let batch = self.offsets.len();
        // Matrices and lines that a broadcast repeats are read once.
        let matrices = |mut offsets: Vec<isize>| {
            offsets.sort_unstable();
            offsets.dedup();
            offsets.len()
        };
        let lines = |size: usize, step: isize| if step == 0 { size.min(1) } else { size };
        let left = matrices(self.offsets.iter().map(|o| o.0).collect())
            * lines(m, self.left.0)
            * lines(k, self.left.1);
        let right = matrices(self.offsets.iter().map(|o| o.1).collect())
            * lines(k, self.right.0)
            * lines(n, self.right.1);
        let bytes = (left + right + batch * m * n) * self.number.dtype().size();
        let operations = match self.symmetric {
            true => [m, k, n + 1].into_iter().fold(1, usize::saturating_mul),
            false => [batch, m, k, n].into_iter().fold(2, usize::saturating_mul),
        };
        let mut step =
            StepForecast::moving(self.number.dtype(), bytes).with(Work::Product, operations);
        step.product = Some((batch, m, k, n));
        step
    }

    unsafe fn run(&self, arrays: &Arrays<'_>) -> Result<()> {
        let (left, right) = (arrays.operand(0).start(), arrays.operand(1).start());
        let out = arrays.result(0).start();
        // SAFETY: by the caller: the operands hold everything that the views reach,
        // and `out` has room for `batch · m · n` elements.
        unsafe { self.multiply(left, right, out) };
        Ok(())
    }
}

/// The arrays of a run, and the layout of the right one.
#[derive(Clone, Copy)]
struct Operands {
    left: Shared,
    right: Shared,
    /// Added to the offsets of right matrices.
    right_from: isize,
    right_steps: (isize, isize),
    out: Shared,
}
