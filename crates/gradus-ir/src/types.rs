//! Element types, shapes and the types of nodes.

use crate::error::{Error, ErrorKind, Result};
use smallvec::SmallVec;
use std::fmt;

/// The type of an array's elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum DType {
    /// 32-bit IEEE 754 floating point.
    F32,
    /// 64-bit IEEE 754 floating point.
    F64,
    /// 32-bit signed integer, wrapping.
    I32,
    /// 64-bit signed integer, wrapping.
    I64,
    /// 32-bit unsigned integer, wrapping.
    U32,
    /// Truth value, stored as one byte, 0 or 1.
    Bool,
}

impl DType {
    /// All element types.
    pub const ALL: [DType; 6] = [
        DType::F32,
        DType::F64,
        DType::I32,
        DType::I64,
        DType::U32,
        DType::Bool,
    ];

    /// Bytes one element takes.
    pub fn size(self) -> usize {
        match self {
            DType::F32 | DType::I32 | DType::U32 => 4,
            DType::F64 | DType::I64 => 8,
            DType::Bool => 1,
        }
    }

    /// Whether elements are real numbers that have derivatives.
    pub fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64)
    }

    /// Whether elements are integers (`bool` is not one).
    pub fn is_integer(self) -> bool {
        matches!(self, DType::I32 | DType::I64 | DType::U32)
    }

    /// The name in printed graphs, for example `f64`.
    pub fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::U32 => "u32",
            DType::Bool => "bool",
        }
    }

    /// The type with the given [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<DType> {
        Self::ALL.into_iter().find(|d| d.name() == name)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A list of sizes, axes or steps, one for each dimension; short ones need no allocation.
pub type Dims = SmallVec<[usize; 4]>;

/// No axis is longer, and no array has more bytes: places in memory are counted by `isize`, and sizes in text by `i64`.
pub const LONGEST: usize = isize::MAX as usize;

/// Whether a value is one array or several.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Form {
    /// One array.
    Array,
    /// One array for each step of a loop, whose number is known only when it runs. Only loops read and write lists.
    List,
}

/// The type of an array: its element type and its static shape, outermost dimension first.
#[derive(PartialEq, Eq, Hash)]
pub struct Type {
    /// Element type.
    pub dtype: DType,
    /// Size of each dimension; empty for a scalar.
    pub shape: Dims,
    /// One such array, or a list of them.
    pub form: Form,
}

/// The sizes are copied as one piece of memory: every node made clones types, and element by element it takes several times as long.
impl Clone for Type {
    fn clone(&self) -> Type {
        Type {
            dtype: self.dtype,
            shape: Dims::from_slice(&self.shape),
            form: self.form,
        }
    }
}

impl Type {
    /// The type of an array of `shape`.
    pub fn new(dtype: DType, shape: &[usize]) -> Type {
        Type {
            dtype,
            shape: Dims::from_slice(shape),
            form: Form::Array,
        }
    }

