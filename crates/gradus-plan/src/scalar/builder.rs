//! Writes scalar programs by formula.

use super::{Edge, ScalarGraph};
use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Records a scalar program while it is evaluated at a point, with one vertex per operation.
///
/// A constant has no vertex: `2.0 * x` is an operation of one operand.
/// The builder simplifies nothing and shares only what the formula shares: `x.sin() * x.sin()` has two sines.
///
/// ```
/// use gradus_plan::scalar::Builder;
///
/// let b = Builder::new(&[2.0, 3.0]);
/// let [x, y] = b.inputs();
/// let graph = b.finish(&[x * y + 1.0]);
/// assert_eq!(graph.jacobian(&graph.reverse_order()).unwrap(), [[3.0, 2.0]]);
/// assert_eq!(graph.multiplications(&graph.reverse_order()), Ok(2));
/// ```
#[derive(Debug)]
pub struct Builder {
    inputs: usize,
    record: RefCell<Record>,
}

#[derive(Debug)]
struct Record {
    values: Vec<f64>,
    edges: Vec<Edge>,
}

/// A scalar of a program that is being recorded.
#[derive(Clone, Copy, Debug)]
pub struct Var<'b> {
    builder: &'b Builder,
    vertex: usize,
}

impl Builder {
    /// Begins a program whose inputs have these values.
    pub fn new(point: &[f64]) -> Builder {
        Builder {
            inputs: point.len(),
            record: RefCell::new(Record {
                values: point.to_vec(),
                edges: Vec::new(),
            }),
        }
    }

    /// The inputs.
    ///
    /// # Panics
    /// If the point has a different number of inputs.
    pub fn inputs<const N: usize>(&self) -> [Var<'_>; N] {
        assert_eq!(N, self.inputs, "the point has a different number of inputs");
        std::array::from_fn(|vertex| Var {
            builder: self,
            vertex,
        })
    }

    /// Ends the program and returns its graph.
    pub fn finish(&self, outputs: &[Var<'_>]) -> ScalarGraph {
        let record = self.record.borrow();
        let outputs: Vec<usize> = outputs.iter().map(|o| o.vertex).collect();
        let edges = record.edges.iter().copied();
        ScalarGraph::new(self.inputs, record.values.len(), edges, &outputs)
            .expect("operands are recorded before what uses them")
    }

    fn push(&self, value: f64, operands: &[(usize, f64)]) -> Var<'_> {
        let mut record = self.record.borrow_mut();
        let vertex = record.values.len();
        record.values.push(value);
        for &(from, partial) in operands {
            record.edges.push(Edge {
                from,
                to: vertex,
                partial,
            });
        }
        Var {
            builder: self,
            vertex,
        }
    }
}

impl<'b> Var<'b> {
    /// The value at the point.
    pub fn value(self) -> f64 {
        self.builder.record.borrow().values[self.vertex]
    }

    /// Records an operation of one operand, given its value and its derivative at the point.
    pub fn unary(self, value: f64, partial: f64) -> Var<'b> {
        self.builder.push(value, &[(self.vertex, partial)])
    }

    /// Records an operation of two operands, given its value and its partial derivatives at the point.
    ///
    /// # Panics
    /// If the operands belong to different programs.
    pub fn binary(self, other: Var<'b>, value: f64, partials: [f64; 2]) -> Var<'b> {
        assert!(
            std::ptr::eq(self.builder, other.builder),
            "the operands belong to different programs"
        );
        let operands = [(self.vertex, partials[0]), (other.vertex, partials[1])];
        self.builder.push(value, &operands)
    }

    /// The sine.
    pub fn sin(self) -> Var<'b> {
        let x = self.value();
        self.unary(x.sin(), x.cos())
    }

    /// The cosine.
    pub fn cos(self) -> Var<'b> {
        let x = self.value();
        self.unary(x.cos(), -x.sin())
    }

    /// The exponential.
    pub fn exp(self) -> Var<'b> {
        let y = self.value().exp();
        self.unary(y, y)
    }

    /// The natural logarithm.
    pub fn ln(self) -> Var<'b> {
        let x = self.value();
        self.unary(x.ln(), 1.0 / x)
    }

    /// The square root.
    pub fn sqrt(self) -> Var<'b> {
        let y = self.value().sqrt();
        self.unary(y, 0.5 / y)
    }

    /// The absolute value, with slope 0 at 0.
    pub fn abs(self) -> Var<'b> {
        let x = self.value();
        let slope = if x == 0.0 { 0.0 } else { x.signum() };
        self.unary(x.abs(), slope)
    }

    /// An integer power, as one operation.
    pub fn powi(self, n: i32) -> Var<'b> {
        let x = self.value();
        let slope = if n == 0 {
            0.0
        } else {
            f64::from(n) * x.powi(n - 1)
        };
        self.unary(x.powi(n), slope)
    }

    /// The angle of the point `(x, self)`.
    pub fn atan2(self, x: Var<'b>) -> Var<'b> {
        let (b, a) = (self.value(), x.value());
        let square = a * a + b * b;
        self.binary(x, b.atan2(a), [a / square, -b / square])
    }
}

/// An operator between variables, and between a variable and a constant on either side.
///
/// A partial derivative can ignore both values, for example in a sum.
macro_rules! operator {
    ($trait:ident, $method:ident, |$a:ident, $b:ident| $value:expr, $by_a:expr, $by_b:expr) => {
        impl<'b> $trait for Var<'b> {
            type Output = Var<'b>;
            fn $method(self, other: Var<'b>) -> Var<'b> {
                let ($a, $b) = (self.value(), other.value());
                self.binary(other, $value, [$by_a, $by_b])
            }
        }
        impl<'b> $trait<f64> for Var<'b> {
            type Output = Var<'b>;
            #[allow(unused_variables)]
            fn $method(self, $b: f64) -> Var<'b> {
                let $a = self.value();
                self.unary($value, $by_a)
            }
        }
        impl<'b> $trait<Var<'b>> for f64 {
            type Output = Var<'b>;
            #[allow(unused_variables)]
            fn $method(self, other: Var<'b>) -> Var<'b> {
                let ($a, $b) = (self, other.value());
                other.unary($value, $by_b)
            }
        }
    };
}

operator!(Add, add, |a, b| a + b, 1.0, 1.0);
operator!(Sub, sub, |a, b| a - b, 1.0, -1.0);
operator!(Mul, mul, |a, b| a * b, b, a);
operator!(Div, div, |a, b| a / b, 1.0 / b, -a / (b * b));

impl<'b> Neg for Var<'b> {
    type Output = Var<'b>;
    fn neg(self) -> Var<'b> {
        self.unary(-self.value(), -1.0)
    }
}
