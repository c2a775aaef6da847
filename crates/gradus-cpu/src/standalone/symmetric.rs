//! Symmetric products: rows are computed up to the diagonal, and copied to the columns beyond it by the thread
//! that has them in its cache.

use crate::kernels::{SQUARE, transpose_square};
use crate::pool::{MOST_PIECES, Shared};

// Compared with the whole product, this is 1.1 to 1.9 times as fast if more than a hundred numbers are summed.
// (AVX-512, both element types, 64 to 1000 rows, one and two threads.)

/// The fewest rows of a result that is computed by half, and the fewest products in each sum.
const NARROWEST: usize = 64;
const SUMMED: usize = 16;
/// Rows of a strip if there are up to eight strips, and if there are more:
/// thinner strips save more but are multiplied more slowly.
const THIN: usize = 32;
const THICK: usize = 64;
/// More strips save little.
const MOST_STRIPS: usize = 2 * MOST_PIECES;
/// Strips begin at multiples of this number of elements, which fill a cache line or half of one.
const UNIT: usize = 8;

/// The strips of rows in which an `n × n` product is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Strips {
    n: usize,
    count: usize,
}

impl Strips {
    /// `None` if the whole product is faster.
    pub fn of(n: usize, k: usize) -> Option<Strips> {
        if n < NARROWEST || k < SUMMED {
            return None;
        }
        let count = (n / THIN).min(8).max(n / THICK);
        // A multiple of four, for an even number of pairs.
        let count = (count & !3).clamp(4, MOST_STRIPS);
        Some(Strips { n, count })
    }

    /// The most pieces with equal shares of the strips.
    pub fn most_pieces(self) -> usize {
        self.count / 2
    }

    fn begin(self, strip: usize) -> usize {
        match strip == self.count {
            true => self.n,
            false => self.n * strip / self.count / UNIT * UNIT,
        }
    }

    /// The rows of each strip of a piece.
    /// The first and the last strip together have as much work as the second and the last but one, and so on.
    pub fn of_piece(self, piece: usize, pieces: usize) -> impl Iterator<Item = (usize, usize)> {
        let pairs = self.most_pieces();
        let (from, to) = (pairs * piece / pieces, pairs * (piece + 1) / pieces);
        (from..to)
            .flat_map(move |pair| [pair, self.count - 1 - pair])
            .map(move |strip| (self.begin(strip), self.begin(strip + 1)))
    }
}

/// Copies rows `from..to` of an `n × n` matrix, up to the diagonal, to the columns with the same numbers.
///
/// # Safety
/// `out` holds the matrix; no other piece accesses these rows up to the diagonal, or these columns down to it.
pub(super) unsafe fn mirror<T: Copy>(out: Shared, n: usize, (from, to): (usize, usize)) {
    let out = out.get().cast::<T>();
    for i0 in (from..to).step_by(SQUARE) {
        for j0 in (0..to.min(i0 + SQUARE)).step_by(SQUARE) {
            // SAFETY: by the caller; there is a whole square left of the diagonal.
            unsafe {
                if i0 + SQUARE <= to && j0 + SQUARE <= i0 {
                    transpose_square(out.add(i0 * n + j0), n as isize, out.add(j0 * n + i0), n);
                    continue;
                }
                for i in i0..(i0 + SQUARE).min(to) {
                    for j in j0..(j0 + SQUARE).min(i) {
                        out.add(j * n + i).write(out.add(i * n + j).read());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_are_all_rows_once_in_equal_shares() {
        for n in [64, 65, 100, 128, 129, 300, 1000, 5000] {
            let strips = Strips::of(n, 100).unwrap();
            for pieces in [1, 2, 4, 8, 16] {
                if pieces > strips.most_pieces() {
                    continue;
                }
                let mut rows = vec![0; n];
                let mut shares = Vec::new();
                for piece in 0..pieces {
                    let mut share = 0;
                    for (from, to) in strips.of_piece(piece, pieces) {
                        rows[from..to].iter_mut().for_each(|r| *r += 1);
                        share += (to - from) * to;
                    }
                    shares.push(share as f64);
                }
                assert!(rows.iter().all(|&r| r == 1), "{n} {pieces}");
                let mean = shares.iter().sum::<f64>() / pieces as f64;
                assert!(
                    shares.iter().all(|s| (s / mean - 1.0).abs() < 0.5),
                    "{n} {pieces} {shares:?}"
                );
            }
        }
        assert_eq!(Strips::of(63, 100), None);
        assert_eq!(Strips::of(100, 15), None);
    }

    #[test]
    fn rows_become_columns() {
        for (n, from) in [
            (1, 0),
            (7, 0),
            (8, 0),
            (21, 5),
            (40, 16),
            (40, 17),
            (64, 32),
        ] {
            let mut matrix: Vec<u32> = (0..n * n).map(|i| i as u32).collect();
            let old = matrix.clone();
            // SAFETY: the matrix is this test's alone.
            unsafe { mirror::<u32>(Shared(matrix.as_mut_ptr().cast()), n, (from, n)) };
            for i in 0..n {
                for j in 0..n {
                    let copied = j >= from && i < j;
                    let expected = if copied {
                        old[j * n + i]
                    } else {
                        old[i * n + j]
                    };
                    assert_eq!(matrix[i * n + j], expected, "{n} from {from}: {i} {j}");
                }
            }
        }
    }
}
