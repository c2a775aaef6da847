//! Concrete arrays and their memory.

use crate::free_blocks::FreeBlocks;
use crate::limit::{self, Bytes, Shortage};
use crate::near_blocks::NearBlocks;
use crate::slice::SliceMut;
use gradus_ir::{DType, Error, ErrorKind, Literal, Result, Type, bf16};
use smallvec::SmallVec;
use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A Rust type that arrays can hold.
pub trait Element:
    Copy + Send + Sync + PartialEq + std::fmt::Debug + 'static + sealed::Sealed
{
    /// The element type.
    const DTYPE: DType;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! elements {
    ($($t:ty => $d:ident),*) => {$(
        impl sealed::Sealed for $t {}
        impl Element for $t {
            const DTYPE: DType = DType::$d;
        }
    )*};
}

elements!(bf16 => BF16, f32 => F32, f64 => F64, i32 => I32, i64 => I64, u32 => U32, bool => Bool);

/// The alignment of array memory: a cache line, which is also the widest vector register.
pub const ALIGNMENT: usize = 64;

/// The most bytes in free blocks that are kept for reuse.
const KEPT_BYTES: usize = 256 << 20;

/// The size of a large page of memory, on most processors.
const LARGE_PAGE: usize = 2 << 20;
/// The smallest block for which large pages are asked for. The processor finds the place of any element of a large
/// page at once; an array of many small pages has more places than it remembers.
const LARGE_BLOCK: usize = 2 * LARGE_PAGE;

/// Debug builds fill unused memory with this byte: as a float it is NaN,
/// as an index -1, and it is not a valid boolean.
pub const NOTHING: u8 = 0xff;

/// Bytes after each block that no kernel may write: debug builds check them when the block is given back.
/// A memory checker detects more without them.
const GUARD: usize = if cfg!(debug_assertions) && !cfg!(exact_blocks) {
    ALIGNMENT
} else {
    0
};

static FRESH: AtomicU64 = AtomicU64::new(0);

/// The number of blocks of array memory that the process has requested from the system so far.
/// Reused blocks do not count.
pub fn allocations() -> u64 {
    FRESH.load(Ordering::Relaxed)
}

static FREE: Mutex<FreeBlocks> = Mutex::new(FreeBlocks::new(KEPT_BYTES));

/// Larger blocks have no size, and no machine has that much memory.
const MOST_BYTES: usize = isize::MAX as usize / 2;

thread_local! {
    static NEAR: Near = const { Near(NearBlocks::new()) };
}

/// The small free blocks of a thread. When it ends, the others get them.
struct Near(NearBlocks);

impl Drop for Near {
    fn drop(&mut self) {
        for (block, size) in self.0.take_all() {
            keep_for_all(block, size);
        }
    }
}

/// Gives the free blocks back to the system, but for the small ones of other threads.
pub(crate) fn release_memory() {
    // A thread that ends has no blocks of its own.
    let _ = NEAR.try_with(|near| {
        for (block, size) in near.0.take_all() {
            free_block(block, size);
        }
    });
    let all = free_blocks().take_all();
    all.for_each(|(block, size)| free_block(block, size));
}

/// The bytes of free blocks that are kept for all threads.
pub fn free_bytes() -> usize {
    free_blocks().bytes()
}

#[inline]
fn free_blocks() -> MutexGuard<'static, FreeBlocks> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A free block of this size, if there is one.
#[inline]
fn kept(size: usize) -> Option<NonNull<u8>> {
    let near = NEAR.try_with(|near| near.0.take(size)).ok().flatten();
    near.or_else(|| free_blocks().take(size))
}

/// Keeps a block of this size, which no buffer has: for this thread if it is small.
#[inline]
fn keep(block: NonNull<u8>, size: usize) {
    let is_near = NEAR.try_with(|near| near.0.keep(block, size));
    if !is_near.unwrap_or(false) {
        keep_for_all(block, size);
    }
}

/// Keeps a block of this size, which no buffer has, for all threads.
fn keep_for_all(block: NonNull<u8>, size: usize) {
    let gone = free_blocks().keep(block, size);
    gone.into_iter()
        .for_each(|(block, size)| free_block(block, size));
}

/// Gives a block of this size, which no buffer has, back to the system.
fn free_block(start: NonNull<u8>, size: usize) {
    limit::leave(size);
    // SAFETY: `Buffer::fresh` has allocated the block with this layout.
    unsafe { dealloc(start.as_ptr(), layout(size)) };
}

/// The size of the block for `len` bytes.
/// Release builds use powers of two and quarter steps between them,
/// so that one block serves arrays of several sizes.
/// Debug builds use the exact size, so that an access beyond it is found.
#[inline]
fn block_size(len: usize) -> usize {
    if cfg!(debug_assertions) {
        return len.max(1) + GUARD;
    }
    let len = len.max(ALIGNMENT);
    // The lower bits are rounded up to a quarter of the largest power of two in `len`, without a division.
    let below = (1usize << (len.ilog2() - 2)) - 1;
    (len + below) & !below
}

/// A block of aligned memory.
#[derive(Debug)]
pub struct Buffer {
    start: NonNull<u8>,
    /// The requested size.
    len: usize,
}

// SAFETY: a buffer owns its memory, because `FreeBlocks::take` hands out each block once.
// Shared arrays are only read: `in_its_memory` gives out a writable alias only while no one else holds the buffer.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// A block of `len` bytes with unspecified but initialised contents.
    ///
    /// # Errors
    /// If the memory is not available. The caller adds what it was for.
    #[inline]
    pub fn new(len: usize) -> Result<Buffer, Shortage> {
        if len > MOST_BYTES {
            return Err(Shortage::MACHINE);
        }
        let size = block_size(len);
        let start = match kept(size) {
            Some(start) => start,
            None => Buffer::fresh(size)?,
        };
        Ok(Buffer { start, len })
    }

    /// A new block from the system.
    fn fresh(size: usize) -> Result<NonNull<u8>, Shortage> {
        limit::enter(size)?;
        FRESH.fetch_add(1, Ordering::Relaxed);
        // SAFETY: `block_size` gives at least one byte.
        let block = || NonNull::new(unsafe { alloc(layout(size)) });
        let found = block().or_else(|| {
            limit::release();
            block()
        });
        let Some(start) = found else {
            limit::leave(size);
            return Err(Shortage::REFUSED);
        };
        #[cfg(target_os = "linux")]
        if size >= LARGE_BLOCK {
            // SAFETY: the block begins on a page and has these bytes, and the advice changes none of them.
            // A system that does not take it goes on with small pages.
            unsafe { libc::madvise(start.as_ptr().cast(), size, libc::MADV_HUGEPAGE) };
        }
        let fill = if cfg!(debug_assertions) { NOTHING } else { 0 };
        // SAFETY: the block was just allocated with `size` bytes.
        unsafe { start.as_ptr().write_bytes(fill, size) };
        Ok(start)
    }

    /// Its first byte.
    #[inline]
    pub fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// The requested bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `new` has initialised `block_size(len)` bytes, which are at least `len`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// In debug builds: checks that nothing was written after the block,
    /// and fills it so that its old contents are not read.
    fn retire(&self) {
        // SAFETY: `new` has initialised `block_size(len)` bytes; the guard is at their end.
        let (block, guard) = unsafe {
            let all = std::slice::from_raw_parts_mut(self.start.as_ptr(), block_size(self.len));
            all.split_at_mut(self.len.max(1))
        };
        let intact = guard.iter().all(|&byte| byte == NOTHING);
        assert!(
            intact || std::thread::panicking(),
            "something was written behind an array of {} bytes",
            self.len
        );
        block.fill(NOTHING);
        guard.fill(NOTHING);
    }
}

