//! Explanations of plans.

use crate::functions::{Function, filled, layers, logistic, number};
use gradus::plan::SourceLines;
use gradus::prelude::*;
use std::time::Duration;

/// Replaces line numbers, which change with every edit of this test.
fn lines_masked(text: &str) -> String {
    let mut parts = text.split("functions.rs:");
    let mut out = parts.next().unwrap_or_default().to_string();
    for part in parts {
        out.push_str("functions.rs:_");
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}

#[test]
fn a_plan_explains_itself() {
    let f = layers(&[200, 40, 4, 40, 200]);
    let x = filled(&[200], 1);
    let plan = plan_jacobian(&f, &x, &PlanOptions::default()).unwrap();
    insta::assert_snapshot!(lines_masked(&plan.explain()));
    insta::assert_snapshot!(lines_masked(&plan.plan().to_json()));
    insta::assert_snapshot!(plan.plan().to_dot());
    let analysis = plan.analyze(&x).unwrap();
    assert!(analysis.explain().contains("regret"));
    let read: serde_json::Value = serde_json::from_str(&analysis.to_json()).unwrap();
    assert_eq!(read["chosen"], "mixed");
    // Both pages are self-contained, and show every candidate.
    for page in [plan.plan().to_html(), analysis.to_html()] {
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
        assert!(!page.contains("http") && !page.contains("src="));
        for c in plan.plan().candidates() {
            assert!(page.contains(&format!("<td>{}</td>", c.name)), "{page}");
        }
        // The times, the order, the program.
        assert_eq!(page.matches("<svg").count(), 3);
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    }
    assert_eq!(
        read["candidates"][0]["measured"]["operations"],
        read["candidates"][0]["operations"]
    );
}

/// A function of six numbers, and two places to differentiate it at.
fn small() -> (Function, Tensor, Tensor) {
    let f = number(layers(&[6, 4, 3]));
    (f, filled(&[6], 1), filled(&[6], 5))
}

#[test]
fn plans_of_hessians_explain_themselves() {
    let (f, x, _) = small();
    let options = PlanOptions::default();
    let hessian = plan_hessian(&f, &x, &options).unwrap();
    insta::assert_snapshot!(lines_masked(&hessian.explain()), @"
    the Hessian of f64[] by f64[6]
      a chain of widths 6 → 4 → 6
        cut 1: contract, f64[4], at crates/gradus/tests/plans/functions.rs:_

        candidate                              operations     bytes moved   bytes at peak        time   ratio
        forward over reverse                        1,115           4,464           1,312      1.8 µs    1.06
      * reverse over reverse                        1,073           4,416           1,248      1.7 µs    1.00
        scalar elimination over reverse               707           5,008           3,744     16.8 µs    9.71
        reverse over forward                        1,238           5,096           1,248      1.9 µs    1.13
        not available yet: compression by colouring (sparse results)
        not available yet: recomputation (less memory than any order needs)

      chosen: reverse over reverse, cotangents pulled from the outputs to the inputs

      steps:
         1 run the function and its gradient by reverse mode, and keep 11 arrays of 536 bytes that the derivative needs
         2 pull 6 unit rows back through its linear program (23 operations)
         3 write the 6 × 6 derivatives; in total 6 products and 33 elementwise operations
    ");
    let large = plan_hessian(logistic(512, 1000), &filled(&[512], 1), &options).unwrap();
    insta::assert_snapshot!(lines_masked(&large.explain()), @"
    the Hessian of f64[] by f64[512]
      a chain of widths 512 → 512

        candidate                              operations     bytes moved   bytes at peak        time   ratio
        forward over reverse                  527,877,000      22,669,248       6,217,152     4.85 ms    1.69
        reverse over reverse                  527,877,000      26,765,248       6,217,152     4.86 ms    1.70
        reverse over forward                  528,898,000      26,757,248       6,209,152     4.95 ms    1.73
      * forward over reverse, symmetric       266,245,000      22,669,248       6,217,152     2.87 ms    1.00
        not available yet: compression by colouring (sparse results)
        not available yet: recomputation (less memory than any order needs)

      chosen: forward over reverse, symmetric, tangents pushed from the inputs to the outputs

      steps:
         1 run the function and its gradient by reverse mode, and keep 4 arrays of 4,120,000 bytes that the derivative needs
         2 push 512 unit columns through its linear program (7 operations)
         3 compute one of two blocks that are equal by symmetry, and copy it to the other
         4 write the 512 × 512 derivatives; in total 2 products and 10 elementwise operations
    ");
}

#[test]
fn plans_of_products_with_hessians_explain_themselves() {
    let (f, x, _) = small();
    let hvp = plan_hvp(&f, &x, &PlanOptions::default()).unwrap();
    insta::assert_snapshot!(lines_masked(&hvp.explain()), @"
    the product of the Hessian of f64[] by f64[6] with a vector
      a chain of widths 6 → 4 → 3 → 1
        cut 1: contract, f64[4], at crates/gradus/tests/plans/functions.rs:_
        cut 2: contract, f64[3], at crates/gradus/tests/plans/functions.rs:_

        candidate                   operations     bytes moved   bytes at peak        time   ratio
        forward over reverse               358           1,928             496      1.2 µs    1.04
      * reverse over reverse               351           1,920             496      1.2 µs    1.00
        reverse over forward               351           1,920             496      1.2 µs    1.00
        not available yet: recomputation (less memory than any order needs)

      chosen: reverse over reverse, the gradient of the gradient's product with the vector

      steps:
         1 run the function, its gradient by reverse mode, and the gradient's product with the vector
         2 pull 1 back through all three
         3 write the product of 6 numbers; in total 7 products and 33 elementwise operations
    ");
    insta::assert_snapshot!(lines_masked(&hvp.plan().to_json()), @r#"
    {
      "subject": "product of the Hessian of f64[] by f64[6] with a vector",
      "widths": [6, 4, 3, 1],
      "cuts": [
        {"operation": "contract", "type": "f64[4]", "place": "crates/gradus/tests/plans/functions.rs:_"},
        {"operation": "contract", "type": "f64[3]", "place": "crates/gradus/tests/plans/functions.rs:_"}],
      "chosen": "reverse over reverse",
      "not_built": [],
      "candidates": [
        {"mode": "forward over reverse", "order": null, "operations": 358, "bytes": 1928, "peak_bytes": 496, "seconds": 1.2327833333333332e-6, "ruled_out": null},
        {"mode": "reverse over reverse", "order": null, "operations": 351, "bytes": 1920, "peak_bytes": 496, "seconds": 1.1825166666666666e-6, "ruled_out": null},
        {"mode": "reverse over forward", "order": null, "operations": 351, "bytes": 1920, "peak_bytes": 496, "seconds": 1.1825166666666666e-6, "ruled_out": null}
      ],
      "steps": [
        "run the function, its gradient by reverse mode, and the gradient's product with the vector",
        "pull 1 back through all three",
        "write the product of 6 numbers; in total 7 products and 33 elementwise operations"
      ]
    }
    "#);
    insta::assert_snapshot!(hvp.plan().to_dot(), @r#"
    digraph plan {
      node [shape=box]
      n0 [label="reverse over reverse"]
    }
    "#);
}

#[test]
fn measured_plans_of_second_derivatives_show_counts_beside_estimates() {
    let (f, x, v) = small();
    let options = PlanOptions::default();
    let hessian = plan_hessian(&f, &x, &options).unwrap();
    let hvp = plan_hvp(&f, &x, &options).unwrap();
    let measured = [
        hessian.analyze_for(&x, Duration::ZERO).unwrap(),
        hvp.analyze_for(&x, &v, Duration::ZERO).unwrap(),
    ];
    for analysis in measured {
        let (text, page) = (analysis.explain(), analysis.to_html());
        let read: serde_json::Value = serde_json::from_str(&analysis.to_json()).unwrap();
        assert!(text.contains("regret") && read["regret"].is_number());
        assert_eq!(
            read["steps"].as_array().unwrap().len(),
            analysis.plan.steps().len()
        );
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
        for (k, c) in analysis.plan.candidates().iter().enumerate() {
            assert!(text.contains(&c.name) && page.contains(&format!("<td>{}</td>", c.name)));
            assert_eq!(read["candidates"][k]["mode"], c.name.as_str());
            assert_eq!(
                read["candidates"][k]["measured"]["operations"],
                c.estimate.operations
            );
        }
    }
}

#[test]
fn plans_name_the_users_lines_unless_that_is_not_wanted() {
    let (f, x, _) = small();
    let options = PlanOptions::default();
    let (outer, inner) = (filled(&[6, 2], 1), filled(&[2, 6], 1));
    let line = line!() + 1;
    let g = |x: &Tensor| outer.matmul(&inner.matmul(x));
    let plan = plan_jacobian(g, &x, &options).unwrap();
    let place = format!("{}:{line}", file!());
    assert!(
        plan.explain()
            .contains(&format!("cut 1: contract, f64[2], at {place}\n")),
        "{}",
        plan.explain()
    );
    let read: serde_json::Value = serde_json::from_str(&plan.plan().to_json()).unwrap();
    assert_eq!(read["cuts"][0]["place"], place);
    assert!(plan.plan().to_html().contains(&place));
    let options = options.source_lines(SourceLines::Hidden);
    let plan = plan_hvp(&f, &x, &options).unwrap();
    for text in [plan.explain(), plan.plan().to_json(), plan.plan().to_html()] {
        assert!(!text.contains(".rs"), "{text}");
    }
}

#[test]
fn the_steps_of_a_long_plan_are_few() {
    let inner = (0..11).map(|k| if k % 2 == 0 { 5 + k } else { 38 - k });
    let widths: Vec<usize> = [40].into_iter().chain(inner).chain([40]).collect();
    let f = layers(&widths);
    let plan = plan_jacobian(f, &filled(&[40], 1), &PlanOptions::default()).unwrap();
    let steps = plan.plan().steps();
    assert!(
        plan.plan().cuts().len() > 10 && steps.len() <= 21,
        "{steps:#?}"
    );
}

#[test]
fn mistakes_in_second_derivatives_are_explained() {
    let options = PlanOptions::default();
    let said = |error: Error| {
        let text = error.to_string();
        assert!(
            text.contains("explanations.rs:") || !text.contains(".rs"),
            "{text}"
        );
        text.lines().next().unwrap().to_string()
    };
    let number = |x: &Tensor| x.sin().sum();
    let (x, integers) = (filled(&[3], 1), Tensor::new(vec![1i64, 2], &[2]).unwrap());
    let none = options.clone().memory_limit(0);
    insta::assert_snapshot!([
        said(plan_hessian(number, &integers, &options).err().unwrap()),
        said(plan_hvp(number, &integers, &options).err().unwrap()),
        said(plan_hessian(|x: &Tensor| x.sin(), &x, &options).err().unwrap()),
        said(plan_hvp(|x: &Tensor| x.sin(), &x, &options).err().unwrap()),
        said(plan_hessian(|x: &Tensor| x.greater(0.0).all(), &x, &options).err().unwrap()),
        said(plan_hvp(|x: &Tensor| (x + filled(&[4], 0)).sum(), &x, &options).err().unwrap()),
        said(plan_jacobian(number, &x, &none).err().unwrap()),
        said(plan_hessian(number, &x, &none).err().unwrap()),
        said(plan_hvp(number, &x, &none).err().unwrap()),
    ].join("\n"), @"
    plan_hessian: the argument is i64[2], and derivatives exist with respect to floating-point tensors only; convert it with `astype`, or let the function capture it instead
    plan_hvp: the argument is i64[2], and derivatives exist with respect to floating-point tensors only; convert it with `astype`, or let the function capture it instead
    plan_hessian: the function must return one floating-point number, it returned f64[3]; reduce it, for example with `sum`, or ask for its Jacobian with `jacrev`
    plan_hvp: the function must return one floating-point number, it returned f64[3]; reduce it, for example with `sum`, or ask for its Jacobian with `jacrev`
    plan_hessian: the function must return one floating-point number, it returned bool[]; reduce it, for example with `sum`, or ask for its Jacobian with `jacrev`
    add: shapes [3] and [4] do not broadcast: axis 0 has sizes 3 and 4; sizes must be equal or 1
    plan_jacobian: no order of the chain rule fits into 0 bytes; the smallest needs 24 bytes (recomputation is not available yet)
    plan_hessian: no order of the chain rule fits into 0 bytes; the smallest needs 200 bytes (recomputation is not available yet)
    plan_hvp: no order of the chain rule fits into 0 bytes; the smallest needs 24 bytes (recomputation is not available yet)
    ");
    let (h, p) = (
        plan_hessian(number, &x, &options).unwrap(),
        plan_hvp(number, &x, &options).unwrap(),
    );
    insta::assert_snapshot!([
        said(h.evaluate(&filled(&[4], 1)).err().unwrap()),
        said(p.evaluate(&filled(&[4], 1), &x).err().unwrap()),
        said(p.evaluate(&x, &filled(&[3, 1], 1)).err().unwrap()),
        said(p.analyze(&x, &x.astype(F32)).err().unwrap()),
    ].join("\n"), @"
    the plan was made for points of type f64[3], got f64[4]
    the plan was made for points of type f64[3], got f64[4]
    the plan was made for vectors of type f64[3], got f64[3,1]
    the plan was made for vectors of type f64[3], got f32[3]
    ");
}
