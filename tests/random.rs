//! Random numbers: equal to `jax.random`'s, the same on the host and in programs, and each member's
//! own.

use choral::prelude::*;
use insta::assert_snapshot;

type TestResult = Result<(), choral::Error>;

/// `jax.random.key(7)`.
const SEED: u64 = 7;

const DEVICES: [Device; 2] = [Device::Reference, Device::Cpu];

/// What `draw` makes of the key in a program on a device.
fn drawn(draw: impl Fn(&Var) -> Var, device: Device) -> Result<Tensor, choral::Error> {
    jit(|key: Var| draw(&key)).on(device).call(Key::new(SEED))
}

/// 0, 1, 2, ..
fn counted(count: usize) -> Tensor {
    Tensor::from_fn([count], |at| at as i32)
}

fn words(tensor: &Tensor) -> Vec<u32> {
    tensor.as_slice::<u32>().expect("words").to_vec()
}

fn float_bits(tensor: &Tensor) -> Vec<u32> {
    tensor.as_slice::<f32>().expect("floats").iter().map(|x| x.to_bits()).collect()
}

/// Figures from `jax.random` (JAX 0.10.2), floats as their bits.
#[test]
fn draws_are_those_of_jax() -> TestResult {
    for device in DEVICES {
        let split = drawn(|key| random::split_n(key, 3), device)?;
        assert_eq!(words(&split), [3625411723, 1954958720, 195045567, 4062205631, 966301609, 1948237315]);
        assert_eq!(words(&drawn(|key| random::fold_in(key, 5), device)?), [3583082021, 1947592014]);
        let bits = drawn(|key| random::bits(key, [2, 3]), device)?;
        assert_eq!(words(&bits), [2895194379, 4185947648, 1300703658, 1906787632, 3139134342, 2709822315]);
        let uniform = drawn(|key| random::uniform(key, [2, 3]), device)?;
        let expected = [1059885352, 1064927358, 1050349136, 1055084168, 1060838242, 1059161242];
        assert_eq!(float_bits(&uniform), expected);
        let between = drawn(|key| random::uniform_between(key, [5], -2.0, 3.0), device)?;
        let expected = [1068460772, 1077403806, 3203971184, 1046548816, 1070842997];
        assert_eq!(float_bits(&between), expected);
        let randint = drawn(|key| random::randint(key, [6], -5, 12), device)?;
        assert_eq!(randint.as_slice::<i32>()?, [8, 0, 5, 6, -2, 11]);
        let widest = drawn(|key| random::randint(key, [4], i32::MIN, i32::MAX), device)?;
        assert_eq!(widest.as_slice::<i32>()?, [752193311, 1400917350, -455323268, -325042195]);
        let bernoulli = drawn(|key| random::bernoulli(key, 0.3, [12]), device)?;
        let places: Vec<usize> = (0..12).filter(|&at| bernoulli.as_slice::<bool>().unwrap()[at]).collect();
        assert_eq!(places, [8, 9]);
    }
    Ok(())
}

#[test]
fn normal_draws_are_those_of_jax() -> TestResult {
    for device in DEVICES {
        let normal = drawn(|key| random::normal(key, [2, 3]), device)?;
        let expected = [1055328331, 1073351342, 3204720709, 3188740775, 1058902321, 1051405192];
        assert_eq!(float_bits(&normal), expected);
    }
    Ok(())
}

/// Sums over the bits of many draws, each with a weight of its place.
#[test]
fn many_draws_are_those_of_jax() -> TestResult {
    let weighed = |draws: &Tensor| -> u64 {
        let bits = float_bits(draws).into_iter().map(u64::from);
        bits.enumerate().map(|(at, bits)| bits * (at as u64 % 97 + 1)).sum()
    };
    for device in DEVICES {
        let normal = drawn(|key| random::normal(key, [20_000]), device)?;
        assert_eq!(weighed(&normal), 2_088_501_788_009_480);
        let between = drawn(|key| random::uniform_between(key, [20_000], -2.0, 3.0), device)?;
        assert_eq!(weighed(&between), 1_890_309_892_269_276);
    }
    Ok(())
}