impl Drop for Buffer {
    #[inline]
    fn drop(&mut self) {
        if cfg!(debug_assertions) {
            self.retire();
        }
        keep(self.start, block_size(self.len));
    }
}

fn layout(size: usize) -> Layout {
    let alignment = if size < LARGE_BLOCK {
        ALIGNMENT
    } else {
        LARGE_PAGE
    };
    match Layout::from_size_align(size, alignment) {
        Ok(layout) => layout,
        Err(_) => unreachable!("larger blocks are refused"),
    }
}

/// The error of an operation `name` whose result, an array of type `ty`, needs more memory than is available.
pub fn too_large(name: &str, ty: &Type, shortage: Shortage) -> Error {
    let bytes = Bytes(ty.bytes() as u64);
    shortage.error(format_args!("{name}: {ty} takes {bytes}"))
}

/// An empty list with room for `n` values; `name` is the operation that asks for it.
///
/// # Errors
/// If the memory is not available.
pub fn with_room<T>(name: &str, n: usize) -> Result<Vec<T>> {
    let bytes = n.saturating_mul(size_of::<T>());
    let wanted = format_args!("{name}: a list of {n} values takes {}", Bytes(bytes as u64));
    limit::allow(bytes).map_err(|s| s.error(wanted))?;
    let mut list = Vec::new();
    match list.try_reserve_exact(n) {
        Ok(()) => Ok(list),
        Err(_) => Err(Shortage::REFUSED.error(wanted)),
    }
}

