//! A fused kernel can wait for what is computed later, unless that depends on the kernel.

use gradus_cpu::{Array, CompileOptions, Executable, Input, compile};

fn program(text: &str) -> Executable {
    compile(&text.parse().unwrap(), &CompileOptions::default()).unwrap()
}

fn run(program: &Executable, inputs: &[&Array]) -> Vec<Vec<f64>> {
    let inputs = inputs.iter().map(|x| Input::Borrowed(x)).collect();
    let results = program.run(inputs).unwrap();
    let numbers = results
        .iter()
        .map(|x| x.as_slice::<f64>().unwrap().to_vec());
    numbers.collect()
}

/// The update of an optimiser: new means, and weights that change by the means times a number computed elsewhere.
#[test]
fn means_and_weights_are_one_kernel() {
    let update = program(
        "graph(%w: f64[4], %m: f64[4], %g: f64[4], %t: f64[]) {
          %half: f64[4] = const 0.5
          %old: f64[4] = mul %m, %half
          %mean: f64[4] = add %old, %g
          %two: f64[] = const 2.0
          %size: f64[] = mul %t, %two
          %sizes: f64[4] = broadcast{shape=[4], axes=[]} %size
          %change: f64[4] = mul %mean, %sizes
          %next: f64[4] = sub %w, %change
          return %mean, %next
        }",
    );
    assert_eq!(update.report().steps.len(), 2, "{}", update.report());
    let [w, m, g] = [10.0, 20.0, 1.0].map(|x| Array::from_slice(&[x; 4], &[4]).unwrap());
    let t = Array::from_slice(&[0.25], &[]).unwrap();
    let results = run(&update, &[&w, &m, &g, &t]);
    assert_eq!(results, [vec![11.0; 4], vec![4.5; 4]]);
}

/// The last product reads the first one and a sum of it: they cannot be one kernel.
#[test]
fn what_depends_on_a_kernel_comes_after_it() {
    let scaled = program(
        "graph(%x: f64[3]) {
          %two: f64[3] = const 2.0
          %y: f64[3] = mul %x, %two
          %sums: f64[3] = cumsum{axis=0, reverse=0} %y
          %z: f64[3] = mul %y, %sums
          return %y, %z
        }",
    );
    assert_eq!(scaled.report().steps.len(), 3, "{}", scaled.report());
    let x = Array::from_slice(&[1.0, 2.0, 3.0], &[3]).unwrap();
    let results = run(&scaled, &[&x]);
    assert_eq!(results, [vec![2.0, 4.0, 6.0], vec![4.0, 24.0, 72.0]]);
}
