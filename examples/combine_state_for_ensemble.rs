//! Five models, one program: the shortest use of choral.
//!
//! `cargo run --release --example combine_state_for_ensemble`

use choral::prelude::*;

fn main() -> Result<(), choral::Error> {
    let models: Vec<Linear<Tensor>> = (0..5).map(|seed| Linear::init(3, 3, Key::new(seed))).collect();
    let data = Tensor::randn([64, 3], Key::new(9));

    let (fmodel, params, buffers) = combine_state_for_ensemble(&models)?;
    let output = vmap(fmodel, (0, 0, None)).call((&params, &buffers, &data))?;
    assert_eq!(output.shape(), [5, 64, 3]);

    println!("output: {}", output.ty());
    Ok(())
}
