//! The kernels for x86-64. The sums of a group of rows stay in registers.
#![expect(
    clippy::needless_range_loop,
    reason = "indices name the registers of a tile"
)]

use super::one_row::{is_one_row, one_row};
use super::{Block, CHUNK, DEPTH, Skinny, chunks, part};
use crate::kernels::vector::Vector;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// The registers of a column that [`Skinny::dots`] multiplies by all few rows before it continues,
/// so that repeated reads hit the first-level cache.
const REACH: usize = 32;
/// The number of tiles by which [`Skinny::rows`] prefetches.
const TILES_AHEAD: usize = 2;
/// Prefetching a smaller matrix costs more than it saves.
const WORTH_ASKING: usize = 256 << 10;

/// The number of rows whose sums, in at least two registers each, leave registers for the operands.
const fn group<V: Vector>() -> usize {
    if V::MANY { 12 } else { 6 }
}

/// The number of rows of a large result that are written together:
/// with more registers for each, memory gets more of a row at once.
const fn group_of_many<V: Vector>() -> usize {
    if V::MANY { 4 } else { 3 }
}

/// A group of rows times some columns that fit the registers.
struct Tile<T> {
    left: *const T,
    right: *const T,
    right_step: isize,
    depth: usize,
    out: *mut T,
    out_step: isize,
    columns: usize,
    /// Whether the result is overwritten instead of added to.
    first: bool,
    stream: bool,
    prefetch: bool,
}

/// The most registers of columns that fit beside the sums of a group.
/// Fewer than eight sums would wait for each other.
const fn width<V: Vector>(rows: usize) -> usize {
    match (V::MANY, rows) {
        (true, 0..=2) | (false, 0..=1) => 8,
        (true, 3..=4) => 6,
        (true, 5..=6) | (false, 2) => 4,
        (true, 7..=8) | (false, 3..=4) => 3,
        _ => 2,
    }
}

#[inline(always)]
unsafe fn rows<V: Vector>(b: &Block) {
    let size = size_of::<V::Element>();
    if is_one_row(b, size) {
        // SAFETY: by the caller.
        return unsafe { one_row::<V>(b) };
    }
    let (left, right) = (b.left.cast::<V::Element>(), b.right.cast::<V::Element>());
    let out = b.out.cast::<V::Element>();
    for c in b.chunks.0..b.chunks.1 {
        let (c0, c1) = part(b.few, chunks(b.few), c);
        let few = c1 - c0;
        let groups = few.div_ceil(b.group);
        let tile = width::<V>(few.div_ceil(groups)) * V::LANES;
        // Empty sums are written, too.
        let depths = b.k.div_ceil(DEPTH).max(1);
        for d in 0..depths {
            let (l0, l1) = part(b.k, depths, d);
            let mut j = b.columns.0;
            while j < b.columns.1 {
                let columns = (b.columns.1 - j).min(tile);
                for g in 0..groups {
                    let (i0, i1) = part(few, groups, g);
                    // SAFETY: rows below `few`, columns below the last of the block.
                    unsafe {
                        let t = Tile {
                            left: left.add(c0 * b.k + few * l0 + i0 * (l1 - l0)),
                            right: right.offset(l0 as isize * b.right_step).add(j),
                            right_step: b.right_step,
                            depth: l1 - l0,
                            out: out.offset((c0 + i0) as isize * b.out_strides.0).add(j),
                            out_step: b.out_strides.0,
                            columns,
                            first: d == 0,
                            stream: b.stream,
                            // Few rows leave no time for a prefetch;
                            // the processor's own prefetcher does better then.
                            // A small matrix is in a near cache already.
                            prefetch: g == 0
                                && few > 4
                                && b.k * (b.columns.1 - b.columns.0) * size > WORTH_ASKING,
                        };
                        row_group::<V>(i1 - i0, &t);
                    }
                }
                j += columns;
            }
        }
    }
    if b.stream {
        // Stores past the caches are not ordered with others: without this fence, another thread could learn that
        // the piece is done and not see it yet.
        // SAFETY: every x86-64 has it.
        unsafe { _mm_sfence() };
    }
}

#[inline(always)]
unsafe fn row_group<V: Vector>(rows: usize, t: &Tile<V::Element>) {
    // SAFETY: by the caller.
    unsafe {
        match (V::MANY, rows) {
            (true, 1) => tiles::<V, 1, 8>(t),
            (true, 2) => tiles::<V, 2, 8>(t),
            (true, 3) => tiles::<V, 3, 6>(t),
            (true, 4) => tiles::<V, 4, 6>(t),
            (true, 5) => tiles::<V, 5, 4>(t),
            (true, 6) => tiles::<V, 6, 4>(t),
            (true, 7) => tiles::<V, 7, 3>(t),
            (true, 8) => tiles::<V, 8, 3>(t),
            (true, 9) => tiles::<V, 9, 2>(t),
            (true, 10) => tiles::<V, 10, 2>(t),
            (true, 11) => tiles::<V, 11, 2>(t),
            (true, _) => tiles::<V, 12, 2>(t),
            (false, 1) => tiles::<V, 1, 8>(t),
            (false, 2) => tiles::<V, 2, 4>(t),
            (false, 3) => tiles::<V, 3, 3>(t),
            (false, 4) => tiles::<V, 4, 3>(t),
            (false, 5) => tiles::<V, 5, 2>(t),
            (false, _) => tiles::<V, 6, 2>(t),
        }
    }
}

