//! Sums of products of several operands: values against a sum over all indices, gradients against differences,
//! and the order of the products.

#[path = "../../../tests/near.rs"]
mod near;

use gradus::prelude::*;
use near::near;
use proptest::prelude::*;

/// The letters of the operands and of the result, and the size of each letter from `a` on.
#[derive(Clone, Debug)]
struct Spec {
    operands: Vec<Vec<usize>>,
    output: Vec<usize>,
    sizes: Vec<usize>,
}

const LETTERS: usize = 5;

fn specs() -> impl Strategy<Value = Spec> {
    // Sizes of 0 and 1 occur, and a letter may occur twice in one operand.
    let sizes = prop::collection::vec(
        prop_oneof![1 => Just(0_usize), 2 => Just(1), 9 => 2..4_usize],
        LETTERS,
    );
    let operands = prop::collection::vec(prop::collection::vec(0..LETTERS, 0..4), 2..6);
    let order = Just((0..LETTERS).collect::<Vec<usize>>()).prop_shuffle();
    let kept = prop::collection::vec(any::<bool>(), LETTERS);
    (sizes, operands, order, kept).prop_map(|(sizes, operands, order, kept)| {
        let there = |l: &usize| operands.iter().any(|o: &Vec<usize>| o.contains(l));
        let output = order.into_iter().filter(|l| kept[*l] && there(l));
        Spec {
            output: output.collect(),
            operands,
            sizes,
        }
    })
}

impl Spec {
    fn formula(&self) -> String {
        let text = |letters: &Vec<usize>| -> String {
            letters.iter().map(|&l| (b'a' + l as u8) as char).collect()
        };
        let left: Vec<String> = self.operands.iter().map(text).collect();
        format!("{}->{}", left.join(","), text(&self.output))
    }

    fn shape(&self, letters: &[usize]) -> Vec<usize> {
        letters.iter().map(|&l| self.sizes[l]).collect()
    }

    /// Tensors of numbers around 1 of both signs.
    fn tensors(&self) -> Vec<Tensor> {
        let make = |(k, letters): (usize, &Vec<usize>)| {
            let shape = self.shape(letters);
            let n: usize = shape.iter().product();
            let number = |i: usize| ((i * 31 + k * 17 + 5) % 23) as f64 / 11.0 - 0.97;
            Tensor::new((0..n).map(number).collect::<Vec<f64>>(), &shape).unwrap()
        };
        self.operands.iter().enumerate().map(make).collect()
    }

    /// The sum over all values of all letters.
    fn sum(&self, tensors: &[Vec<f64>]) -> Vec<f64> {
        let used = |l: &usize| self.operands.iter().any(|o| o.contains(l));
        let letters: Vec<usize> = (0..LETTERS).filter(used).collect();
        let all: usize = self.shape(&letters).iter().product();
        let mut out = vec![0.0; self.shape(&self.output).iter().product()];
        for mut number in 0..all {
            let mut index = [0; LETTERS];
            for &l in &letters {
                index[l] = number % self.sizes[l];
                number /= self.sizes[l];
            }
            let at = |axes: &[usize]| axes.iter().fold(0, |o, &l| o * self.sizes[l] + index[l]);
            let factors = self
                .operands
                .iter()
                .zip(tensors)
                .map(|(axes, t)| t[at(axes)]);
            out[at(&self.output)] += factors.product::<f64>();
        }
        out
    }
}

fn numbers(t: &Tensor) -> Vec<f64> {
    t.to_vec::<f64>().unwrap()
}

