//! Structures of tensors ("pytrees"): what goes into functions and comes out of them.
//!
//! A tree is walked by two methods, in one order: [`Tree::map`] gives each leaf with its path and builds
//! the same structure with other leaves; [`Tree::visit`] tells of everything in the tree and builds
//! nothing. All else (flattening, naming, stacking, tracing) is a use of them. Must not live here: what
//! the leaves mean.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use choral_ir::{DType, Key, Tensor, TensorType};
use indexmap::IndexMap;

/// A type that can stand at the leaves of a tree.
pub trait Leaf: Tree<Self> + Clone + 'static {}

/// A structure with leaves of type `T`.
///
/// Implemented by tuples, arrays, `Vec`, `Option`, `Box`, string-keyed maps, references and every
/// `#[derive(Module)]` type. Values without leaves (numbers, strings, ...) are settings: they
/// belong to the structure.
///
/// ```
/// use choral_compiler::tree::leaves;
/// use choral_ir::Tensor;
/// let tree = (Tensor::scalar(1.0f32), vec![Tensor::scalar(2.0f32)]);
/// let paths: Vec<String> = leaves(&tree).into_iter().map(|(path, _)| path.to_string()).collect();
/// assert_eq!(paths, [".0", ".1.0"]);
/// ```
pub trait Tree<T: Leaf> {
    /// The same structure with leaves of type `U`.
    type With<U: Leaf>: Tree<U>;

    /// The structure with every leaf replaced by `leaf(path, leaf)`, in order.
    fn map<U: Leaf>(&self, at: &mut Walk, leaf: &mut dyn FnMut(&Path, &T) -> U) -> Self::With<U>;

