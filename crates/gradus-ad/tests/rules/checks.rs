//! The checks of a row of the table.

use crate::near::near;
use crate::table::{Row, Sample};
use gradus_cpu::Cpu;
use gradus_engine::{Array, Cache, CompileOptions, Input};
use gradus_ir::primitives::Unary;
use gradus_ir::{DType, Graph, Op, Type, ValueId};
use std::sync::LazyLock;

/// Step of central differences: the cube root of the precision of f64, where truncation and rounding balance.
const STEP: f64 = 6e-6;

/// A small generator (SplitMix64) so that failures repeat.
pub struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678)
    }

    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn array(&mut self, ty: &Type, sample: Sample) -> Array {
        let n = ty.elements();
        let floats = |values: Vec<f64>| Array::from_vec(values, &ty.shape).unwrap();
        match sample {
            Sample::Between(low, high) => {
                floats((0..n).map(|_| low + (high - low) * self.unit()).collect())
            }
            Sample::Distinct(low, high) => {
                // Places on a grid, shuffled: no two are nearer than half a grid step.
                let mut places: Vec<usize> = (0..n).collect();
                for i in (1..n).rev() {
                    places.swap(i, (self.unit() * (i + 1) as f64) as usize);
                }
                let step = (high - low) / n.max(1) as f64;
                floats(
                    places
                        .into_iter()
                        .map(|p| low + step * (p as f64 + 0.5 * self.unit()))
                        .collect(),
                )
            }
            Sample::Below(limit) if ty.dtype == DType::Bool => {
                let values: Vec<bool> = (0..n)
                    .map(|_| self.unit() * (limit as f64) >= 1.0)
                    .collect();
                Array::from_vec(values, &ty.shape).unwrap()
            }
            Sample::Below(limit) => {
                let values: Vec<i64> = (0..n)
                    .map(|_| (self.unit() * limit as f64) as i64)
                    .collect();
                Array::from_vec(values, &ty.shape).unwrap()
            }
        }
    }
}

pub fn run(graph: &Graph, inputs: &[Array]) -> Vec<Array> {
    gradus_ir::verify::verify(graph).unwrap_or_else(|e| panic!("{e}\n{graph}"));
    static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::new(4096));
    CACHE
        .program(&Cpu, graph, &CompileOptions::default())
        .unwrap_or_else(|e| panic!("{e}\n{graph}"))
        .run(inputs.iter().map(Input::Borrowed).collect())
        .unwrap_or_else(|e| panic!("{e}\n{graph}"))
}

fn floats(a: &Array) -> &[f64] {
    a.as_slice::<f64>().expect("an f64 array")
}

/// A row's operation between other operations: each float operand is scaled before it,
/// and the result after it, by weights that are inputs too.
struct Middle {
    graph: Graph,
    /// Values of all inputs.
    inputs: Vec<Array>,
    /// The inputs that are operands with derivatives.
    wrt: Vec<usize>,
}

fn middle(row: &Row, random: &mut Random) -> Middle {
    let mut graph = Graph::new();
    let mut inputs = Vec::new();
    let mut wrt = Vec::new();
    let mut operands = Vec::new();
    for (ty, sample) in &row.operands {
        let mut id = graph.input(ty.clone());
        if ty.dtype.has_derivatives() {
            wrt.push(inputs.len());
        }
        inputs.push(random.array(ty, *sample));
        if ty.dtype.has_derivatives() {
            // A scale near 1 leaves the operand in its range.
            let scale = graph.input(ty.clone());
            inputs.push(random.array(ty, Sample::Between(0.98, 1.02)));
            id = graph.mul(id, scale);
        }
        operands.push(id);
    }
    let all = graph.add_all(row.op.clone(), &operands);
    let all = all.unwrap_or_else(|e| panic!("{row:?}: {e}"));
    let mut z = match (&row.op, all.len()) {
        (Op::Region(_), _) | (_, 2..) => joined(&mut graph, &all),
        _ => all[0],
    };
    if graph.ty(z).dtype != DType::F64 {
        z = graph.emit(Op::Cast(DType::F64), &[z]);
    }
    let ty = graph.ty(z).clone();
    let weight = graph.input(ty.clone());
    inputs.push(random.array(&ty, Sample::Between(0.5, 1.5)));
    z = graph.mul(z, weight);
    graph.set_outputs(vec![z]);
    Middle { graph, inputs, wrt }
}