#[test]
fn permutations_are_those_of_jax() -> TestResult {
    for device in DEVICES {
        let order = drawn(|key| random::permutation(key, &key.constant(&counted(10))), device)?;
        assert_eq!(order.as_slice::<i32>()?, [9, 4, 2, 3, 5, 0, 7, 6, 1, 8]);
        let rows = Tensor::from([[0, 1], [2, 3], [4, 5]]);
        let rows = drawn(|key| random::permutation(key, &key.constant(&rows)), device)?;
        assert_eq!(rows.as_slice::<i32>()?, [4, 5, 0, 1, 2, 3]);
    }
    // Enough places for a second round of sorting.
    let order = Key::new(SEED).permutation(3000);
    assert_eq!(order[..6], [2846, 88, 2378, 1526, 2050, 993]);
    assert_eq!(order.iter().enumerate().map(|(at, place)| at * place % 9973).sum::<usize>(), 14990411);
    Ok(())
}

#[test]
fn the_host_draws_what_programs_draw() -> TestResult {
    let key = Key::new(SEED);
    for device in DEVICES {
        let split = Tensor::from(key.split_n(4));
        assert!(drawn(|key| random::split_n(key, 4), device)?.bit_eq(&split));
        let [_, second] = key.split();
        assert!(drawn(|key| random::split::<2>(key)[1].clone(), device)?.bit_eq(&second.into()));
        assert!(drawn(|key| random::fold_in(key, 9), device)?.bit_eq(&key.fold_in(9).into()));
        assert!(drawn(|key| random::uniform(key, [7]), device)?.bit_eq(&Tensor::rand([7], key)));
        assert!(drawn(|key| random::normal(key, [40]), device)?.bit_eq(&Tensor::randn([40], key)));
        let coins = drawn(|key| random::bernoulli(key, 0.3, [40]), device)?;
        assert_eq!(coins.as_slice::<bool>()?, key.bernoulli(40, 0.3));
        let integers = drawn(|key| random::randint(key, [40], -3, 900), device)?;
        assert_eq!(integers.as_slice::<i32>()?, key.randint(40, -3, 900));
        let order = drawn(|key| random::permutation(key, &key.constant(&counted(2000))), device)?;
        let expected: Vec<i32> = key.permutation(2000).into_iter().map(|place| place as i32).collect();
        assert_eq!(order.as_slice::<i32>()?, expected);
    }
    Ok(())
}

#[test]
fn edges() -> TestResult {
    let key = Key::new(SEED);
    assert_eq!(drawn(|key| random::normal(key, [0, 3]), Device::Cpu)?.shape(), [0, 3]);
    assert_eq!(drawn(|key| random::uniform(key, []), Device::Cpu)?.shape(), [0usize; 0]);
    let nothing = drawn(|key| random::randint(key, [3], 5, 5), Device::Cpu)?;
    assert_eq!(nothing.as_slice::<i32>()?, [5, 5, 5]);
    assert_eq!(key.randint(2, 5, -5), [5, 5]);
    assert_eq!((key.permutation(0), key.permutation(1)), (vec![], vec![0]));
    let one = drawn(|key| random::permutation(key, &key.constant(&counted(1))), Device::Cpu)?;
    assert_eq!(one.as_slice::<i32>()?, [0]);
    Ok(())
}

/// Members with keys of their own draw what each would draw alone.
#[test]
fn mapped_keys_are_streams_of_their_own() -> TestResult {
    let keys = Key::new(3).split_n(5);
    let draw = |key: Var| {
        let [noise, order] = random::split(&key);
        let x = random::normal(&noise, [4]);
        (random::permutation(&order, &x), random::randint(&noise, [3], 0, 9))
    };
    for device in DEVICES {
        let (x, n) = vmap(draw, 0).on(device).call(&Tensor::from(keys.clone()))?;
        for (member, key) in keys.iter().enumerate() {
            let (alone_x, alone_n) = jit(draw).on(device).call(*key)?;
            assert!(x.index(member)?.bit_eq(&alone_x) && n.index(member)?.bit_eq(&alone_n));
        }
    }
    Ok(())
}

