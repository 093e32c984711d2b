//! What holders of an executable rely on.

use choral_ir::op::Binary;
use choral_ir::{Builder, DType, Graph, Key, Tensor, TensorType};
use choral_runtime::{Device, Executable, Setting};

/// `x + y` over four elements.
fn sum() -> Graph {
    let mut builder = Builder::new("main");
    let [x, y] = ["x", "y"].map(|name| builder.input(name, TensorType::new([4], DType::F32)));
    let sum = builder.binary(Binary::Add, x, y).unwrap();
    builder.finish(&[sum])
}

/// A matrix product, then a chain of elementwise ops that read broadcasts, and a sum.
fn layered() -> Graph {
    let mut builder = Builder::new("main");
    let x = builder.input("x", TensorType::new([64, 96], DType::F32));
    let bias = builder.input("bias", TensorType::new([96], DType::F32));
    let bias = builder.broadcast_in_dim(bias, [64, 96], vec![1]).unwrap();
    let half = builder.full(0.5, DType::F32, [64, 96]);
    let shifted = builder.binary(Binary::Subtract, bias, x).unwrap();
    let scaled = builder.binary(Binary::Multiply, half, shifted).unwrap();
    let product = builder.binary(Binary::Multiply, scaled, scaled).unwrap();
    let zero = builder.full(0.0, DType::F32, []);
    let total = builder.reduce(product, zero, vec![1], Binary::Add).unwrap();
    builder.finish(&[total, scaled])
}

fn layered_inputs() -> [Tensor; 2] {
    [Tensor::randn([64, 96], Key::new(0)), Tensor::randn([96], Key::new(1))]
}

#[test]
fn is_shared_by_threads() {
    fn assert_shared<T: Send + Sync>() {}
    assert_shared::<Executable>();
    let executable = Executable::compile(&layered(), Device::Cpu).unwrap();
    let expected = executable.run(&layered_inputs()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let results = executable.run(&layered_inputs()).unwrap();
                assert!(results.iter().zip(&expected).all(|(result, expected)| result.bit_eq(expected)));
            });
        }
    });
}

#[test]
fn leaves_its_inputs_as_they_are() {
    let executable = Executable::compile(&layered(), Device::Cpu).unwrap();
    let inputs = layered_inputs();
    executable.run(&inputs).unwrap();
    assert!(inputs.iter().zip(layered_inputs()).all(|(input, before)| input.bit_eq(&before)));
}

/// A broadcast whose innermost dimension is not its operand's is read in steps, where it lies.
#[test]
fn broadcasts_turn_their_operands() {
    let mut builder = Builder::new("main");
    let x = builder.input("x", TensorType::new([2, 3], DType::F32));
    let y = builder.input("y", TensorType::new([3, 2], DType::F32));
    let turned = builder.broadcast_in_dim(y, [2, 3], vec![1, 0]).unwrap();
    let difference = builder.binary(Binary::Subtract, x, turned).unwrap();
    let executable = Executable::compile(&builder.finish(&[difference]), Device::Cpu).unwrap();
    let inputs = [Tensor::full([2, 3], 10.0f32), Tensor::from_fn([3, 2], |at| at as f32)];
    assert_eq!(executable.run(&inputs).unwrap()[0].to_f64_vec(), [10.0, 8.0, 6.0, 9.0, 7.0, 5.0]);
}

#[test]
fn the_processor_agrees_with_the_reference() {
    let on = |device| Executable::compile(&layered(), device).unwrap().run(&layered_inputs()).unwrap();
    for (cpu, reference) in on(Device::Cpu).iter().zip(on(Device::Reference)) {
        for (got, expected) in cpu.to_f64_vec().iter().zip(reference.to_f64_vec()) {
            assert!((got - expected).abs() <= 1e-5 * expected.abs().max(1.0), "{got}, expected {expected}");
        }
    }
}

#[test]
fn an_input_may_be_an_output_and_read_twice() {
    let mut builder = Builder::new("main");
    let x = builder.input("x", TensorType::new([2], DType::F32));
    let square = builder.binary(Binary::Multiply, x, x).unwrap();
    let fourth = builder.binary(Binary::Multiply, square, square).unwrap();
    let executable = Executable::compile(&builder.finish(&[x, square, fourth]), Device::Cpu).unwrap();
    let results = executable.run(&[Tensor::from([2.0f32, 3.0])]).unwrap();
    let values: Vec<Vec<f64>> = results.iter().map(Tensor::to_f64_vec).collect();
    assert_eq!(values, [[2.0, 3.0], [4.0, 9.0], [16.0, 81.0]]);
}

#[test]
fn a_constant_may_be_an_output() {
    let mut builder = Builder::new("main");
    let three = builder.full(3.0, DType::F32, [2]);
    let executable = Executable::compile(&builder.finish(&[three]), Device::Cpu).unwrap();
    assert_eq!(executable.run(&[]).unwrap()[0].to_f64_vec(), [3.0, 3.0]);
}

#[test]
fn wrong_inputs_are_told() {
    for device in [Device::Reference, Device::Cpu] {
        let executable = Executable::compile(&sum(), device).unwrap();
        let x = Tensor::zeros(TensorType::new([4], DType::F32));
        let few = executable.run(std::slice::from_ref(&x)).unwrap_err();
        assert_eq!(few.to_string(), "the program has 2 inputs (x, y), got 1");
        let other = executable.run(&[x, Tensor::from([1.0f32])]).unwrap_err();
        assert_eq!(other.to_string(), "input 1 (%y) is tensor<4xf32>, got tensor<1xf32>");
    }
}