/// All results of a node, as one vector.
fn joined(graph: &mut Graph, results: &[ValueId]) -> ValueId {
    let parts = results.iter().map(|&y| {
        let y = graph.emit(Op::Cast(DType::F64), &[y]);
        let size = graph.ty(y).elements();
        graph.reshape(y, &[size])
    });
    let parts: Vec<ValueId> = parts.collect();
    graph.concat(&parts, 0)
}

/// A program from the inputs and then directions to the output and its derivative along the directions.
fn forward_program(m: &Middle) -> Graph {
    let mut g = m.graph.clone();
    let mut program_inputs = g.inputs().to_vec();
    let pairs: Vec<(ValueId, ValueId)> = m
        .wrt
        .iter()
        .map(|&k| {
            let x = m.graph.inputs()[k];
            let t = g.input_like(&m.graph, x);
            program_inputs.push(t);
            (x, t)
        })
        .collect();
    let y = m.graph.outputs()[0];
    let t = gradus_ad::jvp(&mut g, &[y], &pairs)[0].unwrap_or_else(|| g.constant_like(0.0, y));
    g.extract(&program_inputs, &[y, t])
}

/// A program from the inputs and then a cotangent of the output to the cotangents of the operands.
fn reverse_program(m: &Middle) -> Graph {
    let split = gradus_ad::linearize(&m.graph, &m.wrt);
    let back = gradus_ad::transpose_linear(&split.tangent, split.residuals);
    let mut g = split.primal.clone();
    let mut arguments = g.outputs()[1..].to_vec();
    let ct = g.input_like(&m.graph, m.graph.outputs()[0]);
    arguments.push(ct);
    let results = g.inline(&back, &arguments).unwrap();
    let mut program_inputs = split.primal.inputs().to_vec();
    program_inputs.push(ct);
    g.extract(&program_inputs, &results)
}

fn directions(m: &Middle, random: &mut Random) -> Vec<Array> {
    m.wrt
        .iter()
        .map(|&k| random.array(m.inputs[k].ty(), Sample::Between(-1.0, 1.0)))
        .collect()
}

/// The inputs moved along `directions` by `step`.
fn moved(m: &Middle, directions: &[Array], step: f64) -> Vec<Array> {
    let mut inputs = m.inputs.clone();
    for (&k, d) in m.wrt.iter().zip(directions) {
        let values: Vec<f64> = floats(&inputs[k])
            .iter()
            .zip(floats(d))
            .map(|(x, d)| x + step * d)
            .collect();
        inputs[k] = Array::from_vec(values, &inputs[k].ty().shape.clone()).unwrap();
    }
    inputs
}

fn agree(row: &Row, what: &str, a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len(), "{what}: {row:?}");
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        assert!(
            near(*x, *y, tolerance),
            "{what}: element {i}: {x} and {y}\n{row:?}"
        );
    }
}

fn with(inputs: &[Array], more: &[Array]) -> Vec<Array> {
    inputs.iter().chain(more).cloned().collect()
}

/// Compares the operation, with other operations before and after it, on the reference engine and the CPU engine.
pub fn by_definition(row: &Row) {
    let m = middle(row, &mut Random::new(6));
    let (got, wanted) = (
        run(&m.graph, &m.inputs),
        gradus_reference::evaluate(&m.graph, &m.inputs),
    );
    let wanted = wanted.unwrap_or_else(|e| panic!("{e}\n{}", m.graph));
    agree(
        row,
        "by definition",
        floats(&got[0]),
        floats(&wanted[0]),
        1e-12,
    );
}

