//! Copies of rows that may be short.

#[cfg(target_arch = "x86_64")]
use super::isa::Isa;

/// Rows of equal length in an array: `step` bytes from one to the next, in either direction.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    pub start: *mut u8,
    pub step: isize,
}

/// Copies `count` rows of `bytes` bytes. The length is looked at once.
///
/// # Safety
/// Both arrays have the rows, which do not overlap.
pub(crate) unsafe fn copy_rows(from: Rows, to: Rows, count: usize, bytes: usize) {
    let grid = Grid {
        outer: 1,
        from: 0,
        to: 0,
        inner: count,
    };
    // SAFETY: by the caller.
    unsafe { copy_grid(from, to, grid, bytes) };
}

/// Several lists of `inner` rows. From one list to the next there are `from` bytes in one array, and `to` in the other.
#[derive(Clone, Copy)]
pub(crate) struct Grid {
    pub outer: usize,
    pub from: isize,
    pub to: isize,
    pub inner: usize,
}

/// Copies lists of rows of `bytes` bytes. The length is looked at once.
///
/// # Safety
/// Both arrays have the rows, which do not overlap.
pub(crate) unsafe fn copy_grid(from: Rows, to: Rows, grid: Grid, bytes: usize) {
    /// # Safety
    /// As above, and the processor has AVX2.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    unsafe fn in_wide_registers(from: Rows, to: Rows, grid: Grid, bytes: usize) {
        // SAFETY: by the caller.
        unsafe { by_length(from, to, grid, bytes) };
    }
    // SAFETY: by the caller. The processor has AVX2 where this is said.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        if Isa::best() != Isa::Portable {
            return in_wide_registers(from, to, grid, bytes);
        }
        by_length(from, to, grid, bytes);
    }
}

/// # Safety
/// See [`copy_grid`].
#[inline(always)]
unsafe fn by_length(from: Rows, to: Rows, grid: Grid, bytes: usize) {
    macro_rules! each {
        ($copy:expr) => {
            each_row(from, to, grid, $copy)
        };
    }
    // SAFETY: by the caller. Lengths that are constants or have constant bounds make code without a loop.
    unsafe {
        match bytes {
            1 => each!(|a, b| copy_bytes(a, b, 1)),
            2 => each!(|a, b| copy_bytes(a, b, 2)),
            4 => each!(|a, b| copy_bytes(a, b, 4)),
            8 => each!(|a, b| copy_bytes(a, b, 8)),
            12 => each!(|a, b| copy_bytes(a, b, 12)),
            16 => each!(|a, b| copy_bytes(a, b, 16)),
            17..32 => each!(|a, b| ends::<[u64; 2], 1>(a, b, bytes)),
            32 => each!(|a, b| ends::<[u64; 4], 0>(a, b, 32)),
            33..=64 => each!(|a, b| ends::<[u64; 4], 1>(a, b, bytes)),
            65..=96 => each!(|a, b| ends::<[u64; 4], 2>(a, b, bytes)),
            97..=SHORT => each!(|a, b| ends::<[u64; 4], 3>(a, b, bytes)),
            _ => each!(|a, b| copy_bytes(a, b, bytes)),
        }
    }
}

#[inline(always)]
fn each_row(from: Rows, to: Rows, grid: Grid, copy: impl Fn(*const u8, *mut u8)) {
    for k in 0..grid.outer as isize {
        let (a, b) = (
            from.start.wrapping_offset(k * grid.from),
            to.start.wrapping_offset(k * grid.to),
        );
        for i in 0..grid.inner as isize {
            copy(
                a.wrapping_offset(i * from.step),
                b.wrapping_offset(i * to.step),
            );
        }
    }
}

/// Copies `WHOLE` blocks, and one that ends with the row.
///
/// # Safety
/// As for [`copy_bytes`], and `n` is at least the size of the blocks together, at least that of one, and at most that
/// of one more.
#[inline(always)]
unsafe fn ends<B: Copy, const WHOLE: usize>(from: *const u8, to: *mut u8, n: usize) {
    let last = n - size_of::<B>();
    // SAFETY: by the caller.
    unsafe {
        let whole = from.cast::<[B; WHOLE]>().read_unaligned();
        let end = from.add(last).cast::<B>().read_unaligned();
        to.cast::<[B; WHOLE]>().write_unaligned(whole);
        to.add(last).cast::<B>().write_unaligned(end);
    }
}

