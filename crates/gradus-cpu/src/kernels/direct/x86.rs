//! The kernels for x86-64.
#![expect(
    clippy::needless_range_loop,
    reason = "indices name the registers of a tile"
)]

use super::{Direct, Matrices};
use crate::kernels::square::{Square, turn};
use crate::kernels::vector::Vector;
use std::arch::x86_64::*;

/// One product of matrices.
struct One<T> {
    rows: usize,
    depth: usize,
    columns: usize,
    left: *const T,
    left_steps: (isize, isize),
    right: *const T,
    right_step: isize,
    out: *mut T,
    out_step: usize,
}

#[inline(always)]
unsafe fn matrices<V: Vector<Element: Square>, const FUSED: bool>(b: &Matrices<'_>) {
    let room = b.room.cast::<V::Element>();
    let mut in_room = None;
    let (left, right) = (b.left.cast::<V::Element>(), b.right.cast::<V::Element>());
    let out = b.out.cast::<V::Element>();
    for (i, &offsets) in b.offsets.iter().enumerate() {
        // SAFETY: by the caller.
        unsafe {
            let mut rows = (right.offset(offsets.1), b.right_steps.0);
            if b.turns() {
                // A matrix that a broadcast repeats is copied once.
                if in_room != Some(offsets.1) {
                    let column = |j: usize| rows.0.offset(j as isize * b.right_steps.1);
                    let to_step = b.columns * size_of::<V::Element>();
                    turn(column, (b.depth, b.columns), room, to_step);
                    in_room = Some(offsets.1);
                }
                rows = (room.cast_const(), b.columns as isize);
            }
            product::<V, FUSED>(&One {
                rows: b.rows,
                depth: b.depth,
                columns: b.columns,
                left: left.offset(offsets.0),
                left_steps: b.left_steps,
                right: rows.0,
                right_step: rows.1,
                out: out.add(i * b.out_next),
                out_step: b.out_step,
            });
        }
    }
}

/// Columns in steps of two registers, after a single one if their number is odd.
#[inline(always)]
unsafe fn product<V: Vector, const FUSED: bool>(p: &One<V::Element>) {
    // SAFETY: by the caller; columns below the last.
    unsafe {
        if p.columns < V::LANES {
            return rows::<V, FUSED, 1, 8, true>(p, 0);
        }
        let mut j = 0;
        if p.columns.div_ceil(V::LANES) % 2 == 1 {
            rows::<V, FUSED, 1, 8, false>(p, 0);
            j = V::LANES;
        }
        while j < p.columns {
            rows::<V, FUSED, 2, 6, false>(p, j);
            j += 2 * V::LANES;
        }
    }
}

/// `N` registers of columns from `j` on, all rows, at most `MOST` at a time.
#[inline(always)]
unsafe fn rows<
    V: Vector,
    const FUSED: bool,
    const N: usize,
    const MOST: usize,
    const PART: bool,
>(
    p: &One<V::Element>,
    j: usize,
) {
    let groups = p.rows.div_ceil(MOST);
    for g in 0..groups {
        // Groups differ by at most one row.
        let (i, end) = (p.rows * g / groups, p.rows * (g + 1) / groups);
        // SAFETY: by the caller; rows below the last.
        unsafe {
            match end - i {
                1 => tile::<V, FUSED, 1, N, PART>(p, i, j),
                2 => tile::<V, FUSED, 2, N, PART>(p, i, j),
                3 => tile::<V, FUSED, 3, N, PART>(p, i, j),
                4 => tile::<V, FUSED, 4, N, PART>(p, i, j),
                5 if MOST >= 5 => tile::<V, FUSED, 5, N, PART>(p, i, j),
                6 if MOST >= 6 => tile::<V, FUSED, 6, N, PART>(p, i, j),
                7 if MOST >= 7 => tile::<V, FUSED, 7, N, PART>(p, i, j),
                _ if MOST >= 8 => tile::<V, FUSED, 8, N, PART>(p, i, j),
                _ => {}
            }
        }
    }
}

/// `R` rows from `i` on by `N` registers of columns from `j` on.
/// With `PART`, there are fewer columns than lanes. Otherwise the last register ends with the last column at the
/// latest: it can overlap the one before, and computes the same numbers again.
#[inline(always)]
unsafe fn tile<V: Vector, const FUSED: bool, const R: usize, const N: usize, const PART: bool>(
    p: &One<V::Element>,
    i: usize,
    j: usize,
) {
    let rest = p.columns - j;
    let at = |v: usize| {
        if v + 1 == N && !PART {
            (v * V::LANES).min(rest - V::LANES)
        } else {
            v * V::LANES
        }
    };
    // SAFETY: by the caller.
    unsafe {
        let mut sums = [[V::zero(); N]; R];
        let mut left = p.left.offset(i as isize * p.left_steps.0);
        let mut right = p.right.wrapping_add(j);
        for _ in 0..p.depth {
            let mut y = [V::zero(); N];
            for v in 0..N {
                y[v] = match PART {
                    true => V::load_first(right, rest),
                    false => V::load(right.add(at(v))),
                };
            }
            for r in 0..R {
                let x = V::all(left.offset(r as isize * p.left_steps.0).read());
                for v in 0..N {
                    sums[r][v] = match FUSED {
                        true => V::multiply_add(x, y[v], sums[r][v]),
                        false => V::add(sums[r][v], V::multiply(x, y[v])),
                    };
                }
            }
            left = left.wrapping_offset(p.left_steps.1);
            right = right.wrapping_offset(p.right_step);
        }
        for r in 0..R {
            let to = p.out.add((i + r) * p.out_step + j);
            for v in 0..N {
                match PART {
                    true => V::store_first(sums[r][v], to, rest),
                    false => V::store(sums[r][v], to.add(at(v))),
                }
            }
        }
    }
}

/// The kernels compiled for one level.
macro_rules! level {
    ($($table:ident: $fused:ident, $separate:ident = $features:literal, $v:ty;)*) => {$(
        #[target_feature(enable = $features)]
        unsafe fn $fused(b: &Matrices<'_>) {
            // SAFETY: by the caller.
            unsafe { matrices::<$v, true>(b) }
        }

        #[target_feature(enable = $features)]
        unsafe fn $separate(b: &Matrices<'_>) {
            // SAFETY: by the caller.
            unsafe { matrices::<$v, false>(b) }
        }

        pub(super) const $table: Direct = Direct {
            fused: $fused,
            separate: $separate,
            lanes: <$v>::LANES,
        };
    )*};
}

level! {
    AVX2_F32: fused_avx2_f32, separate_avx2_f32 = "avx2,fma", __m256;
    AVX2_F64: fused_avx2_f64, separate_avx2_f64 = "avx2,fma", __m256d;
    AVX512_F32: fused_avx512_f32, separate_avx512_f32 = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw", __m512;
    AVX512_F64: fused_avx512_f64, separate_avx512_f64 = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw", __m512d;
}