/// A concrete array: a type and its elements in row-major order. Cloning copies no elements.
#[derive(Clone, Debug)]
pub struct Array {
    ty: Type,
    buffer: Arc<Buffer>,
}

impl Array {
    /// The array of `values` in row-major order.
    ///
    /// # Errors
    /// If the number of values does not fit the shape, or memory cannot hold a copy.
    pub fn from_slice<T: Element>(values: &[T], shape: &[usize]) -> Result<Array> {
        let ty = Type::new(T::DTYPE, shape);
        if ty.elements() != values.len() {
            return Err(Error::new(
                ErrorKind::Shape,
                format!(
                    "{} numbers for the shape {shape:?}, which has {} elements",
                    values.len(),
                    ty.elements()
                ),
            ));
        }
        let ty = ty.checked("array")?;
        let buffer = Buffer::new(ty.bytes()).map_err(|s| too_large("an array", &ty, s))?;
        // SAFETY: there are as many values as elements, by the check above; the buffer has their bytes, and is not
        // shared yet.
        unsafe {
            std::ptr::copy_nonoverlapping(values.as_ptr().cast::<u8>(), buffer.start(), ty.bytes());
            Ok(Array::new(ty, buffer))
        }
    }

    /// Like [`from_slice`](Self::from_slice), but takes ownership of the values.
    ///
    /// # Errors
    /// See [`from_slice`](Self::from_slice).
    pub fn from_vec<T: Element>(values: Vec<T>, shape: &[usize]) -> Result<Array> {
        Array::from_slice(&values, shape)
    }