#[derive(Module, Clone)]
struct Network<T> {
    table: Embedding<T>,
    norm: BatchNorm1d<T>,
    layer_norm: LayerNorm<T>,
    conv: Conv1d<T>,
    fc: Linear<T>,
}

impl<T: Constant> Network<T> {
    fn init<K: RandomKey<Leaf = T>>(key: K) -> Self {
        let [table, conv, fc] = key.split();
        Network {
            table: Embedding::init(6, 4, table),
            norm: BatchNorm1d::init(4),
            layer_norm: LayerNorm::init([4]),
            conv: Conv1d::init(4, 2, 3, conv),
            fc: Linear::init(4, 2, fc),
        }
    }
}

/// A whole ensemble is initialised in one program, with the numbers of the members one by one.
#[test]
fn initialisers_map_over_keys() -> TestResult {
    let keys = Key::new(11).split_n(6);
    for device in DEVICES {
        let stacked: Network<Tensor> =
            vmap(Network::init::<Var>, 0).on(device).call(&Tensor::from(keys.clone()))?;
        let stacked = stacked.state_dict();
        for (member, key) in keys.iter().enumerate() {
            for (name, expected) in Network::init(*key).state_dict() {
                assert!(stacked[&name].index(member)?.bit_eq(&expected), "{name} of member {member}");
            }
        }
    }
    Ok(())
}

fn dropout((x, key): (Var, Var)) -> Var {
    with_key(&key, || x.dropout(0.5))
}

/// Four members, all of the same numbers, so that masks can be told apart.
fn members() -> Tensor {
    Tensor::full([4, 64], 1.0f32)
}

fn row(x: &Tensor, member: usize) -> Tensor {
    x.index(member).expect("a member")
}

#[test]
fn members_that_share_a_key_are_an_error() {
    let error = vmap(dropout, (0, None)).call((&members(), Key::new(1))).expect_err("refused");
    assert_snapshot!(error);
}

#[test]
fn same_draws_once_for_all() -> TestResult {
    let (x, key) = (members(), Key::new(1));
    let masks = vmap(dropout, (0, None)).randomness(Randomness::Same).call((&x, key))?;
    let alone = jit(dropout).call((&row(&x, 0), key))?;
    for member in 0..4 {
        assert!(row(&masks, member).bit_eq(&alone));
    }
    Ok(())
}

#[test]
fn different_folds_the_number_of_the_member_in() -> TestResult {
    let (x, key) = (members(), Key::new(1));
    for device in DEVICES {
        let different = vmap(dropout, (0, None)).randomness(Randomness::Different).on(device);
        let masks = different.call((&x, key))?;
        for member in 0..4 {
            let own = key.fold_in(member as u32);
            let alone = jit(dropout).on(device).call((&row(&x, member), own))?;
            assert!(row(&masks, member).bit_eq(&alone), "member {member}");
        }
    }
    Ok(())
}

#[test]
fn keys_of_their_own_need_no_mode() -> TestResult {
    let (x, keys) = (members(), Key::new(1).split_n(4));
    let masks = vmap(dropout, 0).call((&x, &Tensor::from(keys.clone())))?;
    for (member, key) in keys.into_iter().enumerate() {
        assert!(row(&masks, member).bit_eq(&jit(dropout).call((&row(&x, member), key))?));
    }
    Ok(())
}

/// The key may also be in scope around the mapped function.
#[test]
fn a_key_from_around_is_a_shared_one() -> TestResult {
    let around = |randomness| {
        move |(x, key): (Var, Var)| {
            let masks = vmap(|x: Var| x.dropout(0.5), 0).randomness(randomness);
            with_key(&key, || masks.apply(x.clone()))
        }
    };
    let (x, key) = (members(), Key::new(1));
    assert!(jit(around(Randomness::Error)).call((&x, key)).is_err());
    let same = jit(around(Randomness::Same)).call((&x, key))?;
    assert!(row(&same, 0).bit_eq(&row(&same, 3)));
    let different = jit(around(Randomness::Different)).call((&x, key))?;
    assert!(!row(&different, 0).bit_eq(&row(&different, 3)));
    Ok(())
}

