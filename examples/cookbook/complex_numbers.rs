//! Complex numbers as pairs of real numbers. Their derivatives follow from forward and reverse mode of the pairs.
//! There are no complex tensors yet.
//!
//! A function of complex numbers has four real derivatives.
//! JAX's `grad` takes the real part u and returns the number ∂u/∂x - i·∂u/∂y.
//! For a holomorphic function this is its derivative.
//! PyTorch returns the conjugate, the direction in which u rises most.
//!
//! JAX, "The Autodiff Cookbook": Complex numbers and differentiation.
//! PyTorch, "Autograd mechanics": Autograd for Complex Numbers.

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_near, assert_prints, assert_within};

#[derive(Tree, Clone)]
struct Complex {
    re: Tensor,
    im: Tensor,
}

impl Complex {
    fn new(re: impl Into<Tensor>, im: impl Into<Tensor>) -> Complex {
        let (re, im) = (re.into(), im.into());
        Complex { re, im }
    }

    fn conj(&self) -> Complex {
        Complex::new(self.re.clone(), -&self.im)
    }

    fn add(&self, other: &Complex) -> Complex {
        Complex::new(&self.re + &other.re, &self.im + &other.im)
    }

    fn sub(&self, other: &Complex) -> Complex {
        Complex::new(&self.re - &other.re, &self.im - &other.im)
    }

    fn mul(&self, other: &Complex) -> Complex {
        let (a, b, c, d) = (&self.re, &self.im, &other.re, &other.im);
        Complex::new(a * c - b * d, a * d + b * c)
    }

    fn scale(&self, by: &Tensor) -> Complex {
        Complex::new(&self.re * by, &self.im * by)
    }

    fn sin(&self) -> Complex {
        let (x, y) = (&self.re, &self.im);
        Complex::new(x.sin() * y.cosh(), x.cos() * y.sinh())
    }
}

/// The result of JAX's `grad`, which differentiates the real part of the function.
fn slope(f: impl Fn(&Complex) -> Complex, z: &Complex) -> Complex {
    grad(|z: &Complex| f(z).re)(z).conj()
}

/// The derivatives by z and by its conjugate:
/// half the sum and half the difference of the derivatives by x and by y/i.
fn wirtinger(f: impl Fn(&Complex) -> Complex, z: &Complex) -> [Complex; 2] {
    let along = |re: f64, im: f64| jvp(&f, z, &Complex::new(re, im)).1;
    let half = Tensor::from(0.5);
    let (by_x, by_iy) = (
        along(1.0, 0.0),
        along(0.0, 1.0).mul(&Complex::new(0.0, -1.0)),
    );
    [by_x.add(&by_iy), by_x.sub(&by_iy)].map(|z| z.scale(&half))
}

/// The entries, row by row, of the lower triangular matrix
/// in Cholesky's decomposition of the Hermitian part of `a`.
fn cholesky(a: &Complex, n: usize) -> Vec<Vec<Complex>> {
    let part = |t: &Tensor, i: usize, j: usize| t.at(i).at(j);
    let at = |i, j| Complex::new(part(&a.re, i, j), part(&a.im, i, j));
    let mut rows: Vec<Vec<Complex>> = Vec::new();
    for i in 0..n {
        let mut row: Vec<Complex> = Vec::new();
        for j in 0..=i {
            let mut left = at(i, j).add(&at(j, i).conj()).scale(&Tensor::from(0.5));
            let above = rows.get(j).unwrap_or(&row);
            for (p, q) in row.iter().zip(above).take(j) {
                left = left.sub(&p.mul(&q.conj()));
            }
            let entry = match rows.get(j) {
                Some(above) => left.scale(&(1.0 / &above[j].re)),
                None => Complex::new(left.re.sqrt(), 0.0),
            };
            row.push(entry);
        }
        rows.push(row);
    }
    rows
}

/// The sum of (l - sin l)² over the entries of the decomposition.
fn of_cholesky(a: &Complex) -> Complex {
    let mut sum = Complex::new(0.0, 0.0);
    for l in cholesky(a, 3).iter().flatten() {
        let gap = l.sub(&l.sin());
        sum = sum.add(&gap.mul(&gap));
    }
    sum
}

fn assert_is(got: &Complex, re: impl Into<Tensor>, im: impl Into<Tensor>) {
    assert_prints(&got.re, re);
    assert_prints(&got.im, im);
}

/// |z|²
fn squared(z: &Complex) -> Complex {
    Complex::new(z.re.square() + z.im.square(), 0.0)
}