    /// The array with these bytes as its elements, in native order.
    ///
    /// # Errors
    /// If there are too many or too few bytes, memory cannot hold a copy, or a boolean is neither 0 nor 1.
    pub fn from_bytes(ty: Type, bytes: &[u8]) -> Result<Array> {
        let ty = ty.checked("array")?;
        if ty.bytes() != bytes.len() {
            return Err(Error::new(
                ErrorKind::Data,
                format!("{} bytes for {ty}, which has {}", bytes.len(), ty.bytes()),
            ));
        }
        if ty.dtype == DType::Bool && bytes.iter().any(|&b| b > 1) {
            return Err(Error::new(
                ErrorKind::Data,
                format!("a byte of {ty} is neither 0 nor 1"),
            ));
        }
        let buffer = Buffer::new(bytes.len()).map_err(|s| too_large("an array", &ty, s))?;
        // SAFETY: the buffer was just made with that many bytes,
        // and is not shared yet; booleans are checked above.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.start(), bytes.len());
            Ok(Array::new(ty, buffer))
        }
    }

    /// The array of `shape` whose elements are `element(0)`, `element(1)`, … in row-major order;
    /// `name` is the operation that asks for it.
    ///
    /// # Errors
    /// If memory cannot hold it.
    pub fn generate<T: Element>(
        name: &str,
        shape: &[usize],
        element: impl Fn(usize) -> T,
    ) -> Result<Array> {
        let ty = Type::new(T::DTYPE, shape);
        let buffer = Buffer::new(ty.bytes()).map_err(|s| too_large(name, &ty, s))?;
        let start = buffer.start().cast::<T>();
        for i in 0..ty.elements() {
            // SAFETY: the buffer has room for as many elements, and is not shared yet.
            unsafe { start.add(i).write(element(i)) };
        }
        // SAFETY: all elements are written.
        Ok(unsafe { Array::new(ty, buffer) })
    }

    /// The array of `shape` whose elements are all `value`.
    ///
    /// # Errors
    /// If memory cannot hold it.
    pub fn filled(value: Literal, shape: &[usize]) -> Result<Array> {
        let ty = Type::new(value.dtype(), shape);
        let buffer = Buffer::new(ty.bytes()).map_err(|s| too_large("an array", &ty, s))?;
        let size = ty.dtype.size();
        let bytes = value.to_ne_bytes();
        for i in 0..ty.elements() {
            // SAFETY: the buffer has `elements · size` bytes,
            // a product that does not wrap because the type is addressable.
            unsafe {
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.start().add(i * size), size);
            }
        }
        // SAFETY: all elements are written.
        Ok(unsafe { Array::new(ty, buffer) })
    }

    /// Gives arrays of these types to `each`, in order, after `write` has written them. They are zeros before.
    /// `None` if memory cannot hold them. After an error there are none.
    #[inline]
    pub fn written_by(
        types: &[Type],
        write: impl FnOnce(&mut [SliceMut<'_>]) -> Result<()>,
        mut each: impl FnMut(Array),
    ) -> Option<Result<()>> {
        let mut buffers: SmallVec<[Buffer; 4]> = SmallVec::new();
        for ty in types {
            let buffer = Buffer::new(ty.bytes()).ok()?;
            // SAFETY: the buffer has these bytes, and is not shared.
            unsafe { buffer.start().write_bytes(0, ty.bytes()) };
            buffers.push(buffer);
        }
        let mut slices: SmallVec<[SliceMut<'_>; 4]> = SmallVec::new();
        for (buffer, ty) in buffers.iter_mut().zip(types) {
            slices.push(SliceMut::of_buffer(buffer, ty));
        }
        let outcome = write(&mut slices);
        drop(slices);
        if outcome.is_ok() {
            // A drain does not move the list.
            for (buffer, ty) in buffers.drain(..).zip(types) {
                // SAFETY: the buffer has the bytes of the type; all are written, those of booleans with 0 or 1.
                each(unsafe { Array::new(ty.clone(), buffer) });
            }
        }
        Some(outcome)
    }

    /// The array of type `ty` in this buffer.
    ///
    /// # Safety
    /// The buffer has the bytes of the type.
    /// Before the elements are read, each byte is written, and booleans as 0 or 1.
    #[inline]
    pub unsafe fn new(ty: Type, buffer: Buffer) -> Array {
        debug_assert!(buffer.len >= ty.bytes());
        Array {
            ty,
            buffer: Arc::new(buffer),
        }
    }

    /// The element type and shape.
    #[inline]
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// The elements' bytes, in native order.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer.bytes()[..self.ty.bytes()]
    }

    /// The elements, if they are of type `T`.
    pub fn as_slice<T: Element>(&self) -> Option<&[T]> {
        if self.ty.dtype != T::DTYPE {
            return None;
        }
        // SAFETY: `layout` aligns memory for every element type, and the buffer was made for this type's bytes;
        // bytes of `bool` are 0 or 1 by the check in `from_bytes` and because kernels write no others.
        Some(unsafe {
            std::slice::from_raw_parts(self.buffer.start().cast::<T>(), self.ty.elements())
        })
    }

    /// The element at position `i` in row-major order.
    ///
    /// # Panics
    /// If there is no such element.
    pub fn get(&self, i: usize) -> Literal {
        let size = self.ty.dtype.size();
        Literal::from_ne_bytes(self.ty.dtype, &self.bytes()[i * size..(i + 1) * size])
    }

    /// The address of the first element.
    #[inline]
    pub fn start(&self) -> *mut u8 {
        self.buffer.start()
    }

    /// Reuses this array's buffer for a result of type `ty`. Returns `None` if the buffer is shared.
    ///
    /// # Safety
    /// The type has as many bytes as this array.
    /// This array is not read after the result is written, and the result is not read before.
    pub unsafe fn in_its_memory(&mut self, ty: &Type) -> Option<Array> {
        debug_assert_eq!(self.ty.bytes(), ty.bytes());
        Arc::get_mut(&mut self.buffer)?;
        Some(Array {
            ty: ty.clone(),
            buffer: Arc::clone(&self.buffer),
        })
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    #[test]
    fn memory_given_back_holds_nothing() {
        // A size that no other test uses.
        let len = 12_345;
        let buffer = Buffer::new(len).unwrap();
        // SAFETY: the buffer has that many bytes.
        unsafe { buffer.start().write_bytes(1, len) };
        drop(buffer);
        let again = Buffer::new(len).unwrap();
        assert!(again.bytes().iter().all(|&byte| byte == NOTHING));
    }

    #[test]
    #[cfg(not(exact_blocks))]
    #[should_panic(expected = "something was written behind an array of 13 bytes")]
    fn a_write_of_one_byte_behind_an_array_is_found() {
        let buffer = Buffer::new(13).unwrap();
        // SAFETY: debug builds have a guard there.
        unsafe { buffer.start().add(13).write(0) };
    }
}
