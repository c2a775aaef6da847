//! Functions of layers, for the benchmarks of plans.

use gradus::prelude::*;

/// A function of one array.
pub type Function = Box<dyn Fn(&Tensor) -> Tensor>;

/// Numbers around 0, scaled so that products with them keep their size.
pub fn filled(shape: &[usize], dtype: DType) -> Tensor {
    let n: usize = shape.iter().product();
    let scale = 2.0 / (*shape.last().unwrap_or(&1) as f64).sqrt();
    let values: Vec<f64> = (0..n)
        .map(|i| (((i * 7919 + 13) % 1009) as f64 / 1009.0 - 0.5) * scale)
        .collect();
    Tensor::new(values, shape).unwrap().astype(dtype)
}

/// Layers of these widths with `tanh` between.
pub fn layers(widths: &[usize], dtype: DType) -> Function {
    let all: Vec<Tensor> = widths
        .windows(2)
        .map(|w| filled(&[w[1], w[0]], dtype))
        .collect();
    Box::new(move |x| all.iter().fold(x.clone(), |x, w| w.matmul(&x).tanh()))
}