    /// Tells `visit` of every place, leaf and setting, in order: all that a program depends on.
    fn visit(&self, visit: &mut dyn FnMut(Event<'_, T>));

    /// Puts every layer that behaves differently in training into that mode, or out of it.
    fn set_training(&mut self, training: bool);
}

/// What [`Tree::visit`] meets.
pub enum Event<'a, T> {
    /// A step further in, until the [`Leave`](Event::Leave) that belongs to it.
    Enter(Place<'a>),
    /// The way back.
    Leave,
    /// A leaf.
    Leaf(&'a T),
    /// A value without leaves, which belongs to the structure. It is known by its text, that of `{:?}`: values
    /// with one text are one setting.
    Setting(&'a dyn fmt::Debug),
}

/// A step into a tree, which owns nothing; see [`Segment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// Position in a tuple, array or vector.
    Index(usize),
    /// Field of a struct.
    Field(&'static str),
    /// Key of a map.
    Key(&'a str),
}

/// What a leaf is to its module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// Trained, or not part of a module's state.
    #[default]
    Parameter,
    /// State that the forward pass itself updates, such as running statistics.
    Buffer,
}

/// How the names of arguments that have none begin.
pub(crate) const UNNAMED: &str = "arg";

/// One step into a tree.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// Position in a tuple, array or vector.
    Index(usize),
    /// Field of a struct.
    Field(&'static str),
    /// Key of a map.
    Key(String),
}

impl From<Place<'_>> for Segment {
    fn from(place: Place<'_>) -> Segment {
        match place {
            Place::Index(index) => Segment::Index(index),
            Place::Field(field) => Segment::Field(field),
            Place::Key(key) => Segment::Key(key.to_owned()),
        }
    }
}

impl Segment {
    /// The segment as a part of a state-dict name.
    pub fn name(&self) -> String {
        match self {
            Segment::Index(index) => index.to_string(),
            Segment::Field(field) => (*field).to_owned(),
            Segment::Key(key) => key.clone(),
        }
    }
}

/// Where a leaf or setting lies in a tree: `.0["fc1.weight"]`, `.1.conv1.weight`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Path {
    segments: Vec<Segment>,
    kind: Kind,
}

impl Path {
    /// The steps from the root.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// What the leaf is to its module.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The state-dict name: the segments joined by dots.
    pub fn state_name(&self) -> String {
        self.segments.iter().map(Segment::name).collect::<Vec<_>>().join(".")
    }

    /// The name that an input prints under: the path from its first named step on.
    pub(crate) fn input_name(&self) -> String {
        let named = self.segments.iter().position(|segment| !matches!(segment, Segment::Index(_)));
        match named {
            Some(start) => self.segments[start..].iter().map(Segment::name).collect::<Vec<_>>().join("."),
            None => {
                format!("{UNNAMED}{}", self.segments.iter().map(Segment::name).collect::<Vec<_>>().join("_"))
            }
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments.iter().try_for_each(|segment| match segment {
            Segment::Index(index) => write!(f, ".{index}"),
            Segment::Field(field) => write!(f, ".{field}"),
            Segment::Key(key) => write!(f, "[{key:?}]"),
        })
    }
}

/// Where a walk over a tree is.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    path: Path,
    /// Every place that was stepped into, if they are collected.
    places: Option<Vec<Path>>,
}

impl Walk {
    /// The way from the root.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `visit` one step further in.
    pub fn within<R>(&mut self, segment: Segment, visit: impl FnOnce(&mut Walk) -> R) -> R {
        self.path.segments.push(segment);
        if let Some(places) = &mut self.places {
            places.push(self.path.clone());
        }
        let result = visit(self);
        self.path.segments.pop();
        result
    }

    /// Runs `visit` with leaves counted as buffers.
    pub fn as_buffer<R>(&mut self, visit: impl FnOnce(&mut Walk) -> R) -> R {
        let outer = std::mem::replace(&mut self.path.kind, Kind::Buffer);
        let result = visit(self);
        self.path.kind = outer;
        result
    }
}

/// Every place of a tree, whether leaf, setting or container, empty or not.
pub fn places<T: Leaf>(tree: &impl Tree<T>) -> Vec<Path> {
    let mut walk = Walk { places: Some(Vec::new()), ..Walk::default() };
    tree.map(&mut walk, &mut |_, _| Hole);
    walk.places.unwrap_or_default()
}

/// The leaves of a tree with their paths, in order.
pub fn leaves<T: Leaf>(tree: &impl Tree<T>) -> Vec<(Path, T)> {
    let mut leaves = Vec::new();
    tree.map(&mut Walk::default(), &mut |path, leaf| {
        leaves.push((path.clone(), leaf.clone()));
        Hole
    });
    leaves
}

/// Adds the leaves of a tree to a list, in order.
pub fn add_leaves<T: Leaf>(tree: &impl Tree<T>, leaves: &mut Vec<T>) {
    tree.visit(&mut |event| match event {
        Event::Leaf(leaf) => leaves.push(leaf.clone()),
        Event::Enter(_) | Event::Leave | Event::Setting(_) => {}
    });
}

/// The settings of a tree with their paths, in order.
pub fn settings<T: Leaf>(tree: &impl Tree<T>) -> Vec<(Path, String)> {
    let (mut settings, mut path) = (Vec::new(), Path::default());
    tree.visit(&mut |event| match event {
        Event::Enter(place) => path.segments.push(place.into()),
        Event::Leave => drop(path.segments.pop()),
        Event::Setting(value) => settings.push((path.clone(), format!("{value:?}"))),
        Event::Leaf(_) => {}
    });
    settings
}

/// The tree with other leaves, taken in order; `None` if their number is not the tree's.
pub fn rebuild<T: Leaf, U: Leaf, X: Tree<T>>(tree: &X, leaves: &[U]) -> Option<X::With<U>> {
    let mut count = 0;
    tree.visit(&mut |event| count += usize::from(matches!(event, Event::Leaf(_))));
    if leaves.len() != count {
        return None;
    }
    let mut next = 0;
    let fill = &mut |_: &Path, _: &T| {
        next += 1;
        leaves[next - 1].clone()
    };
    Some(tree.map(&mut Walk::default(), fill))
}

/// A leaf that knows its type, so that a function can be traced on it.
pub trait Typed: Leaf {
    /// Element type and shape.
    fn tensor_type(&self) -> TensorType;

    /// Shows its type to `look`, without a copy of it where it can be.
    fn see_type(&self, look: &mut dyn FnMut(&TensorType)) {
        look(&self.tensor_type());
    }
}

impl Typed for Tensor {
    fn tensor_type(&self) -> TensorType {
        self.ty().clone()
    }

    fn see_type(&self, look: &mut dyn FnMut(&TensorType)) {
        look(self.ty());
    }
}

impl Typed for TensorType {
    fn tensor_type(&self) -> TensorType {
        self.clone()
    }
}

/// A leaf that holds nothing.
#[derive(Debug, Clone, Copy)]
pub struct Hole;

/// Makes types leaves: each is a tree of itself.
macro_rules! leaf_types {
    ($($Leaf:ty),*) => {$(
        impl $crate::front::tree::Leaf for $Leaf {}
        impl $crate::front::tree::Tree<$Leaf> for $Leaf {
            type With<U: $crate::front::tree::Leaf> = U;
            fn map<U: $crate::front::tree::Leaf>(
                &self,
                at: &mut $crate::front::tree::Walk,
                leaf: &mut dyn FnMut(&$crate::front::tree::Path, &$Leaf) -> U,
            ) -> U {
                leaf(at.path(), self)
            }
            fn visit(&self, visit: &mut dyn FnMut($crate::front::tree::Event<'_, $Leaf>)) {
                visit($crate::front::tree::Event::Leaf(self));
            }
            fn set_training(&mut self, _: bool) {}
        }
    )*};
}
pub(crate) use leaf_types;
leaf_types!(Tensor, TensorType, Hole);

/// A key is one leaf, the tensor that programs take it as.
impl Tree<Tensor> for Key {
    type With<U: Leaf> = U;
    fn map<U: Leaf>(&self, at: &mut Walk, leaf: &mut dyn FnMut(&Path, &Tensor) -> U) -> U {
        leaf(at.path(), &Tensor::from(*self))
    }
    fn visit(&self, visit: &mut dyn FnMut(Event<'_, Tensor>)) {
        visit(Event::Leaf(&Tensor::from(*self)));
    }
    fn set_training(&mut self, _: bool) {}
}

/// Makes types settings: they have no leaves.
macro_rules! setting_types {
    ($($Setting:ty),*) => {$(
        impl<T: Leaf> Tree<T> for $Setting {
            type With<U: Leaf> = $Setting;
            fn map<U: Leaf>(&self, _: &mut Walk, _: &mut dyn FnMut(&Path, &T) -> U) -> $Setting {
                self.clone()
            }
            fn visit(&self, visit: &mut dyn FnMut(Event<'_, T>)) {
                visit(Event::Setting(self));
            }
            fn set_training(&mut self, _: bool) {}
        }
    )*};
}
setting_types!(
    bool,
    u8,
    u16,
    u32,
    u64,
    usize,
    i8,
    i16,
    i32,
    i64,
    isize,
    f32,
    f64,
    String,
    &'static str,
    DType
);

impl<T: Leaf, X: Tree<T>> Tree<T> for &X {
    type With<U: Leaf> = X::With<U>;
    fn map<U: Leaf>(&self, at: &mut Walk, leaf: &mut dyn FnMut(&Path, &T) -> U) -> Self::With<U> {
        (**self).map(at, leaf)
    }
    fn visit(&self, visit: &mut dyn FnMut(Event<'_, T>)) {
        (**self).visit(visit);
    }
    /// What is only borrowed stays as it is.
    fn set_training(&mut self, _: bool) {}
}

impl<T: Leaf, X: Tree<T>> Tree<T> for Box<X> {
    type With<U: Leaf> = Box<X::With<U>>;
    fn map<U: Leaf>(&self, at: &mut Walk, leaf: &mut dyn FnMut(&Path, &T) -> U) -> Self::With<U> {
        Box::new((**self).map(at, leaf))
    }
    fn visit(&self, visit: &mut dyn FnMut(Event<'_, T>)) {
        (**self).visit(visit);
    }
    fn set_training(&mut self, training: bool) {
        (**self).set_training(training);
    }
}

impl<T: Leaf, X: Tree<T>> Tree<T> for Option<X> {
    type With<U: Leaf> = Option<X::With<U>>;
    fn map<U: Leaf>(&self, at: &mut Walk, leaf: &mut dyn FnMut(&Path, &T) -> U) -> Self::With<U> {
        self.as_ref().map(|tree| tree.map(at, leaf))
    }
    fn visit(&self, visit: &mut dyn FnMut(Event<'_, T>)) {
        match self {
            Some(tree) => tree.visit(visit),
            None => visit(Event::Setting(&None::<()>)),
        }
    }
    fn set_training(&mut self, training: bool) {
        self.iter_mut().for_each(|tree| tree.set_training(training));
    }
}

impl<T: Leaf, X: Tree<T>> Tree<T> for Vec<X> {
    type With<U: Leaf> = Vec<X::With<U>>;
    fn map<U: Leaf>(&self, at: &mut Walk, leaf: &mut dyn FnMut(&Path, &T) -> U) -> Self::With<U> {
        let items = self.iter().enumerate();
        items.map(|(index, tree)| at.within(Segment::Index(index), |at| tree.map(at, leaf))).collect()
    }
    fn visit(&self, visit: &mut dyn FnMut(Event<'_, T>)) {
        for (index, tree) in self.iter().enumerate() {
            visit(Event::Enter(Place::Index(index)));
            tree.visit(visit);
            visit(Event::Leave);
        }
    }
    fn set_training(&mut self, training: bool) {
        self.iter_mut().for_each(|tree| tree.set_training(training));
    }
}

impl<T: Leaf, X: Tree<T>, const N: usize> Tree<T> for [X; N] {
    type With<U: Leaf> = [X::With<U>; N];
    fn map<U: Leaf>(&self, at: &mut Walk, leaf: &mut dyn FnMut(&Path, &T) -> U) -> Self::With<U> {
        std::array::from_fn(|index| at.within(Segment::Index(index), |at| self[index].map(at, leaf)))
    }
    fn visit(&self, visit: &mut dyn FnMut(Event<'_, T>)) {
        for (index, tree) in self.iter().enumerate() {
            visit(Event::Enter(Place::Index(index)));
            tree.visit(visit);
            visit(Event::Leave);
        }
    }
    fn set_training(&mut self, training: bool) {
        self.iter_mut().for_each(|tree| tree.set_training(training));
    }
}

/// Implements trees for string-keyed maps; hash maps are visited in the order of their keys.
macro_rules! map_types {
    ($($Map:ident<$X:ident> by $order:expr;)*) => {$(
        impl<T: Leaf, $X: Tree<T>> Tree<T> for $Map<String, $X> {
            type With<U: Leaf> = $Map<String, $X::With<U>>;
            fn map<U: Leaf>(&self, at: &mut Walk, leaf: &mut dyn FnMut(&Path, &T) -> U) -> Self::With<U> {
                let step = |(key, tree): (&String, &$X)| {
                    let mapped = at.within(Segment::Key(key.clone()), |at| tree.map(at, leaf));
                    (key.clone(), mapped)
                };
                $order(self).into_iter().map(step).collect()
            }
            fn visit(&self, visit: &mut dyn FnMut(Event<'_, T>)) {
                for (key, tree) in $order(self) {
                    visit(Event::Enter(Place::Key(key)));
                    tree.visit(visit);
                    visit(Event::Leave);
                }
            }
            fn set_training(&mut self, training: bool) {
                self.values_mut().for_each(|tree| tree.set_training(training));
            }
        }
    )*};
}
map_types! {
    IndexMap<X> by as_they_come;
    BTreeMap<X> by as_they_come;
    HashMap<X> by sorted;
}

fn as_they_come<'a, X: 'a, M>(map: &'a M) -> &'a M
where
    &'a M: IntoIterator<Item = (&'a String, &'a X)>,
{
    map
}

fn sorted<K: Ord, X>(map: &HashMap<K, X>) -> BTreeMap<&K, &X> {
    map.iter().collect()
}

macro_rules! tuple_types {
    ($(($($X:ident $index:tt),*);)*) => {$(
        impl<T: Leaf, $($X: Tree<T>),*> Tree<T> for ($($X,)*) {
            type With<U: Leaf> = ($($X::With<U>,)*);
            #[allow(unused_variables, clippy::unused_unit)]
            fn map<U: Leaf>(&self, at: &mut Walk, leaf: &mut dyn FnMut(&Path, &T) -> U) -> Self::With<U> {
                ($(at.within(Segment::Index($index), |at| self.$index.map(at, leaf)),)*)
            }
            #[allow(unused_variables)]
            fn visit(&self, visit: &mut dyn FnMut(Event<'_, T>)) {
                $(
                    visit(Event::Enter(Place::Index($index)));
                    self.$index.visit(visit);
                    visit(Event::Leave);
                )*
            }
            #[allow(unused_variables)]
            fn set_training(&mut self, training: bool) {
                $(self.$index.set_training(training);)*
            }
        }
    )*};
}
tuple_types! {
    ();
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
    (A 0, B 1, C 2, D 3, E 4);
    (A 0, B 1, C 2, D 3, E 4, F 5);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
}