/// A state that a step changes, and what it changes it by.
fn stepping(donated: &[usize]) -> Executable {
    let setting = Setting::default().donating(donated.iter().copied());
    Executable::compile_with(&sum(), Device::Cpu, &setting).unwrap()
}

fn place(tensor: &Tensor) -> *const f32 {
    tensor.as_slice::<f32>().unwrap().as_ptr()
}

#[test]
fn results_take_the_places_of_donated_inputs() {
    let (x, y) = (Tensor::from([1.0f32, 2.0, 3.0, 4.0]), Tensor::from([1.0f32; 4]));
    let executable = stepping(&[0]);
    assert!(executable.plan().unwrap().to_string().contains("b2 f32, in place"));
    let (mut session, mut state) = (executable.session().unwrap(), vec![x]);
    let mut places = vec![std::ptr::null(); 3];
    for seen in &mut places {
        *seen = place(&state[0]);
        state = session.run([state.remove(0), y.clone()]).unwrap();
    }
    assert_eq!(state[0].to_f64_vec(), [4.0, 5.0, 6.0, 7.0]);
    assert!(places.iter().all(|seen| *seen == place(&state[0])), "{places:?}");
}

/// What somebody else holds as well is not written over, donated or not.
#[test]
fn inputs_that_are_lent_stay() {
    let (x, y) = (Tensor::from([1.0f32, 2.0, 3.0, 4.0]), Tensor::from([1.0f32; 4]));
    let executable = stepping(&[0, 1]);
    for _ in 0..3 {
        let results = executable.run(&[x.clone(), y.clone()]).unwrap();
        assert_eq!(results[0].to_f64_vec(), [2.0, 3.0, 4.0, 5.0]);
        let results = executable.run_with([x.clone(), x.clone()]).unwrap();
        assert_eq!(results[0].to_f64_vec(), [2.0, 4.0, 6.0, 8.0]);
        assert_eq!((x.to_f64_vec(), y.to_f64_vec()), (vec![1.0, 2.0, 3.0, 4.0], vec![1.0; 4]));
    }
}

/// A part of a donated input is written where it lies, and the rest is not touched.
#[test]
fn a_donated_cache_is_updated_where_it_lies() {
    let program = "
        func.func @main(%cache: tensor<4x2xf32>, %row: tensor<1x2xf32>, %at: tensor<i32>) -> tensor<4x2xf32> {
          %zero = stablehlo.constant dense<0> : tensor<i32>
          %next = stablehlo.dynamic_update_slice %cache, %row, %at, %zero
              : (tensor<4x2xf32>, tensor<1x2xf32>, tensor<i32>, tensor<i32>) -> tensor<4x2xf32>
          return %next : tensor<4x2xf32>
        }";
    let setting = Setting::default().donating([0]);
    let executable =
        Executable::compile_with(&Graph::parse(program).unwrap(), Device::Cpu, &setting).unwrap();
    assert_eq!(executable.plan().unwrap().to_string().matches(" = ").count(), 1, "nothing is copied");
    let mut session = executable.session().unwrap();
    let mut cache = Tensor::zeros(TensorType::new([4, 2], DType::F32));
    let first = place(&cache);
    for at in [2i32, 0] {
        let row = Tensor::from([[at as f32 + 1.0, 7.0]]);
        cache = session.run([cache, row, Tensor::scalar(at)]).unwrap().remove(0);
    }
    assert_eq!(cache.to_f64_vec(), [1.0, 7.0, 0.0, 0.0, 3.0, 7.0, 0.0, 0.0]);
    assert_eq!(place(&cache), first);
}

#[test]
fn a_session_says_which_inputs_it_lacks() {
    let mut session = Executable::compile(&sum(), Device::Cpu).unwrap().session().unwrap();
    let x = Tensor::from([1.0f32; 4]);
    session.bind(0, &x).unwrap();
    let mut errors = vec![session.run([]).unwrap_err(), session.run([x.clone(), x.clone()]).unwrap_err()];
    errors.push(session.run([Tensor::from([1.0f32])]).unwrap_err());
    errors.push(session.bind(1, &Tensor::from([1.0f64])).unwrap_err());
    errors.push(session.bind(2, &x).unwrap_err());
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let expected = [
        "the program has 1 inputs (y), got 0",
        "the program has 1 inputs (y), got 2",
        "input 1 (%y) is tensor<4xf32>, got tensor<1xf32>",
        "input 1 (%y) is tensor<4xf32>, got tensor<1xf64>",
        "the program has 2 inputs (x, y), got 3",
    ];
    assert_eq!(errors, expected);
    assert_eq!(session.run([x]).unwrap()[0].to_f64_vec(), [2.0; 4]);
}

/// The same results from sessions on both devices, whatever is bound and however often.
#[test]
fn sessions_do_the_same_as_runs() {
    for device in [Device::Reference, Device::Cpu] {
        let executable = Executable::compile(&layered(), device).unwrap();
        let ([x, bias], mut results) = (layered_inputs(), Vec::new());
        let expected = executable.run(&[x.clone(), bias.clone()]).unwrap();
        let mut session = executable.session().unwrap();
        session
            .bind(1, &x.clone().reshape([64 * 96]).unwrap().take(&(0..96).collect::<Vec<_>>()).unwrap())
            .unwrap();
        session.bind(1, &bias).unwrap();
        for _ in 0..3 {
            session.run_into([x.clone()], &mut results).unwrap();
            assert!(results.iter().zip(&expected).all(|(result, expected)| result.bit_eq(expected)));
        }
    }
}
