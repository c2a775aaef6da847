//! Outputs of each eval on small inputs, beside values by hand, plain loops and central differences.

use gradus_gradbench::protocol::answer;
use serde_json::{Value, json};

/// The output of a function.
#[track_caller]
fn output(module: &str, function: &str, input: &Value) -> Value {
    let message = json!({
        "id": 7, "kind": "evaluate", "module": module, "function": function, "input": input,
    });
    let answer = answer(&message).unwrap();
    assert_eq!(answer["id"], 7);
    assert_eq!(answer["success"], true, "{answer}");
    answer["output"].clone()
}

#[track_caller]
fn assert_near(got: &Value, want: f64, tolerance: f64) {
    let got = got
        .as_f64()
        .unwrap_or_else(|| panic!("{got} is not a number"));
    assert!(
        (got - want).abs() <= tolerance * (1.0 + want.abs()),
        "{got} instead of {want}"
    );
}

/// All numbers of nested lists, in order.
fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

/// Numbers between -1 and 1 that follow no simple pattern.
fn numbers(n: usize, seed: usize) -> Vec<f64> {
    let value = |k: usize| ((k * 7919 + seed * 104_729 + 13) % 1009) as f64 / 504.5 - 1.0;
    (0..n).map(value).collect()
}

fn table(rows: usize, columns: usize, seed: usize) -> Value {
    let values = numbers(rows * columns, seed);
    let row = |k: usize| Value::from(&values[k * columns..(k + 1) * columns]);
    (0..rows).map(row).collect()
}

/// The central differences of `f` by each number of a field of its input, in order.
fn differences(input: &Value, field: &str, f: impl Fn(&Value) -> f64) -> Vec<f64> {
    let h = 1e-5;
    let count = flat(&input[field]).len();
    let at = |k: usize, by: f64| {
        let mut input = input.clone();
        let mut left = k;
        change(&mut input[field], &mut left, by);
        f(&input)
    };
    (0..count)
        .map(|k| (at(k, h) - at(k, -h)) / (2.0 * h))
        .collect()
}

/// Adds `by` to the number that comes after `left` others. True when it is done.
fn change(value: &mut Value, left: &mut usize, by: f64) -> bool {
    match value {
        Value::Array(items) => items.iter_mut().any(|item| change(item, left, by)),
        number if *left == 0 => {
            *number = json!(number.as_f64().unwrap() + by);
            true
        }
        _ => {
            *left -= 1;
            false
        }
    }
}

#[track_caller]
fn assert_all_near(got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (k, (got, want)) in got.iter().zip(want).enumerate() {
        assert!(
            (got - want).abs() <= tolerance * (1.0 + want.abs()),
            "number {k}: {got} instead of {want}"
        );
    }
}

#[test]
fn squares_and_doubles() {
    assert_eq!(output("hello", "square", &json!(3.0)), 9.0);
    assert_eq!(output("hello", "double", &json!(3)), 6.0);
}

#[test]
fn sums_of_exponentials() {
    let input = json!({ "x": [0.0, 2f64.ln(), 3f64.ln()], "min_runs": 2, "min_seconds": 0 });
    assert_near(&output("lse", "primal", &input), 6f64.ln(), 1e-14);
    let slope = flat(&output("lse", "gradient", &input));
    assert_all_near(&slope, &[1.0 / 6.0, 1.0 / 3.0, 0.5], 1e-14);
    // Without taking off the largest number the sum would be infinite.
    let large = json!({ "x": [1000.0, 1000.0] });
    assert_near(&output("lse", "primal", &large), 1000.0 + 2f64.ln(), 1e-14);
    assert_all_near(
        &flat(&output("lse", "gradient", &large)),
        &[0.5, 0.5],
        1e-14,
    );
}

#[test]
fn polynomials_beside_signs() {
    // Places -1, 0, 1; distances -1.25, -0.5, 0.25.
    let input = json!({ "x": [0.5, 0.25], "n": 3 });
    assert_near(&output("llsq", "primal", &input), 0.9375, 1e-14);
    assert_all_near(
        &flat(&output("llsq", "gradient", &input)),
        &[1.5, -1.5],
        1e-14,
    );
    let input = json!({ "x": numbers(7, 1), "n": 12 });
    let want = differences(&input, "x", |input| {
        output("llsq", "primal", input).as_f64().unwrap()
    });
    assert_all_near(&flat(&output("llsq", "gradient", &input)), &want, 1e-8);
}

