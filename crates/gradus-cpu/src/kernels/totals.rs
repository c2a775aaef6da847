//! Totals of many sums beside each other, in more digits than the sums: what is added up in parts of some dozen numbers is then as exact as a sum of few.

use gradus_ir::DType;

/// Bytes of a total: the sum, and what it lost.
pub(crate) const TOTAL_BYTES: usize = 2 * size_of::<f64>();

/// Adds `n` sums of type `dtype`, f32 or f64, to totals: `n` sums in f64, and behind them what these have lost so far.
///
/// # Safety
/// `sums` points to `n` numbers of the type, `totals` to room for 2n that hold numbers.
pub(crate) unsafe fn add_to_totals(dtype: DType, sums: *const u8, totals: *mut f64, n: usize) {
    // SAFETY: by the caller.
    unsafe {
        let totals = std::slice::from_raw_parts_mut(totals, 2 * n);
        let (total, lost) = totals.split_at_mut(n);
        if dtype == DType::F32 {
            // f64 has digits to spare for millions of them.
            let sums = std::slice::from_raw_parts(sums.cast::<f32>(), n);
            for (total, &x) in total.iter_mut().zip(sums) {
                *total += f64::from(x);
            }
            return;
        }
        let sums = std::slice::from_raw_parts(sums.cast::<f64>(), n);
        for ((total, lost), &x) in total.iter_mut().zip(lost).zip(sums) {
            // Knuth's sum and its error.
            let next = *total + x;
            let back = next - *total;
            *lost += (*total - (next - back)) + (x - back);
            *total = next;
        }
    }
}

/// The totals as `n` numbers of type `dtype`.
///
/// # Safety
/// `totals` are those of [`add_to_totals`], `out` has room for `n` numbers of the type.
pub(crate) unsafe fn finish_totals(dtype: DType, totals: *const f64, n: usize, out: *mut u8) {
    // SAFETY: by the caller.
    unsafe {
        for i in 0..n {
            let value = total(totals, n, i);
            match dtype {
                DType::F32 => out.cast::<f32>().add(i).write(value as f32),
                _ => out.cast::<f64>().add(i).write(value),
            }
        }
    }
}

/// Total `i` of `n`.
///
/// # Safety
/// As for [`finish_totals`], and `i < n`.
pub(crate) unsafe fn total(totals: *const f64, n: usize, i: usize) -> f64 {
    // SAFETY: by the caller.
    let (sum, lost) = unsafe { (totals.add(i).read(), totals.add(n + i).read()) };
    // An infinite sum loses NaN; the sum itself is right then.
    if lost.is_finite() { sum + lost } else { sum }
}

/// Adds totals to others.
///
/// # Safety
/// Both are `n` totals of [`add_to_totals`].
pub(crate) unsafe fn merge_totals(from: *const f64, totals: *mut f64, n: usize) {
    // SAFETY: by the caller.
    unsafe {
        add_to_totals(DType::F64, from.cast(), totals, n);
        for i in n..2 * n {
            totals
                .add(i)
                .write(totals.add(i).read() + from.add(i).read());
        }
    }
}
