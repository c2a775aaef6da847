//! Full Jacobians and Hessians: by forward mode, by reverse mode, of trees, and of functions with several results.
//!
//! JAX, "The Autodiff Cookbook": Jacobians and Hessians using `jacfwd` and `jacrev`.

use gradus::prelude::*;
use gradus_examples::shared::logistic::{loss, parameters, predict};
use gradus_examples::shared::{assert_composes, assert_near, assert_prints};

const BY_W: [[f64; 3]; 4] = [
    [0.05069415, 0.1091874, 0.07506633],
    [0.14170025, -0.17390487, 0.02415345],
    [0.12579198, 0.01451446, -0.31447992],
    [0.00574409, -0.0193281, 0.01078958],
];

pub fn main() -> Result<()> {
    let (w, b, _) = parameters();
    let f = |w: &Tensor| predict(w, &b);
    let (forward, reverse) = (jacfwd(f)(&w), jacrev(f)(&w));
    println!("{forward}");
    assert_prints(&forward, BY_W);
    assert_prints(&reverse, BY_W);
    // `jacobian` chooses the cheapest order.
    assert_prints(&jacobian(f)(&w), BY_W);

    // One block for each tensor of the argument.
    let of_pair = |(w, b): &(Tensor, Tensor)| predict(w, b);
    let blocks = jacobian_tree(of_pair)(&(w.clone(), b.clone()));
    let block = |column| blocks.get("", column).expect("a block for each leaf");
    assert_prints(block(".0"), BY_W);
    assert_prints(
        block(".1"),
        [0.09748876, 0.16102302, 0.24190766, 0.00776229],
    );

    // The second derivative of four numbers by three, twice.
    let second = jacfwd(jacrev(f))(&w);
    println!("{second}");
    assert_eq!(second.shape(), [4, 3, 3]);
    assert_prints(
        &second,
        [
            [
                [0.02058932, 0.04434624, 0.03048803],
                [0.04434623, 0.09551499, 0.06566654],
                [0.03048803, 0.06566655, 0.04514575],
            ],
            [
                [-0.0743913, 0.09129842, -0.01268033],
                [0.09129842, -0.11204806, 0.01556223],
                [-0.01268034, 0.01556223, -0.00216142],
            ],
            [
                [0.01176856, 0.00135791, -0.02942139],
                [0.00135791, 0.00015668, -0.00339478],
                [-0.0294214, -0.00339478, 0.07355348],
            ],
            [
                [-0.00418412, 0.014079, -0.00785936],
                [0.014079, -0.04737393, 0.02644569],
                [-0.00785936, 0.02644569, -0.01476286],
            ],
        ],
    );
    for other in [
        jacrev(jacfwd(f))(&w),
        jacrev(jacrev(f))(&w),
        jacfwd(jacfwd(f))(&w),
    ] {
        assert_near(&other, &second);
    }
    // A function with one number as its value: the Hessian is planned,
    // and elements that are equal by symmetry are computed once.
    let of_loss = |w: &Tensor| loss(w, &b);
    assert_near(&hessian(of_loss)(&w), &jacfwd(grad(of_loss))(&w));
    assert_composes(of_loss, &w)
}