#[test]
fn integrates() {
    // The solution is yᵢ = x₀ … xᵢ tⁱ⁺¹ / (i + 1)!, exact for four numbers by a method of fourth order.
    let x = [0.5, -1.5, 2.0, 0.75];
    let input = json!({ "x": x, "s": 1 });
    let mut want = Vec::new();
    let mut product = 1.0;
    for (k, x) in x.iter().enumerate() {
        product *= x * 2.0 / (k + 1) as f64;
        want.push(product);
    }
    assert_all_near(&flat(&output("ode", "primal", &input)), &want, 1e-14);
    let slopes = x.map(|x| want[3] / x);
    assert_all_near(&flat(&output("ode", "gradient", &input)), &slopes, 1e-14);
    // More numbers than a step is exact for, and several steps.
    let input = json!({ "x": numbers(7, 2), "s": 5 });
    let last = |input: &Value| flat(&output("ode", "primal", input))[6];
    let want = differences(&input, "x", last);
    assert_all_near(&flat(&output("ode", "gradient", &input)), &want, 1e-8);
}

#[test]
fn clusters() {
    let input = json!({
        "points": [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [10.0, 10.0]],
        "centroids": [[0.5, 1.0], [9.0, 9.0]],
    });
    assert_near(
        &output("kmeans", "cost", &input),
        1.25 + 1.25 + 1.25 + 2.0,
        1e-13,
    );
    // A centroid's direction is its distance from the mean of its points.
    let want = [0.5 - 1.0 / 3.0, 1.0 - 2.0 / 3.0, -1.0, -1.0];
    assert_all_near(&flat(&output("kmeans", "dir", &input)), &want, 1e-12);
}

fn mixture(d: usize, k: usize, n: usize) -> Value {
    json!({
        "d": d, "k": k, "n": n, "m": 2, "gamma": 1.5,
        "x": table(n, d, 1), "alpha": numbers(k, 2), "mu": table(k, d, 3),
        "q": table(k, d, 4), "l": table(k, d * (d - 1) / 2, 5),
    })
}

/// The logarithm of the posterior by its definition: densities multiplied, for numbers that this does not overflow.
/// `d` is at most 2, so that matrices have short formulas.
fn posterior(input: &Value) -> f64 {
    let [d, k, n, m] = ["d", "k", "n", "m"].map(|name| input[name].as_u64().unwrap() as usize);
    let gamma = input["gamma"].as_f64().unwrap();
    let at = |name: &str, row: usize, column: usize| input[name][row][column].as_f64().unwrap();
    let weights: Vec<f64> = flat(&input["alpha"]).iter().map(|a| a.exp()).collect();
    let total: f64 = weights.iter().sum();
    let tau = 2.0 * std::f64::consts::PI;
    let mut logarithm = 0.0;
    for i in 0..n {
        let density = |c: usize| {
            let factor = |r: usize, s: usize| match r == s {
                true => at("q", c, r).exp(),
                false => at("l", c, 0),
            };
            let centred = |s: usize| at("x", i, s) - at("mu", c, s);
            let row = |r: usize| (0..=r).map(|s| factor(r, s) * centred(s)).sum::<f64>();
            let square: f64 = (0..d).map(|r| row(r).powi(2)).sum();
            let determinant: f64 = (0..d).map(|r| factor(r, r)).product();
            weights[c] / total * determinant * (-0.5 * square).exp() / tau.powf(0.5 * d as f64)
        };
        logarithm += (0..k).map(density).sum::<f64>().ln();
    }
    logarithm + (0..k).map(|c| prior(d, m, gamma, input, c)).sum::<f64>()
}