proptest! {
    #[test]
    fn values_are_sums_over_all_indices(spec in specs()) {
        let tensors = spec.tensors();
        let operands: Vec<&Tensor> = tensors.iter().collect();
        let got = einsum(&spec.formula(), &operands);
        prop_assert_eq!(got.shape(), &spec.shape(&spec.output)[..]);
        let wanted = spec.sum(&tensors.iter().map(numbers).collect::<Vec<_>>());
        for (x, y) in numbers(&got).iter().zip(wanted) {
            prop_assert!(near(*x, y, 1e-12), "{}: {} instead of {}", spec.formula(), x, y);
        }
    }

    #[test]
    fn gradients_are_differences(spec in specs()) {
        let tensors = spec.tensors();
        let formula = spec.formula();
        let f = |x: &Vec<Tensor>| {
            let y = einsum(&formula, &x.iter().collect::<Vec<_>>());
            // A weight for each element of the result.
            let n: usize = y.shape().iter().product();
            let weights: Vec<f64> = (0..n).map(|i| 0.5 + i as f64 * 0.3).collect();
            (&y * Tensor::new(weights, y.shape()).unwrap()).sum()
        };
        let slopes = grad(f)(&tensors);
        let plain: Vec<Vec<f64>> = tensors.iter().map(numbers).collect();
        let weighed = |tensors: &[Vec<f64>]| -> f64 {
            let y = spec.sum(tensors);
            y.iter().enumerate().map(|(i, y)| y * (0.5 + i as f64 * 0.3)).sum()
        };
        for (k, slope) in slopes.iter().enumerate() {
            for (i, got) in numbers(slope).into_iter().enumerate() {
                // The sum is linear in each element, so a difference of any length has rounding errors alone.
                let (mut up, mut down) = (plain.clone(), plain.clone());
                up[k][i] += 0.5;
                down[k][i] -= 0.5;
                let wanted = weighed(&up) - weighed(&down);
                prop_assert!(
                    near(got, wanted, 1e-10),
                    "{}, operand {}, element {}: {} instead of {}", formula, k, i, got, wanted
                );
            }
        }
    }
}

#[test]
fn several_factors_are_multiplied_in_the_cheapest_order() {
    let (m, v) = (Tensor::ones(&[30, 30], F64), Tensor::ones(&[30], F64));
    let f = |(m, v): &(Tensor, Tensor)| einsum("ij,jk,k->i", &[m, m, v]);
    let graph = trace(f, &(m, v)).unwrap();
    insta::assert_snapshot!(graph.to_string(), @r"
    graph(%0: f64[30,30], %1: f64[30]) {
      %2: f64[30] = contract{batch_left=[], batch_right=[], contract_left=[1], contract_right=[0]} %0, %1
      %3: f64[30] = contract{batch_left=[], batch_right=[], contract_left=[1], contract_right=[0]} %0, %2
      return %3
    }
    ");
}

#[test]
fn two_factors_keep_their_order() {
    let (x, y) = (Tensor::ones(&[3, 4, 2], F64), Tensor::ones(&[5, 4, 3], F64));
    let f = |(x, y): &(Tensor, Tensor)| einsum("bkx,nkb->bn", &[x, y]);
    let graph = trace(f, &(x, y)).unwrap();
    insta::assert_snapshot!(graph.to_string(), @r"
    graph(%0: f64[3,4,2], %1: f64[5,4,3]) {
      %2: f64[3,4] = reduce_sum{axes=[2]} %0
      %3: f64[3,5] = contract{batch_left=[0], batch_right=[2], contract_left=[1], contract_right=[1]} %2, %1
      return %3
    }
    ");
}

#[test]
fn explicit_products_keep_the_order_in_which_they_are_written() {
    let (m, v) = (Tensor::ones(&[30, 30], F64), Tensor::ones(&[30, 1], F64));
    let f = |(m, v): &(Tensor, Tensor)| m.matmul(m).matmul(v);
    let graph = trace(f, &(m, v)).unwrap();
    insta::assert_snapshot!(graph.to_string(), @r"
    graph(%0: f64[30,30], %1: f64[30,1]) {
      %2: f64[30,30] = contract{batch_left=[], batch_right=[], contract_left=[1], contract_right=[0]} %0, %0
      %3: f64[30,1] = contract{batch_left=[], batch_right=[], contract_left=[1], contract_right=[0]} %2, %1
      return %3
    }
    ");
}