/// Longer rows are copied by the system's function, whose call takes as long as copying this many bytes.
const SHORT: usize = 128;

/// Copies `n` bytes; for few of them without a call.
///
/// # Safety
/// Both addresses have `n` bytes, which do not overlap.
#[inline(always)]
pub(crate) unsafe fn copy_bytes(from: *const u8, to: *mut u8, n: usize) {
    // SAFETY: by the caller. Each block begins at most its own size before the end of the row.
    unsafe {
        match n {
            0 => {}
            1 => to.write(from.read()),
            2..4 => blocks::<u16>(from, to, n),
            4..8 => blocks::<u32>(from, to, n),
            8..16 => blocks::<u64>(from, to, n),
            16..=SHORT => blocks::<[u64; 2]>(from, to, n),
            _ => std::ptr::copy_nonoverlapping(from, to, n),
        }
    }
}

/// Copies `n` bytes in blocks; the last block ends with the row, and may repeat bytes of the one before.
///
/// # Safety
/// As for [`copy_bytes`], and `n` is at least the size of a block.
#[inline(always)]
unsafe fn blocks<B>(from: *const u8, to: *mut u8, n: usize) {
    let copy = |at: usize| {
        // SAFETY: by the caller.
        unsafe {
            let block = from.add(at).cast::<B>().read_unaligned();
            to.add(at).cast::<B>().write_unaligned(block);
        }
    };
    let last = n - size_of::<B>();
    let mut at = 0;
    while at < last {
        copy(at);
        at += size_of::<B>();
    }
    copy(last);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists of rows of each length, forwards and backwards, with gaps between the rows of the result.
    #[test]
    fn grids_of_rows_of_each_length_are_copied() {
        let bytes: Vec<u8> = (0..4000).map(|i| (i * 7 % 251 + 1) as u8).collect();
        for n in 0..150 {
            for back in [false, true] {
                let step = if back { -(n as isize) } else { n as isize };
                let first = if back { 2 * n } else { 0 };
                let mut target = vec![0u8; 4000];
                let grid = Grid {
                    outer: 4,
                    from: 3 * n as isize,
                    to: 3 * n as isize + 30,
                    inner: 3,
                };
                let from = Rows {
                    start: bytes[first..].as_ptr().cast_mut(),
                    step,
                };
                let to = Rows {
                    start: target.as_mut_ptr(),
                    step: n as isize + 5,
                };
                // SAFETY: the rows reach 12 · 150 bytes in the source, and 4 · (3 · 150 + 30) in the target.
                unsafe { copy_grid(from, to, grid, n) };
                let mut expected = vec![0u8; 4000];
                for (k, i) in (0..4).flat_map(|k| (0..3).map(move |i| (k, i))) {
                    let source = 3 * n * k + if back { (2 - i) * n } else { i * n };
                    let at = (3 * n + 30) * k + (n + 5) * i;
                    expected[at..at + n].copy_from_slice(&bytes[source..source + n]);
                }
                assert_eq!(target, expected, "{n} {back}");
            }
        }
    }

    /// No byte around the row changes, for rows of each length and alignment.
    #[test]
    fn rows_of_each_length_are_copied() {
        let source: Vec<u8> = (0..400).map(|i| (i * 7 + 1) as u8).collect();
        for n in 0..300 {
            for shift in 0..17 {
                let mut target = vec![0u8; 400];
                // SAFETY: both have 400 bytes, and n + 2 · 17 are fewer.
                unsafe {
                    copy_bytes(
                        source.as_ptr().add(shift),
                        target.as_mut_ptr().add(17 - shift),
                        n,
                    );
                }
                let (begin, end) = (17 - shift, 17 - shift + n);
                assert_eq!(target[begin..end], source[shift..shift + n]);
                assert!(
                    target[..begin]
                        .iter()
                        .chain(&target[end..])
                        .all(|&b| b == 0)
                );
            }
        }
    }
}
