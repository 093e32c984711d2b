//! Losses against PyTorch (`tests/training/golden.py`), and what does not fit.

use choral::Error;
use choral::loss::{
    BceWithLogits, CrossEntropy, GaussianNll, HuberLoss, KlDiv, NllLoss, Reduction, SmoothL1Loss,
    binary_cross_entropy_with_logits, cross_entropy, gaussian_nll_loss, huber_loss, kl_div, l1_loss,
    mse_loss, nll_loss, smooth_l1_loss,
};
use choral::prelude::*;
use choral::state::file;
use insta::assert_snapshot;

use crate::ROOT;

type TestResult = Result<(), Error>;

const REDUCTIONS: [(&str, Reduction); 4] = [
    ("mean", Reduction::Mean),
    ("sum", Reduction::Sum),
    ("none", Reduction::None),
    ("batchmean", Reduction::BatchMean),
];

fn golden() -> Result<State<Tensor>, Error> {
    Ok(file::read(format!("{ROOT}/tests/training/losses.safetensors"))?)
}

/// Compares a loss of these tensors with PyTorch's, for each reduction that there is a result for, in `f64` and `f32`.
fn check(name: &str, inputs: &[&str], loss: impl Fn(&[Var], Reduction) -> Var) -> TestResult {
    let golden = golden()?;
    let mut compared = 0;
    for (suffix, reduction) in REDUCTIONS {
        let Some(expected) = golden.get(&format!("{name}.{suffix}")) else { continue };
        for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 2e-6)] {
            let cast = |name: &&str| {
                let tensor = &golden[*name];
                if tensor.dtype().is_float() { tensor.to_dtype(dtype) } else { tensor.clone() }
            };
            let inputs: Vec<Tensor> = inputs.iter().map(cast).collect();
            let got = jit(|inputs: Vec<Var>| loss(&inputs, reduction)).call(&inputs)?;
            assert_eq!((got.dtype(), got.shape()), (dtype, expected.shape()), "{name}.{suffix}");
            let pairs = got.to_f64_vec().into_iter().zip(expected.to_f64_vec());
            let worst = pairs.map(|(got, is)| (got - is).abs() / is.abs().max(1.0)).fold(0.0, f64::max);
            assert!(worst <= tolerance, "{name}.{suffix}, {dtype}: differs by {worst}");
            compared += 1;
        }
    }
    assert!(compared >= 6, "{name}: {compared} results compared");
    Ok(())
}

#[test]
fn cross_entropies_of_labels() -> TestResult {
    let of = |options: fn(&[Var]) -> CrossEntropy| {
        move |inputs: &[Var], reduction| {
            cross_entropy(&inputs[0], &inputs[1], options(inputs).reduction(reduction))
        }
    };
    check("cross_entropy.plain", &["logits", "labels"], of(|_| CrossEntropy::default()))?;
    let smooth = of(|_| CrossEntropy::default().label_smoothing(0.1));
    check("cross_entropy.smooth", &["logits", "labels"], smooth)?;
    let weighted = of(|inputs| CrossEntropy::default().weight(&inputs[2]));
    check("cross_entropy.weighted", &["logits", "labels", "class_weight"], weighted)?;
    check("cross_entropy.ignoring", &["logits", "ignoring"], of(|_| CrossEntropy::default()))?;
    let all = of(|inputs| CrossEntropy::default().weight(&inputs[2]).ignore_index(2).label_smoothing(0.3));
    check("cross_entropy.all", &["logits", "labels", "class_weight"], all)?;
    let images = of(|inputs| CrossEntropy::default().weight(&inputs[2]).label_smoothing(0.2));
    check("cross_entropy.images", &["images", "image_labels", "class_weight"], images)
}

#[test]
fn cross_entropies_of_probabilities() -> TestResult {
    check("cross_entropy.probabilities", &["logits", "probabilities"], |inputs, reduction| {
        cross_entropy(&inputs[0], &inputs[1], reduction)
    })?;
    let inputs = ["logits", "probabilities", "class_weight"];
    check("cross_entropy.all_probabilities", &inputs, |inputs, reduction| {
        let options = CrossEntropy::from(reduction).weight(&inputs[2]).label_smoothing(0.3);
        cross_entropy(&inputs[0], &inputs[1], options)
    })
}

