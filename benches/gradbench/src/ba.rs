//! `ba`: the errors of bundle adjustment, and their sparse Jacobian.

use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::measure::{Evaluation, Repeat, compiled, not_finite};
use gradus::prelude::*;
use serde_json::{Value, json};

/// The numbers of a camera: rotation (3), centre (3), focal length, principal point (2), distortion (2).
const CAMERA: usize = 11;

/// The numbers that a reprojection error depends on: those of a camera, a point and a weight.
const BLOCK: usize = CAMERA + 3 + 1;

/// What the errors depend on: `p` observations of `m` points by `n` cameras.
#[derive(Tree, Clone)]
struct Arguments {
    /// `[n, 11]`.
    cameras: Tensor,
    /// `[m, 3]`.
    points: Tensor,
    /// `[p]`.
    weights: Tensor,
    /// The camera and the point of each observation, `[p]` each.
    camera_of: Tensor,
    point_of: Tensor,
    /// Where each observation saw its point, `[p, 2]`.
    features: Tensor,
}

/// A vector of three, as its parts.
type Vector = [Tensor; 3];

fn parts<const N: usize>(v: &Tensor, from: usize) -> [Tensor; N] {
    std::array::from_fn(|k| v.at(from + k))
}

fn dot(a: &Vector, b: &Vector) -> Tensor {
    &a[0] * &b[0] + &a[1] * &b[1] + &a[2] * &b[2]
}

fn cross(a: &Vector, b: &Vector) -> Vector {
    let part = |i: usize, j: usize| &a[i] * &b[j] - &a[j] * &b[i];
    [part(1, 2), part(2, 0), part(0, 1)]
}

/// The point turned about the axis `rotation` by its length, by Rodrigues' formula.
fn rotate(rotation: &Vector, point: &Vector) -> Vector {
    let square = dot(rotation, rotation);
    let turns = square.not_equal(0.0);
    // Its root has a slope where there is no rotation, too.
    let theta = turns.where_(&square, 1.0).sqrt();
    let (cos, sin) = (theta.cos(), theta.sin());
    let inverse = 1.0 / &theta;
    let axis: Vector = std::array::from_fn(|k| &rotation[k] * &inverse);
    let crossed = cross(&axis, point);
    let along = dot(&axis, point) * (1.0 - &cos);
    let small = cross(rotation, point);
    std::array::from_fn(|k| {
        let turned = &point[k] * &cos + &crossed[k] * &sin + &axis[k] * &along;
        turns.where_(turned, &point[k] + &small[k])
    })
}

/// Where a camera sees a point.
fn project(camera: &Tensor, point: &Tensor) -> [Tensor; 2] {
    let rotation: Vector = parts(camera, 0);
    let centre: Vector = parts(camera, 3);
    let [focal, x0, y0, k1, k2]: [Tensor; 5] = parts(camera, 6);
    let point: Vector = parts(point, 0);
    let [x, y, z] = rotate(&rotation, &std::array::from_fn(|k| &point[k] - &centre[k]));
    let (x, y) = (x / &z, y / &z);
    let square = &x * &x + &y * &y;
    let scale = 1.0 + k1 * &square + k2 * &square * &square;
    [x * &scale * &focal + x0, y * &scale * &focal + y0]
}

/// A camera, a point, a weight and a feature.
type Observation = (Tensor, Tensor, Tensor, Tensor);

/// The two errors of an observation.
fn reprojection_error((camera, point, weight, feature): &Observation) -> Tensor {
    let [x, y] = project(camera, point);
    let errors = [weight * (x - feature.at(0)), weight * (y - feature.at(1))];
    stack(&[&errors[0], &errors[1]], 0)
}

/// The derivatives of the two errors by the camera, the point and the weight, `[2, 15]`.
fn reprojection_slopes((camera, point, weight, feature): &Observation) -> Tensor {
    let of_all = |v: &Tensor| {
        let (camera, point) = (
            v.slice_axis(0, ..CAMERA),
            v.slice_axis(0, CAMERA..BLOCK - 1),
        );
        reprojection_error(&(camera, point, v.at(BLOCK - 1), feature.clone()))
    };
    jacobian(of_all)(&concatenate(&[camera, point, &weight.expand_dims(0)], 0))
}

fn weight_error(w: &Tensor) -> Tensor {
    1.0 - w * w
}

/// `f` of all observations. A row for each number is what vectorised kernels read in order.
fn of_observations(f: impl Fn(&Observation) -> Tensor, a: &Arguments) -> Tensor {
    let cameras = a.cameras.t().take(&a.camera_of, 1);
    let points = a.points.t().take(&a.point_of, 1);
    let all = (cameras, points, a.weights.clone(), a.features.clone());
    vmap_with(f, [Some(1), Some(1), Some(0), Some(0)], 0)(&all)
}

/// The reprojection errors, `[p, 2]`, and the errors of the weights, `[p]`.
fn objective(a: &Arguments) -> (Tensor, Tensor) {
    let errors = of_observations(reprojection_error, a);
    (errors, weight_error(&a.weights))
}

