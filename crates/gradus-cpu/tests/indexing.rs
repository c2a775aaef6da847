//! `take` and `scatter_add` beside loops: each width of elements, indices of each type, batches, many elements on many
//! threads, and the first index that is out of bounds.

use gradus_cpu::{Array, CompileOptions, Input, compile};
use gradus_ir::{DType, Literal, Type};

/// An array `[batch, before, n, after]`, and `count` indices for each member of the batch.
#[derive(Clone, Copy, Debug)]
struct Case {
    batch: usize,
    before: usize,
    n: usize,
    after: usize,
    count: usize,
}

impl Case {
    fn picked(self) -> usize {
        self.batch * self.before * self.count * self.after
    }

    fn whole(self) -> usize {
        self.batch * self.before * self.n * self.after
    }

    /// The positions of each picked element and of its place in the array.
    fn pairs(self, indices: &[i64]) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        for outer in 0..self.batch * self.before {
            for k in 0..self.count {
                let at = indices[outer / self.before * self.count + k] as usize;
                for j in 0..self.after {
                    let picked = (outer * self.count + k) * self.after + j;
                    pairs.push((picked, (outer * self.n + at) * self.after + j));
                }
            }
        }
        pairs
    }

    fn types(self, dtype: DType, index: DType) -> [Type; 3] {
        let of = |n: usize| Type::new(dtype, &[self.batch, self.before, n, self.after]);
        let indices = Type::new(index, &[self.batch, self.count]);
        [of(self.n), indices, of(self.count)]
    }
}

fn run(text: &str, inputs: &[&Array]) -> Result<Array, String> {
    let program = compile(&text.parse().unwrap(), &CompileOptions::default()).unwrap();
    let inputs = inputs.iter().map(|x| Input::Borrowed(x)).collect();
    let results = program.run(inputs).map_err(|e| e.message().to_string());
    results.map(|mut results| results.remove(0))
}

fn take(case: Case, x: &Array, indices: &Array) -> Result<Array, String> {
    let [from, index, to] = case.types(x.ty().dtype, indices.ty().dtype);
    let text = format!(
        "graph(%x: {from}, %i: {index}) {{ %y: {to} = take{{batch=1, axis=2}} %x, %i return %y }}"
    );
    run(&text, &[x, indices])
}

fn scatter_add(case: Case, arrays: [&Array; 3]) -> Result<Array, String> {
    let [to, index, from] = case.types(arrays[0].ty().dtype, arrays[1].ty().dtype);
    let text = format!(
        "graph(%x: {to}, %i: {index}, %u: {from}) {{
          %y: {to} = scatter_add{{batch=1, axis=2}} %x, %i, %u return %y }}"
    );
    run(&text, &arrays)
}

fn array(ty: &Type, value: impl Fn(usize) -> i64) -> Array {
    let literal = |i| match ty.dtype.float() {
        Some(_) => Literal::from_f64(ty.dtype, value(i) as f64 * 0.37),
        None => Literal::from_i64(ty.dtype, value(i)),
    };
    let bytes =
        (0..ty.elements()).flat_map(|i| literal(i).to_ne_bytes()[..ty.dtype.size()].to_vec());
    Array::from_bytes(ty.clone(), &bytes.collect::<Vec<u8>>()).unwrap()
}