/// The logarithm of Wishart's density of a component, with n = d + m + 1 degrees of freedom and the scale 1 / gamma².
/// The determinant of the inverse covariance has the power m / 2, so its factor's determinant has the power m.
fn prior(d: usize, m: usize, gamma: f64, input: &Value, c: usize) -> f64 {
    let n = (d + m + 1) as f64;
    let q = flat(&input["q"][c]);
    let mut frobenius: f64 = q.iter().map(|q| (2.0 * q).exp()).sum();
    frobenius += flat(&input["l"][c]).iter().map(|l| l * l).sum::<f64>();
    // The gamma function at n / 2 and (n - 1) / 2, for one and two dimensions.
    let gammas = match (d, m) {
        (1, 2) => 0.0, // Γ(2) = 1
        (2, 2) => std::f64::consts::PI.ln() * 0.5 + (0.75 * std::f64::consts::PI.sqrt()).ln(), // √π Γ(5/2) Γ(2)
        _ => unreachable!("no such case is tested"),
    };
    let constant = n * d as f64 * (gamma.ln() - 0.5 * 2f64.ln()) - gammas;
    constant - 0.5 * gamma * gamma * frobenius + m as f64 * q.iter().sum::<f64>()
}

#[test]
fn mixtures_have_the_posterior_of_its_definition() {
    for (d, k) in [(1, 2), (2, 3)] {
        let input = mixture(d, k, 6);
        assert_near(
            &output("gmm", "objective", &input),
            posterior(&input),
            1e-12,
        );
    }
}

#[test]
fn mixtures_have_the_slopes_of_their_objective() {
    // The second size is large enough for products of matrices; few of its numbers are tried.
    let cases: [(usize, &[&str]); 2] = [(3, &["alpha", "mu", "q", "l"]), (20, &["alpha"])];
    for (d, fields) in cases {
        let input = mixture(d, 2, 5);
        let slopes = output("gmm", "jacobian", &input);
        for field in fields {
            let objective = |input: &Value| output("gmm", "objective", input).as_f64().unwrap();
            let want = differences(&input, field, objective);
            assert_all_near(&flat(&slopes[*field]), &want, 1e-6);
        }
    }
}

fn network(layers: usize, width: usize, characters: usize) -> Value {
    let bits: Vec<Vec<f64>> = (0..characters)
        .map(|k| {
            (0..width)
                .map(|b| f64::from((k * 31 % 17) >> b & 1 == 1))
                .collect()
        })
        .collect();
    json!({
        "main_params": table(2 * layers, 4 * width, 1), "extra_params": table(3, width, 2),
        "state": table(2 * layers, width, 3), "sequence": bits,
    })
}

/// The loss by plain loops over single numbers.
fn loss(input: &Value) -> f64 {
    let at = |name: &str, row: usize, column: usize| input[name][row][column].as_f64().unwrap();
    let layers = input["state"].as_array().unwrap().len() / 2;
    let characters = input["sequence"].as_array().unwrap().len();
    let width = input["sequence"][0].as_array().unwrap().len();
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let mut hidden: Vec<Vec<f64>> = (0..layers).map(|l| flat(&input["state"][2 * l])).collect();
    let mut cell: Vec<Vec<f64>> = (0..layers)
        .map(|l| flat(&input["state"][2 * l + 1]))
        .collect();
    let mut total = 0.0;
    for t in 0..characters - 1 {
        let mut x: Vec<f64> = (0..width)
            .map(|i| at("sequence", t, i) * at("extra_params", 0, i))
            .collect();
        for l in 0..layers {
            for i in 0..width {
                let gate = |k: usize, x: f64| {
                    let place = k * width + i;
                    x * at("main_params", 2 * l, place) + at("main_params", 2 * l + 1, place)
                };
                let forget = sigmoid(gate(0, x[i]));
                let ingate = sigmoid(gate(1, hidden[l][i]));
                let outgate = sigmoid(gate(2, x[i]));
                let change = gate(3, hidden[l][i]).tanh();
                cell[l][i] = cell[l][i] * forget + ingate * change;
                hidden[l][i] = outgate * cell[l][i].tanh();
            }
            x.clone_from(&hidden[l]);
        }
        let predicted = |i: usize| x[i] * at("extra_params", 1, i) + at("extra_params", 2, i);
        let sum: f64 = (0..width).map(|i| predicted(i).exp()).sum();
        let normal = (sum + 2.0).ln();
        let gold = |i: usize| at("sequence", t + 1, i);
        total += (0..width)
            .map(|i| gold(i) * (predicted(i) - normal))
            .sum::<f64>();
    }
    -total / ((characters - 1) * width) as f64
}