    /// The type of a single number.
    pub fn scalar(dtype: DType) -> Type {
        Type::new(dtype, &[])
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements; 1 for a scalar, 0 where a dimension is 0, and the largest number where there are too many to count.
    pub fn elements(&self) -> usize {
        let sizes = self.shape.iter();
        sizes.fold(1, |n: usize, &d| n.saturating_mul(d))
    }

    /// Bytes of the elements together.
    pub fn bytes(&self) -> usize {
        self.elements().saturating_mul(self.dtype.size())
    }

    /// Whether an array of this type, however empty, has strides that a machine can count: no more than [`LONGEST`] bytes.
    ///
    /// Every type of a node in a [`Graph`](crate::Graph) and of an array in memory is: products of some of its sizes, and bytes of a part of it, do not wrap.
    #[inline]
    pub fn is_addressable(&self) -> bool {
        let mut sizes = self.shape.iter().filter(|&&d| d > 0);
        let bytes = sizes.try_fold(self.dtype.size(), |n, &d| n.checked_mul(d));
        bytes.is_some_and(|n| n <= LONGEST)
    }

    /// This type, if it is [addressable](Self::is_addressable): what every type passes that an operation gives or a user asks for. `name` is who asked.
    ///
    /// # Errors
    /// If no memory can hold such an array.
    #[inline]
    pub fn checked(self, name: &str) -> Result<Type> {
        if !self.is_addressable() {
            return Err(self.not_addressable(name));
        }
        Ok(self)
    }

    #[cold]
    fn not_addressable(&self, name: &str) -> Error {
        let message = format!("{name}: no memory can hold {self}");
        Error::new(ErrorKind::Shape, message)
    }

    /// The same shape with another element type.
    pub fn with_dtype(&self, dtype: DType) -> Type {
        Type {
            dtype,
            shape: self.shape.clone(),
            form: self.form,
        }
    }

    /// The same element type with another shape.
    pub fn with_shape(&self, shape: &[usize]) -> Type {
        Type::new(self.dtype, shape)
    }

    /// This type with a new leading dimension of size `n`; of a list, each array with it.
    pub fn batched(&self, n: usize) -> Type {
        let mut shape = Dims::with_capacity(self.rank() + 1);
        shape.push(n);
        shape.extend_from_slice(&self.shape);
        Type {
            dtype: self.dtype,
            shape,
            form: self.form,
        }
    }

    /// A list of arrays of this type.
    pub fn listed(&self) -> Type {
        Type {
            form: Form::List,
            ..self.clone()
        }
    }

    /// Whether it is a [list](Form::List) of arrays.
    pub fn is_list(&self) -> bool {
        self.form == Form::List
    }

    /// The type of the arrays of a list.
    pub fn item(&self) -> Type {
        Type {
            form: Form::Array,
            ..self.clone()
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.shape.iter().map(usize::to_string);
        let unknown = self.is_list().then(|| "?".to_string());
        let sizes: Vec<String> = unknown.into_iter().chain(sizes).collect();
        write!(f, "{}[{}]", self.dtype, sizes.join(","))
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Row-major strides of `shape`, in elements.
pub fn row_major_strides(shape: &[usize]) -> SmallVec<[isize; 4]> {
    let mut strides: SmallVec<[isize; 4]> = smallvec::smallvec![0; shape.len()];
    let mut step = 1;
    for i in (0..shape.len()).rev() {
        strides[i] = step as isize;
        step *= shape[i];
    }
    strides
}

/// A single typed number, kept as bits so that it can be compared and hashed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Literal {
    dtype: DType,
    bits: u64,
}

impl Literal {
    /// `value` as a number of type `dtype`: rounded to f32, truncated (saturating) to integers, `value != 0` for bool.
    pub fn from_f64(dtype: DType, value: f64) -> Literal {
        let bits = match dtype {
            DType::F32 => u64::from((value as f32).to_bits()),
            DType::F64 => value.to_bits(),
            DType::I32 => value as i32 as u32 as u64,
            DType::I64 => value as i64 as u64,
            DType::U32 => u64::from(value as u32),
            DType::Bool => u64::from(value != 0.0),
        };
        Literal { dtype, bits }
    }

    /// `value` as a number of type `dtype`; integers wrap.
    pub fn from_i64(dtype: DType, value: i64) -> Literal {
        let bits = match dtype {
            DType::F32 => u64::from((value as f32).to_bits()),
            DType::F64 => (value as f64).to_bits(),
            DType::I32 => value as i32 as u32 as u64,
            DType::I64 => value as u64,
            DType::U32 => u64::from(value as u32),
            DType::Bool => u64::from(value != 0),
        };
        Literal { dtype, bits }
    }

    /// A truth value.
    pub fn from_bool(value: bool) -> Literal {
        Literal {
            dtype: DType::Bool,
            bits: u64::from(value),
        }
    }

    /// The element type.
    pub fn dtype(self) -> DType {
        self.dtype
    }

    /// The value as f64 (integers beyond 2^53 are rounded).
    pub fn as_f64(self) -> f64 {
        match self.dtype {
            DType::F32 => f64::from(f32::from_bits(self.bits as u32)),
            DType::F64 => f64::from_bits(self.bits),
            _ => self.as_i64() as f64,
        }
    }

    /// The value as i64 (floats are truncated).
    pub fn as_i64(self) -> i64 {
        match self.dtype {
            DType::F32 | DType::F64 => self.as_f64() as i64,
            DType::I32 => i64::from(self.bits as u32 as i32),
            DType::I64 => self.bits as i64,
            DType::U32 => i64::from(self.bits as u32),
            DType::Bool => self.bits as i64,
        }
    }

    /// The number of type `dtype` that [`Display`](fmt::Display) prints as `text`, to the same bits.
    pub fn parse(dtype: DType, text: &str) -> Option<Literal> {
        let bits = text
            .strip_prefix("NaN(0x")
            .and_then(|rest| rest.strip_suffix(')'))
            .map(|digits| u64::from_str_radix(digits, 16).ok());
        let bits = match (dtype, bits) {
            (DType::F32, Some(bits)) => bits.filter(|&b| u32::try_from(b).is_ok())?,
            (DType::F64, Some(bits)) => bits?,
            (DType::F32, None) => u64::from(text.parse::<f32>().ok()?.to_bits()),
            (DType::F64, None) => text.parse::<f64>().ok()?.to_bits(),
            (DType::I32, _) => u64::from(text.parse::<i32>().ok()? as u32),
            (DType::I64, _) => text.parse::<i64>().ok()? as u64,
            (DType::U32, _) => u64::from(text.parse::<u32>().ok()?),
            (DType::Bool, _) => u64::from(text.parse::<bool>().ok()?),
        };
        Some(Literal { dtype, bits })
    }

    /// The value in native byte order; the first [`DType::size`] bytes count.
    pub fn to_ne_bytes(self) -> [u8; 8] {
        let mut out = [0; 8];
        match self.dtype.size() {
            1 => out[0] = self.bits as u8,
            4 => out[..4].copy_from_slice(&(self.bits as u32).to_ne_bytes()),
            _ => out.copy_from_slice(&self.bits.to_ne_bytes()),
        }
        out
    }

    /// The number held in the first [`DType::size`] bytes of `bytes`.
    ///
    /// # Panics
    /// If `bytes` is shorter than that.
    pub fn from_ne_bytes(dtype: DType, bytes: &[u8]) -> Literal {
        let bits = match dtype.size() {
            1 => u64::from(bytes[0]),
            4 => u64::from(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
            _ => {
                let mut b = [0; 8];
                b.copy_from_slice(&bytes[..8]);
                u64::from_ne_bytes(b)
            }
        };
        Literal { dtype, bits }
    }

    /// Whether this is exactly `value` (`-0.0` counts as `0.0`).
    pub fn is(self, value: f64) -> bool {
        self.as_f64() == value
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is no number has many encodings; all but the usual one are spelled out.
        let usual = match self.dtype {
            DType::F32 => u64::from(f32::NAN.to_bits()),
            _ => f64::NAN.to_bits(),
        };
        match self.dtype {
            DType::F32 | DType::F64 if self.as_f64().is_nan() && self.bits != usual => {
                write!(f, "NaN(0x{:x})", self.bits)
            }
            DType::F32 => write!(f, "{:?}", f32::from_bits(self.bits as u32)),
            DType::F64 => write!(f, "{:?}", f64::from_bits(self.bits)),
            DType::Bool => write!(f, "{}", self.bits != 0),
            _ => write!(f, "{}", self.as_i64()),
        }
    }
}

impl fmt::Debug for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}{}", self.dtype)
    }
}