fn scattered(i: usize, n: usize) -> i64 {
    ((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as i64 % n as i64
}

/// Compares both operations with loops, the sums bit by bit.
fn compare(case: Case, dtype: DType, index: DType) {
    let [whole, of, picked] = case.types(dtype, index);
    let bool = dtype == DType::Bool;
    let least = if dtype == DType::U32 { 0 } else { -500 };
    let x = array(&whole, |i| {
        if bool {
            scattered(i, 2)
        } else {
            scattered(i, 1000) + least
        }
    });
    let indices = array(&of, |i| scattered(i, case.n));
    let at: Vec<i64> = (0..of.elements())
        .map(|i| indices.get(i).as_i64())
        .collect();
    let pairs = case.pairs(&at);
    assert_eq!(pairs.len(), case.picked());

    let taken = take(case, &x, &indices).unwrap();
    for &(to, from) in &pairs {
        assert_eq!(
            taken.get(to),
            x.get(from),
            "take {dtype} by {index}: {case:?}"
        );
    }
    if bool {
        return;
    }
    let updates = array(&picked, |i| scattered(i + 7, 1000) + least);
    let got = scatter_add(case, [&x, &indices, &updates]).unwrap();
    let what = || format!("scatter_add {dtype} by {index}: {case:?}");
    match dtype {
        DType::F64 => {
            let mut sums = x.as_slice::<f64>().unwrap().to_vec();
            let updates = updates.as_slice::<f64>().unwrap();
            pairs
                .iter()
                .for_each(|&(from, to)| sums[to] += updates[from]);
            assert_eq!(got.as_slice::<f64>().unwrap(), sums, "{}", what());
        }
        DType::F32 => {
            let mut sums = x.as_slice::<f32>().unwrap().to_vec();
            let updates = updates.as_slice::<f32>().unwrap();
            pairs
                .iter()
                .for_each(|&(from, to)| sums[to] += updates[from]);
            assert_eq!(got.as_slice::<f32>().unwrap(), sums, "{}", what());
        }
        _ => {
            let whole = case.whole();
            let mut sums: Vec<f64> = (0..whole).map(|i| x.get(i).as_f64()).collect();
            pairs
                .iter()
                .for_each(|&(from, to)| sums[to] += updates.get(from).as_f64());
            for (i, sum) in sums.into_iter().enumerate() {
                // Whole numbers are exact; bf16 rounds the sum once.
                let near = if dtype == DType::BF16 {
                    sum.abs() / 128.0 + 1e-3
                } else {
                    0.0
                };
                assert!((got.get(i).as_f64() - sum).abs() <= near, "{}", what());
            }
        }
    }
}

#[test]
fn as_loops_do() {
    use DType::*;
    let cases = [
        (1, 1, 5, 1, 0),
        (1, 1, 5, 1, 9),
        (1, 1, 1, 1, 3),
        (2, 3, 4, 1, 7),
        (3, 2, 5, 3, 4),
        (1, 4, 6, 2, 300),
        (2, 1, 700, 5, 600),
        (1, 2, 3, 0, 4),
    ];
    for dtype in [BF16, F32, F64, I32, I64, U32, Bool] {
        for index in [I32, I64, U32] {
            for (batch, before, n, after, count) in cases {
                let case = Case {
                    batch,
                    before,
                    n,
                    after,
                    count,
                };
                compare(case, dtype, index);
            }
        }
    }
}

#[test]
fn many_on_many_threads() {
    for (batch, before, n, after, count) in [
        (1, 1, 40_000, 1, 90_000),
        (1, 1, 3_000, 33, 4_000),
        (3, 2, 50, 8, 900),
        (1, 1, 2, 1, 70_000),
    ] {
        let case = Case {
            batch,
            before,
            n,
            after,
            count,
        };
        compare(case, DType::F64, DType::I64);
        compare(case, DType::F32, DType::U32);
    }
}

#[test]
fn the_first_index_out_of_bounds_is_named() {
    for count in [10, 100_000] {
        let case = Case {
            batch: 1,
            before: 1,
            n: 50,
            after: 4,
            count,
        };
        let [whole, of, picked] = case.types(DType::F32, DType::I64);
        let x = array(&whole, |i| i as i64);
        let updates = array(&picked, |i| i as i64);
        // In several pieces of the work.
        let indices = array(&of, |i| match i {
            7 => -3,
            8 => 50,
            _ if i > 20 => i64::MAX,
            _ => scattered(i, 50),
        });
        let wanted = "index -3 is out of bounds for axis 2 of size 50";
        assert_eq!(
            take(case, &x, &indices).unwrap_err(),
            format!("take: {wanted}")
        );
        let error = scatter_add(case, [&x, &indices, &updates]).unwrap_err();
        assert_eq!(error, format!("scatter_add: {wanted}"));
    }
}