#[test]
fn networks_have_the_loss_of_plain_loops_and_its_slopes() {
    for layers in [1, 3] {
        let input = network(layers, 3, 6);
        assert_near(&output("lstm", "objective", &input), loss(&input), 1e-13);
        let mut want = differences(&input, "main_params", loss);
        want.extend(differences(&input, "extra_params", loss));
        assert_all_near(&flat(&output("lstm", "jacobian", &input)), &want, 1e-8);
    }
}

fn scene(rotation: [f64; 3]) -> Value {
    let mut camera = rotation.to_vec();
    camera.extend([0.3, -0.2, -4.0, 500.0, 320.0, 240.0, 0.1, -0.02]);
    json!({ "n": 2, "m": 3, "p": 4, "cam": camera, "x": [0.4, 0.6, 1.5], "w": [0.7], "feat": [300.0, 250.0] })
}

/// The input as the suite writes it: the weight alone, not in a list.
fn with_weight(input: &Value) -> Value {
    let mut input = input.clone();
    input["w"] = input["w"][0].clone();
    input
}

#[test]
fn bundles_have_errors_by_hand() {
    // Without a rotation: (0.1, 0.8, 5.5), distorted by 1 + 0.1 r² - 0.02 r⁴.
    let errors = output("ba", "objective", &with_weight(&scene([0.0; 3])));
    let (x, y): (f64, f64) = (0.1 / 5.5, 0.8 / 5.5);
    let square = x * x + y * y;
    let scale = (1.0 + 0.1 * square - 0.02 * square * square) * 500.0;
    let want = [0.7 * (x * scale + 20.0), 0.7 * (y * scale - 10.0)];
    assert_all_near(&flat(&errors["reproj_error"]["elements"]), &want, 1e-13);
    assert_eq!(errors["reproj_error"]["repeated"], 4);
    assert_near(&errors["w_err"]["element"], 1.0 - 0.49, 1e-14);
    assert_eq!(errors["w_err"]["repeated"], 4);
    // A quarter turn about the third axis takes x to y and y to -x.
    let quarter = std::f64::consts::FRAC_PI_2;
    let errors = output("ba", "objective", &with_weight(&scene([0.0, 0.0, quarter])));
    let want = [0.7 * (-y * scale + 20.0), 0.7 * (x * scale - 10.0)];
    assert_all_near(&flat(&errors["reproj_error"]["elements"]), &want, 1e-12);
}

#[test]
fn bundles_have_the_slopes_of_their_errors() {
    let input = scene([0.2, -0.3, 0.1]);
    let matrix = output("ba", "jacobian", &with_weight(&input));
    let values = flat(&matrix["vals"]);
    assert_eq!(values.len(), 31);
    for (row, got) in values[..30].chunks(15).enumerate() {
        let error = |input: &Value| {
            let errors = output("ba", "objective", &with_weight(input));
            flat(&errors["reproj_error"]["elements"])[row]
        };
        let fields = ["cam", "x", "w"].map(|field| differences(&input, field, error));
        assert_all_near(got, &fields.concat(), 1e-6);
    }
    assert_near(&matrix["vals"][30], -1.4, 1e-14);
    // Each camera has 11 columns, each point 3, each weight 1. The last element is in the last weight's column.
    let block: Vec<f64> = (0..11).chain(22..25).chain([31]).map(f64::from).collect();
    let columns = flat(&matrix["cols"]);
    assert_eq!(columns[..15], block);
    assert_eq!(columns[15..30], block);
    assert_eq!(columns[30], 34.0);
    let rows = flat(&matrix["rows"]);
    assert_eq!(rows[..4], [0.0, 15.0, 30.0, 45.0]);
}
