//! What `derive(Module)` makes of structs and enums: names, kinds, settings, modes, other leaves.
#![deny(missing_docs, unused_qualifications, clippy::all)]

extern crate choral_compiler as choral;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use choral::Module;
use choral::tree::{Event, Kind, Leaf, Path, Tree, Walk, leaves, rebuild, settings};
use choral_ir::{Tensor, TensorType};
use indexmap::IndexMap;

/// A layer with a leaf, an optional leaf and a setting.
#[derive(Module, Clone, Debug)]
struct Linear<T> {
    weight: T,
    bias: Option<T>,
    features: usize,
}

/// A layer without leaves that follows the mode.
#[derive(Module, Clone, Debug)]
struct Dropout {
    p: f64,
    training: bool,
}

/// The tensor that holds `number`.
fn number(number: f32) -> Tensor {
    Tensor::scalar(number)
}

fn linear(weight: f32) -> Linear<Tensor> {
    Linear { weight: number(weight), bias: None, features: 3 }
}

fn dropout() -> Dropout {
    Dropout { p: 0.5, training: true }
}

/// Checks the leaves (`name = number`, `!` after the names of buffers) and the settings, and that
/// the tree survives the way to types and back.
#[track_caller]
fn check<X>(tree: &X, expect_leaves: &[&str], expect_settings: &[&str])
where
    X: Tree<Tensor>,
    X::With<TensorType>: Tree<TensorType>,
{
    assert_eq!(written(tree), expect_leaves);
    assert_eq!(set(tree), expect_settings);
    let values: Vec<Tensor> = leaves(tree).into_iter().map(|(_, leaf)| leaf).collect();
    let types: Vec<TensorType> = values.iter().map(|value| value.ty().clone()).collect();
    let of_types = rebuild(tree, &types).expect("a type for every leaf");
    assert_eq!(set(&of_types), expect_settings);
    let back = rebuild(&of_types, &values).expect("a value for every leaf");
    assert_eq!(written(&back), expect_leaves);
}

/// The leaves of a tree as text.
fn written(tree: &impl Tree<Tensor>) -> Vec<String> {
    let write = |(path, leaf): (Path, Tensor)| {
        let mark = if path.kind() == Kind::Buffer { "!" } else { "" };
        let value = leaf.to_f64_vec()[0];
        format!("{}{mark} = {value}", path.state_name())
    };
    leaves(tree).into_iter().map(write).collect()
}

/// The settings of a tree as text.
fn set<T: Leaf>(tree: &impl Tree<T>) -> Vec<String> {
    settings(tree).into_iter().map(|(path, value)| format!("{} = {value}", path.state_name())).collect()
}

#[test]
fn fields_are_visited_in_order() {
    let layer = Linear { weight: number(1.0), bias: Some(number(2.0)), features: 3 };
    check(&layer, &["weight = 1", "bias = 2"], &["features = 3"]);
    check(&linear(1.0), &["weight = 1"], &["bias = None", "features = 3"]);
}

#[test]
fn types_without_a_parameter_have_settings_only() {
    check(&dropout(), &[], &["p = 0.5", "training = true"]);
}

