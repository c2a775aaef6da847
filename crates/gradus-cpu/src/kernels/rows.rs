//! Copies of rows that may be short.

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
    // SAFETY: by the caller.
    unsafe {
        match bytes {
            1 => each_row(from, to, count, |a, b| copy_bytes(a, b, 1)),
            2 => each_row(from, to, count, |a, b| copy_bytes(a, b, 2)),
            4 => each_row(from, to, count, |a, b| copy_bytes(a, b, 4)),
            8 => each_row(from, to, count, |a, b| copy_bytes(a, b, 8)),
            16 => each_row(from, to, count, |a, b| copy_bytes(a, b, 16)),
            24 => each_row(from, to, count, |a, b| copy_bytes(a, b, 24)),
            17..=SHORT => each_row(from, to, count, |a, b| blocks::<[u64; 2]>(a, b, bytes)),
            _ => each_row(from, to, count, |a, b| copy_bytes(a, b, bytes)),
        }
    }
}

#[inline(always)]
fn each_row(from: Rows, to: Rows, count: usize, copy: impl Fn(*const u8, *mut u8)) {
    for i in 0..count {
        copy(
            from.start.wrapping_offset(i as isize * from.step),
            to.start.wrapping_offset(i as isize * to.step),
        );
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
