//! Shared by elementwise functions of one and of two operands:
//! the element types of a function, its value, its slope.

use crate::graph::{Graph, ValueId};

/// Defines an enum of elementwise functions, each in the section of its element types.
///
/// The macro also defines enums of the functions that floats have, that integers have, and that booleans have.
/// The method `on` maps an element type to the function of its elements.
///
/// `on` is the type rule. A backend that matches on its result has a kernel for every pair that the rule allows.
macro_rules! functions {
    (
        $(#[$meta:meta])*
        pub enum $name:ident;
        $(#[$on_meta:meta])*
        pub enum $on:ident { $float:ident, $integer:ident, $bool:ident }
        numbers { $($(#[$n_doc:meta])* $n:ident,)* }
        floats { $($(#[$f_doc:meta])* $f:ident,)* }
        integers { $($(#[$i_doc:meta])* $i:ident,)* }
        integers_and_truth_values { $($(#[$b_doc:meta])* $b:ident,)* }
        all_elements { $($(#[$a_doc:meta])* $a:ident,)* }
        $(numbers_with { $(#[$p_doc:meta])* $p:ident($p_type:ty) such as $p_example:expr, })?
        $(floats_with { $(#[$q_doc:meta])* $q:ident($q_type:ty) such as $q_example:expr, })?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $name {
            $($(#[$n_doc])* $n,)*
            $($(#[$f_doc])* $f,)*
            $($(#[$i_doc])* $i,)*
            $($(#[$b_doc])* $b,)*
            $($(#[$a_doc])* $a,)*
            $($(#[$p_doc])* $p($p_type),)?
            $($(#[$q_doc])* $q($q_type),)?
        }

        impl $name {
            const COUNT: usize = [
                $(stringify!($n),)* $(stringify!($f),)* $(stringify!($i),)* $(stringify!($b),)*
                $(stringify!($a),)* $(stringify!($p),)? $(stringify!($q),)?
            ]
            .len();

            /// All functions, with one example of those with a parameter.
            pub const ALL: [$name; $name::COUNT] = [
                $($name::$n,)* $($name::$f,)* $($name::$i,)* $($name::$b,)* $($name::$a,)*
                $($name::$p($p_example),)? $($name::$q($q_example),)?
            ];

            /// The function of elements of type `dtype`; `None` if they do not have it.
            pub fn on(self, dtype: DType) -> Option<$on> {
                match dtype.kind() {
                    Kind::Float(float) => Some(match self {
                        $($name::$n => $on::Float($float::$n, float),)*
                        $($name::$f => $on::Float($float::$f, float),)*
                        $($name::$a => $on::Float($float::$a, float),)*
                        $($name::$p(p) => $on::$p(p, NumberType::Float(float)),)?
                        $($name::$q(q) => $on::$q(q, float),)?
                        $($name::$i => return None,)*
                        $($name::$b => return None,)*
                    }),
                    Kind::Integer(integer) => Some(match self {
                        $($name::$n => $on::Integer($integer::$n, integer),)*
                        $($name::$i => $on::Integer($integer::$i, integer),)*
                        $($name::$b => $on::Integer($integer::$b, integer),)*
                        $($name::$a => $on::Integer($integer::$a, integer),)*
                        $($name::$p(p) => $on::$p(p, NumberType::Integer(integer)),)?
                        $($name::$q(_) => return None,)?
                        $($name::$f => return None,)*
                    }),
                    Kind::Bool => Some(match self {
                        $($name::$b => $on::Bool($bool::$b),)*
                        $($name::$a => $on::Bool($bool::$a),)*
                        $($name::$p(_) => return None,)?
                        $($name::$q(_) => return None,)?
                        $($name::$n => return None,)*
                        $($name::$f => return None,)*
                        $($name::$i => return None,)*
                    }),
                }
            }
        }

        $(#[$on_meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $on {
            /// A function of floating-point numbers.
            Float($float, FloatType),
            /// A function of integers.
            Integer($integer, IntegerType),
            /// A function of booleans.
            Bool($bool),
            $($(#[$p_doc])* $p($p_type, NumberType),)?
            $($(#[$q_doc])* $q($q_type, FloatType),)?
        }

        listed! {
            /// The functions that floating-point numbers have.
            #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
            pub enum $float { $($(#[$n_doc])* $n,)* $($(#[$f_doc])* $f,)* $($(#[$a_doc])* $a,)* }
        }

        listed! {
            /// The functions that integers have.
            #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
            pub enum $integer {
                $($(#[$n_doc])* $n,)* $($(#[$i_doc])* $i,)* $($(#[$b_doc])* $b,)* $($(#[$a_doc])* $a,)*
            }
        }

        listed! {
            /// The functions that booleans have.
            #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
            pub enum $bool { $($(#[$b_doc])* $b,)* $($(#[$a_doc])* $a,)* }
        }
    };
}

pub(super) use functions;

/// The value of a function whose every bit follows from IEEE 754 or from wrapping arithmetic.
/// It computes literals.
///
/// For floats it is computed in f64 and rounded to the type, for integers in i64 and wrapped.
/// A function whose kernels round differently has no value here.
#[derive(Clone, Copy)]
pub(crate) struct Value<F, I, B> {
    /// The value for floats.
    pub float: Option<F>,
    /// The value for integers.
    pub integer: Option<I>,
    /// The value for booleans.
    pub truth: Option<B>,
}

impl<F, I, B> Value<F, I, B> {
    /// Only kernels compute the function.
    pub(super) const BY_KERNELS: Value<F, I, B> = Value {
        float: None,
        integer: None,
        truth: None,
    };

    pub(super) fn numbers(float: F, integer: I) -> Value<F, I, B> {
        Value {
            float: Some(float),
            integer: Some(integer),
            truth: None,
        }
    }

    pub(super) fn floats(float: F) -> Value<F, I, B> {
        Value {
            float: Some(float),
            ..Value::BY_KERNELS
        }
    }

    pub(super) fn integers_and_truth_values(integer: I, truth: B) -> Value<F, I, B> {
        Value {
            float: None,
            integer: Some(integer),
            truth: Some(truth),
        }
    }

    pub(super) fn all(float: F, integer: I, truth: B) -> Value<F, I, B> {
        Value {
            float: Some(float),
            integer: Some(integer),
            truth: Some(truth),
        }
    }
}

/// The derivative of a function by one operand, as its effect on the tangent.
pub(super) enum Slope {
    Zero,
    One,
    MinusOne,
    Times(ValueId),
    Over(ValueId),
}

impl Slope {
    /// Turns the tangent `t` of the operand into a tangent of the result.
    pub(super) fn apply(self, g: &mut Graph, t: ValueId) -> Option<ValueId> {
        match self {
            Slope::Zero => None,
            Slope::One => Some(t),
            Slope::MinusOne => Some(g.unary(super::Unary::Neg, t)),
            Slope::Times(slope) => Some(g.mul(slope, t)),
            Slope::Over(inverse) => Some(g.div(t, inverse)),
        }
    }
}

/// The element types of a function for messages, by whether floats, integers and booleans have it.
pub(super) fn taken(kinds: [bool; 3]) -> &'static str {
    match kinds {
        [true, true, true] => "anything",
        [true, true, false] => "numbers",
        [true, false, _] => "floating-point numbers",
        [false, true, true] => "booleans or integers",
        [false, true, false] => "integers",
        [false, false, _] => "booleans",
    }
}