#[test]
fn submodules_lend_their_names_to_paths() {
    #[derive(Module)]
    struct Mlp<T> {
        layers: Vec<Linear<T>>,
        dropout: Dropout,
        r#type: T,
    }
    let mlp = Mlp { layers: vec![linear(1.0), linear(2.0)], dropout: dropout(), r#type: number(3.0) };
    let expect_settings = [
        "layers.0.bias = None",
        "layers.0.features = 3",
        "layers.1.bias = None",
        "layers.1.features = 3",
        "dropout.p = 0.5",
        "dropout.training = true",
    ];
    check(&mlp, &["layers.0.weight = 1", "layers.1.weight = 2", "type = 3"], &expect_settings);
}

#[test]
fn tuple_and_unit_structs_count_their_fields() {
    #[derive(Module)]
    struct Pair<T>(T, Linear<T>);
    #[derive(Module)]
    struct Identity;
    check(&Pair(number(1.0), linear(2.0)), &["0 = 1", "1.weight = 2"], &["1.bias = None", "1.features = 3"]);
    check(&Identity, &[], &[]);
}

#[test]
fn buffers_are_marked_whatever_holds_them() {
    #[derive(Module)]
    struct Norm<T> {
        weight: T,
        #[module(buffer)]
        mean: T,
        #[module(buffer)]
        history: Option<Vec<T>>,
        #[module(buffer)]
        frozen: Linear<T>,
        bias: T,
    }
    let norm = Norm {
        weight: number(1.0),
        mean: number(2.0),
        history: Some(vec![number(3.0)]),
        frozen: linear(4.0),
        bias: number(5.0),
    };
    let expect = ["weight = 1", "mean! = 2", "history.0! = 3", "frozen.weight! = 4", "bias = 5"];
    check(&norm, &expect, &["frozen.bias = None", "frozen.features = 3"]);
}

#[test]
fn containers_of_leaves_nest() {
    #[derive(Module)]
    struct Nest<T> {
        boxed: Box<T>,
        array: [T; 2],
        pairs: Vec<(T, Linear<T>, bool)>,
        tuple: (Option<T>, Option<Vec<T>>),
        deep: [Box<(T,)>; 1],
    }
    let nest = Nest {
        boxed: Box::new(number(1.0)),
        array: [number(2.0), number(3.0)],
        pairs: vec![(number(4.0), linear(5.0), true)],
        tuple: (None, Some(vec![number(6.0)])),
        deep: [Box::new((number(7.0),))],
    };
    let expect_leaves = [
        "boxed = 1",
        "array.0 = 2",
        "array.1 = 3",
        "pairs.0.0 = 4",
        "pairs.0.1.weight = 5",
        "tuple.1.0 = 6",
        "deep.0.0 = 7",
    ];
    let expect_settings =
        ["pairs.0.1.bias = None", "pairs.0.1.features = 3", "pairs.0.2 = true", "tuple.0 = None"];
    check(&nest, &expect_leaves, &expect_settings);
}

#[test]
fn maps_hold_leaves_by_key() {
    #[derive(Module)]
    struct Maps<T> {
        as_inserted: IndexMap<String, T>,
        sorted: BTreeMap<String, Vec<T>>,
        hashed: HashMap<String, (T, Dropout)>,
    }
    let key = |key: &str| key.to_owned();
    let maps = Maps {
        as_inserted: IndexMap::from([(key("b"), number(1.0)), (key("a"), number(2.0))]),
        sorted: BTreeMap::from([(key("b"), vec![number(4.0)]), (key("a"), vec![number(3.0)])]),
        hashed: ["d", "c", "b", "a"].map(|name| (key(name), (number(5.0), dropout()))).into(),
    };
    let expect_leaves = [
        "as_inserted.b = 1",
        "as_inserted.a = 2",
        "sorted.a.0 = 3",
        "sorted.b.0 = 4",
        "hashed.a.0 = 5",
        "hashed.b.0 = 5",
        "hashed.c.0 = 5",
        "hashed.d.0 = 5",
    ];
    let expect_settings = ["a", "b", "c", "d"]
        .map(|key| [format!("hashed.{key}.1.p = 0.5"), format!("hashed.{key}.1.training = true")])
        .concat();
    check(&maps, &expect_leaves, &expect_settings.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn flat_fields_lend_no_name() {
    #[derive(Module)]
    struct Scaled<T> {
        #[module(flatten)]
        inner: Linear<T>,
        #[module(flatten, buffer)]
        means: BTreeMap<String, T>,
        scale: T,
    }
    let means = BTreeMap::from([("mean_0".to_owned(), number(2.0))]);
    let scaled = Scaled { inner: linear(1.0), means, scale: number(3.0) };
    check(&scaled, &["weight = 1", "mean_0! = 2", "scale = 3"], &["bias = None", "features = 3"]);
}

/// An enum without leaves.
#[derive(Module, Clone, Debug, PartialEq)]
enum Padding {
    Same,
    Fixed(usize),
}

#[test]
fn enums_without_leaves_are_one_setting() {
    #[derive(Module)]
    struct Conv<T> {
        weight: T,
        padding: Padding,
        others: Vec<Padding>,
    }
    let conv = Conv { weight: number(1.0), padding: Padding::Same, others: vec![Padding::Fixed(2)] };
    check(&conv, &["weight = 1"], &["padding = Same", "others.0 = Fixed(2)"]);
}

/// An enum with leaves.
#[derive(Module)]
enum Block<T> {
    Skip,
    Plain(Linear<T>),
    Raw(T),
    Two(T, Box<Block<T>>),
    Residual {
        inner: Linear<T>,
        #[module(buffer)]
        scale: T,
        dropout: Dropout,
    },
}

#[test]
fn enums_with_leaves_name_their_variant() {
    check(&Block::<Tensor>::Skip, &[], &[" = Skip"]);
    check(&Block::Plain(linear(1.0)), &["weight = 1"], &[" = Plain", "bias = None", "features = 3"]);
    check(&Block::Raw(number(1.0)), &[" = 1"], &[" = Raw"]);
    let two = Block::Two(number(1.0), Box::new(Block::Raw(number(2.0))));
    check(&two, &["0 = 1", "1 = 2"], &[" = Two", "1 = Raw"]);
    let residual = Block::Residual { inner: linear(1.0), scale: number(2.0), dropout: dropout() };
    let expect_settings = [
        " = Residual",
        "inner.bias = None",
        "inner.features = 3",
        "dropout.p = 0.5",
        "dropout.training = true",
    ];
    check(&residual, &["inner.weight = 1", "scale! = 2"], &expect_settings);
}

#[test]
fn other_parameters_stay_what_they_are() {
    /// A setting with a lifetime and a type that is not the leaf.
    #[derive(Clone)]
    struct Tag<'a, X>(&'a X);
    impl<T: Leaf, X: Clone + Debug> Tree<T> for Tag<'_, X> {
        type With<U: Leaf> = Self;
        fn map<U: Leaf>(&self, _: &mut Walk, _: &mut dyn FnMut(&Path, &T) -> U) -> Self {
            self.clone()
        }
        fn visit(&self, visit: &mut dyn FnMut(Event<'_, T>)) {
            visit(Event::Setting(self.0));
        }
        fn set_training(&mut self, _: bool) {}
    }
    #[derive(Module)]
    struct Conv<'a, T, X: Clone + Debug, const D: usize = 2>
    where
        X: PartialEq,
    {
        weights: [T; D],
        strides: [usize; D],
        tag: Tag<'a, X>,
    }
    #[derive(Module)]
    struct Pool<const D: usize>([usize; D]);
    let conv = Conv { weights: [number(1.0), number(2.0)], strides: [3, 4], tag: Tag(&'x') };
    check(&conv, &["weights.0 = 1", "weights.1 = 2"], &["strides.0 = 3", "strides.1 = 4", "tag = 'x'"]);
    check(&Pool([2, 3]), &[], &["0.0 = 2", "0.1 = 3"]);
}

#[test]
fn types_from_other_macros_are_understood() {
    macro_rules! holder {
        ($Name:ident, $field:ty, $flag:ty) => {
            #[derive(Module)]
            struct $Name<T> {
                value: $field,
                rest: Option<$field>,
                weight: T,
                training: $flag,
            }
        };
    }
    holder!(Holder, Vec<T>, bool);
    let mut holder = Holder { value: vec![number(1.0)], rest: None, weight: number(2.0), training: true };
    check(&holder, &["value.0 = 1", "weight = 2"], &["rest = None", "training = true"]);
    holder.set_training(false);
    assert!(!holder.training);
}

#[test]
fn the_mode_reaches_every_submodule() {
    #[derive(Module)]
    struct Model<T> {
        weight: T,
        direct: Dropout,
        list: Vec<Dropout>,
        beside_leaves: Vec<(T, Option<Dropout>)>,
        boxed: Box<(T, [Dropout; 1])>,
        keyed: IndexMap<String, (T, Dropout)>,
        block: Block<T>,
        training: bool,
        is_training: bool,
    }
    let mut model = Model {
        weight: number(1.0),
        direct: dropout(),
        list: vec![dropout()],
        beside_leaves: vec![(number(2.0), Some(dropout()))],
        boxed: Box::new((number(3.0), [dropout()])),
        keyed: IndexMap::from([("key".to_owned(), (number(4.0), dropout()))]),
        block: Block::Residual { inner: linear(5.0), scale: number(6.0), dropout: dropout() },
        training: true,
        is_training: true,
    };
    let in_training = |model: &Model<Tensor>| -> Vec<String> {
        set(model).into_iter().filter(|setting| setting.ends_with("training = true")).collect()
    };
    assert_eq!(in_training(&model).len(), 8);
    model.set_training(false);
    assert_eq!(in_training(&model), ["is_training = true"]);
    model.set_training(true);
    assert_eq!(in_training(&model).len(), 8);
}