/// Each axis has its mode, also where both have one name.
#[test]
fn every_axis_has_a_mode_of_its_own() -> TestResult {
    let x = Tensor::full([2, 3, 64], 1.0f32);
    let masks = |outer, inner, name: &'static str| {
        let rows = vmap(dropout, (0, None)).randomness(inner).axis_name(name);
        vmap(rows, (0, None)).randomness(outer).call((&x, Key::new(1)))
    };
    let distinct = |masks: &Tensor| {
        let rows: Vec<Vec<u32>> = (0..2)
            .flat_map(|outer| (0..3).map(move |inner| (outer, inner)))
            .map(|(outer, inner)| float_bits(&row(&row(masks, outer), inner)))
            .collect();
        rows.iter().collect::<std::collections::HashSet<_>>().len()
    };
    use Randomness::{Different, Error, Same};
    for name in ["members", "inner"] {
        assert_eq!(distinct(&masks(Same, Same, name)?), 1);
        assert_eq!(distinct(&masks(Different, Same, name)?), 2);
        assert_eq!(distinct(&masks(Same, Different, name)?), 3);
        assert_eq!(distinct(&masks(Different, Different, name)?), 6);
        assert!(masks(Error, Different, name).is_err());
        assert!(masks(Different, Error, name).is_err());
    }
    Ok(())
}

/// A draw in a loop or branch obeys the mode too.
#[test]
fn draws_in_loops_obey_the_mode() -> TestResult {
    let steps = |(x, key): (Var, Var)| {
        let (_, sums) = scan(
            |sum: Var, step: Var| {
                let step_key = random::fold_in(&key, step);
                let sum = with_key(&step_key, || (&sum + 1.0).dropout(0.5));
                (sum.clone(), sum)
            },
            x.clone(),
            x.constant(&counted(3)),
        );
        sums
    };
    let (x, key) = (members(), Key::new(1));
    assert!(vmap(steps, (0, None)).call((&x, key)).is_err());
    let different = vmap(steps, (0, None)).randomness(Randomness::Different).call((&x, key))?;
    assert!(!row(&different, 0).bit_eq(&row(&different, 1)));
    Ok(())
}

/// Members in chunks draw what they draw all at once, and know their numbers.
#[test]
fn chunks_draw_the_same() -> TestResult {
    let numbered = |(x, key): (Var, Var)| (dropout((x.clone(), key)), x.axis_index("members"));
    let program = || vmap(numbered, (0, None)).randomness(Randomness::Different);
    let (x, key) = (members(), Key::new(1));
    let (whole, numbers) = program().call((&x, key))?;
    assert_eq!(numbers.as_slice::<i32>()?, [0, 1, 2, 3]);
    for chunk in [1, 2, 3] {
        let (masks, numbers) = program().chunk_size(chunk).call((&x, key))?;
        assert!(masks.bit_eq(&whole), "in chunks of {chunk}");
        assert_eq!(numbers.as_slice::<i32>()?, [0, 1, 2, 3]);
    }
    Ok(())
}

