//! A transformer block that learns to reverse sequences:
//! attention uses the position embeddings to find the position.

use gradus::prelude::*;
use nn::{Init, Linear};

const TOKENS: usize = 8;
const LENGTH: usize = 6;
const WIDTH: usize = 16;

#[derive(Tree, Clone)]
struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
}

impl Attention {
    fn new(key: &random::Key, dtype: DType) -> Attention {
        let [q, k, v] = key.split();
        let linear = |key| Linear::new(key, WIDTH, WIDTH, Init::LecunNormal, dtype);
        Attention {
            query: linear(&q),
            key: linear(&k),
            value: linear(&v),
        }
    }

    /// `[length, width]` to the same shape.
    fn forward(&self, x: &Tensor) -> Tensor {
        let (q, k, v) = (
            self.query.forward(x),
            self.key.forward(x),
            self.value.forward(x),
        );
        let scores = q.matmul(&k.t()) / (WIDTH as f64).sqrt();
        scores.softmax(-1).matmul(&v)
    }
}

fn normalised(x: &Tensor) -> Tensor {
    let centred = x - x.mean_axis_keep(-1);
    &centred / (centred.square().mean_axis_keep(-1) + 1e-5).sqrt()
}

#[derive(Tree, Clone)]
struct Transformer {
    tokens: Tensor,
    places: Tensor,
    attention: Attention,
    up: Linear,
    down: Linear,
    scores: Linear,
}

impl Transformer {
    fn new(key: &random::Key, dtype: DType) -> Transformer {
        let [tokens, places, attention, up, down, scores] = key.split();
        let linear = |key, n, m| Linear::new(key, n, m, Init::HeNormal, dtype);
        Transformer {
            tokens: random::normal(&tokens, &[TOKENS, WIDTH], dtype),
            places: random::normal(&places, &[LENGTH, WIDTH], dtype),
            attention: Attention::new(&attention, dtype),
            up: linear(&up, WIDTH, 2 * WIDTH),
            down: linear(&down, 2 * WIDTH, WIDTH),
            scores: linear(&scores, WIDTH, TOKENS),
        }
    }

    /// Maps tokens, `[length]` integers, to a score of each token at each position.
    fn forward(&self, sequence: &Tensor) -> Tensor {
        let x = self.tokens.take(sequence, 0) + &self.places;
        let x = &x + self.attention.forward(&normalised(&x));
        let x = &x + self.down.forward(&self.up.forward(&normalised(&x)).gelu());
        self.scores.forward(&normalised(&x))
    }
}

/// Sequences and the same sequences reversed.
fn batch(key: &random::Key, n: usize) -> (Tensor, Tensor) {
    let tokens = random::uniform(key, &[n, LENGTH], F32) * TOKENS;
    let tokens = tokens.floor().astype(I64);
    (tokens.clone(), tokens.flip(&[1]))
}

fn loss(net: &Transformer, (sequences, wanted): &(Tensor, Tensor)) -> Tensor {
    let scores = vmap(|s: &Tensor| net.forward(s))(sequences);
    nn::softmax_cross_entropy(&scores.reshape(&[-1, TOKENS as isize]), &wanted.ravel())
}

fn main() -> Result<()> {
    let key = random::key(1);

    // Compares the gradient of the whole network with finite differences.
    let small = batch(&key, 2);
    check_grads(
        |net: &Transformer| loss(net, &small),
        &Transformer::new(&key, F64),
    )?;

    let mut net = Transformer::new(&key, F32);
    let adam = optim::Adam::default();
    let mut memory = adam.start(&net);
    type Memory = optim::AdamState<Transformer>;
    let step = jit(|(net, memory, key): &(Transformer, Memory, random::Key)| {
        let examples = batch(&key.fold_in_tensor(&memory.step), 32);
        let (loss, slope) = value_and_grad(|net: &Transformer| loss(net, &examples))(net);
        let (net, memory) = adam.update(net, &slope, memory, &Tensor::from(0.01));
        (net, memory, loss)
    });
    for k in 0..=150 {
        let loss;
        (net, memory, loss) = step.call_owned((net, memory, key.clone()))?;
        if k % 50 == 0 {
            println!("step {k:3}: loss {:.4}", loss.item::<f32>()?);
        }
    }

    let (sequences, wanted) = batch(&random::key(2), 200);
    let scores = vmap(|s: &Tensor| net.forward(s))(&sequences);
    let right = scores.argmax_axis(-1).equal(&wanted).astype(F64).mean();
    println!(
        "{} becomes {}",
        sequences.at(0),
        scores.at(0).argmax_axis(-1)
    );
    println!(
        "{:.1} % of the tokens of new sequences are right",
        100.0 * right.item::<f64>()?
    );
    assert!(right.item::<f64>()? > 0.98);
    Ok(())
}