/// A linear function by forward and reverse mode, against its four slopes: the page's checks.
fn linear(seed: u64) {
    let [key, of_slopes] = random::key(seed).split();
    let [key, of_point] = key.split();
    let [_, of_direction] = key.split();
    let uniform = |key, n: usize| random::uniform(key, &[n], F32);
    let (m, z, v) = (
        uniform(&of_slopes, 4).reshape(&[2, 2]),
        uniform(&of_point, 2),
        uniform(&of_direction, 2),
    );
    let pair = |t: &Tensor| Complex::new(t.at(0), t.at(1));
    let f = |z: &Complex| pair(&m.matmul(&stack(&[&z.re, &z.im], 0)));
    let pushed = jvp(f, &pair(&z), &pair(&v)).1;
    assert_near(&stack(&[&pushed.re, &pushed.im], 0), &m.matmul(&v));
    // A pair of real cotangents is the conjugate of JAX's complex cotangent, before the pullback and after it.
    let (_, pull) = vjp(f, &pair(&z));
    let pulled = pull(&pair(&v).conj()).conj();
    let ([a, b], [c, d]) = (
        [m.at(0).at(0), m.at(0).at(1)],
        [m.at(1).at(0), m.at(1).at(1)],
    );
    assert_near(&pulled.re, &(&a * v.at(0) - &c * v.at(1)));
    assert_near(&pulled.im, &(&d * v.at(1) - &b * v.at(0)));
}

/// A real function, a holomorphic function, and one that is neither.
fn kinds_of_functions(z: &Complex) {
    let of_square = slope(squared, z);
    println!("{} {}i", of_square.re, of_square.im);
    assert_is(&of_square, 6.0, -8.0);
    assert_is(&slope(Complex::sin, z), -27.034945, -3.8511531);
    assert_is(&slope(Complex::conj, z), 1.0, 0.0);

    // PyTorch's gradient is the conjugate. For a real function it is twice the derivative by the conjugate.
    let ours = grad(|z: &Complex| squared(z).re)(z);
    let [by_z, by_conj] = wirtinger(squared, z);
    assert_is(&ours, 6.0, 8.0);
    assert_is(&by_z, 3.0, -4.0);
    assert_is(&by_conj, 3.0, 4.0);
    // The derivative of a holomorphic function by the conjugate is zero: the Cauchy-Riemann equations.
    let [by_z, by_conj] = wirtinger(Complex::sin, z);
    assert_is(&by_z, -27.034945, -3.8511531);
    assert_is(&by_conj, 0.0, 0.0);
}

/// Rules that the caller writes, and functions from real numbers to complex ones.
fn custom_rules(z: &Complex) {
    // A custom rule: the cotangent is multiplied by the conjugate of the slope.
    let square = custom_vjp(
        |z: &Complex| z.mul(z),
        |z: &Complex| (z.mul(z), z.clone()),
        |z: &Complex, g: &Complex| z.add(z).conj().mul(g),
    );
    assert_is(&slope(&square, z), 6.0, 8.0);
    // From a real number to a complex number and back: the real chain rule.
    let turned = |t: &Tensor| Complex::new(t.cos(), t.sin());
    let there = jvp(turned, &Tensor::from(0.5), &Tensor::from(1.0)).1;
    assert_is(&there, -(0.5f64.sin()), 0.5f64.cos());
    let length = grad(|t: &Tensor| squared(&turned(t)).re)(&Tensor::from(0.5));
    assert_prints(&length, 0.0);
}

fn hermitian_matrices() {
    let a = Complex::new(
        [[5.0, 2.0, 0.0], [2.0, 7.0, 1.0], [0.0, 1.0, 12.0]],
        [[0.0, 3.0, 5.0], [-3.0, 0.0, 7.0], [-5.0, -7.0, 0.0]],
    );
    let of_matrix = slope(of_cholesky, &a);
    println!("{}\n{}", of_matrix.re, of_matrix.im);
    let re = [
        [-0.75342447, -3.0509021, 5.989684],
        [-3.0509021, -8.904487, -5.1351547],
        [5.989684, -5.1351547, 0.01320434],
    ];
    let im = [
        [0.0, -10.940544, 3.5422976],
        [10.940544, 0.0, -6.5593696],
        [-3.5422976, 6.5593696, 0.0],
    ];
    assert_within(&of_matrix.re, &Tensor::from(re), 4e-6);
    assert_within(&of_matrix.im, &Tensor::from(im), 4e-6);
}

pub fn main() -> Result<()> {
    (0..3).for_each(linear);
    let z = Complex::new(3.0, 4.0);
    kinds_of_functions(&z);
    custom_rules(&z);
    hermitian_matrices();
    let of_row = |t: &Tensor| {
        let z = Complex::new(t.at(0), t.at(1));
        let w = z.sin().mul(&z.conj());
        w.re + w.im
    };
    assert_composes(of_row, &Tensor::from([0.3, -0.4]))
}
