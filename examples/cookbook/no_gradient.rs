//! Parts of a computation without a derivative: captured values, frozen parts of a model,
//! a block whose derivative is stopped, and everything outside of a transform.
//!
//! | PyTorch | here |
//! |---|---|
//! | `requires_grad=False` | captured by the closure; `grad_wrt` or `freeze` for a part of a tree |
//! | `no_grad` | `stop_gradient` of what is computed in the block |
//! | `inference_mode` | nothing: outside of a transform nothing is recorded |
//! | `eval()` | a field of the model, or two functions |
//!
//! PyTorch, "Autograd mechanics": Locally disabling gradient computation (setting `requires_grad`;
//! grad modes; default mode; no-grad mode; inference mode; evaluation mode).

use gradus::optim::Sgd;
use gradus::prelude::*;
use gradus::random::Key;
use gradus_examples::shared::{assert_composes, assert_near};

#[derive(Tree, Clone)]
struct Model {
    base: Tensor,
    head: Tensor,
    /// Whether inputs are dropped at random. This is part of the structure, so each mode has a program of its own.
    training: bool,
}

impl Model {
    fn forward(&self, x: &Tensor, key: &Key) -> Tensor {
        let mut hidden = x.matmul(&self.base).tanh();
        if self.training {
            let kept = random::bernoulli(key, hidden.shape(), 0.5);
            hidden = kept.where_(&hidden * 2, 0);
        }
        hidden.matmul(&self.head)
    }
}

pub fn main() -> Result<()> {
    // A sum of two captured tensors and one argument: only the argument gets a derivative.
    let [x, y, z] = random::key(0)
        .split()
        .map(|k| random::normal(&k, &[5, 5], F64));
    let slope = grad(|z: &Tensor| (&x + &y + z).sum())(&z);
    assert_near(&slope, &Tensor::ones(&[5, 5], F64));

    // Fine-tuning: the base is frozen, and the gradient does no work for it.
    let key = random::key(1);
    let model = Model {
        base: z.clone(),
        head: y.at(0),
        training: false,
    };
    let loss = |m: &Model| m.forward(&x, &key).square().mean();
    let head_alone = grad_wrt(loss, |path| path == ".head");
    let slopes = head_alone(&model);
    assert_near(&slopes.head, &grad(loss)(&model).head);
    assert_near(&slopes.base, &z.zeros_like());
    // The same with `freeze` inside the function.
    let frozen = |m: &Model| loss(&freeze(m, |path| path == ".base"));
    assert_near(&grad(frozen)(&model).head, &slopes.head);
    let (lean, whole) = (trace(grad(frozen), &model)?, trace(grad(loss), &model)?);
    println!(
        "{} operations with the base frozen, {} without",
        lean.nodes().len(),
        whole.nodes().len()
    );
    assert!(lean.nodes().len() < whole.nodes().len());

    // A block without a derivative whose result is used: (x·c)' with c = x² held constant.
    let held = |x: &Tensor| (x * stop_gradient(&x.square())).sum();
    let at = Tensor::from([2.0, 3.0]);
    assert_near(&grad(held)(&at), &at.square());
    // It also has no derivative in forward mode and in higher derivatives.
    assert_near(&jvp(held, &at, &at.ones_like()).1, &at.square().sum());
    assert_near(&hessian(held)(&at), &Tensor::zeros(&[2, 2], F64));

    // Updates are computed outside of `grad`, so they are not differentiated unless the user asks for it.
    let (rate, sgd) = (Tensor::from(0.1), Sgd::default());
    let updated = sgd.update(&model, &grad(loss)(&model), &rate);
    assert!(loss(&updated).item::<f64>()? < loss(&model).item::<f64>()?);
    let by_rate = grad(|rate: &Tensor| loss(&sgd.update(&model, &grad(loss)(&model), rate)))(&rate);
    println!("the loss after a step changes with the rate by {by_rate}");

    // Nothing is recorded outside, and values computed there can be used inside.
    assert!(!model.forward(&x, &key).is_traced());

    // Evaluation mode is another program, not a way to stop derivatives.
    let dropped = Model {
        training: true,
        ..model.clone()
    };
    assert!((loss(&dropped) - loss(&model)).item::<f64>()?.abs() > 1e-6);
    let slope = grad(|m: &Model| m.forward(&x, &key).sum())(&dropped);
    assert!(slope.head.abs().sum().item::<f64>()? > 0.0);

    let of_head = |head: &Tensor| {
        let head = head.clone();
        loss(&Model {
            head,
            ..dropped.clone()
        })
    };
    assert_composes(of_head, &model.head)
}