/// An ensemble with dropout in training mode: checking that members agree draws nothing.
#[test]
fn ensembles_in_training_mode_draw_from_keys() -> TestResult {
    #[derive(Module, Clone)]
    struct Net<T> {
        fc: Linear<T>,
        drop: Dropout,
    }
    impl Forward for Net<Var> {
        type Output = Var;
        fn forward(&mut self, input: &Var) -> Var {
            let hidden = self.fc.forward(input);
            self.drop.forward(&hidden)
        }
    }
    let keys = Key::new(5).split_n(3);
    let models: Vec<Net<Tensor>> =
        keys.iter().map(|key| Net { fc: Linear::init(8, 64, *key), drop: Dropout::new(0.5) }).collect();
    let (fmodel, params, buffers) = combine_state_for_ensemble(&models)?;
    let x = Tensor::randn([8], Key::new(0));
    let train = move |(params, buffers, x, key): (State<Var>, State<Var>, Var, Var)| {
        with_key(&key, || fmodel.apply((params, buffers, x)))
    };
    let masks = vmap(train, (0, 0, None, 0)).call((&params, &buffers, &x, &Tensor::from(keys.clone())))?;
    for (member, model) in models.iter().enumerate() {
        let alone = |(state, x, key): (State<Var>, Var, Var)| {
            with_key(&key, || functional_call(model, (&state, &State::new()), &x))
        };
        let alone = jit(alone).call((&model.state_dict(), &x, keys[member]))?;
        assert!(row(&masks, member).bit_eq(&alone), "member {member}");
    }
    Ok(())
}

#[test]
fn what_is_no_key_is_refused() {
    let error = jit(|x: Var| {
        let [one, two] = random::split(&x);
        (random::fold_in(&x, 1), random::normal(&one, [3]) + random::uniform(&two, [2, 3]))
    })
    .call(&Tensor::from([1.0f32, 2.0]))
    .expect_err("refused");
    assert_snapshot!(error);
}

/// Also in a loop that each member ends for itself.
#[test]
fn different_draws_in_a_loop_of_each_members_own_length() -> TestResult {
    let drop = |(x, n, key): (Var, Var, Var)| {
        fori_loop(0, n, |i, x: Var| with_key(&random::fold_in(&key, i), || x.dropout(0.5)), x)
    };
    let (x, n) = (Tensor::full([3, 8], 1.0f32), Tensor::from([1, 1, 2]));
    let key = Tensor::from(Key::new(1));
    let program = vmap(drop, (0, 0, None)).randomness(Randomness::Different);
    let masks = program.call((&x, &n, &key))?;
    assert!(!masks.index(0)?.bit_eq(&masks.index(1)?), "{masks}");
    let shared_rounds = vmap(drop, (0, None, None)).randomness(Randomness::Different);
    let expected = shared_rounds.call((&x, &Tensor::scalar(1), &key))?;
    assert!(masks.index(0)?.bit_eq(&expected.index(0)?) && masks.index(1)?.bit_eq(&expected.index(1)?));
    Ok(())
}

/// Whatever is said of keys that members share.
#[test]
fn a_key_of_each_members_own_draws_what_it_draws_alone() -> TestResult {
    let drop = |(x, key): (Var, Var)| with_key(&key, || x.dropout(0.5));
    let (keys, x) = (Key::new(1).split_n(4), Tensor::full([4, 8], 1.0f32));
    for randomness in [Randomness::Error, Randomness::Same, Randomness::Different] {
        let masks = vmap(drop, 0).randomness(randomness).call((&x, &Tensor::from(keys.clone())))?;
        for (member, &key) in keys.iter().enumerate() {
            let alone = jit(drop).call((&x.index(member)?, &Tensor::from(key)))?;
            assert!(masks.index(member)?.bit_eq(&alone), "member {member}, {randomness:?}");
        }
    }
    Ok(())
}

/// However many members come at a time.
#[test]
fn the_same_draws_are_the_same_in_every_chunk() -> TestResult {
    let drop = |(x, key): (Var, Var)| with_key(&key, || x.dropout(0.5));
    let (x, key) = (Tensor::full([5, 16], 1.0f32), Tensor::from(Key::new(1)));
    for chunk in [1, 2, 5] {
        let program = vmap(drop, (0, None)).randomness(Randomness::Same).chunk_size(chunk);
        let masks = program.call((&x, &key))?;
        for member in 1..5 {
            assert!(masks.index(member)?.bit_eq(&masks.index(0)?), "{chunk} at a time, member {member}");
        }
    }
    Ok(())
}
