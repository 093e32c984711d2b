//! Kernels that ops are lowered to give what the reference gives, bit for bit.

use choral_ir::op::{
    Binary, Compare, ComparisonDirection, ComparisonType, DynamicSlice, DynamicUpdateSlice, Gather, Scatter,
    Sort, TopK,
};
use choral_ir::{Builder, Comparator, DType, Element, Graph, Op, Reducer, Tensor, TensorType, with_storage};
use choral_kernels::access::Elements;
use choral_kernels::cpu::moves::{gather, scatter};
use choral_kernels::cpu::sort::run::Program;
use choral_kernels::memory::Block;
use choral_kernels::{Access, Level};
use choral_runtime::{evaluate, lower};

/// Random numbers (Vigna's splitmix64).
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.bits() as usize % limit.max(1)
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn shuffled(&mut self, mut list: Vec<usize>) -> Vec<usize> {
        (1..list.len()).for_each(|at| list.swap(at, self.below(at + 1)));
        list
    }

    /// So many of the numbers below a limit, ascending.
    fn some(&mut self, count: usize, limit: usize) -> Vec<usize> {
        let mut some = self.shuffled((0..limit).collect());
        some.truncate(count);
        some.sort_unstable();
        some
    }

    fn sizes(&mut self, rank: usize) -> Vec<usize> {
        (0..rank).map(|_| 1 + self.below(4)).collect()
    }

    /// Small numbers.
    fn tensor(&mut self, shape: &[usize], dtype: DType) -> Tensor {
        choral_ir::with_dtype!(dtype, T => Tensor::from_fn(shape, |_| <T as Element>::from_f64(self.below(7) as f64 - 2.0)))
    }
}

/// Operands and results of a kernel in memory.
struct Memory {
    pointers: Vec<*mut u8>,
    results: Vec<Block>,
}

/// Where a tensor of this type lies: dense in a buffer.
fn dense(buffer: usize, ty: &TensorType) -> Elements {
    Elements { buffer, access: Access::dense(&ty.shape) }
}

fn bytes(ty: &TensorType) -> usize {
    ty.shape.iter().product::<usize>() * lower::number::of(ty.dtype).bytes()
}

fn pointer(tensor: &Tensor) -> *mut u8 {
    with_storage!(tensor.storage(), values => values.as_ptr().cast_mut().cast())
}

impl Memory {
    fn of(operands: &[Tensor], results: &[Tensor]) -> Memory {
        let results: Vec<Block> =
            results.iter().map(|result| Block::new(bytes(result.ty())).unwrap()).collect();
        let pointers = operands.iter().map(pointer).chain(results.iter().map(Block::pointer)).collect();
        Memory { pointers, results }
    }

    /// Checks the results, of an op.
    fn check(&self, expected: &[Tensor], op: &Op) {
        for (got, expected) in self.results.iter().zip(expected) {
            let count = bytes(expected.ty());
            // SAFETY: both have so many bytes.
            let [got, expected] = [got.pointer(), pointer(expected)].map(|start| unsafe {
                std::slice::from_raw_parts(if count == 0 { [].as_ptr() } else { start }, count)
            });
            assert!(got == expected, "{op:?}: got {got:?}, expected {expected:?}");
        }
    }
}

fn reference(op: &Op, operands: &[Tensor]) -> Vec<Tensor> {
    let mut builder = Builder::new("main");
    let values: Vec<_> = operands.iter().map(|operand| builder.input("x", operand.ty().clone())).collect();
    let results = builder.push_all(op.clone(), &values).unwrap();
    evaluate(&builder.finish(&results), operands).unwrap()
}

fn operands(tensors: &[Tensor]) -> Vec<(Elements, DType)> {
    tensors.iter().enumerate().map(|(at, tensor)| (dense(at, tensor.ty()), tensor.dtype())).collect()
}

fn results(tensors: &[Tensor], first: usize) -> Vec<Elements> {
    tensors.iter().enumerate().map(|(at, tensor)| dense(first + at, tensor.ty())).collect()
}

/// An operand's dimensions and those of indices into it, for gathers and scatters.
struct Indexing {
    shape: Vec<usize>,
    batching: Vec<usize>,
    /// Without a window.
    gone: Vec<usize>,
    kept: Vec<usize>,
    window: Vec<usize>,
    indices_batching: Vec<usize>,
    index_vector_dim: usize,
    indexed: Vec<usize>,
    indices: Tensor,
    /// Sizes of the dimensions that number windows.
    windows: Vec<usize>,
}