#[test]
fn a_single_sample_is_one_of_a_batch() -> TestResult {
    let golden = golden()?;
    let loss = |(logits, label): (Var, Var)| cross_entropy(&logits, &label, Reduction::Mean);
    let got = jit(loss).call((&golden["logits"].index(0)?, &golden["labels"].index(0)?))?;
    assert!((got.item::<f64>()? - golden["cross_entropy.one"].item::<f64>()?).abs() < 1e-12);
    Ok(())
}

#[test]
fn likelihoods_of_labels() -> TestResult {
    check("nll_loss.plain", &["logits", "labels"], |inputs, reduction| {
        nll_loss(&inputs[0].log_softmax(1), &inputs[1], reduction)
    })?;
    check("nll_loss.all", &["images", "image_labels", "class_weight"], |inputs, reduction| {
        let options = NllLoss::default().weight(&inputs[2]).ignore_index(1).reduction(reduction);
        nll_loss(&inputs[0].log_softmax(1), &inputs[1], options)
    })
}

#[test]
fn distances() -> TestResult {
    let inputs = ["x", "y"];
    check("mse_loss", &inputs, |inputs, reduction| mse_loss(&inputs[0], &inputs[1], reduction))?;
    check("l1_loss", &inputs, |inputs, reduction| l1_loss(&inputs[0], &inputs[1], reduction))?;
    check("huber_loss.plain", &inputs, |inputs, reduction| huber_loss(&inputs[0], &inputs[1], reduction))?;
    check("huber_loss.delta", &inputs, |inputs, reduction| {
        huber_loss(&inputs[0], &inputs[1], HuberLoss::from(reduction).delta(2.5))
    })?;
    let plain = |inputs: &[Var], reduction| smooth_l1_loss(&inputs[0], &inputs[1], reduction);
    check("smooth_l1_loss.plain", &inputs, plain)?;
    for (name, beta) in [("smooth_l1_loss.beta", 2.5), ("smooth_l1_loss.zero", 0.0)] {
        check(name, &inputs, |inputs, reduction| {
            smooth_l1_loss(&inputs[0], &inputs[1], SmoothL1Loss::default().beta(beta).reduction(reduction))
        })?;
    }
    Ok(())
}

#[test]
fn likelihoods_of_numbers() -> TestResult {
    check("bce.plain", &["x", "truth"], |inputs, reduction| {
        binary_cross_entropy_with_logits(&inputs[0], &inputs[1], reduction)
    })?;
    check("bce.weighted", &["x", "truth", "element_weight", "pos_weight"], |inputs, reduction| {
        let options = BceWithLogits::from(reduction).weight(&inputs[2]).pos_weight(&inputs[3]);
        binary_cross_entropy_with_logits(&inputs[0], &inputs[1], options)
    })?;
    check("gaussian.plain", &["x", "y", "var"], |inputs, reduction| {
        gaussian_nll_loss(&inputs[0], &inputs[1], &inputs[2], reduction)
    })?;
    check("gaussian.full", &["x", "y", "var"], |inputs, reduction| {
        let options = GaussianNll::default().full().eps(0.9).reduction(reduction);
        gaussian_nll_loss(&inputs[0], &inputs[1], &inputs[2].select(1, 0), options)
    })?;
    check("kl_div.plain", &["x", "sparse"], |inputs, reduction| {
        kl_div(&inputs[0].log_softmax(1), &inputs[1], reduction)
    })?;
    check("kl_div.log", &["x", "y"], |inputs, reduction| {
        let options = KlDiv::default().log_target().reduction(reduction);
        kl_div(&inputs[0].log_softmax(1), &inputs[1].log_softmax(1), options)
    })
}

/// Where the plain formulas overflow or subtract infinities.
#[test]
fn large_logits_have_finite_losses() -> TestResult {
    let (logits, label) = (Tensor::from([[1e4f32, -1e4, 0.0]]), Tensor::from([1i32]));
    let loss = |(logits, label): (Var, Var)| cross_entropy(&logits, &label, Reduction::Sum);
    assert_eq!(jit(loss).call((&logits, &label))?.item::<f32>()?, 2e4);
    let x = Tensor::from([1e4f32, -1e4]);
    let binary = |x: Var| binary_cross_entropy_with_logits(&x, &x.full([2], 0.0), Reduction::None);
    assert_eq!(jit(binary).call(&x)?.as_slice::<f32>()?, [1e4, 0.0]);
    Ok(())
}