pub fn forward(row: &Row) {
    let mut random = Random::new(1);
    let m = middle(row, &mut random);
    let direction = directions(&m, &mut random);
    let results = run(&forward_program(&m), &with(&m.inputs, &direction));
    if row.op == Op::Unary(Unary::StopGradient) {
        // The derivative is zero by definition, whatever the differences are.
        assert!(floats(&results[1]).iter().all(|&t| t == 0.0), "{row:?}");
        return;
    }
    let up = run(&m.graph, &moved(&m, &direction, STEP));
    let down = run(&m.graph, &moved(&m, &direction, -STEP));
    let difference: Vec<f64> = floats(&up[0])
        .iter()
        .zip(floats(&down[0]))
        .map(|(u, d)| (u - d) / (2.0 * STEP))
        .collect();
    agree(
        row,
        "jvp and difference",
        floats(&results[1]),
        &difference,
        row.tolerance,
    );
}

pub fn reverse(row: &Row) {
    let mut random = Random::new(2);
    let m = middle(row, &mut random);
    let direction = directions(&m, &mut random);
    let forward = run(&forward_program(&m), &with(&m.inputs, &direction));
    let seed = random.array(forward[0].ty(), Sample::Between(-1.0, 1.0));
    let back = run(
        &reverse_program(&m),
        &with(&m.inputs, std::slice::from_ref(&seed)),
    );
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let left = dot(floats(&seed), floats(&forward[1]));
    let right: f64 = back
        .iter()
        .zip(&direction)
        .map(|(b, d)| dot(floats(b), floats(d)))
        .sum();
    // Both are the same sum of products in another order, so they differ by rounding alone.
    agree(row, "forward and reverse", &[left], &[right], 1e-12);
}

/// Checks an operation without forward mode: its backward pass against central differences.
pub fn only_reverse(row: &Row) {
    let mut random = Random::new(2);
    let m = middle(row, &mut random);
    let direction = directions(&m, &mut random);
    let seed = random.array(&m.graph.output_types()[0], Sample::Between(-1.0, 1.0));
    let back = run(
        &reverse_program(&m),
        &with(&m.inputs, std::slice::from_ref(&seed)),
    );
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let ends = [STEP, -STEP].map(|step| {
        let y = run(&m.graph, &moved(&m, &direction, step));
        dot(floats(&seed), floats(&y[0]))
    });
    let left = (ends[0] - ends[1]) / (2.0 * STEP);
    let right: f64 = back
        .iter()
        .zip(&direction)
        .map(|(b, d)| dot(floats(b), floats(d)))
        .sum();
    agree(
        row,
        "reverse and difference",
        &[left],
        &[right],
        row.tolerance * 10.0,
    );
}

pub fn second(row: &Row) {
    let mut random = Random::new(3);
    let m = middle(row, &mut random);
    let out = m.graph.output_types().remove(0);
    let seed = random.array(&out, Sample::Between(-1.0, 1.0));
    let direction = directions(&m, &mut random);
    let slope = reverse_program(&m);
    if m.wrt.is_empty() {
        return;
    }
    for k in 0..m.wrt.len() {
        // The gradient with respect to operand k, as a function of all operands, differentiated again.
        let one = slope.extract(slope.inputs(), &[slope.outputs()[k]]);
        let inputs = with(&m.inputs, std::slice::from_ref(&seed));
        let again = Middle {
            graph: one,
            inputs,
            wrt: m.wrt.clone(),
        };
        let results = run(&forward_program(&again), &with(&again.inputs, &direction));
        let up = run(&again.graph, &moved(&again, &direction, STEP));
        let down = run(&again.graph, &moved(&again, &direction, -STEP));
        let difference: Vec<f64> = floats(&up[0])
            .iter()
            .zip(floats(&down[0]))
            .map(|(u, d)| (u - d) / (2.0 * STEP))
            .collect();
        agree(
            row,
            "second jvp and difference",
            floats(&results[1]),
            &difference,
            row.tolerance * 10.0,
        );
        // The same by reverse mode through the gradient.
        let ct = random.array(results[0].ty(), Sample::Between(-1.0, 1.0));
        let back = run(
            &reverse_program(&again),
            &with(&again.inputs, std::slice::from_ref(&ct)),
        );
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let left = dot(floats(&ct), floats(&results[1]));
        let right: f64 = back
            .iter()
            .zip(&direction)
            .map(|(b, d)| dot(floats(b), floats(d)))
            .sum();
        agree(row, "second forward and reverse", &[left], &[right], 1e-11);
    }
}

