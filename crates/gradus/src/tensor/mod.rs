//! Functions of several [`Tensor`]s, and the traits of the arguments of its methods.
//!
//! The methods themselves are listed with [`Tensor`].

mod broadcast;
mod compare;
mod construct;
mod display;
mod einsum;
pub(crate) mod handle;
mod index;
pub(crate) mod integers;
mod math;
mod operators;
mod other_names;
mod product;
mod read;
mod reduce;
mod shape_ops;
mod sort;
pub(crate) mod widened;

pub use broadcast::Operand;
pub use compare::where_;
pub use construct::SequenceNumber;
pub use einsum::einsum;
#[doc(inline)]
pub use gradus_engine::Element;
pub(crate) use handle::{Repr, Tensor, Traced};
pub use integers::{AxisRange, Integer, Integers};
pub use math::elementwise_functions;
#[allow(deprecated)]
pub use other_names::{cat, concat};
pub use shape_ops::{concatenate, stack};