fn indexing(random: &mut Random) -> Indexing {
    let rank = 1 + random.below(4);
    let shape = random.sizes(rank);
    let (mut batching, mut gone, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for dim in 0..shape.len() {
        [&mut batching, &mut gone, &mut kept, &mut Vec::new()][random.below(3)].push(dim);
    }
    let window = (0..shape.len())
        .map(|dim| if kept.contains(&dim) { 1 + random.below(shape[dim]) } else { 1 })
        .collect();
    let more = random.below(3);
    let paired = random.shuffled((0..batching.len() + more).collect());
    let mut windows = random.sizes(paired.len());
    batching.iter().zip(&paired).for_each(|(&dim, &at)| windows[at] = shape[dim]);
    let is_written = random.below(4) > 0;
    let index_vector_dim = if is_written { random.below(windows.len() + 1) } else { windows.len() };
    let free = random.shuffled([gone.as_slice(), &kept].concat());
    let count = if is_written { random.below(free.len() + 1) } else { free.len().min(1) };
    let mut of_indices = windows.clone();
    let is_written = is_written || count == 0;
    if is_written {
        of_indices.insert(index_vector_dim, count);
    }
    let at = |at: &usize| at + usize::from(is_written && *at >= index_vector_dim);
    let dtype = random.one(&[DType::I32, DType::I8, DType::I64, DType::Ui16]);
    Indexing {
        indices_batching: paired[..batching.len()].iter().map(at).collect(),
        indices: random.tensor(&of_indices, dtype),
        indexed: free[..count].to_vec(),
        shape,
        batching,
        gone,
        kept,
        window,
        index_vector_dim,
        windows,
    }
}

#[test]
fn gathers() {
    for seed in 0..1500 {
        let random = &mut Random(seed);
        let of = indexing(random);
        let dtype = random.one(&[DType::F32, DType::I8, DType::F64, DType::Bf16]);
        let op = Gather {
            offset_dims: random.some(of.kept.len(), of.kept.len() + of.windows.len()),
            collapsed_slice_dims: of.gone,
            operand_batching_dims: of.batching,
            start_indices_batching_dims: of.indices_batching,
            start_index_map: of.indexed,
            index_vector_dim: of.index_vector_dim,
            slice_sizes: of.window,
            indices_are_sorted: false,
        };
        let given = [random.tensor(&of.shape, dtype), of.indices];
        let expected = reference(&op.clone().into(), &given);
        let (memory, places) = (Memory::of(&given, &expected), operands(&given));
        let result = results(&expected, 2).remove(0);
        let kernel = lower::index::gather(&op, &places[0], &places[1], result).unwrap();
        run_gather(&kernel, &memory);
        memory.check(&expected, &op.into());
    }
}

fn run_gather(kernel: &choral_kernels::Gather, memory: &Memory) {
    let program = gather::Program::new(kernel, Level::best());
    let frame = Block::new(program.frame_bytes()).unwrap();
    // SAFETY: the kernel's accesses are those of tensors.
    unsafe { program.run(&memory.pointers, 0..program.units(), frame.pointer()) };
}

fn run_scatter(kernel: &choral_kernels::Scatter, memory: &Memory) {
    let program = scatter::Program::new(kernel, Level::best()).unwrap();
    let frame = Block::new(program.frame_bytes()).unwrap();
    // SAFETY: the kernel's accesses are those of tensors.
    unsafe { program.run(&memory.pointers, 0..program.units(), frame.pointer()) };
}

fn body(random: &mut Random) -> (Reducer, DType) {
    let dtype = random.one(&[DType::F32, DType::I32, DType::I8, DType::F16, DType::I4, DType::F64]);
    let ops = [Binary::Add, Binary::Multiply, Binary::Maximum, Binary::Subtract, Binary::Divide];
    match random.below(4) {
        0 => (Graph::second(dtype).into(), dtype),
        _ => (Graph::reducer(random.one(&ops), dtype).unwrap().into(), dtype),
    }
}

#[test]
fn scatters() {
    let mut accumulating = 0;
    for seed in 0..2000 {
        let random = &mut Random(seed);
        let of = indexing(random);
        let (body, dtype) = body(random);
        let update_window_dims = random.some(of.kept.len(), of.kept.len() + of.windows.len());
        let (mut windows, mut kept) = (of.windows.iter(), of.kept.iter());
        let update: Vec<usize> = (0..of.kept.len() + of.windows.len())
            .map(|dim| match update_window_dims.contains(&dim) {
                true => of.window[*kept.next().unwrap()],
                false => *windows.next().unwrap(),
            })
            .collect();
        let op = Scatter {
            update_window_dims,
            inserted_window_dims: of.gone,
            input_batching_dims: of.batching,
            scatter_indices_batching_dims: of.indices_batching,
            scatter_dims_to_operand_dims: of.indexed,
            index_vector_dim: of.index_vector_dim,
            body,
        };
        let given = [random.tensor(&of.shape, dtype), of.indices, random.tensor(&update, dtype)];
        let expected = reference(&op.clone().into(), &given);
        let (memory, places) = (Memory::of(&given, &expected), operands(&given));
        let result = results(&expected, 3);
        match lower::index::scatter(&op, &places[..1], &places[1], &places[2..], &result) {
            Some(kernel) => run_scatter(&kernel, &memory),
            None => {
                assert!(op.body.accumulates());
                accumulating += 1;
                continue;
            }
        }
        memory.check(&expected, &op.into());
    }
    assert!(accumulating < 200);
}

#[test]
fn slices_and_updates_at_computed_places() {
    for seed in 0..1000 {
        let random = &mut Random(seed);
        let rank = 1 + random.below(4);
        let shape = random.sizes(rank);
        let count = random.below(shape.len());
        let batching = random.shuffled((0..shape.len()).collect())[..count].to_vec();
        let sliced: Vec<usize> = (0..shape.len()).filter(|dim| !batching.contains(dim)).collect();
        let slice_sizes: Vec<usize> = sliced.iter().map(|&dim| 1 + random.below(shape[dim])).collect();
        let batch: Vec<usize> = batching.iter().map(|&dim| shape[dim]).collect();
        let operand = random.tensor(&shape, DType::F32);
        let mut starts: Vec<Tensor> = sliced.iter().map(|_| random.tensor(&batch, DType::I32)).collect();

        let op = DynamicSlice { batching_dims: batching.iter().copied().map(Some).collect(), slice_sizes };
        let given: Vec<Tensor> = std::iter::once(operand.clone()).chain(starts.clone()).collect();
        let expected = reference(&op.clone().into(), &given);
        let (memory, places) = (Memory::of(&given, &expected), operands(&given));
        let result = results(&expected, given.len()).remove(0);
        run_gather(&lower::index::dynamic_slice(&op, &places[0], &places[1..], result), &memory);
        memory.check(&expected, &op.into());

        let op = DynamicUpdateSlice { batching_dims: batching };
        let update = random.tensor(expected[0].shape(), DType::F32);
        let given: Vec<Tensor> = [operand, update].into_iter().chain(starts.drain(..)).collect();
        let expected = reference(&op.clone().into(), &given);
        let (memory, places) = (Memory::of(&given, &expected), operands(&given));
        let result = results(&expected, given.len()).remove(0);
        let kernel = lower::index::dynamic_update_slice(&op, &places[0], &places[1].0, &places[2..], &result);
        run_scatter(&kernel, &memory);
        memory.check(&expected, &op.into());
    }
}

fn run_sort(kernel: &choral_kernels::Sort, memory: &Memory) {
    let program = Program::new(kernel, Level::best()).unwrap();
    let frame = Block::new(program.frame_bytes()).unwrap();
    // SAFETY: the kernel's accesses are those of tensors.
    unsafe { program.run(&memory.pointers, 0..program.units(), frame.pointer()) };
}

#[test]
fn sorts() {
    use ComparisonDirection::{Eq, Ge, Gt, Le, Lt, Ne};
    for seed in 0..600 {
        let random = &mut Random(seed);
        let shape = [1 + random.below(3), random.below(40), 1 + random.below(3)];
        let dtype = random.one(&[DType::F32, DType::I8, DType::F64, DType::F16]);
        let mut keys = random.tensor(&shape, dtype);
        if dtype == DType::F32 {
            let special = [0.0, -0.0, f32::NAN, -f32::NAN, f32::INFINITY, 1.0, 2.0, -1.0];
            keys = Tensor::from_fn(shape, |_| random.one(&special));
        }
        let given = [keys, random.tensor(&shape, DType::I32)];
        let direction = random.one(&[Eq, Ge, Gt, Le, Lt, Ne]);
        let types = [ComparisonType::Natural, ComparisonType::TotalOrder];
        let compare_type = if dtype.is_float() { random.one(&types) } else { types[0] };
        let mut body = Builder::new("comparator");
        let scalars =
            [dtype, dtype, DType::I32, DType::I32].map(|dtype| body.input("x", TensorType::scalar(dtype)));
        let holds = body.push(Compare { direction, compare_type }, &scalars[..2]).unwrap();
        let comparator = Comparator::from(body.finish(&[holds]));
        let op = Sort { dimension: random.below(3), is_stable: true, comparator };
        let expected = reference(&op.clone().into(), &given);
        let memory = Memory::of(&given, &expected);
        let kernel = lower::sort::sort(&op, &operands(&given), &results(&expected, 2)).unwrap();
        run_sort(&kernel, &memory);
        memory.check(&expected, &op.into());

        let (op, given) = (TopK { k: random.below(shape[2] + 1) }, &given[..1]);
        let expected = reference(&op.into(), given);
        let memory = Memory::of(given, &expected);
        let places: [Elements; 2] = results(&expected, 1).try_into().unwrap();
        run_sort(&lower::sort::top_k(op, (&dense(0, given[0].ty()), dtype), places), &memory);
        memory.check(&expected, &op.into());
    }
}