/// Columns in steps of `N` registers, then register by register.
#[inline(always)]
unsafe fn tiles<V: Vector, const R: usize, const N: usize>(t: &Tile<V::Element>) {
    let mut j = 0;
    // SAFETY: by the caller.
    unsafe {
        while j + N * V::LANES <= t.columns {
            tile::<V, R, N, false>(t, j);
            j += N * V::LANES;
        }
        while j + V::LANES <= t.columns {
            tile::<V, R, 1, false>(t, j);
            j += V::LANES;
        }
        if j < t.columns {
            tile::<V, R, 1, true>(t, j);
        }
    }
}

/// `R` rows by `N` registers of columns from `j` on; with `PART`, only a part of a single register.
#[inline(always)]
unsafe fn tile<V: Vector, const R: usize, const N: usize, const PART: bool>(
    t: &Tile<V::Element>,
    j: usize,
) {
    let last = t.columns - j;
    // SAFETY: by the caller. A prefetch reads nothing, whatever its address.
    unsafe {
        let load = |at: *const V::Element| {
            if PART {
                V::load_first(at, last)
            } else {
                V::load(at)
            }
        };
        let mut sums = [[V::zero(); N]; R];
        let mut left = t.left;
        let mut right = t.right.add(j);
        for _ in 0..t.depth {
            let mut y = [V::zero(); N];
            for v in 0..N {
                y[v] = load(right.add(v * V::LANES));
            }
            for i in 0..R {
                let x = V::all(left.add(i).read());
                for v in 0..N {
                    sums[i][v] = V::multiply_add(x, y[v], sums[i][v]);
                }
            }
            if t.prefetch {
                let ahead = right
                    .cast::<i8>()
                    .wrapping_add(TILES_AHEAD * N * size_of::<V>());
                for line in 0..(N * size_of::<V>()).div_ceil(64) {
                    _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(64 * line));
                }
            }
            left = left.add(R);
            right = right.wrapping_offset(t.right_step);
        }
        for i in 0..R {
            let to = t.out.offset(i as isize * t.out_step).add(j);
            for v in 0..N {
                let to = to.add(v * V::LANES);
                let mut sum = sums[i][v];
                if !t.first {
                    sum = V::add(load(to), sum);
                }
                if PART {
                    V::store_first(sum, to, last);
                } else if t.stream {
                    V::stream(sum, to);
                } else {
                    V::store(sum, to);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn dots<V: Vector>(b: &Block) {
    for c in b.chunks.0..b.chunks.1 {
        let (c0, c1) = part(b.few, chunks(b.few), c);
        let few = c1 - c0;
        let groups = few.div_ceil(if V::MANY { 4 } else { 3 });
        let chunk = Chunk {
            first: c0,
            few,
            groups,
        };
        let (mut j, end) = b.columns;
        // SAFETY: columns below the last of the block.
        unsafe {
            // As many columns as have sums that fit the registers, at least eight sums.
            if few.div_ceil(groups) <= if V::MANY { 2 } else { 1 } {
                while j + 8 <= end {
                    columns::<V, 8>(b, &chunk, j);
                    j += 8;
                }
            } else if V::MANY {
                while j + 6 <= end {
                    columns::<V, 6>(b, &chunk, j);
                    j += 6;
                }
            } else {
                while j + 4 <= end {
                    columns::<V, 4>(b, &chunk, j);
                    j += 4;
                }
            }
            while j < end {
                columns::<V, 1>(b, &chunk, j);
                j += 1;
            }
        }
    }
}

/// Few rows, and their groups that pass through registers.
struct Chunk {
    first: usize,
    few: usize,
    groups: usize,
}

/// All rows of a chunk by `M` columns from `j` on.
#[inline(always)]
unsafe fn columns<V: Vector, const M: usize>(b: &Block, chunk: &Chunk, j: usize) {
    let mut sums = [const { MaybeUninit::<V>::uninit() }; CHUNK * 8];
    let sums = sums.as_mut_ptr().cast::<V>();
    let reach = REACH * V::LANES;
    // At least one, which writes zeros if there is nothing to sum.
    let depths = b.k.div_ceil(reach).max(1);
    // SAFETY: rows below `few`, columns below the last of the block, `M ≤ 8` sums per row.
    // A prefetch reads nothing, whatever its address.
    unsafe {
        let left = b.left.cast::<V::Element>();
        let left = left.offset(chunk.first as isize * b.left_step);
        let right = b.right.cast::<V::Element>();
        let right = right.offset(j as isize * b.right_step);
        for d in 0..depths {
            let l0 = d * reach;
            let next = if d + 1 < depths {
                right.wrapping_add(l0 + reach)
            } else {
                right.wrapping_offset(M as isize * b.right_step)
            };
            for g in 0..chunk.groups {
                let (i0, i1) = part(chunk.few, chunk.groups, g);
                // Each group prefetches its part of the next columns; a single group leaves that to the processor.
                let (m0, m1) = part(M, chunk.groups, g);
                let p = Panel {
                    left: left.offset(i0 as isize * b.left_step).add(l0),
                    left_step: b.left_step,
                    right: right.add(l0),
                    right_step: b.right_step,
                    n: (b.k - l0).min(reach),
                    sums: sums.add(i0 * M),
                    first: d == 0,
                    next: next.wrapping_offset(m0 as isize * b.right_step),
                    ask: if chunk.groups > 1 { m1 - m0 } else { 0 },
                };
                match i1 - i0 {
                    1 => panel::<V, M, 1>(&p),
                    2 => panel::<V, M, 2>(&p),
                    3 => panel::<V, M, 3>(&p),
                    _ => panel::<V, M, 4>(&p),
                }
            }
        }
        let out = b.out.cast::<V::Element>();
        for i in 0..chunk.few {
            for m in 0..M {
                let (row, column) = ((chunk.first + i) as isize, (j + m) as isize);
                out.offset(row * b.out_strides.0 + column * b.out_strides.1)
                    .write(V::sum(sums.add(i * M + m).read()));
            }
        }
    }
}

/// A group of rows times some columns, `n` elements of each.
struct Panel<V: Vector> {
    left: *const V::Element,
    left_step: isize,
    right: *const V::Element,
    right_step: isize,
    n: usize,
    sums: *mut V,
    /// Whether the sums begin here.
    first: bool,
    /// The next columns; `ask` of them are prefetched.
    next: *const V::Element,
    ask: usize,
}

#[inline(always)]
unsafe fn panel<V: Vector, const M: usize, const F: usize>(p: &Panel<V>) {
    // SAFETY: by the caller.
    unsafe {
        let mut sums = [[V::zero(); M]; F];
        if !p.first {
            for i in 0..F {
                for m in 0..M {
                    sums[i][m] = p.sums.add(i * M + m).read();
                }
            }
        }
        let mut l = 0;
        while l + V::LANES <= p.n {
            let mut next = p.next.wrapping_add(l);
            for _ in 0..p.ask {
                _mm_prefetch::<_MM_HINT_T0>(next.cast::<i8>());
                next = next.wrapping_offset(p.right_step);
            }
            add_products::<V, M, F>(p, l, &mut sums, |at| V::load(at));
            l += V::LANES;
        }
        if l < p.n {
            add_products::<V, M, F>(p, l, &mut sums, |at| V::load_first(at, p.n - l));
        }
        for i in 0..F {
            for m in 0..M {
                p.sums.add(i * M + m).write(sums[i][m]);
            }
        }
    }
}

/// Adds the products of a register of each row with a register of each column.
#[inline(always)]
unsafe fn add_products<V: Vector, const M: usize, const F: usize>(
    p: &Panel<V>,
    l: usize,
    sums: &mut [[V; M]; F],
    load: impl Fn(*const V::Element) -> V,
) {
    // SAFETY: by the caller.
    unsafe {
        let mut x = [V::zero(); F];
        for i in 0..F {
            x[i] = load(p.left.offset(i as isize * p.left_step).add(l));
        }
        for m in 0..M {
            let y = load(p.right.offset(m as isize * p.right_step).add(l));
            for i in 0..F {
                sums[i][m] = V::multiply_add(x[i], y, sums[i][m]);
            }
        }
    }
}

/// A kernel compiled for one level.
macro_rules! level {
    ($($table:ident: $rows:ident, $dots:ident = $features:literal, $v:ty;)*) => {$(
        #[target_feature(enable = $features)]
        unsafe fn $rows(b: &Block) {
            // SAFETY: by the caller.
            unsafe { rows::<$v>(b) }
        }

        #[target_feature(enable = $features)]
        unsafe fn $dots(b: &Block) {
            // SAFETY: by the caller.
            unsafe { dots::<$v>(b) }
        }

        pub(super) const $table: Skinny = Skinny {
            rows: $rows,
            dots: $dots,
            group: group::<$v>(),
            group_of_many: group_of_many::<$v>(),
            one_by_dots: <$v>::MANY,
        };
    )*};
}

level! {
    AVX2_F32: rows_avx2_f32, dots_avx2_f32 = "avx2,fma", __m256;
    AVX2_F64: rows_avx2_f64, dots_avx2_f64 = "avx2,fma", __m256d;
    AVX512_F32: rows_avx512_f32, dots_avx512_f32 = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw", __m512;
    AVX512_F64: rows_avx512_f64, dots_avx512_f64 = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw", __m512d;
}