/// The elements of the Jacobian: a block of 2 × 15 for each observation, then one for each weight.
fn jacobian_values(a: &Arguments) -> Tensor {
    let blocks = of_observations(reprojection_slopes, a);
    let of_weights = vmap(grad(weight_error))(&a.weights);
    concatenate(&[&blocks.ravel(), &of_weights], 0)
}

/// A matrix by the ends of its rows, and by the column and the value of each element.
struct Sparse {
    rows: Vec<i32>,
    columns: Vec<i32>,
    values: Tensor,
}

/// The Jacobian's elements in their places: first the columns of all cameras, then of all points, then of all weights.
fn placed(n: usize, m: usize, camera_of: &[i64], point_of: &[i64], values: Tensor) -> Sparse {
    let p = camera_of.len();
    let (points, weights) = (CAMERA * n, CAMERA * n + 3 * m);
    let mut rows = Vec::with_capacity(3 * p + 1);
    let mut columns = Vec::with_capacity(values.len());
    rows.push(0);
    for (k, (&camera, &point)) in camera_of.iter().zip(point_of).enumerate() {
        let (camera, point) = (CAMERA * camera as usize, points + 3 * point as usize);
        for _ in 0..2 {
            columns.extend((camera..camera + CAMERA).map(|c| c as i32));
            columns.extend((point..point + 3).map(|c| c as i32));
            columns.push((weights + k) as i32);
            rows.push(columns.len() as i32);
        }
    }
    for k in 0..p {
        columns.push((weights + k) as i32);
        rows.push(columns.len() as i32);
    }
    Sparse {
        rows,
        columns,
        values,
    }
}

/// The input repeats one camera, one point, one weight and one feature.
struct Scene {
    sizes: [usize; 3],
    camera_of: Vec<i64>,
    point_of: Vec<i64>,
    arguments: Arguments,
}

fn scene(input: Input<'_>) -> Result<Scene> {
    let sizes = [input.size("n")?, input.size("m")?, input.size("p")?];
    let [n, m, p] = sizes;
    if sizes.contains(&0) {
        return Err(Failure::new("`n`, `m` or `p` is 0"));
    }
    let repeated = |one: Vec<f64>, times: usize| -> Result<Tensor> {
        Ok(Tensor::new(one.repeat(times), &[times, one.len()])?)
    };
    let turns = |n: usize| -> Vec<i64> { (0..p).map(|k| (k % n) as i64).collect() };
    let (camera_of, point_of) = (turns(n), turns(m));
    let arguments = Arguments {
        cameras: repeated(input.list_of("cam", CAMERA)?, n)?,
        points: repeated(input.list_of("x", 3)?, m)?,
        weights: Tensor::full(&[p], input.number("w")?),
        camera_of: Tensor::from(&camera_of),
        point_of: Tensor::from(&point_of),
        features: repeated(input.list_of("feat", 2)?, p)?,
    };
    Ok(Scene {
        sizes,
        camera_of,
        point_of,
        arguments,
    })
}

/// The first `n` elements and the last one, as the suite writes the parts of its sparse matrix.
/// A matrix of fewer than 10 observations has fewer ends of rows.
fn shortened<T: Copy + Into<Value>>(all: &[T], n: usize) -> Value {
    let last = &all[all.len() - 1..];
    all[..n.min(all.len())]
        .iter()
        .chain(last)
        .map(|&x| x.into())
        .collect()
}

fn errors_output(errors: &[f64], of_weights: &[f64]) -> Value {
    json!({
        "reproj_error": { "elements": errors[..2], "repeated": errors.len() / 2 },
        "w_err": { "element": of_weights[0], "repeated": of_weights.len() },
    })
}

/// Evaluates `objective` or `jacobian`.
pub fn evaluate(function: &str, input: &Value) -> Result<Evaluation> {
    let scene = scene(Input(input))?;
    let repeat = Repeat::of(input)?;
    let finite = |values: &[f64]| match values.iter().all(|v| v.is_finite()) {
        true => Ok(()),
        false => Err(not_finite()),
    };
    match function {
        "objective" => {
            let (f, prepare) = compiled(objective, &scene.arguments)?;
            let ((errors, of_weights), runs) = repeat.times(|| Ok(f.call(&scene.arguments)?))?;
            let (errors, of_weights) = (errors.to_vec::<f64>()?, of_weights.to_vec::<f64>()?);
            finite(&errors)?;
            finite(&of_weights)?;
            Ok(Evaluation {
                output: errors_output(&errors, &of_weights),
                prepare,
                runs,
            })
        }
        "jacobian" => {
            let (f, prepare) = compiled(jacobian_values, &scene.arguments)?;
            let [n, m, _] = scene.sizes;
            let (matrix, runs) = repeat.times(|| {
                let values = f.call(&scene.arguments)?;
                Ok(placed(n, m, &scene.camera_of, &scene.point_of, values))
            })?;
            let values = matrix.values.to_vec::<f64>()?;
            finite(&values)?;
            let output = json!({
                "rows": shortened(&matrix.rows, 2 * BLOCK),
                "cols": shortened(&matrix.columns, 2 * BLOCK),
                "vals": shortened(&values, 2 * BLOCK),
            });
            Ok(Evaluation {
                output,
                prepare,
                runs,
            })
        }
        _ => Err(Failure::unknown(function)),
    }
}
