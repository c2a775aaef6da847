//! Conditions checked while a program runs.

use super::Code;
use crate::count::StepForecast;
use crate::executable::Executable;
use crate::instrumentation::Instrumentation;
use gradus_ir::primitives::Check;
use gradus_ir::{DType, Error, ErrorKind, Kind, Literal, Result, Type};
use smallvec::SmallVec;

/// A check that runs.
pub(super) struct CheckCode {
    message: String,
    /// The number of booleans.
    conditions: usize,
    /// The element types of the reported numbers.
    reported: Vec<DType>,
    /// The bytes of each array that is passed on.
    passed: Vec<usize>,
}

impl CheckCode {
    pub fn new(check: &Check, operands: &[&Type]) -> CheckCode {
        let reported = operands[1..=check.reported].iter();
        CheckCode {
            message: check.message.clone(),
            conditions: operands[0].elements(),
            reported: reported.map(|t| t.dtype).collect(),
            passed: check.passed.iter().map(Type::bytes).collect(),
        }
    }

    /// The message with the numbers filled in.
    fn filled(&self, numbers: impl Iterator<Item = String>) -> String {
        let mut parts = self.message.split("{}");
        let mut text = parts.next().unwrap_or_default().to_string();
        for (part, number) in parts.zip(numbers) {
            text += &number;
            text += part;
        }
        text
    }
}

impl Code for CheckCode {
    const NAME: &'static str = "check";

    fn bodies(&self) -> SmallVec<[&Executable; 2]> {
        SmallVec::new()
    }

    fn forecast(&self, _inside: &[StepForecast]) -> StepForecast {
        self.own_work()
    }

    fn own_work(&self) -> StepForecast {
        let passed = self.passed.iter().copied();
        let passed = passed.fold(0, usize::saturating_add);
        StepForecast::moving(DType::F64, passed.saturating_mul(2))
    }

    unsafe fn run(
        &self,
        inputs: &[*mut u8],
        outputs: &[*mut u8],
        _scratch: *mut u8,
        _instrumentation: &mut Instrumentation,
    ) -> Result<()> {
        let first = 1 + self.reported.len();
        // SAFETY: by the caller; booleans are bytes, and by the type rule of `check` the reported numbers have the
        // shape of the condition.
        unsafe {
            let failed = (0..self.conditions).find(|&i| inputs[0].add(i).read() == 0);
            if let Some(i) = failed {
                let numbers = self.reported.iter().zip(&inputs[1..]);
                let numbers = numbers.map(|(&dtype, &x)| shown(dtype, x, i));
                return Err(Error::new(ErrorKind::Convergence, self.filled(numbers)));
            }
            for ((&from, &to), &bytes) in inputs[first..].iter().zip(outputs).zip(&self.passed) {
                std::ptr::copy_nonoverlapping(from.cast_const(), to, bytes);
            }
        }
        Ok(())
    }
}

/// Number `i` of an array, formatted for messages.
///
/// # Safety
/// The array has more than `i` elements of that type.
unsafe fn shown(dtype: DType, x: *const u8, i: usize) -> String {
    let size = dtype.size();
    // SAFETY: by the caller.
    let bytes = unsafe { std::slice::from_raw_parts(x.add(i * size), size) };
    let number = Literal::from_ne_bytes(dtype, bytes);
    match dtype.kind() {
        Kind::Float(_) => format!("{:.2e}", number.as_f64()),
        Kind::Integer(_) | Kind::Bool => number.to_string(),
    }
}