/// A label that is no class is told by NaN, and no other sample's loss changes.
#[test]
fn labels_that_are_no_classes() -> TestResult {
    let logits = Tensor::randn([4, 3], Key::new(0));
    let losses = |(logits, labels): (Var, Var)| cross_entropy(&logits, &labels, Reduction::None);
    let got = jit(losses).call((&logits, &Tensor::from([0i32, 3, -1, 2])))?.to_f64_vec();
    let expected = jit(losses).call((&logits, &Tensor::from([0i32, 0, 0, 2])))?.to_f64_vec();
    assert_eq!([got[0], got[3]], [expected[0], expected[3]]);
    assert!(got[1].is_nan() && got[2].is_nan());
    Ok(())
}

/// Members have each their own smoothing.
#[test]
fn members_smooth_by_their_own_numbers() -> TestResult {
    let (logits, labels) = (Tensor::randn([4, 3], Key::new(0)), Tensor::from([0i32, 2, 1, 1]));
    let loss = |(logits, labels, smoothing): (Var, Var, Var)| {
        cross_entropy(&logits, &labels, CrossEntropy::default().label_smoothing(smoothing))
    };
    let smoothings = Tensor::from([0.0f32, 0.1, 0.5]);
    let all = vmap(loss, (None, None, 0)).call((&logits, &labels, &smoothings))?;
    for member in 0..3 {
        let one = jit(loss).call((&logits, &labels, &smoothings.index(member)?))?;
        assert!(all.index(member)?.bit_eq(&one), "member {member}");
    }
    Ok(())
}

/// The error of a loss of values of these types.
fn fault(types: &[(&[usize], DType)], loss: impl Fn(&[Var]) -> Var) -> String {
    let types: Vec<TensorType> = types.iter().map(|(shape, dtype)| TensorType::new(*shape, *dtype)).collect();
    let error = jit(|inputs: Vec<Var>| loss(&inputs)).trace(&types).expect_err("an error").to_string();
    // The line is that of this file, which moves.
    error.lines().filter(|line| !line.starts_with("  at ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn targets_that_do_not_fit() {
    use DType::{F32, F64, I64};
    let mean = Reduction::Mean;
    let entropy = |inputs: &[Var]| cross_entropy(&inputs[0], &inputs[1], mean);
    let messages = [
        fault(&[(&[8, 10], F32), (&[8], F32)], entropy),
        fault(&[(&[8, 10], F32), (&[8, 10], I64)], entropy),
        fault(&[(&[8, 10], F32), (&[8, 1], I64)], entropy),
        fault(&[(&[8, 10], F32), (&[8, 10], F64)], entropy),
        fault(&[(&[8, 10], I64), (&[8], I64)], entropy),
        fault(&[(&[], F32), (&[], I64)], entropy),
        fault(&[(&[8, 10], F32), (&[8], I64), (&[8], F32)], |inputs| {
            cross_entropy(&inputs[0], &inputs[1], CrossEntropy::default().weight(&inputs[2]))
        }),
        fault(&[(&[8, 10], F32), (&[8], I64)], |inputs| {
            cross_entropy(&inputs[0], &inputs[1], CrossEntropy::default().label_smoothing(1.5))
        }),
        fault(&[(&[8, 10], F32), (&[8], F32)], |inputs| nll_loss(&inputs[0], &inputs[1], mean)),
        fault(&[(&[8, 1], F32), (&[8], F32)], |inputs| mse_loss(&inputs[0], &inputs[1], mean)),
        fault(&[(&[8], F32), (&[8], I64)], |inputs| l1_loss(&inputs[0], &inputs[1], mean)),
        fault(&[(&[8, 3], F32), (&[8, 3], F32), (&[8], F32)], |inputs| {
            let options = BceWithLogits::default().pos_weight(&inputs[2]);
            binary_cross_entropy_with_logits(&inputs[0], &inputs[1], options)
        }),
        fault(&[(&[8, 3], F32), (&[8, 3], F32), (&[3], F32)], |inputs| {
            gaussian_nll_loss(&inputs[0], &inputs[1], &inputs[2], mean)
        }),
    ];
    assert_snapshot!(messages.join("\n\n"));
}
