//! Memory that a step keeps between runs.

/// A cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
#[expect(dead_code, reason = "read and written through pointers")]
pub(crate) struct Line([u8; 64]);

impl Line {
    pub const BYTES: usize = 64;
    pub const ZERO: Line = Line([0; Line::BYTES]);
}

/// Registers of a kernel that runs many times on few elements,
/// for example in a loop, and the addresses of its values. Addresses of registers and literals are set once.
pub(crate) struct Registers {
    pub lines: Vec<Line>,
    pub pointers: Vec<*mut u8>,
}

impl Registers {
    /// Registers of `bytes` bytes in total, and the addresses of `values` values, not set yet.
    pub fn new(bytes: usize, values: usize) -> Registers {
        Registers {
            lines: vec![Line::ZERO; bytes.div_ceil(Line::BYTES)],
            pointers: vec![std::ptr::null_mut(); values],
        }
    }
}