/// Compares `graph` on a batch of 3, in which the inputs of `batched` differ, with three runs.
fn compare_with_loop(row: &Row, graph: &Graph, rows: &[Vec<Array>], batched: &[bool]) {
    const N: usize = 3;
    let (program, with_axis) = gradus_ad::batch(graph, N, batched);
    let stacked: Vec<Array> = (0..batched.len())
        .map(|k| {
            if batched[k] {
                stack(&rows.iter().map(|r| &r[k]).collect::<Vec<_>>())
            } else {
                rows[0][k].clone()
            }
        })
        .collect();
    let together = run(&program, &stacked);
    for (i, inputs) in rows.iter().enumerate() {
        let mixed: Vec<Array> = (0..batched.len())
            .map(|k| if batched[k] { &inputs[k] } else { &rows[0][k] }.clone())
            .collect();
        let alone = run(graph, &mixed);
        for ((t, a), has_axis) in together.iter().zip(&alone).zip(&with_axis) {
            let size = a.ty().elements();
            let part = if *has_axis {
                &floats(t)[i * size..(i + 1) * size]
            } else {
                floats(t)
            };
            // Batching can sum in another order.
            agree(
                row,
                &format!("batch {batched:?}, row {i}"),
                part,
                floats(a),
                1e-12,
            );
        }
    }
}

fn stack(parts: &[&Array]) -> Array {
    let ty = parts[0].ty().batched(parts.len());
    let bytes: Vec<u8> = parts
        .iter()
        .flat_map(|p| p.bytes().iter().copied())
        .collect();
    Array::from_bytes(ty, &bytes).unwrap()
}

pub fn batched(row: &Row) {
    let mut random = Random::new(4);
    let samples: Vec<Middle> = (0..3).map(|_| middle(row, &mut random)).collect();
    let rows: Vec<Vec<Array>> = samples.iter().map(|m| m.inputs.clone()).collect();
    let n = rows[0].len();
    // Every subset of the operation's inputs, with and without the weights.
    for mask in 1..1usize << n.min(6) {
        let flags: Vec<bool> = (0..n).map(|k| mask >> k & 1 == 1).collect();
        compare_with_loop(row, &samples[0].graph, &rows, &flags);
    }
}

pub fn batched_gradient(row: &Row) {
    let mut random = Random::new(5);
    let samples: Vec<Middle> = (0..3).map(|_| middle(row, &mut random)).collect();
    if samples[0].wrt.is_empty() {
        return;
    }
    let program = reverse_program(&samples[0]);
    let out = samples[0].graph.output_types().remove(0);
    let rows: Vec<Vec<Array>> = samples
        .iter()
        .map(|m| {
            let seed = random.array(&out, Sample::Between(-1.0, 1.0));
            with(&m.inputs, &[seed])
        })
        .collect();
    let n = rows[0].len();
    let all = vec![true; n];
    let seeds: Vec<bool> = (0..n).map(|k| k == n - 1).collect();
    let points: Vec<bool> = (0..n).map(|k| k != n - 1).collect();
    for flags in [all, seeds, points] {
        compare_with_loop(row, &program, &rows, &flags);
    }
}
