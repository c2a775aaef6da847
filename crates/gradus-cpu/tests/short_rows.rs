//! Reductions of many short rows have the bits of the reduction of each row by itself.

use gradus_cpu::{Array, CompileOptions, Executable, Input, compile};
use gradus_ir::{DType, Literal, Type};

/// The program that reduces the rows of an array `[rows, n]`, or an array `[n]`.
fn program(kind: &str, ty: &Type) -> Executable {
    let axis = ty.shape.len() - 1;
    let out = Type::new(ty.dtype, &ty.shape[..axis]);
    let text = format!("graph(%x: {ty}) {{ %y: {out} = {kind}{{axes=[{axis}]}} %x return %y }}");
    compile(&text.parse().unwrap(), &CompileOptions::default()).unwrap()
}

fn result(program: &Executable, x: &Array) -> Array {
    program.run(vec![Input::Borrowed(x)]).unwrap().remove(0)
}

/// The reduction of the rows of an array `[rows, n]`, or of an array `[n]`.
fn reduced(kind: &str, x: &Array) -> Array {
    result(&program(kind, x.ty()), x)
}

/// Numbers of this type; a seventh of the floats are zeros of both signs, infinities and NaN.
fn numbers(dtype: DType, n: usize) -> Vec<u8> {
    let value = |i: usize| {
        let hash = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let number = (hash >> 40) as f64 / f64::from(1 << 23) - 1.0;
        match (dtype.float().is_some(), hash >> 8 & 63) {
            (true, 0 | 1) => Literal::from_f64(dtype, 0.0),
            (true, 2 | 3) => Literal::from_f64(dtype, -0.0),
            (true, 4) => Literal::from_f64(dtype, f64::INFINITY),
            (true, 5) => Literal::from_f64(dtype, f64::NEG_INFINITY),
            (true, 6) => Literal::from_f64(dtype, f64::NAN),
            (true, _) => Literal::from_f64(dtype, number),
            (false, _) if dtype == DType::Bool => Literal::from_i64(dtype, i64::from(number > 0.9)),
            (false, _) => Literal::from_i64(dtype, (number * 1e4) as i64),
        }
    };
    let bytes = |i| value(i).to_ne_bytes()[..dtype.size()].to_vec();
    (0..n).flat_map(bytes).collect()
}

#[test]
fn each_row_has_the_bits_that_it_has_alone() {
    use DType::*;
    for dtype in [BF16, F32, F64, I32, I64, U32, Bool] {
        let kinds: &[&str] = match dtype {
            Bool => &["reduce_max", "reduce_min"],
            _ => &["reduce_sum", "reduce_prod", "reduce_max", "reduce_min"],
        };
        for kind in kinds {
            // All short lengths and some longer ones, and numbers of rows around those that are taken together.
            for n in (1..=70).chain([127, 128, 1000, 1030]) {
                let one_row = Type::new(dtype, &[n]);
                let alone = program(kind, &one_row);
                for rows in [2, 3, 8, 9, 41] {
                    let bytes = numbers(dtype, rows * n);
                    let all = Type::new(dtype, &[rows, n]);
                    let all = reduced(kind, &Array::from_bytes(all, &bytes).unwrap());
                    let size = dtype.size();
                    for row in 0..rows {
                        let own = &bytes[row * n * size..(row + 1) * n * size];
                        let own = Array::from_bytes(one_row.clone(), own).unwrap();
                        let (got, wanted) = (all.get(row), result(&alone, &own).get(0));
                        // Which of two NaN remains is left to the compiler.
                        let both_nan = got.as_f64().is_nan() && wanted.as_f64().is_nan();
                        assert!(
                            both_nan || got.to_ne_bytes() == wanted.to_ne_bytes(),
                            "{kind} of {dtype}[{rows},{n}], row {row}"
                        );
                    }
                }
            }
        }
    }
}

/// Rows and columns that are added to a matrix reach each of its elements, whatever a tile holds.
#[test]
fn rows_and_columns_are_repeated() {
    for dtype in [DType::F32, DType::F64, DType::I32, DType::BF16] {
        for n in (1..=70).chain([127, 128, 511, 512, 513, 1000, 1030]) {
            for rows in [3, 5001usize.div_ceil(n)] {
                let ty = Type::new(dtype, &[rows, n]);
                let (row, column) = (Type::new(dtype, &[n]), Type::new(dtype, &[rows]));
                let text = format!(
                    "graph(%x: {ty}, %row: {row}, %column: {column}) {{
                       %a: {ty} = broadcast{{shape=[{rows}, {n}], axes=[1]}} %row
                       %b: {ty} = broadcast{{shape=[{rows}, {n}], axes=[0]}} %column
                       %c: {ty} = add %x, %a
                       %y: {ty} = mul %c, %b
                       return %y
                     }}"
                );
                let program = compile(&text.parse().unwrap(), &CompileOptions::default()).unwrap();
                // Small whole numbers, so that all types are exact.
                let array = |ty: &Type, modulus: usize| {
                    let value = |i: usize| Literal::from_i64(dtype, (i % modulus) as i64);
                    let elements: usize = ty.shape.iter().product();
                    let bytes = |i| value(i).to_ne_bytes()[..dtype.size()].to_vec();
                    let bytes: Vec<u8> = (0..elements).flat_map(bytes).collect();
                    Array::from_bytes(ty.clone(), &bytes).unwrap()
                };
                let (x, row, column) = (array(&ty, 3), array(&row, 5), array(&column, 7));
                let inputs = [&x, &row, &column].map(Input::Borrowed).into();
                let y = program.run(inputs).unwrap().remove(0);
                for i in 0..rows * n {
                    let wanted = (i % 3 + i % n % 5) * (i / n % 7);
                    assert_eq!(y.get(i).as_f64(), wanted as f64, "{ty}, element {i}");
                }
            }
        }
    }
}

/// As in NumPy; a sum begins with 0, so it has none.
#[test]
fn a_negative_zero_keeps_its_sign() {
    for n in [3, 40, 100, 5000] {
        let zeros = Array::from_slice(&vec![-0.0f64; 9 * n], &[9, n]).unwrap();
        let row = Array::from_slice(&vec![-0.0f64; n], &[n]).unwrap();
        for (kind, sign) in [
            ("reduce_max", -1.0),
            ("reduce_min", -1.0),
            ("reduce_sum", 1.0),
        ] {
            for x in [&zeros, &row] {
                let result = reduced(kind, x);
                let signs = result.as_slice::<f64>().unwrap().iter().map(|v| v.signum());
                assert!(signs.clone().all(|s| s == sign), "{kind} of {}", x.ty());
            }
        }
        let alone = Array::from_slice(&[-0.0f64], &[1]).unwrap();
        assert!(reduced("reduce_prod", &alone).as_slice::<f64>().unwrap()[0].is_sign_negative());
    }
}
